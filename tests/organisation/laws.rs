//! Owns what must be true of a year's histories: owners, endings of complaints, children, deliveries, timers, and
//! that the reported numbers are what the histories say.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use careflow::kernel::common::Stage;
use careflow::kernel::effect::Effect;
use careflow::kernel::entry::{Cause, Entry};
use careflow::kernel::id::InstanceId;
use careflow::kernel::instance::DELIVERY_REFUSED;
use careflow::kernel::kpi::measure::Frame;
use careflow::kernel::patch;
use careflow::kernel::step::stage_of;
use serde_json::Value;

use super::export::Histories;
use super::year::Lived;
use crate::naive::{Naive, Number};

/// Histories whose numbers are computed again at a time: bounds memory.
pub(super) const AT_A_TIME: usize = 500;
/// Flows in which a customer is served.
const CASES: [&str; 3] = ["consultation", "complaint", "callback"];

/// Holds `histories` to every law.
pub fn hold(lived: &Lived, histories: &Histories) {
    for (id, entries) in histories.flows() {
        goes_on_from_where_it_stood(id, entries);
        timers_fire_once_and_never_early(id, entries);
        somebody_answers_for_it(id, entries);
        nothing_failed(id, entries);
        if entries[0].workflow == "complaint" {
            dissatisfied_is_never_closed_by_time(id, entries, histories);
        }
    }
    census_is_where_histories_end(lived, histories);
    each_child_is_there_once(histories);
    each_send_arrives_once(histories);
    numbers_are_what_histories_say(lived, histories);
}

fn goes_on_from_where_it_stood(id: &InstanceId, entries: &[Entry]) {
    for (number, entry) in (1..).zip(entries) {
        assert_eq!(entry.seq, number, "`{id}`");
    }
    for pair in entries.windows(2) {
        assert_eq!(pair[1].from.as_ref(), Some(&pair[0].to), "`{id}` at {}", pair[1].seq);
        assert!(pair[1].recorded_at >= pair[0].recorded_at, "`{id}` at {}", pair[1].seq);
    }
}

fn timers_fire_once_and_never_early(id: &InstanceId, entries: &[Entry]) {
    let mut fired = HashSet::new();
    let mut armed: BTreeMap<(&str, u32), careflow::kernel::instant::Instant> = BTreeMap::new();
    for entry in entries {
        if let Some(Cause::Timer { timer, generation, due }) = &entry.cause {
            assert!(fired.insert((timer, generation)), "`{id}`: {timer} {generation} fired twice");
            assert!(entry.recorded_at >= *due, "`{id}`: {timer} {generation} fired early");
            assert_eq!(armed.get(&(timer.as_str(), *generation)), Some(due), "`{id}`: {timer} was not armed");
        }
        for effect in &entry.effects {
            if let Effect::Arm { timer, generation, due, .. } = effect {
                armed.insert((timer, *generation), *due);
            }
        }
    }
}

/// S4-8: a case that is not at its end has an owner; from its acceptance on it has a first owner, too, who is
/// replaced only by whoever accepts it [S3-14].
fn somebody_answers_for_it(id: &InstanceId, entries: &[Entry]) {
    let mut data = Arc::new(Value::Null);
    let mut first: Option<Value> = None;
    for entry in entries {
        patch::apply(&mut data, &entry.patch).unwrap();
        let at = format!("`{id}` at {}: {} to {}", entry.seq, entry.event, entry.to);
        let open = stage_of(&entry.to) == Stage::Open;
        let owner = &data["case"]["owner"];
        let named =
            |pointer: &str| owner.pointer(pointer).and_then(Value::as_str).is_some_and(|id| !id.is_empty());
        assert!(!open || named("/person/id") || named("/queue"), "{at}: nobody owns it");
        if !CASES.contains(&entry.workflow.as_str()) {
            continue;
        }
        let now = data["case"].get("first_owner").filter(|owner| !owner.is_null());
        let accepted = open && ["consultation", "complaint"].contains(&entry.workflow.as_str());
        let is_accepted = accepted && !entry.to.ends_with(".received") && !entry.to.ends_with(".registered");
        assert!(!is_accepted || now.is_some(), "{at}: it is accepted and has no first owner");
        let id_of = |owner: Option<&Value>| owner.map(|owner| owner["id"].clone());
        if first.is_some() && entry.event != "handover_accepted" {
            assert_eq!(id_of(now), id_of(first.as_ref()), "{at}: its first owner changed");
        }
        first = now.cloned();
    }
}

