//! Owns what a failed request answers: each error is said once, in the table below.
//!
//! A handler or extractor yields an [`ApiError`]; [`super::request`] adds the
//! path and the request id and writes it as a problem document (RFC 9457).
//! [`super::responses`] makes the OpenAPI responses and the README's table of it.

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::CommandError;
use crate::index::IndexError;
use crate::journal::ReadError;
use crate::kernel::fault::Fault;
use crate::kernel::instance::Instance;
use crate::kernel::outcome::{Refusal, RefusalKind};

use super::entries::EntryRecord;
use super::instances::owner_text;

/// Seconds after which a request that met a passing trouble is worth repeating.
const RETRY_AFTER_SECONDS: u64 = 1;
/// Media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// Prefix of a problem's `type`.
const TYPE_PREFIX: &str = "urn:careflow:problem:";

macro_rules! codes {
    ($( $variant:ident = $status:literal $code:literal, $title:literal, $when:literal; )*) => {
        /// Every kind of failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $( #[doc = $when] $variant, )*
        }

        impl Code {
            /// Every code, by status.
            pub const ALL: &[Self] = &[$( Self::$variant, )*];

            /// What the table says of it.
            pub const fn says(self) -> Says {
                match self {
                    $( Self::$variant => Says { status: $status, code: $code, title: $title, when: $when }, )*
                }
            }
        }
    };
}

/// One row of the table of errors.
#[derive(Clone, Copy, Debug)]
pub struct Says {
    /// HTTP status.
    pub status: u16,
    /// Stable code for programs.
    pub code: &'static str,
    /// The kind of failure, the same each time.
    pub title: &'static str,
    /// When it is answered.
    pub when: &'static str,
}

