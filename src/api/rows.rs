//! Owns one row of a list of instances.

use serde::Serialize;
use utoipa::ToSchema;

use super::clocks::{self, ClockSummary};
use super::instances::owner_text;
use super::workflows::TitleView;
use crate::engine::Engine;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;

/// One row of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InstanceRow {
    /// Its id; also its case number.
    pub id: String,
    /// Its workflow.
    pub workflow: String,
    /// Dotted path of superstates and state.
    pub state: String,
    /// The state's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub state_title: Option<TitleView>,
    /// Number of its last entry.
    pub seq: u64,
    /// When it was started.
    #[schema(format = DateTime)]
    pub created: String,
    /// When its last entry was recorded.
    #[schema(format = DateTime)]
    pub updated: String,
    /// Who answers for it: a person's id or `queue:<name>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub owner: Option<String>,
    /// Pseudonym of the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub customer: Option<String>,
    /// How the customer reached the organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel: Option<String>,
    /// How soon it should be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub priority: Option<String>,
    /// When its earliest timer fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub next_due: Option<String>,
    /// Its clocks that have not ended.
    pub clocks: Vec<ClockSummary>,
}

/// The row of `instance`, with its clocks as of `now`.
pub fn row(engine: &Engine, instance: &Instance, now: Instant) -> InstanceRow {
    let text = |name: &str| instance.case_text(name).map(str::to_owned);
    let definition = engine.pinned(instance);
    InstanceRow {
        id: instance.id.to_string(),
        workflow: instance.workflow.clone(),
        state: instance.state.clone(),
        state_title: definition.and_then(|d| d.states.get(&instance.state).map(TitleView::from)),
        seq: instance.seq,
        created: instance.created.to_string(),
        updated: instance.updated.to_string(),
        owner: owner_text(instance),
        customer: text("customer_id"),
        channel: text("channel"),
        priority: text("priority"),
        next_due: instance.next_due().map(|due| due.to_string()),
        clocks: clocks::summaries(engine, instance, now),
    }
}
