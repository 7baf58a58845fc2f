//! Owns which keys an instance has in an index, and how a change moves them.
//!
//! ```text
//! i/<local part of id>                    the record
//! t/<due><id>                             the earliest moment the engine must look at it
//! p/<id>                                  has sends or pending links
//! s/<workflow>␟<state>␟<created><id>      list: state
//! o/<owner>␟<created><id>                 list: owner, `queue:<name>` for a queue, of what is not open any more
//! w/<owner>␟<created><id>                 list: the same of what is open
//! c/<customer>␟<created><id>              list: customer
//! x/<workflow>␟<reference>␟<created><id>  list: external reference
//! d/<due><id>                             list: the due that comes first among its running clocks
//! n/<name>␟<key>                          tally
//! k/<workflow>␟<length><end><id>          what KPIs see of a settled or closed instance; see `kpis`
//! ```
//!
//! Moments are 8 big-endian bytes, so that key order is time order. Instances of
//! a workflow that starts with `$` (definitions, tokens, …) have a record and a
//! state row, and while they have something to deliver (a person who leaves) its row.
//!
//! # Why
//! The cost of the index is the number of keys written, not their bytes. So a
//! transition writes the record and only the rows that move: an instance has one
//! timer row however many timers run, and rows hold nothing but their key.
//! ␟ is the byte 0xFF, which no UTF-8 text contains: no name can reach into the
//! list of another, whatever a caller puts into it.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::{IndexError, List, Range, kpis};
use crate::kernel::common::Stage;
use crate::kernel::hash::{Hash, hex};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::record::owner_name;
use crate::kernel::sla;
use crate::kernel::step::stage_of;

/// One key of an index.
pub type Key = Arc<[u8]>;

/// Longest name that stands in a key as it is; a longer one (customer and reference
/// are free text) stands there as its digest, so that no key outgrows a page of storage.
pub const NAME_BYTES_MAX: usize = 128;

/// Ends a name within a key.
pub(super) const END: u8 = 0xFF;
/// Marks a digest in place of a name; in no UTF-8 text either.
const DIGEST: u8 = 0xFE;
/// Bytes of an id within a key.
const ID_BYTES: usize = 21;
/// Bytes of a moment within a key.
const MOMENT_BYTES: usize = 8;
/// Bytes of (created, id) at the end of a list's key.
const ROW_BYTES: usize = MOMENT_BYTES + ID_BYTES;

/// The prefix of timer rows.
const TIMER: &[u8] = b"t/";
/// The prefix of rows of instances with something to deliver.
const SENDING: &[u8] = b"p/";
/// The prefix of state rows.
pub(super) const STATE: &[u8] = b"s/";
/// The prefix of rows of what an owner has that is not open.
const OWNER: &[u8] = b"o/";
/// The prefix of rows of what an owner has open.
const WORK: &[u8] = b"w/";
/// The prefix of rows of a customer's.
const CUSTOMER: &[u8] = b"c/";
/// The prefix of rows of what another system calls it.
const REFERENCE: &[u8] = b"x/";
/// The prefix of rows of running clocks.
const DUE: &[u8] = b"d/";
/// Most rows of an instance.
const ROWS_MAX: usize = 7;

/// What happens to one key.
#[derive(Clone, Debug)]
pub enum Write {
    /// It holds this instance.
    Record(Arc<Instance>),
    /// It exists.
    Row,
    /// It no longer exists.
    Remove,
    /// It holds these bytes.
    Value(Arc<[u8]>),
    /// Its tally goes up by this.
    Raise(u64),
}

/// The writes that turn the keys of `before` into those of `after`; rows that stay are not written.
pub fn changes(before: Option<&Instance>, after: &Arc<Instance>) -> Vec<(Key, Write)> {
    let (old, new) = (before.map(rows).unwrap_or_default(), rows(after));
    let mut writes = vec![(record(&after.id), Write::Record(Arc::clone(after)))];
    for (old, new) in old.iter().zip(&new).filter(|(old, new)| old != new) {
        writes.extend(old.as_ref().map(|row| (row.key(&after.id), Write::Remove)));
        writes.extend(new.as_ref().map(|row| (row.key(&after.id), Write::Row)));
    }
    writes.extend(kpis::changes(before, after));
    writes
}

/// The key of the record of `id`; shared by ids that differ in the partition only,
/// so that a reader must compare the whole id.
pub fn record(id: &InstanceId) -> Key {
    joined(&[b"i/", id.local().as_bytes()])
}

