//! Owns what the shipped documents of every flow are held against.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document;
use crate::definition::schema::Checker;
use crate::kernel::actor::Role;
use crate::kernel::machine::Workflow;

/// Holds the shipped definition of `workflow` against its machine: roles for every event, titles in both
/// languages for everything, and samples that fit their schemas.
pub fn check_documents(workflow: &dyn Workflow) {
    let document = document(workflow.name());
    let keys =
        |group: &str| -> BTreeSet<String> { document[group].as_object().unwrap().keys().cloned().collect() };
    let specs = workflow.events();
    let events: BTreeSet<String> = specs.iter().map(|spec| spec.name.to_owned()).collect();
    assert_eq!((keys("roles"), keys("events")), (events.clone(), events));
    for (event, roles) in document["roles"].as_object().unwrap() {
        for role in roles.as_array().unwrap() {
            let role = Role::parse(role.as_str().unwrap()).unwrap();
            assert!(!matches!(role, Role::Administrator | Role::Auditor), "{event}");
        }
    }
    let mut paths = BTreeSet::new();
    for spec in workflow.states() {
        let steps: Vec<&str> = spec.path.split('.').collect();
        paths.extend((1..=steps.len()).map(|depth| steps[..depth].join(".")));
    }
    assert_eq!(keys("states"), paths);
    for group in ["states", "events", "clocks"] {
        for (name, entry) in document[group].as_object().unwrap() {
            let title = entry.get("title").unwrap_or(entry);
            assert!(title["en"].is_string() && title["zh"].is_string(), "{group} {name}");
        }
    }
    for sample in workflow.samples() {
        let spec = specs.iter().find(|spec| spec.name == sample.event).unwrap();
        let faults = Checker::new((spec.schema)()).unwrap().check(&Value::Object(sample.payload));
        assert!(faults.is_empty(), "{} {}: {faults:?}", sample.event, sample.label);
    }
}
