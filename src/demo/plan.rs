//! Owns what happens in the demo: who does what when, made from a seed and nothing else.

use serde_json::{Map, Value};

use super::scripts::{KINDS, Story};
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
        let mut chance = Chance(seed);
        let mut plan = Self { steps: Vec::new(), cases: 0, ends: Vec::new(), unfit: 0 };
        let mut masters: Vec<Story> = Vec::new();
        for kind in KINDS {
            for _ in 0..kind.count {
                let case = plan.cases;
                let of = (!masters.is_empty()).then(|| &masters[chance.below(masters.len() as u64) as usize]);
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

/// Chance that can be repeated: splitmix64.
pub(super) struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// A number from `first` to `last`.
    pub(super) fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// One of `all`.
    pub(super) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap_or(0)]
    }

    /// True so many times in a hundred.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
