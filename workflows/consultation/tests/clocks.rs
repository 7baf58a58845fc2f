//! Tests of the consultation's clocks (§3.1): what starts, stops, pauses and cancels each of them.

use serde_json::{Value, json};

use super::drive::{Drive, agent, at, calendar_file, gateway, mail, supervisor};
use crate::kernel::actor::{Actor, Role};
use crate::kernel::common::Verdict;
use crate::kernel::sla::fact::{ClockFact, What};
use crate::kernel::sla::state::{Clock, Ended};

/// The clock's run stands still, runs until its due, or has ended so.
fn clock(drive: &Drive, name: &str) -> Clock {
    drive.instance.as_ref().unwrap().clocks.get(name).cloned().unwrap_or_default()
}

fn due(drive: &Drive, name: &str) -> Option<String> {
    clock(drive, name).running_due().map(|due| due.to_string())
}

fn last(drive: &Drive, name: &str) -> Ended {
    clock(drive, name).ended.last().unwrap_or_else(|| panic!("{name} never ended")).clone()
}

fn verdict(drive: &Drive, name: &str) -> Option<Verdict> {
    last(drive, name).verdict
}

fn what(facts: &[ClockFact], name: &str) -> Vec<What> {
    facts.iter().filter(|fact| fact.clock == name).map(|fact| fact.what.clone()).collect()
}

const WRITE: fn() -> Value = || json!({ "message_ref": "m:1", "human": true });

#[test]
fn a_question_by_mail_starts_first_response_and_resolution() {
    let drive = Drive::after(&["submit:mail"]);
    assert_eq!(due(&drive, "FRT").as_deref(), Some("2026-03-11T04:00:00.000Z"));
    assert_eq!(due(&drive, "RES").as_deref(), Some("2026-03-13T02:00:00.000Z"));
    assert_eq!(drive.due("sla:FRT"), Some(at("2026-03-11T11:36:00+08:00")), "80 percent of two hours");
}

#[test]
fn due_that_another_system_promised_counts_until_the_case_is_reopened() {
    let mut drive = Drive::new();
    let mut promised = mail();
    promised["due_at"] = json!("2026-03-20T00:00:00Z");
    drive.send(Actor::system(), "submit", promised);
    assert_eq!(due(&drive, "RES").as_deref(), Some("2026-03-20T00:00:00.000Z"));
    let answer = json!({ "message_ref": "m", "solution_ref": "s", "confirmed_in_contact": true, "recording_ref": "r" });
    drive.send(agent("agent-a"), "answer", answer);
    drive.send(agent("agent-a"), "reopen", json!({ "reason": "r" }));
    assert_eq!(due(&drive, "RES").as_deref(), Some("2026-03-13T02:00:00.000Z"));
}

#[test]
fn bot_and_note_stop_nothing_and_a_person_stops_the_first_response() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    drive.send(gateway(), "respond", json!({ "message_ref": "m:0", "human": false }));
    drive.send(agent("agent-a"), "note_added", json!({ "text_ref": "n", "visibility": "public" }));
    assert!(due(&drive, "FRT").is_some());
    drive.now = at("2026-03-11T12:00:00+08:00");
    drive.send(agent("agent-a"), "respond", WRITE());
    assert_eq!(verdict(&drive, "FRT"), Some(Verdict::Met), "an event at the due is on time");
    assert_eq!(drive.due("sla:FRT"), None);
}

#[test]
fn stop_after_the_due_is_a_breach_with_an_entry_of_its_own() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    drive.now = at("2026-03-11T13:00:00.001+08:00");
    drive.send(agent("agent-a"), "respond", WRITE());
    assert_eq!(verdict(&drive, "FRT"), Some(Verdict::Breached));
    assert_eq!(drive.followed, ["sla_breached", "escalate"]);
    assert_eq!(last(&drive, "FRT").level, 100);
}

