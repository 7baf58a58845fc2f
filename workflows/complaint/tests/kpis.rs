//! Owns the KPIs of complaints: on time, satisfied, and in how many rounds.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::samples::samples;
use super::drive::{Drive, at, customer};
use crate::kernel::kpi::fold::{Line, fold};
use crate::kernel::kpi::measure::{Frame, Kind, Retargets, kpis, measures};
use crate::kernel::kpi::{self, Record};
use crate::workflows::driven::frame;
use crate::workflows::held::assert_equal;

/// The numbers of one KPI over March, looked at from its end: numerator, denominator, pending.
fn march(drives: &[Drive], kpi: &str, name: &str) -> (u64, u64, u64) {
    let line = march_line(drives, kpi, name);
    (line.total.numerator, line.total.denominator, line.total.pending)
}

fn march_line(drives: &[Drive], kpi: &str, name: &str) -> Line {
    let records: Vec<Record> =
        drives.iter().filter_map(|drive| kpi::record(drive.instance.as_ref().unwrap())).collect();
    for record in &records {
        assert_eq!(&Record::decode(record.id.clone(), &record.encode()).unwrap(), record);
    }
    let until = at("2026-04-01T00:00:00+08:00");
    let frame = frame(at("2026-03-01T00:00:00+08:00"), until);
    let lines = fold(&records, &measures("complaint"), frame, None);
    lines.into_iter().find(|line| (line.measure.kpi, line.measure.name) == (kpi, name)).unwrap()
}

/// One that the customer was satisfied with, archived.
fn archived() -> Drive {
    let mut drive = Drive::settled();
    drive.fire("REOPEN_WINDOW");
    drive
}

#[test]
fn complaints_have_measures_of_their_own_beside_those_of_all() {
    assert!(["K10", "K11", "K12"].iter().all(|kpi| kpis(&["complaint"]).contains(kpi)));
    assert!(!kpis(&["consultation"]).contains(&"K11"));
    assert!(kpis(&["complaint"]).is_sorted());
}

#[test]
fn whole_time_counts_at_its_stop_or_due_and_an_open_overdue_one_is_missed() {
    let mut late = Drive::assessed();
    late.now = at("2026-03-19T10:00:00+08:00");
    late.take("resolve_on_spot:explains");
    late.take("communicate:tells");
    late.take("customer_accepts:customer");
    late.take("confirm:satisfied");
    let overdue = Drive::assessed();
    let mut waiting = Drive::assessed();
    waiting.take("suspend:litigation");
    assert_eq!(march(&[Drive::settled(), late, overdue, waiting], "K11", "on_time"), (1, 3, 1));
}

#[test]
fn extension_in_time_is_on_time_by_its_new_due() {
    let mut drive = Drive::assessed();
    drive.take("extend:first");
    drive.now = at("2026-03-20T10:00:00+08:00");
    for step in
        ["resolve_on_spot:explains", "communicate:tells", "customer_accepts:customer", "confirm:satisfied"]
    {
        drive.take(step);
    }
    assert_eq!(march(&[drive], "K11", "on_time"), (1, 1, 0));
}

#[test]
fn only_satisfied_customers_count_and_what_ended_before_a_decision_does_not() {
    let mut rejected_once = Drive::told();
    rejected_once.take("customer_rejects:customer");
    for step in [
        "dept_accept:takes",
        "submit_findings:upheld",
        "propose:free",
        "communicate:tells",
        "customer_accepts:customer",
        "action_done:first",
        "confirm:satisfied",
    ] {
        rejected_once.take(step);
    }
    rejected_once.fire("REOPEN_WINDOW");
    let ended = |steps: &[&str]| {
        let mut drive = Drive::assessed();
        for step in steps {
            drive.take(step);
        }
        drive
    };
    let drives = [
        archived(),
        rejected_once,
        ended(&["request_review:customer", "close_without_agreement:notice"]),
        ended(&["withdraw:customer"]),
        ended(&["mark_duplicate:of_open"]),
        ended(&["convert:consultation"]),
        Drive::settled(),
    ];
    assert_eq!(march(&drives, "K12", "satisfied"), (2, 3, 0));
    assert_eq!(march(&drives, "K12", "one_round"), (1, 3, 0));
    let rounds = march_line(&drives, "K12", "rounds").total;
    assert_eq!((rounds.denominator, rounds.text(Kind::Average).as_deref()), (3, Some("1.33")));
}

