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
    assert_eq!((&history[2].payload["timer"], history[2].occurred()), (&json!(CHILDREN), noon()));
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
    let rig = open(journal, Arc::new(MemoryIndex::new()), time, vec![Probe::version(1)]).await.unwrap();
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
    let child: Map<String, Value> = (64..140).map(large).collect();
    rig.act(&parent, json!({ "spawn": 140, "child": child })).await.unwrap();
    rig.engine.settle().await;
    let indices: Vec<u32> = (0..140).collect();
    all_started_once(&rig, &parent, &indices).await;
}

/// The same journal with an empty index and a binary that has the flow of the link, whose appends
/// first meet `faults`.
async fn with_later(rig: &Rig, faults: Vec<JournalFault>) -> Rig {
    let journal = Arc::new(rig.journal.reopen());
    faults.into_iter().for_each(|fault| journal.fail_next(fault));
    let probes = vec![Probe::version(1), Probe::later()];
    let rig = open(journal, Arc::new(MemoryIndex::new()), rig.time.clone(), probes).await.unwrap();
    rig.engine.settle().await;
    rig
}

/// A case with a link to a flow that is not registered.
async fn linked(link: Value) -> (Rig, InstanceId) {
    let rig = rig().await;
    let parent = rig.begin(json!({ "customer_id": "c1" })).await.entry.instance.clone();
    rig.act(&parent, json!({ "link": link })).await.unwrap();
    rig.engine.settle().await;
    assert_eq!(rig.get(&parent).pending.len(), 1);
    (rig, parent)
}

fn instances_of(rig: &Rig, workflow: &str) -> u64 {
    rig.engine.census().iter().filter(|((name, _), _)| name == workflow).map(|(_, count)| count).sum()
}

fn dump(rig: &Rig) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    rig.index.dump(&mut |key, value| rows.push((key.to_vec(), value.to_vec()))).unwrap();
    rows
}

#[tokio::test]
async fn a_pending_link_starts_once_when_its_flow_is_registered() {
    let (rig, parent) = linked(json!({ "lapses": 10_000, "payload": { "customer_id": "c1" } })).await;
    let rig = rig.reopened(Probe::version(1)).await.unwrap();
    rig.engine.settle().await;
    assert_eq!(rig.get(&parent).pending.len(), 1, "its flow is not there yet");
    let mut rig = with_later(&rig, Vec::new()).await;
    for _ in 0..2 {
        let history = rig.history(&parent).await;
        assert_eq!(events(&history), ["begin", "act", "link_started"]);
        assert_eq!(history[2].actor, Actor::system());
        let children = children(&rig, &parent).await;
        let child = rig.get(&children[0].1);
        assert_eq!((child.workflow.as_str(), child.seq, instances_of(&rig, "later")), ("later", 1, 1));
        assert_eq!((child.parent.as_ref(), child.case_text("customer_id")), (Some(&parent), Some("c1")));
        assert_eq!(child.position, rig.get(&parent).position, "one commit");
        assert!(rig.get(&parent).pending.is_empty());
        let again = with_later(&rig, Vec::new()).await;
        assert_eq!(dump(&again), dump(&rig), "recovery comes to the same");
        rig = again;
    }
    rig.wait_until(10_000).await;
    assert_eq!(rig.get(&parent).seq, 3, "what was started does not lapse");
}

#[tokio::test]
async fn an_ending_while_a_link_starts_leaves_one_child() {
    for stored in [0, 1] {
        let (rig, parent) = linked(json!({})).await;
        // The new binary's record and the new definition come before it.
        let lost = JournalFault::Unknown { stored };
        let rig = with_later(&rig, vec![JournalFault::Nothing, JournalFault::Nothing, lost]).await;
        assert!(matches!(rig.engine.readiness(), Readiness::Stopped(_)), "it ended while the link started");
        assert_eq!((rig.get(&parent).seq, instances_of(&rig, "later")), (2, 0), "nothing of it is shown");
        let rig = with_later(&rig, Vec::new()).await;
        assert_eq!(events(&rig.history(&parent).await), ["begin", "act", "link_started"]);
        assert_eq!((instances_of(&rig, "later"), rig.get(&parent).pending.len()), (1, 0));
    }
}

