//! Owns what the KPIs of customers' cases see in a record (K01 to K09, K13, K16 to K19).

use super::facts::End;
use super::measure::{Frame, Retargets, Seen};
use super::record::{RECOVERY_MS, Record, Run, Stop};
use super::scores::{GOOD, LOW, Score};
use super::training::ONE;
use crate::kernel::instant::Instant;

/// Endings that say nothing about resolving (K04).
const NOT_RESOLVABLE: [&str; 5] = ["withdrawn", "duplicate", "invalid", "abandoned", "converted"];
/// Endings that count as resolved.
const RESOLVED: [&str; 4] = ["confirmed", "unconfirmed", "resolved", "satisfied"];
/// Endings after which nobody is asked for a score (S0-17; `survey_on_disposition` as it is shipped).
const NOT_ASKED: [&str; 2] = ["withdrawn", "invalid"];

/// The cohort rule: where a run counts in a window, or that it is pending at its end.
pub(super) enum Place {
    /// At this moment of the window.
    Here(Instant),
    /// It runs at the end of the window; it began at this moment.
    Pending(Instant),
}

/// A run belongs to the window of its due or stop, whichever is earlier; an open one counts as missed
/// once its due is before the end, and is pending until then.
pub(super) fn place(run: &Run, frame: &Frame) -> Option<Place> {
    let decided = |counts: &Instant| run.ended.is_some() && *counts < frame.until || *counts < frame.end();
    match run.counts.filter(decided) {
        Some(counts) => frame.holds(counts).then_some(Place::Here(counts)),
        None => (run.start < frame.end()).then_some(Place::Pending(run.start)),
    }
}

pub(super) fn verdict(run: &Run, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    match place(run, frame) {
        Some(Place::Here(at)) if run.ended.is_some_and(|stop| stop.met) => each(at, Seen::Yes),
        Some(Place::Here(at)) => each(at, Seen::No),
        Some(Place::Pending(since)) => each(since, Seen::Pending),
        None => {}
    }
}

fn took(run: &Run, ms: Option<i64>, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    match (place(run, frame), ms) {
        (Some(Place::Here(at)), Some(ms)) => each(at, Seen::Took { n: 1, ms }),
        // It was breached and then given up: nothing took any time.
        (Some(Place::Here(_)), None) if run.ended.is_some() => {}
        (Some(Place::Here(at) | Place::Pending(at)), _) => each(at, Seen::Pending),
        (None, _) => {}
    }
}

pub(super) fn rate(at: Instant, yes: bool, each: &mut dyn FnMut(Instant, Seen)) {
    each(at, if yes { Seen::Yes } else { Seen::No });
}

pub(super) fn response(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some(run) = &record.frt {
        took(run, run.ended.filter(|stop| stop.done).map(|stop| stop.ms), frame, each);
    }
}

pub(super) fn on_time(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some(run) = &record.frt
        && !(run.retargeted && frame.retargets == Retargets::LeftOut)
    {
        verdict(run, frame, each);
    }
}

pub(super) fn wait(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let single = record.waits.iter().map(|wait| (wait.at, 1, wait.ms));
    let older = record.older.iter().map(|older| (older.at, older.n, older.ms));
    for (at, n, ms) in older.chain(single).filter(|(at, ..)| frame.holds(*at)) {
        each(at, Seen::Took { n, ms });
    }
}

/// The end of `record` that counts for K04 in the window: its first, else the one at which it stands.
fn ended<'r>(record: &'r Record, frame: &Frame) -> Option<(&'r End, bool)> {
    let first = record.first.as_ref().filter(|end| frame.holds(end.at));
    let found = first.map(|end| (end, record.reopened.is_some()));
    let last = || record.last.as_ref().filter(|end| frame.holds(end.at)).map(|end| (end, false));
    found.or_else(last).filter(|(end, _)| !NOT_RESOLVABLE.contains(&end.disposition.as_str()))
}

fn is_resolved(end: &End) -> bool {
    RESOLVED.contains(&end.disposition.as_str())
}

