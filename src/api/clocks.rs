//! Clocks: how each clock of an instance stands, now or as of an earlier entry; [`super::derivations`] says why.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::clock_facts::verdict_name;
use super::error::{ApiError, Code};
use super::extract::{Params, Segments};
use super::headers;
use super::instances::readable;
use super::responses::group;
use super::state::AppState;
use super::workflows::TitleView;
use crate::engine::{Engine, Measures};
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::sla::rule::{Point, PointKind};
use crate::kernel::sla::standing::Status;
use crate::kernel::sla::state::{Clock, Ended, Run, Tally};

/// Which moment is looked at.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClockParams {
    /// As the entry with this sequence left it, at the moment it was recorded; now where it is absent.
    #[param(nullable = false, minimum = 1)]
    as_of: Option<u64>,
}

/// The clocks of one instance.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClockList {
    /// The sequence that was looked at.
    pub seq: u64,
    /// The moment that everything is computed for.
    #[schema(format = DateTime)]
    pub at: String,
    /// Version of the definition that declares the clocks.
    pub policy_ver: u32,
    /// Every clock that has started, by name.
    pub clocks: Vec<ClockView>,
}

/// One clock.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClockView {
    /// Its name.
    #[schema(example = "FRT")]
    pub clock: String,
    /// Its title; absent where the definition no longer declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<TitleView>,
    /// Number of its last run, from 1.
    pub cycle: u32,
    /// What it does, or how its last run ended: `running`, `paused`, `suspended`, `met`, `breached`, `cancelled`.
    pub status: &'static str,
    /// When its last run started.
    #[schema(format = DateTime)]
    pub start: String,
    /// What that runs against: a duration or a time.
    #[schema(example = "2 business hours")]
    pub target: String,
    /// When it is or was due; absent while it stands still.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub due: Option<String>,
    /// Milliseconds used, pauses left out.
    pub elapsed_ms: i64,
    /// Whether its last run is breached, and the breach not answered as wrong.
    pub breached: bool,
    /// The highest recorded level, in percent; 0 for none.
    pub level: u32,
    /// The rest of a run that has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub run: Option<RunView>,
    /// Its last ended runs, oldest first.
    pub ended: Vec<EndedView>,
    /// How many runs ended before those, and how.
    pub older: TallyView,
}

/// What only a run that has not ended has.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunView {
    /// Name of the calendar that it is counted on.
    pub calendar: String,
    /// Version of that calendar.
    pub cal_ver: u32,
    /// Whether the due lies past what the calendar knows.
    pub provisional: bool,
    /// Milliseconds that it may use.
    pub total_ms: i64,
    /// Percent used.
    pub consumed: u32,
    /// Since when it stands still.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub paused_since: Option<String>,
    /// Until when a manager lets it stand still, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub suspended_until: Option<String>,
    /// The lowest point that is not recorded yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<PointView>,
}

/// A declared point of a clock.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PointView {
    /// Percent of the target.
    pub level: u32,
    /// What it says: `warning`, `breach`, `escalation`.
    pub kind: &'static str,
    /// Who is told.
    pub notify: Vec<String>,
    /// When it is reached; absent while the clock stands still.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub at: Option<String>,
}

/// A run that has ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EndedView {
    /// Which run.
    pub cycle: u32,
    /// When it started.
    #[schema(format = DateTime)]
    pub start: String,
    /// When it ended.
    #[schema(format = DateTime)]
    pub ended: String,
    /// What it ran against.
    pub target: String,
    /// When it was due.
    #[schema(format = DateTime)]
    pub due: String,
    /// Milliseconds used.
    pub elapsed_ms: i64,
    /// `met` or `breached`; absent where it was cancelled without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub verdict: Option<&'static str>,
    /// The highest recorded level, in percent; 0 for none.
    pub level: u32,
    /// Whether the verdict answers a wrong one.
    pub corrected: bool,
}

/// How so many runs ended.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct TallyView {
    /// In time.
    pub met: u32,
    /// Too late.
    pub breached: u32,
    /// Without a verdict.
    pub cancelled: u32,
}

/// A clock that has not ended, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClockSummary {
    /// Its name.
    #[schema(example = "FRT")]
    pub clock: String,
    /// `running`, `paused` or `suspended`.
    pub status: &'static str,
    /// When it is due; absent while it stands still.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub due: Option<String>,
    /// Percent of its target used at the moment of the answer.
    pub consumed: u32,
}

/// Lists the clocks of an instance that have started: how each stands, and how its runs ended.
///
/// Percentages, points and what is used are computed for the moment of the answer, or with
/// `as_of` for the moment at which that entry was recorded. Looking back is for those who may
/// read the history.
#[utoipa::path(
    get, path = "/v1/instances/{id}/clocks", operation_id = "list_clocks", tag = "instances",
    params(("id" = String, Path, description = "The instance", example = "3fa2-7f3k2m9qx4tbz8wd"), ClockParams),
    responses((status = 200, body = ClockList, description = "The clocks", headers(("ETag" = String, description = "The instance's sequence, quoted"), ("Careflow-Position" = u64, description = "The position that was read at"))), group::Reading),
)]
pub async fn list_clocks(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(params): Params<ClockParams>,
) -> Result<(HeaderMap, Json<ClockList>), ApiError> {
    let engine = state.engine()?;
    let (instance, position) = readable(engine, &caller, &id)?;
    let headers = headers::tagged(position, instance.seq);
    let list = match params.as_of {
        None => list(engine, &instance, engine.now())?,
        Some(seq) => {
            caller.reads_all()?;
            let seq = sequence(&instance, seq)?;
            let before = engine.as_of(&instance, seq).await?.ok_or_else(|| unreadable(seq))?;
            list(engine, &before, before.updated)?
        }
    };
    Ok((headers, Json(list)))
}

