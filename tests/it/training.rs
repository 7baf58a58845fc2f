//! The training flows over HTTP, and their acceptance scenarios under their numbers in the specification.

use careflow::engine::{Command, Target};
use careflow::kernel::actor::{Actor, Role};
use careflow::kernel::id::InstanceId;
use serde_json::{Value, json};

use crate::rig::{Caller, Rig, at, due};

/// Starts an instance as the engine itself does; answers its id.
pub async fn by_system(rig: &Rig, workflow: &str, payload: Value) -> String {
    let registry = careflow::workflows::Registry::shipped();
    let event = registry.get(workflow).unwrap().start_event();
    let command = Command {
        target: Target::Start(workflow.into()),
        event: event.into(),
        payload: payload.as_object().unwrap().clone(),
        actor: Actor::system(),
        occurred_at: None,
        key: None,
        if_match: None,
        request_id: None,
        origin: None,
    };
    let accepted = rig.engine.submit(command).await.unwrap();
    rig.engine.settle().await;
    accepted.entry.instance.to_string()
}

fn certificate(holder: &str, valid_to: &str) -> Value {
    json!({
        "holder": { "id": holder, "role": "agent" }, "kind": "refunds",
        "enrollment": InstanceId::derive("test", &["enrollment"]),
        "valid_from": "2026-03-11", "valid_to": valid_to,
    })
}

#[tokio::test]
async fn leave_brings_into_the_next_class_of_the_title_whose_lecturer_is_free() {
    let school = school().await;
    let (first, ann) = school.notified().await;
    let second = school.drafted().await;
    school.admin.sent(&second, "submit", json!({})).await;
    school.owner.sent(&second, "approve", json!({})).await;
    let same_time = sitting("2026-03-19T10:30:00+08:00");
    assert_eq!(school.admin.refused(&second, "schedule", same_time, 409).await, "trainer_clash");
    school.admin.sent(&second, "schedule", sitting("2026-04-02T09:00:00+08:00")).await;
    school.ann.sent(&ann, "request_leave", json!({ "reason": "婚假" })).await;
    assert_eq!(school.sue.sent(&ann, "approve_leave", json!({})).await, "closed.excused");
    school.rig.engine.settle().await;
    let of = async |class: &str| school.admin.instance(class).await["data"]["enrolments"].clone();
    let (before, after) = (of(&first).await, of(&second).await);
    assert_eq!(before[&ann]["status"], "closed.excused");
    let next: Vec<&Value> = after.as_object().unwrap().values().collect();
    assert_eq!(
        (next.len(), &next[0]["trainee"]["id"], &next[0]["status"]),
        (1, &json!("ann"), &json!("nominated"))
    );
    assert!(school.children(&ann, "training_session").await.is_empty(), "none is drafted");
}

#[tokio::test]
async fn certificate_that_expires_sends_its_holder_to_a_class_once() {
    let rig = Rig::wednesday().await;
    let admin = rig.caller("admin", Role::TrainingAdmin).await;
    let id = by_system(&rig, "certificate", certificate("ann", "2026-06-30")).await;
    let other = by_system(&rig, "certificate", certificate("bo", "2026-07-15")).await;
    rig.until("2026-07-01T00:00:00+08:00").await;
    assert_eq!(
        (admin.state(&id).await.as_str(), admin.state(&other).await.as_str()),
        ("expired", "expiring")
    );
    let page = admin.get("/v1/instances?workflow=training_session").await.expect(200);
    let classes = page["instances"].as_array().unwrap();
    assert_eq!(classes.len(), 1, "the second waits with the class that the first has drafted");
    let class = admin.instance(classes[0]["id"].as_str().unwrap()).await["data"].clone();
    assert_eq!((&class["type"], &class["competencies"]), (&json!("recert"), &json!(["refunds"])));
    let waiting: Vec<_> =
        class["waiting"].as_array().unwrap().iter().map(|one| &one["trainee"]["id"]).collect();
    assert_eq!(waiting, ["ann", "bo"]);
}

