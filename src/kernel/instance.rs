//! Owns a running case: its current state, and how a recorded entry changes it.
//!
//! [`Instance::apply`] is the only way state moves on, live and in recovery
//! alike; it reads recorded outcomes and runs no workflow code.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effect::{Effect, Send, Spawn, is_zero};
use super::entry::{Cause, Entry, Pins, Position};
use super::hash::Hash;
use super::id::InstanceId;
use super::instant::Instant;
use super::kpi;
use super::patch;
use super::personal::{self, Private};
use super::sla;
use super::sla::state::Clocks;

/// The event of the entry on a sender whose receiver refused what it sent.
pub const DELIVERY_REFUSED: &str = "delivery_refused";

/// The event of the entry that parks a timer or send whose step failed.
pub const STEP_FAILED: &str = "step_failed";

/// The event of the entry on a parent that starts what was pending, once the flow is registered.
pub const LINK_STARTED: &str = "link_started";

/// The event of the entry on a parent whose pending link was not started in its time.
pub const LINK_LAPSED: &str = "link_lapsed";

/// The event of the entry on a parent whose waiting child refused its start.
pub const LINK_REFUSED: &str = "link_refused";

/// The timer that goes on with the children beyond one commit's limit. The engine fires it without
/// workflow code, and no workflow sees it: the names of its own timers never start with `$`.
pub const CHILDREN: &str = "$children";

/// One running case of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name.
    pub id: InstanceId,
    /// Its flow.
    pub workflow: String,
    /// Version of the shape of `data`.
    pub data_version: u32,
    /// Dotted path of superstates and state: `open.handling.in_progress`.
    pub state: String,
    /// The machine's data, personal values sealed; versions of the instance that did not change it share it.
    pub data: Arc<Value>,
    /// Number of its last entry.
    pub seq: u64,
    /// Hash of its last entry.
    pub hash: Hash,
    /// Position of its last entry.
    pub position: Position,
    /// When its first entry was recorded.
    pub created: Instant,
    /// When its last entry was recorded.
    pub updated: Instant,
    /// What its last step ran with; the next one runs with the same.
    pub pins: Arc<Pins>,
    /// The import or demo batch it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Who started it, where another instance did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<InstanceId>,
    /// Running timers by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub timers: BTreeMap<String, Timer>,
    /// Last generation of every timer ever armed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub generations: BTreeMap<String, u32>,
    /// Its clocks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clocks: Clocks,
    /// Events for other instances that are not delivered yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sends: Vec<Send>,
    /// How many sends it ever made.
    #[serde(default)]
    pub sent: u32,
    /// Children still to start: beyond the limit of a commit, or of a flow that is not registered yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Spawn>,
    /// Idempotency key hashes with the position of the commit that used each up.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, Position>,
    /// What KPIs need of its history.
    #[serde(default, skip_serializing_if = "kpi::Facts::is_empty")]
    pub kpi: kpi::Facts,
    /// Personal values that `data` and the undelivered refer to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub private: Private,
}

/// What the patch of `entry` makes of `data`.
fn patched(data: &Arc<Value>, entry: &Entry) -> Result<Arc<Value>, Misfit> {
    let mut data = data.clone();
    if !entry.patch.is_empty() {
        let unfit = |cause| Misfit::Patch { id: entry.instance.clone(), seq: entry.seq, cause };
        patch::apply(&mut data, &entry.patch).map_err(unfit)?;
    }
    Ok(data)
}

/// A moment at which the engine sends one event to its instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// Which arming of this name it is.
    pub generation: u32,
    /// When it fires; never earlier.
    pub due: Instant,
    /// How often its step failed; it then waits until `due` moved on by a back-off.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
}