/// The key of a tally.
pub fn tally(name: &str, key: &str) -> Key {
    let mut bytes = b"n/".to_vec();
    push_name(&mut bytes, name);
    push_name(&mut bytes, key);
    bytes.into()
}

/// The earliest moment at which the engine has work with `instance` that no event
/// brings: a timer comes due, a parked send may be tried again, or a pending link lapses.
pub fn wake_at(instance: &Instance) -> Option<Instant> {
    let parked = instance.sends.iter().filter_map(|send| send.not_before);
    let lapses = instance.pending.iter().filter_map(|link| link.lapses);
    instance.next_due().into_iter().chain(parked).chain(lapses).min()
}

/// A key of an instance beside its record, before its bytes are made: most stay as they are from one
/// version to the next, and those are never made.
#[derive(Debug, PartialEq, Eq)]
struct Row<'i> {
    kind: &'static [u8],
    names: [Option<Cow<'i, str>>; 2],
    /// Absent where it is in the order of ids only.
    at: Option<Instant>,
}

impl<'i> Row<'i> {
    fn new<const N: usize>(kind: &'static [u8], names: [&'i str; N], at: Option<Instant>) -> Self {
        let mut names = names.into_iter().map(Cow::Borrowed);
        Self { kind, names: [names.next(), names.next()], at }
    }

    /// The key of the instance `id`.
    fn key(&self, id: &InstanceId) -> Key {
        let names = self.names.iter().flatten().map(AsRef::as_ref);
        let mut key = prefixed(self.kind, names);
        self.at.iter().for_each(|at| key.extend_from_slice(&moment(*at)));
        key.extend_from_slice(id.as_str().as_bytes());
        key.into()
    }
}

/// The keys of `instance` beside its record, each kind in a place of its own: two versions differ place by place.
fn rows(instance: &Instance) -> [Option<Row<'_>>; ROWS_MAX] {
    let created = Some(instance.created);
    let workflow = instance.workflow.as_str();
    let system = workflow.starts_with('$');
    let idle = instance.sends.is_empty() && instance.pending.is_empty();
    let due = if system { instance.next_due() } else { wake_at(instance) };
    let state = Some(Row::new(STATE, [workflow, &instance.state], created));
    let sending = (!idle).then(|| Row::new(SENDING, [], None));
    let timer = due.map(|due| Row::new(TIMER, [], Some(due)));
    if system {
        return [state, sending, timer, None, None, None, None];
    }
    let case = instance.data.get("case");
    let owner = case.and_then(|case| case.get("owner")).and_then(owner_name);
    let kind = if stage_of(&instance.state) == Stage::Open { WORK } else { OWNER };
    let customer = case.and_then(|case| case.get("customer_id")).and_then(Value::as_str);
    let reference = instance.data.get("external_ref").and_then(Value::as_str);
    [
        state,
        sending,
        timer,
        owner.map(|owner| Row { kind, names: [Some(owner), None], at: created }),
        customer.map(|customer| Row::new(CUSTOMER, [customer], created)),
        reference.map(|reference| Row::new(REFERENCE, [workflow, reference], created)),
        sla::state::first_due(&instance.clocks).map(|due| Row::new(DUE, [], Some(due))),
    ]
}

/// What all keys of `list` start with.
fn prefix(list: &List) -> Vec<u8> {
    let (kind, names): (&[u8], [Option<&str>; 2]) = match list {
        List::State { workflow, state } => (STATE, [Some(workflow), Some(state)]),
        List::Owner(owner) => (OWNER, [Some(owner), None]),
        List::Customer(customer) => (CUSTOMER, [Some(customer), None]),
        List::ExternalRef { workflow, reference } => (REFERENCE, [Some(workflow), Some(reference)]),
        List::Due => (DUE, [None, None]),
        List::Work(owner) => (WORK, [Some(owner), None]),
    };
    prefixed(kind, names.into_iter().flatten())
}

fn prefixed<'n>(kind: &[u8], names: impl Iterator<Item = &'n str>) -> Vec<u8> {
    let mut key = Vec::with_capacity(64 + ROW_BYTES);
    key.extend_from_slice(kind);
    names.for_each(|name| push_name(&mut key, name));
    key
}

/// The keys (from, up to but without) that hold the part `range` of `list`.
pub(super) fn list_bounds(list: &List, range: &Range) -> (Vec<u8>, Vec<u8>) {
    let prefix = prefix(list);
    let at = |edge: Instant| [&prefix[..], &moment(edge)].concat();
    let mut from = range.from.map_or_else(|| prefix.clone(), at);
    let mut until = range.until.map_or_else(|| [&prefix[..], &[END]].concat(), at);
    if let Some((last, id)) = &range.after {
        let mut row = prefix;
        push_row(&mut row, *last, id);
        if range.newest_first {
            until = until.min(row);
        } else {
            row.push(0);
            from = from.max(row);
        }
    }
    (from, until)
}

