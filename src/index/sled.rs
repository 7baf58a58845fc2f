//! Owns the default index: an overlay in memory over a sled database.
//!
//! [`Index::apply`] puts a batch into the overlay, where it is visible at once; a
//! thread of its own carries the overlay into sled, several batches as one.
//! Reads look into the overlay first, so that what sled holds of a batch never
//! shows in part.
//!
//! Two locks, taken in this order: `store`, which readers share and the draining
//! thread takes alone while it changes sled and forgets what the overlay shadowed;
//! then `state`, held for moments. A reader takes an `Arc` of the overlay under
//! both and goes on with `store` alone: sled stands still below it and a batch
//! applied meanwhile goes into a copy. So a page is at one position, and long
//! pages do not hold up the writer.
//!
//! # Why
//! sled's scans are no snapshots and its batches wait for every running read;
//! neither may be felt by the writer between a sync and its answers.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use super::cache::Cache;
use super::keys::{self, Key, Write};
use super::mark::{Clean, Mark};
use super::overlay::Overlay;
use super::read::{self, Order};
use super::store::{Store, caught};
use super::view::Reading;
use super::{Batch, Index, IndexError, List, Page, Range};
use crate::kernel::entry::Position;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;

/// Writes that may wait for sled before [`Index::apply`] waits too: about half a second
/// of sled's work and tens of megabytes of instances.
pub const BACKLOG_WRITES_MAX: usize = 32_768;
/// Writes after which no further batch joins a merge: readers wait while sled takes
/// them, about 5 ms.
const MERGE_WRITES: usize = 512;
/// Bytes written after which the database is opened anew: opening costs 2 to 3 s for each
/// gigabyte logged since sled's last snapshot, which it writes at opening only.
pub const REOPEN_BYTES: u64 = 512 * 1024 * 1024;
/// The database's folder within the index's directory.
const STORE: &str = "sled";

/// How an index uses memory.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of sled's page cache.
    pub cache_bytes: u64,
    /// Bytes of the records whose instances are kept decoded; these take about five times that.
    pub decoded_bytes: usize,
    /// Bytes written after which the database is opened anew; see [`REOPEN_BYTES`].
    pub reopen_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 128 * 1024 * 1024, decoded_bytes: 16 * 1024 * 1024, reopen_bytes: REOPEN_BYTES }
    }
}

/// What an opened index holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    /// Everything up to [`Index::applied`].
    Trusted,
    /// Nothing: what was there is removed, and all of the journal must be applied.
    Rebuild(Distrust),
}

/// Why stored files were not used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// There is no mark: nothing was ever kept here, or somebody removed it.
    #[error("there was no index")]
    Missing,
    /// The mark says neither clean nor open.
    #[error("its mark cannot be read: {0}")]
    Unreadable(String),
    /// Keys or records of another version.
    #[error("it has format {0}")]
    Format(u32),
    /// It was in use when the machine stopped.
    #[error("it was not stopped cleanly before the machine was")]
    Rebooted,
    /// sled could not open or read it, or panicked.
    #[error("its storage cannot be opened: {0}")]
    Storage(String),
    /// It holds something else than its clean stop left.
    #[error("it holds position {found} with {instances} instances where its clean stop left something else")]
    Different {
        /// The position it holds.
        found: Position,
        /// How many instances it holds.
        instances: u64,
    },
}

/// An index in a directory.
pub struct SledIndex {
    shared: Arc<Shared>,
    drainer: Mutex<Option<JoinHandle<()>>>,
    dir: PathBuf,
    boot: String,
}

struct Shared {
    /// Absent once closed.
    store: RwLock<Option<Store>>,
    state: Mutex<State>,
    /// The queue or the phase changed.
    work: Condvar,
    /// The backlog shrank or the phase changed.
    room: Condvar,
    cache: Mutex<Cache>,
    reopen_bytes: u64,
}

struct State {
    overlay: Arc<Overlay>,
    queue: VecDeque<Queued>,
    /// Writes in the queue and in the merge under way.
    backlog: usize,
    census: Census,
    phase: Phase,
}

