//! Lists of instances by declared keys, in pages; and how pages of other lists are asked for.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::caller::{Caller, Sight};
use super::clock_filters::{Asked, ClockFilters};
use super::cursor;
use super::error::{ApiError, Code};
use super::extract::Params;
use super::headers;
use super::instances::owner_text;
use super::responses::group;
use super::rows::{InstanceRow, row};
use super::state::AppState;
use crate::engine::Engine;
use crate::index::{List, PAGE_SCAN_MAX, Page, Range};
use crate::kernel::case::{Channel, Priority};
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::sla::state::first_due;

/// Rows of a page where the caller does not say.
pub const PAGE_DEFAULT: usize = 50;
/// Most rows of a page: what a person or a program takes in at once.
pub const PAGE_MAX: usize = 200;
/// Rows read first for each row of a page that is filtered.
const FEW: usize = 2;
/// The orders that lists have.
const SORTS: [&str; 4] = ["created", "-created", "due", "-due"];

/// A page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InstancePage {
    /// Rows in order; fewer than `limit` is normal where further filters apply.
    pub instances: Vec<InstanceRow>,
    /// Where the list goes on; absent at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
    /// Rows looked at for this page.
    pub scanned: usize,
    /// The position that all rows were read at.
    pub position: u64,
}

/// Filters of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only this workflow.
    #[param(nullable = false, example = "consultation")]
    workflow: Option<String>,
    /// Only this state, or every state below this superstate.
    #[param(nullable = false, example = "open.handling")]
    state: Option<String>,
    /// Only of this owner: a person's id or `queue:<name>`.
    #[param(nullable = false, example = "queue:consultation")]
    owner: Option<String>,
    /// Only of this customer.
    #[param(nullable = false)]
    customer: Option<String>,
    /// Only with this reference in another system; needs `workflow`.
    #[param(nullable = false)]
    external_ref: Option<String>,
    /// Only started at or after this time.
    #[param(nullable = false, format = DateTime)]
    created_from: Option<String>,
    /// Only started before this time.
    #[param(nullable = false, format = DateTime)]
    created_until: Option<String>,
    /// Only of this priority: `low`, `normal`, `high`, `urgent`.
    #[param(nullable = false, example = "urgent")]
    priority: Option<String>,
    /// Only of this channel: `phone`, `email`, `web_chat`, `wecom`, `wechat`, `sms`, `social`, `walk_in`, `api`.
    #[param(nullable = false, example = "phone")]
    channel: Option<String>,
    /// `true`: only with a running clock whose due has passed now; `false`: only without one.
    #[param(nullable = false)]
    overdue: Option<bool>,
    /// Only with a running clock that is due before this time.
    #[param(nullable = false, format = DateTime)]
    due_before: Option<String>,
    /// Only with a clock that has not ended and has used so many percent; one of the levels that clocks declare.
    #[param(nullable = false, example = 80)]
    consumed_at_least: Option<u32>,
    /// The order: `created` (oldest first, the default), `-created`, `due` (of the running clock that is
    /// due first; the default with `overdue=true` and `due_before`) or `-due`.
    #[param(nullable = false, example = "-created")]
    sort: Option<String>,
    /// Most rows, 1 to 200; 50 by default.
    #[param(nullable = false, minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// `next_cursor` of the page before, with the same filters.
    #[param(nullable = false)]
    cursor: Option<String>,
}

/// Lists instances by declared keys.
///
/// Lists run over workflow and state, owner or customer, each in order of
/// start, or over the running clock that is due first, in order of due; the
/// further filters are checked on the rows read, at most 5,000 a page, so that
/// a short page with `next_cursor` is normal. A case whose clocks all stand
/// still has no due. A customer lists own cases only, in order of start.
#[utoipa::path(
    get, path = "/v1/instances", operation_id = "list_instances", tag = "instances",
    params(ListParams),
    responses((status = 200, body = InstancePage, description = "A page of instances", headers(("Careflow-Position" = u64, description = "The position that was read at"))), group::Listing),
)]
pub async fn list_instances(
    State(state): State<AppState>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<(HeaderMap, Json<InstancePage>), ApiError> {
    let engine = state.engine()?;
    let list = Listing::read(engine, &caller, params)?;
    let found = list.page(engine).await?;
    Ok((headers::at(found.position), Json(found)))
}

/// A list that was asked for, with its parameters checked.
struct Listing {
    lists: Vec<List>,
    range: Range,
    limit: usize,
    /// Checked on each row, where the lists do not say it already.
    keep: ListParams,
    key: Key,
    /// From when and until when it must have started; checked on each row of a list by due.
    started: (Option<Instant>, Option<Instant>),
    clocks: ClockFilters,
    fingerprint: String,
}

/// What a list is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Created,
    Due,
}

