//! Owns the names of things: instances, workflows, roles' holders.
//!
//! # Why
//! An instance id starts with the 16-bit hash of its partition key, so that a
//! later split over machines routes by the id alone; the rest is derived from
//! what started the instance, so that a repeated start meets its own instance.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::hash::Hash;

/// Digits of Crockford's base 32: no `i`, `l`, `o`, `u`, so a number can be read out on the phone.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Digits after the partition: 80 bits, one clash expected in about 10^12 instances.
const LOCAL_DIGITS: usize = 16;
/// `3fa2-7f3k2m9qx4tbz8wd`: four hex digits, a dash, sixteen digits.
const ID_LENGTH: usize = 4 + 1 + LOCAL_DIGITS;

/// An instance's name; also its case number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// The id of the instance that `origin` starts, in the partition of `partition_key`.
    ///
    /// `origin` is what makes the start unique: (actor, workflow, key) for a
    /// person's start, (parent, rule, index) for a child's.
    pub fn derive(partition_key: &str, origin: &[&str]) -> Self {
        let partition = Hash::of(&[partition_key.as_bytes()]);
        Self::within(&super::hash::hex(&partition.bytes()[..2]), origin)
    }

    /// The id of a child that `origin` starts in the partition of `self`.
    pub fn child(&self, origin: &[&str]) -> Self {
        Self::within(self.partition(), origin)
    }

    /// The id of the one instance of `workflow` that stands for `key`, whoever starts it.
    pub fn keyed(workflow: &str, key: &str) -> Self {
        // Four parts: a person's start has three, so that no key of a person comes to the same.
        Self::derive(key, &["keyed", workflow, key, ""])
    }

    fn within(partition: &str, origin: &[&str]) -> Self {
        let mut parts: Vec<&[u8]> = Vec::with_capacity(origin.len() * 2);
        for part in origin {
            parts.push(part.as_bytes());
            parts.push(&[0]);
        }
        let digest = Hash::of(&parts);
        let mut text = String::with_capacity(ID_LENGTH);
        text.push_str(partition);
        text.push('-');
        for chunk in digest.bytes()[..LOCAL_DIGITS * 5 / 8].chunks(5) {
            let bits = chunk.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
            for digit in (0..8).rev() {
                text.push(char::from(DIGITS[(bits >> (digit * 5) & 31) as usize]));
            }
        }
        Self(text.into())
    }

    /// Reads an id; upper-case digits are taken as lower-case.
    ///
    /// # Errors
    /// Text of another shape.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let bytes = lower.as_bytes();
        let shaped = bytes.len() == ID_LENGTH
            && bytes[..4].iter().all(u8::is_ascii_hexdigit)
            && bytes[4] == b'-'
            && bytes[5..].iter().all(|byte| DIGITS.contains(byte));
        if shaped {
            Ok(Self(lower.into()))
        } else {
            Err(format!("`{text}` is not an instance id like `3fa2-7f3k2m9qx4tbz8wd`"))
        }
    }

    /// The four hex digits of the partition.
    pub fn partition(&self) -> &str {
        &self.0[..4]
    }

    /// The digits after the partition, unique by themselves.
    pub fn local(&self) -> &str {
        &self.0[5..]
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for InstanceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for InstanceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl schemars::JsonSchema for InstanceId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "InstanceId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9a-fA-F]{4}-[0-9a-hjkmnp-tv-zA-HJKMNP-TV-Z]{16}$",
            "examples": ["3fa2-7f3k2m9qx4tbz8wd"],
        })
    }
}
