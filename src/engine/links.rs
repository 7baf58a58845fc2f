//! Owns the children that wait with their parent: each starts, lapses or is refused, exactly once.
//!
//! A child of a flow that is not registered is a pending link: it starts when the
//! engine opens with the flow, or lapses in its time, whichever comes first.
//!
//! A commit starts at most [`CHILDREN_MAX`] children. The others stay pending with
//! the parent, whose timer [`CHILDREN`] is armed for the same moment: when it
//! fires, the parent's next entry and the starts of the next children are one
//! commit, and the timer is armed again while children are left.
//!
//! # Why
//! What is still to start is recorded in the parent's entry and taken off by the
//! entry that starts it, so that an ending in between neither loses a child nor
//! starts it twice, and recovery needs no code of the parent. A child that
//! refuses its start no longer takes its parent's entry back, as it would in
//! the first commit: the refusal is recorded, and the children behind it go on.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::command::Accepted;
use super::due::{CATCH_UP_MS, backoff};
use super::executor::Executor;
use super::plan::{CHILDREN_MAX, Plan, PlanError, World, continuing};
use crate::kernel::actor::Actor;
use crate::kernel::effect::{Effect, Spawn};
use crate::kernel::entry::{Cause, Entry};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::{
    CHILDREN, Instance, LINK_LAPSED, LINK_REFUSED, LINK_STARTED, STEP_FAILED, Timer,
};
use crate::kernel::instant::Instant;
use crate::kernel::outcome::{Refusal, RefusalKind, TIMER_FIRED};

/// The arming of the timer that goes on with waiting children.
pub fn go_on(before: Option<&Instance>, due: Instant, failures: u32) -> Effect {
    let last = before.and_then(|instance| instance.generations.get(CHILDREN)).copied().unwrap_or(0);
    Effect::Arm { timer: CHILDREN.to_owned(), generation: last + 1, due, failures }
}

/// The children that start together, and whether others are left.
struct Batch<'a> {
    links: &'a [Spawn],
    more: bool,
}

impl World<'_> {
    /// Plans the parent's `entry` and the start of the batch's children as one commit; a failure tells
    /// how many children before it would start.
    fn plan_links(
        &self,
        parent: &Arc<Instance>,
        mut entry: Entry,
        batch: &Batch<'_>,
    ) -> Result<Plan, (usize, PlanError)> {
        let mut plan = Plan::default();
        entry.effects = batch.links.iter().map(|link| Effect::Spawn(named(&parent.id, link))).collect();
        let spawns =
            self.name_children(&mut plan, &parent.id, entry.seq, Some(parent.as_ref()), &mut entry.effects);
        if batch.more {
            entry.effects.push(go_on(Some(parent.as_ref()), self.now, 0));
        }
        plan.add(entry, Some(parent.clone()), self.position).map_err(|error| (0, error))?;
        let after = plan.newest(&parent.id).expect("its entry was just added");
        for (at, (child, spawn)) in spawns.into_iter().enumerate() {
            self.start_child(&mut plan, &after, &child, spawn).map_err(|error| (at, error))?;
        }
        Ok(plan)
    }
}

impl Executor {
    /// When the pending links of `parent` need looking at: at once where one can start that no timer
    /// waits for, else when the first lapses.
    pub(super) fn links_due(&self, parent: &Instance) -> Option<Instant> {
        let starts = !parent.timers.contains_key(CHILDREN)
            && parent.pending.iter().any(|link| self.can_start(link, self.now()));
        if starts {
            Some(Instant::default())
        } else {
            parent.pending.iter().filter_map(|link| link.lapses).min()
        }
    }

    /// Ends the link of `parent` that lapsed, else starts those that can; one commit.
    pub(super) fn tend_links(&mut self, parent: &InstanceId) {
        let Some(parent) = self.newest(parent) else { return };
        let now = self.now();
        let lapsed = parent.pending.iter().find(|link| lapsed(link, now)).cloned();
        let tended = match (lapsed, self.links_due(&parent)) {
            (Some(link), _) => self.lapse_link(&parent, &link),
            (None, Some(at)) if at <= now => {
                self.start_links(&parent, continuing(&parent, LINK_STARTED, Actor::system(), now))
            }
            (None, _) => return self.queue_links(&parent),
        };
        if let Err(error) = tended {
            self.shared.halt(&format!("an entry of `{}` cannot be made: {error:?}", parent.id));
        }
    }

    fn lapse_link(&mut self, parent: &Arc<Instance>, link: &Spawn) -> Result<Accepted, PlanError> {
        let mut entry = continuing(parent, LINK_LAPSED, Actor::system(), self.now());
        entry.effects.push(Effect::DropPending { rule: link.rule.clone(), index: Some(link.index) });
        let mut told = told_of(link);
        told.insert("lapses".into(), json!(link.lapses));
        self.alone(parent, entry, LINK_LAPSED, told)
    }

    /// Fires the timer of waiting children; ends in exactly one entry of the parent.
    pub(super) fn fire_children(
        &mut self,
        parent: &Arc<Instance>,
        timer: &Timer,
    ) -> Result<Accepted, PlanError> {
        let entry = self.children_fired(parent, timer);
        self.start_links(parent, entry)
    }

