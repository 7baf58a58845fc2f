//! Canonical JSON against its official vectors, and the law of patches.

use std::sync::Arc;

use careflow::kernel::canonical;
use careflow::kernel::patch;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::rig::sample_data;

/// Cases written for this suite after RFC 8785: text as it comes in, canonical bytes.
const CASES: &[(&str, &str)] = &[
    (r#"{"b": 1, "a": [true, null, "\u20ac"]}"#, r#"{"a":[true,null,"€"],"b":1}"#),
    ("{\"\u{e000}\": 1, \"\u{10000}\": 2}", "{\"\u{10000}\":2,\"\u{e000}\":1}"),
    (
        r#"[1.0, 1e21, 0.000001, 1e-7, -0.0, 333333333.33333329]"#,
        "[1,1e+21,0.000001,1e-7,0,333333333.3333333]",
    ),
    (r#""\u000f\n\u0041\"\\/""#, "\"\\u000f\\nA\\\"\\\\/\""),
];

#[test]
fn canonical_form_sorts_by_utf16_and_writes_numbers_as_ecmascript_does() {
    for (text, expected) in CASES {
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(canonical::to_string(&value).unwrap(), *expected);
    }
}

#[test]
fn canonical_form_passes_the_official_vectors() {
    let Some(folder) = sample_data().map(|data| data.join("vectors-jcs")).filter(|data| data.is_dir()) else {
        eprintln!("skipped: no `vectors-jcs` in CAREFLOW_TEST_DATA");
        return;
    };
    let mut documents = 0;
    for file in std::fs::read_dir(folder.join("input")).unwrap() {
        let file = file.unwrap();
        let value: Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
        let expected = std::fs::read_to_string(folder.join("output").join(file.file_name())).unwrap();
        assert_eq!(canonical::to_string(&value).unwrap(), expected.trim_end(), "{:?}", file.file_name());
        documents += 1;
    }
    assert_eq!(documents, 6);
    let numbers = std::fs::read_to_string(folder.join("es6numbers-1000.txt")).unwrap();
    for line in numbers.lines() {
        let (bits, expected) = line.split_once(',').unwrap();
        let number = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
        assert_eq!(canonical::to_string(&number).unwrap(), expected, "{bits}");
    }
    assert_eq!(numbers.lines().count(), 1_000);
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("a/b".into()),
        Just("~0".into()),
        Just(String::new()),
        "[a-c钟]{1,2}"
    ]
}

/// Nulls, nesting, arrays, and members that change their kind.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5i64..5).prop_map(Value::from),
        "[a-z\"\\\\客]{0,4}".prop_map(Value::from),
        Just(json!({ "person": { "id": "ann" } })),
        Just(json!({ "queue": "pre_sale" })),
    ];
    leaf.prop_recursive(4, 48, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any_key(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn patch_reproduces_the_data_byte_for_byte(before in any_json(), after in any_json()) {
        let after = Arc::new(after);
        let changes = patch::diff(&before, &after);
        // What journals hold since before it was careflow's own.
        let other = serde_json::to_value(json_patch::diff(&before, &after)).unwrap();
        prop_assert_eq!(serde_json::to_value(&changes).unwrap(), other);
        // As it is stored: through canonical text and back.
        let stored = canonical::to_string(&changes).unwrap();
        let changes: Vec<patch::Change> = serde_json::from_str(&stored).unwrap();
        let mut data = Arc::new(before);
        patch::apply(&mut data, &changes).unwrap();
        prop_assert_eq!(canonical::to_string(&data).unwrap(), canonical::to_string(&after).unwrap());
    }
}

#[test]
fn patch_that_leads_nowhere_is_refused() {
    for changes in [
        r#"[{"op":"replace","path":"/b","value":1}]"#,
        r#"[{"op":"remove","path":"/a/3"}]"#,
        r#"[{"op":"add","path":"/a/9","value":1}]"#,
        r#"[{"op":"add","path":"/x/y","value":1}]"#,
        r#"[{"op":"remove","path":""}]"#,
    ] {
        let changes: Vec<patch::Change> = serde_json::from_str(changes).unwrap();
        let mut data = Arc::new(json!({ "a": [1, 2] }));
        assert!(patch::apply(&mut data, &changes).is_err(), "{changes:?}");
    }
    assert!(
        serde_json::from_str::<Vec<patch::Change>>(r#"[{"op":"move","from":"/a","path":"/b"}]"#).is_err()
    );
}