#[test]
fn ladder_speaks_once_at_each_level_and_raises_the_case() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    let mut heard = Vec::new();
    for _ in 0..4 {
        let change = drive.fire("sla:FRT");
        let reached = what(&change.clocks, "FRT");
        let [What::Reached { level, elapsed_ms, policy_ver: 1, .. }] = reached[..] else {
            panic!("{reached:?}")
        };
        heard.push((level, elapsed_ms / 60_000, drive.summaries().join(", ")));
    }
    let told = |level, minutes, notices: &str| (level, minutes, notices.to_owned());
    assert_eq!(
        heard,
        [
            told(80, 96, "notify owner sla_warned, notify role:supervisor sla_warned"),
            told(100, 120, "notify role:supervisor sla_breached"),
            told(150, 180, "notify role:dept_manager sla_escalated"),
            told(200, 240, "notify role:process_owner sla_escalated"),
        ]
    );
    assert_eq!(drive.due("sla:FRT"), None, "the ladder ends");
    assert_eq!(drive.data().case.escalation_level, crate::kernel::case::Level::Manager);
    let again = json!({ "clock": "FRT", "cycle": 1, "due": "2026-03-11T04:00:00Z", "level": 100 });
    assert_eq!(drive.refused(Actor::system(), "sla_breached", again).code, "clock_not_there");
}

#[test]
fn point_is_never_recorded_early() {
    let mut drive = Drive::after(&["submit:mail"]);
    let early = json!({ "clock": "FRT", "cycle": 1, "due": "2026-03-11T04:00:00Z", "level": 80 });
    drive.now = at("2026-03-11T11:35:59.999+08:00");
    assert_eq!(drive.refused(Actor::system(), "sla_warned", early.clone()).code, "clock_not_there");
    drive.now = at("2026-03-11T11:36:00+08:00");
    drive.send(Actor::system(), "sla_warned", early);
}

#[test]
fn levels_slept_through_are_all_recorded_and_the_highest_speaks() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    drive.now = at("2026-03-11T15:00:00+08:00");
    let mut notices = Vec::new();
    for _ in 0..3 {
        let change = drive.fire("sla:FRT");
        assert!(matches!(what(&change.clocks, "FRT")[..], [What::Reached { .. }]));
        notices.push(drive.summaries().join(", "));
    }
    assert_eq!(notices, ["", "", "notify role:dept_manager sla_escalated"]);
}

#[test]
fn waiting_for_the_customer_pauses_resolution_and_promise() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    let told =
        json!({ "message_ref": "m:1", "human": true, "promised_by": "2026-03-11T08:00:00Z", "reason": "r" });
    drive.send(agent("agent-a"), "respond", told);
    assert_eq!(due(&drive, "PROMISE").as_deref(), Some("2026-03-11T08:00:00.000Z"));
    drive.now = at("2026-03-11T11:00:00+08:00");
    drive.send(agent("agent-a"), "request_info", json!({ "message_ref": "m:2", "questions": ["?"] }));
    assert_eq!((due(&drive, "RES"), due(&drive, "PROMISE")), (None, None));
    assert_eq!(drive.due("sla:RES"), None);
    drive.now = at("2026-03-11T14:00:00+08:00");
    drive.send(gateway(), "customer_reply", json!({ "message_ref": "m:3", "intent": "info" }));
    // Two open hours were paused: 11 to 12 and 13 to 14.
    assert_eq!(due(&drive, "PROMISE").as_deref(), Some("2026-03-11T10:00:00.000Z"));
    assert_eq!(due(&drive, "RES").as_deref(), Some("2026-03-13T04:00:00.000Z"));
    assert!(due(&drive, "NRT").is_some(), "the customer waits for an answer again");
}

#[test]
fn stop_while_paused_is_judged_by_the_time_used_when_the_pause_began() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    drive.send(agent("agent-a"), "request_info", json!({ "message_ref": "m:2", "questions": ["?"] }));
    drive.fire("INFO_EXPIRE");
    assert_eq!(drive.state(), "settled.no_response");
    assert_eq!(verdict(&drive, "RES"), Some(Verdict::Met));
    assert_eq!(last(&drive, "RES").elapsed_ms, 0);
}

