//! Checks what a certificate refuses and when its timers fire; the arrows are checked by exploration.

use serde_json::json;

use crate::kernel::actor::{Actor, Role};
use crate::kernel::instant::Instant;
use crate::workflows::training::tests::drive::Drive;

fn after(steps: &str) -> Drive {
    Drive::after("certificate", steps)
}

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

#[test]
fn timers_run_on_civil_dates() {
    let mut drive = after("issue:first");
    assert_eq!(drive.due("EXPIRING"), Some(at("2027-01-10T00:00:00+08:00")));
    assert_eq!(drive.due("EXPIRY"), Some(at("2027-03-11T00:00:00+08:00")));
    drive.facts = json!({ "among": [] }).as_object().unwrap().clone();
    drive.fire("EXPIRING");
    assert_eq!(
        drive.summaries(),
        ["spawn training_session recertify", "notify person:ann certificate_expiring"]
    );
    drive.fire("EXPIRY");
    assert_eq!(drive.due("SKILL_LOSS"), Some(at("2027-04-10T00:00:00+08:00")));
    assert_eq!(drive.due("LAPSE"), Some(at("2028-03-11T00:00:00+08:00")));
    drive.fire("SKILL_LOSS");
    assert_eq!(drive.state(), "expired");
    drive.fire("LAPSE");
    assert_eq!((drive.state(), drive.due("LAPSE")), ("closed.lapsed", None));
}

#[test]
fn newer_certificate_takes_the_place_of_the_open_one_of_its_kind() {
    let drive = after("issue:again");
    assert_eq!(drive.summaries(), ["send renewed_by", "arm EXPIRING", "arm EXPIRY"]);
    let links = &drive.data()["case"]["links"];
    assert_eq!((&links[1]["type"], &links[1]["id"]), (&json!("renews"), &drive.data()["renews"]));
    let mut old = after("issue:first renewed_by:");
    assert_eq!((old.state(), &old.data()["valid_to"]), ("closed.renewed", &json!("2027-03-10")));
    let newer = json!({ "certificate": old.id });
    assert_eq!(old.refused(&Actor::system(), "renewed_by", newer), "event_not_accepted");
}

#[test]
fn revoking_takes_two_people_of_whom_one_is_a_process_owner() {
    let mut drive = after("issue:first");
    let admin = Actor::person("admin", Role::TrainingAdmin);
    let by = |id: &str, role: &str| json!({ "reason": "x", "approver": { "id": id, "role": role } });
    assert_eq!(drive.refused(&admin, "revoke", by("boss", "supervisor")), "approver_role");
    assert_eq!(drive.refused(&admin, "revoke", by("admin", "process_owner")), "second_person_needed");
    assert_eq!(drive.refused(&admin, "revoke", by("ann", "process_owner")), "own_certificate");
    let holder = Actor::person("ann", Role::TrainingAdmin);
    assert_eq!(drive.refused(&holder, "revoke", by("owner", "process_owner")), "own_certificate");
    drive.send(&admin, "revoke", by("owner", "process_owner"));
    assert_eq!(drive.state(), "closed.revoked");
}

#[test]
fn period_that_ends_before_it_begins_is_refused() {
    let mut drive = Drive::new("certificate");
    drive.facts = json!({ "open_case": null }).as_object().unwrap().clone();
    let samples = drive.workflow.samples();
    let mut payload = samples[0].payload.clone();
    payload.insert("valid_to".into(), json!("2026-03-10"));
    assert_eq!(drive.refused(&Actor::system(), "issue", payload.into()), "empty_period");
}

#[test]
fn lost_skill_is_warned_of_and_a_task_where_policy_says_so() {
    let lost = |mode: &str| {
        let mut drive = after("issue:first");
        drive.facts = json!({ "among": [] }).as_object().unwrap().clone();
        let shipped = crate::workflows::DEFINITIONS.iter().find(|(file, _)| file.starts_with("certificate/"));
        let mut document: serde_json::Value = serde_saphyr::from_str(shipped.unwrap().1).unwrap();
        document["policy"]["skill_loss_mode"] = json!(mode);
        drive.definition.policy = drive.workflow.policy(&document["policy"]).unwrap();
        drive.fire("EXPIRING");
        drive.fire("EXPIRY");
        drive.fire("SKILL_LOSS");
        drive.summaries()
    };
    assert_eq!(lost("warn"), ["notify role:supervisor skill_lost"]);
    assert_eq!(lost("remove"), ["notify role:supervisor skill_lost", "task remove_skill_tag training_admin"]);
}
