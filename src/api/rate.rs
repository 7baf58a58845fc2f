//! Owns the rate limit: one token bucket for each caller.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Seconds' worth of requests that a caller may send at once.
const BURST_SECONDS: u32 = 2;
/// Callers remembered; beyond it those who rest are forgotten, which costs nobody anything.
const CALLERS_MAX: usize = 10_000;

/// The buckets of all callers.
pub struct Rates {
    per_second: f64,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    left: f64,
    seen: Instant,
}

impl Rates {
    /// Buckets that fill by `per_second`.
    pub fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second.max(1)), buckets: Mutex::default() }
    }

    /// Takes one request of `caller` at `now`.
    ///
    /// # Errors
    /// The time after which the next one fits, where the bucket is empty.
    pub fn take(&self, caller: &str, now: Instant) -> Result<(), Duration> {
        let full = self.per_second * f64::from(BURST_SECONDS);
        // A panic while the lock is held cannot leave a bucket half written.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CALLERS_MAX && !buckets.contains_key(caller) {
            let rest = Duration::from_secs(u64::from(BURST_SECONDS));
            buckets.retain(|_, bucket| now.saturating_duration_since(bucket.seen) < rest);
        }
        if !buckets.contains_key(caller) {
            buckets.insert(caller.to_owned(), Bucket { left: full, seen: now });
        }
        let bucket = buckets.get_mut(caller).expect("it was inserted above");
        let filled = now.saturating_duration_since(bucket.seen).as_secs_f64() * self.per_second;
        bucket.left = (bucket.left + filled).min(full);
        bucket.seen = now;
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / self.per_second));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_the_rate() {
        let (rates, start) = (Rates::new(10), Instant::now());
        for _ in 0..20 {
            assert_eq!(rates.take("a", start), Ok(()));
        }
        assert_eq!(rates.take("a", start), Err(Duration::from_millis(100)));
        assert_eq!(rates.take("a", start + Duration::from_millis(100)), Ok(()));
        assert!(rates.take("a", start + Duration::from_millis(100)).is_err());
    }

    #[test]
    fn one_caller_does_not_use_up_another() {
        let (rates, start) = (Rates::new(1), Instant::now());
        while rates.take("a", start).is_ok() {}
        assert_eq!(rates.take("b", start), Ok(()));
    }

    #[test]
    fn callers_at_rest_are_forgotten() {
        let (rates, start) = (Rates::new(1), Instant::now());
        for n in 0..CALLERS_MAX {
            assert_eq!(rates.take(&n.to_string(), start), Ok(()));
        }
        assert_eq!(rates.take("late", start + Duration::from_secs(3)), Ok(()));
        assert_eq!(rates.buckets.lock().unwrap().len(), 1);
    }
}
