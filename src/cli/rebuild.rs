//! `rebuild`: the index deleted and built anew from the journal.

use std::sync::Arc;

use super::directory::{self, DataArgs};
use super::failure::Failure;
use super::files::unusable;
use super::progress::{Progress, Unit};
use crate::app::{self, AppError};
use crate::engine::catch_up;
use crate::index::Index;
use crate::journal::Journal;

/// Deletes the index and builds it anew from the journal; nothing is lost by it.
///
/// Refuses while a server has the directory open.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  careflow rebuild --data ./careflow-data")]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
}

impl Args {
    /// Runs it.
    ///
    /// # Crash safety
    /// Dying inside leaves part of an index, which the next opening completes or builds anew.
    ///
    /// # Errors
    /// [`Failure::Directory`] where the directory is in use or the journal is damaged.
    pub async fn run(self) -> Result<(), Failure> {
        let config = self.data.existing()?;
        app::unused(&config)?;
        match std::fs::remove_dir_all(config.index()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(unusable(&config.index(), &error));
            }
            Ok(()) | Err(_) => {}
        }
        let store = directory::open(&config).await?;
        let progress = Arc::new(Progress::new("building the index", Unit::Commits));
        let tail = store.journal.tail().await.map_err(AppError::from)?;
        let shown = progress.clone();
        let show = move |done, of| shown.set(done, of);
        catch_up(store.journal.as_ref(), store.index.as_ref(), tail, &show).await.map_err(AppError::from)?;
        progress.finish();
        let instances: u64 = store.index.census().values().sum();
        directory::close(&store).await?;
        eprintln!("built the index from {} commits: {instances} instances", tail.last);
        Ok(())
    }
}
