//! Owns the monitor 监测: what is seen of one customer, agent, root cause, KPI or duty, and what follows
//! where it is seen too often, too low, or not at all (§3.0.5).
//!
//! The story. Other flows tell what happened (`observe`); the first word about somebody or something
//! starts its monitor, later ones go to the same (`watching`). It keeps the few sightings that still count.
//! Where they meet a rule's condition, the rule fires once for its period: an agent is sent to a class
//! (`train`), a supervisor gets a task, an improvement is asked for. Whoever is new has modules to learn
//! within a time. A customer who is not heard of for long is called, and left alone until there is a contact
//! again (`dormant`). A process owner ends a monitor (`closed.stopped`).
//!
//! `agent`, `onboarding`, `customer` and `recurring` say what is seen of whom and which rules there are;
//! `window` keeps sightings and what has fired; `observing` is what other flows tell monitors with. Row
//! names are words, for the specification numbers no rows here.
//!
//! # Why
//! A monitor is an instance and no scan and no second engine: one for each key, found by its id alone.
//! What makes a rule fire stands in its history, a repeated observation is known by its case, and
//! re-execution comes to the same. A scan over all cases at each step would cost more the more there are.

mod agent;
mod customer;
pub mod event;
mod machine;
pub mod observing;
mod onboarding;
pub mod policy;
mod recurring;
mod samples;
#[cfg(test)]
mod tests;
mod window;

use serde::{Deserialize, Serialize};

use crate::kernel::case::{Channel, InternalCase, Tier};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Cx as KernelCx;
use event::{Rule, Watched};
use onboarding::Onboarding;
use policy::Policy;
use window::{Fired, Sighting};

/// What the handlers of this flow see and fill.
pub(crate) type Cx<'a> = KernelCx<'a, Policy>;

/// The customer was not heard of for so long as the policy allows, unless there was a contact meanwhile.
pub const DORMANT: &str = "DORMANT";
/// The customer is called again.
pub const PERIODIC: &str = "PERIODIC";

/// What is known of the customer is to be written down.
pub const PROFILE_ASKED: &str = "profile_asked";
/// It was.
pub const PROFILE_SAVED: &str = "profile_saved";
/// Somebody began to work here, and has modules to learn.
pub const HIRED: &str = "hired";
/// All of them are learnt.
pub const ONBOARDED: &str = "onboarded";
/// Whoever began works here no more.
pub const LEFT: &str = "left";

/// The data of a monitor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// What every internal case carries; its subject is the customer's pseudonym or the agent.
    pub case: InternalCase,
    /// Who or what is watched.
    pub watched: Watched,
    /// What was seen and still counts, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Sighting>,
    /// Which rules fired, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fired: Vec<Fired>,
    /// Of a customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    /// Scores of an agent, by month, the newest two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Scores>,
    /// The training that an agent was sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedial: Option<Remedial>,
    /// How often an agent was sent to training.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub trainings: u32,
    /// The first weeks of an agent.
    #[serde(default, skip_serializing_if = "Onboarding::is_empty")]
    pub onboarding: Onboarding,
}

/// What a customer's monitor knows: no more of the person than the pseudonym.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// How valued the customer is.
    pub tier: Tier,
    /// How the customer last reached the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Since when the customer is on the watch list (S2-48).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch_listed: Option<Instant>,
    /// How many periodic callbacks were planned.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub periods: u32,
    /// How many callbacks were planned because the customer was not heard of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gaps: u32,
}

/// What customers said of an agent's cases in one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scores {
    /// The month: `2026-03`.
    pub month: String,
    /// How many scores.
    pub n: u32,
    /// Their sum.
    pub sum: u32,
}

/// A training that an agent is in, or is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedial {
    /// The rule that asked for it; absent where somebody else did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// Since when.
    pub since: Instant,
    /// The enrolment, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment: Option<InstanceId>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
