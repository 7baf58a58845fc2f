//! The consultation's machine against the numbered transitions of its specification: exploration shows
//! every row, and nothing that is not in a row.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use careflow::app;
use careflow::definition::file::Content;
use careflow::kernel::explore::{CONFIGURATIONS_MAX, Exploration, Explorer};
use careflow::kernel::machine::SAMPLES_AT;
use careflow::kernel::table::EventTable;
use careflow::workflows::Registry;

const OPEN: &[&str] = &[
    "open.intake.received",
    "open.intake.accepted",
    "open.handling.in_progress",
    "open.handling.escalated",
    "open.handling.with_department",
    "open.waiting_customer",
    "open.answered",
];
const INTAKE: &[&str] = &["open.intake.received", "open.intake.accepted"];
const HANDLING: &[&str] =
    &["open.handling.in_progress", "open.handling.escalated", "open.handling.with_department"];
const SETTLED: &[&str] = &["settled.confirmed", "settled.unconfirmed", "settled.no_response"];
const CLOSED: &[&str] = &[
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
const SAME: &str = "same";

/// The numbered rows of §3.1: rule, from, event, to. Groups of states are named as the
/// specification names them; several targets are separated by `|`.
const ROWS: &[(&str, &str, &str, &str)] = &[
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

/// The leaves that a word of the table stands for.
fn leaves(word: &str) -> Vec<&'static str> {
    match word {
        "•" => vec!["•"],
        "open.*" => OPEN.to_vec(),
        "handling.*" => HANDLING.to_vec(),
        "settled.*" => SETTLED.to_vec(),
        "closed.*" => CLOSED.to_vec(),
        path if path.contains('.') => {
            let all = OPEN.iter().chain(SETTLED).chain(CLOSED);
            vec![all.copied().find(|leaf| *leaf == path).expect("the table names a leaf")]
        }
        name => {
            let ending = format!(".{name}");
            let all = INTAKE.iter().chain(OPEN);
            vec![all.copied().find(|leaf| leaf.ends_with(&ending)).expect("the table names a leaf")]
        }
    }
}

static EXPLORED: LazyLock<Exploration> = LazyLock::new(|| explored_flow("consultation"));

/// What the samples of a shipped flow reach.
pub fn explored_flow(workflow: &str) -> Exploration {
    let registry = Registry::shipped();
    let sources = app::sources(registry.all(), None).unwrap();
    let find_definition = sources.iter().find_map(|source| match &source.content {
        Content::Definition(definition) if definition.workflow == workflow => Some(definition),
        Content::Definition(_) | Content::Calendar(_) => None,
    });
    let find_calendar = sources.iter().find_map(|source| match &source.content {
        Content::Calendar(calendar) if calendar.name() == "cn" => Some(calendar),
        Content::Definition(_) | Content::Calendar(_) => None,
    });
    Explorer {
        workflow: registry.get(workflow).unwrap().as_ref(),
        definition: find_definition.unwrap(),
        calendar: find_calendar.unwrap(),
        now: SAMPLES_AT,
        configurations_max: CONFIGURATIONS_MAX,
    }
    .explore()
}

/// Rule, from, event, to.
pub type Arrow = (String, String, String, String);

fn specified() -> BTreeSet<Arrow> {
    let mut arrows = BTreeSet::new();
    for (rule, from, event, to) in ROWS {
        for from in from.split(' ').flat_map(leaves) {
            for to in to.split('|') {
                let to = if to == SAME { from } else { to };
                arrows.insert(((*rule).into(), from.into(), (*event).into(), to.into()));
            }
        }
    }
    arrows
}

fn explored() -> BTreeSet<Arrow> {
    let numbered = EXPLORED.rows.iter().filter_map(|row| Some((row.rule?, row)));
    numbered.map(|(rule, row)| (rule.into(), row.from.clone(), row.event.clone(), row.to.clone())).collect()
}

/// Arrows as lines.
pub fn shown(arrows: impl Iterator<Item = Arrow>) -> String {
    arrows.map(|(rule, from, event, to)| format!("  #{rule} {from} --{event}--> {to}\n")).collect()
}

#[test]
fn exploration_shows_every_numbered_row_and_no_other() {
    let (specified, explored) = (specified(), explored());
    let missing = shown(specified.difference(&explored).cloned());
    let beyond = shown(explored.difference(&specified).cloned());
    assert!(missing.is_empty() && beyond.is_empty(), "missing:\n{missing}beyond the rows:\n{beyond}");
}

#[test]
fn row_without_a_number_is_a_common_event_that_changes_no_state() {
    let unnumbered = EXPLORED.rows.iter().filter(|row| row.rule.is_none());
    let moved: Vec<_> = unnumbered.filter(|row| row.from != row.to).collect();
    assert!(moved.is_empty(), "{moved:?}");
}

#[test]
fn every_state_is_reached_and_has_a_way_to_a_final_one() {
    assert!(!EXPLORED.truncated);
    assert!(EXPLORED.unreachable.is_empty(), "{:?}", EXPLORED.unreachable);
    assert!(EXPLORED.dead_ends.is_empty(), "{:?}", EXPLORED.dead_ends);
    assert!(EXPLORED.stuck.is_empty(), "{:?}", EXPLORED.stuck);
    assert!(EXPLORED.lapsing.is_empty(), "{:?}", EXPLORED.lapsing);
    assert!(EXPLORED.unused_samples.is_empty(), "{:?}", EXPLORED.unused_samples);
    assert_eq!(EXPLORED.reached.len(), OPEN.len() + SETTLED.len() + CLOSED.len());
}

#[test]
fn state_by_event_table_of_the_consultation() {
    insta::assert_snapshot!(EventTable::of(&EXPLORED).markdown());
}
