//! Owns the way in: a command is checked against its schema, sealed, and given to the writer or tried dry.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::command::{Accepted, Command, CommandError, Preview, Target};
use super::executor::{Message, Prepared};
use super::group::Answer;
use super::plan::{Meta, World, occurred};
use super::view::{Staged, View};
use super::{Engine, command_error};
use crate::index::IndexError;
use crate::kernel::canonical;
use crate::kernel::entry::{Idempotency, Position};
use crate::kernel::fault::Fault;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Workflow;
use crate::kernel::outcome::{Event, RefusalKind};
use crate::kernel::personal::{self, Private};
use crate::rejected::Rejected;

/// The workflow that a command is for, and its instance unless it is a start.
type Aimed<'a> = (&'a Arc<dyn Workflow>, Option<Arc<Instance>>);

impl Engine {
    /// Sends an event (or starts an instance); answers once it is on stable storage and published.
    ///
    /// # Crash safety
    /// Dying before the answer leaves the command done as a whole or not at all; asking again with
    /// the same key tells. Dying after it loses nothing.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn submit(&self, command: Command) -> Answer {
        // First: an index that failed may lack what was acknowledged, and must deny nothing.
        if self.shared.halted() {
            return Err(CommandError::Stopped(self.shared.stop_reason()));
        }
        let answer = match self.prepare(&command) {
            Ok(prepared) => self.ask(|reply| Message::Command(Box::new(prepared), reply)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &answer {
            self.shared.metrics.refused(error);
            self.note_rejected(&command, error);
        }
        answer
    }

    /// What a state or a duty refused is noted outside the history (X3).
    fn note_rejected(&self, command: &Command, error: &CommandError) {
        let CommandError::Refused { refusal, instance: Some(instance), .. } = error else { return };
        if !matches!(refusal.kind, RefusalKind::State | RefusalKind::Duty) {
            return;
        }
        self.shared.metrics.rejected();
        let text = canonical::to_string(&command.payload).unwrap_or_default();
        let payload = crate::random::digest_of(&text).short();
        (self.shared.rejected)(&Rejected {
            at: self.now(),
            instance: instance.id.clone(),
            state: instance.state.clone(),
            event: command.event.clone(),
            actor: command.actor.id.clone(),
            role: command.actor.role.name(),
            code: refusal.code,
            payload,
            request_id: command.request_id.clone(),
        });
    }

    /// Checks a command against what is registered and its payload's schema, and seals personal values.
    fn prepare(&self, command: &Command) -> Result<Prepared, CommandError> {
        let (workflow, instance) = self.target(command)?;
        let spec = workflow.events().iter().find(|spec| spec.name == command.event);
        let Some(spec) = spec else {
            return Err(CommandError::UnknownEvent {
                workflow: workflow.name().to_owned(),
                event: command.event.clone(),
                known: workflow.events().iter().map(|spec| spec.name).collect(),
            });
        };
        let mut payload = Value::Object(command.payload.clone());
        self.check_payload(command, workflow.as_ref(), instance.as_deref(), spec.name, &payload)?;
        let mut private = Private::new();
        if let Some(checked) = self.shared.payload(workflow.name(), spec.name) {
            let mut salt = || crate::random::hex_of(16);
            personal::seal_marked(&mut payload, &checked.schema, &mut salt, &mut private);
        }
        let idempotency = command.key.as_ref().map(|key| hashes(command, workflow.name(), key));
        let recorded = idempotency.clone().map(|asked| {
            let (digest, secret) = personal::seal_half(
                Value::from(asked.body),
                crate::random::hex_of(personal::HALF_SALT_DIGITS / 2),
            );
            private.insert(digest.clone(), secret);
            Idempotency { key: asked.key, body: digest }
        });
        let payload = if let Value::Object(map) = payload { map } else { Map::new() };
        let is_start = matches!(command.target, Target::Start(_));
        let key = if is_start { workflow.key(&payload) } else { None };
        let claimed = payload.get("occurred_at").and_then(Value::as_str);
        let claimed = command.occurred_at.or(claimed.and_then(|text| Instant::parse(text).ok()));
        Ok(Prepared {
            id: match &command.target {
                Target::Instance(id) => id.clone(),
                Target::Start(_) => match &key {
                    Some(key) => InstanceId::keyed(workflow.name(), key),
                    None => start_id(command, workflow.name()),
                },
            },
            workflow: workflow.name().to_owned(),
            start: instance.is_none(),
            keyed: key.is_some(),
            event: command.event.clone(),
            payload,
            private,
            actor: command.actor.clone(),
            claimed,
            idempotency,
            recorded,
            if_match: command.if_match,
            request_id: command.request_id.clone(),
            origin: command.origin.clone(),
        })
    }

    fn target(&self, command: &Command) -> Result<Aimed<'_>, CommandError> {
        let known =
            |name: &str| self.workflow(name).ok_or_else(|| CommandError::UnknownWorkflow(name.to_owned()));
        match &command.target {
            Target::Start(name) => Ok((known(name)?, None)),
            Target::Instance(id) => {
                let found = self.shared.index.get(id).map_err(|e| CommandError::Stopped(e.to_string()))?;
                // System objects are no cases: they have their own commands.
                let found = found.filter(|instance| !instance.workflow.starts_with('$'));
                let instance = found.ok_or_else(|| CommandError::UnknownInstance(id.clone()))?;
                Ok((known(&instance.workflow)?, Some(instance)))
            }
        }
    }

