//! Owns how a case of the demo is told: who does what, and how time passes in between.

use std::num::NonZeroU32;

use serde_json::{Value, json};

use super::people::{self, ACCUSED, AGENTS};
use super::plan::{DAY_MS, Step, customer_of};
use super::subjects::{GRIEVANCES, Grievance, SUBJECTS, Subject};
use crate::chance::Chance;
use crate::kernel::actor::Actor;
use crate::kernel::calendar::Calendar;
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;

/// A minute.
pub(super) const MINUTE_MS: i64 = 60_000;
/// An hour.
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Telephones first, as people reach an organisation.
pub(super) const CHANNELS: [&str; 10] =
    ["phone", "phone", "email", "email", "wecom", "wecom", "wechat", "web_chat", "sms", "social"];
/// Channels where nobody waits on the line.
pub(super) const WRITTEN: [&str; 7] = ["email", "email", "wecom", "wecom", "wechat", "web_chat", "social"];

/// A count of days or hours in a span.
pub(super) const fn count(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("the demo's spans are not zero")
}

/// Cases of one flow that end in one state.
pub(super) struct Kind {
    /// The flow.
    pub flow: &'static str,
    /// The state.
    pub end: &'static str,
    /// How many.
    pub count: usize,
    /// How many days ago they begin: from, to.
    pub days: (u64, u64),
    /// Times that have passed since the last step, one after the other.
    pub passed: &'static [Span],
    /// The time that still runs.
    pub running: Option<Span>,
    /// The state of the cases of this flow that it is a copy of, or comes after.
    pub after: Option<&'static str>,
    /// How it is told.
    pub script: fn(&mut Story, &mut Teller<'_>),
}

impl Kind {
    pub(super) const fn of(
        flow: &'static str,
        end: &'static str,
        (count, days): (usize, (u64, u64)),
        script: fn(&mut Story, &mut Teller<'_>),
    ) -> Self {
        Self { flow, end, count, days, passed: &[], running: None, after: None, script }
    }

    pub(super) const fn timed(self, passed: &'static [Span], running: Option<Span>) -> Self {
        Self { passed, running, ..self }
    }

    pub(super) const fn after(self, end: &'static str) -> Self {
        Self { after: Some(end), ..self }
    }
}

/// One case as it is told.
#[derive(Clone)]
pub(super) struct Story {
    /// What happens.
    pub steps: Vec<Step>,
    /// Which case it is, counted from 0.
    pub case: usize,
    /// Whose it is.
    pub customer: String,
    /// Who has it.
    pub agent: &'static str,
    /// What is asked.
    pub subject: &'static Subject,
    /// What is complained about.
    pub grievance: &'static Grievance,
    /// How far it is told.
    pub at: Instant,
}

/// What a script may ask.
pub(super) struct Teller<'a> {
    /// When people work.
    pub calendar: &'a Calendar,
    /// What decides.
    pub chance: &'a mut Chance,
    /// The story that it is a copy of, or comes after.
    pub before: Option<&'a Story>,
}

impl Story {
    /// The story of `case`, which begins at `at`; nothing has happened yet.
    pub(super) fn begin(case: usize, at: Instant, chance: &mut Chance) -> Self {
        let customer = String::new();
        let (agent, subject) = (*chance.pick(&AGENTS), chance.pick(SUBJECTS));
        let grievance = chance.pick(GRIEVANCES);
        Self { steps: Vec::new(), case, customer, agent, subject, grievance, at }
    }