/// A life: where it begins, then minutes to wait and what to try; whatever is refused is passed over.
fn driven(number: usize, beginning: usize, steps: &[(u16, u16)]) -> Drive {
    let mut drive = [Drive::assessed, Drive::told, Drive::awaiting, Drive::settled][beginning % 4]();
    drive.id = crate::kernel::id::InstanceId::derive("c-1027", &["complaint", &number.to_string()]);
    let known = samples();
    for (minutes, choice) in steps {
        drive.pass(i64::from(*minutes));
        let choice = usize::from(*choice);
        let (actor, event, payload, facts) = if choice.is_multiple_of(6) {
            let word = json!({ "satisfied": choice % 4 > 0, "score": 1 + choice / 6 % 5 });
            (customer(), "confirm", word, Value::Null)
        } else {
            let sample = &known[choice % known.len()];
            if sample.event == "register" {
                continue;
            }
            let payload = Value::Object(sample.payload.clone());
            (sample.actor.clone(), sample.event, payload, Value::Object(sample.facts.clone()))
        };
        let kept = drive.facts.clone();
        drive.facts.extend(facts.as_object().cloned().unwrap_or_default());
        drive.attempt(actor, event, payload).ok();
        drive.facts = kept;
    }
    drive
}

fn lives() -> impl Strategy<Value = Vec<(usize, Vec<(u16, u16)>)>> {
    let steps = prop_oneof![Just(30u16), Just(3_000)]
        .prop_flat_map(|longest| prop::collection::vec((0..longest, any::<u16>()), 0..30));
    prop::collection::vec((0usize..4, steps), 1..4)
}

fn all(lives: &[(usize, Vec<(u16, u16)>)]) -> Vec<Drive> {
    lives.iter().enumerate().map(|(n, (beginning, steps))| driven(n, *beginning, steps)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::seeded::cases(150)))]

    #[test]
    fn every_kpi_of_complaints_is_what_the_histories_say(
        lives in lives(),
        from in 0i64..30,
        days in 1i64..60,
        left_out in any::<bool>(),
    ) {
        let drives = all(&lives);
        let now = drives.iter().map(|drive| drive.now).max().unwrap_or_default();
        let from = at("2026-03-08T16:00:00Z").plus_millis(from * 43_200_000);
        let retargets = if left_out { Retargets::LeftOut } else { Retargets::Counted };
        let frame = Frame { now, retargets, ..frame(from, from.plus_millis(days * 43_200_000)) };
        let lives = drives.iter().map(|drive| (drive.instance.as_ref().unwrap(), drive.entries.as_slice()));
        assert_equal(&measures("complaint"), lives, frame);
    }
}

#[test]
fn lives_of_complaints_reach_their_own_numbers() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = lives();
    let drives: Vec<Drive> =
        (0..100).flat_map(|_| all(&strategy.new_tree(&mut runner).unwrap().current())).collect();
    let year = frame(at("2026-01-01T00:00:00+08:00"), at("2027-01-01T00:00:00+08:00"));
    let lives = drives.iter().map(|drive| (drive.instance.as_ref().unwrap(), drive.entries.as_slice()));
    let lines = assert_equal(&measures("complaint"), lives, year);
    let own = ["K09", "K11", "K12", "K16", "K17"];
    let unseen = lines.iter().filter(|line| {
        let total = &line.total;
        let one_sided = total.numerator == 0 || total.numerator == total.denominator;
        own.contains(&line.measure.kpi)
            && (total.denominator == 0 || (line.measure.kind.is_rate() && one_sided))
    });
    let unseen: Vec<_> = unseen.map(|line| (line.measure.kpi, line.measure.name)).collect();
    assert_eq!(unseen, []);
}
