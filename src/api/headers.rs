//! Owns the headers that answers carry.

use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::engine::Changed;

/// The position whose state an answer shows.
pub const POSITION: HeaderName = HeaderName::from_static("careflow-position");
/// Says that a command was carried out before under the same key.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Headers of what was read at `position`.
pub fn at(position: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(POSITION, position.into());
    headers
}

/// Headers of an instance at sequence `seq`, read or written at `position`.
pub fn tagged(position: u64, seq: u64) -> HeaderMap {
    let mut headers = at(position);
    headers.insert(
        ETAG,
        HeaderValue::from_str(&format!("\"{seq}\"")).expect("a quoted number is visible ASCII"),
    );
    headers
}

/// Headers of a token or a person that a command left.
pub fn changed<T>(changed: &Changed<T>) -> HeaderMap {
    let mut headers = tagged(changed.position, changed.seq);
    if changed.replayed {
        replayed(&mut headers);
    }
    headers
}

/// Says where a new thing is found.
pub fn located(headers: &mut HeaderMap, path: &str) {
    if let Ok(path) = HeaderValue::from_str(path) {
        headers.insert(LOCATION, path);
    }
}

/// Says that this is the answer of an earlier request with the same key.
pub fn replayed(headers: &mut HeaderMap) {
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
}
