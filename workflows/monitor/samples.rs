//! Owns example events: one way through every row.

use serde_json::{Value, json};

use super::{DORMANT, PERIODIC};
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

fn gateway() -> Actor {
    Actor::person("crm", Role::Gateway)
}

#[expect(clippy::needless_pass_by_value, reason = "callers write `json!` in place")]
fn told(label: &'static str, watched: &Value, seen: Value) -> Sample {
    // Whoever goes to training is brought into a class that comes: here there is none.
    let facts = json!({ "among": [] });
    sample("observe", label, Actor::system(), json!({ "watched": watched, "seen": seen }), facts)
}

fn complained(label: &'static str, customer: &Value) -> Sample {
    let seen = json!({ "complained": {
        "case": other(label), "channel": "email", "tier": "vip", "priority": "normal",
    } });
    told(label, customer, seen)
}

fn of_customer() -> Vec<Sample> {
    let customer = json!({ "customer": "c-1027" });
    let contact = json!({ "contact": { "case": other("question"), "channel": "phone", "tier": "normal" } });
    let by_gateway = |label, seen: &str| {
        let payload = json!({ "watched": customer, "seen": seen });
        sample("observe", label, gateway(), payload, json!({}))
    };
    vec![
        told("contact", &customer, contact),
        complained("complaint", &customer),
        complained("second_complaint", &customer),
        complained("third_complaint", &customer),
        told("copy", &customer, json!({ "not_complained": { "case": other("complaint") } })),
        by_gateway("added", "customer_added"),
        by_gateway("changed", "info_changed"),
        by_gateway("saved", "profile_saved"),
    ]
}

fn of_agent() -> Vec<Sample> {
    let agent = json!({ "agent": { "id": "ann", "role": "agent" } });
    let upheld = |label| told(label, &agent, json!({ "upheld": { "case": other(label) } }));
    let critical = |label| {
        let payload = json!({ "watched": agent, "seen": { "critical_error": { "inspection": label } } });
        sample("observe", label, Actor::person("qi", Role::QaInspector), payload, json!({ "among": [] }))
    };
    let by_gateway = |label, seen: Value| {
        let payload = json!({ "watched": agent, "seen": seen });
        sample("observe", label, gateway(), payload, json!({}))
    };
    let learnt = |label, competencies: &[&str]| {
        let seen = json!({ "enrollment": other("enrollment"), "competencies": competencies });
        told(label, &agent, json!({ "learnt": seen }))
    };
    vec![
        upheld("upheld"),
        upheld("second_upheld"),
        upheld("third_upheld"),
        told("upheld_no_more", &agent, json!({ "upheld_no_more": { "case": other("upheld") } })),
        told("scored", &agent, json!({ "scored": { "case": other("question"), "score": 5 } })),
        critical("error"),
        critical("second_error"),
        told("enrolled", &agent, json!({ "enrolled": { "enrollment": other("enrollment") } })),
        by_gateway("hired", json!({ "hired": { "on": "2026-03-02" } })),
        by_gateway("left", json!("left")),
        learnt("learnt_some", &["culture", "product", "refunds"]),
        learnt("learnt", &["culture", "product", "concept", "process", "communication"]),
        told("unenrolled", &agent, json!({ "unenrolled": { "enrollment": other("enrollment") } })),
    ]
}

fn of_things() -> Vec<Sample> {
    let cause = json!({ "cause": "training" });
    let caused = |label| told(label, &cause, json!({ "caused": { "case": other(label) } }));
    let missed = json!({ "target_missed": {
        "report": other("report"), "period_from": "2026-01-31T16:00:00.000Z",
        "target": "90", "actual": "87.50", "n": 40,
    } });
    let due = json!({ "due": {
        "task": "review_knowledge", "role": "senior_agent", "due": "2026-03-31T16:00:00.000Z",
    } });
    vec![
        caused("caused"),
        caused("caused_2"),
        caused("caused_3"),
        caused("caused_4"),
        caused("caused_5"),
        told("caused_no_more", &cause, json!({ "caused_no_more": { "case": other("caused") } })),
        told("missed", &json!({ "kpi": "K04" }), missed),
        told("due", &json!({ "duty": "kb_review" }), due),
    ]
}

/// Example events of every kind.
pub(super) fn samples() -> Vec<Sample> {
    let train = json!({ "rule": "upheld_complaints", "month": "2026-03" });
    let force = json!({ "reason": "离职", "approver": { "id": "manager", "role": "dept_manager" } });
    let open = json!({
        "id": other("question"), "workflow": "consultation", "state": "open.intake.received",
        "at": "2026-03-11T02:00:00.000Z", "tier": "normal",
    });
    let silent = json!({ "timer": DORMANT });
    let periodic = json!({ "timer": PERIODIC });
    let mut samples = of_customer();
    samples.extend(of_agent());
    samples.extend(of_things());
    samples.extend([
        sample("train", "", Actor::system(), train, json!({ "among": [] })),
        sample("force_closed", "approved", Actor::person("owner", Role::ProcessOwner), force, json!({})),
        sample(TIMER_FIRED, "silent", Actor::timer(), silent.clone(), json!({ "contacts": [] })),
        sample(TIMER_FIRED, "in_touch", Actor::timer(), silent, json!({ "contacts": [open] })),
        sample(TIMER_FIRED, "again", Actor::timer(), periodic, json!({ "contacts": [] })),
    ]);
    samples
}
