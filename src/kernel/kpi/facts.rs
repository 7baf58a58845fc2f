//! Owns what an instance keeps of its history for KPIs: what clocks and case data do not say.
//!
//! Everything is read from the recorded entry and the state around it: names of events and states,
//! roles, clock facts. No workflow code runs, so a rebuilt index holds the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::counts;
use super::scores::Scores;
use super::training::Training;
use super::{ACK, FRT, NRT};
use crate::kernel::actor::Role;
use crate::kernel::common::Stage;
use crate::kernel::entry::Entry;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::sla::fact::What;
use crate::kernel::sla::rule::BREACH;
use crate::kernel::step::stage_of;

/// Waits that are kept one by one; older ones are summed up. A chat has one for each exchange, and
/// a record is written with every step.
pub const WAITS_MAX: usize = 32;

/// Attempts that are kept: more than any policy lets be made.
pub const TRIES_MAX: usize = 32;

/// What one instance keeps for KPIs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Whether the first words of a person to the customer were an answer; absent before them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_first: Option<bool>,
    /// How often the customer waited and a person then spoke.
    #[serde(skip_serializing_if = "is_zero")]
    pub exchanges: u32,
    /// The last [`WAITS_MAX`] of these waits, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
    /// Those before them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older: Option<Waits>,
    /// Clocks with a breach that only a new target made (R10).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub retargeted: BTreeSet<String>,
    /// Clocks whose last run was cancelled.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub given_up: BTreeSet<String>,
    /// Runs whose due moved after they were breached: the run, and the due that was missed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub missed: BTreeMap<String, (u32, Instant)>,
    /// What the customer last said of the result since it was last reopened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<bool>,
    /// Whether the customer ever said something of the result, or a callback did.
    #[serde(skip_serializing_if = "is_false")]
    pub heard: bool,
    /// When it was first reopened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopened: Option<Instant>,
    /// Its first end: settled, or closed without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<End>,
    /// The end at which it stands, where it was reopened after the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<End>,
    /// Whether the first owner acknowledged the end.
    #[serde(skip_serializing_if = "is_false")]
    pub acknowledged: bool,
    /// Whether the first owner was ever replaced without an accepted handover.
    #[serde(skip_serializing_if = "is_false")]
    pub replaced: bool,
    /// The person who last spoke to the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spoke: Option<String>,
    /// Whether people raised it, or a third round did.
    #[serde(skip_serializing_if = "is_false")]
    pub raised: bool,
    /// Whether a breach raised it.
    #[serde(skip_serializing_if = "is_false")]
    pub raised_by_breach: bool,
    /// What customers score, what became of it, and transfers.
    #[serde(skip_serializing_if = "Scores::is_empty")]
    pub scores: Scores,
    /// What instances of training flows keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<Box<Training>>,
    /// The first [`TRIES_MAX`] attempts to call the customer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Try>,
}

/// An attempt to call the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// When.
    pub at: Instant,
    /// Whether somebody answered.
    pub connected: bool,
}

/// How long a customer waited for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// When it counts: at the answer, or at the due before it.
    pub at: Instant,
    /// Milliseconds, as its clock counts.
    pub ms: i64,
}

/// Waits that are no longer kept one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// When the last of them counts; all of them count then.
    pub at: Instant,
    /// How many.
    pub n: u32,
    /// Milliseconds of all.
    pub ms: i64,
}

/// An end of a case: settled, or closed without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub at: Instant,
    /// Whether it was settled.
    pub settled: bool,
    /// The last part of the state it stands in since.
    pub disposition: String,
    /// What the customer last said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<bool>,
    /// Whether one exchange did, without a transfer and without being raised.
    #[serde(default, skip_serializing_if = "is_false")]
    pub one_exchange: bool,
    /// Whether the first words to the customer were the answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub answered_first: bool,
    /// Whether the first owner brought it about.
    #[serde(default, skip_serializing_if = "is_false")]
    pub owned: bool,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Instant>,
}

