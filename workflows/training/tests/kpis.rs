//! Owns the proof that the KPIs of training (K25 to K29) are what whole histories say.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::admin;
use super::drive::Drive;
use crate::kernel::actor::{Actor, Role};
use crate::kernel::calendar::date_of;
use crate::kernel::date::Date;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::measure::{Frame, measures_of};
use crate::kernel::machine::SAMPLES_AT;
use crate::kernel::sla::is_clock_timer;
use crate::workflows::driven::{at, frame};
use crate::workflows::held::assert_equal;

const DAY_MS: i64 = 86_400_000;
const FLOWS: [&str; 5] =
    ["training_plan", "training_session", "training_enrollment", "effect_review", "monitor"];
/// Where lives begin: a flow, and the samples that have happened.
const BEGINNINGS: [(&str, &str); 16] = [
    ("training_plan", "draft_plan:whole submit: approve:"),
    ("training_plan", "draft_plan:whole"),
    ("training_session", "draft:examined submit:"),
    (
        "training_session",
        "draft:examined submit: schedule:two publish_notice:urgent enroll: start_sitting:first",
    ),
    (
        "training_session",
        "draft:examined submit: schedule:two publish_notice:urgent enroll: start_sitting:first \
         end_sitting:first start_sitting:second end_sitting:second open_assessment: \
         enrollment_changed:passed close_assessment: close_survey: review:",
    ),
    ("training_enrollment", "nominate:mandatory notify:short"),
    ("training_enrollment", "nominate:mandatory notify:short session_ended:long"),
    (
        "training_enrollment",
        "nominate:mandatory notify:short check_in: sitting_ended: session_ended:short assessment_opened:",
    ),
    (
        "training_enrollment",
        "nominate:mandatory notify:short check_in: sitting_ended: session_ended:short assessment_opened: \
         start_attempt:first submit_attempt: grade:fails schedule_retake: timer:RETAKE_AT",
    ),
    ("effect_review", "open_review:"),
    ("effect_review", "open_review: timer:L3_DUE"),
    // The class of the samples ended so long ago that time to record behaviour is over at the first tick: no
    // draw comes before that.
    ("effect_review", "open_review: record_l3:"),
    ("monitor", "observe:hired"),
    ("monitor", "observe:hired observe:learnt_some observe:learnt"),
    ("monitor", "observe:hired observe:learnt_some observe:left"),
    ("monitor", "observe:learnt_some"),
];

/// A life: where it begins, then hours to wait and what to try; whatever is refused is passed over.
fn driven(beginning: usize, steps: &[(u16, u16)]) -> Drive {
    let (flow, samples) = BEGINNINGS[beginning];
    let mut drive = Drive::new(flow);
    for sample in drive.workflow.samples() {
        drive.facts.extend(sample.facts);
    }
    samples.split_whitespace().for_each(|step| drive.take(step));
    for (hours, choice) in steps {
        pass(&mut drive, i64::from(*hours));
        attempt(&mut drive, usize::from(*choice));
    }
    drive
}

/// Moves the clock, through every timer on the way; those of clocks change no number.
fn pass(drive: &mut Drive, hours: i64) {
    let until = drive.now.plus_millis(hours * 3_600_000);
    loop {
        let timers = drive.instance.as_ref().unwrap().timers.iter();
        let next = timers.filter(|(name, _)| !is_clock_timer(name));
        let next = next.map(|(name, timer)| (timer.due, name.clone())).min();
        let Some((_, name)) = next.filter(|(due, _)| *due <= until) else { break };
        if drive.try_fire(&name).is_err() {
            drive.instance.as_mut().unwrap().timers.remove(&name);
        }
    }
    drive.now = until;
}

