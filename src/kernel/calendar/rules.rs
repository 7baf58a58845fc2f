//! Owns what a calendar says of one date: its hours, and the openings they make in real time.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, Weekday};
use chrono_tz::Tz;

use super::hours::{DAY_MINUTES, Hours};
use super::zone::{self, Edge};

/// The content of a checked calendar; two calendars are equal where these are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) name: String,
    pub(super) version: u32,
    pub(super) zone: Tz,
    /// The last date whose exceptions are known; none where there is no such end (R4).
    pub(super) horizon: Option<NaiveDate>,
    /// Monday first.
    pub(super) weekly: [Vec<Hours>; 7],
    /// Dates that differ from their weekday; no hours on a day off.
    pub(super) dates: BTreeMap<NaiveDate, Vec<Hours>>,
}

/// A stretch of open time in milliseconds since the epoch: `open` belongs to it, `close` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) open: i64,
    pub(super) close: i64,
}

impl Rules {
    /// The hours of `date`: its own, none on a day off, those of its weekday otherwise (R3).
    pub(super) fn hours(&self, date: NaiveDate) -> &[Hours] {
        self.dates.get(&date).map_or_else(|| self.weekly(date.weekday()), Vec::as_slice)
    }

    /// The hours of a weekday.
    pub(super) fn weekly(&self, weekday: Weekday) -> &[Hours] {
        &self.weekly[weekday.num_days_from_monday() as usize]
    }

    /// The openings of one date, in order; one that a clock change swallows is left out.
    ///
    /// Where the clock goes back two of them may share real time: R5 takes the
    /// earlier open and the later close.
    pub(super) fn day(&self, date: NaiveDate) -> impl Iterator<Item = Opening> {
        self.hours(date)
            .iter()
            .map(move |hours| Opening {
                open: zone::instant(self.zone, date, hours.open(), Edge::Open),
                close: zone::instant(self.zone, date, hours.close(), Edge::Close),
            })
            .filter(|opening| opening.open < opening.close)
    }

    /// The first instant of `date`, in milliseconds.
    pub(super) fn start_of(&self, date: NaiveDate) -> i64 {
        zone::instant(self.zone, date, 0, Edge::Open)
    }

    /// The last instant of `date`'s 24:00, in milliseconds.
    pub(super) fn end_of(&self, date: NaiveDate) -> i64 {
        zone::instant(self.zone, date, DAY_MINUTES, Edge::Close)
    }
}
