//! Schedules: what starts by itself and when; an administrator pauses, resumes or runs one, with a reason.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::error::{ApiError, Code};
use super::events::{Receipt, failure, receipt};
use super::extract::{NoParams, Params, Segments, StrictJson, WriteHeaders};
use super::headers;
use super::lists::{limit, time};
use super::responses::group;
use super::state::AppState;
use super::timers::check_reason;
use super::workflows::TitleView;
use crate::engine::schedule::{Firing, Missed, Pause};
use crate::engine::{Ask, Engine, Recorded, ScheduleInfo};
use crate::kernel::actor::Role;
use crate::kernel::calendar::parse_zone;
use crate::kernel::cron::Cron;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::schedule::{CatchUp, Overlap};

/// Most fire times told at once.
const TIMES_MAX: usize = 100;
/// Fire times told unless asked otherwise.
const TIMES_DEFAULT: usize = 10;

/// A schedule of a definition.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScheduleView {
    /// Its id.
    #[schema(example = "3fa2-7f3k2m9qx4tbz8wd")]
    pub id: String,
    /// The workflow whose definition names it.
    #[schema(example = "report")]
    pub workflow: String,
    /// Its name within that definition.
    #[schema(example = "monthly_feedback")]
    pub name: String,
    /// What people read.
    pub title: TitleView,
    /// When it fires.
    #[schema(example = "0 1 1 * *")]
    pub cron: String,
    /// The time zone whose clocks it follows.
    #[schema(example = "Asia/Shanghai")]
    pub zone: String,
    /// What becomes of missed fire times: `skip`, `one` or `all`.
    pub catch_up: &'static str,
    /// Whether it fires beside an unfinished instance: `skip` or `allow`.
    pub overlap: &'static str,
    /// The workflow of what it starts.
    pub starts: String,
    /// The report that it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub report: Option<String>,
    /// `active`, `paused`, or `withdrawn` where no definition in force names it any more.
    pub state: String,
    /// Since when it is paused, by whom and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub paused: Option<PauseView>,
    /// When it fires next; absent while it is paused or withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub next: Option<String>,
    /// How often it fired, skipped and refused firings included.
    pub fired: u64,
    /// The last firing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last: Option<FiringView>,
    /// Number of its last entry.
    pub seq: u64,
}

/// Why a schedule is paused.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PauseView {
    /// Who paused it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub at: String,
}

/// One firing of a schedule.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FiringView {
    /// Which one, from 1.
    pub number: u64,
    /// The fire time.
    #[schema(format = DateTime)]
    pub scheduled_for: String,
    /// `started`, `skipped` or `refused`.
    pub outcome: &'static str,
    /// The instance that it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub started: Option<String>,
    /// When that should be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub due: Option<String>,
    /// The missed fire times that it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub missed: Option<MissedView>,
    /// Why nothing was started: `missed`, `overlap`, or the code of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// Who ran it by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub run_by: Option<String>,
}

/// Fire times that passed while no server ran.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MissedView {
    /// The first of them.
    #[schema(format = DateTime)]
    pub from: String,
    /// The last of them.
    #[schema(format = DateTime)]
    pub to: String,
    /// How many, counted up to 1,000.
    pub count: u64,
}

/// A firing as it is recorded.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FiringRecord {
    /// Position of its commit.
    pub position: u64,
    /// When it was recorded.
    #[schema(format = DateTime)]
    pub recorded_at: String,
    /// What became of it.
    #[serde(flatten)]
    pub firing: FiringView,
}

/// Every schedule.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScheduleList {
    /// By workflow and name.
    pub schedules: Vec<ScheduleView>,
}

/// A page of firings.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FiringPage {
    /// The newest first.
    pub firings: Vec<FiringRecord>,
    /// `before` of the next page; absent where there are no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_before: Option<u64>,
}

/// Fire times that lie ahead.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FireTimes {
    /// The expression.
    pub cron: String,
    /// The time zone whose clocks it follows.
    pub zone: String,
    /// In order; fewer than asked for where the expression's years end.
    pub times: Vec<FireTime>,
}

/// A moment, in UTC and as the zone's clocks show it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FireTime {
    /// In UTC.
    #[schema(format = DateTime)]
    pub at: String,
    /// In the zone, with its offset then.
    #[schema(format = DateTime)]
    pub local: String,
}

