//! Owns the guards: who may not, what is missing, and what the complaint must be like.

use serde_json::{Value, json};

use super::super::measure::{Place, Severity};
use super::drive::{
    Drive, agent, assessment, complaint, customer, gateway, handler, manager, owner, supervisor,
};
use crate::kernel::actor::{Actor, Role};
use crate::kernel::case::{LinkType, Priority};
use crate::kernel::effect::{Effect, Spawn};
use crate::kernel::id::InstanceId;
use crate::kernel::outcome::RefusalKind;

/// An event that must be refused with `kind` and `code`.
#[track_caller]
fn refuses(drive: &mut Drive, actor: Actor, event: &str, payload: Value, kind: RefusalKind, code: &str) {
    let refusal = drive.refused(actor, event, payload);
    assert_eq!((refusal.kind, refusal.code), (kind, code), "{}", refusal.reason);
}

fn spawned(drive: &Drive) -> &Spawn {
    let spawn = drive.effects.iter().find_map(|effect| match effect {
        Effect::Spawn(spawn) => Some(spawn),
        _ => None,
    });
    spawn.expect("something was spawned")
}

fn dispatch() -> Value {
    json!({ "department": "service", "handoff_note": "客户投诉服务态度，请调查。" })
}

fn refund(amount: &str) -> Value {
    json!([{ "no": 1, "type": "refund", "amount": { "amount": amount, "currency": "CNY" } }])
}

fn propose(actions: &Value) -> Value {
    json!({ "actions": actions, "rationale": "r" })
}

/// A complaint about agent B.
fn about_b() -> Value {
    let mut payload = complaint();
    payload["subjects"] = json!([{ "kind": "actor", "id": "agent-b" }]);
    payload
}

const LIMITS: fn(&mut Value) = |policy| {
    policy["approval_limits"] = json!({
        "currency": "CNY", "agent": "10", "dept_handler": "20.5", "senior_agent": "30", "limit1": "100", "limit2": "500"
    });
};

#[test]
fn subject_and_whoever_works_for_one_are_kept_out_in_every_state() {
    let mut drive = Drive::new();
    drive.send(gateway(), "register", about_b());
    drive.facts["superiors"] = json!({ "agent-b": ["sue"], "agent-c": ["x", "agent-b"], "agent-a": ["sue"] });
    for who in ["agent-b", "agent-c"] {
        for (event, payload) in [
            (
                "acknowledge",
                json!({ "handler_contact": "t", "expected_by": "2026-03-11T10:00:00Z", "message_ref": "m" }),
            ),
            ("note_added", json!({ "text_ref": "n", "visibility": "internal" })),
            ("withdraw", json!({ "evidence_ref": "e" })),
        ] {
            refuses(&mut drive, agent(who), event, payload, RefusalKind::Duty, "conflict_of_interest");
        }
    }
    drive.take("acknowledge:agent");
    drive.take("withdraw:customer");
    let correction = json!({ "of_seq": 1, "field": "category", "new_value": "x", "reason": "r",
        "second": { "id": "y", "role": "supervisor" } });
    let boss = Actor::person("agent-c", Role::Supervisor);
    refuses(&mut drive, boss, "correction", correction, RefusalKind::Duty, "conflict_of_interest");
}

#[test]
fn subject_does_not_register_the_complaint_and_others_need_the_fact() {
    let mut drive = Drive::new();
    refuses(&mut drive, agent("agent-b"), "register", about_b(), RefusalKind::Duty, "conflict_of_interest");
    drive.send(agent("agent-a"), "register", about_b());
    let entry = drive.entries.last().unwrap();
    assert_eq!(entry.to, "open.intake.registered");
}

#[test]
fn nobody_with_a_conflict_is_given_a_part_in_it() {
    let mut drive = Drive::new();
    drive.send(gateway(), "register", about_b());
    drive.facts["superiors"] = json!({ "handler-c": ["agent-b"] });
    drive.take("acknowledge:agent");
    drive.send(agent("agent-a"), "assess", assessment("normal", "simple", false));
    let to = |id: &str| json!({ "to": { "person": { "id": id, "role": "agent" } }, "reason": "r" });
    refuses(&mut drive, supervisor(), "assigned", to("agent-b"), RefusalKind::Duty, "conflict_of_interest");
    let mut ask = dispatch();
    ask["handler"] = json!({ "id": "handler-c", "role": "dept_handler" });
    refuses(&mut drive, agent("agent-a"), "dispatch", ask, RefusalKind::Duty, "conflict_of_interest");
    drive.take("request_review:customer");
    let panel = json!({ "decision": "uphold", "rationale": "r",
        "panel": [{ "id": "j", "role": "supervisor" }, { "id": "agent-b", "role": "agent" }] });
    refuses(&mut drive, owner(), "review_decision", panel, RefusalKind::Duty, "conflict_of_interest");
}

