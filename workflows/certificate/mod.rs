//! Owns the certificate 证书: what somebody has shown to be able to do, until a date.
//!
//! The story. Whoever passes a certified class gets one (`valid`). Some weeks before its end the holder
//! is sent to learn again (`expiring`). A newer one of the kind takes its place (`closed.renewed`), and
//! the old period stays as it was. Without one it ends (`expired`), the skill counts as lost a month
//! later, and after a year it can no longer be renewed (`closed.lapsed`). Rule names are the row numbers
//! of the specification's table (§3.4.5).

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
use policy::Policy;

/// What the handlers of this flow see and fill.
pub(crate) type Cx<'a> = KernelCx<'a, Policy>;

/// Its end comes near.
pub const EXPIRING: &str = "EXPIRING";
/// Its last date is over.
pub const EXPIRY: &str = "EXPIRY";
/// It has been expired so long that the skill counts as lost.
pub const SKILL_LOSS: &str = "SKILL_LOSS";
/// It can no longer be renewed.
pub const LAPSE: &str = "LAPSE";

/// The data of a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// What every internal case carries.
    pub case: InternalCase,
    /// Whose it is.
    pub holder: Handle,
    /// What it certifies.
    pub kind: String,
    /// Holder and kind: of these only one is open, and it is found by them.
    pub external_ref: String,
    /// The enrolment that was passed.
    pub enrollment: InstanceId,
    /// The first date on which it holds.
    pub valid_from: Date,
    /// The last date on which it holds.
    pub valid_to: Date,
    /// The certificate whose place it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<InstanceId>,
    /// The certificate that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<InstanceId>,
}

/// How the one open certificate of a holder and kind is found.
fn reference(holder: &Handle, kind: &str) -> String {
    format!("{}/{kind}", holder.id)
}
