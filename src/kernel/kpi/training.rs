//! Owns what an instance of a training flow keeps of its history for KPIs (K25 to K29).
//!
//! As with cases everything is read from the recorded entry and the data around it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::facts::leaf;
use crate::kernel::common::Stage;
use crate::kernel::date::Date;
use crate::kernel::entry::Entry;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::step::stage_of;

/// The flow of yearly plans.
pub const PLAN: &str = "training_plan";
/// The flow of classes.
pub const CLASS: &str = "training_session";
/// The flow of enrolments.
pub const ENROLMENT: &str = "training_enrollment";
/// The flow of effect reviews.
pub const REVIEW: &str = "effect_review";
/// The flow of monitors, which know of an agent's first weeks.
pub const MONITOR: &str = "monitor";

/// Ten-thousandths: how values are kept that are no times.
pub const ONE: i64 = 10_000;

/// What one instance of a training flow keeps for KPIs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Training {
    /// When a plan was first in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_force: Option<Instant>,
    /// The items of a plan that was in force, by number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub items: BTreeMap<u32, Planned>,
    /// The last notice of a class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<Told>,
    /// When a class was put on file, and whether with everything that belongs there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filed: Option<Told>,
    /// When the class of an enrolment was over, and whether the trainee had attended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attended: Option<Told>,
    /// When the first attempt was decided, and whether it was passed, a regrade of it included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_try: Option<Told>,
    /// Attempts so far.
    #[serde(skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// The questionnaire: the mean of its items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1: Option<Level>,
    /// What further attempts added to the first score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l2: Option<Level>,
    /// What changed in how the attendees work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l3: Option<Level>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l4: Option<Level>,
    /// The first weeks of an agent, once for each time that the agent was hired, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub first_weeks: Vec<FirstWeeks>,
    /// The last part of its state.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub leaf: String,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<Instant>,
}

/// Something that was so, or not, at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When.
    pub at: Instant,
    /// Whether.
    pub yes: bool,
}

/// A value at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// When.
    pub at: Instant,
    /// Ten-thousandths.
    pub value: i64,
}

/// The first weeks of somebody new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstWeeks {
    /// Since when the monitor knows of them.
    pub since: Instant,
    /// By when all modules were to be learnt.
    pub due: Instant,
    /// When the last of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<Instant>,
    /// Whether the agent left since: who is hired again begins anew, on the same day too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over: bool,
}

/// An item of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Its day in each version of the plan that changed it, oldest first; none where it was taken out.
    pub days: Vec<(Instant, Option<Date>)>,
    /// Whether its class is on file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
}

impl Planned {
    /// Its day by the version in force at `at`.
    pub fn day_at(&self, at: Instant) -> Option<Date> {
        self.days.iter().rev().find(|(since, _)| *since <= at)?.1
    }
}

impl Training {
    /// Whether `instance` has to keep this: all of the flows of training, and monitors of who was hired.
    pub fn is_of(instance: &Instance) -> bool {
        match instance.workflow.as_str() {
            PLAN | CLASS | ENROLMENT | REVIEW => true,
            MONITOR => hired(instance).is_some(),
            _ => false,
        }
    }

    /// Takes up `entry`, which made `after`.
    pub(super) fn take(&mut self, after: &Instance, entry: &Entry) {
        match after.workflow.as_str() {
            PLAN => self.take_plan(after, entry),
            CLASS => self.take_class(after, entry),
            ENROLMENT => self.take_enrolment(after, entry),
            REVIEW => self.take_review(entry),
            MONITOR => return self.take_monitor(after, entry),
            _ => return,
        }
        leaf(&after.state).clone_into(&mut self.leaf);
        if stage_of(&after.state) == Stage::Final {
            self.closed.get_or_insert(entry.recorded_at);
        }
    }

