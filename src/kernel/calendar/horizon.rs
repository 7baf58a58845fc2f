//! Owns how far a calendar knows: its horizon, provisional dues, and the warning before it ends (R4).
//!
//! # Why
//! Days off are published a year at a time. A due beyond them is right by what is known
//! and may move when the next year is loaded; whoever shows it says so. Wall time and
//! civil days without a roll never ask for days off, so they are never provisional.

use std::fmt;

use chrono::NaiveDate;

use super::Calendar;
use crate::kernel::instant::Instant;
use crate::kernel::span::{Roll, Span};

/// With fewer days than these until the horizon, the next year's days off are missed (R4).
pub const HORIZON_DAYS_MIN: i64 = 60;

/// When a promise falls due, and whether that may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The instant, as [`Calendar::due`] says it.
    pub at: Instant,
    /// Whether it lies past the horizon and depends on days off.
    pub provisional: bool,
}

/// A calendar whose horizon is near or past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HorizonNear {
    /// The calendar.
    pub calendar: String,
    /// The last date whose exceptions it knows.
    pub horizon: NaiveDate,
    /// Days until then; negative where it is past.
    pub days_left: i64,
}

impl Calendar {
    /// The last date whose exceptions are known; none for a calendar that needs no such date.
    pub fn horizon(&self) -> Option<NaiveDate> {
        self.rules.horizon
    }

    /// Whether `at` lies past the horizon, so that days off nobody knows yet may count.
    pub fn is_provisional(&self, at: Instant) -> bool {
        self.rules.horizon.is_some_and(|horizon| at.millis() > self.rules.end_of(horizon))
    }

    /// [`Calendar::due`], and whether it is provisional.
    pub fn promise(&self, start: Instant, span: Span) -> Due {
        let at = self.due(start, span);
        let provisional = match span {
            Span::Business(_) | Span::WorkingDays(_) | Span::CalendarDays(_, Roll::NextWorkingDay) => {
                self.is_provisional(at)
            }
            Span::CalendarDays(_, Roll::Stay) | Span::Wall(_) => false,
        };
        Due { at, provisional }
    }

    /// What to warn of at `now`: a horizon fewer than [`HORIZON_DAYS_MIN`] days away.
    pub fn horizon_near(&self, now: Instant) -> Option<HorizonNear> {
        let horizon = self.rules.horizon?;
        let days_left = (horizon - self.date_at(now)).num_days();
        let near = || HorizonNear { calendar: self.name().to_owned(), horizon, days_left };
        (days_left < HORIZON_DAYS_MIN).then(near)
    }
}

impl fmt::Display for HorizonNear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calendar, horizon, days_left } = self;
        write!(f, "calendar `{calendar}` knows days off until {horizon} only, ")?;
        match days_left {
            ..0 => write!(f, "which is past")?,
            0 => write!(f, "which is today")?,
            1 => write!(f, "which is tomorrow")?,
            2.. => write!(f, "{days_left} days from now")?,
        }
        write!(f, ": dues after it are provisional until a version with the next year is loaded")
    }
}
