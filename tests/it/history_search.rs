//! The search of histories across instances: by actor, event, flow and time, in pages, for those who may.

use careflow::engine::search::COMMITS_MAX;
use careflow::kernel::actor::Role;
use serde_json::{Value, json};

use crate::rig::{Caller, Rig, question, solution};

async fn search(caller: &Caller, query: &str) -> Value {
    caller.get(&format!("/v1/history?{query}")).await.expect(200)
}

/// What tells entries apart: instance and sequence.
fn keys(page: &Value) -> Vec<(String, u64)> {
    let key = |record: &Value| {
        let entry = &record["entry"];
        (entry["instance"].as_str().unwrap().to_owned(), entry["seq"].as_u64().unwrap())
    };
    page["entries"].as_array().unwrap().iter().map(key).collect()
}

/// Every entry of a search, page by page.
async fn paged(caller: &Caller, query: &str) -> Vec<(String, u64)> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = search(caller, &format!("{query}{cursor}")).await;
        assert!(page["scanned"].as_u64().unwrap() <= COMMITS_MAX as u64);
        found.extend(keys(&page));
        match page.get("next_cursor") {
            Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
            None => return found,
        }
    }
}

/// Two cases: one on Wednesday that Ann answers, one on Thursday that Bo takes.
async fn cases(rig: &Rig) -> [String; 2] {
    let (ann, bo) = (rig.caller("ann", Role::Agent).await, rig.caller("bo", Role::Agent).await);
    let first = ann.submit(question("c-1")).await;
    ann.sent(&first, "accept", json!({})).await;
    ann.sent(&first, "answer", solution()).await;
    rig.until("2026-03-12T10:00:00+08:00").await;
    let second = bo.submit(question("c-2")).await;
    bo.sent(&second, "accept", json!({})).await;
    [first, second]
}

#[tokio::test]
async fn entries_are_found_by_who_what_where_and_when() {
    let rig = Rig::wednesday().await;
    let [first, second] = cases(&rig).await;
    let sue = rig.caller("sue", Role::Supervisor).await;
    let of = |id: &str, seqs: &[u64]| -> Vec<(String, u64)> {
        seqs.iter().map(|seq| (id.to_owned(), *seq)).collect()
    };
    assert_eq!(paged(&sue, "actor=ann").await, of(&first, &[3, 2, 1]), "newest first");
    assert_eq!(paged(&sue, "actor=bo&event=accept").await, of(&second, &[2]));
    let accepted = [of(&second, &[2]), of(&first, &[2])].concat();
    assert_eq!(paged(&sue, "event=accept&role=agent").await, accepted);
    assert_eq!(paged(&sue, "workflow=complaint").await, []);
    assert_eq!(paged(&sue, "event=accept&workflow=consultation").await, accepted);
    let thursday = "2026-03-12T00:00:00%2B08:00";
    assert_eq!(paged(&sue, &format!("event=accept&from={thursday}")).await, of(&second, &[2]));
    assert_eq!(paged(&sue, &format!("event=accept&until={thursday}")).await, of(&first, &[2]));
    let exact = "2026-03-12T10:00:00%2B08:00";
    assert_eq!(paged(&sue, &format!("event=accept&from={exact}")).await, of(&second, &[2]), "included");
    assert_eq!(paged(&sue, &format!("event=accept&until={exact}")).await, of(&first, &[2]), "left out");
    assert_eq!(paged(&sue, "from=2027-01-01T00:00:00Z").await, []);
    assert_eq!(paged(&sue, "until=2020-01-01T00:00:00Z").await, []);
}

#[tokio::test]
async fn the_history_of_one_instance_is_followed_back_from_its_end() {
    let rig = Rig::wednesday().await;
    let [first, second] = cases(&rig).await;
    let ann = rig.caller("ann", Role::Agent).await;
    let whole: Vec<u64> = (1..=ann.history(&first).await.len() as u64).rev().collect();
    let found = paged(&ann, &format!("instance={first}&limit=1")).await;
    assert_eq!(found, whole.iter().map(|seq| (first.clone(), *seq)).collect::<Vec<_>>());
    let page = search(&ann, &format!("instance={second}&event=accept")).await;
    assert_eq!((keys(&page), page["scanned"].as_u64()), (vec![(second.clone(), 2)], Some(2)));
    let before = format!("instance={first}&until=2026-03-11T12:00:00%2B08:00");
    assert_eq!(paged(&ann, &before).await.len(), 3, "what fell due later is left out");
    assert_eq!(paged(&ann, "instance=3fa2-7f3k2m9qx4tbz8wd").await, []);
}

