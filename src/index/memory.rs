//! Owns the index of tests: one ordered map under a lock.
//!
//! It shares the keys and the reading of pages with [`super::sled`], and nothing
//! of how they are kept.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::keys::{self, Key, Write};
use super::read::{self, Each, Order, Scan, View};
use super::{Batch, Index, IndexError, List, Page, Raise, Range, kpis};
use crate::kernel::canonical;
use crate::kernel::entry::Position;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::Record;

/// An index that ends with its process.
#[derive(Default)]
pub struct MemoryIndex(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    applied: Position,
    keys: BTreeMap<Key, Held>,
}

enum Held {
    Record(Arc<Instance>),
    Row,
    Value(Arc<[u8]>),
    Tally(u64),
}

impl MemoryIndex {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index for MemoryIndex {
    fn apply(&self, batch: Batch) -> Result<(), IndexError> {
        let mut kept = self.lock();
        if batch.position <= kept.applied {
            return Ok(());
        }
        for change in &batch.changes {
            for (key, write) in keys::changes(change.before.as_deref(), &change.after) {
                kept.write(key, write);
            }
        }
        for Raise { name, key, by, .. } in &batch.counts {
            kept.write(keys::tally(name, key), Write::Raise(*by));
        }
        kept.applied = batch.position;
        Ok(())
    }

    fn applied(&self) -> Position {
        self.lock().applied
    }

    fn get(&self, id: &InstanceId) -> Result<Option<Arc<Instance>>, IndexError> {
        read::get(&*self.lock(), id)
    }

    fn holder(&self, id: &InstanceId) -> Result<Option<Arc<Instance>>, IndexError> {
        self.lock().record(&keys::record(id))
    }

    fn page(&self, lists: &[List], range: &Range, limit: usize) -> Result<Page, IndexError> {
        read::page(&*self.lock(), lists, range, limit)
    }

    fn due(
        &self,
        after: Option<&(Instant, InstanceId)>,
        until: Instant,
        limit: usize,
    ) -> Result<Vec<(Instant, InstanceId)>, IndexError> {
        read::due(&*self.lock(), after, until, limit)
    }

    fn sending(&self, after: Option<&InstanceId>, limit: usize) -> Result<Vec<InstanceId>, IndexError> {
        read::sending(&*self.lock(), after, limit)
    }

    fn kpis(
        &self,
        workflows: &[&str],
        window: (Instant, Instant),
        each: &mut dyn FnMut(&Record),
    ) -> Result<Position, IndexError> {
        kpis::read(&*self.lock(), workflows, window, each)
    }

    fn count(&self, name: &str, key: &str) -> Result<u64, IndexError> {
        Ok(match self.lock().keys.get(&keys::tally(name, key)) {
            Some(Held::Tally(count)) => *count,
            Some(Held::Record(_) | Held::Row | Held::Value(_)) | None => 0,
        })
    }

    fn census(&self) -> BTreeMap<(String, String), u64> {
        let mut census = BTreeMap::new();
        for held in self.lock().keys.values() {
            if let Held::Record(instance) = held {
                *census.entry((instance.workflow.clone(), instance.state.clone())).or_default() += 1;
            }
        }
        census
    }

    fn dump(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), IndexError> {
        for (key, held) in &self.lock().keys {
            match held {
                Held::Record(instance) => {
                    let text =
                        canonical::to_string(instance).map_err(|e| keys::corrupt(key, e.to_string()))?;
                    each(key, text.as_bytes());
                }
                Held::Row => each(key, &[]),
                Held::Value(value) => each(key, value),
                Held::Tally(count) => each(key, &count.to_be_bytes()),
            }
        }
        Ok(())
    }

    fn close(&self) -> Result<(), IndexError> {
        Ok(())
    }
}

impl Kept {
    fn write(&mut self, key: Key, write: Write) {
        match write {
            Write::Record(instance) => {
                self.keys.insert(key, Held::Record(instance));
            }
            Write::Row => {
                self.keys.insert(key, Held::Row);
            }
            Write::Value(value) => {
                self.keys.insert(key, Held::Value(value));
            }
            Write::Remove => {
                self.keys.remove(&key);
            }
            Write::Raise(by) => match self.keys.entry(key).or_insert(Held::Tally(0)) {
                Held::Tally(count) => *count = count.saturating_add(by),
                Held::Record(_) | Held::Row | Held::Value(_) => {}
            },
        }
    }
}

impl View for Kept {
    fn position(&self) -> Position {
        self.applied
    }

    fn scan(&self, from: &[u8], until: &[u8], order: Order) -> Scan<'_> {
        if from >= until {
            return Box::new(std::iter::empty());
        }
        let range = self.keys.range::<[u8], _>((Bound::Included(from), Bound::Excluded(until)));
        let keys = range.map(|(key, _)| Ok(Arc::clone(key)));
        match order {
            Order::Ascending => Box::new(keys),
            Order::Descending => Box::new(keys.rev()),
        }
    }

    fn record(&self, key: &[u8]) -> Result<Option<Arc<Instance>>, IndexError> {
        Ok(match self.keys.get(key) {
            Some(Held::Record(instance)) => Some(Arc::clone(instance)),
            Some(Held::Row | Held::Value(_) | Held::Tally(_)) | None => None,
        })
    }

    fn values(&self, from: &[u8], until: &[u8], each: Each<'_>) -> Result<(), IndexError> {
        for (key, held) in self.keys.range::<[u8], _>((Bound::Included(from), Bound::Excluded(until))) {
            if let Held::Value(value) = held {
                each(key, value)?;
            }
        }
        Ok(())
    }
}
