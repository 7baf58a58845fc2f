//! What a mapping says wrong, what its times and templates mean, and which batch a release means.

use super::mapping::Loaded;
use super::template::{Values, faults};
use super::*;
use crate::kernel::instant::Instant;

const HEAD: &str = "mapping: 1\nname: x\nworkflow: consultation\ncase: id\n";
const TIME: &str = "time: { column: at, format: iso, zone: Europe/Rome }\n";
const START: &str =
    "start:\n  - { event: submit, role: gateway, actor: g, payload: { subject: \"{id}\" } }\n";
const ROWS: &str = "rows:\n  - { name: all, try: [ { skip: nothing } ] }\n";

fn good() -> String {
    [HEAD, TIME, START, ROWS].concat()
}

fn load(text: &str) -> Loaded {
    Loaded::parse("m.yaml", text).unwrap()
}

fn check(text: &str, header: &str) -> String {
    let loaded = load(text);
    let log = Log::read(header.as_bytes(), &loaded).unwrap();
    let checked = loaded.check(Registry::shipped().all(), &log.columns);
    checked.map_or_else(|report| report.to_string(), |()| String::new())
}

#[test]
fn a_good_mapping_fits_its_log() {
    assert_eq!(check(&good(), "id,at\n"), "");
}

#[test]
fn everything_wrong_with_the_shape_is_told_at_once() {
    let text = good().replace("mapping: 1", "mapping: 2").replace("Rome", "Roma") + "extra: 1\n";
    let report = Loaded::parse("m.yaml", &text).unwrap_err().to_string();
    assert!(report.contains("m.yaml:1:10: /mapping"), "{report}");
    assert!(report.contains("m.yaml:5:") && report.contains("`Europe/Roma` is not a time zone"), "{report}");
    assert!(report.contains("`extra`") && report.ends_with("3 errors"), "{report}");
}

#[test]
fn everything_that_does_not_fit_workflow_and_log_is_told_at_once() {
    let text = good()
        .replace("event: submit", "event: accept")
        .replace("{id}", "{no} {t:id} {@never}")
        .replace("case: id", "case: key")
        + "expect: [ { name: e, when: { gone: [a] }, states: [open.never] } ]\n";
    let report = check(&text, "id,at\n");
    for said in [
        "m.yaml:4:7: /case: the log has no column `key`; its columns are at, id",
        "`accept` starts no case; accepted is `submit`",
        "`{@never}` is unknown",
        "the log has no column `gone`",
        "`open.never` is no state",
    ] {
        assert!(report.contains(said), "{said} is not in\n{report}");
    }
}

#[test]
fn an_alternative_sends_or_skips() {
    for wrong in ["{ in: [open] }", "{ skip: x, send: [ { event: accept, role: agent, actor: a } ] }"] {
        let text = good().replace("{ skip: nothing }", wrong);
        let report = Loaded::parse("m.yaml", &text).unwrap_err().to_string();
        assert!(report.contains("either `send` with at least one event or `skip`"), "{report}");
    }
}

#[test]
fn times_are_read_in_the_zone_of_the_log() {
    let iso = load(&good());
    let read = |text: &str| iso.moment(text).map(|at| at.to_string());
    assert_eq!(read("2024-03-04T09:00:00"), Ok("2024-03-04T08:00:00.000Z".into()));
    assert_eq!(read("2024-03-04 09:00:00.250"), Ok("2024-03-04T08:00:00.250Z".into()));
    assert_eq!(read("2024-03-04T09:00:00+05:00"), Ok("2024-03-04T04:00:00.000Z".into()));
    // A clock change skips 02:30 and repeats another.
    assert_eq!(read("2024-03-31T02:30:00"), Ok("2024-03-31T01:00:00.000Z".into()));
    assert_eq!(read("2024-10-27T02:30:00"), Ok("2024-10-27T00:30:00.000Z".into()));
    assert!(read("4 March").unwrap_err().contains("`4 March` is not a time of the format `iso`"));
    let own = load(&good().replace("format: iso", "format: \"%d-%m-%Y %H:%M\""));
    assert_eq!(own.moment("04-03-2024 09:00").unwrap().to_string(), "2024-03-04T08:00:00.000Z");
}

