//! Owns a case in memory, on virtual time: steps it and applies what it answers. For the tests of flows.

pub mod tests;

use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{CALENDARS, DEFINITIONS};
use crate::kernel::actor::Actor;
use crate::kernel::calendar::{Calendar, CalendarFile};
use crate::kernel::definition::Definition;
use crate::kernel::effect::{Effect, Spawn};
use crate::kernel::entry::{Cause, ENTRY_VERSION, Entry, Pins};
use crate::kernel::fact::Fact;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::measure::{Frame, Retargets};
use crate::kernel::machine::{SAMPLES_AT, Sample, Workflow};
use crate::kernel::outcome::{Change, Event, Follow, Input, Outcome, Refusal, TIMER_FIRED};
use crate::kernel::personal::Private;
use crate::kernel::sla::{self, fact::ClockFact, is_clock_timer, rule::resolve};

/// What a flow tells of itself to be driven.
pub trait Flow {
    /// Its data.
    type Data: DeserializeOwned;
    /// Its machine.
    fn workflow() -> Arc<dyn Workflow>;
    /// Answers to facts, unless a test says otherwise.
    fn facts() -> Value;
}

/// The shipped definition of `workflow` as a document.
pub fn document(workflow: &str) -> Value {
    let file = format!("{workflow}/definition.yaml");
    let (_, text) = DEFINITIONS.iter().find(|(name, _)| *name == file).unwrap();
    serde_saphyr::from_str(text).unwrap()
}

fn definition(workflow: &dyn Workflow) -> Definition {
    let document = document(workflow.name());
    let policy = workflow.policy(&document["policy"]).unwrap();
    let clocks = serde_json::from_value(document["clocks"].clone()).unwrap();
    Definition {
        workflow: workflow.name().into(),
        version: 1,
        hash: "0".repeat(32),
        calendar: "cn".into(),
        title: serde_json::from_value(document["title"].clone()).unwrap(),
        roles: serde_json::from_value(document["roles"].clone()).unwrap(),
        states: serde_json::from_value(document["states"].clone()).unwrap(),
        events: serde_json::from_value(document["events"].clone()).unwrap(),
        clocks: resolve(clocks, workflow.ladder(policy.as_ref())),
        schedules: Vec::new(),
        policy,
    }
}

/// A shipped calendar as its file says it.
pub fn calendar_file(name: &str) -> CalendarFile {
    let file = format!("calendars/{name}.yaml");
    let (_, text) = CALENDARS.iter().find(|(known, _)| *known == file).unwrap();
    serde_saphyr::from_str(text).unwrap()
}

fn calendar(name: &str) -> Calendar {
    calendar_file(name).check().unwrap()
}

/// A time as people write it.
pub fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

/// A window as it is looked at from its end.
pub fn frame(from: Instant, until: Instant) -> Frame {
    Frame { from, until, now: until, retargets: Retargets::Counted, zone: chrono_tz::Tz::Asia__Shanghai }
}

/// One case of the flow `F`.
pub struct Driven<F: Flow> {
    workflow: Arc<dyn Workflow>,
    pub definition: Definition,
    pub calendar: Calendar,
    /// Other calendars that clocks are counted on.
    others: Vec<Calendar>,
    flow: PhantomData<fn() -> F>,
    pub id: InstanceId,
    pub now: Instant,
    /// When the next event happened by its source's clock, where that is not now.
    pub occurred: Option<Instant>,
    /// Answers to facts, unless a call says otherwise.
    pub facts: Map<String, Value>,
    pub instance: Option<Instance>,
    /// Every entry, oldest first.
    pub entries: Vec<Entry>,
    /// Effects of the last call, follow-ups included.
    pub effects: Vec<Effect>,
    /// What the last call did to clocks, follow-ups included.
    pub clocks: Vec<ClockFact>,
    /// Events of `system` that the last call caused.
    pub followed: Vec<&'static str>,
}

