//! Forged histories: a sound one breaks no law, and each forgery breaks exactly the law that it is made against.

use std::sync::Arc;

use super::*;
use crate::cli::torture::history::{
    Asked, Command, EntrySeen, Filter, Got, Receipt, Refusal, RowSeen, Seen, members,
};
use crate::cli::torture::truth::Version;
use crate::engine::key_digest;
use crate::kernel::entry::Cause;
use crate::kernel::hash::Hash;
use crate::kernel::instance::Timer;

const ACTOR: &str = "t-0";
/// After everything that was sent and read.
const LATER: u64 = 900;

struct World {
    truth: Truth,
    records: Vec<Record>,
    deaf: Vec<(u64, u64)>,
    rest: Option<Instant>,
}

fn id(name: &str) -> InstanceId {
    InstanceId::derive("c-0", &[name])
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(i64::try_from(millis).unwrap())
}

fn version(seq: u64, position: u64) -> Version {
    Version {
        seq,
        position,
        hash: Hash::of(&[&position.to_be_bytes()]),
        event: "note_added".into(),
        actor: ACTOR.into(),
        key: Some(key_digest(ACTOR, &format!("k{position}"))),
        recorded_at: at(position * 1_000),
        cause: None,
        workflow: "consultation".into(),
        state: "open.received".into(),
        owner: Some(ACTOR.into()),
        customer: Some("c-0".into()),
        first_due: None,
        timers: Default::default(),
        sends: Vec::new(),
        members: members(&serde_json::json!({ "seq": seq })),
    }
}

fn command(key: &str, instance: Option<InstanceId>) -> Asked {
    Asked::Command(Arc::new(Command {
        actor: ACTOR.into(),
        key: key.into(),
        instance,
        workflow: "consultation".into(),
        event: "note_added".into(),
        if_match: None,
        body: String::new(),
    }))
}

fn record(begun: u64, asked: Asked, got: Got) -> Record {
    Record { begun, ended: begun + 5, life: 1, ceiling: at(1_000_000), floor: at(500_000), asked, got }
}

fn receipt(instance: &InstanceId, version: &Version) -> Receipt {
    Receipt {
        instance: instance.clone(),
        seq: version.seq,
        last_seq: version.seq,
        position: version.position,
        event: version.event.clone(),
        to: version.state.clone(),
        recorded_at: version.recorded_at,
    }
}

fn refused(status: u16, problem: &str) -> Refusal {
    Refusal { status, problem: problem.into(), code: problem.into(), seq: None }
}

fn entry(instance: &InstanceId, version: &Version) -> EntrySeen {
    let Version { position, seq, hash, .. } = version;
    EntrySeen { position: *position, instance: instance.clone(), seq: *seq, hash: hash.to_string() }
}

fn row(instance: &InstanceId, seq: u64) -> RowSeen {
    RowSeen { instance: instance.clone(), seq, state: "open.received".into() }
}

impl World {
    /// Four commands for two instances, one after the other, and everything read after them.
    fn sound() -> Self {
        let mut world =
            Self { truth: Truth::default(), records: Vec::new(), deaf: Vec::new(), rest: Some(at(9_000)) };
        for (name, seq, position) in [("a", 1, 1), ("a", 2, 2), ("b", 1, 3), ("a", 3, 4)] {
            world.acknowledge(name, version(seq, position));
        }
        let (a, b) = (id("a"), id("b"));
        let listed = |filter, number, begun| {
            let rows = vec![row(&a, 3), row(&b, 1)];
            record(begun, Asked::Page(filter, number), Got::Rows { position: 4, rows, last: true })
        };
        let history = world.truth.instances[&a].iter().map(|version| entry(&a, version)).collect();
        let feed = world.feed();
        world.records.extend([
            record(100, Asked::Instance(a.clone()), world.seen("a", 4)),
            record(
                110,
                Asked::History(a.clone()),
                Got::Entries { position: 4, seq: Some(3), entries: history },
            ),
            record(120, Asked::Changes(0), Got::Entries { position: 4, seq: None, entries: feed }),
            listed(Filter::State("consultation".into(), "open".into()), 1, 130),
            listed(Filter::Customer("c-0".into()), 2, 140),
            listed(Filter::Owner(ACTOR.into()), 3, 150),
        ]);
        world
    }

    /// A command that stands at `version` and was acknowledged.
    fn acknowledge(&mut self, name: &str, version: Version) {
        let done = Got::Done(receipt(&id(name), &version));
        let key = format!("k{}", version.position);
        self.records.push(record(version.position * 10, command(&key, Some(id(name))), done));
        self.store(name, version);
    }

