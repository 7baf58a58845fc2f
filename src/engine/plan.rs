//! Owns planning: turning one event into the entries of one commit, follow-ups and children included.
//!
//! The writer and the dry run plan with the same code; they differ in the view
//! they plan on and in what becomes of the result.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::catalog::Catalog;
use super::directory::Directory;
use super::links;
use super::pins::{self, Pinned};
use super::view::{Known, View};
use crate::index::IndexError;
use crate::journal::{COMMIT_ENTRIES_MAX, LINE_BYTES_MAX};
use crate::kernel::actor::{Actor, Role};
use crate::kernel::effect::{self, Effect, Spawn};
use crate::kernel::entry::{Cause, ENTRY_VERSION, Entry, Idempotency, Pins, Position, Stored};
use crate::kernel::fact::Facts;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Workflow;
use crate::kernel::outcome::{Change, Event, Follow, Input, Outcome, Refusal, RefusalKind};
use crate::kernel::patch;
use crate::kernel::personal::{self, Private};
use crate::kernel::sla;

/// Most children of one commit; the others wait with their parent, whose timer starts the next.
pub const CHILDREN_MAX: usize = 64;
/// A claimed time further back than this is replaced (R1).
const CLAIM_PAST_MS: i64 = 7 * 24 * 3_600_000;
/// A claimed time further ahead than this is replaced (R1).
const CLAIM_AHEAD_MS: i64 = 2 * 60_000;
/// Room left in a line for position, chain, checksum and their names.
const LINE_FRAME_BYTES: usize = 512;

/// What planning needs to know beside the instances.
pub struct World<'a> {
    /// Registered workflows by name.
    pub workflows: &'a HashMap<&'static str, Arc<dyn Workflow>>,
    /// Definitions and calendars.
    pub catalog: &'a Catalog,
    /// People.
    pub directory: &'a Directory,
    /// Instances.
    pub view: View<'a>,
    /// The moment of the commit.
    pub now: Instant,
    /// Position of the commit.
    pub position: Position,
}

/// One entry with the instance before and after it.
#[derive(Clone, Debug)]
pub struct Made {
    /// The entry.
    pub entry: Arc<Entry>,
    /// Its stored form.
    pub stored: Stored,
    /// The instance before.
    pub before: Option<Arc<Instance>>,
    /// The instance after.
    pub after: Arc<Instance>,
}

/// The entries of one commit, computed.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// In order; the first is the one that was asked for.
    pub made: Vec<Made>,
    /// Personal values beside them.
    pub private: Private,
    /// A sender whose delivered send is forgotten: before and after.
    pub settled: Option<(Arc<Instance>, Arc<Instance>)>,
    started: HashMap<InstanceId, Arc<Instance>>,
    children: usize,
}

/// Why nothing was planned.
#[derive(Debug)]
pub enum PlanError {
    /// The step refused the event.
    Refused(Refusal),
    /// The workflow's code panicked.
    Panicked(String),
    /// The commit would be too large.
    TooLarge(String),
    /// What the instance is pinned to is not known.
    Missing(String),
    /// The index failed.
    Index(IndexError),
}

impl From<IndexError> for PlanError {
    fn from(error: IndexError) -> Self {
        Self::Index(error)
    }
}

/// What a step leaves to do in its commit: follow-ups, and children with their ids.
type Remaining = (Vec<Follow>, Vec<(InstanceId, Spawn)>);

/// What an entry says beside the event itself.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// Hashes of key and body.
    pub idempotency: Option<Idempotency>,
    /// The request that brought it.
    pub request_id: Option<String>,
    /// The import or demo batch.
    pub origin: Option<String>,
    /// Facts to record beside the machine's: a replaced time.
    pub notes: Facts,
}

/// When an event happened: a gateway's own word within R1's window, else now; and what was replaced.
pub fn occurred(actor: &Actor, claimed: Option<Instant>, now: Instant) -> (Instant, Facts) {
    let mut notes = Facts::new();
    let trusted = matches!(actor.role, Role::Gateway | Role::System);
    match claimed {
        Some(at) if trusted && (-CLAIM_AHEAD_MS..=CLAIM_PAST_MS).contains(&now.since(at)) => (at, notes),
        Some(at) if at != now => {
            notes.insert("occurred_at_replaced".into(), json!(at));
            (now, notes)
        }
        Some(_) | None => (now, notes),
    }
}

