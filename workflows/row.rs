//! Owns what the rows of every flow are written with: a guard's answer, its arrow, and who sends.
//!
//! A row is `guard.to(cx, "12", target)` or `guard.stay(cx, "12")`: where the guard passes, the
//! row's number is named and the case moves; where it refuses, nothing of the step stands.

use serde_json::{Map, Value};
use statig::prelude::*;

use crate::kernel::actor::Role;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Cx;
use crate::kernel::outcome::{Refusal, RefusalKind};

/// What a row's guard says.
pub type Pass = Result<(), Refusal>;

/// A row that asks for nothing.
pub const DONE: Pass = Ok(());

/// The right side of a row: where the case goes when the guard lets it pass.
pub trait Arrow {
    /// To `target`, by row `rule`.
    fn to<S, P>(self, cx: &mut Cx<'_, P>, rule: &'static str, target: S) -> Outcome<S>;
    /// Nowhere, by row `rule`.
    fn stay<S, P>(self, cx: &mut Cx<'_, P>, rule: &'static str) -> Outcome<S>;
}

impl Arrow for Pass {
    fn to<S, P>(self, cx: &mut Cx<'_, P>, rule: &'static str, target: S) -> Outcome<S> {
        match self {
            Ok(()) => {
                cx.rule(rule);
                Transition(target)
            }
            Err(refusal) => refused(cx, refusal),
        }
    }

    fn stay<S, P>(self, cx: &mut Cx<'_, P>, rule: &'static str) -> Outcome<S> {
        match self {
            Ok(()) => {
                cx.rule(rule);
                Handled
            }
            Err(refusal) => refused(cx, refusal),
        }
    }
}

fn refused<S, P>(cx: &mut Cx<'_, P>, refusal: Refusal) -> Outcome<S> {
    cx.refuse(refusal.kind, refusal.code, refusal.reason);
    Handled
}

/// A value of the payload that is not accepted.
pub fn input(code: &'static str, reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Input, code, reason)
}

/// A case that is not as the event needs it.
pub fn guard(code: &'static str, reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Guard, code, reason)
}

/// A sender who may not because of another part in the case (separation of duties).
pub fn duty(code: &'static str, reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Duty, code, reason)
}

/// Values that only the system sets.
pub fn system_only(name: &str) -> Refusal {
    Refusal::new(RefusalKind::Role, "system_only", format!("`{name}` is set by the system only"))
}

/// Whether the engine itself sends the event.
pub fn by_system<P>(cx: &Cx<'_, P>) -> bool {
    cx.actor.role == Role::System
}

/// Whether somebody who works for the organisation sends it.
pub fn by_staff<P>(cx: &Cx<'_, P>) -> bool {
    cx.actor.role.is_staff()
}

/// Whether a supervisor sends it.
pub fn by_supervisor<P>(cx: &Cx<'_, P>) -> bool {
    cx.actor.role.includes(Role::Supervisor)
}

/// A time told to a customer lies ahead.
///
/// # Errors
/// `time_passed`.
pub fn ahead<P>(name: &str, at: Instant, cx: &Cx<'_, P>) -> Pass {
    if at > cx.now {
        Ok(())
    } else {
        Err(input("time_passed", format!("`{name}` {at} has passed; accepted is a time after {}", cx.now)))
    }
}

/// What staff say in a customer's name needs its proof.
///
/// # Errors
/// `proof_required`.
pub fn proven<P>(name: &str, proof: Option<&String>, cx: &Cx<'_, P>) -> Pass {
    if proof.is_some() || !by_staff(cx) {
        Ok(())
    } else {
        Err(input("proof_required", format!("`{name}` is required from an agent who acts for the customer")))
    }
}

/// The members of a JSON object.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
