//! Tests of the arithmetic of clocks: the golden vectors with pauses, and its laws.

use proptest::prelude::*;

use super::rule::{Rule, Trigger};
use super::timing::{Pause, Target, Timing};
use crate::kernel::calendar::{Calendar, CalendarFile};
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;

pub(super) fn calendar() -> Calendar {
    let days = |day: &str| format!("  {day}: [\"09:00-12:00\", \"13:00-18:00\"]\n");
    let weekly: String = ["mon", "tue", "wed", "thu", "fri"].map(days).concat();
    let text =
        format!("name: cn\nversion: 1\ntitle: {{ en: a, zh: b }}\nzone: Asia/Shanghai\nweekly:\n{weekly}");
    serde_saphyr::from_str::<CalendarFile>(&text).unwrap().check().unwrap()
}

pub(super) fn local(text: &str) -> Instant {
    Instant::parse(&format!("{}:00+08:00", text.replace(' ', "T"))).unwrap()
}

pub(super) fn span(text: &str) -> Target {
    Target::Span(Span::parse(text).unwrap())
}

/// The due of a clock started at `start` against `target`, which stood still from `from` to `to`.
#[track_caller]
fn check(start: &str, target: Target, (from, to): (&str, &str), due: &str) {
    let calendar = calendar();
    let pauses = [Pause { from: local(from), to: Some(local(to)) }];
    let timing = Timing { calendar: &calendar, start: local(start), target, pauses: &pauses };
    assert_eq!(timing.due(), local(due), "{start} + {target}");
}

#[test]
fn pause_moves_the_due_by_what_is_left() {
    let night = ("2026-03-11 15:00", "2026-03-12 10:00");
    check("2026-03-11 10:00", span("8 business hours"), night, "2026-03-12 15:00");
    check(
        "2026-03-13 16:00",
        span("2 business hours"),
        ("2026-03-13 17:00", "2026-03-16 12:30"),
        "2026-03-16 14:00",
    );
    check(
        "2026-03-13 10:00",
        span("3 working days"),
        ("2026-03-16 10:00", "2026-03-17 10:00"),
        "2026-03-19 18:00",
    );
    check("2026-03-11 10:00", span("8 hours"), night, "2026-03-12 13:00");
    check("2026-03-11 10:00", span("7 calendar days"), night, "2026-03-19 19:00");
    check("2026-03-11 10:00", Target::At(local("2026-03-12 17:00")), night, "2026-03-13 12:00");
}

#[test]
fn of_two_spans_the_one_that_is_over_first_counts_and_pauses_move_it_by_its_own_measure() {
    let night = ("2026-03-11 15:00", "2026-03-12 10:00");
    let within =
        |span: &str, most: &str| Target::Within(Span::parse(span).unwrap(), Span::parse(most).unwrap());
    check("2026-03-11 10:00", within("1 working day", "7 calendar days"), night, "2026-03-13 14:00");
    check("2026-03-11 10:00", within("20 working days", "7 calendar days"), night, "2026-03-19 19:00");
    let target = within("7 working days", "15 calendar days");
    assert_eq!(serde_json::to_value(target).unwrap(), "7 working days within 15 calendar days");
    assert_eq!(serde_json::from_value::<Target>(serde_json::to_value(target).unwrap()).unwrap(), target);
    assert!(serde_json::from_value::<Target>("7 working days within a year".into()).is_err());
}

#[test]
fn pause_in_closed_time_leaves_a_given_moment_where_it_is() {
    let evening = ("2026-03-11 19:00", "2026-03-11 20:00");
    check("2026-03-11 10:00", Target::At(local("2026-03-11 21:00")), evening, "2026-03-11 21:00");
}

#[test]
fn pause_after_the_due_moves_the_levels_after_it_and_not_the_due() {
    let calendar = calendar();
    let pauses = [Pause { from: local("2026-03-11 14:00"), to: Some(local("2026-03-11 15:00")) }];
    let (start, target) = (local("2026-03-11 10:00"), span("2 business hours"));
    let timing = Timing { calendar: &calendar, start, target, pauses: &pauses };
    assert_eq!(timing.due(), local("2026-03-11 12:00"));
    assert_eq!(timing.point(150), local("2026-03-11 14:00"));
    assert_eq!(timing.point(200), local("2026-03-11 16:00"));
    assert_eq!(timing.elapsed(local("2026-03-11 16:00")), 2 * 2 * 3_600_000);
}

