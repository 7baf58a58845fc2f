//! Owns the compression of records: LZ4, against an earlier record of the same flow.
//!
//! Records of a flow are alike, and each is too short to be compressed for itself.
//! So the first of a flow becomes its dictionary, stored beside the records; one
//! that is still compressed badly becomes the next, a few times. Personal values are
//! left out of a dictionary: erasing them from their record erases them.
//!
//! # Why
//! sled logs each record whole with every change and keeps several versions of it,
//! so what its records take is what its disk, cache and next opening cost. LZ4 was
//! chosen for its speed: it takes a few microseconds for a record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::IndexError;
use super::keys::{END, corrupt};

/// Names no dictionary.
const NONE: u8 = 0;
/// Bytes before the block: number of the dictionary, length of the text.
const HEAD_BYTES: usize = 5;
/// Dictionaries of one flow: its states differ.
const OF_FLOW_MAX: u8 = 4;
/// Longer records are compressed well enough for themselves.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Shorter ones teach nothing.
const TEXT_BYTES_MIN: usize = 512;
/// Bytes kept of 100 from which on a record would have needed another dictionary.
const BAD_PERCENT: usize = 45;

/// A dictionary: its number, its flow, its text.
pub(super) type Dictionary = (u8, Arc<str>, Arc<[u8]>);

/// The dictionaries of a database, known to readers as soon as the writer made them.
#[derive(Default)]
pub(super) struct Dictionaries {
    /// Dictionary `n` at `n - 1`.
    texts: RwLock<Vec<Arc<[u8]>>>,
    /// The newest of each flow, and how many it has.
    newest: Mutex<HashMap<Arc<str>, (u8, u8)>>,
}

impl Dictionaries {
    /// Takes one that was stored or just made; dictionaries come in order of their numbers.
    ///
    /// # Errors
    /// The number that was expected instead.
    pub fn take(&self, (number, flow, text): Dictionary) -> Result<(), usize> {
        let mut texts = self.texts.write().unwrap_or_else(PoisonError::into_inner);
        if usize::from(number) != texts.len() + 1 {
            return Err(texts.len() + 1);
        }
        texts.push(text);
        drop(texts);
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let (current, count) = newest.entry(flow).or_insert((NONE, 0));
        (*current, *count) = (number, *count + 1);
        Ok(())
    }

    /// Compresses a record of `flow`; `teach` makes a text without personal values of it. Answers the
    /// packed record, and a dictionary that must be stored with it where one was made.
    pub fn pack(
        &self,
        flow: &str,
        text: &[u8],
        teach: impl FnOnce() -> Option<Vec<u8>>,
    ) -> (Vec<u8>, Option<Dictionary>) {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).get(flow).copied();
        let (number, count) = newest.unwrap_or((NONE, 0));
        let packed = packed(number, self.text(number).as_deref(), text);
        let teaches = (TEXT_BYTES_MIN..=TEXT_BYTES_MAX).contains(&text.len())
            && packed.len() * 100 > text.len() * BAD_PERCENT
            && count < OF_FLOW_MAX;
        if !teaches {
            return (packed, None);
        }
        let next = self.texts.read().unwrap_or_else(PoisonError::into_inner).len() + 1;
        let made =
            u8::try_from(next).ok().zip(teach()).map(|(number, text)| (number, flow.into(), text.into()));
        let Some(made) = made else { return (packed, None) };
        match self.take(Dictionary::clone(&made)) {
            Ok(()) => (self::packed(made.0, Some(&made.2), text), Some(made)),
            Err(_) => (packed, None),
        }
    }

    /// The text of a packed record that stands under `key`.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`].
    pub fn unpack(&self, key: &[u8], packed: &[u8]) -> Result<Vec<u8>, IndexError> {
        let head = packed.split_first_chunk::<HEAD_BYTES>();
        let ([number, length @ ..], block) = head.ok_or_else(|| corrupt(key, "is too short"))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        // No byte of a block stands for more than 255 of text.
        if length / 255 > block.len() {
            return Err(corrupt(key, format!("cannot hold {length} bytes")));
        }
        let text = match (*number, self.text(*number)) {
            (NONE, _) => lz4_flex::block::decompress(block, length),
            (_, Some(dictionary)) => lz4_flex::block::decompress_with_dict(block, length, &dictionary),
            (number, None) => {
                return Err(corrupt(key, format!("needs dictionary {number}, which is missing")));
            }
        };
        text.map_err(|e| corrupt(key, e.to_string()))
    }

    fn text(&self, number: u8) -> Option<Arc<[u8]>> {
        let at = usize::from(number).checked_sub(1)?;
        self.texts.read().unwrap_or_else(PoisonError::into_inner).get(at).cloned()
    }
}

