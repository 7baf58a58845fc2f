//! Owns how a clock stands at a moment: computed whenever somebody asks, and never stored.

use super::rule::{Point, Rule};
use super::state::{Clock, Ended, Run};
use crate::kernel::calendar::Calendar;
use crate::kernel::common::Verdict;
use crate::kernel::instant::Instant;

/// What a clock does, or how its last run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is counted.
    Running,
    /// The state of its case lets it stand still.
    Paused,
    /// A manager lets it stand still.
    Suspended,
    /// It stopped in time.
    Met,
    /// It stopped too late, or was cancelled after its breach.
    Breached,
    /// It ended without a verdict.
    Cancelled,
}

impl Status {
    /// Its name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Suspended => "suspended",
            Self::Met => "met",
            Self::Breached => "breached",
            Self::Cancelled => "cancelled",
        }
    }

    /// How a run with this verdict ended.
    pub const fn of(verdict: Option<Verdict>) -> Self {
        match verdict {
            Some(Verdict::Met) => Self::Met,
            Some(Verdict::Breached) => Self::Breached,
            None => Self::Cancelled,
        }
    }
}

/// How a run that has not ended stands at a moment.
#[derive(Clone, Debug)]
pub struct Standing<'r> {
    /// Whether it is counted.
    pub status: Status,
    /// When it is due; none while it stands still.
    pub due: Option<Instant>,
    /// Milliseconds used.
    pub elapsed_ms: i64,
    /// Milliseconds that it may use.
    pub total_ms: i64,
    /// Percent used.
    pub consumed: u32,
    /// The lowest point that is not recorded, and when it is reached; no moment while it stands still.
    pub next: Option<(Point<'r>, Option<Instant>)>,
}

impl Run {
    /// Whether it is counted.
    pub fn status(&self) -> Status {
        match (self.paused_since(), self.suspended) {
            (None, _) => Status::Running,
            (Some(_), Some(_)) => Status::Suspended,
            (Some(_), None) => Status::Paused,
        }
    }

    /// Percent of its target that is used at `at`.
    pub fn consumed(&self, calendar: &Calendar, at: Instant) -> u32 {
        self.timing(calendar).consumed(at)
    }

    /// How it stands at `at`; without its rule it has no points.
    pub fn standing<'r>(&self, rule: Option<&'r Rule>, calendar: &Calendar, at: Instant) -> Standing<'r> {
        let timing = self.timing(calendar);
        let total_ms = timing.total();
        let still = self.paused_since().is_some();
        let next = rule.and_then(|rule| {
            let point = rule.point_after(total_ms, Some(self.level))?;
            Some((point, (!still).then(|| timing.point_of(total_ms, point.level))))
        });
        Standing {
            status: self.status(),
            due: (!still).then_some(self.due),
            elapsed_ms: timing.elapsed(at).max(0),
            total_ms,
            consumed: timing.consumed(at),
            next,
        }
    }
}

impl Clock {
    /// What it does, or how its last run ended; none before its first run.
    pub fn status(&self) -> Option<Status> {
        let ended = || self.ended.last().map(Ended::status);
        self.run.as_ref().map(Run::status).or_else(ended)
    }
}

impl Ended {
    /// How it ended.
    pub const fn status(&self) -> Status {
        Status::of(self.verdict)
    }
}
