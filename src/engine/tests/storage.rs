//! What the writer does when its storage fails: the real journal on a disk that does, and an index that does.

use async_trait::async_trait;
use tempfile::TempDir;

use super::simulation::storage::{Apply, Defect, FailingIndex};
use super::*;
use crate::engine::executor::LAUNCH_COMMITS;
use crate::journal::file::{FileJournal, Options, Sync};
use crate::journal::simulated::{Fault, SimulatedDisks};
use crate::journal::{AppendError, Commit, Fence, ReadError, Tail};
use crate::seeded::Dice;

/// Segments of a few groups each.
const SMALL: Options = Options { segment_bytes: 12 * 1024, fill_bytes: 4 * 1024, sync: Sync::EveryGroup };
/// Rounds of commands of one run, each sent once the one before is answered.
const ROUNDS: u64 = 5;
/// Commands of a round, sent at once: they share groups as it comes.
const TOGETHER: u64 = 3;

fn begin(key: &str) -> Command {
    command(Target::Start("probe".into()), "begin", json!({}), Some(key))
}

/// A directory on a disk that fails as told.
struct OnDisk {
    disks: SimulatedDisks,
    dir: TempDir,
}

impl OnDisk {
    fn new() -> Self {
        Self { disks: SimulatedDisks::default(), dir: tempfile::tempdir().unwrap() }
    }

    async fn open(&self) -> Engine {
        let journal = FileJournal::open_simulated(&self.disks, self.dir.path(), SMALL).unwrap();
        let time = Arc::new(ManualTime::at(noon()));
        Engine::open(parts(Arc::new(journal), Arc::new(MemoryIndex::new()), time)).await.unwrap()
    }

    /// How many operations a run without a fault takes after opening.
    async fn operations(&self) -> u64 {
        let engine = self.open().await;
        let opened = self.disks.operations();
        for round in 0..ROUNDS {
            assert!(send(&engine, round).await.iter().all(|(_, answer)| answer.is_ok()));
        }
        engine.stop().await.unwrap();
        self.disks.operations() - opened
    }
}

/// Sends a round of commands at once; answers them with their keys.
async fn send(engine: &Engine, round: u64) -> Vec<(String, Answer)> {
    let sent: Vec<_> = (0..TOGETHER)
        .map(|number| {
            let (engine, key) = (engine.clone(), format!("{round}-{number}"));
            tokio::spawn(async move {
                let answer = engine.submit(begin(&key)).await;
                (key, answer)
            })
        })
        .collect();
    let mut answers = Vec::new();
    for one in sent {
        answers.push(one.await.unwrap());
    }
    answers
}

/// Whether the run met its fault before the end.
async fn run_with_a_fault(at: u64) -> bool {
    let place = OnDisk::new();
    let engine = place.open().await;
    place.disks.fail_after(at, Fault::Io);
    let (mut done, mut open) = (Vec::new(), Vec::new());
    let mut stopped = None;
    for round in 0..ROUNDS {
        for (key, answer) in send(&engine, round).await {
            match answer {
                Ok(accepted) => {
                    assert_eq!(stopped, None, "operation {at}: `{key}` was accepted after a failed sync");
                    done.push((key, accepted));
                }
                Err(CommandError::CommitUnknown) => {
                    assert_eq!(stopped, None, "operation {at}: `{key}` was written after a failed sync");
                    open.push(key);
                }
                Err(CommandError::Stopped(reason)) => {
                    assert!(reason.contains("not known whether the group was stored"), "{reason}");
                }
                Err(other) => panic!("operation {at}: `{key}` was answered with {other}"),
            }
        }
        let operations = place.disks.operations();
        if let Some(before) = stopped {
            assert_eq!(
                operations, before,
                "operation {at}: something was asked of the disk after its failure"
            );
        } else if !open.is_empty() {
            let readiness = engine.readiness();
            assert!(matches!(&readiness, Readiness::Stopped(_)), "operation {at}: {readiness:?}");
            stopped = Some(operations);
        }
    }
    // Where the last operation fails, it is that of the clean stop.
    assert!(stopped.is_none() || engine.stop().await.is_err());
    drop(engine);

    place.disks.cut(place.dir.path(), &mut Dice::of(at));
    let engine = place.open().await;
    for (key, accepted) in &done {
        let (instance, _) = engine.instance(&accepted.entry.instance).unwrap();
        let instance = instance.unwrap_or_else(|| panic!("operation {at}: `{key}` was accepted and is lost"));
        let recorded = engine.history(&instance, 0, 9).await.unwrap();
        assert_eq!((recorded[0].position, recorded.len()), (accepted.position, 1), "operation {at}: `{key}`");
    }
    for (key, replayed) in done.iter().map(|(key, _)| (key, true)).chain(open.iter().map(|key| (key, false)))
    {
        let again = engine.submit(begin(key)).await.unwrap();
        assert!(again.replayed || !replayed, "operation {at}: `{key}` was done twice");
    }
    let probes: u64 = engine.census().values().sum();
    assert_eq!(probes, (done.len() + open.len()) as u64, "operation {at}");
    engine.stop().await.unwrap();
    stopped.is_some()
}

