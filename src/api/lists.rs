//! Lists of instances by declared keys, in pages; and how pages of other lists are asked for.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::{Caller, Sight};
use super::cursor;
use super::error::{ApiError, Code};
use super::extract::Params;
use super::headers;
use super::instances::owner_text;
use super::responses::group;
use super::state::AppState;
use super::workflows::TitleView;
use crate::engine::Engine;
use crate::index::{List, PAGE_SCAN_MAX, Page, Range};
use crate::kernel::case::{Channel, Priority};
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;

/// Rows of a page where the caller does not say.
pub const PAGE_DEFAULT: usize = 50;
/// Most rows of a page: what a person or a program takes in at once.
pub const PAGE_MAX: usize = 200;
/// The orders that lists have.
const SORTS: [&str; 2] = ["created", "-created"];

/// One row of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InstanceRow {
    /// Its id; also its case number.
    pub id: String,
    /// Its workflow.
    pub workflow: String,
    /// Dotted path of superstates and state.
    pub state: String,
    /// The state's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub state_title: Option<TitleView>,
    /// Number of its last entry.
    pub seq: u64,
    /// When it was started.
    #[schema(format = DateTime)]
    pub created: String,
    /// When its last entry was recorded.
    #[schema(format = DateTime)]
    pub updated: String,
    /// Who answers for it: a person's id or `queue:<name>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub owner: Option<String>,
    /// Pseudonym of the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub customer: Option<String>,
    /// How the customer reached the organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel: Option<String>,
    /// How soon it should be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub priority: Option<String>,
    /// When its earliest timer fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub next_due: Option<String>,
}

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
    /// The order: `created` (oldest first, the default) or `-created`.
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
/// start; the further filters are checked on the rows read, at most 5,000 a
/// page, so that a short page with `next_cursor` is normal. A customer lists
/// own cases only.
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

fn row(engine: &Engine, instance: &Instance) -> InstanceRow {
    let text = |name: &str| instance.case_text(name).map(str::to_owned);
    let definition = engine.pinned(instance);
    InstanceRow {
        id: instance.id.to_string(),
        workflow: instance.workflow.clone(),
        state: instance.state.clone(),
        state_title: definition.and_then(|d| d.states.get(&instance.state).map(TitleView::from)),
        seq: instance.seq,
        created: instance.created.to_string(),
        updated: instance.updated.to_string(),
        owner: owner_text(instance),
        customer: text("customer_id"),
        channel: text("channel"),
        priority: text("priority"),
        next_due: instance.next_due().map(|due| due.to_string()),
    }
}

/// A list that was asked for, with its parameters checked.
struct Listing {
    lists: Vec<List>,
    range: Range,
    limit: usize,
    /// Checked on each row, where the lists do not say it already.
    keep: ListParams,
    fingerprint: String,
}

impl Listing {
    fn read(engine: &Engine, caller: &Caller, mut params: ListParams) -> Result<Self, ApiError> {
        if caller.sight() == Sight::Own {
            if params.customer.as_deref().is_some_and(|customer| customer != caller.id()) {
                return Err(ApiError::new(Code::RoleNotAllowed, "the caller lists own cases only"));
            }
            params.customer = Some(caller.id().to_owned());
        }
        let limit = limit(params.limit.take())?;
        let cursor = params.cursor.take();
        let fingerprint = serde_json::to_string(&params).unwrap_or_default();
        let range = Range {
            created_from: time("created_from", params.created_from.take())?,
            created_until: time("created_until", params.created_until.take())?,
            after: cursor.map(|cursor| cursor::read(&fingerprint, &cursor)).transpose()?,
            newest_first: newest_first(params.sort.take().as_deref())?,
        };
        one_of::<Priority>("priority", params.priority.as_deref())?;
        one_of::<Channel>("channel", params.channel.as_deref())?;
        let lists = lists(engine, &mut params)?;
        Ok(Self { lists, range, limit, keep: params, fingerprint })
    }

    fn filters(&self) -> bool {
        let ListParams { workflow, state, owner, customer, priority, channel, .. } = &self.keep;
        [workflow, state, owner, customer, priority, channel].into_iter().any(Option::is_some)
    }

    /// Reads one page, at one position.
    async fn page(self, engine: &Engine) -> Result<InstancePage, ApiError> {
        let page = if self.filters() {
            // Up to 5,000 records are decoded: too long for the thread that serves connections.
            let (engine, lists, range) = (engine.clone(), self.lists.clone(), self.range.clone());
            let read = move || engine.page(&lists, &range, PAGE_SCAN_MAX);
            tokio::task::spawn_blocking(read)
                .await
                .map_err(|_| ApiError::new(Code::Internal, "the list could not be read"))??
        } else {
            engine.page(&self.lists, &self.range, self.limit)?
        };
        Ok(self.cut(engine, &page))
    }

    fn cut(&self, engine: &Engine, page: &Page) -> InstancePage {
        let (mut instances, mut scanned) = (Vec::new(), 0);
        for instance in &page.rows {
            if instances.len() == self.limit {
                break;
            }
            scanned += 1;
            if self.keeps(instance) {
                instances.push(row(engine, instance));
            }
        }
        let ended = scanned == page.rows.len() && !page.more;
        let last = page.rows.get(scanned.wrapping_sub(1)).filter(|_| !ended);
        let next_cursor = last.map(|last| cursor::make(&self.fingerprint, last.created, &last.id));
        InstancePage { instances, next_cursor, scanned, position: page.position }
    }

    fn keeps(&self, instance: &Instance) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        is(&self.keep.workflow, Some(&instance.workflow))
            && self.keep.state.as_deref().is_none_or(|state| below(&instance.state, state))
            && is(&self.keep.owner, owner_text(instance).as_deref())
            && is(&self.keep.customer, instance.case_text("customer_id"))
            && is(&self.keep.priority, instance.case_text("priority"))
            && is(&self.keep.channel, instance.case_text("channel"))
    }
}

/// The lists to read; what they say already is taken out of `params`.
fn lists(engine: &Engine, params: &mut ListParams) -> Result<Vec<List>, ApiError> {
    let states = states(engine, params.workflow.as_deref(), params.state.as_deref())?;
    if let Some(reference) = params.external_ref.take() {
        let Some(workflow) = params.workflow.take() else {
            return Err(ApiError::new(Code::InvalidQuery, "`external_ref` needs `workflow`"));
        };
        return Ok(vec![List::ExternalRef { workflow, reference }]);
    }
    if let Some(customer) = params.customer.take() {
        return Ok(vec![List::Customer(customer)]);
    }
    if let Some(owner) = params.owner.take() {
        return Ok(vec![List::Owner(owner)]);
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

fn newest_first(sort: Option<&str>) -> Result<bool, ApiError> {
    match sort {
        None | Some("created") => Ok(false),
        Some("-created") => Ok(true),
        Some(other) => {
            let detail = format!("`sort={other}` is refused; accepted are `created` and `-created`");
            Err(ApiError::new(Code::UnsupportedSort, detail).accepting(SORTS))
        }
    }
}
