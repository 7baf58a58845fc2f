//! Owns the full check of a file journal, byte by byte, that `careflow verify` reports.
//!
//! Checked are each line's checksum, dense positions, the chain, each entry's
//! hash over its stored bytes, each instance's sequence and `prev` (a child's
//! first is its parent's spawning entry), personal values against their digests,
//! and the segments against the manifest.
//!
//! # Why
//! A checksum finds what a disk did; somebody who changes a line recomputes it.
//! So every hash is recomputed here from the bytes, and what follows a problem
//! is still checked: an auditor asks for all of them, not for the first.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use memchr::memchr;

use super::file::FileJournal;
use super::line::{self, CommitLine, EntryText, Line};
use super::manifest::{self, Manifest, Sealed};
use super::recover::{self, Cut, OpenError};
use super::store;
use super::{Position, ReadError, segment};
use crate::kernel::effect::Effect;
use crate::kernel::entry::{Cause, Entry};
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::personal::Secret;

/// Most problems a report lists: enough to see a pattern; further ones are counted.
pub const PROBLEMS_MAX: usize = 100;

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes checked.
    pub bytes_done: u64,
    /// Bytes there are.
    pub bytes_total: u64,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub position: Position,
    /// What.
    pub what: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments checked.
    pub segments: u64,
    /// Bytes checked.
    pub bytes: u64,
    /// Commits read.
    pub commits: u64,
    /// Entries read.
    pub entries: u64,
    /// Instances they belong to.
    pub instances: u64,
    /// The last position.
    pub last: Position,
    /// The chain value there: whoever noted it earlier can prove that nothing before it changed.
    pub chain: Hash,
    /// The end of a last group that the next opening will cut.
    pub unfinished: Option<Cut>,
    /// The first [`PROBLEMS_MAX`] problems.
    pub problems: Vec<Problem>,
    /// How many problems there are.
    pub problems_total: u64,
}

impl Report {
    /// Whether everything is as it was written.
    pub const fn is_sound(&self) -> bool {
        self.problems_total == 0
    }
}

