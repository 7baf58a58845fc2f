//! What a history is about: the probe with a schedule that fires every few seconds, or the flows that are
//! shipped, with their calendars, clocks and timers.

use std::sync::LazyLock;

use super::*;
use crate::app;
use crate::definition::file::{Content, Source};
use crate::kernel::machine::Sample;
use crate::kernel::schedule::{CatchUp, Schedule};
use crate::seeded::Dice;
use crate::workflows::Registry;

/// The shipped definitions and calendars, read once.
static SHIPPED: LazyLock<Vec<Source>> =
    LazyLock::new(|| app::sources(Registry::shipped().all(), None).expect("the shipped files are right"));
/// What people send in a consultation, by the flow's own examples.
static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let flow = Registry::shipped().all()[0].clone();
    let known: Vec<&str> = flow.events().iter().map(|spec| spec.name).collect();
    flow.samples().into_iter().filter(|sample| known.contains(&sample.event)).collect()
});
/// How often the probe's schedule fires.
pub const PERIOD_MS: i64 = 5_000;
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;

/// What a history is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Play {
    /// The probe; its schedule makes up for what it missed in this way.
    Probe(CatchUp),
    /// Consultations and reports.
    Shipped,
}

/// An event to be sent.
pub struct Said {
    pub event: &'static str,
    pub payload: Value,
    pub actor: Actor,
}

impl Play {
    /// The probe, with a way to catch up of the seed's.
    pub fn probe(seed: u64) -> Self {
        let ways = [CatchUp::All, CatchUp::One, CatchUp::Skip];
        Self::Probe(ways[Dice::of(seed).index(ways.len())])
    }

    pub fn parts(self, journal: Arc<dyn Journal>, index: Arc<dyn Index>, time: Arc<ManualTime>) -> Parts {
        let parts = parts(journal, index, time);
        match self {
            Self::Probe(catch_up) => {
                let mut sources = parts.sources;
                sources.iter_mut().for_each(|source| schedule(source, catch_up));
                Parts { sources, ..parts }
            }
            Self::Shipped => {
                let workflows = Registry::shipped().all().to_vec();
                Parts { workflows, sources: SHIPPED.clone(), ..parts }
            }
        }
    }

    /// The flow that clients start.
    pub const fn workflow(self) -> &'static str {
        match self {
            Self::Probe(_) => "probe",
            Self::Shipped => "consultation",
        }
    }

    /// How a client starts an instance.
    pub fn start(self, known: &[InstanceId], dice: &mut Dice) -> Said {
        match self {
            Self::Probe(_) => told("begin", known, dice),
            Self::Shipped => sampled(dice, |sample| sample.event == "submit"),
        }
    }

    /// What a client sends to an instance.
    pub fn event(self, known: &[InstanceId], dice: &mut Dice) -> Said {
        match self {
            Self::Probe(_) => told("act", known, dice),
            Self::Shipped => sampled(dice, |sample| sample.event != "submit"),
        }
    }

    /// How far the clock moves when time passes; now and then it is set back.
    pub fn passes(self, dice: &mut Dice) -> i64 {
        let short = match self {
            Self::Probe(_) => 2 * SECOND,
            Self::Shipped => [SECOND, 600 * SECOND, 4 * HOUR, 72 * HOUR][dice.index(4)],
        };
        let most = if dice.one_in(10) { 10 * short } else { short };
        let millis = i64::try_from(dice.below(most)).expect("some days");
        if dice.one_in(5) { -millis } else { millis }
    }

    /// After so long everything that had a due has come.
    pub const fn end_ms(self) -> i64 {
        match self {
            // The probe arms nothing later than 3 s, and each firing begins another.
            Self::Probe(_) => 200 * 1_000,
            Self::Shipped => 400 * 24 * 3_600 * 1_000,
        }
    }
}

/// Gives the probe's definition a schedule.
fn schedule(source: &mut Source, catch_up: CatchUp) {
    if let Content::Definition(definition) = &mut source.content {
        let schedule: Schedule = serde_json::from_value(json!({
            "name": "often", "title": { "en": "Often", "zh": "经常" }, "cron": "*/5 * * * * *",
            "catch_up": catch_up, "overlap": "allow", "start": { "payload": {} },
        }))
        .unwrap();
        definition.schedules = vec![schedule];
    }
}

/// An event of the probe that does this and that.
fn told(event: &'static str, known: &[InstanceId], dice: &mut Dice) -> Said {
    let mut payload = json!({});
    if dice.one_in(3) {
        let timer = ["A", "B"][dice.index(2)];
        payload["arm"] = json!({ timer: dice.below(3_000) });
    }
    if dice.one_in(4) && !known.is_empty() {
        payload["send"] = json!({ "to": known[dice.index(known.len())], "payload": {} });
    }
    if dice.one_in(6) {
        let key = ["a", "b"][dice.index(2)];
        payload["tell"] = json!({ "workflow": "probe", "key": key, "payload": {} });
    }
    if dice.one_in(8) {
        payload["spawn"] = json!(1 + dice.below(2));
    }
    if dice.one_in(10) {
        payload["refuse"] = json!(true);
    }
    if dice.one_in(12) {
        payload["close"] = json!(true);
    }
    Said { event, payload, actor: Actor::person("ann", Role::Agent) }
}

/// One of the flow's own examples.
fn sampled(dice: &mut Dice, wanted: impl Fn(&Sample) -> bool) -> Said {
    let wanted: Vec<&Sample> = SAMPLES.iter().filter(|sample| wanted(sample)).collect();
    let Sample { event, payload, actor, .. } = wanted[dice.index(wanted.len())].clone();
    Said { event, payload: payload.into(), actor }
}
