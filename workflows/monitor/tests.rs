//! Checks when each monitor fires: at its threshold, not below, once, and again when its period is another.

use serde_json::{Value, json};

use super::customer::is_contact;
use super::event::Seen;
use crate::kernel::actor::{Actor, Role};
use crate::kernel::effect::Effect;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::workflows::training::tests::drive::Drive;

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn case(name: &str) -> InstanceId {
    InstanceId::derive("test", &[name])
}

/// Monitors with the facts that they ask for: no class comes, and no case of the customer.
fn monitor() -> Drive {
    let mut drive = Drive::new("monitor");
    drive.facts = json!({ "among": [], "contacts": [] }).as_object().unwrap().clone();
    drive
}

/// Tells `drive` what was seen at `time` in Shanghai; answers its effects, timers left out.
#[expect(clippy::needless_pass_by_value, reason = "callers write `json!` in place")]
#[track_caller]
fn see(drive: &mut Drive, watched: &Value, seen: Value, time: &str) -> Vec<String> {
    drive.now = at(time);
    drive.send(&Actor::system(), "observe", json!({ "watched": watched, "seen": seen }));
    drive.summaries().into_iter().filter(|effect| !effect.starts_with("arm ")).collect()
}

fn ann() -> Value {
    json!({ "agent": { "id": "ann", "role": "agent" } })
}

fn upheld(name: &str) -> Value {
    json!({ "upheld": { "case": case(name) } })
}

const TRAINED: [&str; 1] = ["spawn training_session remedial"];
const NOTHING: [&str; 0] = [];

#[test]
fn third_upheld_complaint_within_thirty_days_sends_the_agent_to_a_class_once_a_month() {
    let mut drive = monitor();
    assert_eq!(see(&mut drive, &ann(), upheld("a"), "2026-03-02T10:00:00+08:00"), NOTHING);
    assert_eq!(see(&mut drive, &ann(), upheld("b"), "2026-03-10T10:00:00+08:00"), NOTHING);
    assert_eq!(see(&mut drive, &ann(), upheld("b"), "2026-03-10T11:00:00+08:00"), NOTHING, "one case is one");
    // The thirtieth day after 2 March is 1 April.
    assert_eq!(see(&mut drive, &ann(), upheld("c"), "2026-04-01T23:59:59+08:00"), TRAINED);
    let fired = &drive.data()["fired"][0];
    assert_eq!((&fired["rule"], &fired["for"]), (&json!("upheld_complaints"), &json!("2026-04")));
    assert_eq!(fired["sources"], json!([case("a"), case("b"), case("c")]));
    let Some(Effect::Spawn(class)) = drive.effects.iter().find(|effect| matches!(effect, Effect::Spawn(_)))
    else {
        panic!("{:?}", drive.effects)
    };
    assert_eq!(
        class.payload["waiting"],
        json!([{ "trainee": { "id": "ann", "role": "agent" }, "source": "monitor" }])
    );
    assert_eq!(class.payload["type"], "remedial");
    assert_eq!(see(&mut drive, &ann(), upheld("d"), "2026-04-02T10:00:00+08:00"), NOTHING);
}

#[test]
fn window_slides_over_complaints_that_are_too_old() {
    let mut drive = monitor();
    see(&mut drive, &ann(), upheld("a"), "2026-03-02T10:00:00+08:00");
    see(&mut drive, &ann(), upheld("b"), "2026-03-10T10:00:00+08:00");
    assert_eq!(see(&mut drive, &ann(), upheld("c"), "2026-04-02T00:00:01+08:00"), NOTHING);
    assert_eq!(drive.data()["seen"].as_array().unwrap().len(), 2, "what counts no more is not kept");
    assert_eq!(see(&mut drive, &ann(), upheld("d"), "2026-04-03T10:00:00+08:00"), TRAINED);
}

