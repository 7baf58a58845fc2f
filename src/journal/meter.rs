//! Owns what is measured of a journal: its size, its groups, its syncs.

use crate::metrics::{BYTES, Histogram, SECONDS};

/// What its writer counted.
#[derive(Debug)]
pub struct Meter {
    /// Nanoseconds of each sync.
    pub syncs: Histogram,
    /// Bytes of each group.
    pub bytes: Histogram,
}

impl Default for Meter {
    fn default() -> Self {
        Self { syncs: Histogram::new(&SECONDS), bytes: Histogram::new(&BYTES) }
    }
}

/// A journal in numbers.
#[derive(Clone, Copy, Debug)]
pub struct Measures<'j> {
    /// Bytes of its text, without what is filled ahead.
    pub bytes: u64,
    /// Files that it is divided into.
    pub segments: u64,
    /// Bytes that its disk has left, where the system tells.
    pub free_bytes: Option<u64>,
    /// What its writer counted.
    pub meter: &'j Meter,
}