impl World<'_> {
    /// Plans `event` on `instance`, the newest of `id` (absent: a start of `workflow`), as one commit.
    ///
    /// # Errors
    /// [`PlanError`]; nothing is changed by planning.
    pub fn plan(
        &self,
        workflow: &str,
        id: &InstanceId,
        instance: Option<Arc<Instance>>,
        event: Event,
        meta: Meta,
        private: Private,
    ) -> Result<Plan, PlanError> {
        let mut plan = Plan { private, ..Plan::default() };
        self.run(&mut plan, workflow, id, instance, event, meta, Hash::ZERO)?;
        Ok(plan)
    }

    /// One step with its upgrade before and its follow-ups and children after it.
    #[expect(clippy::too_many_arguments, reason = "the parts of one entry; a struct would name them twice")]
    pub(super) fn run(
        &self,
        plan: &mut Plan,
        workflow: &str,
        id: &InstanceId,
        instance: Option<Arc<Instance>>,
        event: Event,
        meta: Meta,
        root: Hash,
    ) -> Result<(), PlanError> {
        let machine = self
            .workflows
            .get(workflow)
            .ok_or_else(|| PlanError::Missing(format!("workflow `{workflow}`")))?;
        let instance = match instance {
            Some(old) if old.data_version != machine.data_version() => {
                Some(self.upgrade(plan, machine.as_ref(), &old)?)
            }
            other => other,
        };
        let pins = self.pins(workflow, instance.as_deref(), &event)?;
        let event = self.as_sent(workflow, instance.as_deref(), event, &pins)?;
        let (change, facts) = self.step(machine.as_ref(), id, instance.as_ref(), &event, &pins)?;
        let facts = facts.into_iter().chain(meta.notes.clone()).collect();
        let (follow, spawns) =
            self.record(plan, machine.as_ref(), id, instance, event, meta, pins, facts, *change, root)?;
        let parent = plan.newest(id).expect("its entry was just recorded");
        self.follow_up(plan, workflow, id, follow)?;
        self.start_children(plan, &parent, spawns)
    }

    /// A due timer of a clock sends the clock's own event, every other event is as it came.
    fn as_sent(
        &self,
        workflow: &str,
        instance: Option<&Instance>,
        event: Event,
        pins: &Pins,
    ) -> Result<Event, PlanError> {
        let (Some(instance), Some(Cause::Timer { timer, .. })) = (instance, &event.cause) else {
            return Ok(event);
        };
        if !sla::is_clock_timer(timer) {
            return Ok(event);
        }
        let Pinned { definition, calendar, others, .. } = self.pinned(workflow, &event, pins)?;
        Ok(match sla::due_event(definition, calendar, &others, instance, timer, self.now) {
            Some((name, payload)) => Event { name: name.to_owned(), payload, ..event },
            None => event,
        })
    }

    /// Runs the workflow's code; a panic inside it stays inside.
    fn step(
        &self,
        machine: &dyn Workflow,
        id: &InstanceId,
        instance: Option<&Arc<Instance>>,
        event: &Event,
        pins: &Pins,
    ) -> Result<(Box<Change>, Facts), PlanError> {
        let Pinned { definition, calendar, others, next } = self.pinned(machine.name(), event, pins)?;
        let known = Known {
            directory: self.directory,
            registered: &|name| self.workflows.contains_key(name),
            definition: &|workflow, version| self.catalog.version(workflow, version),
        };
        let (asked, step) = guarded(|| machine.open(instance.map(AsRef::as_ref), event))?;
        let facts = self.view.facts(&asked, machine.name(), &known)?;
        let instance = instance.map(AsRef::as_ref);
        let input = Input {
            definition,
            calendar,
            others: &others,
            next,
            id,
            instance,
            event,
            facts: &facts,
            now: self.now,
        };
        match guarded(|| step(&input))? {
            Outcome::Moved(change) | Outcome::Stayed(change) => Ok((change, facts)),
            Outcome::Refused(refusal) => Err(PlanError::Refused(refusal)),
        }
    }

    /// Adds the entry of an accepted step; answers what is still to do.
    #[expect(clippy::too_many_arguments, reason = "the parts of one entry; a struct would name them twice")]
    fn record(
        &self,
        plan: &mut Plan,
        machine: &dyn Workflow,
        id: &InstanceId,
        before: Option<Arc<Instance>>,
        event: Event,
        meta: Meta,
        mut pins: Arc<Pins>,
        facts: Facts,
        change: Change,
        root: Hash,
    ) -> Result<Remaining, PlanError> {
        let seq = before.as_ref().map_or(1, |instance| instance.seq + 1);
        let origin = meta.origin.or_else(|| before.as_ref().and_then(|instance| instance.origin.clone()));
        let mut effects = change.effects;
        effect::of_origin(&mut effects, origin.as_deref());
        let spawns = self.name_children(plan, id, seq, before.as_deref(), &mut effects);
        if let Some(definition) = change.repin {
            self.repin(Arc::make_mut(&mut pins), definition)?;
        }
        let entry = Entry {
            v: ENTRY_VERSION,
            instance: id.clone(),
            seq,
            workflow: machine.name().to_owned(),
            data_version: machine.data_version(),
            event: event.name,
            payload: event.payload,
            facts,
            actor: event.actor,
            occurred_at: Some(event.occurred_at),
            recorded_at: self.now,
            idempotency: meta.idempotency,
            request_id: meta.request_id,
            pins: Some(pins),
            origin,
            cause: event.cause,
            rule: change.rule.map(str::to_owned),
            from: change.from,
            to: change.to,
            patch: change.patch,
            clocks: change.clocks,
            effects,
            prev: before.as_ref().map_or(root, |instance| instance.hash),
        };
        plan.add_made(entry, before, self.position, Some(change.data))?;
        Ok((change.follow, spawns))
    }

    /// Gives spawns of registered flows their child's id, before the entry is hashed. Those beyond
    /// [`CHILDREN_MAX`] wait, and the timer that goes on with them is armed for this very moment.
    pub(super) fn name_children(
        &self,
        plan: &mut Plan,
        id: &InstanceId,
        seq: u64,
        before: Option<&Instance>,
        effects: &mut Vec<Effect>,
    ) -> Vec<(InstanceId, Spawn)> {
        let mut spawns = Vec::new();
        let mut beyond = false;
        for (number, effect) in effects.iter_mut().enumerate() {
            let Effect::Spawn(spawn) = effect else { continue };
            if let Some(before) = before {
                plan.carry_private(&spawn.payload, &before.private);
            }
            let named = spawn.child.take();
            if !self.workflows.contains_key(spawn.workflow.as_str()) {
                continue;
            }
            let waits = plan.children >= CHILDREN_MAX && named.is_none();
            beyond |= waits;
            if !waits {
                plan.children += 1;
                let (seq, number) = (seq.to_string(), number.to_string());
                let derive = || id.child(&[id.as_str(), &seq, &spawn.rule, &number]);
                let child = named.unwrap_or_else(derive);
                spawns.push((child.clone(), spawn.clone()));
                spawn.child = Some(child);
                spawn.payload = Map::new();
            }
        }
        if beyond {
            effects.push(links::go_on(before, self.now, 0));
        }
        spawns
    }

    fn follow_up(
        &self,
        plan: &mut Plan,
        workflow: &str,
        id: &InstanceId,
        follow: Vec<Follow>,
    ) -> Result<(), PlanError> {
        for next in follow {
            let instance = plan.newest(id);
            let seq = instance.as_ref().map_or(0, |instance| instance.seq);
            let event = Event {
                name: next.event.to_owned(),
                payload: next.payload,
                actor: Actor::system(),
                occurred_at: self.now,
                cause: Some(Cause::Follow { seq }),
            };
            self.run(plan, workflow, id, instance, event, Meta::default(), Hash::ZERO)?;
        }
        Ok(())
    }

    fn start_children(
        &self,
        plan: &mut Plan,
        parent: &Instance,
        spawns: Vec<(InstanceId, Spawn)>,
    ) -> Result<(), PlanError> {
        spawns.into_iter().try_for_each(|(child, spawn)| self.start_child(plan, parent, &child, spawn))
    }

    /// The first entry of `child`, which continues the last one of `parent`.
    pub(super) fn start_child(
        &self,
        plan: &mut Plan,
        parent: &Instance,
        child: &InstanceId,
        spawn: Spawn,
    ) -> Result<(), PlanError> {
        let start = self.workflows[spawn.workflow.as_str()].start_event();
        let event = Event {
            name: start.to_owned(),
            payload: spawn.payload,
            actor: Actor::system(),
            occurred_at: self.now,
            cause: Some(Cause::Parent { id: parent.id.clone(), seq: parent.seq }),
        };
        let meta = Meta { origin: parent.origin.clone(), ..Meta::default() };
        self.run(plan, &spawn.workflow, child, None, event, meta, parent.hash)
    }

    /// The entry that brings an instance of an older shape to the machine's, before its event.
    fn upgrade(
        &self,
        plan: &mut Plan,
        machine: &dyn Workflow,
        old: &Arc<Instance>,
    ) -> Result<Arc<Instance>, PlanError> {
        let upgraded = guarded(|| machine.upgrade(old.data_version, &old.state, Value::clone(&old.data)))?;
        let (to, data) = upgraded.map_err(|reason| {
            PlanError::Missing(format!(
                "an upgrade of `{}` from data version {}: {reason}",
                old.workflow, old.data_version
            ))
        })?;
        let mut entry = continuing(old, "data_upgraded", Actor::system(), self.now);
        entry.data_version = machine.data_version();
        entry.payload.insert("from".into(), json!(old.data_version));
        entry.payload.insert("to".into(), json!(machine.data_version()));
        entry.patch = patch::diff(&old.data, &Arc::new(data));
        entry.to = to;
        plan.add(entry, Some(old.clone()), self.position)?;
        Ok(plan.newest(&old.id).expect("the upgrade was just added"))
    }
}

