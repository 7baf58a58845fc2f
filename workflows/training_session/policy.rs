//! Owns what a process owner may edit of classes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::fault::Fault;
use crate::kernel::span::Span;
use crate::workflows::training::classes::Kind;
use crate::workflows::training::desk::{Desk, Kinds, case_policy};

/// The policy values of a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whose these cases are, and how they are kept.
    pub desk: Desk,
    /// How long before the first sitting everybody is told (S2-103).
    pub lead: Span,
    /// How far from its time a sitting can be started, and after which a start is late.
    pub session_late: Span,
    /// After which a sitting that was not started is lost.
    pub session_lost: Span,
    /// After its planned end a sitting ends by itself.
    pub sitting_overrun: Span,
    /// How long a postponed class waits for new sittings.
    pub postpone_max: Span,
    /// How long attempts are taken.
    pub attempt: Span,
    /// How long after the last sitting everybody should be graded.
    pub assess: Span,
    /// How long is then waited, again and again.
    pub assess_again: Span,
    /// How long retakes are waited for.
    pub retake_end: Span,
    /// How long after the last sitting the survey is open.
    pub survey: Span,
    /// Percent of those who attended whose answers are enough for a review.
    #[schemars(range(min = 1, max = 100))]
    pub survey_enough: u32,
    /// Classes that nobody may decline, whatever their draft says.
    #[schemars(length(max = 5))]
    pub mandatory_types: Vec<Kind>,
    /// How long the review may take.
    pub review: Span,
    /// How long the filing may take.
    pub archive: Span,
    /// What is aimed at.
    #[serde(default)]
    pub kpi: Kpi,
}

/// What is aimed at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kpi {
    /// Targets by number of the KPI; the number below is an alarm.
    #[serde(default)]
    pub targets: KpiTargets,
}

/// Targets by number of the KPI.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KpiTargets {
    /// Percent of classes that are on file in time (S2-106).
    #[serde(rename = "K29")]
    #[schemars(range(min = 1, max = 100))]
    pub on_file: u32,
}

impl Default for KpiTargets {
    fn default() -> Self {
        Self { on_file: 100 }
    }
}

impl Kpi {
    fn by_name(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("K29".to_owned(), self.targets.on_file.to_string())])
    }
}

case_policy!(Policy, kpi);

impl Policy {
    /// Range checks beyond the schema.
    pub fn check(&self) -> Vec<Fault> {
        let mut kinds = Kinds(self.desk.check());
        for (name, span) in [
            ("lead", self.lead),
            ("session_lost", self.session_lost),
            ("attempt", self.attempt),
            ("assess", self.assess),
            ("assess_again", self.assess_again),
            ("retake_end", self.retake_end),
            ("survey", self.survey),
            ("review", self.review),
            ("archive", self.archive),
        ] {
            kinds.working_days(name, span);
        }
        kinds.wall("session_late", self.session_late);
        kinds.wall("sitting_overrun", self.sitting_overrun);
        kinds.calendar_days("postpone_max", self.postpone_max);
        if !(1..=100).contains(&self.kpi.targets.on_file) {
            let message = format!("`{}` is refused; accepted are 1 to 100 percent", self.kpi.targets.on_file);
            kinds.0.push(Fault::value("/kpi/targets/K29", message));
        }
        kinds.0
    }
}
