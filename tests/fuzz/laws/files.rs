//! Definition and calendar files: read as `check` and `serve` read them.

use std::sync::{Arc, LazyLock};

use careflow::app::shipped_files;
use careflow::definition::file::{Content, Reader, Source};
use careflow::definition::report::{Report, lines};
use careflow::kernel::calendar::Calendar;
use careflow::kernel::instant::Instant;
use careflow::kernel::machine::Workflow;
use careflow::workflows::Registry;

use super::edits;

static WORKFLOWS: LazyLock<Vec<Arc<dyn Workflow>>> = LazyLock::new(|| Registry::shipped().all().to_vec());
static READER: LazyLock<Reader<'static>> =
    LazyLock::new(|| Reader::new(&WORKFLOWS).expect("own schemas are right"));
static SHIPPED: LazyLock<Vec<(String, String)>> = LazyLock::new(shipped_files);

/// 2025-01-01T00:00:00Z and what a calendar is asked from there: about a year, in uneven steps.
const ASKED_FROM: i64 = 1_735_689_600_000;
const ASKED: [i64; 6] = [0, 1, 31_337_000, 86_400_000 * 3 + 7, 86_400_000 * 40, 86_400_000 * 365];

/// A definition: everything wrong with it has a place in the text, and what is right reads back the same.
pub fn definition(input: &[u8]) {
    read(input, false);
}

/// A calendar: as a definition, and business time on it adds up.
pub fn calendar(input: &[u8]) {
    if let Some(Source { content: Content::Calendar(calendar), .. }) = read(input, true) {
        adds_up(&calendar);
    }
}

fn read(input: &[u8], calendars: bool) -> Option<Source> {
    let bases: Vec<&str> = SHIPPED
        .iter()
        .filter(|(file, _)| file.contains("calendars") == calendars)
        .map(|(_, text)| text.as_str())
        .collect();
    let text = edits::text(input, &bases)?;
    match READER.read("input.yaml", &text) {
        Err(report) => {
            has_places(&report, &text);
            None
        }
        Ok(source) => {
            // JSON is YAML: the value alone says the same, and is the same file.
            let printed = serde_json::to_string_pretty(&source.value).expect("a JSON value is written");
            let again = READER.read("printed.json", &printed);
            let again = again.unwrap_or_else(|report| panic!("what was read is refused printed:\n{report}"));
            assert_eq!((&again.hash, &again.value), (&source.hash, &source.value));
            Some(source)
        }
    }
}

/// A refusal says something, at a place that the text has.
pub fn has_places(report: &Report, text: &str) {
    assert!(!report.items.is_empty(), "refused without a reason");
    let lines = lines(text).count().max(1);
    for finding in &report.items {
        assert!(!finding.message.is_empty(), "{finding:?}");
        assert!(finding.line >= 1 && finding.column >= 1, "{finding:?}");
        assert!(finding.line <= lines + 1, "the text has {lines} lines: {finding:?}");
    }
    // An excerpt is cut out of any text.
    assert!(report.to_string().ends_with(if report.items.len() == 1 { "error" } else { "errors" }));
}

fn adds_up(calendar: &Calendar) {
    let at = |after: i64| Instant::from_millis(ASKED_FROM + after);
    for pair in ASKED.windows(2) {
        let (from, to) = (at(pair[0]), at(pair[1]));
        let middle = from.plus_millis(to.since(from) / 3);
        let elapsed = calendar.elapsed(from, to);
        assert!((0..=to.since(from)).contains(&elapsed), "{elapsed} of {}", to.since(from));
        assert_eq!(calendar.elapsed(from, middle) + calendar.elapsed(middle, to), elapsed);
        assert!(calendar.next_open(from) >= from);
        assert_eq!(calendar.closed_since(from).is_none(), calendar.is_open(from));
        if elapsed > 0 {
            let due = calendar.after(from, elapsed);
            assert!(due <= to && calendar.elapsed(from, due) == elapsed, "{from} + {elapsed} = {due}");
        }
    }
}
