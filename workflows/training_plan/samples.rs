//! Owns example events: one way through every row. The year is the one that runs at their moment.

use serde_json::{Value, json};

use crate::kernel::actor::{Actor, Role};
use crate::kernel::machine::Sample;
use crate::workflows::row::object;

fn sample(event: &'static str, label: &'static str, actor: Actor, payload: Value) -> Sample {
    Sample { label, event, payload: object(payload), actor, facts: object(json!({ "open_case": null })) }
}

/// Example events of every kind.
pub(super) fn samples() -> Vec<Sample> {
    let admin = || Actor::person("admin", Role::TrainingAdmin);
    let owner = || Actor::person("owner", Role::ProcessOwner);
    let item = json!({
        "no": 1, "goal": "refunds", "content": "退款流程", "mode": "lecture", "time": "2026-06-15",
        "budget": { "amount": "1000", "currency": "CNY" },
    });
    // Its class is drafted after the year, and before the plan is closed by itself.
    let mut late = item.clone();
    late["time"] = json!("2027-02-05");
    let items = json!({ "items": [item] });
    let amended = json!({
        "items": [item], "reason": "战略调整", "approver": { "id": "owner", "role": "process_owner" },
    });
    let force = json!({ "reason": "演练", "approver": { "id": "manager", "role": "dept_manager" } });
    vec![
        sample("draft_plan", "whole", admin(), json!({ "year": 2026, "items": [item] })),
        sample("edit_items", "same", admin(), items),
        sample("edit_items", "late", admin(), json!({ "items": [late] })),
        sample("submit", "", admin(), json!({})),
        sample("approve", "", owner(), json!({})),
        sample("reject", "", owner(), json!({ "comment": "预算过高" })),
        sample("amend", "", admin(), amended),
        sample("item_status", "open", Actor::system(), json!({ "no": 1, "status": "open" })),
        sample("item_status", "archived", Actor::system(), json!({ "no": 1, "status": "archived" })),
        sample("close_year", "", admin(), json!({})),
        sample("force_closed", "approved", owner(), force),
    ]
}
