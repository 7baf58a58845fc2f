//! Owns which instances' timers the writer keeps in memory: the earliest, up to a limit; the index has the others.
//!
//! A row is an instance under its earliest due. A row that the instance no longer has does no harm: whoever
//! fires it looks at the instance, and puts the right one in its place. The index has an instance whose send
//! is parked under that moment, where it is earlier: reading on would pass its timer by, so such a row is
//! kept however many there are.
//!
//! # Why
//! A year of open cases is millions of timers, of which the next minutes need some thousand. Keeping
//! all of them cost a start the time to read them, and memory that grew with every case.

use std::collections::BTreeSet;

use crate::index::keys::wake_at;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;

/// An instance and its earliest due.
pub type Row = (Instant, InstanceId);

/// Most rows kept that the index has, too: some 4 MB, and more than what one instant may well have. Tests
/// have to do with so few that each of them reads on.
const ROWS_MAX: usize = if cfg!(test) { 8 } else { 32_768 };

/// The earliest rows.
#[derive(Debug, Default)]
pub struct Agenda {
    rows: BTreeSet<Row>,
    /// Rows that the index does not have, or not under this due.
    strays: BTreeSet<Row>,
    known: Known,
}

/// Which rows there are besides those kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Known {
    /// Nothing was read yet.
    #[default]
    Nothing,
    /// All up to this one are kept; later ones are in the index, or will be once they are published.
    UpTo(Row),
    /// None.
    All,
}

impl Agenda {
    /// Whether it must be told more before its first row is the earliest there is.
    pub fn is_short(&self) -> bool {
        self.rows.is_empty() && self.known != Known::All
    }

    /// After which row the index is to be read.
    pub const fn after(&self) -> Option<&Row> {
        match &self.known {
            Known::UpTo(row) => Some(row),
            Known::Nothing | Known::All => None,
        }
    }

    /// Everything up to `last` was read: what of it counts follows by [`Agenda::insert`]. None: there is no more.
    pub fn read(&mut self, last: Option<Row>) {
        self.known = last.map_or(Known::All, Known::UpTo);
    }

    /// Keeps the earliest timer of `instance`: only for now, where the index has it under its due.
    pub fn put(&mut self, instance: &Instance) {
        let Some(due) = instance.next_due() else { return };
        let row = (due, instance.id.clone());
        if wake_at(instance) == Some(due) {
            self.insert(row);
        } else {
            self.strays.insert(row);
        }
    }

    /// Keeps `row`, which the index has, unless it lies behind what is kept.
    pub fn insert(&mut self, row: Row) {
        let kept = match &self.known {
            Known::Nothing => false,
            Known::UpTo(last) => row <= *last,
            Known::All => true,
        };
        if kept {
            self.rows.insert(row);
            self.limit();
        }
    }

    /// Forgets the later half once there are too many.
    fn limit(&mut self) {
        if self.rows.len() <= ROWS_MAX {
            return;
        }
        if let Some(middle) = self.rows.iter().nth(ROWS_MAX / 2).cloned() {
            self.rows.split_off(&middle);
            self.read(self.rows.last().cloned());
        }
    }

    /// Takes `row` off, where it is kept.
    pub fn remove(&mut self, row: &Row) {
        self.rows.remove(row);
        self.strays.remove(row);
    }

    /// The earliest row.
    pub fn first(&self) -> Option<&Row> {
        [self.rows.first(), self.strays.first()].into_iter().flatten().min()
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.rows.len() + self.strays.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(millis: i64) -> Row {
        (Instant::from_millis(millis), InstanceId::parse("0000-0000000000000000").expect("an id"))
    }

    #[test]
    fn nothing_is_known_before_it_was_read_and_nothing_is_short_after_all_was() {
        let mut agenda = Agenda::default();
        agenda.insert(row(1));
        assert_eq!((agenda.is_short(), agenda.len()), (true, 0), "the index has it");
        agenda.read(None);
        agenda.insert(row(7));
        assert_eq!((agenda.is_short(), agenda.first()), (false, Some(&row(7))));
        agenda.remove(&row(7));
        assert!(!agenda.is_short());
    }

    #[test]
    fn what_lies_behind_the_last_row_read_is_left_to_the_index() {
        let mut agenda = Agenda::default();
        agenda.read(Some(row(10)));
        for millis in [11, 10, 3] {
            agenda.insert(row(millis));
        }
        assert_eq!((agenda.len(), agenda.first(), agenda.after()), (2, Some(&row(3)), Some(&row(10))));
        agenda.remove(&row(3));
        agenda.remove(&row(10));
        assert!(agenda.is_short());
    }

    #[test]
    fn too_many_rows_leave_the_earlier_half() {
        let mut agenda = Agenda::default();
        agenda.read(None);
        let count = i64::try_from(ROWS_MAX).expect("small") + 1;
        (0..count).rev().for_each(|millis| agenda.insert(row(millis)));
        let last = row(count / 2 - 1);
        assert_eq!(
            (agenda.len(), agenda.first(), agenda.after()),
            (ROWS_MAX / 2, Some(&row(0)), Some(&last))
        );
    }
}
