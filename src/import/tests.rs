//! What a mapping says wrong, what its times and templates mean, and which batch a release means.

use super::mapping::Loaded;
use super::template::{Known, Values, faults};
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

/// What the row `row` of the columns `id` and `at` says for the time called `name`.
fn moment(loaded: &Loaded, row: [&str; 2], name: &str) -> Result<Option<String>, String> {
    let columns = [("id", 0), ("at", 1)].map(|(name, at)| (name.to_owned(), at)).into();
    let record = csv::StringRecord::from(row.to_vec());
    let at = Instant::default();
    let values = Values { columns: &columns, record: &record, loaded, case: "", line: 2, at };
    loaded.moment(name, &values).map(|moment| moment.map(|moment| moment.to_string()))
}

#[test]
fn times_are_read_in_the_zone_of_the_log() {
    let iso = load(&good());
    let read = |text: &str| moment(&iso, ["A", text], "at").map(Option::unwrap_or_default);
    assert_eq!(read("2024-03-04T09:00:00"), Ok("2024-03-04T08:00:00.000Z".into()));
    assert_eq!(read("2024-03-04 09:00:00.250"), Ok("2024-03-04T08:00:00.250Z".into()));
    assert_eq!(read("2024-03-04T09:00:00+05:00"), Ok("2024-03-04T04:00:00.000Z".into()));
    // A clock change skips 02:30 and repeats another.
    assert_eq!(read("2024-03-31T02:30:00"), Ok("2024-03-31T01:00:00.000Z".into()));
    assert_eq!(read("2024-10-27T02:30:00"), Ok("2024-10-27T00:30:00.000Z".into()));
    assert!(read("4 March").unwrap_err().contains("`4 March` is not a time of the format `iso`"));
    let own = load(&good().replace("format: iso", "format: \"%d-%m-%Y %H:%M\""));
    let read = |text: &str| moment(&own, ["A", text], "at");
    assert_eq!(read("04-03-2024 09:00"), Ok(Some("2024-03-04T08:00:00.000Z".into())));
    assert_eq!(read(""), Ok(None));
}

#[test]
fn days_happen_at_the_time_of_day_that_the_mapping_says() {
    for (format, text) in [("iso", "2024-03-04"), ("\"%d.%m.%Y\"", "04.03.2024")] {
        let day = good().replace("format: iso", &format!("format: {format}, day_at: \"09:30\""));
        let read = moment(&load(&day), ["A", text], "at");
        assert_eq!(read, Ok(Some("2024-03-04T08:30:00.000Z".into())));
    }
    let midnight = moment(&load(&good()), ["A", "2024-03-04"], "at");
    assert_eq!(midnight, Ok(Some("2024-03-03T23:00:00.000Z".into())));
}

/// Days that are counted from the first Saturday of October or February, by case.
fn counted() -> String {
    let time = "time: { column: at, format: days, origin: \"{start:id}\", zone: UTC }\n";
    let lookup = "lookup: { start: { values: { J: 2013-10-05, B: soon } } }\n";
    [HEAD, time, lookup, START, ROWS].concat()
}

#[test]
fn days_are_counted_from_an_origin_of_the_row() {
    let loaded = load(&counted());
    let read = |case: &str, text: &str| moment(&loaded, [case, text], "at").map(Option::unwrap_or_default);
    assert_eq!(read("J", "19"), Ok("2013-10-24T00:00:00.000Z".into()));
    assert_eq!(read("J", "-205"), Ok("2013-03-14T00:00:00.000Z".into()));
    assert!(read("J", "1.5").unwrap_err().contains("`1.5` is not a whole number of days"));
    assert!(read("B", "1").unwrap_err().contains("`soon` is no date"));
    assert!(read("J", "99999999").unwrap_err().contains("too many"));
    let other = good().replace("format: iso", "format: iso, text: \"2024-{at}\"");
    assert_eq!(moment(&load(&other), ["A", "03-04"], "at").unwrap().unwrap(), "2024-03-03T23:00:00.000Z");
}

/// A row is answered a day after it, or sixteen if it says so, and the word on that comes another day later.
fn derived() -> String {
    let times = "derived:\n    - { name: answered, when: { id: [A, B] }, from: at, shift: \"{late:id}\" }\n    \
                 - { name: word, from: answered, shift: 1d }\n    - { name: earlier, from: at, shift: -1h }\n";
    let time = format!("time:\n  column: at\n  format: iso\n  zone: UTC\n  {times}");
    let lookup = "lookup: { late: { values: { A: 16d, B: \"\" }, default: soon } }\n";
    [HEAD, &time, lookup, START, ROWS].concat()
}

