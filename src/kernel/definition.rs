//! Owns what a step needs of a definition: who may send what, policy values, titles.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::actor::Role;
use super::schedule::Schedule;
use super::sla::rule::Rule;
use super::title::Title;

/// The values that one version of a workflow runs with.
#[derive(Clone)]
pub struct Definition {
    /// The flow.
    pub workflow: String,
    /// Its version, from 1.
    pub version: u32,
    /// Content hash, 32 hex digits: what instances pin.
    pub hash: String,
    /// Name of its calendar.
    pub calendar: String,
    /// The flow's title.
    pub title: Title,
    /// Who may send which event.
    pub roles: BTreeMap<String, Vec<Role>>,
    /// Titles of states by dotted path, superstates included.
    pub states: BTreeMap<String, Title>,
    /// Titles of events.
    pub events: BTreeMap<String, Title>,
    /// Its clocks by name, with the policy's ladder where they declare none.
    pub clocks: BTreeMap<String, Rule>,
    /// What starts by itself.
    pub schedules: Vec<Schedule>,
    /// The machine's typed policy.
    pub policy: Arc<dyn Any + Send + Sync>,
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "definition {} version {} ({})", self.workflow, self.version, self.hash)
    }
}

impl Definition {
    /// Whether a holder of `role` may send `event`.
    pub fn allows(&self, event: &str, role: Role) -> bool {
        self.roles.get(event).is_some_and(|roles| roles.iter().any(|allowed| role.includes(*allowed)))
    }

    /// The roles that may send `event`, as the definition lists them.
    pub fn allowed(&self, event: &str) -> &[Role] {
        self.roles.get(event).map_or(&[], Vec::as_slice)
    }
}
