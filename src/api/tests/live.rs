//! Tests of the API over the real engine and the shipped flow, on in-memory storage.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use serde_json::{Value, json};

use super::{Seen, ask, request};
use crate::api::{AppState, Limits, router};
use crate::engine::{Engine, Identity, Parts};
use crate::index::memory::MemoryIndex;
use crate::journal::memory::MemoryJournal;
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::canonical;
use crate::kernel::hash::Hash;
use crate::kernel::instant::Instant;
use crate::time::ManualTime;
use crate::workflows::Registry;

/// A server with one token for each person.
struct Desk {
    router: Router,
    engine: Engine,
    time: Arc<ManualTime>,
    secrets: BTreeMap<&'static str, String>,
}

/// Who works at the desk, and as what.
const PEOPLE: [(&str, &[Role]); 7] = [
    ("ann", &[Role::Agent]),
    ("bob", &[Role::Agent]),
    ("sue", &[Role::Auditor, Role::Supervisor]),
    ("gate", &[Role::Gateway]),
    ("root", &[Role::Administrator]),
    ("c-1", &[Role::Customer]),
    ("c-2", &[Role::Customer]),
];

/// A Wednesday, 10:00 in Shanghai: the desk is open.
fn morning() -> Instant {
    Instant::parse("2026-03-11T02:00:00Z").unwrap()
}

async fn desk() -> Desk {
    let registry = Registry::shipped();
    let time = Arc::new(ManualTime::at(morning()));
    let parts = Parts {
        journal: Arc::new(MemoryJournal::default()),
        index: Arc::new(MemoryIndex::new()),
        workflows: registry.all().to_vec(),
        sources: crate::app::sources(registry.all(), None).unwrap(),
        time: time.clone(),
        progress: Box::new(|_, _| {}),
        rejected: Box::new(|_| {}),
    };
    let engine = Engine::open(parts).await.unwrap();
    let by = Actor { kind: ActorKind::Local, ..Actor::person("local:0", Role::Administrator) };
    let mut secrets = BTreeMap::new();
    for (name, roles) in PEOPLE {
        let identity = Identity { actor: name.into(), kind: ActorKind::Person, roles: roles.to_vec() };
        secrets.insert(name, engine.create_token(identity, by.clone(), None).await.unwrap().secret.unwrap());
    }
    let state = AppState::new(registry.all(), Limits::default());
    state.open(engine.clone());
    Desk { router: router(state), engine, time, secrets }
}

impl Desk {
    async fn get(&self, who: &str, path: &str) -> Seen {
        let request = request("GET", path).header("authorization", self.bearer(who));
        ask(&self.router, request.body(Body::empty()).unwrap()).await
    }