#[test]
fn complaint_about_a_product_asks_nobody_whom_they_work_for() {
    use super::super::event::Event;
    use crate::kernel::step::Machine;
    let mut drive = Drive::after(&["register:mail"]);
    let event = Event::RequestReview(super::super::event::RequestReview {
        reason: crate::kernel::personal::Personal(json!("r")),
    });
    let data = drive.data();
    assert!(super::super::Complaint::sender_facts(Some(&data), &event, &agent("agent-a")).is_empty());
    drive.facts.remove("superiors");
    drive.take("acknowledge:agent");
}

#[test]
fn customers_complain_in_their_own_name() {
    let mut drive = Drive::new();
    let stranger = Actor::person("c-9", Role::Customer);
    refuses(&mut drive, stranger, "register", complaint(), RefusalKind::Duty, "not_your_case");
    let mut vip = complaint();
    vip["customer_tier"] = json!("vip");
    refuses(&mut drive, customer(), "register", vip, RefusalKind::Role, "not_from_customer");
    for (name, value) in
        [("first_owner", json!({ "id": "agent-a", "role": "agent" })), ("chain_depth", json!(1))]
    {
        let mut carried = complaint();
        carried[name] = value;
        refuses(&mut drive, gateway(), "register", carried, RefusalKind::Role, "system_only");
    }
}

#[test]
fn danger_makes_it_urgent_from_the_start_or_by_assessment() {
    let mut drive = Drive::new();
    let mut dangerous = complaint();
    dangerous["cause_claimed"] = json!("safety");
    drive.send(gateway(), "register", dangerous);
    assert_eq!((drive.data().safety, drive.data().case.priority), (true, Priority::Urgent));
    let mut drive = Drive::after(&["register:mail", "acknowledge:agent"]);
    drive.send(agent("agent-a"), "assess", assessment("normal", "complex", true));
    assert_eq!((drive.data().safety, drive.data().case.priority), (true, Priority::Urgent));
    assert!(drive.summaries().contains(&"notify role:process_owner safety_complaint".to_owned()));
    let plan =
        json!({ "solution_ref": "d", "finding": "upheld", "actions": [{ "no": 1, "type": "explain" }] });
    drive.send(agent("agent-a"), "assess", assessment("minor", "simple", true));
    refuses(&mut drive, agent("agent-a"), "resolve_on_spot", plan, RefusalKind::Guard, "not_simple");
}

#[test]
fn repetition_within_thirty_days_is_linked_and_graver() {
    let earlier = |state: &str, closed: &str| json!([{ "id": "3fa2-7f3k2m9qx4tbz8wd", "state": state, "closed": closed }]);
    for (state, closed, repeats) in [
        ("closed.satisfied", "2026-02-19T02:00:00Z", true),
        ("closed.satisfied", "2026-02-09T02:00:00Z", true),
        ("closed.satisfied", "2026-02-08T02:00:00Z", false),
        ("closed.duplicate", "2026-03-01T02:00:00Z", false),
    ] {
        let mut drive = Drive::new();
        drive.facts["subject_cases"] = earlier(state, closed);
        drive.send(gateway(), "register", complaint());
        let data = drive.data();
        let linked = data.case.links.iter().any(|link| link.kind == LinkType::RepeatOf);
        assert_eq!((data.repeat, linked), (repeats, repeats), "{state} {closed}");
        drive.take("acknowledge:agent");
        drive.send(agent("agent-a"), "assess", assessment("major", "simple", false));
        drive.send(agent("agent-a"), "assess", assessment("normal", "simple", false));
        let expected = if repeats { Severity::Major } else { Severity::Normal };
        assert_eq!(drive.data().severity, Some(expected));
    }
    assert_eq!(Severity::Critical.raised(), Severity::Critical);
}

#[test]
fn open_complaint_about_the_same_is_suggested_as_the_same() {
    for state in ["open.review", "settled.satisfied"] {
        let mut drive = Drive::new();
        drive.facts["subject_cases"] = json!([{ "id": "3fa2-7f3k2m9qx4tbz8wd", "state": state }]);
        drive.send(gateway(), "register", complaint());
        assert_eq!(drive.summaries(), ["notify owner possible_duplicate"]);
        assert!(!drive.data().repeat);
    }
}

#[test]
fn only_listed_reasons_refuse_a_complaint() {
    let mut drive = Drive::after(&["register:mail"]);
    let no = json!({ "reason_code": "busy", "recourse_text": "r", "message_ref": "m" });
    let refusal = drive.refused(supervisor(), "reject_intake", no);
    assert_eq!((refusal.kind, refusal.code), (RefusalKind::Input, "reject_reason"));
    assert!(refusal.reason.contains("not_our_customer, already_decided"), "{}", refusal.reason);
}

