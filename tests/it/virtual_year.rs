//! A whole organisation over a virtual year: linked instances of all flows, driven at random, and what must hold
//! at its end.
//!
//! `CAREFLOW_TEST_SCALE` multiplies the instances, `CAREFLOW_YEAR_SEED` lives another year.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use careflow::kernel::entry::Entry;
use careflow::workflows::Registry;
use serde_json::Value;

use crate::organisation::{Exported, Histories, Lived, Wanted, hold, live};

/// Instances of all flows.
const INSTANCES: u64 = 2_000;
/// The year that is lived unless another is asked for.
const SEED: u64 = 1;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn a_year_of_a_whole_organisation_keeps_every_law() {
    let scale = number("CAREFLOW_TEST_SCALE").unwrap_or(1);
    let seed = number("CAREFLOW_YEAR_SEED").unwrap_or(SEED);
    let checked = catch_unwind(AssertUnwindSafe(|| check(seed, INSTANCES * scale)));
    if let Err(panic) = checked {
        eprintln!("seed {seed} failed; CAREFLOW_YEAR_SEED={seed} lives the same year again");
        resume_unwind(panic);
    }
}

fn check(seed: u64, instances: u64) {
    let folder = tempfile::tempdir().unwrap();
    let wanted = Wanted { seed, instances, data: folder.path().join("data") };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let lived = runtime.block_on(live(&wanted));
    assert!(lived.instances() >= instances);
    let histories = hold(&lived, &wanted.data);
    assert!(lived.again > 0 && lived.refusals() > 0 && lived.refusals() < lived.accepted);
    every_flow_ends_in_several_ways(&lived);
    every_state_and_number_is_seen(&lived, &histories);
}

/// An entry without what is drawn anew each time: digests of personal values and of bodies are salted, which the
/// hash of the entry before shows.
fn unsalted(entry: &Entry) -> Value {
    fn unsalt(value: &mut Value) {
        match value {
            Value::Object(members) if members.contains_key("$p") => *value = Value::Null,
            Value::Object(members) => members.values_mut().for_each(unsalt),
            Value::Array(items) => items.iter_mut().for_each(unsalt),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(entry).unwrap();
    unsalt(&mut value);
    value.as_object_mut().unwrap().remove("prev");
    if let Some(used) = value.get_mut("idempotency").and_then(Value::as_object_mut) {
        used.remove("body");
    }
    value
}

/// What the same seed draws is the same in every entry.
#[test]
fn a_year_lived_twice_is_the_same_year() {
    let lived = |folder: &tempfile::TempDir| {
        let wanted = Wanted { seed: SEED + 1, instances: INSTANCES / 16, data: folder.path().join("data") };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(live(&wanted));
        Exported::of(&wanted.data).read()
    };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [one, two] = [lived(&folders[0]), lived(&folders[1])];
    assert!(one.entries > 1_000, "{} entries", one.entries);
    for (id, entries) in &one.all {
        let same = two.all.get(id).unwrap_or_else(|| panic!("`{id}` began only once"));
        for (entry, again) in entries.iter().zip(same) {
            assert_eq!(unsalted(entry), unsalted(again), "`{id}` at {}", entry.seq);
        }
        assert_eq!(entries.len(), same.len(), "`{id}`");
    }
    assert_eq!(one.positions, two.positions, "in the same order");
}

/// A law that never saw an end proves nothing of it: half of each flow's are seen, whatever the seed.
fn every_flow_ends_in_several_ways(lived: &Lived) {
    for workflow in Registry::shipped().all() {
        let states = workflow.states();
        let ends: BTreeSet<&str> =
            states.iter().filter(|state| state.is_final).map(|state| state.path.as_str()).collect();
        let flows = lived.census.keys().filter(|(flow, _)| flow == workflow.name());
        let reached: BTreeSet<&str> = flows.map(|(_, state)| state.as_str()).collect();
        let missed: Vec<_> = ends.difference(&reached).collect();
        assert!(missed.len() * 2 <= ends.len(), "{} never ends in {missed:?}", workflow.name());
    }
}

/// Nor of a state or a number that it never saw: of each flow a third of the states may be left out.
fn every_state_and_number_is_seen(lived: &Lived, histories: &Histories) {
    let entries = || histories.flows().flat_map(|(_, entries)| entries);
    let seen: BTreeSet<(&str, &str)> =
        entries().map(|entry| (entry.workflow.as_str(), entry.to.as_str())).collect();
    for flow in Registry::shipped().all() {
        let states = flow.states();
        let is_leaf = |path: &str| !states.iter().any(|state| state.path.starts_with(&format!("{path}.")));
        let leaves: Vec<&str> =
            states.iter().map(|state| state.path.as_str()).filter(|path| is_leaf(path)).collect();
        let unseen: Vec<&&str> =
            leaves.iter().filter(|path| !seen.contains(&(flow.name(), **path))).collect();
        assert!(unseen.len() * 3 <= leaves.len(), "{} is never in {unseen:?}", flow.name());
    }
    let (_, year) = &lived.reports[0];
    let empty = year.iter().filter(|line| line.total.denominator == 0);
    let empty: Vec<_> = empty.map(|line| (line.measure.kpi, line.measure.name)).collect();
    assert!(empty.is_empty(), "of nothing: {empty:?}");
}
