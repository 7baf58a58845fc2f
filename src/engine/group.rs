//! Owns the group: commits that share one sync, and the answers that wait for it.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::command::{Accepted, CommandError};
use super::plan::Plan;
use crate::index::{Batch, Change};
use crate::journal::{Commit, Position};
use crate::kernel::effect::Effect;
use crate::kernel::entry::Entry;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;

/// What a caller gets.
pub type Answer = Result<Accepted, CommandError>;
/// Where the answer goes.
pub type Reply = oneshot::Sender<Answer>;

/// Commits computed but not durable yet, in order.
#[derive(Default)]
pub struct Group {
    /// For the journal.
    pub commits: Vec<Commit>,
    /// How many commits it has, also once the journal has taken them.
    pub size: usize,
    /// For the index: each instance before the group and after it.
    changes: HashMap<InstanceId, Change>,
    /// Tallies raised.
    pub counts: Vec<(String, String, u64)>,
    /// Entries with their position, for keys used up by this very group.
    entries: Vec<(Position, Arc<Entry>)>,
    /// Answers that leave once the group is published.
    pub replies: Vec<(Reply, Answer)>,
}

impl Group {
    /// Adds a planned commit, which gets `position`.
    pub fn add(&mut self, plan: &Plan, position: Position) {
        self.commits.push(plan.commit());
        self.size += 1;
        for made in &plan.made {
            self.note(made.before.clone(), made.after.clone());
            self.entries.push((position, made.entry.clone()));
            for effect in &made.entry.effects {
                if let Effect::Count { name, key } = effect {
                    self.counts.push((name.clone(), key.clone(), 1));
                }
            }
        }
        if let Some((before, after)) = &plan.settled {
            self.note(Some(before.clone()), after.clone());
        }
    }

    fn note(&mut self, before: Option<Arc<Instance>>, after: Arc<Instance>) {
        match self.changes.get_mut(&after.id) {
            Some(change) => change.after = after,
            None => {
                self.changes.insert(after.id.clone(), Change { before, after });
            }
        }
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty()
    }

    /// The entry in this group that used up `key` of `instance`, and the instance's last sequence in
    /// the same commit.
    pub fn entry_with_key(&self, instance: &InstanceId, key: &str) -> Option<(Arc<Entry>, u64)> {
        let own = || self.entries.iter().filter(|(_, entry)| entry.instance == *instance);
        let used = |entry: &Entry| entry.idempotency.as_ref().is_some_and(|used| used.key == key);
        let (position, entry) = own().find(|(_, entry)| used(entry))?;
        let last = own().filter(|(at, _)| at == position).map(|(_, entry)| entry.seq).max();
        Some((entry.clone(), last.unwrap_or(entry.seq)))
    }

    /// The instances it changes, as they are after it.
    pub fn after(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.changes.values().map(|change| &change.after)
    }

    /// What the index applies once the group is durable.
    pub fn batch(&mut self, position: Position) -> Batch {
        let changes = self.changes.drain().map(|(_, change)| change).collect();
        Batch { position, changes, counts: std::mem::take(&mut self.counts) }
    }
}
