//! Owns what every index must do: one suite, run against each implementation.

use std::sync::Arc;

use serde_json::{Value, json};

use super::memory::MemoryIndex;
use super::sled::tests::{Draining, Opening};
use super::{Batch, Change, Index, List, Range, keys};
use crate::kernel::effect::{Send, Spawn};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::facts::End;
use crate::kernel::kpi::{self, Record};
use made::{at, moved, started, started_at};

/// Instances that no machine made.
pub(super) mod made {
    use super::{Arc, Batch, Change, Instance, InstanceId, Instant, Value, json};
    use crate::index::Raise;
    use crate::kernel::hash::Hash;
    use crate::kernel::instance::Timer;
    use crate::kernel::sla::fact::{ClockFact, What};
    use crate::kernel::sla::state;
    use crate::kernel::sla::timing::Target;

    /// The moment `millis` after a fixed one.
    pub fn at(millis: i64) -> Instant {
        Instant::from_millis(1_750_000_000_000 + millis)
    }

    /// A consultation, number `number`, created that many milliseconds after the fixed moment.
    pub fn started(number: u32) -> Instance {
        started_at(number, i64::from(number))
    }

    /// A consultation created at `created`.
    pub fn started_at(number: u32, created: i64) -> Instance {
        let name = format!("start-{number}");
        serde_json::from_value(json!({
            "id": InstanceId::derive(&format!("customer-{}", number % 3), &[&name]),
            "workflow": "consultation",
            "data_version": 1,
            "state": "open.intake.received",
            "data": {"case": {"customer_id": format!("c-{}", number % 3), "owner": {"queue": "desk"}}},
            "seq": 1,
            "hash": Hash::of(&[name.as_bytes()]),
            "position": 1,
            "created": at(created),
            "updated": at(created),
            "pins": {"definition": "d", "calendar": "c", "tzdata": "2025b", "build": "0.1.0"},
        }))
        .expect("this is an instance")
    }

    /// `before` after one more entry that also did `change`.
    pub fn moved(before: &Instance, change: impl FnOnce(&mut Instance)) -> Instance {
        let mut after = before.clone();
        after.seq += 1;
        change(&mut after);
        after
    }

    /// Arms the timer `name` at `due`.
    pub fn arm(instance: &mut Instance, name: &str, due: i64) {
        instance.timers.insert(name.into(), Timer { generation: 1, due: at(due), failures: 0 });
    }

    /// Gives `instance` to a person.
    pub fn give(instance: &mut Instance, person: &str) {
        instance.data_mut()["case"]["owner"] = json!({"person": {"id": person, "role": "agent"}});
    }

    /// Lets the clock `name` run until `due`.
    pub fn run(instance: &mut Instance, name: &str, due: i64) {
        let (start, due) = (instance.created, at(due));
        let what = What::Started {
            at: start,
            target: Target::At(due),
            due,
            calendar: "cn".into(),
            provisional: false,
        };
        tell(instance, name, what);
    }

    /// Lets the clock `name` stand still from `since` on.
    pub fn pause(instance: &mut Instance, name: &str, since: i64) {
        tell(instance, name, What::Paused { at: at(since), elapsed_ms: 0 });
    }

    fn tell(instance: &mut Instance, name: &str, what: What) {
        let fact = ClockFact { clock: name.into(), cycle: 1, what };
        state::apply(&mut instance.clocks, &[fact]);
    }

    /// A batch of one start or move.
    pub fn batch(position: u64, before: Option<&Instance>, after: &Instance) -> Batch {
        let change = Change { before: before.cloned().map(Arc::new), after: Arc::new(after.clone()) };
        Batch { position, changes: vec![change], counts: Vec::new() }
    }

    /// A tally that an entry of the first instance raises.
    pub fn raise(name: &str, key: &str, by: u64) -> Raise {
        Raise { instance: started(1).id, name: name.into(), key: key.into(), by }
    }

    /// Text that takes `bytes` in a record: it cannot be compressed.
    pub fn filler(bytes: usize) -> Value {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut state = bytes as u64;
        let letter = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(LETTERS[(state >> 58) as usize])
        };
        Value::String((0..bytes).map(letter).collect())
    }
}

