//! Owns the group: commits that share one sync, and the answers that wait for it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::oneshot;

use super::Recorded;
use super::command::{Accepted, CommandError};
use super::plan::{Made, Plan};
use crate::index::{Batch, Change, Raise};
use crate::journal::{Commit, Position};
use crate::kernel::effect::Effect;
use crate::kernel::entry::{Entry, Idempotency};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::personal::Private;

/// What a caller gets.
pub type Answer = Result<Accepted, CommandError>;
/// Where the answer goes.
pub type Reply = oneshot::Sender<Answer>;

/// An entry that used up an idempotency key.
#[derive(Clone, Debug)]
pub struct Used {
    /// The entry.
    pub entry: Arc<Entry>,
    /// The instance's sequence after its commit.
    pub last_seq: u64,
    /// The personal values of its commit, the hash of the command's body among them.
    pub private: Arc<Private>,
}

impl Used {
    /// The original answer, where the command is the same one: `asked` holds the hashes of its key and body.
    ///
    /// # Errors
    /// [`CommandError::KeyReused`]; also once the body's hash was erased with the customer's data.
    pub fn answer(self, asked: &Idempotency, position: Position) -> Answer {
        let Self { entry, last_seq, private } = self;
        let same = entry.idempotency.as_ref().is_some_and(|used| {
            let sealed = private.get(&used.body).map(|secret| &secret.value);
            used.body == asked.body || sealed.and_then(Value::as_str) == Some(&asked.body)
        });
        if same {
            Ok(Accepted { entry, position, last_seq, replayed: true })
        } else {
            Err(CommandError::KeyReused)
        }
    }
}

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
    pub counts: Vec<Raise>,
    /// Its entries with the bytes of each: for keys used up by this very group, and for who reads them next.
    pub entries: Vec<(Recorded, usize)>,
    /// Answers that leave once the group is published.
    pub replies: Vec<(Reply, Answer)>,
}

impl Group {
    /// Adds a planned commit, which gets `position`.
    pub fn add(&mut self, plan: Plan, position: Position) {
        let private = Arc::new(plan.private);
        let mut entries = Vec::with_capacity(plan.made.len());
        for Made { entry, stored, before, after } in plan.made {
            for effect in &entry.effects {
                if let Effect::Count { name, key } = effect {
                    let (instance, name, key) = (after.id.clone(), name.clone(), key.clone());
                    self.counts.push(Raise { instance, name, key, by: 1 });
                }
            }
            self.note(before, after);
            let (hash, bytes, private) = (stored.hash, stored.entry.len(), private.clone());
            self.entries.push((Recorded { position, entry, hash, private }, bytes));
            entries.push(stored);
        }
        if let Some((before, after)) = plan.settled {
            self.note(Some(before), after);
        }
        self.commits.push(Commit { entries, private });
        self.size += 1;
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

    /// The entry in this group that used up `key` of `instance`, as it is to be answered again.
    pub fn entry_with_key(&self, instance: &InstanceId, key: &str) -> Option<Used> {
        let recorded = self.entries.iter().map(|(recorded, _)| recorded);
        let mut own = recorded.filter(|recorded| recorded.entry.instance == *instance);
        let used = |entry: &Entry| entry.idempotency.as_ref().is_some_and(|used| used.key == key);
        let found = own.find(|recorded| used(&recorded.entry))?.clone();
        let later = own.take_while(|recorded| recorded.position == found.position);
        let last_seq = later.last().map_or(found.entry.seq, |recorded| recorded.entry.seq);
        Some(Used { entry: found.entry, last_seq, private: found.private })
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
