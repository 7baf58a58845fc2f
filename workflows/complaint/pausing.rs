//! Owns what lets a complaint stand still, and what gives it more time.

use serde_json::json;

use super::event::{Extend, Suspend};
use super::flow::TOTAL_CLOCK;
use super::measure::{Extension, Place};
use super::{Complaint, Cx, SUSPEND_END};
use crate::kernel::actor::Role;
use crate::kernel::instant::Instant;
use crate::kernel::outcome::{Refusal, RefusalKind};
use crate::kernel::sla::timing::{Pause, Target, Timing};
use crate::kernel::span::{Roll, Span};
use crate::workflows::row::{Pass, ahead, guard, input};

/// Suspension.
impl Complaint {
    /// Row 34.
    pub(super) fn suspend(&mut self, order: &Suspend, at: Place, cx: &mut Cx<'_>) -> Pass {
        let (reason, reasons) = (order.reason.name(), &cx.policy.suspend_reasons);
        if !reasons.iter().any(|known| known == reason) {
            let reason = format!(
                "`{reason}` is no reason to suspend a complaint; accepted are {}",
                reasons.join(", ")
            );
            return Err(input("suspend_reason", reason));
        }
        ahead("until", order.until, cx)?;
        let latest = cx.calendar.due(cx.now, cx.policy.suspend_max);
        if order.until > latest {
            let reason = format!("`until` {} is too far; accepted are times up to {latest}", order.until);
            return Err(input("suspended_too_long", reason));
        }
        self.suspended_resume = Some(at);
        self.pause_actions(at, cx.now);
        if at == Place::WaitingCustomer {
            self.asked_pauses.push(Pause { from: cx.now, to: None });
        }
        cx.arm(SUSPEND_END, order.until);
        Ok(())
    }

    /// Row 34a.
    pub(super) fn resume(&mut self, cx: &mut Cx<'_>) -> Pass {
        if let Some(place) = self.suspended_resume.take() {
            // An answer that came in between has moved the place on from the question.
            self.unpause_actions(place, cx.now);
        }
        end_pause(&mut self.asked_pauses, cx.now);
        Ok(())
    }

    /// Row 34b.
    pub(super) fn suspension_over(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.resume(cx)?;
        cx.notify("owner", "suspension_over", json!({}));
        Ok(())
    }

    /// The actions stand still where the case leaves them for a while.
    pub(super) fn pause_actions(&mut self, at: Place, now: Instant) {
        if at == Place::Executing {
            self.action_pauses.push(Pause { from: now, to: None });
        }
    }

    /// They go on where the case comes back to them.
    pub(super) fn unpause_actions(&mut self, at: Place, now: Instant) {
        if at == Place::Executing {
            end_pause(&mut self.action_pauses, now);
        }
    }
}

fn end_pause(pauses: &mut [Pause], now: Instant) {
    if let Some(open) = pauses.last_mut().filter(|last| last.to.is_none()) {
        open.to = Some(now);
    }
}

/// More time.
impl Complaint {
    /// Row 35: asked for in time, by the right person, within the ceilings, and told to the customer.
    pub(super) fn extend(&mut self, more: &Extend, cx: &mut Cx<'_>) -> Pass {
        let Some(days) = std::num::NonZeroU32::new(more.days) else {
            return Err(input("no_days", "`days` must be 1 or more"));
        };
        let count = self.extensions.len();
        let Some(ceiling) = cx.policy.extend.ceilings.get(count).copied() else {
            let reason =
                format!("the complaint was extended {count} times; no further extension is accepted");
            return Err(guard("extensions_used_up", reason));
        };
        let role = if count == 0 { Role::DeptManager } else { Role::ProcessOwner };
        if cx.actor.role != role {
            let reason = format!("extension {} is the `{role}`'s to give", count + 1);
            return Err(Refusal::new(RefusalKind::Role, "role_not_allowed", reason));
        }
        let timing = self.whole_time(cx);
        let due_old = timing.due();
        let judged = timing.pauses.last().filter(|pause| pause.to.is_none()).map_or(cx.now, |open| open.from);
        if judged > due_old {
            let reason = format!("the time was over at {due_old}; accepted was an extension before");
            return Err(guard("due_passed", reason));
        }
        // A due at midnight is the end of the day before: days are counted from that one.
        let from = timing.base().plus_millis(-1);
        let until = cx.calendar.due(from, Span::CalendarDays(days, Roll::Stay));
        let due_new = Timing { target: Target::At(until), ..timing }.due();
        let latest = cx.calendar.due(self.case.opened_at, ceiling);
        if due_new > latest {
            let reason = format!(
                "{} days end at {due_new}; accepted is at most {ceiling} from the registration, {latest}",
                more.days
            );
            return Err(input("extended_too_far", reason));
        }
        self.extensions.push(Extension { days: more.days, due_old, due_new });
        self.extended_to = Some(until);
        Ok(())
    }

    /// How the whole time runs; where no clock of the definition measures it, as one from the registration would.
    fn whole_time<'c>(&self, cx: &Cx<'c>) -> Timing<'c> {
        cx.clock(TOTAL_CLOCK).map_or_else(
            || Timing {
                calendar: cx.calendar,
                start: self.case.opened_at,
                target: self.total(cx.policy),
                pauses: &[],
            },
            |(_, timing)| timing,
        )
    }
}
