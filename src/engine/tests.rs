//! What the writer promises, on the in-memory twins and a clock that is moved by hand.

mod keyed;
mod links;
mod probe;
mod reads;
mod schedules;
mod simulation;
mod storage;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::definition::file::Source;
use crate::index::memory::MemoryIndex;
use crate::index::{Change, Index, Raise};
use crate::journal::Journal;
use crate::journal::memory::{Fault as JournalFault, MemoryJournal};
use crate::kernel::effect::Effect;
use crate::kernel::machine::Workflow;
use crate::kernel::personal;
use crate::rejected::Rejected;
use crate::time::ManualTime;
use probe::{Probe, sources};

struct Rig {
    journal: Arc<MemoryJournal>,
    index: Arc<MemoryIndex>,
    time: Arc<ManualTime>,
    rejected: Arc<Mutex<Vec<Rejected>>>,
    engine: Engine,
}

fn noon() -> Instant {
    Instant::parse("2026-03-11T04:00:00Z").unwrap()
}

async fn open(
    journal: Arc<MemoryJournal>,
    index: Arc<MemoryIndex>,
    time: Arc<ManualTime>,
    probes: Vec<Probe>,
) -> Result<Rig, OpenError> {
    let sources = sources(&probes);
    open_with(journal, index, time, probes, sources).await
}

async fn open_with(
    journal: Arc<MemoryJournal>,
    index: Arc<MemoryIndex>,
    time: Arc<ManualTime>,
    probes: Vec<Probe>,
    sources: Vec<Source>,
) -> Result<Rig, OpenError> {
    let rejected = Arc::new(Mutex::new(Vec::new()));
    let log = rejected.clone();
    let workflows = probes.into_iter().map(|probe| Arc::new(probe) as Arc<dyn Workflow>).collect();
    let parts = Parts {
        workflows,
        sources,
        rejected: Box::new(move |refused| log.lock().unwrap().push(refused.clone())),
        ..parts(journal.clone(), index.clone(), time.clone())
    };
    let engine = Engine::open(parts).await?;
    Ok(Rig { journal, index, time, rejected, engine })
}

/// The probe over any storage.
fn parts(journal: Arc<dyn Journal>, index: Arc<dyn Index>, time: Arc<ManualTime>) -> Parts {
    let probe = Probe::version(1);
    Parts {
        journal,
        index,
        sources: sources(std::slice::from_ref(&probe)),
        workflows: vec![Arc::new(probe)],
        time,
        progress: Box::new(|_, _| {}),
        rejected: Box::new(|_| {}),
    }
}

async fn rig() -> Rig {
    let time = Arc::new(ManualTime::at(noon()));
    let (journal, index) = (Arc::new(MemoryJournal::default()), Arc::new(MemoryIndex::new()));
    open(journal, index, time, vec![Probe::version(1)]).await.unwrap()
}

impl Rig {
    /// The same journal with an empty index and another binary, as after a lost index.
    async fn reopened(&self, probe: Probe) -> Result<Rig, OpenError> {
        let journal = Arc::new(self.journal.reopen());
        open(journal, Arc::new(MemoryIndex::new()), self.time.clone(), vec![probe]).await
    }

    async fn begin(&self, payload: Value) -> Accepted {
        self.engine.submit(command(Target::Start("probe".into()), "begin", payload, None)).await.unwrap()
    }

    async fn act(&self, id: &InstanceId, payload: Value) -> Answer {
        self.engine.submit(command(Target::Instance(id.clone()), "act", payload, None)).await
    }

    fn get(&self, id: &InstanceId) -> Arc<Instance> {
        self.engine.instance(id).unwrap().0.unwrap()
    }

    async fn history(&self, id: &InstanceId) -> Vec<Arc<Entry>> {
        let recorded = self.engine.history(&self.get(id), 0, 1_000).await.unwrap();
        recorded.into_iter().map(|recorded| recorded.entry).collect()
    }

    async fn wait_until(&self, millis: i64) {
        self.time.set(noon().plus_millis(millis));
        self.engine.settle().await;
    }
}

