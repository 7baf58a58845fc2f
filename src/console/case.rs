//! A case: what the customer said and was promised, its clocks, where it is and how it came there, what may happen now.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant as Moment;

use super::clock::{self, Shown};
use super::form::Posted;
use super::offers::{Offer, offers};
use super::shell::{Part, Shell, Visitor};
use super::sign::to;
use super::times::{Time, span};
use super::told::{Fact, Teller, Told, linked};
use super::{Desk, names, page, words};
use crate::api::caller::Sight;
use crate::api::derivations::{Derivation, ExplainParams, explain_clock};
use crate::api::diagrams::picture;
use crate::api::entries::{self, shows_personal};
use crate::api::error::{ApiError, Code};
use crate::api::extract::{Params, Segments};
use crate::api::instances::{owner_text, readable};
use crate::engine::{Engine, Recorded};
use crate::kernel::instance::Instance;
use crate::kernel::personal;
use crate::kernel::sla::state::Ended;

/// Entries of one page of a timeline.
const ENTRIES: usize = 40;
/// Entries looked at for linked cases: those of any ordinary case.
const LINKS_LOOKED_AT: usize = 400;
/// What people say of a case, in the order in which it is read.
const SAID: [&str; 12] = [
    "subject",
    "body",
    "facts",
    "expectation",
    "impact_scope",
    "remedy_sought",
    "happened_at",
    "statement",
    "comment",
    "purpose",
    "title",
    "goal",
];
/// Why personal values are looked at: what a reader can say.
const REASONS: [(&str, &str, &str); 4] = [
    ("case_work", "Working on the case", "处理本案"),
    ("quality", "Quality inspection", "质量检查"),
    ("audit", "Audit", "审计"),
    ("subject_request", "Request of the person concerned", "当事人请求"),
];

/// Which part of the timeline.
#[derive(Debug, Default, Deserialize)]
pub struct CaseQuery {
    /// Only entries before this sequence.
    before: Option<u64>,
}

/// A related case.
struct Linked {
    id: String,
    how: String,
    flow: String,
    state: String,
}

/// A clock's run that has ended.
struct Past {
    name: String,
    title: String,
    cycle: u32,
    status: String,
    class: &'static str,
    due: Time,
    ended: Time,
    used: String,
}