#[tokio::test]
async fn trainee_takes_an_own_place_in_a_class_and_no_look_at_it() {
    let school = school().await;
    let (class, _) = school.scheduled(START).await;
    let wish = |id: &str| json!({ "trainee": { "id": id, "role": "agent" }, "source": "self" });
    let bo = school.rig.caller("bo", Role::Trainee).await;
    assert_eq!(bo.refused(&class, "enroll", wish("ann"), 403).await, "not_yourself");
    assert_eq!(bo.sent(&class, "enroll", wish("bo")).await, "preparing.scheduled");
    assert_eq!(bo.get(&format!("/v1/instances/{class}")).await.status, 404);
    let dry = format!("/v1/instances/{class}/events?dry_run=true");
    let body = json!({ "event": "enroll", "payload": wish("bo") });
    assert_eq!(bo.post(&dry, &body).await.problem(404), "unknown_instance");
}

#[tokio::test]
async fn scenario_43_expired_certificate_re_earned_is_a_new_period_linked_to_the_old_one() {
    let rig = Rig::wednesday().await;
    let admin = rig.caller("admin", Role::TrainingAdmin).await;
    let old = by_system(&rig, "certificate", certificate("ann", "2026-06-30")).await;
    let other = by_system(&rig, "certificate", certificate("bo", "2026-06-30")).await;
    assert_eq!(due(&admin.instance(&old).await, "EXPIRING"), at("2026-05-02T00:00:00+08:00"));
    rig.until("2026-07-10T09:00:00+08:00").await;
    assert_eq!(admin.state(&old).await, "expired");
    let new = by_system(&rig, "certificate", certificate("ann", "2027-07-09")).await;
    let (before, after) = (admin.instance(&old).await, admin.instance(&new).await);
    assert_eq!((&before["state"], &before["data"]["replaced_by"]), (&json!("closed.renewed"), &json!(new)));
    assert_eq!(before["data"]["valid_to"], "2026-06-30", "the old period is kept");
    assert_eq!((&after["state"], &after["data"]["renews"]), (&json!("valid"), &json!(old)));
    let links = after["data"]["case"]["links"].as_array().unwrap();
    assert!(links.contains(&json!({ "type": "renews", "id": old })), "{links:?}");
    assert_eq!(admin.state(&other).await, "expired", "another holder's is another's");
}

#[tokio::test]
async fn certificate_is_revoked_by_two_people_and_read_by_its_holder() {
    let rig = Rig::wednesday().await;
    let admin = rig.caller("admin", Role::TrainingAdmin).await;
    let (ann, bo) = (rig.caller("ann", Role::Trainee).await, rig.caller("bo", Role::Trainee).await);
    let id = by_system(&rig, "certificate", certificate("ann", "2027-03-10")).await;
    assert_eq!(ann.state(&id).await, "valid");
    assert_eq!(bo.get(&format!("/v1/instances/{id}")).await.status, 404);
    let alone = json!({ "reason": "代考", "approver": { "id": "admin", "role": "process_owner" } });
    assert_eq!(admin.refused(&id, "revoke", alone, 403).await, "second_person_needed");
    let both = json!({ "reason": "代考", "approver": { "id": "owner", "role": "process_owner" } });
    assert_eq!(ann.refused(&id, "revoke", both.clone(), 403).await, "role_not_allowed");
    assert_eq!(admin.sent(&id, "revoke", both).await, "closed.revoked");
    let customer = json!({ "to": "high", "reason": "x" });
    assert_eq!(admin.refused(&id, "priority_changed", customer, 422).await, "unknown_event");
}

/// A server on a Wednesday at 10:00 and the people of a class; `ann` and `bo` work for `sue`.
pub struct School {
    pub rig: Rig,
    pub admin: Caller,
    owner: Caller,
    pub tom: Caller,
    pub gus: Caller,
    eva: Caller,
    sue: Caller,
    ann: Caller,
}

pub async fn school() -> School {
    let rig = Rig::wednesday().await;
    let root = rig.caller("root", Role::Administrator).await;
    let school = School {
        admin: rig.caller("admin", Role::TrainingAdmin).await,
        owner: rig.caller("owner", Role::ProcessOwner).await,
        tom: rig.caller("tom", Role::Trainer).await,
        gus: rig.caller("gus", Role::Trainer).await,
        eva: rig.caller("eva", Role::Trainer).await,
        sue: rig.caller("sue", Role::Supervisor).await,
        ann: rig.caller("ann", Role::Trainee).await,
        rig,
    };
    for person in ["ann", "bo"] {
        let works_for = json!({ "active": true, "on_shift": true, "manager": "sue" });
        root.put(&format!("/v1/actors/{person}"), &works_for).await.expect(200);
    }
    school
}

