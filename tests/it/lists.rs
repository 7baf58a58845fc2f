//! Lists: what was written is in them at once, and pages hold every row once.

use std::collections::BTreeSet;

use careflow::kernel::actor::Role;
use serde_json::{Value, json};

use crate::rig::{Caller, Rig, at, question, solution};

fn ids(page: &Value) -> Vec<String> {
    let rows = page["instances"].as_array().unwrap();
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// The ids of one page of a list.
pub async fn listed(caller: &Caller, query: &str) -> Vec<String> {
    ids(&caller.get(&format!("/v1/instances?{query}")).await.expect(200))
}

/// Every row of a list, page by page.
async fn paged(caller: &Caller, query: &str) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = caller.get(&format!("/v1/instances?{query}{cursor}")).await.expect(200);
        found.extend(ids(&page));
        match page.get("next_cursor") {
            Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
            None => return found,
        }
    }
}

#[tokio::test]
async fn a_read_after_an_acknowledged_write_sees_it_in_every_list() {
    let rig = Rig::wednesday().await;
    let (customer, ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    for round in 1..=20 {
        let id = customer.submit(question("c-1")).await;
        let assert_at = async |state: &str, owner: &str| {
            let newest = "sort=-created&limit=200";
            let mut path = state;
            loop {
                let found = listed(&ann, &format!("workflow=consultation&state={path}&{newest}")).await;
                assert!(found.contains(&id), "`{path}` after `{state}`");
                let Some((above, _)) = path.rsplit_once('.') else { break };
                path = above;
            }
            let elsewhere = if state == "open.answered" { "open.intake" } else { "open.answered" };
            assert!(!listed(&ann, &format!("state={elsewhere}&{newest}")).await.contains(&id));
            assert!(listed(&ann, &format!("owner={owner}&{newest}")).await.contains(&id));
            let other = if owner == "ann" { "queue:pre_sale" } else { "ann" };
            assert!(!listed(&ann, &format!("owner={other}&{newest}")).await.contains(&id));
            assert_eq!(listed(&ann, &format!("customer=c-1&{newest}")).await.len(), round);
        };
        assert_at("open.intake.received", "queue:pre_sale").await;
        ann.sent(&id, "accept", json!({})).await;
        assert_at("open.intake.accepted", "ann").await;
        ann.sent(&id, "answer", solution()).await;
        assert_at("open.answered", "ann").await;
    }
}

/// Cases of three customers by turns, two in the same millisecond each time; their ids, oldest first.
pub async fn shelf(rig: &Rig) -> Vec<String> {
    let ann = rig.caller("ann", Role::Agent).await;
    let mut made = Vec::new();
    for number in 0..9 {
        rig.until(&format!("2026-03-11T10:00:{:02}+08:00", number / 2)).await;
        let mut payload = question(&format!("c-{}", number % 3));
        payload["priority"] = json!(["low", "normal", "high"][number % 3]);
        payload["channel"] = json!(["email", "wecom"][number % 2]);
        let id = ann.submit(payload).await;
        made.push((ann.instance(&id).await["created"].as_str().unwrap().to_owned(), id));
    }
    made.sort();
    made.into_iter().map(|(_, id)| id).collect()
}

#[tokio::test]
async fn pages_hold_every_row_once_in_both_directions() {
    let rig = Rig::wednesday().await;
    let made = shelf(&rig).await;
    let ann = rig.caller("ann", Role::Agent).await;
    let mut turned = made.clone();
    turned.reverse();
    for limit in [1, 2, 4, 9, 50] {
        assert_eq!(paged(&ann, &format!("limit={limit}")).await, made);
        assert_eq!(paged(&ann, &format!("limit={limit}&sort=created")).await, made);
        assert_eq!(paged(&ann, &format!("limit={limit}&sort=-created")).await, turned);
    }
    let by_customer: BTreeSet<String> = paged(&ann, "customer=c-1&limit=2").await.into_iter().collect();
    assert_eq!(by_customer.len(), 3);
    for (filter, count) in [
        ("priority=high", 3),
        ("channel=wecom", 4),
        ("priority=low&channel=email", 2),
        ("priority=urgent", 0),
    ] {
        for sort in ["created", "-created"] {
            let found = paged(&ann, &format!("{filter}&limit=2&sort={sort}")).await;
            assert_eq!(found.len(), count, "{filter}");
            assert!(found.iter().all(|id| made.contains(id)));
        }
    }
}

#[tokio::test]
async fn a_row_that_comes_while_pages_are_turned_disturbs_none() {
    let rig = Rig::wednesday().await;
    let made = shelf(&rig).await;
    let ann = rig.caller("ann", Role::Agent).await;
    let first = ann.get("/v1/instances?limit=4").await.expect(200);
    rig.until("2026-03-11T11:00:00+08:00").await;
    let late = ann.submit(question("c-9")).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = ann.get(&format!("/v1/instances?limit=4&cursor={cursor}")).await.expect(200);
    assert_eq!([ids(&first), ids(&rest)].concat(), made[..8]);
    let cursor = rest["next_cursor"].as_str().unwrap();
    assert_eq!(listed(&ann, &format!("limit=4&cursor={cursor}")).await, [made[8].clone(), late]);
}

#[tokio::test]
async fn the_range_of_starts_holds_its_first_moment_and_not_its_last() {
    let rig = Rig::wednesday().await;
    let made = shelf(&rig).await;
    let ann = rig.caller("ann", Role::Agent).await;
    let (from, until) = (at("2026-03-11T10:00:01+08:00"), at("2026-03-11T10:00:03+08:00"));
    assert_eq!(listed(&ann, &format!("created_from={from}&created_until={until}")).await, made[2..6]);
    assert_eq!(paged(&ann, &format!("created_from={from}&limit=1")).await, made[2..]);
    assert_eq!(listed(&ann, &format!("created_until={until}&customer=c-0")).await.len(), 2);
    let wrong = ann.get("/v1/instances?created_from=yesterday").await;
    assert_eq!(wrong.problem(400), "invalid_query");
}

#[tokio::test]
async fn a_cursor_and_an_order_of_another_list_are_refused() {
    let rig = Rig::wednesday().await;
    shelf(&rig).await;
    let ann = rig.caller("ann", Role::Agent).await;
    let page = ann.get("/v1/instances?channel=email&limit=2").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    for other in ["channel=wecom", "limit=2", "channel=email&sort=-created", "channel=email&priority=low"] {
        let refused = ann.get(&format!("/v1/instances?{other}&cursor={cursor}")).await;
        assert_eq!(refused.problem(400), "invalid_cursor", "{other}");
    }
    let longer = ann.get(&format!("/v1/instances?channel=email&limit=3&cursor={cursor}")).await;
    assert_eq!(longer.status, 200, "the size of a page may change");
    let refused = ann.get("/v1/instances?sort=priority").await;
    assert_eq!(refused.problem(400), "unsupported_sort");
    assert_eq!(refused.json()["accepted"], json!(["created", "-created", "due", "-due"]));
}
