//! Owns what may happen to a yearly plan: its events and their payloads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::case::Handle;
use crate::kernel::common::{Common, Nothing};
use crate::kernel::date::Date;
use crate::kernel::id::InstanceId;
use crate::kernel::machine::TimerName;
use crate::kernel::money::Money;
use crate::kernel::personal::Personal;
use crate::workflows::training::classes::Mode;

crate::events! {
    /// The events of a yearly plan.
    enum Event {
        /// The plan of a year is drafted.
        DraftPlan(DraftPlan) = "draft_plan",
        /// The draft says something else.
        EditItems(Items) = "edit_items",
        /// The draft is complete.
        Submit(Nothing) = "submit",
        /// The plan is in force.
        Approve(Remark) = "approve",
        /// The draft goes back.
        Reject(Rejection) = "reject",
        /// The plan in force changes (S2-101).
        Amend(Amend) = "amend",
        /// A class tells where its item stands.
        ItemStatus(ItemStatus) = "item_status",
        /// The year is over.
        CloseYear(Nothing) = "close_year",
    }
    + /// An event of every flow.
    Common(Common),
    + /// A timer that came due.
    Timer(TimerName),
}

/// Where an item stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// 未开始
    #[default]
    Open,
    /// 已建班
    Spawned,
    /// 已归档
    Archived,
}

/// One item of a plan (S2-100). The five fields may be left out of a draft; a plan that is submitted has all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its number.
    #[schemars(range(min = 1, max = 1_000))]
    pub no: u32,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub goal: Option<String>,
    /// What is taught.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub content: Option<String>,
    /// How it is taught.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Date>,
    /// What it may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Money>,
    /// Its class; told by the plan alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<InstanceId>,
    /// Where it stands; told by its class alone.
    #[serde(default)]
    pub status: Status,
}

/// Payload of `draft_plan`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftPlan {
    /// The year.
    #[schemars(range(min = 2000, max = 2200))]
    pub year: i32,
    /// Its items.
    #[schemars(length(min = 1, max = 200))]
    pub items: Vec<Item>,
}

/// Payload of `edit_items`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Items {
    /// Its items.
    #[schemars(length(min = 1, max = 200))]
    pub items: Vec<Item>,
}

/// Payload of `approve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remark {
    /// A word on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Personal>,
}

/// Payload of `reject`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// Why.
    pub comment: Personal,
}

/// Payload of `amend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Amend {
    /// Its items from now on.
    #[schemars(length(min = 1, max = 200))]
    pub items: Vec<Item>,
    /// Why.
    #[schemars(length(min = 1, max = 1_000))]
    pub reason: String,
    /// The process owner who agrees.
    pub approver: Handle,
}

/// Payload of `item_status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemStatus {
    /// Which item.
    #[schemars(range(min = 1, max = 1_000))]
    pub no: u32,
    /// Where it stands.
    pub status: Status,
}
