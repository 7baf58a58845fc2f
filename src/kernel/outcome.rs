//! Owns what a step answers: moved, stayed or refused.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::actor::Actor;
use super::calendar::Calendar;
use super::definition::Definition;
use super::effect::Effect;
use super::entry::Cause;
use super::fact::Facts;
use super::id::InstanceId;
use super::instance::Instance;
use super::instant::Instant;
use super::patch;
use super::sla::fact::ClockFact;

/// The name of the event that a due timer sends.
pub const TIMER_FIRED: &str = "timer_fired";

/// A named input to an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name; [`TIMER_FIRED`] for a timer.
    pub name: String,
    /// Its payload, personal values sealed.
    pub payload: Map<String, Value>,
    /// Who sends it.
    pub actor: Actor,
    /// When it happened by the source's clock (R1).
    pub occurred_at: Instant,
    /// What made the engine send it.
    pub cause: Option<Cause>,
}

/// Everything one step sees.
pub struct Input<'a> {
    /// The values and roles it runs with.
    pub definition: &'a Definition,
    /// The calendar that business time is counted on.
    pub calendar: &'a Calendar,
    /// Other calendars that its clocks are counted on.
    pub others: &'a [&'a Calendar],
    /// The definition that the event asks to pin, where it asks for one.
    pub next: Option<&'a Definition>,
    /// The id of the instance.
    pub id: &'a InstanceId,
    /// The instance; absent for a start.
    pub instance: Option<&'a Instance>,
    /// The event.
    pub event: &'a Event,
    /// Answers to the facts that the machine asked for.
    pub facts: &'a Facts,
    /// The moment of the commit.
    pub now: Instant,
}

/// What an event did.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The instance is in another state, or entered its state again.
    Moved(Box<Change>),
    /// The instance is where it was.
    Stayed(Box<Change>),
    /// Nothing changed.
    Refused(Refusal),
}

/// What an accepted event changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// State path before; absent for a start.
    pub from: Option<String>,
    /// State path after.
    pub to: String,
    /// The data after.
    pub data: Arc<Value>,
    /// How the data changed.
    pub patch: Vec<patch::Change>,
    /// What it did to clocks.
    pub clocks: Vec<ClockFact>,
    /// What else must happen.
    pub effects: Vec<Effect>,
    /// The number of the transition in the specification.
    pub rule: Option<&'static str>,
    /// Events of `system` to this instance in the same commit, in order.
    pub follow: Vec<Follow>,
    /// The definition to pin from now on, where it changes.
    pub repin: Option<String>,
}

/// An event of `system` to the same instance in the same commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Follow {
    /// The event.
    pub event: &'static str,
    /// Its payload.
    pub payload: Map<String, Value>,
}

/// Why an event was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What kind of rule refused it.
    pub kind: RefusalKind,
    /// Stable code for programs.
    pub code: &'static str,
    /// Why, and what would have been accepted.
    pub reason: String,
}

/// What kind of rule refused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The state does not accept the event.
    State,
    /// The sender's role may not send it.
    Role,
    /// The sender may not, because of another part in the case (separation of duties).
    Duty,
    /// The case, or another one, is not as the event needs it.
    Guard,
    /// A value of the payload is not acceptable.
    Input,
}

impl Refusal {
    /// A refusal of `kind` with a stable `code`.
    pub fn new(kind: RefusalKind, code: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, code, reason: reason.into() }
    }
}