#[test]
fn nothing_is_decided_before_it_is_assessed() {
    let mut drive = Drive::after(&["register:mail", "acknowledge:agent"]);
    let plan =
        json!({ "solution_ref": "d", "finding": "upheld", "actions": [{ "no": 1, "type": "explain" }] });
    refuses(&mut drive, agent("agent-a"), "resolve_on_spot", plan, RefusalKind::Guard, "not_assessed");
    refuses(&mut drive, agent("agent-a"), "dispatch", dispatch(), RefusalKind::Guard, "not_assessed");
}

#[test]
fn money_on_the_spot_lies_within_the_agents_limit_in_one_currency() {
    let mut drive = Drive::after(&["register:mail", "acknowledge:agent"]).with_policy(LIMITS);
    drive.send(agent("agent-a"), "assess", assessment("normal", "simple", false));
    let spot = |actions: Value| json!({ "solution_ref": "d", "finding": "upheld", "actions": actions });
    let a = || agent("agent-a");
    refuses(&mut drive, a(), "resolve_on_spot", spot(refund("10.01")), RefusalKind::Guard, "over_limit");
    let dollars = json!([{ "no": 1, "type": "refund", "amount": { "amount": "1", "currency": "USD" } }]);
    refuses(&mut drive, a(), "resolve_on_spot", spot(dollars), RefusalKind::Input, "currency");
    let twice = json!([{ "no": 1, "type": "explain" }, { "no": 1, "type": "other" }]);
    refuses(&mut drive, a(), "resolve_on_spot", spot(twice), RefusalKind::Input, "action_repeats");
    drive.send(a(), "resolve_on_spot", spot(refund("10.00")));
    assert_eq!(drive.state(), "open.communicating");
    assert_eq!(drive.data().proposer[0].id, "agent-a");
}

#[test]
fn proposal_over_the_proposers_limit_or_of_a_grave_complaint_needs_approval() {
    for (severity, actor, amount, to) in [
        ("normal", handler(), "20.5", "open.communicating"),
        ("normal", handler(), "20.51", "open.pending_approval"),
        ("normal", manager(), "20.51", "open.pending_approval"),
        ("normal", Actor::person("senior", Role::SeniorAgent), "30", "open.communicating"),
        ("normal", supervisor(), "31", "open.pending_approval"),
        ("major", handler(), "1", "open.pending_approval"),
    ] {
        let mut drive = Drive::after(&["register:mail", "acknowledge:agent"]).with_policy(LIMITS);
        drive.send(agent("agent-a"), "assess", assessment(severity, "simple", false));
        drive.take("dispatch:service");
        drive.take("dept_accept:takes");
        refuses(
            &mut drive,
            actor.clone(),
            "propose",
            propose(&refund(amount)),
            RefusalKind::Guard,
            "no_findings",
        );
        drive.take("submit_findings:upheld");
        drive.send(actor, "propose", propose(&refund(amount)));
        assert_eq!(drive.state(), to, "{severity} {amount}");
    }
}

/// A proposal of `amount` that waits for approval.
fn pending(amount: &str) -> Drive {
    let mut drive = Drive::assessed().with_policy(LIMITS);
    for step in ["dispatch:service", "dept_accept:takes", "submit_findings:upheld"] {
        drive.take(step);
    }
    drive.send(manager(), "propose", propose(&refund(amount)));
    assert_eq!(drive.state(), "open.pending_approval");
    drive
}

#[test]
fn nobody_approves_the_own_proposal_or_more_than_the_role_may() {
    let mut drive = pending("501");
    refuses(&mut drive, manager(), "approve", json!({}), RefusalKind::Duty, "own_proposal");
    refuses(&mut drive, supervisor(), "approve", json!({}), RefusalKind::Role, "over_limit");
    let other = Actor::person("other", Role::DeptManager);
    refuses(&mut drive, other, "approve", json!({}), RefusalKind::Role, "over_limit");
    drive.send(owner(), "approve", json!({}));
    let mut drive = pending("100");
    drive.send(supervisor(), "approve", json!({}));
    assert_eq!(drive.state(), "open.communicating");
}

#[test]
fn members_of_the_panel_do_not_approve_what_they_decided() {
    let mut drive = Drive::told();
    drive.take("request_review:customer");
    drive.take("review_decision:proposes");
    for member in [Actor::person("judge-1", Role::Supervisor), owner()] {
        refuses(&mut drive, member, "approve", json!({}), RefusalKind::Duty, "own_proposal");
    }
    drive.send(supervisor(), "approve", json!({}));
    assert_eq!(drive.state(), "open.communicating");
    assert_eq!((drive.data().told, drive.data().is_final), (false, false));
}

