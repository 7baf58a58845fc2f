//! Owns the table: lines printed as they are measured, what failed, and both as JSON.

use serde_json::{Value, json};

use crate::Outcome;
use crate::latency::Latencies;
use crate::machine::Machine;

/// A limit that is beaten by more than this was measured while something else ran.
const BEATEN: f64 = 1.05;

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Rates.
    More,
    /// Durations, bytes.
    Less,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// So many a second.
    PerSecond,
    /// Milliseconds.
    Millis,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Millions of bytes.
    Megabytes,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::Millis => "ms",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::Megabytes => "MB",
        }
    }

    const fn better(self) -> Better {
        match self {
            Self::PerSecond => Better::More,
            Self::Millis | Self::Seconds | Self::Bytes | Self::Megabytes => Better::Less,
        }
    }
}

/// One line: a figure and the limits that it is compared with.
#[derive(Clone, Debug)]
pub struct Line {
    what: String,
    value: f64,
    unit: Unit,
    limits: Vec<(String, f64)>,
    note: Option<String>,
}

impl Line {
    /// A line without a limit yet.
    pub fn new(what: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self { what: what.into(), value, unit, limits: Vec::new(), note: None }
    }

    /// Adds a limit of the same unit.
    pub fn beside(mut self, limit: impl Into<String>, value: f64) -> Self {
        self.limits.push((limit.into(), value));
        self
    }

    /// Adds what must be known to read the figure.
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The figure over its tightest limit.
    fn ratio(&self) -> Option<f64> {
        let values = self.limits.iter().map(|(_, value)| *value);
        let tightest = match self.unit.better() {
            Better::More => values.min_by(f64::total_cmp),
            Better::Less => values.max_by(f64::total_cmp),
        };
        tightest.filter(|limit| *limit > 0.0).map(|limit| self.value / limit)
    }

    /// Whether a rate or a duration is better than what the machine allows: then the limit is none.
    fn beats_its_limit(&self) -> bool {
        let ratio = self.ratio();
        match self.unit {
            Unit::PerSecond => ratio.is_some_and(|ratio| ratio > BEATEN),
            Unit::Millis => ratio.is_some_and(|ratio| ratio * BEATEN < 1.0),
            Unit::Seconds | Unit::Bytes | Unit::Megabytes => false,
        }
    }

    fn markdown(&self) -> String {
        let figure = |value: f64| format!("{} {}", count(value), self.unit.name());
        let limits: Vec<String> =
            self.limits.iter().map(|(name, value)| format!("{name}: {}", figure(*value))).collect();
        let note = self.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        let ratio = self.ratio().map(count).unwrap_or_default();
        let ratio = if self.beats_its_limit() { format!("{ratio} (!)") } else { ratio };
        format!("| {}{note} | {} | {} | {ratio} |", self.what, figure(self.value), limits.join("; "))
    }

    fn json(&self) -> Value {
        let limits: Vec<Value> =
            self.limits.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        json!({
            "what": self.what, "value": self.value, "unit": self.unit.name(), "limits": limits,
            "ratio": self.ratio(), "beats_its_limit": self.beats_its_limit(), "note": self.note,
        })
    }
}

/// A figure as people read it: about three digits, thousands apart.
pub fn count(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut apart = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) && !apart.ends_with('-') {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart + rest
}

/// What was measured, printed as it comes.
pub struct Table {
    lines: Vec<Line>,
    spreads: Vec<Value>,
    failed: Vec<(String, String)>,
}

impl Table {
    /// An empty table; its head is printed.
    pub fn new() -> Self {
        println!("| what | measured | limit of the same run | ratio |\n| --- | --- | --- | --- |");
        Self { lines: Vec::new(), spreads: Vec::new(), failed: Vec::new() }
    }

    /// Prints a line and keeps it.
    pub fn add(&mut self, line: Line) {
        println!("{}", line.markdown());
        self.lines.push(line);
    }

    /// Keeps how latencies spread, for the JSON file.
    pub fn spread(&mut self, what: &str, latencies: &Latencies) {
        self.spreads.push(json!({ "what": what, "milliseconds": latencies.json() }));
    }

    /// Says what was not measured, and why.
    pub fn left_out(&mut self, what: &str, why: &str) {
        println!("| {what} | left out: {why} | | |");
    }

    /// Says that a row failed; the rows after it run.
    pub fn ended(&mut self, row: &str, done: Outcome<()>) {
        if let Err(error) = done {
            // A line of a table is one line.
            let reason = error.to_string().trim().replace('\n', " ");
            println!("| {row} | FAILED: {reason} | | |");
            self.failed.push((row.to_owned(), reason));
        }
    }

    /// Explains the mark of a limit that was beaten, where there is one.
    pub fn foot(&self) {
        if self.lines.iter().any(Line::beats_its_limit) {
            println!("\n(!) better than its limit: something else ran while one of both was measured.");
        }
    }

    /// Whether something was measured and nothing failed.
    pub fn is_whole(&self) -> bool {
        self.failed.is_empty() && !self.lines.is_empty()
    }

    /// Everything.
    pub fn json(&self, machine: &Machine, scale: f64) -> Value {
        let lines: Vec<Value> = self.lines.iter().map(Line::json).collect();
        let failed: Vec<Value> =
            self.failed.iter().map(|(row, reason)| json!({ "row": row, "reason": reason })).collect();
        json!({
            "machine": machine.json(), "scale": scale, "lines": lines, "latencies": self.spreads,
            "failed": failed,
        })
    }
}
