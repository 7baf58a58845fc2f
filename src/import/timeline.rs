//! Owns moving virtual time: every timer fires at its own due, in order, before what happens later.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::ImportError;
use crate::engine::{Accepted, Command, CommandError, Engine, Target};
use crate::kernel::actor::Actor;
use crate::kernel::effect::Effect;
use crate::kernel::instant::Instant;
use crate::time::{ManualTime, TimeSource};

/// An engine with the clock it runs on.
pub struct Timeline {
    /// The engine.
    pub engine: Engine,
    /// Its clock.
    pub time: Arc<ManualTime>,
    /// The batch that everything belongs to.
    pub batch: String,
}

/// What is sent, by whom.
pub struct Sent<'a> {
    /// Where it goes.
    pub target: Target,
    /// The event.
    pub event: &'a str,
    /// Its payload.
    pub payload: Map<String, Value>,
    /// Who sends it.
    pub actor: Actor,
    /// What makes it this very sending: a repeated one is answered with what the first did.
    pub key: String,
}

impl Timeline {
    /// The clock `time` of `engine`, once what was under way when it stopped is done.
    pub async fn begin(engine: Engine, time: Arc<ManualTime>, batch: String) -> Self {
        engine.settle().await;
        Self { engine, time, batch }
    }

    /// Fires every timer due at or before `to`, each at its due, then stands at `to`.
    ///
    /// A timer due at the very moment of a row fires before the row.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn advance(&self, to: Instant) -> Result<(), ImportError> {
        let mut before = None;
        let mut next = self.engine.settle().await;
        while let Some(due) = next.filter(|due| *due <= to) {
            let at = due.max(self.time.now());
            if before == Some((due, at, self.engine.position())) {
                return Err(ImportError::Program(format!("a timer due at {due} does not end")));
            }
            self.time.set(at);
            next = self.engine.settle().await;
            before = Some((due, at, self.engine.position()));
        }
        if to > self.time.now() {
            self.time.set(to);
        }
        Ok(())
    }

    /// Sends an event now, as part of the batch.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn send(&self, sent: Sent<'_>) -> Result<Accepted, CommandError> {
        let command = Command {
            target: sent.target,
            event: sent.event.to_owned(),
            payload: sent.payload,
            actor: sent.actor,
            occurred_at: None,
            key: Some(sent.key),
            if_match: None,
            request_id: None,
            origin: Some(self.batch.clone()),
        };
        self.submit(command).await
    }

    /// Sends `command` now; what it makes others do is done when this returns.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn submit(&self, command: Command) -> Result<Accepted, CommandError> {
        let accepted = self.engine.submit(command).await?;
        let entry = &accepted.entry;
        let elsewhere = |effect: &Effect| matches!(effect, Effect::Send(_) | Effect::Spawn(_));
        // What the engine sends next may come from a follow-up: then there are more entries than this one.
        if accepted.last_seq != entry.seq || entry.effects.iter().any(elsewhere) {
            self.engine.settle().await;
        }
        Ok(accepted)
    }
}

/// Why one event was refused: code and reason.
///
/// # Errors
/// The error itself where it is not about the event: the engine stopped.
pub fn refusal(error: CommandError) -> Result<(String, String), CommandError> {
    let reason = error.to_string();
    let code = match error {
        CommandError::Refused { refusal, .. } => refusal.code.to_string(),
        CommandError::Payload { faults, .. } => {
            let said: Vec<String> =
                faults.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect();
            return Ok(("payload".into(), format!("{reason}: {}", said.join("; "))));
        }
        CommandError::UnknownInstance(_) => "unknown_instance".into(),
        CommandError::StepFailed(_) => "step_failed".into(),
        CommandError::TooLarge(_) => "too_large".into(),
        error @ (CommandError::UnknownWorkflow(_)
        | CommandError::UnknownEvent { .. }
        | CommandError::KeyReused
        | CommandError::Stale { .. }
        | CommandError::Held(_)
        | CommandError::Busy
        | CommandError::DiskFull
        | CommandError::CommitUnknown
        | CommandError::Stopped(_)) => return Err(error),
    };
    Ok((code, reason))
}
