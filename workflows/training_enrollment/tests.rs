//! Checks who may do what to an enrolment, in which time; the arrows are checked by exploration.

use serde_json::{Value, json};

use crate::kernel::actor::{Actor, Role};
use crate::kernel::instant::Instant;
use crate::workflows::training::tests::drive::Drive;

const ATTENDED: &str = "nominate:mandatory notify:short check_in: session_ended:short";
const ASSESSING: &str = "nominate:mandatory notify:short check_in: session_ended:short assessment_opened:";

/// After these samples, with what they know of the class.
fn after(steps: &str) -> Drive {
    let mut drive = Drive::after("training_enrollment", steps);
    drive.facts = drive.workflow.samples()[0].facts.clone();
    drive
}

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn person(id: &str, role: Role) -> Actor {
    Actor::person(id, role)
}

fn grade(score: u8) -> Value {
    json!({ "score": score, "rubric": "rubric/1" })
}

#[test]
fn trainee_acts_on_own_enrolment_and_the_direct_supervisor_decides() {
    let mut drive = after("nominate:mandatory notify:ahead");
    let bo = person("bo", Role::Trainee);
    assert_eq!(drive.refused(&bo, "confirm_attendance", json!({})), "not_your_case");
    drive.take("request_leave:");
    let word = json!({ "comment": "x" });
    assert_eq!(
        drive.refused(&person("max", Role::Supervisor), "approve_leave", word.clone()),
        "not_direct_supervisor"
    );
    assert_eq!(drive.refused(&person("ann", Role::Supervisor), "approve_leave", word.clone()), "own_case");
    drive.send(&person("sue", Role::Supervisor), "approve_leave", word);
    assert_eq!(drive.state(), "closed.excused");
}

#[test]
fn mandatory_class_is_not_declined() {
    let mut drive = after("nominate:mandatory notify:ahead");
    let ann = person("ann", Role::Trainee);
    assert_eq!(drive.refused(&ann, "decline", json!({ "reason": "x" })), "mandatory");
    let mut drive = after("nominate:optional notify:ahead");
    drive.send(&ann, "decline", json!({ "reason": "x" }));
    assert_eq!(drive.state(), "closed.declined");
}

#[test]
fn reminder_comes_at_the_opening_of_the_working_day_before() {
    // 2026-03-20 is a Friday; 2026-03-16 a Monday.
    assert_eq!(
        after("nominate:mandatory notify:ahead").due("REMINDER"),
        Some(at("2026-03-19T09:00:00+08:00"))
    );
    let mut drive = after("nominate:mandatory");
    let notice = json!({ "message_ref": "m", "start": "2026-03-16T01:00:00Z" });
    drive.send(&Actor::system(), "notify", notice);
    assert_eq!(drive.due("REMINDER"), Some(at("2026-03-13T09:00:00+08:00")));
    assert_eq!(drive.due("SITTING_START"), Some(at("2026-03-16T09:00:00+08:00")));
    drive.send(&Actor::system(), "session_postponed", json!({ "reason": "x" }));
    assert_eq!((drive.state(), drive.due("REMINDER"), drive.due("SITTING_START")), ("nominated", None, None));
}

#[test]
fn undecided_leave_does_not_excuse() {
    let mut drive = after("nominate:mandatory notify:ahead request_leave: timer:SITTING_START");
    assert_eq!(drive.state(), "confirmed");
    let again = json!({ "reason": "x" });
    assert_eq!(drive.refused(&person("ann", Role::Trainee), "request_leave", again), "has_begun");
}

/// A check-in of the sitting from 10:05 to 12:05 at `time`, looked at then.
fn check_in(time: &str) -> Result<bool, &'static str> {
    let mut drive = after("nominate:mandatory notify:short");
    drive.now = at(time);
    let coming = json!({ "sitting_no": 1, "at": at(time), "method": "qr" });
    match drive.attempt(&person("ann", Role::Trainee), "check_in", coming) {
        Ok(_) => Ok(drive.data()["checkins"][0]["late"] == true),
        Err(refusal) => Err(refusal.code),
    }
}

#[test]
fn sitting_is_entered_from_a_quarter_before_it_begins_until_it_ends() {
    assert_eq!(check_in("2026-03-11T09:49:59+08:00"), Err("not_open"));
    assert_eq!(check_in("2026-03-11T09:50:00+08:00"), Ok(false));
    assert_eq!(check_in("2026-03-11T10:20:00+08:00"), Ok(false));
    assert_eq!(check_in("2026-03-11T10:20:00.001+08:00"), Ok(true));
    assert_eq!(check_in("2026-03-11T12:04:59+08:00"), Ok(true));
    assert_eq!(check_in("2026-03-11T12:05:00+08:00"), Err("not_open"));
}