/// One sitting of two hours from `start` on, and who teaches.
fn sitting(start: &str) -> Value {
    let start = careflow::kernel::instant::Instant::parse(start).unwrap();
    let sitting = json!({
        "no": 1, "start": start, "end": start.plus_millis(7_200_000), "place": "A301", "mandatory": true,
    });
    json!({
        "sittings": [sitting], "lecturer": { "person": { "id": "tom", "role": "trainer" } },
        "organiser": "service_dept",
    })
}

/// When the class of these tests is taught: six working days ahead.
pub const START: &str = "2026-03-19T09:00:00+08:00";

impl School {
    /// A class that is examined, as its draft.
    async fn drafted(&self) -> String {
        let draft = json!({
            "title": "退款流程", "type": "onboarding", "mode": "lecture", "competencies": ["refunds"],
            "sittings": [], "capacity": 20, "budget": { "amount": "800", "currency": "CNY" },
            "assessment": { "kind": "exam", "pass_mark": 80 }, "mandatory": true,
        });
        let path = "/v1/workflows/training_session/instances";
        let started = self.admin.post(path, &json!({ "payload": draft })).await.expect(201);
        started["instance"].as_str().unwrap().to_owned()
    }

    /// A class that is planned for `start`, with `ann` in it; answers class and enrolment.
    pub async fn scheduled(&self, start: &str) -> (String, String) {
        let class = self.drafted().await;
        assert_eq!(self.admin.sent(&class, "submit", json!({})).await, "preparing.pending_approval");
        assert_eq!(self.owner.sent(&class, "approve", json!({})).await, "preparing.approved");
        assert_eq!(self.admin.sent(&class, "schedule", sitting(start)).await, "preparing.scheduled");
        let wish = json!({ "trainee": { "id": "ann", "role": "agent" }, "source": "manager" });
        self.admin.sent(&class, "enroll", wish).await;
        self.rig.engine.settle().await;
        let enrolments = self.admin.instance(&class).await["data"]["enrolments"].clone();
        let ann = enrolments.as_object().unwrap().keys().next().unwrap().clone();
        (class, ann)
    }

    /// The same, once everybody is told.
    async fn notified(&self) -> (String, String) {
        let (class, ann) = self.scheduled(START).await;
        let notice = json!({ "message_ref": "msg/1" });
        assert_eq!(self.admin.sent(&class, "publish_notice", notice).await, "preparing.notified");
        self.rig.engine.settle().await;
        assert_eq!(self.ann.state(&ann).await, "notified");
        (class, ann)
    }

    /// The same, taught; `ann` is there or not.
    async fn taught(&self, comes: bool) -> (String, String) {
        let (class, ann) = self.notified().await;
        self.rig.until(START).await;
        self.tom.sent(&class, "start_sitting", json!({ "sitting_no": 1 })).await;
        if comes {
            let coming = json!({ "sitting_no": 1, "at": at(START), "method": "qr" });
            assert_eq!(self.ann.sent(&ann, "check_in", coming).await, "attending");
        }
        self.rig.until("2026-03-19T11:00:00+08:00").await;
        let state = self.tom.sent(&class, "end_sitting", json!({ "sitting_no": 1 })).await;
        assert_eq!(state, "evaluating.assessing");
        self.rig.engine.settle().await;
        (class, ann)
    }

    /// The same, where attempts are taken.
    async fn assessing(&self) -> (String, String) {
        let (class, ann) = self.taught(true).await;
        assert_eq!(self.ann.state(&ann).await, "attended");
        self.admin.sent(&class, "open_assessment", json!({})).await;
        self.rig.engine.settle().await;
        assert_eq!(self.ann.state(&ann).await, "assessing");
        (class, ann)
    }

    /// The same, failed three times.
    async fn failed_last(&self) -> (String, String) {
        let (class, ann) = self.assessing().await;
        let failing = json!({ "score": 79, "rubric": "rubric/1" });
        for retake in ["2026-03-24T09:00:00+08:00", "2026-03-27T09:00:00+08:00"] {
            assert_eq!(self.gus.sent(&ann, "grade", failing.clone()).await, "failed");
            let again = json!({ "at": at(retake) });
            assert_eq!(self.admin.sent(&ann, "schedule_retake", again).await, "retake_scheduled");
            self.rig.until(retake).await;
            assert_eq!(self.ann.state(&ann).await, "assessing");
        }
        assert_eq!(self.gus.sent(&ann, "grade", failing).await, "failed_last");
        (class, ann)
    }

