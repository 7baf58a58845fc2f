//! Owns attempts, grades, retakes and appeals.

use serde_json::json;

use super::event::{AssessmentOpened, Grade, ScheduleRetake, StartAttempt};
use super::{APPEAL_END, ATTEMPT_END, Cx, Enrollment, Graded, RETAKE_AT, RETAKE_LIMIT};
use crate::kernel::case::Handle;
use crate::kernel::fact::Glimpse;
use crate::kernel::instant::Instant;
use crate::workflows::row::{Pass, duty, guard, input};
use crate::workflows::training::classes::Lecturer;
use crate::workflows::training::desk::working_days;
use crate::workflows::training::person;

/// Attempts.
impl Enrollment {
    /// Row 11.
    pub(super) fn open_attempt(&mut self, opened: &AssessmentOpened, cx: &mut Cx<'_>) -> Pass {
        self.begin_attempt(1, opened.closes, cx)
    }

    fn begin_attempt(&mut self, n: u32, closes: Instant, cx: &mut Cx<'_>) -> Pass {
        self.attempts = n;
        self.submitted = false;
        cx.arm(ATTEMPT_END, closes);
        cx.notify(&person(&self.trainee), "attempt_open", json!({ "n": n, "until": closes }));
        Ok(())
    }

    /// Row 11a.
    pub(super) fn start_attempt(&self, attempt: &StartAttempt) -> Pass {
        if attempt.n != self.attempts {
            let reason = format!("attempt {} is not open; accepted is {}", attempt.n, self.attempts);
            return Err(guard("another_attempt", reason));
        }
        Ok(())
    }

    /// Row 11b.
    pub(super) fn submit(&mut self, cx: &Cx<'_>) -> Pass {
        if cx.due_of(ATTEMPT_END).is_none_or(|end| cx.now > end) {
            return Err(guard("attempt_over", "the attempt is over; accepted is its grade"));
        }
        self.submitted = true;
        Ok(())
    }

    /// Whether another attempt is left after this one.
    pub(super) fn may_retake(&self, cx: &Cx<'_>) -> bool {
        self.attempts < cx.policy.attempts_max()
    }

    pub(super) fn passes(&self, grade: &Grade) -> bool {
        grade.score >= self.assessment.pass_mark
    }
}

/// Grades.
impl Enrollment {
    /// Nobody grades oneself, and who taught the class is not the trainee's only grader.
    fn check_grader(&self, cx: &mut Cx<'_>) -> Pass {
        if cx.actor.id == self.trainee.id {
            return Err(duty("own_grade", "nobody grades own work; accepted is another trainer"));
        }
        let class = cx.fact::<Option<Glimpse>>("other").flatten();
        let lecturer: Option<Lecturer> = class.and_then(|class| class.get("/lecturer"));
        let taught = lecturer.is_some_and(|lecturer| lecturer.is(&cx.actor.id));
        let alone = self.grades.iter().all(|graded| graded.grader.id == cx.actor.id);
        if taught && alone {
            let reason = "who taught the class is not its only grader; accepted is another trainer first";
            return Err(duty("only_grader", reason));
        }
        Ok(())
    }

    fn take_grade(&mut self, grade: &Grade, cx: &Cx<'_>) {
        self.grades.push(Graded {
            n: self.attempts,
            score: grade.score,
            grader: Handle::from(cx.actor),
            at: cx.now,
            rubric: grade.rubric.clone(),
            appealed: false,
        });
    }

    /// Row 12.
    pub(super) fn pass(&mut self, grade: &Grade, cx: &mut Cx<'_>) -> Pass {
        self.check_grader(cx)?;
        self.take_grade(grade, cx);
        self.certify(cx);
        Ok(())
    }

    /// Row 13.
    pub(super) fn fail(&mut self, grade: &Grade, cx: &mut Cx<'_>) -> Pass {
        self.check_grader(cx)?;
        self.take_grade(grade, cx);
        self.missed_attempt(cx)
    }

    /// Row 13a, and what it shares with row 13.
    pub(super) fn missed_attempt(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.failed_at = Some(cx.now);
        cx.arm(RETAKE_LIMIT, cx.calendar.due(cx.now, cx.policy.retake_gap.max));
        cx.notify(&person(&self.trainee), "attempt_failed", json!({ "n": self.attempts }));
        Ok(())
    }

    /// Row 14.
    pub(super) fn fail_last(&mut self, grade: &Grade, cx: &mut Cx<'_>) -> Pass {
        self.check_grader(cx)?;
        self.take_grade(grade, cx);
        self.missed_last(cx)
    }

    /// Row 14a, and what it shares with row 14.
    pub(super) fn missed_last(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.failed_at = Some(cx.now);
        self.wait_for_appeal(cx)
    }

