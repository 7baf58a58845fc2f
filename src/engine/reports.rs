//! Owns the figures of reports: counted by the fold that `GET /v1/reports/kpis` answers with, and frozen.
//!
//! A report that a schedule started waits in its first state. Its figures are counted beside the
//! writer, for that takes longer than a step may, and sent as `freeze` by `system`: with the
//! question that was asked, the position that all was read at, and a hash over both.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::command::CommandError;
use super::open::each;
use super::{Engine, OpenError};
use crate::index::IndexError;
use crate::kernel::canonical;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::Record;
use crate::kernel::kpi::fold::{Figure, Fold, Grouping, Line};
use crate::kernel::kpi::measure::{Frame, Kind, Measure, Retargets, measures};
use crate::kernel::schedule::REPORT_WORKFLOW;

/// The state in which a report waits for its figures.
pub(super) const WAITING: &str = "open.pending";
/// The number that ranks what cases are about: what was settled, by category.
const RANKED: &str = "K04";
/// What a summary groups the numbers by that have a target.
const GROUPED: [(&str, Grouping); 4] = [
    ("channel", Grouping::Channel),
    ("tier", Grouping::Tier),
    ("department", Grouping::Department),
    ("agent", Grouping::Agent),
];
/// Groups of a number that are frozen: a report is one entry of the journal; the API tells all of them.
const GROUPS_MAX: usize = 30;

