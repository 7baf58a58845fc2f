//! Owns the one representation of a moment: UTC milliseconds.
//!
//! # Why
//! A plain integer compares, stores and hashes the same everywhere; the text
//! form is RFC 3339 with exactly three digits, so canonical bytes never vary.
//! Every entry has a dozen of them: that form is written and read digit by digit,
//! in a fraction of the time that chrono takes for what may have any form.

use std::fmt;

use chrono::{DateTime, Datelike as _, NaiveDate, Timelike as _, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment in UTC, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(i64);

/// 9999-12-31T23:59:59.999Z, the last moment RFC 3339 can write.
const MILLIS_MAX: i64 = 253_402_300_799_999;
/// The text form.
const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";

impl Instant {
    /// The moment `millis` milliseconds after the epoch, held within years 1970 to 9999.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < 0 {
            Self(0)
        } else if millis > MILLIS_MAX {
            Self(MILLIS_MAX)
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The moment `millis` later (or earlier, where negative).
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this moment; negative where it lies before.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// Reads RFC 3339 text with any offset; digits below a millisecond are dropped.
    ///
    /// # Errors
    /// Text that is not RFC 3339, or outside years 1970 to 9999.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(moment) = Self::parse_form(text) {
            return Ok(moment);
        }
        let moment = DateTime::parse_from_rfc3339(text).map_err(|_| {
            format!("`{text}` is not a time like `2026-03-11T10:00:00Z` or `2026-03-11T18:00:00+08:00`")
        })?;
        let millis = moment.timestamp_millis();
        if (0..=MILLIS_MAX).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(format!("`{text}` is outside the years 1970 to 9999"))
        }
    }

    /// Reads the text form; none for any other text.
    fn parse_form(text: &str) -> Option<Self> {
        let text: &[u8; FORM.len()] = text.as_bytes().try_into().ok()?;
        let fits =
            |(form, byte): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { form == byte };
        if !FORM.iter().zip(text).all(fits) {
            return None;
        }
        let number = |digits: &[u8]| digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        let year = i32::try_from(number(&text[..4])).ok()?;
        let date = NaiveDate::from_ymd_opt(year, number(&text[5..7]), number(&text[8..10]))?;
        let (hour, minute) = (number(&text[11..13]), number(&text[14..16]));
        let (second, milli) = (number(&text[17..19]), number(&text[20..23]));
        let millis = date.and_hms_milli_opt(hour, minute, second, milli)?.and_utc().timestamp_millis();
        (millis >= 0).then_some(Self(millis))
    }

    /// Writes the text form and gives it to `write`.
    fn written<T>(self, write: impl FnOnce(&str) -> T) -> T {
        let (moment, mut text) = (self.utc(), *FORM);
        let mut put = |from: usize, digits: usize, mut number: u32| {
            for digit in text[from..from + digits].iter_mut().rev() {
                *digit += (number % 10) as u8;
                number /= 10;
            }
        };
        put(0, 4, moment.year().unsigned_abs());
        put(5, 2, moment.month());
        put(8, 2, moment.day());
        put(11, 2, moment.hour());
        put(14, 2, moment.minute());
        put(17, 2, moment.second());
        put(20, 3, moment.timestamp_subsec_millis());
        write(str::from_utf8(&text).expect("digits and what stands between them"))
    }

    /// The same moment as a chrono value.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).expect("from_millis keeps the value in chrono's range")
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(moment: DateTime<Utc>) -> Self {
        Self::from_millis(moment.timestamp_millis())
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written(|text| f.write_str(text))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

/// Reads the text without keeping it.
struct Text;

impl de::Visitor<'_> for Text {
    type Value = Instant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Instant, E> {
        Instant::parse(text).map_err(E::custom)
    }
}

impl schemars::JsonSchema for Instant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_form_is_written_and_read_as_chrono_does(millis in 0..=MILLIS_MAX) {
            let instant = Instant::from_millis(millis);
            let text = instant.utc().to_rfc3339_opts(SecondsFormat::Millis, true);
            prop_assert_eq!(&instant.to_string(), &text);
            prop_assert_eq!(&serde_json::to_string(&instant).unwrap(), &format!("\"{text}\""));
            prop_assert_eq!(Instant::parse_form(&text), Some(instant));
            prop_assert_eq!(serde_json::from_str::<Instant>(&format!("\"{text}\"")).unwrap(), instant);
        }

        /// Whatever has that length: chrono accepts it with the same answer, or it is refused by both.
        #[test]
        fn what_only_looks_like_it_is_read_as_chrono_does(
            text in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}[.:][0-9]{3}[Zz+]",
        ) {
            let by_chrono = DateTime::parse_from_rfc3339(&text).ok().map(|moment| moment.timestamp_millis());
            let by_chrono = by_chrono.filter(|millis| (0..=MILLIS_MAX).contains(millis));
            prop_assert_eq!(Instant::parse(&text).ok().map(Instant::millis), by_chrono);
        }
    }

    #[test]
    fn both_ends_leap_days_and_other_forms_are_read() {
        for (text, millis) in [
            ("1970-01-01T00:00:00.000Z", Some(0)),
            ("9999-12-31T23:59:59.999Z", Some(MILLIS_MAX)),
            ("2024-02-29T12:00:00.500Z", Some(1_709_208_000_500)),
            ("2023-02-29T12:00:00.500Z", None),
            ("1969-12-31T23:59:59.999Z", None),
            ("2026-03-11T24:00:00.000Z", None),
            ("2026-03-11T18:00:00+08:00", Some(1_773_223_200_000)),
            ("2016-12-31T23:59:60.000Z", Some(1_483_228_800_000)),
        ] {
            assert_eq!(Instant::parse(text).ok().map(Instant::millis), millis, "{text}");
        }
        assert!(serde_json::from_str::<Instant>("7").unwrap_err().to_string().contains("expected a string"));
    }
}
