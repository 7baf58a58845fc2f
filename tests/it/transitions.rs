//! The consultation's machine against the numbered transitions of its specification: exploration shows
//! every row, and nothing that is not in a row.

use std::sync::LazyLock;

use careflow::kernel::explore::Exploration;
use careflow::kernel::table::EventTable;

use crate::rows::{self, Rows, SAME};

const STATES: &[&str] = &[
    "open.intake.received",
    "open.intake.accepted",
    "open.handling.in_progress",
    "open.handling.escalated",
    "open.handling.with_department",
    "open.waiting_customer",
    "open.answered",
    "settled.confirmed",
    "settled.unconfirmed",
    "settled.no_response",
    "closed.resolved",
    "closed.unconfirmed",
    "closed.no_response",
    "closed.converted",
    "closed.withdrawn",
    "closed.duplicate",
    "closed.abandoned",
    "closed.invalid",
    "closed.forced",
];

/// The numbered rows of §3.1. Groups of states are named as the specification names them.
const ROWS: Rows = &[
    ("1", "•", "submit", "open.intake.received"),
    ("2", "received", "accept", "open.intake.accepted"),
    ("2a", "accepted handling.* waiting_customer answered", "accept", SAME),
    ("2b", "open.*", "record_details", SAME),
    ("2c", "received accepted", "ring", SAME),
    ("3", "received accepted", "hang_up", "closed.abandoned"),
    ("3a", "received accepted", "hang_up", SAME),
    ("3b", "handling.* waiting_customer answered settled.*", "hang_up", SAME),
    ("4", "received accepted", "respond", "open.handling.in_progress"),
    ("4a", "received accepted", "answer_call", "open.handling.in_progress"),
    ("4b", "handling.* waiting_customer answered settled.*", "respond", SAME),
    ("5", "open.* settled.*", "respond", SAME),
    ("5a", "open.* settled.*", "auto_reply_sent", SAME),
    ("6", "accepted in_progress escalated", "transfer_department", "open.handling.with_department"),
    ("7", "with_department", "department_reply", "open.handling.in_progress|open.handling.escalated"),
    ("7a", "waiting_customer", "department_reply", SAME),
    ("8", "with_department", "department_return", "open.handling.in_progress|open.handling.escalated"),
    ("9", "with_department", "department_return", SAME),
    ("9a", "with_department", "arbitrate", SAME),
    ("10", "accepted in_progress escalated", "escalate", "open.handling.escalated"),
    ("10a", "with_department", "escalate", SAME),
    ("10b", "open.*", "escalate", SAME),
    ("11", "handling.*", "progress_update", SAME),
    ("11a", "handling.*", "progress_update", SAME),
    ("12", "received accepted handling.*", "request_info", "open.waiting_customer"),
    (
        "13",
        "waiting_customer",
        "customer_reply",
        "open.handling.in_progress|open.handling.escalated|open.handling.with_department",
    ),
    ("13a", "waiting_customer", "customer_reply", SAME),
    ("13b", "received accepted handling.*", "customer_reply", SAME),
    ("13c", "received accepted handling.*", "customer_reply", SAME),
    ("14", "waiting_customer", "timer INFO_EXPIRE", "settled.no_response"),
    ("14a", "waiting_customer", "timer INFO_REMIND", SAME),
    ("15", "received accepted handling.*", "answer", "open.answered"),
    ("16", "received accepted handling.*", "answer", "settled.confirmed"),
    ("17", "answered", "confirm", "settled.confirmed"),
    ("17a", "answered", "customer_reply", "settled.confirmed"),
    ("18", "answered", "confirm", "open.handling.in_progress"),
    ("18a", "answered", "customer_reply", "open.handling.in_progress"),
    ("19", "answered settled.*", "customer_reply", SAME),
    ("20", "answered", "timer CONFIRM_EXPIRE", "settled.unconfirmed"),
    ("20a", "answered", "timer CONFIRM_REMIND", SAME),
    ("21", "settled.*", "reopen", "open.handling.in_progress"),
    ("21a", "settled.*", "customer_reply", "open.handling.in_progress"),
    ("21b", "settled.*", "confirm", "open.handling.in_progress"),
    ("21c", "settled.*", "confirm", "settled.confirmed"),
    ("21d", "settled.unconfirmed", "satisfaction_recorded", "settled.confirmed"),
    ("22", "settled.*", "customer_reply", SAME),
    ("22a", "settled.*", "customer_reply", SAME),
    ("23", "settled.confirmed", "timer REOPEN_WINDOW", "closed.resolved"),
    ("23a", "settled.unconfirmed", "timer REOPEN_WINDOW", "closed.unconfirmed"),
    ("23b", "settled.no_response", "timer REOPEN_WINDOW", "closed.no_response"),
    ("23c", "settled.*", "timer REOPEN_WINDOW", "open.handling.in_progress"),
    ("24", "open.*", "convert", "closed.converted"),
    ("25", "open.*", "withdraw", "closed.withdrawn"),
    ("26", "open.*", "mark_duplicate", "closed.duplicate"),
    ("27", "received accepted in_progress", "mark_invalid", "closed.invalid"),
    ("28", "open.* settled.*", "force_closed", "closed.forced"),
    // Not numbered in §3.1: X4, and timers whose row is in the clock table.
    ("X4", "closed.*", "customer_reply", SAME),
    ("X4", "closed.*", "reopen", SAME),
    ("X4", "closed.*", "confirm", SAME),
    ("X4", "closed.*", "late_inbound", SAME),
    ("RING", "received accepted", "timer RING", SAME),
    ("ACCEPT", "open.*", "timer ACCEPT", SAME),
];

static EXPLORED: LazyLock<Exploration> = LazyLock::new(|| rows::explored("consultation"));

#[test]
fn exploration_shows_every_numbered_row_and_no_other() {
    rows::check(&EXPLORED, ROWS, &[]);
}

#[test]
fn states_are_those_of_the_specification() {
    let stated: Vec<&str> = EXPLORED.states.iter().map(|spec| spec.path.as_str()).collect();
    assert_eq!(stated, STATES);
}

#[test]
fn state_by_event_table_of_the_consultation() {
    insta::assert_snapshot!(EventTable::of(&EXPLORED).markdown());
}
