//! What every sender may rely on: idempotency keys, sequences, dry runs.

use careflow::kernel::actor::Role;
use serde_json::{Value, json};

use crate::lists::listed;
use crate::rig::{Caller, Response, Rig, at, question, solution};

const STARTS: &str = "/v1/workflows/consultation/instances";

pub fn accept() -> Value {
    json!({ "event": "accept", "payload": {} })
}

pub fn events_of(id: &str) -> String {
    format!("/v1/instances/{id}/events")
}

pub async fn keyed(caller: &Caller, path: &str, body: &Value, key: &str) -> Response {
    caller.post_with(path, body, &[("idempotency-key", key)]).await
}

/// Asserts that `again` is the answer `first` once more, and says so.
#[track_caller]
pub fn assert_replayed(first: &Response, again: &Response) {
    assert!((200..300).contains(&first.status), "{}", first.text);
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    for name in ["etag", "careflow-position", "location"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn the_same_key_and_body_get_the_same_bytes_for_starts_and_events() {
    let rig = Rig::wednesday().await;
    let (customer, ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    let start = json!({ "payload": question("c-1") });
    let started = keyed(&customer, STARTS, &start, "s-1").await;
    assert_eq!(started.status, 201);
    let id = started.json()["instance"].as_str().unwrap().to_owned();
    let taken = keyed(&ann, &events_of(&id), &accept(), "a-1").await;
    rig.until("2026-03-11T10:05:00+08:00").await;
    let position = rig.engine.position();
    assert_replayed(&started, &keyed(&customer, STARTS, &start, "s-1").await);
    assert_replayed(&taken, &keyed(&ann, &events_of(&id), &accept(), "a-1").await);
    assert_eq!(rig.engine.position(), position);
    assert_eq!(ann.events(&id).await, ["submit", "accept"]);
}

#[tokio::test]
async fn tokens_and_actors_take_keys_that_outlive_a_restart() {
    let rig = Rig::wednesday().await;
    let root = rig.caller("root", Role::Administrator).await;
    let headers = |key| [("content-type", "application/json"), ("idempotency-key", key)];
    let eve = json!({ "actor": "eve", "kind": "person", "roles": ["agent"] });
    let made = keyed(&root, "/v1/tokens", &eve, "t-1").await;
    assert_eq!((made.status, made.json()["secret"].is_string()), (201, true));
    let path = made.header("location").unwrap().to_owned();
    let shift = json!({ "active": true, "on_shift": false });
    let put = root.request("PUT", "/v1/actors/eve", &headers("p-1"), shift.to_string()).await;
    let revoked = root.request("DELETE", &path, &headers("r-1"), "").await;
    let rig = rig.restart().await;
    let root = Caller { address: rig.address().to_owned(), ..root };
    let position = rig.engine.position();
    assert_replayed(&put, &root.request("PUT", "/v1/actors/eve", &headers("p-1"), shift.to_string()).await);
    assert_replayed(&revoked, &root.request("DELETE", &path, &headers("r-1"), "").await);
    let again = keyed(&root, "/v1/tokens", &eve, "t-1").await;
    for name in ["etag", "careflow-position", "location"] {
        assert_eq!(again.header(name), made.header(name), "{name}");
    }
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!((again.json()["token"]["revoked"].as_bool(), again.json().get("secret")), (Some(true), None));
    assert_eq!(keyed(&root, "/v1/tokens", &shift, "t-1").await.problem(422), "invalid_body");
    let other = json!({ "actor": "eve", "roles": ["trainer"] });
    assert_eq!(keyed(&root, "/v1/tokens", &other, "t-1").await.problem(409), "key_reused");
    let back = json!({ "active": true, "on_shift": true });
    let other = root.request("PUT", "/v1/actors/eve", &headers("p-1"), back.to_string()).await;
    assert_eq!(other.problem(409), "key_reused");
    assert_eq!(rig.engine.position(), position, "nothing was added by any of it");
}

#[tokio::test]
async fn members_in_another_order_are_the_same_command() {
    let rig = Rig::wednesday().await;
    let customer = rig.caller("c-1", Role::Customer).await;
    let text = json!({ "payload": question("c-1") }).to_string();
    let members: Vec<String> = {
        let payload = question("c-1");
        let members = payload.as_object().unwrap().iter().rev();
        members.map(|(name, value)| format!("{}: {value}", json!(name))).collect()
    };
    let turned = format!("{{ \"payload\": {{ {} }} }}", members.join(", "));
    assert_ne!(text, turned);
    let headers = [("content-type", "application/json"), ("idempotency-key", "s-1")];
    let started = customer.request("POST", STARTS, &headers, text).await;
    assert_replayed(&started, &customer.request("POST", STARTS, &headers, turned).await);
}

#[tokio::test]
async fn a_key_with_another_command_is_refused_and_nothing_changes() {
    let rig = Rig::wednesday().await;
    let (customer, ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    let started = keyed(&customer, STARTS, &json!({ "payload": question("c-1") }), "s-1").await;
    let id = started.json()["instance"].as_str().unwrap().to_owned();
    keyed(&ann, &events_of(&id), &accept(), "a-1").await.expect(200);
    let position = rig.engine.position();
    let mut other = question("c-1");
    other["subject"] = json!("别的问题");
    let again = keyed(&customer, STARTS, &json!({ "payload": other }), "s-1").await;
    assert_eq!(again.problem(409), "key_reused");
    let again = json!({ "event": "answer", "payload": solution() });
    assert_eq!(keyed(&ann, &events_of(&id), &again, "a-1").await.problem(409), "key_reused");
    let claimed = json!({ "event": "accept", "payload": {}, "occurred_at": at("2026-03-11T09:59:00+08:00") });
    assert_eq!(keyed(&ann, &events_of(&id), &claimed, "a-1").await.problem(409), "key_reused");
    assert_eq!(rig.engine.position(), position);
}

#[tokio::test]
async fn a_key_is_its_senders_own() {
    let rig = Rig::wednesday().await;
    let (ann, bo) = (rig.caller("ann", Role::Agent).await, rig.caller("bo", Role::Agent).await);
    let start = json!({ "payload": question("c-1") });
    let first = keyed(&ann, STARTS, &start, "k").await.expect(201);
    let second = keyed(&bo, STARTS, &start, "k").await.expect(201);
    assert_ne!(first["instance"], second["instance"]);
}

#[tokio::test]
async fn a_refused_command_uses_up_no_key() {
    let rig = Rig::wednesday().await;
    let (customer, ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    let id = customer.submit(question("c-1")).await;
    let path = events_of(&id);
    let unfit = json!({ "event": "department_reply", "payload": {} });
    assert_eq!(keyed(&ann, &path, &unfit, "k").await.problem(403), "role_not_allowed");
    let unfit = json!({ "event": "answer", "payload": { "steps": 1 } });
    assert_eq!(keyed(&ann, &path, &unfit, "k").await.problem(422), "invalid_payload");
    let word = json!({ "event": "confirm", "payload": { "satisfied": true, "recording_ref": "call/1" } });
    assert_eq!(keyed(&ann, &path, &word, "k").await.problem(409), "event_not_accepted");
    let stale = [("idempotency-key", "k"), ("if-match", "\"9\"")];
    assert_eq!(ann.post_with(&path, &accept(), &stale).await.problem(412), "stale");
    let taken = keyed(&ann, &path, &accept(), "k").await;
    assert_eq!((taken.status, taken.header("idempotent-replayed")), (200, None), "{}", taken.text);
    let wrong = json!({ "payload": { "customer_id": "c-1" } });
    assert_eq!(keyed(&customer, STARTS, &wrong, "s").await.problem(422), "invalid_payload");
    let right = json!({ "payload": question("c-1") });
    assert_eq!(keyed(&customer, STARTS, &right, "s").await.status, 201);
}

#[tokio::test]
async fn keys_survive_a_restart_and_a_rebuild_of_the_index() {
    let rig = Rig::wednesday().await;
    let (customer, mut ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    let id = customer.submit(question("c-1")).await;
    let taken = keyed(&ann, &events_of(&id), &accept(), "a-1").await;
    let rig = rig.restart().await;
    rig.address().clone_into(&mut ann.address);
    assert_replayed(&taken, &keyed(&ann, &events_of(&id), &accept(), "a-1").await);
    let closed = rig.close().await;
    std::fs::remove_dir_all(closed.config.index()).unwrap();
    let rig = closed.start().await.unwrap();
    rig.address().clone_into(&mut ann.address);
    let position = rig.engine.position();
    assert_replayed(&taken, &keyed(&ann, &events_of(&id), &accept(), "a-1").await);
    let other = json!({ "event": "answer", "payload": solution() });
    assert_eq!(keyed(&ann, &events_of(&id), &other, "a-1").await.problem(409), "key_reused");
    assert_eq!(rig.engine.position(), position);
}

#[tokio::test]
async fn one_key_sent_twice_at_once_is_carried_out_once() {
    let rig = Rig::wednesday().await;
    let customer = rig.caller("c-1", Role::Customer).await;
    let start = json!({ "payload": question("c-1") });
    let (one, two) =
        tokio::join!(keyed(&customer, STARTS, &start, "s-1"), keyed(&customer, STARTS, &start, "s-1"));
    assert_eq!((one.status, &one.text), (two.status, &two.text));
    let replayed = [&one, &two].map(|answer| answer.header("idempotent-replayed").is_some());
    assert_eq!(replayed.iter().filter(|replayed| **replayed).count(), 1);
    assert_eq!(listed(&customer, "").await.len(), 1);
}

#[tokio::test]
async fn an_event_for_a_sequence_that_passed_is_told_what_it_missed() {
    let rig = Rig::wednesday().await;
    let (customer, ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    let id = customer.submit(question("c-1")).await;
    let read = ann.get(&format!("/v1/instances/{id}")).await;
    let tag = read.header("etag").unwrap().to_owned();
    assert_eq!(tag, "\"1\"");
    let matched = [("if-match", tag.as_str())];
    let taken = ann.post_with(&events_of(&id), &accept(), &matched).await;
    assert_eq!((taken.status, taken.header("etag")), (200, Some("\"2\"")));
    ann.sent(&id, "record_details", json!({ "problem_type": "tax" })).await;
    let answer = json!({ "event": "answer", "payload": solution() });
    let stale = ann.post_with(&events_of(&id), &answer, &matched).await;
    assert_eq!(stale.problem(412), "stale");
    let problem = stale.json();
    assert_eq!(problem["current_seq"], 3);
    let missed: Vec<&Value> =
        problem["entries_since"].as_array().unwrap().iter().map(|record| &record["entry"]["event"]).collect();
    assert_eq!(missed, ["accept", "record_details"]);
    let word = json!({ "event": "withdraw", "payload": {} });
    let stale = customer.post_with(&events_of(&id), &word, &matched).await;
    assert_eq!(stale.problem(412), "stale");
    assert_eq!(stale.json().get("entries_since"), None, "customers read no histories");
    for malformed in ["3", "*", "W/\"3\"", "\"three\"", "\"1\", \"2\""] {
        let refused = ann.post_with(&events_of(&id), &answer, &[("if-match", malformed)]).await;
        assert_eq!(refused.problem(400), "invalid_header", "{malformed}");
    }
    assert_eq!(ann.instance(&id).await["seq"], 3);
}

#[tokio::test]
async fn a_start_takes_no_sequence() {
    let rig = Rig::wednesday().await;
    let ann = rig.caller("ann", Role::Agent).await;
    let start = json!({ "payload": question("c-1") });
    let refused = ann.post_with(STARTS, &start, &[("if-match", "\"1\"")]).await;
    assert_eq!(refused.problem(400), "invalid_header");
    assert!(listed(&ann, "").await.is_empty());
}

/// An entry without what tells a dry run from the real one: key, request, and what fresh salts change.
fn comparable(entry: &Value, is_first: bool) -> Value {
    fn unsalted(value: &mut Value) {
        match value {
            Value::Object(map) if map.contains_key("$p") => *value = json!("sealed"),
            Value::Object(map) => map.values_mut().for_each(unsalted),
            Value::Array(items) => items.iter_mut().for_each(unsalted),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut entry = entry.clone();
    let members = entry.as_object_mut().unwrap();
    members.remove("idempotency");
    members.remove("request_id");
    if !is_first {
        members.remove("prev");
    }
    unsalted(&mut entry);
    entry
}

/// Tries a command dry, sends it, and asserts that the one told what the other did.
async fn assert_foretold(rig: &Rig, caller: &Caller, path: &str, body: &Value, key: &str) -> Value {
    let position = rig.engine.position();
    let tried = keyed(caller, &format!("{path}?dry_run=true"), body, key).await.expect(200);
    assert_eq!(rig.engine.position(), position, "a dry run writes nothing");
    let sent = keyed(caller, path, body, key).await;
    assert_eq!(sent.header("idempotent-replayed"), None, "a dry run uses up no key");
    let sent = sent.json();
    for member in
        ["instance", "seq", "event", "rule", "from", "to", "moved", "clocks", "effects", "recorded_at"]
    {
        if member == "effects" {
            let effects = |receipt: &Value| comparable(&json!({ "effects": receipt["effects"] }), true);
            assert_eq!(effects(&tried), effects(&sent));
        } else {
            assert_eq!(tried.get(member), sent.get(member), "{member}");
        }
    }
    let auditor = rig.caller("audit", Role::Auditor).await;
    let changes = auditor.get(&format!("/v1/changes?after={position}")).await.expect(200);
    let done: Vec<Value> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|record| !record["entry"]["workflow"].as_str().unwrap().starts_with('$'))
        .enumerate()
        .map(|(number, record)| comparable(&record["entry"], number == 0))
        .collect();
    let foretold: Vec<Value> = tried["preview"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(number, entry)| comparable(entry, number == 0))
        .collect();
    assert_eq!(foretold, done);
    let id = sent["instance"].as_str().unwrap();
    assert_eq!(tried["preview"]["after"], caller.instance(id).await);
    sent
}

#[tokio::test]
async fn a_dry_run_tells_exactly_what_the_real_one_does() {
    // Closed for lunch: the start has a follow-up, the automatic reply.
    let rig = Rig::at("2026-03-11T12:30:00+08:00").await;
    let (customer, ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    let gateway = rig.caller("mail", Role::Gateway).await;
    let start = json!({ "payload": question("c-1") });
    let started = assert_foretold(&rig, &customer, STARTS, &start, "k1").await;
    let id = started["instance"].as_str().unwrap().to_owned();
    assert_eq!(ann.events(&id).await, ["submit", "auto_reply_sent"]);
    let path = events_of(&id);
    assert_foretold(&rig, &ann, &path, &accept(), "k2").await;
    let reply =
        json!({ "event": "customer_reply", "payload": { "message_ref": "m/2", "intent": "new_issue" } });
    assert_foretold(&rig, &gateway, &path, &reply, "k3").await;
    assert_eq!(listed(&ann, "customer=c-1").await.len(), 2, "the new matter is a child of the same commit");
    let answer = json!({ "event": "answer", "payload": solution() });
    assert_foretold(&rig, &ann, &path, &answer, "k4").await;
    let word = json!({ "event": "confirm", "payload": { "satisfied": false, "comment": "没有解决" } });
    assert_foretold(&rig, &customer, &path, &word, "k5").await;
}

#[tokio::test]
async fn a_dry_run_is_refused_as_the_real_one_would_be() {
    let rig = Rig::wednesday().await;
    let (ann, bo) = (rig.caller("ann", Role::Agent).await, rig.caller("bo", Role::Agent).await);
    let id = ann.submit(question("c-1")).await;
    keyed(&ann, &events_of(&id), &accept(), "used").await.expect(200);
    let other = json!({ "event": "answer", "payload": solution() });
    let unfit = json!({ "event": "answer", "payload": {} });
    let early = json!({ "event": "confirm", "payload": { "satisfied": true, "recording_ref": "call/1" } });
    for (who, body, headers) in [
        (&bo, &accept(), vec![]),
        (&ann, &unfit, vec![]),
        (&ann, &early, vec![]),
        (&ann, &other, vec![("if-match", "\"1\"")]),
        (&ann, &other, vec![("idempotency-key", "used")]),
    ] {
        let (position, path) = (rig.engine.position(), events_of(&id));
        let tried = who.post_with(&format!("{path}?dry_run=true"), body, &headers).await.json();
        let sent = who.post_with(&path, body, &headers).await.json();
        for member in ["status", "code", "detail", "accepted_events", "faults", "owner", "current_seq"] {
            assert_eq!(tried.get(member), sent.get(member), "{member} of {sent}");
        }
        assert!(sent["status"].as_u64().unwrap() >= 400, "{sent}");
        assert_eq!(rig.engine.position(), position);
    }
}
