//! Owns the stored form of an instance: JSON, compressed, cut into parts that storage keeps cheaply.
//!
//! The first part stands under the record's key behind the number of parts (two
//! bytes), every further one under `j/<local part of id><number>`.
//!
//! # Why
//! sled rewrites a whole page for a long value and moves what is longer than a
//! part of a segment to files of its own; parts stay within its log. JSON, as
//! everything durable: the journal is the truth, so this form may change with
//! [`FORMAT`] and costs one rebuild.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::IndexError;
use super::dictionary::{Dictionaries, Dictionary};
use super::keys::{Key, corrupt};
use crate::kernel::instance::Instance;

/// Version of keys and records; an index with another one is rebuilt.
pub const FORMAT: u32 = 6;
/// Most bytes of one part.
pub const PART_BYTES_MAX: usize = 6 * 1024;
/// The prefix of parts after the first.
const PART: &[u8] = b"j/";
/// Bytes of the number of parts.
const COUNT_BYTES: usize = 2;

/// An instance as it is stored.
pub(super) struct Encoded {
    /// What the record takes.
    pub size: Size,
    /// The value of the record's key.
    pub head: Vec<u8>,
    /// Keys and values of the further parts.
    pub parts: Vec<(Key, Vec<u8>)>,
    /// A dictionary that it needs and that is not stored yet.
    pub dictionary: Option<Dictionary>,
}

/// What a record takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// Bytes of its JSON, which tell what the decoded instance takes.
    pub json: usize,
    /// Parts it is stored in.
    pub parts: u16,
}

/// Encodes `instance`, whose record has the key `key`; `json` is room to write in, used again for the next.
///
/// # Errors
/// An instance that JSON cannot hold or that is over 2^16 parts (400 MB).
pub(super) fn encode(
    dictionaries: &Dictionaries,
    key: &[u8],
    instance: &Instance,
    json: &mut Vec<u8>,
) -> Result<Encoded, IndexError> {
    json.clear();
    serde_json::to_writer(&mut *json, instance).map_err(|e| corrupt(key, e.to_string()))?;
    let teach = || {
        let bare = Instance { private: BTreeMap::new(), ..instance.clone() };
        serde_json::to_vec(&bare).ok()
    };
    let (packed, dictionary) = dictionaries.pack(&instance.workflow, json, teach);
    let (first, rest) = packed.split_at(packed.len().min(PART_BYTES_MAX));
    let count = 1 + rest.len().div_ceil(PART_BYTES_MAX);
    let count =
        u16::try_from(count).map_err(|_| corrupt(key, format!("has {count} parts, over {}", u16::MAX)))?;
    let head = [&count.to_be_bytes(), first].concat();
    let parts = (1..).zip(rest.chunks(PART_BYTES_MAX)).map(|(n, part)| (part_key(key, n), part.to_vec()));
    let size = Size { json: json.len(), parts: count };
    Ok(Encoded { size, head, parts: parts.collect(), dictionary })
}

/// How many parts the record with this head has.
///
/// # Errors
/// A head that is too short.
pub(super) fn count(key: &[u8], head: &[u8]) -> Result<u16, IndexError> {
    let count = head.first_chunk::<COUNT_BYTES>().ok_or_else(|| corrupt(key, "is too short"))?;
    Ok(u16::from_be_bytes(*count))
}

/// Keys of the parts after the first of a record with `count` parts.
pub(super) fn part_keys(key: &[u8], count: u16) -> impl Iterator<Item = Key> + '_ {
    (1..count).map(|number| part_key(key, number))
}

/// Reads the record at `key`; `part` yields the value of a further part's key.
///
/// Answers the instance and what its record takes.
///
/// # Errors
/// A missing part, or bytes that are no instance.
pub(super) fn decode(
    dictionaries: &Dictionaries,
    key: &[u8],
    head: &[u8],
    mut part: impl FnMut(&[u8]) -> Result<Option<::sled::IVec>, IndexError>,
) -> Result<(Arc<Instance>, Size), IndexError> {
    let count = count(key, head)?;
    let first = &head[COUNT_BYTES..];
    let mut whole = Vec::new();
    let packed = if count == 1 {
        first
    } else {
        whole.extend_from_slice(first);
        for part_key in part_keys(key, count) {
            let value = part(&part_key)?.ok_or_else(|| corrupt(&part_key, "is missing"))?;
            whole.extend_from_slice(&value);
        }
        &whole
    };
    let json = dictionaries.unpack(key, packed)?;
    // Checked once, instead of string by string.
    let text = std::str::from_utf8(&json).map_err(|e| corrupt(key, e.to_string()))?;
    let instance = serde_json::from_str(text).map_err(|e| corrupt(key, e.to_string()))?;
    Ok((Arc::new(instance), Size { json: json.len(), parts: count }))
}

fn part_key(record: &[u8], number: u16) -> Key {
    let local = record.strip_prefix(b"i/").unwrap_or(record);
    [PART, local, &number.to_be_bytes()].concat().into()
}
