//! Audit: who did what, and when, across cases; with an export of exactly what is shown.

use std::collections::BTreeMap;

use askama::Template;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::form::filled;
use super::lang::Lang;
use super::names::Names;
use super::shell::{Part, Shell, Visitor};
use super::times::Time;
use super::work::{Choice, flows};
use super::{page, words};
use crate::api::caller::Caller;
use crate::api::entries::EntryRecord;
use crate::api::error::{ApiError, Code};
use crate::api::extract::Params;
use crate::api::instances::is_system;
use crate::api::search::{FoundEntries, SearchParams, search_history};
use crate::engine::Engine;
use crate::engine::desk::REVEAL;
use crate::kernel::actor::Role;
use crate::kernel::calendar::{Edge, parse_time};

/// Entries that end a page: each stands there with its whole record.
const ROWS: usize = 25;
/// Characters of a record that a page shows: most records are shorter, some hold a whole definition.
const RECORD_CHARS_MAX: usize = 2_400;
/// What stands for a personal value.
const MASK: &str = "•••";
/// The columns of an export as CSV, in order.
const COLUMNS: [&str; 14] = [
    "recorded_at",
    "occurred_at",
    "workflow",
    "instance",
    "seq",
    "position",
    "event",
    "actor",
    "role",
    "on_behalf_of",
    "from",
    "to",
    "rule",
    "hash",
];

/// What is searched for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AuditQuery {
    /// Who sent it.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// In which role.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The event.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The flow.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The case.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// From when, on the clocks of the page's zone.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Until when, likewise.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Where the page before ended.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// One entry that was found.
struct Row {
    at: Time,
    case: String,
    /// Whether there is a page of the case.
    linked: bool,
    flow: String,
    event: String,
    event_name: String,
    actor: String,
    role: String,
    on_behalf_of: Option<String>,
    from: Option<String>,
    to: String,
    seq: u64,
    position: u64,
    /// The record, personal values masked.
    record: String,
    /// Whether its end is left out.
    is_cut: bool,
}

#[derive(Template)]
#[template(path = "audit.html", config = "src/console/askama.toml")]
struct AuditPage {
    shell: Shell,
    query: AuditQuery,
    flows: Vec<Choice>,
    roles: Vec<Choice>,
    /// Names of events with what they are called.
    events: Vec<(String, String)>,
    rows: Vec<Row>,
    scanned: usize,
    searched_to: Option<Time>,
    next: Option<String>,
    /// The query of the exports.
    export: String,
}

/// Shows what was found.
///
/// # Errors
/// A value that is not accepted, or somebody who does not read histories.
pub async fn audit(visitor: Visitor, Query(query): Query<AuditQuery>) -> Result<Response, ApiError> {
    let found = search(&visitor, &query).await?;
    let lang = visitor.lang;
    let next = found.next_cursor.clone();
    let next = next
        .map(|cursor| format!("/audit?{}", encoded(&AuditQuery { cursor: Some(cursor), ..query.clone() })));
    let role = |role: Role| Choice {
        value: role.name().to_owned(),
        text: words::role(role, lang).to_owned(),
        chosen: query.role.as_deref() == Some(role.name()),
    };
    let shown = AuditPage {
        shell: visitor.shell(Part::Audit, lang.t("Audit", "审计")),
        flows: flows_and_reveals(&visitor, query.workflow.as_deref()),
        roles: Role::ALL.into_iter().map(role).collect(),
        rows: found.entries.iter().map(|record| row(&visitor, record)).collect(),
        events: events(&visitor.engine, lang).into_iter().collect(),
        scanned: found.scanned,
        searched_to: found.searched_to.map(|at| Time::of_text(&at, visitor.zone, lang)),
        next,
        export: encoded(&AuditQuery { cursor: Some(found.cursor), ..query.clone() }),
        query,
    };
    page::page(&shown)
}

/// The flows, and for auditors the record of who saw personal values.
fn flows_and_reveals(visitor: &Visitor, chosen: Option<&str>) -> Vec<Choice> {
    let mut choices = flows(&visitor.engine, chosen, visitor.lang);
    if visitor.caller.in_role(&[Role::Auditor]).is_ok() {
        let text = visitor.lang.t("Personal values were seen", "查看个人信息记录").to_owned();
        choices.push(Choice { value: REVEAL.to_owned(), text, chosen: chosen == Some(REVEAL) });
    }
    choices
}

/// The entries of the page as a table.
///
/// # Errors
/// As [`audit`].
pub async fn export_csv(visitor: Visitor, Query(query): Query<AuditQuery>) -> Result<Response, ApiError> {
    let found = search(&visitor, &query).await?;
    let failed = |error: csv::Error| ApiError::new(Code::Internal, error.to_string());
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(COLUMNS).map_err(failed)?;
    for record in &found.entries {
        out.write_record(cells(record).map(|cell| defused(&cell))).map_err(failed)?;
    }
    let bytes = out.into_inner().map_err(|error| ApiError::new(Code::Internal, error.to_string()))?;
    Ok(file("text/csv; charset=utf-8", "attachment; filename=\"careflow-history.csv\"", bytes))
}