/// An index under test and how to bring it into the condition under test.
pub(super) struct Subject {
    index: Box<dyn Index>,
    settle: Box<dyn Fn()>,
}

impl Subject {
    fn apply(&self, batch: Batch) {
        self.index.apply(batch).expect("applies");
        (self.settle)();
    }

    /// Applies the start of each, one position after the other.
    fn start(&self, instances: &[Instance]) {
        for instance in instances {
            self.apply(made::batch(self.index.applied() + 1, None, instance));
        }
    }

    fn step(&self, before: &Instance, after: &Instance) {
        self.apply(made::batch(self.index.applied() + 1, Some(before), after));
    }

    /// Ids of a page.
    fn ids(&self, lists: &[List], range: &Range, limit: usize) -> (Vec<InstanceId>, bool) {
        let page = self.index.page(lists, range, limit).expect("reads");
        assert_eq!(page.position, self.index.applied());
        (page.rows.iter().map(|row| row.id.clone()).collect(), page.more)
    }
}

/// Every implementation in every condition.
fn each_subject(check: impl Fn(&Subject)) {
    check(&Subject { index: Box::new(MemoryIndex::new()), settle: Box::new(|| ()) });
    for draining in [Draining::Never, Draining::AtOnce, Draining::Beside] {
        let dir = tempfile::tempdir().expect("a directory");
        let opening = Opening { dir: dir.path(), boot: "boot-1", draining };
        let (index, _) = opening.open();
        check(&index.into_subject());
    }
}

impl super::sled::tests::Tested {
    fn into_subject(self) -> Subject {
        let shared = self.settler();
        Subject { index: Box::new(self.index), settle: Box::new(shared) }
    }
}

pub(super) fn all(index: &dyn Index) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    index.dump(&mut |key, value| all.push((key.to_vec(), value.to_vec()))).expect("reads");
    all
}

fn state(name: &str) -> List {
    List::State { workflow: "consultation".into(), state: name.into() }
}

fn ids(instances: &[Instance]) -> Vec<InstanceId> {
    instances.iter().map(|instance| instance.id.clone()).collect()
}

/// The KPI records that a report over `window` reads, in order.
fn records(index: &dyn Index, window: (Instant, Instant)) -> Vec<Record> {
    let mut found = Vec::new();
    let position = index.kpis(&["consultation"], window, &mut |record| found.push(record.clone()));
    assert_eq!(position.expect("reads"), index.applied());
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found
}

const RECEIVED: &str = "open.intake.received";

#[test]
fn an_empty_index_answers_nothing() {
    each_subject(|subject| {
        let index = &*subject.index;
        assert_eq!(index.applied(), 0);
        assert!(index.get(&started(1).id).expect("reads").is_none());
        assert_eq!(subject.ids(&[state(RECEIVED)], &Range::default(), 10), (vec![], false));
        assert_eq!(subject.ids(&[], &Range::default(), 10), (vec![], false));
        assert_eq!(index.count("contacts", "c-1").expect("reads"), 0);
        assert!(index.census().is_empty() && all(index).is_empty());
    });
}

#[test]
fn what_is_applied_is_read_at_once() {
    each_subject(|subject| {
        let instance = started(1);
        subject.start(std::slice::from_ref(&instance));
        let found = subject.index.get(&instance.id).expect("reads").expect("is there");
        assert_eq!(*found, instance);
        assert_eq!(subject.index.applied(), 1);
        let lists = [state(RECEIVED), List::Work("queue:desk".into()), List::Customer("c-1".into())];
        for list in lists {
            assert_eq!(subject.ids(&[list], &Range::default(), 10).0, std::slice::from_ref(&instance.id));
        }
    });
}

