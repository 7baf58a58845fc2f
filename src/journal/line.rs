//! Owns the text of one line: how a commit is written, read back and checked.
//!
//! A commit's line is
//! `{"crc":"8 hex digits","p":7,"g":5,"chain":"64 hex digits","entries":[…],"private":[…]}`:
//! the CRC-32 of everything after itself, the commit's position, the position at
//! which its group began, the chain value, the stored entries and, where there are
//! any, the personal values: `[salt, value]` each, of which the seal in an entry is
//! the digest. A closing line, written by a clean stop, is
//! `{"crc":"…","closed":7,"chain":"…"}`: no commit, no position.
//!
//! # Why
//! The line is put together by hand around the entries' canonical bytes: they
//! were just serialized and hashed, and a second pass over them would cost more
//! than the rest of an append. The checksum comes first at a fixed width, so
//! that it covers all the rest and is patched in afterwards.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::kernel::entry::{Commit, Position, Stored};
use crate::kernel::hash::Hash;
use crate::kernel::personal::{Private, Secret};

/// How every line begins.
pub(super) const OPENING: &[u8] = b"{\"crc\":\"";
/// Hex digits of a CRC-32.
const CRC_DIGITS: usize = 8;
/// Where the part begins that the checksum covers: after its closing quote.
const COVERED_FROM: usize = OPENING.len() + CRC_DIGITS + 1;
/// How the covered part of a commit's line begins.
const POSITION_KEY: &[u8] = b",\"p\":";

/// The chain value of a line: SHA-256 of the line before's, then its entries' hashes in order.
pub(super) fn chain(before: &Hash, hashes: impl Iterator<Item = Hash>) -> Hash {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(before.bytes());
    for hash in hashes {
        bytes.extend_from_slice(hash.bytes());
    }
    Hash::of(&[&bytes])
}

/// Where a commit stands: what its line says besides its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its position.
    pub position: Position,
    /// The position at which its group began.
    pub group: Position,
    /// Its chain value.
    pub chain: Hash,
}

/// Appends the line of `commit`, its newline included.
pub(super) fn write_commit(out: &mut Vec<u8>, place: &Place, commit: &Commit) {
    sealed(out, |out| {
        out.extend_from_slice(POSITION_KEY);
        push_number(out, place.position);
        out.extend_from_slice(b",\"g\":");
        push_number(out, place.group);
        push_chain(out, &place.chain);
        out.extend_from_slice(b",\"entries\":[");
        for (i, stored) in commit.entries.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            push_entry(out, stored);
        }
        out.push(b']');
        if !commit.private.is_empty() {
            out.extend_from_slice(b",\"private\":");
            let pairs: Vec<_> = commit.private.values().map(|secret| (&secret.salt, &secret.value)).collect();
            serde_json::to_writer(&mut *out, &pairs).expect("JSON values are always written to memory");
        }
    });
}

/// Appends the closing line after commit `last`, its newline included.
pub(super) fn write_closing(out: &mut Vec<u8>, last: Position, chain: &Hash) {
    sealed(out, |out| {
        out.extend_from_slice(b",\"closed\":");
        push_number(out, last);
        push_chain(out, chain);
    });
}

/// Appends one object whose first member is the checksum of the rest that `body` writes.
pub(super) fn sealed(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(OPENING);
    out.extend_from_slice(b"00000000\"");
    body(out);
    out.push(b'}');
    let crc = crc32fast::hash(&out[start + COVERED_FROM..]);
    let digits = start + OPENING.len();
    out[digits..digits + CRC_DIGITS].copy_from_slice(&hex_digits(&crc.to_be_bytes()));
    out.push(b'\n');
}

/// Whether `line` (without its newline) begins with the checksum of its rest.
pub(super) fn checksum_holds(line: &[u8]) -> bool {
    line.len() > COVERED_FROM
        && line.starts_with(OPENING)
        && line[COVERED_FROM - 1] == b'"'
        && line[OPENING.len()..COVERED_FROM - 1]
            == hex_digits(&crc32fast::hash(&line[COVERED_FROM..]).to_be_bytes())
}

