//! The search of histories: who did what, and when, across instances.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::cursor;
use super::entries::{self, EntryRecord};
use super::error::{ApiError, Code};
use super::extract::Params;
use super::headers;
use super::instances::is_system;
use super::lists::{limit, time};
use super::responses::group;
use super::state::AppState;
use crate::engine::Engine;
use crate::engine::search::{OWN, Sought};
use crate::kernel::actor::Role;
use crate::kernel::entry::Entry;
use crate::kernel::id::InstanceId;

/// Who also reads the histories of the engine's own objects.
const READ_SYSTEM: [Role; 2] = [Role::Administrator, Role::Auditor];

/// What is searched for; without any of them, everything.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchParams {
    /// Only what this person or service sent, or was sent in whose name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(nullable = false, example = "ann")]
    pub actor: Option<String>,
    /// Only what was sent in this role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(nullable = false, example = "supervisor")]
    pub role: Option<String>,
    /// Only this event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(nullable = false, example = "force_closed")]
    pub event: Option<String>,
    /// Only instances of this workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(nullable = false, example = "complaint")]
    pub workflow: Option<String>,
    /// Only this instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(nullable = false, example = "3fa2-7f3k2m9qx4tbz8wd")]
    pub instance: Option<String>,
    /// Only what was recorded at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(nullable = false, format = DateTime)]
    pub from: Option<String>,
    /// Only what was recorded before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(nullable = false, format = DateTime)]
    pub until: Option<String>,
    /// So many entries end a page, 1 to 200; 50 by default. A commit is never split.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(nullable = false, minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
    /// `next_cursor` of the page before, with the same filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(nullable = false)]
    pub cursor: Option<String>,
}

/// A page of entries that were found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FoundEntries {
    /// Newest first.
    pub entries: Vec<EntryRecord>,
    /// How many commits were looked at for this page, at most 2,000.
    pub scanned: usize,
    /// When the oldest commit that was looked at was recorded; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub searched_to: Option<String>,
    /// The cursor of this page: with it the same entries come again, whatever is written meanwhile.
    pub cursor: String,
    /// Where the search goes on, also where nothing was found yet; absent at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// Searches the histories of all instances, newest entry first.
///
/// A page looks at 2,000 commits at most and ends earlier where it has as many entries as asked for,
/// so a page may hold few entries, or none, and still have a `next_cursor`. Customers and trainees do
/// not search histories; entries of the engine's own objects (tokens, actors, definitions) are for
/// administrators and auditors.
#[utoipa::path(
    get, path = "/v1/history", operation_id = "search_history", tag = "changes",
    params(SearchParams),
    responses((status = 200, body = FoundEntries, description = "What was found", headers(("Careflow-Position" = u64, description = "The position that was read at"))), group::Listing),
)]
pub async fn search_history(
    State(state): State<AppState>,
    caller: Caller,
    Params(mut params): Params<SearchParams>,
) -> Result<(HeaderMap, Json<FoundEntries>), ApiError> {
    let engine = state.engine()?;
    let sight = caller.reads_all()?;
    let limit = limit(params.limit.take())?;
    let cursor = params.cursor.take();
    let filters = serde_json::to_string(&params).unwrap_or_default();
    let cursor = cursor.map(|cursor| cursor::read_at(&filters, &cursor)).transpose()?;
    let keeps = Filter::read(engine, &caller, &params)?;
    let from = time("from", params.from)?;
    let until = time("until", params.until)?;
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        let detail = format!("`until` {until} is not after `from` {from}; accepted is a later one");
        return Err(ApiError::new(Code::InvalidQuery, detail));
    }
    let position = engine.position();
    let since = match from {
        Some(from) => engine.position_before(from).await? + 1,
        None => 1,
    };
    let end = match until {
        Some(until) => engine.position_before(until).await?.min(position),
        None => position,
    };
    // A history is followed from its last entry, wherever the window ends.
    let last = match &keeps.instance {
        Some(id) => engine.instance(id)?.0.map_or(0, |instance| instance.position),
        None => end,
    };
    let sought = Sought {
        at: cursor.unwrap_or(last).min(position),
        since,
        of: keeps.instance.clone(),
        texts: keeps.texts(),
        limit,
    };
    let within = |entry: &Entry| until.is_none_or(|until| entry.recorded_at < until) && keeps.keeps(entry);
    let found = engine.search(&sought, &within).await?;
    let page = FoundEntries {
        entries: entries::records(engine, &found.entries, sight)?,
        scanned: found.scanned,
        searched_to: found.back_to.map(|at| at.to_string()),
        cursor: cursor::make_at(&filters, sought.at),
        next_cursor: found.next.map(|next| cursor::make_at(&filters, next)),
    };
    Ok((headers::at(position), Json(page)))
}

/// What is kept, with everything checked.
struct Filter {
    actor: Option<String>,
    role: Option<Role>,
    event: Option<String>,
    workflow: Option<String>,
    instance: Option<InstanceId>,
    /// Whether the engine's own objects are shown.
    system: bool,
}

impl Filter {
    fn read(engine: &Engine, caller: &Caller, params: &SearchParams) -> Result<Self, ApiError> {
        let SearchParams { actor, role, event, workflow, instance, .. } = params.clone();
        let system = caller.in_role(&READ_SYSTEM).is_ok();
        let invalid =
            |name: &str, reason: &str| ApiError::new(Code::InvalidQuery, format!("`{name}`: {reason}"));
        let role = role.map(|name| {
            let accepted = Role::ALL.map(Role::name);
            Role::parse(&name).map_err(|reason| invalid("role", &reason).accepting(accepted))
        });
        let instance =
            instance.map(|id| InstanceId::parse(&id).map_err(|reason| invalid("instance", &reason)));
        if let Some(name) = &workflow {
            let own = OWN.into_iter().filter(|_| system);
            let known: Vec<&str> = engine.workflows().iter().map(|flow| flow.name()).chain(own).collect();
            if !known.contains(&name.as_str()) {
                let reason = format!("there is no workflow `{name}`; accepted are {}", known.join(", "));
                return Err(invalid("workflow", &reason).accepting(known));
            }
        }
        Ok(Self { actor, role: role.transpose()?, event, workflow, instance: instance.transpose()?, system })
    }

    /// What stands in the canonical form of every entry that is kept.
    fn texts(&self) -> Vec<String> {
        let member = |name: &str, value: &str| format!("\"{name}\":{}", Value::from(value));
        let event = self.event.iter().map(|event| member("event", event));
        let workflow = self.workflow.iter().map(|workflow| member("workflow", workflow));
        let role = self.role.iter().map(|role| member("role", role.name()));
        // The actor's id, or the id of whom it acts for.
        let actor = self.actor.iter().map(|actor| format!(":{}", Value::from(actor.as_str())));
        event.chain(workflow).chain(role).chain(actor).collect()
    }

    fn keeps(&self, entry: &Entry) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        let acts =
            |wanted: &String| entry.actor.id == *wanted || entry.actor.on_behalf_of.as_ref() == Some(wanted);
        self.actor.as_ref().is_none_or(acts)
            && self.role.is_none_or(|role| entry.actor.role == role)
            && is(&self.event, &entry.event)
            && is(&self.workflow, &entry.workflow)
            && self.instance.as_ref().is_none_or(|id| entry.instance == *id)
            && (self.system || !is_system(&entry.workflow))
    }
}
