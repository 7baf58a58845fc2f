//! Owns the one step: what an event does to an instance. The only file of the kernel that names statig.
//!
//! [`Typed`] turns a statig machine into a [`Workflow`]. It drives the traits
//! under statig's own `StateMachine`: handle the event, and where the outcome
//! is a transition, exit and enter along the path.
//!
//! # Why
//! `statig::StateMachine` runs the entry actions of a restored state again and
//! drops an event that no state accepts without a word. Loading must not be a
//! transition, and a refusal must be told; the public traits give both in a
//! few lines, and data and state stay ours to store.

use std::any::Any;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use statig::Outcome as Handling;
use statig::blocking::{IntoStateMachine, State, StateExt, Superstate};

use super::actor::{Actor, Role};
use super::case::Context;
use super::common::{CasePolicy, Common, Stage};
use super::definition::Definition;
use super::fact::Fact;
use super::fault::Fault;
use super::instance::Instance;
use super::machine::{Accepted, Cx, EventSet, EventSpec, Sample, StateSpec, Step, Workflow, schema_of};
use super::outcome::{Change, Event, Input, Outcome, Refusal, RefusalKind, TIMER_FIRED};
use super::patch;
use super::sla::fact::ClockFact;
use super::sla::rule::Rung;
use super::sla::timing::Target;
use super::sla::{self, Moment, Next};

/// What a statig machine adds to be a workflow: typed data, events, policy.
///
/// The implementing type is the machine's data; it is what is stored.
pub trait Machine:
    Sized
    + Clone
    + Serialize
    + DeserializeOwned
    + for<'e> IntoStateMachine<
        Event<'e> = Self::Events,
        State: State<Self> + Debug + Clone + PartialEq + Send + Sync + 'static,
    > + Send
    + Sync
    + 'static
