//! Owns which queues there are: those that definitions name, and people's departments.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::engine::Engine;

/// The queues of definitions that were read, by content hash.
#[derive(Default)]
pub struct Queues(Mutex<HashMap<String, Vec<String>>>);

impl Queues {
    /// Every queue, by name.
    pub fn all(&self, engine: &Engine) -> Vec<String> {
        let mut all: BTreeSet<String> =
            engine.actors().into_iter().filter_map(|actor| actor.department).collect();
        for flow in engine.workflows() {
            let Some(current) = engine.definition(flow.name()) else { continue };
            let kept = self.lock().get(&current.hash).cloned();
            let named = kept.unwrap_or_else(|| {
                let versions = engine.definitions(flow.name());
                let text = versions.iter().find(|(definition, _)| definition.hash == current.hash);
                let found = text.map(|(_, text)| named_in(text)).unwrap_or_default();
                self.lock().insert(current.hash.clone(), found.clone());
                found
            });
            all.extend(named);
        }
        all.into_iter().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a definition's policy calls `queue`, and what its `queues` hold.
fn named_in(definition: &str) -> Vec<String> {
    let Ok(value) = serde_saphyr::from_str::<Value>(definition) else { return Vec::new() };
    let mut found = Vec::new();
    walk(&value["policy"], &mut found);
    found
}

fn walk(value: &Value, found: &mut Vec<String>) {
    let Some(members) = value.as_object() else { return };
    for (name, member) in members {
        match (name.as_str(), member) {
            ("queue", Value::String(queue)) => found.push(queue.clone()),
            ("queues", Value::Object(queues)) => {
                found.extend(queues.values().filter_map(Value::as_str).map(str::to_owned));
            }
            _ => walk(member, found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::lang::Lang;
    use crate::console::words;
    use crate::workflows::DEFINITIONS;

    #[test]
    fn every_shipped_queue_is_called_something_in_chinese() {
        for name in DEFINITIONS.iter().flat_map(|(_, text)| named_in(text)) {
            assert!(!words::queue(&name, Lang::ZH).is_ascii(), "`{name}`");
        }
    }

    #[test]
    fn every_shipped_definition_names_its_queue() {
        for (file, text) in DEFINITIONS {
            let named = named_in(text);
            assert!(!named.is_empty(), "{file} names no queue");
        }
        let (_, text) = DEFINITIONS.iter().find(|(file, _)| file.starts_with("consultation/")).unwrap();
        assert!(named_in(text).contains(&"pre_sale".to_owned()));
    }
}
