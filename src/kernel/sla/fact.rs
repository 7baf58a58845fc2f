//! Owns what an entry records of a clock: facts that stand for ever and that state is made of.

use serde::{Deserialize, Serialize};

use super::timing::Target;
use crate::kernel::common::Verdict;
use crate::kernel::instant::Instant;

/// What one step did to one clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockFact {
    /// The clock.
    pub clock: String,
    /// Which run of it, from 1.
    pub cycle: u32,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened to a clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum What {
    /// It started.
    Started {
        /// When.
        at: Instant,
        /// What it runs against.
        target: Target,
        /// When it is due.
        due: Instant,
        /// Name of the calendar that it is counted on.
        calendar: String,
        /// Whether the due lies past what the calendar knows (R4).
        #[serde(default, skip_serializing_if = "is_false")]
        provisional: bool,
    },
    /// It stands still.
    Paused {
        /// Since when.
        at: Instant,
        /// Milliseconds used.
        elapsed_ms: i64,
    },
    /// It runs on.
    Resumed {
        /// When.
        at: Instant,
        /// When it is due now.
        due: Instant,
        /// Whether the due lies past what the calendar knows.
        #[serde(default, skip_serializing_if = "is_false")]
        provisional: bool,
    },
    /// A manager lets it stand still for a listed reason.
    Suspended {
        /// Until when at most.
        until: Instant,
    },
    /// Its suspension is over.
    Released,
    /// It stopped.
    Stopped {
        /// When, by the trusted source's clock.
        at: Instant,
        /// Whether in time.
        verdict: Verdict,
        /// Milliseconds used.
        elapsed_ms: i64,
    },
    /// It ended without a verdict.
    Cancelled {
        /// When.
        at: Instant,
        /// Milliseconds used.
        elapsed_ms: i64,
    },
    /// It reached a declared point: warning, breach or another level (R9).
    Reached {
        /// Percent of its target.
        level: u32,
        /// What it ran against.
        target: Target,
        /// When it was due.
        due: Instant,
        /// Milliseconds used.
        elapsed_ms: i64,
        /// Version of the definition.
        policy_ver: u32,
        /// Version of the calendar.
        cal_ver: u32,
        /// `retarget` where a shorter target made it reach the point at once (R10).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
        /// Whether it is recorded long after: nobody is paged for history (X8).
        #[serde(default, skip_serializing_if = "is_false")]
        catch_up: bool,
    },
    /// It has another target or due.
    Retargeted {
        /// When.
        at: Instant,
        /// What it runs against now.
        target: Target,
        /// When it was due before.
        due_old: Instant,
        /// When it is due now.
        due: Instant,
        /// Name of the calendar that it is counted on from now on, where that changes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        calendar: Option<String>,
        /// Why: `priority`, `policy`, `calendar`.
        cause: String,
        /// Whether the due lies past what the calendar knows.
        #[serde(default, skip_serializing_if = "is_false")]
        provisional: bool,
    },
    /// A wrong verdict is answered by the right one; the old fact stays.
    Corrected {
        /// The right verdict.
        to: Verdict,
    },
}

fn is_false(flag: &bool) -> bool {
    !*flag
}
