//! Owns what an import tells: every row is in one of its counts, every refused row in its list.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::kpis::KpiNumber;
use super::log::Moved;
use super::refusals;
use crate::kernel::instant::Instant;

/// Cases that the text names for each class of exceptions.
const CASES_SHOWN: usize = 5;
/// Rows out of time order that the text shows.
const MOVED_SHOWN: usize = 10;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The batch.
    pub batch: String,
    /// The workflow.
    pub workflow: String,
    /// Time of the first row.
    pub from: Instant,
    /// The virtual moment at which it ended.
    pub until: Instant,
    /// Rows of the file.
    pub read: u64,
    /// Those, once for each of their times: accepted, skipped and refused together.
    pub rows: u64,
    /// Rows of which everything was accepted.
    pub accepted: u64,
    /// Rows that a rule skipped.
    pub skipped: u64,
    /// Cases started.
    pub cases: u64,
    /// Cases that other cases started.
    pub children: u64,
    /// Cases that stand still until the batch is released.
    pub unfinished: u64,
    /// Events accepted, by name.
    pub events: BTreeMap<String, u64>,
    /// What became of the rows of each rule.
    pub rules: Vec<RuleCount>,
    /// Rows handled later than they say.
    pub moved: Vec<Moved>,
    /// Rows of which something was refused.
    pub refused: Vec<Refused>,
    /// Timers that fired, by name.
    pub timers: BTreeMap<String, u64>,
    /// Timers that came due where the state had no use for them, by name.
    pub lapsed: BTreeMap<String, u64>,
    /// Steps that failed and deliveries that were refused, by name.
    pub undelivered: BTreeMap<String, u64>,
    /// Cases by state at the end.
    pub states: BTreeMap<String, u64>,
    /// Where cases stand against what their last rows say.
    pub expected: Expected,
    /// The KPIs of the whole span.
    pub kpis: Vec<KpiNumber>,
}

/// What became of the rows of one rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RuleCount {
    /// The rule.
    pub rule: String,
    /// Its rows.
    pub rows: u64,
    /// Its alternatives in order.
    pub alternatives: Vec<AlternativeCount>,
}

/// How often an alternative won.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AlternativeCount {
    /// Its events joined, or the reason for which nothing is sent.
    pub alternative: String,
    /// Rows that it won.
    pub rows: u64,
}

/// A row of which something was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Its line.
    pub line: u64,
    /// Its case.
    pub case: String,
    /// The rule it falls under, or `start`; empty where there is none, or the row cannot be read.
    pub rule: String,
    /// The event that was refused.
    pub event: String,
    /// Events of the row that were accepted before it, and stand.
    pub after: Vec<String>,
    /// The state of the case; empty where there is none.
    pub state: String,
    /// Why, as a word for programs.
    pub code: String,
    /// Why.
    pub reason: String,
}

/// Where cases stand against what their last rows say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Expected {
    /// Cases that the mapping expects something of.
    pub cases: u64,
    /// Those that stand where it says.
    pub matched: u64,
    /// Cases of which the mapping expects nothing.
    pub unsaid: u64,
    /// The others, by what moved them elsewhere.
    pub exceptions: Vec<Exception>,
}

/// Cases that stand elsewhere for the same reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exception {
    /// What was expected.
    pub expected: String,
    /// Where they stand.
    pub state: String,
    /// What moved them there after their last accepted row, with the numbers of the transitions.
    pub cause: String,
    /// Why the last row was refused, where it was.
    pub refused: Option<String>,
    /// The cases.
    pub cases: Vec<String>,
}

impl Expected {
    /// Matched cases in percent, one digit after the point, rounded down.
    pub fn percent(&self) -> String {
        let tenths = (self.matched * 1_000).checked_div(self.cases).unwrap_or(1_000);
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

impl Report {
    /// Whether any row was refused.
    pub fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// How many rows of how many cases, and what became of them.
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { batch, workflow, from, until, read, rows, accepted, skipped, cases, children, .. } = self;
        writeln!(f, "import `{batch}` into `{workflow}`: {read} rows, {from} to {until}")?;
        if rows > read {
            writeln!(f, "  a row is replayed at each of its times: {rows} times together")?;
        }
        write!(f, "  cases: {cases}")?;
        if *children > 0 {
            write!(f, ", and {children} that they started")?;
        }
        let refused = self.refused.len();
        writeln!(f, "\n  {accepted} accepted, {skipped} skipped by a rule, {refused} refused")
    }

    fn rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nrows by rule, and what became of them")?;
        for rule in &self.rules {
            writeln!(f, "  {:>7}  {}", rule.rows, rule.rule)?;
            for alternative in rule.alternatives.iter().filter(|alternative| alternative.rows > 0) {
                writeln!(f, "           {:>7}  {}", alternative.rows, alternative.alternative)?;
            }
            let taken: u64 = rule.alternatives.iter().map(|alternative| alternative.rows).sum();
            let refused = rule.rows.saturating_sub(taken);
            if refused > 0 {
                writeln!(f, "           {refused:>7}  refused")?;
            }
        }
        Ok(())
    }

    fn expectations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Expected { cases, matched, unsaid, exceptions } = &self.expected;
        writeln!(
            f,
            "\n{matched} of {cases} cases ({} %) end where their last row says",
            self.expected.percent()
        )?;
        if *unsaid > 0 {
            writeln!(f, "  of {unsaid} more the mapping expects nothing")?;
        }
        for exception in exceptions {
            let Exception { expected, state, cause, refused, cases } = exception;
            write!(f, "  {:>7}  {expected}, but {state} by {cause}", cases.len())?;
            if let Some(refused) = refused {
                write!(f, "; last row refused: {refused}")?;
            }
            let named: Vec<&str> = cases.iter().take(CASES_SHOWN).map(String::as_str).collect();
            let more = if cases.len() > CASES_SHOWN { ", …" } else { "" };
            writeln!(f, " (cases {}{more})", named.join(", "))?;
        }
        Ok(())
    }
}

fn counts(f: &mut fmt::Formatter<'_>, title: &str, counts: &BTreeMap<String, u64>) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    for (name, count) in counts {
        writeln!(f, "  {count:>7}  {name}")?;
    }
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.rules(f)?;
        counts(f, "events accepted", &self.events)?;
        counts(f, "timers fired", &self.timers)?;
        counts(f, "timers lapsed", &self.lapsed)?;
        counts(f, "not delivered", &self.undelivered)?;
        if !self.moved.is_empty() {
            writeln!(f, "\nrows out of time order: {}", self.moved.len())?;
            for Moved { line, case, from, to } in self.moved.iter().take(MOVED_SHOWN) {
                writeln!(f, "  line {line}, case {case}: says {from}, handled at {to}")?;
            }
        }
        if self.has_refused() {
            refusals::tell(&self.refused, f)?;
        }
        counts(f, "cases by state", &self.states)?;
        if self.expected.cases + self.expected.unsaid > 0 {
            self.expectations(f)?;
        }
        if !self.kpis.is_empty() {
            writeln!(f, "\nKPIs of the whole span")?;
            self.kpis.iter().try_for_each(|kpi| writeln!(f, "  {kpi}"))?;
        }
        if self.unfinished > 0 {
            write!(
                f,
                "\n{} unfinished cases stand still until `careflow import --release --batch {}`\n",
                self.unfinished, self.batch
            )?;
        }
        Ok(())
    }
}
