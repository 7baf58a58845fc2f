//! Owns what every handler shares: the engine once it is open, limits, counters, the OpenAPI document.
//!
//! The server listens before the engine is open, so that whoever asks during a
//! rebuild is told how far it is instead of meeting a closed door.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Bytes;

use crate::engine::{Engine, Readiness};
use crate::kernel::machine::Workflow;

use super::catalog::Catalog;
use super::diagrams::Drawings;
use super::error::{ApiError, Code};
use super::meter::Meter;
use super::openapi;
use super::rate::Rates;

/// Most bytes of a body: the largest payload (64 KiB of text) several times over, half of a commit's line.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Longest wait for a body, from head to end.
pub const BODY_WAIT: Duration = Duration::from_secs(10);
/// Longest time for an answer: the feed may wait 30 s for the next change.
pub const ANSWER_WAIT: Duration = Duration::from_secs(40);
/// Requests a second of one caller: more than one writer can commit, so that only a runaway loop meets it.
pub const RATE_PER_SECOND: u32 = 10_000;

/// What one request may take; every field has a default.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of a body: [`BODY_BYTES_MAX`].
    pub body_bytes_max: usize,
    /// Longest wait for a body: [`BODY_WAIT`].
    pub body_wait: Duration,
    /// Longest time for an answer: [`ANSWER_WAIT`].
    pub answer_wait: Duration,
    /// Requests a second of one caller, with a burst of two seconds: [`RATE_PER_SECOND`].
    pub rate_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: BODY_BYTES_MAX,
            body_wait: BODY_WAIT,
            answer_wait: ANSWER_WAIT,
            rate_per_second: RATE_PER_SECOND,
        }
    }
}

/// What every handler shares; clones share it.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

struct Shared {
    engine: OnceLock<Engine>,
    done: AtomicU64,
    of: AtomicU64,
    limits: Limits,
    rates: Rates,
    meter: Meter,
    catalog: Catalog,
    drawings: Drawings,
    document: Bytes,
}

impl AppState {
    /// State of a server whose engine is not open yet.
    pub fn new(workflows: &[Arc<dyn Workflow>], limits: Limits) -> Self {
        let document = openapi::text(workflows).into();
        Self(Arc::new(Shared {
            engine: OnceLock::new(),
            done: AtomicU64::new(0),
            of: AtomicU64::new(0),
            limits,
            rates: Rates::new(limits.rate_per_second),
            meter: Meter::default(),
            catalog: Catalog::new(workflows),
            drawings: Drawings::default(),
            document,
        }))
    }

    /// Says how many of the journal's commits are in the index.
    pub fn progress(&self, done: u64, of: u64) {
        self.0.done.store(done, Ordering::Relaxed);
        self.0.of.store(of, Ordering::Relaxed);
    }

    /// Hands over the open engine; from now on requests are served.
    pub fn open(&self, engine: Engine) {
        // A second engine would be a second writer: the first one stays.
        let _stays = self.0.engine.set(engine);
    }

    /// The engine.
    ///
    /// # Errors
    /// `starting` while it is not open, with the progress.
    pub fn engine(&self) -> Result<&Engine, ApiError> {
        self.0.engine.get().ok_or_else(|| {
            let (done, of) = (self.0.done.load(Ordering::Relaxed), self.0.of.load(Ordering::Relaxed));
            starting(done, of)
        })
    }

    /// Whether commands are taken.
    ///
    /// # Errors
    /// `starting` or `stopped`.
    pub fn ready(&self) -> Result<(), ApiError> {
        match self.engine()?.readiness() {
            Readiness::Ready => Ok(()),
            Readiness::Rebuilding { done, of } => Err(starting(done, of)),
            Readiness::Stopped(why) => {
                Err(ApiError::new(Code::Stopped, format!("the engine takes no commands: {why}")))
            }
        }
    }

    /// What one request may take.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(super) fn rates(&self) -> &Rates {
        &self.0.rates
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.0.meter
    }

    pub(super) fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    pub(super) fn drawings(&self) -> &Drawings {
        &self.0.drawings
    }

    pub(super) fn document(&self) -> Bytes {
        self.0.document.clone()
    }
}

fn starting(done: u64, of: u64) -> ApiError {
    ApiError::new(Code::Starting, "the server is opening its journal and takes no requests yet")
        .progress(done, of)
}
