//! Owns KPIs computed again from entries alone, to hold the folded ones to. For tests: those of flows, and the
//! year of a whole organisation.
//!
//! It knows neither the facts that instances keep nor the state of their clocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

mod callbacks;
mod cases;
mod complaints;
mod training;

use crate::kernel::common::{Stage, Verdict};
use crate::kernel::entry::Entry;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::fold::Line;
use crate::kernel::kpi::measure::{About, Frame, Kind, Measure};
use crate::kernel::patch;
use crate::kernel::sla::fact::What;
use crate::kernel::step::stage_of;

/// One number, computed from histories.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Number {
    pub numerator: u64,
    pub denominator: u64,
    pub pending: u64,
    pub values: Vec<i64>,
}

/// One run of a clock, as its facts tell it.
#[derive(Clone, Debug)]
struct Run {
    cycle: u32,
    start: Instant,
    due: Instant,
    paused: bool,
    /// The due that the recorded breach missed.
    breach: Option<Instant>,
    by_retarget: bool,
    corrected: Option<Verdict>,
    stop: Option<(Instant, i64, bool)>,
    verdict: Option<Verdict>,
    cancelled: bool,
}

/// An entry, and the data after it.
type Step<'a> = (&'a Entry, Arc<Value>);

/// A history with the data as they were after each entry.
pub(crate) struct Naive<'a> {
    workflow: String,
    steps: Vec<Step<'a>>,
}

impl Number {
    /// Takes up what the histories `all` say of `measure`.
    pub(crate) fn take(&mut self, measure: &Measure, all: &[Naive<'_>], frame: &Frame) {
        for one in all.iter().filter(|one| one.counts()) {
            match (measure.kpi, measure.about) {
                ("K10", _) => complaints::count(self, measure, one, frame),
                (_, about) if !about.holds(&one.workflow) => {}
                (_, About::Cases | About::Scored) => cases::count(self, measure, one, frame),
                (_, About::Complaints) => complaints::count(self, measure, one, frame),
                (_, About::Callbacks) => callbacks::count(self, measure, one, frame),
                (_, About::Plans | About::Classes | About::Enrolments | About::Reviews | About::Staff) => {
                    training::count(self, measure, one, frame);
                }
            }
        }
        self.values.sort_unstable();
    }

    /// Holds a folded number to this one; `of` says of what.
    pub(crate) fn assert_is(&self, line: &Line, of: &str) {
        let Line { measure, total, .. } = line;
        let sum = if measure.kind.is_rate() { 0 } else { self.values.iter().sum() };
        let told = (self.numerator, self.denominator, self.pending, sum);
        let folded = (total.numerator, total.denominator, total.pending, total.sum);
        assert_eq!(folded, told, "{} {} {of}", measure.kpi, measure.name);
        if measure.kind == Kind::Times {
            for percent in [50, 90] {
                let rank = (self.values.len() * percent).div_ceil(100).max(1);
                assert_eq!(total.percentile(percent), self.values.get(rank - 1).copied());
            }
        }
    }
}

impl<'a> Naive<'a> {
    pub(crate) fn new(entries: &'a [Entry]) -> Self {
        let mut data = Arc::new(Value::Null);
        let steps = entries.iter().map(|entry| {
            if !entry.patch.is_empty() {
                patch::apply(&mut data, &entry.patch).unwrap();
            }
            (entry, data.clone())
        });
        let steps: Vec<_> = steps.collect();
        Self { workflow: steps[0].0.workflow.clone(), steps }
    }

    fn case(&self) -> &Value {
        &self.data()["case"]
    }

    fn data(&self) -> &Value {
        &self.steps.last().unwrap().1
    }

    fn state(&self) -> &str {
        &self.steps.last().unwrap().0.to
    }

    /// The clock of its first response.
    fn first_clock(&self) -> &'static str {
        if self.workflow == "complaint" { "ACK" } else { "FRT" }
    }

    fn recorded(&self, i: usize) -> Instant {
        self.steps[i].0.recorded_at
    }

    fn leaf(&self) -> &str {
        self.state().rsplit('.').next().unwrap()
    }

