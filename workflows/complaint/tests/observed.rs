//! Checks what a complaint tells monitors (§3.0.5), and that it tells nothing where its definition says so.

use serde_json::{Value, json};

use super::drive::{Drive, gateway};

/// What the last call told: whose monitor, and the kind of what was seen.
fn told(drive: &Drive) -> Vec<(String, String)> {
    let kind = |value: &Value| value.as_object().unwrap().keys().next().unwrap().clone();
    drive.observed().iter().map(|(watched, seen)| (kind(watched), kind(seen))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(watched, seen)| ((*watched).to_owned(), (*seen).to_owned())).collect()
}

/// A complaint in which `bo` was found responsible, settled.
fn settled() -> Drive {
    let mut drive = Drive::assessed();
    drive.take("dispatch:service");
    drive.take("dept_accept:takes");
    let bo = json!({ "actor": { "id": "bo", "role": "agent" } });
    let found = json!({
        "finding": "upheld", "root_cause": "training", "systemic": false,
        "responsible": [bo, { "dept": "service" }], "evidence": [],
    });
    drive.send(super::drive::handler(), "submit_findings", found);
    for step in [
        "propose:free",
        "communicate:tells",
        "customer_accepts:customer",
        "action_done:first",
        "confirm:satisfied",
    ] {
        drive.take(step);
    }
    drive
}

#[test]
fn registered_complaint_is_told_to_the_customers_monitor() {
    let drive = Drive::after(&["register:mail"]);
    assert_eq!(told(&drive), pairs(&[("customer", "complained")]));
    let (watched, seen) = drive.observed().remove(0);
    assert_eq!(watched, json!({ "customer": "c-1027" }));
    assert_eq!(
        (&seen["complained"]["case"], &seen["complained"]["priority"]),
        (&json!(drive.id), &json!("normal"))
    );
    assert!(!seen.to_string().contains("态度"), "no more of the person than the pseudonym");
}

#[test]
fn settled_complaint_is_told_of_people_and_cause_and_told_back_when_it_is_open_again() {
    let mut drive = settled();
    assert_eq!(told(&drive), pairs(&[("agent", "upheld"), ("cause", "caused")]));
    assert_eq!(drive.observed()[0].0, json!({ "agent": { "id": "bo", "role": "agent" } }));
    assert_eq!(drive.observed()[1].0, json!({ "cause": "training" }));
    drive.take("reopen:customer");
    assert_eq!(told(&drive), pairs(&[("agent", "upheld_no_more"), ("cause", "caused_no_more")]));
}

#[test]
fn whom_a_complaint_is_about_answers_where_nobody_else_was_found() {
    let mut drive = Drive::new();
    let mut complaint = super::drive::complaint();
    complaint["subjects"] = json!([{ "kind": "actor", "id": "bo" }]);
    drive.send(gateway(), "register", complaint);
    for step in [
        "acknowledge:agent",
        "assess:minor",
        "resolve_on_spot:explains",
        "communicate:tells",
        "customer_accepts:customer",
        "confirm:satisfied",
    ] {
        drive.take(step);
    }
    assert_eq!(told(&drive), pairs(&[("agent", "upheld")]), "what was solved on the spot has no root cause");
}

#[test]
fn copy_and_what_was_no_complaint_are_taken_back() {
    for step in ["mark_duplicate:of_open", "convert:consultation"] {
        let drive = Drive::after(&["register:mail", "acknowledge:agent", step]);
        assert_eq!(told(&drive), pairs(&[("customer", "not_complained")]), "{step}");
    }
}

#[test]
fn definition_that_does_not_say_so_tells_monitors_nothing() {
    for observed in [json!(false), Value::Null] {
        let mut drive = Drive::new().with_policy(|policy| match observed {
            Value::Null => drop(policy.as_object_mut().unwrap().remove("observed")),
            _ => policy["observed"] = observed.clone(),
        });
        drive.take("register:mail");
        assert_eq!(drive.observed(), []);
    }
}
