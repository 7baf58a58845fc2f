//! Owns how an answer of a calendar came about: stretch by stretch, as data and in words.
//!
//! [`Calendar::derive`] and [`Calendar::derive_elapsed`] give the pieces in order, without a
//! gap between them; [`Piece::words`] says one in both languages. The last total is the span
//! (or what has elapsed), the last piece ends where the answer lies.

mod words;

use std::iter::once;

use chrono::{Datelike, NaiveDate, Weekday};
use serde::Serialize;

use super::{Calendar, next};
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;

/// Most pieces of one derivation: a month of two openings a day, or five months of days.
/// What lies between the first ones and the last day is one piece of the kind `between`.
pub const PIECES_MAX: usize = 160;
/// Pieces at the end of a longer derivation: an opening for every half hour of the last day,
/// and the closed time around each.
const LAST_PIECES_MAX: usize = 60;

/// One stretch of time, and what it counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// Its first instant.
    pub from: Instant,
    /// The first instant after it.
    pub to: Instant,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
    /// Milliseconds that it counted: all of it or none, between pieces left out the open ones.
    pub counted_ms: i64,
    /// Milliseconds counted from the start to its end.
    pub total_ms: i64,
    /// Days that it counted, where a span counts days.
    pub counted_days: u32,
    /// Days counted from the start to its end.
    pub total_days: u32,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Open: it counts.
    Open {
        /// By what hours.
        hours: By,
    },
    /// Closed: it does not count.
    Closed {
        /// Why.
        reason: Reason,
    },
    /// Wall time: it counts, open or closed.
    Wall,
    /// What is left of the start date, which spans in days do not count (R2).
    StartDay,
    /// A working day: it counts one day.
    WorkingDay {
        /// By what hours.
        hours: By,
    },
    /// Civil days: each counts, working day or not.
    CivilDays {
        /// How many.
        days: u32,
    },
    /// The working day to which a due on a closed day moves on: it does not count.
    Roll {
        /// By what hours.
        hours: By,
    },
    /// Pieces left out because there are too many ([`PIECES_MAX`]).
    Between,
}

/// What hours a date is open by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Those of its weekday.
    Weekly,
    /// Own ones, on a weekday that is closed otherwise: a make-up day.
    MakeUp,
    /// Own ones, on a weekday that has others: a short or long day.
    OwnHours,
}

/// Why the calendar is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Before the first or after the last opening of a working day.
    Night,
    /// Between two openings of a day.
    Break,
    /// A Saturday or Sunday without hours.
    Weekend,
    /// Another weekday without hours.
    ClosedWeekday,
    /// A date that is off.
    DayOff,
    /// A date whose hours the clocks of the zone never showed.
    ClockChange,
}

impl Calendar {
    /// How [`Calendar::due`] comes to its answer: pieces from `start` to the due.
    pub fn derive(&self, start: Instant, span: Span) -> Vec<Piece> {
        let due = self.due(start, span);
        match span {
            Span::Business(_) => self.derive_elapsed(start, due),
            Span::Wall(_) => totals(once((start, due, Kind::Wall))),
            Span::WorkingDays(_) => self.days(start, due),
            Span::CalendarDays(days, _) => {
                let last = self.date_at(start) + chrono::Days::new(u64::from(days.get()));
                let start_day = self.start_day(start);
                let end = Instant::from_millis(self.rules.end_of(last));
                let rolled = self.dates(next(last), end).take_while(|piece| piece.0 < due);
                let rolled = rolled.map(|(from, to, kind)| match kind {
                    Kind::WorkingDay { hours } => (from, to, Kind::Roll { hours }),
                    kind => (from, to, kind),
                });
                let civil = [start_day, (start_day.1, end, Kind::CivilDays { days: days.get() })];
                totals(merged(civil.into_iter().chain(rolled)))
            }
        }
    }

    /// What `date` is as a whole: a working day with what it is open by, or closed with the reason.
    pub fn day(&self, date: NaiveDate) -> Kind {
        if self.is_working_day(date) {
            Kind::WorkingDay { hours: self.hours_by(date) }
        } else {
            Kind::Closed { reason: self.closed_all_day(date) }
        }
    }

    /// How [`Calendar::elapsed`] comes to its answer: pieces from `from` to `to`; none where
    /// `to` lies before `from`.
    pub fn derive_elapsed(&self, from: Instant, to: Instant) -> Vec<Piece> {
        if to <= from {
            return Vec::new();
        }
        let first: Vec<_> = self.stretches(from, to).take(PIECES_MAX + 1).collect();
        if first.len() <= PIECES_MAX {
            return totals(first.into_iter());
        }
        let first = &first[..PIECES_MAX - LAST_PIECES_MAX];
        let resumed = first.last().map_or(from, |piece| piece.1);
        let last_day = Instant::from_millis(self.rules.start_of(self.date_at(to.plus_millis(-1))));
        let mut pieces = totals(first.iter().copied());
        let counted = self.elapsed(resumed, last_day);
        let total = pieces.last().map_or(0, |piece| piece.total_ms) + counted;
        pieces.push(Piece {
            counted_ms: counted,
            total_ms: total,
            ..piece((resumed, last_day, Kind::Between))
        });
        let last = totals(self.stretches(last_day, to).take(LAST_PIECES_MAX - 1));
        pieces.extend(last.into_iter().map(|piece| Piece { total_ms: total + piece.total_ms, ..piece }));
        pieces
    }