#[test]
fn an_old_batch_changes_nothing() {
    each_subject(|subject| {
        let (first, second) = (started(1), moved(&started(1), |next| next.state = "closed".into()));
        subject.start(std::slice::from_ref(&first));
        let mut step = made::batch(2, Some(&first), &second);
        step.counts.push(made::raise("contacts", "c-1", 1));
        subject.apply(step.clone());
        let before = all(&*subject.index);
        subject.apply(step);
        subject.apply(made::batch(1, None, &first));
        assert_eq!(all(&*subject.index), before);
        assert_eq!(subject.index.applied(), 2);
        assert_eq!(subject.index.count("contacts", "c-1").expect("reads"), 1);
    });
}

#[test]
fn another_partition_with_the_same_local_part_is_another_instance() {
    each_subject(|subject| {
        let instance = started(1);
        subject.start(std::slice::from_ref(&instance));
        let other = InstanceId::derive("someone else", &["start-1"]);
        assert_eq!((other.local(), other == instance.id), (instance.id.local(), false));
        assert!(subject.index.get(&other).expect("reads").is_none());
        let holder = subject.index.holder(&other).expect("reads").expect("is there");
        assert_eq!(holder.id, instance.id);
    });
}

#[test]
fn pages_follow_each_other_in_both_directions_over_merged_lists() {
    each_subject(|subject| {
        let mut instances: Vec<Instance> = (0..9).map(|n| started_at(n, i64::from(n / 2))).collect();
        for (n, instance) in instances.iter_mut().enumerate() {
            instance.state = ["a", "b", "c"][n % 3].into();
        }
        subject.start(&instances);
        instances.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        for newest_first in [false, true] {
            let mut range = Range { newest_first, ..Range::default() };
            let mut seen = Vec::new();
            loop {
                let page =
                    subject.index.page(&[state("a"), state("b"), state("c")], &range, 2).expect("reads");
                seen.extend(page.rows.iter().map(|row| row.id.clone()));
                if !page.more {
                    break;
                }
                assert_eq!(page.rows.len(), 2);
                range.after = page.rows.last().map(|row| (row.created, row.id.clone()));
            }
            let mut expected = ids(&instances);
            if newest_first {
                expected.reverse();
            }
            assert_eq!(seen, expected);
        }
    });
}

#[test]
fn a_page_keeps_to_its_created_range_and_its_cursor() {
    each_subject(|subject| {
        let instances: Vec<Instance> = (0..8).map(started).collect();
        subject.start(&instances);
        let lists = [state(RECEIVED)];
        let mut range = Range { from: Some(at(2)), until: Some(at(6)), after: None, newest_first: false };
        assert_eq!(subject.ids(&lists, &range, 10), (ids(&instances[2..6]), false));
        assert_eq!(subject.ids(&lists, &range, 4), (ids(&instances[2..6]), false));
        assert_eq!(subject.ids(&lists, &range, 3), (ids(&instances[2..5]), true));
        assert_eq!(subject.ids(&lists, &range, 0), (vec![], true));
        range.after = Some((at(4), instances[4].id.clone()));
        assert_eq!(subject.ids(&lists, &range, 10), (ids(&instances[5..6]), false));
        range.newest_first = true;
        assert_eq!(subject.ids(&lists, &range, 10).0, [instances[3].id.clone(), instances[2].id.clone()]);
        range.after = Some((at(0), instances[0].id.clone()));
        range.newest_first = false;
        assert_eq!(subject.ids(&lists, &range, 10).0, ids(&instances[2..6]));
        let backwards = Range { from: Some(at(6)), until: Some(at(2)), ..Range::default() };
        assert_eq!(subject.ids(&lists, &backwards, 10), (vec![], false));
    });
}

#[test]
fn an_instance_in_two_lists_comes_once() {
    each_subject(|subject| {
        let instances: Vec<Instance> = (0..4).map(started).collect();
        subject.start(&instances);
        let lists = [List::Work("queue:desk".into()), state(RECEIVED), List::Customer("c-1".into())];
        assert_eq!(subject.ids(&lists, &Range::default(), 10), (ids(&instances), false));
    });
}

