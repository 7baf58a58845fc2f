//! Owns the randomness of tests: all of it from a seed that a failure prints and that replays alone.

pub use crate::chance::Chance as Dice;

/// How much more than usual the heavy tests do: `CAREFLOW_TEST_SCALE`, 1 where it is not set.
///
/// # Panics
/// Where the variable is no number.
pub fn scale() -> u64 {
    let set = std::env::var("CAREFLOW_TEST_SCALE").ok();
    set.map_or(1, |text| text.parse().expect("CAREFLOW_TEST_SCALE is a whole number"))
}

/// So many cases of a law, times the scale.
pub fn cases(usual: u32) -> u32 {
    usual * u32::try_from(scale()).expect("a scale of at most some thousands")
}

/// Runs `check` with each seed from 0 on, `usual` times the scale of them, or with the one that the
/// environment variable `variable` names; says which seed failed.
///
/// # Panics
/// As `check` does.
pub fn each_seed(variable: &str, usual: u64, check: impl Fn(u64) + std::panic::RefUnwindSafe) {
    if let Ok(seed) = std::env::var(variable) {
        return check(seed.parse().expect("a seed is a whole number"));
    }
    for seed in 0..usual * scale() {
        if let Err(panic) = std::panic::catch_unwind(|| check(seed)) {
            eprintln!("seed {seed} failed; {variable}={seed} replays it alone");
            std::panic::resume_unwind(panic);
        }
    }
}
