//! Owns the default index: an overlay in memory over a sled database.
//!
//! [`Index::apply`] puts a batch into the overlay, where it is visible at once; a
//! thread of its own carries the overlay into sled, several batches as one. It waits
//! a moment for more of them: rows that come and go meanwhile never reach sled.
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
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use super::cache::Cache;
use super::keys::{self, Key, Write};
use super::mark::{Clean, Mark};
use super::opening::{Census, Storage};
pub use super::opening::{Distrust, Opened, Options, REOPEN_BYTES};
use super::overlay::Overlay;
use super::read;
use super::store::{Store, caught};
use super::view::Reading;
use super::{Batch, Index, IndexError, List, Measures, Page, Range, kpis};
use crate::kernel::entry::Position;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::Record;
use crate::metrics::process::folder_bytes;

/// Writes that may wait for sled before [`Index::apply`] waits too: about 0.2 s of sled's
/// work, ten megabytes of instances, and less than a millisecond where a reader makes
/// [`Index::apply`] copy them.
pub const BACKLOG_WRITES_MAX: usize = 16_384;
/// Writes left of a merge after which no further batch joins it: readers of sled wait while it takes
/// them, about 10 ms.
const MERGE_WRITES: usize = 1_024;
/// Writes that are waited for before a merge: what a case does in short order then costs sled once.
const LINGER_WRITES: usize = 4_096;
/// How long is waited for them; a killed process loses no more than the journal gives back in no time.
const LINGER: Duration = Duration::from_millis(100);

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
    /// What becomes of each key; absent where storage is already as it must be.
    writes: BTreeMap<Key, Option<Write>>,
    /// How many of them are present.
    left: usize,
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
    /// [`IndexError::Io`] where somebody has the index open, or not even an empty one can be made in `dir`.
    pub fn open(dir: &Path, options: Options, boot_id: &str) -> Result<(Self, Opened), IndexError> {
        let (mut index, opened) = Self::open_still(dir, options, boot_id)?;
        let shared = Arc::clone(&index.shared);
        let drainer = std::thread::Builder::new().name("index-drain".into());
        let drainer = drainer.spawn(move || shared.drain())?;
        index.drainer = Mutex::new(Some(drainer));
        Ok((index, opened))
    }

    /// As [`SledIndex::open`], without the thread that drains the overlay.
    fn open_still(dir: &Path, options: Options, boot_id: &str) -> Result<(Self, Opened), IndexError> {
        let (storage, opened) = Storage::open(dir, options, boot_id)?;
        let shared = Arc::new(Shared {
            store: RwLock::new(Some(storage.store)),
            state: Mutex::new(State {
                overlay: Arc::new(Overlay::at(storage.applied)),
                queue: VecDeque::new(),
                backlog: 0,
                census: storage.census,
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
            matches!(state.phase, Phase::Running) && !state.has_room()
        });
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if batch.position <= state.overlay.position {
            return Ok(());
        }
        state.accepts()?;
        let rested = state.queue.is_empty();
        state.apply(&batch, writes);
        let wakes = rested || state.backlog >= LINGER_WRITES;
        drop(state);
        if wakes {
            self.shared.work.notify_one();
        }
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

    fn kpis(
        &self,
        workflow: &str,
        window: (Instant, Instant),
        each: &mut dyn FnMut(&Record),
    ) -> Result<Position, IndexError> {
        kpis::read(&self.shared.read()?, workflow, window, each)
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
        Ok(Mark::stopped(&self.boot, clean).write(&self.dir)?)
    }

    fn measures(&self) -> Option<Measures> {
        let backlog = self.shared.state().backlog as u64;
        let bytes = folder_bytes(&self.dir);
        Some(Measures { bytes, backlog, backlog_max: BACKLOG_WRITES_MAX as u64 })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
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
                self.store_merged(&merged).map_err(|e| e.to_string())?;
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
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let lingered = self.work.wait_timeout_while(state, LINGER, |state| {
            matches!(state.phase, Phase::Running) && state.backlog < LINGER_WRITES
        });
        let (mut state, _) = lingered.unwrap_or_else(PoisonError::into_inner);
        match state.phase {
            Phase::Running | Phase::Closing => {}
            Phase::Dropped | Phase::Failed(_) => return None,
        }
        let first = state.queue.pop_front()?;
        let mut merged = Merged { position: first.position, writes: BTreeMap::new(), left: 0, queued: 0 };
        merged.join(first);
        while merged.left < MERGE_WRITES {
            let Some(next) = state.queue.pop_front() else { break };
            merged.join(next);
        }
        Some(merged)
    }

    fn store_merged(&self, merged: &Merged) -> Result<(), IndexError> {
        let prepared = match &*self.store() {
            Some(store) => store.prepare(merged.position, merged.needed(), &|key| self.cache().parts(key))?,
            None => return Err(closed()),
        };
        let mut store = self.store_mut();
        let open = store.as_mut().ok_or_else(closed)?;
        let records = open.commit(prepared)?;
        let mut cache = self.cache();
        records.into_iter().for_each(|(key, instance, size)| cache.put(key, instance, size));
        drop(cache);
        let mut state = self.state();
        let overlay = Arc::make_mut(&mut state.overlay);
        merged.writes.iter().for_each(|(key, write)| overlay.settle(merged.position, key, write.as_ref()));
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
    /// Whether one more batch may join the queue.
    const fn has_room(&self) -> bool {
        self.backlog < BACKLOG_WRITES_MAX
    }

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
            let earlier = self.writes.get(&key).and_then(Option::as_ref);
            self.left -= usize::from(earlier.is_some());
            let write = match (earlier, write) {
                (Some(Write::Raise(before)), Write::Raise(by)) => {
                    Some(Write::Raise(before.saturating_add(by)))
                }
                // A row is written where there was none and removed where there was one: storage stays.
                (Some(Write::Row), Write::Remove) | (Some(Write::Remove), Write::Row) => None,
                (_, write) => Some(write),
            };
            self.left += usize::from(write.is_some());
            self.writes.insert(key, write);
        }
    }

    /// The writes that storage needs.
    fn needed(&self) -> impl Iterator<Item = (&Key, &Write)> {
        self.writes.iter().filter_map(|(key, write)| write.as_ref().map(|write| (key, write)))
    }
}

fn closed() -> IndexError {
    IndexError::Io("the index is closed".into())
}

#[cfg(test)]
#[path = "sled_tests.rs"]
pub(super) mod tests;
