//! Owns the numbers of a report: folds over records, in a window, by group; and the cases behind each.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::measure::{Frame, Kind, Measure, Seen};
use super::record::Record;
use crate::kernel::calendar::date_of;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;

/// The group of cases that have no value for what is grouped by.
pub const NO_VALUE: &str = "none";

/// What numbers are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// How the customer reached the organisation.
    Channel,
    /// How valued the customer is.
    Tier,
    /// How soon it should be done.
    Priority,
    /// What it is about.
    Category,
    /// Who answers for the case now.
    Owner,
    /// Who is accountable to the end.
    FirstOwner,
    /// The local month in which it counts.
    Month(Tz),
}

/// The names of the groupings, in order; months need a zone.
pub const GROUPINGS: [&str; 7] = ["channel", "tier", "priority", "category", "owner", "first_owner", "month"];

impl Grouping {
    /// The grouping called `name`; months are those of `zone`.
    ///
    /// # Errors
    /// A name that is none of [`GROUPINGS`]; the message lists them.
    pub fn parse(name: &str, zone: Tz) -> Result<Self, String> {
        Ok(match name {
            "channel" => Self::Channel,
            "tier" => Self::Tier,
            "priority" => Self::Priority,
            "category" => Self::Category,
            "owner" => Self::Owner,
            "first_owner" => Self::FirstOwner,
            "month" => Self::Month(zone),
            _ => return Err(format!("`{name}` is no grouping; accepted are {}", GROUPINGS.join(", "))),
        })
    }

    /// The group of `record` where it counts at `at`.
    pub fn group(&self, record: &Record, at: Instant) -> String {
        let traits = &record.traits;
        let name = match self {
            Self::Channel => &traits.channel,
            Self::Tier => &traits.tier,
            Self::Priority => &traits.priority,
            Self::Category => &traits.category,
            Self::Owner => &traits.owner,
            Self::FirstOwner => &traits.first_owner,
            Self::Month(zone) => return date_of(*zone, at).format("%Y-%m").to_string(),
        };
        if name.is_empty() { NO_VALUE.to_owned() } else { name.clone() }
    }
}

/// The numbers of one measure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    /// How many count in the numerator.
    pub numerator: u64,
    /// How many count: the n of every number.
    pub denominator: u64,
    /// How many are not decided yet; in neither of both.
    pub pending: u64,
    /// Milliseconds of all together; of times only.
    pub sum_ms: i64,
    /// The single milliseconds, in rising order once [`Figure::percentile`] can be asked.
    values: Vec<i64>,
}

impl Figure {
    fn take(&mut self, seen: Seen) {
        match seen {
            Seen::Yes => {
                self.numerator += 1;
                self.denominator += 1;
            }
            Seen::No => self.denominator += 1,
            Seen::Took { n, ms } => {
                self.denominator += u64::from(n);
                self.sum_ms += ms;
                if n == 1 {
                    self.values.push(ms);
                }
            }
            Seen::Pending => self.pending += 1,
        }
    }

    /// The rate in hundredths of a percent, rounded down; none of nothing.
    pub fn basis_points(&self) -> Option<u64> {
        (self.numerator * 10_000).checked_div(self.denominator)
    }

    /// The mean in milliseconds, rounded down; none of nothing.
    pub fn mean_ms(&self) -> Option<i64> {
        self.sum_ms.checked_div(i64::try_from(self.denominator).unwrap_or(i64::MAX))
    }

    /// The smallest value that `percent` of all values do not exceed; none of nothing.
    pub fn percentile(&self, percent: usize) -> Option<i64> {
        let rank = (self.values.len() * percent).div_ceil(100).max(1);
        self.values.get(rank - 1).copied()
    }

    /// Whether the rate reaches `percent`; none of nothing.
    pub fn reaches(&self, percent: u64) -> Option<bool> {
        (self.denominator > 0).then(|| self.numerator * 100 >= percent * self.denominator)
    }
}

/// A measure's numbers, of all and by group.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The measure.
    pub measure: Measure,
    /// Of all.
    pub total: Figure,
    /// By group; empty where nothing groups.
    pub groups: BTreeMap<String, Figure>,
}

/// Numbers in the making: takes records one by one.
#[derive(Clone, Debug)]
pub struct Fold {
    frame: Frame,
    grouping: Option<Grouping>,
    lines: Vec<Line>,
}