#[expect(clippy::needless_pass_by_value, reason = "callers write `json!` in place")]
fn command(target: Target, event: &str, payload: Value, key: Option<&str>) -> Command {
    Command {
        target,
        event: event.into(),
        payload: payload.as_object().unwrap().clone(),
        actor: Actor::person("ann", Role::Agent),
        occurred_at: None,
        key: key.map(str::to_owned),
        if_match: None,
        request_id: None,
        origin: None,
    }
}

fn events(entries: &[Arc<Entry>]) -> Vec<&str> {
    entries.iter().map(|entry| entry.event.as_str()).collect()
}

/// What the index shows is what reads see, a moment before the writer says that it is published.
#[tokio::test]
async fn a_read_tells_the_position_that_it_shows() {
    let rig = rig().await;
    let id = rig.begin(json!({})).await.entry.instance.clone();
    let (before, position) = rig.engine.instance(&id).unwrap();
    let before = before.unwrap();
    let mut after = Instance::clone(&before);
    (after.seq, after.position) = (before.seq + 1, position + 1);
    let change = Change { before: Some(before), after: Arc::new(after) };
    let batch = crate::index::Batch { position: position + 1, changes: vec![change], counts: Vec::new() };
    rig.index.apply(batch).unwrap();
    let (shown, told) = rig.engine.instance(&id).unwrap();
    assert_eq!((shown.unwrap().position, told), (position + 1, position + 1));
    let (other, told) = rig.engine.instance(&id.child(&["none"])).unwrap();
    assert_eq!((other, told), (None, position + 1), "no later read tells an older position");
}

#[tokio::test]
async fn accepted_command_is_in_the_history_and_the_published_state() {
    let rig = rig().await;
    let begun = rig.begin(json!({ "customer_id": "c1" })).await;
    let acted = rig.act(&begun.entry.instance, json!({})).await.unwrap();
    assert_eq!((acted.entry.seq, acted.replayed), (2, false));
    assert!(acted.position > begun.position);
    assert_eq!(rig.get(&begun.entry.instance).data["done"], json!(["begin", "act"]));
    assert_eq!(events(&rig.history(&begun.entry.instance).await), ["begin", "act"]);
}

#[tokio::test]
async fn replayed_key_gives_the_original_answer_and_appends_nothing() {
    let rig = rig().await;
    let begin = || command(Target::Start("probe".into()), "begin", json!({ "customer_id": "c" }), Some("k1"));
    let first = rig.engine.submit(begin()).await.unwrap();
    let id = first.entry.instance.clone();
    let act = |note: &str| command(Target::Instance(id.clone()), "act", json!({ "note": note }), Some("k2"));
    let second = rig.engine.submit(act("a")).await.unwrap();
    let position = rig.engine.position();
    let (again, again_begun) =
        (rig.engine.submit(act("a")).await.unwrap(), rig.engine.submit(begin()).await.unwrap());
    assert!(again.replayed && again_begun.replayed);
    assert_eq!((again.entry.seq, again.position), (second.entry.seq, second.position));
    assert_eq!((again_begun.entry.seq, again_begun.position), (1, first.position));
    let other = rig.engine.submit(act("b")).await;
    assert!(matches!(other, Err(CommandError::KeyReused)), "{other:?}");
    let elsewhere =
        command(Target::Start("probe".into()), "begin", json!({ "customer_id": "d" }), Some("k1"));
    assert!(matches!(rig.engine.submit(elsewhere).await, Err(CommandError::KeyReused)));
    assert_eq!(rig.engine.position(), position);
}

#[tokio::test]
async fn refused_command_uses_up_no_key() {
    let rig = rig().await;
    let id = rig.begin(json!({})).await.entry.instance.clone();
    let act = |refuse: bool| {
        command(Target::Instance(id.clone()), "act", json!({ "refuse": refuse }), Some("once"))
    };
    assert!(matches!(rig.engine.submit(act(true)).await, Err(CommandError::Refused { .. })));
    let noted = rig.rejected.lock().unwrap().clone();
    assert_eq!((noted.len(), noted[0].code, noted[0].event.as_str()), (1, "event_not_accepted", "act"));
    assert_eq!(rig.engine.submit(act(false)).await.unwrap().entry.seq, 2);
}

