//! Each kind of fault in a file, as its reader sees it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::schema::Checker;
use super::yaml::{DEPTH_MAX, DOCUMENT_BYTES_MAX, Document};
use crate::kernel::calendar::CalendarFile;
use crate::kernel::fault::Fault;
use crate::kernel::span::Span;

#[derive(JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    name: String,
    #[serde(default)]
    target: Option<Span>,
    #[serde(default)]
    #[schemars(range(min = 1, max = 10))]
    rounds: u32,
    #[serde(default)]
    #[schemars(length(min = 2, max = 4))]
    code: String,
    #[serde(default)]
    #[schemars(length(max = 2))]
    tags: Vec<String>,
    #[serde(default)]
    channel: Channel,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    step: Option<Step>,
    #[serde(default)]
    more: BTreeMap<String, Sample>,
    #[serde(default)]
    active: bool,
}

#[derive(JsonSchema, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum Channel {
    #[default]
    Phone,
    Email,
    WebChat,
}

/// Its values have descriptions, so its schema is a list of alternatives.
#[derive(JsonSchema, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum Priority {
    /// As usual.
    #[default]
    Normal,
    /// At once.
    Urgent,
}

#[derive(JsonSchema, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    Call { attempts: u32 },
    Mail { subject: String },
}

fn checker() -> Checker {
    Checker::of::<Sample>().unwrap()
}

/// The report on `text`, without excerpts.
fn report(text: &str) -> Vec<String> {
    match Document::check("a.yaml", text, &checker()) {
        Ok(_) => Vec::new(),
        Err(report) => report
            .items
            .iter()
            .map(|item| format!("{}:{} {} {}", item.line, item.column, item.path, item.message))
            .collect(),
    }
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(report(text), expected, "{text}");
}

const KEYS: &str =
    "`active`, `channel`, `code`, `more`, `name`, `priority`, `rounds`, `step`, `tags` and `target`";

#[test]
fn a_good_file_is_read() {
    let text = "name: 投诉\ntarget: 2 business hours\nrounds: 3\nchannel: web_chat\npriority: urgent\nstep: {kind: call, attempts: 2}\n";
    let document = Document::check("a.yaml", text, &checker()).unwrap();
    assert_eq!(
        *document.value(),
        json!({"name": "投诉", "target": "2 business hours", "rounds": 3, "channel": "web_chat",
            "priority": "urgent", "step": {"kind": "call", "attempts": 2}})
    );
}

#[test]
fn unknown_keys_point_at_the_key_and_name_the_nearest() {
    check(
        "name: a\ntagret: 1 hour\n",
        &[&format!("2:1 /tagret unknown key `tagret`; did you mean `target`? accepted keys are {KEYS}")],
    );
    check(
        "name: a\nmore:\n  b:\n    name: b\n    zzz: {}\n",
        &[&format!("5:5 /more/b/zzz unknown key `zzz`; accepted keys are {KEYS}")],
    );
}

#[test]
fn missing_keys_point_at_the_map_they_belong_to() {
    check("rounds: 1\n", &["1:1 /name key `name` is missing"]);
    check("name: a\nmore:\n  b:\n    rounds: 1\n", &["3:3 /more/b/name key `name` is missing"]);
}

#[test]
fn wrong_types_say_both_types() {
    check("name: 5\n", &["1:7 /name `5` is a number; accepted is text"]);
    check("name: a\nrounds: three\n", &["2:9 /rounds `three` is text; accepted is a whole number"]);
    check(
        "name: a\nrounds: 1.5\n",
        &["2:9 /rounds `1.5` is a number with a fraction; accepted is a whole number"],
    );
    check("name: a\nactive: yes\n", &["2:9 /active `yes` is text; accepted is true or false"]);
    check("name: a\ntags: b\n", &["2:7 /tags `b` is text; accepted is a list"]);
    check("name: a\nmore: [b]\n", &["2:1 /more a list is refused; accepted is a map of keys"]);
    check("name:\n", &["1:5 /name no value is given; accepted is text"]);
}

#[test]
fn whole_numbers_have_no_fraction() {
    check(
        "name: a\nrounds: 1.0\n",
        &["2:9 /rounds `1.0` is refused; accepted are whole numbers without a fraction, `1`"],
    );
}

#[test]
fn values_of_a_list_are_listed() {
    check(
        "name: a\nchannel: web_chta\n",
        &[
            "2:10 /channel `web_chta` is not accepted; did you mean `web_chat`? accepted is `phone`, `email` or `web_chat`",
        ],
    );
    check(
        "name: a\nchannel: 5\npriority: low\n",
        &[
            "2:10 /channel `5` is not accepted; accepted is `phone`, `email` or `web_chat`",
            "3:11 /priority `low` is not accepted; accepted is `normal` or `urgent`",
        ],
    );
}

