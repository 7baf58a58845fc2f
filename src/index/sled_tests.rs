//! What sled adds to the contract: which files are trusted, and what a kill leaves.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::index::contract::{all, made};
use crate::index::memory::MemoryIndex;
use crate::index::{Change, Raise};

/// Who carries the overlay into sled.
#[derive(Clone, Copy)]
pub(in super::super) enum Draining {
    /// Nobody: everything is read from the overlay.
    Never,
    /// Whoever applied, before going on: everything is read from sled.
    AtOnce,
    /// The thread of its own, with every cache in use and frequent reopening.
    Beside,
}

/// How an index is opened.
pub(in super::super) struct Opening<'a> {
    pub dir: &'a Path,
    pub boot: &'a str,
    pub draining: Draining,
}

/// An open index.
pub(in super::super) struct Tested {
    pub index: SledIndex,
    draining: Draining,
}

impl Opening<'_> {
    pub fn open(&self) -> (Tested, Opened) {
        let cache_bytes = 16 << 20;
        let (index, opened) = match self.draining {
            Draining::Never | Draining::AtOnce => {
                let options =
                    Options { cache_bytes, decoded_bytes: 0, reopen_bytes: u64::MAX, ..Options::default() };
                SledIndex::open_still(self.dir, options, self.boot)
            }
            Draining::Beside => {
                let options = Options {
                    cache_bytes,
                    decoded_bytes: 64 << 10,
                    reopen_bytes: 32 << 10,
                    linger: Duration::ZERO,
                    ..Options::default()
                };
                SledIndex::open(self.dir, options, self.boot)
            }
        }
        .expect("opens");
        (Tested { index, draining: self.draining }, opened)
    }
}

impl Tested {
    /// Brings what is applied to where the way of draining wants it.
    pub fn settler(&self) -> impl Fn() + 'static {
        let (shared, draining) = (Arc::clone(&self.index.shared), self.draining);
        move || match draining {
            Draining::Never | Draining::Beside => {}
            Draining::AtOnce => while drain_once(&shared) {},
        }
    }

    /// Carries the oldest instances into sled, where any wait.
    pub fn drain_once(&self) -> bool {
        drain_once(&self.index.shared)
    }
}

fn drain_once(shared: &Shared) -> bool {
    let mut state = shared.state();
    let waiting = !state.backlog.rests();
    let taken = state.take(Duration::ZERO, Moment::now());
    drop(state);
    if waiting {
        shared.store_taken(&taken).expect("stores");
    }
    waiting
}

fn open(dir: &Path, boot: &str) -> (SledIndex, Opened) {
    let (tested, opened) = Opening { dir, boot, draining: Draining::AtOnce }.open();
    (tested.index, opened)
}

/// Whoever waits to have sled alone has all others wait behind whoever reads.
#[test]
fn sled_is_opened_anew_once_nobody_reads() {
    let written = |index: &SledIndex| index.shared.store().as_ref().expect("is open").written_bytes();
    let opened = |reopen_bytes| {
        let dir = tempfile::tempdir().expect("makes");
        let options = Options { reopen_bytes, ..Options::default() };
        let (index, _) = SledIndex::open_still(dir.path(), options, "boot").expect("opens");
        index.apply(life(1)).expect("applies");
        (dir, index)
    };
    let (_dir, index) = opened(u64::MAX);
    assert!(drain_once(&index.shared));
    let (_dir, index) = opened(written(&index));
    let reader = index.shared.store();
    assert!(drain_once(&index.shared));
    drop(reader);
    assert!(written(&index) > 0, "somebody read");
    index.apply(life(2)).expect("applies");
    assert!(drain_once(&index.shared));
    assert_eq!(written(&index), 0);
}