#[test]
fn presence_is_not_told_ahead_or_twice_or_of_a_sitting_that_is_not() {
    let mut drive = after("nominate:mandatory notify:short");
    let (ann, tom) = (person("ann", Role::Trainee), person("tom", Role::Trainer));
    let coming =
        |no: u32, time: &str, method: &str| json!({ "sitting_no": no, "at": time, "method": method });
    assert_eq!(drive.refused(&ann, "check_in", coming(1, "2026-03-11T02:03:00Z", "qr")), "time_ahead");
    assert_eq!(drive.refused(&ann, "check_in", coming(2, "2026-03-11T02:00:00Z", "qr")), "unknown_sitting");
    assert_eq!(drive.refused(&ann, "check_in", coming(1, "2026-03-11T02:00:00Z", "trainer")), "method");
    drive.send(&tom, "check_in", coming(1, "2026-03-11T02:00:00Z", "trainer"));
    assert_eq!(drive.refused(&ann, "check_in", coming(1, "2026-03-11T02:00:00Z", "qr")), "already_in");
    let leaving = json!({ "sitting_no": 1, "at": "2026-03-11T01:59:00Z" });
    assert_eq!(drive.refused(&ann, "check_out", leaving), "not_in");
}

/// Where an enrolment ends whose trainee left `minutes` after the start of two hours.
fn left_after(minutes: i64) -> String {
    let mut drive = after("nominate:mandatory notify:short check_in:");
    let start = at("2026-03-11T10:05:00+08:00");
    drive.now = start.plus_millis(minutes * 60_000);
    let leaving = json!({ "sitting_no": 1, "at": drive.now });
    drive.send(&person("ann", Role::Trainee), "check_out", leaving);
    assert_eq!(drive.data()["minutes"].as_i64(), Some(minutes));
    drive.now = at("2026-03-11T12:05:00+08:00");
    drive.send(&Actor::system(), "session_ended", json!({ "total_minutes": 120 }));
    drive.state().to_owned()
}

#[test]
fn four_fifths_of_the_minutes_are_attendance() {
    assert_eq!(left_after(95), "absent");
    assert_eq!(left_after(96), "attended");
}

#[test]
fn open_presence_ends_with_the_sitting_and_none_is_an_absence() {
    let mut drive = after("nominate:mandatory notify:short check_in:");
    drive.now = at("2026-03-11T13:00:00+08:00");
    let over = json!({ "sitting_no": 1, "minutes": 120 });
    drive.send(&Actor::system(), "sitting_ended", over.clone());
    assert_eq!(drive.data()["minutes"], 120);
    let mut drive = after("nominate:mandatory notify:short");
    drive.send(&Actor::system(), "sitting_ended", over);
    assert_eq!(drive.data()["missed"], json!([1]), "`mark_absent` came next");
    drive.take("session_ended:short");
    assert_eq!((drive.state(), drive.due("EXPLAIN_END")), ("absent", Some(at("2026-03-16T18:00:00+08:00"))));
}

#[test]
fn explanation_that_nobody_decides_on_counts_for_the_employee() {
    let mut drive = after("nominate:mandatory notify:short session_ended:long explain_absence:");
    assert_eq!(
        (drive.due("EXPLAIN_END"), drive.due("ABSENCE_DECIDE")),
        (None, Some(at("2026-03-18T18:00:00+08:00")))
    );
    let again = json!({ "reason": "x" });
    assert_eq!(drive.refused(&person("ann", Role::Trainee), "explain_absence", again), "explained");
    drive.fire("ABSENCE_DECIDE");
    assert_eq!(drive.state(), "closed.excused");
}

#[test]
fn absence_nobody_explains_is_for_people_to_decide_and_the_class_is_attended_another_time() {
    let mut drive = after("nominate:mandatory notify:short session_ended:long");
    let sue = person("sue", Role::Supervisor);
    assert_eq!(drive.refused(&sue, "accept_explanation", json!({})), "not_explained");
    drive.fire("EXPLAIN_END");
    assert_eq!(drive.state(), "closed.absent_unexcused");
    let effects = drive.summaries();
    assert_eq!(
        effects,
        ["spawn consequence", "spawn training_session next_session", "send enrollment_changed"]
    );
    let mut drive = after("nominate:optional notify:short session_ended:long");
    drive.fire("EXPLAIN_END");
    assert_eq!(drive.summaries(), ["spawn consequence", "send enrollment_changed"]);
}

