//! Owns one thing that is wrong with a document: where, and what would be accepted.
//!
//! Whoever checks a document yields a list of these; who shows them adds file,
//! line and column (definitions) or the request (payloads).

use serde::Serialize;

/// One thing wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// JSON pointer (RFC 6901) of the value; of a missing one: where it belongs.
    pub path: String,
    /// What was refused and what would be accepted.
    pub message: String,
    /// Whether the value or its key is wrong.
    #[serde(skip)]
    pub part: Part,
}

/// The part of a map's member that a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Fault {
    /// A wrong or missing value.
    pub fn value(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), part: Part::Value }
    }

    /// A wrong key.
    pub fn key(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), part: Part::Key }
    }
}

/// `path` with one more step, escaped as RFC 6901 says.
pub fn join(path: &str, step: &str) -> String {
    format!("{path}/{}", step.replace('~', "~0").replace('/', "~1"))
}
