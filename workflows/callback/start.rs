//! Owns rows 1 and 2: how a callback begins, and why it never does.

use super::event::Plan;
use super::measure::{Basis, Kind, Suppression};
use super::{Callback, Cx};
use crate::kernel::calendar::parse_zone;
use crate::kernel::case::{Case, Channel, Level, LinkType, Owner, Priority, ServiceGoal};
use crate::kernel::fact::Glimpse;
use crate::kernel::instant::Instant;
use crate::kernel::outcome::Refusal;
use crate::workflows::row::{by_system, guard, input, system_only};

/// One organisation on one server.
const TENANT: &str = "default";
const DAY_MILLIS: i64 = 86_400_000;

impl Callback {
    /// Rows 1 and 2.
    ///
    /// # Errors
    /// Why the callback does not begin.
    pub(super) fn begin(plan: &Plan, cx: &mut Cx<'_>) -> Result<Self, Refusal> {
        if plan.chain_depth.is_some() && !by_system(cx) {
            return Err(system_only("chain_depth"));
        }
        let zone = plan.zone.clone().unwrap_or_else(|| cx.policy.zone.clone());
        parse_zone(&zone).map_err(|reason| input("unknown_zone", reason))?;
        let due_by =
            plan.due_by.unwrap_or_else(|| cx.calendar.due(plan.window_from, cx.policy.due.of(plan.kind)));
        if due_by <= plan.window_from {
            let reason = format!("`due_by` {due_by} is not after `window_from` {}", plan.window_from);
            return Err(input("due_before_window", format!("{reason}; accepted is a later time")));
        }
        let source = source(plan, cx)?;
        let suppressed = suppression(plan, source.as_ref(), cx)?;
        cx.rule(if suppressed.is_none() { "1" } else { "2" });
        Ok(Self {
            case: new_case(plan, source.as_ref(), cx),
            kind: plan.kind,
            source_case: plan.source_case.clone(),
            channel_pref: plan.channel_pref.clone(),
            window_from: plan.window_from,
            due_by,
            script_id: plan.script_id.clone(),
            language: plan.language.clone(),
            zone,
            survey_contact: (suppressed.is_none() && !plan.kind.is_service()).then_some(plan.window_from),
            suppressed,
            attempts: 0,
            attempt_log: Vec::new(),
            unusable: Vec::new(),
            phone: None,
            email: None,
            locked_by: None,
            appointment_at: None,
            questionnaire_at: None,
            answered_at: None,
            score: None,
            resolved: None,
            usage: None,
            comment: None,
            answers: None,
            suggestions: Vec::new(),
            opted_out: None,
        })
    }
}

/// The case that it is about, where it is not the source itself that plans it.
fn source(plan: &Plan, cx: &mut Cx<'_>) -> Result<Option<Glimpse>, Refusal> {
    let (Some(id), None) = (&plan.source_case, plan.chain_depth) else { return Ok(None) };
    let Some(found) = cx.fact::<Option<Glimpse>>("other") else {
        return Err(guard("fact_missing", "the case that it is about was not read"));
    };
    let Some(source) = found else {
        return Err(input("unknown_case", format!("there is no case `{id}`")));
    };
    if source.get::<String>("/case/customer_id").as_ref() != Some(&plan.customer_id) {
        return Err(guard("another_customer", format!("`{id}` is another customer's case")));
    }
    Ok(Some(source))
}

/// Why nobody is contacted; none where somebody is.
fn suppression(
    plan: &Plan,
    source: Option<&Glimpse>,
    cx: &mut Cx<'_>,
) -> Result<Option<Suppression>, Refusal> {
    let Some(dealings) = cx.fact::<Vec<Glimpse>>("dealings") else {
        return Err(guard("fact_missing", "the customer's cases were not read"));
    };
    let marked =
        |case: &Glimpse| case.data.contains_key("/case/restricted") || case.data.contains_key("/case/erased");
    if dealings.iter().any(marked) {
        return Ok(Some(Suppression::Restricted));
    }
    if !has_basis(plan.kind, plan.basis, cx) {
        return Ok(Some(Suppression::NoBasis));
    }
    if plan.kind.is_service() {
        return Ok(None);
    }
    if source.is_some_and(|source| cx.policy.satisfaction.survey_on_disposition.leaves_out(&source.state)) {
        return Ok(Some(Suppression::Ending));
    }
    let Some(opted_out) = cx.fact::<u64>("count") else {
        return Err(guard("fact_missing", "the suppression list was not read"));
    };
    if opted_out > 0 {
        return Ok(Some(Suppression::OptedOut));
    }
    let near =
        |case: &Glimpse| case.get("/survey_contact").is_some_and(|at| is_near(at, plan.window_from, cx));
    Ok(dealings.iter().any(near).then_some(Suppression::Capped))
}

/// Whether contract or consent lets the customer be contacted (S2-41): by contract, unless the policy asks for
/// consent.
fn has_basis(kind: Kind, basis: Option<Basis>, cx: &Cx<'_>) -> bool {
    match basis {
        Some(Basis::Consent) => true,
        Some(Basis::Contract) | None => !cx.policy.consent_for.contains(&kind),
        Some(Basis::None) => false,
    }
}

/// Whether two contacts are nearer to each other than the cap lets them be.
fn is_near(one: Instant, other: Instant, cx: &Cx<'_>) -> bool {
    one.since(other).abs() < i64::from(cx.policy.cap_days) * DAY_MILLIS
}

fn new_case(plan: &Plan, source: Option<&Glimpse>, cx: &Cx<'_>) -> Case {
    let behind = source.and_then(|source| source.get::<u32>("/case/chain_depth")).map(|depth| depth + 1);
    let mut case = Case {
        case_no: cx.id.clone(),
        policy_version: cx.version,
        calendar_id: cx.calendar.name().to_owned(),
        tenant: TENANT.to_owned(),
        customer_id: plan.customer_id.clone(),
        customer_tier: plan.customer_tier.unwrap_or_default(),
        channel: plan.channel_pref.first().copied().unwrap_or(Channel::Phone),
        category: plan.kind.name().to_owned(),
        priority: Priority::Normal,
        service_goal: ServiceGoal::Satisfaction,
        first_owner: None,
        handover_to: None,
        owner: Owner::Queue(cx.policy.queue.clone()),
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
        chain_depth: plan.chain_depth.or(behind).unwrap_or(0),
        restricted: None,
        erased: None,
    };
    if let Some(source) = &plan.source_case {
        let kind = if by_system(cx) { LinkType::Spawned } else { LinkType::FollowUpOf };
        case.link(kind, source.clone());
    }
    case
}