fn attempt(drive: &mut Drive, choice: usize) {
    let ahead = |days: i64| drive.now.plus_millis(days * DAY_MS);
    let flow = drive.workflow.name();
    let (actor, event, payload) = match (flow, choice % 4) {
        ("training_plan", 0) => (admin(), "amend", amendment(choice)),
        ("training_session", 0) => (admin(), "publish_notice", json!({ "message_ref": "msg/2" })),
        ("training_session", 1) => (admin(), "schedule", schedule(ahead(7))),
        ("training_enrollment", 0) => {
            let score = 70 + choice % 31;
            let trainer = Actor::person(["gus", "eva"][choice / 4 % 2], Role::Trainer);
            let event = ["grade", "regrade"][choice / 8 % 2];
            (trainer, event, json!({ "score": score, "rubric": "rubric/1" }))
        }
        ("training_enrollment", 1) => (admin(), "schedule_retake", json!({ "at": ahead(6) })),
        ("monitor", 0..=2) => (Actor::system(), "observe", word(drive.now, choice / 4)),
        _ => {
            let samples = drive.workflow.samples();
            let sample = &samples[choice % samples.len()];
            let payload = Value::Object(sample.payload.clone());
            drive.attempt(&sample.actor, sample.event, payload).ok();
            return;
        }
    };
    drive.attempt(&actor, event, payload).ok();
}

/// Another day for the item of the sample, and an item more.
fn amendment(choice: usize) -> Value {
    let item = |no: usize, day: usize| {
        json!({
            "no": no, "goal": "refunds", "content": "退款流程", "mode": "lecture",
            "time": format!("2026-{:02}-{:02}", 3 + day % 4, 1 + day % 28),
            "budget": { "amount": "1000", "currency": "CNY" },
        })
    };
    let items: Vec<Value> = (1..=1 + choice / 4 % 2).map(|no| item(no, choice / 8 + no)).collect();
    json!({ "items": items, "reason": "r", "approver": { "id": "owner", "role": "process_owner" } })
}

/// A word about somebody new: a hire some days before or after, modules, or the end.
fn word(now: Instant, choice: usize) -> Value {
    let modules = ["culture", "product", "concept", "process", "communication"];
    let seen = match choice % 6 {
        0 => {
            let days = i64::try_from(choice / 6 % 40).unwrap() - 30;
            json!({ "hired": { "on": Date(date_of(chrono_tz::Asia::Shanghai, now.plus_millis(days * DAY_MS))) } })
        }
        1 => json!("left"),
        part => {
            let (first, last) = ((choice / 6) % 5, (choice / 6 + part) % 6);
            let some = &modules[first.min(last)..first.max(last)];
            json!({ "learnt": { "enrollment": InstanceId::derive("life", &["class"]), "competencies": some } })
        }
    };
    json!({ "watched": { "agent": { "id": "ann", "role": "agent" } }, "seen": seen })
}

fn schedule(start: Instant) -> Value {
    let sitting = json!({
        "no": 1, "start": start, "end": start.plus_millis(3_600_000), "place": "A301", "mandatory": true,
    });
    let lecturer = json!({ "person": { "id": "tom", "role": "trainer" } });
    json!({ "sittings": [sitting], "lecturer": lecturer, "organiser": "hr" })
}

/// Lives with hours between their steps: in some few, in others days, in others weeks.
fn lives() -> impl Strategy<Value = Vec<(usize, Vec<(u16, u16)>)>> {
    let steps = prop_oneof![Just(2u16), Just(80), Just(600)]
        .prop_flat_map(|longest| prop::collection::vec((0..longest, any::<u16>()), 0..40));
    prop::collection::vec((0..BEGINNINGS.len(), steps), 1..6)
}

fn all(lives: &[(usize, Vec<(u16, u16)>)]) -> Vec<Drive> {
    lives.iter().map(|(beginning, steps)| driven(*beginning, steps)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::seeded::cases(150)))]

    #[test]
    fn every_kpi_of_training_is_what_the_histories_say(
        lives in lives(),
        from in -10i64..60,
        days in 1i64..120,
        later in 0i64..60,
    ) {
        let drives = all(&lives);
        let from = SAMPLES_AT.plus_millis(from * DAY_MS);
        let until = from.plus_millis(days * DAY_MS);
        let frame = Frame { now: SAMPLES_AT.plus_millis(later * DAY_MS), ..frame(from, until) };
        let lives = drives.iter().map(|drive| (drive.instance.as_ref().unwrap(), drive.entries.as_slice()));
        assert_equal(&measures_of(&FLOWS), lives, frame);
    }
}

