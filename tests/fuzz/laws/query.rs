//! Query strings: of lists, of the feed, of histories, of schedules and of KPIs, with cursors.
//!
//! An input is a digit or a letter that says which list, and its query as it stands in a URL.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Uri};
use careflow::api::error::Code;
use careflow::api::{AppState, Limits, router};
use careflow::engine::{Command, Identity, Target};
use careflow::kernel::actor::{Actor, ActorKind, Role};
use careflow::workflows::Registry;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower_service::Service;

use super::world::World;

/// Cases that are listed.
const CASES: u32 = 12;
/// Pages that are followed.
const PAGES_MAX: usize = 4;

struct Desk {
    world: World,
    router: Router,
    bearer: String,
    paths: Vec<String>,
}

static DESK: LazyLock<Mutex<Desk>> = LazyLock::new(|| Mutex::new(Desk::new()));

/// No query is the server's fault; a refused one is a listed problem that says why; a list goes on
/// where its cursor says, with rows that were not there before.
pub fn query(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some(which) = text.chars().next().and_then(|digit| digit.to_digit(36)) else { return };
    let mut desk = DESK.lock().unwrap_or_else(PoisonError::into_inner);
    desk.check(which as usize, &text[1..]);
}

impl Desk {
    fn new() -> Self {
        let world = World::new();
        let state = AppState::new(
            Registry::shipped().all(),
            Limits { rate_per_second: u32::MAX, ..Limits::default() },
        );
        state.open(world.engine.clone());
        let roles = vec![Role::Supervisor, Role::Auditor, Role::Administrator];
        let identity = Identity { actor: "sue".into(), kind: ActorKind::Person, roles };
        let made = world.runtime.block_on(world.engine.create_token(identity, Actor::system(), None));
        let secret = made.expect("a token").secret.expect("made for the first time");
        let ids: Vec<String> = (0..CASES).map(|number| started(&world, number)).collect();
        let paths = [
            "/v1/instances".into(),
            "/v1/reports/kpis".into(),
            "/v1/changes".into(),
            format!("/v1/instances/{}/history", ids[0]),
            format!("/v1/instances/{}/clocks", ids[1]),
            "/v1/timers".into(),
            "/v1/schedules/preview".into(),
            "/v1/reports/kpis/K02/instances".into(),
            "/v1/workflows/consultation/diagram".into(),
            format!("/v1/instances/{}/clocks/FRT/explain", ids[2]),
            "/v1/history".into(),
        ];
        Self { router: router(state), bearer: format!("Bearer {secret}"), world, paths: paths.into() }
    }

    fn ask(&mut self, uri: &Uri) -> (u16, Value) {
        let request = Request::get(uri).header("authorization", &self.bearer).body(Body::empty());
        let answer = self.router.call(request.expect("a request"));
        self.world.runtime.block_on(async {
            let (parts, body) = answer.await.expect("a router answers").into_parts();
            let bytes = body.collect().await.expect("an answer in memory").to_bytes();
            (parts.status.as_u16(), serde_json::from_slice(&bytes).unwrap_or(Value::Null))
        })
    }

    fn check(&mut self, which: usize, query: &str) {
        let path = self.paths[which % self.paths.len()].clone();
        // A reader of the feed may wait for half a minute, which is no finding.
        if path.ends_with("/changes") && (query.contains("wait") || query.contains('%')) {
            return;
        }
        let mut seen = BTreeSet::new();
        let mut asked = query.to_owned();
        for page in 0..PAGES_MAX {
            let Ok(uri) = Uri::try_from(format!("{path}?{asked}")) else { return };
            let (status, body) = self.ask(&uri);
            if status != 200 {
                is_lawful(status, &body, &uri);
                let named = query.contains("cursor") || query.contains('%') || query.contains('#');
                assert!(page == 0 || named, "the server's own cursor is refused: {uri} {body}");
                return;
            }
            for row in body["instances"].as_array().into_iter().flatten() {
                let id = row["id"].as_str().unwrap_or_default().to_owned();
                assert!(named_before(query) || seen.insert(id), "a row came twice: {uri}");
            }
            for row in body["entries"].as_array().into_iter().flatten().filter(|_| path == "/v1/history") {
                let hash = row["hash"].as_str().unwrap_or_default().to_owned();
                assert!(named_before(query) || seen.insert(hash), "an entry came twice: {uri}");
            }
            let Some(next) = body["next_cursor"].as_str() else { return };
            asked = format!("{query}{}cursor={next}", if query.is_empty() { "" } else { "&" });
        }
    }
}

/// Whether the query may itself have a cursor, so that every page is the same one.
fn named_before(query: &str) -> bool {
    query.contains("cursor") || query.contains('%') || query.contains('#')
}

fn started(world: &World, number: u32) -> String {
    let payload = json!({
        "customer_id": format!("c-{}", number % 3), "channel": if number.is_multiple_of(2) { "email" } else { "phone" },
        "subject": "a question", "body_ref": "mail/1", "category": "pre_sale", "problem_type": "invoice",
        "external_ref": format!("ref-{number}"),
    });
    let Value::Object(payload) = payload else { unreachable!("it is an object") };
    let command = Command {
        target: Target::Start("consultation".into()),
        event: "submit".into(),
        payload,
        actor: Actor::person("ann", Role::Agent),
        occurred_at: None,
        key: Some(number.to_string()),
        if_match: None,
        request_id: None,
        origin: None,
    };
    let accepted = world.runtime.block_on(world.engine.submit(command)).expect("a plain question is taken");
    accepted.entry.instance.to_string()
}

/// A problem document of the list, which says what was refused.
fn is_lawful(status: u16, body: &Value, uri: &Uri) {
    assert!((400..500).contains(&status), "{status} for {uri}: {body}");
    let known = Code::ALL.iter().map(|code| code.says()).find(|says| body["code"] == says.code);
    let known = known.unwrap_or_else(|| panic!("{uri}: no problem of the list: {body}"));
    assert_eq!(known.status, status, "{uri}: {body}");
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{uri}: {body}");
}
