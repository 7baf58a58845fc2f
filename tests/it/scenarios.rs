//! Acceptance scenarios of the consultation over HTTP, each under its number in the specification.

use serde_json::{Value, json};

use careflow::kernel::actor::Role;

use crate::rig::{Caller, Rig, at, due, question, solution};

/// A server and the people who work on consultations.
struct Desk {
    rig: Rig,
    customer: Caller,
    gateway: Caller,
    ann: Caller,
    bo: Caller,
    sue: Caller,
}

async fn desk() -> Desk {
    let rig = Rig::wednesday().await;
    Desk {
        customer: rig.caller("c-1", Role::Customer).await,
        gateway: rig.caller("mail-gateway", Role::Gateway).await,
        ann: rig.caller("ann", Role::Agent).await,
        bo: rig.caller("bo", Role::Agent).await,
        sue: rig.caller("sue", Role::Supervisor).await,
        rig,
    }
}

impl Desk {
    /// A question of `c-1` that `ann` has taken.
    async fn accepted(&self) -> String {
        let id = self.customer.submit(question("c-1")).await;
        assert_eq!(self.ann.sent(&id, "accept", json!({})).await, "open.intake.accepted");
        id
    }

    /// A question of `c-1` that `ann` has answered.
    async fn answered(&self) -> String {
        let id = self.accepted().await;
        assert_eq!(self.ann.sent(&id, "answer", solution()).await, "open.answered");
        id
    }

    /// A question of `c-1` that was answered to its satisfaction.
    async fn settled(&self) -> String {
        let id = self.answered().await;
        let word = json!({ "satisfied": true });
        assert_eq!(self.customer.sent(&id, "confirm", word).await, "settled.confirmed");
        id
    }

    /// What the customer wrote, as the gateway passes it on.
    async fn wrote(&self, id: &str, intent: &str) -> String {
        let reply = json!({ "message_ref": "mail/9", "intent": intent });
        self.gateway.sent(id, "customer_reply", reply).await
    }

    /// The events of an instance without what its clocks added.
    async fn story(&self, id: &str) -> Vec<String> {
        let mut events = self.ann.events(id).await;
        events.retain(|event| !event.starts_with("sla_"));
        events
    }

    /// The newest fact of this kind of a clock.
    async fn clock(&self, id: &str, clock: &str, kind: &str) -> Value {
        let history = self.ann.history(id).await;
        let facts = history.iter().filter_map(|record| record["entry"]["clocks"].as_array()).flatten();
        let found =
            facts.filter(|fact| fact["clock"] == clock && fact["fact"] == kind).reduce(|_, newer| newer);
        found.unwrap_or_else(|| panic!("no `{kind}` of {clock} in the history of {id}")).clone()
    }

    /// Every consultation of `c-1`, oldest first.
    async fn cases(&self) -> Vec<Value> {
        let page = self.ann.get("/v1/instances?customer=c-1").await.expect(200);
        let mut cases = page["instances"].as_array().unwrap().clone();
        cases.retain(|case| case["workflow"] == "consultation");
        cases
    }
}

/// The start of another instance among the effects of what was done.
#[track_caller]
fn spawned<'e>(effects: &'e Value, rule: &str) -> &'e Value {
    let effects = effects.as_array().unwrap();
    let found = effects.iter().find(|effect| effect["kind"] == "spawn" && effect["rule"] == rule);
    found.unwrap_or_else(|| panic!("no spawn of `{rule}` among {effects:?}"))
}

/// What the customer was told among the effects of the newest entry.
async fn told(desk: &Desk, id: &str, template: &str) -> bool {
    let history = desk.ann.history(id).await;
    let effects = history.last().unwrap()["entry"]["effects"].as_array().cloned().unwrap_or_default();
    effects.iter().any(|effect| effect["to"] == "customer" && effect["template"] == template)
}

