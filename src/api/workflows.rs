//! Workflows: what procedures there are, their states and events, schemas and published definitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::caller::Caller;
use super::catalog::raw;
use super::clock_rules::ClockRuleView;
use super::error::{ApiError, Code};
use super::events::unknown_workflow;
use super::extract::{NoParams, Params, Segments};
use super::responses::group;
use super::state::AppState;
use crate::engine::Engine;
use crate::kernel::definition::Definition;
use crate::kernel::machine::Workflow;
use crate::kernel::title::Title;

/// A name in both languages.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TitleView {
    /// English.
    pub en: String,
    /// 中文
    pub zh: String,
}

impl From<&Title> for TitleView {
    fn from(title: &Title) -> Self {
        Self { en: title.en.clone(), zh: title.zh.clone() }
    }
}

/// A workflow in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WorkflowRow {
    /// Its name.
    #[schema(example = "consultation")]
    pub workflow: String,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<TitleView>,
    /// The event that starts an instance.
    pub start_event: String,
    /// Version of the definition that new instances get.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub definition_version: Option<u32>,
}

/// Every registered workflow.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WorkflowList {
    /// In the order of the registry.
    pub workflows: Vec<WorkflowRow>,
}

/// One workflow.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WorkflowView {
    /// Name, title, start event and version.
    #[serde(flatten)]
    pub row: WorkflowRow,
    /// Name of the calendar that its business time is counted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub calendar: Option<String>,
    /// Its states, in the order of the specification; the first is the initial one.
    pub states: Vec<StateView>,
    /// Its events, in the order of the specification.
    pub events: Vec<EventView>,
    /// Names of its timers.
    pub timers: Vec<String>,
    /// Its clocks, by name.
    pub clocks: Vec<ClockRuleView>,
}

/// A state of a workflow.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StateView {
    /// Dotted path of superstates and state.
    pub state: String,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<TitleView>,
    /// Whether the case ends there.
    pub is_final: bool,
}

/// An event of a workflow.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventView {
    /// Its name.
    pub event: String,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<TitleView>,
    /// What it does.
    pub about: String,
    /// Who may send it.
    pub roles: Vec<&'static str>,
}

/// The JSON Schemas of a workflow.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SchemaSet {
    /// Of each event's payload.
    #[schema(value_type = BTreeMap<String, Object>)]
    pub events: BTreeMap<String, Arc<RawValue>>,
    /// Of the definition's policy values.
    #[schema(value_type = Object)]
    pub policy: Arc<RawValue>,
}

/// A published version of a definition.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DefinitionRow {
    /// Its version.
    pub version: u32,
    /// Content hash: what entries pin.
    pub hash: String,
    /// Whether new instances get it.
    pub in_force: bool,
}

/// Every published version, the oldest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DefinitionList {
    /// Versions in order.
    pub definitions: Vec<DefinitionRow>,
}

