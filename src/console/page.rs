//! Owns how a page is answered: written from its template, with headers that let it run nothing of a stranger's.

use std::sync::LazyLock;

use askama::Template;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::api::error::{ApiError, Code};
use crate::kernel::diagram;

/// What a page may load: its own files, and of styles within it only the diagrams' sheet.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let sheet = BASE64_STANDARD.encode(Sha256::digest(diagram::sheet()));
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-{sheet}'; img-src 'self' data:; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("the policy is ASCII")
});

/// The answer that shows `template`.
///
/// # Errors
/// `internal` where it cannot be written, which its types rule out.
pub fn page(template: &impl Template) -> Result<Response, ApiError> {
    with_status(StatusCode::OK, template)
}

/// As [`page`], with another status.
///
/// # Errors
/// As [`page`].
pub fn with_status(status: StatusCode, template: &impl Template) -> Result<Response, ApiError> {
    let text = template.render().map_err(|error| ApiError::new(Code::Internal, error.to_string()))?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    protect(&mut headers);
    Ok((status, headers, text).into_response())
}

/// The headers of everything that a signed-in person reads.
pub fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(VARY, HeaderValue::from_static("Cookie, Accept-Language"));
}
