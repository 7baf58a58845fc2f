//! Owns KPIs: numbers over histories, as pure functions that anybody can compute again (rules.md §1.3).
//!
//! [`facts`] is what an instance keeps of its history for them ([`scores`] and [`training`] parts of
//! it), [`record`](mod@record) the compact form that folds read, `codec` its bytes, [`measure`] the list
//! of all numbers, `cases`, `complaints`, `callbacks` and `lessons` what each sees in a record, and [`fold`] the
//! numbers over a window.
//!
//! # Why
//! KPIs over whole histories cost by their length. What an entry means for a KPI is decided once,
//! when the entry is applied, from the entry alone: live, in recovery and in a rebuild the same,
//! and a report folds over one small record for each instance.

mod callbacks;
mod cases;
mod codec;
mod complaints;
pub mod facts;
pub mod fold;
mod lessons;
pub mod measure;
pub mod record;
pub mod scores;
pub mod training;

pub use facts::Facts;
pub use record::{Record, record};

/// The clock of the first response.
pub const FRT: &str = "FRT";
/// The clock of a complaint's first response, its acknowledgement (A17).
pub const ACK: &str = "ACK";
/// The clock of the response to a later message.
pub const NRT: &str = "NRT";
/// The clock of the resolution.
pub const RES: &str = "RES";
/// The clock of the whole time of a complaint.
pub const TOTAL: &str = "TOTAL";
/// The clock of a time that the customer was told.
pub const PROMISE: &str = "PROMISE";
/// The clock of a class's file.
pub const FILING: &str = "ARCHIVE";
/// The clock of a callback: until the customer has spoken.
pub const DUE: &str = "DUE";
