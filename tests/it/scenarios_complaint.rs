//! Acceptance scenarios of the complaint over HTTP, each under its number in the specification.

use serde_json::{Value, json};

use careflow::kernel::actor::Role;

use crate::rig::{Caller, Rig, at, due, question};

/// A server and the people who work on complaints.
pub struct Desk {
    pub rig: Rig,
    pub customer: Caller,
    gateway: Caller,
    pub ann: Caller,
    pub sue: Caller,
    pub dora: Caller,
    max: Caller,
    olga: Caller,
}

pub async fn desk() -> Desk {
    desk_at(crate::rig::WEDNESDAY).await
}

pub async fn desk_at(time: &str) -> Desk {
    let rig = Rig::at(time).await;
    Desk {
        customer: rig.caller("c-1", Role::Customer).await,
        gateway: rig.caller("mail-gateway", Role::Gateway).await,
        ann: rig.caller("ann", Role::Agent).await,
        sue: rig.caller("sue", Role::Supervisor).await,
        dora: rig.caller("dora", Role::DeptHandler).await,
        max: rig.caller("max", Role::DeptManager).await,
        olga: rig.caller("olga", Role::ProcessOwner).await,
        rig,
    }
}

pub fn complaint() -> Value {
    json!({
        "customer_id": "c-1", "channel": "email", "facts": "客服态度恶劣。",
        "happened_at": at("2026-03-10T09:00:00+08:00"), "subjects": [{ "kind": "product", "id": "p-7" }],
        "remedy_sought": "道歉", "evidence": ["mail/1"], "cause_claimed": "attitude",
    })
}

fn assessment(severity: &str, safety: bool) -> Value {
    json!({
        "severity": severity, "complexity": "simple", "safety": safety, "cause": "attitude",
        "soothe_note": "已致歉并安抚",
    })
}

pub fn told() -> Value {
    json!({ "message_ref": "mail/4", "channel": "email", "told_recourse": true })
}

impl Desk {
    /// A complaint of `c-1` that `ann` has assessed.
    async fn assessed(&self) -> String {
        let id = self.customer.begin("complaint", complaint()).await;
        self.acknowledged(&id).await;
        self.ann.sent(&id, "assess", assessment("normal", false)).await;
        id
    }

    pub async fn acknowledged(&self, id: &str) {
        let expected = self.rig.time_in_hours(8);
        let word = json!({ "handler_contact": "tel:8001", "expected_by": expected, "message_ref": "mail/2" });
        assert_eq!(self.ann.sent(id, "acknowledge", word).await, "open.assessing");
    }

    async fn dispatched(&self, id: &str) {
        let ask = json!({ "department": "service", "handoff_note": "客户投诉服务态度，请调查。" });
        assert_eq!(self.ann.sent(id, "dispatch", ask).await, "open.investigating.dispatched");
    }

    /// From the dispatch on: `dora` finds and proposes an apology, `ann` tells the customer.
    pub async fn plan_told(&self, id: &str) {
        self.dora.sent(id, "dept_accept", json!({})).await;
        let found = json!({ "finding": "upheld", "root_cause": "training", "systemic": false, "responsible": [], "evidence": [] });
        self.dora.sent(id, "submit_findings", found).await;
        let plan = json!({ "actions": [{ "no": 1, "type": "apologise" }], "rationale": "依据调查结论" });
        assert_eq!(self.dora.sent(id, "propose", plan).await, "open.communicating");
        self.ann.sent(id, "communicate", told()).await;
    }

    /// The customer has the last word on what was done.
    async fn awaiting(&self) -> String {
        let id = self.customer.begin("complaint", complaint()).await;
        self.worked_on(&id).await;
        id
    }

    /// From the registration on: everything but the customer's last word.
    async fn worked_on(&self, id: &str) {
        self.acknowledged(id).await;
        self.ann.sent(id, "assess", assessment("normal", false)).await;
        self.dispatched(id).await;
        self.plan_told(id).await;
        assert_eq!(self.customer.sent(id, "customer_accepts", json!({})).await, "open.executing");
        let done = json!({ "action_no": 1, "evidence": "doc/3" });
        assert_eq!(self.dora.sent(id, "action_done", done).await, "open.awaiting_confirmation");
    }

