//! Owns the shipped documents: the definition fits the code, and wrong policy values are refused.

use std::collections::BTreeSet;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

use super::super::policy::Policy;
use super::super::samples::samples;
use super::drive::{document, workflow};
use crate::kernel::actor::Role;
use crate::kernel::machine::Workflow;
use crate::kernel::outcome::TIMER_FIRED;
use crate::workflows::Registry;
use crate::workflows::satisfaction::Ending;

fn keys(group: &str) -> BTreeSet<String> {
    document()[group].as_object().unwrap().keys().cloned().collect()
}

fn events() -> BTreeSet<String> {
    workflow().events().iter().map(|spec| spec.name.to_owned()).collect()
}

#[test]
fn every_event_has_roles_and_titles_and_no_other_has() {
    assert_eq!(keys("roles"), events());
    assert_eq!(keys("events"), events());
    for (event, roles) in document()["roles"].as_object().unwrap() {
        for role in roles.as_array().unwrap() {
            let role = Role::parse(role.as_str().unwrap()).unwrap();
            assert!(!matches!(role, Role::Administrator | Role::Auditor), "{event}");
        }
    }
}

#[test]
fn every_state_and_superstate_has_titles_and_no_other_has() {
    let mut paths = BTreeSet::new();
    for spec in workflow().states() {
        let steps: Vec<&str> = spec.path.split('.').collect();
        paths.extend((1..=steps.len()).map(|depth| steps[..depth].join(".")));
    }
    assert_eq!(keys("states"), paths);
}

#[test]
fn paths_are_those_of_the_specification() {
    let flow = workflow();
    let paths: Vec<&str> = flow.states().iter().map(|spec| spec.path.as_str()).collect();
    assert_eq!(paths[0], "open.intake.received");
    assert!(paths.contains(&"settled.unconfirmed") && paths.contains(&"closed.unconfirmed"));
    assert_eq!(flow.states().iter().filter(|spec| spec.is_final).count(), 9);
}

#[test]
fn shipped_flow_is_registered() {
    let registry = Registry::shipped();
    let flow = registry.get("consultation").unwrap();
    assert_eq!((flow.start_event(), flow.data_version()), ("submit", 1));
    assert!(registry.get("nothing").is_none());
    assert_eq!(registry.all()[0].name(), "consultation");
}

fn complaints(schema: Value, document: &Value) -> Option<String> {
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.add_resource("http://test/schema.json", schema).unwrap();
    let compiled = compiler.compile("http://test/schema.json", &mut schemas).unwrap();
    schemas.validate(document, compiled).err().map(|error| error.to_string())
}

#[test]
fn shipped_policy_fits_its_schema() {
    assert_eq!(complaints(workflow().policy_schema(), &document()["policy"]), None);
}

#[test]
fn every_sample_fits_its_schema() {
    let specs = workflow().events().to_vec();
    let sampled: BTreeSet<&str> = samples().iter().map(|sample| sample.event).collect();
    for sample in samples().into_iter().filter(|sample| sample.event != TIMER_FIRED) {
        let spec = specs.iter().find(|spec| spec.name == sample.event).unwrap();
        let payload = Value::Object(sample.payload);
        assert_eq!(complaints((spec.schema)(), &payload), None, "{} {}", sample.event, sample.label);
    }
    // The common events have tests of their own; this flow's own are all sampled.
    for spec in specs.iter().take_while(|spec| spec.name != "note_added") {
        assert!(sampled.contains(spec.name), "no sample of `{}`", spec.name);
    }
}