type Census = BTreeMap<(String, String), u64>;

/// One applied batch on its way into sled.
struct Queued {
    position: Position,
    writes: Vec<(Key, Write)>,
}

enum Phase {
    Running,
    /// Drains what is queued, then ends.
    Closing,
    /// Ends at once; the rest is in the journal.
    Dropped,
    /// sled failed; nothing more is applied.
    Failed(String),
}

/// Batches that go into sled as one.
struct Merged {
    position: Position,
    writes: BTreeMap<Key, Write>,
    /// Writes before merging.
    queued: usize,
}

impl SledIndex {
    /// Opens the index in `dir` during the boot `boot_id` of the machine (empty where unknown).
    ///
    /// # Crash safety
    /// From before the database is touched until [`Index::close`] the directory says that it
    /// is in use; dying in between costs a rebuild if the machine stops too, else nothing.
    ///
    /// # Errors
    /// [`IndexError::Io`] where not even an empty index can be made in `dir`.
    pub fn open(dir: &Path, options: Options, boot_id: &str) -> Result<(Self, Opened), IndexError> {
        let (mut index, opened) = Self::open_still(dir, options, boot_id)?;
        let shared = Arc::clone(&index.shared);
        let drainer = std::thread::Builder::new().name("index-drain".into());
        let drainer = drainer.spawn(move || shared.drain()).map_err(io)?;
        index.drainer = Mutex::new(Some(drainer));
        Ok((index, opened))
    }

    /// As [`SledIndex::open`], without the thread that drains the overlay.
    fn open_still(dir: &Path, options: Options, boot_id: &str) -> Result<(Self, Opened), IndexError> {
        fs::create_dir_all(dir).map_err(io)?;
        let judged = Mark::judge(dir, boot_id).and_then(|clean| {
            let in_use = Mark::open(boot_id).write(dir);
            in_use.map_err(|e| Distrust::Unreadable(e.to_string()))?;
            open_trusted(&dir.join(STORE), options, clean)
        });
        let (store, applied, census, opened) = match judged {
            Ok((store, applied, census)) => (store, applied, census, Opened::Trusted),
            Err(distrust) => {
                let store = open_empty(dir, options, boot_id)?;
                (store, 0, Census::new(), Opened::Rebuild(distrust))
            }
        };
        let shared = Arc::new(Shared {
            store: RwLock::new(Some(store)),
            state: Mutex::new(State {
                overlay: Arc::new(Overlay::at(applied)),
                queue: VecDeque::new(),
                backlog: 0,
                census,
                phase: Phase::Running,
            }),
            work: Condvar::new(),
            room: Condvar::new(),
            cache: Mutex::new(Cache::new(options.decoded_bytes)),
            reopen_bytes: options.reopen_bytes,
        });
        let index = Self { shared, drainer: Mutex::new(None), dir: dir.to_owned(), boot: boot_id.to_owned() };
        Ok((index, opened))
    }

    /// Ends the draining thread in `phase` and waits for it.
    fn end(&self, phase: Phase) {
        let mut state = self.shared.state();
        if matches!(state.phase, Phase::Running) {
            state.phase = phase;
        }
        drop(state);
        self.shared.work.notify_all();
        self.shared.room.notify_all();
        let drainer = self.drainer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(drainer) = drainer {
            // The thread catches its panics and leaves them in the phase.
            drainer.join().ok();
        }
    }
}

impl Drop for SledIndex {
    fn drop(&mut self) {
        self.end(Phase::Dropped);
    }
}

impl Index for SledIndex {
    fn apply(&self, batch: Batch) -> Result<(), IndexError> {
        let mut writes = Vec::with_capacity(batch.changes.len() * 4 + batch.counts.len());
        for change in &batch.changes {
            writes.extend(keys::changes(change.before.as_deref(), &change.after));
        }
        let raises = batch.counts.iter();
        writes.extend(raises.map(|(name, key, by)| (keys::tally(name, key), Write::Raise(*by))));
        let state = self.shared.room.wait_while(self.shared.state(), |state| {
            matches!(state.phase, Phase::Running) && state.backlog >= BACKLOG_WRITES_MAX
        });
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if batch.position <= state.overlay.position {
            return Ok(());
        }
        state.accepts()?;
        state.apply(&batch, writes);
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }

