//! KPIs: numbers over the histories of a window, each with its n; [`super::kpi_cases`] has the cases behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::error::{ApiError, Code};
use super::extract::Params;
use super::headers;
use super::kpi_query::{self, WindowParams};
use super::responses::group;
use super::state::AppState;
use super::workflows::TitleView;
use crate::engine::Engine;
use crate::kernel::kpi::fold::{Figure, Fold, Line};
use crate::kernel::kpi::measure::{Kind, Measure};

/// What is reported.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KpiParams {
    /// The workflow, several separated by commas, or `all`; K10 of complaints also reads the contacts.
    #[param(nullable = false, example = "consultation")]
    pub workflow: Option<String>,
    /// From this time, or the start of this local date; by default the start of the month that holds now.
    #[param(nullable = false, example = "2026-03-01")]
    pub from: Option<String>,
    /// Up to and without this time, or the start of this local date; by default the end of the month of `from`.
    #[param(nullable = false, example = "2026-04-01")]
    pub to: Option<String>,
    /// IANA time zone of local dates, months and hours; that of the workflow's calendar by default.
    #[param(nullable = false, example = "Asia/Shanghai")]
    pub zone: Option<String>,
    /// `left_out`: K02 without breaches that only a raised priority made; `counted` by default.
    #[param(nullable = false, example = "left_out")]
    pub retargets: Option<String>,
    /// By `flow`, `channel`, `tier`, `priority`, `category`, `owner`, `first_owner`, `department`, `agent`, `month` or `hour`.
    #[param(nullable = false, example = "channel")]
    pub group_by: Option<String>,
    /// Only these KPIs, separated by commas.
    #[param(nullable = false, example = "K02,K04")]
    pub kpi: Option<String>,
}

/// The numbers of a window.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KpiReport {
    /// The workflows, separated by commas.
    pub workflow: String,
    /// From.
    #[schema(format = DateTime)]
    pub from: String,
    /// Up to and without.
    #[schema(format = DateTime)]
    pub to: String,
    /// The moment at which clocks that still run were looked at: now.
    #[schema(format = DateTime)]
    pub now: String,
    /// The time zone of local dates, months and hours.
    pub zone: String,
    /// What groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub group_by: Option<String>,
    /// The numbers, in the order of the KPIs.
    pub kpis: Vec<KpiLine>,
    /// The position that all was read at.
    pub position: u64,
}

/// One number of a KPI.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KpiLine {
    /// The KPI.
    #[schema(example = "K02")]
    pub kpi: String,
    /// The number within it.
    #[schema(example = "on_time")]
    pub measure: String,
    /// What people read.
    pub title: TitleView,
    /// What the policy aims at: percent of rates, the mean of averages.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "95")]
    pub target: Option<String>,
    /// `alarm` below the target; absent without a target or without cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<KpiStatus>,
    /// Of all.
    #[serde(flatten)]
    pub total: KpiFigure,
    /// By group, where something groups.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, KpiFigure>,
}

/// How a number stands to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KpiStatus {
    /// It reaches the target.
    Ok,
    /// It is below.
    Alarm,
}

/// The numbers of some cases.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KpiFigure {
    /// How many count: the denominator of a rate, the values of a time or an average.
    pub n: u64,
    /// How many of them are as they should be; of rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub numerator: Option<u64>,
    /// How many count; of rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub denominator: Option<u64>,
    /// How many are not decided yet; in no other number.
    pub pending: u64,
    /// Percent with two decimals, rounded down; absent where nothing counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "97.43")]
    pub rate: Option<String>,
    /// The mean with two decimals, rounded down; of averages (scores, rounds, attempts), absent where nothing counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "4.35")]
    pub mean: Option<String>,
    /// The mean in milliseconds, rounded down; of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mean_ms: Option<i64>,
    /// Half take no longer than so many milliseconds; of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub p50_ms: Option<i64>,
    /// Nine of ten take no longer than so many milliseconds; of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub p90_ms: Option<i64>,
}

impl KpiParams {
    fn window(&self) -> WindowParams {
        let Self { workflow, from, to, zone, retargets, group_by, kpi: _ } = self.clone();
        WindowParams { workflow, from, to, zone, retargets, group_by }
    }
}

