//! Owns the single writer: takes commands, due timers and sends, computes, appends, publishes, answers.
//!
//! Order for each group: compute, write, sync, publish, answer. While a group of
//! several commits syncs, the next is computed on the newest computed state. Every answer,
//! refusals and replays included, leaves only after the newest group whose
//! state it saw is published.

mod agenda;
mod landing;
mod waiting;

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Map;
use tokio::sync::{mpsc, oneshot};

use agenda::Agenda;

use super::command::{Accepted, CommandError};
use super::due::TimerOrder;
use super::firing::ScheduleOrder;
use super::group::{Answer, Group, Reply};
use super::metrics::Lengths;
use super::plan::{Meta, Plan, PlanError, World, occurred};
use super::shared::Shared;
use super::system::SystemChange;
use super::view::{Staged, View};
use crate::journal::{AppendError, GROUP_COMMITS_MAX, Position, Tail};
use crate::kernel::actor::Actor;
use crate::kernel::entry::Idempotency;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::outcome::Event;
use crate::kernel::personal::Private;

/// A command whose payload is checked and sealed.
#[derive(Debug)]
pub struct Prepared {
    /// The instance, or the one to start.
    pub id: InstanceId,
    /// Its workflow.
    pub workflow: String,
    /// Whether it is a start.
    pub start: bool,
    /// Whether its flow has one instance for each key: a start of one that is there is an event to it.
    pub keyed: bool,
    /// The event's name.
    pub event: String,
    /// Its payload, sealed.
    pub payload: Map<String, serde_json::Value>,
    /// The personal values of the payload.
    pub private: Private,
    /// Who sends it.
    pub actor: Actor,
    /// The time the sender claims.
    pub claimed: Option<Instant>,
    /// Hashes of key and body, to compare with.
    pub idempotency: Option<Idempotency>,
    /// The same as it is recorded: the body's hash is sealed, for it tells of personal values.
    pub recorded: Option<Idempotency>,
    /// The sequence the instance must have.
    pub if_match: Option<u64>,
    /// The request.
    pub request_id: Option<String>,
    /// The import or demo batch.
    pub origin: Option<String>,
}

/// Told of quiet, and when it ends.
pub type Quiet = oneshot::Sender<Option<Instant>>;

/// What the writer is asked.
#[derive(Debug)]
pub enum Message {
    /// An event.
    Command(Box<Prepared>, Reply),
    /// A change of a system object.
    System(Box<SystemChange>, Reply),
    /// A timer, fired or moved by an administrator.
    Timer(Box<TimerOrder>, Reply),
    /// A schedule, paused, resumed or run by an administrator.
    Schedule(Box<ScheduleOrder>, Reply),
    /// Answered once nothing is due and everything is published, with when something is next.
    Settle(Quiet),
    /// The held batches or the definitions in force changed: what is due is read anew.
    Reload(oneshot::Sender<()>),
    /// The files in force are known: what is due may fire.
    Begin,
    /// Finish what waits, then end.
    Stop,
}

type Append = Pin<Box<dyn Future<Output = Result<Position, AppendError>> + Send>>;

/// The writer's state.
pub struct Executor {
    pub(super) shared: Arc<Shared>,
    queue: mpsc::Receiver<Message>,
    staged: Staged,
    /// The earliest timers of the newest computed state, held imports left out.
    pub(super) due: Agenda,
    /// Undelivered sends: (not before, sender, number).
    sends: BTreeSet<(Instant, InstanceId, u32)>,
    /// Parents whose pending links can start, or next lapse: (when, parent).
    links: BTreeSet<(Instant, InstanceId)>,
    /// Instances with sends or pending links that were not read since these were loaded.
    unread: Vec<InstanceId>,
    building: Group,
    flying: Option<(Group, Append)>,
    /// Who waits for quiet, with the position that must be published, once nothing was due.
    settling: VecDeque<(Option<Position>, Quiet)>,
    /// Nothing due is tried before this moment: until the opening is done, and after a full disk.
    rests_until: Instant,
    last: Position,
    recorded: Instant,
    stopping: bool,
}

impl Executor {
    /// A writer that continues after `tail`; `recorded` is the newest recorded time.
    pub fn new(shared: Arc<Shared>, queue: mpsc::Receiver<Message>, tail: Tail, recorded: Instant) -> Self {
        Self {
            shared,
            queue,
            staged: Staged::new(),
            due: Agenda::default(),
            sends: BTreeSet::new(),
            links: BTreeSet::new(),
            unread: Vec::new(),
            building: Group::default(),
            flying: None,
            settling: VecDeque::new(),
            rests_until: FAR,
            last: tail.last,
            recorded,
            stopping: false,
        }
    }

