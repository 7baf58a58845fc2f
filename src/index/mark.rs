//! Owns the small file beside an index that says whether its storage can be trusted.
//!
//! # Why
//! sled's flush ends in `sync_file_range`: after a power cut about half of the
//! images were bad, some silently. The page cache of the kernel survives the
//! death of a process but not of the machine, so unclean storage is trusted
//! within one boot only.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::opening::Distrust;
use super::record::FORMAT;
use super::seal::Seal;
use crate::kernel::entry::Position;

/// Its name within the index's directory.
const NAME: &str = "mark.json";
/// Its name while it is written.
const NEW_NAME: &str = "mark.json.new";

/// What is known of the storage beside it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    /// [`FORMAT`] of the storage.
    format: u32,
    /// The boot in which it was opened last.
    boot: String,
    /// Set by a clean stop, gone while it is open.
    clean: Option<Clean>,
}

/// What a clean stop left in storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clean {
    /// The last position applied.
    pub applied: Position,
    /// How many instances there are.
    pub instances: u64,
    /// What its files are.
    pub seal: Seal,
}

impl Mark {
    /// Storage that is open in `boot`.
    pub fn open(boot: &str) -> Self {
        Self { format: FORMAT, boot: boot.to_owned(), clean: None }
    }

    /// Storage that was stopped cleanly in `boot`.
    pub fn stopped(boot: &str, clean: Clean) -> Self {
        Self { format: FORMAT, boot: boot.to_owned(), clean: Some(clean) }
    }

    /// Reads the mark in `dir` and judges it in `boot`: what a clean stop left, or that
    /// the storage was in use in this same boot.
    ///
    /// An empty `boot` is unknown and equals no other.
    pub fn judge(dir: &Path, boot: &str) -> Result<Option<Clean>, Distrust> {
        let text = match fs::read(dir.join(NAME)) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(Distrust::Missing),
            Err(e) => return Err(Distrust::Unreadable(e.to_string())),
        };
        let mark: Self = serde_json::from_slice(&text).map_err(|e| Distrust::Unreadable(e.to_string()))?;
        if mark.format != FORMAT {
            return Err(Distrust::Format(mark.format));
        }
        if mark.clean.is_none() && (boot.is_empty() || mark.boot != boot) {
            return Err(Distrust::Rebooted);
        }
        Ok(mark.clean)
    }

    /// Puts the mark into `dir` in place of any other.
    ///
    /// # Crash safety
    /// Dying before it returns leaves the mark before or this one, never a part.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let new = dir.join(NEW_NAME);
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&new, dir.join(NAME))?;
        File::open(dir)?.sync_all()
    }
}
