//! Owns the proof that KPIs folded over records are the numbers that whole histories give.
//!
//! `Naive` computes each number again from entries alone, by other means: it knows neither the facts
//! that instances keep nor the state of their clocks.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::samples::samples;
use super::drive::{Drive, agent, at, customer, gateway, mail, supervisor};
use crate::kernel::actor::Role;
use crate::kernel::common::{Stage, Verdict};
use crate::kernel::entry::Entry;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::fold::{Behind, Figure, Grouping, Line, Part, fold};
use crate::kernel::kpi::measure::{Frame, Kind, MEASURES, Measure, Retargets};
use crate::kernel::kpi::{self, Record};
use crate::kernel::patch;
use crate::kernel::sla::fact::What;
use crate::kernel::step::stage_of;

/// One number, computed from histories.
#[derive(Debug, Default, PartialEq)]
struct Number {
    numerator: u64,
    denominator: u64,
    pending: u64,
    values: Vec<i64>,
}

/// One run of a clock, as its facts tell it.
#[derive(Clone, Debug)]
struct Run {
    start: Instant,
    due: Instant,
    paused: bool,
    /// The due that the recorded breach missed.
    breach: Option<Instant>,
    by_retarget: bool,
    corrected: Option<Verdict>,
    stop: Option<(Instant, i64, bool)>,
    verdict: Option<Verdict>,
    cancelled: bool,
}

/// A history with the case as it was after each entry.
struct Naive {
    steps: Vec<(Entry, Value)>,
}

impl Naive {
    fn new(entries: &[Entry]) -> Self {
        let mut data = Value::Null;
        let steps = entries.iter().map(|entry| {
            patch::apply(&mut data, &entry.patch).unwrap();
            (entry.clone(), data["case"].clone())
        });
        Self { steps: steps.collect() }
    }

    fn case(&self) -> &Value {
        &self.steps.last().unwrap().1
    }

    fn state(&self) -> &str {
        &self.steps.last().unwrap().0.to
    }

    fn counts(&self) -> bool {
        !["closed.invalid", "closed.duplicate"].contains(&self.state())
    }

    fn runs(&self, clock: &str) -> Vec<Run> {
        let mut runs: BTreeMap<u32, Run> = BTreeMap::new();
        let facts = self.steps.iter().flat_map(|(entry, _)| &entry.clocks);
        for fact in facts.filter(|fact| fact.clock == clock) {
            if let What::Started { at, due, .. } = &fact.what {
                runs.insert(
                    fact.cycle,
                    Run {
                        start: *at,
                        due: *due,
                        paused: false,
                        breach: None,
                        by_retarget: false,
                        corrected: None,
                        stop: None,
                        verdict: None,
                        cancelled: false,
                    },
                );
            }
            let run = runs.get_mut(&fact.cycle).unwrap();
            match &fact.what {
                What::Paused { .. } => run.paused = true,
                What::Resumed { due, .. } => (run.paused, run.due) = (false, *due),
                What::Retargeted { due, .. } => run.due = *due,
                What::Reached { level: 100, due, cause, .. } => {
                    run.breach = Some(*due);
                    run.by_retarget = cause.is_some();
                }
                What::Corrected { to } => run.corrected = Some(*to),
                What::Stopped { at, verdict, elapsed_ms } => {
                    run.stop = Some((*at, *elapsed_ms, run.paused));
                    run.verdict = Some(*verdict);
                }
                What::Cancelled { at, elapsed_ms } => {
                    run.stop = Some((*at, *elapsed_ms, run.paused));
                    run.cancelled = true;
                    run.verdict = (run.breach.is_some() && run.corrected != Some(Verdict::Met))
                        .then_some(Verdict::Breached);
                }
                _ => {}
            }
        }
        let kept = runs.into_values().filter(|run| !run.cancelled || run.verdict.is_some());
        kept.collect()
    }

    /// Moves between open, settled and closed: (index, from, to).
    fn turns(&self) -> Vec<(usize, Stage, Stage)> {
        let turn = |(i, (entry, _)): (usize, &(Entry, Value))| {
            let from = entry.from.as_deref().map_or(Stage::Open, stage_of);
            (from != stage_of(&entry.to)).then(|| (i, from, stage_of(&entry.to)))
        };
        self.steps.iter().enumerate().filter_map(turn).collect()
    }