    /// What an enrolment started, by workflow.
    async fn children(&self, parent: &str, workflow: &str) -> Vec<Value> {
        let page = self.admin.get(&format!("/v1/instances?workflow={workflow}")).await.expect(200);
        let mut found = Vec::new();
        for row in page["instances"].as_array().unwrap() {
            let child = self.admin.instance(row["id"].as_str().unwrap()).await;
            if child["parent"] == parent {
                found.push(child);
            }
        }
        found
    }
}

#[tokio::test]
async fn class_goes_from_the_draft_to_the_file_and_its_effect_is_looked_at() {
    let school = school().await;
    let (class, ann) = school.assessing().await;
    school.ann.sent(&ann, "start_attempt", json!({ "n": 1 })).await;
    school.ann.sent(&ann, "submit_attempt", json!({ "answers_ref": "answers/1" })).await;
    let passing = json!({ "score": 80, "rubric": "rubric/1" });
    assert_eq!(school.gus.sent(&ann, "grade", passing).await, "closed.passed");
    let certificate = school.children(&ann, "certificate").await.remove(0);
    assert_eq!((&certificate["state"], &certificate["data"]["kind"]), (&json!("valid"), &json!("refunds")));
    assert_eq!(certificate["data"]["valid_to"], "2027-03-18");
    school.ann.sent(&ann, "answer_survey", json!({ "items": { "content": 5 } })).await;
    school.rig.engine.settle().await;
    assert_eq!(school.admin.sent(&class, "close_assessment", json!({})).await, "reviewing");
    let action = json!({
        "measure": "补充案例", "owner": { "id": "admin", "role": "training_admin" }, "due": "2026-04-30",
    });
    let review = json!({ "findings": "案例偏少", "actions": [action] });
    assert_eq!(school.admin.sent(&class, "review", review).await, "archiving");
    assert_eq!(school.admin.sent(&class, "archive", json!({ "record_ref": "file/1" })).await, "archived");
    let march = "from=2026-03-01&to=2026-04-01&group_by=agent";
    for (workflow, kpi, measure, agent, told) in [
        ("training_enrollment", "K26", "attended", "ann", ("rate", "100.00")),
        ("training_session", "K26", "notice", "tom", ("rate", "100.00")),
        ("training_enrollment", "K27", "first", "ann", ("rate", "100.00")),
        ("training_enrollment", "K27", "attempts", "ann", ("mean", "1.00")),
        ("training_enrollment", "K28", "l1", "ann", ("mean", "5.00")),
        ("training_session", "K29", "on_time", "tom", ("rate", "100.00")),
        ("training_session", "K29", "complete", "tom", ("rate", "100.00")),
    ] {
        let path = format!("/v1/reports/kpis?workflow={workflow}&kpi={kpi}&{march}");
        let report = school.sue.get(&path).await.expect(200);
        let mut lines = report["kpis"].as_array().unwrap().iter();
        let line = lines.find(|line| line["measure"] == measure).unwrap();
        let group = &line["groups"][agent];
        assert_eq!((&group["n"], &group[told.0]), (&json!(1), &json!(told.1)), "{kpi} {measure}: {line}");
    }
    let review = school.children(&class, "effect_review").await.remove(0);
    assert_eq!((&review["state"], &review["data"]["ended"]), (&json!("l3_pending"), &json!("2026-03-19")));
    assert_eq!(review["data"]["attendees"], json!([{ "id": "ann", "role": "agent" }]));
    assert_eq!(
        school.admin.refused(&class, "cancel", json!({ "reason": "x" }), 409).await,
        "event_not_accepted"
    );
    let events = school.admin.events(&ann).await;
    assert!(!events.contains(&"delivery_refused".to_owned()), "{events:?}");
}

