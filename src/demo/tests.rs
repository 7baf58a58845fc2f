//! The demo, made whole in a directory of its own.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::engine::Readiness;
use crate::engine::replay::Replay;
use crate::journal::Journal;
use crate::kernel::entry::{Commit, Entry, Stored};
use crate::kernel::instance::Instance;
use crate::kernel::kpi::fold::Fold;
use crate::kernel::kpi::measure::{Frame, MEASURES, Retargets};
use crate::workflows::monitor::observing::MONITOR;

/// A Wednesday afternoon in Shanghai.
const WEDNESDAY: &str = "2026-03-18T07:30:00Z";
const MONTH_MS: i64 = 30 * plan::DAY_MS;

fn config(dir: &tempfile::TempDir) -> Config {
    Config { data: dir.path().join("data"), definitions: None }
}

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn shipped() -> Vec<Source> {
    app::sources(Registry::shipped().all(), None).unwrap()
}

/// The demo of `now` in a directory of its own.
async fn made(now: &str, seed: u64) -> (tempfile::TempDir, Summary) {
    let dir = tempfile::tempdir().unwrap();
    let summary = make(&config(&dir), at(now), seed, &|_, _| {}).await.unwrap();
    (dir, summary.expect("the directory was empty"))
}

async fn opened(dir: &tempfile::TempDir, now: &str) -> Engine {
    let store = Store::open(&config(dir)).unwrap();
    store.engine(shipped(), Arc::new(ManualTime::at(at(now))), Box::new(|_, _| {})).await.unwrap()
}

/// The states that cases of `flow` are in.
fn reached<'s>(summary: &'s Summary, flow: &str) -> BTreeSet<&'s str> {
    summary.flows.get(flow).map(|states| states.keys().map(String::as_str).collect()).unwrap_or_default()
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

