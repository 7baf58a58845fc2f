//! Owns example events: so many that every row is reached, so few that the configurations stay countable.

use serde_json::{Map, Value, json};

use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::id::InstanceId;
use crate::kernel::machine::Sample;
use crate::workflows::row::object;

/// Wednesday 10:00 in Shanghai, the moment that samples are written for.
const NOW: &str = "2026-03-11T02:00:00Z";
/// The same day, 18:00.
const TODAY_LATE: &str = "2026-03-11T10:00:00Z";
const NEXT_WEEK: &str = "2026-03-18T10:00:00Z";
const CUSTOMER: &str = "c-1027";

fn sample(event: &'static str, label: &'static str, actor: Actor, payload: Value) -> Sample {
    Sample { label, event, payload: object(payload), actor, facts: Map::new() }
}

/// A sample with answers to the facts it needs.
trait Knowing {
    fn knowing(self, facts: Value) -> Self;
}

impl Knowing for Sample {
    fn knowing(mut self, facts: Value) -> Self {
        self.facts = object(facts);
        self
    }
}

fn customer() -> Actor {
    Actor::person(CUSTOMER, Role::Customer)
}

fn gateway() -> Actor {
    Actor { id: "dialler".into(), kind: ActorKind::Service, role: Role::Gateway, on_behalf_of: None }
}

fn agent() -> Actor {
    Actor::person("agent-a", Role::Agent)
}

fn supervisor() -> Actor {
    Actor::person("supervisor", Role::Supervisor)
}

fn source() -> InstanceId {
    InstanceId::derive(CUSTOMER, &["source"])
}

/// Example events of every kind.
pub(super) fn samples() -> Vec<Sample> {
    [starts(), attempts(), answers(), decisions(), common()].concat()
}

fn starts() -> Vec<Sample> {
    let plan = |label, actor, kind: &str, more: Value| {
        let mut payload = object(json!({
            "type": kind, "customer_id": CUSTOMER, "channel_pref": ["phone", "email"], "window_from": NOW,
            "due_by": NEXT_WEEK, "script_id": kind, "language": "zh-CN"
        }));
        payload.extend(object(more));
        sample("plan", label, actor, Value::Object(payload))
            .knowing(json!({ "dealings": [], "count": 0, "other": null }))
    };
    let about = |depth: u32| json!({ "source_case": source(), "chain_depth": depth });
    vec![
        plan("complaint", Actor::system(), "post_complaint", about(1)),
        plan("deep", Actor::system(), "post_complaint", about(3)),
        plan("missed", Actor::system(), "missed_call", about(1)),
        plan("periodic", agent(), "periodic", json!({})),
        plan("opted_out", agent(), "periodic", json!({}))
            .knowing(json!({ "dealings": [], "count": 1, "other": null })),
    ]
}

fn attempts() -> Vec<Sample> {
    let result = |label, actor, outcome: &str, channel: &str| {
        let payload = json!({ "outcome": outcome, "channel": channel, "seconds": 20 });
        sample("attempt_result", label, actor, payload)
    };
    vec![
        sample("claim", "agent", agent(), json!({})),
        sample("release", "agent", agent(), json!({})),
        result("connected", agent(), "connected", "phone"),
        result("busy", gateway(), "busy", "phone"),
        result("no_answer", agent(), "no_answer", "phone"),
        result("rejected", agent(), "rejected", "phone"),
        result("wrong_number", agent(), "wrong_number", "phone"),
        result("channel_closed", agent(), "channel_closed", "email"),
        sample("schedule", "customer", agent(), json!({ "at": TODAY_LATE, "by": "customer" })),
        sample("contact_fixed", "phone", agent(), json!({ "phone": "139-0000-0000" })),
    ]
}

fn answers() -> Vec<Sample> {
    let record = |label, actor, payload: Value| sample("record", label, actor, payload);
    vec![
        record("positive", agent(), json!({ "score": 5, "resolved": true, "suggestions": ["再快一点"] })),
        record("neutral", agent(), json!({ "score": 3, "resolved": true, "suggestions": ["再快一点"] })),
        record("low", agent(), json!({ "score": 2, "resolved": true, "comment": "一般般" })),
        record("worst", agent(), json!({ "score": 1, "resolved": false })),
        record("unscored", agent(), json!({ "resolved": false })),
        record("written", customer(), json!({ "score": 4, "resolved": true })),
        record("written_low", customer(), json!({ "score": 1, "resolved": true })),
        record("written_neutral", customer(), json!({ "score": 3, "resolved": true })),
        record("written_unscored", customer(), json!({ "resolved": true })),
        sample("opt_out", "survey", customer(), json!({ "scope": "survey" }))
            .knowing(json!({ "dealings": [] })),
    ]
}

fn decisions() -> Vec<Sample> {
    let dispose = |label, decision: &str| {
        sample("dispose", label, supervisor(), json!({ "decision": decision, "note": "经核实" }))
    };
    let settled = json!({
        "id": source(), "workflow": "complaint", "state": "settled.satisfied", "customer_id": CUSTOMER
    });
    vec![
        dispose("reopens", "reopen_source").knowing(json!({ "case": settled })),
        dispose("complains", "new_complaint"),
        dispose("improves", "improvement"),
        dispose("explains", "explain"),
        sample("cancel", "supervisor", supervisor(), json!({ "reason": "重复" })),
    ]
}

fn common() -> Vec<Sample> {
    let second = json!({ "id": "supervisor", "role": "supervisor" });
    let subject = json!({ "subject_id": CUSTOMER, "basis": "PIPL 47" });
    let officer = || Actor::person("officer", Role::PrivacyOfficer);
    vec![
        sample("note_added", "internal", agent(), json!({ "text_ref": "doc:5", "visibility": "internal" })),
        sample(
            "force_closed",
            "approved",
            Actor::person("owner", Role::ProcessOwner),
            json!({ "reason": "演练", "approver": second }),
        ),
        sample("subject_erased", "customer", officer(), subject.clone()),
        sample("subject_restricted", "customer", officer(), subject),
    ]
}
