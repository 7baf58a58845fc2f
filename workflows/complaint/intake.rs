//! Owns intake and assessment, promises, and what ends an open complaint before it is decided.

use serde_json::json;

use super::event::{Acknowledge, Assess, Dispatch, ProgressUpdate, RejectIntake, ResolveOnSpot};
use super::measure::{Complexity, Findings, Severity};
use super::{Complaint, Cx, DEPARTMENT_ASKED, HUMAN_OUTBOUND, PROMISED};
use crate::kernel::case::{Handle, Owner, Priority, Promise};
use crate::kernel::common::{ForceClosed, check_second};
use crate::kernel::instant::Instant;
use crate::workflows::row::{Pass, ahead, duty, guard, input};

/// Intake.
impl Complaint {
    /// Row 2: whoever acknowledges it owns it.
    pub(super) fn acknowledge(&mut self, word: &Acknowledge, cx: &mut Cx<'_>) -> Pass {
        ahead("expected_by", word.expected_by, cx)?;
        let sender = Handle::from(cx.actor);
        self.case.first_owner.get_or_insert_with(|| sender.clone());
        self.case.owner = Owner::Person(sender);
        self.promise(word.expected_by, cx);
        cx.signal(HUMAN_OUTBOUND);
        Ok(())
    }

    /// Row 3.
    pub(super) fn reject_intake(word: &RejectIntake, cx: &Cx<'_>) -> Pass {
        let reasons = &cx.policy.reject_reasons;
        if reasons.contains(&word.reason_code) {
            return Ok(());
        }
        let reason = format!(
            "`{}` is no reason to refuse a complaint; accepted are {}",
            word.reason_code,
            reasons.join(", ")
        );
        Err(input("reject_reason", reason))
    }

    /// Row 4: a repetition is graver than it looks.
    pub(super) fn assess(&mut self, word: &Assess, cx: &mut Cx<'_>) -> Pass {
        self.assessed = true;
        self.severity = Some(if self.repeat { word.severity.raised() } else { word.severity });
        self.complexity = Some(word.complexity);
        self.cause = Some(word.cause);
        word.cause.name().clone_into(&mut self.case.category);
        self.safety = word.safety;
        if word.safety {
            self.case.priority = Priority::Urgent;
            cx.notify("role:process_owner", "safety_complaint", json!({ "severity": self.severity }));
        }
        Ok(())
    }

    fn is_assessed(&self) -> Pass {
        if self.assessed {
            return Ok(());
        }
        Err(guard("not_assessed", "the complaint is not assessed; accepted is `assess`"))
    }

    /// Whether it is at least major.
    pub(super) fn is_grave(&self) -> bool {
        self.severity.is_some_and(|severity| severity >= Severity::Major)
    }

    /// Row 5.
    pub(super) fn resolve_on_spot(&mut self, plan: &ResolveOnSpot, cx: &mut Cx<'_>) -> Pass {
        let total = Self::check_actions(&plan.actions, cx)?;
        self.is_assessed()?;
        let simple = self.complexity == Some(Complexity::Simple) && !self.is_grave() && !self.safety;
        if !simple {
            let reason = "only a simple complaint without danger, less than major, is solved on the spot; \
                accepted is `dispatch`";
            return Err(guard("not_simple", reason));
        }
        let limit = cx.policy.approval_limits.agent;
        if total > limit {
            let reason = format!("{total} is over the agents' limit of {limit}; accepted is `dispatch`");
            return Err(guard("over_limit", reason));
        }
        self.findings = Some(Findings {
            finding: plan.finding,
            root_cause: None,
            systemic: false,
            responsible: Vec::new(),
            evidence: vec![plan.solution_ref.clone()],
        });
        self.plan(&plan.actions, vec![Handle::from(cx.actor)]);
        self.plan_is_ready(cx);
        Ok(())
    }

    /// Row 6.
    pub(super) fn dispatch(&mut self, ask: &Dispatch, cx: &mut Cx<'_>) -> Pass {
        if let Some(due) = ask.due {
            ahead("due", due, cx)?;
        }
        self.is_assessed()?;
        if let Some(handler) = &ask.handler {
            self.may_investigate(&handler.id)?;
        }
        self.department = Some(ask.department.clone());
        self.handler.clone_from(&ask.handler);
        cx.signal(DEPARTMENT_ASKED);
        let values = json!({ "handler": ask.handler, "due": ask.due });
        cx.notify(&format!("department:{}", ask.department), "complaint", values);
        Ok(())
    }

    /// Whoever found against a customer who was not satisfied does not look again.
    pub(super) fn may_investigate(&self, who: &str) -> Pass {
        if self.excluded_handlers.iter().any(|excluded| excluded.id == who) {
            let reason = format!("`{who}` found against the customer before; accepted is another handler");
            return Err(duty("handler_excluded", reason));
        }
        Ok(())
    }
}

/// Promises (S3-15).
impl Complaint {
    fn promise(&mut self, promised_by: Instant, cx: &mut Cx<'_>) {
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

    /// Row 28f.
    pub(super) fn progress(&mut self, update: &ProgressUpdate, cx: &mut Cx<'_>) -> Pass {
        if let Some(until) = update.expected_by {
            ahead("expected_by", until, cx)?;
            self.promise(until, cx);
        }
        cx.signal(HUMAN_OUTBOUND);
        Ok(())
    }
}

/// Ends.
impl Complaint {
    /// Row 36: what is dangerous stays so without the customer.
    pub(super) fn withdraw(&mut self, cx: &mut Cx<'_>) -> Pass {
        if self.safety {
            self.improve(cx);
        }
        Ok(())
    }

    /// Row 41.
    pub(super) fn force_close(&mut self, end: &ForceClosed, cx: &mut Cx<'_>) -> Pass {
        check_second(&end.approver, cx);
        self.cancel_callbacks("forced", cx);
        Ok(())
    }
}
