//! The table of a report: KPIs against their targets, with small charts; each number leads to its cases.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use chrono::{Datelike, Months, NaiveDate};

use super::chart::{Bar, Chart};
use super::lang::Lang;
use super::page;
use super::reports::{ReportQuery, group, grouping};
use super::shell::{Part, Shell, Visitor};
use super::slow::{self, Progress};
use super::times::{Time, span};
use crate::api::error::ApiError;
use crate::api::kpis::{KpiFigure, KpiLine, KpiParams, KpiReport, KpiStatus, report};
use crate::kernel::calendar::date_of;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::fold::Part as NumberPart;
use crate::kernel::kpi::measure::{Kind, Measure, measures_of};

/// Months of a trend, the last of the window included.
const TREND_MONTHS: u32 = 6;
/// Groups of a chart, the largest, where there is one chart for each KPI.
const BARS_MAX: usize = 12;
/// Groups of the chart and the list of a single KPI, the largest.
const GROUPS_MAX: usize = 60;

/// A number that leads to its cases.
pub struct Number {
    /// As people read it.
    text: String,
    /// The cases behind it.
    href: String,
}

/// The numbers of some cases.
struct Figures {
    value: Option<Number>,
    /// Of times: the rest of what is told.
    beside: String,
    n: Number,
    numerator: Option<Number>,
    missed: Option<Number>,
    pending: Number,
}

/// One line of the table.
struct Row {
    kpi: String,
    title: String,
    figures: Figures,
    target: Option<String>,
    /// Whether the target is reached.
    reached: Option<bool>,
    chart: Option<Chart>,
    /// The KPI alone, by what the chart shows.
    detail: String,
    /// By group, where the report is of one KPI.
    groups: Vec<(String, Figures)>,
    /// Groups that are left out, the smallest.
    further: usize,
}

#[derive(Template)]
#[template(path = "reports_table.html", config = "src/console/askama.toml")]
struct TablePage {
    shell: Shell,
    /// The flow, or all of them.
    flow: String,
    from: Time,
    to: Time,
    now: Time,
    rows: Vec<Row>,
    /// Numbers of no case: KPI and title.
    empty: Vec<(String, String)>,
    /// What the charts show.
    charted: String,
    position: u64,
    back: String,
}

/// Shows the numbers.
///
/// # Errors
/// As `GET /v1/reports/kpis`.
pub async fn table(visitor: Visitor, Query(query): Query<ReportQuery>) -> Result<Response, ApiError> {
    let query = query.dated(&visitor);
    // Every case of the window is read, and where there is a trend, every one of its months.
    let reads = if query.group_by.is_none() { 2 } else { 1 };
    let of = reads * visitor.engine.census().values().sum::<u64>();
    let progress = Progress { done: Arc::default(), of };
    slow::told(progress.clone(), made(visitor, query, progress.done)).await
}

async fn made(visitor: Visitor, query: ReportQuery, read: Arc<AtomicU64>) -> Result<Response, ApiError> {
    let (lang, zone) = (visitor.lang, visitor.zone);
    let report = kpis(&visitor, query.asked(zone.name())?, &read).await?;
    let until = Instant::parse(&report.to).unwrap_or_else(|_| visitor.engine.now());
    let last = date_of(zone, until.plus_millis(-1));
    let trend = match months(last).filter(|_| query.group_by.is_none()) {
        Some(months) => Some(Trend::read(&visitor, &query, months, &read).await?),
        None => None,
    };
    let flows: Vec<&str> = visitor.engine.workflows().iter().map(|flow| flow.name()).collect();
    let table = Table { query: &query, visitor: &visitor, measures: measures_of(&flows), trend };
    let (mut rows, mut empty) = (Vec::new(), Vec::new());
    for line in &report.kpis {
        if line.total.n == 0 && line.total.pending == 0 && line.total.numerator.unwrap_or(0) == 0 {
            empty.push((line.kpi.clone(), lang.view(&line.title).to_owned()));
            continue;
        }
        rows.push(table.row(line));
    }
    let charted = match query.group_by.as_deref() {
        Some(name) => format!("{}{}", lang.t("By ", "按"), grouping(name, lang).to_lowercase()),
        None => lang.t("Six months", "近六个月").to_owned(),
    };
    let shown = TablePage {
        shell: visitor.shell(Part::Reports, lang.t("KPIs", "指标")),
        flow: query.flow(&visitor),
        from: Time::of_text(&report.from, zone, lang),
        to: Time::of_text(&report.to, zone, lang),
        now: Time::of_text(&report.now, zone, lang),
        rows,
        empty,
        charted,
        position: report.position,
        back: format!("/reports?{}", query.encoded()),
    };
    page::page(&shown)
}

