//! Every kind of failure of the API's table, produced over HTTP: its status, its code, what it says
//! would have been accepted, and that it changed nothing.
//!
//! A kind that is added to the table does not compile here until it is produced too.

use std::sync::Arc;
use std::time::Duration;

use careflow::api::error::Code;
use careflow::api::state::{AppState, Limits};
use careflow::engine::batch::Phase;
use careflow::engine::{Command, CommandError, Engine, Target};
use careflow::journal::Position;
use careflow::journal::memory::{Fault as JournalFault, MemoryJournal};
use careflow::kernel::actor::{Actor, Role};
use careflow::workflows::Registry;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::rig::{Caller, Response, Rig, at, question, solution};
use crate::twin::{Stalled, Twin, serve, serve_state};

const STARTS: &str = "/v1/workflows/consultation/instances";
/// A well-formed id that names nothing.
const NOBODY: &str = "3fa2-7f3k2m9qx4tbz8wd";

/// What a failed request left.
struct Failed {
    answer: Response,
    /// What the body must say, of what would have been accepted or done.
    says: &'static str,
    engine: Engine,
    /// The position before the request.
    before: Position,
}

/// The people and cases that requests are made with.
struct World {
    rig: Rig,
    customer: Caller,
    ann: Caller,
    bo: Caller,
    root: Caller,
    /// Received, in its queue.
    free: String,
    /// Accepted by `ann`, who used the key `used` for it.
    taken: String,
    /// Of an import that is not released.
    held: String,
}

impl World {
    async fn new() -> Self {
        let rig = Rig::wednesday().await;
        let ann = rig.caller("ann", Role::Agent).await;
        let (free, taken) = (ann.submit(question("c-1")).await, ann.submit(question("c-1")).await);
        let accept = json!({ "event": "accept", "payload": {} });
        let path = format!("/v1/instances/{taken}/events");
        ann.post_with(&path, &accept, &[("idempotency-key", "used")]).await.expect(200);
        rig.engine.put_batch("log-2025", "f", Phase::Running).await.unwrap();
        let command = Command { origin: Some("log-2025".into()), ..start("c-1") };
        let held = rig.engine.submit(command).await.unwrap().entry.instance.to_string();
        rig.engine.put_batch("log-2025", "f", Phase::Complete).await.unwrap();
        Self {
            customer: rig.caller("c-1", Role::Customer).await,
            bo: rig.caller("bo", Role::Agent).await,
            root: rig.caller("root", Role::Administrator).await,
            ann,
            free,
            taken,
            held,
            rig,
        }
    }

    /// `ann` at a server over the same engine with other limits.
    async fn limited(&self, limits: Limits) -> Caller {
        Caller { address: serve(Some(&self.rig.engine), limits).await, token: self.ann.token.clone() }
    }
}

fn start(customer: &str) -> Command {
    let Value::Object(payload) = question(customer) else { unreachable!("a question is an object") };
    Command {
        target: Target::Start("consultation".into()),
        event: "submit".into(),
        payload,
        actor: Actor::system(),
        occurred_at: None,
        key: None,
        if_match: None,
        request_id: None,
        origin: None,
    }
}

/// Carries out `request` and keeps what the engine was like before it.
async fn on(engine: &Engine, says: &'static str, request: impl Future<Output = Response>) -> Failed {
    let before = engine.position();
    let answer = request.await;
    Failed { answer, says, engine: engine.clone(), before }
}

async fn event(who: &Caller, id: &str, event: &str, payload: Value, headers: &[(&str, &str)]) -> Response {
    let mut all = vec![("idempotency-key", "fresh")];
    all.retain(|(name, _)| !headers.iter().any(|(other, _)| other == name));
    all.extend_from_slice(headers);
    let body = json!({ "event": event, "payload": payload });
    who.post_with(&format!("/v1/instances/{id}/events"), &body, &all).await
}

async fn raw(who: &Caller, content_type: &str, body: &str) -> Response {
    who.request("POST", STARTS, &[("content-type", content_type)], body.to_owned()).await
}

/// A request whose body does not come to its end.
async fn unfinished(who: &Caller) -> Response {
    let mut stream = TcpStream::connect(&who.address).await.unwrap();
    let head = format!(
        "POST {STARTS} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"payload\":",
        who.address,
        who.token.as_ref().unwrap(),
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: HeaderMap = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap())
        })
        .collect();
    Response { status, headers, text: body.to_owned() }
}

