//! Owns what comes after the last sitting: assessment, retakes, survey, review, file.

use serde_json::json;

use super::event::{Archive, EnrollmentChanged, Review};
use super::{ASSESS_END, Cx, RETAKE_END, Session};
use crate::kernel::actor::Role;
use crate::kernel::date::Date;
use crate::kernel::effect::Spawn;
use crate::workflows::row::{Pass, guard, object};

/// States of enrolments for which it is not decided yet whether they pass this time.
const UNGRADED: [&str; 7] =
    ["nominated", "notified", "confirmed", "leave_pending", "attending", "attended", "assessing"];
/// States of those who attended.
const ATTENDED: [&str; 8] = [
    "attended",
    "assessing",
    "failed",
    "retake_scheduled",
    "failed_last",
    "closed.passed",
    "closed.attended_only",
    "closed.failed_final",
];

/// What enrolments tell.
impl Session {
    /// Rows 11a, 12, 13a and 17.
    pub(super) fn changed(&mut self, told: &EnrollmentChanged, cx: &mut Cx<'_>) -> Pass {
        // Whoever started an enrolment without the class has told it; there is nothing to keep of that.
        let Some(enrolled) = self.enrolments.get_mut(&told.enrollment) else { return Ok(()) };
        told.status.clone_into(&mut enrolled.status);
        enrolled.can_retake = told.can_retake;
        enrolled.is_final = told.is_final;
        enrolled.surveyed = told.surveyed;
        let answered = self.enrolments.values().filter(|enrolled| enrolled.surveyed).count();
        self.survey_n = u32::try_from(answered).unwrap_or(u32::MAX);
        self.count_free();
        if let Some(closes) = self.closes.filter(|_| told.status == "attended") {
            // The class heard of the attendance only after it had opened the assessment.
            cx.send(told.enrollment.clone(), "assessment_opened", object(json!({ "closes": closes })));
        }
        Ok(())
    }

    /// Whether everybody is at the end once `told` is taken down (row 12).
    pub(super) fn all_final_with(&self, told: &EnrollmentChanged) -> bool {
        self.enrolments.iter().all(
            |(id, enrolled)| {
                if *id == told.enrollment { told.is_final } else { enrolled.is_final }
            },
        )
    }
}

/// Assessment and retakes.
impl Session {
    /// Row 11.
    pub(super) fn open_assessment(&mut self, cx: &mut Cx<'_>) -> Pass {
        if self.assessment_open {
            return Err(guard("opened_before", "the assessment is open; accepted is its end"));
        }
        self.open_now(cx);
        Ok(())
    }

    fn open_now(&mut self, cx: &mut Cx<'_>) {
        let closes = cx.calendar.due(cx.now, cx.policy.attempt);
        self.assessment_open = true;
        self.closes = Some(closes);
        let payload = json!({ "closes": closes });
        self.tell(|enrolled| enrolled.status == "attended", "assessment_opened", &payload, cx);
    }

    /// Whether everybody who attended is graded.
    pub(super) fn is_graded(&self) -> bool {
        !self.enrolments.values().any(|enrolled| UNGRADED.contains(&enrolled.status.as_str()))
    }

    /// Whether somebody may try again.
    pub(super) fn can_retake(&self) -> bool {
        self.enrolments.values().any(|enrolled| enrolled.can_retake)
    }

    /// Rows 11b and 11c.
    pub(super) fn graded(&self) -> Pass {
        if self.is_graded() {
            return Ok(());
        }
        let open = self.enrolments.values().filter(|e| UNGRADED.contains(&e.status.as_str()));
        let names: Vec<&str> = open.map(|enrolled| enrolled.trainee.id.as_str()).take(10).collect();
        Err(guard("not_graded", format!("accepted once everybody is graded; left are {}", names.join(", "))))
    }

    /// Rows 11b and 11d.
    pub(super) fn wait_for_retakes(&self, cx: &mut Cx<'_>) -> Pass {
        self.graded()?;
        cx.arm(RETAKE_END, cx.calendar.due(cx.now, cx.policy.retake_end));
        Ok(())
    }

    /// Row 11f.
    pub(super) fn assess_again(&mut self, cx: &mut Cx<'_>) -> Pass {
        if !self.assessment_open {
            self.open_now(cx);
        }
        cx.task("assessment_late", self.case.case_no.as_str(), None, Role::TrainingAdmin);
        cx.notify("role:training_admin", "assessment_late", json!({ "title": self.title }));
        cx.arm(ASSESS_END, cx.calendar.due(cx.now, cx.policy.assess_again));
        Ok(())
    }
}

/// Survey, review, file.
impl Session {
    /// Row 12b.
    pub(super) fn survey_over_next(cx: &mut Cx<'_>) -> Pass {
        cx.follow("close_survey", serde_json::Map::new());
        Ok(())
    }

    /// Row 12c.
    pub(super) fn close_survey(&mut self) -> Pass {
        self.survey_closed = true;
        Ok(())
    }

    fn attendees(&self) -> impl Iterator<Item = &super::Enrolled> {
        self.enrolments.values().filter(|enrolled| ATTENDED.contains(&enrolled.status.as_str()))
    }

    /// Row 13.
    pub(super) fn review(&self, review: &Review, cx: &mut Cx<'_>) -> Pass {
        let attended = u32::try_from(self.attendees().count()).unwrap_or(u32::MAX);
        let enough =
            u64::from(self.survey_n) * 100 >= u64::from(attended) * u64::from(cx.policy.survey_enough);
        if !enough && !self.survey_closed {
            let reason = format!(
                "{} of {attended} have answered the survey; accepted from {} percent on, or once it is closed",
                self.survey_n, cx.policy.survey_enough
            );
            return Err(guard("survey_open", reason));
        }
        for action in &review.actions {
            let due = cx.calendar.end_of(action.due.0);
            cx.task("improvement_action", &action.measure, Some(due), action.owner.role);
        }
        Ok(())
    }

    /// Row 14 (S2-106).
    pub(super) fn archive(&mut self, file: &Archive, cx: &mut Cx<'_>) -> Pass {
        let held = self.sittings.iter().any(|sitting| sitting.held == Some(true));
        let results = self.enrolments.values().all(|enrolled| enrolled.is_final);
        let wanted = [
            ("time: no sitting took place", held),
            ("content: no competencies", !self.competencies.is_empty()),
            ("lecturer", self.lecturer.is_some()),
            ("results: not everybody is at the end", results),
        ];
        let missing: Vec<&str> = wanted.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            let reason = format!("the record lacks {}; accepted is a complete one", missing.join(", "));
            return Err(guard("record_incomplete", reason));
        }
        self.record_ref = Some(file.record_ref.clone());
        self.tell_plan("archived", cx);
        self.open_review(cx);
        Ok(())
    }

    fn open_review(&self, cx: &mut Cx<'_>) {
        let attendees: Vec<_> = self.attendees().map(|enrolled| &enrolled.trainee).collect();
        let ended = Date(cx.calendar.date_at(self.last_end()));
        let payload = json!({ "session": self.case.case_no, "attendees": attendees, "ended": ended });
        cx.spawn(Spawn {
            rule: "effect_review".to_owned(),
            index: 1,
            workflow: "effect_review".to_owned(),
            link: "spawned".to_owned(),
            payload: object(payload),
            child: None,
            due: None,
            lapses: None,
        });
    }
}
