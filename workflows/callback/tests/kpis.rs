//! Owns the KPIs of callbacks: called back, on time, reached.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::samples::samples;
use super::drive::{Drive, agent, at, result, supervisor};
use crate::kernel::id::InstanceId;
use crate::kernel::kpi::fold::{Grouping, Line, fold};
use crate::kernel::kpi::measure::{Frame, Retargets, kpis, measures};
use crate::kernel::kpi::{self, Record};
use crate::workflows::driven::frame;
use crate::workflows::held::assert_equal;

/// One KPI over March, looked at from its end.
fn line(drives: &[Drive], kpi: &str, name: &str, grouping: Option<Grouping>) -> Line {
    let records: Vec<Record> =
        drives.iter().filter_map(|drive| kpi::record(drive.instance.as_ref().unwrap())).collect();
    let until = at("2026-04-01T00:00:00+08:00");
    let (from, zone) = (at("2026-03-01T00:00:00+08:00"), chrono_tz::Asia::Shanghai);
    let frame = Frame { from, until, now: until, retargets: Retargets::Counted, zone };
    let mut lines = fold(&records, &measures("callback"), frame, grouping).into_iter();
    lines.find(|line| (line.measure.kpi, line.measure.name) == (kpi, name)).unwrap()
}

/// Its numbers: numerator, denominator, pending.
fn march(drives: &[Drive], kpi: &str, name: &str) -> (u64, u64, u64) {
    let line = line(drives, kpi, name, None);
    (line.total.numerator, line.total.denominator, line.total.pending)
}

/// The customer spoke in the first call, at `time`, with `score`.
fn spoken(time: &str, score: u8) -> Drive {
    let mut drive = Drive::queued(json!({}));
    drive.now = at(time);
    drive.call("connected");
    drive.send(agent("agent-a"), "record", json!({ "score": score }));
    drive
}

fn unreachable() -> Drive {
    let mut drive = Drive::queued(json!({}));
    drive.call("no_answer");
    drive.fire("RETRY_AT");
    drive.call("busy");
    drive.fire("RETRY_AT");
    drive.call("power_off");
    drive.fire("FALLBACK_EXPIRE");
    drive
}

fn after(steps: &[&str]) -> Drive {
    let mut drive = Drive::queued(json!({}));
    for step in steps {
        drive.take(step);
    }
    drive
}

/// Each ending once: good, neutral, in review, not reached, refused, expired, cancelled, still to call and overdue.
fn all() -> Vec<Drive> {
    vec![
        spoken("2026-03-11T10:30:00+08:00", 5),
        spoken("2026-03-19T10:30:00+08:00", 3),
        spoken("2026-03-11T11:00:00+08:00", 2),
        unreachable(),
        after(&["claim:agent", "attempt_result:rejected"]),
        after(&["timer:EXPIRE"]),
        after(&["cancel:supervisor"]),
        after(&[]),
        Drive::queued(json!({ "due_by": at("2026-04-20T18:00:00+08:00") })),
        Drive::after(&["plan:opted_out"]),
    ]
}

#[test]
fn callbacks_have_measures_of_their_own_and_share_what_becomes_of_low_scores() {
    assert_eq!(kpis(&["callback"]), ["K14", "K15", "K16"]);
    assert!(!kpis(&["consultation"]).contains(&"K14") && !kpis(&["complaint"]).contains(&"K15"));
}

#[test]
fn customer_who_spoke_was_called_back_and_one_who_was_never_to_be_counts_nowhere() {
    // In review and not due yet are pending; not reached, refused, expired and overdue were not called back.
    assert_eq!(march(&all(), "K14", "called_back"), (2, 6, 2));
}

#[test]
fn callbacks_on_complaints_are_counted_aside() {
    let on_complaint = Drive::queued(json!({ "type": "post_complaint" }));
    let of = |name| march(std::slice::from_ref(&on_complaint), "K14", name);
    assert_eq!((of("complaints"), of("others")), (of("called_back"), (0, 0, 0)));
    assert_eq!((march(&all(), "K14", "complaints"), march(&all(), "K14", "others")), ((0, 0, 0), (2, 6, 2)));
    assert_ne!(of("complaints"), (0, 0, 0));
}

#[test]
fn callback_is_on_time_where_the_customer_spoke_by_its_due() {
    // Good and low in time, neutral a day late, expired and overdue ones late; the others say nothing of time.
    assert_eq!(march(&all(), "K15", "on_time"), (2, 5, 1));
}

#[test]
fn reach_and_effort_count_cases_and_attempts() {
    assert_eq!(march(&all(), "K15", "reached"), (3, 5, 0));
    assert_eq!(march(&all(), "K15", "connected"), (3, 7, 0));
}

/// Somebody tried to call at each of `times`, and was answered at the last.
fn tried(times: &[&str]) -> Drive {
    let mut drive = Drive::queued(json!({}));
    for (n, time) in times.iter().enumerate() {
        if n > 0 {
            drive.fire("RETRY_AT");
        }
        drive.now = at(time);
        drive.call(if n + 1 == times.len() { "connected" } else { "no_answer" });
    }
    drive
}

#[test]
fn best_hour_is_found_among_the_attempts_of_each_hour_of_the_local_day() {
    let drives = [
        tried(&["2026-03-11T09:59:59+08:00", "2026-03-11T14:30:00+08:00"]),
        tried(&["2026-03-11T09:00:00+08:00", "2026-03-12T09:30:00+08:00"]),
        tried(&["2026-03-11T10:00:00+08:00"]),
    ];
    let hours = |zone| {
        let grouping = Grouping::parse("hour", zone).unwrap();
        let groups = line(&drives, "K15", "connected", Some(grouping)).groups.into_iter();
        groups.map(|(hour, figure)| (hour, figure.numerator, figure.denominator)).collect::<Vec<_>>()
    };
    let told = |hour: &str, connected, tried| (hour.to_owned(), connected, tried);
    assert_eq!(hours(chrono_tz::Asia::Shanghai), [told("09", 1, 3), told("10", 1, 1), told("14", 1, 1)]);
    assert_eq!(hours(chrono_tz::UTC), [told("01", 1, 3), told("02", 1, 1), told("06", 1, 1)]);
}

