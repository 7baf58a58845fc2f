//! Diagrams and transition tables: what exploration of the code found, as picture, text or data.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::{Caller, Sight};
use super::error::{ApiError, Code};
use super::extract::{Params, Segments};
use super::headers;
use super::instances::readable;
use super::responses::group;
use super::state::AppState;
use super::workflows::{TitleView, flow};
use crate::engine::Engine;
use crate::kernel::definition::Definition;
use crate::kernel::diagram::{self, Diagram, Drawing, Language, Mark, Taken};
use crate::kernel::entry::{Cause, Entry};
use crate::kernel::explore::{BEFORE_START, Exploration};
use crate::kernel::instance::Instance;
use crate::kernel::table::{EventTable, Transitions};

/// Entries whose moves are marked in the picture of a case: beyond them every arrow is marked anyway.
const MARKED_ENTRIES_MAX: usize = 1_000;
/// Media type of pictures.
const SVG: &str = "image/svg+xml";
/// Media type of texts.
const TEXT: &str = "text/plain; charset=utf-8";

/// Pictures that were laid out, by content hash of the definition and language.
#[derive(Default)]
pub struct Drawings(Mutex<HashMap<(String, Language), Arc<Drawing>>>);

/// How the diagram is wanted.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DiagramParams {
    /// `svg` by default.
    #[serde(default)]
    #[param(inline, required = false)]
    format: DiagramFormat,
    /// `en` by default.
    #[serde(default)]
    #[param(inline, required = false)]
    lang: Lang,
}

/// A form of a diagram.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DiagramFormat {
    /// A picture.
    #[default]
    Svg,
    /// Mermaid's text.
    Mermaid,
    /// Data.
    Json,
}

/// A language of titles.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// 中文
    Zh,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::En,
            Lang::Zh => Self::Zh,
        }
    }
}

/// The language of a picture.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LangParams {
    /// `en` by default.
    #[serde(default)]
    #[param(inline, required = false)]
    lang: Lang,
}

/// How the table is wanted.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TableParams {
    /// `json` by default.
    #[serde(default)]
    #[param(inline, required = false)]
    format: TableFormat,
}

/// A form of a table.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TableFormat {
    /// Data.
    #[default]
    Json,
    /// Two Markdown tables.
    Markdown,
}

/// States and transitions of a workflow.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DiagramView {
    /// The workflow.
    pub workflow: String,
    /// Its title.
    pub title: TitleView,
    /// Superstates and states, each superstate before what it holds.
    pub nodes: Vec<NodeView>,
    /// One for each pair of leaves with a transition; the start comes from `•`.
    pub edges: Vec<EdgeView>,
}

/// A state or superstate.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NodeView {
    /// Its dotted path.
    pub id: String,
    /// The superstate that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parent: Option<String>,
    /// What people call it.
    pub title: TitleView,
    /// `superstate`, `state` or `final`.
    pub kind: &'static str,
    /// Whether exploration reached it.
    pub reached: bool,
    /// What is accepted in it without leaving it.
    pub stays: Vec<TriggerView>,
}

/// A transition between two leaves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EdgeView {
    /// State before.
    pub from: String,
    /// State after.
    pub to: String,
    /// The events that do it.
    pub causes: Vec<TriggerView>,
}

/// An event that does something.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TriggerView {
    /// The event; `timer NAME` for a due timer.
    pub event: String,
    /// What people call it.
    pub title: TitleView,
    /// Numbers of the transitions in the specification.
    pub rules: Vec<&'static str>,
}

/// The transition table of a workflow, by number and by state.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TransitionTable {
    /// The workflow.
    pub workflow: String,
    /// Every transition, by its number in the specification.
    pub transitions: Vec<TransitionGroup>,
    /// States: the columns of `events`.
    pub states: Vec<String>,
    /// What each state does with each event.
    pub events: Vec<EventCells>,
    /// Whether exploration stopped at its limit: there is more than is listed.
    pub truncated: bool,
}

/// The transitions of one number.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TransitionGroup {
    /// The number; absent where the specification numbers none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rule: Option<&'static str>,
    /// One for each event and target.
    pub lines: Vec<TransitionLine>,
}

/// What an event does in some states.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TransitionLine {
    /// States before.
    pub from: Vec<String>,
    /// The event; `timer NAME` for a due timer.
    pub event: String,
    /// The samples that got here: what the guard lets pass.
    pub samples: Vec<&'static str>,
    /// State after; `same` where it is not left.
    pub to: String,
    /// Effects it always has.
    pub always: Vec<String>,
    /// Effects it has in some configurations only.
    pub sometimes: Vec<String>,
}

/// What each state does with one event.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventCells {
    /// The event; `timer NAME` for a due timer.
    pub event: String,
    /// For each state the states it may lead to, `same` among them; empty where it is refused.
    pub cells: Vec<Vec<String>>,
}

