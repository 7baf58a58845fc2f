//! Acceptance scenarios of the callback over HTTP, each under its number in the specification.

use careflow::kernel::actor::Role;
use serde_json::{Value, json};

use crate::rig::{Caller, at, due};
use crate::scenarios_complaint::{Desk, desk, tasks};

/// A periodic callback of `c-1`, `more` on top.
pub fn plan(mut more: Value) -> Value {
    let mut payload = json!({
        "type": "periodic", "customer_id": "c-1", "channel_pref": ["phone"], "script_id": "s-1",
        "window_from": at("2026-03-11T10:00:00+08:00"), "language": "zh-CN",
    });
    payload.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    payload
}

/// The child that an answer's or entry's effects name for `rule`.
pub fn child(effects: &Value, rule: &str) -> String {
    let effects = effects.as_array().unwrap();
    let found = effects.iter().find(|effect| effect["kind"] == "spawn" && effect["rule"] == rule);
    found.unwrap_or_else(|| panic!("no spawn of `{rule}` among {effects:?}"))["child"]
        .as_str()
        .unwrap()
        .into()
}

/// `caller` calls, and `outcome` comes of it; the state after.
async fn call(caller: &Caller, id: &str, outcome: &str) -> String {
    assert_eq!(caller.sent(id, "claim", json!({})).await, "open.attempting.contacting");
    let result = json!({ "outcome": outcome, "channel": "phone", "seconds": 20 });
    caller.sent(id, "attempt_result", result).await
}

impl Desk {
    /// A callback of `c-1` that somebody can call.
    async fn queued(&self, more: Value) -> String {
        let id = self.ann.begin("callback", plan(more)).await;
        self.rig.engine.settle().await;
        assert_eq!(self.ann.state(&id).await, "open.queued");
        id
    }

    /// The customer says `score`, in a call within the window that opens at `time`.
    async fn spoken(&self, id: &str, time: &str, score: u8) -> String {
        self.rig.until(time).await;
        assert_eq!(call(&self.ann, id, "connected").await, "open.connected");
        let to = self.ann.sent(id, "record", json!({ "score": score, "resolved": true })).await;
        self.rig.engine.settle().await;
        to
    }

    /// The last effects of an instance.
    async fn last_effects(&self, id: &str) -> Value {
        self.sue.history(id).await.pop().unwrap()["entry"]["effects"].clone()
    }

    async fn kpi(&self, kpi: &str, name: &str) -> (u64, u64) {
        let path = format!("/v1/reports/kpis?workflow=callback&kpi={kpi}&from=2026-03-01&to=2026-04-01");
        let report = self.sue.get(&path).await.expect(200);
        let lines = report["kpis"].as_array().unwrap();
        let line = lines.iter().find(|line| line["measure"] == name).unwrap();
        (line["numerator"].as_u64().unwrap(), line["n"].as_u64().unwrap())
    }
}

#[tokio::test]
async fn callback_starts_once_in_the_commit_that_settles_its_source() {
    let desk = desk().await;
    let (id, settled) = desk.settled().await;
    let callback = child(&settled["effects"], "post_complaint");
    let first = desk.sue.history(&callback).await.remove(0);
    let cause = desk.sue.history(&id).await.pop().unwrap();
    assert_eq!(first["position"], cause["position"], "one commit");
    assert_eq!(first["entry"]["prev"], cause["hash"]);
    let again = json!({ "satisfied": true, "score": 5 });
    let confirmed = desk.customer.send(&id, "confirm", again).await.expect(200);
    assert!(!confirmed["effects"].as_array().unwrap().iter().any(|effect| effect["kind"] == "spawn"));
}

