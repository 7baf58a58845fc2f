//! Owns the breadth-first search under [`Explorer::explore`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{BEFORE_START, DUE, Exploration, Explorer, Kind, Row, summary};
use crate::kernel::actor::Actor;
use crate::kernel::effect::Effect;
use crate::kernel::entry::{Cause, ENTRY_VERSION, Entry, Pins};
use crate::kernel::fact::Facts;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::{Instance, Timer};
use crate::kernel::instant::Instant;
use crate::kernel::machine::Sample;
use crate::kernel::outcome::{Change, Event, Follow, Input, Outcome, Refusal, TIMER_FIRED};
use crate::kernel::personal::Private;

/// Events of `system` in one commit; a longer chain is a machine that calls itself for ever.
const FOLLOWS_MAX: usize = 16;

/// One configuration that was reached.
struct Found {
    state: String,
    shape: String,
    /// Configurations from which one event leads here.
    before: BTreeSet<usize>,
}

/// A configuration whose events are to be tried.
struct Here {
    number: usize,
    instance: Instance,
}

/// What is tried: an event and how its row calls it.
struct Trial<'t> {
    event: &'t Event,
    facts: &'t Facts,
    sample: &'static str,
    row_event: &'t str,
    at: Instant,
}

struct Search<'a> {
    explorer: &'a Explorer<'a>,
    id: InstanceId,
    pins: Arc<Pins>,
    /// Number of a configuration by its key.
    known: BTreeMap<String, usize>,
    found: Vec<Found>,
    open: VecDeque<Here>,
    used: BTreeSet<(&'static str, &'static str)>,
    seen: Exploration,
}

/// Runs the search to its end or its limit.
pub(super) fn run(explorer: &Explorer<'_>) -> Exploration {
    let samples = explorer.workflow.samples();
    let (timers, sent): (Vec<&Sample>, Vec<&Sample>) =
        samples.iter().partition(|sample| sample.event == TIMER_FIRED);
    let mut events: Vec<Event> = sent.iter().map(|sample| event_of(sample, explorer.now)).collect();
    let mut search = Search::new(explorer);
    for (sample, event) in sent.iter().zip(&events) {
        if sample.event == explorer.workflow.start_event()
            && search.commit(None, &Trial::of(sample, event, explorer.now)).is_ok()
        {
            search.used.insert((sample.event, sample.label));
        }
    }
    while let Some(here) = search.open.pop_front() {
        for (sample, event) in sent.iter().zip(&mut events) {
            search.try_sample(&here, sample, event);
        }
        for (name, timer) in &here.instance.timers {
            search.fire(&here, &timers, (name, timer));
        }
    }
    search.conclude(&samples)
}

fn event_of(sample: &Sample, at: Instant) -> Event {
    Event {
        name: sample.event.to_owned(),
        payload: sample.payload.clone(),
        actor: sample.actor.clone(),
        occurred_at: at,
        cause: None,
    }
}

impl<'t> Trial<'t> {
    fn of(sample: &'t Sample, event: &'t Event, at: Instant) -> Self {
        Self { event, facts: &sample.facts, sample: sample.label, row_event: sample.event, at }
    }
}

impl<'a> Search<'a> {
    fn new(explorer: &'a Explorer<'a>) -> Self {
        let workflow = explorer.workflow;
        let seen = Exploration {
            workflow: workflow.name(),
            states: workflow.states().to_vec(),
            events: workflow.events().iter().map(|spec| spec.name).collect(),
            rows: BTreeSet::new(),
            reached: BTreeSet::new(),
            configurations: 0,
            truncated: false,
            dead_ends: BTreeSet::new(),
            stuck: BTreeMap::new(),
            unreachable: BTreeSet::new(),
            accepted: BTreeMap::new(),
            lapsing: BTreeSet::new(),
            refused_follows: BTreeSet::new(),
            unsampled: BTreeSet::new(),
            unused_samples: BTreeSet::new(),
        };
        let pins = Arc::new(Pins {
            definition: explorer.definition.hash.clone(),
            calendar: explorer.calendar.name().to_owned(),
            others: BTreeMap::new(),
            tzdata: String::new(),
            build: String::new(),
        });
        Self {
            explorer,
            id: super::explored_id(workflow.name()),
            pins,
            known: BTreeMap::new(),
            found: Vec::new(),
            open: VecDeque::new(),
            used: BTreeSet::new(),
            seen,
        }
    }

