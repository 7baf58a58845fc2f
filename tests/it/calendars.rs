//! Calendars: the shipped ones, and public vectors where they are present.

use std::collections::BTreeMap;

use careflow::kernel::calendar::{Calendar, CalendarFile};
use careflow::kernel::instant::Instant;
use careflow::workflows::CALENDARS;
use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeZone};
use serde_json::{Value, json};

use crate::rig::sample_data;

const MINUTE: i64 = 60_000;
const DAYS: [&str; 5] = ["mon", "tue", "wed", "thu", "fri"];

fn calendar(file: Value) -> Calendar {
    serde_json::from_value::<CalendarFile>(file).unwrap().check().unwrap()
}

/// A shipped calendar, as the binary reads it.
fn shipped(name: &str) -> Calendar {
    let registry = careflow::workflows::Registry::shipped();
    let sources = careflow::app::sources(registry.all(), None).unwrap();
    let calendars = sources.into_iter().filter_map(|source| match source.content {
        careflow::definition::file::Content::Calendar(calendar) => Some(calendar),
        careflow::definition::file::Content::Definition(_) => None,
    });
    calendars.into_iter().find(|calendar| calendar.name() == name).unwrap()
}

/// A file of public data, a value a line (or one value), where this machine has it.
fn public(file: &str) -> Option<Vec<Value>> {
    let text = sample_data().and_then(|folder| std::fs::read_to_string(folder.join(file)).ok());
    let Some(text) = text else {
        println!("skipped: `{file}` is not present; CAREFLOW_TEST_DATA names the folder of public test data");
        return None;
    };
    if file.ends_with(".jsonl") {
        return Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect());
    }
    Some(vec![serde_json::from_str(&text).unwrap()])
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The first instant at which the calendar's clocks show `text`.
fn at(calendar: &Calendar, text: &str) -> Instant {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").unwrap();
    calendar.zone().from_local_datetime(&local).earliest().unwrap().to_utc().into()
}

fn local(calendar: &Calendar, at: Instant) -> String {
    at.utc().with_timezone(&calendar.zone()).format("%Y-%m-%dT%H:%M").to_string()
}

#[test]
fn shipped_calendars_are_named_like_their_files() {
    for (file, _) in CALENDARS {
        let name = file.strip_prefix("calendars/").and_then(|file| file.strip_suffix(".yaml")).unwrap();
        assert_eq!(shipped(name).version(), 1);
    }
}

/// Samples of every year, as everybody remembers them.
#[test]
fn china_rests_and_makes_up_as_announced() {
    let cn = shipped("cn");
    assert_eq!(cn.horizon(), Some(date("2026-12-31")));
    for (text, works) in [
        ("2015-09-03", false),
        ("2015-09-06", true),
        ("2016-06-12", true),
        ("2017-10-06", false),
        ("2018-12-29", true),
        ("2018-12-31", false),
        ("2019-05-03", false),
        ("2019-05-05", true),
        ("2020-01-31", false),
        ("2020-02-03", true),
        ("2021-09-18", true),
        ("2022-12-30", true),
        ("2023-01-02", false),
        ("2024-05-11", true),
        ("2025-01-26", true),
        ("2025-10-08", false),
        ("2025-10-11", true),
        ("2026-01-04", true),
        ("2026-02-14", true),
        ("2026-02-23", false),
        ("2026-02-28", true),
        ("2026-05-09", true),
        ("2026-09-20", true),
        ("2026-10-10", true),
        ("2026-10-11", false),
    ] {
        assert_eq!(cn.is_working_day(date(text)), works, "{text}");
    }
    // The golden vector over Spring Festival, on the shipped file.
    assert_eq!(local(&cn, cn.after(at(&cn, "2026-02-14T17:30"), 120 * MINUTE)), "2026-02-24T10:30");
    let third = cn.working_day(at(&cn, "2026-09-30T10:00"), 3);
    assert_eq!(local(&cn, cn.open_of(third)), "2026-10-10T09:00");
}

/// The days off and make-up days that the notices of all years announce.
fn notices() -> Option<(Vec<NaiveDate>, Vec<NaiveDate>)> {
    let (mut off, mut made_up) = (Vec::new(), Vec::new());
    for year in 2015..=2026 {
        for day in public(&format!("calendar-cn/{year}.json"))?[0]["days"].as_array().unwrap() {
            let date = date(day["date"].as_str().unwrap());
            if day["isOffDay"] == json!(true) { off.push(date) } else { made_up.push(date) }
        }
    }
    Some((off, made_up))
}

