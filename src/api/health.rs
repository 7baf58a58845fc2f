//! Health, readiness and metrics.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::error::{ApiError, Problem};
use super::responses::group;
use super::standing::Standing;
use super::state::AppState;
use crate::engine::{self, Waiting};
use crate::kernel::actor::Role;
use crate::metrics::{Text, families, process, text};
use crate::rejected::Ring;

/// Who reads what the server is measured by.
const NUMBER_READERS: [Role; 2] = [Role::Administrator, Role::Auditor];

/// Whether the server lives or takes commands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok` or `ready`.
    pub status: &'static str,
    /// Import batches whose cases stand still until somebody releases them; left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub held_batches: Option<u64>,
}

/// Says that the process lives, and nothing else; needs no token.
#[utoipa::path(
    get, path = "/healthz", operation_id = "get_health", tag = "server", security(()),
    responses((status = 200, body = Health, description = "It does"), (status = 429, body = Problem, content_type = "application/problem+json", description = "`rate_limited`")),
)]
pub async fn get_health() -> Json<Health> {
    Json(Health { status: "ok", held_batches: None })
}

/// Says whether commands are taken, and if not why and what would help; needs no token.
#[utoipa::path(
    get, path = "/readyz", operation_id = "get_readiness", tag = "server", security(()),
    responses(
        (status = 200, body = Health, description = "They are"),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "`rate_limited`"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "`starting`, with how far it is, `damaged`, `stopped` or `shutting_down`; `detail` says why"),
        (status = 507, body = Problem, content_type = "application/problem+json", description = "`disk_full`: writes are refused now; `detail` says what would help"),
    ),
)]
pub async fn get_readiness(State(state): State<AppState>) -> Result<Json<Health>, ApiError> {
    let held = state.standing().ready()?;
    Ok(Json(Health { status: "ready", held_batches: Some(held).filter(|held| *held > 0) }))
}

/// Counters and gauges in Prometheus text form.
///
/// For administrators and auditors: the numbers tell how much is going on, so
/// the scraper carries a token (`authorization` in its configuration). While
/// the server starts, only the control socket is answered.
#[utoipa::path(
    get, path = "/metrics", operation_id = "get_metrics", tag = "server",
    responses((status = 200, body = String, content_type = "text/plain", description = "Prometheus text form"), group::Listing),
)]
pub async fn get_metrics(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    caller.in_role(&NUMBER_READERS)?;
    Ok(([(CONTENT_TYPE, text::MEDIA_TYPE)], numbers(&state)))
}

/// Everything that is measured, in the order of the list.
fn numbers(state: &AppState) -> String {
    let mut text = Text::default();
    let standing = state.standing();
    text.family(families::BUILD_INFO).sample(&[env!("CARGO_PKG_VERSION")], 1);
    text.single(families::READY, u8::from(matches!(standing, Standing::Ready { .. })));
    text.family(families::READINESS);
    for name in Standing::NAMES {
        text.sample(&[name], u8::from(name == standing.name()));
    }
    let (done, of) = state.start_commits();
    text.single(families::START_COMMITS_DONE, done);
    text.single(families::START_COMMITS, of);
    if let Some(bytes) = process::resident_bytes() {
        text.single(families::RESIDENT_MEMORY, bytes);
    }
    if let Some(seconds) = process::cpu_seconds() {
        text.single(families::CPU, seconds);
    }
    queues(state, &mut text);
    if let Some(ring) = state.ring() {
        text.single(families::REJECTED_BYTES, ring.bytes());
        text.single(families::REJECTED_BYTES_MAX, Ring::BYTES_MAX);
    }
    if let Some(engine) = state.opened() {
        engine.measure(&mut text);
    }
    state.meter().measure(&mut text);
    text.done()
}

/// The server in numbers, as people read them.
pub struct Numbers {
    /// Whether commands are taken.
    pub standing: Standing,
    /// What waits, and how much may.
    pub queues: Vec<Waiting>,
    /// Bytes of the ring of refused events.
    pub ring_bytes: Option<u64>,
    /// Resident memory of the process in bytes.
    pub resident_bytes: Option<u64>,
    /// CPU time of the process in seconds.
    pub cpu_seconds: Option<f64>,
    /// Engine, journal and index.
    pub engine: engine::Numbers,
}

/// What `/metrics` tells, without the text around it; for those who may read that.
///
/// # Errors
/// `role_not_allowed`, `starting`.
pub fn read(state: &AppState, caller: &Caller) -> Result<Numbers, ApiError> {
    caller.in_role(&NUMBER_READERS)?;
    Ok(Numbers {
        standing: state.standing(),
        queues: waiting(state),
        ring_bytes: state.ring().map(Ring::bytes),
        resident_bytes: process::resident_bytes(),
        cpu_seconds: process::cpu_seconds(),
        engine: state.engine()?.numbers(),
    })
}

fn waiting(state: &AppState) -> Vec<Waiting> {
    let own = state.meter().waiting(state.limits().connections_max);
    let engine = state.opened().map(|engine| engine.waiting()).unwrap_or_default();
    own.into_iter().chain(engine).collect()
}

/// What waits, and how much may.
fn queues(state: &AppState, text: &mut Text) {
    let waiting = waiting(state);
    text.family(families::QUEUE);
    for (queue, items, _) in &waiting {
        text.sample(&[queue.name()], items);
    }
    text.family(families::QUEUE_MAX);
    for (queue, _, max) in &waiting {
        if let Some(max) = max {
            text.sample(&[queue.name()], max);
        }
    }
}
