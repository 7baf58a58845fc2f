//! Checks what a class refuses, tells its enrolments and waits for; the arrows are checked by exploration.

use serde_json::{Value, json};

use crate::kernel::actor::{Actor, Role};
use crate::kernel::effect::Effect;
use crate::kernel::instant::Instant;
use crate::workflows::training::tests::drive::Drive;

const SCHEDULED: &str = "draft:examined submit: schedule:two";
const TAUGHT: &str = "draft:examined submit: schedule:two enroll: publish_notice:urgent start_sitting:first \
    end_sitting:first start_sitting:second end_sitting:second";

/// After these samples, with what they know of plans and lecturers.
fn after(steps: &str) -> Drive {
    let mut drive = Drive::after("training_session", steps);
    drive.facts = drive.workflow.samples()[0].facts.clone();
    drive
}

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn admin() -> Actor {
    Actor::person("admin", Role::TrainingAdmin)
}

fn owner() -> Actor {
    Actor::person("owner", Role::ProcessOwner)
}

/// A class of one sitting that begins at `start`, as `schedule` says it.
fn one(start: &str) -> Value {
    let sitting = json!({
        "no": 1, "start": at(start), "end": at(start).plus_millis(7_200_000), "place": "A301", "mandatory": true,
    });
    json!({ "sittings": [sitting], "lecturer": { "external": "王老师" }, "organiser": "hr" })
}

/// The events that the last call sent, with their payloads.
fn sent(drive: &Drive) -> Vec<(String, Value)> {
    let sends = drive.effects.iter().filter_map(|effect| match effect {
        Effect::Send(send) => Some((send.event.clone(), json!(send.payload))),
        _ => None,
    });
    sends.collect()
}

#[test]
fn class_within_an_approved_plan_needs_no_approval() {
    assert_eq!(after("draft:examined submit:").state(), "preparing.approved");
    assert_eq!(after("draft:dear submit:").state(), "preparing.pending_approval");
    let with = |pointer: &str, value: Value| {
        let mut drive = after("draft:examined");
        *drive.facts["other"].pointer_mut(pointer).unwrap() = value;
        drive.send(&admin(), "submit", json!({}));
        drive.state().to_owned()
    };
    assert_eq!(with("/state", json!("draft")), "preparing.pending_approval");
    assert_eq!(with("/data/~1items/0/no", json!(2)), "preparing.pending_approval");
    assert_eq!(with("/data/~1items/0/budget/currency", json!("USD")), "preparing.pending_approval");
    assert_eq!(with("/data/~1items/0/budget/amount", json!("800.00")), "preparing.approved");
}

#[test]
fn nobody_approves_an_own_class() {
    let mut drive = after("draft:dear submit:");
    assert_eq!(
        drive.refused(&Actor::person("admin", Role::ProcessOwner), "approve", json!({})),
        "own_proposal"
    );
    drive.send(&owner(), "reject", json!({}));
    assert_eq!(sent(&drive), [("item_status".into(), json!({ "no": 1, "status": "open" }))]);
}

#[test]
fn waiting_list_is_the_systems_and_is_enrolled_with_the_schedule() {
    let mut drive = Drive::new("training_session");
    drive.facts = drive.workflow.samples()[0].facts.clone();
    let mut draft = Value::Object(drive.workflow.samples()[0].payload.clone());
    draft["capacity"] = json!(2);
    draft["waiting"] = json!([{ "trainee": { "id": "ann", "role": "agent" }, "source": "plan" }]);
    assert_eq!(drive.refused(&admin(), "draft", draft.clone()), "system_only");
    drive.send(&Actor::system(), "draft", draft);
    let wish = |id: &str| json!({ "trainee": { "id": id, "role": "agent" }, "source": "monitor" });
    assert_eq!(drive.refused(&Actor::system(), "enroll", wish("ann")), "enrolled_before");
    assert_eq!(drive.refused(&admin(), "enroll", wish("bo")), "event_not_accepted");
    drive.send(&Actor::system(), "enroll", wish("bo"));
    assert_eq!(drive.refused(&Actor::system(), "enroll", wish("eve")), "class_full");
    drive.take("submit:");
    drive.take("schedule:two");
    let spawned = drive.summaries().iter().filter(|e| *e == "spawn training_enrollment enrollment").count();
    assert_eq!((spawned, drive.data()["free"].as_u64(), drive.data().get("waiting")), (2, Some(0), None));
}

