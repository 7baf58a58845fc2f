//! Owns re-execution: every recorded input is run again, and what it does compared with what was recorded (R12).
//!
//! Inputs, facts, moments and pins stand in the entries, so the same code gives the same state, data,
//! clocks and effects, byte for byte. Entries that the engine makes without workflow code have
//! nothing to run, and entries of another data version no code that could.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::catalog::{CALENDAR, Catalog, DEFINITION, FileData};
use crate::definition::file::{Content, Reader};
use crate::journal::{Commit, Position};
use crate::kernel::canonical;
use crate::kernel::effect::{self, Effect};
use crate::kernel::entry::Entry;
use crate::kernel::fact::Facts;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::machine::Workflow;
use crate::kernel::outcome::{Event, Input, Outcome};

/// Differences that are named; the others are counted.
pub const DIFFERENCES_MAX: usize = 20;

/// Runs recorded entries again, commit by commit from the first.
pub struct Replay<'a> {
    workflows: HashMap<&'static str, Arc<dyn Workflow>>,
    reader: Reader<'a>,
    catalog: Catalog,
    instances: HashMap<InstanceId, Instance>,
    /// What it found so far.
    pub found: Replayed,
}

/// What re-execution found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Entries that were run again.
    pub run: u64,
    /// Entries without workflow code, or of another data version.
    pub passed_over: u64,
    /// Entries that do something else now.
    pub different: u64,
    /// The first of them, in words.
    pub differences: Vec<String>,
}

impl<'a> Replay<'a> {
    /// A replay by `workflows`.
    ///
    /// # Errors
    /// A workflow whose policy schema cannot be used.
    pub fn new(workflows: &'a [Arc<dyn Workflow>]) -> Result<Self, String> {
        Ok(Self {
            workflows: workflows.iter().map(|workflow| (workflow.name(), workflow.clone())).collect(),
            reader: Reader::new(workflows).map_err(|e| e.to_string())?,
            catalog: Catalog::default(),
            instances: HashMap::new(),
            found: Replayed::default(),
        })
    }

    /// Runs the entries of one commit again.
    ///
    /// # Errors
    /// An entry that cannot be read, or does not continue its instance: damage, found by `verify`.
    pub fn take(&mut self, position: Position, commit: &Commit) -> Result<(), String> {
        self.take_read(position, commit, &entries(position, commit)?)
    }

    /// As [`Replay::take`], with the commit's [`entries`].
    ///
    /// # Errors
    /// An entry that does not continue its instance.
    pub fn take_read(
        &mut self,
        position: Position,
        commit: &Commit,
        entries: &[Entry],
    ) -> Result<(), String> {
        for (stored, entry) in commit.entries.iter().zip(entries) {
            let before = self.instances.get(&entry.instance);
            if !entry.workflow.starts_with('$') {
                match self.again(before, entry) {
                    None => self.found.passed_over += 1,
                    Some(outcome) => {
                        self.found.run += 1;
                        self.found.note(entry, &compare(entry, outcome));
                    }
                }
            }
            let before = self.instances.get(&entry.instance);
            // By the recorded patch, whatever data the step came to: what follows stands on the record alone.
            let after = Instance::apply(before, entry, stored.hash, position, &commit.private)
                .map_err(|e| damaged(position, &e))?;
            self.publish(&after);
            self.instances.insert(after.id.clone(), after);
        }
        Ok(())
    }

    /// Takes a published definition or calendar into the catalog.
    fn publish(&mut self, instance: &Instance) {
        if instance.workflow != DEFINITION && instance.workflow != CALENDAR {
            return;
        }
        let Ok(file) = FileData::deserialize(&*instance.data) else { return };
        let Ok(source) = self.reader.read(&file.name, &file.text) else { return };
        match source.content {
            Content::Definition(definition) => {
                self.catalog.add_definition(Arc::new(definition), file.text.into());
            }
            Content::Calendar(calendar) => self.catalog.add_calendar(file.hash, Arc::new(calendar)),
        }
    }

