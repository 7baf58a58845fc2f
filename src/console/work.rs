//! Work: what a person or a team has open, in the order in which it breaches, with filters.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::clock::{self, Heat, Shown};
use super::form::filled;
use super::lang::Lang;
use super::names::Names;
use super::shell::{Part, Shell, Visitor};
use super::times::Time;
use super::{Desk, page, words};
use crate::api::caller::Sight;
use crate::api::cursor;
use crate::api::error::{ApiError, Code};
use crate::api::instances::owner_text;
use crate::engine::Engine;
use crate::engine::desk::View;
use crate::index::{List, Range};
use crate::kernel::common::Stage;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::sla::state::first_due;
use crate::kernel::step::stage_of;

/// Rows of a page.
const ROWS: usize = 50;
/// Rows looked at for a page: more than anybody has open.
const SCAN_MAX: usize = 1_000;
/// Past every due that a calendar gives (the year 8965).
const IDLE: Instant = Instant::from_millis(7_000 * 365 * 86_400_000);

/// Which work.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WorkQuery {
    /// `mine` (the default), `all`, or the name of a queue.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Only this flow.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// All cases of the flow that are in this state (a leaf's path), open or not, in place of a queue's.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Only of this priority.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Only of this channel.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// `near` or `over`: only what is near its due, or past it.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub heat: Option<String>,
    /// Where the page before ended.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// One case of a queue.
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its flow's title.
    pub flow: String,
    /// Its state's title.
    pub state: String,
    /// What it is about, without personal values.
    pub about: String,
    /// The customer's pseudonym.
    pub customer: Option<String>,
    /// Who has it.
    pub owner: String,
    /// Its priority's name.
    pub priority: Option<String>,
    /// Its priority in words.
    pub priority_text: String,
    /// The clock that is due first.
    pub clock: Option<Shown>,
    /// When it was started.
    pub created: Time,
}

/// A choice of a filter.
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub text: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// A tab: a queue.
struct Tab {
    href: String,
    text: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "work.html", config = "src/console/askama.toml")]
struct WorkPage {
    shell: Shell,
    tabs: Vec<Tab>,
    query: WorkQuery,
    flows: Vec<Choice>,
    priorities: Vec<Choice>,
    channels: Vec<Choice>,
    heats: Vec<Choice>,
    rows: Vec<Row>,
    next: Option<String>,
    /// Saved views: name, path, whether it is this one.
    views: Vec<(String, String, bool)>,
    /// The query of this list, for a view of it.
    own_query: String,
    assigns: bool,
    /// Rows that were looked at, where a filter left some out.
    scanned: Option<usize>,
    /// Where changes are told; not to customers.
    live: Option<String>,
}

/// Shows a queue.
///
/// # Errors
/// A filter that there is not.
pub async fn work(
    State(desk): State<Desk>,
    visitor: Visitor,
    Query(query): Query<WorkQuery>,
) -> Result<Response, ApiError> {
    let engine = &visitor.engine;
    let queue = query.queue.clone().unwrap_or_else(|| "mine".to_owned());
    let own = visitor.caller.sight() == Sight::Own;
    let state = query.state.as_deref().map(|state| of_state(&visitor, &query, state)).transpose()?;
    let list = state.clone().unwrap_or_else(|| list(&visitor, &queue));
    let asked = Asked { list, query: query.clone(), own };
    let found = asked.read(&visitor).await?;
    let lang = visitor.lang;
    let now = engine.now();
    let rows = found.rows.iter().map(|instance| row(&visitor, instance, now)).collect();
    let next = found.next.map(|after| href(&WorkQuery { after: Some(after), ..query.clone() }));
    let tab = |name: &str, text: String| Tab {
        href: href(&WorkQuery {
            queue: (name != "mine").then(|| name.to_owned()),
            state: None,
            after: None,
            ..query.clone()
        }),
        text,
        here: queue == name && state.is_none(),
    };
    let mut tabs = vec![tab("mine", lang.t("Mine", "我的").to_owned())];
    if !own {
        tabs.extend(
            desk.queues.all(engine).iter().map(|name| tab(name, words::sentence(&words::queue(name, lang)))),
        );
        tabs.push(tab("all", lang.t("All open, by due", "全部未结（按期限）").to_owned()));
    }
    if let Some(List::State { workflow, state }) = &state {
        let names = Names::new(engine, workflow, lang);
        let text = format!("{} · {}", names.flow(workflow), names.state(state));
        tabs.push(Tab { href: href(&query), text, here: true });
    }
    let own_query = href(&WorkQuery { after: None, ..query.clone() }).trim_start_matches('/').to_owned();
    let view = |view: View| (view.name, format!("/{}", view.query), view.query == own_query);
    let views = engine.views(visitor.caller.id()).views.into_iter().map(view).collect();
    let shell = visitor.shell(Part::Work, lang.t("Work", "工作"));
    let shown = WorkPage {
        shell,
        tabs,
        flows: flows(engine, query.workflow.as_deref(), lang),
        priorities: choices(&["urgent", "high", "normal", "low"], query.priority.as_deref(), lang),
        channels: choices(CHANNELS, query.channel.as_deref(), lang),
        heats: heats(query.heat.as_deref(), lang),
        rows,
        next,
        views,
        own_query,
        assigns: super::assign::may(&visitor),
        scanned: found.cut.then_some(SCAN_MAX),
        live: (!own && state.is_none())
            .then(|| format!("/live?of=queue&name={}", super::around::encoded(&queue))),
        query,
    };
    page::page(&shown)
}