/// The keys of timer rows after `after` and due at or before `until`.
pub(super) fn due_bounds(after: Option<&(Instant, InstanceId)>, until: Instant) -> (Vec<u8>, Vec<u8>) {
    let from = after.map_or_else(
        || TIMER.to_vec(),
        |(due, id)| [TIMER, &moment(*due), id.as_str().as_bytes(), &[0]].concat(),
    );
    let past = u64::from_be_bytes(moment(until)) + 1;
    (from, [TIMER, &past.to_be_bytes()].concat())
}

/// The keys of sending rows after `after`.
pub(super) fn sending_bounds(after: Option<&InstanceId>) -> (Vec<u8>, Vec<u8>) {
    let from = after.map_or_else(|| SENDING.to_vec(), |id| [SENDING, id.as_str().as_bytes(), &[0]].concat());
    (from, [SENDING, &[END]].concat())
}

/// The keys of all rows of one kind.
pub(super) fn kind_bounds(kind: &[u8]) -> (Vec<u8>, Vec<u8>) {
    (kind.to_vec(), [kind, &[END, END]].concat())
}

/// The last bytes of a list's key: what lists are merged by.
///
/// # Errors
/// A key that is too short.
pub(super) fn order_of(key: &[u8]) -> Result<&[u8], IndexError> {
    key.len().checked_sub(ROW_BYTES).map(|start| &key[start..]).ok_or_else(|| corrupt(key, "is too short"))
}

/// Moment and id at the end of a list's or timer's key.
///
/// # Errors
/// A key of another shape.
pub(super) fn parse_row(key: &[u8]) -> Result<(Instant, InstanceId), IndexError> {
    let (at, id) = order_of(key)?.split_at(MOMENT_BYTES);
    let at = at.try_into().map(i64::from_be_bytes).map_err(|_| corrupt(key, "has no moment"))?;
    Ok((Instant::from_millis(at), parse_id(key, id)?))
}

/// The id in a sending row's key.
///
/// # Errors
/// A key of another shape.
pub(super) fn parse_sending(key: &[u8]) -> Result<InstanceId, IndexError> {
    parse_id(key, key.strip_prefix(SENDING).unwrap_or(key))
}

/// Workflow and state of a state row's key.
///
/// # Errors
/// A key of another shape.
pub(super) fn parse_state(key: &[u8]) -> Result<(String, String), IndexError> {
    let names = key.len().checked_sub(ROW_BYTES).and_then(|end| key[..end].strip_prefix(STATE));
    let mut names = names.unwrap_or_default().split(|byte| *byte == END);
    match (names.next(), names.next()) {
        (Some(workflow), Some(state)) => {
            Ok((String::from_utf8_lossy(workflow).into_owned(), String::from_utf8_lossy(state).into_owned()))
        }
        (Some(_) | None, _) => Err(corrupt(key, "names no state")),
    }
}

/// An error about what is stored at `key`.
pub(super) fn corrupt(key: &[u8], reason: impl Into<String>) -> IndexError {
    IndexError::Corrupt { key: key.escape_ascii().to_string(), reason: reason.into() }
}

pub(super) fn parse_id(key: &[u8], id: &[u8]) -> Result<InstanceId, IndexError> {
    let text = std::str::from_utf8(id).map_err(|e| corrupt(key, e.to_string()))?;
    InstanceId::parse(text).map_err(|reason| corrupt(key, reason))
}

pub(super) fn push_name(key: &mut Vec<u8>, name: &str) {
    if name.len() <= NAME_BYTES_MAX {
        key.extend_from_slice(name.as_bytes());
    } else {
        key.push(DIGEST);
        key.extend_from_slice(hex(Hash::of(&[name.as_bytes()]).bytes()).as_bytes());
    }
    key.push(END);
}

fn push_row(key: &mut Vec<u8>, at: Instant, id: &InstanceId) {
    key.extend_from_slice(&moment(at));
    key.extend_from_slice(id.as_str().as_bytes());
}

/// Order of the bytes is order of time: moments are never before 1970.
pub(super) fn moment(at: Instant) -> [u8; MOMENT_BYTES] {
    at.millis().to_be_bytes()
}