#[test]
fn what_an_owner_has_open_is_a_list_and_the_rest_another() {
    each_subject(|subject| {
        let owner = "queue:desk".to_owned();
        let of = || (List::Work(owner.clone()), List::Owner(owner.clone()));
        let (first, second) = (started(1), started(2));
        subject.start(&[first.clone(), second.clone()]);
        let (work, rest) = of();
        assert_eq!(subject.ids(&[rest], &Range::default(), 10), (vec![], false));
        assert_eq!(subject.ids(&[work], &Range::default(), 10).0, [first.id.clone(), second.id.clone()]);
        let closed = moved(&first, |next| next.state = "closed".into());
        subject.apply(made::batch(subject.index.applied() + 1, Some(&first), &closed));
        let (first, second) = (&first.id, &second.id);
        let (work, rest) = of();
        let open = subject.ids(std::slice::from_ref(&work), &Range::default(), 10).0;
        let ended = subject.ids(std::slice::from_ref(&rest), &Range::default(), 10).0;
        assert_eq!((&open[..], &ended[..]), (std::slice::from_ref(second), std::slice::from_ref(first)));
        let all = subject.ids(&[work, rest], &Range::default(), 10).0;
        assert_eq!(all.iter().collect::<Vec<_>>(), [first, second]);
    });
}

#[test]
fn due_instances_come_in_order_of_their_earliest_moment() {
    each_subject(|subject| {
        let mut instances: Vec<Instance> = (0..4).map(started).collect();
        made::arm(&mut instances[0], "late", 90);
        made::arm(&mut instances[0], "early", 30);
        made::arm(&mut instances[1], "ack", 20);
        made::arm(&mut instances[2], "ack", 30);
        subject.start(&instances);
        let mut expected = vec![(at(30), instances[0].id.clone()), (at(30), instances[2].id.clone())];
        expected.push((at(20), instances[1].id.clone()));
        expected.sort();
        let due = |after, until, limit| subject.index.due(after, at(until), limit).expect("reads");
        assert_eq!(due(None, 19, 10), []);
        assert_eq!(due(None, 20, 10), expected[..1]);
        assert_eq!(due(None, 30, 10), expected);
        assert_eq!(due(None, 1000, 2), expected[..2]);
        assert_eq!(due(Some(&expected[1]), 30, 10), expected[2..]);
        assert_eq!(subject.index.due(None, Instant::from_millis(i64::MAX), 10).expect("reads"), expected);

        let fired = moved(&instances[0], |next| {
            next.timers.remove("early");
        });
        subject.step(&instances[0], &fired);
        assert!(!due(None, 89, 10).contains(&(at(30), fired.id.clone())));
        assert_eq!(due(None, 90, 10)[2], (at(90), fired.id));
    });
}

#[test]
fn what_is_to_be_delivered_is_listed_until_it_is() {
    each_subject(|subject| {
        let mut instances: Vec<Instance> = (0..3).map(started).collect();
        let send = Send {
            number: 1,
            to: instances[2].id.clone(),
            event: "linked".into(),
            payload: serde_json::Map::new(),
            not_before: None,
            failures: 0,
            starts: None,
        };
        instances[0].sends.push(send);
        let link = json!({"rule": "r", "index": 1, "workflow": "later", "link": "spawned"});
        instances[1].pending.push(serde_json::from_value::<Spawn>(link).expect("a link"));
        subject.start(&instances);
        let mut expected = ids(&instances[..2]);
        expected.sort();
        let sending = |after, limit| subject.index.sending(after, limit).expect("reads");
        assert_eq!(sending(None, 10), expected);
        assert_eq!(sending(None, 1), expected[..1]);
        assert_eq!(sending(Some(&expected[0]), 10), expected[1..]);

        let parked = moved(&instances[0], |next| next.sends[0].not_before = Some(at(50)));
        subject.step(&instances[0], &parked);
        let due = subject.index.due(None, at(50), 10).expect("reads");
        assert_eq!(due, [(at(50), parked.id.clone())]);

        let delivered = moved(&parked, |next| next.forget_send(1));
        subject.step(&parked, &delivered);
        assert_eq!(sending(None, 10), [instances[1].id.clone()]);
        assert_eq!(subject.index.due(None, at(50), 10).expect("reads"), []);

        let lapsing = moved(&instances[1], |next| {
            next.pending[0].lapses = Some(at(40));
            made::arm(next, "later", 45);
        });
        subject.step(&instances[1], &lapsing);
        let due = subject.index.due(None, at(50), 10).expect("reads");
        assert_eq!(due, [(at(40), lapsing.id.clone())], "one row, at what comes first");
        let dropped = moved(&lapsing, |next| next.pending.clear());
        subject.step(&lapsing, &dropped);
        assert_eq!(sending(None, 10), []);
        assert_eq!(subject.index.due(None, at(50), 10).expect("reads"), [(at(45), dropped.id)]);
    });
}

