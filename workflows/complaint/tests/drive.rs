//! Owns a complaint in memory, with who and what its tests send.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::Complaint;
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::machine::Workflow;
use crate::kernel::step::Typed;
pub(super) use crate::workflows::driven::at;
use crate::workflows::driven::{self, Driven, Flow};

/// The flow under test.
pub(super) struct Complaining;

/// One complaint.
pub(super) type Drive = Driven<Complaining>;

impl Flow for Complaining {
    type Data = Complaint;

    fn workflow() -> Arc<dyn Workflow> {
        Arc::new(workflow())
    }

    fn facts() -> Value {
        json!({ "subject_cases": [], "on_shift": true, "registered": false, "case": null, "superiors": {} })
    }
}

/// The shipped definition as a document.
pub(super) fn document() -> Value {
    driven::document("complaint")
}

pub(super) fn workflow() -> Typed<Complaint> {
    Typed::new()
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

pub(super) fn manager() -> Actor {
    Actor::person("manager", Role::DeptManager)
}

pub(super) fn owner() -> Actor {
    Actor::person("owner", Role::ProcessOwner)
}

pub(super) fn customer() -> Actor {
    Actor::person("c-1027", Role::Customer)
}

pub(super) fn gateway() -> Actor {
    Actor { id: "wecom".into(), kind: ActorKind::Service, role: Role::Gateway, on_behalf_of: None }
}

/// A complaint by mail about a product.
pub(super) fn complaint() -> Value {
    json!({
        "customer_id": "c-1027", "channel": "email", "facts": "客服态度恶劣。",
        "happened_at": "2026-03-10T01:00:00Z", "subjects": [{ "kind": "product", "id": "p-7" }],
        "remedy_sought": "道歉并退款", "evidence": ["msg:1"], "cause_claimed": "attitude"
    })
}

/// How grave it is.
pub(super) fn assessment(severity: &str, complexity: &str, safety: bool) -> Value {
    json!({
        "severity": severity, "complexity": complexity, "safety": safety, "cause": "attitude",
        "soothe_note": "已致歉并安抚"
    })
}

impl Driven<Complaining> {
    /// An assessed complaint of agent A: normal and simple.
    pub(super) fn assessed() -> Self {
        let mut drive = Self::after(&["register:mail", "acknowledge:agent"]);
        drive.send(agent("agent-a"), "assess", assessment("normal", "simple", false));
        drive
    }

    /// One whose apology the customer has heard of.
    pub(super) fn told() -> Self {
        let mut drive = Self::assessed();
        for step in [
            "dispatch:service",
            "dept_accept:takes",
            "submit_findings:upheld",
            "propose:free",
            "communicate:tells",
        ] {
            drive.take(step);
        }
        drive
    }

    /// One whose actions are all done.
    pub(super) fn awaiting() -> Self {
        let mut drive = Self::told();
        drive.take("customer_accepts:customer");
        drive.take("action_done:first");
        drive
    }

    /// One that the customer is satisfied with.
    pub(super) fn settled() -> Self {
        let mut drive = Self::awaiting();
        drive.take("confirm:satisfied");
        drive
    }
}
