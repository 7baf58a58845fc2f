//! Owns what a process owner may edit of effect reviews.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::fault::Fault;
use crate::kernel::span::Span;
use crate::workflows::training::desk::{Desk, Kinds, calendar_days, case_policy};

/// The policy values of an effect review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whose these cases are, and how they are kept.
    pub desk: Desk,
    /// How long after the class behaviour is looked at.
    pub l3: Span,
    /// How long after the class results are looked at.
    pub l4: Span,
    /// How long each is then waited for.
    pub grace: Span,
}

case_policy!(Policy);

impl Policy {
    /// Range checks beyond the schema.
    pub fn check(&self) -> Vec<Fault> {
        let mut kinds = Kinds(self.desk.check());
        kinds.calendar_days("l3", self.l3);
        kinds.calendar_days("l4", self.l4);
        kinds.working_days("grace", self.grace);
        if calendar_days(self.l4) <= calendar_days(self.l3) {
            kinds.refuse("l4", format!("`{}` is refused; accepted is more than `l3` {}", self.l4, self.l3));
        }
        kinds.0
    }
}
