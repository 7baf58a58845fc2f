//! Calendars: the shipped ones, public vectors where they are present, and the `calendar` command.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;

use careflow::kernel::calendar::{Calendar, CalendarFile};
use careflow::kernel::instant::Instant;
use careflow::workflows::CALENDARS;
use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeZone};
use serde_json::{Value, json};

use crate::cli_rig::{Ended, Place, careflow, command};
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

#[test]
fn a_due_is_printed_with_its_offset_and_marked_past_the_horizon() {
    let due = |calendar: &str, start: &str, add: &str| {
        careflow(&["calendar", "due", "--calendar", calendar, "--start", start, "--add", add]).done()
    };
    assert_eq!(due("cn", "2026-02-14T17:30", "2 business hours"), "2026-02-24T10:30:00+08:00\n");
    assert_eq!(due("cn", "2026-02-14T09:30:00Z", "2 business hours"), "2026-02-24T10:30:00+08:00\n");
    assert_eq!(due("us_east", "2026-11-01T00:30", "2 hours"), "2026-11-01T01:30:00-05:00\n");
    assert_eq!(
        due("cn", "2026-12-31T10:00", "1 working day"),
        "2027-01-01T18:00:00+08:00\nprovisional: days off past the horizon of `cn` are not known yet\n"
    );
}

