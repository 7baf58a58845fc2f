//! Samples for the tests of the API.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::kernel::actor::{Actor, Role};
use crate::kernel::case::Channel;
use crate::kernel::common::NoteAdded;
use crate::kernel::definition::Definition;
use crate::kernel::effect::{Effect, Notice, Send, Spawn, Task};
use crate::kernel::entry::{Cause, ENTRY_VERSION, Entry, Idempotency, Pins};
use crate::kernel::fact::Fact;
use crate::kernel::fault::Fault;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::machine::{EventSpec, Sample, StateSpec, Step, Workflow, schema_of};
use crate::kernel::outcome::{Event, Input, Outcome, Refusal, RefusalKind};
use crate::kernel::patch::Change;
use crate::kernel::title::Title;

/// 2026-03-11T10:00:00Z.
pub fn moment() -> Instant {
    Instant::parse("2026-03-11T10:00:00Z").unwrap()
}

pub fn id() -> InstanceId {
    InstanceId::derive("c-1", &["sample"])
}

fn pins() -> Pins {
    Pins {
        definition: "00".repeat(16),
        calendar: "11".repeat(16),
        others: std::collections::BTreeMap::new(),
        tzdata: "2025b".into(),
        build: "0.1.0".into(),
    }
}

/// An instance of customer `c-1` in the queue `front`, at sequence 3.
pub fn instance() -> Instance {
    serde_json::from_value(json!({
        "id": id(), "workflow": "consultation", "data_version": 1, "state": "open.intake.received",
        "data": {"case": {"customer_id": "c-1", "channel": "phone", "priority": "normal", "owner": {"queue": "front"}}},
        "seq": 3, "hash": Hash::ZERO, "position": 7, "created": moment(), "updated": moment(), "pins": pins(),
    }))
    .unwrap()
}

/// A definition in which these roles may send these events.
pub fn definition(roles: &[(&str, &[Role])]) -> Definition {
    Definition {
        workflow: "consultation".into(),
        version: 1,
        hash: "00".repeat(16),
        calendar: "cn".into(),
        title: Title { en: "Consultation".into(), zh: "咨询".into() },
        roles: roles.iter().map(|(event, roles)| ((*event).to_owned(), roles.to_vec())).collect(),
        states: BTreeMap::new(),
        events: BTreeMap::new(),
        clocks: Default::default(),
        schedules: Vec::new(),
        policy: Arc::new(()),
    }
}

/// Entries that together have every member, every cause and every effect.
pub fn entries() -> Vec<Entry> {
    let causes = [
        None,
        Some(Cause::Timer { timer: "FRT".into(), generation: 2, due: moment() }),
        Some(Cause::Send { from: id(), number: 1 }),
        Some(Cause::Parent { id: id(), seq: 4 }),
        Some(Cause::Follow { seq: 5 }),
        Some(Cause::Operator { reason: "asked to".into() }),
    ];
    causes.into_iter().map(entry).collect()
}

fn entry(cause: Option<Cause>) -> Entry {
    let plain = cause.is_none();
    let some = |text: &str| (!plain).then(|| text.to_owned());
    Entry {
        v: ENTRY_VERSION,
        instance: id(),
        seq: 3,
        workflow: "consultation".into(),
        data_version: 1,
        event: "accept".into(),
        payload: if plain { serde_json::Map::new() } else { json!({"a": [1]}).as_object().unwrap().clone() },
        facts: if plain {
            serde_json::Map::new()
        } else {
            json!({"on_shift": true}).as_object().unwrap().clone()
        },
        actor: Actor { on_behalf_of: some("c-1"), ..Actor::person("u1", Role::Agent) },
        occurred_at: (!plain).then(moment),
        recorded_at: moment().plus_millis(5),
        idempotency: (!plain).then(|| Idempotency { key: "aa".repeat(16), body: "bb".repeat(16) }),
        request_id: some("r1"),
        pins: Some(pins().into()),
        origin: some("demo"),
        rule: some("2a"),
        from: some("open.intake.received"),
        to: "open.intake.accepted".into(),
        patch: if plain { Vec::new() } else { patch() },
        clocks: Vec::new(),
        effects: if plain { Vec::new() } else { effects() },
        cause,
        prev: Hash::ZERO,
    }
}

fn patch() -> Vec<Change> {
    vec![
        Change::Add { path: "/a".into(), value: Arc::new(json!(1)) },
        Change::Replace { path: "/b".into(), value: Arc::new(json!("x")) },
        Change::Remove { path: "/c".into() },
    ]
}

