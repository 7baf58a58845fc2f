//! What a history must come to: what was answered, compared with what the journal holds.

use std::collections::BTreeMap;

use super::*;
use crate::journal::Commit;
use crate::kernel::entry::Cause;

/// What is known of a command by its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Not asked yet.
    Fresh,
    /// Asked, and not told anything certain.
    Open,
    /// Done, as this entry.
    Done { instance: InstanceId, seq: u64, position: Position },
    /// Refused with nothing done.
    Refused,
}

/// A command as it was first sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub command: Command,
    pub fate: Fate,
    /// How often it was asked, answers or not.
    pub asked: u32,
}

/// Every command by its request id, and the instances that clients know of.
#[derive(Default)]
pub struct Model {
    pub sent: BTreeMap<String, Sent>,
    pub known: Vec<InstanceId>,
    pub seen: Seen,
}

/// How often what a history is about came to pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub done: u64,
    pub refused: u64,
    pub replayed: u64,
    pub reused: u64,
    pub stale: u64,
    pub full: u64,
    pub stopped: u64,
    pub unknown: u64,
    pub timers: u64,
    pub sends: u64,
    pub children: u64,
    pub crashes: u64,
    pub torn: u64,
    pub index_failed: u64,
    /// Of every entry its instance, sequence, event and moment, in order.
    pub story: Option<Hash>,
}

impl Seen {
    pub fn each(&self) -> [u64; 14] {
        let Self { done, refused, replayed, reused, stale, full, stopped, unknown, .. } = *self;
        let Self { timers, sends, children, crashes, torn, index_failed, .. } = *self;
        [
            done,
            refused,
            replayed,
            reused,
            stale,
            full,
            stopped,
            unknown,
            timers,
            sends,
            children,
            crashes,
            torn,
            index_failed,
        ]
    }

    pub fn add(&mut self, other: &Self) {
        self.done += other.done;
        self.refused += other.refused;
        self.replayed += other.replayed;
        self.reused += other.reused;
        self.stale += other.stale;
        self.full += other.full;
        self.stopped += other.stopped;
        self.unknown += other.unknown;
        self.timers += other.timers;
        self.sends += other.sends;
        self.children += other.children;
        self.crashes += other.crashes;
        self.torn += other.torn;
        self.index_failed += other.index_failed;
    }
}

impl Model {
    /// Compares all that was answered with the journal at the end, once nothing is due any more.
    pub fn judge(&mut self, journal: &[(Position, Commit)]) {
        let mut told = Told::default();
        for (i, (position, commit)) in journal.iter().enumerate() {
            assert_eq!(*position, i as u64 + 1, "positions are dense");
            for stored in &commit.entries {
                let entry = stored.verify().unwrap();
                let what =
                    format!("{} {} {} {:?}", entry.instance, entry.seq, entry.event, entry.recorded_at);
                let before = self.seen.story.unwrap_or(Hash::ZERO);
                self.seen.story = Some(Hash::of(&[before.bytes(), what.as_bytes()]));
                told.take(*position, entry);
            }
        }
        for (request, sent) in &self.sent {
            let entries = told.requests.remove(request).unwrap_or_default();
            match &sent.fate {
                Fate::Done { instance, seq, position } => {
                    let expected = (instance.clone(), *seq, *position);
                    assert_eq!(entries, [expected], "{request} was acknowledged");
                }
                Fate::Fresh | Fate::Refused => {
                    assert!(entries.is_empty(), "{request} was refused: {entries:?}");
                }
                Fate::Open => assert!(entries.len() <= 1, "{request} stands twice: {entries:?}"),
            }
        }
        assert!(told.requests.is_empty(), "nobody sent {:?}", told.requests);
        told.finish();
        (self.seen.timers, self.seen.sends) = (told.fired, told.sends.len() as u64);
        self.seen.children = told.children.len() as u64;
    }
}

/// What the journal tells, read without the engine's own code.
#[derive(Default)]
struct Told {
    requests: BTreeMap<String, Vec<(InstanceId, u64, Position)>>,
    seqs: BTreeMap<InstanceId, u64>,
    /// Armed timers: instance, name, due.
    armed: BTreeMap<(InstanceId, String), Instant>,
    fired: u64,
    sends: BTreeMap<(InstanceId, u32), u32>,
    children: Vec<InstanceId>,
}

impl Told {
    fn take(&mut self, position: Position, entry: Entry) {
        let id = entry.instance.clone();
        let seq = self.seqs.entry(id.clone()).or_default();
        *seq += 1;
        assert_eq!(*seq, entry.seq, "sequences of {id} are dense");
        if let (Some(request), None) = (&entry.request_id, &entry.cause) {
            let at = (id.clone(), entry.seq, position);
            self.requests.entry(request.clone()).or_default().push(at);
        }
        if let Some(Cause::Timer { timer, due, .. }) = &entry.cause {
            let armed = self.armed.remove(&(id.clone(), timer.clone()));
            assert_eq!(armed, Some(*due), "`{timer}` of {id} fired as it was not armed");
            assert!(entry.recorded_at >= *due, "`{timer}` of {id} fired before its due");
            self.fired += 1;
        }
        if let Some(Cause::Send { from, number }) = &entry.cause {
            let sent = self.sends.get_mut(&(from.clone(), *number)).expect("nobody sent it");
            *sent += 1;
        }
        for effect in entry.effects {
            match effect {
                Effect::Arm { timer, due, .. } => {
                    self.armed.insert((id.clone(), timer), due);
                }
                Effect::Send(send) => {
                    let before = self.sends.insert((id.clone(), send.number), 0);
                    assert_eq!(before, None, "{id} used the number of a send twice");
                }
                Effect::Spawn(spawn) => self.children.extend(spawn.child),
                Effect::Cancel { .. }
                | Effect::DropPending { .. }
                | Effect::Park { .. }
                | Effect::Notify(_)
                | Effect::Task(_)
                | Effect::Count { .. } => {}
            }
        }
    }

    fn finish(&self) {
        assert!(self.armed.is_empty(), "due timers did not fire: {:?}", self.armed);
        for (send, delivered) in &self.sends {
            assert_eq!(*delivered, 1, "send {send:?} has that many ends");
        }
        for child in &self.children {
            assert_eq!(self.seqs.get(child), Some(&1), "child {child} has that many entries");
        }
    }
}