#[test]
fn returned_proposal_goes_to_the_department_or_where_there_is_none_to_the_owner() {
    let mut drive = pending("50");
    drive.take("return_proposal:owner");
    assert_eq!(drive.state(), "open.investigating.in_progress");
    assert!(drive.data().findings.is_some(), "what was found stays");
    let mut drive = Drive::assessed();
    drive.take("request_review:customer");
    drive.take("review_decision:proposes");
    drive.take("return_proposal:owner");
    assert_eq!(drive.state(), "open.assessing");
}

#[test]
fn department_returns_once_then_a_ruling_binds_it() {
    let back = || json!({ "reason": "不属本部门" });
    let mut drive = Drive::assessed();
    drive.take("dispatch:service");
    drive.send(handler(), "dept_return", back());
    assert_eq!((drive.state(), drive.data().returns), ("open.assessing", 1));
    drive.take("dispatch:service");
    drive.send(handler(), "dept_return", back());
    assert_eq!(drive.state(), "open.investigating.arbitration");
    drive.take("arbitrate:names");
    assert_eq!(drive.data().department.as_deref(), Some("sales"));
    refuses(&mut drive, handler(), "dept_return", back(), RefusalKind::Guard, "binding");
    drive.take("dept_accept:takes");
    refuses(&mut drive, handler(), "dept_return", back(), RefusalKind::Guard, "binding");
}

#[test]
fn handler_who_found_against_the_customer_does_not_look_again() {
    let mut drive = Drive::assessed();
    drive.take("dispatch:service");
    drive.take("dept_accept:takes");
    let found = json!({ "finding": "not_upheld", "root_cause": "x", "systemic": false, "responsible": [], "evidence": [] });
    drive.send(handler(), "submit_findings", found);
    drive.take("propose:free");
    drive.take("communicate:tells");
    drive.take("customer_rejects:customer");
    assert_eq!(drive.state(), "open.investigating.dispatched");
    let data = drive.data();
    assert_eq!((data.case.round, data.excluded_handlers[0].id.as_str()), (2, "handler"));
    assert!(data.findings.is_none() && data.actions.is_empty() && !data.told);
    refuses(&mut drive, handler(), "dept_accept", json!({}), RefusalKind::Duty, "handler_excluded");
    drive.take("dept_return:not_ours");
    let mut ask = dispatch();
    ask["handler"] = json!({ "id": "handler", "role": "dept_handler" });
    refuses(&mut drive, agent("agent-a"), "dispatch", ask, RefusalKind::Duty, "handler_excluded");
}

#[test]
fn customer_has_no_word_on_a_plan_that_was_not_told() {
    let mut drive = Drive::assessed();
    drive.take("resolve_on_spot:explains");
    let agrees = || json!({ "recording_ref": "rec:1" });
    refuses(&mut drive, customer(), "customer_accepts", json!({}), RefusalKind::Guard, "not_told");
    refuses(
        &mut drive,
        customer(),
        "customer_rejects",
        json!({ "reason": "r" }),
        RefusalKind::Guard,
        "not_told",
    );
    drive.take("communicate:tells");
    assert!(drive.data().actions[0].done, "an explanation is done once it is given");
    let a = || agent("agent-a");
    refuses(&mut drive, a(), "customer_accepts", json!({}), RefusalKind::Input, "proof_required");
    refuses(
        &mut drive,
        a(),
        "customer_rejects",
        json!({ "reason": "r" }),
        RefusalKind::Input,
        "proof_required",
    );
    drive.send(a(), "customer_accepts", agrees());
    assert_eq!(drive.state(), "open.awaiting_confirmation");
    refuses(&mut drive, a(), "confirm", json!({ "satisfied": true }), RefusalKind::Input, "proof_required");
    refuses(
        &mut drive,
        customer(),
        "confirm",
        json!({ "satisfied": true, "score": 9 }),
        RefusalKind::Input,
        "score_off_scale",
    );
}

#[test]
fn actions_are_carried_out_one_by_one() {
    let mut drive = Drive::assessed();
    for step in [
        "dispatch:service",
        "dept_accept:takes",
        "submit_findings:upheld",
        "propose:costly",
        "approve:owner",
        "communicate:tells",
        "customer_accepts:customer",
    ] {
        drive.take(step);
    }
    assert_eq!(drive.state(), "open.executing");
    let orders: Vec<_> = drive.summaries().into_iter().filter(|effect| effect.starts_with("task")).collect();
    assert_eq!(orders, ["task after_sales_order dept_handler"]);
    let done = |no: u32| json!({ "action_no": no, "evidence": "e" });
    refuses(&mut drive, handler(), "action_done", done(9), RefusalKind::Input, "unknown_action");
    drive.send(handler(), "action_done", done(2));
    assert_eq!(drive.state(), "open.executing");
    refuses(&mut drive, handler(), "action_done", done(2), RefusalKind::Guard, "already_done");
    drive.send(handler(), "action_done", done(1));
    assert_eq!(drive.state(), "open.awaiting_confirmation");
}

