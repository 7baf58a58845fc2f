//! The demo, made whole in a directory of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::engine::Readiness;
use crate::engine::replay::Replay;
use crate::journal::Journal;
use crate::kernel::entry::{Commit, Entry, Stored};

/// A Wednesday afternoon in Shanghai.
const WEDNESDAY: &str = "2026-03-18T07:30:00Z";

fn config(dir: &tempfile::TempDir) -> Config {
    Config { data: dir.path().join("data"), definitions: None }
}

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn shipped() -> Vec<Source> {
    app::sources(Registry::shipped().all(), None).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reachable_state_has_a_case_and_nothing_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&dir);
    let now = at(WEDNESDAY);
    let summary = make(&config, now, 1, &|_, _| {}).await.unwrap().expect("the directory was empty");
    assert_eq!(summary.refused, Vec::<String>::new());
    assert!((190..=220).contains(&summary.cases()), "{summary}");
    let workflow = Registry::shipped().all()[0].clone();
    let states: BTreeSet<&str> = workflow.states().iter().map(|state| state.path.as_str()).collect();
    let reached: BTreeSet<&str> = summary.states.keys().map(String::as_str).collect();
    assert_eq!(states, reached, "{summary}");

    let mut planned: BTreeMap<String, u64> = BTreeMap::new();
    let sources = shipped();
    for end in Plan::new(now, 1, calendar(&sources).unwrap()).ends {
        *planned.entry(end.to_owned()).or_default() += 1;
    }
    assert_eq!(summary.states, planned);
    assert_eq!(summary.spawned["complaint"], summary.states["closed.converted"], "each began");
    assert!(summary.spawned["callback"] > 0, "{summary}");
    assert_eq!(summary.spawned.len(), 2, "{summary}");
    assert!(summary.to_string().contains("of the flow `callback` that came out of them"), "{summary}");

    // The same again does nothing; the cases live on.
    assert_eq!(make(&config, now, 1, &|_, _| {}).await.unwrap(), None);
    let store = Store::open(&config).unwrap();
    let engine = store.engine(shipped(), Arc::new(ManualTime::at(now)), Box::new(|_, _| {})).await.unwrap();
    assert_eq!(engine.batches(), [(BATCH.to_owned(), Phase::Released)]);
    assert_eq!(engine.readiness(), Readiness::Ready);
    let entries = entries(&engine).await;
    for entry in entries.iter().filter(|entry| !entry.workflow.starts_with('$')) {
        assert_eq!(entry.origin.as_deref(), Some(BATCH), "{} {}", entry.instance, entry.event);
        assert!(entry.recorded_at <= now);
    }
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_made_in_a_long_holiday_refuses_nothing_either() {
    let dir = tempfile::tempdir().unwrap();
    let summary = make(&config(&dir), at("2026-02-21T18:10:00Z"), 1, &|_, _| {}).await.unwrap().unwrap();
    assert_eq!(summary.refused, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_input_does_the_same_when_it_is_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&dir);
    make(&config, at(WEDNESDAY), 2, &|_, _| {}).await.unwrap().unwrap();
    let store = Store::open(&config).unwrap();
    let last = store.journal.tail().await.unwrap().last;
    let commits = store.journal.read(1, usize::try_from(last).unwrap()).await.unwrap();
    let registry = Registry::shipped();
    let mut replay = Replay::new(registry.all()).unwrap();
    for (position, commit) in &commits {
        replay.take(*position, commit).unwrap();
    }
    assert_eq!(replay.found.differences, Vec::<String>::new());
    assert!(replay.found.run > 1_000, "{:?}", replay.found);

    // An outcome that was recorded otherwise is told.
    let mut replay = Replay::new(registry.all()).unwrap();
    for (position, commit) in &commits {
        let entry = commit.entries[0].read().unwrap();
        if entry.workflow.starts_with('$') {
            replay.take(*position, commit).unwrap();
            continue;
        }
        let forged = Entry { clocks: Vec::new(), ..entry };
        let entries = vec![Stored::seal(&forged, None).unwrap()];
        replay.take(*position, &Commit { entries, private: commit.private.clone() }).unwrap();
        break;
    }
    assert_eq!(replay.found.different, 1);
    assert!(replay.found.differences[0].ends_with(": the clocks"), "{:?}", replay.found.differences);
}

async fn entries(engine: &Engine) -> Vec<Arc<Entry>> {
    let mut found = Vec::new();
    let mut after = 0;
    while after < engine.position() {
        let (more, last) = engine.changes(after, 1_000, std::time::Duration::ZERO).await.unwrap();
        found.extend(more.into_iter().map(|recorded| recorded.entry));
        after = last;
    }
    found
}

#[test]
fn the_same_seed_plans_the_same_and_no_step_lies_ahead() {
    let sources = shipped();
    let calendar = calendar(&sources).unwrap();
    let told = |plan: &Plan| -> Vec<(Instant, usize, &str)> {
        plan.steps.iter().map(|step| (step.at, step.case, step.event)).collect()
    };
    // Every weekday, day and night, and around the longest holidays: the plan must be done by now
    // whenever it is made.
    let weeks = ["2026-02-20T00:10:00Z", "2026-03-16T00:10:00Z", "2026-10-05T00:10:00Z"];
    for now in
        weeks.into_iter().flat_map(|week| (0..7 * 4).map(move |n| at(week).plus_millis(n * 6 * 3_600_000)))
    {
        let plan = Plan::new(now, 7, calendar);
        assert_eq!(told(&plan), told(&Plan::new(now, 7, calendar)));
        assert!(plan.steps.iter().all(|step| step.at <= now));
        // After a week with fewer than three working days (of eight hours) no case can have waited
        // that long and be settled for fewer than seven days.
        let rested = calendar.elapsed(now.plus_millis(-7 * plan::DAY_MS), now) < plan::DAY_MS;
        assert!(rested || plan.unfit == 0, "{} at {now}", plan.unfit);
    }
    assert_ne!(told(&Plan::new(at(WEDNESDAY), 1, calendar)), told(&Plan::new(at(WEDNESDAY), 2, calendar)));
}
