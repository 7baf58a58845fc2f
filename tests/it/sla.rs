//! Acceptance scenarios of SLA clocks over HTTP, each under its number in the specification.

use std::collections::BTreeSet;

use careflow::kernel::actor::Role;
use careflow::kernel::instant::Instant;
use serde_json::{Value, json};

use crate::definitions::{edit, write_shipped};
use crate::rig::{Caller, Rig, at, question, solution};

/// A server and the people who work on consultations.
struct Desk {
    rig: Rig,
    gateway: Caller,
    ann: Caller,
}

impl Desk {
    async fn at(time: &str) -> Self {
        Self::of(Rig::at(time).await).await
    }

    async fn of(rig: Rig) -> Self {
        let gateway = rig.caller("gateway", Role::Gateway).await;
        Self { gateway, ann: rig.caller("ann", Role::Agent).await, rig }
    }

    async fn wednesday() -> Self {
        Self::of(Rig::wednesday().await).await
    }

    /// A question over `channel` that came at `time`.
    async fn asked(&self, channel: &str, time: &str) -> String {
        self.rig.until(time).await;
        let mut asked = question("c-1");
        asked["channel"] = json!(channel);
        self.gateway.submit(asked).await
    }

    /// A person's answer that the gateway saw at `occurred`.
    async fn responds(&self, id: &str, occurred: &str) {
        let sender = json!({ "id": "ann", "role": "agent" });
        let payload = json!({ "message_ref": "m/2", "human": true, "sender": sender });
        let body = json!({ "event": "respond", "payload": payload, "occurred_at": at(occurred) });
        self.gateway.post(&format!("/v1/instances/{id}/events"), &body).await.expect(200);
    }

    /// What the history says of a clock, oldest first.
    async fn facts(&self, id: &str, clock: &str) -> Vec<Value> {
        let history = self.ann.history(id).await;
        let facts = history.iter().filter_map(|record| record["entry"]["clocks"].as_array());
        facts.flatten().filter(|fact| fact["clock"] == clock).cloned().collect()
    }

    async fn fact(&self, id: &str, clock: &str, kind: &str) -> Value {
        let facts = self.facts(id, clock).await;
        let found = facts.iter().rfind(|fact| fact["fact"] == kind);
        found.unwrap_or_else(|| panic!("no `{kind}` of {clock} among {facts:?}")).clone()
    }

    /// When a clock was due after its start or last move.
    async fn due(&self, id: &str, clock: &str) -> String {
        let facts = self.facts(id, clock).await;
        let due =
            facts.iter().rev().filter(|fact| fact["fact"] != "reached").find_map(|fact| fact["due"].as_str());
        due.unwrap_or_else(|| panic!("{clock} was never due")).to_owned()
    }

    async fn verdict(&self, id: &str, clock: &str) -> Value {
        self.fact(id, clock, "stopped").await["verdict"].clone()
    }

    /// (level, recorded at) of each point that a clock reached.
    async fn reached(&self, id: &str, clock: &str) -> Vec<(u64, String)> {
        let history = self.ann.history(id).await;
        let mut reached = Vec::new();
        for record in &history {
            for fact in record["entry"]["clocks"].as_array().into_iter().flatten() {
                if fact["clock"] == clock && fact["fact"] == "reached" {
                    let recorded = record["entry"]["recorded_at"].as_str().unwrap().to_owned();
                    reached.push((fact["level"].as_u64().unwrap(), recorded));
                }
            }
        }
        reached
    }
}

#[tokio::test]
async fn scenario_01_reply_at_the_due_is_met_and_a_second_later_breached() {
    for (reply, verdict) in [("2026-03-16T10:30:00+08:00", "met"), ("2026-03-16T10:30:01+08:00", "breached")]
    {
        let desk = Desk::at("2026-03-13T17:00:00+08:00").await;
        let id = desk.asked("email", "2026-03-13T17:30:00+08:00").await;
        assert_eq!(desk.due(&id, "FRT").await, at("2026-03-16T10:30:00+08:00"));
        desk.rig.until(reply).await;
        desk.responds(&id, reply).await;
        assert_eq!(desk.verdict(&id, "FRT").await, verdict);
        let events = desk.ann.events(&id).await;
        assert_eq!(events.iter().any(|event| event == "sla_breached"), verdict == "breached", "{events:?}");
    }
}