#[test]
fn a_move_leaves_nothing_behind() {
    each_subject(|subject| {
        let mut first = started(1);
        made::arm(&mut first, "ack", 10);
        first.data_mut()["external_ref"] = "crm-7".into();
        subject.start(std::slice::from_ref(&first));
        let second = moved(&first, |next| {
            next.state = "open.handling.in_progress".into();
            next.timers.clear();
            made::give(next, "li");
            next.data_mut()["case"]["customer_id"] = "c-merged".into();
            next.data_mut()["external_ref"] = "crm-8".into();
        });
        subject.step(&first, &second);
        let external = |reference: &str| List::ExternalRef {
            workflow: "consultation".into(),
            reference: reference.into(),
        };
        let old = [
            state(RECEIVED),
            List::Work("queue:desk".into()),
            List::Customer("c-1".into()),
            external("crm-7"),
        ];
        assert_eq!(subject.ids(&old, &Range::default(), 10), (vec![], false));
        let new = [
            state("open.handling.in_progress"),
            List::Work("li".into()),
            List::Customer("c-merged".into()),
            external("crm-8"),
        ];
        for list in new {
            assert_eq!(subject.ids(&[list], &Range::default(), 10).0, std::slice::from_ref(&second.id));
        }
        let twin = MemoryIndex::new();
        twin.apply(made::batch(2, None, &second)).expect("applies");
        assert_eq!(all(&*subject.index), all(&twin));
    });
}

#[test]
fn a_case_stands_at_the_first_due_of_its_running_clocks() {
    each_subject(|subject| {
        let mut instances: Vec<Instance> = (0..4).map(started).collect();
        made::run(&mut instances[0], "FRT", 30);
        made::run(&mut instances[0], "RES", 90);
        made::run(&mut instances[1], "FRT", 20);
        made::run(&mut instances[2], "FRT", 30);
        subject.start(&instances);
        let mut expected = vec![(30, instances[0].id.clone()), (30, instances[2].id.clone())];
        expected.push((20, instances[1].id.clone()));
        expected.sort();
        let expected: Vec<InstanceId> = expected.into_iter().map(|(_, id)| id).collect();
        let until = |until| Range { until: Some(at(until)), ..Range::default() };
        let due = |range: &Range, limit| subject.ids(&[List::Due], range, limit);
        assert_eq!(due(&Range::default(), 10), (expected.clone(), false), "one without a clock has no row");
        assert_eq!(due(&until(20), 10), (vec![], false));
        assert_eq!(due(&until(21), 10), (expected[..1].to_vec(), false));
        assert_eq!(due(&Range::default(), 2), (expected[..2].to_vec(), true));
        let rest = Range { after: Some((at(30), expected[1].clone())), ..Range::default() };
        assert_eq!(due(&rest, 10), (expected[2..].to_vec(), false));
        let turned = Range { newest_first: true, ..Range::default() };
        assert_eq!(due(&turned, 10).0, expected.iter().rev().cloned().collect::<Vec<_>>());

        let paused = moved(&instances[0], |next| made::pause(next, "FRT", 10));
        subject.step(&instances[0], &paused);
        assert_eq!(due(&until(90), 10).0.len(), 2, "it stands still");
        assert_eq!(due(&until(91), 10).0[2], paused.id, "the other one runs");
        let stopped = moved(&paused, |next| next.clocks.clear());
        subject.step(&paused, &stopped);
        assert_eq!(due(&Range::default(), 10).0.len(), 2);
        let twin = MemoryIndex::new();
        for (position, instance) in (1..).zip([&stopped, &instances[1], &instances[2], &instances[3]]) {
            twin.apply(made::batch(position, None, instance)).expect("applies");
        }
        assert_eq!(all(&*subject.index), all(&twin), "an index built anew has the same rows");
    });
}