    fn ends(&self) -> Vec<usize> {
        self.turns().into_iter().filter(|(_, from, _)| *from == Stage::Open).map(|(i, ..)| i).collect()
    }

    fn reopened(&self) -> bool {
        self.turns().iter().any(|(_, _, to)| *to == Stage::Open)
    }

    /// The state in which the case stood from the end at `i` until it was reopened, or now.
    fn ending(&self, i: usize) -> &str {
        let next = self.turns().into_iter().find(|(j, _, to)| *j > i && *to == Stage::Open);
        let last = next.map_or(self.steps.len(), |(j, ..)| j) - 1;
        self.steps[last].0.to.rsplit('.').next().unwrap()
    }

    /// What the customer last said in the steps of `range`.
    fn word(&self, range: impl Iterator<Item = usize>) -> Option<bool> {
        let said = |i: usize| {
            let entry = &self.steps[i].0;
            match entry.event.as_str() {
                "confirm" => entry.payload["satisfied"].as_bool(),
                "satisfaction_recorded" => entry.payload["resolved"].as_bool(),
                _ => (entry.to == "settled.confirmed" && entry.from.as_deref() != Some("settled.confirmed"))
                    .then_some(true),
            }
        };
        range.filter_map(said).last()
    }

    fn outbound(entry: &Entry) -> bool {
        match entry.event.as_str() {
            "respond" => entry.payload["human"] == true,
            "escalate" => entry.payload.get("told_customer") == Some(&json!(true)),
            event => ["answer_call", "request_info", "progress_update", "answer"].contains(&event),
        }
    }

    /// Steps in which a person answered a customer who waited, with the milliseconds.
    fn answers(&self) -> Vec<(usize, String, u32, i64)> {
        let mut found = Vec::new();
        for (i, (entry, _)) in self.steps.iter().enumerate().filter(|(_, (e, _))| Self::outbound(e)) {
            for fact in entry.clocks.iter().filter(|f| f.clock == "FRT" || f.clock == "NRT") {
                if let What::Stopped { elapsed_ms, .. } = fact.what {
                    found.push((i, fact.clock.clone(), fact.cycle, elapsed_ms));
                }
            }
        }
        found
    }

    /// Whether the first owner stood by the end at which the case stands.
    fn owned(&self) -> bool {
        let owner = |i: usize| self.steps[i].1.pointer("/first_owner/id").and_then(Value::as_str);
        let kept = (1..self.steps.len()).all(|i| {
            owner(i - 1).is_none() || owner(i) == owner(i - 1) || self.steps[i].0.event == "handover_accepted"
        });
        let end = *self.ends().last().unwrap();
        let staff = |i: usize| {
            let actor = &self.steps[i].0.actor;
            actor.role.is_staff().then_some(actor.id.as_str())
        };
        let spoke = |entry: &Entry| {
            let named = entry.payload.get("agent").or(entry.payload.get("sender"));
            named.map_or(entry.actor.id.clone(), |named| named["id"].as_str().unwrap().to_owned())
        };
        let talker = self.steps[..=end].iter().rev().map(|(entry, _)| entry).find(|e| Self::outbound(e));
        let did = staff(end).map(str::to_owned).or_else(|| talker.map(spoke));
        let mut performed = did.is_some() && did.as_deref() == owner(end);
        let closing = self.turns().into_iter().find(|(i, _, to)| *i > end && *to == Stage::Final);
        if let Some((i, ..)) = closing
            && let Some(actor) = staff(i)
        {
            performed = Some(actor) == owner(i);
        }
        let acknowledged = self.steps[end..].iter().any(|(entry, _)| entry.event == "closure_acknowledged");
        kept && owner(self.steps.len() - 1).is_some() && (performed || acknowledged)
    }
}

/// The moment at which a run counts, where it does.
fn moment(run: &Run) -> Option<Instant> {
    match run.stop {
        Some((stop, _, paused)) if run.verdict == Some(Verdict::Met) && paused => Some(stop),
        Some((stop, ..)) => Some(run.breach.unwrap_or(run.due).min(stop).min(run.due.max(stop))),
        None if run.breach.is_some() && run.corrected != Some(Verdict::Met) => run.breach,
        None if run.paused || run.breach.is_some() => None,
        None => Some(run.due),
    }
}

fn holds(frame: &Frame, at: Instant) -> bool {
    frame.from <= at && at < frame.until
}

