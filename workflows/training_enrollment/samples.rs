//! Owns example events: one way through every row. The class begins five minutes after their moment.

use serde_json::{Value, json};

use super::EXPLAIN_END;
use crate::kernel::actor::{Actor, Role};
use crate::kernel::id::InstanceId;
use crate::kernel::machine::Sample;
use crate::kernel::outcome::TIMER_FIRED;
use crate::workflows::row::object;

fn sample(event: &'static str, label: &'static str, actor: Actor, payload: Value) -> Sample {
    Sample { label, event, payload: object(payload), actor, facts: object(known()) }
}

/// What the engine tells: the class, those to come, and for whom the trainee works.
fn known() -> Value {
    let class = json!({
        "id": other("session"), "workflow": "training_session", "state": "delivering.in_session",
        "data": {
            "/mode": "lecture", "/competencies": ["refunds"], "/capacity": 20,
            "/budget": { "amount": "1000", "currency": "CNY" },
            "/lecturer": { "person": { "id": "tom", "role": "trainer" } },
            "/survey_closed": false,
            "/sittings": [{
                "no": 1, "start": "2026-03-11T02:05:00.000Z", "end": "2026-03-11T04:05:00.000Z",
                "place": "A301", "mandatory": true,
            }],
        },
    });
    json!({ "superiors": { "ann": ["sue"] }, "other": class, "among": [] })
}

fn other(name: &str) -> InstanceId {
    InstanceId::derive("samples", &[name])
}

/// Example events of every kind.
pub(super) fn samples() -> Vec<Sample> {
    let system = Actor::system;
    let trainee = || Actor::person("ann", Role::Trainee);
    let supervisor = || Actor::person("sue", Role::Supervisor);
    let (gus, eva) = (Actor::person("gus", Role::Trainer), Actor::person("eva", Role::Trainer));
    let admin = || Actor::person("admin", Role::TrainingAdmin);
    let nominate = |mandatory: bool, kind: &str| {
        json!({
            "session": other("session"), "trainee": { "id": "ann", "role": "agent" }, "source": "plan",
            "mandatory": mandatory, "assessment": { "kind": kind, "pass_mark": 80 }, "title": "退款流程",
            "type": "onboarding", "certifies": "refunds",
        })
    };
    let notice = |start: &str| json!({ "message_ref": "msg/1", "start": start });
    let reason = json!({ "reason": "家中有事" });
    let (sitting, none) = (json!({ "sitting_no": 1 }), json!({}));
    let grade = |score: u8| json!({ "score": score, "rubric": "rubric/1" });
    let force = json!({ "reason": "演练", "approver": { "id": "manager", "role": "dept_manager" } });
    let closes = json!({ "closes": "2026-03-18T10:00:00.000Z" });
    let coming = json!({ "sitting_no": 1, "at": "2026-03-11T02:00:00.000Z", "method": "qr" });
    let leaving = json!({ "sitting_no": 1, "at": "2026-03-11T02:00:00.000Z" });
    vec![
        sample("nominate", "mandatory", system(), nominate(true, "exam")),
        sample("nominate", "optional", system(), nominate(false, "none")),
        sample("notify", "short", system(), notice("2026-03-11T02:05:00.000Z")),
        sample("notify", "ahead", system(), notice("2026-03-20T01:00:00.000Z")),
        sample("confirm_attendance", "", trainee(), none.clone()),
        sample("decline", "", trainee(), reason.clone()),
        sample("request_leave", "", trainee(), reason.clone()),
        sample("approve_leave", "emergency", supervisor(), json!({ "comment": "急诊" })),
        sample("deny_leave", "", supervisor(), none.clone()),
        sample("check_in", "", trainee(), coming),
        sample("check_out", "", trainee(), leaving),
        sample("mark_absent", "", system(), sitting),
        sample("sitting_ended", "", system(), json!({ "sitting_no": 1, "minutes": 120 })),
        sample("session_ended", "short", system(), json!({ "total_minutes": 0 })),
        sample("session_ended", "long", system(), json!({ "total_minutes": 120 })),
        sample("session_postponed", "", system(), json!({ "reason": "讲师生病" })),
        sample("session_cancelled", "", system(), json!({ "reason": "预算取消" })),
        sample("explain_absence", "", trainee(), reason.clone()),
        sample("accept_explanation", "", supervisor(), none.clone()),
        sample("reject_explanation", "", supervisor(), none),
        sample("assessment_opened", "", system(), closes),
        sample("start_attempt", "first", trainee(), json!({ "n": 1 })),
        sample("start_attempt", "second", trainee(), json!({ "n": 2 })),
        sample("submit_attempt", "", trainee(), json!({ "answers_ref": "answers/1" })),
        sample("grade", "passes", gus.clone(), grade(80)),
        sample("grade", "fails", gus, grade(79)),
        sample("appeal", "", trainee(), reason),
        sample("regrade", "passes", eva.clone(), grade(80)),
        sample("regrade", "fails", eva, grade(79)),
        sample("schedule_retake", "", admin(), json!({ "at": "2026-03-25T02:00:00.000Z" })),
        sample("answer_survey", "", trainee(), json!({ "items": { "content": 5, "lecturer": 4 } })),
        sample("withdraw", "left", admin(), json!({ "reason": "left" })),
        sample("force_closed", "approved", Actor::person("owner", Role::ProcessOwner), force),
        sample(TIMER_FIRED, "explain_end", Actor::timer(), json!({ "timer": EXPLAIN_END })),
    ]
}
