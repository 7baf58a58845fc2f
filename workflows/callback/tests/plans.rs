//! Owns the guards of the start: who is never contacted, and what a plan must say.

use serde_json::{Value, json};

use super::super::measure::Suppression;
use super::drive::{Drive, agent, at, with};
use crate::kernel::actor::Actor;
use crate::kernel::effect::Effect;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;

fn glimpse(data: &Value) -> Value {
    json!([{ "id": InstanceId::derive("c-1027", &["other"]), "workflow": "callback", "state": "planned", "data": data }])
}

/// Why a plan with `more` on top never begins, where `dealings` are known of the customer.
fn suppressed(more: Value, dealings: Value, opted_out: u32) -> Option<Suppression> {
    let mut drive = Drive::new();
    drive.facts.insert("dealings".into(), dealings);
    drive.facts.insert("count".into(), json!(opted_out));
    drive.plan(agent("agent-a"), more);
    let data = drive.data();
    assert_eq!(drive.state() == "closed.suppressed", data.suppressed.is_some());
    assert_eq!(data.survey_contact.is_some(), data.suppressed.is_none() && !data.kind.is_service());
    data.suppressed
}

#[test]
fn restricted_or_erased_customer_is_not_called_even_for_a_service() {
    for mark in ["/case/restricted", "/case/erased"] {
        let dealings = glimpse(&json!({ mark: "PIPL 47" }));
        for kind in ["periodic", "confirm_resolution", "missed_call"] {
            let found = suppressed(json!({ "type": kind }), dealings.clone(), 0);
            assert_eq!(found, Some(Suppression::Restricted), "{mark} {kind}");
        }
    }
}

#[test]
fn neither_contract_nor_consent_is_no_basis() {
    let found = |more| suppressed(more, json!([]), 0);
    assert_eq!(found(json!({ "basis": "none" })), Some(Suppression::NoBasis));
    assert_eq!(found(json!({ "basis": "contract" })), None);
    let strict = |basis: Value| {
        let asks = |values: &mut Value| values["consent_for"] = json!(["periodic"]);
        let mut drive = Drive::new().with_policy(asks);
        drive.plan(agent("agent-a"), basis);
        drive.data().suppressed
    };
    assert_eq!(strict(json!({})), Some(Suppression::NoBasis));
    assert_eq!(strict(json!({ "basis": "consent" })), None);
}

#[test]
fn opting_out_cancels_the_surveys_that_are_ahead() {
    let other = |name: &str, workflow: &str, state: &str, data: Value| json!({ "id": InstanceId::derive("c-1027", &[name]), "workflow": workflow, "state": state, "data": data });
    let survey = || json!({ "/survey_contact": "2026-06-10T02:00:00Z" });
    let mut drive = Drive::queued(json!({}));
    let others = json!([
        other("planned", "callback", "planned", survey()),
        other("waiting", "callback", "open.attempting.retry_wait", survey()),
        other("decided on", "callback", "open.reviewing", survey()),
        other("over", "callback", "closed.expired", survey()),
        other("for a case", "callback", "planned", json!({ "/case/restricted": "x" })),
        other("of another flow", "consultation", "open.triage", survey()),
        { "id": drive.id, "workflow": "callback", "state": "open.queued", "data": survey() },
    ]);
    drive.facts.insert("dealings".into(), others);
    drive.send(agent("agent-a"), "opt_out", json!({ "scope": "survey" }));
    let effects = &drive.entries.last().unwrap().effects;
    let told: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(send) => {
                Some((send.to.clone(), send.event.as_str(), Value::Object(send.payload.clone())))
            }
            _ => None,
        })
        .collect();
    let cancelled =
        |name: &str| (InstanceId::derive("c-1027", &[name]), "cancel", json!({ "reason": "opted_out" }));
    assert_eq!(told, [cancelled("planned"), cancelled("waiting")]);
}

#[test]
fn opted_out_customer_is_asked_for_no_survey_but_served() {
    assert_eq!(suppressed(json!({}), json!([]), 1), Some(Suppression::OptedOut));
    for kind in ["confirm_resolution", "post_complaint", "missed_call"] {
        assert_eq!(suppressed(json!({ "type": kind }), json!([]), 1), None, "{kind}");
    }
}

