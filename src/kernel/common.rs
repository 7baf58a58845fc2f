//! Owns the events that every flow accepts (flows.md §3.0.3) and what they do by default.
//!
//! A machine sees a common event first and may give it a transition; where it
//! lets the event pass, [`handle`] does what the table says, without one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::case::{Case, Context, Handle, Link, LinkType, Owner, Parts, Priority, Satisfaction, Tier};
use super::id::InstanceId;
use super::instant::Instant;
use super::machine::{Cx, EventSet, ExtraName};
use super::outcome::RefusalKind;
use super::personal::Personal;
use super::sla::rule::{BREACH, Rung};

/// What the common events need of a flow's policy.
pub trait CasePolicy {
    /// Reasons for which a department manager may suspend a clock.
    fn suspend_reasons(&self) -> &[String];
    /// The percent at which clocks warn, and the ladder, where a clock declares none of its own (R9).
    fn ladder(&self) -> (u32, Vec<Rung>) {
        (BREACH, Vec::new())
    }
    /// What reports compare KPIs with: number of the KPI, and the decimal below which it is an alarm.
    fn kpi_targets(&self) -> std::collections::BTreeMap<String, String> {
        std::collections::BTreeMap::new()
    }
    /// When the legal retention of a case that ended at `ended` is over.
    fn retained_until(&self, ended: Instant) -> Instant;
}

/// Where in its life a case is; decides which common events it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Being worked on.
    Open,
    /// Inside the reopen window.
    Settled,
    /// At its end.
    Final,
}

/// An event that carries nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Payload of `note_added`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteAdded {
    /// Stored text of the note.
    #[schemars(length(min = 1, max = 200))]
    pub text_ref: String,
    /// Who may read it.
    pub visibility: Visibility,
}

/// Who may read a note.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Staff only.
    Internal,
    /// The customer too.
    Public,
}

/// Payload of `attachment_added`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachmentAdded {
    /// Stored content.
    #[schemars(length(min = 1, max = 200))]
    pub blob_ref: String,
    /// Its digest.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Whether it holds personal data.
    pub pii: bool,
}

/// Payload of `assigned`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assigned {
    /// The new owner: `{"person": {"id", "role"}}` or `{"queue": name}`.
    pub to: Owner,
    /// Why.
    pub reason: Personal,
}

/// Payload of `handover_requested`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandoverRequested {
    /// Who should become first owner.
    pub to: Handle,
    /// What the successor must know.
    pub note: Personal,
}

/// Payload of `handover_accepted`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandoverAccepted {
    /// Set by the engine when an owner was deactivated (X16).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto: bool,
    /// The successor; only with `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Handle>,
}

/// Payload of `satisfaction_recorded`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SatisfactionRecorded {
    /// 1 (worst) to 5 (best).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5))]
    pub score: Option<u8>,
    /// Whether the problem is solved.
    pub resolved: bool,
    /// The customer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Personal>,
    /// The callback it comes from.
    pub callback: InstanceId,
}

/// Payload of `priority_changed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityChanged {
    /// The new priority.
    pub to: Priority,
    /// Why.
    pub reason: Personal,
}

/// Payload of `tier_changed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierChanged {
    /// The new tier.
    pub to: Tier,
}

/// Payload of `linked`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Linked {
    /// How the other is related.
    #[serde(rename = "type")]
    pub kind: LinkType,
    /// The other instance.
    pub id: InstanceId,
}

/// Payload of `clock_suspended`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockSuspended {
    /// The clock.
    #[schemars(length(min = 1, max = 40))]
    pub clock: String,
    /// One of the policy's suspend reasons.
    #[schemars(length(min = 1, max = 60))]
    pub reason_code: String,
    /// When it runs on by itself.
    pub until: Instant,
}

/// Payload of `clock_resumed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockResumed {
    /// The clock.
    #[schemars(length(min = 1, max = 40))]
    pub clock: String,
}

/// Payload of `sla_warned`, `sla_breached` and `sla_escalated`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlaFact {
    /// The clock.
    pub clock: String,
    /// Which run of it.
    pub cycle: u32,
    /// When it was due.
    pub due: Instant,
    /// Percent of the target.
    pub level: u32,
}

/// Payload of `calendar_amended`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarAmended {
    /// The calendar.
    pub calendar: String,
    /// Content hash before.
    pub from: String,
    /// Content hash after.
    pub to: String,
}

/// Payload of `clock_retargeted`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockRetargeted {
    /// The clock.
    pub clock: String,
    /// Which run of it.
    pub cycle: u32,
    /// Due before.
    pub due_old: Instant,
    /// Due after.
    pub due_new: Instant,
    /// Why.
    pub cause: String,
}

