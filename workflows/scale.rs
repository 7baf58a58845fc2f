//! Owns the scale of the scores that customers give.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::row::{Pass, input};
use crate::kernel::fault::Fault;

/// The scale that customers know: 1 is worst, 5 is best (S0-17); payloads take no other score.
pub const SCORES: std::ops::RangeInclusive<u8> = 1..=5;

/// The scores that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scale {
    /// The lowest.
    #[schemars(range(min = 1, max = 5))]
    pub worst: u8,
    /// The highest.
    #[schemars(range(min = 1, max = 5))]
    pub best: u8,
}

impl Default for Scale {
    fn default() -> Self {
        Self { worst: *SCORES.start(), best: *SCORES.end() }
    }
}

impl Scale {
    /// Passes a score that is on the scale, or none.
    ///
    /// # Errors
    /// `score_off_scale`.
    pub fn holds(self, score: Option<u8>) -> Pass {
        let Self { worst, best } = self;
        match score.filter(|score| !(worst..=best).contains(score)) {
            Some(score) => {
                let reason = format!("`{score}` is not on the scale; accepted are {worst} to {best}");
                Err(input("score_off_scale", reason))
            }
            None => Ok(()),
        }
    }

    /// Adds what is wrong with the scale that stands at `path`; whether nothing is.
    pub fn check(self, path: &str, faults: &mut Vec<Fault>) -> bool {
        let Self { worst, best } = self;
        let fits = SCORES.contains(&worst) && SCORES.contains(&best) && best >= worst.saturating_add(2);
        if !fits {
            let message = format!(
                "`{worst}` to `{best}` is refused; accepted are scores of 1 to 5, three of them at least (S0-17)"
            );
            faults.push(Fault::value(path, message));
        }
        fits
    }

    /// Adds what is wrong with the mean score `text` that stands at `path`.
    pub fn check_mean(self, path: &str, text: &str, faults: &mut Vec<Fault>) {
        let on_scale = |tenths: &u32| (tenths_of(self.worst)..=tenths_of(self.best)).contains(tenths);
        if mean_tenths(text).filter(on_scale).is_none() {
            let message = format!(
                "`{text}` is no mean score; accepted are \"{}.0\" to \"{}.0\", with one decimal",
                self.worst, self.best
            );
            faults.push(Fault::value(path, message));
        }
    }
}

fn tenths_of(score: u8) -> u32 {
    u32::from(score) * 10
}

/// `4.2` as 42.
fn mean_tenths(text: &str) -> Option<u32> {
    let (whole, tenths) = text.split_once('.')?;
    let digit = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() == 1);
    Some(digit(whole)? * 10 + digit(tenths)?)
}
