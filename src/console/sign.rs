//! Signing in with a token and out again; the language of the pages.

use askama::Template;
use axum::extract::{Query, Request, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::time::Instant;

use super::form::{self, Posted};
use super::lang::{self, Lang, cookie};
use super::session::COOKIE_NAME;
use super::shell::Shell;
use super::{Desk, page};
use crate::api::error::{ApiError, Code};

/// How long the choice of a language is kept, in seconds: a year.
const LANGUAGE_SECONDS: u32 = 365 * 86_400;
/// Longest token that is looked at.
const TOKEN_LENGTH_MAX: usize = 200;

/// Where to go after signing in.
#[derive(Debug, Default, Deserialize)]
pub struct Next {
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html", config = "src/console/askama.toml")]
struct SignInPage {
    shell: Shell,
    next: String,
    wrong: bool,
}

/// The page that asks for a token.
///
/// # Errors
/// `starting` while nobody is known yet.
pub async fn show(
    State(desk): State<Desk>,
    Query(next): Query<Next>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    desk.state.engine()?;
    let now = Instant::now();
    if cookie(&headers, COOKIE_NAME).and_then(|id| desk.sessions.used(id, now)).is_some() {
        return Ok(to(&own_path(next.next.as_deref())));
    }
    shown(&headers, own_path(next.next.as_deref()), false)
}

fn shown(headers: &HeaderMap, next: String, wrong: bool) -> Result<Response, ApiError> {
    let lang = Lang::of_request(headers);
    let shell = Shell::of_stranger(
        lang,
        lang.t("Sign in", "登录"),
        format!("/sign-in?next={}", super::around::encoded(&next)),
    );
    page::page(&SignInPage { shell, next, wrong })
}

/// Opens a session with the token of the form.
///
/// # Errors
/// A form that is none of ours.
pub async fn sign_in(State(desk): State<Desk>, request: Request) -> Result<Response, ApiError> {
    let headers = request.headers().clone();
    form::check_origin(&headers)?;
    let fields = form::read(request, &desk).await?;
    let engine = desk.state.engine()?;
    let secret = fields.text("token").unwrap_or_default();
    let next = own_path(fields.get("next"));
    let token = if secret.len() <= TOKEN_LENGTH_MAX { engine.opened_by(secret) } else { None };
    let Some(token) = token else { return shown(&headers, next, true) };
    if let Some(before) = cookie(&headers, COOKIE_NAME) {
        desk.sessions.end(before);
    }
    let id = desk.sessions.open(token, Instant::now());
    let mut response = to(&next);
    response.headers_mut().append(SET_COOKIE, session_cookie(&id, is_secure(&headers)));
    Ok(response)
}

/// Ends the session.
///
/// # Errors
/// A form that is none of ours.
pub async fn sign_out(
    State(desk): State<Desk>,
    headers: HeaderMap,
    _posted: Posted,
) -> Result<Response, ApiError> {
    if let Some(id) = cookie(&headers, COOKIE_NAME) {
        desk.sessions.end(id);
    }
    let mut response = to("/sign-in");
    let gone = format!("{COOKIE_NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    response.headers_mut().append(SET_COOKIE, ascii(&gone));
    Ok(response)
}

/// Keeps the reader's choice of a language; needs no session, for it says nothing of anybody.
///
/// # Errors
/// Another language than there is.
pub async fn language(State(desk): State<Desk>, request: Request) -> Result<Response, ApiError> {
    let secure = is_secure(request.headers());
    form::check_origin(request.headers())?;
    let fields = form::read(request, &desk).await?;
    let chosen = fields.get("lang").unwrap_or_default();
    if !["en", "zh"].contains(&chosen) {
        let detail = format!("there are no pages in `{chosen}`");
        return Err(ApiError::new(Code::InvalidBody, detail).accepting(["en", "zh"]));
    }
    let mut response = to(&own_path(fields.get("back")));
    let name = lang::COOKIE_NAME;
    let kept = format!(
        "{name}={chosen}; Path=/; Max-Age={LANGUAGE_SECONDS}; HttpOnly; SameSite=Lax{}",
        secure_part(secure)
    );
    response.headers_mut().append(SET_COOKIE, ascii(&kept));
    Ok(response)
}

/// The cookie of a session: for this host, no script, no request that another site's page makes.
pub fn session_cookie(id: &str, secure: bool) -> HeaderValue {
    ascii(&format!("{COOKIE_NAME}={id}; Path=/; HttpOnly; SameSite=Lax{}", secure_part(secure)))
}

const fn secure_part(secure: bool) -> &'static str {
    if secure { "; Secure" } else { "" }
}

/// Whether the browser speaks to us, or to the proxy before us, over TLS.
pub fn is_secure(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"))
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("names and digits are ASCII")
}

/// Leads to `path` of this host.
pub fn to(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// `given` where it is a path of this host, else the first page: nobody is led elsewhere.
pub fn own_path(given: Option<&str>) -> String {
    let own = |path: &&str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && !path.starts_with("/\\")
            && path.bytes().all(|byte| byte.is_ascii_graphic())
    };
    given.filter(own).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_host() {
        for path in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "/a b",
            "/a\r\nx: y",
            "javascript:1",
        ] {
            assert_eq!(own_path(Some(path)), "/", "{path}");
        }
        assert_eq!(own_path(Some("/cases/1?x=%20#y")), "/cases/1?x=%20#y");
    }

    #[test]
    fn a_session_cookie_is_for_no_script_and_no_other_site() {
        let cookie = session_cookie("ab", false);
        assert_eq!(cookie, "careflow_session=ab; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(session_cookie("ab", true), "careflow_session=ab; Path=/; HttpOnly; SameSite=Lax; Secure");
    }
}
