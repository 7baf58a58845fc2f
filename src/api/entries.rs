//! Owns how history records are shown: exactly the members that are stored and hashed, typed for clients.
//!
//! # Why
//! An auditor puts `entry` into canonical form (RFC 8785) and hashes it: that is
//! `hash`. So the record is shown as it was sealed, and the personal values stand
//! beside it, by digest, for those who may read them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::caller::Sight;
use super::clock_facts::ClockFactView;
use super::effects::EffectView;
use crate::engine::{Engine, Recorded};
use crate::index::IndexError;
use crate::kernel::actor::{Actor, ActorKind};
use crate::kernel::entry::{Cause, Entry, Pins};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::patch;
use crate::kernel::personal;

/// One history record with what stands beside it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EntryRecord {
    /// Position of its commit.
    pub position: u64,
    /// The record as it is hashed; a personal value stands in it as `{"$p": digest}`.
    pub entry: EntryView,
    /// SHA-256 of `entry` in canonical form (RFC 8785).
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub hash: String,
    /// The personal values of `entry` by digest, for those who may read them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub personal: BTreeMap<String, PersonalView>,
}

/// A personal value; its digest is SHA-256 of salt and canonical value.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PersonalView {
    /// 32 hex digits.
    pub salt: String,
    /// The value.
    pub value: Value,
}

/// One history record as it is stored and hashed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EntryView {
    /// Version of the shape of entries.
    pub v: u32,
    /// Whose history this is.
    pub instance: String,
    /// Number of the entry within its instance, from 1.
    pub seq: u64,
    /// The workflow.
    pub workflow: String,
    /// Version of the shape of the data after this entry.
    pub data_version: u32,
    /// The event.
    pub event: String,
    /// The event's payload.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(required = false, value_type = Object)]
    pub payload: Map<String, Value>,
    /// What the guards were told about other instances.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(required = false, value_type = Object)]
    pub facts: Map<String, Value>,
    /// Who sent it.
    pub actor: ActorView,
    /// When it happened by the sender's clock; absent where that is `recorded_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, nullable = false)]
    pub occurred_at: Option<String>,
    /// When it was committed.
    #[schema(format = DateTime)]
    pub recorded_at: String,
    /// Hashes of the idempotency key and of the body that came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub idempotency: Option<IdempotencyView>,
    /// The request that brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<String>,
    /// What it was evaluated with; absent where that is what the instance's entry before was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pins: Option<PinsView>,
    /// The import or demo batch it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub origin: Option<String>,
    /// What made the engine send it, where no outside command did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cause: Option<CauseView>,
    /// Number of the transition in the specification.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rule: Option<String>,
    /// State before; absent for a start.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub from: Option<String>,
    /// State after.
    pub to: String,
    /// How the data changed: RFC 6902, only `add`, `replace`, `remove`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub patch: Vec<PatchView>,
    /// What it did to clocks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub clocks: Vec<ClockFactView>,
    /// What else must happen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub effects: Vec<EffectView>,
    /// Hash of the instance's previous entry; of the spawning entry for a child's first; absent from any
    /// other first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub prev: Option<String>,
}

/// Who sent an event, in which role.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActorView {
    /// The person's or service's id.
    pub id: String,
    /// What kind of thing acts: `person`, `service`, `timer`, `schedule`, `system`, `local`.
    pub kind: &'static str,
    /// The role it acts in.
    pub role: &'static str,
    /// Whom it acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub on_behalf_of: Option<String>,
}

/// Hashes of an idempotency key and its body.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IdempotencyView {
    /// Hash of actor and key.
    pub key: String,
    /// Hash of key and body.
    pub body: String,
}

/// What a step ran with.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PinsView {
    /// Content hash of the definition.
    pub definition: String,
    /// Content hash of the calendar.
    pub calendar: String,
    /// Content hashes of other calendars that clocks are counted on, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub others: BTreeMap<String, String>,
    /// Version of the time zone database.
    pub tzdata: String,
    /// Version of the binary.
    pub build: String,
}

/// What made the engine send an event.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CauseView {
    /// A timer came due.
    Timer {
        /// Its name.
        timer: String,
        /// Which arming of it.
        generation: u32,
        /// When it was due.
        #[schema(format = DateTime)]
        due: String,
    },
    /// Another instance sent it.
    Send {
        /// The sender.
        from: String,
        /// The send's number within it.
        number: u32,
    },
    /// Another instance started this one.
    Parent {
        /// The parent.
        id: String,
        /// The parent's entry.
        seq: u64,
    },
    /// An entry of this instance in the same commit.
    Follow {
        /// That entry.
        seq: u64,
    },
    /// An administrator.
    Operator {
        /// Why.
        reason: String,
    },
}

/// One change of the data at a JSON pointer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum PatchView {
    /// A member or item that was not there.
    Add {
        /// Where.
        path: String,
        /// What.
        value: Value,
    },
    /// A member or item that has another value.
    Replace {
        /// Where.
        path: String,
        /// What it is now.
        value: Value,
    },
    /// A member or item that is no longer there.
    Remove {
        /// Where.
        path: String,
    },
}

