//! Owns the yearly plan 年度培训计划: what is to be taught, when, how, and for how much (S2-100).
//!
//! The story. Before the year begins a plan is drafted, submitted and approved by somebody else (`draft`,
//! `pending_approval`, `active`). A month before its time each item becomes a class, which tells the plan
//! when it is on file. The plan changes by two people (S2-101), and is closed a month after its year.
//! Rule names are the row numbers of §3.4.1.

pub mod event;
mod machine;
pub mod policy;
mod samples;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::kernel::case::{Handle, InternalCase};
use crate::kernel::instant::Instant;
use crate::kernel::machine::Cx as KernelCx;
use event::Item;
use policy::Policy;

/// What the handlers of this flow see and fill.
pub(crate) type Cx<'a> = KernelCx<'a, Policy>;

/// The next item is to become a class.
pub const ITEM_DUE: &str = "ITEM_DUE";
/// The year is over.
pub const YEAR_END: &str = "YEAR_END";

/// The data of a yearly plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What every internal case carries.
    pub case: InternalCase,
    /// The year.
    pub year: i32,
    /// The year as text: of it only one plan is open, and it is found by it.
    pub external_ref: String,
    /// 1, and one more with each amendment.
    pub version: u32,
    /// By when it should be submitted.
    pub submit_due: Instant,
    /// By when it should be approved.
    pub approve_due: Instant,
    /// Its items, by number.
    pub items: Vec<Item>,
    /// Who submitted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitter: Option<Handle>,
    /// How many classes it has drafted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub classes: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
