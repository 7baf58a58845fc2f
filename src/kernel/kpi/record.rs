//! Owns the compact KPI record of an instance: all that folds need of it.

use std::borrow::Cow;

use serde_json::Value;

use super::facts::{self, End, Facts, Try, Wait, Waits};
use super::scores::Scores;
use super::training::Training;
use super::{ACK, DUE, FILING, FRT, PROMISE, RES, TOTAL, codec};
use crate::kernel::common::{Stage, Verdict};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::sla::state::{Clock, Ended};
use crate::kernel::step::stage_of;

/// Within this time something is to be opened for a low score (K16): 48 hours, open or closed.
pub(super) const RECOVERY_MS: i64 = 48 * 3_600_000;
/// Endings that count nowhere (rules.md §1.3): what was no case, or is counted elsewhere.
const EXCLUDED: [&str; 2] = ["invalid", "duplicate"];

/// What KPIs see of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub id: InstanceId,
    /// The flow it is of.
    pub workflow: String,
    /// When it was opened.
    pub opened: Instant,
    /// What it can be grouped by.
    pub traits: Traits,
    /// The first response.
    pub frt: Option<Run>,
    /// Resolutions: one, and one more for each reopening.
    pub res: Vec<Run>,
    /// Whole times of a complaint: one, and one more for each reopening.
    pub totals: Vec<Run>,
    /// Times within which a callback was to be done: one, where anybody could call.
    pub dues: Vec<Run>,
    /// Attempts to call the customer.
    pub tries: Vec<Try>,
    /// In how many rounds it was looked into.
    pub rounds: u32,
    /// Times that the customer was told.
    pub promises: Vec<Run>,
    /// How long the customer waited for a person.
    pub waits: Vec<Wait>,
    /// Waits before those.
    pub older: Option<Waits>,
    /// The highest level it was raised to.
    pub level: String,
    /// Whether people raised it.
    pub raised: bool,
    /// Whether a breach raised it.
    pub raised_by_breach: bool,
    /// Whether it repeats another case.
    pub repeat: bool,
    /// Whether the customer said something of the result.
    pub heard: bool,
    /// When it was first reopened.
    pub reopened: Option<Instant>,
    /// Its first end.
    pub first: Option<End>,
    /// The end at which it stands, where it was reopened after the first.
    pub last: Option<End>,
    /// Whether the first owner stood by it; counted once it is closed.
    pub owned: bool,
    /// What customers score, what became of it, and transfers.
    pub scores: Scores,
    /// Times to put a class on file.
    pub filings: Vec<Run>,
    /// What is known of an instance of a training flow.
    pub training: Option<Box<Training>>,
}

/// What a record can be grouped by; empty where it has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// How the customer reached the organisation.
    pub channel: String,
    /// How valued the customer is.
    pub tier: String,
    /// How soon it should be done.
    pub priority: String,
    /// What it is about.
    pub category: String,
    /// Who answers for it: a person's id or `queue:<name>`.
    pub owner: String,
    /// The person who is accountable to the end.
    pub first_owner: String,
    /// The department that it was last given to, or that runs the class.
    pub department: String,
    /// Who last spoke to the customer, else the person who answers for it; who teaches the class, or
    /// attends it; who is new.
    pub agent: String,
}

/// One run of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it started.
    pub start: Instant,
    /// When it counts: at its due or its stop, whichever is earlier; none while it stands still.
    pub counts: Option<Instant>,
    /// How it came out; absent while it runs.
    pub ended: Option<Stop>,
    /// Whether only a new target made its breach (R10).
    pub retargeted: bool,
}

/// How a run came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// When.
    pub at: Instant,
    /// Whether in time.
    pub met: bool,
    /// Milliseconds used, pauses left out.
    pub ms: i64,
    /// Whether what it waited for happened; a breached run can also be given up.
    pub done: bool,
}

/// The record of `instance`; none of what is no case of a customer and no training, or counts nowhere.
pub fn record(instance: &Instance) -> Option<Record> {
    let case = instance.data.get("case")?;
    if case.get("customer_id").is_none() && instance.kpi.training.is_none() {
        return None;
    }
    let stage = stage_of(&instance.state);
    if stage == Stage::Final && EXCLUDED.contains(&facts::leaf(&instance.state)) {
        return None;
    }
    let text = |name: &str| case.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let kept = &instance.kpi;
    let runs = |clock: &str| {
        let known = instance.clocks.get(clock);
        known.map(|known| runs(known, clock, kept)).unwrap_or_default()
    };
    let opened = case.get("opened_at").and_then(Value::as_str).and_then(|text| Instant::parse(text).ok());
    let repeats = |link: &Value| link.get("type").and_then(Value::as_str) == Some("repeat_of");
    let current = if kept.reopened.is_some() { &kept.last } else { &kept.first };
    let owned = current.as_ref().is_some_and(|end| end.owned) || kept.acknowledged;
    Some(Record {
        id: instance.id.clone(),
        workflow: instance.workflow.clone(),
        opened: opened.unwrap_or(instance.created),
        traits: traits(instance, case),
        frt: runs(FRT).pop().or_else(|| runs(ACK).pop()),
        res: runs(RES),
        totals: runs(TOTAL),
        dues: runs(DUE),
        tries: kept.tries.clone(),
        rounds: case.get("round").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
        promises: runs(PROMISE),
        waits: kept.waits.clone(),
        older: kept.older,
        level: text("escalation_level"),
        raised: kept.raised,
        raised_by_breach: kept.raised_by_breach,
        repeat: case.get("links").and_then(Value::as_array).is_some_and(|links| links.iter().any(repeats)),
        heard: kept.heard,
        reopened: kept.reopened,
        first: kept.first.clone(),
        last: kept.last.clone(),
        owned: owned && !kept.replaced && facts::first_owner(instance).is_some(),
        scores: kept.scores.clone(),
        filings: if kept.training.is_some() { runs(FILING) } else { Vec::new() },
        training: kept.training.clone(),
    })
}

