//! The thin path through everything: a request in, an entry on disk, an answer out.

use careflow::kernel::actor::Role;
use serde_json::json;

use crate::rig::{Rig, question};

#[tokio::test]
async fn consultation_goes_from_intake_to_closure() {
    let rig = Rig::wednesday().await;
    let customer = rig.caller("c-1", Role::Customer).await;
    let agent = rig.caller("ann", Role::Agent).await;
    let id = customer.submit(question("c-1")).await;
    assert_eq!(agent.state(&id).await, "open.intake.received");
    assert_eq!(agent.sent(&id, "accept", json!({})).await, "open.intake.accepted");
    let answer = json!({
        "message_ref": "mail/2", "solution_ref": "kb/1", "steps": ["打开", "保存"], "attachments": [],
        "confirmed_in_contact": false,
    });
    assert_eq!(agent.sent(&id, "answer", answer).await, "open.answered");
    assert_eq!(
        customer.sent(&id, "confirm", json!({ "satisfied": true, "score": 5 })).await,
        "settled.confirmed"
    );
    rig.until("2026-03-19T00:00:00+08:00").await;
    assert_eq!(agent.state(&id).await, "closed.resolved");
    assert_eq!(agent.events(&id).await, ["submit", "accept", "answer", "confirm", "timer_fired"]);
    let before = agent.instance(&id).await;
    let rig = rig.restart().await;
    let auditor = rig.caller("audit", Role::Auditor).await;
    let mut after = auditor.instance(&id).await;
    after["accepted_events"] = before["accepted_events"].clone();
    assert_eq!(after, before);
}
