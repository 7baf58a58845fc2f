//! Owns what people of the demo do about classes and consequences that the system asks for.

use serde_json::json;

use crate::demo::people::{self, HR, OTHER_OWNER, OWNER, TRAINERS, TRAINING_ADMIN, manager_of, trainee};
use crate::demo::story::{HOUR_MS, Story, Teller};
use crate::kernel::instant::Instant;

/// Working days from now on which the first of these classes is taught.
const AHEAD_DAYS: u32 = 10;

/// A class that was drafted for whoever waits for it, the `nth` of these.
pub(in crate::demo) fn class(story: &mut Story, teller: &mut Teller<'_>, (now, nth): (Instant, u32)) {
    let admin = || people::staff(TRAINING_ADMIN);
    let calendar = teller.calendar;
    story.work(teller, 120, 480);
    story.step("submit", admin(), json!({}));
    story.work(teller, 200, 480);
    story.step("approve", people::staff(OWNER), json!({ "comment": "同意 / agreed" }));
    story.work(teller, 200, 480);
    // Each on a day of its own: the same two trainers teach them all.
    let day = calendar.working_day(now.max(story.at), AHEAD_DAYS + nth);
    let start = calendar.open_of(day).plus_millis(7 * HOUR_MS);
    let sitting = json!({
        "no": 1, "start": start, "end": start.plus_millis(2 * HOUR_MS), "place": "B102", "mandatory": true,
    });
    let lecturer = TRAINERS[usize::try_from(nth).unwrap_or(0) % TRAINERS.len()];
    let payload = json!({
        "sittings": [sitting], "lecturer": { "person": { "id": lecturer, "role": "trainer" } },
        "organiser": "hr",
    });
    story.step("schedule", admin(), payload);
    story.work(teller, 100, 300);
    story.step("publish_notice", admin(), json!({ "message_ref": story.reference("notice") }));
}

/// Somebody whom the system has enrolled hears of it.
pub(in crate::demo) fn notified(story: &mut Story, teller: &mut Teller<'_>, who: &str) {
    story.work(teller, 60, 400);
    story.step("confirm_attendance", trainee(who), json!({}));
    story.only_if(story.case, "notified");
}

/// What follows for `who`, the `nth` of these: supervisors differ.
pub(in crate::demo) fn consequence(story: &mut Story, teller: &mut Teller<'_>, (who, nth): (&str, u32)) {
    let supervisor = || people::staff(manager_of(who));
    story.work(teller, 120, 400);
    if nth % 3 == 2 {
        let none = json!({ "measure": "none", "rationale": "首次发生，已谈话 / the first time, spoken to" });
        story.step("propose", supervisor(), none);
        return;
    }
    let measure = if nth % 2 == 0 { "coaching" } else { "retrain" };
    let proposed = json!({ "measure": measure, "rationale": "需要补强 / help is needed" });
    story.step("propose", supervisor(), proposed);
    story.work(teller, 120, 400);
    let view = json!({ "statement": "愿意参加辅导 / I shall take part" });
    story.step("state_view", trainee(who), view);
    story.work(teller, 120, 400);
    let decided = json!({
        "measure": measure, "rationale": "听取意见后决定 / decided after hearing",
        "co_decider": { "id": HR, "role": "training_admin" },
    });
    story.step("decide", supervisor(), decided);
    if nth % 3 == 1 {
        story.work(teller, 120, 400);
        story.step("appeal", trainee(who), json!({ "reason": "措施过重 / too much" }));
        story.work(teller, 300, 900);
        let reviewed = json!({ "measure": "coaching", "rationale": "酌情减轻 / made lighter" });
        story.step("review_appeal", people::staff(OTHER_OWNER), reviewed);
    }
}
