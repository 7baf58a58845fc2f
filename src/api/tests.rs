//! Tests of the router without an engine: bodies, queries, problems, the document.

mod live;
mod socket;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tower_service::Service;

use super::error::{ApiError, Code};
use super::extract::{Params, StrictJson, WriteHeaders};
use super::state::{AppState, Limits};
use super::{closed, openapi, router, surrounded, testing};

/// What a test saw of an answer.
struct Seen {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn problem(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], self.status);
        assert_eq!(self.body["request_id"], self.header("x-request-id"));
        (self.status, self.body["code"].as_str().unwrap())
    }

    fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap()
    }
}

async fn ask(router: &Router, request: Request) -> Seen {
    let answer = router.clone().call(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Seen { status: parts.status.as_u16(), headers: parts.headers, body }
}

fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path)
}

fn starting() -> Router {
    router(AppState::new(&testing::flows(), Limits::default()))
}

/// A body with one member.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Echo {
    text: String,
}

/// A query with one member.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    limit: Option<usize>,
}

async fn echo(write: WriteHeaders, StrictJson(body): StrictJson<Echo>) -> String {
    json!({ "text": body.text, "key": write.key, "if_match": write.if_match }).to_string()
}

async fn count(Params(count): Params<Count>) -> String {
    count.limit.unwrap_or_default().to_string()
}

async fn panics() -> String {
    panic!("a handler that panics")
}

async fn never() -> String {
    std::future::pending().await
}

/// Routes that need no engine, surrounded like the real ones.
fn sample(limits: Limits) -> Router {
    let routes = Router::new()
        .route("/echo", post(echo))
        .route("/count", get(count))
        .route("/panics", get(panics))
        .route("/never", get(never));
    surrounded(closed(routes), AppState::new(&[], limits))
}

