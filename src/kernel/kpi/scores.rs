//! Owns what an instance keeps of customers' scores (K09), of what became of low ones (K16), and of the
//! transfers to other departments (K17).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kernel::common::Stage;
use crate::kernel::effect::Effect;
use crate::kernel::entry::Entry;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::step::stage_of;

/// This score and those below are low (S0-18).
pub const LOW: u8 = 2;
/// This score and those above are good (K09).
pub const GOOD: u8 = 4;
/// Low scores that are kept: a customer who gives as many has a supervisor's full attention.
pub const LOWS_MAX: usize = 16;
/// Transfers that are kept: three in a round, and many rounds.
pub const HANDOFFS_MAX: usize = 64;

/// Events that carry the customer's score.
const SCORING: [&str; 4] = ["answer", "confirm", "record", "satisfaction_recorded"];
/// Events that give a case to a department.
const TRANSFERS: [&str; 2] = ["dispatch", "transfer_department"];
/// Events by which the department gives it back.
const RETURNS: [&str; 2] = ["department_return", "dept_return"];
/// What a low score can lead to in another flow.
const COMPLAINT: &str = "complaint";
/// Tasks that a low score can lead to.
const ACTIONS: [&str; 2] = ["improvement_action", "management_review"];
/// Links that say that something came of a case.
const LINKS: [&str; 3] = ["caused_by", "follow_up_of", "spawned"];

/// A customer's score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// When it was given.
    pub at: Instant,
    /// 1 (worst) to 5 (best).
    pub score: u8,
}

/// A low score and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Low {
    /// When it was given.
    pub at: Instant,
    /// When something was first opened for it: the case again, a complaint, an improvement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Instant>,
    /// Whether the customer later gave a good score.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recovered: bool,
}

/// A transfer to a department.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff {
    /// When.
    pub at: Instant,
    /// Whether the department gave it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub returned: bool,
}

/// The scores of one instance, and its transfers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scores {
    /// The last score (one a case).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Score>,
    /// The first [`LOWS_MAX`] low ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lows: Vec<Low>,
    /// The first [`HANDOFFS_MAX`] transfers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub handoffs: Vec<Handoff>,
}

impl Scores {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes up `entry`, which made `after` out of `before`.
    pub(super) fn take(&mut self, before: Option<&Instance>, after: &Instance, entry: &Entry) {
        if let Some(score) = score(entry) {
            self.take_score(score, entry);
        }
        if opens(before, after, entry) {
            let waiting = self.lows.iter_mut().filter(|low| low.opened.is_none());
            waiting.for_each(|low| low.opened = Some(entry.recorded_at));
        }
        let at = entry.recorded_at;
        if TRANSFERS.contains(&entry.event.as_str()) && self.handoffs.len() < HANDOFFS_MAX {
            self.handoffs.push(Handoff { at, returned: false });
        } else if RETURNS.contains(&entry.event.as_str())
            && let Some(last) = self.handoffs.last_mut()
        {
            last.returned = true;
        }
    }

    fn take_score(&mut self, score: u8, entry: &Entry) {
        let at = entry.recorded_at;
        self.last = Some(Score { at, score });
        if score >= GOOD {
            self.lows.iter_mut().for_each(|low| low.recovered = true);
        }
        // What a callback was told is followed up by the callback, and counts there.
        let by_callback = entry.payload.contains_key("callback");
        if score <= LOW && !by_callback && self.lows.len() < LOWS_MAX {
            self.lows.push(Low { at, opened: None, recovered: false });
        }
    }
}

fn score(entry: &Entry) -> Option<u8> {
    let told = entry.payload.get("score").filter(|_| SCORING.contains(&entry.event.as_str()));
    u8::try_from(told?.as_u64()?).ok()
}

/// Whether `entry` opens something that a low score can be recovered by.
fn opens(before: Option<&Instance>, after: &Instance, entry: &Entry) -> bool {
    let Some(before) = before else { return false };
    let round = |instance: &Instance| instance.data.get("case")?.get("round")?.as_u64();
    let again = stage_of(&before.state) == Stage::Settled && stage_of(&after.state) == Stage::Open;
    let kind = entry.payload.get("type").and_then(Value::as_str);
    let linked = entry.event == "linked" && kind.is_some_and(|kind| LINKS.contains(&kind));
    again || linked || round(after) > round(before) || entry.effects.iter().any(starts)
}

fn starts(effect: &Effect) -> bool {
    match effect {
        Effect::Spawn(spawn) => spawn.workflow == COMPLAINT,
        Effect::Send(send) => send.event == "reopen",
        Effect::Task(task) => ACTIONS.contains(&task.task.as_str()),
        Effect::Arm { .. }
        | Effect::Cancel { .. }
        | Effect::DropPending { .. }
        | Effect::Park { .. }
        | Effect::Notify(_)
        | Effect::Count { .. } => false,
    }
}
