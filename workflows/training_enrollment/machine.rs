//! Owns where an enrolment is: the table of arrows (§3.4.3), and how the kernel sees it.
//!
//! One arm is one row: event, guard, `to` or `stay` with the row's number. What a row checks and changes is
//! said in the modules beside this one.

use statig::prelude::*;

use super::event::Event;
use super::policy::Policy;
use super::{
    ABSENCE_DECIDE, APPEAL_END, ATTEMPT_END, Cx, EXPLAIN_END, Enrollment, REMINDER, RETAKE_AT, RETAKE_LIMIT,
    SITTING_START, samples,
};
use crate::kernel::common::Common;
use crate::kernel::fact::Fact;
use crate::kernel::sla::timing::Target;
use crate::kernel::step::Machine;
use crate::workflows::row::{Arrow, DONE, by_system};
use crate::workflows::training::{Scopes, force_close, internal_machine, leave_scopes, superiors_of};

/// A trainer's grade.
const GRADE: &str = "grade";
/// Another trainer's grade.
const REGRADE: &str = "regrade";

const SCOPES: Scopes = &[
    (REMINDER, &["notified", "confirmed"]),
    (SITTING_START, &["notified", "confirmed", "leave_pending"]),
    (EXPLAIN_END, &["absent"]),
    (ABSENCE_DECIDE, &["absent"]),
    (ATTEMPT_END, &["assessing"]),
    (RETAKE_AT, &["retake_scheduled"]),
    (RETAKE_LIMIT, &["failed"]),
    (APPEAL_END, &["failed_last"]),
];

