//! What a history must come to: what was answered, compared with what the journal holds.

use std::collections::BTreeMap;

use super::play::Play;
use super::told::Told;
use super::*;
use crate::journal::Commit;

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
    /// How many askings of this life have no answer yet.
    pub under_way: u32,
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
    pub firings: u64,
    /// How often the clock was set back.
    pub turned_back: u64,
    /// Of every entry its instance, sequence, event and moment, in order.
    pub story: Option<Hash>,
}

impl Seen {
    pub fn each(&self) -> [u64; 16] {
        let Self { done, refused, replayed, reused, stale, full, stopped, unknown, .. } = *self;
        let Self { timers, sends, children, crashes, torn, index_failed, firings, turned_back, .. } = *self;
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
            firings,
            turned_back,
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
        self.firings += other.firings;
        self.turned_back += other.turned_back;
    }
}

impl Model {
    /// Whoever waited for an answer is gone.
    pub fn crash(&mut self) {
        self.seen.crashes += 1;
        self.sent.values_mut().for_each(|sent| sent.under_way = 0);
    }

    /// Compares all that was answered with the journal at the end, once nothing is due any more at `end`.
    pub fn judge(&mut self, journal: &[(Position, Commit)], play: Play, end: Instant) {
        let mut told = Told::default();
        for (i, (position, commit)) in journal.iter().enumerate() {
            assert_eq!(*position, i as u64 + 1, "positions are dense");
            for stored in &commit.entries {
                let entry = stored.verify().unwrap();
                let what =
                    format!("{} {} {} {:?}", entry.instance, entry.seq, entry.event, entry.recorded_at);
                let before = self.seen.story.unwrap_or(Hash::ZERO);
                self.seen.story = Some(Hash::of(&[before.bytes(), what.as_bytes()]));
                told.take(*position, entry, matches!(play, Play::Probe(_)));
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
        told.finish(end);
        (self.seen.timers, self.seen.sends) = (told.fired, told.sends.len() as u64);
        (self.seen.children, self.seen.firings) = (told.children.len() as u64, told.firings);
    }
}
