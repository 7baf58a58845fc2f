//! Owns the randomness of tests: all of it from a seed that a failure prints and that replays alone.

/// Draws that depend on nothing but the seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The draws of `seed`.
    pub const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is above 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }

    /// A place in something of `length`, which is above 0.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("below a usize")
    }

    /// True once in `times` draws.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// How much more than usual the heavy tests do: `CAREFLOW_TEST_SCALE`, 1 where it is not set.
///
/// # Panics
/// Where the variable is no number.
pub fn scale() -> u64 {
    let set = std::env::var("CAREFLOW_TEST_SCALE").ok();
    set.map_or(1, |text| text.parse().expect("CAREFLOW_TEST_SCALE is a whole number"))
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
