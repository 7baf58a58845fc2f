//! Owns the journal that lives in memory: the suite's twin, which can be told to fail.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use super::append::{Group, Head, State};
use super::{AppendError, Commit, Fence, Journal, Position, ReadError, Tail};
use crate::kernel::hash::Hash;

/// What an append of a [`MemoryJournal`] is told to do instead of succeeding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The outcome is open, and the first commits of the group, as many as this,
    /// are stored: none, a leading part or (with `usize::MAX`) all.
    Unknown {
        /// How many.
        stored: usize,
    },
    /// None: the append ends well, and the fault after it is for the next one.
    Nothing,
    /// There is no room.
    Full,
    /// Another owner was here.
    Fenced,
}

/// A journal in memory. What it stores outlives it through [`MemoryJournal::reopen`].
pub struct MemoryJournal {
    stored: Arc<Mutex<Vec<(Tail, Commit)>>>,
    head: Mutex<Head>,
    faults: Mutex<VecDeque<Fault>>,
    durable: watch::Sender<Tail>,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::over(Arc::default())
    }
}

impl MemoryJournal {
    fn over(stored: Arc<Mutex<Vec<(Tail, Commit)>>>) -> Self {
        let end = lock(&stored).last().map(|(tail, _)| *tail);
        let tail = end.unwrap_or(Tail { last: 0, chain: Hash::ZERO });
        Self {
            stored,
            head: Mutex::new(Head::new(tail)),
            faults: Mutex::default(),
            durable: watch::Sender::new(tail),
        }
    }

    /// The journal as a process finds it that opens it after this one has stopped.
    pub fn reopen(&self) -> Self {
        Self::over(Arc::clone(&self.stored))
    }

    /// Makes the next append that would store something fail; several are taken in order.
    pub fn fail_next(&self, fault: Fault) {
        lock(&self.faults).push_back(fault);
    }

    /// Stores what the fault leaves, or all, and answers how the append ends.
    fn store(&self, head: &mut Head, group: &[Commit]) -> Result<Position, AppendError> {
        let mut stored = lock(&self.stored);
        if stored.len() as u64 != head.tail.last {
            return Err(AppendError::Fenced(head.tail.last + 1));
        }
        // The text of the group is made for its checks alone.
        let mut tail = head.tail;
        let mut rows = Vec::with_capacity(group.len());
        Group::write(tail, group)?;
        for commit in group {
            tail = Group::write(tail, std::slice::from_ref(commit))?.tail;
            rows.push((tail, commit.clone()));
        }
        match lock(&self.faults).pop_front() {
            None | Some(Fault::Nothing) => {
                stored.extend(rows);
                head.tail = tail;
                Ok(tail.last)
            }
            Some(Fault::Full) => Err(AppendError::Full("as told".into())),
            Some(Fault::Fenced) => Err(AppendError::Fenced(head.tail.last + 1)),
            Some(Fault::Unknown { stored: count }) => {
                stored.extend(rows.into_iter().take(count));
                head.state = State::Unknown("as told".into());
                Err(AppendError::Unknown("as told".into()))
            }
        }
    }

    /// The durable commits that this journal knows of, from `from` on.
    fn known(&self, from: Position, limit: usize) -> Vec<(Position, Commit)> {
        let last = self.durable.borrow().last;
        let skipped = usize::try_from(from.max(1) - 1).unwrap_or(usize::MAX);
        lock(&self.stored)
            .iter()
            .skip(skipped)
            .take(limit)
            .take_while(|(tail, _)| tail.last <= last)
            .map(|(tail, commit)| (tail.last, commit.clone()))
            .collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of a test elsewhere leaves these lists whole: they change in single steps.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(&self, fence: Fence, group: &[Commit]) -> Result<Position, AppendError> {
        let mut head = lock(&self.head);
        head.admit(fence)?;
        if group.is_empty() {
            return Ok(head.tail.last);
        }
        let last = self.store(&mut head, group)?;
        self.durable.send_replace(head.tail);
        Ok(last)
    }

    async fn get(&self, positions: &[Position]) -> Result<Vec<(Position, Commit)>, ReadError> {
        let asked = positions.iter().copied().filter(|position| *position > 0);
        Ok(asked.flat_map(|position| self.known(position, 1)).collect())
    }

    async fn read(&self, from: Position, limit: usize) -> Result<Vec<(Position, Commit)>, ReadError> {
        Ok(self.known(from, limit))
    }

    async fn watch(&self, from: Position) -> Position {
        let mut tail = self.durable.subscribe();
        match tail.wait_for(|tail| tail.last >= from).await {
            Ok(tail) => tail.last,
            Err(_) => unreachable!("the sender lives in `self`"),
        }
    }

    async fn tail(&self) -> Result<Tail, ReadError> {
        lock(&self.head).known_tail().map_err(ReadError::Io)
    }

    async fn close(&self) -> Result<(), ReadError> {
        let mut head = lock(&self.head);
        head.known_tail().map_err(ReadError::Io)?;
        head.state = State::Closed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::samples::Story;

    async fn last_after(fault: Fault) -> Position {
        let journal = MemoryJournal::default();
        let mut story = Story::default();
        journal.append(Fence { epoch: 1, after: 0 }, &story.many(2)).await.unwrap();
        journal.fail_next(fault);
        let failed = journal.append(Fence { epoch: 1, after: 2 }, &story.many(3)).await;
        assert!(matches!(failed, Err(AppendError::Unknown(_))));
        assert!(matches!(journal.tail().await, Err(ReadError::Io(_))));
        assert_eq!(journal.read(1, 10).await.unwrap().len(), 2, "an open outcome is not shown");
        let again = journal.append(Fence { epoch: 1, after: 2 }, &story.many(1)).await;
        assert!(matches!(again, Err(AppendError::Unknown(_))));
        journal.reopen().tail().await.unwrap().last
    }

    #[tokio::test]
    async fn unknown_group_may_turn_out_stored_in_part_or_lost() {
        assert_eq!(last_after(Fault::Unknown { stored: usize::MAX }).await, 5);
        assert_eq!(last_after(Fault::Unknown { stored: 1 }).await, 3);
        assert_eq!(last_after(Fault::Unknown { stored: 0 }).await, 2);
    }

    #[tokio::test]
    async fn full_and_fenced_keep_nothing_and_full_may_be_tried_again() {
        let journal = MemoryJournal::default();
        let group = Story::default().many(1);
        journal.fail_next(Fault::Full);
        journal.fail_next(Fault::Fenced);
        let fence = Fence { epoch: 1, after: 0 };
        assert!(matches!(journal.append(fence, &group).await, Err(AppendError::Full(_))));
        assert!(matches!(journal.append(fence, &group).await, Err(AppendError::Fenced(1))));
        assert_eq!(journal.append(fence, &group).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn owner_is_fenced_once_another_has_written() {
        let old = MemoryJournal::default();
        let new = old.reopen();
        let group = Story::default().many(1);
        new.append(Fence { epoch: 2, after: 0 }, &group).await.unwrap();
        let late = old.append(Fence { epoch: 1, after: 0 }, &group).await;
        assert!(matches!(late, Err(AppendError::Fenced(1))));
    }
}
