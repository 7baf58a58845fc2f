//! Owns how a running clock is shown: a meter, what is left of it, and when its calendar opens or closes.

use chrono_tz::Tz;

use super::lang::Lang;
use super::times::{Time, span};
use super::words;
use crate::engine::Measures;
use crate::kernel::calendar::Calendar;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::sla::standing::Status;
use crate::kernel::sla::state::Run;
use crate::kernel::sla::timing::Measure;

/// Percent from which a clock is shown as near its due: the first warning of the shipped ladders.
const NEAR_PERCENT: u32 = 80;

/// How urgent a clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heat {
    /// There is time.
    Calm,
    /// It is near its due.
    Near,
    /// It is past it.
    Over,
}

impl Heat {
    /// That of a run with so much time left and so many percent used.
    fn new(run: &Run, left_ms: i64, consumed: u32) -> Self {
        if left_ms < 0 || run.is_breached() {
            Self::Over
        } else if consumed >= NEAR_PERCENT {
            Self::Near
        } else {
            Self::Calm
        }
    }

    /// That of a run on `calendar`, as of `now`.
    pub fn of(run: &Run, calendar: &Calendar, now: Instant) -> Self {
        let timing = run.timing(calendar);
        Self::new(run, timing.total() - timing.elapsed(now), timing.consumed(now))
    }

    /// The class that colours it.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Calm => "good",
            Self::Near => "warn",
            Self::Over => "bad",
        }
    }
}

/// A clock that has not ended, on a page.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// How urgent it is.
    pub heat: Heat,
    /// Percent used, for the meter: 0 to 100.
    pub meter: u32,
    /// Percent used.
    pub consumed: u32,
    /// What it does, in words, where it stands still.
    pub still: Option<String>,
    /// When it is due; absent while it stands still.
    pub due: Option<Time>,
    /// Milliseconds that are left, negative past the due.
    pub left_ms: i64,
    /// The same in words.
    pub left: String,
    /// Whether its time runs at this moment.
    pub open: bool,
    /// Milliseconds until its calendar opens or closes; absent where time on the wall counts.
    pub flip_ms: Option<i64>,
}

impl Shown {
    /// The clock `name` of an instance with these measures, as of `now`.
    pub fn new(name: &str, run: &Run, measures: &Measures, now: Instant, zone: Tz, lang: Lang) -> Self {
        let rule = measures.definition.clocks.get(name);
        let calendar = measures.calendar(&run.calendar);
        let timing = run.timing(calendar);
        let standing = run.standing(rule, calendar, now);
        let left_ms = standing.total_ms - timing.elapsed(now);
        let heat = Heat::new(run, left_ms, standing.consumed);
        let business = timing.measure() == Measure::Business;
        let status = standing.status;
        let text = span(left_ms, lang);
        Self {
            name: name.to_owned(),
            title: rule.map_or_else(|| name.to_owned(), |rule| lang.of(&rule.title).to_owned()),
            heat,
            meter: standing.consumed.min(100),
            consumed: standing.consumed,
            still: (status != Status::Running).then(|| words::clock_status(status.name(), lang).to_owned()),
            due: standing.due.map(|due| Time::new(due, zone, lang)),
            left_ms,
            left: if left_ms < 0 {
                lang.t(&format!("{text} over"), &format!("超期 {text}")).to_owned()
            } else {
                lang.t(&format!("{text} left"), &format!("剩余 {text}")).to_owned()
            },
            open: !business || calendar.is_open(now),
            flip_ms: business.then(|| calendar.turns(now).since(now)),
        }
    }
}

/// The clocks of `instance` that have not ended, the one that is due first first; those that stand still last.
pub fn running(instance: &Instance, measures: &Measures, now: Instant, zone: Tz, lang: Lang) -> Vec<Shown> {
    let runs = instance.clocks.iter().filter_map(|(name, clock)| Some((name, clock.run.as_ref()?)));
    let mut runs: Vec<_> = runs.collect();
    runs.sort_by_key(|(_, run)| (run.paused_since().is_some(), run.due));
    runs.into_iter().map(|(name, run)| Shown::new(name, run, measures, now, zone, lang)).collect()
}
