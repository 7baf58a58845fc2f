//! Owns the guards and times of reaching a customer: windows, locks, retries, appointments, clocks.

use serde_json::{Value, json};

use super::drive::{Drive, agent, at, gateway, result, supervisor};
use crate::kernel::actor::Actor;
use crate::kernel::case::Channel;

#[test]
fn customers_are_called_within_windows_of_their_own_zone_only() {
    let tried = |zone: &str, now: &str, kind: &str| {
        let mut drive = Drive::queued(json!({ "zone": zone, "type": kind }));
        drive.now = at(now);
        drive.attempt(agent("agent-a"), "claim", json!({})).map(|_| ()).map_err(|refusal| refusal.code)
    };
    let closed = Err("outside_contact_window");
    for (zone, now, kind, answer) in [
        ("Asia/Shanghai", "2026-03-11T10:30:00+08:00", "periodic", Ok(())),
        ("Asia/Shanghai", "2026-03-11T12:00:00+08:00", "periodic", closed),
        ("Asia/Shanghai", "2026-03-11T19:59:59+08:00", "periodic", Ok(())),
        ("Asia/Shanghai", "2026-03-14T10:30:00+08:00", "periodic", closed),
        // 10:30 in Shanghai is the evening before in New York.
        ("America/New_York", "2026-03-11T10:30:00+08:00", "periodic", closed),
        ("America/New_York", "2026-03-11T22:30:00+08:00", "periodic", Ok(())),
        // A missed call is returned in business hours too.
        ("Asia/Shanghai", "2026-03-11T13:30:00+08:00", "periodic", closed),
        ("Asia/Shanghai", "2026-03-11T13:30:00+08:00", "missed_call", Ok(())),
        ("America/New_York", "2026-03-11T10:30:00+08:00", "missed_call", Ok(())),
        ("America/New_York", "2026-03-11T08:30:00+08:00", "missed_call", closed),
    ] {
        assert_eq!(tried(zone, now, kind), answer, "{zone} {now} {kind}");
    }
}

#[test]
fn whoever_has_taken_it_up_goes_on_with_it() {
    let mut drive = Drive::queued(json!({}));
    drive.take("claim:agent");
    for (event, payload) in [("release", json!({})), ("attempt_result", result("busy", "phone"))] {
        assert_eq!(drive.refused(agent("agent-b"), event, payload).code, "locked", "{event}");
    }
    drive.send(gateway(), "attempt_result", result("connected", "phone"));
    assert_eq!(drive.data().locked_by.unwrap().id, "agent-a", "the dialler knows what came of it");
    let later = json!({ "at": at("2026-03-12T10:00:00+08:00"), "by": "customer" });
    for (event, payload) in [("release", json!({})), ("schedule", later), ("record", json!({ "score": 5 }))] {
        assert_eq!(drive.refused(agent("agent-b"), event, payload).code, "locked", "{event}");
    }
    let case = drive.data().case;
    assert_eq!((case.first_owner.unwrap().id.as_str(), case.owner.person()), ("agent-a", Some("agent-a")));
}

#[test]
fn who_is_not_there_is_tried_two_hours_later_and_then_on_another_day() {
    let mut drive = Drive::queued(json!({}));
    drive.call("no_answer");
    // 10:00 and two hours is noon: the next window opens at 14:00.
    assert_eq!(drive.due("RETRY_AT"), Some(at("2026-03-11T14:00:00+08:00")));
    drive.fire("RETRY_AT");
    drive.call("voicemail");
    assert_eq!(drive.due("RETRY_AT"), Some(at("2026-03-12T09:00:00+08:00")), "two days at least");
    drive.fire("RETRY_AT");
    drive.call("power_off");
    assert_eq!((drive.state(), drive.data().attempts), ("open.fallback", 3));
}

