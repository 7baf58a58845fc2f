//! History: the entries of one instance, in order.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::entries::{self, EntryRecord};
use super::error::ApiError;
use super::extract::{Params, Segments};
use super::headers;
use super::instances::readable;
use super::lists::limit;
use super::responses::group;
use super::state::AppState;

/// Where the history is read.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryParams {
    /// Only entries after this sequence; 0 by default.
    #[serde(default)]
    #[param(required = false)]
    after: u64,
    /// Most entries, 1 to 200; 50 by default.
    #[param(nullable = false, minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// Entries of one instance.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct History {
    /// Oldest first.
    pub entries: Vec<EntryRecord>,
    /// `after` of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_after: Option<u64>,
}

/// Reads the history of an instance, oldest entry first.
///
/// Each entry stands as it was sealed: put into canonical form (RFC 8785) it
/// hashes to `hash`, and its `prev` is the `hash` of the one before. Customers
/// and trainees do not read histories.
#[utoipa::path(
    get, path = "/v1/instances/{id}/history", operation_id = "list_history", tag = "instances",
    params(("id" = String, Path, description = "The instance", example = "3fa2-7f3k2m9qx4tbz8wd"), HistoryParams),
    responses((status = 200, body = History, description = "Entries", headers(("ETag" = String, description = "The instance's sequence, quoted"), ("Careflow-Position" = u64, description = "The position that was read at"))), group::Reading),
)]
pub async fn list_history(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(params): Params<HistoryParams>,
) -> Result<(HeaderMap, Json<History>), ApiError> {
    let engine = state.engine()?;
    let sight = caller.reads_all()?;
    let limit = limit(params.limit)?;
    let (instance, position) = readable(engine, &caller, &id)?;
    let recorded = engine.history(&instance, params.after, limit).await?;
    let next_after = recorded.last().map(|last| last.entry.seq).filter(|seq| *seq < instance.seq);
    let entries = entries::records(engine, &recorded, sight)?;
    Ok((headers::tagged(position, instance.seq), Json(History { entries, next_after })))
}