/// The batch at `position` of a made-up life: instance `position / 3` starts and moves twice.
fn life(position: u64) -> Batch {
    let number = u32::try_from(position / 3).expect("small");
    let mut steps = vec![made::started(number)];
    steps.push(made::moved(&steps[0], |next| {
        made::give(next, "li");
        made::arm(next, "ack", i64::from(number));
        next.data_mut()["text"] = made::filler(8_000);
    }));
    steps.push(made::moved(&steps[1], |next| {
        next.state = "closed".into();
        next.timers.clear();
    }));
    let step = usize::try_from(position % 3).expect("small");
    let mut batch = made::batch(position, step.checked_sub(1).map(|before| &steps[before]), &steps[step]);
    let instance = steps[step].id.clone();
    batch.counts.push(Raise { instance, name: "steps".into(), key: (position % 3).to_string(), by: 1 });
    batch
}

/// The batches up to `until` that `index` lacks, past what its instances have already.
fn live_on(index: &dyn Index, until: u64) {
    for position in (index.applied() + 1).max(FIRST)..=until {
        let mut batch = life(position);
        let after = batch.changes[0].after.clone();
        if index.get(&after.id).expect("reads").is_some_and(|held| held.seq >= after.seq) {
            batch = Batch { position, ..Batch::default() };
        }
        index.apply(batch).expect("applies");
    }
}

/// First position of a life.
const FIRST: u64 = 3;

fn live(index: &dyn Index, until: u64) {
    (FIRST..=until).for_each(|position| index.apply(life(position)).expect("applies"));
}

/// Whether `index` holds exactly the batches up to the one it says.
fn assert_whole(index: &dyn Index) {
    let twin = MemoryIndex::new();
    live(&twin, index.applied());
    assert!(all(index) == all(&twin), "not what the batches up to {} leave", index.applied());
    assert_eq!(index.census(), twin.census());
}

/// An index of 30 batches in sled, stopped cleanly or not.
fn kept(dir: &Path, stop: fn(&SledIndex)) {
    let (index, opened) = open(dir, "boot-1");
    assert_eq!(opened, Opened::Rebuild(Distrust::Missing));
    live(&index, 30);
    while drain_once(&index.shared) {}
    stop(&index);
}

fn cleanly(index: &SledIndex) {
    index.close().expect("closes");
}

fn not(_: &SledIndex) {}

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn a_clean_stop_is_trusted_in_another_boot() {
    let dir = dir();
    kept(dir.path(), cleanly);
    let (index, opened) = open(dir.path(), "boot-2");
    assert_eq!((opened, index.applied()), (Opened::Trusted, 30));
    assert_whole(&index);
}

#[test]
fn what_is_open_is_not_trusted_in_another_boot() {
    for (first, second) in [("boot-1", "boot-2"), ("", "")] {
        let dir = dir();
        kept(dir.path(), cleanly);
        drop(open(dir.path(), first));
        let (index, opened) = open(dir.path(), second);
        assert_eq!(opened, Opened::Rebuild(Distrust::Rebooted));
        assert_eq!(index.applied(), 0);
        assert_whole(&index);
    }
}

#[test]
fn a_dropped_index_keeps_whole_batches_within_its_boot() {
    let dir = dir();
    kept(dir.path(), not);
    let (index, opened) = open(dir.path(), "boot-1");
    assert_eq!((opened, index.applied()), (Opened::Trusted, 30));
    index.apply(life(31)).expect("applies");
    drop(index);
    let (index, opened) = open(dir.path(), "boot-1");
    assert_eq!((opened, index.applied()), (Opened::Trusted, 30), "what only the overlay held is gone");
    assert_whole(&index);
}

/// The process that [`a_killed_process_leaves_whole_batches`] kills.
const VICTIM: &str = "CAREFLOW_TEST_INDEX_VICTIM";

#[test]
fn victim_applies_until_it_is_killed() {
    let Some(dir) = std::env::var_os(VICTIM) else { return };
    let options = Options { linger: Duration::from_millis(2), ..Options::default() };
    let (index, _) = SledIndex::open(Path::new(&dir), options, "boot-1").expect("opens");
    for position in FIRST.. {
        index.apply(life(position)).expect("applies");
        eprintln!("{position}");
    }
}