#[tokio::test]
async fn a_link_whose_window_has_passed_lapses_once_and_starts_nothing() {
    let (rig, parent) = linked(json!({ "lapses": 10_000 })).await;
    rig.engine.stop().await.unwrap();
    rig.time.set(noon().plus_millis(10_000));
    let mut rig = with_later(&rig, Vec::new()).await;
    for _ in 0..2 {
        let history = rig.history(&parent).await;
        assert_eq!(events(&history), ["begin", "act", "link_lapsed"]);
        let told = json!({ "rule": "linked", "index": 1, "workflow": "later", "lapses": noon().plus_millis(10_000) });
        assert_eq!(Value::Object(history[2].payload.clone()), told);
        assert_eq!((rig.get(&parent).pending.len(), instances_of(&rig, "later")), (0, 0));
        rig = with_later(&rig, Vec::new()).await;
    }
}

#[tokio::test]
async fn a_link_lapses_at_its_moment_while_the_engine_runs() {
    let (rig, parent) = linked(json!({ "lapses": 10_000 })).await;
    assert_eq!(rig.engine.next_due().unwrap(), Some(noon().plus_millis(10_000)));
    rig.wait_until(9_999).await;
    assert_eq!(rig.get(&parent).seq, 2);
    rig.wait_until(10_000).await;
    rig.wait_until(20_000).await;
    assert_eq!(events(&rig.history(&parent).await), ["begin", "act", "link_lapsed"]);
    assert_eq!(rig.engine.next_due().unwrap(), None);
    let again = rig.reopened(Probe::version(1)).await.unwrap();
    again.engine.settle().await;
    assert_eq!(dump(&again), dump(&rig));
}

#[tokio::test]
async fn a_lapse_that_was_not_acknowledged_is_recorded_once() {
    for stored in [0, 1] {
        let (rig, parent) = linked(json!({ "lapses": 10_000 })).await;
        rig.journal.fail_next(JournalFault::Unknown { stored });
        rig.wait_until(10_000).await;
        let rig = rig.reopened(Probe::version(1)).await.unwrap();
        rig.engine.settle().await;
        assert_eq!(events(&rig.history(&parent).await), ["begin", "act", "link_lapsed"]);
    }
}

#[tokio::test]
async fn a_link_whose_start_is_refused_ends_in_one_entry_with_the_reason() {
    let (rig, parent) = linked(json!({ "lapses": 10_000, "payload": { "refuse": true } })).await;
    let rig = with_later(&rig, Vec::new()).await;
    let rig = with_later(&rig, Vec::new()).await;
    rig.wait_until(10_000).await;
    let history = rig.history(&parent).await;
    assert_eq!(events(&history), ["begin", "act", "link_refused"]);
    assert_eq!((&history[2].payload["reason"], &history[2].payload["index"]), (&json!("told to"), &json!(1)));
    assert_eq!((rig.get(&parent).pending.len(), instances_of(&rig, "later")), (0, 0));
}

#[tokio::test]
async fn a_link_whose_start_fails_is_tried_again_until_it_lapses() {
    let (rig, parent) = linked(json!({ "lapses": 100_000, "payload": { "panic": true } })).await;
    let rig = with_later(&rig, Vec::new()).await;
    assert_eq!(events(&rig.history(&parent).await), ["begin", "act", "step_failed"]);
    assert_eq!(rig.get(&parent).timers[CHILDREN].due, noon().plus_millis(60_000));
    rig.wait_until(60_000).await;
    rig.wait_until(100_000).await;
    let expected = ["begin", "act", "step_failed", "step_failed", "link_lapsed"];
    assert_eq!(events(&rig.history(&parent).await), expected);
    rig.wait_until(1_000_000).await;
    assert_eq!(events(&rig.history(&parent).await)[5..], ["timer_lapsed"]);
    assert!(rig.get(&parent).timers.is_empty());
}

#[tokio::test]
async fn the_timers_of_a_case_are_listed_though_a_link_lapses_before_them() {
    let (rig, parent) = linked(json!({ "lapses": 1_000 })).await;
    rig.act(&parent, json!({ "arm": { "A": 5_000 } })).await.unwrap();
    let until = |millis| rig.engine.timers(None, noon().plus_millis(millis), 9).unwrap().timers;
    assert_eq!((until(4_999).len(), until(5_000)[0].name.as_str()), (0, "A"));
}
