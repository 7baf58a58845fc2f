//! Owns the sled database under an index: how it is opened, read, written and ended.
//!
//! # Why
//! sled 0.34.7, each measured: a leftover `snap.*.generating` makes opening fail,
//! a bad file can make it panic, `flush_every_ms(None)` leaks memory, another
//! segment size costs more than it gains, and its snapshots are written at
//! opening only, so that a database open for long opens slowly the next time.
//! Dropping a database does not wait for its I/O threads (sled #1234, #1289): in
//! about one of ten reopenings the file was still locked, for less than 1 ms. So
//! whoever ends one waits for that lock, which is gone when the last of them is.

use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::sled::{Db, IVec};

use super::IndexError;
use super::backlog::Taken;
use super::dictionary::{self, Dictionaries};
use super::keys::{self, Key, Write};
use super::read::Order;
use super::record::{self, Size};
use crate::kernel::entry::Position;
use crate::kernel::instance::Instance;

/// How often sled writes its buffers out; a killed process loses at most this, and
/// the journal has it.
const FLUSH_EVERY_MS: u64 = 200;
/// How long a database that is being dropped may stay locked; a thousand times what was measured.
pub(super) const RELEASE_MS_MAX: u64 = 2_000;
/// How often the lock is tried meanwhile.
const RELEASE_POLL_MS: u64 = 1;
/// Holds the position up to which everything is stored; in no dump.
const APPLIED: &[u8] = b"m/applied";
/// Holds the position after which nothing is stored.
const REACHED: &[u8] = b"m/reached";

/// An open database.
pub(super) struct Store {
    db: Db,
    dir: PathBuf,
    cache_bytes: u64,
    written_bytes: AtomicU64,
    dictionaries: Dictionaries,
}

/// A stored record: its key, its instance, and what it takes.
pub(super) type Stored = (Key, Arc<Instance>, Size);

/// Writes ready to be stored as one unit.
#[derive(Default)]
pub(super) struct Prepared {
    batch: ::sled::Batch,
    bytes: u64,
    records: Vec<Stored>,
    /// The JSON of one record after the other.
    json: Vec<u8>,
}

impl Store {
    /// Opens or makes the database in `dir`; a second time without sled's snapshots where that fails.
    ///
    /// # Errors
    /// What sled said, or that it panicked.
    pub fn open(dir: &Path, cache_bytes: u64) -> Result<Self, String> {
        remove_snapshots(dir, |name| name.ends_with(".generating")).map_err(|e| e.to_string())?;
        let db = open_caught(dir, cache_bytes).or_else(|first| {
            // A panic can leave the lock behind for good; the second try then says so.
            released(dir, RELEASE_MS_MAX).ok();
            remove_snapshots(dir, |_| true).map_err(|e| e.to_string())?;
            open_caught(dir, cache_bytes).map_err(|second| format!("{first}; without snapshots: {second}"))
        })?;
        let written_bytes = AtomicU64::new(0);
        let store = Self {
            db,
            dir: dir.to_owned(),
            cache_bytes,
            written_bytes,
            dictionaries: Dictionaries::default(),
        };
        caught(|| store.read_dictionaries().map_err(|e| e.to_string()))?;
        Ok(store)
    }

    fn read_dictionaries(&self) -> Result<(), IndexError> {
        for number in 1..=u8::MAX {
            let key = dictionary_key(number);
            let Some(stored) = self.get(&key)? else { return Ok(()) };
            let taken = self.dictionaries.take(dictionary::read(&key, number, &stored)?);
            taken.map_err(|expected| keys::corrupt(&key, format!("stands where {expected} should")))?;
        }
        Ok(())
    }

    /// The position up to which everything is stored; 0 when empty.
    pub fn applied(&self) -> Result<Position, IndexError> {
        self.number(APPLIED)
    }

