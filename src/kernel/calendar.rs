//! Owns business time: which instants are open, and when a promise falls due.
//!
//! A calendar is a zone, weekly hours and dated exceptions (R3). [`mod@file`] reads and
//! checks the written form, `rules` says what a date's hours are, `zone` turns local
//! boundaries into instants (R5), `years` holds the openings with running totals, [`Windows`]
//! says when somebody may be called, and [`explain`] tells how an answer came about.
//!
//! # Why
//! Every promise is asked of a calendar several times in its life, often over weeks: a
//! lookup is a binary search and costs the same for an hour and for a year. A calendar
//! is shared, not copied: clones have one table.

pub mod explain;
pub mod file;
mod horizon;
mod hours;
mod rules;
#[cfg(test)]
mod tests;
mod windows;
mod years;
mod zone;

use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;

pub use file::CalendarFile;
pub use horizon::{Due, HORIZON_DAYS_MIN, HorizonNear};
pub use hours::{HOURS_EXAMPLES, HOURS_FORMAT, Hours};
pub use windows::Windows;
pub use zone::{
    DATE_FORMAT, DATES_FORMAT, Edge, ZONE_FORMAT, date_of, day_start, parse_date, parse_dates, parse_time,
    parse_zone, tzdb_version,
};

use super::instant::Instant;
use super::span::{Roll, Span};
use super::title::Title;
use rules::{Opening, Rules};
use years::{Year, Years};

/// How many days a due is looked for: ten years, the longest span there is. A due
/// beyond them (a calendar with an hour a month and a promise of years) is held there.
pub const WALK_DAYS_MAX: u32 = super::span::SPAN_DAYS_MAX;
/// A calendar opens at least once in so many days (R3), so that no promise waits for ever.
pub const CLOSED_DAYS_MAX: u32 = 60;

/// Openings that meet and are looked at as one: those of a week around the clock.
pub const TURN_OPENINGS_MAX: usize = 7;
const DAY_MILLIS: i64 = 86_400_000;

/// A checked calendar; built from a [`CalendarFile`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Calendar {
    title: Arc<Title>,
    rules: Arc<Rules>,
    years: Arc<Years>,
}

/// What a calendar says, not what was asked of it, makes it equal to another.
impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

impl Eq for Calendar {}

impl Calendar {
    fn new(title: Title, rules: Rules) -> Self {
        Self { title: Arc::new(title), rules: Arc::new(rules), years: Arc::new(Years::new()) }
    }

    /// The name that definitions refer to.
    pub fn name(&self) -> &str {
        &self.rules.name
    }

    /// What people read.
    pub fn title(&self) -> &Title {
        &self.title
    }

    /// The version of the file it was read from.
    pub fn version(&self) -> u32 {
        self.rules.version
    }