    /// Runs until told to stop, or until the journal fails.
    pub async fn run(mut self) {
        if let Err(reason) = self.load() {
            self.shared.halt(&reason);
            return;
        }
        loop {
            self.take_waiting().await;
            self.launch();
            self.settle();
            self.shared.metrics.lengths(self.lengths());
            let idle = self.flying.is_none() && self.building.is_empty();
            if self.shared.halted() || (self.stopping && idle) {
                break;
            }
            self.wait().await;
        }
        self.shed();
    }

    /// The moment of the next commit: never before the last one's (X9).
    pub(super) fn now(&self) -> Instant {
        self.shared.time.now().max(self.recorded)
    }

    /// Computes what waits, commands and due work in turn, until the group is full.
    async fn take_waiting(&mut self) {
        // Several messages at once only while there is room: the rest stays in its bounded queue.
        while self.building.commits.len() < GROUP_COMMITS_MAX {
            // Whoever waits for a group that is synced does not wait for the next to be computed, too.
            self.land_synced();
            if self.building.commits.len() >= LAUNCH_COMMITS {
                self.launch();
            }
            let mut worked = false;
            if let Ok(message) = self.queue.try_recv() {
                self.handle(message).await;
                worked = true;
            }
            // One due timer or send for each command at most, while commands wait.
            worked |= !self.stopping && self.work_due();
            if !worked || self.shared.halted() {
                break;
            }
        }
    }

    async fn handle(&mut self, message: Message) {
        match message {
            Message::Command(command, reply) => {
                let answer = self.command(*command).await;
                self.reply(reply, answer);
            }
            Message::System(change, reply) => {
                let answer = self.change(*change).await;
                self.reply(reply, answer);
            }
            Message::Timer(order, reply) => {
                let answer = self.order(*order).await;
                self.reply(reply, answer);
            }
            Message::Schedule(order, reply) => {
                let answer = self.schedule_order(*order).await;
                self.reply(reply, answer);
            }
            Message::Settle(done) => self.settling.push_back((None, done)),
            Message::Reload(done) => {
                if let Err(reason) = self.load() {
                    self.shared.halt(&reason);
                }
                // Whoever waits is told; one who stopped waiting is no reason to fail.
                done.send(()).ok();
            }
            Message::Begin => self.rests_until = Instant::default(),
            Message::Stop => {
                self.queue.close();
                self.stopping = true;
            }
        }
    }

    async fn command(&mut self, command: Prepared) -> Answer {
        // Ids that differ in the partition only are one name: whoever has it need not be who is meant.
        let holder = match self.staged.get(&command.id) {
            Some(instance) => Some(instance.clone()),
            None => {
                let found = self.shared.index.holder(&command.id);
                found.map_err(|e| CommandError::Stopped(e.to_string()))?
            }
        };
        let held = holder.is_some();
        let instance = holder.filter(|holder| holder.id == command.id);
        if let (Some(instance), Some(idempotency)) = (&instance, &command.idempotency)
            && let Some(position) = instance.keys.get(&idempotency.key)
        {
            return self.replay(&command.id, idempotency, *position).await;
        }
        let taken = || held || self.staged.keys().any(|id| id.local() == command.id.local());
        match (&instance, command.start) {
            (None, false) => return Err(CommandError::UnknownInstance(command.id)),
            (None, true) if taken() => return Err(CommandError::KeyReused),
            // The id is derived from actor, workflow and key: another start used this key.
            (Some(_), true) if !command.keyed => return Err(CommandError::KeyReused),
            (Some(_), _) | (None, true) => {}
        }
        if let Some(instance) = &instance {
            if let (Some(batch), None) = (self.shared.holds(instance.origin.as_deref()), &command.origin) {
                return Err(CommandError::Held(batch));
            }
            if let Some(expected) = command.if_match.filter(|expected| *expected != instance.seq) {
                let (actual, instance) = (instance.seq, instance.clone());
                return Err(CommandError::Stale { expected, actual, instance });
            }
        }
        let (occurred_at, notes) = occurred(&command.actor, command.claimed, self.now());
        let event = Event {
            name: command.event,
            payload: command.payload,
            actor: command.actor,
            occurred_at,
            cause: None,
        };
        let meta = Meta {
            idempotency: command.recorded,
            request_id: command.request_id,
            origin: command.origin,
            notes,
        };
        let (id, workflow, private) = (command.id, command.workflow, command.private);
        let before = instance.clone();
        self.compute(|world| world.plan(&workflow, &id, before, event, meta, private))
            .map_err(|error| self.shared.with_accepted(error, instance))
    }

    async fn change(&mut self, change: SystemChange) -> Answer {
        if let Some(answer) = self.used(&change.id, change.idempotency.as_ref()).await {
            return answer;
        }
        self.compute(|world| world.plan_system(change))
    }

