//! Owns what a consultation starts and tells elsewhere: callbacks, follow-ups, other flows, masters.
//!
//! A child's start event carries what the specification wants copied:
//! `first_owner` and `chain_depth` travel in its payload, which only the system
//! may set there.
//!
//! # Why
//! What a customer writes after the end of a duplicate goes to the master as
//! `customer_reply`: it is the one event that every state takes, an open or
//! settled master as a message and an archived one as a late message (X4), so it
//! cannot get lost. The copy's own first message is a `note_added` instead: the
//! master's state must not change because an agent found a copy.

use serde_json::json;

use super::event::{Answer, Confirm, Convert, CustomerReply, Event, MarkDuplicate};
use super::{Consultation, Cx, REOPEN_WINDOW};
use crate::kernel::actor::Role;
use crate::kernel::case::{Level, Tier};
use crate::kernel::common::{Intent, LateInbound};
use crate::kernel::fact::{Fact, Related};
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;
use crate::workflows::monitor::event::{Seen, Watched};
use crate::workflows::monitor::observing;
use crate::workflows::row::{Pass, guard, object};
use crate::workflows::{callback, links};

/// The customer is called because nobody picked up.
const MISSED_CALL: &str = "missed_call";
/// The customer is asked whether it is solved.
const CONFIRM_RESOLUTION: &str = "confirm_resolution";
/// The customer is asked how it was.
const POST_RESOLUTION: &str = "post_resolution";

/// The tally of answers that cite no article, by problem type.
pub(super) const UNCITED: &str = "uncited_answers";

/// Callbacks.
impl Consultation {
    pub(super) fn plan_missed_call(&mut self, cx: &mut Cx<'_>) {
        let callback = &cx.policy.callback;
        let (rate, due) = (callback.rate.missed_call, callback.due.missed_call);
        if self.sampled(rate) {
            let from = cx.now;
            self.plan(MISSED_CALL, from, due, cx);
        }
    }

    pub(super) fn plan_confirm_resolution(&mut self, cx: &mut Cx<'_>) {
        let callback = &cx.policy.callback;
        let (rate, due) = (callback.rate.confirm_resolution, callback.due.confirm_resolution);
        if self.sampled(rate) {
            let from = cx.now;
            self.plan(CONFIRM_RESOLUTION, from, due, cx);
        }
    }

    /// After a confirmed case: always where it was raised or the customer is valued, else a sample.
    pub(super) fn plan_post_resolution(&mut self, cx: &mut Cx<'_>) {
        let special = self.case.escalation_level > Level::None
            || matches!(self.case.customer_tier, Tier::Vip | Tier::Key);
        let callback = &cx.policy.callback;
        if self.callbacks.iter().any(|planned| planned == POST_RESOLUTION)
            || !(special || self.sampled(callback.rate.post_resolution))
        {
            return;
        }
        let days = match callback.post_resolution_after {
            Span::WorkingDays(days) => days.get(),
            // `Policy::check` lets no other kind pass.
            Span::Business(_) | Span::Wall(_) | Span::CalendarDays(..) => 1,
        };
        let from = cx.calendar.open_of(cx.calendar.working_day(cx.now, days));
        let due = callback.due.post_resolution;
        self.plan(POST_RESOLUTION, from, due, cx);
    }

    fn sampled(&self, percent: u32) -> bool {
        callback::is_sampled(&self.case, percent)
    }

    /// Plans a callback of type `rule`; nobody is called whose data may not be used.
    fn plan(&mut self, rule: &str, window_from: Instant, due: Span, cx: &mut Cx<'_>) {
        if self.case.restricted.is_some() {
            return;
        }
        self.callbacks.push(rule.to_owned());
        let callback = &cx.policy.callback;
        let due_by = cx.calendar.due(window_from, due);
        let lapses = cx.calendar.due(due_by, callback.grace);
        let plan = callback::Plan { rule, window_from, due_by, lapses, language: &callback.language };
        cx.spawn(plan.of(&self.case));
    }

    /// What was planned to ask is no longer asked, in this round (X11).
    pub(super) fn cancel_callbacks(&mut self, reason: &str, cx: &mut Cx<'_>) {
        for rule in std::mem::take(&mut self.callbacks) {
            callback::withdraw(&self.case, &rule, reason, cx);
        }
    }

    /// Row 21c: the customer has said it.
    pub(super) fn cancel_confirm_resolution(&mut self, cx: &mut Cx<'_>) {
        let before = self.callbacks.len();
        self.callbacks.retain(|rule| rule != CONFIRM_RESOLUTION);
        if self.callbacks.len() < before {
            callback::withdraw(&self.case, CONFIRM_RESOLUTION, "confirmed", cx);
        }
    }
}

/// New matters and late messages.
impl Consultation {
    /// Rows 13a, 13c and 19.
    pub(super) fn new_issue(&mut self, reply: &CustomerReply, cx: &mut Cx<'_>) -> Pass {
        self.classify(&reply.message_ref, cx)?;
        self.follow_up(&reply.message_ref, cx);
        Ok(())
    }