/// What a person said to the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// Picked up the telephone: the contact begins, nothing is said yet.
    Hello,
    /// Something short of an answer.
    Words,
    /// The answer.
    Answer,
}

impl Facts {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes up `entry`, which made `after` (its facts aside) out of `before`.
    pub fn take(&mut self, before: Option<&Instance>, after: &Instance, entry: &Entry) {
        if self.training.is_some() || Training::is_of(after) {
            self.training.get_or_insert_default().take(after, entry);
        }
        if after.case_text("customer_id").is_none() {
            return;
        }
        self.scores.take(before, after, entry);
        self.listen(entry);
        self.take_clocks(after, entry);
        self.take_owner(before, after, entry);
        self.take_level(before, after, entry);
        self.take_word(entry);
        self.take_move(after, entry);
        self.take_try(entry);
        if entry.event == "closure_acknowledged" {
            self.acknowledged = true;
        }
        let word = self.word;
        if let Some(end) = self.current() {
            end.confirmed = word;
        }
    }

    /// The end at which it stands, where it stands at one.
    fn current(&mut self) -> Option<&mut End> {
        if self.reopened.is_some() { self.last.as_mut() } else { self.first.as_mut() }
    }

    fn listen(&mut self, entry: &Entry) {
        let Some(said) = said(entry) else { return };
        if said != Said::Hello {
            self.answered_first.get_or_insert(said == Said::Answer);
        }
        let named = |name: &str| Some(entry.payload.get(name)?.get("id")?.as_str()?.to_owned());
        let by_staff = entry.actor.role.is_staff().then(|| entry.actor.id.clone());
        self.spoke = named("agent").or_else(|| named("sender")).or(by_staff);
    }

    fn take_clocks(&mut self, after: &Instance, entry: &Entry) {
        // A message that somebody only classified was not answered.
        let answers = entry.event != "customer_reply";
        for fact in &entry.clocks {
            let of_messages = [FRT, ACK, NRT].contains(&fact.clock.as_str());
            if let What::Stopped { at, elapsed_ms, .. } = &fact.what
                && of_messages
                && answers
            {
                let ended = after.clocks.get(&fact.clock).and_then(|clock| clock.ended.last());
                self.exchanges += 1;
                self.wait(Wait { at: ended.map_or(*at, counts), ms: *elapsed_ms });
            }
            if let What::Reached { level: BREACH, cause: Some(_), .. } = &fact.what {
                self.retargeted.insert(fact.clock.clone());
            }
            let run = after.clocks.get(&fact.clock).and_then(|clock| clock.run.as_ref());
            if let (What::Retargeted { .. }, Some(due)) = (&fact.what, run.and_then(|run| run.breached))
                && self.missed.get(&fact.clock).is_none_or(|(cycle, _)| *cycle != fact.cycle)
            {
                self.missed.insert(fact.clock.clone(), (fact.cycle, due));
            }
            if let What::Cancelled { .. } = &fact.what {
                self.given_up.insert(fact.clock.clone());
            } else if let What::Started { .. } = &fact.what {
                self.given_up.remove(&fact.clock);
            }
        }
    }

    fn wait(&mut self, wait: Wait) {
        self.waits.push(wait);
        if self.waits.len() > WAITS_MAX {
            let Wait { at, ms } = self.waits.remove(0);
            let older = self.older.get_or_insert(Waits { at, n: 0, ms: 0 });
            *older = Waits { at: older.at.max(at), n: older.n + 1, ms: older.ms + ms };
        }
    }

    fn take_owner(&mut self, before: Option<&Instance>, after: &Instance, entry: &Entry) {
        let had = before.and_then(first_owner);
        if had.is_some() && first_owner(after) != had && entry.event != "handover_accepted" {
            self.replaced = true;
        }
    }

    fn take_level(&mut self, before: Option<&Instance>, after: &Instance, entry: &Entry) {
        let same =
            |before: &Instance| before.case_text("escalation_level") == after.case_text("escalation_level");
        if entry.event == "escalate" {
            let by_breach = entry.actor.role == Role::System;
            self.raised_by_breach |= by_breach;
            self.raised |= !by_breach;
        } else if before.is_some_and(|before| !same(before)) {
            self.raised = true;
        }
    }

