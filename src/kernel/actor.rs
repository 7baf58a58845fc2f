//! Owns who acts: roles with what they include, and the actor that an entry names.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A role of flows.md §3.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 客户
    Customer,
    /// 渠道网关
    Gateway,
    /// 客服人员
    Agent,
    /// 高级支持
    SeniorAgent,
    /// 客服主管
    Supervisor,
    /// 责任部门经办
    DeptHandler,
    /// 责任部门负责人
    DeptManager,
    /// 质检员
    QaInspector,
    /// 培训管理员
    TrainingAdmin,
    /// 讲师
    Trainer,
    /// 参训人
    Trainee,
    /// 流程负责人
    ProcessOwner,
    /// 审计
    Auditor,
    /// 个人信息保护负责人
    PrivacyOfficer,
    /// 系统管理员
    Administrator,
    /// 系统
    System,
}

impl Role {
    /// Every role, in the order of the specification.
    pub const ALL: [Self; 16] = [
        Self::Customer,
        Self::Gateway,
        Self::Agent,
        Self::SeniorAgent,
        Self::Supervisor,
        Self::DeptHandler,
        Self::DeptManager,
        Self::QaInspector,
        Self::TrainingAdmin,
        Self::Trainer,
        Self::Trainee,
        Self::ProcessOwner,
        Self::Auditor,
        Self::PrivacyOfficer,
        Self::Administrator,
        Self::System,
    ];

    /// The name used in definitions, tokens and entries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Gateway => "gateway",
            Self::Agent => "agent",
            Self::SeniorAgent => "senior_agent",
            Self::Supervisor => "supervisor",
            Self::DeptHandler => "dept_handler",
            Self::DeptManager => "dept_manager",
            Self::QaInspector => "qa_inspector",
            Self::TrainingAdmin => "training_admin",
            Self::Trainer => "trainer",
            Self::Trainee => "trainee",
            Self::ProcessOwner => "process_owner",
            Self::Auditor => "auditor",
            Self::PrivacyOfficer => "privacy_officer",
            Self::Administrator => "administrator",
            Self::System => "system",
        }
    }

    /// Reads a role's name.
    ///
    /// # Errors
    /// A name that is none of [`Role::ALL`]; the message lists them.
    pub fn parse(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("`{name}` is not a role; roles are {known}")
        })
    }

    /// Whether a holder of this role may act where `other` is asked for.
    ///
    /// `senior_agent` includes `agent`, `supervisor` both, `dept_manager`
    /// includes `dept_handler`; no other role includes another.
    pub fn includes(self, other: Self) -> bool {
        self == other
            || match self {
                Self::Supervisor => matches!(other, Self::SeniorAgent | Self::Agent),
                Self::SeniorAgent => other == Self::Agent,
                Self::DeptManager => other == Self::DeptHandler,
                Self::Customer
                | Self::Gateway
                | Self::Agent
                | Self::DeptHandler
                | Self::QaInspector
                | Self::TrainingAdmin
                | Self::Trainer
                | Self::Trainee
                | Self::ProcessOwner
                | Self::Auditor
                | Self::PrivacyOfficer
                | Self::Administrator
                | Self::System => false,
            }
    }

    /// Whether the role works for the organisation: every role but customer,
    /// gateway, trainee, administrator and system.
    pub const fn is_staff(self) -> bool {
        !matches!(self, Self::Customer | Self::Gateway | Self::Trainee | Self::Administrator | Self::System)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What kind of thing acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A human being with a token.
    Person,
    /// Another system with a token.
    Service,
    /// A due timer.
    Timer,
    /// A cron schedule.
    Schedule,
    /// The engine itself: children, sends, upgrades.
    System,
    /// A command on this machine, by file permission.
    Local,
}

impl ActorKind {
    /// Its name, as entries have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
            Self::Timer => "timer",
            Self::Schedule => "schedule",
            Self::System => "system",
            Self::Local => "local",
        }
    }
}

/// Who sent an event, in which role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The person's or service's id; `system` for the engine.
    pub id: String,
    /// What kind of thing acts.
    pub kind: ActorKind,
    /// The role it acts in.
    pub role: Role,
    /// Whom it acts for, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
}

impl Actor {
    /// The engine acting by itself.
    pub fn system() -> Self {
        Self { id: "system".into(), kind: ActorKind::System, role: Role::System, on_behalf_of: None }
    }

    /// A due timer of the engine.
    pub fn timer() -> Self {
        Self { id: "system".into(), kind: ActorKind::Timer, role: Role::System, on_behalf_of: None }
    }

    /// A person in a role.
    pub fn person(id: impl Into<String>, role: Role) -> Self {
        Self { id: id.into(), kind: ActorKind::Person, role, on_behalf_of: None }
    }
}