/// An entry that leaves `instance` where it is, to be filled in by the engine; runs no workflow code.
pub fn continuing(instance: &Instance, event: &str, actor: Actor, now: Instant) -> Entry {
    Entry {
        v: ENTRY_VERSION,
        instance: instance.id.clone(),
        seq: instance.seq + 1,
        workflow: instance.workflow.clone(),
        data_version: instance.data_version,
        event: event.to_owned(),
        payload: Map::new(),
        facts: Facts::new(),
        actor,
        occurred_at: None,
        recorded_at: now,
        idempotency: None,
        request_id: None,
        pins: Some(pins::kept(instance)),
        origin: instance.origin.clone(),
        cause: None,
        rule: None,
        from: Some(instance.state.clone()),
        to: instance.state.clone(),
        patch: Vec::new(),
        clocks: Vec::new(),
        effects: Vec::new(),
        prev: instance.hash,
    }
}

impl Plan {
    /// Seals `entry`, applies it and keeps both.
    ///
    /// # Errors
    /// [`PlanError::Refused`] for a value without canonical form; [`PlanError::TooLarge`].
    pub fn add(
        &mut self,
        entry: Entry,
        before: Option<Arc<Instance>>,
        position: Position,
    ) -> Result<(), PlanError> {
        self.add_made(entry, before, position, None)
    }

