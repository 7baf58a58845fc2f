//! Laws of the consultation's clocks over random lives of a case.

use proptest::prelude::*;
use serde_json::Value;

use super::super::samples::samples;
use super::drive::Drive;
use crate::kernel::common::Verdict;
use crate::kernel::instant::Instant;
use crate::kernel::sla::fact::{ClockFact, What};
use crate::kernel::sla::state::{self, Clocks};
use crate::kernel::sla::timing::Target;
use crate::kernel::span::Span;

const MINUTE: i64 = 60_000;

/// One accepted event of a life, as its entry holds it.
struct Step {
    at: Instant,
    from: String,
    to: String,
    facts: Vec<ClockFact>,
}

/// A life: minutes to wait, then a sample, or the earliest timer for numbers beyond them.
fn live(moves: &[(u16, u8)]) -> (Drive, Vec<Step>) {
    let all = samples();
    let mut drive = Drive::after(&["submit:mail"]);
    let mut steps = vec![Step {
        at: drive.now,
        from: String::new(),
        to: drive.state().to_owned(),
        facts: drive.clocks.clone(),
    }];
    for (wait, pick) in moves {
        let now = drive.now.plus_millis(i64::from(*wait) * MINUTE);
        let from = drive.state().to_owned();
        let taken = match all.get(usize::from(*pick)) {
            Some(sample) if sample.event != "submit" => {
                drive.now = now;
                let kept = drive.facts.clone();
                drive.facts.extend(sample.facts.clone());
                let payload = Value::Object(sample.payload.clone());
                let taken = drive.attempt(sample.actor.clone(), sample.event, payload).is_ok();
                drive.facts = kept;
                taken
            }
            Some(_) | None => fire_earliest(&mut drive),
        };
        if taken {
            let (at, to) = (drive.now, drive.state().to_owned());
            steps.push(Step { at, from, to, facts: drive.clocks.clone() });
        }
    }
    (drive, steps)
}

fn fire_earliest(drive: &mut Drive) -> bool {
    let timers = &drive.instance.as_ref().unwrap().timers;
    let earliest = timers.iter().min_by_key(|(_, timer)| timer.due).map(|(name, _)| name.clone());
    earliest.is_some_and(|name| drive.try_fire(&name).is_ok())
}

/// Open milliseconds in which a resolution clock of this life ran, minute by minute where it can.
fn counted(drive: &Drive, steps: &[Step], start: Instant, end: Instant) -> i64 {
    let mut sum = 0;
    for pair in steps.windows(2) {
        let (from, to) = (pair[0].at.max(start), pair[1].at.min(end));
        let waits =
            pair[0].to.starts_with("open.waiting_customer") || pair[0].to.starts_with("open.answered");
        if from >= to || waits {
            continue;
        }
        let mut at = from;
        while at < to {
            let next = at.plus_millis(MINUTE - at.millis() % MINUTE).min(to);
            sum += if drive.calendar.is_open(at) { next.since(at) } else { 0 };
            at = next;
        }
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::seeded::cases(200)))]

    #[test]
    fn clocks_kept_step_by_step_are_the_facts_of_the_whole_history(
        moves in prop::collection::vec((0u16..600, 0u8..60), 0..40)
    ) {
        let (drive, steps) = live(&moves);
        let facts: Vec<ClockFact> = steps.iter().flat_map(|step| step.facts.clone()).collect();
        let mut folded = Clocks::new();
        state::apply(&mut folded, &facts);
        prop_assert_eq!(&drive.instance.as_ref().unwrap().clocks, &folded);
    }

    #[test]
    fn resolution_time_is_what_counting_the_minutes_of_the_history_says(
        moves in prop::collection::vec((0u16..600, 0u8..60), 0..40)
    ) {
        let (drive, steps) = live(&moves);
        let clocks = &drive.instance.as_ref().unwrap().clocks;
        let suspended = steps.iter().flat_map(|step| &step.facts)
            .any(|fact| fact.clock == "RES" && matches!(fact.what, What::Suspended { .. }));
        prop_assume!(!suspended);
        let settled: Vec<Instant> = steps.iter()
            .filter(|step| step.to.starts_with("settled.") && step.from.starts_with("open."))
            .map(|step| step.at).collect();
        let stopped: Vec<_> = clocks["RES"].ended.iter().filter(|run| run.at <= drive.now && run.verdict.is_some())
            .filter(|run| settled.contains(&run.at)).collect();
        prop_assert_eq!(stopped.len(), settled.len());
        for run in stopped {
            let used = counted(&drive, &steps, run.start, run.at);
            prop_assert_eq!(run.elapsed_ms, used, "run {}", run.cycle);
            if let Target::Span(Span::Business(seconds)) = run.target
                && run.level < 100
            {
                let on_time = used <= i64::from(seconds.get()) * 1_000;
                prop_assert_eq!(run.verdict == Some(Verdict::Met), on_time);
            }
        }
    }
}
