//! Owns example events: so many that every row is reached, so few that the configurations stay countable.

use serde_json::{Map, Value, json};

use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::id::InstanceId;
use crate::kernel::machine::Sample;
use crate::workflows::row::object;

/// Wednesday 18:00 in Shanghai, the day that samples are written for.
const TODAY_LATE: &str = "2026-03-11T10:00:00Z";
const YESTERDAY: &str = "2026-03-10T02:00:00Z";
const THIS_MORNING: &str = "2026-03-11T01:30:00Z";
const NEXT_WEEK: &str = "2026-03-18T02:00:00Z";
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

fn manager() -> Actor {
    Actor::person("manager", Role::DeptManager)
}

fn owner() -> Actor {
    Actor::person("owner", Role::ProcessOwner)
}

fn another_case() -> InstanceId {
    InstanceId::derive(CUSTOMER, &["master"])
}

/// Example events of every kind.
pub(super) fn samples() -> Vec<Sample> {
    [
        starts(),
        intake(),
        departments(),
        plans(),
        words(),
        messages(),
        pauses(),
        reviews(),
        endings(),
        common(),
    ]
    .concat()
}

fn starts() -> Vec<Sample> {
    let payload = json!({
        "customer_id": CUSTOMER, "channel": "email", "facts": "客服态度恶劣。",
        "happened_at": "2026-03-10T01:00:00Z", "subjects": [{ "kind": "product", "id": "p-7" }],
        "remedy_sought": "道歉并退款", "evidence": ["msg:1"], "cause_claimed": "attitude"
    });
    vec![sample("register", "mail", customer(), payload).knowing(json!({ "subject_cases": [] }))]
}

fn intake() -> Vec<Sample> {
    let assess = |label, severity: &str, complexity: &str, safety: bool| {
        sample(
            "assess",
            label,
            agent(),
            json!({
                "severity": severity, "complexity": complexity, "safety": safety, "cause": "attitude",
                "soothe_note": "已致歉并安抚"
            }),
        )
    };
    vec![
        sample(
            "acknowledge",
            "agent",
            agent(),
            json!({ "handler_contact": "tel:8001", "expected_by": TODAY_LATE, "message_ref": "msg:2" }),
        ),
        sample(
            "reject_intake",
            "abusive",
            supervisor(),
            json!({ "reason_code": "abusive", "recourse_text": "可向监管部门反映", "message_ref": "msg:3" }),
        ),
        assess("minor", "minor", "simple", false),
        assess("critical", "critical", "complex", true),
        sample(
            "resolve_on_spot",
            "explains",
            agent(),
            json!({ "solution_ref": "doc:1", "finding": "upheld", "actions": [{ "no": 1, "type": "explain" }] }),
        ),
    ]
}

fn departments() -> Vec<Sample> {
    vec![
        sample(
            "dispatch",
            "service",
            agent(),
            json!({ "department": "service", "handoff_note": "客户投诉服务态度，请调查。" }),
        ),
        sample("dept_accept", "takes", handler(), json!({})),
        sample("dept_return", "not_ours", handler(), json!({ "reason": "不属本部门" })),
        sample("arbitrate", "names", supervisor(), json!({ "department": "sales" })),
        sample(
            "submit_findings",
            "upheld",
            handler(),
            json!({
                "finding": "upheld", "root_cause": "training", "systemic": false,
                "responsible": [{ "dept": "service" }], "evidence": ["doc:2"]
            }),
        ),
    ]
}

fn plans() -> Vec<Sample> {
    let refund = json!({ "no": 2, "type": "refund", "amount": { "amount": "50", "currency": "CNY" } });
    let propose = |label, actions: Value| {
        sample("propose", label, handler(), json!({ "actions": actions, "rationale": "依据调查结论" }))
    };
    vec![
        propose("free", json!([{ "no": 1, "type": "apologise" }])),
        propose("costly", json!([{ "no": 1, "type": "apologise" }, refund])),
        sample("approve", "owner", owner(), json!({})),
        sample("return_proposal", "owner", owner(), json!({ "comment": "请核实金额" })),
        sample(
            "communicate",
            "tells",
            agent(),
            json!({ "message_ref": "msg:4", "channel": "email", "told_recourse": true }),
        ),
        sample("action_done", "first", handler(), json!({ "action_no": 1, "evidence": "doc:3" })),
        sample("action_done", "second", handler(), json!({ "action_no": 2, "evidence": "doc:4" })),
    ]
}