#[test]
fn share_is_reached_at_the_earliest_moment() {
    let calendar = calendar();
    let target = span("8 business hours");
    let timing = Timing { calendar: &calendar, start: local("2026-03-11 10:00"), target, pauses: &[] };
    for (percent, at) in [
        (25, "2026-03-11 12:00"),
        (50, "2026-03-11 15:00"),
        (80, "2026-03-11 17:24"),
        (100, "2026-03-12 10:00"),
        (150, "2026-03-12 15:00"),
    ] {
        assert_eq!(timing.point(percent), local(at), "{percent}");
    }
}

#[test]
fn triggers_are_written_as_they_are_read() {
    for text in ["submit", "human_outbound", "enter open.handling", "leave settled"] {
        assert_eq!(Trigger::parse(text).unwrap().to_string(), text);
    }
    for text in ["", "Submit", "exit open", "enter open now", "leave "] {
        let error = Trigger::parse(text).unwrap_err();
        assert!(error.starts_with(&format!("`{text}` is no trigger; accepted are")), "{error}");
    }
}

#[test]
fn ladder_level_for_long_targets_is_left_out_of_short_ones() {
    let rule: Rule = serde_json::from_value(serde_json::json!({
        "title": { "en": "a", "zh": "b" }, "target": "t", "start_on": ["a"], "stop_on": ["b"], "warn_at": 80,
        "ladder": [
            { "at": 50, "notify": ["owner"], "min_target": "4 business hours" },
            { "at": 100, "notify": ["owner"] },
            { "at": 150, "notify": ["owner"] },
        ],
    }))
    .unwrap();
    let levels = |total: i64| rule.points(total).map(|point| point.level).collect::<Vec<_>>();
    assert_eq!(levels(4 * 3_600_000), [50, 80, 100, 150]);
    assert_eq!(levels(4 * 3_600_000 - 1), [80, 100, 150]);
    assert_eq!(levels(0), [100], "no share of nothing is reached");
}

/// A Monday's midnight in Shanghai; the properties look at the three weeks after it.
const MONDAY: i64 = 1_772_985_600_000;
const MINUTE: i64 = 60_000;

fn moments() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(0i64..21 * 24 * 60, 0..8)
}

/// What a target of business minutes says of a clock, counted minute by minute.
fn counted(calendar: &Calendar, start: i64, minutes: u32, pauses: &[Pause]) -> Instant {
    let stands =
        |at: Instant| pauses.iter().any(|pause| pause.from <= at && pause.to.is_none_or(|to| at < to));
    let (mut left, mut at) = (minutes, Instant::from_millis(start));
    while left > 0 {
        left -= u32::from(calendar.is_open(at) && !stands(at));
        at = at.plus_millis(MINUTE);
    }
    at
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn due_with_pauses_is_what_counting_minutes_says(minutes in 1u32..2_400, mut edges in moments()) {
        let calendar = calendar();
        let target = span(&format!("{minutes} business minutes"));
        let start = Instant::from_millis(MONDAY);
        edges.sort_unstable();
        edges.dedup();
        let mut pauses: Vec<Pause> = Vec::new();
        for pair in edges.chunks_exact(2) {
            let from = Instant::from_millis(MONDAY + pair[0] * MINUTE);
            let timing = Timing { calendar: &calendar, start, target, pauses: &pauses };
            // A clock that is due is not paused before its due any more.
            if from < timing.due() {
                pauses.push(Pause { from, to: Some(Instant::from_millis(MONDAY + pair[1] * MINUTE)) });
            }
        }
        let timing = Timing { calendar: &calendar, start, target, pauses: &pauses };
        prop_assert_eq!(timing.due(), counted(&calendar, MONDAY, minutes, &pauses));
        prop_assert_eq!(timing.elapsed(timing.due()), i64::from(minutes) * MINUTE);
    }

    #[test]
    fn points_rise_and_hold_their_share(
        minutes in 1u32..2_400, start in 0i64..7 * 24 * 60, low in 1u32..300, by in 1u32..300
    ) {
        let calendar = calendar();
        let target = span(&format!("{minutes} business minutes"));
        let start = Instant::from_millis(MONDAY + start * MINUTE);
        let timing = Timing { calendar: &calendar, start, target, pauses: &[] };
        prop_assert!(timing.point(low) <= timing.point(low + by));
        let share = i64::from(minutes) * MINUTE * i64::from(low) / 100;
        prop_assert_eq!(timing.elapsed(timing.point(low)), share);
    }
}