    /// Tries a sample at the moment it is written for, and where the configuration is later, then too.
    fn try_sample(&mut self, here: &Here, sample: &Sample, event: &mut Event) {
        let now = self.explorer.now;
        let later = Some(here.instance.updated).filter(|updated| *updated > now);
        for at in std::iter::once(now).chain(later) {
            event.occurred_at = at;
            if self.commit(Some(here), &Trial::of(sample, event, at)).is_ok() {
                self.used.insert((sample.event, sample.label));
                return;
            }
        }
    }

    /// Fires a running timer, once with the facts of each of its samples; without facts where it has none.
    fn fire(&mut self, here: &Here, samples: &[&Sample], (name, timer): (&str, &Timer)) {
        let at = timer.due.max(here.instance.updated);
        let cause = Cause::Timer { timer: name.to_owned(), generation: timer.generation, due: timer.due };
        let event = Event {
            name: TIMER_FIRED.to_owned(),
            payload: Map::from_iter([("timer".to_owned(), Value::from(name))]),
            actor: Actor::timer(),
            occurred_at: at,
            cause: Some(cause),
        };
        let row_event = format!("timer {name}");
        let no_facts = Facts::new();
        let trial = |facts, sample| Trial { event: &event, facts, sample, row_event: &row_event, at };
        let mut samples = samples.iter().filter(|sample| sample.payload == event.payload).peekable();
        let mut lapses = true;
        if samples.peek().is_none() {
            lapses = self.commit(Some(here), &trial(&no_facts, DUE)).is_err();
        }
        for sample in samples {
            if self.commit(Some(here), &trial(&sample.facts, sample.label)).is_ok() {
                self.used.insert((sample.event, sample.label));
                lapses = false;
            }
        }
        if lapses {
            self.seen.lapsing.insert((here.instance.state.clone(), name.to_owned()));
            let mut after = here.instance.clone();
            after.timers.remove(name);
            after.updated = at;
            self.reach(Some(here), after);
        }
    }

    /// Carries out an event and the events of `system` it asks for, as the engine does in one commit,
    /// and takes down where that leads.
    fn commit(&mut self, here: Option<&Here>, trial: &Trial<'_>) -> Result<(), Refusal> {
        let before = here.map(|here| &here.instance);
        let change = self.step(before, trial)?;
        if change.follow.is_empty() {
            self.reach_by(here, trial, *change);
            return Ok(());
        }
        let mut follows: VecDeque<Follow> = change.follow.clone().into();
        let mut after = self.apply(before, trial, *change);
        for _ in 0..FOLLOWS_MAX {
            let Some(follow) = follows.pop_front() else { break };
            let event = Event {
                name: follow.event.to_owned(),
                payload: follow.payload,
                actor: Actor::system(),
                occurred_at: trial.at,
                cause: Some(Cause::Follow { seq: after.seq }),
            };
            let trial = Trial { event: &event, row_event: follow.event, ..*trial };
            match self.step(Some(&after), &trial) {
                Ok(change) => {
                    follows.extend(change.follow.iter().cloned());
                    after = self.apply(Some(&after), &trial, *change);
                }
                Err(refusal) => {
                    let refused = (after.state.clone(), event.name.clone(), refusal.code);
                    self.seen.refused_follows.insert(refused);
                }
            }
        }
        if let Some(endless) = follows.pop_front() {
            let refused = (after.state.clone(), endless.event.to_owned(), "endless");
            self.seen.refused_follows.insert(refused);
        }
        self.reach(here, after);
        Ok(())
    }

