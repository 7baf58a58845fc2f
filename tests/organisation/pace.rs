//! Owns when somebody next looks at an instance, by where it stands.

use careflow::kernel::instance::Instance;
use careflow::kernel::instant::Instant;
use serde_json::Value;

use super::year::Organisation;

const MINUTE_MS: i64 = 60_000;
const HOUR: u64 = 60;
const DAY: u64 = 24 * HOUR;

/// From, to in minutes, and how often in a hundred.
type Range = (u64, u64, u64);

impl Organisation {
    /// When somebody next looks at `instance`; none where nobody does.
    pub fn looks_at(&mut self, instance: &Instance) -> Option<Instant> {
        if let Some(at) = self.by_timetable(instance) {
            return Some(at);
        }
        let (from, to, percent) = range(&instance.workflow, &instance.state);
        let now = self.now();
        let chance = &mut self.chance;
        if !chance.percent(percent) {
            return None;
        }
        // Sooner more often than later.
        let spread = to - from;
        let drawn = chance.below(spread + 1) * chance.below(spread + 1) / spread.max(1);
        let at = now.plus_millis(minutes(from + drawn) + i64::try_from(chance.below(60_000)).unwrap());
        if to <= HOUR || self.calendar.is_open(at) || chance.percent(25) {
            return Some(at);
        }
        Some(self.calendar.next_open(at).plus_millis(minutes(chance.below(3 * HOUR))))
    }

    /// A class and those in it are where they should be when it begins and ends, but for some.
    fn by_timetable(&mut self, instance: &Instance) -> Option<Instant> {
        let (from, spread) = match (instance.workflow.as_str(), instance.state.as_str()) {
            ("training_session", "preparing.notified" | "delivering.between") => (0, 40),
            ("training_session", "delivering.in_session") => (0, 30),
            ("training_enrollment", "notified") if self.chance.percent(40) => return None,
            ("training_enrollment", "notified" | "confirmed" | "leave_pending" | "attending") => (-12, 30),
            _ => return None,
        };
        let class = self.class_of(&instance.data);
        let sittings = class.as_deref().unwrap_or(instance).data["sittings"].as_array()?;
        let is_at_end = instance.state == "delivering.in_session";
        let moment = |sitting: &Value| {
            let text = sitting[if is_at_end { "end" } else { "start" }].as_str()?;
            Instant::parse(text).ok()
        };
        let now = self.now();
        let begins = sittings.iter().filter_map(moment).find(|at| *at > now.plus_millis(from * MINUTE_MS))?;
        let later = i64::try_from(self.chance.below(spread)).unwrap();
        let at = begins.plus_millis((from + later) * MINUTE_MS + 1);
        (self.chance.percent(85) && at > now).then_some(at)
    }
}

fn minutes(count: u64) -> i64 {
    i64::try_from(count).unwrap() * MINUTE_MS
}

fn range(workflow: &str, state: &str) -> Range {
    let leaf = state.rsplit('.').next().unwrap_or(state);
    if let Some(range) = of_training(workflow, leaf) {
        return range;
    }
    match (workflow, leaf) {
        ("consultation", "received") => (5, 6 * HOUR, 100),
        ("consultation", "with_department") => (2 * HOUR, 3 * DAY, 100),
        ("consultation", "waiting_customer") => (3 * HOUR, 11 * DAY, 100),
        ("consultation", "answered") => (HOUR, 7 * DAY, 100),
        ("complaint", "registered") => (5, 3 * HOUR, 100),
        ("complaint", "waiting_customer" | "suspended") => (3 * HOUR, 12 * DAY, 100),
        ("complaint", "executing" | "review") => (2 * HOUR, 4 * DAY, 100),
        ("consultation" | "complaint", _) if state.starts_with("settled.") => (DAY, 14 * DAY, 70),
        ("consultation" | "complaint", _) if state.starts_with("closed.") => (DAY, 20 * DAY, 12),
        ("consultation" | "complaint", _) => (15, DAY, 100),
        ("callback", "planned") => (6 * HOUR, 3 * DAY, 60),
        ("callback", "queued") => (10, 2 * DAY, 100),
        ("callback", "contacting") => (1, 9, 95),
        ("callback", "connected") => (1, 25, 95),
        ("callback", "retry_wait" | "appointed") => (HOUR, 8 * HOUR, 50),
        ("callback", "fallback") => (3 * HOUR, 5 * DAY, 100),
        ("callback", "reviewing") => (2 * HOUR, 3 * DAY, 100),
        ("callback", _) => (DAY, 6 * DAY, 8),
        ("report", "pending" | "frozen") => (HOUR, 12 * DAY, 100),
        ("monitor", "watching" | "dormant") => (20 * DAY, 200 * DAY, 40),
        _ => (DAY, 10 * DAY, 0),
    }
}

fn of_training(workflow: &str, leaf: &str) -> Option<Range> {
    Some(match (workflow, leaf) {
        ("training_plan", "draft" | "pending_approval") => (6 * HOUR, 4 * DAY, 100),
        ("training_plan", "active") => (15 * DAY, 60 * DAY, 100),
        ("training_session", "scheduled") => (30, DAY, 100),
        ("training_session", "assessing" | "retaking") => (4 * HOUR, 4 * DAY, 100),
        ("training_session", "postponed") => (DAY, 40 * DAY, 100),
        ("training_session", "archived" | "cancelled") => (DAY, DAY, 0),
        ("training_session", _) => (2 * HOUR, 5 * DAY, 100),
        ("training_enrollment", "nominated") => (HOUR, 2 * DAY, 10),
        ("training_enrollment", "attending") => (20, 3 * HOUR, 100),
        ("training_enrollment", "absent" | "failed_last" | "failed") => (3 * HOUR, 6 * DAY, 100),
        ("training_enrollment", "passed" | "attended_only") => (HOUR, 3 * DAY, 60),
        ("training_enrollment", "failed_final" | "absent_unexcused") => (HOUR, 3 * DAY, 20),
        ("training_enrollment", "excused" | "declined" | "withdrawn") => (HOUR, DAY, 2),
        ("training_enrollment", _) => (HOUR, 2 * DAY, 100),
        ("consequence", "recorded" | "none") => (DAY, DAY, 0),
        ("consequence", "proposing") => (6 * HOUR, 45 * DAY, 100),
        ("consequence", _) => (6 * HOUR, 8 * DAY, 100),
        ("certificate", "valid" | "expiring" | "expired") => (60 * DAY, 300 * DAY, 30),
        ("effect_review", "l3_pending" | "l4_pending") => (12 * DAY, 50 * DAY, 100),
        _ => return None,
    })
}
