//! Owns what each KPI sees in a record: when it counts, and as what (rules.md §1.3).
//!
//! Readings where the text leaves room:
//!
//! - A window that reaches beyond now ends now: a clock that is not due yet is pending.
//! - Pending is what ran at the end of the window and was not due, so that a past window has the same
//!   number whenever it is asked for. A clock that stands still is not due.
//! - K01, K03 and K06 are milliseconds as the clock counts: open time of the calendar, wall time where
//!   the target is one (telephone, chat). A run without its answer has no value and is pending.
//! - K04: a case counts once in a window, where it first ended or where it stands ended. Ended well
//!   are `confirmed`, `unconfirmed` and `resolved`; a first end that was reopened is not one. Confirmed
//!   is what the customer last said: by `confirm`, in the contact, by thanks or to a callback.
//! - K05: of cases first settled. A customer who never answered (`no_response`) got no resolution.
//!   Picking up the telephone begins a contact and says nothing yet.
//! - K07: the PROMISE clock judges. A promise renewed before its due is kept; while the customer is
//!   waited for it stands still.
//! - K08: the customer's word on the result, whatever it is; a thank-you that settles is one.
//! - K11 and K12 are complaints' own. K11: the whole time; what was extended before its due counts by
//!   the new one. K12: of complaints closed, but not those withdrawn, copied, refused or converted.
//! - K14 and K15 are callbacks' own, and of those that somebody could have begun: each counts by its own
//!   due. Suppressed and cancelled ones count nowhere; a customer who refused or was not reached was
//!   not called back, and says nothing of being on time. One that is still decided on is pending for K14.
//! - K13: a settled case is reopened within its window or not at all.
//! - K18: of cases opened. A third round is a matter of complexity.
//! - K19: who closed is the member of the staff who did, or who last spoke to the customer before the
//!   customer or a timer did.

use super::facts::End;
use super::record::{Record, Run};
use crate::kernel::instant::Instant;
use crate::kernel::title::Title;

/// Endings that say nothing about resolving (K04).
const NOT_RESOLVABLE: [&str; 5] = ["withdrawn", "duplicate", "invalid", "abandoned", "converted"];
/// Endings that count as resolved.
const RESOLVED: [&str; 4] = ["confirmed", "unconfirmed", "resolved", "satisfied"];
/// The flow of callbacks, which has its own measures and no others.
const CALLBACK: &str = "callback";
/// Endings of callbacks that were never to be: they count nowhere (K14).
const NOT_CALLABLE: [&str; 2] = ["suppressed", "cancelled"];
/// What endings of callbacks begin with in which the customer spoke.
const COMPLETED: &str = "completed_";
/// The ending of callbacks that nobody made in time.
const EXPIRED: &str = "expired";
/// The flow of complaints, which has measures of its own.
const COMPLAINT: &str = "complaint";
/// Endings of complaints that say nothing about satisfying the customer (K12).
const NOT_SATISFIABLE: [&str; 4] = ["withdrawn", "duplicate", "rejected", "converted"];

/// A window of time, and when it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// From.
    pub from: Instant,
    /// To, without it.
    pub until: Instant,
    /// Now.
    pub now: Instant,
    /// Whether breaches that only a new target made count (R10).
    pub retargets: Retargets,
}

/// Whether breaches that only a new target made count (R10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retargets {
    /// Like all others.
    #[default]
    Counted,
    /// Not at all.
    LeftOut,
}

impl Frame {
    /// Whether the window holds `at`.
    pub fn holds(&self, at: Instant) -> bool {
        (self.from..self.until).contains(&at)
    }

    /// Its end, and now where that is earlier.
    pub fn end(&self) -> Instant {
        self.until.min(self.now)
    }
}

/// What a measure sees of a record at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// In numerator and denominator.
    Yes,
    /// In the denominator only.
    No,
    /// So many times took so many milliseconds together.
    Took {
        /// How many.
        n: u32,
        /// Milliseconds.
        ms: i64,
    },
    /// Not decided yet.
    Pending,
}

/// What is told of a measure's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numerator and denominator.
    Rate,
    /// Mean and percentiles of milliseconds.
    Times,
    /// The mean of milliseconds.
    Mean,
}

/// One number of a KPI.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// The KPI: `K02`.
    pub kpi: &'static str,
    /// The number within it: `on_time`.
    pub name: &'static str,
    /// What is told of it.
    pub kind: Kind,
    /// Whether the policy's target of the KPI is for this number.
    pub targeted: bool,
    english: &'static str,
    chinese: &'static str,
    see: See,
}

type See = fn(&Record, &Frame, &mut dyn FnMut(Instant, Seen));

/// The measures of complaints alone, in the order of the KPIs.
const COMPLAINT_MEASURES: [Measure; 3] = [
    measure("K11", "on_time", Kind::Rate, ["Complaints on time", "投诉及时办结率"], complaint_on_time),
    measure("K12", "satisfied", Kind::Rate, ["Complaints satisfied", "投诉满意率"], complaint_satisfied),
    measure("K12", "one_round", Kind::Rate, ["Satisfied in one round", "一轮办结率"], one_round),
];

