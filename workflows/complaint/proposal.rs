//! Owns the plan for the customer: its approval, telling it, and the customer's word on it (S2-20, S2-21).

use serde_json::json;

use super::event::{Communicate, CustomerAccepts, CustomerRejects, ProposedAction};
use super::measure::{Action, Finding, PlannedAction, Severity};
use super::{CONFIRM_EXPIRE, CONFIRM_REMIND, Complaint, Cx, DEPARTMENT_ASKED, HUMAN_OUTBOUND, PLAN_READY};
use crate::kernel::actor::Role;
use crate::kernel::case::Handle;
use crate::kernel::money::Amount;
use crate::kernel::outcome::{Refusal, RefusalKind};
use crate::workflows::row::{Pass, duty, guard, input, proven};

/// Plans.
impl Complaint {
    /// What proposed actions cost together, all in the policy's currency, each under its own number.
    ///
    /// # Errors
    /// `currency`, `action_repeats`.
    pub(super) fn check_actions(actions: &[ProposedAction], cx: &Cx<'_>) -> Result<Amount, Refusal> {
        let currency = &cx.policy.approval_limits.currency;
        let mut total = Amount::ZERO;
        for (at, action) in actions.iter().enumerate() {
            if actions[..at].iter().any(|other| other.no == action.no) {
                let reason = format!("action {} is there twice; accepted is each number once", action.no);
                return Err(input("action_repeats", reason));
            }
            let Some(money) = &action.amount else { continue };
            if money.currency != *currency {
                let reason = format!("`{}` has no limits; accepted is `{currency}`", money.currency);
                return Err(input("currency", reason));
            }
            total = total.plus(money.amount);
        }
        Ok(total)
    }

    /// Takes up a plan of `proposer` in place of an earlier one.
    pub(super) fn plan(&mut self, actions: &[ProposedAction], proposer: Vec<Handle>) {
        self.actions = actions.iter().map(PlannedAction::from).collect();
        self.proposer = proposer;
        self.told = false;
    }

    /// The customer is to hear the plan.
    pub(super) fn plan_is_ready(&mut self, cx: &mut Cx<'_>) {
        self.told = false;
        cx.signal(PLAN_READY);
        cx.notify("owner", "plan_ready", json!({ "round": self.case.round }));
    }

    /// Row 14: nobody approves the own proposal, and nobody more than the role may.
    pub(super) fn approve(&mut self, cx: &mut Cx<'_>) -> Pass {
        if self.proposer.iter().chain(&self.panel).any(|proposer| proposer.id == cx.actor.id) {
            let reason = "whoever proposed it does not approve it; accepted is somebody else";
            return Err(duty("own_proposal", reason));
        }
        let limits = &cx.policy.approval_limits;
        let limit = match cx.actor.role {
            Role::ProcessOwner => None,
            Role::DeptManager => Some(limits.limit2),
            _ => Some(limits.limit1),
        };
        let amounts = self.actions.iter().filter_map(|action| action.amount.as_ref());
        let total = amounts.fold(Amount::ZERO, |sum, money| sum.plus(money.amount));
        if let Some(limit) = limit.filter(|limit| total > *limit) {
            let reason = format!(
                "{total} is over the limit of {limit} of the role `{}`; accepted from a role with a higher one",
                cx.actor.role
            );
            return Err(Refusal::new(RefusalKind::Role, "over_limit", reason));
        }
        self.plan_is_ready(cx);
        Ok(())
    }

    /// Row 15.
    pub(super) fn return_to_department(&self, cx: &mut Cx<'_>) -> Pass {
        cx.signal(DEPARTMENT_ASKED);
        let to = format!("department:{}", self.department.as_deref().unwrap_or_default());
        cx.notify(&to, "proposal_returned", json!({ "handler": self.handler }));
        Ok(())
    }

    /// Row 16.
    pub(super) fn return_to_owner(&self, cx: &mut Cx<'_>) -> Pass {
        cx.notify("owner", "proposal_returned", json!({ "round": self.case.round }));
        Ok(())
    }

    /// Row 17.
    pub(super) fn communicate(&mut self, word: &Communicate, cx: &mut Cx<'_>) -> Pass {
        if self.is_final && !word.told_recourse {
            let reason = "`told_recourse` must be true: a final answer tells the ways that are left";
            return Err(input("recourse_required", reason));
        }
        self.told = true;
        for action in self.actions.iter_mut().filter(|action| action.kind == Action::Explain) {
            action.done = true;
            action.evidence.get_or_insert_with(|| word.message_ref.clone());
        }
        if let Some(open) = self.open_promise() {
            open.kept_at = Some(cx.now);
        }
        cx.signal(HUMAN_OUTBOUND);
        self.arm_confirm(cx);
        Ok(())
    }

    fn is_told(&self) -> Pass {
        if self.told {
            return Ok(());
        }
        Err(guard("not_told", "the customer has not heard the plan; accepted is `communicate`"))
    }