#[test]
fn a_killed_process_leaves_whole_batches() {
    let dir = dir();
    let mut stored = 0;
    for lines in [300, 2_000, 900] {
        fs::remove_dir_all(dir.path()).expect("removes");
        let mut victim = Command::new(std::env::current_exe().expect("has a path"))
            .args(["--exact", "index::sled::tests::victim_applies_until_it_is_killed", "--nocapture"])
            .env(VICTIM, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let progress = BufReader::new(victim.stderr.take().expect("is piped")).lines();
        assert_eq!(progress.take(lines).count(), lines, "the victim ended by itself");
        victim.kill().expect("kills");
        victim.wait().expect("ends");
        let (index, opened) = open(dir.path(), "boot-1");
        assert_eq!(opened, Opened::Trusted);
        assert!(index.applied() <= index.reached());
        stored += index.reached();
        live_on(&index, index.reached().max(FIRST));
        assert_whole(&index);
    }
    assert!(stored > 0, "nothing ever reached sled before the kill");
}

#[test]
fn a_half_written_snapshot_is_removed() {
    let dir = dir();
    kept(dir.path(), cleanly);
    let half = dir.path().join(STORE).join("snap.00000000000000FF.generating");
    fs::write(&half, b"half").expect("writes");
    let (index, opened) = open(dir.path(), "boot-1");
    assert_eq!(opened, Opened::Trusted);
    assert!(!half.exists());
    assert_whole(&index);
}

/// Replaces files whose names start with `name` by what `garbage` makes of them.
fn spoil(dir: &Path, name: &str, garbage: fn(Vec<u8>) -> Vec<u8>) -> usize {
    let mut spoiled = 0;
    for file in fs::read_dir(dir.join(STORE)).expect("lists") {
        let path = file.expect("lists").path();
        if path.file_name().and_then(|name| name.to_str()).is_some_and(|file| file.starts_with(name)) {
            let bytes = fs::read(&path).expect("reads");
            fs::write(&path, garbage(bytes)).expect("writes");
            spoiled += 1;
        }
    }
    spoiled
}

#[test]
fn bad_files_are_found_and_never_panic() {
    let garbages: [fn(Vec<u8>) -> Vec<u8>; 3] = [
        |_| Vec::new(),
        |bytes| (0..bytes.len()).map(|n| (n * 131 % 251) as u8).collect(),
        |mut bytes| {
            let half = bytes.len() / 2;
            bytes[half..].fill(0);
            bytes
        },
    ];
    for (n, name) in ["db", "conf", "snap."].into_iter().enumerate() {
        for garbage in garbages {
            let dir = dir();
            kept(dir.path(), cleanly);
            // Opened and stopped again, so that there is a snapshot to spoil.
            open(dir.path(), "boot-1").0.close().expect("closes");
            assert_eq!(spoil(dir.path(), name, garbage), 1, "{name}");
            let (index, opened) = open(dir.path(), "boot-1");
            match opened {
                Opened::Trusted => assert_eq!(index.applied(), 30, "{name} {n}"),
                Opened::Rebuild(Distrust::Unsealed(_)) => {
                    assert_eq!(index.applied(), 0, "{name} {n}");
                }
                Opened::Rebuild(other) => panic!("{name} {n}: {other}"),
            }
            assert_whole(&index);
            live(&index, 33);
            while drain_once(&index.shared) {}
            assert_whole(&index);
        }
    }
}

#[test]
fn an_index_in_use_is_left_alone() {
    let dir = dir();
    kept(dir.path(), cleanly);
    let holder = fs::File::open(dir.path().join(STORE).join("db")).expect("opens");
    holder.lock().expect("locks");
    let mark = fs::read(dir.path().join("mark.json")).expect("reads");
    for boot in ["boot-1", "boot-2"] {
        let options = Options { release_ms: 0, ..Options::default() };
        let refused = SledIndex::open_still(dir.path(), options, boot).map(|(_, opened)| opened);
        assert!(matches!(&refused, Err(IndexError::Io(why)) if why.contains("in use")), "{refused:?}");
        assert_eq!(fs::read(dir.path().join("mark.json")).expect("reads"), mark);
    }
    drop(holder);
    let (index, opened) = open(dir.path(), "boot-2");
    assert_eq!((opened, index.applied()), (Opened::Trusted, 30));
    assert_whole(&index);
}

#[test]
fn a_database_that_opens_as_empty_is_not_what_was_stopped() {
    let dir = dir();
    kept(dir.path(), cleanly);
    fs::remove_dir_all(dir.path().join(STORE)).expect("removes");
    let (_, opened) = open(dir.path(), "boot-1");
    assert!(matches!(opened, Opened::Rebuild(Distrust::Unsealed(_))), "{opened:?}");
}

#[test]
fn a_bad_mark_is_not_trusted() {
    type Expected = fn(&Distrust) -> bool;
    let cases: [(&str, Expected); 3] = [
        ("{", |why| matches!(why, Distrust::Unreadable(_))),
        (r#"{"format":99,"boot":"boot-1","clean":null}"#, |why| *why == Distrust::Format(99)),
        ("", |why| matches!(why, Distrust::Unreadable(_))),
    ];
    for (text, expected) in cases {
        let dir = dir();
        kept(dir.path(), cleanly);
        fs::write(dir.path().join("mark.json"), text).expect("writes");
        let (index, opened) = open(dir.path(), "boot-1");
        assert!(matches!(&opened, Opened::Rebuild(why) if expected(why)), "{text}: {opened:?}");
        assert_eq!(index.applied(), 0);
    }
    let dir = dir();
    kept(dir.path(), cleanly);
    fs::remove_file(dir.path().join("mark.json")).expect("removes");
    let (index, opened) = open(dir.path(), "boot-1");
    assert_eq!((opened, index.applied()), (Opened::Rebuild(Distrust::Missing), 0));
}

#[test]
fn a_record_that_shrinks_leaves_no_parts() {
    let dir = dir();
    let (index, _) = open(dir.path(), "boot-1");
    let mut before: Option<Instance> = None;
    for (position, (bytes, parts)) in (1..).zip([(30_000, 4), (17_500, 2), (22_000, 3), (10, 0)]) {
        let mut after =
            before.as_ref().map_or_else(|| made::started(1), |before| made::moved(before, |_| ()));
        after.data_mut()["text"] = made::filler(bytes);
        index.apply(made::batch(position, before.as_ref(), &after)).expect("applies");
        assert!(drain_once(&index.shared));
        let store = index.shared.store();
        let stored = store.as_ref().expect("is open").scan(b"j/", b"j0", read::Order::Ascending).count();
        assert_eq!(stored, parts, "{bytes}");
        before = Some(after);
    }
}

#[test]
fn a_damaged_record_is_an_error() {
    let dir = dir();
    kept(dir.path(), not);
    let (index, _) = open(dir.path(), "boot-1");
    let instance = made::started(3);
    let key = keys::record(&instance.id);
    for value in [&b""[..], &[0], &[0, 1], &[0, 1, b'{'], &[0, 99, b'{'], &[0, 0, b'{']] {
        index.shared.store_mut().as_mut().expect("is open").put(&key, value);
        let found = index.get(&instance.id);
        assert!(matches!(found, Err(IndexError::Corrupt { .. })), "{value:?}: {found:?}");
    }
}

#[test]
fn a_closed_index_answers_nothing_more() {
    let dir = dir();
    let (index, _) = SledIndex::open(dir.path(), Options::default(), "boot-1").expect("opens");
    live(&index, 12);
    index.close().expect("closes");
    index.close().expect("closes again");
    assert!(matches!(index.apply(life(13)), Err(IndexError::Io(_))));
    assert!(matches!(index.page(&[], &Range::default(), 1), Err(IndexError::Io(_))));
    drop(index);
    let (index, opened) = open(dir.path(), "boot-2");
    assert_eq!((opened, index.applied()), (Opened::Trusted, 12));
    assert_whole(&index);
}

#[test]
fn a_failure_of_sled_stops_the_index() {
    let dir = dir();
    let (index, _) = SledIndex::open(dir.path(), Options::default(), "boot-1").expect("opens");
    *index.shared.store_mut() = None;
    index.apply(life(3)).expect("the overlay takes it");
    assert!(matches!(index.close(), Err(IndexError::Io(_))));
    assert!(matches!(index.apply(life(4)), Err(IndexError::Io(_))));
    drop(index);
    let (_, opened) = open(dir.path(), "boot-2");
    assert_eq!(opened, Opened::Rebuild(Distrust::Rebooted), "a failed index is not marked as clean");
}

/// A batch of so many raised tallies.
fn raises(position: u64, count: usize) -> Batch {
    let raise = |n: usize| Raise {
        instance: made::started(u32::try_from(n).expect("small")).id,
        name: "n".into(),
        key: n.to_string(),
        by: 1,
    };
    Batch { position, changes: Vec::new(), counts: (0..count).map(raise).collect() }
}

#[test]
fn a_full_backlog_takes_no_more() {
    let dir = dir();
    let (index, _) = open(dir.path(), "boot-1");
    index.apply(raises(1, BACKLOG_WRITES_MAX)).expect("applies");
    let (starting, started) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            starting.send(()).expect("is heard");
            index.apply(Batch { position: 2, ..Batch::default() })
        });
        started.recv().expect("starts");
        // As much time as it needs to go wrong; it cannot be late in going right.
        (0..1_000).for_each(|_| std::thread::yield_now());
        assert!(!index.shared.state().has_room());
        assert_eq!(index.applied(), 1);
        assert!(drain_once(&index.shared));
        waiting.join().expect("ends").expect("applies once there is room");
    });
    assert_eq!(index.applied(), 2);
    index.apply(raises(3, BACKLOG_WRITES_MAX)).expect("applies");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| index.apply(Batch { position: 4, ..Batch::default() }));
        index.end(Phase::Dropped);
        assert!(matches!(waiting.join().expect("ends"), Err(IndexError::Io(_))));
    });
    assert_eq!(index.applied(), 3);
}

