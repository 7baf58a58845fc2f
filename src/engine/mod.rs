//! Owns every change: the only writer. People, timers, sends, children and administrators go through one step.

mod amend;
pub mod batch;
pub mod catalog;
mod clocks;
pub mod command;
pub mod desk;
pub mod directory;
mod disk;
mod due;
mod executor;
mod firing;
pub mod follow;
mod group;
mod links;
pub mod metrics;
mod open;
mod people;
mod pins;
pub mod plan;
mod read;
mod recent;
pub mod replay;
mod reports;
pub mod schedule;
mod schedules;
pub mod search;
mod shared;
mod submit;
mod system;
mod view;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::entry::{Entry, Position};
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::{Instance, Timer};
use crate::kernel::instant::Instant;
use crate::kernel::personal::Private;

pub use clocks::Measures;
pub use command::{Accepted, Command, CommandError, Preview, Target};
pub use firing::Ask;
pub use group::Answer;
pub use metrics::{Numbers, Waiting};
use open::Writer;
pub use open::{OpenError, Parts, catch_up};
pub use people::PutActor;
pub use schedules::ScheduleInfo;
pub use submit::key_digest;

use due::TimerOrder;
use executor::{Message, Prepared};
use plan::PlanError;
use shared::Shared;
use system::SystemChange;

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

/// What a command left of a token or a person, and where that stands in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed<T> {
    /// The object as it is now.
    pub object: T,
    /// Its sequence after the command.
    pub seq: u64,
    /// Position of the command's commit.
    pub position: Position,
    /// Whether the key had been used up by the same command before.
    pub replayed: bool,
}

impl<T> Changed<T> {
    fn new(object: T, accepted: &Accepted) -> Self {
        let Accepted { last_seq: seq, position, replayed, .. } = *accepted;
        Self { object, seq, position, replayed }
    }
}

/// A token that was made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The token.
    pub made: Changed<TokenInfo>,
    /// What opens; told once and stored only as a hash, so absent where the command is replayed.
    pub secret: Option<String>,
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
    /// The person it works for.
    pub manager: Option<String>,
}

/// Where a timer stands among all: its due, then its instance.
pub type Due = (Instant, InstanceId);

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

/// Armed timers as they were at one position.
#[derive(Clone, Debug)]
pub struct TimerPage {
    /// In due order.
    pub timers: Vec<ArmedTimer>,
    /// Where to go on, where there may be more.
    pub next: Option<Due>,
    /// The position that all was read at.
    pub position: Position,
}

/// Whether the engine takes commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It does.
    Ready,
    /// The disk has no room for another group; the writer goes on by itself once there is.
    DiskFull {
        /// Bytes that the disk has left, where that is known.
        free: Option<u64>,
    },
    /// Stored data is not what was written; where, and what is wrong with it. The writer stopped.
    Damaged(String),
    /// The writer stopped, and why.
    Stopped(String),
}

/// Commands that may wait for the writer: a few hundred milliseconds of its work.
pub const QUEUE_MAX: usize = 4_096;

/// The running engine; clones share it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Message>,
    writer: Arc<Mutex<Option<Writer>>>,
}

