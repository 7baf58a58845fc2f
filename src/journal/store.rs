//! Owns what readers share with the writer: which commits are durable and where each lies.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use super::line::{self, Line};
use super::manifest::Sealed;
use super::meter::{Measures, Meter};
use super::segment::{self, Extent};
use super::{Commit, Position, ReadError, Tail};

/// Most bytes of commits in one answer of [`Store::read`], so that a page of long
/// commits does not fill the memory.
pub(super) const READ_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Sealed segments whose commits' places are kept in memory: half a megabyte each
/// with commits of a kilobyte, and the last 2 GiB of history without a scan.
const LOCATED_MAX: usize = 32;

/// What is durable, and where.
pub(super) struct Store {
    dir: PathBuf,
    segments: RwLock<Segments>,
    located: Mutex<VecDeque<(Position, Source)>>,
    tail: watch::Sender<Tail>,
    /// What the writer counts.
    pub meter: Meter,
}

/// The segments as readers see them.
pub(super) struct Segments {
    /// Finished ones, in order.
    pub sealed: Vec<Sealed>,
    /// First position of the one being written.
    pub active: Position,
    /// Its durable commits.
    pub extents: Vec<Extent>,
    /// Its file.
    pub file: Arc<File>,
}

/// A file and where commits lie in it.
#[derive(Clone)]
struct Source {
    file: Arc<File>,
    extents: Arc<[Extent]>,
}

impl Store {
    /// The store of the journal in `dir`, which ends at `tail`.
    pub(super) fn new(dir: PathBuf, segments: Segments, tail: Tail) -> Self {
        Self {
            dir,
            segments: RwLock::new(segments),
            located: Mutex::default(),
            tail: watch::Sender::new(tail),
            meter: Meter::default(),
        }
    }

    /// The durable end.
    pub(super) fn tail(&self) -> Tail {
        *self.tail.borrow()
    }

    /// The journal's directory.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The journal in numbers.
    pub(super) fn measures(&self) -> Measures<'_> {
        let segments = self.segments();
        let sealed: u64 = segments.sealed.iter().map(|sealed| sealed.bytes).sum();
        let active = segments.extents.last().map_or(0, |last| u64::from(last.at) + u64::from(last.bytes) + 1);
        let (bytes, count) = (sealed + active, segments.sealed.len() as u64 + 1);
        drop(segments);
        let free_bytes = crate::metrics::process::free_bytes(&self.dir);
        Measures { bytes, segments: count, free_bytes, meter: &self.meter }
    }

    /// Follows the durable end.
    pub(super) fn watch(&self) -> watch::Receiver<Tail> {
        self.tail.subscribe()
    }

    /// Lets readers see a synced group.
    pub(super) fn publish(&self, extents: &[Extent], tail: Tail) {
        self.segments_mut().extents.extend_from_slice(extents);
        self.tail.send_replace(tail);
    }

    /// Goes over to the next segment; `file` is its file.
    pub(super) fn roll(&self, sealed: Sealed, active: Position, file: Arc<File>) {
        let mut segments = self.segments_mut();
        let extents = std::mem::take(&mut segments.extents).into();
        let source = Source { file: std::mem::replace(&mut segments.file, file), extents };
        segments.active = active;
        self.keep(sealed.first, source);
        segments.sealed.push(sealed);
    }

    /// The segments.
    pub(super) fn segments(&self) -> RwLockReadGuard<'_, Segments> {
        // A panic elsewhere leaves these lists whole: they change in single steps.
        self.segments.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn segments_mut(&self) -> RwLockWriteGuard<'_, Segments> {
        self.segments.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn located(&self) -> MutexGuard<'_, VecDeque<(Position, Source)>> {
        self.located.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers where a sealed segment's commits lie.
    fn keep(&self, first: Position, source: Source) {
        let mut located = self.located();
        located.retain(|(other, _)| *other != first);
        located.push_front((first, source));
        located.truncate(LOCATED_MAX);
    }

    /// Where the sealed segment's commits lie, scanned for where it is not remembered.
    fn locate(&self, sealed: &Sealed) -> Result<Source, ReadError> {
        {
            let mut located = self.located();
            if let Some(i) = located.iter().position(|(first, _)| *first == sealed.first) {
                let found = located.remove(i).expect("the index was just found");
                let source = found.1.clone();
                located.push_front(found);
                return Ok(source);
            }
        }
        let file = self.open(sealed)?;
        let length = usize::try_from(sealed.bytes).map_err(io_error)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0).map_err(|e| short(e, sealed.first))?;
        let extents = segment::locate(&bytes, sealed.first, sealed.last).into();
        let source = Source { file: Arc::new(file), extents };
        self.keep(sealed.first, source.clone());
        Ok(source)
    }

    /// The file of a sealed segment.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(super) fn open(&self, sealed: &Sealed) -> Result<File, ReadError> {
        let name = segment::name(sealed.first);
        File::open(self.dir.join(&name)).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => {
                ReadError::Damaged { position: sealed.first, reason: format!("segment `{name}` is missing") }
            }
            _ => io_error(e),
        })
    }

    /// Up to `limit` commits from `from` on that lie in one segment: its file and their places.
    fn run(&self, from: Position, limit: usize) -> Result<Option<Source>, ReadError> {
        let sealed = {
            let segments = self.segments();
            if from >= segments.active {
                let skipped = usize::try_from(from - segments.active).map_err(io_error)?;
                let extents = segments.extents.get(skipped..).unwrap_or_default();
                let extents = &extents[..extents.len().min(limit)];
                let found = Source { file: Arc::clone(&segments.file), extents: extents.into() };
                return Ok((!extents.is_empty()).then_some(found));
            }
            let after = segments.sealed.partition_point(|sealed| sealed.last < from);
            segments.sealed.get(after).cloned()
        };
        let Some(sealed) = sealed else { return Ok(None) };
        let source = self.locate(&sealed)?;
        let skipped = usize::try_from(from - sealed.first).map_err(io_error)?;
        let extents = source.extents.get(skipped..).unwrap_or_default();
        let extents = extents[..extents.len().min(limit)].into();
        Ok(Some(Source { file: source.file, extents }))
    }

    /// The commits at `positions`, in that order, without those past the end.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(super) fn get(&self, positions: &[Position]) -> Result<Vec<(Position, Commit)>, ReadError> {
        let mut found = Vec::with_capacity(positions.len());
        for position in positions.iter().copied().filter(|position| *position > 0) {
            if let Some(source) = self.run(position, 1)? {
                found.extend(source.read(position)?);
            }
        }
        Ok(found)
    }

    /// Up to `limit` commits from `from` on, fewer where they are more than [`READ_BYTES_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub(super) fn read(&self, from: Position, limit: usize) -> Result<Vec<(Position, Commit)>, ReadError> {
        let mut found = Vec::new();
        let mut room = READ_BYTES_MAX;
        let mut next = from.max(1);
        while found.len() < limit {
            let Some(mut source) = self.run(next, limit - found.len())? else { break };
            let whole = source.extents.len();
            let fitting = source.fitting(&mut room);
            if fitting < whole {
                source.extents = source.extents[..fitting.max(usize::from(found.is_empty()))].into();
            }
            if source.extents.is_empty() {
                break;
            }
            let taken = source.extents.len();
            found.extend(source.read(next)?);
            next += taken as u64;
            if taken < whole {
                break;
            }
        }
        Ok(found)
    }
}

