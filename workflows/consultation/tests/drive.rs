//! Owns a consultation in memory, with who and what its tests send.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::Consultation;
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::calendar::CalendarFile;
use crate::kernel::machine::Workflow;
use crate::kernel::step::Typed;
pub(super) use crate::workflows::driven::at;
use crate::workflows::driven::{self, Driven, Flow};

/// The flow under test.
pub(super) struct Asking;

/// One consultation.
pub(super) type Drive = Driven<Asking>;

impl Flow for Asking {
    type Data = Consultation;

    fn workflow() -> Arc<dyn Workflow> {
        Arc::new(workflow())
    }

    fn facts() -> Value {
        json!({
            "customer_cases": [], "open_case": null, "on_shift": true, "count": 0, "registered": false,
            "case": null
        })
    }
}

/// The shipped definition as a document.
pub(super) fn document() -> Value {
    driven::document("consultation")
}

pub(super) fn workflow() -> Typed<Consultation> {
    Typed::new()
}

/// The shipped calendar as its file says it.
pub(super) fn calendar_file() -> CalendarFile {
    driven::calendar_file("cn")
}

pub(super) fn agent(id: &str) -> Actor {
    Actor::person(id, Role::Agent)
}

pub(super) fn supervisor() -> Actor {
    Actor::person("supervisor", Role::Supervisor)
}

pub(super) fn handler() -> Actor {
    Actor::person("handler", Role::DeptHandler)
}

pub(super) fn customer() -> Actor {
    Actor::person("c-1027", Role::Customer)
}

pub(super) fn gateway() -> Actor {
    Actor { id: "wecom".into(), kind: ActorKind::Service, role: Role::Gateway, on_behalf_of: None }
}

/// A question by mail with everything that intake wants.
pub(super) fn mail() -> Value {
    json!({
        "customer_id": "c-1027", "channel": "email", "subject": "发票", "body_ref": "msg:1",
        "category": "after_sale", "problem_type": "invoice",
        "happened_at": "2026-03-10T01:00:00Z", "impact_scope": "一张发票"
    })
}

impl Driven<Asking> {
    /// An accepted question by mail, owned by agent A.
    pub(super) fn accepted() -> Self {
        let mut drive = Self::new();
        drive.send(gateway(), "submit", mail());
        drive.send(agent("agent-a"), "accept", json!({}));
        drive
    }
}
