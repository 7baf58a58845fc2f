//! Owns the numbers of training, computed again.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::Value;

use super::{Naive, Number, Run, holds, of_runs, verdicts, worth, yes};
use crate::kernel::calendar::day_start;
use crate::kernel::common::Verdict;
use crate::kernel::entry::Entry;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::measure::{Frame, Measure};

pub(super) fn count(number: &mut Number, measure: &Measure, one: &Naive<'_>, frame: &Frame) {
    match (measure.kpi, measure.name) {
        ("K25", "completion") => plan(number, one, frame),
        ("K25", "onboarded") => of_runs(number, first_weeks(one), frame, verdicts),
        ("K26", "notice") => {
            if let Some(i) = last(one, "publish_notice").filter(|i| holds(frame, one.recorded(*i))) {
                yes(number, one.steps[i].0.payload.get("urgent_by").is_none());
            }
        }
        ("K26", name) => attendance(number, one, frame, name),
        ("K27", "first") => {
            let decided = |i: &usize| {
                let (entry, data) = &one.steps[*i];
                let from_it = entry.from.as_deref() == Some("assessing") && entry.to != "assessing";
                from_it && entry.to != "closed.withdrawn" && data["attempts"] == 1
            };
            let Some(i) = (0..one.steps.len()).find(decided) else { return };
            if holds(frame, one.recorded(i)) && one.leaf() != "withdrawn" {
                let passed = one.leaf() == "passed" && one.data()["attempts"] == 1;
                yes(number, passed);
            }
        }
        ("K27", name) => {
            let end = one.steps.iter().position(|(entry, _)| entry.to.starts_with("closed."));
            let graded = ["passed", "failed_final"].contains(&one.leaf());
            let Some(_) = end.filter(|i| graded && holds(frame, one.recorded(*i))) else { return };
            match name {
                "final" => yes(number, one.leaf() == "passed"),
                "attempts" => worth(number, one.data()["attempts"].as_i64().unwrap() * 10_000),
                other => panic!("K27 {other} is not computed again"),
            }
        }
        ("K28", "l1") => {
            let Some(i) = last(one, "answer_survey").filter(|i| holds(frame, one.recorded(*i))) else {
                return;
            };
            let items = one.steps[i].0.payload["items"].as_object().unwrap();
            let sum: i64 = items.values().map(|score| score.as_i64().unwrap() * 10_000).sum();
            worth(number, sum / items.len() as i64);
        }
        ("K28", "l2") => {
            let grades = one.data()["grades"].as_array().cloned().unwrap_or_default();
            let (Some(first), Some(end)) = (grades.first(), grades.last()) else { return };
            let at = Instant::parse(end["at"].as_str().unwrap()).unwrap();
            if first["n"] != end["n"] && holds(frame, at) {
                let score = |grade: &Value| grade["score"].as_i64().unwrap();
                worth(number, (score(end) - score(first)) * 10_000);
            }
        }
        ("K28", name) => {
            let Some(i) = last(one, &format!("record_{name}")) else { return };
            if holds(frame, one.recorded(i)) {
                let value = |member: &str| one.steps[i].0.payload[member].as_str().unwrap().parse::<f64>();
                #[expect(clippy::cast_possible_truncation, reason = "a few digits")]
                let change = ((value("after").unwrap() - value("before").unwrap()) * 1e4).round() as i64;
                worth(number, change);
            }
        }
        ("K29", "on_time") => of_runs(number, one.runs("ARCHIVE"), frame, verdicts),
        ("K29", "complete") => {
            let filed = one.steps.iter().position(|(entry, _)| entry.to == "archived");
            if let Some(i) = filed.filter(|i| holds(frame, one.recorded(*i))) {
                yes(number, one.steps[i].0.event == "archive");
            }
        }
        (kpi, name) => panic!("{kpi} {name} is not computed again"),
    }
}

fn last(one: &Naive<'_>, event: &str) -> Option<usize> {
    one.steps.iter().rposition(|(entry, _)| entry.event == event)
}

