//! Owns every change: the only writer. People, timers, sends, children and administrators go through one step.

pub mod batch;
pub mod catalog;
pub mod command;
pub mod directory;
mod executor;
mod group;
pub mod metrics;
mod open;
pub mod plan;
mod shared;
mod system;
mod view;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::index::{IndexError, List, Page, Range};
use crate::journal::{Commit, ReadError};
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::canonical;
use crate::kernel::definition::Definition;
use crate::kernel::entry::{Entry, Idempotency, Position};
use crate::kernel::explore::Exploration;
use crate::kernel::fault::Fault;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::{Instance, Timer};
use crate::kernel::instant::Instant;
use crate::kernel::machine::Workflow;
use crate::kernel::outcome::{Event, Refusal, RefusalKind};
use crate::kernel::personal::{self, Private};

pub use command::{Accepted, Command, CommandError, Preview, Target};
pub use open::{OpenError, Parts};

use directory::{ACTOR, ActorData, TOKEN, TokenData};
use executor::{Message, Prepared};
use group::Answer;
use plan::{Meta, PlanError, World, occurred};
use shared::Shared;
use system::SystemChange;
use view::{Staged, View};

/// A recorded entry with what stands beside it in the journal.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Position of its commit.
    pub position: Position,
    /// The entry, personal values sealed.
    pub entry: Arc<Entry>,
    /// Its hash.
    pub hash: Hash,
    /// The personal values of its commit.
    pub private: Arc<Private>,
}

/// Who a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The actor's id.
    pub actor: String,
    /// What kind of thing it is.
    pub kind: ActorKind,
    /// The roles it may act in.
    pub roles: Vec<Role>,
}

/// A token as it is listed; the secret is never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its id.
    pub id: InstanceId,
    /// Who it speaks for.
    pub identity: Identity,
    /// When it was made.
    pub created: Instant,
    /// Whether it still opens anything.
    pub revoked: bool,
}

/// A person or service that can own cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorInfo {
    /// Its id.
    pub id: String,
    /// False once deactivated (X16).
    pub active: bool,
    /// Whether work may be given to it now.
    pub on_shift: bool,
    /// Its department.
    pub department: Option<String>,
}

/// One armed timer.
#[derive(Clone, Debug)]
pub struct ArmedTimer {
    /// Its instance.
    pub instance: Arc<Instance>,
    /// Its name.
    pub name: String,
    /// When it fires.
    pub timer: Timer,
}

/// Whether the engine takes commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It does.
    Ready,
    /// The index is being rebuilt.
    Rebuilding {
        /// Commits applied.
        done: Position,
        /// Commits in the journal.
        of: Position,
    },
    /// It stopped, and why.
    Stopped(String),
}

/// Commands that may wait for the writer: a few hundred milliseconds of its work.
pub const QUEUE_MAX: usize = 4_096;
/// Most cases given back in one go when a person is deactivated: their sends fit one entry.
const REASSIGN_MAX: usize = 500;
/// Commits looked at in one read of the feed.
const FEED_READ: usize = 256;

