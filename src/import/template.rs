//! Owns templates: texts of a mapping with `{…}` where a row's values stand.
//!
//! `{column}` is the row's value, `{table:column}` the same looked up in one of
//! the mapping's `lookup` tables, `{@case}`, `{@line}` and `{@time}` are the case,
//! the row's line in the file and the moment it is replayed at; `{@time+2d}` is two
//! days later (`m`, `h` and `d` are minutes, hours and days). `{@moment:column}` is a
//! column's time, read like those of rows; a member of a payload that is nothing else is
//! left out where the column is empty. `{{` is a brace.
//!
//! # Why
//! There is no language: what a substitution cannot say is a rule of its own, so
//! that a report can name it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::mapping::{Loaded, Lookup};
use crate::kernel::instant::Instant;

/// Furthest that `{@time+…}` may lie ahead: a year is more than any due time told to a customer.
const AHEAD_MS_MAX: i64 = 366 * 86_400_000;

/// What a template is filled with.
pub struct Values<'a> {
    /// Position of each column.
    pub columns: &'a BTreeMap<String, usize>,
    /// The row.
    pub record: &'a csv::StringRecord,
    /// The mapping.
    pub loaded: &'a Loaded,
    /// The case.
    pub case: &'a str,
    /// The row's line.
    pub line: u64,
    /// The moment it is replayed at.
    pub at: Instant,
}

/// One `{…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Slot<'a> {
    Column(&'a str),
    Lookup(&'a str, &'a str),
    Moment(&'a str),
    Case,
    Line,
    Time(i64),
}

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Slot(Slot<'a>),
}

/// Everything wrong with `template`, given the mapping's tables and (where the log is known) its columns.
pub fn faults(
    template: &str,
    lookup: &BTreeMap<String, Lookup>,
    columns: &BTreeMap<String, usize>,
) -> Vec<String> {
    let mut found = Vec::new();
    let pieces = match pieces(template) {
        Ok(pieces) => pieces,
        Err(reason) => return vec![reason],
    };
    for piece in pieces {
        let Piece::Slot(slot) = piece else { continue };
        let column = match slot {
            Slot::Column(column) | Slot::Moment(column) => column,
            Slot::Lookup(table, column) => {
                if !lookup.contains_key(table) {
                    found.push(format!("`{table}` is no table of `lookup`; tables are {}", names(lookup)));
                }
                column
            }
            Slot::Case | Slot::Line | Slot::Time(_) => continue,
        };
        if !columns.contains_key(column) {
            found.push(no_column(column, columns));
        }
    }
    found
}

/// Says that the log has no such column.
pub fn no_column(column: &str, columns: &BTreeMap<String, usize>) -> String {
    format!("the log has no column `{column}`; its columns are {}", names(columns))
}

fn names<T>(known: &BTreeMap<String, T>) -> String {
    if known.is_empty() {
        return "none".to_owned();
    }
    known.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

impl Values<'_> {
    /// The row's value in `column`; empty where there is none.
    pub fn column(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|at| self.record.get(*at)).unwrap_or_default()
    }

    /// `template` with its values. Templates were checked with [`faults`] before.
    pub fn text(&self, template: &str) -> String {
        let mut text = String::with_capacity(template.len());
        // An unreadable template was refused with the mapping; as it stands it shows itself.
        let Ok(pieces) = pieces(template) else { return template.to_owned() };
        for piece in pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Slot(Slot::Column(column)) => text.push_str(self.column(column)),
                Piece::Slot(Slot::Lookup(table, column)) => {
                    let value = self.column(column);
                    let lookup = &self.loaded.mapping.lookup;
                    text.push_str(lookup.get(table).map_or(value, |table| table.of(value)));
                }
                Piece::Slot(Slot::Moment(column)) => {
                    let value = self.column(column);
                    // What is no time shows itself where it is refused.
                    let moment = self.loaded.moment(value);
                    text.push_str(&moment.map_or_else(|_| value.to_owned(), |moment| moment.to_string()));
                }
                Piece::Slot(Slot::Case) => text.push_str(self.case),
                Piece::Slot(Slot::Line) => text.push_str(&self.line.to_string()),
                Piece::Slot(Slot::Time(ahead)) => text.push_str(&self.at.plus_millis(ahead).to_string()),
            }
        }
        text
    }

    /// `payload` with every text in it filled.
    pub fn payload(&self, payload: &Map<String, Value>) -> Map<String, Value> {
        let given = payload.iter().filter(|(_, value)| !self.is_absent(value));
        given.map(|(name, value)| (name.clone(), self.value(value))).collect()
    }

    /// Whether `value` is a column's time and nothing else, and the column is empty.
    fn is_absent(&self, value: &Value) -> bool {
        let Some(Ok(pieces)) = value.as_str().map(pieces) else { return false };
        match pieces[..] {
            [Piece::Slot(Slot::Moment(column))] => self.column(column).is_empty(),
            _ => false,
        }
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(template) => Value::String(self.text(template)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(map) => Value::Object(self.payload(map)),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
}

fn pieces(template: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        if open > 0 {
            pieces.push(Piece::Text(&rest[..open]));
        }
        rest = &rest[open + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            pieces.push(Piece::Text("{"));
            rest = after;
            continue;
        }
        let close = rest.find('}').ok_or_else(|| {
            format!("`{template}` has a `{{` without `}}`; a brace itself is written `{{{{`")
        })?;
        pieces.push(Piece::Slot(slot(&rest[..close])?));
        rest = &rest[close + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

fn slot(inner: &str) -> Result<Slot<'_>, String> {
    match inner.split_once(':') {
        Some(("@moment", column)) => return Ok(Slot::Moment(column)),
        Some((table, column)) => return Ok(Slot::Lookup(table, column)),
        None if !inner.starts_with('@') => return Ok(Slot::Column(inner)),
        None => {}
    }
    match inner {
        "@case" => Ok(Slot::Case),
        "@line" => Ok(Slot::Line),
        "@time" => Ok(Slot::Time(0)),
        _ => inner.strip_prefix("@time+").and_then(ahead).map(Slot::Time).ok_or_else(|| {
            format!("`{{{inner}}}` is unknown; accepted are @case, @line, @time, times like @time+2d and @moment:COLUMN")
        }),
    }
}

/// `2d`, `4h`, `30m` in milliseconds.
fn ahead(text: &str) -> Option<i64> {
    let unit = match text.as_bytes().last()? {
        b'm' => 60_000,
        b'h' => 3_600_000,
        b'd' => 86_400_000,
        _ => return None,
    };
    let count: i64 = text[..text.len() - 1].parse().ok().filter(|count| *count > 0)?;
    count.checked_mul(unit).filter(|millis| *millis <= AHEAD_MS_MAX)
}
