//! Owns the written form of a calendar and the checks that make it a [`Calendar`].

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::hours::Hours;
use super::rules::Rules;
use super::zone::{DATE_FORMAT, DATES_FORMAT, ZONE_FORMAT, parse_date, parse_dates, parse_zone};
use super::{CLOSED_DAYS_MAX, Calendar};
use crate::kernel::fault::{self, Fault};
use crate::kernel::title::Title;

/// Dates are accepted within these years: instants begin in 1970, and checking a
/// calendar walks every day between its first and its last date.
pub const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;
/// Most items of `off` and dates of `open`: a dozen holidays a year of all [`YEARS`].
pub const DATES_MAX: usize = 3_000;
/// Most opening hours of one day: every half hour apart.
pub const HOURS_MAX: usize = 24;

/// A calendar as its file says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Calendar")]
pub struct CalendarFile {
    /// The name that definitions refer to.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"), extend("examples" = ["cn", "around_the_clock"]))]
    pub name: String,
    /// Goes up with every change.
    #[schemars(range(min = 1))]
    pub version: u32,
    /// What people read.
    pub title: Title,
    /// The IANA time zone of all hours and dates.
    #[schemars(extend("format" = ZONE_FORMAT, "examples" = ["Asia/Shanghai"]))]
    pub zone: String,
    /// The last date whose days off and own hours are known; dues after it are provisional. A
    /// calendar that never has any, such as one around the clock, leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_schema")]
    pub horizon: Option<String>,
    /// Opening hours of each weekday; a weekday left out is closed.
    pub weekly: Weekly,
    /// Dates, and ranges of dates with both ends, on which the calendar is closed whatever the weekday.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "dates_schema")]
    pub off: Vec<String>,
    /// Dates with hours of their own: make-up working days and short days. They go before `off`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "dated_hours_schema")]
    pub open: BTreeMap<String, Vec<String>>,
}

/// Opening hours of a week.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Weekly {
    /// Monday.
    #[schemars(schema_with = "hours_schema")]
    pub mon: Vec<String>,
    /// Tuesday.
    #[schemars(schema_with = "hours_schema")]
    pub tue: Vec<String>,
    /// Wednesday.
    #[schemars(schema_with = "hours_schema")]
    pub wed: Vec<String>,
    /// Thursday.
    #[schemars(schema_with = "hours_schema")]
    pub thu: Vec<String>,
    /// Friday.
    #[schemars(schema_with = "hours_schema")]
    pub fri: Vec<String>,
    /// Saturday.
    #[schemars(schema_with = "hours_schema")]
    pub sat: Vec<String>,
    /// Sunday.
    #[schemars(schema_with = "hours_schema")]
    pub sun: Vec<String>,
}

impl Weekly {
    fn days(&self) -> [(&'static str, &[String]); 7] {
        [
            ("mon", &self.mon),
            ("tue", &self.tue),
            ("wed", &self.wed),
            ("thu", &self.thu),
            ("fri", &self.fri),
            ("sat", &self.sat),
            ("sun", &self.sun),
        ]
    }
}

fn hours_schema(generator: &mut SchemaGenerator) -> Schema {
    let hours = Hours::json_schema(generator);
    schemars::json_schema!({ "type": "array", "maxItems": HOURS_MAX, "items": hours })
}

fn date_schema(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "type": "string", "format": DATE_FORMAT, "examples": ["2026-12-31"] })
}

fn dates_schema(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": DATES_MAX,
        "items": {
            "type": "string",
            "format": DATES_FORMAT,
            "examples": ["2026-10-01", "2026-10-01 to 2026-10-07"],
        },
    })
}

fn dated_hours_schema(generator: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": DATES_MAX,
        "propertyNames": { "type": "string", "format": DATE_FORMAT, "examples": ["2026-10-10"] },
        "additionalProperties": hours_schema(generator),
    })
}

/// What a check has found so far.
#[derive(Default)]
struct Found {
    faults: Vec<Fault>,
    /// Whether something that could not be read may be an opening: then none is called missing.
    unread: bool,
}

impl Found {
    fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
}

impl CalendarFile {
    /// Checks the file and makes the calendar that it says.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the file.
    pub fn check(&self) -> Result<Calendar, Vec<Fault>> {
        let mut found = Found::default();
        if self.version == 0 {
            found.add(Fault::value("/version", "`0` is not a version; versions begin with 1"));
        }
        let zone = parse_zone(&self.zone).map_err(|message| found.add(Fault::value("/zone", message)));
        let at_horizon = found.faults.len();
        let weekly = self
            .weekly
            .days()
            .map(|(day, texts)| hours_of_day(&fault::join("/weekly", day), texts, &mut found));
        let mut dates = BTreeMap::new();
        self.take_off(&mut dates, &mut found);
        self.take_open(&mut dates, &mut found);
        let horizon = match self.known_until(&dates) {
            Ok(horizon) => horizon,
            Err(message) => {
                found.faults.insert(at_horizon, Fault::value("/horizon", message));
                None
            }
        };
        if !found.unread {
            found.faults.extend(closed_too_long(&weekly, &dates));
        }
        match zone {
            Ok(zone) if found.faults.is_empty() => {
                let (name, version) = (self.name.clone(), self.version);
                Ok(Calendar::new(self.title.clone(), Rules { name, version, zone, horizon, weekly, dates }))
            }
            Ok(_) | Err(()) => Err(found.faults),
        }
    }

