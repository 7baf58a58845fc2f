//! Owns the quick way to canonical form, for plain values: short keys in ASCII, whole numbers.
//!
//! serde_json writes as it always does; the formatter notes where each member of an object lies and
//! puts those that came in another order in place when the object ends. Strings need no care: the
//! escapes of serde_json are those of RFC 8785.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::rc::Rc;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use super::INTEGER_MAX;

/// Room for an ordinary entry.
const BYTES_USUAL: usize = 2 * 1024;

/// The canonical text of `value`; none where it is not plain, or has no JSON at all.
pub(super) fn write<T: Serialize>(value: &T) -> Option<String> {
    let sheet = Rc::new(RefCell::new(Sheet { out: Vec::with_capacity(BYTES_USUAL), ..Sheet::default() }));
    let order = Order { sheet: Rc::clone(&sheet), in_key: false };
    let mut serializer = Serializer::with_formatter(Pen(Rc::clone(&sheet)), order);
    let written = value.serialize(&mut serializer);
    drop(serializer);
    let sheet = Rc::into_inner(sheet)?.into_inner();
    if written.is_err() || sheet.foreign {
        return None;
    }
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
    /// Something was written that only the library puts into canonical form.
    foreign: bool,
}

/// Where a member lies.
struct Member {
    key: Range<usize>,
    end: usize,
}

impl Sheet {
    /// Ends the innermost object: its members are in the order of their keys from here on.
    fn end_object(&mut self) {
        let Some(first) = self.objects.pop() else { return };
        let members = &mut self.members[first..];
        let key = |member: &Member| &self.out[member.key.clone()];
        if !members.is_sorted_by(|a, b| key(a) < key(b)) {
            let whole = members[0].key.start..members[members.len() - 1].end;
            members.sort_by(|a, b| key(a).cmp(key(b)));
            // Twice the same key: the library knows what becomes of it.
            self.foreign |= !members.is_sorted_by(|a, b| key(a) < key(b));
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
    }
}

/// Writes to a sheet.
struct Pen(Rc<RefCell<Sheet>>);

impl io::Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().out.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Notes members and what is not plain.
struct Order {
    sheet: Rc<RefCell<Sheet>>,
    in_key: bool,
}

impl Order {
    fn foreign(&self) -> io::Result<()> {
        self.sheet.borrow_mut().foreign = true;
        Ok(())
    }
}

impl Formatter for Order {
    fn write_i64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        if !(-INTEGER_MAX..=INTEGER_MAX).contains(&value) {
            return self.foreign();
        }
        write!(writer, "{value}")
    }

    fn write_u64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        if value > INTEGER_MAX.unsigned_abs() {
            return self.foreign();
        }
        write!(writer, "{value}")
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
        serde_json::ser::CompactFormatter.write_char_escape(writer, escape)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let mut sheet = self.sheet.borrow_mut();
        let first = sheet.members.len();
        sheet.objects.push(first);
        drop(sheet);
        writer.write_all(b"{")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.in_key = true;
        let mut sheet = self.sheet.borrow_mut();
        let at = sheet.out.len();
        sheet.members.push(Member { key: at..at, end: at });
        Ok(())
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.in_key = false;
        let mut sheet = self.sheet.borrow_mut();
        // Without the closing quote, which sorts above letters: `ab` stands before `abc`.
        let end = sheet.out.len() - 1;
        if let Some(member) = sheet.members.last_mut() {
            member.key.end = end;
            let key = member.key.clone();
            sheet.foreign |= !sheet.out[key].is_ascii();
        }
        Ok(())
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        let mut sheet = self.sheet.borrow_mut();
        let end = sheet.out.len();
        if let Some(member) = sheet.members.last_mut() {
            member.end = end;
        }
        Ok(())
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.sheet.borrow_mut().end_object();
        writer.write_all(b"}")
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
