//! Owns the payloads that events of several flows have in common, and the schemas of personal texts.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::kernel::common::Intent;
use crate::kernel::id::InstanceId;
use crate::kernel::personal::Personal;

/// Payload of `customer_reply`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerReply {
    /// Stored content of the message.
    #[schemars(length(min = 1, max = 200))]
    pub message_ref: String,
    /// What the customer wants.
    pub intent: Intent,
}

/// Payload of `arbitrate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arbitrate {
    /// The department that answers.
    #[schemars(length(min = 1, max = 100))]
    pub department: String,
}

/// Payload of `confirm`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// Whether the customer is satisfied.
    pub satisfied: bool,
    /// 1 (worst) to 5 (best).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5))]
    pub score: Option<u8>,
    /// The customer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_schema")]
    pub comment: Option<Personal>,
    /// The recording that shows it; required from an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub recording_ref: Option<String>,
}

/// Payload of `reopen`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reopen {
    /// Why.
    #[schemars(schema_with = "text_schema")]
    pub reason: Personal,
}

/// Payload of `mark_duplicate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkDuplicate {
    /// The case it is a copy of.
    pub of: InstanceId,
}

/// A personal text of `min` to `max` characters.
pub fn personal(min: u32, max: u32) -> Schema {
    json_schema!({ "type": "string", "minLength": min, "maxLength": max, "x-personal": true })
}

/// A personal text.
pub fn text_schema(_: &mut SchemaGenerator) -> Schema {
    personal(1, 2_000)
}

/// A personal text that says something: ten characters at least.
pub fn handoff_schema(_: &mut SchemaGenerator) -> Schema {
    personal(10, 2_000)
}

/// Personal questions, one at least.
pub fn questions_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "minItems": 1, "maxItems": 20, "items": personal(1, 500) })
}
