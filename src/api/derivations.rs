//! Derivations: how the due of a clock's run and each of its points came about, as data and in words.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::clocks::{kind_name, sequence};
use super::diagrams::Lang;
use super::error::{ApiError, Code};
use super::extract::{Params, Segments};
use super::headers;
use super::instances::readable;
use super::responses::group;
use super::state::AppState;
use super::workflows::TitleView;
use crate::engine::{Engine, Recorded};
use crate::kernel::calendar::Calendar;
use crate::kernel::calendar::explain::{By as Hours, Kind as Stretch, Reason};
use crate::kernel::diagram::Language;
use crate::kernel::instance::Instance;
use crate::kernel::sla::explain::{Basis, Explanation, Kind, Piece, PointTold, explain};
use crate::kernel::sla::story::{By, Retarget, Story};

/// Which run is explained.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplainParams {
    /// Which run, from 1; the last one where it is absent.
    #[param(nullable = false, minimum = 1)]
    pub cycle: Option<u32>,
    /// As the history told it with the entry of this sequence; all of it where it is absent.
    #[param(nullable = false, minimum = 1)]
    pub as_of: Option<u64>,
    /// Language of `text`, `en` by default; `sentences` are in both.
    #[serde(default)]
    #[param(inline, required = false)]
    pub lang: Lang,
}

/// How one run of a clock came about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Derivation {
    /// The clock.
    #[schema(example = "FRT")]
    pub clock: String,
    /// Its title; absent where the definition no longer declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<TitleView>,
    /// Which run, from 1.
    pub cycle: u32,
    /// `running`, `paused`, `suspended`, `met`, `breached` or `cancelled`.
    pub status: &'static str,
    /// The sequence up to which the history was read.
    pub seq: u64,
    /// The moment that everything is computed for.
    #[schema(format = DateTime)]
    pub at: String,
    /// When it started.
    #[schema(format = DateTime)]
    pub start: String,
    /// What started it.
    pub started_by: ByView,
    /// What it runs against: a duration or a time.
    #[schema(example = "2 business hours")]
    pub target: String,
    /// When it is due; absent while it stands still before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub due: Option<String>,
    /// Whether the due lies past what the calendar knows.
    pub provisional: bool,
    /// Name of the calendar that it is counted on.
    pub calendar: String,
    /// Time zone of that calendar.
    #[schema(example = "Asia/Shanghai")]
    pub zone: String,
    /// Version of the calendar.
    pub cal_ver: u32,
    /// Version of the definition.
    pub policy_ver: u32,
    /// Milliseconds that it may use.
    pub total_ms: i64,
    /// Milliseconds used at its end, or at the moment looked at.
    pub elapsed_ms: i64,
    /// From its start to its due, or to where it stands still: each stretch and what it counted.
    pub pieces: Vec<PieceView>,
    /// Other targets or dues that it got, oldest first.
    pub retargets: Vec<RetargetView>,
    /// Its declared points, rising.
    pub points: Vec<PointDerivation>,
    /// What ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ended_by: Option<ByView>,
    /// All of it in words, a sentence each.
    pub sentences: Vec<TitleView>,
    /// The sentences as one text in the language asked for.
    pub text: String,
}

/// The entry that did something.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ByView {
    /// Its event.
    #[schema(example = "request_info")]
    pub event: String,
    /// Its sequence.
    pub seq: u64,
}

/// One stretch of time and what it counted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PieceView {
    /// Its first instant.
    #[schema(format = DateTime)]
    pub from: String,
    /// The first instant after it; absent while it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub to: Option<String>,
    /// What it is: `counted`, `closed`, `paused`, `retargeted`, `start_day`, `working_day`,
    /// `calendar_days`, `next_working_day`, `between` (left out, there are too many).
    pub kind: &'static str,
    /// Why, where there is more to say: `night`, `break`, `weekend`, `closed_weekday`, `day_off`,
    /// `clock_change`; `make_up_day`, `own_hours`; `wall`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<&'static str>,
    /// What stopped it or gave it another target.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<ByView>,
    /// What let it run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub resumed_by: Option<ByView>,
    /// Milliseconds that it counted.
    pub counted_ms: i64,
    /// Milliseconds counted to its end.
    pub total_ms: i64,
    /// Days that it counted, where the target is in days.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub counted_days: u32,
    /// Days counted to its end.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub total_days: u32,
}