#[tokio::test]
async fn stale_if_match_is_told_the_current_sequence() {
    let rig = rig().await;
    let id = rig.begin(json!({})).await.entry.instance.clone();
    rig.act(&id, json!({})).await.unwrap();
    let mut late = command(Target::Instance(id.clone()), "act", json!({}), None);
    late.if_match = Some(1);
    let answer = rig.engine.submit(late.clone()).await;
    assert!(matches!(answer, Err(CommandError::Stale { expected: 1, actual: 2, .. })), "{answer:?}");
    late.if_match = Some(2);
    assert_eq!(rig.engine.submit(late).await.unwrap().entry.seq, 3);
}

#[tokio::test]
async fn preview_tells_the_entries_and_changes_nothing() {
    let rig = rig().await;
    let id = rig.begin(json!({})).await.entry.instance.clone();
    let position = rig.engine.position();
    let would = command(Target::Instance(id.clone()), "act", json!({ "spawn": 1, "follow": 1 }), Some("p"));
    let preview = rig.engine.preview(&would).unwrap();
    assert_eq!(events(&preview.entries), ["act", "act", "begin"]);
    assert_eq!(preview.after.seq, 3);
    assert_eq!((rig.engine.position(), rig.get(&id).seq), (position, 1));
    assert!(!rig.engine.submit(would).await.unwrap().replayed, "a dry run uses up no key");
}

#[tokio::test]
async fn unknown_things_are_named() {
    let rig = rig().await;
    let id = rig.begin(json!({})).await.entry.instance.clone();
    let nowhere = rig.engine.submit(command(Target::Start("nothing".into()), "begin", json!({}), None)).await;
    assert!(matches!(nowhere, Err(CommandError::UnknownWorkflow(_))), "{nowhere:?}");
    let nothing = rig.engine.submit(command(Target::Instance(id.clone()), "fly", json!({}), None)).await;
    assert!(matches!(nothing, Err(CommandError::UnknownEvent { .. })), "{nothing:?}");
    let nobody = rig.act(&id.child(&["none"]), json!({})).await;
    assert!(matches!(nobody, Err(CommandError::UnknownInstance(_))), "{nobody:?}");
    let Err(CommandError::Payload { faults, .. }) = rig.act(&id, json!({ "what": 1, "spawn": "x" })).await
    else {
        panic!("an unknown member and a wrong type are refused")
    };
    assert_eq!(faults.len(), 2);
}

#[tokio::test]
async fn timers_fire_in_due_order_never_early_and_once() {
    let rig = rig().await;
    let late = rig.begin(json!({ "arm": { "A": 2_000, "B": 5_000 } })).await.entry.instance.clone();
    let soon = rig.begin(json!({ "arm": { "A": 1_000 } })).await.entry.instance.clone();
    rig.wait_until(999).await;
    assert_eq!(rig.get(&soon).seq, 1);
    rig.wait_until(4_000).await;
    assert_eq!(rig.get(&soon).data["done"], json!(["begin", "A"]));
    assert_eq!(rig.get(&late).data["done"], json!(["begin", "A"]));
    let (first, second) = (rig.get(&soon).position, rig.get(&late).position);
    assert!(first < second, "due order");
    rig.wait_until(10_000).await;
    assert_eq!(rig.get(&late).data["done"], json!(["begin", "A", "B"]));
    assert_eq!(rig.engine.next_due().unwrap(), None);
}

#[tokio::test]
async fn overdue_timers_fire_once_in_due_order_after_downtime() {
    let rig = rig().await;
    let mut ids = Vec::new();
    for due in [3_000, 1_000, 2_000] {
        ids.push(rig.begin(json!({ "arm": { "A": due } })).await.entry.instance.clone());
    }
    rig.engine.stop().await.unwrap();
    rig.time.set(noon().plus_millis(3 * 3_600_000));
    let rig = rig.reopened(Probe::version(1)).await.unwrap();
    rig.engine.settle().await;
    let mut fired: Vec<_> = ids.iter().map(|id| (rig.get(id).position, id.clone())).collect();
    fired.sort();
    let order: Vec<_> = fired.into_iter().map(|(_, id)| id).collect();
    assert_eq!(order, [ids[1].clone(), ids[2].clone(), ids[0].clone()]);
    for id in &ids {
        let history = rig.history(id).await;
        assert_eq!(events(&history), ["begin", "timer_fired"]);
        assert_eq!(history[1].payload["catch_up"], json!(true));
    }
}

