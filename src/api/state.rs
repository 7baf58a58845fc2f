//! Owns what every handler shares: the engine once it is open, limits, counters, the OpenAPI document.
//!
//! The server listens before the engine is open, so that whoever asks during a
//! rebuild is told how far it is instead of meeting a closed door.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Bytes;

use crate::engine::Engine;
use crate::kernel::machine::Workflow;
use crate::rejected::Ring;

use super::catalog::Catalog;
use super::diagrams::Drawings;
use super::error::ApiError;
use super::meter::Meter;
use super::openapi;
use super::rate::Rates;
use super::server::Door;
use super::standing::{Stages, Standing, starting};

/// Most bytes of a body: the largest payload (64 KiB of text) several times over, half of a commit's line.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Longest wait for a body, from head to end.
pub const BODY_WAIT: Duration = Duration::from_secs(10);
/// Longest time for an answer: the feed may wait 30 s for the next change.
pub const ANSWER_WAIT: Duration = Duration::from_secs(40);
/// Requests a second of one caller: more than one writer can commit, so that only a runaway loop meets it.
pub const RATE_PER_SECOND: u32 = 10_000;
/// Longest wait for the head of a request, also between two requests of one connection.
pub const HEAD_WAIT: Duration = Duration::from_secs(30);
/// Most connections at once: each may hold a body and an answer of a megabyte.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Longest wait for requests under way when the server ends.
pub const DRAIN_WAIT: Duration = Duration::from_secs(5);

/// What requests and connections may take; every field has a default.
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
    /// Longest wait for the head of a request: [`HEAD_WAIT`].
    pub head_wait: Duration,
    /// Most connections at once: [`CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// Longest wait for requests under way at the end: [`DRAIN_WAIT`].
    pub drain_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: BODY_BYTES_MAX,
            body_wait: BODY_WAIT,
            answer_wait: ANSWER_WAIT,
            rate_per_second: RATE_PER_SECOND,
            head_wait: HEAD_WAIT,
            connections_max: CONNECTIONS_MAX,
            drain_wait: DRAIN_WAIT,
        }
    }
}

/// What every handler shares; clones share it.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

struct Shared {
    engine: OnceLock<Engine>,
    stages: Stages,
    ring: OnceLock<Arc<Ring>>,
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
            stages: Stages::default(),
            ring: OnceLock::new(),
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
        self.0.stages.progress(done, of);
    }

    /// Says where refused events are noted, so that the ring's size can be told.
    pub fn watch_ring(&self, ring: Arc<Ring>) {
        // There is one ring: the first one stays.
        let _stays = self.0.ring.set(ring);
    }

    /// Says that the end was asked for: from now on nobody is told that the server is ready.
    pub fn end(&self) {
        self.0.stages.end();
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
            let (done, of) = self.0.stages.commits();
            starting(done, of)
        })
    }

    /// Where the server stands.
    pub fn standing(&self) -> Standing {
        self.0.stages.standing(self.0.engine.get())
    }

    /// Commits that the start has applied, of how many.
    pub(super) fn start_commits(&self) -> (u64, u64) {
        self.0.stages.commits()
    }

    /// The engine, where it is open.
    pub(super) fn opened(&self) -> Option<&Engine> {
        self.0.engine.get()
    }

    /// The ring of refused events.
    pub(super) fn ring(&self) -> Option<&Ring> {
        self.0.ring.get().map(Arc::as_ref)
    }

    /// What one request may take.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The door for connections to this server.
    pub fn door(&self) -> Door {
        Door { limits: self.0.limits, open: self.0.meter.connections.clone() }
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