    fn applied(&self) -> Position {
        self.shared.state().overlay.position
    }

    fn get(&self, id: &InstanceId) -> Result<Option<Arc<Instance>>, IndexError> {
        Ok(self.holder(id)?.filter(|instance| instance.id == *id))
    }

    fn holder(&self, id: &InstanceId) -> Result<Option<Arc<Instance>>, IndexError> {
        let key = keys::record(id);
        if let Some(Write::Record(instance)) = self.shared.state().overlay.get(&key) {
            return Ok(Some(Arc::clone(instance)));
        }
        read::View::record(&self.shared.read()?, &key)
    }

    fn page(&self, lists: &[List], range: &Range, limit: usize) -> Result<Page, IndexError> {
        read::page(&self.shared.read()?, lists, range, limit)
    }

    fn due(
        &self,
        after: Option<&(Instant, InstanceId)>,
        until: Instant,
        limit: usize,
    ) -> Result<Vec<(Instant, InstanceId)>, IndexError> {
        read::due(&self.shared.read()?, after, until, limit)
    }

    fn sending(&self, after: Option<&InstanceId>, limit: usize) -> Result<Vec<InstanceId>, IndexError> {
        read::sending(&self.shared.read()?, after, limit)
    }

    fn count(&self, name: &str, key: &str) -> Result<u64, IndexError> {
        self.shared.read()?.tally(&keys::tally(name, key))
    }

    fn census(&self) -> Census {
        self.shared.state().census.clone()
    }

    fn dump(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), IndexError> {
        self.shared.read()?.dump(each)
    }

    /// Reads and further batches fail after it; closing again does nothing.
    fn close(&self) -> Result<(), IndexError> {
        self.end(Phase::Closing);
        let mut store = self.shared.store_mut();
        let state = self.shared.state();
        if let Phase::Failed(reason) = &state.phase {
            return Err(IndexError::Io(reason.clone()));
        }
        let clean = Clean { applied: state.overlay.position, instances: state.census.values().sum() };
        drop(state);
        let Some(store) = store.take() else { return Ok(()) };
        store.close()?;
        Mark::stopped(&self.boot, clean).write(&self.dir).map_err(io)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self) -> RwLockReadGuard<'_, Option<Store>> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn store_mut(&self) -> RwLockWriteGuard<'_, Option<Store>> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything as of now, unchanged for as long as it is held.
    fn read(&self) -> Result<Reading<'_>, IndexError> {
        let store = self.store();
        if store.is_none() {
            return Err(closed());
        }
        let overlay = Arc::clone(&self.state().overlay);
        Ok(Reading { overlay, store, cache: &self.cache })
    }

    /// The draining thread.
    fn drain(&self) {
        let ended = caught(|| {
            while let Some(merged) = self.next_merge() {
                self.store_merged(merged).map_err(|e| e.to_string())?;
            }
            Ok(())
        });
        if let Err(reason) = ended {
            self.state().phase = Phase::Failed(reason);
            self.room.notify_all();
        }
    }

    /// Waits for batches; none once the index ends.
    fn next_merge(&self) -> Option<Merged> {
        let state = self.work.wait_while(self.state(), |state| {
            matches!(state.phase, Phase::Running) && state.queue.is_empty()
        });
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        match state.phase {
            Phase::Running | Phase::Closing => {}
            Phase::Dropped | Phase::Failed(_) => return None,
        }
        let first = state.queue.pop_front()?;
        let mut merged = Merged { position: first.position, writes: BTreeMap::new(), queued: 0 };
        merged.join(first);
        while merged.queued < MERGE_WRITES {
            let Some(next) = state.queue.pop_front() else { break };
            merged.join(next);
        }
        Some(merged)
    }

    fn store_merged(&self, merged: Merged) -> Result<(), IndexError> {
        let prepared = match &*self.store() {
            Some(store) => store.prepare(merged.position, &merged.writes)?,
            None => return Err(closed()),
        };
        let mut store = self.store_mut();
        let open = store.as_mut().ok_or_else(closed)?;
        let records = open.commit(prepared)?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        records.into_iter().for_each(|(key, instance, bytes)| cache.put(key, instance, bytes));
        drop(cache);
        let mut state = self.state();
        let overlay = Arc::make_mut(&mut state.overlay);
        merged.writes.iter().for_each(|(key, write)| overlay.settle(merged.position, key, write));
        state.backlog -= merged.queued;
        drop(state);
        self.room.notify_all();
        if open.written_bytes() >= self.reopen_bytes
            && let Some(open) = store.take()
        {
            *store = Some(open.reopen()?);
        }
        Ok(())
    }
}