#[tokio::test]
async fn scenario_02_automatic_reply_in_the_spring_festival_stops_nothing() {
    let desk = Desk::at("2026-02-20T09:00:00+08:00").await;
    let id = desk.asked("wecom", "2026-02-20T10:00:00+08:00").await;
    assert_eq!(desk.ann.events(&id).await, ["submit", "auto_reply_sent"]);
    assert_eq!(desk.ann.instance(&id).await["data"]["case"]["off_hours"], true);
    assert_eq!(desk.due(&id, "FRT").await, at("2026-02-24T10:00:00+08:00"));
    desk.rig.until("2026-02-24T09:59:00+08:00").await;
    desk.responds(&id, "2026-02-24T09:59:00+08:00").await;
    let stopped = desk.fact(&id, "FRT", "stopped").await;
    assert_eq!((&stopped["verdict"], &stopped["elapsed_ms"]), (&json!("met"), &json!(59 * 60_000)));
}

#[tokio::test]
async fn scenario_03_message_before_opening_is_due_on_the_same_day() {
    let desk = Desk::at("2026-03-11T07:00:00+08:00").await;
    let id = desk.asked("wecom", "2026-03-11T07:15:00+08:00").await;
    assert_eq!(desk.due(&id, "FRT").await, at("2026-03-11T10:00:00+08:00"));
    desk.rig.until("2026-03-11T09:50:00+08:00").await;
    desk.responds(&id, "2026-03-11T09:50:00+08:00").await;
    assert_eq!(desk.verdict(&id, "FRT").await, "met");
}

#[tokio::test]
async fn scenario_04_make_up_saturday_counts() {
    let desk = Desk::at("2026-02-14T09:00:00+08:00").await;
    let id = desk.asked("email", "2026-02-14T09:30:00+08:00").await;
    desk.rig.until("2026-02-14T12:00:00+08:00").await;
    let reached = desk.reached(&id, "FRT").await;
    let expected = [(80, at("2026-02-14T11:06:00+08:00")), (100, at("2026-02-14T11:30:00.001+08:00"))];
    assert_eq!(reached, expected);
}

#[tokio::test]
async fn scenario_07_bot_answers_and_the_person_is_late() {
    let desk = Desk::wednesday().await;
    let id = desk.asked("email", "2026-03-11T14:00:00+08:00").await;
    desk.rig.until("2026-03-11T14:00:03+08:00").await;
    desk.gateway.sent(&id, "respond", json!({ "message_ref": "m/1", "human": false })).await;
    desk.rig.until("2026-03-11T17:00:00+08:00").await;
    desk.responds(&id, "2026-03-11T17:00:00+08:00").await;
    let stopped = desk.fact(&id, "FRT", "stopped").await;
    assert_eq!((&stopped["verdict"], &stopped["elapsed_ms"]), (&json!("breached"), &json!(3 * 3_600_000)));
    assert_eq!(
        desk.reached(&id, "FRT").await.iter().map(|(level, _)| *level).collect::<Vec<_>>(),
        [80, 100, 150]
    );
}

#[tokio::test]
async fn scenario_10_returned_questions_never_give_the_department_new_time() {
    let desk = Desk::wednesday().await;
    let dora = desk.rig.caller("dora", Role::DeptHandler).await;
    let sue = desk.rig.caller("sue", Role::Supervisor).await;
    let id = desk.asked("email", "2026-03-11T10:00:00+08:00").await;
    desk.ann.sent(&id, "accept", json!({})).await;
    let transfer = || {
        json!({ "department": "sales", "purpose": "verify", "handoff_note": "请核实该发票的抬头能否更改",
            "expected_by": at("2026-03-13T18:00:00+08:00") })
    };
    let back = || json!({ "reason": "不是我们的" });
    desk.ann.sent(&id, "transfer_department", transfer()).await;
    desk.rig.until("2026-03-11T11:00:00+08:00").await;
    assert_eq!(dora.sent(&id, "department_return", back()).await, "open.handling.in_progress");
    desk.rig.until("2026-03-12T09:00:00+08:00").await;
    desk.ann.sent(&id, "transfer_department", transfer()).await;
    desk.rig.until("2026-03-12T10:00:00+08:00").await;
    assert_eq!(dora.sent(&id, "department_return", back()).await, "open.handling.with_department");
    assert_eq!(desk.ann.instance(&id).await["data"]["arbitration_pending"], true);
    sue.sent(&id, "arbitrate", json!({ "department": "sales" })).await;
    assert_eq!(dora.refused(&id, "department_return", back(), 409).await, "binding");
    desk.rig.until("2026-03-12T11:00:00+08:00").await;
    dora.sent(&id, "department_reply", json!({ "answer_ref": "doc/1", "verified": true })).await;
    let stopped = desk.fact(&id, "DEPT", "stopped").await;
    assert_eq!((&stopped["cycle"], &stopped["elapsed_ms"]), (&json!(1), &json!(3 * 3_600_000)));
    assert_eq!(desk.verdict(&id, "ARBITRATE").await, "met");
}

