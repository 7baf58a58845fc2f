//! Owns the context that cases carry (flows.md §3.0.2): [`Case`] where a customer is served,
//! [`InternalCase`] where nobody is but the organisation's own people, and what both have in common.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actor::{Actor, Role};
use super::common::{self, CasePolicy, Common, Stage};
use super::id::InstanceId;
use super::instant::Instant;
use super::machine::Cx;

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
    /// The callback in which it was said, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<InstanceId>,
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

/// What a case of the organisation's own people carries: no customer, no channel, no service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InternalCase {
    /// Its number: the instance's id.
    pub case_no: InstanceId,
    /// Version of the definition it runs with.
    pub policy_version: u32,
    /// Its calendar.
    pub calendar_id: String,
    /// Whose case it is, where several organisations share one server.
    pub tenant: String,
    /// Whom it is about, where it is one person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<String>,
    /// Who answers for it now.
    pub owner: Owner,
    /// When it was opened.
    pub opened_at: Instant,
    /// Related instances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// How many flows lie between this and one that nobody spawned (X12).
    pub chain_depth: u32,
    /// Legal basis of a restriction of the subject's data, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restricted: Option<String>,
    /// Legal basis of the erasure of the subject's data, where it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<String>,
}

/// How a case stands among those of customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// How valued the customer is.
    pub tier: Tier,
    /// How soon it should be done.
    pub priority: Priority,
    /// The highest level it was raised to.
    pub level: Level,
}

/// What a case of any kind has, to change.
pub struct Parts<'c> {
    /// Its number.
    pub case_no: &'c InstanceId,
    /// Version of the definition it runs with.
    pub policy_version: &'c mut u32,
    /// Who answers for it now.
    pub owner: &'c mut Owner,
    /// Related instances.
    pub links: &'c mut Vec<Link>,
    /// Legal basis of a restriction of the subject's data.
    pub restricted: &'c mut Option<String>,
    /// Legal basis of the erasure of the subject's data.
    pub erased: &'c mut Option<String>,
}

/// The context of a case, as the kernel needs it.
pub trait Context {
    /// What the subject is to the case: `customer`.
    const SUBJECT: &'static str;
    /// Whether the common event called `name` means something to such a case; where not, its flow has no
    /// such event.
    fn knows(name: &str) -> bool;
    /// Whom it is about.
    fn subject(&self) -> Option<&str>;
    /// Whether `actor` may act here at all: those who are served or taught act on what is their own.
    fn admits(&self, actor: &Actor) -> bool;
    /// Whether the person called `id` worked on it.
    fn performed_by(&self, id: &str) -> bool;
    /// How it stands among a customer's cases; absent where there is no customer.
    fn rank(&self) -> Option<Rank>;
    /// What every case has, to change.
    fn parts(&mut self) -> Parts<'_>;
    /// Takes down how it ended.
    fn ended(&mut self, disposition: Option<String>);
    /// Does what §3.0.3 says of `event`; refuses through `cx`. The caller has checked [`Common::fits`].
    fn take<P: CasePolicy>(&mut self, event: &Common, stage: Stage, cx: &mut Cx<'_, P>);
}

impl Context for Case {
    const SUBJECT: &'static str = "customer";

    fn knows(_name: &str) -> bool {
        true
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.customer_id)
    }

    fn admits(&self, actor: &Actor) -> bool {
        actor.role != Role::Customer || actor.id == self.customer_id
    }

    fn performed_by(&self, id: &str) -> bool {
        self.owner.person() == Some(id) || self.first_owner.as_ref().is_some_and(|first| first.id == id)
    }

    fn rank(&self) -> Option<Rank> {
        Some(Rank { tier: self.customer_tier, priority: self.priority, level: self.escalation_level })
    }

    fn parts(&mut self) -> Parts<'_> {
        Parts {
            case_no: &self.case_no,
            policy_version: &mut self.policy_version,
            owner: &mut self.owner,
            links: &mut self.links,
            restricted: &mut self.restricted,
            erased: &mut self.erased,
        }
    }

    fn ended(&mut self, disposition: Option<String>) {
        self.disposition = disposition;
    }

    fn take<P: CasePolicy>(&mut self, event: &Common, stage: Stage, cx: &mut Cx<'_, P>) {
        common::handle(self, event, stage, cx);
    }
}

/// Common events about a customer, the customer's message or the customer's first owner.
const OF_CUSTOMERS: [&str; 7] = [
    "handover_requested",
    "handover_accepted",
    "closure_acknowledged",
    "satisfaction_recorded",
    "priority_changed",
    "tier_changed",
    "late_inbound",
];

impl Context for InternalCase {
    const SUBJECT: &'static str = "subject";

    fn knows(name: &str) -> bool {
        !OF_CUSTOMERS.contains(&name)
    }

    fn subject(&self) -> Option<&str> {
        self.subject_id.as_deref()
    }

    fn admits(&self, actor: &Actor) -> bool {
        actor.role != Role::Trainee || self.subject_id.as_ref().is_none_or(|subject| *subject == actor.id)
    }

    fn performed_by(&self, id: &str) -> bool {
        self.owner.person() == Some(id)
    }

    fn rank(&self) -> Option<Rank> {
        None
    }

    fn parts(&mut self) -> Parts<'_> {
        Parts {
            case_no: &self.case_no,
            policy_version: &mut self.policy_version,
            owner: &mut self.owner,
            links: &mut self.links,
            restricted: &mut self.restricted,
            erased: &mut self.erased,
        }
    }

    fn ended(&mut self, _disposition: Option<String>) {}

    fn take<P: CasePolicy>(&mut self, event: &Common, stage: Stage, cx: &mut Cx<'_, P>) {
        common::handle_shared(self, event, stage, cx);
    }
}

impl Link {
    /// Adds it to `links` unless it is there.
    pub fn add_to(self, links: &mut Vec<Self>) {
        if !links.contains(&self) {
            links.push(self);
        }
    }
}

impl Case {
    /// Adds a link unless it is there.
    pub fn link(&mut self, kind: LinkType, id: InstanceId) {
        Link { kind, id }.add_to(&mut self.links);
    }

    /// Whether `actor` is the first owner.
    pub fn is_first_owner(&self, actor: &Actor) -> bool {
        self.first_owner.as_ref().is_some_and(|first| first.id == actor.id)
    }
}