async fn kpis(visitor: &Visitor, asked: KpiParams, read: &Arc<AtomicU64>) -> Result<KpiReport, ApiError> {
    report(&visitor.engine, &visitor.caller, asked, read.clone()).await
}

/// The table in the making.
struct Table<'t> {
    query: &'t ReportQuery,
    visitor: &'t Visitor,
    /// Every measure, for what kind of number each is.
    measures: Vec<Measure>,
    /// What the charts show where nothing groups.
    trend: Option<Trend>,
}

impl Table<'_> {
    fn row(&self, line: &KpiLine) -> Row {
        let lang = self.visitor.lang;
        let percent = line.total.denominator.is_some();
        let target = line.target.as_ref();
        let target = target.map(|text| if percent { format!("{text} %") } else { text.clone() });
        let single = self.query.kpi.is_some();
        let (groups, further) = self.groups(line, if single { GROUPS_MAX } else { BARS_MAX });
        let bars: Vec<Bar> = match &self.trend {
            Some(trend) => trend.bars(line, lang),
            None => groups.iter().map(|(name, figure)| bar(&self.group(name), Some(figure), lang)).collect(),
        };
        let height = line.target.as_ref().and_then(|text| text.parse().ok());
        let detail = self.trend.as_ref().map_or_else(|| self.query.clone(), |trend| trend.asked(self.query));
        let detail = ReportQuery { kpi: Some(line.kpi.clone()), ..detail };
        let figures = |name: &String, figure| (self.group(name), self.figures(line, figure, Some(name)));
        let listed = groups.into_iter().filter(|_| single);
        Row {
            kpi: line.kpi.clone(),
            title: lang.view(&line.title).to_owned(),
            figures: self.figures(line, &line.total, None),
            chart: Chart::new(&bars, height.zip(target.as_deref()), lang),
            target,
            reached: line.status.map(|status| status == KpiStatus::Ok),
            detail: format!("/reports?{}", detail.encoded()),
            groups: listed.map(|(name, figure)| figures(name, figure)).collect(),
            further: if single { further } else { 0 },
        }
    }

    /// The groups of a line, at most `limit` of them, and how many are left out: those that count least.
    fn groups<'l>(&self, line: &'l KpiLine, limit: usize) -> (Vec<(&'l String, &'l KpiFigure)>, usize) {
        let mut groups: Vec<_> = line.groups.iter().collect();
        if matches!(self.query.group_by.as_deref(), Some("month" | "hour")) {
            return (groups, 0);
        }
        groups.sort_by_key(|(name, figure)| (std::cmp::Reverse(figure.n), (*name).clone()));
        let further = groups.len().saturating_sub(limit);
        groups.truncate(limit);
        (groups, further)
    }

    fn figures(&self, line: &KpiLine, figure: &KpiFigure, group: Option<&String>) -> Figures {
        let lang = self.visitor.lang;
        let kind = self.kind(line);
        let number = |text: String, part: &str| Number { text, href: self.href(line, part, group) };
        let (told, beside) = told(figure, lang);
        let missed = figure.numerator.filter(|_| NumberPart::Missed.is_of(kind));
        Figures {
            value: told.map(|text| number(text, "denominator")),
            beside,
            n: number(figure.n.to_string(), "denominator"),
            numerator: figure.numerator.map(|numerator| number(numerator.to_string(), "numerator")),
            missed: missed.map(|numerator| number(figure.n.saturating_sub(numerator).to_string(), "missed")),
            pending: number(figure.pending.to_string(), "pending"),
        }
    }

    fn kind(&self, line: &KpiLine) -> Kind {
        let same = |measure: &&Measure| measure.kpi == line.kpi && measure.name == line.measure;
        self.measures.iter().find(same).map_or(Kind::Average, |measure| measure.kind)
    }

    /// The cases behind a number.
    fn href(&self, line: &KpiLine, part: &str, group: Option<&String>) -> String {
        let behind = ReportQuery {
            kpi: None,
            measure: Some(line.measure.clone()),
            part: Some(part.to_owned()),
            group_by: self.query.group_by.clone().filter(|_| group.is_some()),
            group: group.cloned(),
            ..self.query.clone()
        };
        format!("/reports/kpis/{}?{}", line.kpi, behind.encoded())
    }

    fn group(&self, name: &str) -> String {
        group(name, self.query.group_by.as_deref().unwrap_or_default(), self.visitor)
    }
}

