//! Owns what a callback is measured by: its type, what came of its attempts, and what the score says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::case::Channel;
use crate::kernel::instant::Instant;

/// Why a customer is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 确认解决
    ConfirmResolution,
    /// 解决后回访
    PostResolution,
    /// 投诉后回访
    PostComplaint,
    /// 定期回访
    Periodic,
    /// 沉默客户回访
    Dormant,
    /// 未接来电回拨
    MissedCall,
    /// 产品回访
    Product,
    /// 低分回访
    LowScore,
    /// 上门回访
    Visit,
}

impl Kind {
    /// Every type, in the order of the specification.
    pub const ALL: [Self; 9] = [
        Self::ConfirmResolution,
        Self::PostResolution,
        Self::PostComplaint,
        Self::Periodic,
        Self::Dormant,
        Self::MissedCall,
        Self::Product,
        Self::LowScore,
        Self::Visit,
    ];

    /// The name in payloads and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConfirmResolution => "confirm_resolution",
            Self::PostResolution => "post_resolution",
            Self::PostComplaint => "post_complaint",
            Self::Periodic => "periodic",
            Self::Dormant => "dormant",
            Self::MissedCall => "missed_call",
            Self::Product => "product",
            Self::LowScore => "low_score",
            Self::Visit => "visit",
        }
    }

    /// Whether it closes the loop of a case: exempt from the cap and from opt-out.
    pub const fn is_service(self) -> bool {
        match self {
            Self::ConfirmResolution | Self::PostComplaint | Self::MissedCall => true,
            Self::PostResolution
            | Self::Periodic
            | Self::Dormant
            | Self::Product
            | Self::LowScore
            | Self::Visit => false,
        }
    }
}

/// Why a customer may be contacted (S2-41).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// 合同
    Contract,
    /// 同意
    Consent,
    /// 无
    None,
}

/// Why a callback was never begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppression {
    /// The customer's data may not be used.
    Restricted,
    /// Neither contract nor consent.
    NoBasis,
    /// The case ended in a way after which nobody is asked.
    Ending,
    /// The customer does not want to be asked.
    OptedOut,
    /// The customer was asked not long ago, or is about to be.
    Capped,
}

/// What came of an attempt to reach the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// 接通
    Connected,
    /// 占线
    Busy,
    /// 无人接听
    NoAnswer,
    /// 关机
    PowerOff,
    /// 语音信箱
    Voicemail,
    /// 拒接
    Rejected,
    /// 号码错误
    WrongNumber,
    /// 渠道关闭
    ChannelClosed,
}

/// An attempt to reach the customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Instant,
    /// How it was tried.
    pub channel: Channel,
    /// What came of it.
    pub outcome: Reached,
}

/// What the customer does not want any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// 满意度调查
    Survey,
    /// 所有营销
    AllMarketing,
}

/// What the customer's answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// Satisfied, and the problem is solved.
    Positive,
    /// Neither good nor bad, and the problem is solved.
    Neutral,
    /// A low score, or the problem is not solved.
    Low,
    /// A missed call that needed no score.
    Unscored,
}
