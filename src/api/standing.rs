//! Owns what `/readyz` tells: in which state the server is, and why it takes no commands.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::error::{ApiError, Code};
use crate::engine::{Engine, Readiness};

/// Why a full disk is no reason to restart.
const DISK_HELP: &str = "free space on the disk of the data directory, or enlarge it; reading works, nothing \
                         accepted is lost, and writing goes on by itself once there is room";
/// What to do about damage.
const DAMAGE_HELP: &str =
    "stop the server and run `careflow verify`; restore the directory from a copy that verifies";

/// Where the server stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The journal is being opened or the index brought up to it.
    Starting {
        /// Commits applied.
        done: u64,
        /// Commits to apply; 0 while that is not known.
        of: u64,
    },
    /// Commands are taken.
    Ready {
        /// Import batches whose cases stand still until somebody releases them.
        held: u64,
    },
    /// Writes are refused until the disk has room.
    DiskFull {
        /// Bytes that it has left, where that is known.
        free: Option<u64>,
    },
    /// Stored data was found damaged.
    Damaged(String),
    /// The writer stopped.
    Stopped(String),
    /// The server was told to end, and takes requests for a little longer.
    ShuttingDown,
}

impl Standing {
    /// Every state's name.
    pub const NAMES: [&str; 6] = ["starting", "ready", "disk_full", "damaged", "stopped", "shutting_down"];

    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Starting { .. } => "starting",
            Self::Ready { .. } => "ready",
            Self::DiskFull { .. } => "disk_full",
            Self::Damaged(_) => "damaged",
            Self::Stopped(_) => "stopped",
            Self::ShuttingDown => "shutting_down",
        }
    }

    /// How many batches are held, where commands are taken.
    ///
    /// # Errors
    /// Why they are not, and what helps.
    pub fn ready(self) -> Result<u64, ApiError> {
        match self {
            Self::Ready { held } => Ok(held),
            Self::Starting { done, of } => Err(starting(done, of)),
            Self::DiskFull { free } => {
                let left = free.map(|free| format!(" ({free} bytes are left)")).unwrap_or_default();
                Err(ApiError::new(
                    Code::DiskFull,
                    format!("the journal's disk took no further entry{left}: {DISK_HELP}"),
                ))
            }
            Self::Damaged(what) => Err(ApiError::new(Code::Damaged, format!("{what}; {DAMAGE_HELP}"))),
            Self::Stopped(why) => {
                Err(ApiError::new(Code::Stopped, format!("the engine takes no commands: {why}")))
            }
            Self::ShuttingDown => {
                Err(ApiError::new(Code::ShuttingDown, "the server was told to end; send requests to another"))
            }
        }
    }
}

/// What the start and the end of the server say of it; the engine says the rest.
#[derive(Debug, Default)]
pub struct Stages {
    done: AtomicU64,
    of: AtomicU64,
    ending: AtomicBool,
}

impl Stages {
    /// The start has applied `done` of `of` commits.
    pub fn progress(&self, done: u64, of: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.of.store(of, Ordering::Relaxed);
    }

    /// How many commits the start has applied, of how many.
    pub fn commits(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.of.load(Ordering::Relaxed))
    }

    /// The end was asked for.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Where a server with this engine stands.
    pub fn standing(&self, engine: Option<&Engine>) -> Standing {
        let (done, of) = self.commits();
        match engine.map(|engine| (engine, engine.readiness())) {
            _ if self.ending.load(Ordering::Relaxed) => Standing::ShuttingDown,
            None => Standing::Starting { done, of },
            Some((engine, Readiness::Ready)) => Standing::Ready { held: engine.held_batches() },
            Some((_, Readiness::DiskFull { free })) => Standing::DiskFull { free },
            Some((_, Readiness::Damaged(what))) => Standing::Damaged(what),
            Some((_, Readiness::Stopped(why))) => Standing::Stopped(why),
        }
    }
}

/// The engine is not open yet.
pub fn starting(done: u64, of: u64) -> ApiError {
    ApiError::new(Code::Starting, "the server is opening its journal and takes no requests yet")
        .progress(done, of)
}
