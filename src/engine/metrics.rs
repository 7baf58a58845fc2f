//! Owns what is counted about the writer, and how engine, journal and index are told in numbers.
//!
//! The writer counts with atomic additions and leaves the lengths of its queues
//! once a round; everything else is asked for when somebody reads the numbers.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::command::CommandError;
use super::{Engine, Readiness};
use crate::journal::GROUP_COMMITS_MAX;
use crate::kernel::instant::Instant;
use crate::kernel::outcome::RefusalKind;
use crate::metrics::families::{self, Queue};
use crate::metrics::{COMMITS, Counter, Gauge, Histogram, SECONDS, Seen, Text};

/// Milliseconds as nanoseconds.
const MILLI: u64 = 1_000_000;

/// Lengths of the writer's queues, as it left them after a round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lengths {
    /// Commits of the next group.
    pub group: usize,
    /// Answers that wait for a group.
    pub answers: usize,
    /// Instances with a timer.
    pub timers: usize,
    /// Undelivered sends.
    pub sends: usize,
    /// Parents with pending links.
    pub links: usize,
    /// When the earliest timer is due.
    pub due: Option<Instant>,
}

/// Counters, histograms and lengths since the start of the process.
#[derive(Debug)]
pub struct Metrics {
    steps: Histogram,
    steps_failed: Counter,
    groups: Histogram,
    index: Histogram,
    lateness: Histogram,
    commands: Histogram,
    refused: [Counter; REFUSALS.len()],
    rejected: Counter,
    shed: Counter,
    group: Gauge,
    answers: Gauge,
    timers: Gauge,
    sends: Gauge,
    links: Gauge,
    due: AtomicI64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            steps: Histogram::new(&SECONDS),
            steps_failed: Counter::default(),
            groups: Histogram::new(&COMMITS),
            index: Histogram::new(&SECONDS),
            lateness: Histogram::new(&SECONDS),
            commands: Histogram::new(&SECONDS),
            refused: Default::default(),
            rejected: Counter::default(),
            shed: Counter::default(),
            group: Gauge::default(),
            answers: Gauge::default(),
            timers: Gauge::default(),
            sends: Gauge::default(),
            links: Gauge::default(),
            due: AtomicI64::new(i64::MAX),
        }
    }
}

/// Why commands are refused, by problem code: the values of the label, of which there is no other.
const REFUSALS: [&str; 18] = [
    "unknown_workflow",
    "unknown_instance",
    "unknown_event",
    "invalid_payload",
    "refused_by_state",
    "role_not_allowed",
    "refused_by_duty",
    "refused_by_guard",
    "refused_input",
    "key_reused",
    "stale",
    "import_held",
    "step_failed",
    "commit_too_large",
    "busy",
    "disk_full",
    "commit_unknown",
    "stopped",
];

/// The place of `error` among [`REFUSALS`].
const fn refusal(error: &CommandError) -> usize {
    match error {
        CommandError::UnknownWorkflow(_) => 0,
        CommandError::UnknownInstance(_) => 1,
        CommandError::UnknownEvent { .. } => 2,
        CommandError::Payload { .. } => 3,
        CommandError::Refused { refusal, .. } => match refusal.kind {
            RefusalKind::State => 4,
            RefusalKind::Role => 5,
            RefusalKind::Duty => 6,
            RefusalKind::Guard => 7,
            RefusalKind::Input => 8,
        },
        CommandError::KeyReused => 9,
        CommandError::Stale { .. } => 10,
        CommandError::Held(_) => 11,
        CommandError::StepFailed(_) => 12,
        CommandError::TooLarge(_) => 13,
        CommandError::Busy => 14,
        CommandError::DiskFull => 15,
        CommandError::CommitUnknown => 16,
        CommandError::Stopped(_) => 17,
    }
}

impl Metrics {
    /// A step took `time`.
    pub fn step(&self, time: Duration) {
        self.steps.time(time);
    }

    /// A step panicked.
    pub fn step_failed(&self) {
        self.steps_failed.one();
    }

    /// A group of `commits` went to the journal.
    pub fn group(&self, commits: usize) {
        self.groups.add(commits as u64);
    }

    /// The index took `time` to apply a group.
    pub fn applied(&self, time: Duration) {
        self.index.time(time);
    }

    /// A timer fired `late` milliseconds after its due.
    pub fn timer(&self, late: i64) {
        self.lateness.add(u64::try_from(late).unwrap_or(0).saturating_mul(MILLI));
    }

    /// A command was answered `time` after it was sent to the writer.
    pub fn command(&self, time: Duration) {
        self.commands.time(time);
    }

    /// A command was refused.
    pub fn refused(&self, error: &CommandError) {
        self.refused[refusal(error)].one();
    }

    /// A refused event was noted in the ring.
    pub fn rejected(&self) {
        self.rejected.one();
    }

    /// A command found the queue full.
    pub fn shed(&self) {
        self.shed.one();
    }

    /// The writer's queues have these lengths now.
    pub fn lengths(&self, now: Lengths) {
        let Lengths { group, answers, timers, sends, links, due } = now;
        self.group.set(group as u64);
        self.answers.set(answers as u64);
        self.timers.set(timers as u64);
        self.sends.set(sends as u64);
        self.links.set(links as u64);
        self.due.store(due.map_or(i64::MAX, Instant::millis), Ordering::Relaxed);
    }

