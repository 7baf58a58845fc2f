//! Owns business time: which instants are open, and when a promise falls due.
//!
//! A calendar is a zone, weekly hours and dated exceptions (R3). Every answer
//! comes from one source, the ordered openings after an instant; [`mod@file`] reads
//! and checks the written form, `zone` turns local boundaries into instants (R5).
//!
//! # Why
//! Openings are walked day by day: at most a few hundred steps for real promises.
//! `Calendar::openings` is the only place that knows, so that a table of
//! openings with running totals can take its place where the walk costs too much.

pub mod file;
mod hours;
#[cfg(test)]
mod tests;
mod zone;

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

pub use file::CalendarFile;
pub use hours::{HOURS_EXAMPLES, HOURS_FORMAT, Hours};
pub use zone::{DATE_FORMAT, ZONE_FORMAT, date_of, day_start, parse_date, parse_zone, tzdb_version};

use super::instant::Instant;
use super::span::{Roll, Span};
use zone::Edge;

/// How many days a due is looked for: ten years, the longest span there is. A due
/// beyond them (a calendar with an hour a month and a promise of years) is held there.
pub const WALK_DAYS_MAX: u32 = super::span::SPAN_DAYS_MAX;
/// A calendar opens at least once in so many days (R3), so that no promise waits for ever.
pub const CLOSED_DAYS_MAX: u32 = 60;

const DAY_MILLIS: i64 = 86_400_000;

/// A checked calendar; built from a [`CalendarFile`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    name: String,
    version: u32,
    zone: Tz,
    /// Monday first.
    weekly: [Vec<Hours>; 7],
    /// Dates that differ from their weekday; no hours on a day off.
    dates: BTreeMap<NaiveDate, Vec<Hours>>,
}

/// A stretch of open time in milliseconds since the epoch: `open` belongs to it, `close` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Opening {
    open: i64,
    close: i64,
}

impl Calendar {
    /// The name that definitions refer to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of the file it was read from.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The time zone of its hours and dates.
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// When `span` after `start` is over (R2, R6).
    ///
    /// Business: the earliest instant at which so much open time has passed.
    /// Working days: the close of the n-th working day after the start date.
    /// Calendar days: the end of the n-th civil day after the start date, moved on
    /// to the end of a working day where the span says so.
    pub fn due(&self, start: Instant, span: Span) -> Instant {
        match span {
            Span::Business(seconds) => self.after(start, i64::from(seconds.get()) * 1_000),
            Span::Wall(seconds) => start.plus_millis(i64::from(seconds.get()) * 1_000),
            Span::WorkingDays(days) => self.close_of(self.working_day(start, days.get())),
            Span::CalendarDays(days, roll) => {
                let date = self.date_at(start) + chrono::Days::new(u64::from(days.get()));
                let date = match roll {
                    Roll::Stay => date,
                    Roll::NextWorkingDay => self.first_working_day(date),
                };
                Instant::from_millis(zone::instant(self.zone, date, hours::DAY_MINUTES, Edge::Close))
            }
        }
    }

    /// The earliest instant at which `millis` of open time have passed since `start`;
    /// `start` itself for zero or less. Held at [`WALK_DAYS_MAX`] days after `start`.
    pub fn after(&self, start: Instant, millis: i64) -> Instant {
        if millis <= 0 {
            return start;
        }
        let mut left = millis;
        for Opening { open, close } in
            self.openings(start).take_while(|opening| opening.open < end_of_walk(start))
        {
            if left <= close - open {
                return Instant::from_millis(open + left);
            }
            left -= close - open;
        }
        Instant::from_millis(end_of_walk(start))
    }

    /// Milliseconds of open time from `from` to `to`; negative where `to` lies before `from`.
    pub fn elapsed(&self, from: Instant, to: Instant) -> i64 {
        if to < from {
            return -self.elapsed(to, from);
        }
        self.openings(from)
            .take_while(|opening| opening.open < to.millis())
            .map(|opening| opening.close.min(to.millis()) - opening.open)
            .sum()
    }

    /// Whether `at` is open; an opening's last instant is the one before its close.
    pub fn is_open(&self, at: Instant) -> bool {
        self.next_open(at) == at
    }

