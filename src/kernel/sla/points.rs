//! Owns what clocks say: points reached, suspensions, and verdicts corrected.
//!
//! Each of these is an event of its own. Whoever sends it, the clock itself is the guard: a
//! point is recorded when it is reached, in its order, and once.

use serde_json::{Value, json};

use super::evaluate::{Turn, next_point, object};
use super::fact::What;
use super::rule::{BREACH, Point};
use crate::kernel::common::{ClockResumed, ClockSuspended, SlaFact, Stage, Verdict, VerdictCorrected};
use crate::kernel::instant::Instant;
use crate::kernel::step::stage_of;

/// A point that is recorded later than this was slept through; nobody is paged for history (X8).
const CATCH_UP_MS: i64 = 60_000;
/// A breach is recorded after its due, because an event at the due is on time (R6).
pub(super) const AFTER_DUE_MS: i64 = 1;

impl<P> Turn<'_, '_, '_, P> {
    /// What events that are about clocks say.
    pub(super) fn told(&mut self) {
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
            let total = timing.total();
            let further = rule
                .points(total)
                .any(|next| next.level > point.level && timing.point_of(total, next.level) < self.cx.now);
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
                    cal_ver: cal_ver(&ended.calendar),
                    cause: None,
                    catch_up: false,
                };
                let due = ended.due;
                let total = 1;
                let point = rule.points(total).find(|point| point.level == BREACH);
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
        if !further {
            let mut values = object(json!({ "clock": clock, "level": point.level, "due": due }));
            if let Some(action) = point.rung.and_then(|rung| rung.action.as_ref()) {
                values.insert("action".into(), json!(action));
            }
            if catch_up {
                values.insert("catch_up".into(), json!(true));
            }
            for whom in point.notify() {
                self.cx.notify(whom, point.kind.event(), Value::Object(values.clone()));
            }
        }
        let raised = point.rung.and_then(|rung| rung.escalate);
        if let Some(level) = raised
            && stage_of(self.moment.to) == Stage::Open
            && self.moment.rank.is_some_and(|rank| rank.level < level)
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
}
