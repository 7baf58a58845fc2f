//! Owns the table of openings: each year once, with running totals, made when it is first asked for.
//!
//! A lookup is a binary search within a year; between years only their totals are added.
//! Times within a year count from its first instant.
//!
//! # Why
//! A table of all years a file may name would cost 15 ms and 4 MB for each calendar, of
//! which a server needs two or three years. Years after the last that may have dated
//! exceptions are not kept one by one: no zone changes its clocks there any more (a test
//! says so), so they are the fourteen years there are by weekday and length.

use std::sync::OnceLock;

use chrono::{Datelike, NaiveDate};

use super::file::YEARS;
use super::rules::Rules;
use crate::kernel::instant::Instant;

/// The first year of the table: the epoch lies in it west of Greenwich.
const FIRST: i32 = 1969;
/// The first year in which no date is an exception.
const REGULAR: i32 = *YEARS.end() + 1;
const OWN: usize = (REGULAR - FIRST) as usize;
/// Kinds of regular years: the weekday they begin with, and whether they are leap years.
const KINDS: usize = 7 * 2;
/// No promise looks beyond: the last instant lies in 9999, and spans end after ten years.
pub(super) const YEAR_MAX: i32 = 10_010;

/// The years of one calendar.
pub(super) struct Years([OnceLock<Box<Table>>; OWN + KINDS]);

/// A year's openings and working days.
#[derive(Debug)]
struct Table {
    /// The first instant of the year that it was made for, in milliseconds since the epoch.
    start: i64,
    /// Milliseconds from its first instant to that of the next year.
    length: i64,
    stretches: Vec<Stretch>,
    /// Open milliseconds of all stretches.
    open: i64,
    /// The days on which the calendar opens.
    working: Vec<Working>,
}

/// A day on which the calendar opens.
#[derive(Clone, Copy, Debug)]
struct Working {
    /// Day of the year, from 0.
    day: u16,
    /// Its last close, from the start of the year.
    close: i64,
}

/// Open time without overlap, from the start of the year.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    open: i64,
    close: i64,
    /// Open milliseconds of all stretches before it.
    before: i64,
}

/// A year of the table in its place.
#[derive(Clone, Copy)]
pub(super) struct Year<'a> {
    number: i32,
    /// Milliseconds since the epoch.
    start: i64,
    table: &'a Table,
}

impl std::fmt::Debug for Years {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let made = self.0.iter().filter(|year| year.get().is_some()).count();
        f.debug_struct("Years").field("made", &made).finish()
    }
}

impl Years {
    /// A table of which nothing is made yet.
    pub(super) fn new() -> Self {
        Self([const { OnceLock::new() }; OWN + KINDS])
    }

    /// The year `number`; the first of the table for those before it.
    pub(super) fn year<'a>(&'a self, rules: &Rules, number: i32) -> Year<'a> {
        let number = number.clamp(FIRST, YEAR_MAX);
        let own = (number - FIRST) as usize;
        if own < OWN {
            let table = self.0[own].get_or_init(|| Table::new(rules, number).into());
            return Year { number, start: table.start, table };
        }
        let first = first_day(number);
        let kind = first.weekday().num_days_from_monday() as usize * 2 + usize::from(first.leap_year());
        let table = self.0[OWN + kind].get_or_init(|| Table::new(rules, number).into());
        Year { number, start: rules.start_of(first), table }
    }

    /// The year in which `at` lies: between its first instant and that of the next.
    pub(super) fn of<'a>(&'a self, rules: &Rules, at: Instant) -> Year<'a> {
        // No zone is more than a day away.
        let mut year = self.year(rules, at.utc().year());
        let at = at.millis();
        while at < year.start && !year.is_first() {
            year = self.year(rules, year.number - 1);
        }
        while at >= year.end() && year.number < YEAR_MAX {
            year = self.year(rules, year.number + 1);
        }
        year
    }
}