/// The entries of the page as they were sealed, one a line: each hashes to the hash beside it.
///
/// # Errors
/// As [`audit`].
pub async fn export_jsonl(visitor: Visitor, Query(query): Query<AuditQuery>) -> Result<Response, ApiError> {
    let found = search(&visitor, &query).await?;
    let line = |record: &EntryRecord| {
        let EntryRecord { position, entry, hash, personal: _ } = record;
        format!("{}\n", json!({ "position": position, "entry": entry, "hash": hash }))
    };
    let lines: String = found.entries.iter().map(line).collect();
    let name = "attachment; filename=\"careflow-history.jsonl\"";
    Ok(file("application/x-ndjson", name, lines.into_bytes()))
}

async fn search(visitor: &Visitor, query: &AuditQuery) -> Result<FoundEntries, ApiError> {
    let moment = |name: &str, text: &Option<String>, edge: Edge| {
        let read = text.as_ref().map(|text| parse_time(visitor.zone, text, edge)).transpose();
        let read = read.map_err(|reason| ApiError::new(Code::InvalidQuery, format!("`{name}`: {reason}")))?;
        Ok::<_, ApiError>(read.map(|at| at.to_string()))
    };
    let AuditQuery { actor, role, event, workflow, case, cursor, .. } = query.clone();
    let params = SearchParams {
        actor,
        role,
        event,
        workflow,
        instance: case,
        from: moment("from", &query.from, Edge::Open)?,
        until: moment("until", &query.until, Edge::Close)?,
        limit: Some(ROWS),
        cursor,
    };
    let (state, caller): (_, Caller) = (State(visitor.state.clone()), visitor.caller.clone());
    let (_, Json(found)) = search_history(state, caller, Params(params)).await?;
    Ok(found)
}

/// The events of all flows and what they are called, for the search.
fn events(engine: &Engine, lang: Lang) -> BTreeMap<String, String> {
    let mut events = BTreeMap::new();
    for definition in engine.workflows().iter().filter_map(|flow| engine.definition(flow.name())) {
        for (name, title) in &definition.events {
            events.entry(name.clone()).or_insert_with(|| lang.of(title).to_owned());
        }
    }
    events
}

fn row(visitor: &Visitor, record: &EntryRecord) -> Row {
    let (entry, lang) = (&record.entry, visitor.lang);
    let names = Names::new(&visitor.engine, &entry.workflow, lang);
    let whole = masked_text(entry);
    let shown = cut(&whole);
    Row {
        at: Time::of_text(&entry.recorded_at, visitor.zone, lang),
        case: entry.instance.clone(),
        linked: !is_system(&entry.workflow),
        flow: names.flow(&entry.workflow),
        event: names.event(&entry.event),
        event_name: entry.event.clone(),
        actor: entry.actor.id.clone(),
        role: words::role_named(entry.actor.role, lang),
        on_behalf_of: entry.actor.on_behalf_of.clone(),
        from: entry.from.as_ref().filter(|from| **from != entry.to).map(|from| names.state(from)),
        to: names.state(&entry.to),
        seq: entry.seq,
        position: record.position,
        is_cut: shown.len() < whole.len(),
        record: shown.to_owned(),
    }
}

fn encoded(query: &AuditQuery) -> String {
    serde_urlencoded::to_string(query).unwrap_or_default()
}

/// A record as text, with masks in the place of personal values.
fn masked_text(entry: &impl Serialize) -> String {
    let mut value = serde_json::to_value(entry).unwrap_or_default();
    mask(&mut value);
    value.to_string()
}

/// The beginning of `text`.
fn cut(text: &str) -> &str {
    text.char_indices().nth(RECORD_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(members) if members.len() == 1 && members.contains_key("$p") => *value = MASK.into(),
        Value::Object(members) => members.values_mut().for_each(mask),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn cells(record: &EntryRecord) -> [String; COLUMNS.len()] {
    let EntryRecord { position, entry, hash, personal: _ } = record;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        entry.recorded_at.clone(),
        entry.occurred_at.clone().unwrap_or_else(|| entry.recorded_at.clone()),
        entry.workflow.clone(),
        entry.instance.clone(),
        entry.seq.to_string(),
        position.to_string(),
        entry.event.clone(),
        entry.actor.id.clone(),
        entry.actor.role.to_owned(),
        text(&entry.actor.on_behalf_of),
        text(&entry.from),
        entry.to.clone(),
        text(&entry.rule),
        hash.clone(),
    ]
}

/// `cell` so that no spreadsheet takes it for a formula: an apostrophe before what begins like one.
fn defused(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{cell}") } else { cell.to_owned() }
}

fn file(kind: &'static str, disposition: &'static str, bytes: Vec<u8>) -> Response {
    let mut headers = HeaderMap::new();
    page::protect(&mut headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    (headers, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+86 138", "-1", "@sum", "\t=1", "\r=1"] {
            assert_eq!(defused(text), format!("'{text}"));
        }
        for text in ["", "ann", "2026-03-11", "a=b", "王小明"] {
            assert_eq!(defused(text), text);
        }
    }

    #[test]
    fn a_long_record_is_cut_between_characters() {
        let text = "记".repeat(RECORD_CHARS_MAX + 1);
        assert_eq!(cut(&text).chars().count(), RECORD_CHARS_MAX);
        assert_eq!(cut("{}"), "{}");
    }

    #[test]
    fn personal_values_are_masked_wherever_they_stand() {
        let record = json!({
            "payload": { "name": { "$p": "ab" }, "phones": [{ "$p": "cd" }, 1], "other": { "$p": 1, "x": 2 } },
        });
        let expected =
            json!({ "payload": { "name": MASK, "phones": [MASK, 1], "other": { "$p": 1, "x": 2 } } });
        assert_eq!(masked_text(&record), expected.to_string());
    }
}