    /// What becomes of the event of `entry` now; nothing for one that cannot be run.
    fn again(&self, before: Option<&Instance>, entry: &Entry) -> Option<Outcome> {
        let workflow = self.workflows.get(entry.workflow.as_str())?;
        let known = workflow.events().iter().any(|spec| spec.name == entry.event);
        let fired = entry.event == crate::kernel::outcome::TIMER_FIRED;
        if entry.data_version != workflow.data_version() || !(known || fired) {
            return None;
        }
        let pins = entry.pins.as_ref().or_else(|| before.map(|before| &before.pins))?;
        let pinned = before.map_or(&pins.definition, |before| &before.pins.definition);
        let definition = self.catalog.definition(pinned)?;
        let calendar = self.catalog.calendar(&pins.calendar)?;
        let others: Option<Vec<_>> =
            pins.others.values().map(|hash| self.catalog.calendar(hash).map(AsRef::as_ref)).collect();
        let next = self.catalog.definition(&pins.definition).filter(|next| next.hash != *pinned);
        let event = Event {
            name: entry.event.clone(),
            payload: entry.payload.clone(),
            actor: entry.actor.clone(),
            occurred_at: entry.occurred(),
            cause: entry.cause.clone(),
        };
        let facts: &Facts = &entry.facts;
        let input = Input {
            definition,
            calendar,
            others: &others?,
            next: next.map(AsRef::as_ref),
            id: &entry.instance,
            instance: before,
            event: &event,
            facts,
            now: entry.recorded_at,
        };
        Some(workflow.step(&input))
    }
}

/// The entries of a commit, each checked against its hash.
///
/// # Errors
/// One that cannot be read: damage, found by `verify`.
pub fn entries(position: Position, commit: &Commit) -> Result<Vec<Entry>, String> {
    commit.entries.iter().map(|stored| stored.verify().map_err(|e| damaged(position, &e))).collect()
}

fn damaged(position: Position, reason: &dyn std::fmt::Display) -> String {
    format!("position {position}: {reason}")
}

impl Replayed {
    fn note(&mut self, entry: &Entry, what: &[&str]) {
        if what.is_empty() {
            return;
        }
        self.different += 1;
        if self.differences.len() < DIFFERENCES_MAX {
            let what = what.join(", ");
            self.differences
                .push(format!("entry {} of `{}` (`{}`): {what}", entry.seq, entry.instance, entry.event));
        }
    }
}

/// The parts of `entry` that `outcome` does not give again.
fn compare(entry: &Entry, outcome: Outcome) -> Vec<&'static str> {
    let (Outcome::Moved(change) | Outcome::Stayed(change)) = outcome else {
        return vec!["it is refused"];
    };
    let effects = as_recorded(entry, change.effects);
    let effects: Vec<&Effect> = effects.iter().collect();
    let recorded: Vec<&Effect> = entry.effects.iter().filter(|effect| !of_engine(effect)).collect();
    [
        ("the state after", entry.to == change.to && entry.from == change.from),
        ("the data", same(&entry.patch, &change.patch)),
        ("the clocks", same(&entry.clocks, &change.clocks)),
        ("the effects", same(&recorded, &effects)),
        ("the rule", entry.rule.as_deref() == change.rule),
    ]
    .into_iter()
    .filter_map(|(part, same)| (!same).then_some(part))
    .collect()
}

/// Whether both have the same canonical form.
fn same<T: PartialEq + Serialize>(recorded: &T, now: &T) -> bool {
    recorded == now || canonical::to_string(recorded).ok() == canonical::to_string(now).ok()
}

/// Whether the engine adds the effect to what the step says: children that wait for the next commit.
fn of_engine(effect: &Effect) -> bool {
    matches!(effect, Effect::Arm { timer, .. } | Effect::Cancel { timer } if timer.starts_with('$'))
}

/// The step's effects with the ids of children as the engine named them.
fn as_recorded(entry: &Entry, mut effects: Vec<Effect>) -> Vec<Effect> {
    effect::of_origin(&mut effects, entry.origin.as_deref());
    let recorded: Vec<&Effect> = entry.effects.iter().filter(|effect| !of_engine(effect)).collect();
    for (effect, recorded) in effects.iter_mut().zip(recorded) {
        if let (Effect::Spawn(spawn), Effect::Spawn(named)) = (effect, recorded)
            && named.child.is_some()
        {
            spawn.child.clone_from(&named.child);
            spawn.payload.clone_from(&named.payload);
        }
    }
    effects
}
