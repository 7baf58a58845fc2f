//! Owns the lock on a journal's directory: one process at a time writes there.
//!
//! # Why
//! The operating system drops the lock with the process, however it ends, so
//! there is no stale lock to clear; the process number in the file only serves
//! the message of whoever comes second.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// The locked file.
const NAME: &str = "lock";

/// Held as long as it lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Why the lock was not taken.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another holder has it; its process number where it could be read.
    Held(Option<u32>),
    /// The file could not be made or locked.
    Io(io::Error),
}

impl Lock {
    /// Takes the lock on `dir` without waiting.
    ///
    /// # Errors
    /// [`LockError`].
    pub(super) fn take(dir: &Path) -> Result<Self, LockError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join(NAME))
            .map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(LockError::Held(pid));
            }
            Err(TryLockError::Error(e)) => return Err(LockError::Io(e)),
        }
        let named = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        match named {
            Ok(()) => Ok(Self { _file: file }),
            Err(e) => Err(LockError::Io(e)),
        }
    }
}