#[test]
fn every_page_is_at_one_position_while_batches_arrive() {
    const INSTANCES: u32 = 60;
    let dir = dir();
    let (tested, _) = Opening { dir: dir.path(), boot: "boot-1", draining: Draining::Beside }.open();
    let index = &tested.index;
    let mut owned: Vec<Instance> = (0..INSTANCES).map(made::started).collect();
    owned.iter_mut().for_each(|instance| made::give(instance, "p0"));
    let starts = owned.iter().map(|after| Change { before: None, after: Arc::new(after.clone()) });
    index.apply(Batch { position: 1, changes: starts.collect(), counts: Vec::new() }).expect("applies");
    let lists: Vec<List> = (0..4).map(|n| List::Work(format!("p{n}"))).collect();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for newest_first in [false, true] {
            let (done, lists) = (&done, &lists);
            scope.spawn(move || {
                let range = Range { newest_first, ..Range::default() };
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let page = index.page(lists, &range, 100).expect("reads");
                    assert_eq!(page.rows.len(), INSTANCES as usize, "at {}", page.position);
                    // Each batch moves one instance, so that the steps made tell the position.
                    let steps: u64 = page.rows.iter().map(|row| row.seq - 1).sum();
                    assert_eq!(steps + 1, page.position);
                }
            });
        }
        for position in 2..3_000_u64 {
            let instance = &mut owned[usize::try_from(position * 7).expect("small") % INSTANCES as usize];
            let after = made::moved(instance, |next| made::give(next, &format!("p{}", position % 4)));
            index.apply(made::batch(position, Some(instance), &after)).expect("applies");
            *instance = after;
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

/// What would be stored next, everything that waits.
fn next(index: &SledIndex) -> Taken {
    index.shared.state().take(Duration::ZERO, Moment::now())
}

fn rows(taken: &Taken) -> usize {
    taken.writes.iter().filter(|(_, write)| matches!(write, Write::Row)).count()
}

#[test]
fn rows_that_come_and_go_before_they_are_stored_never_reach_storage() {
    let dir = dir();
    let (index, _) = open(dir.path(), "boot-1");
    let first = made::started(1);
    let moved = made::moved(&first, |next| next.state = "elsewhere".into());
    let back = made::moved(&moved, |next| next.state.clone_from(&first.state));
    index.apply(made::batch(1, None, &first)).expect("applies");
    index.apply(made::batch(2, Some(&first), &moved)).expect("applies");
    index.apply(made::batch(3, Some(&moved), &back)).expect("applies");
    let taken = next(&index);
    assert_eq!((taken.applied, taken.reached), (3, 3));
    assert!(!taken.writes.iter().any(|(_, write)| matches!(write, Write::Remove)));
    assert!(rows(&taken) > 0);
    index.shared.store_taken(&taken).expect("stores");
    assert!(index.shared.state().overlay.range(&[0], &[0xFF], read::Order::Ascending).next().is_none());
    // What storage holds since: a row that goes and comes back is no write at all.
    let again = made::moved(&back, |next| next.state = "elsewhere".into());
    let home = made::moved(&again, |next| next.state.clone_from(&first.state));
    index.apply(made::batch(4, Some(&back), &again)).expect("applies");
    index.apply(made::batch(5, Some(&again), &home)).expect("applies");
    let taken = next(&index);
    assert_eq!((rows(&taken), taken.writes.len()), (0, 1));
    index.shared.store_taken(&taken).expect("stores");
    assert_eq!(index.shared.state().backlog.len(), 0);
}

fn apply_to_both(index: &SledIndex, twin: &MemoryIndex, batch: Batch) {
    twin.apply(batch.clone()).expect("applies");
    index.apply(batch).expect("applies");
}

#[test]
fn what_changes_while_it_is_stored_is_stored_again() {
    let dir = dir();
    let (index, _) = open(dir.path(), "boot-1");
    let twin = MemoryIndex::new();
    let apply = |batch| apply_to_both(&index, &twin, batch);
    let first = made::started(1);
    let moved = made::moved(&first, |next| next.state = "elsewhere".into());
    let back = made::moved(&moved, |next| next.state.clone_from(&first.state));
    apply(made::batch(1, None, &first));
    let taken = next(&index);
    apply(made::batch(2, Some(&first), &moved));
    apply(made::batch(3, Some(&moved), &back));
    index.shared.store_taken(&taken).expect("stores");
    assert_eq!((taken.applied, taken.reached), (1, 1));
    assert!(all(&index) == all(&twin), "the overlay shadows what is stored");
    assert!(drain_once(&index.shared));
    assert!(all(&index) == all(&twin), "storage has all of it");
    assert_eq!(index.shared.state().backlog.len(), 0);
}

/// What happens to an instance and to storage.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// The instance moves to the state of this number.
    Moves(u8),
    /// What waits is taken to be stored; nothing where it is under way already.
    Taken,
    /// What was taken is stored.
    Stored,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![4 => (0..3_u8).prop_map(Turn::Moves), 1 => Just(Turn::Taken), 1 => Just(Turn::Stored)]
}

