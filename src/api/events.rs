//! Events: start an instance, send an event, or see what either would do.
//!
//! # Why
//! The answer is a function of the recorded entry and its position alone, so
//! that a replayed idempotency key is answered with the same bytes.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::caller::{Caller, Sight};
use super::clock_facts::ClockFactView;
use super::effects::EffectView;
use super::entries::{self, EntryView};
use super::error::{ApiError, Code};
use super::extract::{Params, Segments, StrictJson, WriteHeaders};
use super::headers;
use super::instances::{InstanceView, addressable, readable, view};
use super::responses::group;
use super::state::AppState;
use crate::engine::{Accepted, Command, CommandError, Engine, Preview, Target};
use crate::kernel::actor::Actor;
use crate::kernel::entry::Entry;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;

/// Entries that a refused `If-Match` tells; whoever is further behind reads the history.
const ENTRIES_SINCE_MAX: usize = 20;

/// What starts an instance.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// Payload of the workflow's start event.
    #[serde(default)]
    #[schema(value_type = Object)]
    payload: Map<String, Value>,
    /// When it happened by the sender's clock; now where it is absent.
    #[serde(default)]
    #[schema(value_type = String, format = DateTime, nullable = false, required = false)]
    occurred_at: Option<Instant>,
}

/// An event for an instance.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventRequest {
    /// Its name.
    event: String,
    /// Its payload.
    #[serde(default)]
    #[schema(value_type = Object)]
    payload: Map<String, Value>,
    /// When it happened by the sender's clock; now where it is absent.
    #[serde(default)]
    #[schema(value_type = String, format = DateTime, nullable = false, required = false)]
    occurred_at: Option<Instant>,
}

/// Whether something is done or only said.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunParams {
    /// `true` answers exactly what would happen, and nothing happens; `preview` then holds entries and state.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
}

/// What an accepted event did, or on a dry run would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Receipt {
    /// The instance.
    #[schema(example = "3fa2-7f3k2m9qx4tbz8wd")]
    pub instance: String,
    /// Its workflow.
    pub workflow: String,
    /// Number of the entry that the event became; the `ETag` is higher where follow-ups came with it.
    pub seq: u64,
    /// Position of its commit; on a dry run the position whose state was looked at.
    pub position: u64,
    /// The event.
    #[schema(example = "accept")]
    pub event: String,
    /// Number of the transition in the specification.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2a")]
    pub rule: Option<String>,
    /// State before; absent for a start.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub from: Option<String>,
    /// State after.
    pub to: String,
    /// Whether the state is another one.
    pub moved: bool,
    /// What it did to clocks.
    pub clocks: Vec<ClockFactView>,
    /// What else it causes.
    pub effects: Vec<EffectView>,
    /// When it happened by the sender's clock.
    #[schema(format = DateTime)]
    pub occurred_at: String,
    /// When it was recorded.
    #[schema(format = DateTime)]
    pub recorded_at: String,
    /// Only on a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub preview: Option<PreviewView>,
}

/// What a command would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PreviewView {
    /// Every entry it would become: its own, follow-ups and those of children.
    pub entries: Vec<EntryView>,
    /// The instance after it.
    pub after: InstanceView,
}

/// Starts an instance of the workflow.
///
/// Send an `Idempotency-Key`: a retried start then meets its own instance and
/// gets the same answer, with `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/workflows/{workflow}/instances", operation_id = "start_instance", tag = "events",
    params(
        ("workflow" = String, Path, description = "The workflow", example = "consultation"),
        RunParams,
        ("Idempotency-Key" = Option<String>, Header, nullable = false, description = "1 to 200 visible ASCII characters that make the command unique for its sender"),
    ),
    request_body = StartRequest,
    responses(
        (status = 201, body = Receipt, description = "Started", headers(("Location" = String, description = "Path of the instance"), ("ETag" = String, description = "The instance's sequence, quoted"), ("Careflow-Position" = u64, description = "Position of the commit"), ("Idempotent-Replayed" = Option<String>, description = "`true` where the key was used before"))),
        (status = 200, body = Receipt, description = "What would happen (`dry_run=true`)"),
        group::Sending,
    ),
)]
pub async fn start_instance(
    State(state): State<AppState>,
    caller: Caller,
    Segments(workflow): Segments<String>,
    Params(run): Params<RunParams>,
    write: WriteHeaders,
    StrictJson(body): StrictJson<StartRequest>,
) -> Result<Response, ApiError> {
    let engine = state.engine()?;
    let Some(flow) = engine.workflow(&workflow) else {
        return Err(unknown_workflow(engine, &workflow));
    };
    let definition = engine.definition(&workflow);
    let actor = caller.sender(definition.as_deref(), flow.start_event());
    if write.if_match.is_some() {
        let detail = "`If-Match` is for events; what is started has no sequence yet";
        return Err(ApiError::new(Code::InvalidHeader, detail));
    }
    let sent = Sent { payload: body.payload, occurred_at: body.occurred_at, write };
    let command = sent.command(Target::Start(workflow), flow.start_event().to_owned(), actor, &caller);
    if run.dry_run {
        return dry_run(&state, engine, &caller, &command).await.map(IntoResponse::into_response);
    }
    let accepted = match engine.submit(command).await {
        Ok(accepted) => accepted,
        Err(error) => return Err(failure(engine, &caller, error).await),
    };
    let (mut headers, receipt) = receipt(&accepted);
    headers::located(&mut headers, &format!("/v1/instances/{}", receipt.instance));
    Ok((StatusCode::CREATED, headers, Json(receipt)).into_response())
}

