//! Cron expressions against the vectors of two other implementations.

use careflow::kernel::calendar::parse_zone;
use careflow::kernel::cron::Cron;
use careflow::kernel::instant::Instant;
use chrono_tz::Tz;
use serde_json::Value;

use crate::rig::sample_data;

/// The vectors that another rule for clock changes answers: expression, after, theirs, ours.
///
/// Theirs leaves out a civil time in a gap and fires a repeated one twice; ours fires each once, at the
/// end of the gap and at the first occurrence.
const CLOCK_CHANGES: [(&str, &str, &str, &str); 5] = [
    ("0 30 2 11 Mar ?", "2012-03-11T00:00:00-0500", "2013-03-11T02:30:00-0400", "2012-03-11T03:00:00-0400"),
    ("0 0 2 * * ?", "2012-03-11T00:00:00-0500", "2012-03-12T02:00:00-0400", "2012-03-11T03:00:00-0400"),
    ("0 30 1 04 Nov ?", "2012-11-04T01:45:00-0400", "2012-11-04T01:30:00-0500", "2013-11-04T01:30:00-0500"),
    ("0 0 * * * ?", "2012-11-04T01:00:00-0400", "2012-11-04T01:00:00-0500", "2012-11-04T02:00:00-0500"),
    ("0 0 1 * * ?", "2012-11-04T01:00:00-0400", "2012-11-04T01:00:00-0500", "2012-11-05T01:00:00-0500"),
];

/// A time of the vectors: with an offset, or the wall clock of a zone without clock changes.
fn time(text: &str) -> Instant {
    let bytes = text.as_bytes();
    let offset = bytes.len() > 5 && matches!(bytes[bytes.len() - 5], b'+' | b'-');
    let whole = match offset {
        true => format!("{}:{}", &text[..text.len() - 2], &text[text.len() - 2..]),
        false => format!("{text}Z"),
    };
    Instant::parse(&whole).unwrap()
}

fn zone(vector: &Value) -> Tz {
    let named = vector["tz"].as_str();
    let india = vector["after"].as_str().is_some_and(|after| after.ends_with("+0530"));
    parse_zone(named.unwrap_or(if india { "Asia/Kolkata" } else { "UTC" })).unwrap()
}

#[test]
fn vectors_of_other_implementations_hold_but_for_our_rule_of_clock_changes() {
    let Some(data) = sample_data() else {
        println!("skipped: the cron vectors are not present; CAREFLOW_TEST_DATA names their folder");
        return;
    };
    let text = std::fs::read_to_string(data.join("vectors-cron/vectors.jsonl")).unwrap();
    let (mut held, mut changed) = (0, Vec::new());
    for line in text.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let spec = vector["spec"].as_str().unwrap();
        let parsed = Cron::parse(spec);
        match vector["kind"].as_str().unwrap() {
            "invalid" => assert!(parsed.is_err(), "{spec} is accepted"),
            "fires_at" => {
                let at = time(vector["time"].as_str().unwrap());
                let next = parsed.unwrap().next_after(at.plus_millis(-1), parse_zone("UTC").unwrap());
                assert_eq!(next == Some(at), vector["expected"], "{line}");
            }
            "next" => {
                let after = vector["after"].as_str().unwrap();
                let Some(theirs) = vector["expected"].as_str() else {
                    // Never: such an expression is refused.
                    assert!(parsed.unwrap_err().contains("never fires"), "{line}");
                    held += 1;
                    continue;
                };
                let next = parsed.unwrap().next_after(time(after), zone(&vector)).unwrap();
                let own = CLOCK_CHANGES.iter().find(|own| (own.0, own.1, own.2) == (spec, after, theirs));
                if let Some((.., ours)) = own {
                    assert_eq!(next, time(ours), "{line}");
                    changed.push(own);
                    continue;
                }
                assert_eq!(next, time(theirs), "{line}");
            }
            other => panic!("a vector of kind `{other}`"),
        }
        held += 1;
    }
    // Two of the five stand twice in the file.
    assert_eq!((held, changed.len()), (123, 7));
    assert!(CLOCK_CHANGES.iter().all(|own| changed.contains(&Some(own))));
}
