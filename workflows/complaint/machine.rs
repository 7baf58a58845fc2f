//! Owns where a complaint is: the table of arrows (§3.2).
//!
//! One arm is one row: event, guard, `to` or `stay` with the row's number. What a
//! row checks and changes is said in the modules beside this one. Entry and
//! exit actions arm and cancel timers, nothing else. What sets a state aside (a question, a
//! suspension, a review) is the same in many states and stands in `aside`.

use statig::prelude::*;

use super::event::{Decision, Event};
use super::measure::Place;
use super::{
    ACTION_DUE, CONFIRM_EXPIRE, CONFIRM_REMIND, Complaint, Cx, INFO_EXPIRE, INFO_REMIND, REOPEN_WINDOW,
    SUSPEND_END,
};
use crate::kernel::common::{Common, Intent};
use crate::workflows::links;
use crate::workflows::row::{Arrow, DONE, by_staff};

#[state_machine(
    initial = "State::registered()",
    context_identifier = "cx",
    visibility = "pub",
    state(derive(Debug, Clone, PartialEq)),
    superstate(derive(Debug))
)]
impl Complaint {
    // open.intake 受理

    #[state(superstate = "intake")]
    fn registered(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Acknowledge(word) => self.acknowledge(word, cx).to(cx, "2", State::assessing()),
            Event::RejectIntake(word) => Self::reject_intake(word, cx).to(cx, "3", State::closed_rejected()),
            Event::Convert(change) => self.convert(change, cx).to(cx, "40", State::closed_converted()),
            _ => Super,
        }
    }

    #[superstate(superstate = "open")]
    fn intake() -> Outcome<State> {
        Super
    }

    // open.assessing 初步评估与安抚

    #[state(superstate = "open")]
    fn assessing(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::RejectIntake(word) => Self::reject_intake(word, cx).to(cx, "3", State::closed_rejected()),
            Event::Assess(word) => self.assess(word, cx).stay(cx, "4"),
            Event::ResolveOnSpot(plan) => self.resolve_on_spot(plan, cx).to(cx, "5", State::communicating()),
            Event::Dispatch(ask) => self.dispatch(ask, cx).to(cx, "6", State::dispatched()),
            Event::Convert(change) => self.convert(change, cx).to(cx, "40", State::closed_converted()),
            _ => self.aside(Place::Assessing, cx, event),
        }
    }

    // open.investigating 调查

    #[state(superstate = "investigating")]
    fn dispatched(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::DeptAccept(_) => self.dept_accept(cx).to(cx, "7", State::in_progress()),
            Event::DeptReturn(_) if self.is_first_return() => {
                self.dept_return(cx).to(cx, "8", State::assessing())
            }
            Event::DeptReturn(_) => self.dept_return_again(cx).to(cx, "9", State::arbitration()),
            _ => self.aside(Place::Dispatched, cx, event),
        }
    }

    #[state(superstate = "investigating")]
    fn in_progress(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::DeptReturn(_) if self.is_first_return() => {
                self.dept_return(cx).to(cx, "8", State::assessing())
            }
            Event::DeptReturn(_) => self.dept_return_again(cx).to(cx, "9", State::arbitration()),
            Event::SubmitFindings(found) => self.submit_findings(found).stay(cx, "11"),
            Event::Propose(plan) if self.needs_approval(plan, cx) => {
                self.propose(plan, cx).to(cx, "13", State::pending_approval())
            }
            Event::Propose(plan) => self.propose_at_once(plan, cx).to(cx, "12", State::communicating()),
            _ => self.aside(Place::InProgress, cx, event),
        }
    }

    #[state(superstate = "investigating")]
    fn arbitration(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Arbitrate(ruling) => self.arbitrate(ruling, cx).to(cx, "10", State::dispatched()),
            _ => self.aside(Place::Arbitration, cx, event),
        }
    }

    #[superstate(superstate = "open")]
    fn investigating() -> Outcome<State> {
        Super
    }

    // open.pending_approval 方案待批

    #[state(superstate = "open")]
    fn pending_approval(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Approve(_) => self.approve(cx).to(cx, "14", State::communicating()),
            Event::ReturnProposal(_) if self.department.is_some() => {
                self.return_to_department(cx).to(cx, "15", State::in_progress())
            }
            Event::ReturnProposal(_) => self.return_to_owner(cx).to(cx, "16", State::assessing()),
            _ => self.aside(Place::PendingApproval, cx, event),
        }
    }

    // open.communicating 告知方案·听取意见

    #[state(superstate = "open", entry_action = "enter_communicating", exit_action = "leave_confirming")]
    fn communicating(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Communicate(word) => self.communicate(word, cx).stay(cx, "17"),
            Event::CustomerAccepts(word) if self.actions_pending() => {
                self.accepted(word, cx).to(cx, "18", State::executing())
            }
            Event::CustomerAccepts(word) => {
                self.accepted_done(word, cx).to(cx, "19", State::awaiting_confirmation())
            }
            Event::CloseWithoutAgreement(_) => {
                self.end_after_final(cx).to(cx, "32a", State::closed_no_agreement())
            }
            Event::ReferExternal(_) => self.refer_after_final().to(cx, "33a", State::closed_referred()),
            _ => self.hear_customer(Place::Communicating, cx, event),
        }
    }

    #[action]
    fn enter_communicating(&mut self, cx: &mut Cx<'_>) {
        if self.told {
            self.arm_confirm(cx);
        }
    }

    #[action]
    fn leave_confirming(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(CONFIRM_REMIND);
        cx.cancel(CONFIRM_EXPIRE);
    }

    // open.executing 方案执行

    #[state(superstate = "open", entry_action = "enter_executing", exit_action = "leave_executing")]
    fn executing(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::ActionDone(done) if self.is_last(done) => {
                self.action_done(done, cx).to(cx, "22", State::awaiting_confirmation())
            }
            Event::ActionDone(done) => self.action_done(done, cx).stay(cx, "22a"),
            Event::Timer(timer) if timer.0 == ACTION_DUE => self.action_overdue(cx).stay(cx, "23"),
            Event::Common(Common::CalendarAmended(_)) => {
                self.arm_action_due(cx);
                Super
            }
            _ => self.aside(Place::Executing, cx, event),
        }
    }

    #[action]
    fn enter_executing(&mut self, cx: &mut Cx<'_>) {
        self.arm_action_due(cx);
    }

    #[action]
    fn leave_executing(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(ACTION_DUE);
    }

    // open.awaiting_confirmation 待客户确认

    #[state(superstate = "open", entry_action = "enter_awaiting", exit_action = "leave_confirming")]
    fn awaiting_confirmation(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Confirm(word) if word.satisfied => {
                self.satisfied(word, cx).to(cx, "24", State::settled_satisfied())
            }
            Event::Confirm(word) if self.may_loop(cx) => {
                let again = self.again();
                self.unsatisfied(word, cx).to(cx, "20a", again)
            }
            Event::Confirm(word) => self.take_word(word, cx).to(cx, "21a", State::review()),
            _ => self.hear_customer(Place::AwaitingConfirmation, cx, event),
        }
    }

    #[action]
    fn enter_awaiting(&mut self, cx: &mut Cx<'_>) {
        self.arm_confirm(cx);
    }

    // open.waiting_customer 待客户补充

    #[state(superstate = "open", entry_action = "enter_waiting", exit_action = "leave_waiting")]
    fn waiting_customer(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::CustomerReply(reply) if reply.intent == Intent::NewIssue => {
                self.new_issue(reply, cx).stay(cx, "28e")
            }
            Event::CustomerReply(reply) => {
                let resume = self.waiting_state();
                self.heard_back(reply, cx).to(cx, "28", resume)
            }
            Event::Timer(timer) if timer.0 == INFO_EXPIRE => {
                let resume = self.waiting_state();
                self.info_expired(cx).to(cx, "28a", resume)
            }
            Event::Timer(timer) if timer.0 == INFO_REMIND => self.info_remind(cx).stay(cx, "28b"),
            Event::Common(Common::CalendarAmended(_)) => {
                self.rearm_info(cx);
                Super
            }
            _ => self.aside(Place::WaitingCustomer, cx, event),
        }
    }

    #[action]
    fn enter_waiting(&mut self, cx: &mut Cx<'_>) {
        self.arm_info(cx);
    }

    #[action]
    fn leave_waiting(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(INFO_REMIND);
        cx.cancel(INFO_EXPIRE);
    }

    // open.review 升级复核

    #[state(superstate = "open")]
    fn review(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::ReviewDecision(ruling) => match ruling.decision {
                Decision::NewProposal => {
                    self.review_proposes(ruling, cx).to(cx, "30", State::pending_approval())
                }
                Decision::Uphold => self.review_upholds(ruling, cx).to(cx, "31", State::communicating()),
                Decision::Refer => self.review_refers(ruling).to(cx, "31a", State::closed_referred()),
            },
            Event::CloseWithoutAgreement(_) => {
                self.end_unsatisfied(cx).to(cx, "32", State::closed_no_agreement())
            }
            Event::ReferExternal(_) => DONE.to(cx, "33", State::closed_referred()),
            _ => self.aside(Place::Review, cx, event),
        }
    }

    // open.suspended 中止

    #[state(superstate = "open", exit_action = "leave_suspended")]
    fn suspended(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Resume(_) => {
                let resume = self.suspended_state();
                self.resume(cx).to(cx, "34a", resume)
            }
            Event::Timer(timer) if timer.0 == SUSPEND_END => {
                let resume = self.suspended_state();
                self.suspension_over(cx).to(cx, "34b", resume)
            }
            Event::CustomerReply(reply)
                if self.suspended_resume == Some(Place::WaitingCustomer)
                    && reply.intent != Intent::NewIssue =>
            {
                self.heard_back_suspended(reply, cx).stay(cx, "28c")
            }
            _ => Super,
        }
    }

    #[action]
    fn leave_suspended(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(SUSPEND_END);
    }

    // open 处理中

    #[superstate(exit_action = "leave_open")]
    fn open(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::ContactAttempt(attempt) => self.contact(attempt, cx).stay(cx, "25b"),
            Event::CustomerReply(reply) => self.hear(reply, cx).stay(cx, "28d"),
            Event::ProgressUpdate(update) => self.progress(update, cx).stay(cx, "28f"),
            Event::Extend(more) => self.extend(more, cx).stay(cx, "35"),
            Event::Withdraw(_) => self.withdraw(cx).to(cx, "36", State::closed_withdrawn()),
            Event::MarkDuplicate(copy) => {
                self.mark_duplicate(copy, cx).to(cx, "37", State::closed_duplicate())
            }
            Event::Common(Common::ForceClosed(end)) => {
                self.force_close(end, cx).to(cx, "41", State::closed_forced())
            }
            _ => Super,
        }
    }

    #[action]
    fn leave_open(&mut self, cx: &mut Cx<'_>) {
        cx.cancel_where(|_| true);
    }

    // settled 已办结(可重开)

    #[state(superstate = "settled")]
    fn settled_satisfied(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::CustomerReply(reply) if matches!(reply.intent, Intent::Info | Intent::Unknown) => {
                self.unread(&reply.message_ref, cx).stay(cx, "38h")
            }
            Event::Timer(timer) if timer.0 == REOPEN_WINDOW && self.unclassified.is_empty() => {
                DONE.to(cx, "39", State::closed_satisfied())
            }
            Event::Timer(timer) if timer.0 == REOPEN_WINDOW => self.wait_for_reader(cx).stay(cx, "39b"),
            _ => Super,
        }
    }

    #[state(superstate = "settled")]
    fn settled_unreachable(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::CustomerReply(reply) if matches!(reply.intent, Intent::Info | Intent::Unknown) => {
                let back = self.unreachable_state();
                self.customer_is_back(cx).to(cx, "38g", back)
            }
            Event::Timer(timer) if timer.0 == REOPEN_WINDOW => {
                DONE.to(cx, "39a", State::closed_unreachable())
            }
            _ => Super,
        }
    }

    #[superstate(entry_action = "enter_settled", exit_action = "leave_settled")]
    fn settled(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        let again = self.again();
        match event {
            Event::Reopen(_) if self.may_loop(cx) => self.reopen(cx).to(cx, "38", again),
            Event::Reopen(_) => self.reopen_for_review(cx).to(cx, "38a", State::review()),
            Event::CustomerReply(reply) => match reply.intent {
                Intent::Dissatisfied if self.may_loop(cx) => self.reopen_heard(cx).to(cx, "38b", again),
                Intent::Dissatisfied => self.reopen_heard_for_review(cx).to(cx, "38c", State::review()),
                Intent::Thanks => self.classify(&reply.message_ref, cx).stay(cx, "38i"),
                Intent::NewIssue => self.new_issue_settled(reply, cx).stay(cx, "38j"),
                Intent::Info | Intent::Unknown => Super,
            },
            Event::Confirm(word) if word.satisfied => {
                self.satisfied(word, cx).to(cx, "38f", State::settled_satisfied())
            }
            Event::Confirm(word) if self.may_loop(cx) => {
                self.reopen_unsatisfied(word, cx).to(cx, "38d", again)
            }
            Event::Confirm(word) => {
                self.reopen_unsatisfied_for_review(word, cx).to(cx, "38e", State::review())
            }
            Event::Common(Common::ForceClosed(end)) => {
                self.force_close(end, cx).to(cx, "41", State::closed_forced())
            }
            Event::Common(Common::SubjectRestricted(_)) => {
                self.cancel_callbacks("restricted", cx);
                Super
            }
            _ => Super,
        }
    }

    #[action]
    fn enter_settled(&mut self, cx: &mut Cx<'_>) {
        let due = cx.calendar.due(cx.now, cx.policy.reopen_window);
        cx.arm(REOPEN_WINDOW, due);
    }

    #[action]
    fn leave_settled(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(REOPEN_WINDOW);
    }

    // closed 已归档

    #[state(superstate = "closed")]
    fn closed_satisfied() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_unreachable() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_no_agreement() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_referred() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_rejected() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_withdrawn() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_duplicate(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Common(Common::LateInbound(message)) => self.redirect(message, cx).stay(cx, "X4"),
            _ => Super,
        }
    }

    #[state(superstate = "closed")]
    fn closed_converted() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_forced() -> Outcome<State> {
        Super
    }

    #[superstate(entry_action = "enter_closed")]
    fn closed(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::CustomerReply(reply) if !by_staff(cx) => {
                links::late(&reply.message_ref, reply.intent, cx);
                DONE.stay(cx, "X4")
            }
            Event::Reopen(_) if !by_staff(cx) => {
                links::late_reopen(cx);
                DONE.stay(cx, "X4")
            }
            Event::Confirm(word) if !by_staff(cx) => self.late_confirm(word, cx).stay(cx, "X4"),
            Event::Common(Common::LateInbound(message)) => self.route_late(message, cx).stay(cx, "X4"),
            Event::Common(Common::SubjectRestricted(_) | Common::SubjectErased(_)) => {
                self.cancel_callbacks("restricted", cx);
                Super
            }
            _ => Super,
        }
    }

    #[action]
    fn enter_closed(&mut self, cx: &mut Cx<'_>) {
        cx.cancel_where(|_| true);
    }
}

