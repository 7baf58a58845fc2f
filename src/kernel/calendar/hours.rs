//! Owns one stretch of opening hours within a civil day, `09:00-12:00`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Minutes of a civil day on the clock, and `24:00`, the end of it.
pub(super) const DAY_MINUTES: u16 = 1_440;

/// Name of the `format` that schemas give opening hours.
pub const HOURS_FORMAT: &str = "hours";
/// Opening hours as examples in schemas and messages.
pub const HOURS_EXAMPLES: [&str; 2] = ["09:00-12:00", "13:00-24:00"];
pub(super) const HOURS_PATTERN: &str =
    "^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$";

/// Hours of one day: from `open` on, up to but without `close`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hours {
    open: u16,
    close: u16,
}

impl Hours {
    /// Reads `HH:MM-HH:MM`; only the close may be `24:00`.
    ///
    /// # Errors
    /// Any other text, and a close that is not after its open.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!("`{text}` are not opening hours; accepted are texts like `09:00-12:00`, up to `24:00`")
        };
        let (open, close) = text.split_once('-').ok_or_else(unknown)?;
        let open = minute(open).filter(|minute| *minute < DAY_MINUTES).ok_or_else(unknown)?;
        let close = minute(close).ok_or_else(unknown)?;
        if close > open {
            return Ok(Self { open, close });
        }
        let (from, to) = text.split_at("09:00-".len());
        Err(if close == 0 {
            format!("`{text}` closes before it opens; midnight at the end of a day is `24:00`")
        } else if close == open {
            format!("`{text}` never opens; a close is after its open, and a whole day is `00:00-24:00`")
        } else {
            format!(
                "`{text}` closes before it opens; hours over midnight are `{from}24:00` and, on the next day, `00:00-{to}`"
            )
        })
    }

    /// Minutes from midnight to the open, below 1440.
    pub const fn open(self) -> u16 {
        self.open
    }

    /// Minutes from midnight to the close, at most 1440.
    pub const fn close(self) -> u16 {
        self.close
    }

    /// Whether the two share a minute.
    pub const fn overlaps(self, other: Self) -> bool {
        self.open < other.close && other.open < self.close
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| digits.parse::<u16>().ok())
            .flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY_MINUTES).then_some(total)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { open, close } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", open / 60, open % 60, close / 60, close % 60)
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl JsonSchema for Hours {
    fn schema_name() -> Cow<'static, str> {
        "Hours".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "format": HOURS_FORMAT,
            "pattern": HOURS_PATTERN,
            "examples": HOURS_EXAMPLES,
        })
    }
}
