//! Owns the proof that every common event (§3.0.3) does what its row says, wherever a case is.

use serde_json::{Value, json};

use super::drive::{Drive, agent, at};
use crate::kernel::actor::{Actor, Role};
use crate::kernel::case::{LinkType, Priority, Tier};
use crate::kernel::outcome::RefusalKind;

/// How a case that is open, settled or closed takes an event.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Takes {
    /// Accepted, and the state stays.
    Stays,
    /// The state does not accept it.
    No,
    /// Refused by a guard with this code.
    Guard(&'static str),
}
use Takes::{Guard, No, Stays};

fn role(role: Role) -> Actor {
    if role == Role::System { Actor::system() } else { Actor::person(format!("{role}-1"), role) }
}

fn second() -> Value {
    json!({ "id": "second-1", "role": "supervisor" })
}

/// Who sends what, and how it is taken while open, settled and closed.
fn rows() -> Vec<(Actor, &'static str, Value, [Takes; 3])> {
    let sla = json!({ "clock": "FRT", "cycle": 1, "due": "2026-03-11T04:00:00Z", "level": 80 });
    let subject = json!({ "subject_id": "c-1027", "basis": "PIPL 47" });
    let other = "3fa2-7f3k2m9qx4tbz8wd";
    let digest = "0".repeat(64);
    let open = [Stays, Stays, No];
    let not_there = [Guard("clock_not_there"), Guard("clock_not_there"), No];
    let not_suspended = [Guard("clock_not_suspended"), Guard("clock_not_suspended"), No];
    vec![
        (role(Role::Agent), "note_added", json!({ "text_ref": "n", "visibility": "internal" }), open),
        (
            role(Role::Gateway),
            "attachment_added",
            json!({ "blob_ref": "b", "sha256": digest, "pii": false }),
            open,
        ),
        (role(Role::Supervisor), "assigned", json!({ "to": { "queue": "q" }, "reason": "r" }), open),
        (agent("agent-a"), "handover_requested", json!({ "to": second(), "note": "n" }), open),
        (role(Role::Agent), "handover_accepted", json!({}), [Guard("no_handover"), Guard("no_handover"), No]),
        (agent("agent-a"), "closure_acknowledged", json!({}), [No, Stays, Stays]),
        (
            role(Role::System),
            "satisfaction_recorded",
            json!({ "score": 4, "resolved": true, "callback": other }),
            [Stays, Stays, Stays],
        ),
        (role(Role::Agent), "priority_changed", json!({ "to": "urgent", "reason": "r" }), open),
        (role(Role::System), "tier_changed", json!({ "to": "vip" }), open),
        (role(Role::Agent), "linked", json!({ "type": "repeat_of", "id": other }), open),
        (
            role(Role::DeptManager),
            "clock_suspended",
            json!({ "clock": "RES", "reason_code": "force_majeure", "until": "2026-12-01T00:00:00Z" }),
            [Stays, Guard("clock_not_running"), No],
        ),
        (role(Role::DeptManager), "clock_resumed", json!({ "clock": "RES" }), not_suspended),
        (role(Role::System), "sla_warned", sla.clone(), not_there),
        (role(Role::System), "sla_breached", sla.clone(), not_there),
        (role(Role::System), "sla_escalated", sla, not_there),
        (role(Role::System), "calendar_amended", json!({ "calendar": "cn", "from": "a", "to": "b" }), open),
        (
            role(Role::System),
            "clock_retargeted",
            json!({ "clock": "RES", "cycle": 1, "due_old": "2026-03-11T04:00:00Z",
                "due_new": "2026-03-11T05:00:00Z", "cause": "priority" }),
            [Stays, Guard("clock_not_running"), No],
        ),
        (
            role(Role::Gateway),
            "late_inbound",
            json!({ "message_ref": "m", "intent": "thanks" }),
            [No, No, Stays],
        ),
        (
            role(Role::ProcessOwner),
            "verdict_corrected",
            json!({ "clock": "FRT", "cycle": 1, "to": "met", "reason": "r", "approver": second(), "auto": false }),
            [Guard("no_verdict"), Guard("verdict_same"), Guard("verdict_same")],
        ),
        (role(Role::ProcessOwner), "policy_migrated", json!({ "from": 1, "to": 2 }), open),
        (role(Role::PrivacyOfficer), "subject_restricted", subject.clone(), [Stays, Stays, Stays]),
        (
            role(Role::PrivacyOfficer),
            "subject_erased",
            subject,
            [Guard("subject_in_use"), Guard("subject_in_use"), Guard("subject_retained")],
        ),
        (
            role(Role::Supervisor),
            "correction",
            json!({ "of_seq": 1, "field": "category", "new_value": "in_sale", "reason": "r", "second": second() }),
            [Stays, Stays, Stays],
        ),
    ]
}

/// An open, a settled and a closed case of agent A.
fn stages() -> [Drive; 3] {
    let settled = || {
        let mut drive = Drive::accepted();
        let answer = json!({ "message_ref": "m", "solution_ref": "s", "confirmed_in_contact": true, "recording_ref": "r" });
        drive.send(agent("agent-a"), "answer", answer);
        drive
    };
    let mut closed = settled();
    closed.fire("REOPEN_WINDOW");
    let mut stages = [Drive::accepted(), settled(), closed];
    for drive in &mut stages {
        drive.facts.insert("definition".into(), json!("e".repeat(32)));
    }
    stages
}

