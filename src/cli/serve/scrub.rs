//! Owns the pace of the background check of the journal, and what found damage does.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::journal::ReadError;
use crate::journal::file::FileJournal;

/// Bytes checked at a time: some tens of milliseconds of one core.
const PIECE_BYTES: usize = 8 * 1024 * 1024;
/// Pause between two pieces: under a megabyte a second, so that a terabyte takes two weeks and nobody notices.
const PAUSE: Duration = Duration::from_secs(10);

/// Checks the sealed segments round after round; damage stops the engine.
pub async fn run(journal: Arc<FileJournal>, engine: Engine) {
    loop {
        tokio::time::sleep(PAUSE).await;
        match journal.scrub(PIECE_BYTES).await {
            Ok(scrubbed) => {
                if scrubbed.round_done && scrubbed.bytes > 0 {
                    tracing::debug!("every sealed segment of the journal was checked");
                }
            }
            Err(error @ ReadError::Damaged { .. }) => {
                engine.halt(&error.to_string());
                return;
            }
            Err(ReadError::Io(reason)) => tracing::warn!(reason, "the journal could not be checked"),
        }
    }
}