fn traits(instance: &Instance, case: &Value) -> Traits {
    let below = |value: &Value, names: &[&str]| {
        let found = names.iter().try_fold(value, |value, name| value.get(name));
        found.and_then(Value::as_str).map(str::to_owned)
    };
    let own = |names: &[&str]| below(&instance.data, names);
    let text = |name: &str| below(case, &[name]);
    let agent = instance.kpi.spoke.clone().or_else(|| below(case, &["owner", "person", "id"]));
    let at_school = || {
        let lecturer = own(&["lecturer", "person", "id"]);
        lecturer.or_else(|| own(&["trainee", "id"])).or_else(|| own(&["watched", "agent", "id"]))
    };
    let is_training = instance.kpi.training.is_some();
    Traits {
        channel: text("channel").unwrap_or_default(),
        tier: text("customer_tier").unwrap_or_default(),
        priority: text("priority").unwrap_or_default(),
        category: text("category").or_else(|| own(&["type"]).filter(|_| is_training)).unwrap_or_default(),
        owner: case.get("owner").and_then(owner_name).unwrap_or_default().into_owned(),
        first_owner: facts::first_owner(instance).unwrap_or_default().to_owned(),
        department: own(&["department"]).or_else(|| own(&["organiser"])).unwrap_or_default(),
        agent: if is_training { at_school() } else { agent }.unwrap_or_default(),
    }
}

/// The runs of `clock` that stopped, were breached or still run; one that was cancelled in time never counts.
fn runs(clock: &Clock, name: &str, kept: &Facts) -> Vec<Run> {
    let retargeted = kept.retargeted.contains(name);
    let given_up = kept.given_up.contains(name);
    // A breach stays where it was, whatever its due became later (R10).
    let missed = |cycle: u32| kept.missed.get(name).filter(|(of, _)| *of == cycle).map(|(_, due)| *due);
    let ended = clock.ended.iter().filter_map(|ended| {
        let met = ended.verdict? == Verdict::Met;
        let done = !(given_up && ended.cycle == clock.cycle);
        let stop = Stop { at: ended.at, met, ms: ended.elapsed_ms, done };
        let counts = missed(ended.cycle).unwrap_or_else(|| counts(ended));
        Some(Run { start: ended.start, counts: Some(counts), ended: Some(stop), retargeted })
    });
    let running = clock.run.iter().map(|run| {
        let due = if run.is_breached() { run.breached } else { clock.running_due() };
        let voided = run.breached.is_some() && !run.is_breached();
        Run { start: run.start, counts: due.filter(|_| !voided), ended: None, retargeted }
    });
    ended.chain(running).collect()
}

/// A run that was met after its recorded due stood still then: its due had moved on, so it counts at its stop.
pub(super) fn counts(ended: &Ended) -> Instant {
    let stood_still = ended.verdict == Some(Verdict::Met) && !ended.corrected;
    if stood_still { ended.at } else { ended.due.min(ended.at) }
}

/// The name that an owner is listed by: a person's id, or `queue:<name>`.
///
/// `owner` is `{"person": {"id": …}}`, `{"queue": …}` or already that text.
pub fn owner_name(owner: &Value) -> Option<Cow<'_, str>> {
    let person = owner.as_str().or_else(|| owner.get("person")?.get("id")?.as_str());
    person.map(Cow::Borrowed).or_else(|| Some(Cow::Owned(format!("queue:{}", owner.get("queue")?.as_str()?))))
}

impl Record {
    /// When it was closed, where it stands closed.
    pub fn closed(&self) -> Option<Instant> {
        self.standing()?.closed
    }

    /// The end at which it stands.
    pub fn standing(&self) -> Option<&End> {
        if self.reopened.is_some() { self.last.as_ref() } else { self.first.as_ref() }
    }

    /// The first and the last moment at which it can count.
    pub fn span(&self) -> (Instant, Instant) {
        let runs = || {
            let cases = self.frt.iter().chain(&self.res).chain(&self.totals).chain(&self.promises);
            cases.chain(&self.dues).chain(&self.filings)
        };
        let taught = self.training.as_ref().map(|training| training.moments()).unwrap_or_default();
        let starts = runs().map(|run| run.start).chain(taught.iter().copied());
        let begin = starts.min().map_or(self.opened, |start| start.min(self.opened));
        let Scores { last, lows, handoffs } = &self.scores;
        let ends = [&self.first, &self.last].into_iter().flatten();
        let end = runs()
            .flat_map(|run| run.ended.map(|stop| stop.at).into_iter().chain(run.counts))
            .chain(ends.flat_map(|end| [Some(end.at), end.closed].into_iter().flatten()))
            .chain(self.waits.iter().map(|wait| wait.at))
            .chain(self.older.map(|older| older.at))
            .chain(last.map(|score| score.at))
            .chain(lows.iter().map(|low| low.at.plus_millis(RECOVERY_MS)))
            .chain(handoffs.iter().map(|handoff| handoff.at))
            .chain(taught)
            .chain(self.tries.iter().map(|tried| tried.at))
            .max();
        (begin, end.map_or(self.opened, |end| end.max(self.opened)))
    }

    /// Its bytes, without its id.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads what [`Record::encode`] wrote for `id`.
    ///
    /// # Errors
    /// Bytes of another version or shape.
    pub fn decode(id: InstanceId, bytes: &[u8]) -> Result<Self, String> {
        codec::decode(id, bytes)
    }
}
