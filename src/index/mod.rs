//! Owns what is derived: current instances, timers, lists, tallies; rebuilt from the journal at any time.
//!
//! Implementations: [`sled`] (default) and [`memory`] (the suite's twin); each
//! passes the same contract suite. [`keys`] says once which keys an instance has.

mod backlog;
mod cache;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod damage_tests;
mod dictionary;
pub mod keys;
mod kpis;
mod mark;
pub mod memory;
mod opening;
mod overlay;
mod read;
mod record;
mod seal;
pub mod sled;
mod store;
mod view;

use std::sync::Arc;

use crate::kernel::entry::Position;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::Record;

/// Most rows read for one page, whatever the further filters leave of them.
pub const PAGE_SCAN_MAX: usize = 5_000;

/// What one group of commits changes, applied as one unit.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The last position it covers.
    pub position: Position,
    /// Instances before and after; each instance at most once.
    pub changes: Vec<Change>,
    /// Tallies to raise.
    pub counts: Vec<Raise>,
}

/// A tally that an entry raises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raise {
    /// Whose entry: the tally is stored with this instance.
    pub instance: InstanceId,
    /// The tally's name.
    pub name: String,
    /// Its key.
    pub key: String,
    /// By how much.
    pub by: u64,
}

/// One instance before (absent for a start) and after a group.
#[derive(Clone, Debug)]
pub struct Change {
    /// As it was at the last applied position.
    pub before: Option<Arc<Instance>>,
    /// As it is now.
    pub after: Arc<Instance>,
}

/// One ordered list of instances: by (created, id), or where it says so by (due, id).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum List {
    /// Instances of `workflow` in the leaf `state` (a whole dotted path).
    State {
        /// The flow.
        workflow: String,
        /// The whole dotted path of a leaf.
        state: String,
    },
    /// Instances owned by a person or queue that are not open any more.
    Owner(String),
    /// Instances owned by a person or queue that are open.
    Work(String),
    /// Instances of a customer.
    Customer(String),
    /// Instances (open or not) of `workflow` with an outside reference.
    ExternalRef {
        /// The flow.
        workflow: String,
        /// The reference in the other system.
        reference: String,
    },
    /// Instances with a clock that runs, by (due, id): the due that comes first among its running
    /// clocks. Merged with no other list.
    Due,
}

/// Where a page starts and ends within (moment, id); the moment is what its list is ordered by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// At or after.
    pub from: Option<Instant>,
    /// Before.
    pub until: Option<Instant>,
    /// Continue after this row.
    pub after: Option<(Instant, InstanceId)>,
    /// Latest first instead of earliest first.
    pub newest_first: bool,
}

/// What a page read, at one published position.
#[derive(Clone, Debug)]
pub struct Page {
    /// Rows in order.
    pub rows: Vec<Arc<Instance>>,
    /// Whether the lists hold more rows after the last one.
    pub more: bool,
    /// The position all rows were read at.
    pub position: Position,
}

/// Why the index failed; deleting it and rebuilding is always an answer.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A stored record cannot be read.
    #[error("index record `{key}` cannot be read: {reason}")]
    Corrupt {
        /// Its key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The storage failed.
    #[error("index storage failed: {0}")]
    Io(String),
}

/// One partition's derived state. Reads see everything applied before they began.
pub trait Index: Send + Sync {
    /// Makes `batch` visible as one unit. Applying a batch at or below [`Index::applied`] changes nothing.
    ///
    /// # Crash safety
    /// Of every instance a whole state is kept: that of [`Index::applied`], or of a later batch. So the
    /// journal must be applied again from there, past the entries that an instance has already
    /// ([`Instance::position`]).
    ///
    /// # Errors
    /// [`IndexError`].
    fn apply(&self, batch: Batch) -> Result<(), IndexError>;

    /// The last position applied; 0 when empty.
    fn applied(&self) -> Position;

    /// The instance.
    ///
    /// # Errors
    /// [`IndexError`].
    fn get(&self, id: &InstanceId) -> Result<Option<Arc<Instance>>, IndexError>;

    /// The instance whose id has the same local part as `id`, whatever its partition.
    ///
    /// A local part is made of what started an instance, so that a start must be
    /// refused where another instance already holds it: both would share one record.
    ///
    /// # Errors
    /// [`IndexError`].
    fn holder(&self, id: &InstanceId) -> Result<Option<Arc<Instance>>, IndexError>;

    /// Up to `limit` (at most [`PAGE_SCAN_MAX`]) rows of the merged `lists`, in their order;
    /// an instance that stands in several of them comes once.
    ///
    /// # Errors
    /// [`IndexError`].
    fn page(&self, lists: &[List], range: &Range, limit: usize) -> Result<Page, IndexError>;

    /// Up to `limit` (due, instance) pairs with due at or before `until`, in order, after `after`.
    ///
    /// An instance is due at [`keys::wake_at`]: its earliest timer, or the earliest
    /// moment at which a parked send may be tried again or a pending link lapses.
    ///
    /// # Errors
    /// [`IndexError`].
    fn due(
        &self,
        after: Option<&(Instant, InstanceId)>,
        until: Instant,
        limit: usize,
    ) -> Result<Vec<(Instant, InstanceId)>, IndexError>;

    /// Instances that have sends or pending links to deliver, up to `limit`, after `after`.
    ///
    /// # Errors
    /// [`IndexError`].
    fn sending(&self, after: Option<&InstanceId>, limit: usize) -> Result<Vec<InstanceId>, IndexError>;

    /// Tells the KPI record of every instance of `workflows` that can count in the `window` (from,
    /// and to without it), open ones too, in any order and a few more; answers the position that
    /// all were read at.
    ///
    /// # Errors
    /// [`IndexError`].
    fn kpis(
        &self,
        workflows: &[&str],
        window: (Instant, Instant),
        each: &mut dyn FnMut(&Record),
    ) -> Result<Position, IndexError>;

    /// A tally.
    ///
    /// # Errors
    /// [`IndexError`].
    fn count(&self, name: &str, key: &str) -> Result<u64, IndexError>;

    /// How many instances are in each (workflow, state), as of the last applied position.
    fn census(&self) -> std::collections::BTreeMap<(String, String), u64>;

    /// Every key and value in key order, for comparing an index with one rebuilt.
    ///
    /// # Errors
    /// [`IndexError`].
    fn dump(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), IndexError>;

    /// Writes everything applied to storage and marks a clean stop.
    ///
    /// # Crash safety
    /// Dying before it means the index is kept only within the same boot of the machine.
    ///
    /// # Errors
    /// [`IndexError`].
    fn close(&self) -> Result<(), IndexError>;

    /// How large it is and what waits in it, where it measures that.
    fn measures(&self) -> Option<Measures> {
        None
    }
}

/// An index in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measures {
    /// Bytes of its files.
    pub bytes: u64,
    /// Writes that its files do not have yet.
    pub backlog: u64,
    /// How many of them there may be before the writer waits.
    pub backlog_max: u64,
}
