//! Owns what a schedule's firing does: one commit with its entry and the start that it causes.
//!
//! Each fire time ends in exactly one entry of its schedule, `schedule_fired`: it
//! started an instance, was skipped, or the start was refused and why. Missed fire
//! times that the definition skips or joins share one entry. The entry also arms the
//! timer for the next fire time, so that a crash leaves either all of it or none.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::command::CommandError;
use super::due::CATCH_UP_MS;
use super::executor::Executor;
use super::group::Answer;
use super::plan::{Meta, Plan, PlanError, World, continuing};
use super::schedule::{
    ACTIVE, Firing, FiringOutcome, MISSED_COUNTED_MAX, Missed, PAUSED, Pause, SCHEDULE_FIRED, ScheduleData,
    WITHDRAWN, arming,
};
use super::submit::hash_key;
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::common::Stage;
use crate::kernel::effect::{Effect, Send, Spawn};
use crate::kernel::entry::{Cause, Entry, Idempotency};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::outcome::{Event, Refusal, RefusalKind};
use crate::kernel::personal::{self, Private};
use crate::kernel::schedule::{CatchUp, Fired, Overlap};
use crate::kernel::step::stage_of;

/// What an administrator asks of a schedule.
#[derive(Debug)]
pub struct ScheduleOrder {
    id: InstanceId,
    ask: Ask,
    reason: String,
    by: Actor,
    idempotency: Option<Idempotency>,
}

/// What becomes of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// It stops firing.
    Pause,
    /// It fires again; what passed meanwhile is not made up for.
    Resume,
    /// It fires now, besides its fire times.
    Run,
}

impl Ask {
    const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Run => "run",
        }
    }
}

impl ScheduleOrder {
    /// An order by `by` for `reason`.
    pub fn new(id: &InstanceId, ask: Ask, reason: &str, by: Actor, key: Option<&str>) -> Self {
        let idempotency = key.map(|key| hash_key(&by.id, key, &[id.as_str(), ask.name(), reason]));
        Self { id: id.clone(), ask, reason: reason.to_owned(), by, idempotency }
    }
}

/// The instance that a firing starts, its payload sealed.
struct Starting {
    workflow: String,
    event: &'static str,
    payload: Map<String, Value>,
    private: Private,
    due: Option<Instant>,
}

/// A firing before it is known what became of it.
struct Attempt {
    before: Arc<Instance>,
    data: ScheduleData,
    firing: Firing,
    actor: Actor,
    cause: Cause,
    idempotency: Option<Idempotency>,
    /// When the timer fires next; absent where the firing leaves it as it is.
    next: Option<Option<Instant>>,
}

/// The engine acting because a schedule says so.
fn schedule_actor() -> Actor {
    Actor { id: "system".into(), kind: ActorKind::Schedule, role: Role::System, on_behalf_of: None }
}

fn refusal(code: &'static str, reason: impl Into<String>) -> CommandError {
    let refusal = Refusal::new(RefusalKind::Guard, code, reason);
    CommandError::Refused { refusal, accepted: Vec::new(), instance: None }
}

