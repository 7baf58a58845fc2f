//! Owns how what an entry did to a clock is shown: member for member as it is hashed.

use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::common::Verdict;
use crate::kernel::sla::fact::{ClockFact, What};

/// What one step did to one clock.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClockFactView {
    /// The clock.
    #[schema(example = "FRT")]
    pub clock: String,
    /// Which run of it, from 1.
    pub cycle: u32,
    /// What happened.
    #[serde(flatten)]
    pub what: WhatView,
}

/// What happened to a clock.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum WhatView {
    /// It started.
    Started {
        /// When.
        #[schema(format = DateTime)]
        at: String,
        /// What it runs against: a duration or a time.
        #[schema(example = "2 business hours")]
        target: String,
        /// When it is due.
        #[schema(format = DateTime)]
        due: String,
        /// Name of the calendar that it is counted on.
        calendar: String,
        /// Whether the due lies past what the calendar knows.
        #[serde(skip_serializing_if = "is_false")]
        #[schema(required = false)]
        provisional: bool,
    },
    /// It stands still.
    Paused {
        /// Since when.
        #[schema(format = DateTime)]
        at: String,
        /// Milliseconds used.
        elapsed_ms: i64,
    },
    /// It runs on.
    Resumed {
        /// When.
        #[schema(format = DateTime)]
        at: String,
        /// When it is due now.
        #[schema(format = DateTime)]
        due: String,
        /// Whether the due lies past what the calendar knows.
        #[serde(skip_serializing_if = "is_false")]
        #[schema(required = false)]
        provisional: bool,
    },
    /// A manager lets it stand still for a listed reason.
    Suspended {
        /// Until when at most.
        #[schema(format = DateTime)]
        until: String,
    },
    /// Its suspension is over.
    Released {},
    /// It stopped.
    Stopped {
        /// When, by the trusted source's clock.
        #[schema(format = DateTime)]
        at: String,
        /// `met` or `breached`.
        verdict: &'static str,
        /// Milliseconds used.
        elapsed_ms: i64,
    },
    /// It ended without a verdict.
    Cancelled {
        /// When.
        #[schema(format = DateTime)]
        at: String,
        /// Milliseconds used.
        elapsed_ms: i64,
    },
    /// It reached a declared point: warning, breach or another level.
    Reached {
        /// Percent of its target.
        level: u32,
        /// What it ran against.
        target: String,
        /// When it was due.
        #[schema(format = DateTime)]
        due: String,
        /// Milliseconds used.
        elapsed_ms: i64,
        /// Version of the definition.
        policy_ver: u32,
        /// Version of the calendar.
        cal_ver: u32,
        /// `retarget` where a shorter target made it reach the point at once.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        cause: Option<String>,
        /// Whether it was recorded long after.
        #[serde(skip_serializing_if = "is_false")]
        #[schema(required = false)]
        catch_up: bool,
    },
    /// It has another target or due.
    Retargeted {
        /// When.
        #[schema(format = DateTime)]
        at: String,
        /// What it runs against now.
        target: String,
        /// When it was due before.
        #[schema(format = DateTime)]
        due_old: String,
        /// When it is due now.
        #[schema(format = DateTime)]
        due: String,
        /// Why: `priority`, `policy`, `calendar`.
        cause: String,
        /// Whether the due lies past what the calendar knows.
        #[serde(skip_serializing_if = "is_false")]
        #[schema(required = false)]
        provisional: bool,
    },
    /// A wrong verdict is answered by the right one.
    Corrected {
        /// The right verdict: `met` or `breached`.
        to: &'static str,
    },
}

/// The name of a verdict.
pub const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::Breached => "breached",
    }
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

impl From<&ClockFact> for ClockFactView {
    fn from(fact: &ClockFact) -> Self {
        Self { clock: fact.clock.clone(), cycle: fact.cycle, what: WhatView::from(&fact.what) }
    }
}

impl From<&What> for WhatView {
    fn from(what: &What) -> Self {
        match what {
            What::Started { at, target, due, calendar, provisional } => Self::Started {
                at: at.to_string(),
                target: target.to_string(),
                due: due.to_string(),
                calendar: calendar.clone(),
                provisional: *provisional,
            },
            What::Paused { at, elapsed_ms } => Self::Paused { at: at.to_string(), elapsed_ms: *elapsed_ms },
            What::Resumed { at, due, provisional } => {
                Self::Resumed { at: at.to_string(), due: due.to_string(), provisional: *provisional }
            }
            What::Suspended { until } => Self::Suspended { until: until.to_string() },
            What::Released => Self::Released {},
            What::Stopped { at, verdict, elapsed_ms } => {
                Self::Stopped { at: at.to_string(), verdict: verdict_name(*verdict), elapsed_ms: *elapsed_ms }
            }
            What::Cancelled { at, elapsed_ms } => {
                Self::Cancelled { at: at.to_string(), elapsed_ms: *elapsed_ms }
            }
            What::Reached { level, target, due, elapsed_ms, policy_ver, cal_ver, cause, catch_up } => {
                Self::Reached {
                    level: *level,
                    target: target.to_string(),
                    due: due.to_string(),
                    elapsed_ms: *elapsed_ms,
                    policy_ver: *policy_ver,
                    cal_ver: *cal_ver,
                    cause: cause.clone(),
                    catch_up: *catch_up,
                }
            }
            What::Retargeted { at, target, due_old, due, cause, provisional } => Self::Retargeted {
                at: at.to_string(),
                target: target.to_string(),
                due_old: due_old.to_string(),
                due: due.to_string(),
                cause: cause.clone(),
                provisional: *provisional,
            },
            What::Corrected { to } => Self::Corrected { to: verdict_name(*to) },
        }
    }
}
