//! Owns civil dates as payloads and data hold them: a day of the calendar, in no time zone.

use chrono::{Datelike, Months, NaiveDate};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::calendar::{DATE_FORMAT, parse_date};

/// A civil date, written `2026-03-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub NaiveDate);

impl Date {
    /// The date `days` later, or earlier where negative; held where no calendar year follows.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        let moved = self.0.checked_add_signed(chrono::TimeDelta::days(days));
        Self(moved.unwrap_or(self.0))
    }

    /// The date `months` later: the same day of that month, or its last where it has no such day.
    #[must_use]
    pub fn plus_months(self, months: u32) -> Self {
        Self(self.0.checked_add_months(Months::new(months)).unwrap_or(self.0))
    }

    /// Its year.
    pub fn year(self) -> i32 {
        self.0.year()
    }

    /// The date of `day` in `month` of `year`; none that no calendar has.
    pub fn of(year: i32, month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(year, month, day).map(Self)
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_date(&text).map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for Date {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": DATE_FORMAT, "examples": ["2026-03-11"] })
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    fn date(text: &str) -> Date {
        serde_json::from_value(text.into()).unwrap()
    }

    #[test]
    fn dates_read_back_as_they_are_written() {
        assert_eq!(serde_json::to_value(date("2026-02-28")).unwrap(), "2026-02-28");
        for text in ["2026-02-30", "26-02-01", "2026-2-1", "tomorrow"] {
            assert!(serde_json::from_value::<Date>(text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn days_and_months_are_civil() {
        assert_eq!(date("2026-03-01").plus_days(-1), date("2026-02-28"));
        assert_eq!(date("2026-01-31").plus_months(1), date("2026-02-28"));
        assert_eq!(date("2026-03-11").plus_months(12), date("2027-03-11"));
        assert_eq!((date("2026-03-11").year(), Date::of(2026, 2, 30)), (2026, None));
    }
}