#[test]
fn complaint_that_is_open_again_counts_no_more() {
    let mut drive = monitor();
    let time = "2026-03-11T10:00:00+08:00";
    see(&mut drive, &ann(), upheld("a"), time);
    see(&mut drive, &ann(), upheld("b"), time);
    see(&mut drive, &ann(), json!({ "upheld_no_more": { "case": case("a") } }), time);
    assert_eq!(see(&mut drive, &ann(), upheld("c"), time), NOTHING);
    assert_eq!(see(&mut drive, &ann(), upheld("a"), time), TRAINED, "it ended again");
}

#[test]
fn no_class_is_asked_for_while_a_remedial_enrolment_is_open() {
    let mut drive = monitor();
    let error = |name: &str| json!({ "critical_error": { "inspection": name } });
    let enrolment = |kind: &str, name: &str| json!({ kind: { "enrollment": case(name) } });
    see(&mut drive, &ann(), enrolment("enrolled", "by_manager"), "2026-03-02T10:00:00+08:00");
    see(&mut drive, &ann(), error("i1"), "2026-03-03T10:00:00+08:00");
    assert_eq!(see(&mut drive, &ann(), error("i2"), "2026-03-04T10:00:00+08:00"), NOTHING);
    assert_eq!(drive.data().get("fired"), None, "and the month is not used up");
    see(&mut drive, &ann(), enrolment("unenrolled", "another"), "2026-03-05T10:00:00+08:00");
    assert_eq!(see(&mut drive, &ann(), error("i3"), "2026-03-06T10:00:00+08:00"), NOTHING);
    see(&mut drive, &ann(), enrolment("unenrolled", "by_manager"), "2026-03-07T10:00:00+08:00");
    assert_eq!(see(&mut drive, &ann(), error("i4"), "2026-03-08T10:00:00+08:00"), TRAINED);
    // What the monitor asked for itself counts before there is an enrolment.
    assert_eq!(see(&mut drive, &ann(), error("i5"), "2026-04-01T10:00:00+08:00"), NOTHING);
    see(&mut drive, &ann(), enrolment("enrolled", "mine"), "2026-04-02T10:00:00+08:00");
    see(&mut drive, &ann(), enrolment("unenrolled", "mine"), "2026-04-20T10:00:00+08:00");
    assert_eq!(see(&mut drive, &ann(), error("i6"), "2026-04-21T10:00:00+08:00"), TRAINED);
}

#[test]
fn class_that_came_to_nothing_blocks_for_ninety_days_only() {
    let mut drive = monitor();
    let error = |name: &str| json!({ "critical_error": { "inspection": name } });
    see(&mut drive, &ann(), error("i1"), "2026-03-02T10:00:00+08:00");
    assert_eq!(see(&mut drive, &ann(), error("i2"), "2026-03-03T10:00:00+08:00"), TRAINED);
    see(&mut drive, &ann(), error("i3"), "2026-05-31T10:00:00+08:00");
    assert_eq!(see(&mut drive, &ann(), error("i4"), "2026-06-01T10:00:00+08:00"), NOTHING);
    assert_eq!(see(&mut drive, &ann(), error("i5"), "2026-06-02T10:00:00+08:00"), TRAINED);
}

#[test]
fn mean_of_a_month_below_the_limit_fires_over_enough_scores_only() {
    let scored =
        |number: usize, score: u8| json!({ "scored": { "case": case(&number.to_string()), "score": score } });
    let mut drive = monitor();
    let time = "2026-03-20T10:00:00+08:00";
    // Ten of four and nine of three are 3.52; one more of three makes exactly 3.50 over twenty.
    for number in 0..19 {
        assert_eq!(see(&mut drive, &ann(), scored(number, 4 - u8::from(number >= 10)), time), NOTHING);
    }
    assert_eq!(see(&mut drive, &ann(), scored(19, 3), time), NOTHING, "3.5 is not below 3.5");
    assert_eq!(see(&mut drive, &ann(), scored(20, 3), time), TRAINED);
    let few = |score| {
        let mut drive = monitor();
        (0..19).flat_map(|number| see(&mut drive, &ann(), scored(number, score), time)).collect::<Vec<_>>()
    };
    assert_eq!(few(1), NOTHING, "nineteen are too few");
    let mut drive = monitor();
    for number in 0..19 {
        see(&mut drive, &ann(), scored(number, 1), "2026-03-31T10:00:00+08:00");
    }
    assert_eq!(see(&mut drive, &ann(), scored(19, 1), "2026-04-01T10:00:00+08:00"), NOTHING, "another month");
}

