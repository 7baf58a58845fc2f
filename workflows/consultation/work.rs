//! Owns who works on a consultation and what is recorded of it: ownership, intake, messages.
//!
//! Each function is one row's guard and effect: it refuses before it changes
//! anything that matters, because nothing of a refused step stands. What the
//! payload says wrong (422) goes before what the case says (409).

use serde_json::json;

use super::event::{
    AnswerCall, AutoReplySent, Category, CustomerReply, HangUp, RecordDetails, Respond, Withdraw,
};
use super::policy::{IntakeField, Policy};
use super::{ACCEPT, CUSTOMER_MESSAGE, Consultation, Cx, HUMAN_OUTBOUND};
use crate::kernel::actor::Role;
use crate::kernel::case::{Channel, Handle, Owner};
use crate::kernel::common::{ForceClosed, check_second};
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;
use crate::workflows::row::{Pass, ahead, by_staff, guard, input, object, proven};

/// A person of the staff, as a gateway names one.
fn staff(handle: &Handle) -> Pass {
    if handle.role.is_staff() {
        Ok(())
    } else {
        Err(input("not_staff", format!("`{}` is no member of the staff; accepted is one", handle.id)))
    }
}

/// Ownership (S3-14).
impl Consultation {
    /// Row 2.
    pub(super) fn accept(&mut self, cx: &mut Cx<'_>) -> Pass {
        if let Some(owner) = self.case.owner.person().filter(|owner| *owner != cx.actor.id) {
            return Err(guard("owned_by_another", format!("`{owner}` owns the case")));
        }
        let sender = Handle::from(cx.actor);
        self.case.first_owner.get_or_insert_with(|| sender.clone());
        self.case.owner = Owner::Person(sender);
        cx.cancel(ACCEPT);
        Ok(())
    }

    /// Row 2a: from a queue, or after an assignment.
    pub(super) fn accept_again(&mut self, cx: &mut Cx<'_>) -> Pass {
        let own = self.case.owner.person() == Some(cx.actor.id.as_str());
        if own && !cx.runs(ACCEPT) {
            return Err(guard("already_accepted", "you own the case already"));
        }
        self.accept(cx)
    }

    /// A person spoke to the customer: that takes a case nobody has, and ends the wait for `accept`.
    pub(super) fn human_outbound(&mut self, who: Handle, cx: &mut Cx<'_>) {
        cx.signal(HUMAN_OUTBOUND);
        if self.case.first_owner.is_none() || self.case.owner.person().is_none() {
            self.case.first_owner.get_or_insert_with(|| who.clone());
            self.case.owner = Owner::Person(who);
        }
        cx.cancel(ACCEPT);
    }

    /// The clock for taking the case runs while it is a person's to take.
    pub(super) fn arm_accept(&self, to: &Owner, cx: &mut Cx<'_>) {
        match to {
            Owner::Person(_) => {
                let due = self.accept_due(cx);
                cx.arm(ACCEPT, due);
            }
            Owner::Queue(_) => cx.cancel(ACCEPT),
        }
    }

    /// The policy's time, or half of the first response time where that is shorter.
    fn accept_due(&self, cx: &Cx<'_>) -> Instant {
        let own = cx.calendar.due(cx.now, cx.policy.accept);
        let half = match cx.policy.frt.target(&self.case) {
            Span::Business(seconds) => cx.calendar.after(cx.now, i64::from(seconds.get()) * 500),
            Span::Wall(seconds) => cx.now.plus_millis(i64::from(seconds.get()) * 500),
            Span::WorkingDays(_) | Span::CalendarDays(..) => own,
        };
        own.min(half)
    }

    /// The queue of the case's category.
    pub(super) fn queue_name(&self, policy: &Policy) -> String {
        policy.queues.of(Category::of(&self.case.category)).to_owned()
    }

    /// The same as an owner.
    pub(super) fn queue(&self, cx: &Cx<'_>) -> Owner {
        Owner::Queue(self.queue_name(cx.policy))
    }

    /// ACCEPT is due: back to the queue.
    pub(super) fn requeue(&self, cx: &mut Cx<'_>) -> Pass {
        let queue = self.queue(cx);
        assign(&queue, "not accepted in time", cx);
        Ok(())
    }

    /// RING is due: to those who take what nobody picks up.
    pub(super) fn overflow(&self, cx: &mut Cx<'_>) -> Pass {
        let queue = Owner::Queue(cx.policy.queues.overflow.clone());
        assign(&queue, "not picked up in time", cx);
        Ok(())
    }
}

/// The kernel sends `assigned` next.
fn assign(to: &Owner, reason: &str, cx: &mut Cx<'_>) {
    cx.follow("assigned", object(json!({ "to": to, "reason": reason })));
}

/// Intake and messages.
impl Consultation {
    /// Row 2b.
    pub(super) fn record(&mut self, details: &RecordDetails) -> Pass {
        if let Some(problem_type) = &details.problem_type {
            self.problem_type.clone_from(problem_type);
        }
        if let Some(category) = details.category {
            category.name().clone_into(&mut self.case.category);
        }
        if let Some(goal) = details.service_goal {
            self.case.service_goal = goal;
        }
        self.happened_at = details.happened_at.or(self.happened_at);
        if let Some(scope) = &details.impact_scope {
            self.impact_scope = Some(scope.clone());
        }
        Ok(())
    }

