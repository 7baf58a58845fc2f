//! Owns the proof that KPIs folded over records are the numbers that whole histories give.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::samples::samples;
use super::drive::{Drive, agent, at, customer, gateway, handler, mail, supervisor};
use crate::kernel::kpi::fold::{Line, fold};
use crate::kernel::kpi::measure::{Frame, Kind, Retargets, measures};
use crate::kernel::kpi::{self, Record};
use crate::workflows::driven::frame;
use crate::workflows::held::assert_equal;

/// A drive along random events and times; whatever is refused is passed over.
fn driven(number: usize, steps: &[(u16, u32)]) -> Drive {
    let mut drive = Drive::new();
    drive.id = crate::kernel::id::InstanceId::derive("c-1027", &["case", &number.to_string()]);
    let known = samples();
    let starts: Vec<_> = known.iter().filter(|sample| sample.event == "submit").collect();
    for (choice, minutes) in steps {
        pass(&mut drive, *minutes);
        if drive.instance.is_none() {
            let sample = starts[usize::from(*choice) % starts.len()];
            attempt(&mut drive, sample);
        } else {
            more(&mut drive, usize::from(*choice), &known);
        }
    }
    drive
}

fn attempt(drive: &mut Drive, sample: &crate::kernel::machine::Sample) {
    let kept = drive.facts.clone();
    drive.facts.extend(sample.facts.clone());
    drive.attempt(sample.actor.clone(), sample.event, Value::Object(sample.payload.clone())).ok();
    drive.facts = kept;
}

/// A sample, or something that samples say at fixed times only.
fn more(drive: &mut Drive, choice: usize, known: &[crate::kernel::machine::Sample]) {
    let ahead = |drive: &Drive, hours: i64| drive.calendar.after(drive.now, hours * 3_600_000);
    let own = [agent("agent-a"), agent("agent-b"), supervisor()][choice % 3].clone();
    let told = |intent: &str| json!({ "message_ref": format!("m{choice}"), "intent": intent });
    let words = json!({ "message_ref": "m", "human": true });
    let answer = json!({ "message_ref": "m", "solution_ref": "s", "confirmed_in_contact": false });
    let (actor, event, payload) = match choice % 28 {
        0 | 18 => (
            own,
            "escalate",
            json!({ "level": "senior", "reason": "r", "promised_by": ahead(drive, 6), "told_customer": true }),
        ),
        1 => (
            own,
            "progress_update",
            json!({ "message_ref": "m", "new_promise": ahead(drive, 5), "reason": "r" }),
        ),
        2 | 3 => (own, "respond", words),
        4 | 5 => (own, "answer", answer),
        6 => (own, "accept", json!({})),
        7 => (gateway(), "customer_reply", told("dissatisfied")),
        8 => (gateway(), "customer_reply", told("unknown")),
        9 => (gateway(), "customer_reply", told("thanks")),
        10 => (gateway(), "customer_reply", told("info")),
        11 => (customer(), "confirm", json!({ "satisfied": choice.is_multiple_of(2) })),
        12 => (customer(), "reopen", json!({ "reason": "r" })),
        13 => (own, "handover_requested", json!({ "to": { "id": "agent-b", "role": "agent" }, "note": "n" })),
        14 => (agent("agent-b"), "handover_accepted", json!({})),
        15 => (own, "closure_acknowledged", json!({})),
        16 => (
            supervisor(),
            "priority_changed",
            json!({ "to": (["urgent", "low"][choice % 2]), "reason": "r" }),
        ),
        19 | 20 => {
            let note = json!({
                "department": "service", "purpose": "answer", "handoff_note": "客户的发票抬头开错，请处理。",
                "expected_by": ahead(drive, 8),
            });
            (own, "transfer_department", note)
        }
        21 => (handler(), "department_return", json!({ "reason": "r" })),
        22 | 23 => {
            let word = json!({ "satisfied": !choice.is_multiple_of(3), "score": 1 + choice % 5 });
            (customer(), "confirm", word)
        }
        24 => {
            let answer = json!({
                "message_ref": "m", "solution_ref": "s", "confirmed_in_contact": true, "recording_ref": "r",
                "score": 1 + choice % 5,
            });
            (own, "answer", answer)
        }
        17 => (own, "linked", json!({ "type": "repeat_of", "id": "3fa2-7f3k2m9qx4tbz8wd" })),
        _ => {
            attempt(drive, &known[choice % known.len()]);
            return;
        }
    };
    drive.attempt(actor, event, payload).ok();
}

/// Moves the clock, through every due on the way.
fn pass(drive: &mut Drive, minutes: u32) {
    let until = drive.now.plus_millis(i64::from(minutes) * 60_000);
    loop {
        let timers = drive.instance.iter().flat_map(|instance| &instance.timers);
        let next = timers.map(|(name, timer)| (timer.due, name.clone())).min();
        let Some((due, name)) = next.filter(|(due, _)| *due <= until) else { break };
        drive.now = drive.now.max(due);
        if drive.try_fire(&name).is_err() {
            drive.instance.as_mut().unwrap().timers.remove(&name);
        }
    }
    drive.now = until;
}

