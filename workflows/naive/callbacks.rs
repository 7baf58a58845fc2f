//! Owns the numbers of callbacks alone, computed again.

use super::{Naive, Number, holds, of_runs, yes};
use crate::kernel::common::{Stage, Verdict};
use crate::kernel::kpi::measure::{Frame, Measure};
use crate::kernel::step::stage_of;

pub(super) fn count(number: &mut Number, measure: &Measure, one: &Naive<'_>, frame: &Frame) {
    let ended = (stage_of(one.state()) == Stage::Final).then(|| one.leaf());
    let spoken = |ending: &str| ending.starts_with("completed_");
    let attempts = one.steps.iter().map(|(entry, _)| entry).filter(|entry| entry.event == "attempt_result");
    let mut tries =
        attempts.map(|entry| (entry.recorded_at, entry.payload["outcome"] == "connected")).peekable();
    match (measure.kpi, measure.name) {
        ("K14", _) | ("K15", "on_time") if matches!(ended, Some("suppressed" | "cancelled")) => {}
        ("K14", "complaints") if one.data()["type"] != "post_complaint" => {}
        ("K14", "others") if one.data()["type"] == "post_complaint" => {}
        ("K14", _) => of_runs(number, one.runs("DUE"), frame, |number, run| match ended {
            Some(ending) => yes(number, spoken(ending)),
            None if run.stop.is_some() => number.pending += 1,
            None => yes(number, false),
        }),
        ("K15", "on_time") => of_runs(number, one.runs("DUE"), frame, |number, run| {
            let told = ended.is_none_or(spoken);
            let met = run.stop.and(run.corrected.or(run.verdict)) == Some(Verdict::Met);
            if told || ended == Some("expired") {
                yes(number, told && met);
            }
        }),
        ("K15", "reached") => {
            if !tries.peek().is_some_and(|(first, _)| holds(frame, *first)) {
                return;
            }
            match (tries.any(|(_, connected)| connected), ended) {
                (true, _) => yes(number, true),
                (false, Some(_)) => yes(number, false),
                (false, None) => number.pending += 1,
            }
        }
        ("K15", "connected") => {
            tries.filter(|(at, _)| holds(frame, *at)).for_each(|(_, connected)| yes(number, connected));
        }
        (kpi, name) => panic!("{kpi} {name} is not computed again"),
    }
}
