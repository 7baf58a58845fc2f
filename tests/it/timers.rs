//! Timers over HTTP: listed in due order, fired and moved by administrators.

use careflow::kernel::actor::Role;
use serde_json::json;

use crate::conventions::{assert_replayed, keyed};
use crate::rig::{Rig, at, due, question, solution};

#[tokio::test]
async fn an_administrator_fires_and_moves_timers_with_a_reason() {
    let rig = Rig::wednesday().await;
    let (ann, root) = (rig.caller("ann", Role::Agent).await, rig.caller("root", Role::Administrator).await);
    let id = ann.submit(question("c-1")).await;
    ann.sent(&id, "accept", json!({})).await;
    ann.sent(&id, "answer", solution()).await;
    let until = at("2026-03-12T18:00:00+08:00");
    let page = root.get(&format!("/v1/timers?until={until}")).await.expect(200);
    assert_eq!(page["timers"][0]["timer"], "CONFIRM_REMIND");
    assert_eq!(page["timers"][0]["instance"], json!(id));
    assert_eq!(page["timers"][0]["due"], json!(until));
    let earlier = at("2026-03-12T17:59:59.999+08:00");
    assert_eq!(root.get(&format!("/v1/timers?until={earlier}")).await.expect(200)["timers"], json!([]));

    let expiry = format!("/v1/instances/{id}/timers/CONFIRM_EXPIRE");
    let later = json!({ "due": at("2026-03-20T18:00:00+08:00"), "reason": "客户出差" });
    assert_eq!(ann.post(&format!("{expiry}/move"), &later).await.problem(403), "role_not_allowed");
    let unreasoned = json!({ "due": later["due"], "reason": " " });
    assert_eq!(root.post(&format!("{expiry}/move"), &unreasoned).await.problem(422), "invalid_body");
    let moved = keyed(&root, &format!("{expiry}/move"), &later, "m-1").await;
    let instance = ann.instance(&id).await;
    assert_eq!(due(&instance, "CONFIRM_EXPIRE"), at("2026-03-20T18:00:00+08:00"));
    assert_replayed(&moved, &keyed(&root, &format!("{expiry}/move"), &later, "m-1").await);
    let entry = ann.history(&id).await.pop().unwrap()["entry"].clone();
    assert_eq!((&entry["event"], &entry["cause"]["reason"]), (&json!("timer_moved"), &json!("客户出差")));
    assert_eq!(entry["actor"]["id"], "root");
    rig.until("2026-03-16T18:00:00+08:00").await;
    assert_eq!(ann.state(&id).await, "open.answered", "the old due is no more");

    let reason = json!({ "reason": "客户要求" });
    assert_eq!(ann.post(&format!("{expiry}/fire"), &reason).await.problem(403), "role_not_allowed");
    let fired = keyed(&root, &format!("{expiry}/fire"), &reason, "f-1").await;
    assert_eq!(fired.clone().expect(200)["to"], "settled.unconfirmed");
    assert_replayed(&fired, &keyed(&root, &format!("{expiry}/fire"), &reason, "f-1").await);
    let other = json!({ "reason": "别的原因" });
    assert_eq!(keyed(&root, &format!("{expiry}/fire"), &other, "f-1").await.problem(409), "key_reused");
    let entry = ann.history(&id).await.pop().unwrap()["entry"].clone();
    assert_eq!(
        (&entry["payload"]["fired_by"], &entry["payload"]["reason"]),
        (&json!("root"), &json!("客户要求"))
    );
    let gone = root.post(&format!("{expiry}/fire"), &reason).await;
    assert_eq!(gone.problem(404), "unknown_timer");
    assert_eq!(gone.json()["accepted"], json!(["REOPEN_WINDOW"]));
}

#[tokio::test]
async fn pages_of_timers_hold_each_waiting_case_once_in_due_order() {
    let rig = Rig::wednesday().await;
    let (ann, root) = (rig.caller("ann", Role::Agent).await, rig.caller("root", Role::Administrator).await);
    let mut expected = Vec::new();
    for number in 0..5 {
        rig.until(&format!("2026-03-1{}T10:00:00+08:00", 1 + number / 3)).await;
        let id = ann.submit(question("c-1")).await;
        ann.sent(&id, "accept", json!({})).await;
        ann.sent(&id, "answer", solution()).await;
        expected.push((due(&ann.instance(&id).await, "CONFIRM_REMIND").to_owned(), id));
    }
    expected.sort();
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = root.get(&format!("/v1/timers?limit=2{cursor}")).await.expect(200);
        for timer in page["timers"].as_array().unwrap() {
            let text = |name: &str| timer[name].as_str().unwrap().to_owned();
            found.push((text("due"), text("instance")));
        }
        match page.get("next_cursor") {
            Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
            None => break,
        }
    }
    assert_eq!(found, expected);
}
