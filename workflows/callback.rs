//! Owns what a flow says of a callback that it plans: the payload of its start and when it lapses.

use serde_json::json;

use super::row::object;
use crate::kernel::case::{Case, Channel};
use crate::kernel::effect::Spawn;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
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

/// Who is called back, and because of what.
#[derive(Clone, Copy, Debug)]
pub struct Called<'a> {
    /// The customer's pseudonym.
    pub customer_id: &'a str,
    /// The case that it is about; none where it is about no case.
    pub source: Option<&'a InstanceId>,
    /// How the customer is called.
    pub channel: Channel,
    /// Distinguishes the callbacks of one rule that one instance plans.
    pub index: u32,
    /// How deep in a chain of flows whoever plans it is (X12).
    pub chain_depth: u32,
}

impl Plan<'_> {
    /// The start of the callback that `case` plans, one for each round and rule.
    pub fn of(&self, case: &Case) -> Spawn {
        self.to(&Called {
            customer_id: &case.customer_id,
            source: Some(&case.case_no),
            channel: case.channel,
            index: case.round,
            chain_depth: case.chain_depth,
        })
    }

    /// The start of the callback of `called`.
    pub fn to(&self, called: &Called<'_>) -> Spawn {
        let mut payload = object(json!({
            "type": self.rule,
            "customer_id": called.customer_id,
            "channel_pref": [called.channel],
            "window_from": self.window_from,
            "due_by": self.due_by,
            "script_id": self.rule,
            "language": self.language,
            "chain_depth": called.chain_depth + 1,
        }));
        if let Some(source) = called.source {
            payload.insert("source_case".into(), json!(source));
        }
        Spawn {
            rule: self.rule.to_owned(),
            index: called.index,
            workflow: CALLBACK.to_owned(),
            link: "spawned".to_owned(),
            payload,
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