    /// The parent's entry for the timer of waiting children, children left out.
    pub(super) fn children_fired(&self, parent: &Instance, timer: &Timer) -> Entry {
        let mut entry = continuing(parent, TIMER_FIRED, Actor::timer(), self.now());
        entry.occurred_at = Some(timer.due);
        entry.payload.insert("timer".into(), json!(CHILDREN));
        if entry.recorded_at.since(timer.due) > CATCH_UP_MS {
            entry.payload.insert("catch_up".into(), json!(true));
        }
        let (generation, due) = (timer.generation, timer.due);
        entry.cause = Some(Cause::Timer { timer: CHILDREN.to_owned(), generation, due });
        entry
    }

    /// Starts the next waiting children with the parent's entry `head`. As many as can start together
    /// do; the first that cannot is recorded alone, in `head`'s place.
    pub(super) fn start_links(&mut self, parent: &Arc<Instance>, head: Entry) -> Result<Accepted, PlanError> {
        let ready: Vec<Spawn> =
            parent.pending.iter().filter(|link| self.can_start(link, head.recorded_at)).cloned().collect();
        let Some(first) = ready.first() else {
            let refusal = Refusal::new(RefusalKind::State, "no_child_waits", "no child is left to start");
            return self.alone(parent, head, "timer_lapsed", refusal_of(&refusal));
        };
        let mut count = ready.len().min(CHILDREN_MAX);
        loop {
            let batch = Batch { links: &ready[..count], more: count < ready.len() };
            let (entry, mut before) = (head.clone(), 0);
            let started = self.try_compute(|world| {
                world.plan_links(parent, entry, &batch).map_err(|(at, error)| {
                    before = at;
                    error
                })
            });
            match started {
                Err(PlanError::TooLarge(_)) if count > 1 => count /= 2,
                Err(PlanError::Refused(_) | PlanError::Panicked(_) | PlanError::Missing(_)) if before > 0 => {
                    count = before;
                }
                Err(PlanError::Refused(refusal)) => {
                    return self.refuse_link(parent, head, first, ready.len() > 1, &refusal);
                }
                Err(PlanError::Panicked(text) | PlanError::Missing(text) | PlanError::TooLarge(text)) => {
                    return self.park_links(parent, head, first, &text);
                }
                Ok(_) | Err(PlanError::Index(_)) => return started,
            }
        }
    }

    /// Whether a waiting child has its flow, a definition in force, and time left.
    fn can_start(&self, link: &Spawn, now: Instant) -> bool {
        !lapsed(link, now) && self.has_flow(&link.workflow)
    }

    /// Whether `workflow` is registered and has a definition in force.
    pub(super) fn has_flow(&self, workflow: &str) -> bool {
        self.shared.workflows.contains_key(workflow) && self.shared.catalog().current(workflow).is_some()
    }

    fn refuse_link(
        &mut self,
        parent: &Arc<Instance>,
        mut head: Entry,
        link: &Spawn,
        more: bool,
        refusal: &Refusal,
    ) -> Result<Accepted, PlanError> {
        head.effects.push(Effect::DropPending { rule: link.rule.clone(), index: Some(link.index) });
        if more {
            head.effects.push(go_on(Some(parent.as_ref()), head.recorded_at, 0));
        }
        let mut told = told_of(link);
        told.extend(refusal_of(refusal));
        self.alone(parent, head, LINK_REFUSED, told)
    }

    /// A child whose start failed is tried again later, and those behind it with it.
    fn park_links(
        &mut self,
        parent: &Arc<Instance>,
        mut head: Entry,
        link: &Spawn,
        text: &str,
    ) -> Result<Accepted, PlanError> {
        self.shared.metrics.step_failed();
        tracing::error!(parent = %parent.id, workflow = link.workflow, text, "start failed");
        let failures = parent.timers.get(CHILDREN).map_or(0, |timer| timer.failures) + 1;
        head.effects.push(go_on(Some(parent.as_ref()), backoff(head.recorded_at, failures), failures));
        let mut told = told_of(link);
        told.insert("failures".into(), json!(failures));
        told.insert("reason".into(), json!(text));
        self.alone(parent, head, STEP_FAILED, told)
    }

    /// Stages `entry` as `event`, with what is told in its payload.
    fn alone(
        &mut self,
        parent: &Arc<Instance>,
        mut entry: Entry,
        event: &str,
        told: Map<String, Value>,
    ) -> Result<Accepted, PlanError> {
        event.clone_into(&mut entry.event);
        entry.payload.extend(told);
        self.try_compute(|world| {
            let mut plan = Plan::default();
            plan.add(entry, Some(parent.clone()), world.position)?;
            Ok(plan)
        })
    }
}

/// A waiting child under the id that its parent can work out: a machine that named it at first finds it.
fn named(parent: &InstanceId, link: &Spawn) -> Spawn {
    let child = Spawn::child_of(parent, &link.rule, link.index);
    Spawn { child: Some(child), ..link.clone() }
}

fn lapsed(link: &Spawn, now: Instant) -> bool {
    link.lapses.is_some_and(|at| at <= now)
}

/// What an entry says of a waiting child.
fn told_of(link: &Spawn) -> Map<String, Value> {
    Map::from_iter([
        ("rule".to_owned(), json!(link.rule)),
        ("index".to_owned(), json!(link.index)),
        ("workflow".to_owned(), json!(link.workflow)),
    ])
}

fn refusal_of(refusal: &Refusal) -> Map<String, Value> {
    Map::from_iter([("code".to_owned(), json!(refusal.code)), ("reason".to_owned(), json!(refusal.reason))])
}