fn words() -> Vec<Sample> {
    let confirm = |label, satisfied: bool| {
        sample("confirm", label, customer(), json!({ "satisfied": satisfied, "score": 4 }))
            .knowing(json!({ "on_shift": true }))
    };
    let attempt = |label, channel: &str, at: &str, outcome: &str| {
        sample("contact_attempt", label, agent(), json!({ "outcome": outcome, "channel": channel, "at": at }))
    };
    vec![
        sample("customer_accepts", "customer", customer(), json!({})),
        sample("customer_rejects", "customer", customer(), json!({ "reason": "不同意" })),
        confirm("satisfied", true),
        confirm("unsatisfied", false),
        attempt("no_answer", "phone", YESTERDAY, "no_answer"),
        attempt("busy", "sms", THIS_MORNING, "busy"),
        attempt("connected", "phone", THIS_MORNING, "connected"),
        sample("declare_unreachable", "notice", supervisor(), json!({ "notice_ref": "letter:1" })),
        sample("reopen", "customer", customer(), json!({ "reason": "又发生了" }))
            .knowing(json!({ "on_shift": true })),
    ]
}

fn messages() -> Vec<Sample> {
    let reply = |label, intent: &str| {
        sample("customer_reply", label, gateway(), json!({ "message_ref": "msg:5", "intent": intent }))
            .knowing(json!({ "on_shift": true }))
    };
    vec![
        sample(
            "request_info",
            "asks",
            agent(),
            json!({ "message_ref": "msg:6", "questions": ["订单号？"], "not_already_held": true }),
        ),
        sample("progress_update", "news", agent(), json!({ "message_ref": "msg:7" })),
        reply("info", "info"),
        reply("thanks", "thanks"),
        reply("dissatisfied", "dissatisfied"),
        reply("unknown", "unknown"),
        reply("new_issue", "new_issue"),
    ]
}

fn pauses() -> Vec<Sample> {
    vec![
        sample(
            "extend",
            "first",
            manager(),
            json!({ "days": 5, "reason": "需第三方资料", "notified_ref": "msg:8" }),
        ),
        sample("suspend", "litigation", manager(), json!({ "reason": "litigation", "until": NEXT_WEEK })),
        sample("resume", "manager", manager(), json!({})),
    ]
}

fn reviews() -> Vec<Sample> {
    let panel =
        json!([{ "id": "judge-1", "role": "supervisor" }, { "id": "judge-2", "role": "qa_inspector" }]);
    let decide = |label, decision: &str, more: Value| {
        let mut payload = object(json!({ "decision": decision, "panel": panel, "rationale": "独立复核" }));
        payload.extend(object(more));
        sample("review_decision", label, owner(), Value::Object(payload))
    };
    vec![
        sample("request_review", "customer", customer(), json!({ "reason": "要求复核" })),
        decide("proposes", "new_proposal", json!({ "actions": [{ "no": 1, "type": "apologise" }] })),
        decide("upholds", "uphold", json!({})),
        decide(
            "refers",
            "refer",
            json!({ "body": "consumer council", "ref": "cc-1", "recourse_notice_ref": "letter:2" }),
        ),
        sample("close_without_agreement", "notice", owner(), json!({ "recourse_notice_ref": "letter:3" })),
        sample("refer_external", "customer", customer(), json!({ "body": "court", "ref": "ct-1" })),
    ]
}

fn endings() -> Vec<Sample> {
    let master = json!({
        "id": another_case(), "workflow": "complaint", "state": "open.intake.registered",
        "customer_id": CUSTOMER
    });
    let child =
        json!({ "subject": "咨询", "body_ref": "msg:1", "category": "other", "problem_type": "service" });
    vec![
        sample("withdraw", "customer", customer(), json!({ "evidence_ref": "msg:9" })),
        sample("mark_duplicate", "of_open", agent(), json!({ "of": another_case() }))
            .knowing(json!({ "case": master })),
        sample(
            "convert",
            "consultation",
            agent(),
            json!({ "to_flow": "consultation", "customer_consent_ref": "rec:1", "child": child }),
        )
        .knowing(json!({ "registered": true })),
    ]
}

fn common() -> Vec<Sample> {
    let second = json!({ "id": "supervisor", "role": "supervisor" });
    let late = |label, intent: &str| {
        sample("late_inbound", label, gateway(), json!({ "message_ref": "msg:10", "intent": intent }))
            .knowing(json!({ "on_shift": true }))
    };
    vec![
        sample("note_added", "internal", agent(), json!({ "text_ref": "doc:5", "visibility": "internal" })),
        sample(
            "satisfaction_recorded",
            "resolved",
            Actor::system(),
            json!({ "score": 5, "resolved": true, "callback": another_case() }),
        ),
        sample("force_closed", "approved", owner(), json!({ "reason": "演练", "approver": second })),
        late("thanks", "thanks"),
        late("dissatisfied", "dissatisfied"),
        late("unknown", "unknown"),
    ]
}
