//! Owns what may happen to a consultation: its events and their payloads.
//!
//! Shapes, lengths and ranges stand in the schemas; what depends on the sender or
//! on the case is a guard of the machine.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kernel::case::{Channel, Handle, Level, Priority, ServiceGoal, Tier};
use crate::kernel::common::{Common, Nothing};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::TimerName;
use crate::kernel::personal::Personal;
pub use crate::workflows::payload::{Arbitrate, Confirm, CustomerReply, MarkDuplicate, Reopen};
use crate::workflows::payload::{handoff_schema, personal, questions_schema, text_schema};

crate::events! {
    /// The events of a consultation.
    enum Event {
        /// A customer asks something.
        Submit(Box<Submit>) = "submit",
        /// The customer was told automatically that nobody is there.
        AutoReplySent(AutoReplySent) = "auto_reply_sent",
        /// The telephone rings.
        Ring(Ring) = "ring",
        /// An agent picks up.
        AnswerCall(AnswerCall) = "answer_call",
        /// The customer hangs up.
        HangUp(HangUp) = "hang_up",
        /// An agent takes the case.
        Accept(Nothing) = "accept",
        /// Records what the problem is.
        RecordDetails(RecordDetails) = "record_details",
        /// A message went to the customer, by a person or a machine.
        Respond(Respond) = "respond",
        /// The customer was asked for more.
        RequestInfo(RequestInfo) = "request_info",
        /// The customer wrote; sent again by an agent for the same message, it classifies it.
        CustomerReply(CustomerReply) = "customer_reply",
        /// A department is asked.
        TransferDepartment(TransferDepartment) = "transfer_department",
        /// The department answers.
        DepartmentReply(DepartmentReply) = "department_reply",
        /// The department gives the question back.
        DepartmentReturn(DepartmentReturn) = "department_return",
        /// A supervisor names the department that answers.
        Arbitrate(Arbitrate) = "arbitrate",
        /// Raises the case to a higher support and tells the customer by when.
        Escalate(Escalate) = "escalate",
        /// Tells the customer how it stands, perhaps with a new time.
        ProgressUpdate(ProgressUpdate) = "progress_update",
        /// Answers the customer.
        Answer(Answer) = "answer",
        /// The customer says whether the answer helped.
        Confirm(Confirm) = "confirm",
        /// The customer is not done with a settled case.
        Reopen(Reopen) = "reopen",
        /// The customer takes the question back.
        Withdraw(Withdraw) = "withdraw",
        /// The case is a copy of another.
        MarkDuplicate(MarkDuplicate) = "mark_duplicate",
        /// The case is none.
        MarkInvalid(MarkInvalid) = "mark_invalid",
        /// The case is of another flow.
        Convert(Convert) = "convert",
    }
    + /// An event of every flow.
    Common(Common),
    + /// A timer that came due.
    Timer(TimerName),
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// 售前
    PreSale,
    /// 售中
    InSale,
    /// 售后
    AfterSale,
    /// 其他
    Other,
}

impl Category {
    /// Every category.
    pub const ALL: [Self; 4] = [Self::PreSale, Self::InSale, Self::AfterSale, Self::Other];

    /// The name in payloads and data.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreSale => "pre_sale",
            Self::InSale => "in_sale",
            Self::AfterSale => "after_sale",
            Self::Other => "other",
        }
    }

    /// The category called `name`; [`Category::Other`] for a name that is none.
    pub fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|category| category.name() == name).unwrap_or(Self::Other)
    }
}