#[test]
fn agent_is_enrolled_in_the_class_that_comes() {
    let mut drive = monitor();
    let class = json!({
        "id": case("class"), "workflow": "training_session", "state": "preparing.scheduled",
        "data": { "/free": 3, "/sittings/0/start": "2026-04-20T01:00:00.000Z" },
    });
    drive.facts["among"] = json!([class]);
    let time = "2026-03-11T10:00:00+08:00";
    see(&mut drive, &ann(), upheld("a"), time);
    see(&mut drive, &ann(), upheld("b"), time);
    assert_eq!(see(&mut drive, &ann(), upheld("c"), time), ["send enroll"]);
}

fn customer() -> Value {
    json!({ "customer": "c-1" })
}

fn complained(name: &str, priority: &str) -> Value {
    json!({ "complained": { "case": case(name), "channel": "email", "tier": "normal", "priority": priority } })
}

#[test]
fn third_complaint_within_ninety_days_puts_the_customer_on_the_watch_list_once_a_quarter() {
    let mut drive = monitor();
    let listed =
        ["notify role:supervisor watch_list", "task repeat_complainant supervisor", "send priority_changed"];
    assert_eq!(see(&mut drive, &customer(), complained("a", "normal"), "2026-01-20T10:00:00+08:00"), NOTHING);
    assert_eq!(see(&mut drive, &customer(), complained("b", "normal"), "2026-02-01T10:00:00+08:00"), NOTHING);
    assert_eq!(see(&mut drive, &customer(), complained("c", "normal"), "2026-03-20T10:00:00+08:00"), listed);
    let sent = drive.effects.iter().find_map(|effect| match effect {
        Effect::Send(send) => Some((send.to.clone(), send.payload["to"].clone())),
        _ => None,
    });
    assert_eq!(sent, Some((case("c"), json!("high"))));
    assert_eq!(drive.data()["customer"]["watch_listed"], json!(at("2026-03-20T10:00:00+08:00")));
    assert_eq!(see(&mut drive, &customer(), complained("d", "normal"), "2026-03-31T10:00:00+08:00"), NOTHING);
    let urgent = see(&mut drive, &customer(), complained("e", "urgent"), "2026-04-01T10:00:00+08:00");
    assert_eq!(urgent, listed[..2], "another quarter, and nothing is above urgent");
}

#[test]
fn copy_of_a_complaint_is_none() {
    let mut drive = monitor();
    let time = "2026-03-11T10:00:00+08:00";
    see(&mut drive, &customer(), complained("a", "normal"), time);
    see(&mut drive, &customer(), complained("b", "normal"), time);
    see(&mut drive, &customer(), json!({ "not_complained": { "case": case("b") } }), time);
    assert_eq!(see(&mut drive, &customer(), complained("c", "normal"), time), NOTHING);
}

fn contact(name: &str, tier: &str) -> Value {
    json!({ "contact": { "case": case(name), "channel": "phone", "tier": tier } })
}

fn ended(workflow: &str, state: &str, time: &str) -> Value {
    json!({ "id": case("old"), "workflow": workflow, "state": state, "at": at(time), "tier": "key" })
}