impl From<&Diagram> for DiagramView {
    fn from(diagram: &Diagram) -> Self {
        let triggers = |causes: &[diagram::Cause]| {
            let trigger = |cause: &diagram::Cause| TriggerView {
                event: cause.event.clone(),
                title: (&cause.title).into(),
                rules: cause.rules.clone(),
            };
            causes.iter().map(trigger).collect()
        };
        let node = |node: &diagram::Node| NodeView {
            id: node.id.clone(),
            parent: node.parent.clone(),
            title: (&node.title).into(),
            kind: match node.kind {
                diagram::NodeKind::Superstate => "superstate",
                diagram::NodeKind::State => "state",
                diagram::NodeKind::Final => "final",
            },
            reached: node.reached,
            stays: triggers(&node.stays),
        };
        let edge = |edge: &diagram::Edge| EdgeView {
            from: edge.from.clone(),
            to: edge.to.clone(),
            causes: triggers(&edge.causes),
        };
        Self {
            workflow: diagram.workflow.to_owned(),
            title: (&diagram.title).into(),
            nodes: diagram.nodes.iter().map(node).collect(),
            edges: diagram.edges.iter().map(edge).collect(),
        }
    }
}

/// Reads the diagram of a workflow, as its code is explored.
#[utoipa::path(
    get, path = "/v1/workflows/{workflow}/diagram", operation_id = "get_diagram", tag = "workflows",
    params(("workflow" = String, Path, description = "The workflow", example = "consultation"), DiagramParams),
    responses((status = 200, description = "In the format asked for", content((String = "image/svg+xml"), (String = "text/plain"), (DiagramView = "application/json"))), group::Reading),
)]
pub async fn get_diagram(
    State(state): State<AppState>,
    _caller: Caller,
    Segments(name): Segments<String>,
    Params(params): Params<DiagramParams>,
) -> Result<Response, ApiError> {
    let engine = state.engine()?;
    let (exploration, definition) = explored(engine, &name).await?;
    let language = Language::from(params.lang);
    match params.format {
        DiagramFormat::Svg => {
            let drawing = drawing(&state, exploration, definition, language).await?;
            Ok(([(CONTENT_TYPE, SVG)], drawing.svg(&Mark::default())).into_response())
        }
        DiagramFormat::Mermaid => {
            let diagram = Diagram::of(&exploration, &definition);
            Ok(([(CONTENT_TYPE, TEXT)], diagram::mermaid::write(&diagram, language)).into_response())
        }
        DiagramFormat::Json => {
            Ok(Json(DiagramView::from(&Diagram::of(&exploration, &definition))).into_response())
        }
    }
}

/// Reads the transition table of a workflow, as its code is explored.
#[utoipa::path(
    get, path = "/v1/workflows/{workflow}/transitions", operation_id = "list_transitions", tag = "workflows",
    params(("workflow" = String, Path, description = "The workflow", example = "consultation"), TableParams),
    responses((status = 200, description = "In the format asked for", content((TransitionTable = "application/json"), (String = "text/plain"))), group::Reading),
)]
pub async fn list_transitions(
    State(state): State<AppState>,
    _caller: Caller,
    Segments(name): Segments<String>,
    Params(params): Params<TableParams>,
) -> Result<Response, ApiError> {
    match params.format {
        TableFormat::Json => Ok(Json(tabled(&state, &name).await?).into_response()),
        TableFormat::Markdown => {
            let (exploration, _) = explored(state.engine()?, &name).await?;
            let (transitions, events) = (Transitions::of(&exploration), EventTable::of(&exploration));
            let text = format!("{}\n{}", transitions.markdown(), events.markdown());
            Ok(([(CONTENT_TYPE, TEXT)], text).into_response())
        }
    }
}

/// Reads the picture of an instance: its workflow with the way it took and the state it is in.
#[utoipa::path(
    get, path = "/v1/instances/{id}/diagram", operation_id = "get_instance_diagram", tag = "instances",
    params(("id" = String, Path, description = "The instance", example = "3fa2-7f3k2m9qx4tbz8wd"), LangParams),
    responses((status = 200, description = "A picture", body = String, content_type = "image/svg+xml"), group::Reading),
)]
pub async fn get_instance_diagram(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(params): Params<LangParams>,
) -> Result<Response, ApiError> {
    let engine = state.engine()?;
    let (instance, position) = readable(engine, &caller, &id)?;
    let drawing = drawn(&state, &instance.workflow, params.lang.into()).await?;
    let mark = mark(engine, &caller, &instance).await?;
    let headers = headers::tagged(position, instance.seq);
    Ok((headers, [(CONTENT_TYPE, SVG)], drawing.svg(&mark)).into_response())
}