#[state_machine(
    initial = "State::nominated()",
    context_identifier = "cx",
    visibility = "pub",
    state(derive(Debug, Clone, PartialEq)),
    superstate(derive(Debug))
)]
impl Enrollment {
    #[state]
    fn nominated(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Notify(notice) => self.notify(notice, cx).to(cx, "1", State::notified()),
            Event::SessionEnded(_) => DONE.to(cx, "7a", State::closed_excused()),
            Event::SessionCancelled(_) => self.cancelled().to(cx, "18b", State::closed_excused()),
            Event::SessionPostponed(_) => DONE.stay(cx, "18d"),
            _ => self.open(cx, event),
        }
    }

    #[state]
    fn notified(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::ConfirmAttendance(_) => DONE.to(cx, "2", State::confirmed()),
            _ => self.invited(cx, event),
        }
    }

    #[state]
    fn confirmed(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        self.invited(cx, event)
    }

    #[state]
    fn leave_pending(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::ApproveLeave(_) => self.approve_leave(cx).to(cx, "4", State::closed_excused()),
            Event::DenyLeave(_) => self.deny_leave(cx).to(cx, "4a", State::confirmed()),
            Event::Timer(timer) if timer.0 == SITTING_START => DONE.to(cx, "4b", State::confirmed()),
            _ => self.coming(cx, event),
        }
    }

    #[state]
    fn attending(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::CheckIn(coming) => self.check_in(coming, cx).stay(cx, "5"),
            Event::CheckOut(leaving) => self.check_out(leaving, cx).stay(cx, "5a"),
            Event::SittingEnded(over) => self.sitting_ended(over, cx).stay(cx, "5b"),
            Event::MarkAbsent(missed) => self.mark_absent(missed).stay(cx, "5c"),
            Event::SessionEnded(over) if !self.was_present(over, cx) => {
                self.become_absent(cx).to(cx, "6a", State::absent())
            }
            Event::SessionEnded(_) if self.is_examined() => DONE.to(cx, "6", State::attended()),
            Event::SessionEnded(_) => DONE.to(cx, "10", State::closed_attended_only()),
            _ => self.open(cx, event),
        }
    }

    #[state]
    fn attended(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::AssessmentOpened(opened) => self.open_attempt(opened, cx).to(cx, "11", State::assessing()),
            _ => self.surveyed(cx, event),
        }
    }

    #[state]
    fn absent(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::ExplainAbsence(excuse) => self.explain(excuse, cx).stay(cx, "8"),
            Event::ApproveLeave(word) => self.excuse_late(word, cx).to(cx, "8a", State::closed_excused()),
            Event::AcceptExplanation(_) => self.accept_explanation(cx).to(cx, "8b", State::closed_excused()),
            Event::Timer(timer) if timer.0 == ABSENCE_DECIDE => {
                self.undecided(cx).to(cx, "8c", State::closed_excused())
            }
            Event::RejectExplanation(_) => {
                self.reject_explanation(cx).to(cx, "9", State::closed_absent_unexcused())
            }
            Event::Timer(timer) if timer.0 == EXPLAIN_END => {
                self.unexcused(cx).to(cx, "9a", State::closed_absent_unexcused())
            }
            _ => self.surveyed(cx, event),
        }
    }

    #[state]
    fn assessing(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::StartAttempt(attempt) => self.start_attempt(attempt).stay(cx, "11a"),
            Event::SubmitAttempt(_) => self.submit(cx).stay(cx, "11b"),
            Event::Grade(grade) if self.passes(grade) => {
                self.pass(grade, cx).to(cx, "12", State::closed_passed())
            }
            Event::Grade(grade) if self.may_retake(cx) => self.fail(grade, cx).to(cx, "13", State::failed()),
            Event::Grade(grade) => self.fail_last(grade, cx).to(cx, "14", State::failed_last()),
            Event::Timer(timer) if timer.0 == ATTEMPT_END && self.submitted => DONE.stay(cx, "13b"),
            Event::Timer(timer) if timer.0 == ATTEMPT_END && self.may_retake(cx) => {
                self.missed_attempt(cx).to(cx, "13a", State::failed())
            }
            Event::Timer(timer) if timer.0 == ATTEMPT_END => {
                self.missed_last(cx).to(cx, "14a", State::failed_last())
            }
            _ => self.surveyed(cx, event),
        }
    }

    #[state]
    fn failed(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::ScheduleRetake(retake) => {
                self.schedule_retake(retake, cx).to(cx, "15", State::retake_scheduled())
            }
            Event::Regrade(grade) if !self.passes(grade) => self.regrade_fails(grade, cx).stay(cx, "16b"),
            Event::Timer(timer) if timer.0 == RETAKE_LIMIT => {
                self.retake_no_more(cx).to(cx, "17", State::failed_last())
            }
            _ => self.appealing(cx, event),
        }
    }

    #[state]
    fn retake_scheduled(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Timer(timer) if timer.0 == RETAKE_AT && self.appeal_open => {
                Self::wait_for_regrade(cx).stay(cx, "15b")
            }
            Event::Timer(timer) if timer.0 == RETAKE_AT => self.retake(cx).to(cx, "15a", State::assessing()),
            Event::Regrade(grade) if !self.passes(grade) => self.regrade_fails(grade, cx).stay(cx, "16b"),
            _ => self.appealing(cx, event),
        }
    }

    #[state]
    fn failed_last(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Regrade(grade) if !self.passes(grade) => {
                self.regrade_fails_last(grade, cx).to(cx, "16c", State::closed_failed_final())
            }
            Event::Timer(timer) if timer.0 == APPEAL_END => {
                self.fail_for_good(cx).to(cx, "17a", State::closed_failed_final())
            }
            _ => self.appealing(cx, event),
        }
    }

    #[state(superstate = "closed")]
    fn closed_passed(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[state(superstate = "closed")]
    fn closed_attended_only(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[state(superstate = "closed")]
    fn closed_failed_final(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[state(superstate = "closed")]
    fn closed_absent_unexcused(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[state(superstate = "closed")]
    fn closed_excused(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[state(superstate = "closed")]
    fn closed_declined(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[state(superstate = "closed")]
    fn closed_withdrawn(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[superstate]
    fn closed(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::AnswerSurvey(answer) => self.answer_survey(answer, cx).stay(cx, "19"),
            _ => Super,
        }
    }
}

/// Rows that several states share.
impl Enrollment {
    /// notified, confirmed
    fn invited(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Decline(_) => self.decline().to(cx, "2a", State::closed_declined()),
            Event::Timer(timer) if timer.0 == REMINDER => self.remind(cx).stay(cx, "2b"),
            Event::RequestLeave(_) => self.request_leave(cx).to(cx, "3", State::leave_pending()),
            _ => self.coming(cx, event),
        }
    }

    /// notified, confirmed, leave_pending
    fn coming(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::CheckIn(coming) => self.check_in(coming, cx).to(cx, "5", State::attending()),
            Event::SittingEnded(over) => self.sitting_ended(over, cx).stay(cx, "5b"),
            Event::MarkAbsent(missed) => self.mark_absent(missed).stay(cx, "5c"),
            Event::SessionEnded(_) => self.become_absent(cx).to(cx, "7", State::absent()),
            Event::SessionCancelled(_) => self.cancelled().to(cx, "18b", State::closed_excused()),
            Event::SessionPostponed(_) => self.postponed().to(cx, "18c", State::nominated()),
            _ => self.open(cx, event),
        }
    }

    /// failed, retake_scheduled, failed_last
    fn appealing(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Appeal(_) => self.appeal(cx).stay(cx, "16"),
            Event::Regrade(grade) => self.regrade_passes(grade, cx).to(cx, "16a", State::closed_passed()),
            _ => self.surveyed(cx, event),
        }
    }

    /// From the end of the class on.
    fn surveyed(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::AnswerSurvey(answer) => self.answer_survey(answer, cx).stay(cx, "19"),
            _ => self.open(cx, event),
        }
    }

    /// Every open state.
    fn open(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Withdraw(_) => DONE.to(cx, "18", State::closed_withdrawn()),
            Event::Common(Common::ForceClosed(end)) => {
                self.quiet = by_system(cx);
                force_close(end, cx).to(cx, "18a", State::closed_withdrawn())
            }
            _ => Super,
        }
    }

    /// Row 18b: the class knows.
    fn cancelled(&mut self) -> crate::workflows::row::Pass {
        self.quiet = true;
        Ok(())
    }
}

