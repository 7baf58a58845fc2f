//! Owns example events: one way through every row. The sittings begin within two hours of their moment, so
//! that both can be started; the notice is short, and a process owner agrees.

use serde_json::{Value, json};

use crate::kernel::actor::{Actor, Role};
use crate::kernel::effect::Spawn;
use crate::kernel::explore::explored_id;
use crate::kernel::id::InstanceId;
use crate::kernel::machine::Sample;
use crate::workflows::row::object;

fn sample(event: &'static str, label: &'static str, actor: Actor, payload: Value) -> Sample {
    Sample { label, event, payload: object(payload), actor, facts: object(known()) }
}

/// What the engine tells: the plan, and that the lecturer is free.
fn known() -> Value {
    let budget = json!({ "amount": "1000", "currency": "CNY" });
    let plan = json!({
        "id": plan(), "workflow": "training_plan", "state": "active",
        "data": { "/items": [{ "no": 1, "budget": budget }] },
    });
    json!({ "other": plan, "among": [] })
}

fn plan() -> InstanceId {
    InstanceId::derive("samples", &["plan"])
}

/// What the one enrolment of the class tells.
fn changed(status: &str) -> Value {
    let enrollment = Spawn::child_of(&explored_id("training_session"), "enrollment", 1);
    json!({
        "enrollment": enrollment, "status": status, "can_retake": status == "failed",
        "final": status.starts_with("closed."), "surveyed": status == "closed.passed",
    })
}

/// Example events of every kind.
pub(super) fn samples() -> Vec<Sample> {
    let system = Actor::system;
    let admin = || Actor::person("admin", Role::TrainingAdmin);
    let owner = || Actor::person("owner", Role::ProcessOwner);
    let trainer = || Actor::person("tom", Role::Trainer);
    let draft = |assessment: Value| {
        json!({
            "title": "退款流程", "type": "in_service", "mode": "lecture", "competencies": ["refunds"],
            "sittings": [], "capacity": 1, "budget": { "amount": "800", "currency": "CNY" },
            "assessment": assessment, "mandatory": true, "plan_item": { "plan": plan(), "no": 1 },
        })
    };
    let mut dear = draft(json!({ "kind": "none", "pass_mark": 0, "justification": "只作交流" }));
    dear["budget"]["amount"] = json!("1000.01");
    let sitting = |no: u32, start: &str, end: &str| {
        json!({
            "no": no, "start": start, "end": end, "place": "A301", "mandatory": true,
        })
    };
    let first = sitting(1, "2026-03-11T02:30:00.000Z", "2026-03-11T03:30:00.000Z");
    let second = sitting(2, "2026-03-11T03:40:00.000Z", "2026-03-11T04:00:00.000Z");
    let third = sitting(3, "2026-03-12T01:00:00.000Z", "2026-03-12T02:00:00.000Z");
    let schedule = |sittings: Value| {
        let lecturer = json!({ "person": { "id": "tom", "role": "trainer" } });
        json!({ "sittings": sittings, "lecturer": lecturer, "organiser": "service_dept" })
    };
    let urgent = json!({ "message_ref": "msg/1", "urgent_by": { "id": "owner", "role": "process_owner" } });
    let enroll = json!({ "trainee": { "id": "ann", "role": "agent" }, "source": "manager" });
    let (why, none) = (json!({ "reason": "讲师生病" }), json!({}));
    let no = |no: u32| json!({ "sitting_no": no });
    let action = json!({ "measure": "补充案例", "owner": { "id": "li", "role": "training_admin" }, "due": "2026-04-30" });
    let force = json!({ "reason": "演练", "approver": { "id": "manager", "role": "dept_manager" } });
    vec![
        sample("draft", "examined", admin(), draft(json!({ "kind": "exam", "pass_mark": 80 }))),
        sample("draft", "dear", admin(), dear),
        sample("submit", "", admin(), none.clone()),
        sample("approve", "", owner(), none.clone()),
        sample("reject", "", owner(), none.clone()),
        sample("schedule", "two", admin(), schedule(json!([first, second]))),
        sample("schedule", "three", admin(), schedule(json!([first, second, third]))),
        sample("publish_notice", "urgent", admin(), urgent),
        sample("enroll", "", system(), enroll),
        sample("postpone", "", admin(), why.clone()),
        sample("cancel", "", admin(), why),
        sample("start_sitting", "first", trainer(), no(1)),
        sample("start_sitting", "second", trainer(), no(2)),
        sample("end_sitting", "first", trainer(), no(1)),
        sample("end_sitting", "second", trainer(), no(2)),
        sample("open_assessment", "", admin(), none.clone()),
        sample("close_assessment", "", admin(), none.clone()),
        sample("enrollment_changed", "attended", system(), changed("attended")),
        sample("enrollment_changed", "failed", system(), changed("failed")),
        sample("enrollment_changed", "passed", system(), changed("closed.passed")),
        sample("close_survey", "", system(), none),
        sample("review", "", admin(), json!({ "findings": "案例偏少", "actions": [action] })),
        sample("archive", "", admin(), json!({ "record_ref": "file/1" })),
        sample("force_closed", "approved", owner(), force),
    ]
}
