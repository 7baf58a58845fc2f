//! Owns the opening of a journal after any kind of stop: what is kept, what is cut, what is refused.
//!
//! # Why
//! The next group is never written before the sync of the one before has
//! returned. So a power cut can only spoil the last group, which nobody was told
//! of; anything else that is wrong is damage, and starting over damage would
//! make it the truth. Where both explanations fit, the index decides: what it
//! has applied was durable.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, Disks};
use super::lock::{Lock, LockError};
use super::manifest::{self, Manifest};
use super::segment::{self, Bad};
use super::store::{Segments, Store};
use super::writer::{self, Writer};
use super::{Position, Tail};

/// Longest segment that can be asked for: a place in it is kept in 32 bits.
const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// How a file journal lays out its files; the default is what the product runs with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long a segment gets, in bytes, before the next is begun: at most 1 GiB.
    ///
    /// A group is never divided, so one segment may pass this by one group.
    pub segment_bytes: u64,
    /// How many bytes are filled ahead at once.
    pub fill_bytes: u64,
    /// When written groups reach stable storage.
    pub sync: Sync,
}

/// When written groups reach stable storage.
///
/// # Why
/// An import acknowledges nothing before it ends, and what it was cut short in is
/// made anew from its log: a sync for each of its thousands of rows would buy
/// nothing and take most of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Each group before it is acknowledged.
    EveryGroup,
    /// All of them with the clean stop. A power cut before it may leave any part of
    /// them, so that the journal is refused as damaged; a killed process loses nothing.
    AtClose,
}

impl Default for Options {
    /// 64 MiB segments (a second to read at start), filled 4 MiB ahead (tens of milliseconds to fill).
    fn default() -> Self {
        Self { segment_bytes: 64 * 1024 * 1024, fill_bytes: 4 * 1024 * 1024, sync: Sync::EveryGroup }
    }
}

/// What an opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The last position; 0 for an empty journal.
    pub last: Position,
    /// Whether nothing was written since the last clean stop.
    pub clean: bool,
    /// What was cut from the last group.
    pub cut: Option<Cut>,
}

/// The end of a last group that was never acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The first position that is gone.
    pub from: Position,
    /// How many bytes were overwritten with fill.
    pub bytes: u64,
    /// What was wrong with the first line.
    pub reason: String,
}

/// Why a journal was not opened; no byte of a commit was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("journal `{dir}` is in use by {}", .pid.map_or("another process".into(), |pid| format!("process {pid}")))]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The process, where it is known.
        pid: Option<u32>,
    },
    /// Stored bytes are not what was written; nothing is cut or repaired.
    #[error("journal damaged at position {position}: {reason}; restore it from a copy")]
    Damaged {
        /// The first bad position.
        position: Position,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer binary wrote it.
    #[error("journal has format {found}, this binary reads up to {known}; start a newer one")]
    Newer {
        /// Its format.
        found: u32,
        /// The newest known.
        known: u32,
    },
    /// The disk failed.
    #[error("journal `{dir}` cannot be opened: {error}")]
    Io {
        /// The directory.
        dir: PathBuf,
        /// How it failed.
        error: io::Error,
    },
}

/// An opened journal, before its thread runs.
pub(super) struct Parts {
    /// Held as long as the journal is open.
    pub lock: Lock,
    /// What writes.
    pub writer: Writer,
    /// What it found.
    pub opened: Opened,
}

/// A journal's directory being opened.
struct Opening<'a> {
    dir: &'a Path,
    options: Options,
    disks: &'a dyn Disks,
}

/// Opens the journal in `dir`, made where there is none.
///
/// # Crash safety
/// Dying within changes nothing but the blank part of the journal and the bytes
/// that a cut would overwrite; the next opening comes to the same result.
///
/// # Errors
/// [`OpenError`].
pub(super) fn open(
    dir: &Path,
    options: Options,
    disks: Box<dyn Disks>,
    index_applied: Position,
) -> Result<Parts, OpenError> {
    let io = |error| OpenError::Io { dir: dir.to_owned(), error };
    fs::create_dir_all(dir).map_err(io)?;
    let lock = lock(dir)?;
    let options = Options { segment_bytes: options.segment_bytes.min(SEGMENT_BYTES_MAX), ..options };
    let opening = Opening { dir, options, disks: &*disks };
    let manifest = opening.manifest()?;
    opening.check_files(&manifest)?;
    let (active, opened) = opening.active(&manifest, index_applied)?;
    let store = Arc::new(Store::new(dir.to_owned(), active.segments, active.tail));
    let writer = Writer {
        dir: dir.to_owned(),
        segment_bytes: options.segment_bytes,
        fill_bytes: options.fill_bytes,
        sync: options.sync,
        store,
        manifest,
        disk: active.disk,
        end: active.end,
        filled: active.filled,
        disks,
    };
    Ok(Parts { lock, writer, opened })
}

/// Takes the lock on `dir`.
///
/// # Errors
/// [`OpenError::Locked`], [`OpenError::Io`].
pub(super) fn lock(dir: &Path) -> Result<Lock, OpenError> {
    Lock::take(dir).map_err(|e| match e {
        LockError::Held(pid) => OpenError::Locked { dir: dir.to_owned(), pid },
        LockError::Io(error) => OpenError::Io { dir: dir.to_owned(), error },
    })
}

/// The first positions of the segments in `dir`, in order.
///
/// # Errors
/// The disk's.
pub(super) fn segments_in(dir: &Path) -> io::Result<Vec<Position>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        found.extend(entry?.file_name().to_str().and_then(segment::parse_name));
    }
    found.sort_unstable();
    Ok(found)
}

