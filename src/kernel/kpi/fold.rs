//! Owns the numbers of a report: folds over records, in a window, by group; and the cases behind each.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::measure::{CONTACTS, Frame, Kind, Measure, See, Seen};
use super::record::Record;
use super::training::{ONE, decimal};
use crate::kernel::calendar::date_of;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;

/// The group of cases that have no value for what is grouped by.
pub const NO_VALUE: &str = "none";

/// What numbers are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Which flow it is of.
    Flow,
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
    /// The department that it was last given to.
    Department,
    /// Who last spoke to the customer.
    Agent,
    /// The local month in which it counts.
    Month(Tz),
    /// The hour of the local day in which it counts: when customers are reached best (K15).
    Hour(Tz),
}

/// The names of the groupings, in order; months and hours need a zone.
pub const GROUPINGS: [&str; 11] = [
    "flow",
    "channel",
    "tier",
    "priority",
    "category",
    "owner",
    "first_owner",
    "department",
    "agent",
    "month",
    "hour",
];

impl Grouping {
    /// The grouping called `name`; months and hours are those of `zone`.
    ///
    /// # Errors
    /// A name that is none of [`GROUPINGS`]; the message lists them.
    pub fn parse(name: &str, zone: Tz) -> Result<Self, String> {
        Ok(match name {
            "flow" => Self::Flow,
            "channel" => Self::Channel,
            "tier" => Self::Tier,
            "priority" => Self::Priority,
            "category" => Self::Category,
            "owner" => Self::Owner,
            "first_owner" => Self::FirstOwner,
            "department" => Self::Department,
            "agent" => Self::Agent,
            "month" => Self::Month(zone),
            "hour" => Self::Hour(zone),
            _ => return Err(format!("`{name}` is no grouping; accepted are {}", GROUPINGS.join(", "))),
        })
    }