#[tokio::test]
async fn timer_that_the_state_refuses_has_lapsed() {
    let rig = rig().await;
    let id = rig.begin(json!({ "arm": { "A": 1_000 } })).await.entry.instance.clone();
    rig.act(&id, json!({ "close": true })).await.unwrap();
    rig.wait_until(1_000).await;
    let history = rig.history(&id).await;
    assert_eq!(events(&history), ["begin", "act", "timer_lapsed"]);
    assert_eq!(history[2].payload["code"], json!("event_not_accepted"));
    assert!(rig.get(&id).timers.is_empty());
}

#[tokio::test]
async fn panicking_step_parks_only_its_own_timer() {
    let rig = rig().await;
    let broken = rig.begin(json!({ "arm": { "BOOM": 1_000 } })).await.entry.instance.clone();
    let sound = rig.begin(json!({ "arm": { "A": 1_000 } })).await.entry.instance.clone();
    rig.wait_until(1_000).await;
    assert_eq!(rig.get(&sound).data["done"], json!(["begin", "A"]));
    let history = rig.history(&broken).await;
    assert_eq!(events(&history), ["begin", "step_failed"]);
    assert_eq!(history[1].payload["timer"], json!("BOOM"));
    let parked = rig.get(&broken).timers["BOOM"].clone();
    assert_eq!((parked.failures, parked.due), (1, noon().plus_millis(61_000)));
    rig.wait_until(61_000).await;
    assert_eq!(rig.get(&broken).timers["BOOM"].failures, 2);
    let answer = rig.act(&broken, json!({ "panic": true })).await;
    assert!(matches!(answer, Err(CommandError::StepFailed(_))), "{answer:?}");
    assert_eq!(rig.act(&broken, json!({})).await.unwrap().entry.seq, 4);
}

#[tokio::test]
async fn children_stand_in_their_parents_commit() {
    let rig = rig().await;
    let parent = rig.begin(json!({})).await.entry.instance.clone();
    let accepted = rig.act(&parent, json!({ "spawn": 2 })).await.unwrap();
    let commits = rig.journal.get(&[accepted.position]).await.unwrap();
    let entries: Vec<Entry> = commits[0].1.entries.iter().map(|stored| stored.verify().unwrap()).collect();
    assert_eq!(entries.len(), 3);
    for child in &entries[1..] {
        assert_eq!(child.prev, commits[0].1.entries[0].hash, "a child continues its parent's entry");
        assert_eq!(rig.get(&child.instance).parent.as_ref(), Some(&parent));
    }
    let named: Vec<_> = entries[0]
        .effects
        .iter()
        .filter_map(|effect| if let Effect::Spawn(spawn) = effect { spawn.child.clone() } else { None })
        .collect();
    assert_eq!(named, [entries[1].instance.clone(), entries[2].instance.clone()]);
    let counted = rig.act(&parent, json!({ "spawn": 1 })).await.unwrap();
    assert_eq!(counted.entry.facts["count"], json!(2), "facts see what was computed before");
}

#[tokio::test]
async fn send_ends_in_exactly_one_entry() {
    let rig = rig().await;
    let to = rig.begin(json!({})).await.entry.instance.clone();
    let from = rig.begin(json!({})).await.entry.instance.clone();
    rig.act(&from, json!({ "send": { "to": to } })).await.unwrap();
    rig.engine.settle().await;
    assert_eq!(events(&rig.history(&to).await), ["begin", "act"]);
    assert!(rig.get(&from).sends.is_empty());
    rig.act(&from, json!({ "send": { "to": to, "payload": { "refuse": true } } })).await.unwrap();
    rig.engine.settle().await;
    let history = rig.history(&from).await;
    assert_eq!(events(&history), ["begin", "act", "act", "delivery_refused"]);
    assert_eq!(history[3].payload["to"], json!(to));
    assert!(rig.get(&from).sends.is_empty());
    rig.act(&from, json!({ "send": { "to": to, "payload": { "panic": true } } })).await.unwrap();
    rig.engine.settle().await;
    let parked = rig.get(&from);
    assert_eq!((parked.sends.len(), parked.sends[0].failures), (1, 1));
}

