//! Simulated histories: one thread, one seed, crashes at every boundary, and a model that judges.
//!
//! Nothing runs by itself: the seed decides which future is polled next, when the
//! journal lands a group and how, when time passes, and when the process dies.
//! `CAREFLOW_TEST_SCALE` multiplies the number of seeds, `CAREFLOW_HISTORY_SEED` runs one alone.

mod clients;
mod model;
mod schedule;
pub(super) mod storage;

use super::*;
use crate::seeded::each_seed;
use schedule::History;
use storage::Defect;

/// Seeds of the usual size.
const SEEDS: u64 = 500;

#[test]
fn every_seeded_history_is_what_the_model_says() {
    each_seed("CAREFLOW_HISTORY_SEED", SEEDS, |seed| {
        History::of(seed, Defect::None).run();
    });
}

#[test]
fn one_seed_is_one_history() {
    for seed in 0..5 {
        let run = || History::of(seed, Defect::None).run();
        assert_eq!(run(), run(), "seed {seed}");
    }
}

#[test]
fn the_histories_reach_what_they_are_meant_to() {
    let mut all = model::Seen::default();
    (0..60).for_each(|seed| all.add(&History::of(seed, Defect::None).run()));
    assert!(all.each().iter().all(|times| *times >= 5), "{all:?}");
}

#[test]
fn a_defect_of_journal_or_index_is_caught() {
    for defect in [Defect::LosesGroup, Defect::SkipsChange, Defect::ShowsEarly] {
        let caught = |seed| std::panic::catch_unwind(|| History::of(seed, defect).run()).is_err();
        let found = (0..20).filter(|seed| caught(*seed)).count();
        assert!(found >= 10, "{defect:?} was caught in {found} of 20 histories");
    }
}