#[test]
fn returned_question_keeps_the_departments_time() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    let ask = || {
        json!({ "department": "service", "purpose": "verify", "handoff_note": "please verify this",
            "expected_by": "2026-03-20T08:00:00Z" })
    };
    let handler = || Actor::person("handler", Role::DeptHandler);
    drive.send(agent("agent-a"), "transfer_department", ask());
    assert_eq!(due(&drive, "DEPT").as_deref(), Some("2026-03-11T07:00:00.000Z"), "four hours to verify");
    drive.now = at("2026-03-11T11:00:00+08:00");
    drive.send(handler(), "department_return", json!({ "reason": "not ours" }));
    assert_eq!(due(&drive, "DEPT"), None, "nobody is asked");
    drive.now = at("2026-03-12T09:00:00+08:00");
    drive.send(agent("agent-a"), "transfer_department", ask());
    assert_eq!(due(&drive, "DEPT").as_deref(), Some("2026-03-12T04:00:00.000Z"), "three hours are left");
    drive.send(handler(), "department_return", json!({ "reason": "not ours" }));
    assert!(due(&drive, "DEPT").is_some(), "while a supervisor decides, it runs on");
    assert!(due(&drive, "ARBITRATE").is_some());
    drive.now = at("2026-03-12T10:00:00+08:00");
    drive.send(supervisor(), "arbitrate", json!({ "department": "service" }));
    assert_eq!(verdict(&drive, "ARBITRATE"), Some(Verdict::Met));
    drive.send(handler(), "department_reply", json!({ "answer_ref": "a", "verified": true }));
    assert_eq!((clock(&drive, "DEPT").cycle, verdict(&drive, "DEPT")), (1, Some(Verdict::Met)));
    assert_eq!(last(&drive, "DEPT").elapsed_ms, 2 * 3_600_000);
}

#[test]
fn answer_cancels_what_departments_owe_and_keeps_the_promise() {
    let mut drive =
        Drive::after(&["submit:mail", "accept:agent", "escalate:senior", "transfer_department:answer"]);
    drive.now = at("2026-03-11T11:00:00+08:00");
    drive.take("answer:uncited");
    assert_eq!(verdict(&drive, "DEPT"), None);
    assert_eq!(verdict(&drive, "PROMISE"), Some(Verdict::Met));
    assert!(clock(&drive, "RES").run.unwrap().paused_since().is_some(), "the customer has the word");
}

#[test]
fn renewed_promise_is_another_run() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent", "escalate:senior"]);
    let first = due(&drive, "PROMISE");
    drive.now = at("2026-03-11T11:00:00+08:00");
    let renewed = json!({ "message_ref": "m", "new_promise": "2026-03-11T09:30:00Z", "reason": "r" });
    drive.send(agent("agent-a"), "progress_update", renewed);
    assert_ne!(due(&drive, "PROMISE"), first);
    assert_eq!((clock(&drive, "PROMISE").cycle, verdict(&drive, "PROMISE")), (2, Some(Verdict::Met)));
}

#[test]
fn message_while_the_first_response_runs_starts_no_other_clock() {
    let mut drive = Drive::after(&["submit:mail"]);
    drive.send(gateway(), "customer_reply", json!({ "message_ref": "m:1", "intent": "info" }));
    assert_eq!(clock(&drive, "NRT").cycle, 0);
    drive.send(agent("agent-a"), "respond", WRITE());
    drive.send(gateway(), "customer_reply", json!({ "message_ref": "m:2", "intent": "info" }));
    drive.send(gateway(), "customer_reply", json!({ "message_ref": "m:3", "intent": "info" }));
    assert_eq!(clock(&drive, "NRT").cycle, 1, "one run for each unanswered stretch");
}

#[test]
fn closing_cancels_every_clock_and_its_timer() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    drive.take("withdraw:customer");
    let instance = drive.instance.as_ref().unwrap();
    assert!(instance.clocks.values().all(|clock| clock.run.is_none()));
    assert!(instance.timers.is_empty(), "{:?}", instance.timers);
    assert_eq!(verdict(&drive, "FRT"), None);
}