/// The measures of callbacks, in the order of the KPIs.
const CALLBACK_MEASURES: [Measure; 4] = [
    aimed("K14", "called_back", ["Called back", "回访率"], called_back),
    measure("K15", "on_time", Kind::Rate, ["Callbacks on time", "回访及时率"], callback_on_time),
    measure("K15", "reached", Kind::Rate, ["Customers reached", "接通率(按客户)"], reached),
    measure("K15", "connected", Kind::Rate, ["Attempts that connected", "接通率(按次)"], connected),
];

/// The measures of `workflow`, in the order of the KPIs.
pub fn measures(workflow: &str) -> Vec<Measure> {
    if workflow == CALLBACK {
        return CALLBACK_MEASURES.to_vec();
    }
    let mut all = MEASURES.to_vec();
    if workflow == COMPLAINT {
        all.extend(COMPLAINT_MEASURES);
        all.sort_by_key(|measure| measure.kpi);
    }
    all
}

/// Every measure of every flow, in the order of the KPIs.
pub const MEASURES: [Measure; 20] = [
    measure("K01", "response", Kind::Times, ["First response time", "首次响应时长"], response),
    aimed("K02", "on_time", ["First responses on time", "首次响应及时率"], on_time),
    measure("K03", "wait", Kind::Mean, ["Mean response time", "平均响应时长"], wait),
    measure("K04", "claimed", Kind::Rate, ["Resolved, as staff say", "解决率(客服口径)"], claimed),
    aimed("K04", "confirmed", ["Resolved, as customers say", "解决率(客户确认)"], confirmed),
    measure(
        "K05",
        "strict",
        Kind::Rate,
        ["Resolved in one exchange", "问题一次解决率(一次沟通)"],
        one_exchange,
    ),
    measure(
        "K05",
        "answered_first",
        Kind::Rate,
        ["Answered at once", "问题一次解决率(首次即答复)"],
        answered_first,
    ),
    measure("K06", "working", Kind::Times, ["Time to resolution", "解决时长"], resolution),
    measure(
        "K06",
        "wall",
        Kind::Times,
        ["Time to resolution, as customers see it", "解决时长(客户视角)"],
        resolution_wall,
    ),
    aimed("K07", "kept", ["Promises kept", "承诺兑现率"], kept),
    aimed("K08", "closed_loop", ["Closed loop", "闭环率"], closed_loop),
    measure("K13", "reopened", Kind::Rate, ["Reopened", "重开率"], reopened),
    measure("K13", "repeated", Kind::Rate, ["Repeats another case", "重复率"], repeated),
    measure("K18", "escalated", Kind::Rate, ["Escalated", "升级率"], escalated),
    measure("K18", "senior", Kind::Rate, ["Escalated to senior support", "升级至高级支持"], senior),
    measure("K18", "supervisor", Kind::Rate, ["Escalated to a supervisor", "升级至主管"], supervisor),
    measure("K18", "manager", Kind::Rate, ["Escalated to a manager", "升级至负责人"], manager),
    measure("K18", "complexity", Kind::Rate, ["Escalated by people", "因复杂升级"], complexity),
    measure("K18", "breach", Kind::Rate, ["Escalated by a breach", "因超时升级"], breach),
    aimed("K19", "owned", ["Stood by to the end", "首问负责履行率"], owned),
];