#[test]
fn times_are_derived_by_a_rule_and_never_move_a_row() {
    let loaded = load(&derived());
    let log =
        "id,at\nA,2024-03-04T10:00:00\nB,2024-03-05T10:00:00\nC,2024-03-06T10:00:00\nA,2024-03-07T10:00:00\n";
    let log = Log::read(log.as_bytes(), &loaded).unwrap();
    let rows: Vec<_> = log.rows.iter().map(|row| (row.line, row.column.as_str())).collect();
    let own = [(2, "at"), (3, "at"), (4, "at"), (5, "at")];
    assert_eq!(rows[..4], own);
    assert_eq!(rows[4..], [(2, "answered"), (2, "word"), (5, "answered"), (5, "word")]);
    assert_eq!(log.rows[5].at.to_string(), "2024-03-21T10:00:00.000Z");
    assert!(log.moved.is_empty() && log.unreadable.is_empty());
    let wrong = load(&derived().replace("[A, B]", "[A, C]"));
    let log = Log::read(b"id,at\nC,2024-03-04T10:00:00\n", &wrong).unwrap();
    assert!(log.unreadable[0].reason.contains("`soon` of `answered` is no span"), "{log:?}");
    assert_eq!(check(&derived(), "id,at\n"), "");
}

#[test]
fn a_derived_time_is_of_something_that_is_there() {
    let shape =
        |from: &str, to: &str| Loaded::parse("m.yaml", &derived().replace(from, to)).unwrap_err().to_string();
    let report = shape("from: at, shift: -1h", "from: earlier, shift: 1h");
    assert!(
        report.contains("m.yaml:12:30: /time/derived/2/from: `earlier` is derived no earlier"),
        "{report}"
    );
    assert!(shape("name: word", "name: answered").contains("`answered` is there twice"));
    let report = shape("shift: 1d", "shift: \"{@time}\"");
    assert!(report.contains("accepted here are columns, lookups and {@line}"), "{report}");
    let report = shape("format: iso", "format: iso\n  origin: 2013-10-05");
    assert!(report.contains("only the format `days` has an origin"), "{report}");
    assert!(shape("format: iso", "format: days").contains("`days` need an `origin`"));
    let fit = |from: &str, to: &str| check(&derived().replace(from, to), "id,at\n");
    assert!(fit("name: word", "name: id").contains("`id` is a column of the log"));
    assert!(fit("from: answered", "from: gone").contains("the log has no column `gone`"));
    assert!(fit("{late:id}", "{late:gone}").contains("the log has no column `gone`"));
}

#[test]
fn a_row_that_goes_back_in_time_is_refused_where_the_mapping_says_so() {
    let both = "zone: Europe/Rome, also: [closed], backwards: refuse";
    let loaded = load(&good().replace("zone: Europe/Rome", both));
    let log = "id,at,closed\nA,2024-03-04,2024-03-05\nA,2024-03-05,2024-03-04\nB,2024-03-05,2024-03-04\nB,2024-03-04,\n";
    let log = Log::read(log.as_bytes(), &loaded).unwrap();
    let rows: Vec<_> = log.rows.iter().map(|row| (row.line, row.column.as_str())).collect();
    // Nothing of a refused row counts: the other row of B is not held against it.
    assert_eq!(rows, [(2, "at"), (5, "at"), (2, "closed")]);
    assert!(log.moved.is_empty());
    let unreadable: Vec<_> = log.unreadable.iter().map(|row| (row.line, row.code)).collect();
    assert_eq!(unreadable, [(3, "time_order"), (4, "time_order")]);
    let reason = "`closed` says 2024-03-03T23:00:00.000Z, which lies before 2024-03-04T23:00:00.000Z";
    assert_eq!(log.unreadable[1].reason, reason);
}

#[test]
fn a_case_is_a_column_or_a_template_of_the_row() {
    let named = |case: &str| good().replace("case: id", &format!("case: \"{case}\""));
    let log = Log::read(b"id,at\nA,2024-03-04\nA,2024-03-05\n", &load(&named("{id}-{@line}"))).unwrap();
    assert_eq!(log.rows.iter().map(|row| row.case.as_str()).collect::<Vec<_>>(), ["A-2", "A-3"]);
    assert!(check(&named("{gone}"), "id,at\n").contains("the log has no column `gone`"));
    let report = Loaded::parse("m.yaml", &named("{@case}")).unwrap_err().to_string();
    assert!(report.contains("m.yaml:4:7: /case: `{@case}` is refused"), "{report}");
}

