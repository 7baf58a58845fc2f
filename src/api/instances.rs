//! Instances: one instance with its timers and the events accepted now; [`super::lists`] has many.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::caller::{Caller, Sight};
use super::clocks::{self, ClockSummary};
use super::entries::shows_personal;
use super::error::{ApiError, Code};
use super::extract::{NoParams, Params, Segments, instance_id};
use super::headers;
use super::responses::group;
use super::state::AppState;
use super::workflows::TitleView;
use crate::engine::Engine;
use crate::kernel::instance::{Instance, Timer};
use crate::kernel::personal;
use crate::kernel::sla::is_clock_timer;

/// One instance with everything a caller needs to go on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InstanceView {
    /// Its id; also its case number.
    #[schema(example = "3fa2-7f3k2m9qx4tbz8wd")]
    pub id: String,
    /// Its workflow.
    #[schema(example = "consultation")]
    pub workflow: String,
    /// Dotted path of superstates and state.
    #[schema(example = "open.handling.in_progress")]
    pub state: String,
    /// The state's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub state_title: Option<TitleView>,
    /// The case's data; a personal value that may not be shown stands as `{"$p": digest}`.
    #[schema(value_type = Object)]
    pub data: Value,
    /// Number of its last entry; also its `ETag`.
    pub seq: u64,
    /// Position of its last entry.
    pub position: u64,
    /// When it was started.
    #[schema(format = DateTime)]
    pub created: String,
    /// When its last entry was recorded.
    #[schema(format = DateTime)]
    pub updated: String,
    /// Version of the definition it runs with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub definition_version: Option<u32>,
    /// The instance that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parent: Option<String>,
    /// The import or demo batch it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub origin: Option<String>,
    /// Running timers of its machine, the earliest first.
    pub timers: Vec<TimerView>,
    /// Its clocks that have not ended.
    pub clocks: Vec<ClockSummary>,
    /// The events that its state accepts now.
    pub accepted_events: Vec<AcceptedEvent>,
}

/// A running timer of an instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct TimerView {
    /// When it fires; never earlier.
    #[schema(format = DateTime)]
    pub due: String,
    /// Its name.
    #[schema(example = "FRT_ACCEPT")]
    pub timer: String,
    /// Which arming of it.
    pub generation: u32,
    /// How often its step has failed in a row.
    pub failures: u32,
}

/// An event that the instance accepts now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AcceptedEvent {
    /// Its name.
    #[schema(example = "accept")]
    pub event: String,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<TitleView>,
    /// What it does.
    pub about: String,
    /// Who may send it.
    pub roles: Vec<&'static str>,
    /// JSON Schema of its payload.
    #[schema(value_type = Object)]
    pub payload_schema: Arc<RawValue>,
}

/// Reads one instance, with its timers and the events its state accepts now.
///
/// Whoever may not read the instance is answered as if it did not exist.
#[utoipa::path(
    get, path = "/v1/instances/{id}", operation_id = "get_instance", tag = "instances",
    params(("id" = String, Path, description = "The instance", example = "3fa2-7f3k2m9qx4tbz8wd")),
    responses((status = 200, body = InstanceView, description = "The instance", headers(("ETag" = String, description = "The instance's sequence, quoted"), ("Careflow-Position" = u64, description = "The position that was read at"))), group::Reading),
)]
pub async fn get_instance(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<(HeaderMap, Json<InstanceView>), ApiError> {
    let engine = state.engine()?;
    let (instance, position) = readable(engine, &caller, &id)?;
    let headers = headers::tagged(position, instance.seq);
    Ok((headers, Json(view(&state, engine, &instance, caller.sight()))))
}

/// The instance that `id` names, where the caller may read it, and the position it was read at.
///
/// # Errors
/// `unknown_instance`.
pub fn readable(engine: &Engine, caller: &Caller, id: &str) -> Result<(Arc<Instance>, u64), ApiError> {
    found(engine, id, |instance| caller.may_read(instance))
}

/// The instance that `id` names, where the caller may send it an event, and the position it was read at.
///
/// # Errors
/// `unknown_instance`.
pub fn addressable(engine: &Engine, caller: &Caller, id: &str) -> Result<(Arc<Instance>, u64), ApiError> {
    found(engine, id, |instance| caller.may_address(instance))
}

fn found(
    engine: &Engine,
    id: &str,
    shown: impl Fn(&Instance) -> bool,
) -> Result<(Arc<Instance>, u64), ApiError> {
    let (instance, position) = engine.instance(&instance_id(id)?)?;
    match instance {
        // Tokens, actors and files are instances of the engine's own; they have their own resources.
        Some(instance) if !is_system(&instance.workflow) && shown(&instance) => Ok((instance, position)),
        Some(_) | None => Err(ApiError::new(Code::UnknownInstance, format!("there is no instance `{id}`"))),
    }
}

/// Whether a workflow is one of the engine's own.
pub fn is_system(workflow: &str) -> bool {
    workflow.starts_with('$')
}

/// The instance as somebody of this sight sees it.
pub fn view(state: &AppState, engine: &Engine, instance: &Instance, sight: Sight) -> InstanceView {
    let definition = engine.pinned(instance);
    let title = definition.as_ref().and_then(|definition| definition.states.get(&instance.state));
    let mut timers: Vec<TimerView> = instance
        .timers
        .iter()
        .filter(|(name, _)| !is_clock_timer(name))
        .map(|(name, timer)| timer_view(name, timer))
        .collect();
    timers.sort();
    let accepted = engine.accepted_events(instance).into_iter().filter_map(|event| {
        let described = state.catalog().event(&instance.workflow, &event)?;
        Some(AcceptedEvent {
            title: definition.as_ref().and_then(|d| d.events.get(&event)).map(TitleView::from),
            about: described.about.to_owned(),
            roles: definition
                .as_ref()
                .map(|d| d.allowed(&event))
                .unwrap_or_default()
                .iter()
                .map(|role| role.name())
                .collect(),
            payload_schema: described.schema.clone(),
            event,
        })
    });
    InstanceView {
        id: instance.id.to_string(),
        workflow: instance.workflow.clone(),
        state: instance.state.clone(),
        state_title: title.map(TitleView::from),
        data: data(instance, sight),
        seq: instance.seq,
        position: instance.position,
        created: instance.created.to_string(),
        updated: instance.updated.to_string(),
        definition_version: definition.as_ref().map(|definition| definition.version),
        parent: instance.parent.as_ref().map(ToString::to_string),
        origin: instance.origin.clone(),
        timers,
        clocks: clocks::summaries(engine, instance, engine.now()),
        accepted_events: accepted.collect(),
    }
}

fn data(instance: &Instance, sight: Sight) -> Value {
    let mut data = match sight {
        Sight::Own => serde_json::json!({ "case": instance.data.get("case") }),
        Sight::Sealed | Sight::Full => Value::clone(&instance.data),
    };
    if shows_personal(instance, sight) {
        personal::reveal(&mut data, &instance.private);
    }
    data
}

/// A timer as it is shown.
pub fn timer_view(name: &str, timer: &Timer) -> TimerView {
    TimerView {
        due: timer.due.to_string(),
        timer: name.to_owned(),
        generation: timer.generation,
        failures: timer.failures,
    }
}

/// Who answers for an instance: a person's id or `queue:<name>`.
pub fn owner_text(instance: &Instance) -> Option<String> {
    let owner = instance.data.get("case")?.get("owner")?;
    let person = owner.pointer("/person/id").and_then(Value::as_str).map(str::to_owned);
    person.or_else(|| Some(format!("queue:{}", owner.get("queue")?.as_str()?)))
}