codes! {
    MalformedJson = 400 "malformed_json", "The body is not JSON", "The body is no JSON document, repeats a key or is nested too deeply.";
    InvalidQuery = 400 "invalid_query", "A query parameter is not acceptable", "A query parameter is unknown or has a value that is not accepted.";
    InvalidPath = 400 "invalid_path", "A part of the path is not acceptable", "An id in the path has another shape.";
    InvalidHeader = 400 "invalid_header", "A header is not acceptable", "`Idempotency-Key`, `If-Match`, `Careflow-Role` or `Careflow-On-Behalf-Of` has a value that is not accepted.";
    UnsupportedSort = 400 "unsupported_sort", "The list has no such order", "A list is asked for in an order that it has no key for.";
    InvalidCursor = 400 "invalid_cursor", "The cursor belongs to another list", "The cursor was not made by this list with these filters.";
    MissingToken = 401 "missing_token", "A token is needed", "The request carries no `Authorization: Bearer` token.";
    WrongToken = 401 "wrong_token", "The token opens nothing", "The token is unknown or revoked.";
    RoleNotAllowed = 403 "role_not_allowed", "The role may not do this", "No role of the token may do this, or the one chosen may not.";
    RefusedByDuty = 403 "refused_by_duty", "Separation of duties forbids it", "The sender may not, because of another part in the case; `code` says which rule.";
    UnknownRoute = 404 "unknown_route", "There is nothing at this path", "The path is not one of the API.";
    UnknownWorkflow = 404 "unknown_workflow", "There is no such workflow", "The workflow is not registered.";
    UnknownInstance = 404 "unknown_instance", "There is no such instance", "The instance does not exist, or is not the caller's own.";
    UnknownVersion = 404 "unknown_version", "There is no such version", "The definition has no such version.";
    UnknownTimer = 404 "unknown_timer", "There is no such timer", "The instance has no running timer of this name.";
    UnknownClock = 404 "unknown_clock", "There is no such clock", "The clock, or this run of it, has not started.";
    UnknownSchedule = 404 "unknown_schedule", "There is no such schedule", "No schedule has this id.";
    UnknownToken = 404 "unknown_token", "There is no such token", "No token has this id.";
    UnknownActor = 404 "unknown_actor", "There is no such actor", "No person or service has this id.";
    MethodNotAllowed = 405 "method_not_allowed", "The path does not take this method", "The path exists; the header `Allow` lists its methods.";
    SlowBody = 408 "slow_body", "The body came too slowly", "The body was not complete in time.";
    RefusedByState = 409 "refused_by_state", "The state does not accept the event", "The state of the instance does not accept the event; `accepted_events` lists those it does.";
    RefusedByGuard = 409 "refused_by_guard", "The case is not as the event needs it", "The case, or another one, is not as the event needs it; `code` says which rule.";
    KeyReused = 409 "key_reused", "The idempotency key was used for another command", "The same `Idempotency-Key` came with another command before.";
    ImportHeld = 409 "import_held", "The import is not released", "The instance belongs to an import that is not released.";
    Stale = 412 "stale", "The instance has moved on", "`If-Match` names an older sequence; `entries_since` holds what happened after it.";
    BodyTooLarge = 413 "body_too_large", "The body is too large", "The body is over the limit.";
    CommitTooLarge = 413 "commit_too_large", "The commit would be too large", "What the command causes does not fit into one commit.";
    WrongMediaType = 415 "wrong_media_type", "The body is not `application/json`", "The body has another `Content-Type`.";
    InvalidBody = 422 "invalid_body", "The body has another shape", "The body is JSON but has unknown, missing or wrongly typed members.";
    UnknownEvent = 422 "unknown_event", "The workflow has no such event", "The workflow has no event of this name; `accepted` lists those it has.";
    InvalidPayload = 422 "invalid_payload", "The payload does not fit its schema", "The payload breaks the event's schema; `faults` lists every place.";
    RefusedInput = 422 "refused_input", "A value is not acceptable", "A value of the payload is not acceptable in this case; `code` says which rule.";
    RateLimited = 429 "rate_limited", "Too many requests", "The caller sends more than the limit; wait for `Retry-After`.";
    Internal = 500 "internal", "The server made a mistake", "An error of this program; nothing was changed unless a command was under way.";
    StepFailed = 500 "step_failed", "The workflow's code failed", "The workflow's code failed on this event; nothing was changed.";
    Storage = 500 "storage", "Stored data cannot be read", "The journal or the index cannot be read.";
    Starting = 503 "starting", "The server is starting", "The journal is being opened or the index rebuilt; `progress` says how far.";
    Busy = 503 "busy", "Too many commands are waiting", "The queue is full; nothing was done.";
    CommitUnknown = 503 "commit_unknown", "It is not known whether the command was stored", "Ask again with the same `Idempotency-Key`.";
    Stopped = 503 "stopped", "The engine takes no commands", "The engine has stopped; `detail` says why.";
    Damaged = 503 "damaged", "Stored data is damaged", "Stored data was found damaged (`/readyz`); nothing is written any more.";
    ShuttingDown = 503 "shutting_down", "The server is ending", "The server was told to end (`/readyz`); requests are taken a little longer.";
    Timeout = 504 "timeout", "The answer took too long", "The command may still be carried out: ask again with the same `Idempotency-Key`.";
    DiskFull = 507 "disk_full", "The disk is full", "The journal has no room for another entry; nothing was done.";
}

/// What went wrong with a request, and what would have been accepted (RFC 9457).
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Problem {
    /// The kind of failure: `urn:careflow:problem:<code of the table of errors>`.
    #[schema(example = "urn:careflow:problem:refused_by_state")]
    pub r#type: String,
    /// The kind of failure in words, the same each time.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What was refused this time, and why.
    pub detail: String,
    /// Stable code: of the table of errors, or of the rule that refused an event.
    #[schema(example = "event_not_accepted")]
    pub code: String,
    /// Path of the request.
    pub instance: String,
    /// Id of the request, also in the header `X-Request-Id`.
    pub request_id: String,
    /// Events that the state accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub accepted_events: Option<Vec<String>>,
    /// Each place that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub faults: Vec<FaultView>,
    /// Values that would have been accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub accepted: Vec<String>,
    /// State of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub state: Option<String>,
    /// Who answers for the instance: a person's id or `queue:<name>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub owner: Option<String>,
    /// Sequence of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub current_seq: Option<u64>,
    /// Entries after the sequence that `If-Match` named, oldest first; the newest may be left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub entries_since: Vec<EntryRecord>,
    /// How far the start of the server has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub progress: Option<ProgressView>,
    /// Seconds after which to try again, also in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after: Option<u64>,
}