impl Engine {
    /// Counts and freezes the figures of every report that waits; answers how many.
    ///
    /// # Crash safety
    /// Dying inside leaves some reports waiting; the next call counts them.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn count_reports(&self) -> Result<usize, OpenError> {
        let mut waiting = Vec::new();
        each(&self.shared, REPORT_WORKFLOW, WAITING, |instance| {
            waiting.push(instance.clone());
            Ok(())
        })?;
        let mut counted = 0;
        for report in waiting {
            let Some(period) = period(&report) else { continue };
            match self.freeze(&report, period).await {
                Ok(()) => counted += 1,
                // Somebody else froze or closed it meanwhile.
                Err(CommandError::Refused { .. } | CommandError::Held(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(counted)
    }

    /// Counts reports as they come, until the server ends.
    pub async fn keep_reports(self) {
        loop {
            match self.count_reports().await {
                Ok(0) => {}
                Ok(counted) => tracing::info!(counted, "reports counted"),
                Err(error) => tracing::error!(%error, "reports are not counted"),
            }
            self.shared.reports.notified().await;
        }
    }

    async fn freeze(&self, report: &Instance, (from, until): (Instant, Instant)) -> Result<(), CommandError> {
        let zone = self.zone(REPORT_WORKFLOW).unwrap_or(chrono_tz::Tz::UTC);
        let frame = Frame { from, until, now: self.now(), retargets: Retargets::Counted, zone };
        let engine = self.clone();
        let dept = report.data.get("dept").and_then(Value::as_str).map(str::to_owned);
        let of = dept.as_ref().map(|dept| format!(" of the department `{dept}`")).unwrap_or_default();
        // Every case of the period is decoded: too long for the thread that serves connections.
        let counting = tokio::task::spawn_blocking(move || engine.figures(frame, dept.as_deref())).await;
        let counted = counting.map_err(|error| CommandError::Stopped(error.to_string()))?;
        let (figures, position) = counted.map_err(|error| CommandError::Stopped(error.to_string()))?;
        let query = format!("kpis{of} from {from} to {until}, read at position {position}");
        let asked = json!({ "figures": figures, "query": query });
        let hash = canonical::hash(&asked).map_err(|error| CommandError::Stopped(error.to_string()))?;
        let payload = json!({ "figures": figures, "query": query, "hash": hash.to_string() });
        let Value::Object(payload) = payload else { return Ok(()) };
        let answer = self.send_by_system(&report.id, &report.workflow, "freeze", payload).await?;
        answer.await.unwrap_or(Err(CommandError::CommitUnknown)).map(|_| ())
    }

    /// The figures of every flow with cases in the window, by flow and KPI, and the position they were read at.
    /// A department's are those of the cases that it was last given (S0-24).
    fn figures(&self, frame: Frame, dept: Option<&str>) -> Result<(Map<String, Value>, u64), IndexError> {
        let flows = self.shared.listed.iter().map(|flow| flow.name());
        let flows: Vec<&str> = flows.filter(|name| *name != REPORT_WORKFLOW).collect();
        let mut counted: Vec<Counted> = flows.iter().map(|flow| Counted::new(flow, frame)).collect();
        let span = (frame.from, frame.until);
        let position = self.kpis(&flows, span, &mut |record| {
            if dept.is_some_and(|dept| dept != record.traits.department) {
                return;
            }
            counted.iter_mut().for_each(|counted| counted.take(record));
        })?;
        let with_cases = counted.into_iter().filter(|counted| counted.cases > 0);
        let told = with_cases.map(|counted| {
            let targets = self.kpi_targets(&counted.flow);
            (counted.flow.clone(), counted.told(&targets))
        });
        Ok((told.collect(), position))
    }
}

/// The numbers of one flow in the making.
struct Counted {
    flow: String,
    cases: u64,
    all: Fold,
    ranking: Fold,
    /// Numbers with a target, by what a summary groups by.
    groups: Vec<(&'static str, Fold)>,
}

impl Counted {
    fn new(flow: &str, frame: Frame) -> Self {
        let measures = measures(flow);
        let ranked: Vec<Measure> = measures.iter().filter(|m| m.kpi == RANKED).take(1).copied().collect();
        let targeted: Vec<Measure> = measures.iter().filter(|m| m.target.is_some()).copied().collect();
        let own = [flow.to_owned()];
        let fold = |measures: &[Measure], grouping| Fold::new(measures, frame, grouping).among(&own);
        let grouped = |(name, grouping): &(&'static str, Grouping)| (*name, fold(&targeted, Some(*grouping)));
        Self {
            flow: flow.to_owned(),
            cases: 0,
            all: fold(&measures, None),
            ranking: fold(&ranked, Some(Grouping::Category)),
            groups: GROUPED.iter().map(grouped).collect(),
        }
    }

    fn take(&mut self, record: &Record) {
        self.cases += u64::from(record.workflow == self.flow);
        self.all.take(record);
        self.ranking.take(record);
        self.groups.iter_mut().for_each(|(_, fold)| fold.take(record));
    }

    fn told(self, targets: &BTreeMap<String, String>) -> Value {
        let lines = self.all.finish();
        let name = |line: &Line| format!("{}.{}", line.measure.kpi, line.measure.name);
        let mut kpis: Map<String, Value> =
            lines.iter().map(|line| (name(line), told(line, targets))).collect();
        for (by, fold) in self.groups {
            for line in fold.finish() {
                kpis[&name(&line)]["by"][by] = grouped(&line);
            }
        }
        let about = self.ranking.finish().pop().map(|line| by_frequency(&line.groups)).unwrap_or_default();
        json!({ "kpis": kpis, "about": about })
    }
}

fn period(report: &Instance) -> Option<(Instant, Instant)> {
    let moment = |name: &str| Instant::parse(report.data.get(name)?.as_str()?).ok();
    Some((moment("period_from")?, moment("period_to")?))
}

/// One number with its n; decimals are text.
fn told(line: &Line, targets: &BTreeMap<String, String>) -> Value {
    let Figure { numerator, denominator, pending, .. } = line.total;
    let mut told = json!({ "n": denominator, "pending": pending });
    let kind = line.measure.kind;
    match kind {
        Kind::Rate | Kind::Ratio => {
            told["numerator"] = json!(numerator);
            told["rate"] = json!(line.total.text(kind));
        }
        Kind::Times => {
            told["mean_ms"] = json!(line.total.mean_ms());
            told["p50_ms"] = json!(line.total.percentile(50));
            told["p90_ms"] = json!(line.total.percentile(90));
        }
        Kind::Mean => told["mean_ms"] = json!(line.total.mean_ms()),
        Kind::Average => told["mean"] = json!(line.total.text(kind)),
    }
    if let Some(target) = line.measure.target_in(targets) {
        told["target"] = json!(target);
        told["reached"] = json!(line.total.reaches(kind, target));
    }
    told
}

/// A number by group, the groups with the most cases: each with its n.
fn grouped(line: &Line) -> Value {
    let mut rows: Vec<(&String, &Figure)> = line.groups.iter().collect();
    rows.sort_by_key(|(name, figure)| (std::cmp::Reverse(figure.denominator), (*name).clone()));
    let kind = line.measure.kind;
    let member = if kind.is_rate() { "rate" } else { "mean" };
    let told = |figure: &Figure| json!({ "n": figure.denominator, member: figure.text(kind) });
    rows.into_iter().take(GROUPS_MAX).map(|(name, figure)| (name.clone(), told(figure))).collect()
}

/// What cases were about, the most frequent first (S0-13).
fn by_frequency(groups: &BTreeMap<String, Figure>) -> Vec<Value> {
    let mut rows: Vec<(&String, &Figure)> = groups.iter().collect();
    rows.sort_by_key(|(name, figure)| (std::cmp::Reverse(figure.denominator), (*name).clone()));
    rows.into_iter()
        .map(|(name, figure)| json!({ "category": name, "n": figure.denominator, "resolved": figure.numerator }))
        .collect()
}