#[test]
fn ranges_and_lengths_are_stated() {
    check("name: a\nrounds: 99\n", &["2:9 /rounds `99` is out of range; accepted is 1 to 10"]);
    check("name: a\nrounds: 0\n", &["2:9 /rounds `0` is out of range; accepted is 1 to 10"]);
    check("name: a\ncode: x\n", &["2:7 /code `x` has 1 character; accepted is text of 2 to 4 characters"]);
    check("name: a\ncode: ''\n", &["2:7 /code empty text is refused; accepted is text of 2 to 4 characters"]);
    check(
        "name: a\ncode: 超过四个字\n",
        &["2:7 /code `超过四个字` has 5 characters; accepted is text of 2 to 4 characters"],
    );
    check("name: a\ntags: [a, b, c]\n", &["2:1 /tags the list has 3 items; accepted are at most 2 items"]);
}

#[test]
fn formats_answer_what_their_reader_says() {
    check(
        "name: a\ntarget: 2 days\n",
        &[
            "2:9 /target `2 days` does not say which days; accepted are `2 working days`, `2 calendar days` or hours",
        ],
    );
    check(
        "name: a\ntarget: 0 minutes\n",
        &["2:9 /target `0 minutes` is refused: a duration is longer than zero"],
    );
}

#[test]
fn patterns_show_examples() {
    let checker = Checker::new(json!({
        "type": "object",
        "properties": {
            "a": {"type": "string", "pattern": "^[0-9]+$", "examples": ["12"]},
            "b": {"type": "string", "pattern": "^[0-9]+$"},
            "c": {"type": "string", "format": "email"},
            "d": {"type": "integer", "minimum": 1},
            "e": {"type": "string", "x-personal": true, "maxLength": 3},
        },
    }))
    .unwrap();
    let faults = checker.check(&json!({"a": "x", "b": "y", "c": "z", "d": 0, "e": "13800000000"}));
    let faults: Vec<_> = faults.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(
        faults,
        [
            "`x` is not accepted; for example `12`",
            "`y` is not accepted; accepted is text that matches `^[0-9]+$`",
            "`z` is not accepted; accepted is text of the format email",
            "`0` is out of range; accepted is at least 1",
            "the value has 11 characters; accepted is text of at most 3 characters",
        ]
    );
}

#[test]
fn personal_values_stay_out_of_messages() {
    let secret = "13800000000";
    let personal = json!({"type": "object", "x-personal": true});
    for rule in [
        json!({"anyOf": [personal, {"type": "null"}]}),
        json!({"maxLength": 3}),
        json!({"pattern": "^a$"}),
        json!({"enum": ["a", "b"]}),
        json!({"const": "a"}),
        json!({"format": "span"}),
        json!({"format": "email"}),
        json!({"type": "integer"}),
        json!({"type": "integer", "enum": [1]}),
    ] {
        let mut schema = rule;
        if schema.get("anyOf").is_none() {
            schema["x-personal"] = json!(true);
        }
        let faults =
            Checker::new(json!({"properties": {"phone": schema}})).unwrap().check(&json!({"phone": secret}));
        assert_eq!(faults.len(), 1, "{schema}");
        assert!(!faults[0].message.contains(secret), "{schema}: {}", faults[0].message);
    }
}

#[test]
fn alternatives_answer_for_the_one_that_was_meant() {
    check("name: a\nstep: {kind: call}\n", &["2:1 /step/attempts key `attempts` is missing"]);
    check(
        "name: a\nstep: {kind: mail, subject: 5}\n",
        &["2:29 /step/subject `5` is a number; accepted is text"],
    );
    check(
        "name: a\nstep: {kind: fax}\n",
        &["2:14 /step/kind `fax` is not accepted; accepted is `call` or `mail`"],
    );
    check("name: a\nstep: 5\n", &["2:7 /step `5` is not accepted; accepted is a map of keys or nothing"]);
}

#[test]
fn keys_with_a_format_are_checked_too() {
    let text = "name: cn\nversion: 1\ntitle: {en: a, zh: a}\nzone: Asia/Beijing\nweekly: {}\nopen:\n  2026-02-30: ['09:00-18:00']\n";
    let checker = Checker::of::<CalendarFile>().unwrap();
    let report = Document::check("cn.yaml", text, &checker).unwrap_err();
    let found: Vec<_> =
        report.items.iter().map(|item| (item.line, item.column, item.message.as_str())).collect();
    assert_eq!(
        found,
        [
            (
                4,
                7,
                "`Asia/Beijing` is not a time zone; accepted are IANA names like `Asia/Shanghai` or `America/New_York`"
            ),
            (7, 3, "`2026-02-30` is not a date; accepted are dates like `2026-10-01`"),
        ]
    );
}

