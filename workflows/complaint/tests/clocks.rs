//! Owns the clocks and timers of a complaint (§3.2): what starts, stops, pauses and cancels each of them.

use serde_json::{Value, json};

use super::drive::{Drive, agent, assessment, at, complaint, customer, gateway, handler, manager};
use crate::kernel::common::Verdict;
use crate::kernel::sla::state::{Clock, Ended};
use crate::workflows::driven::calendar_file;

fn clock(drive: &Drive, name: &str) -> Clock {
    drive.instance.as_ref().unwrap().clocks.get(name).cloned().unwrap_or_default()
}

/// When the clock is due, local; none where it does not run or stands still.
fn due(drive: &Drive, name: &str) -> Option<String> {
    let local = |due: crate::kernel::instant::Instant| {
        let zone = drive.calendar.zone();
        due.utc().with_timezone(&zone).format("%m-%d %H:%M").to_string()
    };
    clock(drive, name).running_due().map(local)
}

fn last(drive: &Drive, name: &str) -> Ended {
    clock(drive, name).ended.last().unwrap_or_else(|| panic!("{name} never ended")).clone()
}

fn registered(change: impl Fn(&mut Value)) -> Drive {
    let mut drive = Drive::new();
    let mut payload = complaint();
    change(&mut payload);
    drive.send(gateway(), "register", payload);
    drive
}

#[test]
fn acknowledgement_is_due_by_channel_and_sooner_where_it_is_urgent() {
    for (channel, priority, cause, expected) in [
        ("email", "normal", "attitude", "03-11 12:00"),
        ("wecom", "normal", "attitude", "03-11 11:00"),
        ("email", "urgent", "attitude", "03-11 10:30"),
        ("email", "normal", "safety", "03-11 10:30"),
        ("web_chat", "urgent", "attitude", "03-11 10:01"),
    ] {
        let drive = registered(|payload| {
            payload["channel"] = json!(channel);
            payload["priority"] = json!(priority);
            payload["cause_claimed"] = json!(cause);
        });
        assert_eq!(due(&drive, "ACK").as_deref(), Some(expected), "{channel} {priority} {cause}");
    }
    let mut night = Drive::new();
    night.now = at("2026-03-11T23:00:00+08:00");
    let mut dangerous = complaint();
    dangerous["cause_claimed"] = json!("safety");
    night.send(gateway(), "register", dangerous);
    assert_eq!(due(&night, "ACK").as_deref(), Some("03-11 23:30"), "day and night");
}

#[test]
fn whole_time_is_seven_days_until_assessed_and_never_past_fifteen() {
    let mut drive = Drive::after(&["register:mail"]);
    assert_eq!(due(&drive, "TOTAL").as_deref(), Some("03-20 18:00"));
    drive.take("acknowledge:agent");
    drive.send(agent("agent-a"), "assess", assessment("normal", "simple", false));
    assert_eq!(drive.followed, ["clock_retargeted"]);
    assert_eq!(due(&drive, "TOTAL").as_deref(), Some("03-18 18:00"));
    drive.send(agent("agent-a"), "assess", assessment("normal", "complex", false));
    assert_eq!(due(&drive, "TOTAL").as_deref(), Some("03-20 18:00"));
    let mut festival = Drive::new();
    festival.now = at("2026-02-13T10:00:00+08:00");
    festival.send(gateway(), "register", complaint());
    assert_eq!(due(&festival, "TOTAL").as_deref(), Some("03-01 00:00"), "the end of the fifteenth day");
}

#[test]
fn assessment_has_four_hours_and_of_what_is_critical_one() {
    let mut drive = Drive::after(&["register:mail", "acknowledge:agent"]);
    assert_eq!(last(&drive, "ACK").verdict, Some(Verdict::Met));
    assert_eq!(due(&drive, "ASSESS").as_deref(), Some("03-11 15:00"));
    drive.take("assess:critical");
    assert_eq!(due(&drive, "ASSESS").as_deref(), Some("03-11 11:00"));
    drive.take("dispatch:service");
    assert_eq!(last(&drive, "ASSESS").verdict, Some(Verdict::Met));
    assert_eq!(due(&drive, "DEPT").as_deref(), Some("03-13 00:00"), "one day of twenty-four hours");
}