#[test]
fn customer_who_was_not_reached_often_enough_is_not_unreachable() {
    let mut drive = Drive::awaiting();
    let tried = |channel: &str, at: &str| json!({ "outcome": "no_answer", "channel": channel, "at": at });
    let notice = || json!({ "notice_ref": "letter:1" });
    for (channel, at, missing) in [
        ("phone", "2026-03-10T02:00:00Z", "1 failed attempts"),
        ("phone", "2026-03-10T03:00:00Z", "2 failed attempts on 1 days"),
        ("phone", "2026-03-11T02:00:00Z", "3 failed attempts on 2 days by 1 channels"),
    ] {
        drive.send(agent("agent-a"), "contact_attempt", tried(channel, at));
        let refusal = drive.refused(supervisor(), "declare_unreachable", notice());
        assert_eq!((refusal.kind, refusal.code), (RefusalKind::Guard, "not_tried_enough"));
        assert!(refusal.reason.contains(missing), "{}", refusal.reason);
    }
    let later = tried("email", "2026-03-12T02:00:00Z");
    refuses(&mut drive, agent("agent-a"), "contact_attempt", later, RefusalKind::Input, "time_to_come");
    drive.send(agent("agent-a"), "contact_attempt", tried("sms", "2026-03-11T02:00:00Z"));
    drive.send(supervisor(), "declare_unreachable", notice());
    assert_eq!(
        (drive.state(), drive.data().unreachable_from),
        ("settled.unreachable", Some(Place::AwaitingConfirmation))
    );
}

#[test]
fn customer_who_was_reached_is_tried_anew() {
    for heard in ["contact_attempt:connected", "customer_reply:info"] {
        let mut drive = Drive::awaiting();
        drive.take("contact_attempt:no_answer");
        drive.take("contact_attempt:busy");
        assert_eq!(drive.data().attempts.len(), 2);
        drive.take(heard);
        assert!(drive.data().attempts.is_empty(), "{heard}");
    }
}

#[test]
fn only_what_nobody_holds_is_asked_for() {
    let mut drive = Drive::assessed();
    let ask = json!({ "message_ref": "m", "questions": ["?"], "not_already_held": false });
    refuses(&mut drive, handler(), "request_info", ask, RefusalKind::Input, "already_held");
}

#[test]
fn suspension_has_a_listed_reason_and_an_end_within_ninety_days() {
    let mut drive = Drive::assessed().with_policy(|policy| policy["suspend_reasons"] = json!(["regulator"]));
    let order = |reason: &str, until: &str| json!({ "reason": reason, "until": until });
    let next_week = "2026-03-18T02:00:00Z";
    refuses(
        &mut drive,
        manager(),
        "suspend",
        order("litigation", next_week),
        RefusalKind::Input,
        "suspend_reason",
    );
    refuses(
        &mut drive,
        manager(),
        "suspend",
        order("regulator", "2026-03-11T02:00:00Z"),
        RefusalKind::Input,
        "time_passed",
    );
    refuses(
        &mut drive,
        manager(),
        "suspend",
        order("regulator", "2026-06-09T16:00:00.001Z"),
        RefusalKind::Input,
        "suspended_too_long",
    );
    drive.send(manager(), "suspend", order("regulator", "2026-06-09T16:00:00Z"));
    assert_eq!(drive.state(), "open.suspended");
    refuses(
        &mut drive,
        manager(),
        "suspend",
        order("regulator", next_week),
        RefusalKind::State,
        "event_not_accepted",
    );
}

#[test]
fn customer_asks_for_one_review_in_each_round() {
    let mut drive = Drive::told();
    drive.take("request_review:customer");
    drive.take("review_decision:proposes");
    refuses(
        &mut drive,
        customer(),
        "request_review",
        json!({ "reason": "r" }),
        RefusalKind::Guard,
        "review_requested",
    );
    drive.send(agent("agent-a"), "request_review", json!({ "reason": "r" }));
    assert_eq!(drive.state(), "open.review");
}

