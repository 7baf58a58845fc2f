//! Whole lives of cases over HTTP: cut at each commit and resumed, and each command sent twice.

use careflow::kernel::actor::Role;
use serde_json::{Value, json};

use crate::conventions::{assert_replayed, keyed};
use crate::rig::{Caller, Rig, at};

/// What happens next.
enum Step {
    /// Somebody sends an event.
    Sends(&'static str, &'static str, Value),
    /// The clock shows this time.
    Until(&'static str),
}

/// A life of one case.
struct Story {
    workflow: &'static str,
    /// Who takes part.
    people: &'static [(&'static str, Role)],
    /// Who starts it, and with what.
    start: (&'static str, Value),
    steps: Vec<Step>,
    /// The state at its end.
    end: &'static str,
}

/// Who sends what; the plan is rejected once, so that the second round is told too.
fn complaint_story() -> Story {
    let told = || json!({ "message_ref": "mail/4", "channel": "email", "told_recourse": true });
    let found = || json!({ "finding": "partly", "root_cause": "training", "systemic": true, "responsible": [], "evidence": [] });
    let plan = |kind: &str| json!({ "actions": [{ "no": 1, "type": kind }], "rationale": "依据调查结论" });
    let sent = vec![
        (
            "ann",
            "acknowledge",
            json!({ "handler_contact": "tel:8001", "expected_by": at("2026-03-12T18:00:00+08:00"), "message_ref": "mail/2" }),
        ),
        (
            "ann",
            "assess",
            json!({ "severity": "normal", "complexity": "simple", "safety": false, "cause": "attitude", "soothe_note": "已安抚" }),
        ),
        ("ann", "dispatch", json!({ "department": "service", "handoff_note": "客户投诉服务态度，请调查。" })),
        ("dora", "dept_accept", json!({})),
        ("dora", "submit_findings", found()),
        ("dora", "propose", plan("explain")),
        ("ann", "communicate", told()),
        ("c-1", "customer_rejects", json!({ "reason": "解释不够" })),
        ("dora", "dept_accept", json!({})),
        (
            "dora",
            "request_info",
            json!({ "message_ref": "mail/5", "questions": ["何时？"], "not_already_held": true }),
        ),
        ("ann", "customer_reply", json!({ "message_ref": "mail/6", "intent": "info" })),
        ("dora", "submit_findings", found()),
        ("dora", "propose", plan("apologise")),
        ("ann", "communicate", told()),
        ("c-1", "customer_accepts", json!({})),
        ("dora", "action_done", json!({ "action_no": 1, "evidence": "doc/3" })),
        ("c-1", "confirm", json!({ "satisfied": true, "score": 5 })),
    ];
    let mut steps: Vec<Step> =
        sent.into_iter().map(|(who, event, payload)| Step::Sends(who, event, payload)).collect();
    steps.push(Step::Until("2026-03-27T00:00:00+08:00"));
    Story {
        workflow: "complaint",
        people: &[("ann", Role::Agent), ("dora", Role::DeptHandler), ("c-1", Role::Customer)],
        start: ("c-1", complaint()),
        steps,
        end: "closed.satisfied",
    }
}

fn complaint() -> Value {
    json!({
        "customer_id": "c-1", "channel": "email", "facts": "客服态度恶劣。",
        "happened_at": at("2026-03-10T09:00:00+08:00"), "subjects": [{ "kind": "actor", "id": "bo" }],
        "remedy_sought": "道歉", "cause_claimed": "attitude",
    })
}

