//! Owns what may happen to a class: its events and their payloads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::case::Handle;
use crate::kernel::common::{Common, Nothing};
use crate::kernel::date::Date;
use crate::kernel::id::InstanceId;
use crate::kernel::machine::TimerName;
use crate::kernel::money::Money;
use crate::kernel::personal::Personal;
use crate::workflows::training::classes::{Assessment, Kind, Lecturer, Mode, Sitting, Source, Waiting};

crate::events! {
    /// The events of a class.
    enum Event {
        /// A class is drafted.
        Draft(Box<Draft>) = "draft",
        /// The draft is complete.
        Submit(Nothing) = "submit",
        /// A class that is not planned, or costs more, may take place.
        Approve(Remark) = "approve",
        /// It may not.
        Reject(Remark) = "reject",
        /// Says when it is, where, and who teaches.
        Schedule(Schedule) = "schedule",
        /// Tells everybody in it when it is.
        PublishNotice(PublishNotice) = "publish_notice",
        /// Takes somebody in.
        Enroll(Enroll) = "enroll",
        /// It comes later.
        Postpone(Why) = "postpone",
        /// It does not come.
        Cancel(Why) = "cancel",
        /// A sitting begins.
        StartSitting(SittingNo) = "start_sitting",
        /// A sitting is over.
        EndSitting(SittingNo) = "end_sitting",
        /// Attempts are taken from now on.
        OpenAssessment(Nothing) = "open_assessment",
        /// Everybody is graded.
        CloseAssessment(Nothing) = "close_assessment",
        /// An enrolment tells where it stands.
        EnrollmentChanged(EnrollmentChanged) = "enrollment_changed",
        /// Nobody is asked any more how it was.
        CloseSurvey(Nothing) = "close_survey",
        /// Says what is to be done better.
        Review(Review) = "review",
        /// Puts it on file.
        Archive(Archive) = "archive",
    }
    + /// An event of every flow.
    Common(Common),
    + /// A timer that came due.
    Timer(TimerName),
}

/// Who runs a class (S2-102).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Organiser {
    /// 人力资源
    Hr,
    /// 客服部门
    ServiceDept,
}

/// The item of a plan that a class carries out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanItem {
    /// The plan.
    pub plan: InstanceId,
    /// The item's number.
    #[schemars(range(min = 1, max = 1_000))]
    pub no: u32,
}

/// Payload of `draft`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// What it is called; classes of the same title stand in for each other.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// How it is taught.
    pub mode: Mode,
    /// What is learnt; a certificate is of the first.
    #[schemars(length(max = 20), inner(length(min = 1, max = 100)))]
    pub competencies: Vec<String>,
    /// When and where, as far as that is known.
    #[schemars(length(max = 30))]
    pub sittings: Vec<Sitting>,
    /// Who teaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lecturer: Option<Lecturer>,
    /// Who runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organiser: Option<Organiser>,
    /// How many it takes.
    #[schemars(range(min = 1, max = 200))]
    pub capacity: u32,
    /// What it may cost.
    pub budget: Money,
    /// How it is examined.
    pub assessment: Assessment,
    /// Whether nobody may decline it.
    pub mandatory: bool,
    /// The item of a plan that it carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_item: Option<PlanItem>,
    /// Who waits for it; set by the system only.
    #[schemars(extend("x-set-by" = "system"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub waiting: Vec<Waiting>,
}

/// Payload of `approve` and `reject`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remark {
    /// A word on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Personal>,
}

/// Payload of `schedule`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// When and where.
    #[schemars(length(min = 1, max = 30))]
    pub sittings: Vec<Sitting>,
    /// Who teaches.
    pub lecturer: Lecturer,
    /// Who runs it.
    pub organiser: Organiser,
}

/// Payload of `publish_notice`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishNotice {
    /// Stored content of the notice.
    #[schemars(length(min = 1, max = 200))]
    pub message_ref: String,
    /// The process owner who agrees that it comes at short notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgent_by: Option<Handle>,
}

/// Payload of `enroll`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Enroll {
    /// Who.
    pub trainee: Handle,
    /// Who wants it.
    pub source: Source,
}

/// Payload of `postpone` and `cancel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// Why; everybody in the class is told.
    #[schemars(length(min = 1, max = 1_000))]
    pub reason: String,
}

/// Payload of `start_sitting` and `end_sitting`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SittingNo {
    /// Which sitting.
    #[schemars(range(min = 1, max = 100))]
    pub sitting_no: u32,
}

/// Payload of `enrollment_changed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrollmentChanged {
    /// The enrolment.
    pub enrollment: InstanceId,
    /// The path of its state.
    #[schemars(length(min = 1, max = 60))]
    pub status: String,
    /// Whether another attempt can be taken.
    pub can_retake: bool,
    /// Whether it is at its end.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Whether the survey is answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub surveyed: bool,
}

/// Payload of `review`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// What was found.
    #[schemars(length(min = 1, max = 4_000))]
    pub findings: String,
    /// What is to be done better.
    #[schemars(length(max = 20))]
    pub actions: Vec<Action>,
}

/// Something that is to be done better.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What.
    #[schemars(length(min = 1, max = 500))]
    pub measure: String,
    /// Who does it.
    pub owner: Handle,
    /// By when.
    pub due: Date,
}

/// Payload of `archive`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// Stored record.
    #[schemars(length(min = 1, max = 200))]
    pub record_ref: String,
}