/// A sequence that the instance has.
///
/// # Errors
/// `invalid_query` for another.
pub fn sequence(instance: &Instance, seq: u64) -> Result<u64, ApiError> {
    if (1..=instance.seq).contains(&seq) {
        return Ok(seq);
    }
    let detail = format!("`as_of={seq}` is no entry of `{}`; accepted is 1 to {}", instance.id, instance.seq);
    Err(ApiError::new(Code::InvalidQuery, detail))
}

fn unreadable(seq: u64) -> ApiError {
    ApiError::new(Code::Storage, format!("the history does not lead to entry {seq}"))
}

/// What the instance's clocks are read with.
///
/// # Errors
/// `internal` where its pins are not published, which the start of the server rules out.
pub fn measures(engine: &Engine, instance: &Instance) -> Result<Measures, ApiError> {
    engine
        .measures(&instance.pins)
        .ok_or_else(|| ApiError::new(Code::Internal, "what the instance is pinned to is not published"))
}

/// The clocks of the instance that have not ended, in short.
pub fn summaries(engine: &Engine, instance: &Instance, now: Instant) -> Vec<ClockSummary> {
    if instance.clocks.values().all(|clock| clock.run.is_none()) {
        return Vec::new();
    }
    let Some(measures) = engine.measures(&instance.pins) else { return Vec::new() };
    let open = instance.clocks.iter().filter_map(|(name, clock)| Some((name, clock.run.as_ref()?)));
    let summary = |(name, run): (&String, &Run)| ClockSummary {
        clock: name.clone(),
        status: run.status().name(),
        due: run.paused_since().is_none().then(|| run.due.to_string()),
        consumed: run.consumed(measures.calendar(&run.calendar), now),
    };
    open.map(summary).collect()
}

fn list(engine: &Engine, instance: &Instance, at: Instant) -> Result<ClockList, ApiError> {
    let measures = measures(engine, instance)?;
    let clocks = instance.clocks.iter().filter_map(|(name, clock)| view(name, clock, &measures, at));
    Ok(ClockList {
        seq: instance.seq,
        at: at.to_string(),
        policy_ver: measures.definition.version,
        clocks: clocks.collect(),
    })
}

fn view(name: &str, clock: &Clock, measures: &Measures, at: Instant) -> Option<ClockView> {
    let rule = measures.definition.clocks.get(name);
    let status = clock.status()?;
    let view = |start: Instant, target: String, elapsed_ms| ClockView {
        clock: name.to_owned(),
        title: rule.map(|rule| TitleView::from(&rule.title)),
        cycle: clock.cycle,
        status: status.name(),
        start: start.to_string(),
        target,
        due: None,
        elapsed_ms,
        breached: false,
        level: 0,
        run: None,
        ended: clock.ended.iter().map(EndedView::from).collect(),
        older: TallyView::from(clock.older),
    };
    if let Some(run) = &clock.run {
        let calendar = measures.calendar(&run.calendar);
        let standing = run.standing(rule, calendar, at);
        return Some(ClockView {
            due: standing.due.map(|due| due.to_string()),
            breached: run.is_breached(),
            level: run.level,
            run: Some(RunView {
                calendar: run.calendar.clone(),
                cal_ver: calendar.version(),
                provisional: run.provisional,
                total_ms: standing.total_ms,
                consumed: standing.consumed,
                paused_since: run.paused_since().map(|since| since.to_string()),
                suspended_until: run.suspended.map(|until| until.to_string()),
                next: standing.next.map(|(point, at)| PointView::new(point, at)),
            }),
            ..view(run.start, run.target.to_string(), standing.elapsed_ms)
        });
    }
    let ended = clock.ended.last()?;
    Some(ClockView {
        due: Some(ended.due.to_string()),
        breached: status == Status::Breached,
        level: ended.level,
        ..view(ended.start, ended.target.to_string(), ended.elapsed_ms)
    })
}

impl PointView {
    fn new(point: Point<'_>, at: Option<Instant>) -> Self {
        Self {
            level: point.level,
            kind: kind_name(point.kind),
            notify: point.notify().into_iter().map(str::to_owned).collect(),
            at: at.map(|at| at.to_string()),
        }
    }
}

/// The name of what a point says.
pub const fn kind_name(kind: PointKind) -> &'static str {
    match kind {
        PointKind::Warning => "warning",
        PointKind::Breach => "breach",
        PointKind::Escalation => "escalation",
    }
}

impl From<&Ended> for EndedView {
    fn from(ended: &Ended) -> Self {
        Self {
            cycle: ended.cycle,
            start: ended.start.to_string(),
            ended: ended.at.to_string(),
            target: ended.target.to_string(),
            due: ended.due.to_string(),
            elapsed_ms: ended.elapsed_ms,
            verdict: ended.verdict.map(verdict_name),
            level: ended.level,
            corrected: ended.corrected,
        }
    }
}

impl From<Tally> for TallyView {
    fn from(tally: Tally) -> Self {
        Self { met: tally.met, breached: tally.breached, cancelled: tally.cancelled }
    }
}
