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

use super::access::{Ended, Who};
use super::error::{ApiError, Code, PROBLEM_JSON};
use super::state::AppState;
use crate::random;

/// The header of the request's id, taken and given.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken; a longer one is replaced.
pub const REQUEST_ID_MAX: usize = 100;
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

/// Runs the request inside its span and time limit, completes its answer, counts and logs it.
pub async fn surround(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let under_way = state.meter().requests.hold();
    let (id, who) = (request_id(&request), Who::default());
    request.extensions_mut().insert(RequestId(id.clone()));
    request.extensions_mut().insert(who.clone());
    let (path, method) = (request.uri().path().to_owned(), request.method().clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    let span = tracing::info_span!("request", id = %id, %method, route = route.unwrap_or("-"));
    let response = answer(&state, request, next, start).instrument(span).await;
    let code = response.extensions().get::<ApiError>().map(ApiError::code);
    let response = complete(response, path, &id);
    let (status, took) = (response.status().as_u16(), start.elapsed());
    state.meter().count(&method, route, status, took);
    if let Some(code) = code {
        state.meter().problem(code);
    }
    let code = code.map(|code| code.says().code);
    Ended { id: &id, method: &method, route, who: &who, status, code, took }.log();
    drop(under_way);
    response
}

/// The answer within the time that it may take.
async fn answer(state: &AppState, request: Request, next: Next, start: Instant) -> Response {
    if let Err(error) = limit_strangers(state, &request, start) {
        return error.into_response();
    }
    let wait = state.limits().answer_wait;
    match tokio::time::timeout(wait, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("there was no answer within {} seconds", wait.as_secs());
            ApiError::new(Code::Timeout, detail).into_response()
        }
    }
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
pub fn limit(state: &AppState, caller: &str, now: Instant) -> Result<(), ApiError> {
    state.rates().take(caller, now).map_err(|wait| {
        let per_second = state.limits().rate_per_second;
        ApiError::new(Code::RateLimited, format!("more than {per_second} requests a second"))
            .retry_after(wait.as_secs() + 1)
    })
}

/// The sender's id where it is short and of letters, digits and `-_.:/+=@`, else a fresh one: it goes
/// into histories and logs, where nothing else of a sender's making may look like a line or a quote.
fn request_id(request: &Request) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&byte);
    let safe = |id: &&str| (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(plain);
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(safe);
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
