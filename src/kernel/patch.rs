//! Owns data changes: RFC 6902 patches limited to `add`, `replace` and `remove`.
//!
//! Law: applying the patch to the data before gives the data after, byte for
//! byte in canonical form.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pointer;

/// One change at a JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Change {
    /// A member or array item that was not there.
    Add {
        /// Where.
        path: String,
        /// What.
        value: Arc<Value>,
    },
    /// A member or item that has another value.
    Replace {
        /// Where.
        path: String,
        /// What it is now.
        value: Arc<Value>,
    },
    /// A member or item that is no longer there.
    Remove {
        /// Where.
        path: String,
    },
}

/// A patch that does not fit the data it is applied to.
#[derive(Debug, thiserror::Error)]
#[error("patch does not fit: {0}")]
pub struct Misfit(String);

/// The changes that turn `before` into `after`: along the names in order, what is gone last; items of a list are
/// compared place by place. The same as `json_patch::diff`, which a test holds it to, in a fraction of its time:
/// that makes the pointer of everything that is equal, too.
/// Where all of it is another, the patch shares `after`.
pub fn diff(before: &Value, after: &Arc<Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    match (before, &**after) {
        (Value::Object(_), Value::Object(_)) | (Value::Array(_), Value::Array(_)) => {
            collect(before, after, &mut String::new(), &mut changes);
        }
        (before, now) if before == now => {}
        _ => changes.push(Change::Replace { path: String::new(), value: after.clone() }),
    }
    changes
}

fn collect(before: &Value, after: &Value, path: &mut String, changes: &mut Vec<Change>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in after {
                match before.get(name) {
                    Some(was) if was == value => {}
                    Some(was) => below(path, name, |path| collect(was, value, path, changes)),
                    None => below(path, name, |path| changes.push(added(path, value))),
                }
            }
            for name in before.keys().filter(|name| !after.contains_key(*name)) {
                below(path, name, |path| changes.push(Change::Remove { path: path.clone() }));
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for (place, (was, value)) in before.iter().zip(after).enumerate() {
                if was != value {
                    below(path, &place.to_string(), |path| collect(was, value, path, changes));
                }
            }
            // Each that goes makes room for the next.
            for _ in after.len()..before.len() {
                let place = after.len().to_string();
                below(path, &place, |path| changes.push(Change::Remove { path: path.clone() }));
            }
            for (place, value) in after.iter().enumerate().skip(before.len()) {
                below(path, &place.to_string(), |path| changes.push(added(path, value)));
            }
        }
        (before, after) if before == after => {}
        (_, after) => {
            changes.push(Change::Replace { path: path.clone(), value: Arc::new(after.clone()) });
        }
    }
}

fn added(path: &str, value: &Value) -> Change {
    Change::Add { path: path.to_owned(), value: Arc::new(value.clone()) }
}

/// Goes on at the member or item called `name`, and comes back.
fn below(path: &mut String, name: &str, go_on: impl FnOnce(&mut String)) {
    let here = path.len();
    path.push('/');
    for letter in name.chars() {
        match letter {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            letter => path.push(letter),
        }
    }
    go_on(path);
    path.truncate(here);
}

/// Applies `changes` to `data` in order; what replaces all of it is shared.
///
/// # Errors
/// A pointer that leads nowhere; `data` is then half changed and must be dropped.
pub fn apply(data: &mut Arc<Value>, changes: &[Change]) -> Result<(), Misfit> {
    for change in changes {
        apply_one(data, change)?;
    }
    Ok(())
}

fn apply_one(data: &mut Arc<Value>, change: &Change) -> Result<(), Misfit> {
    let (Change::Add { path, .. } | Change::Replace { path, .. } | Change::Remove { path }) = change;
    let misfit = || Misfit(format!("nothing at `{path}`"));
    let Some((parent, key)) = path.rsplit_once('/') else {
        return match change {
            Change::Add { value, .. } | Change::Replace { value, .. } => {
                *data = value.clone();
                Ok(())
            }
            Change::Remove { .. } => Err(misfit()),
        };
    };
    match pointer::find_mut(Arc::make_mut(data), parent).ok_or_else(misfit)? {
        Value::Object(map) => {
            let key =
                if key.contains('~') { key.replace("~1", "/").replace("~0", "~") } else { key.to_owned() };
            match change {
                Change::Add { value, .. } => {
                    map.insert(key, Value::clone(value));
                }
                Change::Replace { value, .. } => {
                    *map.get_mut(&key).ok_or_else(misfit)? = Value::clone(value);
                }
                Change::Remove { .. } => {
                    map.remove(&key).ok_or_else(misfit)?;
                }
            }
        }
        Value::Array(items) => {
            let index = if key == "-" { items.len() } else { key.parse::<usize>().map_err(|_| misfit())? };
            match change {
                Change::Add { value, .. } if index <= items.len() => {
                    items.insert(index, Value::clone(value));
                }
                Change::Replace { value, .. } => {
                    *items.get_mut(index).ok_or_else(misfit)? = Value::clone(value);
                }
                Change::Remove { .. } if index < items.len() => {
                    items.remove(index);
                }
                Change::Add { .. } | Change::Remove { .. } => return Err(misfit()),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(misfit()),
    }
    Ok(())
}
