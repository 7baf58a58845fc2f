//! Owns the way of a JSON pointer (RFC 6901) through data.
//!
//! # Why
//! serde_json makes two texts of each name on the way, for `~` may stand for something else. Patches and facts
//! point at names without one all day: those are looked up as they are, any other pointer is left to serde_json.

use serde_json::Value;

/// What is at `pointer` in `data`.
pub fn find<'v>(data: &'v Value, pointer: &str) -> Option<&'v Value> {
    match plain(pointer) {
        Some(mut names) => names.try_fold(data, |value, name| match value {
            Value::Object(members) => members.get(name),
            Value::Array(items) => items.get(place(name)?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }),
        None => data.pointer(pointer),
    }
}

/// The same, to change.
pub fn find_mut<'v>(data: &'v mut Value, pointer: &str) -> Option<&'v mut Value> {
    match plain(pointer) {
        Some(mut names) => names.try_fold(data, |value, name| match value {
            Value::Object(members) => members.get_mut(name),
            Value::Array(items) => items.get_mut(place(name)?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }),
        None => data.pointer_mut(pointer),
    }
}

/// The names of a pointer that says what it means; none of any other, and of what is no pointer.
fn plain(pointer: &str) -> Option<impl Iterator<Item = &str>> {
    let names = pointer.strip_prefix('/').filter(|names| !names.contains('~'))?;
    Some(names.split('/'))
}

/// The place of an item, as pointers write it.
fn place(name: &str) -> Option<usize> {
    let padded = name.starts_with('+') || (name.starts_with('0') && name.len() > 1);
    if padded { None } else { name.parse().ok() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn it_leads_where_serde_json_says(
            names in proptest::collection::vec("a|b|~0|~1|~|0|1|2|00|01|[+]1|-|-1| |", 0..5),
            slash in proptest::bool::weighted(0.9),
        ) {
            let leaf = json!({ "a": [1, { "b": 2, "0": 3 }, [4, 5]], "0": [6], "~": 7, "/": 8, "": 9, "-": 10 });
            let mut data = json!({ "a": leaf, "b": [leaf, [leaf, leaf]], "": { "a": leaf }, "1": leaf });
            let pointer = names.iter().map(|name| format!("/{name}")).collect::<String>();
            let pointer = if slash { &pointer } else { pointer.trim_start_matches('/') };
            prop_assert_eq!(find(&data, pointer), data.pointer(pointer), "{}", pointer);
            let mut copy = data.clone();
            prop_assert_eq!(find_mut(&mut data, pointer), copy.pointer_mut(pointer), "{}", pointer);
        }
    }
}