#[test]
fn leave_after_the_start_takes_a_request_or_an_emergency_and_a_day() {
    let sue = person("sue", Role::Supervisor);
    let mut drive = after("nominate:mandatory notify:short session_ended:long");
    assert_eq!(drive.refused(&sue, "approve_leave", json!({})), "no_leave_requested");
    drive.now = at("2026-03-12T18:00:00.001+08:00");
    assert_eq!(drive.refused(&sue, "approve_leave", json!({ "comment": "急诊" })), "too_late");
    drive.now = at("2026-03-12T18:00:00+08:00");
    drive.send(&sue, "approve_leave", json!({ "comment": "急诊" }));
    assert_eq!(drive.state(), "closed.excused");
}

#[test]
fn place_in_a_class_that_comes_is_asked_for_before_another_is_drafted() {
    let mut drive = after("nominate:mandatory notify:ahead request_leave:");
    let class = |name: &str, state: &str, free: u32, start: &str| {
        json!({
            "id": crate::kernel::id::InstanceId::derive("classes", &[name]), "workflow": "training_session",
            "state": state, "data": { "/free": free, "/sittings/0/start": start },
        })
    };
    let mut own = class("own", "preparing.notified", 9, "2026-03-19T01:00:00.000Z");
    own["id"] = drive.data()["session"].clone();
    let first = class("first", "preparing.scheduled", 1, "2026-04-01T01:00:00.000Z");
    let classes = json!([
        class("listed", "preparing.draft", 5, "2026-03-20T01:00:00.000Z"),
        class("later", "preparing.notified", 5, "2026-05-01T01:00:00.000Z"),
        class("full", "preparing.notified", 0, "2026-03-25T01:00:00.000Z"),
        first,
        own,
    ]);
    drive.facts.insert("among".into(), classes);
    drive.send(&person("sue", Role::Supervisor), "approve_leave", json!({}));
    let sent = drive.effects.iter().find_map(|effect| match effect {
        crate::kernel::effect::Effect::Send(send) if send.event == "enroll" => Some(send.to.clone()),
        _ => None,
    });
    assert_eq!(json!(sent), first["id"]);
}

#[test]
fn nobody_grades_own_work_and_who_taught_is_not_the_only_grader() {
    let mut drive = after(ASSESSING);
    assert_eq!(drive.refused(&person("ann", Role::Trainer), "grade", grade(90)), "own_grade");
    let tom = person("tom", Role::Trainer);
    assert_eq!(drive.refused(&tom, "grade", grade(90)), "only_grader");
    drive.take("grade:fails");
    drive.take("schedule_retake:");
    drive.fire("RETAKE_AT");
    drive.send(&tom, "grade", grade(90));
    assert_eq!(drive.state(), "closed.passed");
}

#[test]
fn pass_mark_passes_and_certifies_for_twelve_months() {
    let mut drive = after(ASSESSING);
    let gus = person("gus", Role::Trainer);
    drive.send(&gus, "grade", grade(80));
    assert_eq!((drive.state(), drive.summaries()[0].as_str()), ("closed.passed", "spawn certificate"));
    let crate::kernel::effect::Effect::Spawn(spawn) = &drive.effects[0] else { panic!("a spawn") };
    assert_eq!(
        (&spawn.payload["valid_from"], &spawn.payload["valid_to"]),
        (&json!("2026-03-11"), &json!("2027-03-10"))
    );
    assert_eq!(drive.refused(&gus, "grade", grade(90)), "event_not_accepted", "a late grade changes nothing");
}

#[test]
fn attempt_that_was_handed_in_waits_for_its_grade() {
    let mut drive = after(ASSESSING);
    let ann = person("ann", Role::Trainee);
    assert_eq!(drive.refused(&ann, "start_attempt", json!({ "n": 2 })), "another_attempt");
    drive.take("submit_attempt:");
    drive.fire("ATTEMPT_END");
    assert_eq!((drive.state(), drive.due("ATTEMPT_END")), ("assessing", None));
    assert_eq!(drive.refused(&ann, "submit_attempt", json!({ "answers_ref": "a" })), "attempt_over");
    let mut drive = after(ASSESSING);
    drive.fire("ATTEMPT_END");
    assert_eq!((drive.state(), drive.due("RETAKE_LIMIT")), ("failed", Some(at("2026-04-01T18:00:00+08:00"))));
}

