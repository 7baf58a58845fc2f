//! Owns the single writer: takes commands, due timers and sends, computes, appends, publishes, answers.
//!
//! Order for each group: compute, write, sync, publish, answer. While one group
//! syncs, the next is computed on the newest computed state. Every answer,
//! refusals and replays included, leaves only after the newest group whose
//! state it saw is published.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::Map;
use tokio::sync::{mpsc, oneshot};

use super::command::{Accepted, CommandError};
use super::due::TimerOrder;
use super::firing::ScheduleOrder;
use super::group::{Answer, Group, Reply};
use super::metrics::Lengths;
use super::plan::{Meta, Plan, PlanError, World, occurred};
use super::reports;
use super::shared::Shared;
use super::system::SystemChange;
use super::view::{Staged, View};
use crate::journal::{AppendError, Fence, GROUP_COMMITS_MAX, Position, Tail};
use crate::kernel::actor::Actor;
use crate::kernel::entry::Idempotency;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::outcome::Event;
use crate::kernel::personal::Private;
use crate::kernel::schedule::REPORT_WORKFLOW;

/// A command whose payload is checked and sealed.
#[derive(Debug)]
pub struct Prepared {
    /// The instance, or the one to start.
    pub id: InstanceId,
    /// Its workflow.
    pub workflow: String,
    /// Whether it is a start.
    pub start: bool,
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
    /// Answered once nothing is due and everything is published.
    Settle(oneshot::Sender<()>),
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
    /// (earliest due, instance) of the newest computed state, held imports left out.
    pub(super) due: BTreeSet<(Instant, InstanceId)>,
    /// Undelivered sends: (not before, sender, number).
    sends: BTreeSet<(Instant, InstanceId, u32)>,
    /// Parents whose pending links can start, or next lapse: (when, parent).
    links: BTreeSet<(Instant, InstanceId)>,
    /// Instances with sends or pending links that were not read since these were loaded.
    unread: Vec<InstanceId>,
    building: Group,
    flying: Option<(Group, Append)>,
    /// Who waits for quiet, with the position that must be published, once nothing was due.
    settling: VecDeque<(Option<Position>, oneshot::Sender<()>)>,
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
            due: BTreeSet::new(),
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

    /// Reads what is due from the index.
    fn load(&mut self) -> Result<(), String> {
        self.due.clear();
        self.sends.clear();
        self.links.clear();
        self.unread.clear();
        let mut after = None;
        loop {
            let page = self.shared.index.due(after.as_ref(), FAR, LOAD_PAGE).map_err(|e| e.to_string())?;
            let Some(last) = page.last().cloned() else { break };
            for (due, id) in page {
                // An origin is only known from the instance; without held imports nothing needs reading.
                let held = self.shared.rests(&id) || (self.shared.holds_any() && self.is_held(&id)?);
                if !held {
                    self.due.insert((due, id));
                }
            }
            after = Some(last);
        }
        let mut after: Option<InstanceId> = None;
        loop {
            let page = self.shared.index.sending(after.as_ref(), LOAD_PAGE).map_err(|e| e.to_string())?;
            let Some(last) = page.last().cloned() else { break };
            // Reading them all would hold up the first command for as long.
            self.unread.extend(page);
            after = Some(last);
        }
        // What is computed and not published yet is in no index.
        let staged: Vec<Arc<Instance>> = self.staged.values().cloned().collect();
        staged.iter().for_each(|instance| self.reschedule(None, instance));
        Ok(())
    }

    fn is_held(&self, id: &InstanceId) -> Result<bool, String> {
        let instance = self.shared.index.get(id).map_err(|e| e.to_string())?;
        Ok(instance.is_some_and(|instance| self.shared.holds(instance.origin.as_deref()).is_some()))
    }

    fn queue_sends(&mut self, sender: &Instance) {
        if self.shared.holds(sender.origin.as_deref()).is_some() {
            return;
        }
        for send in &sender.sends {
            let not_before = send.not_before.unwrap_or_default();
            self.sends.insert((not_before, sender.id.clone(), send.number));
        }
    }

