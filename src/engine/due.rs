//! Owns what comes due: timers that fire or lapse, sends that arrive or are refused, steps that fail.
//!
//! Each due timer and each pending send ends in exactly one entry, whatever happens.

use std::sync::Arc;

use serde_json::{Map, json};

use super::command::CommandError;
use super::executor::Executor;
use super::group::Answer;
use super::plan::{Meta, Plan, PlanError, continuing};
use super::schedule::SCHEDULE;
use super::submit::hash_key;
use crate::kernel::actor::Actor;
use crate::kernel::effect::Effect;
use crate::kernel::entry::{Cause, Entry, Idempotency};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::{CHILDREN, DELIVERY_REFUSED, Instance, Timer};
use crate::kernel::instant::Instant;
use crate::kernel::outcome::{Event, Refusal, RefusalKind, TIMER_FIRED};
use crate::kernel::personal::Private;
use crate::kernel::sla;

/// A timer or send whose step panicked waits this long before its first retry.
const BACKOFF_MS: i64 = 60_000;
/// Longest wait between two tries: a day, so that a fixed binary is soon noticed.
const BACKOFF_MS_MAX: i64 = 24 * 3_600_000;
/// A timer that fires later than this is caught up on; nobody is paged for history (X8).
pub(super) const CATCH_UP_MS: i64 = 60_000;

/// What an administrator asks of a timer.
#[derive(Debug)]
pub struct TimerOrder {
    id: InstanceId,
    timer: String,
    reason: String,
    by: Actor,
    /// The new due; absent to fire it now.
    due: Option<Instant>,
    idempotency: Option<Idempotency>,
}

impl TimerOrder {
    /// An order by `by` for `reason`; a due moves the timer, none fires it.
    pub fn new(
        id: &InstanceId,
        timer: &str,
        reason: &str,
        by: Actor,
        due: Option<Instant>,
        key: Option<&str>,
    ) -> Self {
        let told = due.map(|due| due.to_string()).unwrap_or_default();
        let idempotency = key.map(|key| hash_key(&by.id, key, &[id.as_str(), timer, reason, &told]));
        Self { id: id.clone(), timer: timer.to_owned(), reason: reason.to_owned(), by, due, idempotency }
    }
}

impl Executor {
    /// Sends the earliest timer of `id` to it; ends in exactly one entry.
    pub(super) fn fire_earliest(&mut self, id: &InstanceId, due: Instant) {
        let Some(instance) = self.newest(id) else {
            self.due.remove(&(due, id.clone()));
            return;
        };
        let earliest = instance.timers.iter().min_by_key(|(name, timer)| (timer.due, name.as_str()));
        let Some((name, timer)) = earliest.map(|(name, timer)| (name.clone(), timer.clone())) else {
            self.due.remove(&(due, id.clone()));
            return;
        };
        if timer.due != due {
            // The index also wakes for parked sends, which have a queue of their own here.
            self.due.remove(&(due, id.clone()));
            self.due.put(&instance);
            return;
        }
        if name == CHILDREN {
            if let Err(error) = self.fire_children(&instance, &timer) {
                self.shared.halt(&format!("an entry of `{id}` cannot be made: {error:?}"));
            }
            return;
        }
        let now = self.now();
        if instance.workflow == SCHEDULE {
            let cause = Cause::Timer { timer: name, generation: timer.generation, due };
            if let Err(reason) = self.fire_schedule(instance, due, cause) {
                self.shared.halt(&reason);
            }
            self.shared.metrics.timer(now.since(due));
            return;
        }
        let mut payload = Map::from_iter([("timer".to_owned(), json!(name))]);
        if now.since(timer.due) > CATCH_UP_MS {
            payload.insert("catch_up".into(), json!(true));
        }
        let cause = Cause::Timer { timer: name.clone(), generation: timer.generation, due: timer.due };
        let event = Event {
            name: TIMER_FIRED.to_owned(),
            payload,
            actor: Actor::timer(),
            occurred_at: timer.due,
            cause: Some(cause.clone()),
        };
        let before = Some(instance.clone());
        let fired = self.try_compute(|world| {
            world.plan(&instance.workflow, id, before, event, Meta::default(), Private::new())
        });
        self.shared.metrics.timer(now.since(timer.due));
        let ended = match fired {
            Ok(_) => return,
            Err(PlanError::Refused(refusal)) => self.lapse(&instance, cause, &refusal),
            Err(PlanError::Panicked(text) | PlanError::Missing(text) | PlanError::TooLarge(text)) => {
                self.park_timer(&instance, &name, cause, timer.failures + 1, &text)
            }
            Err(PlanError::Index(error)) => Err(error.to_string()),
        };
        if let Err(reason) = ended {
            self.shared.halt(&reason);
        }
    }

