//! Owns decoded instances, so that hot ones are not parsed again.
//!
//! It mirrors storage, never what is only applied: it is filled by readers while
//! storage stands still or when it did not change since they looked, and changed by
//! the one writer of storage. So nothing in it can be stale.

use std::collections::HashMap;
use std::collections::hash_map::IntoIter;
use std::mem;
use std::sync::Arc;

use super::keys::Key;
use super::record::Size;
use super::store::Stored;
use crate::kernel::instance::Instance;

/// How many go for each that comes: fewer come in the time of a half than went with the one before only
/// where records grow this much.
const LEAVING: usize = 4;

/// Instances by record key, least recently used halves dropped first.
///
/// # Why
/// Two generations cost one map operation per hit and no list of uses: what was
/// not read while the young half filled up goes with the old half. It goes a few at
/// a time: to let go of thousands of instances takes tens of milliseconds, and all
/// who read or write waited for whoever did it.
pub(super) struct Cache {
    half_bytes: usize,
    young: HashMap<Key, Held>,
    young_bytes: usize,
    old: HashMap<Key, Held>,
    /// What is in neither any more.
    leaving: IntoIter<Key, Held>,
    /// How often storage changed.
    changes: u64,
}

/// An instance and what its record takes.
#[derive(Clone)]
struct Held {
    instance: Arc<Instance>,
    size: Size,
}

impl Cache {
    /// An empty cache for records of `bytes` of JSON in all.
    pub fn new(bytes: usize) -> Self {
        Self {
            half_bytes: bytes / 2,
            young: HashMap::new(),
            young_bytes: 0,
            old: HashMap::new(),
            leaving: HashMap::new().into_iter(),
            changes: 0,
        }
    }

    /// The instance stored under `key`, where it is kept.
    pub fn get(&mut self, key: &[u8]) -> Option<Arc<Instance>> {
        if let Some(held) = self.young.get(key) {
            return Some(Arc::clone(&held.instance));
        }
        let (key, held) = self.old.remove_entry(key)?;
        let instance = Arc::clone(&held.instance);
        self.put(key, held.instance, held.size);
        Some(instance)
    }

    /// As [`Cache::get`]; also how often storage had changed by now, for [`Cache::put_since`].
    pub fn look(&mut self, key: &[u8]) -> (Option<Arc<Instance>>, u64) {
        (self.get(key), self.changes)
    }

    /// Keeps what was read from storage after [`Cache::look`], unless storage changed since.
    pub fn put_since(&mut self, since: u64, key: Key, instance: Arc<Instance>, size: Size) {
        if self.changes == since {
            self.put(key, instance, size);
        }
    }

    /// Keeps what was just stored; answers what goes for it, for whoever made that to let go of.
    pub fn stored(&mut self, records: Vec<Stored>) -> Vec<Arc<Instance>> {
        self.changes += 1;
        let mut gone = Vec::new();
        for (key, instance, size) in records {
            self.keep(key, instance, size, &mut |old| gone.push(old));
        }
        gone
    }

    /// The parts of the record stored under `key`, where it is kept.
    pub fn parts(&self, key: &[u8]) -> Option<u16> {
        self.young.get(key).or_else(|| self.old.get(key)).map(|held| held.size.parts)
    }

    /// Keeps `instance`, now stored under `key` in a record of this `size`, in place of any older one.
    pub fn put(&mut self, key: Key, instance: Arc<Instance>, size: Size) {
        self.keep(key, instance, size, &mut drop);
    }

    fn keep(&mut self, key: Key, instance: Arc<Instance>, size: Size, gone: &mut dyn FnMut(Arc<Instance>)) {
        self.remove(&key).into_iter().for_each(&mut *gone);
        self.leaving.by_ref().take(LEAVING).for_each(|(_, held)| gone(held.instance));
        let bytes = size.json;
        if bytes > self.half_bytes {
            return;
        }
        if self.young_bytes + bytes > self.half_bytes {
            self.leaving = mem::replace(&mut self.old, mem::take(&mut self.young)).into_iter();
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(key, Held { instance, size });
    }

    /// Takes out the instance under `key`: it is in one of both halves at most.
    fn remove(&mut self, key: &[u8]) -> Option<Arc<Instance>> {
        let young = self.young.remove(key);
        self.young_bytes -= young.as_ref().map_or(0, |held| held.size.json);
        young.or_else(|| self.old.remove(key)).map(|held| held.instance)
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::made::started;
    use super::*;

    fn keep(cache: &mut Cache, name: &str, bytes: usize) {
        cache.put(name.as_bytes().into(), Arc::new(started(1)), Size { json: bytes, parts: 1 });
    }

    #[test]
    fn what_is_read_outlives_what_is_not() {
        let mut cache = Cache::new(40);
        keep(&mut cache, "read", 10);
        keep(&mut cache, "unread", 10);
        for filler in ["a", "b", "c", "d"] {
            assert!(cache.get(b"read").is_some());
            keep(&mut cache, filler, 10);
        }
        assert!(cache.get(b"read").is_some());
        assert!(cache.get(b"unread").is_none());
    }

    #[test]
    fn what_goes_goes_a_few_at_a_time() {
        const HALF: usize = 100;
        let mut cache = Cache::new(2 * HALF);
        let kept: Vec<_> = (0..HALF).map(|_| Arc::new(started(1))).collect();
        for (number, instance) in kept.iter().enumerate() {
            cache.put(number.to_be_bytes().into(), Arc::clone(instance), Size { json: 1, parts: 1 });
        }
        let left = || kept.iter().filter(|instance| Arc::strong_count(instance) == 1).count();
        (0..=HALF).for_each(|number| keep(&mut cache, &format!("filler {number}"), 1));
        assert!(cache.get(&0_usize.to_be_bytes()).is_none());
        let mut before = left();
        assert!(before <= LEAVING, "{before} went at once");
        while before < HALF {
            keep(&mut cache, "another", 1);
            assert!((1..=LEAVING).contains(&(left() - before)), "{} of {HALF}", left());
            before = left();
        }
    }

    #[test]
    fn what_goes_for_something_stored_is_given_to_whoever_lets_go_of_it() {
        let mut cache = Cache::new(4);
        let stored = |name: &str, instance: &Arc<Instance>| {
            (name.as_bytes().into(), Arc::clone(instance), Size { json: 1, parts: 1 })
        };
        let (first, second) = (Arc::new(started(1)), Arc::new(started(1)));
        assert!(cache.stored(vec![stored("a", &first)]).is_empty());
        let gone = cache.stored(vec![stored("a", &second)]);
        assert!(gone.len() == 1 && Arc::ptr_eq(&gone[0], &first), "the older version of the record");
        let gone: usize = ["b", "c", "d", "e", "f", "g"]
            .map(|name| cache.stored(vec![stored(name, &first)]).len())
            .iter()
            .sum();
        assert_eq!(gone, 2, "what the halves have no room for, a few at a time");
        assert!(cache.get(b"a").is_none());
    }

    #[test]
    fn a_record_over_half_the_cache_is_not_kept_and_drops_the_older_one() {
        let mut cache = Cache::new(40);
        keep(&mut cache, "grows", 10);
        keep(&mut cache, "grows", 21);
        assert!(cache.get(b"grows").is_none());
    }
}