/// A change of target or due.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RetargetView {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// What recorded it.
    pub by: ByView,
    /// What it ran against before.
    pub from: String,
    /// What it runs against since.
    pub to: String,
    /// When it was due before.
    #[schema(format = DateTime)]
    pub due_old: String,
    /// When it is due since.
    #[schema(format = DateTime)]
    pub due: String,
    /// Why: `priority`, `policy`, `calendar`.
    pub cause: String,
}

/// How a declared point came about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PointDerivation {
    /// Percent of the target.
    pub level: u32,
    /// What it says: `warning`, `breach`, `escalation`.
    pub kind: &'static str,
    /// Who is told.
    pub notify: Vec<String>,
    /// Milliseconds of the target that it stands at.
    pub counted_ms: i64,
    /// When it is reached; absent while the run stands still before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub at: Option<String>,
    /// What recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub recorded_by: Option<ByView>,
    /// Whether the pieces begin at the due and not at the start.
    pub past_due: bool,
    /// How it came about; none at 100 percent, which is the due.
    pub pieces: Vec<PieceView>,
}

/// Explains how the due of a clock's run came about, interval by interval.
///
/// Counted and closed stretches of the calendar, pauses with the entry that caused each, other
/// targets, and every declared point: the same history and calendar give the same answer (R12).
/// For those who may read the history.
#[utoipa::path(
    get, path = "/v1/instances/{id}/clocks/{clock}/explain", operation_id = "explain_clock", tag = "instances",
    params(
        ("id" = String, Path, description = "The instance", example = "3fa2-7f3k2m9qx4tbz8wd"),
        ("clock" = String, Path, description = "The clock", example = "FRT"),
        ExplainParams,
    ),
    responses((status = 200, body = Derivation, description = "The derivation", headers(("ETag" = String, description = "The instance's sequence, quoted"), ("Careflow-Position" = u64, description = "The position that was read at"))), group::Reading),
)]
pub async fn explain_clock(
    State(state): State<AppState>,
    caller: Caller,
    Segments((id, clock)): Segments<(String, String)>,
    Params(params): Params<ExplainParams>,
) -> Result<(HeaderMap, Json<Derivation>), ApiError> {
    let engine = state.engine()?;
    caller.reads_all()?;
    let (instance, position) = readable(engine, &caller, &id)?;
    let seq = params.as_of.map_or(Ok(instance.seq), |seq| sequence(&instance, seq))?;
    let limit = usize::try_from(seq).unwrap_or(usize::MAX);
    let history = engine.history(&instance, 0, limit).await?;
    let asked = Asked { clock, seq, params };
    let derivation = asked.derive(engine, &instance, &history)?;
    Ok((headers::tagged(position, instance.seq), Json(derivation)))
}

/// What was asked for.
struct Asked {
    clock: String,
    seq: u64,
    params: ExplainParams,
}

impl Asked {
    fn derive(
        self,
        engine: &Engine,
        instance: &Instance,
        history: &[Recorded],
    ) -> Result<Derivation, ApiError> {
        let facts = history.iter().flat_map(|recorded| &recorded.entry.clocks);
        let last = facts.clone().filter(|fact| fact.clock == self.clock).map(|fact| fact.cycle).max();
        let Some(last) = last else {
            let started = facts.map(|fact| fact.clock.as_str()).collect::<std::collections::BTreeSet<_>>();
            let detail = format!("the clock `{}` of `{}` has not started", self.clock, instance.id);
            return Err(ApiError::new(Code::UnknownClock, detail).accepting(started));
        };
        let cycle = self.params.cycle.unwrap_or(last);
        let entries = history.iter().map(|recorded| recorded.entry.as_ref());
        let story = Story::read(&self.clock, cycle, entries).ok_or_else(|| {
            let detail = format!("the clock `{}` has no run {cycle}; accepted is 1 to {last}", self.clock);
            ApiError::new(Code::UnknownClock, detail)
        })?;
        let measures = engine.measures(&story.pins).ok_or_else(|| {
            ApiError::new(Code::Internal, "what the run was evaluated with is not published")
        })?;
        let recorded_at = history.last().map(|recorded| recorded.entry.recorded_at);
        let now = recorded_at.filter(|_| self.params.as_of.is_some()).unwrap_or_else(|| engine.now());
        let basis = Basis {
            rule: measures.definition.clocks.get(&self.clock),
            policy_ver: measures.definition.version,
            calendar: measures.calendar(&story.calendar),
            now,
        };
        let told = explain(&story, &basis);
        Ok(self.view(cycle, &story, &basis, &told))
    }

