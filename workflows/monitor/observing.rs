//! Owns what other flows tell monitors with, and what they tell.
//!
//! A flow tells where its definition says so (`observed`): a definition written before there were
//! monitors does not, and its cases do what they did. What is told is one send each, delivered after the
//! commit: no command waits for it.

use serde_json::json;

use super::event::{Seen, Watched};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Cx;
use crate::workflows::row::object;

/// The flow of monitors.
pub const MONITOR: &str = "monitor";
/// The state of a customer's monitor that waits for no word of a contact: it looks for contacts itself.
pub const WATCHING: &str = "watching";

/// Tells the monitor of `watched` what was seen `at`; the first word about it starts the monitor.
pub fn observe<P>(watched: &Watched, seen: &Seen, at: Instant, cx: &mut Cx<'_, P>) {
    let payload = json!({ "watched": watched, "seen": seen, "at": at });
    cx.tell((MONITOR, &watched.key()), "observe", object(payload));
}

/// The name of the monitor of `watched`.
pub fn monitor_of(watched: &Watched) -> InstanceId {
    InstanceId::keyed(MONITOR, &watched.key())
}