#[test]
fn every_common_event_is_taken_as_its_row_says() {
    for (actor, event, payload, expected) in rows() {
        for (mut drive, expected) in stages().into_iter().zip(expected) {
            let before = drive.state().to_owned();
            let taken = match drive.attempt(actor.clone(), event, payload.clone()) {
                Ok(change) => {
                    assert_eq!(change.to, before, "{event}");
                    Stays
                }
                Err(refusal) if refusal.kind == RefusalKind::State => No,
                Err(refusal) => Guard(refusal.code),
            };
            assert_eq!(taken, expected, "`{event}` in {before}");
        }
    }
}

#[test]
fn every_common_event_has_a_row() {
    use crate::kernel::common::Common;
    use crate::kernel::machine::EventSet;
    let mut tried: Vec<_> = rows().into_iter().map(|(_, event, ..)| event).collect();
    // Its rows are #28: it moves the case.
    tried.push("force_closed");
    let known: Vec<_> = Common::specs().iter().map(|spec| spec.name).collect();
    assert!(known.iter().all(|event| tried.contains(event)), "{known:?}");
}

#[test]
fn common_events_change_what_they_are_about() {
    let mut drive = Drive::accepted();
    drive.send(role(Role::Agent), "priority_changed", json!({ "to": "urgent", "reason": "r" }));
    drive.send(role(Role::System), "tier_changed", json!({ "to": "key" }));
    drive.send(role(Role::Agent), "linked", json!({ "type": "repeat_of", "id": "3fa2-7f3k2m9qx4tbz8wd" }));
    let case = drive.data().case;
    assert_eq!((case.priority, case.customer_tier), (Priority::Urgent, Tier::Key));
    assert_eq!(case.links[0].kind, LinkType::RepeatOf);
    let refusal = drive.refused(role(Role::Agent), "priority_changed", json!({ "to": "low", "reason": "r" }));
    assert_eq!(refusal.kind, RefusalKind::Role);
    drive.send(role(Role::Supervisor), "priority_changed", json!({ "to": "low", "reason": "r" }));
    assert_eq!(drive.data().case.priority, Priority::Low);
}

#[test]
fn case_is_not_linked_to_itself() {
    let mut drive = Drive::accepted();
    let own = drive.id.clone();
    let refusal = drive.refused(role(Role::Agent), "linked", json!({ "type": "duplicate_of", "id": own }));
    assert_eq!((refusal.kind, refusal.code), (RefusalKind::Input, "own_case"));
}

#[test]
fn first_ownership_moves_only_to_whom_it_was_offered() {
    let mut drive = Drive::accepted();
    let offer = json!({ "to": { "id": "agent-b", "role": "agent" }, "note": "n" });
    let refusal = drive.refused(agent("agent-c"), "handover_requested", offer.clone());
    assert_eq!((refusal.kind, refusal.code), (RefusalKind::Duty, "not_first_owner"));
    drive.send(agent("agent-a"), "handover_requested", offer);
    let refusal = drive.refused(agent("agent-c"), "handover_accepted", json!({}));
    assert_eq!((refusal.kind, refusal.code), (RefusalKind::Duty, "handover_for_another"));
    drive.send(agent("agent-b"), "handover_accepted", json!({}));
    let case = drive.data().case;
    assert_eq!(case.first_owner.map(|first| first.id).as_deref(), Some("agent-b"));
    assert_eq!(case.owner.person(), Some("agent-a"), "a handover moves first ownership only");
}

#[test]
fn second_person_is_never_the_sender() {
    let mut drive = Drive::accepted();
    let same = json!({ "of_seq": 1, "field": "category", "new_value": 1, "reason": "r",
        "second": { "id": "supervisor-1", "role": "supervisor" } });
    let refusal = drive.refused(role(Role::Supervisor), "correction", same);
    assert_eq!((refusal.kind, refusal.code), (RefusalKind::Duty, "second_person_needed"));
}

#[test]
fn suspension_needs_a_listed_reason_and_a_time_to_come() {
    let mut drive = Drive::accepted();
    let ask = |reason: &str, until: &str| json!({ "clock": "RES", "reason_code": reason, "until": until });
    let refusal =
        drive.refused(role(Role::DeptManager), "clock_suspended", ask("holiday", "2026-12-01T00:00:00Z"));
    assert_eq!(refusal.code, "suspend_reason");
    assert!(refusal.reason.contains("force_majeure"), "{}", refusal.reason);
    let passed = drive.refused(
        role(Role::DeptManager),
        "clock_suspended",
        ask("force_majeure", "2026-03-01T00:00:00Z"),
    );
    assert_eq!(passed.code, "time_passed");
}

#[test]
fn restricted_customer_is_reminded_of_nothing_and_erased_only_after_retention() {
    let mut drive = Drive::after(&["submit:mail"]);
    drive.send(agent("agent-a"), "request_info", json!({ "message_ref": "m", "questions": ["?"] }));
    assert!(drive.due("INFO_REMIND").is_some());
    let subject = json!({ "subject_id": "c-1027", "basis": "PIPL 47" });
    drive.send(role(Role::PrivacyOfficer), "subject_restricted", subject.clone());
    assert!(drive.due("INFO_REMIND").is_none() && drive.due("INFO_EXPIRE").is_some());
    let another = json!({ "subject_id": "c-2", "basis": "b" });
    let refusal = drive.refused(role(Role::PrivacyOfficer), "subject_restricted", another);
    assert_eq!(refusal.code, "another_subject");
    drive.fire("INFO_EXPIRE");
    drive.fire("REOPEN_WINDOW");
    drive.now = at("2031-01-01T00:00:00Z");
    drive.send(role(Role::PrivacyOfficer), "subject_erased", subject);
    assert_eq!(drive.data().case.erased.as_deref(), Some("PIPL 47"));
}
