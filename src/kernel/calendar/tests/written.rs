//! What a file says, and what it may not.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{calendar, due};
use crate::kernel::calendar::{CalendarFile, Hours};

/// What is wrong with a calendar that differs from a good one in some keys.
fn faults(changes: &Value) -> Vec<(String, String)> {
    let mut file = json!({
        "name": "cn", "version": 1, "title": {"en": "China", "zh": "中国"}, "zone": "Asia/Shanghai",
        "weekly": {"mon": ["09:00-18:00"]},
    });
    for (key, value) in changes.as_object().unwrap() {
        file[key] = value.clone();
    }
    match serde_json::from_value::<CalendarFile>(file).unwrap().check() {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| (fault.path, fault.message)).collect(),
    }
}

#[test]
fn own_hours_of_a_date_go_before_off_and_off_before_the_week() {
    let file = json!({
        "name": "own", "version": 2, "title": {"en": "Own", "zh": "自定"}, "zone": "Asia/Shanghai",
        "weekly": {"mon": ["09:00-18:00"], "tue": ["09:00-18:00"]},
        "off": ["2026-03-09", "2026-03-10"], "open": {"2026-03-10": ["10:00-11:00"]},
    });
    let own = calendar(file);
    assert_eq!(due(&own, "2026-03-08 10:00", "1 business hour"), "2026-03-10 11:00");
    assert_eq!((own.name(), own.version()), ("own", 2));
}

#[test]
fn all_faults_of_a_file_are_found_at_once() {
    let found = faults(&json!({
        "version": 0,
        "zone": "Asia/Beijing",
        "weekly": {
            "mon": ["09:00-12:00", "11:00-13:00", "9-12"],
            "tue": ["18:00-09:00", "24:00-24:00", "10:00-10:00", "09:60-10:00", "18:00-00:00"],
        },
        "off": ["2026-02-30", "2026-03-01", "2026-03-01", "1969-01-01"],
        "open": {"2026/10/10": ["09:00-18:00"], "2026-10-10": [], "2026-10-11": ["25:00-26:00"]},
    }));
    let found: Vec<_> = found.iter().map(|(path, message)| format!("{path}: {message}")).collect();
    insta::assert_snapshot!(found.join("\n"), @r"
    /version: `0` is not a version; versions begin with 1
    /zone: `Asia/Beijing` is not a time zone; accepted are IANA names like `Asia/Shanghai` or `America/New_York`
    /weekly/mon/1: `11:00-13:00` overlaps `09:00-12:00`; accepted are hours that share no minute
    /weekly/mon/2: `9-12` are not opening hours; accepted are texts like `09:00-12:00`, up to `24:00`
    /weekly/tue/0: `18:00-09:00` closes before it opens; hours over midnight are `18:00-24:00` and, on the next day, `00:00-09:00`
    /weekly/tue/1: `24:00-24:00` are not opening hours; accepted are texts like `09:00-12:00`, up to `24:00`
    /weekly/tue/2: `10:00-10:00` never opens; a close is after its open, and a whole day is `00:00-24:00`
    /weekly/tue/3: `09:60-10:00` are not opening hours; accepted are texts like `09:00-12:00`, up to `24:00`
    /weekly/tue/4: `18:00-00:00` closes before it opens; midnight at the end of a day is `24:00`
    /off/0: `2026-02-30` is not a date; accepted are dates like `2026-10-01` and ranges like `2026-10-01 to 2026-10-07`
    /off/2: `2026-03-01` is off twice; accepted is each date once
    /off/3: `1969-01-01` is too far away; accepted are dates from 1970 to 2199
    /open/2026-10-10: `2026-10-10` is open without hours; a date without hours belongs in `off`
    /open/2026-10-11/0: `25:00-26:00` are not opening hours; accepted are texts like `09:00-12:00`, up to `24:00`
    /open/2026~110~110: `2026/10/10` is not a date; accepted are dates like `2026-10-01`
    ");
}

#[test]
fn a_calendar_that_stays_closed_for_sixty_days_is_refused() {
    let from: NaiveDate = "2026-03-01".parse().unwrap();
    let off = |days: usize| from.iter_days().take(days).map(|date| date.to_string()).collect::<Vec<_>>();
    // Mondays only: the last opening before is Monday 02-23, the first after 59 closed days Monday 04-27.
    assert_eq!(faults(&json!({"off": off(50)})), []);
    let found = faults(&json!({"off": off(57)}));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "/off");
    assert!(found[0].1.starts_with("closed from `2026-02-24` to `2026-04-26`"), "{}", found[0].1);
    assert_eq!(faults(&json!({"weekly": {}}))[0].0, "/weekly");
}

