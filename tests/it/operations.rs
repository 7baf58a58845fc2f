//! What an operator sees: the numbers of `/metrics`, each listed once, each moving with what it is of.

use std::collections::BTreeMap;

use careflow::kernel::actor::Role;
use careflow::metrics::families::{self, Kind, Queue};
use serde_json::{Value, json};

use crate::prometheus::{Family, parse};
use crate::rig::{Caller, Rig, question};

async fn scrape(auditor: &Caller) -> BTreeMap<String, Family> {
    let answer = auditor.get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    parse(&answer.text).unwrap_or_else(|reason| panic!("{reason}\n{}", answer.text))
}

/// The value of the one series with these labels.
#[track_caller]
fn value(families: &BTreeMap<String, Family>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let family = ["_count", "_sum"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let family = families.get(name).or_else(|| families.get(family)).unwrap_or_else(|| panic!("no {name}"));
    let labels: BTreeMap<String, String> =
        labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    let found = family.samples.iter().find(|sample| sample.name == name && sample.labels == labels);
    found.unwrap_or_else(|| panic!("no {name} {labels:?} among {family:?}")).value
}

#[tokio::test]
async fn every_listed_number_is_told_and_no_other() {
    let rig = Rig::wednesday().await;
    let auditor = rig.caller("olga", Role::Auditor).await;
    auditor.get("/v1/instances").await.expect(200);
    let told = scrape(&auditor).await;
    for family in families::ALL {
        let found = told.get(family.name).unwrap_or_else(|| panic!("`{}` is not told", family.name));
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        assert_eq!((found.kind.as_str(), found.help.as_str()), (kind, family.help), "{}", family.name);
        if family != &families::INSTANCES {
            assert!(!found.samples.is_empty(), "`{}` has no value", family.name);
        }
        for sample in &found.samples {
            let mut labels: Vec<&str> = family.labels.to_vec();
            labels.extend(sample.name.ends_with("_bucket").then_some("le"));
            labels.sort_unstable();
            assert_eq!(sample.labels.keys().map(String::as_str).collect::<Vec<_>>(), labels);
        }
    }
    let listed: Vec<&str> = families::ALL.iter().map(|family| family.name).collect();
    assert!(told.keys().all(|name| listed.contains(&name.as_str())), "{:?}", told.keys());
    for queue in Queue::ALL {
        assert!(value(&told, "careflow_queue_items", &[("queue", queue.name())]) >= 0.0);
    }
    for (queue, max) in
        [("writer", 4_096.0), ("connections", 1_024.0), ("group", 1_024.0), ("index", 65_536.0)]
    {
        assert_eq!(value(&told, "careflow_queue_items_max", &[("queue", queue)]), max);
    }
}

#[test]
fn names_are_of_one_shape() {
    for family in families::ALL {
        let name = family.name;
        assert!(name.starts_with("careflow_"), "{name}");
        assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
        let units = ["seconds", "bytes", "commits"];
        let unit = units.iter().any(|unit| name.ends_with(unit));
        assert!(family.kind != Kind::Histogram || unit, "a histogram has a unit: {name}");
        assert!(family.help.ends_with('.'), "{name}");
    }
}

#[tokio::test]
async fn numbers_move_with_what_they_are_of() {
    let rig = Rig::wednesday().await;
    let (auditor, ann) = (rig.caller("olga", Role::Auditor).await, rig.caller("ann", Role::Agent).await);
    let before = scrape(&auditor).await;
    let id = ann.submit(question("c-1")).await;
    ann.sent(&id, "accept", json!({})).await;
    let word = json!({ "message_ref": "m/2", "intent": "new_issue" });
    assert_eq!(ann.send(&id, "confirm", json!({ "satisfied": true })).await.status, 409);
    assert_eq!(ann.send(&id, "accept", json!({})).await.status, 409);
    assert_eq!(ann.send(&id, "accept", word).await.status, 422);
    assert_eq!(ann.get("/v1/cases").await.status, 404);
    let due = rig.engine.next_due().unwrap().unwrap();
    rig.time.set(due.plus_millis(7_000));
    rig.engine.settle().await;
    let after = scrape(&auditor).await;
    let rose =
        |name: &str, labels: &[(&str, &str)]| value(&after, name, labels) - value(&before, name, labels);
    let commits = rose("careflow_commits_total", &[]);
    assert!(commits >= 3.0, "a start, an event, a timer: {commits}");
    assert_eq!(commits, rose("careflow_position", &[]));
    for name in
        ["careflow_group_bytes_count", "careflow_sync_seconds_count", "careflow_index_apply_seconds_count"]
    {
        assert_eq!(rose(name, &[]), rose("careflow_groups_total", &[]), "{name}");
    }
    assert!(rose("careflow_step_seconds_count", &[]) >= commits);
    assert!(rose("careflow_timers_total", &[]) >= 1.0);
    assert!(value(&after, "careflow_timer_lateness_seconds_sum", &[]) >= 7.0);
    assert!(rose("careflow_journal_bytes", &[]) > 1_000.0);
    assert_eq!(rose("careflow_commands_refused_total", &[("code", "invalid_payload")]), 1.0);
    assert_eq!(rose("careflow_http_problems_total", &[("code", "unknown_route")]), 1.0);
    assert_eq!(rose("careflow_http_problems_total", &[("code", "invalid_payload")]), 1.0);
    let events = [("method", "POST"), ("route", "/v1/instances/{id}/events")];
    assert_eq!(
        value(&after, "careflow_http_requests_total", &[&events[..], &[("class", "2xx")]].concat()),
        1.0
    );
    assert_eq!(
        value(&after, "careflow_http_requests_total", &[&events[..], &[("class", "4xx")]].concat()),
        3.0
    );
    assert_eq!(value(&after, "careflow_http_request_seconds_count", &events), 4.0);
    assert_eq!(value(&after, "careflow_queue_items", &[("queue", "requests")]), 1.0, "the scrape itself");
    assert!(value(&after, "careflow_queue_items", &[("queue", "timers")]) >= 1.0);
    assert_eq!(value(&after, "careflow_timer_overdue_seconds", &[]), 0.0);
}

#[tokio::test]
async fn only_administrators_and_auditors_read_the_numbers() {
    let rig = Rig::wednesday().await;
    assert_eq!(rig.caller("ann", Role::Agent).await.get("/metrics").await.problem(403), "role_not_allowed");
    assert_eq!(rig.stranger().get("/metrics").await.problem(401), "missing_token");
    assert_eq!(rig.caller("root", Role::Administrator).await.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn a_reader_that_waits_at_the_feed_is_counted() {
    let rig = Rig::wednesday().await;
    let auditor = rig.caller("olga", Role::Auditor).await;
    let path = format!("/v1/changes?after={}&wait=30s", rig.engine.position());
    let waiting = tokio::spawn({
        let auditor = auditor.clone();
        async move { auditor.get(&path).await.expect(200) }
    });
    // Each look is a request of its own: the reader gets its turn in between.
    while value(&scrape(&auditor).await, "careflow_queue_items", &[("queue", "feed")]) < 1.0 {}
    rig.caller("ann", Role::Agent).await.submit(question("c-1")).await;
    let woken: Value = waiting.await.unwrap();
    assert!(!woken["changes"].as_array().unwrap().is_empty());
    while value(&scrape(&auditor).await, "careflow_queue_items", &[("queue", "feed")]) > 0.0 {}
}
