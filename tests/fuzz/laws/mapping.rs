//! Mappings of an import: the file, against any columns.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use careflow::import::log::Log;
use careflow::import::mapping::Loaded;
use careflow::kernel::machine::Workflow;
use careflow::workflows::Registry;

use super::{edits, files};

static WORKFLOWS: LazyLock<Vec<Arc<dyn Workflow>>> = LazyLock::new(|| Registry::shipped().all().to_vec());
const BASES: [&str; 4] = [
    include_str!("../../data/mappings/boston311.yaml"),
    include_str!("../../data/mappings/helpdesk-it.yaml"),
    include_str!("../../data/mappings/complaints-cfpb.yaml"),
    include_str!("../../data/mappings/training-oulad.yaml"),
];

/// Everything wrong with a mapping has a place; what is right reads back the same and is checked
/// against a log the same; no time of a log makes it fall over.
pub fn mapping(input: &[u8]) {
    let Some(text) = edits::text(input, &BASES) else { return };
    let loaded = match Loaded::parse("input.yaml", &text) {
        Ok(loaded) => loaded,
        Err(report) => return files::has_places(&report, &text),
    };
    let printed = serde_json::to_string_pretty(&loaded.mapping).expect("a mapping is written");
    let again = Loaded::parse("printed.json", &printed);
    let again = again.unwrap_or_else(|report| panic!("what was read is refused printed:\n{report}"));
    assert_eq!(again.mapping, loaded.mapping);
    let named = [loaded.mapping.case.clone(), loaded.mapping.time.column.clone()];
    let columns: BTreeMap<String, usize> = named.into_iter().zip(0..).collect();
    let (fits, fits_again) = (loaded.check(&WORKFLOWS, &columns), again.check(&WORKFLOWS, &columns));
    assert_eq!(fits.is_ok(), fits_again.is_ok());
    if let Err(report) = fits {
        files::has_places(&report, &text);
    }
    for time in
        ["", "2026-03-29 02:30:00", "2026-03-11T10:00:00Z", "31-12-9999 23:59", "-262143-01-01T00:00:00"]
    {
        let log =
            format!("{}\n{}\n", line([&loaded.mapping.case, &loaded.mapping.time.column]), line(["A", time]));
        assert_eq!(read(&log, &loaded), read(&log, &again));
    }
}

fn line(values: [&str; 2]) -> String {
    values.map(|value| format!("\"{}\"", value.replace('"', "\"\""))).join(",")
}

/// What a log comes to: its rows with their times, and what of it cannot be read.
fn read(log: &str, mapping: &Loaded) -> Result<Vec<(String, String)>, String> {
    let log = Log::read(log.as_bytes(), mapping)?;
    let rows = log.rows.into_iter().map(|row| (row.case, format!("{} {}", row.column, row.at)));
    let others = log.unreadable.into_iter().map(|row| (row.case, row.reason));
    Ok(rows.chain(others).collect())
}
