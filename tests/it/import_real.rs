//! Real logs, replayed whole; skipped with a line where the data is not present.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use careflow::app::{self, Store};
use careflow::config::Config;
use careflow::import::report::Report;
use careflow::import::{Import, Imported};
use careflow::index::{Index, List, Range};
use careflow::kernel::common::Verdict;
use careflow::time::WallTime;

use crate::rig::sample_data;

fn data(file: &str) -> Option<PathBuf> {
    let path = sample_data()?.join(file);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: `{}` is not present", path.display());
    None
}

async fn import(mapping: &str, log: PathBuf) -> Report {
    let dir = tempfile::tempdir().unwrap();
    import_into(Config { data: dir.path().join("data"), definitions: None }, mapping, log).await
}

async fn import_into(config: Config, mapping: &str, log: PathBuf) -> Report {
    let mapping = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mappings").join(mapping);
    let import = Import { config, mapping, log, batch: None };
    match import.run(&WallTime, &|_, _| {}).await {
        Ok(Imported::Ran(report)) => *report,
        other => panic!("{other:?}"),
    }
}

/// Everything that the text says of exceptions, as (expected, state, cause, cases).
fn exceptions(report: &Report) -> Vec<(&str, &str, &str, usize)> {
    let all = report.expected.exceptions.iter();
    all.map(|e| (e.expected.as_str(), e.state.as_str(), e.cause.as_str(), e.cases.len())).collect()
}

