//! Owns how readers are told that something changed, without reading what.
//!
//! # Why
//! The feed reads every entry back from the journal, which is right for whoever keeps a copy. A page that
//! is open only asks whether what it shows is still so: it is told ids and owners from memory, and
//! nothing is made where nobody follows.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::sync::broadcast;

use super::Engine;
use crate::index::Batch;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::kpi::record::owner_name;

/// Groups that a follower may be behind before it misses some: several seconds of full load.
pub const FOLLOW_MAX: usize = 4_096;

/// An instance that a published group touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Which.
    pub instance: InstanceId,
    /// Whose it was before, a person's id or `queue:<name>`.
    pub owner_before: Option<String>,
    /// Whose it is.
    pub owner: Option<String>,
}

impl Touched {
    /// What a batch touches, system objects left out.
    pub(super) fn of(batch: &Batch) -> Arc<[Self]> {
        let owner = |instance: &Instance| {
            instance.data.get("case")?.get("owner").and_then(owner_name).map(Cow::into_owned)
        };
        let cases = batch.changes.iter().filter(|change| !change.after.workflow.starts_with('$'));
        let touched = cases.map(|change| Self {
            instance: change.after.id.clone(),
            owner_before: change.before.as_deref().and_then(owner),
            owner: owner(&change.after),
        });
        touched.collect()
    }
}

impl Engine {
    /// What each group touches that is published from now on; a follower that is slow misses some and is told so.
    pub fn follow(&self) -> broadcast::Receiver<Arc<[Touched]>> {
        self.shared.followers.subscribe()
    }
}
