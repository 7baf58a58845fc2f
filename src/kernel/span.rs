//! Owns durations as people write them: `2 business hours`, `1 working day`, `48 hours`.
//!
//! A span says nothing about a calendar; [`super::calendar::Calendar::due`] adds
//! one to an instant (R2, R6).
//!
//! # Why
//! Units are whole words and one span is one number: a definition is read by
//! people who promise these times to customers. `2 days` alone is refused,
//! because civil days and working days differ by a week at Spring Festival.

use std::fmt;
use std::num::NonZeroU32;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest span in days of any kind: ten years, more than any promise and short
/// enough that a walk over a calendar ends.
pub const SPAN_DAYS_MAX: u32 = 3_660;
/// Longest span in seconds: [`SPAN_DAYS_MAX`] days of 24 hours.
pub const SPAN_SECONDS_MAX: u32 = SPAN_DAYS_MAX * 86_400;

/// Name of the `format` that schemas give spans, so that a checker can say what [`Span::parse`] says.
pub const SPAN_FORMAT: &str = "span";
/// Spans as examples in schemas and messages.
pub const SPAN_EXAMPLES: [&str; 5] =
    ["2 business hours", "15 business minutes", "1 working day", "7 calendar days", "48 hours"];
const SPAN_PATTERN: &str = "^[1-9][0-9]{0,8} ((business )?(hours?|minutes?|seconds?)|working days?|calendar days?( or next working day)?)$";
const NEXT_WORKING_DAY: &str = " or next working day";

/// A duration of R2; never zero, never negative, at most [`SPAN_DAYS_MAX`] days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// So many seconds of open time.
    Business(NonZeroU32),
    /// Until the close of the n-th working day after the start date.
    WorkingDays(NonZeroU32),
    /// Until the end of the n-th civil day after the start date.
    CalendarDays(NonZeroU32, Roll),
    /// So many seconds, open or closed.
    Wall(NonZeroU32),
}

/// What happens to a due date that is not a working day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Roll {
    /// It stays.
    Stay,
    /// It moves on to the next working day.
    NextWorkingDay,
}

/// Seconds of each unit of time, largest first.
const UNITS: [(u32, &str); 3] = [(3_600, "hour"), (60, "minute"), (1, "second")];

impl Span {
    /// Reads a span: a whole number, one space, a unit in its singular or plural.
    ///
    /// # Errors
    /// Any other text, zero, or more than [`SPAN_DAYS_MAX`] days; the message says what is accepted.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = text.split_once(' ').ok_or_else(|| unknown(text))?;
        let count = count(text, number)?;
        let too_long =
            || format!("`{text}` is too long a duration; at most {SPAN_DAYS_MAX} days are accepted");
        let days = || NonZeroU32::new(count.get()).filter(|n| n.get() <= SPAN_DAYS_MAX).ok_or_else(too_long);
        let seconds = |unit: &str| {
            let singular = unit.strip_suffix('s').unwrap_or(unit);
            let (size, _) =
                UNITS.into_iter().find(|(_, name)| *name == singular).ok_or_else(|| unknown(text))?;
            NonZeroU32::new(size)
                .and_then(|size| count.checked_mul(size))
                .filter(|n| n.get() <= SPAN_SECONDS_MAX)
                .ok_or_else(too_long)
        };
        match unit {
            "working day" | "working days" => Ok(Self::WorkingDays(days()?)),
            "calendar day" | "calendar days" => Ok(Self::CalendarDays(days()?, Roll::Stay)),
            "day" | "days" => Err(format!(
                "`{text}` does not say which days; accepted are `{count} working {unit}`, `{count} calendar {unit}` or hours"
            )),
            _ => match (unit.strip_prefix("business "), unit.strip_suffix(NEXT_WORKING_DAY)) {
                (Some(unit), _) => Ok(Self::Business(seconds(unit)?)),
                (None, Some("calendar day" | "calendar days")) => {
                    Ok(Self::CalendarDays(days()?, Roll::NextWorkingDay))
                }
                (None, _) => Ok(Self::Wall(seconds(unit)?)),
            },
        }
    }
}

fn count(text: &str, number: &str) -> Result<NonZeroU32, String> {
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(unknown(text));
    }
    if digits.len() != number.len() || digits.bytes().all(|byte| byte == b'0') {
        return Err(format!("`{text}` is refused: a duration is longer than zero"));
    }
    if digits.starts_with('0') {
        return Err(unknown(text));
    }
    digits
        .parse()
        .map_err(|_| format!("`{text}` is too long a duration; at most {SPAN_DAYS_MAX} days are accepted"))
}

fn unknown(text: &str) -> String {
    let examples = SPAN_EXAMPLES.map(|example| format!("`{example}`")).join(", ");
    format!("`{text}` is not a duration; accepted are texts like {examples}")
}

