//! Owns the line that the log gets for each request: who, what, how it ended; no payload, no token, no id of a case.
//!
//! # Why
//! A path holds ids and a query may hold customers' names, so that only the
//! route's template is logged; an actor's id may be a name, so that a digest of it
//! stands there, the same in every line of one process and in no other's: ids are
//! few and easily guessed, and a plain hash of each would tell whose it is. The
//! history has the rest, by request id.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::Method;

use crate::engine::Identity;
use crate::kernel::actor::ActorKind;
use crate::random;

/// Where the lines go; a filter names it to have only them, or none of them.
pub const TARGET: &str = "careflow::requests";
/// Hex digits of an actor's digest: enough to follow one, too few to be an id.
const DIGEST_DIGITS: usize = 12;

/// Who sent a request, known once its token was looked at; in the request's extensions.
#[derive(Clone, Debug, Default)]
pub struct Who(Arc<OnceLock<Known>>);

#[derive(Debug)]
struct Known {
    kind: ActorKind,
    actor: String,
}

impl Who {
    /// It is this caller.
    pub fn is(&self, identity: &Identity) {
        // A request has one caller: the first stays.
        self.0.set(Known { kind: identity.kind, actor: identity.actor.clone() }).ok();
    }

    /// What kind of caller; a dash for a stranger.
    fn kind(&self) -> &'static str {
        self.0.get().map_or("-", |known| known.kind.name())
    }

    /// The digest of the caller's id; a dash for a stranger.
    fn digest(&self) -> String {
        let digest = |known: &Known| random::digest_of(&known.actor).to_string()[..DIGEST_DIGITS].to_owned();
        self.0.get().map_or_else(|| "-".to_owned(), digest)
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its method.
    pub method: &'a Method,
    /// The template that its path met.
    pub route: Option<&'a str>,
    /// Who sent it.
    pub who: &'a Who,
    /// Status of the answer.
    pub status: u16,
    /// Code of the problem, where it is one.
    pub code: Option<&'static str>,
    /// From the head of the request to the answer.
    pub took: Duration,
}

impl Ended<'_> {
    /// Writes the line: a warning where the server is at fault.
    pub fn log(&self) {
        let Self { id, method, status, took, who, .. } = *self;
        let kind = who.kind();
        let (route, code) = (self.route.unwrap_or("-"), self.code.unwrap_or("-"));
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if status >= 500 {
            // The digest is made within the line, so that it costs nothing where no line is written.
            tracing::warn!(target: TARGET, request_id = %id, %method, route, status, micros, kind, actor = who.digest(), code, "failed");
        } else {
            tracing::info!(target: TARGET, request_id = %id, %method, route, status, micros, kind, actor = who.digest(), code, "answered");
        }
    }
}
