//! The complaint's machine against the numbered transitions of its specification: exploration shows
//! every row, and nothing that is not in a row.

use std::sync::LazyLock;

use careflow::kernel::explore::Exploration;
use careflow::kernel::table::EventTable;

use crate::rows::{self, Rows, SAME};

const OPEN: &[&str] = &[
    "open.intake.registered",
    "open.assessing",
    "open.investigating.dispatched",
    "open.investigating.in_progress",
    "open.investigating.arbitration",
    "open.pending_approval",
    "open.communicating",
    "open.executing",
    "open.awaiting_confirmation",
    "open.waiting_customer",
    "open.review",
    "open.suspended",
];
const SETTLED: &[&str] = &["settled.satisfied", "settled.unreachable"];
const CLOSED: &[&str] = &[
    "closed.satisfied",
    "closed.unreachable",
    "closed.no_agreement",
    "closed.referred",
    "closed.rejected",
    "closed.withdrawn",
    "closed.duplicate",
    "closed.converted",
    "closed.forced",
];
/// Where a question, and where a suspension, comes back to.
const ASKED: &str = "assessing|dispatched|in_progress|arbitration|pending_approval|communicating|executing|\
    awaiting_confirmation|review";
const HELD: &str = "assessing|dispatched|in_progress|arbitration|pending_approval|communicating|executing|\
    awaiting_confirmation|review|waiting_customer";

/// The numbered rows of §3.2. Groups of states are named as the specification names them.
const ROWS: Rows = &[
    ("1", "•", "register", "registered"),
    ("2", "registered", "acknowledge", "assessing"),
    ("3", "registered assessing", "reject_intake", "closed.rejected"),
    ("4", "assessing", "assess", SAME),
    ("5", "assessing", "resolve_on_spot", "communicating"),
    ("6", "assessing", "dispatch", "dispatched"),
    ("7", "dispatched", "dept_accept", "in_progress"),
    ("8", "dispatched in_progress", "dept_return", "assessing"),
    ("9", "dispatched in_progress", "dept_return", "arbitration"),
    ("10", "arbitration", "arbitrate", "dispatched"),
    ("11", "in_progress", "submit_findings", SAME),
    ("12", "in_progress", "propose", "communicating"),
    ("13", "in_progress", "propose", "pending_approval"),
    ("14", "pending_approval", "approve", "communicating"),
    ("15", "pending_approval", "return_proposal", "in_progress"),
    ("16", "pending_approval", "return_proposal", "assessing"),
    ("17", "communicating", "communicate", SAME),
    ("18", "communicating", "customer_accepts", "executing"),
    ("19", "communicating", "customer_accepts", "awaiting_confirmation"),
    ("20", "communicating awaiting_confirmation", "customer_rejects", "dispatched|assessing"),
    ("20a", "awaiting_confirmation", "confirm", "dispatched|assessing"),
    ("21", "communicating awaiting_confirmation", "customer_rejects", "review"),
    ("21a", "awaiting_confirmation", "confirm", "review"),
    ("22", "executing", "action_done", "awaiting_confirmation"),
    ("22a", "executing", "action_done", SAME),
    ("23", "executing", "timer ACTION_DUE", SAME),
    ("24", "awaiting_confirmation", "confirm", "settled.satisfied"),
    ("25", "communicating awaiting_confirmation", "timer CONFIRM_EXPIRE", SAME),
    ("25a", "communicating awaiting_confirmation", "timer CONFIRM_REMIND", SAME),
    ("25b", "open.*", "contact_attempt", SAME),
    ("26", "communicating awaiting_confirmation", "declare_unreachable", "settled.unreachable"),
    (
        "27",
        "assessing dispatched in_progress arbitration pending_approval communicating executing \
         awaiting_confirmation review",
        "request_info",
        "waiting_customer",
    ),
    ("28", "waiting_customer", "customer_reply", ASKED),
    ("28a", "waiting_customer", "timer INFO_EXPIRE", ASKED),
    ("28b", "waiting_customer", "timer INFO_REMIND", SAME),
    ("28c", "suspended", "customer_reply", SAME),
    (
        "28d",
        "registered assessing dispatched in_progress arbitration pending_approval communicating executing \
         awaiting_confirmation review suspended",
        "customer_reply",
        SAME,
    ),
    ("28e", "waiting_customer", "customer_reply", SAME),
    ("28f", "open.*", "progress_update", SAME),
    (
        "29",
        "assessing dispatched in_progress arbitration pending_approval communicating executing \
         awaiting_confirmation waiting_customer",
        "request_review",
        "review",
    ),
    ("30", "review", "review_decision", "pending_approval"),
    ("31", "review", "review_decision", "communicating"),
    ("31a", "review", "review_decision", "closed.referred"),
    ("32", "review", "close_without_agreement", "closed.no_agreement"),
    ("32a", "communicating", "close_without_agreement", "closed.no_agreement"),
    ("33", "review", "refer_external", "closed.referred"),
    ("33a", "communicating", "refer_external", "closed.referred"),
    (
        "34",
        "assessing dispatched in_progress arbitration pending_approval communicating executing \
         awaiting_confirmation waiting_customer review",
        "suspend",
        "suspended",
    ),
    ("34a", "suspended", "resume", HELD),
    ("34b", "suspended", "timer SUSPEND_END", HELD),
    ("35", "open.*", "extend", SAME),
    ("36", "open.*", "withdraw", "closed.withdrawn"),
    ("37", "open.*", "mark_duplicate", "closed.duplicate"),
    ("38", "settled.*", "reopen", "dispatched|assessing"),
    ("38a", "settled.*", "reopen", "review"),
    ("38b", "settled.*", "customer_reply", "dispatched|assessing"),
    ("38c", "settled.*", "customer_reply", "review"),
    ("38d", "settled.*", "confirm", "dispatched|assessing"),
    ("38e", "settled.*", "confirm", "review"),
    ("38f", "settled.*", "confirm", "settled.satisfied"),
    ("38g", "settled.unreachable", "customer_reply", "communicating|awaiting_confirmation"),
    ("38h", "settled.satisfied", "customer_reply", SAME),
    ("38i", "settled.*", "customer_reply", SAME),
    ("38j", "settled.*", "customer_reply", SAME),
    ("39", "settled.satisfied", "timer REOPEN_WINDOW", "closed.satisfied"),
    ("39a", "settled.unreachable", "timer REOPEN_WINDOW", "closed.unreachable"),
    ("39b", "settled.satisfied", "timer REOPEN_WINDOW", SAME),
    ("40", "registered assessing", "convert", "closed.converted"),
    ("41", "open.* settled.*", "force_closed", "closed.forced"),
    // Not numbered in §3.2: X4.
    ("X4", "closed.*", "customer_reply", SAME),
    ("X4", "closed.*", "reopen", SAME),
    ("X4", "closed.*", "confirm", SAME),
    ("X4", "closed.*", "late_inbound", SAME),
];