    /// Names of required intake fields that are not recorded.
    pub(super) fn missing(&self, cx: &Cx<'_>) -> Vec<&'static str> {
        let required = cx.policy.required_fields.of(Category::of(&self.case.category));
        let absent = required.iter().filter_map(|field| match field {
            IntakeField::ProblemType => self.problem_type.is_empty().then_some("problem_type"),
            // It always has a value (S0-4).
            IntakeField::ServiceGoal => None,
            IntakeField::HappenedAt => self.happened_at.is_none().then_some("happened_at"),
            IntakeField::ImpactScope => self.impact_scope.is_none().then_some("impact_scope"),
        });
        absent.collect()
    }

    pub(super) fn intake_complete(&self, cx: &Cx<'_>) -> Pass {
        let missing = self.missing(cx);
        if missing.is_empty() {
            return Ok(());
        }
        let reason = format!("`record_details` must give {} first", missing.join(", "));
        Err(guard("intake_incomplete", reason))
    }

    /// Rows 2c and 3a.
    pub(super) fn ring(&mut self, seconds: Option<u32>) -> Pass {
        self.ring_seconds = self.ring_seconds.max(seconds.unwrap_or(0));
        Ok(())
    }

    /// Whether a call waits to be picked up.
    pub(super) fn call_waits(&self) -> bool {
        self.case.channel == Channel::Phone && !self.call_answered
    }

    /// Row 3.
    pub(super) fn abandon(&mut self, call: &HangUp, cx: &mut Cx<'_>) -> Pass {
        self.ring(call.ring_seconds)?;
        self.plan_missed_call(cx);
        Ok(())
    }

    /// Row 4a.
    pub(super) fn answer_call(&mut self, call: &AnswerCall, cx: &mut Cx<'_>) -> Pass {
        if self.case.channel != Channel::Phone {
            return Err(guard("not_a_call", "the customer did not call; accepted on channel `phone` only"));
        }
        staff(&call.agent)?;
        self.ring(Some(call.ring_seconds))?;
        self.call_answered = true;
        self.human_outbound(call.agent.clone(), cx);
        self.case.owner = Owner::Person(call.agent.clone());
        Ok(())
    }

    /// Rows 4 and 4b: a person wrote to the customer.
    pub(super) fn respond(&mut self, message: &Respond, cx: &mut Cx<'_>) -> Pass {
        let who = match &message.sender {
            Some(sender) if !by_staff(cx) => sender.clone(),
            None if !by_staff(cx) => {
                return Err(input("sender_required", "`sender` is required where a gateway says `human`"));
            }
            Some(sender) if sender.id != cx.actor.id => {
                return Err(input(
                    "sender_differs",
                    "`sender` is somebody else; only a gateway names a sender",
                ));
            }
            Some(_) | None => Handle::from(cx.actor),
        };
        staff(&who)?;
        if let Some(until) = message.promised_by {
            ahead("promised_by", until, cx)?;
            if message.reason.is_none() {
                return Err(input("reason_required", "`promised_by` needs a `reason` (S3-15)"));
            }
        }
        self.human_outbound(who, cx);
        Ok(())
    }

    /// The promise that came with a message, where there is one.
    pub(super) fn promise_in(&mut self, message: &Respond, cx: &mut Cx<'_>) -> Pass {
        if let Some(until) = message.promised_by {
            self.promise(until, cx);
        }
        Ok(())
    }

    /// Row 5a.
    pub(super) fn auto_replied(&mut self, reply: &AutoReplySent) -> Pass {
        self.auto_reply_period = Some(reply.period_key.clone());
        Ok(())
    }

    /// Row 13b: the owner reads what the customer wrote.
    pub(super) fn hear(&self, reply: &CustomerReply, cx: &mut Cx<'_>) -> Pass {
        cx.signal(CUSTOMER_MESSAGE);
        cx.notify("owner", "customer_wrote", json!({ "message_ref": reply.message_ref }));
        Ok(())
    }

    /// Row 27.
    pub(super) fn mark_invalid(&self, cx: &mut Cx<'_>) -> Pass {
        let case_no = cx.id.to_string();
        cx.task("qi_sample", &case_no, None, Role::QaInspector);
        Ok(())
    }

    /// Row 25.
    pub(super) fn withdraw(&self, word: &Withdraw, cx: &Cx<'_>) -> Pass {
        proven("evidence_ref", word.evidence_ref.as_ref(), cx)
    }

    /// Row 28.
    pub(super) fn force_close(&mut self, end: &ForceClosed, cx: &mut Cx<'_>) -> Pass {
        check_second(&end.approver, cx);
        self.cancel_callbacks("forced", cx);
        Ok(())
    }

    /// Tells the customer, unless the customer's data may no longer be used.
    pub(super) fn tell_customer(&self, template: &str, cx: &mut Cx<'_>) {
        if self.case.restricted.is_none() {
            cx.notify("customer", template, json!({ "channel": self.case.channel }));
        }
    }
}