#[test]
fn lives_of_training_reach_every_number() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = lives();
    let drives: Vec<Drive> =
        (0..120).flat_map(|_| all(&strategy.new_tree(&mut runner).unwrap().current())).collect();
    let frame = frame(at("2026-01-01T00:00:00+08:00"), at("2027-06-01T00:00:00+08:00"));
    let lives = drives.iter().map(|drive| (drive.instance.as_ref().unwrap(), drive.entries.as_slice()));
    let lines = assert_equal(&measures_of(&FLOWS), lives, frame);
    let unseen = lines.iter().filter(|line| {
        let total = &line.total;
        let one_sided = total.numerator == 0 || total.numerator == total.denominator;
        total.denominator == 0 || (line.measure.kind.is_rate() && one_sided)
    });
    let unseen: BTreeSet<_> = unseen.map(|line| (line.measure.kpi, line.measure.name)).collect();
    assert_eq!(unseen, BTreeSet::new());
}

/// One number over `from` to `until`: numerator, denominator, pending.
fn number(drives: &[Drive], kpi: &str, [from, until]: [&str; 2]) -> (u64, u64, u64) {
    let lives = drives.iter().map(|drive| (drive.instance.as_ref().unwrap(), drive.entries.as_slice()));
    let lines = assert_equal(&measures_of(&FLOWS), lives, frame(at(from), at(until)));
    let line = lines.iter().find(|line| line.measure.kpi == kpi).unwrap();
    (line.total.numerator, line.total.denominator, line.total.pending)
}

#[test]
fn items_of_a_plan_count_on_the_day_that_was_planned_when_the_window_began() {
    let june = ["2026-06-01T00:00:00+08:00", "2026-07-01T00:00:00+08:00"];
    let mut plan = Drive::after("training_plan", "draft_plan:whole submit: approve:");
    assert_eq!(number(std::slice::from_ref(&plan), "K25", june), (0, 1, 0), "open items are missed");
    plan.now = at("2026-06-10T10:00:00+08:00");
    plan.send(&admin(), "amend", amendment(1 << 6));
    assert_eq!(number(std::slice::from_ref(&plan), "K25", june), (0, 1, 0), "it was planned for June");
    plan.take("item_status:archived");
    assert_eq!(number(std::slice::from_ref(&plan), "K25", june), (1, 1, 0));
    let early = ["2026-06-01T00:00:00+08:00", "2026-06-15T00:00:00+08:00"];
    assert_eq!(number(&[plan], "K25", early), (0, 0, 0), "it is planned for the 15th");
}

#[test]
fn who_is_hired_again_counts_again_and_who_left_in_time_counts_nowhere() {
    let onboarded = |life: &Drive| {
        let lives = [(life.instance.as_ref().unwrap(), life.entries.as_slice())];
        let (from, until) = (at("2026-03-01T00:00:00+08:00"), at("2026-06-01T00:00:00+08:00"));
        let lines = assert_equal(&measures_of(&FLOWS), lives, frame(from, until));
        let line = lines.iter().find(|line| line.measure.name == "onboarded").unwrap();
        (line.total.numerator, line.total.denominator, line.total.pending)
    };
    let mut life = Drive::after("monitor", "observe:hired");
    life.now = at("2026-03-20T10:00:00+08:00");
    life.take("observe:left");
    assert_eq!(onboarded(&life), (0, 0, 0));
    life.take("observe:hired");
    life.now = at("2026-04-10T10:00:00+08:00");
    life.take("observe:left");
    assert_eq!(onboarded(&life), (0, 1, 0), "the due was the first of April");
    life.take("observe:hired");
    life.take("observe:learnt");
    assert_eq!(onboarded(&life), (0, 2, 0), "told to have begun on the same day");
}
