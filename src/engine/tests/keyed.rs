//! Instances that stand for a key: the first word starts one, later ones go to it, each once, whatever happens.

use super::*;

/// Tells the probe that stands for `key`.
#[expect(clippy::needless_pass_by_value, reason = "callers write `json!` in place")]
fn tell(key: &str, payload: Value) -> Value {
    json!({ "tell": { "workflow": "probe", "key": key, "payload": payload } })
}

fn keyed(key: &str) -> InstanceId {
    InstanceId::keyed("probe", key)
}

fn dump(rig: &Rig) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    rig.index.dump(&mut |key, value| rows.push((key.to_vec(), value.to_vec()))).unwrap();
    rows
}

#[tokio::test]
async fn the_first_word_starts_the_instance_of_a_key_and_later_ones_go_to_it() {
    let rig = rig().await;
    let one = rig.begin(tell("k", json!({ "customer_id": "c1" }))).await.entry.instance.clone();
    let two = rig.begin(tell("other", json!({}))).await.entry.instance.clone();
    rig.engine.settle().await;
    rig.act(&two, tell("k", json!({}))).await.unwrap();
    rig.act(&one, tell("k", json!({}))).await.unwrap();
    rig.engine.settle().await;
    let history = rig.history(&keyed("k")).await;
    assert_eq!(events(&history), ["begin", "begin", "begin"]);
    let from = |entry: &Entry| match &entry.cause {
        Some(crate::kernel::entry::Cause::Send { from, number }) => (from.clone(), *number),
        other => panic!("{other:?}"),
    };
    let told: Vec<_> = history.iter().map(|entry| from(entry)).collect();
    assert_eq!(told, [(one.clone(), 1), (two.clone(), 2), (one.clone(), 2)]);
    assert_eq!(
        (rig.get(&keyed("k")).case_text("customer_id"), rig.get(&keyed("other")).seq),
        (Some("c1"), 1)
    );
    assert_eq!(rig.get(&keyed("k")).parent, None, "whoever tells it is not its parent");
    assert!(rig.get(&one).sends.is_empty() && rig.get(&two).sends.is_empty());
    let again = rig.reopened(Probe::version(1)).await.unwrap();
    again.engine.settle().await;
    assert_eq!(dump(&again), dump(&rig), "recovery comes to the same");
}

#[tokio::test]
async fn an_ending_at_any_commit_starts_one_instance_and_delivers_each_word_once() {
    for lost in 0..4 {
        for stored in [0, 1] {
            let rig = rig().await;
            // The start of the sender, of the receiver, another word, and its delivery.
            for _ in 0..lost {
                rig.journal.fail_next(JournalFault::Nothing);
            }
            rig.journal.fail_next(JournalFault::Unknown { stored });
            let begin = || command(Target::Start("probe".into()), "begin", tell("k", json!({})), Some("b"));
            let sender = rig.engine.submit(begin()).await.map(|begun| begun.entry.instance.clone());
            rig.engine.settle().await;
            if let Ok(sender) = &sender {
                let again = command(Target::Instance(sender.clone()), "act", tell("k", json!({})), Some("a"));
                rig.engine.submit(again).await.ok();
                rig.engine.settle().await;
            }
            let rig = rig.reopened(Probe::version(1)).await.unwrap();
            rig.engine.settle().await;
            let sender = rig.engine.submit(begin()).await.unwrap().entry.instance.clone();
            let again = command(Target::Instance(sender.clone()), "act", tell("k", json!({})), Some("a"));
            rig.engine.submit(again).await.unwrap();
            rig.engine.settle().await;
            assert_eq!(events(&rig.history(&keyed("k")).await), ["begin", "begin"], "{lost} {stored}");
            assert_eq!(events(&rig.history(&sender).await), ["begin", "act"], "{lost} {stored}");
            assert!(rig.get(&sender).sends.is_empty());
            assert_eq!(rig.engine.census().values().sum::<u64>(), 2);
        }
    }
}

#[tokio::test]
async fn a_word_for_a_flow_that_is_not_registered_ends_in_one_entry_of_its_sender() {
    let rig = rig().await;
    let told = json!({ "tell": { "workflow": "later", "key": "k" } });
    let sender = rig.begin(told).await.entry.instance.clone();
    rig.engine.settle().await;
    let history = rig.history(&sender).await;
    assert_eq!(events(&history), ["begin", "delivery_refused"]);
    assert_eq!(history[1].payload["code"], "unknown_instance");
    assert!(rig.get(&sender).sends.is_empty());
}

#[tokio::test]
async fn a_refused_first_word_starts_nothing_and_a_failing_one_waits() {
    let rig = rig().await;
    let refused = rig.begin(tell("k", json!({ "refuse": true }))).await.entry.instance.clone();
    let failing = rig.begin(tell("k", json!({ "panic": true }))).await.entry.instance.clone();
    rig.engine.settle().await;
    assert_eq!(events(&rig.history(&refused).await), ["begin", "delivery_refused"]);
    assert_eq!(events(&rig.history(&failing).await), ["begin", "step_failed"]);
    assert_eq!(rig.engine.instance(&keyed("k")).unwrap().0, None);
    rig.wait_until(60_000).await;
    assert_eq!(rig.get(&failing).sends[0].failures, 2);
}

#[tokio::test]
async fn what_belongs_to_an_import_tells_no_instance_of_a_key() {
    let rig = rig().await;
    let mut begin = command(Target::Start("probe".into()), "begin", tell("k", json!({})), None);
    begin.origin = Some("log".into());
    let begun = rig.engine.submit(begin).await.unwrap();
    assert_eq!(begun.entry.effects, [], "the case goes on without it");
    let id = begun.entry.instance.clone();
    let mut act = command(Target::Instance(id.clone()), "act", tell("k", json!({})), None);
    act.origin = Some("log".into());
    rig.engine.submit(act).await.unwrap();
    rig.engine.settle().await;
    assert_eq!(rig.engine.instance(&keyed("k")).unwrap().0, None);
    assert_eq!((rig.get(&id).seq, rig.get(&id).sent), (2, 0));
}

#[tokio::test]
async fn a_start_with_a_key_is_an_event_where_its_instance_is_there() {
    let rig = rig().await;
    let begin = |note: &str, key: &str| {
        let payload = json!({ "key": "k", "note": note });
        command(Target::Start("probe".into()), "begin", payload, Some(key))
    };
    let first = rig.engine.submit(begin("a", "1")).await.unwrap();
    let preview = rig.engine.preview(&begin("b", "2")).unwrap();
    assert_eq!((&preview.after.id, preview.after.seq), (&keyed("k"), 2));
    let second = rig.engine.submit(begin("b", "2")).await.unwrap();
    assert_eq!((&first.entry.instance, first.entry.seq), (&keyed("k"), 1));
    assert_eq!((&second.entry.instance, second.entry.seq), (&keyed("k"), 2));
    let again = rig.engine.submit(begin("b", "2")).await.unwrap();
    assert_eq!((again.entry.seq, again.replayed), (2, true));
    let reused = rig.engine.submit(begin("c", "2")).await;
    assert!(matches!(reused, Err(CommandError::KeyReused)), "{reused:?}");
    assert_eq!(events(&rig.history(&keyed("k")).await), ["begin", "begin"]);
}