#[test]
fn priority_raised_counts_from_the_original_start() {
    let mut drive = Drive::new();
    drive.send(gateway(), "submit", mail());
    drive.send(agent("agent-a"), "respond", WRITE());
    drive.now = at("2026-03-11T16:00:00+08:00");
    drive.send(agent("agent-a"), "priority_changed", json!({ "to": "urgent", "reason": "r" }));
    assert_eq!(drive.followed, ["clock_retargeted"]);
    assert_eq!(due(&drive, "RES").as_deref(), Some("2026-03-11T07:00:00.000Z"));
    let mut causes = Vec::new();
    for _ in 0..3 {
        let change = drive.fire("sla:RES");
        if let [What::Reached { level, cause, .. }] = &what(&change.clocks, "RES")[..] {
            causes.push((*level, cause.clone()));
        }
    }
    let retarget = || Some("retarget".to_owned());
    assert_eq!(causes, [(50, retarget()), (80, retarget()), (100, retarget())]);
    drive.send(supervisor(), "priority_changed", json!({ "to": "low", "reason": "r" }));
    assert!(clock(&drive, "RES").run.unwrap().is_breached(), "a lower priority takes no breach back");
}

#[test]
fn message_of_before_the_due_that_arrives_late_corrects_the_verdict() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    drive.fire("sla:FRT");
    drive.fire("sla:FRT");
    drive.now = at("2026-03-11T13:05:00+08:00");
    drive.occurred = Some(at("2026-03-11T11:59:00+08:00"));
    let said = json!({ "message_ref": "m", "human": true, "sender": { "id": "agent-a", "role": "agent" } });
    let change = drive.send(gateway(), "respond", said);
    assert!(matches!(what(&change.clocks, "FRT")[..], [What::Stopped { verdict: Verdict::Breached, .. }]));
    assert_eq!(drive.followed, ["verdict_corrected"]);
    assert!(drive.summaries().contains(&"notify owner sla_retracted".to_owned()));
    let ended = last(&drive, "FRT");
    assert_eq!((ended.verdict, ended.corrected, ended.level), (Some(Verdict::Met), true, 100));
}

#[test]
fn suspended_clock_stands_still_until_its_end() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    let manager = || Actor::person("manager", Role::DeptManager);
    let until = "2026-03-12T02:00:00Z";
    let order = json!({ "clock": "FRT", "reason_code": "force_majeure", "until": until });
    drive.send(manager(), "clock_suspended", order);
    assert_eq!(due(&drive, "FRT"), None);
    assert_eq!(drive.due("resume:FRT"), Some(at(until)));
    drive.fire("resume:FRT");
    assert_eq!(due(&drive, "FRT").as_deref(), Some("2026-03-12T04:00:00.000Z"));
    assert_eq!(
        drive.refused(manager(), "clock_resumed", json!({ "clock": "FRT" })).code,
        "clock_not_suspended"
    );
}

#[test]
fn nobody_voids_a_breach_of_own_work() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    drive.fire("sla:FRT");
    drive.fire("sla:FRT");
    let correction = |approver: &str| {
        json!({ "clock": "FRT", "cycle": 1, "to": "met", "reason": "r", "auto": false,
            "approver": { "id": approver, "role": "supervisor" } })
    };
    let owner = || Actor::person("owner-1", Role::ProcessOwner);
    assert_eq!(drive.refused(owner(), "verdict_corrected", correction("agent-a")).code, "own_breach");
    drive.send(owner(), "verdict_corrected", correction("sue"));
    assert_eq!(drive.refused(owner(), "verdict_corrected", correction("sue")).code, "verdict_same");
}

#[test]
fn timer_of_a_point_that_moved_on_waits_for_it_anew() {
    let mut drive = Drive::after(&["submit:mail"]);
    let due = drive.due("sla:FRT").unwrap();
    let instance = drive.instance.as_mut().unwrap();
    instance.timers.get_mut("sla:FRT").unwrap().due = at("2026-03-11T10:30:00+08:00");
    let change = drive.fire("sla:FRT");
    assert_eq!((change.clocks.len(), drive.due("sla:FRT")), (0, Some(due)));
}

