//! Owns what surrounds every request: its id, span, time limit, caught panics, and the writing of problems.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;

use axum::Json;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;
use tracing::Instrument;

use super::error::{ApiError, Code, PROBLEM_JSON};
use super::state::AppState;
use crate::random;

/// The header of the request's id, taken and given.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken; a longer one is replaced.
const REQUEST_ID_MAX: usize = 100;
/// Random bytes of an id that we make.
const REQUEST_ID_BYTES: usize = 8;

/// The id of a request, in its extensions.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Who is at the other end of the connection, in the request's extensions; set by the server only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Somebody on the network.
    Network(SocketAddr),
    /// A process of this machine that may open the control socket: the file permission is the login.
    Local {
        /// The user it runs as.
        uid: u32,
    },
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => write!(f, "{}", address.ip()),
            Self::Local { uid } => write!(f, "local:{uid}"),
        }
    }
}

/// Runs the request inside its span and time limit and completes its answer.
pub async fn surround(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(&request);
    request.extensions_mut().insert(RequestId(id.clone()));
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!(
        "request",
        id = %id,
        method = %request.method(),
        path = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str),
    );
    let response = async {
        if let Err(error) = limit_strangers(&state, &request, start) {
            return error.into_response();
        }
        match tokio::time::timeout(state.limits().answer_wait, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let seconds = state.limits().answer_wait.as_secs();
                ApiError::new(Code::Timeout, format!("there was no answer within {seconds} seconds"))
                    .into_response()
            }
        }
    }
    .instrument(span.clone())
    .await;
    let response = complete(response, path, &id);
    let (status, took) = (response.status(), start.elapsed());
    state.meter().count(status.as_u16(), took);
    span.in_scope(|| {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), micros, "failed");
        } else {
            tracing::debug!(status = status.as_u16(), micros, "answered");
        }
    });
    response
}

/// Turns a panic of a handler into an answer; the span's id leads to the log.
#[expect(clippy::needless_pass_by_value, reason = "the layer gives the panic away")]
pub fn caught(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
    tracing::error!(panic = text, "a handler panicked");
    ApiError::new(Code::Internal, "the server made a mistake; its log says which, by the request id")
        .into_response()
}

/// Nothing is at this path.
pub async fn unknown_route(request: Request) -> ApiError {
    let detail = format!("there is nothing at `{}`; `/openapi.json` lists every path", request.uri().path());
    ApiError::new(Code::UnknownRoute, detail)
}

/// The path takes other methods; axum adds `Allow`.
pub async fn wrong_method(request: Request) -> ApiError {
    let detail = format!("`{}` does not take {}", request.uri().path(), request.method());
    ApiError::new(Code::MethodNotAllowed, detail)
}

/// A caller with a token is counted once it is known; anybody else by address.
fn limit_strangers(state: &AppState, request: &Request, now: Instant) -> Result<(), ApiError> {
    if request.headers().contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let peer = request.extensions().get::<Peer>().map_or_else(|| "unknown".to_owned(), Peer::to_string);
    limit(state, &peer, now)
}

/// Counts one request of `caller`.
///
/// # Errors
/// `rate_limited`.
pub(super) fn limit(state: &AppState, caller: &str, now: Instant) -> Result<(), ApiError> {
    state.rates().take(caller, now).map_err(|wait| {
        let per_second = state.limits().rate_per_second;
        ApiError::new(Code::RateLimited, format!("more than {per_second} requests a second"))
            .retry_after(wait.as_secs() + 1)
    })
}

/// The sender's id where it is short and visible ASCII, else a fresh one.
fn request_id(request: &Request) -> String {
    let visible = |id: &&str| {
        !id.is_empty() && id.len() <= REQUEST_ID_MAX && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(visible);
    given.map_or_else(|| random::hex_of(REQUEST_ID_BYTES), str::to_owned)
}

/// Writes the problem, where there is one, and names the request.
fn complete(mut response: Response, path: String, id: &str) -> Response {
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let mut problem = error.into_problem();
        problem.instance = path;
        id.clone_into(&mut problem.request_id);
        let (mut parts, _) = response.into_parts();
        let (written, body) = Json(problem).into_response().into_parts();
        if written.status == StatusCode::OK {
            parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
            parts.headers.remove(axum::http::header::CONTENT_LENGTH);
            response = Response::from_parts(parts, body);
        } else {
            response = Response::from_parts(parts, Body::empty());
        }
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
