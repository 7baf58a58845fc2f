//! Owns every change: the only writer. People, timers, sends, children and administrators go through one step.

pub mod command;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::index::{IndexError, List, Page, Range};
use crate::journal::ReadError;
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::definition::Definition;
use crate::kernel::entry::{Entry, Position};
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::{Instance, Timer};
use crate::kernel::instant::Instant;
use crate::kernel::machine::Workflow;
use crate::kernel::personal::Private;

pub use command::{Accepted, Command, CommandError, Preview, Target};

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

/// The running engine; clones share it.
#[derive(Clone)]
pub struct Engine {}

#[allow(unused_variables, clippy::needless_pass_by_value, missing_docs)]
impl Engine {
    /// Sends an event (or starts an instance); answers once it is on stable storage and published.
    pub async fn submit(&self, command: Command) -> Result<Accepted, CommandError> { unimplemented!() }
    /// What `command` would do on the published state; takes no queue and uses up no key.
    pub fn preview(&self, command: &Command) -> Result<Preview, CommandError> { unimplemented!() }
    /// The published instance and the position it was read at.
    pub fn instance(&self, id: &InstanceId) -> Result<(Option<Arc<Instance>>, Position), IndexError> { unimplemented!() }
    /// A page of the merged lists.
    pub fn page(&self, lists: &[List], range: &Range, limit: usize) -> Result<Page, IndexError> { unimplemented!() }
    /// The last published position.
    pub fn position(&self) -> Position { unimplemented!() }
    /// Entries of `instance` with seq after `after`, oldest first, at most `limit`.
    pub async fn history(&self, instance: &Instance, after: u64, limit: usize) -> Result<Vec<Recorded>, ReadError> { unimplemented!() }
    /// Entries of commits after `after`, in order, waiting up to `wait` for the first; and the last position looked at.
    pub async fn changes(&self, after: Position, limit: usize, wait: Duration) -> Result<(Vec<Recorded>, Position), ReadError> { unimplemented!() }
    /// The registered workflows.
    pub fn workflows(&self) -> &[Arc<dyn Workflow>] { unimplemented!() }
    /// A registered workflow.
    pub fn workflow(&self, name: &str) -> Option<&Arc<dyn Workflow>> { unimplemented!() }
    /// The definition that new instances of a workflow get.
    pub fn definition(&self, workflow: &str) -> Option<Arc<Definition>> { unimplemented!() }
    /// Every published definition of a workflow, oldest version first, with the YAML text it came from.
    pub fn definitions(&self, workflow: &str) -> Vec<(Arc<Definition>, Arc<str>)> { unimplemented!() }
    /// The definition that an instance is pinned to.
    pub fn pinned(&self, instance: &Instance) -> Option<Arc<Definition>> { unimplemented!() }
    /// What exploration found of a workflow (computed once).
    // pub fn exploration(&self, workflow: &str) -> Option<Arc<Exploration>>
    /// The events that the state of `instance` accepts, by name.
    pub fn accepted_events(&self, instance: &Instance) -> Vec<String> { unimplemented!() }
    /// Armed timers due at or before `until`, in due order, after the cursor.
    pub fn timers(&self, after: Option<&(Instant, InstanceId)>, until: Instant, limit: usize) -> Result<Vec<ArmedTimer>, IndexError> { unimplemented!() }
    /// Fires a timer now, for a reason (administrator).
    pub async fn fire_timer(&self, id: &InstanceId, timer: &str, reason: &str, by: Actor, key: Option<String>) -> Result<Accepted, CommandError> { unimplemented!() }
    /// Moves a timer to another due, for a reason (administrator).
    pub async fn move_timer(&self, id: &InstanceId, timer: &str, due: Instant, reason: &str, by: Actor, key: Option<String>) -> Result<Accepted, CommandError> { unimplemented!() }
    /// Makes a token; the secret is told once.
    pub async fn create_token(&self, identity: Identity, by: Actor) -> Result<(TokenInfo, String), CommandError> { unimplemented!() }
    /// Revokes a token.
    pub async fn revoke_token(&self, id: &InstanceId, by: Actor) -> Result<TokenInfo, CommandError> { unimplemented!() }
    /// Every token.
    pub fn tokens(&self) -> Vec<TokenInfo> { unimplemented!() }
    /// Who the secret speaks for; absent for an unknown or revoked one.
    pub fn authenticate(&self, secret: &str) -> Option<Identity> { unimplemented!() }
    /// Known people and services.
    pub fn actors(&self) -> Vec<ActorInfo> { unimplemented!() }
    /// Adds or changes a person; deactivating gives the cases back to their queues, first ownership to `successor` (X16).
    pub async fn put_actor(&self, actor: ActorInfo, successor: Option<String>, by: Actor) -> Result<ActorInfo, CommandError> { unimplemented!() }
    /// Whether commands are taken.
    pub fn readiness(&self) -> Readiness { unimplemented!() }
    /// How many instances are in each (workflow, state).
    pub fn census(&self) -> BTreeMap<(String, String), u64> { unimplemented!() }
    /// Counters and gauges in Prometheus text form.
    pub fn metrics(&self) -> String { unimplemented!() }
    /// The moment now, by the injected time source.
    pub fn now(&self) -> Instant { unimplemented!() }
}
