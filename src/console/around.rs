//! Owns what surrounds every page: problems become pages, strangers are led to the sign-in, sessions change their id.

use askama::Template;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{ACCEPT, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::lang::{Lang, cookie};
use super::session::COOKIE_NAME;
use super::shell::{Part, Shell, Visitor};
use super::sign::session_cookie;
use super::words::refusals;
use super::{Desk, page};
use crate::api::error::{ApiError, Code};

/// Seconds after which a page asks again that came while the server was starting.
const ASK_AGAIN_SECONDS: u32 = 2;

/// What went wrong, as a page.
#[derive(Template)]
#[template(path = "error.html", config = "src/console/askama.toml")]
struct ErrorPage {
    shell: Shell,
    status: u16,
    /// What kind of failure it is.
    heading: String,
    detail: String,
    accepted: Vec<String>,
    code: String,
}

/// Runs a request; what a browser asked for is answered as a page, whatever becomes of it.
pub async fn around(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path.starts_with("/v1/") || !wants_page(request.headers()) {
        return next.run(request).await;
    }
    let is_read = request.method() == Method::GET;
    let (mut parts, body) = request.into_parts();
    let visitor = Visitor::from_request_parts(&mut parts, &desk).await.ok();
    let lang = Lang::of_request(&parts.headers);
    let session = cookie(&parts.headers, COOKIE_NAME).map(str::to_owned);
    let secure = super::sign::is_secure(&parts.headers);
    let path = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        response = match error.code() {
            Code::MissingToken | Code::WrongToken if visitor.is_none() => {
                to_sign_in(is_read.then_some(&path))
            }
            _ => shown(error, visitor.as_ref(), lang, &path),
        };
    }
    let rotated = session.and_then(|id| desk.sessions.rotated(&id, Instant::now()));
    if let Some(id) = rotated.filter(|_| !response.headers().contains_key(SET_COOKIE)) {
        response.headers_mut().append(SET_COOKIE, session_cookie(&id, secure));
    }
    response
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// Leads to the sign-in, and from there back to `path`.
fn to_sign_in(path: Option<&String>) -> Response {
    let next = path.filter(|path| path.as_str() != "/").map(|path| format!("?next={}", encoded(path)));
    let location = format!("/sign-in{}", next.unwrap_or_default());
    let location = HeaderValue::from_str(&location).unwrap_or(HeaderValue::from_static("/sign-in"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// `text` as a value of a query.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn shown(error: ApiError, visitor: Option<&Visitor>, lang: Lang, path: &str) -> Response {
    let kind = error.code();
    let problem = error.into_problem();
    let heading = lang.t(&problem.title, refusals::problem(kind)).to_owned();
    let code = problem.code.clone();
    // The heading says already what kind of failure it is; a rule's own code says more.
    let detail = match code == kind.says().code {
        true => problem.detail,
        false => refusals::told(&code, &problem.detail, lang),
    };
    let mut shell = match visitor {
        Some(visitor) => visitor.shell(Part::Help, heading.clone()),
        None => Shell::of_stranger(lang, heading.clone(), path),
    };
    shell.nav.iter_mut().for_each(|link| link.here = false);
    let starting = code == Code::Starting.says().code;
    shell.refresh = starting.then_some(ASK_AGAIN_SECONDS);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let accepted = problem.accepted;
    let shown = ErrorPage { shell, status: status.as_u16(), heading, detail, accepted, code };
    page::with_status(status, &shown).unwrap_or_else(IntoResponse::into_response)
}
