//! Owns what may happen to a complaint: its events and their payloads.
//!
//! Shapes, lengths and ranges stand in the schemas; what depends on the sender or
//! on the case is a guard of the machine.

use chrono::NaiveDate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::measure::{Action, Cause, Complexity, Finding, Severity, Subject};
use crate::kernel::calendar::DATE_FORMAT;
use crate::kernel::case::{Channel, Handle, Priority, Tier};
use crate::kernel::common::{Common, Nothing};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::machine::TimerName;
use crate::kernel::money::Money;
use crate::kernel::personal::Personal;
pub use crate::workflows::payload::{Arbitrate, Confirm, CustomerReply, MarkDuplicate, Reopen};
use crate::workflows::payload::{handoff_schema, personal, questions_schema, text_schema};

crate::events! {
    /// The events of a complaint.
    enum Event {
        /// A customer complains.
        Register(Box<Register>) = "register",
        /// Tells the customer the number, and by when to hear more.
        Acknowledge(Acknowledge) = "acknowledge",
        /// Refuses to take the complaint, with the ways that are left.
        RejectIntake(RejectIntake) = "reject_intake",
        /// Says how grave, how complex and how dangerous it is, and how the customer was soothed.
        Assess(Assess) = "assess",
        /// Solves it without a department.
        ResolveOnSpot(ResolveOnSpot) = "resolve_on_spot",
        /// Gives it to the department that investigates.
        Dispatch(Dispatch) = "dispatch",
        /// The department takes it.
        DeptAccept(Nothing) = "dept_accept",
        /// The department gives it back.
        DeptReturn(DeptReturn) = "dept_return",
        /// Names the department that investigates.
        Arbitrate(Arbitrate) = "arbitrate",
        /// What the investigation found.
        SubmitFindings(SubmitFindings) = "submit_findings",
        /// What is to be done for the customer.
        Propose(Propose) = "propose",
        /// Somebody else agrees with it.
        Approve(Approve) = "approve",
        /// Somebody else wants it otherwise.
        ReturnProposal(ReturnProposal) = "return_proposal",
        /// Tells the customer what will be done.
        Communicate(Communicate) = "communicate",
        /// Tells the customer how it stands, perhaps with a new time.
        ProgressUpdate(ProgressUpdate) = "progress_update",
        /// The customer agrees with what will be done.
        CustomerAccepts(CustomerAccepts) = "customer_accepts",
        /// The customer does not agree.
        CustomerRejects(CustomerRejects) = "customer_rejects",
        /// One of the actions is done.
        ActionDone(ActionDone) = "action_done",
        /// The customer says whether it is settled.
        Confirm(Confirm) = "confirm",
        /// Somebody tried to reach the customer.
        ContactAttempt(ContactAttempt) = "contact_attempt",
        /// The customer cannot be reached; a written notice was sent.
        DeclareUnreachable(DeclareUnreachable) = "declare_unreachable",
        /// The customer is asked for what nobody has yet.
        RequestInfo(RequestInfo) = "request_info",
        /// The customer wrote; sent again by an agent for the same message, it classifies it.
        CustomerReply(CustomerReply) = "customer_reply",
        /// Moves the end of the whole time, before it is reached.
        Extend(Extend) = "extend",
        /// Lets everything stand still for a listed reason.
        Suspend(Suspend) = "suspend",
        /// Goes on before the suspension ends by itself.
        Resume(Nothing) = "resume",
        /// Asks for an independent review.
        RequestReview(RequestReview) = "request_review",
        /// What the panel decided.
        ReviewDecision(ReviewDecision) = "review_decision",
        /// Ends it although the customer is not satisfied, with the ways that are left.
        CloseWithoutAgreement(CloseWithoutAgreement) = "close_without_agreement",
        /// Goes to somebody outside: regulator, mediation, arbitration, court.
        ReferExternal(ReferExternal) = "refer_external",
        /// The customer takes it back.
        Withdraw(Withdraw) = "withdraw",
        /// It is a copy of another.
        MarkDuplicate(MarkDuplicate) = "mark_duplicate",
        /// It is no complaint, as the customer agrees.
        Convert(Convert) = "convert",
        /// The customer is not done with a settled complaint.
        Reopen(Reopen) = "reopen",
    }
    + /// An event of every flow.
    Common(Common),
    + /// A timer that came due.
    Timer(TimerName),
}

/// Payload of `register`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// Pseudonym of the customer.
    #[schemars(length(min = 1, max = 100), extend("examples" = ["c-1027"]))]
    pub customer_id: String,
    /// How valued the customer is; not from the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_tier: Option<Tier>,
    /// How the customer reached us.
    pub channel: Channel,
    /// What happened.
    #[schemars(schema_with = "facts_schema")]
    pub facts: Personal,
    /// When it happened.
    pub happened_at: Instant,
    /// Whom or what it is about.
    #[schemars(length(max = 20))]
    pub subjects: Vec<Subject>,
    /// What the customer wants.
    #[schemars(schema_with = "text_schema")]
    pub remedy_sought: Personal,
    /// Stored content that shows it.
    #[serde(default)]
    #[schemars(length(max = 50), inner(length(min = 1, max = 200)))]
    pub evidence: Vec<String>,
    /// The case that made it necessary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_case: Option<InstanceId>,
    /// How soon it should be done.
    #[serde(default)]
    pub priority: Priority,
    /// What the customer says is the cause.
    pub cause_claimed: Cause,
    /// Who speaks for the customer, with the authorisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "representative_schema")]
    pub representative: Option<Personal>,
    /// The closed complaint that it continues; set by the system only.
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

