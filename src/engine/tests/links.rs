//! Children that wait with their parent: each starts, lapses or is refused, once, whatever happens between.

use super::*;
use crate::kernel::instance::CHILDREN;

/// The children that the parent's history says were started, in order, with the index of each.
async fn children(rig: &Rig, parent: &InstanceId) -> Vec<(u32, InstanceId)> {
    let history = rig.history(parent).await;
    let effects = history.iter().flat_map(|entry| &entry.effects);
    let started = effects.filter_map(|effect| match effect {
        Effect::Spawn(spawn) => spawn.child.clone().map(|child| (spawn.index, child)),
        _ => None,
    });
    started.collect()
}

/// Every index once and in order, and every child there once, with one entry of its own.
async fn all_started_once(rig: &Rig, parent: &InstanceId, expected: &[u32]) {
    let children = children(rig, parent).await;
    assert_eq!(children.iter().map(|(index, _)| *index).collect::<Vec<_>>(), expected);
    for (_, child) in &children {
        assert_eq!(rig.get(child).parent.as_ref(), Some(parent));
        assert_eq!(rig.get(child).seq, 1);
    }
    let begun: u64 = rig.engine.census().values().sum();
    assert_eq!(begun, expected.len() as u64 + 1, "no child beside them");
    let parent = rig.get(parent);
    assert!(parent.pending.is_empty() && parent.timers.is_empty(), "nothing is left to start");
}

#[tokio::test]
async fn children_beyond_one_commit_start_in_the_next_ones_in_order() {
    let rig = rig().await;
    let parent = rig.begin(json!({})).await.entry.instance.clone();
    let acted = rig.act(&parent, json!({ "spawn": 150 })).await.unwrap();
    rig.engine.settle().await;
    let indices: Vec<u32> = (0..150).collect();
    all_started_once(&rig, &parent, &indices).await;
    let history = rig.history(&parent).await;
    assert_eq!(events(&history), ["begin", "act", "timer_fired", "timer_fired"]);
    assert_eq!((&history[2].payload["timer"], history[2].occurred_at), (&json!(CHILDREN), noon()));
    assert_eq!(rig.get(&parent).data["done"], json!(["begin", "act"]), "no workflow code ran for the timer");
    let sizes: Vec<usize> = rig
        .journal
        .read(acted.position, 9)
        .await
        .unwrap()
        .iter()
        .map(|(_, commit)| commit.entries.len())
        .collect();
    assert_eq!(sizes, [65, 65, 23], "the parent's entry and its children are one commit");
}

#[tokio::test]
async fn an_ending_between_two_commits_loses_no_child_and_starts_none_twice() {
    let rig = rig().await;
    let parent = rig.begin(json!({})).await.entry.instance.clone();
    rig.journal.fail_next(JournalFault::Unknown { stored: 1 });
    let lost = rig.act(&parent, json!({ "spawn": 150 })).await;
    assert!(matches!(lost, Err(CommandError::CommitUnknown)), "{lost:?}");
    let journal = Arc::new(rig.journal.reopen());
    journal.fail_next(JournalFault::Unknown { stored: 1 });
    let time = rig.time.clone();
    let rig = open(journal, Arc::new(MemoryIndex::new()), time, Probe::version(1)).await.unwrap();
    rig.engine.settle().await;
    assert_eq!(rig.get(&parent).pending.len(), 86, "the second commit was not acknowledged");
    let rig = rig.reopened(Probe::version(1)).await.unwrap();
    rig.engine.settle().await;
    let indices: Vec<u32> = (0..150).collect();
    all_started_once(&rig, &parent, &indices).await;
}

#[tokio::test]
async fn a_waiting_child_that_refuses_is_recorded_and_the_others_start() {
    let rig = rig().await;
    let parent = rig.begin(json!({})).await.entry.instance.clone();
    let child = json!({ "70": { "refuse": true } });
    rig.act(&parent, json!({ "spawn": 72, "child": child })).await.unwrap();
    rig.engine.settle().await;
    let history = rig.history(&parent).await;
    assert_eq!(events(&history), ["begin", "act", "timer_fired", "link_refused", "timer_fired"]);
    let told = &history[3].payload;
    assert_eq!(
        (&told["rule"], &told["index"], &told["workflow"]),
        (&json!("told"), &json!(70), &json!("probe"))
    );
    assert_eq!((&told["code"], &told["reason"]), (&json!("event_not_accepted"), &json!("told to")));
    let indices: Vec<u32> = (0..72).filter(|index| *index != 70).collect();
    all_started_once(&rig, &parent, &indices).await;
}

#[tokio::test]
async fn a_waiting_child_whose_start_fails_waits_longer_each_time() {
    let rig = rig().await;
    let parent = rig.begin(json!({})).await.entry.instance.clone();
    rig.act(&parent, json!({ "spawn": 66, "child": { "64": { "panic": true } } })).await.unwrap();
    rig.engine.settle().await;
    assert_eq!(events(&rig.history(&parent).await), ["begin", "act", "step_failed"]);
    let parked = rig.get(&parent).timers[CHILDREN].clone();
    assert_eq!((parked.failures, parked.due), (1, noon().plus_millis(60_000)));
    rig.wait_until(60_000).await;
    assert_eq!(rig.get(&parent).timers[CHILDREN].failures, 2);
    let by = Actor::person("root", Role::Administrator);
    let fired = rig.engine.fire_timer(&parent, CHILDREN, "asked", by, Some("f".into())).await.unwrap();
    assert_eq!(
        (fired.entry.event.as_str(), &fired.entry.payload["fired_by"]),
        ("step_failed", &json!("root"))
    );
    assert_eq!((rig.get(&parent).pending.len(), rig.get(&parent).timers[CHILDREN].failures), (2, 3));
}

#[tokio::test]
async fn a_large_batch_is_split_until_it_fits_a_line() {
    let rig = rig().await;
    let parent = rig.begin(json!({})).await.entry.instance.clone();
    let large = |index: usize| (index.to_string(), json!({ "fill": 20_000 }));
    let child: serde_json::Map<String, Value> = (64..140).map(large).collect();
    rig.act(&parent, json!({ "spawn": 140, "child": child })).await.unwrap();
    rig.engine.settle().await;
    let indices: Vec<u32> = (0..140).collect();
    all_started_once(&rig, &parent, &indices).await;
}