#[test]
fn panel_has_two_people_and_says_what_its_decision_needs() {
    let mut drive = Drive::assessed();
    drive.take("request_review:customer");
    let decide = |panel: &[&str], decision: &str| {
        let panel: Vec<_> = panel.iter().map(|id| json!({ "id": id, "role": "supervisor" })).collect();
        json!({ "decision": decision, "panel": panel, "rationale": "r" })
    };
    let both = ["j1", "j2"];
    refuses(
        &mut drive,
        owner(),
        "review_decision",
        decide(&["j1", "j1"], "uphold"),
        RefusalKind::Input,
        "panel_too_small",
    );
    refuses(
        &mut drive,
        owner(),
        "review_decision",
        decide(&both, "uphold"),
        RefusalKind::Guard,
        "no_proposal",
    );
    refuses(
        &mut drive,
        owner(),
        "review_decision",
        decide(&both, "new_proposal"),
        RefusalKind::Input,
        "actions_required",
    );
    refuses(
        &mut drive,
        owner(),
        "review_decision",
        decide(&both, "refer"),
        RefusalKind::Input,
        "referral_incomplete",
    );
}

#[test]
fn final_answer_tells_the_ways_that_are_left_and_only_then_may_the_owner_end_it() {
    let mut drive = Drive::told();
    let end = || json!({ "recourse_notice_ref": "letter:1" });
    refuses(&mut drive, owner(), "close_without_agreement", end(), RefusalKind::Guard, "not_final");
    refuses(
        &mut drive,
        customer(),
        "refer_external",
        json!({ "body": "court", "ref": "1" }),
        RefusalKind::Guard,
        "not_final",
    );
    drive.take("request_review:customer");
    drive.take("review_decision:upholds");
    assert_eq!((drive.state(), drive.data().is_final), ("open.communicating", true));
    refuses(&mut drive, owner(), "close_without_agreement", end(), RefusalKind::Guard, "not_told");
    let untold = json!({ "message_ref": "m", "channel": "email", "told_recourse": false });
    refuses(&mut drive, agent("agent-a"), "communicate", untold, RefusalKind::Input, "recourse_required");
    drive.take("communicate:tells");
    refuses(
        &mut drive,
        supervisor(),
        "close_without_agreement",
        end(),
        RefusalKind::Role,
        "role_not_allowed",
    );
    let worked = Actor::person("handler", Role::ProcessOwner);
    refuses(&mut drive, worked, "close_without_agreement", end(), RefusalKind::Duty, "own_proposal");
    drive.send(owner(), "close_without_agreement", end());
    assert_eq!(drive.state(), "closed.no_agreement");
    assert!(drive.summaries().contains(&"task improvement_action qa_inspector".to_owned()));
}

#[test]
fn dissatisfaction_goes_to_a_review_where_it_may_not_loop() {
    let mut critical = Drive::after(&[
        "register:mail",
        "acknowledge:agent",
        "assess:critical",
        "dispatch:service",
        "dept_accept:takes",
        "submit_findings:upheld",
        "propose:free",
        "approve:owner",
        "communicate:tells",
    ]);
    critical.take("customer_rejects:customer");
    assert_eq!((critical.state(), critical.data().case.round), ("open.review", 1));
    let mut settled = Drive::settled();
    for round in 2..=3 {
        settled.take("reopen:customer");
        assert_eq!((settled.state(), settled.data().case.round), ("open.investigating.dispatched", round));
        for step in [
            "dept_accept:takes",
            "submit_findings:upheld",
            "propose:free",
            "communicate:tells",
            "customer_accepts:customer",
            "action_done:first",
            "confirm:satisfied",
        ] {
            settled.take(step);
        }
    }
    settled.take("reopen:customer");
    assert_eq!((settled.state(), settled.data().case.round), ("open.review", 4));
    assert_eq!(settled.data().case.reopen_count, 3);
}

#[test]
fn extension_is_asked_for_in_time_by_the_right_person_within_the_ceilings() {
    let mut drive = Drive::assessed();
    let more = |days: u32| json!({ "days": days, "reason": "r", "notified_ref": "m" });
    refuses(&mut drive, owner(), "extend", more(5), RefusalKind::Role, "role_not_allowed");
    // Five working days from Wednesday 11 March: due on the 18th; thirty calendar days: 10 April.
    refuses(&mut drive, manager(), "extend", more(24), RefusalKind::Input, "extended_too_far");
    drive.send(manager(), "extend", more(23));
    assert_eq!(drive.followed, ["clock_retargeted"]);
    refuses(&mut drive, manager(), "extend", more(5), RefusalKind::Role, "role_not_allowed");
    refuses(&mut drive, owner(), "extend", more(31), RefusalKind::Input, "extended_too_far");
    drive.send(owner(), "extend", more(30));
    refuses(&mut drive, owner(), "extend", more(1), RefusalKind::Guard, "extensions_used_up");
    let extensions = drive.data().extensions;
    assert_eq!(extensions.len(), 2);
    assert_eq!(extensions[0].due_new, extensions[1].due_old);
    let due = drive.instance.as_ref().unwrap().clocks["TOTAL"].running_due();
    assert_eq!(due, Some(extensions[1].due_new));
}