impl From<&Pins> for PinsView {
    fn from(pins: &Pins) -> Self {
        let Pins { definition, calendar, others, tzdata, build } = pins.clone();
        Self { definition, calendar, others, tzdata, build }
    }
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        Self {
            v: entry.v,
            instance: entry.instance.to_string(),
            seq: entry.seq,
            workflow: entry.workflow.clone(),
            data_version: entry.data_version,
            event: entry.event.clone(),
            payload: entry.payload.clone(),
            facts: entry.facts.clone(),
            actor: (&entry.actor).into(),
            occurred_at: entry.occurred_at.map(|at| at.to_string()),
            recorded_at: entry.recorded_at.to_string(),
            idempotency: entry
                .idempotency
                .as_ref()
                .map(|hashes| IdempotencyView { key: hashes.key.clone(), body: hashes.body.clone() }),
            request_id: entry.request_id.clone(),
            pins: entry.pins.as_ref().map(|pins| PinsView::from(&**pins)),
            origin: entry.origin.clone(),
            cause: entry.cause.as_ref().map(CauseView::from),
            rule: entry.rule.clone(),
            from: entry.from.clone(),
            to: entry.to.clone(),
            patch: entry.patch.iter().map(PatchView::from).collect(),
            clocks: entry.clocks.iter().map(ClockFactView::from).collect(),
            effects: entry.effects.iter().map(EffectView::from).collect(),
            prev: (!entry.prev.is_zero()).then(|| entry.prev.to_string()),
        }
    }
}

impl From<&Actor> for ActorView {
    fn from(actor: &Actor) -> Self {
        Self {
            id: actor.id.clone(),
            kind: kind_name(actor.kind),
            role: actor.role.name(),
            on_behalf_of: actor.on_behalf_of.clone(),
        }
    }
}

/// The name of a kind of actor.
pub const fn kind_name(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::Person => "person",
        ActorKind::Service => "service",
        ActorKind::Timer => "timer",
        ActorKind::Schedule => "schedule",
        ActorKind::System => "system",
        ActorKind::Local => "local",
    }
}

impl From<&Cause> for CauseView {
    fn from(cause: &Cause) -> Self {
        match cause {
            Cause::Timer { timer, generation, due } => {
                Self::Timer { timer: timer.clone(), generation: *generation, due: due.to_string() }
            }
            Cause::Send { from, number } => Self::Send { from: from.to_string(), number: *number },
            Cause::Parent { id, seq } => Self::Parent { id: id.to_string(), seq: *seq },
            Cause::Follow { seq } => Self::Follow { seq: *seq },
            Cause::Operator { reason } => Self::Operator { reason: reason.clone() },
        }
    }
}

impl From<&patch::Change> for PatchView {
    fn from(change: &patch::Change) -> Self {
        match change.clone() {
            patch::Change::Add { path, value } => Self::Add { path, value: Arc::unwrap_or_clone(value) },
            patch::Change::Replace { path, value } => {
                Self::Replace { path, value: Arc::unwrap_or_clone(value) }
            }
            patch::Change::Remove { path } => Self::Remove { path },
        }
    }
}

/// Whether the personal values of an instance may be shown to somebody of this sight: not once the subject
/// is restricted or erased.
pub fn shows_personal(instance: &Instance, sight: Sight) -> bool {
    sight != Sight::Sealed
        && instance.case_text("restricted").is_none()
        && instance.case_text("erased").is_none()
}

/// Shows `recorded`, each with the personal values that somebody of this sight may read.
///
/// # Errors
/// An instance that cannot be read.
pub fn records(engine: &Engine, recorded: &[Recorded], sight: Sight) -> Result<Vec<EntryRecord>, IndexError> {
    let mut shown: BTreeMap<InstanceId, bool> = BTreeMap::new();
    let mut records = Vec::with_capacity(recorded.len());
    for record in recorded {
        let id = &record.entry.instance;
        if !record.private.is_empty() && !shown.contains_key(id) {
            let instance = engine.instance(id)?.0;
            shown.insert(id.clone(), instance.is_some_and(|instance| shows_personal(&instance, sight)));
        }
        records.push(show(record, shown.get(id) == Some(&true)));
    }
    Ok(records)
}

fn show(recorded: &Recorded, personal: bool) -> EntryRecord {
    let entry = EntryView::from(&*recorded.entry);
    let values = if personal { personal_of(&entry, recorded) } else { BTreeMap::new() };
    EntryRecord { position: recorded.position, hash: recorded.hash.to_string(), personal: values, entry }
}

/// A commit's values belong to several entries; each shows those it refers to.
fn personal_of(entry: &EntryView, recorded: &Recorded) -> BTreeMap<String, PersonalView> {
    if recorded.private.is_empty() {
        return BTreeMap::new();
    }
    let mut wanted = Vec::new();
    personal::digests(&serde_json::to_value(entry).unwrap_or_default(), &mut wanted);
    let secret = |digest: String| {
        let secret = recorded.private.get(&digest)?;
        Some((digest, PersonalView { salt: secret.salt.clone(), value: secret.value.clone() }))
    };
    wanted.into_iter().filter_map(secret).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::testing;
    use crate::kernel::canonical;
    use crate::kernel::hash::Hash;
    use crate::kernel::personal::Private;

    #[test]
    fn a_shown_entry_hashes_like_the_stored_one() {
        for entry in testing::entries() {
            let stored = canonical::to_string(&entry).unwrap();
            let shown = canonical::to_string(&EntryView::from(&entry)).unwrap();
            assert_eq!(shown, stored);
        }
    }

    #[test]
    fn an_entry_shows_the_personal_values_it_refers_to_and_no_others() {
        let mut private = Private::new();
        let (sealed, digest, secret) = personal::seal("王小明".into(), "00".repeat(16));
        private.insert(digest.clone(), secret);
        let (_, other, secret) = personal::seal("李雷".into(), "11".repeat(16));
        private.insert(other, secret);
        let mut entry = testing::entries().remove(0);
        entry.payload.insert("name".into(), sealed);
        let recorded =
            Recorded { position: 7, entry: Arc::new(entry), hash: Hash::ZERO, private: Arc::new(private) };
        let shown = show(&recorded, true);
        assert_eq!(shown.personal.keys().collect::<Vec<_>>(), [&digest]);
        assert_eq!(shown.personal[&digest].value, "王小明");
        assert!(show(&recorded, false).personal.is_empty());
    }
}