/// Time ends no complaint that is open, and closes none as satisfied whose customer did not last say so (A6,
/// §3.2). Where a callback told otherwise since, the callback was decided on before.
fn dissatisfied_is_never_closed_by_time(id: &InstanceId, entries: &[Entry], histories: &Histories) {
    let (mut satisfied, mut told) = (None, None);
    for entry in entries {
        let by_time = matches!(entry.cause, Some(Cause::Timer { .. }));
        if by_time && stage_of(&entry.to) != Stage::Open {
            let at = format!("`{id}` at {}", entry.seq);
            let from = entry.from.as_deref().unwrap_or_default();
            assert!(from.starts_with("settled."), "{at}: time ended it in {from}");
            if entry.to.ends_with(".satisfied") {
                assert_eq!(satisfied, Some(true), "{at}: the customer did not say so");
                let callback = told.take().map(|id| &histories.all[&id]);
                let decided = |entries: &Vec<Entry>| {
                    let decided = |it: &Entry| {
                        it.to == "closed.completed_negative" && it.recorded_at <= entry.recorded_at
                    };
                    entries.iter().any(decided)
                };
                assert!(callback.is_none_or(decided), "{at}: nobody decided on what the callback told");
            }
        }
        if entry.event == "satisfaction_recorded" {
            let callback = entry.payload["callback"].as_str().and_then(|id| InstanceId::parse(id).ok());
            told = callback.filter(|_| entry.payload["resolved"] == false);
        } else if let Some(word) = word(entry) {
            (satisfied, told) = (Some(word), None);
        }
    }
}

/// What a customer says of the result by `entry`, to the complaint itself.
fn word(entry: &Entry) -> Option<bool> {
    match entry.event.as_str() {
        "confirm" => entry.payload["satisfied"].as_bool(),
        "customer_rejects" | "reopen" => Some(false),
        "customer_reply" if entry.payload["intent"] == "dissatisfied" => Some(false),
        _ => None,
    }
}

fn nothing_failed(id: &InstanceId, entries: &[Entry]) {
    for entry in entries {
        let failed = ["step_failed", "link_refused", "link_lapsed"].contains(&entry.event.as_str());
        assert!(!failed, "`{id}` at {}: {:?}", entry.seq, entry.payload);
    }
}

fn census_is_where_histories_end(lived: &Lived, histories: &Histories) {
    let mut census: BTreeMap<(String, String), u64> = BTreeMap::new();
    for (_, entries) in histories.flows() {
        let last = entries.last().expect("a history has entries");
        *census.entry((last.workflow.clone(), last.to.clone())).or_default() += 1;
    }
    assert_eq!(census, lived.census);
}

/// X10: each start of a child names one instance, which names its parent; and nobody has a parent that does not
/// know of it.
fn each_child_is_there_once(histories: &Histories) {
    let mut named: HashMap<&InstanceId, (&InstanceId, u64)> = HashMap::new();
    for (parent, entries) in &histories.all {
        for entry in entries {
            for effect in &entry.effects {
                let Effect::Spawn(spawn) = effect else { continue };
                let Some(child) = &spawn.child else { continue };
                let twice = named.insert(child, (parent, entry.seq));
                assert!(twice.is_none(), "`{child}` is a child of `{parent}` and {twice:?}");
                let born = histories.all.get(child).unwrap_or_else(|| panic!("`{child}` never began"));
                assert_eq!(born[0].workflow, spawn.workflow, "`{child}`");
            }
        }
    }
    for (child, entries) in &histories.all {
        let parents = named.get(child).copied();
        match &entries[0].cause {
            Some(Cause::Parent { id, seq }) => assert_eq!(parents, Some((id, *seq)), "`{child}`"),
            _ => assert_eq!(parents, None, "`{child}` does not know its parent"),
        }
    }
    waiting_children_come_to_an_end(histories);
}