#[test]
fn customer_who_is_not_heard_of_is_called_once_for_each_gap() {
    let mut drive = monitor();
    see(&mut drive, &customer(), contact("a", "key"), "2026-03-01T10:00:00+08:00");
    // Sixty calendar days for a key customer: the sixtieth ends with 30 April.
    assert_eq!(drive.due("DORMANT"), Some(at("2026-05-01T00:00:00+08:00")));
    let open = json!({ "id": case("b"), "workflow": "consultation", "state": "open.answered",
        "at": at("2026-03-02T10:00:00+08:00"), "tier": "key" });
    drive.facts["contacts"] = json!([open]);
    drive.fire("DORMANT");
    assert_eq!((drive.state(), drive.summaries()), ("watching", vec!["arm DORMANT".to_owned()]), "in touch");
    let asked = ended("consultation", "closed.resolved", "2026-05-02T10:00:00+08:00");
    let unreached = ended("callback", "closed.unreachable", "2026-06-20T10:00:00+08:00");
    drive.facts["contacts"] = json!([unreached, asked]);
    drive.fire("DORMANT");
    assert_eq!(
        drive.due("DORMANT"),
        Some(at("2026-07-02T00:00:00+08:00")),
        "sixty days from the last contact"
    );
    drive.fire("DORMANT");
    assert_eq!(drive.state(), "dormant");
    assert_eq!(drive.summaries(), ["spawn callback dormant", "cancel PERIODIC"]);
    let fired = &drive.data()["fired"][0];
    assert_eq!((&fired["rule"], &fired["for"]), (&json!("dormant"), &json!(at("2026-05-02T10:00:00+08:00"))));
    assert_eq!(drive.due("DORMANT"), None, "nobody is called again and again");
    see(&mut drive, &customer(), contact("c", "key"), "2026-08-01T10:00:00+08:00");
    assert_eq!((drive.state(), drive.due("PERIODIC").is_some()), ("watching", true));
}

#[test]
fn customer_whose_data_may_not_be_used_is_not_called() {
    let mut drive = monitor();
    see(&mut drive, &customer(), contact("a", "key"), "2026-03-01T10:00:00+08:00");
    let mut restricted = ended("consultation", "closed.resolved", "2026-03-01T10:00:00+08:00");
    restricted["restricted"] = json!(true);
    drive.facts["contacts"] = json!([restricted]);
    drive.fire("PERIODIC");
    assert_eq!(drive.summaries(), ["arm PERIODIC"]);
    drive.fire("DORMANT");
    assert_eq!((drive.state(), drive.summaries()), ("dormant", vec!["cancel PERIODIC".to_owned()]));
}

#[test]
fn customer_is_called_again_as_the_tier_has_it() {
    for (tier, due) in [("normal", "2026-06-10"), ("vip", "2026-05-11"), ("key", "2026-04-11")] {
        let mut drive = monitor();
        see(&mut drive, &customer(), contact("a", tier), "2026-03-11T10:00:00+08:00");
        assert_eq!(drive.due("PERIODIC"), Some(at(&format!("{due}T00:00:00+08:00"))), "{tier}");
    }
    let mut drive = monitor();
    see(&mut drive, &customer(), contact("a", "key"), "2026-03-11T10:00:00+08:00");
    for index in 1..=2 {
        drive.facts["contacts"] =
            json!([ended("consultation", "closed.resolved", "2026-03-11T10:00:00+08:00")]);
        drive.fire("PERIODIC");
        let spawned = drive.effects.iter().find_map(|effect| match effect {
            Effect::Spawn(spawn) => Some(spawn.clone()),
            _ => None,
        });
        let spawned = spawned.unwrap();
        assert_eq!((spawned.rule.as_str(), spawned.index), ("periodic", index));
        assert_eq!(spawned.payload["customer_id"], "c-1");
        assert_eq!(spawned.payload["channel_pref"], json!(["phone"]));
        assert_eq!((&spawned.payload["chain_depth"], spawned.payload.get("source_case")), (&json!(1), None));
    }
}