#[test]
fn a_derivation_is_told_in_both_languages_and_as_data() {
    let ask =
        ["calendar", "due", "--calendar", "cn", "--start", "2026-09-30T17:00", "--add", "2 business hours"];
    let told = careflow(&[&ask[..], &["--explain"]].concat()).done();
    insta::assert_snapshot!(told, @r"
    2026-10-08T10:00:00+08:00
      Wed 2026-09-30 17:00 – 18:00  open: counts 1 h, 1 h in all
      Wed 2026-09-30 18:00 – Thu 2026-10-01 00:00  closed: outside the hours of the day
      Thu 2026-10-01 00:00 – Thu 2026-10-08 00:00  closed: day off
      Thu 2026-10-08 00:00 – 09:00  closed: outside the hours of the day
      Thu 2026-10-08 09:00 – 10:00  open: counts 1 h, 2 h in all
    ");
    let zh = careflow(&[&ask[..], &["--explain", "--lang", "zh"]].concat()).done();
    assert!(zh.contains("2026-10-01 周四 00:00 – 2026-10-08 周四 00:00  不计：放假"), "{zh}");
    let data = careflow(&[&ask[..], &["--explain", "--json"]].concat()).json();
    assert_eq!(data["due"], "2026-10-08T02:00:00.000Z");
    assert_eq!(
        (&data["due_local"], &data["provisional"]),
        (&json!("2026-10-08T10:00:00+08:00"), &json!(false))
    );
    assert_eq!(
        (&data["calendar"], &data["version"], &data["zone"]),
        (&json!("cn"), &json!(1), &json!("Asia/Shanghai"))
    );
    let pieces = data["pieces"].as_array().unwrap();
    assert_eq!((&pieces[2]["kind"], &pieces[2]["reason"]), (&json!("closed"), &json!("day_off")));
    assert_eq!(pieces.last().unwrap()["total_ms"], 120 * MINUTE);
    assert!(pieces[0]["text"]["zh"].as_str().unwrap().contains("工作时间"), "{data}");
}

#[test]
fn elapsed_time_is_printed_and_runs_back_where_the_end_is_first() {
    let elapsed = |from: &str, to: &str, more: &[&str]| {
        careflow(&[&["calendar", "elapsed", "--calendar", "cn", "--from", from, "--to", to], more].concat())
    };
    assert_eq!(elapsed("2026-03-13T16:00", "2026-03-16T12:30", &[]).done(), "5 h\n");
    assert_eq!(elapsed("2026-03-13T16:00", "2026-03-16T12:30", &["--lang", "zh"]).done(), "5 小时\n");
    assert_eq!(elapsed("2026-03-16T12:30", "2026-03-13T16:00", &[]).done(), "-5 h\n");
    let data = elapsed("2026-03-13T16:00", "2026-03-16T12:30", &["--json"]).json();
    assert_eq!((&data["elapsed_ms"], &data["elapsed"]["en"]), (&json!(300 * MINUTE), &json!("5 h")));
    assert_eq!(data.get("pieces"), None);
}

#[test]
fn a_calendar_of_a_file_or_folder_answers() {
    let place = Place::new();
    std::fs::write(place.path("own.yaml"), OWN).unwrap();
    let ask = ["--start", "2026-03-11T10:00", "--add", "1 business hour"];
    let due = |more: &[&str]| careflow(&[&["calendar", "due", "--json"], &ask[..], more].concat()).json();
    let of_file = due(&["--calendar", &place.text("own.yaml")]);
    assert_eq!(
        (&of_file["due_local"], &of_file["provisional"]),
        (&json!("2026-03-17T09:00:00+08:00"), &json!(true))
    );
    assert_eq!(due(&["--calendar", "own", "--definitions", &place.text("")]), of_file);
}

const OWN: &str = "\
name: own
version: 1
title: { en: Own, zh: 自定 }
zone: Asia/Shanghai
horizon: 2020-12-31
weekly:
  tue: [\"08:00-10:00\"]
";

#[test]
fn wrong_questions_say_what_would_be_accepted() {
    let place = Place::new();
    std::fs::write(place.path("bad.yaml"), "name: bad\nzone: Mars/Base\n").unwrap();
    let (bad, missing) = (place.text("bad.yaml"), place.text("missing.yaml"));
    for (calendar, start, add, code, says) in [
        (
            "nowhere",
            "2026-03-11T10:00",
            "1 hour",
            2,
            "`nowhere` is no calendar; calendars are always, cn, us_east",
        ),
        ("cn", "tomorrow", "1 hour", 2, "as the clocks of Asia/Shanghai show it"),
        ("cn", "2026-03-11T10:00", "2 days", 2, "accepted are `2 working days`"),
        ("cn", "2026-03-11T10:00", "0 hours", 2, "a duration is longer than zero"),
        (&bad, "2026-03-11T10:00", "1 hour", 1, "bad.yaml:2:7: /zone: `Mars/Base` is not a time zone"),
        (&missing, "2026-03-11T10:00", "1 hour", 3, "missing.yaml"),
    ] {
        let ended = careflow(&["calendar", "due", "--calendar", calendar, "--start", start, "--add", add]);
        let error = ended.failed(code);
        assert!(error.contains(says), "{error}");
    }
    let error = careflow(&["calendar", "due", "--calendar", "cn", "--start", "2026-03-11T10:00"]).failed(2);
    assert!(error.contains("--add"), "{error}");
}

/// Runs `calendar` with `input` on standard input.
fn asked(arguments: &[&str], input: &str) -> Ended {
    let mut child = command(&[&["calendar"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Ended::of(child.wait_with_output().unwrap())
}

#[test]
fn a_batch_answers_every_line_and_says_which_were_wrong() {
    let long = format!("{{\"start\": \"{}\", \"add\": \"1 hour\"}}", "x".repeat(70_000));
    let questions = [
        r#"{"start": "2026-02-14T17:30", "add": "2 business hours"}"#,
        "",
        r#"{"start": "2026-02-14T17:30", "add": "2 days"}"#,
        r#"{"start": "2026-11-01T00:30", "add": "2 hours", "calendar": "us_east"}"#,
        r#"{"start": "2026-02-14T17:30"}"#,
        &long,
        r#"{"start": "2026-02-14T17:30", "add": "1 hour", "calendar": "mars"}"#,
        r#"{"start": "2026-02-14T17:30", "add": "30 minutes"}"#,
    ];
    let ended = asked(&["due", "--calendar", "cn", "--batch"], &questions.join("\n"));
    let answers: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let dues: Vec<_> = answers.iter().map(|answer| answer["due_local"].as_str().unwrap_or("-")).collect();
    let all = [
        "2026-02-24T10:30:00+08:00",
        "-",
        "2026-11-01T01:30:00-05:00",
        "-",
        "-",
        "-",
        "2026-02-14T18:00:00+08:00",
    ];
    assert_eq!(dues, all, "{}", ended.out);
    let wrong: Vec<_> = answers.iter().filter_map(|answer| answer["line"].as_u64()).collect();
    assert_eq!(wrong, [3, 5, 6, 7]);
    assert!(answers[1]["error"].as_str().unwrap().contains("does not say which days"), "{}", ended.out);
    assert!(answers[3]["error"].as_str().unwrap().contains("missing field `add`"), "{}", ended.out);
    assert!(answers[4]["error"].as_str().unwrap().contains("at most 65536 bytes"), "{}", ended.out);
    assert!(
        answers[5]["error"].as_str().unwrap().contains("calendars are always, cn, us_east"),
        "{}",
        ended.out
    );
    assert!(ended.failed(1).contains("4 of 7 questions were refused"));

    let question = r#"{"from": "2026-03-13T16:00", "to": "2026-03-16T12:30"}"#;
    let ended = asked(&["elapsed", "--calendar", "cn", "--batch", "--explain"], question);
    let answer = ended.json();
    assert_eq!((ended.code, &answer["elapsed_ms"]), (0, &json!(300 * MINUTE)));
    assert_eq!(answer["pieces"].as_array().unwrap().len(), 6, "{answer}");
}

#[test]
fn check_finds_all_that_is_wrong_with_a_calendar_at_once() {
    let place = Place::new();
    let wrong = "\
name: wrong
version: 1
title: { en: Wrong, zh: 错 }
zone: Asia/Beijing
horizon: 2026-06-30
weekly:
  mon: [\"09:00-12:00\", \"11:00-13:00\"]
  monday: []
off:
  - 2026-01-01
  - 2025-12-30 to 2026-01-02
  - 2026-02-01 to 2026-03-20
  - 2026-03-21 to 2026-04-20
open:
  2026-10-10: [\"09:00-12:00\"]
";
    std::fs::write(place.path("wrong.yaml"), wrong).unwrap();
    let ended = careflow(&["check", &place.text("wrong.yaml")]);
    assert_eq!(ended.code, 1);
    let findings = ended.out.lines().filter_map(|line| line.split_once("wrong.yaml:"));
    let findings: Vec<&str> = findings.map(|(_, finding)| finding).collect();
    insta::assert_snapshot!(findings.join("\n"), @r"
    4:7: /zone: `Asia/Beijing` is not a time zone; accepted are IANA names like `Asia/Shanghai` or `America/New_York`
    8:3: /weekly/monday: unknown key `monday`; accepted keys are `fri`, `mon`, `sat`, `sun`, `thu`, `tue` and `wed`
    ");
    // A key that no calendar has hides what only a calendar can say.
    std::fs::write(place.path("wrong.yaml"), wrong.replace("  monday: []\n", "")).unwrap();
    let ended = careflow(&["check", &place.text("wrong.yaml")]);
    let findings = ended.out.lines().filter_map(|line| line.split_once("wrong.yaml:"));
    let findings: Vec<&str> = findings.map(|(_, finding)| finding).collect();
    insta::assert_snapshot!(findings.join("\n"), @r"
    4:7: /zone: `Asia/Beijing` is not a time zone; accepted are IANA names like `Asia/Shanghai` or `America/New_York`
    5:10: /horizon: `2026-06-30` lies before `2026-10-10`, which differs from its weekday; accepted is `2026-10-10` or a later date
    7:24: /weekly/mon/1: `11:00-13:00` overlaps `09:00-12:00`; accepted are hours that share no minute
    8:1: /off: closed from `2026-01-27` to `2026-04-26`; accepted is at least one opening in every 60 days
    10:5: /off/1: `2026-01-01` is off twice; accepted is each date once
    ");
}

#[test]
fn a_near_horizon_is_warned_of_by_check_and_when_a_server_starts() {
    let place = Place::new();
    std::fs::write(place.path("own.yaml"), OWN).unwrap();
    let says = "calendar `own` knows days off until 2020-12-31 only, which is past";
    let ended = careflow(&["check", &place.text("own.yaml")]);
    assert!(ended.err.contains(&format!("own.yaml:5:10: /horizon: {says}")), "{ended:?}");
    assert_eq!(ended.done().lines().count(), 1);
    let data = careflow(&["check", &place.text("own.yaml"), "--json"]).json();
    assert_eq!((&data["ok"], &data["findings"]), (&json!(true), &json!([])));
    assert_eq!((&data["warnings"][0]["line"], &data["warnings"][0]["path"]), (&json!(5), &json!("/horizon")));
    let folder = place.path("own");
    std::fs::create_dir(&folder).unwrap();
    std::fs::rename(place.path("own.yaml"), folder.join("own.yaml")).unwrap();
    let server = place.serve_with(&["--definitions", &place.text("own")]);
    let ended = server.stop();
    assert!(ended.err.contains(says), "{}", ended.err);
}
