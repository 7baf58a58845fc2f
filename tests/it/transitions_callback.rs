//! The callback's machine against the numbered transitions of its specification: exploration shows
//! every row, and nothing that is not in a row.

use std::sync::LazyLock;

use careflow::kernel::explore::Exploration;
use careflow::kernel::table::EventTable;

use crate::rows::{self, Rows, SAME};

const STATES: &[&str] = &[
    "planned",
    "open.queued",
    "open.attempting.contacting",
    "open.attempting.retry_wait",
    "open.attempting.appointed",
    "open.connected",
    "open.fallback",
    "open.reviewing",
    "closed.completed_positive",
    "closed.completed_neutral",
    "closed.completed_negative",
    "closed.unreachable",
    "closed.refused",
    "closed.suppressed",
    "closed.cancelled",
    "closed.expired",
];

/// Where nobody has spoken to the customer yet, or is about to be done with it.
const EARLY: &str = "planned queued attempting.* connected fallback";
const NOT_ENDED: &str = "planned open.*";

/// The numbered rows of §3.3. Groups of states are named as the specification names them.
const ROWS: Rows = &[
    ("1", "•", "plan", "planned"),
    ("2", "•", "plan", "closed.suppressed"),
    ("3", "planned", "timer WINDOW_OPEN", "queued"),
    ("4", "queued", "claim", "contacting"),
    ("5", "contacting", "attempt_result", "connected"),
    ("6", "contacting", "attempt_result", "retry_wait"),
    ("7", "contacting", "attempt_result", "retry_wait"),
    ("8", "contacting", "attempt_result", "queued"),
    ("8a", "contacting", "attempt_result", "fallback"),
    ("9", "contacting", "attempt_result", "closed.refused"),
    ("10", "contacting", "attempt_result", "fallback"),
    ("11", "contacting", "release", "queued"),
    ("11a", "contacting", "timer LOCK", "queued"),
    ("12", "retry_wait", "timer RETRY_AT", "queued"),
    ("13", "connected", "schedule", "appointed"),
    ("13a", "connected", "release", "retry_wait"),
    ("13b", "connected", "release", "fallback"),
    ("13c", "connected", "timer LOCK", "retry_wait"),
    ("13d", "connected", "timer LOCK", "fallback"),
    ("14", "appointed", "timer APPOINTMENT", "queued"),
    ("14a", "queued", "timer APPOINTMENT_MISSED", SAME),
    ("15", "connected fallback", "record", "closed.completed_positive"),
    ("16", "connected fallback", "record", "closed.completed_neutral"),
    ("17", "connected fallback", "record", "reviewing"),
    ("17a", "connected fallback", "record", "closed.completed_neutral"),
    ("18", "reviewing", "dispose", "closed.completed_negative"),
    ("19", "reviewing", "dispose", "closed.completed_negative"),
    ("19a", "reviewing", "dispose", "closed.completed_negative"),
    ("20", "reviewing", "dispose", "closed.completed_negative"),
    ("21", "reviewing", "timer RECOVERY_HALF", "closed.completed_negative"),
    ("21a", "reviewing", "timer RECOVERY_HALF", SAME),
    ("21b", "reviewing", "timer RECOVERY", "closed.completed_negative"),
    ("22", "fallback", "timer FALLBACK_EXPIRE", "closed.unreachable"),
    ("22a", "queued retry_wait appointed planned", "contact_fixed", SAME),
    ("22b", "fallback", "contact_fixed", "queued"),
    ("22c", "fallback", "contact_fixed", SAME),
    ("23", EARLY, "opt_out", "closed.refused"),
    ("23a", "reviewing", "opt_out", SAME),
    ("24", EARLY, "cancel", "closed.cancelled"),
    ("24a", NOT_ENDED, "subject_erased", "closed.cancelled"),
    ("24b", NOT_ENDED, "subject_restricted", "closed.cancelled"),
    ("24c", NOT_ENDED, "force_closed", "closed.cancelled"),
    ("25", "queued retry_wait appointed", "timer EXPIRE", "closed.expired"),
    // Not numbered in §3.3: the text below its table, and X4.
    ("X4", "closed.unreachable", "record", SAME),
];

static EXPLORED: LazyLock<Exploration> = LazyLock::new(|| rows::explored("callback"));

#[test]
fn exploration_shows_every_numbered_row_of_a_callback_and_no_other() {
    rows::check(&EXPLORED, ROWS, &[]);
}

#[test]
fn states_are_those_of_the_specification() {
    let stated: Vec<&str> = EXPLORED.states.iter().map(|spec| spec.path.as_str()).collect();
    assert_eq!(stated, STATES);
}

#[test]
fn state_by_event_table_of_the_callback() {
    insta::assert_snapshot!(EventTable::of(&EXPLORED).markdown());
}