#[test]
fn lengths_and_ranges_stand_in_the_schemas() {
    let specs = workflow().events().to_vec();
    let schema = |event: &str| (specs.iter().find(|spec| spec.name == event).unwrap().schema)();
    for (event, label, pointer, wrong) in [
        ("submit", "mail", "subject", json!("x".repeat(201))),
        ("submit", "mail", "category", json!("refund")),
        ("transfer_department", "answer", "handoff_note", json!("too short")),
        ("request_info", "asks", "questions", json!([])),
        ("confirm", "satisfied", "score", json!(6)),
        ("ring", "rings", "ring_seconds", json!(-1)),
        ("submit", "mail", "unknown", json!(1)),
    ] {
        let all = samples();
        let sample = all.iter().find(|sample| sample.event == event && sample.label == label).unwrap();
        let mut payload = sample.payload.clone();
        payload.insert(pointer.into(), wrong);
        assert!(complaints(schema(event), &Value::Object(payload)).is_some(), "{event} {pointer}");
    }
}

#[test]
fn personal_values_are_marked() {
    let specs = workflow().events().to_vec();
    for (event, pointer) in [
        ("submit", "/properties/subject"),
        ("submit", "/properties/impact_scope"),
        ("record_details", "/properties/impact_scope"),
        ("transfer_department", "/properties/handoff_note"),
        ("request_info", "/properties/questions/items"),
        ("answer", "/properties/steps/items"),
        ("confirm", "/properties/comment"),
        ("reopen", "/properties/reason"),
        ("withdraw", "/properties/reason"),
        ("convert", "/properties/child/properties/facts"),
    ] {
        let schema = (specs.iter().find(|spec| spec.name == event).unwrap().schema)();
        assert_eq!(schema.pointer(&format!("{pointer}/x-personal")), Some(&json!(true)), "{event} {pointer}");
    }
}

#[test]
fn wrong_policy_values_are_refused_at_their_place() {
    for (pointer, wrong, place) in [
        ("/frt/email", json!("3 business hours"), "/frt/email"),
        ("/frt/email", json!("1 working day"), "/frt/email"),
        ("/nrt_phone", json!("3 business hours"), "/nrt_phone"),
        ("/accept", json!("3 business hours"), "/accept"),
        ("/escalate_round", json!(1), "/escalate_round"),
        ("/promise/min", json!("3 business hours"), "/promise/min"),
        ("/promise/max", json!("9 business hours"), "/promise/max"),
        ("/promise/default", json!("1 working day"), "/promise/default"),
        ("/res/high", json!("20 business hours"), "/res/normal"),
        ("/res/low", json!("5 working days"), "/res/low"),
        ("/ladder/1/at", json!(50), "/ladder/1/at"),
        ("/warn_at", json!(100), "/warn_at"),
        ("/confirm/remind", json!("3 working days"), "/confirm/expire"),
        ("/confirm/expire", json!("3 calendar days"), "/confirm/expire"),
        ("/info/remind/1", json!("2 working days"), "/info/remind/1"),
        ("/info/expire", json!("4 working days"), "/info/expire"),
        ("/reopen_window", json!("7 working days"), "/reopen_window"),
        ("/retention", json!("1095 calendar days"), "/retention"),
        (
            "/dept/department_of_category",
            json!({ "pre_sale": "s", "in_sale": "s", "other": "s" }),
            "/dept/department_of_category/after_sale",
        ),
        ("/callback/rate/post_resolution", json!(101), "/callback/rate/post_resolution"),
        ("/callback/post_resolution_after", json!("8 hours"), "/callback/post_resolution_after"),
        ("/kpi/targets/K02", json!(0), "/kpi/targets/K02"),
        ("/kpi/targets/K04", json!(101), "/kpi/targets/K04"),
        ("/kpi/targets/K07", json!(101), "/kpi/targets/K07"),
        ("/kpi/targets/K08", json!(0), "/kpi/targets/K08"),
        ("/kpi/targets/K09", json!("5.1"), "/kpi/targets/K09"),
        ("/kpi/targets/K09", json!("4.25"), "/kpi/targets/K09"),
        ("/kpi/targets/K09", json!("+.2"), "/kpi/targets/K09"),
        ("/kpi/targets/K19", json!(0), "/kpi/targets/K19"),
        ("/kpi/targets/K37", json!(101), "/kpi/targets/K37"),
        ("/satisfaction/scale/best", json!(6), "/satisfaction/scale"),
        ("/satisfaction/scale/worst", json!(0), "/satisfaction/scale"),
        ("/satisfaction/scale/worst", json!(4), "/satisfaction/scale"),
        ("/satisfaction/low", json!(0), "/satisfaction/low"),
        ("/satisfaction/low", json!(4), "/satisfaction/low"),
        ("/satisfaction/neutral", json!(2), "/satisfaction/neutral"),
        ("/satisfaction/neutral", json!(5), "/satisfaction/neutral"),
        ("/satisfaction/link_ttl", json!("7 working days"), "/satisfaction/link_ttl"),
        ("/satisfaction/recovery", json!("48 business hours"), "/satisfaction/recovery"),
        (
            "/satisfaction/survey_on_disposition/except/1",
            json!("withdrawn"),
            "/satisfaction/survey_on_disposition/except/1",
        ),
    ] {
        let mut values = document()["policy"].clone();
        *values.pointer_mut(pointer).unwrap() = wrong;
        let faults = workflow().policy(&values).err().unwrap_or_default();
        let places: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(places, [place], "{pointer}");
        assert!(faults[0].message.contains("accepted"), "{}", faults[0].message);
    }
}

