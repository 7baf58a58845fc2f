//! Owns where a callback is: the table of arrows (§3.3).
//!
//! One arm is one row: event, guard, `to` or `stay` with the row's number. What a
//! row checks and changes is said in the modules beside this one. Entry and exit actions arm
//! and cancel timers, nothing else. What ends a callback early is the same in many states and
//! stands in `early` and `ended_by_decision`.

use statig::prelude::*;

use super::event::{AttemptResult, Decision, Event, Record};
use super::measure::{Grade, Reached};
use super::{
    APPOINTMENT, APPOINTMENT_MISSED, Callback, Cx, EXPIRE, FALLBACK_EXPIRE, LOCK, RECOVERY, RECOVERY_HALF,
    RETRY_AT, WINDOW_OPEN,
};
use crate::kernel::common::Common;
use crate::workflows::row::{Arrow, DONE, by_staff};

#[state_machine(
    initial = "State::planned()",
    context_identifier = "cx",
    visibility = "pub",
    state(derive(Debug, Clone, PartialEq)),
    superstate(derive(Debug))
)]
impl Callback {
    // planned 已计划

    #[state(entry_action = "enter_planned", exit_action = "leave_planned")]
    fn planned(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Timer(timer) if timer.0 == WINDOW_OPEN => DONE.to(cx, "3", State::queued()),
            Event::ContactFixed(fixed) => self.contact_fixed(fixed).stay(cx, "22a"),
            Event::Common(common) => self.ended_by_decision(cx, common),
            _ => self.early(cx, event),
        }
    }

    #[action]
    fn enter_planned(&mut self, cx: &mut Cx<'_>) {
        cx.arm(WINDOW_OPEN, self.window_from);
    }

    #[action]
    fn leave_planned(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(WINDOW_OPEN);
    }

    // open.queued 待执行

    #[state(superstate = "open", entry_action = "enter_waiting", exit_action = "leave_queued")]
    fn queued(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Claim(_) => self.claim(cx).to(cx, "4", State::contacting()),
            Event::Timer(timer) if timer.0 == APPOINTMENT_MISSED => {
                self.appointment_missed(cx).stay(cx, "14a")
            }
            Event::ContactFixed(fixed) => self.contact_fixed(fixed).stay(cx, "22a"),
            _ => self.waiting(cx, event),
        }
    }

    #[action]
    fn enter_waiting(&mut self, cx: &mut Cx<'_>) {
        self.arm_expire(cx);
    }

    #[action]
    fn leave_queued(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(EXPIRE);
        cx.cancel(APPOINTMENT_MISSED);
    }

    // open.attempting.contacting 联系中

    #[state(superstate = "attempting", entry_action = "enter_contacting", exit_action = "unlock")]
    fn contacting(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::AttemptResult(result) => self.tried(result, cx),
            Event::Release(_) => self.put_down(cx).to(cx, "11", State::queued()),
            Event::Timer(timer) if timer.0 == LOCK => self.lock_over(cx).to(cx, "11a", State::queued()),
            _ => Super,
        }
    }

    #[action]
    fn enter_contacting(&mut self, cx: &mut Cx<'_>) {
        let due = cx.calendar.due(cx.now, cx.policy.lock.contacting);
        cx.arm(LOCK, due);
    }

    #[action]
    fn unlock(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(LOCK);
    }

    // open.attempting.retry_wait 待重试

    #[state(superstate = "attempting", entry_action = "enter_waiting", exit_action = "leave_retry_wait")]
    fn retry_wait(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Timer(timer) if timer.0 == RETRY_AT => DONE.to(cx, "12", State::queued()),
            Event::ContactFixed(fixed) => self.contact_fixed(fixed).stay(cx, "22a"),
            _ => self.waiting(cx, event),
        }
    }

    #[action]
    fn leave_retry_wait(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(EXPIRE);
        cx.cancel(RETRY_AT);
    }

    // open.attempting.appointed 已预约

    #[state(superstate = "attempting", entry_action = "enter_appointed", exit_action = "leave_appointed")]
    fn appointed(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Timer(timer) if timer.0 == APPOINTMENT => {
                self.appointment_near(cx).to(cx, "14", State::queued())
            }
            Event::ContactFixed(fixed) => self.contact_fixed(fixed).stay(cx, "22a"),
            _ => self.waiting(cx, event),
        }
    }

    #[action]
    fn enter_appointed(&mut self, cx: &mut Cx<'_>) {
        self.arm_appointment(cx);
        self.arm_expire(cx);
    }

    #[action]
    fn leave_appointed(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(EXPIRE);
        cx.cancel(APPOINTMENT);
    }

    #[superstate(superstate = "open")]
    fn attempting(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        self.early(cx, event)
    }

    // open.connected 沟通中

    #[state(superstate = "open", entry_action = "enter_connected", exit_action = "unlock")]
    fn connected(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        let more = self.attempts < cx.policy.max_attempts;
        match event {
            Event::Schedule(wish) => self.schedule(wish, cx).to(cx, "13", State::appointed()),
            Event::Release(_) if more => self.hang_up(cx).to(cx, "13a", State::retry_wait()),
            Event::Release(_) => self.hang_up_last(cx).to(cx, "13b", State::fallback()),
            Event::Timer(timer) if timer.0 == LOCK && more => {
                self.call_dropped(cx).to(cx, "13c", State::retry_wait())
            }
            Event::Timer(timer) if timer.0 == LOCK => {
                self.ask_in_writing(cx).to(cx, "13d", State::fallback())
            }
            Event::Record(word) => self.heard(word, cx),
            _ => self.early(cx, event),
        }
    }

    #[action]
    fn enter_connected(&mut self, cx: &mut Cx<'_>) {
        let due = cx.calendar.due(cx.now, cx.policy.lock.connected);
        cx.arm(LOCK, due);
    }

    // open.fallback 书面问卷

    #[state(superstate = "open", entry_action = "enter_fallback", exit_action = "leave_fallback")]
    fn fallback(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Record(word) => self.heard(word, cx),
            Event::Timer(timer) if timer.0 == FALLBACK_EXPIRE => {
                DONE.to(cx, "22", State::closed_unreachable())
            }
            Event::ContactFixed(fixed) if self.attempts < cx.policy.max_attempts => {
                self.contact_fixed(fixed).to(cx, "22b", State::queued())
            }
            Event::ContactFixed(fixed) => self.ask_again_in_writing(fixed, cx).stay(cx, "22c"),
            _ => self.early(cx, event),
        }
    }

    #[action]
    fn enter_fallback(&mut self, cx: &mut Cx<'_>) {
        let due = cx.calendar.due(cx.now, cx.policy.fallback);
        cx.arm(FALLBACK_EXPIRE, due);
    }

    #[action]
    fn leave_fallback(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(FALLBACK_EXPIRE);
    }

    // open.reviewing 不满意待处置

    #[state(superstate = "open", entry_action = "enter_reviewing", exit_action = "leave_reviewing")]
    fn reviewing(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        let negative = State::closed_completed_negative();
        match event {
            Event::Dispose(ruling) => match ruling.decision {
                Decision::ReopenSource => self.reopen_source(ruling, cx).to(cx, "18", negative),
                Decision::NewComplaint if self.may_complain(cx) => self.complain(cx).to(cx, "19", negative),
                Decision::NewComplaint => self.ask_management(cx).to(cx, "19a", negative),
                Decision::Improvement => self.improve(cx).to(cx, "20", negative),
                Decision::Explain => DONE.to(cx, "20", negative),
            },
            Event::OptOut(wish) => self.opt_out(wish, cx).stay(cx, "23a"),
            Event::Timer(timer) if timer.0 == RECOVERY_HALF && self.complains_by_itself(cx) => {
                self.complain_or_ask_management(cx).to(cx, "21", negative)
            }
            Event::Timer(timer) if timer.0 == RECOVERY_HALF => self.undecided(cx).stay(cx, "21a"),
            Event::Timer(timer) if timer.0 == RECOVERY => self.improve(cx).to(cx, "21b", negative),
            _ => Super,
        }
    }

    #[action]
    fn enter_reviewing(&mut self, cx: &mut Cx<'_>) {
        self.arm_recovery(cx);
    }

    #[action]
    fn leave_reviewing(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(RECOVERY_HALF);
        cx.cancel(RECOVERY);
    }

    // open 回访中

    #[superstate]
    fn open(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Common(common) => self.ended_by_decision(cx, common),
            _ => Super,
        }
    }

    // closed 已结束

    #[state(superstate = "closed")]
    fn closed_completed_positive() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_completed_neutral() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_completed_negative() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_unreachable(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Record(word) if !by_staff(cx) => self.answered_late(word, cx).stay(cx, "X4"),
            _ => Super,
        }
    }

    #[state(superstate = "closed")]
    fn closed_refused() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_suppressed() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_cancelled() -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn closed_expired() -> Outcome<State> {
        Super
    }

    #[superstate(entry_action = "enter_closed")]
    fn closed() -> Outcome<State> {
        Super
    }

    #[action]
    fn enter_closed(&mut self, cx: &mut Cx<'_>) {
        cx.cancel_where(|_| true);
    }
}