/// Names of channels, as cases hold them.
pub const CHANNELS: &[&str] =
    &["phone", "email", "web_chat", "wecom", "wechat", "sms", "social", "walk_in", "api"];

/// The list that a queue is.
fn list(visitor: &Visitor, queue: &str) -> List {
    match queue {
        "all" => List::Due,
        "mine" if visitor.caller.sight() == Sight::Own => List::Customer(visitor.caller.id().to_owned()),
        "mine" => List::Work(visitor.caller.id().to_owned()),
        name => List::Work(format!("queue:{name}")),
    }
}

/// The list of the cases in a state.
fn of_state(visitor: &Visitor, query: &WorkQuery, state: &str) -> Result<List, ApiError> {
    let workflow = query.workflow.clone().ok_or_else(|| {
        ApiError::new(Code::InvalidQuery, "`state` says nothing without `workflow`; accepted are both")
    })?;
    let flow = crate::api::workflows::flow(&visitor.engine, &workflow)?;
    let leaves: Vec<&str> = flow.states().iter().map(|spec| spec.path.as_str()).collect();
    if !leaves.contains(&state) {
        let detail = format!("`{workflow}` has no state `{state}`");
        return Err(ApiError::new(Code::InvalidQuery, detail).accepting(leaves));
    }
    Ok(List::State { workflow, state: state.to_owned() })
}

/// What is asked of a queue.
struct Asked {
    list: List,
    query: WorkQuery,
    /// Whether only own cases may be shown.
    own: bool,
}

/// What was found.
struct Found {
    rows: Vec<std::sync::Arc<Instance>>,
    next: Option<String>,
    /// Whether there are more than were looked at.
    cut: bool,
}

impl Asked {
    async fn read(self, visitor: &Visitor) -> Result<Found, ApiError> {
        if self.own && !matches!(self.list, List::Customer(_)) {
            return Err(ApiError::new(Code::RoleNotAllowed, "the caller lists own cases only"));
        }
        let filters = href(&WorkQuery { after: None, ..self.query.clone() });
        let after = self.query.after.as_deref().map(|after| cursor::read(&filters, after)).transpose()?;
        let (engine, list) = (visitor.engine.clone(), self.list.clone());
        let by_due = matches!(list, List::Work(_));
        // What an owner has open is put in order of due here, so that all of it is read for each page.
        let range =
            Range { after: after.clone().filter(|_| !by_due), newest_first: self.own, ..Range::default() };
        let WorkQuery { workflow, priority, channel, heat, .. } = &self.query;
        let of_flow = workflow.as_ref().filter(|_| !matches!(self.list, List::State { .. }));
        let filtered = of_flow.is_some() || [priority, channel, heat].into_iter().any(Option::is_some);
        let rows = if by_due || filtered { SCAN_MAX } else { ROWS };
        // Up to a thousand records are decoded: too long for the thread that serves connections.
        let read = tokio::task::spawn_blocking(move || engine.page(&[list], &range, rows)).await;
        let mut page = read.map_err(|_| ApiError::new(Code::Internal, "the queue could not be read"))??;
        if by_due {
            page.rows.sort_by_key(|instance| (moment(&self.list, instance), instance.id.clone()));
            let passed = after.map_or(0, |after| {
                page.rows.partition_point(|row| (moment(&self.list, row), row.id.clone()) <= after)
            });
            page.rows.drain(..passed);
        }
        let now = visitor.engine.now();
        let mut kept = Vec::new();
        let mut looked_at = 0;
        for instance in &page.rows {
            if kept.len() == ROWS {
                break;
            }
            looked_at += 1;
            if visitor.caller.may_read(instance) && self.keeps(visitor, instance, now) {
                kept.push(instance.clone());
            }
        }
        let ended = looked_at == page.rows.len() && (!page.more || by_due);
        let last = page.rows.get(looked_at.wrapping_sub(1)).filter(|_| !ended);
        let next = last.map(|last| cursor::make(&filters, moment(&self.list, last), &last.id));
        let cut = page.more && (by_due || (filtered && kept.len() < ROWS));
        Ok(Found { cut, rows: kept, next })
    }