/// One place of a body that is wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FaultView {
    /// JSON pointer (RFC 6901) into the payload.
    #[schema(example = "/channel")]
    pub path: String,
    /// What was refused and what would be accepted.
    pub message: String,
}

/// How far a start or rebuild has come, in commits.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ProgressView {
    /// Commits applied.
    pub done: u64,
    /// Commits in the journal; 0 while it is not known.
    pub of: u64,
}

/// A failed request before it is written as a [`Problem`].
#[derive(Clone, Debug)]
pub struct ApiError {
    code: Code,
    problem: Box<Problem>,
}

impl ApiError {
    /// A failure of kind `code`; `detail` says what was refused and what would be accepted.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let says = code.says();
        let problem = Problem {
            r#type: format!("{TYPE_PREFIX}{}", says.code),
            title: says.title.into(),
            status: says.status,
            detail: detail.into(),
            code: says.code.into(),
            retry_after: retry_after(code),
            ..Problem::default()
        };
        Self { code, problem: Box::new(problem) }
    }

    /// The kind of failure.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Adds the values that would have been accepted.
    #[must_use]
    pub fn accepting<T: Into<String>>(mut self, accepted: impl IntoIterator<Item = T>) -> Self {
        self.problem.accepted = accepted.into_iter().map(Into::into).collect();
        self
    }

    /// Adds the places that are wrong.
    #[must_use]
    pub fn faults(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        let view = |fault: Fault| FaultView { path: fault.path, message: fault.message };
        self.problem.faults = faults.into_iter().map(view).collect();
        self
    }

    /// Adds how far the start has come.
    #[must_use]
    pub fn progress(mut self, done: u64, of: u64) -> Self {
        self.problem.progress = Some(ProgressView { done, of });
        self
    }

    /// Adds when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.problem.retry_after = Some(seconds);
        self
    }

    /// Adds the entries after the sequence that the sender knew.
    #[must_use]
    pub fn entries_since(mut self, entries: Vec<EntryRecord>) -> Self {
        self.problem.entries_since = entries;
        self
    }

    /// Drops what tells of the instance; for a caller that may not read it.
    #[must_use]
    pub fn without_instance(mut self) -> Self {
        self.problem.state = None;
        self.problem.owner = None;
        self
    }

    /// The document, complete but for path and request id.
    pub fn into_problem(self) -> Problem {
        *self.problem
    }

    fn of_refusal(refusal: &Refusal, accepted: Vec<String>, instance: Option<&Instance>) -> Self {
        let code = match refusal.kind {
            RefusalKind::State => Code::RefusedByState,
            RefusalKind::Role => Code::RoleNotAllowed,
            RefusalKind::Duty => Code::RefusedByDuty,
            RefusalKind::Guard => Code::RefusedByGuard,
            RefusalKind::Input => Code::RefusedInput,
        };
        let mut error = Self::new(code, refusal.reason.clone());
        error.problem.code = refusal.code.into();
        error.problem.accepted_events = Some(accepted);
        error.about(instance)
    }

    fn about(mut self, instance: Option<&Instance>) -> Self {
        if let Some(instance) = instance {
            self.problem.state = Some(instance.state.clone());
            self.problem.owner = owner_text(instance);
            self.problem.current_seq = Some(instance.seq);
        }
        self
    }
}

/// What passes by itself is worth another try; anything else is not.
const fn retry_after(code: Code) -> Option<u64> {
    match code {
        Code::RateLimited | Code::Starting | Code::Busy | Code::CommitUnknown | Code::Timeout => {
            Some(RETRY_AFTER_SECONDS)
        }
        _ => None,
    }
}