#[tokio::test]
async fn scenario_16_raised_priority_that_is_past_due_at_once_breaches_once() {
    let desk = Desk::wednesday().await;
    let id = desk.asked("email", "2026-03-11T10:00:00+08:00").await;
    desk.ann.sent(&id, "accept", json!({})).await;
    desk.ann.sent(&id, "respond", json!({ "message_ref": "m/2", "human": true })).await;
    desk.rig.until("2026-03-11T16:00:00+08:00").await;
    desk.ann.sent(&id, "priority_changed", json!({ "to": "urgent", "reason": "客户停产" })).await;
    desk.rig.until("2026-03-11T16:00:01+08:00").await;
    let moved = desk.fact(&id, "RES", "retargeted").await;
    assert_eq!(moved["due"], at("2026-03-11T15:00:00+08:00"), "four hours from the original start");
    let facts = desk.facts(&id, "RES").await;
    let breaches: Vec<&Value> = facts.iter().filter(|fact| fact["level"] == 100).collect();
    assert_eq!(breaches.len(), 1);
    assert_eq!(breaches[0]["cause"], "retarget");
    let sue = desk.rig.caller("sue", Role::Supervisor).await;
    sue.sent(&id, "priority_changed", json!({ "to": "low", "reason": "恢复" })).await;
    desk.ann.sent(&id, "answer", solution()).await;
    desk.ann.sent(&id, "confirm", json!({ "satisfied": true, "recording_ref": "call/1" })).await;
    assert_eq!(desk.verdict(&id, "RES").await, "breached", "a lower priority takes no breach back");
}

#[tokio::test]
async fn scenario_17_running_cases_keep_their_targets_and_new_ones_get_the_new() {
    let desk = Desk::wednesday().await;
    let old = desk.asked("email", "2026-03-11T10:00:00+08:00").await;
    let mut closed = desk.rig.close().await;
    write_shipped(&mut closed);
    let change = [("version: 1", "version: 2"), ("email: 2 business hours", "email: 1 business hour")];
    edit(&closed, "consultation/definition.yaml", &change);
    let desk = Desk::of(closed.start().await.unwrap()).await;
    let new = desk.asked("email", "2026-03-11T10:00:00+08:00").await;
    assert_eq!(desk.due(&old, "FRT").await, at("2026-03-11T12:00:00+08:00"));
    assert_eq!(desk.due(&new, "FRT").await, at("2026-03-11T11:00:00+08:00"));
    desk.rig.until("2026-03-11T11:30:00+08:00").await;
    assert_eq!(desk.reached(&old, "FRT").await.len(), 0);
    assert_eq!(
        desk.reached(&new, "FRT").await.iter().map(|(level, _)| *level).collect::<Vec<_>>(),
        [80, 100, 150]
    );
}