#[test]
fn appointment_moves_the_due_that_counts() {
    let mut drive = Drive::queued(json!({ "due_by": at("2026-03-11T18:00:00+08:00") }));
    drive.call("connected");
    let wish = json!({ "at": at("2026-03-16T10:00:00+08:00"), "by": "customer" });
    drive.send(agent("agent-a"), "schedule", wish);
    drive.fire("APPOINTMENT");
    drive.call("connected");
    drive.send(agent("agent-a"), "record", json!({ "score": 4 }));
    assert_eq!(march(&[drive], "K15", "on_time"), (1, 1, 0));
}

/// Where lives begin.
const BEGINNINGS: [&[&str]; 6] = [
    &["plan:periodic", "timer:WINDOW_OPEN"],
    &["plan:complaint", "timer:WINDOW_OPEN"],
    &["plan:missed", "timer:WINDOW_OPEN"],
    &["plan:complaint", "timer:WINDOW_OPEN", "claim:agent", "attempt_result:connected"],
    &["plan:complaint", "timer:WINDOW_OPEN", "claim:agent", "attempt_result:connected", "record:worst"],
    &["plan:opted_out"],
];
const OUTCOMES: [&str; 6] = ["connected", "connected", "busy", "no_answer", "wrong_number", "rejected"];

/// A life: where it begins, then minutes to wait and what to try; whatever is refused is passed over.
fn driven(number: usize, beginning: usize, steps: &[(u16, u16)]) -> Drive {
    let mut drive = Drive::new();
    drive.id = InstanceId::derive("c-1027", &["callback", &number.to_string()]);
    for step in BEGINNINGS[beginning] {
        drive.take(step);
    }
    for (minutes, choice) in steps {
        drive.pass(i64::from(*minutes));
        attempt(&mut drive, usize::from(*choice));
    }
    drive
}

fn attempt(drive: &mut Drive, choice: usize) {
    let more = choice / 8;
    let (actor, event, payload) = match choice % 8 {
        0..=2 => {
            drive.attempt(agent("agent-a"), "claim", json!({})).ok();
            let outcome = OUTCOMES[more % OUTCOMES.len()];
            (agent("agent-a"), "attempt_result", result(outcome, "phone"))
        }
        3 | 4 => {
            let said = json!({ "score": 1 + more % 5, "resolved": !more.is_multiple_of(3) });
            (agent("agent-a"), "record", said)
        }
        5 => {
            let decision = ["new_complaint", "improvement", "explain"][more % 3];
            (supervisor(), "dispose", json!({ "decision": decision, "note": "经核实" }))
        }
        6 => {
            let at = drive.calendar.after(drive.now, 8 * 3_600_000);
            (agent("agent-a"), "schedule", json!({ "at": at, "by": "customer" }))
        }
        _ => {
            let known = samples();
            let sample = &known[more % known.len()];
            (sample.actor.clone(), sample.event, Value::Object(sample.payload.clone()))
        }
    };
    if event != "plan" {
        drive.attempt(actor, event, payload).ok();
    }
}

fn lives() -> impl Strategy<Value = Vec<(usize, Vec<(u16, u16)>)>> {
    let steps = prop_oneof![Just(20u16), Just(300), Just(3_000)]
        .prop_flat_map(|longest| prop::collection::vec((0..longest, any::<u16>()), 0..25));
    prop::collection::vec((0..BEGINNINGS.len(), steps), 1..5)
}

fn many(lives: &[(usize, Vec<(u16, u16)>)]) -> Vec<Drive> {
    lives.iter().enumerate().map(|(n, (beginning, steps))| driven(n, *beginning, steps)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::seeded::cases(150)))]

    #[test]
    fn every_kpi_of_callbacks_is_what_the_histories_say(
        lives in lives(),
        from in 0i64..30,
        days in 1i64..60,
        later in 0i64..20,
    ) {
        let drives = many(&lives);
        let last = drives.iter().map(|drive| drive.now).max().unwrap_or_default();
        let from = at("2026-03-08T16:00:00Z").plus_millis(from * 43_200_000);
        let frame = frame(from, from.plus_millis(days * 43_200_000));
        let frame = Frame { now: last.plus_millis(later * 86_400_000), ..frame };
        let lives = drives.iter().map(|drive| (drive.instance.as_ref().unwrap(), drive.entries.as_slice()));
        assert_equal(&measures("callback"), lives, frame);
    }
}

#[test]
fn lives_of_callbacks_reach_every_number() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = lives();
    let drives: Vec<Drive> =
        (0..100).flat_map(|_| many(&strategy.new_tree(&mut runner).unwrap().current())).collect();
    let year = frame(at("2026-01-01T00:00:00+08:00"), at("2027-01-01T00:00:00+08:00"));
    let lives = drives.iter().map(|drive| (drive.instance.as_ref().unwrap(), drive.entries.as_slice()));
    let lines = assert_equal(&measures("callback"), lives, year);
    let one_sided = lines.iter().filter(|line| {
        let total = &line.total;
        total.numerator == 0 || total.numerator == total.denominator
    });
    let one_sided: Vec<_> = one_sided.map(|line| (line.measure.kpi, line.measure.name)).collect();
    assert_eq!(one_sided, []);
}