#[tokio::test]
async fn undelivered_send_is_delivered_once_after_a_restart() {
    let rig = rig().await;
    let to = rig.begin(json!({})).await.entry.instance.clone();
    let from = rig.begin(json!({})).await.entry.instance.clone();
    rig.act(&from, json!({ "send": { "to": to } })).await.unwrap();
    rig.engine.settle().await;
    let rig = rig.reopened(Probe::version(1)).await.unwrap();
    rig.engine.settle().await;
    assert_eq!(events(&rig.history(&to).await), ["begin", "act"]);
    assert!(rig.get(&from).sends.is_empty());
}

#[tokio::test]
async fn rebuilt_index_equals_the_live_one() {
    let rig = rig().await;
    let a = rig.begin(json!({ "customer_id": "x", "note": "私", "arm": { "A": 1_000 } })).await;
    let b = rig.begin(json!({ "spawn": 2 })).await.entry.instance.clone();
    rig.act(&b, json!({ "send": { "to": a.entry.instance }, "follow": 1 })).await.unwrap();
    rig.act(&b, json!({ "send": { "to": b } })).await.unwrap();
    rig.act(&b, json!({ "send": { "to": b, "payload": { "panic": true } } })).await.unwrap();
    rig.wait_until(1_000).await;
    assert_eq!(rig.get(&b).sends.len(), 1, "what failed is parked, what arrived is forgotten");
    let again = rig.reopened(Probe::version(1)).await.unwrap();
    assert_eq!(dump(&rig.index), dump(&again.index));
}

fn dump(index: &MemoryIndex) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    index.dump(&mut |key, value| rows.push((key.to_vec(), value.to_vec()))).unwrap();
    rows
}

#[tokio::test]
async fn index_that_has_an_instance_ahead_of_the_others_catches_up() {
    let rig = rig().await;
    let a = rig.begin(json!({ "customer_id": "x", "arm": { "A": 1_000 } })).await.entry.instance.clone();
    let b = rig.begin(json!({ "customer_id": "x", "spawn": 2 })).await.entry.instance.clone();
    rig.act(&b, json!({ "send": { "to": a }, "follow": 1, "spawn": 1 })).await.unwrap();
    rig.act(&b, json!({ "send": { "to": b } })).await.unwrap();
    rig.act(&a, json!({ "send": { "to": b }, "spawn": 1 })).await.unwrap();
    rig.wait_until(1_000).await;
    assert_eq!(rig.index.count("spawns", "all").unwrap(), 4);
    let tail = rig.journal.tail().await.unwrap();
    let commits = rig.journal.read(1, 1_000).await.unwrap();
    let entries =
        || commits.iter().flat_map(|(at, commit)| commit.entries.iter().map(|e| (*at, e.read().unwrap())));
    let mut behind = 0;
    for applied in 1..tail.last {
        let split = usize::try_from(applied).unwrap();
        for id in [&a, &b] {
            let index = MemoryIndex::new();
            if split > 1 {
                index.apply(open::replay(&index, &commits[..split - 1]).unwrap()).unwrap();
            }
            let before = index.get(id).unwrap();
            let mut batch = open::replay(&index, &commits[split - 1..split]).unwrap();
            batch.changes.retain(|change| change.after.id != *id);
            batch.changes.push(Change { before, after: rig.get(id) });
            let own = entries().filter(|(at, entry)| *at > applied && entry.instance == *id);
            let raised = own.flat_map(|(_, entry)| entry.effects).filter_map(|effect| match effect {
                Effect::Count { name, key } => Some(Raise { instance: id.clone(), name, key, by: 1 }),
                _ => None,
            });
            batch.counts.extend(raised);
            index.apply(batch).unwrap();
            behind += u32::from(dump(&index) != dump(&rig.index));
            catch_up(rig.journal.as_ref(), &index, tail, &|_, _| {}).await.unwrap();
            assert_eq!(dump(&index), dump(&rig.index), "{id} ahead of {applied}");
        }
    }
    assert!(behind > 10, "only {behind} times there was something to catch up with");
}

