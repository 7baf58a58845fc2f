//! Owns the check of declared clocks against the machine that they measure.
//!
//! What starts or stops a clock is checked against the machine's events, signals and states; what
//! is accepted stands in the generated schema too, so that an editor offers it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::file::state_paths;
use crate::kernel::fault::{Fault, join};
use crate::kernel::machine::Workflow;
use crate::kernel::sla::rule::{Rule, check_ladder};

/// Names of clocks.
const NAME_PATTERN: &str = "^[A-Z][A-Z0-9_]{0,39}$";
/// The event that raises a case, which a ladder may send.
const ESCALATE: &str = "escalate";

/// Every trigger that `workflow` knows, as definitions write it.
fn triggers(workflow: &dyn Workflow) -> Vec<String> {
    let names = workflow.events().iter().map(|spec| spec.name.to_owned()).collect::<Vec<_>>();
    let signals = workflow.signals().iter().map(|signal| (*signal).to_owned());
    let states = state_paths(workflow);
    let entered = states.iter().map(|state| format!("enter {state}")).collect::<Vec<_>>();
    let left = states.iter().map(|state| format!("leave {state}")).collect::<Vec<_>>();
    names.into_iter().chain(signals).chain(entered).chain(left).collect()
}

/// Names in `schema`, the JSON Schema of the key `clocks`, what `workflow` knows.
pub fn narrow(schema: &mut Value, workflow: &dyn Workflow) {
    schema["propertyNames"] = json!({ "pattern": NAME_PATTERN });
    let members = &mut schema["additionalProperties"]["properties"];
    let triggers = triggers(workflow);
    for key in ["start_on", "stop_on", "cancel_on", "retarget_on"] {
        let description = members[key]["items"]["description"].clone();
        members[key]["items"] = json!({ "enum": triggers, "description": description });
    }
    members["pause_in"]["items"] = json!({ "enum": state_paths(workflow) });
    let description = members["target"]["description"].clone();
    members["target"] = json!({ "enum": workflow.targets(), "description": description });
}

/// What the schema cannot say of `clocks`, every fault at once.
pub fn check(workflow: &dyn Workflow, clocks: &BTreeMap<String, Rule>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, rule) in clocks {
        let path = join("/clocks", name);
        for (at, other) in rule.unless_running.iter().enumerate() {
            if !clocks.contains_key(other) {
                let known = clocks.keys().cloned().collect::<Vec<_>>().join(", ");
                let message = format!("`{other}` is no clock here; clocks are {known}");
                faults.push(Fault::value(format!("{path}/unless_running/{at}"), message));
            }
        }
        if rule.start_on.iter().any(|trigger| rule.cancel_on.contains(trigger)) {
            let message = "the clock is cancelled by what starts it; accepted are other triggers";
            faults.push(Fault::value(format!("{path}/cancel_on"), message));
        }
        let raises = workflow.events().iter().any(|spec| spec.name == ESCALATE);
        let rungs = rule.ladder.as_deref().unwrap_or_default();
        faults.extend(check_ladder(&join(&path, "ladder"), rungs, raises));
        check_sense(name, rule, &path, &mut faults);
    }
    faults
}

/// What a clock could never do.
fn check_sense(name: &str, rule: &Rule, path: &str, faults: &mut Vec<Fault>) {
    if rule.stop_on.iter().all(|trigger| rule.start_on.contains(trigger)) {
        let message = "nothing stops the clock but what starts it; accepted is at least one other trigger";
        faults.push(Fault::value(format!("{path}/stop_on"), message));
    }
    if let Some(at) = rule.unless_running.iter().position(|other| other == name) {
        let message = "a clock that runs does not start anyway; accepted are other clocks";
        faults.push(Fault::value(format!("{path}/unless_running/{at}"), message));
    }
    let for_all = rule.calendars.iter().position(|other| other.tier.is_none() && other.priority.is_none());
    if let Some(at) = for_all.filter(|at| at + 1 < rule.calendars.len()) {
        let message = "it fits every case, so none after it counts; accepted is a `tier` or a `priority`";
        faults.push(Fault::value(format!("{path}/calendars/{at}"), message));
    }
}

