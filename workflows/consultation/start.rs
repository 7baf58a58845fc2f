//! Owns row 1: how a consultation begins.

use serde_json::json;

use super::event::Submit;
use super::{Consultation, Cx, RING};
use crate::kernel::actor::Role;
use crate::kernel::case::{Case, Channel, Level, LinkType, Owner};
use crate::kernel::fact::Related;
use crate::kernel::outcome::{Refusal, RefusalKind};
use crate::workflows::row::{by_system, guard, object, system_only};

/// One organisation on one server.
const TENANT: &str = "default";

impl Consultation {
    /// Row 1.
    ///
    /// # Errors
    /// Why the case does not begin.
    pub(super) fn begin(submit: &Submit, cx: &mut Cx<'_>) -> Result<Self, Refusal> {
        check_sender(submit, cx)?;
        check_external_ref(submit, cx)?;
        let related: Vec<Related> = cx.fact("customer_cases").unwrap_or_default();
        let case = new_case(submit, cx);
        cx.rule("1");
        if case.channel == Channel::Phone {
            let due = cx.calendar.due(cx.now, cx.policy.frt.phone);
            cx.arm(RING, due);
        }
        suggest_duplicates(submit, &related, cx);
        if case.off_hours {
            reply_automatically(case.channel, &related, cx);
        }
        Ok(Self {
            case,
            subject: submit.subject.clone(),
            body_ref: submit.body_ref.clone(),
            problem_type: submit.problem_type.clone(),
            happened_at: submit.happened_at,
            impact_scope: submit.impact_scope.clone(),
            external_ref: submit.external_ref.clone(),
            due_at: submit.due_at,
            auto_reply_period: None,
            department: None,
            purpose: None,
            handoff_note: None,
            dept_resume: None,
            returns: 0,
            binding: false,
            arbitration_pending: false,
            waiting_resume: None,
            asked_at: None,
            reminders: 0,
            renewals: 0,
            escalated_to: Level::None,
            master: None,
            unclassified: Vec::new(),
            ring_seconds: 0,
            call_answered: false,
            answers: Vec::new(),
            callbacks: Vec::new(),
            follow_ups: 0,
        })
    }
}

fn check_sender(submit: &Submit, cx: &Cx<'_>) -> Result<(), Refusal> {
    if cx.actor.role == Role::Customer {
        if cx.actor.id != submit.customer_id {
            let reason = "a customer asks in the own name only";
            return Err(Refusal::new(RefusalKind::Duty, "not_your_case", reason));
        }
        if submit.customer_tier.is_some() {
            let reason = "`customer_tier` is not the customer's to set";
            return Err(Refusal::new(RefusalKind::Role, "not_from_customer", reason));
        }
    }
    if by_system(cx) {
        return Ok(());
    }
    for (name, given) in [
        ("due_at", submit.due_at.is_some()),
        ("follow_up_of", submit.follow_up_of.is_some()),
        ("first_owner", submit.first_owner.is_some()),
        ("chain_depth", submit.chain_depth.is_some()),
    ] {
        if given {
            return Err(system_only(name));
        }
    }
    Ok(())
}

fn check_external_ref(submit: &Submit, cx: &mut Cx<'_>) -> Result<(), Refusal> {
    let Some(external_ref) = &submit.external_ref else { return Ok(()) };
    match cx.fact::<Option<Related>>("open_case") {
        Some(Some(open)) => {
            let reason = format!("`{external_ref}` is open already as case `{}`", open.id);
            Err(guard("already_open", reason))
        }
        Some(None) => Ok(()),
        None => Err(guard("fact_missing", "open cases with this reference were not read")),
    }
}

fn new_case(submit: &Submit, cx: &Cx<'_>) -> Case {
    let queue = Owner::Queue(cx.policy.queues.of(submit.category).to_owned());
    let mut case = Case {
        case_no: cx.id.clone(),
        policy_version: cx.version,
        calendar_id: cx.calendar.name().to_owned(),
        tenant: TENANT.to_owned(),
        customer_id: submit.customer_id.clone(),
        customer_tier: submit.customer_tier.unwrap_or_default(),
        channel: submit.channel,
        category: submit.category.name().to_owned(),
        priority: submit.priority,
        service_goal: submit.service_goal,
        first_owner: submit.first_owner.clone(),
        handover_to: None,
        owner: submit.first_owner.clone().map_or(queue, Owner::Person),
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
        chain_depth: submit.chain_depth.unwrap_or(0),
        restricted: None,
        erased: None,
    };
    if let Some(origin) = &submit.follow_up_of {
        case.link(LinkType::FollowUpOf, origin.clone());
    }
    case
}

/// An unfinished case of the same customer about the same kind of problem is likely the same.
fn suggest_duplicates(submit: &Submit, related: &[Related], cx: &mut Cx<'_>) {
    let alike = |other: &&Related| {
        !other.state.starts_with("closed.")
            && other.problem_type.as_ref() == Some(&submit.problem_type)
            && submit.follow_up_of.as_ref() != Some(&other.id)
    };
    if let Some(other) = related.iter().find(alike) {
        cx.notify("owner", "possible_duplicate", json!({ "case_no": other.id }));
    }
}

/// Tells the customer that nobody is there, once in a closed period (A5); no clock stops for it (R8).
fn reply_automatically(channel: Channel, related: &[Related], cx: &mut Cx<'_>) {
    let Some(period) = cx.calendar.closed_since(cx.occurred_at).map(|since| since.to_string()) else {
        return;
    };
    let told = related.iter().any(|other| other.auto_reply_period.as_ref() == Some(&period));
    let policy = &cx.policy.auto_reply;
    if told && policy.once_per_closed_period {
        return;
    }
    let template = policy.template(channel).to_owned();
    let answered_from = cx.calendar.next_open(cx.now);
    cx.notify("customer", &template, json!({ "channel": channel, "open_at": answered_from }));
    cx.follow("auto_reply_sent", object(json!({ "template_id": template, "period_key": period })));
}
