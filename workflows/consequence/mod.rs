//! Owns the consequence 后果认定: what follows for somebody who stayed away or failed for good (S2-109).
//!
//! The story. The direct supervisor proposes (`proposing`), the employee is heard (`hearing`), two people
//! decide (`deciding`), and the employee may appeal (`decided`, `appealed`) to somebody who did not
//! decide. What nobody decides in time is not imposed. The product records a measure and carries out
//! none: no penalty is ever automatic (A13). Rule names are the row numbers of §3.4.4.

pub mod event;
mod machine;
pub mod policy;
mod samples;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::kernel::case::{Handle, InternalCase};
use crate::kernel::id::InstanceId;
use crate::kernel::machine::Cx as KernelCx;
use crate::kernel::personal::Personal;
use event::{Cause, Measure};
use policy::Policy;

/// What the handlers of this flow see and fill.
pub(crate) type Cx<'a> = KernelCx<'a, Policy>;

/// The employee has said nothing.
pub const HEARING_END: &str = "HEARING_END";
/// The time to appeal is over.
pub const APPEAL_END: &str = "APPEAL_END";
/// Nobody decided in time.
pub const LAPSE: &str = "LAPSE";

/// The data of a consequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Consequence {
    /// What every internal case carries.
    pub case: InternalCase,
    /// The enrolment it comes from.
    pub enrollment: InstanceId,
    /// Whom it is about.
    pub employee: Handle,
    /// Why.
    pub cause: Cause,
    /// What was last proposed or decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<Measure>,
    /// Who proposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposer: Option<Handle>,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deciders: Vec<Handle>,
    /// What the employee said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Personal>,
}
