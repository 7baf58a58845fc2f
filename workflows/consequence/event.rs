//! Owns what may happen to a consequence: its events and their payloads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::case::Handle;
use crate::kernel::common::Common;
use crate::kernel::id::InstanceId;
use crate::kernel::machine::TimerName;
use crate::kernel::personal::Personal;

crate::events! {
    /// The events of a consequence.
    enum Event {
        /// Somebody stayed away without a reason, or failed for good.
        OpenConsequence(OpenConsequence) = "open_consequence",
        /// The direct supervisor proposes what is to follow.
        Propose(Propose) = "propose",
        /// The employee says what there is to say.
        StateView(StateView) = "state_view",
        /// Two people decide.
        Decide(Decide) = "decide",
        /// The employee does not agree.
        Appeal(Appeal) = "appeal",
        /// A process owner who did not decide looks at it again.
        ReviewAppeal(Propose) = "review_appeal",
    }
    + /// An event of every flow.
    Common(Common),
    + /// A timer that came due.
    Timer(TimerName),
}

/// Why a consequence is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// 无故缺席
    Absent,
    /// 最终不合格
    Failed,
}

/// What follows for the employee; people carry it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// 辅导
    Coaching,
    /// 再训
    Retrain,
    /// 暂停接待
    SuspendFromQueue,
    /// 扣分
    ScoreDeduction,
    /// 不处理
    None,
}

/// Payload of `open_consequence`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenConsequence {
    /// The enrolment it comes from.
    pub enrollment: InstanceId,
    /// Whom it is about.
    pub employee: Handle,
    /// Why.
    pub cause: Cause,
}

/// Payload of `propose` and `review_appeal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Propose {
    /// What is to follow.
    pub measure: Measure,
    /// Why.
    pub rationale: Personal,
}

/// Payload of `state_view`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateView {
    /// The employee's own words.
    pub statement: Personal,
    /// Stored content that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub evidence: Option<String>,
}

/// Payload of `decide`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// What follows.
    pub measure: Measure,
    /// Why.
    pub rationale: Personal,
    /// The second person, of the training administration (HR).
    pub co_decider: Handle,
}

/// Payload of `appeal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Appeal {
    /// Why.
    pub reason: Personal,
}