impl State {
    fn accepts(&self) -> Result<(), IndexError> {
        match &self.phase {
            Phase::Running => Ok(()),
            Phase::Closing | Phase::Dropped => Err(closed()),
            Phase::Failed(reason) => Err(IndexError::Io(reason.clone())),
        }
    }

    fn apply(&mut self, batch: &Batch, writes: Vec<(Key, Write)>) {
        let overlay = Arc::make_mut(&mut self.overlay);
        overlay.position = batch.position;
        for (key, write) in &writes {
            overlay.put(batch.position, Arc::clone(key), write.clone());
        }
        for change in &batch.changes {
            if let Some(before) = &change.before {
                self.leave(before);
            }
            let place = (change.after.workflow.clone(), change.after.state.clone());
            *self.census.entry(place).or_default() += 1;
        }
        self.backlog += writes.len();
        self.queue.push_back(Queued { position: batch.position, writes });
    }

    fn leave(&mut self, before: &Instance) {
        let place = (before.workflow.clone(), before.state.clone());
        if let Some(count) = self.census.get_mut(&place) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.census.remove(&place);
            }
        }
    }
}

impl Merged {
    fn join(&mut self, batch: Queued) {
        self.position = batch.position;
        self.queued += batch.writes.len();
        for (key, write) in batch.writes {
            let write = match (self.writes.get(&key), write) {
                (Some(Write::Raise(before)), Write::Raise(by)) => Write::Raise(before.saturating_add(by)),
                (_, write) => write,
            };
            self.writes.insert(key, write);
        }
    }
}

/// Opens storage that its mark does not speak against.
fn open_trusted(
    dir: &Path,
    options: Options,
    clean: Option<Clean>,
) -> Result<(Store, Position, Census), Distrust> {
    let store = Store::open(dir, options.cache_bytes).map_err(Distrust::Storage)?;
    let (applied, census) =
        caught(|| read_census(&store).map_err(|e| e.to_string())).map_err(Distrust::Storage)?;
    let instances = census.values().sum();
    if clean.is_some_and(|clean| clean != Clean { applied, instances }) {
        return Err(Distrust::Different { found: applied, instances });
    }
    Ok((store, applied, census))
}

fn read_census(store: &Store) -> Result<(Position, Census), IndexError> {
    let mut census = Census::new();
    let (from, until) = keys::kind_bounds(keys::STATE);
    for key in store.scan(&from, &until, Order::Ascending) {
        *census.entry(keys::parse_state(&key?)?).or_default() += 1;
    }
    Ok((store.applied()?, census))
}

/// Removes what is there before the mark says that the storage belongs to this boot.
fn open_empty(dir: &Path, options: Options, boot_id: &str) -> Result<Store, IndexError> {
    let store = dir.join(STORE);
    match fs::remove_dir_all(&store) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(io(e)),
        Ok(()) | Err(_) => {}
    }
    Mark::open(boot_id).write(dir).map_err(io)?;
    Store::open(&store, options.cache_bytes).map_err(IndexError::Io)
}

fn closed() -> IndexError {
    IndexError::Io("the index is closed".into())
}

fn io(error: std::io::Error) -> IndexError {
    IndexError::Io(error.to_string())
}

#[cfg(test)]
#[path = "sled_tests.rs"]
pub(super) mod tests;
