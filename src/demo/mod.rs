//! Owns the demo: a small organisation over thirty days, with a season of training around it.
//!
//! [`plan`] invents from a seed who does what when: about two hundred consultations, some sixty complaints in
//! every state, and the classes of a year. `stage` drives that through the engine in virtual time and
//! sees to what comes of it: callbacks, complaints out of them, consequences, classes for who failed. So a
//! demo case has the same history, timers and hashes as a real one, and monitors hear of it as of a real one.

mod people;
pub mod plan;
mod scripts;
mod stage;
mod story;
mod subjects;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::app::{self, Store};
use crate::config::Config;
use crate::definition::file::{Content, Source};
use crate::engine::batch::Phase;
use crate::engine::{ActorInfo, Engine, PutActor};
use crate::import::directory::{self, Found};
use crate::import::timeline::Timeline;
use crate::import::{ImportError, Progress};
use crate::kernel::actor::Actor;
use crate::kernel::calendar::Calendar;
use crate::kernel::effect;
use crate::kernel::instant::Instant;
use crate::time::ManualTime;
use crate::workflows::Registry;
use people::STAFF;
use plan::Plan;
use stage::Stage;

/// The batch's name; no import has it.
pub const BATCH: &str = effect::DEMO;
/// The flow whose calendar the organisation works by.
const WORKFLOW: &str = "consultation";

/// What the demo made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Cases by state, by flow.
    pub flows: BTreeMap<String, BTreeMap<String, u64>>,
    /// Steps that were refused, each with the reason: none, unless a definition was edited.
    pub refused: Vec<String>,
    /// Steps that came too late for their case and were left out, as people do.
    pub late: u64,
}

impl Summary {
    /// Every case of `flow`.
    pub fn cases(&self, flow: &str) -> u64 {
        self.flows.get(flow).map_or(0, |states| states.values().sum())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a small organisation over thirty days:")?;
        for (flow, states) in &self.flows {
            writeln!(f, "  {:>5}  {flow}, in {} states", self.cases(flow), states.len())?;
        }
        for refused in &self.refused {
            writeln!(f, "  refused: {refused}")?;
        }
        Ok(())
    }
}

/// Fills an empty directory with the demo as of `now`; nothing where it was filled before.
///
/// # Crash safety
/// Dying within leaves an interrupted batch: the directory is refused until it is deleted.
///
/// # Errors
/// [`ImportError`]; a directory that holds anything else is refused.
pub async fn make(
    config: &Config,
    now: Instant,
    seed: u64,
    progress: Progress<'_>,
) -> Result<Option<Summary>, ImportError> {
    app::on_one_thread(play(config, now, seed, progress)).await
}

async fn play(
    config: &Config,
    now: Instant,
    seed: u64,
    progress: Progress<'_>,
) -> Result<Option<Summary>, ImportError> {
    let sources = app::sources(Registry::shipped().all(), config.definitions.as_deref())?;
    let calendar = calendar(&sources)?.clone();
    let plan = Plan::new(now, seed, &calendar);
    let first = plan.begins();
    if let Found::Done(_) = directory::look(config, BATCH, BATCH, first).await? {
        return Ok(None);
    }
    let store = Store::open_for_batch(config)?;
    let time = Arc::new(ManualTime::at(first));
    let engine = store.engine(sources, time.clone(), Box::new(|_, _| {})).await?;
    let place = || ImportError::at("the demo's record");
    engine.put_batch(BATCH, BATCH, Phase::Running).await.map_err(place())?;
    let line = Timeline::begin(engine.clone(), time, BATCH.to_owned()).await;
    hire(&line.engine).await?;
    let mut stage = Stage::new(&line, &calendar, (plan, now, seed));
    stage.run(progress).await?;
    let mut summary = Summary { refused: stage.refused, late: stage.late, ..Summary::default() };
    for ((workflow, state), count) in line.engine.census() {
        *summary.flows.entry(workflow).or_default().entry(state).or_default() += count;
    }
    engine.put_batch(BATCH, BATCH, Phase::Released).await.map_err(place())?;
    engine.stop().await.map_err(ImportError::Close)?;
    Ok(Some(summary))
}

/// The calendar that the consultation's definition names.
fn calendar(sources: &[Source]) -> Result<&Calendar, ImportError> {
    let named = sources.iter().find_map(|source| match &source.content {
        Content::Definition(definition) if definition.workflow == WORKFLOW => Some(&definition.calendar),
        Content::Definition(_) | Content::Calendar(_) => None,
    });
    let found = sources.iter().find_map(|source| match &source.content {
        Content::Calendar(calendar) if named.is_some_and(|name| name == calendar.name()) => Some(calendar),
        Content::Definition(_) | Content::Calendar(_) => None,
    });
    found.ok_or_else(|| ImportError::Program("the consultation has no definition with a calendar".into()))
}

/// Makes the people known, on shift, so that a reopened case goes back to who knows it.
async fn hire(engine: &Engine) -> Result<(), ImportError> {
    for person in &STAFF {
        let actor = ActorInfo {
            id: person.id.to_owned(),
            active: true,
            on_shift: true,
            department: Some(person.department.to_owned()),
            manager: person.manager.map(str::to_owned),
        };
        let put = PutActor { actor, successor: None, by: Actor::system() };
        engine.put_actor(put, None).await.map_err(ImportError::at("the demo's people"))?;
    }
    Ok(())
}