/// Payload of `late_inbound`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LateInbound {
    /// Stored content of the message.
    #[schemars(length(min = 1, max = 200))]
    pub message_ref: String,
    /// What the customer wants.
    pub intent: Intent,
}

/// What a customer's message wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Gives what was asked for.
    Info,
    /// Thanks.
    Thanks,
    /// Is not satisfied.
    Dissatisfied,
    /// Raises something else.
    NewIssue,
    /// Nobody has read it yet.
    Unknown,
}

/// Payload of `verdict_corrected`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerdictCorrected {
    /// The clock.
    pub clock: String,
    /// Which run of it.
    pub cycle: u32,
    /// The right verdict.
    pub to: Verdict,
    /// Why.
    pub reason: Personal,
    /// Who approved.
    pub approver: Handle,
    /// Whether the engine found it by itself (X6).
    pub auto: bool,
}

/// Whether a clock stopped in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// In time.
    Met,
    /// Too late.
    Breached,
}

/// Payload of `policy_migrated`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyMigrated {
    /// The version the case runs with.
    #[schemars(range(min = 1))]
    pub from: u32,
    /// The version it runs with from now on.
    #[schemars(range(min = 1))]
    pub to: u32,
}

/// Payload of `force_closed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForceClosed {
    /// Why.
    pub reason: Personal,
    /// The second person.
    pub approver: Handle,
}

/// Payload of `subject_restricted` and `subject_erased`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The customer's pseudonym.
    #[schemars(length(min = 1, max = 100))]
    pub subject_id: String,
    /// The legal basis.
    #[schemars(length(min = 1, max = 500))]
    pub basis: String,
}

/// Payload of `correction`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// The entry that is wrong.
    #[schemars(range(min = 1))]
    pub of_seq: u64,
    /// Which of its fields.
    #[schemars(length(min = 1, max = 200))]
    pub field: String,
    /// What it should have said; may be anything, so it is kept as a personal value.
    #[schemars(extend("x-personal" = true))]
    pub new_value: Value,
    /// Why.
    pub reason: Personal,
    /// The second person.
    pub second: Handle,
}

crate::events! {
    /// The events that every flow accepts.
    enum Common {
        /// Adds a note.
        NoteAdded(NoteAdded) = "note_added",
        /// Adds a file.
        AttachmentAdded(AttachmentAdded) = "attachment_added",
        /// Gives the case to a person or a queue.
        Assigned(Assigned) = "assigned",
        /// Asks another person to become first owner.
        HandoverRequested(HandoverRequested) = "handover_requested",
        /// Takes over as first owner.
        HandoverAccepted(HandoverAccepted) = "handover_accepted",
        /// The first owner has seen how the case ended (K19).
        ClosureAcknowledged(Nothing) = "closure_acknowledged",
        /// A callback or survey tells what the customer says.
        SatisfactionRecorded(SatisfactionRecorded) = "satisfaction_recorded",
        /// Changes how soon the case should be done.
        PriorityChanged(PriorityChanged) = "priority_changed",
        /// Changes how valued the customer is; for new clock cycles only.
        TierChanged(TierChanged) = "tier_changed",
        /// Relates the case to another.
        Linked(Linked) = "linked",
        /// Stops a clock for a listed reason.
        ClockSuspended(ClockSuspended) = "clock_suspended",
        /// Lets a suspended clock run on.
        ClockResumed(ClockResumed) = "clock_resumed",
        /// A clock reached its warn point.
        SlaWarned(SlaFact) = "sla_warned",
        /// A clock passed its due time.
        SlaBreached(SlaFact) = "sla_breached",
        /// A clock reached a level of its ladder.
        SlaEscalated(SlaFact) = "sla_escalated",
        /// The calendar of the case was amended.
        CalendarAmended(CalendarAmended) = "calendar_amended",
        /// A clock has another due time.
        ClockRetargeted(ClockRetargeted) = "clock_retargeted",
        /// The customer wrote after the end (X4).
        LateInbound(LateInbound) = "late_inbound",
        /// A wrong verdict is answered by the right one.
        VerdictCorrected(VerdictCorrected) = "verdict_corrected",
        /// The case runs with another version of the definition from now on.
        PolicyMigrated(PolicyMigrated) = "policy_migrated",
        /// Ends the case by decision of two people.
        ForceClosed(ForceClosed) = "force_closed",
        /// The customer's data may no longer be used.
        SubjectRestricted(Subject) = "subject_restricted",
        /// The customer's data is gone.
        SubjectErased(Subject) = "subject_erased",
        /// Answers a wrong entry; the old one stays.
        Correction(Correction) = "correction",
    }
}

impl ExtraName for Common {
    fn extra_name(&self) -> &'static str {
        self.name()
    }
}

impl Common {
    /// Whether a case at `stage` accepts this kind of event by default.
    pub fn fits(&self, stage: Stage) -> bool {
        fits(self.name(), stage)
    }
}