#[test]
fn schedule_needs_order_time_ahead_a_reason_without_assessment_and_a_free_lecturer() {
    let mut drive = after("draft:examined submit:");
    assert_eq!(drive.refused(&admin(), "schedule", one("2026-03-11T10:00:00+08:00")), "time_passed");
    let mut twisted = one("2026-03-20T09:00:00+08:00");
    twisted["sittings"][0]["no"] = json!(2);
    assert_eq!(drive.refused(&admin(), "schedule", twisted), "sittings_order");
    let busy = json!([{
        "id": crate::kernel::id::InstanceId::derive("other", &["class"]), "workflow": "training_session",
        "state": "preparing.notified", "data": { "/sittings": one("2026-03-20T10:59:59+08:00")["sittings"] },
    }]);
    drive.facts.insert("among".into(), busy);
    assert_eq!(drive.refused(&admin(), "schedule", one("2026-03-20T09:00:00+08:00")), "trainer_clash");
    drive.send(&admin(), "schedule", one("2026-03-20T08:59:59+08:00"));
    let mut draft = Value::Object(drive.workflow.samples()[0].payload.clone());
    draft["assessment"] = json!({ "kind": "none", "pass_mark": 0 });
    let mut drive = Drive::new("training_session");
    drive.facts = drive.workflow.samples()[0].facts.clone();
    drive.send(&admin(), "draft", draft);
    drive.take("submit:");
    assert_eq!(drive.refused(&admin(), "schedule", one("2026-03-20T09:00:00+08:00")), "not_justified");
}

#[test]
fn notice_comes_three_working_days_before_unless_a_process_owner_agrees() {
    let notice = |drive: &mut Drive, urgent: Value| {
        let mut payload = json!({ "message_ref": "msg/1" });
        if !urgent.is_null() {
            payload["urgent_by"] = urgent;
        }
        drive.attempt(&admin(), "publish_notice", payload).err().map(|refusal| refusal.code)
    };
    let starting = |start: &str| {
        let mut drive = after("draft:examined submit:");
        drive.send(&admin(), "schedule", one(start));
        drive
    };
    let mut short = starting("2026-03-13T09:00:00+08:00");
    assert_eq!(notice(&mut short, Value::Null), Some("notice_too_late"));
    let by = |id: &str, role: &str| json!({ "id": id, "role": role });
    assert_eq!(notice(&mut short, by("boss", "supervisor")), Some("urgent_by_role"));
    assert_eq!(notice(&mut short, by("admin", "process_owner")), Some("second_person_needed"));
    assert_eq!(notice(&mut short, by("owner", "process_owner")), None);
    assert_eq!(notice(&mut starting("2026-03-16T09:00:00+08:00"), Value::Null), None);
}

#[test]
fn class_takes_as_many_as_it_has_places_and_nobody_twice() {
    let mut drive = after(SCHEDULED);
    let wish = |id: &str, source: &str| json!({ "trainee": { "id": id, "role": "agent" }, "source": source });
    let ann = Actor::person("ann", Role::Trainee);
    assert_eq!(drive.refused(&ann, "enroll", wish("bo", "self")), "not_yourself");
    assert_eq!(drive.refused(&ann, "enroll", wish("ann", "manager")), "not_yourself");
    drive.send(&ann, "enroll", wish("ann", "self"));
    assert_eq!(drive.refused(&admin(), "enroll", wish("ann", "manager")), "enrolled_before");
    assert_eq!(drive.refused(&admin(), "enroll", wish("bo", "manager")), "class_full");
    let excused = |drive: &Drive| {
        let id = drive.data()["enrolments"].as_object().unwrap().keys().next().unwrap().clone();
        json!({ "enrollment": id, "status": "closed.excused", "can_retake": false, "final": true })
    };
    let told = excused(&drive);
    drive.send(&Actor::system(), "enrollment_changed", told);
    drive.send(&admin(), "enroll", wish("bo", "manager"));
    let before = drive.data().clone();
    let other = json!({ "enrollment": drive.id, "status": "failed", "can_retake": true, "final": false });
    drive.send(&Actor::system(), "enrollment_changed", other);
    assert_eq!(*drive.data(), before, "it is none of this class");
}

