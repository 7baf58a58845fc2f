//! Owns what may happen to a callback: its events and their payloads.
//!
//! Shapes, lengths and ranges stand in the schemas; what depends on the sender or
//! on the callback is a guard of the machine.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::measure::{Basis, Kind, Reached, Scope};
use crate::kernel::calendar::ZONE_FORMAT;
use crate::kernel::case::{Channel, Tier};
use crate::kernel::common::{Common, Nothing};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::TimerName;
use crate::kernel::personal::Personal;
use crate::workflows::payload::{personal, text_schema};

crate::events! {
    /// The events of a callback.
    enum Event {
        /// A customer is to be called back.
        Plan(Box<Plan>) = "plan",
        /// Takes it up: the customer is being called.
        Claim(Nothing) = "claim",
        /// Puts it down again.
        Release(Nothing) = "release",
        /// What came of the attempt to reach the customer.
        AttemptResult(AttemptResult) = "attempt_result",
        /// The customer wants to be called at another time.
        Schedule(Schedule) = "schedule",
        /// What the customer says.
        Record(Box<Record>) = "record",
        /// The customer does not want to be asked any more.
        OptOut(OptOut) = "opt_out",
        /// Decides what becomes of an unsatisfied customer.
        Dispose(Dispose) = "dispose",
        /// Nobody is to be called any more.
        Cancel(Cancel) = "cancel",
        /// A contact that could not be used is mended.
        ContactFixed(ContactFixed) = "contact_fixed",
    }
    + /// One of the events that every flow accepts.
      Common(Common),
    + /// A timer came due.
      Timer(TimerName),
}

/// Payload of `plan`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Why the customer is called.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Pseudonym of the customer.
    #[schemars(length(min = 1, max = 100))]
    pub customer_id: String,
    /// How valued the customer is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_tier: Option<Tier>,
    /// The case that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_case: Option<InstanceId>,
    /// How the customer likes to be reached, best first.
    #[schemars(length(min = 1, max = 9))]
    pub channel_pref: Vec<Channel>,
    /// When it may begin.
    pub window_from: Instant,
    /// When it should be done; the policy's time after `window_from` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_by: Option<Instant>,
    /// The script that is followed.
    #[schemars(length(min = 1, max = 100))]
    pub script_id: String,
    /// The language of the call.
    #[schemars(length(min = 2, max = 35))]
    pub language: String,
    /// The customer's time zone, by its IANA name; the policy's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "zone_schema")]
    pub zone: Option<String>,
    /// Why the customer may be contacted; by contract where absent (S2-41).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// How many flows lie behind it; set by the system only (X12).
    #[schemars(extend("x-set-by" = "system"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub chain_depth: Option<u32>,
}

/// Payload of `attempt_result`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttemptResult {
    /// What came of it.
    pub outcome: Reached,
    /// How it was tried.
    pub channel: Channel,
    /// How long it took.
    #[schemars(range(max = 86_400))]
    pub seconds: u32,
    /// Its recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub recording_ref: Option<String>,
}

/// Payload of `schedule`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// When to call.
    pub at: Instant,
    /// Who wants it so.
    #[schemars(schema_with = "appointed_by_schema")]
    pub by: AppointedBy,
}

/// Who appoints a call: the customer, and nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppointedBy {
    /// 客户
    Customer,
}

/// Payload of `record`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Whether the problem is solved; required where there is a case, else true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<bool>,
    /// 1 (worst) to 5 (best); required but for a missed call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5))]
    pub score: Option<u8>,
    /// How the customer uses what was bought (S2-24).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_schema")]
    pub usage: Option<Personal>,
    /// What the customer suggests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "suggestions_schema")]
    pub suggestions: Vec<Personal>,
    /// The customer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_schema")]
    pub comment: Option<Personal>,
    /// Answers by question of the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "answers_schema")]
    pub answers: Option<Personal>,
}

/// Payload of `opt_out`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptOut {
    /// What the customer does not want any more.
    pub scope: Scope,
}

/// What can become of an unsatisfied customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// 重开原案
    ReopenSource,
    /// 新建投诉
    NewComplaint,
    /// 改进
    Improvement,
    /// 说明
    Explain,
}

/// Payload of `dispose`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dispose {
    /// What was decided.
    pub decision: Decision,
    /// Why.
    #[schemars(schema_with = "text_schema")]
    pub note: Personal,
}

/// Payload of `cancel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// Why.
    #[schemars(schema_with = "text_schema")]
    pub reason: Personal,
}

/// Payload of `contact_fixed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactFixed {
    /// The number that is right; this or `email` is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "contact_schema")]
    pub phone: Option<Personal>,
    /// The address that is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "contact_schema")]
    pub email: Option<Personal>,
}

fn appointed_by_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "const": "customer", "description": "The customer, and nobody else." })
}

fn zone_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": ZONE_FORMAT, "examples": ["Asia/Shanghai"] })
}

fn suggestions_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "maxItems": 20, "items": personal(1, 2_000) })
}

fn answers_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "maxProperties": 50, "x-personal": true })
}

fn contact_schema(_: &mut SchemaGenerator) -> Schema {
    personal(3, 200)
}