/// The common events that a case at `stage` accepts by default.
pub fn accepted(stage: Stage) -> impl Iterator<Item = &'static str> {
    Common::specs().iter().map(|spec| spec.name).filter(move |name| fits(name, stage))
}

/// Whether a case at `stage` accepts the common event called `name` by default (§3.0.3, "any
/// non-final state unless said").
fn fits(name: &str, stage: Stage) -> bool {
    match name {
        "closure_acknowledged" => stage != Stage::Open,
        "late_inbound" => stage == Stage::Final,
        "satisfaction_recorded"
        | "subject_restricted"
        | "subject_erased"
        | "correction"
        | "verdict_corrected" => true,
        // A machine has a row of its own for it, or does not know it.
        "force_closed" => false,
        _ => stage != Stage::Final,
    }
}

/// Does what §3.0.3 says of `event` to a customer's case; refuses through `cx`. The caller has checked
/// [`Common::fits`].
pub fn handle<P: CasePolicy>(case: &mut Case, event: &Common, stage: Stage, cx: &mut Cx<'_, P>) {
    match event {
        Common::HandoverRequested(request) => request_handover(case, request, cx),
        Common::HandoverAccepted(accepted) => accept_handover(case, accepted, cx),
        Common::ClosureAcknowledged(_) => {
            if !case.is_first_owner(cx.actor) {
                cx.refuse(
                    RefusalKind::Duty,
                    "not_first_owner",
                    "only the first owner acknowledges the closure",
                );
            }
        }
        Common::SatisfactionRecorded(said) => record_satisfaction(case, said),
        Common::PriorityChanged(change) => change_priority(case, change, cx),
        Common::TierChanged(change) => case.customer_tier = change.to,
        _ => handle_shared(case, event, stage, cx),
    }
}

/// Does what §3.0.3 says of the events that need no customer, to a case of any kind.
pub fn handle_shared<C: Context, P: CasePolicy>(
    case: &mut C,
    event: &Common,
    stage: Stage,
    cx: &mut Cx<'_, P>,
) {
    match event {
        Common::Assigned(assigned) => case.parts().owner.clone_from(&assigned.to),
        Common::Linked(link) => relate(case, link, cx),
        Common::ClockSuspended(suspension) => check_suspension(suspension, cx),
        Common::Correction(correction) => check_second(&correction.second, cx),
        Common::VerdictCorrected(correction) => check_correction(case, correction, cx),
        Common::PolicyMigrated(migration) => migrate(case.parts().policy_version, migration, cx),
        Common::SubjectRestricted(subject) => restrict(case, subject, cx),
        Common::SubjectErased(subject) => erase(case, subject, stage, cx),
        Common::HandoverRequested(_)
        | Common::HandoverAccepted(_)
        | Common::ClosureAcknowledged(_)
        | Common::SatisfactionRecorded(_)
        | Common::PriorityChanged(_)
        | Common::TierChanged(_)
        | Common::NoteAdded(_)
        | Common::AttachmentAdded(_)
        | Common::ClockResumed(_)
        | Common::SlaWarned(_)
        | Common::SlaBreached(_)
        | Common::SlaEscalated(_)
        | Common::CalendarAmended(_)
        | Common::ClockRetargeted(_)
        | Common::LateInbound(_)
        | Common::ForceClosed(_) => {}
    }
}

/// Sets what the customer said of the settled round.
pub fn record_satisfaction(case: &mut Case, said: &SatisfactionRecorded) {
    case.satisfaction = Some(Satisfaction {
        score: said.score,
        resolved: Some(said.resolved),
        round: case.round,
        callback: Some(said.callback.clone()),
    });
}

/// Nobody voids a breach of own work (separation of duties); the engine alone corrects by itself (X6).
fn check_correction<C: Context, P>(case: &C, correction: &VerdictCorrected, cx: &mut Cx<'_, P>) {
    if correction.auto {
        if cx.actor.role != super::actor::Role::System {
            cx.refuse(RefusalKind::Duty, "not_automatic", "`auto` is the engine's to say; accepted is false");
        }
        return;
    }
    check_second(&correction.approver, cx);
    let performed = |id: &str| case.performed_by(id);
    if correction.to == Verdict::Met && (performed(&cx.actor.id) || performed(&correction.approver.id)) {
        let reason = "whoever worked on the case does not void its breach; accepted are two other people";
        cx.refuse(RefusalKind::Duty, "own_breach", reason);
    }
}

/// Refuses where the second person is the sender.
pub fn check_second<P>(second: &Handle, cx: &mut Cx<'_, P>) {
    if second.id == cx.actor.id {
        let reason = format!("`{}` cannot be both the sender and the second person", second.id);
        cx.refuse(RefusalKind::Duty, "second_person_needed", reason);
    }
}

