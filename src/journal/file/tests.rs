//! Tests of the file journal's own promises: what a crash, a bad disk or a changed byte leads to.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::journal::disk::faulty::{Faults, FaultyDisks};
use crate::journal::manifest::{self, Manifest};
use crate::journal::samples::Story;
use crate::journal::segment;

const SMALL: Options = Options { segment_bytes: 8 * 1024, fill_bytes: 4 * 1024, sync: Sync::EveryGroup };
const FILL: u8 = segment::FILL;

/// A directory whose journal was written in groups.
struct Written {
    dir: TempDir,
    story: Story,
    last: Position,
}

/// How the journal is left.
#[derive(Clone, Copy, PartialEq)]
enum Stop {
    Clean,
    Crash,
}

impl Written {
    async fn new(options: Options, groups: &[usize], stop: Stop) -> Self {
        let mut written = Self { dir: tempfile::tempdir().unwrap(), story: Story::default(), last: 0 };
        written.more(options, groups, stop).await;
        written
    }

    async fn more(&mut self, options: Options, groups: &[usize], stop: Stop) {
        let (journal, _) = FileJournal::open(self.dir.path(), options, 0).unwrap();
        for size in groups {
            let group = self.story.many(*size);
            self.last = journal.append(Fence { epoch: 1, after: self.last }, &group).await.unwrap();
        }
        if stop == Stop::Clean {
            journal.close().await.unwrap();
        }
    }

    fn open(&self, index_applied: Position) -> Result<(FileJournal, Opened), OpenError> {
        FileJournal::open(self.dir.path(), SMALL, index_applied)
    }

    fn segment(&self, first: Position) -> PathBuf {
        self.dir.path().join(segment::name(first))
    }

    fn bytes(&self, first: Position) -> Vec<u8> {
        fs::read(self.segment(first)).unwrap()
    }

    fn put(&self, first: Position, bytes: &[u8]) {
        fs::write(self.segment(first), bytes).unwrap();
    }

    fn manifest(&self) -> Manifest {
        Manifest::read(self.dir.path()).unwrap().unwrap().unwrap()
    }

    /// The position that the opening names as damaged.
    fn damaged(&self, index_applied: Position) -> Position {
        match self.open(index_applied) {
            Err(OpenError::Damaged { position, .. }) => position,
            Err(other) => panic!("refused for another reason: {other}"),
            Ok((_, opened)) => panic!("damage was opened: {opened:?}"),
        }
    }
}

/// Where each line of a segment begins, and where the last ends.
fn starts(bytes: &[u8]) -> Vec<usize> {
    let text = &bytes[..segment::text_end(bytes) + 1];
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(i, _)| i + 1);
    std::iter::once(0).chain(ends).collect()
}

#[tokio::test]
async fn torn_last_group_is_cut_wherever_it_tore() {
    let written = Written::new(SMALL, &[1, 3], Stop::Crash).await;
    let whole = written.bytes(1);
    let starts = starts(&whole);
    // Opening syncs, which takes its time: every byte is scanned, some are opened.
    let opened_too =
        |torn: usize| starts.iter().any(|start| start.abs_diff(torn) <= 1) || torn.is_multiple_of(97);
    for torn in starts[1]..starts[4] {
        let mut bytes = whole.clone();
        bytes[torn..].fill(FILL);
        let kept = starts[2..].iter().filter(|end| **end - 1 <= torn).count() as u64 + 1;
        let scan = segment::scan(&bytes, 1, crate::kernel::hash::Hash::ZERO);
        assert_eq!(scan.last, kept, "torn at byte {torn}");
        assert_eq!(scan.bad.and_then(|bad| segment::damage(&bytes, &bad)), None, "torn at byte {torn}");
        if !opened_too(torn) {
            continue;
        }
        written.put(1, &bytes);
        let (journal, opened) = written.open(1).unwrap();
        assert_eq!(opened.last, kept, "torn at byte {torn}");
        let at_boundary = starts.contains(&torn) || starts.contains(&(torn + 1));
        assert_eq!(opened.cut.is_none(), at_boundary, "torn at byte {torn}");
        if let Some(cut) = opened.cut {
            let start = starts[usize::try_from(kept).unwrap()];
            assert_eq!((cut.from, cut.bytes), (kept + 1, (torn - start) as u64));
        }
        assert_eq!(journal.read(1, 9).await.unwrap().len() as u64, kept);
        drop(journal);
        let (_, again) = written.open(0).unwrap();
        assert_eq!((again.last, again.cut), (kept, None), "what was cut stays cut");
    }
}