    /// What stands in the journal.
    fn store(&mut self, name: &str, version: Version) {
        self.truth.entries.push((version.position, id(name), version.seq));
        if let Some(key) = &version.key {
            self.truth.keys.entry(key.clone()).or_default().push((id(name), version.seq));
        }
        self.truth.instances.entry(id(name)).or_default().push(version);
    }

    /// What the engine itself stored at `version`.
    fn caused(&mut self, name: &str, version: Version, cause: Cause) {
        self.store(name, Version { actor: "timer".into(), key: None, cause: Some(cause), ..version });
    }

    fn arm(&mut self, name: &str, due: Instant) {
        let last = self.truth.instances.get_mut(&id(name)).unwrap().last_mut().unwrap();
        last.timers.insert("T".into(), Timer { generation: 1, due, failures: 0 });
    }

    fn feed(&self) -> Vec<EntrySeen> {
        let entries = self.truth.entries.iter();
        entries.map(|(_, id, seq)| entry(id, self.truth.version(id, *seq).unwrap())).collect()
    }

    fn seen(&self, name: &str, position: u64) -> Got {
        let version = self.truth.at(&id(name), position).unwrap();
        Got::Seen(Seen { position, seq: version.seq, members: version.members.clone() })
    }

    /// The answer of the record that was begun at `begun`.
    fn got(&mut self, begun: u64) -> &mut Got {
        &mut self.records.iter_mut().find(|record| record.begun == begun).unwrap().got
    }

    fn rows(&mut self, begun: u64) -> &mut Vec<RowSeen> {
        match self.got(begun) {
            Got::Rows { rows, .. } => rows,
            other => panic!("{other:?}"),
        }
    }

    fn entries(&mut self, begun: u64) -> &mut Vec<EntrySeen> {
        match self.got(begun) {
            Got::Entries { entries, .. } => entries,
            other => panic!("{other:?}"),
        }
    }

    fn check(&self) -> Findings {
        check(&Evidence {
            records: &self.records,
            truth: &self.truth,
            people: &[ACTOR.to_owned()],
            deaf: &self.deaf,
            storage_fails: false,
            rest: self.rest,
        })
    }
}

#[track_caller]
fn breaks(law: &str, forge: impl FnOnce(&mut World)) {
    let mut world = World::sound();
    forge(&mut world);
    let found = world.check();
    assert!(found.total > 0, "no law was broken");
    assert!(found.told.iter().all(|told| told.law == law), "{:#?}", found.told);
}

#[track_caller]
fn stands(vary: impl FnOnce(&mut World)) {
    let mut world = World::sound();
    vary(&mut world);
    let found = world.check();
    assert_eq!(found.told, [], "{:#?}", found.told);
}

#[test]
fn a_sound_history_breaks_no_law_and_is_counted() {
    stands(|_| {});
    let Checked { acknowledged, open, refused, reads, lists, timers, entries } =
        World::sound().check().checked;
    assert_eq!((acknowledged, open, refused, reads, lists, timers, entries), (4, 0, 0, 3, 3, 0, 4));
}

#[test]
fn what_was_acknowledged_stands_exactly_once() {
    const LAW: &str = "acknowledged_once";
    breaks(LAW, |world| {
        let lost = Got::Done(receipt(&id("a"), &version(9, 9)));
        world.records.push(record(LATER, command("k9", Some(id("a"))), lost));
    });
    breaks(LAW, |world| world.truth.keys.get_mut(&key_digest(ACTOR, "k1")).unwrap().push((id("a"), 2)));
    breaks(LAW, |world| {
        world.truth.instances.get_mut(&id("a")).unwrap()[1].key = Some(key_digest(ACTOR, "k4"));
    });
}

#[test]
fn an_answer_that_is_given_again_is_the_same() {
    let again = |world: &mut World, version: &Version| {
        let done = Got::Done(receipt(&id("a"), version));
        world.records.push(record(LATER, command("k1", Some(id("a"))), done));
    };
    stands(|world| again(world, &version(1, 1)));
    breaks("acknowledged_once", |world| again(world, &version(2, 2)));
}

#[test]
fn what_was_refused_does_not_stand_and_what_was_left_open_may() {
    const LAW: &str = "acknowledged_once";
    breaks(LAW, |world| *world.got(40) = Got::Refused(refused(409, "refused_by_state")));
    breaks(LAW, |world| *world.got(40) = Got::Refused(refused(503, "stopped")));
    stands(|world| *world.got(40) = Got::Lost("connection closed".into()));
    let then = |refusal: Refusal| {
        move |world: &mut World| {
            *world.got(40) = Got::Lost("connection closed".into());
            world.records.push(record(LATER, command("k4", Some(id("a"))), Got::Refused(refusal)));
        }
    };
    breaks(LAW, then(refused(409, "refused_by_guard")));
    breaks(LAW, then(refused(507, "disk_full")));
    stands(then(refused(503, "starting")));
    stands(|world| {
        let open = Got::Lost("connection closed".into());
        world.records.push(record(LATER, command("k9", Some(id("a"))), open));
    });
}

