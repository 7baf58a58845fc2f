//! Owns driving the demo through the engine: what is planned, and what people do about what comes of it.
//!
//! Whatever happens is read from the engine's own feed. A callback that waits is taken up, a complaint that
//! the system has registered is handled, a reopened case is answered; each as its own draws say, so that one
//! more case changes no other. A step that came too late for its case is left out.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::plan::{Birth, Plan, Step};
use super::scripts::callbacks::{self, CALLBACK, Call, Try};
use super::scripts::complaints::{self, COMPLAINT};
use super::scripts::consultations::{self, CONSULTATION};
use super::scripts::training::{CERTIFICATE, CLASS, CONSEQUENCE, ENROLMENT, REVIEW, unplanned};
use super::story::{Story, Teller, of_days};
use crate::chance::Chance;
use crate::engine::Target;
use crate::import::timeline::{Sent, Timeline, refusal};
use crate::import::{ImportError, Progress};
use crate::kernel::actor::Role;
use crate::kernel::calendar::Calendar;
use crate::kernel::entry::Entry;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::time::TimeSource;

/// Entries that are read in one go.
const READ: usize = 1_000;
/// Flows whose cases somebody sees to.
const FLOWS: [&str; 8] =
    [CONSULTATION, COMPLAINT, CALLBACK, CLASS, ENROLMENT, CONSEQUENCE, CERTIFICATE, REVIEW];

/// The demo as it runs.
pub(super) struct Stage<'a> {
    line: &'a Timeline,
    calendar: &'a Calendar,
    now: Instant,
    chance: Chance,
    /// What is still to be done, in order.
    queue: BTreeMap<(Instant, u64), Step>,
    queued: u64,
    births: Vec<Birth>,
    /// Each case's id, once it has begun.
    ids: Vec<Option<InstanceId>>,
    cases: BTreeMap<InstanceId, usize>,
    /// When the last step of each case is done.
    busy: BTreeMap<usize, Instant>,
    /// How many steps each case had.
    sent: BTreeMap<usize, u64>,
    calls: BTreeMap<usize, Call>,
    /// How callbacks go that agents have planned.
    planned: BTreeMap<usize, &'static [Try]>,
    /// Whose each enrolment is.
    trainees: BTreeMap<usize, String>,
    /// Classes and consequences that the system asked for, so far.
    asked: BTreeMap<&'static str, u32>,
    seen: u64,
    /// Steps that were refused, each with the reason.
    pub refused: Vec<String>,
    /// Steps that came too late for their case.
    pub late: u64,
}

impl<'a> Stage<'a> {
    /// Everything of `plan` is still to be done.
    pub(super) fn new(
        line: &'a Timeline,
        calendar: &'a Calendar,
        (plan, now, seed): (Plan, Instant, u64),
    ) -> Self {
        let mut stage = Self {
            line,
            calendar,
            now,
            chance: Chance::of(seed).part(4),
            queue: BTreeMap::new(),
            queued: 0,
            births: plan.births,
            ids: vec![None; plan.cases],
            cases: BTreeMap::new(),
            busy: BTreeMap::new(),
            sent: BTreeMap::new(),
            calls: BTreeMap::new(),
            planned: plan.calls,
            trainees: BTreeMap::new(),
            asked: BTreeMap::new(),
            seen: line.engine.position(),
            refused: Vec::new(),
            late: 0,
        };
        plan.steps.into_iter().for_each(|step| stage.put(step));
        stage
    }

    fn put(&mut self, step: Step) {
        let last = self.busy.entry(step.case).or_default();
        *last = step.at.max(*last);
        self.queue.insert((step.at, self.queued), step);
        self.queued += 1;
    }

    /// Moves to now, from one thing that happens to the next.
    ///
    /// # Errors
    /// [`ImportError`].
    pub(super) async fn run(&mut self, progress: Progress<'_>) -> Result<(), ImportError> {
        let mut done = 0;
        loop {
            let due = self.line.engine.settle().await;
            let step = self.queue.keys().next().map(|(at, _)| *at);
            let Some(next) = due.into_iter().chain(step).min().filter(|next| *next <= self.now) else {
                break;
            };
            self.line.advance(next).await?;
            self.look().await?;
            let here = self.line.time.now();
            while let Some(first) = self.queue.first_entry().filter(|first| first.key().0 <= here) {
                let step = first.remove();
                progress(done, done + 1 + self.queue.len() as u64);
                self.act(step).await?;
                self.look().await?;
                done += 1;
            }
        }
        self.line.advance(self.now).await?;
        progress(done, done);
        Ok(())
    }

