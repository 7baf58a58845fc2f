//! Owns the first weeks of somebody new: which modules must be learnt, which are, and by when (S2-94, K25).
//!
//! # Why
//! Who is hired stands in no flow: another system tells it. Classes tell what was learnt, in any order and
//! also before the hire is told. So modules are kept from the first word on, and the first day says which
//! of them count. What is complete when the hire is told needs no clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Cx, HIRED, LEFT, Monitor, ONBOARDED};
use crate::kernel::date::Date;
use crate::kernel::instant::Instant;
use crate::kernel::outcome::RefusalKind;

/// How far from today a first day may be: what is further is mistyped.
const HIRED_DAYS_MAX: i64 = 366;

/// Most times that are kept of one module while no first day is told.
const TIMES_MAX: usize = 10;

/// What is known of somebody's first weeks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Onboarding {
    /// Since when the agent works here; absent until it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hired: Option<Hired>,
    /// When each module was first learnt since the first day; before that is told, the newest times, oldest first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modules: BTreeMap<String, Vec<Instant>>,
}

/// Somebody began to work here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hired {
    /// The first day.
    pub on: Date,
    /// By when all modules are to be learnt.
    pub due: Instant,
    /// When the last of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<Instant>,
}

impl Onboarding {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Monitor {
    /// The agent works here since the day `on`, or will.
    pub(super) fn hire(&mut self, on: Date, cx: &mut Cx<'_>) {
        if let Some(known) = &self.onboarding.hired {
            if known.on != on {
                let reason = format!("the agent works here since {}; accepted is `left` before it", known.on);
                cx.refuse(RefusalKind::Guard, "hired_before", reason);
            }
            return;
        }
        let today = Date(cx.calendar.date_at(cx.now));
        let accepted = today.plus_days(-HIRED_DAYS_MAX)..=today.plus_days(HIRED_DAYS_MAX);
        if !accepted.contains(&on) {
            let reason =
                format!("{on} is far from today; accepted is {} to {}", accepted.start(), accepted.end());
            return cx.refuse(RefusalKind::Input, "hired_far_away", reason);
        }
        let Some(policy) = &cx.policy.onboarding else { return };
        let begins = cx.calendar.start_of(on.0);
        for times in self.onboarding.modules.values_mut() {
            times.retain(|at| *at >= begins);
            times.truncate(1);
        }
        self.onboarding.modules.retain(|_, times| !times.is_empty());
        let due = cx.calendar.due(begins, policy.within);
        self.onboarding.hired = Some(Hired { on, due, complete: None });
        if !self.completes(cx) {
            cx.signal(HIRED);
        }
    }

    /// A class was passed, or attended where nothing is examined.
    pub(super) fn learn(&mut self, competencies: &[String], at: Instant, cx: &mut Cx<'_>) {
        let begins = self.onboarding.hired.as_ref().map(|hired| cx.calendar.start_of(hired.on.0));
        if begins.is_some_and(|begins| at < begins) {
            return;
        }
        let Some(policy) = &cx.policy.onboarding else { return };
        for module in policy.modules.iter().filter(|module| competencies.contains(*module)) {
            let times = self.onboarding.modules.entry(module.clone()).or_default();
            times.push(at);
            times.sort_unstable();
            if begins.is_some() {
                times.truncate(1);
            }
            times.drain(..times.len().saturating_sub(TIMES_MAX));
        }
        if self.completes(cx) {
            cx.signal(ONBOARDED);
        }
    }

    /// The agent works here no more: nothing is waited for.
    pub(super) fn leave(&mut self, cx: &mut Cx<'_>) {
        self.onboarding = Onboarding::default();
        cx.signal(LEFT);
    }

    /// Whether the last module is learnt now.
    fn completes(&mut self, cx: &Cx<'_>) -> bool {
        let Some(policy) = &cx.policy.onboarding else { return false };
        let Onboarding { hired: Some(hired), modules } = &mut self.onboarding else { return false };
        let learnt: Option<Vec<Instant>> =
            policy.modules.iter().map(|module| modules.get(module)?.first().copied()).collect();
        let Some(last) = learnt.and_then(|learnt| learnt.into_iter().max()) else { return false };
        if hired.complete.is_some() {
            return false;
        }
        hired.complete = Some(last);
        true
    }
}