    fn counts(&self) -> bool {
        !["closed.invalid", "closed.duplicate"].contains(&self.state())
    }

    fn runs(&self, clock: &str) -> Vec<Run> {
        let mut runs: BTreeMap<u32, Run> = BTreeMap::new();
        let facts = self.steps.iter().flat_map(|(entry, _)| &entry.clocks);
        for fact in facts.filter(|fact| fact.clock == clock) {
            if let What::Started { at, due, .. } = &fact.what {
                runs.insert(
                    fact.cycle,
                    Run {
                        cycle: fact.cycle,
                        start: *at,
                        due: *due,
                        paused: false,
                        breach: None,
                        by_retarget: false,
                        corrected: None,
                        stop: None,
                        verdict: None,
                        cancelled: false,
                    },
                );
            }
            let run = runs.get_mut(&fact.cycle).unwrap();
            match &fact.what {
                What::Paused { .. } => run.paused = true,
                What::Resumed { due, .. } => (run.paused, run.due) = (false, *due),
                What::Retargeted { due, .. } => run.due = *due,
                What::Reached { level: 100, due, cause, .. } => {
                    run.breach = Some(*due);
                    run.by_retarget = cause.is_some();
                }
                What::Corrected { to } => run.corrected = Some(*to),
                What::Stopped { at, verdict, elapsed_ms } => {
                    run.stop = Some((*at, *elapsed_ms, run.paused));
                    run.verdict = Some(*verdict);
                }
                What::Cancelled { at, elapsed_ms } => {
                    run.stop = Some((*at, *elapsed_ms, run.paused));
                    run.cancelled = true;
                    run.verdict = (run.breach.is_some() && run.corrected != Some(Verdict::Met))
                        .then_some(Verdict::Breached);
                }
                _ => {}
            }
        }
        let kept = runs.into_values().filter(|run| !run.cancelled || run.verdict.is_some());
        kept.collect()
    }

    /// Moves between open, settled and closed: (index, from, to).
    fn turns(&self) -> Vec<(usize, Stage, Stage)> {
        let turn = |(i, (entry, _)): (usize, &Step<'_>)| {
            let from = entry.from.as_deref().map_or(Stage::Open, stage_of);
            (from != stage_of(&entry.to)).then(|| (i, from, stage_of(&entry.to)))
        };
        self.steps.iter().enumerate().filter_map(turn).collect()
    }

    fn ends(&self) -> Vec<usize> {
        self.turns().into_iter().filter(|(_, from, _)| *from == Stage::Open).map(|(i, ..)| i).collect()
    }

    fn reopened(&self) -> bool {
        self.turns().iter().any(|(_, _, to)| *to == Stage::Open)
    }

    /// The state in which the case stood from the end at `i` until it was reopened, or now.
    fn ending(&self, i: usize) -> &str {
        let next = self.turns().into_iter().find(|(j, _, to)| *j > i && *to == Stage::Open);
        let last = next.map_or(self.steps.len(), |(j, ..)| j) - 1;
        self.steps[last].0.to.rsplit('.').next().unwrap()
    }

    /// What the customer last said in the steps of `range`.
    fn word(&self, range: impl Iterator<Item = usize>) -> Option<bool> {
        let said = |i: usize| {
            let entry = &self.steps[i].0;
            match entry.event.as_str() {
                "confirm" => entry.payload["satisfied"].as_bool(),
                "satisfaction_recorded" => entry.payload["resolved"].as_bool(),
                _ => (entry.to == "settled.confirmed" && entry.from.as_deref() != Some("settled.confirmed"))
                    .then_some(true),
            }
        };
        range.filter_map(said).last()
    }

    fn is_answer(event: &str) -> bool {
        ["answer", "communicate"].contains(&event)
    }

    fn outbound(entry: &Entry) -> bool {
        match entry.event.as_str() {
            "respond" => entry.payload["human"] == true,
            "escalate" => entry.payload.get("told_customer") == Some(&json!(true)),
            event => {
                let others = ["answer_call", "request_info", "progress_update", "acknowledge"];
                others.contains(&event) || Self::is_answer(event)
            }
        }
    }