/// An entry that does not continue the instance it claims to.
#[derive(Debug, thiserror::Error)]
pub enum Misfit {
    /// Its seq is not the next one.
    #[error("entry {found} of `{id}` where {expected} was expected")]
    Seq {
        /// The instance.
        id: InstanceId,
        /// The next seq.
        expected: u64,
        /// The entry's.
        found: u64,
    },
    /// Its `prev` is not the hash of the entry before.
    #[error("entry {seq} of `{id}` does not follow the hash of the one before")]
    Prev {
        /// The instance.
        id: InstanceId,
        /// The entry.
        seq: u64,
    },
    /// It is the first, and does not say what it was evaluated with.
    #[error("the first entry of `{id}` has no `pins`")]
    Pins {
        /// The instance.
        id: InstanceId,
    },
    /// Its patch does not fit.
    #[error("entry {seq} of `{id}`: {cause}")]
    Patch {
        /// The instance.
        id: InstanceId,
        /// The entry.
        seq: u64,
        /// What does not fit.
        cause: patch::Misfit,
    },
}

impl Instance {
    /// The instance after `entry` (whose hash is `hash`, in the commit at `position`).
    ///
    /// # Errors
    /// [`Misfit`] where the entry does not continue `before`.
    pub fn apply(
        before: Option<&Self>,
        entry: &Entry,
        hash: Hash,
        position: Position,
        private: &Private,
    ) -> Result<Self, Misfit> {
        Self::apply_made(before, entry, hash, position, private, None)
    }

    /// As [`Instance::apply`], where whoever made the entry's patch still has the `data` that it leads to.
    ///
    /// # Errors
    /// [`Misfit`] where the entry does not continue `before`.
    pub fn apply_made(
        before: Option<&Self>,
        entry: &Entry,
        hash: Hash,
        position: Position,
        private: &Private,
        data: Option<Arc<Value>>,
    ) -> Result<Self, Misfit> {
        let expected = before.map_or(1, |instance| instance.seq + 1);
        if entry.seq != expected {
            return Err(Misfit::Seq { id: entry.instance.clone(), expected, found: entry.seq });
        }
        if before.is_some_and(|instance| instance.hash != entry.prev) {
            return Err(Misfit::Prev { id: entry.instance.clone(), seq: entry.seq });
        }
        let mut after = before.map_or_else(|| Self::unborn(entry), |before| Ok(before.clone()))?;
        after.data = match data {
            Some(data) => {
                let led_to = || patched(&after.data, entry).ok();
                debug_assert_eq!(
                    led_to().as_ref(),
                    Some(&data),
                    "the patch of entry {} leads elsewhere",
                    entry.seq
                );
                data
            }
            None => patched(&after.data, entry)?,
        };
        after.data_version = entry.data_version;
        entry.to.clone_into(&mut after.state);
        after.seq = entry.seq;
        after.hash = hash;
        after.position = position;
        after.updated = entry.recorded_at;
        if let Some(pins) = &entry.pins {
            after.pins = pins.clone();
        }
        if let Some(idempotency) = &entry.idempotency {
            after.keys.insert(idempotency.key.clone(), position);
        }
        after.settle_cause(entry);
        sla::state::apply(&mut after.clocks, &entry.clocks);
        for effect in &entry.effects {
            after.take_effect(effect);
            if let Effect::Spawn(started) = effect
                && entry.starts_pending()
            {
                after.drop_link(&started.rule, started.index);
            }
        }
        after.keep_private(private);
        let mut kept = std::mem::take(&mut after.kpi);
        kept.take(before, &after, entry);
        after.kpi = kept;
        Ok(after)
    }

    fn unborn(entry: &Entry) -> Result<Self, Misfit> {
        let pins = entry.pins.clone().ok_or_else(|| Misfit::Pins { id: entry.instance.clone() })?;
        Ok(Self {
            id: entry.instance.clone(),
            workflow: entry.workflow.clone(),
            data_version: entry.data_version,
            state: entry.to.clone(),
            data: Arc::default(),
            seq: 0,
            hash: entry.prev,
            position: 0,
            created: entry.recorded_at,
            updated: entry.recorded_at,
            pins,
            origin: entry.origin.clone(),
            parent: match &entry.cause {
                Some(Cause::Parent { id, .. }) => Some(id.clone()),
                _ => None,
            },
            timers: BTreeMap::new(),
            generations: BTreeMap::new(),
            clocks: Clocks::new(),
            sends: Vec::new(),
            sent: 0,
            pending: Vec::new(),
            keys: BTreeMap::new(),
            kpi: kpi::Facts::default(),
            private: Private::new(),
        })
    }

