//! Owns the policy values of measuring: what reports compare the KPIs of consultations with.
//!
//! A definition written before they existed has their defaults.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::fault::{Fault, join};
pub use crate::workflows::satisfaction::SatisfactionPolicy;
pub use crate::workflows::scale::Scale;

/// What is aimed at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KpiPolicy {
    /// Targets of the KPIs that consultations count in and that have one.
    pub targets: KpiTargets,
}

/// Targets by number of the KPI; the number below is an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KpiTargets {
    /// Percent of first responses on time (S0-20).
    #[serde(rename = "K02")]
    #[schemars(range(min = 1, max = 100))]
    pub first_response: u32,
    /// Percent of ended cases that were resolved (S0-20).
    #[serde(rename = "K04")]
    #[schemars(range(min = 1, max = 100))]
    pub resolution: u32,
    /// Percent of promises kept (S3-15).
    #[serde(rename = "K07")]
    #[schemars(range(min = 1, max = 100))]
    pub promises: u32,
    /// Percent of settled cases with the customer's word (S3-16).
    #[serde(rename = "K08")]
    #[schemars(range(min = 1, max = 100))]
    pub closed_loop: u32,
    /// Mean score, on the scale of `satisfaction`, with one decimal (S0-17).
    #[serde(rename = "K09")]
    #[schemars(regex(pattern = "^[1-5]\\.[0-9]$"))]
    pub score: String,
    /// Percent of cases whose first owner stood by them to the end (S3-14).
    #[serde(rename = "K19")]
    #[schemars(range(min = 1, max = 100))]
    pub first_owner: u32,
    /// Percent of messages in closed hours that were answered automatically (S3-12).
    #[serde(rename = "K37")]
    #[schemars(range(min = 1, max = 100))]
    pub off_hours: u32,
}

impl KpiTargets {
    /// Each by the number of its KPI, as a decimal.
    pub fn by_number(&self) -> BTreeMap<String, String> {
        let percents = [
            ("K02", self.first_response),
            ("K04", self.resolution),
            ("K07", self.promises),
            ("K08", self.closed_loop),
            ("K19", self.first_owner),
            ("K37", self.off_hours),
        ];
        let percents = percents.map(|(kpi, percent)| (kpi.to_owned(), percent.to_string()));
        percents.into_iter().chain([("K09".to_owned(), self.score.clone())]).collect()
    }
}

impl Default for KpiTargets {
    fn default() -> Self {
        Self {
            first_response: 95,
            resolution: 90,
            promises: 100,
            closed_loop: 100,
            score: "4.2".to_owned(),
            first_owner: 100,
            off_hours: 100,
        }
    }
}

impl KpiPolicy {
    /// Adds what lies outside its range; a mean lies on `scale`.
    pub fn check(&self, scale: Scale, faults: &mut Vec<Fault>) {
        let targets = &self.targets;
        for (number, percent) in [
            ("K02", targets.first_response),
            ("K04", targets.resolution),
            ("K07", targets.promises),
            ("K08", targets.closed_loop),
            ("K19", targets.first_owner),
            ("K37", targets.off_hours),
        ] {
            if !(1..=100).contains(&percent) {
                let message = format!("`{percent}` is no target; accepted are 1 to 100 percent");
                faults.push(Fault::value(join("/kpi/targets", number), message));
            }
        }
        scale.check_mean("/kpi/targets/K09", &targets.score, faults);
    }
}