/// The calendars, beside the flow's, that `clocks` name: (path in the document, name).
pub fn calendars(clocks: &BTreeMap<String, Rule>) -> impl Iterator<Item = (String, &str)> {
    clocks.iter().flat_map(|(name, rule)| {
        rule.calendars.iter().enumerate().map(move |(at, other)| {
            (format!("{}/calendars/{at}/calendar", join("/clocks", name)), other.calendar.as_str())
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::app::shipped_files;
    use crate::definition::file::{Reader, read_all};
    use crate::workflows::Registry;

    const FLOW: &str = "consultation/definition.yaml";

    /// What is found in the shipped files after `from` became `to` in `file`.
    fn found(file: &str, from: &str, to: &str) -> Vec<String> {
        let mut files = shipped_files();
        let (_, text) = files.iter_mut().find(|(name, _)| name == file).expect("the file ships");
        assert!(text.contains(from), "`{from}` is not in {file}");
        *text = text.replacen(from, to, 1);
        all(&files)
    }

    fn all(files: &[(String, String)]) -> Vec<String> {
        let registry = Registry::shipped();
        let reader = Reader::new(registry.all()).expect("the schemas are right");
        match read_all(&reader, files) {
            Ok(_) => Vec::new(),
            Err(report) => report
                .items
                .iter()
                .map(|item| format!("{} {} {}", item.file, item.path, item.message))
                .collect(),
        }
    }

    #[test]
    fn clock_that_could_never_work_is_refused() {
        let stop = "    stop_on: [human_outbound]\n";
        for (from, to, path) in [
            (stop, "    stop_on: [submit]\n", "/clocks/FRT/stop_on"),
            ("    unless_running: [FRT]\n", "    unless_running: [NRT]\n", "/clocks/NRT/unless_running/0"),
            ("    unless_running: [FRT]\n", "    unless_running: [FRST]\n", "/clocks/NRT/unless_running/0"),
            (stop, "    stop_on: [human_outbound]\n    cancel_on: [submit]\n", "/clocks/FRT/cancel_on"),
            (
                stop,
                "    stop_on: [human_outbound]\n    calendars: [{ calendar: always }, { tier: vip, calendar: always }]\n",
                "/clocks/FRT/calendars/0",
            ),
            (
                stop,
                "    stop_on: [human_outbound]\n    calendars: [{ calendar: nowhere }]\n",
                "/clocks/FRT/calendars/0/calendar",
            ),
            (stop, "    stop_on: [human_outbond]\n", "/clocks/FRT/stop_on/0"),
            ("    target: frt\n", "    target: first\n", "/clocks/FRT/target"),
        ] {
            let found = found(FLOW, from, to);
            let [only] = found.as_slice() else { panic!("{to}: {found:?}") };
            assert!(only.starts_with(&format!("{FLOW} {path} ")), "{only}");
        }
    }

    #[test]
    fn ladder_is_checked_wherever_it_stands() {
        for (from, to, path) in [
            (
                "{ at: 150, notify: [\"role:dept_manager\"], escalate: manager }\n    - { at: 200",
                "{ at: 150, notify: [supervisor] }\n    - { at: 200",
                "/policy/ladder/3/notify/0",
            ),
            ("min_target: 4 business hours", "min_target: 4 working days", "/policy/ladder/0/min_target"),
            (
                "- { at: 80, notify: [owner] }",
                "- { at: 80, notify: [\"role:boss\"] }",
                "/clocks/DEPT/ladder/0/notify/0",
            ),
        ] {
            let found = found(FLOW, from, to);
            let [only] = found.as_slice() else { panic!("{to}: {found:?}") };
            assert!(only.starts_with(&format!("{FLOW} {path} ")), "{only}");
        }
    }

    #[test]
    fn same_thing_in_two_files_is_told_with_both() {
        let mut files = shipped_files();
        let copy = files.iter().find(|(name, _)| name == "calendars/cn.yaml").expect("it ships").1.clone();
        files.push(("copy.yaml".into(), copy));
        assert_eq!(
            all(&files),
            ["copy.yaml /name `cn` is defined by calendars/cn.yaml already; accepted is one file for each"]
        );
    }

    #[test]
    fn calendar_with_a_fault_is_no_fault_of_those_who_count_on_it() {
        let found = found("calendars/cn.yaml", "zone: Asia/Shanghai", "zone: Asia/Nowhere");
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert!(only.starts_with("calendars/cn.yaml /zone "), "{only}");
    }
}
