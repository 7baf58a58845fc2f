//! Owns the step between civil time and instants (R5), and the version of the zone data.
//!
//! In a gap the first instant after it counts. In a repeated hour an open takes
//! the earlier and a close the later instant, so that nobody loses open time.

use chrono::{MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::{GapInfo, Tz};

use super::CLOSED_DAYS_MAX;
use super::hours::DAY_MINUTES;
use crate::kernel::instant::Instant;

/// Name of the `format` that schemas give time zones.
pub const ZONE_FORMAT: &str = "time-zone";
/// Name of the `format` that schemas give dates.
pub const DATE_FORMAT: &str = "date";

/// Name of the `format` that schemas give a date or a range of dates.
pub const DATES_FORMAT: &str = "dates";
/// Between the first and the last date of a range.
const TO: &str = " to ";

/// Which end of a stretch of time a local time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Its beginning: the first instant of a repeated time.
    Open,
    /// Its end: the second instant of a repeated time.
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

/// Reads a date or a range of dates with both ends, `2026-10-01 to 2026-10-07`.
///
/// # Errors
/// Any other text, a range that does not end after it begins, and one that alone would be
/// longer than a calendar may stay closed.
pub fn parse_dates(text: &str) -> Result<(NaiveDate, NaiveDate), String> {
    let Some((first, last)) = text.split_once(TO) else {
        return parse_date(text).map(|date| (date, date)).map_err(|_| {
            format!("`{text}` is not a date; accepted are dates like `2026-10-01` and ranges like `2026-10-01 to 2026-10-07`")
        });
    };
    let (first, last) = (parse_date(first)?, parse_date(last)?);
    if last <= first {
        return Err(format!("`{text}` ends before it goes on; accepted is the earlier date first"));
    }
    if (last - first).num_days() >= i64::from(CLOSED_DAYS_MAX) {
        return Err(format!("`{text}` is too long; accepted are fewer than {CLOSED_DAYS_MAX} days"));
    }
    Ok((first, last))
}

/// Reads a time as people give it: RFC 3339, or what the clocks of `zone` show, `2026-03-11T10:00`.
///
/// A time that the clocks skip is the first instant after the gap; of a repeated one `edge`
/// decides (R5).
///
/// # Errors
/// Any other text, and times outside the years 1970 to 9999.
pub fn parse_time(zone: Tz, text: &str, edge: Edge) -> Result<Instant, String> {
    let local = [(16, "%Y-%m-%dT%H:%M"), (19, "%Y-%m-%dT%H:%M:%S")]
        .into_iter()
        .filter(|(length, _)| text.len() == *length)
        .find_map(|(_, format)| NaiveDateTime::parse_from_str(text, format).ok());
    match local.map(|local| moment(zone, local, edge)) {
        Some(millis) if Instant::from_millis(millis).millis() == millis => Ok(Instant::from_millis(millis)),
        Some(_) => Err(format!("`{text}` is outside the years 1970 to 9999")),
        None => Instant::parse(text).map_err(|reason| {
            format!("{reason}; accepted is also `2026-03-11T10:00`, as the clocks of {zone} show it")
        }),
    }
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
    moment(zone, date.and_time(time), edge)
}

fn moment(zone: Tz, local: NaiveDateTime, edge: Edge) -> i64 {
    let moment = match (zone.from_local_datetime(&local), edge) {
        (MappedLocalTime::Single(moment), _)
        | (MappedLocalTime::Ambiguous(moment, _), Edge::Open)
        | (MappedLocalTime::Ambiguous(_, moment), Edge::Close) => Some(moment),
        (MappedLocalTime::None, _) => GapInfo::new(&local, &zone).and_then(|gap| gap.end),
    };
    // Every gap of the zone data has an end; UTC is the closest answer should one be missing.
    moment.map_or_else(|| local.and_utc().timestamp_millis(), |moment| moment.timestamp_millis())
}
