//! Tests of a disk that fails at any one operation or at any byte, manifest and names included.

use tempfile::TempDir;

use super::*;
use crate::journal::disk::simulated::{Fault, SimulatedDisks};
use crate::journal::samples::Story;
use crate::seeded::{Dice, scale};

/// Segments of a few groups each.
const TINY: Options = Options { segment_bytes: 1536, fill_bytes: 256, sync: Sync::EveryGroup };
/// Appends of one run: several segments.
const APPENDS: u64 = 5;
/// Commits of one append: a single one is written by whoever appends it, more by the thread.
const GROUPS: [usize; 2] = [1, 2];

struct Rig {
    disks: SimulatedDisks,
    dir: TempDir,
    story: Story,
    last: Position,
}

impl Rig {
    fn new() -> Self {
        let (disks, dir) = (SimulatedDisks::default(), tempfile::tempdir().unwrap());
        Self { disks, dir, story: Story::default(), last: 0 }
    }

    fn open(&self) -> Result<FileJournal, OpenError> {
        FileJournal::open_simulated(&self.disks, self.dir.path(), TINY)
    }

    async fn append(&mut self, journal: &FileJournal, group: &[Commit]) -> Result<(), AppendError> {
        self.last = journal.append(Fence { epoch: 1, after: self.last }, group).await?;
        Ok(())
    }

    /// Cuts the power and opens what is left.
    async fn after_a_cut(&self, seed: u64) -> Position {
        self.disks.cut(self.dir.path(), &mut Dice::of(seed));
        let journal = self.open().unwrap();
        let report = journal.verify(|_| ()).await.unwrap();
        assert!(report.is_sound(), "{report:?}");
        report.last
    }
}

/// Operations of opening, appending and closing without a fault.
async fn operations(size: usize) -> u64 {
    let mut rig = Rig::new();
    let journal = rig.open().unwrap();
    for _ in 0..APPENDS {
        let group = rig.story.many(size);
        rig.append(&journal, &group).await.unwrap();
    }
    journal.close().await.unwrap();
    rig.disks.operations()
}

#[tokio::test]
async fn an_error_of_any_one_operation_stops_the_journal_and_loses_nothing() {
    for size in GROUPS {
        for at in 0..operations(size).await {
            fail_at(at, size).await;
        }
    }
}

/// Appends groups of `size` while operation `at` fails, and looks at what is left.
async fn fail_at(at: u64, size: usize) {
    let mut rig = Rig::new();
    rig.disks.fail_after(at, Fault::Io);
    let Ok(journal) = rig.open() else { return };
    let mut stopped = None;
    for _ in 0..APPENDS {
        let group = rig.story.many(size);
        match rig.append(&journal, &group).await {
            Ok(()) => assert!(stopped.is_none(), "operation {at}: it went on after {stopped:?}"),
            Err(AppendError::Unknown(reason)) => {
                let asked = rig.disks.operations();
                // Whatever is asked of the disk after a failed sync could be taken for its success.
                assert_eq!(*stopped.get_or_insert(asked), asked, "operation {at} after `{reason}`");
            }
            Err(other) => panic!("operation {at} ended in {other}"),
        }
    }
    let closed = journal.close().await;
    assert!(stopped.is_none() || closed.is_err(), "operation {at}: closed as if nothing had been");
    drop(journal);
    let found = rig.after_a_cut(at).await;
    let most = rig.last + if stopped.is_some() { size as u64 } else { 0 };
    assert!((rig.last..=most).contains(&found), "operation {at}: {} acknowledged, {found} kept", rig.last);
}

/// Appends groups of `size` until the disk is full at `capacity`; then there is room again.
async fn fill_up(capacity: u64, size: usize) {
    let mut rig = Rig::new();
    let journal = rig.open().unwrap();
    rig.disks.set_capacity(Some(capacity));
    let mut refused = None;
    for _ in 0..APPENDS {
        let group = rig.story.many(size);
        match rig.append(&journal, &group).await {
            Ok(()) => {}
            Err(AppendError::Full(_)) => {
                refused = Some(group);
                break;
            }
            Err(other) => panic!("a disk of {capacity} bytes was answered with {other}"),
        }
    }
    assert_eq!(journal.tail().await.unwrap().last, rig.last);
    rig.disks.set_capacity(None);
    if let Some(group) = refused {
        rig.append(&journal, &group).await.unwrap();
    }
    drop(journal);
    assert_eq!(rig.after_a_cut(capacity).await, rig.last, "a disk of {capacity} bytes");
}

/// The bytes of the whole journal of this test, and some more.
async fn whole_bytes(size: usize) -> u64 {
    let mut rig = Rig::new();
    let journal = rig.open().unwrap();
    for _ in 0..APPENDS {
        let group = rig.story.many(size);
        rig.append(&journal, &group).await.unwrap();
    }
    let files = std::fs::read_dir(rig.dir.path()).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>() + 64
}

#[tokio::test]
async fn a_disk_that_is_full_at_any_byte_refuses_and_goes_on_once_there_is_room() {
    // Every byte at ten times the scale; usually every eleventh, as a prime passes by no border of blocks.
    let step = if scale() >= 10 { 1 } else { 11 };
    for size in GROUPS {
        for capacity in (0..whole_bytes(size).await).step_by(step) {
            fill_up(capacity, size).await;
        }
    }
}