#[tokio::test]
async fn scenario_18_running_dues_move_with_an_amended_calendar_and_a_past_breach_stays() {
    let desk = Desk::wednesday().await;
    let late = desk.asked("email", "2026-03-11T10:00:00+08:00").await;
    desk.rig.until("2026-03-11T12:30:00+08:00").await;
    let running = desk.asked("email", "2026-03-11T14:00:00+08:00").await;
    let mut closed = desk.rig.close().await;
    write_shipped(&mut closed);
    edit(
        &closed,
        "calendars/cn.yaml",
        &[("version: 1", "version: 2"), ("\noff:\n", "\noff:\n  - 2026-03-12\n  - 2026-03-11\n")],
    );
    let desk = Desk::of(closed.start().await.unwrap()).await;
    let moved = desk.fact(&running, "FRT", "retargeted").await;
    assert_eq!(moved["due_old"], at("2026-03-11T16:00:00+08:00"));
    assert_eq!(moved["due"], at("2026-03-13T11:00:00+08:00"), "today and tomorrow are off");
    assert_eq!(moved["cause"], "calendar");
    let events = desk.ann.events(&running).await;
    assert_eq!(events, ["submit", "calendar_amended", "clock_retargeted", "clock_retargeted"], "FRT and RES");
    let pins = desk
        .ann
        .history(&running)
        .await
        .iter()
        .filter_map(|r| r["entry"]["pins"]["calendar"].as_str().map(str::to_owned))
        .collect::<BTreeSet<_>>();
    assert_eq!(pins.len(), 2, "from the amendment on it counts on the new version");
    let breaches = desk.reached(&late, "FRT").await;
    assert_eq!(breaches.iter().map(|(level, _)| *level).collect::<Vec<_>>(), [80, 100, 150]);
    let seq = desk.ann.instance(&running).await["seq"].clone();
    let desk = Desk::of(desk.rig.restart().await).await;
    assert_eq!(desk.ann.instance(&running).await["seq"], seq, "a version is applied once");
}

/// The verdict of the first response as it stands: the last word of its history.
async fn said(desk: &Desk, id: &str) -> String {
    let facts = desk.facts(id, "FRT").await;
    let words = facts.iter().rev().find_map(|fact| fact["to"].as_str().or(fact["verdict"].as_str()));
    words.unwrap_or_else(|| panic!("no verdict among {facts:?}")).to_owned()
}

#[tokio::test]
async fn scenario_34_verdict_is_the_same_whether_the_timer_or_the_event_comes_first() {
    for (occurred, verdict) in
        [("2026-03-11T12:00:00+08:00", "met"), ("2026-03-11T12:00:00.001+08:00", "breached")]
    {
        let first = Desk::wednesday().await;
        let id = first.asked("email", "2026-03-11T10:00:00+08:00").await;
        first.rig.until("2026-03-11T12:00:00+08:00").await;
        // The clock moves and the event comes at once: whichever of both the writer takes first.
        first.rig.time.set(Instant::parse("2026-03-11T12:00:00.001+08:00").unwrap());
        first.responds(&id, occurred).await;
        first.rig.until("2026-03-11T12:00:00.001+08:00").await;
        assert_eq!(said(&first, &id).await, verdict, "in the same millisecond");

        let second = Desk::wednesday().await;
        let id = second.asked("email", "2026-03-11T10:00:00+08:00").await;
        second.rig.until("2026-03-11T12:00:00.001+08:00").await;
        second.responds(&id, occurred).await;
        assert_eq!(said(&second, &id).await, verdict, "the timer before the event");
    }
}

#[tokio::test]
async fn scenario_35_reply_of_before_the_due_that_arrives_late_corrects_the_verdict() {
    let desk = Desk::wednesday().await;
    let id = desk.asked("email", "2026-03-11T10:00:00+08:00").await;
    desk.rig.until("2026-03-11T12:05:00+08:00").await;
    desk.responds(&id, "2026-03-11T11:59:00+08:00").await;
    let events = desk.ann.events(&id).await;
    let told: Vec<&str> =
        events.iter().map(String::as_str).filter(|event| !event.contains("escalate")).collect();
    assert_eq!(told, ["submit", "sla_warned", "sla_breached", "respond", "verdict_corrected"]);
    let history = desk.ann.history(&id).await;
    let correction = &history.last().unwrap()["entry"];
    assert_eq!(correction["payload"]["auto"], true);
    assert_eq!(correction["clocks"][0]["to"], "met");
    let effects = correction["effects"].as_array().unwrap();
    assert!(effects.iter().any(|effect| effect["template"] == "sla_retracted"), "{effects:?}");
}

