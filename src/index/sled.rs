//! Owns the default index: an overlay in memory over a sled database.
//!
//! [`Index::apply`] puts a batch into the overlay, where it is visible at once; a
//! thread of its own carries instances into sled once one has waited long enough,
//! with those that have waited half as long. Reads look into the overlay first,
//! so that what sled holds of a batch never shows in part.
//!
//! Three locks, taken in this order: `store`, which is taken alone only to open and
//! close sled; `still`, which lists share and the draining thread takes alone while
//! it changes sled and forgets what the overlay shadowed; then `state`, held for
//! moments. A list takes a copy of the overlay under `still` and goes on with both:
//! sled stands still below it, and a batch applied meanwhile goes into another copy.
//! So a page is at one position, and long pages do not hold up the writer. A single
//! instance is read without `still`: whatever is not in the overlay, sled has.
//!
//! # Why
//! sled's scans are no snapshots and its batches wait for every running read;
//! neither may be felt by the writer between a sync and its answers. The cost of
//! sled is the number of keys and the bytes that it logs: an instance that is
//! stored up to half a second after its first change costs a third of one that is stored
//! with each, and syncs of the journal no longer wait behind sled's writes. A batch
//! has a price of its own, of a few keys and of threads that sled wakes: one of
//! what has waited for a quarter of a second is shared by many instances, where
//! each stored in its turn was in a batch with two or three others.

use std::path::{Path, PathBuf};
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Moment};

use super::backlog::{Backlog, Taken};
use super::cache::Cache;
use super::keys::{self, Key, Write};
use super::mark::{Clean, Mark};
use super::opening::{Census, STORE, Storage};
pub use super::opening::{Distrust, Opened, Options, REOPEN_BYTES};
use super::overlay::Overlay;
use super::read;
use super::seal::Seal;
use super::store::{Store, caught};
use super::view::Reading;
use super::{Batch, Index, IndexError, List, Measures, Page, Raise, Range, kpis};
use crate::kernel::entry::Position;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::Record;
use crate::metrics::process::folder_bytes;

/// Writes that may wait for sled before [`Index::apply`] waits too: some seconds of sled's work,
/// and at most two hundred megabytes of instances.
pub const BACKLOG_WRITES_MAX: usize = 65_536;
/// Writes from which on sled is given more without waiting for its time.
const BACKLOG_WRITES_HIGH: usize = BACKLOG_WRITES_MAX / 2;
/// Writes given to sled at a time: readers of sled wait while it takes them, about 5 ms.
const STORE_WRITES: usize = 512;
/// Instances that wait for their maker to let go of them: those of some batches.
const GONE_MAX: usize = 2 * STORE_WRITES;

/// An index in a directory.
pub struct SledIndex {
    shared: Arc<Shared>,
    drainer: Mutex<Option<JoinHandle<()>>>,
    dir: PathBuf,
    boot: String,
    reached: Position,
}

struct Shared {
    /// Absent once closed.
    store: RwLock<Option<Store>>,
    /// Held by those for whom sled must stand still, and alone by who changes it.
    still: RwLock<()>,
    state: Mutex<State>,
    /// Something waits, or the phase changed.
    work: Condvar,
    /// The backlog shrank or the phase changed.
    room: Condvar,
    cache: Mutex<Cache>,
    reopen_bytes: u64,
    linger: Duration,
}

struct State {
    overlay: Overlay,
    backlog: Backlog,
    census: Census,
    phase: Phase,
    /// What storage has newer. Whoever applies made it, and lets go of it for less than the draining thread.
    gone: Vec<Arc<Instance>>,
}

