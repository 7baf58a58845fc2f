//! Owns what a workflow's code provides: events, context of a handler, and the object the engine calls.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::actor::{Actor, Role};
use super::calendar::Calendar;
use super::definition::Definition;
use super::effect::{Effect, Notice, Send, Spawn, Task};
use super::entry::Cause;
use super::fact::{self, Fact, Facts};
use super::fault::Fault;
use super::id::InstanceId;
use super::instance::{CHILDREN, Instance, Timer};
use super::instant::Instant;
use super::outcome::{Event, Follow, Input, Outcome, Refusal, RefusalKind};
use super::sla::rule::{BREACH, Rung};
use super::sla::state::Run;
use super::sla::timing::Timing;

/// One kind of event: its name and the shape of its payload.
#[derive(Clone, Copy)]
pub struct EventSpec {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
    /// JSON Schema of its payload.
    pub schema: fn() -> Value,
}

/// The typed events of a machine, or the common ones.
pub trait EventSet: Sized {
    /// Every kind, in the order of the specification.
    fn specs() -> &'static [EventSpec];
    /// Reads the payload of the event called `name`; absent where there is no such event.
    fn parse(name: &str, payload: &Map<String, Value>) -> Option<Result<Self, String>>;
    /// Its name.
    fn name(&self) -> &'static str;
}

