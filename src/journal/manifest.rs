//! Owns the manifest of a journal's directory: which segments are sealed, how each ends, and which one is active.
//!
//! It is one line of JSON that begins with a checksum like the lines of the
//! segments, replaced as a whole: written beside, synced, renamed, directory synced.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::disk::{self, Disks};
use super::{line, segment};
use crate::kernel::entry::Position;
use crate::kernel::hash::Hash;

/// The manifest's file.
pub(super) const NAME: &str = "manifest.json";
/// Where the next one is written.
const NEXT_NAME: &str = "manifest.json.next";
/// Version of its shape; a newer one is not opened.
pub(super) const VERSION: u32 = 1;
/// Bytes at a segment's end that its end hash covers: enough to see a file that
/// was cut and refilled, little enough to read for a thousand segments at start.
const END_BYTES: u64 = 64 * 1024;

/// What stands in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// [`VERSION`] when it was written.
    pub version: u32,
    /// First position of the segment that is written to.
    pub active: Position,
    /// The finished segments, in order.
    pub sealed: Vec<Sealed>,
}

/// A finished segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealed {
    /// Its first position, which names its file.
    pub first: Position,
    /// Its last position.
    pub last: Position,
    /// Its length.
    pub bytes: u64,
    /// Hash of its last [`END_BYTES`].
    pub end: Hash,
    /// Chain value of its last commit.
    pub chain: Hash,
}

impl Manifest {
    /// The manifest of an empty journal.
    pub(super) const fn empty() -> Self {
        Self { version: VERSION, active: 1, sealed: Vec::new() }
    }

    /// Reads the manifest of `dir`; none where there is no file.
    ///
    /// # Errors
    /// The outer error is the disk's, the inner one says what is wrong with the bytes.
    pub(super) fn read(dir: &Path) -> io::Result<Option<Result<Self, String>>> {
        match fs::read(dir.join(NAME)) {
            Ok(bytes) => Ok(Some(Self::parse(&bytes))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let Some((b'\n', text)) = bytes.split_last() else {
            return Err("the manifest does not end in a newline".into());
        };
        if !line::checksum_holds(text) {
            return Err("the manifest does not match its checksum".into());
        }
        let manifest: Self =
            serde_json::from_slice(text).map_err(|e| format!("the manifest cannot be read: {e}"))?;
        let mut next = 1;
        for sealed in &manifest.sealed {
            if sealed.first != next || sealed.last < sealed.first {
                return Err(format!("the manifest lists no segment that begins at position {next}"));
            }
            next = sealed.last + 1;
        }
        if manifest.active != next {
            return Err(format!("the manifest's active segment does not begin at position {next}"));
        }
        Ok(manifest)
    }

    /// Replaces the manifest of `dir`, writing to `disks`.
    ///
    /// # Crash safety
    /// Dying within leaves the old one or the new one, whole.
    ///
    /// # Errors
    /// The disk's; a [`disk::is_full`] one leaves the old manifest in force.
    pub(super) fn write(&self, disks: &dyn Disks, dir: &Path) -> io::Result<()> {
        let body = serde_json::to_vec(self).map_err(io::Error::other)?;
        let mut text = Vec::with_capacity(body.len() + 32);
        line::sealed(&mut text, |text| {
            text.push(b',');
            text.extend_from_slice(&body[1..body.len() - 1]);
        });
        let next = dir.join(NEXT_NAME);
        let written = disks.replace(&next).and_then(|mut file| {
            disk::write_all_at(&mut *file, &text, 0)?;
            file.sync_all()
        });
        if let Err(e) = written {
            disks.remove(&next).ok();
            return Err(e);
        }
        // From here on the outcome of a failure is open, so none may look like a full disk.
        let renamed = disks.rename(&next, &dir.join(NAME)).and_then(|()| disks.sync_dir(dir));
        renamed.map_err(|e| io::Error::other(format!("the manifest may or may not be replaced: {e}")))
    }

    /// The chain value before the active segment's first commit.
    pub(super) fn chain(&self) -> Hash {
        self.sealed.last().map_or(Hash::ZERO, |sealed| sealed.chain)
    }
}

/// The hash of the last [`END_BYTES`] of a file of `bytes` bytes.
///
/// # Errors
/// The disk's, or a shorter file.
pub(super) fn end_hash(file: &mut File, bytes: u64) -> io::Result<Hash> {
    let from = bytes.saturating_sub(END_BYTES);
    let mut end = vec![0; usize::try_from(bytes - from).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(from))?;
    file.read_exact(&mut end)?;
    Ok(Hash::of(&[&end]))
}

impl Sealed {
    /// Checks size and end of the segment's file in `dir`.
    ///
    /// # Errors
    /// The outer error is the disk's, the inner one names the first bad position.
    pub(super) fn check(&self, dir: &Path, chain_before: Hash) -> io::Result<Result<(), (Position, String)>> {
        let name = segment::name(self.first);
        let path = dir.join(&name);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Ok(Err((self.first, format!("segment `{name}` is missing"))));
            }
            Err(e) => return Err(e),
        };
        let length = file.metadata()?.len();
        if length == self.bytes && end_hash(&mut file, length)? == self.end {
            return Ok(Ok(()));
        }
        let scan = segment::scan(&fs::read(&path)?, self.first, chain_before);
        let position = scan.bad.map_or(scan.last + 1, |bad| bad.position).min(self.last);
        let reason =
            format!("segment `{name}` of {length} bytes does not end as the manifest says ({})", self.bytes);
        Ok(Err((position, reason)))
    }
}
