//! Owns data changes: RFC 6902 patches limited to `add`, `replace` and `remove`.
//!
//! Law: applying the patch to the data before gives the data after, byte for
//! byte in canonical form.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One change at a JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Change {
    /// A member or array item that was not there.
    Add {
        /// Where.
        path: String,
        /// What.
        value: Value,
    },
    /// A member or item that has another value.
    Replace {
        /// Where.
        path: String,
        /// What it is now.
        value: Value,
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

/// The changes that turn `before` into `after`.
pub fn diff(before: &Value, after: &Value) -> Vec<Change> {
    json_patch::diff(before, after)
        .0
        .into_iter()
        .map(|operation| match operation {
            json_patch::PatchOperation::Add(add) => {
                Change::Add { path: add.path.to_string(), value: add.value }
            }
            json_patch::PatchOperation::Replace(replace) => {
                Change::Replace { path: replace.path.to_string(), value: replace.value }
            }
            json_patch::PatchOperation::Remove(remove) => Change::Remove { path: remove.path.to_string() },
            json_patch::PatchOperation::Move(_)
            | json_patch::PatchOperation::Copy(_)
            | json_patch::PatchOperation::Test(_) => {
                unreachable!("json_patch::diff yields add, replace and remove only")
            }
        })
        .collect()
}

/// Applies `changes` to `data` in order.
///
/// # Errors
/// A pointer that leads nowhere; `data` is then half changed and must be dropped.
pub fn apply(data: &mut Value, changes: &[Change]) -> Result<(), Misfit> {
    for change in changes {
        apply_one(data, change)?;
    }
    Ok(())
}

fn apply_one(data: &mut Value, change: &Change) -> Result<(), Misfit> {
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
    match data.pointer_mut(parent).ok_or_else(misfit)? {
        Value::Object(map) => {
            let key = key.replace("~1", "/").replace("~0", "~");
            match change {
                Change::Add { value, .. } => {
                    map.insert(key, value.clone());
                }
                Change::Replace { value, .. } => {
                    *map.get_mut(&key).ok_or_else(misfit)? = value.clone();
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
                    items.insert(index, value.clone());
                }
                Change::Replace { value, .. } => {
                    *items.get_mut(index).ok_or_else(misfit)? = value.clone();
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