#[test]
fn source_whose_clock_runs_ahead_is_not_judged_by_its_head_start() {
    let mut drive = Drive::new();
    let mut chat = mail();
    chat["channel"] = json!("web_chat");
    drive.occurred = Some(drive.now.plus_millis(90_000));
    drive.send(gateway(), "submit", chat);
    drive.now = drive.now.plus_millis(8);
    drive.occurred = Some(drive.now.plus_millis(92_000));
    let said = json!({ "message_ref": "m", "human": true, "sender": { "id": "agent-a", "role": "agent" } });
    drive.send(gateway(), "respond", said);
    let ended = last(&drive, "FRT");
    assert_eq!((ended.verdict, ended.elapsed_ms), (Some(Verdict::Met), 8));
}

#[test]
fn what_was_said_before_the_customer_wrote_is_no_answer_and_corrects_the_run_that_it_belongs_to() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    let said =
        || json!({ "message_ref": "m", "human": true, "sender": { "id": "agent-a", "role": "agent" } });
    let wrote = |number: u32| json!({ "message_ref": format!("c:{number}"), "intent": "info" });
    drive.send(agent("agent-a"), "respond", WRITE());
    drive.send(gateway(), "customer_reply", wrote(1));
    drive.now = at("2026-03-11T14:00:00+08:00");
    drive.send(agent("agent-a"), "respond", WRITE());
    assert_eq!(verdict(&drive, "NRT"), Some(Verdict::Breached), "two hours were promised, three passed");
    drive.now = at("2026-03-11T14:10:00+08:00");
    drive.send(gateway(), "customer_reply", wrote(2));
    drive.occurred = Some(at("2026-03-11T11:00:00+08:00"));
    drive.now = at("2026-03-11T14:20:00+08:00");
    drive.send(gateway(), "respond", said());
    let nrt = clock(&drive, "NRT");
    assert!(nrt.run.is_some(), "the second message still waits");
    assert_eq!((nrt.ended[0].verdict, nrt.ended[0].corrected), (Some(Verdict::Met), true));
}

#[test]
fn answers_that_are_waited_for_follow_an_amended_calendar() {
    let mut drive = Drive::after(&["submit:mail", "accept:agent"]);
    drive.take("answer:uncited");
    let before = drive.due("CONFIRM_EXPIRE").unwrap();
    let mut file = calendar_file();
    file.version = 2;
    file.off.push("2026-03-12 to 2026-03-13".into());
    drive.calendar = file.check().unwrap();
    let told = json!({ "calendar": "cn", "from": "a", "to": "b" });
    drive.send(Actor::system(), "calendar_amended", told);
    assert_eq!(before, at("2026-03-16T18:00:00+08:00"));
    assert_eq!(drive.due("CONFIRM_EXPIRE"), Some(at("2026-03-18T18:00:00+08:00")));
    assert_eq!(drive.due("CONFIRM_REMIND"), Some(at("2026-03-16T18:00:00+08:00")));
}

#[test]
fn targets_differ_by_channel_tier_and_priority_and_the_first_that_fits_counts() {
    let due_of = |tier: &str, priority: &str, clock: &str| {
        let mut drive = Drive::new().with_policy(|policy| {
            policy["frt"]["overrides"] = json!([
                { "channel": "email", "tier": "key", "priority": "urgent", "target": "15 minutes" },
                { "channel": "email", "tier": "key", "target": "1 business hour" },
                { "channel": "phone", "target": "10 seconds" },
            ]);
            policy["res"]["overrides"] = json!([{ "tier": "vip", "target": "5 business hours" }]);
        });
        let mut asked = mail();
        (asked["customer_tier"], asked["priority"]) = (json!(tier), json!(priority));
        drive.send(gateway(), "submit", asked);
        due(&drive, clock).unwrap()
    };
    for (tier, priority, clock, expected) in [
        ("key", "urgent", "FRT", "2026-03-11T02:15:00.000Z"),
        ("key", "normal", "FRT", "2026-03-11T03:00:00.000Z"),
        ("vip", "urgent", "FRT", "2026-03-11T04:00:00.000Z"),
        ("vip", "low", "RES", "2026-03-11T08:00:00.000Z"),
        ("normal", "urgent", "RES", "2026-03-11T07:00:00.000Z"),
    ] {
        assert_eq!(due_of(tier, priority, clock), expected, "{tier} {priority} {clock}");
    }
}