static EXPLORED: LazyLock<Exploration> = LazyLock::new(|| rows::explored("complaint"));

#[test]
fn exploration_shows_every_numbered_row_of_a_complaint_and_no_other() {
    rows::check(&EXPLORED, ROWS, &[]);
}

#[test]
fn states_are_those_of_the_specification() {
    let stated: Vec<&str> = EXPLORED.states.iter().map(|spec| spec.path.as_str()).collect();
    assert_eq!(stated, [OPEN, SETTLED, CLOSED].concat());
}

#[test]
fn no_timer_ends_an_open_complaint() {
    let ended: Vec<_> = EXPLORED
        .rows
        .iter()
        .filter(|row| row.event.starts_with("timer ") && row.from.starts_with("open."))
        .filter(|row| !row.to.starts_with("open."))
        .collect();
    assert!(ended.is_empty(), "silence settles no complaint: {ended:?}");
}

#[test]
fn closed_complaint_takes_what_x4_names_and_no_more() {
    for state in CLOSED {
        let own: Vec<&str> = EXPLORED
            .rows
            .iter()
            .filter(|row| row.from == *state)
            .filter(|row| row.rule.is_some())
            .map(|row| row.event.as_str())
            .collect();
        assert!(
            own.iter().all(|event| ["customer_reply", "reopen", "confirm", "late_inbound"].contains(event)),
            "{state}: {own:?}"
        );
    }
}

#[test]
fn state_by_event_table_of_the_complaint() {
    insta::assert_snapshot!(EventTable::of(&EXPLORED).markdown());
}
