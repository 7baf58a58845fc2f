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

/// The machine's wall clock, moved by as much as it is told: a clock that is set while a server runs.
#[derive(Debug, Default)]
pub struct ShiftedTime(watch::Sender<i64>);

impl ShiftedTime {
    /// The wall clock, moved by `by_ms` milliseconds.
    pub fn by(by_ms: i64) -> Self {
        Self(watch::Sender::new(by_ms))
    }

    /// Moves it by `by_ms` milliseconds from the wall clock on, forwards or backwards.
    pub fn set(&self, by_ms: i64) {
        self.0.send_replace(by_ms);
    }
}

impl TimeSource for ShiftedTime {
    fn now(&self) -> Instant {
        WallTime.now().plus_millis(*self.0.borrow())
    }

    fn sleep_until(&self, at: Instant) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut moved = self.0.subscribe();
        let by_wall = at.plus_millis(-*moved.borrow_and_update());
        Box::pin(async move {
            tokio::select! {
                () = WallTime.sleep_until(by_wall) => {}
                _ = moved.changed() => {}
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_shifted_clock_is_ahead_by_as_much_as_it_was_told() {
        const HOUR_MS: i64 = 3_600_000;
        let time = ShiftedTime::by(HOUR_MS);
        assert!(time.now().since(WallTime.now()) > HOUR_MS / 2);
        time.set(-HOUR_MS);
        assert!(time.now().since(WallTime.now()) < -HOUR_MS / 2);
    }

    #[tokio::test]
    async fn who_waits_for_a_shifted_clock_is_woken_when_it_is_moved() {
        let time = ShiftedTime::by(0);
        let mut asleep = time.sleep_until(time.now().plus_millis(600_000));
        assert!(!is_over(&mut asleep).await);
        time.set(600_000);
        assert!(is_over(&mut asleep).await);
    }

    async fn is_over(wait: &mut Pin<Box<dyn Future<Output = ()> + Send + '_>>) -> bool {
        tokio::select! {
            biased;
            () = wait => true,
            () = std::future::ready(()) => false,
        }
    }
}
