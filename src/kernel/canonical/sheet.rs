//! Owns the quick way to canonical form, for plain values: short keys in ASCII, whole numbers.
//!
//! serde_json writes as it always does, with a mark in place of what begins an object, a member and the end of
//! an object. No mark is a byte of JSON: those are escaped in strings and stand nowhere else. The marks are
//! then read from left to right, and the members of an object that came in another order are put in place
//! when it ends. Strings need no care: the escapes of serde_json are those of RFC 8785.

use std::cell::Cell;
use std::io;
use std::ops::Range;

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

use super::INTEGER_MAX;

/// Room for an ordinary entry.
const BYTES_USUAL: usize = 2 * 1024;
/// Stands where an object begins.
const OPEN: u8 = 1;
/// Stands before each key.
const MEMBER: u8 = 2;
/// Stands where an object ends.
const CLOSE: u8 = 3;

/// The canonical text of `value`; none where it is not plain, or has no JSON at all.
pub(super) fn write<T: Serialize>(value: &T) -> Option<String> {
    let mut marked = Vec::with_capacity(BYTES_USUAL);
    let foreign = Cell::new(false);
    let marks = Marks { foreign: &foreign, in_key: false };
    value.serialize(&mut Serializer::with_formatter(&mut marked, marks)).ok()?;
    if foreign.get() {
        return None;
    }
    let mut sheet = Sheet { out: Vec::with_capacity(marked.len()), ..Sheet::default() };
    let mut from = 0;
    for at in memchr::memchr3_iter(OPEN, MEMBER, CLOSE, &marked) {
        sheet.out.extend_from_slice(&marked[from..at]);
        from = at + 1;
        match marked[at] {
            OPEN => sheet.open(),
            MEMBER => sheet.member(&marked[from..])?,
            _ => sheet.close()?,
        }
    }
    sheet.out.extend_from_slice(&marked[from..]);
    String::from_utf8(sheet.out).ok()
}

/// What is written so far, and where the members of open objects lie in it.
#[derive(Default)]
struct Sheet {
    out: Vec<u8>,
    /// Members of all open objects, the innermost object's last.
    members: Vec<Member>,
    /// For each open object, where its members begin.
    objects: Vec<usize>,
}

/// Where a member lies.
struct Member {
    key: Range<usize>,
    end: usize,
}

impl Sheet {
    fn open(&mut self) {
        self.objects.push(self.members.len());
        self.out.push(b'{');
    }

    /// Ends the member before, where there is one, and begins the one whose key `rest` begins with; none for a
    /// key that is not plain.
    fn member(&mut self, rest: &[u8]) -> Option<()> {
        if self.objects.last() < Some(&self.members.len()) {
            self.end_member();
            self.out.push(b',');
        }
        // Without the closing quote, which sorts above letters: `ab` stands before `abc`.
        let bytes = 1 + memchr::memchr(b'"', &rest[1..])?;
        let at = self.out.len();
        self.members.push(Member { key: at..at + bytes, end: at });
        rest[..bytes].is_ascii().then_some(())
    }

    fn end_member(&mut self) {
        let end = self.out.len();
        if let Some(member) = self.members.last_mut() {
            member.end = end;
        }
    }

    /// Ends the innermost object: its members are in the order of their keys from here on. None where a key is
    /// there twice: the library knows what becomes of it.
    fn close(&mut self) -> Option<()> {
        let first = self.objects.pop()?;
        if first < self.members.len() {
            self.end_member();
        }
        let members = &mut self.members[first..];
        let key = |member: &Member| &self.out[member.key.clone()];
        if !members.is_sorted_by(|a, b| key(a) < key(b)) {
            let whole = members[0].key.start..members[members.len() - 1].end;
            members.sort_by(|a, b| key(a).cmp(key(b)));
            if !members.is_sorted_by(|a, b| key(a) < key(b)) {
                return None;
            }
            let mut sorted = Vec::with_capacity(whole.len());
            for member in &*members {
                if !sorted.is_empty() {
                    sorted.push(b',');
                }
                sorted.extend_from_slice(&self.out[member.key.start..member.end]);
            }
            self.out[whole].copy_from_slice(&sorted);
        }
        self.members.truncate(first);
        self.out.push(b'}');
        Some(())
    }
}

