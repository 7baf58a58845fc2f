//! Owns promises and escalation: times that customers are told, and how often they may move.

use serde_json::json;

use super::event::{Escalate, ProgressUpdate};
use super::{Consultation, Cx, PROMISED, Resume};
use crate::kernel::case::{Handle, Level, Promise};
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;
use crate::workflows::row::{Pass, by_supervisor, guard, input};

/// Promises and escalation (S0-10, S3-15).
impl Consultation {
    /// Records a time told; it takes the place of one that is still open.
    pub(super) fn promise(&mut self, promised_by: Instant, cx: &mut Cx<'_>) {
        cx.signal(PROMISED);
        if let Some(open) = self.open_promise() {
            open.renewed_at = Some(cx.now);
        }
        let promise = Promise { made_at: cx.now, promised_by, kept_at: None, renewed_at: None };
        self.case.promises.push(promise);
    }

    pub(super) fn open_promise(&mut self) -> Option<&mut Promise> {
        self.case.promises.last_mut().filter(|last| last.kept_at.is_none() && last.renewed_at.is_none())
    }

    /// A promised time lies within the policy's business hours from now (R1).
    fn promise_in_range(name: &str, until: Instant, cx: &Cx<'_>) -> Pass {
        let (min, max) = (cx.policy.promise.min, cx.policy.promise.max);
        let wait = cx.calendar.elapsed(cx.now, until);
        if (millis(min)..=millis(max)).contains(&wait) {
            return Ok(());
        }
        let (first, last) = (cx.calendar.due(cx.now, min), cx.calendar.due(cx.now, max));
        let reason =
            format!("`{name}` {until} is not {min} to {max} away; accepted are times from {first} to {last}");
        Err(input("promise_out_of_range", reason))
    }

    /// Rows 10: raised by a person who told the customer.
    pub(super) fn escalate(&mut self, call: &Escalate, cx: &mut Cx<'_>) -> Pass {
        let Some(until) = call.promised_by else {
            return Err(input("promise_required", "`promised_by` is required: the customer is told by when"));
        };
        if call.told_customer != Some(true) {
            return Err(input("customer_not_told", "`told_customer` must be true: tell the customer first"));
        }
        Self::promise_in_range("promised_by", until, cx)?;
        let level = Level::from(call.level);
        if level <= self.escalated_to {
            let reason = "the case is raised to that level already; accepted is a higher one";
            return Err(guard("level_not_higher", reason));
        }
        self.intake_complete(cx)?;
        self.escalated_to = level;
        self.renewals = 0;
        self.raise(level)?;
        self.promise(until, cx);
        self.human_outbound(Handle::from(cx.actor), cx);
        let to = match level {
            Level::None | Level::Senior => "role:senior_agent",
            Level::Supervisor => "role:supervisor",
            Level::Manager => "role:dept_manager",
        };
        cx.notify(to, "escalated", json!({ "promised_by": until }));
        Ok(())
    }

    /// Row 10a.
    pub(super) fn escalate_in_department(&mut self, call: &Escalate, cx: &mut Cx<'_>) -> Pass {
        self.escalate(call, cx)?;
        self.dept_resume = Some(Resume::Escalated);
        Ok(())
    }

    /// Row 10b, and what a third round does: the highest level stays.
    pub(super) fn raise(&mut self, level: Level) -> Pass {
        self.case.escalation_level = self.case.escalation_level.max(level);
        Ok(())
    }

    /// Row 11.
    pub(super) fn progress(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.human_outbound(Handle::from(cx.actor), cx);
        Ok(())
    }

    /// Row 11a.
    pub(super) fn renew_promise(&mut self, update: &ProgressUpdate, until: Instant, cx: &mut Cx<'_>) -> Pass {
        if update.reason.is_none() {
            return Err(input("reason_required", "`new_promise` needs a `reason`"));
        }
        Self::promise_in_range("new_promise", until, cx)?;
        let limit = cx.policy.promise.renewals;
        if self.renewals >= limit && !by_supervisor(cx) {
            let reason = format!("the promise was renewed {limit} times; accepted from a supervisor");
            return Err(guard("renewals_used_up", reason));
        }
        self.renewals += 1;
        self.promise(until, cx);
        self.progress(cx)
    }
}

/// The length of a span of business hours.
fn millis(span: Span) -> i64 {
    match span {
        Span::Business(seconds) | Span::Wall(seconds) => i64::from(seconds.get()) * 1_000,
        // `Policy::check` lets no other kind pass here.
        Span::WorkingDays(_) | Span::CalendarDays(..) => i64::MAX,
    }
}