    /// A due timer that the state does not accept has lapsed; that is recorded.
    fn lapse(&mut self, instance: &Arc<Instance>, cause: Cause, refusal: &Refusal) -> Result<(), String> {
        let mut entry = continuing(instance, "timer_lapsed", Actor::timer(), self.now());
        entry.cause = Some(cause);
        entry.payload.insert("code".into(), json!(refusal.code));
        entry.payload.insert("reason".into(), json!(refusal.reason));
        self.add_entry(entry, instance)
    }

    /// A timer whose step failed waits; its failure is recorded and shown.
    fn park_timer(
        &mut self,
        instance: &Arc<Instance>,
        timer: &str,
        cause: Cause,
        failures: u32,
        text: &str,
    ) -> Result<(), String> {
        self.shared.metrics.step_failed();
        tracing::error!(instance = %instance.id, workflow = instance.workflow, timer, text, "step failed");
        let mut entry = continuing(instance, "step_failed", Actor::system(), self.now());
        entry.cause = Some(cause);
        entry.payload.insert("timer".into(), json!(timer));
        entry.payload.insert("failures".into(), json!(failures));
        entry.payload.insert("reason".into(), json!(text));
        let generation = instance.generations.get(timer).copied().unwrap_or(0) + 1;
        let due = backoff(self.now(), failures);
        entry.effects.push(Effect::Arm { timer: timer.to_owned(), generation, due, failures });
        self.add_entry(entry, instance)
    }

    /// Stages one entry that needs no workflow code.
    fn add_entry(&mut self, entry: Entry, before: &Arc<Instance>) -> Result<(), String> {
        let added = self.try_compute(|world| {
            let mut plan = Plan::default();
            plan.add(entry, Some(before.clone()), world.position)?;
            Ok(plan)
        });
        added.map(|_| ()).map_err(|error| format!("an entry of `{}` cannot be made: {error:?}", before.id))
    }

    /// Delivers one send; ends in exactly one entry, the receiver's or a refusal on the sender. A keyed
    /// receiver that is not there starts with it.
    pub(super) fn deliver(&mut self, sender: &InstanceId, number: u32) {
        let Some(from) = self.newest(sender) else { return };
        let Some(send) = from.sends.iter().find(|send| send.number == number).cloned() else { return };
        let receiver = self.newest(&send.to);
        if receiver.as_ref().is_some_and(|to| self.shared.holds(to.origin.as_deref()).is_some()) {
            // It stands still; the send waits, and is looked at again when a batch is released.
            return;
        }
        let cause = Cause::Send { from: sender.clone(), number };
        let event = Event {
            name: send.event.clone(),
            payload: send.payload.clone(),
            actor: Actor::system(),
            occurred_at: self.now(),
            cause: Some(cause.clone()),
        };
        let starts = send.starts.as_deref().filter(|flow| self.has_flow(flow));
        let delivered = match receiver.as_ref().map(|to| to.workflow.clone()).or(starts.map(str::to_owned)) {
            None => Err(PlanError::Refused(Refusal::new(
                RefusalKind::Guard,
                "unknown_instance",
                format!("there is no instance `{}`", send.to),
            ))),
            Some(workflow) => self.try_compute(|world| {
                let mut private = Plan::default();
                private.carry_private(&send.payload, &from.private);
                let (to, private) = (receiver.clone(), private.private);
                let plan = world.plan(&workflow, &send.to, to, event, Meta::default(), private)?;
                Ok(plan.settling(&from, number))
            }),
        };
        let ended = match delivered {
            Ok(_) => return,
            Err(PlanError::Refused(refusal)) => {
                let mut entry = continuing(&from, DELIVERY_REFUSED, Actor::system(), self.now());
                entry.cause = Some(cause);
                entry.payload.insert("to".into(), json!(send.to));
                entry.payload.insert("event".into(), json!(send.event));
                entry.payload.insert("code".into(), json!(refusal.code));
                entry.payload.insert("reason".into(), json!(refusal.reason));
                self.add_entry(entry, &from)
            }
            Err(PlanError::Panicked(text) | PlanError::Missing(text) | PlanError::TooLarge(text)) => {
                self.shared.metrics.step_failed();
                tracing::error!(sender = %from.id, to = %send.to, text, "delivery failed");
                let failures = send.failures + 1;
                let mut entry = continuing(&from, "step_failed", Actor::system(), self.now());
                entry.cause = Some(cause);
                entry.payload.insert("to".into(), json!(send.to));
                entry.payload.insert("failures".into(), json!(failures));
                entry.payload.insert("reason".into(), json!(text));
                let until = backoff(self.now(), failures);
                entry.effects.push(Effect::Park { number, until, failures });
                self.add_entry(entry, &from)
            }
            Err(PlanError::Index(error)) => Err(error.to_string()),
        };
        if let Err(reason) = ended {
            self.shared.halt(&reason);
        }
    }

