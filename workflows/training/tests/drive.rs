//! Owns a case of any flow in memory, on virtual time: steps it and applies what it answers.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::app;
use crate::definition::file::Content;
use crate::kernel::actor::Actor;
use crate::kernel::calendar::Calendar;
use crate::kernel::definition::Definition;
use crate::kernel::effect::Effect;
use crate::kernel::entry::{Cause, ENTRY_VERSION, Entry, Pins};
use crate::kernel::explore::{explored_id, summary};
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::machine::{SAMPLES_AT, Workflow};
use crate::kernel::outcome::{Change, Event, Input, Outcome, Refusal, TIMER_FIRED};
use crate::kernel::personal::Private;
use crate::kernel::sla::is_clock_timer;
use crate::workflows::Registry;

/// One case.
pub(crate) struct Drive {
    pub workflow: Arc<dyn Workflow>,
    pub definition: Definition,
    pub calendar: Calendar,
    pub id: InstanceId,
    pub now: Instant,
    /// Answers to facts.
    pub facts: Map<String, Value>,
    pub instance: Option<Instance>,
    /// Every entry, oldest first.
    pub entries: Vec<Entry>,
    /// Effects of the last call, follow-ups included.
    pub effects: Vec<Effect>,
}

impl Drive {
    /// Nothing yet of `workflow`, on the Wednesday that samples are written for.
    pub(crate) fn new(workflow: &str) -> Self {
        let registry = Registry::shipped();
        let sources = app::sources(registry.all(), None).unwrap();
        let definition = sources.iter().find_map(|source| match &source.content {
            Content::Definition(definition) if definition.workflow == workflow => Some(definition.clone()),
            Content::Definition(_) | Content::Calendar(_) => None,
        });
        let calendar = sources.iter().find_map(|source| match &source.content {
            Content::Calendar(calendar) if calendar.name() == "cn" => Some(calendar.clone()),
            Content::Definition(_) | Content::Calendar(_) => None,
        });
        Self {
            workflow: registry.get(workflow).unwrap().clone(),
            definition: definition.unwrap(),
            calendar: calendar.unwrap(),
            id: explored_id(workflow),
            now: SAMPLES_AT,
            facts: Map::new(),
            instance: None,
            entries: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// After the samples called `event:label`; `timer:NAME` fires a timer.
    pub(crate) fn after(workflow: &str, steps: &str) -> Self {
        let mut drive = Self::new(workflow);
        steps.split_whitespace().for_each(|step| drive.take(step));
        drive
    }

    /// Takes one sample or timer, which must be accepted.
    #[track_caller]
    pub(crate) fn take(&mut self, step: &str) {
        let (event, label) = step.split_once(':').unwrap();
        if event == "timer" {
            self.fire(label);
            return;
        }
        let samples = self.workflow.samples();
        let found = samples.iter().find(|sample| sample.event == event && sample.label == label);
        let sample = found.unwrap_or_else(|| panic!("no sample `{step}`"));
        let kept = self.facts.clone();
        self.facts.extend(sample.facts.clone());
        self.send(&sample.actor, event, Value::Object(sample.payload.clone()));
        self.facts = kept;
    }

    pub(crate) fn state(&self) -> &str {
        &self.instance.as_ref().unwrap().state
    }

    pub(crate) fn data(&self) -> &Value {
        &self.instance.as_ref().unwrap().data
    }

    /// When a running timer is due.
    pub(crate) fn due(&self, timer: &str) -> Option<Instant> {
        self.instance.as_ref().unwrap().timers.get(timer).map(|timer| timer.due)
    }

    /// Effects of the last call in a few words; timers of clocks left out.
    pub(crate) fn summaries(&self) -> Vec<String> {
        let of_clock = |effect: &&Effect| match effect {
            Effect::Arm { timer, .. } | Effect::Cancel { timer } => is_clock_timer(timer),
            _ => false,
        };
        self.effects.iter().filter(|effect| !of_clock(effect)).map(summary).collect()
    }

    /// Sends an event that must be accepted.
    #[track_caller]
    pub(crate) fn send(&mut self, actor: &Actor, event: &str, payload: Value) -> Change {
        match self.attempt(actor, event, payload) {
            Ok(change) => change,
            Err(refusal) => {
                panic!("`{event}` in {:?}: {refusal:?}", self.instance.as_ref().map(|i| &i.state))
            }
        }
    }

    /// Sends an event that must be refused; answers the code.
    #[track_caller]
    pub(crate) fn refused(&mut self, actor: &Actor, event: &str, payload: Value) -> &'static str {
        match self.attempt(actor, event, payload) {
            Ok(change) => panic!("`{event}` was accepted by row {:?}", change.rule),
            Err(refusal) => refusal.code,
        }
    }

    /// Fires a running timer at its due instant.
    #[track_caller]
    pub(crate) fn fire(&mut self, name: &str) -> Change {
        self.try_fire(name).unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"))
    }

    pub(crate) fn try_fire(&mut self, name: &str) -> Result<Change, Refusal> {
        let timers = &self.instance.as_ref().unwrap().timers;
        let timer = timers.get(name).unwrap_or_else(|| panic!("{name} does not run: {timers:?}")).clone();
        self.now = self.now.max(timer.due);
        let mut event = self.event(&Actor::timer(), TIMER_FIRED, json!({ "timer": name }));
        event.cause =
            Some(Cause::Timer { timer: name.to_owned(), generation: timer.generation, due: timer.due });
        self.commit(&event)
    }

    pub(crate) fn attempt(&mut self, actor: &Actor, event: &str, payload: Value) -> Result<Change, Refusal> {
        let event = self.event(actor, event, payload);
        self.commit(&event)
    }

    fn event(&self, actor: &Actor, name: &str, payload: Value) -> Event {
        let Value::Object(payload) = payload else { panic!("a payload is an object") };
        Event { name: name.into(), payload, actor: actor.clone(), occurred_at: self.now, cause: None }
    }

    /// One commit: the event, then what the kernel sends next.
    fn commit(&mut self, event: &Event) -> Result<Change, Refusal> {
        let (first, mut after, entry) = self.step(self.instance.as_ref(), event)?;
        let mut entries = vec![entry];
        let mut effects = first.effects.clone();
        let mut left: Vec<_> = first.follow.iter().rev().cloned().collect();
        while let Some(follow) = left.pop() {
            let next = self.event(&Actor::system(), follow.event, Value::Object(follow.payload));
            let (change, later, entry) = self.step(Some(&after), &next)?;
            entries.push(entry);
            effects.extend(change.effects);
            left.extend(change.follow.into_iter().rev());
            after = later;
        }
        self.effects = effects;
        self.entries.extend(entries);
        self.instance = Some(after);
        Ok(first)
    }

    fn step(&self, before: Option<&Instance>, event: &Event) -> Result<(Change, Instance, Entry), Refusal> {
        let (asked, step) = self.workflow.open(before, event);
        let known = |name: &str| self.facts.get(name).cloned().unwrap_or_else(|| panic!("no fact `{name}`"));
        let facts = asked.iter().map(|fact| (fact.name().to_owned(), known(fact.name()))).collect();
        let outcome = step(&Input {
            definition: &self.definition,
            calendar: &self.calendar,
            others: &[],
            next: None,
            id: &self.id,
            instance: before,
            event,
            facts: &facts,
            now: self.now,
        });
        let change = match outcome {
            Outcome::Moved(change) | Outcome::Stayed(change) => *change,
            Outcome::Refused(refusal) => return Err(refusal),
        };
        let entry = self.entry(before, event, &change);
        let after = Instance::apply(before, &entry, Hash::ZERO, entry.seq, &Private::new()).unwrap();
        assert_eq!(after.data, change.data, "the patch leads to other data");
        Ok((change, after, entry))
    }

    fn entry(&self, before: Option<&Instance>, event: &Event, change: &Change) -> Entry {
        let pins = Pins {
            definition: self.definition.hash.clone(),
            calendar: "cn".into(),
            others: Default::default(),
            tzdata: String::new(),
            build: String::new(),
        };
        Entry {
            v: ENTRY_VERSION,
            instance: self.id.clone(),
            seq: before.map_or(1, |instance| instance.seq + 1),
            workflow: self.workflow.name().into(),
            data_version: self.workflow.data_version(),
            event: event.name.clone(),
            payload: event.payload.clone(),
            facts: Map::new(),
            actor: event.actor.clone(),
            occurred_at: Some(event.occurred_at),
            recorded_at: self.now,
            idempotency: None,
            request_id: None,
            pins: Some(pins.into()),
            origin: None,
            cause: event.cause.clone(),
            rule: change.rule.map(str::to_owned),
            from: change.from.clone(),
            to: change.to.clone(),
            patch: change.patch.clone(),
            clocks: change.clocks.clone(),
            effects: change.effects.clone(),
            prev: Hash::ZERO,
        }
    }
}
