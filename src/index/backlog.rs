//! Owns what storage still lacks, instance by instance, oldest first.
//!
//! An instance is behind from the first batch that changed it until all its keys
//! are stored together, as they are then. So storage at any moment holds each
//! instance whole, up to [`Taken::applied`] or further: who applies the journal to
//! it again passes over entries that an instance already has.
//!
//! # Why
//! A case that moves several times in a short while costs storage once, and a row
//! that comes and goes meanwhile nothing at all. Storing whole batches instead
//! would tie together everything that changed meanwhile: readers would wait until
//! all of it is stored.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant as Moment};

use super::keys::{Key, Write};
use super::overlay::Overlay;
use crate::kernel::entry::Position;

/// Instances that storage is behind with.
#[derive(Default)]
pub(super) struct Backlog {
    behind: HashMap<Key, Behind>,
    /// (record key, first position that storage lacks), in order of both.
    order: VecDeque<(Key, Position)>,
    /// Record keys whose writes are being stored.
    flying: HashSet<Key>,
    /// Writes of all of them.
    writes: usize,
}

/// What storage lacks of one instance.
struct Behind {
    since: Moment,
    /// It began since: storage has no record of it.
    born: bool,
    /// Keys with a pending write, and whether storage has the row, or will have once what is under way has
    /// come: known of a row, which is written where there is none and removed where there is one.
    keys: Vec<(Key, Option<bool>)>,
    /// Tallies that its entries raised.
    raises: Vec<(Key, u64)>,
}

/// Writes that are stored as one unit: whole instances as they are at one position.
pub(super) struct Taken {
    /// Storage then holds everything up to here.
    pub applied: Position,
    /// Storage then holds nothing from after here.
    pub reached: Position,
    /// What becomes of each key.
    pub writes: Vec<(Key, Write)>,
    /// Records that storage does not have.
    pub born: HashSet<Key>,
}

/// The writes of one instance, as they come.
pub(super) struct Coming<'a> {
    behind: &'a mut Behind,
    writes: &'a mut usize,
    flies: bool,
}

impl Backlog {
    /// How many writes storage lacks, those under way too.
    pub const fn len(&self) -> usize {
        self.writes
    }

    /// Whether storage lacks nothing that is not under way.
    pub fn rests(&self) -> bool {
        self.order.is_empty()
    }

    /// Since when the oldest instance waits.
    pub fn oldest(&self) -> Option<Moment> {
        self.order.front().and_then(|(record, _)| self.behind.get(record)).map(|behind| behind.since)
    }

    /// The instance of `record`, of which storage lacks what is at `first` and after it.
    pub fn coming(&mut self, record: &Key, first: Position, now: Moment) -> Coming<'_> {
        let flies = self.flying.contains(record);
        let behind = self.behind.entry(record.clone()).or_insert_with(|| {
            self.order.push_back((record.clone(), first));
            Behind { since: now, born: false, keys: Vec::new(), raises: Vec::new() }
        });
        Coming { behind, writes: &mut self.writes, flies }
    }

    /// The oldest instances, as `overlay` has them, until there are `limit` writes or the next
    /// waits for less than `linger`; to be given back with [`Backlog::settle`].
    pub fn take(&mut self, overlay: &Overlay, limit: usize, linger: Duration, now: Moment) -> Taken {
        let mut writes = Vec::new();
        let mut raises: HashMap<Key, u64> = HashMap::new();
        let mut born = HashSet::new();
        while writes.len() + raises.len() < limit {
            let Some((record, _)) = self.order.front() else { break };
            let Some(behind) = self.behind.get(record) else { break };
            if now.saturating_duration_since(behind.since) < linger {
                break;
            }
            let Some((record, _)) = self.order.pop_front() else { break };
            let Some(behind) = self.behind.remove(&record) else { break };
            for (key, _) in behind.keys {
                match overlay.get(&key) {
                    Some(write) => writes.push((key, write.clone())),
                    None => self.writes -= 1,
                }
            }
            for (key, by) in behind.raises {
                let sum = raises.entry(key).or_default();
                *sum = sum.saturating_add(by);
                self.writes -= 1;
            }
            if behind.born {
                born.insert(Key::clone(&record));
            }
            self.flying.insert(record);
        }
        self.writes += raises.len();
        writes.extend(raises.into_iter().map(|(key, by)| (key, Write::Raise(by))));
        let applied = self.order.front().map_or(overlay.position, |(_, first)| first - 1);
        Taken { applied, reached: overlay.position, writes, born }
    }

    /// Forgets what was taken, and is stored now.
    pub fn settle(&mut self, taken: &Taken, overlay: &mut Overlay) {
        self.flying.clear();
        self.writes -= taken.writes.len();
        taken.writes.iter().for_each(|(key, write)| overlay.settle(taken.reached, key, write));
    }
}

impl Coming<'_> {
    /// Notes that it begins with this.
    pub const fn begins(&mut self) {
        self.behind.born = true;
    }

    /// Makes `write` the pending one of `key` at `position`.
    pub fn put(&mut self, overlay: &mut Overlay, position: Position, key: Key, write: Write) {
        let wanted = match &write {
            Write::Row => Some(true),
            Write::Remove => Some(false),
            Write::Record(_) | Write::Value(_) | Write::Raise(_) => None,
        };
        let Some(at) = self.behind.keys.iter().position(|(other, _)| *other == key) else {
            self.behind.keys.push((key.clone(), wanted.map(|wanted| !wanted)));
            *self.writes += 1;
            overlay.put(position, key, write);
            return;
        };
        // Storage is as it must be; what is still under way there must stay shadowed, though.
        if !self.flies && wanted.is_some() && self.behind.keys[at].1 == wanted {
            self.behind.keys.swap_remove(at);
            *self.writes -= 1;
            overlay.remove(&key);
        } else {
            overlay.put(position, key, write);
        }
    }

    /// Raises the tally of `key`.
    pub fn raise(&mut self, overlay: &mut Overlay, position: Position, key: Key, by: u64) {
        self.behind.raises.push((key.clone(), by));
        *self.writes += 1;
        overlay.put(position, key, Write::Raise(by));
    }
}