pub(super) fn claimed(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some((end, undone)) = ended(record, frame) {
        rate(end.at, !undone && is_resolved(end), each);
    }
}

pub(super) fn confirmed(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some((end, undone)) = ended(record, frame) {
        rate(end.at, !undone && is_resolved(end) && end.confirmed == Some(true), each);
    }
}

/// Tells of the first settlement of `record`.
fn settled(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen), yes: impl Fn(&End) -> bool) {
    if let Some(end) = record.first.as_ref().filter(|end| end.settled && frame.holds(end.at)) {
        rate(end.at, yes(end), each);
    }
}

pub(super) fn one_exchange(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let undone = record.reopened.is_some();
    settled(record, frame, each, |end| end.one_exchange && !undone && is_resolved(end));
}

pub(super) fn answered_first(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    settled(record, frame, each, |end| end.answered_first && is_resolved(end));
}

pub(super) fn closed_loop(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    settled(record, frame, each, |_| record.heard);
}

pub(super) fn reopened(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    settled(record, frame, each, |_| record.reopened.is_some());
}

pub(super) fn resolution(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    for run in &record.res {
        took(run, run.ended.filter(|stop| stop.done).map(|stop| stop.ms), frame, each);
    }
}

pub(super) fn resolution_wall(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    for run in &record.res {
        let ms = run.ended.filter(|stop| stop.done).map(|stop| stop.at.since(run.start));
        took(run, ms, frame, each);
    }
}

pub(super) fn kept(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    record.promises.iter().for_each(|run| verdict(run, frame, each));
}

/// Tells of a case that was opened in the window.
fn opened(yes: bool, record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if frame.holds(record.opened) {
        rate(record.opened, yes, each);
    }
}

pub(super) fn repeated(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.repeat, record, frame, each);
}

pub(super) fn escalated(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.raised || record.raised_by_breach, record, frame, each);
}

pub(super) fn senior(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.level == "senior", record, frame, each);
}

pub(super) fn supervisor(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.level == "supervisor", record, frame, each);
}

pub(super) fn manager(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.level == "manager", record, frame, each);
}

pub(super) fn complexity(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.raised, record, frame, each);
}

pub(super) fn breach(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.raised_by_breach, record, frame, each);
}

pub(super) fn owned(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some(at) = record.closed().filter(|at| frame.holds(*at)) {
        rate(at, record.owned, each);
    }
}

// K09

fn scored(record: &Record, frame: &Frame) -> Option<Score> {
    record.scores.last.filter(|score| frame.holds(score.at))
}

pub(super) fn score_mean(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some(Score { at, score }) = scored(record, frame) {
        each(at, Seen::Worth(i64::from(score) * ONE));
    }
}

pub(super) fn score_good(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some(Score { at, score }) = scored(record, frame) {
        rate(at, score >= GOOD, each);
    }
}

pub(super) fn score_low(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some(Score { at, score }) = scored(record, frame) {
        rate(at, score <= LOW, each);
    }
}

pub(super) fn score_given(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let asked = record.first.as_ref().filter(|end| frame.holds(end.at));
    if let Some(end) = asked.filter(|end| !NOT_ASKED.contains(&end.disposition.as_str())) {
        rate(end.at, record.scores.last.is_some(), each);
    }
}

// K16

pub(super) fn low_opened(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    for low in &record.scores.lows {
        let due = low.at.plus_millis(RECOVERY_MS);
        let stop = |at: Instant| Stop { at, met: at <= due, ms: at.since(low.at), done: true };
        let counts = low.opened.map_or(due, |at| at.min(due));
        let run = Run { start: low.at, counts: Some(counts), ended: low.opened.map(stop), retargeted: false };
        verdict(&run, frame, each);
    }
}

pub(super) fn low_recovered(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let lows = record.scores.lows.iter().filter(|low| frame.holds(low.at));
    lows.for_each(|low| rate(low.at, low.recovered, each));
}

// K17

pub(super) fn handed_well(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let handoffs = record.scores.handoffs.iter().filter(|handoff| frame.holds(handoff.at));
    handoffs.for_each(|handoff| rate(handoff.at, !handoff.returned, each));
}
