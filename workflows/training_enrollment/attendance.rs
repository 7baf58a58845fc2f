//! Owns who comes to a class: notice, leave, sittings, and absences with their explanations.

use serde_json::json;

use super::event::{
    CheckIn, CheckOut, Excuse, Method, Nominate, Notify, Remark, SessionEnded, SittingEnded, SittingNo,
};
use super::{ABSENCE_DECIDE, Cx, EXPLAIN_END, Enrollment, Presence, REMINDER, SITTING_START};
use crate::kernel::actor::Role;
use crate::kernel::fact::Glimpse;
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;
use crate::workflows::row::{Pass, guard, input};
use crate::workflows::training::classes::{Exam, Sitting};
use crate::workflows::training::desk::working_days;
use crate::workflows::training::{self, by_direct_supervisor, person};

const MINUTE_MILLIS: i64 = 60_000;
/// A source's clock may run ahead by so much (R1).
const SKEW_MILLIS: i64 = 2 * MINUTE_MILLIS;

/// Before the class.
impl Enrollment {
    /// Row 0.
    pub(super) fn begin(nomination: &Nominate, cx: &mut Cx<'_>) -> Self {
        cx.rule("0");
        let case = training::opened(Some(&nomination.trainee), &cx.policy.desk.queue, cx);
        Self {
            case: training::started_by(case, &nomination.session),
            session: nomination.session.clone(),
            trainee: nomination.trainee.clone(),
            source: nomination.source,
            mandatory: nomination.mandatory,
            assessment: nomination.assessment.clone(),
            title: nomination.title.clone(),
            kind: nomination.kind,
            certifies: nomination.certifies.clone(),
            competencies: nomination.competencies.clone(),
            status: String::new(),
            quiet: false,
            notice_at: None,
            start: None,
            leave_requested: false,
            checkins: Vec::new(),
            minutes: 0,
            missed: Vec::new(),
            explained: false,
            attempts: 0,
            submitted: false,
            failed_at: None,
            grades: Vec::new(),
            appeal_open: false,
            survey: None,
            bookings: 0,
        }
    }

    /// Row 1.
    pub(super) fn notify(&mut self, notice: &Notify, cx: &mut Cx<'_>) -> Pass {
        self.notice_at = Some(cx.now);
        self.start = Some(notice.start);
        let values = json!({ "message_ref": notice.message_ref, "start": notice.start });
        cx.notify(&person(&self.trainee), "training_notice", values);
        cx.arm(SITTING_START, notice.start);
        self.arm_reminder(cx);
        Ok(())
    }

    /// The reminder comes at the opening of the working day that lies so long before the start.
    fn arm_reminder(&self, cx: &mut Cx<'_>) {
        let Some(start) = self.start else { return };
        let lead = working_days(cx.policy.reminder).unwrap_or(1);
        let mut date = cx.calendar.date_at(start);
        for _ in 0..lead {
            date = before(date, cx);
        }
        let due = cx.calendar.open_of(date);
        if due > cx.now {
            cx.arm(REMINDER, due);
        }
    }

    /// Row 2b.
    pub(super) fn remind(&self, cx: &mut Cx<'_>) -> Pass {
        cx.notify(&person(&self.trainee), "training_reminder", json!({ "start": self.start }));
        Ok(())
    }

    /// Row 2a.
    pub(super) fn decline(&self) -> Pass {
        if self.mandatory {
            return Err(guard("mandatory", "the class is mandatory; accepted is a request for leave"));
        }
        Ok(())
    }

    /// Row 3.
    pub(super) fn request_leave(&mut self, cx: &mut Cx<'_>) -> Pass {
        if self.start.is_some_and(|start| cx.now >= start) {
            return Err(guard("has_begun", "the class has begun; accepted is an explanation after it"));
        }
        self.leave_requested = true;
        cx.notify("role:supervisor", "leave_requested", json!({ "trainee": self.trainee.id }));
        Ok(())
    }

    /// Row 4.
    pub(super) fn approve_leave(&mut self, cx: &mut Cx<'_>) -> Pass {
        by_direct_supervisor(&self.trainee, cx)?;
        self.book_next(cx);
        Ok(())
    }

    /// Row 4a.
    pub(super) fn deny_leave(&self, cx: &mut Cx<'_>) -> Pass {
        by_direct_supervisor(&self.trainee, cx)?;
        cx.notify(&person(&self.trainee), "leave_denied", json!({}));
        self.arm_reminder(cx);
        Ok(())
    }

