//! Owns how requests are read: strict bodies, queries that know their parameters, headers of writes.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::error::{ApiError, Code};
use super::state::AppState;
use super::strict;
use crate::kernel::id::InstanceId;

/// The header of the idempotency key.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest idempotency key: room for two UUIDs and a name.
pub const KEY_LENGTH_MAX: usize = 200;

/// A JSON body, read strictly: no repeated keys, no unknown members, a limited depth.
pub struct StrictJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for StrictJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        check_media_type(request.headers())?;
        let bytes = body(request, state).await?;
        strict::check(&bytes)?;
        serde_json::from_slice(&bytes).map(Self).map_err(|e| ApiError::new(Code::InvalidBody, e.to_string()))
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(CONTENT_TYPE).map_or(Ok(""), |value| value.to_str()).unwrap_or("?");
    let essence = given.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = if given.is_empty() {
        "the request has no `Content-Type`; accepted is `application/json`".to_owned()
    } else {
        format!("`{given}` is not read; accepted is `application/json`")
    };
    Err(ApiError::new(Code::WrongMediaType, detail).accepting(["application/json"]))
}

async fn body(request: Request, state: &AppState) -> Result<Bytes, ApiError> {
    let limits = state.limits();
    let too_large = || {
        let detail = format!("the body is over the limit of {} bytes", limits.body_bytes_max);
        ApiError::new(Code::BodyTooLarge, detail)
    };
    let said = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if said.is_some_and(|length: u64| length > limits.body_bytes_max as u64) {
        return Err(too_large());
    }
    let read = Limited::new(request.into_body(), limits.body_bytes_max).collect();
    match tokio::time::timeout(limits.body_wait, read).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(ApiError::new(Code::MalformedJson, format!("the body broke off: {error}"))),
        Err(_) => {
            let seconds = limits.body_wait.as_secs();
            Err(ApiError::new(Code::SlowBody, format!("the body was not complete within {seconds} seconds")))
        }
    }
}

/// Query parameters; an unknown one is refused with those that are known.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let text = rejection.body_text();
                let detail = text.rsplit_once("query string: ").map_or(text.as_str(), |(_, cause)| cause);
                Err(ApiError::new(Code::InvalidQuery, detail))
            }
        }
    }
}

/// No query parameters at all.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// Path parameters as text.
pub struct Segments<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<AppState> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(rejection) => Err(ApiError::new(Code::InvalidPath, rejection.body_text())),
        }
    }
}

/// The instance that `text` of a path names.
///
/// # Errors
/// `unknown_instance`: text of another shape names none.
pub fn instance_id(text: &str) -> Result<InstanceId, ApiError> {
    InstanceId::parse(text).map_err(|reason| ApiError::new(Code::UnknownInstance, reason))
}

/// The headers of a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteHeaders {
    /// `Idempotency-Key`.
    pub key: Option<String>,
    /// `If-Match`: the sequence that the instance must have.
    pub if_match: Option<u64>,
}

impl WriteHeaders {
    /// The key of a write to `what`, which `If-Match` is not for.
    ///
    /// # Errors
    /// `invalid_header` where `If-Match` is given.
    pub fn key_only(&self, what: &str) -> Result<Option<&str>, ApiError> {
        if self.if_match.is_some() {
            let detail = format!("`If-Match` is for events; {what} do not take it");
            return Err(ApiError::new(Code::InvalidHeader, detail));
        }
        Ok(self.key.as_deref())
    }
}

impl FromRequestParts<AppState> for WriteHeaders {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        let key = single(&parts.headers, &IDEMPOTENCY_KEY)?.map(key).transpose()?;
        let if_match = single(&parts.headers, &IF_MATCH)?.map(sequence).transpose()?;
        Ok(Self { key, if_match })
    }
}

/// The value of a header that may be given once.
///
/// # Errors
/// `invalid_header` where it is given twice or is no ASCII text.
pub fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ApiError::new(
            Code::InvalidHeader,
            format!("the header `{name}` is given more than once"),
        ));
    }
    let text = value.to_str().map_err(|_| {
        ApiError::new(Code::InvalidHeader, format!("the header `{name}` holds more than visible ASCII"))
    })?;
    Ok(Some(text.trim()))
}

fn key(text: &str) -> Result<String, ApiError> {
    if (1..=KEY_LENGTH_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    let detail = format!("an `Idempotency-Key` is 1 to {KEY_LENGTH_MAX} visible ASCII characters");
    Err(ApiError::new(Code::InvalidHeader, detail))
}

fn sequence(text: &str) -> Result<u64, ApiError> {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let digits = quoted.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
        let detail = format!("`If-Match: {text}` is refused; accepted is one quoted sequence like `\"3\"`");
        ApiError::new(Code::InvalidHeader, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_is_one_quoted_sequence() {
        assert_eq!(sequence("\"3\"").unwrap(), 3);
        for text in
            ["3", "*", "\"\"", "W/\"3\"", "\"3\", \"4\"", "\"-3\"", "\"+3\"", "\"99999999999999999999\""]
        {
            assert_eq!(sequence(text).unwrap_err().code(), Code::InvalidHeader, "{text}");
        }
    }

    #[test]
    fn a_key_is_short_and_visible() {
        assert_eq!(key("7f3k").unwrap(), "7f3k");
        for text in [String::new(), "a b".into(), "键".into(), "x".repeat(201)] {
            assert_eq!(key(&text).unwrap_err().code(), Code::InvalidHeader, "{text}");
        }
    }

    #[test]
    fn a_header_given_twice_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(IDEMPOTENCY_KEY, "a".parse().unwrap());
        assert_eq!(single(&headers, &IDEMPOTENCY_KEY).unwrap(), Some("a"));
        headers.append(IDEMPOTENCY_KEY, "b".parse().unwrap());
        assert_eq!(single(&headers, &IDEMPOTENCY_KEY).unwrap_err().code(), Code::InvalidHeader);
    }
}
