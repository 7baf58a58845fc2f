//! Owns the complaint 投诉: a customer is wronged, and it is looked into until the customer is satisfied.
//!
//! The story. A complaint is registered and acknowledged with a number and a time (`registered`).
//! Somebody soothes the customer and says how grave it is (`assessing`), solves it on the spot
//! or sends it to a department (`investigating.*`), which proposes what to do. What costs more than
//! the proposer may give, or is grave, needs somebody else's approval (`pending_approval`). The
//! customer hears the plan (`communicating`), it is carried out (`executing`), and the customer has
//! the last word (`awaiting_confirmation`). Who is not satisfied is heard again from the start, and
//! in the end by an independent panel (`review`). Silence never settles a complaint: only the
//! customer's word does, three failed attempts with a written notice, or the process owner, who
//! alone ends it unsatisfied (S2-21, A6).
//!
//! `event` says what may happen, `machine` what it does as a table of arrows. The guards and
//! effects behind the arrows: `start` (row 1), `intake`, `department`, `proposal`, `actions`,
//! `asking`, `pausing`, `review`, `settling`, `conflict` for who may not, `links` for what goes to
//! other cases, and `observed` for what monitors are told. Rule names are the row numbers of the specification's table (§3.2).

mod actions;
mod asking;
mod conflict;
mod department;
pub mod event;
mod flow;
mod intake;
mod links;
mod machine;
pub mod measure;
mod observed;
mod pausing;
pub mod policy;
mod proposal;
mod review;
mod samples;
mod settling;
mod start;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::kernel::case::{Case, Handle};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Cx as KernelCx;
use crate::kernel::personal::Personal;
use crate::kernel::sla::timing::Pause;
use measure::{Attempt, Cause, Complexity, Extension, Findings, Place, PlannedAction, Severity, Subject};
use policy::Policy;

/// What the handlers of this flow see and fill.
pub(crate) type Cx<'a> = KernelCx<'a, Policy>;

/// The next action should be done.
pub const ACTION_DUE: &str = "ACTION_DUE";
/// The customer is reminded to say something to the plan or its result.
pub const CONFIRM_REMIND: &str = "CONFIRM_REMIND";
/// The customer has said nothing to it.
pub const CONFIRM_EXPIRE: &str = "CONFIRM_EXPIRE";
/// The customer is reminded of what was asked.
pub const INFO_REMIND: &str = "INFO_REMIND";
/// The customer has not answered what was asked.
pub const INFO_EXPIRE: &str = "INFO_EXPIRE";
/// The suspension is over.
pub const SUSPEND_END: &str = "SUSPEND_END";
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
/// A department is to investigate.
pub const DEPARTMENT_ASKED: &str = "department_asked";
/// There is a plan that the customer has not heard.
pub const PLAN_READY: &str = "plan_ready";
/// A settled complaint is open again.
pub const REOPENED: &str = "reopened";

/// The data of a complaint: what every case carries, and its own context fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Complaint {
    /// What every case carries.
    pub case: Case,
    /// What happened.
    pub facts: Personal,
    /// When it happened.
    pub happened_at: Instant,
    /// Whom or what it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Subject>,
    /// What the customer wants.
    pub remedy_sought: Personal,
    /// Stored content that shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// What the customer says is the cause.
    pub cause_claimed: Cause,
    /// Who speaks for the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub representative: Option<Personal>,
    /// Whether it was assessed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub assessed: bool,
    /// How grave it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// How much there is to look into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complexity: Option<Complexity>,
    /// What the cause is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Whether it repeats one that was closed not long ago.
    #[serde(default, skip_serializing_if = "is_false")]
    pub repeat: bool,
    /// Whether anybody is in danger.
    #[serde(default, skip_serializing_if = "is_false")]
    pub safety: bool,
    /// The department that investigates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// Who investigates there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<Handle>,
    /// Who may not investigate any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_handlers: Vec<Handle>,
    /// How often departments gave it back in this round.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returns: u32,
    /// Whether the department was named by a ruling: it may not give it back.
    #[serde(default, skip_serializing_if = "is_false")]
    pub binding: bool,
    /// What the investigation of this round found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Findings>,
    /// What is done for the customer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<PlannedAction>,
    /// When the actions stood still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub action_pauses: Vec<Pause>,
    /// When the customer accepted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Instant>,
    /// Who proposed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposer: Vec<Handle>,
    /// Who decided in the last review.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub panel: Vec<Handle>,
    /// Whether the customer has heard the plan.
    #[serde(default, skip_serializing_if = "is_false")]
    pub told: bool,
    /// Whether the plan is the last word.
    #[serde(default, rename = "final", skip_serializing_if = "is_false")]
    pub is_final: bool,
    /// The round in which the customer last asked for a review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_requested_round: Option<u32>,
    /// Failed attempts to reach the customer since the customer was last heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Extensions of the whole time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
    /// The moment to which the running whole time was extended; pauses left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_to: Option<Instant>,
    /// Where it goes on when the customer has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_resume: Option<Place>,
    /// Where it goes on after a suspension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_resume: Option<Place>,
    /// Where it goes on when the customer is back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreachable_from: Option<Place>,
    /// When the customer was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Instant>,
    /// How often the customer was reminded of that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reminders: u32,
    /// When the question stood still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked_pauses: Vec<Pause>,
    /// Since when the customer's word on plan or result is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_since: Option<Instant>,
    /// Messages that nobody has read yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclassified: Vec<String>,
    /// The case that this one is a copy of; its messages go there (X4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<InstanceId>,
    /// Callbacks planned since the last reopening, by rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callbacks: Vec<String>,
    /// How many cases came out of this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub follow_ups: u32,
    /// Whether an improvement was asked for: once for each case.
    #[serde(default, skip_serializing_if = "is_false")]
    pub improvement: bool,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}