    /// As [`Plan::add`], with the data that the entry's patch leads to.
    fn add_made(
        &mut self,
        mut entry: Entry,
        before: Option<Arc<Instance>>,
        position: Position,
        data: Option<Arc<Value>>,
    ) -> Result<(), PlanError> {
        if self.made.len() >= COMMIT_ENTRIES_MAX {
            return Err(PlanError::TooLarge(format!("a commit has at most {COMMIT_ENTRIES_MAX} entries")));
        }
        let unfit = |reason: String| PlanError::Refused(Refusal::new(RefusalKind::Input, "payload", reason));
        entry.leave_out_known(before.as_ref().map(|instance| &*instance.pins));
        let prev_position = before.as_ref().map(|instance| instance.position);
        let stored = Stored::seal(&entry, prev_position).map_err(|e| unfit(e.to_string()))?;
        let (known, private) = (before.as_deref(), &self.private);
        let after = Instance::apply_made(known, &entry, stored.hash, position, private, data)
            .map_err(|e| unfit(e.to_string()))?;
        let after = Arc::new(after);
        self.started.insert(after.id.clone(), after.clone());
        self.made.push(Made { entry: Arc::new(entry), stored, before, after });
        Ok(())
    }

    /// The newest planned state of an instance.
    pub fn newest(&self, id: &InstanceId) -> Option<Arc<Instance>> {
        self.started.get(id).cloned()
    }

    /// Copies the personal values that `payload` refers to from `known` into this commit.
    pub fn carry_private(&mut self, payload: &Map<String, Value>, known: &Private) {
        let mut digests = Vec::new();
        payload.values().for_each(|value| personal::digests(value, &mut digests));
        for digest in digests {
            if let Some(secret) = known.get(&digest) {
                self.private.entry(digest).or_insert_with(|| secret.clone());
            }
        }
    }

    /// The same plan, which also ends send `number` of `sender`.
    #[must_use]
    pub fn settling(mut self, sender: &Arc<Instance>, number: u32) -> Self {
        let before = self.newest(&sender.id).unwrap_or_else(|| sender.clone());
        let mut after = Instance::clone(&before);
        after.forget_send(number);
        self.settled = Some((before, Arc::new(after)));
        self
    }

    /// Refuses a plan that does not fit one commit.
    ///
    /// # Errors
    /// [`PlanError::TooLarge`].
    pub fn check_size(&self) -> Result<(), PlanError> {
        let entries: usize = self.made.iter().map(|made| made.stored.entry.len() + 160).sum();
        let private: usize = self.private.values().map(|secret| secret.value.to_string().len() + 160).sum();
        let bytes = entries + private + LINE_FRAME_BYTES;
        if bytes > LINE_BYTES_MAX {
            let reason = format!("a commit of {bytes} bytes is over the limit of {LINE_BYTES_MAX}");
            return Err(PlanError::TooLarge(reason));
        }
        Ok(())
    }
}

/// Runs workflow code; a panic becomes an error with its message.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, PlanError> {
    caught(run).map_err(PlanError::Panicked)
}

/// Runs code that can panic.
///
/// # Errors
/// The panic's message.
pub(super) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "panicked without a message".into())
    })
}
