//! Owns imports: another system's log, replayed through the engine in virtual time.
//!
//! [`mapping`] says how rows become events and [`moments`] when, [`fit`] holds that against workflow and log,
//! [`log`] reads the rows, [`timeline`] moves the clock over rows and timers in one order, [`replay`] sends
//! them and [`report`] tells what became of each, `refusals` what was refused, by group, with the [`outcome`] and
//! the [`kpis`] of the whole; [`directory`] decides where it may write.
//!
//! # Why
//! An imported case goes through the same step as a live one: what its history
//! says was accepted by the same guards, and a row that they refuse is a finding
//! about the log or the procedure, not something to be forced in.

pub mod directory;
pub mod fit;
pub mod kpis;
pub mod log;
pub mod mapping;
pub mod moments;
pub mod outcome;
mod refusals;
pub mod replay;
pub mod report;
pub mod template;
pub mod timeline;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::{self, AppError, Store};
use crate::config::Config;
use crate::engine::batch::Phase;
use crate::kernel::effect;
use crate::time::{ManualTime, TimeSource};
use crate::workflows::Registry;
use directory::Found;
use log::Log;
use mapping::Loaded;
use replay::Replay;
use report::Report;
use timeline::Timeline;

use crate::definition::report::Report as Findings;
use crate::engine::CommandError;
use crate::index::IndexError;
use crate::journal::ReadError;

/// Why an import or a demo did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The mapping is wrong, by itself or for this log.
    #[error("{0}")]
    Mapping(Findings),
    /// A file cannot be used.
    #[error("{file}: {reason}")]
    File {
        /// Which.
        file: String,
        /// Why.
        reason: String,
    },
    /// The directory holds something that an import must not be mixed with.
    #[error("{0}")]
    Occupied(String),
    /// There is no such batch to release, or its name is not free.
    #[error("{0}")]
    Release(String),
    /// The directory cannot be opened.
    #[error(transparent)]
    App(#[from] AppError),
    /// The engine stopped.
    #[error("the import stopped at {place}: {error}")]
    Engine {
        /// What was being done.
        place: String,
        /// Why it stopped.
        error: CommandError,
    },
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The directory could not be closed cleanly.
    #[error("the directory could not be closed: {0}")]
    Close(String),
    /// A fault of the program.
    #[error("{0}")]
    Program(String),
}

impl ImportError {
    /// For `map_err`: the engine's error while `place` was done.
    pub(crate) fn at(place: impl Into<String>) -> impl FnOnce(CommandError) -> Self {
        let place = place.into();
        move |error| Self::Engine { place, error }
    }
}

/// Told how many steps of how many are done: a row is one for each of its times.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// What is imported, and where to.
#[derive(Clone, Debug)]
pub struct Import {
    /// The directory and its definitions.
    pub config: Config,
    /// The mapping file.
    pub mapping: PathBuf,
    /// The log.
    pub log: PathBuf,
    /// The batch's name; the mapping's where there is none.
    pub batch: Option<String>,
}

/// What an import came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Imported {
    /// It ran.
    Ran(Box<Report>),
    /// The same mapping and log were imported into this directory before.
    Before(String, Phase),
}

impl Import {
    /// Replays the log into the directory; its unfinished cases then stand still.
    ///
    /// `wall` is the real clock: no row and no timer after it is replayed.
    ///
    /// # Crash safety
    /// Dying within leaves an interrupted batch: the directory is refused by the batch's name until it
    /// is deleted. What was imported is on stable storage once this returns.
    ///
    /// # Errors
    /// [`ImportError`]; refused rows are in the report instead.
    pub async fn run(&self, wall: &dyn TimeSource, progress: Progress<'_>) -> Result<Imported, ImportError> {
        app::on_one_thread(self.replay(wall, progress)).await
    }

