//! Owns what may happen to a monitor: its events, whom and what it watches, and what can be seen of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::actor::Role;
use crate::kernel::case::{Channel, Handle, Priority, Tier};
use crate::kernel::common::Common;
use crate::kernel::date::Date;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::TimerName;

crate::events! {
    /// The events of a monitor.
    enum Event {
        /// Something was seen of who or what is watched.
        Observe(Observe) = "observe",
        /// A rule has fired for an agent, who is to learn.
        Train(Train) = "train",
    }
    + /// An event of every flow.
    Common(Common),
    + /// A timer that came due.
    Timer(TimerName),
}

/// Payload of `observe`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observe {
    /// Who or what is watched; there is one monitor for each.
    pub watched: Watched,
    /// What was seen.
    pub seen: Seen,
    /// When; now where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Instant>,
}

/// Who or what is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    /// A customer, by pseudonym.
    Customer(#[schemars(length(min = 1, max = 100))] String),
    /// Somebody who works for the organisation.
    Agent(Handle),
    /// A root cause of complaints, in the organisation's words.
    Cause(#[schemars(length(min = 1, max = 200))] String),
    /// A KPI, by its number.
    Kpi(#[schemars(regex(pattern = "^K[0-9]{2}$"))] String),
    /// Something that is to be done again and again.
    Duty(#[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"))] String),
}

impl Watched {
    /// What its monitor stands for.
    pub fn key(&self) -> String {
        match self {
            Self::Customer(id) => format!("customer:{id}"),
            Self::Agent(handle) => format!("agent:{}", handle.id),
            Self::Cause(cause) => format!("cause:{cause}"),
            Self::Kpi(number) => format!("kpi:{number}"),
            Self::Duty(duty) => format!("duty:{duty}"),
        }
    }
}

/// What is seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Seen {
    /// Of a customer: a case ended.
    Contact {
        /// The case.
        case: InstanceId,
        /// How the customer reached the organisation.
        channel: Channel,
        /// How valued the customer is.
        tier: Tier,
    },
    /// Of a customer: a complaint was registered.
    Complained {
        /// The complaint.
        case: InstanceId,
        /// How the customer reached the organisation.
        channel: Channel,
        /// How valued the customer is.
        tier: Tier,
        /// How soon it should be done.
        priority: Priority,
    },
    /// Of a customer: a complaint was a copy of another, or none.
    NotComplained {
        /// The complaint.
        case: InstanceId,
    },
    /// Of a customer: the customer is new (S3-3).
    CustomerAdded,
    /// Of a customer: something of the profile changed (S3-3).
    InfoChanged,
    /// Of a customer: the profile was saved (S3-3).
    ProfileSaved,
    /// Of an agent: a complaint ended for which the agent is responsible, and the customer was right.
    Upheld {
        /// The complaint.
        case: InstanceId,
    },
    /// Of an agent: that complaint is open again.
    UpheldNoMore {
        /// The complaint.
        case: InstanceId,
    },
    /// Of an agent: what a customer said of a case that ended.
    Scored {
        /// The case.
        case: InstanceId,
        /// 1 (worst) to 5 (best).
        #[schemars(range(min = 1, max = 10))]
        score: u8,
    },
    /// Of an agent: an inspection found a critical error (S0-15).
    CriticalError {
        /// The inspection.
        #[schemars(length(min = 1, max = 200))]
        inspection: String,
    },
    /// Of an agent: a remedial class has taken the agent.
    Enrolled {
        /// The enrolment.
        enrollment: InstanceId,
    },
    /// Of an agent: that enrolment is at its end.
    Unenrolled {
        /// The enrolment.
        enrollment: InstanceId,
    },
    /// Of an agent: the agent begins to work here (S2-94).
    Hired {
        /// The first day.
        on: Date,
    },
    /// Of an agent: a class for new staff was passed, or attended where nothing is examined (S2-94).
    Learnt {
        /// The enrolment.
        enrollment: InstanceId,
        /// What the class teaches.
        #[schemars(length(max = 20), inner(length(min = 1, max = 100)))]
        competencies: Vec<String>,
    },
    /// Of an agent: the agent works here no more.
    Left,
    /// Of a cause: a complaint ended whose cause it is.
    Caused {
        /// The complaint.
        case: InstanceId,
    },
    /// Of a cause: that complaint is open again.
    CausedNoMore {
        /// The complaint.
        case: InstanceId,
    },
    /// Of a KPI: a report shows it below its target (S0-20).
    TargetMissed {
        /// The report.
        report: InstanceId,
        /// The first instant of its period.
        period_from: Instant,
        /// What was aimed at.
        #[schemars(length(max = 40))]
        target: String,
        /// What it was.
        #[schemars(length(max = 40))]
        actual: String,
        /// How many it was counted over.
        n: u64,
    },
    /// Of a duty: its time has come.
    Due {
        /// What is to be done.
        #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"))]
        task: String,
        /// Who does it.
        role: Role,
        /// By when.
        due: Instant,
    },
}

/// A condition that fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// 投诉属实
    UpheldComplaints,
    /// 满意度低
    LowScores,
    /// 质检重大差错
    CriticalErrors,
    /// 多次投诉
    RepeatComplainant,
    /// 长期未联系
    Dormant,
    /// 共性原因
    SystemicCause,
    /// 未达目标
    TargetMissed,
    /// 到期事项
    Duty,
}

/// Payload of `train`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// The rule that fired.
    pub rule: Rule,
    /// The month for which it fired: once in each.
    #[schemars(length(min = 1, max = 20))]
    pub month: String,
}