#[tokio::test]
async fn scenario_36_what_came_due_while_down_fires_once_in_order_and_speaks_once() {
    const CASES: usize = 40;
    let desk = Desk::wednesday().await;
    let mut ids = Vec::new();
    for number in 0..CASES {
        let time = Instant::parse("2026-03-11T10:00:00+08:00").unwrap().plus_millis(number as i64 * 1_000);
        ids.push(desk.asked("wecom", &time.to_string()).await);
    }
    let closed = desk.rig.close().await;
    closed.time.set(Instant::parse("2026-03-11T13:30:00+08:00").unwrap());
    // Down again in the middle of it, and the index is lost: what a crash leaves is the journal so far.
    let closed = closed.start().await.unwrap().close().await;
    std::fs::remove_dir_all(closed.config.index()).unwrap();
    let desk = Desk::of(closed.start().await.unwrap()).await;
    desk.rig.engine.settle().await;
    let desk = Desk::of(desk.rig.restart().await).await;
    desk.rig.engine.settle().await;
    let mut fired = Vec::new();
    for id in &ids {
        let history = desk.ann.history(id).await;
        let mut levels = Vec::new();
        let mut notices = Vec::new();
        for record in &history {
            let entry = &record["entry"];
            for fact in
                entry["clocks"].as_array().into_iter().flatten().filter(|fact| fact["fact"] == "reached")
            {
                levels.push((fact["level"].as_u64().unwrap(), fact["catch_up"] == true));
                let due = entry["cause"]["due"].as_str().unwrap().to_owned();
                fired.push((record["position"].as_u64().unwrap(), due));
            }
            let effects = entry["effects"].as_array().into_iter().flatten();
            notices.extend(
                effects
                    .filter(|e| e["kind"] == "notify" && e["template"].as_str().unwrap().starts_with("sla_"))
                    .map(|e| {
                        assert_eq!(e["values"]["catch_up"], true, "nobody is paged for history");
                        e["values"]["level"].as_u64().unwrap()
                    }),
            );
        }
        assert_eq!(levels, [(80, true), (100, true), (150, true), (200, true)], "{id}");
        assert_eq!(notices, [200], "only the highest level speaks");
    }
    fired.sort();
    assert!(fired.is_sorted_by_key(|(_, due)| due.clone()), "in the order in which they were due");
}

#[tokio::test]
async fn scenario_48_due_past_the_calendars_end_is_provisional_until_the_year_is_loaded() {
    let desk = Desk::at("2026-12-31T09:00:00+08:00").await;
    let id = desk.asked("email", "2026-12-31T17:00:00+08:00").await;
    let started = desk.fact(&id, "FRT", "started").await;
    assert_eq!(started["due"], at("2027-01-01T10:00:00+08:00"), "the next year is not known");
    assert_eq!(started["provisional"], true);
    let mut closed = desk.rig.close().await;
    write_shipped(&mut closed);
    let year = [
        ("version: 1", "version: 2"),
        ("horizon: 2026-12-31", "horizon: 2027-12-31"),
        ("\noff:\n", "\noff:\n  - 2027-01-01 to 2027-01-03\n"),
    ];
    edit(&closed, "calendars/cn.yaml", &year);
    let desk = Desk::of(closed.start().await.unwrap()).await;
    let moved = desk.fact(&id, "FRT", "retargeted").await;
    assert_eq!(moved["due_old"], started["due"]);
    assert_eq!(moved["due"], at("2027-01-04T10:00:00+08:00"));
    assert_eq!(moved.get("provisional"), None, "the year is known now");
}

#[tokio::test]
async fn clock_of_a_vip_customer_is_counted_around_the_clock_where_the_definition_says_so() {
    let mut closed = Rig::at("2026-03-11T19:00:00+08:00").await.close().await;
    write_shipped(&mut closed);
    let around = "    target: frt\n    calendars: [{ tier: vip, calendar: always }]\n";
    edit(
        &closed,
        "consultation/definition.yaml",
        &[("version: 1", "version: 2"), ("    target: frt\n", around)],
    );
    let desk = Desk::of(closed.start().await.unwrap()).await;
    let plain = desk.asked("email", "2026-03-11T20:00:00+08:00").await;
    let mut asked = question("c-2");
    asked["customer_tier"] = json!("vip");
    let vip = desk.gateway.submit(asked).await;
    assert_eq!(desk.due(&plain, "FRT").await, at("2026-03-12T11:00:00+08:00"));
    assert_eq!(desk.due(&vip, "FRT").await, at("2026-03-11T22:00:00+08:00"));
    assert_eq!(desk.fact(&vip, "FRT", "started").await["calendar"], "always");
    assert_eq!(
        desk.due(&vip, "RES").await,
        desk.due(&plain, "RES").await,
        "the other clock keeps the flow's"
    );
    desk.rig.until("2026-03-11T22:00:00.001+08:00").await;
    assert_eq!(desk.reached(&vip, "FRT").await.last().unwrap().0, 100);
    let pins = desk.ann.history(&vip).await[0]["entry"]["pins"]["others"].clone();
    assert!(pins["always"].is_string(), "{pins}");
}