proptest! {
    /// Rows come and go before, while and after they are stored, in any order.
    #[test]
    fn storage_ends_with_what_is_applied_however_it_is_carried_there(
        turns in proptest::collection::vec(turn(), 1..40)
    ) {
        let dir = dir();
        let (index, _) = open(dir.path(), "boot-1");
        let twin = MemoryIndex::new();
        let apply = |batch| apply_to_both(&index, &twin, batch);
        let (mut position, mut now) = (1, made::started(1));
        apply(made::batch(position, None, &now));
        let mut taken = None;
        for turn in turns {
            match turn {
                Turn::Moves(state) => {
                    let moved = made::moved(&now, |next| next.state = format!("open.{state}"));
                    position += 1;
                    apply(made::batch(position, Some(&now), &moved));
                    now = moved;
                }
                Turn::Taken if taken.is_none() => taken = Some(next(&index)),
                Turn::Taken => {}
                Turn::Stored => {
                    if let Some(taken) = taken.take() {
                        index.shared.store_taken(&taken).expect("stores");
                    }
                }
            }
            prop_assert!(all(&index) == all(&twin), "at {position}");
        }
        taken.iter().for_each(|taken| index.shared.store_taken(taken).expect("stores"));
        while drain_once(&index.shared) {}
        prop_assert!(all(&index) == all(&twin), "storage has all of it");
        prop_assert_eq!(index.shared.state().backlog.len(), 0);
    }
}