enum Phase {
    Running,
    /// Drains what waits, then ends.
    Closing,
    /// Ends at once; the rest is in the journal.
    Dropped,
    /// sled failed; nothing more is applied.
    Failed(String),
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
            still: RwLock::new(()),
            state: Mutex::new(State {
                overlay: Overlay::at(storage.applied),
                backlog: Backlog::default(),
                census: storage.census,
                phase: Phase::Running,
                gone: Vec::new(),
            }),
            work: Condvar::new(),
            room: Condvar::new(),
            cache: Mutex::new(Cache::new(options.decoded_bytes)),
            reopen_bytes: options.reopen_bytes,
            linger: options.linger,
        });
        let (dir, boot, reached) = (dir.to_owned(), boot_id.to_owned(), storage.reached);
        let index = Self { shared, drainer: Mutex::new(None), dir, boot, reached };
        Ok((index, opened))
    }

    /// The last position of which it held anything when it was opened: that much was durable in the journal.
    pub const fn reached(&self) -> Position {
        self.reached
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
        let writes: Vec<_> = batch
            .changes
            .iter()
            .map(|change| keys::changes(change.before.as_deref(), &change.after))
            .collect();
        let state = self.shared.room.wait_while(self.shared.state(), |state| {
            matches!(state.phase, Phase::Running) && !state.has_room()
        });
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if batch.position <= state.overlay.position {
            return Ok(());
        }
        state.accepts()?;
        let wakes = state.backlog.rests() || state.backlog.len() >= BACKLOG_WRITES_HIGH;
        state.apply(batch, writes);
        let gone = std::mem::take(&mut state.gone);
        drop(state);
        drop(gone);
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
        let (kept, since) = self.shared.cache().look(&key);
        if kept.is_some() {
            return Ok(kept);
        }
        let store = self.shared.store();
        let Some((instance, size)) = store.as_ref().ok_or_else(closed)?.record(&key)? else {
            return Ok(None);
        };
        self.shared.cache().put_since(since, key, Arc::clone(&instance), size);
        Ok(Some(instance))
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
        workflows: &[&str],
        window: (Instant, Instant),
        each: &mut dyn FnMut(&Record),
    ) -> Result<Position, IndexError> {
        kpis::read(&self.shared.read()?, workflows, window, each)
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
        let (applied, instances) = (state.overlay.position, state.census.values().sum());
        drop(state);
        let Some(store) = store.take() else { return Ok(()) };
        store.close()?;
        let clean = Clean { applied, instances, seal: Seal::of(&self.dir.join(STORE))? };
        Ok(Mark::stopped(&self.boot, clean).write(&self.dir)?)
    }

    fn measures(&self) -> Option<Measures> {
        let backlog = self.shared.state().backlog.len() as u64;
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
        let still = self.still.read().unwrap_or_else(PoisonError::into_inner);
        let overlay = self.state().overlay.clone();
        Ok(Reading { overlay, store, still, cache: &self.cache })
    }

    /// The draining thread.
    fn drain(&self) {
        let ended = caught(|| {
            while let Some(taken) = self.next_taken() {
                self.store_taken(&taken).map_err(|e| e.to_string())?;
            }
            Ok(())
        });
        if let Err(reason) = ended {
            self.state().phase = Phase::Failed(reason);
            self.room.notify_all();
        }
    }

    /// Waits until something is to be stored; none once the index ends.
    fn next_taken(&self) -> Option<Taken> {
        let mut state = self.state();
        loop {
            let now = Moment::now();
            let linger = match state.phase {
                Phase::Dropped | Phase::Failed(_) => return None,
                Phase::Closing => Duration::ZERO,
                Phase::Running if state.backlog.len() >= BACKLOG_WRITES_HIGH => Duration::ZERO,
                Phase::Running => self.linger,
            };
            let rest = state.backlog.oldest().map(|since| (since + linger).saturating_duration_since(now));
            state = match rest {
                Some(Duration::ZERO) => {
                    // With the oldest go those that would wait on their own soon: each batch has a price.
                    return Some(state.take(linger / 2, now));
                }
                Some(rest) => {
                    let waited = self.work.wait_timeout(state, rest);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None if matches!(state.phase, Phase::Closing) => return None,
                None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn store_taken(&self, taken: &Taken) -> Result<(), IndexError> {
        let guard = self.store();
        let store = guard.as_ref().ok_or_else(closed)?;
        let prepared = store.prepare(taken, &|key| self.cache().parts(key))?;
        let still = self.still.write().unwrap_or_else(PoisonError::into_inner);
        let records = store.commit(prepared)?;
        let mut gone = self.cache().stored(records);
        let mut state = self.state();
        let State { backlog, overlay, .. } = &mut *state;
        backlog.settle(taken, overlay);
        // Where nothing is applied for long they are let go of here.
        if state.gone.len() < GONE_MAX {
            state.gone.append(&mut gone);
        }
        drop((state, still, gone));
        self.room.notify_all();
        let written = store.written_bytes();
        drop(guard);
        if written >= self.reopen_bytes { self.reopen(written) } else { Ok(()) }
    }

    /// Opens sled anew, alone: at a moment when nobody reads, but before twice as much is written. Whoever
    /// waits to be alone has everybody else wait behind a long list that is under way, the writer too.
    fn reopen(&self, written: u64) -> Result<(), IndexError> {
        let mut store = match self.store.try_write() {
            Err(TryLockError::WouldBlock) if written / 2 < self.reopen_bytes => return Ok(()),
            Err(TryLockError::WouldBlock) => self.store_mut(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Ok(store) => store,
        };
        if let Some(open) = store.take() {
            let began = Moment::now();
            *store = Some(open.reopen()?);
            tracing::debug!(bytes = written, took = ?began.elapsed(), "the index's database was opened anew");
        }
        Ok(())
    }
}

impl State {
    /// Whether one more batch may join the queue.
    const fn has_room(&self) -> bool {
        self.backlog.len() < BACKLOG_WRITES_MAX
    }

    fn accepts(&self) -> Result<(), IndexError> {
        match &self.phase {
            Phase::Running => Ok(()),
            Phase::Closing | Phase::Dropped => Err(closed()),
            Phase::Failed(reason) => Err(IndexError::Io(reason.clone())),
        }
    }

    fn take(&mut self, linger: Duration, now: Moment) -> Taken {
        self.backlog.take(&self.overlay, STORE_WRITES, linger, now)
    }

    /// Adds `batch`, whose changes come to `writes`.
    fn apply(&mut self, batch: Batch, writes: Vec<Vec<(Key, Write)>>) {
        let (position, now) = (batch.position, Moment::now());
        // A batch covers all positions since the one before it.
        let first = self.overlay.position + 1;
        self.overlay.position = position;
        for (change, writes) in batch.changes.iter().zip(writes) {
            let mut coming = self.backlog.coming(&keys::record(&change.after.id), first, now);
            if change.before.is_none() {
                coming.begins();
            }
            for (key, write) in writes {
                coming.put(&mut self.overlay, position, key, write);
            }
            if let Some(before) = &change.before {
                self.leave(before);
            }
            let place = (change.after.workflow.clone(), change.after.state.clone());
            *self.census.entry(place).or_default() += 1;
        }
        for Raise { instance, name, key, by } in batch.counts {
            let mut coming = self.backlog.coming(&keys::record(&instance), first, now);
            coming.raise(&mut self.overlay, position, keys::tally(&name, &key), by);
        }
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

fn closed() -> IndexError {
    IndexError::Io("the index is closed".into())
}

#[cfg(test)]
#[path = "sled_tests.rs"]
pub(super) mod tests;