fn of_runs(number: &mut Number, runs: Vec<Run>, frame: &Frame, take: impl Fn(&mut Number, &Run)) {
    for run in runs {
        let end = if run.stop.is_some() { frame.until } else { frame.until.min(frame.now) };
        match moment(&run).filter(|moment| *moment < end) {
            Some(moment) if moment >= frame.from => take(number, &run),
            Some(_) => {}
            None => number.pending += u64::from(run.start < frame.until.min(frame.now)),
        }
    }
}

fn verdicts(number: &mut Number, run: &Run) {
    let verdict = run.stop.and(run.corrected.or(run.verdict));
    number.denominator += 1;
    number.numerator += u64::from(verdict == Some(Verdict::Met));
}

fn times(number: &mut Number, run: &Run, ms: impl Fn(&Run) -> i64) {
    if run.stop.is_none() {
        number.pending += 1;
    } else if !run.cancelled {
        number.denominator += 1;
        number.values.push(ms(run));
    }
}

fn yes(number: &mut Number, yes: bool) {
    number.denominator += 1;
    number.numerator += u64::from(yes);
}

fn recomputed(measure: &Measure, all: &[Naive], frame: &Frame) -> Number {
    let mut number = Number::default();
    for one in all.iter().filter(|one| one.counts()) {
        count(&mut number, measure, one, frame);
    }
    number.values.sort_unstable();
    number
}

fn count(number: &mut Number, measure: &Measure, one: &Naive, frame: &Frame) {
    let ends = one.ends();
    let recorded = |i: usize| one.steps[i].0.recorded_at;
    let first = ends.first().copied();
    let settled = first.filter(|i| one.steps[*i].0.to.starts_with("settled.") && holds(frame, recorded(*i)));
    let good = |i: usize| ["confirmed", "unconfirmed", "resolved"].contains(&one.ending(i));
    let open = holds(frame, recorded(0));
    let raised = |by_system: bool| {
        one.steps.iter().enumerate().any(|(i, (entry, case))| {
            let system = entry.actor.role == Role::System;
            match entry.event.as_str() {
                "escalate" => system == by_system,
                _ => {
                    !by_system && i > 0 && case["escalation_level"] != one.steps[i - 1].1["escalation_level"]
                }
            }
        })
    };
    match (measure.kpi, measure.name) {
        ("K01", _) => {
            of_runs(number, one.runs("FRT"), frame, |n, run| times(n, run, |run| run.stop.unwrap().1));
        }
        ("K02", _) => {
            let left_out = frame.retargets == Retargets::LeftOut;
            let runs = one.runs("FRT").into_iter().filter(|run| !(left_out && run.by_retarget));
            of_runs(number, runs.collect(), frame, verdicts);
        }
        ("K03", _) => {
            for (_, clock, cycle, ms) in one.answers() {
                let run = &one.runs(&clock)[cycle as usize - 1];
                if holds(frame, moment(run).unwrap()) {
                    number.denominator += 1;
                    number.values.push(ms);
                }
            }
        }
        ("K04", name) => {
            let last = ends.last().copied().filter(|i| {
                ends.len() > 1 && !one.turns().iter().any(|(j, _, to)| j > i && *to == Stage::Open)
            });
            let here = |i: &usize| holds(frame, recorded(*i));
            let found = first.filter(here).map(|i| (i, one.reopened()));
            let Some((i, undone)) = found.or_else(|| last.filter(here).map(|i| (i, false))) else { return };
            if ["withdrawn", "abandoned", "converted"].contains(&one.ending(i)) {
                return;
            }
            let since =
                one.turns().iter().rfind(|(j, _, to)| *j < i && *to == Stage::Open).map_or(0, |t| t.0);
            let word = one.word(since + usize::from(since > 0)..one.steps.len());
            yes(number, !undone && good(i) && (name == "claimed" || word == Some(true)));
        }
        ("K05", "strict") => {
            let Some(i) = settled else { return };
            let exchanges = one.answers().iter().filter(|(j, ..)| *j <= i).count();
            let case = &one.steps[i].1;
            let quiet = case["transfers"] == 0
                && case["escalation_level"] == "none"
                && !one.steps[..=i].iter().any(|(entry, _)| entry.event == "escalate");
            yes(number, exchanges == 1 && quiet && !one.reopened() && good(i));
        }
        ("K05", _) => {
            let Some(i) = settled else { return };
            let words = one.steps[..=i].iter().map(|(entry, _)| entry);
            let first = words.filter(|e| Naive::outbound(e) && e.event != "answer_call").map(|e| &e.event);
            yes(number, first.take(1).any(|event| event == "answer") && good(i));
        }
        ("K06", "wall") => of_runs(number, one.runs("RES"), frame, |n, run| {
            times(n, run, |run| run.stop.unwrap().0.since(run.start));
        }),
        ("K06", _) => {
            of_runs(number, one.runs("RES"), frame, |n, run| times(n, run, |run| run.stop.unwrap().1));
        }
        ("K07", _) => of_runs(number, one.runs("PROMISE"), frame, verdicts),
        ("K08", _) => {
            if settled.is_some() {
                yes(number, one.word(0..one.steps.len()).is_some());
            }
        }
        ("K13", "reopened") => {
            if settled.is_some() {
                yes(number, one.reopened());
            }
        }
        ("K13", _) if open => yes(number, one.case().to_string().contains("\"repeat_of\"")),
        ("K18", "escalated") if open => yes(number, raised(true) || raised(false)),
        ("K18", "complexity") if open => yes(number, raised(false)),
        ("K18", "breach") if open => yes(number, raised(true)),
        ("K18", level) if open => yes(number, one.case()["escalation_level"] == level),
        ("K19", _) => {
            let closed = one.turns().into_iter().find(|(_, _, to)| *to == Stage::Final);
            if closed.is_some_and(|(i, ..)| holds(frame, recorded(i))) {
                yes(number, one.owned());
            }
        }
        _ => assert!(!open, "{} {} is not computed again", measure.kpi, measure.name),
    }
}

