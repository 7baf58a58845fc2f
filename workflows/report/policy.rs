//! Owns what a process owner may edit of reports: whose they are, and how long they are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::common::CasePolicy;
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;

const DAY_MILLIS: i64 = 86_400_000;

/// The policy values of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The queue of those who make reports.
    #[schemars(length(min = 1, max = 100))]
    pub queue: String,
    /// How long a signed report is kept at least.
    pub retention: Span,
    /// Whether monitors are told which targets were missed (§3.0.5).
    #[serde(default)]
    pub observed: bool,
}

impl CasePolicy for Policy {
    fn suspend_reasons(&self) -> &[String] {
        &[]
    }

    fn retained_until(&self, ended: Instant) -> Instant {
        let days = match self.retention {
            Span::CalendarDays(days, _) | Span::WorkingDays(days) => i64::from(days.get()),
            Span::Business(seconds) | Span::Wall(seconds) => i64::from(seconds.get()) * 1_000 / DAY_MILLIS,
        };
        ended.plus_millis(days * DAY_MILLIS)
    }
}
