//! Owns what the KPIs of callbacks alone see in a record (K14, K15).

use super::cases::{Place, place, rate};
use super::measure::{Frame, Seen};
use super::record::{Record, Run};
use crate::kernel::instant::Instant;

/// Endings of callbacks that were never to be: they count nowhere (K14).
const NOT_CALLABLE: [&str; 2] = ["suppressed", "cancelled"];
/// What endings of callbacks begin with in which the customer spoke.
const COMPLETED: &str = "completed_";
/// The category of callbacks on a complaint: each should be made (S0-19).
const ON_COMPLAINT: &str = "post_complaint";
/// The ending of callbacks that nobody made in time.
const EXPIRED: &str = "expired";

/// Tells of the due of a callback, and of how it ended where it did: `said` says what that means.
fn called(
    record: &Record,
    frame: &Frame,
    each: &mut dyn FnMut(Instant, Seen),
    said: impl Fn(&Run, Option<&str>) -> Option<Seen>,
) {
    let ending = record.standing().map(|end| end.disposition.as_str());
    if ending.is_some_and(|ending| NOT_CALLABLE.contains(&ending)) {
        return;
    }
    for run in &record.dues {
        match place(run, frame) {
            Some(Place::Here(at)) => said(run, ending).into_iter().for_each(|seen| each(at, seen)),
            Some(Place::Pending(since)) => each(since, Seen::Pending),
            None => {}
        }
    }
}

pub(super) fn called_back(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    called(record, frame, each, |run, ending| {
        Some(match ending {
            Some(ending) if ending.starts_with(COMPLETED) => Seen::Yes,
            // The customer has spoken, and what becomes of it is being decided on.
            None if run.ended.is_some() => Seen::Pending,
            Some(_) | None => Seen::No,
        })
    });
}

pub(super) fn called_back_on_complaints(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if record.traits.category == ON_COMPLAINT {
        called_back(record, frame, each);
    }
}

pub(super) fn called_back_on_others(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if record.traits.category != ON_COMPLAINT {
        called_back(record, frame, each);
    }
}

pub(super) fn callback_on_time(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    called(record, frame, each, |run, ending| {
        let spoken = ending.is_none_or(|ending| ending.starts_with(COMPLETED));
        let met = run.ended.is_some_and(|stop| stop.met);
        (spoken || ending == Some(EXPIRED)).then_some(if spoken && met { Seen::Yes } else { Seen::No })
    });
}

pub(super) fn reached(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let Some(first) = record.tries.first().filter(|tried| frame.holds(tried.at)) else { return };
    let connected = record.tries.iter().any(|tried| tried.connected);
    let seen = match (connected, record.standing()) {
        (true, _) => Seen::Yes,
        (false, Some(_)) => Seen::No,
        (false, None) => Seen::Pending,
    };
    each(first.at, seen);
}

pub(super) fn connected(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let tries = record.tries.iter().filter(|tried| frame.holds(tried.at));
    tries.for_each(|tried| rate(tried.at, tried.connected, each));
}