#[tokio::test]
async fn scenario_14_customer_who_says_in_the_callback_that_it_is_solved_confirms_the_case() {
    let desk = desk().await;
    let id = desk.customer.submit(crate::rig::question("c-1")).await;
    desk.ann.sent(&id, "accept", json!({})).await;
    desk.ann.sent(&id, "record_details", json!({ "service_goal": "solve" })).await;
    desk.ann.sent(&id, "answer", crate::rig::solution()).await;
    desk.rig.until("2026-03-16T18:00:00+08:00").await;
    assert_eq!(desk.ann.state(&id).await, "settled.unconfirmed");
    let callback = child(&desk.last_effects(&id).await, "confirm_resolution");
    let to = desk.spoken(&callback, "2026-03-17T09:00:00+08:00", 4).await;
    assert_eq!(
        (to.as_str(), desk.ann.state(&id).await.as_str()),
        ("closed.completed_positive", "settled.confirmed")
    );
    let said = desk.data(&id).await["case"]["satisfaction"].clone();
    assert_eq!(said, json!({ "score": 4, "resolved": true, "round": 1, "callback": callback }));
}

#[tokio::test]
async fn scenario_28_customer_in_another_zone_is_not_called_in_the_evening() {
    let desk = desk().await;
    let id = desk.queued(json!({ "zone": "America/New_York" })).await;
    // 20:30 in New York.
    desk.rig.until("2026-03-12T08:30:00+08:00").await;
    assert_eq!(desk.ann.refused(&id, "claim", json!({}), 409).await, "outside_contact_window");
    // 09:00 there.
    desk.rig.until("2026-03-12T21:00:00+08:00").await;
    assert_eq!(desk.ann.sent(&id, "claim", json!({})).await, "open.attempting.contacting");
}

#[tokio::test]
async fn scenario_29_customer_who_is_not_reached_on_two_days_gets_a_questionnaire_and_is_unreachable() {
    let desk = desk().await;
    let id = desk.queued(json!({ "due_by": at("2026-03-13T18:00:00+08:00") })).await;
    assert_eq!(call(&desk.ann, &id, "busy").await, "open.attempting.retry_wait");
    assert_eq!(due(&desk.ann.instance(&id).await, "RETRY_AT"), at("2026-03-11T10:30:00+08:00"));
    desk.rig.until("2026-03-11T10:30:00+08:00").await;
    assert_eq!(call(&desk.ann, &id, "no_answer").await, "open.attempting.retry_wait");
    assert_eq!(due(&desk.ann.instance(&id).await, "RETRY_AT"), at("2026-03-12T09:00:00+08:00"));
    desk.rig.until("2026-03-12T09:00:00+08:00").await;
    assert_eq!(call(&desk.ann, &id, "no_answer").await, "open.fallback");
    let history = desk.ann.history(&id).await;
    let asked = history.iter().flat_map(|record| record["entry"]["effects"].as_array().unwrap().clone());
    assert_eq!(asked.filter(|effect| effect["template"] == "questionnaire").count(), 1);
    desk.rig.until("2026-03-15T23:59:59.999+08:00").await;
    assert_eq!(desk.ann.state(&id).await, "open.fallback");
    desk.rig.until("2026-03-16T00:00:00+08:00").await;
    assert_eq!(desk.ann.state(&id).await, "closed.unreachable");
    assert_eq!(desk.kpi("K14", "called_back").await, (0, 1), "nobody was called back");
    assert_eq!(desk.kpi("K15", "connected").await, (0, 3));
}

