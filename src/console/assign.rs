//! Assigning many cases at once: a preview of exactly what will happen to each, then all of it.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::form::{Fields, Posted};
use super::lang::Lang;
use super::shell::{Part, Shell, Visitor};
use super::sign::to;
use super::told::{Teller, Told};
use super::{Desk, page, words};
use crate::api::error::{ApiError, Code};
use crate::api::instances::{owner_text, readable};
use crate::engine::{ActorInfo, Command, CommandError, Target};
use crate::kernel::actor::Role;
use crate::kernel::instance::Instance;
use crate::random;

/// Most cases that are assigned at once: a page of a queue.
const CASES_MAX: usize = 50;
/// Random bytes of a key.
const KEY_BYTES: usize = 16;
/// The event.
const ASSIGNED: &str = "assigned";

/// What would happen to one case.
struct Planned {
    id: String,
    seq: u64,
    flow: String,
    owner: String,
    told: Option<Told>,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "assign.html", config = "src/console/askama.toml")]
struct AssignPage {
    shell: Shell,
    /// Who the cases go to, in words.
    receiver: String,
    to: String,
    reason: String,
    planned: Vec<Planned>,
    /// How many can be done.
    possible: usize,
    people: Vec<(String, String)>,
    queues: Vec<String>,
    chosen: Vec<String>,
    key: String,
    missing: bool,
}

/// Whether the visitor may give cases to others.
pub fn may(visitor: &Visitor) -> bool {
    let engine = &visitor.engine;
    let allows = |role: &Role| {
        engine
            .workflows()
            .iter()
            .any(|flow| engine.definition(flow.name()).is_some_and(|d| d.allows(ASSIGNED, *role)))
    };
    visitor.caller.roles().iter().any(allows)
}

/// Previews or carries out an assignment of many.
///
/// # Errors
/// No cases, too many, or none of the reader's.
pub async fn assign(State(desk): State<Desk>, posted: Posted) -> Result<Response, ApiError> {
    let Posted { visitor, fields } = posted;
    let chosen: Vec<String> = fields.all("case").map(str::to_owned).collect();
    if chosen.is_empty() {
        visitor.bad(visitor.lang.t("Choose at least one case.", "请至少选择一个个案。"));
        return Ok(to("/"));
    }
    if chosen.len() > CASES_MAX {
        return Err(ApiError::new(
            Code::InvalidBody,
            format!("at most {CASES_MAX} cases are assigned at once"),
        ));
    }
    let cases: Vec<_> = chosen
        .iter()
        .map(|id| readable(&visitor.engine, &visitor.caller, id).map(|(case, _)| case))
        .collect::<Result<_, _>>()?;
    let reason = fields.text("reason").unwrap_or_default().to_owned();
    let roles = roles(&visitor);
    let receiver = receiver(&visitor, &roles, fields.text("to").unwrap_or_default());
    if fields.text("_do") == Some("send")
        && let Some((owner, _)) = &receiver
    {
        return send(&visitor, &cases, owner, &reason, &fields).await;
    }
    let complete = receiver.as_ref().filter(|_| !reason.is_empty());
    let planned: Vec<Planned> =
        cases.iter().map(|case| planned(&visitor, case, complete.map(|(owner, _)| owner), &reason)).collect();
    let shown = AssignPage {
        shell: visitor.shell(Part::Work, visitor.lang.t("Assign", "分派")),
        possible: planned.iter().filter(|plan| plan.told.is_some()).count(),
        planned,
        receiver: complete.map(|(_, text)| text.clone()).unwrap_or_default(),
        missing: fields.get("to").is_some() && complete.is_none(),
        to: fields.text("to").unwrap_or_default().to_owned(),
        reason,
        people: people(&visitor, &roles),
        queues: desk.queues.all(&visitor.engine),
        chosen,
        key: fields.text("_key").map_or_else(|| random::hex_of(KEY_BYTES), str::to_owned),
    };
    page::page(&shown)
}

/// People who can be given work now, each with the role in which they take it.
fn people(visitor: &Visitor, roles: &BTreeMap<String, Role>) -> Vec<(String, String)> {
    let able = |actor: &ActorInfo| actor.active && actor.on_shift;
    let named = visitor.engine.actors().into_iter().filter(able).filter_map(|actor| {
        let role = roles.get(&actor.id)?;
        Some((actor.id, words::role(*role, visitor.lang).to_owned()))
    });
    named.collect()
}

