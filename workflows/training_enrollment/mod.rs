//! Owns the enrolment 培训报名: one person in one class, from the notice to the grade.
//!
//! The story. A class takes somebody (`nominated`) and says when it is (`notified`). The trainee confirms,
//! declines what is optional, or asks for leave (`leave_pending`). Who comes in is `attending`; after the
//! last sitting `attended` or `absent`. An absence can be explained, and what a supervisor does not
//! decide counts for the employee. Attempts are open for some days (`assessing`); who fails may try
//! again (`retake_scheduled`), appeal a grade, and fails for good only when both are over. Rule names are
//! the row numbers of §3.4.3.
//!
//! `machine` is the table of arrows; its guards and effects stand in `attendance` and `grading`, what
//! other instances are told in `reports`.

mod attendance;
pub mod event;
mod grading;
mod machine;
pub mod policy;
mod reports;
mod samples;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kernel::case::{Handle, InternalCase};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Cx as KernelCx;
use crate::workflows::training::classes::{Assessment, Kind, Source};
use policy::Policy;

/// What the handlers of this flow see and fill.
pub(crate) type Cx<'a> = KernelCx<'a, Policy>;

/// The class is near.
pub const REMINDER: &str = "REMINDER";
/// The first sitting begins.
pub const SITTING_START: &str = "SITTING_START";
/// The absence was not explained.
pub const EXPLAIN_END: &str = "EXPLAIN_END";
/// The supervisor has not decided on the explanation.
pub const ABSENCE_DECIDE: &str = "ABSENCE_DECIDE";
/// The attempt is over.
pub const ATTEMPT_END: &str = "ATTEMPT_END";
/// The next attempt opens.
pub const RETAKE_AT: &str = "RETAKE_AT";
/// The time to try again is over.
pub const RETAKE_LIMIT: &str = "RETAKE_LIMIT";
/// The time to appeal is over.
pub const APPEAL_END: &str = "APPEAL_END";

/// The data of an enrolment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Enrollment {
    /// What every internal case carries.
    pub case: InternalCase,
    /// The class.
    pub session: InstanceId,
    /// Who attends it.
    pub trainee: Handle,
    /// Who wanted it.
    pub source: Source,
    /// Whether it cannot be declined.
    pub mandatory: bool,
    /// How it is examined.
    pub assessment: Assessment,
    /// What the class is called.
    pub title: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What passing it certifies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certifies: Option<String>,
    /// What the class teaches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub competencies: Vec<String>,
    /// The path of the state that the class was told.
    pub status: String,
    /// Whether the class knows of this step: it brought it about.
    #[serde(skip)]
    pub quiet: bool,
    /// When the trainee was last told when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_at: Option<Instant>,
    /// When the first sitting begins, as the trainee was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Instant>,
    /// Whether leave was asked for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub leave_requested: bool,
    /// When the trainee was in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkins: Vec<Presence>,
    /// Minutes in all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub minutes: u32,
    /// Sittings at which the trainee was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<u32>,
    /// Whether the absence was explained.
    #[serde(default, skip_serializing_if = "is_false")]
    pub explained: bool,
    /// Which attempt it is.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// Whether it was handed in.
    #[serde(default, skip_serializing_if = "is_false")]
    pub submitted: bool,
    /// When the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Instant>,
    /// Every grade, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grades: Vec<Graded>,
    /// Whether the last grade is being graded again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub appeal_open: bool,
    /// What the trainee said of the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey: Option<BTreeMap<String, u8>>,
    /// How often a class was asked for that comes next.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bookings: u32,
}

/// When somebody was at a sitting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Which sitting.
    pub sitting_no: u32,
    /// From.
    #[serde(rename = "in")]
    pub from: Instant,
    /// To; absent while the trainee is in.
    #[serde(default, rename = "out", skip_serializing_if = "Option::is_none")]
    pub to: Option<Instant>,
    /// Whether the trainee came late.
    #[serde(default, skip_serializing_if = "is_false")]
    pub late: bool,
}

/// One grade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graded {
    /// Of which attempt.
    pub n: u32,
    /// The score.
    pub score: u8,
    /// Who graded.
    pub grader: Handle,
    /// When.
    pub at: Instant,
    /// Stored rubric that it rests on.
    pub rubric: String,
    /// Whether it was appealed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub appealed: bool,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}