impl Listing {
    fn read(engine: &Engine, caller: &Caller, mut params: ListParams) -> Result<Self, ApiError> {
        if caller.sight() == Sight::Own {
            if params.customer.as_deref().is_some_and(|customer| customer != caller.id()) {
                return Err(ApiError::new(Code::RoleNotAllowed, "the caller lists own cases only"));
            }
            params.customer = Some(caller.id().to_owned());
        }
        let own = caller.sight() == Sight::Own;
        let limit = limit(params.limit.take())?;
        let cursor = params.cursor.take();
        let fingerprint = serde_json::to_string(&params).unwrap_or_default();
        let mut clocks = ClockFilters::read(
            engine,
            Asked {
                workflow: params.workflow.as_deref(),
                overdue: params.overdue,
                due_before: params.due_before.take(),
                consumed_at_least: params.consumed_at_least,
            },
        )?;
        let (key, newest_first) = order(params.sort.take().as_deref(), clocks.due_before.is_some(), own)?;
        one_of::<Priority>("priority", params.priority.as_deref())?;
        one_of::<Channel>("channel", params.channel.as_deref())?;
        let after = cursor.map(|cursor| cursor::read(&fingerprint, &cursor)).transpose()?;
        let started = (
            time("created_from", params.created_from.take())?,
            time("created_until", params.created_until.take())?,
        );
        let run = lists(engine, &mut params, key)?;
        let (from, until) = match key {
            Key::Created => started,
            // The range says it: no row need be looked at for it.
            Key::Due => (None, clocks.due_before.take()),
        };
        let range = Range { from, until, after, newest_first };
        Ok(Self { lists: run, range, limit, keep: params, key, started, clocks, fingerprint })
    }

    fn filters(&self) -> bool {
        let ListParams { workflow, state, owner, customer, external_ref, priority, channel, .. } = &self.keep;
        let named = [workflow, state, owner, customer, external_ref, priority, channel];
        let starts = self.key == Key::Due && (self.started.0.is_some() || self.started.1.is_some());
        starts || !self.clocks.is_empty() || named.into_iter().any(Option::is_some)
    }

    /// Reads one page, at one position.
    async fn page(self, engine: &Engine) -> Result<InstancePage, ApiError> {
        if !self.filters() {
            let page = engine.page(&self.lists, &self.range, self.limit)?;
            return Ok(self.cut(engine, &page));
        }
        // Most filters keep most rows: few are read first, and all that a page may read where they do not.
        let few = self.limit * FEW;
        let page = self.rows(engine, few).await?;
        let cut = self.cut(engine, &page);
        if cut.instances.len() == self.limit || !page.more {
            return Ok(cut);
        }
        let page = self.rows(engine, PAGE_SCAN_MAX).await?;
        Ok(self.cut(engine, &page))
    }

    /// Up to 5,000 records are decoded: too long for the thread that serves connections.
    async fn rows(&self, engine: &Engine, rows: usize) -> Result<Page, ApiError> {
        let (engine, lists, range) = (engine.clone(), self.lists.clone(), self.range.clone());
        let read = tokio::task::spawn_blocking(move || engine.page(&lists, &range, rows)).await;
        Ok(read.map_err(|_| ApiError::new(Code::Internal, "the list could not be read"))??)
    }

    fn cut(&self, engine: &Engine, page: &Page) -> InstancePage {
        let (mut instances, mut scanned) = (Vec::new(), 0);
        for instance in &page.rows {
            if instances.len() == self.limit {
                break;
            }
            scanned += 1;
            if self.keeps(engine, instance) {
                instances.push(row(engine, instance, self.clocks.now()));
            }
        }
        let ended = scanned == page.rows.len() && !page.more;
        let last = page.rows.get(scanned.wrapping_sub(1)).filter(|_| !ended);
        let next_cursor = last.map(|last| cursor::make(&self.fingerprint, self.moment(last), &last.id));
        InstancePage { instances, next_cursor, scanned, position: page.position }
    }

    /// What the list is ordered by, of one of its rows.
    fn moment(&self, row: &Instance) -> Instant {
        match self.key {
            Key::Created => row.created,
            Key::Due => first_due(&row.clocks).unwrap_or(row.created),
        }
    }

    fn keeps(&self, engine: &Engine, instance: &Instance) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        is(&self.keep.workflow, Some(&instance.workflow))
            && self.keep.state.as_deref().is_none_or(|state| below(&instance.state, state))
            && is(&self.keep.owner, owner_text(instance).as_deref())
            && is(&self.keep.customer, instance.case_text("customer_id"))
            && is(&self.keep.priority, instance.case_text("priority"))
            && is(&self.keep.channel, instance.case_text("channel"))
            && is(&self.keep.external_ref, instance.data.get("external_ref").and_then(Value::as_str))
            && self.started.0.is_none_or(|from| instance.created >= from)
            && self.started.1.is_none_or(|until| instance.created < until)
            && self.clocks.keeps(engine, instance)
    }
}