#[test]
fn a_refused_key_is_found_in_the_map_that_refuses_it() {
    let checker = Checker::new(json!({
        "properties": {
            "free": {"type": "object"},
            "list": {"items": {"$ref": "#/$defs/named"}},
        },
        "$defs": {"named": {"type": "object", "propertyNames": {"enum": ["phone", "email"]}}},
    }))
    .unwrap();
    let text = "free: {fax: 1}\nlist:\n  - {phone: 1}\n  - {fax: 1}\n  - {fax: 2, email: 1}\n";
    let report = Document::check("a.yaml", text, &checker).unwrap_err();
    let found: Vec<_> =
        report.items.iter().map(|item| (item.line, item.column, item.path.as_str())).collect();
    assert_eq!(found, [(4, 6, "/list/1/fax"), (5, 6, "/list/2/fax")]);
    assert_eq!(report.items[0].message, "`fax` is not accepted; accepted is `phone` or `email`");
}

#[test]
fn keys_that_match_no_pattern_are_unknown() {
    let checker = Checker::new(json!({
        "patternProperties": {"^[0-9]+$": {}}, "additionalProperties": false,
    }))
    .unwrap();
    let faults = checker.check(&json!({"1": 1, "a": 1}));
    assert_eq!(faults, [Fault::key("/a", "unknown key `a`; accepted are keys that match `^[0-9]+$`")]);
}

#[test]
fn repeated_keys_are_refused_with_everything_else() {
    check(
        "name: a\nrounds: 99\nname: b\nrounds: 1\n",
        &[
            "2:9 /rounds `99` is out of range; accepted is 1 to 10",
            "3:1 /name key `name` is there already; accepted is each key once",
            "4:1 /rounds key `rounds` is there already; accepted is each key once",
        ],
    );
}