/// A child that waits with its parent starts, or is given up.
fn waiting_children_come_to_an_end(histories: &Histories) {
    for (parent, entries) in &histories.all {
        let mut waiting: BTreeSet<(&str, u32)> = BTreeSet::new();
        for entry in entries {
            for effect in &entry.effects {
                match effect {
                    Effect::Spawn(spawn) if spawn.child.is_none() => {
                        let fresh = waiting.insert((&spawn.rule, spawn.index));
                        assert!(fresh, "`{parent}` at {}: {} twice", entry.seq, spawn.rule);
                    }
                    Effect::Spawn(spawn) if entry.starts_pending() => {
                        assert!(waiting.remove(&(spawn.rule.as_str(), spawn.index)), "`{parent}`");
                    }
                    Effect::DropPending { rule, index } => {
                        waiting.retain(|(of, at)| of != rule || index.is_some_and(|index| index != *at));
                    }
                    _ => {}
                }
            }
        }
        assert!(waiting.is_empty(), "`{parent}` still waits for {waiting:?}");
    }
}

/// Each send ends in exactly one entry: the receiver's, or the sender's that it was refused.
fn each_send_arrives_once(histories: &Histories) {
    let mut sent: HashMap<(&InstanceId, u32), &InstanceId> = HashMap::new();
    for (sender, entries) in &histories.all {
        let sends = entries.iter().flat_map(|entry| &entry.effects);
        let sends =
            sends.filter_map(|effect| if let Effect::Send(send) = effect { Some(send) } else { None });
        for (number, send) in (1..).zip(sends) {
            assert_eq!(send.number, number, "sends of `{sender}` are numbered");
            sent.insert((sender, number), &send.to);
        }
    }
    for (receiver, entries) in &histories.all {
        for entry in entries {
            let Some(Cause::Send { from, number }) = &entry.cause else { continue };
            let to = sent.remove(&(from, *number));
            let to =
                to.unwrap_or_else(|| panic!("`{receiver}` at {}: {number} of `{from}` twice", entry.seq));
            let refused = entry.event == DELIVERY_REFUSED;
            assert_eq!(receiver, if refused { from } else { to }, "{number} of `{from}`");
        }
    }
    assert!(sent.is_empty(), "never arrived: {sent:?}");
}

/// Every number of every report, over some histories.
fn numbers_of(histories: &[&Vec<Entry>], lived: &Lived) -> Vec<Vec<Number>> {
    let mut numbers: Vec<Vec<Number>> =
        lived.reports.iter().map(|(_, lines)| lines.iter().map(|_| Number::default()).collect()).collect();
    for some in histories.chunks(AT_A_TIME) {
        let some: Vec<Naive<'_>> = some.iter().map(|entries| Naive::new(entries)).collect();
        for ((frame, lines), numbers) in lived.reports.iter().zip(&mut numbers) {
            for (line, number) in lines.iter().zip(numbers) {
                number.take(&line.measure, &some, frame);
            }
        }
    }
    numbers
}

/// The numbers of both.
fn merged(mut ours: Vec<Vec<Number>>, theirs: Vec<Vec<Number>>) -> Vec<Vec<Number>> {
    for (number, other) in ours.iter_mut().flatten().zip(theirs.into_iter().flatten()) {
        number.numerator += other.numerator;
        number.denominator += other.denominator;
        number.pending += other.pending;
        number.values.extend(other.values);
        number.values.sort_unstable();
    }
    ours
}

/// Every KPI as reported is the one computed again from entries alone.
fn numbers_are_what_histories_say(lived: &Lived, histories: &Histories) {
    let all: Vec<&Vec<Entry>> = histories.flows().map(|(_, entries)| entries).collect();
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let shares = all.chunks(all.len().div_ceil(workers).max(1));
    let numbers = std::thread::scope(|scope| {
        let counting: Vec<_> = shares.map(|share| scope.spawn(|| numbers_of(share, lived))).collect();
        let counted = counting.into_iter().map(|counting| counting.join().expect("counting does not fail"));
        counted.reduce(merged).unwrap_or_default()
    });
    for ((frame, lines), numbers) in lived.reports.iter().zip(numbers) {
        let Frame { from, until, .. } = frame;
        for (line, number) in lines.iter().zip(numbers) {
            number.assert_is(line, &format!("from {from} to {until}"));
        }
    }
}
