//! Owns what a complaint starts and tells elsewhere: the callback, new matters, other flows, its master.
//!
//! # Why
//! What a customer writes after the end is routed by what it says: dissatisfaction is a new
//! complaint, which repeats this one, and anything else a question that somebody reads first.

use serde_json::{Map, Value, json};

use super::event::{Confirm, Convert, MarkDuplicate, ToFlow};
use super::{Complaint, Cx};
use crate::kernel::common::{Intent, LateInbound};
use crate::kernel::span::Span;
use crate::workflows::row::{Pass, object};
use crate::workflows::{callback, links};

/// The customer is asked how it was.
const POST_COMPLAINT: &str = "post_complaint";
/// Stands where a restricted customer's words would.
const RESTRICTED: &str = "(restricted)";

/// The callback.
impl Complaint {
    /// After a satisfied customer: planned once until the next reopening.
    pub(super) fn plan_callback(&mut self, cx: &mut Cx<'_>) {
        let callback = &cx.policy.callback;
        if self.case.restricted.is_some()
            || self.callbacks.iter().any(|planned| planned == POST_COMPLAINT)
            || !callback::is_sampled(&self.case, callback.rate.post_complaint)
        {
            return;
        }
        let days = match cx.policy.callback_after {
            Span::WorkingDays(days) => days.get(),
            // `Policy::check` lets no other kind pass.
            Span::Business(_) | Span::Wall(_) | Span::CalendarDays(..) => 1,
        };
        let window_from = cx.calendar.open_of(cx.calendar.working_day(cx.now, days));
        let due_by = cx.calendar.due(window_from, callback.due.post_complaint);
        let lapses = cx.calendar.due(due_by, callback.grace);
        let (rule, language) = (POST_COMPLAINT, callback.language.as_str());
        let spawn = callback::Plan { rule, window_from, due_by, lapses, language }.of(&self.case);
        self.callbacks.push(rule.to_owned());
        cx.spawn(spawn);
    }

    /// What was planned to ask is no longer asked, in this round (X11).
    pub(super) fn cancel_callbacks(&mut self, reason: &str, cx: &mut Cx<'_>) {
        for rule in std::mem::take(&mut self.callbacks) {
            callback::withdraw(&self.case, &rule, reason, cx);
        }
    }
}

/// New matters.
impl Complaint {
    /// A consultation about a new matter.
    pub(super) fn ask_elsewhere(&mut self, message_ref: &str, cx: &mut Cx<'_>) {
        let question = links::question(&self.case, message_ref, cx);
        self.follow_up(ToFlow::Consultation.name(), question, cx);
    }

    /// A complaint about the same subjects, which repeats this one.
    fn complain_again(&mut self, message_ref: &str, cx: &mut Cx<'_>) {
        let personal = |value: Value| if self.case.restricted.is_some() { json!(RESTRICTED) } else { value };
        let mut evidence = vec![message_ref.to_owned()];
        evidence.extend(self.evidence.iter().take(49).cloned());
        let payload = json!({
            "customer_id": self.case.customer_id,
            "customer_tier": self.case.customer_tier,
            "channel": self.case.channel,
            "facts": personal(json!(self.facts)),
            "happened_at": self.happened_at,
            "subjects": self.subjects,
            "remedy_sought": personal(json!(self.remedy_sought)),
            "evidence": evidence,
            "priority": self.case.priority,
            "cause_claimed": self.cause_claimed,
            "follow_up_of": self.case.case_no,
            "chain_depth": self.case.chain_depth,
        });
        self.follow_up("complaint", object(payload), cx);
    }

    fn follow_up(&mut self, workflow: &str, payload: Map<String, Value>, cx: &mut Cx<'_>) {
        self.follow_ups += 1;
        links::follow_up(&self.case, self.follow_ups, workflow, payload, cx);
    }
}

/// Late messages (X4).
impl Complaint {
    /// The customer's word after the end counts.
    pub(super) fn late_confirm(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        if self.case.erased.is_none() {
            self.take_word(word, cx)?;
        }
        links::late_confirm(word.satisfied, cx);
        Ok(())
    }

    /// What is more than thanks is a new matter; of an erased subject only the fact stays.
    pub(super) fn route_late(&mut self, message: &LateInbound, cx: &mut Cx<'_>) -> Pass {
        if self.case.erased.is_some() {
            return Ok(());
        }
        match message.intent {
            Intent::Thanks => {}
            Intent::Dissatisfied => self.complain_again(&message.message_ref, cx),
            Intent::Info | Intent::NewIssue | Intent::Unknown => {
                self.ask_elsewhere(&message.message_ref, cx);
            }
        }
        Ok(())
    }

    /// On a duplicate: to the master.
    pub(super) fn redirect(&self, message: &LateInbound, cx: &mut Cx<'_>) -> Pass {
        links::redirect(&self.case, self.master.as_ref(), message, cx);
        Ok(())
    }
}

/// Other flows, other cases.
impl Complaint {
    /// Row 40.
    pub(super) fn convert(&self, change: &Convert, cx: &mut Cx<'_>) -> Pass {
        // A consultation calls the case it came out of otherwise than the flows that have a source.
        let origin = match change.to_flow {
            ToFlow::Consultation => "follow_up_of",
            ToFlow::TechSupport | ToFlow::AfterSales => "source_case",
        };
        links::convert(&self.case, (change.to_flow.name(), origin), &change.child, cx)
    }

    /// Row 37: what the copy holds is read under its number.
    pub(super) fn mark_duplicate(&mut self, copy: &MarkDuplicate, cx: &mut Cx<'_>) -> Pass {
        let text_ref = format!("case:{}", self.case.case_no);
        links::join_master(&mut self.case, "complaint", &copy.of, &text_ref, cx)?;
        self.master = Some(copy.of.clone());
        Ok(())
    }
}