#[test]
fn one_report_has_every_fault_in_the_order_of_the_file() {
    let text = "# 示例\nname: 12\n标题: 错\ntarget: 2h\nmore:\n  投诉: {name: 好, rounds: 11}\ntags:\n  - ok\n  - 7\n";
    let report = Document::check("示例.yaml", text, &checker()).unwrap_err();
    insta::assert_snapshot!(report.to_string(), @r"
    示例.yaml:2:7: /name: `12` is a number; accepted is text
        2 | name: 12
          |       ^

    示例.yaml:3:1: /标题: unknown key `标题`; accepted keys are `active`, `channel`, `code`, `more`, `name`, `priority`, `rounds`, `step`, `tags` and `target`
        3 | 标题: 错
          | ^

    示例.yaml:4:9: /target: `2h` is not a duration; accepted are texts like `2 business hours`, `15 business minutes`, `1 working day`, `7 calendar days`, `48 hours`
        4 | target: 2h
          |         ^

    示例.yaml:6:25: /more/投诉/rounds: `11` is out of range; accepted is 1 to 10
        6 |   投诉: {name: 好, rounds: 11}
          |                            ^

    示例.yaml:9:5: /tags/1: `7` is a number; accepted is text
        9 |   - 7
          |     ^

    5 errors
    ");
}

#[test]
fn columns_count_characters() {
    check(
        "name: a\nmore: {投诉: {name: 好, rounds: 11}}\n",
        &["2:30 /more/投诉/rounds `11` is out of range; accepted is 1 to 10"],
    );
}

#[test]
fn text_that_is_no_yaml_is_one_finding_with_its_place() {
    for (text, place, message) in [
        ("name: a\n\trounds: 1\n", (1, 7), "found a tab"),
        ("name: [a\n", (1, 7), "unclosed bracket '['"),
        ("name: 'a\n", (2, 1), "quoted scalar"),
        ("name: a\n rounds: 1\n", (2, 8), "mapping values are not allowed"),
        ("name: a\n---\nname: b\n", (2, 1), "a second document is refused"),
        ("name: !secret a\n", (1, 15), "unsupported tag `!secret`"),
        ("name: *a\n", (1, 7), "unknown anchor"),
        ("<<: {name: a}\n", (1, 1), "merge keys are refused"),
        ("? [a]\n: b\n", (1, 3), "expected string scalar"),
        ("name: .inf\n", (1, 7), "non-finite float `.inf`"),
    ] {
        let report = Document::parse("a.yaml", text).unwrap_err();
        assert_eq!(report.items.len(), 1, "{text}");
        assert_eq!((report.items[0].line, report.items[0].column), place, "{report}");
        assert!(report.items[0].message.contains(message), "{report}");
    }
}

#[test]
fn anchors_are_refused_in_our_words() {
    check(
        "name: &a b\n",
        &["1:10  anchors and aliases are refused; accepted is the value itself in each place"],
    );
}

#[test]
fn empty_files_are_refused() {
    for text in ["", "\n\n", "# only a comment\n", "---\n", "null\n"] {
        check(text, &["1:1  the file is empty; accepted is a map of keys"]);
    }
}

#[test]
fn files_that_hold_no_map_are_refused() {
    check("- a\n- b\n", &["1:1  a list is refused; accepted is a map of keys"]);
    check("hello\n", &["1:1  `hello` is text; accepted is a map of keys"]);
}

#[test]
fn deep_nesting_is_refused() {
    let flow = |depth: usize| format!("a: {}{}", "[".repeat(depth), "]".repeat(depth));
    for text in [flow(DEPTH_MAX), nested(DEPTH_MAX + 1)] {
        let report = Document::parse("a.yaml", &text).unwrap_err();
        assert_eq!(report.items.len(), 1);
        assert_eq!(report.items[0].message, "nested too deeply; accepted are at most 32 levels");
    }
    assert!(Document::parse("a.yaml", &flow(DEPTH_MAX - 1)).is_ok());
    assert!(Document::parse("a.yaml", &nested(DEPTH_MAX)).is_ok());
    assert!(Document::parse("a.yaml", &"{a: ".repeat(10_000)).is_err(), "no stack is used up");
}

/// Block maps `depth` deep.
fn nested(depth: usize) -> String {
    (0..depth).map(|level| format!("{}a:\n", " ".repeat(level))).collect()
}

#[test]
fn huge_files_are_refused_before_they_are_read() {
    let text = "#".repeat(DOCUMENT_BYTES_MAX + 1);
    let report = Document::parse("a.yaml", &text).unwrap_err();
    assert_eq!(report.items[0].message, "the file has 196609 bytes; accepted are at most 196608");
    assert!(report.to_string().len() < 200);
}

#[test]
fn many_comments_in_a_row_are_fine() {
    let text = format!("{}name: a\n", "# why\n".repeat(500));
    check(&text, &[]);
}

#[test]
fn scalars_are_what_json_schema_expects() {
    let text = "a: 012\nb: 1_000\nc: yes\nd: 2026-10-01\ne: 09:00\nf: true\ng: ~\nh: 0x1f\ni: -3\nj: 9007199254740993\nk: '5'\nl: 1e3\n";
    let document = Document::parse("a.yaml", text).unwrap();
    assert_eq!(
        *document.value(),
        json!({"a": "012", "b": "1_000", "c": "yes", "d": "2026-10-01", "e": "09:00", "f": true,
            "g": null, "h": 31, "i": -3, "j": 9_007_199_254_740_993_i64, "k": "5", "l": 1000.0})
    );
}

#[test]
fn positions_fall_back_to_the_nearest_parent() {
    let document = Document::parse("a.yaml", "a:\n  b:\n    - c: 1\n    - d\n").unwrap();
    let place = |path: &str| {
        let place = document.place(&Fault::value(path, ""));
        (place.line, place.column)
    };
    for (path, expected) in [
        ("", (1, 1)),
        ("/a", (1, 1)),
        ("/a/b", (2, 3)),
        ("/a/b/0/c", (3, 10)),
        ("/a/b/1", (4, 7)),
        ("/a/b/7", (2, 3)),
        ("/a/x/y/z", (1, 1)),
        ("/nothing", (1, 1)),
    ] {
        assert_eq!(place(path), expected, "{path}");
    }
}

#[test]
fn a_checker_serves_many_threads() {
    const fn shared<T: Send + Sync>(_: &T) {}
    shared(&checker());
}

#[test]
fn schemas_that_refer_outside_are_refused() {
    for reference in ["https://example.org/a.json", "file:///etc/passwd", "#/$defs/missing"] {
        assert!(Checker::new(json!({"$ref": reference})).is_err(), "{reference}");
    }
    assert!(Checker::new(json!({"type": "txt"})).is_err());
}

#[test]
fn no_check_answers_more_than_a_reader_wants() {
    let value: BTreeMap<String, Value> = (0..1_000).map(|i| (format!("k{i}"), json!(1))).collect();
    let faults = checker().check(&json!(value));
    assert_eq!(faults.len(), super::schema::FAULTS_MAX);
}

#[test]
fn the_shipped_calendar_is_accepted() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows/calendars/cn.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let document = Document::check("cn.yaml", &text, &Checker::of::<CalendarFile>().unwrap()).unwrap();
    let calendar = serde_json::from_value::<CalendarFile>(document.value().clone()).unwrap().check().unwrap();
    assert_eq!(calendar.name(), "cn");
}
