//! Owns the time source: the one place where the system's clock is read.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;

use crate::kernel::instant::Instant;

/// Longest single sleep: a wall clock that is set while we sleep is noticed this soon.
const SLEEP_MS_MAX: u64 = 1_000;

/// Tells the time and waits for it.
pub trait TimeSource: Send + Sync {
    /// The moment now.
    fn now(&self) -> Instant;

    /// Completes when [`TimeSource::now`] has reached `at`, or earlier; callers check.
    fn sleep_until(&self, at: Instant) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The machine's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallTime;

impl TimeSource for WallTime {
    #[expect(clippy::disallowed_methods, reason = "the one place where the system's clock is read")]
    fn now(&self) -> Instant {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Instant::from_millis(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    fn sleep_until(&self, at: Instant) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let wait = u64::try_from(at.since(self.now())).unwrap_or(0).min(SLEEP_MS_MAX);
        Box::pin(tokio::time::sleep(Duration::from_millis(wait)))
    }
}

/// A clock that stands still until it is moved: tests, imports and the demo.
#[derive(Debug)]
pub struct ManualTime(watch::Sender<Instant>);

impl ManualTime {
    /// A clock standing at `at`.
    pub fn at(at: Instant) -> Self {
        Self(watch::Sender::new(at))
    }

    /// Moves the clock to `at`, forwards or backwards.
    pub fn set(&self, at: Instant) {
        self.0.send_replace(at);
    }
}

impl TimeSource for ManualTime {
    fn now(&self) -> Instant {
        *self.0.borrow()
    }

    fn sleep_until(&self, at: Instant) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut moved = self.0.subscribe();
        Box::pin(async move {
            // The sender lives in `self`, so waiting ends only when the clock was moved far enough.
            let _reached = moved.wait_for(|now| *now >= at).await;
        })
    }
}