impl<F: Flow> Driven<F> {
    /// Nothing yet, on the Wednesday that the samples are written for.
    pub fn new() -> Self {
        let workflow = F::workflow();
        Self {
            definition: definition(workflow.as_ref()),
            workflow,
            calendar: calendar("cn"),
            others: vec![calendar("always")],
            flow: PhantomData,
            id: InstanceId::derive("c-1027", &["case"]),
            now: SAMPLES_AT,
            occurred: None,
            facts: F::facts().as_object().unwrap().clone(),
            instance: None,
            entries: Vec::new(),
            effects: Vec::new(),
            clocks: Vec::new(),
            followed: Vec::new(),
        }
    }

    fn others(&self) -> Vec<&Calendar> {
        self.others.iter().collect()
    }

    /// After the samples called `kind:label`; `timer:NAME` fires a timer.
    pub fn after(steps: &[&str]) -> Self {
        let mut drive = Self::new();
        for step in steps {
            drive.take(step);
        }
        drive
    }

    /// Takes one sample or timer.
    pub fn take(&mut self, step: &str) -> Change {
        let (kind, label) = step.split_once(':').unwrap();
        if kind == "timer" {
            return self.fire(label);
        }
        let all = self.workflow.samples();
        let sample = all.iter().find(|sample| sample.event == kind && sample.label == label);
        let sample = sample.unwrap_or_else(|| panic!("no sample `{step}`"));
        let kept = self.facts.clone();
        self.facts.extend(sample.facts.clone());
        let change = self.send(sample.actor.clone(), kind, Value::Object(sample.payload.clone()));
        self.facts = kept;
        change
    }

    pub fn state(&self) -> &str {
        &self.instance.as_ref().unwrap().state
    }

    pub fn data(&self) -> F::Data {
        serde_json::from_value(Value::clone(&self.instance.as_ref().unwrap().data)).unwrap()
    }

    /// When a running timer is due.
    pub fn due(&self, timer: &str) -> Option<Instant> {
        self.instance.as_ref().unwrap().timers.get(timer).map(|timer| timer.due)
    }

    /// Effects of the last call in a few words; timers of clocks and what monitors are told left out.
    pub fn summaries(&self) -> Vec<String> {
        let aside = |effect: &&Effect| match effect {
            Effect::Arm { timer, .. } | Effect::Cancel { timer } => is_clock_timer(timer),
            Effect::Send(send) => send.starts.is_some(),
            _ => false,
        };
        self.effects.iter().filter(|effect| !aside(effect)).map(summary).collect()
    }

    /// What the last call told monitors: whose, and what was seen.
    pub fn observed(&self) -> Vec<(Value, Value)> {
        let seen = |effect: &Effect| match effect {
            Effect::Send(send) if send.starts.is_some() => {
                Some((send.payload["watched"].clone(), send.payload["seen"].clone()))
            }
            _ => None,
        };
        self.effects.iter().filter_map(seen).collect()
    }

    /// The starts of other cases that the last call caused.
    pub fn spawned(&self) -> Vec<Spawn> {
        let spawn = |effect: &Effect| match effect {
            Effect::Spawn(spawn) => Some(spawn.clone()),
            _ => None,
        };
        self.effects.iter().filter_map(spawn).collect()
    }

    /// The events called `name` that the last call sent: to whom.
    pub fn receivers(&self, name: &str) -> Vec<InstanceId> {
        let to = |effect: &Effect| match effect {
            Effect::Send(send) if send.event == name => Some(send.to.clone()),
            _ => None,
        };
        self.effects.iter().filter_map(to).collect()
    }

    /// Sends an event that must be accepted.
    #[track_caller]
    pub fn send(&mut self, actor: Actor, event: &str, payload: Value) -> Change {
        match self.attempt(actor, event, payload) {
            Ok(change) => change,
            Err(refusal) => {
                panic!("`{event}` in {:?}: {refusal:?}", self.instance.as_ref().map(|i| &i.state))
            }
        }
    }

    /// Sends an event that must be refused.
    #[track_caller]
    pub fn refused(&mut self, actor: Actor, event: &str, payload: Value) -> Refusal {
        match self.attempt(actor, event, payload) {
            Ok(change) => panic!("`{event}` was accepted by row {:?}", change.rule),
            Err(refusal) => refusal,
        }
    }

    /// Fires a running timer at its due instant.
    #[track_caller]
    pub fn fire(&mut self, name: &str) -> Change {
        self.try_fire(name).unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"))
    }