    async fn send(&self, who: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Seen {
        let mut request = request(method, path)
            .header("authorization", self.bearer(who))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        ask(&self.router, request.body(body.to_string().into()).unwrap()).await
    }

    async fn post(&self, who: &str, path: &str, body: Value) -> Seen {
        self.send(who, "POST", path, &[], body).await
    }

    async fn event(&self, who: &str, id: &str, event: &str, payload: Value) -> Seen {
        let body = json!({ "event": event, "payload": payload });
        self.post(who, &format!("/v1/instances/{id}/events"), body).await
    }

    fn bearer(&self, who: &str) -> String {
        format!("Bearer {}", self.secrets[who])
    }

    async fn start(&self, customer: &str) -> String {
        let seen = self.post("ann", START, submit(customer)).await;
        assert_eq!(seen.status, 201, "{}", seen.body);
        seen.body["instance"].as_str().unwrap().to_owned()
    }

    async fn seq(&self, id: &str) -> u64 {
        self.get("ann", &format!("/v1/instances/{id}")).await.body["seq"].as_u64().unwrap()
    }
}

const START: &str = "/v1/workflows/consultation/instances";

fn submit(customer: &str) -> Value {
    json!({ "payload": {
        "customer_id": customer, "channel": "email", "subject": "发票", "body_ref": "msg:1",
        "category": "after_sale", "problem_type": "invoice",
        "happened_at": "2026-03-10T01:00:00Z", "impact_scope": "一张发票",
    }})
}

fn ids(seen: &Seen) -> Vec<&str> {
    seen.body["instances"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_case_is_started_accepted_and_read_back() {
    let desk = desk().await;
    let started = desk.post("ann", START, submit("c-1")).await;
    let id = started.body["instance"].as_str().unwrap();
    assert_eq!(started.status, 201);
    assert_eq!(started.header("location"), format!("/v1/instances/{id}"));
    assert_eq!(started.body["to"], "open.intake.received");
    let accepted = desk.event("ann", id, "accept", json!({})).await;
    assert_eq!((accepted.status, &accepted.body["rule"]), (200, &json!("2")));
    let seen = desk.get("ann", &format!("/v1/instances/{id}")).await;
    assert_eq!(seen.body["state"], "open.intake.accepted");
    assert_eq!(seen.body["state_title"]["zh"], "已受理");
    assert_eq!(seen.header("etag"), format!("\"{}\"", seen.body["seq"]));
    assert_eq!(seen.header("etag"), accepted.header("etag"));
    assert_eq!(seen.header("careflow-position"), accepted.header("careflow-position"));
}

#[tokio::test]
async fn accepted_events_tell_who_may_send_them_and_with_what() {
    let desk = desk().await;
    let id = desk.start("c-1").await;
    let seen = desk.get("ann", &format!("/v1/instances/{id}")).await;
    let accepted = seen.body["accepted_events"].as_array().unwrap();
    let withdraw = accepted.iter().find(|one| one["event"] == "withdraw").unwrap();
    assert_eq!(withdraw["roles"], json!(["customer", "agent"]));
    assert_eq!(withdraw["payload_schema"]["type"], "object");
    assert_eq!(withdraw["title"]["en"], "Withdraw");
    assert!(accepted.iter().all(|one| one["event"] != "submit"));
}

#[tokio::test]
async fn a_repeated_start_meets_its_own_instance_with_the_same_bytes() {
    let desk = desk().await;
    let key = [("idempotency-key", "k-1")];
    let first = desk.send("ann", "POST", START, &key, submit("c-1")).await;
    let id = first.body["instance"].as_str().unwrap().to_owned();
    desk.event("ann", &id, "accept", json!({})).await;
    let again = desk.send("ann", "POST", START, &key, submit("c-1")).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    for name in ["location", "etag", "careflow-position"] {
        assert_eq!(again.header(name), first.header(name));
    }
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    let mut changed = submit("c-1");
    changed["payload"]["subject"] = json!("订单");
    for other in [changed, submit("c-2")] {
        let reused = desk.send("ann", "POST", START, &key, other).await;
        assert_eq!(reused.problem(), (409, "key_reused"));
    }
}

#[tokio::test]
async fn a_refused_event_leaves_no_trace_and_no_used_up_key() {
    let desk = desk().await;
    let id = desk.start("c-1").await;
    let before = desk.seq(&id).await;
    let path = format!("/v1/instances/{id}/events");
    let key = [("idempotency-key", "k-1")];
    let confirm = json!({ "event": "confirm", "payload": { "satisfied": true } });
    let seen = desk.send("ann", "POST", &path, &key, confirm).await;
    assert_eq!(seen.problem(), (409, "event_not_accepted"));
    assert_eq!(seen.body["type"], "urn:careflow:problem:refused_by_state");
    assert!(seen.body["accepted_events"].as_array().unwrap().contains(&json!("accept")));
    assert_eq!(seen.body["owner"], "queue:after_sale");
    assert_eq!(desk.seq(&id).await, before);
    let accept = json!({ "event": "accept", "payload": {} });
    let seen = desk.send("ann", "POST", &path, &key, accept).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
}

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let desk = desk().await;
    let id = desk.start("c-1").await;
    let unknown = desk.post("ann", "/v1/workflows/cooking/instances", json!({})).await;
    assert_eq!(unknown.problem(), (404, "unknown_workflow"));
    let known: Vec<&str> = Registry::shipped().all().iter().map(|workflow| workflow.name()).collect();
    assert_eq!(unknown.body["accepted"], json!(known));
    for path in ["/v1/instances/0000-0000000000000000", "/v1/instances/nonsense"] {
        assert_eq!(desk.get("ann", path).await.problem(), (404, "unknown_instance"));
        let seen = desk.post("ann", &format!("{path}/events"), json!({ "event": "accept" })).await;
        assert_eq!(seen.problem(), (404, "unknown_instance"));
    }
    let seen = desk.event("ann", &id, "fly", json!({})).await;
    assert_eq!(seen.problem(), (422, "unknown_event"));
    assert!(seen.body["accepted"].as_array().unwrap().contains(&json!("accept")));
}

#[tokio::test]
async fn a_wrong_payload_is_refused_with_every_fault() {
    let desk = desk().await;
    let body = json!({ "payload": { "customer_id": 7, "channel": "fax", "colour": "red" } });
    let seen = desk.post("ann", START, body).await;
    assert_eq!(seen.problem(), (422, "invalid_payload"));
    let faults = seen.body["faults"].as_array().unwrap();
    let paths: Vec<&str> = faults.iter().map(|fault| fault["path"].as_str().unwrap()).collect();
    for path in ["/customer_id", "/channel", "/colour", "/subject"] {
        assert!(paths.contains(&path), "{path} is not in {paths:?}");
    }
}

#[tokio::test]
async fn promises_of_three_and_nine_hours_are_refused_and_six_is_kept() {
    let desk = desk().await;
    let id = desk.start("c-1").await;
    desk.event("ann", &id, "accept", json!({})).await;
    let before = desk.seq(&id).await;
    let escalate = |promised_by: &str| json!({ "level": "senior", "reason": "核实", "told_customer": true, "promised_by": promised_by });
    for at in ["2026-03-11T05:00:00Z", "2026-03-12T04:30:00Z"] {
        let seen = desk.event("ann", &id, "escalate", escalate(at)).await;
        assert_eq!(seen.problem(), (422, "promise_out_of_range"), "{at}");
        assert!(seen.detail().contains("accepted are times from"), "{}", seen.detail());
    }
    assert_eq!(desk.seq(&id).await, before);
    let kept = desk.event("ann", &id, "escalate", escalate("2026-03-11T09:00:00Z")).await;
    assert_eq!(kept.status, 200, "{}", kept.body);
}

#[tokio::test]
async fn who_has_no_token_a_wrong_one_or_the_wrong_role_does_nothing() {
    let desk = desk().await;
    let id = desk.start("c-1").await;
    let before = desk.seq(&id).await;
    let path = format!("/v1/instances/{id}/events");
    for (token, code) in [(None, "missing_token"), (Some("Bearer cft_0"), "wrong_token")] {
        let mut request = request("POST", &path).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let seen = ask(&desk.router, request.body("{\"event\": \"accept\"}".into()).unwrap()).await;
        assert_eq!(seen.problem(), (401, code));
        assert!(seen.header("www-authenticate").starts_with("Bearer"));
    }
    for who in ["root", "c-1", "gate"] {
        let seen = desk.event(who, &id, "accept", json!({})).await;
        assert_eq!(seen.problem(), (403, "role_not_allowed"), "{who}");
        assert!(seen.detail().contains("it is sent by agent"), "{}", seen.detail());
    }
    assert_eq!(desk.seq(&id).await, before);
}

#[tokio::test]
async fn a_stale_sequence_is_told_what_it_missed() {
    let desk = desk().await;
    let id = desk.start("c-1").await;
    let known = desk.seq(&id).await;
    desk.event("ann", &id, "accept", json!({})).await;
    let path = format!("/v1/instances/{id}/events");
    let tag = format!("\"{known}\"");
    let seen = desk.send("bob", "POST", &path, &[("if-match", &tag)], json!({ "event": "accept" })).await;
    assert_eq!(seen.problem(), (412, "stale"));
    assert_eq!(seen.body["current_seq"], known + 1);
    assert_eq!(seen.body["entries_since"][0]["entry"]["event"], "accept");
    assert_eq!(seen.body["entries_since"].as_array().unwrap().len(), 1);
    let fresh = format!("\"{}\"", known + 1);
    let note = json!({ "event": "note_added", "payload": { "text_ref": "t:1", "visibility": "internal" } });
    assert_eq!(desk.send("bob", "POST", &path, &[("if-match", &fresh)], note).await.status, 200);
}

#[tokio::test]
async fn of_two_who_accept_the_second_is_told_who_was_first() {
    let desk = desk().await;
    let id = desk.start("c-1").await;
    let (ann, bob) = tokio::join!(
        desk.event("ann", &id, "accept", json!({})),
        desk.event("bob", &id, "accept", json!({}))
    );
    let (first, second) = if ann.status == 200 { ("ann", bob) } else { ("bob", ann) };
    assert_eq!(second.problem(), (409, "owned_by_another"));
    assert_eq!(second.body["owner"], first);
}

#[tokio::test]
async fn a_dry_run_says_what_happens_and_nothing_happens() {
    let desk = desk().await;
    let id = desk.start("c-1").await;
    let before = desk.seq(&id).await;
    let position = desk.engine.position();
    let path = format!("/v1/instances/{id}/events");
    let (key, body) = ([("idempotency-key", "k-1")], json!({ "event": "accept" }));
    let dry = desk.send("ann", "POST", &format!("{path}?dry_run=true"), &key, body.clone()).await;
    assert_eq!(dry.status, 200);
    assert_eq!(dry.body["preview"]["after"]["state"], "open.intake.accepted");
    assert_eq!((desk.seq(&id).await, desk.engine.position()), (before, position));
    let real = desk.send("ann", "POST", &path, &key, body).await;
    assert_eq!(real.header("idempotent-replayed"), "");
    for member in ["seq", "event", "rule", "from", "to", "moved", "effects"] {
        assert_eq!(real.body[member], dry.body[member], "{member}");
    }
    let start = desk.post("ann", &format!("{START}?dry_run=true"), submit("c-9")).await;
    assert_eq!((start.status, &start.body["preview"]["after"]["seq"]), (200, &json!(1)));
    assert!(ids(&desk.get("ann", "/v1/instances?customer=c-9").await).is_empty());
}

#[tokio::test]
async fn a_customer_sees_own_cases_only_and_of_them_no_notes() {
    let desk = desk().await;
    let (own, other) = (desk.start("c-1").await, desk.start("c-2").await);
    let seen = desk.get("c-1", &format!("/v1/instances/{own}")).await;
    assert_eq!(seen.status, 200);
    assert_eq!(seen.body["data"].as_object().unwrap().keys().collect::<Vec<_>>(), ["case"]);
    for path in [format!("/v1/instances/{other}"), format!("/v1/instances/{other}/diagram")] {
        assert_eq!(desk.get("c-1", &path).await.problem(), (404, "unknown_instance"));
    }
    assert_eq!(desk.event("c-1", &other, "withdraw", json!({})).await.problem(), (404, "unknown_instance"));
    assert_eq!(ids(&desk.get("c-1", "/v1/instances").await), [&own]);
    let asked = desk.get("c-1", "/v1/instances?customer=c-2").await;
    assert_eq!(asked.problem(), (403, "role_not_allowed"));
    for path in [format!("/v1/instances/{own}/history"), "/v1/changes".into(), "/v1/timers".into()] {
        assert_eq!(desk.get("c-1", &path).await.problem(), (403, "role_not_allowed"), "{path}");
    }
}

#[tokio::test]
async fn an_administrator_reads_no_personal_values() {
    let desk = desk().await;
    let id = desk.start("c-1").await;
    let path = format!("/v1/instances/{id}");
    assert_eq!(desk.get("ann", &path).await.body["data"]["subject"], "发票");
    let sealed = desk.get("root", &path).await.body["data"]["subject"].clone();
    let digest = sealed["$p"].as_str().unwrap();
    let shown = desk.get("ann", &format!("{path}/history")).await;
    assert_eq!(shown.body["entries"][0]["personal"][digest]["value"], "发票");
    for path in [format!("{path}/history"), "/v1/changes?limit=500".into()] {
        let seen = desk.get("root", &path).await;
        assert_eq!(seen.status, 200);
        assert!(!seen.body.to_string().contains("发票"), "{path}");
    }
}

#[tokio::test]
async fn a_history_proves_itself() {
    let desk = desk().await;
    let id = desk.start("c-1").await;
    desk.event("ann", &id, "accept", json!({})).await;
    let note = json!({ "text_ref": "t:1", "visibility": "internal" });
    desk.event("ann", &id, "note_added", note).await;
    let path = format!("/v1/instances/{id}/history");
    let all = desk.get("ann", &path).await;
    let entries = all.body["entries"].as_array().unwrap();
    let mut prev: Option<String> = None;
    for (number, record) in (1u64..).zip(entries) {
        assert_eq!(record["entry"]["seq"], number);
        assert_eq!(record["entry"]["prev"].as_str(), prev.as_deref());
        let hash = canonical::hash(&record["entry"]).unwrap().to_string();
        assert_eq!(record["hash"], hash);
        prev = Some(hash);
        for (digest, secret) in record["personal"].as_object().into_iter().flatten() {
            let value = canonical::to_string(&secret["value"]).unwrap();
            let salt = secret["salt"].as_str().unwrap();
            assert_eq!(&Hash::of(&[salt.as_bytes(), value.as_bytes()]).to_string(), digest);
        }
    }
    assert_eq!(entries.len(), 3);
    assert!(all.body.get("next_after").is_none());
    let page = desk.get("ann", &format!("{path}?limit=2")).await;
    assert_eq!(page.body["next_after"], 2);
    let rest = desk.get("ann", &format!("{path}?after=2")).await;
    assert_eq!(rest.body["entries"], json!(entries[2..]));
}

#[tokio::test]
async fn the_feed_goes_on_where_it_ended_and_keeps_the_engines_own_entries_to_auditors() {
    let desk = desk().await;
    let before = desk.engine.position();
    let (one, two) = (desk.start("c-1").await, desk.start("c-2").await);
    let (mut after, mut seen) = (before, Vec::new());
    loop {
        let answer = desk.get("ann", &format!("/v1/changes?after={after}&limit=1")).await;
        let changes = answer.body["changes"].as_array().unwrap();
        if changes.is_empty() {
            break;
        }
        seen.extend(changes.iter().map(|change| change["entry"]["instance"].as_str().unwrap().to_owned()));
        after = answer.body["position"].as_u64().unwrap();
    }
    seen.dedup();
    assert_eq!(seen, [one, two]);
    let own = |answer: &Seen| answer.body.to_string().contains("\"$token\"");
    assert!(!own(&desk.get("ann", "/v1/changes?limit=500").await));
    assert!(own(&desk.get("sue", "/v1/changes?limit=500").await));
}

#[tokio::test]
async fn lists_run_by_key_in_order_of_start_page_by_page() {
    let desk = desk().await;
    let mut started = Vec::new();
    for minute in 0..5 {
        desk.time.set(morning().plus_millis(minute * 60_000));
        started.push(desk.start(if minute % 2 == 0 { "c-1" } else { "c-2" }).await);
    }
    desk.event("ann", &started[1], "accept", json!({})).await;
    let list = |query: &str| {
        let path = format!("/v1/instances?{query}");
        let desk = &desk;
        async move { ids(&desk.get("ann", &path).await).into_iter().map(str::to_owned).collect::<Vec<_>>() }
    };
    assert_eq!(list("workflow=consultation&state=open").await, started);
    let newest: Vec<_> = started.iter().rev().cloned().collect();
    assert_eq!(list("sort=-created").await, newest);
    assert_eq!(list("state=open.intake.accepted").await, [started[1].clone()]);
    assert_eq!(list("owner=ann").await, [started[1].clone()]);
    assert_eq!(list("owner=queue:after_sale").await.len(), 4);
    assert_eq!(list("customer=c-1").await.len(), 3);
    assert_eq!(list("customer=c-1&channel=phone").await.len(), 0);
    assert_eq!(list("customer=c-2&priority=normal&state=open.intake.received").await, [started[3].clone()]);
    assert_eq!(list("created_from=2026-03-11T02:03:00Z").await, started[3..]);
    assert_eq!(list("created_until=2026-03-11T02:01:00Z").await, started[..1]);
    for filters in ["customer=c-1", "customer=c-1&channel=email", "workflow=consultation&sort=-created"] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = desk.get("ann", &format!("/v1/instances?{filters}&limit=2{cursor}")).await;
            found.extend(ids(&page).into_iter().map(str::to_owned));
            match page.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found, list(filters).await, "{filters}");
        if !cursor.is_empty() {
            let other = desk.get("ann", &format!("/v1/instances?workflow=consultation{cursor}")).await;
            assert_eq!(other.problem(), (400, "invalid_cursor"));
        }
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_made_says_what_can() {
    let desk = desk().await;
    for (query, code, accepted) in [
        ("sort=owner", "unsupported_sort", "-created"),
        ("workflow=cooking", "invalid_query", "consultation"),
        ("state=open.flying", "invalid_query", "open.intake.received"),
        ("priority=huge", "invalid_query", "urgent"),
        ("colour=red", "invalid_query", "`workflow`"),
        ("created_from=yesterday", "invalid_query", "2026-03-11T10:00:00Z"),
        ("limit=201", "invalid_query", "1 to 200"),
        ("cursor=x", "invalid_cursor", "start again"),
        ("external_ref=a", "invalid_query", "needs `workflow`"),
    ] {
        let seen = desk.get("ann", &format!("/v1/instances?{query}")).await;
        assert_eq!(seen.problem(), (400, code), "{query}");
        assert!(seen.body.to_string().contains(accepted), "{query}: {}", seen.body);
    }
}

#[tokio::test]
async fn an_administrator_fires_and_moves_timers_with_a_reason() {
    let desk = desk().await;
    let mut call = submit("c-1");
    call["payload"]["channel"] = json!("phone");
    let id = desk.post("gate", START, call).await.body["instance"].as_str().unwrap().to_owned();
    let listed = desk.get("ann", "/v1/timers").await;
    assert_eq!(listed.body["timers"][0]["instance"], id.as_str());
    assert_eq!(listed.body["timers"][0]["timer"], "sla:FRT", "the warning comes before the third ring");
    let of_clock = format!("/v1/instances/{id}/timers/sla:FRT/fire");
    let refused = desk.post("root", &of_clock, json!({ "reason": "to try it" })).await;
    assert_eq!(refused.problem(), (409, "clock_timer"));
    let path = format!("/v1/instances/{id}/timers/RING");
    let (moved, fired) = (format!("{path}/move"), format!("{path}/fire"));
    let order = json!({ "due": "2026-03-12T02:00:00Z", "reason": "the customer asked" });
    assert_eq!(desk.post("ann", &moved, order.clone()).await.problem(), (403, "role_not_allowed"));
    assert_eq!(desk.post("root", &moved, order).await.status, 200);
    let case = desk.get("ann", &format!("/v1/instances/{id}")).await;
    let due = case.body["timers"][0]["due"].clone();
    assert_eq!(due, "2026-03-12T02:00:00.000Z");
    let nothing = desk.post("root", &fired, json!({ "reason": " " })).await;
    assert_eq!(nothing.problem(), (422, "invalid_body"));
    let key = [("idempotency-key", "f-1")];
    let reason = json!({ "reason": "to try it" });
    let first = desk.send("root", "POST", &fired, &key, reason.clone()).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let again = desk.send("root", "POST", &fired, &key, reason.clone()).await;
    assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &first.body));
    let unknown = desk.post("root", &format!("/v1/instances/{id}/timers/NONE/fire"), reason).await;
    assert_eq!(unknown.problem(), (404, "unknown_timer"));
    let history = desk.get("sue", &format!("/v1/instances/{id}/history")).await;
    assert!(history.body.to_string().contains("to try it"));
}