    /// The position after which nothing is stored; 0 when empty.
    pub fn reached(&self) -> Result<Position, IndexError> {
        self.number(REACHED)
    }

    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        Ok(self.db.get(key)?)
    }

    /// The number at `key`; 0 where there is none.
    pub fn number(&self, key: &[u8]) -> Result<u64, IndexError> {
        self.get(key)?.map_or(Ok(0), |value| {
            let bytes =
                value.as_ref().try_into().map_err(|_| keys::corrupt(key, "is no number of 8 bytes"))?;
            Ok(u64::from_be_bytes(bytes))
        })
    }

    /// The instance at the record key `key`, and what its record takes.
    pub fn record(&self, key: &[u8]) -> Result<Option<(Arc<Instance>, Size)>, IndexError> {
        self.get(key)?
            .map(|head| record::decode(&self.dictionaries, key, &head, |part| self.get(part)))
            .transpose()
    }

    /// Keys from `from` up to but without `until`, which is larger.
    pub fn scan(
        &self,
        from: &[u8],
        until: &[u8],
        order: Order,
    ) -> Box<dyn Iterator<Item = Result<IVec, IndexError>>> {
        let keys = self.db.range(from..until).keys().map(|key| key.map_err(IndexError::from));
        match order {
            Order::Ascending => Box::new(keys),
            Order::Descending => Box::new(keys.rev()),
        }
    }

    /// Keys and values from `from` up to but without `until`, which is larger.
    pub fn pairs(
        &self,
        from: &[u8],
        until: &[u8],
    ) -> impl Iterator<Item = Result<(IVec, IVec), IndexError>> + use<> {
        self.db.range(from..until).map(|pair| pair.map_err(IndexError::from))
    }

    /// Encodes what was taken; `known` tells the parts of a stored record where they are known. Only
    /// the one writer may call it: it reads tallies and record lengths that nobody else may change
    /// before [`Store::commit`].
    pub fn prepare(
        &self,
        taken: &Taken,
        known: &dyn Fn(&[u8]) -> Option<u16>,
    ) -> Result<Prepared, IndexError> {
        let mut prepared = Prepared::default();
        for (key, write) in &taken.writes {
            match write {
                Write::Record(instance) => {
                    let known = if taken.born.contains(key) { Some(0) } else { known(key) };
                    self.prepare_record(&mut prepared, key, instance, known)?;
                }
                Write::Row => prepared.insert(key, &[]),
                Write::Value(value) => prepared.insert(key, value),
                Write::Remove => prepared.remove(key),
                Write::Raise(by) => {
                    let count = self.number(key)?.saturating_add(*by);
                    prepared.insert(key, &count.to_be_bytes());
                }
            }
        }
        prepared.insert(APPLIED, &taken.applied.to_be_bytes());
        prepared.insert(REACHED, &taken.reached.to_be_bytes());
        Ok(prepared)
    }

    fn prepare_record(
        &self,
        prepared: &mut Prepared,
        key: &Key,
        instance: &Arc<Instance>,
        known: Option<u16>,
    ) -> Result<(), IndexError> {
        let encoded = record::encode(&self.dictionaries, key, instance, &mut prepared.json)?;
        if let Some(made) = &encoded.dictionary {
            prepared.insert(&dictionary_key(made.0), &dictionary::stored(made));
        }
        let before = match known {
            Some(parts) => parts,
            None => self.get(key)?.map_or(Ok(0), |head| record::count(key, &head))?,
        };
        record::part_keys(key, before).skip(encoded.parts.len()).for_each(|part| prepared.remove(&part));
        prepared.insert(key, &encoded.head);
        encoded.parts.iter().for_each(|(key, part)| prepared.insert(key, part));
        prepared.records.push((Arc::clone(key), Arc::clone(instance), encoded.size));
        Ok(())
    }

    /// Stores what was prepared; answers the records among it.
    ///
    /// # Crash safety
    /// Dying before or during it leaves all or none of it once opened again.
    pub fn commit(&self, prepared: Prepared) -> Result<Vec<Stored>, IndexError> {
        self.written_bytes.fetch_add(prepared.bytes, Ordering::Relaxed);
        self.db.apply_batch(prepared.batch)?;
        Ok(prepared.records)
    }

    /// Bytes of keys and values written since it was opened.
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes.load(Ordering::Relaxed)
    }

    /// Closes it and opens it again, so that sled writes the snapshot from which the next opening starts.
    pub fn reopen(self) -> Result<Self, IndexError> {
        let before = self.applied()?;
        let (dir, cache_bytes) = (self.dir.clone(), self.cache_bytes);
        drop(self);
        released(&dir, RELEASE_MS_MAX)?;
        let again = Self::open(&dir, cache_bytes).map_err(IndexError::Io)?;
        let after = again.applied()?;
        if after == before {
            Ok(again)
        } else {
            Err(IndexError::Io(format!(
                "the database held position {before} and holds {after} when opened again"
            )))
        }
    }

    /// Stores one value behind everybody's back.
    #[cfg(test)]
    pub fn put(&self, key: &[u8], value: &[u8]) {
        self.db.insert(key, value).expect("stores");
    }

    /// Ends it with everything on the disk.
    ///
    /// # Crash safety
    /// Once it has returned, a power cut changes nothing: no thread of sled is left to write,
    /// and then each file is synced, which sled itself does not do.
    pub fn close(self) -> Result<(), IndexError> {
        self.db.flush()?;
        let dir = self.dir.clone();
        drop(self);
        released(&dir, RELEASE_MS_MAX)?;
        Ok(sync_tree(&dir)?)
    }
}

