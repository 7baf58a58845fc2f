//! Tests of explanations: the sentences of each kind of target, and the laws of the pieces.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::kernel::common::Verdict;
use crate::kernel::entry::Pins;
use crate::kernel::sla::rule::Rule;
use crate::kernel::sla::story::{By, End};
use crate::kernel::sla::tests::{calendar, local, span};
use crate::kernel::sla::timing::Pause;

fn by(event: &str, seq: u64) -> By {
    By { event: event.into(), seq }
}

fn still(from: Instant, to: Option<Instant>) -> Still {
    let resumed = to.map(|_| by("customer_reply", 4));
    Still { pause: Pause { from, to }, by: by("request_info", 3), resumed }
}

/// A run of `target` from `start` on, which stood still in between.
fn story(start: Instant, target: Target, stills: Vec<Still>) -> Story {
    let pins = Pins {
        definition: "d".into(),
        calendar: "c".into(),
        others: BTreeMap::new(),
        tzdata: "2025b".into(),
        build: "0.1.0".into(),
    };
    Story {
        started: by("submit", 1),
        start,
        promised: target,
        target,
        due: start,
        provisional: false,
        calendar: "cn".into(),
        suspended: false,
        stills,
        retargets: Vec::new(),
        recorded: Vec::new(),
        end: None,
        corrections: Vec::new(),
        pins,
    }
}

fn told(story: &Story, rule: Option<&Rule>, now: &str) -> Explanation {
    let calendar = calendar();
    explain(story, &Basis { rule, policy_ver: 3, calendar: &calendar, now: local(now) })
}

/// The sentences after the first, in English.
fn english(told: &Explanation) -> Vec<&str> {
    told.sentences.iter().skip(1).map(|sentence| sentence.en.as_str()).collect()
}

#[test]
fn lunch_is_told_in_both_languages() {
    let story = story(local("2026-03-11 11:30"), span("2 business hours"), Vec::new());
    let told = told(&story, None, "2026-03-11 13:30");
    assert_eq!(told.due, Some(local("2026-03-11 14:30")));
    assert_eq!((told.total_ms, told.elapsed_ms), (7_200_000, 3_600_000));
    let en: Vec<&str> = told.sentences.iter().map(|sentence| sentence.en.as_str()).collect();
    assert_eq!(
        en,
        [
            "Started Wed 2026-03-11 11:30 (`submit`, entry 1); 2 business hours on calendar cn (version 1), \
             definition version 3.",
            "Counted 11:30–12:00 (0:30 of 2:00).",
            "Closed 12:00–13:00 (break).",
            "Counted 13:00–14:30 (2:00 of 2:00).",
            "Due Wed 2026-03-11 14:30.",
        ]
    );
    let zh: Vec<&str> = told.sentences.iter().map(|sentence| sentence.zh.as_str()).collect();
    assert_eq!(
        zh,
        [
            "2026-03-11 周三 11:30 开始计时（`submit`，第 1 条）；时限2 工作小时，日历 cn（第 1 版），定义第 3 版。",
            "计时 11:30–12:00（0:30 / 2:00）。",
            "不计 12:00–13:00（中间休息）。",
            "计时 13:00–14:30（2:00 / 2:00）。",
            "到期 2026-03-11 周三 14:30。",
        ]
    );
}

#[test]
fn pause_is_told_with_what_began_and_ended_it() {
    let pause = still(local("2026-03-13 17:00"), Some(local("2026-03-16 12:30")));
    let story = story(local("2026-03-13 16:00"), span("2 business hours"), vec![pause]);
    assert_eq!(
        english(&told(&story, None, "2026-03-16 12:30")),
        [
            "Counted 16:00–17:00 (1:00 of 2:00).",
            "Stood still 17:00 – Mon 2026-03-16 12:30 (`request_info`, entry 3; ran on with `customer_reply`, entry 4).",
            "Closed 12:30–13:00 (break).",
            "Counted 13:00–14:00 (2:00 of 2:00).",
            "Due Mon 2026-03-16 14:00.",
        ]
    );
}

#[test]
fn while_it_stands_still_there_is_no_due_and_no_point_after_it() {
    let text = "title: { en: a, zh: b }\ntarget: t\nstart_on: [x]\nstop_on: [y]\nwarn_at: 50\n";
    let rule: Rule = serde_saphyr::from_str(text).unwrap();
    let pause = still(local("2026-03-11 11:00"), None);
    let story = story(local("2026-03-11 10:00"), span("2 business hours"), vec![pause]);
    let told = told(&story, Some(&rule), "2026-03-11 15:00");
    assert_eq!((told.due, told.elapsed_ms), (None, 3_600_000));
    assert_eq!(told.points[0].at, Some(local("2026-03-11 11:00")), "reached at the very moment");
    assert_eq!(told.points[1].at, None);
    assert_eq!(
        english(&told)[..],
        [
            "Counted 10:00–11:00 (1:00 of 2:00).",
            "Stands still since Wed 2026-03-11 11:00 (`request_info`, entry 3).",
            "It has no due until it runs on; 1:00 of 2:00 are used.",
            "50 percent (warning) at 1:00: Wed 2026-03-11 11:00.",
            "100 percent (breach) at 2:00: not before it runs on.",
        ]
    );
}

