//! What readers may rely on: the feed, provable histories, who sees what of persons.

use std::collections::BTreeSet;
use std::sync::Arc;

use careflow::kernel::actor::Role;
use careflow::kernel::canonical;
use careflow::kernel::hash::Hash;
use careflow::kernel::patch;
use serde_json::{Value, json};

use crate::lists::{listed, shelf};
use crate::rig::{Caller, Rig, question, solution};

#[tokio::test]
async fn the_feed_tells_every_entry_once_from_any_position_and_over_a_restart() {
    let rig = Rig::wednesday().await;
    shelf(&rig).await;
    let mut auditor = rig.caller("audit", Role::Auditor).await;
    let whole = auditor.get("/v1/changes?limit=500").await.expect(200);
    let key = |record: &Value| {
        let entry = &record["entry"];
        (entry["instance"].as_str().unwrap().to_owned(), entry["seq"].as_u64().unwrap())
    };
    let records = whole["changes"].as_array().unwrap();
    let keys: BTreeSet<_> = records.iter().map(key).collect();
    assert_eq!(keys.len(), records.len(), "no entry comes twice");
    assert_eq!(whole["position"], rig.engine.position());
    let positions: Vec<u64> = records.iter().map(|record| record["position"].as_u64().unwrap()).collect();
    assert!(positions.is_sorted());
    let (mut after, mut resumed) = (0, Vec::new());
    loop {
        let part = auditor.get(&format!("/v1/changes?after={after}&limit=2")).await.expect(200);
        let changes = part["changes"].as_array().unwrap();
        if changes.is_empty() {
            break;
        }
        resumed.extend(changes.iter().cloned());
        after = part["position"].as_u64().unwrap();
    }
    assert_eq!(&resumed, records);
    let middle = positions[positions.len() / 2];
    let rig = rig.restart().await;
    rig.address().clone_into(&mut auditor.address);
    let rest = auditor.get(&format!("/v1/changes?after={middle}&limit=500")).await.expect(200);
    let expected: Vec<&Value> =
        records.iter().filter(|record| record["position"].as_u64().unwrap() > middle).collect();
    let found: Vec<&Value> = rest["changes"].as_array().unwrap().iter().take(expected.len()).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn who_waits_at_the_end_of_the_feed_is_woken_by_the_next_write() {
    let rig = Rig::wednesday().await;
    let (customer, auditor) =
        (rig.caller("c-1", Role::Customer).await, rig.caller("audit", Role::Auditor).await);
    let end = rig.engine.position();
    let path = format!("/v1/changes?after={end}&wait=30s");
    let (woken, id) = tokio::join!(auditor.get(&path), customer.submit(question("c-1")));
    let woken = woken.expect(200);
    assert_eq!(woken["changes"][0]["entry"]["instance"], json!(id));
    assert_eq!(woken["position"], end + 1);
    let nothing = auditor.get(&format!("/v1/changes?after={}", end + 1)).await.expect(200);
    assert_eq!(nothing, json!({ "changes": [], "position": end + 1 }));
}

#[tokio::test]
async fn a_client_can_prove_a_history_and_fold_it_into_the_case() {
    let rig = Rig::wednesday().await;
    let (customer, ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    let id = customer.submit(question("c-1")).await;
    ann.sent(&id, "accept", json!({})).await;
    ann.sent(&id, "answer", solution()).await;
    let reply = json!({ "message_ref": "mail/3", "intent": "new_issue" });
    ann.sent(&id, "customer_reply", reply).await;
    customer.sent(&id, "confirm", json!({ "satisfied": true })).await;
    rig.until("2026-03-20T00:00:00+08:00").await;
    let cases = listed(&ann, "customer=c-1&workflow=consultation").await;
    let child = cases.iter().find(|case| **case != id).unwrap();
    let parent = prove(&rig, &ann, &id, None).await;
    // The child continues the entry that started it: the fourth of its parent.
    prove(&rig, &ann, child, Some(parent[3].clone())).await;
}

/// Proves a history that continues `prev`, folds it into the case's data; answers its hashes.
async fn prove(rig: &Rig, ann: &Caller, id: &str, mut prev: Option<String>) -> Vec<String> {
    let (mut hashes, mut data) = (Vec::new(), Arc::new(Value::Null));
    for (number, record) in ann.history(id).await.iter().enumerate() {
        let entry = &record["entry"];
        assert_eq!(entry["seq"], number + 1);
        assert_eq!(record["hash"], canonical::hash(entry).unwrap().to_string());
        assert_eq!(entry["prev"].as_str(), prev.as_deref(), "{id} {}", number + 1);
        let hash = record["hash"].as_str().unwrap().to_owned();
        hashes.push(hash.clone());
        prev = Some(hash);
        let changes = entry.get("patch").cloned().unwrap_or_else(|| json!([]));
        let changes: Vec<patch::Change> = serde_json::from_value(changes).unwrap();
        patch::apply(&mut data, &changes).unwrap();
    }
    let administrator = rig.caller("root", Role::Administrator).await;
    assert_eq!(administrator.instance(id).await["data"], *data);
    hashes
}

#[tokio::test]
async fn a_long_history_is_read_in_pages() {
    let rig = Rig::wednesday().await;
    let ann = rig.caller("ann", Role::Agent).await;
    let id = ann.submit(question("c-1")).await;
    for number in 0..11 {
        let note = json!({ "text_ref": format!("note/{number}"), "visibility": "internal" });
        ann.sent(&id, "note_added", note).await;
    }
    let whole = ann.history(&id).await;
    assert_eq!(whole.len(), 12);
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = ann.get(&format!("/v1/instances/{id}/history?limit=5&after={after}")).await.expect(200);
        found.extend(page["entries"].as_array().unwrap().iter().cloned());
        match page.get("next_after") {
            Some(next) => after = next.as_u64().unwrap(),
            None => break,
        }
    }
    assert_eq!(found, whole);
}

#[tokio::test]
async fn personal_values_are_shown_to_staff_and_masked_for_administrators() {
    let rig = Rig::wednesday().await;
    let (customer, ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    let root = rig.caller("root", Role::Administrator).await;
    let mut payload = question("c-1");
    payload["subject"] = json!("张三 13800138000");
    let id = customer.submit(payload).await;
    assert_eq!(ann.instance(&id).await["data"]["subject"], "张三 13800138000");
    let sealed = root.instance(&id).await["data"]["subject"]["$p"].as_str().unwrap().to_owned();
    let record = ann.history(&id).await.remove(0);
    assert_eq!(record["entry"]["payload"]["subject"], json!({ "$p": sealed }));
    assert_eq!(record["personal"][&sealed]["value"], "张三 13800138000");
    let salt = record["personal"][&sealed]["salt"].as_str().unwrap();
    let value = canonical::to_string(&record["personal"][&sealed]["value"]).unwrap();
    assert_eq!(Hash::of(&[salt.as_bytes(), value.as_bytes()]).to_string(), sealed);
    let masked = root.get(&format!("/v1/instances/{id}/history")).await;
    assert!(!masked.text.contains("13800138000") && masked.text.contains(&sealed));
    assert!(!root.get("/v1/changes").await.text.contains("13800138000"));
    assert!(ann.get("/v1/changes").await.text.contains("13800138000"));
}

#[tokio::test]
async fn personal_values_stand_on_disk_only_beside_what_is_hashed() {
    let rig = Rig::wednesday().await;
    let (customer, ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    let mut payload = question("c-1");
    payload["subject"] = json!("secret-subject");
    let id = customer.submit(payload).await;
    let ask = json!({ "message_ref": "m/2", "questions": ["secret-question"] });
    ann.sent(&id, "request_info", ask).await;
    let refused = json!({ "satisfied": true, "comment": "secret-comment" });
    customer.refused(&id, "confirm", refused, 409).await;
    let reply = json!({ "message_ref": "mail/3", "intent": "new_issue" });
    ann.sent(&id, "customer_reply", reply).await;
    let closed = rig.close().await;
    let mut seen = 0;
    for file in std::fs::read_dir(closed.config.journal()).unwrap() {
        let text = String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned();
        for line in text.lines() {
            let (hashed, private) = line.split_once("],\"private\":[").unwrap_or((line, ""));
            assert!(!hashed.contains("secret-"), "{hashed}");
            seen += private.matches("secret-").count();
        }
    }
    assert_eq!(seen, 3, "the subject, the question, and the subject once more for the new matter");
    let rejected = std::fs::read_to_string(closed.config.rejected()).unwrap();
    assert!(rejected.contains("event_not_accepted") && !rejected.contains("secret-"), "{rejected}");
}

#[tokio::test]
async fn a_customer_reads_own_cases_and_nothing_else() {
    let rig = Rig::wednesday().await;
    let (mine, other) = (rig.caller("c-1", Role::Customer).await, rig.caller("c-2", Role::Customer).await);
    let id = mine.submit(question("c-1")).await;
    let foreign = other.submit(question("c-2")).await;
    let data = mine.instance(&id).await["data"].clone();
    assert_eq!(data.as_object().unwrap().keys().collect::<Vec<_>>(), ["case"]);
    for filter in ["", "customer=c-1", "owner=queue:pre_sale"] {
        assert_eq!(listed(&mine, filter).await, std::slice::from_ref(&id), "{filter}");
    }
    assert_eq!(mine.get("/v1/instances?customer=c-2").await.problem(403), "role_not_allowed");
    let absent = "3fa2-7f3k2m9qx4tbz8wd";
    for unreadable in [foreign.as_str(), absent] {
        let path = format!("/v1/instances/{unreadable}");
        let answer = mine.get(&path).await;
        assert_eq!(answer.problem(404), "unknown_instance");
        assert_eq!(answer.json()["detail"], format!("there is no instance `{unreadable}`"));
        assert_eq!(mine.refused(unreadable, "withdraw", json!({}), 404).await, "unknown_instance");
    }
    for closed in ["/v1/changes", "/v1/timers", "/v1/actors", "/v1/tokens", "/metrics"] {
        assert_eq!(mine.get(closed).await.problem(403), "role_not_allowed", "{closed}");
    }
    let history = mine.get(&format!("/v1/instances/{id}/history")).await;
    assert_eq!(history.problem(403), "role_not_allowed");
    assert_eq!(other.state(&foreign).await, "open.intake.received");
}
