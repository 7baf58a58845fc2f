//! Owns when the rows of a log happened: how their times are read, and times that a rule makes up.
//!
//! # Why
//! Logs often say only the day, or only the order, of what a procedure needs a moment for. Such a time is
//! made up by a rule that stands in the mapping under a name of its own, so that a reader can tell it
//! from what was recorded; it never moves a row that has a time.

use std::collections::BTreeMap;

use chrono::{Days, MappedLocalTime, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::GapInfo;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mapping::{Loaded, row_alone};
use super::template::{Values, ahead};
use crate::kernel::calendar::ZONE_FORMAT;
use crate::kernel::fault::Fault;
use crate::kernel::instant::Instant;

/// When on their day rows happened that say only the day, unless the mapping says another.
pub const MIDNIGHT: &str = "00:00";
/// The format of times that are days after an origin.
const DAYS: &str = "days";

/// When a row happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeColumn {
    /// The column.
    #[schemars(length(min = 1))]
    pub column: String,
    /// What is read in place of the column's text: a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub text: Option<String>,
    /// `iso` (with an offset or without, or a date alone), a format of strftime such as `%d-%m-%Y %H:%M`,
    /// or `days`: a whole number of days after the `origin`.
    #[schemars(length(min = 1))]
    pub format: String,
    /// The date that `days` are counted from, as 2013-10-05: a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub origin: Option<String>,
    /// When on their day rows happened that say only the day: `09:30`; midnight where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub day_at: Option<String>,
    /// The zone of times without an offset. What a clock change skips is the first moment after it,
    /// what it repeats is the first of both.
    #[schemars(extend("format" = ZONE_FORMAT))]
    pub zone: String,
    /// Further columns with times: a row is replayed once more at each of them that it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub also: Vec<String>,
    /// Times that no column has, made up by a rule: a row is replayed once more at each of them. One that
    /// would lie before the row's time before it is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub derived: Vec<Derived>,
    /// What becomes of a row with a time before an earlier one of its case.
    #[serde(default)]
    pub backwards: Backwards,
}

/// A time that is made up by a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// What it is called in `at` and `{@moment:…}`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Rows that have it: columns with one of these values.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
    /// The column with a time, or the derived time above, that it is counted from; empty there, absent here.
    #[schemars(length(min = 1))]
    pub from: String,
    /// How long after that: `16d`, `-7d`, `90m`; a template, absent where it is filled with nothing.
    #[schemars(length(min = 1))]
    pub shift: String,
}

/// What becomes of a row with a time before an earlier one of its case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backwards {
    /// It is handled at the earlier row's time, and reported.
    #[default]
    Move,
    /// Nothing of it is replayed: which of both times is wrong is not for an import to say.
    Refuse,
}

impl TimeColumn {
    /// The columns with times, in the order in which a row's times should lie.
    pub fn columns(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.column).chain(&self.also)
    }

    /// What is wrong with it by itself.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        match (&self.origin, self.format == DAYS) {
            (None, true) => faults.push(Fault::value("/time/format", "`days` need an `origin`")),
            (Some(_), false) => {
                let message = format!("only the format `{DAYS}` has an origin");
                faults.push(Fault::value("/time/origin", message));
            }
            (Some(_), true) | (None, false) => {}
        }
        for (name, text) in [("origin", &self.origin), ("text", &self.text)] {
            row_alone(&format!("/time/{name}"), text.as_deref().unwrap_or_default(), &mut faults);
        }
        for (d, derived) in self.derived.iter().enumerate() {
            let path = format!("/time/derived/{d}");
            row_alone(&format!("{path}/shift"), &derived.shift, &mut faults);
            if self.derived[..d].iter().any(|above| above.name == derived.name) {
                let message = format!("`{}` is there twice", derived.name);
                faults.push(Fault::value(format!("{path}/name"), message));
            }
            if self.derived[d..].iter().any(|below| below.name == derived.from) {
                let message =
                    format!("`{}` is derived no earlier; accepted are columns and times above", derived.from);
                faults.push(Fault::value(format!("{path}/from"), message));
            }
        }
        faults
    }
}