    /// Row 18c: the next notice tells when it is now.
    pub(super) fn postponed(&mut self) -> Pass {
        self.notice_at = None;
        self.start = None;
        self.leave_requested = false;
        Ok(())
    }
}

/// Sittings.
impl Enrollment {
    /// The sitting `no` of the class, as it stands there now.
    fn sitting(no: u32, cx: &mut Cx<'_>) -> Result<Sitting, crate::kernel::outcome::Refusal> {
        let sittings = sittings(cx);
        let known: Vec<String> = sittings.iter().map(|sitting| sitting.no.to_string()).collect();
        sittings.into_iter().find(|sitting| sitting.no == no).ok_or_else(|| {
            input("unknown_sitting", format!("there is no sitting {no}; accepted are {}", known.join(", ")))
        })
    }

    fn not_ahead(at: Instant, cx: &Cx<'_>) -> Pass {
        if at.since(cx.now) > SKEW_MILLIS {
            return Err(input("time_ahead", format!("`at` {at} lies ahead; accepted is up to {}", cx.now)));
        }
        Ok(())
    }

    /// Row 5.
    pub(super) fn check_in(&mut self, coming: &CheckIn, cx: &mut Cx<'_>) -> Pass {
        if coming.method == Method::Trainer && cx.actor.role == Role::Trainee {
            return Err(input("method", "a trainee comes in by `qr`; `trainer` is the trainer's to say"));
        }
        Self::not_ahead(coming.at, cx)?;
        let sitting = Self::sitting(coming.sitting_no, cx)?;
        let margin = match cx.policy.sign_in {
            Span::Wall(seconds) => i64::from(seconds.get()) * 1_000,
            // `Policy::check` lets no other kind pass.
            Span::Business(_) | Span::WorkingDays(_) | Span::CalendarDays(..) => 0,
        };
        let opens = sitting.start.plus_millis(-margin);
        if coming.at < opens || coming.at >= sitting.end {
            let reason = format!("sitting {} can be entered from {opens} to {}", sitting.no, sitting.end);
            return Err(guard("not_open", reason));
        }
        let of_it = |presence: &&Presence| presence.sitting_no == coming.sitting_no;
        if self.checkins.iter().filter(of_it).any(|presence| presence.to.is_none_or(|to| to > coming.at)) {
            return Err(guard("already_in", format!("the trainee is in sitting {} already", sitting.no)));
        }
        let late = coming.at > sitting.start.plus_millis(margin);
        self.checkins.push(Presence { sitting_no: sitting.no, from: coming.at, to: None, late });
        Ok(())
    }

    /// Row 5a.
    pub(super) fn check_out(&mut self, leaving: &CheckOut, cx: &mut Cx<'_>) -> Pass {
        Self::not_ahead(leaving.at, cx)?;
        let sitting = Self::sitting(leaving.sitting_no, cx)?;
        if !self.leave_sitting(&sitting, leaving.at) {
            let reason =
                format!("the trainee is not in sitting {} then; accepted is a check-in first", sitting.no);
            return Err(guard("not_in", reason));
        }
        Ok(())
    }

    /// Ends the open presence at `sitting`; false where there is none that began before `at`.
    fn leave_sitting(&mut self, sitting: &Sitting, at: Instant) -> bool {
        let open = self.checkins.iter_mut().find(|presence| {
            presence.sitting_no == sitting.no && presence.to.is_none() && presence.from <= at
        });
        let Some(presence) = open else { return false };
        let to = at.min(sitting.end).max(presence.from);
        presence.to = Some(to);
        let from = presence.from.max(sitting.start.min(to));
        self.minutes += u32::try_from(to.since(from) / MINUTE_MILLIS).unwrap_or(0);
        true
    }

    /// Row 5b: who is still in leaves at the end; who never came is marked absent next.
    pub(super) fn sitting_ended(&mut self, over: &SittingEnded, cx: &mut Cx<'_>) -> Pass {
        let sitting = Self::sitting(over.sitting_no, cx)?;
        self.leave_sitting(&sitting, cx.now.min(sitting.end));
        if !self.checkins.iter().any(|presence| presence.sitting_no == sitting.no) {
            let no = json!({ "sitting_no": sitting.no });
            cx.follow("mark_absent", crate::workflows::row::object(no));
        }
        Ok(())
    }

