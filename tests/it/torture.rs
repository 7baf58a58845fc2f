//! The torture itself, for some rounds on the real thing: nothing is violated, and a broken answer would be told.
//!
//! `CAREFLOW_TEST_SCALE` multiplies the rounds.

use crate::cli_rig::{Place, careflow};

/// Rounds of each fault.
const ROUNDS: u64 = 1;
/// What the rounds are drawn from.
const SEED: &str = "20260311";

fn rounds() -> String {
    let scale = std::env::var("CAREFLOW_TEST_SCALE").map_or(1, |scale| scale.parse::<u64>().unwrap());
    (ROUNDS * scale).to_string()
}

/// Runs rounds in which `fault` strikes; answers the number of the report called `count`.
fn tortured(fault: &str, count: &str) -> u64 {
    let (place, rounds) = (Place::new(), rounds());
    let data = place.text("torture");
    let arguments = ["torture", "--data", &data, "--seed", SEED, "--rounds", &rounds, "--fault", fault];
    let ended = careflow(&[&arguments[..], &["--format", "json"]].concat());
    let report = ended.json();
    assert_eq!((ended.code, &report["violations"]), (0, &serde_json::json!([])), "{report:#}\n{}", ended.err);
    let counts = &report["counts"];
    assert!(counts["commands_acknowledged"].as_u64().unwrap() > 10, "{report:#}");
    assert!(counts["reads_checked"].as_u64().unwrap() > 10, "{report:#}");
    let left: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["careflow-torture"], "what a sound round left is removed");
    counts[count].as_u64().unwrap()
}

#[test]
fn kills_under_load_violate_nothing() {
    assert!(tortured("kill_under_load", "kills_sigkill") >= 7);
}

#[test]
fn clean_stops_under_load_violate_nothing() {
    assert!(tortured("clean_stop", "stops_sigterm") >= 3);
}

#[test]
fn a_full_disk_violates_nothing() {
    assert!(tortured("disk_full", "faults_of_disk_and_clock") >= 4);
}

#[test]
fn failing_writes_violate_nothing() {
    assert!(tortured("eio_on_write", "restarts") >= 2);
}

#[test]
fn failing_syncs_violate_nothing() {
    assert!(tortured("eio_on_sync", "restarts") >= 2);
}

#[test]
fn kills_on_a_slow_disk_violate_nothing() {
    assert!(tortured("slow_disk", "kills_sigkill") >= 2);
}

#[test]
fn clocks_that_jump_forward_violate_nothing() {
    assert!(tortured("clock_forward", "timers_fired") >= 1);
}

#[test]
fn clocks_that_jump_backward_violate_nothing() {
    assert!(tortured("clock_backward", "faults_of_disk_and_clock") >= 1);
}

#[test]
fn somebody_elses_directory_is_left_alone() {
    let place = Place::served();
    let refused = careflow(&["torture", "--data", &place.text("data"), "--rounds", "1"]).failed(3);
    assert!(refused.contains("no torture made"), "{refused}");
    assert!(place.on_data(&["verify"]).done().contains("as the journal says"));
}

#[test]
fn an_unknown_fault_is_refused_with_those_that_there_are() {
    let place = Place::new();
    let refused = careflow(&["torture", "--data", &place.text("t"), "--fault", "flood"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("kill_under_load"), "{}", refused.err);
    assert!(!place.path("t").exists());
}