    fn writer(&self, text: &mut Text) {
        text.family(families::COMMAND_SECONDS).histogram(&[], &self.commands);
        text.family(families::STEP_SECONDS).histogram(&[], &self.steps);
        text.single(families::STEPS_FAILED, self.steps_failed.get());
        text.single(families::GROUPS, self.groups.count());
        text.single(families::COMMITS, self.groups.sum());
        text.family(families::GROUP_COMMITS).histogram(&[], &self.groups);
        text.family(families::INDEX_APPLY_SECONDS).histogram(&[], &self.index);
        text.single(families::TIMERS, self.lateness.count());
        text.family(families::TIMER_LATENESS_SECONDS).histogram(&[], &self.lateness);
        text.family(families::REFUSED);
        for (code, count) in REFUSALS.iter().zip(&self.refused) {
            text.sample(&[code], count.get());
        }
        text.single(families::SHED, self.shed.get());
        text.single(families::REJECTED, self.rejected.get());
    }
}

/// How many wait in one of the engine's queues, and how many may.
pub type Waiting = (Queue, u64, Option<u64>);

/// The engine in numbers, since the start of the process, as people read them.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// Position of the last published commit.
    pub position: u64,
    /// How long the earliest timer has been due, in seconds.
    pub overdue_seconds: f64,
    /// From a command's place in the writer's queue to its answer, in seconds.
    pub commands: Seen,
    /// Time to compute one commit, in seconds.
    pub steps: Seen,
    /// Time of one sync of the journal, in seconds.
    pub syncs: Option<Seen>,
    /// Time to apply a group to the index, in seconds.
    pub applied: Seen,
    /// From a timer's due to its firing, in seconds.
    pub lateness: Seen,
    /// Commits of a group.
    pub groups: Seen,
    /// Commands that were refused, by problem code; codes without any are left out.
    pub refused: Vec<(&'static str, u64)>,
    /// Commands that found the queue full.
    pub shed: u64,
    /// Steps that panicked.
    pub steps_failed: u64,
    /// Bytes of the journal's text and files that it is divided into.
    pub journal: Option<(u64, u64)>,
    /// Bytes that the journal's disk has left.
    pub free_bytes: Option<u64>,
    /// Bytes of the index's files.
    pub index_bytes: Option<u64>,
}

impl Engine {
    /// What the engine, its journal and its index are measured by.
    pub fn numbers(&self) -> Numbers {
        let metrics = &self.shared.metrics;
        let journal = self.shared.journal.measures();
        let refused = REFUSALS.iter().zip(&metrics.refused).map(|(code, count)| (*code, count.get()));
        Numbers {
            position: self.position(),
            overdue_seconds: self.overdue_seconds(),
            commands: metrics.commands.seen(),
            steps: metrics.steps.seen(),
            syncs: journal.map(|journal| journal.meter.syncs.seen()),
            applied: metrics.index.seen(),
            lateness: metrics.lateness.seen(),
            groups: metrics.groups.seen(),
            refused: refused.filter(|(_, count)| *count > 0).collect(),
            shed: metrics.shed.get(),
            steps_failed: metrics.steps_failed.get(),
            journal: journal.map(|journal| (journal.bytes, journal.segments)),
            free_bytes: journal.and_then(|journal| journal.free_bytes),
            index_bytes: self.shared.index.measures().map(|index| index.bytes),
        }
    }

    /// What waits in the engine.
    pub fn waiting(&self) -> Vec<Waiting> {
        let metrics = &self.shared.metrics;
        let writer = (self.queue.max_capacity() - self.queue.capacity()) as u64;
        let index = self.shared.index.measures();
        let mut waiting = vec![
            (Queue::Writer, writer, Some(self.queue.max_capacity() as u64)),
            (Queue::Group, metrics.group.get(), Some(GROUP_COMMITS_MAX as u64)),
            (Queue::Answers, metrics.answers.get(), None),
            (Queue::Timers, metrics.timers.get(), None),
            (Queue::Sends, metrics.sends.get(), None),
            (Queue::Links, metrics.links.get(), None),
        ];
        waiting.extend(index.map(|index| (Queue::Index, index.backlog, Some(index.backlog_max))));
        waiting
    }

    /// Writes what the engine, its journal and its index are measured by.
    pub fn measure(&self, text: &mut Text) {
        let shared = &self.shared;
        text.single(families::OVERDUE, self.overdue_seconds());
        shared.metrics.writer(text);
        text.single(families::POSITION, self.position());
        if let Some(journal) = shared.journal.measures() {
            text.family(families::GROUP_BYTES).histogram(&[], &journal.meter.bytes);
            text.family(families::SYNC_SECONDS).histogram(&[], &journal.meter.syncs);
            text.single(families::JOURNAL_BYTES, journal.bytes);
            text.single(families::JOURNAL_SEGMENTS, journal.segments);
            if let Some(free) = journal.free_bytes {
                text.single(families::DISK_FREE_BYTES, free);
            }
        }
        if let Some(index) = shared.index.measures() {
            text.single(families::INDEX_BYTES, index.bytes);
        }
        text.family(families::INSTANCES);
        for ((workflow, state), count) in self.census() {
            text.sample(&[&workflow, &state], count);
        }
    }

    fn overdue_seconds(&self) -> f64 {
        let due = self.shared.metrics.due.load(Ordering::Relaxed);
        let late = self.now().millis().saturating_sub(due).max(0);
        if due == i64::MAX { 0.0 } else { late as f64 / 1e3 }
    }

    /// Whether the engine takes commands.
    pub fn is_ready(&self) -> bool {
        self.readiness() == Readiness::Ready
    }
}