    /// Row 5c.
    pub(super) fn mark_absent(&mut self, missed: &SittingNo) -> Pass {
        if !self.missed.contains(&missed.sitting_no) {
            self.missed.push(missed.sitting_no);
        }
        Ok(())
    }

    /// Whether the trainee was there: enough minutes, and at every mandatory sitting (rows 6, 6a, 10).
    pub(super) fn was_present(&self, over: &SessionEnded, cx: &mut Cx<'_>) -> bool {
        let enough =
            u64::from(self.minutes) * 100 >= u64::from(over.total_minutes) * u64::from(cx.policy.attendance);
        let missed = |sitting: &Sitting| sitting.mandatory && self.missed.contains(&sitting.no);
        enough && !sittings(cx).iter().any(missed)
    }

    pub(super) fn is_examined(&self) -> bool {
        self.assessment.kind != Exam::None
    }
}

/// Absences.
impl Enrollment {
    /// Rows 6a and 7.
    pub(super) fn become_absent(&self, cx: &mut Cx<'_>) -> Pass {
        let until = cx.calendar.due(cx.now, cx.policy.explain);
        cx.arm(EXPLAIN_END, until);
        cx.notify(&person(&self.trainee), "absence_to_explain", json!({ "until": until }));
        Ok(())
    }

    /// Row 8.
    pub(super) fn explain(&mut self, _excuse: &Excuse, cx: &mut Cx<'_>) -> Pass {
        if self.explained {
            return Err(guard(
                "explained",
                "the absence is explained; accepted is the supervisor's decision",
            ));
        }
        self.explained = true;
        cx.cancel(EXPLAIN_END);
        cx.arm(ABSENCE_DECIDE, cx.calendar.due(cx.now, cx.policy.absence_decide));
        cx.notify("role:supervisor", "absence_explained", json!({ "trainee": self.trainee.id }));
        Ok(())
    }

    /// Row 8a: leave that was asked for in time, or an emergency that the supervisor names.
    pub(super) fn excuse_late(&mut self, word: &Remark, cx: &mut Cx<'_>) -> Pass {
        by_direct_supervisor(&self.trainee, cx)?;
        if !self.leave_requested && word.comment.is_none() {
            let reason = "no leave was asked for; accepted is a `comment` that tells of an emergency";
            return Err(guard("no_leave_requested", reason));
        }
        let start = self.start.unwrap_or(self.case.opened_at);
        let until = cx.calendar.due(start, cx.policy.late_leave);
        if cx.now > until {
            let reason = format!("leave could be granted until {until}; accepted is an explanation");
            return Err(guard("too_late", reason));
        }
        self.book_next(cx);
        Ok(())
    }

    /// Row 8b.
    pub(super) fn accept_explanation(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.decide_explanation(cx)?;
        self.book_next(cx);
        Ok(())
    }

    fn decide_explanation(&self, cx: &mut Cx<'_>) -> Pass {
        if !self.explained {
            return Err(guard("not_explained", "nothing is explained yet; it is decided on after that"));
        }
        by_direct_supervisor(&self.trainee, cx)
    }

    /// Row 8c: an undecided explanation counts for the employee.
    pub(super) fn undecided(&self, cx: &mut Cx<'_>) -> Pass {
        let values = json!({ "trainee": self.trainee.id, "session": self.session });
        cx.notify("role:dept_manager", "absence_undecided", values);
        Ok(())
    }

    /// Row 9.
    pub(super) fn reject_explanation(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.decide_explanation(cx)?;
        self.unexcused(cx)
    }

    /// Rows 9 and 9a: people decide what follows; a mandatory class is attended another time.
    pub(super) fn unexcused(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.open_consequence("absent", cx);
        if self.mandatory {
            self.book_next(cx);
        }
        Ok(())
    }
}

/// The sittings of the class as the engine told them.
fn sittings(cx: &mut Cx<'_>) -> Vec<Sitting> {
    let class = cx.fact::<Option<Glimpse>>("other").flatten();
    class.and_then(|class| class.get("/sittings")).unwrap_or_default()
}

/// The working day before `date`; the day before where ten years hold none.
fn before(date: chrono::NaiveDate, cx: &Cx<'_>) -> chrono::NaiveDate {
    let mut day = date;
    for _ in 0..crate::kernel::calendar::WALK_DAYS_MAX {
        let Some(earlier) = day.pred_opt() else { break };
        day = earlier;
        if cx.calendar.is_working_day(day) {
            return day;
        }
    }
    date.pred_opt().unwrap_or(date)
}
