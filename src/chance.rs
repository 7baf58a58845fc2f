//! Owns chance that can be repeated: draws that depend on nothing but a seed (splitmix64).
//!
//! The demo, `torture` and the tests draw from here; secrets come from [`crate::random`].

/// Draws of one seed.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The draws of `seed`.
    pub const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws for one part of what `self` decides, which stay the same however many others are drawn.
    #[must_use]
    pub fn part(&self, number: u64) -> Self {
        let mut mixed = Self(self.0 ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        Self(mixed.draw())
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }

    /// A number from `first` to `last`.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last.saturating_sub(first).saturating_add(1))
    }

    /// A place in something of `length`; 0 where it is empty.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// One of `all`, which is not empty.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.index(all.len())]
    }

    /// True once in `times` draws.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_splitmix64() {
        let mut chance = Chance::of(1_234_567);
        // The first values of the reference implementation for this seed.
        assert_eq!(chance.draw(), 6_457_827_717_110_365_317);
        assert_eq!(chance.draw(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_part_does_not_depend_on_what_was_drawn_of_another() {
        let whole = Chance::of(7);
        let mut first = whole.part(1);
        first.draw();
        assert_eq!(whole.part(2).draw(), Chance::of(7).part(2).draw());
        assert_ne!(whole.part(1).draw(), whole.part(2).draw());
    }

    #[test]
    fn draws_keep_within_what_was_asked() {
        let mut chance = Chance::of(3);
        for _ in 0..200 {
            assert!(chance.below(5) < 5);
            assert!((4..=6).contains(&chance.between(4, 6)));
            assert!(chance.index(3) < 3);
        }
        assert_eq!((chance.below(0), chance.index(0), chance.between(9, 9)), (0, 0, 9));
        assert!(chance.percent(100) && !chance.percent(0) && chance.one_in(1));
    }
}
