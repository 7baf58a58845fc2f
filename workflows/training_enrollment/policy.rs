//! Owns what a process owner may edit of enrolments.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::fault::Fault;
use crate::kernel::span::Span;
use crate::workflows::training::classes::Kind;
use crate::workflows::training::desk::{Desk, Kinds, case_policy, working_days};

/// The policy values of an enrolment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whose these cases are, and how they are kept.
    pub desk: Desk,
    /// How long before the first sitting the trainee is reminded.
    pub reminder: Span,
    /// How long before its start a sitting can be entered, and after it without being late.
    pub sign_in: Span,
    /// Percent of the minutes that make somebody present.
    #[schemars(range(min = 1, max = 100))]
    pub attendance: u32,
    /// How long an absence can be explained.
    pub explain: Span,
    /// How long the supervisor has to decide on that.
    pub absence_decide: Span,
    /// How long after the first sitting somebody can still be excused.
    pub late_leave: Span,
    /// How long an attempt is open.
    pub attempt: Span,
    /// How often somebody may try again.
    #[schemars(range(max = 9))]
    pub max_retakes: u32,
    /// How long after a failed attempt the next is taken.
    pub retake_gap: Gap,
    /// How long a retake waits while an appeal is open.
    pub retake_wait: Span,
    /// How long a grade can be appealed.
    pub appeal: Span,
    /// How long a trainer has to grade.
    pub grade: Span,
    /// How long another trainer has to grade again.
    pub regrade: Span,
    /// Which classes are certified.
    #[schemars(length(max = 5))]
    pub certified: Vec<Kind>,
    /// How many months a certificate holds.
    #[schemars(range(min = 1, max = 120))]
    pub cert_months: u32,
    /// Whether monitors are told what happens (§3.0.5).
    #[serde(default)]
    pub observed: bool,
}

/// A least and a longest time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// At least.
    pub min: Span,
    /// At most.
    pub max: Span,
}

case_policy!(Policy);

impl Policy {
    /// How many attempts somebody has.
    pub const fn attempts_max(&self) -> u32 {
        1 + self.max_retakes
    }

    /// Range checks beyond the schema.
    pub fn check(&self) -> Vec<Fault> {
        let mut kinds = Kinds(self.desk.check());
        for (name, span) in [
            ("reminder", self.reminder),
            ("explain", self.explain),
            ("absence_decide", self.absence_decide),
            ("late_leave", self.late_leave),
            ("attempt", self.attempt),
            ("retake_wait", self.retake_wait),
            ("appeal", self.appeal),
            ("grade", self.grade),
            ("regrade", self.regrade),
        ] {
            kinds.working_days(name, span);
        }
        kinds.wall("sign_in", self.sign_in);
        let Gap { min, max } = self.retake_gap;
        if working_days(min).is_none() || working_days(max) <= working_days(min) {
            let message =
                format!("`{min}` to `{max}` is refused; accepted are working days, the first fewer");
            kinds.refuse("retake_gap", message);
        }
        kinds.0
    }
}
