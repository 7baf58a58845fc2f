//! Owns what may happen to a report: its events and their payloads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kernel::common::{Common, Nothing};
use crate::kernel::instant::Instant;
use crate::kernel::machine::TimerName;

crate::events! {
    /// The events of a report.
    enum Event {
        /// A report of a period is to be made.
        ReportDue(ReportDue) = "report_due",
        /// The figures are counted, and stay as they are.
        Freeze(Freeze) = "freeze",
        /// A process owner stands for the report.
        SignOff(Nothing) = "sign_off",
    }
    + /// An event of every flow.
    Common(Common),
    + /// A timer that came due.
    Timer(TimerName),
}

/// Payload of `report_due`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportDue {
    /// Which report: `monthly_feedback`.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"))]
    pub report: String,
    /// The first instant of its period.
    pub period_from: Instant,
    /// The first instant after its period.
    pub period_to: Instant,
    /// When it should be signed.
    pub due: Instant,
    /// The department that submits it; the quality desk where absent (S0-24).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub dept: Option<String>,
}

/// Payload of `freeze`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// The figures by name; decimals are text.
    #[schemars(length(min = 1, max = 500))]
    pub figures: Map<String, Value>,
    /// What was asked to count them.
    #[schemars(length(min = 1, max = 4000))]
    pub query: String,
    /// SHA-256 of `{"figures": …, "query": …}` in canonical form (RFC 8785).
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub hash: String,
}
