//! Owns what a flow says of a callback that it plans: the payload of its start, when it lapses, and its end.
//!
//! # Why
//! A callback has the id that its source works out from its type and round, so that a source that is
//! reopened can cancel it without asking anybody (X11).

use serde_json::json;

use crate::kernel::case::{Case, Channel, Tier};
use crate::kernel::effect::Spawn;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Cx;
use crate::workflows::row::object;

/// The flow that calls customers back.
pub const CALLBACK: &str = "callback";

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
    /// How the customer is ranked.
    pub tier: Tier,
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
            tier: case.customer_tier,
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
            "customer_tier": called.tier,
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
            child: called.source.map(|case| Spawn::child_of(case, self.rule, called.index)),
            due: Some(self.due_by),
            lapses: Some(self.lapses),
        }
    }
}

/// Ends the callback that `case` planned by `rule` in this round: it never starts, or is cancelled. One in
/// which the customer has spoken is left as it is.
pub fn withdraw<P>(case: &Case, rule: &str, reason: &str, cx: &mut Cx<'_, P>) {
    if cx.is_pending(rule) {
        cx.drop_pending(rule);
        return;
    }
    let child = Spawn::child_of(&case.case_no, rule, case.round);
    let spoken = case.satisfaction.as_ref().is_some_and(|said| said.callback.as_ref() == Some(&child));
    if !spoken {
        cx.send(child, "cancel", object(json!({ "reason": reason })));
    }
}

/// Whether `case` is in a sample of so many percent: SHA-256 of its number as an integer, modulo 100.
pub fn is_sampled(case: &Case, percent: u32) -> bool {
    let digest = Hash::of(&[case.case_no.as_str().as_bytes()]);
    digest.bytes().iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % 100) < percent
}