/// Lists the registered workflows.
#[utoipa::path(
    get, path = "/v1/workflows", operation_id = "list_workflows", tag = "workflows",
    responses((status = 200, body = WorkflowList, description = "The workflows"), group::Listing),
)]
pub async fn list_workflows(
    State(state): State<AppState>,
    _caller: Caller,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<WorkflowList>, ApiError> {
    let engine = state.engine()?;
    let row = |flow: &Arc<dyn Workflow>| row(flow, engine.definition(flow.name()).as_deref());
    Ok(Json(WorkflowList { workflows: engine.workflows().iter().map(row).collect() }))
}

/// Reads one workflow: its states, events, timers and clocks.
#[utoipa::path(
    get, path = "/v1/workflows/{workflow}", operation_id = "get_workflow", tag = "workflows",
    params(("workflow" = String, Path, description = "The workflow", example = "consultation")),
    responses((status = 200, body = WorkflowView, description = "The workflow"), group::Reading),
)]
pub async fn get_workflow(
    State(state): State<AppState>,
    _caller: Caller,
    Segments(name): Segments<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<WorkflowView>, ApiError> {
    let engine = state.engine()?;
    let flow = flow(engine, &name)?;
    let definition = engine.definition(&name);
    let definition = definition.as_deref();
    let states = flow.states().iter().map(|spec| StateView {
        state: spec.path.clone(),
        title: definition.and_then(|d| d.states.get(&spec.path)).map(TitleView::from),
        is_final: spec.is_final,
    });
    let events = flow.events().iter().map(|spec| EventView {
        event: spec.name.to_owned(),
        title: definition.and_then(|d| d.events.get(spec.name)).map(TitleView::from),
        about: spec.doc.trim().to_owned(),
        roles: definition
            .map(|d| d.allowed(spec.name))
            .unwrap_or_default()
            .iter()
            .map(|role| role.name())
            .collect(),
    });
    Ok(Json(WorkflowView {
        row: row(flow, definition),
        calendar: definition.map(|d| d.calendar.clone()),
        states: states.collect(),
        events: events.collect(),
        timers: flow.timers().iter().map(|timer| (*timer).to_owned()).collect(),
        clocks: definition
            .map(|d| d.clocks.iter().map(|(name, rule)| ClockRuleView::new(name, rule)).collect())
            .unwrap_or_default(),
    }))
}

/// Reads the JSON Schemas of a workflow's payloads and policy.
#[utoipa::path(
    get, path = "/v1/workflows/{workflow}/schemas", operation_id = "get_schemas", tag = "workflows",
    params(("workflow" = String, Path, description = "The workflow", example = "consultation")),
    responses((status = 200, body = SchemaSet, description = "The schemas"), group::Reading),
)]
pub async fn get_schemas(
    State(state): State<AppState>,
    _caller: Caller,
    Segments(name): Segments<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<SchemaSet>, ApiError> {
    let flow = flow(state.engine()?, &name)?;
    let schema = |event: &str| state.catalog().event(&name, event).map(|described| described.schema.clone());
    let events = flow.events().iter().filter_map(|spec| Some((spec.name.to_owned(), schema(spec.name)?)));
    Ok(Json(SchemaSet { events: events.collect(), policy: raw(&flow.policy_schema()).into() }))
}

/// Lists the published versions of a workflow's definition, the oldest first.
///
/// For staff, gateways and administrators.
#[utoipa::path(
    get, path = "/v1/workflows/{workflow}/definitions", operation_id = "list_definitions", tag = "workflows",
    params(("workflow" = String, Path, description = "The workflow", example = "consultation")),
    responses((status = 200, body = DefinitionList, description = "The versions"), group::Reading),
)]
pub async fn list_definitions(
    State(state): State<AppState>,
    caller: Caller,
    Segments(name): Segments<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<DefinitionList>, ApiError> {
    let engine = state.engine()?;
    caller.reads_all()?;
    flow(engine, &name)?;
    let in_force = engine.definition(&name).map(|definition| definition.hash.clone());
    let definitions = engine.definitions(&name);
    let row = |(definition, _): &(Arc<Definition>, Arc<str>)| DefinitionRow {
        version: definition.version,
        hash: definition.hash.clone(),
        in_force: in_force.as_deref() == Some(&definition.hash),
    };
    Ok(Json(DefinitionList { definitions: definitions.iter().map(row).collect() }))
}

/// Reads the text of one published version of a definition, as it was published.
///
/// For staff, gateways and administrators.
#[utoipa::path(
    get, path = "/v1/workflows/{workflow}/definitions/{version}", operation_id = "get_definition", tag = "workflows",
    params(
        ("workflow" = String, Path, description = "The workflow", example = "consultation"),
        ("version" = u32, Path, description = "The version", example = 1),
    ),
    responses((status = 200, body = String, content_type = "application/yaml", description = "The definition"), group::Reading),
)]
pub async fn get_definition(
    State(state): State<AppState>,
    caller: Caller,
    Segments((name, version)): Segments<(String, u32)>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<impl IntoResponse, ApiError> {
    let engine = state.engine()?;
    caller.reads_all()?;
    flow(engine, &name)?;
    let definitions = engine.definitions(&name);
    let found = definitions.iter().find(|(definition, _)| definition.version == version);
    match found {
        Some((_, text)) => Ok(([(CONTENT_TYPE, "application/yaml")], text.to_string())),
        None => {
            let known = definitions.iter().map(|(definition, _)| definition.version.to_string());
            let detail = format!("`{name}` has no version {version}");
            Err(ApiError::new(Code::UnknownVersion, detail).accepting(known))
        }
    }
}

/// The workflow that a path names.
///
/// # Errors
/// `unknown_workflow`.
pub fn flow<'e>(engine: &'e Engine, name: &str) -> Result<&'e Arc<dyn Workflow>, ApiError> {
    engine.workflow(name).ok_or_else(|| unknown_workflow(engine, name))
}

fn row(flow: &Arc<dyn Workflow>, definition: Option<&Definition>) -> WorkflowRow {
    WorkflowRow {
        workflow: flow.name().to_owned(),
        title: definition.map(|definition| (&definition.title).into()),
        start_event: flow.start_event().to_owned(),
        definition_version: definition.map(|definition| definition.version),
    }
}