impl World<'_> {
    /// Plans one firing: its entry, and where `starting` is given the start of its instance.
    fn plan_firing(&self, attempt: &Attempt, starting: Option<&Starting>) -> Result<Plan, PlanError> {
        let before = &attempt.before;
        let mut entry = continuing(before, SCHEDULE_FIRED, attempt.actor.clone(), self.now);
        entry.occurred_at = Some(attempt.firing.scheduled_for.min(self.now));
        entry.cause = Some(attempt.cause.clone());
        entry.idempotency.clone_from(&attempt.idempotency);
        entry.effects.extend(attempt.next.and_then(|next| arming(Some(&without_due(before, attempt)), next)));
        let mut firing = attempt.firing.clone();
        let mut data = attempt.data.clone();
        let mut plan = Plan::default();
        let mut child = None;
        if let Some(starting) = starting {
            let name = &data.schedule.name;
            let id = before.id.child(&[before.id.as_str(), &entry.seq.to_string(), name]);
            // Of a flow with one instance for each key it may be there: the start is a word to it.
            let flow = self.workflows.get(starting.workflow.as_str());
            let key = flow.and_then(|flow| flow.key(&starting.payload));
            let keyed = key.map(|key| InstanceId::keyed(&starting.workflow, &key));
            entry.effects.push(match &keyed {
                Some(to) => Effect::Send(Send {
                    number: before.sent + 1,
                    to: to.clone(),
                    event: starting.event.to_owned(),
                    payload: starting.payload.clone(),
                    not_before: None,
                    failures: 0,
                    starts: Some(starting.workflow.clone()),
                }),
                None => Effect::Spawn(Spawn {
                    rule: name.clone(),
                    index: u32::try_from(firing.number).unwrap_or(u32::MAX),
                    workflow: starting.workflow.clone(),
                    link: "spawned".into(),
                    payload: Map::new(),
                    child: Some(id.clone()),
                    due: starting.due,
                    lapses: None,
                }),
            });
            child = keyed.is_none().then(|| id.clone());
            let id = keyed.unwrap_or(id);
            firing.outcome = FiringOutcome::Started;
            firing.started = Some(id.clone());
            firing.due = starting.due;
            data.started = Some(id);
            plan.private.clone_from(&starting.private);
        }
        entry.payload = firing.payload();
        data.fired = firing.number;
        data.last = Some(firing);
        patch_to(&mut entry, before, &data);
        plan.add(entry, Some(before.clone()), self.position)?;
        if let (Some(child), Some(starting)) = (child, starting) {
            self.plan_start(&mut plan, before, &child, starting)?;
        }
        Ok(plan)
    }

    fn plan_start(
        &self,
        plan: &mut Plan,
        schedule: &Instance,
        child: &InstanceId,
        starting: &Starting,
    ) -> Result<(), PlanError> {
        let parent = plan.newest(&schedule.id).expect("its entry was just added");
        let event = Event {
            name: starting.event.to_owned(),
            payload: starting.payload.clone(),
            actor: schedule_actor(),
            occurred_at: self.now,
            cause: Some(Cause::Parent { id: parent.id.clone(), seq: parent.seq }),
        };
        self.run(plan, &starting.workflow, child, None, event, Meta::default(), parent.hash)
    }
}

/// The instance as the entry's cause leaves it: a timer that fired runs no longer.
fn without_due(before: &Instance, attempt: &Attempt) -> Instance {
    let mut after = before.clone();
    if let Cause::Timer { timer, .. } = &attempt.cause {
        after.timers.remove(timer);
    }
    after
}

/// Makes `entry` leave `data`.
fn patch_to(entry: &mut Entry, before: &Instance, data: &ScheduleData) {
    let after = serde_json::to_value(data).expect("a schedule's data is plain JSON");
    entry.patch = crate::kernel::patch::diff(&before.data, &Arc::new(after));
}

impl Executor {
    /// Fires the schedule `before`, whose timer was due at `due`; ends in exactly one entry.
    ///
    /// # Errors
    /// Stored data that cannot be read, or an entry that cannot be made: the writer stops.
    pub(super) fn fire_schedule(
        &mut self,
        before: Arc<Instance>,
        due: Instant,
        cause: Cause,
    ) -> Result<(), String> {
        let data = ScheduleData::of(&before)?;
        let (zone, now) = (data.tz()?, self.now());
        let late = now.since(due) > CATCH_UP_MS;
        let joined = late && data.schedule.catch_up != CatchUp::All;
        let scheduled_for = if joined {
            data.schedule.cron.last_until(due, now.plus_millis(-CATCH_UP_MS - 1), zone)
        } else {
            due
        };
        let missed = joined.then(|| {
            let times = data.schedule.cron.after(due, zone).take_while(|at| *at <= scheduled_for);
            let count = 1 + times.take(MISSED_COUNTED_MAX - 1).count() as u64;
            Missed { from: due, to: scheduled_for, count }
        });
        let skipped = joined && data.schedule.catch_up == CatchUp::Skip;
        let next = Some(data.schedule.cron.next_after(scheduled_for, zone));
        let mut attempt = self.attempt(before, data, scheduled_for, schedule_actor(), cause);
        attempt.next = next;
        attempt.firing.missed = missed;
        if skipped {
            attempt.firing.code = Some("missed".into());
            attempt.firing.reason = Some("no server ran at these fire times".into());
        } else if let Some(open) = self.overlapping(&attempt.data) {
            attempt.firing.code = Some("overlap".into());
            attempt.firing.reason = Some(format!("`{open}`, started before, is not at its end"));
        } else {
            return self.start_or_record(attempt);
        }
        self.record_firing(&attempt)
    }