/// A drive along random events and times; whatever is refused is passed over.
fn driven(number: usize, steps: &[(u16, u32)]) -> Drive {
    let mut drive = Drive::new();
    drive.id = crate::kernel::id::InstanceId::derive("c-1027", &["case", &number.to_string()]);
    let known = samples();
    let starts: Vec<_> = known.iter().filter(|sample| sample.event == "submit").collect();
    for (choice, minutes) in steps {
        pass(&mut drive, *minutes);
        if drive.instance.is_none() {
            let sample = starts[usize::from(*choice) % starts.len()];
            attempt(&mut drive, sample);
        } else {
            more(&mut drive, usize::from(*choice), &known);
        }
    }
    drive
}

fn attempt(drive: &mut Drive, sample: &crate::kernel::machine::Sample) {
    let kept = drive.facts.clone();
    drive.facts.extend(sample.facts.clone());
    drive.attempt(sample.actor.clone(), sample.event, Value::Object(sample.payload.clone())).ok();
    drive.facts = kept;
}

/// A sample, or something that samples say at fixed times only.
fn more(drive: &mut Drive, choice: usize, known: &[crate::kernel::machine::Sample]) {
    let ahead = |drive: &Drive, hours: i64| drive.calendar.after(drive.now, hours * 3_600_000);
    let own = [agent("agent-a"), agent("agent-b"), supervisor()][choice % 3].clone();
    let told = |intent: &str| json!({ "message_ref": format!("m{choice}"), "intent": intent });
    let words = json!({ "message_ref": "m", "human": true });
    let answer = json!({ "message_ref": "m", "solution_ref": "s", "confirmed_in_contact": false });
    let (actor, event, payload) = match choice % 22 {
        0 | 18 => (
            own,
            "escalate",
            json!({ "level": "senior", "reason": "r", "promised_by": ahead(drive, 6), "told_customer": true }),
        ),
        1 => (
            own,
            "progress_update",
            json!({ "message_ref": "m", "new_promise": ahead(drive, 5), "reason": "r" }),
        ),
        2 | 3 => (own, "respond", words),
        4 | 5 => (own, "answer", answer),
        6 => (own, "accept", json!({})),
        7 => (gateway(), "customer_reply", told("dissatisfied")),
        8 => (gateway(), "customer_reply", told("unknown")),
        9 => (gateway(), "customer_reply", told("thanks")),
        10 => (gateway(), "customer_reply", told("info")),
        11 => (customer(), "confirm", json!({ "satisfied": choice % 2 == 0 })),
        12 => (customer(), "reopen", json!({ "reason": "r" })),
        13 => (own, "handover_requested", json!({ "to": { "id": "agent-b", "role": "agent" }, "note": "n" })),
        14 => (agent("agent-b"), "handover_accepted", json!({})),
        15 => (own, "closure_acknowledged", json!({})),
        16 => (
            supervisor(),
            "priority_changed",
            json!({ "to": (["urgent", "low"][choice % 2]), "reason": "r" }),
        ),
        17 => (own, "linked", json!({ "type": "repeat_of", "id": "3fa2-7f3k2m9qx4tbz8wd" })),
        _ => {
            attempt(drive, &known[choice % known.len()]);
            return;
        }
    };
    drive.attempt(actor, event, payload).ok();
}