/// Declares an event enum: one line each for variant, payload type and name.
#[macro_export]
macro_rules! events {
    (
        $(#[doc = $about:literal])*
        enum $set:ident {
            $( $(#[doc = $doc:literal])+ $variant:ident($payload:ty) = $name:literal, )*
        }
        $( + $(#[doc = $extra_doc:literal])+ $extra:ident($extra_type:ty), )*
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $set {
            $( $(#[doc = $doc])+ $variant($payload), )*
            $( $(#[doc = $extra_doc])+ $extra($extra_type), )*
        }

        impl $crate::kernel::machine::EventSet for $set {
            fn specs() -> &'static [$crate::kernel::machine::EventSpec] {
                const SPECS: &[$crate::kernel::machine::EventSpec] = &[
                    $( $crate::kernel::machine::EventSpec {
                        name: $name,
                        doc: concat!($($doc),+),
                        schema: $crate::kernel::machine::schema_of::<$payload>,
                    }, )*
                ];
                SPECS
            }

            fn parse(
                name: &str,
                payload: &serde_json::Map<String, serde_json::Value>,
            ) -> Option<Result<Self, String>> {
                match name {
                    $( $name => Some($crate::kernel::machine::read::<$payload>(payload).map(Self::$variant)), )*
                    _ => None,
                }
            }

            fn name(&self) -> &'static str {
                match self {
                    $( Self::$variant(_) => $name, )*
                    $( Self::$extra(inner) => $crate::kernel::machine::ExtraName::extra_name(inner), )*
                }
            }
        }
    };
}

/// The name of an event that wraps another set or a timer.
pub trait ExtraName {
    /// Its name.
    fn extra_name(&self) -> &'static str;
}

/// A timer that came due, by its name in the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerName(pub String);

impl ExtraName for TimerName {
    fn extra_name(&self) -> &'static str {
        super::outcome::TIMER_FIRED
    }
}

/// JSON Schema of a payload type, self-contained.
pub fn schema_of<T: schemars::JsonSchema>() -> Value {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Reads a payload into its type.
///
/// # Errors
/// What does not fit, in words.
pub fn read<T: serde::de::DeserializeOwned>(payload: &Map<String, Value>) -> Result<T, String> {
    use serde::de::IntoDeserializer;
    T::deserialize(payload.clone().into_deserializer()).map_err(|e: serde_json::Error| e.to_string())
}

/// The flow that contacts customers.
const CALLBACK: &str = "callback";

/// What a handler sees and fills: the statig context.
pub struct Cx<'a, P> {
    /// The machine's policy values.
    pub policy: &'a P,
    /// The calendar that business time is counted on.
    pub calendar: &'a Calendar,
    /// The instance.
    pub id: &'a InstanceId,
    /// Version of the definition.
    pub version: u32,
    /// Who sends the event.
    pub actor: &'a Actor,
    /// When it happened by the source's clock.
    pub occurred_at: Instant,
    /// The moment of the commit.
    pub now: Instant,
    /// When the instance's previous entry was recorded; `now` for a start.
    pub last_entry: Instant,
    facts: &'a Facts,
    others: &'a [&'a Calendar],
    running: Option<&'a Instance>,
    pending: Vec<(String, String)>,
    timers: BTreeMap<String, Timer>,
    generations: BTreeMap<String, u32>,
    sent: u32,
    effects: Vec<Effect>,
    follow: Vec<Follow>,
    signals: Vec<&'static str>,
    rule: Option<&'static str>,
    repin: Option<String>,
    refusal: Option<Refusal>,
}

/// What a handler left in its context.
pub(super) struct Left {
    pub effects: Vec<Effect>,
    pub follow: Vec<Follow>,
    pub rule: Option<&'static str>,
    pub repin: Option<String>,
    pub refusal: Option<Refusal>,
}

impl<'a, P> Cx<'a, P> {
    /// A context for one step of `input`.
    pub(super) fn new(input: &'a Input<'a>, policy: &'a P) -> Self {
        let instance = input.instance;
        let mut timers = instance.map(|i| i.timers.clone()).unwrap_or_default();
        timers.remove(CHILDREN);
        if let Some(Cause::Timer { timer, .. }) = &input.event.cause {
            // It fired, so it runs no longer: leaving its state has nothing to cancel.
            timers.remove(timer);
        }
        Self {
            policy,
            calendar: input.calendar,
            id: input.id,
            version: input.definition.version,
            actor: &input.event.actor,
            occurred_at: input.event.occurred_at,
            now: input.now,
            last_entry: instance.map_or(input.now, |i| i.updated),
            facts: input.facts,
            others: input.others,
            running: instance,
            pending: instance.map_or_else(Vec::new, |i| {
                i.pending.iter().map(|spawn| (spawn.workflow.clone(), spawn.rule.clone())).collect()
            }),
            timers,
            generations: instance.map(|i| i.generations.clone()).unwrap_or_default(),
            sent: instance.map_or(0, |i| i.sent),
            effects: Vec::new(),
            follow: Vec::new(),
            signals: Vec::new(),
            rule: None,
            repin: None,
            refusal: None,
        }
    }

    pub(super) fn leave(self) -> Left {
        Left {
            effects: self.effects,
            follow: self.follow,
            rule: self.rule,
            repin: self.repin,
            refusal: self.refusal,
        }
    }

    /// Names the numbered transition of the specification that applies; the first name stays.
    pub fn rule(&mut self, number: &'static str) {
        self.rule.get_or_insert(number);
    }

    /// Names what happened, for the clocks that a definition starts or stops by it (R7, R8).
    pub fn signal(&mut self, name: &'static str) {
        if !self.signals.contains(&name) {
            self.signals.push(name);
        }
    }

    /// What handlers named in this step.
    pub(super) fn signals(&self) -> &[&'static str] {
        &self.signals
    }

    /// The definition to pin from the next step on, where it changes.
    pub(super) const fn repins(&self) -> bool {
        self.repin.is_some()
    }

    /// Arms `timer` for `due` under its next generation, replacing a running one.
    pub fn arm(&mut self, timer: &str, due: Instant) {
        let generation = self.generations.get(timer).copied().unwrap_or(0) + 1;
        self.generations.insert(timer.to_owned(), generation);
        self.timers.insert(timer.to_owned(), Timer { generation, due, failures: 0 });
        self.drop_arming(timer);
        self.effects.push(Effect::Arm { timer: timer.to_owned(), generation, due, failures: 0 });
    }

    /// Cancels `timer` where it runs.
    pub fn cancel(&mut self, timer: &str) {
        if self.timers.remove(timer).is_some() {
            self.drop_arming(timer);
            self.effects.push(Effect::Cancel { timer: timer.to_owned() });
        }
    }

    /// Cancels every running timer whose name `which` accepts.
    pub fn cancel_where(&mut self, which: impl Fn(&str) -> bool) {
        let running: Vec<String> = self.timers.keys().filter(|name| which(name)).cloned().collect();
        running.iter().for_each(|timer| self.cancel(timer));
    }

    /// Whether `timer` runs.
    pub fn runs(&self, timer: &str) -> bool {
        self.timers.contains_key(timer)
    }

    /// When a running `timer` is due.
    pub fn due_of(&self, timer: &str) -> Option<Instant> {
        self.timers.get(timer).map(|timer| timer.due)
    }

    /// The run of the clock called `name` as it was before this event, and its arithmetic; none where it does not run.
    pub fn clock(&self, name: &str) -> Option<(&'a Run, Timing<'a>)> {
        let run = self.running?.clocks.get(name)?.run.as_ref()?;
        let other = self.others.iter().copied().find(|other| other.name() == run.calendar);
        let calendar = other.filter(|_| self.calendar.name() != run.calendar).unwrap_or(self.calendar);
        Some((run, run.timing(calendar)))
    }

    /// One step arms or cancels a timer once: the last word counts.
    fn drop_arming(&mut self, name: &str) {
        self.effects.retain(
            |effect| !matches!(effect, Effect::Arm { timer, .. } | Effect::Cancel { timer } if timer == name),
        );
    }

    /// Starts another instance in the same commit, or records a pending link.
    pub fn spawn(&mut self, spawn: Spawn) {
        self.effects.push(Effect::Spawn(spawn));
    }

    /// Ends the pending links that `rule` made.
    pub fn drop_pending(&mut self, rule: &str) {
        self.effects.push(Effect::DropPending { rule: rule.to_owned(), index: None });
    }

    /// Whether a link that `rule` made is still pending.
    pub fn is_pending(&self, rule: &str) -> bool {
        self.pending.iter().any(|(_, known)| known == rule)
    }

    /// Ends every pending callback: its customer is not to be contacted.
    pub fn drop_callbacks(&mut self) {
        let rules = self.pending.iter().filter(|(workflow, _)| workflow == CALLBACK);
        let rules: Vec<String> = rules.map(|(_, rule)| rule.clone()).collect();
        rules.iter().for_each(|rule| self.drop_pending(rule));
    }

    /// Sends an event to another instance, exactly once.
    pub fn send(&mut self, to: InstanceId, event: &str, payload: Map<String, Value>) {
        self.sent += 1;
        self.effects.push(Effect::Send(Send {
            number: self.sent,
            to,
            event: event.to_owned(),
            payload,
            not_before: None,
            failures: 0,
            starts: None,
        }));
    }

    /// Sends an event to the instance of `workflow` that stands for `key`, exactly once. Where it is not
    /// there, the event starts it. What belongs to an import tells nobody.
    pub fn tell(&mut self, (workflow, key): (&str, &str), event: &str, payload: Map<String, Value>) {
        self.send(InstanceId::keyed(workflow, key), event, payload);
        if let Some(Effect::Send(send)) = self.effects.last_mut() {
            send.starts = Some(workflow.to_owned());
        }
    }

    /// Tells somebody something.
    pub fn notify(&mut self, to: &str, template: &str, values: Value) {
        let values = match values {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        self.effects.push(Effect::Notify(Notice {
            to: to.to_owned(),
            template: template.to_owned(),
            values,
        }));
    }

    /// Gives a role something to do outside this instance.
    pub fn task(&mut self, task: &str, source: &str, due: Option<Instant>, assignee_role: Role) {
        self.effects.push(Effect::Task(Task {
            task: task.to_owned(),
            source: source.to_owned(),
            due,
            assignee_role,
        }));
    }

    /// Raises a tally by one.
    pub fn count(&mut self, name: &str, key: &str) {
        self.effects.push(Effect::Count { name: name.to_owned(), key: key.to_owned() });
    }

    /// Sends an event of `system` to this instance in the same commit.
    pub fn follow(&mut self, event: &'static str, payload: Map<String, Value>) {
        self.follow.push(Follow { event, payload });
    }

    /// Pins another definition from the next step on.
    pub fn repin(&mut self, definition: String) {
        self.repin = Some(definition);
    }

    /// Refuses the event; nothing of the step stands. The first refusal stays.
    pub fn refuse(&mut self, kind: RefusalKind, code: &'static str, reason: impl Into<String>) {
        self.refusal.get_or_insert_with(|| Refusal::new(kind, code, reason));
    }

    /// The recorded answer to the fact called `name`; nothing where it was not read, as in what a binary
    /// recorded that did not ask for it.
    pub fn recalled<T: serde::de::DeserializeOwned>(&self, name: &'static str) -> Option<T> {
        fact::answer(self.facts, name)
    }

    /// The recorded answer to the fact called `name`; without one the event is refused.
    pub fn fact<T: serde::de::DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        let answer = fact::answer(self.facts, name);
        if answer.is_none() {
            let reason = format!("the fact `{name}` is needed and was not read");
            self.refuse(RefusalKind::Guard, "fact_missing", reason);
        }
        answer
    }
}

/// One state as people and programs see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSpec {
    /// Dotted path: `open.intake.received`.
    pub path: String,
    /// Whether it is final.
    pub is_final: bool,
}

/// The moment that samples are written for: a Wednesday, 10:00 in Shanghai.
pub const SAMPLES_AT: Instant = Instant::from_millis(1_773_194_400_000);

/// An example event for exploration: the machine's guards must tell the samples of one kind apart.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What distinguishes it from other samples of its kind: `satisfied`.
    pub label: &'static str,
    /// The event.
    pub event: &'static str,
    /// Its payload.
    pub payload: Map<String, Value>,
    /// Who sends it.
    pub actor: Actor,
    /// Answers to the facts it needs.
    pub facts: Facts,
}

/// Events (no timers) that states take, by the state's path.
pub type Accepted = BTreeMap<String, BTreeSet<String>>;

/// A step whose instance and event are read.
pub type Step<'w> = Box<dyn FnOnce(&Input<'_>) -> Outcome + 'w>;

/// A workflow as the engine calls it, whatever its types.
pub trait Workflow: std::marker::Send + Sync {
    /// Its name: `consultation`.
    fn name(&self) -> &'static str;
    /// Version of the shape of its data.
    fn data_version(&self) -> u32;
    /// The event that starts an instance.
    fn start_event(&self) -> &'static str;
    /// What the instance that a start with `payload` means stands for, in a flow that has one instance for
    /// each key: a second start is an event of the first's instance.
    fn key(&self, _payload: &Map<String, Value>) -> Option<String> {
        None
    }
    /// Its own events and the common ones, in the order of the specification.
    fn events(&self) -> &[EventSpec];
    /// Its leaf states, in the order of the specification; the first is the initial one.
    fn states(&self) -> &[StateSpec];
    /// The events that each state takes, as exploration of the shipped definition finds; none where that is to
    /// be explored.
    fn accepted(&self) -> Option<&Accepted> {
        None
    }
    /// Name of the timers it can arm.
    fn timers(&self) -> &'static [&'static str];
    /// What its handlers name for clocks: `human_outbound`.
    fn signals(&self) -> &'static [&'static str] {
        &[]
    }
    /// Names of the targets that clocks can run against: `frt`.
    fn targets(&self) -> &'static [&'static str] {
        &[]
    }
    /// The percent and the ladder of clocks that declare none, from its policy.
    fn ladder(&self, _policy: &(dyn Any + std::marker::Send + Sync)) -> (u32, Vec<Rung>) {
        (BREACH, Vec::new())
    }
    /// What reports compare its KPIs with, from its policy: number of the KPI and a decimal.
    fn kpi_targets(&self, _policy: &(dyn Any + std::marker::Send + Sync)) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    /// JSON Schema of its policy.
    fn policy_schema(&self) -> Value;
    /// Reads and range-checks policy values.
    ///
    /// # Errors
    /// Every fault at once.
    fn policy(&self, values: &Value) -> Result<Arc<dyn Any + std::marker::Send + Sync>, Vec<Fault>>;
    /// The queue that an instance with `data` goes back to when its owner can no longer act (X16).
    fn queue(&self, definition: &Definition, data: &Value) -> Option<String>;
    /// The facts that `event` needs, and its step, for an input with this very instance and event: they
    /// are read once for both.
    fn open<'w>(&'w self, instance: Option<&Instance>, event: &Event) -> (Vec<Fact>, Step<'w>);
    /// What `event` does, where the facts are at hand: total and pure.
    fn step(&self, input: &Input<'_>) -> Outcome;
    /// Brings state and data of an older version to [`Workflow::data_version`].
    ///
    /// # Errors
    /// A version that cannot be brought on.
    fn upgrade(&self, from: u32, state: &str, data: Value) -> Result<(String, Value), String>;
    /// Example events for exploration.
    fn samples(&self) -> Vec<Sample>;
    /// The part of `data` that guards look at, so that exploration knows configurations apart.
    fn shape(&self, data: &Value) -> String;
}