#[tokio::test]
async fn scenario_38_notice_two_working_days_before_takes_a_process_owner() {
    let school = school().await;
    let (class, _) = school.scheduled("2026-03-13T09:00:00+08:00").await;
    let notice = json!({ "message_ref": "msg/1" });
    assert_eq!(school.admin.refused(&class, "publish_notice", notice, 409).await, "notice_too_late");
    let by =
        |id: &str, role: &str| json!({ "message_ref": "msg/1", "urgent_by": { "id": id, "role": role } });
    let lower = by("sue", "supervisor");
    assert_eq!(school.admin.refused(&class, "publish_notice", lower, 422).await, "urgent_by_role");
    let owner = by("owner", "process_owner");
    assert_eq!(school.admin.sent(&class, "publish_notice", owner).await, "preparing.notified");
}

#[tokio::test]
async fn scenario_39_absence_is_excused_by_an_accepted_explanation_and_decided_on_by_people_else() {
    for accepted in [true, false] {
        let school = school().await;
        let (class, ann) = school.taught(false).await;
        assert_eq!(school.ann.state(&ann).await, "absent");
        assert_eq!(school.admin.instance(&ann).await["data"]["missed"], json!([1]));
        school.ann.sent(&ann, "explain_absence", json!({ "reason": "地铁停运" })).await;
        let (event, state) = match accepted {
            true => ("accept_explanation", "closed.excused"),
            false => ("reject_explanation", "closed.absent_unexcused"),
        };
        let other = school.rig.caller("max", Role::Supervisor).await;
        assert_eq!(other.refused(&ann, event, json!({}), 403).await, "not_direct_supervisor");
        assert_eq!(school.sue.sent(&ann, event, json!({})).await, state);
        school.rig.engine.settle().await;
        // No class of this title comes, so that one is drafted with a waiting list.
        let next = school.children(&ann, "training_session").await.remove(0);
        assert_eq!(next["state"], "preparing.draft");
        assert_eq!(next["data"]["waiting"][0]["trainee"]["id"], "ann");
        let consequences = school.children(&ann, "consequence").await;
        assert_eq!(consequences.len(), usize::from(!accepted));
        for consequence in consequences {
            assert_eq!(consequence["state"], "proposing", "nothing is imposed by itself");
            assert_eq!(consequence["data"]["cause"], "absent");
        }
        assert_eq!(school.admin.state(&class).await, "evaluating.assessing");
    }
}

#[tokio::test]
async fn scenario_40_third_failure_is_final_once_nobody_appealed() {
    let school = school().await;
    let (_, ann) = school.failed_last().await;
    assert_eq!(due(&school.admin.instance(&ann).await, "APPEAL_END"), at("2026-04-01T18:00:00+08:00"));
    school.rig.until("2026-04-01T17:59:59+08:00").await;
    assert_eq!(school.ann.state(&ann).await, "failed_last");
    assert!(school.children(&ann, "consequence").await.is_empty());
    school.rig.until("2026-04-01T18:00:00+08:00").await;
    assert_eq!(school.ann.state(&ann).await, "closed.failed_final");
    let consequence = school.children(&ann, "consequence").await.remove(0);
    assert_eq!(
        (&consequence["state"], &consequence["data"]["cause"]),
        (&json!("proposing"), &json!("failed"))
    );
}

#[tokio::test]
async fn scenario_41_appeal_raises_the_score_until_the_failure_is_final() {
    let school = school().await;
    let (_, ann) = school.failed_last().await;
    school.ann.sent(&ann, "appeal", json!({ "reason": "第三题评分有误" })).await;
    let higher = json!({ "score": 85, "rubric": "rubric/2" });
    assert_eq!(school.gus.refused(&ann, "regrade", higher.clone(), 403).await, "same_grader");
    assert_eq!(school.eva.sent(&ann, "regrade", higher.clone()).await, "closed.passed");
    let grades = school.admin.instance(&ann).await["data"]["grades"].clone();
    let scores: Vec<_> = grades.as_array().unwrap().iter().map(|grade| &grade["score"]).collect();
    assert_eq!(scores, [79, 79, 79, 85], "old grades are kept");

    let school = crate::training::school().await;
    let (_, ann) = school.failed_last().await;
    school.rig.until("2026-04-01T18:00:00+08:00").await;
    assert_eq!(school.ann.state(&ann).await, "closed.failed_final");
    let reason = json!({ "reason": "x" });
    assert_eq!(school.ann.refused(&ann, "appeal", reason, 409).await, "event_not_accepted");
    assert_eq!(school.eva.refused(&ann, "regrade", higher, 409).await, "event_not_accepted");
    let correction = |second: &str| {
        json!({
            "of_seq": 12, "field": "score", "new_value": 85, "reason": "录入错误",
            "second": { "id": second, "role": "process_owner" },
        })
    };
    let alone = correction("admin");
    assert_eq!(school.admin.refused(&ann, "correction", alone, 403).await, "second_person_needed");
    assert_eq!(school.admin.sent(&ann, "correction", correction("owner")).await, "closed.failed_final");
}

