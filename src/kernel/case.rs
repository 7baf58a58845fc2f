//! Owns the context that every case carries (flows.md §3.0.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actor::{Actor, Role};
use super::id::InstanceId;
use super::instant::Instant;

/// A named person in a role, as payloads and data hold one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Handle {
    /// The person's id.
    #[schemars(length(min = 1, max = 100))]
    pub id: String,
    /// The role the person acts in.
    pub role: Role,
}

impl From<&Actor> for Handle {
    fn from(actor: &Actor) -> Self {
        Self { id: actor.id.clone(), role: actor.role }
    }
}

/// Who answers for a case now: never nobody (S4-8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A person.
    Person(Handle),
    /// A queue that has a duty holder.
    Queue(#[schemars(length(min = 1, max = 100))] String),
}

impl Owner {
    /// The id of the person, where it is one.
    pub fn person(&self) -> Option<&str> {
        match self {
            Self::Person(handle) => Some(&handle.id),
            Self::Queue(_) => None,
        }
    }
}

/// How the customer reached the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// 电话
    Phone,
    /// 邮件
    Email,
    /// 在线聊天
    WebChat,
    /// 企业微信
    Wecom,
    /// 微信
    Wechat,
    /// 短信
    Sms,
    /// 社交媒体
    Social,
    /// 到访
    WalkIn,
    /// 接口
    Api,
}

/// How valued the customer is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// 普通
    #[default]
    Normal,
    /// 贵宾
    Vip,
    /// 重点
    Key,
}

/// How soon work should be done.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// 低
    Low,
    /// 普通
    #[default]
    Normal,
    /// 高
    High,
    /// 紧急
    Urgent,
}

/// What the service is for (S0-4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceGoal {
    /// 解决问题
    #[default]
    Solve,
    /// 提升满意度
    Satisfaction,
    /// 促进复购
    Repurchase,
}

/// To whom a case was raised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Not raised.
    #[default]
    None,
    /// 高级支持
    Senior,
    /// 主管
    Supervisor,
    /// 负责人
    Manager,
}

/// What the customer said of the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Satisfaction {
    /// 1 (worst) to 5 (best).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// Whether the problem is solved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<bool>,
    /// The round it is about.
    pub round: u32,
}

/// How another instance is related to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkType {
    /// This is a copy of that.
    DuplicateOf,
    /// The same trouble again.
    RepeatOf,
    /// A new matter that came out of that.
    FollowUpOf,
    /// That made this necessary.
    CausedBy,
    /// This was started by that.
    Spawned,
    /// This takes the place of that.
    Renews,
}

/// A relation to another instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// How.
    #[serde(rename = "type")]
    pub kind: LinkType,
    /// To which.
    pub id: InstanceId,
}

/// A time the customer was told (S3-15).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// When it was made.
    pub made_at: Instant,
    /// The time told.
    pub promised_by: Instant,
    /// When it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_at: Option<Instant>,
    /// When another took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed_at: Option<Instant>,
}

/// What every case carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Its number: the instance's id.
    pub case_no: InstanceId,
    /// Version of the definition it runs with.
    pub policy_version: u32,
    /// Its calendar.
    pub calendar_id: String,
    /// Whose case it is, where several organisations share one server.
    pub tenant: String,
    /// Pseudonym of the customer.
    pub customer_id: String,
    /// How valued the customer is.
    pub customer_tier: Tier,
    /// How the customer reached us.
    pub channel: Channel,
    /// What it is about, in the flow's own words.
    pub category: String,
    /// How soon it should be done.
    pub priority: Priority,
    /// What the service is for.
    pub service_goal: ServiceGoal,
    /// First person who worked on it; accountable to the end (S3-14).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_owner: Option<Handle>,
    /// Who was asked to take over from the first owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover_to: Option<Handle>,
    /// Who answers for it now.
    pub owner: Owner,
    /// The owner's department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_dept: Option<String>,
    /// Whether it came while the calendar was closed.
    pub off_hours: bool,
    /// When it was opened.
    pub opened_at: Instant,
    /// 1, and one more each time the customer was not satisfied.
    pub round: u32,
    /// How often it went to a department.
    pub transfers: u32,
    /// The highest level it was raised to.
    pub escalation_level: Level,
    /// How often it was reopened.
    pub reopen_count: u32,
    /// How it ended: last part of the settled or closed state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
    /// What the customer said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub satisfaction: Option<Satisfaction>,
    /// Related instances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Times the customer was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promises: Vec<Promise>,
    /// How many flows lie between this and one that nobody spawned (X12).
    pub chain_depth: u32,
    /// Legal basis of a restriction of the subject's data, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restricted: Option<String>,
    /// Legal basis of the erasure of the subject's data, where it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<String>,
}

impl Case {
    /// Adds a link unless it is there.
    pub fn link(&mut self, kind: LinkType, id: InstanceId) {
        let link = Link { kind, id };
        if !self.links.contains(&link) {
            self.links.push(link);
        }
    }

    /// Whether `actor` is the first owner.
    pub fn is_first_owner(&self, actor: &Actor) -> bool {
        self.first_owner.as_ref().is_some_and(|first| first.id == actor.id)
    }
}
