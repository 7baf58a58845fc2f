//! Owns exploration: every configuration that a workflow reaches from its sample events, and what each event does there.
//!
//! A configuration is a state, the part of the data that guards look at
//! ([`Workflow::shape`]) and the set of running timers. From the start samples
//! on, every sample is tried and every running timer is fired in each of them,
//! breadth first, until nothing new turns up or [`Explorer::configurations_max`]
//! is reached. A sample of [`TIMER_FIRED`](super::outcome::TIMER_FIRED) is
//! not sent; it holds the facts that its timer is told when it fires. Tables and diagrams are made from what was found, so that they
//! cannot say anything else than the code does.
//!
//! # Why
//! Time is no part of a configuration, or there would be no end of them. A
//! sample is tried at the start of the exploration, which its payload is
//! written for; where it is refused then and the configuration was reached
//! later, by a timer, it is tried at that later moment too.

pub mod cover;
mod search;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::calendar::Calendar;
use super::definition::Definition;
use super::effect::Effect;
use super::id::InstanceId;
use super::instant::Instant;
use super::machine::{Accepted, StateSpec, Workflow};

/// Configurations that are looked at unless the caller says otherwise: twenty times
/// what the consultation has, some twenty seconds of work.
pub const CONFIGURATIONS_MAX: usize = 50_000;
/// Where a start comes from: the specification's mark for the state before it.
pub const BEFORE_START: &str = "•";
/// The sample name of a row that a due timer without a sample made.
pub const DUE: &str = "due";

/// What is explored, and how far.
#[derive(Clone, Copy)]
pub struct Explorer<'a> {
    /// The workflow.
    pub workflow: &'a dyn Workflow,
    /// The values and roles it runs with.
    pub definition: &'a Definition,
    /// The calendar that business time is counted on.
    pub calendar: &'a Calendar,
    /// The moment that the samples are written for.
    pub now: Instant,
    /// How many configurations are looked at: [`CONFIGURATIONS_MAX`].
    pub configurations_max: usize,
}

/// What one sample did in one state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Row {
    /// The number of the transition in the specification.
    pub rule: Option<&'static str>,
    /// State path before; [`BEFORE_START`] for a start.
    pub from: String,
    /// The event; `timer NAME` for a due timer.
    pub event: String,
    /// Which sample of it; [`DUE`] for a timer without one.
    pub sample: &'static str,
    /// State path after.
    pub to: String,
    /// Whether the state was left.
    pub kind: Kind,
    /// What else it caused, in short and in order: `arm INFO_EXPIRE`.
    pub effects: Vec<String>,
}

/// Whether an accepted event left the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Another state was entered, or the same one again.
    Moved,
    /// The state was not left.
    Stayed,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// The flow.
    pub workflow: &'static str,
    /// Every leaf state that the workflow declares, in the order of the specification.
    pub states: Vec<StateSpec>,
    /// The events that the workflow declares, in the order of the specification.
    pub events: Vec<&'static str>,
    /// Everything that was accepted.
    pub rows: BTreeSet<Row>,
    /// States that were reached.
    pub reached: BTreeSet<String>,
    /// How many configurations were reached.
    pub configurations: usize,
    /// Whether the limit was hit: there are more configurations than were looked at.
    pub truncated: bool,
    /// Reached states, not final, from which no final state was reached.
    pub dead_ends: BTreeSet<String>,
    /// One configuration for each state that has one from which no final state was reached, though
    /// others of the state get there; its shape by its state.
    pub stuck: BTreeMap<String, String>,
    /// Declared states that were not reached.
    pub unreachable: BTreeSet<String>,
    /// Events (no timers) that were accepted, by state.
    pub accepted: Accepted,
    /// Running timers (state, timer) whose event the state refuses: they lapse without effect.
    pub lapsing: BTreeSet<(String, String)>,
    /// Events of `system` (state, event, code) in the same commit that were refused.
    pub refused_follows: BTreeSet<(String, String, &'static str)>,
    /// Declared events without a sample: nothing here says what they do.
    pub unsampled: BTreeSet<&'static str>,
    /// Samples (event, sample) that no configuration accepts.
    pub unused_samples: BTreeSet<(&'static str, &'static str)>,
}

/// The id of the instance that is explored of `workflow`: what a sample says comes from its children.
pub fn explored_id(workflow: &str) -> InstanceId {
    InstanceId::derive("exploration", &[workflow])
}

impl Explorer<'_> {
    /// Looks at every configuration that the samples reach.
    pub fn explore(&self) -> Exploration {
        // Clocks change no state and open no row; their timers would only multiply configurations.
        let definition = Definition { clocks: BTreeMap::new(), ..self.definition.clone() };
        search::run(&Explorer { definition: &definition, ..*self })
    }
}

impl Exploration {
    /// Paths of the leaf states that were reached, in the order of the specification.
    pub fn leaves(&self) -> Vec<&str> {
        self.states
            .iter()
            .map(|spec| spec.path.as_str())
            .filter(|path| self.reached.contains(*path))
            .collect()
    }

    /// Where `path` stands in the order of the specification; the state before the start is first.
    pub fn place(&self, path: &str) -> usize {
        self.states.iter().position(|spec| spec.path == path).map_or(0, |at| at + 1)
    }

    /// Where `event` stands in the order of the specification; timers come last.
    pub fn event_place(&self, event: &str) -> usize {
        self.events.iter().position(|name| *name == event).unwrap_or(self.events.len())
    }
}

/// An effect in a few words, without times and payloads.
pub fn summary(effect: &Effect) -> String {
    match effect {
        Effect::Arm { timer, .. } => format!("arm {timer}"),
        Effect::Cancel { timer } => format!("cancel {timer}"),
        Effect::Spawn(spawn) if spawn.rule == spawn.workflow => format!("spawn {}", spawn.workflow),
        Effect::Spawn(spawn) => format!("spawn {} {}", spawn.workflow, spawn.rule),
        Effect::Send(send) => format!("send {}", send.event),
        Effect::DropPending { rule, .. } => format!("drop {rule}"),
        Effect::Park { number, .. } => format!("park {number}"),
        Effect::Notify(notice) => format!("notify {} {}", notice.to, notice.template),
        Effect::Task(task) => format!("task {} {}", task.task, task.assignee_role),
        Effect::Count { name, .. } => format!("count {name}"),
    }
}
