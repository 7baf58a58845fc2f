//! Owns amounts of money: exact decimals as text, compared and added within one currency.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Digits after the point that an amount may have: every currency of ISO 4217 has at most four.
const DECIMALS: usize = 4;
/// Units in one whole: ten thousand.
const SCALE: u64 = 10_000;
/// Digits before the point: sums of as many amounts as one payload holds stay exact.
const WHOLE_DIGITS_MAX: usize = 12;
const AMOUNT_PATTERN: &str = "^(0|[1-9][0-9]{0,11})(\\.[0-9]{1,4})?$";

/// An amount without its currency; never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(u64);

/// An amount of a currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// How much, as a decimal.
    pub amount: Amount,
    /// Of what (ISO 4217).
    #[schemars(regex(pattern = "^[A-Z]{3}$"), extend("examples" = ["CNY"]))]
    pub currency: String,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads `12`, `12.5`, `12.50`.
    ///
    /// # Errors
    /// Any other text; the message says what is accepted.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "`{text}` is no amount; accepted are decimals like `12.50`, up to 12 digits before the point"
            )
        };
        let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let plain = digits(whole, WHOLE_DIGITS_MAX) && (whole == "0" || !whole.starts_with('0'));
        if !plain || part.is_some_and(|part| !digits(part, DECIMALS)) {
            return Err(refused());
        }
        let units = format!("{:0<DECIMALS$}", part.unwrap_or_default());
        match (whole.parse::<u64>(), units.parse::<u64>()) {
            (Ok(whole), Ok(units)) => Ok(Self(whole * SCALE + units)),
            (Ok(_) | Err(_), _) => Err(refused()),
        }
    }

    /// Both together; held at the largest that can be told.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Amount {
    /// The shortest text that [`Amount::parse`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, units) = (self.0 / SCALE, self.0 % SCALE);
        if units == 0 {
            return write!(f, "{whole}");
        }
        let units = format!("{units:0>DECIMALS$}");
        write!(f, "{whole}.{}", units.trim_end_matches('0'))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": AMOUNT_PATTERN, "examples": ["12.50"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_and_told_in_their_shortest_form() {
        for (text, told) in [
            ("0", "0"),
            ("12", "12"),
            ("12.50", "12.5"),
            ("0.0001", "0.0001"),
            ("999999999999.9", "999999999999.9"),
        ] {
            assert_eq!(Amount::parse(text).unwrap().to_string(), told);
        }
        let sum =
            ["0.1", "0.2"].iter().map(|text| Amount::parse(text).unwrap()).fold(Amount::ZERO, Amount::plus);
        assert_eq!(sum, Amount::parse("0.3").unwrap());
    }

    #[test]
    fn what_is_no_amount_is_refused_with_what_is() {
        for text in ["", "-1", "1.", ".5", "01", "1e3", "1.23456", "1 000", "1000000000000", "１"] {
            assert!(Amount::parse(text).unwrap_err().contains("accepted are decimals"), "{text}");
        }
    }
}