#[test]
fn clock_of_the_profile_runs_from_what_changed_to_what_was_saved() {
    let mut drive = monitor();
    let crm = Actor::person("crm", Role::Gateway);
    let say = |drive: &mut Drive, what: &str| {
        drive.send(&crm, "observe", json!({ "watched": customer(), "seen": what }));
    };
    say(&mut drive, "customer_added");
    let clock = |drive: &Drive| drive.instance.as_ref().unwrap().clocks["PROFILE"].run.is_some();
    assert!(clock(&drive));
    say(&mut drive, "profile_saved");
    assert!(!clock(&drive));
}

#[test]
fn fifth_complaint_with_one_cause_asks_for_an_improvement_and_the_next_window_begins_anew() {
    let cause = json!({ "cause": "delivery" });
    let caused = |number: usize| json!({ "caused": { "case": case(&number.to_string()) } });
    let improve = ["task improvement_action qa_inspector"];
    let mut drive = monitor();
    for number in 0..4 {
        assert_eq!(see(&mut drive, &cause, caused(number), "2026-03-11T10:00:00+08:00"), NOTHING);
    }
    assert_eq!(see(&mut drive, &cause, caused(4), "2026-04-10T10:00:00+08:00"), improve);
    for number in 5..9 {
        assert_eq!(see(&mut drive, &cause, caused(number), "2026-04-11T10:00:00+08:00"), NOTHING);
    }
    assert_eq!(see(&mut drive, &cause, caused(9), "2026-04-12T10:00:00+08:00"), improve);
    assert_eq!(drive.data()["fired"].as_array().unwrap().len(), 2);
    let mut slow = monitor();
    for number in 0..4 {
        see(&mut slow, &cause, caused(number), "2026-03-11T10:00:00+08:00");
    }
    assert_eq!(see(&mut slow, &cause, caused(4), "2026-04-11T00:00:01+08:00"), NOTHING, "the window slid");
}

#[test]
fn missed_target_asks_for_one_improvement_a_month() {
    let kpi = json!({ "kpi": "K04" });
    let missed = |report: &str, from: &str| {
        json!({ "target_missed": {
            "report": case(report), "period_from": at(from), "target": "90", "actual": "88.00", "n": 50,
        } })
    };
    let mut drive = monitor();
    let (march, april) = ("2026-03-01T00:00:00+08:00", "2026-04-01T00:00:00+08:00");
    let improve = ["task improvement_action qa_inspector"];
    assert_eq!(see(&mut drive, &kpi, missed("r1", march), "2026-04-01T01:00:00+08:00"), improve);
    assert_eq!(see(&mut drive, &kpi, missed("r2", march), "2026-04-02T01:00:00+08:00"), NOTHING);
    assert_eq!(see(&mut drive, &kpi, missed("r3", april), "2026-05-01T01:00:00+08:00"), improve);
}

#[test]
fn duty_is_one_task_for_each_due() {
    let duty = json!({ "duty": "kb_review" });
    let due = |time: &str| json!({ "due": { "task": "review_knowledge", "role": "senior_agent", "due": at(time) } });
    let mut drive = monitor();
    let task = ["task review_knowledge senior_agent"];
    let time = "2026-01-01T09:00:00+08:00";
    assert_eq!(see(&mut drive, &duty, due("2026-01-15T18:00:00+08:00"), time), task);
    assert_eq!(see(&mut drive, &duty, due("2026-01-15T18:00:00+08:00"), time), NOTHING);
    assert_eq!(see(&mut drive, &duty, due("2026-07-14T18:00:00+08:00"), "2026-07-01T09:00:00+08:00"), task);
}