/// The items by the version of the plan that was in force when the window began.
fn plan(number: &mut Number, one: &Naive<'_>, frame: &Frame) {
    let active: Vec<usize> = (0..one.steps.len()).filter(|i| one.steps[*i].0.to == "active").collect();
    let before = active.iter().rev().find(|i| one.recorded(**i) <= frame.from).or(active.first());
    let (Some(version), Some(end)) = (before, active.last()) else { return };
    // Entries of one moment make one version.
    let at = one.recorded(*version);
    let version = *active.iter().rev().find(|i| one.recorded(**i) == at).unwrap();
    let items = |i: usize| one.steps[i].1["items"].as_array().unwrap().clone();
    let filed = |item: &Value| (item["no"].as_u64().unwrap(), item["status"] == "archived");
    let filed: BTreeMap<u64, bool> = items(*end).iter().map(filed).collect();
    for item in items(version) {
        let Some(day) = item["time"].as_str().map(|day| day.parse::<NaiveDate>().unwrap()) else { continue };
        if !holds(frame, day_start(frame.zone, day)) {
            continue;
        }
        let over = day_start(frame.zone, day.succ_opt().unwrap()) <= frame.until.min(frame.now);
        match filed.get(&item["no"].as_u64().unwrap()) {
            Some(true) => yes(number, true),
            Some(false) | None if over => yes(number, false),
            Some(false) | None => number.pending += 1,
        }
    }
}

/// What somebody new has to learn.
const MODULES: [&str; 5] = ["culture", "product", "concept", "process", "communication"];

/// A time of employment: since when it is known, its first day, and what came of it once it is over.
struct Employed {
    since: Instant,
    on: NaiveDate,
    over: Option<Option<Instant>>,
}

/// Each time that somebody was hired, as a run that ends with the fifth module; told words alone are read.
fn first_weeks(one: &Naive<'_>) -> Vec<Run> {
    let mut times: Vec<Employed> = Vec::new();
    let mut learnt: Vec<(Instant, &Value)> = Vec::new();
    // What is told after somebody ended the monitor changes nothing.
    let told = |entry: &Entry| entry.event == "observe" && entry.from.as_deref() != Some("closed.stopped");
    for (entry, _) in one.steps.iter().filter(|(entry, _)| told(entry)) {
        let seen = &entry.payload["seen"];
        if let Some(on) = seen["hired"]["on"].as_str() {
            if times.last().is_none_or(|time| time.over.is_some()) {
                times.push(Employed { since: entry.recorded_at, on: on.parse().unwrap(), over: None });
            }
        } else if seen["learnt"].is_object() {
            let told = entry.payload.get("at").and_then(Value::as_str).map(|at| Instant::parse(at).unwrap());
            let at = told.map_or(entry.recorded_at, |at| at.min(entry.recorded_at));
            learnt.push((at, &seen["learnt"]["competencies"]));
        } else if seen == "left" {
            if let Some(time) = times.last_mut().filter(|time| time.over.is_none()) {
                let complete = complete(&learnt, time.on);
                time.over = Some(complete);
                if complete.is_none() && entry.recorded_at < due(time.on) {
                    times.pop();
                }
            }
            learnt.clear();
        }
    }
    let run = |Employed { since, on, over }| {
        let (due, complete) = (due(on), over.unwrap_or_else(|| complete(&learnt, on)));
        Run {
            cycle: 1,
            start: since.min(complete.map_or(due, |at| at.min(due))),
            due,
            paused: false,
            breach: None,
            by_retarget: false,
            corrected: None,
            stop: complete.map(|at| (at, 0, false)),
            verdict: complete.map(|at| if at <= due { Verdict::Met } else { Verdict::Breached }),
            cancelled: false,
        }
    };
    times.into_iter().map(run).collect()
}

/// The end of the thirtieth day after the first.
fn due(on: NaiveDate) -> Instant {
    let days = chrono::Days::new(31);
    day_start(chrono_tz::Asia::Shanghai, on.checked_add_days(days).unwrap())
}

fn complete(learnt: &[(Instant, &Value)], on: NaiveDate) -> Option<Instant> {
    let begins = day_start(chrono_tz::Asia::Shanghai, on);
    let first = |module: &str| {
        let of_it = learnt.iter().filter(|(at, what)| {
            *at >= begins && what.as_array().is_some_and(|all| all.iter().any(|one| one == module))
        });
        of_it.map(|(at, _)| *at).min()
    };
    let all: Option<Vec<Instant>> = MODULES.iter().map(|module| first(module)).collect();
    all?.into_iter().max()
}

fn attendance(number: &mut Number, one: &Naive<'_>, frame: &Frame, name: &str) {
    let Some(i) = last(one, "session_ended").filter(|i| holds(frame, one.recorded(*i))) else { return };
    match one.leaf() {
        "excused" | "declined" | "withdrawn" => {}
        "absent" => number.pending += 1,
        leaf if name == "unexcused" => yes(number, leaf == "absent_unexcused"),
        _ => yes(number, one.steps[i].0.to != "absent"),
    }
}
