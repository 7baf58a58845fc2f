//! Owns what is asked of others: departments and the customer.

use serde_json::json;

use super::event::{Arbitrate, CustomerReply, DepartmentReply, Purpose, RequestInfo, TransferDepartment};
use super::{ARBITRATION_ASKED, Consultation, Cx, INFO_EXPIRE, INFO_REMIND, Resume, Waiting};
use crate::kernel::case::Handle;
use crate::workflows::row::{Pass, ahead, by_supervisor, guard};

/// Departments (S2-14).
impl Consultation {
    /// Row 6.
    pub(super) fn transfer(&mut self, ask: &TransferDepartment, resume: Resume, cx: &mut Cx<'_>) -> Pass {
        ahead("expected_by", ask.expected_by, cx)?;
        self.intake_complete(cx)?;
        let limit = cx.policy.transfer.max;
        if self.case.transfers >= limit && !by_supervisor(cx) {
            let reason = format!("the case was transferred {limit} times; accepted from a supervisor");
            return Err(guard("transfers_used_up", reason));
        }
        self.case.transfers += 1;
        self.department = Some(ask.department.clone());
        self.purpose = Some(ask.purpose);
        self.handoff_note = Some(ask.handoff_note.clone());
        self.dept_resume = Some(resume);
        let to = format!("department:{}", ask.department);
        cx.notify(&to, "question", json!({ "expected_by": ask.expected_by }));
        Ok(())
    }

    /// Row 7.
    pub(super) fn department_reply(&mut self, reply: &DepartmentReply, cx: &mut Cx<'_>) -> Pass {
        if self.purpose == Some(Purpose::Verify) && !reply.verified {
            return Err(guard(
                "not_verified",
                "the facts were to be verified; accepted with `verified` true",
            ));
        }
        self.dept_resume = None;
        self.forget_returns();
        cx.notify("owner", "department_answered", json!({ "answer_ref": reply.answer_ref }));
        Ok(())
    }

    /// Row 7a: the customer is still to answer.
    pub(super) fn department_reply_waiting(&mut self, reply: &DepartmentReply, cx: &mut Cx<'_>) -> Pass {
        if self.waiting_resume != Some(Waiting::WithDepartment) {
            return Err(guard("department_not_asked", "no department is asked now"));
        }
        let resume = self.dept_resume.unwrap_or(Resume::InProgress);
        self.department_reply(reply, cx)?;
        self.waiting_resume = Some(resume.into());
        Ok(())
    }

    /// Row 8.
    pub(super) fn department_return(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.returns = 1;
        self.dept_resume = None;
        cx.notify("owner", "department_returned", json!({ "department": self.department }));
        Ok(())
    }

    /// Row 9.
    pub(super) fn department_return_again(&mut self, cx: &mut Cx<'_>) -> Pass {
        if self.binding {
            return Err(guard("binding", "a supervisor named this department; accepted is its reply"));
        }
        if self.arbitration_pending {
            return Err(guard(
                "arbitration_pending",
                "a supervisor names the department; accepted is `arbitrate`",
            ));
        }
        self.returns += 1;
        self.arbitration_pending = true;
        cx.signal(ARBITRATION_ASKED);
        cx.notify("role:supervisor", "arbitration", json!({ "department": self.department }));
        Ok(())
    }

    /// Row 9a.
    pub(super) fn arbitrate(&mut self, decision: &Arbitrate, cx: &mut Cx<'_>) -> Pass {
        if !self.arbitration_pending {
            return Err(guard("nothing_to_arbitrate", "no department gave the question back twice"));
        }
        self.department = Some(decision.department.clone());
        self.binding = true;
        self.arbitration_pending = false;
        cx.notify(&format!("department:{}", decision.department), "question", json!({ "binding": true }));
        Ok(())
    }

    pub(super) fn forget_returns(&mut self) {
        self.returns = 0;
        self.binding = false;
        self.arbitration_pending = false;
    }
}

/// Questions to the customer.
impl Consultation {
    /// Row 12.
    pub(super) fn request_info(&mut self, ask: &RequestInfo, resume: Waiting, cx: &mut Cx<'_>) -> Pass {
        if let Some(due) = ask.due {
            ahead("due", due, cx)?;
        }
        self.waiting_resume = Some(resume);
        self.asked_at = Some(cx.now);
        self.reminders = 0;
        self.human_outbound(Handle::from(cx.actor), cx);
        Ok(())
    }

    pub(super) fn arm_info(&self, cx: &mut Cx<'_>) {
        self.arm_reminder(cx);
        let due = cx.calendar.due(self.asked_at.unwrap_or(cx.now), cx.policy.info.expire);
        cx.arm(INFO_EXPIRE, due);
    }

    /// The same on an amended calendar (R4), where it makes a difference.
    pub(super) fn rearm_info(&self, cx: &mut Cx<'_>) {
        let asked = self.asked_at.unwrap_or(cx.now);
        let reminder = cx.policy.info.remind.get(self.reminders as usize).copied();
        for (timer, span) in [(INFO_REMIND, reminder), (INFO_EXPIRE, Some(cx.policy.info.expire))] {
            let Some(due) = span.map(|span| cx.calendar.due(asked, span)) else { continue };
            if cx.due_of(timer).is_some_and(|armed| armed != due) {
                cx.arm(timer, due);
            }
        }
    }

    /// The next reminder of the question, where one is left and the customer may be reminded.
    fn arm_reminder(&self, cx: &mut Cx<'_>) {
        let next = cx.policy.info.remind.get(self.reminders as usize);
        if let (Some(span), None) = (next, &self.case.restricted) {
            let due = cx.calendar.due(self.asked_at.unwrap_or(cx.now), *span);
            cx.arm(INFO_REMIND, due);
        }
    }

    /// Row 14a.
    pub(super) fn info_remind(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.reminders += 1;
        self.arm_reminder(cx);
        self.tell_customer("info_reminder", cx);
        Ok(())
    }

    /// Row 14.
    pub(super) fn info_expired(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.forget_question();
        self.tell_customer("info_expired", cx);
        Ok(())
    }

    /// Row 13.
    pub(super) fn heard_back(&mut self, reply: &CustomerReply, cx: &mut Cx<'_>) -> Pass {
        self.forget_question();
        self.hear(reply, cx)
    }

    fn forget_question(&mut self) {
        self.waiting_resume = None;
        self.asked_at = None;
        self.reminders = 0;
    }
}