    /// A role that may not send the event is told that first, by the step.
    fn check_payload(
        &self,
        command: &Command,
        workflow: &dyn Workflow,
        instance: Option<&Instance>,
        event: &'static str,
        payload: &Value,
    ) -> Result<(), CommandError> {
        let definition = match instance {
            Some(instance) => self.pinned(instance),
            None => self.definition(workflow.name()),
        };
        if definition.is_some_and(|definition| !definition.allows(event, command.actor.role)) {
            return Ok(());
        }
        let mut faults = match self.shared.payload(workflow.name(), event) {
            Some(checked) => checked.checker.check(payload),
            None => Vec::new(),
        };
        if let Some(path) = canonical::inexact_number(payload)
            && faults.is_empty()
        {
            let message = "numbers are whole and within ±(2^53 - 1); write others as text";
            faults.push(Fault::value(path, message));
        }
        if faults.is_empty() {
            return Ok(());
        }
        Err(CommandError::Payload { event: event.to_owned(), faults })
    }

    /// The answer that `command` already got under its key; absent where the key is not used up.
    ///
    /// # Errors
    /// [`CommandError`]; `KeyReused` where another command used the key up.
    pub async fn used(&self, command: &Command) -> Result<Option<Accepted>, CommandError> {
        let prepared = self.prepare(command)?;
        let Some(idempotency) = &prepared.idempotency else { return Ok(None) };
        let stopped = |e: IndexError| CommandError::Stopped(e.to_string());
        let instance = self.shared.index.get(&prepared.id).map_err(stopped)?;
        match instance.as_ref().map(|instance| instance.keys.get(&idempotency.key)) {
            Some(Some(position)) => self.shared.replay(&prepared.id, idempotency, *position).await.map(Some),
            Some(None) => Ok(None),
            None if self.shared.index.holder(&prepared.id).map_err(stopped)?.is_some() => {
                Err(CommandError::KeyReused)
            }
            None => Ok(None),
        }
    }

    /// What `command` would do on the published state; takes no queue and uses up no key.
    ///
    /// # Errors
    /// [`CommandError`], as sending it would.
    pub fn preview(&self, command: &Command) -> Result<Preview, CommandError> {
        let (preview, position) = self.still(|position| self.preview_at(command, position));
        Ok(Preview { position, ..preview? })
    }

    fn preview_at(&self, command: &Command, position: Position) -> Result<Preview, CommandError> {
        let prepared = self.prepare(command)?;
        let staged = Staged::new();
        let (catalog, directory) = (self.shared.catalog(), self.shared.directory());
        let world = World {
            workflows: &self.shared.workflows,
            catalog: &catalog,
            directory: &directory,
            view: View { index: self.shared.index.as_ref(), staged: &staged, counts: &[] },
            now: self.now(),
            position: position + 1,
        };
        let before = world.view.instance(&prepared.id);
        let before = before.map_err(|e| CommandError::Stopped(e.to_string()))?;
        if let Some(instance) = &before {
            if let Some(batch) = self.shared.holds(instance.origin.as_deref()) {
                return Err(CommandError::Held(batch));
            }
            if let Some(expected) = prepared.if_match.filter(|expected| *expected != instance.seq) {
                let (actual, instance) = (instance.seq, instance.clone());
                return Err(CommandError::Stale { expected, actual, instance });
            }
        }
        let (occurred_at, notes) = occurred(&prepared.actor, prepared.claimed, world.now);
        let event = Event {
            name: prepared.event,
            payload: prepared.payload,
            actor: prepared.actor,
            occurred_at,
            cause: None,
        };
        let meta = Meta { request_id: prepared.request_id, notes, ..Meta::default() };
        let planned =
            world.plan(&prepared.workflow, &prepared.id, before.clone(), event, meta, prepared.private);
        let planned = planned.and_then(|plan| plan.check_size().map(|()| plan));
        let plan =
            planned.map_err(command_error).map_err(|error| self.shared.with_accepted(error, before))?;
        let after = plan.newest(&prepared.id).expect("a plan holds the instance it was made for");
        let entries = plan.made.iter().map(|made| made.entry.clone()).collect();
        Ok(Preview { entries, after, position })
    }
}

/// The id that a start gets: from actor, workflow and key, in the customer's partition.
fn start_id(command: &Command, workflow: &str) -> InstanceId {
    let key = command.key.clone().unwrap_or_else(|| crate::random::hex_of(16));
    let customer = command.payload.get("customer_id").and_then(Value::as_str);
    InstanceId::derive(customer.unwrap_or(&key), &[&command.actor.id, workflow, &key])
}

/// What is kept of a key and of the command that came with it.
fn hashes(command: &Command, workflow: &str, key: &str) -> Idempotency {
    let target = match &command.target {
        Target::Start(_) => workflow.to_owned(),
        Target::Instance(id) => id.to_string(),
    };
    // Canonical form exists for every JSON object that was parsed from text.
    let payload = canonical::to_string(&command.payload).unwrap_or_default();
    let claimed = command.occurred_at.map(|at| at.to_string()).unwrap_or_default();
    hash_key(&command.actor.id, key, &[&target, &command.event, &claimed, &payload])
}

/// Hashes of an actor's key and of what came with it.
pub(super) fn hash_key(actor: &str, key: &str, body: &[&str]) -> Idempotency {
    let body = body.join("\0");
    Idempotency {
        key: key_digest(actor, key),
        body: Hash::of(&[key.as_bytes(), &[0], body.as_bytes()]).short(),
    }
}

/// What an entry keeps of the idempotency key that `actor` used up with it.
pub fn key_digest(actor: &str, key: &str) -> String {
    Hash::of(&[actor.as_bytes(), &[0], key.as_bytes()]).short()
}