    /// Starts a consultation built from this one and a message.
    fn follow_up(&mut self, message_ref: &str, cx: &mut Cx<'_>) {
        // What a restricted customer wrote is not carried on.
        let subject = match self.case.restricted {
            None => json!(self.subject),
            Some(_) => json!("(restricted)"),
        };
        let submit = object(json!({
            "customer_id": self.case.customer_id,
            "customer_tier": self.case.customer_tier,
            "channel": self.case.channel,
            "subject": subject,
            "body_ref": message_ref,
            "category": self.case.category,
            "problem_type": self.problem_type,
            "service_goal": self.case.service_goal,
            "occurred_at": cx.occurred_at,
            "follow_up_of": self.case.case_no,
            "chain_depth": self.case.chain_depth,
        }));
        self.follow_ups += 1;
        links::follow_up(&self.case, self.follow_ups, "consultation", submit, cx);
    }

    /// X4: the customer's word after the end counts.
    pub(super) fn late_confirm(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        if self.case.erased.is_none() {
            self.take_word(word, cx)?;
        }
        links::late_confirm(word.satisfied, cx);
        Ok(())
    }

    /// X4: what is more than thanks is a new matter; of an erased subject only the fact stays.
    pub(super) fn route_late(&mut self, message: &LateInbound, cx: &mut Cx<'_>) -> Pass {
        if message.intent != Intent::Thanks && self.case.erased.is_none() {
            self.follow_up(&message.message_ref, cx);
        }
        Ok(())
    }

    /// X4 on a duplicate: to the master.
    pub(super) fn redirect(&self, message: &LateInbound, cx: &mut Cx<'_>) -> Pass {
        links::redirect(&self.case, self.master.as_ref(), message, cx);
        Ok(())
    }
}

/// Monitors (§3.0.5).
impl Consultation {
    /// Whether `event` ends the time to reopen: what came of the case is told then, off every answer's way.
    pub(super) fn is_archived_by(&self, event: &Event) -> bool {
        matches!(event, Event::Timer(timer) if timer.0 == REOPEN_WINDOW) && self.unclassified.is_empty()
    }

    fn customer(&self) -> Watched {
        Watched::Customer(self.case.customer_id.clone())
    }

    /// The fact that tells whether the customer's monitor is there, and where it is.
    pub(super) fn monitor_fact(&self) -> Fact {
        Fact::Case { id: observing::monitor_of(&self.customer()) }
    }

    /// A customer's monitor looks for contacts itself: it is told of one where it is not there, or waits
    /// for the customer to come back. An agent's is told what was said of the agent's work.
    pub(super) fn tell_monitors(&self, path: &str, cx: &mut Cx<'_>) {
        const ARCHIVED: [&str; 3] = ["closed.resolved", "closed.unconfirmed", "closed.no_response"];
        if !cx.policy.observed || !ARCHIVED.contains(&path) {
            return;
        }
        let (case, at) = (self.case.case_no.clone(), cx.last_entry);
        let monitor = cx.recalled::<Option<Related>>("case").flatten();
        let waits = monitor.is_none_or(|monitor| monitor.state != observing::WATCHING);
        if waits && self.case.restricted.is_none() {
            let (channel, tier) = (self.case.channel, self.case.customer_tier);
            let seen = Seen::Contact { case: case.clone(), channel, tier };
            observing::observe(&self.customer(), &seen, at, cx);
        }
        let score = self.case.satisfaction.as_ref().and_then(|said| said.score);
        if let (Some(score), Some(agent)) = (score, &self.case.first_owner) {
            observing::observe(&Watched::Agent(agent.clone()), &Seen::Scored { case, score }, at, cx);
        }
    }
}

/// Other flows, other cases, knowledge.
impl Consultation {
    /// Row 24.
    pub(super) fn convert(&self, change: &Convert, cx: &mut Cx<'_>) -> Pass {
        links::convert(&self.case, (change.to_flow.name(), "source_case"), &change.child, cx)
    }

    /// Row 26.
    pub(super) fn mark_duplicate(&mut self, copy: &MarkDuplicate, cx: &mut Cx<'_>) -> Pass {
        links::join_master(&mut self.case, "consultation", &copy.of, &self.body_ref, cx)?;
        self.master = Some(copy.of.clone());
        Ok(())
    }

    /// An answer that cites no article counts; at the policy's number somebody drafts one.
    pub(super) fn count_uncited(&self, answer: &Answer, cx: &mut Cx<'_>) -> Pass {
        if answer.kb_article.is_some() {
            return Ok(());
        }
        let Some(before) = cx.fact::<u32>("count") else {
            return Err(guard("fact_missing", "the number of answers without an article was not read"));
        };
        cx.count(UNCITED, &self.problem_type);
        if before + 1 == cx.policy.kb_draft_after {
            cx.task("kb_draft", &self.problem_type, None, Role::SeniorAgent);
        }
        Ok(())
    }
}
