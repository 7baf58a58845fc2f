//! Owns row 1: how a complaint begins.

use serde_json::json;

use super::event::Register;
use super::measure::Cause;
use super::{Complaint, Cx};
use crate::kernel::actor::Role;
use crate::kernel::case::{Case, Level, LinkType, Owner, Priority, ServiceGoal};
use crate::kernel::fact::Earlier;
use crate::kernel::outcome::{Refusal, RefusalKind};
use crate::workflows::row::{Pass, by_system, duty, system_only};

/// One organisation on one server.
const TENANT: &str = "default";

impl Complaint {
    /// Row 1.
    ///
    /// # Errors
    /// Why the complaint does not begin.
    pub(super) fn begin(register: &Register, cx: &mut Cx<'_>) -> Result<Self, Refusal> {
        check_sender(register, cx)?;
        Self::keep_out(&register.subjects, &[], cx)?;
        let earlier: Vec<Earlier> = if register.subjects.is_empty() {
            Vec::new()
        } else {
            cx.fact("subject_cases").unwrap_or_default()
        };
        cx.rule("1");
        let mut begun = Self::new(register, cx);
        begun.suggest_duplicate(&earlier, cx);
        begun.note_repetition(&earlier, cx);
        begun.tell_registered(cx);
        Ok(begun)
    }

    fn new(register: &Register, cx: &Cx<'_>) -> Self {
        Self {
            case: new_case(register, cx),
            facts: register.facts.clone(),
            happened_at: register.happened_at,
            subjects: register.subjects.clone(),
            remedy_sought: register.remedy_sought.clone(),
            evidence: register.evidence.clone(),
            cause_claimed: register.cause_claimed,
            representative: register.representative.clone(),
            assessed: false,
            severity: None,
            complexity: None,
            cause: None,
            repeat: false,
            safety: register.cause_claimed == Cause::Safety,
            department: None,
            handler: None,
            excluded_handlers: Vec::new(),
            returns: 0,
            binding: false,
            findings: None,
            actions: Vec::new(),
            action_pauses: Vec::new(),
            accepted_at: None,
            proposer: Vec::new(),
            panel: Vec::new(),
            told: false,
            is_final: false,
            review_requested_round: None,
            attempts: Vec::new(),
            extensions: Vec::new(),
            extended_to: None,
            waiting_resume: None,
            suspended_resume: None,
            unreachable_from: None,
            asked_at: None,
            reminders: 0,
            asked_pauses: Vec::new(),
            confirm_since: None,
            unclassified: Vec::new(),
            master: None,
            callbacks: Vec::new(),
            follow_ups: 0,
            improvement: false,
        }
    }

    /// One that is not closed, of the same customer about the same subject, is likely the same.
    fn suggest_duplicate(&self, earlier: &[Earlier], cx: &mut Cx<'_>) {
        let origins: Vec<_> = self.case.links.iter().map(|link| &link.id).collect();
        let open = |other: &&Earlier| !other.state.starts_with("closed.") && !origins.contains(&&other.id);
        if let Some(other) = earlier.iter().find(open) {
            cx.notify("owner", "possible_duplicate", json!({ "case_no": other.id }));
        }
    }

    /// One about the same subject that was closed not long ago is repeated (S2-48).
    fn note_repetition(&mut self, earlier: &[Earlier], cx: &Cx<'_>) {
        let counts = |other: &&Earlier| {
            // What was a copy counts with its master, and what was no complaint not at all.
            let complaint = !matches!(other.state.as_str(), "closed.duplicate" | "closed.converted");
            let until = other.closed.map(|at| cx.calendar.due(at, cx.policy.repeat_within));
            complaint && until.is_some_and(|until| cx.now <= until)
        };
        if let Some(other) = earlier.iter().find(counts) {
            self.case.link(LinkType::RepeatOf, other.id.clone());
            self.repeat = true;
        }
    }
}

fn check_sender(register: &Register, cx: &Cx<'_>) -> Pass {
    if cx.actor.role == Role::Customer {
        if cx.actor.id != register.customer_id {
            return Err(duty("not_your_case", "a customer complains in the own name only"));
        }
        if register.customer_tier.is_some() {
            let reason = "`customer_tier` is not the customer's to set";
            return Err(Refusal::new(RefusalKind::Role, "not_from_customer", reason));
        }
    }
    if by_system(cx) {
        return Ok(());
    }
    for (name, given) in [
        ("follow_up_of", register.follow_up_of.is_some()),
        ("first_owner", register.first_owner.is_some()),
        ("chain_depth", register.chain_depth.is_some()),
    ] {
        if given {
            return Err(system_only(name));
        }
    }
    Ok(())
}

fn new_case(register: &Register, cx: &Cx<'_>) -> Case {
    let queue = Owner::Queue(cx.policy.queue.clone());
    let urgent = register.cause_claimed == Cause::Safety;
    let mut case = Case {
        case_no: cx.id.clone(),
        policy_version: cx.version,
        calendar_id: cx.calendar.name().to_owned(),
        tenant: TENANT.to_owned(),
        customer_id: register.customer_id.clone(),
        customer_tier: register.customer_tier.unwrap_or_default(),
        channel: register.channel,
        category: register.cause_claimed.name().to_owned(),
        priority: if urgent { Priority::Urgent } else { register.priority },
        service_goal: ServiceGoal::Satisfaction,
        first_owner: register.first_owner.clone(),
        handover_to: None,
        owner: register.first_owner.clone().map_or(queue, Owner::Person),
        owner_dept: None,
        off_hours: !cx.calendar.is_open(cx.occurred_at),
        opened_at: cx.now,
        round: 1,
        transfers: 0,
        escalation_level: Level::None,
        reopen_count: 0,
        disposition: None,
        satisfaction: None,
        links: Vec::new(),
        promises: Vec::new(),
        chain_depth: register.chain_depth.unwrap_or(0),
        restricted: None,
        erased: None,
    };
    if let Some(origin) = &register.follow_up_of {
        case.link(LinkType::FollowUpOf, origin.clone());
    }
    if let Some(source) = &register.source_case {
        case.link(LinkType::CausedBy, source.clone());
    }
    case
}