fn relate<C: Context, P>(case: &mut C, link: &Linked, cx: &mut Cx<'_, P>) {
    let Parts { case_no, links, .. } = case.parts();
    if link.id == *case_no {
        cx.refuse(
            RefusalKind::Input,
            "own_case",
            "a case is not linked to itself; accepted is another instance",
        );
    } else {
        Link { kind: link.kind, id: link.id.clone() }.add_to(links);
    }
}

fn request_handover<P>(case: &mut Case, request: &HandoverRequested, cx: &mut Cx<'_, P>) {
    if case.is_first_owner(cx.actor) {
        case.handover_to = Some(request.to.clone());
    } else {
        cx.refuse(RefusalKind::Duty, "not_first_owner", "only the first owner hands the case over");
    }
}

fn accept_handover<P>(case: &mut Case, accepted: &HandoverAccepted, cx: &mut Cx<'_, P>) {
    if accepted.auto {
        case.first_owner.clone_from(&accepted.to);
        case.handover_to = None;
        return;
    }
    match case.handover_to.take() {
        Some(to) if to.id == cx.actor.id => case.first_owner = Some(to),
        Some(to) => {
            let reason = format!("the case was offered to `{}`", to.id);
            cx.refuse(RefusalKind::Duty, "handover_for_another", reason);
        }
        None => cx.refuse(RefusalKind::Guard, "no_handover", "nobody was asked to take the case over"),
    }
}

fn change_priority<P>(case: &mut Case, change: &PriorityChanged, cx: &mut Cx<'_, P>) {
    let supervisor = cx.actor.role.includes(super::actor::Role::Supervisor);
    if change.to < case.priority && !supervisor {
        cx.refuse(RefusalKind::Role, "role_not_allowed", "only a supervisor lowers a priority");
    } else {
        case.priority = change.to;
    }
}

fn check_suspension<P: CasePolicy>(suspension: &ClockSuspended, cx: &mut Cx<'_, P>) {
    let reasons = cx.policy.suspend_reasons();
    if !reasons.contains(&suspension.reason_code) {
        let reason = format!(
            "`{}` is not a reason to suspend a clock; reasons are {}",
            suspension.reason_code,
            if reasons.is_empty() { "none in this flow".into() } else { reasons.join(", ") }
        );
        cx.refuse(RefusalKind::Input, "suspend_reason", reason);
    } else if suspension.until <= cx.now {
        cx.refuse(RefusalKind::Input, "time_passed", "`until` must lie in the future");
    }
}

fn migrate<P>(version: &mut u32, migration: &PolicyMigrated, cx: &mut Cx<'_, P>) {
    if migration.from != *version {
        let reason = format!("the case runs with version {version}, not {}", migration.from);
        cx.refuse(RefusalKind::Guard, "version_differs", reason);
        return;
    }
    match cx.fact::<Option<String>>("definition") {
        Some(Some(hash)) => {
            *version = migration.to;
            cx.repin(hash);
        }
        Some(None) => {
            let reason = format!("version {} of the definition was never published", migration.to);
            cx.refuse(RefusalKind::Input, "unknown_version", reason);
        }
        None => {}
    }
}

/// Whether `subject` is whom the case is about; refuses through `cx` where not.
pub fn subject_is<C: Context, P>(case: &C, subject: &Subject, cx: &mut Cx<'_, P>) -> bool {
    let same = case.subject() == Some(subject.subject_id.as_str());
    if !same {
        let reason = format!("`{}` is not the {} of this case", subject.subject_id, C::SUBJECT);
        cx.refuse(RefusalKind::Input, "another_subject", reason);
    }
    same
}

/// Timers that only serve to contact the subject have this in their name.
const REMINDER: &str = "REMIND";

fn restrict<C: Context, P>(case: &mut C, subject: &Subject, cx: &mut Cx<'_, P>) {
    if subject_is(case, subject, cx) {
        *case.parts().restricted = Some(subject.basis.clone());
        cx.cancel_where(|timer| timer.contains(REMINDER));
        cx.drop_callbacks();
    }
}

fn erase<C: Context, P: CasePolicy>(case: &mut C, subject: &Subject, stage: Stage, cx: &mut Cx<'_, P>) {
    if !subject_is(case, subject, cx) {
        return;
    }
    if stage != Stage::Final {
        cx.refuse(RefusalKind::Guard, "subject_in_use", "the case is open: restrict the subject instead");
        return;
    }
    let until = cx.policy.retained_until(cx.last_entry);
    if cx.now < until {
        let reason = format!("the case is under legal retention until {until}: restrict the subject instead");
        cx.refuse(RefusalKind::Guard, "subject_retained", reason);
        return;
    }
    *case.parts().erased = Some(subject.basis.clone());
    cx.drop_callbacks();
}
