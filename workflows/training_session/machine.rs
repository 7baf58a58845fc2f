//! Owns where a class is: the table of arrows (§3.4.2), and how the kernel sees it.
//!
//! One arm is one row: event, guard, `to` or `stay` with the row's number. What a row checks and changes is
//! said in the modules beside this one.

use statig::prelude::*;

use super::event::Event;
use super::policy::Policy;
use super::{
    ASSESS_END, Cx, POSTPONE_END, RETAKE_END, SITTING_END, START_LATE, START_LOST, SURVEY_CLOSE, Session,
    samples,
};
use crate::kernel::common::Common;
use crate::kernel::fact::Fact;
use crate::kernel::sla::timing::Target;
use crate::kernel::step::Machine;
use crate::workflows::row::{Arrow, DONE, by_system};
use crate::workflows::training::{Scopes, internal_machine, leave_scopes, not_started};

/// What is to be done better.
const REVIEW: &str = "review";
/// The file.
const ARCHIVE: &str = "archive";

const SCOPES: Scopes = &[
    (START_LATE, &["preparing.scheduled", "preparing.notified", "delivering.between"]),
    (START_LOST, &["preparing.scheduled", "preparing.notified", "delivering.between"]),
    (SITTING_END, &["delivering.in_session"]),
    (POSTPONE_END, &["postponed"]),
    (ASSESS_END, &["evaluating.assessing"]),
    (RETAKE_END, &["evaluating.retaking"]),
    (SURVEY_CLOSE, &["evaluating.assessing", "evaluating.retaking", "reviewing"]),
];

#[state_machine(
    initial = "State::draft()",
    context_identifier = "cx",
    visibility = "pub",
    state(derive(Debug, Clone, PartialEq)),
    superstate(derive(Debug))
)]
impl Session {
    // preparing 筹备

    #[state(superstate = "preparing")]
    fn draft(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Submit(_) if self.is_planned(cx) => self.submit(cx).to(cx, "2", State::approved()),
            Event::Submit(_) => self.submit(cx).to(cx, "2a", State::pending_approval()),
            _ => self.unscheduled(cx, event),
        }
    }

    #[state(superstate = "preparing")]
    fn pending_approval(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Approve(_) => self.approve(cx).to(cx, "3", State::approved()),
            Event::Reject(_) => self.reject(cx).to(cx, "3a", State::cancelled()),
            _ => self.unscheduled(cx, event),
        }
    }

    #[state(superstate = "preparing")]
    fn approved(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Schedule(plan) => self.schedule(plan, cx).to(cx, "4", State::scheduled()),
            _ => self.unscheduled(cx, event),
        }
    }

    #[state(superstate = "preparing")]
    fn scheduled(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::PublishNotice(notice) => self.publish(notice, cx).to(cx, "5", State::notified()),
            Event::Enroll(wish) => self.enroll(wish, cx).stay(cx, "5a"),
            _ => self.planned(cx, event),
        }
    }

    #[state(superstate = "preparing")]
    fn notified(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Enroll(wish) => self.enroll_and_notify(wish, cx).stay(cx, "5a"),
            Event::StartSitting(which) => self.start_sitting(which, cx).to(cx, "8", State::in_session()),
            _ => self.planned(cx, event),
        }
    }

    #[superstate]
    fn preparing(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        self.before_it(cx, event)
    }

    #[state]
    fn postponed(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Schedule(plan) => self.schedule_again(plan, cx).to(cx, "4a", State::scheduled()),
            Event::Timer(timer) if timer.0 == POSTPONE_END => {
                self.cancel("no new time was found", cx).to(cx, "7a", State::cancelled())
            }
            _ => self.before_it(cx, event),
        }
    }

    // delivering 授课

    #[state(superstate = "delivering")]
    fn in_session(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::EndSitting(which) if self.more_sittings() => {
                self.end_sitting(which, cx).to(cx, "9", State::between())
            }
            Event::EndSitting(which) if self.is_examined() => {
                self.end_last(which, cx).to(cx, "9a", State::assessing())
            }
            Event::EndSitting(which) => self.end_last(which, cx).to(cx, "9b", State::reviewing()),
            Event::Timer(timer) if timer.0 == SITTING_END => self.overrun(cx).stay(cx, "9c"),
            _ => Super,
        }
    }

    #[state(superstate = "delivering")]
    fn between(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::StartSitting(which) => self.start_sitting(which, cx).to(cx, "8", State::in_session()),
            Event::Timer(timer) if timer.0 == START_LATE => self.late(cx).stay(cx, "10b"),
            Event::Timer(timer) if timer.0 == START_LOST && self.more_sittings() => {
                self.lose_sitting(cx).stay(cx, "10c")
            }
            Event::Timer(timer) if timer.0 == START_LOST && self.is_examined() => {
                self.lose_last(cx).to(cx, "10d", State::assessing())
            }
            Event::Timer(timer) if timer.0 == START_LOST => {
                self.lose_last(cx).to(cx, "10e", State::reviewing())
            }
            _ => Super,
        }
    }

    #[superstate]
    fn delivering(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::EnrollmentChanged(told) => self.changed(told, cx).stay(cx, "17"),
            _ => self.after_start(cx, event),
        }
    }

    // evaluating 评估

    #[state(superstate = "evaluating")]
    fn assessing(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::OpenAssessment(_) => self.open_assessment(cx).stay(cx, "11"),
            Event::CloseAssessment(_) if self.can_retake() => {
                self.wait_for_retakes(cx).to(cx, "11b", State::retaking())
            }
            Event::CloseAssessment(_) => self.graded().to(cx, "11c", State::reviewing()),
            Event::Timer(timer) if timer.0 == ASSESS_END && !self.is_graded() => {
                self.assess_again(cx).stay(cx, "11f")
            }
            Event::Timer(timer) if timer.0 == ASSESS_END && self.can_retake() => {
                self.wait_for_retakes(cx).to(cx, "11d", State::retaking())
            }
            Event::Timer(timer) if timer.0 == ASSESS_END => DONE.to(cx, "11e", State::reviewing()),
            _ => Super,
        }
    }

    #[state(superstate = "evaluating")]
    fn retaking(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::EnrollmentChanged(told) if self.all_final_with(told) => {
                self.changed(told, cx).to(cx, "12", State::reviewing())
            }
            Event::Timer(timer) if timer.0 == RETAKE_END => DONE.to(cx, "12a", State::reviewing()),
            _ => Super,
        }
    }

    #[superstate]
    fn evaluating(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        self.surveyed(cx, event)
    }

    #[state]
    fn reviewing(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Review(review) => self.review(review, cx).to(cx, "13", State::archiving()),
            _ => self.surveyed(cx, event),
        }
    }

    #[state]
    fn archiving(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Archive(file) => self.archive(file, cx).to(cx, "14", State::archived()),
            Event::EnrollmentChanged(told) => self.changed(told, cx).stay(cx, "13a"),
            _ => self.after_start(cx, event),
        }
    }

    #[state]
    fn archived(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[state]
    fn cancelled(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }
}