/// Payload of `acknowledge`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// Where the customer reaches who handles it.
    #[schemars(length(min = 1, max = 200))]
    pub handler_contact: String,
    /// By when the customer was told to hear more.
    pub expected_by: Instant,
    /// Stored content of the message.
    #[schemars(length(min = 1, max = 200))]
    pub message_ref: String,
}

/// Payload of `reject_intake`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectIntake {
    /// One of the policy's reasons.
    #[schemars(length(min = 1, max = 60))]
    pub reason_code: String,
    /// The ways that are left to the customer.
    #[schemars(length(min = 1, max = 2_000))]
    pub recourse_text: String,
    /// Stored content of the message.
    #[schemars(length(min = 1, max = 200))]
    pub message_ref: String,
}

/// Payload of `assess`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assess {
    /// How grave it is.
    pub severity: Severity,
    /// How much there is to look into.
    pub complexity: Complexity,
    /// Whether anybody is in danger.
    pub safety: bool,
    /// What the cause is at first sight.
    pub cause: Cause,
    /// How the customer was soothed (S2-17).
    #[schemars(schema_with = "text_schema")]
    pub soothe_note: Personal,
    /// What was done at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_schema")]
    pub immediate_action: Option<Personal>,
}

/// What is to be done, as it is proposed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposedAction {
    /// Its number, unique within the proposal.
    #[schemars(range(min = 1, max = 999))]
    pub no: u32,
    /// What kind of action it is.
    #[serde(rename = "type")]
    pub kind: Action,
    /// How much it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The day by whose close it is to be done; the policy's time after the customer's word at most, and where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_schema")]
    pub due: Option<NaiveDate>,
    /// Whether it is done already.
    #[serde(default)]
    pub done: bool,
}

/// Payload of `resolve_on_spot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveOnSpot {
    /// Stored solution.
    #[schemars(length(min = 1, max = 200))]
    pub solution_ref: String,
    /// Whether the customer is right.
    pub finding: Finding,
    /// What is done for the customer.
    #[schemars(length(min = 1, max = 20))]
    pub actions: Vec<ProposedAction>,
}

/// Payload of `dispatch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dispatch {
    /// Which department.
    #[schemars(length(min = 1, max = 100))]
    pub department: String,
    /// Who is to investigate there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<Handle>,
    /// By when it is expected back; the policy's time counts all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Instant>,
    /// What it must know (S0-27).
    #[schemars(schema_with = "handoff_schema")]
    pub handoff_note: Personal,
}

/// Payload of `dept_return`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeptReturn {
    /// Why it is not this department's.
    #[schemars(schema_with = "text_schema")]
    pub reason: Personal,
}

/// Who is responsible for what happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Responsible {
    /// A person.
    Actor(Handle),
    /// A department.
    Dept(#[schemars(length(min = 1, max = 100))] String),
}

/// Payload of `submit_findings`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitFindings {
    /// Whether the customer is right.
    pub finding: Finding,
    /// Why it happened, in the organisation's words.
    #[schemars(length(min = 1, max = 200))]
    pub root_cause: String,
    /// Whether it will happen again as things are.
    pub systemic: bool,
    /// Who is responsible: `{"actor": {"id", "role"}}` or `{"dept": name}`.
    #[schemars(length(max = 20))]
    pub responsible: Vec<Responsible>,
    /// Stored content that shows it.
    #[schemars(length(max = 50), inner(length(min = 1, max = 200)))]
    pub evidence: Vec<String>,
}

/// Payload of `propose`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Propose {
    /// What is done for the customer.
    #[schemars(length(min = 1, max = 20))]
    pub actions: Vec<ProposedAction>,
    /// Why this.
    #[schemars(schema_with = "text_schema")]
    pub rationale: Personal,
}

/// Payload of `approve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// What there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_schema")]
    pub comment: Option<Personal>,
}

/// Payload of `return_proposal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnProposal {
    /// What should be otherwise.
    #[schemars(schema_with = "text_schema")]
    pub comment: Personal,
}

/// Payload of `communicate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Communicate {
    /// Stored content of the message.
    #[schemars(length(min = 1, max = 200))]
    pub message_ref: String,
    /// How the customer was told.
    pub channel: Channel,
    /// Whether the ways that are left were told; required of a final answer.
    pub told_recourse: bool,
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
    pub expected_by: Option<Instant>,
}

/// Payload of `customer_accepts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerAccepts {
    /// The recording that shows it; required from an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub recording_ref: Option<String>,
}

/// Payload of `customer_rejects`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerRejects {
    /// Why.
    #[schemars(schema_with = "text_schema")]
    pub reason: Personal,
    /// What the customer wants instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_schema")]
    pub expectation: Option<Personal>,
    /// The recording that shows it; required from an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub recording_ref: Option<String>,
}

