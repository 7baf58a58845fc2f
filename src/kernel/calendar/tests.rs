//! The golden vectors of time.md, and what follows from them.

mod explained;
mod laws;
mod written;

use std::collections::BTreeMap;

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::*;

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

fn calendar(file: Value) -> Calendar {
    serde_json::from_value::<CalendarFile>(file).unwrap().check().unwrap()
}

fn dates(month: u32, days: std::ops::RangeInclusive<u32>) -> Vec<String> {
    days.map(|day| format!("2026-{month:02}-{day:02}")).collect()
}

/// China with the days off and make-up days of 2026.
fn china() -> Calendar {
    let day = ["09:00-12:00", "13:00-18:00"];
    let off = [
        dates(1, 1..=3),
        dates(2, 15..=23),
        dates(4, 4..=6),
        dates(5, 1..=5),
        dates(6, 19..=21),
        dates(9, 25..=27),
        dates(10, 1..=7),
    ]
    .concat();
    let made_up = ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"];
    let open: BTreeMap<_, _> = made_up.into_iter().map(|date| (date, day)).collect();
    calendar(json!({
        "name": "cn_2026", "version": 1, "title": {"en": "China", "zh": "中国"}, "zone": "Asia/Shanghai",
        "weekly": {"mon": day, "tue": day, "wed": day, "thu": day, "fri": day},
        "off": off, "open": open,
    }))
}

/// A night shift over the hour that New York's clocks skip and repeat, and a day shift.
fn new_york() -> Calendar {
    every_day("America/New_York", &["01:00-04:00", "09:00-17:00"])
}

fn every_day(zone: &str, hours: &[&str]) -> Calendar {
    calendar(json!({
        "name": "daily", "version": 1, "title": {"en": "Daily", "zh": "每天"}, "zone": zone,
        "weekly": {"mon": hours, "tue": hours, "wed": hours, "thu": hours, "fri": hours, "sat": hours, "sun": hours},
    }))
}

/// The first instant at which the calendar's clocks show `text`.
fn at(calendar: &Calendar, text: &str) -> Instant {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    calendar.zone().from_local_datetime(&local).earliest().unwrap().to_utc().into()
}