/// Moves the clock, through every due on the way.
fn pass(drive: &mut Drive, minutes: u32) {
    let until = drive.now.plus_millis(i64::from(minutes) * 60_000);
    loop {
        let timers = drive.instance.iter().flat_map(|instance| &instance.timers);
        let next = timers.map(|(name, timer)| (timer.due, name.clone())).min();
        let Some((due, name)) = next.filter(|(due, _)| *due <= until) else { break };
        drive.now = drive.now.max(due);
        if drive.try_fire(&name).is_err() {
            drive.instance.as_mut().unwrap().timers.remove(&name);
        }
    }
    drive.now = until;
}

fn number(figure: &Figure, kind: Kind) -> (u64, u64, u64, Option<i64>) {
    let sum = (kind != Kind::Rate).then_some(figure.sum_ms);
    (figure.numerator, figure.denominator, figure.pending, sum)
}

/// Choices with minutes before each: in some drives minutes or hours only, in others days too.
fn random() -> impl Strategy<Value = Vec<(u16, u32)>> {
    prop_oneof![Just(20u32), Just(240), Just(3_000), Just(12_000)]
        .prop_flat_map(|longest| prop::collection::vec((any::<u16>(), 0..longest), 1..25))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_kpi_is_what_the_histories_say(
        cases in prop::collection::vec(random(), 1..5),
        from in 0i64..30,
        days in 1i64..30,
        left_out in any::<bool>(),
    ) {
        let drives: Vec<Drive> =
            cases.iter().enumerate().map(|(n, steps)| driven(n, steps)).filter(|d| d.instance.is_some()).collect();
        let now = drives.iter().map(|drive| drive.now).max().unwrap_or_default();
        let from = at("2026-03-08T16:00:00Z").plus_millis(from * 43_200_000);
        let retargets = if left_out { Retargets::LeftOut } else { Retargets::Counted };
        let frame = Frame { from, until: from.plus_millis(days * 43_200_000), now, retargets };
        let naive: Vec<Naive> = drives.iter().map(|drive| Naive::new(&drive.entries)).collect();
        let records: Vec<Record> =
            drives.iter().filter_map(|drive| kpi::record(drive.instance.as_ref().unwrap())).collect();
        for record in &records {
            prop_assert_eq!(&Record::decode(record.id.clone(), &record.encode()).unwrap(), record);
        }
        let lines = fold(&records, &MEASURES, frame, Some(Grouping::Channel));
        for Line { measure, total, groups } in &lines {
            let expected = recomputed(measure, &naive, &frame);
            let sum = (measure.kind != Kind::Rate).then(|| expected.values.iter().sum());
            let told = (expected.numerator, expected.denominator, expected.pending, sum);
            prop_assert_eq!(number(total, measure.kind), told, "{} {}", measure.kpi, measure.name);
            if measure.kind == Kind::Times {
                let median = expected.values.get(expected.values.len().div_ceil(2).max(1) - 1).copied();
                prop_assert_eq!(total.percentile(50), median);
            }
            prop_assert_eq!(groups.values().map(|figure| figure.denominator).sum::<u64>(), total.denominator);
            let behind = |part| Behind { measure: *measure, frame, part, group: None };
            let behind = behind(Part::Denominator);
            let moments: usize = records.iter().map(|record| behind.moments(record).len()).sum();
            prop_assert_eq!(moments as u64, total.denominator);
            for record in &records {
                let (begin, end) = record.span();
                prop_assert!(behind.moments(record).iter().all(|at| (begin..=end).contains(at)));
            }
        }
    }
}

