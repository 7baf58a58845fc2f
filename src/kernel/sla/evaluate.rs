//! Owns what one step does to the clocks of its instance.
//!
//! Order for each event: stop, cancel, pause or resume, start (R7); then targets that changed, and
//! the timer of each clock's next point. Whatever needs an entry of its own (a breach found by a
//! late stop, a verdict that a late arrival corrects, a due that moves) is an event of `system`
//! in the same commit.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fact::{ClockFact, What};
use super::rule::{BREACH, Cycle, Point, PointKind, Rule, Trigger, within};
use super::state::{self, Clocks, Run};
use super::timing::{Target, Timing};
use super::{POINT_TIMER, RESUME_TIMER};
use crate::kernel::calendar::Calendar;
use crate::kernel::case::Case;
use crate::kernel::common::{
    ClockResumed, ClockRetargeted, ClockSuspended, SlaFact, Stage, Verdict, VerdictCorrected,
};
use crate::kernel::definition::Definition;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::machine::{Cx, read};
use crate::kernel::outcome::{Event, RefusalKind};
use crate::kernel::span::{Roll, Span};
use crate::kernel::step::stage_of;

/// A point that is recorded later than this was slept through; nobody is paged for history (X8).
const CATCH_UP_MS: i64 = 60_000;
/// A breach is recorded after its due, because an event at the due is on time (R6).
const AFTER_DUE_MS: i64 = 1;
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
    /// The case after.
    pub case: &'a Case,
    /// The event.
    pub event: &'a Event,
    /// State path before.
    pub from: Option<&'a str>,
    /// State path after.
    pub to: &'a str,
    /// What the flow's targets are now, by name.
    pub target: &'a dyn Fn(&str) -> Option<Target>,
    /// The same for the definition that the step pins from now on.
    pub next: Option<(&'a BTreeMap<String, Rule>, &'a dyn Fn(&str) -> Option<Target>)>,
}

/// One evaluation: the clocks as they become, and the facts that make them so.
struct Turn<'m, 'c, 'x, P> {
    moment: &'m Moment<'m>,
    cx: &'c mut Cx<'x, P>,
    clocks: Clocks,
    facts: Vec<ClockFact>,
    /// The moment of the event by its trusted source.
    at: Instant,
}

