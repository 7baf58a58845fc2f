//! Owns made-up histories for the tests of this layer: valid entries, chained as the engine chains them.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::kernel::actor::Actor;
use crate::kernel::effect::{Effect, Spawn};
use crate::kernel::entry::{Cause, Commit, ENTRY_VERSION, Entry, Pins, Position, Stored};
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::personal::{self, Private};

/// Writes the commits of several instances in order; the first commit has position 1.
#[derive(Clone, Default)]
pub(crate) struct Story {
    position: Position,
    last: HashMap<InstanceId, (u64, Hash, Position)>,
}

impl Story {
    /// The id of the instance called `name`.
    pub(crate) fn id(name: &str) -> InstanceId {
        InstanceId::derive(name, &[name])
    }

    /// The next commit of `name`: one entry, with the given personal values.
    pub(crate) fn next(&mut self, name: &str, secrets: &[&str]) -> Commit {
        self.position += 1;
        let mut private = Private::new();
        let mut payload = Map::new();
        for (i, secret) in secrets.iter().enumerate() {
            let (sealed, digest, secret) = personal::seal(json!(secret), format!("{i:032x}"));
            payload.insert(format!("secret_{i}"), sealed);
            private.insert(digest, secret);
        }
        Commit {
            entries: vec![self.entry(&Self::id(name), payload, None, Vec::new())],
            private: Arc::new(private),
        }
    }

    /// The next commit of `name` with `children` that it starts.
    pub(crate) fn family(&mut self, name: &str, children: u32) -> Commit {
        self.position += 1;
        let parent = Self::id(name);
        let spawns: Vec<Spawn> = (1..=children)
            .map(|index| Spawn {
                rule: "follow_up".into(),
                index,
                workflow: "callback".into(),
                link: "spawned".into(),
                payload: Map::new(),
                child: Some(parent.child(&[name, &self.position.to_string(), &index.to_string()])),
                due: None,
                lapses: None,
            })
            .collect();
        let effects = spawns.iter().cloned().map(Effect::Spawn).collect();
        let mut entries = vec![self.entry(&parent, Map::new(), None, effects)];
        let seq = self.last[&parent].0;
        for child in spawns.into_iter().filter_map(|spawn| spawn.child) {
            let cause = Cause::Parent { id: parent.clone(), seq };
            entries.push(self.entry(&child, Map::new(), Some(cause), Vec::new()));
        }
        Commit { entries, ..Commit::default() }
    }

    /// `count` commits that take turns over three instances, from the next one on.
    pub(crate) fn many(&mut self, count: usize) -> Vec<Commit> {
        (0..count).map(|i| self.next(["a", "b", "c"][i % 3], &[])).collect()
    }

    fn entry(
        &mut self,
        id: &InstanceId,
        payload: Map<String, Value>,
        cause: Option<Cause>,
        effects: Vec<Effect>,
    ) -> Stored {
        let before = self.last.get(id).copied();
        let prev = match (&before, &cause) {
            (Some((_, hash, _)), _) => *hash,
            (None, Some(Cause::Parent { id, .. })) => self.last[id].1,
            (None, _) => Hash::ZERO,
        };
        let seq = before.map_or(1, |(seq, _, _)| seq + 1);
        let now = Instant::from_millis(1_780_000_000_000).plus_millis(self.position.cast_signed());
        let entry = Entry {
            v: ENTRY_VERSION,
            instance: id.clone(),
            seq,
            workflow: "complaint".into(),
            data_version: 1,
            event: "noted".into(),
            payload,
            facts: Map::new(),
            actor: Actor::system(),
            occurred_at: None,
            recorded_at: now,
            idempotency: None,
            request_id: None,
            pins: Some(Arc::new(Pins {
                definition: Hash::ZERO.short(),
                calendar: Hash::ZERO.short(),
                others: Default::default(),
                tzdata: "2025b".into(),
                build: "0.1.0".into(),
            })),
            origin: None,
            cause,
            rule: None,
            from: before.map(|_| "open".into()),
            to: "open".into(),
            patch: Vec::new(),
            clocks: Vec::new(),
            effects,
            prev,
        };
        let stored = Stored::seal(&entry, before.map(|(_, _, position)| position)).expect("plain JSON");
        self.last.insert(id.clone(), (seq, stored.hash, self.position));
        stored
    }
}
