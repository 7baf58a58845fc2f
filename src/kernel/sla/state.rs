//! Owns what an instance keeps of its clocks: the facts of its history, applied.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fact::{ClockFact, What};
use super::rule::BREACH;
use super::timing::{Pause, Target, Timing};
use crate::kernel::calendar::Calendar;
use crate::kernel::common::Verdict;
use crate::kernel::instant::Instant;

/// Ended runs that an instance keeps one by one; older ones are counted. A chat has a run for
/// each message, and a record is written with every step.
pub const ENDED_MAX: usize = 16;

/// Clocks by name.
pub type Clocks = BTreeMap<String, Clock>;

/// One clock of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Number of its last run, from 1.
    pub cycle: u32,
    /// The run that has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Its last [`ENDED_MAX`] ended runs, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<Ended>,
    /// Runs that ended before those.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    pub older: Tally,
}

/// A run that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it started.
    pub start: Instant,
    /// What it runs against.
    pub target: Target,
    /// When it is due; while it stands still, when it was.
    pub due: Instant,
    /// Name of the calendar that it is counted on.
    pub calendar: String,
    /// When it stood still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    /// The highest recorded level, in percent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub level: u32,
    /// Its due when the breach was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breached: Option<Instant>,
    /// When its target last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retargeted: Option<Instant>,
    /// Until when a manager lets it stand still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Instant>,
    /// A recorded breach that was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<Verdict>,
    /// Whether the due lies past what the calendar knows.
    #[serde(default, skip_serializing_if = "is_false")]
    pub provisional: bool,
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Which run.
    pub cycle: u32,
    /// When it started.
    pub start: Instant,
    /// When it ended.
    pub at: Instant,
    /// What it ran against.
    pub target: Target,
    /// When it was due.
    pub due: Instant,
    /// Name of the calendar that it was counted on.
    pub calendar: String,
    /// Milliseconds used.
    pub elapsed_ms: i64,
    /// Its due when its breach was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breached: Option<Instant>,
    /// Whether in time; absent where it was cancelled before it was breached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The highest recorded level, in percent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub level: u32,
    /// Whether the verdict answers a wrong one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub corrected: bool,
}

/// How so many runs ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// In time.
    pub met: u32,
    /// Too late.
    pub breached: u32,
    /// Without a verdict.
    pub cancelled: u32,
}

impl Tally {
    /// Whether it counts nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn count(&mut self, verdict: Option<Verdict>) {
        match verdict {
            Some(Verdict::Met) => self.met += 1,
            Some(Verdict::Breached) => self.breached += 1,
            None => self.cancelled += 1,
        }
    }
}

impl Run {
    /// Its arithmetic on `calendar`.
    pub fn timing<'a>(&'a self, calendar: &'a Calendar) -> Timing<'a> {
        Timing { calendar, start: self.start, target: self.target, pauses: &self.pauses }
    }

    /// Since when it stands still.
    pub fn paused_since(&self) -> Option<Instant> {
        self.pauses.last().filter(|pause| pause.to.is_none()).map(|pause| pause.from)
    }

    /// When it last started, stood still or ran on: nothing happens to it before.
    pub fn last_moved(&self) -> Instant {
        self.pauses.last().map_or(self.start, |pause| pause.to.unwrap_or(pause.from))
    }

    /// Whether its breach is recorded and not answered as wrong.
    pub fn is_breached(&self) -> bool {
        self.breached.is_some() && self.corrected != Some(Verdict::Met)
    }
}

impl Clock {
    /// The earliest due of a run that is counted now; a clock that stands still has none.
    pub fn running_due(&self) -> Option<Instant> {
        self.run.as_ref().filter(|run| run.paused_since().is_none()).map(|run| run.due)
    }

    /// The clock after `fact`; a fact of a run that it does not have changes nothing.
    pub fn apply(&mut self, fact: &ClockFact) {
        if let What::Started { at, target, due, calendar, provisional } = &fact.what {
            self.cycle = fact.cycle;
            self.run = Some(Run {
                start: *at,
                target: *target,
                due: *due,
                calendar: calendar.clone(),
                pauses: Vec::new(),
                level: 0,
                breached: None,
                retargeted: None,
                suspended: None,
                corrected: None,
                provisional: *provisional,
            });
            return;
        }
        if fact.cycle == self.cycle && self.run.is_some() {
            self.apply_running(&fact.what);
        } else if let Some(ended) = self.ended.iter_mut().find(|ended| ended.cycle == fact.cycle) {
            match &fact.what {
                What::Reached { level, .. } => ended.level = ended.level.max(*level),
                What::Corrected { to } => {
                    ended.verdict = Some(*to);
                    ended.corrected = true;
                }
                What::Started { .. }
                | What::Paused { .. }
                | What::Resumed { .. }
                | What::Suspended { .. }
                | What::Released
                | What::Stopped { .. }
                | What::Cancelled { .. }
                | What::Retargeted { .. } => {}
            }
        }
    }

    fn apply_running(&mut self, what: &What) {
        let Some(run) = &mut self.run else { return };
        match what {
            What::Paused { at, .. } => run.pauses.push(Pause { from: *at, to: None }),
            What::Resumed { at, due, provisional } => {
                if let Some(pause) = run.pauses.last_mut() {
                    pause.to = Some(*at);
                }
                run.due = *due;
                run.provisional = *provisional;
            }
            What::Suspended { until } => run.suspended = Some(*until),
            What::Released => run.suspended = None,
            What::Reached { level, due, .. } => {
                run.level = run.level.max(*level);
                if *level == BREACH {
                    run.breached = Some(*due);
                }
            }
            What::Retargeted { at, target, due, calendar, provisional, .. } => {
                if let Some(calendar) = calendar {
                    run.calendar.clone_from(calendar);
                }
                run.target = *target;
                run.due = *due;
                run.retargeted = Some(*at);
                run.provisional = *provisional;
            }
            What::Corrected { to } => run.corrected = Some(*to),
            What::Stopped { at, verdict, elapsed_ms } => self.end(*at, Some(*verdict), *elapsed_ms),
            What::Cancelled { at, elapsed_ms } => {
                let verdict = run.is_breached().then_some(Verdict::Breached);
                self.end(*at, verdict, *elapsed_ms);
            }
            What::Started { .. } => {}
        }
    }

    fn end(&mut self, at: Instant, verdict: Option<Verdict>, elapsed_ms: i64) {
        let Some(run) = self.run.take() else { return };
        self.ended.push(Ended {
            cycle: self.cycle,
            start: run.start,
            at,
            target: run.target,
            due: run.due,
            calendar: run.calendar,
            elapsed_ms,
            breached: run.breached,
            verdict,
            level: run.level,
            corrected: run.corrected.is_some(),
        });
        if self.ended.len() > ENDED_MAX {
            let oldest = self.ended.remove(0);
            self.older.count(oldest.verdict);
        }
    }
}

/// The due that comes first among the runs that are counted now.
pub fn first_due(clocks: &Clocks) -> Option<Instant> {
    clocks.values().filter_map(Clock::running_due).min()
}

/// Applies the facts of one entry, in order.
pub fn apply(clocks: &mut Clocks, facts: &[ClockFact]) {
    for fact in facts {
        clocks.entry(fact.clock.clone()).or_default().apply(fact);
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}