/// The active segment as it was found.
struct Active {
    segments: Segments,
    tail: Tail,
    disk: Box<dyn disk::Disk>,
    end: u64,
    filled: u64,
}

impl Opening<'_> {
    fn io(&self, error: io::Error) -> OpenError {
        OpenError::Io { dir: self.dir.to_owned(), error }
    }

    /// Whether the segment that begins at `first` holds nothing but fill.
    fn is_blank(&self, first: Position) -> Result<bool, OpenError> {
        let bytes = fs::read(self.dir.join(segment::name(first))).map_err(|e| self.io(e))?;
        Ok(segment::text_end(&bytes) == 0)
    }

    /// The manifest, made where the journal is new.
    fn manifest(&self) -> Result<Manifest, OpenError> {
        match Manifest::read(self.dir).map_err(|e| self.io(e))? {
            Some(Ok(manifest)) if manifest.version > manifest::VERSION => {
                Err(OpenError::Newer { found: manifest.version, known: manifest::VERSION })
            }
            Some(Ok(manifest)) => Ok(manifest),
            Some(Err(reason)) => Err(OpenError::Damaged { position: 1, reason }),
            None => self.first_manifest(),
        }
    }

    fn first_manifest(&self) -> Result<Manifest, OpenError> {
        for first in segments_in(self.dir).map_err(|e| self.io(e))? {
            if first != 1 || !self.is_blank(first)? {
                let reason = "the manifest is missing, though there are segments".into();
                return Err(OpenError::Damaged { position: first, reason });
            }
            // Left by a crash while the journal was first made.
            self.disks.remove(&self.dir.join(segment::name(first))).map_err(|e| self.io(e))?;
        }
        writer::create(self.disks, self.dir, 1, self.options.fill_bytes).map_err(|e| self.io(e))?;
        let manifest = Manifest::empty();
        manifest.write(self.disks, self.dir).map_err(|e| self.io(e))?;
        Ok(manifest)
    }

    /// Checks the sealed segments and that there are no others.
    fn check_files(&self, manifest: &Manifest) -> Result<(), OpenError> {
        let mut chain = crate::kernel::hash::Hash::ZERO;
        for sealed in &manifest.sealed {
            if let Err((position, reason)) = sealed.check(self.dir, chain).map_err(|e| self.io(e))? {
                return Err(OpenError::Damaged { position, reason });
            }
            chain = sealed.chain;
        }
        for first in segments_in(self.dir).map_err(|e| self.io(e))? {
            let listed = first == manifest.active
                || manifest.sealed.binary_search_by_key(&first, |sealed| sealed.first).is_ok();
            if listed {
                continue;
            }
            if first < manifest.active || !self.is_blank(first)? {
                let reason = format!("segment `{}` is not in the manifest", segment::name(first));
                return Err(OpenError::Damaged { position: first, reason });
            }
            // Left by a crash before the manifest named it.
            self.disks.remove(&self.dir.join(segment::name(first))).map_err(|e| self.io(e))?;
        }
        Ok(())
    }

    /// Reads the active segment, and cuts an unacknowledged end.
    fn active(&self, manifest: &Manifest, index_applied: Position) -> Result<(Active, Opened), OpenError> {
        let name = segment::name(manifest.active);
        let path = self.dir.join(&name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let reason = format!("segment `{name}` is missing");
                return Err(OpenError::Damaged { position: manifest.active, reason });
            }
            Err(e) => return Err(self.io(e)),
        };
        let scan = segment::scan(&bytes, manifest.active, manifest.chain());
        judge(&bytes, scan.bad.as_ref(), scan.last, index_applied)?;
        let mut disk = self.disks.open(&path).map_err(|e| self.io(e))?;
        let (end, length) = (scan.end as u64, bytes.len() as u64);
        let text_end = segment::text_end(&bytes);
        // Zero bytes become fill as well: they are no text that `jq` reads.
        if bytes[scan.end..].iter().any(|byte| *byte != segment::FILL) {
            writer::blank(&mut *disk, end, length).map_err(|e| self.io(e))?;
        }
        // After a kill the last group may have been read from memory only.
        disk.sync_all().map_err(|e| self.io(e))?;
        let cut = scan.bad.map(|bad| Cut {
            from: bad.position,
            bytes: text_end.saturating_sub(bad.offset) as u64,
            reason: bad.reason,
        });
        let file = Arc::new(File::open(&path).map_err(|e| self.io(e))?);
        let opened = Opened { last: scan.last, clean: scan.closed && cut.is_none(), cut };
        let segments = Segments {
            sealed: manifest.sealed.clone(),
            active: manifest.active,
            extents: scan.extents,
            file,
        };
        let tail = Tail { last: scan.last, chain: scan.chain };
        Ok((Active { segments, tail, disk, end, filled: length }, opened))
    }
}

/// Whether what was found may be opened: the rule of recovery.
///
/// # Errors
/// [`OpenError::Damaged`].
fn judge(bytes: &[u8], bad: Option<&Bad>, last: Position, index_applied: Position) -> Result<(), OpenError> {
    if let Some(bad) = bad
        && let Some(reason) = segment::damage(bytes, bad)
    {
        return Err(OpenError::Damaged { position: bad.position, reason });
    }
    if index_applied > last {
        let what = bad.map_or("the journal ends before it", |bad| &bad.reason);
        let reason = format!("{what}, though the index has applied position {index_applied}");
        return Err(OpenError::Damaged { position: last + 1, reason });
    }
    Ok(())
}
