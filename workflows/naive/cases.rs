//! Owns the numbers of customers' cases, computed again.

use serde_json::{Value, json};

use super::{Naive, Number, Step, holds, moment, of_runs, times, verdicts, worth, yes};
use crate::kernel::actor::Role;
use crate::kernel::common::Stage;
use crate::kernel::kpi::measure::{Frame, Measure, Retargets};

pub(super) fn count(number: &mut Number, measure: &Measure, one: &Naive<'_>, frame: &Frame) {
    let ends = one.ends();
    let recorded = |i: usize| one.recorded(i);
    let first = ends.first().copied();
    let settled = first.filter(|i| one.steps[*i].0.to.starts_with("settled.") && holds(frame, recorded(*i)));
    let good = |i: usize| ["confirmed", "unconfirmed", "resolved", "satisfied"].contains(&one.ending(i));
    let open = holds(frame, recorded(0));
    let raised = |by_system: bool| {
        one.steps.iter().enumerate().any(|(i, (entry, data))| {
            let system = entry.actor.role == Role::System;
            match entry.event.as_str() {
                "escalate" => system == by_system,
                _ => {
                    let level = |data: &Value| data["case"]["escalation_level"].clone();
                    !by_system && i > 0 && level(data) != level(&one.steps[i - 1].1)
                }
            }
        })
    };
    match (measure.kpi, measure.name) {
        ("K01", _) => {
            of_runs(number, one.runs(one.first_clock()), frame, |n, run| {
                times(n, run, |run| run.stop.unwrap().1);
            });
        }
        ("K02", _) => {
            let left_out = frame.retargets == Retargets::LeftOut;
            let runs = one.runs(one.first_clock()).into_iter().filter(|run| !(left_out && run.by_retarget));
            of_runs(number, runs.collect(), frame, verdicts);
        }
        ("K03", _) => {
            for (_, clock, cycle, ms) in one.answers() {
                let run = one.runs(&clock).into_iter().find(|run| run.cycle == cycle).unwrap();
                if holds(frame, moment(&run).unwrap()) {
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
            let case = &one.steps[i].1["case"];
            let quiet = case["transfers"] == 0
                && case["escalation_level"] == "none"
                && !one.steps[..=i].iter().any(|(entry, _)| entry.event == "escalate");
            yes(number, exchanges == 1 && quiet && !one.reopened() && good(i));
        }
        ("K05", _) => {
            let Some(i) = settled else { return };
            let words = one.steps[..=i].iter().map(|(entry, _)| entry);
            let first = words.filter(|e| Naive::outbound(e) && e.event != "answer_call").map(|e| &e.event);
            yes(number, first.take(1).any(|event| Naive::is_answer(event)) && good(i));
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
        ("K09", "response") => {
            let asked = first.filter(|i| holds(frame, recorded(*i)) && one.ending(*i) != "withdrawn");
            if asked.is_some() {
                yes(number, !scores(one).is_empty());
            }
        }
        ("K09", name) => {
            let last = scores(one).pop().filter(|(i, _)| holds(frame, recorded(*i)));
            match (last, name) {
                (Some((_, score)), "mean") => worth(number, score * 10_000),
                (Some((_, score)), "top_two") => yes(number, score > 3),
                (Some((_, score)), "low") => yes(number, score < 3),
                (Some(_), other) => panic!("K09 {other} is not computed again"),
                (None, _) => {}
            }
        }
        ("K16", name) => {
            let told_by_callback = |i: usize| one.steps[i].0.payload.contains_key("callback");
            let lows = scores(one).into_iter().filter(|(i, score)| *score < 3 && !told_by_callback(*i));
            for (i, _) in lows.take(16) {
                match name {
                    "opened" => taken_up(number, one, i, frame),
                    _ if holds(frame, recorded(i)) => {
                        yes(number, scores(one).iter().any(|(j, score)| *j > i && *score > 3));
                    }
                    _ => {}
                }
            }
        }
        ("K17", _) => {
            let is = |i: usize, names: [&str; 2]| names.contains(&one.steps[i].0.event.as_str());
            let steps = 0..one.steps.len();
            let transfers: Vec<_> = steps.filter(|i| is(*i, ["transfer_department", "dispatch"])).collect();
            for (n, i) in transfers.iter().enumerate().filter(|(_, i)| holds(frame, recorded(**i))) {
                let next = transfers.get(n + 1).copied().unwrap_or(one.steps.len());
                yes(number, !(*i..next).any(|j| is(j, ["department_return", "dept_return"])));
            }
        }
        ("K13" | "K18", _) => assert!(!open, "{} {} is computed above", measure.kpi, measure.name),
        (kpi, name) => panic!("{kpi} {name} is not computed again"),
    }
}

/// Steps with a score, and the score.
fn scores(one: &Naive<'_>) -> Vec<(usize, i64)> {
    let scored = |(i, (entry, _)): (usize, &Step<'_>)| {
        let carries =
            ["answer", "confirm", "record", "satisfaction_recorded"].contains(&entry.event.as_str());
        entry.payload.get("score").filter(|_| carries)?.as_i64().map(|score| (i, score))
    };
    one.steps.iter().enumerate().filter_map(scored).collect()
}

/// Whether something came of the low score of step `i` within two days.
fn taken_up(number: &mut Number, one: &Naive<'_>, i: usize, frame: &Frame) {
    let round = |j: usize| one.steps[j].1["case"]["round"].as_u64();
    let opens = |j: &usize| {
        let entry = &one.steps[*j].0;
        let effects = json!(entry.effects);
        let effects = effects.as_array().unwrap();
        *j > 0
            && (one
                .turns()
                .iter()
                .any(|(k, from, to)| k == j && (*from, *to) == (Stage::Settled, Stage::Open))
                || round(*j) > round(*j - 1)
                || effects
                    .iter()
                    .any(|effect| effect["kind"] == "spawn" && effect["workflow"] == "complaint")
                || effects.iter().any(|effect| effect["kind"] == "send" && effect["event"] == "reopen")
                || effects.iter().any(|effect| {
                    effect["task"] == "improvement_action" || effect["task"] == "management_review"
                })
                || entry.event == "linked"
                    && ["caused_by", "follow_up_of", "spawned"]
                        .contains(&entry.payload["type"].as_str().unwrap()))
    };
    let (at, due) = (one.recorded(i), one.recorded(i).plus_millis(2 * 86_400_000));
    let opened = (i..one.steps.len()).find(opens).map(|j| one.recorded(j));
    let counts = opened.unwrap_or(due).min(due);
    let end = if opened.is_some() { frame.until } else { frame.until.min(frame.now) };
    if counts < end {
        if counts >= frame.from {
            yes(number, opened.is_some_and(|opened| opened <= due));
        }
    } else {
        number.pending += u64::from(at < frame.until.min(frame.now));
    }
}