#[test]
fn names_with_separators_in_them_reach_into_no_other_list() {
    each_subject(|subject| {
        let names = ["a".to_owned(), "a\0b".into(), "a\u{ff}b".into(), "é".repeat(200), "é".repeat(201)];
        let mut instances: Vec<Instance> = (0..5).map(started).collect();
        for (instance, name) in instances.iter_mut().zip(&names) {
            instance.data_mut()["case"]["customer_id"] = name.as_str().into();
        }
        subject.start(&instances);
        for (instance, name) in instances.iter().zip(names) {
            assert_eq!(
                subject.ids(&[List::Customer(name)], &Range::default(), 9).0,
                ids(std::slice::from_ref(instance))
            );
        }
        assert!(all(&*subject.index).iter().all(|(key, _)| key.len() < 2 * keys::NAME_BYTES_MAX));
    });
}

#[test]
fn kpi_records_are_those_that_can_count_in_the_window() {
    const DAY: i64 = 86_400_000;
    let ended = |before: &Instance, state: &str, day: i64| {
        moved(before, |next| {
            state.clone_into(&mut next.state);
            let end = json!({ "at": at(day * DAY), "settled": true, "disposition": "confirmed" });
            next.kpi.first = Some(serde_json::from_value::<End>(end).expect("an end"));
        })
    };
    each_subject(|subject| {
        // Started and ended on these days; the last one is still open.
        let lives = [(0, Some(0)), (0, Some(40)), (10, Some(11)), (10, Some(400)), (39, Some(41)), (5, None)];
        let started: Vec<Instance> = (0..).zip(lives).map(|(n, (day, _))| started_at(n, day * DAY)).collect();
        subject.start(&started);
        let mut finished = Vec::new();
        for (before, (_, end)) in started.iter().zip(lives) {
            let after = end.map_or_else(|| before.clone(), |day| ended(before, "settled.confirmed", day));
            subject.step(before, &after);
            finished.push(after);
        }
        let whole = |chosen: &[usize]| {
            let mut all: Vec<Record> =
                chosen.iter().map(|n| kpi::record(&finished[*n]).expect("counts")).collect();
            all.sort_by(|a, b| a.id.cmp(&b.id));
            all
        };
        let read = |from: i64, until: i64| records(&*subject.index, (at(from * DAY), at(until * DAY)));
        assert_eq!(read(-100, 1_000), whole(&[0, 1, 2, 3, 4, 5]));
        assert_eq!(read(12, 38), whole(&[1, 3, 5]));
        assert_eq!(read(1, 5), whole(&[1]));
        assert_eq!(read(11, 39), whole(&[1, 2, 3, 5]));
        assert_eq!(read(401, 500), whole(&[5]));

        let reopened = moved(&finished[1], |next| next.state = RECEIVED.into());
        subject.step(&finished[1], &reopened);
        assert_eq!(read(12, 38).len(), 3);
        let invalid = moved(&reopened, |next| next.state = "closed.invalid".into());
        subject.step(&reopened, &invalid);
        assert_eq!(read(12, 38), whole(&[3, 5]));
        assert!(
            records(&*subject.index, (at(6), at(2))).len() <= 1,
            "only open ones, for a window of no time"
        );
    });
}

#[test]
fn tallies_add_up() {
    each_subject(|subject| {
        for position in 1..=5 {
            let counts = vec![
                made::raise("contacts", "c-1", position),
                made::raise("contacts", &format!("c-{}", position + 1), 1),
            ];
            subject.apply(Batch { position, changes: Vec::new(), counts });
        }
        assert_eq!(subject.index.count("contacts", "c-1").expect("reads"), 15);
        assert_eq!(subject.index.count("contacts", "c-6").expect("reads"), 1);
        assert_eq!(subject.index.count("contact", "sc-1").expect("reads"), 0);
    });
}