/// The numbers of the months that end with a window.
struct Trend {
    first: NaiveDate,
    end: NaiveDate,
    report: KpiReport,
}

impl Trend {
    async fn read(
        visitor: &Visitor,
        query: &ReportQuery,
        (first, end): (NaiveDate, NaiveDate),
        read: &Arc<AtomicU64>,
    ) -> Result<Self, ApiError> {
        let asked = KpiParams {
            from: Some(first.to_string()),
            to: Some(end.to_string()),
            group_by: Some("month".to_owned()),
            ..query.asked(visitor.zone.name())?
        };
        Ok(Self { first, end, report: kpis(visitor, asked, read).await? })
    }

    /// The report of these months.
    fn asked(&self, query: &ReportQuery) -> ReportQuery {
        ReportQuery {
            month: None,
            from: Some(self.first.to_string()),
            to: Some(self.end.to_string()),
            group_by: Some("month".to_owned()),
            ..query.clone()
        }
    }

    fn bars(&self, line: &KpiLine, lang: Lang) -> Vec<Bar> {
        let same = |other: &&KpiLine| (&other.kpi, &other.measure) == (&line.kpi, &line.measure);
        let line = self.report.kpis.iter().find(same);
        let figure = |month: &String| line.and_then(|line| line.groups.get(month));
        names(self.first, self.end).iter().map(|month| bar(month, figure(month), lang)).collect()
    }
}

/// The months of a trend that ends with the month of `last`, a day: its first day, and the first one after it.
fn months(last: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    let month = last.with_day(1)?;
    let first = month.checked_sub_months(Months::new(TREND_MONTHS - 1))?;
    Some((first, month.checked_add_months(Months::new(1))?))
}

/// The names of the months from `first` until `end`.
fn names(first: NaiveDate, end: NaiveDate) -> Vec<String> {
    let from_first = |number| first.checked_add_months(Months::new(number));
    let within = (0..TREND_MONTHS).filter_map(from_first).take_while(|month| *month < end);
    within.map(|month| month.format("%Y-%m").to_string()).collect()
}

/// The number that is told first, where anything counts, and what is told beside it.
fn told(figure: &KpiFigure, lang: Lang) -> (Option<String>, String) {
    if let Some(rate) = &figure.rate {
        return (Some(format!("{rate} %")), String::new());
    }
    if let Some(mean) = &figure.mean {
        return (Some(mean.clone()), String::new());
    }
    let mean = figure.mean_ms.map(|ms| took(ms, lang));
    match (figure.p50_ms, figure.p90_ms, mean) {
        (Some(half), Some(most), Some(mean)) => {
            let beside = format!("{} {mean} · P90 {}", lang.t("mean", "平均"), took(most, lang));
            (Some(format!("{} {}", lang.t("median", "中位数"), took(half, lang))), beside)
        }
        (_, _, mean) => (mean, String::new()),
    }
}

/// A span, with seconds where it is shorter than a minute.
fn took(ms: i64, lang: Lang) -> String {
    if ms.abs() < 60_000 { format!("{} {}", ms / 1_000, lang.t("s", "秒")) } else { span(ms, lang) }
}

fn bar(label: &str, figure: Option<&KpiFigure>, lang: Lang) -> Bar {
    let told = figure.and_then(|figure| told(figure, lang).0);
    let height = |figure: &KpiFigure| {
        let decimal = figure.rate.as_ref().or(figure.mean.as_ref()).and_then(|text| text.parse().ok());
        decimal.or_else(|| figure.p50_ms.or(figure.mean_ms).map(|ms| ms as f64))
    };
    Bar {
        label: label.to_owned(),
        value: figure.and_then(height),
        text: told.unwrap_or_else(|| lang.t("none", "无").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::calendar::parse_date;

    #[test]
    fn a_trend_ends_with_the_month_of_the_windows_last_day() {
        let (first, end) = months(parse_date("2026-02-28").unwrap()).unwrap();
        assert_eq!((first, end), (parse_date("2025-09-01").unwrap(), parse_date("2026-03-01").unwrap()));
        let expected = ["2025-09", "2025-10", "2025-11", "2025-12", "2026-01", "2026-02"];
        assert_eq!(names(first, end), expected);
    }

    #[test]
    fn what_is_shorter_than_a_minute_is_told_in_seconds() {
        assert_eq!(took(20_500, Lang::EN), "20 s");
        assert_eq!(took(20_500, Lang::ZH), "20 秒");
        assert_eq!(took(125 * 60_000, Lang::EN), "2 h 5 min");
    }
}
