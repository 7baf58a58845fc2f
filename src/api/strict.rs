//! Owns what every JSON body must be before its type is looked at: one document, no repeated keys, not too deep.
//!
//! # Why
//! serde keeps the last of two equal keys and drops the first without a word: two
//! readers of one body could then disagree on what was sent. The check builds
//! nothing but the set of keys of the objects that are open.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::error::{ApiError, Code};

/// Deepest nesting of a body: payloads have at most four levels.
const DEPTH_MAX: usize = 32;

/// Checks `bytes`.
///
/// # Errors
/// `malformed_json`, with line and column.
pub fn check(bytes: &[u8]) -> Result<(), ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let depth = Cell::new(0);
    let read = Level(&depth).deserialize(&mut reader).and_then(|()| reader.end());
    read.map_err(|e| ApiError::new(Code::MalformedJson, format!("the body cannot be read: {e}")))
}

/// A value at the depth that is counted in the cell.
#[derive(Clone, Copy)]
struct Level<'a>(&'a Cell<usize>);

impl Level<'_> {
    fn enter<E: Error>(self) -> Result<(), E> {
        self.0.set(self.0.get() + 1);
        if self.0.get() > DEPTH_MAX {
            return Err(E::custom(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(())
    }

    fn leave(self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.enter()?;
        while items.next_element_seed(self)?.is_some() {}
        self.leave();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.enter()?;
        let mut seen = HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(A::Error::custom(format!("the key `{key}` is repeated")));
            }
            seen.insert(key);
            members.next_value_seed(self)?;
        }
        self.leave();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(text: &str) -> String {
        check(text.as_bytes()).unwrap_err().into_problem().detail
    }

    #[test]
    fn documents_pass() {
        for text in ["{}", "{\"a\": [1, -2, 1.5, null, true, \"x\", {\"a\": 1}]}", " [] ", "\"键\""] {
            assert!(check(text.as_bytes()).is_ok(), "{text}");
        }
    }

    #[test]
    fn repeated_keys_are_refused_at_any_depth() {
        assert!(detail("{\"a\": 1, \"a\": 2}").contains("the key `a` is repeated at line 1 column"));
        assert!(detail("[{\"b\": {\"c\": 1, \"\\u0063\": 2}}]").contains("the key `c` is repeated"));
    }

    #[test]
    fn broken_text_is_refused_with_its_place() {
        assert!(detail("{\"a\": ").contains("line 1 column"));
        assert!(detail("{} {}").contains("trailing characters"));
        assert!(detail("").contains("EOF"));
        assert!(check(b"{\"a\": \"\xff\"}").is_err());
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(check(deep(DEPTH_MAX).as_bytes()).is_ok());
        assert!(detail(&deep(DEPTH_MAX + 1)).contains("nested deeper than 32 levels"));
    }
}
