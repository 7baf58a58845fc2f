//! The laws of what comes due: timers fire once and never early, sends arrive once, and none is left.

use std::collections::HashSet;

use super::{Evidence, Findings};
use crate::cli::torture::truth::Version;
use crate::kernel::entry::Cause;
use crate::kernel::id::InstanceId;

/// The entry of a step that failed: what it was for is tried again.
const STEP_FAILED: &str = "step_failed";

/// Checks the laws of timers and sends.
pub fn check(evidence: &Evidence<'_>, found: &mut Findings) {
    let mut arrived = HashSet::new();
    for (id, versions) in &evidence.truth.instances {
        for (place, version) in versions.iter().enumerate() {
            let before = place.checked_sub(1).and_then(|place| versions.get(place));
            fired(id, before, version, found);
            if let Some(Cause::Send { from, number }) = &version.cause
                && version.event != STEP_FAILED
                && !arrived.insert((from, *number))
            {
                let seen = format!("send {number} of `{from}` arrived again, at sequence {}", version.seq);
                found.add("sends_once", Some(id), seen, "once".into());
            }
        }
        if let Some(last) = versions.last() {
            left(evidence, id, last, found);
        }
    }
}

fn fired(id: &InstanceId, before: Option<&Version>, version: &Version, found: &mut Findings) {
    const LAW: &str = "timers_once";
    let Some(Cause::Timer { timer, generation, due }) = &version.cause else { return };
    found.checked.timers += 1;
    let armed = before.and_then(|before| before.timers.get(timer));
    if !armed.is_some_and(|armed| armed.generation == *generation && armed.due == *due) {
        let seen = format!("`{timer}` fired as arming {generation}, due {due}, at sequence {}", version.seq);
        found.add(LAW, Some(id), seen, format!("as it was armed: {armed:?}"));
    }
    if version.recorded_at < *due {
        let seen = format!("`{timer}` fired at {}, sequence {}", version.recorded_at, version.seq);
        found.add(LAW, Some(id), seen, format!("not before its due, {due}"));
    }
}

/// With time enough nothing that was due is left; what failed waits for another try.
fn left(evidence: &Evidence<'_>, id: &InstanceId, last: &Version, found: &mut Findings) {
    let Some(rest) = evidence.rest.filter(|_| !last.workflow.starts_with('$')) else { return };
    for (name, timer) in last.timers.iter().filter(|(_, timer)| timer.due <= rest && timer.failures == 0) {
        let seen = format!("`{name}` still waits, due {}, with the clock at {rest}", timer.due);
        found.add("timers_once", Some(id), seen, "it fired or lapsed".into());
    }
    if !last.sends.is_empty() {
        let seen = format!("sends {:?} still wait", last.sends);
        found.add("sends_once", Some(id), seen, "they arrived or were refused".into());
    }
}