#[tokio::test]
async fn a_token_opens_from_its_making_to_its_revocation() {
    let desk = desk().await;
    let body = json!({ "actor": "eve", "roles": ["agent"] });
    assert_eq!(desk.post("ann", "/v1/tokens", body.clone()).await.problem(), (403, "role_not_allowed"));
    let made = desk.post("root", "/v1/tokens", body).await;
    assert_eq!(made.status, 201);
    let (path, secret) =
        (made.header("location").to_owned(), made.body["secret"].as_str().unwrap().to_owned());
    let call = || {
        let request = request("GET", "/v1/workflows").header("authorization", format!("Bearer {secret}"));
        ask(&desk.router, request.body(Body::empty()).unwrap())
    };
    assert_eq!(call().await.status, 200);
    let listed = desk.get("root", "/v1/tokens").await;
    assert!(listed.body.to_string().contains("\"eve\""));
    assert!(!listed.body.to_string().contains(&secret));
    assert_eq!(desk.get("root", &path).await.problem(), (405, "method_not_allowed"));
    let id = made.body["token"]["id"].as_str().unwrap();
    assert_eq!(desk.get("sue", &format!("/v1/instances/{id}")).await.problem(), (404, "unknown_instance"));
    for _ in 0..2 {
        let revoked = desk.send("root", "DELETE", &path, &[], json!({})).await;
        assert_eq!((revoked.status, &revoked.body["revoked"]), (200, &json!(true)));
    }
    assert_eq!(call().await.problem(), (401, "wrong_token"));
    let unknown = desk.send("root", "DELETE", "/v1/tokens/none", &[], json!({})).await;
    assert_eq!(unknown.problem(), (404, "unknown_token"));
}