impl Engine {
    /// Asks the writer; a full queue refuses at once, with nothing done.
    async fn ask(&self, message: impl FnOnce(group::Reply) -> Message) -> Answer {
        if self.shared.halted() {
            return Err(CommandError::Stopped(self.shared.stop_reason()));
        }
        let (reply, answer) = oneshot::channel();
        let began = std::time::Instant::now();
        self.queue.try_send(message(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                self.shared.metrics.shed();
                CommandError::Busy
            }
            mpsc::error::TrySendError::Closed(_) => CommandError::Stopped(self.shared.stop_reason()),
        })?;
        let answer = answer.await.unwrap_or(Err(CommandError::CommitUnknown));
        self.shared.metrics.command(began.elapsed());
        answer
    }

    /// Fires a timer now, for a reason (administrator).
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn fire_timer(
        &self,
        id: &InstanceId,
        timer: &str,
        reason: &str,
        by: Actor,
        key: Option<String>,
    ) -> Answer {
        let order = TimerOrder::new(id, timer, reason, by, None, key.as_deref());
        self.ask(|reply| Message::Timer(Box::new(order), reply)).await
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
        key: Option<String>,
    ) -> Answer {
        let order = TimerOrder::new(id, timer, reason, by, Some(due), key.as_deref());
        self.ask(|reply| Message::Timer(Box::new(order), reply)).await
    }

    async fn system(&self, change: SystemChange) -> Answer {
        self.ask(|reply| Message::System(Box::new(change), reply)).await
    }

    /// Has the writer take an event of `system`, waiting for room in its queue; the answer comes later.
    ///
    /// # Errors
    /// [`CommandError::Stopped`].
    async fn send_by_system(
        &self,
        id: &InstanceId,
        workflow: &str,
        event: &str,
        payload: Map<String, Value>,
    ) -> Result<oneshot::Receiver<Answer>, CommandError> {
        let event = Prepared {
            id: id.clone(),
            workflow: workflow.to_owned(),
            start: false,
            keyed: false,
            event: event.to_owned(),
            payload,
            private: Private::new(),
            actor: Actor::system(),
            claimed: None,
            idempotency: None,
            recorded: None,
            if_match: None,
            request_id: None,
            origin: None,
        };
        let (reply, answer) = oneshot::channel();
        let sent = self.queue.send(Message::Command(Box::new(event), reply)).await;
        sent.map_err(|_| CommandError::Stopped(self.shared.stop_reason()))?;
        Ok(answer)
    }

    /// Lets what is due fire: the files in force are known.
    async fn begin(&self) {
        // A writer that ended has nothing to begin with.
        self.queue.send(Message::Begin).await.ok();
    }

    /// Has the writer read anew what is due: what may start or stands still has changed.
    async fn reload(&self) {
        let (done, reloaded) = oneshot::channel();
        if self.queue.send(Message::Reload(done)).await.is_ok() {
            // A writer that ended has nothing to read anew.
            reloaded.await.ok();
        }
    }

    /// Completes once nothing is due and everything computed is published; answers when something is due
    /// next. What an import on hold has is not.
    pub async fn settle(&self) -> Option<Instant> {
        let (done, settled) = oneshot::channel();
        // A writer that ended drops the channel: nothing is due any more.
        self.queue.send(Message::Settle(done)).await.ok()?;
        settled.await.ok()?
    }

    /// Whether commands are taken.
    pub fn readiness(&self) -> Readiness {
        if let Some(damage) = self.shared.damage() {
            return Readiness::Damaged(damage);
        }
        if self.shared.halted() {
            return Readiness::Stopped(self.shared.stop_reason());
        }
        let free = || self.shared.journal.measures().and_then(|measures| measures.free_bytes);
        self.shared.disk.readiness(self.now(), free)
    }

    /// Import batches whose cases stand still until somebody releases them.
    pub fn held_batches(&self) -> u64 {
        let batches = self.shared.batches().into_iter();
        batches.filter(|(batch, _)| self.shared.holds(Some(batch)).is_some()).count() as u64
    }

    /// Stops the writer for good, and says why.
    pub fn halt(&self, reason: &str) {
        self.shared.halt(reason);
    }

    /// Stops the writer for good: stored data was found damaged, which no writing makes better.
    pub fn found_damage(&self, damage: &str) {
        self.shared.found_damage(damage);
    }

    /// Finishes what waits, ends the writer and closes storage cleanly.
    ///
    /// # Errors
    /// What could not be closed; nothing acknowledged is lost by it.
    pub async fn stop(&self) -> Result<(), String> {
        self.end_writer().await?;
        if self.shared.halted() {
            return Err(self.shared.stop_reason());
        }
        self.shared.index.close().map_err(|e| e.to_string())?;
        self.shared.journal.close().await.map_err(|e| e.to_string())
    }

    /// Lets the writer finish what waits, and waits for its end: until then it holds the directory.
    async fn end_writer(&self) -> Result<(), String> {
        // A writer that already ended took its channel with it.
        self.queue.send(Message::Stop).await.ok();
        let writer = self.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        match writer {
            None => Ok(()),
            Some(Writer::Thread(thread)) => {
                let joined = tokio::task::spawn_blocking(move || thread.join()).await;
                joined.map_err(|e| e.to_string())?.map_err(|_| "the writer panicked".to_owned())
            }
            Some(Writer::Task(task)) => task.await.map_err(|e| e.to_string()),
        }
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
