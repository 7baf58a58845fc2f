//! Owns what the KPIs of complaints alone see in a record (K10 to K12).

use super::cases::{rate, verdict};
use super::facts::End;
use super::measure::{Frame, Retargets, Seen};
use super::record::{Record, Run};
use super::training::ONE;
use crate::kernel::instant::Instant;

/// Endings of complaints that say nothing about satisfying the customer (K12).
const NOT_SATISFIABLE: [&str; 4] = ["withdrawn", "duplicate", "rejected", "converted"];
/// Endings of what turned out to be no complaint (K10).
const MISTAKEN: [&str; 2] = ["withdrawn", "converted"];
/// Causes that are the service's own (S3-25).
const OF_SERVICE: [&str; 3] = ["attitude", "competence", "response_time"];

// K10

/// Tells of a complaint registered in the window whose cause is one of `causes`; of any, where it names none.
fn registered(record: &Record, frame: &Frame, causes: &[&str], each: &mut dyn FnMut(Instant, Seen)) {
    let mistaken = record.standing().is_some_and(|end| MISTAKEN.contains(&end.disposition.as_str()));
    let of_cause = causes.is_empty() || causes.contains(&record.traits.category.as_str());
    if frame.holds(record.opened) && of_cause && !mistaken {
        each(record.opened, Seen::Above);
    }
}

pub(super) fn of_service(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    registered(record, frame, &OF_SERVICE, each);
}

pub(super) fn of_attitude(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    registered(record, frame, &OF_SERVICE[..1], each);
}

pub(super) fn of_competence(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    registered(record, frame, &OF_SERVICE[1..2], each);
}

pub(super) fn of_response_time(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    registered(record, frame, &OF_SERVICE[2..], each);
}

pub(super) fn of_any_cause(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    registered(record, frame, &[], each);
}

/// Tells of a service contact closed in the window.
pub(super) fn contact(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some(at) = record.closed().filter(|at| frame.holds(*at)) {
        each(at, Seen::Below);
    }
}

// K11, K12

pub(super) fn complaint_on_time(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let counted = |run: &&Run| !(run.retargeted && frame.retargets == Retargets::LeftOut);
    record.totals.iter().filter(counted).for_each(|run| verdict(run, frame, each));
}

/// A complaint closed in the window that the customer could have been satisfied with.
fn decided<'r>(record: &'r Record, frame: &Frame) -> Option<(Instant, &'r End)> {
    let closed = record.closed().filter(|at| frame.holds(*at)).zip(record.standing());
    closed.filter(|(_, end)| !NOT_SATISFIABLE.contains(&end.disposition.as_str()))
}

/// Tells of a complaint closed in the window that the customer could have been satisfied with.
fn satisfiable(
    record: &Record,
    frame: &Frame,
    each: &mut dyn FnMut(Instant, Seen),
    yes: impl Fn(&End) -> bool,
) {
    if let Some((at, end)) = decided(record, frame) {
        rate(at, yes(end), each);
    }
}

pub(super) fn complaint_satisfied(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    satisfiable(record, frame, each, |end| end.disposition == "satisfied");
}

pub(super) fn one_round(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    satisfiable(record, frame, each, |end| end.disposition == "satisfied" && record.rounds == 1);
}

pub(super) fn rounds(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some((at, _)) = decided(record, frame) {
        each(at, Seen::Worth(i64::from(record.rounds) * ONE));
    }
}