#[test]
fn nothing_stands_that_was_not_sent() {
    breaks("nothing_invented", |world| world.store("a", version(4, 5)));
    breaks("nothing_invented", |world| world.store("a", Version { key: None, ..version(4, 5) }));
}

#[test]
fn what_was_answered_before_another_was_sent_stands_before_it() {
    let late = |begun: u64| {
        move |world: &mut World| {
            let third = world.records.iter_mut().find(|record| record.begun == 30).unwrap();
            (third.begun, third.ended) = (begun, 60);
        }
    };
    breaks("real_time_order", late(46));
    stands(late(44));
}

#[test]
fn reads_see_what_was_answered_before_them() {
    const LAW: &str = "reads_see_writes";
    let old = |world: &mut World, begun| {
        let seen = world.seen("a", 2);
        world.records.push(record(begun, Asked::Instance(id("a")), seen));
    };
    breaks(LAW, |world| old(world, LATER));
    stands(|world| old(world, 25));
    let told = |seq| {
        move |world: &mut World| {
            let refusal = Refusal { seq: Some(seq), ..refused(409, "refused_by_state") };
            world.records.push(record(LATER, command("k9", Some(id("a"))), Got::Refused(refusal)));
        }
    };
    breaks(LAW, told(2));
    stands(told(3));
    breaks(LAW, |world| {
        let Asked::Command(command) = command("k9", Some(id("a"))) else { return };
        world.records.push(record(LATER, Asked::DryRun(command), Got::Foretold(3)));
    });
}

#[test]
fn reads_are_what_the_journal_says_at_their_position() {
    const LAW: &str = "reads_are_true";
    breaks(LAW, |world| {
        let Got::Seen(seen) = world.got(100) else { return };
        seen.seq = 2;
    });
    breaks(LAW, |world| {
        let Got::Seen(seen) = world.got(100) else { return };
        seen.members[2].1 = Hash::ZERO;
    });
    breaks(LAW, |world| {
        let seen = world.seen("a", 4);
        world.records.push(record(LATER, Asked::Instance(id("nobody")), seen));
    });
}

#[test]
fn histories_and_the_feed_leave_nothing_out() {
    const LAW: &str = "histories_are_true";
    breaks(LAW, |world| drop(world.entries(110).remove(1)));
    breaks(LAW, |world| world.entries(110)[0].hash = Hash::ZERO.to_string());
    breaks(LAW, |world| drop(world.entries(120).remove(2)));
    breaks(LAW, |world| world.entries(120).swap(0, 1));
    breaks(LAW, |world| {
        let again = world.entries(120)[3].clone();
        world.entries(120).push(again);
    });
    stands(|world| {
        let entries = world.feed().split_off(2);
        world.records.push(record(
            LATER,
            Asked::Changes(2),
            Got::Entries { position: 4, seq: None, entries },
        ));
    });
}

#[test]
fn lists_hold_what_fits_once_and_nothing_else() {
    const LAW: &str = "lists_are_true";
    for begun in [130, 140, 150] {
        breaks(LAW, |world| drop(world.rows(begun).pop()));
        breaks(LAW, |world| world.rows(begun).push(row(&id("a"), 3)));
        breaks(LAW, |world| world.rows(begun)[0].seq = 2);
    }
    breaks(LAW, |world| world.rows(130)[0].state = "closed".into());
    breaks(LAW, |world| world.rows(130).push(row(&id("nobody"), 1)));
    breaks(LAW, |world| {
        // It went elsewhere before the list was read.
        let versions = world.truth.instances.get_mut(&id("b")).unwrap();
        versions[0].owner = Some("t-1".into());
    });
}

#[test]
fn a_listing_of_several_pages_may_lack_what_moved_meanwhile() {
    let paged = |moved: &'static str| {
        move |world: &mut World| {
            world.acknowledge("a", Version { state: moved.into(), ..version(4, 5) });
            let asked = || Asked::Page(Filter::State("consultation".into(), "open".into()), 9);
            let got = |position, rows, last| Got::Rows { position, rows, last };
            world.records.push(record(910, asked(), got(5, Vec::new(), false)));
            world.records.push(record(920, asked(), got(5, vec![row(&id("b"), 1)], true)));
            let first = world.records.iter_mut().find(|record| record.begun == 910).unwrap();
            first.got = got(4, Vec::new(), false);
            // The command itself was still under way when the first page was read.
            world.records.iter_mut().find(|record| record.begun == 50).unwrap().ended = 930;
        }
    };
    stands(paged("closed"));
    breaks("lists_are_true", paged("open.waiting"));
}