    /// Whether each case is where somebody expects it.
    fn is_meant(&self, step: &Step) -> Result<bool, ImportError> {
        for (case, path) in &step.only_if {
            if self.state(*case)?.is_none_or(|state| !state.starts_with(path)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn act(&mut self, step: Step) -> Result<(), ImportError> {
        if !self.is_meant(&step)? {
            self.late += 1;
            return Ok(());
        }
        let mut payload = step.payload;
        if let Some(master) = step.master {
            payload.insert("of".to_owned(), json!(self.ids[master]));
        }
        let target = match (&self.ids[step.case], step.starts) {
            (_, Some(workflow)) => Target::Start(workflow.to_owned()),
            (Some(id), None) => Target::Instance(id.clone()),
            (None, None) => {
                self.refused.push(format!("case {}, `{}`: it has not begun", step.case, step.event));
                return Ok(());
            }
        };
        let number = self.sent.entry(step.case).or_default();
        *number += 1;
        let key = format!("demo:{}:{number}", step.case);
        let sent = Sent { target, event: step.event, payload, actor: step.actor, key };
        match self.line.send(sent).await {
            Ok(accepted) if step.starts.is_some() => self.name(step.case, accepted.entry.instance.clone()),
            Ok(_) => {}
            Err(error) => {
                let place = format!("the demo's case {}, `{}`", step.case, step.event);
                let (_, reason) = refusal(error).map_err(ImportError::at(place))?;
                self.refused.push(format!("case {}, `{}`: {reason}", step.case, step.event));
            }
        }
        Ok(())
    }

    fn name(&mut self, case: usize, id: InstanceId) {
        self.cases.insert(id.clone(), case);
        self.ids[case] = Some(id);
    }

    /// Reads what has happened, and sees to it.
    async fn look(&mut self) -> Result<(), ImportError> {
        while self.seen < self.line.engine.position() {
            let (found, last) = self.line.engine.changes(self.seen, READ, Duration::ZERO).await?;
            self.seen = last;
            for recorded in found {
                self.hear(&recorded.entry)?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, entry: &Entry) -> Result<(), ImportError> {
        if entry.seq == 1 && FLOWS.contains(&entry.workflow.as_str()) {
            self.begun(entry)?;
        }
        let Some(case) = self.cases.get(&entry.instance).copied() else { return Ok(()) };
        let by_system = entry.actor.role == Role::System;
        let to = if entry.from.as_deref() == Some(entry.to.as_str()) { "" } else { entry.to.as_str() };
        match (entry.workflow.as_str(), entry.event.as_str(), to) {
            (CALLBACK, _, "open.queued") => {
                let appointed = entry.from.as_deref() == Some("open.attempting.appointed");
                self.call(case, |call, story, teller| call.queued(story, teller, appointed))?;
            }
            (CALLBACK, _, "open.fallback") => {
                self.call(case, |call, story, teller| call.asked_in_writing(story, teller))?;
            }
            (CALLBACK, _, "open.reviewing") => {
                let reopens = self.can_reopen(case)?;
                self.call(case, |call, story, teller| call.unsatisfied(story, teller, reopens))?;
            }
            (CALLBACK, "opt_out", _) => self.ask_again(case)?,
            (CONSULTATION, "reopen", _) if by_system => self.tell(case, consultations::answered_again)?,
            (COMPLAINT, "reopen", _) if by_system => self.tell(case, complaints::looked_at_again)?,
            (ENROLMENT, "notify", _) if !self.busy.contains_key(&case) => {
                let who = self.trainees.get(&case).cloned().unwrap_or_default();
                self.tell(case, |story, teller| unplanned::notified(story, teller, &who))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A case has begun: an expected one gets its number, another is seen to.
    fn begun(&mut self, entry: &Entry) -> Result<(), ImportError> {
        let (parent, about) = lineage(entry);
        let parent = parent.and_then(|id| self.cases.get(&id).copied());
        let expected = self.births.iter().find(|birth| {
            Some(birth.parent) == parent && birth.workflow == entry.workflow && birth.about == about
        });
        let expected = expected.map(|birth| birth.case).or(self.cases.get(&entry.instance).copied());
        let case = expected.unwrap_or_else(|| self.another());
        self.name(case, entry.instance.clone());
        match entry.workflow.as_str() {
            CALLBACK => self.expect_call(case, entry),
            ENROLMENT => drop(self.trainees.insert(case, about)),
            _ if expected.is_some() => {}
            COMPLAINT => self.tell(case, complaints::taken_up)?,
            CONSULTATION => self.tell(case, consultations::taken_up)?,
            CLASS => {
                let nth = self.nth(CLASS);
                let now = self.now;
                self.tell(case, |story, teller| unplanned::class(story, teller, (now, nth)))?;
            }
            CONSEQUENCE => {
                let nth = self.nth(CONSEQUENCE);
                self.tell(case, |story, teller| unplanned::consequence(story, teller, (&about, nth)))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A case that nobody planned.
    fn another(&mut self) -> usize {
        self.ids.push(None);
        self.ids.len() - 1
    }

    fn nth(&mut self, flow: &'static str) -> u32 {
        let asked = self.asked.entry(flow).or_default();
        *asked += 1;
        *asked - 1
    }

    fn expect_call(&mut self, case: usize, entry: &Entry) {
        let source = entry.payload.get("source_case").and_then(id_of);
        let source = source.and_then(|id| self.cases.get(&id).copied());
        let kind = entry.payload.get("type").and_then(Value::as_str).unwrap_or_default();
        let mut chance = self.chance.part(draw_of(&entry.instance));
        let call = match self.planned.get(&case) {
            Some(tries) => Call::that_goes(kind, tries),
            None => Call::of(kind, source, &mut chance),
        };
        self.calls.insert(case, call);
    }

    /// Whether the case that callback `case` is about can be reopened: nothing else is planned with it.
    fn can_reopen(&self, case: usize) -> Result<bool, ImportError> {
        let Some(source) = self.calls.get(&case).and_then(|call| call.source) else { return Ok(false) };
        let free = self.busy.get(&source).is_none_or(|until| *until <= self.line.time.now());
        Ok(free && self.state(source)?.is_some_and(|state| state.starts_with("settled.")))
    }

    fn state(&self, case: usize) -> Result<Option<String>, ImportError> {
        let Some(id) = &self.ids[case] else { return Ok(None) };
        Ok(self.line.engine.instance(id)?.0.map(|instance| instance.state.clone()))
    }

    /// Tells how `case` goes on from here.
    fn tell(
        &mut self,
        case: usize,
        script: impl FnOnce(&mut Story, &mut Teller<'_>),
    ) -> Result<(), ImportError> {
        let Some(id) = self.ids[case].clone() else { return Ok(()) };
        let (found, _) = self.line.engine.instance(&id)?;
        let customer =
            found.and_then(|instance| Some(instance.data.pointer("/case/customer_id")?.as_str()?.to_owned()));
        let told = self.sent.get(&case).copied().unwrap_or(0);
        let mut chance = self.chance.part(draw_of(&id)).part(1 + told);
        let mut story = Story::begin(case, self.line.time.now(), &mut chance);
        story.customer = customer.unwrap_or_default();
        script(&mut story, &mut Teller { calendar: self.calendar, chance: &mut chance, before: None });
        self.take(story);
        Ok(())
    }

    /// What happens by now is to be done.
    fn take(&mut self, story: Story) {
        let now = self.now;
        story.steps.into_iter().filter(|step| step.at <= now).for_each(|step| self.put(step));
    }

    fn call(
        &mut self,
        case: usize,
        what: impl FnOnce(&mut Call, &mut Story, &mut Teller<'_>),
    ) -> Result<(), ImportError> {
        let Some(mut call) = self.calls.remove(&case) else { return Ok(()) };
        let told = self.tell(case, |story, teller| what(&mut call, story, teller));
        self.calls.insert(case, call);
        told
    }

    /// Who wants no more surveys is asked again all the same, by somebody who does not know.
    fn ask_again(&mut self, case: usize) -> Result<(), ImportError> {
        let other = self.another();
        self.tell(case, |story, teller| {
            story.case = other;
            story.at = story.at.plus_millis(of_days(1));
            let from = teller.calendar.next_open(story.at.plus_millis(of_days(2)));
            callbacks::periodic(story, teller, from);
        })
    }
}

/// Which case has started this one, and what tells it from others of that.
fn lineage(entry: &Entry) -> (Option<InstanceId>, String) {
    let value = |pointer: &[&str]| {
        let (first, rest) = pointer.split_first()?;
        rest.iter().try_fold(entry.payload.get(*first)?, |value, name| value.get(*name))
    };
    let id = |pointer: &[&str]| value(pointer).and_then(id_of);
    let word = |pointer: &[&str]| match value(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    match entry.workflow.as_str() {
        CLASS => (id(&["plan_item", "plan"]), word(&["plan_item", "no"])),
        ENROLMENT => (id(&["session"]), word(&["trainee", "id"])),
        REVIEW => (id(&["session"]), String::new()),
        CERTIFICATE => (id(&["enrollment"]), String::new()),
        CONSEQUENCE => (id(&["enrollment"]), word(&["employee", "id"])),
        _ => (None, String::new()),
    }
}

fn id_of(value: &Value) -> Option<InstanceId> {
    InstanceId::parse(value.as_str()?).ok()
}

/// What distinguishes the draws of one case.
fn draw_of(id: &InstanceId) -> u64 {
    Hash::of(&[id.as_str().as_bytes()])
        .bytes()
        .iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
