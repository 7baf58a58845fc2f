//! Owns the KPIs that an import ends with: one line for each number.

use std::fmt;

use serde::Serialize;

use crate::kernel::kpi::fold::Line;
use crate::kernel::kpi::measure::Kind;

/// One number of a KPI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KpiNumber {
    /// The KPI.
    pub kpi: String,
    /// The number within it.
    pub measure: String,
    /// What people read.
    pub title: String,
    /// How many count.
    pub n: u64,
    /// How many are not decided yet.
    pub pending: u64,
    /// How many of those that count are as they should be; of rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numerator: Option<u64>,
    /// The mean; of averages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<String>,
    /// The mean in milliseconds; of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_ms: Option<i64>,
    /// Half take no longer; of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<i64>,
    /// Nine of ten take no longer; of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90_ms: Option<i64>,
}

impl KpiNumber {
    /// The numbers of `line`.
    pub fn of(line: &Line) -> Self {
        let Line { measure, total, .. } = line;
        let is = |kind: Kind| measure.kind == kind;
        Self {
            kpi: measure.kpi.to_owned(),
            measure: measure.name.to_owned(),
            title: measure.title().en,
            n: total.denominator,
            pending: total.pending,
            numerator: measure.kind.is_rate().then_some(total.numerator),
            mean: total.text(measure.kind).filter(|_| is(Kind::Average)),
            mean_ms: total.mean_ms().filter(|_| measure.kind.is_time()),
            p50_ms: total.percentile(50).filter(|_| is(Kind::Times)),
            p90_ms: total.percentile(90).filter(|_| is(Kind::Times)),
        }
    }
}

impl fmt::Display for KpiNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kpi, title, n, pending, numerator, mean, mean_ms, p50_ms, p90_ms, .. } = self;
        write!(f, "{kpi} {title}: ")?;
        match (numerator, mean_ms) {
            (None, None) if let Some(mean) = mean => write!(f, "mean {mean} (of {n})")?,
            (Some(numerator), _) if *n > 0 => {
                let points = numerator * 10_000 / n;
                write!(f, "{}.{:02} % ({numerator} of {n})", points / 100, points % 100)?;
            }
            (None, Some(mean)) => {
                write!(f, "mean {}", minutes(*mean))?;
                if let (Some(half), Some(most)) = (p50_ms, p90_ms) {
                    write!(f, ", half within {}, nine of ten within {}", minutes(*half), minutes(*most))?;
                }
                write!(f, " (of {n})")?;
            }
            (Some(_) | None, _) => write!(f, "nothing counts")?,
        }
        if *pending > 0 {
            write!(f, ", {pending} pending")?;
        }
        Ok(())
    }
}

/// Milliseconds in hours and minutes, rounded down.
fn minutes(ms: i64) -> String {
    format!("{} h {:02} min", ms / 3_600_000, ms / 60_000 % 60)
}