#[test]
fn the_census_counts_each_instance_where_it_is() {
    each_subject(|subject| {
        let instances: Vec<Instance> = (0..3).map(started).collect();
        subject.start(&instances);
        for instance in &instances[..2] {
            subject.step(instance, &moved(instance, |next| next.state = "closed".into()));
        }
        let place = |state: &str| ("consultation".to_owned(), state.to_owned());
        assert_eq!(subject.index.census(), [(place("closed"), 2), (place(RECEIVED), 1)].into());
        let last = moved(&instances[2], |next| next.state = "closed".into());
        subject.step(&instances[2], &last);
        assert_eq!(subject.index.census(), [(place("closed"), 3)].into());
    });
}

#[test]
fn a_record_grows_and_shrinks_over_its_parts() {
    each_subject(|subject| {
        let mut before = started(1);
        subject.start(std::slice::from_ref(&before));
        for bytes in [6_000, 30_000, 12_288, 200, 700_000, 10] {
            let after = moved(&before, |next| next.data_mut()["text"] = made::filler(bytes));
            subject.step(&before, &after);
            assert_eq!(*subject.index.get(&after.id).expect("reads").expect("is there"), after);
            before = after;
        }
    });
}

#[test]
fn a_system_object_has_a_record_a_state_its_timer_and_what_it_delivers_only() {
    each_subject(|subject| {
        let mut token = started(1);
        token.workflow = "$token".into();
        token.data_mut()["external_ref"] = "r".into();
        subject.start(std::slice::from_ref(&token));
        assert_eq!(all(&*subject.index).len(), 2);
        let before = token.clone();
        token = moved(&before, |next| made::arm(next, "expires", 10));
        subject.step(&before, &token);
        assert_eq!(all(&*subject.index).len(), 3);
        let list = List::State { workflow: "$token".into(), state: token.state.clone() };
        assert_eq!(subject.ids(&[list], &Range::default(), 9).0, std::slice::from_ref(&token.id));
        let sends = moved(&token, |next| {
            let send = json!({"number": 1, "to": token.id, "event": "assigned"});
            next.sends.push(serde_json::from_value(send).expect("a send"));
        });
        subject.step(&token, &sends);
        assert_eq!(subject.index.sending(None, 9).expect("reads"), [token.id], "its sends outlive a crash");
    });
}

#[test]
fn a_batch_holds_many_instances() {
    each_subject(|subject| {
        let instances: Vec<Instance> = (0..40).map(started).collect();
        let changes =
            instances.iter().map(|instance| Change { before: None, after: Arc::new(instance.clone()) });
        subject.apply(Batch { position: 7, changes: changes.collect(), counts: Vec::new() });
        assert_eq!(subject.index.applied(), 7);
        assert_eq!(subject.ids(&[state(RECEIVED)], &Range::default(), 100), (ids(&instances), false));
    });
}

mod property {
    use proptest::prelude::*;

    use super::*;

    const STATES: [&str; 3] = ["s0", "settled.s1", "closed.s2"];

    /// One random thing that happens to one of a few instances.
    #[derive(Clone, Debug)]
    struct Happening {
        number: u32,
        state: u8,
        owner: u8,
        due: Option<i64>,
        bytes: usize,
        sends: bool,
        drain: bool,
    }

    fn happening() -> impl Strategy<Value = Happening> {
        let bytes = prop_oneof![4 => 0..50_usize, 1 => 6_000..20_000_usize];
        let due = proptest::option::of(0..20_i64);
        (0..8_u32, 0..3_u8, 0..3_u8, due, bytes, any::<bool>(), any::<bool>()).prop_map(
            |(number, state, owner, due, bytes, sends, drain)| Happening {
                number,
                state,
                owner,
                due,
                bytes,
                sends,
                drain,
            },
        )
    }

