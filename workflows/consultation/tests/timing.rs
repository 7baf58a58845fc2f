//! Owns when the timers of a consultation fall due, on the shipped calendar.

use serde_json::{Value, json};

use super::drive::{Drive, agent, at, gateway, mail, supervisor};
use crate::kernel::case::Owner;
use crate::kernel::outcome::RefusalKind;
use crate::kernel::span::Span;

fn call() -> Value {
    let mut call = mail();
    call["channel"] = json!("phone");
    call
}

#[test]
fn customer_is_reminded_twice_then_the_case_is_settled() {
    // Asked on Wednesday 11 March.
    let mut drive = Drive::after(&["submit:mail", "accept:agent", "request_info:asks"]);
    assert_eq!(drive.due("INFO_EXPIRE"), Some(at("2026-03-18T18:00:00+08:00")));
    assert_eq!(drive.due("INFO_REMIND"), Some(at("2026-03-13T18:00:00+08:00")));
    drive.fire("INFO_REMIND");
    assert_eq!(drive.due("INFO_REMIND"), Some(at("2026-03-17T18:00:00+08:00")));
    drive.fire("INFO_REMIND");
    assert_eq!(drive.due("INFO_REMIND"), None);
    drive.fire("INFO_EXPIRE");
    assert_eq!(drive.state(), "settled.no_response");
    assert_eq!(drive.data().case.disposition.as_deref(), Some("no_response"));
}

#[test]
fn new_issue_leaves_the_reminders_running() {
    let mut drive = Drive::after(&["submit:mail", "request_info:asks"]);
    let due = drive.due("INFO_REMIND");
    drive.take("customer_reply:new_issue");
    assert_eq!(drive.due("INFO_REMIND"), due);
}

#[test]
fn department_reply_does_not_end_the_question_to_the_customer() {
    let mut drive =
        Drive::after(&["submit:mail", "accept:agent", "transfer_department:answer", "request_info:asks"]);
    let due = drive.due("INFO_EXPIRE");
    drive.take("department_reply:verified");
    assert_eq!(drive.due("INFO_EXPIRE"), due);
    drive.take("customer_reply:info");
    assert_eq!(drive.state(), "open.handling.in_progress");
    assert_eq!(drive.due("INFO_EXPIRE"), None);
}

#[test]
fn silence_after_an_answer_settles_unconfirmed_with_a_callback() {
    let mut drive = Drive::after(&["submit:mail", "answer:uncited"]);
    assert_eq!(drive.due("CONFIRM_REMIND"), Some(at("2026-03-12T18:00:00+08:00")));
    assert_eq!(drive.due("CONFIRM_EXPIRE"), Some(at("2026-03-16T18:00:00+08:00")));
    drive.fire("CONFIRM_REMIND");
    drive.fire("CONFIRM_EXPIRE");
    assert_eq!(drive.state(), "settled.unconfirmed");
    let planned = drive.spawned().remove(0);
    assert_eq!(planned.rule, "confirm_resolution");
    assert_eq!(planned.due, Some(at("2026-03-19T18:00:00+08:00")));
    let grace = Span::parse("5 working days").unwrap();
    assert_eq!(planned.lapses, planned.due.map(|due| drive.calendar.due(due, grace)));
}

#[test]
fn case_can_be_reopened_to_the_end_of_the_seventh_day() {
    let mut drive = Drive::after(&["submit:mail", "answer:in_contact"]);
    assert_eq!(drive.due("REOPEN_WINDOW"), Some(at("2026-03-19T00:00:00+08:00")));
    drive.now = at("2026-03-17T10:00:00+08:00");
    drive.take("confirm:satisfied");
    assert_eq!(drive.due("REOPEN_WINDOW"), Some(at("2026-03-19T00:00:00+08:00")));
    drive.take("reopen:on_shift");
    assert_eq!(drive.due("REOPEN_WINDOW"), None);
}

#[test]
fn callback_after_a_confirmed_case_begins_on_the_next_working_day() {
    // Friday 13 March: the next working day is Monday.
    let mut drive = Drive::new();
    drive.now = at("2026-03-13T10:00:00+08:00");
    drive.take("submit:mail");
    drive.take("answer:in_contact");
    let planned = drive.spawned().remove(0);
    assert_eq!(planned.payload["window_from"], json!(at("2026-03-16T09:00:00+08:00")));
    assert_eq!(planned.payload["due_by"], json!(at("2026-03-19T18:00:00+08:00")));
    assert_eq!(planned.payload["chain_depth"], 1);
}