#[test]
fn customer_is_contacted_once_in_thirty_days_for_surveys() {
    let window = at("2026-03-11T10:00:00+08:00");
    let day = |days: i64| window.plus_millis(days * 86_400_000);
    let near = |contact: Instant| suppressed(json!({}), glimpse(&json!({ "/survey_contact": contact })), 0);
    assert_eq!(near(day(-29)), Some(Suppression::Capped));
    assert_eq!(near(day(-30)), None);
    assert_eq!(near(day(5)), Some(Suppression::Capped), "one that is planned counts too");
    let asked = glimpse(&json!({ "/survey_contact": window }));
    assert_eq!(suppressed(json!({ "type": "post_complaint" }), asked, 0), None);
}

#[test]
fn callback_that_ended_without_an_attempt_no_longer_counts_for_the_cap() {
    let mut drive = Drive::planned(agent("agent-a"), json!({}));
    assert_eq!(drive.data().survey_contact, Some(at("2026-03-11T10:00:00+08:00")));
    drive.take("cancel:supervisor");
    assert_eq!(drive.data().survey_contact, None);
    let mut called = Drive::queued(json!({}));
    called.now = at("2026-03-11T11:00:00+08:00");
    called.call("rejected");
    assert_eq!(called.data().survey_contact, Some(at("2026-03-11T11:00:00+08:00")));
}

#[test]
fn nobody_is_asked_after_a_case_that_was_withdrawn() {
    let source = InstanceId::derive("c-1027", &["source"]);
    let about = |state: &str, kind: &str| {
        let mut drive = Drive::new();
        let data = json!({ "/case/customer_id": "c-1027", "/case/chain_depth": 1 });
        let told = json!({ "id": source, "workflow": "consultation", "state": state, "data": data });
        drive.facts.insert("other".into(), told);
        drive.plan(agent("agent-a"), json!({ "type": kind, "source_case": source }));
        (drive.data().suppressed, drive.data().case.chain_depth)
    };
    assert_eq!(about("closed.withdrawn", "post_resolution"), (Some(Suppression::Ending), 2));
    assert_eq!(about("closed.resolved", "post_resolution"), (None, 2), "its source's depth and one more");
    assert_eq!(about("closed.withdrawn", "missed_call"), (None, 2));
}

#[test]
fn plan_about_an_unknown_or_anothers_case_is_refused() {
    let source = InstanceId::derive("c-2", &["source"]);
    let mut drive = Drive::new();
    let about = || with(json!({ "source_case": source }));
    assert_eq!(drive.refused(agent("agent-a"), "plan", about()).code, "unknown_case");
    let data = json!({ "/case/customer_id": "c-2", "/case/chain_depth": 0 });
    let told =
        json!({ "id": source, "workflow": "consultation", "state": "settled.confirmed", "data": data });
    drive.facts.insert("other".into(), told);
    assert_eq!(drive.refused(agent("agent-a"), "plan", about()).code, "another_customer");
}

#[test]
fn plan_says_times_that_make_sense_in_a_zone_that_exists() {
    let refused = |more: Value| Drive::new().refused(agent("agent-a"), "plan", with(more)).code;
    assert_eq!(refused(json!({ "due_by": at("2026-03-11T10:00:00+08:00") })), "due_before_window");
    assert_eq!(refused(json!({ "zone": "Mars/Olympus" })), "unknown_zone");
    assert_eq!(refused(json!({ "chain_depth": 1 })), "system_only");
    assert_eq!(Drive::planned(agent("agent-a"), json!({})).data().zone, "Asia/Shanghai");
}

#[test]
fn due_follows_from_the_type_where_a_plan_names_none() {
    for (kind, due) in [
        ("confirm_resolution", "2026-03-16T18:00:00+08:00"),
        ("dormant", "2026-03-16T18:00:00+08:00"),
        ("periodic", "2026-03-25T18:00:00+08:00"),
        ("visit", "2026-03-25T18:00:00+08:00"),
        ("missed_call", "2026-03-11T11:00:00+08:00"),
    ] {
        let drive = Drive::planned(Actor::system(), json!({ "type": kind, "due_by": null }));
        assert_eq!(drive.data().due_by, at(due), "{kind}");
    }
}

#[test]
fn case_that_it_is_about_is_linked_and_its_depth_taken_over() {
    let source = InstanceId::derive("c-1027", &["source"]);
    let drive = Drive::planned(Actor::system(), json!({ "source_case": source, "chain_depth": 2 }));
    let case = drive.data().case;
    assert_eq!((case.chain_depth, case.category.as_str()), (2, "periodic"));
    assert_eq!(serde_json::to_value(&case.links).unwrap(), json!([{ "type": "spawned", "id": source }]));
}