    /// Notes when the pending links of `parent` need looking at.
    pub(super) fn queue_links(&mut self, parent: &Instance) {
        if self.shared.holds(parent.origin.as_deref()).is_none()
            && let Some(at) = self.links_due(parent)
        {
            self.links.insert((at, parent.id.clone()));
        }
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

    /// Sends the answer with the newest group whose state it saw.
    fn reply(&mut self, reply: Reply, answer: Answer) {
        if !self.building.is_empty() {
            self.building.replies.push((reply, answer));
        } else if let Some((group, _)) = &mut self.flying {
            group.replies.push((reply, answer));
        } else {
            reply.send(answer).ok();
        }
    }

    async fn command(&mut self, command: Prepared) -> Answer {
        let view = View { index: self.shared.index.as_ref(), staged: &self.staged, counts: &[] };
        let instance = view.instance(&command.id).map_err(|e| CommandError::Stopped(e.to_string()))?;
        if let (Some(instance), Some(idempotency)) = (&instance, &command.idempotency)
            && let Some(position) = instance.keys.get(&idempotency.key)
        {
            return self.replay(&command.id, idempotency, *position).await;
        }
        let holder = self.shared.index.holder(&command.id);
        let taken = holder.map_err(|e| CommandError::Stopped(e.to_string()))?.is_some()
            || (command.start && self.staged.keys().any(|id| id.local() == command.id.local()));
        match (&instance, command.start) {
            (None, false) => return Err(CommandError::UnknownInstance(command.id)),
            (None, true) if taken => return Err(CommandError::KeyReused),
            // The id is derived from actor, workflow and key: another start used this key.
            (Some(_), true) => return Err(CommandError::KeyReused),
            (Some(_), false) | (None, true) => {}
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
        self.compute(|world| world.plan(&workflow, &id, &event, meta, private))
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
        self.stage(&plan, position);
        let entry = plan.made.iter().find(|made| made.entry.event != "data_upgraded");
        let entry = entry.or(plan.made.first()).expect("a plan has an entry").entry.clone();
        let last_seq = plan.newest(&entry.instance).map_or(entry.seq, |instance| instance.seq);
        Ok(Accepted { entry, position, last_seq, replayed: false })
    }

    /// Makes a planned commit part of the newest computed state.
    fn stage(&mut self, plan: &Plan, position: Position) {
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

    fn reschedule(&mut self, before: Option<&Instance>, after: &Instance) {
        if let Some(due) = before.and_then(Instance::next_due) {
            self.due.remove(&(due, after.id.clone()));
        }
        if let Some(at) = before.and_then(|before| self.links_due(before)) {
            self.links.remove(&(at, after.id.clone()));
        }
        if self.shared.holds(after.origin.as_deref()).is_some() || self.shared.rests(&after.id) {
            return;
        }
        if let Some(due) = after.next_due() {
            self.due.insert((due, after.id.clone()));
        }
        self.queue_sends(after);
        self.queue_links(after);
    }

    /// Fires the earliest due timer, else reads what is to be delivered, else starts or ends the next
    /// pending links, else delivers the next send; false when nothing is due.
    fn work_due(&mut self) -> bool {
        let now = self.shared.time.now();
        if self.rests_until != FAR {
            // A clock that was set back meanwhile does not make a second last for days.
            self.rests_until = self.rests_until.min(now.plus_millis(FULL_REST_MS));
        }
        if now < self.rests_until {
            return false;
        }
        if let Some((due, id)) = self.due.first().cloned()
            && due <= now
        {
            self.fire_earliest(&id, due);
            return true;
        }
        if let Some(id) = self.unread.pop() {
            if let Some(sender) = self.newest(&id) {
                self.queue_sends(&sender);
                self.queue_links(&sender);
            }
            return true;
        }
        if let Some((at, parent)) = self.links.first().cloned()
            && at <= now
        {
            self.links.remove(&(at, parent.clone()));
            self.tend_links(&parent);
            return true;
        }
        if let Some((at, sender, number)) = self.sends.first().cloned()
            && at <= now
        {
            self.sends.remove(&(at, sender.clone(), number));
            self.deliver(&sender, number);
            return true;
        }
        false
    }

    /// When there is something to do that no message brings.
    fn next_work(&self) -> Option<Instant> {
        let due = self.due.first().map(|(at, _)| *at);
        let links = self.links.first().map(|(at, _)| *at);
        let sends = self.sends.first().map(|(at, _, _)| *at);
        let unread = (!self.unread.is_empty()).then(Instant::default);
        [due, links, sends, unread].into_iter().flatten().min()
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

    /// Gives the built group to the journal where none is being written.
    fn launch(&mut self) {
        if self.flying.is_some() || self.building.is_empty() {
            return;
        }
        let mut group = std::mem::take(&mut self.building);
        let commits = std::mem::take(&mut group.commits);
        let after = self.last - commits.len() as u64;
        let journal = self.shared.journal.clone();
        self.shared.metrics.group(commits.len());
        let append = Box::pin(async move { journal.append(Fence { epoch: 0, after }, &commits).await });
        self.flying = Some((group, append));
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

    /// Lands the flying group where its sync is over.
    fn land_synced(&mut self) {
        let Some((_, append)) = &mut self.flying else { return };
        // Nobody is to be woken: [`Executor::wait`] asks again and waits.
        let polled = append.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(done) = polled {
            self.land(done);
        }
    }

    /// Publishes a durable group and answers; otherwise answers what is known.
    fn land(&mut self, done: Result<Position, AppendError>) {
        let Some((mut group, _)) = self.flying.take() else { return };
        match done {
            Ok(position) => self.publish(&mut group, position),
            Err(AppendError::Full(reason)) => {
                tracing::error!(reason, "disk full");
                self.shared.disk.is_full(self.shared.time.now());
                self.rests_until = self.shared.time.now().plus_millis(FULL_REST_MS);
                self.take_back(group, &CommandError::DiskFull);
            }
            Err(error) => {
                let known = !matches!(error, AppendError::Unknown(_));
                let answer = if known {
                    CommandError::Stopped(error.to_string())
                } else {
                    CommandError::CommitUnknown
                };
                self.shared.halt(&error.to_string());
                self.take_back(group, &answer);
            }
        }
    }

    fn publish(&mut self, group: &mut Group, position: Position) {
        let published: Vec<Arc<Instance>> = group.after().cloned().collect();
        let batch = group.batch(position);
        let began = std::time::Instant::now();
        if let Err(error) = self.shared.index.apply(batch) {
            // The group is durable and a restart finds it, but no read sees it now: nobody is told "done".
            self.shared.halt(&error.to_string());
            for (reply, _) in group.replies.drain(..) {
                reply.send(Err(CommandError::CommitUnknown)).ok();
            }
            return;
        }
        self.shared.metrics.applied(began.elapsed());
        self.shared.disk.has_room();
        for instance in &published {
            if self.staged.get(&instance.id).is_some_and(|staged| Arc::ptr_eq(staged, instance)) {
                self.staged.remove(&instance.id);
            }
        }
        self.shared.take_system(&published);
        if published.iter().any(|one| one.workflow == REPORT_WORKFLOW && one.state == reports::WAITING) {
            self.shared.reports.notify_one();
        }
        self.shared.published.send_replace(position);
        for (reply, answer) in group.replies.drain(..) {
            reply.send(answer).ok();
        }
    }

    /// Forgets everything computed and not written; every waiting command gets `error`.
    fn take_back(&mut self, flying: Group, error: &CommandError) {
        let built = std::mem::take(&mut self.building);
        let lost = (flying.size + built.size) as u64;
        self.last -= lost;
        self.staged.clear();
        for group in [flying, built] {
            for (reply, _) in group.replies {
                reply.send(Err(error.clone())).ok();
            }
        }
        if let Err(reason) = self.load() {
            self.shared.halt(&reason);
        }
    }

    fn lengths(&self) -> Lengths {
        let flying = self.flying.as_ref().map_or(0, |(group, _)| group.replies.len());
        Lengths {
            group: self.building.commits.len(),
            answers: self.building.replies.len() + flying,
            timers: self.due.len(),
            sends: self.sends.len(),
            links: self.links.len(),
            due: self.due.first().map(|(at, _)| *at),
        }
    }

    /// Tells those who wait for quiet: nothing was due, and everything computed until then is published.
    fn settle(&mut self) {
        if self.settling.is_empty() {
            return;
        }
        let now = self.shared.time.now();
        let due = self.next_work().is_some_and(|at| at <= now);
        let published = *self.shared.published.borrow();
        let mut waiting = VecDeque::new();
        for (until, done) in self.settling.drain(..) {
            let until = until.or((!due).then_some(self.last));
            if until.is_some_and(|until| until <= published) {
                done.send(()).ok();
            } else {
                waiting.push_back((until, done));
            }
        }
        self.settling = waiting;
    }

    /// Refuses what still waits when the writer ends.
    fn shed(&mut self) {
        self.queue.close();
        let reason = self.shared.stop_reason();
        let groups =
            [std::mem::take(&mut self.building), self.flying.take().map(|(g, _)| g).unwrap_or_default()];
        for (reply, _) in groups.into_iter().flat_map(|group| group.replies) {
            reply.send(Err(CommandError::CommitUnknown)).ok();
        }
        while let Ok(message) = self.queue.try_recv() {
            match message {
                Message::Command(_, reply)
                | Message::System(_, reply)
                | Message::Timer(_, reply)
                | Message::Schedule(_, reply) => {
                    reply.send(Err(CommandError::Stopped(reason.clone()))).ok();
                }
                Message::Settle(done) | Message::Reload(done) => {
                    done.send(()).ok();
                }
                Message::Begin | Message::Stop => {}
            }
        }
    }
}

/// Later than anything due.
const FAR: Instant = Instant::from_millis(i64::MAX);
/// After a full disk, timers and sends wait this long: commands tell soon enough when there is room.
const FULL_REST_MS: i64 = 1_000;
/// Commits that are worth a sync of their own although more commands wait: about 2 ms of computing.
const LAUNCH_COMMITS: usize = 32;
/// Rows read at a time when due work is loaded: bounds memory beside the sets themselves.
const LOAD_PAGE: usize = 10_000;
