//! Owns what a step runs with: which definition and calendars, by content hash.
//!
//! An instance keeps what it started with (R11). Two events change that and say so in their entry:
//! `policy_migrated` pins another definition from the next step on, `calendar_amended` another
//! version of a calendar from this step on (R4).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::plan::{PlanError, World};
use crate::kernel::calendar::Calendar;
use crate::kernel::definition::Definition;
use crate::kernel::entry::Pins;
use crate::kernel::instance::Instance;
use crate::kernel::outcome::{Event, Refusal, RefusalKind};

/// Pins of this binary over `definition` and `calendar`.
pub fn pins(definition: &str, calendar: &str) -> Pins {
    Pins {
        definition: definition.to_owned(),
        calendar: calendar.to_owned(),
        others: BTreeMap::new(),
        tzdata: chrono_tz::IANA_TZDB_VERSION.to_owned(),
        build: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The pins of `instance`, evaluated by this binary.
pub fn kept(instance: &Instance) -> Arc<Pins> {
    let Pins { definition, calendar, others, tzdata, build } = &*instance.pins;
    if tzdata == chrono_tz::IANA_TZDB_VERSION && build == env!("CARGO_PKG_VERSION") {
        return instance.pins.clone();
    }
    Arc::new(Pins { others: others.clone(), ..pins(definition, calendar) })
}

/// What the pins of a step stand for.
pub struct Pinned<'a> {
    /// The definition.
    pub definition: &'a Definition,
    /// The flow's calendar.
    pub calendar: &'a Calendar,
    /// Other calendars that its clocks are counted on.
    pub others: Vec<&'a Calendar>,
    /// The definition that the event asks to pin.
    pub next: Option<&'a Definition>,
}

impl World<'_> {
    /// The pins with which `event` runs: the instance's own, or what is in force for a start.
    ///
    /// # Errors
    /// Something that is not published, and an amendment to a calendar that never was.
    pub(super) fn pins(
        &self,
        workflow: &str,
        instance: Option<&Instance>,
        event: &Event,
    ) -> Result<Arc<Pins>, PlanError> {
        match instance {
            Some(instance) if event.name == "calendar_amended" => self.amended(instance, event),
            Some(instance) => Ok(kept(instance)),
            None => self.in_force(workflow),
        }
    }

    fn in_force(&self, workflow: &str) -> Result<Arc<Pins>, PlanError> {
        let definition = self.catalog.current(workflow);
        let definition =
            definition.ok_or_else(|| PlanError::Missing(format!("a definition of `{workflow}`")))?;
        let mut pins = pins(&definition.hash, &self.current_hash(&definition.calendar)?);
        pins.others = self.others_of(definition)?;
        Ok(Arc::new(pins))
    }

    fn current_hash(&self, calendar: &str) -> Result<String, PlanError> {
        let found = self.catalog.current_calendar(calendar).map(|(hash, _)| hash.to_owned());
        found.ok_or_else(|| PlanError::Missing(format!("calendar `{calendar}`")))
    }

    /// The calendars in force, beside the flow's, that the clocks of `definition` are counted on.
    fn others_of(&self, definition: &Definition) -> Result<BTreeMap<String, String>, PlanError> {
        let named = definition.clocks.values().flat_map(|rule| &rule.calendars);
        named
            .filter(|other| other.calendar != definition.calendar)
            .map(|other| Ok((other.calendar.clone(), self.current_hash(&other.calendar)?)))
            .collect()
    }

    /// Pins another definition from the next step on, and what its clocks are counted on.
    ///
    /// # Errors
    /// A definition or calendar that is not published.
    pub(super) fn repin(&self, pins: &mut Pins, definition: String) -> Result<(), PlanError> {
        let missing = || PlanError::Missing(format!("definition `{definition}`"));
        let next = self.catalog.definition(&definition).ok_or_else(missing)?;
        for (name, hash) in self.others_of(next)? {
            pins.others.entry(name).or_insert(hash);
        }
        pins.definition = definition;
        Ok(())
    }

    fn amended(&self, instance: &Instance, event: &Event) -> Result<Arc<Pins>, PlanError> {
        let text = |name: &str| event.payload.get(name).and_then(Value::as_str).unwrap_or_default();
        let (name, to) = (text("calendar"), text("to"));
        let named = |hash: &str| self.catalog.calendar(hash).is_some_and(|known| known.name() == name);
        let mut kept = kept(instance);
        let pins = Arc::make_mut(&mut kept);
        if named(to) && named(&pins.calendar) {
            to.clone_into(&mut pins.calendar);
            return Ok(kept);
        }
        match pins.others.get_mut(name) {
            Some(pinned) if named(to) => to.clone_into(pinned),
            Some(_) | None => {
                let reason =
                    format!("`{to}` is no published version of a calendar `{name}` that the case counts on");
                return Err(PlanError::Refused(Refusal::new(RefusalKind::Input, "unknown_version", reason)));
            }
        }
        Ok(kept)
    }

    /// What `pins` stand for, and what `event` asks to pin next.
    ///
    /// # Errors
    /// A hash that is not published.
    pub(super) fn pinned(&self, workflow: &str, event: &Event, pins: &Pins) -> Result<Pinned<'_>, PlanError> {
        let missing = |what: &str, hash: &str| PlanError::Missing(format!("{what} `{hash}`"));
        let calendar = |hash: &str| {
            self.catalog.calendar(hash).map(AsRef::as_ref).ok_or_else(|| missing("calendar", hash))
        };
        let definition = self.catalog.definition(&pins.definition);
        let definition = definition.ok_or_else(|| missing("definition", &pins.definition))?;
        let version =
            event.payload.get("to").and_then(Value::as_u64).filter(|_| event.name == "policy_migrated");
        let next = version
            .and_then(|version| self.catalog.version(workflow, u32::try_from(version).ok()?))
            .and_then(|hash| self.catalog.definition(&hash));
        let asked = next.map(|next| self.others_of(next)).transpose()?.unwrap_or_default();
        let added = asked.iter().filter(|(name, _)| !pins.others.contains_key(*name)).map(|(_, hash)| hash);
        Ok(Pinned {
            definition,
            calendar: calendar(&pins.calendar)?,
            others: pins.others.values().chain(added).map(|hash| calendar(hash)).collect::<Result<_, _>>()?,
            next: next.map(AsRef::as_ref),
        })
    }
}