#[tokio::test]
async fn personal_values_stay_out_of_what_is_hashed() {
    let rig = rig().await;
    // Letters that no hash has in it.
    let begun = rig.begin(json!({ "note": "call me at noon" })).await;
    let (_, commit) = rig.journal.get(&[begun.position]).await.unwrap().remove(0);
    assert!(!commit.entries[0].entry.contains("noon"));
    assert_eq!(commit.private.values().next().unwrap().value, json!("call me at noon"));
    let instance = rig.get(&begun.entry.instance);
    let mut data = Value::clone(&instance.data);
    personal::reveal(&mut data, &instance.private);
    assert_eq!(data["note"], json!("call me at noon"));
}

#[tokio::test]
async fn older_instance_is_upgraded_before_its_next_event() {
    let rig = rig().await;
    let id = rig.begin(json!({})).await.entry.instance.clone();
    rig.engine.stop().await.unwrap();
    let rig = rig.reopened(Probe::version(2)).await.unwrap();
    assert_eq!(rig.get(&id).data_version, 1, "loading is no transition");
    let acted = rig.act(&id, json!({})).await.unwrap();
    assert_eq!((acted.entry.event.as_str(), acted.entry.seq), ("act", 3));
    assert_eq!(events(&rig.history(&id).await), ["begin", "data_upgraded", "act"]);
    assert_eq!(rig.get(&id).data["upgraded_from"], json!(1));
}

#[tokio::test]
async fn missing_upgrade_and_newer_journal_refuse_to_start_by_name() {
    let rig = rig().await;
    rig.begin(json!({})).await;
    rig.engine.stop().await.unwrap();
    let cannot = Probe { upgrades: false, ..Probe::version(2) };
    let refused = rig.reopened(cannot).await.err().unwrap().to_string();
    assert!(refused.contains("1 instances of `probe` have data version 1"), "{refused}");
    let newer = rig.reopened(Probe::version(2)).await.unwrap();
    newer.engine.stop().await.unwrap();
    let refused = newer.reopened(Probe::version(1)).await.err().unwrap().to_string();
    assert!(refused.contains("data version 2 by a newer binary"), "{refused}");
}

#[tokio::test]
async fn unknown_commit_stops_the_writer_and_a_retry_finds_what_was_stored() {
    for stored in [true, false] {
        let rig = rig().await;
        let begin = command(Target::Start("probe".into()), "begin", json!({}), Some("k"));
        rig.journal.fail_next(JournalFault::Unknown { stored: usize::from(stored) });
        let answer = rig.engine.submit(begin.clone()).await;
        assert!(matches!(answer, Err(CommandError::CommitUnknown)), "{answer:?}");
        let later = rig.engine.submit(begin.clone()).await;
        assert!(matches!(later, Err(CommandError::Stopped(_))), "{later:?}");
        let rig = rig.reopened(Probe::version(1)).await.unwrap();
        let again = rig.engine.submit(begin).await.unwrap();
        assert_eq!(again.replayed, stored);
        assert_eq!(again.entry.seq, 1);
    }
}

#[tokio::test]
async fn full_disk_refuses_and_keeps_serving() {
    let rig = rig().await;
    let id = rig.begin(json!({ "arm": { "A": 1_000 } })).await.entry.instance.clone();
    rig.journal.fail_next(JournalFault::Full);
    let answer = rig.act(&id, json!({})).await;
    assert!(matches!(answer, Err(CommandError::DiskFull)), "{answer:?}");
    assert_eq!(rig.get(&id).seq, 1);
    assert_eq!(rig.act(&id, json!({})).await.unwrap().entry.seq, 2);
    rig.wait_until(1_000).await;
    assert_eq!(rig.get(&id).seq, 3);
}

#[tokio::test]
async fn a_clock_set_back_after_a_full_disk_holds_nothing_up() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let rig = rig().await;
    let id = rig.begin(json!({ "arm": { "A": 1_000 } })).await.entry.instance.clone();
    let other = rig.begin(json!({})).await.entry.instance.clone();
    rig.journal.fail_next(JournalFault::Full);
    rig.time.set(noon().plus_millis(3 * DAY_MS));
    // It goes with the timer that does not fit, or after it; either way the writer has seen the full disk.
    let answer = rig.act(&other, json!({})).await;
    assert!(matches!(answer, Ok(_) | Err(CommandError::DiskFull)), "{answer:?}");
    rig.time.set(noon().plus_millis(DAY_MS));
    rig.act(&other, json!({})).await.unwrap();
    assert_eq!(rig.get(&id).seq, 1, "it rests for a second");
    rig.time.set(noon().plus_millis(DAY_MS + 1_000));
    rig.act(&other, json!({})).await.unwrap();
    rig.engine.settle().await;
    assert_eq!(rig.get(&id).data["done"], json!(["begin", "A"]));
}

