//! Owns the definitions and calendars that were ever published, by content hash.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::kernel::calendar::Calendar;
use crate::kernel::definition::Definition;
use crate::kernel::id::InstanceId;

/// Workflow name of published definitions.
pub const DEFINITION: &str = "$definition";
/// Workflow name of published calendars.
pub const CALENDAR: &str = "$calendar";

/// What a published file's instance holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileData {
    /// The workflow's or calendar's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Content hash, 32 hex digits.
    pub hash: String,
    /// The file as it was read.
    pub text: String,
}

impl FileData {
    /// The id of the instance that holds version `version` of `name`.
    pub fn id(workflow: &str, name: &str, version: u32) -> InstanceId {
        InstanceId::derive(workflow, &[workflow, name, &version.to_string()])
    }
}

/// Everything published, and what new instances get.
#[derive(Clone, Default)]
pub struct Catalog {
    definitions: BTreeMap<String, (Arc<Definition>, Arc<str>)>,
    calendars: BTreeMap<String, Arc<Calendar>>,
    in_force: BTreeMap<String, String>,
    calendars_in_force: BTreeMap<String, String>,
}

impl Catalog {
    /// Adds a published definition with the text it came from.
    pub fn add_definition(&mut self, definition: Arc<Definition>, text: Arc<str>) {
        self.definitions.insert(definition.hash.clone(), (definition, text));
    }

    /// Adds a published calendar under its content hash.
    pub fn add_calendar(&mut self, hash: String, calendar: Arc<Calendar>) {
        self.calendars.insert(hash, calendar);
    }

    /// New instances of the workflow get the definition `hash` from now on.
    pub fn put_in_force(&mut self, workflow: &str, hash: &str) {
        self.in_force.insert(workflow.to_owned(), hash.to_owned());
    }

    /// New instances counting on the calendar `name` get `hash` from now on.
    pub fn put_calendar_in_force(&mut self, name: &str, hash: &str) {
        self.calendars_in_force.insert(name.to_owned(), hash.to_owned());
    }

    /// The definition that new instances of a workflow get.
    pub fn current(&self, workflow: &str) -> Option<&Arc<Definition>> {
        self.definition(self.in_force.get(workflow)?)
    }

    /// The calendar that new instances get, with its content hash.
    pub fn current_calendar(&self, name: &str) -> Option<(&str, &Arc<Calendar>)> {
        let hash = self.calendars_in_force.get(name)?;
        Some((hash, self.calendars.get(hash)?))
    }

    /// The calendars that new instances get, by name.
    pub fn current_calendars(&self) -> impl Iterator<Item = &Arc<Calendar>> {
        self.calendars_in_force.values().filter_map(|hash| self.calendars.get(hash))
    }

    /// A definition by content hash.
    pub fn definition(&self, hash: &str) -> Option<&Arc<Definition>> {
        self.definitions.get(hash).map(|(definition, _)| definition)
    }

    /// A calendar by content hash.
    pub fn calendar(&self, hash: &str) -> Option<&Arc<Calendar>> {
        self.calendars.get(hash)
    }

    /// Calendars in force of which older versions were published: name, version, content hash.
    pub fn amended(&self) -> Vec<(String, u32, String)> {
        let in_force = self.calendars_in_force.iter().filter_map(|(name, hash)| {
            let current = self.calendars.get(hash)?;
            let older = self.calendars.values().any(|c| c.name() == name && c.version() < current.version());
            older.then(|| (name.clone(), current.version(), hash.clone()))
        });
        in_force.collect()
    }

    /// The content hash of a version of a workflow's definition.
    pub fn version(&self, workflow: &str, version: u32) -> Option<String> {
        let mut all = self.definitions.values().map(|(definition, _)| definition);
        all.find(|d| d.workflow == workflow && d.version == version).map(|d| d.hash.clone())
    }

    /// Every published definition of a workflow, oldest version first, with its text.
    pub fn versions(&self, workflow: &str) -> Vec<(Arc<Definition>, Arc<str>)> {
        let mut all: Vec<_> =
            self.definitions.values().filter(|(d, _)| d.workflow == workflow).cloned().collect();
        all.sort_by_key(|(definition, _)| definition.version);
        all
    }
}