#[tokio::test]
async fn lost_block_of_the_last_group_cuts_from_there_and_nothing_comes_back() {
    let mut written = Written::new(SMALL, &[1, 4], Stop::Crash).await;
    let mut bytes = written.bytes(1);
    let starts = starts(&bytes);
    bytes[starts[2] + 50..starts[3] + 50].fill(FILL);
    written.put(1, &bytes);
    let (journal, opened) = written.open(0).unwrap();
    assert_eq!((opened.last, opened.cut.map(|cut| cut.from)), (2, Some(3)));
    drop(journal);
    assert_eq!(segment::text_end(&written.bytes(1)) + 1, starts[2]);
    written.last = 2;
    written.story = Story::default();
    written.story.many(1);
    written.story.many(1);
    written.more(SMALL, &[1], Stop::Crash).await;
    let (journal, opened) = written.open(3).unwrap();
    assert_eq!((opened.last, opened.cut), (3, None));
    assert!(journal.verify(|_| ()).await.unwrap().is_sound());
}

#[tokio::test]
async fn every_changed_byte_before_the_last_group_is_refused_by_its_position() {
    let written = Written::new(SMALL, &[1, 2, 1], Stop::Crash).await;
    let whole = written.bytes(1);
    let starts = starts(&whole);
    for (line, range) in starts.windows(2).take(3).enumerate() {
        for at in (range[0]..range[1]).step_by(7).chain([range[1] - 1]) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            written.put(1, &bytes);
            assert_eq!(written.damaged(0), line as u64 + 1, "byte {at} changed");
            assert_eq!(written.bytes(1), bytes, "a refused journal is left as it is");
        }
    }
}

#[tokio::test]
async fn line_that_the_index_has_applied_is_never_cut() {
    let written = Written::new(SMALL, &[1, 3], Stop::Crash).await;
    let mut bytes = written.bytes(1);
    let at = starts(&bytes)[2] + 30;
    bytes[at] ^= 1;
    written.put(1, &bytes);
    assert_eq!(written.damaged(3), 3);
    assert_eq!(written.damaged(4), 3);
    let (_, opened) = written.open(2).unwrap();
    assert_eq!(opened.cut.map(|cut| cut.from), Some(3));
}

#[tokio::test]
async fn end_that_vanished_without_a_trace_is_refused_where_the_index_knows_it() {
    let written = Written::new(SMALL, &[1, 3], Stop::Crash).await;
    let mut bytes = written.bytes(1);
    let at = starts(&bytes)[2];
    bytes[at..].fill(FILL);
    written.put(1, &bytes);
    assert_eq!(written.damaged(4), 3);
}

#[tokio::test]
async fn nothing_is_cut_after_a_clean_stop() {
    let written = Written::new(SMALL, &[1, 3], Stop::Clean).await;
    let whole = written.bytes(1);
    let starts = starts(&whole);
    for (line, range) in starts.windows(2).take(4).enumerate() {
        let mut bytes = whole.clone();
        bytes[range[0] + 40] ^= 1;
        written.put(1, &bytes);
        assert_eq!(written.damaged(0), line as u64 + 1);
    }
    written.put(1, &whole);
    let (_, opened) = written.open(0).unwrap();
    assert_eq!(opened, Opened { last: 4, clean: true, cut: None });
}

#[tokio::test]
async fn journal_goes_on_after_a_clean_stop_and_tells_the_next_crash_from_it() {
    let mut written = Written::new(SMALL, &[2], Stop::Clean).await;
    written.more(SMALL, &[2], Stop::Crash).await;
    let (journal, opened) = written.open(0).unwrap();
    assert_eq!(opened, Opened { last: 4, clean: false, cut: None });
    assert_eq!(journal.read(1, 9).await.unwrap().len(), 4);
    assert!(journal.verify(|_| ()).await.unwrap().is_sound());
    drop(journal);
    let mut bytes = written.bytes(1);
    let last = starts(&bytes)[4];
    bytes[last + 9] ^= 1;
    written.put(1, &bytes);
    assert_eq!(written.open(0).unwrap().1.cut.unwrap().from, 4);
}

#[tokio::test]
async fn zero_bytes_after_the_end_are_no_loss() {
    let written = Written::new(SMALL, &[2], Stop::Crash).await;
    let mut bytes = written.bytes(1);
    bytes.extend_from_slice(&[0; 5000]);
    written.put(1, &bytes);
    let (_, opened) = written.open(2).unwrap();
    assert_eq!((opened.last, opened.cut), (2, None));
    assert!(written.bytes(1).ends_with(&[FILL; 5000]));
}