/// Choices with minutes before each: in some drives minutes or hours only, in others days too.
fn random() -> impl Strategy<Value = Vec<(u16, u32)>> {
    prop_oneof![Just(20u32), Just(240), Just(3_000), Just(12_000)]
        .prop_flat_map(|longest| prop::collection::vec((any::<u16>(), 0..longest), 1..25))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::seeded::cases(400)))]

    #[test]
    fn every_kpi_is_what_the_histories_say(
        cases in prop::collection::vec(random(), 1..5),
        from in 0i64..30,
        days in 1i64..30,
        left_out in any::<bool>(),
    ) {
        let drives: Vec<Drive> =
            cases.iter().enumerate().map(|(n, steps)| driven(n, steps)).filter(|d| d.instance.is_some()).collect();
        let now = drives.iter().map(|drive| drive.now).max().unwrap_or_default();
        let from = at("2026-03-08T16:00:00Z").plus_millis(from * 43_200_000);
        let retargets = if left_out { Retargets::LeftOut } else { Retargets::Counted };
        let frame = Frame { now, retargets, ..frame(from, from.plus_millis(days * 43_200_000)) };
        let lives = drives.iter().map(|drive| (drive.instance.as_ref().unwrap(), drive.entries.as_slice()));
        assert_equal(&measures("consultation"), lives, frame);
    }
}

#[test]
fn random_drives_reach_both_sides_of_every_number() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let steps = random();
    let records: Vec<Record> = (0..400)
        .filter_map(|number| {
            let steps = steps.new_tree(&mut runner).unwrap().current();
            kpi::record(driven(number, &steps).instance.as_ref()?)
        })
        .collect();
    let now = at("2026-12-31T00:00:00Z");
    let lines = fold(&records, &measures("consultation"), frame(at("2026-01-01T00:00:00Z"), now), None);
    let one_sided = lines.iter().filter(|Line { measure, total, .. }| match measure.kind {
        Kind::Rate | Kind::Ratio => total.numerator == 0 || total.numerator == total.denominator,
        Kind::Times | Kind::Mean | Kind::Average => total.sum == 0,
    });
    let one_sided: Vec<_> = one_sided.map(|line| (line.measure.kpi, line.measure.name)).collect();
    assert_eq!(one_sided, []);
}

/// The numbers of one KPI over March, looked at from its end.
fn march(drives: &[Drive], kpi: &str, name: &str) -> (u64, u64, u64) {
    let records: Vec<Record> =
        drives.iter().filter_map(|drive| kpi::record(drive.instance.as_ref().unwrap())).collect();
    let until = at("2026-04-01T00:00:00+08:00");
    let frame = frame(at("2026-03-01T00:00:00+08:00"), until);
    let lines = fold(&records, &measures("consultation"), frame, None);
    let line = lines.iter().find(|line| (line.measure.kpi, line.measure.name) == (kpi, name)).unwrap();
    (line.total.numerator, line.total.denominator, line.total.pending)
}

#[test]
fn renewed_promises_are_kept_and_late_ones_are_not() {
    let mut drive = Drive::accepted();
    let until = |drive: &Drive, hours: i64| drive.calendar.after(drive.now, hours * 3_600_000);
    let call =
        json!({ "level": "senior", "reason": "r", "promised_by": until(&drive, 4), "told_customer": true });
    drive.send(agent("agent-a"), "escalate", call);
    let renewal = json!({ "message_ref": "m", "new_promise": until(&drive, 5), "reason": "r" });
    drive.send(agent("agent-a"), "progress_update", renewal);
    pass(&mut drive, 3 * 24 * 60);
    drive.send(
        agent("agent-a"),
        "answer",
        json!({ "message_ref": "m", "solution_ref": "s", "confirmed_in_contact": false }),
    );
    assert_eq!(march(&[drive], "K07", "kept"), (1, 2, 0));
}

#[test]
fn another_agents_closing_needs_the_first_owners_word() {
    let closed =
        |acknowledges: bool| {
            let mut drive = Drive::accepted();
            drive.send(agent("agent-b"), "answer", json!({
            "message_ref": "m", "solution_ref": "s", "confirmed_in_contact": true, "recording_ref": "r",
        }));
            if acknowledges {
                drive.send(agent("agent-a"), "closure_acknowledged", json!({}));
            }
            drive.fire("REOPEN_WINDOW");
            drive
        };
    assert_eq!(march(&[closed(false), closed(true)], "K19", "owned"), (1, 2, 0));
}

#[test]
fn first_response_that_only_a_new_target_made_late_can_be_left_out() {
    let target = json!([{ "priority": "urgent", "target": "10 business minutes" }]);
    let mut drive = Drive::new().with_policy(|policy| policy["frt"]["overrides"] = target.clone());
    drive.send(gateway(), "submit", mail());
    pass(&mut drive, 30);
    drive.send(agent("agent-a"), "priority_changed", json!({ "to": "urgent", "reason": "r" }));
    pass(&mut drive, 1);
    drive.send(agent("agent-a"), "respond", json!({ "message_ref": "m", "human": true }));
    let record = kpi::record(drive.instance.as_ref().unwrap()).unwrap();
    let until = at("2026-04-01T00:00:00+08:00");
    let mut frame = frame(at("2026-03-01T00:00:00+08:00"), until);
    let late = |frame: Frame| {
        let lines = fold([&record], &measures("consultation"), frame, None);
        let line = lines.into_iter().find(|line| line.measure.kpi == "K02").unwrap();
        (line.total.numerator, line.total.denominator)
    };
    assert_eq!(late(frame), (0, 1));
    frame.retargets = Retargets::LeftOut;
    assert_eq!(late(frame), (0, 0));
}