#[test]
fn templates_are_filled_and_nothing_else() {
    let columns =
        [("id", 0), ("p", 1), ("due", 2), ("none", 3)].map(|(name, at)| (name.to_owned(), at)).into();
    let record = csv::StringRecord::from(vec!["7", "hi", "2024-03-05T09:00:00", ""]);
    let loaded = load(&(good() + "lookup: { t: { values: { hi: high } } }\n"));
    let lookup = &loaded.mapping.lookup;
    let at = Instant::parse("2024-03-04T08:00:00Z").unwrap();
    let values = Values { columns: &columns, record: &record, loaded: &loaded, case: "A", line: 3, at };
    for (template, text) in [
        ("case {@case} line {@line}: {id}", "case A line 3: 7"),
        ("{t:p} {t:id}", "high 7"),
        ("{@time+2d}", "2024-03-06T08:00:00.000Z"),
        ("{{id} {@time+30m}", "{id} 2024-03-04T08:30:00.000Z"),
        ("{@moment:due}", "2024-03-05T08:00:00.000Z"),
        ("{@moment:p}", "hi"),
    ] {
        assert_eq!(faults(template, lookup, &columns), Vec::<String>::new());
        assert_eq!(values.text(template), text);
    }
    for wrong in ["{id", "{@time+2w}", "{@time+900d}", "{x}", "{u:id}", "{@moment:x}"] {
        assert_eq!(faults(wrong, lookup, &columns).len(), 1, "{wrong}");
    }
    let payload = serde_json::json!({ "due": "{@moment:due}", "never": "{@moment:none}", "p": "{none}" });
    let filled = values.payload(payload.as_object().unwrap());
    assert_eq!(serde_json::json!(filled), serde_json::json!({ "due": "2024-03-05T08:00:00.000Z", "p": "" }));
}

#[test]
fn rows_go_in_time_order_and_never_back_within_a_case() {
    let log = "id,at\nA,2024-03-04T10:00:00\nB,2024-03-04T09:00:00\nA,2024-03-04T09:30:00\nB,soon\nB\n";
    let log = Log::read(log.as_bytes(), &load(&good())).unwrap();
    assert_eq!(log.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 2, 4]);
    assert_eq!(log.moved.len(), 1);
    assert_eq!((log.moved[0].line, log.moved[0].to), (4, log.rows[1].at));
    let unreadable: Vec<_> = log.unreadable.iter().map(|row| (row.line, row.code)).collect();
    assert_eq!(unreadable, [(5, "time"), (6, "row")]);
}

#[test]
fn a_row_comes_once_for_each_time_that_it_has() {
    let text = good().replace("zone: Europe/Rome", "zone: Europe/Rome, also: [closed]");
    let log = "id,at,closed\nA,2024-03-04T10:00:00,2024-03-06T10:00:00\nB,2024-03-05T09:00:00,\nC,2024-03-05T10:00:00,2024-03-05T08:00:00\n";
    let log = Log::read(log.as_bytes(), &load(&text)).unwrap();
    let rows: Vec<_> = log.rows.iter().map(|row| (row.case.as_str(), row.column.as_str())).collect();
    assert_eq!(rows, [("A", "at"), ("B", "at"), ("C", "at"), ("C", "closed"), ("A", "closed")]);
    assert_eq!(log.moved.len(), 1, "C was closed before it was opened");
    let at = |column: &str| text.replace("name: all,", &format!("name: all, at: {column},"));
    assert_eq!(check(&at("closed"), "id,at,closed\n"), "");
    let report = check(&at("id"), "id,at,closed\n");
    assert!(report.contains("`id` is no time column of the mapping; accepted are at, closed"), "{report}");
}

#[test]
fn a_release_knows_which_batch_is_meant() {
    let batch = |name: &str, phase| (name.to_owned(), phase);
    let both = [batch("a", Phase::Complete), batch("b", Phase::Running)];
    assert_eq!(choose(&both[..1], None), Ok(both[0].clone()));
    assert_eq!(choose(&both, Some("a")), Ok(both[0].clone()));
    assert!(choose(&both, None).unwrap_err().contains("name one of `a`, `b`"));
    assert!(choose(&both, Some("b")).unwrap_err().contains("interrupted"));
    assert!(choose(&both, Some("c")).unwrap_err().contains("it holds `a`, `b`"));
    assert_eq!(choose(&[], None).unwrap_err(), "holds no import");
}