    /// The first open instant at or after `at`.
    pub fn next_open(&self, at: Instant) -> Instant {
        let open = self.openings(at).next().map_or(end_of_walk(at), |opening| opening.open);
        Instant::from_millis(open)
    }

    /// When the closed period around `at` began; none while open. The same for every
    /// instant of one closed period and for no other, so it serves as its key (A5).
    pub fn closed_since(&self, at: Instant) -> Option<Instant> {
        if self.is_open(at) {
            return None;
        }
        let mut date = next(self.date_at(at));
        for _ in 0..WALK_DAYS_MAX {
            let closes = self.day(date).filter(|opening| opening.close <= at.millis());
            if let Some(last) = closes.map(|opening| opening.close).max() {
                return Some(Instant::from_millis(last));
            }
            date = previous(date);
        }
        Some(Instant::default())
    }

    /// The local date at `at`.
    pub fn date_at(&self, at: Instant) -> NaiveDate {
        date_of(self.zone, at)
    }

    /// Whether the calendar opens on `date`.
    pub fn is_working_day(&self, date: NaiveDate) -> bool {
        self.day(date).next().is_some()
    }

    /// The `n`-th working day after the local date of `start`, which is not counted;
    /// that date itself for zero.
    pub fn working_day(&self, start: Instant, n: u32) -> NaiveDate {
        let mut date = self.date_at(start);
        for _ in 0..n {
            date = self.first_working_day(next(date));
        }
        date
    }

    /// The first opening on `date`; the start of the date where it is closed all day.
    pub fn open_of(&self, date: NaiveDate) -> Instant {
        let first = self.day(date).next().map(|opening| opening.open);
        Instant::from_millis(first.unwrap_or_else(|| zone::instant(self.zone, date, 0, Edge::Open)))
    }

    /// The last close on `date`; the end of the date where it is closed all day.
    pub fn close_of(&self, date: NaiveDate) -> Instant {
        let last = self.day(date).last().map(|opening| opening.close);
        let end = || zone::instant(self.zone, date, hours::DAY_MINUTES, Edge::Close);
        Instant::from_millis(last.unwrap_or_else(end))
    }

    fn first_working_day(&self, from: NaiveDate) -> NaiveDate {
        let mut date = from;
        for _ in 0..WALK_DAYS_MAX {
            if self.is_working_day(date) {
                break;
            }
            date = next(date);
        }
        date
    }

    fn hours(&self, date: NaiveDate) -> &[Hours] {
        let weekday = date.weekday().num_days_from_monday() as usize;
        self.dates.get(&date).unwrap_or(&self.weekly[weekday])
    }

    /// The openings of one date, in order; one that a clock change swallows is left out.
    fn day(&self, date: NaiveDate) -> impl Iterator<Item = Opening> {
        self.hours(date)
            .iter()
            .map(move |hours| Opening {
                open: zone::instant(self.zone, date, hours.open(), Edge::Open),
                close: zone::instant(self.zone, date, hours.close(), Edge::Close),
            })
            .filter(|opening| opening.open < opening.close)
    }

    /// Every opening that ends after `from`, in order, cut off at `from`, none
    /// overlapping; without end for a checked calendar.
    ///
    /// On a day on which the clock goes back, two openings may share real time
    /// (R5 takes the earlier open and the later close): it counts once.
    fn openings(&self, from: Instant) -> impl Iterator<Item = Opening> {
        // The day before may still be open: its 24:00 can lie in a repeated hour.
        previous(self.date_at(from))
            .iter_days()
            .flat_map(|date| self.day(date))
            .scan(from.millis(), |covered, opening| {
                let open = opening.open.max(*covered);
                *covered = opening.close.max(*covered);
                Some(Opening { open, close: opening.close })
            })
            .filter(|opening| opening.open < opening.close)
    }
}

fn end_of_walk(start: Instant) -> i64 {
    start.millis() + i64::from(WALK_DAYS_MAX) * DAY_MILLIS
}

fn next(date: NaiveDate) -> NaiveDate {
    date.succ_opt().unwrap_or(date)
}

fn previous(date: NaiveDate) -> NaiveDate {
    date.pred_opt().unwrap_or(date)
}
