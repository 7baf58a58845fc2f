//! Owns what the engine is asked and what it answers.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::kernel::actor::Actor;
use crate::kernel::entry::{Entry, Position};
use crate::kernel::fault::Fault;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::outcome::Refusal;

/// Where an event goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A new instance of the workflow.
    Start(String),
    /// An instance that exists.
    Instance(InstanceId),
}

/// An event that somebody sends.
#[derive(Clone, Debug)]
pub struct Command {
    /// Where it goes.
    pub target: Target,
    /// Its name; for a start the workflow's start event.
    pub event: String,
    /// Its payload, personal values in clear.
    pub payload: Map<String, Value>,
    /// Who sends it.
    pub actor: Actor,
    /// When it happened by the sender's clock, where the sender says so.
    pub occurred_at: Option<Instant>,
    /// The sender's idempotency key.
    pub key: Option<String>,
    /// The sequence that the instance must have.
    pub if_match: Option<u64>,
    /// The request that brought it.
    pub request_id: Option<String>,
    /// The import or demo batch it belongs to.
    pub origin: Option<String>,
}

/// What an accepted command did; a replayed key gives the same again.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The entry that the command became.
    pub entry: Arc<Entry>,
    /// Position of its commit.
    pub position: Position,
    /// The instance's sequence after that commit: follow-ups of the command count.
    pub last_seq: u64,
    /// Whether the key had been used up by the same command before.
    pub replayed: bool,
}

/// What a command would do now, without doing it.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The entries it would become: its own, follow-ups and children's.
    pub entries: Vec<Arc<Entry>>,
    /// The instance after it.
    pub after: Arc<Instance>,
    /// The position whose state it was computed on.
    pub position: Position,
}

/// Why a command was not accepted; nothing changed unless `CommitUnknown`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such workflow.
    #[error("there is no workflow `{0}`")]
    UnknownWorkflow(String),
    /// There is no such instance.
    #[error("there is no instance `{0}`")]
    UnknownInstance(InstanceId),
    /// The workflow has no such event.
    #[error("`{workflow}` has no event `{event}`")]
    UnknownEvent {
        /// The workflow.
        workflow: String,
        /// The event.
        event: String,
        /// The events it has.
        known: Vec<&'static str>,
    },
    /// The payload does not fit the event's schema.
    #[error("the payload of `{event}` does not fit its schema")]
    Payload {
        /// The event.
        event: String,
        /// Every fault.
        faults: Vec<Fault>,
    },
    /// The step refused it.
    #[error("{}", refusal.reason)]
    Refused {
        /// Why.
        refusal: Refusal,
        /// The events that the state accepts.
        accepted: Vec<String>,
        /// The instance as it is; absent for a start.
        instance: Option<Arc<Instance>>,
    },
    /// The key was used up by another command.
    #[error("the idempotency key was used for another command")]
    KeyReused,
    /// `If-Match` names another sequence.
    #[error("the instance is at sequence {actual}, not {expected}")]
    Stale {
        /// What the sender expected.
        expected: u64,
        /// What it is.
        actual: u64,
        /// The instance as it is.
        instance: Arc<Instance>,
    },
    /// The instance belongs to an import that is not released.
    #[error("the instance belongs to import `{0}`, which is not released")]
    Held(String),
    /// The instance's stored data cannot be handled by this binary.
    #[error("the step failed inside the workflow's code: {0}")]
    StepFailed(String),
    /// The commit would be too large.
    #[error("{0}")]
    TooLarge(String),
    /// The queue is full; nothing was done.
    #[error("too many commands are waiting")]
    Busy,
    /// The disk is full; nothing was done.
    #[error("the disk has no room for another entry")]
    DiskFull,
    /// It is not known whether the command was stored; ask again with the same key.
    #[error("it is not known whether the command was stored: ask again with the same key")]
    CommitUnknown,
    /// The engine takes no commands.
    #[error("the engine takes no commands: {0}")]
    Stopped(String),
}
