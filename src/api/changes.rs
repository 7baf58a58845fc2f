//! The feed of changes: every entry of every instance in the order of commits, to be resumed at any position.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::entries::{self, EntryRecord};
use super::error::{ApiError, Code};
use super::extract::Params;
use super::headers;
use super::instances::is_system;
use super::responses::group;
use super::server::End;
use super::state::AppState;
use crate::kernel::actor::Role;

/// Entries of one answer where the caller does not say.
const CHANGES_DEFAULT: usize = 100;
/// Most entries of one answer: about a megabyte.
pub const CHANGES_MAX: usize = 500;
/// Longest wait for the first change: shorter than the idle limit of common proxies (60 s).
pub const WAIT_SECONDS_MAX: u64 = 30;

/// Where the feed goes on.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesParams {
    /// Only commits after this position: `position` of the answer before; 0 reads from the beginning.
    #[serde(default)]
    #[param(required = false)]
    after: u64,
    /// Most entries, 1 to 500; 100 by default. A commit is never split.
    #[param(nullable = false, minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// How long to wait for the first change, in whole seconds up to `30s`; none by default.
    #[param(nullable = false, example = "30s", pattern = "^([0-9]|[12][0-9]|30)s$")]
    wait: Option<String>,
}

/// Changes in the order of commits.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Changes {
    /// Entries, those of one commit together.
    pub changes: Vec<EntryRecord>,
    /// `after` of the next request, whether or not there was a change.
    pub position: u64,
}

/// Reads what changed after a position, waiting for it where asked to.
///
/// Ask again with `after` set to the answer's `position`: nothing is missed and
/// nothing comes twice, over restarts too. Customers and trainees do not read the feed; entries of
/// the engine's own objects (tokens, actors, definitions) are for administrators and auditors.
#[utoipa::path(
    get, path = "/v1/changes", operation_id = "list_changes", tag = "changes",
    params(ChangesParams),
    responses((status = 200, body = Changes, description = "What changed", headers(("Careflow-Position" = u64, description = "The last position looked at"))), group::Listing),
)]
pub async fn list_changes(
    State(state): State<AppState>,
    caller: Caller,
    mut end: End,
    Params(params): Params<ChangesParams>,
) -> Result<(HeaderMap, Json<Changes>), ApiError> {
    let engine = state.engine()?;
    let sight = caller.reads_all()?;
    let limit = limit(params.limit)?;
    let wait = params.wait.as_deref().map(wait).transpose()?.unwrap_or_default();
    let waiting = (!wait.is_zero()).then(|| state.meter().feed.hold());
    let (mut recorded, position) = tokio::select! {
        changes = engine.changes(params.after, limit, wait) => changes?,
        // Nobody waits for a server that ends: what there is, is the answer.
        () = end.asked() => engine.changes(params.after, limit, Duration::ZERO).await?,
    };
    drop(waiting);
    if caller.in_role(&[Role::Administrator, Role::Auditor]).is_err() {
        recorded.retain(|recorded| !is_system(&recorded.entry.workflow));
    }
    let changes = entries::records(engine, &recorded, sight)?;
    Ok((headers::at(position), Json(Changes { changes, position })))
}

fn limit(given: Option<usize>) -> Result<usize, ApiError> {
    match given.unwrap_or(CHANGES_DEFAULT) {
        limit @ 1..=CHANGES_MAX => Ok(limit),
        limit => {
            let detail = format!("`limit={limit}` is refused; accepted is 1 to {CHANGES_MAX}");
            Err(ApiError::new(Code::InvalidQuery, detail))
        }
    }
}

fn wait(text: &str) -> Result<Duration, ApiError> {
    let digits = text.strip_suffix('s').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds =
        digits.and_then(|digits| digits.parse().ok()).filter(|seconds| *seconds <= WAIT_SECONDS_MAX);
    seconds.map(Duration::from_secs).ok_or_else(|| {
        let detail = format!("`wait={text}` is refused; accepted is `0s` to `{WAIT_SECONDS_MAX}s`");
        ApiError::new(Code::InvalidQuery, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_whole_seconds_with_their_unit() {
        assert_eq!(wait("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(wait("0s").unwrap(), Duration::ZERO);
        for text in ["30", "31s", "-1s", "s", "1m", "1.5s", "+1s"] {
            assert_eq!(wait(text).unwrap_err().code(), Code::InvalidQuery, "{text}");
        }
    }

    #[test]
    fn a_limit_outside_its_range_is_refused() {
        assert_eq!(limit(None).unwrap(), 100);
        assert_eq!(limit(Some(500)).unwrap(), 500);
        assert!(limit(Some(0)).is_err());
        assert!(limit(Some(501)).is_err());
    }
}
