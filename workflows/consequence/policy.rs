//! Owns what a process owner may edit of consequences.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::fault::Fault;
use crate::kernel::span::Span;
use crate::workflows::training::desk::{Desk, Kinds, case_policy};

/// The policy values of a consequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whose these cases are, and how they are kept.
    pub desk: Desk,
    /// How long the employee has to say something.
    pub hearing: Span,
    /// How long the employee has to appeal.
    pub appeal: Span,
    /// What is not decided by then is not imposed.
    pub lapse: Span,
}

case_policy!(Policy);

impl Policy {
    /// Range checks beyond the schema.
    pub fn check(&self) -> Vec<Fault> {
        let mut kinds = Kinds(self.desk.check());
        kinds.working_days("hearing", self.hearing);
        kinds.working_days("appeal", self.appeal);
        kinds.calendar_days("lapse", self.lapse);
        kinds.0
    }
}
