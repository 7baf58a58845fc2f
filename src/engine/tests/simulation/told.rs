//! What the journal tells, read without the engine's own code, and the laws that it keeps.

use std::collections::BTreeMap;

use super::play::PERIOD_MS;
use super::*;
use crate::engine::schedule::{Firing, MISSED_COUNTED_MAX, SCHEDULE, SCHEDULE_FIRED};
use crate::kernel::entry::Cause;

/// What was told so far.
#[derive(Default)]
pub struct Told {
    /// Entries by the request that they answer.
    pub requests: BTreeMap<String, Vec<(InstanceId, u64, Position)>>,
    pub fired: u64,
    /// Sends, with how often each came to an end.
    pub sends: BTreeMap<(InstanceId, u32), u32>,
    pub children: Vec<InstanceId>,
    /// Firings of schedules.
    pub firings: u64,
    seqs: BTreeMap<InstanceId, u64>,
    /// Armed timers by instance and name: generation and due.
    armed: BTreeMap<(InstanceId, String), (u32, Instant)>,
    schedules: BTreeMap<InstanceId, Chain>,
    recorded: Instant,
}

/// The fire times of one schedule, one after the other.
#[derive(Default)]
struct Chain {
    number: u64,
    last: Option<Instant>,
    /// It was paused since: what passed meanwhile is not made up for.
    resumed: bool,
}

impl Told {
    /// Takes the next entry, `often` where schedules fire every [`PERIOD_MS`].
    pub fn take(&mut self, position: Position, entry: Entry, often: bool) {
        assert!(entry.recorded_at >= self.recorded, "recorded time goes back at {position}");
        self.recorded = entry.recorded_at;
        let id = entry.instance.clone();
        let seq = self.seqs.entry(id.clone()).or_default();
        *seq += 1;
        assert_eq!(*seq, entry.seq, "sequences of {id} are dense");
        if let (Some(request), None) = (&entry.request_id, &entry.cause) {
            let at = (id.clone(), entry.seq, position);
            self.requests.entry(request.clone()).or_default().push(at);
        }
        if let Some(Cause::Timer { timer, generation, due }) = &entry.cause {
            let armed = self.armed.remove(&(id.clone(), timer.clone()));
            assert_eq!(armed, Some((*generation, *due)), "`{timer}` of {id} fired as it was not armed");
            assert!(entry.recorded_at >= *due, "`{timer}` of {id} fired before its due");
            self.fired += 1;
        }
        if let Some(Cause::Send { from, number }) = &entry.cause {
            let sent = self.sends.get_mut(&(from.clone(), *number)).expect("nobody sent it");
            *sent += 1;
        }
        if entry.workflow == SCHEDULE {
            self.schedules.entry(id.clone()).or_default().take(&entry, often);
            self.firings += u64::from(entry.event == SCHEDULE_FIRED);
        }
        for effect in entry.effects {
            self.take_effect(&id, effect);
        }
    }

    fn take_effect(&mut self, id: &InstanceId, effect: Effect) {
        match effect {
            Effect::Arm { timer, generation, due, .. } => {
                let before = self.armed.insert((id.clone(), timer.clone()), (generation, due));
                assert!(
                    before.is_none_or(|(before, _)| before < generation),
                    "`{timer}` of {id} is armed again as it was"
                );
            }
            Effect::Cancel { timer } => {
                let before = self.armed.remove(&(id.clone(), timer.clone()));
                assert!(before.is_some(), "`{timer}` of {id} ends and did not run");
            }
            Effect::Send(send) => {
                let before = self.sends.insert((id.clone(), send.number), 0);
                assert_eq!(before, None, "{id} used the number of a send twice");
            }
            Effect::Spawn(spawn) => self.children.extend(spawn.child),
            Effect::DropPending { .. }
            | Effect::Park { .. }
            | Effect::Notify(_)
            | Effect::Task(_)
            | Effect::Count { .. } => {}
        }
    }

    /// What must hold once nothing is due any more at `now`.
    pub fn finish(&self, now: Instant) {
        let overdue: Vec<_> = self.armed.iter().filter(|(_, (_, due))| *due <= now).collect();
        assert!(overdue.is_empty(), "due timers did not fire: {overdue:?}");
        for (send, delivered) in &self.sends {
            assert_eq!(*delivered, 1, "send {send:?} has that many ends");
        }
        for child in &self.children {
            assert!(self.seqs.contains_key(child), "child {child} never began");
        }
        let mut named = self.children.clone();
        named.sort();
        named.dedup();
        assert_eq!(named.len(), self.children.len(), "a child was started twice");
    }
}

impl Chain {
    /// Each fire time is told once, in order, and none is left out.
    fn take(&mut self, entry: &Entry, often: bool) {
        self.resumed |= entry.event == "resumed";
        if entry.event != SCHEDULE_FIRED {
            return;
        }
        let firing: Firing = serde_json::from_value(entry.payload.clone().into()).unwrap();
        self.number += 1;
        assert_eq!(firing.number, self.number, "firings are numbered");
        if firing.run_by.is_some() {
            return;
        }
        let to = firing.scheduled_for;
        let from = firing.missed.map_or(to, |missed| missed.from);
        assert!(self.last.is_none_or(|last| last < from), "{from} fires again, after {:?}", self.last);
        if often {
            assert_eq!(to.millis() % PERIOD_MS, 0, "{to} is no fire time");
            let next = self.last.map(|last| last.plus_millis(PERIOD_MS)).filter(|_| !self.resumed);
            assert!(next.is_none_or(|next| next == from), "between {:?} and {from} is left out", self.last);
            let times = usize::try_from(to.since(from) / PERIOD_MS + 1).unwrap();
            let count = firing.missed.map_or(1, |missed| missed.count);
            assert_eq!(count, times.min(MISSED_COUNTED_MAX) as u64, "from {from} to {to}");
        }
        (self.last, self.resumed) = (Some(to), false);
    }
}
