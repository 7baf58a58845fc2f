//! Owns the numbers of complaints alone, computed again.

use super::{Naive, Number, holds, of_runs, verdicts, worth, yes};
use crate::kernel::common::Stage;
use crate::kernel::kpi::measure::{Frame, Measure, Retargets};

pub(super) fn count(number: &mut Number, measure: &Measure, one: &Naive<'_>, frame: &Frame) {
    match (measure.kpi, measure.name) {
        ("K10", name) if one.workflow == "complaint" => {
            let cause = one.data()["cause"].as_str().or(one.data()["cause_claimed"].as_str()).unwrap();
            let counts = match name {
                "service" => ["attitude", "competence", "response_time"].contains(&cause),
                "overall" => true,
                single => cause == single,
            };
            let mistaken = ["closed.withdrawn", "closed.converted"].contains(&one.state());
            number.numerator += u64::from(counts && !mistaken && holds(frame, one.recorded(0)));
        }
        ("K10", _) => {
            let closed = one.turns().into_iter().find(|(_, _, to)| *to == Stage::Final);
            let here = closed.is_some_and(|(i, ..)| holds(frame, one.recorded(i)));
            number.denominator += u64::from(here && one.workflow == "consultation");
        }
        ("K11", _) => {
            let left_out = frame.retargets == Retargets::LeftOut;
            let runs = one.runs("TOTAL");
            // A breach that a new target made marks the clock, whichever run it was.
            let marked = runs.iter().any(|run| run.by_retarget);
            of_runs(number, if left_out && marked { Vec::new() } else { runs }, frame, verdicts);
        }
        ("K12", name) => {
            let closed = one.turns().into_iter().find(|(_, _, to)| *to == Stage::Final);
            let Some((i, ..)) = closed.filter(|(i, ..)| holds(frame, one.recorded(*i))) else { return };
            let rounds = one.steps[i].1["case"]["round"].as_i64().unwrap();
            let satisfied = one.leaf() == "satisfied";
            match name {
                _ if ["withdrawn", "rejected", "converted"].contains(&one.leaf()) => {}
                "satisfied" => yes(number, satisfied),
                "rounds" => worth(number, rounds * 10_000),
                "one_round" => yes(number, satisfied && rounds == 1),
                other => panic!("K12 {other} is not computed again"),
            }
        }
        (kpi, name) => panic!("{kpi} {name} is not computed again"),
    }
}
