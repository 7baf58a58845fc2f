//! Owns how what an entry did to a clock is shown: member for member as it is hashed.

use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::common::Verdict;
use crate::kernel::sla::fact::{ClockFact, What};

/// What one step did to one clock; which members stand there depends on `fact`.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct ClockFactView {
    /// The clock.
    #[schema(example = "FRT")]
    pub clock: String,
    /// Which run of it, from 1.
    pub cycle: u32,
    /// What happened: `started`, `paused`, `resumed`, `suspended`, `released`, `stopped`,
    /// `cancelled`, `reached`, `retargeted`, `corrected`.
    #[schema(example = "started")]
    pub fact: &'static str,
    /// When; of a stop, by the trusted source's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub at: Option<String>,
    /// What it runs against: a duration or a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2 business hours")]
    pub target: Option<String>,
    /// When it was due before it was retargeted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub due_old: Option<String>,
    /// When it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub due: Option<String>,
    /// Name of the calendar that it is counted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub calendar: Option<String>,
    /// Present where the due lies past what the calendar knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub provisional: Option<bool>,
    /// Until when a suspension lasts at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub until: Option<String>,
    /// Milliseconds used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub elapsed_ms: Option<i64>,
    /// `met` or `breached`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub verdict: Option<&'static str>,
    /// The right verdict: `met` or `breached`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub to: Option<&'static str>,
    /// The point that was reached: percent of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub level: Option<u32>,
    /// Why it was retargeted, or `retarget` where that made it reach the point at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cause: Option<String>,
    /// Present where a point was recorded long after it was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub catch_up: Option<bool>,
    /// Version of the definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub policy_ver: Option<u32>,
    /// Version of the calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cal_ver: Option<u32>,
}

/// The name of a verdict.
pub const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::Breached => "breached",
    }
}

/// Present only where it is so, as in the entry.
fn flag(set: bool) -> Option<bool> {
    set.then_some(true)
}

impl From<&ClockFact> for ClockFactView {
    fn from(fact: &ClockFact) -> Self {
        Self { clock: fact.clock.clone(), cycle: fact.cycle, ..Self::of(&fact.what) }
    }
}

impl ClockFactView {
    fn of(what: &What) -> Self {
        let text = |at: &dyn std::fmt::Display| Some(at.to_string());
        match what {
            What::Started { at, target, due, calendar, provisional } => Self {
                fact: "started",
                at: text(at),
                target: text(target),
                due: text(due),
                calendar: Some(calendar.clone()),
                provisional: flag(*provisional),
                ..Self::default()
            },
            What::Paused { at, elapsed_ms } => {
                Self { fact: "paused", at: text(at), elapsed_ms: Some(*elapsed_ms), ..Self::default() }
            }
            What::Resumed { at, due, provisional } => Self {
                fact: "resumed",
                at: text(at),
                due: text(due),
                provisional: flag(*provisional),
                ..Self::default()
            },
            What::Suspended { until } => Self { fact: "suspended", until: text(until), ..Self::default() },
            What::Released => Self { fact: "released", ..Self::default() },
            What::Stopped { at, verdict, elapsed_ms } => Self {
                fact: "stopped",
                at: text(at),
                verdict: Some(verdict_name(*verdict)),
                elapsed_ms: Some(*elapsed_ms),
                ..Self::default()
            },
            What::Cancelled { at, elapsed_ms } => {
                Self { fact: "cancelled", at: text(at), elapsed_ms: Some(*elapsed_ms), ..Self::default() }
            }
            What::Reached { level, target, due, elapsed_ms, policy_ver, cal_ver, cause, catch_up } => Self {
                fact: "reached",
                level: Some(*level),
                target: text(target),
                due: text(due),
                elapsed_ms: Some(*elapsed_ms),
                policy_ver: Some(*policy_ver),
                cal_ver: Some(*cal_ver),
                cause: cause.clone(),
                catch_up: flag(*catch_up),
                ..Self::default()
            },
            What::Retargeted { at, target, due_old, due, calendar, cause, provisional } => Self {
                calendar: calendar.clone(),
                fact: "retargeted",
                at: text(at),
                target: text(target),
                due_old: text(due_old),
                due: text(due),
                cause: Some(cause.clone()),
                provisional: flag(*provisional),
                ..Self::default()
            },
            What::Corrected { to } => {
                Self { fact: "corrected", to: Some(verdict_name(*to)), ..Self::default() }
            }
        }
    }
}
