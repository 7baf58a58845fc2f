//! Owns what a flow says of a callback that it plans: the payload of its start and when it lapses.

use serde_json::json;

use super::row::object;
use crate::kernel::case::Case;
use crate::kernel::effect::Spawn;
use crate::kernel::hash::Hash;
use crate::kernel::instant::Instant;

/// The flow that calls customers back.
const CALLBACK: &str = "callback";

/// A callback to plan.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// Its type, which is the rule that plans it: `confirm_resolution`.
    pub rule: &'a str,
    /// When it may begin.
    pub window_from: Instant,
    /// When it should be done.
    pub due_by: Instant,
    /// When it is no longer wanted, should nobody have begun it.
    pub lapses: Instant,
    /// The language of the call.
    pub language: &'a str,
}

impl Plan<'_> {
    /// The start of the callback that `case` plans, one for each round and rule.
    pub fn of(&self, case: &Case) -> Spawn {
        let payload = json!({
            "type": self.rule,
            "customer_id": case.customer_id,
            "source_case": case.case_no,
            "channel_pref": [case.channel],
            "window_from": self.window_from,
            "due_by": self.due_by,
            "script_id": self.rule,
            "language": self.language,
            "chain_depth": case.chain_depth + 1,
        });
        Spawn {
            rule: self.rule.to_owned(),
            index: case.round,
            workflow: CALLBACK.to_owned(),
            link: "spawned".to_owned(),
            payload: object(payload),
            child: None,
            due: Some(self.due_by),
            lapses: Some(self.lapses),
        }
    }
}

/// Whether `case` is in a sample of so many percent: SHA-256 of its number as an integer, modulo 100.
pub fn is_sampled(case: &Case, percent: u32) -> bool {
    let digest = Hash::of(&[case.case_no.as_str().as_bytes()]);
    digest.bytes().iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % 100) < percent
}
