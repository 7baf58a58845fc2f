//! Owns how one class of the demo goes: draft, approval, sittings, assessment, review, file, and its effect.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::trainee::{Course, Part};
use super::{CLASS, ENROLMENT, Far, How, Lesson, REVIEW, Season, later};
use crate::demo::people::{self, OWNER, TRAINERS, TRAINING_ADMIN};
use crate::demo::story::{HOUR_MS, MINUTE_MS, Story, count, of_days};
use crate::kernel::actor::Actor;
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;

/// A sitting takes so long.
const SITTING_MS: i64 = 2 * HOUR_MS;
/// Days before the first sitting on which a class that is not planned is drafted.
const LEAD_DAYS: u64 = 20;
/// Days before it on which a planned one is: policy's shipped value.
const ITEM_LEAD_DAYS: u64 = 30;
/// To say how the class was.
const SURVEY: Span = Span::WorkingDays(count(3));

fn admin() -> Actor {
    people::staff(TRAINING_ADMIN)
}

impl Season<'_> {
    /// Tells the class; `item` is the plan's case, the number of its item, and since when it is in force.
    pub(super) fn class(
        &mut self,
        lesson: &Lesson,
        days: &[NaiveDate],
        item: Option<(usize, usize, Instant)>,
    ) {
        let sittings: Vec<Instant> =
            days.iter().map(|day| self.calendar.open_of(*day).plus_millis(lesson.hour * HOUR_MS)).collect();
        let Some(first) = sittings.first().copied() else { return };
        let mut story = match item {
            Some((plan, no, approved)) => {
                let case = self.born(plan, CLASS, &no.to_string());
                let due = first.plus_millis(-of_days(ITEM_LEAD_DAYS));
                let due = self.calendar.start_of(self.calendar.date_at(due));
                self.story(case, due.max(approved))
            }
            None => self.drafted(lesson, first),
        };
        if lesson.far != Far::Draft {
            self.prepare(lesson, &sittings, &mut story);
        }
        self.keep(story);
    }

    fn drafted(&mut self, lesson: &Lesson, first: Instant) -> Story {
        let case = self.next_case();
        let at = self.calendar.next_open(first.plus_millis(-of_days(LEAD_DAYS)));
        let mut story = self.story(case, at);
        let assessment = if lesson.examined {
            json!({ "kind": "exam", "pass_mark": 80 })
        } else {
            json!({ "kind": "none", "pass_mark": 0, "justification": "经验分享 / an exchange" })
        };
        let How::Own(kind) = lesson.how else { return story };
        let payload = json!({
            "title": lesson.title, "type": kind, "mode": lesson.mode, "competencies": lesson.competencies(),
            "sittings": [], "capacity": 20, "budget": { "amount": "500", "currency": "CNY" },
            "assessment": assessment, "mandatory": lesson.mandatory,
        });
        story.start(CLASS, "draft", admin(), payload);
        story
    }

    /// Business time passes.
    fn hours(&self, story: &mut Story, hours: i64) {
        story.at = self.calendar.after(story.at, hours * HOUR_MS);
    }

    fn prepare(&mut self, lesson: &Lesson, sittings: &[Instant], story: &mut Story) {
        self.hours(story, 1);
        story.step("submit", admin(), json!({}));
        if lesson.how != How::Planned {
            self.hours(story, 6);
            let (event, comment) = match lesson.far {
                Far::Rejected => ("reject", "本年度不安排 / not this year"),
                Far::Draft | Far::Scheduled | Far::Postponed | Far::On => ("approve", "同意 / agreed"),
            };
            story.step(event, people::staff(OWNER), json!({ "comment": comment }));
        }
        if lesson.far == Far::Rejected {
            return;
        }
        self.hours(story, 5);
        story.step("schedule", admin(), schedule(sittings, lesson));
        self.hours(story, 2);
        let mut enrolments: Vec<(usize, &'static str, Part)> = Vec::new();
        for (who, part) in lesson.people {
            story.at = story.at.plus_millis(MINUTE_MS);
            let source = if lesson.how == How::Planned { "plan" } else { "manager" };
            let trainee = json!({ "id": who, "role": people::staff(who).role });
            story.step("enroll", admin(), json!({ "trainee": trainee, "source": source }));
            enrolments.push((self.born(story.case, ENROLMENT, who), who, *part));
        }
        if lesson.far == Far::Scheduled {
            return;
        }
        self.hours(story, 4);
        let notice = story.at;
        story.step("publish_notice", admin(), json!({ "message_ref": story.reference("notice") }));
        if lesson.far == Far::Postponed {
            story.at = self.calendar.next_open(self.now.plus_millis(-of_days(1))).max(notice);
            story.step("postpone", admin(), json!({ "reason": "讲师出差 / the speaker is away" }));
            return;
        }
        let ends = sittings.last().map_or(notice, |last| last.plus_millis(SITTING_MS));
        self.teach(sittings, lesson, story);
        story.at = ends.plus_millis(20 * MINUTE_MS);
        let course = Course { notice, sittings, ends, opened: lesson.examined.then_some(story.at), lesson };
        if lesson.examined {
            story.step("open_assessment", admin(), json!({}));
        }
        let fared: Vec<_> = enrolments.iter().map(|who| self.trainee(&course, *who)).collect();
        let Some(graded) = fared.iter().map(|fared| fared.graded).collect::<Option<Vec<Instant>>>() else {
            return;
        };
        if lesson.examined {
            story.at = graded.into_iter().max().unwrap_or(ends);
            self.hours(story, 1);
            story.step("close_assessment", admin(), json!({}));
        }
        let last = fared.iter().map(|fared| fared.ended).max().unwrap_or(ends);
        story.at = last.max(self.calendar.due(ends, SURVEY)).max(story.at);
        self.file(story, ends);
    }

    /// Every sitting, as the lecturer tells it.
    fn teach(&self, sittings: &[Instant], lesson: &Lesson, story: &mut Story) {
        let lecturer = people::staff(lecturer(lesson));
        for (no, start) in (1..).zip(sittings) {
            let which: Value = json!({ "sitting_no": no });
            story.at = start.plus_millis(-2 * MINUTE_MS);
            story.step("start_sitting", lecturer.clone(), which.clone());
            story.at = start.plus_millis(SITTING_MS + 2 * MINUTE_MS);
            story.step("end_sitting", lecturer.clone(), which);
        }
    }

    /// Review and file, and what was found of its effect months later.
    fn file(&mut self, story: &mut Story, ends: Instant) {
        self.hours(story, 2);
        let due = later(self.calendar.date_at(story.at), 30);
        let action = json!({
            "measure": "补充案例 / more cases", "owner": { "id": TRAINING_ADMIN, "role": "training_admin" },
            "due": due,
        });
        let found = json!({ "findings": "案例偏少，节奏合适 / few cases, good pace", "actions": [action] });
        story.step("review", admin(), found);
        self.hours(story, 9);
        story.step("archive", admin(), json!({ "record_ref": story.reference("file") }));
        let review = self.born(story.case, REVIEW, "");
        let mut after = self.story(review, story.at);
        for (days, event, before, then, metric) in
            [(61, "record_l3", "82.5", "88.1", "qi_score"), (92, "record_l4", "4.1", "4.3", "csat")]
        {
            let day = later(self.calendar.date_at(ends), days);
            after.at = self.calendar.next_open(self.calendar.start_of(day)).plus_millis(HOUR_MS);
            let payload = json!({ "before": before, "after": then, "n": 120, "metric": metric });
            after.step(event, admin(), payload);
        }
        self.keep(after);
    }
}

/// Who teaches: one trainer what is planned, the other what is not.
pub(super) fn lecturer(lesson: &Lesson) -> &'static str {
    TRAINERS[usize::from(lesson.how != How::Planned)]
}

/// Who grades: the other one.
pub(super) fn grader(lesson: &Lesson) -> &'static str {
    TRAINERS[usize::from(lesson.how == How::Planned)]
}

fn schedule(sittings: &[Instant], lesson: &Lesson) -> Value {
    let sitting = |(no, start): (usize, &Instant)| {
        json!({
            "no": no + 1, "start": start, "end": start.plus_millis(SITTING_MS), "place": "A301",
            "mandatory": true,
        })
    };
    let sittings: Vec<Value> = sittings.iter().enumerate().map(sitting).collect();
    let lecturer = json!({ "person": { "id": lecturer(lesson), "role": "trainer" } });
    json!({ "sittings": sittings, "lecturer": lecturer, "organiser": "service_dept" })
}
