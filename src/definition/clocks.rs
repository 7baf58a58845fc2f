//! Owns the check of declared clocks against the machine that they measure.
//!
//! What starts or stops a clock is checked against the machine's events, signals and states; what
//! is accepted stands in the generated schema too, so that an editor offers it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::file::state_paths;
use crate::kernel::actor::Role;
use crate::kernel::fault::{Fault, join};
use crate::kernel::machine::Workflow;
use crate::kernel::sla::rule::Rule;
use crate::kernel::span::Span;

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
        check_ladder(workflow, rule, &path, &mut faults);
    }
    faults
}

fn check_ladder(workflow: &dyn Workflow, rule: &Rule, path: &str, faults: &mut Vec<Fault>) {
    let rungs = rule.ladder.as_deref().unwrap_or_default();
    for (at, rung) in rungs.iter().enumerate() {
        let path = format!("{path}/ladder/{at}");
        if let Some(before) = at.checked_sub(1).map(|before| &rungs[before]).filter(|b| b.at >= rung.at) {
            let message = format!("`{}` does not rise; accepted is more than {}", rung.at, before.at);
            faults.push(Fault::value(format!("{path}/at"), message));
        }
        for (number, whom) in rung.notify.iter().enumerate() {
            if !is_addressee(whom) {
                let roles = Role::ALL.map(Role::name).join(", ");
                let message = format!(
                    "`{whom}` is nobody; accepted are `owner`, `first_owner`, `queue:NAME` and `role:` with {roles}"
                );
                faults.push(Fault::value(format!("{path}/notify/{number}"), message));
            }
        }
        if let Some(span @ (Span::WorkingDays(_) | Span::CalendarDays(..))) = rung.min_target {
            let message = format!("`{span}` is refused; accepted are hours or business hours");
            faults.push(Fault::value(format!("{path}/min_target"), message));
        }
        let raises = workflow.events().iter().any(|spec| spec.name == ESCALATE);
        if rung.escalate.is_some() && !raises {
            let message =
                format!("`{}` has no event `{ESCALATE}`; accepted is a ladder without it", workflow.name());
            faults.push(Fault::key(format!("{path}/escalate"), message));
        }
    }
}

fn is_addressee(whom: &str) -> bool {
    match whom.split_once(':') {
        None => matches!(whom, "owner" | "first_owner"),
        Some(("role", role)) => Role::ALL.iter().any(|known| known.name() == role),
        Some(("queue", name)) => !name.is_empty(),
        Some(_) => false,
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