#[test]
fn whoever_comes_after_the_notice_is_told_at_once() {
    let mut drive = after("draft:examined submit: schedule:two publish_notice:urgent");
    drive.take("enroll:");
    let start = json!({ "message_ref": "msg/1", "start": "2026-03-11T02:30:00.000Z" });
    assert_eq!(sent(&drive), [("notify".to_owned(), start)]);
}

#[test]
fn sitting_is_started_within_two_hours_of_its_time() {
    let trainer = Actor::person("tom", Role::Trainer);
    let start = |time: &str| {
        let mut drive = after("draft:examined submit: schedule:two publish_notice:urgent");
        drive.now = at(time);
        let which = json!({ "sitting_no": 1 });
        drive.attempt(&trainer, "start_sitting", which).err().map(|refusal| refusal.code)
    };
    assert_eq!(start("2026-03-11T08:29:59+08:00"), Some("not_its_time"));
    assert_eq!(start("2026-03-11T08:30:00+08:00"), None);
    assert_eq!(start("2026-03-11T12:30:00+08:00"), None);
    assert_eq!(start("2026-03-11T12:30:01+08:00"), Some("not_its_time"));
    let mut drive = after("draft:examined submit: schedule:two publish_notice:urgent start_sitting:second");
    assert_eq!(drive.data()["sittings"][0]["held"], false, "the first did not take place");
    assert_eq!(drive.refused(&trainer, "end_sitting", json!({ "sitting_no": 1 })), "another_sitting");
    assert_eq!(drive.due("SITTING_END"), Some(at("2026-03-11T14:00:00+08:00")));
    drive.fire("SITTING_END");
    assert_eq!(drive.state(), "evaluating.assessing", "`end_sitting` came next");
}

#[test]
fn timers_follow_the_last_sitting() {
    let drive = after(TAUGHT);
    let due = |timer: &str| drive.due(timer);
    assert_eq!(due("SURVEY_CLOSE"), Some(at("2026-03-16T18:00:00+08:00")));
    assert_eq!(due("ASSESS_END"), Some(at("2026-03-23T18:00:00+08:00")));
    let drive = after(SCHEDULED);
    assert_eq!(drive.due("START_LATE"), Some(at("2026-03-11T12:30:00+08:00")));
    assert_eq!(drive.due("START_LOST"), Some(at("2026-03-13T18:00:00+08:00")));
    let drive = after("draft:examined submit: schedule:two postpone:");
    assert_eq!(drive.due("POSTPONE_END"), Some(at("2026-04-11T00:00:00+08:00")));
    assert_eq!(drive.due("START_LATE"), None);
}

#[test]
fn postponed_class_comes_within_thirty_days() {
    let mut drive = after("draft:examined submit: schedule:two enroll: postpone:");
    assert_eq!(sent(&drive), [("session_postponed".into(), json!({ "reason": "讲师生病" }))]);
    assert_eq!(drive.refused(&admin(), "schedule", one("2026-04-11T00:00:01+08:00")), "postponed_too_long");
    drive.send(&admin(), "schedule", one("2026-04-11T00:00:00+08:00"));
    assert_eq!(drive.state(), "preparing.scheduled");
}

#[test]
fn cancelled_class_excuses_everybody_and_opens_its_item() {
    let mut drive = after("draft:examined submit: schedule:two enroll:");
    drive.take("cancel:");
    let why = json!({ "reason": "讲师生病" });
    let item = json!({ "no": 1, "status": "open" });
    assert_eq!(sent(&drive), [("session_cancelled".into(), why), ("item_status".into(), item)]);
    let enrolled = drive.data()["enrolments"].as_object().unwrap().values().next().unwrap().clone();
    assert_eq!((&enrolled["status"], &enrolled["final"]), (&json!("closed.excused"), &json!(true)));
}