#[tokio::test]
async fn scenario_30_worst_score_without_a_decision_is_a_complaint_after_a_day() {
    let desk = desk().await;
    let (id, settled) = desk.settled().await;
    let callback = child(&settled["effects"], "post_complaint");
    assert_eq!(desk.spoken(&callback, "2026-03-16T09:30:00+08:00", 1).await, "open.reviewing");
    desk.rig.until("2026-03-17T09:29:59.999+08:00").await;
    assert_eq!(desk.ann.state(&callback).await, "open.reviewing");
    desk.rig.until("2026-03-17T09:30:00+08:00").await;
    assert_eq!(desk.ann.state(&callback).await, "closed.completed_negative");
    let complaint = child(&desk.last_effects(&callback).await, "low_score");
    let begun = desk.ann.instance(&complaint).await;
    assert_eq!((&begun["workflow"], &begun["parent"]), (&json!("complaint"), &json!(callback)));
    assert_eq!(begun["data"]["case"]["links"], json!([{ "type": "caused_by", "id": callback }]));
    let clocks = desk.sue.get(&format!("/v1/instances/{callback}/clocks")).await.expect(200);
    let recovery =
        clocks["clocks"].as_array().unwrap().iter().find(|clock| clock["clock"] == "RECOVERY").unwrap();
    assert_eq!(recovery["ended"][0]["verdict"], "met", "within 48 hours: {recovery}");
    assert_eq!(desk.data(&id).await["case"]["satisfaction"]["score"], 1);
}

#[tokio::test]
async fn scenario_31_third_complaint_of_a_chain_ends_with_the_management() {
    let desk = desk().await;
    let (_, mut settled) = desk.settled().await;
    let mut depths = Vec::new();
    for (opens, half) in [
        ("2026-03-16T09:00:00+08:00", "2026-03-17T09:00:00+08:00"),
        ("2026-03-20T09:00:00+08:00", "2026-03-21T09:00:00+08:00"),
        ("2026-03-26T09:00:00+08:00", "2026-03-27T09:00:00+08:00"),
    ] {
        let callback = child(&settled["effects"], "post_complaint");
        let data = desk.data(&callback).await;
        depths.push(data["case"]["chain_depth"].as_u64().unwrap());
        assert_eq!(desk.spoken(&callback, opens, 1).await, "open.reviewing", "{}", data["window_from"]);
        desk.rig.until(half).await;
        assert_eq!(desk.ann.state(&callback).await, "closed.completed_negative");
        let effects = desk.last_effects(&callback).await;
        if depths.len() == 3 {
            assert_eq!(tasks(&effects), ["management_review"]);
            assert!(!effects.as_array().unwrap().iter().any(|effect| effect["kind"] == "spawn"));
            continue;
        }
        let complaint = child(&effects, "low_score");
        desk.rig.until(if depths.len() == 1 { half } else { "2026-03-23T10:00:00+08:00" }).await;
        settled = desk.settle(&complaint).await;
    }
    assert_eq!(depths, [1, 2, 3]);
}

#[tokio::test]
async fn scenario_32_reopened_source_cancels_its_planned_callback() {
    let desk = desk().await;
    let (id, settled) = desk.settled().await;
    let callback = child(&settled["effects"], "post_complaint");
    assert_eq!(desk.ann.state(&callback).await, "planned");
    desk.customer.sent(&id, "reopen", json!({ "reason": "又发生了" })).await;
    desk.rig.engine.settle().await;
    let cancelled = desk.ann.instance(&callback).await;
    assert_eq!((&cancelled["state"], &cancelled["timers"]), (&json!("closed.cancelled"), &json!([])));
    assert_eq!(desk.ann.events(&callback).await, ["plan", "cancel"]);
}

#[tokio::test]
async fn scenario_32_callback_that_reopens_its_source_is_not_cancelled_by_it() {
    let desk = desk().await;
    let (id, settled) = desk.settled().await;
    let callback = child(&settled["effects"], "post_complaint");
    assert_eq!(desk.spoken(&callback, "2026-03-16T09:30:00+08:00", 2).await, "open.reviewing");
    let reopen = json!({ "decision": "reopen_source", "note": "问题未解决" });
    assert_eq!(desk.sue.sent(&callback, "dispose", reopen).await, "closed.completed_negative");
    desk.rig.engine.settle().await;
    assert_eq!(desk.ann.state(&id).await, "open.investigating.dispatched");
    let reopened =
        desk.ann.history(&id).await.into_iter().filter(|record| record["entry"]["event"] == "reopen");
    assert_eq!(reopened.count(), 1, "exactly once");
    assert!(!desk.ann.events(&id).await.contains(&"delivery_refused".to_owned()));
}

