//! The cases behind one number of a KPI, in pages; [`super::kpis`] has the numbers.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::cursor;
use super::error::{ApiError, Code};
use super::extract::{Params, Segments};
use super::headers;
use super::kpi_query::{self, Window, WindowParams};
use super::lists::limit;
use super::responses::group;
use super::state::AppState;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::fold::{Behind, PARTS, Part};
use crate::kernel::kpi::measure::Measure;

/// Which number, and which part of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KpiCaseParams {
    /// The workflow, several separated by commas, or `all`.
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
    /// By `flow`, `channel`, `tier`, `priority`, `category`, `owner`, `first_owner`, `department`, `agent`, `month` or `hour`; needs `group`.
    #[param(nullable = false, example = "channel")]
    pub group_by: Option<String>,
    /// Only the cases of this group; needs `group_by`.
    #[param(nullable = false, example = "email")]
    pub group: Option<String>,
    /// The number within the KPI; its first by default.
    #[param(nullable = false, example = "confirmed")]
    pub measure: Option<String>,
    /// The part: `denominator` (the default), `numerator`, `missed` or `pending`.
    #[param(nullable = false, example = "missed")]
    pub part: Option<String>,
    /// Most rows, 1 to 200; 50 by default.
    #[param(nullable = false, minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
    /// `next_cursor` of the page before, with the same parameters.
    #[param(nullable = false)]
    pub cursor: Option<String>,
}

/// A page of the cases behind a number.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KpiCasePage {
    /// The cases, in the order in which they count.
    pub instances: Vec<KpiCase>,
    /// How many cases there are on all pages; one that counts several times is one.
    pub cases: u64,
    /// Where the list goes on; absent at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
    /// The position that all was read at.
    pub position: u64,
}

/// One case behind a number.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KpiCase {
    /// Its id; also its case number.
    pub id: String,
    /// When it counts, the first time; when it began, where it is pending.
    #[schema(format = DateTime)]
    pub at: String,
}

impl KpiCaseParams {
    fn window(&self) -> WindowParams {
        let Self { workflow, from, to, zone, retargets, group_by, .. } = self.clone();
        WindowParams { workflow, from, to, zone, retargets, group_by }
    }

    fn measure(&self, workflows: &[String], kpi: &str) -> Result<Measure, ApiError> {
        let measures = kpi_query::measures(workflows, Some(kpi))?;
        let wanted = |measure: &&Measure| self.measure.as_deref().is_none_or(|name| name == measure.name);
        measures.iter().find(wanted).copied().ok_or_else(|| {
            let names: Vec<&str> = measures.iter().map(|measure| measure.name).collect();
            let given = self.measure.as_deref().unwrap_or_default();
            let detail = format!("`{kpi}` has no measure `{given}`; accepted are {}", names.join(", "));
            ApiError::new(Code::InvalidQuery, detail).accepting(names)
        })
    }

    fn behind(&self, kpi: &str, window: &Window) -> Result<Behind, ApiError> {
        let invalid = |detail: String| ApiError::new(Code::InvalidQuery, detail);
        let measure = self.measure(&window.workflows, kpi)?;
        let part = self.part.as_deref().map_or(Ok(Part::Denominator), Part::parse);
        let part = part.map_err(|reason| invalid(format!("`part`: {reason}")).accepting(PARTS))?;
        if !part.is_of(measure.kind) {
            let parts: Vec<&str> = PARTS.into_iter().filter(|name| has(measure, name)).collect();
            let detail = format!("`{kpi}` has no such part; accepted are {}", parts.join(", "));
            return Err(invalid(detail).accepting(parts));
        }
        let group = match (window.grouping, &self.group) {
            (Some(grouping), Some(name)) => Some((grouping, name.clone())),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(invalid("`group_by` and `group` are accepted together only".to_owned()));
            }
        };
        Ok(Behind { measure, frame: window.frame, part, group, asked: window.workflows.clone() })
    }
}

/// Whether `measure` has the part called `name`.
fn has(measure: Measure, name: &str) -> bool {
    Part::parse(name).is_ok_and(|part| part.is_of(measure.kind))
}

/// Lists the cases behind one number of a KPI.
///
/// With the parameters that gave the number, so that anybody can check it case by case.
#[utoipa::path(
    get, path = "/v1/reports/kpis/{kpi}/instances", operation_id = "list_kpi_instances", tag = "reports",
    params(("kpi" = String, Path, description = "The KPI", example = "K02"), KpiCaseParams),
    responses((status = 200, body = KpiCasePage, description = "A page of cases", headers(("Careflow-Position" = u64, description = "The position that was read at"))), group::Listing),
)]
pub async fn list_kpi_instances(
    State(state): State<AppState>,
    caller: Caller,
    Segments(kpi): Segments<String>,
    Params(mut params): Params<KpiCaseParams>,
) -> Result<(HeaderMap, Json<KpiCasePage>), ApiError> {
    let engine = state.engine()?;
    kpi_query::check_reader(&caller)?;
    let limit = limit(params.limit.take())?;
    let cursor = params.cursor.take();
    let filters = format!("{kpi} {}", serde_json::to_string(&params).unwrap_or_default());
    let after = cursor.map(|cursor| cursor::read(&filters, &cursor)).transpose()?;
    let window = kpi_query::window(engine, &params.window())?;
    let behind = params.behind(&kpi, &window)?;
    let reader = engine.clone();
    let read = move || {
        let mut cases: Vec<(Instant, InstanceId)> = Vec::new();
        let position =
            window.read(&reader, &[behind.measure], &mut |record| cases.extend(behind.case(record)))?;
        cases.sort();
        Ok::<_, ApiError>((cases, position))
    };
    // Every case of the window is decoded: too long for the thread that serves connections.
    let read = tokio::task::spawn_blocking(read).await;
    let (cases, position) = read.map_err(|_| ApiError::new(Code::Internal, "the list was not made"))??;
    let start = after.map_or(0, |after| cases.partition_point(|case| *case <= after));
    let end = cases.len().min(start + limit);
    let page = &cases[start..end];
    let last = page.last().filter(|_| end < cases.len());
    let page = KpiCasePage {
        instances: page.iter().map(|(at, id)| KpiCase { id: id.to_string(), at: at.to_string() }).collect(),
        cases: cases.len() as u64,
        next_cursor: last.map(|(at, id)| cursor::make(&filters, *at, id)),
        position,
    };
    Ok((headers::at(position), Json(page)))
}
