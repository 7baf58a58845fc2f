//! Owns the written form of a calendar and the checks that make it a [`Calendar`].

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::hours::{HOURS_EXAMPLES, HOURS_FORMAT, HOURS_PATTERN, Hours};
use super::zone::{DATE_FORMAT, ZONE_FORMAT, parse_date, parse_zone};
use super::{CLOSED_DAYS_MAX, Calendar};
use crate::kernel::fault::{self, Fault};
use crate::kernel::title::Title;

/// Dates are accepted within these years: instants begin in 1970, and checking a
/// calendar walks every day between its first and its last date.
pub const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;
/// Most dates of `off` and of `open`: a dozen holidays a year of all [`YEARS`].
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
    /// Opening hours of each weekday; a weekday left out is closed.
    pub weekly: Weekly,
    /// Dates on which the calendar is closed whatever the weekday.
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

fn hours_schema(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": HOURS_MAX,
        "items": {
            "type": "string",
            "format": HOURS_FORMAT,
            "pattern": HOURS_PATTERN,
            "examples": HOURS_EXAMPLES,
        },
    })
}

fn dates_schema(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": DATES_MAX,
        "items": { "type": "string", "format": DATE_FORMAT, "examples": ["2026-10-01"] },
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

impl CalendarFile {
    /// Checks the file and makes the calendar that it says.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the file.
    pub fn check(&self) -> Result<Calendar, Vec<Fault>> {
        let mut faults = Vec::new();
        if self.version == 0 {
            faults.push(Fault::value("/version", "`0` is not a version; versions begin with 1"));
        }
        let zone = parse_zone(&self.zone).map_err(|message| faults.push(Fault::value("/zone", message)));
        let weekly = self
            .weekly
            .days()
            .map(|(day, texts)| hours_of_day(&fault::join("/weekly", day), texts, &mut faults));
        let mut dates = BTreeMap::new();
        self.take_off(&mut dates, &mut faults);
        self.take_open(&mut dates, &mut faults);
        if faults.is_empty() {
            faults.extend(never_open(&weekly, &dates));
        }
        match zone {
            Ok(zone) if faults.is_empty() => {
                Ok(Calendar { name: self.name.clone(), version: self.version, zone, weekly, dates })
            }
            Ok(_) | Err(()) => Err(faults),
        }
    }

    fn take_off(&self, dates: &mut BTreeMap<NaiveDate, Vec<Hours>>, faults: &mut Vec<Fault>) {
        for (i, text) in self.off.iter().enumerate() {
            let fault = match date_within_years(text) {
                Ok(date) if dates.insert(date, Vec::new()).is_none() => continue,
                Ok(date) => format!("`{date}` is off twice; accepted is each date once"),
                Err(message) => message,
            };
            faults.push(Fault::value(format!("/off/{i}"), fault));
        }
    }

    /// Puts the dates with own hours over the days off.
    fn take_open(&self, dates: &mut BTreeMap<NaiveDate, Vec<Hours>>, faults: &mut Vec<Fault>) {
        for (text, hours) in &self.open {
            let path = fault::join("/open", text);
            match date_within_years(text) {
                Err(message) => faults.push(Fault::key(path, message)),
                Ok(_) if hours.is_empty() => faults.push(Fault::value(
                    path,
                    format!("`{text}` is open without hours; a date without hours belongs in `off`"),
                )),
                Ok(date) => {
                    dates.insert(date, hours_of_day(&path, hours, faults));
                }
            }
        }
    }
}

fn date_within_years(text: &str) -> Result<NaiveDate, String> {
    let date = parse_date(text)?;
    if YEARS.contains(&date.year()) {
        Ok(date)
    } else {
        let (first, last) = (YEARS.start(), YEARS.end());
        Err(format!("`{text}` is too far away; accepted are dates from {first} to {last}"))
    }
}

/// The hours of one day in order, without those that cannot be read.
fn hours_of_day(path: &str, texts: &[String], faults: &mut Vec<Fault>) -> Vec<Hours> {
    let mut day: Vec<Hours> = Vec::with_capacity(texts.len());
    for (i, text) in texts.iter().enumerate() {
        let at = format!("{path}/{i}");
        match Hours::parse(text) {
            Err(message) => faults.push(Fault::value(at, message)),
            Ok(hours) => match day.iter().find(|other| other.overlaps(hours)) {
                Some(other) => faults.push(Fault::value(
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

/// Where the calendar stays closed for [`CLOSED_DAYS_MAX`] days or more (R3).
///
/// Far from the dated exceptions the weekly hours decide alone, so only the days
/// around the exceptions are walked.
fn never_open(weekly: &[Vec<Hours>; 7], dates: &BTreeMap<NaiveDate, Vec<Hours>>) -> Option<Fault> {
    if weekly.iter().all(Vec::is_empty) {
        return Some(Fault::value(
            "/weekly",
            "no weekday has opening hours; at least one does in every calendar",
        ));
    }
    let (first, _) = dates.first_key_value()?;
    let (last, _) = dates.last_key_value()?;
    let mut closed_days = 0;
    // A week to either side has an open weekday, so no closed stretch is cut short.
    for date in
        (*first - chrono::Days::new(7)).iter_days().take_while(|date| *date <= *last + chrono::Days::new(7))
    {
        let hours = dates.get(&date).unwrap_or(&weekly[date.weekday().num_days_from_monday() as usize]);
        closed_days = if hours.is_empty() { closed_days + 1 } else { 0 };
        if closed_days == CLOSED_DAYS_MAX {
            let from = date - chrono::Days::new(u64::from(CLOSED_DAYS_MAX) - 1);
            return Some(Fault::value(
                "/off",
                format!(
                    "closed from `{from}` to `{date}` and maybe longer; accepted is at least one opening in every {CLOSED_DAYS_MAX} days"
                ),
            ));
        }
    }
    None
}
