//! Owns batches: imports and demos, which write in virtual time and then stand still or live on.

use serde::Deserialize as _;

use super::Engine;
use super::command::CommandError;
use super::shared::{IMPORT, ImportData, import_id};
use super::system::SystemChange;
use crate::kernel::actor::Actor;

pub use super::shared::Phase;

impl Engine {
    /// A batch as published.
    ///
    /// # Errors
    /// [`CommandError::Stopped`] where the index fails.
    pub fn batch(&self, name: &str) -> Result<Option<(String, Phase)>, CommandError> {
        let found = self.shared.index.get(&import_id(name));
        let found = found.map_err(|e| CommandError::Stopped(e.to_string()))?;
        Ok(found.and_then(|instance| {
            let data = ImportData::deserialize(&*instance.data).ok();
            data.map(|data| (data.fingerprint, data.phase))
        }))
    }

    /// Every batch of this directory, by name.
    pub fn batches(&self) -> Vec<(String, Phase)> {
        self.shared.batches()
    }

    /// The name of a batch that was interrupted, where there is one.
    pub fn interrupted_batch(&self) -> Option<String> {
        self.shared.interrupted()
    }

    /// Records how far a batch is; what stands still or moves on changes with it.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn put_batch(&self, name: &str, fingerprint: &str, phase: Phase) -> Result<(), CommandError> {
        let data = ImportData { batch: name.to_owned(), fingerprint: fingerprint.to_owned(), phase };
        if phase == Phase::Running {
            self.shared.run_here(name);
        }
        let (event, state) = match phase {
            Phase::Running => ("began", "running"),
            Phase::Complete => ("completed", "complete"),
            Phase::Released => ("released", "released"),
        };
        let change = SystemChange::new(IMPORT, import_id(name), event, state, &data, Actor::system());
        self.system(change).await?;
        self.reload().await;
        Ok(())
    }
}