#[test]
fn span_in_days_is_told_in_days_and_what_a_pause_moves_after_them() {
    let pause = still(local("2026-03-16 10:00"), Some(local("2026-03-17 10:00")));
    let story = story(local("2026-03-13 10:00"), span("3 working days"), vec![pause]);
    let told = told(&story, None, "2026-03-17 10:00");
    assert_eq!(told.due, Some(local("2026-03-19 18:00")));
    assert_eq!(
        english(&told),
        [
            "The rest of the start date does not count: 10:00 – Sat 2026-03-14 00:00.",
            "Closed 00:00 – Mon 2026-03-16 00:00 (weekend).",
            "Working day 1: 00:00 – Tue 2026-03-17 00:00.",
            "Working day 2: 00:00 – Wed 2026-03-18 00:00.",
            "Working day 3: 00:00–18:00.",
            "Stood still Mon 2026-03-16 10:00 – Tue 2026-03-17 10:00 (`request_info`, entry 3; ran on with `customer_reply`, entry 4).",
            "Closed Wed 2026-03-18 18:00 – Thu 2026-03-19 09:00 (outside the hours of the day).",
            "Counted 09:00–12:00 (3:00 made up).",
            "Closed 12:00–13:00 (break).",
            "Counted 13:00–18:00 (8:00 made up).",
            "Due Thu 2026-03-19 18:00.",
        ]
    );
}

#[test]
fn end_and_correction_are_told() {
    let mut story = story(local("2026-03-11 10:00"), span("15 seconds"), Vec::new());
    let at = local("2026-03-11 10:01");
    story.end = Some(End { by: by("respond", 4), at, verdict: Some(Verdict::Breached), elapsed_ms: 60_000 });
    story.corrections.push((by("verdict_corrected", 6), Verdict::Met));
    assert_eq!(
        english(&told(&story, None, "2026-03-11 12:00")),
        [
            "Counted 10:00–10:00:15, open or closed (0:00:15 of 0:00:15).",
            "Due Wed 2026-03-11 10:00:15.",
            "Ended Wed 2026-03-11 10:01 (`respond`, entry 4): breached, 0:01 used.",
            "Corrected to met (`verdict_corrected`, entry 6).",
        ]
    );
    assert_eq!(story.status().name(), "met");
}

#[test]
fn very_long_derivation_is_cut_in_its_middle_and_still_adds_up() {
    let start = local("2026-03-11 10:00");
    let stills = (0..200).map(|day| {
        let from = start.plus_millis(day * 86_400_000);
        still(from, Some(from.plus_millis(1_800_000)))
    });
    let story = story(start, span("1000 business hours"), stills.collect());
    let told = told(&story, None, "2026-03-11 10:00");
    assert_eq!(told.pieces.len(), PIECES_MAX);
    let between: Vec<&Piece> =
        told.pieces.iter().filter(|piece| piece.kind == Kind::Stretch(Stretch::Between)).collect();
    assert_eq!(between.len(), 1);
    assert_eq!(told.pieces.iter().map(|piece| piece.counted_ms).sum::<i64>(), told.total_ms);
    assert_eq!(told.pieces.last().unwrap().to, told.due);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn pieces_follow_each_other_from_the_start_to_the_due_and_count_the_target(
        start in 0_i64..20_000, target in 0_usize..4, pauses in proptest::collection::vec((0_i64..3_000, 1_i64..3_000), 0..4)
    ) {
        let begin = local("2026-03-09 00:00").plus_millis(start * 60_000);
        let mut at = begin;
        let stills: Vec<Still> = pauses
            .iter()
            .map(|(gap, length)| {
                let from = at.plus_millis(gap * 60_000);
                at = from.plus_millis(length * 60_000);
                still(from, Some(at))
            })
            .collect();
        let target = [
            span("6 business hours"), span("20 business hours"), span("30 hours"),
            Target::At(begin.plus_millis(200_000_000)),
        ][target];
        let story = story(begin, target, stills);
        let told = told(&story, None, "2026-03-09 00:00");
        let calendar = calendar();
        let pauses = story.pauses();
        prop_assert_eq!(told.due, Some(story.timing(&calendar, &pauses).due()));
        let counted: i64 = told.pieces.iter().map(|piece| piece.counted_ms).sum();
        prop_assert_eq!(counted, told.total_ms);
        let mut done = begin;
        for piece in &told.pieces {
            prop_assert_eq!(piece.from, done);
            done = piece.to.expect("no pause lasts");
        }
        prop_assert_eq!(Some(done), told.due);
    }
}
