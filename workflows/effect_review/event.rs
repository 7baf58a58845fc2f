//! Owns what may happen to an effect review: its events and their payloads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::case::Handle;
use crate::kernel::common::Common;
use crate::kernel::date::Date;
use crate::kernel::id::InstanceId;
use crate::kernel::machine::TimerName;

crate::events! {
    /// The events of an effect review.
    enum Event {
        /// A class is archived: what it was good for is to be looked at.
        OpenReview(OpenReview) = "open_review",
        /// How the attendees work, before and after.
        RecordL3(Finding) = "record_l3",
        /// What came of it for the team, before and after.
        RecordL4(Finding) = "record_l4",
    }
    + /// An event of every flow.
    Common(Common),
    + /// A timer that came due.
    Timer(TimerName),
}

/// Payload of `open_review`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenReview {
    /// The class.
    pub session: InstanceId,
    /// Who attended it.
    #[schemars(length(max = 200))]
    pub attendees: Vec<Handle>,
    /// The date of its last sitting.
    pub ended: Date,
}

/// Payload of `record_l3` and `record_l4`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The value before the class, as a decimal.
    #[schemars(schema_with = "decimal")]
    pub before: String,
    /// The value after it, as a decimal.
    #[schemars(schema_with = "decimal")]
    pub after: String,
    /// How many observations it rests on.
    #[schemars(range(max = 1_000_000))]
    pub n: u32,
    /// What was measured.
    #[schemars(length(min = 1, max = 100), extend("examples" = ["qi_score"]))]
    pub metric: String,
}

fn decimal(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "string", "pattern": "^-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,4})?$", "examples": ["86.5"],
    })
}