    /// Steps in which a person answered a customer who waited, with the milliseconds.
    fn answers(&self) -> Vec<(usize, String, u32, i64)> {
        let mut found = Vec::new();
        for (i, (entry, _)) in self.steps.iter().enumerate().filter(|(_, (e, _))| Self::outbound(e)) {
            for fact in entry.clocks.iter().filter(|f| ["FRT", "ACK", "NRT"].contains(&f.clock.as_str())) {
                if let What::Stopped { elapsed_ms, .. } = fact.what {
                    found.push((i, fact.clock.clone(), fact.cycle, elapsed_ms));
                }
            }
        }
        found
    }

    /// Whether the first owner stood by the end at which the case stands.
    fn owned(&self) -> bool {
        let owner = |i: usize| self.steps[i].1["case"]["first_owner"]["id"].as_str();
        let kept = (1..self.steps.len()).all(|i| {
            owner(i - 1).is_none() || owner(i) == owner(i - 1) || self.steps[i].0.event == "handover_accepted"
        });
        let end = *self.ends().last().unwrap();
        let staff = |i: usize| {
            let actor = &self.steps[i].0.actor;
            actor.role.is_staff().then_some(actor.id.as_str())
        };
        let spoke = |entry: &Entry| {
            let named = entry.payload.get("agent").or(entry.payload.get("sender"));
            named.map_or(entry.actor.id.clone(), |named| named["id"].as_str().unwrap().to_owned())
        };
        let talker = self.steps[..=end].iter().rev().map(|(entry, _)| entry).find(|e| Self::outbound(e));
        let did = staff(end).map(str::to_owned).or_else(|| talker.copied().map(spoke));
        let mut performed = did.is_some() && did.as_deref() == owner(end);
        let closing = self.turns().into_iter().find(|(i, _, to)| *i > end && *to == Stage::Final);
        if let Some((i, ..)) = closing
            && let Some(actor) = staff(i)
        {
            performed = Some(actor) == owner(i);
        }
        let acknowledged = self.steps[end..].iter().any(|(entry, _)| entry.event == "closure_acknowledged");
        kept && owner(self.steps.len() - 1).is_some() && (performed || acknowledged)
    }
}

/// The moment at which a run counts, where it does.
fn moment(run: &Run) -> Option<Instant> {
    match run.stop {
        Some((stop, _, paused)) if run.verdict == Some(Verdict::Met) && paused => Some(stop),
        Some((stop, ..)) => Some(run.breach.unwrap_or(run.due).min(stop).min(run.due.max(stop))),
        None if run.breach.is_some() && run.corrected != Some(Verdict::Met) => run.breach,
        None if run.paused || run.breach.is_some() => None,
        None => Some(run.due),
    }
}

fn holds(frame: &Frame, at: Instant) -> bool {
    frame.from <= at && at < frame.until
}

fn of_runs(number: &mut Number, runs: Vec<Run>, frame: &Frame, take: impl Fn(&mut Number, &Run)) {
    for run in runs {
        let end = if run.stop.is_some() { frame.until } else { frame.until.min(frame.now) };
        match moment(&run).filter(|moment| *moment < end) {
            Some(moment) if moment >= frame.from => take(number, &run),
            Some(_) => {}
            None => number.pending += u64::from(run.start < frame.until.min(frame.now)),
        }
    }
}

fn verdicts(number: &mut Number, run: &Run) {
    let verdict = run.stop.and(run.corrected.or(run.verdict));
    number.denominator += 1;
    number.numerator += u64::from(verdict == Some(Verdict::Met));
}

fn times(number: &mut Number, run: &Run, ms: impl Fn(&Run) -> i64) {
    if run.stop.is_none() {
        number.pending += 1;
    } else if !run.cancelled {
        number.denominator += 1;
        number.values.push(ms(run));
    }
}

fn yes(number: &mut Number, yes: bool) {
    number.denominator += 1;
    number.numerator += u64::from(yes);
}

fn worth(number: &mut Number, value: i64) {
    number.denominator += 1;
    number.values.push(value);
}