    pub fn try_fire(&mut self, name: &str) -> Result<Change, Refusal> {
        let timers = &self.instance.as_ref().unwrap().timers;
        let timer = timers.get(name).unwrap_or_else(|| panic!("{name} does not run")).clone();
        self.now = self.now.max(timer.due);
        let cause = Cause::Timer { timer: name.to_owned(), generation: timer.generation, due: timer.due };
        let instance = self.instance.as_ref().unwrap();
        let sent = sla::due_event(&self.definition, &self.calendar, &self.others(), instance, name, self.now);
        let (event, payload) = sent.unwrap_or_else(|| {
            let Value::Object(payload) = json!({ "timer": name }) else { unreachable!() };
            (TIMER_FIRED, payload)
        });
        let mut event = self.event(Actor::timer(), event, Value::Object(payload));
        event.cause = Some(cause);
        self.commit(&event)
    }

    /// Moves the clock by `minutes`, through every due on the way.
    pub fn pass(&mut self, minutes: i64) {
        let until = self.now.plus_millis(minutes * 60_000);
        loop {
            let timers = self.instance.iter().flat_map(|instance| &instance.timers);
            let next = timers.map(|(name, timer)| (timer.due, name.clone())).min();
            let Some((_, name)) = next.filter(|(due, _)| *due <= until) else { break };
            if self.try_fire(&name).is_err() {
                self.instance.as_mut().unwrap().timers.remove(&name);
            }
        }
        self.now = until;
    }

    pub fn attempt(&mut self, actor: Actor, event: &str, payload: Value) -> Result<Change, Refusal> {
        let mut event = self.event(actor, event, payload);
        event.occurred_at = self.occurred.take().unwrap_or(self.now);
        self.commit(&event)
    }

    fn event(&self, actor: Actor, name: &str, payload: Value) -> Event {
        let Value::Object(payload) = payload else { panic!("a payload is an object") };
        Event { name: name.into(), payload, actor, occurred_at: self.now, cause: None }
    }

    /// One commit: the event, then what the kernel sends next.
    fn commit(&mut self, event: &Event) -> Result<Change, Refusal> {
        let (first, mut after, entry) = self.step(self.instance.as_ref(), event)?;
        let mut entries = vec![entry];
        let mut effects = first.effects.clone();
        let mut clocks = first.clocks.clone();
        let mut followed = Vec::new();
        let mut left: Vec<Follow> = first.follow.iter().rev().cloned().collect();
        while let Some(follow) = left.pop() {
            let next = self.event(Actor::system(), follow.event, Value::Object(follow.payload));
            let (change, later, entry) = self.step(Some(&after), &next)?;
            entries.push(entry);
            effects.extend(change.effects);
            clocks.extend(change.clocks);
            followed.push(follow.event);
            left.extend(change.follow.into_iter().rev());
            after = later;
        }
        self.effects = effects;
        self.clocks = clocks;
        self.followed = followed;
        self.entries.extend(entries);
        self.instance = Some(after);
        Ok(first)
    }

    fn step(&self, before: Option<&Instance>, event: &Event) -> Result<(Change, Instance, Entry), Refusal> {
        let (asked, step) = self.workflow.open(before, event);
        let outcome = step(&Input {
            definition: &self.definition,
            calendar: &self.calendar,
            others: &self.others(),
            next: None,
            id: &self.id,
            instance: before,
            event,
            facts: &self.known(&asked),
            now: self.now,
        });
        let change = match outcome {
            Outcome::Moved(change) | Outcome::Stayed(change) => *change,
            Outcome::Refused(refusal) => return Err(refusal),
        };
        let entry = self.entry(before, event, &change);
        let hash = Hash::of(&[&entry.seq.to_be_bytes()]);
        let after = Instance::apply(before, &entry, hash, entry.seq, &Private::new()).unwrap();
        assert_eq!(after.data, change.data, "the patch leads to other data");
        Ok((change, after, entry))
    }

    /// Only the facts that the machine asked for.
    fn known(&self, asked: &[Fact]) -> Map<String, Value> {
        asked.iter().map(|fact| (fact.name().to_owned(), self.facts[fact.name()].clone())).collect()
    }

