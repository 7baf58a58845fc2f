//! Schedules in definition files: what is refused where, and what a changed file does to a schedule.

use careflow::kernel::actor::Role;
use serde_json::json;

use crate::rig::{Rig, at};
use crate::schedules::{check, publish, shown};

#[tokio::test]
async fn wrong_schedules_refuse_the_start_with_everything_wrong_in_one_report() {
    let mut closed = Rig::wednesday().await.close().await;
    for (from, to, says) in [
        (
            "cron: 0 9 * * *",
            "cron: 0 25 * * *",
            "/schedules/0/cron: `25` is refused as hour; accepted are 0 to 23",
        ),
        ("cron: 0 9 * * *", "cron: 0 0 30 2 *", "never fires: no year has such a date"),
        ("zone: Asia/Shanghai", "zone: Shanghai", "`Shanghai` is not a time zone"),
        ("catch_up: all", "catch_up: some", "`some` is not accepted; accepted is `skip`, `one` or `all`"),
        ("overlap: allow", "overlaps: allow", "overlaps"),
        ("category: other", "category: anything", "/schedules/0/start/payload/category"),
        ("check/{date}", "check/{dat}", "`{dat}` stands for nothing; accepted are `{scheduled_for}`"),
        ("check/{date}", "check/{due}", "because the schedule has no `due`"),
        (
            "    start:\n",
            "    start:\n      workflow: complaints\n",
            "`complaints` is no workflow of this program",
        ),
        ("    start:\n", "    due: 2 days\n    start:\n", "does not say which days"),
        (
            "    start:\n",
            "    report: { name: monthly_feedback, period: month }\n    start:\n",
            "exclude each other",
        ),
        ("    start:\n", "    starts:\n", "starts"),
    ] {
        publish(&mut closed, 2, &check(&[(from, to)]));
        let refusal = closed.refusal().await;
        assert!(refusal.contains(says), "{to}: {refusal}");
        assert!(refusal.contains("consultation/definition.yaml:"), "{to}: {refusal}");
    }
    let twice =
        check(&[]) + check(&[("cron: 0 9 * * *", "cron: 61 9 * * *")]).split_once("schedules:\n").unwrap().1;
    publish(&mut closed, 2, &twice);
    let refusal = closed.refusal().await;
    assert!(refusal.contains("`61` is refused as minute"), "{refusal}");
    let twice = check(&[]) + check(&[]).split_once("schedules:\n").unwrap().1;
    publish(&mut closed, 2, &twice);
    let refusal = closed.refusal().await;
    assert!(refusal.contains("`check` is another schedule's name"), "{refusal}");
    publish(&mut closed, 2, &check(&[]));
    assert!(closed.start().await.is_ok());
}

#[tokio::test]
async fn a_start_that_the_other_definition_would_refuse_is_told_beforehand() {
    let mut closed = Rig::wednesday().await.close().await;
    publish(&mut closed, 2, &check(&[]));
    let submit = [("submit: [customer, gateway, agent, system]", "submit: [customer, gateway, agent]")];
    crate::definitions::edit(&closed, "consultation/definition.yaml", &submit);
    let refusal = closed.refusal().await;
    assert!(
        refusal.contains("does not let `system` send `submit`; add `system` to its `roles`"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_changed_file_changes_the_schedule_and_a_missing_one_withdraws_it() {
    let mut closed = Rig::at("2026-03-11T08:00:00+08:00").await.close().await;
    publish(&mut closed, 2, &check(&[]));
    let rig = closed.start().await.unwrap();
    rig.until("2026-03-11T09:00:00+08:00").await;

    let mut closed = rig.close().await;
    publish(&mut closed, 3, &check(&[("cron: 0 9 * * *", "cron: 30 9 * * *")]));
    let rig = closed.start().await.unwrap();
    let ann = rig.caller("ann", Role::Agent).await;
    let changed = shown(&ann, "check").await;
    assert_eq!((&changed["next"], &changed["fired"]), (&json!(at("2026-03-11T09:30:00+08:00")), &json!(1)));

    let mut closed = rig.close().await;
    publish(&mut closed, 4, "");
    let rig = closed.start().await.unwrap();
    let (ann, root) = (rig.caller("ann", Role::Agent).await, rig.caller("root", Role::Administrator).await);
    let gone = shown(&ann, "check").await;
    assert_eq!((&gone["state"], gone.get("next")), (&json!("withdrawn"), None));
    let path = format!("/v1/schedules/{}/run", gone["id"].as_str().unwrap());
    assert_eq!(root.post(&path, &json!({ "reason": "still" })).await.problem(409), "schedule_withdrawn");
    rig.until("2026-03-12T12:00:00+08:00").await;
    assert_eq!(shown(&ann, "check").await["fired"], 1);

    let mut closed = rig.close().await;
    publish(&mut closed, 5, &check(&[]));
    let rig = closed.start().await.unwrap();
    let back = shown(&rig.caller("ann", Role::Agent).await, "check").await;
    assert_eq!((&back["state"], &back["next"]), (&json!("active"), &json!(at("2026-03-13T09:00:00+08:00"))));
}

#[tokio::test]
async fn a_start_that_changes_nothing_records_nothing() {
    let rig = Rig::wednesday().await.restart().await;
    let position = rig.engine.position();
    assert_eq!(rig.restart().await.engine.position(), position);
}