#[tokio::test]
async fn scenario_05_call_nobody_answers_goes_to_overflow_and_is_called_back_within_a_business_hour() {
    let desk = desk().await;
    let mut call = question("c-1");
    call["channel"] = json!("phone");
    let id = desk.gateway.submit(call).await;
    desk.rig.until("2026-03-11T10:00:14.999+08:00").await;
    assert_eq!(desk.ann.instance(&id).await["data"]["case"]["owner"], json!({ "queue": "pre_sale" }));
    desk.rig.until("2026-03-11T10:00:15+08:00").await;
    assert_eq!(desk.ann.instance(&id).await["data"]["case"]["owner"], json!({ "queue": "overflow" }));
    desk.rig.until("2026-03-11T10:00:16+08:00").await;
    let hung_up = desk.gateway.send(&id, "hang_up", json!({ "ring_seconds": 16 })).await.expect(200);
    assert_eq!((&hung_up["to"], &hung_up["rule"]), (&json!("closed.abandoned"), &json!("3")));
    let callback = spawned(&hung_up["effects"], "missed_call");
    assert_eq!(callback["workflow"], "callback");
    assert_eq!(callback["due"], at("2026-03-11T11:00:16+08:00"));
    // Its window is open: it is queued at once.
    desk.rig.until("2026-03-11T10:00:16+08:00").await;
    let child = desk.ann.instance(callback["child"].as_str().unwrap()).await;
    assert_eq!((&child["state"], &child["data"]["type"]), (&json!("open.queued"), &json!("missed_call")));
    assert_eq!((&child["parent"], &child["data"]["source_case"]), (&json!(id), &json!(id)));
    assert_eq!(child["data"]["due_by"], at("2026-03-11T11:00:16+08:00"));
    let case = desk.ann.instance(&id).await;
    assert_eq!(case["data"]["ring_seconds"], 16);
    assert_eq!(case["timers"], json!([]));
    assert_eq!(desk.story(&id).await, ["submit", "timer_fired", "assigned", "escalate", "hang_up"]);
    let breached = desk.clock(&id, "FRT", "reached").await;
    assert_eq!(
        (&breached["level"], &breached["due"]),
        (&json!(100), &json!(at("2026-03-11T10:00:15+08:00")))
    );
    desk.clock(&id, "FRT", "cancelled").await;
}

#[tokio::test]
async fn scenario_06_question_back_as_the_first_answer_makes_its_sender_first_owner() {
    let desk = desk().await;
    let id = desk.customer.submit(question("c-1")).await;
    let ask = json!({ "message_ref": "mail/2", "questions": ["哪一张发票?"] });
    assert_eq!(desk.ann.sent(&id, "request_info", ask).await, "open.waiting_customer");
    let case = desk.ann.instance(&id).await;
    assert_eq!(case["data"]["waiting_resume"], "in_progress");
    assert_eq!(desk.clock(&id, "FRT", "stopped").await["verdict"], "met");
    assert_eq!(desk.clock(&id, "RES", "paused").await["at"], at(crate::rig::WEDNESDAY));
    let ann = json!({ "id": "ann", "role": "agent" });
    assert_eq!(case["data"]["case"]["first_owner"], ann);
    assert_eq!(case["data"]["case"]["owner"], json!({ "person": ann }));
    assert_eq!(desk.wrote(&id, "info").await, "open.handling.in_progress");
    assert_eq!(desk.ann.instance(&id).await["timers"], json!([]), "nobody is reminded any more");
}