#[test]
fn department_has_its_days_by_severity_and_keeps_what_it_used_when_it_returns() {
    for (severity, expected) in
        [("minor", "03-16 18:00"), ("normal", "03-16 18:00"), ("major", "03-13 18:00")]
    {
        let mut drive = Drive::after(&["register:mail", "acknowledge:agent"]);
        drive.send(agent("agent-a"), "assess", assessment(severity, "simple", false));
        drive.take("dispatch:service");
        assert_eq!(due(&drive, "DEPT").as_deref(), Some(expected), "{severity}");
    }
    let mut drive = Drive::assessed();
    drive.take("dispatch:service");
    drive.now = at("2026-03-12T10:00:00+08:00");
    drive.take("dept_return:not_ours");
    assert_eq!(due(&drive, "DEPT"), None);
    assert_eq!((clock(&drive, "ASSESS").cycle, due(&drive, "ASSESS").as_deref()), (2, Some("03-12 15:00")));
    drive.now = at("2026-03-12T14:00:00+08:00");
    drive.take("dispatch:service");
    assert_eq!((clock(&drive, "DEPT").cycle, due(&drive, "DEPT").as_deref()), (1, Some("03-17 12:00")));
    drive.take("dept_return:not_ours");
    assert!(due(&drive, "DEPT").is_some(), "while it is ruled on, it runs on");
    assert_eq!(due(&drive, "ARBITRATE").as_deref(), Some("03-12 18:00"));
    drive.take("arbitrate:names");
    assert_eq!(last(&drive, "ARBITRATE").verdict, Some(Verdict::Met));
    for step in ["dept_accept:takes", "submit_findings:upheld", "propose:free"] {
        drive.take(step);
    }
    assert_eq!(last(&drive, "DEPT").verdict, Some(Verdict::Met));
}

#[test]
fn what_was_given_back_and_solved_on_the_spot_asks_no_department_any_more() {
    let mut drive = Drive::assessed();
    drive.take("dispatch:service");
    drive.take("dept_return:not_ours");
    drive.take("resolve_on_spot:explains");
    assert_eq!(last(&drive, "DEPT").verdict, None);
    assert!(clock(&drive, "DEPT").run.is_none());
}

#[test]
fn approval_and_telling_have_hours_of_their_own() {
    let mut drive = Drive::after(&["register:mail", "acknowledge:agent"]);
    drive.send(agent("agent-a"), "assess", assessment("major", "simple", false));
    for step in ["dispatch:service", "dept_accept:takes", "submit_findings:upheld", "propose:free"] {
        drive.take(step);
    }
    assert_eq!(due(&drive, "APPROVE").as_deref(), Some("03-12 10:00"));
    drive.take("approve:owner");
    assert_eq!(last(&drive, "APPROVE").verdict, Some(Verdict::Met));
    assert_eq!(due(&drive, "COMMUNICATE").as_deref(), Some("03-11 15:00"));
    drive.take("request_info:asks");
    assert_eq!(due(&drive, "COMMUNICATE"), None);
    drive.take("customer_reply:info");
    assert_eq!(clock(&drive, "COMMUNICATE").cycle, 1);
    drive.take("communicate:tells");
    assert_eq!(last(&drive, "COMMUNICATE").verdict, Some(Verdict::Met));
    drive.take("request_info:asks");
    drive.take("customer_reply:info");
    assert_eq!(clock(&drive, "COMMUNICATE").cycle, 1, "what is told is not to be told again");
}

#[test]
fn customer_hears_something_every_two_days() {
    let mut drive = Drive::after(&["register:mail", "acknowledge:agent"]);
    assert_eq!(due(&drive, "PROGRESS").as_deref(), Some("03-13 18:00"));
    drive.now = at("2026-03-12T10:00:00+08:00");
    drive.take("progress_update:news");
    assert_eq!(
        (clock(&drive, "PROGRESS").cycle, due(&drive, "PROGRESS").as_deref()),
        (2, Some("03-16 18:00"))
    );
    drive.take("request_info:asks");
    assert_eq!((clock(&drive, "PROGRESS").cycle, due(&drive, "PROGRESS")), (3, None));
    drive.take("customer_reply:info");
    assert!(due(&drive, "PROGRESS").is_some());
}

#[test]
fn message_of_the_customer_is_answered_by_a_person() {
    let mut drive = Drive::assessed();
    drive.take("customer_reply:info");
    assert_eq!(due(&drive, "NRT").as_deref(), Some("03-11 12:00"));
    drive.take("suspend:litigation");
    assert_eq!(due(&drive, "NRT"), None);
    drive.take("resume:manager");
    drive.take("progress_update:news");
    assert_eq!(last(&drive, "NRT").verdict, Some(Verdict::Met));
    drive.take("customer_reply:info");
    drive.take("resolve_on_spot:explains");
    drive.take("communicate:tells");
    drive.take("customer_accepts:customer");
    drive.take("customer_reply:info");
    drive.take("confirm:satisfied");
    assert!(clock(&drive, "NRT").run.is_none(), "every clock ends where it is settled");
    drive.take("customer_reply:unknown");
    assert!(due(&drive, "NRT").is_some(), "but a message is answered");
    drive.send(agent("agent-a"), "customer_reply", json!({ "message_ref": "msg:5", "intent": "thanks" }));
    assert!(clock(&drive, "NRT").run.is_none());
}

