//! Owns the check of schedules against the flows that they start: what no schema can say.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::file::{Content, Source};
use super::schema::Checker;
use crate::kernel::actor::Role;
use crate::kernel::definition::Definition;
use crate::kernel::fault::Fault;
use crate::kernel::machine::{SAMPLES_AT, Workflow};
use crate::kernel::schedule::{Fired, REPORT_WORKFLOW, Schedule};

/// The faults of the schedules of the flow `own`: names that repeat, flows that are not registered,
/// payloads that the start event refuses.
pub fn check(schedules: &[Schedule], own: &str, workflows: &[Arc<dyn Workflow>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    for (at, schedule) in schedules.iter().enumerate() {
        let below = |fault: Fault| Fault { path: format!("/schedules/{at}{}", fault.path), ..fault };
        if !names.insert(schedule.name.as_str()) {
            let message = format!("`{}` is another schedule's name; accepted is a name once", schedule.name);
            faults.push(below(Fault::value("/name", message)));
        }
        let own_faults = schedule.check();
        if own_faults.is_empty() {
            faults.extend(target(schedule, own, workflows).into_iter().map(below));
        }
        faults.extend(own_faults.into_iter().map(below));
    }
    faults
}

/// The faults of what a schedule starts.
fn target(schedule: &Schedule, own: &str, workflows: &[Arc<dyn Workflow>]) -> Vec<Fault> {
    let name = schedule.workflow(own);
    let Some(workflow) = workflows.iter().find(|workflow| workflow.name() == name) else {
        let known: Vec<&str> = workflows.iter().map(|workflow| workflow.name()).collect();
        let path = if schedule.report.is_some() { "/report" } else { "/start/workflow" };
        let message = format!("`{name}` is no workflow of this program; it has {}", known.join(", "));
        return vec![Fault::value(path, message)];
    };
    let Some(start) = &schedule.start else { return Vec::new() };
    let spec = workflow.events().iter().find(|spec| spec.name == workflow.start_event());
    let checker = spec.and_then(|spec| Checker::new((spec.schema)()).ok());
    // The placeholders stand for any firing: what fits once fits each time.
    let fired = Fired { scheduled_for: SAMPLES_AT, number: 1, zone: chrono_tz::UTC };
    let payload = Value::Object(start.filled(fired, schedule.due.map(|_| SAMPLES_AT)));
    let faults = checker.map(|checker| checker.check(&payload)).unwrap_or_default();
    faults.into_iter().map(|fault| Fault { path: format!("/start/payload{}", fault.path), ..fault }).collect()
}

/// The schedules of `definition` that start a flow whose definition does not let the engine do that.
pub fn check_senders(
    definition: &Definition,
    sources: &[Source],
    workflows: &[Arc<dyn Workflow>],
) -> Vec<Fault> {
    let find = |name: &str| {
        sources.iter().find_map(|source| match &source.content {
            Content::Definition(other) if other.workflow == name => Some(other),
            Content::Definition(_) | Content::Calendar(_) => None,
        })
    };
    let mut faults = Vec::new();
    for (at, schedule) in definition.schedules.iter().enumerate() {
        let name = schedule.workflow(&definition.workflow);
        let start = workflows.iter().find(|workflow| workflow.name() == name).map(|flow| flow.start_event());
        if let (Some(target), Some(start)) = (find(name), start)
            && !target.allows(start, Role::System)
        {
            let key = if name == REPORT_WORKFLOW && schedule.report.is_some() { "report" } else { "start" };
            let message = format!(
                "the definition of `{name}` does not let `system` send `{start}`; add `system` to its `roles`"
            );
            faults.push(Fault::value(format!("/schedules/{at}/{key}"), message));
        }
    }
    faults
}
