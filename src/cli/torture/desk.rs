//! Owns what the clients of a round share: where the server is, what it publishes, what they did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

use super::history::Record;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::time::{TimeSource as _, WallTime};

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which start of it, from 1.
    pub life: u32,
    /// Its address.
    pub address: String,
}

/// How much was answered so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Commands carried out.
    pub done: u64,
    /// Commands refused by a full disk.
    pub full: u64,
    /// Requests that a stopped writer refused, or whose outcome it does not know.
    pub stopped: u64,
}

/// A workflow as it is published.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// The event that starts an instance.
    pub start: String,
    /// JSON Schema of each event's payload.
    pub schemas: BTreeMap<String, Value>,
    /// Its states.
    pub states: Vec<String>,
}

/// An instance that clients know of.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its id.
    pub id: InstanceId,
    /// Its workflow.
    pub workflow: String,
    /// Its sequence when it was last looked at.
    pub seq: u64,
    /// The events that it accepted then.
    pub accepted: Vec<String>,
}

/// The server's clock, as the torture sets it: while it is set, either of two moments may be what it shows.
#[derive(Debug, Default)]
pub struct Clock {
    was_ahead_ms: AtomicI64,
    ahead_ms: AtomicI64,
    ceiling_ms: AtomicI64,
}

impl Clock {
    /// A moment that the server's clock is not behind.
    pub fn floor(&self) -> Instant {
        let (one, other) = self.moments();
        one.min(other)
    }

    /// The latest moment that it may ever have shown.
    pub fn ceiling(&self) -> Instant {
        let (one, other) = self.moments();
        let now = one.max(other).millis();
        Instant::from_millis(self.ceiling_ms.fetch_max(now, Ordering::SeqCst).max(now))
    }

    fn moments(&self) -> (Instant, Instant) {
        let now = WallTime.now();
        let ahead = |by: &AtomicI64| now.plus_millis(by.load(Ordering::SeqCst));
        (ahead(&self.was_ahead_ms), ahead(&self.ahead_ms))
    }

    /// It is about to be set to so much ahead of the machine's.
    pub fn sets(&self, ahead_ms: i64) {
        self.ceiling();
        self.ahead_ms.store(ahead_ms, Ordering::SeqCst);
        self.ceiling();
    }

    /// It is set.
    pub fn is_set(&self) {
        self.ceiling();
        self.was_ahead_ms.store(self.ahead_ms.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

/// What clients share.
pub struct Desk {
    /// The server; absent while there is none.
    pub place: watch::Sender<Option<Place>>,
    /// Whether clients are to end.
    pub over: watch::Sender<bool>,
    /// What was answered so far.
    pub counts: watch::Sender<Counts>,
    /// The server's clock.
    pub clock: Clock,
    /// The workflows.
    pub flows: Vec<Flow>,
    /// The people, who are the clients.
    pub people: Vec<String>,
    /// The customers.
    pub customers: Vec<String>,
    cases: Mutex<Vec<Case>>,
    records: Mutex<Vec<Record>>,
    ticks: AtomicU64,
}

impl Desk {
    /// A desk for `people` who serve `customers`.
    pub fn new(people: Vec<String>, customers: Vec<String>, flows: Vec<Flow>) -> Self {
        Self {
            place: watch::Sender::new(None),
            over: watch::Sender::new(false),
            counts: watch::Sender::new(Counts::default()),
            clock: Clock::default(),
            flows,
            people,
            customers,
            cases: Mutex::default(),
            records: Mutex::default(),
            ticks: AtomicU64::new(1),
        }
    }

    /// The next moment in the order of what happens.
    pub fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    /// The cases that are known.
    pub fn cases(&self) -> MutexGuard<'_, Vec<Case>> {
        // A case is pushed or replaced whole.
        self.cases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a case, or of what it accepts now.
    pub fn know(&self, case: Case) {
        let mut cases = self.cases();
        match cases.iter_mut().rev().find(|known| known.id == case.id) {
            Some(known) if known.seq <= case.seq => *known = case,
            Some(_) => {}
            None => cases.push(case),
        }
    }

    /// Adds a record.
    pub fn note(&self, record: Record) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    /// Every record, in the order in which they ended.
    pub fn take_records(&self) -> Vec<Record> {
        std::mem::take(&mut *self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A workflow by its name.
    pub fn flow(&self, name: &str) -> Option<&Flow> {
        self.flows.iter().find(|flow| flow.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 3_600_000;

    #[test]
    fn while_the_clock_is_set_forward_it_may_show_either_moment() {
        let clock = Clock::default();
        clock.sets(DAY_MS);
        assert!(clock.ceiling().since(clock.floor()) > DAY_MS / 2);
        clock.is_set();
        assert!(clock.ceiling().since(clock.floor()) < DAY_MS / 2);
    }

    #[test]
    fn what_the_clock_showed_before_it_was_set_back_stays_its_ceiling() {
        let clock = Clock::default();
        clock.sets(-DAY_MS);
        clock.is_set();
        assert!(clock.ceiling().since(clock.floor()) > DAY_MS / 2);
    }
}
