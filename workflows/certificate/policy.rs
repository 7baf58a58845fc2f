//! Owns what a process owner may edit of certificates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::fault::Fault;
use crate::kernel::span::Span;
use crate::workflows::training::classes::Template;
use crate::workflows::training::desk::{Desk, Kinds, case_policy};

/// The policy values of a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whose these cases are, and how they are kept.
    pub desk: Desk,
    /// How long before its end the holder is sent to learn again.
    pub expiring: Span,
    /// How long after its end the skill counts as lost.
    pub skill_loss: Span,
    /// What then happens.
    pub skill_loss_mode: SkillLoss,
    /// How many months after its end it can no longer be renewed.
    #[schemars(range(min = 1, max = 120))]
    pub lapse_months: u32,
    /// The class that is drafted where none comes in which it can be renewed.
    pub recert: Template,
}

/// What happens to the skill of somebody whose certificate has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkillLoss {
    /// The supervisor is warned.
    Warn,
    /// The tag that assignment reads is to be removed.
    Remove,
}

case_policy!(Policy);

impl Policy {
    /// Range checks beyond the schema.
    pub fn check(&self) -> Vec<Fault> {
        let mut kinds = Kinds(self.desk.check());
        kinds.calendar_days("expiring", self.expiring);
        kinds.calendar_days("skill_loss", self.skill_loss);
        kinds.0
    }
}
