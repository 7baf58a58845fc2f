//! Owns the independent review, and the ends that only it or a final answer can have (A6).

use super::event::ReviewDecision;
use super::{Complaint, Cx};
use crate::kernel::actor::Role;
use crate::kernel::case::Handle;
use crate::workflows::row::{Pass, duty, guard, input};

impl Complaint {
    /// Row 29: a customer asks once in each round.
    pub(super) fn request_review(&mut self, cx: &mut Cx<'_>) -> Pass {
        if cx.actor.role == Role::Customer {
            let round = self.case.round;
            if self.review_requested_round == Some(round) {
                let reason = "a review was asked for in this round; accepted is one in each round";
                return Err(guard("review_requested", reason));
            }
            self.review_requested_round = Some(round);
        }
        self.forget_question();
        Ok(())
    }

    /// The panel has at least two people.
    fn check_panel(ruling: &ReviewDecision) -> Pass {
        let repeats =
            |(at, member): (usize, &Handle)| ruling.panel[..at].iter().any(|other| other.id == member.id);
        if ruling.panel.len() < 2 || ruling.panel.iter().enumerate().any(repeats) {
            return Err(input("panel_too_small", "`panel` must name two people or more, each once"));
        }
        Ok(())
    }

    /// Row 30.
    pub(super) fn review_proposes(&mut self, ruling: &ReviewDecision, cx: &mut Cx<'_>) -> Pass {
        Self::check_panel(ruling)?;
        let Some(actions) = &ruling.actions else {
            return Err(input("actions_required", "`actions` is required of a new proposal"));
        };
        Self::check_actions(actions, cx)?;
        let sender = Handle::from(cx.actor);
        let mut proposer = ruling.panel.clone();
        if !proposer.iter().any(|member| member.id == sender.id) {
            proposer.push(sender);
        }
        self.plan(actions, proposer);
        self.panel.clone_from(&ruling.panel);
        self.is_final = false;
        Ok(())
    }

    /// Row 31: the plan stands, and it is the last word.
    pub(super) fn review_upholds(&mut self, ruling: &ReviewDecision, cx: &mut Cx<'_>) -> Pass {
        Self::check_panel(ruling)?;
        if self.actions.is_empty() {
            let reason = "there is no proposal to uphold; accepted are `new_proposal` and `refer`";
            return Err(guard("no_proposal", reason));
        }
        self.panel.clone_from(&ruling.panel);
        self.is_final = true;
        self.plan_is_ready(cx);
        Ok(())
    }

    /// Row 31a.
    pub(super) fn review_refers(&mut self, ruling: &ReviewDecision) -> Pass {
        Self::check_panel(ruling)?;
        for (name, given) in [
            ("body", ruling.body.is_some()),
            ("ref", ruling.reference.is_some()),
            ("recourse_notice_ref", ruling.recourse_notice_ref.is_some()),
        ] {
            if !given {
                return Err(input("referral_incomplete", format!("`{name}` is required of a referral")));
            }
        }
        self.panel.clone_from(&ruling.panel);
        Ok(())
    }

    /// Row 32: whoever worked on it does not end it against the customer.
    pub(super) fn end_unsatisfied(&mut self, cx: &mut Cx<'_>) -> Pass {
        let worked = self.proposer.iter().chain(&self.handler).any(|person| person.id == cx.actor.id);
        if worked {
            let reason = "whoever proposed or investigated does not close it; accepted is somebody else";
            return Err(duty("own_proposal", reason));
        }
        self.improve(cx);
        Ok(())
    }

    fn final_word(&self) -> Pass {
        if self.is_final {
            return Ok(());
        }
        Err(guard("not_final", "the plan is not the last word; accepted is a review first"))
    }

    /// Row 32a.
    pub(super) fn end_after_final(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.final_word()?;
        if !self.told {
            return Err(guard(
                "not_told",
                "the customer has not heard the last word; accepted is `communicate`",
            ));
        }
        self.end_unsatisfied(cx)
    }

    /// Row 33a.
    pub(super) fn refer_after_final(&self) -> Pass {
        self.final_word()
    }

    /// Asks for an improvement, once for each case.
    pub(super) fn improve(&mut self, cx: &mut Cx<'_>) {
        if !self.improvement {
            self.improvement = true;
            let case_no = cx.id.to_string();
            cx.task("improvement_action", &case_no, None, Role::QaInspector);
        }
    }
}