    async fn replay(&self, wall: &dyn TimeSource, progress: Progress<'_>) -> Result<Imported, ImportError> {
        let loaded = Loaded::open(&self.mapping)?;
        let log = Log::open(&self.log, &loaded)?;
        let workflows = Registry::shipped().all().to_vec();
        loaded.check(&workflows, &log.columns).map_err(ImportError::Mapping)?;
        let sources = app::sources(&workflows, self.config.definitions.as_deref())?;
        let batch = self.batch.clone().unwrap_or_else(|| loaded.mapping.name.clone());
        free_to_use(&batch)?;
        let Some(first) = log.first() else {
            let file = self.log.display().to_string();
            return Err(ImportError::File { file, reason: "it has no row that can be read".into() });
        };
        let now = wall.now();
        if let Found::Done(phase) = directory::look(&self.config, &batch, &log.fingerprint, first).await? {
            return Ok(Imported::Before(batch, phase));
        }
        let store = Store::open_for_batch(&self.config)?;
        let time = Arc::new(ManualTime::at(first.min(now)));
        let engine = store.engine(sources, time.clone(), Box::new(|_, _| {})).await?;
        let place = || ImportError::at("the record of the batch");
        engine.put_batch(&batch, &log.fingerprint, Phase::Running).await.map_err(place())?;
        let line = Timeline::begin(engine.clone(), time, batch.clone()).await;
        let report = Replay::new(&loaded, &log, &line, now).run(progress).await?;
        engine.put_batch(&batch, &log.fingerprint, Phase::Complete).await.map_err(place())?;
        engine.stop().await.map_err(ImportError::Close)?;
        Ok(Imported::Ran(Box::new(report)))
    }
}

/// Refuses the name of the demo's batch, whose cases tell monitors what an import's do not.
fn free_to_use(batch: &str) -> Result<(), ImportError> {
    if batch != effect::DEMO {
        return Ok(());
    }
    let reason = format!("`{batch}` is the batch of the demo; --batch names the import's otherwise");
    Err(ImportError::Release(reason))
}

/// Lets the cases of a finished import live on; what came due meanwhile fires now, marked as caught up.
///
/// Answers the batch's name and whether it stood still until now.
///
/// # Errors
/// [`ImportError::Release`] where there is no such batch, or several and none is named.
pub async fn release(
    config: &Config,
    batch: Option<&str>,
    wall: Arc<dyn TimeSource>,
) -> Result<(String, Phase), ImportError> {
    let dir = config.data.display();
    if !config.journal().is_dir() {
        return Err(ImportError::Release(format!("`{dir}` holds no journal, so no import")));
    }
    let sources = app::sources(Registry::shipped().all(), config.definitions.as_deref())?;
    let store = Store::open(config)?;
    let engine = store.engine(sources, wall, Box::new(|_, _| {})).await?;
    let chosen = choose(&engine.batches(), batch);
    let done = match chosen {
        Ok((name, Phase::Complete)) => {
            let place = || ImportError::at("the release");
            let known = engine.batch(&name).map_err(place())?;
            let fingerprint = known.map(|(fingerprint, _)| fingerprint).unwrap_or_default();
            engine.put_batch(&name, &fingerprint, Phase::Released).await.map_err(place())?;
            engine.settle().await;
            Ok((name, Phase::Complete))
        }
        other => other,
    };
    engine.stop().await.map_err(ImportError::Close)?;
    done.map_err(|reason| ImportError::Release(format!("`{dir}` {reason}")))
}

/// The batch that is meant.
fn choose(batches: &[(String, Phase)], named: Option<&str>) -> Result<(String, Phase), String> {
    let names = || batches.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let found = match (named, batches) {
        (Some(named), _) => batches.iter().find(|(name, _)| name == named).ok_or_else(|| {
            if batches.is_empty() {
                format!("holds no batch `{named}`, and no other")
            } else {
                format!("holds no batch `{named}`; it holds {}", names())
            }
        })?,
        (None, []) => return Err("holds no import".to_owned()),
        (None, [only]) => only,
        (None, _) => return Err(format!("holds several batches: name one of {} with --batch", names())),
    };
    match found.1 {
        Phase::Running => Err(format!(
            "holds batch `{}`, which was interrupted: delete the directory and import again",
            found.0
        )),
        Phase::Complete | Phase::Released => Ok(found.clone()),
    }
}