    pub async fn settled(&self) -> (String, Value) {
        let id = self.customer.begin("complaint", complaint()).await;
        let settled = self.settle(&id).await;
        (id, settled)
    }

    /// Brings a registered complaint to a satisfied customer.
    pub async fn settle(&self, id: &str) -> Value {
        self.worked_on(id).await;
        let word = json!({ "satisfied": true, "score": 5 });
        let settled = self.customer.send(id, "confirm", word).await.expect(200);
        assert_eq!(settled["to"], "settled.satisfied");
        settled
    }

    pub async fn data(&self, id: &str) -> Value {
        self.sue.instance(id).await["data"].clone()
    }
}

pub fn tasks(effects: &Value) -> Vec<&str> {
    let effects = effects.as_array().unwrap();
    effects.iter().filter_map(|effect| effect["task"].as_str()).collect()
}

#[tokio::test]
async fn scenario_19_third_rejection_goes_to_a_review_and_not_to_the_department() {
    let desk = desk().await;
    let id = desk.assessed().await;
    desk.dispatched(&id).await;
    for (round, to) in
        [(1, "open.investigating.dispatched"), (2, "open.investigating.dispatched"), (3, "open.review")]
    {
        assert_eq!(desk.data(&id).await["case"]["round"], round);
        desk.plan_told(&id).await;
        assert_eq!(desk.customer.sent(&id, "customer_rejects", json!({ "reason": "不同意" })).await, to);
    }
    assert_eq!(desk.data(&id).await["case"]["round"], 3);
}

#[tokio::test]
async fn scenario_20_silence_for_ten_days_is_chased_and_only_three_attempts_with_a_notice_settle_it() {
    let desk = desk().await;
    let id = desk.awaiting().await;
    for expires in ["2026-03-18T18:00:00+08:00", "2026-03-25T18:00:00+08:00"] {
        assert_eq!(due(&desk.ann.instance(&id).await, "CONFIRM_EXPIRE"), at(expires));
        desk.rig.until(expires).await;
        assert_eq!(desk.ann.state(&id).await, "open.awaiting_confirmation");
    }
    let notice = || json!({ "notice_ref": "letter/1" });
    let attempt =
        |channel: &str, time: &str| json!({ "outcome": "no_answer", "channel": channel, "at": at(time) });
    for (channel, time) in [("phone", "2026-03-25T18:00:00+08:00"), ("phone", "2026-03-26T10:00:00+08:00")] {
        desk.rig.until(time).await;
        desk.ann.sent(&id, "contact_attempt", attempt(channel, time)).await;
        assert_eq!(desk.sue.refused(&id, "declare_unreachable", notice(), 409).await, "not_tried_enough");
    }
    desk.ann.sent(&id, "contact_attempt", attempt("sms", "2026-03-26T10:00:00+08:00")).await;
    assert_eq!(desk.sue.refused(&id, "declare_unreachable", json!({}), 422).await, "invalid_payload");
    assert_eq!(desk.sue.sent(&id, "declare_unreachable", notice()).await, "settled.unreachable");
    let history = desk.sue.history(&id).await;
    let expired = history.iter().filter(|record| record["entry"]["rule"] == "25").count();
    assert_eq!(expired, 2);
}

#[tokio::test]
async fn scenario_21_agent_named_in_a_complaint_and_whoever_works_for_one_do_not_handle_it() {
    let desk = desk().await;
    let boss = json!({ "active": true, "on_shift": true, "manager": "ann" });
    desk.sue.put("/v1/actors/bo", &boss).await.expect(200);
    let bo = desk.rig.caller("bo", Role::Agent).await;
    desk.sue.put("/v1/actors/bo", &boss).await.expect(200);
    let mut about = complaint();
    about["subjects"] = json!([{ "kind": "actor", "id": "ann" }]);
    let id = desk.customer.begin("complaint", about).await;
    let word = json!({ "handler_contact": "tel", "expected_by": at("2026-03-11T18:00:00+08:00"), "message_ref": "m" });
    for caller in [&desk.ann, &bo] {
        let refused = caller.send(&id, "acknowledge", word.clone()).await;
        assert_eq!(refused.problem(403), "conflict_of_interest");
    }
    assert_eq!(desk.sue.sent(&id, "acknowledge", word).await, "open.assessing");
    let history = desk.sue.history(&id).await;
    assert_eq!(history.last().unwrap()["entry"]["facts"]["superiors"], json!({ "sue": [] }));
    let to = json!({ "to": { "person": { "id": "bo", "role": "agent" } }, "reason": "换班" });
    assert_eq!(desk.sue.refused(&id, "assigned", to, 403).await, "conflict_of_interest");
}