    /// One step, recorded as a row.
    fn step(&mut self, before: Option<&Instance>, trial: &Trial<'_>) -> Result<Box<Change>, Refusal> {
        let input = Input {
            definition: self.explorer.definition,
            calendar: self.explorer.calendar,
            others: &[],
            next: None,
            id: &self.id,
            instance: before,
            event: trial.event,
            facts: trial.facts,
            now: trial.at,
        };
        let (kind, change) = match self.explorer.workflow.step(&input) {
            Outcome::Moved(change) => (Kind::Moved, change),
            Outcome::Stayed(change) => (Kind::Stayed, change),
            Outcome::Refused(refusal) => return Err(refusal),
        };
        self.record(trial, kind, &change);
        Ok(change)
    }

    fn record(&mut self, trial: &Trial<'_>, kind: Kind, change: &Change) {
        let from = change.from.as_deref().unwrap_or(BEFORE_START);
        if trial.event.name != TIMER_FIRED && change.from.is_some() {
            let accepted = self.seen.accepted.entry(from.to_owned()).or_default();
            if !accepted.contains(trial.row_event) {
                accepted.insert(trial.row_event.to_owned());
            }
        }
        if !self.seen.reached.contains(&change.to) {
            self.seen.reached.insert(change.to.clone());
        }
        self.seen.rows.insert(Row {
            rule: change.rule,
            from: from.to_owned(),
            event: trial.row_event.to_owned(),
            sample: trial.sample,
            to: change.to.clone(),
            kind,
            effects: change.effects.iter().map(summary).collect(),
        });
    }

    /// The instance after the step, through the same entry as in the engine.
    fn apply(&self, before: Option<&Instance>, trial: &Trial<'_>, change: Change) -> Instance {
        let entry = Entry {
            v: ENTRY_VERSION,
            instance: self.id.clone(),
            seq: before.map_or(1, |instance| instance.seq + 1),
            workflow: self.seen.workflow.to_owned(),
            data_version: self.explorer.workflow.data_version(),
            event: trial.event.name.clone(),
            payload: Map::new(),
            facts: Facts::new(),
            actor: trial.event.actor.clone(),
            occurred_at: None,
            recorded_at: trial.at,
            idempotency: None,
            request_id: None,
            pins: before.is_none().then(|| self.pins.clone()),
            origin: None,
            cause: trial.event.cause.clone(),
            rule: None,
            from: change.from,
            to: change.to,
            patch: change.patch,
            clocks: change.clocks,
            effects: change.effects,
            prev: Hash::ZERO,
        };
        Instance::apply_made(before, &entry, Hash::ZERO, 0, &Private::new(), Some(change.data))
            .expect("the entry was made for this instance, its patch from this instance's data")
    }

    /// Takes down where one step leads, without building the instance where it is nothing new.
    fn reach_by(&mut self, here: Option<&Here>, trial: &Trial<'_>, change: Change) {
        let shape = match here {
            Some(here) if change.patch.is_empty() => self.found[here.number].shape.clone(),
            Some(_) | None => self.explorer.workflow.shape(&change.data),
        };
        let timers = timers_after(here.map(|here| &here.instance), trial.event, &change.effects);
        let key = key_of(&change.to, &shape, timers.into_iter());
        if let Some(number) = self.enter(here, key, &change.to, shape) {
            let instance = self.apply(here.map(|here| &here.instance), trial, change);
            self.open.push_back(Here { number, instance });
        }
    }

    /// Takes down that `instance` was reached.
    fn reach(&mut self, here: Option<&Here>, instance: Instance) {
        let shape = self.explorer.workflow.shape(&instance.data);
        let key = key_of(&instance.state, &shape, instance.timers.keys().map(String::as_str));
        if let Some(number) = self.enter(here, key, &instance.state, shape) {
            self.open.push_back(Here { number, instance });
        }
    }