/// Reports KPIs over a window.
///
/// A clock belongs to the window of its due or its stop, whichever is earlier;
/// one that runs on past its due counts as missed, one that is not due at the
/// end of the window is pending. Invalid cases and duplicates count nowhere.
/// A number of nothing is absent, never 0 or 100 %.
#[utoipa::path(
    get, path = "/v1/reports/kpis", operation_id = "get_kpis", tag = "reports",
    params(KpiParams),
    responses((status = 200, body = KpiReport, description = "The numbers of the window", headers(("Careflow-Position" = u64, description = "The position that was read at"))), group::Listing),
)]
pub async fn get_kpis(
    State(state): State<AppState>,
    caller: Caller,
    Params(params): Params<KpiParams>,
) -> Result<(HeaderMap, Json<KpiReport>), ApiError> {
    let report = report(state.engine()?, &caller, params, Arc::default()).await?;
    Ok((headers::at(report.position), Json(report)))
}

/// The report that `params` ask for; `seen` counts the cases that were read for it.
///
/// # Errors
/// As [`get_kpis`].
pub async fn report(
    engine: &Engine,
    caller: &Caller,
    params: KpiParams,
    seen: Arc<AtomicU64>,
) -> Result<KpiReport, ApiError> {
    kpi_query::check_reader(caller)?;
    let window = kpi_query::window(engine, &params.window())?;
    let measures = kpi_query::measures(&window.workflows, params.kpi.as_deref())?;
    let (reader, asked) = (engine.clone(), window.clone());
    // Every case of the window is decoded: too long for the thread that serves connections.
    let read = move || {
        let mut fold = Fold::new(&measures, asked.frame, asked.grouping).among(&asked.workflows);
        let position = asked.read(&reader, &measures, &mut |record| {
            seen.fetch_add(1, Ordering::Relaxed);
            fold.take(record);
        })?;
        Ok::<_, ApiError>((fold.finish(), position))
    };
    let read = tokio::task::spawn_blocking(read).await;
    let (lines, position) = read.map_err(|_| ApiError::new(Code::Internal, "the report was not made"))??;
    let targets = window.targets(engine);
    Ok(KpiReport {
        workflow: window.workflows.join(","),
        from: window.frame.from.to_string(),
        to: window.frame.until.to_string(),
        now: window.frame.now.to_string(),
        zone: window.zone.name().to_owned(),
        group_by: params.group_by,
        kpis: lines.iter().map(|line| KpiLine::of(line, &targets)).collect(),
        position,
    })
}

impl KpiLine {
    /// What is told of `line`, compared with `targets`.
    pub fn of(line: &Line, targets: &BTreeMap<String, String>) -> Self {
        let Line { measure, total, groups } = line;
        let target = measure.target_in(targets);
        let reached = target.and_then(|target| total.reaches(measure.kind, target));
        Self {
            kpi: measure.kpi.to_owned(),
            measure: measure.name.to_owned(),
            title: TitleView::from(&measure.title()),
            target: target.cloned(),
            status: reached.map(|reached| if reached { KpiStatus::Ok } else { KpiStatus::Alarm }),
            total: KpiFigure::of(measure, total),
            groups: groups.iter().map(|(name, f)| (name.clone(), KpiFigure::of(measure, f))).collect(),
        }
    }
}

impl KpiFigure {
    fn of(measure: &Measure, figure: &Figure) -> Self {
        let (rate, times) = (measure.kind.is_rate(), measure.kind.is_time());
        let text = figure.text(measure.kind);
        Self {
            n: figure.denominator,
            numerator: rate.then_some(figure.numerator),
            denominator: rate.then_some(figure.denominator),
            pending: figure.pending,
            rate: text.clone().filter(|_| rate),
            mean: text.filter(|_| !rate),
            mean_ms: figure.mean_ms().filter(|_| times),
            p50_ms: figure.percentile(50).filter(|_| measure.kind == Kind::Times),
            p90_ms: figure.percentile(90).filter(|_| measure.kind == Kind::Times),
        }
    }
}
