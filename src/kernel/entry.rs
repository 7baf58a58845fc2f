//! Owns the history record: what one entry says, and the stored form that is hashed.
//!
//! # Why
//! Input and outcome both stand in it: the input lets anyone re-execute and
//! check, the outcome lets recovery and readers need no workflow code.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::actor::Actor;
use super::canonical::{self, NotCanonical};
use super::effect::Effect;
use super::hash::Hash;
use super::id::InstanceId;
use super::instance::{CHILDREN, LINK_STARTED};
use super::instant::Instant;
use super::patch::Change;
use super::personal::Private;
use super::sla::fact::ClockFact;

/// Version of the entry's shape; a journal with a newer one is not opened.
pub const ENTRY_VERSION: u32 = 1;

/// A commit's dense number in its partition, from 1.
pub type Position = u64;

/// One immutable history record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// [`ENTRY_VERSION`] when it was written.
    pub v: u32,
    /// Whose history this is.
    pub instance: InstanceId,
    /// The instance's entry number, from 1; also its ETag.
    pub seq: u64,
    /// Its flow.
    pub workflow: String,
    /// Version of the shape of its data after this entry.
    pub data_version: u32,
    /// The event, or the engine's own fact (`timer_lapsed`, `delivery_refused`, `link_started`,
    /// `link_lapsed`, `link_refused`, `step_failed`, `data_upgraded`).
    pub event: String,
    /// The event's payload, personal values sealed.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub payload: Map<String, Value>,
    /// What the guards were told about other instances.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    /// Who sent it.
    pub actor: Actor,
    /// When it happened by the source's clock (R1); absent where that is when it was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Instant>,
    /// When it was committed; never before the partition's last.
    pub recorded_at: Instant,
    /// Hashes of the sender's key and body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// The request that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What it was evaluated with; absent where that is what the instance's entry before was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pins: Option<Arc<Pins>>,
    /// The import or demo batch it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What made the engine send it, where no outside command did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The number of the transition in the specification: `2a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// State path before; absent for a start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// State path after.
    pub to: String,
    /// How the data changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patch: Vec<Change>,
    /// What it did to clocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<ClockFact>,
    /// What else must happen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// Hash of the instance's previous entry; of the spawning entry for a child's first; absent from
    /// any other first.
    #[serde(default, skip_serializing_if = "Hash::is_zero")]
    pub prev: Hash,
}

impl Entry {
    /// When it happened by the source's clock.
    pub fn occurred(&self) -> Instant {
        self.occurred_at.unwrap_or(self.recorded_at)
    }

    /// Leaves out what readers know without it; `known` are the pins of the entry before.
    pub fn leave_out_known(&mut self, known: Option<&Pins>) {
        self.occurred_at = self.occurred_at.filter(|at| *at != self.recorded_at);
        if self.pins.as_deref() == known {
            self.pins = None;
        }
    }

    /// Whether its spawns start children that were pending, instead of new ones.
    pub fn starts_pending(&self) -> bool {
        let by_timer = matches!(&self.cause, Some(Cause::Timer { timer, .. }) if timer == CHILDREN);
        by_timer || self.event == LINK_STARTED
    }
}

/// Hashes of an idempotency key (with its actor) and of the body that came with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// Hash of actor and key, 32 hex digits.
    pub key: String,
    /// Seal over the hash of key and body ([`super::personal::seal_half`]): that hash stands beside the
    /// hashed part, with the personal values.
    pub body: String,
}

/// Content hashes (32 hex digits) and versions of what a step ran with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// The workflow's definition.
    pub definition: String,
    /// The calendar.
    pub calendar: String,
    /// Other calendars that clocks are counted on, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, String>,
    /// The time zone database: `2025b`.
    pub tzdata: String,
    /// The binary: its version.
    pub build: String,
}

/// What made the engine send an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    /// A timer of this instance came due.
    Timer {
        /// Its name.
        timer: String,
        /// Which arming of it.
        generation: u32,
        /// When it was due.
        due: Instant,
    },
    /// Another instance sent it.
    Send {
        /// The sender.
        from: InstanceId,
        /// The send's number within it.
        number: u32,
    },
    /// Another instance started this one.
    Parent {
        /// The parent.
        id: InstanceId,
        /// The parent's entry.
        seq: u64,
    },
    /// An entry of this instance in the same commit asked for it.
    Follow {
        /// That entry's seq.
        seq: u64,
    },
    /// An administrator, with the reason given.
    Operator {
        /// Why.
        reason: String,
    },
}

/// An entry as it stands in the journal: canonical bytes and their hash.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The entry in canonical form; exactly these bytes are hashed.
    pub entry: Box<str>,
    /// SHA-256 of those bytes.
    pub hash: Hash,
    /// Position of this instance's previous entry; in no hash.
    pub prev_position: Option<Position>,
}

/// What a stored entry can be wrong about.
#[derive(Debug, thiserror::Error)]
pub enum Corrupt {
    /// The bytes do not hash to the hash beside them.
    #[error("entry bytes do not match their hash `{0}`")]
    Hash(Hash),
    /// The bytes are no entry this binary can read.
    #[error("entry cannot be read: {0}")]
    Shape(String),
}

impl Stored {
    /// Puts `entry` into canonical form and hashes it.
    ///
    /// # Errors
    /// A value without canonical form.
    pub fn seal(entry: &Entry, prev_position: Option<Position>) -> Result<Self, NotCanonical> {
        let text = canonical::to_string(entry)?;
        let hash = Hash::of(&[text.as_bytes()]);
        Ok(Self { entry: text.into(), hash, prev_position })
    }

    /// Reads the entry without checking its hash.
    ///
    /// # Errors
    /// [`Corrupt::Shape`].
    pub fn read(&self) -> Result<Entry, Corrupt> {
        serde_json::from_str(&self.entry).map_err(|e| Corrupt::Shape(e.to_string()))
    }

    /// Reads the entry after checking its bytes against its hash.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn verify(&self) -> Result<Entry, Corrupt> {
        if Hash::of(&[self.entry.as_bytes()]) != self.hash {
            return Err(Corrupt::Hash(self.hash));
        }
        self.read()
    }
}

/// The entries that stand or fall together, and the personal values beside them.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// In order; the first is the one that was asked for.
    pub entries: Vec<Stored>,
    /// Salts and values of the sealed personal values, in no hash.
    pub private: Arc<Private>,
}