#[test]
fn nobody_tells_what_is_not_theirs_to_tell_or_not_of_this_monitor() {
    let mut drive = monitor();
    see(&mut drive, &ann(), upheld("a"), "2026-03-11T10:00:00+08:00");
    let (crm, qi) = (Actor::person("crm", Role::Gateway), Actor::person("qi", Role::QaInspector));
    let told = |watched: Value, seen: Value| json!({ "watched": watched, "seen": seen });
    assert_eq!(drive.refused(&crm, "observe", told(ann(), upheld("b"))), "not_yours_to_tell");
    assert_eq!(drive.refused(&qi, "observe", told(ann(), upheld("b"))), "not_yours_to_tell");
    assert_eq!(drive.refused(&crm, "observe", told(ann(), json!("customer_added"))), "not_of_this");
    let bo = json!({ "agent": { "id": "bo", "role": "agent" } });
    assert_eq!(drive.refused(&Actor::system(), "observe", told(bo, upheld("b"))), "another_watched");
    let mut drive = monitor();
    see(&mut drive, &customer(), contact("a", "normal"), "2026-03-11T10:00:00+08:00");
    let order = json!({ "rule": "upheld_complaints", "month": "2026-03" });
    assert_eq!(drive.refused(&Actor::system(), "train", order), "no_agent");
}

#[test]
fn stopped_monitor_takes_what_is_told_and_does_nothing() {
    let mut drive = monitor();
    see(&mut drive, &ann(), upheld("a"), "2026-03-11T10:00:00+08:00");
    let owner = Actor::person("owner", Role::ProcessOwner);
    let force = json!({ "reason": "x", "approver": { "id": "max", "role": "dept_manager" } });
    drive.send(&owner, "force_closed", force);
    assert_eq!(drive.state(), "closed.stopped");
    for name in ["b", "c", "d"] {
        assert_eq!(see(&mut drive, &ann(), upheld(name), "2026-03-12T10:00:00+08:00"), NOTHING);
    }
}

#[test]
fn contacts_are_told_apart_from_other_words() {
    assert!(is_contact(&Seen::CustomerAdded));
    assert!(!is_contact(&Seen::ProfileSaved) && !is_contact(&Seen::InfoChanged));
}

fn hired(on: &str) -> Value {
    json!({ "hired": { "on": on } })
}

fn learnt(competencies: &[&str]) -> Value {
    json!({ "learnt": { "enrollment": case("class"), "competencies": competencies } })
}

/// How the clock of the modules stands: its due while it runs, else how its last run ended.
fn onboarding(drive: &Drive) -> String {
    let Some(clock) = drive.instance.as_ref().unwrap().clocks.get("ONBOARDING") else { return "none".into() };
    match (&clock.run, clock.ended.last()) {
        (Some(run), _) if run.is_breached() => "breached".into(),
        (Some(_), _) => format!("due {}", clock.running_due().unwrap()),
        (None, Some(ended)) => format!("{:?}", ended.verdict),
        (None, None) => "none".into(),
    }
}

const SOME: [&str; 3] = ["culture", "product", "refunds"];
const REST: [&str; 3] = ["concept", "process", "communication"];

#[test]
fn somebody_new_has_thirty_days_for_five_modules_from_any_classes() {
    let mut drive = monitor();
    see(&mut drive, &ann(), hired("2026-03-02"), "2026-03-05T10:00:00+08:00");
    assert_eq!(onboarding(&drive), "due 2026-04-01T16:00:00.000Z", "the end of 1 April in Shanghai");
    see(&mut drive, &ann(), learnt(&SOME), "2026-03-20T10:00:00+08:00");
    assert_eq!(onboarding(&drive), "due 2026-04-01T16:00:00.000Z", "two of five");
    see(
        &mut drive,
        &ann(),
        learnt(&["concept", "process", "communication", "culture"]),
        "2026-04-01T23:59:59+08:00",
    );
    assert_eq!(onboarding(&drive), "Some(Met)");
    assert_eq!(drive.data()["onboarding"]["hired"]["complete"], "2026-04-01T15:59:59.000Z");
    assert_eq!(
        drive.data()["onboarding"]["modules"]["culture"],
        json!(["2026-03-20T02:00:00.000Z"]),
        "the first time counts"
    );
    assert_eq!(drive.data()["onboarding"]["modules"].as_object().unwrap().len(), 5, "refunds is no module");
}

