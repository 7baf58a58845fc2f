//! Owns the demo: about two hundred believable consultations in every state, and the complaints and callbacks
//! that come out of them.
//!
//! [`plan`] invents them from a seed, as steps with times; here they are driven
//! through the engine in virtual time, so that a demo case has the same history,
//! timers and hashes as a real one.

pub mod plan;
mod scripts;
mod subjects;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use crate::app::{self, Store};
use crate::config::Config;
use crate::definition::file::{Content, Source};
use crate::engine::batch::Phase;
use crate::engine::{ActorInfo, Engine, PutActor, Target};
use crate::import::directory::{self, Found};
use crate::import::timeline::{Sent, Timeline, refusal};
use crate::import::{ImportError, Progress};
use crate::kernel::actor::Actor;
use crate::kernel::calendar::Calendar;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::time::ManualTime;
use crate::workflows::Registry;
use plan::{Plan, Step};

/// The batch's name.
pub const BATCH: &str = "demo";
/// The flow that the demo shows.
const WORKFLOW: &str = "consultation";

/// What the demo made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Consultations by state.
    pub states: BTreeMap<String, u64>,
    /// What came out of them, by flow: complaints, callbacks.
    pub spawned: BTreeMap<String, u64>,
    /// Steps that were refused, each with the reason: none, unless a definition was edited.
    pub refused: Vec<String>,
}

impl Summary {
    /// Every consultation.
    pub fn cases(&self) -> u64 {
        self.states.values().sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} consultations", self.cases())?;
        for (state, count) in &self.states {
            writeln!(f, "  {count:>5}  {state}")?;
        }
        for (workflow, count) in &self.spawned {
            writeln!(f, "{count} of the flow `{workflow}` that came out of them")?;
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
    let sources = app::sources(Registry::shipped().all(), config.definitions.as_deref())?;
    let plan = Plan::new(now, seed, calendar(&sources)?);
    let first = plan.begins();
    if let Found::Done(_) = directory::look(config, BATCH, BATCH, first).await? {
        return Ok(None);
    }
    let store = Store::open_for_batch(config)?;
    let time = Arc::new(ManualTime::at(first));
    let engine = store.engine(sources, time.clone(), Box::new(|_, _| {})).await?;
    let place = || ImportError::at("the demo's record");
    engine.put_batch(BATCH, BATCH, Phase::Running).await.map_err(place())?;
    let line = Timeline { engine: engine.clone(), time, batch: BATCH.to_owned() };
    let summary = drive(&line, &plan, now, progress).await?;
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

async fn drive(
    line: &Timeline,
    plan: &Plan,
    now: Instant,
    progress: Progress<'_>,
) -> Result<Summary, ImportError> {
    hire(&line.engine).await?;
    let mut summary = Summary::default();
    let mut ids: Vec<Option<InstanceId>> = vec![None; plan.cases];
    let of = plan.steps.len() as u64;
    for (done, step) in (0..).zip(&plan.steps) {
        progress(done, of);
        line.advance(step.at).await?;
        if let Err(reason) = send(line, step, &mut ids, done).await? {
            summary.refused.push(format!("case {}, `{}`: {reason}", step.case, step.event));
        }
    }
    line.advance(now).await?;
    progress(of, of);
    for ((workflow, state), count) in line.engine.census() {
        if workflow == WORKFLOW {
            *summary.states.entry(state).or_default() += count;
        } else {
            *summary.spawned.entry(workflow).or_default() += count;
        }
    }
    Ok(summary)
}

/// Makes the people known, on shift, so that a reopened case goes back to who knows it.
async fn hire(engine: &Engine) -> Result<(), ImportError> {
    for (id, department) in plan::PEOPLE {
        let actor = ActorInfo {
            id: (*id).to_owned(),
            active: true,
            on_shift: true,
            department: Some((*department).to_owned()),
            manager: None,
        };
        let put = PutActor { actor, successor: None, by: Actor::system() };
        engine.put_actor(put, None).await.map_err(ImportError::at("the demo's people"))?;
    }
    Ok(())
}

async fn send(
    line: &Timeline,
    step: &Step,
    ids: &mut [Option<InstanceId>],
    number: u64,
) -> Result<Result<(), String>, ImportError> {
    let mut payload = step.payload.clone();
    if let Some(master) = step.master {
        payload.insert("of".to_owned(), json!(ids[master]));
    }
    let target = match &ids[step.case] {
        Some(id) => Target::Instance(id.clone()),
        None => Target::Start(WORKFLOW.to_owned()),
    };
    let key = format!("demo:{}:{number}", step.case);
    let sent = Sent { target, event: step.event, payload, actor: step.actor.clone(), key };
    match line.send(sent).await {
        Ok(accepted) => {
            ids[step.case].get_or_insert_with(|| accepted.entry.instance.clone());
            Ok(Ok(()))
        }
        Err(error) => {
            let (_, reason) = refusal(error).map_err(ImportError::at(format!("the demo's step {number}")))?;
            Ok(Err(reason))
        }
    }
}