fn joined(parts: &[&[u8]]) -> Key {
    parts.concat().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::contract::made::{arm, give, moved, pause, run, started};
    use super::*;

    #[test]
    fn an_owner_is_a_person_a_queue_or_a_name() {
        let cases = [
            (json!({"person": {"id": "li", "role": "agent"}}), Some("li")),
            (json!({"queue": "desk"}), Some("queue:desk")),
            (json!("li"), Some("li")),
            (json!({"person": {}}), None),
            (json!({"queue": 3}), None),
            (json!(null), None),
        ];
        for (owner, expected) in cases {
            assert_eq!(owner_name(&owner).as_deref(), expected, "{owner}");
        }
    }

    #[test]
    fn an_id_and_a_moment_are_read_back_from_a_row() {
        let instance = started(7);
        let rows: Vec<Key> = rows(&instance).iter().flatten().map(|row| row.key(&instance.id)).collect();
        assert_eq!(rows.len(), 3);
        for row in &rows {
            assert_eq!(parse_row(row).expect("is a row"), (instance.created, instance.id.clone()));
        }
        let place = parse_state(&rows[0]).expect("is a state's row");
        assert_eq!(place, (instance.workflow, instance.state));
    }

    #[test]
    fn bytes_that_are_no_row_are_an_error() {
        for key in [&b""[..], b"s/", &[b's'; 40], &[0xFF; 40]] {
            assert!(matches!(parse_row(key), Err(IndexError::Corrupt { .. })), "{key:?}");
        }
        for key in [&b"s/"[..], &[b'x'; 40], b"s/consultation"] {
            assert!(matches!(parse_state(key), Err(IndexError::Corrupt { .. })), "{key:?}");
        }
        assert!(matches!(parse_sending(b"p/abc"), Err(IndexError::Corrupt { .. })));
    }

    /// A consultation with two rounds, a follow-up link and a reopening, as an agent works it.
    fn path() -> Vec<Instance> {
        let mut first = started(1);
        first.data_mut()["external_ref"] = "crm-1".into();
        arm(&mut first, "frt_warning", 10);
        arm(&mut first, "res_breach", 900);
        run(&mut first, "FRT", 20);
        run(&mut first, "RES", 900);
        let mut path = vec![first];
        let mut step = |change: &dyn Fn(&mut Instance)| {
            let next = moved(path.last().expect("starts with one"), change);
            path.push(next);
        };
        let state = |next: &mut Instance, state: &str| state.clone_into(&mut next.state);
        step(&|next| {
            state(next, "open.intake.classified");
            next.data_mut()["case"]["category"] = "after_sale".into();
        });
        step(&|next| {
            state(next, "open.handling.assigned");
            give(next, "li");
            next.timers.remove("frt_warning");
            next.clocks.remove("FRT");
        });
        step(&|next| state(next, "open.handling.in_progress"));
        step(&|next| next.data_mut()["note"] = "called back".into());
        step(&|next| {
            state(next, "open.waiting.customer");
            arm(next, "reminder", 100);
            pause(next, "RES", 40);
        });
        step(&|next| arm(next, "reminder", 200));
        step(&|next| {
            state(next, "open.handling.in_progress");
            next.timers.remove("reminder");
            run(next, "RES", 950);
        });
        step(&|next| give(next, "wang"));
        step(&|next| {
            state(next, "open.resolved");
            next.timers.clear();
            arm(next, "auto_close", 500);
            pause(next, "RES", 300);
            let link = json!({"rule": "r", "index": 1, "workflow": "later", "link": "spawned"});
            next.pending.push(serde_json::from_value(link).expect("a link"));
        });
        step(&|next| {
            state(next, "open.handling.in_progress");
            next.timers.clear();
            arm(next, "res_breach", 950);
            run(next, "RES", 980);
        });
        step(&|next| {
            state(next, "open.resolved");
            next.timers.clear();
            arm(next, "auto_close", 990);
            pause(next, "RES", 960);
        });
        step(&|next| {
            state(next, "closed");
            next.timers.clear();
            next.clocks.clear();
            next.pending.clear();
        });
        path
    }

    #[test]
    fn a_transition_writes_at_most_six_keys_on_average() {
        let path = path();
        let mut writes = changes(None, &Arc::new(path[0].clone())).len();
        assert_eq!(writes, 7, "a start writes its record and six rows");
        for step in path.windows(2) {
            writes += changes(Some(&step[0]), &Arc::new(step[1].clone())).len();
        }
        assert!(writes <= 6 * path.len(), "{writes} writes in {} transitions", path.len());
        let quiet = changes(Some(&path[3]), &Arc::new(path[4].clone()));
        assert_eq!(quiet.len(), 1, "a note moves no row");
    }
}
