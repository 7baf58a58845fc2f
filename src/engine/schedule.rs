//! Owns schedules as they are stored: instances without a machine, one for each (workflow, name).
//!
//! A schedule's instance has one timer, armed for the next fire time. Its history
//! holds every change and every firing. `firing` says what a firing does.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kernel::calendar::parse_zone;
use crate::kernel::effect::Effect;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::schedule::Schedule;

/// Workflow name of schedules.
pub const SCHEDULE: &str = "$schedule";
/// The event of the entry that records a firing.
pub const SCHEDULE_FIRED: &str = "schedule_fired";
/// The one timer of a schedule.
pub const FIRE: &str = "FIRE";
/// It fires.
pub const ACTIVE: &str = "active";
/// An administrator stopped it for a while.
pub const PAUSED: &str = "paused";
/// The definition in force does not name it any more.
pub const WITHDRAWN: &str = "withdrawn";

/// What a schedule's instance holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleData {
    /// The workflow whose definition names it.
    pub workflow: String,
    /// What the definition says.
    pub schedule: Schedule,
    /// The zone that it follows, worked out.
    pub zone: String,
    /// How often it fired, skipped and refused firings included.
    pub fired: u64,
    /// The last firing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Firing>,
    /// The instance that was started last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<InstanceId>,
    /// Why it is paused, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
}

/// Why a schedule is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who paused it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Instant,
}

/// One firing: the payload of its entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    /// Which one, from 1.
    pub number: u64,
    /// The fire time; of a run by hand the moment itself.
    pub scheduled_for: Instant,
    /// What became of it.
    pub outcome: FiringOutcome,
    /// The instance that it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<InstanceId>,
    /// When that should be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Instant>,
    /// The missed fire times that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
    /// Why nothing was started, for programs: `missed`, `overlap`, or the code of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who ran it by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_by: Option<String>,
}

/// What became of a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FiringOutcome {
    /// It started an instance.
    Started,
    /// The definition says that it starts none.
    Skipped,
    /// The start was refused.
    Refused,
}

impl FiringOutcome {
    /// The name in entries and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
        }
    }
}

/// Fire times that passed while no server ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The first of them.
    pub from: Instant,
    /// The last of them.
    pub to: Instant,
    /// How many, counted up to [`MISSED_COUNTED_MAX`].
    pub count: u64,
}

/// Missed fire times are counted up to here: a schedule of every second would hold up the writer for long.
pub const MISSED_COUNTED_MAX: usize = 1_000;

/// The id of the schedule `name` of `workflow`.
pub fn schedule_id(workflow: &str, name: &str) -> InstanceId {
    InstanceId::derive(SCHEDULE, &[SCHEDULE, workflow, name])
}

impl ScheduleData {
    /// What a schedule's instance holds.
    ///
    /// # Errors
    /// Data that this binary cannot read.
    pub fn of(instance: &Instance) -> Result<Self, String> {
        Self::deserialize(&*instance.data).map_err(|e| format!("schedule `{}`: {e}", instance.id))
    }

    /// The zone that it follows.
    ///
    /// # Errors
    /// A zone that the zone data no longer has.
    pub fn tz(&self) -> Result<Tz, String> {
        parse_zone(&self.zone)
    }

    /// The next fire time after `at`; none where it never fires again.
    pub fn next_after(&self, at: Instant) -> Option<Instant> {
        self.schedule.cron.next_after(at, self.tz().ok()?)
    }
}

impl Firing {
    /// The payload of its entry.
    pub fn payload(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(payload)) => payload,
            Ok(_) | Err(_) => Map::new(),
        }
    }
}

/// What arms the timer of a schedule for `due`, or ends it.
pub(super) fn arming(before: Option<&Instance>, due: Option<Instant>) -> Option<Effect> {
    let armed = before.and_then(|instance| instance.timers.get(FIRE)).map(|timer| timer.due);
    match due {
        Some(due) if armed != Some(due) => {
            let generations = before.and_then(|instance| instance.generations.get(FIRE));
            let generation = generations.copied().unwrap_or(0) + 1;
            Some(Effect::Arm { timer: FIRE.to_owned(), generation, due, failures: 0 })
        }
        None if armed.is_some() => Some(Effect::Cancel { timer: FIRE.to_owned() }),
        Some(_) | None => None,
    }
}

/// Schedules as published, by id.
pub type Schedules = BTreeMap<InstanceId, Arc<Instance>>;
