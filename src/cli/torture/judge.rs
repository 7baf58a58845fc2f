//! Owns what a round left on the disk: checked byte by byte, run again, and compared with an index made anew.

use std::sync::Arc;

use super::truth::{Reading, Truth};
use crate::app::{AppError, Store};
use crate::cli::directory;
use crate::cli::failure::Failure;
use crate::cli::verify::{self, IndexCheck};
use crate::config::Config;
use crate::engine::replay::Replay;
use crate::journal::Journal as _;
use crate::journal::verify as bytes;
use crate::kernel::machine::Workflow;
use crate::workflows::Registry;

/// Commits read at a time.
const COMMITS_AT_A_TIME: usize = 1_000;

/// What a round left.
pub struct Stored {
    /// What the journal says.
    pub truth: Truth,
    /// What is wrong with what is stored.
    pub faults: Vec<String>,
}

/// Reads and checks the directory of a round, which no server has open.
///
/// # Errors
/// A directory that cannot be used.
pub async fn read(config: &Config) -> Result<Stored, Failure> {
    let mut faults = Vec::new();
    let journal = config.journal();
    let report = tokio::task::spawn_blocking(move || bytes::directory(&journal, &mut |_| {})).await;
    let report = report.map_err(|error| Failure::Internal(error.to_string()))??;
    faults.extend(
        report.problems.iter().map(|problem| format!("position {}: {}", problem.position, problem.what)),
    );
    if !report.is_sound() {
        return Ok(Stored { truth: Truth::default(), faults });
    }
    let store = match directory::open(config).await {
        Ok(store) => store,
        Err(error) => {
            faults.push(format!("the directory does not open: {error}"));
            return Ok(Stored { truth: Truth::default(), faults });
        }
    };
    match verify::compare(config, &store, &|_, _| {}).await? {
        IndexCheck::Same { .. } | IndexCheck::Skipped(_) => {}
        IndexCheck::Differs { keys, named } => {
            faults.push(format!("{keys} keys of the index differ: {named:?}"));
        }
    }
    let truth = follow(&store, Registry::shipped().all(), &mut faults).await;
    directory::close(&store).await?;
    Ok(Stored { truth: truth?, faults })
}

/// Reads every commit and runs it again.
async fn follow(
    store: &Store,
    workflows: &[Arc<dyn Workflow>],
    faults: &mut Vec<String>,
) -> Result<Truth, Failure> {
    let mut reading = Reading::default();
    let mut replay = Replay::new(workflows).map_err(Failure::Internal)?;
    let last = store.journal.tail().await.map_err(AppError::from)?.last;
    let mut at = 0;
    while at < last {
        for (position, commit) in
            store.journal.read(at + 1, COMMITS_AT_A_TIME).await.map_err(AppError::from)?
        {
            let taken = reading.take(position, &commit).and_then(|()| replay.take(position, &commit));
            if let Err(reason) = taken {
                faults.push(reason);
                return Ok(reading.truth());
            }
            at = position;
        }
    }
    if replay.found.different > 0 {
        let differences = &replay.found.differences;
        faults.push(format!(
            "{} entries do something else when run again: {differences:?}",
            replay.found.different
        ));
    }
    Ok(reading.truth())
}