impl Complaint {
    /// What sets a state aside: a question (27), a review (29), a suspension (34).
    fn aside(&mut self, at: Place, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::RequestInfo(ask) if at != Place::WaitingCustomer => {
                self.request_info(ask, at, cx).to(cx, "27", State::waiting_customer())
            }
            Event::RequestReview(_) if at != Place::Review => {
                self.request_review(cx).to(cx, "29", State::review())
            }
            Event::Suspend(order) => self.suspend(order, at, cx).to(cx, "34", State::suspended()),
            _ => Super,
        }
    }

    /// What plan and result have in common: the customer has the word.
    fn hear_customer(&mut self, at: Place, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::CustomerRejects(word) if self.may_loop(cx) => {
                let again = self.again();
                self.rejected(word, cx).to(cx, "20", again)
            }
            Event::CustomerRejects(word) => self.rejected_at_last(word, cx).to(cx, "21", State::review()),
            Event::DeclareUnreachable(_) => {
                self.declare_unreachable(at, cx).to(cx, "26", State::settled_unreachable())
            }
            Event::Timer(timer) if timer.0 == CONFIRM_EXPIRE => self.confirm_expired(cx).stay(cx, "25"),
            Event::Timer(timer) if timer.0 == CONFIRM_REMIND => self.confirm_remind(cx).stay(cx, "25a"),
            Event::Common(Common::CalendarAmended(_)) => {
                self.rearm_confirm(cx);
                Super
            }
            _ => self.aside(at, cx, event),
        }
    }

    /// Where a complaint is investigated again.
    fn again(&self) -> State {
        if self.department.is_some() { State::dispatched() } else { State::assessing() }
    }

    fn waiting_state(&self) -> State {
        self.waiting_resume.map_or(State::assessing(), state_of)
    }

    fn suspended_state(&self) -> State {
        self.suspended_resume.map_or(State::assessing(), state_of)
    }

    fn unreachable_state(&self) -> State {
        self.unreachable_from.map_or(State::awaiting_confirmation(), state_of)
    }
}