/// Checks the journal in `dir`, which nobody has open.
///
/// # Errors
/// [`OpenError`] where it is in use or cannot be read; what is damaged stands in the report.
pub fn directory(dir: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Report, OpenError> {
    let io = |error| OpenError::Io { dir: dir.to_owned(), error };
    fs::metadata(dir).map_err(io)?;
    let _lock = recover::lock(dir)?;
    let mut check = Check::new(dir, progress);
    match Manifest::read(dir).map_err(io)? {
        Some(Ok(manifest)) if manifest.version > manifest::VERSION => {
            return Err(OpenError::Newer { found: manifest.version, known: manifest::VERSION });
        }
        Some(Ok(manifest)) => {
            check.strangers(&manifest).map_err(io)?;
            check.all(&manifest, None).map_err(io)?;
        }
        Some(Err(reason)) => check.problem(1, reason),
        None => check.problem(1, "the manifest is missing".into()),
    }
    Ok(check.finish())
}

impl FileJournal {
    /// Checks everything that was durable when it began, while the journal goes on.
    ///
    /// It takes about 100 bytes of memory per instance and per spawning entry.
    ///
    /// # Errors
    /// [`ReadError::Io`]; what is damaged stands in the report.
    pub async fn verify(
        &self,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Report, ReadError> {
        self.blocking(move |store| {
            let (manifest, end) = {
                let segments = store.segments();
                let end = segments.extents.last().map_or(0, |extent| extent.at + extent.bytes + 1);
                let manifest = Manifest {
                    version: manifest::VERSION,
                    active: segments.active,
                    sealed: segments.sealed.clone(),
                };
                (manifest, u64::from(end))
            };
            let mut check = Check::new(store.dir(), &mut progress);
            check.all(&manifest, Some(end)).map_err(store::io_error)?;
            Ok(check.finish())
        })
        .await
    }
}

/// The last entry seen of an instance.
struct LastEntry {
    seq: u64,
    hash: Hash,
    position: Position,
}

struct Check<'a> {
    dir: PathBuf,
    progress: &'a mut dyn FnMut(Progress),
    bytes_total: u64,
    report: Report,
    /// The chain value of the line before; none where that line was lost.
    chain: Option<Hash>,
    group: Position,
    recorded_at: Instant,
    instances: HashMap<InstanceId, LastEntry>,
    spawning: HashMap<(InstanceId, u64), Hash>,
}

impl<'a> Check<'a> {
    fn new(dir: &Path, progress: &'a mut dyn FnMut(Progress)) -> Self {
        Self {
            dir: dir.to_owned(),
            progress,
            bytes_total: 0,
            report: Report::default(),
            chain: Some(Hash::ZERO),
            group: 1,
            recorded_at: Instant::default(),
            instances: HashMap::new(),
            spawning: HashMap::new(),
        }
    }

    fn problem(&mut self, position: Position, what: String) {
        self.report.problems_total += 1;
        if self.report.problems.len() < PROBLEMS_MAX {
            self.report.problems.push(Problem { position, what });
        }
    }

    fn finish(mut self) -> Report {
        self.report.instances = self.instances.len() as u64;
        self.report.chain = self.chain.unwrap_or_default();
        self.report
    }

    fn path(&self, first: Position) -> PathBuf {
        self.dir.join(segment::name(first))
    }

    /// Reports segments that the manifest does not list.
    fn strangers(&mut self, manifest: &Manifest) -> io::Result<()> {
        for first in recover::segments_in(&self.dir)? {
            let listed = first == manifest.active
                || manifest.sealed.binary_search_by_key(&first, |sealed| sealed.first).is_ok();
            if !listed && segment::text_end(&fs::read(self.path(first))?) > 0 {
                self.problem(first, format!("segment `{}` is not in the manifest", segment::name(first)));
            }
        }
        Ok(())
    }

    /// Checks all segments; `durable` is where the active one's text ends, if it is in use.
    fn all(&mut self, manifest: &Manifest, durable: Option<u64>) -> io::Result<()> {
        let active = match durable {
            Some(end) => end,
            None => fs::metadata(self.path(manifest.active)).map_or(0, |metadata| metadata.len()),
        };
        self.bytes_total = active + manifest.sealed.iter().map(|sealed| sealed.bytes).sum::<u64>();
        for sealed in &manifest.sealed {
            self.sealed(sealed)?;
            self.report.bytes += sealed.bytes;
            self.advance();
            // Whatever was found, the next segment is checked on its own terms.
            self.report.last = sealed.last;
            self.chain = Some(sealed.chain);
            self.group = sealed.last + 1;
        }
        let Some(mut bytes) = self.load(manifest.active)? else { return Ok(()) };
        if let Some(end) = durable {
            bytes.truncate(usize::try_from(end).map_err(io::Error::other)?);
        } else {
            let scan = segment::scan(&bytes, manifest.active, manifest.chain());
            if let Some(bad) = scan.bad
                && segment::damage(&bytes, &bad).is_none()
            {
                let length = segment::text_end(&bytes) - bad.offset;
                self.report.unfinished =
                    Some(Cut { from: bad.position, bytes: length as u64, reason: bad.reason });
                bytes.truncate(scan.end);
            }
        }
        self.lines(&bytes);
        self.report.segments += 1;
        self.report.bytes += active;
        self.advance();
        Ok(())
    }

    fn advance(&mut self) {
        (self.progress)(Progress { bytes_done: self.report.bytes, bytes_total: self.bytes_total });
    }

    fn load(&mut self, first: Position) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(first)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.problem(first, format!("segment `{}` is missing", segment::name(first)));
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn sealed(&mut self, sealed: &Sealed) -> io::Result<()> {
        let Some(bytes) = self.load(sealed.first)? else { return Ok(()) };
        self.report.segments += 1;
        self.lines(&bytes);
        let length = bytes.len() as u64;
        let same_end = manifest::end_hash(&mut File::open(self.path(sealed.first))?, length)? == sealed.end;
        if length != sealed.bytes || self.report.last != sealed.last || !same_end {
            let what = format!("segment `{}` does not end as the manifest says", segment::name(sealed.first));
            self.problem(sealed.last, what);
        }
        if self.chain.is_some_and(|chain| chain != sealed.chain) {
            self.problem(sealed.last, "the chain is not the manifest's".into());
        }
        Ok(())
    }

    fn lines(&mut self, bytes: &[u8]) {
        let text_end = segment::text_end(bytes);
        let mut at = 0;
        while at < text_end {
            let length = memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
            if length == 0 {
                self.problem(self.report.last + 1, "there are blank bytes before it".into());
                at += bytes[at..].iter().take_while(|byte| **byte == segment::FILL).count();
                continue;
            }
            self.line(&bytes[at..at + length]);
            at += length + 1;
        }
    }

    fn line(&mut self, text: &[u8]) {
        let expected = self.report.last + 1;
        let intact = line::checksum_holds(text);
        if !intact {
            self.problem(expected, "the line does not match its checksum".into());
        }
        match line::read_unchecked(text) {
            Ok(Line::Commit(commit)) => self.commit(&commit),
            Ok(Line::Closing { last, chain }) => {
                if last != self.report.last || self.chain.is_some_and(|known| known != chain) {
                    self.problem(expected, format!("a closing line after position {last} stands before it"));
                }
                self.group = expected;
            }
            Err(reason) => {
                if intact {
                    self.problem(expected, reason);
                }
                self.report.last = expected;
                self.chain = None;
            }
        }
    }

    fn commit(&mut self, commit: &CommitLine<'_>) {
        let expected = self.report.last + 1;
        let place = commit.place;
        if place.position != expected {
            self.problem(expected, format!("position {} stands where it belongs", place.position));
            self.chain = None;
        }
        let position = place.position.max(expected);
        if place.group != self.group && place.group != place.position && self.chain.is_some() {
            self.problem(position, format!("it names a group of {} that never began", place.group));
        }
        if self.chain.is_some_and(|chain| commit.chain_after(&chain) != place.chain) {
            self.problem(position, "it does not continue the chain of the line before".into());
        }
        (self.report.last, self.group, self.chain) = (position, place.group, Some(place.chain));
        self.report.commits += 1;
        for text in &commit.entries {
            self.report.entries += 1;
            if Hash::of(&[text.entry.get().as_bytes()]) != text.hash {
                self.problem(position, format!("an entry does not match its hash `{}`", text.hash));
            }
            match serde_json::from_str::<Entry>(text.entry.get()) {
                Ok(entry) => self.entry(position, &entry, text),
                Err(e) => self.problem(position, format!("an entry cannot be read: {e}")),
            }
        }
        match commit.private() {
            Ok(private) => {
                let sealed =
                    |digest: &str| commit.entries.iter().any(|text| text.entry.get().contains(digest));
                let is_behind =
                    |(digest, secret): &(&String, &Secret)| secret.digest() == **digest && sealed(digest);
                for (digest, _) in private.iter().filter(|pair| !is_behind(pair)) {
                    let problem = format!("a personal value has the digest `{digest}`, which no entry seals");
                    self.problem(position, problem);
                }
            }
            Err(reason) => self.problem(position, reason),
        }
    }

    fn entry(&mut self, position: Position, entry: &Entry, text: &EntryText<'_>) {
        let (id, seq) = (&entry.instance, entry.seq);
        if entry.recorded_at < self.recorded_at {
            self.problem(position, format!("entry {seq} of `{id}` is recorded before the one before it"));
        }
        self.recorded_at = self.recorded_at.max(entry.recorded_at);
        let (expected, prev, prev_position) = match (self.instances.get(id), &entry.cause) {
            (Some(last), _) => (last.seq + 1, Some(last.hash), Some(last.position)),
            (None, Some(Cause::Parent { id, seq })) => (1, self.spawned_by(id, *seq), text.prev_position),
            (None, _) => (1, Some(Hash::ZERO), None),
        };
        if seq != expected {
            self.problem(position, format!("entry {seq} of `{id}` stands where {expected} belongs"));
        } else if prev != Some(entry.prev) {
            self.problem(position, format!("entry {seq} of `{id}` does not follow the hash it names"));
        } else if text.prev_position != prev_position {
            self.problem(position, format!("entry {seq} of `{id}` names a wrong previous position"));
        }
        if entry.effects.iter().any(|effect| matches!(effect, Effect::Spawn(_))) {
            self.spawning.insert((id.clone(), seq), text.hash);
        }
        self.instances.insert(id.clone(), LastEntry { seq, hash: text.hash, position });
    }

    /// The hash of the parent's entry that started a child.
    fn spawned_by(&self, parent: &InstanceId, seq: u64) -> Option<Hash> {
        let last = self.instances.get(parent).filter(|last| last.seq == seq).map(|last| last.hash);
        last.or_else(|| self.spawning.get(&(parent.clone(), seq)).copied())
    }
}

#[cfg(test)]
mod tests;
