//! Tests of power cuts: whatever part of the unsynced writes survives, nothing acknowledged is lost.
//!
//! `CAREFLOW_TEST_SCALE` multiplies the number of seeds, `CAREFLOW_POWER_SEED` runs one alone.

use tempfile::TempDir;

use super::*;
use crate::journal::disk::simulated::{Fault, SimulatedDisks};
use crate::journal::samples::Story;
use crate::seeded::{Dice, each_seed};

/// Small enough that a life of some cuts passes over several segments.
const TINY: Options = Options { segment_bytes: 5 * 1024, fill_bytes: 1024, sync: Sync::EveryGroup };
/// Cuts of one seed, one after the other on the same journal.
const CUTS: u64 = 5;
/// Seeds of the usual size: 1,000 cuts.
const SEEDS: u64 = 200;

/// A journal's directory, and what is known of what it must hold.
struct Life {
    dice: Dice,
    disks: SimulatedDisks,
    dir: TempDir,
    /// Every commit that stands, and after them those of the group whose answer was not seen.
    sent: Vec<Commit>,
    /// The story after each of them, and before the first.
    stories: Vec<Story>,
    /// How many are acknowledged.
    acknowledged: usize,
    /// Whether the last thing known of the journal is a clean stop.
    closed: bool,
    seen: Seen,
}

/// How often what the cuts are about came to pass.
#[derive(Debug, Default)]
struct Seen {
    /// Openings after which something was cut.
    cut: usize,
    /// Openings that kept commits nobody was told of.
    kept: usize,
    /// Openings after a clean stop.
    clean: usize,
    /// Openings that the power ended.
    unopened: usize,
    /// Sealed segments at the end.
    sealed: usize,
}

/// How a process ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It could not go on: the power is off.
    Off,
    /// It stopped by itself, and the power is cut while nothing runs.
    Stopped,
}

impl Life {
    fn of(seed: u64) -> Self {
        let (disks, dir) = (SimulatedDisks::default(), tempfile::tempdir().unwrap());
        let stories = vec![Story::default()];
        let dice = Dice::of(seed);
        Self {
            dice,
            disks,
            dir,
            sent: Vec::new(),
            stories,
            acknowledged: 0,
            closed: false,
            seen: Seen::default(),
        }
    }

    /// Opens the journal and checks it; none where the power went off meanwhile.
    fn open(&mut self) -> Option<FileJournal> {
        let applied = match self.dice.one_in(2) {
            true => 0,
            false => self.dice.below(self.acknowledged as u64 + 1),
        };
        match FileJournal::open_on(Box::new(self.disks.clone()), self.dir.path(), TINY, applied) {
            Ok((journal, opened)) => {
                self.check(&journal, &opened);
                Some(journal)
            }
            Err(OpenError::Io { .. }) if self.disks.is_off() => {
                self.seen.unopened += 1;
                None
            }
            Err(other) => panic!("not opened after a power cut: {other}"),
        }
    }

    /// What stands is what was sent: all that is acknowledged, and a leading part of the last group.
    fn check(&mut self, journal: &FileJournal, opened: &Opened) {
        let last = usize::try_from(opened.last).unwrap();
        assert!(last >= self.acknowledged, "{} acknowledged, {last} kept", self.acknowledged);
        assert!(last <= self.sent.len(), "{last} kept, though only {} were sent", self.sent.len());
        if let Some(cut) = &opened.cut {
            assert!(!self.closed, "cut after a clean stop: {cut:?}");
            assert_eq!(cut.from, opened.last + 1);
        }
        assert!(!self.closed || opened.clean, "a clean stop is not known as one");
        self.seen.cut += usize::from(opened.cut.is_some());
        self.seen.kept += usize::from(last > self.acknowledged);
        self.seen.clean += usize::from(self.closed);
        let read = run(journal.read(1, usize::MAX)).unwrap();
        assert_eq!(read.len(), last);
        for (i, (position, commit)) in read.iter().enumerate() {
            assert_eq!(*position, i as u64 + 1, "positions are dense");
            assert!(same(commit, &self.sent[i]), "position {position} is not what was sent");
        }
        let tail = self.sent[..last].iter().fold(crate::kernel::hash::Hash::ZERO, |chain, commit| {
            crate::journal::line::chain(&chain, commit.entries.iter().map(|stored| stored.hash))
        });
        assert_eq!(run(journal.tail()).unwrap().chain, tail);
        self.sent.truncate(last);
        self.stories.truncate(last + 1);
        self.acknowledged = last;
    }

