//! Owns example events: so many that every row is reached, so few that the configurations stay countable.

use serde_json::{Value, json};

use super::REOPEN_WINDOW;
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::id::InstanceId;
use crate::kernel::machine::Sample;
use crate::kernel::outcome::TIMER_FIRED;
use crate::workflows::row::object;

/// The moment that the samples are written for: a Wednesday, ten o'clock in Shanghai.
/// Times promised in them lie within policy's range from then.
pub const SAMPLES_AT: &str = "2026-03-11T02:00:00Z";

/// Six business hours after [`SAMPLES_AT`].
const IN_SIX_HOURS: &str = "2026-03-11T09:00:00Z";
const CUSTOMER: &str = "c-1027";

fn sample(event: &'static str, label: &'static str, actor: Actor, payload: Value) -> Sample {
    Sample { label, event, payload: object(payload), actor, facts: serde_json::Map::new() }
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
    Actor { id: "wecom".into(), kind: ActorKind::Service, role: Role::Gateway, on_behalf_of: None }
}

fn agent() -> Actor {
    Actor::person("agent-a", Role::Agent)
}

fn supervisor() -> Actor {
    Actor::person("supervisor", Role::Supervisor)
}

fn handler() -> Actor {
    Actor::person("handler", Role::DeptHandler)
}

fn another_case() -> InstanceId {
    InstanceId::derive(CUSTOMER, &["master"])
}

/// Example events of every kind.
pub(super) fn samples() -> Vec<Sample> {
    [starts(), telephone(), intake(), messages(), departments(), answers(), endings(), common(), timers()]
        .concat()
}

fn starts() -> Vec<Sample> {
    let none = || json!({ "customer_cases": [], "open_case": null });
    let submit = |channel: &str| {
        json!({
            "customer_id": CUSTOMER, "channel": channel, "subject": "发票", "body_ref": "msg:1",
            "category": "after_sale", "problem_type": "invoice", "external_ref": "crm-1",
            "happened_at": "2026-03-10T01:00:00Z", "impact_scope": "一张发票"
        })
    };
    vec![
        sample("submit", "mail", customer(), submit("email")).knowing(none()),
        sample("submit", "call", gateway(), submit("phone")).knowing(none()),
    ]
}

fn telephone() -> Vec<Sample> {
    let who = json!({ "id": "agent-a", "role": "agent" });
    vec![
        sample("ring", "rings", gateway(), json!({ "ring_seconds": 10, "extension": "8001" })),
        sample("answer_call", "picked_up", gateway(), json!({ "ring_seconds": 12, "agent": who })),
        sample("hang_up", "hung_up", gateway(), json!({ "ring_seconds": 16 })),
    ]
}

fn intake() -> Vec<Sample> {
    vec![
        sample("accept", "agent", agent(), json!({})),
        sample("record_details", "type", agent(), json!({ "problem_type": "invoice" })),
        sample(
            "auto_reply_sent",
            "off_hours",
            Actor::system(),
            json!({ "template_id": "off_hours", "period_key": "2026-03-10T10:00:00.000Z" }),
        ),
    ]
}

fn messages() -> Vec<Sample> {
    let reply = |label, intent: &str| {
        sample("customer_reply", label, gateway(), json!({ "message_ref": "msg:2", "intent": intent }))
            .knowing(json!({ "on_shift": true }))
    };
    vec![
        sample("respond", "human", agent(), json!({ "message_ref": "msg:3", "human": true })),
        sample(
            "respond",
            "promise",
            agent(),
            json!({ "message_ref": "msg:3", "human": true, "promised_by": IN_SIX_HOURS, "reason": "核实" }),
        ),
        sample("respond", "bot", gateway(), json!({ "message_ref": "msg:3", "human": false })),
        sample("request_info", "asks", agent(), json!({ "message_ref": "msg:4", "questions": ["订单号？"] })),
        sample("progress_update", "news", agent(), json!({ "message_ref": "msg:5" })),
        sample(
            "progress_update",
            "new_promise",
            agent(),
            json!({ "message_ref": "msg:5", "new_promise": IN_SIX_HOURS, "reason": "核实" }),
        ),
        reply("info", "info"),
        reply("thanks", "thanks"),
        reply("dissatisfied", "dissatisfied"),
        reply("unknown", "unknown"),
        reply("new_issue", "new_issue"),
    ]
}