    fn take_word(&mut self, entry: &Entry) {
        let said = |name: &str| entry.payload.get(name).and_then(Value::as_bool);
        let entered = entry.from.as_deref() != Some(entry.to.as_str());
        let word = match entry.event.as_str() {
            "confirm" => said("satisfied"),
            "satisfaction_recorded" => said("resolved"),
            _ => (entered && leaf(&entry.to) == "confirmed").then_some(true),
        };
        if word.is_some() {
            self.word = word;
            self.heard = true;
        }
    }

    fn take_try(&mut self, entry: &Entry) {
        if entry.event == "attempt_result" && self.tries.len() < TRIES_MAX {
            let connected = entry.payload.get("outcome").and_then(Value::as_str) == Some("connected");
            self.tries.push(Try { at: entry.recorded_at, connected });
        }
    }

    fn take_move(&mut self, after: &Instance, entry: &Entry) {
        let from = entry.from.as_deref().map_or(Stage::Open, stage_of);
        let to = stage_of(&entry.to);
        match (from, to) {
            (Stage::Open, Stage::Open) | (Stage::Final, _) => {}
            (Stage::Open, Stage::Settled | Stage::Final) => {
                let end = self.end(after, entry, to);
                if self.reopened.is_some() {
                    self.last = Some(end);
                } else {
                    self.first = Some(end);
                }
            }
            (Stage::Settled, Stage::Open) => {
                self.reopened.get_or_insert(entry.recorded_at);
                self.last = None;
                self.word = None;
                self.acknowledged = false;
            }
            (Stage::Settled, Stage::Settled | Stage::Final) => {
                let by_staff = entry.actor.role.is_staff();
                let owned = first_owner(after).is_some_and(|first| first == entry.actor.id);
                let Some(end) = self.current() else { return };
                leaf(&entry.to).clone_into(&mut end.disposition);
                if to == Stage::Final {
                    end.closed = Some(entry.recorded_at);
                    end.owned = if by_staff { owned } else { end.owned };
                }
            }
        }
    }

    fn end(&self, after: &Instance, entry: &Entry, to: Stage) -> End {
        let by_staff = entry.actor.role.is_staff().then_some(entry.actor.id.as_str());
        let doer = by_staff.or(self.spoke.as_deref());
        let transfers = after.data.get("case").and_then(|case| case.get("transfers")).and_then(Value::as_u64);
        let raised = self.raised || self.raised_by_breach;
        End {
            at: entry.recorded_at,
            settled: to == Stage::Settled,
            disposition: leaf(&entry.to).to_owned(),
            confirmed: self.word,
            one_exchange: self.exchanges == 1 && transfers.unwrap_or(0) == 0 && !raised,
            answered_first: self.answered_first == Some(true),
            owned: doer.is_some() && first_owner(after) == doer,
            closed: (to == Stage::Final).then_some(entry.recorded_at),
        }
    }
}

/// What a person tells the customer by `entry` (flows.md §3.1, "human outbound", and §3.2).
fn said(entry: &Entry) -> Option<Said> {
    let is = |name: &str| entry.payload.get(name).and_then(Value::as_bool) == Some(true);
    match entry.event.as_str() {
        "answer_call" => Some(Said::Hello),
        "answer" | "communicate" => Some(Said::Answer),
        "acknowledge" | "request_info" | "progress_update" => Some(Said::Words),
        "respond" => is("human").then_some(Said::Words),
        "escalate" => is("told_customer").then_some(Said::Words),
        _ => None,
    }
}

pub(super) fn first_owner(instance: &Instance) -> Option<&str> {
    instance.data.get("case")?.get("first_owner")?.get("id")?.as_str()
}

pub(super) fn leaf(state: &str) -> &str {
    state.rsplit('.').next().unwrap_or(state)
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}