impl Loaded {
    /// The moment of a row that a column or a rule calls `name`; none where the row has none.
    ///
    /// # Errors
    /// Text that is no such time.
    pub fn moment(&self, name: &str, values: &Values<'_>) -> Result<Option<Instant>, String> {
        let time = &self.mapping.time;
        if let Some(derived) = time.derived.iter().find(|derived| derived.name == name) {
            return self.derive(derived, values);
        }
        let text = match time.text.as_ref().filter(|_| name == time.column) {
            Some(template) => values.text(template),
            None => values.column(name).to_owned(),
        };
        if text.is_empty() { Ok(None) } else { self.read(&text, values).map(Some) }
    }

    fn derive(&self, derived: &Derived, values: &Values<'_>) -> Result<Option<Instant>, String> {
        if !values.has(&derived.when) {
            return Ok(None);
        }
        let shift = values.text(&derived.shift);
        let Some(from) = self.moment(&derived.from, values)?.filter(|_| !shift.is_empty()) else {
            return Ok(None);
        };
        let (sign, span) = shift.strip_prefix('-').map_or((1, shift.as_str()), |span| (-1, span));
        let millis = ahead(span).ok_or_else(|| {
            format!("`{shift}` of `{}` is no span; accepted are such as 2d, -7d, 4h and 30m", derived.name)
        })?;
        Ok(Some(from.plus_millis(sign * millis)))
    }

    /// The moment that `text` says.
    fn read(&self, text: &str, values: &Values<'_>) -> Result<Instant, String> {
        let format = self.mapping.time.format.as_str();
        let unreadable = || format!("`{text}` is not a time of the format `{format}`");
        let local = match format {
            DAYS => self.after_origin(text, values)?,
            "iso" => {
                if let Ok(instant) = Instant::parse(text) {
                    return Ok(instant);
                }
                let time = NaiveDateTime::parse_from_str(&text.replacen(' ', "T", 1), "%Y-%m-%dT%H:%M:%S%.f");
                time.ok().or_else(|| self.on_day(text, "%Y-%m-%d")).ok_or_else(unreadable)?
            }
            _ => {
                let time = NaiveDateTime::parse_from_str(text, format);
                time.ok().or_else(|| self.on_day(text, format)).ok_or_else(unreadable)?
            }
        };
        let moment = match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(moment) | MappedLocalTime::Ambiguous(moment, _) => Some(moment),
            MappedLocalTime::None => GapInfo::new(&local, &self.zone).and_then(|gap| gap.end),
        };
        let moment =
            moment.ok_or_else(|| format!("`{text}` does not exist in `{}`", self.mapping.time.zone))?;
        Ok(Instant::from_millis(moment.timestamp_millis()))
    }

    fn on_day(&self, text: &str, format: &str) -> Option<NaiveDateTime> {
        NaiveDate::parse_from_str(text, format).ok().map(|date| date.and_time(self.day_at))
    }

    fn after_origin(&self, text: &str, values: &Values<'_>) -> Result<NaiveDateTime, String> {
        let days: i32 = text.parse().map_err(|_| format!("`{text}` is not a whole number of days"))?;
        let origin = values.text(self.mapping.time.origin.as_deref().unwrap_or_default());
        let date = NaiveDate::parse_from_str(&origin, "%Y-%m-%d")
            .map_err(|_| format!("`{origin}` is no date that days can be counted from"))?;
        let span = Days::new(u64::from(days.unsigned_abs()));
        let date = if days < 0 { date.checked_sub_days(span) } else { date.checked_add_days(span) };
        date.map(|date| date.and_time(self.day_at)).ok_or_else(|| format!("{text} days are too many"))
    }
}
