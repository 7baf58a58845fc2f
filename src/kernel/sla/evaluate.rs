//! Owns what one step does to the clocks of its instance.
//!
//! Order for each event: stop, cancel, pause or resume, start (R7); then targets that changed, and
//! the timer of each clock's next point. Whatever needs an entry of its own (a breach found by a
//! late stop, a verdict that a late arrival corrects, a due that moves) is an event of `system`
//! in the same commit.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fact::{ClockFact, What};
use super::points::AFTER_DUE_MS;
use super::rule::{BREACH, Cycle, Point, Rule, Trigger, within};
use super::state::{self, Clocks, Run};
use super::timing::{Target, Timing};
use super::{POINT_TIMER, RESUME_TIMER};
use crate::kernel::calendar::Calendar;
use crate::kernel::case::Rank;
use crate::kernel::common::{ClockRetargeted, Stage, Verdict};
use crate::kernel::definition::Definition;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::machine::{Cx, read};
use crate::kernel::outcome::{Event, RefusalKind};
use crate::kernel::span::{Roll, Span};
use crate::kernel::step::stage_of;

/// Why a verdict is corrected without a person (X6).
const LATE_ARRIVAL: &str = "late_arrival";

/// What one step did, as clocks see it.
pub struct Moment<'a> {
    /// The definition it ran with.
    pub definition: &'a Definition,
    /// The flow's calendar.
    pub calendar: &'a Calendar,
    /// Other calendars that its clocks are counted on.
    pub others: &'a [&'a Calendar],
    /// The clocks before.
    pub before: Option<&'a Clocks>,
    /// How the case stands after it, where it is a customer's.
    pub rank: Option<Rank>,
    /// The event.
    pub event: &'a Event,
    /// State path before.
    pub from: Option<&'a str>,
    /// State path after.
    pub to: &'a str,
    /// What the flow's targets are now, by name.
    pub target: &'a dyn Fn(&str) -> Option<Target>,
    /// The same for the definition that the step pins.
    pub next: Option<Next<'a>>,
}

/// What clocks are to run against from now on.
#[derive(Clone, Copy)]
pub struct Next<'a> {
    /// The clocks of the definition.
    pub rules: &'a BTreeMap<String, Rule>,
    /// What its targets are, by name.
    pub target: &'a dyn Fn(&str) -> Option<Target>,
}

/// One evaluation: the clocks as they become, and the facts that make them so.
pub(super) struct Turn<'m, 'c, 'x, P> {
    pub(super) moment: &'m Moment<'m>,
    pub(super) cx: &'c mut Cx<'x, P>,
    pub(super) clocks: Clocks,
    facts: Vec<ClockFact>,
    /// The moment of the event by its trusted source.
    at: Instant,
}

/// What the step of `moment` does to each clock; refuses, follows up, notifies and arms through `cx`.
pub fn evaluate<P>(cx: &mut Cx<'_, P>, moment: &Moment<'_>) -> Vec<ClockFact> {
    let mut turn = Turn {
        moment,
        // A source's clock may run ahead (R1); nothing happens later than now.
        at: moment.event.occurred_at.min(cx.now),
        cx,
        clocks: moment.before.cloned().unwrap_or_default(),
        facts: Vec::new(),
    };
    turn.told();
    turn.stop();
    turn.cancel();
    turn.pause();
    turn.start();
    turn.retarget();
    turn.arm();
    turn.facts
}

/// The event that a clock's due `timer` sends, where it is one and its point is reached at `now`.
pub fn due_event(
    definition: &Definition,
    calendar: &Calendar,
    others: &[&Calendar],
    instance: &Instance,
    timer: &str,
    now: Instant,
) -> Option<(&'static str, Map<String, Value>)> {
    if let Some(clock) = timer.strip_prefix(RESUME_TIMER) {
        return Some(("clock_resumed", object(json!({ "clock": clock }))));
    }
    let name = timer.strip_prefix(POINT_TIMER)?;
    let (clock, rule) = (instance.clocks.get(name)?, definition.clocks.get(name)?);
    let run = clock.run.as_ref()?;
    let timing = run.timing(calendar_of(calendar, others, &run.calendar));
    let (point, at) = next_point(rule, run, &timing)?;
    let payload = json!({ "clock": name, "cycle": clock.cycle, "due": run.due, "level": point.level });
    (at <= now).then(|| (point.kind.event(), object(payload)))
}