/// What the step of `moment` does to each clock; refuses, follows up, notifies and arms through `cx`.
pub fn evaluate<P>(cx: &mut Cx<'_, P>, moment: &Moment<'_>) -> Vec<ClockFact> {
    let mut turn = Turn {
        moment,
        at: moment.event.occurred_at,
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
    let point = rule.points(timing.total()).into_iter().find(|point| point.level > run.level)?;
    let at = timing.point(point.level);
    let at = if point.level == BREACH { at.plus_millis(AFTER_DUE_MS) } else { at };
    Some((point, at))
}

fn calendar_of<'a>(main: &'a Calendar, others: &[&'a Calendar], name: &str) -> &'a Calendar {
    others.iter().copied().find(|other| other.name() == name).filter(|_| main.name() != name).unwrap_or(main)
}

impl<'m, P> Turn<'m, '_, '_, P> {
    fn record(&mut self, clock: &str, what: What) {
        let known = self.clocks.entry(clock.to_owned()).or_default();
        let cycle = known.cycle + u32::from(matches!(what, What::Started { .. }));
        self.record_of(clock, cycle, what);
    }

    fn record_of(&mut self, clock: &str, cycle: u32, what: What) {
        let fact = ClockFact { clock: clock.to_owned(), cycle, what };
        state::apply(&mut self.clocks, std::slice::from_ref(&fact));
        self.facts.push(fact);
    }

    fn run(&self, clock: &str) -> Option<&Run> {
        self.clocks.get(clock)?.run.as_ref()
    }

    fn calendar(&self, name: &str) -> &'m Calendar {
        calendar_of(self.moment.calendar, self.moment.others, name)
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

    fn payload<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        read(&self.moment.event.payload).ok()
    }

    fn refuse(&mut self, code: &'static str, reason: String) {
        self.cx.refuse(RefusalKind::Guard, code, reason);
    }

    fn not_running(&mut self, clock: &str) {
        let running = self.running();
        let running =
            if running.is_empty() { "none does".into() } else { format!("{} do", running.join(", ")) };
        self.refuse("clock_not_running", format!("the clock `{clock}` does not run; {running}"));
    }

    /// What events that are about clocks say.
    fn told(&mut self) {
        match self.moment.event.name.as_str() {
            "sla_warned" | "sla_breached" | "sla_escalated" => {
                if let Some(told) = self.payload() {
                    self.reached(&told);
                }
            }
            "clock_suspended" => {
                if let Some(ClockSuspended { clock, until, .. }) = self.payload() {
                    match self.run(&clock) {
                        Some(_) => self.record(&clock, What::Suspended { until }),
                        None => self.not_running(&clock),
                    }
                }
            }
            "clock_resumed" => {
                if let Some(ClockResumed { clock }) = self.payload() {
                    if self.run(&clock).is_some_and(|run| run.suspended.is_some()) {
                        self.record(&clock, What::Released);
                    } else {
                        self.refuse("clock_not_suspended", format!("the clock `{clock}` is not suspended"));
                    }
                }
            }
            "verdict_corrected" => {
                if let Some(told) = self.payload() {
                    self.correct(&told);
                }
            }
            _ => {}
        }
    }

    /// A point is reached: recorded once, told to those whom the ladder names (R9).
    fn reached(&mut self, told: &SlaFact) {
        let definition = self.moment.definition;
        let unknown = |turn: &mut Self| {
            let reason =
                format!("the clock `{}` is not at {} percent in run {}", told.clock, told.level, told.cycle);
            turn.refuse("clock_not_there", reason);
        };
        let (Some(clock), Some(rule)) = (self.clocks.get(&told.clock), definition.clocks.get(&told.clock))
        else {
            return unknown(self);
        };
        let found = clock.run.as_ref().filter(|_| clock.cycle == told.cycle).and_then(|run| {
            let timing = run.timing(self.calendar(&run.calendar));
            let (point, at) = next_point(rule, run, &timing)?;
            let here = point.level == told.level && point.kind.event() == self.moment.event.name;
            let further = rule
                .points(timing.total())
                .iter()
                .any(|next| next.level > point.level && timing.point(next.level) < self.cx.now);
            let target = (run.target, run.due, timing.elapsed(self.cx.now));
            let retargeted = run.retargeted.is_some_and(|moved| at <= moved.plus_millis(AFTER_DUE_MS));
            (here && at <= self.cx.now).then_some((point, at, target, retargeted, further))
        });
        let late = clock.ended.iter().find(|ended| {
            ended.cycle == told.cycle && ended.verdict == Some(Verdict::Breached) && ended.level < BREACH
        });
        let cal_ver = |name: &str| self.calendar(name).version();
        match (found, late) {
            (Some((point, at, (target, due, elapsed_ms), retargeted, further)), _) => {
                let cal_ver = cal_ver(clock.run.as_ref().map_or("", |run| &run.calendar));
                let catch_up = !retargeted && self.cx.now.since(at) > CATCH_UP_MS;
                let cause = retargeted.then(|| "retarget".to_owned());
                let what = What::Reached {
                    level: point.level,
                    target,
                    due,
                    elapsed_ms,
                    policy_ver: definition.version,
                    cal_ver,
                    cause,
                    catch_up,
                };
                self.record(&told.clock, what);
                self.tell(&told.clock, point, due, catch_up, further);
            }
            (None, Some(ended)) if told.level == BREACH => {
                let what = What::Reached {
                    level: BREACH,
                    target: ended.target,
                    due: ended.due,
                    elapsed_ms: ended.elapsed_ms,
                    policy_ver: definition.version,
                    cal_ver: self.moment.calendar.version(),
                    cause: None,
                    catch_up: false,
                };
                let due = ended.due;
                let total = 1;
                let point = rule.points(total).into_iter().find(|point| point.level == BREACH);
                self.record_of(&told.clock, told.cycle, what);
                if let Some(point) = point {
                    self.tell(&told.clock, point, due, false, false);
                }
            }
            (None, _) => unknown(self),
        }
    }

    /// Notices of one point; where a further one is reached already, that one speaks (X8).
    fn tell(&mut self, clock: &str, point: Point<'_>, due: Instant, catch_up: bool, further: bool) {
        let owner = ["owner".to_owned()];
        let to: &[String] = match (point.rung, point.kind) {
            (Some(rung), _) => &rung.notify,
            (None, PointKind::Warning) => &owner,
            (None, PointKind::Breach | PointKind::Escalation) => &[],
        };
        if !further {
            let mut values = object(json!({ "clock": clock, "level": point.level, "due": due }));
            if let Some(action) = point.rung.and_then(|rung| rung.action.as_ref()) {
                values.insert("action".into(), json!(action));
            }
            if catch_up {
                values.insert("catch_up".into(), json!(true));
            }
            for whom in to {
                self.cx.notify(whom, point.kind.event(), Value::Object(values.clone()));
            }
        }
        let raised = point.rung.and_then(|rung| rung.escalate);
        if let Some(level) = raised
            && stage_of(self.moment.to) == Stage::Open
            && self.moment.case.escalation_level < level
        {
            let reason = format!("{clock} at {} percent", point.level);
            self.cx.follow("escalate", object(json!({ "level": level, "reason": reason })));
        }
    }

    /// A wrong verdict is answered; runs that are only counted are out of reach.
    fn correct(&mut self, told: &VerdictCorrected) {
        let Some(clock) = self.clocks.get(&told.clock) else { return self.not_running(&told.clock) };
        let running = clock.run.as_ref().filter(|run| clock.cycle == told.cycle && run.breached.is_some());
        let now = match (running, clock.ended.iter().find(|ended| ended.cycle == told.cycle)) {
            (Some(run), _) => Some(if run.is_breached() { Verdict::Breached } else { Verdict::Met }),
            (None, Some(ended)) => ended.verdict,
            (None, None) => None,
        };
        match now {
            Some(verdict) if verdict != told.to => {
                self.record_of(&told.clock, told.cycle, What::Corrected { to: told.to });
                if told.to == Verdict::Met {
                    let values = json!({ "clock": told.clock, "cycle": told.cycle });
                    self.cx.notify("owner", "sla_retracted", values.clone());
                    self.cx.notify("role:supervisor", "sla_retracted", values);
                }
            }
            Some(_) => self
                .refuse("verdict_same", format!("run {} of `{}` has that verdict", told.cycle, told.clock)),
            None => {
                let reason = format!("run {} of `{}` has no verdict to correct", told.cycle, told.clock);
                self.refuse("no_verdict", reason);
            }
        }
    }

    fn stop(&mut self) {
        let rules = &self.moment.definition.clocks;
        let stopped: Vec<&String> =
            rules.iter().filter(|(_, rule)| self.fires(&rule.stop_on)).map(|(name, _)| name).collect();
        for name in stopped {
            if self.run(name).is_some() {
                self.stop_run(name);
            } else {
                self.arrive_late(name);
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
        let last = self.clocks.get(name).and_then(|clock| clock.ended.last());
        let late = last.filter(|ended| {
            ended.verdict == Some(Verdict::Breached) && (ended.start..=ended.due).contains(&self.at)
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
        for name in self.running() {
            if rules.get(&name).is_some_and(|rule| !self.fires(&rule.cancel_on)) {
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
        let at = self.at.min(self.cx.now).max(run.last_moved());
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
            let calendar =
                rule.other_calendar(moment.case).map_or(moment.calendar, |name| self.calendar(name));
            let start = self.at.min(self.cx.now);
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
            let (target, cause) = if let Some((rules, target)) = self.moment.next {
                (rules.get(&name).and_then(|rule| target(&rule.target)), "policy")
            } else if self.moment.event.name == "calendar_amended" {
                (Some(run.target), "calendar")
            } else if self.fires(&rule.retarget_on) {
                ((self.moment.target)(&rule.target), "priority")
            } else {
                continue;
            };
            let Some(target) = target else { continue };
            let calendar = self.calendar(&run.calendar);
            let due = Timing { calendar, start: run.start, target, pauses: &run.pauses }.due();
            if due != run.due || target != run.target || provisional(calendar, target, due) != run.provisional
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
        let calendar = self.calendar(&run.calendar);
        let due = Timing { calendar, start: run.start, target, pauses: &run.pauses }.due();
        let what = What::Retargeted {
            at: self.cx.now,
            target,
            due_old: run.due,
            due,
            cause: told.cause.clone(),
            provisional: provisional(calendar, target, due),
        };
        self.record(&told.clock, what);
    }

    /// Each running clock waits for its next point, each suspended one for its end.
    fn arm(&mut self) {
        let names: Vec<String> = self.clocks.keys().cloned().collect();
        for name in names {
            let rule = self.moment.definition.clocks.get(&name);
            let next = self.run(&name).filter(|run| run.paused_since().is_none()).zip(rule).and_then(
                |(run, rule)| {
                    next_point(rule, run, &run.timing(self.calendar(&run.calendar))).map(|(_, at)| at)
                },
            );
            let until = self.run(&name).and_then(|run| run.suspended);
            for (prefix, due) in [(POINT_TIMER, next), (RESUME_TIMER, until)] {
                let timer = format!("{prefix}{name}");
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
        Target::Span(Span::Wall(_) | Span::CalendarDays(_, Roll::Stay)) | Target::At(_) => false,
    };
    counts_open_time && calendar.is_provisional(due)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
