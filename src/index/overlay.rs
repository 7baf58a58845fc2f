//! Owns what is applied but not yet stored: it shadows the storage, key by key.
//!
//! # Why
//! Its map is persistent (`imbl`): a reader takes a copy in no time, and what the
//! writer changes meanwhile costs the few nodes on the way, not the whole map.

use std::ops::Bound;

use imbl::OrdMap;

use super::keys::{Key, Write};
use super::read::Order;
use crate::kernel::entry::Position;

/// The last write of each key that storage does not hold yet; copies share what they have in common.
#[derive(Clone)]
pub(super) struct Overlay {
    /// The position that everything here and in storage amounts to.
    pub position: Position,
    pending: OrdMap<Key, Pending>,
}

/// A write and the position of the last batch that made it.
#[derive(Clone)]
struct Pending {
    position: Position,
    write: Write,
}

/// A range of pending writes in order.
pub(super) type Range<'a> = Box<dyn Iterator<Item = (&'a Key, &'a Write)> + 'a>;

impl Overlay {
    /// Nothing pending over storage at `position`.
    pub fn at(position: Position) -> Self {
        Self { position, pending: OrdMap::new() }
    }

    /// Adds the write of `key` by the batch at `position`.
    pub fn put(&mut self, position: Position, key: Key, write: Write) {
        // Only a raise asks what was there: all others go in on one way down the tree.
        let write = match write {
            Write::Raise(by) => match self.get(&key) {
                Some(Write::Raise(before)) => Write::Raise(before.saturating_add(by)),
                Some(Write::Record(_) | Write::Row | Write::Value(_) | Write::Remove) | None => {
                    Write::Raise(by)
                }
            },
            write => write,
        };
        self.pending.insert(key, Pending { position, write });
    }

    /// Forgets the write of `key`: storage is as it must be.
    pub fn remove(&mut self, key: &[u8]) {
        self.pending.remove(key);
    }

    /// The pending write of `key`.
    pub fn get(&self, key: &[u8]) -> Option<&Write> {
        self.pending.get(key).map(|pending| &pending.write)
    }

    /// Pending writes from `from` up to but without `until`, which is larger.
    pub fn range(&self, from: &[u8], until: &[u8], order: Order) -> Range<'_> {
        let range = self.pending.range::<_, [u8]>((Bound::Included(from), Bound::Excluded(until)));
        let range = range.map(|(key, pending)| (key, &pending.write));
        match order {
            Order::Ascending => Box::new(range),
            Order::Descending => Box::new(range.rev()),
        }
    }

    /// Forgets the write of `key` that is `stored` now, unless a batch after `position` wrote it again.
    pub fn settle(&mut self, position: Position, key: &[u8], stored: &Write) {
        let Some(pending) = self.pending.get_mut(key) else { return };
        let done = match (&mut pending.write, stored) {
            (Write::Raise(by), Write::Raise(stored)) => {
                *by = by.saturating_sub(*stored);
                *by == 0
            }
            _ => pending.position <= position,
        };
        if done {
            self.pending.remove(key);
        }
    }
}