#[test]
fn random_drives_reach_both_sides_of_every_number() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let steps = random();
    let records: Vec<Record> = (0..400)
        .filter_map(|number| {
            let steps = steps.new_tree(&mut runner).unwrap().current();
            kpi::record(driven(number, &steps).instance.as_ref()?)
        })
        .collect();
    let now = at("2026-12-31T00:00:00Z");
    let frame = Frame { from: at("2026-01-01T00:00:00Z"), until: now, now, retargets: Retargets::Counted };
    let lines = fold(&records, &MEASURES, frame, None);
    let one_sided = lines.iter().filter(|Line { measure, total, .. }| match measure.kind {
        Kind::Rate => total.numerator == 0 || total.numerator == total.denominator,
        Kind::Times | Kind::Mean => total.sum_ms == 0,
    });
    let one_sided: Vec<_> = one_sided.map(|line| (line.measure.kpi, line.measure.name)).collect();
    assert_eq!(one_sided, []);
}

/// The numbers of one KPI over March, looked at from its end.
fn march(drives: &[Drive], kpi: &str, name: &str) -> (u64, u64, u64) {
    let records: Vec<Record> =
        drives.iter().filter_map(|drive| kpi::record(drive.instance.as_ref().unwrap())).collect();
    let until = at("2026-04-01T00:00:00+08:00");
    let frame =
        Frame { from: at("2026-03-01T00:00:00+08:00"), until, now: until, retargets: Retargets::Counted };
    let lines = fold(&records, &MEASURES, frame, None);
    let line = lines.iter().find(|line| (line.measure.kpi, line.measure.name) == (kpi, name)).unwrap();
    (line.total.numerator, line.total.denominator, line.total.pending)
}

#[test]
fn renewed_promises_are_kept_and_late_ones_are_not() {
    let mut drive = Drive::accepted();
    let until = |drive: &Drive, hours: i64| drive.calendar.after(drive.now, hours * 3_600_000);
    let call =
        json!({ "level": "senior", "reason": "r", "promised_by": until(&drive, 4), "told_customer": true });
    drive.send(agent("agent-a"), "escalate", call);
    let renewal = json!({ "message_ref": "m", "new_promise": until(&drive, 5), "reason": "r" });
    drive.send(agent("agent-a"), "progress_update", renewal);
    pass(&mut drive, 3 * 24 * 60);
    drive.send(
        agent("agent-a"),
        "answer",
        json!({ "message_ref": "m", "solution_ref": "s", "confirmed_in_contact": false }),
    );
    assert_eq!(march(&[drive], "K07", "kept"), (1, 2, 0));
}

#[test]
fn another_agents_closing_needs_the_first_owners_word() {
    let closed =
        |acknowledges: bool| {
            let mut drive = Drive::accepted();
            drive.send(agent("agent-b"), "answer", json!({
            "message_ref": "m", "solution_ref": "s", "confirmed_in_contact": true, "recording_ref": "r",
        }));
            if acknowledges {
                drive.send(agent("agent-a"), "closure_acknowledged", json!({}));
            }
            drive.fire("REOPEN_WINDOW");
            drive
        };
    assert_eq!(march(&[closed(false), closed(true)], "K19", "owned"), (1, 2, 0));
}

#[test]
fn first_response_that_only_a_new_target_made_late_can_be_left_out() {
    let target = json!([{ "priority": "urgent", "target": "10 business minutes" }]);
    let mut drive = Drive::new().with_policy(|policy| policy["frt"]["overrides"] = target.clone());
    drive.send(gateway(), "submit", mail());
    pass(&mut drive, 30);
    drive.send(agent("agent-a"), "priority_changed", json!({ "to": "urgent", "reason": "r" }));
    pass(&mut drive, 1);
    drive.send(agent("agent-a"), "respond", json!({ "message_ref": "m", "human": true }));
    let record = kpi::record(drive.instance.as_ref().unwrap()).unwrap();
    let until = at("2026-04-01T00:00:00+08:00");
    let mut frame =
        Frame { from: at("2026-03-01T00:00:00+08:00"), until, now: until, retargets: Retargets::Counted };
    let late = |frame: Frame| {
        let lines = fold([&record], &MEASURES, frame, None);
        let line = lines.into_iter().find(|line| line.measure.kpi == "K02").unwrap();
        (line.total.numerator, line.total.denominator)
    };
    assert_eq!(late(frame), (0, 1));
    frame.retargets = Retargets::LeftOut;
    assert_eq!(late(frame), (0, 0));
}
