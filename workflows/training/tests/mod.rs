//! Owns what the tests of the training flows share, and checks what all six do with common events (§3.0.3).

pub(crate) mod drive;
mod kpis;

use serde_json::json;

use self::drive::Drive;
use crate::kernel::actor::{Actor, Role};
use crate::kernel::instant::Instant;

/// Each flow with samples that lead to one of its ends.
const ENDS: [(&str, &str); 6] = [
    ("training_plan", "draft_plan:whole force_closed:approved"),
    ("training_session", "draft:examined cancel:"),
    ("training_enrollment", "nominate:optional force_closed:approved"),
    ("consequence", "open_consequence:absent propose:nothing"),
    ("certificate", "issue:first renewed_by:"),
    ("effect_review", "open_review: force_closed:approved"),
];

fn admin() -> Actor {
    Actor::person("admin", Role::TrainingAdmin)
}

#[test]
fn what_is_at_its_end_takes_a_correction_by_two_people_and_no_work() {
    for (flow, steps) in ENDS {
        let mut drive = Drive::after(flow, steps);
        let state = drive.state().to_owned();
        assert!(drive.workflow.states().iter().any(|spec| spec.path == state && spec.is_final), "{flow}");
        assert!(drive.instance.as_ref().unwrap().timers.is_empty(), "{flow}: nothing runs at the end");
        let note = json!({ "text_ref": "note/1", "visibility": "internal" });
        assert_eq!(drive.refused(&admin(), "note_added", note), "event_not_accepted", "{flow}");
        let to = json!({ "to": { "queue": "other" }, "reason": "x" });
        assert_eq!(drive.refused(&admin(), "assigned", to), "event_not_accepted", "{flow}");
        let end = json!({ "reason": "x", "approver": { "id": "manager", "role": "dept_manager" } });
        let owner = Actor::person("owner", Role::ProcessOwner);
        assert_eq!(drive.refused(&owner, "force_closed", end), "event_not_accepted", "{flow}");
        let correction = |second: &str| {
            json!({
                "of_seq": 1, "field": "x", "new_value": 1, "reason": "x",
                "second": { "id": second, "role": "process_owner" },
            })
        };
        assert_eq!(
            drive.refused(&admin(), "correction", correction("admin")),
            "second_person_needed",
            "{flow}"
        );
        drive.send(&admin(), "correction", correction("owner"));
        assert_eq!(drive.state(), state);
    }
}

#[test]
fn what_is_open_takes_notes_owners_and_links_and_knows_no_customer() {
    for (flow, steps) in ENDS {
        let first = steps.split_whitespace().next().unwrap();
        let mut drive = Drive::after(flow, first);
        let state = drive.state().to_owned();
        drive.send(&admin(), "note_added", json!({ "text_ref": "note/1", "visibility": "internal" }));
        let li = json!({ "person": { "id": "li", "role": "training_admin" } });
        drive.send(&admin(), "assigned", json!({ "to": li, "reason": "x" }));
        assert_eq!(drive.data()["case"]["owner"], li, "{flow}");
        let other = crate::kernel::id::InstanceId::derive("other", &[flow]);
        let link = json!({ "type": "caused_by", "id": other });
        drive.send(&admin(), "linked", link.clone());
        assert!(drive.data()["case"]["links"].as_array().unwrap().contains(&link), "{flow}");
        assert_eq!(drive.state(), state);
        for event in ["priority_changed", "tier_changed", "satisfaction_recorded", "closure_acknowledged"] {
            let refused = drive.refused(&admin(), event, json!({}));
            assert_eq!(refused, "unknown_event", "{flow} {event}");
            assert!(drive.workflow.events().iter().all(|spec| spec.name != event), "{flow} {event}");
        }
        let members: Vec<&String> = drive.data()["case"].as_object().unwrap().keys().collect();
        assert!(
            !members.iter().any(|name| ["customer_id", "channel", "first_owner"].contains(&name.as_str()))
        );
    }
}

#[test]
fn persons_data_is_restricted_at_once_and_erased_after_its_retention() {
    let officer = Actor::person("privacy", Role::PrivacyOfficer);
    let of = |subject: &str| json!({ "subject_id": subject, "basis": "PIPL 47" });
    let mut drive = Drive::after("training_enrollment", "nominate:optional notify:ahead");
    assert_eq!(drive.refused(&officer, "subject_restricted", of("bo")), "another_subject");
    assert_eq!(drive.refused(&officer, "subject_erased", of("ann")), "subject_in_use");
    drive.send(&officer, "subject_restricted", of("ann"));
    assert_eq!((&drive.data()["case"]["restricted"], drive.due("REMINDER")), (&json!("PIPL 47"), None));
    drive.take("decline:");
    assert_eq!(drive.refused(&officer, "subject_erased", of("ann")), "subject_retained");
    drive.now = Instant::parse("2028-03-11T10:00:01+08:00").unwrap();
    drive.send(&officer, "subject_erased", of("ann"));
    assert_eq!(drive.data()["case"]["erased"], "PIPL 47");
}
