//! Actors: the people and services that own cases, whether they are on shift, and who takes over from one who left.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::error::{ApiError, Code};
use super::extract::{NoParams, Params, Segments, StrictJson, WriteHeaders};
use super::headers;
use super::responses::group;
use super::state::AppState;
use crate::engine::{self, ActorInfo};
use crate::kernel::actor::{Actor, Role};

/// Longest id of an actor, a successor or a department: that of ids in payloads.
const NAME_LENGTH_MAX: usize = 100;

/// A person or service that can own cases.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActorRecord {
    /// Its id.
    pub id: String,
    /// False once it was deactivated.
    pub active: bool,
    /// Whether work may be given to it now.
    pub on_shift: bool,
    /// Its department.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub department: Option<String>,
    /// The person it works for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub manager: Option<String>,
}

/// Every known person and service.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActorList {
    /// In order of their ids.
    pub actors: Vec<ActorRecord>,
}

/// What an actor is from now on.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutActor {
    /// `false` deactivates: open cases go back to their queues.
    active: bool,
    /// Whether work may be given to the actor now.
    on_shift: bool,
    /// The actor's department.
    #[serde(default)]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    department: Option<String>,
    /// The person that the actor works for: nobody handles a complaint about a superior.
    #[serde(default)]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    manager: Option<String>,
    /// Who becomes first owner of the open cases; needed where `active` is false.
    #[serde(default)]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    successor: Option<String>,
}

impl From<&ActorInfo> for ActorRecord {
    fn from(info: &ActorInfo) -> Self {
        Self {
            id: info.id.clone(),
            active: info.active,
            on_shift: info.on_shift,
            department: info.department.clone(),
            manager: info.manager.clone(),
        }
    }
}

/// Lists known people and services.
///
/// For staff, gateways and administrators.
#[utoipa::path(
    get, path = "/v1/actors", operation_id = "list_actors", tag = "actors",
    responses((status = 200, body = ActorList, description = "The actors"), group::Listing),
)]
pub async fn list_actors(
    State(state): State<AppState>,
    caller: Caller,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<ActorList>, ApiError> {
    caller.reads_all()?;
    let actors = state.engine()?.actors();
    Ok(Json(ActorList { actors: actors.iter().map(ActorRecord::from).collect() }))
}

/// Reads one person or service.
///
/// For staff, gateways and administrators.
#[utoipa::path(
    get, path = "/v1/actors/{id}", operation_id = "get_actor", tag = "actors",
    params(("id" = String, Path, description = "The person or service", example = "u-17")),
    responses((status = 200, body = ActorRecord, description = "The actor"), group::Reading),
)]
pub async fn get_actor(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<ActorRecord>, ApiError> {
    caller.reads_all()?;
    let actors = state.engine()?.actors();
    let found = actors.iter().find(|actor| actor.id == id);
    found
        .map(|actor| Json(actor.into()))
        .ok_or_else(|| ApiError::new(Code::UnknownActor, format!("there is no actor `{id}`")))
}

/// Adds a person or service, or says what it is from now on.
///
/// Only for administrators and supervisors. Deactivating gives open cases back
/// to their queues and first ownership to `successor`. The same request twice
/// is the same as once; with an `Idempotency-Key` a request that comes again
/// late overwrites nothing, and its answer has the actor as it is now.
#[utoipa::path(
    put, path = "/v1/actors/{id}", operation_id = "put_actor", tag = "actors",
    params(
        ("id" = String, Path, description = "The person or service", example = "u-17"),
        ("Idempotency-Key" = Option<String>, Header, nullable = false, description = "1 to 200 visible ASCII characters that make the command unique for its sender"),
    ),
    request_body = PutActor,
    responses((status = 200, body = ActorRecord, description = "The actor", headers(("ETag" = String, description = "The actor's sequence, quoted"), ("Careflow-Position" = u64, description = "Position of the commit"), ("Idempotent-Replayed" = Option<String>, description = "`true` where the key was used before"))), group::Administering),
)]
pub async fn put_actor(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(NoParams {}): Params<NoParams>,
    write: WriteHeaders,
    StrictJson(body): StrictJson<PutActor>,
) -> Result<(HeaderMap, Json<ActorRecord>), ApiError> {
    let engine = state.engine()?;
    let by: Actor = caller.in_role(&[Role::Administrator, Role::Supervisor])?;
    check(&id, &body)?;
    let key = write.key_only("actors")?;
    let PutActor { active, on_shift, department, manager, successor } = body;
    let actor = ActorInfo { id, active, on_shift, department, manager };
    let put = engine::PutActor { actor, successor, by };
    let stored = engine.put_actor(put, key).await?;
    Ok((headers::changed(&stored), Json((&stored.object).into())))
}

fn check(id: &str, body: &PutActor) -> Result<(), ApiError> {
    let refuse = |detail: String| Err(ApiError::new(Code::InvalidBody, detail));
    let names = [
        ("id", Some(id)),
        ("department", body.department.as_deref()),
        ("manager", body.manager.as_deref()),
        ("successor", body.successor.as_deref()),
    ];
    for (member, name) in names {
        if name.is_some_and(|name| name.is_empty() || name.chars().count() > NAME_LENGTH_MAX) {
            return refuse(format!("`{member}` is 1 to {NAME_LENGTH_MAX} characters"));
        }
    }
    if body.manager.as_deref() == Some(id) {
        return refuse("an actor does not work for itself; accepted is another actor as `manager`".into());
    }
    match (&body.successor, body.active) {
        (None, false) => {
            refuse("`successor` is needed where `active` is false: no case is ever nobody's".into())
        }
        (Some(_), true) => refuse("`successor` is for an actor that is deactivated".into()),
        (Some(successor), false) if successor == id => refuse("an actor cannot be its own successor".into()),
        (None, true) => Ok(()),
        (Some(_), false) if body.on_shift => refuse("a deactivated actor is not on shift".into()),
        (Some(_), false) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_names_a_successor() {
        let check =
            |body: &str| super::check("u1", &serde_json::from_str(body).unwrap()).map_err(|e| e.code());
        assert_eq!(check("{\"active\": true, \"on_shift\": true}"), Ok(()));
        assert_eq!(check("{\"active\": false, \"on_shift\": false, \"successor\": \"u2\"}"), Ok(()));
        for body in [
            "{\"active\": false, \"on_shift\": false}",
            "{\"active\": false, \"on_shift\": true, \"successor\": \"u2\"}",
            "{\"active\": false, \"on_shift\": false, \"successor\": \"u1\"}",
            "{\"active\": true, \"on_shift\": true, \"successor\": \"u2\"}",
            "{\"active\": true, \"on_shift\": true, \"department\": \"\"}",
            "{\"active\": true, \"on_shift\": true, \"manager\": \"u1\"}",
        ] {
            assert_eq!(check(body), Err(Code::InvalidBody), "{body}");
        }
    }
}