    /// Appends until the power goes off, or until the dice end it cleanly.
    fn write(&mut self, journal: &FileJournal) -> End {
        for _ in 0..self.dice.below(40) {
            self.closed = false;
            let after = self.sent.len() as u64;
            let from = self.sent.len();
            for _ in 0..=self.dice.below(4) {
                let mut story = self.stories.last().unwrap().clone();
                self.sent.push(story.many(1).remove(0));
                self.stories.push(story);
            }
            match run(journal.append(Fence { epoch: 1, after }, &self.sent[from..])) {
                Ok(last) => {
                    assert_eq!(last, self.sent.len() as u64);
                    self.acknowledged = self.sent.len();
                }
                Err(AppendError::Unknown(_)) if self.disks.is_off() => return End::Off,
                Err(other) => panic!("an append ended in {other}"),
            }
        }
        match self.dice.one_in(2) {
            false => End::Stopped,
            true => match run(journal.close()) {
                Ok(()) => {
                    self.closed = true;
                    End::Stopped
                }
                Err(ReadError::Io(_)) if self.disks.is_off() => End::Off,
                Err(other) => panic!("the clean stop ended in {other}"),
            },
        }
    }

    fn cut_once(&mut self) {
        // Early moments are the openings, later ones any part of an append, a roll or the stop.
        let reach = [8, 60, 150][self.dice.index(3)];
        self.disks.fail_after(self.dice.below(reach), Fault::PowerOff);
        if let Some(journal) = self.open() {
            self.write(&journal);
            // Else the next process opens what this one left, without a cut between them.
            if self.dice.one_in(4) && !self.disks.is_off() {
                drop(journal);
                let journal = self.open();
                if let Some(journal) = journal {
                    self.write(&journal);
                }
            }
        }
        self.disks.cut(self.dir.path(), &mut self.dice);
    }

    fn finish(mut self) -> Seen {
        let journal = self.open().expect("the power is on");
        let report = run(journal.verify(|_| ())).unwrap();
        assert!(report.is_sound(), "{report:?}");
        self.seen.sealed = journal.store.segments().sealed.len();
        self.seen
    }
}

fn same(one: &Commit, other: &Commit) -> bool {
    let text = |commit: &Commit| -> Vec<(String, crate::kernel::hash::Hash)> {
        commit.entries.iter().map(|stored| (stored.entry.to_string(), stored.hash)).collect()
    };
    text(one) == text(other) && one.private == other.private
}

fn run<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

fn live(seed: u64, prepare: impl Fn(&SimulatedDisks)) -> Seen {
    let mut life = Life::of(seed);
    prepare(&life.disks);
    if life.dice.one_in(4) {
        life.disks.set_write_bytes_max(Some(1 + life.dice.index(700)));
    }
    for _ in 0..CUTS {
        life.cut_once();
    }
    life.finish()
}

#[test]
fn no_power_cut_loses_what_was_acknowledged() {
    each_seed("CAREFLOW_POWER_SEED", SEEDS, |seed| {
        live(seed, |_| ());
    });
}

#[test]
fn a_disk_whose_syncs_do_nothing_is_caught() {
    let caught = |seed| std::panic::catch_unwind(|| live(seed, SimulatedDisks::lie)).is_err();
    let found = (0..20).filter(|seed| caught(*seed)).count();
    assert!(found >= 15, "only {found} of 20 lives with a lying disk failed");
}

#[test]
fn the_cuts_reach_what_they_are_meant_to() {
    let mut all = Seen::default();
    for seed in 0..120 {
        let seen = live(seed, |_| ());
        all.cut += seen.cut;
        all.kept += seen.kept;
        all.clean += seen.clean;
        all.unopened += seen.unopened;
        all.sealed += seen.sealed;
    }
    let Seen { cut, kept, clean, unopened, sealed } = all;
    assert!([cut, kept, clean, unopened, sealed].iter().all(|times| *times >= 10), "{all:?}");
}
