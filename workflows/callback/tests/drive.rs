//! Owns a callback in memory, with who and what its tests send.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::Callback;
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::machine::Workflow;
use crate::kernel::step::Typed;
pub(super) use crate::workflows::driven::at;
use crate::workflows::driven::{Driven, Flow};

/// The flow under test.
pub(super) struct Calling;

/// One callback.
pub(super) type Drive = Driven<Calling>;

impl Flow for Calling {
    type Data = Callback;

    fn workflow() -> Arc<dyn Workflow> {
        Arc::new(workflow())
    }

    fn facts() -> Value {
        json!({ "dealings": [], "count": 0, "other": null, "case": null })
    }
}

pub(super) fn workflow() -> Typed<Callback> {
    Typed::new()
}

pub(super) fn agent(id: &str) -> Actor {
    Actor::person(id, Role::Agent)
}

pub(super) fn supervisor() -> Actor {
    Actor::person("supervisor", Role::Supervisor)
}

pub(super) fn customer() -> Actor {
    Actor::person("c-1027", Role::Customer)
}

pub(super) fn gateway() -> Actor {
    Actor { id: "dialler".into(), kind: ActorKind::Service, role: Role::Gateway, on_behalf_of: None }
}

/// A periodic callback that may begin at once.
pub(super) fn plan() -> Value {
    json!({
        "type": "periodic", "customer_id": "c-1027", "channel_pref": ["phone"],
        "window_from": at("2026-03-11T10:00:00+08:00"), "due_by": at("2026-03-18T18:00:00+08:00"),
        "script_id": "s-1", "language": "zh-CN"
    })
}

/// What came of an attempt.
pub(super) fn result(outcome: &str, channel: &str) -> Value {
    json!({ "outcome": outcome, "channel": channel, "seconds": 20 })
}

impl Driven<Calling> {
    /// A callback planned by `actor`, `more` on top of the plain one.
    pub(super) fn planned(actor: Actor, more: Value) -> Self {
        let mut drive = Self::new();
        drive.plan(actor, more);
        drive
    }

    /// Plans it.
    pub(super) fn plan(&mut self, actor: Actor, more: Value) {
        self.send(actor, "plan", with(more));
    }

    /// One that somebody can call.
    pub(super) fn queued(more: Value) -> Self {
        let mut drive = Self::planned(Actor::system(), more);
        drive.fire("WINDOW_OPEN");
        drive
    }

    /// Agent A calls, and `outcome` comes of it.
    pub(super) fn call(&mut self, outcome: &str) {
        self.send(agent("agent-a"), "claim", json!({}));
        self.send(agent("agent-a"), "attempt_result", result(outcome, "phone"));
    }
}

/// The plain plan with `more` on top.
pub(super) fn with(more: Value) -> Value {
    let mut payload = plan();
    let (Value::Object(payload_map), Value::Object(more)) = (&mut payload, more) else { panic!("objects") };
    payload_map.extend(more);
    payload
}
