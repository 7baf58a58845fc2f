//! Owns how commands name and open the directory of a server.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::failure::Failure;
use crate::app::{AppError, Store};
use crate::config::{Config, DATA_DEFAULT, Tuning};
use crate::index::Index;
use crate::journal::Journal;
use crate::journal::file::Shaping;

/// The directory that a command works on.
#[derive(Clone, Debug, Args)]
pub struct DataArgs {
    /// Directory of journal and index.
    #[arg(long, env = "CAREFLOW_DATA", value_name = "DIR", default_value = DATA_DEFAULT)]
    data: PathBuf,
}

/// The directory, and what an engine runs with that is opened on it.
#[derive(Clone, Debug, Args)]
pub struct OpenArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Directory with definitions and calendars (`*.yaml`), for whatever it names; the shipped ones otherwise.
    #[arg(long, env = "CAREFLOW_DEFINITIONS", value_name = "DIR")]
    definitions: Option<PathBuf>,
}

impl DataArgs {
    /// The configuration with the shipped definitions.
    pub fn config(&self) -> Config {
        Config { data: self.data.clone(), definitions: None }
    }

    /// The configuration of a directory that a server made before.
    ///
    /// # Errors
    /// A directory without a journal: most likely another one was meant.
    pub fn existing(&self) -> Result<Config, Failure> {
        existing(self.config())
    }
}

impl OpenArgs {
    /// The configuration; the directory may be new.
    pub fn config(&self) -> Config {
        Config { definitions: self.definitions.clone(), ..self.data.config() }
    }

    /// The configuration of a directory that a server made before.
    ///
    /// # Errors
    /// As [`DataArgs::existing`].
    pub fn existing(&self) -> Result<Config, Failure> {
        existing(self.config())
    }
}

fn existing(config: Config) -> Result<Config, Failure> {
    if config.journal().is_dir() {
        return Ok(config);
    }
    Err(Failure::Directory(format!(
        "`{}` holds no journal; `--data` or CAREFLOW_DATA names the directory of a server, and `careflow serve` makes one",
        config.data.display()
    )))
}

/// Opens journal and index where blocking hurts nobody.
///
/// # Errors
/// What [`Store::open`] says; first of all, which process has the directory open.
pub async fn open(config: &Config) -> Result<Store, Failure> {
    open_tuned(config, Tuning::default()).await
}

/// As [`open`], for a server that is tuned.
///
/// # Errors
/// As [`open`].
pub async fn open_tuned(config: &Config, tuning: Tuning) -> Result<Store, Failure> {
    let config = config.clone();
    unhurried(move || Store::open_tuned(&config, &tuning)).await
}

/// As [`open_tuned`], with the journal on a disk that behaves as `shaping` says.
///
/// # Errors
/// As [`open`].
pub async fn open_shaped(config: &Config, tuning: Tuning, shaping: Arc<Shaping>) -> Result<Store, Failure> {
    let config = config.clone();
    unhurried(move || Store::open_shaped(&config, &tuning, shaping)).await
}

async fn unhurried(
    open: impl FnOnce() -> Result<Store, AppError> + Send + 'static,
) -> Result<Store, Failure> {
    let opened = tokio::task::spawn_blocking(open).await;
    Ok(opened.map_err(|error| Failure::Internal(error.to_string()))??)
}

/// Closes what [`open`] opened and no engine used.
///
/// # Errors
/// What cannot be written; nothing is lost by it.
pub async fn close(store: &Store) -> Result<(), Failure> {
    store.index.close().map_err(AppError::from)?;
    Ok(store.journal.close().await.map_err(AppError::from)?)
}