#[test]
fn lists_of_what_is_overdue_follow_the_clock() {
    let listed = |due: u64, rows: Vec<RowSeen>| {
        move |world: &mut World| {
            let versions = world.truth.instances.get_mut(&id("b")).unwrap();
            versions[0].first_due = Some(at(due));
            let got = Got::Rows { position: 4, rows, last: true };
            world.records.push(record(LATER, Asked::Page(Filter::Overdue, 9), got));
        }
    };
    let all = || vec![row(&id("b"), 1)];
    stands(listed(400_000, all()));
    breaks("lists_are_true", listed(400_000, Vec::new()));
    // Between the clock's earliest and latest moment both are right.
    stands(listed(700_000, all()));
    stands(listed(700_000, Vec::new()));
    breaks("lists_are_true", listed(2_000_000, all()));
}

#[test]
fn timers_fire_once_as_armed_and_never_early() {
    const LAW: &str = "timers_once";
    let fires = |due: u64, generation: u32| {
        move |world: &mut World| {
            world.arm("b", at(4_500));
            let cause = Cause::Timer { timer: "T".into(), generation, due: at(due) };
            world.caused("b", version(2, 5), cause);
        }
    };
    stands(fires(4_500, 1));
    breaks(LAW, fires(4_500, 2));
    breaks(LAW, fires(4_400, 1));
    breaks(LAW, |world| {
        fires(4_500, 1)(world);
        let cause = Cause::Timer { timer: "T".into(), generation: 1, due: at(4_500) };
        world.caused("b", version(3, 6), cause);
    });
    breaks(LAW, |world| {
        world.arm("b", at(6_000));
        let cause = Cause::Timer { timer: "T".into(), generation: 1, due: at(6_000) };
        world.caused("b", version(2, 5), cause);
    });
}

#[test]
fn no_timer_that_was_due_is_left() {
    breaks("timers_once", |world| world.arm("a", at(8_999)));
    stands(|world| world.arm("a", at(9_001)));
    stands(|world| {
        world.arm("a", at(8_999));
        world.rest = None;
    });
}

#[test]
fn sends_arrive_once_and_none_is_left() {
    const LAW: &str = "sends_once";
    let arrives = |world: &mut World, seq, position| {
        let cause = Cause::Send { from: id("a"), number: 1 };
        world.caused("b", version(seq, position), cause);
    };
    stands(|world| arrives(world, 2, 5));
    breaks(LAW, |world| {
        arrives(world, 2, 5);
        arrives(world, 3, 6);
    });
    breaks(LAW, |world| world.truth.instances.get_mut(&id("a")).unwrap()[2].sends.push(1));
}

#[test]
fn nothing_is_recorded_ahead_of_the_clock_or_out_of_order() {
    breaks("clock", |world| world.records[3].ceiling = at(3_999));
    breaks("clock", |world| {
        let cause = Cause::Operator { reason: "late".into() };
        world.caused("b", Version { recorded_at: at(3_999), ..version(2, 5) }, cause);
    });
}

#[test]
fn a_disk_that_fails_acknowledges_nothing_new() {
    breaks("deaf_disk", |world| world.deaf.push((35, 60)));
    stands(|world| world.deaf.push((46, 60)));
    stands(|world| world.deaf.push((35, 44)));
}

#[test]
fn a_server_that_makes_mistakes_is_told() {
    const LAW: &str = "no_mistakes";
    let answered =
        |got| move |world: &mut World| world.records.push(record(LATER, Asked::Instance(id("a")), got));
    breaks(LAW, answered(Got::Refused(refused(500, "step_failed"))));
    breaks(LAW, answered(Got::Refused(refused(500, "storage"))));
    breaks(LAW, answered(Got::Lost("internal".into())));
    breaks(LAW, answered(Got::Lost("no answer within 60s".into())));
    stands(answered(Got::Lost("connection closed".into())));
    stands(answered(Got::Refused(refused(503, "starting"))));
}

#[test]
fn few_violations_of_a_law_are_told_and_all_are_counted() {
    let mut world = World::sound();
    let mistake = || record(LATER, Asked::Changes(0), Got::Refused(refused(500, "internal")));
    world.records.extend((0..20).map(|_| mistake()));
    let found = world.check();
    assert_eq!((found.told.len(), found.total), (TOLD_MAX, 20));
}