#[tokio::test]
async fn scenario_22_dangerous_complaint_that_is_withdrawn_asks_for_an_improvement() {
    let desk = desk().await;
    let id = desk.customer.begin("complaint", complaint()).await;
    desk.acknowledged(&id).await;
    desk.ann.sent(&id, "assess", assessment("normal", true)).await;
    let withdrawn =
        desk.customer.send(&id, "withdraw", json!({ "evidence_ref": "mail/9" })).await.expect(200);
    assert_eq!(withdrawn["to"], "closed.withdrawn");
    assert_eq!(tasks(&withdrawn["effects"]), ["improvement_action"]);
    assert_eq!(desk.ann.instance(&id).await["timers"], json!([]));
}

#[tokio::test]
async fn scenario_23_reply_on_a_duplicate_reaches_the_master_and_the_duplicate_stays_final() {
    let desk = desk().await;
    let master = desk.assessed().await;
    let copy = desk.customer.begin("complaint", complaint()).await;
    let suggested = desk.ann.history(&copy).await[0]["entry"]["effects"].clone();
    assert_eq!(suggested[0]["values"]["case_no"], json!(master), "the likely duplicate is named");
    desk.acknowledged(&copy).await;
    assert_eq!(desk.ann.sent(&copy, "mark_duplicate", json!({ "of": master })).await, "closed.duplicate");
    let reply = json!({ "message_ref": "mail/9", "intent": "info" });
    assert_eq!(desk.gateway.sent(&copy, "customer_reply", reply).await, "closed.duplicate");
    desk.rig.engine.settle().await;
    let events = desk.ann.events(&master).await;
    assert!(events.contains(&"note_added".to_owned()), "what the copy holds: {events:?}");
    assert_eq!(events.last().map(String::as_str), Some("customer_reply"));
}

#[tokio::test]
async fn scenario_24_same_subject_twenty_days_after_closure_repeats_it_and_is_graver() {
    let desk = desk().await;
    let (first, _) = desk.settled().await;
    desk.rig.until("2026-03-27T00:00:00+08:00").await;
    assert_eq!(desk.ann.state(&first).await, "closed.satisfied");
    desk.rig.until("2026-04-16T10:00:00+08:00").await;
    let second = desk.customer.begin("complaint", complaint()).await;
    let data = desk.data(&second).await;
    assert_eq!(data["case"]["links"], json!([{ "type": "repeat_of", "id": first }]));
    assert_eq!(data["repeat"], true);
    desk.acknowledged(&second).await;
    desk.ann.sent(&second, "assess", assessment("normal", false)).await;
    assert_eq!(desk.data(&second).await["severity"], "major");
    let mut other = complaint();
    other["subjects"] = json!([{ "kind": "product", "id": "p-8" }]);
    let third = desk.customer.begin("complaint", other).await;
    assert_eq!(desk.data(&third).await.get("repeat"), None, "another subject repeats nothing");
}

#[tokio::test]
async fn scenario_24_complaint_after_the_thirtieth_day_repeats_nothing() {
    let desk = desk().await;
    desk.settled().await;
    desk.rig.until("2026-04-27T10:00:00+08:00").await;
    let second = desk.customer.begin("complaint", complaint()).await;
    assert_eq!(desk.data(&second).await.get("repeat"), None);
}

#[tokio::test]
async fn scenario_25_extension_after_the_due_is_refused_and_the_breach_stands() {
    let desk = desk().await;
    let id = desk.assessed().await;
    let more = json!({ "days": 5, "reason": "需第三方资料", "notified_ref": "mail/8" });
    desk.rig.until("2026-03-18T18:00:00.001+08:00").await;
    assert_eq!(desk.max.refused(&id, "extend", more, 409).await, "due_passed");
    let clocks = desk.sue.get(&format!("/v1/instances/{id}/clocks")).await.expect(200);
    let total = clocks["clocks"].as_array().unwrap().iter().find(|clock| clock["clock"] == "TOTAL").unwrap();
    assert_eq!((&total["breached"], &total["level"]), (&json!(true), &json!(100)));
}

