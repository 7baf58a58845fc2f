//! Owns whether the journal's disk takes another group: what refusals and successes said of it last.
//!
//! # Why
//! A server that is told unready gets no commands, and without commands nothing
//! shows that there is room again. So a refusal counts for a while only, as long
//! as the file system itself says that there is room; one that does not say is
//! believed once a group went through.

use std::sync::atomic::{AtomicI64, Ordering};

use super::Readiness;
use crate::kernel::instant::Instant;

/// With so much free, a next group fits: a whole segment with what is filled ahead.
const ROOM_BYTES: u64 = 80 * 1024 * 1024;
/// How long a refusal counts where the file system has room all the same, as with a quota.
const REFUSAL_MS: u64 = 10_000;
/// No refusal.
const NEVER: i64 = i64::MIN;

/// When the disk refused last, unless it took a group since.
#[derive(Debug)]
pub struct Disk {
    refused: AtomicI64,
}

impl Default for Disk {
    fn default() -> Self {
        Self { refused: AtomicI64::new(NEVER) }
    }
}

impl Disk {
    /// It refused a group at `now`.
    pub fn is_full(&self, now: Instant) {
        self.refused.store(now.millis(), Ordering::Relaxed);
    }

    /// It took a group.
    pub fn has_room(&self) {
        self.refused.store(NEVER, Ordering::Relaxed);
    }

    /// Whether another group would be taken; `free` asks for the bytes that are left.
    pub fn readiness(&self, now: Instant, free: impl FnOnce() -> Option<u64>) -> Readiness {
        let refused = self.refused.load(Ordering::Relaxed);
        if refused == NEVER {
            return Readiness::Ready;
        }
        let free = free();
        // Either way: a clock that was set back does not make a refusal count for days.
        let old = now.millis().abs_diff(refused) > REFUSAL_MS;
        if old && free.is_some_and(|free| free >= ROOM_BYTES) {
            Readiness::Ready
        } else {
            Readiness::DiskFull { free }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_full_disk_is_told_until_it_has_room_again() {
        let disk = Disk::default();
        assert_eq!(disk.readiness(at(0), || Some(0)), Readiness::Ready, "nobody was refused yet");
        disk.is_full(at(0));
        let full = |free| Readiness::DiskFull { free };
        assert_eq!(disk.readiness(at(1_000), || Some(ROOM_BYTES)), full(Some(ROOM_BYTES)));
        assert_eq!(disk.readiness(at(60_000), || Some(ROOM_BYTES - 1)), full(Some(ROOM_BYTES - 1)));
        assert_eq!(disk.readiness(at(60_000), || None), full(None));
        assert_eq!(disk.readiness(at(60_000), || Some(ROOM_BYTES)), Readiness::Ready);
        disk.has_room();
        assert_eq!(disk.readiness(at(1_000), || None), Readiness::Ready);
    }
    #[test]
    fn a_refusal_does_not_count_for_longer_where_the_clock_was_set_back() {
        let disk = Disk::default();
        disk.is_full(at(100_000));
        assert_eq!(disk.readiness(at(20_000), || Some(ROOM_BYTES)), Readiness::Ready);
    }
}
