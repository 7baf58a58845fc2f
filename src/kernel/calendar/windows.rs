//! Owns contact windows: the hours in which somebody may be called, on working days, by the clocks of
//! whoever is called.
//!
//! The dates are those of the customer's own zone, and which of them are working days is the
//! calendar's to say: no statutory holidays, make-up days like any other. Noon parts a day
//! into halves, so that who is not reached in the morning is tried in the afternoon.

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::hours::{DAY_MINUTES, Hours};
use super::zone::{Edge, date_of, instant};
use super::{CLOSED_DAYS_MAX, Calendar};
use crate::kernel::instant::Instant;

/// How many days a window is looked for: a calendar opens more often, whatever the zone.
const DAYS_MAX: usize = 2 * CLOSED_DAYS_MAX as usize;
/// Minutes from midnight to noon.
const NOON: u16 = DAY_MINUTES / 2;

/// Contact windows on a calendar's working days in one zone.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'c> {
    calendar: &'c Calendar,
    hours: &'c [Hours],
    zone: Tz,
}

/// Half of a local day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Morning,
    Afternoon,
}

/// A stretch of one half-day: `open` belongs to it, `close` does not.
#[derive(Clone, Copy, Debug)]
struct Window {
    date: NaiveDate,
    half: Half,
    open: Instant,
    close: Instant,
}

impl<'c> Windows<'c> {
    /// The windows of `hours`, which are in order, by the clocks of `zone`.
    pub fn new(calendar: &'c Calendar, hours: &'c [Hours], zone: Tz) -> Self {
        Self { calendar, hours, zone }
    }

    /// The local date at `at`.
    pub fn date_at(&self, at: Instant) -> NaiveDate {
        date_of(self.zone, at)
    }

    /// Whether `at` is in a window.
    pub fn is_open(&self, at: Instant) -> bool {
        self.after(at).next().is_some_and(|window| window.open <= at)
    }

    /// `at` where it is in a window, else the open of the next one.
    pub fn next(&self, at: Instant) -> Instant {
        self.after(at).next().map_or(at, |window| window.open.max(at))
    }

    /// The first window of another half-day than the one of `at`: where all are of one half, of the next day.
    pub fn other_half(&self, at: Instant) -> Instant {
        let (date, half) = (self.date_at(at), self.half_at(at));
        let other = |window: &Window| window.half != half || window.date > date;
        self.after(at).find(other).map_or(at, |window| window.open)
    }

    /// The first window of a later day than that of `at`.
    pub fn next_day(&self, at: Instant) -> Instant {
        let date = self.date_at(at);
        self.after(at).find(|window| window.date > date).map_or(at, |window| window.open)
    }

    fn half_at(&self, at: Instant) -> Half {
        let noon = instant(self.zone, self.date_at(at), NOON, Edge::Open);
        if at.millis() < noon { Half::Morning } else { Half::Afternoon }
    }

    /// Every window that closes after `at`, in order.
    fn after(&self, at: Instant) -> impl Iterator<Item = Window> {
        let first = self.date_at(at);
        first
            .iter_days()
            .take(DAYS_MAX)
            .filter(|date| self.calendar.is_working_day(*date))
            .flat_map(|date| self.on(date))
            .filter(move |window| window.close > at)
    }