    fn view(&self, cycle: u32, story: &Story, basis: &Basis<'_>, told: &Explanation) -> Derivation {
        let Basis { rule, policy_ver, calendar, now } = *basis;
        let language = Language::from(self.params.lang);
        let text: Vec<&str> = told.sentences.iter().map(|sentence| language.of(sentence)).collect();
        Derivation {
            clock: self.clock.clone(),
            title: rule.map(|rule| TitleView::from(&rule.title)),
            cycle,
            status: story.status().name(),
            seq: self.seq,
            at: now.to_string(),
            start: story.start.to_string(),
            started_by: ByView::from(&story.started),
            target: story.target.to_string(),
            due: told.due.map(|due| due.to_string()),
            provisional: story.provisional,
            calendar: calendar.name().to_owned(),
            zone: zone(calendar),
            cal_ver: calendar.version(),
            policy_ver,
            total_ms: told.total_ms,
            elapsed_ms: told.elapsed_ms,
            pieces: told.pieces.iter().map(PieceView::from).collect(),
            retargets: story.retargets.iter().map(RetargetView::from).collect(),
            points: told.points.iter().map(|point| point_view(point, story)).collect(),
            ended_by: story.end.as_ref().map(|end| ByView::from(&end.by)),
            sentences: told.sentences.iter().map(TitleView::from).collect(),
            text: text.join(match language {
                Language::En => " ",
                Language::Zh => "",
            }),
        }
    }
}

fn zone(calendar: &Calendar) -> String {
    calendar.zone().name().to_owned()
}

fn point_view(point: &PointTold, story: &Story) -> PointDerivation {
    let recorded = story.recorded.iter().find(|recorded| recorded.level == point.level);
    PointDerivation {
        level: point.level,
        kind: kind_name(point.kind),
        notify: point.notify.clone(),
        counted_ms: point.counted_ms,
        at: point.at.map(|at| at.to_string()),
        recorded_by: recorded.map(|recorded| ByView::from(&recorded.by)),
        past_due: point.is_past_due(),
        pieces: point.pieces.iter().map(PieceView::from).collect(),
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl From<&By> for ByView {
    fn from(by: &By) -> Self {
        Self { event: by.event.clone(), seq: by.seq }
    }
}

impl From<&Retarget> for RetargetView {
    fn from(retarget: &Retarget) -> Self {
        Self {
            at: retarget.at.to_string(),
            by: ByView::from(&retarget.by),
            from: retarget.from.to_string(),
            to: retarget.to.to_string(),
            due_old: retarget.due_old.to_string(),
            due: retarget.due.to_string(),
            cause: retarget.cause.clone(),
        }
    }
}

impl From<&Piece> for PieceView {
    fn from(piece: &Piece) -> Self {
        let (kind, reason) = match &piece.kind {
            Kind::Stretch(stretch) => names(*stretch),
            Kind::Paused(_) => ("paused", None),
            Kind::Retargeted(_) => ("retargeted", None),
        };
        let (by, resumed_by) = match &piece.kind {
            Kind::Stretch(_) => (None, None),
            Kind::Paused(still) => (Some(&still.by), still.resumed.as_ref()),
            Kind::Retargeted(retarget) => (Some(&retarget.by), None),
        };
        Self {
            from: piece.from.to_string(),
            to: piece.to.map(|to| to.to_string()),
            kind,
            reason,
            by: by.map(ByView::from),
            resumed_by: resumed_by.map(ByView::from),
            counted_ms: piece.counted_ms,
            total_ms: piece.total_ms,
            counted_days: piece.counted_days,
            total_days: piece.total_days,
        }
    }
}

/// What a stretch of the calendar is, and why.
const fn names(stretch: Stretch) -> (&'static str, Option<&'static str>) {
    match stretch {
        Stretch::Open { hours } => ("counted", hours_name(hours)),
        Stretch::Wall => ("counted", Some("wall")),
        Stretch::Closed { reason } => ("closed", Some(reason_name(reason))),
        Stretch::StartDay => ("start_day", None),
        Stretch::WorkingDay { hours } => ("working_day", hours_name(hours)),
        Stretch::CivilDays { .. } => ("calendar_days", None),
        Stretch::Roll { hours } => ("next_working_day", hours_name(hours)),
        Stretch::Between => ("between", None),
    }
}

const fn hours_name(hours: Hours) -> Option<&'static str> {
    match hours {
        Hours::Weekly => None,
        Hours::MakeUp => Some("make_up_day"),
        Hours::OwnHours => Some("own_hours"),
    }
}

const fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Night => "night",
        Reason::Break => "break",
        Reason::Weekend => "weekend",
        Reason::ClosedWeekday => "closed_weekday",
        Reason::DayOff => "day_off",
        Reason::ClockChange => "clock_change",
    }
}