/// Payload of `action_done`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionDone {
    /// Which action.
    #[schemars(range(min = 1, max = 999))]
    pub action_no: u32,
    /// Stored content that shows it.
    #[schemars(length(min = 1, max = 200))]
    pub evidence: String,
}

/// What came of an attempt to reach the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Contact {
    /// 接通
    Connected,
    /// 无人接听
    NoAnswer,
    /// 忙
    Busy,
    /// 号码有误
    WrongNumber,
    /// 拒接
    Refused,
}

/// Payload of `contact_attempt`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactAttempt {
    /// What came of it.
    pub outcome: Contact,
    /// How it was tried.
    pub channel: Channel,
    /// When.
    pub at: Instant,
}

/// Payload of `declare_unreachable`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclareUnreachable {
    /// Stored content of the written notice that was sent.
    #[schemars(length(min = 1, max = 200))]
    pub notice_ref: String,
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
    /// Whether nobody here holds it already; only that stops the clocks.
    pub not_already_held: bool,
}

/// Payload of `extend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// By how many calendar days.
    #[schemars(range(min = 1, max = 60))]
    pub days: u32,
    /// Why.
    #[schemars(schema_with = "text_schema")]
    pub reason: Personal,
    /// Stored content of the message that told the customer.
    #[schemars(length(min = 1, max = 200))]
    pub notified_ref: String,
}

/// Why everything stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuspendReason {
    /// 诉讼
    Litigation,
    /// 监管介入
    Regulator,
    /// 不可抗力
    ForceMajeure,
    /// 第三方鉴定
    ThirdPartyAppraisal,
}

impl SuspendReason {
    /// The name in payloads and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Litigation => "litigation",
            Self::Regulator => "regulator",
            Self::ForceMajeure => "force_majeure",
            Self::ThirdPartyAppraisal => "third_party_appraisal",
        }
    }
}

/// Payload of `suspend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// Why; one of the policy's reasons.
    pub reason: SuspendReason,
    /// When it goes on by itself.
    pub until: Instant,
}

/// Payload of `request_review`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestReview {
    /// Why.
    #[schemars(schema_with = "text_schema")]
    pub reason: Personal,
}

/// What a panel can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// 另提方案
    NewProposal,
    /// 维持
    Uphold,
    /// 转外部途径
    Refer,
}

/// Payload of `review_decision`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewDecision {
    /// What was decided.
    pub decision: Decision,
    /// Who decided.
    #[schemars(length(min = 2, max = 20))]
    pub panel: Vec<Handle>,
    /// Why.
    #[schemars(schema_with = "text_schema")]
    pub rationale: Personal,
    /// What is done for the customer; required of a new proposal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20))]
    pub actions: Option<Vec<ProposedAction>>,
    /// Who outside takes it; required of a referral.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub body: Option<String>,
    /// Its number there; required of a referral.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub reference: Option<String>,
    /// The message that told the ways that are left; required of a referral.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub recourse_notice_ref: Option<String>,
}

/// Payload of `close_without_agreement`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseWithoutAgreement {
    /// The message that told the ways that are left.
    #[schemars(length(min = 1, max = 200))]
    pub recourse_notice_ref: String,
}

/// Payload of `refer_external`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferExternal {
    /// Who outside takes it.
    #[schemars(length(min = 1, max = 200))]
    pub body: String,
    /// Its number there.
    #[serde(rename = "ref")]
    #[schemars(length(min = 1, max = 200))]
    pub reference: String,
}

/// Payload of `withdraw`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Where the customer says so.
    #[schemars(length(min = 1, max = 200))]
    pub evidence_ref: String,
}

/// The flow that a complaint turns into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToFlow {
    /// 咨询
    Consultation,
    /// 技术支持
    TechSupport,
    /// 售后
    AfterSales,
}

impl ToFlow {
    /// The flow's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consultation => "consultation",
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
    /// Where the customer agrees that it is no complaint.
    #[schemars(length(min = 1, max = 200))]
    pub customer_consent_ref: String,
    /// Payload of that flow's start event; customer, channel and first owner are filled in.
    #[schemars(schema_with = "child_schema")]
    pub child: Map<String, Value>,
}

fn facts_schema(_: &mut SchemaGenerator) -> Schema {
    personal(1, 4_000)
}

fn date_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": DATE_FORMAT, "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })
}

fn representative_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": 200 },
            "authorisation_ref": { "type": "string", "minLength": 1, "maxLength": 200 },
        },
        "required": ["name", "authorisation_ref"],
        "additionalProperties": false,
        "x-personal": true,
    })
}

/// The members that start events of the other flows mark as personal are named, so that they are
/// sealed here already; the other flow's own schema checks the rest.
fn child_schema(_: &mut SchemaGenerator) -> Schema {
    let sealed = || json_schema!({ "x-personal": true });
    json_schema!({
        "type": "object",
        "maxProperties": 50,
        "properties": { "subject": sealed(), "impact_scope": sealed() },
    })
}
