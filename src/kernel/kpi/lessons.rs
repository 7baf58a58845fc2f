//! Owns what the KPIs of training see in a record (K25 to K29).

use super::cases::{rate, verdict};
use super::measure::{Frame, Seen};
use super::record::{Record, Run, Stop};
use super::training::{FirstWeeks, Level, ONE, Told, Training};
use crate::kernel::calendar::day_start;
use crate::kernel::instant::Instant;

/// Ends of an enrolment that count neither as attended nor as missed (K26).
const EXCUSED: [&str; 3] = ["excused", "declined", "withdrawn"];
/// The end of a trainee who left (K27).
const LEFT: &str = "withdrawn";
/// The end of an absence that nobody excused.
const UNEXCUSED: &str = "absent_unexcused";
/// An absence that is not decided yet.
const ABSENT: &str = "absent";

fn of(record: &Record) -> Option<&Training> {
    record.training.as_deref()
}

/// K25: an item planned for a day of the window, by the plan's version at its beginning.
pub(super) fn completed(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let Some(training) = of(record) else { return };
    let version = training.in_force.map_or(frame.from, |since| since.max(frame.from));
    for item in training.items.values() {
        let Some(day) = item.day_at(version) else { continue };
        let begins = day_start(frame.zone, day.0);
        if !frame.holds(begins) {
            continue;
        }
        if item.archived {
            each(begins, Seen::Yes);
        } else if day_start(frame.zone, day.plus_days(1).0) <= frame.end() {
            each(begins, Seen::No);
        } else {
            each(begins, Seen::Pending);
        }
    }
}

/// K25: whoever was hired and has learnt all modules, or should have.
pub(super) fn onboarded(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let weeks = of(record).map(|training| training.first_weeks.as_slice()).unwrap_or_default();
    weeks.iter().for_each(|weeks| verdict(&run_of(weeks), frame, each));
}

/// The first weeks as a clock would have judged them.
fn run_of(weeks: &FirstWeeks) -> Run {
    let FirstWeeks { since, due, complete, over: _ } = *weeks;
    let ended = complete.map(|at| Stop { at, met: at <= due, ms: 0, done: true });
    let counts = complete.map_or(due, |at| at.min(due));
    Run { start: since.min(counts), counts: Some(counts), ended, retargeted: false }
}

// K26

/// The enrolment's class, over in the window, where the trainee was expected.
fn expected<'r>(record: &'r Record, frame: &Frame) -> Option<(&'r Training, Told)> {
    let training = of(record)?;
    let over = training.attended.filter(|told| frame.holds(told.at))?;
    (!EXCUSED.contains(&training.leaf.as_str())).then_some((training, over))
}

pub(super) fn attended(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some((training, over)) = expected(record, frame) {
        if training.leaf == ABSENT {
            each(over.at, Seen::Pending);
        } else {
            rate(over.at, over.yes, each);
        }
    }
}

pub(super) fn unexcused(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some((training, over)) = expected(record, frame) {
        if training.leaf == ABSENT {
            each(over.at, Seen::Pending);
        } else {
            rate(over.at, training.leaf == UNEXCUSED, each);
        }
    }
}

pub(super) fn noticed(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    told(of(record).and_then(|training| training.notice), frame, each);
}

fn told(told: Option<Told>, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some(told) = told.filter(|told| frame.holds(told.at)) {
        rate(told.at, told.yes, each);
    }
}

// K27

pub(super) fn first_try(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let stayed = of(record).filter(|training| training.leaf != LEFT);
    told(stayed.and_then(|training| training.first_try), frame, each);
}

/// An enrolment that passed or failed for good in the window; whether it passed.
fn graded<'r>(record: &'r Record, frame: &Frame) -> Option<(Instant, bool, &'r Training)> {
    let training = of(record)?;
    let at = training.closed.filter(|at| frame.holds(*at))?;
    match training.leaf.as_str() {
        "passed" => Some((at, true, training)),
        "failed_final" => Some((at, false, training)),
        _ => None,
    }
}

pub(super) fn passed(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some((at, passed, _)) = graded(record, frame) {
        rate(at, passed, each);
    }
}

pub(super) fn attempts(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some((at, _, training)) = graded(record, frame) {
        each(at, Seen::Worth(i64::from(training.attempts) * ONE));
    }
}

// K28

fn level(level: Option<Level>, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some(Level { at, value }) = level.filter(|level| frame.holds(level.at)) {
        each(at, Seen::Worth(value));
    }
}

pub(super) fn questionnaire(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    level(of(record).and_then(|training| training.l1), frame, each);
}

pub(super) fn learnt(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    level(of(record).and_then(|training| training.l2), frame, each);
}

pub(super) fn behaves(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    level(of(record).and_then(|training| training.l3), frame, each);
}

pub(super) fn results(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    level(of(record).and_then(|training| training.l4), frame, each);
}

// K29

pub(super) fn filed_on_time(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    record.filings.iter().for_each(|run| verdict(run, frame, each));
}

pub(super) fn filed_whole(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    told(of(record).and_then(|training| training.filed), frame, each);
}
