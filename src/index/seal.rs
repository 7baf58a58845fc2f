//! Owns the seal of a stopped index: the sums of its files, so that one that changed since is found before sled reads it.
//!
//! # Why
//! sled looks at what it reads, and at opening it reads only what came since its last snapshot. Of 892
//! databases with a changed byte, block or length, 427 were refused by sled or by the clean mark and 313
//! read as before; but 152 were trusted, with records that no read gets any more, and so they are at
//! every later opening. Reading each record to see whether it is whole takes minutes; the sums of 750 MB
//! took 0.2 s on two cores, and what was read is in the page cache when the first reader comes. They are
//! taken in pieces, several at once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

/// Bytes that one sum covers: some milliseconds of one core.
const PIECE_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes read at a time.
const READ_BYTES: usize = 256 * 1024;
/// Most threads that sum at once: more than a few wait for memory, not for a core.
const THREADS_MAX: usize = 4;

/// What each file below a directory was, by its path there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seal(BTreeMap<String, Sums>);

/// A file's length and the CRC-32 of each piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sums {
    bytes: u64,
    crc: Vec<u32>,
}

/// What is otherwise than when the seal was made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// A file is gone.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A file was not there.
    #[error("`{0}` was not there when it was stopped")]
    Added(String),
    /// A file has other bytes, or more or fewer.
    #[error("`{0}` has changed since it was stopped")]
    Changed(String),
    /// The files cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl Seal {
    /// The seal of everything below `dir` as it is now; nobody may write there meanwhile.
    ///
    /// # Errors
    /// The file system's.
    pub fn of(dir: &Path) -> io::Result<Self> {
        let files = files(dir)?;
        let mut seal = Self::default();
        let mut pieces = Vec::new();
        for (name, path) in &files {
            let bytes = path.metadata()?.len();
            let crc = vec![0; usize::try_from(bytes.div_ceil(PIECE_BYTES)).unwrap_or(usize::MAX)];
            pieces.extend((0..crc.len()).map(|number| (name, number, path)));
            seal.0.insert(name.clone(), Sums { bytes, crc });
        }
        for (index, crc) in sums(&pieces)?.into_iter().enumerate() {
            let (name, number, _) = pieces[index];
            if let Some(sums) = seal.0.get_mut(name) {
                sums.crc[number] = crc;
            }
        }
        Ok(seal)
    }

    /// Whether everything below `dir` is as it was; looks at names and lengths before it reads.
    ///
    /// # Errors
    /// [`Broken`], the first difference in the order of the names.
    pub fn check(&self, dir: &Path) -> Result<(), Broken> {
        let unreadable = |e: io::Error| Broken::Unreadable(e.to_string());
        let found = files(dir).map_err(unreadable)?;
        for (name, sums) in &self.0 {
            let path = found.get(name).ok_or_else(|| Broken::Missing(name.clone()))?;
            if path.metadata().map_err(unreadable)?.len() != sums.bytes {
                return Err(Broken::Changed(name.clone()));
            }
        }
        if let Some(name) = found.keys().find(|name| !self.0.contains_key(*name)) {
            return Err(Broken::Added(name.clone()));
        }
        let now = Self::of(dir).map_err(unreadable)?;
        let changed = self.0.iter().find(|(name, sums)| now.0.get(*name) != Some(*sums));
        changed.map_or(Ok(()), |(name, _)| Err(Broken::Changed(name.clone())))
    }
}

/// Every file below `dir` by its path there, without half-written snapshots: opening removes them.
fn files(dir: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_none_or(|ending| ending != "generating") {
                let name = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().into_owned();
                found.insert(name, path);
            }
        }
    }
    Ok(found)
}

/// A piece of a file: its name, which piece, its path.
type Piece<'a> = (&'a String, usize, &'a PathBuf);

/// The sums of `pieces` in their order, taken by several threads.
fn sums(pieces: &[Piece<'_>]) -> io::Result<Vec<u32>> {
    let next = AtomicUsize::new(0);
    let one_thread = || {
        let mut buffer = vec![0; READ_BYTES];
        let mut taken = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((_, number, path)) = pieces.get(index) else { return Ok(taken) };
            taken.push((index, sum(path, *number as u64 * PIECE_BYTES, &mut buffer)?));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let mut sums = vec![0; pieces.len()];
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads.min(pieces.len())).map(|_| scope.spawn(one_thread)).collect();
        for thread in running {
            let taken: io::Result<Vec<_>> =
                thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread that sums panicked")));
            taken?.into_iter().for_each(|(index, crc)| sums[index] = crc);
        }
        Ok(sums)
    })
}

/// The sum of the piece at `from`.
fn sum(path: &Path, from: u64, buffer: &mut [u8]) -> io::Result<u32> {
    let file = File::open(path)?;
    let (mut hasher, mut at, end) = (crc32fast::Hasher::new(), from, from + PIECE_BYTES);
    while at < end {
        let most = buffer.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
        match file.read_at(&mut buffer[..most], at) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&buffer[..read]);
                at += read as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(hasher.finalize())
}
