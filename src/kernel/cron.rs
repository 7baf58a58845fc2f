//! Owns cron expressions: when a schedule fires, in civil time of a zone. The only file that names the crate `cron`.
//!
//! [`Cron::parse`] reads crontab's five fields, six with leading seconds, or a name
//! like `@daily`, and writes them down as plain lists of values; the crate finds
//! the next civil time that is in all lists, and this file turns it into an instant.
//!
//! # Why
//! The crate alone takes six or seven fields, counts weekdays from 1 = Sunday, joins
//! the two day fields with "and", and gives wrong answers around clock changes. So it
//! is asked in UTC, as a stand-in for civil time, which has no clock changes. Our rule
//! for them: a civil time in a gap fires once, at the first instant after the gap; a
//! repeated civil time fires once, at its first occurrence. Nobody's nightly work is
//! left out in spring or done twice in autumn.
//!
//! Where both day fields are restricted, either is enough, as in crontab; a field with
//! a step (`*/10`) is restricted. Then there are two schedules of the crate, one for each.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::{MappedLocalTime, NaiveDateTime, SubsecRound, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::instant::Instant;

/// The last year with fire times: the crate's calendar ends there.
pub const YEAR_MAX: i32 = 2_100;
/// Longest expression: every minute listed in every field is shorter.
pub const CRON_LENGTH_MAX: usize = 500;

/// Name of the `format` that schemas give cron expressions, so that a checker can say what [`Cron::parse`] says.
pub const CRON_FORMAT: &str = "cron";
/// Expressions as examples in schemas and messages.
pub const CRON_EXAMPLES: [&str; 4] = ["30 8 * * Mon-Fri", "0 1 1 * *", "*/10 * * * * *", "@daily"];
const CRON_PATTERN: &str = "^(@[a-z]+|[^ ]+( +[^ ]+){4,5})$";

/// The names that stand for a whole expression.
const NAMED: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// When something fires, again and again.
#[derive(Clone, Debug)]
pub struct Cron {
    text: String,
    /// A civil time in any of them fires.
    schedules: Vec<cron::Schedule>,
}

/// One of the fields of an expression.
struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    /// Names of values, from `min` on.
    names: &'static [&'static str],
    /// Whether `?` says that the other day field decides.
    asks: bool,
    /// Whether the value after the last is the first again: Sunday is 0 and 7.
    wraps: bool,
}

const SECOND: Field = Field { name: "second", min: 0, max: 59, names: &[], asks: false, wraps: false };
const MINUTE: Field = Field { name: "minute", min: 0, max: 59, names: &[], asks: false, wraps: false };
const HOUR: Field = Field { name: "hour", min: 0, max: 23, names: &[], asks: false, wraps: false };
const DAY: Field = Field { name: "day of the month", min: 1, max: 31, names: &[], asks: true, wraps: false };
const MONTH: Field = Field {
    name: "month",
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    asks: false,
    wraps: false,
};
const WEEKDAY: Field = Field {
    name: "day of the week",
    min: 0,
    max: 6,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    asks: true,
    wraps: true,
};
/// Sunday is 0 and 7.
const SUNDAY: u32 = 7;

/// What a field accepts; absent for every value.
type Values = Option<BTreeSet<u32>>;

impl Cron {
    /// Reads an expression of five fields (minute, hour, day of the month, month, day of the week),
    /// six with the second first, or one of the names that crontab knows.
    ///
    /// # Errors
    /// Any other text, values out of range, and dates that no year has; the message says what is accepted.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > CRON_LENGTH_MAX {
            return Err(format!("a cron expression has at most {CRON_LENGTH_MAX} characters"));
        }
        let plain = NAMED.iter().find(|(name, _)| *name == text.trim()).map_or(text, |(_, plain)| plain);
        let fields: Vec<&str> = plain.split_ascii_whitespace().collect();
        let (second, rest) = match fields.as_slice() {
            [second, rest @ ..] if rest.len() == 5 => (*second, rest),
            rest if rest.len() == 5 => ("0", rest),
            _ => return Err(unknown(text)),
        };
        let read = |field: &Field, at: usize| field.read(rest[at]);
        let clock = [SECOND.read(second)?, read(&MINUTE, 0)?, read(&HOUR, 1)?];
        let (day, month, weekday) = (read(&DAY, 2)?, read(&MONTH, 3)?, read(&WEEKDAY, 4)?);
        // The crate's Sunday is 1.
        let weekday: Values = weekday.map(|days| days.iter().map(|day| day + 1).collect());
        let either = if day.is_some() && weekday.is_some() {
            vec![(&day, &None), (&None, &weekday)]
        } else {
            vec![(&day, &weekday)]
        };
        let schedules = either
            .into_iter()
            .map(|(day, weekday)| {
                let fields = clock.iter().chain([day, &month, weekday]).map(listed).collect::<Vec<_>>();
                cron::Schedule::from_str(&fields.join(" ")).map_err(|_| unknown(text))
            })
            .collect::<Result<Vec<_>, String>>()?;
        let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let parsed = Self { text, schedules };
        if parsed.civil_after(NaiveDateTime::default()).is_none() {
            return Err(format!("`{}` never fires: no year has such a date", parsed.text));
        }
        Ok(parsed)
    }

    /// The first fire time after `after`, never `after` itself; none beyond [`YEAR_MAX`].
    pub fn next_after(&self, after: Instant, zone: Tz) -> Option<Instant> {
        let mut civil = after.utc().with_timezone(&zone).naive_local().trunc_subsecs(0);
        loop {
            civil = self.civil_after(civil)?;
            let fires = instant(civil, zone);
            // Not so for the rest of a gap that has fired, and in the second run of a repeated hour.
            if fires > after {
                return Some(fires);
            }
        }
    }

    /// The fire times after `after`, in order.
    pub fn after(&self, after: Instant, zone: Tz) -> impl Iterator<Item = Instant> + '_ {
        std::iter::successors(self.next_after(after, zone), move |last| self.next_after(*last, zone))
    }

    /// The last fire time at or before `until`, given one that is: `first`.
    pub fn last_until(&self, first: Instant, until: Instant, zone: Tz) -> Instant {
        // The last one lies in [low, high]; the range is halved until nothing lies between.
        let (mut low, mut high) = (first, until);
        while low < high {
            let middle = low.plus_millis(high.since(low) / 2);
            match self.next_after(middle, zone).filter(|next| *next <= high) {
                Some(next) => low = next,
                None => high = middle,
            }
        }
        low
    }

    /// The first civil time after `civil`.
    fn civil_after(&self, civil: NaiveDateTime) -> Option<NaiveDateTime> {
        let after = civil.and_utc();
        let next = self.schedules.iter().filter_map(|schedule| schedule.after::<Utc>(&after).next()).min();
        next.map(|next| next.naive_utc())
    }
}

