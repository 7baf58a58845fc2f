//! Real logs, replayed whole; skipped with a line where the data is not present.

use std::path::{Path, PathBuf};

use careflow::config::Config;
use careflow::import::report::Report;
use careflow::import::{Import, Imported};
use careflow::time::WallTime;

fn data(file: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CAREFLOW_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join(file);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: `{}` is not present; set CAREFLOW_TEST_DATA to the folder that holds it", path.display());
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

#[tokio::test(flavor = "multi_thread")]
async fn helpdesk_cases_end_where_their_last_row_says() {
    let Some(log) = data("helpdesk-it/events.csv") else { return };
    let started = std::time::Instant::now();
    let report = import("helpdesk-it.yaml", log).await;
    println!("{report}\n{:?}", started.elapsed());
}
