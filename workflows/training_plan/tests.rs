//! Checks what a yearly plan refuses and when its items become classes; the arrows are checked by exploration.

use serde_json::{Value, json};

use crate::kernel::actor::{Actor, Role};
use crate::kernel::instant::Instant;
use crate::workflows::training::tests::drive::Drive;

fn after(steps: &str) -> Drive {
    Drive::after("training_plan", steps)
}

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn admin() -> Actor {
    Actor::person("admin", Role::TrainingAdmin)
}

fn item(no: u32, time: &str) -> Value {
    json!({
        "no": no, "goal": "refunds", "content": "退款流程", "mode": "lecture", "time": time,
        "budget": { "amount": "1000", "currency": "CNY" },
    })
}

#[test]
fn each_item_becomes_a_class_thirty_days_before_its_time() {
    let mut drive = after("draft_plan:whole");
    drive.send(&admin(), "edit_items", json!({ "items": [item(1, "2026-09-01"), item(2, "2026-06-15")] }));
    drive.take("submit:");
    drive.take("approve:");
    assert_eq!(drive.due("ITEM_DUE"), Some(at("2026-05-16T00:00:00+08:00")));
    drive.fire("ITEM_DUE");
    assert_eq!(drive.summaries(), ["spawn training_session item", "arm ITEM_DUE"]);
    let items = &drive.data()["items"];
    assert_eq!((&items[1]["status"], items[1]["session"].is_string()), (&json!("spawned"), true));
    assert_eq!(drive.due("ITEM_DUE"), Some(at("2026-08-02T00:00:00+08:00")));
    drive.fire("ITEM_DUE");
    assert_eq!(drive.due("ITEM_DUE"), None);
}

#[test]
fn item_that_is_open_again_becomes_a_class_again_when_the_plan_is_amended() {
    let mut drive = after("draft_plan:whole submit: approve: timer:ITEM_DUE item_status:open");
    assert_eq!(drive.summaries(), ["task plan_item_again training_admin"]);
    assert_eq!((drive.due("ITEM_DUE"), &drive.data()["items"][0]["status"]), (None, &json!("open")));
    let owner = json!({ "id": "owner", "role": "process_owner" });
    let change = json!({ "items": [item(1, "2026-10-01")], "reason": "x", "approver": owner });
    drive.send(&admin(), "amend", change);
    assert_eq!(drive.due("ITEM_DUE"), Some(at("2026-09-01T00:00:00+08:00")));
    assert_eq!(drive.data()["version"], 2);
}

#[test]
fn plan_that_lacks_a_field_is_a_draft_and_no_more() {
    let mut drive = after("draft_plan:whole");
    let mut open = item(1, "2026-09-01");
    open.as_object_mut().unwrap().remove("budget");
    drive.send(&admin(), "edit_items", json!({ "items": [open] }));
    assert_eq!(drive.refused(&admin(), "submit", json!({})), "item_incomplete");
    let twice = json!({ "items": [item(1, "2026-09-01"), item(1, "2026-10-01")] });
    assert_eq!(drive.refused(&admin(), "edit_items", twice), "number_twice");
}

#[test]
fn nobody_approves_an_own_plan_or_amends_alone() {
    let mut drive = after("draft_plan:whole submit:");
    let owner = Actor::person("admin", Role::ProcessOwner);
    assert_eq!(drive.refused(&owner, "approve", json!({})), "own_proposal");
    drive.take("approve:");
    let by = |id: &str, role: &str, items: Value| json!({ "items": items, "reason": "x", "approver": { "id": id, "role": role } });
    let same = || json!([item(1, "2026-06-15")]);
    assert_eq!(drive.refused(&admin(), "amend", by("boss", "supervisor", same())), "approver_role");
    assert_eq!(
        drive.refused(&admin(), "amend", by("admin", "process_owner", same())),
        "second_person_needed"
    );
    drive.fire("ITEM_DUE");
    let other = json!([item(2, "2026-06-15")]);
    assert_eq!(drive.refused(&admin(), "amend", by("owner", "process_owner", other)), "item_in_use");
}

#[test]
fn year_has_one_plan_and_is_closed_when_it_is_over() {
    let mut drive = Drive::new("training_plan");
    let payload = |year: i32| json!({ "year": year, "items": [item(1, "2026-06-15")] });
    let other = json!({ "id": drive.id, "workflow": "training_plan", "state": "draft" });
    drive.facts = json!({ "open_case": other }).as_object().unwrap().clone();
    assert_eq!(drive.refused(&admin(), "draft_plan", payload(2026)), "plan_exists");
    assert_eq!(drive.refused(&admin(), "draft_plan", payload(2024)), "year_over");
    drive.take("draft_plan:whole");
    assert_eq!(drive.due("YEAR_END"), Some(at("2027-02-01T00:00:00+08:00")));
    drive.take("submit:");
    drive.take("approve:");
    assert_eq!(drive.refused(&admin(), "close_year", json!({})), "year_runs");
    drive.now = at("2027-01-01T00:00:00+08:00");
    drive.send(&admin(), "close_year", json!({}));
    assert_eq!((drive.state(), drive.due("YEAR_END"), drive.due("ITEM_DUE")), ("closed", None, None));
}

#[test]
fn days_of_the_year_before_are_promises() {
    let drive = after("draft_plan:whole");
    let due = |clock: &str| drive.instance.as_ref().unwrap().clocks[clock].run.as_ref().unwrap().due;
    assert_eq!(due("SUBMIT_DUE"), at("2025-12-16T00:00:00+08:00"));
    assert_eq!(due("APPROVE_DUE"), at("2026-01-01T00:00:00+08:00"));
}
