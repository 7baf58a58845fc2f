//! Owns the investigation: a department takes a complaint or gives it back, finds, and proposes (S2-18, S2-19).

use serde_json::json;

use super::event::{Arbitrate, Propose, SubmitFindings};
use super::measure::Findings;
use super::{Complaint, Cx};
use crate::kernel::actor::Role;
use crate::kernel::case::Handle;
use crate::kernel::money::Amount;
use crate::workflows::row::{Pass, guard};

/// Departments.
impl Complaint {
    /// Row 7.
    pub(super) fn dept_accept(&mut self, cx: &Cx<'_>) -> Pass {
        self.may_investigate(&cx.actor.id)?;
        self.handler = Some(Handle::from(cx.actor));
        Ok(())
    }

    pub(super) const fn is_first_return(&self) -> bool {
        self.returns == 0 && !self.binding
    }

    /// Row 8.
    pub(super) fn dept_return(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.returns = 1;
        cx.notify("owner", "department_returned", json!({ "department": self.department }));
        Ok(())
    }

    /// Row 9.
    pub(super) fn dept_return_again(&mut self, cx: &mut Cx<'_>) -> Pass {
        if self.binding {
            let reason = "a ruling named this department; accepted are its findings and proposal";
            return Err(guard("binding", reason));
        }
        self.returns += 1;
        cx.notify("role:supervisor", "arbitration", json!({ "department": self.department }));
        Ok(())
    }

    /// Row 10.
    pub(super) fn arbitrate(&mut self, ruling: &Arbitrate, cx: &mut Cx<'_>) -> Pass {
        self.department = Some(ruling.department.clone());
        self.handler = None;
        self.binding = true;
        cx.notify(&format!("department:{}", ruling.department), "complaint", json!({ "binding": true }));
        Ok(())
    }

    /// Row 11.
    pub(super) fn submit_findings(&mut self, found: &SubmitFindings) -> Pass {
        self.findings = Some(Findings {
            finding: found.finding,
            root_cause: Some(found.root_cause.clone()),
            systemic: found.systemic,
            responsible: found.responsible.clone(),
            evidence: found.evidence.clone(),
        });
        Ok(())
    }

    /// Whether somebody else must agree with a proposal: it costs more than the proposer may give, or
    /// the complaint is grave.
    pub(super) fn needs_approval(&self, plan: &Propose, cx: &Cx<'_>) -> bool {
        let limits = &cx.policy.approval_limits;
        // Whoever stands above proposes with no more than those below: four eyes see what is more.
        let limit = match cx.actor.role {
            Role::SeniorAgent | Role::Supervisor => limits.senior_agent,
            _ => limits.dept_handler,
        };
        let amounts = plan.actions.iter().filter_map(|action| action.amount.as_ref());
        let total = amounts.fold(Amount::ZERO, |sum, money| sum.plus(money.amount));
        self.is_grave() || total > limit
    }

    /// Row 13.
    pub(super) fn propose(&mut self, plan: &Propose, cx: &mut Cx<'_>) -> Pass {
        Self::check_actions(&plan.actions, cx)?;
        if self.findings.is_none() {
            return Err(guard("no_findings", "nothing was found yet; accepted is `submit_findings`"));
        }
        self.plan(&plan.actions, vec![Handle::from(cx.actor)]);
        Ok(())
    }

    /// Row 12.
    pub(super) fn propose_at_once(&mut self, plan: &Propose, cx: &mut Cx<'_>) -> Pass {
        self.propose(plan, cx)?;
        self.plan_is_ready(cx);
        Ok(())
    }
}