/// The picture of an instance for a page: its workflow with the way it took and the state it is in.
///
/// # Errors
/// A workflow without a definition in force; a history that cannot be read.
pub async fn picture(
    state: &AppState,
    caller: &Caller,
    instance: &Instance,
    language: Language,
) -> Result<String, ApiError> {
    let drawing = drawn(state, &instance.workflow, language).await?;
    Ok(drawing.svg(&mark(state.engine()?, caller, instance).await?))
}

/// The picture of the workflow `name` with titles in `language`, laid out.
///
/// # Errors
/// `unknown_workflow`.
pub async fn drawn(state: &AppState, name: &str, language: Language) -> Result<Arc<Drawing>, ApiError> {
    let (exploration, definition) = explored(state.engine()?, name).await?;
    drawing(state, exploration, definition, language).await
}

/// The transition table of the workflow `name`.
///
/// # Errors
/// `unknown_workflow`.
pub async fn tabled(state: &AppState, name: &str) -> Result<TransitionTable, ApiError> {
    let (exploration, _) = explored(state.engine()?, name).await?;
    let (transitions, events) = (Transitions::of(&exploration), EventTable::of(&exploration));
    Ok(table(transitions, events, exploration.truncated))
}

/// Who does not read histories sees where the case is, not how it came there.
async fn mark(engine: &Engine, caller: &Caller, instance: &Instance) -> Result<Mark, ApiError> {
    let mut mark = Mark { current: Some(instance.state.clone()), ..Mark::default() };
    if caller.sight() > Sight::Own {
        let recorded = engine.history(instance, 0, MARKED_ENTRIES_MAX).await?;
        mark.taken = recorded.iter().map(|recorded| taken(&recorded.entry)).collect();
    }
    Ok(mark)
}

/// The way of one entry, in the words of the diagram.
fn taken(entry: &Entry) -> Taken {
    let event = match &entry.cause {
        Some(Cause::Timer { timer, .. }) => format!("timer {timer}"),
        Some(Cause::Send { .. } | Cause::Parent { .. } | Cause::Follow { .. } | Cause::Operator { .. })
        | None => entry.event.clone(),
    };
    let from = entry.from.clone().unwrap_or_else(|| BEFORE_START.to_owned());
    Taken { from, to: entry.to.clone(), event: Some(event) }
}

/// What exploration found, and the definition in force. The first asker waits for it, on a thread of its own.
async fn explored(engine: &Engine, name: &str) -> Result<(Arc<Exploration>, Arc<Definition>), ApiError> {
    flow(engine, name)?;
    let (asked, owned) = (engine.clone(), name.to_owned());
    let explored = tokio::task::spawn_blocking(move || asked.exploration(&owned)).await.ok().flatten();
    let undefined = || ApiError::new(Code::Internal, format!("`{name}` has no definition in force"));
    Ok((explored.ok_or_else(undefined)?, engine.definition(name).ok_or_else(undefined)?))
}

/// The picture, laid out by the first asker; two first askers lay it out twice, alike.
async fn drawing(
    state: &AppState,
    exploration: Arc<Exploration>,
    definition: Arc<Definition>,
    language: Language,
) -> Result<Arc<Drawing>, ApiError> {
    let key = (definition.hash.clone(), language);
    if let Some(drawing) = kept(state).get(&key) {
        return Ok(drawing.clone());
    }
    let state = state.clone();
    // Kept by the thread that draws: whoever asked may have stopped waiting.
    let draw = move || {
        let drawing = Arc::new(Drawing::new(&Diagram::of(&exploration, &definition), language));
        kept(&state).insert(key, drawing.clone());
        drawing
    };
    let drawn = tokio::task::spawn_blocking(draw).await;
    drawn.map_err(|_| ApiError::new(Code::Internal, "the diagram cannot be laid out"))
}

/// The pictures that were laid out.
fn kept(state: &AppState) -> MutexGuard<'_, HashMap<(String, Language), Arc<Drawing>>> {
    state.drawings().0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn table(transitions: Transitions, events: EventTable, truncated: bool) -> TransitionTable {
    let groups = transitions.groups.into_iter().map(|group| TransitionGroup {
        rule: group.rule,
        lines: group
            .lines
            .into_iter()
            .map(|line| TransitionLine {
                from: line.from,
                event: line.event,
                samples: line.samples,
                to: line.to,
                always: line.always,
                sometimes: line.sometimes,
            })
            .collect(),
    });
    let rows = events.rows.into_iter().map(|row| EventCells { event: row.event, cells: row.cells });
    TransitionTable {
        workflow: transitions.workflow.to_owned(),
        transitions: groups.collect(),
        states: events.states,
        events: rows.collect(),
        truncated,
    }
}
