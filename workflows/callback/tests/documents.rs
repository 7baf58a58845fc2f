//! Owns the shipped documents: the definition fits the code, and wrong policy values are refused.

use serde_json::{Value, json};

use super::super::policy::Policy;
use super::super::samples::samples;
use super::drive::workflow;
use crate::definition::schema::Checker;
use crate::kernel::machine::Workflow;
use crate::workflows::Registry;
use crate::workflows::driven::document;
use crate::workflows::driven::tests::check_documents;

#[test]
fn definition_and_samples_fit_the_machine() {
    check_documents(&workflow());
}

#[test]
fn shipped_flow_is_registered() {
    let registry = Registry::shipped();
    let flow = registry.get("callback").unwrap();
    assert_eq!((flow.start_event(), flow.data_version()), ("plan", 1));
    assert_eq!(flow.states().len(), 16);
}

#[test]
fn lengths_and_ranges_stand_in_the_schemas() {
    let specs = workflow().events().to_vec();
    for (event, pointer, wrong) in [
        ("plan", "type", json!("cold_call")),
        ("plan", "channel_pref", json!([])),
        ("plan", "zone", json!("Mars/Olympus")),
        ("plan", "basis", json!("habit")),
        ("attempt_result", "outcome", json!("maybe")),
        ("attempt_result", "seconds", json!(-1)),
        ("schedule", "by", json!("agent")),
        ("record", "score", json!(6)),
        ("record", "suggestions", json!([""])),
        ("record", "answers", json!("yes")),
        ("opt_out", "scope", json!("all")),
        ("dispose", "note", json!("")),
        ("cancel", "reason", json!("")),
        ("contact_fixed", "phone", json!("")),
    ] {
        let spec = specs.iter().find(|spec| spec.name == event).unwrap();
        let all = samples();
        let mut payload = all.iter().find(|sample| sample.event == event).unwrap().payload.clone();
        payload.insert(pointer.into(), wrong);
        let faults = Checker::new((spec.schema)()).unwrap().check(&Value::Object(payload));
        assert!(!faults.is_empty(), "{event} {pointer}");
    }
}

#[test]
fn personal_values_are_marked() {
    let specs = workflow().events().to_vec();
    for (event, pointer) in [
        ("record", "/properties/comment"),
        ("record", "/properties/usage"),
        ("record", "/properties/answers"),
        ("record", "/properties/suggestions/items"),
        ("dispose", "/properties/note"),
        ("cancel", "/properties/reason"),
        ("contact_fixed", "/properties/phone"),
        ("contact_fixed", "/properties/email"),
    ] {
        let schema = (specs.iter().find(|spec| spec.name == event).unwrap().schema)();
        assert_eq!(schema.pointer(&format!("{pointer}/x-personal")), Some(&json!(true)), "{event} {pointer}");
    }
}

#[test]
fn wrong_policy_values_are_refused_at_their_place() {
    for (pointer, wrong, place) in [
        ("/zone", json!("Mars/Olympus"), "/zone"),
        ("/windows", json!([]), "/windows"),
        ("/windows/0", json!("07:00-12:00"), "/windows/0"),
        ("/windows/1", json!("14:00-21:30"), "/windows/1"),
        ("/windows/1", json!("11:00-20:00"), "/windows/1"),
        ("/max_attempts", json!(0), "/max_attempts"),
        ("/max_attempts", json!(1), "/min_days"),
        ("/min_days", json!(4), "/min_days"),
        ("/cap_days", json!(0), "/cap_days"),
        ("/retry/busy", json!("1 working day"), "/retry/busy"),
        ("/retry/no_answer", json!("2 business hours"), "/retry/no_answer"),
        ("/lock/contacting", json!("1 working day"), "/lock/contacting"),
        ("/lock/connected", json!("1 working day"), "/lock/connected"),
        ("/appointment_tolerance", json!("15 business minutes"), "/appointment_tolerance"),
        ("/appointment_due", json!("24 hours"), "/appointment_due"),
        ("/grace", json!("5 calendar days"), "/grace"),
        ("/fallback", json!("3 working days"), "/fallback"),
        ("/due/periodic", json!("10 calendar days"), "/due/periodic"),
        ("/satisfaction/low", json!(4), "/satisfaction/low"),
        ("/satisfaction/recovery", json!("2 working days"), "/satisfaction/recovery"),
        ("/retention", json!("30 calendar days"), "/retention"),
        ("/warn_at", json!(100), "/warn_at"),
        ("/ladder/1/at", json!(50), "/ladder/1/at"),
        ("/kpi/targets/K14", json!(0), "/kpi/targets/K14"),
        ("/kpi/targets/K14.complaints", json!(101), "/kpi/targets/K14.complaints"),
    ] {
        let mut values = document("callback")["policy"].clone();
        *values.pointer_mut(pointer).unwrap() = wrong;
        let faults = workflow().policy(&values).err().unwrap_or_default();
        let places: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(places, [place], "{pointer}");
        assert!(faults[0].message.contains("accepted"), "{}", faults[0].message);
    }
}

#[test]
fn shipped_policy_reads_back_as_it_was_written() {
    let values = document("callback")["policy"].clone();
    let policy: Policy = serde_json::from_value(values.clone()).unwrap();
    assert_eq!(serde_json::to_value(&policy).unwrap(), values);
}