    /// Pieces of the start date, working days and closed days, up to `due`.
    fn days(&self, start: Instant, due: Instant) -> Vec<Piece> {
        let start_day = self.start_day(start);
        let dates = self.dates(next(self.date_at(start)), start_day.1).take_while(|piece| piece.0 < due);
        let cut = dates.map(|(from, to, kind)| (from, to.min(due), kind));
        let mut pieces = totals(merged(once(start_day).chain(cut)));
        if pieces.len() > PIECES_MAX {
            let left_out = PIECES_MAX - 2..pieces.len() - 1;
            let (first, last) = (pieces[left_out.start], pieces[left_out.end - 1]);
            let between = Piece {
                counted_days: last.total_days + first.counted_days - first.total_days,
                total_days: last.total_days,
                ..piece((first.from, last.to, Kind::Between))
            };
            pieces.splice(left_out, once(between));
        }
        pieces
    }

    /// What is left of the start date.
    fn start_day(&self, start: Instant) -> (Instant, Instant, Kind) {
        let end = Instant::from_millis(self.rules.start_of(next(self.date_at(start))));
        (start, end.max(start), Kind::StartDay)
    }

    /// Each date from `first` on as a whole, from `start` on.
    fn dates(&self, first: NaiveDate, start: Instant) -> impl Iterator<Item = (Instant, Instant, Kind)> {
        first.iter_days().scan(start, |from, date| {
            let to = Instant::from_millis(self.rules.start_of(next(date))).max(*from);
            Some((std::mem::replace(from, to), to, self.day(date)))
        })
    }

    /// Open and closed stretches from `from` to `to`, in order.
    fn stretches(&self, from: Instant, to: Instant) -> impl Iterator<Item = (Instant, Instant, Kind)> {
        let end = to.millis();
        let cut = self.openings(from).map(move |opening| (opening.open.min(end), opening.close.min(end)));
        // Where the walk ends without an opening, the rest is closed.
        let cut = cut.take_while(move |(open, _)| *open < end).chain(once((end, end)));
        let pieces = cut.scan(from.millis(), move |done, (open, close)| {
            let closed = self.closed(std::mem::replace(done, close), open);
            let [from, to] = [open, close].map(Instant::from_millis);
            let hours = self.hours_by(self.date_at(from));
            Some(closed.chain(once((from, to, Kind::Open { hours }))))
        });
        merged(pieces.flatten())
    }

    /// The closed time from `from` to `to`, cut where its dates differ.
    fn closed(&self, from: i64, to: i64) -> impl Iterator<Item = (Instant, Instant, Kind)> + use<'_> {
        let first = self.date_at(Instant::from_millis(from));
        let dates = first.iter_days().scan(from, move |done, date| {
            let start = std::mem::replace(done, self.rules.start_of(next(date)).clamp(*done, to));
            (start < to).then_some((date, start, *done))
        });
        dates.map(|(date, from, to)| {
            let reason = if self.is_working_day(date) {
                self.closed_on(date, from)
            } else {
                self.closed_all_day(date)
            };
            (Instant::from_millis(from), Instant::from_millis(to), Kind::Closed { reason })
        })
    }

    /// Why a working day is closed at `at`.
    fn closed_on(&self, date: NaiveDate, at: i64) -> Reason {
        let (first, last) = (self.open_of(date).millis(), self.close_of(date).millis());
        if (first..last).contains(&at) { Reason::Break } else { Reason::Night }
    }

    fn closed_all_day(&self, date: NaiveDate) -> Reason {
        if !self.rules.hours(date).is_empty() {
            return Reason::ClockChange;
        }
        match (self.rules.dates.contains_key(&date), date.weekday()) {
            (true, _) => Reason::DayOff,
            (false, Weekday::Sat | Weekday::Sun) => Reason::Weekend,
            (false, Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Fri) => {
                Reason::ClosedWeekday
            }
        }
    }

    fn hours_by(&self, date: NaiveDate) -> By {
        let weekly = self.rules.weekly(date.weekday());
        match self.rules.dates.get(&date) {
            Some(_) if weekly.is_empty() => By::MakeUp,
            Some(own) if own.as_slice() != weekly => By::OwnHours,
            Some(_) | None => By::Weekly,
        }
    }
}

/// Closed pieces of one reason as one, and none that takes no time: a date that the clocks skipped.
fn merged(
    pieces: impl Iterator<Item = (Instant, Instant, Kind)>,
) -> impl Iterator<Item = (Instant, Instant, Kind)> {
    let mut pieces = pieces.filter(|piece| piece.0 < piece.1).peekable();
    std::iter::from_fn(move || {
        let (from, mut to, kind) = pieces.next()?;
        while matches!(kind, Kind::Closed { .. })
            && let Some((_, more, _)) = pieces.next_if(|other| other.2 == kind)
        {
            to = more;
        }
        Some((from, to, kind))
    })
}

fn piece((from, to, kind): (Instant, Instant, Kind)) -> Piece {
    let (counted_ms, counted_days) = match kind {
        Kind::Open { .. } | Kind::Wall => (to.since(from), 0),
        Kind::WorkingDay { .. } => (0, 1),
        Kind::CivilDays { days } => (0, days),
        Kind::Closed { .. } | Kind::StartDay | Kind::Roll { .. } | Kind::Between => (0, 0),
    };
    Piece { from, to, kind, counted_ms, total_ms: counted_ms, counted_days, total_days: counted_days }
}

/// The pieces with what they count, and its running total.
fn totals(pieces: impl Iterator<Item = (Instant, Instant, Kind)>) -> Vec<Piece> {
    let (mut millis, mut days) = (0, 0);
    let counted = pieces.map(piece).map(|piece| {
        millis += piece.counted_ms;
        days += piece.counted_days;
        Piece { total_ms: millis, total_days: days, ..piece }
    });
    counted.collect()
}
