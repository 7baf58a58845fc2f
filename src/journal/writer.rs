//! Owns writing groups, syncing them, and going over to the next segment: on a thread of its own, or
//! the caller's where nobody is held up by it.
//!
//! # Why
//! A sync blocks for milliseconds, so it runs on a thread of its own: a pool
//! would add its queue to every answer. Where groups are not synced there is nothing
//! to wait for, and with a single commit nobody came meanwhile. One group is written and
//! synced before the next is taken, as recovery relies on.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{OwnedMutexGuard, oneshot};

use super::append::{Group, Head, State};
use super::disk::{self, Disk, Disks};
use super::manifest::{self, Manifest, Sealed};
use super::recover::Sync;
use super::segment::{self, Extent};
use super::store::{self, Store};
use super::{AppendError, Position, ReadError, line};

/// How much fill is written at once.
static FILL_BLOCK: [u8; 64 * 1024] = [segment::FILL; 64 * 1024];

/// What the writer is asked for; it holds the head until it is done, so that a
/// caller that goes away leaves no second writer behind.
pub(super) enum Work {
    /// Write and sync a group.
    Append {
        /// The group.
        group: Group,
        /// The journal's head.
        head: OwnedMutexGuard<Head>,
        /// Where the outcome goes.
        answer: oneshot::Sender<Result<Position, AppendError>>,
    },
    /// Write and sync the closing line.
    Close {
        /// The journal's head.
        head: OwnedMutexGuard<Head>,
        /// Where the outcome goes.
        answer: oneshot::Sender<Result<(), ReadError>>,
    },
}

impl Work {
    /// Whether it is a group of one commit.
    pub(super) const fn is_single(&self) -> bool {
        matches!(self, Self::Append { group, .. } if group.extents.len() == 1)
    }
}

/// The segment being written, and what is needed to begin the next.
pub(super) struct Writer {
    /// The journal's directory.
    pub dir: PathBuf,
    /// How long segments get.
    pub segment_bytes: u64,
    /// How far ahead they are filled.
    pub fill_bytes: u64,
    /// When groups are synced.
    pub sync: Sync,
    /// Where files come from.
    pub disks: Box<dyn Disks>,
    /// What readers see.
    pub store: Arc<Store>,
    /// The list of segments, as on the disk.
    pub manifest: Manifest,
    /// The active segment's file.
    pub disk: Box<dyn Disk>,
    /// Where its text ends.
    pub end: u64,
    /// Up to where it is filled.
    pub filled: u64,
}

/// Why the writer did not write.
enum Failure {
    /// No room; nothing is kept.
    Full(io::Error),
    /// The outcome is open.
    Unknown(&'static str, io::Error),
}

impl Failure {
    /// A failure before anything of the group was written.
    fn before(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| if disk::is_full(&error) { Self::Full(error) } else { Self::Unknown(what, error) }
    }

    /// A failure after which nothing is certain.
    fn unknown(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Unknown(what, error)
    }
}

impl Writer {
    /// Does `work` and answers it.
    pub(super) fn work(&mut self, work: Work) {
        match work {
            Work::Append { group, mut head, answer } => {
                let outcome = self.append(&group, &mut head);
                drop(head);
                // Whoever asked may be gone; the group stands all the same.
                answer.send(outcome).ok();
            }
            Work::Close { mut head, answer } => {
                let outcome = self.close(&mut head);
                drop(head);
                answer.send(outcome).ok();
            }
        }
    }

    fn append(&mut self, group: &Group, head: &mut Head) -> Result<Position, AppendError> {
        match self.store_group(group, head) {
            Ok(()) => {
                head.tail = group.tail;
                Ok(group.tail.last)
            }
            Err(Failure::Full(e)) => Err(AppendError::Full(e.to_string())),
            Err(Failure::Unknown(what, e)) => {
                let reason = format!("{what}: {e}");
                head.state = State::Unknown(reason.clone());
                Err(AppendError::Unknown(reason))
            }
        }
    }

    /// # Crash safety
    /// Dying before the sync returns leaves none or some of the group's bytes over
    /// the fill; recovery keeps its whole leading commits and cuts the rest.
    fn store_group(&mut self, group: &Group, head: &Head) -> Result<(), Failure> {
        let length = group.bytes.len() as u64;
        let begun = head.tail.last >= self.manifest.active;
        if begun && self.end + length > self.segment_bytes {
            self.roll(head)?;
        }
        self.fill_to(self.end + length)?;
        match disk::write_all_at(&mut *self.disk, &group.bytes, self.end) {
            Ok(()) => {}
            // A file system that needs room even to overwrite.
            Err(e) if disk::is_full(&e) => {
                blank(&mut *self.disk, self.end, self.end + length)
                    .and_then(|()| self.disk.sync_data())
                    .map_err(Failure::unknown("a group that did not fit could not be taken back"))?;
                return Err(Failure::Full(e));
            }
            Err(e) => return Err(Failure::Unknown("the group could not be written", e)),
        }
        match self.sync {
            Sync::EveryGroup => {
                let began = std::time::Instant::now();
                self.disk.sync_data().map_err(Failure::unknown("the group could not be synced"))?;
                self.store.meter.syncs.time(began.elapsed());
            }
            Sync::AtClose => {}
        }
        let base = u32::try_from(self.end).expect("segments stay below SEGMENT_BYTES_MAX and one group");
        let extents: Vec<Extent> =
            group.extents.iter().map(|extent| Extent { at: base + extent.at, ..*extent }).collect();
        self.end += length;
        self.store.meter.bytes.add(length);
        self.store.publish(&extents, group.tail);
        Ok(())
    }