    fn armed(&mut self, id: &InstanceId, timer: &str) -> Result<Arc<Instance>, CommandError> {
        let instance = self.newest(id).ok_or_else(|| CommandError::UnknownInstance(id.clone()))?;
        if let Some(batch) = self.shared.holds(instance.origin.as_deref()) {
            return Err(CommandError::Held(batch));
        }
        if sla::is_clock_timer(timer) {
            let reason = format!(
                "`{timer}` is a clock's: its points follow from its target; accepted is `clock_suspended`"
            );
            let refusal = Refusal::new(RefusalKind::Guard, "clock_timer", reason);
            return Err(CommandError::Refused { refusal, accepted: Vec::new(), instance: Some(instance) });
        }
        if instance.timers.contains_key(timer) {
            return Ok(instance);
        }
        let armed: Vec<&str> = instance.timers.keys().map(String::as_str).collect();
        let reason = format!(
            "no timer `{timer}` runs on `{id}`; {}",
            if armed.is_empty() { "none does".to_owned() } else { format!("{} do", armed.join(", ")) }
        );
        let refusal = Refusal::new(RefusalKind::Guard, "timer_not_armed", reason);
        Err(CommandError::Refused { refusal, accepted: Vec::new(), instance: Some(instance) })
    }

    /// Does what an administrator asks of a timer.
    pub(super) async fn order(&mut self, order: TimerOrder) -> Answer {
        if let Some(answer) = self.used(&order.id, order.idempotency.as_ref()).await {
            return answer;
        }
        let instance = self.armed(&order.id, &order.timer)?;
        match order.due {
            None => self.fire_by_hand(instance, order),
            Some(due) => self.move_by_hand(&instance, due, order),
        }
    }

    fn fire_by_hand(&mut self, instance: Arc<Instance>, order: TimerOrder) -> Answer {
        let armed = &instance.timers[&order.timer];
        if order.timer == CHILDREN {
            return self.fire_children_by_hand(&instance, &armed.clone(), order);
        }
        let (generation, due) = (armed.generation, armed.due);
        let payload = Map::from_iter([
            ("timer".to_owned(), json!(order.timer)),
            ("fired_by".to_owned(), json!(order.by.id)),
            ("reason".to_owned(), json!(order.reason)),
        ]);
        let event = Event {
            name: TIMER_FIRED.to_owned(),
            payload,
            actor: Actor { on_behalf_of: Some(order.by.id), ..Actor::timer() },
            occurred_at: self.now(),
            cause: Some(Cause::Timer { timer: order.timer, generation, due }),
        };
        let meta = Meta { idempotency: order.idempotency, ..Meta::default() };
        let before = Some(instance.clone());
        self.compute(|world| world.plan(&instance.workflow, &order.id, before, event, meta, Private::new()))
            .map_err(|error| self.shared.with_accepted(error, Some(instance)))
    }

    fn fire_children_by_hand(&mut self, parent: &Arc<Instance>, timer: &Timer, order: TimerOrder) -> Answer {
        let mut entry = self.children_fired(parent, timer);
        entry.payload.insert("fired_by".into(), json!(order.by.id));
        entry.payload.insert("reason".into(), json!(order.reason));
        entry.actor.on_behalf_of = Some(order.by.id);
        entry.idempotency = order.idempotency;
        self.start_links(parent, entry).map_err(super::command_error)
    }

    fn move_by_hand(&mut self, instance: &Arc<Instance>, due: Instant, order: TimerOrder) -> Answer {
        let timer = order.timer;
        let mut entry = continuing(instance, "timer_moved", order.by, self.now());
        entry.cause = Some(Cause::Operator { reason: order.reason });
        entry.idempotency = order.idempotency;
        entry.payload.insert("timer".into(), json!(timer));
        entry.payload.insert("from".into(), json!(instance.timers[&timer].due));
        entry.payload.insert("to".into(), json!(due));
        let generation = instance.generations.get(&timer).copied().unwrap_or(0) + 1;
        entry.effects.push(Effect::Arm { timer, generation, due, failures: 0 });
        self.compute(|world| {
            let mut plan = Plan::default();
            plan.add(entry, Some(instance.clone()), world.position)?;
            Ok(plan)
        })
    }
}

/// When what failed `failures` times in a row is tried again.
pub(super) fn backoff(now: Instant, failures: u32) -> Instant {
    let factor = 1i64 << failures.saturating_sub(1).min(20);
    now.plus_millis((BACKOFF_MS * factor).min(BACKOFF_MS_MAX))
}
