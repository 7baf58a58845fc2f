//! Owns what clients saw: every request with its answer, in an order that real time proves.
//!
//! `begun` is drawn before a request is written and `ended` after its answer was read whole, both
//! from one counter: where one ended before another began, the one happened before the other.

use std::sync::Arc;

use serde_json::Value;

use crate::kernel::canonical;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;

/// One request and what came of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it was begun.
    pub begun: u64,
    /// When its answer was whole, or its connection gone.
    pub ended: u64,
    /// Which start of the server it went to, counted from 1.
    pub life: u32,
    /// The server's clock was never ahead of this until the answer.
    pub ceiling: Instant,
    /// The server's clock was not behind this while it answered.
    pub floor: Instant,
    /// What was asked.
    pub asked: Asked,
    /// What was answered.
    pub got: Got,
}

/// A command that is sent once or more under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Who sends it.
    pub actor: String,
    /// Its idempotency key.
    pub key: String,
    /// The instance; absent for a start.
    pub instance: Option<InstanceId>,
    /// The workflow.
    pub workflow: String,
    /// The event.
    pub event: String,
    /// The sequence that the instance must have.
    pub if_match: Option<u64>,
    /// The body as it is sent.
    pub body: String,
}

/// What was asked.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A command.
    Command(Arc<Command>),
    /// What a command would do.
    DryRun(Arc<Command>),
    /// An instance.
    Instance(InstanceId),
    /// An instance's history.
    History(InstanceId),
    /// A page of a list; pages of one listing have the same number.
    Page(Filter, u64),
    /// The feed after a position.
    Changes(u64),
}

/// What a list was filtered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// A state of a workflow, or every state below a superstate.
    State(String, String),
    /// An owner.
    Owner(String),
    /// A customer.
    Customer(String),
    /// Clocks that are overdue.
    Overdue,
}

/// What was answered.
#[derive(Clone, Debug)]
pub enum Got {
    /// The command was carried out.
    Done(Receipt),
    /// The command would be.
    Foretold(u64),
    /// An instance.
    Seen(Seen),
    /// Entries of a history or of the feed.
    Entries {
        /// The position that was read at.
        position: u64,
        /// The instance's sequence; absent for the feed.
        seq: Option<u64>,
        /// The entries.
        entries: Vec<EntrySeen>,
    },
    /// A page of a list.
    Rows {
        /// The position that was read at.
        position: u64,
        /// The rows.
        rows: Vec<RowSeen>,
        /// Whether the list ends here.
        last: bool,
    },
    /// It was refused and nothing done, as the answer says.
    Refused(Refusal),
    /// It is not known what came of it, and why.
    Lost(String),
}

/// What a carried out command was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The instance.
    pub instance: InstanceId,
    /// The entry that the command became.
    pub seq: u64,
    /// The instance's sequence after its commit.
    pub last_seq: u64,
    /// Position of its commit.
    pub position: u64,
    /// The event.
    pub event: String,
    /// State after it.
    pub to: String,
    /// When it was recorded.
    pub recorded_at: Instant,
}

/// An instance as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The position that was read at.
    pub position: u64,
    /// Its sequence.
    pub seq: u64,
    /// Digests of its members.
    pub members: Members,
}

/// Digests of what an answer must say of an instance, by member.
pub type Members = Vec<(&'static str, Hash)>;

/// The members of an instance that follow from the journal alone.
pub const MEMBERS: [&str; 8] =
    ["workflow", "state", "data", "seq", "position", "created", "updated", "timers"];

/// Digests of the [`MEMBERS`] of `view`.
pub fn members(view: &Value) -> Members {
    let digest = |name| {
        let text = view.get(name).and_then(|member| canonical::to_string(member).ok());
        (name, Hash::of(&[text.unwrap_or_default().as_bytes()]))
    };
    MEMBERS.into_iter().map(digest).collect()
}

/// An entry as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySeen {
    /// Position of its commit.
    pub position: u64,
    /// Its instance.
    pub instance: InstanceId,
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

/// A row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSeen {
    /// Its instance.
    pub instance: InstanceId,
    /// Its sequence.
    pub seq: u64,
    /// Its state.
    pub state: String,
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The kind of problem, as its `type` says.
    pub problem: String,
    /// The code.
    pub code: String,
    /// Sequence of the instance, where it is told.
    pub seq: Option<u64>,
}

impl Got {
    /// The position whose state the answer tells, where it tells one.
    pub fn position(&self) -> Option<u64> {
        match self {
            Self::Foretold(position)
            | Self::Seen(Seen { position, .. })
            | Self::Entries { position, seq: Some(_), .. }
            | Self::Rows { position, .. } => Some(*position),
            Self::Done(_) | Self::Entries { seq: None, .. } | Self::Refused(_) | Self::Lost(_) => None,
        }
    }
}

impl Refusal {
    /// Whether the writer itself looked at the command, its key included, before it refused.
    pub fn is_final(&self) -> bool {
        (400..500).contains(&self.status) && self.status != 429 || self.status == 507
    }
}