async fn sent(body: impl Into<Body>) -> Seen {
    let request = request("POST", "/echo").header("content-type", "application/json");
    ask(&sample(Limits::default()), request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn until_the_engine_is_open_everything_but_health_says_how_far_it_is() {
    let state = AppState::new(&testing::flows(), Limits::default());
    state.progress(40, 100);
    let router = router(state);
    for path in ["/v1/workflows", "/v1/instances/x", "/v1/changes", "/v1/tokens", "/readyz", "/metrics"] {
        let seen = ask(&router, request("GET", path).body(Body::empty()).unwrap()).await;
        assert_eq!(seen.problem(), (503, "starting"), "{path}");
        assert_eq!(seen.body["progress"], json!({ "done": 40, "of": 100 }));
        assert_eq!(seen.header("retry-after"), "1");
        assert_eq!(seen.body["instance"], path);
    }
    let seen = ask(&router, request("GET", "/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!((seen.status, &seen.body), (200, &json!({ "status": "ok" })));
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_problems() {
    let seen = ask(&starting(), request("GET", "/v2/instances").body(Body::empty()).unwrap()).await;
    assert_eq!(seen.problem(), (404, "unknown_route"));
    let seen = ask(&starting(), request("PATCH", "/v1/tokens").body(Body::empty()).unwrap()).await;
    assert_eq!(seen.problem(), (405, "method_not_allowed"));
    let mut allowed: Vec<&str> = seen.header("allow").split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_any_other_replaced() {
    let with = |id: &'static str| async move {
        let request = request("GET", "/healthz").header("x-request-id", id);
        ask(&starting(), request.body(Body::empty()).unwrap()).await.header("x-request-id").to_owned()
    };
    assert_eq!(with("crm-17").await, "crm-17");
    assert_eq!(with("two words").await.len(), 16);
    assert_eq!(with("").await.len(), 16);
}

#[tokio::test]
async fn a_good_body_is_read_with_its_headers() {
    let request = request("POST", "/echo")
        .header("content-type", "application/json; charset=utf-8")
        .header("idempotency-key", "k1")
        .header("if-match", "\"3\"");
    let seen = ask(&sample(Limits::default()), request.body("{\"text\": \"a\"}".into()).unwrap()).await;
    assert_eq!(seen.body, json!({ "text": "a", "key": "k1", "if_match": 3 }));
}

#[tokio::test]
async fn a_broken_body_is_refused_with_its_place() {
    let seen = sent("{\"text\": ").await;
    assert_eq!(seen.problem(), (400, "malformed_json"));
    assert!(seen.detail().contains("line 1 column"), "{}", seen.detail());
    assert_eq!(sent("").await.problem(), (400, "malformed_json"));
    assert_eq!(sent("{\"text\": \"a\", \"text\": \"b\"}").await.problem(), (400, "malformed_json"));
}

#[tokio::test]
async fn a_body_of_another_shape_is_refused_with_what_is_known() {
    let seen = sent("{\"text\": \"a\", \"more\": 1}").await;
    assert_eq!(seen.problem(), (422, "invalid_body"));
    assert!(seen.detail().contains("unknown field `more`, expected `text`"), "{}", seen.detail());
    assert_eq!(sent("{\"text\": 1}").await.problem(), (422, "invalid_body"));
    assert_eq!(sent("[]").await.problem(), (422, "invalid_body"));
}

#[tokio::test]
async fn another_media_type_is_refused() {
    for given in [Some("text/plain"), Some("application/xml"), None] {
        let mut request = request("POST", "/echo");
        if let Some(given) = given {
            request = request.header("content-type", given);
        }
        let seen = ask(&sample(Limits::default()), request.body("{}".into()).unwrap()).await;
        assert_eq!(seen.problem(), (415, "wrong_media_type"), "{given:?}");
        assert_eq!(seen.body["accepted"], json!(["application/json"]));
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_said_or_not() {
    let limits = Limits { body_bytes_max: 20, ..Limits::default() };
    let large = format!("{{\"text\": \"{}\"}}", "a".repeat(20));
    for said in [true, false] {
        let mut request = request("POST", "/echo").header("content-type", "application/json");
        if said {
            request = request.header("content-length", large.len());
        }
        let seen = ask(&sample(limits), request.body(large.clone().into()).unwrap()).await;
        assert_eq!(seen.problem(), (413, "body_too_large"));
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_and_an_answer_that_does_not_come_are_given_up() {
    struct Endless;
    impl hyper::body::Body for Endless {
        type Data = axum::body::Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }
    let short = Duration::from_millis(1);
    let request_of = request("POST", "/echo").header("content-type", "application/json");
    let limits = Limits { body_wait: short, ..Limits::default() };
    let seen = ask(&sample(limits), request_of.body(Body::new(Endless)).unwrap()).await;
    assert_eq!(seen.problem(), (408, "slow_body"));
    let limits = Limits { answer_wait: short, ..Limits::default() };
    let seen = ask(&sample(limits), request("GET", "/never").body(Body::empty()).unwrap()).await;
    assert_eq!(seen.problem(), (504, "timeout"));
}

#[tokio::test]
async fn an_unknown_or_wrong_query_parameter_is_refused_with_those_known() {
    let asked = |query: &'static str| async move {
        ask(&sample(Limits::default()), request("GET", query).body(Body::empty()).unwrap()).await
    };
    assert_eq!(asked("/count?limit=3").await.status, 200);
    let seen = asked("/count?limti=3").await;
    assert_eq!(seen.problem(), (400, "invalid_query"));
    assert!(seen.detail().contains("unknown field `limti`, expected `limit`"), "{}", seen.detail());
    let seen = asked("/count?limit=three").await;
    assert_eq!(seen.problem(), (400, "invalid_query"));
    assert!(seen.detail().contains("limit"), "{}", seen.detail());
    assert_eq!(asked("/count?limit=1&limit=2").await.problem(), (400, "invalid_query"));
}

#[tokio::test]
async fn a_panic_is_a_problem_and_the_next_request_is_served() {
    let router = sample(Limits::default());
    let seen = ask(&router, request("GET", "/panics").body(Body::empty()).unwrap()).await;
    assert_eq!(seen.problem(), (500, "internal"));
    assert!(!seen.detail().contains("a handler that panics"));
    assert_eq!(ask(&router, request("GET", "/count").body(Body::empty()).unwrap()).await.status, 200);
}

#[tokio::test]
async fn who_asks_too_much_is_told_when_to_go_on() {
    let router = sample(Limits { rate_per_second: 1, ..Limits::default() });
    let mut last = 200;
    for _ in 0..4 {
        let seen = ask(&router, request("GET", "/count").body(Body::empty()).unwrap()).await;
        last = seen.status;
        if last == 429 {
            assert_eq!(seen.problem(), (429, "rate_limited"));
            assert_eq!(seen.header("retry-after"), "1");
        }
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn a_missing_token_is_challenged() {
    let routes = Router::new().route("/refuses", get(|| async { ApiError::new(Code::MissingToken, "none") }));
    let router = surrounded(closed(routes), AppState::new(&[], Limits::default()));
    let seen = ask(&router, request("GET", "/refuses").body(Body::empty()).unwrap()).await;
    assert_eq!(seen.problem(), (401, "missing_token"));
    assert_eq!(seen.header("www-authenticate"), "Bearer realm=\"careflow\"");
}

#[tokio::test]
async fn the_page_and_the_document_are_served_without_network_or_token() {
    let router = starting();
    let document = ask(&router, request("GET", "/openapi.json").body(Body::empty()).unwrap()).await;
    assert_eq!(document.status, 200);
    assert_eq!(document.body, openapi::openapi(&testing::flows()));
    let page = router.clone().call(request("GET", "/docs/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.into_body().collect().await.unwrap().to_bytes();
    let page = String::from_utf8(page.to_vec()).unwrap();
    assert!(page.contains("swagger-ui"), "{page}");
    assert!(!page.contains("https://") && !page.contains("http://"), "{page}");
}

#[test]
fn every_event_has_one_typed_component() {
    let document = openapi::openapi(&testing::flows());
    let schemas = &document["components"]["schemas"];
    let request = &schemas["EventRequest"];
    let mapping = request["discriminator"]["mapping"].as_object().unwrap();
    assert_eq!(mapping.keys().collect::<Vec<_>>(), ["accept", "note_added", "own_only"]);
    assert_eq!(request["oneOf"].as_array().unwrap().len(), 3);
    let payload = |event: &str| schemas[event]["properties"]["payload"].clone();
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let either = json!({ "anyOf": [reference("AlphaAcceptPayload"), reference("BetaAcceptPayload")] });
    assert_eq!(payload("AcceptEvent"), either);
    assert_eq!(payload("NoteAddedEvent"), reference("NoteAddedPayload"));
    assert_eq!(payload("OwnOnlyEvent"), reference("BetaOwnOnlyPayload"));
    assert_eq!(schemas["AcceptEvent"]["required"], json!(["event"]));
    assert_eq!(schemas["NoteAddedEvent"]["required"], json!(["event", "payload"]));
}

#[test]
fn every_workflow_has_its_own_start() {
    let document = openapi::openapi(&testing::flows());
    let paths = document["paths"].as_object().unwrap();
    assert!(!paths.contains_key("/v1/workflows/{workflow}/instances"));
    for flow in ["alpha", "beta"] {
        let start = &paths[&format!("/v1/workflows/{flow}/instances")]["post"];
        assert_eq!(start["operationId"], format!("start_{flow}"));
        assert!(start["parameters"].as_array().unwrap().iter().all(|one| one["name"] != "workflow"));
    }
}

#[test]
fn operations_are_named_verb_and_resource_and_every_failure_is_a_problem() {
    let document = openapi::openapi(&testing::flows());
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(id.contains('_'), "{id}");
            assert!(operation["summary"].is_string(), "{id} has no summary");
            ids.push(id.to_owned());
            for (status, response) in operation["responses"].as_object().unwrap() {
                let problem = response.pointer("/content/application~1problem+json/schema/$ref");
                let failed = status.starts_with(['4', '5']);
                assert_eq!(problem.is_some(), failed, "{path} {status}");
            }
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn no_reference_leads_nowhere() {
    fn check(document: &Value, value: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let found = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
                    assert!(found.is_some(), "{reference}");
                }
                members.values().for_each(|member| check(document, member));
            }
            Value::Array(items) => items.iter().for_each(|item| check(document, item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = openapi::openapi(&testing::flows());
    check(&document, &document);
}

#[test]
fn the_document_is_the_same_each_time() {
    assert_eq!(openapi::text(&testing::flows()), openapi::text(&testing::flows()));
    assert!(Limits::default().answer_wait > Duration::from_secs(30), "the feed may wait 30 s");
}