    /// The group of `record` where it counts for `measure` at `at`.
    pub fn group(&self, measure: &Measure, record: &Record, at: Instant) -> String {
        let traits = &record.traits;
        let name = match self {
            Self::Flow => measure.flow(record),
            Self::Channel => &traits.channel,
            Self::Tier => &traits.tier,
            Self::Priority => &traits.priority,
            Self::Category => &traits.category,
            Self::Owner => &traits.owner,
            Self::FirstOwner => &traits.first_owner,
            Self::Department => &traits.department,
            Self::Agent => &traits.agent,
            Self::Month(zone) => return date_of(*zone, at).format("%Y-%m").to_string(),
            Self::Hour(zone) => return at.utc().with_timezone(zone).format("%H").to_string(),
        };
        if name.is_empty() { NO_VALUE.to_owned() } else { name.to_owned() }
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
    /// Of all together: milliseconds of times, ten-thousandths of averages.
    pub sum: i64,
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
            Seen::No | Seen::Below => self.denominator += 1,
            Seen::Above => self.numerator += 1,
            Seen::Worth(value) => {
                self.denominator += 1;
                self.sum += value;
            }
            Seen::Took { n, ms } => {
                self.denominator += u64::from(n);
                self.sum += ms;
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
        self.sum.checked_div(i64::try_from(self.denominator).unwrap_or(i64::MAX))
    }

    /// The mean of an average in hundredths, rounded down; none of nothing.
    pub fn mean_hundredths(&self) -> Option<i64> {
        let n = i64::try_from(self.denominator).unwrap_or(i64::MAX).checked_mul(ONE / 100)?;
        self.sum.checked_div_euclid(n)
    }

    /// The smallest value that `percent` of all values do not exceed; none of nothing.
    pub fn percentile(&self, percent: usize) -> Option<i64> {
        let rank = (self.values.len() * percent).div_ceil(100).max(1);
        self.values.get(rank - 1).copied()
    }

    /// What is told of it as a measure of `kind`: percent or a mean with two decimals; none of nothing, and
    /// none of times.
    pub fn text(&self, kind: Kind) -> Option<String> {
        if kind.is_rate() {
            return self.basis_points().map(|points| format!("{}.{:02}", points / 100, points % 100));
        }
        let told = |hundredths: i64| {
            let (sign, size) = (if hundredths < 0 { "-" } else { "" }, hundredths.unsigned_abs());
            format!("{sign}{}.{:02}", size / 100, size % 100)
        };
        self.mean_hundredths().filter(|_| kind == Kind::Average).map(told)
    }

    /// Whether it reaches `target`, a decimal: percent of rates, the mean of averages; none of nothing.
    pub fn reaches(&self, kind: Kind, target: &str) -> Option<bool> {
        let target = i128::from(decimal(target)?);
        let n = i128::from(self.denominator);
        let is = if kind.is_rate() {
            i128::from(self.numerator) * 100 * i128::from(ONE)
        } else {
            i128::from(self.sum)
        };
        (n > 0 && !kind.is_time()).then(|| is >= target * n)
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
    /// The flows that were asked for; every flow where none is named.
    asked: Vec<String>,
    /// The flow of the last record, and which lines look at its records, and how.
    workflow: String,
    eyes: Vec<(usize, See)>,
}

impl Fold {
    /// Nothing yet of `measures`.
    pub fn new(measures: &[Measure], frame: Frame, grouping: Option<Grouping>) -> Self {
        let line =
            |measure: &Measure| Line { measure: *measure, total: Figure::default(), groups: BTreeMap::new() };
        let lines = measures.iter().map(line).collect();
        Self { frame, grouping, lines, asked: Vec::new(), workflow: String::new(), eyes: Vec::new() }
    }

    /// The same, of the flows `asked` alone; what they are set against still counts.
    #[must_use]
    pub fn among(mut self, asked: &[String]) -> Self {
        self.asked = asked.to_vec();
        self
    }

    /// Takes up one record; the order of records does not matter.
    pub fn take(&mut self, record: &Record) {
        if record.workflow != self.workflow {
            self.turn_to(&record.workflow);
        }
        for (at, eye) in &self.eyes {
            let Line { measure, total, groups } = &mut self.lines[*at];
            eye(record, &self.frame, &mut |at, seen| {
                total.take(seen);
                if let Some(grouping) = &self.grouping {
                    groups.entry(grouping.group(measure, record, at)).or_default().take(seen);
                }
            });
        }
    }

    fn turn_to(&mut self, workflow: &str) {
        workflow.clone_into(&mut self.workflow);
        let eyes = self.lines.iter().enumerate();
        let eyes = eyes.filter_map(|(at, line)| Some((at, eye(&line.measure, workflow, &self.asked)?)));
        self.eyes = eyes.collect();
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

/// How `measure` looks at records of `workflow`, where `asked` were asked for.
fn eye(measure: &Measure, workflow: &str, asked: &[String]) -> Option<See> {
    let is_asked = asked.is_empty() || asked.iter().any(|name| name == workflow);
    measure.eye(workflow).filter(|_| is_asked || !measure.about.holds(workflow))
}

/// The flows among `known` whose records `measures` of the flows `asked` need.
pub fn read_for<'n>(
    measures: &[Measure],
    asked: &[String],
    known: impl Iterator<Item = &'n str>,
) -> Vec<&'n str> {
    let over_contacts = measures.iter().any(Measure::is_over_contacts);
    let needed =
        |name: &&str| asked.iter().any(|asked| asked == name) || (over_contacts && CONTACTS.contains(name));
    known.filter(needed).collect()
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
            (Self::Denominator | Self::Pending, _)
            | (Self::Numerator | Self::Missed, Kind::Rate)
            | (Self::Numerator, Kind::Ratio) => true,
            (Self::Numerator | Self::Missed, Kind::Times | Kind::Mean | Kind::Average)
            | (Self::Missed, Kind::Ratio) => false,
        }
    }

    const fn holds(self, seen: Seen) -> bool {
        match (self, seen) {
            (Self::Denominator, Seen::Yes | Seen::No | Seen::Below | Seen::Took { .. } | Seen::Worth(_))
            | (Self::Numerator, Seen::Yes | Seen::Above)
            | (Self::Missed, Seen::No)
            | (Self::Pending, Seen::Pending) => true,
            (Self::Denominator, Seen::Above | Seen::Pending)
            | (
                Self::Numerator,
                Seen::No | Seen::Below | Seen::Took { .. } | Seen::Worth(_) | Seen::Pending,
            )
            | (
                Self::Missed,
                Seen::Yes | Seen::Above | Seen::Below | Seen::Took { .. } | Seen::Worth(_) | Seen::Pending,
            )
            | (
                Self::Pending,
                Seen::Yes | Seen::No | Seen::Above | Seen::Below | Seen::Took { .. } | Seen::Worth(_),
            ) => false,
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
    /// The flows that were asked for; every flow where none is named.
    pub asked: Vec<String>,
}

impl Behind {
    /// When `record` counts for the number, once for each time that it does.
    pub fn moments(&self, record: &Record) -> Vec<Instant> {
        let mut found = Vec::new();
        let Some(eye) = eye(&self.measure, &record.workflow, &self.asked) else { return found };
        eye(record, &self.frame, &mut |at, seen| {
            let of_group =
                |(grouping, name): &(Grouping, String)| grouping.group(&self.measure, record, at) == *name;
            let grouped = self.group.as_ref().is_none_or(of_group);
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