where
    for<'c> Self: IntoStateMachine<Context<'c> = Cx<'c, Self::Policy>>,
    for<'s> <Self as IntoStateMachine>::Superstate<'s>: Superstate<Self> + Debug,
{
    /// The workflow's name.
    const WORKFLOW: &'static str;
    /// Version of the shape of the data.
    const DATA_VERSION: u32;
    /// The event that starts an instance.
    const START: &'static str;
    /// Names of its timers.
    const TIMERS: &'static [&'static str];
    /// What its handlers name for clocks: `human_outbound`.
    const SIGNALS: &'static [&'static str] = &[];
    /// Names of the targets that clocks can run against: `frt`.
    const TARGETS: &'static [&'static str] = &[];
    /// Which events each state takes, as exploration finds, in JSON: [`Accepted`]. Without it, exploration is
    /// asked while the flow runs, and the first asker waits for it.
    const ACCEPTED: Option<&'static str> = None;
    /// The context that its cases carry.
    type Case: Context;
    /// Its own events, the common ones and timers.
    type Events: EventSet + Send + Sync + 'static;
    /// Its policy values.
    type Policy: CasePolicy + DeserializeOwned + JsonSchema + Send + Sync + 'static;

    /// The data of an instance that `event` starts; effects and refusals go through `cx`.
    fn start(event: &Self::Events, cx: &mut Cx<'_, Self::Policy>) -> Option<Self>;
    /// The state that an instance begins in: the initial one, unless its start decides otherwise.
    fn opening(&self) -> <Self as IntoStateMachine>::State {
        Self::initial()
    }
    /// What the instance that `event` starts stands for, in a flow that has one instance for each key.
    fn key(_event: &Self::Events) -> Option<String> {
        None
    }
    /// Wraps a common event.
    fn common(event: Common) -> Self::Events;
    /// The common event inside, where it is one.
    fn as_common(event: &Self::Events) -> Option<&Common>;
    /// Wraps a due timer.
    fn timer(name: &str) -> Self::Events;
    /// Its leaf states in the order of the specification, the initial one first.
    fn leaves() -> Vec<Self::State>;
    /// The context that every case carries.
    fn case(&self) -> &Self::Case;
    /// The same, to change.
    fn case_mut(&mut self) -> &mut Self::Case;
    /// Called when the case has come to the state `path`, its start included, after the row's effects.
    fn arrived(&mut self, _path: &str, _cx: &mut Cx<'_, Self::Policy>) {}
    /// Range checks beyond the policy's schema: every fault at once.
    fn check(policy: &Self::Policy) -> Vec<Fault>;
    /// The queue that the case goes back to when its owner can no longer act (X16).
    fn queue(&self, policy: &Self::Policy) -> String;
    /// What a clock that runs against the target `name` runs against now; none where the case has no such promise.
    fn target(&self, _name: &str, _policy: &Self::Policy) -> Option<Target> {
        None
    }
    /// The facts that `event` needs.
    fn facts(data: Option<&Self>, event: &Self::Events) -> Vec<Fact>;
    /// The facts that the case needs to know about whoever sends `event`.
    fn sender_facts(_data: Option<&Self>, _event: &Self::Events, _actor: &Actor) -> Vec<Fact> {
        Vec::new()
    }
    /// Whether the sender of `event` is kept out of the case, whatever state it is in (separation of duties).
    ///
    /// # Errors
    /// Why the sender may not.
    fn admit(&self, _event: &Self::Events, _cx: &mut Cx<'_, Self::Policy>) -> Result<(), Refusal> {
        Ok(())
    }
    /// Brings state path and data of an older version to [`Machine::DATA_VERSION`].
    ///
    /// # Errors
    /// A version that cannot be brought on.
    fn upgrade(from: u32, state: &str, data: Value) -> Result<(String, Value), String>;
    /// Example events for exploration.
    fn samples() -> Vec<Sample>;
    /// The part of the data that guards look at.
    fn shape(&self) -> String;
}

/// A statig machine as the engine calls it.
pub struct Typed<M: Machine>
where
    for<'c> M: IntoStateMachine<Context<'c> = Cx<'c, M::Policy>>,
    for<'s> <M as IntoStateMachine>::Superstate<'s>: Superstate<M> + Debug,
{
    specs: Vec<StateSpec>,
    events: Vec<EventSpec>,
    leaves: Vec<M::State>,
    accepted: Option<Accepted>,
    machine: PhantomData<fn() -> M>,
}

impl<M: Machine> Typed<M>
where
    for<'c> M: IntoStateMachine<Context<'c> = Cx<'c, M::Policy>>,
    for<'s> <M as IntoStateMachine>::Superstate<'s>: Superstate<M> + Debug,
{
    /// The workflow of machine `M`.
    pub fn new() -> Self {
        let leaves = M::leaves();
        let specs = leaves
            .iter()
            .map(|leaf| {
                let path = path_of::<M>(&mut leaf.clone());
                let is_final = stage_of(&path) == Stage::Final;
                StateSpec { path, is_final }
            })
            .collect();
        let common = Common::specs().iter().filter(|spec| M::Case::knows(spec.name));
        let events = M::Events::specs().iter().chain(common).copied().collect();
        let accepted = M::ACCEPTED.map(|text| serde_json::from_str(text).expect("it is part of the program"));
        Self { specs, events, leaves, accepted, machine: PhantomData }
    }

    fn leaf(&self, path: &str) -> Option<&M::State> {
        self.specs.iter().position(|spec| spec.path == path).map(|at| &self.leaves[at])
    }

    fn path(&self, state: &M::State) -> String {
        self.leaves
            .iter()
            .position(|leaf| leaf == state)
            .map_or_else(|| path_of::<M>(&mut state.clone()), |at| self.specs[at].path.clone())
    }

    /// Reads the event into its type: the machine's own, a common one, or a timer.
    fn read(event: &Event) -> Result<M::Events, Refusal> {
        if event.name == TIMER_FIRED {
            return Ok(M::timer(event.payload.get("timer").and_then(Value::as_str).unwrap_or_default()));
        }
        let own = M::Events::parse(&event.name, &event.payload);
        let read =
            own.or_else(|| Common::parse(&event.name, &event.payload).map(|common| common.map(M::common)));
        match read {
            Some(Ok(event)) => Ok(event),
            Some(Err(reason)) => Err(Refusal::new(RefusalKind::Input, "payload", reason)),
            None => {
                let reason = format!("`{}` has no event `{}`", M::WORKFLOW, event.name);
                Err(Refusal::new(RefusalKind::Input, "unknown_event", reason))
            }
        }
    }

    /// Reads event and data of what is to be done.
    fn opened(instance: Option<&Instance>, event: &Event) -> Opened<M, M::Events> {
        let data = instance.map(|instance| {
            M::deserialize(&*instance.data)
                .map_err(|e| Refusal::new(RefusalKind::State, "unknown_data", format!("stored data: {e}")))
        });
        Opened { event: Self::read(event), data }
    }

    fn asks(Opened { event, data }: &Opened<M, M::Events>, actor: &Actor) -> Vec<Fact> {
        let Ok(event) = event else { return Vec::new() };
        let data = data.as_ref().and_then(|data| data.as_ref().ok());
        let mut facts = M::facts(data, event);
        facts.extend(M::sender_facts(data, event, actor));
        if let Some(Common::PolicyMigrated(migration)) = M::as_common(event) {
            facts.push(Fact::Definition { version: migration.to });
        }
        facts
    }

    fn run(&self, input: &Input<'_>, opened: Opened<M, M::Events>) -> Result<Outcome, Refusal> {
        check_role(input)?;
        let event = opened.event?;
        let policy = input.definition.policy.downcast_ref::<M::Policy>().ok_or_else(|| {
            Refusal::new(RefusalKind::Guard, "definition", "the definition is of another workflow")
        })?;
        let mut cx = Cx::new(input, policy);
        match input.instance.zip(opened.data) {
            None => self.start(input, &event, cx),
            Some((instance, data)) => {
                let at = self.leaf(&instance.state).ok_or_else(|| {
                    let reason = format!("`{}` is no state of `{}`", instance.state, M::WORKFLOW);
                    Refusal::new(RefusalKind::State, "unknown_state", reason)
                })?;
                let mut machine = data?;
                check_subject(machine.case(), input)?;
                machine.admit(&event, &mut cx)?;
                // The point of a clock's timer has moved on since it was armed: its evaluation arms it anew.
                let to = if fired_by_clock(input.event) {
                    None
                } else {
                    advance(&mut machine, at, &event, &instance.state, &mut cx)?
                };
                self.conclude(input, machine, to, cx)
            }
        }
    }

    fn start(
        &self,
        input: &Input<'_>,
        event: &M::Events,
        mut cx: Cx<'_, M::Policy>,
    ) -> Result<Outcome, Refusal> {
        let started = M::start(event, &mut cx);
        let Some(mut machine) = started else {
            return Err(cx.leave().refusal.unwrap_or_else(|| {
                let reason = format!("an instance of `{}` starts with `{}`", M::WORKFLOW, M::START);
                Refusal::new(RefusalKind::State, "not_started", reason)
            }));
        };
        let mut opening = machine.opening();
        let levels = opening.depth();
        opening.enter(&mut machine, &mut cx, levels);
        self.conclude(input, machine, Some(opening), cx)
    }

    /// What the step does to the instance's clocks.
    fn clocks(
        input: &Input<'_>,
        machine: &M,
        from: Option<&str>,
        to: &str,
        cx: &mut Cx<'_, M::Policy>,
    ) -> Vec<ClockFact> {
        let policy = cx.policy;
        let next = input.next.filter(|_| cx.repins());
        let next = next.and_then(|next| Some((next, next.policy.downcast_ref::<M::Policy>()?)));
        let next_target = |name: &str| next.and_then(|(_, policy)| machine.target(name, policy));
        let moment = Moment {
            definition: input.definition,
            calendar: input.calendar,
            others: input.others,
            before: input.instance.map(|instance| &instance.clocks),
            rank: machine.case().rank(),
            event: input.event,
            from,
            to,
            target: &|name| machine.target(name, policy),
            next: next.map(|(next, _)| Next { rules: &next.clocks, target: &next_target }),
        };
        sla::evaluate(cx, &moment)
    }

    /// Turns what the handler left into an outcome.
    fn conclude(
        &self,
        input: &Input<'_>,
        mut machine: M,
        to: Option<M::State>,
        mut cx: Cx<'_, M::Policy>,
    ) -> Result<Outcome, Refusal> {
        let from = input.instance.map(|instance| instance.state.clone());
        let moved = to.is_some();
        let to = to.map_or_else(|| from.clone().unwrap_or_default(), |state| self.path(&state));
        if moved {
            machine.arrived(&to, &mut cx);
        }
        let clocks = Self::clocks(input, &machine, from.as_deref(), &to, &mut cx);
        let left = cx.leave();
        if let Some(refusal) = left.refusal {
            return Err(refusal);
        }
        if moved {
            machine.case_mut().ended(disposition(&to));
        }
        let data = serde_json::to_value(&machine)
            .map_err(|e| Refusal::new(RefusalKind::Guard, "data", format!("data cannot be stored: {e}")))?;
        let (before, data) =
            (input.instance.map_or(&Value::Null, |instance| &*instance.data), Arc::new(data));
        let change = Box::new(Change {
            to,
            from,
            patch: patch::diff(before, &data),
            data,
            clocks,
            effects: left.effects,
            rule: left.rule,
            follow: left.follow,
            repin: left.repin,
        });
        Ok(if moved { Outcome::Moved(change) } else { Outcome::Stayed(change) })
    }
}

/// Event and data of a step, as they could be read.
struct Opened<M, E> {
    event: Result<E, Refusal>,
    /// Absent for a start.
    data: Option<Result<M, Refusal>>,
}

impl<M: Machine> Default for Typed<M>
where
    for<'c> M: IntoStateMachine<Context<'c> = Cx<'c, M::Policy>>,
    for<'s> <M as IntoStateMachine>::Superstate<'s>: Superstate<M> + Debug,
{
    fn default() -> Self {
        Self::new()
    }
}

/// Lets the machine handle `event` in `at`; the new state where it moved.
fn advance<M>(
    machine: &mut M,
    at: &M::State,
    event: &M::Events,
    path: &str,
    cx: &mut Cx<'_, M::Policy>,
) -> Result<Option<M::State>, Refusal>
where
    M: Machine,
    for<'c> M: IntoStateMachine<Context<'c> = Cx<'c, M::Policy>>,
    for<'s> <M as IntoStateMachine>::Superstate<'s>: Superstate<M> + Debug,
{
    let mut state = at.clone();
    match state.handle(machine, event, cx) {
        Handling::Transition(mut target) => {
            let (exit, enter) = state.transition_path(&mut target);
            state.exit(machine, cx, exit);
            target.enter(machine, cx, enter);
            Ok(Some(target))
        }
        Handling::Handled => Ok(None),
        Handling::Super => {
            let stage = stage_of(path);
            match M::as_common(event) {
                Some(common) if M::Case::knows(common.name()) && common.fits(stage) => {
                    machine.case_mut().take(common, stage, cx);
                    Ok(None)
                }
                Some(_) | None => {
                    let reason = format!("`{path}` does not accept `{}` now", event.name());
                    Err(Refusal::new(RefusalKind::State, "event_not_accepted", reason))
                }
            }
        }
    }
}

/// Whether a due timer of a clock still stands as itself: no point of the clock is reached.
fn fired_by_clock(event: &Event) -> bool {
    let timer = event.payload.get("timer").and_then(Value::as_str);
    event.name == TIMER_FIRED && timer.is_some_and(sla::is_clock_timer)
}

/// Where in its life a case in the state `path` is.
pub fn stage_of(path: &str) -> Stage {
    let first = path.bytes().position(|byte| byte == b'.').unwrap_or(path.len());
    match &path[..first] {
        "closed" | "archived" | "cancelled" => Stage::Final,
        "settled" => Stage::Settled,
        _ => Stage::Open,
    }
}

fn check_role(input: &Input<'_>) -> Result<(), Refusal> {
    let event = input.event;
    if event.name == TIMER_FIRED && event.actor.role == Role::System {
        return Ok(());
    }
    let definition = input.definition;
    if definition.allows(&event.name, event.actor.role) {
        return Ok(());
    }
    let allowed: Vec<&str> = definition.allowed(&event.name).iter().map(|role| role.name()).collect();
    if allowed.is_empty() {
        let reason = format!("`{}` has no event `{}`", definition.workflow, event.name);
        return Err(Refusal::new(RefusalKind::Input, "unknown_event", reason));
    }
    let reason = format!(
        "the role `{}` may not send `{}`; it is sent by {}",
        event.actor.role,
        event.name,
        allowed.join(", ")
    );
    Err(Refusal::new(RefusalKind::Role, "role_not_allowed", reason))
}

/// A customer or trainee acts on own cases only.
fn check_subject<C: Context>(case: &C, input: &Input<'_>) -> Result<(), Refusal> {
    let actor = &input.event.actor;
    if case.admits(actor) {
        return Ok(());
    }
    let reason = format!("a {} acts on own cases only", actor.role);
    Err(Refusal::new(RefusalKind::Duty, "not_your_case", reason))
}

/// How a case in the state `path` ended: the last part of settled and closed states.
fn disposition(path: &str) -> Option<String> {
    match stage_of(path) {
        Stage::Open => None,
        Stage::Settled | Stage::Final => path.rsplit('.').next().map(str::to_owned),
    }
}

/// The dotted path of superstates and state, outermost first, in snake case.
///
/// A name that begins with its parent's loses that: one enum holds all leaves, so
/// `settled.unconfirmed` and `closed.unconfirmed` are `SettledUnconfirmed` and `ClosedUnconfirmed`.
fn path_of<M>(state: &mut M::State) -> String
where
    M: Machine,
    for<'c> M: IntoStateMachine<Context<'c> = Cx<'c, M::Policy>>,
    for<'s> <M as IntoStateMachine>::Superstate<'s>: Superstate<M> + Debug,
{
    let mut names = vec![snake(&format!("{state:?}"))];
    if let Some(mut parent) = state.superstate() {
        collect_parents::<M>(&mut parent, &mut names);
    }
    names.reverse();
    for at in (1..names.len()).rev() {
        let parent = format!("{}_", names[at - 1]);
        if let Some(own) = names[at].strip_prefix(&parent) {
            names[at] = own.to_owned();
        }
    }
    names.join(".")
}

fn collect_parents<M>(parent: &mut M::Superstate<'_>, names: &mut Vec<String>)
where
    M: Machine,
    for<'c> M: IntoStateMachine<Context<'c> = Cx<'c, M::Policy>>,
    for<'s> <M as IntoStateMachine>::Superstate<'s>: Superstate<M> + Debug,
{
    names.push(snake(&format!("{parent:?}")));
    if let Some(mut next) = parent.superstate() {
        collect_parents::<M>(&mut next, names);
    }
}

/// `InProgress` as `in_progress`; a variant's fields are left out.
fn snake(debug: &str) -> String {
    let mut name = String::with_capacity(debug.len() + 4);
    for letter in debug.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_') {
        if letter.is_uppercase() && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

impl<M: Machine> Workflow for Typed<M>
where
    for<'c> M: IntoStateMachine<Context<'c> = Cx<'c, M::Policy>>,
    for<'s> <M as IntoStateMachine>::Superstate<'s>: Superstate<M> + Debug,
{
    fn name(&self) -> &'static str {
        M::WORKFLOW
    }

    fn data_version(&self) -> u32 {
        M::DATA_VERSION
    }

    fn start_event(&self) -> &'static str {
        M::START
    }

    fn key(&self, payload: &Map<String, Value>) -> Option<String> {
        M::Events::parse(M::START, payload)?.ok().as_ref().and_then(M::key)
    }

    fn events(&self) -> &[EventSpec] {
        &self.events
    }

    fn states(&self) -> &[StateSpec] {
        &self.specs
    }

    fn accepted(&self) -> Option<&Accepted> {
        self.accepted.as_ref()
    }

    fn timers(&self) -> &'static [&'static str] {
        M::TIMERS
    }

    fn signals(&self) -> &'static [&'static str] {
        M::SIGNALS
    }

    fn targets(&self) -> &'static [&'static str] {
        M::TARGETS
    }

    fn ladder(&self, policy: &(dyn Any + Send + Sync)) -> (u32, Vec<Rung>) {
        policy.downcast_ref::<M::Policy>().map_or((sla::rule::BREACH, Vec::new()), CasePolicy::ladder)
    }

    fn kpi_targets(&self, policy: &(dyn Any + Send + Sync)) -> std::collections::BTreeMap<String, String> {
        policy.downcast_ref::<M::Policy>().map(CasePolicy::kpi_targets).unwrap_or_default()
    }

    fn policy_schema(&self) -> Value {
        schema_of::<M::Policy>()
    }

    fn policy(&self, values: &Value) -> Result<Arc<dyn Any + Send + Sync>, Vec<Fault>> {
        let policy = M::Policy::deserialize(values).map_err(|e| vec![Fault::value("", e.to_string())])?;
        let faults = M::check(&policy);
        if faults.is_empty() { Ok(Arc::new(policy)) } else { Err(faults) }
    }

    fn queue(&self, definition: &Definition, data: &Value) -> Option<String> {
        let policy = definition.policy.downcast_ref::<M::Policy>()?;
        M::deserialize(data).ok().map(|machine| machine.queue(policy))
    }

    fn step(&self, input: &Input<'_>) -> Outcome {
        let opened = Self::opened(input.instance, input.event);
        self.run(input, opened).unwrap_or_else(Outcome::Refused)
    }

    fn open<'w>(&'w self, instance: Option<&Instance>, event: &Event) -> (Vec<Fact>, Step<'w>) {
        let opened = Self::opened(instance, event);
        let facts = Self::asks(&opened, &event.actor);
        (facts, Box::new(move |input| self.run(input, opened).unwrap_or_else(Outcome::Refused)))
    }

    fn upgrade(&self, from: u32, state: &str, data: Value) -> Result<(String, Value), String> {
        M::upgrade(from, state, data)
    }

    fn samples(&self) -> Vec<Sample> {
        M::samples()
    }

    fn shape(&self, data: &Value) -> String {
        M::deserialize(data).map(|machine| machine.shape()).unwrap_or_default()
    }
}