/// Sends an event to an instance.
///
/// The body's `event` decides what `payload` holds; `accepted_events` of the
/// instance says which events its state accepts and who may send them. With
/// `If-Match` the event counts only for the sequence it was decided on; without
/// it, who comes second is told by 409 who was first.
#[utoipa::path(
    post, path = "/v1/instances/{id}/events", operation_id = "send_event", tag = "events",
    params(
        ("id" = String, Path, description = "The instance", example = "3fa2-7f3k2m9qx4tbz8wd"),
        RunParams,
        ("Idempotency-Key" = Option<String>, Header, nullable = false, description = "1 to 200 visible ASCII characters that make the command unique for its sender"),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The sequence that the instance must have, quoted", example = "\"3\""),
    ),
    request_body = EventRequest,
    responses(
        (status = 200, body = Receipt, description = "Done, or on a dry run what would be", headers(("ETag" = String, description = "The instance's sequence, quoted"), ("Careflow-Position" = u64, description = "Position of the commit"), ("Idempotent-Replayed" = Option<String>, description = "`true` where the key was used before"))),
        group::Sending,
    ),
)]
pub async fn send_event(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(run): Params<RunParams>,
    write: WriteHeaders,
    StrictJson(body): StrictJson<EventRequest>,
) -> Result<Response, ApiError> {
    let engine = state.engine()?;
    // A preview shows the instance, so that it is for those who may read it.
    let (instance, _) =
        if run.dry_run { readable(engine, &caller, &id)? } else { addressable(engine, &caller, &id)? };
    let actor = caller.sender(engine.pinned(&instance).as_deref(), &body.event);
    let sent = Sent { payload: body.payload, occurred_at: body.occurred_at, write };
    let command = sent.command(Target::Instance(instance.id.clone()), body.event, actor, &caller);
    // Once there is a newer version the writer lets go of this one: its memory is of that thread.
    drop(instance);
    if run.dry_run {
        return dry_run(&state, engine, &caller, &command).await.map(IntoResponse::into_response);
    }
    match engine.submit(command).await {
        Ok(accepted) => {
            let (headers, receipt) = receipt(&accepted);
            Ok((headers, Json(receipt)).into_response())
        }
        Err(error) => Err(failure(engine, &caller, error).await),
    }
}

/// What a sender gave, whatever it is for.
struct Sent {
    payload: Map<String, Value>,
    occurred_at: Option<Instant>,
    write: WriteHeaders,
}

impl Sent {
    fn command(self, target: Target, event: String, actor: Actor, caller: &Caller) -> Command {
        Command {
            target,
            event,
            payload: self.payload,
            actor,
            occurred_at: self.occurred_at,
            key: self.write.key,
            if_match: self.write.if_match,
            request_id: Some(caller.request_id().to_owned()),
            origin: None,
        }
    }
}

/// There is no such workflow; those that there are.
pub fn unknown_workflow(engine: &Engine, name: &str) -> ApiError {
    let known = engine.workflows().iter().map(|flow| flow.name());
    ApiError::new(Code::UnknownWorkflow, format!("there is no workflow `{name}`")).accepting(known)
}

