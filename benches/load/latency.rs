//! Owns how times spread: every sample is kept, so a percentile is a sample and no bucket's edge.
//!
//! # Why
//! A run has some 100,000 samples of eight bytes: sorting them is exact, takes milliseconds and
//! needs no dependency; a histogram with buckets pays where samples cannot be kept.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// Samples, sorted when they are complete.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<u64>);

impl Latencies {
    /// Of samples in microseconds.
    pub fn of(mut micros: Vec<u64>) -> Self {
        micros.sort_unstable();
        Self(micros)
    }

    /// Of durations.
    pub fn durations(samples: impl IntoIterator<Item = Duration>) -> Self {
        Self::of(samples.into_iter().map(micros).collect())
    }

    /// The sample that `percent` of all do not exceed, in milliseconds; 0 where there is none.
    pub fn percentile(&self, percent: f64) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is in range")]
        let rank = (self.0.len() as f64 * percent / 100.0).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1] as f64 / 1_000.0
    }

    /// The mean, in milliseconds; 0 where there is none.
    pub fn mean(&self) -> f64 {
        let sum: u64 = self.0.iter().sum();
        if self.0.is_empty() { 0.0 } else { sum as f64 / self.0.len() as f64 / 1_000.0 }
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Number of samples, mean and percentiles in milliseconds.
    pub fn json(&self) -> Value {
        let named = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p999", 99.9), ("max", 100.0)];
        let mut told: Map<String, Value> = named
            .iter()
            .map(|(name, percent)| ((*name).to_owned(), json!(self.percentile(*percent))))
            .collect();
        told.insert("samples".into(), json!(self.len()));
        told.insert("mean".into(), json!(self.mean()));
        Value::Object(told)
    }
}

/// A duration in whole microseconds.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