#[tokio::test]
async fn a_disk_that_fails_once_stops_the_writer_and_loses_nothing_that_was_accepted() {
    let operations = OnDisk::new().operations().await;
    let mut met = 0;
    for at in 0..operations {
        met += u64::from(run_with_a_fault(at).await);
    }
    assert!(met * 2 > operations, "only {met} of {operations} faults were met");
}

#[tokio::test]
async fn a_disk_without_room_refuses_until_it_has_some_and_loses_nothing() {
    let place = OnDisk::new();
    let engine = place.open().await;
    let mut done: Vec<_> = send(&engine, 0).await.into_iter().map(|(_, answer)| answer.unwrap()).collect();
    // What is filled ahead is still there to be written.
    place.disks.set_capacity(Some(0));
    let refused = loop {
        let key = format!("more-{}", done.len());
        match engine.submit(begin(&key)).await {
            Ok(accepted) => done.push(accepted),
            Err(CommandError::DiskFull) => break key,
            Err(other) => panic!("`{key}` was answered with {other}"),
        }
        assert!(done.len() < 100, "a disk without room takes no end of commands");
    };
    assert!(matches!(engine.readiness(), Readiness::DiskFull { free: Some(_) }), "{:?}", engine.readiness());
    let read = engine.instance(&done[0].entry.instance).unwrap().0;
    assert_eq!(read.map(|instance| instance.seq), Some(1), "reading works");
    place.disks.set_capacity(None);
    let accepted = engine.submit(begin(&refused)).await.unwrap();
    assert_eq!((accepted.replayed, engine.readiness()), (false, Readiness::Ready));
    done.push(accepted);
    drop(engine);

    place.disks.cut(place.dir.path(), &mut Dice::of(0));
    let engine = place.open().await;
    assert_eq!(engine.census().values().sum::<u64>(), done.len() as u64);
}

#[tokio::test]
async fn a_writer_that_panics_is_told_as_stopped() {
    let index = Arc::new(FailingIndex::over(Arc::new(MemoryIndex::new()), Defect::None));
    let time = Arc::new(ManualTime::at(noon()));
    let engine = Engine::open(parts(Arc::new(MemoryJournal::default()), index.clone(), time)).await.unwrap();
    *index.next.lock().unwrap() = Apply::Panics;
    let answer = engine.submit(begin("a")).await;
    assert!(matches!(answer, Err(CommandError::CommitUnknown)), "{answer:?}");
    let reason = engine.stop().await.unwrap_err();
    assert!(reason.contains("the writer panicked: as told"), "{reason}");
    assert_eq!(engine.readiness(), Readiness::Stopped(reason));
}

#[tokio::test]
async fn a_writer_beside_its_caller_that_panics_is_told_as_stopped_and_one_that_does_not_ends() {
    let panics = |panics: bool| async move {
        let index = Arc::new(FailingIndex::over(Arc::new(MemoryIndex::new()), Defect::None));
        let time = Arc::new(ManualTime::at(noon()));
        let parts = parts(Arc::new(MemoryJournal::default()), index.clone(), time);
        let engine = Engine::open_here(parts, 8).await.unwrap();
        if panics {
            *index.next.lock().unwrap() = Apply::Panics;
        }
        (engine.submit(begin("a")).await, engine.stop().await)
    };
    let local = tokio::task::LocalSet::new();
    let (answer, stopped) = local.run_until(panics(true)).await;
    assert!(matches!(answer, Err(CommandError::CommitUnknown)), "{answer:?}");
    let reason = stopped.unwrap_err();
    assert!(reason.starts_with("the writer panicked") && reason.contains("as told"), "{reason}");
    let (answer, stopped) = local.run_until(panics(false)).await;
    assert_eq!((answer.unwrap().entry.seq, stopped), (1, Ok(())));
}