fn local(zone: Tz, at: Instant) -> String {
    at.utc().with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

fn due(calendar: &Calendar, start: &str, span: &str) -> String {
    let due = calendar.due(at(calendar, start), Span::parse(span).unwrap());
    local(calendar.zone(), due)
}

#[test]
fn business_hours_of_the_specification_fall_due() {
    let china = china();
    for (start, span, expected) in [
        ("2026-03-11 10:00", "2 business hours", "2026-03-11 12:00"),
        ("2026-03-11 11:30", "2 business hours", "2026-03-11 14:30"),
        ("2026-03-11 12:30", "2 business hours", "2026-03-11 15:00"),
        ("2026-03-11 17:00", "2 business hours", "2026-03-12 10:00"),
        ("2026-03-11 18:00", "1 business hour", "2026-03-12 10:00"),
        ("2026-03-11 09:00", "8 business hours", "2026-03-11 18:00"),
        ("2026-03-11 07:15", "1 business hour", "2026-03-11 10:00"),
        ("2026-03-13 17:30", "2 business hours", "2026-03-16 10:30"),
        ("2026-02-13 17:30", "2 business hours", "2026-02-14 10:30"),
        ("2026-02-14 17:30", "2 business hours", "2026-02-24 10:30"),
        ("2026-02-20 10:00", "1 business hour", "2026-02-24 10:00"),
        ("2026-02-28 08:00", "1 business hour", "2026-02-28 10:00"),
        ("2026-01-03 21:00", "1 business hour", "2026-01-04 10:00"),
        ("2026-09-30 17:00", "8 business hours", "2026-10-08 17:00"),
        ("2026-10-09 16:00", "8 business hours", "2026-10-10 16:00"),
    ] {
        assert_eq!(due(&china, start, span), expected, "{start} + {span}");
    }
}

#[test]
fn a_pause_moves_the_due_by_the_business_time_paused() {
    let china = china();
    for (start, span, pause, resume, expected) in [
        ("2026-03-11 10:00", "8 business hours", "2026-03-11 15:00", "2026-03-12 10:00", "2026-03-12 15:00"),
        ("2026-03-13 16:00", "2 business hours", "2026-03-13 17:00", "2026-03-16 12:30", "2026-03-16 14:00"),
        ("2026-03-13 10:00", "3 working days", "2026-03-16 10:00", "2026-03-17 10:00", "2026-03-19 18:00"),
    ] {
        let paused = china.elapsed(at(&china, pause), at(&china, resume));
        let due = china.due(at(&china, start), Span::parse(span).unwrap());
        assert_eq!(local(china.zone(), china.after(due, paused)), expected, "{start} + {span}");
    }
}

/// R7: what remains is the target less what was used before the pause; it is due from the resume on.
#[test]
fn used_and_remaining_time_give_the_same_due_as_moving_it() {
    let china = china();
    for (start, hours, pause, resume, used, expected) in [
        ("2026-03-11 10:00", 8, "2026-03-11 15:00", "2026-03-12 10:00", 4 * HOUR, "2026-03-12 15:00"),
        ("2026-03-13 16:00", 2, "2026-03-13 17:00", "2026-03-16 12:30", HOUR, "2026-03-16 14:00"),
    ] {
        assert_eq!(china.elapsed(at(&china, start), at(&china, pause)), used);
        let due = china.after(at(&china, resume), hours * HOUR - used);
        assert_eq!(local(china.zone(), due), expected, "{start} + {hours} h");
    }
}

#[test]
fn working_days_fall_due_at_the_close_of_the_last() {
    let china = china();
    for (start, days, expected) in [
        ("2026-03-13 10:00", "1 working day", "2026-03-16 18:00"),
        ("2026-03-13 10:00", "3 working days", "2026-03-18 18:00"),
        ("2026-02-13 10:00", "1 working day", "2026-02-14 18:00"),
        ("2026-02-13 10:00", "3 working days", "2026-02-25 18:00"),
        ("2026-02-14 10:00", "1 working day", "2026-02-24 18:00"),
        ("2026-02-14 10:00", "3 working days", "2026-02-26 18:00"),
        ("2026-09-30 10:00", "1 working day", "2026-10-08 18:00"),
        ("2026-09-30 10:00", "3 working days", "2026-10-10 18:00"),
        ("2026-10-03 10:00", "1 working day", "2026-10-08 18:00"),
    ] {
        assert_eq!(due(&china, start, days), expected, "{start} + {days}");
    }
}

#[test]
fn working_days_as_a_start_begin_with_the_opening() {
    let china = china();
    let day = china.working_day(at(&china, "2026-09-30 10:00"), 3);
    assert_eq!(local(china.zone(), china.open_of(day)), "2026-10-10 09:00");
}

#[test]
fn calendar_days_end_with_the_civil_day() {
    let china = china();
    for (start, span, expected) in [
        ("2026-03-11 10:00", "7 calendar days", "2026-03-19 00:00"),
        ("2026-02-13 23:59", "2 calendar days", "2026-02-16 00:00"),
        ("2026-02-13 23:59", "2 calendar days or next working day", "2026-02-25 00:00"),
        ("2026-03-11 10:00", "7 calendar days or next working day", "2026-03-19 00:00"),
    ] {
        assert_eq!(due(&china, start, span), expected, "{start} + {span}");
    }
}

#[test]
fn wall_time_ignores_the_hours() {
    assert_eq!(due(&china(), "2026-02-14 17:30", "48 hours"), "2026-02-16 17:30");
}

#[test]
fn business_time_is_real_time_where_clocks_change() {
    let ny = new_york();
    let elapsed = |from, to| ny.elapsed(at(&ny, from), at(&ny, to));
    assert_eq!(elapsed("2026-03-08 00:30", "2026-03-08 12:00"), 5 * HOUR);
    assert_eq!(elapsed("2026-11-01 00:30", "2026-11-01 12:00"), 7 * HOUR);
    let add = |start, hours| ny.after(at(&ny, start), hours * HOUR);
    assert_eq!(add("2026-03-08 01:30", 1), Instant::parse("2026-03-08T03:30:00-04:00").unwrap());
    assert_eq!(add("2026-11-01 01:30", 1), Instant::parse("2026-11-01T01:30:00-05:00").unwrap());
    assert_eq!(add("2026-03-08 00:00", 3), Instant::parse("2026-03-08T10:00:00-04:00").unwrap());
}

#[test]
fn civil_days_have_23_and_25_hours_where_clocks_change() {
    let always = every_day("America/New_York", &["00:00-24:00"]);
    let day = |from, to| always.elapsed(at(&always, from), at(&always, to));
    assert_eq!(day("2026-03-08 00:00", "2026-03-09 00:00"), 23 * HOUR);
    assert_eq!(day("2026-11-01 00:00", "2026-11-02 00:00"), 25 * HOUR);
    let end = |start| always.due(at(&always, start), Span::parse("1 calendar day").unwrap());
    assert_eq!(end("2026-03-07 10:00"), at(&always, "2026-03-09 00:00"));
    assert_eq!(end("2026-10-31 10:00"), at(&always, "2026-11-02 00:00"));
}

#[test]
fn boundaries_in_a_gap_move_to_the_first_instant_after_it() {
    let inside = every_day("America/New_York", &["02:15-02:45", "09:00-10:00"]);
    assert_eq!(
        inside.next_open(at(&inside, "2026-03-08 00:00")),
        at(&inside, "2026-03-08 09:00"),
        "hours that the clock skips never open"
    );
    let across = every_day("America/New_York", &["01:30-02:30"]);
    let (from, to) = (at(&across, "2026-03-08 00:00"), at(&across, "2026-03-08 12:00"));
    assert_eq!(across.elapsed(from, to), 30 * MINUTE);
    assert_eq!(across.close_of("2026-03-08".parse().unwrap()), at(&across, "2026-03-08 03:00"));
}

#[test]
fn repeated_hours_open_at_the_first_and_close_at_the_second_and_count_once() {
    let split = every_day("America/New_York", &["00:30-01:15", "01:45-03:00"]);
    let (from, to) = (at(&split, "2026-11-01 00:00"), at(&split, "2026-11-01 12:00"));
    assert_eq!(split.elapsed(from, to), 3 * HOUR + 30 * MINUTE, "00:30 to 03:00 with the hour repeated");
    let havana = every_day("America/Havana", &["00:00-24:00"]);
    let day = havana.elapsed(at(&havana, "2026-11-01 00:00"), at(&havana, "2026-11-02 00:00"));
    assert_eq!(day, 25 * HOUR, "midnight itself is repeated");
    let repeated = at(&havana, "2026-11-01 00:30").plus_millis(HOUR);
    assert!(havana.is_open(repeated));
    assert_eq!(havana.after(repeated, HOUR), repeated.plus_millis(HOUR));
}

#[test]
fn a_date_that_a_zone_never_had_is_no_working_day() {
    let samoa = every_day("Pacific/Apia", &["09:00-17:00"]);
    assert_eq!(due(&samoa, "2011-12-29 10:00", "1 working day"), "2011-12-31 17:00");
}

#[test]
fn shifts_over_midnight_are_one_stretch() {
    let night = every_day("Asia/Shanghai", &["00:00-06:00", "22:00-24:00"]);
    assert_eq!(due(&night, "2026-03-11 23:00", "2 business hours"), "2026-03-12 01:00");
    assert!(night.is_open(at(&night, "2026-03-12 00:00")));
    assert_eq!(night.closed_since(at(&night, "2026-03-12 00:00")), None);
    assert_eq!(due(&night, "2026-03-11 23:00", "1 working day"), "2026-03-13 00:00");
}

#[test]
fn an_opening_holds_its_first_instant_and_not_its_last() {
    let china = china();
    for (time, open) in
        [("08:59", false), ("09:00", true), ("11:59", true), ("12:00", false), ("13:00", true)]
    {
        assert_eq!(china.is_open(at(&china, &format!("2026-03-11 {time}"))), open, "{time}");
    }
    assert!(china.is_open(at(&china, "2026-03-11 18:00").plus_millis(-1)));
}

#[test]
fn next_opening_is_now_while_open() {
    let china = china();
    for (time, expected) in [
        ("2026-03-11 10:00", "2026-03-11 10:00"),
        ("2026-03-11 12:00", "2026-03-11 13:00"),
        ("2026-02-14 18:00", "2026-02-24 09:00"),
    ] {
        assert_eq!(local(china.zone(), china.next_open(at(&china, time))), expected);
    }
}

#[test]
fn every_instant_of_a_closed_period_has_the_same_beginning() {
    let china = china();
    for (time, expected) in [
        ("2026-03-11 10:00", None),
        ("2026-03-11 12:00", Some("2026-03-11 12:00")),
        ("2026-03-11 12:59", Some("2026-03-11 12:00")),
        ("2026-03-11 13:00", None),
        ("2026-02-14 18:00", Some("2026-02-14 18:00")),
        ("2026-02-20 10:00", Some("2026-02-14 18:00")),
        ("2026-02-24 08:59", Some("2026-02-14 18:00")),
        ("2026-02-24 12:30", Some("2026-02-24 12:00")),
    ] {
        let since = china.closed_since(at(&china, time)).map(|since| local(china.zone(), since));
        assert_eq!(since.as_deref(), expected, "{time}");
    }
}

#[test]
fn open_and_closed_time_turn_at_the_next_edge() {
    let china = china();
    for (time, expected) in [
        ("2026-03-11 08:00", "2026-03-11 09:00"),
        ("2026-03-11 09:00", "2026-03-11 12:00"),
        ("2026-03-11 12:00", "2026-03-11 13:00"),
        ("2026-03-11 17:59", "2026-03-11 18:00"),
        ("2026-03-13 18:00", "2026-03-16 09:00"),
        ("2026-09-30 18:00", "2026-10-08 09:00"),
    ] {
        assert_eq!(local(china.zone(), china.turns(at(&china, time))), expected, "{time}");
    }
    let night = every_day("Asia/Shanghai", &["00:00-06:00", "22:00-24:00"]);
    let turn = night.turns(at(&night, "2026-03-11 23:00"));
    assert_eq!(local(night.zone(), turn), "2026-03-12 06:00", "midnight closes nothing");
    let always = every_day("Asia/Shanghai", &["00:00-24:00"]);
    let start = at(&always, "2026-03-11 10:00");
    assert!(always.turns(start).since(start) > 5 * 24 * HOUR, "around the clock");
}

#[test]
fn elapsed_backwards_is_negative() {
    let china = china();
    let (early, late) = (at(&china, "2026-03-11 10:00"), at(&china, "2026-03-11 14:00"));
    assert_eq!(china.elapsed(early, late), 3 * HOUR);
    assert_eq!(china.elapsed(late, early), -3 * HOUR);
    assert_eq!(china.elapsed(early, early), 0);
}

#[test]
fn no_time_is_due_at_once_even_while_closed() {
    let china = china();
    let night = at(&china, "2026-03-11 22:00");
    assert_eq!(china.after(night, 0), night);
}

#[test]
fn a_due_beyond_ten_years_is_held_there() {
    let rare = calendar(json!({
        "name": "rare", "version": 1, "title": {"en": "Rare", "zh": "少"}, "zone": "Asia/Shanghai",
        "weekly": {"mon": ["09:00-09:01"]},
    }));
    let start = at(&rare, "2026-03-11 10:00");
    assert_eq!(rare.after(start, 87_840 * HOUR), start.plus_millis(i64::from(WALK_DAYS_MAX) * DAY_MILLIS));
}

/// R4.
#[test]
fn dues_past_the_horizon_are_provisional_where_days_off_count() {
    let hours = ["09:00-18:00"];
    let known = calendar(json!({
        "name": "known", "version": 1, "title": {"en": "Known", "zh": "已知"}, "zone": "Asia/Shanghai",
        "horizon": "2026-12-31",
        "weekly": {"mon": hours, "tue": hours, "wed": hours, "thu": hours, "fri": hours},
    }));
    assert_eq!(known.horizon(), "2026-12-31".parse().ok());
    for (start, span, provisional) in [
        ("2026-12-30 10:00", "1 working day", false),
        ("2026-12-30 10:00", "2 working days", true),
        ("2026-12-31 10:00", "8 business hours", false),
        ("2026-12-31 10:00", "9 business hours", true),
        ("2026-12-30 10:00", "1 calendar day", false),
        ("2026-12-30 10:00", "1 calendar day or next working day", false),
        ("2026-12-30 10:00", "2 calendar days", false),
        ("2026-12-30 10:00", "2 calendar days or next working day", true),
        ("2026-12-30 10:00", "400 hours", false),
    ] {
        let (start, span) = (at(&known, start), Span::parse(span).unwrap());
        assert_eq!(known.promise(start, span), Due { at: known.due(start, span), provisional }, "{span}");
    }
    assert!(!known.is_provisional(at(&known, "2027-01-01 00:00")));
    assert!(known.is_provisional(at(&known, "2027-01-01 00:00").plus_millis(1)));
    assert!(!every_day("Asia/Shanghai", &["00:00-24:00"]).is_provisional(at(&known, "2099-01-01 00:00")));
}

/// R4.
#[test]
fn a_near_horizon_is_warned_of() {
    let horizon = calendar(json!({
        "name": "known", "version": 1, "title": {"en": "Known", "zh": "已知"}, "zone": "Asia/Shanghai",
        "horizon": "2026-12-31", "weekly": {"mon": ["09:00-18:00"]},
    }));
    let says = |now: &str| horizon.horizon_near(at(&horizon, now)).map(|near| near.to_string());
    assert_eq!(says("2026-11-01 23:59"), None, "60 days are left");
    insta::assert_snapshot!(
        ["2026-11-02 00:00", "2026-12-30 12:00", "2026-12-31 12:00", "2027-02-01 00:00"].map(|now| says(now).unwrap()).join("\n"),
        @r"
    calendar `known` knows days off until 2026-12-31 only, 59 days from now: dues after it are provisional until a version with the next year is loaded
    calendar `known` knows days off until 2026-12-31 only, which is tomorrow: dues after it are provisional until a version with the next year is loaded
    calendar `known` knows days off until 2026-12-31 only, which is today: dues after it are provisional until a version with the next year is loaded
    calendar `known` knows days off until 2026-12-31 only, which is past: dues after it are provisional until a version with the next year is loaded
    "
    );
    assert_eq!(china().horizon_near(at(&horizon, "2030-01-01 00:00")), None);
}

#[test]
fn times_are_read_as_the_clocks_show_them() {
    let zone = parse_zone("America/New_York").unwrap();
    for (text, edge, expected) in [
        ("2026-03-11T10:00", Edge::Open, "2026-03-11T14:00:00Z"),
        ("2026-03-11T10:00:05", Edge::Open, "2026-03-11T14:00:05Z"),
        ("2026-03-11T10:00:00+08:00", Edge::Open, "2026-03-11T02:00:00Z"),
        ("2026-03-08T02:30", Edge::Open, "2026-03-08T07:00:00Z"),
        ("2026-03-08T02:30", Edge::Close, "2026-03-08T07:00:00Z"),
        ("2026-11-01T01:30", Edge::Open, "2026-11-01T05:30:00Z"),
        ("2026-11-01T01:30", Edge::Close, "2026-11-01T06:30:00Z"),
    ] {
        assert_eq!(parse_time(zone, text, edge), Instant::parse(expected), "{text}");
    }
    for text in ["", "10:00", "2026-03-11", "2026-03-11 10:00", "2026-3-11T10:00", "2026-02-30T10:00", "now"]
    {
        let error = parse_time(zone, text, Edge::Open).unwrap_err();
        assert!(error.starts_with(&format!("`{text}` is not a time")), "{error}");
        assert!(error.ends_with("as the clocks of America/New_York show it"), "{error}");
    }
    assert!(parse_time(zone, "1969-12-31T10:00", Edge::Open).unwrap_err().contains("outside the years"));
}

#[test]
fn zone_data_has_a_version() {
    let version = tzdb_version();
    assert!(version.len() == 5 && version.starts_with("20"), "{version}");
}