#[tokio::test]
async fn recorded_time_never_goes_back() {
    let rig = rig().await;
    let id = rig.begin(json!({ "arm": { "A": 500 } })).await.entry.instance.clone();
    rig.wait_until(1_000).await;
    rig.time.set(noon().plus_millis(-3_600_000));
    let acted = rig.act(&id, json!({})).await.unwrap();
    assert_eq!(acted.entry.recorded_at, noon().plus_millis(1_000));
    assert_eq!(events(&rig.history(&id).await), ["begin", "timer_fired", "act"]);
}

#[tokio::test]
async fn operator_fires_and_moves_a_timer_with_a_reason() {
    let rig = rig().await;
    let id = rig.begin(json!({ "arm": { "A": 1_000, "B": 2_000 } })).await.entry.instance.clone();
    let by = || Actor::person("root", Role::Administrator);
    rig.engine.move_timer(&id, "A", noon().plus_millis(9_000), "asked", by(), None).await.unwrap();
    let fired = rig.engine.fire_timer(&id, "B", "asked", by(), None).await.unwrap();
    assert_eq!(fired.entry.payload["fired_by"], json!("root"));
    rig.wait_until(3_000).await;
    assert_eq!(rig.get(&id).data["done"], json!(["begin", "B"]));
    rig.wait_until(9_000).await;
    assert_eq!(rig.get(&id).data["done"], json!(["begin", "B", "A"]));
    let none = rig.engine.fire_timer(&id, "A", "asked", by(), None).await;
    assert!(matches!(none, Err(CommandError::Refused { .. })), "{none:?}");
}

#[tokio::test]
async fn completed_batch_stands_still_until_released() {
    let rig = rig().await;
    rig.engine.put_batch("log", "f", batch::Phase::Running).await.unwrap();
    let mut begin = command(Target::Start("probe".into()), "begin", json!({ "arm": { "A": 1_000 } }), None);
    begin.origin = Some("log".into());
    let id = rig.engine.submit(begin).await.unwrap().entry.instance.clone();
    rig.engine.put_batch("log", "f", batch::Phase::Complete).await.unwrap();
    rig.wait_until(5_000).await;
    assert_eq!(rig.get(&id).seq, 1);
    let held = rig.act(&id, json!({})).await;
    assert!(matches!(held, Err(CommandError::Held(_))), "{held:?}");
    rig.engine.put_batch("log", "f", batch::Phase::Released).await.unwrap();
    rig.engine.settle().await;
    assert_eq!(rig.get(&id).data["done"], json!(["begin", "A"]));
}

#[tokio::test]
async fn interrupted_batch_stands_still_in_another_process() {
    let rig = rig().await;
    rig.engine.put_batch("log", "f", batch::Phase::Running).await.unwrap();
    let mut begin = command(Target::Start("probe".into()), "begin", json!({ "arm": { "A": 1_000 } }), None);
    begin.origin = Some("log".into());
    let id = rig.engine.submit(begin).await.unwrap().entry.instance.clone();
    let rig = rig.reopened(Probe::version(1)).await.unwrap();
    rig.wait_until(5_000).await;
    assert_eq!((rig.get(&id).seq, rig.engine.interrupted_batch().as_deref()), (1, Some("log")));
}

#[tokio::test]
async fn body_of_a_keyed_command_leaves_no_hash_of_personal_values_in_the_hashed_part() {
    let rig = rig().await;
    let begin = |key| command(Target::Start("probe".into()), "begin", json!({ "note": "555" }), Some(key));
    let (one, two) =
        (rig.engine.submit(begin("a")).await.unwrap(), rig.engine.submit(begin("b")).await.unwrap());
    let body = |accepted: &Accepted| accepted.entry.idempotency.clone().unwrap().body;
    let (_, commit) = rig.journal.get(&[one.position]).await.unwrap().remove(0);
    assert!(commit.private.contains_key(&body(&one)), "the hash stands beside, under a salt of its own");
    assert_ne!(body(&one), body(&two));
    assert!(rig.engine.submit(begin("a")).await.unwrap().replayed);
}

