//! Owns the policy values that every training flow has: whose cases these are, and how they are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::fault::{Fault, join};
use crate::kernel::instant::Instant;
use crate::kernel::sla::rule::{Rung, check_ladder};
use crate::kernel::span::{Roll, Span};

const DAY_MILLIS: i64 = 86_400_000;
/// Two years: records of training last at least so long after their end (policy.md, `retention`).
const RETENTION_DAYS_MIN: u32 = 730;

/// Whose cases these are, and how they are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Desk {
    /// The queue of those who look after them.
    #[schemars(length(min = 1, max = 100))]
    pub queue: String,
    /// How long they are kept at least, after their end.
    pub retention: Span,
    /// Reasons for which a department manager may suspend a clock.
    #[schemars(length(max = 20), inner(length(min = 1, max = 60)))]
    pub suspend_reasons: Vec<String>,
    /// Percent at which clocks warn (R9).
    #[schemars(range(min = 1, max = 99))]
    pub warn_at: u32,
    /// Who is told at which percent (R9).
    #[schemars(length(min = 1, max = 20))]
    pub ladder: Vec<Rung>,
}

impl Desk {
    /// When the retention of a case that ended at `ended` is over.
    pub fn retained_until(&self, ended: Instant) -> Instant {
        ended.plus_millis(i64::from(calendar_days(self.retention).unwrap_or(RETENTION_DAYS_MIN)) * DAY_MILLIS)
    }

    /// What is wrong with it.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = check_ladder("/desk/ladder", &self.ladder, false);
        if calendar_days(self.retention).is_none_or(|days| days < RETENTION_DAYS_MIN) {
            let message = format!(
                "`{}` is refused; accepted are at least {RETENTION_DAYS_MIN} calendar days",
                self.retention
            );
            faults.push(Fault::value("/desk/retention", message));
        }
        faults
    }
}

/// Gives a policy with a [`Desk`] what the common events need.
macro_rules! case_policy {
    ($policy:ty $(, $targets:ident)?) => {
        impl $crate::kernel::common::CasePolicy for $policy {
            $(fn kpi_targets(&self) -> std::collections::BTreeMap<String, String> {
                self.$targets.by_name()
            })?

            fn suspend_reasons(&self) -> &[String] {
                &self.desk.suspend_reasons
            }

            fn ladder(&self) -> (u32, Vec<$crate::kernel::sla::rule::Rung>) {
                (self.desk.warn_at, self.desk.ladder.clone())
            }

            fn retained_until(
                &self,
                ended: $crate::kernel::instant::Instant,
            ) -> $crate::kernel::instant::Instant {
                self.desk.retained_until(ended)
            }
        }
    };
}
pub(crate) use case_policy;

/// The number of civil days of a span that is one, not rolled on.
pub const fn calendar_days(span: Span) -> Option<u32> {
    match span {
        Span::CalendarDays(days, Roll::Stay) => Some(days.get()),
        Span::CalendarDays(_, Roll::NextWorkingDay)
        | Span::WorkingDays(_)
        | Span::Business(_)
        | Span::Wall(_) => None,
    }
}

/// The number of working days of a span that is one.
pub const fn working_days(span: Span) -> Option<u32> {
    match span {
        Span::WorkingDays(days) => Some(days.get()),
        Span::CalendarDays(..) | Span::Business(_) | Span::Wall(_) => None,
    }
}

/// Faults of spans that are not of the kind their flow counts in.
#[derive(Default)]
pub struct Kinds(pub Vec<Fault>);

impl Kinds {
    /// `span` at the key `name` counts working days.
    pub fn working_days(&mut self, name: &str, span: Span) {
        self.of(name, span, working_days(span).is_some(), "working days");
    }

    /// `span` at the key `name` counts civil days.
    pub fn calendar_days(&mut self, name: &str, span: Span) {
        self.of(name, span, calendar_days(span).is_some(), "calendar days");
    }

    /// `span` at the key `name` counts time on the wall.
    pub fn wall(&mut self, name: &str, span: Span) {
        self.of(name, span, matches!(span, Span::Wall(_)), "hours or minutes");
    }

    fn of(&mut self, name: &str, span: Span, fits: bool, accepted: &str) {
        if !fits {
            let message = format!("`{span}` is refused; accepted are {accepted}");
            self.refuse(name, message);
        }
    }

    /// The value at the key `name` is refused.
    pub fn refuse(&mut self, name: &str, message: String) {
        self.0.push(Fault::value(join("", name), message));
    }
}