    fn on(&self, date: NaiveDate) -> impl Iterator<Item = Window> {
        let halves = |hours: &Hours| {
            let morning = (hours.open(), hours.close().min(NOON), Half::Morning);
            let afternoon = (hours.open().max(NOON), hours.close(), Half::Afternoon);
            [morning, afternoon]
        };
        self.hours
            .iter()
            .flat_map(halves)
            .filter(|(open, close, _)| open < close)
            .map(move |(open, close, half)| Window {
                date,
                half,
                open: Instant::from_millis(instant(self.zone, date, open, Edge::Open)),
                close: Instant::from_millis(instant(self.zone, date, close, Edge::Close)),
            })
            .filter(|window| window.open < window.close)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::calendar::CalendarFile;
    use crate::kernel::calendar::parse_zone;

    fn calendar() -> Calendar {
        let text = include_str!("../../../workflows/calendars/cn.yaml");
        serde_saphyr::from_str::<CalendarFile>(text).unwrap().check().unwrap()
    }

    fn at(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    /// Asks the shipped windows in `zone` at `now`; the answer must be `expected`.
    fn check(zone: &str, ask: fn(&Windows<'_>, Instant) -> Instant, now: &str, expected: &str) {
        let calendar = calendar();
        let hours = ["09:00-12:00", "14:00-20:00"].map(|text| Hours::parse(text).unwrap());
        let windows = Windows::new(&calendar, &hours, parse_zone(zone).unwrap());
        assert_eq!(ask(&windows, at(now)), at(expected), "{zone} {now}");
    }

    const HERE: &str = "Asia/Shanghai";
    const THERE: &str = "America/New_York";

    #[test]
    fn next_window_is_now_or_later_the_same_day_or_on_the_next_working_day() {
        let next = |now, expected| check(HERE, |windows, at| windows.next(at), now, expected);
        next("2026-03-11T10:00:00+08:00", "2026-03-11T10:00:00+08:00");
        next("2026-03-11T12:00:00+08:00", "2026-03-11T14:00:00+08:00");
        next("2026-03-11T20:00:00+08:00", "2026-03-12T09:00:00+08:00");
        next("2026-03-13T20:30:00+08:00", "2026-03-16T09:00:00+08:00");
        // National Day is closed, the Saturday after it is made up for.
        next("2026-09-30T20:00:00+08:00", "2026-10-08T09:00:00+08:00");
        next("2026-10-09T21:00:00+08:00", "2026-10-10T09:00:00+08:00");
    }

    #[test]
    fn windows_are_those_of_the_customers_own_clocks() {
        let next = |now, expected| check(THERE, |windows, at| windows.next(at), now, expected);
        // 10:00 in Shanghai is 22:00 of the evening before in New York.
        next("2026-03-11T10:00:00+08:00", "2026-03-11T09:00:00-04:00");
        next("2026-03-11T09:30:00-04:00", "2026-03-11T09:30:00-04:00");
        // The dates are those of the zone too: Friday evening waits for Monday.
        next("2026-03-13T20:00:00-04:00", "2026-03-16T09:00:00-04:00");
    }

    #[test]
    fn other_half_day_is_afternoon_after_a_morning_and_the_next_morning_after_an_afternoon() {
        let other = |now, expected| check(HERE, |windows, at| windows.other_half(at), now, expected);
        other("2026-03-11T10:00:00+08:00", "2026-03-11T14:00:00+08:00");
        other("2026-03-11T15:00:00+08:00", "2026-03-12T09:00:00+08:00");
        other("2026-03-13T19:59:00+08:00", "2026-03-16T09:00:00+08:00");
        check(
            HERE,
            |windows, at| windows.next_day(at),
            "2026-03-11T10:00:00+08:00",
            "2026-03-12T09:00:00+08:00",
        );
    }

    #[test]
    fn window_over_noon_has_two_halves_and_one_half_alone_waits_for_the_next_day() {
        let calendar = calendar();
        let zone = parse_zone(HERE).unwrap();
        let whole = [Hours::parse("09:00-20:00").unwrap()];
        let windows = Windows::new(&calendar, &whole, zone);
        let morning = at("2026-03-11T10:00:00+08:00");
        assert_eq!(windows.other_half(morning), at("2026-03-11T12:00:00+08:00"));
        assert!(windows.is_open(at("2026-03-11T12:00:00+08:00")));
        let mornings = [Hours::parse("09:00-12:00").unwrap()];
        let windows = Windows::new(&calendar, &mornings, zone);
        assert_eq!(windows.other_half(morning), at("2026-03-12T09:00:00+08:00"));
        assert!(!windows.is_open(at("2026-03-11T12:00:00+08:00")));
    }
}
