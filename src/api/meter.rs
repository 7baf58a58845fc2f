//! Owns the counters of the HTTP side: how many answers of each class, how long they took.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the latency histogram in milliseconds: a commit takes about one sync.
const BOUNDS_MS: [u64; 9] = [1, 2, 5, 10, 25, 50, 100, 500, 2_000];

/// Counters of answers.
#[derive(Default)]
pub struct Meter {
    /// Answers by first digit of the status, 1 to 5.
    classes: [AtomicU64; 5],
    buckets: [AtomicU64; BOUNDS_MS.len()],
    micros: AtomicU64,
    count: AtomicU64,
}

impl Meter {
    /// Counts one answer.
    pub fn count(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.classes[class].fetch_add(1, Ordering::Relaxed);
        let millis = took.as_secs_f64() * 1e3;
        for (bound, bucket) in BOUNDS_MS.iter().zip(&self.buckets) {
            if millis <= *bound as f64 {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters in Prometheus text form.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "# HELP careflow_http_answers_total Answers by class of status.\n\
             # TYPE careflow_http_answers_total counter\n",
        );
        let line = "writing to a string cannot fail";
        for (class, count) in self.classes.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            writeln!(text, "careflow_http_answers_total{{class=\"{}xx\"}} {count}", class + 1).expect(line);
        }
        text.push_str(
            "# HELP careflow_http_answer_seconds Time from the head of a request to its answer.\n\
             # TYPE careflow_http_answer_seconds histogram\n",
        );
        for (bound, bucket) in BOUNDS_MS.iter().zip(&self.buckets) {
            let (bound, count) = (*bound as f64 / 1e3, bucket.load(Ordering::Relaxed));
            writeln!(text, "careflow_http_answer_seconds_bucket{{le=\"{bound}\"}} {count}").expect(line);
        }
        let count = self.count.load(Ordering::Relaxed);
        let sum = self.micros.load(Ordering::Relaxed) as f64 / 1e6;
        writeln!(text, "careflow_http_answer_seconds_bucket{{le=\"+Inf\"}} {count}").expect(line);
        writeln!(text, "careflow_http_answer_seconds_sum {sum}").expect(line);
        writeln!(text, "careflow_http_answer_seconds_count {count}").expect(line);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_class_and_time() {
        let meter = Meter::default();
        meter.count(200, Duration::from_millis(3));
        meter.count(409, Duration::from_secs(3));
        let text = meter.text();
        assert!(text.contains("careflow_http_answers_total{class=\"2xx\"} 1\n"), "{text}");
        assert!(text.contains("careflow_http_answers_total{class=\"4xx\"} 1\n"), "{text}");
        assert!(text.contains("careflow_http_answer_seconds_bucket{le=\"0.002\"} 0\n"), "{text}");
        assert!(text.contains("careflow_http_answer_seconds_bucket{le=\"0.005\"} 1\n"), "{text}");
        assert!(text.contains("careflow_http_answer_seconds_bucket{le=\"+Inf\"} 2\n"), "{text}");
        assert!(text.contains("careflow_http_answer_seconds_sum 3.003\n"), "{text}");
    }
}