fn departments() -> Vec<Sample> {
    let transfer = |label, purpose: &str| {
        sample(
            "transfer_department",
            label,
            agent(),
            json!({
                "department": "service", "purpose": purpose, "handoff_note": "客户的发票抬头开错，请处理。",
                "expected_by": IN_SIX_HOURS
            }),
        )
    };
    let reply = |label, verified: bool| {
        let payload = json!({ "answer_ref": "doc:1", "verified": verified });
        sample("department_reply", label, handler(), payload)
    };
    let escalate = |label, level: &str| {
        let payload =
            json!({ "level": level, "reason": "复杂", "promised_by": IN_SIX_HOURS, "told_customer": true });
        sample("escalate", label, agent(), payload)
    };
    vec![
        transfer("answer", "answer"),
        transfer("verify", "verify"),
        reply("verified", true),
        reply("unverified", false),
        sample("department_return", "not_ours", handler(), json!({ "reason": "不属本部门" })),
        sample("arbitrate", "names", supervisor(), json!({ "department": "sales" })),
        escalate("senior", "senior"),
        escalate("manager", "manager"),
        sample("escalate", "system", Actor::system(), json!({ "level": "supervisor", "reason": "超时" })),
    ]
}

fn answers() -> Vec<Sample> {
    let answer = json!({ "message_ref": "msg:6", "solution_ref": "doc:2", "confirmed_in_contact": false });
    let confirm = |label, satisfied: bool| {
        sample("confirm", label, customer(), json!({ "satisfied": satisfied, "score": 4 }))
            .knowing(json!({ "on_shift": true }))
    };
    vec![
        sample("answer", "uncited", agent(), answer).knowing(json!({ "count": 4 })),
        sample(
            "answer",
            "in_contact",
            agent(),
            json!({
                "message_ref": "msg:6", "solution_ref": "doc:2", "kb_article": "kb-7",
                "steps": ["重启"], "confirmed_in_contact": true, "recording_ref": "rec:1", "score": 5
            }),
        ),
        confirm("satisfied", true),
        confirm("unsatisfied", false),
        sample("reopen", "on_shift", customer(), json!({ "reason": "又坏了" }))
            .knowing(json!({ "on_shift": true })),
        sample("reopen", "off_shift", customer(), json!({ "reason": "又坏了" }))
            .knowing(json!({ "on_shift": false })),
    ]
}

fn endings() -> Vec<Sample> {
    let master = json!({
        "id": another_case(), "workflow": "consultation", "state": "open.intake.received",
        "customer_id": CUSTOMER
    });
    vec![
        sample("withdraw", "customer", customer(), json!({})),
        sample("mark_duplicate", "of_open", agent(), json!({ "of": another_case() }))
            .knowing(json!({ "case": master })),
        sample("mark_invalid", "spam", agent(), json!({ "reason": "spam" })),
        sample(
            "convert",
            "complaint",
            agent(),
            json!({ "to_flow": "complaint", "reason": "客户投诉", "child": { "facts": "发票开错" } }),
        )
        .knowing(json!({ "registered": true })),
    ]
}

fn common() -> Vec<Sample> {
    let owner = Actor::person("owner", Role::ProcessOwner);
    let second = json!({ "id": "supervisor", "role": "supervisor" });
    vec![
        sample(
            "assigned",
            "person",
            supervisor(),
            json!({ "to": { "person": { "id": "agent-a", "role": "agent" } }, "reason": "值班" }),
        ),
        sample("assigned", "queue", supervisor(), json!({ "to": { "queue": "general" }, "reason": "换班" })),
        sample("note_added", "internal", agent(), json!({ "text_ref": "doc:3", "visibility": "internal" })),
        sample(
            "satisfaction_recorded",
            "resolved",
            Actor::system(),
            json!({ "score": 5, "resolved": true, "callback": another_case() }),
        ),
        sample(
            "satisfaction_recorded",
            "unresolved",
            Actor::system(),
            json!({ "score": 2, "resolved": false, "callback": another_case() }),
        ),
        sample("force_closed", "approved", owner, json!({ "reason": "演练", "approver": second })),
        sample("late_inbound", "thanks", gateway(), json!({ "message_ref": "msg:9", "intent": "thanks" }))
            .knowing(json!({ "on_shift": true })),
        sample("late_inbound", "unknown", gateway(), json!({ "message_ref": "msg:9", "intent": "unknown" }))
            .knowing(json!({ "on_shift": true })),
    ]
}

/// A timer fires by itself; what stands here is what it is told when it does.
fn timers() -> Vec<Sample> {
    let fired = sample(TIMER_FIRED, REOPEN_WINDOW, Actor::timer(), json!({ "timer": REOPEN_WINDOW }));
    vec![fired.knowing(json!({ "on_shift": true }))]
}