/// What a sender of a key compares: status, sequence, position.
fn place(seen: &Seen) -> (u16, String, String) {
    (seen.status, seen.header("etag").to_owned(), seen.header("careflow-position").to_owned())
}

#[tokio::test]
async fn a_repeated_token_meets_itself_and_tells_its_secret_once() {
    let desk = desk().await;
    let key = [("idempotency-key", "t-1")];
    let make = |body: Value| desk.send("root", "POST", "/v1/tokens", &key, body);
    assert_eq!(make(json!({ "actor": "eve", "roles": [] })).await.problem(), (422, "invalid_body"));
    let body = json!({ "actor": "eve", "roles": ["agent"] });
    let (first, again) = (make(body.clone()).await, make(body.clone()).await);
    assert_eq!(place(&first), place(&again), "a refused request uses up no key");
    assert_eq!((first.status, first.headers.contains_key("idempotent-replayed")), (201, false));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!((first.body["secret"].is_string(), again.body.get("secret")), (true, None));
    assert_eq!(
        (&first.body["token"], first.header("location")),
        (&again.body["token"], again.header("location"))
    );
    let other = make(json!({ "actor": "eve", "roles": ["supervisor"] })).await;
    assert_eq!(other.problem(), (409, "key_reused"));
    let tokens = desk.get("root", "/v1/tokens").await;
    assert_eq!(tokens.body.to_string().matches("\"eve\"").count(), 1);

    let path = first.header("location").to_owned();
    let revoke = |headers| desk.send("root", "DELETE", &path, headers, json!({}));
    assert_eq!(revoke(&key).await.problem(), (409, "key_reused"), "the key made the token");
    assert_eq!(revoke(&[("if-match", "\"1\"")]).await.problem(), (400, "invalid_header"));
    let (first, again) =
        (revoke(&[("idempotency-key", "t-2")]).await, revoke(&[("idempotency-key", "t-2")]).await);
    assert_eq!((place(&first), &first.body), (place(&again), &again.body));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(place(&revoke(&[]).await), place(&first), "what is revoked is revoked by that entry");
    assert_eq!(make(body).await.body["token"]["revoked"], true, "a replay shows the token as it is now");
}

