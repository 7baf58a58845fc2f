//! Owns the shipped documents: the definition fits the code, and wrong policy values are refused.

use serde_json::{Value, json};

use super::super::policy::Policy;
use super::super::samples::samples;
use super::drive::{document, workflow};
use crate::definition::schema::Checker;
use crate::kernel::machine::Workflow;
use crate::workflows::Registry;
use crate::workflows::driven::tests::check_documents;

#[test]
fn definition_and_samples_fit_the_machine() {
    check_documents(&workflow());
}

#[test]
fn shipped_flow_is_registered() {
    let registry = Registry::shipped();
    let flow = registry.get("complaint").unwrap();
    assert_eq!((flow.start_event(), flow.data_version()), ("register", 1));
    assert_eq!(flow.states().len(), 23);
}

#[test]
fn lengths_and_ranges_stand_in_the_schemas() {
    let specs = workflow().events().to_vec();
    for (event, label, pointer, wrong) in [
        ("register", "mail", "facts", json!("")),
        ("register", "mail", "cause_claimed", json!("weather")),
        ("register", "mail", "representative", json!({ "name": "x" })),
        ("assess", "minor", "soothe_note", json!("")),
        ("dispatch", "service", "handoff_note", json!("too short")),
        ("propose", "free", "actions", json!([])),
        (
            "propose",
            "free",
            "actions",
            json!([{ "no": 1, "type": "refund", "amount": { "amount": "1e3", "currency": "CNY" } }]),
        ),
        ("propose", "free", "actions", json!([{ "no": 1, "type": "refund", "due": "31.12.2026" }])),
        ("review_decision", "upholds", "panel", json!([{ "id": "j", "role": "supervisor" }])),
        ("extend", "first", "days", json!(0)),
        ("suspend", "litigation", "reason", json!("holiday")),
        ("confirm", "satisfied", "score", json!(6)),
    ] {
        let spec = specs.iter().find(|spec| spec.name == event).unwrap();
        let all = samples();
        let sample = all.iter().find(|sample| sample.event == event && sample.label == label).unwrap();
        let mut payload = sample.payload.clone();
        payload.insert(pointer.into(), wrong);
        let faults = Checker::new((spec.schema)()).unwrap().check(&Value::Object(payload));
        assert!(!faults.is_empty(), "{event} {pointer}");
    }
}

#[test]
fn personal_values_are_marked() {
    let specs = workflow().events().to_vec();
    for (event, pointer) in [
        ("register", "/properties/facts"),
        ("register", "/properties/remedy_sought"),
        ("register", "/properties/representative"),
        ("assess", "/properties/soothe_note"),
        ("dispatch", "/properties/handoff_note"),
        ("propose", "/properties/rationale"),
        ("customer_rejects", "/properties/reason"),
        ("confirm", "/properties/comment"),
        ("request_info", "/properties/questions/items"),
        ("review_decision", "/properties/rationale"),
        ("convert", "/properties/child/properties/subject"),
    ] {
        let schema = (specs.iter().find(|spec| spec.name == event).unwrap().schema)();
        assert_eq!(schema.pointer(&format!("{pointer}/x-personal")), Some(&json!(true)), "{event} {pointer}");
    }
}

#[test]
fn wrong_policy_values_are_refused_at_their_place() {
    for (pointer, wrong, place) in [
        ("/ack/email", json!("3 business hours"), "/ack/email"),
        ("/ack_urgent", json!("1 working day"), "/ack_urgent"),
        ("/nrt_phone", json!("3 hours"), "/nrt_phone"),
        ("/assess/normal", json!("1 working day"), "/assess/normal"),
        ("/assess/critical", json!("5 business hours"), "/assess/critical"),
        ("/arbitrate", json!("1 working day"), "/arbitrate"),
        ("/dept/major", json!("8 hours"), "/dept/major"),
        ("/total/most", json!("16 calendar days"), "/total/most"),
        ("/total/simple", json!("5 calendar days"), "/total/simple"),
        ("/review", json!("8 hours"), "/review"),
        ("/confirm/expire", json!("2 working days"), "/confirm/expire"),
        ("/info/remind/1", json!("1 working day"), "/info/remind/1"),
        ("/reopen_window", json!("15 working days"), "/reopen_window"),
        ("/suspend_max", json!("90 working days"), "/suspend_max"),
        ("/repeat_within", json!("720 hours"), "/repeat_within"),
        ("/retention", json!("30 calendar days"), "/retention"),
        ("/suspend_reasons/0", json!("holiday"), "/suspend_reasons/0"),
        ("/max_rounds", json!(0), "/max_rounds"),
        ("/extend/ceilings/0", json!("15 calendar days"), "/extend/ceilings/0"),
        ("/extend/ceilings/1", json!("30 calendar days"), "/extend/ceilings/1"),
        ("/approval_limits/agent", json!("1"), "/approval_limits/dept_handler"),
        ("/callback/rate/post_complaint", json!(101), "/callback/rate/post_complaint"),
        ("/callback_after", json!("3 calendar days"), "/callback_after"),
        ("/ladder/1/at", json!(50), "/ladder/1/at"),
        ("/warn_at", json!(100), "/warn_at"),
        ("/kpi/targets/K07", json!(0), "/kpi/targets/K07"),
        ("/kpi/targets/K09", json!("5.1"), "/kpi/targets/K09"),
        ("/satisfaction/scale/best", json!(6), "/satisfaction/scale"),
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
fn ladder_that_raises_a_complaint_is_refused() {
    let mut values = document()["policy"].clone();
    values["ladder"][2]["escalate"] = json!("supervisor");
    let faults = workflow().policy(&values).unwrap_err();
    assert_eq!(faults[0].path, "/ladder/2/escalate");
}

#[test]
fn shipped_policy_reads_back_as_it_was_written() {
    let values = document()["policy"].clone();
    let policy: Policy = serde_json::from_value(values.clone()).unwrap();
    let mut expected = values;
    expected["ack"]["web_chat"] = json!("1 minute");
    assert_eq!(serde_json::to_value(&policy).unwrap(), expected);
}