#[tokio::test]
async fn segments_follow_each_other_and_are_listed_when_sealed() {
    let written = Written::new(SMALL, &[7; 12], Stop::Crash).await;
    let manifest = written.manifest();
    assert!(manifest.sealed.len() > 3);
    for sealed in &manifest.sealed {
        let bytes = written.bytes(sealed.first);
        assert_eq!(bytes.len() as u64, sealed.bytes);
        assert!(bytes.len() <= 8 * 1024 && bytes.ends_with(b"}\n") && !bytes.ends_with(b"\n\n"));
    }
    let (journal, opened) = written.open(0).unwrap();
    assert_eq!(opened.last, 84);
    let positions: Vec<Position> = journal.read(1, 500).await.unwrap().iter().map(|row| row.0).collect();
    assert_eq!(positions, (1..=84).collect::<Vec<_>>());
    for position in [1, 42, 84] {
        assert_eq!(journal.get(&[position]).await.unwrap()[0].0, position);
    }
}

#[tokio::test]
async fn changed_byte_of_a_sealed_segment_is_never_served_and_found_by_scrub() {
    let large = Written::new(Options { segment_bytes: 200 * 1024, ..SMALL }, &[40; 8], Stop::Crash).await;
    let mut changed = large.bytes(1);
    // Far enough from the segment's end that the opening does not see it.
    let line = starts(&changed)[2];
    assert!(changed.len() > 100 * 1024 && changed.len() - line > 64 * 1024);
    changed[line + 300] ^= 4;
    large.put(1, &changed);
    let (journal, _) = large.open(0).unwrap();
    for damaged in [journal.get(&[3]).await, journal.read(1, 10).await] {
        assert!(matches!(damaged, Err(ReadError::Damaged { position: 3, .. })));
    }
    assert_eq!(journal.get(&[2, 4]).await.unwrap().len(), 2);
    let scrubbed = journal.scrub(64 * 1024).await;
    assert!(matches!(scrubbed, Err(ReadError::Damaged { position: 3, .. })));
}

#[tokio::test]
async fn scrub_goes_round_all_sealed_segments() {
    let written = Written::new(SMALL, &[7; 12], Stop::Crash).await;
    let (journal, _) = written.open(0).unwrap();
    let total: u64 = written.manifest().sealed.iter().map(|sealed| sealed.bytes).sum();
    for _ in 0..2 {
        let mut done = 0;
        loop {
            let scrubbed = journal.scrub(1).await.unwrap();
            done += scrubbed.bytes;
            if scrubbed.round_done {
                break;
            }
        }
        assert_eq!(done, total);
    }
}

#[tokio::test]
async fn changed_byte_of_the_active_segment_is_never_served() {
    let written = Written::new(SMALL, &[1, 1, 1], Stop::Crash).await;
    let (journal, _) = written.open(0).unwrap();
    let mut bytes = written.bytes(1);
    let at = starts(&bytes)[1] + 200;
    bytes[at] ^= 2;
    written.put(1, &bytes);
    assert!(matches!(journal.get(&[2]).await, Err(ReadError::Damaged { position: 2, .. })));
    assert_eq!(journal.get(&[1, 3]).await.unwrap().len(), 2);
}

#[tokio::test]
async fn missing_or_shortened_segment_is_damage_by_its_position() {
    let written = Written::new(SMALL, &[7; 12], Stop::Crash).await;
    let manifest = written.manifest();
    let second = &manifest.sealed[1];
    let bytes = written.bytes(second.first);
    written.put(second.first, &bytes[..bytes.len() - 10]);
    assert_eq!(written.damaged(0), second.last);
    fs::remove_file(written.segment(second.first)).unwrap();
    assert_eq!(written.damaged(0), second.first);
    written.put(second.first, &bytes);
    fs::remove_file(written.segment(manifest.active)).unwrap();
    assert_eq!(written.damaged(0), manifest.active);
}

#[tokio::test]
async fn manifest_that_was_changed_or_removed_is_damage() {
    let written = Written::new(SMALL, &[7; 12], Stop::Crash).await;
    let path = written.dir.path().join(manifest::NAME);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(written.damaged(0), 1, "byte {at} changed");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(written.damaged(0), 1);
}

