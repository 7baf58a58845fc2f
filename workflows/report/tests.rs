//! Checks what a report refuses; the arrows are checked by exploration.

use serde_json::{Map, Value, json};

use super::Report;
use super::samples::{counted, samples};
use crate::kernel::actor::Actor;
use crate::kernel::calendar::{Calendar, CalendarFile};
use crate::kernel::definition::Definition;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::machine::{SAMPLES_AT, Workflow};
use crate::kernel::outcome::{Event, Input, Outcome};
use crate::kernel::step::Typed;
use crate::workflows::{CALENDARS, DEFINITIONS};

fn definition() -> Definition {
    let (_, text) = DEFINITIONS.iter().find(|(file, _)| file.starts_with("report/")).unwrap();
    let document: Value = serde_saphyr::from_str(text).unwrap();
    let part = |key: &str| document[key].clone();
    Definition {
        workflow: "report".into(),
        version: 1,
        hash: "0".repeat(32),
        calendar: "cn".into(),
        title: serde_json::from_value(part("title")).unwrap(),
        roles: serde_json::from_value(part("roles")).unwrap(),
        states: serde_json::from_value(part("states")).unwrap(),
        events: serde_json::from_value(part("events")).unwrap(),
        clocks: Default::default(),
        schedules: Vec::new(),
        policy: Typed::<Report>::new().policy(&document["policy"]).unwrap(),
    }
}

fn calendar() -> Calendar {
    serde_saphyr::from_str::<CalendarFile>(CALENDARS[0].1).unwrap().check().unwrap()
}

fn step(instance: Option<&Instance>, name: &str, payload: Value, at: Instant) -> Outcome {
    let Value::Object(payload) = payload else { panic!("a payload is an object") };
    let event = Event { name: name.into(), payload, actor: Actor::system(), occurred_at: at, cause: None };
    let input = Input {
        others: &[],
        next: None,
        definition: &definition(),
        calendar: &calendar(),
        id: &InstanceId::derive("report", &["1"]),
        instance,
        event: &event,
        facts: &Map::new(),
        now: at,
    };
    Typed::<Report>::new().step(&input)
}

/// A pending report of February.
fn pending() -> Instance {
    let february = Value::Object(samples()[0].payload.clone());
    let Outcome::Moved(change) = step(None, "report_due", february, SAMPLES_AT) else { panic!("it starts") };
    serde_json::from_value(json!({
        "id": InstanceId::derive("report", &["1"]), "workflow": "report", "data_version": 1,
        "state": change.to, "data": *change.data, "seq": 1, "hash": "0".repeat(64), "position": 1,
        "created": SAMPLES_AT, "updated": SAMPLES_AT,
        "pins": { "definition": "", "calendar": "", "tzdata": "", "build": "" },
    }))
    .unwrap()
}

fn refused(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Refused(refusal) => refusal.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn figures_are_kept_as_they_were_counted() {
    let payload = counted(&json!({ "resolved": "97.5", "rounds": { "1": 110 } }), "period 2026-02");
    let Outcome::Moved(change) = step(Some(&pending()), "freeze", payload.clone(), SAMPLES_AT) else {
        panic!("it freezes")
    };
    assert_eq!((change.to.as_str(), change.rule), ("open.frozen", Some("freeze")));
    for key in ["figures", "query", "hash"] {
        assert_eq!(change.data["frozen"][key], payload[key]);
    }
}

#[test]
fn targets_that_the_figures_miss_stand_beside_them() {
    let figures = json!({
        "consultation": { "about": [], "kpis": {
            "K02.on_time": { "n": 3, "rate": "66.66", "target": "95", "reached": false },
            "K04.confirmed": { "n": 3, "rate": "100.00", "target": "90", "reached": true },
            "K07.kept": { "n": 0, "rate": null, "target": "100", "reached": null },
            "K09.mean": { "n": 2, "mean": "4.00", "target": "4.2", "reached": false },
        } },
        "training_plan": { "kpis": { "K25.completion": { "n": 1, "rate": "0.00" } } },
    });
    let payload = counted(&figures, "period");
    let Outcome::Moved(change) = step(Some(&pending()), "freeze", payload, SAMPLES_AT) else {
        panic!("it freezes")
    };
    let row = |kpi: &str, measure: &str, target: &str, actual: &str, n: u64| {
        json!({
            "workflow": "consultation", "kpi": kpi, "measure": measure, "target": target, "actual": actual,
            "n": n,
        })
    };
    let expected = [row("K02", "on_time", "95", "66.66", 3), row("K09", "mean", "4.2", "4.00", 2)];
    assert_eq!(change.data["frozen"]["missed"], json!(expected));
}

#[test]
fn figures_with_another_hash_are_refused() {
    let mut payload = counted(&json!({ "resolved": 1 }), "period");
    payload["figures"]["resolved"] = json!(2);
    assert_eq!(refused(step(Some(&pending()), "freeze", payload, SAMPLES_AT)), "wrong_hash");
}

#[test]
fn figures_of_a_period_that_runs_are_refused() {
    let early = Instant::parse("2026-02-28T15:59:59Z").unwrap();
    let payload = counted(&json!({ "resolved": 1 }), "period");
    assert_eq!(refused(step(Some(&pending()), "freeze", payload, early)), "period_not_over");
}

#[test]
fn period_that_ends_before_it_begins_is_refused() {
    let mut payload = Value::Object(samples()[0].payload.clone());
    payload["period_to"] = payload["period_from"].clone();
    assert_eq!(refused(step(None, "report_due", payload, SAMPLES_AT)), "empty_period");
}
