//! Whole lives of training over HTTP, cut and repeated as those of cases are: from the plan to the effect of a
//! class, and to a certificate that is taken away.

use careflow::kernel::actor::Role;
use serde_json::{Value, json};

use crate::again::{Step, Story, lived};
use crate::rig::at;

/// When the class is taught, and until when.
const START: &str = "2026-03-19T09:00:00+08:00";
const END: &str = "2026-03-19T11:00:00+08:00";

const PEOPLE: &[(&str, Role)] = &[
    ("admin", Role::TrainingAdmin),
    ("owner", Role::ProcessOwner),
    ("tom", Role::Trainer),
    ("gus", Role::Trainer),
    ("sue", Role::Supervisor),
    ("ann", Role::Trainee),
    ("bo", Role::Trainee),
];

fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "CNY" })
}

/// Steps of the training administration with the class.
fn class(event: &'static str, payload: Value) -> Step {
    Step::Sends("admin", "class", event, payload)
}

/// When it is, who is in it, and that all are told.
fn announced(trainees: &[&str]) -> Vec<Step> {
    let sitting = json!({ "no": 1, "start": at(START), "end": at(END), "place": "A301", "mandatory": true });
    let lecturer = json!({ "person": { "id": "tom", "role": "trainer" } });
    let when = json!({ "sittings": [sitting], "lecturer": lecturer, "organiser": "service_dept" });
    let mut steps = vec![class("schedule", when)];
    for who in trainees {
        let wish = json!({ "trainee": { "id": who, "role": "agent" }, "source": "plan" });
        steps.push(class("enroll", wish));
    }
    steps.push(class("publish_notice", json!({ "message_ref": "msg/1" })));
    steps
}

/// The sitting, which `ann` attends.
fn taught() -> Vec<Step> {
    let coming = json!({ "sitting_no": 1, "at": at(START), "method": "qr" });
    vec![
        Step::Sends("ann", "ann", "confirm_attendance", json!({})),
        Step::Until(START),
        Step::Sends("tom", "class", "start_sitting", json!({ "sitting_no": 1 })),
        Step::Sends("ann", "ann", "check_in", coming),
        Step::Until(END),
        Step::Sends("tom", "class", "end_sitting", json!({ "sitting_no": 1 })),
        class("open_assessment", json!({})),
    ]
}

/// An attempt of `ann`.
fn attempt(n: u32, score: u8) -> Vec<Step> {
    vec![
        Step::Sends("ann", "ann", "start_attempt", json!({ "n": n })),
        Step::Sends("ann", "ann", "submit_attempt", json!({ "answers_ref": format!("answers/{n}") })),
        Step::Sends("gus", "ann", "grade", json!({ "score": score, "rubric": "rubric/1" })),
    ]
}

/// What follows for `bo`, who did not come, until an appeal ends it.
fn consequence() -> Vec<Step> {
    let measure = json!({ "measure": "coaching", "rationale": "无故缺席" });
    let mut decided = measure.clone();
    decided["co_decider"] = json!({ "id": "hr", "role": "training_admin" });
    vec![
        Step::Sends("bo", "bo", "explain_absence", json!({ "reason": "忘记了" })),
        Step::Sends("sue", "bo", "reject_explanation", json!({})),
        Step::Sends("sue", "consequence", "propose", measure),
        Step::Sends("bo", "consequence", "state_view", json!({ "statement": "首次发生" })),
        Step::Sends("sue", "consequence", "decide", decided),
        Step::Sends("bo", "consequence", "appeal", json!({ "reason": "过重" })),
        Step::Sends(
            "owner",
            "consequence",
            "review_appeal",
            json!({ "measure": "none", "rationale": "首次发生" }),
        ),
    ]
}

/// Plan, class, an absence with its consequence, a failure with its retake, and what the class was good for.
fn season() -> Story {
    let item = json!({
        "no": 1, "goal": "refunds", "content": "退款流程", "mode": "lecture", "time": "2026-03-19",
        "budget": money("800"),
    });
    let finding = |metric: &str| json!({ "before": "81.5", "after": "88", "n": 40, "metric": metric });
    let mut steps = vec![
        Step::Starts("plan", "admin", "training_plan", json!({ "year": 2026, "items": [item] })),
        Step::Sends("admin", "plan", "submit", json!({})),
        Step::Sends("owner", "plan", "approve", json!({})),
        // The item was due weeks ago: its class is drafted now.
        Step::Until("2026-03-11T11:00:00+08:00"),
        class("submit", json!({})),
    ];
    steps.extend(announced(&["ann", "bo"]));
    steps.extend(taught());
    steps.extend(attempt(1, 70));
    steps.push(Step::Sends("ann", "ann", "answer_survey", json!({ "items": { "content": 5 } })));
    let again = json!({ "at": at("2026-03-24T09:00:00+08:00") });
    steps.push(Step::Sends("admin", "ann", "schedule_retake", again));
    steps.extend(consequence());
    steps.push(class("close_assessment", json!({})));
    steps.push(Step::Until("2026-03-24T09:00:00+08:00"));
    steps.extend(attempt(2, 85));
    steps.push(class("review", json!({ "findings": "案例偏少", "actions": [] })));
    steps.push(class("archive", json!({ "record_ref": "file/1" })));
    for (until, event, metric) in [
        ("2026-05-20T09:00:00+08:00", "record_l3", "qi_score"),
        ("2026-06-22T09:00:00+08:00", "record_l4", "csat"),
    ] {
        steps.push(Step::Until(until));
        steps.push(Step::Sends("admin", "effect_review", event, finding(metric)));
    }
    Story {
        people: PEOPLE,
        managers: &[("ann", "sue"), ("bo", "sue")],
        steps,
        ends: &[
            ("plan", "active"),
            ("class", "archived"),
            ("ann", "closed.passed"),
            ("bo", "closed.absent_unexcused"),
            ("consequence", "closed.none"),
            ("effect_review", "closed.done"),
        ],
    }
}

/// A class that nobody planned, whose certificate two people take away.
fn certified() -> Story {
    let draft = json!({
        "title": "退款流程", "type": "onboarding", "mode": "lecture", "competencies": ["refunds"],
        "sittings": [], "capacity": 20, "budget": money("800"),
        "assessment": { "kind": "exam", "pass_mark": 80 }, "mandatory": true,
    });
    let mut steps = vec![
        Step::Starts("class", "admin", "training_session", draft),
        class("submit", json!({})),
        Step::Sends("owner", "class", "approve", json!({})),
    ];
    steps.extend(announced(&["ann"]));
    steps.extend(taught());
    steps.extend(attempt(1, 90));
    let both = json!({ "reason": "代考", "approver": { "id": "owner", "role": "process_owner" } });
    steps.push(Step::Sends("admin", "certificate", "revoke", both));
    Story {
        people: PEOPLE,
        managers: &[("ann", "sue")],
        steps,
        ends: &[
            ("class", "evaluating.assessing"),
            ("ann", "closed.passed"),
            ("certificate", "closed.revoked"),
        ],
    }
}

#[tokio::test]
async fn season_of_training_cut_at_each_commit_with_each_command_sent_twice_has_the_same_history() {
    assert_eq!(lived(season(), true).await, lived(season(), false).await);
}

#[tokio::test]
async fn certificate_cut_at_each_commit_with_each_command_sent_twice_has_the_same_history() {
    assert_eq!(lived(certified(), true).await, lived(certified(), false).await);
}