#[tokio::test]
async fn manifest_of_a_newer_binary_is_refused_as_such() {
    let written = Written::new(SMALL, &[1], Stop::Clean).await;
    let manifest = Manifest { version: manifest::VERSION + 1, ..written.manifest() };
    manifest.write(&RealDisks, written.dir.path()).unwrap();
    let refused = written.open(0).map(|(_, opened)| opened);
    assert!(matches!(refused, Err(OpenError::Newer { found, .. }) if found == manifest::VERSION + 1));
}

#[tokio::test]
async fn blank_segment_of_an_unfinished_rollover_is_removed_and_another_is_damage() {
    let written = Written::new(SMALL, &[2], Stop::Crash).await;
    written.put(3, &[FILL; 100]);
    written.open(2).unwrap();
    assert!(!written.segment(3).exists());
    written.put(3, b"{}\n");
    assert_eq!(written.damaged(2), 3);
}

#[tokio::test]
async fn crash_while_a_journal_is_first_made_leaves_nothing_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(segment::name(1)), [FILL; 10]).unwrap();
    let (journal, opened) = FileJournal::open(dir.path(), SMALL, 0).unwrap();
    assert_eq!(opened, Opened { last: 0, clean: false, cut: None });
    journal.append(Fence { epoch: 1, after: 0 }, &Story::default().many(1)).await.unwrap();
}

#[test]
fn second_opening_is_refused_and_names_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let _first = FileJournal::open(dir.path(), SMALL, 0).unwrap();
    let Err(refused) = FileJournal::open(dir.path(), SMALL, 0) else { panic!("opened twice") };
    assert!(matches!(refused, OpenError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
    assert!(refused.to_string().contains(&std::process::id().to_string()));
}

#[tokio::test]
async fn append_whose_caller_went_away_is_finished_before_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = FileJournal::open(dir.path(), SMALL, 0).unwrap();
    let mut story = Story::default();
    let group = story.many(2);
    {
        let mut append = journal.append(Fence { epoch: 1, after: 0 }, &group);
        // Polled once: the group is with the thread, the answer is not awaited.
        let waker = std::task::Waker::noop();
        let polled = append.as_mut().poll(&mut std::task::Context::from_waker(waker));
        drop(polled);
    }
    let last = journal.append(Fence { epoch: 1, after: 2 }, &story.many(1)).await.unwrap();
    assert_eq!(last, 3);
    assert_eq!(journal.read(1, 9).await.unwrap().len(), 3);
}

struct Faulty {
    journal: FileJournal,
    disks: FaultyDisks,
    dir: TempDir,
    story: Story,
}

impl Faulty {
    fn new() -> Self {
        Self::with(SMALL)
    }

    fn with(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disks = FaultyDisks::default();
        let (journal, _) = FileJournal::open_on(Box::new(disks.clone()), dir.path(), options, 0).unwrap();
        Self { journal, disks, dir, story: Story::default() }
    }

    fn set(&self, set: impl FnOnce(&mut Faults)) {
        set(&mut self.disks.0.lock().unwrap());
    }

    async fn append(&self, after: Position, group: &[Commit]) -> Result<Position, AppendError> {
        self.journal.append(Fence { epoch: 1, after }, group).await
    }

    /// Opens the directory anew with a sound disk; answers its last position.
    async fn reopened(self) -> Position {
        drop(self.journal);
        let (journal, opened) = FileJournal::open(self.dir.path(), SMALL, 0).unwrap();
        let report = journal.verify(|_| ()).await.unwrap();
        assert!(report.is_sound(), "{report:?}");
        opened.last
    }
}

#[tokio::test]
async fn short_writes_are_continued() {
    let mut faulty = Faulty::new();
    faulty.set(|faults| faults.write_bytes_max = Some(100));
    let group = faulty.story.many(20);
    assert_eq!(faulty.append(0, &group).await.unwrap(), 20);
    assert_eq!(faulty.reopened().await, 20);
}

#[tokio::test]
async fn each_group_is_synced_once() {
    let mut faulty = Faulty::new();
    let before = faulty.disks.0.lock().unwrap().syncs;
    for after in 0..3 {
        let group = faulty.story.many(1);
        faulty.append(after, &group).await.unwrap();
    }
    assert_eq!(faulty.disks.0.lock().unwrap().syncs - before, 3);
}