impl Table {
    fn new(rules: &Rules, number: i32) -> Self {
        let (first, next) = (first_day(number), first_day(number + 1));
        let (start, end) = (rules.start_of(first), rules.start_of(next));
        let (mut stretches, mut open) = (Vec::new(), 0);
        let mut covered = start;
        // The last day of the year before may still be open: its 24:00 can lie in a repeated hour.
        for date in (first - chrono::Days::new(1)).iter_days().take_while(|date| *date < next) {
            for opening in rules.day(date) {
                let (from, to) = (opening.open.max(covered), opening.close.min(end));
                covered = covered.max(opening.close);
                if from < to {
                    stretches.push(Stretch { open: from - start, close: to - start, before: open });
                    open += to - from;
                }
            }
        }
        let worked = |date: NaiveDate| {
            let last = rules.day(date).last()?;
            Some(Working { day: date.ordinal0() as u16, close: last.close - start })
        };
        let working = first.iter_days().take_while(|date| *date < next).filter_map(worked).collect();
        Self { start, length: end - start, stretches, open, working }
    }

    /// The first stretch that ends after `at`.
    fn from(&self, at: i64) -> usize {
        self.stretches.partition_point(|stretch| stretch.close <= at)
    }
}

impl<'a> Year<'a> {
    pub(super) const fn number(self) -> i32 {
        self.number
    }

    /// Its first instant, in milliseconds since the epoch.
    pub(super) const fn start(self) -> i64 {
        self.start
    }

    /// The first instant of the next year.
    const fn end(self) -> i64 {
        self.start + self.table.length
    }

    /// Open milliseconds of the whole year.
    pub(super) const fn open(self) -> i64 {
        self.table.open
    }

    /// Open milliseconds of the year before `at`.
    pub(super) fn open_before(self, at: i64) -> i64 {
        let at = at - self.start;
        let stretch = self.table.stretches.get(self.table.from(at));
        stretch.map_or(self.table.open, |stretch| stretch.before + (at - stretch.open).max(0))
    }

    /// The earliest instant before which the year has `millis` of open time; it has as many.
    pub(super) fn reached(self, millis: i64) -> i64 {
        let stretches = &self.table.stretches;
        let found = stretches.partition_point(|s| s.before + (s.close - s.open) < millis);
        stretches.get(found).map_or_else(|| self.end(), |s| self.start + s.open + (millis - s.before))
    }

    /// The stretches of the year that end after `at`, in order.
    pub(super) fn stretches(self, at: i64) -> impl Iterator<Item = super::rules::Opening> + use<'a> {
        let from = self.table.from(at - self.start);
        self.table.stretches[from..].iter().map(move |stretch| super::rules::Opening {
            open: self.start + stretch.open,
            close: self.start + stretch.close,
        })
    }

    /// The last close of the year at or before `at`.
    pub(super) fn closed_before(self, at: i64) -> Option<i64> {
        let after = self.table.from(at - self.start);
        let last = after.checked_sub(1).map(|last| self.table.stretches[last]);
        last.map(|stretch| self.start + stretch.close)
    }

    /// How many working days the year has up to and with `date`.
    pub(super) fn working_until(self, date: NaiveDate) -> usize {
        self.table.working.partition_point(|working| u32::from(working.day) <= date.ordinal0())
    }

    /// The last close of `date`; none where it is closed all day, or of another year.
    pub(super) fn close_of(self, date: NaiveDate) -> Option<i64> {
        if date.year() != self.number {
            return None;
        }
        let found = self.table.working.binary_search_by_key(&date.ordinal0(), |working| working.day.into());
        found.ok().map(|at| self.start + self.table.working[at].close)
    }

    /// How many working days the year has.
    pub(super) fn working_days(self) -> usize {
        self.table.working.len()
    }

    /// The `n`-th working day of the year, from 1.
    pub(super) fn working_day(self, n: usize) -> Option<NaiveDate> {
        let Working { day, .. } = *self.table.working.get(n.checked_sub(1)?)?;
        Some(first_day(self.number) + chrono::Days::new(u64::from(day)))
    }

    /// Whether it is the first of the table.
    pub(super) const fn is_first(self) -> bool {
        self.number == FIRST
    }
}

fn first_day(year: i32) -> NaiveDate {
    NaiveDate::from_yo_opt(year, 1).expect("years up to `YEAR_MAX` are chrono's")
}