/// A callback that is tried on two days, appointed, and ends with a customer who complains.
fn callback_story() -> Story {
    let plan = json!({
        "type": "periodic", "customer_id": "c-1", "channel_pref": ["phone", "email"],
        "window_from": at("2026-03-11T10:05:00+08:00"), "script_id": "s-1", "language": "zh-CN",
    });
    let claim = || Step::Sends("ann", "claim", json!({}));
    let call = |outcome: &str| {
        let result = json!({ "outcome": outcome, "channel": "phone", "seconds": 20 });
        Step::Sends("ann", "attempt_result", result)
    };
    let wish = json!({ "at": at("2026-03-12T20:30:00+08:00"), "by": "customer" });
    let word = json!({ "score": 2, "comment": "等了太久", "suggestions": ["快一点"] });
    let steps = vec![
        Step::Until("2026-03-11T10:05:00+08:00"),
        claim(),
        Step::Sends("ann", "release", json!({})),
        claim(),
        call("busy"),
        Step::Until("2026-03-11T10:35:00+08:00"),
        claim(),
        call("no_answer"),
        Step::Until("2026-03-12T09:00:00+08:00"),
        claim(),
        call("connected"),
        Step::Sends("ann", "schedule", wish),
        Step::Until("2026-03-12T20:30:00+08:00"),
        claim(),
        call("connected"),
        Step::Sends("ann", "record", word),
        Step::Until("2026-03-13T20:30:00+08:00"),
        Step::Sends("sue", "dispose", json!({ "decision": "new_complaint", "note": "客户要求投诉" })),
    ];
    Story {
        workflow: "callback",
        people: &[("ann", Role::Agent), ("sue", Role::Supervisor)],
        start: ("ann", plan),
        steps,
        end: "closed.completed_negative",
    }
}

/// What an entry says, but for salts and the hashes over them.
fn essence(history: &[Value]) -> Vec<Value> {
    let told = |record: &Value| {
        let entry = &record["entry"];
        json!([
            entry["seq"],
            entry["event"],
            entry["rule"],
            entry["to"],
            entry["recorded_at"],
            entry["clocks"]
        ])
    };
    history.iter().map(told).collect()
}

/// Tells the story; where `broken`, each command is sent twice and the server restarted after it.
async fn lived(story: Story, broken: bool) -> Vec<Value> {
    let mut rig = Rig::wednesday().await;
    let mut callers: Vec<(&str, Caller)> = Vec::new();
    for (name, role) in story.people {
        callers.push((name, rig.caller(name, *role).await));
    }
    let find = |callers: &[(&str, Caller)], name: &str| {
        callers.iter().find(|(known, _)| *known == name).unwrap().1.clone()
    };
    let (starter, payload) = story.start;
    let start = json!({ "payload": payload });
    let path = format!("/v1/workflows/{}/instances", story.workflow);
    let first = keyed(&find(&callers, starter), &path, &start, "start").await;
    let id = first.json()["instance"].as_str().unwrap().to_owned();
    if broken {
        assert_replayed(&first, &keyed(&find(&callers, starter), &path, &start, "start").await);
    }
    for (number, step) in story.steps.into_iter().enumerate() {
        let (who, event, payload) = match step {
            Step::Until(time) => {
                rig.until(time).await;
                continue;
            }
            Step::Sends(who, event, payload) => (who, event, payload),
        };
        let (path, key) = (format!("/v1/instances/{id}/events"), format!("step-{number}"));
        let body = json!({ "event": event, "payload": payload });
        let sent = keyed(&find(&callers, who), &path, &body, &key).await;
        assert_eq!(sent.status, 200, "{event}: {}", sent.text);
        if broken {
            rig = rig.restart().await;
            for (_, caller) in &mut callers {
                rig.address().clone_into(&mut caller.address);
            }
            assert_replayed(&sent, &keyed(&find(&callers, who), &path, &body, &key).await);
        }
    }
    let ann = find(&callers, "ann");
    assert_eq!(ann.state(&id).await, story.end);
    essence(&ann.history(&id).await)
}

#[tokio::test]
async fn complaint_cut_at_each_commit_with_each_command_sent_twice_has_the_same_history() {
    assert_eq!(lived(complaint_story(), true).await, lived(complaint_story(), false).await);
}

#[tokio::test]
async fn callback_cut_at_each_commit_with_each_command_sent_twice_has_the_same_history() {
    assert_eq!(lived(callback_story(), true).await, lived(callback_story(), false).await);
}