/// The answer to an accepted command.
pub fn receipt(accepted: &Accepted) -> (HeaderMap, Receipt) {
    let mut headers = headers::tagged(accepted.position, accepted.last_seq);
    if accepted.replayed {
        headers::replayed(&mut headers);
    }
    (headers, receipt_of(&accepted.entry, accepted.position))
}

fn receipt_of(entry: &Entry, position: u64) -> Receipt {
    Receipt {
        instance: entry.instance.to_string(),
        workflow: entry.workflow.clone(),
        seq: entry.seq,
        position,
        event: entry.event.clone(),
        rule: entry.rule.clone(),
        from: entry.from.clone(),
        to: entry.to.clone(),
        moved: entry.from.as_deref() != Some(&entry.to),
        clocks: entry.clocks.iter().map(ClockFactView::from).collect(),
        effects: entry.effects.iter().map(EffectView::from).collect(),
        occurred_at: entry.occurred().to_string(),
        recorded_at: entry.recorded_at.to_string(),
        preview: None,
    }
}

async fn dry_run(
    state: &AppState,
    engine: &Engine,
    caller: &Caller,
    command: &Command,
) -> Result<(HeaderMap, Json<Receipt>), ApiError> {
    let used = match engine.used(command).await {
        Ok(used) => used,
        Err(error) => return Err(failure(engine, caller, error).await),
    };
    if let Some(accepted) = used {
        let (headers, receipt) = receipt(&accepted);
        return Ok((headers, Json(receipt)));
    }
    let Preview { entries, after, position } = match engine.preview(command) {
        Ok(preview) => preview,
        Err(error) => return Err(failure(engine, caller, error).await),
    };
    let Some(first) = entries.first() else {
        return Err(ApiError::new(Code::Internal, "the preview of an accepted command has no entry"));
    };
    let mut receipt = receipt_of(first, position);
    receipt.preview = Some(PreviewView {
        entries: entries.iter().map(|entry| EntryView::from(&**entry)).collect(),
        after: view(state, engine, &after, caller.sight()),
    });
    Ok((headers::at(position), Json(receipt)))
}

/// The problem of a command that was not accepted; a stale one is told what it missed.
pub async fn failure(engine: &Engine, caller: &Caller, error: CommandError) -> ApiError {
    let missed = match &error {
        CommandError::Stale { expected, instance, .. } => missed(engine, caller, instance, *expected).await,
        _ => Vec::new(),
    };
    let problem = ApiError::from(error).entries_since(missed);
    if caller.sight() == Sight::Own { problem.without_instance() } else { problem }
}

/// The entries after `expected`; none where they cannot be read: the refusal itself still stands.
async fn missed(
    engine: &Engine,
    caller: &Caller,
    instance: &Instance,
    expected: u64,
) -> Vec<entries::EntryRecord> {
    if caller.sight() == Sight::Own {
        return Vec::new();
    }
    let recorded = engine.history(instance, expected, ENTRIES_SINCE_MAX).await.unwrap_or_default();
    entries::records(engine, &recorded, caller.sight()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::testing;

    #[test]
    fn a_replayed_key_is_answered_with_the_same_bytes() {
        let entry = Arc::new(testing::entries().remove(0));
        let answer = |replayed| {
            let (headers, receipt) =
                receipt(&Accepted { entry: entry.clone(), position: 7, last_seq: 3, replayed });
            (headers, serde_json::to_string(&receipt).unwrap())
        };
        let ((first, body), (second, again)) = (answer(false), answer(true));
        assert_eq!(body, again);
        assert_eq!(first.get("etag"), second.get("etag"));
        assert_eq!(first.get("careflow-position").unwrap(), "7");
        assert!(!first.contains_key("idempotent-replayed"));
        assert_eq!(second.get("idempotent-replayed").unwrap(), "true");
    }

    #[test]
    fn an_event_body_knows_its_members() {
        let read = |text: &str| serde_json::from_str::<EventRequest>(text);
        assert!(read("{\"event\": \"accept\"}").unwrap().payload.is_empty());
        let error = read("{\"event\": \"accept\", \"pay\": {}}").unwrap_err().to_string();
        assert!(
            error.contains("unknown field `pay`, expected one of `event`, `payload`, `occurred_at`"),
            "{error}"
        );
        assert!(read("{\"event\": \"accept\", \"occurred_at\": \"yesterday\"}").is_err());
        assert!(read("{\"event\": \"accept\", \"payload\": []}").is_err());
        assert!(read("{}").is_err());
    }
}