#[tokio::test]
async fn scenario_42_survey_is_the_enrolled_persons_own() {
    let school = school().await;
    let (class, ann) = school.taught(true).await;
    let answer = json!({ "items": { "content": 4, "lecturer": 5 } });
    let bo = school.rig.caller("bo", Role::Trainee).await;
    assert_eq!(bo.refused(&ann, "answer_survey", answer.clone(), 403).await, "not_your_case");
    assert_eq!(bo.get(&format!("/v1/instances/{ann}")).await.status, 404);
    assert_eq!(school.ann.sent(&ann, "answer_survey", answer).await, "attended");
    school.rig.engine.settle().await;
    assert_eq!(school.admin.instance(&class).await["data"]["survey_n"], 1);
}

#[tokio::test]
async fn scenario_44_class_cancelled_on_its_day_excuses_everybody_and_opens_its_plan_item() {
    let school = school().await;
    let item = json!({
        "no": 1, "goal": "refunds", "content": "退款流程", "mode": "lecture", "time": "2026-04-05",
        "budget": { "amount": "1000", "currency": "CNY" },
    });
    let plan = json!({ "payload": { "year": 2026, "items": [item] } });
    let path = "/v1/workflows/training_plan/instances";
    let started = school.admin.post(path, &plan).await.expect(201);
    let plan = started["instance"].as_str().unwrap().to_owned();
    school.admin.sent(&plan, "submit", json!({})).await;
    assert_eq!(school.owner.sent(&plan, "approve", json!({})).await, "active");
    // Thirty days before its time has passed: the item becomes a class at once.
    school.rig.engine.settle().await;
    let item = school.admin.instance(&plan).await["data"]["items"][0].clone();
    assert_eq!(item["status"], "spawned");
    let class = item["session"].as_str().unwrap().to_owned();
    assert_eq!(school.admin.sent(&class, "submit", json!({})).await, "preparing.approved");
    school.admin.sent(&class, "schedule", sitting(START)).await;
    let wish = json!({ "trainee": { "id": "ann", "role": "agent" }, "source": "plan" });
    school.admin.sent(&class, "enroll", wish).await;
    school.admin.sent(&class, "publish_notice", json!({ "message_ref": "msg/1" })).await;
    school.rig.until("2026-03-19T08:30:00+08:00").await;
    assert_eq!(school.admin.sent(&class, "cancel", json!({ "reason": "讲师生病" })).await, "cancelled");
    school.rig.engine.settle().await;
    let (id, enrolled) = {
        let enrolments = school.admin.instance(&class).await["data"]["enrolments"].clone();
        enrolments.as_object().unwrap().iter().next().map(|(id, e)| (id.clone(), e.clone())).unwrap()
    };
    assert_eq!(
        (school.ann.state(&id).await.as_str(), &enrolled["status"]),
        ("closed.excused", &json!("closed.excused"))
    );
    let item = school.admin.instance(&plan).await["data"]["items"][0].clone();
    assert_eq!((&item["status"], &item["session"]), (&json!("open"), &json!(class)));
    // K25: it is planned for April 5 and will not be on file.
    let planned = async || {
        let path = "/v1/reports/kpis?workflow=training_plan&kpi=K25&from=2026-04-01&to=2026-05-01";
        let line = school.sue.get(path).await.expect(200)["kpis"][0].clone();
        [&line["numerator"], &line["n"], &line["pending"], &line["rate"]].map(Clone::clone)
    };
    assert_eq!(planned().await, [json!(0), json!(0), json!(1), json!(null)], "its day is ahead");
    school.rig.until("2026-04-06T09:00:00+08:00").await;
    assert_eq!(planned().await, [json!(0), json!(1), json!(0), json!("0.00")]);
    // K26: who was excused was not expected.
    let path = "/v1/reports/kpis?workflow=training_enrollment&kpi=K26&from=2026-03-01&to=2026-04-01";
    assert_eq!(school.sue.get(path).await.expect(200)["kpis"][0]["n"], 0);
}
