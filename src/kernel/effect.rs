//! Owns effects: data that says what else must happen after a transition.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::id::InstanceId;
use super::instant::Instant;

/// What else one step causes; recorded in its entry and carried out by the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// A timer starts, or starts again under its next generation.
    Arm {
        /// Name of the timer, unique within its instance.
        timer: String,
        /// Counts up each time this timer is armed; a fire of an older one is ignored.
        generation: u32,
        /// When the engine sends it; never earlier.
        due: Instant,
        /// How often its step has failed in a row; it is then parked until `due`.
        #[serde(default, skip_serializing_if = "is_zero")]
        failures: u32,
    },
    /// A running timer ends without firing.
    Cancel {
        /// Name of the timer.
        timer: String,
    },
    /// Another instance starts because of this one.
    Spawn(Spawn),
    /// Pending links of a rule end: what they were for is no longer wanted, or can no longer be.
    DropPending {
        /// The rule that made them: `confirm_resolution`.
        rule: String,
        /// The one that ends; absent where all of the rule do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u32>,
    },
    /// An event goes to another instance, exactly once.
    Send(Send),
    /// A send whose delivery failed waits until `until`.
    Park {
        /// Number of the send within this instance.
        number: u32,
        /// When it is tried again.
        until: Instant,
        /// How often it has failed in a row.
        failures: u32,
    },
    /// Somebody is told something; sending it is the gateway's work.
    Notify(Notice),
    /// Somebody has something to do outside this instance.
    Task(Task),
    /// A tally that facts read goes up by one.
    Count {
        /// What is counted.
        name: String,
        /// For whom or what.
        key: String,
    },
}

/// The start of another instance, in the same commit where its flow is registered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spawn {
    /// The rule that caused it: `confirm_resolution`.
    pub rule: String,
    /// Distinguishes several spawns of one rule over an instance's life: its round.
    pub index: u32,
    /// The flow to start.
    pub workflow: String,
    /// The link that the child carries back: `spawned`, `follow_up_of`, `caused_by`.
    pub link: String,
    /// Payload of the child's start event; empty once the child's own entry holds it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub payload: Map<String, Value>,
    /// The child; absent while it is still to start (a pending link). A machine that must know its child
    /// names it by [`Spawn::child_of`]; such a child never waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<InstanceId>,
    /// When the child's work should be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Instant>,
    /// A pending link not started by then lapses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapses: Option<Instant>,
}

impl Spawn {
    /// The id of the child that `parent` starts by `rule` under `index`, which it uses once for that rule.
    pub fn child_of(parent: &InstanceId, rule: &str, index: u32) -> InstanceId {
        parent.child(&[parent.as_str(), rule, &index.to_string()])
    }
}

/// An event for another instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Send {
    /// Number of the send within its sender; with the sender's id its dedupe key.
    pub number: u32,
    /// The receiver.
    pub to: InstanceId,
    /// The event.
    pub event: String,
    /// Its payload.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub payload: Map<String, Value>,
    /// Not tried before this moment, where a delivery has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Instant>,
    /// How often its delivery has failed in a row.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// The flow that starts with the event where the receiver is not there yet; the receiver's id is that
    /// of its key ([`InstanceId::keyed`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<String>,
}

/// The batch of the demo, which no import is called.
pub const DEMO: &str = "demo";

/// Leaves out what `effects` tell keyed instances where the sender belongs to an import: what happened in
/// another system is history here, and nobody is called or trained because of it. The demo happens here.
pub fn of_origin(effects: &mut Vec<Effect>, origin: Option<&str>) {
    if origin.is_some_and(|origin| origin != DEMO) {
        effects.retain(|effect| !matches!(effect, Effect::Send(send) if send.starts.is_some()));
    }
}

/// Skips a count of nothing.
pub(super) fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Somebody is told something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Who: `customer`, `owner`, `role:supervisor`, `queue:after_sale`.
    pub to: String,
    /// Which text: `auto_reply`, `info_reminder`.
    pub template: String,
    /// What the text needs.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
}

/// Something that a person does outside this instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// What is to be done: `classify_message`, `kb_draft`.
    pub task: String,
    /// What it is about: a message, an instance.
    pub source: String,
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Instant>,
    /// Who may do it.
    pub assignee_role: super::actor::Role,
}
