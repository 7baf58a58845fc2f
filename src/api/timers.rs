//! Timers: what is due when; an administrator fires or moves one, with a reason.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::cursor;
use super::error::{ApiError, Code};
use super::events::{Receipt, failure, receipt};
use super::extract::{NoParams, Params, Segments, StrictJson, WriteHeaders};
use super::headers;
use super::instances::{TimerView, readable, timer_view};
use super::lists::{limit, time};
use super::responses::group;
use super::state::AppState;
use crate::engine::{Accepted, CommandError, Engine};
use crate::kernel::actor::{Actor, Role};
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;

/// Longest reason: that of reasons in payloads.
const REASON_LENGTH_MAX: usize = 500;
/// What a cursor of this list is made for, but for `until`.
const LIST: &str = "timers until ";

/// Which timers are listed.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimerParams {
    /// Only timers due at or before this time.
    #[param(nullable = false, format = DateTime)]
    pub until: Option<String>,
    /// Most timers, 1 to 200; 50 by default.
    #[param(nullable = false, minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
    /// `next_cursor` of the page before, with the same `until`.
    #[param(nullable = false)]
    pub cursor: Option<String>,
}

/// A page of running timers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TimerPage {
    /// The earliest first.
    pub timers: Vec<ArmedTimerView>,
    /// Where the list goes on; absent at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// A running timer and whose it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ArmedTimerView {
    /// The instance.
    pub instance: String,
    /// Its workflow.
    pub workflow: String,
    /// Its state.
    pub state: String,
    /// The timer.
    #[serde(flatten)]
    pub timer: TimerView,
}

/// Why a timer is fired.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FireTimer {
    /// Why; it stands in the history.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// When a timer should fire instead, and why.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveTimer {
    /// The new time.
    #[schema(value_type = String, format = DateTime)]
    due: Instant,
    /// Why; it stands in the history.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Lists the next timer of each instance, the earliest due first.
///
/// An instance shows all of its timers itself.
#[utoipa::path(
    get, path = "/v1/timers", operation_id = "list_timers", tag = "timers",
    params(TimerParams),
    responses((status = 200, body = TimerPage, description = "A page of timers", headers(("Careflow-Position" = u64, description = "The position that was read at"))), group::Listing),
)]
pub async fn list_timers(
    State(state): State<AppState>,
    caller: Caller,
    Params(params): Params<TimerParams>,
) -> Result<(HeaderMap, Json<TimerPage>), ApiError> {
    let engine = state.engine()?;
    caller.reads_all()?;
    let limit = limit(params.limit)?;
    let filters = format!("{LIST}{}", params.until.as_deref().unwrap_or_default());
    let until = time("until", params.until)?.unwrap_or(Instant::from_millis(i64::MAX));
    let after = params.cursor.map(|cursor| cursor::read(&filters, &cursor)).transpose()?;
    let found = engine.timers(after.as_ref(), until, limit)?;
    let next_cursor = found.next.map(|(due, id)| cursor::make(&filters, due, &id));
    let timers = found.timers.iter().map(|armed| ArmedTimerView {
        instance: armed.instance.id.to_string(),
        workflow: armed.instance.workflow.clone(),
        state: armed.instance.state.clone(),
        timer: timer_view(&armed.name, &armed.timer),
    });
    Ok((headers::at(found.position), Json(TimerPage { timers: timers.collect(), next_cursor })))
}

/// Fires a running timer now.
///
/// Only for administrators: the history says who did it and why.
#[utoipa::path(
    post, path = "/v1/instances/{id}/timers/{timer}/fire", operation_id = "fire_timer", tag = "timers",
    params(
        ("id" = String, Path, description = "The instance", example = "3fa2-7f3k2m9qx4tbz8wd"),
        ("timer" = String, Path, description = "The timer", example = "CONFIRM_END"),
        ("Idempotency-Key" = Option<String>, Header, nullable = false, description = "1 to 200 visible ASCII characters that make the command unique for its sender"),
    ),
    request_body = FireTimer,
    responses((status = 200, body = Receipt, description = "What it did"), group::Administering),
)]
pub async fn fire_timer(
    State(state): State<AppState>,
    caller: Caller,
    Segments((id, timer)): Segments<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
    write: WriteHeaders,
    StrictJson(body): StrictJson<FireTimer>,
) -> Result<(HeaderMap, Json<Receipt>), ApiError> {
    let engine = state.engine()?;
    let (actor, instance) = checked(engine, &caller, &id, &body.reason, &write)?;
    let done = engine.fire_timer(&instance.id, &timer, &body.reason, actor, write.key).await;
    answer(engine, &caller, &instance, &timer, done).await
}

/// Moves a running timer to another time.
///
/// Only for administrators: the history says who did it and why.
#[utoipa::path(
    post, path = "/v1/instances/{id}/timers/{timer}/move", operation_id = "move_timer", tag = "timers",
    params(
        ("id" = String, Path, description = "The instance", example = "3fa2-7f3k2m9qx4tbz8wd"),
        ("timer" = String, Path, description = "The timer", example = "CONFIRM_END"),
        ("Idempotency-Key" = Option<String>, Header, nullable = false, description = "1 to 200 visible ASCII characters that make the command unique for its sender"),
    ),
    request_body = MoveTimer,
    responses((status = 200, body = Receipt, description = "What it did"), group::Administering),
)]
pub async fn move_timer(
    State(state): State<AppState>,
    caller: Caller,
    Segments((id, timer)): Segments<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
    write: WriteHeaders,
    StrictJson(body): StrictJson<MoveTimer>,
) -> Result<(HeaderMap, Json<Receipt>), ApiError> {
    let engine = state.engine()?;
    let (actor, instance) = checked(engine, &caller, &id, &body.reason, &write)?;
    let done = engine.move_timer(&instance.id, &timer, body.due, &body.reason, actor, write.key).await;
    answer(engine, &caller, &instance, &timer, done).await
}

/// Checks what firing and moving have in common.
fn checked(
    engine: &Engine,
    caller: &Caller,
    id: &str,
    reason: &str,
    write: &WriteHeaders,
) -> Result<(Actor, Arc<Instance>), ApiError> {
    let actor = caller.in_role(&[Role::Administrator])?;
    write.key_only("timers")?;
    check_reason(reason)?;
    let (instance, _) = readable(engine, caller, id)?;
    Ok((actor, instance))
}

/// Refuses an administrator's reason that says nothing.
///
/// # Errors
/// `invalid_body`.
pub fn check_reason(reason: &str) -> Result<(), ApiError> {
    if reason.trim().is_empty() || reason.chars().count() > REASON_LENGTH_MAX {
        let detail = format!("`reason` is 1 to {REASON_LENGTH_MAX} characters");
        return Err(ApiError::new(Code::InvalidBody, detail));
    }
    Ok(())
}

/// A timer that does not run is looked for only after the engine refused: a replayed key
/// names one that ran when the key was used up.
async fn answer(
    engine: &Engine,
    caller: &Caller,
    instance: &Instance,
    timer: &str,
    done: Result<Accepted, CommandError>,
) -> Result<(HeaderMap, Json<Receipt>), ApiError> {
    match done {
        Ok(accepted) => {
            let (headers, receipt) = receipt(&accepted);
            Ok((headers, Json(receipt)))
        }
        Err(CommandError::Refused { .. }) if !instance.timers.contains_key(timer) => {
            let detail = format!("`{}` has no running timer `{timer}`", instance.id);
            Err(ApiError::new(Code::UnknownTimer, detail).accepting(instance.timers.keys().cloned()))
        }
        Err(error) => Err(failure(engine, caller, error).await),
    }
}