    /// The original answer, where the key of an administrator's command was used up before.
    pub(super) async fn used(&mut self, id: &InstanceId, asked: Option<&Idempotency>) -> Option<Answer> {
        let asked = asked?;
        let position = *self.newest(id)?.keys.get(&asked.key)?;
        Some(self.replay(id, asked, position).await)
    }

    /// The original answer to a key that was used up before.
    pub(super) async fn replay(
        &self,
        id: &InstanceId,
        idempotency: &Idempotency,
        position: Position,
    ) -> Answer {
        let flying = self.flying.as_ref().map(|(group, _)| group);
        let waiting = [Some(&self.building), flying].into_iter().flatten();
        let fresh = waiting.filter_map(|group| group.entry_with_key(id, &idempotency.key)).next();
        match fresh {
            Some(used) => used.answer(idempotency, position),
            None => self.shared.replay(id, idempotency, position).await,
        }
    }

    /// Plans on the newest computed state and stages the result.
    pub(super) fn compute(&mut self, plan: impl FnOnce(&World<'_>) -> Result<Plan, PlanError>) -> Answer {
        self.try_compute(plan).map_err(super::command_error)
    }

    pub(super) fn try_compute(
        &mut self,
        plan: impl FnOnce(&World<'_>) -> Result<Plan, PlanError>,
    ) -> Result<Accepted, PlanError> {
        let position = self.last + 1;
        let counts: Vec<_> = [Some(&self.building), self.flying.as_ref().map(|(group, _)| group)]
            .into_iter()
            .flatten()
            .flat_map(|group| group.counts.iter().cloned())
            .collect();
        let shared = self.shared.clone();
        let (catalog, directory) = (shared.catalog(), shared.directory());
        let world = World {
            workflows: &shared.workflows,
            catalog: &catalog,
            directory: &directory,
            view: View { index: shared.index.as_ref(), staged: &self.staged, counts: &counts },
            now: self.now(),
            position,
        };
        let started = std::time::Instant::now();
        let plan = plan(&world);
        shared.metrics.step(started.elapsed());
        let plan = plan?;
        plan.check_size()?;
        let entry = plan.made.iter().find(|made| made.entry.event != "data_upgraded");
        let entry = entry.or(plan.made.first()).expect("a plan has an entry").entry.clone();
        let last_seq = plan.newest(&entry.instance).map_or(entry.seq, |instance| instance.seq);
        self.stage(plan, position);
        Ok(Accepted { entry, position, last_seq, replayed: false })
    }

    /// Makes a planned commit part of the newest computed state.
    fn stage(&mut self, plan: Plan, position: Position) {
        self.last = position;
        if let Some(made) = plan.made.first() {
            self.recorded = made.entry.recorded_at;
        }
        for made in &plan.made {
            self.reschedule(made.before.as_deref(), &made.after);
            self.staged.insert(made.after.id.clone(), made.after.clone());
        }
        if let Some((_, after)) = &plan.settled {
            self.staged.insert(after.id.clone(), after.clone());
        }
        self.building.add(plan, position);
    }

    pub(super) fn newest(&mut self, id: &InstanceId) -> Option<Arc<Instance>> {
        let view = View { index: self.shared.index.as_ref(), staged: &self.staged, counts: &[] };
        match view.instance(id) {
            Ok(instance) => instance,
            Err(error) => {
                self.shared.halt(&error.to_string());
                None
            }
        }
    }

    /// Waits for the sync, the next message, or the next due work.
    async fn wait(&mut self) {
        let room = self.building.commits.len() < GROUP_COMMITS_MAX && !self.stopping;
        let next = self.next_work().map(|next| next.max(self.rests_until));
        let time = self.shared.time.clone();
        let landed = async {
            match &mut self.flying {
                Some((_, append)) => append.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            done = landed => self.land(done),
            message = self.queue.recv(), if room => match message {
                Some(message) => self.handle(message).await,
                None => self.stopping = true,
            },
            () = async { time.sleep_until(next.expect("guarded by the condition")).await },
                if next.is_some() && room => {}
        }
    }

    fn lengths(&self) -> Lengths {
        let flying = self.flying.as_ref().map_or(0, |(group, _)| group.replies.len());
        Lengths {
            group: self.building.commits.len(),
            answers: self.building.replies.len() + flying,
            timers: self.due.len(),
            // Each of the unread has at least one send or link.
            sends: self.sends.len() + self.unread.len(),
            links: self.links.len(),
            due: self.due.first().map(|(at, _)| *at),
        }
    }
}

/// Later than anything due.
const FAR: Instant = Instant::from_millis(i64::MAX);
/// After a full disk, timers and sends wait this long: commands tell soon enough when there is room.
const FULL_REST_MS: i64 = 1_000;
/// Commits that are worth a sync of their own although more commands wait: about 2 ms of computing.
pub(super) const LAUNCH_COMMITS: usize = 32;
