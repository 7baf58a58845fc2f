//! Owns how effects are shown: what else a step causes, typed for clients.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::kernel::effect::Effect;

/// What else a step causes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EffectView {
    /// A timer starts.
    Arm {
        /// Its name.
        timer: String,
        /// Which arming of it.
        generation: u32,
        /// When it fires.
        #[schema(format = DateTime)]
        due: String,
        /// How often its step has failed in a row.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        failures: Option<u32>,
    },
    /// A timer ends without firing.
    Cancel {
        /// Its name.
        timer: String,
    },
    /// Another instance starts.
    Spawn {
        /// The rule that caused it.
        rule: String,
        /// Distinguishes several spawns of one rule.
        index: u32,
        /// The workflow to start.
        workflow: String,
        /// How the child is related.
        link: String,
        /// Payload of its start; absent once the child's own entry holds it.
        #[serde(skip_serializing_if = "Map::is_empty")]
        #[schema(required = false, value_type = Object)]
        payload: Map<String, Value>,
        /// The child; absent while it is still to start: beyond 64 in one commit, or of a workflow that
        /// is not registered.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        child: Option<String>,
        /// When the child's work should be done.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, format = DateTime)]
        due: Option<String>,
        /// When a link without a child lapses.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, format = DateTime)]
        lapses: Option<String>,
    },
    /// Pending starts of a rule are no longer wanted.
    DropPending {
        /// The rule that made them.
        rule: String,
        /// The one that ends; absent where all of the rule do.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        index: Option<u32>,
    },
    /// An event goes to another instance.
    Send {
        /// Number of the send within its sender.
        number: u32,
        /// The receiver.
        to: String,
        /// The event.
        event: String,
        /// Its payload.
        #[serde(skip_serializing_if = "Map::is_empty")]
        #[schema(required = false, value_type = Object)]
        payload: Map<String, Value>,
        /// Not tried before this moment.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, format = DateTime)]
        not_before: Option<String>,
        /// How often its delivery has failed in a row.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        failures: Option<u32>,
        /// The workflow that starts with the event where the receiver is not there yet.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        starts: Option<String>,
    },
    /// A send whose delivery failed waits.
    Park {
        /// Number of the send.
        number: u32,
        /// When it is tried again.
        #[schema(format = DateTime)]
        until: String,
        /// How often it has failed in a row.
        failures: u32,
    },
    /// Somebody is told something; a gateway sends it.
    Notify {
        /// Who: `customer`, `owner`, `role:<role>`, `queue:<name>`.
        to: String,
        /// Which text.
        template: String,
        /// What the text needs.
        #[serde(skip_serializing_if = "Map::is_empty")]
        #[schema(required = false, value_type = Object)]
        values: Map<String, Value>,
    },
    /// Somebody has something to do outside this instance.
    Task {
        /// What is to be done.
        task: String,
        /// What it is about.
        source: String,
        /// By when.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, format = DateTime)]
        due: Option<String>,
        /// Who may do it.
        assignee_role: &'static str,
    },
    /// A tally goes up by one.
    Count {
        /// What is counted.
        name: String,
        /// For whom or what.
        key: String,
    },
}

impl From<&Effect> for EffectView {
    fn from(effect: &Effect) -> Self {
        let failed = |failures: u32| (failures > 0).then_some(failures);
        match effect {
            Effect::Arm { timer, generation, due, failures } => Self::Arm {
                timer: timer.clone(),
                generation: *generation,
                due: due.to_string(),
                failures: failed(*failures),
            },
            Effect::Cancel { timer } => Self::Cancel { timer: timer.clone() },
            Effect::Spawn(spawn) => Self::Spawn {
                rule: spawn.rule.clone(),
                index: spawn.index,
                workflow: spawn.workflow.clone(),
                link: spawn.link.clone(),
                payload: spawn.payload.clone(),
                child: spawn.child.as_ref().map(ToString::to_string),
                due: spawn.due.as_ref().map(ToString::to_string),
                lapses: spawn.lapses.as_ref().map(ToString::to_string),
            },
            Effect::DropPending { rule, index } => Self::DropPending { rule: rule.clone(), index: *index },
            Effect::Send(send) => Self::Send {
                number: send.number,
                to: send.to.to_string(),
                event: send.event.clone(),
                payload: send.payload.clone(),
                not_before: send.not_before.as_ref().map(ToString::to_string),
                failures: failed(send.failures),
                starts: send.starts.clone(),
            },
            Effect::Park { number, until, failures } => {
                Self::Park { number: *number, until: until.to_string(), failures: *failures }
            }
            Effect::Notify(notice) => Self::Notify {
                to: notice.to.clone(),
                template: notice.template.clone(),
                values: notice.values.clone(),
            },
            Effect::Task(task) => Self::Task {
                task: task.task.clone(),
                source: task.source.clone(),
                due: task.due.as_ref().map(ToString::to_string),
                assignee_role: task.assignee_role.name(),
            },
            Effect::Count { name, key } => Self::Count { name: name.clone(), key: key.clone() },
        }
    }
}
