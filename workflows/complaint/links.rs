//! Owns what a complaint starts and tells elsewhere: the callback, new matters, other flows, its master.
//!
//! # Why
//! What a customer writes after the end is routed by what it says: dissatisfaction is a new
//! complaint, which repeats this one, and anything else a question that somebody reads first.

use serde_json::{Map, Value, json};

use super::event::{Confirm, Convert, MarkDuplicate, ToFlow};
use super::{Complaint, Cx};
use crate::kernel::case::LinkType;
use crate::kernel::common::{Intent, LateInbound};
use crate::kernel::effect::Spawn;
use crate::kernel::fact::Related;
use crate::kernel::span::Span;
use crate::workflows::callback;
use crate::workflows::row::{Pass, guard, input, object};

/// The customer is asked how it was.
const POST_COMPLAINT: &str = "post_complaint";
/// A new matter came out of this one.
const FOLLOW_UP: &str = "follow_up";
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

    /// What was planned to ask is no longer asked.
    pub(super) fn cancel_callbacks(&mut self, cx: &mut Cx<'_>) {
        for rule in std::mem::take(&mut self.callbacks) {
            cx.drop_pending(&rule);
        }
    }
}

/// New matters.
impl Complaint {
    /// Whether the first owner works now; false where there is none.
    pub(super) fn on_shift(&self, cx: &mut Cx<'_>) -> bool {
        self.case.first_owner.is_some() && cx.fact::<bool>("on_shift").unwrap_or(false)
    }

    /// A consultation about a new matter.
    pub(super) fn ask_elsewhere(&mut self, message_ref: &str, cx: &mut Cx<'_>) {
        let payload = json!({
            "customer_id": self.case.customer_id,
            "customer_tier": self.case.customer_tier,
            "channel": self.case.channel,
            "subject": format!("follow-up of {}", self.case.case_no),
            "body_ref": message_ref,
            "category": "other",
            "problem_type": self.case.category,
            "service_goal": self.case.service_goal,
            "occurred_at": cx.occurred_at,
            "follow_up_of": self.case.case_no,
            "chain_depth": self.case.chain_depth,
        });
        self.follow_up(ToFlow::Consultation.name(), object(payload), cx);
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

    fn follow_up(&mut self, workflow: &str, mut payload: Map<String, Value>, cx: &mut Cx<'_>) {
        if self.on_shift(cx) {
            payload.insert("first_owner".into(), json!(self.case.first_owner));
        }
        self.follow_ups += 1;
        cx.spawn(Spawn {
            rule: FOLLOW_UP.to_owned(),
            index: self.follow_ups,
            workflow: workflow.to_owned(),
            link: "follow_up_of".to_owned(),
            payload,
            child: None,
            due: None,
            lapses: None,
        });
    }
}

/// Late messages (X4).
impl Complaint {
    /// A message after the end becomes a fact first.
    pub(super) fn late(message_ref: &str, intent: Intent, cx: &mut Cx<'_>) -> Pass {
        cx.follow("late_inbound", object(json!({ "message_ref": message_ref, "intent": intent })));
        Ok(())
    }

    /// A reopening has no message; its moment names it.
    pub(super) fn late_reopen(cx: &mut Cx<'_>) -> Pass {
        let message_ref = format!("event:reopen@{}", cx.now);
        Self::late(&message_ref, Intent::Dissatisfied, cx)
    }

    /// The customer's word after the end counts.
    pub(super) fn late_confirm(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        if self.case.erased.is_none() {
            self.take_word(word, cx)?;
        }
        let intent = if word.satisfied { Intent::Thanks } else { Intent::Dissatisfied };
        let message_ref = format!("event:confirm@{}", cx.now);
        Self::late(&message_ref, intent, cx)
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
        if let Some(master) = &self.master
            && message.intent != Intent::Thanks
            && self.case.erased.is_none()
        {
            let reply = json!({ "message_ref": message.message_ref, "intent": message.intent });
            cx.send(master.clone(), "customer_reply", object(reply));
        }
        Ok(())
    }
}

/// Other flows, other cases.
impl Complaint {
    /// Row 40.
    pub(super) fn convert(&mut self, change: &Convert, cx: &mut Cx<'_>) -> Pass {
        let flow = change.to_flow.name();
        let same = change.child.get("customer_id").is_none_or(|id| *id == json!(self.case.customer_id));
        if !same {
            return Err(input("another_customer", "`child.customer_id` must be the customer of this case"));
        }
        match cx.fact::<bool>("registered") {
            Some(true) => {}
            Some(false) | None => {
                let reason = format!("the flow `{flow}` is not registered in this server");
                return Err(guard("flow_not_registered", reason));
            }
        }
        let mut child = change.child.clone();
        // A consultation calls the case it came out of otherwise than the flows that have a source.
        let origin = match change.to_flow {
            ToFlow::Consultation => "follow_up_of",
            ToFlow::TechSupport | ToFlow::AfterSales => "source_case",
        };
        let copied = object(json!({
            "customer_id": self.case.customer_id,
            "channel": self.case.channel,
            "priority": self.case.priority,
            origin: self.case.case_no,
        }));
        for (name, value) in copied {
            child.entry(name).or_insert(value);
        }
        // Not the sender's to say: the accountable person and the depth go with the case.
        child.insert("chain_depth".into(), json!(self.case.chain_depth));
        if let Some(first_owner) = &self.case.first_owner {
            child.insert("first_owner".into(), json!(first_owner));
        }
        cx.spawn(Spawn {
            rule: "convert".to_owned(),
            index: self.case.round,
            workflow: flow.to_owned(),
            link: "spawned".to_owned(),
            payload: child,
            child: None,
            due: None,
            lapses: None,
        });
        Ok(())
    }

    /// Row 37.
    pub(super) fn mark_duplicate(&mut self, copy: &MarkDuplicate, cx: &mut Cx<'_>) -> Pass {
        if copy.of == self.case.case_no {
            return Err(input("own_case", "a case is no copy of itself; accepted is another case"));
        }
        let Some(found) = cx.fact::<Option<Related>>("case") else {
            return Err(guard("fact_missing", "the other case was not read"));
        };
        let Some(master) = found.filter(|found| found.workflow == "complaint") else {
            return Err(input("unknown_case", format!("there is no complaint `{}`", copy.of)));
        };
        if master.customer_id.as_deref() != Some(self.case.customer_id.as_str()) {
            let reason = format!("`{}` is another customer's case", copy.of);
            return Err(guard("another_customer", reason));
        }
        if master.state.starts_with("closed.") {
            let reason = format!("`{}` is {}; accepted is an open or settled case", copy.of, master.state);
            return Err(guard("master_closed", reason));
        }
        self.case.link(LinkType::DuplicateOf, copy.of.clone());
        self.master = Some(copy.of.clone());
        // What the copy holds is read under its number.
        let note = json!({ "text_ref": format!("case:{}", self.case.case_no), "visibility": "internal" });
        cx.send(copy.of.clone(), "note_added", object(note));
        Ok(())
    }
}
