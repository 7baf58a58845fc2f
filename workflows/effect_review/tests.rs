//! Checks when an effect review asks, takes and gives up; the arrows are checked by exploration.

use serde_json::json;

use crate::kernel::actor::{Actor, Role};
use crate::kernel::instant::Instant;
use crate::workflows::training::tests::drive::Drive;

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

/// A review of a class that ended on 2026-03-10.
fn opened() -> Drive {
    let mut drive = Drive::new("effect_review");
    let mut payload = drive.workflow.samples()[0].payload.clone();
    payload.insert("ended".into(), json!("2026-03-10"));
    drive.send(&Actor::system(), "open_review", payload.into());
    drive
}

fn finding() -> serde_json::Value {
    json!({ "before": "81.5", "after": "88", "n": 40, "metric": "qi_score" })
}

#[test]
fn each_is_asked_for_at_the_end_of_its_day_and_waited_for_twenty_working_days() {
    let mut drive = opened();
    assert_eq!(drive.due("L3_DUE"), Some(at("2026-05-10T00:00:00+08:00")));
    assert_eq!(drive.due("L3_END"), Some(at("2026-06-05T18:00:00+08:00")));
    drive.fire("L3_DUE");
    assert_eq!(drive.summaries(), ["task effect_l3 training_admin"]);
    drive.fire("L3_END");
    assert_eq!((drive.state(), drive.due("L4_DUE")), ("l4_pending", Some(at("2026-06-09T00:00:00+08:00"))));
    drive.fire("L4_DUE");
    assert_eq!(drive.summaries(), ["task effect_l4 training_admin"]);
    drive.fire("L4_END");
    assert_eq!(drive.state(), "closed.incomplete");
}

#[test]
fn what_is_measured_too_early_is_refused() {
    let admin = Actor::person("admin", Role::TrainingAdmin);
    let mut drive = opened();
    drive.now = at("2026-05-09T23:59:59+08:00");
    assert_eq!(drive.refused(&admin, "record_l3", finding()), "too_early");
    drive.now = at("2026-05-10T00:00:00+08:00");
    drive.send(&admin, "record_l3", finding());
    assert_eq!((drive.state(), drive.due("L3_END")), ("l4_pending", None));
    assert_eq!(drive.refused(&admin, "record_l4", finding()), "too_early");
    drive.now = at("2026-06-09T00:00:00+08:00");
    drive.send(&admin, "record_l4", finding());
    assert_eq!((drive.state(), &drive.data()["l3"]["after"]), ("closed.done", &json!("88")));
}

#[test]
fn results_without_behaviour_are_incomplete() {
    let drive = Drive::after("effect_review", "open_review: timer:L3_END record_l4:");
    assert_eq!(drive.state(), "closed.incomplete");
    assert_eq!(drive.data()["l4"]["metric"], "csat");
}