#[tokio::test]
async fn a_group_that_the_index_does_not_take_is_unknown_to_its_senders_and_stops_the_writer() {
    for applied in [false, true] {
        let journal = Arc::new(MemoryJournal::default());
        let index = Arc::new(FailingIndex::over(Arc::new(MemoryIndex::new()), Defect::None));
        let time = Arc::new(ManualTime::at(noon()));
        let engine = Engine::open(parts(journal.clone(), index.clone(), time.clone())).await.unwrap();
        let before = journal.tail().await.unwrap().last;
        *index.next.lock().unwrap() = Apply::Fails(applied);
        let answer = engine.submit(begin("a")).await;
        assert!(matches!(answer, Err(CommandError::CommitUnknown)), "{answer:?}");
        assert_eq!(engine.readiness(), Readiness::Stopped("index storage failed: as told".into()));
        *index.next.lock().unwrap() = Apply::Well;
        let later = engine.submit(begin("b")).await;
        assert!(matches!(later, Err(CommandError::Stopped(_))), "{later:?}");
        assert!(engine.stop().await.is_err(), "a stopped writer leaves no clean mark");

        let journal = Arc::new(journal.reopen());
        assert_eq!(journal.tail().await.unwrap().last, before + 1, "nothing is written after it");
        let engine = Engine::open(parts(journal, Arc::new(MemoryIndex::new()), time)).await.unwrap();
        let again = engine.submit(begin("a")).await.unwrap();
        assert_eq!((again.replayed, again.entry.seq), (true, 1), "it was durable all along");
    }
}

/// A journal that is done at once, as far as tokio lets a task ask it; it tells how large its groups were.
#[derive(Default)]
struct Prompt {
    inner: MemoryJournal,
    groups: Mutex<Vec<usize>>,
}

#[async_trait]
impl Journal for Prompt {
    async fn append(&self, fence: Fence, group: &[Commit]) -> Result<Position, AppendError> {
        tokio::task::consume_budget().await;
        self.groups.lock().unwrap().push(group.len());
        self.inner.append(fence, group).await
    }

    async fn get(&self, positions: &[Position]) -> Result<Vec<(Position, Commit)>, ReadError> {
        self.inner.get(positions).await
    }

    async fn read(&self, from: Position, limit: usize) -> Result<Vec<(Position, Commit)>, ReadError> {
        self.inner.read(from, limit).await
    }

    async fn watch(&self, from: Position) -> Position {
        self.inner.watch(from).await
    }

    async fn tail(&self) -> Result<Tail, ReadError> {
        self.inner.tail().await
    }

    async fn close(&self) -> Result<(), ReadError> {
        self.inner.close().await
    }
}

#[tokio::test]
async fn a_synced_group_lands_however_much_is_due() {
    let (journal, time) = (Arc::new(Prompt::default()), Arc::new(ManualTime::at(noon())));
    let engine =
        Engine::open(parts(journal.clone(), Arc::new(MemoryIndex::new()), time.clone())).await.unwrap();
    for number in 0..600 {
        let armed = json!({ "arm": { "A": 1_000 } });
        let begun = command(Target::Start("probe".into()), "begin", armed, Some(&number.to_string()));
        engine.submit(begun).await.unwrap();
    }
    journal.groups.lock().unwrap().clear();
    time.set(noon().plus_millis(1_000));
    engine.settle().await;
    let groups = journal.groups.lock().unwrap().clone();
    assert_eq!(groups.iter().sum::<usize>(), 600);
    let largest = groups.iter().max().copied();
    assert!(largest <= Some(LAUNCH_COMMITS), "a group waited for {largest:?} timers, of {groups:?}");
}
