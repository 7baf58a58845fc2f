//! Owns what is planned to happen in the demo: who does what when, made from a seed and nothing else.
//!
//! What comes of it that people must see to (callbacks, complaints out of them, classes for who failed) is
//! told when it happens, by `super::stage`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::scripts::callbacks::{self, Try};
use super::scripts::complaints::{self, COMPLAINT};
use super::scripts::consultations;
use super::scripts::training::Season;
use super::story::{HOUR_MS, Kind, Story, Teller, of_days};
use crate::chance::Chance;
use crate::kernel::actor::Actor;
use crate::kernel::calendar::Calendar;
use crate::kernel::instant::Instant;

/// How many customers there are.
pub(super) const CUSTOMERS: u64 = 90;
/// Complaints are of customers so far apart: no two of them are of one.
const CUSTOMERS_APART: u64 = 37;
/// How often a story is told anew until it fits between now and its timers.
const TRIES_MAX: u64 = 400;
/// After so many tries it may begin a day earlier or later than its kind says: holidays move timers.
const TRIES_PER_DAY: u64 = 20;
/// A day.
pub(super) const DAY_MS: i64 = 86_400_000;
/// Days before that on which they plan it.
const PERIODIC_LEAD_DAYS: u64 = 16;

/// One thing that somebody does.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// Which case, counted from 0.
    pub case: usize,
    /// The flow that it starts a case of.
    pub starts: Option<&'static str>,
    /// The event.
    pub event: &'static str,
    /// Its payload.
    pub payload: Map<String, Value>,
    /// Who does it.
    pub actor: Actor,
    /// The case whose id is the payload's `of`.
    pub master: Option<usize>,
    /// Cases with the beginning of the state in which they must be by then; else nothing is done.
    pub only_if: Vec<(usize, &'static str)>,
}

/// A case that another starts by itself.
#[derive(Clone, Debug)]
pub struct Birth {
    /// The other.
    pub parent: usize,
    /// The flow that it is of.
    pub workflow: &'static str,
    /// Tells it from others: the number of an item, a trainee.
    pub about: String,
    /// Which case it is.
    pub case: usize,
}

/// Everything that is planned, in order.
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// The cases that they start, which start others.
    pub births: Vec<Birth>,
    /// How many cases there are.
    pub cases: usize,
    /// Where each case of a consultation or a complaint should stand at the end, were it left alone.
    pub ends: Vec<(&'static str, &'static str)>,
    /// Cases that could not be told so that they end there, in a calendar with long holidays.
    pub unfit: usize,
    /// How the callbacks go that agents plan.
    pub(super) calls: BTreeMap<usize, &'static [Try]>,
}

impl Plan {
    /// What happened up to `now`, business times by `calendar`.
    pub fn new(now: Instant, seed: u64, calendar: &Calendar) -> Self {
        let whole = Chance::of(seed);
        let mut chance = whole.part(1);
        let mut plan = Self {
            steps: Vec::new(),
            births: Vec::new(),
            cases: 0,
            ends: Vec::new(),
            unfit: 0,
            calls: BTreeMap::new(),
        };
        let mut told: BTreeMap<(&str, &str), Vec<Story>> = BTreeMap::new();
        for kind in consultations::KINDS.iter().chain(complaints::KINDS) {
            for _ in 0..kind.count {
                let before = kind.after.and_then(|end| told.get(&(kind.flow, end)));
                let before = before.map(|stories| chance.pick(stories).clone());
                let story = plan.fitting(kind, now, calendar, (&mut chance, before.as_ref()));
                plan.take(&story, now);
                plan.ends.push((kind.flow, kind.end));
                told.entry((kind.flow, kind.end)).or_default().push(story);
            }
        }
        plan.ask_how_things_are(now, calendar, &mut whole.part(2));
        let season = Season::tell(calendar, now, whole.part(3), plan.cases);
        plan.cases = season.cases;
        plan.steps.extend(season.steps);
        plan.births = season.births;
        plan.steps.sort_by_key(|step| (step.at, step.case));
        plan
    }

    /// Tells a story of `kind` again and again, until it fits.
    fn fitting(
        &mut self,
        kind: &Kind,
        now: Instant,
        calendar: &Calendar,
        (chance, before): (&mut Chance, Option<&Story>),
    ) -> Story {
        let mut tell = |shift| {
            let teller = Teller { calendar, chance: &mut *chance, before };
            Story::tell(kind, self.cases, (now, shift), teller)
        };
        let mut story = tell(0);
        for tried in 1..TRIES_MAX {
            if story.fits(kind, now, calendar) {
                break;
            }
            story = tell(tried / TRIES_PER_DAY);
        }
        self.unfit += usize::from(!story.fits(kind, now, calendar));
        story
    }

    /// Takes up the next case.
    fn take(&mut self, story: &Story, now: Instant) {
        self.steps.extend(story.steps.iter().filter(|step| step.at <= now).cloned());
        self.cases += 1;
    }

    fn ask_how_things_are(&mut self, now: Instant, calendar: &Calendar, chance: &mut Chance) {
        for (number, (days, tries)) in (0..).zip(callbacks::PERIODIC) {
            let from = calendar.next_open(now.plus_millis(of_days(1) * *days)).plus_millis(HOUR_MS);
            let at = calendar.next_open(from.plus_millis(-of_days(PERIODIC_LEAD_DAYS)));
            let mut story = Story::begin(self.cases, at, chance);
            // Customers who ask nothing: whoever was called these days would not be called again.
            story.customer = format!("c-{}", 1_000 + CUSTOMERS + number);
            callbacks::periodic(&mut story, &mut Teller { calendar, chance, before: None }, from);
            self.calls.insert(self.cases, tries);
            self.take(&story, now);
        }
    }

    /// A moment before anything happens.
    pub fn begins(&self) -> Instant {
        self.steps.first().map_or(Instant::default(), |step| step.at.plus_millis(-60_000))
    }
}

/// Whose the case of `flow` is: complaints are each of another customer, or one would seem to repeat another.
pub(super) fn customer_of(flow: &str, case: usize, chance: &mut Chance) -> String {
    let number = chance.below(CUSTOMERS);
    let number = if flow == COMPLAINT { case as u64 * CUSTOMERS_APART % CUSTOMERS } else { number };
    format!("c-{}", 1_000 + number)
}