#[test]
fn second_attempt_on_another_day_is_followed_by_the_other_half_of_it() {
    let mut drive = Drive::queued(json!({}));
    drive.now = at("2026-03-11T19:00:00+08:00");
    drive.call("no_answer");
    assert_eq!(drive.due("RETRY_AT"), Some(at("2026-03-12T09:00:00+08:00")));
    drive.fire("RETRY_AT");
    drive.call("no_answer");
    assert_eq!(drive.due("RETRY_AT"), Some(at("2026-03-12T14:00:00+08:00")));
}

#[test]
fn busy_line_is_tried_half_an_hour_later_within_the_next_window() {
    let mut drive = Drive::queued(json!({}));
    drive.call("busy");
    assert_eq!(drive.due("RETRY_AT"), Some(at("2026-03-11T10:30:00+08:00")));
    drive.fire("RETRY_AT");
    drive.now = at("2026-03-11T11:45:00+08:00");
    drive.call("busy");
    assert_eq!(drive.due("RETRY_AT"), Some(at("2026-03-11T14:00:00+08:00")));
}

#[test]
fn call_that_nobody_made_is_no_attempt() {
    for step in ["release:agent", "timer:LOCK"] {
        let mut drive = Drive::queued(json!({}));
        drive.take("claim:agent");
        assert_eq!(drive.due("LOCK"), Some(at("2026-03-11T10:10:00+08:00")));
        drive.take(step);
        assert_eq!((drive.data().attempts, drive.data().locked_by), (0, None));
    }
    let mut drive = Drive::queued(json!({}));
    drive.call("connected");
    assert_eq!(drive.due("LOCK"), Some(at("2026-03-11T10:30:00+08:00")));
    drive.take("timer:LOCK");
    assert_eq!((drive.state(), drive.data().attempts), ("open.attempting.retry_wait", 1));
}

#[test]
fn wrong_number_is_that_of_calls_and_short_messages() {
    let mut drive = Drive::queued(json!({ "channel_pref": ["phone", "sms"] }));
    drive.call("wrong_number");
    assert_eq!(drive.state(), "open.fallback", "the short messages go to the same number");
    assert_eq!(drive.data().unusable, [Channel::Phone, Channel::Sms]);
    let asked = drive.entries.last().unwrap().effects.iter().find_map(|effect| match effect {
        crate::kernel::effect::Effect::Notify(notice) => Some(notice.values["channel"].clone()),
        _ => None,
    });
    assert_eq!(asked, Some(json!("email")));
    assert_eq!(drive.refused(agent("agent-a"), "contact_fixed", json!({})).code, "contact_required");
    drive.take("contact_fixed:phone");
    assert_eq!((drive.state(), drive.data().unusable.len()), ("open.queued", 0));
}

#[test]
fn mended_address_is_a_contact_that_was_not_known() {
    let mut drive = Drive::queued(json!({}));
    drive.send(agent("agent-a"), "contact_fixed", json!({ "email": "a@b.cn" }));
    assert_eq!(drive.data().channel_pref, [Channel::Phone, Channel::Email]);
    drive.call("wrong_number");
    assert_eq!(drive.state(), "open.queued");
}

#[test]
fn appointment_goes_before_rest_hours_and_moves_the_due() {
    let mut drive = Drive::queued(json!({ "due_by": at("2026-03-11T18:00:00+08:00") }));
    drive.call("connected");
    let evening = at("2026-03-12T20:30:00+08:00");
    let past = json!({ "at": at("2026-03-11T09:00:00+08:00"), "by": "customer" });
    assert_eq!(drive.refused(agent("agent-a"), "schedule", past).code, "time_passed");
    drive.send(agent("agent-a"), "schedule", json!({ "at": evening, "by": "customer" }));
    assert_eq!(drive.data().due_by, at("2026-03-13T18:00:00+08:00"));
    assert_eq!(drive.due("EXPIRE"), Some(at("2026-03-20T18:00:00+08:00")));
    assert_eq!(drive.due("APPOINTMENT"), Some(at("2026-03-12T20:15:00+08:00")));
    assert!(
        drive.instance.as_ref().unwrap().clocks["DUE"]
            .run
            .as_ref()
            .is_some_and(|run| run.paused_since().is_some()),
        "nobody is late while it is appointed"
    );
    drive.fire("APPOINTMENT");
    drive.take("claim:agent");
    drive.send(agent("agent-a"), "attempt_result", result("connected", "phone"));
    assert_eq!(drive.data().appointment_at, None);
}