/// How many fire times are told, and after when.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NextParams {
    /// How many, 1 to 100; 10 by default.
    #[param(nullable = false, minimum = 1, maximum = 100)]
    pub n: Option<usize>,
    /// Only fire times after this time; now by default.
    #[param(nullable = false, format = DateTime)]
    pub after: Option<String>,
}

/// An expression, and how many of its fire times are told.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PreviewParams {
    /// Crontab's five fields, six with the second first, or a name like `@daily`.
    #[param(example = "30 8 * * Mon-Fri")]
    cron: String,
    /// The IANA name of a time zone.
    #[param(example = "Asia/Shanghai")]
    zone: String,
    /// How many, 1 to 100; 10 by default.
    #[param(nullable = false, minimum = 1, maximum = 100)]
    n: Option<usize>,
    /// Only fire times after this time; now by default.
    #[param(nullable = false, format = DateTime)]
    after: Option<String>,
}

/// Which firings are listed.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FiringParams {
    /// `next_before` of the page before.
    #[param(nullable = false)]
    pub before: Option<u64>,
    /// Most firings, 1 to 200; 50 by default.
    #[param(nullable = false, minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
}

/// Why a schedule is paused, resumed or run.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleReason {
    /// Why; it stands in the history.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Lists what starts by itself.
#[utoipa::path(
    get, path = "/v1/schedules", operation_id = "list_schedules", tag = "schedules",
    responses((status = 200, body = ScheduleList, description = "The schedules", headers(("Careflow-Position" = u64, description = "The position that was read at"))), group::Listing),
)]
pub async fn list_schedules(
    State(state): State<AppState>,
    caller: Caller,
    Params(NoParams {}): Params<NoParams>,
) -> Result<(HeaderMap, Json<ScheduleList>), ApiError> {
    let engine = state.engine()?;
    caller.reads_all()?;
    let (schedules, position) = engine.schedules()?;
    let schedules = schedules.into_iter().map(ScheduleView::from).collect();
    Ok((headers::at(position), Json(ScheduleList { schedules })))
}

/// Reads one schedule.
#[utoipa::path(
    get, path = "/v1/schedules/{id}", operation_id = "get_schedule", tag = "schedules",
    params(("id" = String, Path, description = "The schedule", example = "3fa2-7f3k2m9qx4tbz8wd")),
    responses((status = 200, body = ScheduleView, description = "The schedule", headers(("ETag" = String, description = "The schedule's sequence, quoted"), ("Careflow-Position" = u64, description = "The position that was read at"))), group::Scheduling),
)]
pub async fn get_schedule(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<(HeaderMap, Json<ScheduleView>), ApiError> {
    let engine = state.engine()?;
    caller.reads_all()?;
    let (info, position) = known(engine, &id)?;
    Ok((headers::tagged(position, info.seq), Json(info.into())))
}

/// Tells when a schedule fires next.
///
/// A paused schedule is told as if it were not.
#[utoipa::path(
    get, path = "/v1/schedules/{id}/next", operation_id = "list_next_fire_times", tag = "schedules",
    params(("id" = String, Path, description = "The schedule", example = "3fa2-7f3k2m9qx4tbz8wd"), NextParams),
    responses((status = 200, body = FireTimes, description = "The fire times"), group::Scheduling),
)]
pub async fn list_next_fire_times(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(params): Params<NextParams>,
) -> Result<Json<FireTimes>, ApiError> {
    let engine = state.engine()?;
    caller.reads_all()?;
    let (info, _) = known(engine, &id)?;
    Ok(Json(ahead(engine, &info.data.schedule.cron, &info.data.zone, params)?))
}

/// Tells when an expression fires, without a schedule.
#[utoipa::path(
    get, path = "/v1/schedules/preview", operation_id = "preview_fire_times", tag = "schedules",
    params(PreviewParams),
    responses((status = 200, body = FireTimes, description = "The fire times"), group::Listing),
)]
pub async fn preview_fire_times(
    State(state): State<AppState>,
    caller: Caller,
    Params(params): Params<PreviewParams>,
) -> Result<Json<FireTimes>, ApiError> {
    let engine = state.engine()?;
    caller.reads_all()?;
    let cron = Cron::parse(&params.cron).map_err(|reason| ApiError::new(Code::InvalidQuery, reason))?;
    let next = NextParams { n: params.n, after: params.after };
    Ok(Json(ahead(engine, &cron, &params.zone, next)?))
}