#[tokio::test]
async fn scenario_08_promise_outside_four_to_eight_business_hours_is_refused() {
    let desk = desk().await;
    let id = desk.accepted().await;
    let call = |until: &str| json!({ "level": "senior", "reason": "需要专家", "promised_by": at(until), "told_customer": true });
    let (first, last) = ("2026-03-11T15:00:00+08:00", "2026-03-12T10:00:00+08:00");
    for until in [
        "2026-03-11T14:00:00+08:00",
        "2026-03-11T14:59:59.999+08:00",
        "2026-03-12T10:00:00.001+08:00",
        "2026-03-12T11:00:00+08:00",
    ] {
        let refused = desk.ann.send(&id, "escalate", call(until)).await;
        assert_eq!(refused.problem(422), "promise_out_of_range", "{until}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(&at(first)) && detail.contains(&at(last)), "{detail}");
    }
    assert_eq!(desk.ann.instance(&id).await["seq"], 2);
    let path = format!("/v1/instances/{id}/events?dry_run=true");
    for until in [first, last] {
        let tried = desk.ann.post(&path, &json!({ "event": "escalate", "payload": call(until) })).await;
        assert_eq!(tried.expect(200)["to"], "open.handling.escalated", "{until}");
    }
    assert_eq!(desk.ann.sent(&id, "escalate", call(last)).await, "open.handling.escalated");
}

#[tokio::test]
async fn scenario_09_agent_renews_a_promise_twice_and_a_supervisor_once_more() {
    let desk = desk().await;
    let id = desk.accepted().await;
    let escalate = json!({
        "level": "senior", "reason": "需要专家", "told_customer": true, "promised_by": at("2026-03-11T15:00:00+08:00"),
    });
    desk.ann.sent(&id, "escalate", escalate).await;
    let renewed =
        |until: &str| json!({ "message_ref": "mail/3", "new_promise": at(until), "reason": "还在查" });
    for (now, until) in [
        ("2026-03-11T14:00:00+08:00", "2026-03-11T18:00:00+08:00"),
        ("2026-03-11T17:00:00+08:00", "2026-03-12T12:00:00+08:00"),
    ] {
        desk.rig.until(now).await;
        desk.ann.sent(&id, "progress_update", renewed(until)).await;
    }
    desk.rig.until("2026-03-12T11:00:00+08:00").await;
    let third = || renewed("2026-03-12T16:00:00+08:00");
    assert_eq!(desk.ann.refused(&id, "progress_update", third(), 409).await, "renewals_used_up");
    let news = json!({ "message_ref": "mail/4" });
    assert_eq!(desk.ann.sent(&id, "progress_update", news).await, "open.handling.escalated");
    desk.sue.sent(&id, "progress_update", third()).await;
    desk.rig.until("2026-03-12T16:00:00+08:00").await;
    desk.ann.sent(&id, "answer", solution()).await;
    let case = desk.ann.instance(&id).await;
    let promises = case["data"]["case"]["promises"].as_array().unwrap();
    assert_eq!(promises.len(), 4);
    let history = desk.ann.history(&id).await;
    let kept = history.iter().filter_map(|record| record["entry"]["clocks"].as_array()).flatten();
    let kept: Vec<_> = kept.filter(|fact| fact["clock"] == "PROMISE" && fact["fact"] == "stopped").collect();
    assert_eq!(kept.len(), 4, "each promise is a run of its own");
    assert!(kept.iter().all(|fact| fact["verdict"] == "met"), "{kept:?}");
    for promise in promises {
        let ended = promise.get("renewed_at").or(promise.get("kept_at")).unwrap().as_str().unwrap();
        assert!(ended <= promise["promised_by"].as_str().unwrap(), "K07 counts it as broken: {promise}");
    }
}

#[tokio::test]
async fn scenario_11_first_owner_stays_accountable_through_departments_and_other_agents() {
    let desk = desk().await;
    let dora = desk.rig.caller("dora", Role::DeptHandler).await;
    let id = desk.accepted().await;
    let transfer = json!({
        "department": "service", "purpose": "answer", "handoff_note": "请核实该发票的抬头能否更改",
        "expected_by": at("2026-03-13T18:00:00+08:00"),
    });
    assert_eq!(desk.ann.sent(&id, "transfer_department", transfer).await, "open.handling.with_department");
    let reply = json!({ "answer_ref": "doc/1", "verified": true });
    assert_eq!(dora.sent(&id, "department_reply", reply).await, "open.handling.in_progress");
    let bo = json!({ "person": { "id": "bo", "role": "agent" } });
    desk.sue.sent(&id, "assigned", json!({ "to": bo, "reason": "换班" })).await;
    desk.bo.sent(&id, "accept", json!({})).await;
    let mut answer = solution();
    answer["confirmed_in_contact"] = json!(true);
    answer["recording_ref"] = json!("call/1");
    assert_eq!(desk.bo.sent(&id, "answer", answer).await, "settled.confirmed");
    let case = desk.ann.instance(&id).await;
    assert_eq!(case["data"]["case"]["first_owner"]["id"], "ann");
    assert_eq!(case["data"]["case"]["owner"], bo);
    assert_eq!(desk.bo.refused(&id, "closure_acknowledged", json!({}), 403).await, "not_first_owner");
    assert_eq!(desk.ann.sent(&id, "closure_acknowledged", json!({})).await, "settled.confirmed");
}

#[tokio::test]
async fn scenario_11_first_ownership_moves_only_when_the_successor_accepts() {
    let desk = desk().await;
    let id = desk.accepted().await;
    let offer = json!({ "to": { "id": "bo", "role": "agent" }, "note": "客户只在上午接电话" });
    assert_eq!(desk.bo.refused(&id, "handover_requested", offer.clone(), 403).await, "not_first_owner");
    desk.ann.sent(&id, "handover_requested", offer).await;
    assert_eq!(desk.ann.instance(&id).await["data"]["case"]["first_owner"]["id"], "ann");
    let other = desk.sue.refused(&id, "handover_accepted", json!({}), 403).await;
    assert_eq!(other, "handover_for_another");
    desk.bo.sent(&id, "handover_accepted", json!({})).await;
    desk.ann.sent(&id, "answer", solution()).await;
    desk.customer.sent(&id, "confirm", json!({ "satisfied": true })).await;
    assert_eq!(desk.ann.instance(&id).await["data"]["case"]["first_owner"]["id"], "bo");
    assert_eq!(desk.ann.refused(&id, "closure_acknowledged", json!({}), 403).await, "not_first_owner");
    assert_eq!(desk.bo.sent(&id, "closure_acknowledged", json!({})).await, "settled.confirmed");
}

#[tokio::test]
async fn scenario_12_thanks_settles_stays_and_comes_too_late_without_a_new_case() {
    let desk = desk().await;
    let id = desk.answered().await;
    assert_eq!(desk.wrote(&id, "thanks").await, "settled.confirmed");
    assert_eq!(desk.wrote(&id, "thanks").await, "settled.confirmed");
    desk.rig.until("2026-03-19T00:00:00+08:00").await;
    assert_eq!(desk.ann.state(&id).await, "closed.resolved");
    assert_eq!(desk.wrote(&id, "thanks").await, "closed.resolved");
    let story = desk.story(&id).await;
    assert_eq!(story[story.len() - 3..], ["timer_fired", "customer_reply", "late_inbound"]);
    assert_eq!(desk.cases().await.len(), 1);
}

#[tokio::test]
async fn scenario_13_dissatisfied_six_days_after_settled_reopens() {
    let desk = desk().await;
    let id = desk.settled().await;
    assert_eq!(due(&desk.ann.instance(&id).await, "REOPEN_WINDOW"), at("2026-03-19T00:00:00+08:00"));
    desk.rig.until("2026-03-17T10:00:00+08:00").await;
    assert_eq!(desk.wrote(&id, "dissatisfied").await, "open.handling.in_progress");
    let case = desk.ann.instance(&id).await;
    assert_eq!(
        (&case["data"]["case"]["reopen_count"], &case["data"]["case"]["round"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(case["data"]["case"]["owner"]["person"]["id"], "ann");
    assert_eq!(desk.cases().await.len(), 1);
}

#[tokio::test]
async fn scenario_13_the_last_moment_of_the_seventh_day_still_reopens() {
    let desk = desk().await;
    let id = desk.settled().await;
    desk.rig.until("2026-03-18T23:59:59.999+08:00").await;
    assert_eq!(desk.wrote(&id, "dissatisfied").await, "open.handling.in_progress");
}

#[tokio::test]
async fn scenario_13_dissatisfied_eight_days_after_settled_starts_a_linked_case() {
    let desk = desk().await;
    let id = desk.settled().await;
    desk.rig.until("2026-03-19T10:00:00+08:00").await;
    assert_eq!(desk.wrote(&id, "dissatisfied").await, "closed.resolved");
    let story = desk.story(&id).await;
    assert_eq!(story[story.len() - 2..], ["customer_reply", "late_inbound"]);
    let cases = desk.cases().await;
    assert_eq!(cases.len(), 2);
    let child = desk.ann.instance(cases[1]["id"].as_str().unwrap()).await;
    assert_eq!(child["parent"], json!(id));
    assert_eq!(child["state"], "open.intake.received");
    assert_eq!(child["data"]["case"]["links"], json!([{ "type": "follow_up_of", "id": id }]));
    assert_eq!(child["data"]["case"]["first_owner"]["id"], "ann", "she is on shift");
    assert_eq!(child["data"]["subject"], question("c-1")["subject"]);
    assert_eq!(child["data"]["body_ref"], "mail/9");
}

#[tokio::test]
async fn scenario_14_no_confirmation_until_the_close_of_the_third_working_day() {
    let desk = desk().await;
    let id = desk.answered().await;
    desk.rig.until("2026-03-12T17:59:59.999+08:00").await;
    assert!(!told(&desk, &id, "confirm_reminder").await);
    desk.rig.until("2026-03-12T18:00:00+08:00").await;
    assert!(told(&desk, &id, "confirm_reminder").await);
    desk.rig.until("2026-03-16T17:59:59.999+08:00").await;
    assert_eq!(desk.ann.state(&id).await, "open.answered");
    desk.rig.until("2026-03-16T18:00:00+08:00").await;
    let case = desk.ann.instance(&id).await;
    assert_eq!(case["state"], "settled.unconfirmed");
    assert_eq!(case["data"]["case"]["disposition"], "unconfirmed");
    assert_eq!(case["data"]["case"].get("satisfaction"), None, "not in confirmed K04");
    let last = desk.ann.history(&id).await.pop().unwrap();
    assert_eq!(last["entry"]["rule"], "20");
    let callback = spawned(&last["entry"]["effects"], "confirm_resolution");
    let child = desk.ann.instance(callback["child"].as_str().unwrap()).await;
    assert_eq!(
        (&child["workflow"], &child["data"]["type"]),
        (&json!("callback"), &json!("confirm_resolution"))
    );
    // T + 0, and three working days.
    assert_eq!(child["data"]["window_from"], at("2026-03-16T18:00:00+08:00"));
    assert_eq!(child["data"]["due_by"], at("2026-03-19T18:00:00+08:00"));
    desk.rig.until("2026-03-24T00:00:00+08:00").await;
    assert_eq!(desk.ann.state(&id).await, "closed.unconfirmed");
}

#[tokio::test]
async fn scenario_15_customer_who_stays_silent_is_reminded_twice_and_the_case_settles() {
    let desk = desk().await;
    let id = desk.accepted().await;
    let ask = json!({ "message_ref": "mail/2", "questions": ["哪一张发票?"] });
    desk.ann.sent(&id, "request_info", ask).await;
    for reminder in ["2026-03-13T18:00:00+08:00", "2026-03-17T18:00:00+08:00"] {
        assert_eq!(due(&desk.ann.instance(&id).await, "INFO_REMIND"), at(reminder));
        desk.rig.until(reminder).await;
        assert!(told(&desk, &id, "info_reminder").await, "{reminder}");
        assert_eq!(desk.ann.state(&id).await, "open.waiting_customer");
    }
    desk.rig.until("2026-03-18T17:59:59.999+08:00").await;
    assert_eq!(desk.ann.state(&id).await, "open.waiting_customer");
    desk.rig.until("2026-03-18T18:00:00+08:00").await;
    assert_eq!(desk.ann.state(&id).await, "settled.no_response");
    assert!(told(&desk, &id, "info_expired").await);
    let resolution = desk.clock(&id, "RES", "stopped").await;
    assert_eq!((&resolution["verdict"], &resolution["elapsed_ms"]), (&json!("met"), &json!(0)));
    assert_eq!(
        desk.story(&id).await,
        ["submit", "accept", "request_info", "timer_fired", "timer_fired", "timer_fired"]
    );
}

#[tokio::test]
async fn scenario_37_staff_event_on_a_final_state_is_refused_and_a_used_key_still_answers() {
    let desk = desk().await;
    let id = desk.customer.submit(question("c-1")).await;
    let path = format!("/v1/instances/{id}/events");
    let key = [("idempotency-key", "take-1")];
    let accept = json!({ "event": "accept", "payload": {} });
    let first = desk.ann.post_with(&path, &accept, &key).await;
    assert_eq!(first.status, 200, "{}", first.text);
    desk.customer.sent(&id, "withdraw", json!({})).await;
    let refused = desk.ann.send(&id, "answer", solution()).await;
    assert_eq!(refused.problem(409), "event_not_accepted");
    let problem = refused.json();
    assert_eq!(problem["state"], "closed.withdrawn");
    let accepted: Vec<&str> =
        problem["accepted_events"].as_array().unwrap().iter().map(|event| event.as_str().unwrap()).collect();
    assert!(accepted.contains(&"correction") && !accepted.contains(&"answer"), "{accepted:?}");
    let again = desk.ann.post_with(&path, &accept, &key).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(desk.story(&id).await, ["submit", "accept", "withdraw"]);
}

#[tokio::test]
async fn scenario_50_of_two_who_accept_at_once_the_second_is_told_the_first() {
    let desk = desk().await;
    for _ in 0..10 {
        let id = desk.customer.submit(question("c-1")).await;
        let (ann, bo) =
            tokio::join!(desk.ann.send(&id, "accept", json!({})), desk.bo.send(&id, "accept", json!({})));
        let (winner, second) = if ann.status == 200 { ("ann", bo) } else { ("bo", ann) };
        assert_eq!(second.problem(409), "owned_by_another");
        let problem = second.json();
        assert_eq!(problem["owner"], winner);
        assert!(problem["detail"].as_str().unwrap().contains(winner), "{problem}");
        assert_eq!(desk.ann.instance(&id).await["data"]["case"]["owner"]["person"]["id"], winner);
        assert_eq!(desk.story(&id).await, ["submit", "accept"]);
    }
}

#[tokio::test]
async fn scenario_50_case_of_an_owner_deactivated_overnight_goes_back_to_the_queue() {
    let desk = desk().await;
    let id = desk.accepted().await;
    desk.rig.until("2026-03-11T23:00:00+08:00").await;
    let gone = json!({ "active": false, "on_shift": false, "successor": "sue" });
    desk.sue.put("/v1/actors/ann", &gone).await.expect(200);
    assert_eq!(desk.ann.get("/v1/workflows").await.problem(401), "wrong_token");
    let case = desk.bo.instance(&id).await;
    assert_eq!(case["data"]["case"]["owner"], json!({ "queue": "pre_sale" }));
    assert_eq!(case["data"]["case"]["first_owner"], json!({ "id": "sue", "role": "supervisor" }));
    let history = desk.bo.history(&id).await;
    let assigned = history.iter().find(|recorded| recorded["entry"]["event"] == "assigned").unwrap();
    assert_eq!(assigned["entry"]["actor"]["kind"], "system");
    assert_eq!(desk.bo.sent(&id, "accept", json!({})).await, "open.intake.accepted");
}