#[tokio::test]
async fn a_journal_that_syncs_at_close_syncs_all_groups_with_the_closing_line() {
    let mut faulty = Faulty::with(Options { sync: Sync::AtClose, ..SMALL });
    let syncs = |faulty: &Faulty| faulty.disks.0.lock().unwrap().syncs;
    let before = syncs(&faulty);
    for after in 0..3 {
        let group = faulty.story.many(1);
        faulty.append(after, &group).await.unwrap();
    }
    assert_eq!(syncs(&faulty), before);
    faulty.journal.close().await.unwrap();
    assert_eq!(syncs(&faulty), before + 1);
    assert_eq!(faulty.reopened().await, 3);
}

#[tokio::test]
async fn full_disk_keeps_nothing_and_the_group_goes_in_once_there_is_room() {
    for overwriting_needs_room in [false, true] {
        for room in [0, 1, 700, 4000, 7000, 12_000] {
            let mut faulty = Faulty::new();
            let mut last = 0;
            faulty.set(|faults| {
                faults.room = Some(room);
                faults.overwriting_needs_room = overwriting_needs_room;
            });
            let refused = loop {
                let group = faulty.story.many(3);
                match faulty.append(last, &group).await {
                    Ok(position) => last = position,
                    Err(AppendError::Full(_)) => break group,
                    Err(other) => panic!("a full disk was answered with {other}"),
                }
            };
            assert_eq!(faulty.journal.tail().await.unwrap().last, last);
            assert_eq!(faulty.journal.read(1, 99).await.unwrap().len() as u64, last);
            faulty.set(|faults| faults.room = None);
            let stored = faulty.append(last, &refused).await.unwrap();
            assert_eq!(stored, last + 3);
            assert_eq!(faulty.reopened().await, last + 3);
        }
    }
}

#[tokio::test]
async fn disk_that_stays_full_loses_nothing_that_was_acknowledged() {
    let mut faulty = Faulty::new();
    let group = faulty.story.many(3);
    faulty.append(0, &group).await.unwrap();
    faulty.set(|faults| {
        faults.room = Some(900);
        faults.overwriting_needs_room = true;
    });
    let group = faulty.story.many(3);
    assert!(matches!(faulty.append(3, &group).await, Err(AppendError::Full(_))));
    assert_eq!(faulty.reopened().await, 3);
}

#[tokio::test]
async fn failed_sync_leaves_the_outcome_open_and_stops_the_journal() {
    let mut faulty = Faulty::new();
    let group = faulty.story.many(2);
    faulty.append(0, &group).await.unwrap();
    faulty.set(|faults| faults.next_sync = Some(ErrorKind::Other));
    let group = faulty.story.many(2);
    assert!(matches!(faulty.append(2, &group).await, Err(AppendError::Unknown(_))));
    let syncs = faulty.disks.0.lock().unwrap().syncs;
    assert!(matches!(faulty.append(2, &group).await, Err(AppendError::Unknown(_))));
    assert!(matches!(faulty.journal.tail().await, Err(ReadError::Io(_))));
    assert!(matches!(faulty.journal.close().await, Err(ReadError::Io(_))));
    assert_eq!(faulty.disks.0.lock().unwrap().syncs, syncs, "a failed sync is not tried again");
    assert_eq!(faulty.journal.read(1, 9).await.unwrap().len(), 2, "an open outcome is not shown");
    assert_eq!(faulty.reopened().await, 4, "here the bytes had reached the disk all the same");
}

#[tokio::test]
async fn failed_write_leaves_the_outcome_open_and_stops_the_journal() {
    let mut faulty = Faulty::new();
    let group = faulty.story.many(2);
    faulty.append(0, &group).await.unwrap();
    faulty.set(|faults| faults.next_write = Some(ErrorKind::Other));
    let group = faulty.story.many(2);
    assert!(matches!(faulty.append(2, &group).await, Err(AppendError::Unknown(_))));
    assert!(matches!(faulty.append(2, &group).await, Err(AppendError::Unknown(_))));
    assert_eq!(faulty.reopened().await, 2);
}

#[tokio::test]
async fn closing_that_fails_is_said_and_loses_nothing() {
    let mut faulty = Faulty::new();
    let group = faulty.story.many(2);
    faulty.append(0, &group).await.unwrap();
    faulty.set(|faults| faults.next_write = Some(ErrorKind::Other));
    assert!(matches!(faulty.journal.close().await, Err(ReadError::Io(_))));
    assert!(matches!(faulty.append(2, &group).await, Err(AppendError::Unknown(_))));
    assert_eq!(faulty.reopened().await, 2);
}
