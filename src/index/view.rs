//! Owns reading overlay and storage as one set of keys at one position.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::sync::{Arc, Mutex, PoisonError, RwLockReadGuard};

use ::sled::IVec;

use super::IndexError;
use super::cache::Cache;
use super::keys::{self, Key, Write};
use super::overlay::{Overlay, Range};
use super::read::{Each, Order, Scan, View};
use super::store::Store;
use crate::kernel::canonical;
use crate::kernel::entry::Position;
use crate::kernel::instance::Instance;

/// An overlay and the storage it shadows, which stands still while this is held.
pub(super) struct Reading<'a> {
    /// What is applied and not yet stored.
    pub overlay: Overlay,
    /// Never absent.
    pub store: RwLockReadGuard<'a, Option<Store>>,
    /// Held so that storage stands still.
    #[expect(dead_code, reason = "it is held, not read")]
    pub still: RwLockReadGuard<'a, ()>,
    /// The decoded part of storage.
    pub cache: &'a Mutex<Cache>,
}

impl Reading<'_> {
    /// The tally at `key`.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn tally(&self, key: &[u8]) -> Result<u64, IndexError> {
        let stored = self.store().number(key)?;
        Ok(match self.overlay.get(key) {
            Some(Write::Raise(by)) => stored.saturating_add(*by),
            Some(Write::Record(_) | Write::Row | Write::Value(_) | Write::Remove) | None => stored,
        })
    }

    /// See [`super::Index::dump`].
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn dump(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), IndexError> {
        for key in self.scan(&[0], &[0xFF], Order::Ascending) {
            let key = key?;
            match key.first() {
                Some(b'i') => {
                    let instance = self
                        .record(&key)?
                        .ok_or_else(|| keys::corrupt(&key, "vanished while it was read"))?;
                    let text =
                        canonical::to_string(&instance).map_err(|e| keys::corrupt(&key, e.to_string()))?;
                    each(&key, text.as_bytes());
                }
                Some(b'n') => each(&key, &self.tally(&key)?.to_be_bytes()),
                // How a record is cut and how far the index is are not derived from the journal alone.
                Some(b'j' | b'm') => {}
                Some(b'k') => match self.overlay.get(&key) {
                    Some(Write::Value(value)) => each(&key, value),
                    Some(Write::Record(_) | Write::Row | Write::Remove | Write::Raise(_)) | None => {
                        each(&key, &self.store().get(&key)?.unwrap_or_default());
                    }
                },
                Some(_) | None => each(&key, &[]),
            }
        }
        Ok(())
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("whoever made this checked that it is open")
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View for Reading<'_> {
    fn position(&self) -> Position {
        self.overlay.position
    }

    fn scan(&self, from: &[u8], until: &[u8], order: Order) -> Scan<'_> {
        if from >= until {
            return Box::new(std::iter::empty());
        }
        let pending = self.overlay.range(from, until, order).peekable();
        let stored: StoredKeys = self.store().scan(from, until, order);
        Box::new(Merged { pending, stored: stored.peekable(), order })
    }

    fn record(&self, key: &[u8]) -> Result<Option<Arc<Instance>>, IndexError> {
        if let Some(Write::Record(instance)) = self.overlay.get(key) {
            return Ok(Some(Arc::clone(instance)));
        }
        if let Some(instance) = self.cache().get(key) {
            return Ok(Some(instance));
        }
        let Some((instance, size)) = self.store().record(key)? else { return Ok(None) };
        self.cache().put(key.into(), Arc::clone(&instance), size);
        Ok(Some(instance))
    }

    fn values(&self, from: &[u8], until: &[u8], each: Each<'_>) -> Result<(), IndexError> {
        if from >= until {
            return Ok(());
        }
        for (key, write) in self.overlay.range(from, until, Order::Ascending) {
            if let Write::Value(value) = write {
                each(key, value)?;
            }
        }
        for pair in self.store().pairs(from, until) {
            let (key, value) = pair?;
            if self.overlay.get(&key).is_none() {
                each(&key, &value)?;
            }
        }
        Ok(())
    }
}

type StoredKeys = Box<dyn Iterator<Item = Result<IVec, IndexError>>>;

/// Keys of both; a pending write decides over a stored key.
struct Merged<'a> {
    pending: Peekable<Range<'a>>,
    stored: Peekable<StoredKeys>,
    order: Order,
}

impl Iterator for Merged<'_> {
    type Item = Result<Key, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let earlier = match (self.pending.peek(), self.stored.peek()) {
                (None, None) => return None,
                (None, Some(_)) | (Some(_), Some(Err(_))) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some((pending, _)), Some(Ok(stored))) => match self.order {
                    Order::Ascending => pending.as_ref().cmp(stored.as_ref()),
                    Order::Descending => stored.as_ref().cmp(pending.as_ref()),
                },
            };
            if earlier.is_gt() {
                return self.stored.next().map(|key| key.map(|key| Key::from(key.as_ref())));
            }
            if earlier.is_eq() {
                self.stored.next();
            }
            match self.pending.next()? {
                (_, Write::Remove) => {}
                (key, Write::Record(_) | Write::Row | Write::Value(_) | Write::Raise(_)) => {
                    return Some(Ok(Arc::clone(key)));
                }
            }
        }
    }
}