#[tokio::test]
async fn token_opens_until_it_is_revoked() {
    let rig = rig().await;
    let identity = Identity { actor: "bo".into(), kind: ActorKind::Person, roles: vec![Role::Agent] };
    let made = rig.engine.create_token(identity.clone(), Actor::system(), None).await.unwrap();
    let (token, secret) = (made.made.object, made.secret.unwrap());
    assert_eq!(rig.engine.authenticate(&secret), Some(identity.clone()));
    assert_eq!(rig.engine.authenticate("cft_other"), None);
    let again = rig.reopened(Probe::version(1)).await.unwrap();
    assert_eq!(again.engine.authenticate(&secret), Some(identity));
    assert!(again.engine.revoke_token(&token.id, Actor::system(), None).await.unwrap().object.revoked);
    assert_eq!(again.engine.authenticate(&secret), None);
    let mut stored = String::new();
    for (_, commit) in rig.journal.read(1, 1_000).await.unwrap() {
        commit.entries.iter().for_each(|entry| stored.push_str(&entry.entry));
    }
    assert!(!stored.contains(&secret));
}

#[tokio::test]
async fn feed_tells_every_entry_in_order_and_resumes() {
    let rig = rig().await;
    let from = rig.engine.position();
    let id = rig.begin(json!({ "spawn": 1 })).await.entry.instance.clone();
    rig.act(&id, json!({})).await.unwrap();
    let (first, last) = rig.engine.changes(from, 1, Duration::ZERO).await.unwrap();
    assert_eq!(first.len(), 2, "a commit is never split");
    let (rest, end) = rig.engine.changes(last, 100, Duration::ZERO).await.unwrap();
    assert_eq!((rest.len(), end), (1, rig.engine.position()));
    assert!(rig.engine.changes(end, 100, Duration::ZERO).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn keyed_token_is_made_once_even_where_the_answer_was_lost() {
    for stored in [true, false] {
        let rig = rig().await;
        let identity = || Identity { actor: "bo".into(), kind: ActorKind::Person, roles: vec![Role::Agent] };
        let root = || Actor::person("root", Role::Administrator);
        rig.journal.fail_next(JournalFault::Unknown { stored: usize::from(stored) });
        let lost = rig.engine.create_token(identity(), root(), Some("k")).await;
        assert!(matches!(lost, Err(CommandError::CommitUnknown)), "{lost:?}");
        let rig = rig.reopened(Probe::version(1)).await.unwrap();
        let made = rig.engine.create_token(identity(), root(), Some("k")).await.unwrap();
        assert_eq!((made.made.replayed, made.secret.is_none()), (stored, stored));
        let again = rig.engine.create_token(identity(), root(), Some("k")).await.unwrap();
        assert_eq!((again.made.seq, again.made.position), (made.made.seq, made.made.position));
        assert!(again.made.replayed && again.secret.is_none());
        assert_eq!((rig.engine.tokens().len(), rig.engine.actors().len()), (1, 1));
        let other = Identity { roles: vec![Role::Supervisor], ..identity() };
        let reused = rig.engine.create_token(other, root(), Some("k")).await;
        assert!(matches!(reused, Err(CommandError::KeyReused)), "{reused:?}");
        let elsewhere = Actor::person("another", Role::Administrator);
        assert!(!rig.engine.create_token(identity(), elsewhere, Some("k")).await.unwrap().made.replayed);
    }
}

#[tokio::test]
async fn what_a_leaving_person_gives_back_outlives_a_crash() {
    let rig = rig().await;
    let to = rig.begin(json!({})).await.entry.instance.clone();
    let id = directory::actor_id("ann");
    let mut change =
        SystemChange::new(directory::ACTOR, id, "deactivated", "inactive", &json!({}), Actor::system());
    change.sends = vec![(to.clone(), "act", Map::new())];
    rig.journal.fail_next(JournalFault::Unknown { stored: 1 });
    assert!(rig.engine.system(change).await.is_err());
    let rig = rig.reopened(Probe::version(1)).await.unwrap();
    rig.engine.settle().await;
    assert_eq!(events(&rig.history(&to).await), ["begin", "act"]);
}
