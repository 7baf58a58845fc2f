//! Owns the search of histories: commits read backwards from a position, so many for each answer.
//!
//! # Why
//! There is no index of actors and events: it would cost every write for what auditors ask now and then.
//! Positions are dense and `recorded_at` never goes back, so a time is found by halving the journal, and the
//! history of one instance by the position that each entry has of the one before.

use memchr::memmem::Finder;

use super::catalog::{CALENDAR, DEFINITION};
use super::desk::{REVEAL, VIEWS};
use super::directory::{ACTOR, TOKEN};
use super::read::records;
use super::schedule::SCHEDULE;
use super::shared::IMPORT;
use super::{Engine, Recorded};
use crate::journal::{Commit, ReadError};
use crate::kernel::entry::{Entry, Position, Stored};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;

/// The engine's own workflows whose histories can be searched for by name.
pub const OWN: [&str; 8] = [ACTOR, CALENDAR, DEFINITION, IMPORT, REVEAL, SCHEDULE, TOKEN, VIEWS];
/// Most commits looked at for one answer: some ten milliseconds of reading and checking.
pub const COMMITS_MAX: usize = 2_000;
/// Commits of one read of the journal.
const READ: u64 = 250;

/// Where a search looks.
#[derive(Clone, Debug)]
pub struct Sought {
    /// The commit that is looked at first, the latest.
    pub at: Position,
    /// The first commit that is no longer looked at is the one before this.
    pub since: Position,
    /// Only in the history of this instance, which has an entry in the commit at `at`.
    pub of: Option<InstanceId>,
    /// What stands in the canonical form of every entry that is kept: others are passed over unread, which
    /// is what most of the time of a search would go into.
    pub texts: Vec<String>,
    /// No further commit is looked at once there are so many entries.
    pub limit: usize,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Newest first. A commit is never split: a few more than asked for are possible.
    pub entries: Vec<Recorded>,
    /// The commit at which the search goes on; absent at its end.
    pub next: Option<Position>,
    /// How many commits were looked at.
    pub scanned: usize,
    /// When the last commit that was looked at was recorded.
    pub back_to: Option<Instant>,
}

impl Engine {
    /// The entries that `keeps` keeps, newest first, of at most [`COMMITS_MAX`] commits.
    ///
    /// # Errors
    /// [`ReadError`]; found damage also stops the writer.
    pub async fn search(
        &self,
        sought: &Sought,
        keeps: &(dyn Fn(&Entry) -> bool + Sync),
    ) -> Result<Found, ReadError> {
        let since = sought.since.max(1);
        let texts: Vec<Finder<'_>> = sought.texts.iter().map(Finder::new).collect();
        let may_keep =
            |stored: &Stored| texts.iter().all(|text| text.find(stored.entry.as_bytes()).is_some());
        let next = Some(sought.at).filter(|at| *at >= since);
        let mut found = Found { entries: Vec::new(), next, scanned: 0, back_to: None };
        let mut last = None;
        while let Some(at) = found.next.filter(|_| !found.is_full(sought)) {
            match &sought.of {
                Some(id) => {
                    let own = self.entries_of(id, at).await?;
                    let before = own.first().and_then(|(_, before)| *before);
                    found.take(own, keeps);
                    found.next = before.filter(|before| *before >= since);
                    last = Some(at);
                }
                None => {
                    let low = (at + 1).saturating_sub(READ).max(since);
                    for (position, mut commit) in self.commits(low, at).await?.into_iter().rev() {
                        commit.entries.retain(may_keep);
                        let kept =
                            if commit.entries.is_empty() { Vec::new() } else { records(position, &commit)? };
                        found.take(kept, keeps);
                        found.next = Some(position - 1).filter(|before| *before >= since);
                        last = Some(position);
                        if found.is_full(sought) {
                            break;
                        }
                    }
                }
            }
        }
        if let Some(last) = last {
            found.back_to = Some(self.recorded_at(last).await?);
        }
        Ok(found)
    }

    /// The last position that was recorded before `at`; 0 where there is none.
    ///
    /// # Errors
    /// As [`Engine::search`].
    pub async fn position_before(&self, at: Instant) -> Result<Position, ReadError> {
        // What stands at `low` is earlier than `at`, what stands after `high` is not.
        let (mut low, mut high) = (0, self.position());
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.recorded_at(middle).await? < at {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        Ok(low)
    }

    async fn recorded_at(&self, position: Position) -> Result<Instant, ReadError> {
        let commits = self.read_at(position).await?;
        let stored = commits.first().and_then(|(_, commit)| commit.entries.first());
        let damaged = |reason: String| ReadError::Damaged { position, reason };
        let stored = stored.ok_or_else(|| damaged("a commit without entries".to_owned()))?;
        Ok(stored.verify().map_err(|error| damaged(error.to_string()))?.recorded_at)
    }

    /// The commits from `low` to `high`, both included, in order.
    async fn commits(&self, low: Position, high: Position) -> Result<Vec<(Position, Commit)>, ReadError> {
        let mut found: Vec<(Position, Commit)> = Vec::new();
        let mut from = low;
        while from <= high {
            let wanted = usize::try_from(high - from + 1).unwrap_or(usize::MAX);
            let read = self.note_damage(self.shared.journal.read(from, wanted).await)?;
            let Some((last, _)) = read.last() else {
                let reason = "the journal ends before what was published".to_owned();
                return Err(ReadError::Damaged { position: from, reason });
            };
            from = last + 1;
            found.extend(read);
        }
        Ok(found)
    }
}

impl Found {
    fn is_full(&self, sought: &Sought) -> bool {
        self.scanned >= COMMITS_MAX || self.entries.len() >= sought.limit
    }

    /// Takes up the entries of one commit.
    fn take(&mut self, recorded: Vec<(Recorded, Option<Position>)>, keeps: &(dyn Fn(&Entry) -> bool + Sync)) {
        self.scanned += 1;
        let recorded = recorded.into_iter().rev().map(|(recorded, _)| recorded);
        self.entries.extend(recorded.filter(|recorded| keeps(&recorded.entry)));
    }
}
