//! Owns personal values: how they stay out of everything that is hashed.
//!
//! A value marked `x-personal` in its schema is exchanged at the edge for
//! `{"$p": SHA-256(salt, value)}`; salt and value travel beside the entry. A
//! machine can carry such a value, never read it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canonical;
use super::hash::Hash;

/// A personal value as a machine holds it: sealed, or (before sealing) in clear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal(pub Value);

/// Salts and values of sealed personal values, by digest.
pub type Private = BTreeMap<String, Secret>;

/// What stands behind one digest; both are absent once erased.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    /// 32 hex digits of randomness, so that a value cannot be guessed from its digest; 16 behind half a digest.
    pub salt: String,
    /// The value.
    pub value: Value,
}

impl Secret {
    /// The digest that it stands behind.
    pub fn digest(&self) -> String {
        let bytes = canonical::to_string(&self.value).unwrap_or_default();
        let whole = Hash::of(&[self.salt.as_bytes(), bytes.as_bytes()]);
        if self.salt.len() == HALF_SALT_DIGITS { whole.short() } else { whole.to_string() }
    }
}

/// Digits of the salt of half a digest: it tells the half from the whole.
pub const HALF_SALT_DIGITS: usize = 16;
/// The key that marks a sealed value.
const SEAL: &str = "$p";

impl JsonSchema for Personal {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Personal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": 4000, "x-personal": true })
    }
}

/// Seals `value` with `salt`: what stands in the entry, its digest, and what stands beside it.
pub fn seal(value: Value, salt: String) -> (Value, String, Secret) {
    let secret = Secret { salt, value };
    let digest = secret.digest();
    (serde_json::json!({ SEAL: digest }), digest, secret)
}

/// As [`seal`], with half the digest: enough for what only compares, and no proof of the value.
pub fn seal_half(value: Value, salt: String) -> (String, Secret) {
    debug_assert_eq!(salt.len(), HALF_SALT_DIGITS);
    let secret = Secret { salt, value };
    (secret.digest(), secret)
}

/// The digest where `value` is a sealed one.
pub fn digest(value: &Value) -> Option<&str> {
    let map = value.as_object()?;
    if map.len() == 1 { map.get(SEAL)?.as_str() } else { None }
}

/// Puts the values back where `private` has them; a value that is gone stays sealed.
pub fn reveal(value: &mut Value, private: &Private) {
    if let Some(secret) = digest(value).and_then(|digest| private.get(digest)) {
        *value = secret.value.clone();
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| reveal(item, private)),
        Value::Object(map) => map.values_mut().for_each(|item| reveal(item, private)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every digest that stands in `value`.
pub fn digests(value: &Value, into: &mut Vec<String>) {
    if let Some(digest) = digest(value) {
        into.push(digest.to_owned());
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| digests(item, into)),
        Value::Object(map) => map.values().for_each(|item| digests(item, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Seals every member of `payload` whose property in `schema` is marked `x-personal`;
/// arrays of marked items are sealed item by item. `salt` yields a fresh salt each time.
pub fn seal_marked(
    payload: &mut Value,
    schema: &Value,
    salt: &mut dyn FnMut() -> String,
    private: &mut Private,
) {
    if payload.is_null() {
        return;
    }
    if schema.get("x-personal").and_then(Value::as_bool) == Some(true) {
        if digest(payload).is_none() {
            let (sealed, digest, secret) = seal(payload.take(), salt());
            private.insert(digest, secret);
            *payload = sealed;
        }
        return;
    }
    match payload {
        Value::Object(map) => {
            for (key, item) in map {
                if let Some(schema) = schema.get("properties").and_then(|all| all.get(key)) {
                    seal_marked(item, schema, salt, private);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| seal_marked(item, schema, salt, private));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