    fn entry(&self, before: Option<&Instance>, event: &Event, change: &Change) -> Entry {
        Entry {
            v: ENTRY_VERSION,
            instance: self.id.clone(),
            seq: before.map_or(1, |instance| instance.seq + 1),
            workflow: self.workflow.name().into(),
            data_version: 1,
            event: event.name.clone(),
            payload: event.payload.clone(),
            facts: Map::new(),
            actor: event.actor.clone(),
            occurred_at: Some(event.occurred_at),
            recorded_at: self.now,
            idempotency: None,
            request_id: None,
            pins: Some(Arc::new(Pins {
                definition: self.definition.hash.clone(),
                calendar: "cn".into(),
                others: Default::default(),
                tzdata: String::new(),
                build: String::new(),
            })),
            origin: None,
            cause: event.cause.clone(),
            rule: change.rule.map(str::to_owned),
            from: change.from.clone(),
            to: change.to.clone(),
            patch: change.patch.clone(),
            clocks: change.clocks.clone(),
            effects: change.effects.clone(),
            prev: before.map_or(Hash::ZERO, |instance| instance.hash),
        }
    }

    /// Other policy values than the shipped ones.
    pub fn with_policy(mut self, change: impl Fn(&mut Value)) -> Self {
        let mut values = document(self.workflow.name())["policy"].clone();
        change(&mut values);
        self.definition.policy = self.workflow.policy(&values).unwrap();
        self
    }
}

/// A random life of a case.
pub struct Life<F: Flow> {
    /// The case at its end.
    pub drive: Driven<F>,
    /// What it did to clocks, in order.
    pub clocks: Vec<ClockFact>,
    /// State before, event, state after.
    pub turns: Vec<(String, String, String)>,
}

impl<F: Flow> Life<F> {
    /// After the sample `start`: minutes to wait, then a sample, or the earliest timer for numbers beyond them.
    pub fn live(start: &str, moves: &[(u16, u8)]) -> Self {
        let mut drive = Driven::after(&[start]);
        let all = drive.workflow.samples();
        let first = drive.workflow.start_event();
        let (mut clocks, mut turns) = (drive.clocks.clone(), Vec::new());
        for (wait, pick) in moves {
            let from = drive.state().to_owned();
            let taken = match all.get(usize::from(*pick)) {
                Some(sample) if sample.event != first => {
                    drive.now = drive.now.plus_millis(i64::from(*wait) * 60_000);
                    drive.try_sample(sample).then(|| sample.event.to_owned())
                }
                Some(_) | None => drive.fire_earliest(),
            };
            if let Some(event) = taken {
                clocks.extend(drive.clocks.clone());
                turns.push((from, event, drive.state().to_owned()));
            }
        }
        Self { drive, clocks, turns }
    }
}

impl<F: Flow> Driven<F> {
    fn try_sample(&mut self, sample: &Sample) -> bool {
        let kept = self.facts.clone();
        self.facts.extend(sample.facts.clone());
        let payload = Value::Object(sample.payload.clone());
        let taken = self.attempt(sample.actor.clone(), sample.event, payload).is_ok();
        self.facts = kept;
        taken
    }

    fn fire_earliest(&mut self) -> Option<String> {
        let timers = &self.instance.as_ref().unwrap().timers;
        let earliest = timers.iter().min_by_key(|(_, timer)| timer.due).map(|(name, _)| name.clone())?;
        self.try_fire(&earliest).is_ok().then(|| format!("timer {earliest}"))
    }
}

/// An effect without times and payloads.
fn summary(effect: &Effect) -> String {
    match effect {
        Effect::Arm { timer, .. } => format!("arm {timer}"),
        Effect::Cancel { timer } => format!("cancel {timer}"),
        Effect::Spawn(spawn) => format!("spawn {} {}", spawn.workflow, spawn.rule),
        Effect::DropPending { rule, .. } => format!("drop {rule}"),
        Effect::Send(send) => format!("send {}", send.event),
        Effect::Park { number, .. } => format!("park {number}"),
        Effect::Notify(notice) => format!("notify {} {}", notice.to, notice.template),
        Effect::Task(task) => format!("task {} {}", task.task, task.assignee_role),
        Effect::Count { name, .. } => format!("count {name}"),
    }
}
