//! Owns the consultation 咨询: a customer asks, and is answered within the promised time.
//!
//! The story. A question comes in (`received`), somebody takes it (`accepted`) and
//! works on it (`in_progress`): raises it to a higher support and tells the customer
//! by when (`escalated`), asks a department (`with_department`) or the customer
//! (`waiting_customer`). The answer waits for the customer's word (`answered`).
//! A settled case can be reopened for some days; then it is archived (`closed.*`).
//! Whoever was first asked stays accountable to the end (S3-14), nobody answers by
//! the passing of time, and a message nobody has read is never archived.
//!
//! `event` says what may happen, `machine` what it does as a table of arrows.
//! The guards and effects behind the arrows: `start` (row 1), `work`, `asking`,
//! `promise`, `answering`, and `links` for what goes to other cases. Rule names
//! are the row numbers of the specification's table (§3.1).

mod answering;
mod asking;
pub mod event;
mod flow;
mod links;
mod machine;
pub mod measures;
pub mod policy;
mod promise;
mod samples;
mod start;
#[cfg(test)]
mod tests;
mod work;

use serde::{Deserialize, Serialize};

pub use samples::SAMPLES_AT;

use crate::kernel::case::{Case, Level};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Cx as KernelCx;
use crate::kernel::personal::Personal;
use event::Purpose;
use policy::Policy;

/// What the handlers of this flow see and fill.
pub(crate) type Cx<'a> = KernelCx<'a, Policy>;

/// Rings, on a phone call (S2-28).
pub const RING: &str = "RING";
/// A person was given the case and has not taken it.
pub const ACCEPT: &str = "ACCEPT";
/// The customer is reminded of what was asked.
pub const INFO_REMIND: &str = "INFO_REMIND";
/// The customer has not answered what was asked.
pub const INFO_EXPIRE: &str = "INFO_EXPIRE";
/// The customer is reminded to confirm.
pub const CONFIRM_REMIND: &str = "CONFIRM_REMIND";
/// The customer has not confirmed.
pub const CONFIRM_EXPIRE: &str = "CONFIRM_EXPIRE";
/// The time to reopen is over.
pub const REOPEN_WINDOW: &str = "REOPEN_WINDOW";

/// A person told the customer something of substance (R8).
pub const HUMAN_OUTBOUND: &str = "human_outbound";
/// The customer wrote and waits.
pub const CUSTOMER_MESSAGE: &str = "customer_message";
/// Somebody has read a message that was unread.
pub const MESSAGE_CLASSIFIED: &str = "message_classified";
/// The customer was told a time.
pub const PROMISED: &str = "promised";
/// A supervisor is to say which department answers.
pub const ARBITRATION_ASKED: &str = "arbitration_asked";
/// A settled case is open again.
pub const REOPENED: &str = "reopened";

/// The data of a consultation: what every case carries, and its own context fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Consultation {
    /// What every case carries.
    pub case: Case,
    /// What the customer asks, in a few words.
    pub subject: Personal,
    /// Stored content of the first message.
    pub body_ref: String,
    /// What kind of problem it is, in the organisation's words.
    pub problem_type: String,
    /// When the problem happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened_at: Option<Instant>,
    /// Who and what is affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact_scope: Option<Personal>,
    /// Its number in another system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_ref: Option<String>,
    /// When it must be settled, where another system has promised it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Instant>,
    /// The closed period in which it was answered automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_reply_period: Option<String>,
    /// The department that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// What it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// What it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff_note: Option<Personal>,
    /// Where the case goes on when the department has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dept_resume: Option<Resume>,
    /// How often departments gave the question back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returns: u32,
    /// Whether a supervisor named the department: it may not give the question back.
    #[serde(default, skip_serializing_if = "is_false")]
    pub binding: bool,
    /// Whether a supervisor is to name the department.
    #[serde(default, skip_serializing_if = "is_false")]
    pub arbitration_pending: bool,
    /// Where the case goes on when the customer has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_resume: Option<Waiting>,
    /// When the customer was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Instant>,
    /// How often the customer was reminded of that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reminders: u32,
    /// How often the running promise was renewed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub renewals: u32,
    /// To whom it was raised since the last answer.
    #[serde(default, skip_serializing_if = "is_none_level")]
    pub escalated_to: Level,
    /// The case that this one is a copy of; its messages go there (X4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<InstanceId>,
    /// Messages that nobody has read yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclassified: Vec<String>,
    /// How long the telephone rang.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ring_seconds: u32,
    /// Whether the call was answered.
    #[serde(default, skip_serializing_if = "is_false")]
    pub call_answered: bool,
    /// What the customer was answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<GivenAnswer>,
    /// Callbacks planned since the last reopening, by rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callbacks: Vec<String>,
    /// How many consultations came out of this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub follow_ups: u32,
}

/// Where a case goes on after a department.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// 处理中
    InProgress,
    /// 已升级
    Escalated,
}

/// Where a case goes on after the customer's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// 处理中
    InProgress,
    /// 已升级
    Escalated,
    /// 转部门/核实中
    WithDepartment,
}

impl From<Resume> for Waiting {
    fn from(resume: Resume) -> Self {
        match resume {
            Resume::InProgress => Self::InProgress,
            Resume::Escalated => Self::Escalated,
        }
    }
}

/// One answer that the customer was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GivenAnswer {
    /// Stored solution.
    pub solution_ref: String,
    /// The article it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kb_article: Option<String>,
    /// When.
    pub at: Instant,
    /// In which round.
    pub round: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_none_level(level: &Level) -> bool {
    *level == Level::None
}
