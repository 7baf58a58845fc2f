//! What a schedule's firing promises when a sync fails, the workflow's code panics, or very much was missed.

use serde_json::{Value, json};

use super::super::schedule::{Firing, MISSED_COUNTED_MAX, SCHEDULE_FIRED, schedule_id};
use super::*;
use crate::definition::file::{Content, Source};

/// An hour after [`noon`], 13:00 in Shanghai.
const ONE: i64 = 3_600_000;

/// The probe's files, with a schedule that begins one at 13:00 with `payload`.
fn scheduled(cron: &str, catch_up: &str, payload: &Value) -> Vec<Source> {
    let mut sources = sources(&[Probe::version(1)]);
    let found = sources.iter_mut().find_map(|source| match &mut source.content {
        Content::Definition(definition) => Some(definition),
        Content::Calendar(_) => None,
    });
    let definition = found.expect("the probe has a definition");
    let schedule = json!({
        "name": "daily", "title": { "en": "Daily", "zh": "每日" }, "cron": cron,
        "catch_up": catch_up, "overlap": "allow", "start": { "payload": payload },
    });
    definition.schedules = vec![serde_json::from_value(schedule).unwrap()];
    sources
}

async fn run(journal: Arc<MemoryJournal>, time: Arc<ManualTime>, sources: Vec<Source>) -> Rig {
    let rig = open_with(journal, Arc::new(MemoryIndex::new()), time, vec![Probe::version(1)], sources)
        .await
        .unwrap();
    rig.engine.run_schedules().await.unwrap();
    rig
}

impl Rig {
    async fn firings(&self) -> Vec<Firing> {
        let history = self.history(&schedule_id("probe", "daily")).await;
        let fired = history.iter().filter(|entry| entry.event == SCHEDULE_FIRED);
        fired.map(|entry| serde_json::from_value(entry.payload.clone().into()).unwrap()).collect()
    }

    fn probes(&self) -> u64 {
        self.engine.census().values().sum()
    }
}

fn fresh() -> (Arc<MemoryJournal>, Arc<ManualTime>) {
    (Arc::new(MemoryJournal::default()), Arc::new(ManualTime::at(noon())))
}

#[tokio::test]
async fn a_firing_whose_sync_failed_is_found_once_whether_it_was_stored_or_not() {
    for stored in [0, 1] {
        let (journal, time) = fresh();
        let files = || scheduled("0 13 * * *", "all", &json!({ "customer_id": "c", "note": "at {date}" }));
        let rig = run(journal.clone(), time.clone(), files()).await;
        journal.fail_next(JournalFault::Unknown { stored });
        rig.wait_until(ONE).await;
        assert!(matches!(rig.engine.readiness(), Readiness::Stopped(_)));
        assert!(rig.firings().await.is_empty(), "nothing unsure is published");

        let rig = run(Arc::new(rig.journal.reopen()), time, files()).await;
        rig.engine.settle().await;
        let fired = rig.firings().await;
        assert_eq!((fired.len(), rig.probes()), (1, 1), "{stored} stored");
        assert_eq!(fired[0].scheduled_for, noon().plus_millis(ONE));
        let started = rig.get(fired[0].started.as_ref().unwrap());
        let begun = rig.engine.history(&started, 0, 1).await.unwrap().remove(0);
        let digest = personal::digest(&begun.entry.payload["note"]).expect("personal values are sealed");
        assert_eq!(begun.private[digest].value, "at 2026-03-11");
    }
}

#[tokio::test]
async fn a_start_that_panics_is_recorded_and_the_next_day_fires_again() {
    let (journal, time) = fresh();
    let rig = run(journal, time, scheduled("0 13 * * *", "all", &json!({ "panic": true }))).await;
    rig.wait_until(ONE).await;
    rig.wait_until(ONE + 86_400_000).await;
    let fired = rig.firings().await;
    let told: Vec<_> =
        fired.iter().map(|one| (one.number, one.outcome.name(), one.code.as_deref())).collect();
    assert_eq!(told, [(1, "refused", Some("step_failed")), (2, "refused", Some("step_failed"))]);
    assert_eq!((rig.probes(), rig.engine.readiness()), (0, Readiness::Ready));
}

#[tokio::test]
async fn very_many_missed_fire_times_are_one_entry_and_counted_up_to_a_limit() {
    for (catch_up, started) in [("skip", 0), ("one", 1)] {
        let (journal, time) = fresh();
        let files = || scheduled("* * * * * *", catch_up, &json!({}));
        let rig = run(journal, time.clone(), files()).await;
        rig.engine.stop().await.unwrap();
        // Half a minute late is not missed: these fire one by one.
        let late = noon().plus_millis(30 * 86_400_000);
        time.set(late);
        let rig = run(Arc::new(rig.journal.reopen()), time, files()).await;
        rig.engine.settle().await;
        let fired = rig.firings().await;
        let missed = fired[0].missed.unwrap();
        assert_eq!((missed.from, missed.count), (noon().plus_millis(1_000), MISSED_COUNTED_MAX as u64));
        assert_eq!((missed.to, fired[0].scheduled_for), (late.plus_millis(-61_000), missed.to));
        assert_eq!(fired.len(), 62, "the missed, and each second of the last minute");
        assert_eq!(rig.probes(), 61 + started);
    }
}

#[tokio::test]
async fn a_clock_set_back_over_a_restart_fires_nothing_again_and_leaves_nothing_out() {
    let (journal, time) = fresh();
    let files = || scheduled("0 * * * *", "all", &json!({}));
    let rig = run(journal, time.clone(), files()).await;
    rig.wait_until(ONE).await;
    rig.engine.stop().await.unwrap();
    time.set(noon().plus_millis(ONE / 2));
    let rig = run(Arc::new(rig.journal.reopen()), time, files()).await;
    for until in [ONE, 2 * ONE] {
        rig.wait_until(until).await;
    }
    let times: Vec<_> = rig.firings().await.iter().map(|firing| firing.scheduled_for).collect();
    assert_eq!(times, [noon().plus_millis(ONE), noon().plus_millis(2 * ONE)]);
}

#[tokio::test]
async fn schedules_rest_until_they_are_told_to_run() {
    let (journal, time) = fresh();
    let files = || scheduled("0 13 * * *", "all", &json!({}));
    let rig = run(journal, time.clone(), files()).await;
    rig.engine.stop().await.unwrap();
    let journal = Arc::new(rig.journal.reopen());
    let index = Arc::new(MemoryIndex::new());
    let rig = open_with(journal, index, time, vec![Probe::version(1)], files()).await.unwrap();
    rig.wait_until(ONE + 1).await;
    assert!(rig.firings().await.is_empty());
    rig.engine.run_schedules().await.unwrap();
    rig.engine.settle().await;
    assert_eq!(rig.firings().await.len(), 1);
}