    /// Tells case `case` of `kind`; it may begin `shift` days earlier or later than the kind says.
    pub(super) fn tell(
        kind: &Kind,
        case: usize,
        (now, shift): (Instant, u64),
        mut teller: Teller<'_>,
    ) -> Self {
        let chance = &mut *teller.chance;
        let days = chance.between(kind.days.0.saturating_sub(shift), kind.days.1 + shift);
        let within_day = chance.between(5, 23 * 60);
        let back = of_days(days) + i64::try_from(within_day).unwrap_or(0) * MINUTE_MS;
        let mut story = Self::begin(case, now.plus_millis(-back), chance);
        story.customer = customer_of(kind.flow, case, chance);
        // Some write at night and at weekends; the others while somebody is there.
        if !teller.calendar.is_open(story.at) && !teller.chance.percent(20) {
            let into = i64::try_from(teller.chance.between(0, 150)).unwrap_or(0) * MINUTE_MS;
            story.at = teller.calendar.after(teller.calendar.next_open(story.at), into.max(1));
        }
        (kind.script)(&mut story, &mut teller);
        story
    }

    /// Whether everything has happened by `now`, and the kind's timers stand as it says.
    pub(super) fn fits(&self, kind: &Kind, now: Instant, calendar: &Calendar) -> bool {
        let Some(last) = self.steps.last() else { return false };
        let passed = kind.passed.iter().fold(last.at, |at, span| calendar.due(at, *span));
        passed <= now && kind.running.is_none_or(|span| calendar.due(passed, span) > now)
    }

    /// Somebody does something now.
    pub(super) fn step(&mut self, event: &'static str, actor: Actor, payload: Value) {
        let Value::Object(payload) = payload else { return };
        let (starts, master, only_if) = (None, None, Vec::new());
        self.steps.push(Step {
            at: self.at,
            case: self.case,
            starts,
            event,
            payload,
            actor,
            master,
            only_if,
        });
    }

    /// Somebody starts the case now.
    pub(super) fn start(
        &mut self,
        workflow: &'static str,
        event: &'static str,
        actor: Actor,
        payload: Value,
    ) {
        self.step(event, actor, payload);
        if let Some(first) = self.steps.last_mut() {
            first.starts = Some(workflow);
        }
    }

    /// The last step happens only where `case` is below the state `path` by then.
    pub(super) fn only_if(&mut self, case: usize, path: &'static str) {
        if let Some(last) = self.steps.last_mut() {
            last.only_if.push((case, path));
        }
    }

    /// Seconds pass.
    pub(super) fn seconds(&mut self, teller: &mut Teller<'_>, from: u64, to: u64) -> u64 {
        let seconds = teller.chance.between(from, to);
        self.at = self.at.plus_millis(i64::try_from(seconds).unwrap_or(0) * 1_000);
        seconds
    }

    /// Minutes of business time pass.
    pub(super) fn work(&mut self, teller: &mut Teller<'_>, from: u64, to: u64) {
        let minutes = i64::try_from(teller.chance.between(from, to)).unwrap_or(1);
        self.at = teller.calendar.after(self.at, minutes * MINUTE_MS);
    }

    /// The name of something that is stored elsewhere.
    pub(super) fn reference(&self, what: &str) -> String {
        format!("demo:{}:{what}:{}", self.case, self.steps.len())
    }

    /// Who has it.
    pub(super) fn agent(&self) -> Actor {
        people::staff(self.agent)
    }

    /// Whose it is.
    pub(super) fn customer(&self) -> Actor {
        people::customer(&self.customer)
    }

    /// Nobody handles a complaint about oneself.
    pub(super) fn keep_out_the_accused(&mut self) {
        if self.agent == ACCUSED {
            self.agent = AGENTS[0];
        }
    }

    /// The same customer asks or complains about the same as in `other`.
    pub(super) fn repeat(&mut self, other: &Self) {
        self.customer.clone_from(&other.customer);
        self.subject = other.subject;
        self.grievance = other.grievance;
    }
}

/// The question that agents ask.
pub(super) fn questions() -> Value {
    json!(["请提供订单号和截图 / please send the order number and a picture"])
}

/// Days in milliseconds.
pub(super) fn of_days(days: u64) -> i64 {
    i64::try_from(days).unwrap_or(0) * DAY_MS
}