#[tokio::test]
async fn low_score_is_still_decided_on_when_its_source_was_reopened_meanwhile() {
    let desk = desk().await;
    let (id, settled) = desk.settled().await;
    let callback = child(&settled["effects"], "post_complaint");
    desk.rig.until("2026-03-16T09:00:00+08:00").await;
    assert_eq!(call(&desk.ann, &callback, "connected").await, "open.connected");
    let word = json!({ "score": 2, "resolved": true });
    desk.ann.sent(&callback, "record", word).await;
    desk.customer.sent(&id, "reopen", json!({ "reason": "又发生了" })).await;
    desk.rig.engine.settle().await;
    assert_eq!(
        desk.ann.state(&callback).await,
        "open.reviewing",
        "what the customer said is still disposed of"
    );
    assert!(!desk.ann.events(&id).await.contains(&"delivery_refused".to_owned()));
    let reopen = json!({ "decision": "reopen_source", "note": "问题未解决" });
    assert_eq!(desk.sue.refused(&callback, "dispose", reopen, 409).await, "source_not_settled");
}

#[tokio::test]
async fn cancel_that_comes_after_the_callbacks_end_is_recorded_on_the_source() {
    let desk = desk().await;
    let (id, settled) = desk.settled().await;
    let callback = child(&settled["effects"], "post_complaint");
    desk.rig.until("2026-03-16T09:00:00+08:00").await;
    assert_eq!(call(&desk.ann, &callback, "rejected").await, "closed.refused");
    desk.customer.sent(&id, "reopen", json!({ "reason": "又发生了" })).await;
    desk.rig.engine.settle().await;
    let refused = desk.sue.history(&id).await.pop().unwrap()["entry"].clone();
    assert_eq!(
        (&refused["event"], &refused["payload"]["to"]),
        (&json!("delivery_refused"), &json!(callback))
    );
    assert_eq!(refused["payload"]["code"], "event_not_accepted");
    assert_eq!(desk.ann.state(&callback).await, "closed.refused");
}

#[tokio::test]
async fn scenario_33_customer_who_opts_out_is_asked_no_more_but_served() {
    let desk = desk().await;
    let id = desk.queued(json!({})).await;
    assert_eq!(call(&desk.ann, &id, "connected").await, "open.connected");
    let later = json!({
        "window_from": at("2026-06-10T10:00:00+08:00"), "due_by": at("2026-06-17T18:00:00+08:00"),
    });
    let survey = desk.ann.begin("callback", plan(later.clone())).await;
    let mut served = later;
    served["type"] = json!("confirm_resolution");
    let served = desk.ann.begin("callback", plan(served)).await;
    assert_eq!(
        (desk.ann.state(&survey).await, desk.ann.state(&served).await),
        ("planned".into(), "planned".into())
    );
    assert_eq!(desk.ann.sent(&id, "opt_out", json!({ "scope": "survey" })).await, "closed.refused");
    desk.rig.engine.settle().await;
    assert_eq!(desk.ann.state(&survey).await, "closed.cancelled", "planned before the customer's word");
    assert_eq!(desk.ann.state(&served).await, "planned");
    desk.rig.until("2026-05-11T10:00:00+08:00").await;
    let started = |more: Value| {
        let (ann, mut payload) = (desk.ann.clone(), plan(more));
        payload["window_from"] = json!(at("2026-05-12T10:00:00+08:00"));
        async move {
            let id = ann.begin("callback", payload).await;
            let instance = ann.instance(&id).await;
            (instance["state"].clone(), instance["data"].get("suppressed").cloned())
        }
    };
    let suppressed = (json!("closed.suppressed"), Some(json!("opted_out")));
    assert_eq!(started(json!({})).await, suppressed);
    assert_eq!(started(json!({ "type": "post_resolution" })).await, suppressed);
    for kind in ["post_complaint", "confirm_resolution", "missed_call"] {
        assert_eq!(started(json!({ "type": kind })).await, (json!("planned"), None), "{kind}");
    }
    assert_eq!(started(json!({ "customer_id": "c-2" })).await, (json!("planned"), None), "another customer");
}