impl Prepared {
    fn insert(&mut self, key: &[u8], value: &[u8]) {
        self.bytes += (key.len() + value.len()) as u64;
        self.batch.insert(key, value);
    }

    fn remove(&mut self, key: &[u8]) {
        self.bytes += key.len() as u64;
        self.batch.remove(key);
    }
}

/// In no dump, as everything of `m/`.
fn dictionary_key(number: u8) -> Vec<u8> {
    [&b"m/dictionary/"[..], &[number]].concat()
}

/// Waits up to `wait_ms` until nobody has the database in `dir` open.
///
/// # Errors
/// [`IndexError::Io`] where somebody still has, this process or another.
pub(super) fn released(dir: &Path, wait_ms: u64) -> Result<(), IndexError> {
    let path = dir.join("db");
    let file = match File::open(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let mut waited_ms = 0;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if waited_ms < wait_ms => {
                std::thread::sleep(Duration::from_millis(RELEASE_POLL_MS));
                waited_ms += RELEASE_POLL_MS;
            }
            Err(TryLockError::WouldBlock) => {
                let path = path.display();
                return Err(IndexError::Io(format!("`{path}` is in use; stop whoever has it open first")));
            }
            Err(TryLockError::Error(e)) => return Err(e.into()),
        }
    }
}

/// Runs a call into sled that can panic on bad files.
///
/// # Errors
/// The call's, or that it panicked.
pub(super) fn caught<T>(call: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(format!("panicked: {text}"))
    })
}

fn open_caught(dir: &Path, cache_bytes: u64) -> Result<Db, String> {
    caught(|| {
        ::sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .open()
            .map_err(|e| e.to_string())
    })
}

fn remove_snapshots(dir: &Path, chosen: impl Fn(&str) -> bool) -> io::Result<()> {
    let files = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    for file in files {
        let file = file?;
        if file.file_name().to_str().is_some_and(|name| name.starts_with("snap.") && chosen(name)) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// Syncs every file below `dir` and the directories themselves.
fn sync_tree(dir: &Path) -> io::Result<()> {
    for file in fs::read_dir(dir)? {
        let file = file?;
        if file.file_type()?.is_dir() {
            sync_tree(&file.path())?;
        } else {
            File::open(file.path())?.sync_all()?;
        }
    }
    File::open(dir)?.sync_all()
}

impl From<::sled::Error> for IndexError {
    fn from(error: ::sled::Error) -> Self {
        Self::Io(error.to_string())
    }
}

impl From<io::Error> for IndexError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}
