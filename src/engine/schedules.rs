//! Owns schedules as definitions name them and administrators change them; what is read of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::command::CommandError;
use super::executor::Message;
use super::firing::{Ask, ScheduleOrder};
use super::group::Answer;
use super::open::{OpenError, each};
use super::schedule::{
    ACTIVE, FIRE, PAUSED, SCHEDULE, SCHEDULE_FIRED, ScheduleData, WITHDRAWN, arming, schedule_id,
};
use super::system::SystemChange;
use super::{Engine, Recorded};
use crate::journal::{Position, ReadError};
use crate::kernel::actor::Actor;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;

/// A schedule as it is published.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleInfo {
    /// Its id.
    pub id: InstanceId,
    /// `active`, `paused` or `withdrawn`.
    pub state: String,
    /// What it holds.
    pub data: ScheduleData,
    /// When it fires next.
    pub next: Option<Instant>,
    /// Number of its last entry.
    pub seq: u64,
    /// Position of that entry.
    pub position: Position,
}

impl Engine {
    /// Takes up the schedules of the definitions in force and lets them fire from now on. Without this
    /// call no schedule fires: an import writes in virtual time, in which nothing is due.
    ///
    /// A fire time that passed since the schedule was last looked at is missed, unless its expression
    /// or zone changed.
    ///
    /// # Crash safety
    /// Dying inside leaves some of the schedules taken up; the next call goes on.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn run_schedules(&self) -> Result<(), CommandError> {
        let mut named = Vec::new();
        let catalog = self.shared.catalog();
        for workflow in &self.shared.listed {
            let Some(definition) = catalog.current(workflow.name()) else { continue };
            let calendar = catalog.current_calendar(&definition.calendar);
            let zone = calendar.map_or(chrono_tz::UTC, |(_, calendar)| calendar.zone());
            for schedule in &definition.schedules {
                let data = ScheduleData {
                    workflow: definition.workflow.clone(),
                    zone: schedule.zone.clone().unwrap_or_else(|| zone.name().to_owned()),
                    schedule: schedule.clone(),
                    fired: 0,
                    last: None,
                    started: None,
                    paused: None,
                };
                let id = schedule_id(&data.workflow, &schedule.name);
                self.take_up(&id, data).await?;
                named.push(id);
            }
        }
        let known = self.shared.schedules();
        let gone = known.values().filter(|known| !named.contains(&known.id) && known.state != WITHDRAWN);
        for instance in gone {
            self.withdraw(instance).await?;
        }
        self.shared.schedules_run.store(true, Ordering::Release);
        let (done, reloaded) = oneshot::channel();
        if self.queue.send(Message::Reload(done)).await.is_ok() {
            // A writer that ended has nothing to read anew.
            reloaded.await.ok();
        }
        Ok(())
    }

    /// Records what the definition in force says of a schedule, where that is new.
    async fn take_up(&self, id: &InstanceId, named: ScheduleData) -> Result<(), CommandError> {
        let known = self.shared.schedules();
        let before = known.get(id);
        let old =
            before.map(|instance| ScheduleData::of(instance)).transpose().map_err(CommandError::Stopped)?;
        let data = match old.clone() {
            Some(old) => ScheduleData {
                fired: old.fired,
                last: old.last,
                started: old.started,
                paused: old.paused,
                ..named
            },
            None => named,
        };
        let times = |data: &ScheduleData| (data.schedule.cron.clone(), data.zone.clone());
        let armed = before.and_then(|instance| instance.timers.get(FIRE)).map(|timer| timer.due);
        let now = self.now();
        let same = old.as_ref().is_some_and(|old| times(old) == times(&data));
        let next = next_fire(&data, armed.filter(|_| same), now);
        let (state, next) = if data.paused.is_some() { (PAUSED, None) } else { (ACTIVE, next) };
        let effects = arming(before.map(AsRef::as_ref), next);
        if old.as_ref() == Some(&data)
            && effects.is_none()
            && before.is_some_and(|known| known.state == state)
        {
            return Ok(());
        }
        let event = if before.is_some() { "changed" } else { "created" };
        let mut change = SystemChange::new(SCHEDULE, id.clone(), event, state, &data, Actor::system());
        change.effects.extend(effects);
        self.system(change).await.map(|_| ())
    }

    /// No definition in force names it any more; what it started lives on.
    async fn withdraw(&self, instance: &Instance) -> Result<(), CommandError> {
        let (id, data) = (instance.id.clone(), &instance.data);
        let mut change = SystemChange::new(SCHEDULE, id, "withdrawn", WITHDRAWN, data, Actor::system());
        change.effects.extend(arming(Some(instance), None));
        self.system(change).await.map(|_| ())
    }

    /// Pauses, resumes or runs a schedule, for a reason (administrator).
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn order_schedule(
        &self,
        id: &InstanceId,
        ask: Ask,
        reason: &str,
        by: Actor,
        key: Option<String>,
    ) -> Answer {
        let order = ScheduleOrder::new(id, ask, reason, by, key.as_deref());
        self.ask(|reply| Message::Schedule(Box::new(order), reply)).await
    }

    /// Every schedule, withdrawn ones included, by workflow and name; and the position they were read at.
    ///
    /// # Errors
    /// [`CommandError::Stopped`] for stored data that this binary cannot read.
    pub fn schedules(&self) -> Result<(Vec<ScheduleInfo>, Position), CommandError> {
        let (all, position) = self.still(|_| self.schedules_now());
        let mut all = all?;
        all.sort_by(|a, b| {
            let key = |info: &ScheduleInfo| (info.data.workflow.clone(), info.data.schedule.name.clone());
            key(a).cmp(&key(b))
        });
        Ok((all, position))
    }

    fn schedules_now(&self) -> Result<Vec<ScheduleInfo>, CommandError> {
        let mut all = Vec::new();
        for state in [ACTIVE, PAUSED, WITHDRAWN] {
            each(&self.shared, SCHEDULE, state, |instance| {
                all.push(info(instance).map_err(OpenError::Unfit)?);
                Ok(())
            })
            .map_err(|error| CommandError::Stopped(error.to_string()))?;
        }
        Ok(all)
    }

    /// One schedule and the position it was read at.
    ///
    /// # Errors
    /// As [`Engine::schedules`].
    pub fn schedule(&self, id: &InstanceId) -> Result<(Option<ScheduleInfo>, Position), CommandError> {
        let (found, position) =
            self.instance(id).map_err(|error| CommandError::Stopped(error.to_string()))?;
        let found = found.filter(|instance| instance.workflow == SCHEDULE);
        let found = found.as_ref().map(info).transpose().map_err(CommandError::Stopped)?;
        Ok((found, position))
    }

    /// The firings of `schedule`, as it was read, recorded before its entry at `before`, newest first, at most `limit`; and
    /// the `before` to go on with, where there may be more. Nothing where no entry stands there.
    ///
    /// # Errors
    /// [`ReadError`]; found damage also stops the writer.
    pub async fn firings(
        &self,
        schedule: &ScheduleInfo,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Option<(Vec<Recorded>, Option<Position>)>, ReadError> {
        let id = &schedule.id;
        let mut next = Some(schedule.position);
        if let Some(before) = before {
            if before > schedule.position {
                return Ok(None);
            }
            let own = self.entries_of(id, before).await?;
            let Some((_, earlier)) = own.first() else { return Ok(None) };
            next = *earlier;
        }
        let (mut found, mut looked_at) = (Vec::new(), None);
        while let Some(position) = next.filter(|_| found.len() < limit) {
            let mut own = self.entries_of(id, position).await?;
            looked_at = Some(position);
            next = own.first().and_then(|(_, earlier)| *earlier);
            own.retain(|(recorded, _)| recorded.entry.event == SCHEDULE_FIRED);
            found.extend(own.into_iter().rev().map(|(recorded, _)| recorded));
        }
        Ok(Some((found, looked_at.filter(|_| next.is_some()))))
    }
}

/// When a schedule that is taken up at `now` fires next; `armed` is for when it was, by the same
/// expression and zone.
///
/// What was missed stays due, and what lies ahead is worked out with this binary's zone data. A clock
/// that was set back brings no fire time again that was dealt with, and leaves none out.
fn next_fire(data: &ScheduleData, armed: Option<Instant>, now: Instant) -> Option<Instant> {
    let after = data.last.as_ref().map_or(now, |last| now.max(last.scheduled_for));
    let is_fire_time = |due: Instant| data.next_after(due.plus_millis(-1)) == Some(due);
    let armed = armed.filter(|due| *due <= now || is_fire_time(*due));
    [armed, data.next_after(after)].into_iter().flatten().min()
}

fn info(instance: &Arc<Instance>) -> Result<ScheduleInfo, String> {
    Ok(ScheduleInfo {
        id: instance.id.clone(),
        state: instance.state.clone(),
        data: ScheduleData::of(instance)?,
        next: instance.timers.get(FIRE).map(|timer| timer.due),
        seq: instance.seq,
        position: instance.position,
    })
}