#[test]
fn unanswered_call_goes_to_the_overflow_queue_and_is_called_back() {
    let mut drive = Drive::new();
    drive.send(gateway(), "submit", call());
    assert_eq!(drive.due("RING"), Some(drive.now.plus_millis(15_000)));
    drive.fire("RING");
    assert_eq!(drive.followed, ["assigned"]);
    assert_eq!(drive.data().case.owner, Owner::Queue("overflow".into()));
    drive.now = drive.now.plus_millis(1_000);
    drive.send(gateway(), "hang_up", json!({ "ring_seconds": 16 }));
    assert_eq!((drive.state(), drive.data().ring_seconds), ("closed.abandoned", 16));
    let planned = drive.spawned().remove(0);
    assert_eq!(planned.rule, "missed_call");
    assert_eq!(planned.due, Some(at("2026-03-11T11:00:16+08:00")));
}

#[test]
fn answered_call_is_not_abandoned() {
    let mut drive = Drive::after(&["submit:call", "answer_call:picked_up", "hang_up:hung_up"]);
    assert_eq!(drive.state(), "open.handling.in_progress");
    assert_eq!(drive.due("RING"), None);
    drive.take("note_added:internal");
}

#[test]
fn case_nobody_takes_goes_back_to_its_queue() {
    let mut drive = Drive::after(&["submit:mail", "assigned:person"]);
    assert_eq!(drive.due("ACCEPT"), Some(at("2026-03-11T10:15:00+08:00")));
    let other = drive.refused(agent("agent-b"), "accept", json!({}));
    assert_eq!(other.kind, RefusalKind::Guard);
    drive.fire("ACCEPT");
    assert_eq!(drive.followed, ["assigned"]);
    assert_eq!(drive.data().case.owner, Owner::Queue("after_sale".into()));
    assert_eq!(drive.due("ACCEPT"), None);
    drive.send(agent("agent-b"), "accept", json!({}));
}

#[test]
fn time_to_accept_is_half_the_response_time_where_that_is_shorter() {
    let mut drive = Drive::new();
    let mut chat = mail();
    chat["channel"] = json!("web_chat");
    drive.send(gateway(), "submit", chat);
    drive.take("assigned:person");
    assert_eq!(drive.due("ACCEPT"), Some(drive.now.plus_millis(30_000)));
}

#[test]
fn assignment_to_a_queue_or_a_word_to_the_customer_ends_the_time_to_accept() {
    for last in ["assigned:queue", "respond:human", "accept:agent", "answer:uncited"] {
        let mut drive = Drive::after(&["submit:mail", "assigned:person"]);
        drive.take(last);
        assert_eq!(drive.due("ACCEPT"), None, "{last}");
    }
}

#[test]
fn arbitration_that_takes_too_long_is_told() {
    let mut drive = Drive::after(&[
        "submit:mail",
        "accept:agent",
        "transfer_department:answer",
        "department_return:not_ours",
        "transfer_department:answer",
        "department_return:not_ours",
    ]);
    let mut points = Vec::new();
    for _ in 0..3 {
        points.push(drive.due("sla:ARBITRATE").unwrap());
        drive.fire("sla:ARBITRATE");
    }
    let expected = ["12:00:00", "14:12:00", "15:00:00.001"];
    assert_eq!(points, expected.map(|time| at(&format!("2026-03-11T{time}+08:00"))));
    assert_eq!(drive.summaries(), ["notify role:supervisor sla_breached"]);
    assert_eq!(drive.followed, ["escalate"]);
    drive.send(supervisor(), "arbitrate", json!({ "department": "sales" }));
    assert_eq!(drive.due("sla:ARBITRATE"), None);
}

#[test]
fn timer_of_a_left_state_is_refused_by_the_state() {
    let mut drive = Drive::after(&["submit:mail", "request_info:asks"]);
    drive.instance.as_mut().unwrap().state = "open.answered".into();
    let refusal = drive.try_fire("INFO_EXPIRE").unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::State);
}

#[test]
fn message_at_night_is_answered_automatically_once_in_the_closed_period() {
    let mut drive = Drive::new();
    drive.now = at("2026-03-11T20:00:00+08:00");
    drive.send(gateway(), "submit", mail());
    assert_eq!(drive.followed, ["auto_reply_sent"]);
    assert_eq!(drive.summaries(), ["notify customer off_hours"]);
    assert!(drive.data().case.off_hours);
    let period = drive.data().auto_reply_period;
    assert_eq!(period.as_deref(), Some("2026-03-11T10:00:00.000Z"));
    assert_eq!(drive.state(), "open.intake.received");

    let told = json!([{ "id": drive.id, "workflow": "consultation", "state": "open.intake.received",
        "auto_reply_period": period }]);
    for (when, replies) in [("2026-03-12T07:00:00+08:00", 0), ("2026-03-12T20:00:00+08:00", 1)] {
        let mut next = Drive::new();
        next.now = at(when);
        next.facts["customer_cases"] = told.clone();
        next.send(gateway(), "submit", mail());
        assert_eq!(next.followed.len(), replies, "{when}");
    }
}

#[test]
fn message_in_working_hours_is_not_answered_automatically() {
    let mut drive = Drive::new();
    drive.send(gateway(), "submit", mail());
    assert!(drive.followed.is_empty() && !drive.data().case.off_hours);
}
