//! Owns what is asked of the customer, and what the customer writes while it is open.

use serde_json::json;

use super::event::{CustomerReply, RequestInfo};
use super::measure::Place;
use super::{CUSTOMER_MESSAGE, Complaint, Cx, HUMAN_OUTBOUND, INFO_EXPIRE, INFO_REMIND};
use crate::kernel::common::Intent;
use crate::kernel::instant::Instant;
use crate::kernel::sla::timing::{Target, Timing};
use crate::kernel::span::Span;
use crate::workflows::row::{Pass, input};

impl Complaint {
    /// Row 27: only what nobody here holds stops the clocks.
    pub(super) fn request_info(&mut self, ask: &RequestInfo, at: Place, cx: &mut Cx<'_>) -> Pass {
        if !ask.not_already_held {
            let reason =
                "`not_already_held` must be true: the customer is not asked for what is held already";
            return Err(input("already_held", reason));
        }
        self.waiting_resume = Some(at);
        self.asked_at = Some(cx.now);
        self.reminders = 0;
        self.asked_pauses.clear();
        self.pause_actions(at, cx.now);
        cx.signal(HUMAN_OUTBOUND);
        Ok(())
    }

    /// So long after the question, what stood still left out.
    fn after_question(&self, span: Span, cx: &Cx<'_>) -> Instant {
        let start = self.asked_at.unwrap_or(cx.now);
        let pauses = &self.asked_pauses;
        Timing { calendar: cx.calendar, start, target: Target::Span(span), pauses }.due()
    }

    pub(super) fn arm_info(&self, cx: &mut Cx<'_>) {
        self.arm_reminder(cx);
        let due = self.after_question(cx.policy.info.expire, cx);
        cx.arm(INFO_EXPIRE, due);
    }

    /// The same on an amended calendar (R4), where it makes a difference.
    pub(super) fn rearm_info(&self, cx: &mut Cx<'_>) {
        let reminder = cx.policy.info.remind.get(self.reminders as usize).copied();
        for (timer, span) in [(INFO_REMIND, reminder), (INFO_EXPIRE, Some(cx.policy.info.expire))] {
            let Some(due) = span.map(|span| self.after_question(span, cx)) else { continue };
            if cx.due_of(timer).is_some_and(|armed| armed != due) {
                cx.arm(timer, due);
            }
        }
    }

    /// The next reminder, where one is left and the customer may be reminded.
    fn arm_reminder(&self, cx: &mut Cx<'_>) {
        let next = cx.policy.info.remind.get(self.reminders as usize).copied();
        if let (Some(span), None) = (next, &self.case.restricted) {
            let due = self.after_question(span, cx);
            cx.arm(INFO_REMIND, due);
        }
    }

    /// Row 28b.
    pub(super) fn info_remind(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.reminders += 1;
        self.arm_reminder(cx);
        self.tell_customer("info_reminder", cx);
        Ok(())
    }

    /// Row 28a: it is decided on what is held.
    pub(super) fn info_expired(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.answered(cx.now);
        cx.notify("owner", "info_expired", json!({}));
        Ok(())
    }

    /// Row 28.
    pub(super) fn heard_back(&mut self, reply: &CustomerReply, cx: &mut Cx<'_>) -> Pass {
        self.answered(cx.now);
        self.take_message(reply, cx);
        Ok(())
    }

    /// Row 28c: the answer came while everything stands still.
    pub(super) fn heard_back_suspended(&mut self, reply: &CustomerReply, cx: &mut Cx<'_>) -> Pass {
        self.suspended_resume = self.waiting_resume;
        self.forget_question();
        self.take_message(reply, cx);
        Ok(())
    }

    /// Row 28d.
    pub(super) fn hear(&mut self, reply: &CustomerReply, cx: &mut Cx<'_>) -> Pass {
        self.take_message(reply, cx);
        if reply.intent == Intent::NewIssue {
            self.ask_elsewhere(&reply.message_ref, cx);
        }
        Ok(())
    }

    /// Row 28e: the question still stands.
    pub(super) fn new_issue(&mut self, reply: &CustomerReply, cx: &mut Cx<'_>) -> Pass {
        self.ask_elsewhere(&reply.message_ref, cx);
        Ok(())
    }

    fn take_message(&mut self, reply: &CustomerReply, cx: &mut Cx<'_>) {
        self.attempts.clear();
        cx.signal(CUSTOMER_MESSAGE);
        cx.notify("owner", "customer_wrote", json!({ "message_ref": reply.message_ref }));
    }

    /// The question is answered or given up: what stood still for it goes on.
    fn answered(&mut self, now: Instant) {
        if let Some(place) = self.waiting_resume {
            self.unpause_actions(place, now);
        }
        self.forget_question();
    }

    pub(super) fn forget_question(&mut self) {
        self.waiting_resume = None;
        self.asked_at = None;
        self.reminders = 0;
        self.asked_pauses.clear();
    }
}