#[test]
fn twelve_years_of_the_shipped_calendar_are_those_of_the_notices() {
    let Some((off, made_up)) = notices() else { return };
    let cn = shipped("cn");
    let mut dates = 0;
    for date in date("2015-01-01").iter_days().take_while(|date| date.year() <= 2026) {
        let weekday = date.weekday().num_days_from_monday() < 5;
        let works = made_up.contains(&date) || (weekday && !off.contains(&date));
        assert_eq!(cn.is_working_day(date), works, "{date}");
        dates += 1;
    }
    assert_eq!(dates, 4_383);
}

#[test]
fn federal_holidays_are_eleven_weekdays_a_year() {
    let us = shipped("us_east");
    for year in [2025, 2026] {
        let all =
            NaiveDate::from_ymd_opt(year, 1, 1).unwrap().iter_days().take_while(|day| day.year() == year);
        let off = all.filter(|day| day.weekday().num_days_from_monday() < 5 && !us.is_working_day(*day));
        assert_eq!(off.count(), 11, "{year}");
    }
    for text in ["2025-11-27", "2026-01-19", "2026-05-25", "2026-07-03", "2026-11-26"] {
        assert!(!us.is_working_day(date(text)), "{text}");
    }
    let before = at(&us, "2026-03-06T16:00");
    assert_eq!(local(&us, us.after(before, 120 * MINUTE)), "2026-03-09T10:00");
    assert_eq!(
        us.after(before, 120 * MINUTE).since(before),
        (3 * 24 - 7) * 60 * MINUTE,
        "an hour is skipped"
    );
}

#[test]
fn around_the_clock_no_instant_is_closed() {
    let always = shipped("always");
    assert_eq!(always.horizon(), None);
    let start = at(&always, "2026-02-17T03:00");
    assert_eq!(always.after(start, 90 * MINUTE), start.plus_millis(90 * MINUTE));
    assert_eq!(always.closed_since(start), None);
}

/// `8:30-20` or `9-12,13-18` as this product writes hours.
fn spelled(hours: &str) -> Vec<String> {
    let time = |text: &str| match text.split_once(':') {
        Some((hour, minute)) => format!("{hour:0>2}:{minute}"),
        None => format!("{text:0>2}:00"),
    };
    let stretch = |text: &str| {
        let (open, close) = text.split_once('-').unwrap();
        format!("{}-{}", time(open), time(close))
    };
    hours.split([',', ';', ' ']).filter(|text| !text.is_empty()).map(stretch).collect()
}

#[test]
fn seven_years_of_chinese_holidays_agree_with_a_count_of_minutes() {
    let Some(checks) = public("calendar-cn/worktime_generated.jsonl") else { return };
    let Some((mut off, made_up)) = notices() else { return };
    off.sort_unstable();
    off.dedup();
    let mut of_hours: BTreeMap<String, Calendar> = BTreeMap::new();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert_eq!(checks.len(), 300);
    for check in checks {
        let cn = of_hours.entry(text(&check["hours"])).or_insert_with_key(|hours| {
            let hours = spelled(hours);
            let open: BTreeMap<_, _> = made_up.iter().map(|date| (date.to_string(), &hours)).collect();
            let weekly: BTreeMap<_, _> = DAYS.iter().map(|day| (day, &hours)).collect();
            calendar(json!({
                "name": "cn", "version": 1, "title": {"en": "China", "zh": "中国"}, "zone": check["tz"],
                "weekly": weekly, "off": off, "open": open,
            }))
        });
        let minutes = check["minutes"].as_i64().unwrap();
        match check["op"].as_str().unwrap() {
            "add" => {
                let due = cn.after(at(cn, &text(&check["start"])), minutes * MINUTE);
                assert_eq!(local(cn, due), text(&check["due"]), "{check}");
            }
            "between" => {
                let elapsed = cn.elapsed(at(cn, &text(&check["from"])), at(cn, &text(&check["to"])));
                assert_eq!(elapsed, minutes * MINUTE, "{check}");
            }
            other => panic!("unknown check `{other}`"),
        }
    }
}