#[tokio::test]
async fn case_that_is_moved_to_another_version_is_retargeted_from_its_original_start() {
    let desk = Desk::wednesday().await;
    let id = desk.asked("email", "2026-03-11T10:00:00+08:00").await;
    let mut closed = desk.rig.close().await;
    write_shipped(&mut closed);
    let change = [("version: 1", "version: 2"), ("email: 2 business hours", "email: 1 business hour")];
    edit(&closed, "consultation/definition.yaml", &change);
    let desk = Desk::of(closed.start().await.unwrap()).await;
    let owner = desk.rig.caller("olga", Role::ProcessOwner).await;
    owner.sent(&id, "policy_migrated", json!({ "from": 1, "to": 2 })).await;
    let moved = desk.fact(&id, "FRT", "retargeted").await;
    assert_eq!(
        (&moved["due_old"], &moved["due"]),
        (&json!(at("2026-03-11T12:00:00+08:00")), &json!(at("2026-03-11T11:00:00+08:00")))
    );
    assert_eq!(moved["cause"], "policy");
    assert_eq!(
        desk.ann.events(&id).await,
        ["submit", "policy_migrated", "clock_retargeted"],
        "RES is the same"
    );
}

#[tokio::test]
async fn settled_case_that_is_reopened_counts_on_the_amended_calendar() {
    let desk = Desk::wednesday().await;
    let id = desk.asked("email", "2026-03-11T10:00:00+08:00").await;
    desk.ann.sent(&id, "accept", json!({})).await;
    desk.ann.sent(&id, "answer", solution()).await;
    desk.ann.sent(&id, "confirm", json!({ "satisfied": true, "recording_ref": "call/1" })).await;
    let mut closed = desk.rig.close().await;
    write_shipped(&mut closed);
    edit(
        &closed,
        "calendars/cn.yaml",
        &[("version: 1", "version: 2"), ("\noff:\n", "\noff:\n  - 2026-03-12 to 2026-03-13\n")],
    );
    let desk = Desk::of(closed.start().await.unwrap()).await;
    desk.ann.sent(&id, "reopen", json!({ "reason": "又坏了" })).await;
    // Seven hours on Wednesday, eight on Monday, one on Tuesday.
    assert_eq!(desk.due(&id, "RES").await, at("2026-03-17T10:00:00+08:00"));
}

#[tokio::test]
async fn raised_priority_brings_the_calendar_that_the_definition_names_for_it() {
    let desk = Desk::wednesday().await;
    let moved = desk.asked("email", "2026-03-11T16:00:00+08:00").await;
    let mut closed = desk.rig.close().await;
    write_shipped(&mut closed);
    let around = "    target: res\n    calendars: [{ priority: urgent, calendar: always }]\n";
    edit(
        &closed,
        "consultation/definition.yaml",
        &[("version: 1", "version: 2"), ("    target: res\n", around)],
    );
    let desk = Desk::of(closed.start().await.unwrap()).await;
    let born = desk.asked("email", "2026-03-11T16:00:00+08:00").await;
    let owner = desk.rig.caller("olga", Role::ProcessOwner).await;
    owner.sent(&moved, "policy_migrated", json!({ "from": 1, "to": 2 })).await;
    for id in [&moved, &born] {
        desk.ann.sent(id, "accept", json!({})).await;
        desk.ann.sent(id, "priority_changed", json!({ "to": "urgent", "reason": "停产" })).await;
        let fact = desk.fact(id, "RES", "retargeted").await;
        assert_eq!(
            (&fact["calendar"], &fact["due"]),
            (&json!("always"), &json!(at("2026-03-11T20:00:00+08:00")))
        );
    }
}