#[test]
fn process_owner_may_leave_the_promise_hours() {
    let mut values = document()["policy"].clone();
    values["promise"]["min"] = json!("2 business hours");
    values["promise"]["owner_override"] = json!(true);
    assert!(workflow().policy(&values).is_ok());
}

#[test]
fn all_faults_are_told_at_once() {
    let mut values = document()["policy"].clone();
    values["warn_at"] = json!(0);
    values["retention"] = json!("30 calendar days");
    assert_eq!(workflow().policy(&values).unwrap_err().len(), 2);
}

#[test]
fn definition_without_measures_has_the_shipped_ones() {
    let mut values = document()["policy"].clone();
    for group in ["kpi", "satisfaction"] {
        values.as_object_mut().unwrap().remove(group);
    }
    let read = |values: &Value| serde_json::from_value::<Policy>(values.clone()).unwrap();
    assert_eq!(read(&values), read(&document()["policy"]));
    assert_eq!(complaints(workflow().policy_schema(), &values), None);
    values["satisfaction"] = json!({ "low": 1 });
    assert_eq!((read(&values).satisfaction.low, read(&values).satisfaction.neutral), (1, 3));
}

#[test]
fn endings_after_which_nobody_is_asked_are_endings_of_the_flow() {
    let flow = workflow();
    for state in flow.states() {
        let Some(name) = state.path.strip_prefix("closed.") else { continue };
        assert!(serde_json::from_value::<Ending>(json!(name)).is_ok(), "{name}");
    }
    let closed = flow.states().iter().filter(|state| state.path.starts_with("closed.")).count();
    assert_eq!(closed, 9, "and no other");
}

#[test]
fn unknown_policy_key_is_refused() {
    let mut values = document()["policy"].clone();
    values["frt"]["fax"] = json!("2 business hours");
    let faults = workflow().policy(&values).unwrap_err();
    assert!(faults[0].message.contains("fax"), "{}", faults[0].message);
}

#[test]
fn shipped_policy_reads_back_as_it_was_written() {
    let values = document()["policy"].clone();
    let policy: Policy = serde_json::from_value(values.clone()).unwrap();
    let mut written = serde_json::to_value(&policy).unwrap();
    written["promise"].as_object_mut().unwrap().remove("owner_override");
    assert_eq!(written, normal(values));
}

/// Spans print in their largest unit.
fn normal(mut values: Value) -> Value {
    values["frt"]["web_chat"] = json!("1 minute");
    values
}
