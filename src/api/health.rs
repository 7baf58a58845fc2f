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
use super::state::AppState;
use crate::kernel::actor::Role;

/// Media type of Prometheus' text form.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether the server lives or takes commands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok` or `ready`.
    pub status: &'static str,
}

/// Says that the process answers; needs no token.
#[utoipa::path(
    get, path = "/healthz", operation_id = "get_health", tag = "server", security(()),
    responses((status = 200, body = Health, description = "It does"), (status = 429, body = Problem, content_type = "application/problem+json", description = "`rate_limited`")),
)]
pub async fn get_health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Says whether commands are taken; needs no token.
#[utoipa::path(
    get, path = "/readyz", operation_id = "get_readiness", tag = "server", security(()),
    responses(
        (status = 200, body = Health, description = "They are"),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "`rate_limited`"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "`starting`, with how far it is, or `stopped`"),
    ),
)]
pub async fn get_readiness(State(state): State<AppState>) -> Result<Json<Health>, ApiError> {
    state.ready()?;
    Ok(Json(Health { status: "ready" }))
}

/// Counters and gauges in Prometheus text form.
///
/// For administrators and auditors: the numbers tell how much is going on, so
/// the scraper carries a token (`authorization` in its configuration).
#[utoipa::path(
    get, path = "/metrics", operation_id = "get_metrics", tag = "server",
    responses((status = 200, body = String, content_type = "text/plain", description = "Prometheus text form"), group::Listing),
)]
pub async fn get_metrics(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    caller.in_role(&[Role::Administrator, Role::Auditor])?;
    let text = format!("{}{}", state.engine()?.metrics(), state.meter().text());
    Ok(([(CONTENT_TYPE, PROMETHEUS)], text))
}
