//! Owns reading a log: its rows in the order they are replayed in.
//!
//! Rows are ordered by time, and by their place in the file where times are equal.
//! A row that lies before an earlier row of its own case is handled at that row's
//! time and reported, or refused, as the mapping says. A row that cannot be read is
//! reported and left out.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Serialize;

use super::ImportError;
use super::mapping::{Loaded, Place};
use super::moments::Backwards;
use super::template::Values;
use crate::kernel::hash::Hash;
use crate::kernel::instant::Instant;

/// Longest log: it is held in memory, and a longer one can be divided by cases.
pub const LOG_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its line in the file, from 1.
    pub line: u64,
    /// Whether it is of a case (0) or of a child that a case starts (1).
    pub level: usize,
    /// Its case.
    pub case: String,
    /// The case that starts its case; of a child.
    pub parent: Option<String>,
    /// The column or the derived time at which it is replayed.
    pub column: String,
    /// When it is replayed.
    pub at: Instant,
    /// Its values.
    pub record: csv::StringRecord,
}

/// A row that is handled later than it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Its line.
    pub line: u64,
    /// Its case.
    pub case: String,
    /// The time it says.
    pub from: Instant,
    /// The time it is handled at: that of the case's row before.
    pub to: Instant,
}

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its line.
    pub line: u64,
    /// Its case, where that can be read.
    pub case: String,
    /// What is wrong, as a word for programs.
    pub code: &'static str,
    /// What is wrong.
    pub reason: String,
}

/// A log that was read.
#[derive(Clone, Debug)]
pub struct Log {
    /// Position of each column.
    pub columns: BTreeMap<String, usize>,
    /// How many rows the file has.
    pub read: u64,
    /// The readable rows in replay order, once for each of their times.
    pub rows: Vec<Row>,
    /// The others.
    pub unreadable: Vec<Unreadable>,
    /// Rows out of time order.
    pub moved: Vec<Moved>,
    /// Hash over the mapping and the log's bytes, 32 hex digits.
    pub fingerprint: String,
}

impl Log {
    /// Reads a CSV file with a header line.
    ///
    /// # Errors
    /// A file that cannot be read, is too long or has no header.
    pub fn open(path: &Path, mapping: &Loaded) -> Result<Self, ImportError> {
        let file = path.display().to_string();
        let refuse = |reason: String| ImportError::File { file: file.clone(), reason };
        let length = std::fs::metadata(path).map_err(|e| refuse(e.to_string()))?.len();
        if length > LOG_BYTES_MAX {
            return Err(refuse(format!("it has {length} bytes; accepted are at most {LOG_BYTES_MAX}")));
        }
        let bytes = std::fs::read(path).map_err(|e| refuse(e.to_string()))?;
        Self::read(&bytes, mapping).map_err(refuse)
    }