fn effects() -> Vec<Effect> {
    let payload = json!({"a": 1}).as_object().unwrap().clone();
    let spawn = Spawn {
        rule: "r".into(),
        index: 1,
        workflow: "callback".into(),
        link: "spawned".into(),
        payload: payload.clone(),
        child: Some(id()),
        due: Some(moment()),
        lapses: Some(moment()),
    };
    let send = Send {
        number: 1,
        to: id(),
        event: "linked".into(),
        payload: payload.clone(),
        not_before: Some(moment()),
        failures: 2,
        starts: Some("monitor".into()),
    };
    let task =
        Task { task: "kb".into(), source: "s".into(), due: Some(moment()), assignee_role: Role::Agent };
    vec![
        Effect::Arm { timer: "FRT".into(), generation: 1, due: moment(), failures: 0 },
        Effect::Arm { timer: "FRT".into(), generation: 1, due: moment(), failures: 3 },
        Effect::Cancel { timer: "FRT".into() },
        Effect::Spawn(spawn.clone()),
        Effect::Spawn(Spawn { child: None, due: None, lapses: None, payload: Default::default(), ..spawn }),
        Effect::DropPending { rule: "r".into(), index: None },
        Effect::DropPending { rule: "r".into(), index: Some(2) },
        Effect::Send(send.clone()),
        Effect::Send(Send {
            not_before: None,
            failures: 0,
            starts: None,
            payload: Default::default(),
            ..send
        }),
        Effect::Park { number: 1, until: moment(), failures: 1 },
        Effect::Notify(Notice { to: "customer".into(), template: "t".into(), values: payload }),
        Effect::Notify(Notice { to: "owner".into(), template: "t".into(), values: Default::default() }),
        Effect::Task(task.clone()),
        Effect::Task(Task { due: None, ..task }),
        Effect::Count { name: "n".into(), key: "k".into() },
    ]
}

/// A workflow of which only names, states and events can be asked: a start and what `events` lists.
pub struct Flow {
    pub name: &'static str,
    pub events: Vec<EventSpec>,
}

/// Payload of `begin` in both sample flows.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is read")]
struct Begin {
    /// How the customer reached us.
    channel: Channel,
}

/// Payload of `accept` in the flow `alpha`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is read")]
struct AcceptAlpha {
    /// Why.
    reason: String,
}

/// Payload of `accept` in the flow `beta`, and of what carries nothing.
#[derive(JsonSchema)]
struct Nothing {}

/// Two flows that start alike, share `note_added`, and have an `accept` each.
pub fn flows() -> Vec<Arc<dyn Workflow>> {
    let begin = EventSpec { name: "begin", doc: " Begins.", schema: schema_of::<Begin> };
    let note = EventSpec { name: "note_added", doc: " Adds a note.", schema: schema_of::<NoteAdded> };
    let alpha = EventSpec { name: "accept", doc: " Accepts.", schema: schema_of::<AcceptAlpha> };
    let beta = EventSpec { name: "accept", doc: " Accepts.", schema: schema_of::<Nothing> };
    let own = EventSpec { name: "own_only", doc: " Is of beta only.", schema: schema_of::<Nothing> };
    vec![
        Arc::new(Flow { name: "alpha", events: vec![begin, alpha, note] }),
        Arc::new(Flow { name: "beta", events: vec![begin, beta, own, note] }),
    ]
}

impl Workflow for Flow {
    fn name(&self) -> &'static str {
        self.name
    }

    fn data_version(&self) -> u32 {
        1
    }

    fn start_event(&self) -> &'static str {
        "begin"
    }

    fn events(&self) -> &[EventSpec] {
        &self.events
    }

    fn states(&self) -> &[StateSpec] {
        &[]
    }

    fn timers(&self) -> &'static [&'static str] {
        &[]
    }

    fn policy_schema(&self) -> Value {
        json!({})
    }

    fn policy(&self, _: &Value) -> Result<Arc<dyn Any + std::marker::Send + Sync>, Vec<Fault>> {
        Ok(Arc::new(()))
    }

    fn queue(&self, _: &Definition, _: &Value) -> Option<String> {
        None
    }

    fn open<'w>(&'w self, _: Option<&Instance>, _: &Event) -> (Vec<Fact>, Step<'w>) {
        (Vec::new(), Box::new(|input| self.step(input)))
    }

    fn step(&self, _: &Input<'_>) -> Outcome {
        Outcome::Refused(Refusal::new(RefusalKind::State, "sample", "a sample takes no events"))
    }

    fn upgrade(&self, _: u32, state: &str, data: Value) -> Result<(String, Value), String> {
        Ok((state.to_owned(), data))
    }

    fn samples(&self) -> Vec<Sample> {
        Vec::new()
    }

    fn shape(&self, _: &Value) -> String {
        String::new()
    }
}