    pub(super) fn actions_pending(&self) -> bool {
        self.actions.iter().any(|action| !action.done)
    }

    fn accepts(&self, word: &CustomerAccepts, cx: &Cx<'_>) -> Pass {
        proven("recording_ref", word.recording_ref.as_ref(), cx)?;
        self.is_told()
    }

    /// Row 18.
    pub(super) fn accepted(&mut self, word: &CustomerAccepts, cx: &mut Cx<'_>) -> Pass {
        self.accepts(word, cx)?;
        self.begin_actions(cx);
        Ok(())
    }

    /// Row 19.
    pub(super) fn accepted_done(&self, word: &CustomerAccepts, cx: &Cx<'_>) -> Pass {
        self.accepts(word, cx)
    }

    /// Row 21.
    pub(super) fn rejected_at_last(&mut self, word: &CustomerRejects, cx: &mut Cx<'_>) -> Pass {
        proven("recording_ref", word.recording_ref.as_ref(), cx)?;
        self.is_told()?;
        cx.notify("owner", "not_satisfied", json!({ "round": self.case.round }));
        Ok(())
    }

    /// Row 20.
    pub(super) fn rejected(&mut self, word: &CustomerRejects, cx: &mut Cx<'_>) -> Pass {
        proven("recording_ref", word.recording_ref.as_ref(), cx)?;
        self.is_told()?;
        self.investigate_again(cx);
        Ok(())
    }
}

/// Rounds.
impl Complaint {
    /// Whether dissatisfaction begins another round; otherwise a panel decides.
    pub(super) fn may_loop(&self, cx: &Cx<'_>) -> bool {
        self.case.round < cx.policy.max_rounds && self.severity != Some(Severity::Critical) && !self.is_final
    }

    /// Another round: everything is looked at anew, and by somebody else where the customer was found wrong.
    pub(super) fn investigate_again(&mut self, cx: &mut Cx<'_>) {
        self.case.round += 1;
        let denied = self.findings.take().is_some_and(|found| found.finding == Finding::NotUpheld);
        if let Some(handler) = self.handler.clone().filter(|_| denied)
            && !self.excluded_handlers.contains(&handler)
        {
            self.excluded_handlers.push(handler);
        }
        self.forget_plan();
        self.returns = 0;
        self.binding = false;
        self.attempts.clear();
        if let Some(department) = &self.department {
            cx.signal(DEPARTMENT_ASKED);
            cx.notify(&format!("department:{department}"), "complaint", json!({ "round": self.case.round }));
        }
        cx.notify("owner", "not_satisfied", json!({ "round": self.case.round }));
    }

    fn forget_plan(&mut self) {
        self.actions.clear();
        self.told = false;
        self.is_final = false;
        self.accepted_at = None;
        self.action_pauses.clear();
    }
}

/// Waiting for the customer's word.
impl Complaint {
    pub(super) fn arm_confirm(&mut self, cx: &mut Cx<'_>) {
        self.confirm_since = Some(cx.now);
        if self.case.restricted.is_none() {
            let due = cx.calendar.due(cx.now, cx.policy.confirm.remind);
            cx.arm(CONFIRM_REMIND, due);
        }
        let due = cx.calendar.due(cx.now, cx.policy.confirm.expire);
        cx.arm(CONFIRM_EXPIRE, due);
    }

    /// What waits for the customer's word is counted anew on the amended calendar (R4).
    pub(super) fn rearm_confirm(&self, cx: &mut Cx<'_>) {
        let Some(since) = self.confirm_since else { return };
        for (timer, span) in
            [(CONFIRM_REMIND, cx.policy.confirm.remind), (CONFIRM_EXPIRE, cx.policy.confirm.expire)]
        {
            let due = cx.calendar.due(since, span);
            if cx.due_of(timer).is_some_and(|armed| armed != due) {
                cx.arm(timer, due);
            }
        }
    }

    /// Row 25a.
    pub(super) fn confirm_remind(&self, cx: &mut Cx<'_>) -> Pass {
        self.tell_customer("confirm_reminder", cx);
        Ok(())
    }

    /// Row 25: silence is no satisfaction; somebody tries to reach the customer.
    pub(super) fn confirm_expired(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.confirm_since = Some(cx.now);
        let due = cx.calendar.due(cx.now, cx.policy.confirm.expire);
        cx.arm(CONFIRM_EXPIRE, due);
        let case_no = cx.id.to_string();
        cx.task("contact_customer", &case_no, Some(due), Role::Agent);
        cx.notify("role:supervisor", "not_confirmed", json!({ "attempts": self.attempts.len() }));
        Ok(())
    }

    /// Tells the customer, unless the customer's data may no longer be used.
    pub(super) fn tell_customer(&self, template: &str, cx: &mut Cx<'_>) {
        if self.case.restricted.is_none() {
            cx.notify("customer", template, json!({ "channel": self.case.channel }));
        }
    }
}
