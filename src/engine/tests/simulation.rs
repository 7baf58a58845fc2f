//! Simulated histories: one thread, one seed, crashes at every boundary, and a model that judges.
//!
//! Nothing runs by itself: the seed decides which future is polled next, when the
//! journal lands a group and how, when time passes, and when the process dies.
//! `CAREFLOW_TEST_SCALE` multiplies the number of seeds, `CAREFLOW_HISTORY_SEED` runs one alone.

mod clients;
mod model;
mod play;
mod schedule;
pub(super) mod storage;
mod told;

use super::*;
use crate::seeded::each_seed;
use play::Play;
use schedule::History;
use storage::Defect;

/// Seeds of the usual size.
const SEEDS: u64 = 500;
/// One of so many histories is about the shipped flows: each of those takes as long as several of the probe.
const SHIPPED_ONE_IN: u64 = 5;

fn play(seed: u64) -> Play {
    if seed.is_multiple_of(SHIPPED_ONE_IN) { Play::Shipped } else { Play::probe(seed) }
}

fn history(seed: u64, defect: Defect) -> History {
    History::of(seed, play(seed), defect)
}

#[test]
fn every_seeded_history_is_what_the_model_says() {
    each_seed("CAREFLOW_HISTORY_SEED", SEEDS, |seed| {
        history(seed, Defect::None).run();
    });
}

#[test]
fn one_seed_is_one_history() {
    for seed in 0..6 {
        let run = || history(seed, Defect::None).run();
        assert_eq!(run(), run(), "seed {seed}");
    }
}

#[test]
fn the_histories_reach_what_they_are_meant_to() {
    let reached = |plays: fn(u64) -> Play| {
        let mut all = model::Seen::default();
        (0..60).for_each(|seed| all.add(&History::of(seed, plays(seed), Defect::None).run()));
        all
    };
    let probe = reached(Play::probe);
    assert!(probe.each().iter().all(|times| *times >= 5), "{probe:?}");
    let shipped = reached(|_| Play::Shipped);
    let model::Seen { done, refused, replayed, timers, sends, firings, turned_back, .. } = shipped;
    // Monitors are told where cases are archived.
    let met = [done, refused, replayed, timers, sends, firings, turned_back];
    assert!(met.iter().all(|times| *times >= 25), "{shipped:?}");
}

#[test]
fn a_defect_of_journal_or_index_is_caught() {
    for defect in [Defect::LosesGroup, Defect::SkipsChange, Defect::ShowsEarly] {
        let caught = |seed| std::panic::catch_unwind(|| history(seed, defect).run()).is_err();
        let found = (0..20).filter(|seed| caught(*seed)).count();
        assert!(found >= 10, "{defect:?} was caught in {found} of 20 histories");
    }
}