#[tokio::test]
async fn survey_contacts_a_customer_once_in_thirty_days() {
    let desk = desk().await;
    let begin = async |window: &str| {
        let window = json!({ "window_from": at(window) });
        let id = desk.ann.begin("callback", plan(window)).await;
        desk.ann.state(&id).await
    };
    assert_eq!(begin("2026-03-12T10:00:00+08:00").await, "planned");
    assert_eq!(begin("2026-04-10T10:00:00+08:00").await, "closed.suppressed");
    assert_eq!(begin("2026-04-13T10:00:00+08:00").await, "planned");
}

#[tokio::test]
async fn restricted_customer_is_not_called() {
    let desk = desk().await;
    let officer = desk.rig.caller("dpo", Role::PrivacyOfficer).await;
    let (id, settled) = desk.settled().await;
    let callback = child(&settled["effects"], "post_complaint");
    let subject = json!({ "subject_id": "c-1", "basis": "PIPL 47" });
    officer.sent(&id, "subject_restricted", subject).await;
    desk.rig.engine.settle().await;
    assert_eq!(desk.ann.state(&callback).await, "closed.cancelled");
    let next = desk.ann.begin("callback", plan(json!({ "type": "missed_call" }))).await;
    let data = desk.data(&next).await;
    assert_eq!(data["suppressed"], "restricted");
}

#[tokio::test]
async fn scenario_47_customer_with_a_planned_callback_is_erased_and_the_callback_cancelled() {
    let desk = desk().await;
    let officer = desk.rig.caller("dpo", Role::PrivacyOfficer).await;
    let id =
        desk.ann.begin("callback", plan(json!({ "window_from": at("2026-03-12T10:00:00+08:00") }))).await;
    desk.ann.sent(&id, "contact_fixed", json!({ "phone": "139-0000-0000" })).await;
    let subject = json!({ "subject_id": "c-1", "basis": "PIPL 47" });
    assert_eq!(officer.sent(&id, "subject_erased", subject).await, "closed.cancelled");
    let last = desk.sue.history(&id).await.pop().unwrap()["entry"].to_string();
    assert!(!last.contains("139-0000-0000"), "{last}");
}

#[tokio::test]
async fn questionnaire_is_answered_by_the_customer_and_told_to_the_source_after_the_end_too() {
    let desk = desk().await;
    let (id, settled) = desk.settled().await;
    let callback = child(&settled["effects"], "post_complaint");
    for (time, to) in [
        ("2026-03-16T09:00:00+08:00", "open.attempting.retry_wait"),
        ("2026-03-16T14:00:00+08:00", "open.attempting.retry_wait"),
        ("2026-03-17T09:00:00+08:00", "open.fallback"),
    ] {
        desk.rig.until(time).await;
        assert_eq!(call(&desk.ann, &callback, "voicemail").await, to, "{time}");
    }
    desk.rig.until("2026-03-21T00:00:00+08:00").await;
    assert_eq!(desk.ann.state(&callback).await, "closed.unreachable");
    let word = json!({ "score": 2, "resolved": false });
    let late = desk.customer.send(&callback, "record", word.clone()).await.expect(200);
    assert_eq!((&late["to"], &late["rule"]), (&json!("closed.unreachable"), &json!("X4")));
    assert_eq!(tasks(&late["effects"]), ["low_score"]);
    desk.rig.engine.settle().await;
    assert_eq!(desk.ann.events(&callback).await.last().map(String::as_str), Some("late_inbound"));
    assert_eq!(desk.data(&id).await["case"]["satisfaction"]["score"], 2);
    assert_eq!(desk.customer.refused(&callback, "record", word, 409).await, "already_answered");
}
