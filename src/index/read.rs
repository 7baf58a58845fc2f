//! Owns how pages and timers are read from ordered keys, the same for every index.

use std::sync::Arc;

use super::keys::{self, Key};
use super::{IndexError, List, PAGE_SCAN_MAX, Page, Range};
use crate::kernel::entry::Position;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;

/// Keys in order; a failure ends a read.
pub(super) type Scan<'a> = Box<dyn Iterator<Item = Result<Key, IndexError>> + 'a>;

/// Which end of a range comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

/// Told keys and values; its failure ends a read.
pub(super) type Each<'e> = &'e mut dyn FnMut(&[u8], &[u8]) -> Result<(), IndexError>;

/// An index at one published position.
pub(super) trait View {
    /// That position.
    fn position(&self) -> Position;
    /// The keys from `from` up to but without `until`; none where they are the wrong way round.
    fn scan(&self, from: &[u8], until: &[u8], order: Order) -> Scan<'_>;
    /// The instance with the record key `key`.
    fn record(&self, key: &[u8]) -> Result<Option<Arc<Instance>>, IndexError>;
    /// Tells the keys from `from` up to but without `until` that hold bytes, in any order.
    fn values(&self, from: &[u8], until: &[u8], each: Each<'_>) -> Result<(), IndexError>;
}

/// See [`super::Index::get`].
pub(super) fn get(view: &impl View, id: &InstanceId) -> Result<Option<Arc<Instance>>, IndexError> {
    Ok(view.record(&keys::record(id))?.filter(|instance| instance.id == *id))
}

/// See [`super::Index::page`].
pub(super) fn page(
    view: &impl View,
    lists: &[List],
    range: &Range,
    limit: usize,
) -> Result<Page, IndexError> {
    let order = if range.newest_first { Order::Descending } else { Order::Ascending };
    let limit = limit.min(PAGE_SCAN_MAX);
    let scan = |list: &List| {
        let (from, until) = keys::list_bounds(list, range);
        view.scan(&from, &until, order)
    };
    let mut merge = Merge::new(lists.iter().map(scan).collect(), order)?;
    let mut rows = Vec::with_capacity(limit.min(128));
    while let Some(key) = merge.next()? {
        if rows.len() == limit {
            return Ok(Page { rows, more: true, position: view.position() });
        }
        let (_, id) = keys::parse_row(&key)?;
        rows.push(get(view, &id)?.ok_or_else(|| keys::corrupt(&key, "is a row without its record"))?);
    }
    Ok(Page { rows, more: false, position: view.position() })
}

/// See [`super::Index::due`].
pub(super) fn due(
    view: &impl View,
    after: Option<&(Instant, InstanceId)>,
    until: Instant,
    limit: usize,
) -> Result<Vec<(Instant, InstanceId)>, IndexError> {
    let (from, until) = keys::due_bounds(after, until);
    view.scan(&from, &until, Order::Ascending).take(limit).map(|key| keys::parse_row(&key?)).collect()
}

/// See [`super::Index::sending`].
pub(super) fn sending(
    view: &impl View,
    after: Option<&InstanceId>,
    limit: usize,
) -> Result<Vec<InstanceId>, IndexError> {
    let (from, until) = keys::sending_bounds(after);
    view.scan(&from, &until, Order::Ascending).take(limit).map(|key| keys::parse_sending(&key?)).collect()
}

/// Several lists as one, ordered by (moment, id); an instance that stands in more of them comes once.
struct Merge<'a> {
    heads: Vec<Head<'a>>,
    order: Order,
}

/// A list's next key and what follows it.
struct Head<'a> {
    key: Key,
    rest: Scan<'a>,
}

impl<'a> Merge<'a> {
    fn new(scans: Vec<Scan<'a>>, order: Order) -> Result<Self, IndexError> {
        let mut heads = Vec::with_capacity(scans.len());
        for mut rest in scans {
            if let Some(key) = rest.next().transpose()? {
                heads.push(Head { key, rest });
            }
        }
        Ok(Self { heads, order })
    }

    fn next(&mut self) -> Result<Option<Key>, IndexError> {
        let mut rows = Vec::with_capacity(self.heads.len());
        for head in &self.heads {
            rows.push(keys::order_of(&head.key)?);
        }
        let first = match self.order {
            Order::Ascending => rows.iter().min(),
            Order::Descending => rows.iter().max(),
        };
        let Some(first) = first.and_then(|row| rows.iter().position(|other| other == row)) else {
            return Ok(None);
        };
        let key = Arc::clone(&self.heads[first].key);
        self.pass(keys::order_of(&key)?)?;
        Ok(Some(key))
    }

    /// Moves every list that stands at `row` on.
    fn pass(&mut self, row: &[u8]) -> Result<(), IndexError> {
        let mut kept = Vec::with_capacity(self.heads.len());
        for mut head in self.heads.drain(..) {
            if keys::order_of(&head.key)? != row {
                kept.push(head);
            } else if let Some(key) = head.rest.next().transpose()? {
                head.key = key;
                kept.push(head);
            }
        }
        self.heads = kept;
        Ok(())
    }
}