impl Fold {
    /// Nothing yet of `measures`.
    pub fn new(measures: &[Measure], frame: Frame, grouping: Option<Grouping>) -> Self {
        let line =
            |measure: &Measure| Line { measure: *measure, total: Figure::default(), groups: BTreeMap::new() };
        Self { frame, grouping, lines: measures.iter().map(line).collect() }
    }

    /// Takes up one record; the order of records does not matter.
    pub fn take(&mut self, record: &Record) {
        for Line { measure, total, groups } in &mut self.lines {
            measure.see(record, &self.frame, &mut |at, seen| {
                total.take(seen);
                if let Some(grouping) = &self.grouping {
                    groups.entry(grouping.group(record, at)).or_default().take(seen);
                }
            });
        }
    }

    /// The numbers.
    pub fn finish(mut self) -> Vec<Line> {
        for line in &mut self.lines {
            line.total.values.sort_unstable();
            line.groups.values_mut().for_each(|figure| figure.values.sort_unstable());
        }
        self.lines
    }
}

/// The numbers of `measures` over `records`.
pub fn fold<'r>(
    records: impl IntoIterator<Item = &'r Record>,
    measures: &[Measure],
    frame: Frame,
    grouping: Option<Grouping>,
) -> Vec<Line> {
    let mut fold = Fold::new(measures, frame, grouping);
    records.into_iter().for_each(|record| fold.take(record));
    fold.finish()
}

/// A part of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What counts.
    Denominator,
    /// What counts and is as it should be.
    Numerator,
    /// What counts and is not.
    Missed,
    /// What is not decided yet.
    Pending,
}

/// The names of the parts, in order.
pub const PARTS: [&str; 4] = ["denominator", "numerator", "missed", "pending"];

impl Part {
    /// The part called `name`.
    ///
    /// # Errors
    /// A name that is none of [`PARTS`]; the message lists them.
    pub fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "denominator" => Self::Denominator,
            "numerator" => Self::Numerator,
            "missed" => Self::Missed,
            "pending" => Self::Pending,
            _ => return Err(format!("`{name}` is no part; accepted are {}", PARTS.join(", "))),
        })
    }

    /// Whether a measure of `kind` has the part: times have neither numerator nor misses.
    pub const fn is_of(self, kind: Kind) -> bool {
        match (self, kind) {
            (Self::Denominator | Self::Pending, _) | (_, Kind::Rate) => true,
            (Self::Numerator | Self::Missed, Kind::Times | Kind::Mean) => false,
        }
    }

    const fn holds(self, seen: Seen) -> bool {
        match (self, seen) {
            (Self::Denominator, Seen::Yes | Seen::No | Seen::Took { .. })
            | (Self::Numerator, Seen::Yes)
            | (Self::Missed, Seen::No)
            | (Self::Pending, Seen::Pending) => true,
            (Self::Denominator, Seen::Pending)
            | (Self::Numerator, Seen::No | Seen::Took { .. } | Seen::Pending)
            | (Self::Missed, Seen::Yes | Seen::Took { .. } | Seen::Pending)
            | (Self::Pending, Seen::Yes | Seen::No | Seen::Took { .. }) => false,
        }
    }
}

/// Which cases are behind a number.
#[derive(Clone, Debug)]
pub struct Behind {
    /// The measure.
    pub measure: Measure,
    /// The window.
    pub frame: Frame,
    /// Its part.
    pub part: Part,
    /// Only of this group.
    pub group: Option<(Grouping, String)>,
}

impl Behind {
    /// When `record` counts for the number, once for each time that it does.
    pub fn moments(&self, record: &Record) -> Vec<Instant> {
        let mut found = Vec::new();
        self.measure.see(record, &self.frame, &mut |at, seen| {
            let grouped =
                self.group.as_ref().is_none_or(|(grouping, name)| grouping.group(record, at) == *name);
            if self.part.holds(seen) && grouped {
                found.push(at);
            }
        });
        found
    }

    /// The case of `record` with the first moment at which it counts, where it does.
    pub fn case(&self, record: &Record) -> Option<(Instant, InstanceId)> {
        self.moments(record).into_iter().min().map(|at| (at, record.id.clone()))
    }
}
