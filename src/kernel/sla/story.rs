//! Owns what the history tells of one run of a clock: each fact with the entry that recorded it.

use super::fact::{ClockFact, What};
use super::standing::Status;
use super::timing::{Pause, Target, Timing};
use crate::kernel::calendar::Calendar;
use crate::kernel::common::Verdict;
use crate::kernel::entry::{Entry, Pins};
use crate::kernel::instant::Instant;

/// The entry that did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Its event.
    pub event: String,
    /// Its number.
    pub seq: u64,
}

/// One stretch in which the clock stood still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Still {
    /// From when to when.
    pub pause: Pause,
    /// What stopped it.
    pub by: By,
    /// What let it run on.
    pub resumed: Option<By>,
}

/// One change of target or due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retarget {
    /// What recorded it.
    pub by: By,
    /// When.
    pub at: Instant,
    /// What it ran against before.
    pub from: Target,
    /// What it runs against since.
    pub to: Target,
    /// When it was due before.
    pub due_old: Instant,
    /// When it is due since.
    pub due: Instant,
    /// Why: `priority`, `policy`, `calendar`.
    pub cause: String,
}

/// One recorded point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What recorded it.
    pub by: By,
    /// When it was recorded.
    pub at: Instant,
    /// Percent of the target.
    pub level: u32,
}

/// How the run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// What ended it.
    pub by: By,
    /// When.
    pub at: Instant,
    /// Whether in time; none where it was cancelled without one.
    pub verdict: Option<Verdict>,
    /// Milliseconds used.
    pub elapsed_ms: i64,
}

/// One run, as the history tells it.
#[derive(Clone, Debug)]
pub struct Story {
    /// What started it.
    pub started: By,
    /// When it started.
    pub start: Instant,
    /// What it ran against at first.
    pub promised: Target,
    /// What it runs against.
    pub target: Target,
    /// When it is due, as last recorded.
    pub due: Instant,
    /// Whether that lies past what the calendar knew.
    pub provisional: bool,
    /// Name of its calendar.
    pub calendar: String,
    /// Whether a manager lets it stand still.
    pub suspended: bool,
    /// When it stood still, in order.
    pub stills: Vec<Still>,
    /// Its other targets, in order.
    pub retargets: Vec<Retarget>,
    /// Its recorded points, in order.
    pub recorded: Vec<Recorded>,
    /// How it ended.
    pub end: Option<End>,
    /// Verdicts that answered wrong ones, in order.
    pub corrections: Vec<(By, Verdict)>,
    /// What it was evaluated with: at its end, else in the last entry.
    pub pins: Pins,
}

impl Story {
    /// The run `cycle` of `clock`, from all entries of its instance in order; none where they do not start it.
    pub fn read<'e>(clock: &str, cycle: u32, entries: impl IntoIterator<Item = &'e Entry>) -> Option<Self> {
        let mut story: Option<Self> = None;
        let mut pins = None;
        for entry in entries {
            pins = entry.pins.as_ref().or(pins);
            let own = |fact: &&ClockFact| fact.clock == clock && fact.cycle == cycle;
            if let (Some(story), Some(pins)) = (story.as_mut().filter(|story| story.end.is_none()), pins) {
                story.pins.clone_from(pins);
            }
            for fact in entry.clocks.iter().filter(own) {
                match &mut story {
                    Some(story) => story.take(&fact.what, entry),
                    None => story = pins.and_then(|pins| Self::begun(&fact.what, entry, pins)),
                }
            }
        }
        story
    }

    fn begun(what: &What, entry: &Entry, pins: &Pins) -> Option<Self> {
        let What::Started { at, target, due, calendar, provisional } = what else { return None };
        Some(Self {
            started: by(entry),
            start: *at,
            promised: *target,
            target: *target,
            due: *due,
            provisional: *provisional,
            calendar: calendar.clone(),
            suspended: false,
            stills: Vec::new(),
            retargets: Vec::new(),
            recorded: Vec::new(),
            end: None,
            corrections: Vec::new(),
            pins: pins.clone(),
        })
    }

    fn take(&mut self, what: &What, entry: &Entry) {
        let by = by(entry);
        match what {
            What::Started { .. } => {}
            What::Suspended { .. } => self.suspended = true,
            What::Released => self.suspended = false,
            What::Paused { at, .. } => {
                self.stills.push(Still { pause: Pause { from: *at, to: None }, by, resumed: None });
            }
            What::Resumed { at, due, provisional } => {
                if let Some(still) = self.stills.last_mut() {
                    still.pause.to = Some(*at);
                    still.resumed = Some(by);
                }
                (self.due, self.provisional) = (*due, *provisional);
            }
            What::Retargeted { at, target, due_old, due, calendar, cause, provisional } => {
                if let Some(calendar) = calendar {
                    self.calendar.clone_from(calendar);
                }
                let (at, due_old, due) = (*at, *due_old, *due);
                let (from, to, cause) = (self.target, *target, cause.clone());
                self.retargets.push(Retarget { by, at, from, to, due_old, due, cause });
                (self.target, self.due, self.provisional) = (to, due, *provisional);
            }
            What::Reached { level, .. } => {
                self.recorded.push(Recorded { by, at: entry.recorded_at, level: *level });
            }
            What::Stopped { at, verdict, elapsed_ms } => {
                self.end = Some(End { by, at: *at, verdict: Some(*verdict), elapsed_ms: *elapsed_ms });
            }
            What::Cancelled { at, elapsed_ms } => {
                let breached = self.recorded.iter().any(|point| point.level == super::rule::BREACH);
                let corrected = self.corrections.last().map(|(_, to)| *to);
                let verdict =
                    breached.then_some(Verdict::Breached).filter(|_| corrected != Some(Verdict::Met));
                self.end = Some(End { by, at: *at, verdict, elapsed_ms: *elapsed_ms });
            }
            What::Corrected { to } => self.corrections.push((by, *to)),
        }
    }

    /// Its pauses alone.
    pub fn pauses(&self) -> Vec<Pause> {
        self.stills.iter().map(|still| still.pause).collect()
    }

    /// Its arithmetic on `calendar` with its `pauses`.
    pub fn timing<'a>(&self, calendar: &'a Calendar, pauses: &'a [Pause]) -> Timing<'a> {
        Timing { calendar, start: self.start, target: self.target, pauses }
    }

    /// Whether it stands still from before `at` on, so that `at` is not known to come.
    pub fn stands_before(&self, at: Instant) -> bool {
        self.stills.last().is_some_and(|still| still.pause.to.is_none() && still.pause.from < at)
    }

    /// What it does, or how it ended.
    pub fn status(&self) -> Status {
        let still = self.stills.last().is_some_and(|still| still.pause.to.is_none());
        match &self.end {
            Some(End { verdict: Some(verdict), .. }) => {
                Status::of(Some(self.corrections.last().map_or(*verdict, |(_, to)| *to)))
            }
            Some(End { verdict: None, .. }) => Status::Cancelled,
            None if still && self.suspended => Status::Suspended,
            None if still => Status::Paused,
            None => Status::Running,
        }
    }
}

fn by(entry: &Entry) -> By {
    By { event: entry.event.clone(), seq: entry.seq }
}
