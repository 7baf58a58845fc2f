//! Owns what must hold of any input whatever: one function for each kind of text or bytes that comes from outside.
//!
//! The same functions run under cargo-fuzz (`tests/fuzz/targets/`), which looks for inputs that break
//! them, and in the ordinary test suite over the seeds and seeded changes of them, so that they never rot.
//! A law is an assertion: a panic is a finding.

pub mod cron;
pub mod edits;
pub mod files;
pub mod journal;
pub mod mapping;
pub mod payload;
pub mod query;
mod world;

/// A target: its name, which is also the folder of its seeds, and its law.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 7] = [
    ("definition", files::definition),
    ("calendar", files::calendar),
    ("mapping", mapping::mapping),
    ("cron", cron::cron),
    ("journal", journal::journal),
    ("payload", payload::payload),
    ("query", query::query),
];