/// Payload of `submit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// Pseudonym of the customer.
    #[schemars(length(min = 1, max = 100), extend("examples" = ["c-1027"]))]
    pub customer_id: String,
    /// How valued the customer is; not from the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_tier: Option<Tier>,
    /// How the customer reached us.
    pub channel: Channel,
    /// What is asked, in a few words.
    #[schemars(schema_with = "subject_schema")]
    pub subject: Personal,
    /// Stored content of the message.
    #[schemars(length(min = 1, max = 200), extend("examples" = ["msg:81f2"]))]
    pub body_ref: String,
    /// What it is about.
    pub category: Category,
    /// What kind of problem it is, in the organisation's words.
    #[schemars(length(min = 1, max = 100), extend("examples" = ["invoice"]))]
    pub problem_type: String,
    /// What the service is for (S0-4).
    #[serde(default)]
    pub service_goal: ServiceGoal,
    /// When the problem happened (S0-8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened_at: Option<Instant>,
    /// Who and what is affected (S0-8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_schema")]
    pub impact_scope: Option<Personal>,
    /// How soon it should be done.
    #[serde(default)]
    pub priority: Priority,
    /// Its number in another system; one open case for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub external_ref: Option<String>,
    /// When the customer wrote; the event's own `occurred_at` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Instant>,
    /// When it must be settled, where another system has promised it; set by the system only.
    #[schemars(extend("x-set-by" = "system"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Instant>,
    /// The case it came out of; set by the system only.
    #[schemars(extend("x-set-by" = "system"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up_of: Option<InstanceId>,
    /// Who stays accountable; set by the system only.
    #[schemars(extend("x-set-by" = "system"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_owner: Option<Handle>,
    /// How many flows lie before it (X12); set by the system only.
    #[schemars(extend("x-set-by" = "system"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_depth: Option<u32>,
}

/// Payload of `auto_reply_sent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoReplySent {
    /// The text that was sent.
    #[schemars(length(min = 1, max = 100))]
    pub template_id: String,
    /// The closed period it was sent in: the moment it began.
    #[schemars(length(min = 1, max = 100))]
    pub period_key: String,
}

/// Payload of `ring`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// For how long so far.
    #[schemars(range(max = 86_400))]
    pub ring_seconds: u32,
    /// Where it rings.
    #[schemars(length(min = 1, max = 40))]
    pub extension: String,
}

/// Payload of `answer_call`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerCall {
    /// For how long it rang.
    #[schemars(range(max = 86_400))]
    pub ring_seconds: u32,
    /// Who picked up.
    pub agent: Handle,
}

/// Payload of `hang_up`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HangUp {
    /// For how long it rang.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 86_400))]
    pub ring_seconds: Option<u32>,
    /// For how long people talked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 86_400))]
    pub talk_seconds: Option<u32>,
}

/// Payload of `record_details`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordDetails {
    /// What kind of problem it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub problem_type: Option<String>,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened_at: Option<Instant>,
    /// Who and what is affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_schema")]
    pub impact_scope: Option<Personal>,
    /// What the service is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_goal: Option<ServiceGoal>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
}

/// Payload of `respond`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Respond {
    /// Stored content of the message.
    #[schemars(length(min = 1, max = 200))]
    pub message_ref: String,
    /// Whether a person wrote it; only that stops the response clock (R8).
    pub human: bool,
    /// Who wrote it; required when a gateway says that a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Handle>,
    /// By when the customer was told to hear more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised_by: Option<Instant>,
    /// Why not at once; required with `promised_by` (S3-15).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_schema")]
    pub reason: Option<Personal>,
}

/// Payload of `request_info`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestInfo {
    /// Stored content of the message.
    #[schemars(length(min = 1, max = 200))]
    pub message_ref: String,
    /// What was asked.
    #[schemars(schema_with = "questions_schema")]
    pub questions: Vec<Personal>,
    /// By when the customer was asked to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Instant>,
}

/// What a department is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// 答复
    Answer,
    /// 核实
    Verify,
}

/// Payload of `transfer_department`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferDepartment {
    /// Which department.
    #[schemars(length(min = 1, max = 100))]
    pub department: String,
    /// What for.
    pub purpose: Purpose,
    /// What it must know (S0-27).
    #[schemars(schema_with = "handoff_schema")]
    pub handoff_note: Personal,
    /// By when an answer is expected.
    pub expected_by: Instant,
}

/// Payload of `department_reply`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DepartmentReply {
    /// Stored answer.
    #[schemars(length(min = 1, max = 200))]
    pub answer_ref: String,
    /// Whether the facts were verified.
    pub verified: bool,
}

