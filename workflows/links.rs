//! Owns what flows say to other cases alike: conversion, copies of a case, and messages after the end (X4).

use serde_json::{Map, Value, json};

use super::row::{Pass, guard, input, object};
use crate::kernel::case::{Case, LinkType};
use crate::kernel::common::{Intent, LateInbound};
use crate::kernel::effect::Spawn;
use crate::kernel::fact::Related;
use crate::kernel::id::InstanceId;
use crate::kernel::machine::Cx;

/// Starts a case of `flow` in the place of `case`: of the same customer, with the same first owner and
/// depth. The child knows this case under the name `origin`.
///
/// # Errors
/// `another_customer`; `flow_not_registered`.
pub fn convert<P>(
    case: &Case,
    (flow, origin): (&str, &str),
    child: &Map<String, Value>,
    cx: &mut Cx<'_, P>,
) -> Pass {
    let same = child.get("customer_id").is_none_or(|id| *id == json!(case.customer_id));
    if !same {
        return Err(input("another_customer", "`child.customer_id` must be the customer of this case"));
    }
    match cx.fact::<bool>("registered") {
        Some(true) => {}
        Some(false) | None => {
            let reason = format!("the flow `{flow}` is not registered in this server");
            return Err(guard("flow_not_registered", reason));
        }
    }
    let mut payload = child.clone();
    let copied = object(json!({
        "customer_id": case.customer_id,
        "channel": case.channel,
        "priority": case.priority,
        origin: case.case_no,
    }));
    for (name, value) in copied {
        payload.entry(name).or_insert(value);
    }
    // Not the sender's to say: the accountable person and the depth go with the case.
    payload.insert("chain_depth".into(), json!(case.chain_depth));
    if let Some(first_owner) = &case.first_owner {
        payload.insert("first_owner".into(), json!(first_owner));
    }
    cx.spawn(Spawn {
        rule: "convert".to_owned(),
        index: case.round,
        workflow: flow.to_owned(),
        link: "spawned".to_owned(),
        payload,
        child: None,
        due: None,
        lapses: None,
    });
    Ok(())
}

/// Makes `case` a copy of `of`, whose history is told where the copy's content stands: `text_ref`.
///
/// # Errors
/// `own_case`; `unknown_case`; `another_customer`; `master_closed`.
pub fn join_master<P>(
    case: &mut Case,
    workflow: &str,
    of: &InstanceId,
    text_ref: &str,
    cx: &mut Cx<'_, P>,
) -> Pass {
    if *of == case.case_no {
        return Err(input("own_case", "a case is no copy of itself; accepted is another case"));
    }
    let Some(found) = cx.fact::<Option<Related>>("case") else {
        return Err(guard("fact_missing", "the other case was not read"));
    };
    let Some(master) = found.filter(|found| found.workflow == workflow) else {
        return Err(input("unknown_case", format!("there is no {workflow} `{of}`")));
    };
    if master.customer_id.as_deref() != Some(case.customer_id.as_str()) {
        return Err(guard("another_customer", format!("`{of}` is another customer's case")));
    }
    if master.state.starts_with("closed.") {
        let reason = format!("`{of}` is {}; accepted is an open or settled case", master.state);
        return Err(guard("master_closed", reason));
    }
    case.link(LinkType::DuplicateOf, of.clone());
    let note = json!({ "text_ref": text_ref, "visibility": "internal" });
    cx.send(of.clone(), "note_added", object(note));
    Ok(())
}

/// A message after the end becomes a fact first.
pub fn late<P>(message_ref: &str, intent: Intent, cx: &mut Cx<'_, P>) {
    cx.follow("late_inbound", object(json!({ "message_ref": message_ref, "intent": intent })));
}

/// The customer reopens after the end: there is no message, so its moment names it.
pub fn late_reopen<P>(cx: &mut Cx<'_, P>) {
    let message_ref = format!("event:reopen@{}", cx.now);
    late(&message_ref, Intent::Dissatisfied, cx);
}

/// The customer's word after the end.
pub fn late_confirm<P>(satisfied: bool, cx: &mut Cx<'_, P>) {
    let intent = if satisfied { Intent::Thanks } else { Intent::Dissatisfied };
    let message_ref = format!("event:confirm@{}", cx.now);
    late(&message_ref, intent, cx);
}

/// What is written to a copy of `master` goes there, but for thanks.
pub fn redirect<P>(case: &Case, master: Option<&InstanceId>, message: &LateInbound, cx: &mut Cx<'_, P>) {
    if let Some(master) = master
        && message.intent != Intent::Thanks
        && case.erased.is_none()
    {
        let reply = json!({ "message_ref": message.message_ref, "intent": message.intent });
        cx.send(master.clone(), "customer_reply", object(reply));
    }
}

/// A question about something that came out of `case`, as the flow of consultations takes it.
pub fn question<P>(case: &Case, body_ref: &str, cx: &Cx<'_, P>) -> Map<String, Value> {
    object(json!({
        "customer_id": case.customer_id,
        "customer_tier": case.customer_tier,
        "channel": case.channel,
        "subject": format!("follow-up of {}", case.case_no),
        "body_ref": body_ref,
        "category": "other",
        "problem_type": case.category,
        "service_goal": case.service_goal,
        "occurred_at": cx.occurred_at,
        "follow_up_of": case.case_no,
        "chain_depth": case.chain_depth,
    }))
}

/// Starts the `number`-th case that comes out of `case`, with the same first owner where that one works now.
pub fn follow_up<P>(
    case: &Case,
    number: u32,
    workflow: &str,
    mut payload: Map<String, Value>,
    cx: &mut Cx<'_, P>,
) {
    if on_shift(case, cx) {
        payload.insert("first_owner".into(), json!(case.first_owner));
    }
    cx.spawn(Spawn {
        rule: "follow_up".to_owned(),
        index: number,
        workflow: workflow.to_owned(),
        link: "follow_up_of".to_owned(),
        payload,
        child: None,
        due: None,
        lapses: None,
    });
}

/// Whether the first owner works now; false where there is none.
pub fn on_shift<P>(case: &Case, cx: &mut Cx<'_, P>) -> bool {
    case.first_owner.is_some() && cx.fact::<bool>("on_shift").unwrap_or(false)
}
