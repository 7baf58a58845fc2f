//! Owns the rows of KPI records: one for each settled or closed instance, found by when it lived.
//!
//! ```text
//! k/<workflow>␟<length><end><id>   its record's bytes
//! ```
//!
//! `end` is the last moment at which the instance can count; `length` the smallest n such that it
//! can count in no more than 2^n days before. An instance can count in a window where it ended in
//! or after it and began before its end, so each length is one range of keys: from the window's
//! start to 2^n days after its end. A month is read without the years before and after it. Open
//! instances have no row: their records are made from their state's lists.
//!
//! # Why
//! A row of an open instance would be written with every step. A finished one's is written when it
//! is settled, moved when it is closed, and hardly ever again.

use super::keys::{self, END, Key, Write};
use super::read::{Order, View};
use super::{IndexError, List, Range};
use crate::kernel::common::Stage;
use crate::kernel::entry::Position;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::{self, Record};
use crate::kernel::step::stage_of;

/// What the keys start with.
const KPI: &[u8] = b"k/";
/// The last length: 2^20 days are more than an instant can hold.
const LENGTH_MAX: u8 = 20;
const DAY_MS: i64 = 86_400_000;
/// The first parts of the states of settled and closed instances, in order.
const FINISHED: [&str; 4] = ["archived", "cancelled", "closed", "settled"];

/// Adds the writes that turn the row of `before` into that of `after`, where it changes.
pub(super) fn changes(before: Option<&Instance>, after: &Instance) -> Vec<(Key, Write)> {
    let (old, new) = (before.and_then(row), row(after));
    if old == new {
        return Vec::new();
    }
    let stays = |key: &Key| new.as_ref().is_some_and(|(other, _)| other == key);
    let left = old.map(|(key, _)| key).filter(|key| !stays(key)).map(|key| (key, Write::Remove));
    let put = new.clone().map(|(key, value)| (key, Write::Value(value.into())));
    left.into_iter().chain(put).collect()
}

fn row(instance: &Instance) -> Option<(Key, Vec<u8>)> {
    if stage_of(&instance.state) == Stage::Open || instance.workflow.starts_with('$') {
        return None;
    }
    let record = kpi::record(instance)?;
    let (begin, end) = record.span();
    let length = (0..LENGTH_MAX).find(|length| end.since(begin) <= DAY_MS << length).unwrap_or(LENGTH_MAX);
    let mut key = prefix(&instance.workflow, length);
    key.extend_from_slice(&keys::moment(end));
    key.extend_from_slice(instance.id.as_str().as_bytes());
    Some((key.into(), record.encode()))
}

fn prefix(workflow: &str, length: u8) -> Vec<u8> {
    let mut key = KPI.to_vec();
    keys::push_name(&mut key, workflow);
    key.push(length);
    key
}

/// See [`super::Index::kpis`].
pub(super) fn read(
    view: &impl View,
    workflows: &[&str],
    window: (Instant, Instant),
    each: &mut dyn FnMut(&Record),
) -> Result<Position, IndexError> {
    for workflow in workflows {
        finished(view, workflow, window, each)?;
        open(view, workflow, window.1, each)?;
    }
    Ok(view.position())
}

/// The records of instances that are settled or closed.
fn finished(
    view: &impl View,
    workflow: &str,
    (from, until): (Instant, Instant),
    each: &mut dyn FnMut(&Record),
) -> Result<(), IndexError> {
    for length in 0..=LENGTH_MAX {
        let prefix = prefix(workflow, length);
        let lower = [&prefix[..], &keys::moment(from)].concat();
        let upper = [&prefix[..], &keys::moment(until.plus_millis(DAY_MS << length)), &[END]].concat();
        view.values(&lower, &upper, &mut |key, value| {
            let (_, id) = keys::parse_row(key)?;
            let record = Record::decode(id, value).map_err(|reason| keys::corrupt(key, reason))?;
            if record.span().0 < until {
                each(&record);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The records of instances that are neither settled nor closed.
fn open(
    view: &impl View,
    workflow: &str,
    until: Instant,
    each: &mut dyn FnMut(&Record),
) -> Result<(), IndexError> {
    let list = |state: &str| List::State { workflow: workflow.to_owned(), state: state.to_owned() };
    let whole = |state: &str| keys::list_bounds(&list(state), &Range::default());
    // A state's key is its path and then END, so the bounds of all paths below one start with it.
    let below = |state: &str| {
        let (mut first, _) = whole(state);
        first.pop();
        let past = [&first[..], &[END, END]].concat();
        (first, past)
    };
    let (mut from, _) = below("");
    let (_, end) = below("");
    let mut gaps: Vec<_> = FINISHED.iter().map(|state| below(state)).collect();
    gaps.push((end.clone(), end));
    for (gap, next) in gaps {
        for key in view.scan(&from, &gap, Order::Ascending) {
            let key = key?;
            let (_, id) = keys::parse_row(&key)?;
            let instance = super::read::get(view, &id)?
                .ok_or_else(|| keys::corrupt(&key, "is a row without its record"))?;
            if let Some(record) = kpi::record(&instance).filter(|record| record.span().0 < until) {
                each(&record);
            }
        }
        from = next;
    }
    Ok(())
}