    /// Takes down a configuration and the way to it; its number where it is new and within the limit.
    fn enter(&mut self, here: Option<&Here>, key: String, state: &str, shape: String) -> Option<usize> {
        let known = self.known.get(&key).copied();
        if known.is_none() && self.found.len() >= self.explorer.configurations_max {
            self.seen.truncated = true;
            return None;
        }
        let number = known.unwrap_or(self.found.len());
        if known.is_none() {
            self.known.insert(key, number);
            self.found.push(Found { state: state.to_owned(), shape, before: BTreeSet::new() });
        }
        if let Some(here) = here {
            self.found[number].before.insert(here.number);
        }
        known.is_none().then_some(number)
    }

    fn conclude(mut self, samples: &[Sample]) -> Exploration {
        self.find_dead_ends();
        let seen = &mut self.seen;
        seen.configurations = self.found.len();
        seen.unreachable = seen
            .states
            .iter()
            .map(|spec| &spec.path)
            .filter(|path| !seen.reached.contains(*path))
            .cloned()
            .collect();
        let sampled = |name: &&str| {
            samples.iter().any(|sample| sample.event == *name)
                || seen.rows.iter().any(|row| row.event == **name)
        };
        seen.unsampled = seen.events.iter().copied().filter(|name| !sampled(name)).collect();
        seen.unused_samples = samples
            .iter()
            .map(|sample| (sample.event, sample.label))
            .filter(|sample| !self.used.contains(sample))
            .collect();
        self.seen
    }

    /// Walks back from the final configurations; what is not met leads to none.
    ///
    /// Where the limit was hit, a configuration may lead on to one that was not
    /// looked at, so nothing is claimed.
    fn find_dead_ends(&mut self) {
        if self.seen.truncated {
            return;
        }
        let ends: BTreeSet<&str> =
            self.seen.states.iter().filter(|spec| spec.is_final).map(|spec| spec.path.as_str()).collect();
        let mut leads: Vec<bool> =
            self.found.iter().map(|found| ends.contains(found.state.as_str())).collect();
        let mut walk: Vec<usize> = (0..leads.len()).filter(|number| leads[*number]).collect();
        while let Some(number) = walk.pop() {
            for before in &self.found[number].before {
                if !leads[*before] {
                    leads[*before] = true;
                    walk.push(*before);
                }
            }
        }
        let leading: BTreeSet<&str> = self
            .found
            .iter()
            .zip(&leads)
            .filter(|(_, leads)| **leads)
            .map(|(f, _)| f.state.as_str())
            .collect();
        for (found, _) in self.found.iter().zip(&leads).filter(|(_, leads)| !**leads) {
            if leading.contains(found.state.as_str()) {
                self.seen.stuck.entry(found.state.clone()).or_insert_with(|| found.shape.clone());
            } else {
                self.seen.dead_ends.insert(found.state.clone());
            }
        }
    }
}

/// The running timers after a step, as [`Instance::apply`] leaves them.
fn timers_after<'s>(
    before: Option<&'s Instance>,
    event: &'s Event,
    effects: &'s [Effect],
) -> BTreeSet<&'s str> {
    let mut timers: BTreeSet<&str> =
        before.into_iter().flat_map(|instance| instance.timers.keys().map(String::as_str)).collect();
    if let Some(Cause::Timer { timer, .. }) = &event.cause {
        timers.remove(timer.as_str());
    }
    for effect in effects {
        if let Effect::Arm { timer, .. } = effect {
            timers.insert(timer);
        } else if let Effect::Cancel { timer } = effect {
            timers.remove(timer.as_str());
        }
    }
    timers
}

/// What tells configurations apart, in one text.
fn key_of<'s>(state: &'s str, shape: &'s str, timers: impl Iterator<Item = &'s str>) -> String {
    let mut key = String::with_capacity(state.len() + shape.len() + 64);
    for part in [state, shape].into_iter().chain(timers) {
        key.push_str(part);
        key.push('\n');
    }
    key
}
