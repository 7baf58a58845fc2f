//! Owns the histogram: fixed bounds, two atomic additions a value, no lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the values of a histogram are, and where its buckets end.
#[derive(Debug)]
pub struct Scale {
    /// Upper bounds of the buckets, in the unit that values are counted in, rising.
    pub bounds: &'static [u64],
    /// How many of that unit make one of the unit that is told.
    pub per_unit: f64,
}

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000 * MICRO;
const SECOND: u64 = 1_000 * MILLI;

/// Nanoseconds, told as seconds: a step takes tens of microseconds, a sync one millisecond or twenty.
pub const SECONDS: Scale = Scale {
    bounds: &[
        10 * MICRO,
        25 * MICRO,
        50 * MICRO,
        100 * MICRO,
        250 * MICRO,
        500 * MICRO,
        MILLI,
        2_500 * MICRO,
        5 * MILLI,
        10 * MILLI,
        25 * MILLI,
        50 * MILLI,
        100 * MILLI,
        250 * MILLI,
        SECOND,
        5 * SECOND,
    ],
    per_unit: 1e9,
};

/// Nanoseconds, told as seconds: a request waits for a sync at least, the feed for half a minute at most.
pub const HTTP_SECONDS: Scale = Scale {
    bounds: &[
        500 * MICRO,
        MILLI,
        2_500 * MICRO,
        5 * MILLI,
        10 * MILLI,
        25 * MILLI,
        50 * MILLI,
        100 * MILLI,
        250 * MILLI,
        SECOND,
        5 * SECOND,
        30 * SECOND,
    ],
    per_unit: 1e9,
};

/// Commits of a group, up to the most it may have.
pub const COMMITS: Scale = Scale { bounds: &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024], per_unit: 1.0 };

/// Bytes of a group.
pub const BYTES: Scale = Scale {
    bounds: &[1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24],
    per_unit: 1.0,
};

/// How often values fell between which bounds, and their sum.
#[derive(Debug)]
pub struct Histogram {
    scale: &'static Scale,
    /// One for each bound, and one for what is over the last.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram as it was at one moment, nearly: values may arrive while it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Each bound in the told unit with the number of values at or below it.
    pub below: Vec<(f64, u64)>,
    /// How many values there were.
    pub count: u64,
    /// Their sum in the told unit.
    pub sum: f64,
}

impl Histogram {
    /// An empty one.
    pub fn new(scale: &'static Scale) -> Self {
        let buckets = (0..=scale.bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { scale, buckets, sum: AtomicU64::new(0) }
    }

    /// Counts `value`, in the unit of the bounds.
    pub fn add(&self, value: u64) {
        let bucket = self.scale.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Counts a time, where bounds are nanoseconds.
    pub fn time(&self, time: Duration) {
        self.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// The sum of all values, in the unit of the bounds.
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }

    /// What was counted.
    pub fn seen(&self) -> Seen {
        let mut count = 0;
        let mut below = Vec::with_capacity(self.scale.bounds.len());
        for (bound, bucket) in self.scale.bounds.iter().zip(&self.buckets) {
            count += bucket.load(Ordering::Relaxed);
            below.push((*bound as f64 / self.scale.per_unit, count));
        }
        count += self.buckets[self.scale.bounds.len()].load(Ordering::Relaxed);
        Seen { below, count, sum: self.sum() as f64 / self.scale.per_unit }
    }
}

impl Seen {
    /// The value at or below which the share `part` (0 to 1) of all values lie, as if those of a bucket lay
    /// evenly in it; the last bound where it lies above; none without values.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let wanted = part * self.count as f64;
        let mut before = (0.0, 0);
        for (bound, count) in self.below.iter().copied().filter(|_| self.count > 0) {
            if count as f64 >= wanted && count > before.1 {
                let within = (wanted - before.1 as f64) / (count - before.1) as f64;
                return Some(before.0 + (bound - before.0) * within.max(0.0));
            }
            before = (bound, count);
        }
        self.below.last().filter(|_| self.count > 0).map(|(bound, _)| *bound)
    }

    /// The mean of all values; none without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_at_its_bound_and_above_and_over_the_last_only_in_all() {
        let histogram = Histogram::new(&COMMITS);
        [1, 2, 3, 4, 1_024, 1_025].into_iter().for_each(|value| histogram.add(value));
        let seen = histogram.seen();
        assert_eq!(seen.below[..4], [(1.0, 1), (2.0, 2), (4.0, 4), (8.0, 4)]);
        assert_eq!((seen.below.last(), seen.count, seen.sum), (Some(&(1024.0, 5)), 6, 2059.0));
    }

    #[test]
    fn a_time_is_told_in_seconds() {
        let histogram = Histogram::new(&SECONDS);
        histogram.time(Duration::from_micros(1_500));
        let seen = histogram.seen();
        assert_eq!(seen.sum, 0.0015);
        assert!(seen.below.contains(&(0.001, 0)) && seen.below.contains(&(0.0025, 1)), "{seen:?}");
    }

    #[test]
    fn a_share_of_values_lies_within_its_bucket() {
        let histogram = Histogram::new(&COMMITS);
        assert_eq!((histogram.seen().quantile(0.5), histogram.seen().mean()), (None, None));
        (0..10).for_each(|_| histogram.add(3));
        let seen = histogram.seen();
        assert_eq!((seen.quantile(0.5), seen.quantile(1.0)), (Some(3.0), Some(4.0)));
        assert_eq!((seen.quantile(0.0), seen.mean()), (Some(2.0), Some(3.0)));
        (0..90).for_each(|_| histogram.add(9_999));
        assert_eq!(histogram.seen().quantile(0.5), Some(1_024.0), "above the last bound nothing is known");
    }

    #[test]
    fn bounds_rise() {
        for scale in [&SECONDS, &HTTP_SECONDS, &COMMITS, &BYTES] {
            assert!(scale.bounds.is_sorted_by(|a, b| a < b), "{scale:?}");
        }
    }
}
