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
use crate::kernel::canonical;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::fold::{Figure, Fold, Grouping, Line};
use crate::kernel::kpi::measure::{Frame, Kind, MEASURES, Measure, Retargets, measures};
use crate::kernel::schedule::REPORT_WORKFLOW;

/// The state in which a report waits for its figures.
pub(super) const WAITING: &str = "open.pending";
/// The number that ranks what cases are about: what was settled, by category.
const RANKED: &str = "K04";

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
        let frame = Frame { from, until, now: self.now(), retargets: Retargets::Counted };
        let engine = self.clone();
        // Every case of the period is decoded: too long for the thread that serves connections.
        let counting = tokio::task::spawn_blocking(move || engine.figures(frame)).await;
        let counted = counting.map_err(|error| CommandError::Stopped(error.to_string()))?;
        let (figures, position) = counted.map_err(|error| CommandError::Stopped(error.to_string()))?;
        let query = format!("kpis from {from} to {until}, read at position {position}");
        let asked = json!({ "figures": figures, "query": query });
        let hash = canonical::hash(&asked).map_err(|error| CommandError::Stopped(error.to_string()))?;
        let payload = json!({ "figures": figures, "query": query, "hash": hash.to_string() });
        let Value::Object(payload) = payload else { return Ok(()) };
        let answer = self.send_by_system(&report.id, &report.workflow, "freeze", payload).await?;
        answer.await.unwrap_or(Err(CommandError::CommitUnknown)).map(|_| ())
    }

    /// The figures of every flow with cases in the window, by flow and KPI, and the position they were read at.
    fn figures(&self, frame: Frame) -> Result<(Map<String, Value>, u64), crate::index::IndexError> {
        let ranked: Vec<Measure> =
            MEASURES.into_iter().filter(|measure| measure.kpi == RANKED).take(1).collect();
        let (mut figures, mut position) = (Map::new(), 0);
        for workflow in &self.shared.listed {
            if workflow.name() == REPORT_WORKFLOW {
                continue;
            }
            let mut fold = Fold::new(&measures(workflow.name()), frame, None);
            let mut ranking = Fold::new(&ranked, frame, Some(Grouping::Category));
            let mut cases = 0_u64;
            position = self.kpis(workflow.name(), (frame.from, frame.until), &mut |record| {
                cases += 1;
                fold.take(record);
                ranking.take(record);
            })?;
            if cases == 0 {
                continue;
            }
            let targets = self.kpi_targets(workflow.name());
            let lines = fold.finish();
            let told: Map<String, Value> = lines
                .iter()
                .map(|line| (format!("{}.{}", line.measure.kpi, line.measure.name), told(line, &targets)))
                .collect();
            let about = ranking.finish().pop().map(|line| by_frequency(&line.groups)).unwrap_or_default();
            figures.insert(workflow.name().to_owned(), json!({ "kpis": told, "about": about }));
        }
        Ok((figures, position))
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
    match line.measure.kind {
        Kind::Rate => {
            told["numerator"] = json!(numerator);
            told["rate"] = json!(line.total.basis_points().map(|p| format!("{}.{:02}", p / 100, p % 100)));
        }
        Kind::Times => {
            told["mean_ms"] = json!(line.total.mean_ms());
            told["p50_ms"] = json!(line.total.percentile(50));
            told["p90_ms"] = json!(line.total.percentile(90));
        }
        Kind::Mean => told["mean_ms"] = json!(line.total.mean_ms()),
    }
    if let Some(target) = targets.get(line.measure.kpi).filter(|_| line.measure.targeted) {
        told["target"] = json!(target);
        let reached = target.parse().ok().and_then(|target| line.total.reaches(target));
        told["reached"] = json!(reached);
    }
    told
}

/// What cases were about, the most frequent first (S0-13).
fn by_frequency(groups: &BTreeMap<String, Figure>) -> Vec<Value> {
    let mut rows: Vec<(&String, &Figure)> = groups.iter().collect();
    rows.sort_by_key(|(name, figure)| (std::cmp::Reverse(figure.denominator), (*name).clone()));
    rows.into_iter()
        .map(|(name, figure)| json!({ "category": name, "n": figure.denominator, "resolved": figure.numerator }))
        .collect()
}
