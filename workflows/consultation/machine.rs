//! Owns where a consultation is: the table of arrows (§3.1).
//!
//! One arm is one row: event, guard, `to` or `stay` with the row's number. What a
//! row checks and changes is said in the modules beside this one. Entry and
//! exit actions arm and cancel timers, nothing else. A name that begins with its
//! parent's (`settled_confirmed`) is shown without it: `settled.confirmed`.

use statig::prelude::*;

use super::event::Event;
use super::{
    ACCEPT, CONFIRM_EXPIRE, CONFIRM_REMIND, Consultation, Cx, INFO_EXPIRE, INFO_REMIND, REOPEN_WINDOW, RING,
    Resume, Waiting,
};
use crate::kernel::common::{Common, Intent};
use crate::workflows::links;
use crate::workflows::row::{Arrow, DONE, by_staff, by_system};

#[state_machine(
    initial = "State::received()",
    context_identifier = "cx",
    visibility = "pub",
    state(derive(Debug, Clone, PartialEq)),
    superstate(derive(Debug))
)]
impl Consultation {
    // open.intake 受理

    #[state(superstate = "intake")]
    fn received(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Accept(_) => self.accept(cx).to(cx, "2", State::accepted()),
            _ => Super,
        }
    }

    #[state(superstate = "intake")]
    fn accepted(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Accept(_) => self.accept_again(cx).stay(cx, "2a"),
            Event::TransferDepartment(ask) => {
                self.transfer(ask, Resume::InProgress, cx).to(cx, "6", State::with_department())
            }
            Event::Escalate(call) if !by_system(cx) => {
                self.escalate(call, cx).to(cx, "10", State::escalated())
            }
            _ => Super,
        }
    }

    #[superstate(superstate = "open", exit_action = "leave_intake")]
    fn intake(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Ring(call) => self.ring(Some(call.ring_seconds)).stay(cx, "2c"),
            Event::HangUp(call) if self.call_waits() => {
                self.abandon(call, cx).to(cx, "3", State::closed_abandoned())
            }
            Event::HangUp(call) => self.ring(call.ring_seconds).stay(cx, "3a"),
            Event::Respond(message) if message.human => self
                .respond(message, cx)
                .and_then(|()| self.promise_in(message, cx))
                .to(cx, "4", State::in_progress()),
            Event::AnswerCall(call) => self.answer_call(call, cx).to(cx, "4a", State::in_progress()),
            Event::RequestInfo(ask) => {
                self.request_info(ask, Waiting::InProgress, cx).to(cx, "12", State::waiting_customer())
            }
            Event::CustomerReply(reply) if reply.intent == Intent::NewIssue => {
                self.new_issue(reply, cx).stay(cx, "13c")
            }
            Event::CustomerReply(reply) => self.hear(reply, cx).stay(cx, "13b"),
            Event::Answer(answer) if answer.confirmed_in_contact => {
                self.answer_confirmed(answer, cx).to(cx, "16", State::settled_confirmed())
            }
            Event::Answer(answer) => self.answer(answer, cx).to(cx, "15", State::answered()),
            Event::MarkInvalid(_) => self.mark_invalid(cx).to(cx, "27", State::closed_invalid()),
            Event::Timer(timer) if timer.0 == RING => self.overflow(cx).stay(cx, RING),
            _ => Super,
        }
    }

    #[action]
    fn leave_intake(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(RING);
    }

    // open.handling 办理

    #[state(superstate = "handling")]
    fn in_progress(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::TransferDepartment(ask) => {
                self.transfer(ask, Resume::InProgress, cx).to(cx, "6", State::with_department())
            }
            Event::Escalate(call) if !by_system(cx) => {
                self.escalate(call, cx).to(cx, "10", State::escalated())
            }
            Event::RequestInfo(ask) => {
                self.request_info(ask, Waiting::InProgress, cx).to(cx, "12", State::waiting_customer())
            }
            Event::MarkInvalid(_) => self.mark_invalid(cx).to(cx, "27", State::closed_invalid()),
            _ => Super,
        }
    }

    #[state(superstate = "handling")]
    fn escalated(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::TransferDepartment(ask) => {
                self.transfer(ask, Resume::Escalated, cx).to(cx, "6", State::with_department())
            }
            Event::Escalate(call) if !by_system(cx) => {
                self.escalate(call, cx).to(cx, "10", State::escalated())
            }
            Event::RequestInfo(ask) => {
                self.request_info(ask, Waiting::Escalated, cx).to(cx, "12", State::waiting_customer())
            }
            _ => Super,
        }
    }

    #[state(superstate = "handling")]
    fn with_department(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::DepartmentReply(reply) => {
                let resume = self.dept_state();
                self.department_reply(reply, cx).to(cx, "7", resume)
            }
            Event::DepartmentReturn(_) if self.returns == 0 && !self.binding => {
                let resume = self.dept_state();
                self.department_return(cx).to(cx, "8", resume)
            }
            Event::DepartmentReturn(_) => self.department_return_again(cx).stay(cx, "9"),
            Event::Arbitrate(decision) => self.arbitrate(decision, cx).stay(cx, "9a"),
            Event::Escalate(call) if !by_system(cx) => self.escalate_in_department(call, cx).stay(cx, "10a"),
            Event::RequestInfo(ask) => {
                self.request_info(ask, Waiting::WithDepartment, cx).to(cx, "12", State::waiting_customer())
            }
            _ => Super,
        }
    }

    #[superstate(superstate = "open")]
    fn handling(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Accept(_) => self.accept_again(cx).stay(cx, "2a"),
            Event::HangUp(_) => DONE.stay(cx, "3b"),
            Event::Respond(message) if message.human => {
                self.respond(message, cx).and_then(|()| self.promise_in(message, cx)).stay(cx, "4b")
            }
            Event::ProgressUpdate(update) => match update.new_promise {
                None => self.progress(cx).stay(cx, "11"),
                Some(until) => self.renew_promise(update, until, cx).stay(cx, "11a"),
            },
            Event::CustomerReply(reply) if reply.intent == Intent::NewIssue => {
                self.new_issue(reply, cx).stay(cx, "13c")
            }
            Event::CustomerReply(reply) => self.hear(reply, cx).stay(cx, "13b"),
            Event::Answer(answer) if answer.confirmed_in_contact => {
                self.answer_confirmed(answer, cx).to(cx, "16", State::settled_confirmed())
            }
            Event::Answer(answer) => self.answer(answer, cx).to(cx, "15", State::answered()),
            _ => Super,
        }
    }

    // open 处理中

    #[state(superstate = "open", entry_action = "enter_waiting", exit_action = "leave_waiting")]
    fn waiting_customer(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Accept(_) => self.accept_again(cx).stay(cx, "2a"),
            Event::HangUp(_) => DONE.stay(cx, "3b"),
            Event::Respond(message) if message.human => self.respond(message, cx).stay(cx, "4b"),
            Event::DepartmentReply(reply) => self.department_reply_waiting(reply, cx).stay(cx, "7a"),
            Event::CustomerReply(reply) if reply.intent == Intent::NewIssue => {
                self.new_issue(reply, cx).stay(cx, "13a")
            }
            Event::CustomerReply(reply) => {
                let resume = self.waiting_state();
                self.heard_back(reply, cx).to(cx, "13", resume)
            }
            Event::Timer(timer) if timer.0 == INFO_EXPIRE => {
                self.info_expired(cx).to(cx, "14", State::settled_no_response())
            }
            Event::Timer(timer) if timer.0 == INFO_REMIND => self.info_remind(cx).stay(cx, "14a"),
            Event::Common(Common::CalendarAmended(_)) => {
                self.rearm_info(cx);
                Super
            }
            _ => Super,
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

    #[state(superstate = "open", entry_action = "enter_answered", exit_action = "leave_answered")]
    fn answered(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Accept(_) => self.accept_again(cx).stay(cx, "2a"),
            Event::HangUp(_) => DONE.stay(cx, "3b"),
            Event::Respond(message) if message.human => self.respond(message, cx).stay(cx, "4b"),
            Event::Confirm(word) if word.satisfied => {
                self.confirmed(word, cx).to(cx, "17", State::settled_confirmed())
            }
            Event::Confirm(word) => self.not_satisfied(word, cx).to(cx, "18", State::in_progress()),
            Event::CustomerReply(reply) => match reply.intent {
                Intent::Thanks => self.thanked(cx).to(cx, "17a", State::settled_confirmed()),
                Intent::Dissatisfied | Intent::Unknown | Intent::Info => {
                    self.another_round_heard(cx).to(cx, "18a", State::in_progress())
                }
                Intent::NewIssue => self.new_issue(reply, cx).stay(cx, "19"),
            },
            Event::Timer(timer) if timer.0 == CONFIRM_EXPIRE => {
                self.confirm_expired(cx).to(cx, "20", State::settled_unconfirmed())
            }
            Event::Timer(timer) if timer.0 == CONFIRM_REMIND => self.confirm_remind(cx).stay(cx, "20a"),
            Event::Common(Common::CalendarAmended(_)) => {
                self.rearm_confirm(cx);
                Super
            }
            _ => Super,
        }
    }

    #[action]
    fn enter_answered(&mut self, cx: &mut Cx<'_>) {
        self.arm_confirm(cx);
    }

    #[action]
    fn leave_answered(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(CONFIRM_REMIND);
        cx.cancel(CONFIRM_EXPIRE);
    }

    #[superstate(exit_action = "leave_open")]
    fn open(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::RecordDetails(details) => self.record(details).stay(cx, "2b"),
            Event::Respond(message) if !message.human => DONE.stay(cx, "5"),
            Event::AutoReplySent(reply) => self.auto_replied(reply).stay(cx, "5a"),
            Event::Escalate(call) if by_system(cx) => self.raise(call.level.into()).stay(cx, "10b"),
            Event::Convert(change) => self.convert(change, cx).to(cx, "24", State::closed_converted()),
            Event::Withdraw(word) => self.withdraw(word, cx).to(cx, "25", State::closed_withdrawn()),
            Event::MarkDuplicate(copy) => {
                self.mark_duplicate(copy, cx).to(cx, "26", State::closed_duplicate())
            }
            Event::Common(Common::ForceClosed(end)) => {
                self.force_close(end, cx).to(cx, "28", State::closed_forced())
            }
            Event::Common(Common::Assigned(assigned)) => {
                self.arm_accept(&assigned.to, cx);
                Super
            }
            Event::Timer(timer) if timer.0 == ACCEPT => self.requeue(cx).stay(cx, ACCEPT),
            _ => Super,
        }
    }

    #[action]
    fn leave_open(&mut self, cx: &mut Cx<'_>) {
        cx.cancel_where(|_| true);
    }

    // settled 已办结(可重开)

    #[state(superstate = "settled")]
    fn settled_confirmed(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Timer(timer) if timer.0 == REOPEN_WINDOW && self.unclassified.is_empty() => {
                DONE.to(cx, "23", State::closed_resolved())
            }
            _ => Super,
        }
    }

    #[state(superstate = "settled")]
    fn settled_unconfirmed(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Common(Common::SatisfactionRecorded(said)) if said.resolved => {
                self.called_back(said).to(cx, "21d", State::settled_confirmed())
            }
            Event::Timer(timer) if timer.0 == REOPEN_WINDOW && self.unclassified.is_empty() => {
                DONE.to(cx, "23a", State::closed_unconfirmed())
            }
            _ => Super,
        }
    }

    #[state(superstate = "settled")]
    fn settled_no_response(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Timer(timer) if timer.0 == REOPEN_WINDOW && self.unclassified.is_empty() => {
                DONE.to(cx, "23b", State::closed_no_response())
            }
            _ => Super,
        }
    }

    #[superstate(entry_action = "enter_settled", exit_action = "leave_settled")]
    fn settled(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::HangUp(_) => DONE.stay(cx, "3b"),
            Event::Respond(message) if message.human => self.respond(message, cx).stay(cx, "4b"),
            Event::Respond(_) => DONE.stay(cx, "5"),
            Event::AutoReplySent(reply) => self.auto_replied(reply).stay(cx, "5a"),
            Event::Reopen(_) => self.reopen(cx).to(cx, "21", State::in_progress()),
            Event::Confirm(word) if word.satisfied => {
                self.confirmed_late(word, cx).to(cx, "21c", State::settled_confirmed())
            }
            Event::Confirm(word) => self.reopen_unsatisfied(word, cx).to(cx, "21b", State::in_progress()),
            Event::CustomerReply(reply) => match reply.intent {
                Intent::Dissatisfied => self.reopen_heard(cx).to(cx, "21a", State::in_progress()),
                Intent::Thanks => self.classify(&reply.message_ref, cx).stay(cx, "22"),
                Intent::Unknown | Intent::Info => self.unread(&reply.message_ref, cx).stay(cx, "22a"),
                Intent::NewIssue => self.new_issue(reply, cx).stay(cx, "19"),
            },
            Event::Timer(timer) if timer.0 == REOPEN_WINDOW => {
                self.reopen_unread(cx).to(cx, "23c", State::in_progress())
            }
            Event::Common(Common::ForceClosed(end)) => {
                self.force_close(end, cx).to(cx, "28", State::closed_forced())
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
    fn closed_resolved() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_unconfirmed() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_no_response() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_converted() -> Outcome<State> {
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
    fn closed_abandoned() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_invalid() -> Outcome<State> {
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

impl Consultation {
    /// Where the case goes on after the department.
    fn dept_state(&self) -> State {
        match self.dept_resume {
            Some(Resume::Escalated) => State::escalated(),
            Some(Resume::InProgress) | None => State::in_progress(),
        }
    }

    /// Where the case goes on after the customer's answer.
    fn waiting_state(&self) -> State {
        match self.waiting_resume {
            Some(Waiting::Escalated) => State::escalated(),
            Some(Waiting::WithDepartment) => State::with_department(),
            Some(Waiting::InProgress) | None => State::in_progress(),
        }
    }
}

/// Every leaf, in the order of the specification.
pub(super) fn leaves() -> Vec<State> {
    vec![
        State::received(),
        State::accepted(),
        State::in_progress(),
        State::escalated(),
        State::with_department(),
        State::waiting_customer(),
        State::answered(),
        State::settled_confirmed(),
        State::settled_unconfirmed(),
        State::settled_no_response(),
        State::closed_resolved(),
        State::closed_unconfirmed(),
        State::closed_no_response(),
        State::closed_converted(),
        State::closed_withdrawn(),
        State::closed_duplicate(),
        State::closed_abandoned(),
        State::closed_invalid(),
        State::closed_forced(),
    ]
}