/// Rows with an id are enrolments of the class in `at`.
fn nested() -> String {
    let head = HEAD.replace("consultation", "training_session").replace("case: id", "case: class");
    let start = "start: [ { event: draft, role: training_admin, actor: a } ]\n";
    let child = "children:\n  when: { kind: [child] }\n  workflow: training_enrollment\n  case: \"{class}-{id}\"\n  \
                 start: [ { event: enroll, role: training_admin, actor: a } ]\n  \
                 rows: [ { name: comes, try: [ { in: [notified], send: [ { event: confirm_attendance, role: trainee, actor: \"{id}\" } ] } ] } ]\n  \
                 expect: [ { name: e, states: [closed.passed] } ]\n";
    [&head, TIME, start, ROWS, child].concat()
}

#[test]
fn rows_of_children_name_their_parents() {
    let loaded = load(&nested());
    let log = b"class,kind,id,at\nC,class,,2024-03-04\nC,child,A,2024-03-05\n,child,B,2024-03-05\n";
    let log = Log::read(log, &loaded).unwrap();
    let rows: Vec<_> =
        log.rows.iter().map(|row| (row.level, row.case.as_str(), row.parent.as_deref())).collect();
    assert_eq!(rows, [(0, "C", None), (1, "C-A", Some("C"))]);
    assert_eq!(log.unreadable[0].code, "case");
    assert_eq!(check(&nested(), "class,kind,id,at\n"), "");
}

#[test]
fn what_children_say_is_held_against_their_own_workflow() {
    let text = nested()
        .replace("in: [notified]", "in: [preparing]")
        .replace("event: confirm_attendance", "event: schedule")
        .replace("event: enroll", "event: check_in")
        .replace("kind: [child]", "gone: [child]");
    let report = check(&text, "class,kind,id,at\n");
    for said in [
        "/children/when/gone: the log has no column `gone`",
        "/children/start/0/event: `check_in` is no event; events are draft, ",
        "/children/rows/0/try/0/in/0: `preparing` is no state; states are ",
        "/children/rows/0/try/0/send/0/event: `schedule` is no event; events are nominate, ",
    ] {
        assert!(report.contains(said), "{said} is not in\n{report}");
    }
    let report = check(&nested().replace("training_enrollment", "enrolment"), "class,kind,id,at\n");
    assert!(report.contains("/children/workflow: `enrolment` is no workflow"), "{report}");
}

#[test]
fn templates_are_filled_and_nothing_else() {
    let columns =
        [("id", 0), ("p", 1), ("due", 2), ("none", 3)].map(|(name, at)| (name.to_owned(), at)).into();
    let record = csv::StringRecord::from(vec!["7", "hi", "2024-03-05T09:00:00", ""]);
    let loaded = load(&(good() + "lookup: { t: { values: { hi: high } } }\n"));
    let lookup = &loaded.mapping.lookup;
    let known = Known { lookup, columns: &columns, derived: &[] };
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
        assert_eq!(faults(template, known), Vec::<String>::new());
        assert_eq!(values.text(template), text);
    }
    for wrong in ["{id", "{@time+2w}", "{@time+900d}", "{x}", "{u:id}", "{@moment:x}", "{@number:x}"] {
        assert_eq!(faults(wrong, known).len(), 1, "{wrong}");
    }
    let payload = serde_json::json!({ "due": "{@moment:due}", "never": "{@moment:none}", "p": "{none}" });
    let filled = values.payload(payload.as_object().unwrap());
    assert_eq!(serde_json::json!(filled), serde_json::json!({ "due": "2024-03-05T08:00:00.000Z", "p": "" }));
    let payload = serde_json::json!({ "n": "{@number:id}", "no": "{@number:none}", "p": "{@number:p}" });
    let filled = values.payload(payload.as_object().unwrap());
    assert_eq!(serde_json::json!(filled), serde_json::json!({ "n": 7, "p": "hi" }));
    for (text, number) in
        [("78.0", serde_json::json!(78)), ("-3", serde_json::json!(-3)), ("2.5", serde_json::json!(2.5))]
    {
        let record = csv::StringRecord::from(vec![text, "", "", ""]);
        let values = Values { record: &record, ..values };
        let filled = values.payload(serde_json::json!({ "n": "{@number:id}" }).as_object().unwrap());
        assert_eq!(filled["n"], number);
    }
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

#[test]
fn an_import_is_not_called_as_the_demo_is() {
    assert!(free_to_use("log").is_ok());
    let refused = free_to_use("demo").unwrap_err().to_string();
    assert_eq!(refused, "`demo` is the batch of the demo; --batch names the import's otherwise");
}