/// Fills the queue of an engine whose journal stands still, then sends one command more.
async fn overfull() -> Failed {
    let journal = Arc::new(Stalled::new());
    let twin = Twin::over(journal.clone()).await;
    journal.stall();
    let mut waiting = JoinSet::new();
    let before = twin.engine.position();
    // One group is being written, one is computed, the queue is full: whoever is refused tries again
    // until nobody can get in any more.
    let crowd = careflow::engine::QUEUE_MAX + 2 * careflow::journal::GROUP_COMMITS_MAX + 1;
    for number in 0..crowd {
        let engine = twin.engine.clone();
        waiting.spawn(async move {
            while let Err(CommandError::Busy) = engine.submit(start(&format!("c-{number}"))).await {
                tokio::task::yield_now().await;
            }
        });
    }
    let refused = loop {
        let limits = Limits { answer_wait: Duration::from_millis(100), ..Limits::default() };
        let address = serve(Some(&twin.engine), limits).await;
        let ann = Caller { address, token: twin.ann.token.clone() };
        let answer = ann.post(STARTS, &json!({ "payload": question("c-1") })).await;
        if answer.status != 504 {
            break answer;
        }
    };
    waiting.abort_all();
    Failed { answer: refused, says: "retry_after", engine: twin.engine, before }
}

