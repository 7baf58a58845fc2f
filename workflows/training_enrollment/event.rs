//! Owns what may happen to an enrolment: its events and their payloads.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::case::Handle;
use crate::kernel::common::{Common, Nothing};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::TimerName;
use crate::kernel::personal::Personal;
use crate::workflows::training::classes::{Assessment, Kind, Source};

crate::events! {
    /// The events of an enrolment.
    enum Event {
        /// A class takes somebody.
        Nominate(Nominate) = "nominate",
        /// The class tells the trainee when it is.
        Notify(Notify) = "notify",
        /// The trainee will come.
        ConfirmAttendance(Nothing) = "confirm_attendance",
        /// The trainee does not want an optional class.
        Decline(Reason) = "decline",
        /// The trainee cannot come.
        RequestLeave(Excuse) = "request_leave",
        /// The direct supervisor excuses the trainee.
        ApproveLeave(Remark) = "approve_leave",
        /// The direct supervisor does not.
        DenyLeave(Remark) = "deny_leave",
        /// The trainee comes in.
        CheckIn(CheckIn) = "check_in",
        /// The trainee leaves.
        CheckOut(CheckOut) = "check_out",
        /// The trainee was not at a sitting.
        MarkAbsent(SittingNo) = "mark_absent",
        /// A sitting of the class is over.
        SittingEnded(SittingEnded) = "sitting_ended",
        /// The last sitting of the class is over.
        SessionEnded(SessionEnded) = "session_ended",
        /// The class comes later.
        SessionPostponed(Plain) = "session_postponed",
        /// The class does not come.
        SessionCancelled(Plain) = "session_cancelled",
        /// The trainee says why.
        ExplainAbsence(Excuse) = "explain_absence",
        /// The direct supervisor takes it for a reason.
        AcceptExplanation(Remark) = "accept_explanation",
        /// The direct supervisor does not.
        RejectExplanation(Remark) = "reject_explanation",
        /// The examination is open.
        AssessmentOpened(AssessmentOpened) = "assessment_opened",
        /// The trainee begins an attempt.
        StartAttempt(StartAttempt) = "start_attempt",
        /// The trainee hands an attempt in.
        SubmitAttempt(SubmitAttempt) = "submit_attempt",
        /// A trainer grades the attempt.
        Grade(Grade) = "grade",
        /// The trainee does not agree with a grade.
        Appeal(Reason) = "appeal",
        /// Another trainer grades again.
        Regrade(Grade) = "regrade",
        /// Another attempt is planned.
        ScheduleRetake(ScheduleRetake) = "schedule_retake",
        /// The trainee says how the class was.
        AnswerSurvey(AnswerSurvey) = "answer_survey",
        /// The trainee no longer works here.
        Withdraw(Withdraw) = "withdraw",
    }
    + /// An event of every flow.
    Common(Common),
    + /// A timer that came due.
    Timer(TimerName),
}

/// Payload of `nominate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nominate {
    /// The class.
    pub session: InstanceId,
    /// Who is to attend it.
    pub trainee: Handle,
    /// Who wants it.
    pub source: Source,
    /// Whether it cannot be declined.
    pub mandatory: bool,
    /// How it is examined.
    pub assessment: Assessment,
    /// What the class is called; classes of the same title come next.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What passing it certifies, where it certifies something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub certifies: Option<String>,
    /// What the class teaches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 100)))]
    pub competencies: Vec<String>,
}

/// Payload of `notify`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Stored content of the notice.
    #[schemars(length(min = 1, max = 200))]
    pub message_ref: String,
    /// When the first sitting begins.
    pub start: Instant,
}

/// Payload of `decline` and `appeal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why.
    pub reason: Personal,
}

/// Payload of `request_leave` and `explain_absence`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Excuse {
    /// Why.
    pub reason: Personal,
    /// Stored content that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub evidence: Option<String>,
}

/// Payload of what a supervisor decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remark {
    /// A word on it; after the start, of an emergency that nobody could ask leave for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Personal>,
}

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// 扫码
    Qr,
    /// 讲师登记
    Trainer,
}

/// Payload of `check_in`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckIn {
    /// Which sitting.
    #[schemars(range(min = 1, max = 100))]
    pub sitting_no: u32,
    /// When.
    pub at: Instant,
    /// How.
    pub method: Method,
}

/// Payload of `check_out`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckOut {
    /// Which sitting.
    #[schemars(range(min = 1, max = 100))]
    pub sitting_no: u32,
    /// When.
    pub at: Instant,
}

/// Payload of `mark_absent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SittingNo {
    /// Which sitting.
    #[schemars(range(min = 1, max = 100))]
    pub sitting_no: u32,
}

/// Payload of `sitting_ended`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SittingEnded {
    /// Which sitting.
    #[schemars(range(min = 1, max = 100))]
    pub sitting_no: u32,
    /// How long it was planned to last.
    #[schemars(range(max = 100_000))]
    pub minutes: u32,
}

/// Payload of `session_ended`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionEnded {
    /// Minutes of all sittings that were held.
    #[schemars(range(max = 1_000_000))]
    pub total_minutes: u32,
}

/// Payload of `session_postponed` and `session_cancelled`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plain {
    /// Why.
    #[schemars(length(min = 1, max = 1_000))]
    pub reason: String,
}

/// Payload of `assessment_opened`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssessmentOpened {
    /// Until when attempts are taken.
    pub closes: Instant,
}

/// Payload of `start_attempt`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartAttempt {
    /// Which attempt.
    #[schemars(range(min = 1, max = 20))]
    pub n: u32,
}

/// Payload of `submit_attempt`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitAttempt {
    /// Stored answers.
    #[schemars(length(min = 1, max = 200))]
    pub answers_ref: String,
}

/// Payload of `grade` and `regrade`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grade {
    /// The score.
    #[schemars(range(max = 100))]
    pub score: u8,
    /// Stored rubric that it rests on.
    #[schemars(length(min = 1, max = 200))]
    pub rubric: String,
}

/// Payload of `schedule_retake`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRetake {
    /// When the next attempt opens.
    pub at: Instant,
}

/// Payload of `answer_survey`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerSurvey {
    /// Marks by item: 1 is worst, 5 is best.
    #[schemars(length(min = 1, max = 50), schema_with = "items_schema")]
    pub items: BTreeMap<String, u8>,
}

fn items_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object", "minProperties": 1, "maxProperties": 50,
        "propertyNames": { "maxLength": 60 },
        "additionalProperties": { "type": "integer", "minimum": 1, "maximum": 5 },
        "examples": [{ "content": 5, "lecturer": 4 }],
    })
}

/// Why somebody leaves a class for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// 离职
    Left,
    /// 调岗
    Transferred,
}

/// Payload of `withdraw`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Why.
    pub reason: Leaving,
}
