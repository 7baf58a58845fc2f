//! Checks what a consultation tells monitors (§3.0.5): at its archive, and only what they cannot find.

use serde_json::{Value, json};

use super::drive::Drive;

/// A confirmed case with a score, at its archive, where `monitor` is what is known of the customer's.
fn archived(monitor: &Value, steps: &[&str]) -> Drive {
    let mut drive = Drive::after(steps);
    drive.facts["case"] = monitor.clone();
    drive.take("timer:REOPEN_WINDOW");
    drive
}

const CONFIRMED: &[&str] = &["submit:mail", "accept:agent", "answer:uncited", "confirm:satisfied"];

fn monitor(state: &str) -> Value {
    json!({ "id": "3fa2-7f3k2m9qx4tbz8wd", "workflow": "monitor", "state": state })
}

#[test]
fn archive_starts_the_customers_monitor_or_wakes_it_and_tells_the_agents_the_score() {
    for waits in [Value::Null, monitor("dormant"), monitor("closed.stopped")] {
        let told = archived(&waits, CONFIRMED).observed();
        let [(customer, contact), (agent, score)] = &told[..] else { panic!("{waits}: {told:?}") };
        assert_eq!(
            (customer, &contact["contact"]["tier"]),
            (&json!({ "customer": "c-1027" }), &json!("normal"))
        );
        assert_eq!(agent["agent"]["id"], "agent-a");
        assert!(score["scored"]["score"].is_u64(), "{score}");
    }
}

#[test]
fn monitor_that_watches_is_told_the_score_alone() {
    let told = archived(&monitor("watching"), CONFIRMED).observed();
    assert_eq!((told.len(), told[0].1.get("scored").is_some()), (1, true), "{told:?}");
    let silent = archived(&monitor("watching"), &["submit:mail", "request_info:asks", "timer:INFO_EXPIRE"]);
    assert_eq!(silent.observed(), [], "who said nothing gave no score");
}

#[test]
fn nothing_is_told_while_a_client_waits_and_where_the_definition_does_not_say_so() {
    let mut drive = Drive::new();
    for step in CONFIRMED {
        drive.take(step);
        assert_eq!(drive.observed(), [], "{step}");
    }
    let mut drive = Drive::new().with_policy(|policy| policy["observed"] = json!(false));
    for step in CONFIRMED.iter().chain(&["timer:REOPEN_WINDOW"]) {
        drive.take(step);
        assert_eq!(drive.observed(), [], "{step}");
    }
}
