//! Summaries: reports whose figures were frozen, with what misses its target and who signed.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::form::filled;
use super::shell::{Part, Shell, Visitor};
use super::times::Time;
use super::{page, words};
use crate::api::cursor;
use crate::api::error::ApiError;
use crate::api::kpi_query::check_reader;
use crate::index::{List, Range};
use crate::kernel::calendar::date_of;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::measure::{Measure, measures_of};
use crate::kernel::schedule::REPORT_WORKFLOW;

/// What its cursors are made for.
const LIST: &str = "summaries";
/// Reports of a page.
const ROWS: usize = 12;

/// Where the list is read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SummaryQuery {
    /// Where the page before ended.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A frozen number that has a target.
struct Figure {
    flow: String,
    kpi: String,
    title: String,
    actual: String,
    target: String,
    n: u64,
    reached: Option<bool>,
}

/// One report.
struct Summary {
    id: String,
    title: String,
    department: Option<String>,
    first: String,
    last: String,
    state: String,
    due: Option<Time>,
    late: bool,
    frozen: Option<Time>,
    query: String,
    hash: String,
    /// Every frozen number with a target, those below it first.
    figures: Vec<Figure>,
    missed: usize,
    signed_by: Option<String>,
}

#[derive(Template)]
#[template(path = "summaries.html", config = "src/console/askama.toml")]
struct SummariesPage {
    shell: Shell,
    summaries: Vec<Summary>,
    next: Option<String>,
    /// What the schedule is called that starts one each month.
    schedule: Option<String>,
}

/// Lists reports, newest first.
///
/// # Errors
/// Somebody who reads no reports.
pub async fn summaries(visitor: Visitor, Query(query): Query<SummaryQuery>) -> Result<Response, ApiError> {
    check_reader(&visitor.caller)?;
    let (engine, lang) = (&visitor.engine, visitor.lang);
    let after = query.after.as_deref().map(|after| cursor::read(LIST, after)).transpose()?;
    let definition = engine.definition(REPORT_WORKFLOW);
    let leaves = engine.workflow(REPORT_WORKFLOW).into_iter().flat_map(|flow| flow.states());
    let list = |state: &str| List::State { workflow: REPORT_WORKFLOW.to_owned(), state: state.to_owned() };
    let lists: Vec<List> = leaves.map(|leaf| list(&leaf.path)).collect();
    let found = engine.page(&lists, &Range { after, newest_first: true, ..Range::default() }, ROWS)?;
    let last = found.rows.last().filter(|_| found.more);
    let flows: Vec<&str> = engine.workflows().iter().map(|flow| flow.name()).collect();
    let measures = measures_of(&flows);
    let schedule = definition.as_ref().and_then(|definition| definition.schedules.first());
    let shown = SummariesPage {
        shell: visitor.shell(Part::Reports, lang.t("Summaries", "总结报告")),
        summaries: found.rows.iter().map(|report| summary(&visitor, report, &measures)).collect(),
        next: last
            .map(|last| format!("/reports/summaries?after={}", cursor::make(LIST, last.created, &last.id))),
        schedule: schedule.map(|schedule| lang.of(&schedule.title).to_owned()),
    };
    page::page(&shown)
}

fn summary(visitor: &Visitor, report: &Instance, measures: &[Measure]) -> Summary {
    let (engine, lang, zone, data) = (&visitor.engine, visitor.lang, visitor.zone, &report.data);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let moment = |name: &str| data[name].as_str().and_then(|text| Instant::parse(text).ok());
    let day = |at: Option<Instant>| at.map(|at| date_of(zone, at).to_string()).unwrap_or_default();
    let definition = engine.pinned(report);
    let name = data["report"].as_str().unwrap_or_default();
    let schedules = definition.iter().flat_map(|definition| &definition.schedules);
    let titled = schedules.into_iter().find(|schedule| schedule.name == name);
    let state = definition.as_ref().and_then(|definition| definition.states.get(&report.state));
    let frozen = &data["frozen"];
    let figures = figures(visitor, &frozen["figures"], measures);
    Summary {
        id: report.id.to_string(),
        title: titled.map_or_else(|| words::sentence(name), |schedule| lang.of(&schedule.title).to_owned()),
        department: text(&data["dept"]),
        first: day(moment("period_from")),
        last: day(moment("period_to").map(|at| at.plus_millis(-1))),
        state: state.map_or_else(|| report.state.clone(), |title| lang.of(title).to_owned()),
        due: moment("due").map(|at| Time::new(at, zone, lang)),
        late: data["late"] == true,
        frozen: frozen["at"].as_str().map(|at| Time::of_text(at, zone, lang)),
        query: text(&frozen["query"]).unwrap_or_default(),
        hash: text(&frozen["hash"]).unwrap_or_default(),
        missed: frozen["missed"].as_array().map_or(0, Vec::len),
        figures,
        signed_by: text(&data["signed_by"]["id"]).or_else(|| text(&data["signed_by"])),
    }
}

/// The frozen numbers that have a target, those below it first.
fn figures(visitor: &Visitor, frozen: &Value, measures: &[Measure]) -> Vec<Figure> {
    let mut found = Vec::new();
    for (flow, figures) in frozen.as_object().into_iter().flatten() {
        for (name, figure) in figures["kpis"].as_object().into_iter().flatten() {
            found.extend(targeted(visitor, (flow, name, figure), measures));
        }
    }
    found.sort_by_key(|figure| figure.reached != Some(false));
    found
}

fn targeted(visitor: &Visitor, at: (&String, &String, &Value), measures: &[Measure]) -> Option<Figure> {
    let ((flow, name, figure), lang) = (at, visitor.lang);
    let target = figure["target"].as_str()?;
    let (kpi, measure) = name.split_once('.')?;
    let title = measures.iter().find(|known| known.kpi == kpi && known.name == measure);
    let rate = figure["rate"].as_str();
    let unit = if figure.get("rate").is_some() { " %" } else { "" };
    let actual = rate.or_else(|| figure["mean"].as_str());
    Some(Figure {
        flow: visitor.flow_title(flow),
        kpi: kpi.to_owned(),
        title: title.map_or_else(|| measure.to_owned(), |title| lang.of(&title.title()).to_owned()),
        actual: actual.map_or_else(|| "–".to_owned(), |text| format!("{text}{unit}")),
        target: format!("{target}{unit}"),
        n: figure["n"].as_u64().unwrap_or(0),
        reached: figure["reached"].as_bool(),
    })
}
