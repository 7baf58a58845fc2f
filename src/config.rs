//! Owns the configuration: every value the server can be told, with its default.

use std::path::PathBuf;

/// Where everything durable lies, unless told otherwise.
pub const DATA_DEFAULT: &str = "./careflow-data";
/// Where the server listens, unless told otherwise: this machine only.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:8080";

/// What a server runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Directory of journal and index; made where it does not exist.
    pub data: PathBuf,
    /// Directory with `*.yaml` definitions and calendars; shipped ones fill in for workflows and
    /// calendars that it does not name.
    pub definitions: Option<PathBuf>,
}

impl Config {
    /// The journal's directory.
    pub fn journal(&self) -> PathBuf {
        self.data.join("journal")
    }

    /// The index's directory.
    pub fn index(&self) -> PathBuf {
        self.data.join("index")
    }

    /// The socket for commands on this machine.
    pub fn control(&self) -> PathBuf {
        self.data.join("control.sock")
    }

    /// The ring of refused events.
    pub fn rejected(&self) -> PathBuf {
        self.data.join("rejected.jsonl")
    }
}
