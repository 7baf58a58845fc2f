//! Owns where an import or a demo may write: an empty directory, or one that the same batch made.
//!
//! # Why
//! Virtual time runs behind the clock that other entries were recorded by, and
//! recorded times never go back: mixed with other cases, an import could not keep
//! its own times. An interrupted batch is refused by name rather than continued:
//! its log makes the same directory again, and rows that were refused before the
//! interruption left nothing to continue from.

use std::sync::Arc;

use super::ImportError;
use crate::app::Store;
use crate::config::Config;
use crate::engine::batch::Phase;
use crate::journal::Journal;
use crate::kernel::instant::Instant;
use crate::time::ManualTime;

/// What is in the way of a batch, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing: the batch may write.
    Free,
    /// The same batch, done before.
    Done(Phase),
}

/// Looks whether batch `batch` of `fingerprint`, beginning at `first`, may write into the directory.
///
/// # Errors
/// [`ImportError::Occupied`] says by what it is taken, and what to do.
pub async fn look(
    config: &Config,
    batch: &str,
    fingerprint: &str,
    first: Instant,
) -> Result<Found, ImportError> {
    let dir = config.data.display();
    let occupied = |reason: String| Err(ImportError::Occupied(reason));
    let store = Store::open(config)?;
    let tail = store.journal.tail().await?;
    if tail.last == 0 {
        return Ok(Found::Free);
    }
    // No definitions are given: looking publishes nothing.
    let time = Arc::new(ManualTime::at(Instant::default()));
    let engine = store.engine(Vec::new(), time, Box::new(|_, _| {})).await?;
    let batches = engine.batches();
    let own = engine.batch(batch).map_err(ImportError::at("the look at the directory"))?;
    let cases: u64 = engine.census().values().sum();
    let newest = newest(&store).await?;
    engine.stop().await.map_err(ImportError::Close)?;
    if let Some((interrupted, _)) = batches.iter().find(|(_, phase)| *phase == Phase::Running) {
        return occupied(format!(
            "`{dir}` holds batch `{interrupted}`, which was interrupted: delete the directory and run it again"
        ));
    }
    match own {
        Some((found, phase)) if found == fingerprint => return Ok(Found::Done(phase)),
        Some(_) => {
            return occupied(format!(
                "`{dir}` holds batch `{batch}` of another log or mapping; an import writes into an empty directory"
            ));
        }
        None => {}
    }
    if let Some((other, _)) = batches.first() {
        return occupied(format!("`{dir}` holds batch `{other}`; an import writes into an empty directory"));
    }
    if cases > 0 {
        return occupied(format!("`{dir}` holds {cases} cases; an import writes into an empty directory"));
    }
    if newest > first {
        return occupied(format!(
            "`{dir}` was last written at {newest}, after the first row at {first}; an import writes into an empty directory"
        ));
    }
    Ok(Found::Free)
}

/// When the last entry was recorded.
async fn newest(store: &Store) -> Result<Instant, ImportError> {
    let tail = store.journal.tail().await?;
    let mut newest = Instant::default();
    for (_, commit) in store.journal.get(&[tail.last]).await? {
        for stored in &commit.entries {
            let entry = stored.verify().map_err(|e| ImportError::Program(e.to_string()))?;
            newest = newest.max(entry.recorded_at);
        }
    }
    Ok(newest)
}
