//! Owns what clocks are read with: an instance as it was, and what its pins stand for.

use std::sync::Arc;

use super::Engine;
use crate::journal::ReadError;
use crate::kernel::calendar::Calendar;
use crate::kernel::definition::Definition;
use crate::kernel::entry::Pins;
use crate::kernel::instance::Instance;

/// A definition and the calendars that its clocks are counted on.
#[derive(Clone, Debug)]
pub struct Measures {
    /// The definition.
    pub definition: Arc<Definition>,
    main: Arc<Calendar>,
    others: Vec<Arc<Calendar>>,
}

impl Measures {
    /// The calendar called `name`; the flow's own where it has no other of this name.
    pub fn calendar(&self, name: &str) -> &Calendar {
        let other = self.others.iter().find(|other| other.name() == name);
        other.filter(|_| self.main.name() != name).unwrap_or(&self.main)
    }
}

impl Engine {
    /// What `pins` stand for; everything that was ever pinned is published.
    pub fn measures(&self, pins: &Pins) -> Option<Measures> {
        let catalog = self.shared.catalog();
        let calendar = |hash: &String| catalog.calendar(hash).cloned();
        Some(Measures {
            definition: catalog.definition(&pins.definition)?.clone(),
            main: calendar(&pins.calendar)?,
            others: pins.others.values().map(calendar).collect::<Option<_>>()?,
        })
    }

    /// `instance` as its entry `seq` left it: its history up to there, applied again.
    ///
    /// # Errors
    /// [`ReadError`]; a history that does not follow on is damage and stops the writer.
    pub async fn as_of(&self, instance: &Instance, seq: u64) -> Result<Option<Instance>, ReadError> {
        let limit = usize::try_from(seq).unwrap_or(usize::MAX);
        let mut before = None;
        for recorded in self.history(instance, 0, limit).await? {
            let (entry, position) = (&recorded.entry, recorded.position);
            let after = Instance::apply(before.as_ref(), entry, recorded.hash, position, &recorded.private);
            before = Some(after.map_err(|misfit| {
                let damage = ReadError::Damaged { position, reason: misfit.to_string() };
                self.found_damage(&damage.to_string());
                damage
            })?);
        }
        Ok(before.filter(|found: &Instance| found.seq == seq))
    }
}