#[derive(Template)]
#[template(path = "case.html", config = "src/console/askama.toml")]
struct CasePage {
    shell: Shell,
    id: String,
    flow: String,
    workflow: String,
    state: String,
    seq: u64,
    owner: String,
    facts: Vec<(String, String)>,
    said: Vec<Fact>,
    rest: Vec<Fact>,
    promises: Vec<(Time, &'static str)>,
    clocks: Vec<Shown>,
    past: Vec<Past>,
    timers: Vec<(String, Time)>,
    diagram: String,
    own: Vec<Offer>,
    common: Vec<Offer>,
    refused: Vec<Offer>,
    entries: Vec<Told>,
    earlier: Option<u64>,
    links: Vec<Linked>,
    /// Whether histories are for the reader.
    histories: bool,
    /// Whether there are personal values that are not shown.
    masked: bool,
    reveal: bool,
    reasons: Vec<(&'static str, &'static str)>,
    live: String,
}

/// Shows a case.
///
/// # Errors
/// `unknown_instance`.
pub async fn show(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(query): Query<CaseQuery>,
) -> Result<Response, ApiError> {
    let (engine, lang, zone) = (&visitor.engine, visitor.lang, visitor.zone);
    let (instance, _) = readable(engine, &visitor.caller, &id)?;
    explored(engine, &instance.workflow).await;
    let sight = visitor.caller.sight();
    let open = may_show(&visitor, &instance, sight);
    let teller = Teller { engine, lang, zone };
    let (flow, state) = visitor.titles(&instance);
    let history =
        if sight > Sight::Own { recent(engine, &instance, query.before).await? } else { Vec::new() };
    let data = data(&instance, sight, open);
    let (said, rest) = parted(&data);
    let offers = offers(&visitor, &desk.samples, &instance);
    let (refused, offered): (Vec<Offer>, Vec<Offer>) =
        offers.into_iter().partition(|offer| offer.refused.is_some());
    let (own, common) = offered.into_iter().partition(|offer| offer.own);
    let measures = engine.measures(&instance.pins);
    let now = engine.now();
    let said = teller.facts(&Value::Object(said));
    let rest = teller.facts(&Value::Object(rest));
    let entries: Vec<Told> = history.iter().rev().map(|recorded| told(&teller, recorded, open)).collect();
    let sent = entries.iter().flat_map(|told| &told.said);
    let masked = said.iter().chain(&rest).chain(sent).any(Fact::is_masked);
    let shown = CasePage {
        shell: visitor.shell(Part::Work, format!("{flow} {}", instance.id)),
        flow,
        workflow: instance.workflow.clone(),
        state,
        seq: instance.seq,
        owner: owner_text(&instance).map(|owner| words::owner(&owner, lang)).unwrap_or_default(),
        facts: heading_facts(&visitor, &instance),
        said,
        rest,
        promises: promises(&visitor, &instance),
        clocks: measures.as_ref().map(|m| clock::running(&instance, m, now, zone, lang)).unwrap_or_default(),
        past: past(&visitor, &instance),
        timers: timers(&visitor, &instance),
        diagram: picture(&visitor.state, &visitor.caller, &instance, lang.0).await?,
        own,
        common,
        refused,
        earlier: history.first().map(|first| first.entry.seq).filter(|seq| *seq > 1),
        links: links(&visitor, &instance, &history),
        entries,
        histories: sight > Sight::Own,
        masked,
        reveal: masked && sight == Sight::Full && shows_personal(&instance, sight),
        reasons: REASONS.iter().map(|(name, en, zh)| (*name, lang.t(en, zh))).collect(),
        live: format!("/live?of=case&name={}&seq={}", instance.id, instance.seq),
        id: instance.id.to_string(),
    };
    page::page(&shown)
}

/// Waits, beside the threads that serve connections, until it is known what the flow's states accept.
async fn explored(engine: &Engine, workflow: &str) {
    let (engine, workflow) = (engine.clone(), workflow.to_owned());
    // Where it failed the first reader finds the same failure.
    tokio::task::spawn_blocking(move || engine.exploration(&workflow)).await.ok();
}

/// Records that the reader sees the personal values of a case, and shows them for a while.
///
/// # Errors
/// A reason that there is not; what recording fails with: nothing is shown then.
pub async fn reveal(Path(id): Path<String>, posted: Posted) -> Result<Response, ApiError> {
    let Posted { visitor, fields } = posted;
    let (instance, _) = readable(&visitor.engine, &visitor.caller, &id)?;
    let sight = visitor.caller.sight();
    if sight != Sight::Full || !shows_personal(&instance, sight) {
        return Err(ApiError::new(
            Code::RoleNotAllowed,
            "the personal values of this case are not for the caller",
        ));
    }
    let given = fields.text("reason").unwrap_or_default();
    let Some((reason, _, _)) = REASONS.iter().find(|(name, _, _)| *name == given) else {
        let detail = format!("`{given}` is no reason to see personal values");
        return Err(ApiError::new(Code::InvalidBody, detail).accepting(REASONS.map(|(name, _, _)| name)));
    };
    let by = visitor.caller.sender(None, "revealed");
    visitor.engine.record_reveal(&instance.id, reason, by).await.map_err(ApiError::from)?;
    visitor.session.reveal(instance.id.clone(), Moment::now());
    visitor.good(visitor.lang.t(
        "Personal values are shown for 15 minutes; that you saw them is recorded.",
        "个人信息将显示 15 分钟；此次查看已记录。",
    ));
    Ok(to(&format!("/cases/{}", instance.id)))
}

#[derive(Template)]
#[template(path = "entry.html", config = "src/console/askama.toml")]
struct EntryPage {
    shell: Shell,
    id: String,
    told: Told,
    hash: String,
    prev: Option<String>,
    position: u64,
    json: String,
    personal: Vec<(String, String)>,
    next: Option<u64>,
    before: Option<u64>,
}

/// Shows one entry as it is stored, hashed and chained.
///
/// # Errors
/// `unknown_instance`; an entry that there is not.
pub async fn entry(visitor: Visitor, Path((id, seq)): Path<(String, u64)>) -> Result<Response, ApiError> {
    let sight = visitor.caller.reads_all()?;
    let (engine, lang) = (&visitor.engine, visitor.lang);
    let (instance, _) = readable(engine, &visitor.caller, &id)?;
    let missing = || {
        let detail = format!("`{id}` has no entry {seq}; accepted is 1 to {}", instance.seq);
        ApiError::new(Code::InvalidPath, detail)
    };
    if !(1..=instance.seq).contains(&seq) {
        return Err(missing());
    }
    let recorded = engine.history(&instance, seq - 1, 1).await?;
    let record = entries::records(engine, &recorded, sight)?.pop().ok_or_else(missing)?;
    let open = may_show(&visitor, &instance, sight);
    let teller = Teller { engine, lang, zone: visitor.zone };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let personal = if open {
        record.personal.iter().map(|(digest, value)| (digest.clone(), text(&value.value))).collect()
    } else {
        Vec::new()
    };
    let told = recorded.first().map(|recorded| told(&teller, recorded, open)).ok_or_else(missing)?;
    page::page(&EntryPage {
        shell: visitor.shell(Part::Work, format!("{} {seq} · {id}", lang.t("Entry", "条目"))),
        told,
        hash: record.hash.clone(),
        prev: record.entry.prev.clone(),
        position: record.position,
        json: serde_json::to_string_pretty(&record.entry).unwrap_or_default(),
        personal,
        next: (seq < instance.seq).then_some(seq + 1),
        before: (seq > 1).then(|| seq - 1),
        id,
    })
}

#[derive(Template)]
#[template(path = "why.html", config = "src/console/askama.toml")]
struct WhyPage {
    shell: Shell,
    id: String,
    title: String,
    derivation: Derivation,
    status: String,
    target: String,
    sentences: Vec<String>,
    start: Time,
    due: Option<Time>,
    pieces: Vec<Piece>,
    points: Vec<Point>,
}

/// A stretch of time of a derivation.
struct Piece {
    from: Time,
    to: Option<Time>,
    what: String,
    counted: String,
    total: String,
    counts: bool,
}

/// A point of a clock's ladder.
struct Point {
    level: u32,
    what: &'static str,
    notify: String,
    at: Option<Time>,
    recorded: Option<u64>,
}

/// Shows why a clock is due when it is.
///
/// # Errors
/// `unknown_instance`, `unknown_clock`.
pub async fn why(
    visitor: Visitor,
    Path((id, name)): Path<(String, String)>,
    Query(params): Query<ExplainParams>,
) -> Result<Response, ApiError> {
    let (lang, zone) = (visitor.lang, visitor.zone);
    let (state, caller) = (State(visitor.state.clone()), visitor.caller.clone());
    let (_, answer) = explain_clock(state, caller, Segments((id.clone(), name)), Params(params)).await?;
    let derivation = answer.0;
    let time = |text: &String| Time::of_text(text, zone, lang);
    let title = derivation
        .title
        .as_ref()
        .map_or_else(|| derivation.clock.clone(), |title| lang.view(title).to_owned());
    let used = |ms: i64, days: u32| match days {
        0 => span(ms, lang),
        days => format!("{days} {}", lang.t("d", "天")),
    };
    let pieces = derivation.pieces.iter().map(|piece| Piece {
        from: time(&piece.from),
        to: piece.to.as_ref().map(time),
        what: words::stretch(piece.kind, piece.reason, lang),
        counted: used(piece.counted_ms, piece.counted_days),
        total: used(piece.total_ms, piece.total_days),
        counts: piece.counted_ms > 0 || piece.counted_days > 0,
    });
    let points = derivation.points.iter().map(|point| Point {
        level: point.level,
        what: match point.kind {
            "warning" => lang.t("warning", "预警"),
            "breach" => lang.t("breach", "超期"),
            _ => lang.t("escalation", "升级"),
        },
        notify: point
            .notify
            .iter()
            .map(|who| names::told(who, lang))
            .collect::<Vec<_>>()
            .join(lang.t(", ", "、")),
        at: point.at.as_ref().map(time),
        recorded: point.recorded_by.as_ref().map(|by| by.seq),
    });
    page::page(&WhyPage {
        shell: visitor.shell(Part::Work, title.clone()),
        id,
        title,
        status: words::clock_status(derivation.status, lang).to_owned(),
        target: Time::of_text(&names::span(&derivation.target, lang), zone, lang).text,
        sentences: derivation.sentences.iter().map(|sentence| lang.view(sentence).to_owned()).collect(),
        start: time(&derivation.start),
        due: derivation.due.as_ref().map(time),
        pieces: pieces.collect(),
        points: points.collect(),
        derivation,
    })
}

/// Whether personal values of the case are shown to the visitor now: own ones always, others' once revealed.
fn may_show(visitor: &Visitor, instance: &Instance, sight: Sight) -> bool {
    let revealed = match sight {
        Sight::Own => true,
        Sight::Sealed => false,
        Sight::Full => visitor.session.sees(&instance.id, Moment::now()),
    };
    revealed && shows_personal(instance, sight)
}

/// The last entries before `before`, oldest first.
async fn recent(
    engine: &Engine,
    instance: &Instance,
    before: Option<u64>,
) -> Result<Vec<Recorded>, ApiError> {
    let end = before.map_or(instance.seq, |before| before.saturating_sub(1).min(instance.seq));
    let after = end.saturating_sub(ENTRIES as u64);
    let mut history = engine.history(instance, after, usize::MAX).await?;
    history.retain(|recorded| recorded.entry.seq <= end);
    Ok(history)
}

fn told(teller: &Teller<'_>, recorded: &Recorded, open: bool) -> Told {
    let mut told = teller.entry(&recorded.entry);
    if open {
        let mut payload = Value::Object(recorded.entry.payload.clone());
        personal::reveal(&mut payload, &recorded.private);
        told.said = teller.facts(&payload);
    }
    told
}

fn data(instance: &Instance, sight: Sight, open: bool) -> Map<String, Value> {
    let mut data = match sight {
        Sight::Own => serde_json::json!({ "case": instance.data.get("case") }),
        Sight::Sealed | Sight::Full => Value::clone(&instance.data),
    };
    if open {
        personal::reveal(&mut data, &instance.private);
    }
    match data {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// What was said, and the rest.
fn parted(data: &Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    let mut rest = data.clone();
    let case = rest.remove("case");
    let said = SAID.iter().filter_map(|name| Some(((*name).to_owned(), rest.remove(*name)?))).collect();
    rest.extend(
        case.into_iter()
            .filter_map(|case| match case {
                Value::Object(members) => Some(members),
                _ => None,
            })
            .flatten()
            .filter(|(name, _)| !["promises", "links", "owner"].contains(&name.as_str())),
    );
    (said, rest)
}

/// What stands beside the heading: who the customer is, how it came, how urgent it is.
fn heading_facts(visitor: &Visitor, instance: &Instance) -> Vec<(String, String)> {
    let lang = visitor.lang;
    let named = ["customer_id", "customer_tier", "channel", "priority", "category", "subject_id"];
    let known = named.iter().filter_map(|name| {
        let text = instance.case_text(name)?;
        let plain = matches!(*name, "customer_id" | "subject_id");
        let known = words::known(&visitor.engine, text, lang).filter(|_| !plain);
        Some((words::field(name, lang), known.unwrap_or_else(|| text.to_owned())))
    });
    let started = Time::new(instance.created, visitor.zone, lang).text;
    let changed = Time::new(instance.updated, visitor.zone, lang).text;
    known
        .chain([
            (lang.t("Started", "开始").to_owned(), started),
            (lang.t("Last change", "最近变化").to_owned(), changed),
        ])
        .chain(instance.origin.clone().map(|origin| (lang.t("Batch", "批次").to_owned(), origin)))
        .collect()
}

fn promises(visitor: &Visitor, instance: &Instance) -> Vec<(Time, &'static str)> {
    let promises = instance.data.pointer("/case/promises").and_then(Value::as_array);
    let promise = |promise: &Value| {
        let time = Time::of_text(promise["promised_by"].as_str()?, visitor.zone, visitor.lang);
        let fate = if promise["kept_at"].is_string() {
            visitor.lang.t("kept", "已兑现")
        } else if promise["renewed_at"].is_string() {
            visitor.lang.t("renewed", "已改期")
        } else {
            visitor.lang.t("open", "待兑现")
        };
        Some((time, fate))
    };
    promises.into_iter().flatten().filter_map(promise).collect()
}

fn past(visitor: &Visitor, instance: &Instance) -> Vec<Past> {
    let (lang, zone) = (visitor.lang, visitor.zone);
    let definition = visitor.engine.pinned(instance);
    let title = |name: &str| {
        let rule = definition.as_ref().and_then(|definition| definition.clocks.get(name));
        rule.map_or_else(|| name.to_owned(), |rule| lang.of(&rule.title).to_owned())
    };
    let run = |name: &String, ended: &Ended| {
        let status = ended.status().name();
        Past {
            name: name.clone(),
            title: title(name),
            cycle: ended.cycle,
            status: words::clock_status(status, lang).to_owned(),
            class: match status {
                "met" => "good",
                "breached" => "bad",
                _ => "",
            },
            due: Time::new(ended.due, zone, lang),
            ended: Time::new(ended.at, zone, lang),
            used: span(ended.elapsed_ms, lang),
        }
    };
    instance
        .clocks
        .iter()
        .flat_map(|(name, clock)| clock.ended.iter().map(move |ended| (name, ended)))
        .map(|(name, ended)| run(name, ended))
        .collect()
}

fn timers(visitor: &Visitor, instance: &Instance) -> Vec<(String, Time)> {
    let own = instance.timers.iter().filter(|(name, _)| !crate::kernel::sla::is_clock_timer(name));
    let mut timers: Vec<_> = own.map(|(name, timer)| (timer.due, name.clone())).collect();
    timers.sort();
    timers.into_iter().map(|(due, name)| (name, Time::new(due, visitor.zone, visitor.lang))).collect()
}

/// The related cases that the reader may read, each with how it is related.
fn links(visitor: &Visitor, instance: &Arc<Instance>, history: &[Recorded]) -> Vec<Linked> {
    let lang = visitor.lang;
    let mut found = linked(history.iter().rev().take(LINKS_LOOKED_AT).map(|recorded| &*recorded.entry));
    if let Some(parent) = &instance.parent {
        found.insert(parent.to_string(), "parent");
    }
    let mut named: Vec<(String, String)> = Vec::new();
    for link in instance.data.pointer("/case/links").and_then(Value::as_array).into_iter().flatten() {
        if let (Some(kind), Some(id)) = (link["type"].as_str(), link["id"].as_str()) {
            found.remove(id);
            named.push((id.to_owned(), words::value(kind, None, lang)));
        }
    }
    named.extend(found.into_iter().map(|(id, how)| (id, words::relation(how, lang).to_owned())));
    let readable = named.into_iter().filter_map(|(id, how)| {
        let (other, _) = readable(&visitor.engine, &visitor.caller, &id).ok()?;
        let (flow, state) = visitor.titles(&other);
        Some(Linked { id, how, flow, state })
    });
    readable.collect()
}
