//! Owns system objects: tokens, people, published files, imports, schedules. They are instances without a machine.
//!
//! # Why
//! Everything durable is an entry. The objects the server itself needs use the
//! same entries, chains and index as cases; they have no guards beyond the
//! administrator's role, so they have no machine.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::directory::{self, ACTOR, ActorData};
use super::pins::pins;
use super::plan::{Plan, PlanError, World};
use crate::kernel::actor::Actor;
use crate::kernel::effect::Effect;
use crate::kernel::entry::{ENTRY_VERSION, Entry, Idempotency};
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::patch;

/// An event for an instance: receiver, event, payload.
pub type Outgoing = (InstanceId, &'static str, Map<String, Value>);

/// A change to a system object.
#[derive(Clone, Debug)]
pub struct SystemChange {
    /// `$token`, `$actor`, `$definition`, `$calendar`, `$import`, `$binary`, `$schedule`.
    pub workflow: &'static str,
    /// The object.
    pub id: InstanceId,
    /// What happened: `created`, `revoked`, `published`.
    pub event: &'static str,
    /// The state after: `active`, `revoked`.
    pub state: &'static str,
    /// The data after.
    pub data: Value,
    /// Who did it.
    pub actor: Actor,
    /// Events for instances that follow from it.
    pub sends: Vec<Outgoing>,
    /// Hashes of the sender's key and body.
    pub idempotency: Option<Idempotency>,
    /// A person who becomes known in the same commit, unless already known.
    pub introduces: Option<ActorData>,
    /// What else must happen.
    pub effects: Vec<Effect>,
}

impl SystemChange {
    /// A change by `actor` that leaves `data`.
    ///
    /// # Panics
    /// Never for the plain structs of this crate.
    pub fn new<T: Serialize>(
        workflow: &'static str,
        id: InstanceId,
        event: &'static str,
        state: &'static str,
        data: &T,
        actor: Actor,
    ) -> Self {
        let data = serde_json::to_value(data).expect("system data is plain JSON");
        Self {
            workflow,
            id,
            event,
            state,
            data,
            actor,
            sends: Vec::new(),
            idempotency: None,
            introduces: None,
            effects: Vec::new(),
        }
    }
}

impl World<'_> {
    /// Plans a change of a system object as one commit.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn plan_system(&self, mut change: SystemChange) -> Result<Plan, PlanError> {
        let mut plan = Plan::default();
        let introduced = change.introduces.take().map(|person| {
            let id = directory::actor_id(&person.id);
            SystemChange::new(ACTOR, id, "known", "active", &person, change.actor.clone())
        });
        self.add_change(&mut plan, change)?;
        if let Some(person) = introduced
            && self.view.instance(&person.id)?.is_none()
        {
            self.add_change(&mut plan, person)?;
        }
        Ok(plan)
    }

    fn add_change(&self, plan: &mut Plan, change: SystemChange) -> Result<(), PlanError> {
        let before = self.view.instance(&change.id)?;
        let old = before.as_ref().map(|instance| instance.data.clone()).unwrap_or_default();
        let sent = before.as_ref().map_or(0, |instance| instance.sent);
        let effects = (sent + 1..)
            .zip(change.sends)
            .map(|(number, (to, event, payload))| {
                let event = event.to_owned();
                Effect::Send(crate::kernel::effect::Send {
                    number,
                    to,
                    event,
                    payload,
                    not_before: None,
                    failures: 0,
                    starts: None,
                })
            })
            .chain(change.effects)
            .collect();
        let entry = Entry {
            v: ENTRY_VERSION,
            instance: change.id,
            seq: before.as_ref().map_or(1, |instance| instance.seq + 1),
            workflow: change.workflow.to_owned(),
            data_version: 1,
            event: change.event.to_owned(),
            payload: Map::new(),
            facts: Map::new(),
            actor: change.actor,
            occurred_at: None,
            recorded_at: self.now,
            idempotency: change.idempotency,
            request_id: None,
            pins: Some(pins("", "").into()),
            origin: None,
            cause: None,
            rule: None,
            from: before.as_ref().map(|instance| instance.state.clone()),
            to: change.state.to_owned(),
            patch: patch::diff(&old, &Arc::new(change.data)),
            clocks: Vec::new(),
            effects,
            prev: before.as_ref().map_or(Hash::ZERO, |instance| instance.hash),
        };
        plan.add(entry, before, self.position)
    }
}

/// The payload of the event that gives a deactivated person's case back to its queue (X16).
pub fn back_to_queue(queue: &str, actor: &str) -> Map<String, Value> {
    let mut payload = Map::new();
    payload.insert("to".into(), json!({ "queue": queue }));
    payload.insert("reason".into(), json!(format!("`{actor}` was deactivated")));
    payload
}

/// The payload of the event that makes `successor` first owner of a deactivated person's case (X16).
pub fn auto_handover(successor: &str) -> Map<String, Value> {
    let mut payload = Map::new();
    payload.insert("auto".into(), json!(true));
    payload.insert("to".into(), json!({ "id": successor, "role": "supervisor" }));
    payload
}