/// The lists to read; what they say already is taken out of `params`.
fn lists(engine: &Engine, params: &mut ListParams, key: Key) -> Result<Vec<List>, ApiError> {
    let states = states(engine, params.workflow.as_deref(), params.state.as_deref())?;
    if params.external_ref.is_some() && params.workflow.is_none() {
        return Err(ApiError::new(Code::InvalidQuery, "`external_ref` needs `workflow`"));
    }
    if key == Key::Due {
        return Ok(vec![List::Due]);
    }
    if let (Some(_), Some(_)) = (&params.external_ref, &params.workflow) {
        let named = params.external_ref.take().zip(params.workflow.take());
        return Ok(named
            .map(|(reference, workflow)| List::ExternalRef { workflow, reference })
            .into_iter()
            .collect());
    }
    if let Some(customer) = params.customer.take() {
        return Ok(vec![List::Customer(customer)]);
    }
    if let Some(owner) = params.owner.take() {
        return Ok(vec![List::Work(owner.clone()), List::Owner(owner)]);
    }
    (params.workflow, params.state) = (None, None);
    Ok(states)
}

/// The lists of every leaf at or below `state`, of one workflow or of all.
fn states(engine: &Engine, workflow: Option<&str>, state: Option<&str>) -> Result<Vec<List>, ApiError> {
    let known = engine.workflows();
    let chosen = |name: &str| workflow.is_none_or(|wanted| wanted == name);
    if !known.iter().any(|flow| chosen(flow.name())) {
        let names = known.iter().map(|flow| flow.name());
        let detail = format!("there is no workflow `{}`", workflow.unwrap_or_default());
        return Err(ApiError::new(Code::InvalidQuery, detail).accepting(names));
    }
    let mut lists = Vec::new();
    let mut paths = Vec::new();
    for flow in known.iter().filter(|flow| chosen(flow.name())) {
        for leaf in flow.states() {
            paths.push(leaf.path.clone());
            if state.is_none_or(|state| below(&leaf.path, state)) {
                lists.push(List::State { workflow: flow.name().to_owned(), state: leaf.path.clone() });
            }
        }
    }
    if lists.is_empty() {
        let detail = format!("there is no state `{}`", state.unwrap_or_default());
        return Err(ApiError::new(Code::InvalidQuery, detail).accepting(paths));
    }
    Ok(lists)
}

/// Whether `path` is `state` or lies below it.
fn below(path: &str, state: &str) -> bool {
    path.strip_prefix(state).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The number of rows that a page may have.
///
/// # Errors
/// `invalid_query` outside 1 to [`PAGE_MAX`].
pub fn limit(given: Option<usize>) -> Result<usize, ApiError> {
    match given.unwrap_or(PAGE_DEFAULT) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        limit => {
            let detail = format!("`limit={limit}` is refused; accepted is 1 to {PAGE_MAX}");
            Err(ApiError::new(Code::InvalidQuery, detail))
        }
    }
}

/// The time that the query parameter `name` holds.
///
/// # Errors
/// `invalid_query`.
pub fn time(name: &str, given: Option<String>) -> Result<Option<Instant>, ApiError> {
    let parse = |text: String| {
        Instant::parse(&text)
            .map_err(|reason| ApiError::new(Code::InvalidQuery, format!("`{name}`: {reason}")))
    };
    given.map(parse).transpose()
}

/// Checks a value against the names of `T`.
fn one_of<T: DeserializeOwned>(name: &str, given: Option<&str>) -> Result<(), ApiError> {
    let Some(text) = given else { return Ok(()) };
    let reader: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(reader)
        .map(|_| ())
        .map_err(|e| ApiError::new(Code::InvalidQuery, format!("`{name}`: {e}")))
}

/// What the list is ordered by, and whether the latest comes first.
///
/// # Errors
/// `unsupported_sort` for an order that there is not, or not with the other parameters: a range of
/// dues is read in their order, and the list by due holds every case, so that it is not a customer's.
fn order(sort: Option<&str>, by_due: bool, own: bool) -> Result<(Key, bool), ApiError> {
    let refused = |why: &str, accepted: &[&str]| {
        let names: Vec<String> = accepted.iter().map(|name| format!("`{name}`")).collect();
        let detail =
            format!("`sort={}` is refused{why}; accepted are {}", sort.unwrap_or_default(), names.join(", "));
        Err(ApiError::new(Code::UnsupportedSort, detail).accepting(accepted.iter().copied()))
    };
    let default = if by_due && !own { Key::Due } else { Key::Created };
    match sort {
        None => Ok((default, false)),
        Some("due" | "-due") if own => refused(": customers list in order of start", &SORTS[..2]),
        Some("created" | "-created") if default == Key::Due => {
            refused(": a list of what is due is in order of due", &SORTS[2..])
        }
        Some("created") => Ok((Key::Created, false)),
        Some("-created") => Ok((Key::Created, true)),
        Some("due") => Ok((Key::Due, false)),
        Some("-due") => Ok((Key::Due, true)),
        Some(_) => refused("", &SORTS),
    }
}