/// Lists what became of a schedule's fire times, the newest first.
#[utoipa::path(
    get, path = "/v1/schedules/{id}/firings", operation_id = "list_firings", tag = "schedules",
    params(("id" = String, Path, description = "The schedule", example = "3fa2-7f3k2m9qx4tbz8wd"), FiringParams),
    responses((status = 200, body = FiringPage, description = "A page of firings", headers(("Careflow-Position" = u64, description = "The position that was read at"))), group::Scheduling),
)]
pub async fn list_firings(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(params): Params<FiringParams>,
) -> Result<(HeaderMap, Json<FiringPage>), ApiError> {
    let engine = state.engine()?;
    caller.reads_all()?;
    let limit = limit(params.limit)?;
    let (info, position) = known(engine, &id)?;
    let page = engine.firings(&info, params.before, limit).await?;
    let Some((recorded, next_before)) = page else {
        let detail = format!("no entry of `{id}` stands at position {}", params.before.unwrap_or_default());
        return Err(ApiError::new(Code::InvalidQuery, detail));
    };
    let firings = recorded.iter().filter_map(record).collect();
    Ok((headers::at(position), Json(FiringPage { firings, next_before })))
}

/// Stops a schedule from firing until it is resumed.
///
/// Only for administrators: the history says who did it and why.
#[utoipa::path(
    post, path = "/v1/schedules/{id}/pause", operation_id = "pause_schedule", tag = "schedules",
    params(
        ("id" = String, Path, description = "The schedule", example = "3fa2-7f3k2m9qx4tbz8wd"),
        ("Idempotency-Key" = Option<String>, Header, nullable = false, description = "1 to 200 visible ASCII characters that make the command unique for its sender"),
    ),
    request_body = ScheduleReason,
    responses((status = 200, body = Receipt, description = "Paused"), group::Administering),
)]
pub async fn pause_schedule(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(NoParams {}): Params<NoParams>,
    write: WriteHeaders,
    StrictJson(body): StrictJson<ScheduleReason>,
) -> Result<(HeaderMap, Json<Receipt>), ApiError> {
    order(state.engine()?, &caller, &id, Ask::Pause, (&body.reason, write)).await
}

/// Lets a paused schedule fire again, from its next fire time on.
///
/// Only for administrators: the history says who did it and why. What passed meanwhile is not made up for.
#[utoipa::path(
    post, path = "/v1/schedules/{id}/resume", operation_id = "resume_schedule", tag = "schedules",
    params(
        ("id" = String, Path, description = "The schedule", example = "3fa2-7f3k2m9qx4tbz8wd"),
        ("Idempotency-Key" = Option<String>, Header, nullable = false, description = "1 to 200 visible ASCII characters that make the command unique for its sender"),
    ),
    request_body = ScheduleReason,
    responses((status = 200, body = Receipt, description = "Resumed"), group::Administering),
)]
pub async fn resume_schedule(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(NoParams {}): Params<NoParams>,
    write: WriteHeaders,
    StrictJson(body): StrictJson<ScheduleReason>,
) -> Result<(HeaderMap, Json<Receipt>), ApiError> {
    order(state.engine()?, &caller, &id, Ask::Resume, (&body.reason, write)).await
}

/// Starts now what a firing would start; the next fire time stays as it is.
///
/// Only for administrators: the history says who did it and why. A paused schedule can be run too.
#[utoipa::path(
    post, path = "/v1/schedules/{id}/run", operation_id = "run_schedule", tag = "schedules",
    params(
        ("id" = String, Path, description = "The schedule", example = "3fa2-7f3k2m9qx4tbz8wd"),
        ("Idempotency-Key" = Option<String>, Header, nullable = false, description = "1 to 200 visible ASCII characters that make the command unique for its sender"),
    ),
    request_body = ScheduleReason,
    responses((status = 200, body = Receipt, description = "Started; the effect `spawn` names what"), group::Administering),
)]
pub async fn run_schedule(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(NoParams {}): Params<NoParams>,
    write: WriteHeaders,
    StrictJson(body): StrictJson<ScheduleReason>,
) -> Result<(HeaderMap, Json<Receipt>), ApiError> {
    order(state.engine()?, &caller, &id, Ask::Run, (&body.reason, write)).await
}

