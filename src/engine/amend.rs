//! Owns the amendment of calendars: running dues move when a newer version of a calendar is in force (R4).
//!
//! Each case that is not at its end and counts on an older version gets one
//! `calendar_amended`, before anything that is due fires; the step then moves each due that
//! changes, both recorded. A recorded breach stays. What ends before all cases are done goes on
//! at the next opening: only the last entry says that a version is applied everywhere.

use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::catalog::{CALENDAR, FileData};
use super::group::Answer;
use super::open::{OpenError, each, states_of};
use super::system::SystemChange;
use super::{CommandError, Engine};
use crate::kernel::actor::Actor;
use crate::kernel::common::Stage;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::step::stage_of;

/// The state of a calendar's version once every case counts on it.
const APPLIED: &str = "applied";
/// Amendments that wait for the writer at a time: a quarter of its queue.
const WAITING_MAX: usize = super::QUEUE_MAX / 4;

/// A calendar of which a newer version is in force.
struct Amended {
    name: String,
    version: u32,
    hash: String,
}

impl Engine {
    /// Brings every case that is not at its end to the calendars in force.
    ///
    /// # Crash safety
    /// Dying inside leaves some cases amended; the next opening does the others.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(super) async fn amend(&self) -> Result<(), OpenError> {
        for amended in self.shared.catalog().amended() {
            let amended = Amended { name: amended.0, version: amended.1, hash: amended.2 };
            let id = FileData::id(CALENDAR, &amended.name, amended.version);
            let Some(stored) = self.shared.index.get(&id)? else { continue };
            if stored.state == APPLIED {
                continue;
            }
            let cases = self.amend_cases(&amended).await?;
            tracing::info!(calendar = amended.name, version = amended.version, cases, "calendar amended");
            let change = SystemChange::new(CALENDAR, id, APPLIED, APPLIED, &stored.data, Actor::system());
            self.system(change).await?;
        }
        Ok(())
    }

    async fn amend_cases(&self, amended: &Amended) -> Result<usize, OpenError> {
        let mut older = Vec::new();
        for workflow in self.shared.workflows.keys() {
            for state in states_of(&self.shared, workflow) {
                if stage_of(&state) == Stage::Final {
                    continue;
                }
                each(&self.shared, workflow, &state, |instance| {
                    if let Some(from) = self.counts_on_older(instance, amended) {
                        older.push((instance.id.clone(), instance.workflow.clone(), from));
                    }
                    Ok(())
                })?;
            }
        }
        for some in older.chunks(WAITING_MAX) {
            let mut answers = Vec::new();
            for (id, workflow, from) in some {
                answers.push(self.send_amendment(id, workflow, from, amended).await?);
            }
            for answer in answers {
                match answer.await.unwrap_or(Err(CommandError::CommitUnknown)) {
                    // An import that is held goes on with the calendar that it has, and so does a flow
                    // that has no such event.
                    Ok(_) | Err(CommandError::Held(_) | CommandError::Refused { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(older.len())
    }

    /// The pinned hash of the calendar's older version, where the case counts on it.
    fn counts_on_older(&self, instance: &Instance, amended: &Amended) -> Option<String> {
        let catalog = self.shared.catalog();
        let pins = &instance.pins;
        std::iter::once(&pins.calendar).chain(pins.others.values()).find_map(|hash| {
            let pinned = catalog.calendar(hash)?;
            let older = pinned.name() == amended.name && pinned.version() < amended.version;
            older.then(|| hash.clone())
        })
    }

    async fn send_amendment(
        &self,
        id: &InstanceId,
        workflow: &str,
        from: &str,
        amended: &Amended,
    ) -> Result<oneshot::Receiver<Answer>, OpenError> {
        let payload: Map<String, Value> =
            [("calendar", &*amended.name), ("from", from), ("to", &*amended.hash)]
                .into_iter()
                .map(|(key, value)| (key.to_owned(), json!(value)))
                .collect();
        Ok(self.send_by_system(id, workflow, "calendar_amended", payload).await?)
    }
}
