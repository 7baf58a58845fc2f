//! Owns how somebody fares in a class of the demo: notice, sittings, attempts, appeals, absence.

use serde_json::json;

use super::class::{grader, lecturer};
use super::{CERTIFICATE, Lesson, Season};
use crate::demo::people::{self, OWNER, TRAINING_ADMIN, manager_of, trainee};
use crate::demo::story::{HOUR_MS, MINUTE_MS, Story, count};
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;

/// To explain an absence; to appeal the last failure.
const THREE_DAYS: Span = Span::WorkingDays(count(3));
/// Working days after a failure before which nobody tries again: policy's shipped value.
const RETAKE_DAYS: u32 = 3;

/// What becomes of somebody in a class.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Passes with this score.
    Passes(u8),
    /// Fails with the first score, passes with the second.
    Second(u8, u8),
    /// Fails three times.
    Fails,
    /// Fails with the first score, appeals, and is graded again.
    Appeals(u8, u8),
    /// Passes, and loses the certificate.
    Revoked(u8),
    /// Has not taken the examination yet.
    Waits,
    /// Stays away, and says nothing.
    Absent,
    /// Stays away for a reason.
    Explains,
    /// Asks for leave; whether that is granted.
    Leave(bool),
    /// Does not want to come.
    Declines,
}

/// What everybody in a class shares.
pub(super) struct Course<'a> {
    /// When it was announced.
    pub notice: Instant,
    /// When its sittings begin.
    pub sittings: &'a [Instant],
    /// When the last is over.
    pub ends: Instant,
    /// When attempts are taken, where there are any.
    pub opened: Option<Instant>,
    /// The class.
    pub lesson: &'a Lesson,
}

/// When it was decided how somebody did.
pub(super) struct Fared {
    /// The first time; never where somebody waits.
    pub graded: Option<Instant>,
    /// For good.
    pub ended: Instant,
}

