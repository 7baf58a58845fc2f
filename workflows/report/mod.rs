//! Owns the report 报告: figures of a period, frozen with how they were counted, and signed (S0-13).
//!
//! The story. A schedule says that a report is due (`open.pending`). Its figures are
//! counted and frozen, with the question that was asked and a hash over both
//! (`open.frozen`): from then on nobody changes them; the targets that they miss stand beside them
//! as `frozen.missed`, a list that others read. A process owner signs
//! (`closed.signed_off`). Where the due passes before, the report is late, and says so.
//!
//! # Why
//! A report is an instance like any other, so that it is listed, has a due that fires,
//! and its figures stand in a history that can be proven. Counting is not its work: who
//! counts sends `freeze`. The rules of its rows have words for names, for the
//! specification does not number them.

pub mod event;
mod machine;
mod missed;
pub mod policy;
mod samples;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kernel::case::{Case, Handle};
use crate::kernel::instant::Instant;
use crate::kernel::machine::Cx as KernelCx;
use policy::Policy;

/// What the handlers of this flow see and fill.
pub(crate) type Cx<'a> = KernelCx<'a, Policy>;

/// The report should be signed by now.
pub const DUE: &str = "DUE";

/// The data of a report: what every case carries, its period, and its figures once they are frozen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What every case carries.
    pub case: Case,
    /// Which report: `monthly_feedback`.
    pub report: String,
    /// The first instant of its period.
    pub period_from: Instant,
    /// The first instant after its period.
    pub period_to: Instant,
    /// When it should be signed.
    pub due: Instant,
    /// The department that submits it, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dept: Option<String>,
    /// Whether the due passed before it was signed (K32).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// The figures, with how they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
    /// Who signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<Handle>,
}

/// Figures that nobody changes any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    /// The figures by name.
    pub figures: Map<String, Value>,
    /// What was asked to count them.
    pub query: String,
    /// SHA-256 of `{"figures": …, "query": …}` in canonical form (RFC 8785).
    pub hash: String,
    /// When.
    pub at: Instant,
    /// The targets that the figures miss (S0-20), in the order of the figures; absent where they miss none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<Missed>,
}

/// A target that was missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The flow.
    pub workflow: String,
    /// The KPI: `K02`.
    pub kpi: String,
    /// The number within it: `on_time`.
    pub measure: String,
    /// What is aimed at: percent of rates, the mean of averages, as a decimal.
    pub target: String,
    /// What it was, likewise.
    pub actual: String,
    /// How many cases count.
    pub n: u64,
}