#[test]
fn extension_after_the_due_is_refused() {
    let mut drive = Drive::assessed();
    drive.now = super::drive::at("2026-03-18T18:00:00+08:00");
    let more = json!({ "days": 5, "reason": "r", "notified_ref": "m" });
    assert!(drive.attempt(manager(), "extend", more.clone()).is_ok(), "at the due it is in time");
    let mut drive = Drive::assessed();
    drive.now = super::drive::at("2026-03-18T18:00:00.001+08:00");
    refuses(&mut drive, manager(), "extend", more, RefusalKind::Guard, "due_passed");
}

#[test]
fn conversion_needs_a_flow_and_the_same_customer() {
    let mut drive = Drive::after(&["register:mail", "acknowledge:agent"]);
    let to =
        |child: Value| json!({ "to_flow": "consultation", "customer_consent_ref": "rec", "child": child });
    let a = || agent("agent-a");
    refuses(&mut drive, a(), "convert", to(json!({})), RefusalKind::Guard, "flow_not_registered");
    drive.facts["registered"] = json!(true);
    refuses(
        &mut drive,
        a(),
        "convert",
        to(json!({ "customer_id": "c-9" })),
        RefusalKind::Input,
        "another_customer",
    );
    drive.send(a(), "convert", to(json!({ "subject": "s" })));
    let spawn = spawned(&drive);
    assert_eq!(
        (spawn.workflow.as_str(), &spawn.payload["first_owner"]["id"]),
        ("consultation", &json!("agent-a"))
    );
    assert_eq!(spawn.payload["follow_up_of"], json!(drive.id));
}

#[test]
fn duplicate_needs_an_unfinished_complaint_of_the_same_customer() {
    let master = InstanceId::derive("c-1027", &["master"]);
    let related = |workflow: &str, customer: &str, state: &str| json!({ "id": master, "workflow": workflow, "state": state, "customer_id": customer });
    let mut drive = Drive::assessed();
    let of = |id: &InstanceId| json!({ "of": id });
    let a = || agent("agent-a");
    let own = drive.id.clone();
    refuses(&mut drive, a(), "mark_duplicate", of(&own), RefusalKind::Input, "own_case");
    refuses(&mut drive, a(), "mark_duplicate", of(&master), RefusalKind::Input, "unknown_case");
    for (workflow, customer, state, kind, code) in [
        ("consultation", "c-1027", "open.answered", RefusalKind::Input, "unknown_case"),
        ("complaint", "c-9", "open.review", RefusalKind::Guard, "another_customer"),
        ("complaint", "c-1027", "closed.duplicate", RefusalKind::Guard, "master_closed"),
    ] {
        drive.facts["case"] = related(workflow, customer, state);
        refuses(&mut drive, a(), "mark_duplicate", of(&master), kind, code);
    }
    drive.facts["case"] = related("complaint", "c-1027", "settled.satisfied");
    drive.send(a(), "mark_duplicate", of(&master));
    assert_eq!(drive.data().case.links[0].kind, LinkType::DuplicateOf);
    drive.take("customer_reply:unknown");
    let Effect::Send(send) = &drive.effects[0] else { panic!("the master is told: {:?}", drive.effects) };
    assert_eq!((&send.to, send.event.as_str()), (&master, "customer_reply"));
}

#[test]
fn forced_end_takes_two_people() {
    let mut drive = Drive::assessed();
    let alone = json!({ "reason": "r", "approver": { "id": "owner", "role": "process_owner" } });
    refuses(&mut drive, owner(), "force_closed", alone, RefusalKind::Duty, "second_person_needed");
}

#[test]
fn late_dissatisfaction_is_a_new_complaint_and_other_words_a_question() {
    for (intent, workflow) in
        [("dissatisfied", Some("complaint")), ("unknown", Some("consultation")), ("thanks", None)]
    {
        let mut drive = Drive::settled();
        drive.fire("REOPEN_WINDOW");
        assert_eq!(drive.state(), "closed.satisfied");
        drive.send(gateway(), "customer_reply", json!({ "message_ref": "m9", "intent": intent }));
        assert_eq!(drive.followed, ["late_inbound"]);
        let spawn = drive.effects.iter().find_map(|effect| match effect {
            Effect::Spawn(spawn) => Some(spawn.clone()),
            _ => None,
        });
        assert_eq!(spawn.as_ref().map(|spawn| spawn.workflow.as_str()), workflow, "{intent}");
        let Some(spawn) = spawn.filter(|spawn| spawn.workflow == "complaint") else { continue };
        let mut child = Drive::new();
        child.id = InstanceId::derive("c-1027", &["child"]);
        child.send(Actor::system(), "register", Value::Object(spawn.payload));
        let data = child.data();
        assert_eq!(data.evidence, ["m9", "msg:1"]);
        assert_eq!((data.case.links[0].kind, &data.case.links[0].id), (LinkType::FollowUpOf, &drive.id));
        assert_eq!(data.case.owner.person(), Some("agent-a"), "on shift");
    }
}

