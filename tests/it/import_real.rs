//! Real logs, replayed whole; skipped with a line where the data is not present.

use std::path::{Path, PathBuf};

use careflow::config::Config;
use careflow::import::report::Report;
use careflow::import::{Import, Imported};
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
    let config = Config { data: dir.path().join("data"), definitions: None };
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
