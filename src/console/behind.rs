//! The cases behind one number of a report, each with its page.

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;

use super::lang::Lang;
use super::page;
use super::reports::{ReportQuery, group, grouping};
use super::shell::{Part, Shell, Visitor};
use super::times::Time;
use crate::api::error::ApiError;
use crate::api::extract::{Params, Segments};
use crate::api::kpi_cases::{KpiCase, KpiCaseParams, list_kpi_instances};
use crate::api::kpi_query::check_reader;
use crate::kernel::id::InstanceId;
use crate::kernel::kpi::measure::measures_of;

/// Cases of a page.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "behind.html", config = "src/console/askama.toml")]
struct BehindPage {
    shell: Shell,
    kpi: String,
    /// What is counted, in words: the number, its part, the group.
    about: Vec<String>,
    /// Where the list is.
    list: String,
    /// The report that the number stands in.
    back: String,
}

/// Says which number; the list of its cases comes after the page.
///
/// # Errors
/// Somebody who reads no reports, or a month that there is not.
pub async fn behind(
    visitor: Visitor,
    Path(kpi): Path<String>,
    Query(query): Query<ReportQuery>,
) -> Result<Response, ApiError> {
    check_reader(&visitor.caller)?;
    let query = query.dated(&visitor);
    query.window()?;
    let lang = visitor.lang;
    let flows: Vec<&str> = visitor.engine.workflows().iter().map(|flow| flow.name()).collect();
    let wanted = |name: &str| query.measure.as_deref().is_none_or(|wanted| wanted == name);
    let measures = measures_of(&flows);
    let measure = measures.iter().find(|measure| measure.kpi == kpi && wanted(measure.name));
    let title = measure.map(|measure| lang.of(&measure.title()).to_owned());
    let part = part(query.part.as_deref().unwrap_or("denominator"), lang).to_owned();
    let grouped = query.group_by.as_deref().zip(query.group.as_deref());
    let grouped = grouped.map(|(by, name)| format!("{}: {}", grouping(by, lang), group(name, by, &visitor)));
    let report = ReportQuery {
        group_by: query.group_by.clone().filter(|_| query.group.is_some()),
        kpi: query.group.is_some().then(|| kpi.clone()),
        measure: None,
        part: None,
        group: None,
        cursor: None,
        ..query.clone()
    };
    let shown = BehindPage {
        shell: visitor.shell(Part::Reports, format!("{kpi} · {}", lang.t("Cases", "个案"))),
        about: title
            .into_iter()
            .chain([part])
            .chain(grouped)
            .chain([query.flow(&visitor), query.span()])
            .collect(),
        list: format!("/reports/kpis/{}/cases?{}", super::around::encoded(&kpi), query.encoded()),
        back: format!("/reports?{}", report.encoded()),
        kpi,
    };
    page::page(&shown)
}

/// What a part of a number is called.
fn part(name: &str, lang: Lang) -> &str {
    match name {
        "denominator" => lang.t("all that count", "计入的个案"),
        "numerator" => lang.t("those of which it is so", "符合的个案"),
        "missed" => lang.t("the rest: counted, and not so", "其余：计入但不符合的个案"),
        "pending" => lang.t("not decided yet", "未判定的个案"),
        other => other,
    }
}

/// One case.
struct Row {
    id: String,
    flow: String,
    state: String,
    at: Time,
}

#[derive(Template)]
#[template(path = "behind_cases.html", config = "src/console/askama.toml")]
struct CasesPage {
    shell: Shell,
    cases: u64,
    rows: Vec<Row>,
    next: Option<String>,
    position: u64,
    back: String,
}

/// Lists the cases.
///
/// # Errors
/// As `GET /v1/reports/kpis/{kpi}/instances`.
pub async fn cases(
    visitor: Visitor,
    Path(kpi): Path<String>,
    Query(query): Query<ReportQuery>,
) -> Result<Response, ApiError> {
    let query = query.dated(&visitor);
    let (from, to) = query.window()?;
    let ReportQuery { group_by, group, measure, part, cursor, .. } = query.clone();
    let params = KpiCaseParams {
        workflow: Some(query.workflow()),
        from,
        to,
        zone: Some(visitor.zone.name().to_owned()),
        retargets: None,
        group_by,
        group,
        measure,
        part,
        limit: Some(ROWS),
        cursor,
    };
    let (state, caller) = (State(visitor.state.clone()), visitor.caller.clone());
    let (_, Json(found)) = list_kpi_instances(state, caller, Segments(kpi.clone()), Params(params)).await?;
    let path = format!("/reports/kpis/{}", super::around::encoded(&kpi));
    let address = |query: &ReportQuery| format!("{path}?{}", query.encoded());
    let next =
        found.next_cursor.map(|cursor| address(&ReportQuery { cursor: Some(cursor), ..query.clone() }));
    let rows: Result<Vec<Row>, ApiError> = found.instances.iter().map(|case| row(&visitor, case)).collect();
    let shown = CasesPage {
        shell: visitor.shell(Part::Reports, format!("{kpi} · {}", visitor.lang.t("Cases", "个案"))),
        cases: found.cases,
        rows: rows?,
        next,
        position: found.position,
        back: address(&query),
    };
    page::page(&shown)
}

fn row(visitor: &Visitor, case: &KpiCase) -> Result<Row, ApiError> {
    let (engine, lang) = (&visitor.engine, visitor.lang);
    let id = InstanceId::parse(&case.id).ok();
    let instance = id.map(|id| engine.instance(&id)).transpose()?.and_then(|(instance, _)| instance);
    let (flow, state) = instance.map(|instance| visitor.titles(&instance)).unwrap_or_default();
    Ok(Row { id: case.id.clone(), flow, state, at: Time::of_text(&case.at, visitor.zone, lang) })
}