#[test]
fn promise_is_kept_by_telling_and_renewed_by_news() {
    let mut drive = Drive::after(&["register:mail", "acknowledge:agent"]);
    assert_eq!(due(&drive, "PROMISE").as_deref(), Some("03-11 18:00"));
    let news = json!({ "message_ref": "m", "expected_by": "2026-03-12T10:00:00+08:00" });
    drive.send(agent("agent-a"), "progress_update", news);
    assert_eq!(due(&drive, "PROMISE").as_deref(), Some("03-12 10:00"));
    drive.send(agent("agent-a"), "assess", assessment("normal", "simple", false));
    drive.take("resolve_on_spot:explains");
    drive.now = at("2026-03-12T10:00:00.001+08:00");
    drive.take("communicate:tells");
    assert_eq!(last(&drive, "PROMISE").verdict, Some(Verdict::Breached));
    let promises = drive.data().case.promises;
    assert_eq!(promises.len(), 2);
    assert!(promises[0].renewed_at.is_some() && promises[1].kept_at.is_some());
}

#[test]
fn waiting_and_suspension_pause_the_work_and_a_review_cancels_it() {
    let mut drive = Drive::assessed();
    drive.take("dispatch:service");
    drive.now = at("2026-03-11T11:00:00+08:00");
    drive.take("request_info:asks");
    assert_eq!((due(&drive, "TOTAL"), due(&drive, "DEPT")), (None, None));
    drive.now = at("2026-03-11T14:00:00+08:00");
    drive.take("suspend:litigation");
    drive.now = at("2026-03-12T11:00:00+08:00");
    drive.take("resume:manager");
    assert_eq!(drive.state(), "open.waiting_customer");
    assert_eq!(due(&drive, "TOTAL"), None);
    drive.now = at("2026-03-12T12:00:00+08:00");
    drive.take("customer_reply:info");
    // Paused for 1 + 5 open hours of Wednesday and 3 of Thursday.
    assert_eq!(due(&drive, "DEPT").as_deref(), Some("03-18 10:00"));
    assert_eq!(due(&drive, "TOTAL").as_deref(), Some("03-20 10:00"));
    drive.take("request_review:customer");
    assert_eq!(last(&drive, "DEPT").verdict, None);
    assert_eq!(due(&drive, "REVIEW").as_deref(), Some("03-19 18:00"));
    assert!(due(&drive, "TOTAL").is_some());
    drive.take("review_decision:proposes");
    assert_eq!(last(&drive, "REVIEW").verdict, Some(Verdict::Met));
}

#[test]
fn question_stands_still_while_everything_does() {
    let mut drive = Drive::assessed();
    drive.take("request_info:asks");
    assert_eq!(drive.due("INFO_REMIND"), Some(at("2026-03-13T18:00:00+08:00")));
    assert_eq!(drive.due("INFO_EXPIRE"), Some(at("2026-03-18T18:00:00+08:00")));
    drive.now = at("2026-03-12T09:00:00+08:00");
    drive.take("suspend:litigation");
    assert_eq!((drive.due("INFO_REMIND"), drive.due("INFO_EXPIRE")), (None, None));
    drive.now = at("2026-03-13T09:00:00+08:00");
    drive.take("resume:manager");
    assert_eq!(drive.due("INFO_REMIND"), Some(at("2026-03-16T18:00:00+08:00")));
    assert_eq!(drive.due("INFO_EXPIRE"), Some(at("2026-03-19T18:00:00+08:00")));
    drive.fire("INFO_REMIND");
    drive.fire("INFO_REMIND");
    assert_eq!(drive.due("INFO_REMIND"), None);
    drive.fire("INFO_EXPIRE");
    assert_eq!(drive.state(), "open.assessing", "decided on what is held");
}

#[test]
fn answer_during_a_suspension_comes_back_to_the_work() {
    let mut drive = Drive::assessed();
    drive.take("dispatch:service");
    drive.take("request_info:asks");
    drive.take("suspend:litigation");
    drive.take("customer_reply:info");
    assert_eq!(drive.state(), "open.suspended");
    drive.fire("SUSPEND_END");
    assert_eq!(drive.state(), "open.investigating.dispatched");
    assert!(drive.summaries().contains(&"notify owner suspension_over".to_owned()));
    let data = drive.data();
    assert_eq!((data.waiting_resume, data.suspended_resume, data.asked_at), (None, None, None));
}