/// The instant of a civil time: the first occurrence of a repeated one, the end of the gap for one in a gap.
pub(super) fn instant(civil: NaiveDateTime, zone: Tz) -> Instant {
    let moment = match zone.from_local_datetime(&civil) {
        MappedLocalTime::Single(moment) | MappedLocalTime::Ambiguous(moment, _) => Some(moment),
        MappedLocalTime::None => GapInfo::new(&civil, &zone).and_then(|gap| gap.end),
    };
    // Every gap of the zone data has an end; UTC is the closest answer should one be missing.
    moment.map_or_else(|| civil.and_utc().into(), |moment| moment.with_timezone(&Utc).into())
}

impl Field {
    /// Reads a field: `*`, or values, ranges and steps, with commas between.
    fn read(&self, text: &str) -> Result<Values, String> {
        if text == "*" || text == "*/1" || (text == "?" && self.asks) {
            return Ok(None);
        }
        let (mut values, mut single) = (BTreeSet::new(), BTreeSet::new());
        for item in text.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(self.step(text, step)?)),
                None => (item, None),
            };
            let (first, last) = self.range(text, range, step.is_some())?;
            if first == last && step.is_none() && !single.insert(first % self.modulus()) {
                return Err(format!(
                    "`{text}` names `{item}` twice as {}; accepted is each value once",
                    self.name
                ));
            }
            let step = usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX);
            values.extend((first..=last).step_by(step).map(|value| value % self.modulus()));
        }
        Ok(Some(values))
    }

    /// Above every value; what wraps is its own remainder by it.
    fn modulus(&self) -> u32 {
        self.max + 1
    }

    /// First and last value of `range`; a single value with a step goes on to the end.
    fn range(&self, text: &str, range: &str, stepped: bool) -> Result<(u32, u32), String> {
        if range == "*" && stepped && !text.contains(',') {
            return Ok((self.min, self.max));
        }
        let Some((first, last)) = range.split_once('-') else {
            let value = self.value(text, range)?;
            return Ok((value, if stepped { self.max.max(value) } else { value }));
        };
        let first = self.value(text, first)?;
        // `Fri-Sun` is a range that people write.
        let last = if self.wraps && last.eq_ignore_ascii_case("sun") && first > 0 {
            SUNDAY
        } else {
            self.value(text, last)?
        };
        if first > last {
            return Err(format!("`{text}` goes backwards as {}; accepted is `{last}-{first}`", self.name));
        }
        Ok((first, last))
    }

    fn value(&self, text: &str, value: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(value));
        let named = named.and_then(|at| u32::try_from(at).ok()).map(|at| at + self.min);
        let max = if self.wraps { self.max + 1 } else { self.max };
        let plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let number = named.or_else(|| value.parse().ok().filter(|_| plain));
        number.filter(|number| (self.min..=max).contains(number)).ok_or_else(|| self.unknown(text, max))
    }

    fn step(&self, text: &str, step: &str) -> Result<u32, String> {
        let plain = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
        let step = step.parse().ok().filter(|step| plain && (1..=self.max).contains(step));
        step.ok_or_else(|| {
            format!("the step of `{text}` is refused as {}; accepted is 1 to {}", self.name, self.max)
        })
    }

    fn unknown(&self, text: &str, max: u32) -> String {
        let (name, min) = (self.name, self.min);
        let names = match self.names {
            [first, .., last] => format!(", `{first}` to `{last}`"),
            _ => String::new(),
        };
        format!(
            "`{text}` is refused as {name}; accepted are {min} to {max}{names}, `*`, ranges like `{min}-{}`, steps like `*/2`, and lists of these",
            min + 4
        )
    }
}

/// A field as the crate reads it.
fn listed(values: &Values) -> String {
    match values {
        None => "*".to_owned(),
        Some(values) => values.iter().map(u32::to_string).collect::<Vec<_>>().join(","),
    }
}

fn unknown(text: &str) -> String {
    let names = NAMED.map(|(name, _)| format!("`{name}`")).join(", ");
    format!(
        "`{text}` is no cron expression; accepted are five fields (minute, hour, day of the month, month, day of the week) like `30 8 * * Mon-Fri`, six with the second first, or {names}"
    )
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl fmt::Display for Cron {
    /// The text that [`Cron::parse`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Cron {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cron {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl JsonSchema for Cron {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cron".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "format": CRON_FORMAT,
            "pattern": CRON_PATTERN,
            "maxLength": CRON_LENGTH_MAX,
            "examples": CRON_EXAMPLES,
            "description": "When it fires: crontab's five fields, six with the second first, or a name like `@daily`.",
        })
    }
}

#[cfg(test)]
mod tests;
