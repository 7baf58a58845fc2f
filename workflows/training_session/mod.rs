//! Owns the class 培训班次: a training with its sittings, from the draft to the file.
//!
//! The story. A class is drafted, approved where it is not planned or costs more, scheduled, and everybody
//! in it is told (`preparing`). Sitting by sitting it is taught (`delivering`). Attempts are taken and
//! graded, retakes waited for (`evaluating`). Somebody says what is to be done better (`reviewing`), and
//! it is put on file (`archiving`, `archived`). Each person in it is an enrolment of its own, which
//! tells the class where it stands. Rule names are the row numbers of §3.4.2; `waiting` is the waiting
//! list of §3.0.5.
//!
//! `machine` is the table of arrows; its guards and effects stand in `planning`, `teaching` and
//! `evaluating`.

mod evaluating;
pub mod event;
mod machine;
mod planning;
pub mod policy;
mod samples;
mod teaching;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kernel::case::{Handle, InternalCase};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Cx as KernelCx;
use crate::kernel::money::Money;
use crate::workflows::training::classes::{Assessment, Kind, Lecturer, Mode, Sitting, Waiting};
use event::{Organiser, PlanItem};
use policy::Policy;

/// What the handlers of this flow see and fill.
pub(crate) type Cx<'a> = KernelCx<'a, Policy>;

/// The next sitting should have begun.
pub const START_LATE: &str = "START_LATE";
/// The next sitting was not started.
pub const START_LOST: &str = "START_LOST";
/// The running sitting should be over.
pub const SITTING_END: &str = "SITTING_END";
/// No new sittings were planned.
pub const POSTPONE_END: &str = "POSTPONE_END";
/// Everybody should be graded.
pub const ASSESS_END: &str = "ASSESS_END";
/// Retakes are no longer waited for.
pub const RETAKE_END: &str = "RETAKE_END";
/// The survey is over.
pub const SURVEY_CLOSE: &str = "SURVEY_CLOSE";

/// The data of a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// What every internal case carries.
    pub case: InternalCase,
    /// What it is called.
    pub title: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// How it is taught.
    pub mode: Mode,
    /// What is learnt.
    pub competencies: Vec<String>,
    /// When and where, in order.
    pub sittings: Vec<Sitting>,
    /// Who teaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lecturer: Option<Lecturer>,
    /// Who runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organiser: Option<Organiser>,
    /// How many it takes.
    pub capacity: u32,
    /// How many more it takes.
    pub free: u32,
    /// What it may cost.
    pub budget: Money,
    /// How it is examined.
    pub assessment: Assessment,
    /// Whether nobody may decline it.
    pub mandatory: bool,
    /// The item of a plan that it carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_item: Option<PlanItem>,
    /// Who said that the draft is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitter: Option<Handle>,
    /// Who waits for it to be scheduled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// When everybody was last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_at: Option<Instant>,
    /// Stored content of what everybody was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// When it was last postponed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postponed_at: Option<Instant>,
    /// Everybody in it, by enrolment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub enrolments: BTreeMap<InstanceId, Enrolled>,
    /// When the last sitting was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Instant>,
    /// Whether attempts are taken.
    #[serde(default, skip_serializing_if = "is_false")]
    pub assessment_open: bool,
    /// Until when first attempts are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<Instant>,
    /// Whether nobody is asked any more how it was.
    #[serde(default, skip_serializing_if = "is_false")]
    pub survey_closed: bool,
    /// How many said how it was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub survey_n: u32,
    /// Stored record of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_ref: Option<String>,
    /// Whether it was put on file without everything that belongs there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub incomplete: bool,
}

/// One person in a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Who.
    pub trainee: Handle,
    /// The path of the enrolment's state.
    pub status: String,
    /// Whether another attempt can be taken.
    #[serde(default, skip_serializing_if = "is_false")]
    pub can_retake: bool,
    /// Whether the enrolment is at its end.
    #[serde(default, rename = "final", skip_serializing_if = "is_false")]
    pub is_final: bool,
    /// Whether the survey is answered.
    #[serde(default, skip_serializing_if = "is_false")]
    pub surveyed: bool,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