/// Writes marks, and notes what only the library puts into canonical form.
struct Marks<'a> {
    foreign: &'a Cell<bool>,
    in_key: bool,
}

impl Marks<'_> {
    fn foreign(&self) -> io::Result<()> {
        self.foreign.set(true);
        Ok(())
    }
}

impl Formatter for Marks<'_> {
    fn write_i64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        if !(-INTEGER_MAX..=INTEGER_MAX).contains(&value) {
            return self.foreign();
        }
        CompactFormatter.write_i64(writer, value)
    }

    fn write_u64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        if value > INTEGER_MAX.unsigned_abs() {
            return self.foreign();
        }
        CompactFormatter.write_u64(writer, value)
    }

    fn write_i128<W: ?Sized + io::Write>(&mut self, _: &mut W, _: i128) -> io::Result<()> {
        self.foreign()
    }

    fn write_u128<W: ?Sized + io::Write>(&mut self, _: &mut W, _: u128) -> io::Result<()> {
        self.foreign()
    }

    fn write_f32<W: ?Sized + io::Write>(&mut self, _: &mut W, _: f32) -> io::Result<()> {
        self.foreign()
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, _: &mut W, _: f64) -> io::Result<()> {
        self.foreign()
    }

    fn write_number_str<W: ?Sized + io::Write>(&mut self, _: &mut W, _: &str) -> io::Result<()> {
        self.foreign()
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, _: &mut W, _: &str) -> io::Result<()> {
        self.foreign()
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        if self.in_key {
            self.foreign()?;
        }
        CompactFormatter.write_char_escape(writer, escape)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(&[OPEN])
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, _: bool) -> io::Result<()> {
        self.in_key = true;
        writer.write_all(&[MEMBER])
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.in_key = false;
        Ok(())
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(&[CLOSE])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    /// Written in another order than its keys have.
    #[derive(Serialize)]
    struct Unordered {
        z: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        y: Option<&'static str>,
        ab: Inner,
        a: [Inner; 2],
        abc: (),
    }

    #[derive(Clone, Copy, Serialize)]
    #[serde(tag = "kind")]
    enum Inner {
        Some { due: i64, b: bool },
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1_000_i64..1_000).prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            let keys = prop_oneof!["[a-z_]{0,4}", any::<String>()];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((keys, inner), 0..8)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    fn library<T: Serialize>(value: &T) -> String {
        serde_json_canonicalizer::to_string(value).unwrap()
    }

    #[test]
    fn members_of_structs_are_put_in_order() {
        let inner = Inner::Some { due: -5, b: true };
        let value = Unordered { z: 1, y: Some("\u{1}\"\n/é"), ab: inner, a: [inner; 2], abc: () };
        let text = write(&value).unwrap();
        assert_eq!(text, library(&value));
        assert!(text.starts_with(r#"{"a":[{"b":true,"due":-5,"kind":"Some"},"#), "{text}");
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_library() {
        let foreign = [
            json!(0.5),
            json!(1_u64 << 53),
            json!(i64::MIN),
            json!({"é": 1}),
            json!({"a\"": 1}),
            json!([{"b": {"a": [1e30]}}]),
        ];
        for value in foreign {
            assert_eq!(write(&value), None, "{value}");
        }
        for value in [json!({"b": 1, "a": "é"}), json!({}), json!([]), json!(INTEGER_MAX)] {
            assert_eq!(write(&value), Some(library(&value)));
        }
    }

    proptest! {
        #[test]
        fn it_writes_what_the_library_writes(value in values()) {
            if let Some(text) = write(&value) {
                prop_assert_eq!(text, library(&value));
            }
        }
    }
}
