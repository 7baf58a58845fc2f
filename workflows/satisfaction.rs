//! Owns how customers are asked for their judgement, and what it means: policy values of the flows that ask.
//!
//! A consultation checks scores against the scale; a callback reads them all. A definition written
//! before they existed has their defaults.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::row::Pass;
use super::scale::Scale;
use crate::kernel::fault::Fault;
use crate::kernel::span::{Roll, Span};

/// How customers are asked for their judgement, and what it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SatisfactionPolicy {
    /// The scores that are asked for (S0-17).
    pub scale: Scale,
    /// This score and those below are low (S0-18).
    #[schemars(range(min = 1, max = 5))]
    pub low: u8,
    /// The score that says neither good nor bad.
    #[schemars(range(min = 1, max = 5))]
    pub neutral: u8,
    /// Whether a low score that nobody decides on becomes a complaint after half of `recovery`.
    pub auto_complaint_on_low: bool,
    /// How long the link to a survey can be used.
    pub link_ttl: Span,
    /// After which endings the customer is asked.
    pub survey_on_disposition: SurveyEndings,
    /// Within this time something is opened for a low score (K16).
    pub recovery: Span,
}

/// After which endings the customer is asked: after each but those named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SurveyEndings {
    /// Endings after which nobody is asked.
    #[schemars(length(max = 8))]
    pub except: Vec<Ending>,
}

/// How a case can end: the last part of a `closed` state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// 解决
    Resolved,
    /// 未确认
    Unconfirmed,
    /// 失联
    NoResponse,
    /// 已转其他流程
    Converted,
    /// 客户撤回
    Withdrawn,
    /// 重复合并
    Duplicate,
    /// 来电放弃
    Abandoned,
    /// 无效
    Invalid,
    /// 强制关闭
    Forced,
}

impl Ending {
    /// The last part of the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::Unconfirmed => "unconfirmed",
            Self::NoResponse => "no_response",
            Self::Converted => "converted",
            Self::Withdrawn => "withdrawn",
            Self::Duplicate => "duplicate",
            Self::Abandoned => "abandoned",
            Self::Invalid => "invalid",
            Self::Forced => "forced",
        }
    }
}

impl SurveyEndings {
    /// Whether nobody is asked after a case that stands in `state`.
    pub fn leaves_out(&self, state: &str) -> bool {
        state.strip_prefix("closed.").is_some_and(|end| self.except.iter().any(|ending| ending.name() == end))
    }
}

impl Default for SurveyEndings {
    fn default() -> Self {
        Self { except: vec![Ending::Withdrawn, Ending::Invalid] }
    }
}

impl Default for SatisfactionPolicy {
    fn default() -> Self {
        let days = |days| std::num::NonZeroU32::new(days).expect("a week and two days are not zero");
        Self {
            scale: Scale::default(),
            low: 2,
            neutral: 3,
            auto_complaint_on_low: true,
            link_ttl: Span::CalendarDays(days(7), Roll::Stay),
            survey_on_disposition: SurveyEndings::default(),
            recovery: Span::Wall(days(2 * 24 * 3_600)),
        }
    }
}

impl SatisfactionPolicy {
    /// Adds what lies outside its range.
    pub fn check(&self, faults: &mut Vec<Fault>) {
        let Scale { worst, best } = self.scale;
        if !self.scale.check("/satisfaction/scale", faults) {
            return;
        }
        let mut refuse = |key: &str, message: String| {
            faults.push(Fault::value(format!("/satisfaction/{key}"), message));
        };
        if !(worst..best - 1).contains(&self.low) {
            let message = format!("`{}` is refused; accepted are {worst} to {}", self.low, best - 2);
            refuse("low", message);
        } else if self.neutral <= self.low || self.neutral >= best {
            let message = format!(
                "`{}` is refused; accepted are {} to {}, between low and best",
                self.neutral,
                self.low + 1,
                best - 1
            );
            refuse("neutral", message);
        }
        if !matches!(self.link_ttl, Span::CalendarDays(..)) {
            refuse("link_ttl", format!("`{}` is refused; accepted are calendar days", self.link_ttl));
        }
        if !matches!(self.recovery, Span::Wall(_)) {
            let message = format!("`{}` is refused; accepted are hours, open or closed", self.recovery);
            refuse("recovery", message);
        }
        let except = &self.survey_on_disposition.except;
        for (at, ending) in except.iter().enumerate() {
            if except[..at].contains(ending) {
                let message = "the ending is named twice; accepted is each once".to_owned();
                refuse(&format!("survey_on_disposition/except/{at}"), message);
            }
        }
    }

    /// Passes a score that is on the scale, or none.
    ///
    /// # Errors
    /// `score_off_scale`.
    pub fn on_scale(&self, score: Option<u8>) -> Pass {
        self.scale.holds(score)
    }
}