    /// The horizon, which no exception lies after.
    fn known_until(&self, dates: &BTreeMap<NaiveDate, Vec<Hours>>) -> Result<Option<NaiveDate>, String> {
        let Some(text) = &self.horizon else { return Ok(None) };
        let horizon = date_within_years(text)?;
        match dates.last_key_value() {
            Some((last, _)) if *last > horizon => Err(format!(
                "`{text}` lies before `{last}`, which differs from its weekday; accepted is `{last}` or a later date"
            )),
            Some(_) | None => Ok(Some(horizon)),
        }
    }

    fn take_off(&self, dates: &mut BTreeMap<NaiveDate, Vec<Hours>>, found: &mut Found) {
        for (i, text) in self.off.iter().enumerate() {
            let fault = match dates_within_years(text) {
                Err(message) => Some(message),
                Ok((first, last)) => {
                    let days = first.iter_days().take_while(|date| *date <= last);
                    // Every date is taken; one message is enough for a range that repeats another.
                    let again: Vec<_> =
                        days.filter(|date| dates.insert(*date, Vec::new()).is_some()).collect();
                    again.first().map(|date| format!("`{date}` is off twice; accepted is each date once"))
                }
            };
            if let Some(message) = fault {
                found.add(Fault::value(format!("/off/{i}"), message));
            }
        }
    }

    /// Puts the dates with own hours over the days off.
    fn take_open(&self, dates: &mut BTreeMap<NaiveDate, Vec<Hours>>, found: &mut Found) {
        for (text, hours) in &self.open {
            let path = fault::join("/open", text);
            match date_within_years(text) {
                Err(message) => {
                    found.unread = true;
                    found.add(Fault::key(path, message));
                }
                Ok(_) if hours.is_empty() => found.add(Fault::value(
                    path,
                    format!("`{text}` is open without hours; a date without hours belongs in `off`"),
                )),
                Ok(date) => {
                    dates.insert(date, hours_of_day(&path, hours, found));
                }
            }
        }
    }
}

fn within_years(date: NaiveDate) -> Result<NaiveDate, String> {
    if YEARS.contains(&date.year()) {
        Ok(date)
    } else {
        let (first, last) = (YEARS.start(), YEARS.end());
        Err(format!("`{date}` is too far away; accepted are dates from {first} to {last}"))
    }
}

fn date_within_years(text: &str) -> Result<NaiveDate, String> {
    within_years(parse_date(text)?)
}

fn dates_within_years(text: &str) -> Result<(NaiveDate, NaiveDate), String> {
    let (first, last) = parse_dates(text)?;
    Ok((within_years(first)?, within_years(last)?))
}

/// The hours of one day in order, without those that cannot be read.
fn hours_of_day(path: &str, texts: &[String], found: &mut Found) -> Vec<Hours> {
    let mut day: Vec<Hours> = Vec::with_capacity(texts.len());
    for (i, text) in texts.iter().enumerate() {
        let at = format!("{path}/{i}");
        match Hours::parse(text) {
            Err(message) => {
                found.unread = true;
                found.add(Fault::value(at, message));
            }
            Ok(hours) => match day.iter().find(|other| other.overlaps(hours)) {
                Some(other) => found.add(Fault::value(
                    at,
                    format!("`{hours}` overlaps `{other}`; accepted are hours that share no minute"),
                )),
                None => day.push(hours),
            },
        }
    }
    day.sort_unstable();
    day
}

/// Every stretch of [`CLOSED_DAYS_MAX`] days or more in which the calendar stays closed (R3).
///
/// Far from the dated exceptions the weekly hours decide alone, so only the days
/// around the exceptions are walked.
fn closed_too_long(weekly: &[Vec<Hours>; 7], dates: &BTreeMap<NaiveDate, Vec<Hours>>) -> Vec<Fault> {
    if weekly.iter().all(Vec::is_empty) {
        let message = "no weekday has opening hours; at least one does in every calendar";
        return vec![Fault::value("/weekly", message)];
    }
    let (Some((first, _)), Some((last, _))) = (dates.first_key_value(), dates.last_key_value()) else {
        return Vec::new();
    };
    let week = chrono::Days::new(7);
    // A week to either side has an open weekday, so no closed stretch is cut short.
    let days = (*first - week).iter_days().take_while(|date| *date <= *last + week);
    let mut closed = Vec::new();
    let mut length = 0;
    for date in days {
        let hours = dates.get(&date).unwrap_or(&weekly[date.weekday().num_days_from_monday() as usize]);
        if hours.is_empty() {
            length += 1;
            continue;
        }
        if length >= u64::from(CLOSED_DAYS_MAX) {
            let (from, to) = (date - chrono::Days::new(length), date - chrono::Days::new(1));
            closed.push(Fault::value(
                "/off",
                format!(
                    "closed from `{from}` to `{to}`; accepted is at least one opening in every {CLOSED_DAYS_MAX} days"
                ),
            ));
        }
        length = 0;
    }
    closed
}
