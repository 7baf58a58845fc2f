//! Owns what a list is filtered by of its cases' clocks: due, overdue, how much is used.
//!
//! # Why
//! Overdue is a range of dues up to the moment of asking, so that a case becomes overdue by time
//! passing alone and nothing is written for it. How much is used is computed on the rows read,
//! and asked for at the declared levels only: those are what people are told about.

use std::collections::BTreeSet;

use super::error::{ApiError, Code};
use super::lists::time;
use crate::engine::Engine;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::sla::rule::Rule;
use crate::kernel::sla::state::first_due;

/// What a case's clocks must be like.
#[derive(Clone, Debug)]
pub struct ClockFilters {
    now: Instant,
    /// Before which its first due must lie; taken where the range of the list says it.
    pub due_before: Option<Instant>,
    /// At or after which its first due must lie, where it has one.
    not_before: Option<Instant>,
    consumed: Option<u32>,
}

/// The same as it was asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked<'a> {
    /// The workflow, where only one is listed.
    pub workflow: Option<&'a str>,
    /// Whether a due must have passed, or must not.
    pub overdue: Option<bool>,
    /// Before which a due must lie.
    pub due_before: Option<String>,
    /// Percent that must be used.
    pub consumed_at_least: Option<u32>,
}

impl ClockFilters {
    /// Checks what was asked for; overdue is what was due before now (R6: at its due it is on time).
    ///
    /// # Errors
    /// `invalid_query`: no time, or a level that no clock declares.
    pub fn read(engine: &Engine, asked: Asked<'_>) -> Result<Self, ApiError> {
        let now = engine.now();
        let before = time("due_before", asked.due_before)?;
        let passed = (asked.overdue == Some(true)).then_some(now);
        if let Some(level) = asked.consumed_at_least {
            declared(engine, asked.workflow, level)?;
        }
        Ok(Self {
            now,
            due_before: before.into_iter().chain(passed).min(),
            not_before: (asked.overdue == Some(false)).then_some(now),
            consumed: asked.consumed_at_least,
        })
    }

    /// The moment of asking.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Whether no row need be looked at for them.
    pub fn is_empty(&self) -> bool {
        self.due_before.is_none() && self.not_before.is_none() && self.consumed.is_none()
    }

    /// Whether `instance` is like that.
    pub fn keeps(&self, engine: &Engine, instance: &Instance) -> bool {
        let due = first_due(&instance.clocks);
        self.due_before.is_none_or(|before| due.is_some_and(|due| due < before))
            && self.not_before.is_none_or(|now| due.is_none_or(|due| due >= now))
            && self.consumed.is_none_or(|level| self.has_used(engine, instance, level))
    }

    /// Whether a clock that has not ended has used so much.
    fn has_used(&self, engine: &Engine, instance: &Instance, level: u32) -> bool {
        let mut runs = instance.clocks.values().filter_map(|clock| clock.run.as_ref()).peekable();
        // Most rows of a long list have ended long ago.
        if runs.peek().is_none() {
            return false;
        }
        let measures = engine.measures(&instance.pins);
        let used = measures.as_ref().map(|measures| {
            runs.any(|run| run.consumed(measures.calendar(&run.calendar), self.now) >= level)
        });
        used.unwrap_or(false)
    }
}

/// Refuses a level that no published definition declares.
fn declared(engine: &Engine, workflow: Option<&str>, level: u32) -> Result<(), ApiError> {
    let flows = engine.workflows().iter().map(|flow| flow.name());
    let definitions = flows
        .filter(|name| workflow.is_none_or(|wanted| wanted == *name))
        .flat_map(|name| engine.definitions(name));
    let levels: BTreeSet<u32> = definitions
        .flat_map(|(definition, _)| definition.clocks.values().flat_map(levels).collect::<Vec<_>>())
        .collect();
    if levels.contains(&level) {
        return Ok(());
    }
    let detail =
        format!("`consumed_at_least={level}` is refused; accepted are the levels that clocks declare");
    Err(ApiError::new(Code::InvalidQuery, detail).accepting(levels.iter().map(ToString::to_string)))
}

/// The levels of a clock's points, whatever its target.
fn levels(rule: &Rule) -> Vec<u32> {
    rule.points(i64::MAX).map(|point| point.level).collect()
}