    fn happen(before: &Instance, what: &Happening) -> Instance {
        moved(before, |next| {
            next.state = STATES[usize::from(what.state)].into();
            next.kpi.reopened = what.due.map(at);
            made::give(next, &format!("p{}", what.owner));
            next.timers.clear();
            next.clocks.clear();
            if let Some(due) = what.due {
                made::arm(next, "t", due);
                made::run(next, "RES", due / 2);
                made::run(next, "FRT", due / 3);
                if what.sends {
                    made::pause(next, "FRT", 0);
                }
            }
            next.data_mut()["text"] = made::filler(what.bytes);
            next.sends.clear();
            next.pending.clear();
            if let (true, Some(due)) = (what.sends, what.due) {
                let link = json!({"rule": "r", "index": 1, "workflow": "later", "link": "spawned",
                    "lapses": at(due - 3)});
                next.pending.push(serde_json::from_value(link).expect("a link"));
            }
            if what.sends {
                let send = json!({"number": 1, "to": before.id, "event": "e"});
                next.sends.push(serde_json::from_value(send).expect("a send"));
            }
        })
    }

    fn assert_equal(index: &dyn Index, twin: &dyn Index, cut: &Happening) {
        assert!(all(index) == all(twin), "dumps differ");
        assert_eq!(index.census(), twin.census());
        let owner = format!("p{}", cut.owner);
        let place = state(STATES[usize::from(cut.state)]);
        let lists = [state("s0"), place, List::Work(owner.clone()), List::Owner(owner)];
        let cursor = started(cut.number);
        for newest_first in [false, true] {
            for after in [None, Some((cursor.created, cursor.id.clone()))] {
                let range = Range { from: Some(at(1)), until: Some(at(7)), after, newest_first };
                let limit = usize::from(cut.state) + 1;
                for lists in [&lists[..], &[List::Due]] {
                    let (one, other) = (index.page(lists, &range, limit), twin.page(lists, &range, limit));
                    let (one, other) = (one.expect("reads"), other.expect("reads"));
                    assert_eq!((one.rows, one.more), (other.rows, other.more));
                }
            }
        }
        let until = at(cut.due.unwrap_or(10));
        assert_eq!(index.due(None, until, 5).expect("reads"), twin.due(None, until, 5).expect("reads"));
        assert_eq!(index.sending(None, 5).expect("reads"), twin.sending(None, 5).expect("reads"));
        let window = (at(2), at(6));
        assert_eq!(records(index, window), records(twin, window));
        assert_eq!(index.count("n", "k").expect("reads"), twin.count("n", "k").expect("reads"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn sled_and_memory_hold_the_same(what in proptest::collection::vec(happening(), 1..40)) {
            let dir = tempfile::tempdir().expect("a directory");
            let opening = Opening { dir: dir.path(), boot: "boot-1", draining: Draining::Never };
            let (mut tested, _) = opening.open();
            let twin = MemoryIndex::new();
            for (position, happening) in (1..).zip(&what) {
                let instance = twin.get(&started(happening.number).id).expect("reads");
                let after = instance.as_deref().map_or_else(
                    || started(happening.number),
                    |before| happen(before, happening),
                );
                let mut batch = made::batch(position, instance.as_deref(), &after);
                batch.counts.push(made::raise("n", "k", u64::from(happening.state)));
                tested.index.apply(batch.clone()).expect("applies");
                twin.apply(batch).expect("applies");
                assert_equal(&tested.index, &twin, happening);
                if happening.drain {
                    tested.drain_once();
                    assert_equal(&tested.index, &twin, happening);
                }
            }
            while tested.drain_once() {}
            drop(tested);
            tested = opening.open().0;
            assert_equal(&tested.index, &twin, &what[0]);
        }
    }
}

#[test]
fn a_timer_is_one_key_however_many_run() {
    let mut instance = started(1);
    let few = keys::changes(None, &Arc::new(instance.clone())).len();
    for n in 0..20 {
        made::arm(&mut instance, &format!("t{n}"), n);
    }
    assert_eq!(keys::changes(None, &Arc::new(instance)).len(), few + 1);
}
