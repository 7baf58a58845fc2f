//! Owns the arithmetic of a clock: when it is due, when it reaches a share of its target, how much is used.
//!
//! A pause moves the due: business, working days and instants by the business time
//! paused, wall and calendar days by the wall time paused, without rounding to a
//! close (R2). Nothing is counted down: every answer is computed from start,
//! target and pauses (R7).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::kernel::calendar::Calendar;
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;

/// What a clock runs against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// So long after its start.
    Span(Span),
    /// A given moment: what a customer was told.
    At(Instant),
    /// The first span after its start, and never more than the second: whichever is over first.
    Within(Span, Span),
}

/// Between the two spans of [`Target::Within`].
const WITHIN: &str = " within ";

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Span(span) => span.fmt(f),
            Self::At(at) => at.fmt(f),
            Self::Within(span, most) => write!(f, "{span}{WITHIN}{most}"),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = match text.split_once(WITHIN) {
            Some((span, most)) => {
                Span::parse(span).and_then(|span| Ok(Self::Within(span, Span::parse(most)?)))
            }
            None => Span::parse(&text).map(Self::Span).or_else(|_| Instant::parse(&text).map(Self::At)),
        };
        read.map_err(|_| de::Error::custom(format!("`{text}` is neither a duration nor a time")))
    }
}

/// How a clock's time is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Open time of the calendar.
    Business,
    /// Time on the wall.
    Wall,
}

/// A stretch in which a clock stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// From.
    pub from: Instant,
    /// To, without it; absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Instant>,
}

/// One run of a clock on its calendar.
#[derive(Clone, Copy, Debug)]
pub struct Timing<'a> {
    /// What business time is counted on.
    pub calendar: &'a Calendar,
    /// When it started.
    pub start: Instant,
    /// What it runs against.
    pub target: Target,
    /// When it stood still, in order.
    pub pauses: &'a [Pause],
}

impl Timing<'_> {
    /// The target that counts: of two spans the one that is over first.
    pub fn decisive(&self) -> Target {
        match self.target {
            Target::Span(_) | Target::At(_) => self.target,
            Target::Within(span, most) => {
                let due = |span| self.calendar.due(self.start, span);
                Target::Span(if due(most) < due(span) { most } else { span })
            }
        }
    }

    /// How its time is counted.
    pub fn measure(&self) -> Measure {
        match self.decisive() {
            Target::Within(..) => Measure::Business,
            Target::At(_) | Target::Span(Span::Business(_) | Span::WorkingDays(_)) => Measure::Business,
            Target::Span(Span::Wall(_) | Span::CalendarDays(..)) => Measure::Wall,
        }
    }

    /// When it would be due without a pause.
    pub fn base(&self) -> Instant {
        match self.target {
            Target::Span(span) => self.calendar.due(self.start, span),
            Target::At(at) => at,
            Target::Within(span, most) => {
                self.calendar.due(self.start, span).min(self.calendar.due(self.start, most))
            }
        }
    }

    /// Milliseconds of its measure that it may use; zero where a given moment lies in closed time or before the start.
    pub fn total(&self) -> i64 {
        match self.decisive() {
            Target::Span(Span::Business(seconds) | Span::Wall(seconds)) => i64::from(seconds.get()) * 1_000,
            Target::Span(Span::WorkingDays(_) | Span::CalendarDays(..))
            | Target::At(_)
            | Target::Within(..) => self.between(self.start, self.base()).max(0),
        }
    }

    /// Milliseconds used at `at`, pauses left out.
    pub fn elapsed(&self, at: Instant) -> i64 {
        let paused: i64 = self
            .pauses
            .iter()
            .filter(|pause| pause.from < at)
            .map(|pause| self.between(pause.from, pause.to.map_or(at, |to| to.min(at))))
            .sum();
        self.between(self.start, at) - paused
    }

    /// Milliseconds that are `percent` of its target.
    pub fn share(&self, percent: u32) -> i64 {
        share_of(self.total(), percent)
    }

    /// How much of its target is used at `at`, in percent: the highest that it has reached.
    pub fn consumed(&self, at: Instant) -> u32 {
        let (elapsed, total) = (self.elapsed(at).max(0), self.total());
        if total == 0 {
            return if at > self.due() { 100 } else { 0 };
        }
        let percent = u32::try_from(i128::from(elapsed) * 100 / i128::from(total)).unwrap_or(u32::MAX - 1);
        if share_of(total, percent + 1) <= elapsed { percent + 1 } else { percent }
    }

    /// When it is due: an event at this very moment is on time (R6).
    pub fn due(&self) -> Instant {
        self.shifted(self.base(), 0)
    }

    /// The earliest moment at which it has used `percent` of its target; its due for 100.
    pub fn point(&self, percent: u32) -> Instant {
        self.point_of(self.total(), percent)
    }

    /// The same, where its `total` in milliseconds is known.
    pub fn point_of(&self, total: i64, percent: u32) -> Instant {
        match percent {
            100 => self.due(),
            0..100 => self.shifted(self.start, share_of(total, percent)),
            _ => {
                let (due, over) = (self.due(), share_of(total, percent - 100));
                self.pauses
                    .iter()
                    .filter(|pause| pause.from >= due)
                    .fold((over, self.add(due, over)), |(over, at), pause| self.moved(due, over, at, pause))
                    .1
            }
        }
    }

    /// `millis` of the measure after `from`, moved on by every pause that began before.
    fn shifted(&self, from: Instant, millis: i64) -> Instant {
        let at = self.add(from, millis);
        self.pauses.iter().fold((millis, at), |(millis, at), pause| self.moved(from, millis, at, pause)).1
    }

    fn moved(&self, from: Instant, millis: i64, at: Instant, pause: &Pause) -> (i64, Instant) {
        match pause.to {
            Some(to) if pause.from < at => {
                let millis = millis + self.between(pause.from, to);
                (millis, self.add(from, millis))
            }
            Some(_) | None => (millis, at),
        }
    }

    fn between(&self, from: Instant, to: Instant) -> i64 {
        match self.measure() {
            Measure::Business => self.calendar.elapsed(from, to),
            Measure::Wall => to.since(from),
        }
    }

    fn add(&self, from: Instant, millis: i64) -> Instant {
        match self.measure() {
            Measure::Business => self.calendar.after(from, millis),
            Measure::Wall => from.plus_millis(millis),
        }
    }
}

/// `percent` of `total`, without a product that is too large.
const fn share_of(total: i64, percent: u32) -> i64 {
    total / 100 * percent as i64 + total % 100 * percent as i64 / 100
}
