//! Owns example events: one way through every row.

use serde_json::{Value, json};

use crate::kernel::actor::{Actor, Role};
use crate::kernel::id::InstanceId;
use crate::kernel::machine::Sample;
use crate::workflows::row::object;

fn sample(event: &'static str, label: &'static str, actor: Actor, payload: Value) -> Sample {
    let facts = json!({ "superiors": { "ann": ["sue"] } });
    Sample { label, event, payload: object(payload), actor, facts: object(facts) }
}

fn supervisor() -> Actor {
    Actor::person("sue", Role::Supervisor)
}

fn employee() -> Actor {
    Actor::person("ann", Role::Trainee)
}

fn owner() -> Actor {
    Actor::person("owner", Role::ProcessOwner)
}

/// Example events of every kind.
pub(super) fn samples() -> Vec<Sample> {
    let opening = json!({
        "enrollment": InstanceId::derive("samples", &["enrollment"]),
        "employee": { "id": "ann", "role": "agent" }, "cause": "absent",
    });
    let measure = |measure: &str| json!({ "measure": measure, "rationale": "三次缺席" });
    let decided = |measure: &str| {
        let second = json!({ "id": "hr", "role": "training_admin" });
        json!({ "measure": measure, "rationale": "三次缺席", "co_decider": second })
    };
    let force = json!({ "reason": "演练", "approver": { "id": "manager", "role": "dept_manager" } });
    vec![
        sample("open_consequence", "absent", Actor::system(), opening),
        sample("propose", "coaching", supervisor(), measure("coaching")),
        sample("propose", "nothing", supervisor(), measure("none")),
        sample("state_view", "", employee(), json!({ "statement": "我在医院", "evidence": "doc/7" })),
        sample("decide", "coaching", supervisor(), decided("coaching")),
        sample("decide", "nothing", supervisor(), decided("none")),
        sample("appeal", "", employee(), json!({ "reason": "不同意" })),
        sample("review_appeal", "retrain", owner(), measure("retrain")),
        sample("review_appeal", "nothing", owner(), measure("none")),
        sample("force_closed", "approved", owner(), force),
    ]
}
