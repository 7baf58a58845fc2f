//! Owns what a process owner may edit of monitors: from how many on, within which time, how low, how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::case::{Channel, Tier};
use crate::kernel::fault::{Fault, join};
use crate::kernel::span::Span;
use crate::workflows::training::classes::Template;
use crate::workflows::training::desk::{Desk, calendar_days, case_policy, working_days};

/// Longest window and longest gap: two years.
const DAYS_MAX: u32 = 731;

/// The policy values of monitors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whose these cases are, and how they are kept.
    pub desk: Desk,
    /// Quality of an agent's work (S0-15, S2-109).
    pub agent: Quality,
    /// Complaints of one customer that put the customer on the watch list (S2-48).
    pub complaints: Often,
    /// How long a customer may not be heard of (S3-8, S2-49).
    pub contact_gap: ByTier,
    /// How often a customer is called (S2-22, S2-46).
    pub periodic: ByTier,
    /// These calls.
    pub callback: Calls,
    /// Complaints with one root cause that ask for an improvement (S2-69).
    pub systemic: Often,
    /// How long it may take to write down what is known of a customer (S3-3).
    pub profile: Span,
    /// What somebody new learns (S2-94); nothing is watched where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onboarding: Option<Modules>,
}

/// What is to be learnt within a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Modules {
    /// The modules, as classes name their competencies.
    #[schemars(length(min = 1, max = 20), inner(length(min = 1, max = 100)))]
    pub modules: Vec<String>,
    /// Within so many days from the first.
    pub within: Span,
}

/// So many within so long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Often {
    /// From so many on.
    #[schemars(range(min = 1, max = 50))]
    pub count: u32,
    /// Within so many days.
    pub within: Span,
}

/// When an agent is sent to training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Complaints that were upheld.
    pub upheld: Often,
    /// What customers said.
    pub scores: LowScores,
    /// Critical errors that inspections found.
    pub critical: Often,
    /// The class.
    pub class: Class,
}

/// A mean that is too low.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LowScores {
    /// Below this, with one decimal.
    #[schemars(regex(pattern = "^[1-9]\\.[0-9]$"), extend("examples" = ["3.5"]))]
    pub below: String,
    /// Over so many scores of one month at least.
    #[schemars(range(min = 1, max = 1_000))]
    pub least: u32,
}

impl LowScores {
    /// The limit in tenths.
    pub fn below_tenths(&self) -> u32 {
        // The schema lets no other text pass: one digit, the point, one digit.
        self.below
            .bytes()
            .filter(u8::is_ascii_digit)
            .fold(0, |tenths, digit| tenths * 10 + u32::from(digit - b'0'))
    }
}

/// The remedial class that is drafted where none comes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// What it is called.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// What it teaches.
    #[schemars(length(min = 1, max = 20), inner(length(min = 1, max = 100)))]
    pub competencies: Vec<String>,
    /// What it is like.
    pub template: Template,
    /// So long after a class was asked for no other is, should that one have come to nothing.
    pub pending: Span,
}

/// A time for each tier.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByTier {
    /// 普通
    pub normal: Span,
    /// 贵宾
    pub vip: Span,
    /// 重点
    pub key: Span,
}

impl ByTier {
    /// The time of `tier`.
    pub const fn of(&self, tier: Tier) -> &Span {
        match tier {
            Tier::Normal => &self.normal,
            Tier::Vip => &self.vip,
            Tier::Key => &self.key,
        }
    }
}

/// Calls that a monitor plans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// How long they may take.
    pub due: Span,
    /// How much longer they are waited for.
    pub grace: Span,
    /// How a customer is called who has not reached the organisation yet.
    pub channel: Channel,
    /// The language of the call.
    #[schemars(length(min = 1, max = 35))]
    pub language: String,
}

case_policy!(Policy);

impl Policy {
    /// Range checks beyond the schema.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = self.desk.check();
        let tiers = |times: &ByTier| [("normal", times.normal), ("vip", times.vip), ("key", times.key)];
        let mut days: Vec<(String, Span)> = vec![
            ("/agent/upheld/within".into(), self.agent.upheld.within),
            ("/agent/critical/within".into(), self.agent.critical.within),
            ("/agent/class/pending".into(), self.agent.class.pending),
            ("/complaints/within".into(), self.complaints.within),
            ("/systemic/within".into(), self.systemic.within),
        ];
        if let Some(onboarding) = &self.onboarding {
            days.push(("/onboarding/within".into(), onboarding.within));
        }
        for (group, times) in [("/contact_gap", &self.contact_gap), ("/periodic", &self.periodic)] {
            days.extend(tiers(times).map(|(tier, span)| (join(group, tier), span)));
        }
        for (path, span) in days {
            if calendar_days(span).is_none_or(|days| days > DAYS_MAX) {
                let message = format!("`{span}` is refused; accepted are at most {DAYS_MAX} calendar days");
                faults.push(Fault::value(path, message));
            }
        }
        if working_days(self.profile).is_none() {
            let message = format!("`{}` is refused; accepted are working days", self.profile);
            faults.push(Fault::value("/profile", message));
        }
        let modules =
            self.onboarding.as_ref().map(|onboarding| onboarding.modules.as_slice()).unwrap_or_default();
        for (number, module) in modules.iter().enumerate() {
            if modules[..number].contains(module) {
                let message = format!("`{module}` is there twice; accepted is once");
                faults.push(Fault::value(format!("/onboarding/modules/{number}"), message));
            }
        }
        faults
    }
}
