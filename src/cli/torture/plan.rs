//! Owns what a round does: made from the seed and the number of the round, and nothing else.

use clap::ValueEnum;

use crate::chance::Chance;
use crate::cli::serve::Faults;
use crate::journal::file::Shape;

/// A minute.
const MINUTE_MS: u64 = 60_000;
/// A day.
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// What goes wrong in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing does.
    None,
    /// The server is killed (SIGKILL) again and again while clients send and timers fire.
    KillUnderLoad,
    /// The server is told to stop (SIGTERM) again and again while clients send.
    CleanStop,
    /// The journal's disk is full, and has room again later; at times the clock is set back then.
    DiskFull,
    /// Writes to the journal fail, in part after some of their bytes.
    EioOnWrite,
    /// Syncs of the journal fail.
    EioOnSync,
    /// The journal's disk is slow, and the server is killed.
    SlowDisk,
    /// The clock jumps forward by minutes to weeks.
    ClockForward,
    /// The clock jumps backward and forward by minutes to days.
    ClockBackward,
}

/// One thing that is done to a server, after so many commands were carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blow {
    /// How many commands are carried out first.
    pub after: u64,
    /// What is done then.
    pub act: Act,
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SIGKILL.
    Killed,
    /// SIGTERM.
    Stopped,
}

/// What is done to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is killed and started again.
    Kill,
    /// It is told to stop and started again.
    Stop,
    /// Its disk fills up; once commands were refused for it there is room again.
    Fill(Shape),
    /// Its disk fails; once it stopped it is ended and started again on a sound one.
    Fail(Shape, End),
    /// Its disk gets this shape.
    Reshape(Shape),
    /// Its clock jumps by so many milliseconds.
    Jump(i64),
}

/// A round.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its number, from 1.
    pub round: u64,
    /// What goes wrong.
    pub fault: Fault,
    /// How many clients send.
    pub clients: usize,
    /// What is done, in order.
    pub blows: Vec<Blow>,
    /// How the server begins.
    pub begin: Faults,
    /// How its last server ends.
    pub end: End,
    /// What clients draw from.
    pub chance: Chance,
}

impl Plan {
    /// The plan of a round in which one of `faults` strikes; `clients` as given, else by chance.
    pub fn of(seed: u64, round: u64, faults: &[Fault], clients: Option<usize>) -> Self {
        let whole = Chance::of(seed).part(round);
        let mut chance = whole.part(0);
        let fault = if faults.is_empty() { Fault::None } else { *chance.pick(faults) };
        let by_chance = chance.index(8) + 2;
        let blows = blows(fault, &mut chance);
        let slow = Shape { write_ms: chance.below(4), sync_ms: chance.between(3, 40), ..Shape::default() };
        let disk = if fault == Fault::SlowDisk { slow } else { Shape::default() };
        let begin = Faults { clock_ms: 0, disk };
        let end = end(&mut chance);
        let clients = clients.unwrap_or(by_chance);
        Self { round, fault, clients, blows, begin, end, chance: whole.part(1) }
    }
}

fn blows(fault: Fault, chance: &mut Chance) -> Vec<Blow> {
    let times = match fault {
        Fault::KillUnderLoad => chance.between(9, 14),
        Fault::EioOnWrite | Fault::EioOnSync | Fault::DiskFull => chance.between(2, 3),
        Fault::CleanStop | Fault::SlowDisk | Fault::ClockForward | Fault::ClockBackward => {
            chance.between(3, 5)
        }
        Fault::None => 1,
    };
    let mut blows = Vec::new();
    for time in 0..times {
        blows.push(Blow { after: chance.between(5, 120), act: act(fault, time, chance) });
        // A clock that is set back right after the disk was full: what rested must not rest for days.
        if fault == Fault::DiskFull && chance.percent(40) {
            blows.push(Blow { after: 0, act: Act::Jump(-jump(chance, 2 * DAY_MS)) });
        }
    }
    blows
}

fn act(fault: Fault, time: u64, chance: &mut Chance) -> Act {
    let sound = Shape::default();
    match fault {
        // So that there are timers to fire when it strikes.
        Fault::KillUnderLoad if chance.percent(25) => Act::Jump(jump(chance, 3 * DAY_MS)),
        Fault::KillUnderLoad | Fault::SlowDisk => Act::Kill,
        Fault::CleanStop => Act::Stop,
        Fault::DiskFull => Act::Fill(Shape {
            room: Some(chance.below(60_000)),
            copies_on_write: chance.percent(90),
            ..sound
        }),
        Fault::EioOnWrite => {
            let torn_bytes = if chance.percent(50) { chance.index(4_000) } else { 0 };
            Act::Fail(Shape { fails_writes: true, torn_bytes, ..sound }, end(chance))
        }
        Fault::EioOnSync => Act::Fail(Shape { fails_syncs: true, ..sound }, end(chance)),
        Fault::ClockForward if time == 1 => Act::Kill,
        Fault::ClockForward => Act::Jump(jump(chance, 30 * DAY_MS)),
        Fault::ClockBackward if time % 3 == 2 => Act::Kill,
        Fault::ClockBackward if time % 3 == 1 => Act::Jump(jump(chance, 3 * DAY_MS)),
        Fault::ClockBackward => Act::Jump(-jump(chance, 2 * DAY_MS)),
        Fault::None => Act::Reshape(sound),
    }
}

fn end(chance: &mut Chance) -> End {
    if chance.percent(50) { End::Killed } else { End::Stopped }
}

/// From a minute to `most` milliseconds, small ones as often as large ones.
fn jump(chance: &mut Chance, most: u64) -> i64 {
    let most = *chance.pick(&[10 * MINUTE_MS, 6 * 60 * MINUTE_MS, most]);
    i64::try_from(chance.between(MINUTE_MS, most)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_follows_from_seed_and_number_alone() {
        let plan = |seed, round| format!("{:?}", Plan::of(seed, round, Fault::value_variants(), None));
        assert_eq!(plan(7, 3), plan(7, 3));
        assert_ne!(plan(7, 3), plan(7, 4));
        assert_ne!(plan(7, 3), plan(8, 3));
    }

    #[test]
    fn every_fault_strikes_among_some_rounds() {
        let struck = |round| Plan::of(1, round, Fault::value_variants(), None).fault;
        let mut found: Vec<_> = (1..200).map(struck).collect();
        found.sort();
        found.dedup();
        assert_eq!(found, Fault::value_variants());
    }

    #[test]
    fn rounds_of_kills_kill_about_nine_times() {
        let blows = |round| Plan::of(1, round, &[Fault::KillUnderLoad], None).blows;
        let kills = (1..=100).flat_map(blows).filter(|blow| blow.act == Act::Kill).count();
        assert!((800..1_000).contains(&kills), "{kills}");
    }

    #[test]
    fn clocks_that_run_backward_jump_both_ways() {
        let plans = (1..=40).map(|round| Plan::of(1, round, &[Fault::ClockBackward], None));
        let jumps: Vec<i64> = plans
            .flat_map(|plan| plan.blows)
            .filter_map(|blow| if let Act::Jump(by) = blow.act { Some(by) } else { None })
            .collect();
        assert!(jumps.iter().any(|by| *by < 0) && jumps.iter().any(|by| *by > 0));
        assert!(jumps.iter().all(|by| by.unsigned_abs() >= MINUTE_MS));
    }
}
