//! Owns KPIs: numbers over histories, as pure functions that anybody can compute again (rules.md §1.3).
//!
//! [`facts`] is what an instance keeps of its history for them, [`record`](mod@record) the compact
//! form that folds read, `codec` its bytes, [`measure`] what each KPI sees in a record, and
//! [`fold`] the numbers over a window.
//!
//! # Why
//! KPIs over whole histories cost by their length. What an entry means for a KPI is decided once,
//! when the entry is applied, from the entry alone: live, in recovery and in a rebuild the same,
//! and a report folds over one small record for each instance.

mod codec;
pub mod facts;
pub mod fold;
pub mod measure;
pub mod record;

pub use facts::Facts;
pub use record::{Record, record};

/// The clock of the first response.
pub const FRT: &str = "FRT";
/// The clock of the response to a later message.
pub const NRT: &str = "NRT";
/// The clock of the resolution.
pub const RES: &str = "RES";
/// The clock of the whole time of a complaint.
pub const TOTAL: &str = "TOTAL";
/// The clock of a time that the customer was told.
pub const PROMISE: &str = "PROMISE";
/// The clock of a callback: until the customer has spoken.
pub const DUE: &str = "DUE";
