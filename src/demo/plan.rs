//! Owns what happens in the demo: who does what when, made from a seed and nothing else.

use serde_json::{Map, Value};

use super::scripts::{KINDS, Story};
use crate::chance::Chance;
use crate::kernel::actor::Actor;
use crate::kernel::calendar::Calendar;
use crate::kernel::instant::Instant;

/// The people of the demo, with their departments.
pub const PEOPLE: &[(&str, &str)] = &[
    ("li.na", "service"),
    ("wang.wei", "service"),
    ("zhang.min", "service"),
    ("chen.jie", "service"),
    ("liu.yang", "service"),
    ("emma.clark", "service"),
    ("zhao.lei", "service"),
    ("sun.hao", "technology"),
    ("zhou.ting", "finance"),
    ("wu.gang", "sales"),
    ("xu.jing", "legal"),
    ("he.ping", "service"),
];
/// How many of [`PEOPLE`] answer customers.
pub(super) const AGENTS: usize = 6;
/// How many customers there are.
pub(super) const CUSTOMERS: u64 = 90;
/// How often a story is told anew until it fits between now and its timers.
const TRIES_MAX: u64 = 400;
/// After so many tries it may begin a day earlier or later than its kind says: holidays move timers.
const TRIES_PER_DAY: u64 = 20;
/// A day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// One thing that somebody does.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// Which case, counted from 0.
    pub case: usize,
    /// The event.
    pub event: &'static str,
    /// Its payload.
    pub payload: Map<String, Value>,
    /// Who does it.
    pub actor: Actor,
    /// The case whose id is the payload's `of`.
    pub master: Option<usize>,
}

/// Everything that happens, in order.
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// How many cases they are of.
    pub cases: usize,
    /// Where each case should stand at the end.
    pub ends: Vec<&'static str>,
    /// Cases that could not be told so that they end there, in a calendar with long holidays.
    pub unfit: usize,
}

impl Plan {
    /// What happened up to `now`, business times by `calendar`.
    pub fn new(now: Instant, seed: u64, calendar: &Calendar) -> Self {
        let mut chance = Chance::of(seed);
        let mut plan = Self { steps: Vec::new(), cases: 0, ends: Vec::new(), unfit: 0 };
        let mut masters: Vec<Story> = Vec::new();
        for kind in KINDS {
            for _ in 0..kind.count {
                let case = plan.cases;
                let of = (!masters.is_empty()).then(|| chance.pick(&masters));
                let mut story = Story::tell(kind, case, (now, 0), calendar, &mut chance, of);
                for tried in 1..TRIES_MAX {
                    if story.fits(kind, now, calendar) {
                        break;
                    }
                    story = Story::tell(kind, case, (now, tried / TRIES_PER_DAY), calendar, &mut chance, of);
                }
                plan.unfit += usize::from(!story.fits(kind, now, calendar));
                plan.steps.extend(story.steps.iter().filter(|step| step.at <= now).cloned());
                plan.ends.push(kind.end);
                plan.cases += 1;
                if kind.is_master {
                    masters.push(story);
                }
            }
        }
        plan.steps.sort_by_key(|step| (step.at, step.case));
        plan
    }

    /// A moment before anything happens.
    pub fn begins(&self) -> Instant {
        self.steps.first().map_or(Instant::default(), |step| step.at.plus_millis(-60_000))
    }
}