    fn take_plan(&mut self, after: &Instance, entry: &Entry) {
        if entry.to != "active" {
            return;
        }
        self.in_force.get_or_insert(entry.recorded_at);
        let listed: &[Value] = after.data.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice);
        let mut days: BTreeMap<u32, Option<Date>> = self.items.keys().map(|no| (*no, None)).collect();
        for item in listed {
            let Some(no) = item.get("no").and_then(Value::as_u64).and_then(|no| u32::try_from(no).ok())
            else {
                continue;
            };
            let day = item.get("time").and_then(|time| Date::deserialize(time).ok());
            days.insert(no, day);
            let status = item.get("status").and_then(Value::as_str);
            self.items.entry(no).or_default().archived = status == Some("archived");
        }
        for (no, day) in days {
            let planned = self.items.entry(no).or_default();
            if planned.days.last().is_none_or(|(_, last)| *last != day) {
                planned.days.push((entry.recorded_at, day));
            }
        }
    }

    fn take_class(&mut self, after: &Instance, entry: &Entry) {
        let at = entry.recorded_at;
        if entry.event == "publish_notice" {
            self.notice = Some(Told { at, yes: entry.payload.get("urgent_by").is_none_or(Value::is_null) });
        }
        if entry.to == "archived" && entry.from.as_deref() != Some("archived") {
            let incomplete = after.data.get("incomplete").and_then(Value::as_bool) == Some(true);
            self.filed = Some(Told { at, yes: !incomplete });
        }
    }

    fn take_enrolment(&mut self, after: &Instance, entry: &Entry) {
        let at = entry.recorded_at;
        let attempts = after.data.get("attempts").and_then(Value::as_u64).unwrap_or(0);
        self.attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        let (from, to) = (entry.from.as_deref().unwrap_or_default(), leaf(&entry.to));
        if entry.event == "session_ended" && to != "excused" {
            self.attended = Some(Told { at, yes: ["attended", "attended_only"].contains(&to) });
        }
        if from == "assessing" && self.attempts == 1 && ["passed", "failed", "failed_last"].contains(&to) {
            self.first_try = Some(Told { at, yes: to == "passed" });
        }
        if entry.event == "regrade"
            && to == "passed"
            && self.attempts == 1
            && let Some(first) = &mut self.first_try
        {
            first.yes = true;
        }
        match entry.event.as_str() {
            "answer_survey" => self.l1 = questionnaire(after).map(|value| Level { at, value }),
            "grade" | "regrade" => self.l2 = gain(after).map(|value| Level { at, value }),
            _ => {}
        }
    }

    fn take_review(&mut self, entry: &Entry) {
        let value = |name: &str| decimal(entry.payload.get(name)?.as_str()?);
        let change = || Some(Level { at: entry.recorded_at, value: value("after")? - value("before")? });
        match entry.event.as_str() {
            "record_l3" => self.l3 = change(),
            "record_l4" => self.l4 = change(),
            _ => {}
        }
    }

    fn take_monitor(&mut self, after: &Instance, entry: &Entry) {
        let known = hired(after);
        // Whoever leaves before the due had no time to learn everything.
        let left = |weeks: &FirstWeeks| weeks.complete.is_none() && entry.recorded_at < weeks.due;
        let Some(hired) = known else {
            self.first_weeks.pop_if(|weeks| !weeks.over && left(weeks));
            self.first_weeks.iter_mut().for_each(|weeks| weeks.over = true);
            return;
        };
        let moment = |name: &str| hired.get(name)?.as_str().and_then(|text| Instant::parse(text).ok());
        let (Some(due), complete) = (moment("due"), moment("complete")) else { return };
        match self.first_weeks.last_mut().filter(|weeks| !weeks.over) {
            Some(weeks) => weeks.complete = complete,
            None => {
                self.first_weeks.push(FirstWeeks { since: entry.recorded_at, due, complete, over: false });
            }
        }
    }

    /// Every moment at which it can count; days of a plan with a day around them, for any time zone.
    pub(super) fn moments(&self) -> Vec<Instant> {
        let days = self.items.values().flat_map(|item| &item.days);
        let days = days.filter_map(|(_, day)| *day).flat_map(|day| [day.plus_days(-1), day.plus_days(2)]);
        let told = [self.notice, self.filed, self.attended, self.first_try].into_iter().flatten();
        let values = [self.l1, self.l2, self.l3, self.l4].into_iter().flatten();
        let midnight = |day: Date| crate::kernel::calendar::day_start(chrono_tz::Tz::UTC, day.0);
        let weeks =
            self.first_weeks.iter().flat_map(|weeks| [Some(weeks.since), Some(weeks.due), weeks.complete]);
        days.map(midnight)
            .chain(weeks.flatten())
            .chain(told.map(|told| told.at))
            .chain(values.map(|value| value.at))
            .chain(self.closed)
            .collect()
    }
}

/// What a monitor knows of the agent's hire.
fn hired(monitor: &Instance) -> Option<&Value> {
    monitor.data.get("onboarding")?.get("hired")
}

/// The mean of the questionnaire's items.
fn questionnaire(after: &Instance) -> Option<i64> {
    let items = after.data.get("survey")?.as_object()?;
    let sum: i64 = items.values().filter_map(Value::as_i64).sum();
    (sum * ONE).checked_div(i64::try_from(items.len()).ok()?)
}

/// The last score less the first, once there was a further attempt.
fn gain(after: &Instance) -> Option<i64> {
    let grades = after.data.get("grades")?.as_array()?;
    let number = |grade: &Value, name: &str| grade.get(name).and_then(Value::as_i64);
    let (first, last) = (grades.first()?, grades.last()?);
    let further = number(last, "n")? > number(first, "n")?;
    further.then_some((number(last, "score")? - number(first, "score")?) * ONE)
}

/// `-86.5` in ten-thousandths; none of what is no decimal of at most four places.
pub fn decimal(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let places = u32::try_from(part.len()).ok().filter(|places| *places <= 4)?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || digits.ends_with('.') || !(part.is_empty() || plain(part)) {
        return None;
    }
    let parts = if part.is_empty() { 0 } else { part.parse::<i64>().ok()? * 10_i64.pow(4 - places) };
    Some(sign * (whole.parse::<i64>().ok()?.checked_mul(ONE)?.checked_add(parts)?))
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_are_ten_thousandths() {
        for (text, value) in [("4.2", 42_000), ("95", 950_000), ("-0.0001", -1), ("0", 0)] {
            assert_eq!(decimal(text), Some(value), "{text}");
        }
        for text in ["", "-", ".5", "4,2", "1.00001", "x", "4.", "+1", "99999999999999999999"] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }
}