fn packed(number: u8, dictionary: Option<&[u8]>, text: &[u8]) -> Vec<u8> {
    let block = match dictionary {
        Some(dictionary) => lz4_flex::block::compress_with_dict(text, dictionary),
        None => lz4_flex::block::compress(text),
    };
    let length =
        u32::try_from(text.len()).expect("a record has less than 4 GiB: its parts are counted in 16 bits");
    [&[number][..], &length.to_be_bytes(), &block].concat()
}

/// The bytes under which a dictionary is stored.
pub(super) fn stored((_, flow, text): &Dictionary) -> Vec<u8> {
    [flow.as_bytes(), &[END], text].concat()
}

/// The dictionary stored as `bytes` under `key` with this number.
///
/// # Errors
/// [`IndexError::Corrupt`].
pub(super) fn read(key: &[u8], number: u8, bytes: &[u8]) -> Result<Dictionary, IndexError> {
    let end = bytes.iter().position(|byte| *byte == END);
    let (flow, text) = end.map(|end| bytes.split_at(end)).ok_or_else(|| corrupt(key, "names no flow"))?;
    let flow = std::str::from_utf8(flow).map_err(|e| corrupt(key, e.to_string()))?;
    Ok((number, flow.into(), text[1..].into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record of the flow `f`, unlike any other in `n` only.
    fn record(n: u32) -> Vec<u8> {
        let fields: Vec<String> =
            (0..60).map(|field| format!("\"field {}\":{field}", field * 7919)).collect();
        format!("{{{},\"n\":{n}}}", fields.join(",")).into_bytes()
    }

    #[test]
    fn a_flow_learns_from_its_first_record_and_others_do_not() {
        let dictionaries = Dictionaries::default();
        let (first, made) = dictionaries.pack("f", &record(1), || Some(record(0)));
        let made = made.expect("the first teaches");
        assert_eq!((made.0, &*made.1), (1, "f"));
        let (second, none) = dictionaries.pack("f", &record(2), || panic!("it is compressed well"));
        assert!(none.is_none() && second.len() * 10 < record(2).len(), "{}", second.len());
        let (other, _) = dictionaries.pack("g", &record(3), || None);
        assert!(other.len() > second.len());
        for (n, packed) in (1..).zip([first, second, other]) {
            assert_eq!(dictionaries.unpack(b"k", &packed).expect("reads"), record(n));
        }
    }

    #[test]
    fn a_stored_dictionary_is_read_back_in_its_place() {
        let before = Dictionaries::default();
        let (packed, made) = before.pack("f", &record(1), || Some(record(0)));
        let made = made.expect("the first teaches");
        let after = Dictionaries::default();
        let missing = after.unpack(b"k", &packed).expect_err("it has no dictionary");
        assert!(missing.to_string().contains("dictionary 1"), "{missing}");
        let read = read(b"d", 1, &stored(&made)).expect("reads");
        assert_eq!(after.take((2, "f".into(), record(0).into())), Err(1));
        after.take(read).expect("is the first");
        assert_eq!(after.unpack(b"k", &packed).expect("reads"), record(1));
    }

    #[test]
    fn no_flow_has_more_dictionaries_than_it_may() {
        let dictionaries = Dictionaries::default();
        let noise = |seed: u64| -> Vec<u8> {
            (0..600_u64)
                .map(|n| (n.wrapping_mul(seed | 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8)
                .collect()
        };
        let made =
            (0..20).filter(|n| dictionaries.pack("f", &noise(*n), || Some(noise(*n))).1.is_some()).count();
        assert_eq!(made, usize::from(OF_FLOW_MAX));
    }

    proptest! {
        #[test]
        fn whatever_bytes_are_stored_come_back_or_are_told(text: Vec<u8>, noise: Vec<u8>) {
            let dictionaries = Dictionaries::default();
            dictionaries.pack("f", &record(1), || Some(record(0)));
            let (packed, _) = dictionaries.pack("f", &text, || None);
            prop_assert_eq!(dictionaries.unpack(b"k", &packed).expect("reads"), text);
            // Never a panic, and never memory for what the bytes cannot hold.
            dictionaries.unpack(b"k", &noise).ok();
        }
    }
}
