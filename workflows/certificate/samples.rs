//! Owns example events: one way through every row.

use serde_json::{Value, json};

use super::EXPIRING;
use crate::kernel::actor::{Actor, Role};
use crate::kernel::id::InstanceId;
use crate::kernel::machine::Sample;
use crate::kernel::outcome::TIMER_FIRED;
use crate::workflows::row::object;

fn sample(event: &'static str, label: &'static str, actor: Actor, payload: Value, facts: Value) -> Sample {
    Sample { label, event, payload: object(payload), actor, facts: object(facts) }
}

fn other(name: &str) -> InstanceId {
    InstanceId::derive("samples", &[name])
}

fn admin() -> Actor {
    Actor::person("admin", Role::TrainingAdmin)
}

fn owner() -> Actor {
    Actor::person("owner", Role::ProcessOwner)
}

/// Example events of every kind.
pub(super) fn samples() -> Vec<Sample> {
    let issue = json!({
        "holder": { "id": "ann", "role": "agent" }, "kind": "refunds", "enrollment": other("enrollment"),
        "valid_from": "2026-03-11", "valid_to": "2027-03-10",
    });
    let none_open = json!({ "open_case": null });
    let open = json!({ "open_case": { "id": other("old"), "workflow": "certificate", "state": "expiring" } });
    let class = json!({
        "id": other("class"), "workflow": "training_session", "state": "preparing.scheduled",
        "data": { "/free": 3, "/sittings/0/start": "2027-01-20T01:00:00.000Z" },
    });
    let due = json!({ "timer": EXPIRING });
    let revoke = json!({ "reason": "代考", "approver": { "id": "owner", "role": "process_owner" } });
    let force = json!({ "reason": "演练", "approver": { "id": "manager", "role": "dept_manager" } });
    vec![
        sample("issue", "first", Actor::system(), issue.clone(), none_open),
        sample("issue", "again", Actor::system(), issue, open),
        sample("renewed_by", "", Actor::system(), json!({ "certificate": other("new") }), json!({})),
        sample("revoke", "approved", admin(), revoke, json!({})),
        sample("force_closed", "approved", owner(), force, json!({})),
        sample(TIMER_FIRED, "no_class", Actor::timer(), due.clone(), json!({ "among": [] })),
        sample(TIMER_FIRED, "class", Actor::timer(), due, json!({ "among": [class] })),
    ]
}
