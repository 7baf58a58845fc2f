//! Owns the guards of what customers say, and of what becomes of it.

use serde_json::{Value, json};

use super::drive::{Drive, agent, at, customer, supervisor};
use crate::kernel::actor::{Actor, Role};
use crate::kernel::effect::{Effect, Send};
use crate::kernel::id::InstanceId;

fn source() -> InstanceId {
    InstanceId::derive("c-1027", &["source"])
}

/// A customer on the line, about a case.
fn connected() -> Drive {
    let mut drive = Drive::queued(json!({ "source_case": source(), "chain_depth": 1 }));
    drive.call("connected");
    drive
}

/// The questionnaire is out.
fn written() -> Drive {
    let mut drive = Drive::queued(json!({ "source_case": source(), "chain_depth": 1 }));
    drive.call("no_answer");
    drive.fire("RETRY_AT");
    drive.call("no_answer");
    drive.fire("RETRY_AT");
    drive.call("no_answer");
    drive
}

fn sent(drive: &Drive) -> Vec<Send> {
    let sends = drive.effects.iter().filter_map(|effect| match effect {
        Effect::Send(send) => Some(send.clone()),
        _ => None,
    });
    sends.collect()
}

#[test]
fn answer_needs_its_score_and_where_there_is_a_case_whether_it_is_solved() {
    let mut drive = connected();
    let mut refused = |payload: Value| drive.refused(agent("agent-a"), "record", payload).code;
    assert_eq!(refused(json!({ "resolved": true })), "score_required");
    assert_eq!(refused(json!({ "score": 4 })), "resolved_required");
    let mut free = Drive::queued(json!({}));
    free.call("connected");
    free.send(agent("agent-a"), "record", json!({ "score": 4 }));
    assert_eq!(free.data().resolved, Some(true), "there is nothing to solve");
}

#[test]
fn score_is_on_the_scale() {
    let narrow = |values: &mut Value| {
        values["satisfaction"]["scale"] = json!({ "worst": 2, "best": 5 });
    };
    let mut drive = Drive::new().with_policy(narrow);
    drive.plan(Actor::system(), json!({}));
    drive.fire("WINDOW_OPEN");
    drive.call("connected");
    assert_eq!(drive.refused(agent("agent-a"), "record", json!({ "score": 1 })).code, "score_off_scale");
}

#[test]
fn source_hears_what_the_customer_says() {
    let mut drive = connected();
    let word = json!({ "score": 3, "resolved": true, "comment": "还行", "answers": { "q1": "yes" } });
    drive.send(agent("agent-a"), "record", word);
    let sends = sent(&drive);
    assert_eq!((sends.len(), &sends[0].to), (1, &source()));
    let expected = json!({ "score": 3, "resolved": true, "comment": "还行", "callback": drive.id });
    assert_eq!(Value::Object(sends[0].payload.clone()), expected);
    let data = drive.data();
    assert_eq!((data.score, data.resolved, data.answered_at), (Some(3), Some(true), Some(drive.now)));
    assert_eq!(data.case.satisfaction.unwrap().score, Some(3));
}

#[test]
fn unsolved_problem_is_low_whatever_the_score() {
    let mut drive = connected();
    drive.send(agent("agent-a"), "record", json!({ "score": 5, "resolved": false }));
    assert_eq!(drive.state(), "open.reviewing");
    drive.fire("RECOVERY_HALF");
    assert_eq!(drive.state(), "closed.completed_negative");
    assert_eq!(drive.spawned()[0].workflow, "complaint");
}

#[test]
fn nothing_becomes_a_complaint_by_itself_where_the_policy_does_not_want_it() {
    let off = |values: &mut Value| values["satisfaction"]["auto_complaint_on_low"] = json!(false);
    let mut drive = Drive::new().with_policy(off);
    drive.plan(Actor::system(), json!({}));
    drive.fire("WINDOW_OPEN");
    drive.call("connected");
    drive.send(agent("agent-a"), "record", json!({ "score": 1 }));
    drive.fire("RECOVERY_HALF");
    assert_eq!(drive.state(), "open.reviewing");
    assert_eq!(drive.due("RECOVERY"), Some(at("2026-03-13T10:00:00+08:00")));
}

#[test]
fn complaint_of_an_unsatisfied_customer_is_caused_by_the_callback_and_keeps_its_depth() {
    let mut drive = connected();
    drive.send(agent("agent-a"), "record", json!({ "score": 1, "resolved": true, "comment": "没人管" }));
    drive.fire("RECOVERY_HALF");
    let [spawn] = &drive.spawned()[..] else { panic!("one complaint") };
    assert_eq!((spawn.workflow.as_str(), spawn.link.as_str()), ("complaint", "caused_by"));
    assert_eq!(spawn.payload["chain_depth"], 1);
    assert_eq!(
        (&spawn.payload["facts"], &spawn.payload["source_case"]),
        (&json!("没人管"), &json!(drive.id))
    );
}

#[test]
fn missed_call_that_is_solved_asks_nothing_on() {
    let mut drive =
        Drive::queued(json!({ "type": "missed_call", "source_case": source(), "chain_depth": 1 }));
    drive.call("connected");
    drive.send(agent("agent-a"), "record", json!({ "resolved": true }));
    assert_eq!(drive.state(), "closed.completed_neutral");
    assert_eq!((drive.spawned().len(), sent(&drive).len()), (0, 0));
}