#[tokio::test]
async fn a_repeated_change_of_an_actor_overwrites_nothing() {
    let desk = desk().await;
    let here = &desk;
    let put = |key: &'static str, body: Value| async move {
        let headers = [("idempotency-key", key)];
        here.send("root", "PUT", "/v1/actors/ann", &headers, body).await
    };
    let (off, on) =
        (json!({ "active": true, "on_shift": false }), json!({ "active": true, "on_shift": true }));
    let first = put("a-1", off.clone()).await;
    put("a-2", on.clone()).await;
    let late = put("a-1", off).await;
    assert_eq!((place(&late), late.header("idempotent-replayed")), (place(&first), "true"));
    assert_eq!((&late.body["on_shift"], &first.body["on_shift"]), (&json!(true), &json!(false)));
    assert_eq!(put("a-1", on).await.problem(), (409, "key_reused"));
    desk.start("c-1").await;
    let gone = json!({ "active": false, "on_shift": false });
    assert_eq!(put("a-3", gone.clone()).await.problem(), (422, "invalid_body"));
    let mut named = gone;
    named["successor"] = json!("sue");
    assert_eq!(put("a-3", named).await.status, 200, "a refused request uses up no key");
}

#[tokio::test]
async fn a_role_is_chosen_by_header_or_by_the_event() {
    let desk = desk().await;
    let id = desk.start("c-1").await;
    let path = format!("/v1/instances/{id}/events");
    let assign = json!({ "event": "assigned", "payload": { "to": { "queue": "x" }, "reason": "r" } });
    let chosen = [("careflow-role", "auditor")];
    let seen = desk.send("sue", "POST", &path, &chosen, assign.clone()).await;
    assert_eq!(seen.problem(), (403, "role_not_allowed"));
    let seen =
        desk.send("sue", "POST", &path, &[("careflow-role", "agent")], json!({ "event": "accept" })).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
    assert_eq!(desk.send("sue", "POST", &path, &[], assign).await.status, 200);
    let not_held = desk.send("ann", "POST", &path, &chosen, json!({ "event": "accept" })).await;
    assert_eq!(not_held.problem(), (403, "role_not_allowed"));
    let history = desk.get("sue", &format!("/v1/instances/{id}/history")).await;
    let roles: Vec<&Value> = history.body["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["entry"]["actor"]["role"])
        .collect();
    assert_eq!(roles[roles.len() - 2..], [&json!("agent"), &json!("supervisor")]);
}

#[tokio::test]
async fn an_actor_who_leaves_hands_the_cases_on() {
    let desk = desk().await;
    let id = desk.start("c-1").await;
    desk.event("ann", &id, "accept", json!({})).await;
    let gone = json!({ "active": false, "on_shift": false, "successor": "sue" });
    assert_eq!(desk.send("bob", "PUT", "/v1/actors/ann", &[], gone.clone()).await.problem().0, 403);
    let put = desk.send("sue", "PUT", "/v1/actors/ann", &[], gone).await;
    assert_eq!((put.status, &put.body["active"]), (200, &json!(false)), "{}", put.body);
    let case = desk.get("sue", &format!("/v1/instances/{id}")).await.body["data"]["case"].clone();
    assert_eq!(case["first_owner"]["id"], "sue");
    assert!(case["owner"]["queue"].is_string(), "{case}");
    assert_eq!(desk.get("sue", "/v1/actors/nobody").await.problem(), (404, "unknown_actor"));
    assert_eq!(desk.get("sue", "/v1/actors/ann").await.body["active"], false);
}

#[tokio::test]
async fn workflows_tell_states_events_schemas_definitions_and_pictures() {
    let desk = desk().await;
    let list = desk.get("c-1", "/v1/workflows").await;
    assert_eq!(list.body["workflows"][0]["start_event"], "submit");
    let path = "/v1/workflows/consultation";
    let one = desk.get("ann", path).await;
    assert_eq!(one.body["states"][0]["state"], "open.intake.received");
    assert_eq!(desk.get("ann", &format!("{path}/schemas")).await.body["events"]["accept"]["type"], "object");
    let versions = desk.get("ann", &format!("{path}/definitions")).await;
    assert_eq!(versions.body["definitions"][0]["in_force"], true);
    let text = desk.get("ann", &format!("{path}/definitions/1")).await;
    assert_eq!((text.status, text.header("content-type")), (200, "application/yaml"));
    assert_eq!(desk.get("ann", &format!("{path}/definitions/9")).await.problem(), (404, "unknown_version"));
    assert_eq!(desk.get("ann", &format!("{path}/definitions/x")).await.problem(), (400, "invalid_path"));
    assert_eq!(desk.get("c-1", &format!("{path}/definitions")).await.problem().0, 403);
    let table = desk.get("ann", &format!("{path}/transitions")).await;
    assert_eq!((table.status, &table.body["truncated"]), (200, &json!(false)));
    assert!(table.body["transitions"].as_array().unwrap().len() > 20);
    for (format, media) in
        [("svg", "image/svg+xml"), ("mermaid", "text/plain; charset=utf-8"), ("json", "application/json")]
    {
        let seen = desk.get("ann", &format!("{path}/diagram?format={format}&lang=zh")).await;
        assert_eq!((seen.status, seen.header("content-type")), (200, media));
    }
    assert_eq!(desk.get("ann", &format!("{path}/diagram?format=png")).await.problem().0, 400);
    let id = desk.start("c-1").await;
    let picture = desk.get("c-1", &format!("/v1/instances/{id}/diagram")).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, "image/svg+xml"));
}

#[tokio::test]
async fn counters_are_for_administrators_and_auditors() {
    let desk = desk().await;
    desk.start("c-1").await;
    assert_eq!(desk.get("ann", "/metrics").await.problem(), (403, "role_not_allowed"));
    for who in ["root", "sue"] {
        let seen = desk.get(who, "/metrics").await;
        assert_eq!(
            (seen.status, seen.header("content-type")),
            (200, "text/plain; version=0.0.4; charset=utf-8")
        );
    }
    assert_eq!(desk.get("ann", "/readyz").await.body["status"], "ready");
    desk.engine.halt("told to");
    assert_eq!(desk.get("ann", "/readyz").await.problem(), (503, "stopped"));
    assert_eq!(desk.post("ann", START, submit("c-1")).await.problem(), (503, "stopped"));
}