/// A complaint with an apology and a refund to carry out.
fn executing() -> Drive {
    let mut drive = Drive::assessed();
    for step in ["dispatch:service", "dept_accept:takes", "submit_findings:upheld"] {
        drive.take(step);
    }
    let actions = json!([
        { "no": 1, "type": "apologise", "due": "2026-03-12" },
        { "no": 2, "type": "refund", "due": "2026-12-31" },
        { "no": 3, "type": "other" },
    ]);
    drive.send(handler(), "propose", json!({ "actions": actions, "rationale": "r" }));
    drive.take("communicate:tells");
    drive.take("customer_accepts:customer");
    drive
}

#[test]
fn each_action_has_its_due_of_three_days_at_most_and_is_told_once_when_it_is_missed() {
    let mut drive = executing();
    let dues: Vec<_> = drive.data().actions.iter().map(|action| action.due_at.unwrap()).collect();
    let latest = at("2026-03-16T18:00:00+08:00");
    assert_eq!(dues, [at("2026-03-12T18:00:00+08:00"), latest, latest]);
    assert_eq!(drive.due("ACTION_DUE"), Some(dues[0]));
    let change = drive.fire("ACTION_DUE");
    assert_eq!((change.rule, drive.state()), (Some("23"), "open.executing"));
    assert_eq!(drive.summaries(), ["notify role:dept_manager action_overdue", "arm ACTION_DUE"]);
    assert_eq!(drive.due("ACTION_DUE"), Some(latest));
    let done = |no: u32| json!({ "action_no": no, "evidence": "e" });
    drive.send(handler(), "action_done", done(3));
    drive.fire("ACTION_DUE");
    let overdue: Vec<_> = drive.data().actions.iter().map(|action| action.overdue).collect();
    assert_eq!(overdue, [true, true, false]);
    assert_eq!(drive.due("ACTION_DUE"), None, "each is told once");
}

#[test]
fn actions_stand_still_with_the_complaint() {
    let mut drive = executing();
    drive.now = at("2026-03-11T15:00:00+08:00");
    drive.take("request_info:asks");
    assert_eq!(drive.due("ACTION_DUE"), None);
    drive.take("suspend:litigation");
    drive.now = at("2026-03-12T10:00:00+08:00");
    drive.take("resume:manager");
    drive.now = at("2026-03-12T11:00:00+08:00");
    drive.take("customer_reply:info");
    assert_eq!(drive.state(), "open.executing");
    // Three open hours of Wednesday and two of Thursday.
    assert_eq!(drive.due("ACTION_DUE"), Some(at("2026-03-13T15:00:00+08:00")));
}

#[test]
fn silence_after_the_plan_is_chased_again_and_again_and_never_settles() {
    let mut drive = Drive::told();
    assert_eq!(drive.due("CONFIRM_REMIND"), Some(at("2026-03-13T18:00:00+08:00")));
    assert_eq!(drive.due("CONFIRM_EXPIRE"), Some(at("2026-03-18T18:00:00+08:00")));
    drive.fire("CONFIRM_REMIND");
    for expected in ["2026-03-25T18:00:00+08:00", "2026-04-01T18:00:00+08:00"] {
        let change = drive.fire("CONFIRM_EXPIRE");
        assert_eq!((change.rule, drive.state()), (Some("25"), "open.communicating"));
        assert!(drive.summaries().contains(&"task contact_customer agent".to_owned()));
        assert!(drive.summaries().contains(&"notify role:supervisor not_confirmed".to_owned()));
        assert_eq!(drive.due("CONFIRM_EXPIRE"), Some(at(expected)));
    }
}

#[test]
fn waiting_for_the_word_starts_anew_after_a_suspension_and_where_it_was_told_only() {
    let mut drive = Drive::assessed();
    drive.take("resolve_on_spot:explains");
    assert_eq!(drive.due("CONFIRM_EXPIRE"), None, "nothing was told yet");
    drive.take("communicate:tells");
    drive.now = at("2026-03-12T10:00:00+08:00");
    drive.take("suspend:litigation");
    assert_eq!(drive.due("CONFIRM_EXPIRE"), None);
    drive.now = at("2026-03-13T10:00:00+08:00");
    drive.take("resume:manager");
    assert_eq!(drive.due("CONFIRM_EXPIRE"), Some(at("2026-03-20T18:00:00+08:00")));
}