/// Makes a byte of the journal another one behind the server's back, then reads it.
async fn damaged() -> Failed {
    let rig = Rig::wednesday().await;
    let ann = rig.caller("ann", Role::Agent).await;
    let id = ann.submit(question("c-1")).await;
    for file in std::fs::read_dir(rig.config.journal()).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let sought = b"\"event\":\"submit\"";
        if let Some(place) = bytes.windows(sought.len()).position(|window| window == sought) {
            bytes[place + 9] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let engine = rig.engine.clone();
    let read = async {
        let answer = ann.get(&format!("/v1/instances/{id}/history")).await;
        let write = ann.send(&id, "accept", json!({})).await;
        assert_eq!(write.problem(503), "stopped", "nothing is added to a journal that is not whole");
        answer
    };
    on(&engine, "damaged at position", read).await
}

/// Produces one failure of kind `code`.
async fn produce(code: Code, world: &World) -> Failed {
    let World { rig, customer, ann, bo, root, free, taken, held } = world;
    let here = &rig.engine;
    let case = format!("/v1/instances/{free}");
    match code {
        Code::MalformedJson => {
            on(here, "line 1 column", raw(ann, "application/json", "{\"payload\": {")).await
        }
        Code::InvalidQuery => on(here, "expected one of", ann.get("/v1/instances?limti=3")).await,
        Code::InvalidPath => on(here, "u32", ann.get("/v1/workflows/consultation/definitions/first")).await,
        Code::InvalidHeader => {
            on(here, "one quoted sequence", event(ann, free, "accept", json!({}), &[("if-match", "3")])).await
        }
        Code::UnsupportedSort => on(here, "-created", ann.get("/v1/instances?sort=updated")).await,
        Code::InvalidCursor => on(here, "start again without it", ann.get("/v1/instances?cursor=eA")).await,
        Code::MissingToken => on(here, "Authorization: Bearer", rig.stranger().get(&case)).await,
        Code::WrongToken => {
            let caller = Caller { token: Some("cft_wrong".into()), ..rig.stranger() };
            on(here, "unknown or revoked", event(&caller, free, "accept", json!({}), &[])).await
        }
        Code::RoleNotAllowed => on(here, "agent", event(customer, free, "accept", json!({}), &[])).await,
        Code::RefusedByDuty => {
            let offer = json!({ "to": { "id": "cy", "role": "agent" }, "note": "n" });
            on(here, "only the first owner", event(bo, taken, "handover_requested", offer, &[])).await
        }
        Code::UnknownRoute => on(here, "/openapi.json", ann.get("/v1/cases")).await,
        Code::UnknownWorkflow => {
            let start = json!({ "payload": question("c-1") });
            on(here, "consultation", ann.post("/v1/workflows/consultatoin/instances", &start)).await
        }
        Code::UnknownInstance => on(here, NOBODY, event(ann, NOBODY, "accept", json!({}), &[])).await,
        Code::UnknownVersion => {
            on(here, "\"accepted\":[\"1\"]", ann.get("/v1/workflows/consultation/definitions/7")).await
        }
        Code::UnknownTimer => {
            let fire = json!({ "reason": "to see" });
            on(here, "no running timer `RING`", root.post(&format!("{case}/timers/RING/fire"), &fire)).await
        }
        Code::UnknownClock => {
            let path = format!("{case}/clocks/NRT/explain");
            on(here, "\"accepted\":[\"FRT\",\"RES\"]", ann.get(&path)).await
        }
        Code::UnknownSchedule => {
            on(here, "there is no schedule `nightly`", ann.get("/v1/schedules/nightly")).await
        }
        Code::UnknownToken => {
            let gone = root.request("DELETE", "/v1/tokens/none", &[], "");
            on(here, "there is no token `none`", gone).await
        }
        Code::UnknownActor => on(here, "there is no actor `zoe`", ann.get("/v1/actors/zoe")).await,
        Code::MethodNotAllowed => on(here, "does not take", ann.request("DELETE", &case, &[], "")).await,
        Code::SlowBody => {
            let ann =
                world.limited(Limits { body_wait: Duration::from_millis(50), ..Limits::default() }).await;
            on(here, "not complete within", unfinished(&ann)).await
        }
        Code::RefusedByState => {
            let word = json!({ "satisfied": true });
            on(here, "\"accepted_events\":[", event(customer, free, "confirm", word, &[])).await
        }
        Code::RefusedByGuard => {
            on(here, "\"owner\":\"ann\"", event(bo, taken, "accept", json!({}), &[])).await
        }
        Code::KeyReused => {
            let used = [("idempotency-key", "used")];
            on(here, "another command", event(ann, taken, "answer", solution(), &used)).await
        }
        Code::ImportHeld => on(here, "log-2025", event(ann, held, "accept", json!({}), &[])).await,
        Code::Stale => {
            let old = [("if-match", "\"1\"")];
            on(here, "\"entries_since\":[", event(ann, taken, "answer", solution(), &old)).await
        }
        Code::BodyTooLarge => {
            let mut payload = question("c-1");
            payload["subject"] = json!("a".repeat(300 * 1024));
            let body = json!({ "payload": payload }).to_string();
            on(here, "the limit of 262144 bytes", raw(ann, "application/json", &body)).await
        }
        Code::CommitTooLarge => {
            let twin = Twin::new().await;
            let id = twin.ann.submit(question("c-1")).await;
            let withdraw = event(&twin.ann, &id, "withdraw", json!({ "evidence_ref": "call/1" }), &[]);
            on(&twin.engine, "over the limit of 524288", withdraw).await
        }
        Code::WrongMediaType => {
            let body = json!({ "payload": question("c-1") }).to_string();
            on(here, "\"accepted\":[\"application/json\"]", raw(ann, "text/plain", &body)).await
        }
        Code::InvalidBody => {
            let body = json!({ "payload": question("c-1"), "more": 1 }).to_string();
            on(here, "`payload`", raw(ann, "application/json", &body)).await
        }
        Code::UnknownEvent => on(here, "\"accept\"", event(ann, free, "acept", json!({}), &[])).await,
        Code::InvalidPayload => {
            let mut payload = question("c-1");
            payload["channel"] = json!("fax");
            on(here, "\"path\":\"/channel\"", ann.post(STARTS, &json!({ "payload": payload }))).await
        }
        Code::RefusedInput => {
            let call = json!({
                "level": "senior", "reason": "r", "told_customer": true,
                "promised_by": at("2026-03-11T14:00:00+08:00"),
            });
            on(here, "accepted are times from", event(ann, taken, "escalate", call, &[])).await
        }
        Code::RateLimited => {
            let ann = world.limited(Limits { rate_per_second: 1, ..Limits::default() }).await;
            let often = async {
                loop {
                    let answer = event(&ann, NOBODY, "accept", json!({}), &[]).await;
                    if answer.status != 404 {
                        break answer;
                    }
                }
            };
            on(here, "retry_after", often).await
        }
        Code::Internal => {
            let twin = Twin::new().await;
            on(&twin.engine, "by the request id", twin.ann.get("/v1/workflows/consultation")).await
        }
        Code::StepFailed => {
            let twin = Twin::new().await;
            let id = twin.ann.submit(question("c-1")).await;
            let failing = event(&twin.ann, &id, "mark_invalid", json!({ "reason": "spam" }), &[]);
            on(&twin.engine, "inside the workflow's code", failing).await
        }
        Code::Storage => damaged().await,
        Code::Starting => {
            let ann = Caller { address: serve(None, Limits::default()).await, token: ann.token.clone() };
            on(here, "\"progress\":{", event(&ann, free, "accept", json!({}), &[])).await
        }
        Code::Busy => overfull().await,
        Code::CommitUnknown => {
            let journal = Arc::new(MemoryJournal::default());
            let twin = Twin::over(journal.clone()).await;
            let id = twin.ann.submit(question("c-1")).await;
            journal.fail_next(JournalFault::Unknown { stored: 0 });
            on(&twin.engine, "with the same key", event(&twin.ann, &id, "accept", json!({}), &[])).await
        }
        Code::Stopped => {
            let twin = Twin::new().await;
            let id = twin.ann.submit(question("c-1")).await;
            twin.engine.halt("a scrub found damage");
            on(&twin.engine, "a scrub found damage", event(&twin.ann, &id, "accept", json!({}), &[])).await
        }
        // These two are told by `/readyz` alone: what is refused meanwhile says `stopped`, or is served.
        Code::Damaged => {
            let twin = Twin::new().await;
            twin.engine.found_damage("journal damaged at position 3: as told");
            on(&twin.engine, "careflow verify", twin.ann.get("/readyz")).await
        }
        Code::ShuttingDown => {
            let state = AppState::new(Registry::shipped().all(), Limits::default());
            state.open(here.clone());
            state.end();
            let address = serve_state(state).await;
            on(here, "send requests to another", Caller { address, token: None }.get("/readyz")).await
        }
        Code::Timeout => {
            let limits = Limits { answer_wait: Duration::from_millis(50), ..Limits::default() };
            let ann = world.limited(limits).await;
            let path = format!("/v1/changes?after={}&wait=30s", here.position());
            on(here, "retry_after", ann.get(&path)).await
        }
        Code::DiskFull => {
            let journal = Arc::new(MemoryJournal::default());
            let twin = Twin::over(journal.clone()).await;
            let id = twin.ann.submit(question("c-1")).await;
            journal.fail_next(JournalFault::Full);
            let failed = on(&twin.engine, "no room", event(&twin.ann, &id, "accept", json!({}), &[])).await;
            let again = event(&twin.ann, &id, "accept", json!({}), &[]).await;
            assert_eq!((again.status, again.header("idempotent-replayed")), (200, None), "{}", again.text);
            Failed { before: failed.before + 1, ..failed }
        }
    }
}

#[tokio::test]
async fn every_kind_of_failure_is_answered_as_the_table_says_and_changes_nothing() {
    let world = World::new().await;
    for code in Code::ALL {
        let says = code.says();
        let Failed { answer, says: said, engine, before } = produce(*code, &world).await;
        assert_eq!(answer.status, says.status, "{code:?}: {}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{code:?}");
        let problem = answer.json();
        assert_eq!(problem["type"], format!("urn:careflow:problem:{}", says.code), "{problem}");
        assert_eq!((&problem["status"], &problem["title"]), (&json!(says.status), &json!(says.title)));
        assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"), "{code:?}");
        let path = problem["instance"].as_str().unwrap();
        assert!(path.starts_with("/v1/") || path == "/readyz", "{problem}");
        assert!(answer.text.contains(said), "{code:?} does not say `{said}`: {}", answer.text);
        let retries = problem.get("retry_after").map(ToString::to_string);
        assert_eq!(retries.as_deref(), answer.header("retry-after"), "{code:?}");
        assert_eq!(engine.position(), before, "{code:?} changed something");
    }
    // The key of all these refused commands is still unused.
    let taken = event(&world.ann, &world.free, "accept", json!({}), &[]).await;
    assert_eq!((taken.status, taken.header("idempotent-replayed")), (200, None), "{}", taken.text);
}

#[tokio::test]
async fn refusals_of_rules_keep_the_code_of_their_rule() {
    let world = World::new().await;
    for (code, rule) in [
        (Code::RoleNotAllowed, "role_not_allowed"),
        (Code::RefusedByDuty, "not_first_owner"),
        (Code::RefusedByState, "event_not_accepted"),
        (Code::RefusedByGuard, "owned_by_another"),
        (Code::RefusedInput, "promise_out_of_range"),
    ] {
        let failed = produce(code, &world).await;
        assert_eq!(failed.answer.json()["code"], rule);
    }
    let failed = produce(Code::KeyReused, &world).await;
    assert_eq!(failed.answer.json()["code"], "key_reused");
}

#[tokio::test]
async fn wrong_types_and_unknown_members_of_a_payload_are_told_all_at_once() {
    let world = World::new().await;
    let payload = json!({
        "customer_id": 7, "channel": "email", "subject": "", "body_ref": "m/1", "category": "sale",
        "problem_type": "invoice", "colour": "red",
    });
    let refused = world.ann.post(STARTS, &json!({ "payload": payload })).await;
    assert_eq!(refused.problem(422), "invalid_payload");
    let problem = refused.json();
    let faults: Vec<&str> =
        problem["faults"].as_array().unwrap().iter().map(|fault| fault["path"].as_str().unwrap()).collect();
    for path in ["/customer_id", "/subject", "/category", "/colour"] {
        assert!(faults.contains(&path), "{path} is not among {problem}");
    }
    assert!(problem.to_string().contains("pre_sale"), "{problem}");
    for promise in ["2026-03-11T14:00:00+08:00", "2026-03-12T11:00:00+08:00"] {
        let call =
            json!({ "level": "senior", "reason": "r", "told_customer": true, "promised_by": at(promise) });
        assert_eq!(world.ann.refused(&world.taken, "escalate", call, 422).await, "promise_out_of_range");
    }
}