/// Rows that several states share.
impl Session {
    /// draft, pending_approval, approved: whoever must learn this waits.
    fn unscheduled(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Enroll(wish) if by_system(cx) => self.wait(wish, cx).stay(cx, "waiting"),
            _ => Super,
        }
    }

    /// scheduled, notified
    fn planned(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Postpone(why) => self.postpone(&why.reason, cx).to(cx, "6", State::postponed()),
            Event::Timer(timer) if timer.0 == START_LATE => self.late(cx).stay(cx, "10"),
            Event::Timer(timer) if timer.0 == START_LOST => {
                self.postpone("the class was not started", cx).to(cx, "10a", State::postponed())
            }
            _ => Super,
        }
    }

    /// preparing.*, postponed
    fn before_it(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Cancel(why) => self.cancel(&why.reason, cx).to(cx, "7", State::cancelled()),
            Event::Common(Common::ForceClosed(end)) => {
                self.force_cancel(end, cx).to(cx, "15", State::cancelled())
            }
            Event::EnrollmentChanged(told) => self.changed(told, cx).stay(cx, "17"),
            _ => Super,
        }
    }

    /// assessing, retaking, reviewing
    fn surveyed(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::EnrollmentChanged(told) => self.changed(told, cx).stay(cx, "11a"),
            Event::Timer(timer) if timer.0 == SURVEY_CLOSE => Self::survey_over_next(cx).stay(cx, "12b"),
            Event::CloseSurvey(_) => self.close_survey().stay(cx, "12c"),
            _ => self.after_start(cx, event),
        }
    }

    /// From the first sitting on.
    fn after_start(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Common(Common::ForceClosed(end)) => {
                self.force_archive(end, cx).to(cx, "16", State::archived())
            }
            _ => Super,
        }
    }
}

impl Machine for Session {
    const WORKFLOW: &'static str = "training_session";
    const DATA_VERSION: u32 = 1;
    const START: &'static str = "draft";
    const TIMERS: &'static [&'static str] =
        &[START_LATE, START_LOST, SITTING_END, POSTPONE_END, ASSESS_END, RETAKE_END, SURVEY_CLOSE];
    const ACCEPTED: Option<&'static str> = Some(include_str!("accepted.json"));
    const TARGETS: &'static [&'static str] = &[REVIEW, ARCHIVE];
    internal_machine!("a class");

    fn start(event: &Event, cx: &mut Cx<'_>) -> Option<Self> {
        let Event::Draft(draft) = event else { return None };
        Self::begin(draft, cx).map_or_else(|refusal| not_started(refusal, cx), Some)
    }

    fn leaves() -> Vec<State> {
        vec![
            State::draft(),
            State::pending_approval(),
            State::approved(),
            State::scheduled(),
            State::notified(),
            State::postponed(),
            State::in_session(),
            State::between(),
            State::assessing(),
            State::retaking(),
            State::reviewing(),
            State::archiving(),
            State::archived(),
            State::cancelled(),
        ]
    }

    fn arrived(&mut self, path: &str, cx: &mut Cx<'_>) {
        leave_scopes(SCOPES, path, cx);
    }

    fn target(&self, name: &str, policy: &Policy) -> Option<Target> {
        match name {
            REVIEW => Some(Target::Span(policy.review)),
            ARCHIVE => Some(Target::Span(policy.archive)),
            _ => None,
        }
    }

    fn facts(data: Option<&Self>, event: &Event) -> Vec<Fact> {
        match (data, event) {
            (Some(data), Event::Submit(_)) => data.plan_fact().into_iter().collect(),
            (Some(_), Event::Schedule(plan)) => vec![Self::clash_fact(plan)],
            (Some(_) | None, _) => Vec::new(),
        }
    }

    /// Who is in it counts by where the enrolments stand, not by who they are.
    fn shape(&self) -> String {
        let held: Vec<_> = self.sittings.iter().map(|sitting| sitting.held).collect();
        let people: Vec<_> = self
            .enrolments
            .values()
            .map(|enrolled| (enrolled.status.as_str(), enrolled.can_retake, enrolled.surveyed))
            .collect();
        format!(
            "examined={} planned={} held={held:?} people={people:?} waiting={} open={} survey={}",
            self.is_examined(),
            self.plan_item.is_some(),
            self.waiting.len(),
            self.assessment_open,
            self.survey_closed,
        )
    }
}