#[tokio::test]
async fn scenario_25_extension_in_time_moves_the_due_and_both_are_recorded() {
    let desk = desk().await;
    let id = desk.assessed().await;
    let more = json!({ "days": 5, "reason": "需第三方资料", "notified_ref": "mail/8" });
    desk.max.sent(&id, "extend", more).await;
    let (old, new) = (at("2026-03-18T18:00:00+08:00"), at("2026-03-24T00:00:00+08:00"));
    let extensions = desk.data(&id).await["extensions"].clone();
    assert_eq!(extensions, json!([{ "days": 5, "due_old": old, "due_new": new }]));
    let history = desk.sue.history(&id).await;
    let moved = &history.last().unwrap()["entry"];
    assert_eq!((&moved["event"], &moved["payload"]["due_new"]), (&json!("clock_retargeted"), &json!(new)));
    assert_eq!(moved["payload"]["cause"], "extend");
}

#[tokio::test]
async fn scenario_26_only_the_process_owner_ends_it_unsatisfied_after_a_review_or_a_final_answer() {
    let desk = desk().await;
    let end = || json!({ "recourse_notice_ref": "letter/3" });
    let id = desk.assessed().await;
    desk.dispatched(&id).await;
    desk.plan_told(&id).await;
    desk.customer.sent(&id, "request_review", json!({ "reason": "要求复核" })).await;
    assert_eq!(desk.sue.refused(&id, "close_without_agreement", end(), 403).await, "role_not_allowed");
    let panel = json!([{ "id": "j1", "role": "supervisor" }, { "id": "j2", "role": "qa_inspector" }]);
    let upheld = json!({ "decision": "uphold", "panel": panel, "rationale": "独立复核" });
    assert_eq!(desk.olga.sent(&id, "review_decision", upheld).await, "open.communicating");
    assert_eq!(desk.olga.refused(&id, "close_without_agreement", end(), 409).await, "not_told");
    desk.ann.sent(&id, "communicate", told()).await;
    let closed = desk.olga.send(&id, "close_without_agreement", end()).await.expect(200);
    assert_eq!((&closed["to"], &closed["rule"]), (&json!("closed.no_agreement"), &json!("32a")));
    assert_eq!(tasks(&closed["effects"]), ["improvement_action"]);

    let other = desk.assessed().await;
    desk.customer.sent(&other, "request_review", json!({ "reason": "要求复核" })).await;
    assert_eq!(desk.olga.sent(&other, "close_without_agreement", end()).await, "closed.no_agreement");
}

#[tokio::test]
async fn scenario_27_callback_of_a_complaint_settled_before_national_day_opens_on_the_make_up_saturday() {
    let desk = desk_at("2026-09-30T10:00:00+08:00").await;
    let (id, settled) = desk.settled().await;
    let effects = settled["effects"].as_array().unwrap();
    let callback = effects.iter().find(|effect| effect["kind"] == "spawn").unwrap();
    assert_eq!((&callback["workflow"], &callback["rule"]), (&json!("callback"), &json!("post_complaint")));
    let child = callback["child"].as_str().unwrap();
    let data = desk.data(child).await;
    assert_eq!(data["window_from"], at("2026-10-10T09:00:00+08:00"));
    assert_eq!((&data["source_case"], &data["case"]["chain_depth"]), (&json!(id), &json!(1)));
    desk.rig.until("2026-10-10T08:59:59.999+08:00").await;
    assert_eq!(desk.ann.state(child).await, "planned");
    desk.rig.until("2026-10-10T09:00:00+08:00").await;
    assert_eq!(desk.ann.state(child).await, "open.queued");
    assert_eq!(desk.ann.sent(child, "claim", json!({})).await, "open.attempting.contacting");
}

