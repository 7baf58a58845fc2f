//! Owns the truth: an append-only sequence of commits per partition.
//!
//! Everything else the product knows is derived from here. Implementations:
//! [`mod@file`] (default) and [`memory`] (the suite's twin); each passes the same
//! contract suite. [`verify`] checks a file journal byte by byte, [`scrub`] does
//! so in the background for what is no longer written.
//!
//! Of the file journal, `line` owns the text of a commit, `segment` a file of
//! lines, `manifest` the list of finished files, `recover` the opening after any
//! kind of stop, `writer` who writes and syncs, `store` what readers see,
//! `meter` what writing took.

mod append;
#[cfg(test)]
mod contract;
mod disk;
pub mod file;
mod line;
mod lock;
mod manifest;
pub mod memory;
mod meter;
mod recover;
#[cfg(test)]
pub(crate) mod samples;
pub mod scrub;
mod segment;
mod store;
pub mod verify;
mod writer;

use async_trait::async_trait;

#[cfg(test)]
pub(crate) use disk::simulated;

pub use crate::kernel::entry::{Commit, Position};
pub use meter::{Measures, Meter};

/// Most bytes of one commit's line, its newline included.
pub const LINE_BYTES_MAX: usize = 512 * 1024;
/// Most entries of one commit: a parent and 64 children with one follow-up each.
pub const COMMIT_ENTRIES_MAX: usize = 130;
/// Most commits that share one sync.
pub const GROUP_COMMITS_MAX: usize = 1024;

/// What an append builds on; a writer that lost its partition is stopped by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The owner's epoch.
    pub epoch: u64,
    /// The last position the owner knows of; 0 for an empty journal.
    pub after: Position,
}

/// Where a journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The last durable position; 0 for an empty journal.
    pub last: Position,
    /// The chain value of its line.
    pub chain: crate::kernel::hash::Hash,
}

/// Why an append did not happen, or may not have.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another owner wrote after `after`; nothing of the group was written.
    #[error("another writer owns this journal since position {0}")]
    Fenced(Position),
    /// No space; nothing of the group was written.
    #[error("the disk has no room for another group: {0}")]
    Full(String),
    /// A commit's line is longer than [`LINE_BYTES_MAX`]; nothing of the group was written.
    #[error("a commit of {bytes} bytes is over the limit of {LINE_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The group breaks another limit or rule, or the journal is closed; nothing of it was written.
    #[error("the journal does not take this group: {0}")]
    Refused(String),
    /// The group may or may not be durable; only [`Journal::tail`] of a journal
    /// opened anew tells. This journal takes no further append.
    #[error("it is not known whether the group was stored: {0}")]
    Unknown(String),
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stored bytes at `position` are not what was written.
    #[error("journal damaged at position {position}: {reason}")]
    Damaged {
        /// The first bad position.
        position: Position,
        /// What is wrong with it.
        reason: String,
    },
    /// The storage failed.
    #[error("journal cannot be read: {0}")]
    Io(String),
}

/// One partition's append-only sequence of commits.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes `group` as one unit and syncs it; answers the last position.
    ///
    /// # Crash safety
    /// Dying before the answer leaves none, or a leading part, of the group, which
    /// recovery may keep or cut as a whole from its first missing commit; nobody was
    /// told of it. Dying after `Ok` loses nothing of it. Dropping the future does not
    /// stop a write that has begun; the next append waits for it.
    ///
    /// # Errors
    /// [`AppendError`]; after `Unknown` every further append fails with `Unknown`.
    async fn append(&self, fence: Fence, group: &[Commit]) -> Result<Position, AppendError>;

    /// The commits at `positions`, in that order; 0 and positions past the end are left out.
    ///
    /// # Errors
    /// [`ReadError`]; a damaged commit is never returned.
    async fn get(&self, positions: &[Position]) -> Result<Vec<(Position, Commit)>, ReadError>;

    /// Up to `limit` durable commits from position `from` on, in order; fewer where
    /// they are long. Only an empty answer means that there are no more.
    ///
    /// # Errors
    /// [`ReadError`].
    async fn read(&self, from: Position, limit: usize) -> Result<Vec<(Position, Commit)>, ReadError>;

    /// Waits until a position of at least `from` is durable; answers the last durable one.
    async fn watch(&self, from: Position) -> Position;

    /// The durable end.
    ///
    /// # Errors
    /// [`ReadError`]; also `Io` after an `Unknown` append, until opened anew.
    async fn tail(&self) -> Result<Tail, ReadError>;

    /// Ends cleanly: whatever is durable now is never cut at the next opening.
    ///
    /// # Crash safety
    /// Dying before or during it is an unclean stop, which loses nothing.
    ///
    /// # Errors
    /// [`ReadError::Io`] where the closing mark could not be written.
    async fn close(&self) -> Result<(), ReadError>;

    /// How large it is and what its syncs took, where it measures that.
    fn measures(&self) -> Option<Measures<'_>> {
        None
    }
}