/// Where the rules of this product say otherwise than the library whose vectors these are:
/// function, arguments, what is answered here, and the rule.
const OTHERWISE: [(&str, &str, &str, &str); 3] = [
    // R2: the n-th working day after the start date. The library first moves on from a closed day.
    ("add_days", r#"["2014-04-08",1]"#, r#""2014-04-09""#, "R2"),
    ("add_days", r#"["2014-04-09",1]"#, r#""2014-04-10""#, "R2"),
    // R5: real time. The library counts what the clocks show of a day of 25 hours.
    ("working_time_between", r#"["2020-10-24T22:00:00+00:00","2020-10-25T23:00:00+00:00"]"#, "90000", "R5"),
];

/// The calendar of a vector.
fn of_vector(vector: &Value) -> Calendar {
    let day = |hours: &Value| -> Vec<String> {
        let stretches = hours.as_array().unwrap().iter();
        stretches.map(|s| format!("{}-{}", s[0].as_str().unwrap(), s[1].as_str().unwrap())).collect()
    };
    let days = |map: &Value| -> BTreeMap<String, Vec<String>> {
        map.as_object().unwrap().iter().map(|(key, hours)| (key.clone(), day(hours))).collect()
    };
    calendar(json!({
        "name": "vector", "version": 1, "title": {"en": "Vector", "zh": "向量"}, "zone": vector["tz"],
        "weekly": days(&vector["hours"]), "off": vector["holidays"], "open": days(&vector["holiday_hours"]),
    }))
}

/// What this product answers to a vector; subtractions (which R2 has none of) are checked by the
/// law that as much has elapsed since what the library answers.
fn answered(calendar: &Calendar, vector: &Value) -> Value {
    let (args, expected) = (&vector["args"], &vector["expected"]);
    // A bare date is its first instant.
    let time = |value: &Value| {
        let text = value.as_str().unwrap();
        Instant::parse(text).unwrap_or_else(|_| at(calendar, &format!("{text}T00:00")))
    };
    let same = |answer: Instant| if answer == time(expected) { expected.clone() } else { json!(answer) };
    let first = &args[0];
    let add = |unit: i64| {
        let millis = args[1].as_i64().unwrap() * unit;
        if millis >= 0 {
            return same(calendar.after(time(first), millis));
        }
        let back = calendar.elapsed(time(first), time(expected));
        if back == millis { expected.clone() } else { json!({ "elapsed": back }) }
    };
    let working_days = |from: Instant, to: Instant| {
        let until = calendar.date_at(to);
        (0..).find(|n| calendar.working_day(from, n + 1) > until).unwrap()
    };
    // The working time that `at` ends belongs to it, as the library has it when it looks back.
    let worked = |at: Instant| calendar.closed_since(at.plus_millis(-1)).unwrap_or(at);
    let closing = |at: Instant| calendar.close_of(calendar.date_at(calendar.next_open(at)));
    match vector["fn"].as_str().unwrap() {
        "add_days" => match args[1].as_i64().unwrap() {
            days @ 0.. => json!(calendar.working_day(time(first), days as u32)),
            days => {
                let back = working_days(time(expected), time(first));
                if i64::from(back) == -days { expected.clone() } else { json!({ "days": back }) }
            }
        },
        "add_hours" => add(60 * MINUTE),
        "add_minutes" => add(MINUTE),
        "add_seconds" => add(1_000),
        "advance_to_working_time" => same(calendar.next_open(time(first))),
        "advance_to_closing_time" => same(closing(time(first))),
        "next_working_time" => {
            let at = time(first);
            let from = if calendar.is_open(at) { closing(at) } else { at };
            same(calendar.next_open(from))
        }
        "return_to_working_time" => same(worked(time(first))),
        "working_day?" => json!(calendar.is_working_day(date(first.as_str().unwrap()))),
        "in_working_hours?" => json!(calendar.is_open(time(first))),
        "working_days_between" => {
            let (from, to) = (time(first), time(&args[1]));
            if from <= to { json!(working_days(from, to)) } else { json!(-i64::from(working_days(to, from))) }
        }
        "working_time_between" => json!(calendar.elapsed(time(first), time(&args[1])) / 1_000),
        other => panic!("unknown function `{other}`"),
    }
}

#[test]
fn a_librarys_vectors_hold_but_for_those_the_rules_decide_otherwise() {
    let Some(vectors) = public("vectors-worktime/vectors.jsonl") else { return };
    assert_eq!(vectors.len(), 123);
    let mut differing = Vec::new();
    for vector in &vectors {
        let answer = answered(&of_vector(vector), vector);
        if answer != vector["expected"] {
            let function = vector["fn"].as_str().unwrap().to_owned();
            differing.push((function, vector["args"].to_string(), answer.to_string()));
        }
    }
    let otherwise: Vec<_> = OTHERWISE.iter().map(|(f, args, here, _)| (*f, *args, *here)).collect();
    let found: Vec<_> =
        differing.iter().map(|(f, args, here)| (f.as_str(), args.as_str(), here.as_str())).collect();
    assert_eq!(found, otherwise);
}
