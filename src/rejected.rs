//! Owns the ring of refused events: `rejected.jsonl`, for people who ask why something did not go through (X3).
//!
//! It is no evidence: it is bounded, not synced, and holds no payload, only its digest.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Serialize;

use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;

/// The file is turned over at this size, and one older file is kept: a few days of a busy desk.
const RING_BYTES: u64 = 4 * 1024 * 1024;

/// One refused event.
#[derive(Clone, Debug, Serialize)]
pub struct Rejected {
    /// When.
    pub at: Instant,
    /// On which instance.
    pub instance: InstanceId,
    /// Its state then.
    pub state: String,
    /// The event.
    pub event: String,
    /// Who sent it.
    pub actor: String,
    /// In which role.
    pub role: &'static str,
    /// Why it was refused.
    pub code: &'static str,
    /// Digest of the payload, 32 hex digits.
    pub payload: String,
    /// The request that brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// A ring of two files.
#[derive(Debug)]
pub struct Ring {
    path: PathBuf,
    open: Mutex<Option<(File, u64)>>,
}

impl Ring {
    /// A ring at `path`, with its older half beside it.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), open: Mutex::new(None) }
    }

    /// Most bytes of both files.
    pub const BYTES_MAX: u64 = 2 * RING_BYTES;

    /// Bytes of both files.
    pub fn bytes(&self) -> u64 {
        let size = |path: &Path| path.metadata().map_or(0, |found| found.len());
        size(&self.path) + size(&self.path.with_extension("1.jsonl"))
    }

    /// Adds one; a disk that takes no more loses it, with a warning.
    pub fn add(&self, rejected: &Rejected) {
        if let Err(error) = self.write(rejected) {
            tracing::warn!(%error, "a refused event was not noted");
        }
    }

    fn write(&self, rejected: &Rejected) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(rejected)?;
        line.push(b'\n');
        let mut open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if open.as_ref().is_some_and(|(_, size)| *size + line.len() as u64 > RING_BYTES) {
            std::fs::rename(&self.path, self.path.with_extension("1.jsonl"))?;
            *open = None;
        }
        let (file, size) = match &mut *open {
            Some(opened) => opened,
            closed => {
                let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                let size = file.metadata()?.len();
                closed.insert((file, size))
            }
        };
        file.write_all(&line)?;
        *size += line.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(number: usize) -> Rejected {
        Rejected {
            at: Instant::from_millis(0),
            instance: InstanceId::derive("c", &["x"]),
            state: "open.on".into(),
            event: format!("event-{number}"),
            actor: "ann".into(),
            role: "agent",
            code: "event_not_accepted",
            payload: "0".repeat(32),
            request_id: None,
        }
    }

    #[test]
    fn ring_keeps_the_newest_and_stays_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejected.jsonl");
        let ring = Ring::at(&path);
        let lines = usize::try_from(RING_BYTES).unwrap() / 100;
        (0..lines).for_each(|number| ring.add(&refused(number)));
        let (newer, older) =
            (std::fs::read_to_string(&path).unwrap(), path.with_extension("1.jsonl").metadata().unwrap());
        assert!(newer.ends_with('\n') && newer.contains(&format!("event-{}\"", lines - 1)));
        assert!(newer.len() as u64 <= RING_BYTES && older.len() <= RING_BYTES);
        assert_eq!(ring.bytes(), newer.len() as u64 + older.len());
    }
}
