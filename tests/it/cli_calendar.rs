//! `careflow calendar`, and what `check` and `serve` say of calendars.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::cli_rig::{Ended, Place, careflow, command};

const MINUTE: i64 = 60_000;

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
    // The shipped flows count on `cn`; a calendar that nobody counts on is no news at every start.
    std::fs::write(folder.join("cn.yaml"), OWN.replace("name: own", "name: cn")).unwrap();
    let server = place.serve_with(&["--definitions", &place.text("own")]);
    let ended = server.stop();
    assert!(ended.err.contains(&says.replace("own", "cn")), "{}", ended.err);
    assert!(!ended.err.contains(says), "{}", ended.err);
}