    fn wait_for_appeal(&self, cx: &mut Cx<'_>) -> Pass {
        let until = cx.calendar.due(cx.now, cx.policy.appeal);
        cx.arm(APPEAL_END, until);
        cx.notify(&person(&self.trainee), "failed_last", json!({ "appeal_until": until }));
        Ok(())
    }
}

/// Retakes.
impl Enrollment {
    /// Row 15: from the first opening of a working day to the close of a later one after the failing (R2).
    pub(super) fn schedule_retake(&self, retake: &ScheduleRetake, cx: &mut Cx<'_>) -> Pass {
        let failed = self.failed_at.unwrap_or(cx.now);
        let days = working_days(cx.policy.retake_gap.min).unwrap_or(0);
        let first = cx.calendar.open_of(cx.calendar.working_day(failed, days));
        let last = cx.calendar.due(failed, cx.policy.retake_gap.max);
        if retake.at < first.max(cx.now) || retake.at > last {
            let reason = format!("`at` {} is refused; accepted are times from {first} to {last}", retake.at);
            return Err(input("retake_gap", reason));
        }
        cx.arm(RETAKE_AT, retake.at);
        cx.notify(&person(&self.trainee), "retake_scheduled", json!({ "at": retake.at }));
        Ok(())
    }

    /// Row 15a.
    pub(super) fn retake(&mut self, cx: &mut Cx<'_>) -> Pass {
        let closes = cx.calendar.due(cx.now, cx.policy.attempt);
        self.begin_attempt(self.attempts + 1, closes, cx)
    }

    /// Row 15b.
    pub(super) fn wait_for_regrade(cx: &mut Cx<'_>) -> Pass {
        cx.arm(RETAKE_AT, cx.calendar.due(cx.now, cx.policy.retake_wait));
        Ok(())
    }

    /// Row 17.
    pub(super) fn retake_no_more(&self, cx: &mut Cx<'_>) -> Pass {
        if self.appeal_open { Ok(()) } else { self.wait_for_appeal(cx) }
    }
}

/// Appeals.
impl Enrollment {
    /// Row 16.
    pub(super) fn appeal(&mut self, cx: &mut Cx<'_>) -> Pass {
        let Some(last) = self.grades.last_mut() else {
            return Err(guard("no_grade", "there is no grade to appeal"));
        };
        let until = cx.calendar.due(last.at, cx.policy.appeal);
        if last.appealed {
            return Err(guard("appealed_before", "this grade was appealed; each can be once"));
        }
        if cx.now > until {
            return Err(guard("too_late", format!("the grade could be appealed until {until}")));
        }
        last.appealed = true;
        self.appeal_open = true;
        cx.cancel(APPEAL_END);
        cx.notify("role:training_admin", "grade_appealed", json!({ "trainee": self.trainee.id }));
        Ok(())
    }

    /// What every second grade needs: an open appeal, and somebody else than who gave the first.
    fn grade_again(&mut self, grade: &Grade, cx: &mut Cx<'_>) -> Pass {
        if !self.appeal_open {
            return Err(guard("no_appeal", "no appeal is open; accepted is an appeal first"));
        }
        let first = self.grades.last().map(|graded| graded.grader.id.as_str());
        if first == Some(cx.actor.id.as_str()) {
            return Err(duty("same_grader", "who gave the grade does not grade again; accepted is another"));
        }
        self.check_grader(cx)?;
        self.take_grade(grade, cx);
        self.appeal_open = false;
        Ok(())
    }

    /// Row 16a.
    pub(super) fn regrade_passes(&mut self, grade: &Grade, cx: &mut Cx<'_>) -> Pass {
        self.grade_again(grade, cx)?;
        self.certify(cx);
        Ok(())
    }

    /// Row 16b.
    pub(super) fn regrade_fails(&mut self, grade: &Grade, cx: &mut Cx<'_>) -> Pass {
        self.grade_again(grade, cx)?;
        cx.notify(&person(&self.trainee), "appeal_failed", json!({}));
        Ok(())
    }

    /// Row 16c.
    pub(super) fn regrade_fails_last(&mut self, grade: &Grade, cx: &mut Cx<'_>) -> Pass {
        self.grade_again(grade, cx)?;
        self.fail_for_good(cx)
    }

    /// Row 17a: people decide what follows; a supervisor may order a class.
    pub(super) fn fail_for_good(&self, cx: &mut Cx<'_>) -> Pass {
        self.open_consequence("failed", cx);
        let values = json!({ "trainee": self.trainee.id, "title": self.title });
        cx.notify("role:supervisor", "remedial_possible", values);
        Ok(())
    }
}