impl Source {
    /// How many of its commits fit into `room`, which shrinks by them.
    fn fitting(&self, room: &mut usize) -> usize {
        self.extents
            .iter()
            .take_while(|extent| {
                let bytes = extent.bytes as usize;
                let fits = bytes <= *room;
                *room = room.saturating_sub(bytes);
                fits
            })
            .count()
    }

    /// Reads and checks all its commits, the first of which has position `first`.
    fn read(&self, first: Position) -> Result<Vec<(Position, Commit)>, ReadError> {
        let whole = self.extents.iter().take_while(|extent| extent.bytes > 0).count();
        let (Some(start), Some(end)) = (self.extents.first(), self.extents[..whole].last()) else {
            return Err(unlocated(first));
        };
        let start = start.at as usize;
        // Lines located out of order by damage make no range.
        let length = (end.at as usize + end.bytes as usize).checked_sub(start);
        let mut bytes = vec![0; length.ok_or_else(|| unlocated(first))?];
        self.file.read_exact_at(&mut bytes, start as u64).map_err(|e| short(e, first))?;
        let mut commits = Vec::with_capacity(whole);
        for (position, extent) in (first..).zip(self.extents.iter()) {
            let text = (extent.at as usize)
                .checked_sub(start)
                .filter(|_| extent.bytes > 0)
                .and_then(|at| bytes.get(at..at + extent.bytes as usize))
                .ok_or_else(|| unlocated(position))?;
            let commit = decode(text, position);
            commits.push((position, commit.map_err(|reason| ReadError::Damaged { position, reason })?));
        }
        Ok(commits)
    }
}

fn decode(text: &[u8], position: Position) -> Result<Commit, String> {
    match line::read(text)? {
        Line::Commit(line) if line.place.position == position => line.commit(),
        Line::Commit(line) => Err(format!("position {} stands in its place", line.place.position)),
        Line::Closing { .. } => Err("a closing line stands in its place".into()),
    }
}

fn unlocated(position: Position) -> ReadError {
    ReadError::Damaged { position, reason: "its line cannot be found".into() }
}

fn short(error: io::Error, position: Position) -> ReadError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            ReadError::Damaged { position, reason: "the segment is shorter than it was".into() }
        }
        _ => io_error(error),
    }
}

/// A failure of the storage itself.
pub(super) fn io_error(error: impl std::fmt::Display) -> ReadError {
    ReadError::Io(error.to_string())
}
