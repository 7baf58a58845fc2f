//! Owns what an import finds at its end: where its cases stand and why, what the engine wrote, the KPIs.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ImportError;
use super::kpis::KpiNumber;
use super::log::Row;
use super::mapping::{Expect, is_within};
use super::replay::Replay;
use super::report::{Exception, Expected};
use crate::engine::Recorded;
use crate::kernel::common::Stage;
use crate::kernel::entry::Cause;
use crate::kernel::instance::{DELIVERY_REFUSED, Instance, LINK_REFUSED, STEP_FAILED};
use crate::kernel::kpi::fold::Fold;
use crate::kernel::kpi::measure::{Frame, Retargets, measures_of};
use crate::kernel::outcome::TIMER_FIRED;
use crate::kernel::step::stage_of;

/// Entries read at a time for the report.
const FEED_PAGE: usize = 1_000;
/// Entries of one case looked at to say what moved it: no case of a log has nearly as many.
const HISTORY_MAX: usize = 100_000;

impl<'a> Replay<'a> {
    /// The KPIs of the import's whole span, looked at from its end.
    pub(super) fn kpis(&self) -> Result<Vec<KpiNumber>, ImportError> {
        let (from, now) = (self.report.from, self.report.until);
        let zone = self.line.engine.zone(&self.report.workflow).unwrap_or(chrono_tz::Tz::UTC);
        let frame = Frame { from, until: now.plus_millis(1), now, retargets: Retargets::Counted, zone };
        let flows: Vec<_> = self.flows.iter().map(|flow| flow.workflow).collect();
        let mut fold = Fold::new(&measures_of(&flows), frame, None);
        self.line.engine.kpis(&flows, (frame.from, frame.until), &mut |record| fold.take(record))?;
        Ok(fold.finish().iter().map(KpiNumber::of).collect())
    }

    /// Counts what the engine itself wrote.
    pub(super) async fn tally(&mut self, began: u64) -> Result<(), ImportError> {
        let end = self.line.engine.position();
        let mut after = began;
        while after < end {
            let (found, last) = self.line.engine.changes(after, FEED_PAGE, Duration::ZERO).await?;
            found.iter().for_each(|recorded| self.count(recorded));
            if last <= after {
                break;
            }
            after = last;
        }
        Ok(())
    }

    fn count(&mut self, recorded: &Recorded) {
        let entry = &recorded.entry;
        let report = &mut self.report;
        match &entry.cause {
            Some(Cause::Timer { timer, .. }) if entry.event == TIMER_FIRED => {
                *report.timers.entry(timer.clone()).or_default() += 1;
            }
            Some(Cause::Timer { timer, .. }) if entry.event == "timer_lapsed" => {
                *report.lapsed.entry(timer.clone()).or_default() += 1;
            }
            Some(Cause::Parent { .. }) if entry.seq == 1 => report.children += 1,
            Some(_) | None
                if [DELIVERY_REFUSED, LINK_REFUSED, STEP_FAILED].contains(&entry.event.as_str()) =>
            {
                *report.undelivered.entry(entry.event.clone()).or_default() += 1;
            }
            Some(_) | None => {}
        }
    }

    /// Where every case stands, against what its last row says.
    pub(super) async fn stand(&mut self) -> Result<(), ImportError> {
        for ((_, state), count) in self.line.engine.census() {
            if stage_of(&state) != Stage::Final {
                self.report.unfinished += count;
            }
            *self.report.states.entry(state).or_default() += count;
        }
        let mut expected = Expected::default();
        let mut classes: BTreeMap<(String, String, String, Option<String>), Vec<String>> = BTreeMap::new();
        for name in std::mem::take(&mut self.order) {
            let Some(case) = self.cases.get(&name) else { continue };
            let Some(expect) = case.last.and_then(|last| self.expectation(last)) else {
                expected.unsaid += 1;
                continue;
            };
            expected.cases += 1;
            let instance = self.instance(name)?;
            let state = instance.as_ref().map_or("not started", |instance| &instance.state);
            if is_within(state, &expect.states) {
                expected.matched += 1;
                continue;
            }
            let cause = match &instance {
                Some(instance) => self.cause(instance).await?,
                None => "its refused start".to_owned(),
            };
            let class = (expect.name.clone(), state.to_owned(), cause, case.refused.clone());
            classes.entry(class).or_default().push(name.1.to_owned());
        }
        expected.exceptions = classes
            .into_iter()
            .map(|((expected, state, cause, refused), cases)| Exception {
                expected,
                state,
                cause,
                refused,
                cases,
            })
            .collect();
        expected.exceptions.sort_by_key(|exception| std::cmp::Reverse(exception.cases.len()));
        self.report.expected = expected;
        Ok(())
    }

    fn expectation(&self, last: &Row) -> Option<&'a Expect> {
        let expect = self.flows[last.level].expect;
        expect.iter().find(|expect| self.values(last).has(&expect.when))
    }

    /// What moved a case since a row last did: its own timers, in order; that row's event where none did.
    async fn cause(&self, instance: &Instance) -> Result<String, ImportError> {
        let history = self.line.engine.history(instance, 0, HISTORY_MAX).await?;
        let moves =
            history.iter().filter(|recorded| recorded.entry.from.as_deref() != Some(&recorded.entry.to));
        let moves: Vec<&Recorded> = moves.collect();
        let by_rows = moves.iter().rposition(|recorded| recorded.entry.cause.is_none());
        let later = by_rows.map_or(&moves[..], |last| &moves[last + 1..]);
        let shown = if later.is_empty() { &moves[moves.len().saturating_sub(1)..] } else { later };
        Ok(shown.iter().map(|recorded| named(recorded)).collect::<Vec<_>>().join(", then "))
    }
}

/// The number of the transition and what made it: `rule 14 (timer INFO_EXPIRE)`.
fn named(recorded: &Recorded) -> String {
    let entry = &recorded.entry;
    let rule = entry.rule.as_deref().unwrap_or("without number");
    match &entry.cause {
        Some(Cause::Timer { timer, .. }) => format!("rule {rule} (timer {timer})"),
        Some(Cause::Send { .. } | Cause::Parent { .. } | Cause::Follow { .. } | Cause::Operator { .. })
        | None => {
            format!("rule {rule} (`{}`)", entry.event)
        }
    }
}