fn state_of(place: Place) -> State {
    match place {
        Place::Assessing => State::assessing(),
        Place::Dispatched => State::dispatched(),
        Place::InProgress => State::in_progress(),
        Place::Arbitration => State::arbitration(),
        Place::PendingApproval => State::pending_approval(),
        Place::Communicating => State::communicating(),
        Place::Executing => State::executing(),
        Place::AwaitingConfirmation => State::awaiting_confirmation(),
        Place::WaitingCustomer => State::waiting_customer(),
        Place::Review => State::review(),
    }
}

/// Every leaf, in the order of the specification.
pub(super) fn leaves() -> Vec<State> {
    vec![
        State::registered(),
        State::assessing(),
        State::dispatched(),
        State::in_progress(),
        State::arbitration(),
        State::pending_approval(),
        State::communicating(),
        State::executing(),
        State::awaiting_confirmation(),
        State::waiting_customer(),
        State::review(),
        State::suspended(),
        State::settled_satisfied(),
        State::settled_unreachable(),
        State::closed_satisfied(),
        State::closed_unreachable(),
        State::closed_no_agreement(),
        State::closed_referred(),
        State::closed_rejected(),
        State::closed_withdrawn(),
        State::closed_duplicate(),
        State::closed_converted(),
        State::closed_forced(),
    ]
}