/// `1 hour`, `2 hours`.
fn counted(f: &mut fmt::Formatter<'_>, count: u32, unit: &str) -> fmt::Result {
    write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn timed(f: &mut fmt::Formatter<'_>, seconds: NonZeroU32, prefix: &str) -> fmt::Result {
    let (size, unit) = UNITS
        .into_iter()
        .find(|(size, _)| seconds.get().is_multiple_of(*size))
        .expect("the last unit is one second, which divides everything");
    counted(f, seconds.get() / size, &format!("{prefix}{unit}"))
}

impl fmt::Display for Span {
    /// The text that [`Span::parse`] reads back, in the largest unit that fits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Business(seconds) => timed(f, seconds, "business "),
            Self::Wall(seconds) => timed(f, seconds, ""),
            Self::WorkingDays(days) => counted(f, days.get(), "working day"),
            Self::CalendarDays(days, Roll::Stay) => counted(f, days.get(), "calendar day"),
            Self::CalendarDays(days, Roll::NextWorkingDay) => {
                counted(f, days.get(), "calendar day")?;
                f.write_str(NEXT_WORKING_DAY)
            }
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "format": SPAN_FORMAT,
            "pattern": SPAN_PATTERN,
            "examples": SPAN_EXAMPLES,
            "description": "A duration: open time, working days, civil days or wall-clock time.",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).expect("tests name durations above zero")
    }

    #[test]
    fn every_kind_is_read() {
        for (text, span) in [
            ("2 business hours", Span::Business(seconds(7_200))),
            ("1 business hour", Span::Business(seconds(3_600))),
            ("15 business minutes", Span::Business(seconds(900))),
            ("15 seconds", Span::Wall(seconds(15))),
            ("30 minutes", Span::Wall(seconds(1_800))),
            ("48 hours", Span::Wall(seconds(172_800))),
            ("1 working day", Span::WorkingDays(seconds(1))),
            ("3 working days", Span::WorkingDays(seconds(3))),
            ("7 calendar days", Span::CalendarDays(seconds(7), Roll::Stay)),
            ("7 calendar days or next working day", Span::CalendarDays(seconds(7), Roll::NextWorkingDay)),
        ] {
            assert_eq!(Span::parse(text), Ok(span), "{text}");
            assert_eq!(span.to_string(), text);
        }
    }

    #[test]
    fn the_largest_whole_unit_is_printed() {
        for (text, printed) in [
            ("90 minutes", "90 minutes"),
            ("120 minutes", "2 hours"),
            ("60 business seconds", "1 business minute"),
            ("1 working days", "1 working day"),
        ] {
            assert_eq!(Span::parse(text).map(|span| span.to_string()), Ok(printed.to_owned()));
        }
    }

    #[test]
    fn zero_and_negative_are_refused() {
        for text in ["0 minutes", "-1 working days", "00 hours", "-0 seconds"] {
            let error = Span::parse(text).unwrap_err();
            assert_eq!(error, format!("`{text}` is refused: a duration is longer than zero"));
        }
    }

    #[test]
    fn days_of_no_kind_are_refused_with_both_kinds() {
        assert_eq!(
            Span::parse("2 days").unwrap_err(),
            "`2 days` does not say which days; accepted are `2 working days`, `2 calendar days` or hours"
        );
    }

    #[test]
    fn other_texts_are_refused_with_examples() {
        for text in [
            "",
            "2h",
            "two hours",
            "2  hours",
            "02 hours",
            "2 Hours",
            "2 business",
            "2 fortnights",
            "1.5 hours",
        ] {
            let error = Span::parse(text).unwrap_err();
            assert!(error.starts_with(&format!("`{text}` is not a duration; accepted")), "{error}");
            assert!(error.contains("`2 business hours`"), "{error}");
        }
    }

    #[test]
    fn more_than_ten_years_is_refused() {
        for text in ["3661 working days", "87841 hours", "99999999999 seconds", "4000000000 business hours"] {
            let error = Span::parse(text).unwrap_err();
            assert!(error.ends_with("at most 3660 days are accepted"), "{error}");
        }
        assert!(Span::parse("3660 calendar days").is_ok());
        assert!(Span::parse("87840 hours").is_ok());
    }

    #[test]
    fn json_form_is_the_text() {
        let span: Span = serde_json::from_str("\"2 business hours\"").unwrap();
        assert_eq!(serde_json::to_string(&span).unwrap(), "\"2 business hours\"");
        assert!(serde_json::from_str::<Span>("\"0 hours\"").is_err());
        assert!(serde_json::from_str::<Span>("7200").is_err());
    }

    proptest! {
        #[test]
        fn printed_spans_read_back(count in 1..=SPAN_DAYS_MAX, kind in 0..5) {
            let n = seconds(count);
            let span = match kind {
                0 => Span::Business(n),
                1 => Span::WorkingDays(n),
                2 => Span::CalendarDays(n, Roll::Stay),
                3 => Span::CalendarDays(n, Roll::NextWorkingDay),
                _ => Span::Wall(n),
            };
            prop_assert_eq!(Span::parse(&span.to_string()), Ok(span));
        }
    }
}