fn hex_digits(bytes: &[u8; 4]) -> [u8; CRC_DIGITS] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; CRC_DIGITS];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    digits
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    const DIGITS_MAX: usize = 20;
    let mut digits = [0; DIGITS_MAX];
    let mut from = DIGITS_MAX;
    let mut rest = number;
    loop {
        from -= 1;
        digits[from] = b'0' + u8::try_from(rest % 10).expect("a remainder of ten is one digit");
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[from..]);
}

fn push_hash(out: &mut Vec<u8>, hash: &Hash) {
    for part in hash.bytes().as_chunks::<4>().0 {
        out.extend_from_slice(&hex_digits(part));
    }
}

fn push_chain(out: &mut Vec<u8>, chain: &Hash) {
    out.extend_from_slice(b",\"chain\":\"");
    push_hash(out, chain);
    out.push(b'"');
}

fn push_entry(out: &mut Vec<u8>, stored: &Stored) {
    out.extend_from_slice(b"{\"entry\":");
    out.extend_from_slice(stored.entry.as_bytes());
    out.extend_from_slice(b",\"hash\":\"");
    push_hash(out, &stored.hash);
    out.push(b'"');
    if let Some(position) = stored.prev_position {
        out.extend_from_slice(b",\"prev_position\":");
        push_number(out, position);
    }
    out.push(b'}');
}

/// The position that `line` claims, unchecked; none for a closing or broken line.
pub(super) fn claimed_position(line: &[u8]) -> Option<Position> {
    let rest = line.get(COVERED_FROM..)?.strip_prefix(POSITION_KEY)?;
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// What a line says, borrowed from its bytes.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// A commit.
    Commit(CommitLine<'a>),
    /// A clean stop.
    Closing {
        /// The last commit before it.
        last: Position,
        /// That commit's chain value.
        chain: Hash,
    },
}

/// A commit's line, borrowed from its bytes.
#[derive(Debug)]
pub(super) struct CommitLine<'a> {
    /// Where it stands.
    pub place: Place,
    /// Its entries.
    pub entries: Vec<EntryText<'a>>,
    /// Its personal values, where it has any.
    private: Option<&'a RawValue>,
}

/// An entry within a line.
#[derive(Debug, Deserialize)]
pub(super) struct EntryText<'a> {
    /// Its canonical bytes.
    #[serde(borrow)]
    pub entry: &'a RawValue,
    /// The hash beside them.
    pub hash: Hash,
    /// Position of its instance's previous entry.
    #[serde(default)]
    pub prev_position: Option<Position>,
}

#[derive(Deserialize)]
struct Shape<'a> {
    p: Option<Position>,
    g: Option<Position>,
    closed: Option<Position>,
    chain: Hash,
    #[serde(default, borrow)]
    entries: Vec<EntryText<'a>>,
    #[serde(default, borrow)]
    private: Option<&'a RawValue>,
}

/// Reads `line` (without its newline) after checking its checksum.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(line: &[u8]) -> Result<Line<'_>, String> {
    if !checksum_holds(line) {
        return Err("the line does not match its checksum".into());
    }
    read_unchecked(line)
}

/// Reads `line` (without its newline) whatever its checksum says.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read_unchecked(line: &[u8]) -> Result<Line<'_>, String> {
    let shape: Shape<'_> =
        serde_json::from_slice(line).map_err(|e| format!("the line cannot be read: {e}"))?;
    let chain = shape.chain;
    match (shape.p, shape.g, shape.closed) {
        (Some(position), Some(group), None) => Ok(Line::Commit(CommitLine {
            place: Place { position, group, chain },
            entries: shape.entries,
            private: shape.private,
        })),
        (None, None, Some(last)) => Ok(Line::Closing { last, chain }),
        _ => Err("the line is neither a commit nor a closing line".into()),
    }
}

/// Personal values as a line holds them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Beside {
    /// Salt and value of each.
    Pairs(Vec<(String, Value)>),
    /// By digest, as the first builds wrote them.
    Named(Private),
}