/// The lowest point of `rule` that `run` has not recorded, and when it is recorded at the earliest.
pub fn next_point<'r>(rule: &'r Rule, run: &Run, timing: &Timing<'_>) -> Option<(Point<'r>, Instant)> {
    let total = timing.total();
    let point = rule.point_after(total, Some(run.level))?;
    let at = timing.point_of(total, point.level);
    let at = if point.level == BREACH { at.plus_millis(AFTER_DUE_MS) } else { at };
    Some((point, at))
}

fn calendar_of<'a>(main: &'a Calendar, others: &[&'a Calendar], name: &str) -> &'a Calendar {
    others.iter().copied().find(|other| other.name() == name).filter(|_| main.name() != name).unwrap_or(main)
}

impl<'m, P> Turn<'m, '_, '_, P> {
    pub(super) fn record(&mut self, clock: &str, what: What) {
        let known = self.clocks.entry(clock.to_owned()).or_default();
        let cycle = known.cycle + u32::from(matches!(what, What::Started { .. }));
        self.record_of(clock, cycle, what);
    }

    pub(super) fn record_of(&mut self, clock: &str, cycle: u32, what: What) {
        let fact = ClockFact { clock: clock.to_owned(), cycle, what };
        state::apply(&mut self.clocks, std::slice::from_ref(&fact));
        self.facts.push(fact);
    }

    pub(super) fn run(&self, clock: &str) -> Option<&Run> {
        self.clocks.get(clock)?.run.as_ref()
    }

    pub(super) fn calendar(&self, name: &str) -> &'m Calendar {
        calendar_of(self.moment.calendar, self.moment.others, name)
    }

    /// The calendar that the case is counted on by `rule` now.
    fn calendar_by(&self, rule: &Rule) -> &'m Calendar {
        let other = rule.other_calendar(self.moment.rank);
        other.map_or(self.moment.calendar, |name| self.calendar(name))
    }

    /// Names of the clocks that run.
    fn running(&self) -> Vec<String> {
        self.clocks.iter().filter(|(_, clock)| clock.run.is_some()).map(|(name, _)| name.clone()).collect()
    }

    fn fires(&self, triggers: &[Trigger]) -> bool {
        let Moment { event, from, to, .. } = self.moment;
        triggers.iter().any(|trigger| match trigger {
            Trigger::Name(name) => event.name == *name || self.cx.signals().contains(&name.as_str()),
            Trigger::Enter(state) => within(to, state) && !from.is_some_and(|from| within(from, state)),
            Trigger::Leave(state) => from.is_some_and(|from| within(from, state)) && !within(to, state),
        })
    }

    pub(super) fn payload<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        read(&self.moment.event.payload).ok()
    }

    pub(super) fn refuse(&mut self, code: &'static str, reason: String) {
        self.cx.refuse(RefusalKind::Guard, code, reason);
    }

    pub(super) fn not_running(&mut self, clock: &str) {
        let running = self.running();
        let running =
            if running.is_empty() { "none does".into() } else { format!("{} do", running.join(", ")) };
        self.refuse("clock_not_running", format!("the clock `{clock}` does not run; {running}"));
    }

    fn stop(&mut self) {
        let rules = &self.moment.definition.clocks;
        let stopped: Vec<(&String, &Rule)> =
            rules.iter().filter(|(_, rule)| self.fires(&rule.stop_on)).collect();
        for (name, rule) in stopped {
            // What happened before a run began answers nothing of it; a state that is entered ends it all the same.
            let moved = |trigger: &&Trigger| !matches!(trigger, Trigger::Name(_));
            let moves: Vec<Trigger> = rule.stop_on.iter().filter(moved).cloned().collect();
            match self.run(name).map(|run| run.start) {
                Some(start) if self.at >= start || self.fires(&moves) => self.stop_run(name),
                Some(_) | None => self.arrive_late(name),
            }
        }
    }

    fn stop_run(&mut self, name: &str) {
        let Some(run) = self.run(name) else { return };
        let at = self.at.max(run.start);
        let judged = run.paused_since().map_or(at, |since| since.min(at));
        let elapsed_ms = run.timing(self.calendar(&run.calendar)).elapsed(judged);
        let (due, on_time) = (run.due, judged <= run.due);
        let verdict = match run.breached {
            Some(_) if run.corrected == Some(Verdict::Met) => Verdict::Met,
            Some(_) => Verdict::Breached,
            None if on_time => Verdict::Met,
            None => Verdict::Breached,
        };
        let arrived_late = run.is_breached() && run.breached.is_some_and(|due| at <= due);
        let unrecorded = verdict == Verdict::Breached && run.breached.is_none();
        let cycle = self.clocks[name].cycle;
        if unrecorded && stage_of(self.moment.to) == Stage::Final {
            self.breach_now(name);
        }
        self.record(name, What::Stopped { at, verdict, elapsed_ms });
        if arrived_late {
            self.retract(name, cycle);
        } else if unrecorded && stage_of(self.moment.to) != Stage::Final {
            let payload = json!({ "clock": name, "cycle": cycle, "due": due, "level": BREACH });
            self.cx.follow("sla_breached", object(payload));
        }
    }

    /// Something that would have stopped an ended run in time arrives now (X6).
    fn arrive_late(&mut self, name: &str) {
        let ended = self.clocks.get(name).map_or(&[][..], |clock| &clock.ended);
        let late = ended.iter().rfind(|ended| {
            let due = ended.breached.unwrap_or(ended.due);
            ended.verdict == Some(Verdict::Breached) && (ended.start..=due).contains(&self.at)
        });
        if let Some(cycle) = late.map(|ended| ended.cycle) {
            self.retract(name, cycle);
        }
    }

    fn retract(&mut self, name: &str, cycle: u32) {
        let payload = json!({
            "clock": name, "cycle": cycle, "to": Verdict::Met, "reason": LATE_ARRIVAL,
            "approver": { "id": "system", "role": "system" }, "auto": true,
        });
        self.cx.follow("verdict_corrected", object(payload));
    }

    /// Records a breach in this very entry, where no event of its own can follow.
    fn breach_now(&mut self, name: &str) {
        let Some(run) = self.run(name) else { return };
        let calendar = self.calendar(&run.calendar);
        let what = What::Reached {
            level: BREACH,
            target: run.target,
            due: run.due,
            elapsed_ms: run.timing(calendar).elapsed(self.cx.now),
            policy_ver: self.moment.definition.version,
            cal_ver: calendar.version(),
            cause: None,
            catch_up: false,
        };
        self.record(name, what);
    }

    fn cancel(&mut self) {
        let rules = &self.moment.definition.clocks;
        // An ended case owes nothing any more, whatever its definition says.
        let ended = stage_of(self.moment.to) == Stage::Final;
        for name in self.running() {
            if !ended && rules.get(&name).is_some_and(|rule| !self.fires(&rule.cancel_on)) {
                continue;
            }
            let Some(run) = self.run(&name) else { continue };
            let at = self.at.max(run.last_moved());
            let judged = run.paused_since().unwrap_or(at);
            let elapsed_ms = run.timing(self.calendar(&run.calendar)).elapsed(judged);
            if run.breached.is_none() && judged > run.due {
                self.breach_now(&name);
            }
            self.record(&name, What::Cancelled { at, elapsed_ms });
        }
    }

    fn pause(&mut self) {
        for name in self.running() {
            self.settle_pause(&name);
        }
    }

    /// Lets a run stand still or run on, as its state and suspension say.
    fn settle_pause(&mut self, name: &str) {
        let (Some(run), Some(rule)) = (self.run(name), self.moment.definition.clocks.get(name)) else {
            return;
        };
        let still =
            run.suspended.is_some() || rule.pause_in.iter().any(|state| within(self.moment.to, state));
        let at = self.at.max(run.last_moved());
        match (still, run.paused_since()) {
            (true, None) => {
                let elapsed_ms = run.timing(self.calendar(&run.calendar)).elapsed(at);
                self.record(name, What::Paused { at, elapsed_ms });
            }
            (false, Some(_)) => {
                let mut pauses = run.pauses.clone();
                if let Some(pause) = pauses.last_mut() {
                    pause.to = Some(at);
                }
                let calendar = self.calendar(&run.calendar);
                let due = Timing { calendar, start: run.start, target: run.target, pauses: &pauses }.due();
                let provisional = provisional(calendar, run.target, due);
                self.record(name, What::Resumed { at, due, provisional });
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    fn start(&mut self) {
        let moment = self.moment;
        for (name, rule) in &moment.definition.clocks {
            let again =
                rule.cycle == Cycle::Again || self.clocks.get(name).is_none_or(|clock| clock.cycle == 0);
            let beside = rule.unless_running.iter().any(|other| self.run(other).is_some());
            if self.run(name).is_some() || beside || !again || !self.fires(&rule.start_on) {
                continue;
            }
            let Some(target) = (moment.target)(&rule.target) else { continue };
            let calendar = self.calendar_by(rule);
            let start = self.at;
            let due = Timing { calendar, start, target, pauses: &[] }.due();
            let what = What::Started {
                at: start,
                target,
                due,
                calendar: calendar.name().to_owned(),
                provisional: provisional(calendar, target, due),
            };
            self.record(name, what);
            self.settle_pause(name);
        }
    }

    /// Targets and calendars that changed; a run keeps its start and pauses (R4, R10, R11).
    fn retarget(&mut self) {
        if self.moment.event.name == "clock_retargeted" {
            if let Some(told) = self.payload() {
                self.retarget_now(&told);
            }
            return;
        }
        let rules = &self.moment.definition.clocks;
        for name in self.running() {
            let (Some(run), Some(rule)) = (self.run(&name), rules.get(&name)) else { continue };
            let (target, calendar, cause) = if let Some(Next { rules, target }) = self.moment.next {
                let Some(rule) = rules.get(&name) else { continue };
                (target(&rule.target), self.calendar_by(rule), "policy")
            } else if self.moment.event.name == "calendar_amended" {
                (Some(run.target), self.calendar(&run.calendar), "calendar")
            } else if self.fires(&rule.retarget_on) {
                // What made it look again: a priority, or an event of the flow by its name.
                let event = self.moment.event.name.as_str();
                let cause = if event == "priority_changed" { "priority" } else { event };
                ((self.moment.target)(&rule.target), self.calendar_by(rule), cause)
            } else {
                continue;
            };
            let Some(target) = target else { continue };
            let due = Timing { calendar, start: run.start, target, pauses: &run.pauses }.due();
            if due != run.due
                || target != run.target
                || calendar.name() != run.calendar
                || provisional(calendar, target, due) != run.provisional
            {
                let payload = json!({
                    "clock": name, "cycle": self.clocks[&name].cycle,
                    "due_old": run.due, "due_new": due, "cause": cause,
                });
                self.cx.follow("clock_retargeted", object(payload));
            }
        }
    }

    fn retarget_now(&mut self, told: &ClockRetargeted) {
        let rule = self.moment.definition.clocks.get(&told.clock);
        let known = self.clocks.get(&told.clock).is_some_and(|clock| clock.cycle == told.cycle);
        let (Some(rule), Some(run), true) = (rule, self.run(&told.clock), known) else {
            return self.not_running(&told.clock);
        };
        let target =
            (self.moment.target)(&rule.target).filter(|_| told.cause != "calendar").unwrap_or(run.target);
        let calendar = match told.cause.as_str() {
            "calendar" => self.calendar(&run.calendar),
            _ => self.calendar_by(rule),
        };
        let due = Timing { calendar, start: run.start, target, pauses: &run.pauses }.due();
        let what = What::Retargeted {
            at: self.cx.now,
            target,
            due_old: run.due,
            due,
            calendar: (calendar.name() != run.calendar).then(|| calendar.name().to_owned()),
            cause: told.cause.clone(),
            provisional: provisional(calendar, target, due),
        };
        self.record(&told.clock, what);
    }

    /// Each running clock waits for its next point, each suspended one for its end.
    fn arm(&mut self) {
        let mut timer = String::new();
        for (name, clock) in &self.clocks {
            let rule = self.moment.definition.clocks.get(name);
            let run = clock.run.as_ref();
            let next = run.filter(|run| run.paused_since().is_none()).zip(rule).and_then(|(run, rule)| {
                next_point(rule, run, &run.timing(self.calendar(&run.calendar))).map(|(_, at)| at)
            });
            for (prefix, due) in [(POINT_TIMER, next), (RESUME_TIMER, run.and_then(|run| run.suspended))] {
                timer.clear();
                timer.extend([prefix, name]);
                match due {
                    Some(due) if self.cx.due_of(&timer) != Some(due) => self.cx.arm(&timer, due),
                    Some(_) => {}
                    None => self.cx.cancel(&timer),
                }
            }
        }
    }
}

/// Whether days off that `calendar` does not know yet may move `due` (R4).
fn provisional(calendar: &Calendar, target: Target, due: Instant) -> bool {
    let counts_open_time = match target {
        Target::Span(
            Span::Business(_) | Span::WorkingDays(_) | Span::CalendarDays(_, Roll::NextWorkingDay),
        ) => true,
        Target::Within(span, most) => {
            return provisional(calendar, Target::Span(span), due)
                || provisional(calendar, Target::Span(most), due);
        }
        Target::Span(Span::Wall(_) | Span::CalendarDays(_, Roll::Stay)) | Target::At(_) => false,
    };
    counts_open_time && calendar.is_provisional(due)
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
