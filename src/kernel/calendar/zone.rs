//! Owns the step between civil time and instants (R5), and the version of the zone data.
//!
//! In a gap the first instant after it counts. In a repeated hour an open takes
//! the earlier and a close the later instant, so that nobody loses open time.

use chrono::{MappedLocalTime, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::{GapInfo, Tz};

use super::hours::DAY_MINUTES;
use crate::kernel::instant::Instant;

/// Name of the `format` that schemas give time zones.
pub const ZONE_FORMAT: &str = "time-zone";
/// Name of the `format` that schemas give dates.
pub const DATE_FORMAT: &str = "date";

/// Which end of an opening a local time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    Open,
    Close,
}

/// The version of the time zone data in this binary, such as `2025b`; pinned in every entry.
pub const fn tzdb_version() -> &'static str {
    chrono_tz::IANA_TZDB_VERSION
}

/// Reads the IANA name of a zone.
///
/// # Errors
/// A name that the zone data does not have.
pub fn parse_zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| {
        format!(
            "`{name}` is not a time zone; accepted are IANA names like `Asia/Shanghai` or `America/New_York`"
        )
    })
}

/// Reads a date, `2026-10-01`.
///
/// # Errors
/// Any other text, and dates that no calendar year has.
pub fn parse_date(text: &str) -> Result<NaiveDate, String> {
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(i, byte)| match i {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    shaped
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| format!("`{text}` is not a date; accepted are dates like `2026-10-01`"))
}

/// The local date in `zone` at `at`.
pub fn date_of(zone: Tz, at: Instant) -> NaiveDate {
    at.utc().with_timezone(&zone).date_naive()
}

/// The first instant of the local `date` in `zone`.
pub fn day_start(zone: Tz, date: NaiveDate) -> Instant {
    Instant::from_millis(instant(zone, date, 0, Edge::Open))
}

/// The instant, in milliseconds, at which the clocks of `zone` show `minute` of `date`.
pub(super) fn instant(zone: Tz, date: NaiveDate, minute: u16, edge: Edge) -> i64 {
    let (date, minute) = if minute == DAY_MINUTES { (super::next(date), 0) } else { (date, minute) };
    let time = NaiveTime::from_num_seconds_from_midnight_opt(u32::from(minute) * 60, 0)
        .expect("a minute below 1440 is a time of day");
    let local = date.and_time(time);
    let moment = match (zone.from_local_datetime(&local), edge) {
        (MappedLocalTime::Single(moment), _)
        | (MappedLocalTime::Ambiguous(moment, _), Edge::Open)
        | (MappedLocalTime::Ambiguous(_, moment), Edge::Close) => Some(moment),
        (MappedLocalTime::None, _) => GapInfo::new(&local, &zone).and_then(|gap| gap.end),
    };
    // Every gap of the zone data has an end; UTC is the closest answer should one be missing.
    moment.map_or_else(|| local.and_utc().timestamp_millis(), |moment| moment.timestamp_millis())
}