const fn measure(
    kpi: &'static str,
    name: &'static str,
    kind: Kind,
    [english, chinese]: [&'static str; 2],
    see: See,
) -> Measure {
    Measure { kpi, name, kind, targeted: false, english, chinese, see }
}

const fn aimed(
    kpi: &'static str,
    name: &'static str,
    [english, chinese]: [&'static str; 2],
    see: See,
) -> Measure {
    Measure { kpi, name, kind: Kind::Rate, targeted: true, english, chinese, see }
}

impl PartialEq for Measure {
    fn eq(&self, other: &Self) -> bool {
        (self.kpi, self.name) == (other.kpi, other.name)
    }
}

impl Measure {
    /// What people read.
    pub fn title(&self) -> Title {
        Title { en: self.english.to_owned(), zh: self.chinese.to_owned() }
    }

    /// Tells `each` what it sees of `record` in the window of `frame`, and when it counts.
    pub fn see(&self, record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
        (self.see)(record, frame, each);
    }
}

/// The names of the KPIs of `workflow`, in order.
pub fn kpis(workflow: &str) -> Vec<&'static str> {
    let mut names: Vec<_> = measures(workflow).iter().map(|measure| measure.kpi).collect();
    names.dedup();
    names
}

/// The cohort rule: where a run counts in a window, or that it is pending at its end.
enum Place {
    /// At this moment of the window.
    Here(Instant),
    /// It runs at the end of the window; it began at this moment.
    Pending(Instant),
}

/// A run belongs to the window of its due or stop, whichever is earlier; an open one counts as missed
/// once its due is before the end, and is pending until then.
fn place(run: &Run, frame: &Frame) -> Option<Place> {
    let decided = |counts: &Instant| run.ended.is_some() && *counts < frame.until || *counts < frame.end();
    match run.counts.filter(decided) {
        Some(counts) => frame.holds(counts).then_some(Place::Here(counts)),
        None => (run.start < frame.end()).then_some(Place::Pending(run.start)),
    }
}

fn verdict(run: &Run, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
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

fn rate(at: Instant, yes: bool, each: &mut dyn FnMut(Instant, Seen)) {
    each(at, if yes { Seen::Yes } else { Seen::No });
}

fn response(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some(run) = &record.frt {
        took(run, run.ended.filter(|stop| stop.done).map(|stop| stop.ms), frame, each);
    }
}

fn on_time(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some(run) = &record.frt
        && !(run.retargeted && frame.retargets == Retargets::LeftOut)
    {
        verdict(run, frame, each);
    }
}

fn wait(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
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

fn claimed(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some((end, undone)) = ended(record, frame) {
        rate(end.at, !undone && is_resolved(end), each);
    }
}

fn confirmed(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
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

fn one_exchange(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let undone = record.reopened.is_some();
    settled(record, frame, each, |end| end.one_exchange && !undone && is_resolved(end));
}

fn answered_first(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    settled(record, frame, each, |end| end.answered_first && is_resolved(end));
}

fn closed_loop(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    settled(record, frame, each, |_| record.heard);
}

fn reopened(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    settled(record, frame, each, |_| record.reopened.is_some());
}

fn complaint_on_time(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let counted = |run: &&Run| !(run.retargeted && frame.retargets == Retargets::LeftOut);
    record.totals.iter().filter(counted).for_each(|run| verdict(run, frame, each));
}

/// Tells of a complaint closed in the window that the customer could have been satisfied with.
fn satisfiable(
    record: &Record,
    frame: &Frame,
    each: &mut dyn FnMut(Instant, Seen),
    yes: impl Fn(&End) -> bool,
) {
    let closed = record.closed().filter(|at| frame.holds(*at)).zip(record.standing());
    if let Some((at, end)) = closed.filter(|(_, end)| !NOT_SATISFIABLE.contains(&end.disposition.as_str())) {
        rate(at, yes(end), each);
    }
}

fn complaint_satisfied(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    satisfiable(record, frame, each, |end| end.disposition == "satisfied");
}

fn one_round(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    satisfiable(record, frame, each, |end| end.disposition == "satisfied" && record.rounds == 1);
}

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

fn called_back(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    called(record, frame, each, |run, ending| {
        Some(match ending {
            Some(ending) if ending.starts_with(COMPLETED) => Seen::Yes,
            // The customer has spoken, and what becomes of it is being decided on.
            None if run.ended.is_some() => Seen::Pending,
            Some(_) | None => Seen::No,
        })
    });
}

fn callback_on_time(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    called(record, frame, each, |run, ending| {
        let spoken = ending.is_none_or(|ending| ending.starts_with(COMPLETED));
        let met = run.ended.is_some_and(|stop| stop.met);
        (spoken || ending == Some(EXPIRED)).then_some(if spoken && met { Seen::Yes } else { Seen::No })
    });
}

fn reached(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let Some(first) = record.tries.first().filter(|tried| frame.holds(tried.at)) else { return };
    let connected = record.tries.iter().any(|tried| tried.connected);
    let seen = match (connected, record.standing()) {
        (true, _) => Seen::Yes,
        (false, Some(_)) => Seen::No,
        (false, None) => Seen::Pending,
    };
    each(first.at, seen);
}

fn connected(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    let tries = record.tries.iter().filter(|tried| frame.holds(tried.at));
    tries.for_each(|tried| rate(tried.at, tried.connected, each));
}

fn resolution(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    for run in &record.res {
        took(run, run.ended.filter(|stop| stop.done).map(|stop| stop.ms), frame, each);
    }
}

fn resolution_wall(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    for run in &record.res {
        let ms = run.ended.filter(|stop| stop.done).map(|stop| stop.at.since(run.start));
        took(run, ms, frame, each);
    }
}

fn kept(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    record.promises.iter().for_each(|run| verdict(run, frame, each));
}

/// Tells of a case that was opened in the window.
fn opened(yes: bool, record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if frame.holds(record.opened) {
        rate(record.opened, yes, each);
    }
}

fn repeated(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.repeat, record, frame, each);
}

fn escalated(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.raised || record.raised_by_breach, record, frame, each);
}

fn senior(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.level == "senior", record, frame, each);
}

fn supervisor(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.level == "supervisor", record, frame, each);
}

fn manager(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.level == "manager", record, frame, each);
}

fn complexity(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.raised, record, frame, each);
}

fn breach(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    opened(record.raised_by_breach, record, frame, each);
}

fn owned(record: &Record, frame: &Frame, each: &mut dyn FnMut(Instant, Seen)) {
    if let Some(at) = record.closed().filter(|at| frame.holds(*at)) {
        rate(at, record.owned, each);
    }
}