#[test]
fn every_closed_stretch_is_found_whatever_else_is_wrong() {
    let all = |from: &str, days| -> Vec<String> {
        from.parse::<NaiveDate>().unwrap().iter_days().take(days).map(|date| date.to_string()).collect()
    };
    let off = [all("2026-01-01", 60), all("2027-01-01", 60)].concat();
    let found = faults(&json!({"zone": "Mars/Base", "horizon": "2026-12-31", "off": off}));
    let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/zone", "/horizon", "/off", "/off"], "{found:?}");
    assert!(found[1].1.starts_with("`2026-12-31` lies before `2027-03-01`"), "{}", found[1].1);
    // Hours that cannot be read may be what opens it.
    let unread = faults(&json!({"weekly": {"mon": ["9-17"]}}));
    assert_eq!(unread.len(), 1, "{unread:?}");
}

#[test]
fn ranges_of_days_off_hold_both_ends() {
    let file = json!({
        "name": "cn", "version": 1, "title": {"en": "China", "zh": "中国"}, "zone": "Asia/Shanghai",
        "weekly": {"wed": ["09:00-18:00"], "thu": ["09:00-18:00"], "fri": ["09:00-18:00"]},
        "off": ["2026-03-05 to 2026-03-11"], "horizon": "2026-03-11",
    });
    let works = |date: &str| calendar(file.clone()).is_working_day(date.parse().unwrap());
    let working = ["2026-03-04", "2026-03-05", "2026-03-06", "2026-03-11", "2026-03-12"].map(works);
    assert_eq!(working, [true, false, false, false, true]);
    for (off, says) in [
        ("2026-03-11 to 2026-03-05", "ends before it goes on; accepted is the earlier date first"),
        ("2026-03-11 to 2026-03-11", "ends before it goes on"),
        ("2026-03-01 to 2026-04-30", "is too long; accepted are fewer than 60 days"),
        ("2026-03-01 - 2026-03-02", "is not a date; accepted are dates like `2026-10-01` and ranges like"),
        ("1969-12-31 to 1970-01-01", "is too far away"),
        ("2026-03-03 to 2026-03-04", "`2026-03-04` is off twice"),
    ] {
        let found = faults(&json!({"off": ["2026-03-04", off]}));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == "/off/1" && found[0].1.contains(says), "{found:?}");
    }
}

#[test]
fn unknown_keys_of_a_file_are_refused() {
    let file = json!({
        "name": "cn", "version": 1, "title": {"en": "China", "zh": "中国"}, "zone": "Asia/Shanghai",
        "weekly": {"mon": ["09:00-18:00"], "monday": []},
    });
    let error = serde_json::from_value::<CalendarFile>(file).unwrap_err().to_string();
    assert!(error.contains("unknown field `monday`"), "{error}");
}

#[test]
fn hours_print_as_they_are_read() {
    for text in ["00:00-24:00", "09:00-12:00", "22:05-23:59"] {
        assert_eq!(Hours::parse(text).map(|hours| hours.to_string()), Ok(text.to_owned()));
    }
    let overnight = Hours::parse("22:00-06:00").unwrap_err();
    assert!(overnight.ends_with("`22:00-24:00` and, on the next day, `00:00-06:00`"), "{overnight}");
}