#[test]
fn a_hire_that_is_told_late_finds_what_was_learnt_since_the_first_day() {
    let mut drive = monitor();
    see(&mut drive, &ann(), learnt(&SOME), "2026-03-01T10:00:00+08:00");
    see(&mut drive, &ann(), learnt(&REST), "2026-03-03T10:00:00+08:00");
    see(&mut drive, &ann(), hired("2026-03-02"), "2026-03-05T10:00:00+08:00");
    assert_eq!(
        drive.data()["onboarding"]["modules"].as_object().unwrap().len(),
        3,
        "what was before does not count"
    );
    see(&mut drive, &ann(), learnt(&SOME), "2026-03-06T10:00:00+08:00");
    assert_eq!(onboarding(&drive), "Some(Met)");

    let mut drive = monitor();
    see(&mut drive, &ann(), learnt(&SOME), "2026-03-02T10:00:00+08:00");
    see(&mut drive, &ann(), learnt(&REST), "2026-03-03T10:00:00+08:00");
    see(&mut drive, &ann(), hired("2026-03-02"), "2026-05-05T10:00:00+08:00");
    assert_eq!(onboarding(&drive), "none", "nothing is left to wait for");
    assert_eq!(drive.data()["onboarding"]["hired"]["complete"], "2026-03-03T02:00:00.000Z");
}

#[test]
fn who_leaves_is_waited_for_no_more_and_may_come_again() {
    let mut drive = monitor();
    see(&mut drive, &ann(), hired("2026-03-02"), "2026-03-02T10:00:00+08:00");
    see(&mut drive, &ann(), hired("2026-03-02"), "2026-03-02T11:00:00+08:00");
    let again = json!({ "watched": ann(), "seen": hired("2026-03-03") });
    assert_eq!(drive.refused(&Actor::system(), "observe", again), "hired_before");
    see(&mut drive, &ann(), json!("left"), "2026-03-10T10:00:00+08:00");
    assert_eq!((onboarding(&drive), drive.data().get("onboarding")), ("None".into(), None));
    see(&mut drive, &ann(), hired("2026-06-01"), "2026-06-01T10:00:00+08:00");
    assert_eq!(onboarding(&drive), "due 2026-07-01T16:00:00.000Z");
}

#[test]
fn first_day_that_is_a_year_away_is_mistyped() {
    let mut drive = monitor();
    drive.now = at("2026-03-02T10:00:00+08:00");
    for on in ["2025-02-28", "2027-03-04"] {
        let told = json!({ "watched": ann(), "seen": hired(on) });
        assert_eq!(drive.refused(&Actor::system(), "observe", told), "hired_far_away", "{on}");
    }
    see(&mut drive, &ann(), hired("2026-03-30"), "2026-03-02T10:00:00+08:00");
    assert_eq!(onboarding(&drive), "due 2026-04-29T16:00:00.000Z", "a contract is signed before it begins");
}

#[test]
fn module_that_is_learnt_before_the_first_day_and_again_counts_the_second_time() {
    let mut drive = monitor();
    see(&mut drive, &ann(), learnt(&SOME), "2026-03-01T10:00:00+08:00");
    see(&mut drive, &ann(), learnt(&SOME), "2026-03-04T10:00:00+08:00");
    see(&mut drive, &ann(), learnt(&SOME), "2026-03-09T10:00:00+08:00");
    see(&mut drive, &ann(), learnt(&REST), "2026-03-03T10:00:00+08:00");
    see(&mut drive, &ann(), hired("2026-03-02"), "2026-03-10T10:00:00+08:00");
    assert_eq!(drive.data()["onboarding"]["hired"]["complete"], "2026-03-04T02:00:00.000Z");
}