    /// The time zone of its hours and dates.
    pub fn zone(&self) -> Tz {
        self.rules.zone
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
                Instant::from_millis(self.rules.end_of(date))
            }
        }
    }

    /// The earliest instant at which `millis` of open time have passed since `start`;
    /// `start` itself for zero or less. Held at [`WALK_DAYS_MAX`] days after `start`.
    pub fn after(&self, start: Instant, millis: i64) -> Instant {
        if millis <= 0 {
            return start;
        }
        let end = end_of_walk(start);
        let mut year = self.year_of(start);
        let mut wanted = year.open_before(start.millis()).saturating_add(millis);
        while wanted > year.open() {
            wanted -= year.open();
            year = self.year(year.number() + 1);
            if year.start() >= end {
                return Instant::from_millis(end);
            }
        }
        Instant::from_millis(year.reached(wanted).min(end))
    }

    /// Milliseconds of open time from `from` to `to`; negative where `to` lies before `from`.
    pub fn elapsed(&self, from: Instant, to: Instant) -> i64 {
        if to < from {
            return -self.elapsed(to, from);
        }
        let (first, last) = (self.year_of(from), self.year_of(to));
        let whole: i64 = (first.number()..last.number()).map(|number| self.year(number).open()).sum();
        whole + last.open_before(to.millis()) - first.open_before(from.millis())
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

    /// When what `at` lies in ends: the close where it is open, else the next open. Openings that meet at
    /// midnight are one; of what stays open so for longer than [`TURN_OPENINGS_MAX`] of them the last one's close.
    pub fn turns(&self, at: Instant) -> Instant {
        let mut openings = self.openings(at).take(TURN_OPENINGS_MAX);
        let Some(first) = openings.next() else { return Instant::from_millis(end_of_walk(at)) };
        if first.open > at.millis() {
            return Instant::from_millis(first.open);
        }
        let mut close = first.close;
        for next in openings {
            if next.open != close {
                break;
            }
            close = next.close;
        }
        Instant::from_millis(close)
    }

    /// When the closed period around `at` began; none while open. The same for every
    /// instant of one closed period and for no other, so it serves as its key (A5).
    pub fn closed_since(&self, at: Instant) -> Option<Instant> {
        if self.is_open(at) {
            return None;
        }
        let mut year = self.year_of(at);
        loop {
            match year.closed_before(at.millis()) {
                Some(close) => return Some(Instant::from_millis(close)),
                None if year.is_first() => return Some(Instant::default()),
                None => year = self.year(year.number() - 1),
            }
        }
    }

    /// The local date at `at`.
    pub fn date_at(&self, at: Instant) -> NaiveDate {
        date_of(self.rules.zone, at)
    }

    /// Whether the calendar opens on `date`.
    pub fn is_working_day(&self, date: NaiveDate) -> bool {
        self.rules.day(date).next().is_some()
    }

    /// The hours of `date`; none where it is closed all day.
    pub fn hours(&self, date: NaiveDate) -> &[Hours] {
        self.rules.hours(date)
    }

    /// The hours of a weekday, where its date does not say otherwise.
    pub fn weekly(&self, weekday: chrono::Weekday) -> &[Hours] {
        self.rules.weekly(weekday)
    }

    /// The `n`-th working day after the local date of `start`, which is not counted;
    /// that date itself for zero.
    pub fn working_day(&self, start: Instant, n: u32) -> NaiveDate {
        self.working_day_after(self.date_at(start), n)
    }

    /// The first opening on `date`; the start of the date where it is closed all day.
    pub fn open_of(&self, date: NaiveDate) -> Instant {
        let first = self.rules.day(date).next().map(|opening| opening.open);
        Instant::from_millis(first.unwrap_or_else(|| self.rules.start_of(date)))
    }

    /// The last close on `date`; the end of the date where it is closed all day.
    pub fn close_of(&self, date: NaiveDate) -> Instant {
        let last = self.year(chrono::Datelike::year(&date)).close_of(date);
        Instant::from_millis(last.unwrap_or_else(|| self.rules.end_of(date)))
    }

    /// The first instant of `date`.
    pub fn start_of(&self, date: NaiveDate) -> Instant {
        Instant::from_millis(self.rules.start_of(date))
    }

    /// The first instant after `date`: what lasts to the end of a date is over then.
    pub fn end_of(&self, date: NaiveDate) -> Instant {
        Instant::from_millis(self.rules.end_of(date))
    }

    fn first_working_day(&self, from: NaiveDate) -> NaiveDate {
        if self.is_working_day(from) { from } else { self.working_day_after(from, 1) }
    }

    fn working_day_after(&self, date: NaiveDate, n: u32) -> NaiveDate {
        if n == 0 {
            return date;
        }
        let mut year = self.year(chrono::Datelike::year(&date));
        let mut n = year.working_until(date) + n as usize;
        while n > year.working_days() && year.number() < years::YEAR_MAX {
            n -= year.working_days();
            year = self.year(year.number() + 1);
        }
        year.working_day(n).unwrap_or(date)
    }

    fn year(&self, number: i32) -> Year<'_> {
        self.years.year(&self.rules, number)
    }

    fn year_of(&self, at: Instant) -> Year<'_> {
        self.years.of(&self.rules, at)
    }

    /// Every opening that ends after `from`, in order, cut off at `from`, none
    /// overlapping, up to the end of the walk.
    fn openings(&self, from: Instant) -> impl Iterator<Item = Opening> {
        let first = self.year_of(from);
        (first.number()..=years::YEAR_MAX)
            .map(|number| self.year(number))
            .take_while(move |year| year.start() < end_of_walk(from))
            .flat_map(move |year| year.stretches(from.millis()))
            .map(move |opening| Opening { open: opening.open.max(from.millis()), ..opening })
    }
}

fn end_of_walk(start: Instant) -> i64 {
    start.millis() + i64::from(WALK_DAYS_MAX) * DAY_MILLIS
}

fn next(date: NaiveDate) -> NaiveDate {
    date.succ_opt().unwrap_or(date)
}
