//! Owns the newest entries in memory: readers at the end of the feed get them without the journal.
//!
//! # Why
//! A commit that was just published is asked for by every reader of the feed at the same moment. Each would
//! read its line back, check it and parse it again: in the writer's process they did that for more time than
//! the writer took to make it. Where nobody reads, only a few are kept: to let go of so many that nobody ever
//! looked at took the writer 3 % of its time. Some are kept in any case, for answers are made of them: who
//! makes one would else be the last to hold its entry and let go of it on another thread than the writer's,
//! and the allocator gives memory back slowly to a thread that others free for.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Recorded;
use crate::journal::Position;

/// Bytes of canonical text whose entries are kept: some thousands.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// The same where nobody reads: some hundreds, more than are answered with at the same time.
const UNREAD_BYTES_MAX: usize = 512 * 1024;
/// Commits after which a reader that did not ask again is none any more.
const UNREAD_MAX: u64 = 16_384;

/// The newest published entries.
#[derive(Default)]
pub struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// In order, with the bytes of each.
    entries: VecDeque<(Recorded, usize)>,
    bytes: usize,
    /// Everything after this position is here; nothing was added yet where it is absent.
    after: Option<Position>,
    /// Up to this one.
    last: Position,
    /// The last position when it was last asked for; absent where nobody reads.
    asked: Option<Position>,
}

impl Recent {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the entries of a group that follows on what was added before, with the bytes of each.
    pub fn add(&self, entries: impl IntoIterator<Item = (Recorded, usize)>) {
        let mut kept = self.kept();
        let read = kept.asked.is_some_and(|asked| kept.last <= asked + UNREAD_MAX);
        let bytes_max = if read { BYTES_MAX } else { UNREAD_BYTES_MAX };
        for (recorded, bytes) in entries {
            kept.after.get_or_insert(recorded.position - 1);
            kept.last = recorded.position;
            kept.bytes += bytes;
            kept.entries.push_back((recorded, bytes));
        }
        while kept.bytes > bytes_max {
            let Some((oldest, bytes)) = kept.entries.pop_front() else { break };
            kept.bytes -= bytes;
            // A commit that is here in part is not here.
            kept.after = Some(oldest.position);
        }
    }

    /// The entries of the commits after `after` up to `end`, at least one commit and none more once there are
    /// `limit` entries; nothing where the journal must be asked.
    pub fn after(&self, after: Position, end: Position, limit: usize) -> Option<Vec<Recorded>> {
        let mut kept = self.kept();
        kept.asked = Some(end);
        if kept.after.is_none_or(|first| after < first) || kept.last < end {
            return None;
        }
        let from = kept.entries.partition_point(|(recorded, _)| recorded.position <= after);
        let mut found: Vec<Recorded> = Vec::new();
        for (recorded, _) in kept.entries.range(from..) {
            let is_next = found.last().is_none_or(|last| last.position != recorded.position);
            if recorded.position > end || (is_next && found.len() >= limit) {
                break;
            }
            found.push(recorded.clone());
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::journal::samples::Story;

    /// An entry of the commit at `position`, of so many bytes.
    fn at(position: Position, bytes: usize) -> (Recorded, usize) {
        let stored = &Story::default().next("a", &[]).entries[0];
        let (entry, private) = (Arc::new(stored.read().unwrap()), Arc::default());
        (Recorded { position, entry, hash: stored.hash, private }, bytes)
    }

    /// Of which somebody reads.
    fn read() -> Recent {
        let recent = Recent::default();
        assert!(recent.after(0, 0, 1).is_none());
        recent
    }

    fn positions(found: Option<Vec<Recorded>>) -> Option<Vec<Position>> {
        found.map(|found| found.iter().map(|recorded| recorded.position).collect())
    }

    #[test]
    fn what_is_not_there_is_the_journals() {
        let recent = Recent::default();
        assert_eq!(positions(recent.after(0, 0, 10)), None);
        recent.add([at(5, 1), at(5, 1), at(6, 1)]);
        assert_eq!(positions(recent.after(3, 6, 10)), None);
        assert_eq!(positions(recent.after(4, 6, 10)), Some(vec![5, 5, 6]));
        assert_eq!(positions(recent.after(5, 6, 10)), Some(vec![6]));
        assert_eq!(positions(recent.after(6, 6, 10)), Some(vec![]));
        assert_eq!(positions(recent.after(5, 7, 10)), None, "7 is durable and not here yet");
    }

    #[test]
    fn fewer_are_kept_where_nobody_reads_or_has_read_for_long() {
        let recent = Recent::default();
        recent.add([at(1, 1), at(2, UNREAD_BYTES_MAX), at(3, 1)]);
        assert_eq!(positions(recent.after(1, 3, 10)), None, "nobody had read");
        assert_eq!(positions(recent.after(2, 3, 10)), Some(vec![3]));
        recent.add([at(4, UNREAD_BYTES_MAX)]);
        assert_eq!(positions(recent.after(2, 4, 10)), Some(vec![3, 4]));
        recent.add([at(5 + UNREAD_MAX, 1)]);
        assert_eq!(positions(recent.after(2, 4, 10)), Some(vec![3, 4]));
        recent.add([at(6 + UNREAD_MAX, 1)]);
        assert_eq!(positions(recent.after(2, 4, 10)), None, "nobody has read for long");
        assert_eq!(
            positions(recent.after(4, 6 + UNREAD_MAX, 10)),
            Some(vec![5 + UNREAD_MAX, 6 + UNREAD_MAX])
        );
    }

    #[test]
    fn a_commit_is_told_whole_and_none_that_is_not_published() {
        let recent = read();
        recent.add([at(1, 1), at(2, 1), at(2, 1), at(3, 1)]);
        assert_eq!(positions(recent.after(0, 3, 2)), Some(vec![1, 2, 2]));
        assert_eq!(positions(recent.after(0, 2, 10)), Some(vec![1, 2, 2]));
    }

    #[test]
    fn the_oldest_go_first_and_a_commit_that_is_there_in_part_is_not_told() {
        let recent = read();
        recent.add([at(1, 1), at(1, BYTES_MAX / 2), at(2, BYTES_MAX / 2)]);
        assert_eq!(positions(recent.after(0, 2, 10)), None, "one of its two went");
        assert_eq!(positions(recent.after(1, 2, 10)), Some(vec![2]));
        recent.add([at(3, 2 * BYTES_MAX)]);
        assert_eq!(positions(recent.after(2, 3, 10)), None);
        assert_eq!(positions(recent.after(3, 3, 10)), Some(vec![]));
    }
}
