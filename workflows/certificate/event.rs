//! Owns what may happen to a certificate: its events and their payloads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::case::Handle;
use crate::kernel::common::Common;
use crate::kernel::date::Date;
use crate::kernel::id::InstanceId;
use crate::kernel::machine::TimerName;
use crate::kernel::personal::Personal;

crate::events! {
    /// The events of a certificate.
    enum Event {
        /// Somebody has passed a class that is certified.
        Issue(Issue) = "issue",
        /// A newer certificate of its kind takes its place.
        RenewedBy(RenewedBy) = "renewed_by",
        /// It no longer holds.
        Revoke(Revoke) = "revoke",
    }
    + /// An event of every flow.
    Common(Common),
    + /// A timer that came due.
    Timer(TimerName),
}

/// Payload of `issue`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// Whose it is.
    pub holder: Handle,
    /// What it certifies.
    #[schemars(length(min = 1, max = 100), extend("examples" = ["refunds"]))]
    pub kind: String,
    /// The enrolment that was passed.
    pub enrollment: InstanceId,
    /// The first date on which it holds.
    pub valid_from: Date,
    /// The last date on which it holds.
    pub valid_to: Date,
    /// The certificate whose place it takes; the holder's open one of this kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<InstanceId>,
}

/// Payload of `renewed_by`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewedBy {
    /// The newer certificate.
    pub certificate: InstanceId,
}

/// Payload of `revoke`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Why.
    pub reason: Personal,
    /// The process owner who agrees.
    pub approver: Handle,
}