/// The running engine; clones share it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Message>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

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
        let prepared = self.prepare(&command)?;
        let answer = self.ask(|reply| Message::Command(Box::new(prepared), reply)).await;
        if answer.is_err() {
            self.shared.metrics.refused();
        }
        answer
    }

    async fn ask(&self, message: impl FnOnce(group::Reply) -> Message) -> Answer {
        if self.shared.halted() {
            return Err(CommandError::Stopped(self.shared.stop_reason()));
        }
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(message(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                self.shared.metrics.shed();
                CommandError::Busy
            }
            mpsc::error::TrySendError::Closed(_) => CommandError::Stopped(self.shared.stop_reason()),
        })?;
        answer.await.unwrap_or(Err(CommandError::CommitUnknown))
    }

    /// Checks a command against what is registered and its payload's schema, and seals personal values.
    fn prepare(&self, command: &Command) -> Result<Prepared, CommandError> {
        let (workflow, instance) = self.target(command)?;
        let spec = workflow.events().into_iter().find(|spec| spec.name == command.event);
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
        let payload = if let Value::Object(map) = payload { map } else { Map::new() };
        let claimed = payload.get("occurred_at").and_then(Value::as_str);
        let claimed = command.occurred_at.or(claimed.and_then(|text| Instant::parse(text).ok()));
        Ok(Prepared {
            id: match &command.target {
                Target::Instance(id) => id.clone(),
                Target::Start(_) => start_id(command, workflow.name()),
            },
            workflow: workflow.name().to_owned(),
            start: instance.is_none(),
            event: command.event.clone(),
            payload,
            private,
            actor: command.actor.clone(),
            claimed,
            idempotency: command.key.as_ref().map(|key| hashes(command, workflow.name(), key)),
            if_match: command.if_match,
            request_id: command.request_id.clone(),
            origin: command.origin.clone(),
        })
    }

    fn target(&self, command: &Command) -> Result<(&Arc<dyn Workflow>, Option<Arc<Instance>>), CommandError> {
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

    /// What `command` would do on the published state; takes no queue and uses up no key.
    ///
    /// # Errors
    /// [`CommandError`], as sending it would.
    pub fn preview(&self, command: &Command) -> Result<Preview, CommandError> {
        let prepared = self.prepare(command)?;
        let position = self.position();
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
        let planned = world.plan(&prepared.workflow, &prepared.id, &event, meta, prepared.private);
        let plan =
            planned.map_err(command_error).map_err(|error| self.shared.with_accepted(error, before))?;
        let after = plan.newest(&prepared.id).expect("a plan holds the instance it was made for");
        let entries = plan.made.iter().map(|made| made.entry.clone()).collect();
        Ok(Preview { entries, after, position })
    }

    /// The published instance and the position it was read at.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn instance(&self, id: &InstanceId) -> Result<(Option<Arc<Instance>>, Position), IndexError> {
        let position = self.position();
        Ok((self.shared.index.get(id)?, position))
    }

    /// A page of the merged lists.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn page(&self, lists: &[List], range: &Range, limit: usize) -> Result<Page, IndexError> {
        self.shared.index.page(lists, range, limit)
    }

    /// The last published position.
    pub fn position(&self) -> Position {
        *self.shared.published.borrow()
    }

    /// Entries of `instance` with seq after `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`ReadError`]; found damage also stops the writer.
    pub async fn history(
        &self,
        instance: &Instance,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let mut found = Vec::new();
        let mut next = Some(instance.position);
        while let Some(position) = next {
            let commits = self.read_at(position).await?;
            let mut here: Vec<Recorded> = Vec::new();
            next = None;
            for (position, commit) in commits {
                for (recorded, prev_position) in records(position, &commit)? {
                    if recorded.entry.instance == instance.id && recorded.entry.seq <= instance.seq {
                        if here.is_empty() {
                            next = prev_position;
                        }
                        here.push(recorded);
                    }
                }
            }
            let reached = here.first().is_none_or(|first| first.entry.seq <= after + 1);
            found.extend(here.into_iter().rev().filter(|recorded| recorded.entry.seq > after));
            if reached {
                break;
            }
        }
        found.reverse();
        found.truncate(limit);
        Ok(found)
    }

    async fn read_at(&self, position: Position) -> Result<Vec<(Position, Commit)>, ReadError> {
        let read = self.shared.journal.get(&[position]).await;
        self.note_damage(read)
    }

    /// Damage that a reader found stops the writer: nothing is added to a journal that is not whole.
    fn note_damage<T>(&self, read: Result<T, ReadError>) -> Result<T, ReadError> {
        if let Err(error @ ReadError::Damaged { .. }) = &read {
            self.shared.halt(&error.to_string());
        }
        read
    }

    /// Entries of commits after `after`, in order, waiting up to `wait` for the first; and the last
    /// position looked at, from which to go on. A commit is never split: a few entries more than
    /// `limit` are possible.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn changes(
        &self,
        after: Position,
        limit: usize,
        wait: Duration,
    ) -> Result<(Vec<Recorded>, Position), ReadError> {
        let mut published = self.shared.published.subscribe();
        // Either way the answer is what is there: entries, or none within `wait`.
        tokio::time::timeout(wait, published.wait_for(|position| *position > after)).await.ok();
        let end = *published.borrow();
        let mut found = Vec::new();
        let mut last = after.min(end);
        while last < end && found.len() < limit {
            let read = self.shared.journal.read(last + 1, FEED_READ.min(limit - found.len())).await;
            let commits = self.note_damage(read)?;
            if commits.is_empty() {
                break;
            }
            for (position, commit) in commits.into_iter().take_while(|(position, _)| *position <= end) {
                found.extend(records(position, &commit)?.into_iter().map(|(recorded, _)| recorded));
                last = position;
            }
        }
        Ok((found, last))
    }

    /// The registered workflows.
    pub fn workflows(&self) -> &[Arc<dyn Workflow>] {
        &self.shared.listed
    }

    /// A registered workflow.
    pub fn workflow(&self, name: &str) -> Option<&Arc<dyn Workflow>> {
        self.shared.workflows.get(name)
    }

    /// The definition that new instances of a workflow get.
    pub fn definition(&self, workflow: &str) -> Option<Arc<Definition>> {
        self.shared.catalog().current(workflow).cloned()
    }

    /// Every published definition of a workflow, oldest version first, with the YAML text it came from.
    pub fn definitions(&self, workflow: &str) -> Vec<(Arc<Definition>, Arc<str>)> {
        self.shared.catalog().versions(workflow)
    }

    /// The definition that an instance is pinned to.
    pub fn pinned(&self, instance: &Instance) -> Option<Arc<Definition>> {
        self.shared.catalog().definition(&instance.pins.definition).cloned()
    }

    /// What exploration finds of a workflow; computed by the first asker.
    pub fn exploration(&self, workflow: &str) -> Option<Arc<Exploration>> {
        self.shared.exploration(workflow)
    }

    /// The events that the state of `instance` accepts from people, by name.
    pub fn accepted_events(&self, instance: &Instance) -> Vec<String> {
        self.shared.accepted_events(instance)
    }

    /// Armed timers due at or before `until`, in due order, of at most `limit` instances after the cursor.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn timers(
        &self,
        after: Option<&(Instant, InstanceId)>,
        until: Instant,
        limit: usize,
    ) -> Result<Vec<ArmedTimer>, IndexError> {
        let mut found = Vec::new();
        for (due, id) in self.shared.index.due(after, until, limit)? {
            let Some(instance) = self.shared.index.get(&id)? else { continue };
            let first = instance.timers.iter().find(|(_, timer)| timer.due == due);
            if let Some((name, timer)) = first.map(|(name, timer)| (name.clone(), timer.clone())) {
                found.push(ArmedTimer { instance, name, timer });
            }
        }
        Ok(found)
    }

    /// Fires a timer now, for a reason (administrator).
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn fire_timer(&self, id: &InstanceId, timer: &str, reason: &str, by: Actor) -> Answer {
        let (id, timer, reason) = (id.clone(), timer.to_owned(), reason.to_owned());
        self.ask(|reply| Message::Fire { id, timer, reason, by, reply }).await
    }

    /// Moves a timer to another due, for a reason (administrator).
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn move_timer(
        &self,
        id: &InstanceId,
        timer: &str,
        due: Instant,
        reason: &str,
        by: Actor,
    ) -> Answer {
        let (id, timer, reason) = (id.clone(), timer.to_owned(), reason.to_owned());
        self.ask(|reply| Message::Move { id, timer, due, reason, by, reply }).await
    }

    async fn system(&self, change: SystemChange) -> Answer {
        self.ask(|reply| Message::System(Box::new(change), reply)).await
    }

    /// Makes a token; the secret is told once and never stored. A person it speaks for becomes known.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn create_token(
        &self,
        identity: Identity,
        by: Actor,
    ) -> Result<(TokenInfo, String), CommandError> {
        if self.shared.directory().actor(&identity.actor).is_none() {
            let data = ActorData {
                id: identity.actor.clone(),
                active: true,
                on_shift: identity.roles.iter().any(|role| role.is_staff()),
                department: None,
            };
            let id = directory::actor_id(&identity.actor);
            self.system(SystemChange::new(ACTOR, id, "known", "active", &data, by.clone())).await?;
        }
        let secret = format!("cft_{}", crate::random::hex_of(24));
        let secret_hash = directory::secret_hash(&secret);
        let id = directory::token_id(&secret_hash);
        let data = TokenData {
            secret_hash,
            actor: identity.actor,
            actor_kind: identity.kind,
            roles: identity.roles,
            revoked: false,
        };
        self.system(SystemChange::new(TOKEN, id.clone(), "created", "active", &data, by)).await?;
        Ok((self.token(&id)?, secret))
    }

    fn token(&self, id: &InstanceId) -> Result<TokenInfo, CommandError> {
        let directory = self.shared.directory();
        directory.token(id).cloned().ok_or_else(|| CommandError::UnknownInstance(id.clone()))
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn revoke_token(&self, id: &InstanceId, by: Actor) -> Result<TokenInfo, CommandError> {
        let known = self.token(id)?;
        if known.revoked {
            return Ok(known);
        }
        let stored = self.shared.index.get(id).map_err(|e| CommandError::Stopped(e.to_string()))?;
        let mut data = stored.map(|instance| instance.data.clone()).unwrap_or_default();
        data["revoked"] = json!(true);
        self.system(SystemChange::new(TOKEN, id.clone(), "revoked", "revoked", &data, by)).await?;
        self.token(id)
    }

    /// Every token.
    pub fn tokens(&self) -> Vec<TokenInfo> {
        self.shared.directory().tokens()
    }

    /// Who the secret speaks for; absent for an unknown or revoked one.
    pub fn authenticate(&self, secret: &str) -> Option<Identity> {
        self.shared.directory().authenticate(secret)
    }

    /// Known people and services.
    pub fn actors(&self) -> Vec<ActorInfo> {
        self.shared.directory().actors()
    }

    /// Adds or changes a person. Deactivating gives open cases back to their queues, and first
    /// ownership to `successor` (X16).
    ///
    /// # Errors
    /// [`CommandError`]; a person who is first owner somewhere is not deactivated without a successor.
    pub async fn put_actor(
        &self,
        actor: ActorInfo,
        successor: Option<String>,
        by: Actor,
    ) -> Result<ActorInfo, CommandError> {
        let id = directory::actor_id(&actor.id);
        let data = ActorData {
            id: actor.id.clone(),
            active: actor.active,
            on_shift: actor.on_shift && actor.active,
            department: actor.department.clone(),
        };
        let (event, state) = if actor.active { ("changed", "active") } else { ("deactivated", "inactive") };
        loop {
            let sends =
                if actor.active { Vec::new() } else { self.reassignments(&actor.id, successor.as_deref())? };
            let more = sends.len() >= REASSIGN_MAX;
            let mut change = SystemChange::new(ACTOR, id.clone(), event, state, &data, by.clone());
            change.sends = sends;
            self.system(change).await?;
            if !actor.active {
                self.settle().await;
            }
            if !more {
                break;
            }
        }
        let directory = self.shared.directory();
        directory.actor(&actor.id).cloned().ok_or(CommandError::UnknownInstance(id))
    }

    /// What takes the open cases of a person away.
    fn reassignments(
        &self,
        actor: &str,
        successor: Option<&str>,
    ) -> Result<Vec<(InstanceId, &'static str, Map<String, Value>)>, CommandError> {
        let stopped = |e: IndexError| CommandError::Stopped(e.to_string());
        let mut sends = Vec::new();
        let mut range = Range::default();
        let lists = self.unfinished_lists();
        loop {
            let page = self.page(&lists, &range, crate::index::PAGE_SCAN_MAX).map_err(stopped)?;
            for case in &page.rows {
                let held = |member: &str, inner: &str| {
                    case.data.pointer(member).and_then(|v| v.pointer(inner)).and_then(Value::as_str)
                        == Some(actor)
                };
                if held("/case/owner", "/person/id") {
                    let queue = case.case_text("category").unwrap_or("default");
                    sends.push((case.id.clone(), "assigned", system::back_to_queue(queue, actor)));
                }
                if held("/case/first_owner", "/id") {
                    let Some(successor) = successor else {
                        let reason = format!(
                            "`{actor}` is first owner of `{}`: name a supervisor as `successor`",
                            case.id
                        );
                        let refusal = Refusal::new(RefusalKind::Input, "successor_needed", reason);
                        let accepted = Vec::new();
                        return Err(CommandError::Refused { refusal, accepted, instance: None });
                    };
                    sends.push((case.id.clone(), "handover_accepted", system::auto_handover(successor)));
                }
                if sends.len() >= REASSIGN_MAX {
                    return Ok(sends);
                }
            }
            match page.rows.last() {
                Some(last) if page.more => range.after = Some((last.created, last.id.clone())),
                Some(_) | None => return Ok(sends),
            }
        }
    }

    /// The lists of every state that is not final, over all workflows.
    fn unfinished_lists(&self) -> Vec<List> {
        let states = self.shared.listed.iter().flat_map(|workflow| {
            let name = workflow.name();
            let open = workflow.states().iter().filter(|state| !state.is_final);
            open.map(move |state| List::State { workflow: name.to_owned(), state: state.path.clone() })
        });
        states.collect()
    }

    /// Completes once nothing is due and everything computed is published.
    pub async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        if self.queue.send(Message::Settle(done)).await.is_ok() {
            // A writer that ended answers by dropping the channel: nothing is due any more.
            settled.await.ok();
        }
    }

    /// When the next timer is due.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn next_due(&self) -> Result<Option<Instant>, IndexError> {
        let first = self.shared.index.due(None, Instant::from_millis(i64::MAX), 1)?;
        Ok(first.first().map(|(due, _)| *due))
    }

    /// Whether commands are taken.
    pub fn readiness(&self) -> Readiness {
        if self.shared.halted() { Readiness::Stopped(self.shared.stop_reason()) } else { Readiness::Ready }
    }

    /// Stops the writer for good: found damage, a failed disk.
    pub fn halt(&self, reason: &str) {
        self.shared.halt(reason);
    }

    /// How many instances are in each (workflow, state), system objects left out.
    pub fn census(&self) -> BTreeMap<(String, String), u64> {
        let mut census = self.shared.index.census();
        census.retain(|(workflow, _), _| !workflow.starts_with('$'));
        census
    }

    /// Counters and gauges in Prometheus text form.
    pub fn metrics(&self) -> String {
        let mut text = self.shared.metrics.text();
        let waiting = self.queue.max_capacity() - self.queue.capacity();
        let ready = u8::from(self.readiness() == Readiness::Ready);
        text.push_str(&format!(
            "# HELP careflow_queue_commands Commands waiting for the writer.\n\
             # TYPE careflow_queue_commands gauge\ncareflow_queue_commands {waiting}\n\
             # HELP careflow_queue_commands_max Most commands that may wait.\n\
             # TYPE careflow_queue_commands_max gauge\ncareflow_queue_commands_max {QUEUE_MAX}\n\
             # HELP careflow_position Last published position.\n\
             # TYPE careflow_position gauge\ncareflow_position {}\n\
             # HELP careflow_ready Whether commands are taken.\n\
             # TYPE careflow_ready gauge\ncareflow_ready {ready}\n\
             # HELP careflow_instances Instances by workflow and state.\n\
             # TYPE careflow_instances gauge\n",
            self.position()
        ));
        for ((workflow, state), count) in self.census() {
            text.push_str(&format!(
                "careflow_instances{{workflow=\"{workflow}\",state=\"{state}\"}} {count}\n"
            ));
        }
        text
    }

    /// The moment now, by the injected time source.
    pub fn now(&self) -> Instant {
        self.shared.time.now()
    }

    /// Finishes what waits, ends the writer and closes storage cleanly.
    ///
    /// # Errors
    /// What could not be closed; nothing acknowledged is lost by it.
    pub async fn stop(&self) -> Result<(), String> {
        // A writer that already ended took its channel with it.
        self.queue.send(Message::Stop).await.ok();
        let writer = self.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let joined = tokio::task::spawn_blocking(move || writer.join()).await;
            joined.map_err(|e| e.to_string())?.map_err(|_| "the writer panicked".to_owned())?;
        }
        if self.shared.halted() {
            return Err(self.shared.stop_reason());
        }
        self.shared.index.close().map_err(|e| e.to_string())?;
        self.shared.journal.close().await.map_err(|e| e.to_string())
    }
}

