//! Owns the default journal: append-only JSON lines in segment files of one directory.

use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use super::append::{Group, Head};
use super::disk::shaped::ShapedDisks;
pub use super::disk::shaped::{Shape, Shaping};
use super::disk::{Disks, RealDisks};
use super::lock::Lock;
pub use super::recover::{Cut, OpenError, Opened, Options, Sync};
use super::scrub::Cursor;
use super::store::{self, Store};
use super::writer::{Work, Writer};
use super::{AppendError, Commit, Fence, Journal, Measures, Position, ReadError, Tail, recover};

/// Says whether the journal in `dir` could be opened: nobody has it open.
///
/// # Errors
/// [`OpenError::Locked`] with the process that has it open; [`OpenError::Io`].
pub fn unused(dir: &Path) -> Result<(), OpenError> {
    recover::lock(dir).map(drop)
}

/// A journal in a directory of this machine.
pub struct FileJournal {
    head: Arc<AsyncMutex<Head>>,
    pub(super) store: Arc<Store>,
    pub(super) cursor: Arc<Mutex<Cursor>>,
    hand: Hand,
    // Declared last: let go of after the hand has ended.
    _lock: Lock,
}

/// Who writes: whoever holds the head has it to himself.
struct Hand {
    writer: Arc<Mutex<Writer>>,
    /// For groups that are worth it; none where no group is synced.
    thread: Option<Thread>,
}

/// A thread that writes, and how it is asked.
struct Thread {
    work: mpsc::Sender<Work>,
    ended: JoinHandle<()>,
}

impl Hand {
    /// The one that suits `sync`.
    fn of(sync: Sync, writer: Writer) -> std::io::Result<Self> {
        let writer = Arc::new(Mutex::new(writer));
        let thread = match sync {
            Sync::AtClose => None,
            Sync::EveryGroup => {
                let (work, received) = mpsc::channel();
                let writes = Arc::clone(&writer);
                let thread = thread::Builder::new().name("journal".into());
                let ended = thread.spawn(move || received.iter().for_each(|work| do_work(&writes, work)))?;
                Some(Thread { work, ended })
            }
        };
        Ok(Self { writer, thread })
    }

    /// Does `work`; the answer tells what came of it, or that nobody is left to do it.
    ///
    /// Whoever appends a single commit writes it himself, for nobody else was waiting: to hand it over and
    /// back takes a third of a fast disk's sync. Who comes meanwhile waits for the sync in any case.
    fn take(&self, work: Work) {
        match &self.thread {
            // Where the thread has ended, the answer's sender is dropped with the work, which the asker sees.
            Some(Thread { work: sender, .. }) if !work.is_single() => {
                sender.send(work).ok();
            }
            Some(_) | None => do_work(&self.writer, work),
        }
    }
}

/// One that panicked within a group does nothing more: the work's answer is dropped, which the asker sees.
fn do_work(writer: &Mutex<Writer>, work: Work) {
    if let Ok(mut writer) = writer.lock() {
        writer.work(work);
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        if let Some(Thread { work, ended }) = self.thread.take() {
            drop(work);
            // The lock must not be let go of while a group is still being written.
            ended.join().ok();
        }
    }
}

impl FileJournal {
    /// Opens the journal in `dir`, made where there is none, and says what was found.
    ///
    /// `index_applied` is the last position that a trusted index has applied; 0
    /// where it will be rebuilt. It blocks: the active segment is read in full.
    ///
    /// # Crash safety
    /// An unacknowledged end of the last group is overwritten with fill and
    /// synced before this returns; dying within leaves it to the next opening.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(dir: &Path, options: Options, index_applied: Position) -> Result<(Self, Opened), OpenError> {
        Self::open_on(Box::new(RealDisks), dir, options, index_applied)
    }

    /// As [`FileJournal::open`], on a disk that behaves as `shaping` says at any moment.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_shaped(
        shaping: Arc<Shaping>,
        dir: &Path,
        options: Options,
        index_applied: Position,
    ) -> Result<(Self, Opened), OpenError> {
        Self::open_on(Box::new(ShapedDisks(shaping)), dir, options, index_applied)
    }

    /// As [`FileJournal::open`], writing to `disks`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(super) fn open_on(
        disks: Box<dyn Disks>,
        dir: &Path,
        options: Options,
        index_applied: Position,
    ) -> Result<(Self, Opened), OpenError> {
        let recover::Parts { lock, writer, opened } = recover::open(dir, options, disks, index_applied)?;
        let store = Arc::clone(&writer.store);
        let head = Arc::new(AsyncMutex::new(Head::new(store.tail())));
        let hand = Hand::of(options.sync, writer);
        let hand = hand.map_err(|error| OpenError::Io { dir: dir.to_owned(), error })?;
        Ok((Self { head, store, cursor: Arc::default(), hand, _lock: lock }, opened))
    }

    /// As [`FileJournal::open`] for an index that has applied nothing, on a disk that fails as told.
    #[cfg(test)]
    pub(crate) fn open_simulated(
        disks: &super::simulated::SimulatedDisks,
        dir: &Path,
        options: Options,
    ) -> Result<Self, OpenError> {
        Self::open_on(Box::new(disks.clone()), dir, options, 0).map(|(journal, _)| journal)
    }

    /// Runs a read where it may block.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || read(&store)).await.map_err(store::io_error)?
    }
}

const WRITER_ENDED: &str = "the journal's writer has ended";

#[async_trait]
impl Journal for FileJournal {
    async fn append(&self, fence: Fence, group: &[Commit]) -> Result<Position, AppendError> {
        let mut head = Arc::clone(&self.head).lock_owned().await;
        head.admit(fence)?;
        if group.is_empty() {
            return Ok(head.tail.last);
        }
        let group = Group::write(head.tail, group)?;
        let (answer, outcome) = oneshot::channel();
        self.hand.take(Work::Append { group, head, answer });
        outcome.await.unwrap_or_else(|_| Err(AppendError::Unknown(WRITER_ENDED.into())))
    }

    async fn get(&self, positions: &[Position]) -> Result<Vec<(Position, Commit)>, ReadError> {
        let positions = positions.to_vec();
        self.blocking(move |store| store.get(&positions)).await
    }

    async fn read(&self, from: Position, limit: usize) -> Result<Vec<(Position, Commit)>, ReadError> {
        self.blocking(move |store| store.read(from, limit)).await
    }

    async fn watch(&self, from: Position) -> Position {
        let mut tail = self.store.watch();
        match tail.wait_for(|tail| tail.last >= from).await {
            Ok(tail) => tail.last,
            Err(_) => unreachable!("the sender lives in the store, which `self` holds"),
        }
    }

    async fn tail(&self) -> Result<Tail, ReadError> {
        self.head.lock().await.known_tail().map_err(ReadError::Io)
    }

    async fn close(&self) -> Result<(), ReadError> {
        let head = Arc::clone(&self.head).lock_owned().await;
        let (answer, outcome) = oneshot::channel();
        self.hand.take(Work::Close { head, answer });
        outcome.await.unwrap_or_else(|_| Err(ReadError::Io(WRITER_ENDED.into())))
    }

    fn measures(&self) -> Option<Measures<'_>> {
        Some(self.store.measures())
    }
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod power;
#[cfg(test)]
mod tests;