async fn order(
    engine: &Engine,
    caller: &Caller,
    id: &str,
    ask: Ask,
    (reason, write): (&str, WriteHeaders),
) -> Result<(HeaderMap, Json<Receipt>), ApiError> {
    let actor = caller.in_role(&[Role::Administrator])?;
    if write.if_match.is_some() {
        return Err(ApiError::new(Code::InvalidHeader, "`If-Match` is for events; schedules do not take it"));
    }
    check_reason(reason)?;
    let (info, _) = known(engine, id)?;
    match engine.order_schedule(&info.id, ask, reason, actor, write.key).await {
        Ok(accepted) => {
            let (headers, receipt) = receipt(&accepted);
            Ok((headers, Json(receipt)))
        }
        Err(error) => Err(failure(engine, caller, error).await),
    }
}

/// The schedule that `id` names, and the position it was read at.
fn known(engine: &Engine, id: &str) -> Result<(ScheduleInfo, u64), ApiError> {
    let unknown = || ApiError::new(Code::UnknownSchedule, format!("there is no schedule `{id}`"));
    let parsed = InstanceId::parse(id).map_err(|_| unknown())?;
    let (found, position) = engine.schedule(&parsed)?;
    Ok((found.ok_or_else(unknown)?, position))
}

fn ahead(engine: &Engine, cron: &Cron, zone: &str, params: NextParams) -> Result<FireTimes, ApiError> {
    let refuse = |detail: String| ApiError::new(Code::InvalidQuery, detail);
    let tz = parse_zone(zone).map_err(refuse)?;
    let n = params.n.unwrap_or(TIMES_DEFAULT);
    if !(1..=TIMES_MAX).contains(&n) {
        return Err(refuse(format!("`n={n}` is refused; accepted is 1 to {TIMES_MAX}")));
    }
    let after = time("after", params.after)?.unwrap_or_else(|| engine.now());
    let local = |at: Instant| at.utc().with_timezone(&tz).to_rfc3339();
    let times = cron.after(after, tz).take(n).map(|at| FireTime { at: at.to_string(), local: local(at) });
    Ok(FireTimes { cron: cron.to_string(), zone: zone.to_owned(), times: times.collect() })
}

fn record(recorded: &Recorded) -> Option<FiringRecord> {
    let entry = &recorded.entry;
    let firing = Firing::deserialize(serde_json::Value::Object(entry.payload.clone())).ok()?;
    Some(FiringRecord {
        position: recorded.position,
        recorded_at: entry.recorded_at.to_string(),
        firing: (&firing).into(),
    })
}

impl From<ScheduleInfo> for ScheduleView {
    fn from(info: ScheduleInfo) -> Self {
        let ScheduleInfo { id, state, data, next, seq, position: _ } = info;
        let schedule = &data.schedule;
        Self {
            id: id.to_string(),
            name: schedule.name.clone(),
            title: (&schedule.title).into(),
            cron: schedule.cron.to_string(),
            catch_up: match schedule.catch_up {
                CatchUp::Skip => "skip",
                CatchUp::One => "one",
                CatchUp::All => "all",
            },
            overlap: match schedule.overlap {
                Overlap::Skip => "skip",
                Overlap::Allow => "allow",
            },
            starts: schedule.workflow(&data.workflow).to_owned(),
            report: schedule.report.as_ref().map(|report| report.name.clone()),
            state,
            paused: data.paused.as_ref().map(PauseView::from),
            next: next.map(|next| next.to_string()),
            fired: data.fired,
            last: data.last.as_ref().map(FiringView::from),
            seq,
            workflow: data.workflow,
            zone: data.zone,
        }
    }
}

impl From<&Pause> for PauseView {
    fn from(pause: &Pause) -> Self {
        Self { by: pause.by.clone(), reason: pause.reason.clone(), at: pause.at.to_string() }
    }
}

impl From<&Missed> for MissedView {
    fn from(missed: &Missed) -> Self {
        Self { from: missed.from.to_string(), to: missed.to.to_string(), count: missed.count }
    }
}

impl From<&Firing> for FiringView {
    fn from(firing: &Firing) -> Self {
        Self {
            number: firing.number,
            scheduled_for: firing.scheduled_for.to_string(),
            outcome: firing.outcome.name(),
            started: firing.started.as_ref().map(ToString::to_string),
            due: firing.due.map(|due| due.to_string()),
            missed: firing.missed.as_ref().map(MissedView::from),
            code: firing.code.clone(),
            reason: firing.reason.clone(),
            run_by: firing.run_by.clone(),
        }
    }
}