#[test]
fn retake_is_three_to_ten_working_days_after_the_failing() {
    let mut drive = after(&format!("{ASSESSING} grade:fails"));
    let admin = person("admin", Role::TrainingAdmin);
    let mut retake = |time: &str| drive.attempt(&admin, "schedule_retake", json!({ "at": at(time) })).err();
    assert_eq!(retake("2026-03-16T08:59:59+08:00").map(|r| r.code), Some("retake_gap"));
    assert_eq!(retake("2026-03-25T18:00:01+08:00").map(|r| r.code), Some("retake_gap"));
    assert_eq!(retake("2026-03-16T09:00:00+08:00"), None);
}

#[test]
fn appeal_is_open_three_working_days_and_another_grades_again() {
    let ann = person("ann", Role::Trainee);
    let mut drive = after(&format!("{ASSESSING} grade:fails"));
    let gus = person("gus", Role::Trainer);
    assert_eq!(drive.refused(&gus, "regrade", grade(90)), "no_appeal");
    drive.now = at("2026-03-16T18:00:00.001+08:00");
    assert_eq!(drive.refused(&ann, "appeal", json!({ "reason": "x" })), "too_late");
    drive.now = at("2026-03-16T18:00:00+08:00");
    drive.send(&ann, "appeal", json!({ "reason": "x" }));
    assert_eq!(drive.refused(&ann, "appeal", json!({ "reason": "x" })), "appealed_before");
    assert_eq!(drive.refused(&gus, "regrade", grade(90)), "same_grader");
    drive.take("schedule_retake:");
    drive.fire("RETAKE_AT");
    assert_eq!(
        (drive.state(), drive.due("RETAKE_AT")),
        ("retake_scheduled", Some(at("2026-03-26T18:00:00+08:00")))
    );
    drive.send(&person("eva", Role::Trainer), "regrade", grade(80));
    assert_eq!((drive.state(), drive.data()["grades"].as_array().unwrap().len()), ("closed.passed", 2));
}

#[test]
fn attempt_nobody_made_has_no_grade_to_appeal() {
    let mut drive = after(&format!("{ASSESSING} timer:ATTEMPT_END"));
    assert_eq!(drive.refused(&person("ann", Role::Trainee), "appeal", json!({ "reason": "x" })), "no_grade");
}

#[test]
fn third_failure_is_final_only_once_the_time_to_appeal_is_over() {
    let mut drive = after(ASSESSING);
    let (gus, admin) = (person("gus", Role::Trainer), person("admin", Role::TrainingAdmin));
    for _ in 0..2 {
        drive.send(&gus, "grade", grade(79));
        assert_eq!(drive.state(), "failed");
        let open = drive.calendar.open_of(drive.calendar.working_day(drive.now, 3));
        drive.send(&admin, "schedule_retake", json!({ "at": open }));
        drive.fire("RETAKE_AT");
    }
    drive.send(&gus, "grade", grade(79));
    assert_eq!(drive.state(), "failed_last");
    drive.take("appeal:");
    assert_eq!(drive.due("APPEAL_END"), None, "it waits for the second grade");
    drive.send(&person("eva", Role::Trainer), "regrade", grade(79));
    assert_eq!((drive.state(), drive.summaries()[0].as_str()), ("closed.failed_final", "spawn consequence"));
}

#[test]
fn survey_is_answered_once_while_it_is_open() {
    let ann = person("ann", Role::Trainee);
    let items = json!({ "items": { "content": 4 } });
    let mut drive = after(ATTENDED);
    drive.facts["other"]["data"]["/survey_closed"] = json!(true);
    assert_eq!(drive.refused(&ann, "answer_survey", items.clone()), "survey_closed");
    drive.facts["other"]["data"]["/survey_closed"] = json!(false);
    assert_eq!(drive.refused(&person("bo", Role::Trainee), "answer_survey", items.clone()), "not_your_case");
    drive.send(&ann, "answer_survey", items.clone());
    assert_eq!(drive.summaries(), ["send enrollment_changed"]);
    assert_eq!(drive.refused(&ann, "answer_survey", items), "answered");
}

#[test]
fn class_that_ends_an_enrolment_is_not_told_of_it() {
    assert_eq!(
        after("nominate:mandatory notify:ahead").summaries().last().unwrap(),
        "send enrollment_changed"
    );
    let mut drive = after("nominate:mandatory notify:ahead");
    drive.take("session_cancelled:");
    assert_eq!(drive.summaries(), ["cancel REMINDER", "cancel SITTING_START"]);
    let mut drive = after("nominate:mandatory notify:ahead");
    let end = json!({ "reason": "x", "approver": { "id": "manager", "role": "dept_manager" } });
    drive.send(&Actor::system(), "force_closed", end);
    assert_eq!((drive.state(), drive.summaries().len()), ("closed.withdrawn", 2));
}
