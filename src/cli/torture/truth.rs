//! Owns what the journal says after a round: every version that every instance ever had.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::history::{Members, members};
use crate::api::caller::Sight;
use crate::api::entries::shows_personal;
use crate::api::instances::{owner_text, timer_view};
use crate::journal::Commit;
use crate::kernel::entry::{Cause, Entry};
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::{Instance, Timer};
use crate::kernel::instant::Instant;
use crate::kernel::personal;
use crate::kernel::sla::is_clock_timer;
use crate::kernel::sla::state::first_due;

/// What the journal says.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Versions of each instance, the first at place 0.
    pub instances: BTreeMap<InstanceId, Vec<Version>>,
    /// Where each used idempotency key stands, by digest.
    pub keys: HashMap<String, Vec<(InstanceId, u64)>>,
    /// Every entry in the order of the journal, as (position, instance, sequence).
    pub entries: Vec<(u64, InstanceId, u64)>,
}

/// An instance as one of its entries left it.
#[derive(Clone, Debug)]
pub struct Version {
    /// Number of the entry.
    pub seq: u64,
    /// Position of its commit.
    pub position: u64,
    /// Hash of the entry.
    pub hash: Hash,
    /// The event.
    pub event: String,
    /// Who sent it.
    pub actor: String,
    /// Digest of the idempotency key that it used up.
    pub key: Option<String>,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// What made the engine send it.
    pub cause: Option<Cause>,
    /// The workflow.
    pub workflow: String,
    /// State after it.
    pub state: String,
    /// Who answers for the instance.
    pub owner: Option<String>,
    /// Whose it is.
    pub customer: Option<String>,
    /// When the running clock is due that is due first.
    pub first_due: Option<Instant>,
    /// Armed timers.
    pub timers: BTreeMap<String, Timer>,
    /// Numbers of undelivered sends that nothing holds back.
    pub sends: Vec<u32>,
    /// What an answer must say of it.
    pub members: Members,
}

/// Reads commits in order.
#[derive(Default)]
pub struct Reading {
    truth: Truth,
    now: HashMap<InstanceId, Instance>,
}

impl Reading {
    /// Takes the next commit.
    ///
    /// # Errors
    /// An entry that does not continue its instance.
    pub fn take(&mut self, position: u64, commit: &Commit) -> Result<(), String> {
        for stored in &commit.entries {
            let entry = stored.verify().map_err(|e| format!("position {position}: {e}"))?;
            let before = self.now.get(&entry.instance);
            let after = Instance::apply(before, &entry, stored.hash, position, &commit.private)
                .map_err(|e| format!("position {position}: {e}"))?;
            self.settle(&entry);
            let id = entry.instance.clone();
            if let Some(idempotency) = &entry.idempotency {
                self.truth.keys.entry(idempotency.key.clone()).or_default().push((id.clone(), entry.seq));
            }
            self.truth.entries.push((position, id.clone(), entry.seq));
            self.truth.instances.entry(id.clone()).or_default().push(version(&entry, &after));
            self.now.insert(id, after);
        }
        Ok(())
    }

    /// A delivered send is no longer its sender's, whose own version stays as it was.
    fn settle(&mut self, entry: &Entry) {
        let Some(Cause::Send { from, number }) = &entry.cause else { return };
        if let Some(sender) = self.now.get_mut(from)
            && *from != entry.instance
        {
            sender.forget_send(*number);
        }
        let last = self.truth.instances.get_mut(from).and_then(|versions| versions.last_mut());
        if let Some(last) = last {
            last.sends.retain(|waiting| waiting != number);
        }
    }

    /// What the journal says.
    pub fn truth(self) -> Truth {
        self.truth
    }
}

fn version(entry: &Entry, after: &Instance) -> Version {
    Version {
        seq: entry.seq,
        position: after.position,
        hash: after.hash,
        event: entry.event.clone(),
        actor: entry.actor.id.clone(),
        key: entry.idempotency.as_ref().map(|used| used.key.clone()),
        recorded_at: entry.recorded_at,
        cause: entry.cause.clone(),
        workflow: entry.workflow.clone(),
        state: entry.to.clone(),
        owner: owner_text(after),
        customer: after.case_text("customer_id").map(str::to_owned),
        first_due: first_due(&after.clocks),
        timers: after.timers.clone(),
        sends: after.sends.iter().filter(|send| send.not_before.is_none()).map(|send| send.number).collect(),
        members: members(&view(after)),
    }
}

/// What an answer must say of `instance`, to somebody who sees all of it.
fn view(instance: &Instance) -> Value {
    let mut data = Value::clone(&instance.data);
    if shows_personal(instance, Sight::Full) {
        personal::reveal(&mut data, &instance.private);
    }
    let shown = instance.timers.iter().filter(|(name, _)| !is_clock_timer(name));
    let mut timers: Vec<_> = shown.map(|(name, timer)| timer_view(name, timer)).collect();
    timers.sort();
    json!({
        "workflow": instance.workflow, "state": instance.state, "data": data, "seq": instance.seq,
        "position": instance.position, "created": instance.created, "updated": instance.updated,
        "timers": timers,
    })
}

impl Truth {
    /// The version of `id` at `position`.
    pub fn at(&self, id: &InstanceId, position: u64) -> Option<&Version> {
        let versions = self.instances.get(id)?;
        versions[..versions.partition_point(|version| version.position <= position)].last()
    }

    /// The version of `id` that entry `seq` left.
    pub fn version(&self, id: &InstanceId, seq: u64) -> Option<&Version> {
        let place = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.instances.get(id)?.get(place)
    }
}