impl CommitLine<'_> {
    /// The chain value this line must have after one with `before`.
    pub(super) fn chain_after(&self, before: &Hash) -> Hash {
        chain(before, self.entries.iter().map(|entry| entry.hash))
    }

    /// Its personal values.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn private(&self) -> Result<Private, String> {
        self.private.map_or_else(
            || Ok(Private::new()),
            |raw| {
                let read = serde_json::from_str(raw.get());
                match read.map_err(|e| format!("the personal values cannot be read: {e}"))? {
                    Beside::Pairs(pairs) => {
                        let secrets = pairs.into_iter().map(|(salt, value)| Secret { salt, value });
                        Ok(secrets.map(|secret| (secret.digest(), secret)).collect())
                    }
                    Beside::Named(private) => Ok(private),
                }
            },
        )
    }

    /// The commit, copied out of the line.
    ///
    /// # Errors
    /// What is wrong with its personal values.
    pub(super) fn commit(&self) -> Result<Commit, String> {
        let entries = self
            .entries
            .iter()
            .map(|text| Stored {
                entry: text.entry.get().into(),
                hash: text.hash,
                prev_position: text.prev_position,
            })
            .collect();
        Ok(Commit { entries, private: self.private()?.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::samples::Story;

    fn written(commit: &Commit) -> Vec<u8> {
        let mut out = Vec::new();
        let place = Place { position: 7, group: 5, chain: Hash::of(&[b"before"]) };
        write_commit(&mut out, &place, commit);
        assert_eq!(out.pop(), Some(b'\n'), "a line ends in a newline");
        out
    }

    #[test]
    fn written_commit_reads_back_as_it_was() {
        let mut story = Story::default();
        story.next("a", &[]);
        for commit in [story.next("a", &["王", "x\ny"]), story.family("b", 3)] {
            let bytes = written(&commit);
            let Line::Commit(line) = read(&bytes).unwrap() else { panic!("a commit was written") };
            assert_eq!((line.place.position, line.place.group), (7, 5));
            let back = line.commit().unwrap();
            assert_eq!(back.private, commit.private);
            assert_eq!(back.entries.len(), commit.entries.len());
            for (back, stored) in back.entries.iter().zip(&commit.entries) {
                assert_eq!(back.entry, stored.entry);
                assert_eq!((back.hash, back.prev_position), (stored.hash, stored.prev_position));
            }
        }
    }

    #[test]
    fn personal_values_of_the_first_builds_are_read() {
        let commit = Story::default().next("a", &["王", "x"]);
        let text = String::from_utf8(written(&commit)).unwrap();
        let (rest, _) = text.split_once(",\"private\":").unwrap();
        let named = serde_json::to_string(&commit.private).unwrap();
        let line = format!("{rest},\"private\":{named}}}");
        let Line::Commit(line) = read_unchecked(line.as_bytes()).unwrap() else {
            panic!("a commit was written")
        };
        assert_eq!(line.private().unwrap(), *commit.private);
    }

    #[test]
    fn line_is_json_whose_first_member_is_the_checksum() {
        let bytes = written(&Story::default().next("a", &["王"]));
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(value["entries"][0]["entry"]["instance"].is_string());
        assert!(value["private"].is_array());
        assert_eq!(value["p"], 7);
        assert!(bytes.starts_with(br#"{"crc":""#));
    }

    #[test]
    fn every_changed_byte_is_found() {
        let bytes = written(&Story::default().next("a", &["王"]));
        for i in 0..bytes.len() {
            for bit in [1u8, 0x20, 0x80] {
                let mut changed = bytes.clone();
                changed[i] ^= bit;
                assert!(read(&changed).is_err(), "bit {bit:#x} of byte {i} changed unseen");
            }
        }
    }

    #[test]
    fn every_cut_is_found() {
        let bytes = written(&Story::default().next("a", &[]));
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "cut to {length} bytes unseen");
        }
    }

    #[test]
    fn closing_line_reads_back() {
        let mut out = Vec::new();
        write_closing(&mut out, 12, &Hash::of(&[b"x"]));
        out.pop();
        match read(&out).unwrap() {
            Line::Closing { last, chain } => assert_eq!((last, chain), (12, Hash::of(&[b"x"]))),
            Line::Commit(_) => panic!("a closing line was written"),
        }
        assert_eq!(claimed_position(&out), None);
    }

    #[test]
    fn claimed_position_is_read_without_the_rest() {
        let bytes = written(&Story::default().next("a", &[]));
        assert_eq!(claimed_position(&bytes), Some(7));
        assert_eq!(claimed_position(b"{\"crc\":\"00000000\",\"p\":"), None);
    }

    #[test]
    fn numbers_are_written_as_json_writes_them() {
        for number in [0, 9, 10, 1_234_567_890, u64::MAX] {
            let mut out = Vec::new();
            push_number(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
