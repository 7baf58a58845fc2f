//! Owns the callback 回访: a customer is called back, asked how it was, and what is wrong is mended.
//!
//! The story. A flow or an agent plans a callback (`planned`). From its window on it waits for
//! somebody (`queued`), who calls within the customer's contact windows (`contacting`). Who is
//! not reached is tried again, on other half-days and days (`retry_wait`), or at the time the
//! customer wants (`appointed`), and in the end gets a written questionnaire (`fallback`). What the
//! customer says (`connected`) goes to the case it is about. Who is not satisfied is not let go:
//! a supervisor decides (`reviewing`), and where nobody does, it becomes a complaint by
//! itself (S0-18, K16). Nobody is asked who does not want to be, or was asked not long ago (S2-41).
//!
//! `event` says what may happen, `machine` what it does as a table of arrows. The guards and
//! effects behind the arrows: `start` (rows 1 and 2), `contact` for windows, attempts and
//! appointments, `answering`, `disposing`, `links` for what goes to other cases. Rule names are the row
//! numbers of the specification's table (§3.3). [`plan`] is what other flows plan callbacks with.

mod answering;
mod contact;
mod disposing;
pub mod event;
mod flow;
mod links;
mod machine;
pub mod measure;
pub mod plan;
pub mod policy;
mod samples;
mod start;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use plan::{CALLBACK, Called, Plan, is_sampled, withdraw};

use crate::kernel::case::{Case, Channel, Handle};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Cx as KernelCx;
use crate::kernel::personal::Personal;
use measure::{Attempt, Kind, Scope, Suppression};
use policy::Policy;

/// What the handlers of this flow see and fill.
pub(crate) type Cx<'a> = KernelCx<'a, Policy>;

/// It may begin.
pub const WINDOW_OPEN: &str = "WINDOW_OPEN";
/// It is no longer worth calling.
pub const EXPIRE: &str = "EXPIRE";
/// Whoever took it up has had it for too long.
pub const LOCK: &str = "LOCK";
/// The customer is tried again.
pub const RETRY_AT: &str = "RETRY_AT";
/// The time that the customer wants is near.
pub const APPOINTMENT: &str = "APPOINTMENT";
/// Nobody called at the time that the customer wants.
pub const APPOINTMENT_MISSED: &str = "APPOINTMENT_MISSED";
/// The customer has not answered the questionnaire.
pub const FALLBACK_EXPIRE: &str = "FALLBACK_EXPIRE";
/// Half of the time to mend it is over.
pub const RECOVERY_HALF: &str = "RECOVERY_HALF";
/// The time to mend it is over.
pub const RECOVERY: &str = "RECOVERY";

/// The tally of customers who do not want to be asked: the suppression list.
const OPTED_OUT: &str = "opted_out";

/// The data of a callback: what every case carries, and its own context fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Callback {
    /// What every case carries.
    pub case: Case,
    /// Why the customer is called.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The case that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_case: Option<InstanceId>,
    /// How the customer can be reached, best first.
    pub channel_pref: Vec<Channel>,
    /// When it may begin.
    pub window_from: Instant,
    /// When it should be done.
    pub due_by: Instant,
    /// The script that is followed.
    pub script_id: String,
    /// The language of the call.
    pub language: String,
    /// The customer's time zone.
    pub zone: String,
    /// Why it was never begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
    /// When a survey contacts or last contacted the customer: what the frequency cap counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey_contact: Option<Instant>,
    /// How often the customer was tried.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempt_log: Vec<Attempt>,
    /// Contacts that cannot be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusable: Vec<Channel>,
    /// The number that was mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Personal>,
    /// The address that was mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
    /// Who is calling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_by: Option<Handle>,
    /// When the customer wants to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment_at: Option<Instant>,
    /// When the questionnaire was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub questionnaire_at: Option<Instant>,
    /// When the customer spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Instant>,
    /// 1 (worst) to 5 (best).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// Whether the problem is solved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<bool>,
    /// How the customer uses what was bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Personal>,
    /// The customer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Personal>,
    /// Answers by question of the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Personal>,
    /// What the customer suggests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Personal>,
    /// What the customer does not want any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opted_out: Option<Scope>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
