//! Checks who may do what to a consequence and how long it takes; the arrows are checked by exploration.

use serde_json::{Value, json};

use crate::kernel::actor::{Actor, Role};
use crate::kernel::instant::Instant;
use crate::workflows::training::tests::drive::Drive;

/// After these samples, where `ann` works for `sue`.
fn after(steps: &str) -> Drive {
    let mut drive = Drive::after("consequence", steps);
    drive.facts = json!({ "superiors": { "ann": ["sue"] } }).as_object().unwrap().clone();
    drive
}

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn supervisor(id: &str) -> Actor {
    Actor::person(id, Role::Supervisor)
}

fn measure() -> Value {
    json!({ "measure": "coaching", "rationale": "x" })
}

#[test]
fn only_the_direct_supervisor_proposes_and_decides() {
    let mut drive = after("open_consequence:absent");
    assert_eq!(drive.refused(&supervisor("bob"), "propose", measure()), "not_direct_supervisor");
    assert_eq!(drive.refused(&supervisor("ann"), "propose", measure()), "own_case");
    drive.facts = json!({ "superiors": { "ann": [] } }).as_object().unwrap().clone();
    assert_eq!(drive.refused(&supervisor("ann"), "propose", measure()), "own_case");
    drive.send(&supervisor("bob"), "propose", measure());
    assert_eq!(drive.data()["proposer"]["id"], "bob", "nobody is named as the direct one");
}

#[test]
fn decision_takes_a_second_person_of_the_administration_who_is_not_the_employee() {
    let mut drive = after("open_consequence:absent propose:coaching state_view:");
    let with = |id: &str, role: &str| json!({ "measure": "coaching", "rationale": "x", "co_decider": { "id": id, "role": role } });
    let sue = supervisor("sue");
    assert_eq!(drive.refused(&sue, "decide", with("bob", "supervisor")), "co_decider_role");
    assert_eq!(drive.refused(&sue, "decide", with("sue", "training_admin")), "second_person_needed");
    assert_eq!(drive.refused(&sue, "decide", with("ann", "training_admin")), "second_person_needed");
    assert_eq!(
        drive.refused(&supervisor("bob"), "decide", with("hr", "training_admin")),
        "not_direct_supervisor"
    );
    drive.send(&sue, "decide", with("hr", "training_admin"));
    assert_eq!(drive.summaries()[..2], ["arm APPEAL_END", "notify person:ann consequence_decided"]);
}

#[test]
fn nobody_speaks_for_the_employee_and_no_decider_reviews() {
    let bob = Actor::person("bob", Role::Trainee);
    let mut drive = after("open_consequence:absent propose:coaching");
    assert_eq!(drive.refused(&bob, "state_view", json!({ "statement": "x" })), "not_your_case");
    drive.take("state_view:");
    drive.take("decide:coaching");
    assert_eq!(drive.refused(&bob, "appeal", json!({ "reason": "x" })), "not_your_case");
    drive.take("appeal:");
    for decider in ["sue", "hr", "ann"] {
        let owner = Actor::person(decider, Role::ProcessOwner);
        assert_eq!(drive.refused(&owner, "review_appeal", measure()), "decided_before");
    }
    drive.take("review_appeal:retrain");
    assert_eq!((drive.state(), &drive.data()["measure"]), ("closed.recorded", &json!("retrain")));
}

#[test]
fn what_nobody_decides_within_thirty_days_is_not_imposed() {
    let mut drive = after("open_consequence:absent");
    let lapse = at("2026-04-11T00:00:00+08:00");
    assert_eq!(drive.due("LAPSE"), Some(lapse));
    drive.now = at("2026-03-13T10:00:00+08:00");
    drive.take("propose:coaching");
    assert_eq!(drive.due("HEARING_END"), Some(at("2026-03-18T18:00:00+08:00")));
    drive.fire("HEARING_END");
    assert_eq!(
        (drive.state(), drive.due("LAPSE")),
        ("deciding", Some(lapse)),
        "one run through three states"
    );
    drive.take("decide:coaching");
    assert_eq!((drive.due("LAPSE"), drive.due("APPEAL_END")), (None, Some(at("2026-03-25T18:00:00+08:00"))));
    drive.take("appeal:");
    assert_eq!(drive.due("LAPSE"), Some(at("2026-04-18T00:00:00+08:00")));
    drive.fire("LAPSE");
    assert_eq!(drive.state(), "closed.none");
}