impl IntoResponse for ApiError {
    /// Status and headers; the body is written by [`super::request`], which knows path and request id.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.problem.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        match self.code {
            Code::MissingToken => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"careflow\""));
            }
            Code::WrongToken => {
                let challenge = "Bearer realm=\"careflow\", error=\"invalid_token\"";
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        match error {
            CommandError::UnknownWorkflow(_) => Self::new(Code::UnknownWorkflow, detail),
            CommandError::UnknownInstance(_) => Self::new(Code::UnknownInstance, detail),
            CommandError::UnknownEvent { known, .. } => {
                Self::new(Code::UnknownEvent, detail).accepting(known)
            }
            CommandError::Payload { faults, .. } => Self::new(Code::InvalidPayload, detail).faults(faults),
            CommandError::Refused { refusal, accepted, instance } => {
                Self::of_refusal(&refusal, accepted, instance.as_deref())
            }
            CommandError::KeyReused => Self::new(Code::KeyReused, detail),
            CommandError::Stale { instance, .. } => Self::new(Code::Stale, detail).about(Some(&instance)),
            CommandError::Held(_) => Self::new(Code::ImportHeld, detail),
            CommandError::StepFailed(_) => Self::new(Code::StepFailed, detail),
            CommandError::TooLarge(_) => Self::new(Code::CommitTooLarge, detail),
            CommandError::Busy => Self::new(Code::Busy, detail),
            CommandError::DiskFull => Self::new(Code::DiskFull, detail),
            CommandError::CommitUnknown => Self::new(Code::CommitUnknown, detail),
            CommandError::Stopped(_) => Self::new(Code::Stopped, detail),
        }
    }
}

impl From<IndexError> for ApiError {
    fn from(error: IndexError) -> Self {
        tracing::error!(%error, "the index cannot be read");
        Self::new(Code::Storage, "the index cannot be read; the server's log says why")
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "the journal cannot be read");
        match error {
            ReadError::Damaged { position, .. } => {
                Self::new(Code::Storage, format!("the journal is damaged at position {position}"))
            }
            ReadError::Io(_) => {
                Self::new(Code::Storage, "the journal cannot be read; the server's log says why")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::api::testing;

    #[test]
    fn codes_are_unique_and_ordered_by_status() {
        let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.says().code).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        assert!(Code::ALL.is_sorted_by_key(|code| code.says().status));
    }

    #[test]
    fn a_refusal_keeps_the_code_of_its_rule_and_tells_what_is_accepted() {
        for (kind, status, kind_code) in [
            (RefusalKind::State, 409, "refused_by_state"),
            (RefusalKind::Role, 403, "role_not_allowed"),
            (RefusalKind::Duty, 403, "refused_by_duty"),
            (RefusalKind::Guard, 409, "refused_by_guard"),
            (RefusalKind::Input, 422, "refused_input"),
        ] {
            let error = CommandError::Refused {
                refusal: Refusal::new(kind, "some_rule", "the reason"),
                accepted: vec!["accept".into()],
                instance: Some(Arc::new(testing::instance())),
            };
            let problem = ApiError::from(error).into_problem();
            assert_eq!((problem.status, problem.code.as_str()), (status, "some_rule"));
            assert_eq!(problem.r#type, format!("urn:careflow:problem:{kind_code}"));
            assert_eq!(problem.accepted_events, Some(vec!["accept".to_owned()]));
            assert_eq!(problem.owner.as_deref(), Some("queue:front"));
            assert_eq!(problem.current_seq, Some(3));
        }
    }

    #[test]
    fn what_passes_by_itself_says_when_to_try_again() {
        for (error, status, waits) in [
            (CommandError::Busy, 503, true),
            (CommandError::CommitUnknown, 503, true),
            (CommandError::Stopped("told to".into()), 503, false),
            (CommandError::DiskFull, 507, false),
            (CommandError::KeyReused, 409, false),
            (CommandError::TooLarge("big".into()), 413, false),
            (CommandError::Held("b1".into()), 409, false),
            (CommandError::StepFailed("oh".into()), 500, false),
            (CommandError::UnknownWorkflow("x".into()), 404, false),
        ] {
            let response = ApiError::from(error).into_response();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers().contains_key(RETRY_AFTER), waits);
        }
    }

    #[test]
    fn payload_faults_and_known_events_are_listed() {
        let faults = vec![Fault::value("/channel", "`fax` is refused; accepted are `phone`")];
        let payload = CommandError::Payload { event: "submit".into(), faults };
        let problem = ApiError::from(payload).into_problem();
        assert_eq!((problem.status, problem.faults[0].path.as_str()), (422, "/channel"));
        let unknown = CommandError::UnknownEvent {
            workflow: "consultation".into(),
            event: "fly".into(),
            known: vec!["submit", "accept"],
        };
        assert_eq!(ApiError::from(unknown).into_problem().accepted, ["submit", "accept"]);
    }
}