#[test]
fn reopened_complaint_goes_to_the_queue_when_the_first_owner_is_away() {
    for (on_shift, owner) in [(true, Some("agent-a")), (false, None)] {
        let mut drive = Drive::settled();
        let callback = drive.spawned().pop().and_then(|callback| callback.child).unwrap();
        drive.facts["on_shift"] = json!(on_shift);
        drive.send(customer(), "reopen", json!({ "reason": "r" }));
        let case = drive.data().case;
        assert_eq!((case.owner.person(), case.reopen_count, case.round), (owner, 1, 2));
        assert_eq!(drive.receivers("cancel"), [callback], "nobody asks how it was");
    }
}

#[test]
fn staff_cannot_move_a_closed_complaint() {
    let mut drive = Drive::settled();
    drive.fire("REOPEN_WINDOW");
    let inspector = Actor::person("qa", Role::QaInspector);
    refuses(
        &mut drive,
        inspector,
        "reopen",
        json!({ "reason": "r" }),
        RefusalKind::State,
        "event_not_accepted",
    );
    let reply = json!({ "message_ref": "m", "intent": "dissatisfied" });
    refuses(&mut drive, agent("agent-a"), "customer_reply", reply, RefusalKind::State, "event_not_accepted");
}

#[test]
fn improvement_is_asked_for_once_and_only_of_what_was_true_and_weighs() {
    let asked =
        |drive: &Drive| drive.summaries().contains(&"task improvement_action qa_inspector".to_owned());
    let after = |finding: &str, systemic: bool, severity: &str| {
        let mut drive = Drive::after(&["register:mail", "acknowledge:agent"]);
        drive.send(agent("agent-a"), "assess", assessment(severity, "simple", false));
        drive.take("dispatch:service");
        drive.take("dept_accept:takes");
        let found = json!({ "finding": finding, "root_cause": "x", "systemic": systemic, "responsible": [], "evidence": [] });
        drive.send(handler(), "submit_findings", found);
        drive.take("propose:free");
        if severity == "major" {
            drive.take("approve:owner");
        }
        for step in
            ["communicate:tells", "customer_accepts:customer", "action_done:first", "confirm:satisfied"]
        {
            drive.take(step);
        }
        drive
    };
    for (finding, systemic, severity, expected) in [
        ("upheld", false, "normal", false),
        ("upheld", true, "normal", true),
        ("partly", false, "major", true),
        ("not_upheld", true, "major", false),
    ] {
        assert_eq!(asked(&after(finding, systemic, severity)), expected, "{finding} {systemic} {severity}");
    }
    let mut again = after("upheld", true, "normal");
    again.take("confirm:satisfied");
    assert!(!asked(&again), "once for each case");
}

#[test]
fn dangerous_complaint_that_is_withdrawn_is_still_looked_into() {
    for (safety, expected) in [(true, true), (false, false)] {
        let mut drive = Drive::after(&["register:mail", "acknowledge:agent"]);
        drive.send(agent("agent-a"), "assess", assessment("minor", "simple", safety));
        drive.take("withdraw:customer");
        let asked = drive.summaries().contains(&"task improvement_action qa_inspector".to_owned());
        assert_eq!((drive.state(), asked), ("closed.withdrawn", expected));
    }
}

#[test]
fn restricted_customer_is_neither_reminded_nor_called() {
    let mut drive = Drive::assessed();
    let officer = Actor::person("dpo", Role::PrivacyOfficer);
    drive.send(officer, "subject_restricted", json!({ "subject_id": "c-1027", "basis": "PIPL 44" }));
    drive.take("request_info:asks");
    assert!(drive.due("INFO_REMIND").is_none() && drive.due("INFO_EXPIRE").is_some());
    drive.take("customer_reply:info");
    drive.take("resolve_on_spot:explains");
    drive.take("communicate:tells");
    assert_eq!(drive.due("CONFIRM_REMIND"), None);
    drive.take("customer_accepts:customer");
    drive.take("confirm:satisfied");
    let effects = drive.summaries();
    assert!(!effects.iter().any(|effect| effect.starts_with("spawn")), "{effects:?}");
}