impl Season<'_> {
    /// Tells the enrolment of `who` as `case`.
    pub(super) fn trainee(
        &mut self,
        course: &Course<'_>,
        (case, who, part): (usize, &'static str, Part),
    ) -> Fared {
        let mut story = self.story(case, course.notice);
        let decided = match part {
            Part::Leave(granted) => self.asks_for_leave(&mut story, who, granted),
            Part::Declines => {
                self.pass(&mut story, 2);
                story.step("decline", trainee(who), json!({ "reason": "已参加过类似活动 / I know it" }));
                Some(story.at)
            }
            Part::Absent => Some(self.calendar.due(course.ends, THREE_DAYS)),
            Part::Explains => Some(self.explains(&mut story, course, who)),
            Part::Passes(_)
            | Part::Second(..)
            | Part::Fails
            | Part::Appeals(..)
            | Part::Revoked(_)
            | Part::Waits => {
                self.attends(&mut story, course, who);
                None
            }
        };
        let fared = match (decided, course.opened) {
            (Some(at), _) => Fared { graded: Some(course.ends), ended: at },
            (None, Some(opened)) => self.examined(&mut story, (course.lesson, opened), (who, part)),
            (None, None) => Fared { graded: Some(course.ends), ended: course.ends },
        };
        self.keep(story);
        fared
    }

    /// Business hours pass.
    fn pass(&self, story: &mut Story, hours: i64) {
        story.at = self.calendar.after(story.at, hours * HOUR_MS);
    }

    fn asks_for_leave(&self, story: &mut Story, who: &str, granted: bool) -> Option<Instant> {
        self.pass(story, 3);
        story.step("request_leave", trainee(who), json!({ "reason": "婚假 / my wedding" }));
        if granted {
            self.pass(story, 4);
            let word = json!({ "comment": "同意 / agreed" });
            story.step("approve_leave", people::staff(manager_of(who)), word);
        }
        Some(story.at)
    }

    fn explains(&self, story: &mut Story, course: &Course<'_>, who: &str) -> Instant {
        story.at = self.calendar.next_open(course.ends);
        self.pass(story, 3);
        story.step("explain_absence", trainee(who), json!({ "reason": "地铁停运 / no underground" }));
        self.pass(story, 5);
        story.step("accept_explanation", people::staff(manager_of(who)), json!({}));
        story.at
    }

    fn attends(&mut self, story: &mut Story, course: &Course<'_>, who: &str) {
        let hours = i64::try_from(self.chance.between(1, 12)).unwrap_or(1);
        self.pass(story, hours);
        story.step("confirm_attendance", trainee(who), json!({}));
        for (no, start) in (1..).zip(course.sittings) {
            let into = i64::try_from(self.chance.between(0, 9)).unwrap_or(0);
            story.at = start.plus_millis((into - 6) * MINUTE_MS);
            let coming = json!({ "sitting_no": no, "at": story.at, "method": "qr" });
            story.step("check_in", trainee(who), coming);
        }
        if self.chance.percent(85) {
            let minutes = i64::try_from(self.chance.between(30, 200)).unwrap_or(30);
            story.at = course.ends.plus_millis(minutes * MINUTE_MS);
            let marks = [*self.chance.pick(&[5, 5, 4, 4, 3]), *self.chance.pick(&[5, 4, 4])];
            let items = json!({ "content": marks[0], "lecturer": marks[1] });
            story.step("answer_survey", trainee(who), json!({ "items": items }));
        }
    }

    /// From the first attempt on.
    fn examined(
        &mut self,
        story: &mut Story,
        (lesson, opened): (&Lesson, Instant),
        (who, part): (&str, Part),
    ) -> Fared {
        let scores: &[u8] = match part {
            Part::Passes(score) | Part::Revoked(score) | Part::Appeals(score, _) => &[score],
            Part::Second(first, second) => &[first, second],
            Part::Fails => &[62, 70, 76],
            _ => &[],
        };
        story.at = self.calendar.next_open(opened.plus_millis(12 * HOUR_MS));
        let mut graded = None;
        for (n, score) in (1..).zip(scores) {
            if n > 1 {
                self.tries_again(story);
            }
            story.at = story.at.plus_millis((10 + i64::from(*score) / 2) * MINUTE_MS);
            story.step("start_attempt", trainee(who), json!({ "n": n }));
            story.at = story.at.plus_millis(40 * MINUTE_MS);
            let answers = json!({ "answers_ref": story.reference("answers") });
            story.step("submit_attempt", trainee(who), answers);
            self.pass(story, 4);
            let grade = json!({ "score": score, "rubric": "rubric/2026" });
            story.step("grade", people::staff(grader(lesson)), grade);
            graded.get_or_insert(story.at);
        }
        let mut ended = story.at;
        match part {
            Part::Fails => ended = self.calendar.due(story.at, THREE_DAYS),
            Part::Appeals(_, score) => {
                self.pass(story, 3);
                story.step("appeal", trainee(who), json!({ "reason": "第三题评分有误 / the third answer" }));
                self.pass(story, 7);
                let grade = json!({ "score": score, "rubric": "rubric/2026" });
                story.step("regrade", people::staff(lecturer(lesson)), grade);
                ended = story.at;
            }
            Part::Revoked(_) => self.revoked(story),
            _ => {}
        }
        Fared { graded, ended }
    }

    /// Another attempt, on the first day on which that can be.
    fn tries_again(&self, story: &mut Story) {
        let first = self.calendar.open_of(self.calendar.working_day(story.at, RETAKE_DAYS));
        let at = first.plus_millis(HOUR_MS);
        self.pass(story, 1);
        story.step("schedule_retake", people::staff(TRAINING_ADMIN), json!({ "at": at }));
        story.at = at;
    }

    fn revoked(&mut self, story: &Story) {
        let certificate = self.born(story.case, CERTIFICATE, "");
        let mut after = self.story(certificate, story.at);
        self.pass(&mut after, 40);
        let payload = json!({
            "reason": "代考 / somebody else sat the examination",
            "approver": { "id": OWNER, "role": "process_owner" },
        });
        after.step("revoke", people::staff(TRAINING_ADMIN), payload);
        self.keep(after);
    }
}
