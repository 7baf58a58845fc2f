//! The log's line of each request: one id from the header to the line and to the entry, and nothing personal.

use serde_json::{Value, json};

use crate::cli_rig::{Place, ask, careflow, get};

/// The lines of requests, each a JSON object.
fn lines(log: &str) -> Vec<Value> {
    let all = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|line| line["target"] == "careflow::requests").collect()
}

#[test]
fn one_request_id_leads_from_the_header_to_the_log_and_to_the_entry() {
    let place = Place::new();
    let server = place.serve_with(&["--log-format", "json"]);
    let token = place.on_data(&["token", "create", "--role", "agent", "--actor", "ann@example.com"]).done();
    let auditor = place.on_data(&["token", "create", "--role", "auditor", "--actor", "olga"]).done();
    let (token, auditor) = (token.trim(), auditor.trim());
    let payload = json!({
        "customer_id": "customer-17", "channel": "email", "subject": "Frau Sommer fragt", "body_ref": "mail/1",
        "category": "pre_sale", "problem_type": "invoice",
    });
    let body = json!({ "payload": payload }).to_string();
    let started = ask(
        server.address(),
        "POST",
        "/v1/workflows/consultation/instances",
        &[
            ("Authorization", &format!("Bearer {token}")),
            ("X-Request-Id", "crm-4711"),
            ("Content-Type", "application/json"),
        ],
        &body,
    );
    assert!(started.starts_with("HTTP/1.1 201"), "{started}");
    assert!(started.contains("x-request-id: crm-4711\r\n"), "{started}");
    let listed = ask(
        server.address(),
        "GET",
        "/v1/instances?customer=customer-17",
        &[("Authorization", &format!("Bearer {token}")), ("X-Request-Id", "a\" injected=\"1")],
        "",
    );
    assert!(listed.starts_with("HTTP/1.1 200") && !listed.contains("injected"), "{listed}");
    get(server.address(), "/v1/secret-customer-17", Some(token));
    let changes = get(server.address(), "/v1/changes?after=0&limit=500", Some(auditor));
    let changes: Value = serde_json::from_str(changes.split_once("\r\n\r\n").unwrap().1).unwrap();
    let entries = changes["changes"].as_array().unwrap();
    let entry = entries.iter().find(|record| record["entry"]["request_id"] == "crm-4711");
    assert_eq!(entry.expect("the entry has the id")["entry"]["event"], "submit");

    let ended = server.stop();
    let lines = lines(&ended.err);
    let line = lines.iter().find(|line| line["request_id"] == "crm-4711").expect("the log has the id");
    assert_eq!((&line["method"], &line["status"]), (&json!("POST"), &json!(201)));
    assert_eq!(line["route"], "/v1/workflows/{workflow}/instances");
    assert_eq!((&line["kind"], &line["code"]), (&json!("person"), &json!("-")));
    assert!(line["micros"].as_u64().is_some() && line["actor"].as_str().unwrap().len() == 12, "{line}");
    let lost = lines.iter().find(|line| line["status"] == 404).expect("a refused request has a line too");
    assert_eq!((&lost["route"], &lost["code"]), (&json!("-"), &json!("unknown_route")));
    for secret in [token, auditor, "customer-17", "Sommer", "ann@example.com", "injected"] {
        assert!(!ended.err.contains(secret), "`{secret}` is in the log:\n{}", ended.err);
    }
    ended.done();
}

#[test]
fn an_actors_digest_is_the_same_in_all_lines_of_one_process_and_of_no_other() {
    let place = Place::new();
    let mut lives = Vec::new();
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let server = place.serve_with(&["--log-format", "json"]);
        if tokens.is_empty() {
            tokens = ["ann", "bo"]
                .map(|actor| {
                    place.on_data(&["token", "create", "--role", "auditor", "--actor", actor]).done()
                })
                .to_vec();
        }
        for token in [&tokens[0], &tokens[1], &tokens[0]] {
            get(server.address(), "/v1/changes?limit=1", Some(token.trim()));
        }
        let ended = server.stop();
        let read = lines(&ended.err).into_iter().filter(|line| line["route"] == "/v1/changes");
        let digests: Vec<Value> = read.map(|line| line["actor"].clone()).collect();
        assert_eq!(digests.len(), 3, "{}", ended.err);
        assert!(digests[0] == digests[2] && digests[0] != digests[1], "{digests:?}");
        ended.done();
        lives.push(digests);
    }
    assert_ne!(lives[0][0], lives[1][0], "nobody can work out an actor's digest by its id");
}

#[test]
fn lines_of_requests_can_be_left_out_and_are_plain_text_unless_told_otherwise() {
    let place = Place::new();
    let server = place.serve();
    get(server.address(), "/healthz", None);
    let ended = server.stop();
    assert!(ended.err.contains("careflow::requests: answered request_id="), "{}", ended.err);
    let server = place.serve_with(&["--log", "warn"]);
    get(server.address(), "/healthz", None);
    let ended = server.stop();
    assert!(!ended.err.contains("careflow::requests"), "{}", ended.err);
    let refused = careflow(&["serve", "--log", "careflow=loud"]).failed(2);
    assert!(refused.contains("accepted are"), "{refused}");
}