/// Nothing is dropped: each row is in exactly one count.
fn all_rows_are_counted(report: &Report) {
    assert_eq!(report.rows, report.accepted + report.skipped + report.refused.len() as u64, "{report}");
    let of_rules: u64 = report.rules.iter().map(|rule| rule.rows).sum();
    assert_eq!(of_rules, report.rows, "{report}");
    assert!(report.refused.iter().all(|r| r.line > 1 && !r.case.is_empty() && !r.reason.is_empty()));
    assert_eq!(report.states.values().sum::<u64>(), report.cases + report.children);
    assert!(report.lapsed.is_empty() && report.undelivered.is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn helpdesk_cases_end_where_their_last_row_says() {
    let Some(log) = data("helpdesk-it/events.csv") else { return };
    let report = import("helpdesk-it.yaml", log).await;
    all_rows_are_counted(&report);
    assert_eq!((report.rows, report.cases), (6_884, 1_895), "{report}");
    assert_eq!((report.accepted, report.skipped, report.refused.len()), (6_692, 0, 192), "{report}");
    assert_eq!((report.expected.matched, report.expected.cases), (1_796, 1_895), "{report}");
    assert_eq!(report.expected.percent(), "94.7");
    let silent = "rule 14 (timer INFO_EXPIRE), then rule 23b (timer REOPEN_WINDOW)";
    assert_eq!(exceptions(&report), [("resolved", "closed.no_response", silent, 99)], "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_end_where_their_last_row_says() {
    let Some(log) = data("incidents-servicenow/events.csv") else { return };
    let report = import("incidents-servicenow.yaml", log).await;
    all_rows_are_counted(&report);
    assert_eq!((report.rows, report.cases), (3_010, 452), "{report}");
    assert_eq!((report.accepted, report.skipped, report.refused.len()), (2_484, 429, 97), "{report}");
    assert_eq!(report.moved.len(), 2, "{report}");
    assert_eq!((report.expected.matched, report.expected.cases), (421, 452), "{report}");
    assert_eq!(report.expected.percent(), "93.1");
    let silent = "rule 14 (timer INFO_EXPIRE), then rule 23b (timer REOPEN_WINDOW)";
    assert_eq!(exceptions(&report), [("closed", "closed.no_response", silent, 31)], "{report}");
}

/// Always open, in Boston.
const BOSTON: &str = r#"name: boston
version: 1
title: { en: Around the clock in Boston, zh: 波士顿全天 }
zone: America/New_York
weekly:
  mon: ["00:00-24:00"]
  tue: ["00:00-24:00"]
  wed: ["00:00-24:00"]
  thu: ["00:00-24:00"]
  fri: ["00:00-24:00"]
  sat: ["00:00-24:00"]
  sun: ["00:00-24:00"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_boston_are_on_time_or_overdue_as_the_city_says() {
    let Some(log) = data("service-requests-boston311/cases.csv") else { return };
    let dir = tempfile::tempdir().unwrap();
    let definitions = dir.path().join("definitions");
    std::fs::create_dir(&definitions).unwrap();
    let (_, shipped) =
        app::shipped_files().into_iter().find(|(name, _)| name.contains("consultation")).unwrap();
    std::fs::write(
        definitions.join("consultation.yaml"),
        shipped.replace("calendar: cn", "calendar: boston"),
    )
    .unwrap();
    std::fs::write(definitions.join("boston.yaml"), BOSTON).unwrap();
    let config = Config { data: dir.path().join("data"), definitions: Some(definitions) };
    let report = import_into(config.clone(), "boston311.yaml", log.clone()).await;
    all_rows_are_counted(&report);
    assert_eq!((report.rows, report.cases), (25_845, 15_024), "{report}");
    assert_eq!((report.accepted, report.skipped, report.refused.len()), (10_821, 15_024, 0), "{report}");
    assert_eq!((report.expected.matched, report.expected.cases), (15_024, 15_024), "{report}");

    let store = Store::open(&config).unwrap();
    let mut classes: BTreeMap<(&str, bool), Vec<String>> = BTreeMap::new();
    let mut rows = csv::Reader::from_path(log).unwrap();
    for row in rows.deserialize::<BTreeMap<String, String>>() {
        let row = row.unwrap();
        let case = &row["case_enquiry_id"];
        let list = List::ExternalRef { workflow: "consultation".into(), reference: case.clone() };
        let found = store.index.page(&[list], &Range::default(), 2).unwrap().rows;
        let [instance] = &found[..] else { panic!("{case}: {} cases", found.len()) };
        let clock = &instance.clocks["RES"];
        let overdue = match (&clock.run, clock.ended.last()) {
            (Some(run), _) => run.is_breached(),
            (None, ended) => ended.unwrap().verdict == Some(Verdict::Breached),
        };
        // Times without a zone compare as the text that they are.
        let (target, closed) = (&row["target_dt"], &row["closed_dt"]);
        let flagged = row["ontime_status"] == "OVERDUE";
        let class = match (target.as_str(), closed.as_str()) {
            ("", _) => "the city gave no time",
            (_, "") => "open",
            (target, closed) if (closed > target) == flagged => "closed",
            _ => "the flag contradicts the times",
        };
        classes.entry((class, overdue == flagged)).or_default().push(case.clone());
    }
    let count = |class: &str, agrees: bool| classes.get(&(class, agrees)).map_or(0, Vec::len);
    // Without an exception where the city gave a time and its flag agrees with it.
    assert_eq!((count("closed", true), count("closed", false)), (7_833, 0));
    assert_eq!(
        count("the flag contradicts the times", true) + count("the flag contradicts the times", false),
        0
    );
    // Open when the data ends: due in the hours between the city's look and the end of the import.
    assert_eq!(count("open", true), 2_835);
    assert_eq!(
        classes[&("open", false)],
        ["101001578663", "101001664417"],
        "due on the morning of 2016-01-13"
    );
    // Flagged on time for want of a time; the policy's own target is another promise.
    let untold = count("the city gave no time", true) + count("the city gave no time", false);
    assert_eq!(untold, 4_354);

    let kpi = |kpi: &str, name: &str| report.kpis.iter().find(|k| k.kpi == kpi && k.measure == name).unwrap();
    let resolved = kpi("K04", "confirmed");
    assert_eq!((resolved.numerator, resolved.n), (Some(10_821), 10_821), "{report}");
    assert_eq!(kpi("K06", "wall").n, 10_821);
    assert!(
        report.to_string().contains("K04 Resolved, as customers say: 100.00 % (10821 of 10821)"),
        "{report}"
    );
}
