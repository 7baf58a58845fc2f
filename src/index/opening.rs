//! Owns how stored files are judged, opened, and removed where they cannot be trusted.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::mark::{Clean, Mark};
use super::read::Order;
use super::seal::Broken;
use super::store::{RELEASE_MS_MAX, Store, caught, released};
use super::{IndexError, keys};
use crate::kernel::entry::Position;

/// Bytes written after which the database is opened anew, during which readers of sled wait:
/// sled writes its snapshots at opening only, and opening costs 1 to 3 s for each gigabyte
/// logged since the last.
pub const REOPEN_BYTES: u64 = 256 * 1024 * 1024;
/// The database's folder within the index's directory.
pub(super) const STORE: &str = "sled";

/// How an index uses memory.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of sled's page cache.
    pub cache_bytes: u64,
    /// Bytes of the records whose instances are kept decoded; these take about five times that.
    pub decoded_bytes: usize,
    /// Bytes written after which the database is opened anew; see [`REOPEN_BYTES`].
    pub reopen_bytes: u64,
    /// How long at most an instance waits for more changes before it is stored, half of it at least; after a
    /// kill the journal gives back so much of it in a fraction of that time.
    pub linger: Duration,
    /// Milliseconds to wait at opening for a database that is just being closed.
    pub release_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 128 * 1024 * 1024,
            decoded_bytes: 16 * 1024 * 1024,
            reopen_bytes: REOPEN_BYTES,
            linger: Duration::from_millis(500),
            release_ms: RELEASE_MS_MAX,
        }
    }
}

/// What an opened index holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    /// Everything up to [`super::Index::applied`].
    Trusted,
    /// Nothing: what was there is removed, and all of the journal must be applied.
    Rebuild(Distrust),
}

/// Why stored files were not used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// There is no mark: nothing was ever kept here, or somebody removed it.
    #[error("there was no index")]
    Missing,
    /// The mark says neither clean nor open.
    #[error("its mark cannot be read: {0}")]
    Unreadable(String),
    /// Keys or records of another version.
    #[error("it has format {0}")]
    Format(u32),
    /// It was in use when the machine stopped.
    #[error("it was not stopped cleanly before the machine was")]
    Rebooted,
    /// sled could not open or read it, or panicked.
    #[error("its storage cannot be opened: {0}")]
    Storage(String),
    /// Its files are not those that its clean stop left.
    #[error("{0}")]
    Unsealed(#[from] Broken),
    /// It holds something else than its clean stop left.
    #[error("it holds position {found} with {instances} instances where its clean stop left something else")]
    Different {
        /// The position it holds.
        found: Position,
        /// How many instances it holds.
        instances: u64,
    },
}

/// How many instances are in each (workflow, state).
pub(super) type Census = BTreeMap<(String, String), u64>;

/// Opened storage.
pub(super) struct Storage {
    pub store: Store,
    /// Up to where it holds everything.
    pub applied: Position,
    /// After where it holds nothing.
    pub reached: Position,
    /// What it holds.
    pub census: Census,
}

impl Storage {
    /// See [`super::sled::SledIndex::open`].
    ///
    /// # Crash safety
    /// The mark says that the storage is in use before it is touched, and untrusted files
    /// are gone before a mark of this boot could make them look trusted.
    ///
    /// # Errors
    /// [`IndexError::Io`] where somebody has it open (nothing is touched then: a database in
    /// use must not pass for a bad one, whose files are removed), or where not even empty
    /// storage can be made.
    pub fn open(dir: &Path, options: Options, boot_id: &str) -> Result<(Self, Opened), IndexError> {
        fs::create_dir_all(dir)?;
        released(&dir.join(STORE), options.release_ms)?;
        let judged = Mark::judge(dir, boot_id).and_then(|clean| {
            let in_use = Mark::open(boot_id).write(dir);
            in_use.map_err(|e| Distrust::Unreadable(e.to_string()))?;
            Self::trusted(&dir.join(STORE), options, clean)
        });
        match judged {
            Ok(storage) => Ok((storage, Opened::Trusted)),
            Err(distrust) => Ok((Self::empty(dir, options, boot_id)?, Opened::Rebuild(distrust))),
        }
    }

    /// Opens storage that its mark does not speak against.
    fn trusted(dir: &Path, options: Options, clean: Option<Clean>) -> Result<Self, Distrust> {
        if let Some(clean) = &clean {
            clean.seal.check(dir)?;
        }
        let store = Store::open(dir, options.cache_bytes).map_err(Distrust::Storage)?;
        let read = || Ok::<_, IndexError>((store.applied()?, store.reached()?, read_census(&store)?));
        let read = caught(|| read().map_err(|e| e.to_string()));
        let (applied, reached, census) = read.map_err(Distrust::Storage)?;
        let instances = census.values().sum();
        if clean.is_some_and(|clean| (clean.applied, clean.instances) != (applied, instances)) {
            return Err(Distrust::Different { found: applied, instances });
        }
        Ok(Self { store, applied, reached, census })
    }

    /// Removes what is there before the mark says that the storage belongs to this boot.
    fn empty(dir: &Path, options: Options, boot_id: &str) -> Result<Self, IndexError> {
        let store = dir.join(STORE);
        match fs::remove_dir_all(&store) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e.into()),
            Ok(()) | Err(_) => {}
        }
        Mark::open(boot_id).write(dir)?;
        let store = Store::open(&store, options.cache_bytes).map_err(IndexError::Io)?;
        Ok(Self { store, applied: 0, reached: 0, census: Census::new() })
    }
}

fn read_census(store: &Store) -> Result<Census, IndexError> {
    let mut census = Census::new();
    let (from, until) = keys::kind_bounds(keys::STATE);
    for key in store.scan(&from, &until, Order::Ascending) {
        *census.entry(keys::parse_state(&key?)?).or_default() += 1;
    }
    Ok(census)
}
