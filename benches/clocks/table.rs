//! How rows are measured and printed: each beside a limit of the same run.

use std::time::Instant as Watch;

/// Rounds of which the median counts.
pub const ROUNDS: usize = 200;
/// Calls in each round.
pub const CALLS: u32 = 1_000;

/// Median nanoseconds of one call.
pub fn median(mut call: impl FnMut(u32)) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let watch = Watch::now();
            (0..CALLS).for_each(&mut call);
            watch.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// Prints one row in nanoseconds.
pub fn row(name: &str, nanos: f64, limit: &str, limit_nanos: f64) {
    println!("| {name} | {nanos:.0} ns | {limit}: {limit_nanos:.0} ns | {:.1} |", nanos / limit_nanos);
}

/// Prints one row in milliseconds.
pub fn row_ms(name: &str, millis: f64, limit: &str, limit_millis: f64) {
    println!("| {name} | {millis:.1} ms | {limit}: {limit_millis:.1} ms | {:.1} |", millis / limit_millis);
}