    fn keeps(&self, visitor: &Visitor, instance: &Instance, now: Instant) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        is(&self.query.workflow, Some(&instance.workflow))
            && is(&self.query.priority, instance.case_text("priority"))
            && is(&self.query.channel, instance.case_text("channel"))
            && self.query.heat.as_deref().is_none_or(|wanted| {
                let heat = heat(visitor, instance, now);
                match wanted {
                    "over" => heat == Some(Heat::Over),
                    _ => heat >= Some(Heat::Near),
                }
            })
    }
}

/// The heat of the clock of `instance` that is worst.
fn heat(visitor: &Visitor, instance: &Instance, now: Instant) -> Option<Heat> {
    let measures = visitor.engine.measures(&instance.pins)?;
    let clocks = clock::running(instance, &measures, now, visitor.zone, visitor.lang);
    clocks.iter().map(|clock| clock.heat).max()
}

/// The row of an instance.
pub fn row(visitor: &Visitor, instance: &Instance, now: Instant) -> Row {
    let (engine, lang) = (&visitor.engine, visitor.lang);
    let (flow, state) = visitor.titles(instance);
    let measures = engine.measures(&instance.pins);
    let clocks = measures.map(|measures| clock::running(instance, &measures, now, visitor.zone, lang));
    let clock = clocks.unwrap_or_default().into_iter().next();
    let about = ["problem_type", "category", "cause", "purpose", "title", "kind"];
    let about =
        about.iter().find_map(|name| instance.case_text(name).or_else(|| instance.data.get(*name)?.as_str()));
    let priority = instance.case_text("priority").map(str::to_owned);
    Row {
        id: instance.id.to_string(),
        flow,
        state,
        about: about
            .map(|name| words::known(engine, name, lang).unwrap_or_else(|| words::sentence(name)))
            .unwrap_or_default(),
        customer: instance.case_text("customer_id").map(str::to_owned),
        owner: owner_text(instance).map(|owner| words::owner(&owner, lang)).unwrap_or_default(),
        priority_text: priority.as_deref().map(|name| words::value(name, None, lang)).unwrap_or_default(),
        priority,
        clock: clock.filter(|_| stage_of(&instance.state) != Stage::Final),
        created: Time::new(instance.created, visitor.zone, lang),
    }
}

/// What a list is ordered by, of one of its rows: what breaches first comes first, what has no running clock last.
fn moment(list: &List, row: &Instance) -> Instant {
    match list {
        List::Work(_) | List::Due => {
            first_due(&row.clocks).unwrap_or_else(|| IDLE.plus_millis(row.created.millis()))
        }
        List::Customer(_) | List::Owner(_) | List::State { .. } | List::ExternalRef { .. } => row.created,
    }
}

fn href(query: &WorkQuery) -> String {
    let text = serde_urlencoded::to_string(query).unwrap_or_default();
    if text.is_empty() { "/".to_owned() } else { format!("/?{text}") }
}

/// The flows, as choices.
pub fn flows(engine: &Engine, chosen: Option<&str>, lang: Lang) -> Vec<Choice> {
    let flow = |name: &str| Choice {
        value: name.to_owned(),
        text: engine.definition(name).map_or_else(|| name.to_owned(), |d| lang.of(&d.title).to_owned()),
        chosen: chosen == Some(name),
    };
    engine.workflows().iter().map(|known| flow(known.name())).collect()
}

/// Values of an enumeration, as choices.
pub fn choices(names: &[&str], chosen: Option<&str>, lang: Lang) -> Vec<Choice> {
    let choice = |name: &&str| Choice {
        value: (*name).to_owned(),
        text: words::value(name, None, lang),
        chosen: chosen == Some(*name),
    };
    names.iter().map(choice).collect()
}

fn heats(chosen: Option<&str>, lang: Lang) -> Vec<Choice> {
    let choice = |value: &str, text: &str| Choice {
        value: value.to_owned(),
        text: text.to_owned(),
        chosen: chosen == Some(value),
    };
    vec![
        choice("near", lang.t("Near its due or past it", "临近或超过期限")),
        choice("over", lang.t("Past its due", "已超期")),
    ]
}
