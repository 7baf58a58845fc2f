//! Owns what is counted about the writer, in Prometheus' names and text form.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters and sums since the start of the process.
#[derive(Debug, Default)]
pub struct Metrics {
    steps: AtomicU64,
    step_nanos: AtomicU64,
    failed: AtomicU64,
    groups: AtomicU64,
    commits: AtomicU64,
    timers: AtomicU64,
    lateness_millis: AtomicU64,
    refused: AtomicU64,
    shed: AtomicU64,
}

fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

impl Metrics {
    /// A step took `time`.
    pub fn step(&self, time: Duration) {
        add(&self.steps, 1);
        add(&self.step_nanos, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// A step panicked.
    pub fn step_failed(&self) {
        add(&self.failed, 1);
    }

    /// A group of `commits` went to the journal.
    pub fn group(&self, commits: usize) {
        add(&self.groups, 1);
        add(&self.commits, commits as u64);
    }

    /// A timer fired `late` milliseconds after its due.
    pub fn timer(&self, late: i64) {
        add(&self.timers, 1);
        add(&self.lateness_millis, u64::try_from(late).unwrap_or(0));
    }

    /// A command was refused.
    pub fn refused(&self) {
        add(&self.refused, 1);
    }

    /// A command found the queue full.
    pub fn shed(&self) {
        add(&self.shed, 1);
    }

    /// The counters in Prometheus text form.
    pub fn text(&self) -> String {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let rows = [
            ("careflow_steps_total", "Steps computed.", get(&self.steps)),
            ("careflow_step_nanoseconds_total", "Time spent in steps.", get(&self.step_nanos)),
            ("careflow_steps_failed_total", "Steps that panicked in workflow code.", get(&self.failed)),
            ("careflow_groups_total", "Groups written and synced.", get(&self.groups)),
            ("careflow_commits_total", "Commits written.", get(&self.commits)),
            ("careflow_timers_total", "Timers fired.", get(&self.timers)),
            (
                "careflow_timer_lateness_milliseconds_total",
                "Sum of the time between a timer's due and its firing.",
                get(&self.lateness_millis),
            ),
            ("careflow_refused_total", "Commands refused.", get(&self.refused)),
            ("careflow_shed_total", "Commands that found the queue full.", get(&self.shed)),
        ];
        let mut text = String::new();
        for (name, help, value) in rows {
            // Writing to a String does not fail.
            writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}").ok();
        }
        text
    }
}