/// What a caller is told of a plan that failed.
fn command_error(error: PlanError) -> CommandError {
    match error {
        PlanError::Refused(refusal) => {
            CommandError::Refused { refusal, accepted: Vec::new(), instance: None }
        }
        PlanError::Panicked(text) => CommandError::StepFailed(text),
        PlanError::TooLarge(text) => CommandError::TooLarge(text),
        PlanError::Missing(text) => CommandError::Stopped(format!("this server lacks {text}")),
        PlanError::Index(error) => CommandError::Stopped(error.to_string()),
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
    let body = [key, &target, &command.event, &claimed, &payload].join("\0");
    Idempotency {
        key: Hash::of(&[command.actor.id.as_bytes(), &[0], key.as_bytes()]).short(),
        body: Hash::of(&[body.as_bytes()]).short(),
    }
}

/// The entries of one commit, read and checked, with the position of each instance's entry before.
fn records(position: Position, commit: &Commit) -> Result<Vec<(Recorded, Option<Position>)>, ReadError> {
    let private = Arc::new(commit.private.clone());
    commit
        .entries
        .iter()
        .map(|stored| {
            let entry =
                stored.verify().map_err(|e| ReadError::Damaged { position, reason: e.to_string() })?;
            let (entry, hash, private) = (Arc::new(entry), stored.hash, private.clone());
            Ok((Recorded { position, entry, hash, private }, stored.prev_position))
        })
        .collect()
}
