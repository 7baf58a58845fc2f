//! Owns what a process owner may edit of yearly plans.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::date::Date;
use crate::kernel::fault::Fault;
use crate::kernel::span::Span;
use crate::workflows::training::classes::{Assessment, Exam, Kind};
use crate::workflows::training::desk::{Desk, Kinds, case_policy};

/// The policy values of a yearly plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whose these cases are, and how they are kept.
    pub desk: Desk,
    /// By which day of the year before a plan is submitted.
    pub submit_due: DayOfYear,
    /// By which day of the year before it is approved.
    pub approve_due: DayOfYear,
    /// On which day of the year after it is closed.
    pub year_end: DayOfYear,
    /// How long before its time an item becomes a class.
    pub item_lead: Span,
    /// What that class is like beside what the item says.
    pub class: ClassDraft,
}

/// A day of any year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DayOfYear {
    /// The month.
    #[schemars(range(min = 1, max = 12))]
    pub month: u32,
    /// The day of the month.
    #[schemars(range(min = 1, max = 31))]
    pub day: u32,
}

/// What a drafted class is like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassDraft {
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// How many it takes.
    #[schemars(range(min = 1, max = 200))]
    pub capacity: u32,
    /// How it is examined.
    pub assessment: Assessment,
    /// Whether nobody may decline it.
    pub mandatory: bool,
}

case_policy!(Policy);

/// A year that every day of a policy is looked for in: no leap year.
const ANY_YEAR: i32 = 2026;

impl DayOfYear {
    /// The date in `year`.
    pub fn of(self, year: i32) -> Option<Date> {
        Date::of(year, self.month, self.day)
    }
}

impl Policy {
    /// Range checks beyond the schema.
    pub fn check(&self) -> Vec<Fault> {
        let mut kinds = Kinds(self.desk.check());
        kinds.calendar_days("item_lead", self.item_lead);
        for (name, day) in
            [("submit_due", self.submit_due), ("approve_due", self.approve_due), ("year_end", self.year_end)]
        {
            if day.of(ANY_YEAR).is_none() {
                let message = format!("month {} has no day {}; accepted is one it has", day.month, day.day);
                kinds.refuse(name, message);
            }
        }
        if self.class.assessment.kind == Exam::None && self.class.assessment.justification.is_none() {
            kinds.refuse("class", "no assessment without `justification`; accepted is either".to_owned());
        }
        kinds.0
    }
}
