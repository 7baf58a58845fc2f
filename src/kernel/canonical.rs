//! Owns the canonical form of JSON (RFC 8785): the bytes that are stored and hashed.
//!
//! # Why
//! The library sorts members by parsing every key again and keeps each in a buffer of its own, which
//! was a third of the writer's time. What careflow itself writes is plain: short keys, whole numbers.
//! `sheet.rs` writes that in two passes over memory and gives up on anything else, which the library then writes.
//! A property test holds both to the same bytes.

mod sheet;

use serde::Serialize;
use serde_json::Value;

use super::hash::Hash;

/// The largest integer that every JSON reader keeps exactly: 2^53 - 1.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// A value that has no canonical form.
#[derive(Debug, thiserror::Error)]
#[error("no canonical form: {0}")]
pub struct NotCanonical(String);

/// The canonical bytes of `value`.
///
/// # Errors
/// A number that is not finite, or a map whose keys are not text.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, NotCanonical> {
    match sheet::write(value) {
        Some(text) => Ok(text),
        None => serde_json_canonicalizer::to_string(value).map_err(|e| NotCanonical(e.to_string())),
    }
}

/// The digest of the canonical bytes of `value`.
///
/// # Errors
/// As [`to_string`].
pub fn hash<T: Serialize>(value: &T) -> Result<Hash, NotCanonical> {
    Ok(Hash::of(&[to_string(value)?.as_bytes()]))
}

/// The JSON pointer of the first number in `value` that other readers would change:
/// a fraction, or an integer beyond ±(2^53 - 1).
pub fn inexact_number(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => {
            let exact = number.as_i64().is_some_and(|n| (-INTEGER_MAX..=INTEGER_MAX).contains(&n));
            (!exact).then(String::new)
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(i, item)| inexact_number(item).map(|rest| format!("/{i}{rest}"))),
        Value::Object(map) => map.iter().find_map(|(key, item)| {
            inexact_number(item).map(|rest| format!("/{}{rest}", key.replace('~', "~0").replace('/', "~1")))
        }),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}