    /// Starts the instance; where that is refused, the firing is recorded with the reason.
    fn start_or_record(&mut self, mut attempt: Attempt) -> Result<(), String> {
        let started = self
            .starting(&attempt)
            .and_then(|starting| self.try_compute(|world| world.plan_firing(&attempt, Some(&starting))));
        let (code, reason) = match started {
            Ok(_) => return Ok(()),
            Err(PlanError::Index(error)) => return Err(error.to_string()),
            Err(PlanError::Refused(refusal)) => (refusal.code, refusal.reason),
            Err(PlanError::Panicked(text)) => ("step_failed", text),
            Err(PlanError::TooLarge(text)) => ("commit_too_large", text),
            Err(PlanError::Missing(text)) => ("missing", format!("this server lacks {text}")),
        };
        tracing::warn!(schedule = %attempt.before.id, code, reason, "a schedule's start was refused");
        attempt.firing.outcome = FiringOutcome::Refused;
        attempt.firing.code = Some(code.to_owned());
        attempt.firing.reason = Some(reason);
        self.record_firing(&attempt)
    }

    fn record_firing(&mut self, attempt: &Attempt) -> Result<(), String> {
        let recorded = self.try_compute(|world| world.plan_firing(attempt, None));
        let unfit = |error| format!("a firing of `{}` cannot be recorded: {error:?}", attempt.before.id);
        recorded.map(|_| ()).map_err(unfit)
    }

    fn attempt(
        &self,
        before: Arc<Instance>,
        data: ScheduleData,
        scheduled_for: Instant,
        actor: Actor,
        cause: Cause,
    ) -> Attempt {
        let firing = Firing {
            number: data.fired + 1,
            scheduled_for,
            outcome: FiringOutcome::Skipped,
            started: None,
            due: None,
            missed: None,
            code: None,
            reason: None,
            run_by: None,
        };
        Attempt { before, data, firing, actor, cause, idempotency: None, next: None }
    }

    /// The instance started before, where the definition lets nothing start beside it.
    fn overlapping(&mut self, data: &ScheduleData) -> Option<InstanceId> {
        match data.schedule.overlap {
            Overlap::Allow => None,
            Overlap::Skip => {
                let last = self.newest(data.started.as_ref()?)?;
                (stage_of(&last.state) != Stage::Final).then(|| last.id.clone())
            }
        }
    }

    /// Works out what a firing starts, on the calendar and flows in force now.
    fn starting(&self, attempt: &Attempt) -> Result<Starting, PlanError> {
        let data = &attempt.data;
        let catalog = self.shared.catalog();
        let missing = |what: String| PlanError::Missing(what);
        let definition = catalog.current(&data.workflow);
        let definition = definition.ok_or_else(|| missing(format!("a definition of `{}`", data.workflow)))?;
        let calendar = catalog.current_calendar(&definition.calendar);
        let (_, calendar) = calendar.ok_or_else(|| missing(format!("calendar `{}`", definition.calendar)))?;
        let (scheduled_for, number) = (attempt.firing.scheduled_for, attempt.firing.number);
        let fired = Fired { scheduled_for, number, zone: data.tz().map_err(missing)? };
        let started = data.schedule.started(&data.workflow, calendar, fired);
        let flow = self.shared.workflows.get(started.workflow.as_str());
        let event = flow.ok_or_else(|| missing(format!("workflow `{}`", started.workflow)))?.start_event();
        let (mut payload, mut private) = (Value::Object(started.payload), Private::new());
        if let Some(checked) = self.shared.payload(&started.workflow, event) {
            if let Some(fault) = checked.checker.check(&payload).first() {
                let reason = format!("the payload of `{event}`: {}: {}", fault.path, fault.message);
                return Err(PlanError::Refused(Refusal::new(RefusalKind::Input, "invalid_payload", reason)));
            }
            let mut salt = || crate::random::hex_of(16);
            personal::seal_marked(&mut payload, &checked.schema, &mut salt, &mut private);
        }
        let payload = if let Value::Object(map) = payload { map } else { Map::new() };
        Ok(Starting { workflow: started.workflow, event, payload, private, due: started.due })
    }