#[test]
fn missed_appointment_is_told_and_the_windows_count_again() {
    let mut drive = Drive::queued(json!({}));
    drive.call("connected");
    let evening = at("2026-03-12T20:30:00+08:00");
    drive.send(agent("agent-a"), "schedule", json!({ "at": evening, "by": "customer" }));
    drive.fire("APPOINTMENT");
    drive.take("claim:agent");
    drive.fire("LOCK");
    assert_eq!(drive.due("APPOINTMENT_MISSED"), Some(at("2026-03-12T20:45:00+08:00")), "nobody called");
    drive.fire("APPOINTMENT_MISSED");
    assert_eq!(drive.refused(agent("agent-a"), "claim", json!({})).code, "outside_contact_window");
}

#[test]
fn due_runs_once_from_the_first_moment_somebody_could_call() {
    let mut drive = Drive::planned(Actor::system(), json!({}));
    assert!(!drive.instance.as_ref().unwrap().clocks.contains_key("DUE"));
    drive.fire("WINDOW_OPEN");
    drive.call("busy");
    drive.fire("RETRY_AT");
    let clock = &drive.instance.as_ref().unwrap().clocks["DUE"];
    assert_eq!(
        (clock.cycle, clock.run.as_ref().map(|run| run.start)),
        (1, Some(at("2026-03-11T10:00:00+08:00")))
    );
    drive.call("connected");
    drive.send(agent("agent-a"), "record", json!({ "score": 4 }));
    let clock = &drive.instance.as_ref().unwrap().clocks["DUE"];
    assert_eq!(clock.ended.last().and_then(|ended| ended.verdict), Some(crate::kernel::common::Verdict::Met));
}

#[test]
fn call_in_progress_is_never_cut_off_and_what_is_past_its_grace_expires_at_once() {
    let mut drive = Drive::queued(json!({}));
    assert_eq!(drive.due("EXPIRE"), Some(at("2026-03-25T18:00:00+08:00")));
    drive.now = at("2026-03-25T17:55:00+08:00");
    drive.take("claim:agent");
    assert_eq!(drive.due("EXPIRE"), None);
    drive.fire("LOCK");
    drive.fire("EXPIRE");
    assert_eq!((drive.state(), drive.now), ("closed.expired", at("2026-03-25T18:05:00+08:00")));
}

#[test]
fn amended_calendar_moves_what_is_waited_for() {
    let mut drive = Drive::queued(json!({}));
    drive.call("no_answer");
    let mut file = crate::workflows::driven::calendar_file("cn");
    file.off.push("2026-03-11".into());
    file.off.push("2026-03-19".into());
    drive.calendar = file.check().unwrap();
    let amended = json!({ "calendar": "cn", "from": "a", "to": "b" });
    drive.send(Actor::system(), "calendar_amended", amended);
    assert_eq!(drive.due("RETRY_AT"), Some(at("2026-03-12T09:00:00+08:00")));
    assert_eq!(drive.due("EXPIRE"), Some(at("2026-03-26T18:00:00+08:00")));
}

#[test]
fn gateway_claims_nothing_and_a_supervisor_may_call() {
    let mut drive = Drive::queued(json!({}));
    assert_eq!(drive.refused(gateway(), "claim", json!({})).code, "role_not_allowed");
    drive.send(supervisor(), "claim", Value::Object(Default::default()));
    assert_eq!(drive.state(), "open.attempting.contacting");
}