#[test]
fn nobody_is_left_ungraded() {
    let mut drive = after(TAUGHT);
    assert_eq!(drive.refused(&admin(), "close_assessment", json!({})), "not_graded");
    drive.take("enrollment_changed:attended");
    assert_eq!(drive.refused(&admin(), "close_assessment", json!({})), "not_graded");
    drive.take("open_assessment:");
    assert_eq!(sent(&drive), [("assessment_opened".into(), json!({ "closes": "2026-03-18T10:00:00.000Z" }))]);
    assert_eq!(drive.refused(&admin(), "open_assessment", json!({})), "opened_before");
    drive.fire("ASSESS_END");
    assert_eq!(
        (drive.state(), drive.due("ASSESS_END")),
        ("evaluating.assessing", Some(at("2026-03-30T18:00:00+08:00")))
    );
    drive.take("enrollment_changed:failed");
    drive.take("close_assessment:");
    assert_eq!((drive.state(), drive.due("RETAKE_END").is_some()), ("evaluating.retaking", true));
}

#[test]
fn assessment_that_is_open_is_open_for_whoever_was_late_to_tell() {
    let mut drive = after(&format!("{TAUGHT} open_assessment:"));
    assert_eq!(sent(&drive), []);
    drive.take("enrollment_changed:attended");
    assert_eq!(sent(&drive), [("assessment_opened".into(), json!({ "closes": "2026-03-18T10:00:00.000Z" }))]);
}

#[test]
fn review_takes_answers_or_the_end_of_the_survey() {
    let review = json!({ "findings": "x", "actions": [] });
    let mut drive = after(&format!("{TAUGHT} enrollment_changed:failed close_assessment: timer:RETAKE_END"));
    assert_eq!(drive.state(), "reviewing");
    assert_eq!(drive.data()["survey_closed"], Value::Null);
    assert_eq!(drive.refused(&admin(), "review", review.clone()), "survey_open");
    drive.send(&Actor::system(), "close_survey", json!({}));
    drive.send(&admin(), "review", review.clone());
    let mut drive = after(&format!("{TAUGHT} enrollment_changed:passed close_assessment:"));
    drive.send(&admin(), "review", review);
    assert_eq!((drive.state(), &drive.data()["survey_n"]), ("archiving", &json!(1)));
}

#[test]
fn record_on_file_is_complete() {
    let file = json!({ "record_ref": "file/1" });
    let reviewed = "enrollment_changed:failed close_assessment: timer:RETAKE_END close_survey: review:";
    let mut drive = after(&format!("{TAUGHT} {reviewed}"));
    assert_eq!(drive.refused(&admin(), "archive", file.clone()), "record_incomplete");
    drive.take("enrollment_changed:passed");
    drive.send(&admin(), "archive", file);
    assert_eq!(drive.state(), "archived");
    assert_eq!(drive.summaries(), ["send item_status", "spawn effect_review"]);
}

#[test]
fn class_closed_by_decision_closes_its_enrolments() {
    let mut drive = after(&format!("{TAUGHT} enrollment_changed:failed"));
    let end = json!({ "reason": "x", "approver": { "id": "manager", "role": "dept_manager" } });
    drive.send(&owner(), "force_closed", end);
    assert_eq!((drive.state(), &drive.data()["incomplete"]), ("archived", &json!(true)));
    assert_eq!(sent(&drive)[0].0, "force_closed");
}

#[test]
fn class_of_a_mandatory_type_is_mandatory_whatever_its_draft_says() {
    let drafted = |kind: &str| {
        let mut drive = Drive::new("training_session");
        let mut draft = Value::Object(drive.workflow.samples()[0].payload.clone());
        draft["type"] = json!(kind);
        draft["mandatory"] = json!(false);
        drive.send(&admin(), "draft", draft);
        drive.data()["mandatory"] == true
    };
    assert!(drafted("onboarding") && drafted("recert") && !drafted("in_service"));
}

#[test]
fn sitting_nobody_started_did_not_take_place_and_the_next_is_waited_for() {
    let steps =
        "draft:examined submit: schedule:three publish_notice:urgent start_sitting:first end_sitting:first";
    let mut drive = after(steps);
    drive.fire("START_LATE");
    assert_eq!(
        drive.summaries(),
        ["task session_late training_admin", "notify role:training_admin session_late"]
    );
    drive.fire("START_LOST");
    assert_eq!(drive.data()["sittings"][1]["held"], false);
    assert_eq!(drive.due("START_LOST"), Some(at("2026-03-16T18:00:00+08:00")));
    drive.fire("START_LATE");
    drive.fire("START_LOST");
    assert_eq!(drive.state(), "evaluating.assessing", "the last one was lost, too");
}