    /// Does what an administrator asks of a schedule.
    pub(super) async fn schedule_order(&mut self, order: ScheduleOrder) -> Answer {
        let unknown = || CommandError::UnknownInstance(order.id.clone());
        let known = self.shared.schedules().contains_key(&order.id);
        let before = self.newest(&order.id).filter(|_| known).ok_or_else(unknown)?;
        if let Some(idempotency) = &order.idempotency
            && let Some(position) = before.keys.get(&idempotency.key)
        {
            return self.replay(&order.id, idempotency, *position).await;
        }
        let data = ScheduleData::of(&before).map_err(CommandError::Stopped)?;
        if before.state == WITHDRAWN {
            let reason = format!("no definition in force names the schedule `{}`", data.schedule.name);
            return Err(refusal("schedule_withdrawn", reason));
        }
        match order.ask {
            Ask::Pause => self.pause(&before, data, order),
            Ask::Resume => self.resume(&before, data, order),
            Ask::Run => self.run_now(before, data, order),
        }
    }

    fn pause(&mut self, before: &Arc<Instance>, mut data: ScheduleData, order: ScheduleOrder) -> Answer {
        if before.state == PAUSED {
            return Err(refusal("already_paused", format!("`{}` is paused already", data.schedule.name)));
        }
        let (by, reason) = (order.by.id.clone(), order.reason.clone());
        data.paused = Some(Pause { by, reason, at: self.now() });
        self.turn(before, &data, order, ("paused", PAUSED), None)
    }

    fn resume(&mut self, before: &Arc<Instance>, mut data: ScheduleData, order: ScheduleOrder) -> Answer {
        if before.state != PAUSED {
            return Err(refusal("not_paused", format!("`{}` is not paused", data.schedule.name)));
        }
        data.paused = None;
        let next = data.next_after(self.now());
        self.turn(before, &data, order, ("resumed", ACTIVE), next)
    }

    /// Records a change by an administrator that leaves the timer armed for `next`.
    fn turn(
        &mut self,
        before: &Arc<Instance>,
        data: &ScheduleData,
        order: ScheduleOrder,
        (event, state): (&str, &str),
        next: Option<Instant>,
    ) -> Answer {
        let mut entry = continuing(before, event, order.by, self.now());
        entry.cause = Some(Cause::Operator { reason: order.reason });
        entry.idempotency = order.idempotency;
        state.clone_into(&mut entry.to);
        entry.effects.extend(arming(Some(before), next));
        patch_to(&mut entry, before, data);
        self.compute(|world| {
            let mut plan = Plan::default();
            plan.add(entry, Some(before.clone()), world.position)?;
            Ok(plan)
        })
    }

    /// Fires besides the fire times, which stay as they are; a refused start changes nothing.
    fn run_now(&mut self, before: Arc<Instance>, data: ScheduleData, order: ScheduleOrder) -> Answer {
        if let Some(open) = self.overlapping(&data) {
            let reason = format!("`{open}`, started before, is not at its end, and `overlap` is `skip`");
            return Err(refusal("overlap", reason));
        }
        let cause = Cause::Operator { reason: order.reason };
        let mut attempt = self.attempt(before, data, self.now(), order.by.clone(), cause);
        attempt.firing.run_by = Some(order.by.id);
        attempt.idempotency = order.idempotency;
        let starting = self.starting(&attempt).map_err(super::command_error)?;
        self.compute(|world| world.plan_firing(&attempt, Some(&starting)))
    }
}