    /// Fills ahead where the text would pass the filled part.
    ///
    /// # Crash safety
    /// Dying within leaves fill or zero bytes after the text, which mean nothing.
    fn fill_to(&mut self, needed: u64) -> Result<(), Failure> {
        if needed <= self.filled {
            return Ok(());
        }
        let to = needed + self.fill_bytes;
        if let Err(e) = blank(&mut *self.disk, self.filled, to) {
            // Gives the last bytes back to others; where that fails they are only fill.
            self.disk.set_len(self.filled).ok();
            return Err(Failure::before("the segment could not be filled ahead")(e));
        }
        self.disk.sync_all().map_err(Failure::unknown("the fill could not be synced"))?;
        self.filled = to;
        Ok(())
    }

    /// Seals the active segment and begins the next.
    ///
    /// # Crash safety
    /// The next segment is made blank before the manifest names it, and the
    /// manifest names it before anything is written there: dying in between
    /// leaves a blank file that the next opening removes.
    fn roll(&mut self, head: &Head) -> Result<(), Failure> {
        let first = head.tail.last + 1;
        let path = self.dir.join(segment::name(first));
        let result = self.begin(first, head);
        if let Err(Failure::Full(_)) = &result {
            match self.disks.remove(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(Failure::Unknown("a segment that did not fit could not be removed", e));
                }
                Ok(()) | Err(_) => {}
            }
        }
        result
    }

    fn begin(&mut self, first: Position, head: &Head) -> Result<(), Failure> {
        let path = self.dir.join(segment::name(first));
        let disk = create(&*self.disks, &self.dir, first, self.fill_bytes)
            .map_err(Failure::before("the next segment could not be made"))?;
        self.disk
            .set_len(self.end)
            .and_then(|()| self.disk.sync_all())
            .map_err(Failure::unknown("the full segment could not be trimmed"))?;
        self.filled = self.end;
        let open = |path| File::open(path).map_err(Failure::unknown("a segment could not be read"));
        let mut full = open(self.dir.join(segment::name(self.manifest.active)))?;
        let end = manifest::end_hash(&mut full, self.end)
            .map_err(Failure::unknown("the full segment could not be read"))?;
        let sealed = Sealed {
            first: self.manifest.active,
            last: head.tail.last,
            bytes: self.end,
            end,
            chain: head.tail.chain,
        };
        let mut manifest = self.manifest.clone();
        manifest.sealed.push(sealed.clone());
        manifest.active = first;
        manifest
            .write(&*self.disks, &self.dir)
            .map_err(Failure::before("the manifest could not be written"))?;
        self.store.roll(sealed, first, Arc::new(open(path)?));
        self.disk = disk;
        self.manifest = manifest;
        self.end = 0;
        self.filled = self.fill_bytes;
        Ok(())
    }

    /// # Crash safety
    /// Dying before the closing line is whole is an unclean stop.
    fn close(&mut self, head: &mut Head) -> Result<(), ReadError> {
        match &head.state {
            State::Closed => return Ok(()),
            State::Unknown(reason) => return Err(store::io_error(reason)),
            State::Open => {}
        }
        let mut text = Vec::new();
        line::write_closing(&mut text, head.tail.last, &head.tail.chain);
        let written = disk::write_all_at(&mut *self.disk, &text, self.end)
            .and_then(|()| self.disk.sync_all())
            .map_err(store::io_error);
        // Whatever became of the line, nothing may be written over or after it.
        head.state = match &written {
            Ok(()) => State::Closed,
            Err(e) => State::Unknown(e.to_string()),
        };
        written
    }
}

/// Makes the blank segment that begins at `first`; on an error of a full disk it may be left behind.
///
/// # Crash safety
/// After it the file is on stable storage, name and fill.
///
/// # Errors
/// The disk's.
pub(super) fn create(
    disks: &dyn Disks,
    dir: &std::path::Path,
    first: Position,
    fill_bytes: u64,
) -> io::Result<Box<dyn Disk>> {
    let mut disk = disks.create(&dir.join(segment::name(first)))?;
    blank(&mut *disk, 0, fill_bytes)?;
    disk.sync_all()?;
    disks.sync_dir(dir)?;
    Ok(disk)
}

/// Writes fill over the bytes from `from` to `to`.
///
/// # Errors
/// The disk's.
pub(super) fn blank(disk: &mut dyn Disk, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let length = (to - at).min(FILL_BLOCK.len() as u64);
        let block = &FILL_BLOCK[..usize::try_from(length).map_err(io::Error::other)?];
        disk::write_all_at(disk, block, at)?;
        at += length;
    }
    Ok(())
}