#[test]
fn timers_of_days_follow_an_amended_calendar() {
    let amended = || {
        let mut file = calendar_file("cn");
        file.version = 2;
        file.off.push("2026-03-12 to 2026-03-13".into());
        file.check().unwrap()
    };
    let told = json!({ "calendar": "cn", "from": "a", "to": "b" });
    let system = crate::kernel::actor::Actor::system;
    let mut drive = Drive::told();
    drive.calendar = amended();
    drive.send(system(), "calendar_amended", told.clone());
    assert_eq!(drive.due("CONFIRM_EXPIRE"), Some(at("2026-03-20T18:00:00+08:00")));
    assert_eq!(drive.due("CONFIRM_REMIND"), Some(at("2026-03-17T18:00:00+08:00")));
    let mut drive = Drive::assessed();
    drive.take("request_info:asks");
    drive.calendar = amended();
    drive.send(system(), "calendar_amended", told);
    assert_eq!(drive.due("INFO_EXPIRE"), Some(at("2026-03-20T18:00:00+08:00")));
}

#[test]
fn unreachable_customer_who_comes_back_has_the_word_again() {
    let mut drive = Drive::awaiting();
    for step in [
        "contact_attempt:no_answer",
        "contact_attempt:busy",
        "contact_attempt:no_answer",
        "declare_unreachable:notice",
    ] {
        drive.take(step);
    }
    assert_eq!(drive.state(), "settled.unreachable");
    assert_eq!(last(&drive, "TOTAL").verdict, Some(Verdict::Met));
    assert_eq!(drive.due("REOPEN_WINDOW"), Some(at("2026-03-27T00:00:00+08:00")));
    drive.now = at("2026-03-12T10:00:00+08:00");
    drive.take("customer_reply:info");
    assert_eq!(drive.state(), "open.awaiting_confirmation");
    let data = drive.data();
    assert_eq!((data.case.round, data.case.reopen_count, data.attempts.len()), (1, 1, 0));
    assert_eq!(drive.due("CONFIRM_EXPIRE"), Some(at("2026-03-19T18:00:00+08:00")));
    assert_eq!((clock(&drive, "TOTAL").cycle, due(&drive, "TOTAL").as_deref()), (2, Some("03-19 18:00")));
}

#[test]
fn unread_message_keeps_a_satisfied_complaint_from_being_archived() {
    let mut drive = Drive::settled();
    drive.take("customer_reply:unknown");
    let change = drive.fire("REOPEN_WINDOW");
    assert_eq!((change.rule, drive.state()), (Some("39b"), "settled.satisfied"));
    assert_eq!(drive.due("REOPEN_WINDOW"), Some(at("2026-03-30T18:00:00+08:00")));
    drive.send(agent("agent-a"), "customer_reply", json!({ "message_ref": "msg:5", "intent": "thanks" }));
    drive.fire("REOPEN_WINDOW");
    assert_eq!(drive.state(), "closed.satisfied");
    drive.take("confirm:unsatisfied");
    assert_eq!(drive.state(), "closed.satisfied", "what comes later is a new matter");
}

#[test]
fn every_open_state_has_a_clock_whose_ladder_ends_at_the_process_owner() {
    let paused = ["open.waiting_customer", "open.suspended"];
    for state in ["register:mail", "acknowledge:agent", "dispatch:service", "request_review:customer"] {
        let mut drive = Drive::after(&["register:mail"]);
        if state != "register:mail" {
            drive = Drive::assessed();
            if state != "acknowledge:agent" {
                drive.take(state);
            }
        }
        assert!(!paused.contains(&drive.state()));
        let running: Vec<_> = drive
            .instance
            .as_ref()
            .unwrap()
            .clocks
            .iter()
            .filter(|(_, clock)| clock.running_due().is_some())
            .map(|(name, _)| name.clone())
            .collect();
        let ends = |name: &String| {
            let ladder = drive.definition.clocks[name].ladder.clone().unwrap();
            ladder.last().unwrap().notify == ["role:process_owner"]
        };
        assert!(running.iter().any(ends), "{state}: {running:?}");
    }
    let mut suspended = Drive::assessed();
    suspended.send(manager(), "suspend", json!({ "reason": "regulator", "until": "2026-03-20T02:00:00Z" }));
    assert_eq!(suspended.due("SUSPEND_END"), Some(at("2026-03-20T02:00:00Z")));
    suspended.send(customer(), "withdraw", json!({ "evidence_ref": "e" }));
    assert!(suspended.instance.as_ref().unwrap().timers.is_empty());
}