#[tokio::test]
async fn scenario_46_customer_with_an_open_complaint_is_restricted_and_not_erased() {
    let desk = desk().await;
    let officer = desk.rig.caller("dpo", Role::PrivacyOfficer).await;
    let id = desk.assessed().await;
    let subject = json!({ "subject_id": "c-1", "basis": "PIPL 47" });
    assert_eq!(officer.refused(&id, "subject_erased", subject.clone(), 409).await, "subject_in_use");
    assert_eq!(officer.sent(&id, "subject_restricted", subject).await, "open.assessing");
    assert_eq!(desk.data(&id).await["case"]["restricted"], "PIPL 47");
}

#[tokio::test]
async fn consultation_converts_to_a_complaint_with_what_it_knows_and_who_answers_for_it() {
    let desk = desk().await;
    let id = desk.customer.submit(question("c-1")).await;
    desk.ann.sent(&id, "accept", json!({})).await;
    let child = json!({
        "facts": "发票一直开错。", "happened_at": at("2026-03-10T09:00:00+08:00"), "subjects": [],
        "remedy_sought": "赔偿", "cause_claimed": "competence",
    });
    let change = json!({ "to_flow": "complaint", "reason": "客户投诉", "child": child });
    let converted = desk.ann.send(&id, "convert", change).await.expect(200);
    assert_eq!(converted["to"], "closed.converted");
    let effects = converted["effects"].as_array().unwrap();
    let spawn = effects.iter().find(|effect| effect["kind"] == "spawn").unwrap();
    let child = desk.ann.instance(spawn["child"].as_str().unwrap()).await;
    assert_eq!(
        (&child["workflow"], &child["state"]),
        (&json!("complaint"), &json!("open.intake.registered"))
    );
    assert_eq!((&child["parent"], &child["data"]["facts"]), (&json!(id), &json!("发票一直开错。")));
    let case = &child["data"]["case"];
    assert_eq!((&case["customer_id"], &case["first_owner"]["id"]), (&json!("c-1"), &json!("ann")));
    assert_eq!(case["links"], json!([{ "type": "caused_by", "id": id }]));
    let hollow = json!({ "to_flow": "complaint", "reason": "客户投诉", "child": { "facts": "x" } });
    let other = desk.customer.submit(question("c-1")).await;
    assert_eq!(desk.ann.send(&other, "convert", hollow).await.status, 422, "a complaint needs more");
}

#[tokio::test]
async fn complaint_that_is_none_converts_to_a_consultation() {
    let desk = desk().await;
    let id = desk.assessed().await;
    let child =
        json!({ "subject": "发票", "body_ref": "mail/1", "category": "other", "problem_type": "invoice" });
    let change = json!({ "to_flow": "consultation", "customer_consent_ref": "call/1", "child": child });
    assert_eq!(desk.ann.sent(&id, "convert", change).await, "closed.converted");
    let page = desk.ann.get("/v1/instances?customer=c-1").await.expect(200);
    // Both began at the same moment.
    let begun = page["instances"].as_array().unwrap().iter().find(|row| row["workflow"] == "consultation");
    let begun = begun.unwrap();
    assert_eq!(begun["state"], json!("open.intake.received"));
    let child = desk.ann.instance(begun["id"].as_str().unwrap()).await;
    assert_eq!(child["data"]["case"]["first_owner"]["id"], "ann");
    assert_eq!(child["data"]["case"]["links"], json!([{ "type": "follow_up_of", "id": id }]));
}

#[tokio::test]
async fn late_dissatisfaction_starts_a_complaint_that_repeats_the_closed_one() {
    let desk = desk().await;
    let (first, _) = desk.settled().await;
    desk.rig.until("2026-03-28T10:00:00+08:00").await;
    let reply = json!({ "message_ref": "mail/9", "intent": "dissatisfied" });
    assert_eq!(desk.gateway.sent(&first, "customer_reply", reply).await, "closed.satisfied");
    let page = desk.ann.get("/v1/instances?customer=c-1").await.expect(200);
    let newest = page["instances"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let data = desk.data(&newest).await;
    assert_eq!((&data["repeat"], &data["facts"]), (&json!(true), &complaint()["facts"]));
    let kinds: Vec<_> =
        data["case"]["links"].as_array().unwrap().iter().map(|link| link["type"].clone()).collect();
    assert_eq!(kinds, ["follow_up_of", "repeat_of"]);
}
