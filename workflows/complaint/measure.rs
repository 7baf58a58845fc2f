//! Owns what a complaint is measured by: cause, severity, finding, actions, and places to come back to.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::{Contact, ProposedAction, Responsible};
use crate::kernel::case::Channel;
use crate::kernel::fact::subject_key;
use crate::kernel::instant::Instant;
use crate::kernel::money::Money;

/// What a complaint is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// What it is.
    pub kind: SubjectKind,
    /// Its id.
    #[schemars(length(min = 1, max = 100))]
    pub id: String,
}

impl Subject {
    /// Kind and id as facts compare them.
    pub fn key(&self) -> String {
        let kind = match self.kind {
            SubjectKind::Actor => "actor",
            SubjectKind::Dept => "dept",
            SubjectKind::Product => "product",
        };
        subject_key(kind, &self.id)
    }
}

/// What kind of thing a complaint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// 人员
    Actor,
    /// 部门
    Dept,
    /// 产品
    Product,
}

/// Why a complaint came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// 态度
    Attitude,
    /// 能力
    Competence,
    /// 响应时间
    ResponseTime,
    /// 产品
    Product,
    /// 价格
    Price,
    /// 物流
    Logistics,
    /// 隐私
    Privacy,
    /// 安全
    Safety,
    /// 其他
    Other,
}

impl Cause {
    /// The name in payloads and data.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attitude => "attitude",
            Self::Competence => "competence",
            Self::ResponseTime => "response_time",
            Self::Product => "product",
            Self::Price => "price",
            Self::Logistics => "logistics",
            Self::Privacy => "privacy",
            Self::Safety => "safety",
            Self::Other => "other",
        }
    }
}

/// How grave a complaint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 轻微
    Minor,
    /// 一般
    Normal,
    /// 重大
    Major,
    /// 特别重大
    Critical,
}

impl Severity {
    /// One level higher, at most the highest.
    pub const fn raised(self) -> Self {
        match self {
            Self::Minor => Self::Normal,
            Self::Normal => Self::Major,
            Self::Major | Self::Critical => Self::Critical,
        }
    }
}

/// How much there is to look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// 简单
    Simple,
    /// 复杂
    Complex,
}

/// Whether the customer is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// 属实
    Upheld,
    /// 部分属实
    Partly,
    /// 不属实
    NotUpheld,
    /// 无法认定
    Undetermined,
}

/// What an investigation found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Whether the customer is right.
    pub finding: Finding,
    /// Why it happened; absent where nobody investigated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<String>,
    /// Whether it will happen again as things are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub systemic: bool,
    /// Who is responsible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub responsible: Vec<Responsible>,
    /// Stored content that shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

/// What can be done for a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// 说明
    Explain,
    /// 道歉
    Apologise,
    /// 更换
    Replace,
    /// 维修
    Repair,
    /// 退款
    Refund,
    /// 补偿
    Compensate,
    /// 服务
    Service,
    /// 其他
    Other,
}

impl Action {
    /// Whether the after-sales department carries it out.
    pub const fn is_after_sales(self) -> bool {
        match self {
            Self::Replace | Self::Repair | Self::Refund => true,
            Self::Explain | Self::Apologise | Self::Compensate | Self::Service | Self::Other => false,
        }
    }
}

/// An action of the proposal, and how it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedAction {
    /// Its number.
    pub no: u32,
    /// What kind of action it is.
    #[serde(rename = "type")]
    pub kind: Action,
    /// How much it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The day by whose close it is to be done, as it was proposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<NaiveDate>,
    /// Whether it is done.
    pub done: bool,
    /// When it is due, once the customer has accepted; pauses left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Instant>,
    /// Whether its due passed before it was done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overdue: bool,
    /// Stored content that shows that it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

impl From<&ProposedAction> for PlannedAction {
    fn from(proposed: &ProposedAction) -> Self {
        let ProposedAction { no, kind, amount, due, done } = proposed.clone();
        Self { no, kind, amount, due, done, due_at: None, overdue: false, evidence: None }
    }
}

/// A failed attempt to reach the customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Instant,
    /// How it was tried.
    pub channel: Channel,
    /// What came of it.
    pub outcome: Contact,
}

/// An extension of the whole time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// By how many calendar days.
    pub days: u32,
    /// Due before.
    pub due_old: Instant,
    /// Due after.
    pub due_new: Instant,
}

/// A state that a complaint comes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// 初步评估与安抚
    Assessing,
    /// 已转责任部门
    Dispatched,
    /// 调查中
    InProgress,
    /// 归属裁定
    Arbitration,
    /// 方案待批
    PendingApproval,
    /// 告知方案·听取意见
    Communicating,
    /// 方案执行
    Executing,
    /// 待客户确认
    AwaitingConfirmation,
    /// 待客户补充
    WaitingCustomer,
    /// 升级复核
    Review,
}