/// The role in which each person takes cases: the first of their tokens' that is staff's.
fn roles(visitor: &Visitor) -> BTreeMap<String, Role> {
    let mut roles = BTreeMap::new();
    for token in visitor.engine.tokens().into_iter().filter(|token| !token.revoked) {
        if let Some(role) = token.identity.roles.iter().find(|role| role.is_staff()) {
            roles.entry(token.identity.actor).or_insert(*role);
        }
    }
    roles
}

/// Who `text` names: `queue:<name>` or a person; as an owner, and in words.
fn receiver(visitor: &Visitor, roles: &BTreeMap<String, Role>, text: &str) -> Option<(Value, String)> {
    let owner = match text.strip_prefix("queue:") {
        Some("") => return None,
        Some(queue) => json!({ "queue": queue }),
        None if text.is_empty() => return None,
        None => json!({ "person": { "id": text, "role": roles.get(text)?.name() } }),
    };
    Some((owner, words::owner(text, visitor.lang)))
}

fn command(visitor: &Visitor, case: &Instance, owner: &Value, reason: &str) -> Command {
    let mut payload = Map::new();
    payload.insert("to".into(), owner.clone());
    payload.insert("reason".into(), reason.into());
    let definition = visitor.engine.pinned(case);
    Command {
        target: Target::Instance(case.id.clone()),
        event: ASSIGNED.to_owned(),
        payload,
        actor: visitor.caller.sender(definition.as_deref(), ASSIGNED),
        occurred_at: None,
        key: None,
        if_match: Some(case.seq),
        request_id: Some(visitor.caller.request_id().to_owned()),
        origin: None,
    }
}

fn planned(visitor: &Visitor, case: &Instance, owner: Option<&Value>, reason: &str) -> Planned {
    let teller = Teller { engine: &visitor.engine, lang: visitor.lang, zone: visitor.zone };
    let tried = owner.map(|owner| visitor.engine.preview(&command(visitor, case, owner, reason)));
    let (told, refused) = match tried {
        Some(Ok(preview)) => (preview.entries.first().map(|entry| teller.entry(entry)), None),
        Some(Err(error)) => (None, Some(why(error, visitor.lang))),
        None => (None, None),
    };
    Planned {
        id: case.id.to_string(),
        seq: case.seq,
        flow: visitor.titles(case).0,
        owner: owner_text(case).map(|owner| words::owner(&owner, visitor.lang)).unwrap_or_default(),
        told,
        refused,
    }
}

fn why(error: CommandError, lang: Lang) -> String {
    let problem = ApiError::from(error).into_problem();
    words::refusals::told(&problem.code, &problem.detail, lang)
}

/// Sends every event for the sequence that was previewed; who moved on meanwhile is left alone and told of.
async fn send(
    visitor: &Visitor,
    cases: &[std::sync::Arc<Instance>],
    owner: &Value,
    reason: &str,
    fields: &Fields,
) -> Result<Response, ApiError> {
    let key = fields.text("_key").unwrap_or_default();
    let (mut done, mut left) = (0, Vec::new());
    for case in cases {
        let seq = fields.text(&format!("seq.{}", case.id)).and_then(|text| text.parse().ok());
        let keyed = (!key.is_empty()).then(|| format!("{key}.{}", case.id));
        let command = Command { if_match: seq, key: keyed, ..command(visitor, case, owner, reason) };
        match visitor.engine.submit(command).await {
            Ok(_) => done += 1,
            Err(error) => left.push(format!("{}: {}", case.id, why(error, visitor.lang))),
        }
    }
    let lang = visitor.lang;
    if left.is_empty() {
        visitor.good(lang.t(&format!("{done} cases were assigned."), &format!("已分派 {done} 个个案。")));
    } else {
        let left = left.join("; ");
        visitor.bad(lang.t(
            &format!("{done} were assigned; not these: {left}"),
            &format!("已分派 {done} 个；以下未分派：{left}"),
        ));
    }
    Ok(to("/"))
}
