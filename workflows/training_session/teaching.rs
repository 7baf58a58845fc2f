//! Owns the sittings of a class as they take place, or do not.

use serde_json::json;

use super::event::SittingNo;
use super::{ASSESS_END, Cx, Enrolled, SITTING_END, SURVEY_CLOSE, Session};
use crate::kernel::actor::Role;
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;
use crate::workflows::row::{Pass, guard, object};
use crate::workflows::training::classes::{Exam, Sitting};

const MINUTE_MILLIS: i64 = 60_000;
/// States of enrolments that are told when a sitting is over.
const EXPECTED: [&str; 4] = ["notified", "confirmed", "leave_pending", "attending"];

fn is_expected(enrolled: &Enrolled) -> bool {
    EXPECTED.contains(&enrolled.status.as_str())
}

fn minutes(sitting: &Sitting) -> i64 {
    sitting.end.since(sitting.start) / MINUTE_MILLIS
}

impl Session {
    /// Row 8: earlier sittings that were not started did not take place.
    pub(super) fn start_sitting(&mut self, which: &SittingNo, cx: &mut Cx<'_>) -> Pass {
        let margin = match cx.policy.session_late {
            Span::Wall(seconds) => i64::from(seconds.get()) * 1_000,
            // `Policy::check` lets no other kind pass.
            Span::Business(_) | Span::WorkingDays(_) | Span::CalendarDays(..) => 0,
        };
        let open = |sitting: &Sitting| sitting.held.is_none();
        let found = self.sittings.iter().find(|sitting| sitting.no == which.sitting_no && open(sitting));
        let Some(sitting) = found.cloned() else {
            let left: Vec<String> =
                self.sittings.iter().filter(|sitting| open(sitting)).map(|s| s.no.to_string()).collect();
            let reason =
                format!("sitting {} does not come; accepted are {}", which.sitting_no, left.join(", "));
            return Err(guard("unknown_sitting", reason));
        };
        let away = cx.now.since(sitting.start);
        if !(-margin..=margin).contains(&away) {
            let reason = format!(
                "sitting {} begins {}; accepted is a start within {} of that",
                sitting.no, sitting.start, cx.policy.session_late
            );
            return Err(guard("not_its_time", reason));
        }
        for earlier in self.sittings.iter_mut().filter(|earlier| earlier.no < sitting.no && open(earlier)) {
            earlier.held = Some(false);
        }
        cx.arm(SITTING_END, cx.calendar.due(sitting.end, cx.policy.sitting_overrun));
        Ok(())
    }

    /// Whether another sitting comes after the one that comes next or runs.
    pub(super) fn more_sittings(&self) -> bool {
        self.sittings.iter().filter(|sitting| sitting.held.is_none()).count() > 1
    }

    pub(super) fn is_examined(&self) -> bool {
        self.assessment.kind != Exam::None
    }

    /// Row 9, and what it shares with 9a and 9b.
    pub(super) fn end_sitting(&mut self, which: &SittingNo, cx: &mut Cx<'_>) -> Pass {
        let Some(running) = self.next().filter(|running| running.no == which.sitting_no).cloned() else {
            let running = self.next().map_or(0, |running| running.no);
            let reason = format!("sitting {} does not run; accepted is {running}", which.sitting_no);
            return Err(guard("another_sitting", reason));
        };
        self.settle(running.no, true);
        let payload = json!({ "sitting_no": running.no, "minutes": minutes(&running) });
        self.tell(is_expected, "sitting_ended", &payload, cx);
        self.arm_start(cx);
        Ok(())
    }

    fn settle(&mut self, no: u32, held: bool) {
        if let Some(sitting) = self.sittings.iter_mut().find(|sitting| sitting.no == no) {
            sitting.held = Some(held);
        }
    }

    /// Rows 9a and 9b.
    pub(super) fn end_last(&mut self, which: &SittingNo, cx: &mut Cx<'_>) -> Pass {
        self.end_sitting(which, cx)?;
        self.end_class(cx)
    }

    fn end_class(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.ended_at = Some(cx.now);
        let held = self.sittings.iter().filter(|sitting| sitting.held == Some(true));
        let payload = json!({ "total_minutes": held.map(minutes).sum::<i64>() });
        let expected = |enrolled: &Enrolled| is_expected(enrolled) || enrolled.status == "nominated";
        self.tell(expected, "session_ended", &payload, cx);
        let last = self.last_end();
        cx.arm(SURVEY_CLOSE, cx.calendar.due(last, cx.policy.survey));
        if self.is_examined() {
            cx.arm(ASSESS_END, cx.calendar.due(last, cx.policy.assess));
        }
        Ok(())
    }

    /// When the last sitting that took place was to end; of none the last that was planned.
    pub(super) fn last_end(&self) -> Instant {
        let held = self.sittings.iter().rfind(|sitting| sitting.held == Some(true));
        held.or(self.sittings.last()).map(|sitting| sitting.end).unwrap_or_default()
    }

    /// Row 9c.
    pub(super) fn overrun(&self, cx: &mut Cx<'_>) -> Pass {
        if let Some(running) = self.next() {
            cx.follow("end_sitting", object(json!({ "sitting_no": running.no })));
        }
        Ok(())
    }

    /// Rows 10 and 10b.
    pub(super) fn late(&self, cx: &mut Cx<'_>) -> Pass {
        cx.task("session_late", self.case.case_no.as_str(), None, Role::TrainingAdmin);
        let values = json!({ "title": self.title, "start": self.next().map(|next| next.start) });
        cx.notify("role:training_admin", "session_late", values);
        Ok(())
    }

    /// Row 10c, and what it shares with 10d and 10e.
    pub(super) fn lose_sitting(&mut self, cx: &mut Cx<'_>) -> Pass {
        if let Some(no) = self.next().map(|next| next.no) {
            self.settle(no, false);
        }
        self.arm_start(cx);
        Ok(())
    }

    /// Rows 10d and 10e.
    pub(super) fn lose_last(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.lose_sitting(cx)?;
        self.end_class(cx)
    }
}
