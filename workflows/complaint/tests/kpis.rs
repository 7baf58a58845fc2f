//! Owns the KPIs of complaints: on time, satisfied, and in how many rounds.

use super::drive::{Drive, at};
use crate::kernel::kpi::fold::fold;
use crate::kernel::kpi::measure::{kpis, measures};
use crate::kernel::kpi::{self, Record};
use crate::workflows::driven::frame;

/// The numbers of one KPI over March, looked at from its end: numerator, denominator, pending.
fn march(drives: &[Drive], kpi: &str, name: &str) -> (u64, u64, u64) {
    let records: Vec<Record> =
        drives.iter().filter_map(|drive| kpi::record(drive.instance.as_ref().unwrap())).collect();
    for record in &records {
        assert_eq!(&Record::decode(record.id.clone(), &record.encode()).unwrap(), record);
    }
    let until = at("2026-04-01T00:00:00+08:00");
    let frame = frame(at("2026-03-01T00:00:00+08:00"), until);
    let lines = fold(&records, &measures("complaint"), frame, None);
    let line = lines.iter().find(|line| (line.measure.kpi, line.measure.name) == (kpi, name)).unwrap();
    (line.total.numerator, line.total.denominator, line.total.pending)
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
}