impl Callback {
    /// Rows 1 and 2.
    pub(super) fn first_state(&self) -> State {
        if self.suppressed.is_some() { State::closed_suppressed() } else { State::planned() }
    }

    /// What came of an attempt: rows 5 to 10.
    fn tried(&mut self, result: &AttemptResult, cx: &mut Cx<'_>) -> Outcome<State> {
        let more = self.attempts + 1 < cx.policy.max_attempts;
        match result.outcome {
            Reached::Connected => self.connect(result, cx).to(cx, "5", State::connected()),
            Reached::Rejected => self.attempted(result, cx).to(cx, "9", State::closed_refused()),
            Reached::Busy if more => self.busy(result, cx).to(cx, "6", State::retry_wait()),
            Reached::NoAnswer | Reached::PowerOff | Reached::Voicemail if more => {
                self.not_there(result, cx).to(cx, "7", State::retry_wait())
            }
            Reached::WrongNumber | Reached::ChannelClosed if more && self.reachable_otherwise(result) => {
                self.contact_useless(result, cx).to(cx, "8", State::queued())
            }
            Reached::WrongNumber | Reached::ChannelClosed if more => {
                self.no_contact_left(result, cx).to(cx, "8a", State::fallback())
            }
            Reached::Busy
            | Reached::NoAnswer
            | Reached::PowerOff
            | Reached::Voicemail
            | Reached::WrongNumber
            | Reached::ChannelClosed => self.tried_enough(result, cx).to(cx, "10", State::fallback()),
        }
    }