/// Every case of `flow`.
fn cases(engine: &Engine, entries: &[Arc<Entry>], flow: &str) -> Vec<Arc<Instance>> {
    let begun = entries.iter().filter(|entry| entry.seq == 1 && entry.workflow == flow);
    begun.map(|entry| engine.instance(&entry.instance).unwrap().0.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flow_shows_its_states_and_nothing_is_refused() {
    let (dir, summary) = made(WEDNESDAY, 1).await;
    assert_eq!(summary.refused, Vec::<String>::new());
    assert!(summary.late * 20 < summary.cases("consultation"), "{} steps came too late", summary.late);
    assert!((190..=240).contains(&summary.cases("consultation")), "{summary}");
    assert!((50..=90).contains(&summary.cases("complaint")), "{summary}");
    assert!(summary.to_string().contains("complaint, in "), "{summary}");
    for flow in ["consultation", "complaint"] {
        let registry = Registry::shipped();
        let all: BTreeSet<String> =
            registry.get(flow).unwrap().states().iter().map(|state| state.path.clone()).collect();
        let all: BTreeSet<&str> = all.iter().map(String::as_str).collect();
        assert_eq!(reached(&summary, flow), all, "{flow}");
    }
    for (flow, states) in SHOWN {
        let reached = reached(&summary, flow);
        let missing: Vec<&&str> = states.iter().filter(|state| !reached.contains(**state)).collect();
        assert!(missing.is_empty(), "{flow}: {missing:?} are not among {reached:?}");
    }

    // The same again does nothing; the cases live on.
    let now = at(WEDNESDAY);
    assert_eq!(make(&config(&dir), now, 1, &|_, _| {}).await.unwrap(), None);
    let engine = opened(&dir, WEDNESDAY).await;
    assert_eq!(engine.batches(), [(BATCH.to_owned(), Phase::Released)]);
    assert_eq!(engine.readiness(), Readiness::Ready);
    let entries = entries(&engine).await;
    for entry in entries.iter().filter(|entry| FIRST.contains(&entry.workflow.as_str())) {
        assert_eq!(entry.origin.as_deref(), Some(BATCH), "{} {}", entry.instance, entry.event);
    }
    assert!(entries.iter().all(|entry| entry.recorded_at <= now));
    assert!(engine.next_due().unwrap().is_some_and(|due| due > now), "what is open has timers ahead");
    engine.stop().await.unwrap();
}

/// Flows that only people and cases of the demo start.
const FIRST: [&str; 4] = ["consultation", "complaint", "callback", "training_plan"];

/// What else is shown, by flow.
const SHOWN: [(&str, &[&str]); 8] = [
    (
        "callback",
        &[
            "planned",
            "open.queued",
            "open.attempting.appointed",
            "open.reviewing",
            "closed.completed_positive",
            "closed.completed_neutral",
            "closed.completed_negative",
            "closed.unreachable",
            "closed.refused",
            "closed.suppressed",
            "closed.cancelled",
            "closed.expired",
        ],
    ),
    ("training_plan", &["draft", "active"]),
    (
        "training_session",
        &[
            "preparing.scheduled",
            "preparing.notified",
            "postponed",
            "delivering.between",
            "evaluating.assessing",
            "archived",
            "cancelled",
        ],
    ),
    (
        "training_enrollment",
        &[
            "nominated",
            "confirmed",
            "leave_pending",
            "attending",
            "assessing",
            "closed.passed",
            "closed.attended_only",
            "closed.failed_final",
            "closed.absent_unexcused",
            "closed.excused",
            "closed.declined",
        ],
    ),
    ("consequence", &["closed.recorded"]),
    ("certificate", &["valid", "closed.revoked"]),
    ("effect_review", &["l3_pending", "l4_pending", "closed.done"]),
    ("monitor", &["watching"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn organisation_has_rounds_scores_links_and_a_value_of_every_kpi() {
    let (dir, summary) = made(WEDNESDAY, 1).await;
    let engine = opened(&dir, WEDNESDAY).await;
    let entries = entries(&engine).await;

    let complaints = cases(&engine, &entries, "complaint");
    let rounds = |state: &str| -> BTreeSet<u64> {
        let there = complaints.iter().filter(|case| case.state.starts_with(state));
        there.map(|case| case.data["case"]["round"].as_u64().unwrap()).collect()
    };
    assert!(rounds("settled.satisfied").contains(&2), "satisfied in the second round: {summary}");
    assert!(rounds("open.review").contains(&3), "refused thrice: {summary}");
    let paid = |case: &&Arc<Instance>| case.data["actions"].to_string().contains("\"amount\"");
    assert!(complaints.iter().filter(paid).any(|case| case.state.starts_with("settled.")), "{summary}");
    let links = |cases: &[Arc<Instance>], kind: &str| {
        let linked = |case: &&Arc<Instance>| case.data["case"]["links"].to_string().contains(kind);
        cases.iter().filter(linked).count()
    };
    assert_eq!(links(&complaints, "repeat_of"), 1);
    assert!(links(&complaints, "caused_by") > 0, "a callback became a complaint");

    let callbacks = cases(&engine, &entries, "callback");
    assert!(links(&callbacks, "spawned") > 50, "{summary}");
    let scores: BTreeSet<u64> =
        callbacks.iter().filter_map(|callback| callback.data.get("score")?.as_u64()).collect();
    assert_eq!(scores, BTreeSet::from([1, 2, 3, 4, 5]));
    let attempts: BTreeSet<u64> =
        callbacks.iter().filter_map(|callback| callback.data.get("attempts")?.as_u64()).collect();
    assert!(attempts.contains(&3), "{attempts:?}");
    let reopened = |entry: &&Arc<Entry>| entry.event == "reopen" && entry.workflow == "consultation";
    let by_system = entries.iter().filter(reopened).any(|entry| entry.actor == Actor::system());
    assert!(by_system, "a callback reopened a consultation");
    assert!(entries.iter().any(|entry| entry.event == "opt_out"));

    // Somebody fails for good, somebody else at first; monitors hear of all that.
    let enrolments = cases(&engine, &entries, "training_enrollment");
    let tries =
        |one: &Arc<Instance>| one.data.get("attempts").and_then(serde_json::Value::as_u64).unwrap_or(0);
    let tries: BTreeSet<u64> = enrolments.iter().map(tries).collect();
    assert_eq!(tries, BTreeSet::from([0, 1, 2, 3]));
    let watched = cases(&engine, &entries, MONITOR);
    let agent = json!({ "id": people::ACCUSED, "role": "agent" });
    assert!(watched.iter().any(|monitor| monitor.data["watched"]["agent"] == agent), "{summary}");

    let complete = |monitor: &&Arc<Instance>| monitor.data.pointer("/onboarding/hired/complete").is_some();
    assert_eq!(watched.iter().filter(complete).count(), 5, "classes tell what new staff learn");

    let (from, until) = (at(WEDNESDAY).plus_millis(-MONTH_MS), at(WEDNESDAY).plus_millis(1));
    let zone = chrono_tz::Asia::Shanghai;
    let frame = Frame { from, until, now: at(WEDNESDAY), retargets: Retargets::Counted, zone };
    let mut fold = Fold::new(&MEASURES, frame, None);
    let flows: Vec<&str> = summary.flows.keys().map(String::as_str).collect();
    engine.kpis(&flows, (from, until), &mut |record| fold.take(record)).unwrap();
    let lines = fold.finish();
    assert_eq!(lines.len(), MEASURES.len());
    let empty = lines.iter().filter(|line| line.total.denominator == 0);
    let empty: Vec<_> = empty.map(|line| (line.measure.kpi, line.measure.name)).collect();
    assert_eq!(empty, [], "numbers of nothing");
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_made_in_a_long_holiday_or_at_a_turn_of_the_year_refuses_nothing_either() {
    for now in ["2026-02-21T18:10:00Z", "2026-01-06T05:00:00Z", "2025-12-10T05:00:00Z"] {
        let (_, summary) = made(now, 1).await;
        assert_eq!(summary.refused, Vec::<String>::new(), "{now}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_makes_the_same_demo() {
    let mut told = Vec::new();
    for _ in 0..2 {
        let (dir, _) = made(WEDNESDAY, 3).await;
        let engine = opened(&dir, WEDNESDAY).await;
        let essence = |entry: &Arc<Entry>| {
            let moved = (entry.from.clone(), entry.to.clone());
            (entry.instance.clone(), entry.seq, entry.event.clone(), entry.recorded_at, moved)
        };
        told.push(entries(&engine).await.iter().map(essence).collect::<Vec<_>>());
        engine.stop().await.unwrap();
    }
    assert!(told[0] == told[1], "two demos of one seed differ");
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
