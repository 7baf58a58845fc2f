//! Owns example events: one way through every row.

use serde_json::{Map, Value, json};

use super::DUE;
use crate::kernel::actor::{Actor, Role};
use crate::kernel::canonical;
use crate::kernel::machine::Sample;
use crate::kernel::outcome::TIMER_FIRED;

fn sample(event: &'static str, label: &'static str, actor: Actor, payload: Value) -> Sample {
    let payload = if let Value::Object(payload) = payload { payload } else { Map::new() };
    Sample { label, event, payload, actor, facts: Map::new() }
}

fn owner() -> Actor {
    Actor::person("owner", Role::ProcessOwner)
}

/// What freezes these figures; its hash is right.
pub(super) fn counted(figures: &Value, query: &str) -> Value {
    let hash = canonical::hash(&json!({ "figures": figures, "query": query }));
    let hash = hash.map(|hash| hash.to_string()).unwrap_or_default();
    json!({ "figures": figures, "query": query, "hash": hash })
}

/// Example events of every kind; the period is over at their moment.
pub(super) fn samples() -> Vec<Sample> {
    let february = json!({
        "report": "monthly_feedback",
        "period_from": "2026-01-31T16:00:00.000Z", "period_to": "2026-02-28T16:00:00.000Z",
        "due": "2026-03-12T10:00:00.000Z",
    });
    let second = json!({ "id": "manager", "role": "dept_manager" });
    vec![
        sample("report_due", "february", Actor::system(), february),
        sample("freeze", "counted", Actor::system(), counted(&json!({ "consultations": 120 }), "period")),
        sample("sign_off", "", owner(), json!({})),
        sample("force_closed", "approved", owner(), json!({ "reason": "演练", "approver": second })),
        sample(TIMER_FIRED, "due", Actor::timer(), json!({ "timer": DUE })),
    ]
}