impl Machine for Enrollment {
    const WORKFLOW: &'static str = "training_enrollment";
    const DATA_VERSION: u32 = 1;
    const START: &'static str = "nominate";
    const TIMERS: &'static [&'static str] = &[
        REMINDER,
        SITTING_START,
        EXPLAIN_END,
        ABSENCE_DECIDE,
        ATTEMPT_END,
        RETAKE_AT,
        RETAKE_LIMIT,
        APPEAL_END,
    ];
    const ACCEPTED: Option<&'static str> = Some(include_str!("accepted.json"));
    const TARGETS: &'static [&'static str] = &[GRADE, REGRADE];
    internal_machine!("an enrolment");

    fn start(event: &Event, cx: &mut Cx<'_>) -> Option<Self> {
        let Event::Nominate(nomination) = event else { return None };
        Some(Self::begin(nomination, cx))
    }

    fn leaves() -> Vec<State> {
        vec![
            State::nominated(),
            State::notified(),
            State::confirmed(),
            State::leave_pending(),
            State::attending(),
            State::attended(),
            State::absent(),
            State::assessing(),
            State::failed(),
            State::retake_scheduled(),
            State::failed_last(),
            State::closed_passed(),
            State::closed_attended_only(),
            State::closed_failed_final(),
            State::closed_absent_unexcused(),
            State::closed_excused(),
            State::closed_declined(),
            State::closed_withdrawn(),
        ]
    }

    fn arrived(&mut self, path: &str, cx: &mut Cx<'_>) {
        leave_scopes(SCOPES, path, cx);
        path.clone_into(&mut self.status);
        if !self.quiet {
            self.report(cx);
        }
        self.tell_monitor(cx);
    }

    fn target(&self, name: &str, policy: &Policy) -> Option<Target> {
        match name {
            GRADE => Some(Target::Span(policy.grade)),
            REGRADE => Some(Target::Span(policy.regrade)),
            _ => None,
        }
    }

    fn facts(data: Option<&Self>, event: &Event) -> Vec<Fact> {
        let Some(data) = data else { return Vec::new() };
        let class = |members| Fact::Other { id: data.session.clone(), members };
        match event {
            Event::CheckIn(_) | Event::CheckOut(_) | Event::SittingEnded(_) | Event::SessionEnded(_) => {
                vec![class(&["/sittings"])]
            }
            Event::Grade(_) | Event::Regrade(_) => vec![class(&["/lecturer"])],
            Event::AnswerSurvey(_) => vec![class(&["/survey_closed"])],
            Event::DenyLeave(_) => vec![superiors_of(&data.trainee)],
            Event::ApproveLeave(_) | Event::AcceptExplanation(_) | Event::RejectExplanation(_) => {
                data.next_class().into_iter().chain([superiors_of(&data.trainee)]).collect()
            }
            Event::Timer(timer) if timer.0 == EXPLAIN_END && data.mandatory => data.next_class().to_vec(),
            _ => Vec::new(),
        }
    }

    /// How much was attended and which grades there are only refuses: it reaches no other row.
    fn shape(&self) -> String {
        let last = self.grades.last();
        format!(
            "mandatory={} examined={} leave={} in={} missed={} explained={} attempt={} submitted={} grade={:?} appeal={} survey={}",
            self.mandatory,
            self.is_examined(),
            self.leave_requested,
            self.checkins.last().map_or(0, |presence| 1 + usize::from(presence.to.is_some())),
            self.missed.len().min(1),
            self.explained,
            self.attempts,
            self.submitted,
            last.map(|graded| graded.appealed),
            self.appeal_open,
            self.survey.is_some(),
        )
    }
}