#[tokio::test]
async fn pages_hold_every_entry_once_though_others_write_meanwhile() {
    let rig = Rig::wednesday().await;
    cases(&rig).await;
    let auditor = rig.caller("olga", Role::Auditor).await;
    let position = rig.engine.position();
    let feed = auditor.get("/v1/changes?limit=500").await.expect(200);
    let mut expected: Vec<(String, u64)> = keys(&json!({ "entries": feed["changes"] }));
    let first = search(&auditor, "limit=3").await;
    assert_eq!(keys(&first).len(), 3);
    assert!(first["searched_to"].as_str().is_some());
    let ann = rig.caller("ann", Role::Agent).await;
    ann.submit(question("c-3")).await;
    let cursor = first["cursor"].as_str().unwrap().to_owned();
    let (mut found, mut page) = (keys(&first), first);
    while let Some(next) = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned) {
        page = search(&auditor, &format!("limit=3&cursor={next}")).await;
        found.extend(keys(&page));
    }
    assert!(rig.engine.position() > position, "somebody wrote");
    let again = search(&auditor, &format!("limit=3&cursor={cursor}")).await;
    assert_eq!(keys(&again), found[..3], "the cursor of a page reads the same page");
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_engines_own_objects_are_for_administrators_and_auditors() {
    let rig = Rig::wednesday().await;
    let [first, _] = cases(&rig).await;
    let (customer, sue) =
        (rig.caller("c-1", Role::Customer).await, rig.caller("sue", Role::Supervisor).await);
    for caller in [&customer, &rig.caller("tom", Role::Trainee).await] {
        assert_eq!(caller.get("/v1/history").await.problem(403), "role_not_allowed");
    }
    let own = |records: &[(String, u64)]| records.iter().any(|(id, _)| *id != first);
    assert!(!own(&paged(&sue, "until=2026-03-12T00:00:00Z").await));
    assert_eq!(sue.get("/v1/history?workflow=$token").await.problem(400), "invalid_query");
    for role in [Role::Auditor, Role::Administrator] {
        let caller = rig.caller("olga", role).await;
        assert!(!paged(&caller, "workflow=$token").await.is_empty(), "{role}");
        assert!(own(&paged(&caller, "until=2026-03-12T00:00:00Z").await), "{role}");
    }
}

#[tokio::test]
async fn personal_values_stand_beside_the_entries_for_those_who_may_read_them() {
    let rig = Rig::wednesday().await;
    let ann = rig.caller("ann", Role::Agent).await;
    let mut payload = question("c-1");
    payload["subject"] = json!("张三 13800138000");
    ann.submit(payload).await;
    assert!(ann.get("/v1/history?event=submit").await.text.contains("13800138000"));
    let root = rig.caller("root", Role::Administrator).await;
    assert!(!root.get("/v1/history?event=submit").await.text.contains("13800138000"));
}

#[tokio::test]
async fn a_question_that_cannot_be_is_refused_with_what_is_accepted() {
    let rig = Rig::wednesday().await;
    cases(&rig).await;
    let ann = rig.caller("ann", Role::Agent).await;
    for (query, told) in [
        ("role=boss", "senior_agent"),
        ("workflow=gardening", "consultation, "),
        ("instance=1", "`instance`"),
        ("from=yesterday", "`from`"),
        ("until=yesterday", "`until`"),
        ("from=2026-03-12T00:00:00Z&until=2026-03-12T00:00:00Z", "accepted is a later one"),
        ("limit=0", "accepted is 1 to 200"),
        ("limit=201", "accepted is 1 to 200"),
        ("user=ann", "unknown field `user`"),
    ] {
        let answer = ann.get(&format!("/v1/history?{query}")).await;
        assert_eq!(answer.problem(400), "invalid_query", "{query}");
        assert!(answer.text.contains(told), "{query}: {}", answer.text);
    }
    let next = search(&ann, "actor=ann&limit=1").await["next_cursor"].as_str().unwrap().to_owned();
    for query in [format!("actor=bo&limit=1&cursor={next}"), "cursor=x".into(), "cursor=".into()] {
        assert_eq!(ann.get(&format!("/v1/history?{query}")).await.problem(400), "invalid_cursor", "{query}");
    }
}
