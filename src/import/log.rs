//! Owns reading a log: its rows in the order they are replayed in.
//!
//! Rows are ordered by time, and by their place in the file where times are equal.
//! A row that lies before an earlier row of its own case is handled at that row's
//! time and reported. A row that cannot be read is reported and left out.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Serialize;

use super::ImportError;
use super::mapping::Loaded;
use crate::kernel::hash::Hash;
use crate::kernel::instant::Instant;

/// Longest log: it is held in memory, and a longer one can be divided by cases.
pub const LOG_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its line in the file, from 1.
    pub line: u64,
    /// Its case.
    pub case: String,
    /// The column of the time at which it is replayed.
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
    /// The readable rows in replay order.
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
        let mut log =
            Self { columns, rows: Vec::new(), unreadable: Vec::new(), moved: Vec::new(), fingerprint };
        let mut latest = HashMap::new();
        for record in reader.into_records() {
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
        latest: &mut HashMap<String, Instant>,
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
        let value = |column: &str| {
            let at = self.columns.get(column);
            at.and_then(|at| record.get(*at)).unwrap_or_default()
        };
        let case = value(&mapping.mapping.case).to_owned();
        let time = &mapping.mapping.time;
        if case.is_empty() {
            let reason = format!("column `{}` is empty: the row belongs to no case", mapping.mapping.case);
            self.unreadable.push(Unreadable { line, case, code: "case", reason });
            return;
        }
        let also = time.also.iter().filter(|column| !value(column).is_empty());
        let mut rows = Vec::new();
        for column in std::iter::once(&time.column).chain(also) {
            let from = match mapping.moment(value(column)) {
                Ok(moment) => moment,
                Err(reason) => {
                    self.unreadable.push(Unreadable { line, case: case.clone(), code: "time", reason });
                    continue;
                }
            };
            let at = latest.get(&case).copied().map_or(from, |last| last.max(from));
            if at > from {
                self.moved.push(Moved { line, case: case.clone(), from, to: at });
            }
            latest.insert(case.clone(), at);
            rows.push(Row { line, case: case.clone(), column: column.clone(), at, record: record.clone() });
        }
        self.rows.extend(rows);
    }

    /// The time of the first row; absent where there is none.
    pub fn first(&self) -> Option<Instant> {
        self.rows.first().map(|row| row.at)
    }
}
