//! Owns the background check of sealed segments, a little at a time and round after round.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, PoisonError};

use super::file::FileJournal;
use super::line::{self, Line};
use super::manifest::Sealed;
use super::segment;
use super::store::{self, Store};
use super::{LINE_BYTES_MAX, Position, ReadError};
use crate::kernel::hash::Hash;

/// What one call of [`FileJournal::scrub`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrubbed {
    /// How many bytes it checked; 0 where nothing is sealed yet.
    pub bytes: u64,
    /// Whether it reached the end of the last sealed segment, so that the next call begins anew.
    pub round_done: bool,
}

/// Where the check goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    /// Which sealed segment.
    segment: usize,
    /// Where in it.
    offset: u64,
    /// The last position checked in it; meaningless at its beginning.
    last: Position,
    /// The group of that position.
    group: Position,
    /// The chain value there.
    chain: Hash,
}

impl FileJournal {
    /// Checks about the next `bytes` bytes of the sealed segments: checksums,
    /// positions, chain, the entries' hashes, lengths.
    ///
    /// It holds one piece of that size in memory, and never less than one line.
    /// After damage the next call checks the same place again.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] with the first bad position found.
    pub async fn scrub(&self, bytes: usize) -> Result<Scrubbed, ReadError> {
        let cursor = Arc::clone(&self.cursor);
        self.blocking(move |store| {
            let mut cursor = cursor.lock().unwrap_or_else(PoisonError::into_inner);
            let mut next = *cursor;
            let scrubbed = next.advance(store, bytes)?;
            *cursor = next;
            Ok(scrubbed)
        })
        .await
    }
}

impl Cursor {
    fn advance(&mut self, store: &Store, bytes: usize) -> Result<Scrubbed, ReadError> {
        let (sealed, before, count) = {
            let segments = store.segments();
            let Some(sealed) = segments.sealed.get(self.segment).cloned() else {
                *self = Self::default();
                return Ok(Scrubbed { bytes: 0, round_done: true });
            };
            let before = self.segment.checked_sub(1).map_or(Hash::ZERO, |i| segments.sealed[i].chain);
            (sealed, before, segments.sealed.len())
        };
        if self.offset == 0 {
            (self.last, self.group, self.chain) = (sealed.first - 1, sealed.first, before);
        }
        let file = store.open(&sealed)?;
        if file.metadata().map_err(store::io_error)?.len() != sealed.bytes {
            return Err(self.damaged("the segment does not have its length any more".into()));
        }
        let rest = usize::try_from(sealed.bytes - self.offset).map_err(store::io_error)?;
        let mut piece = vec![0; rest.min(bytes.max(LINE_BYTES_MAX))];
        file.read_exact_at(&mut piece, self.offset).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("the segment is shorter than it was".into()),
            _ => store::io_error(e),
        })?;
        let whole = segment::whole_lines(&piece);
        if whole == 0 {
            return Err(self.damaged("the line has no end".into()));
        }
        self.check(&piece[..whole])?;
        self.offset += whole as u64;
        let mut round_done = false;
        if self.offset == sealed.bytes {
            self.check_end(&sealed)?;
            round_done = self.segment + 1 == count;
            *self = Self { segment: if round_done { 0 } else { self.segment + 1 }, ..Self::default() };
        }
        Ok(Scrubbed { bytes: whole as u64, round_done })
    }

    /// Checks whole lines.
    fn check(&mut self, lines: &[u8]) -> Result<(), ReadError> {
        for text in lines.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
            self.check_line(text).map_err(|reason| self.damaged(reason))?;
        }
        Ok(())
    }

    fn check_line(&mut self, text: &[u8]) -> Result<(), String> {
        let commit = match line::read(text)? {
            Line::Closing { last, .. } if last != self.last => {
                return Err(format!("a closing line after position {last} stands here"));
            }
            Line::Closing { .. } => {
                self.group = self.last + 1;
                return Ok(());
            }
            Line::Commit(commit) => commit,
        };
        segment::follows(&commit, self.last, self.group, &self.chain)?;
        for entry in &commit.entries {
            if Hash::of(&[entry.entry.get().as_bytes()]) != entry.hash {
                return Err(format!("an entry does not match its hash `{}`", entry.hash));
            }
        }
        (self.last, self.group, self.chain) = (commit.place.position, commit.place.group, commit.place.chain);
        Ok(())
    }

    fn check_end(&self, sealed: &Sealed) -> Result<(), ReadError> {
        if (self.last, self.chain) == (sealed.last, sealed.chain) {
            Ok(())
        } else {
            Err(self.damaged(format!("the segment does not end at position {} as it did", sealed.last)))
        }
    }

    fn damaged(&self, reason: String) -> ReadError {
        ReadError::Damaged { position: self.last + 1, reason }
    }
}