/// Payload of `department_return`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DepartmentReturn {
    /// Why it is not this department's.
    #[schemars(schema_with = "text_schema")]
    pub reason: Personal,
}

/// To whom a case is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// 高级支持
    Senior,
    /// 主管
    Supervisor,
    /// 负责人
    Manager,
}

impl From<Support> for Level {
    fn from(support: Support) -> Self {
        match support {
            Support::Senior => Self::Senior,
            Support::Supervisor => Self::Supervisor,
            Support::Manager => Self::Manager,
        }
    }
}

/// Payload of `escalate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalate {
    /// To whom.
    pub level: Support,
    /// Why.
    #[schemars(schema_with = "text_schema")]
    pub reason: Personal,
    /// By when the customer was told to hear more; required unless the system sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised_by: Option<Instant>,
    /// Whether the customer was told; required unless the system sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_customer: Option<bool>,
}

/// Payload of `progress_update`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgressUpdate {
    /// Stored content of the message.
    #[schemars(length(min = 1, max = 200))]
    pub message_ref: String,
    /// The new time told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_promise: Option<Instant>,
    /// Why; required with `new_promise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_schema")]
    pub reason: Option<Personal>,
}

/// Payload of `answer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Stored content of the message.
    #[schemars(length(min = 1, max = 200))]
    pub message_ref: String,
    /// Stored solution.
    #[schemars(length(min = 1, max = 200))]
    pub solution_ref: String,
    /// What the customer does, step by step (S0-9).
    #[serde(default)]
    #[schemars(schema_with = "steps_schema")]
    pub steps: Vec<Personal>,
    /// Stored guides.
    #[serde(default)]
    #[schemars(length(max = 20), inner(length(min = 1, max = 200)))]
    pub attachments: Vec<String>,
    /// The article it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub kb_article: Option<String>,
    /// Whether the customer said on the spot that it is solved.
    pub confirmed_in_contact: bool,
    /// The recording that shows it; required with `confirmed_in_contact`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub recording_ref: Option<String>,
    /// 1 (worst) to 5 (best).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5))]
    pub score: Option<u8>,
}

/// Payload of `withdraw`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_schema")]
    pub reason: Option<Personal>,
    /// Where the customer says so; required from an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub evidence_ref: Option<String>,
}

/// Why a case is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvalidReason {
    /// 垃圾信息
    Spam,
    /// 打错电话
    WrongNumber,
    /// 测试
    Test,
}

/// Payload of `mark_invalid`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkInvalid {
    /// Why.
    pub reason: InvalidReason,
}

/// The flow that a consultation turns into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToFlow {
    /// 投诉
    Complaint,
    /// 技术支持
    TechSupport,
    /// 售后
    AfterSales,
}

impl ToFlow {
    /// The flow's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complaint => "complaint",
            Self::TechSupport => "tech_support",
            Self::AfterSales => "after_sales",
        }
    }
}

/// Payload of `convert`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Convert {
    /// Which flow.
    pub to_flow: ToFlow,
    /// Why.
    #[schemars(schema_with = "text_schema")]
    pub reason: Personal,
    /// Payload of that flow's start event; customer, channel and first owner are filled in.
    #[schemars(schema_with = "child_schema")]
    pub child: Map<String, Value>,
}

fn subject_schema(_: &mut SchemaGenerator) -> Schema {
    personal(1, 200)
}

fn steps_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "maxItems": 50, "items": personal(1, 2_000) })
}

/// The members that start events of the other flows mark as personal are named, so that they are
/// sealed here already; the other flow's own schema checks the rest.
fn child_schema(_: &mut SchemaGenerator) -> Schema {
    let sealed = || json_schema!({ "x-personal": true });
    json_schema!({
        "type": "object",
        "maxProperties": 50,
        "properties": {
            "subject": sealed(),
            "facts": sealed(),
            "remedy_sought": sealed(),
            "representative": sealed(),
            "impact_scope": sealed(),
        },
    })
}