#[test]
fn an_instance_may_be_stored_ahead_of_others_and_says_so() {
    let dir = dir();
    let (index, _) = open(dir.path(), "boot-1");
    let (first, second) = (made::started(1), made::started(2));
    let moved = made::moved(&first, |next| next.state = "elsewhere".into());
    // A group of several commits is one batch at the position of its last.
    index.apply(made::batch(10, None, &first)).expect("applies");
    index.apply(made::batch(20, None, &second)).expect("applies");
    index.apply(made::batch(30, Some(&first), &moved)).expect("applies");
    let oldest = {
        let mut state = index.shared.state();
        let State { backlog, overlay, .. } = &mut *state;
        backlog.take(overlay, 1, Duration::ZERO, Moment::now())
    };
    assert_eq!(
        (oldest.applied, oldest.reached),
        (10, 30),
        "whatever 11 to 20 did to the second is not stored"
    );
    index.shared.store_taken(&oldest).expect("stores");
    drop(index);
    let (index, opened) = open(dir.path(), "boot-1");
    assert_eq!((opened, index.applied(), index.reached()), (Opened::Trusted, 10, 30));
    assert_eq!(index.get(&first.id).expect("reads").as_deref(), Some(&moved));
    assert_eq!(index.get(&second.id).expect("reads"), None);
}

#[test]
fn storage_is_not_asked_for_what_began_since() {
    let dir = dir();
    let (index, _) = open(dir.path(), "boot-1");
    let first = made::started(1);
    let moved = made::moved(&first, |next| next.state = "elsewhere".into());
    let again = made::moved(&moved, |next| next.state = "again".into());
    let record = keys::record(&first.id);
    index.apply(made::batch(1, None, &first)).expect("applies");
    index.apply(made::batch(2, Some(&first), &moved)).expect("applies");
    let taken = next(&index);
    assert!(taken.born.contains(&record), "nothing of it was stored");
    index.apply(made::batch(3, Some(&moved), &again)).expect("applies");
    assert!(next(&index).born.is_empty(), "the first is on its way");
    index.shared.store_taken(&taken).expect("stores");
}

#[test]
fn an_instance_waits_for_more_changes_until_its_time_has_come() {
    let dir = dir();
    let (index, _) = open(dir.path(), "boot-1");
    live(&index, FIRST + 1);
    let mut state = index.shared.state();
    let (since, linger) = (state.backlog.oldest().expect("one waits"), Options::default().linger);
    assert!(state.take(linger, since + linger / 2).writes.is_empty());
    assert!(!state.take(linger, since + linger).writes.is_empty());
}
