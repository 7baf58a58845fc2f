//! Owns what a monitor remembers: sightings that still count, and which rule fired for which period.

use serde::{Deserialize, Serialize};

use super::event::Rule;
use super::{Cx, Monitor};
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;

/// Most sightings that are kept, the newest: twice what any rule can ask for.
pub const SEEN_MAX: usize = 100;
/// Most firings that are kept, the newest; the history holds them all.
const FIRED_MAX: usize = 50;

/// Something that counts for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// What was seen.
    pub what: What,
    /// The case that it was seen in: each counts once.
    pub source: String,
    /// When.
    pub at: Instant,
}

/// What counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A complaint of a customer.
    Complaint,
    /// A complaint that was upheld against an agent.
    Upheld,
    /// A critical error of an agent.
    CriticalError,
    /// A complaint with a cause.
    Cause,
}

/// A rule that fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    /// Which.
    pub rule: Rule,
    /// For what: it fires once for each period, gap or window.
    #[serde(rename = "for")]
    pub period: String,
    /// When.
    pub at: Instant,
    /// The cases that made it fire; none where it rests on a number or on silence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

impl Monitor {
    /// Takes down what was seen `at`, which counts for `within`, and drops what no longer does. False
    /// where it was known, or counts no more.
    pub(super) fn sight(
        &mut self,
        (what, source): (What, &str),
        at: Instant,
        within: Span,
        cx: &Cx<'_>,
    ) -> bool {
        let counts = |at: Instant| cx.now <= cx.calendar.due(at, within);
        self.seen.retain(|seen| seen.what != what || counts(seen.at));
        if !counts(at) || self.seen.iter().any(|seen| seen.what == what && seen.source == source) {
            return false;
        }
        let place = self.seen.partition_point(|seen| seen.at <= at);
        self.seen.insert(place, Sighting { what, source: source.to_owned(), at });
        if self.seen.len() > SEEN_MAX {
            self.seen.remove(0);
        }
        true
    }

    /// What was seen in `source` counts no more.
    pub(super) fn unsee(&mut self, what: What, source: &str) {
        self.seen.retain(|seen| seen.what != what || seen.source != source);
    }

    /// The cases in which `what` was seen that count now.
    pub(super) fn sources(&self, what: What) -> Vec<String> {
        self.seen.iter().filter(|seen| seen.what == what).map(|seen| seen.source.clone()).collect()
    }

    /// Whether `rule` fired for `period`.
    pub(super) fn has_fired(&self, rule: Rule, period: &str) -> bool {
        self.fired.iter().any(|fired| fired.rule == rule && fired.period == period)
    }

    /// Takes down that `rule` fires for `period`; false where it did before.
    pub(super) fn fire(&mut self, rule: Rule, period: &str, sources: Vec<String>, cx: &Cx<'_>) -> bool {
        if self.has_fired(rule, period) {
            return false;
        }
        self.fired.push(Fired { rule, period: period.to_owned(), at: cx.now, sources });
        if self.fired.len() > FIRED_MAX {
            self.fired.remove(0);
        }
        true
    }
}
