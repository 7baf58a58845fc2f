//! Owns example events: one way through every row. The class ended so long ago that both can be measured.

use serde_json::{Map, Value, json};

use crate::kernel::actor::{Actor, Role};
use crate::kernel::id::InstanceId;
use crate::kernel::machine::Sample;
use crate::workflows::row::object;

fn sample(event: &'static str, label: &'static str, actor: Actor, payload: Value) -> Sample {
    Sample { label, event, payload: object(payload), actor, facts: Map::new() }
}

/// Example events of every kind.
pub(super) fn samples() -> Vec<Sample> {
    let admin = || Actor::person("admin", Role::TrainingAdmin);
    let opened = json!({
        "session": InstanceId::derive("samples", &["session"]),
        "attendees": [{ "id": "ann", "role": "agent" }], "ended": "2025-12-05",
    });
    let finding = |metric: &str| json!({ "before": "81.5", "after": "88", "n": 40, "metric": metric });
    let force = json!({ "reason": "演练", "approver": { "id": "manager", "role": "dept_manager" } });
    vec![
        sample("open_review", "", Actor::system(), opened),
        sample("record_l3", "", admin(), finding("qi_score")),
        sample("record_l4", "", admin(), finding("csat")),
        sample("force_closed", "approved", Actor::person("owner", Role::ProcessOwner), force),
    ]
}
