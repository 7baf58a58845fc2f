use std::collections::BTreeSet;

use chrono_tz::Asia::Shanghai;
use serde_json::json;

use super::*;
use crate::api::error::FaultView;
use crate::workflows::Registry;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn schema_of(workflow: &str, event: &str) -> Value {
    let registry = Registry::shipped();
    let flow = registry.all().iter().find(|flow| flow.name() == workflow).unwrap();
    (flow.events().iter().find(|spec| spec.name == event).unwrap().schema)()
}

fn names(inputs: &[Input]) -> Vec<String> {
    let mut names = Vec::new();
    for input in inputs {
        names.push(input.name.clone());
        match &input.kind {
            Kind::Group(members) => names.extend(self::names(members)),
            Kind::Union { groups, .. } | Kind::Items(groups) => {
                groups.iter().for_each(|group| names.extend(self::names(group)));
            }
            Kind::Text { .. } | Kind::Number { .. } | Kind::Choice(_) => {}
        }
    }
    names
}

fn made(schema: &Value, sent: &Fields, faults: &[FaultView], lang: Lang) -> Vec<Input> {
    Maker { fields: sent, faults, lang }.payload(schema)
}

/// Every member of every payload: its name, and what its schema says of it.
fn every_member() -> BTreeSet<(String, String)> {
    fn members(schema: &Value, found: &mut BTreeSet<(String, String)>) {
        match schema {
            Value::Object(map) => {
                let properties = map.get("properties").and_then(Value::as_object);
                let shown = properties.into_iter().flatten().filter(|(_, member)| !is_systems(member));
                found.extend(shown.map(|(name, member)| (name.clone(), about(member).to_owned())));
                map.values().for_each(|value| members(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| members(item, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    for flow in Registry::shipped().all() {
        flow.events().iter().for_each(|spec| members(&(spec.schema)(), &mut found));
    }
    assert!(found.len() > 200, "{} members", found.len());
    found
}

#[test]
fn every_member_of_every_payload_is_called_something_in_both_languages() {
    let mut missing = every_member();
    missing
        .retain(|(name, _)| words::fields::FIELDS.binary_search_by_key(&name.as_str(), |row| row.0).is_err());
    assert!(missing.is_empty(), "without a title: {missing:#?}");
}

#[test]
fn every_hint_is_there_in_both_languages() {
    let mut missing = every_member();
    missing.retain(|(_, about)| !about.is_empty() && words::hints::chinese(about).is_none());
    assert!(missing.is_empty(), "without Chinese: {missing:#?}");
}

#[test]
fn a_payload_is_read_from_the_fields_that_its_form_has() {
    let schema = schema_of("consultation", "answer");
    let inputs = made(&schema, &Fields::default(), &[], Lang::EN);
    assert!(inputs[0].required && inputs.iter().any(|input| input.name == "p.steps"));
    let sent = fields(&[
        ("p.message_ref", " mail/1 "),
        ("p.solution_ref", "kb/12"),
        ("p.confirmed_in_contact", "false"),
        ("p.score", "5"),
        ("p.steps", "Open the order\r\n\r\n  Choose Edit  \n"),
        ("p.kb_article", "   "),
    ]);
    let expected = json!({ "message_ref": "mail/1", "solution_ref": "kb/12", "confirmed_in_contact": false,
        "score": 5, "steps": ["Open the order", "Choose Edit"] });
    assert_eq!(Value::Object(read(&schema, &sent, Shanghai)), expected);
}

#[test]
fn unions_lists_maps_and_local_times_are_read() {
    let schema = schema_of("consultation", "assigned");
    let sent = fields(&[
        ("p.to", "person"),
        ("p.to.person.id", "ann"),
        ("p.to.person.role", "agent"),
        ("p.to.queue", "left over"),
        ("p.reason", "ill"),
    ]);
    let to = json!({ "to": { "person": { "id": "ann", "role": "agent" } }, "reason": "ill" });
    assert_eq!(Value::Object(read(&schema, &sent, Shanghai)), to);
    let schema = schema_of("complaint", "propose");
    let sent = fields(&[
        ("p.rationale", "fair"),
        ("p.actions.#", "2"),
        ("p.actions.0.no", "1"),
        ("p.actions.0.type", "refund"),
        ("p.actions.0.amount.amount", "12.50"),
        ("p.actions.0.amount.currency", "CNY"),
        ("p.actions.1.no", ""),
    ]);
    let one = json!({ "rationale": "fair", "actions": [{ "no": 1, "type": "refund", "amount": { "amount": "12.50", "currency": "CNY" } }] });
    assert_eq!(Value::Object(read(&schema, &sent, Shanghai)), one);
    let schema = schema_of("training_enrollment", "answer_survey");
    let sent = fields(&[("p.items", "content: 5\nlecturer：4")]);
    assert_eq!(read(&schema, &sent, Shanghai)["items"], json!({ "content": 5, "lecturer": 4 }));
    let schema = schema_of("consultation", "progress_update");
    let name = schema["properties"]
        .as_object()
        .unwrap()
        .iter()
        .find(|(_, member)| inner(member)["format"] == "date-time")
        .unwrap()
        .0;
    let sent = fields(&[(&format!("p.{name}"), "2026-03-11T10:00")]);
    assert_eq!(read(&schema, &sent, Shanghai)[name], "2026-03-11T02:00:00.000Z");
}

#[test]
fn list_that_must_be_there_and_may_be_empty_is_empty() {
    let schema = schema_of("complaint", "submit_findings");
    let sent = fields(&[("p.finding", "upheld"), ("p.root_cause", "training"), ("p.systemic", "false")]);
    let read = Value::Object(read(&schema, &sent, Shanghai));
    let expected = json!({ "finding": "upheld", "root_cause": "training", "systemic": false, "evidence": [],
        "responsible": [] });
    assert_eq!(read, expected);
    let inputs = made(&schema, &sent, &[], Lang::EN);
    assert!(inputs.iter().filter(|input| input.required).count() < inputs.len());
    let listed = inputs.iter().find(|input| input.name == "p.responsible").unwrap();
    assert_eq!((listed.required, &listed.kind), (false, &Kind::Items(Vec::new())));
}

#[test]
fn what_the_system_sets_has_no_field_and_is_not_read() {
    let schema = schema_of("consultation", "submit");
    let named = names(&made(&schema, &Fields::default(), &[], Lang::EN));
    assert!(
        named.contains(&"p.channel".to_owned())
            && !named.iter().any(|name| name.contains("chain_depth") || name.contains("first_owner"))
    );
    let sent = fields(&[("p.chain_depth", "0"), ("p.channel", "phone")]);
    assert_eq!(Value::Object(read(&schema, &sent, Shanghai)), json!({ "channel": "phone" }));
}

#[test]
fn what_cannot_be_read_stays_as_it_was_typed() {
    let schema = schema_of("consultation", "answer");
    let sent = fields(&[("p.score", "five"), ("p.confirmed_in_contact", "perhaps")]);
    assert_eq!(
        Value::Object(read(&schema, &sent, Shanghai)),
        json!({ "score": "five", "confirmed_in_contact": "perhaps" })
    );
}

#[test]
fn a_fault_stands_beside_its_field_in_the_readers_language() {
    let schema = schema_of("consultation", "answer");
    let fault = |path: &str| FaultView { path: path.into(), message: "as the schema says".into() };
    let faults = [fault("/score"), fault("/message_ref"), fault("/steps/0"), fault("/nowhere")];
    let sent = fields(&[("p.score", "9"), ("p.steps", "x")]);
    let inputs = made(&schema, &sent, &faults, Lang::ZH);
    let errors = |name: &str| inputs.iter().find(|input| input.name == name).unwrap().errors.clone();
    assert_eq!(errors("p.score"), ["请填 1 到 5 的整数。"]);
    assert_eq!(errors("p.message_ref"), ["此项必填。"]);
    assert_eq!(errors("p.steps"), ["as the schema says"]);
    assert_eq!(
        elsewhere(&inputs, &faults).iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>(),
        ["/nowhere"]
    );
}

#[test]
fn one_more_group_is_asked_for_without_a_script() {
    let schema = schema_of("complaint", "propose");
    let rows = |sent: &Fields| {
        let inputs = made(&schema, sent, &[], Lang::EN);
        let actions = inputs.into_iter().find(|input| input.name == "p.actions").unwrap();
        let Kind::Items(rows) = actions.kind else { panic!("a list") };
        rows.len()
    };
    assert_eq!(rows(&Fields::default()), 1, "what is needed once is there once");
    assert_eq!(rows(&fields(&[("p.actions.#", "1"), (MORE, "p.actions")])), 2);
    assert_eq!(rows(&fields(&[("p.actions.#", "2"), (MORE, "p.other")])), 2);
}

#[test]
fn a_hostile_value_is_written_as_text() {
    let schema = schema_of("consultation", "answer");
    let hostile = "\"><script>alert(1)</script>";
    let sent = fields(&[("p.message_ref", hostile), ("p.steps", hostile)]);
    let html = rendered(&made(&schema, &sent, &[], Lang::EN), Lang::EN).unwrap();
    assert!(!html.contains("<script>") && html.contains("&#60;script&#62;"), "{html}");
}

#[test]
fn a_pointer_follows_a_name() {
    assert_eq!(pointer("p.to.person.id"), "/to/person/id");
}

#[test]
fn hostile_text_in_every_field_of_every_form_is_written_as_text() {
    let hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";
    for flow in Registry::shipped().all() {
        for spec in flow.events() {
            let schema = (spec.schema)();
            let lists = made(&schema, &Fields::default(), &[], Lang::EN);
            let counted = lists.iter().filter(|input| matches!(input.kind, Kind::Items(_)));
            let mut sent: Vec<(String, String)> =
                counted.map(|input| (format!("{}{COUNT}", input.name), "1".to_owned())).collect();
            let named = names(&made(&schema, &Fields(sent.clone()), &[], Lang::EN));
            let faults: Vec<FaultView> =
                named.iter().map(|name| FaultView { path: pointer(name), message: hostile.into() }).collect();
            sent.extend(named.into_iter().map(|name| (name, hostile.to_owned())));
            for lang in [Lang::EN, Lang::ZH] {
                let html = rendered(&made(&schema, &Fields(sent.clone()), &faults, lang), lang).unwrap();
                let name = spec.name;
                assert!(
                    !html.contains("<script") && !html.contains("<img"),
                    "{}.{name}: {html}",
                    flow.name()
                );
                assert!(!html.contains("\"'>"), "{}.{name}: {html}", flow.name());
            }
        }
    }
}