#[test]
fn question_behind_a_missed_call_is_asked_on_as_its_source() {
    let mut drive =
        Drive::queued(json!({ "type": "missed_call", "source_case": source(), "chain_depth": 1 }));
    drive.call("connected");
    drive.send(agent("agent-a"), "record", json!({ "resolved": false }));
    let [spawn] = &drive.spawned()[..] else { panic!("one consultation") };
    assert_eq!((spawn.workflow.as_str(), spawn.link.as_str()), ("consultation", "follow_up_of"));
    assert_eq!(
        (&spawn.payload["follow_up_of"], &spawn.payload["chain_depth"]),
        (&json!(source()), &json!(1))
    );
}

#[test]
fn customer_answers_the_questionnaire_and_no_agent_does() {
    let mut drive = connected();
    let word = || json!({ "score": 4, "resolved": true });
    assert_eq!(drive.refused(customer(), "record", word()).code, "link_locked");
    let mut drive = written();
    assert_eq!(drive.refused(agent("agent-a"), "record", word()).code, "not_claimed");
    drive.send(customer(), "record", word());
    assert_eq!(drive.state(), "closed.completed_positive");
}

#[test]
fn late_answer_is_told_to_the_source_for_seven_days_and_once() {
    let word = || json!({ "score": 4, "resolved": true });
    let mut drive = written();
    let sent_at = drive.data().questionnaire_at.unwrap();
    drive.fire("FALLBACK_EXPIRE");
    assert_eq!(drive.state(), "closed.unreachable");
    let mut late = written();
    late.fire("FALLBACK_EXPIRE");
    // Sent on Thursday 03-12: open to the end of the seventh day after.
    assert_eq!(sent_at, at("2026-03-12T09:00:00+08:00"));
    late.now = at("2026-03-20T00:00:00.001+08:00");
    assert_eq!(late.refused(customer(), "record", word()).code, "link_locked");
    drive.now = at("2026-03-20T00:00:00+08:00");
    drive.send(customer(), "record", word());
    assert_eq!(drive.followed, ["late_inbound"]);
    assert_eq!(sent(&drive)[0].event, "satisfaction_recorded");
    assert_eq!(drive.state(), "closed.unreachable");
    assert_eq!(drive.refused(customer(), "record", word()).code, "already_answered");
    assert_eq!(drive.refused(agent("agent-a"), "record", word()).code, "event_not_accepted");
}

#[test]
fn questionnaire_is_locked_once_somebody_can_call_again() {
    let mut drive = Drive::queued(json!({}));
    drive.call("wrong_number");
    drive.take("contact_fixed:phone");
    assert_eq!(drive.refused(customer(), "record", json!({ "score": 4 })).code, "event_not_accepted");
}

#[test]
fn only_a_settled_source_is_reopened() {
    let mut drive = connected();
    drive.send(agent("agent-a"), "record", json!({ "score": 2, "resolved": true }));
    let reopen = || json!({ "decision": "reopen_source", "note": "未解决" });
    assert_eq!(drive.refused(supervisor(), "dispose", reopen()).code, "source_not_settled");
    let told = |state: &str| json!({ "id": source(), "workflow": "complaint", "state": state });
    drive.facts.insert("case".into(), told("closed.satisfied"));
    assert_eq!(drive.refused(supervisor(), "dispose", reopen()).code, "source_not_settled");
    drive.facts.insert("case".into(), told("settled.satisfied"));
    drive.send(supervisor(), "dispose", reopen());
    let [send] = &sent(&drive)[..] else { panic!("one event") };
    assert_eq!((send.event.as_str(), &send.to), ("reopen", &source()));
    let mut free = Drive::queued(json!({}));
    free.call("connected");
    free.send(agent("agent-a"), "record", json!({ "score": 2 }));
    assert_eq!(free.refused(supervisor(), "dispose", reopen()).code, "no_source");
}

#[test]
fn agent_decides_nothing_and_a_reviewed_callback_is_not_cancelled() {
    let mut drive = connected();
    drive.send(agent("agent-a"), "record", json!({ "score": 2, "resolved": true }));
    let explain = json!({ "decision": "explain", "note": "已说明" });
    assert_eq!(drive.refused(agent("agent-a"), "dispose", explain).code, "role_not_allowed");
    let cancel = json!({ "reason": "重复" });
    assert_eq!(drive.refused(supervisor(), "cancel", cancel).code, "event_not_accepted");
}

#[test]
fn decision_about_a_customers_data_ends_it_and_names_that_customer() {
    let officer = || Actor::person("officer", Role::PrivacyOfficer);
    let subject = |id: &str| json!({ "subject_id": id, "basis": "PIPL 47" });
    for event in ["subject_erased", "subject_restricted"] {
        let mut drive = connected();
        assert_eq!(drive.refused(officer(), event, subject("c-2")).code, "another_subject");
        drive.send(officer(), event, subject("c-1027"));
        assert_eq!(drive.state(), "closed.cancelled", "{event}");
    }
}

#[test]
fn recording_is_kept_for_six_months_before_the_customer_is_erased() {
    let mut drive = connected();
    drive.send(agent("agent-a"), "record", json!({ "score": 5, "resolved": true }));
    let officer = || Actor::person("officer", Role::PrivacyOfficer);
    let subject = || json!({ "subject_id": "c-1027", "basis": "PIPL 47" });
    assert_eq!(drive.refused(officer(), "subject_erased", subject()).code, "subject_retained");
    drive.now = drive.now.plus_millis(184 * 86_400_000);
    drive.send(officer(), "subject_erased", subject());
    assert_eq!(drive.data().case.erased.as_deref(), Some("PIPL 47"));
}

#[test]
fn forced_end_needs_two_people() {
    let mut drive = connected();
    let owner = || Actor::person("owner", Role::ProcessOwner);
    let alone = json!({ "reason": "演练", "approver": { "id": "owner", "role": "process_owner" } });
    assert_eq!(drive.refused(owner(), "force_closed", alone).code, "second_person_needed");
}