    /// Reads the bytes of a log.
    ///
    /// # Errors
    /// No header, or a column named twice.
    pub fn read(bytes: &[u8], mapping: &Loaded) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
        let header = reader.headers().map_err(|e| format!("the header cannot be read: {e}"))?;
        let mut columns = BTreeMap::new();
        for (at, name) in header.iter().enumerate() {
            let name = name.trim_start_matches('\u{feff}');
            if columns.insert(name.to_owned(), at).is_some() {
                return Err(format!("the header names column `{name}` twice"));
            }
        }
        let fingerprint = Hash::of(&[mapping.text.as_bytes(), &[0], bytes]).short();
        let mut log = Self {
            columns,
            read: 0,
            rows: Vec::new(),
            unreadable: Vec::new(),
            moved: Vec::new(),
            fingerprint,
        };
        let mut latest = HashMap::new();
        for record in reader.into_records() {
            log.read += 1;
            log.take(record, mapping, &mut latest);
        }
        // Of the times of one row, the first column comes first: the sort is stable.
        log.rows.sort_by_key(|row| (row.at, row.line));
        Ok(log)
    }

    fn take(
        &mut self,
        record: Result<csv::StringRecord, csv::Error>,
        mapping: &Loaded,
        latest: &mut HashMap<(usize, String), Instant>,
    ) {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                let reason = error.to_string();
                self.unreadable.push(Unreadable { line, case: String::new(), code: "row", reason });
                return;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let at = Instant::default();
        let values = Values { columns: &self.columns, record: &record, loaded: mapping, case: "", line, at };
        let Place { level, case, parent } = mapping.place(&values);
        if case.is_empty() || parent.as_ref().is_some_and(String::is_empty) {
            let reason = format!("column `{}` is empty: the row belongs to no case", mapping.mapping.case);
            self.unreadable.push(Unreadable { line, case, code: "case", reason });
            return;
        }
        let before = latest.get(&(level, case.clone())).copied();
        let moments = moments(mapping, &values, before);
        for (code, reason) in moments.unreadable {
            self.unreadable.push(Unreadable { line, case: case.clone(), code, reason });
        }
        for (from, to) in moments.moved {
            self.moved.push(Moved { line, case: case.clone(), from, to });
        }
        if let Some(last) = moments.last {
            latest.insert((level, case.clone()), last);
        }
        self.rows.extend(moments.at.into_iter().map(|(column, at)| Row {
            line,
            level,
            case: case.clone(),
            parent: parent.clone(),
            column,
            at,
            record: record.clone(),
        }));
    }

    /// The time of the first row; absent where there is none.
    pub fn first(&self) -> Option<Instant> {
        self.rows.first().map(|row| row.at)
    }
}

/// The times of one row.
#[derive(Default)]
struct Moments {
    /// When it is replayed, and by which column or derived time.
    at: Vec<(String, Instant)>,
    /// Times that it says, and those at which it is handled instead.
    moved: Vec<(Instant, Instant)>,
    /// What cannot be read of it, and why.
    unreadable: Vec<(&'static str, String)>,
    /// The last time of a column, where there is one.
    last: Option<Instant>,
}

/// The times of a row whose case has one at `before` already.
fn moments(mapping: &Loaded, values: &Values<'_>, before: Option<Instant>) -> Moments {
    let time = &mapping.mapping.time;
    let mut found = Moments { last: before, ..Moments::default() };
    for column in time.columns() {
        let from = match mapping.moment(column, values) {
            Ok(Some(moment)) => moment,
            // Without its own time nothing of a row is replayed.
            Ok(None) if *column == time.column => {
                let reason = format!("column `{column}` is empty: the row has no time");
                return Moments { unreadable: vec![("time", reason)], ..Moments::default() };
            }
            Err(reason) if *column == time.column => {
                return Moments { unreadable: vec![("time", reason)], ..Moments::default() };
            }
            Ok(None) => continue,
            Err(reason) => {
                found.unreadable.push(("time", reason));
                continue;
            }
        };
        match (found.last.filter(|last| *last > from), time.backwards) {
            (Some(last), Backwards::Refuse) => {
                let reason = format!("`{column}` says {from}, which lies before {last}");
                return Moments { unreadable: vec![("time_order", reason)], ..Moments::default() };
            }
            (Some(last), Backwards::Move) => {
                found.moved.push((from, last));
                found.at.push((column.clone(), last));
            }
            (None, Backwards::Refuse | Backwards::Move) => {
                found.at.push((column.clone(), from));
                found.last = Some(from);
            }
        }
    }
    for derived in &time.derived {
        match mapping.moment(&derived.name, values) {
            // What is made up moves nothing: it comes after what was recorded, or not at all.
            Ok(Some(moment)) if found.at.last().is_none_or(|(_, last)| *last <= moment) => {
                found.at.push((derived.name.clone(), moment));
            }
            Ok(Some(_) | None) => {}
            // What is counted from a time that cannot be read is not told twice.
            Err(reason) if found.unreadable.iter().any(|(_, told)| *told == reason) => {}
            Err(reason) => found.unreadable.push(("time", reason)),
        }
    }
    found
}
