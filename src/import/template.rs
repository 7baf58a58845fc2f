//! Owns templates: texts of a mapping with `{…}` where a row's values stand.
//!
//! `{column}` is the row's value, `{table:column}` the same looked up in one of
//! the mapping's `lookup` tables, `{@case}`, `{@line}` and `{@time}` are the case,
//! the row's line in the file and the moment it is replayed at; `{@time+2d}` is two
//! days later (`m`, `h` and `d` are minutes, hours and days). `{@moment:column}` is a
//! column's time, read like those of rows; a member of a payload that is nothing else is
//! left out where the column is empty; so with `{@number:column}`, which is a number there. `{@moment:…}` also
//! knows the times that the mapping derives. `{{` is a brace.
//!
//! # Why
//! There is no language: what a substitution cannot say is a rule of its own, so
//! that a report can name it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::mapping::{Loaded, Lookup};
use super::moments::Derived;
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

/// What a template may name.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The mapping's tables.
    pub lookup: &'a BTreeMap<String, Lookup>,
    /// The log's columns.
    pub columns: &'a BTreeMap<String, usize>,
    /// The times that the mapping derives.
    pub derived: &'a [Derived],
}

impl Known<'_> {
    /// Says that no column and no rule gives a time called `name`; nothing where one does.
    pub fn no_moment(&self, name: &str) -> Option<String> {
        let derived = self.derived.iter().any(|derived| derived.name == name);
        (!derived && !self.columns.contains_key(name)).then(|| no_column(name, self.columns))
    }
}

/// One `{…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Slot<'a> {
    Column(&'a str),
    Lookup(&'a str, &'a str),
    Moment(&'a str),
    Number(&'a str),
    Case,
    Line,
    Time(i64),
}

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Slot(Slot<'a>),
}

/// Everything wrong with `template`, given what it may name.
pub fn faults(template: &str, known: Known<'_>) -> Vec<String> {
    let pieces = match pieces(template) {
        Ok(pieces) => pieces,
        Err(reason) => return vec![reason],
    };
    let mut found = Vec::new();
    for piece in pieces {
        let Piece::Slot(slot) = piece else { continue };
        let column = match slot {
            Slot::Column(column) | Slot::Number(column) => column,
            Slot::Moment(name) => {
                found.extend(known.no_moment(name));
                continue;
            }
            Slot::Lookup(table, column) => {
                if !known.lookup.contains_key(table) {
                    let tables = names(known.lookup);
                    found.push(format!("`{table}` is no table of `lookup`; tables are {tables}"));
                }
                column
            }
            Slot::Case | Slot::Line | Slot::Time(_) => continue,
        };
        if !known.columns.contains_key(column) {
            found.push(no_column(column, known.columns));
        }
    }
    found
}

/// Why `template` cannot be filled from a row alone; nothing where it can, or where [`faults`] says more.
pub fn beyond_row(template: &str) -> Option<String> {
    let beyond = |piece: &Piece<'_>| match piece {
        Piece::Slot(Slot::Case | Slot::Time(_) | Slot::Moment(_) | Slot::Number(_)) => true,
        Piece::Slot(Slot::Column(_) | Slot::Lookup(..) | Slot::Line) | Piece::Text(_) => false,
    };
    let wrong = pieces(template).ok()?.iter().any(beyond);
    wrong.then(|| format!("`{template}` is refused; accepted here are columns, lookups and {{@line}}"))
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
                Piece::Slot(Slot::Column(column) | Slot::Number(column)) => {
                    text.push_str(self.column(column));
                }
                Piece::Slot(Slot::Lookup(table, column)) => {
                    let value = self.column(column);
                    let lookup = &self.loaded.mapping.lookup;
                    text.push_str(lookup.get(table).map_or(value, |table| table.of(value)));
                }
                Piece::Slot(Slot::Moment(name)) => match self.loaded.moment(name, self) {
                    Ok(moment) => text.extend(moment.map(|moment| moment.to_string())),
                    // What is no time shows itself where it is refused.
                    Err(_) => text.push_str(self.column(name)),
                },
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

    /// Whether `value` is a time or a number of the row and nothing else, and the row has none.
    fn is_absent(&self, value: &Value) -> bool {
        match value.as_str().and_then(only) {
            Some(Slot::Moment(name)) => self.loaded.moment(name, self) == Ok(None),
            Some(Slot::Number(column)) => self.column(column).is_empty(),
            Some(Slot::Column(_) | Slot::Lookup(..) | Slot::Case | Slot::Line | Slot::Time(_)) | None => {
                false
            }
        }
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(template) => match only(template) {
                Some(Slot::Number(column)) => number(self.column(column)),
                Some(_) | None => Value::String(self.text(template)),
            },
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(map) => Value::Object(self.payload(map)),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// Whether the row has, in every column named, one of the values.
    pub fn has(&self, when: &BTreeMap<String, Vec<String>>) -> bool {
        when.iter().all(|(column, accepted)| accepted.iter().any(|value| value == self.column(column)))
    }
}

/// The slot that `template` consists of.
fn only(template: &str) -> Option<Slot<'_>> {
    let mut pieces = pieces(template).ok()?;
    match (pieces.pop(), pieces.is_empty()) {
        (Some(Piece::Slot(slot)), true) => Some(slot),
        (Some(Piece::Slot(_) | Piece::Text(_)) | None, _) => None,
    }
}

/// The number that `text` is: a whole one where nothing but noughts is after its point. What is none shows
/// itself where it is refused.
fn number(text: &str) -> Value {
    let whole = text.split_once('.').filter(|(_, rest)| rest.bytes().all(|digit| digit == b'0'));
    let whole = whole.map_or(text, |(whole, _)| whole);
    let number = whole.parse::<i64>().map(Value::from).or_else(|_| text.parse::<f64>().map(Value::from));
    number.unwrap_or_else(|_| Value::String(text.to_owned()))
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
        Some(("@moment", name)) => return Ok(Slot::Moment(name)),
        Some(("@number", column)) => return Ok(Slot::Number(column)),
        Some((table, column)) => return Ok(Slot::Lookup(table, column)),
        None if !inner.starts_with('@') => return Ok(Slot::Column(inner)),
        None => {}
    }
    match inner {
        "@case" => Ok(Slot::Case),
        "@line" => Ok(Slot::Line),
        "@time" => Ok(Slot::Time(0)),
        _ => inner.strip_prefix("@time+").and_then(ahead).map(Slot::Time).ok_or_else(|| {
            format!("`{{{inner}}}` is unknown; accepted are @case, @line, @time, times like @time+2d, @moment:COLUMN and @number:COLUMN")
        }),
    }
}

/// `2d`, `4h`, `30m` in milliseconds.
pub(super) fn ahead(text: &str) -> Option<i64> {
    let unit = match text.as_bytes().last()? {
        b'm' => 60_000,
        b'h' => 3_600_000,
        b'd' => 86_400_000,
        _ => return None,
    };
    let count: i64 = text[..text.len() - 1].parse().ok().filter(|count| *count > 0)?;
    count.checked_mul(unit).filter(|millis| *millis <= AHEAD_MS_MAX)
}