    /// What the customer says: rows 15 to 17a.
    fn heard(&mut self, word: &Record, cx: &mut Cx<'_>) -> Outcome<State> {
        match self.grade(word, cx) {
            Grade::Positive => self.record(word, cx).to(cx, "15", State::closed_completed_positive()),
            Grade::Neutral => self.record_neutral(word, cx).to(cx, "16", State::closed_completed_neutral()),
            Grade::Low => self.record_low(word, cx).to(cx, "17", State::reviewing()),
            Grade::Unscored => {
                self.record_unscored(word, cx).to(cx, "17a", State::closed_completed_neutral())
            }
        }
    }

    /// What all states have in common in which nobody is calling.
    fn waiting(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Timer(timer) if timer.0 == EXPIRE => {
                self.expired(cx).to(cx, "25", State::closed_expired())
            }
            Event::Common(Common::CalendarAmended(_)) => {
                self.rearm(cx);
                Super
            }
            _ => self.early(cx, event),
        }
    }

    /// What ends a callback that nobody has answered: rows 23 and 24.
    fn early(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::OptOut(wish) => self.opt_out(wish, cx).to(cx, "23", State::closed_refused()),
            Event::Cancel(_) => DONE.to(cx, "24", State::closed_cancelled()),
            _ => Super,
        }
    }

    /// What ends every callback that is not at its end: rows 24a to 24c.
    fn ended_by_decision(&mut self, cx: &mut Cx<'_>, common: &Common) -> Outcome<State> {
        let cancelled = State::closed_cancelled();
        match common {
            Common::SubjectErased(subject) => self.erase(subject, cx).to(cx, "24a", cancelled),
            Common::SubjectRestricted(subject) => self.restrict(subject, cx).to(cx, "24b", cancelled),
            Common::ForceClosed(end) => Self::force_close(end, cx).to(cx, "24c", cancelled),
            _ => Super,
        }
    }
}

/// Every leaf, in the order of the specification.
pub(super) fn leaves() -> Vec<State> {
    vec![
        State::planned(),
        State::queued(),
        State::contacting(),
        State::retry_wait(),
        State::appointed(),
        State::connected(),
        State::fallback(),
        State::reviewing(),
        State::closed_completed_positive(),
        State::closed_completed_neutral(),
        State::closed_completed_negative(),
        State::closed_unreachable(),
        State::closed_refused(),
        State::closed_suppressed(),
        State::closed_cancelled(),
        State::closed_expired(),
    ]
}
