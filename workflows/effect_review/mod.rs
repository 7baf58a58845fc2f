//! Owns the effect review 效果跟踪: what a class changed, months later (S2-104, K28).
//!
//! The story. Two months after a class somebody compares how its attendees work (`l3_pending`), a month
//! later what came of it (`l4_pending`). What nobody measures in time stays open for good
//! (`closed.incomplete`). Rule names are the row numbers of §3.4.6.

pub mod event;
mod machine;
pub mod policy;
mod samples;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::kernel::case::{Handle, InternalCase};
use crate::kernel::date::Date;
use crate::kernel::id::InstanceId;
use crate::kernel::machine::Cx as KernelCx;
use event::Finding;
use policy::Policy;

/// What the handlers of this flow see and fill.
pub(crate) type Cx<'a> = KernelCx<'a, Policy>;

/// Behaviour can be looked at.
pub const L3_DUE: &str = "L3_DUE";
/// Behaviour is no longer waited for.
pub const L3_END: &str = "L3_END";
/// Results can be looked at.
pub const L4_DUE: &str = "L4_DUE";
/// Results are no longer waited for.
pub const L4_END: &str = "L4_END";

/// The data of an effect review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectReview {
    /// What every internal case carries.
    pub case: InternalCase,
    /// The class.
    pub session: InstanceId,
    /// Who attended it.
    pub attendees: Vec<Handle>,
    /// The date of its last sitting.
    pub ended: Date,
    /// How the attendees work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l3: Option<Finding>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l4: Option<Finding>,
}