    /// A timer that fired, lapsed or failed is no longer armed as it was.
    fn settle_cause(&mut self, entry: &Entry) {
        match &entry.cause {
            Some(Cause::Timer { timer, generation, .. }) => {
                if self.timers.get(timer).is_some_and(|armed| armed.generation == *generation) {
                    self.timers.remove(timer);
                }
            }
            Some(Cause::Send { from, number }) if *from == self.id && entry.event != STEP_FAILED => {
                self.forget_send(*number);
            }
            Some(
                Cause::Send { .. } | Cause::Parent { .. } | Cause::Follow { .. } | Cause::Operator { .. },
            )
            | None => {}
        }
    }

    /// Drops a send that reached its end; called for the sender when the receiver's entry is applied.
    pub fn forget_send(&mut self, number: u32) {
        self.sends.retain(|send| send.number != number);
    }

    /// A rule and its index name one link; the oldest, should a machine give the name twice.
    fn drop_link(&mut self, rule: &str, index: u32) {
        let found = self.pending.iter().position(|spawn| spawn.rule == rule && spawn.index == index);
        if let Some(at) = found {
            self.pending.remove(at);
        }
    }

    fn take_effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Arm { timer, generation, due, failures } => {
                let armed = Timer { generation: *generation, due: *due, failures: *failures };
                self.timers.insert(timer.clone(), armed);
                self.generations.insert(timer.clone(), *generation);
            }
            Effect::Cancel { timer } => {
                self.timers.remove(timer);
            }
            Effect::Send(send) => {
                self.sent = self.sent.max(send.number);
                self.sends.push(send.clone());
            }
            Effect::Park { number, until, failures } => {
                if let Some(send) = self.sends.iter_mut().find(|send| send.number == *number) {
                    send.not_before = Some(*until);
                    send.failures = *failures;
                }
            }
            Effect::Spawn(spawn) if spawn.child.is_none() => self.pending.push(spawn.clone()),
            Effect::DropPending { rule, index: None } => self.pending.retain(|spawn| spawn.rule != *rule),
            Effect::DropPending { rule, index: Some(index) } => self.drop_link(rule, *index),
            Effect::Spawn(_) | Effect::Notify(_) | Effect::Task(_) | Effect::Count { .. } => {}
        }
    }

    /// Keeps just the personal values that the data, sends and pending links still refer to.
    fn keep_private(&mut self, fresh: &Private) {
        if fresh.is_empty() && self.private.is_empty() {
            return;
        }
        let mut wanted = Vec::new();
        personal::digests(&self.data, &mut wanted);
        let payloads = self.sends.iter().map(|send| &send.payload);
        for payload in payloads.chain(self.pending.iter().map(|spawn| &spawn.payload)) {
            payload.values().for_each(|value| personal::digests(value, &mut wanted));
        }
        let mut kept = Private::new();
        for digest in wanted {
            if let Some(secret) = fresh.get(&digest).or_else(|| self.private.get(&digest)) {
                kept.insert(digest, secret.clone());
            }
        }
        self.private = kept;
    }

    /// The earliest due of its timers.
    pub fn next_due(&self) -> Option<Instant> {
        self.timers.values().map(|timer| timer.due).min()
    }

    /// The data, to be made otherwise than any machine would.
    #[cfg(test)]
    pub fn data_mut(&mut self) -> &mut Value {
        Arc::make_mut(&mut self.data)
    }

    /// Text of the member of `data.case` called `name`, where it is text.
    pub fn case_text(&self, name: &str) -> Option<&str> {
        self.data.get("case")?.get(name)?.as_str()
    }
}
