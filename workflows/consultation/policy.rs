//! Owns what a process owner may edit of a consultation: typed values and their ranges.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::Category;
use super::measures::{KpiPolicy, SatisfactionPolicy};
use crate::kernel::case::{Case, Channel, Priority};
use crate::kernel::common::CasePolicy;
use crate::kernel::fault::{Fault, join};
use crate::kernel::instant::Instant;
use crate::kernel::sla::rule::{Rung, check_ladder};
use crate::kernel::span::Span;
pub use crate::workflows::response::{Frt, TargetOverride};
use crate::workflows::response::{RESPONSE_SECONDS_MAX, exception};
use crate::workflows::spans::{rising_days, seconds, shorter};

/// A promise on escalation lies within four to eight business hours (S0-10).
pub const PROMISE_SECONDS: std::ops::RangeInclusive<u32> = 4 * 3_600..=8 * 3_600;
/// Cases are kept for three years at least, leap day included.
pub const RETENTION_DAYS_MIN: u32 = 3 * 365 + 1;

const DAY_MILLIS: i64 = 86_400_000;

/// The policy values of a consultation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The queue of each category, and the one that takes calls nobody picks up.
    pub queues: Queues,
    /// What must be recorded before a case is transferred, escalated or answered (S0-8).
    pub required_fields: RequiredFields,
    /// First response: at most two hours on every channel (S0-6, S2-28, S3-11).
    pub frt: Frt,
    /// How long a person who was given a case has to take it; half of the response time where that is shorter.
    pub accept: Span,
    /// Response to a later message on the phone channel; other channels have their first response time.
    pub nrt_phone: Span,
    /// The round from which a supervisor is told (A6).
    #[schemars(range(min = 2, max = 100))]
    pub escalate_round: u32,
    /// Times that customers are told.
    pub promise: PromisePolicy,
    /// Time to the settled case by priority.
    pub res: Resolution,
    /// Percent of a target at which clocks warn that say nothing else.
    #[schemars(range(min = 1, max = 99))]
    pub warn_at: u32,
    /// Who is told at which percent of a target by clocks that say nothing else.
    #[schemars(length(min = 1, max = 20))]
    pub ladder: Vec<Rung>,
    /// The customer was asked for more.
    pub info: InfoPolicy,
    /// The customer was answered.
    pub confirm: ConfirmPolicy,
    /// How long a settled case can be reopened.
    pub reopen_window: Span,
    /// Transfers to departments.
    pub transfer: TransferPolicy,
    /// How long departments have, and whose a category is.
    pub dept: DeptPolicy,
    /// What is sent while the calendar is closed (S3-12).
    pub auto_reply: AutoReplyPolicy,
    /// Callbacks that a consultation plans.
    pub callback: CallbackPolicy,
    /// After so many answers to one problem type without an article, somebody drafts one.
    #[schemars(range(min = 1, max = 1_000))]
    pub kb_draft_after: u32,
    /// Reasons for which a department manager may suspend a clock.
    #[schemars(length(max = 20), inner(length(min = 1, max = 60)))]
    pub suspend_reasons: Vec<String>,
    /// From this depth on a chain of flows becomes a management review (X12).
    #[schemars(range(min = 1, max = 10))]
    pub chain_depth_max: u32,
    /// How long an ended case is kept at least.
    pub retention: Span,
    /// What is aimed at.
    #[serde(default)]
    pub kpi: KpiPolicy,
    /// How customers are asked for their judgement (S0-17, S0-18).
    #[serde(default)]
    pub satisfaction: SatisfactionPolicy,
    /// Whether monitors are told what happens (§3.0.5).
    #[serde(default)]
    pub observed: bool,
}

/// Names of queues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Queues {
    /// 售前
    #[schemars(length(min = 1, max = 100))]
    pub pre_sale: String,
    /// 售中
    #[schemars(length(min = 1, max = 100))]
    pub in_sale: String,
    /// 售后
    #[schemars(length(min = 1, max = 100))]
    pub after_sale: String,
    /// 其他
    #[schemars(length(min = 1, max = 100))]
    pub other: String,
    /// Calls that nobody picks up.
    #[schemars(length(min = 1, max = 100))]
    pub overflow: String,
}

impl Queues {
    /// The queue of `category`.
    pub fn of(&self, category: Category) -> &str {
        match category {
            Category::PreSale => &self.pre_sale,
            Category::InSale => &self.in_sale,
            Category::AfterSale => &self.after_sale,
            Category::Other => &self.other,
        }
    }
}

/// A field that intake records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntakeField {
    /// What kind of problem it is.
    ProblemType,
    /// What the service is for.
    ServiceGoal,
    /// When it happened.
    HappenedAt,
    /// Who and what is affected.
    ImpactScope,
}

/// Required intake fields by category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequiredFields {
    /// 售前
    pub pre_sale: Vec<IntakeField>,
    /// 售中
    pub in_sale: Vec<IntakeField>,
    /// 售后
    pub after_sale: Vec<IntakeField>,
    /// 其他
    pub other: Vec<IntakeField>,
}

impl RequiredFields {
    /// What a case of `category` needs.
    pub fn of(&self, category: Category) -> &[IntakeField] {
        match category {
            Category::PreSale => &self.pre_sale,
            Category::InSale => &self.in_sale,
            Category::AfterSale => &self.after_sale,
            Category::Other => &self.other,
        }
    }
}

/// Times that customers are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromisePolicy {
    /// Not sooner.
    pub min: Span,
    /// Not later.
    pub max: Span,
    /// What is proposed.
    pub default: Span,
    /// How often an agent may renew one; a supervisor always may.
    #[schemars(range(max = 20))]
    pub renewals: u32,
    /// The process owner's decision to leave the four to eight hours of S0-10.
    #[serde(default)]
    pub owner_override: bool,
}

/// Time to the settled case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// 紧急
    pub urgent: Span,
    /// 高
    pub high: Span,
    /// 普通
    pub normal: Span,
    /// 低
    pub low: Span,
    /// Other targets for a channel, tier or priority; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub overrides: Vec<TargetOverride>,
}

impl Resolution {
    /// The target of `case`.
    pub fn target(&self, case: &Case) -> Span {
        exception(&self.overrides, case).unwrap_or(match case.priority {
            Priority::Urgent => self.urgent,
            Priority::High => self.high,
            Priority::Normal => self.normal,
            Priority::Low => self.low,
        })
    }
}

/// The customer was asked for more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InfoPolicy {
    /// When the customer is reminded, counted from the question.
    #[schemars(length(min = 1, max = 10))]
    pub remind: Vec<Span>,
    /// When the case is settled without the answer.
    pub expire: Span,
}

/// The customer was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmPolicy {
    /// When the customer is reminded, counted from the answer.
    pub remind: Span,
    /// When the case is settled without the customer's word.
    pub expire: Span,
}

/// Transfers to departments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferPolicy {
    /// How often an agent may transfer a case; a supervisor always may.
    #[schemars(range(min = 1, max = 20))]
    pub max: u32,
}

/// How long departments have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeptPolicy {
    /// To verify facts.
    pub verify: Span,
    /// To answer.
    pub answer: Span,
    /// To answer, where it is not the category's own department.
    pub other: Span,
    /// For a supervisor to name the department.
    pub arbitrate: Span,
    /// The department of each category.
    pub department_of_category: BTreeMap<Category, String>,
}

/// What is sent while the calendar is closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoReplyPolicy {
    /// Texts by channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub templates: BTreeMap<Channel, String>,
    /// The text for every other channel.
    #[schemars(length(min = 1, max = 100))]
    pub default_template: String,
    /// Whether a customer gets it once in a closed period, or for each case.
    pub once_per_closed_period: bool,
}

impl AutoReplyPolicy {
    /// The text for `channel`.
    pub fn template(&self, channel: Channel) -> &str {
        self.templates.get(&channel).unwrap_or(&self.default_template)
    }
}

/// Callbacks that a consultation plans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackPolicy {
    /// Percent of the cases that are called back, by type.
    pub rate: CallbackRates,
    /// When a callback should be done, counted from the moment it may begin.
    pub due: CallbackDues,
    /// When the call after a confirmed case may begin.
    pub post_resolution_after: Span,
    /// How long after its due time a callback that never began still stands.
    pub grace: Span,
    /// The language of the call.
    #[schemars(length(min = 2, max = 35))]
    pub language: String,
}

/// Percent of the cases that are called back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackRates {
    /// A call was missed.
    #[schemars(range(max = 100))]
    pub missed_call: u32,
    /// The customer did not confirm.
    #[schemars(range(max = 100))]
    pub confirm_resolution: u32,
    /// The customer confirmed, and nothing else asks for a call.
    #[schemars(range(max = 100))]
    pub post_resolution: u32,
}

/// When a callback should be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackDues {
    /// A call was missed.
    pub missed_call: Span,
    /// The customer did not confirm.
    pub confirm_resolution: Span,
    /// The customer confirmed.
    pub post_resolution: Span,
}

impl CasePolicy for Policy {
    fn ladder(&self) -> (u32, Vec<Rung>) {
        (self.warn_at, self.ladder.clone())
    }

    fn kpi_targets(&self) -> BTreeMap<String, String> {
        self.kpi.targets.by_number()
    }

    fn suspend_reasons(&self) -> &[String] {
        &self.suspend_reasons
    }

    fn retained_until(&self, ended: Instant) -> Instant {
        let days = match self.retention {
            Span::CalendarDays(days, _) | Span::WorkingDays(days) => i64::from(days.get()),
            Span::Business(seconds) | Span::Wall(seconds) => i64::from(seconds.get()) * 1_000 / DAY_MILLIS,
        };
        ended.plus_millis(days * DAY_MILLIS)
    }
}

impl Policy {
    /// The target of the answer to a later message of `case`.
    pub fn nrt(&self, case: &Case) -> Span {
        match case.channel {
            Channel::Phone => self.nrt_phone,
            Channel::Email
            | Channel::WebChat
            | Channel::Wecom
            | Channel::Wechat
            | Channel::Sms
            | Channel::Social
            | Channel::WalkIn
            | Channel::Api => self.frt.target(case),
        }
    }

    /// What lies outside its range, every fault at once.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.check_responses(&mut faults);
        self.check_promise(&mut faults);
        self.check_order(&mut faults);
        self.check_windows(&mut faults);
        self.check_callbacks(&mut faults);
        self.kpi.check(self.satisfaction.scale, &mut faults);
        self.satisfaction.check(&mut faults);
        faults
    }

    fn check_responses(&self, faults: &mut Vec<Fault>) {
        let ceiling = |path: String, span: Span, faults: &mut Vec<Fault>| {
            if seconds(span).is_none_or(|seconds| seconds > RESPONSE_SECONDS_MAX) {
                let message = format!("`{span}` is over the ceiling; accepted are at most 2 hours (S0-6)");
                faults.push(Fault::value(path, message));
            }
        };
        for (channel, target) in self.frt.rows() {
            ceiling(join("/frt", channel), target, faults);
        }
        for (at, exception) in self.frt.overrides.iter().enumerate() {
            ceiling(format!("/frt/overrides/{at}/target"), exception.target, faults);
        }
        for (at, exception) in self.res.overrides.iter().enumerate() {
            if seconds(exception.target).is_none() {
                let message =
                    format!("`{}` is refused; accepted are hours or business hours", exception.target);
                faults.push(Fault::value(format!("/res/overrides/{at}/target"), message));
            }
        }
        ceiling("/nrt_phone".into(), self.nrt_phone, faults);
        let longest = self.frt.rows().into_iter().filter_map(|(_, target)| seconds(target)).max();
        if !matches!(self.accept, Span::Business(own) if Some(own.get()) <= longest) {
            let message = format!(
                "`{}` is refused; accepted are business hours up to the longest first response",
                self.accept
            );
            faults.push(Fault::value("/accept", message));
        }
        if self.escalate_round < 2 {
            faults.push(Fault::value(
                "/escalate_round",
                "the first round is no repetition; accepted is 2 or more",
            ));
        }
    }

    fn check_promise(&self, faults: &mut Vec<Fault>) {
        let promise = &self.promise;
        let rows = [("min", promise.min), ("default", promise.default), ("max", promise.max)];
        for (key, span) in rows {
            let within = matches!(span, Span::Business(own)
                if promise.owner_override || PROMISE_SECONDS.contains(&own.get()));
            if !within {
                let message = format!(
                    "`{span}` is refused; accepted are 4 to 8 business hours (S0-10), \
                     other business hours with `owner_override: true`"
                );
                faults.push(Fault::value(join("/promise", key), message));
            }
        }
        for pair in rows.windows(2) {
            let ((before, low), (key, high)) = (pair[0], pair[1]);
            if shorter(high, low) {
                let message = format!("`{high}` is shorter than `{before}`; accepted is `{low}` or more");
                faults.push(Fault::value(join("/promise", key), message));
            }
        }
    }

    fn check_order(&self, faults: &mut Vec<Fault>) {
        let res = &self.res;
        let rows = [("urgent", res.urgent), ("high", res.high), ("normal", res.normal), ("low", res.low)];
        for (key, span) in rows {
            if seconds(span).is_none() {
                let message = format!("`{span}` is refused; accepted are hours or business hours");
                faults.push(Fault::value(join("/res", key), message));
            }
        }
        for pair in rows.windows(2) {
            let ((before, short), (key, long)) = (pair[0], pair[1]);
            if shorter(long, short) {
                let message = format!("`{long}` is shorter than `{before}`; accepted is `{short}` or more");
                faults.push(Fault::value(join("/res", key), message));
            }
        }
        faults.extend(check_ladder("/ladder", &self.ladder, true));
        if !(1..=99).contains(&self.warn_at) {
            let message = format!("`{}` warns too late or never; accepted are 1 to 99 percent", self.warn_at);
            faults.push(Fault::value("/warn_at", message));
        }
    }

    fn check_windows(&self, faults: &mut Vec<Fault>) {
        let confirm =
            [("remind".to_owned(), self.confirm.remind), ("expire".to_owned(), self.confirm.expire)];
        rising_days("/confirm", &confirm, faults);
        let reminders = self.info.remind.iter().enumerate().map(|(at, span)| (format!("remind/{at}"), *span));
        let info: Vec<_> = reminders.chain([("expire".to_owned(), self.info.expire)]).collect();
        rising_days("/info", &info, faults);
        if !matches!(self.reopen_window, Span::CalendarDays(..)) {
            let message = format!("`{}` is refused; accepted are calendar days", self.reopen_window);
            faults.push(Fault::value("/reopen_window", message));
        }
        if !matches!(self.retention, Span::CalendarDays(days, _) if days.get() >= RETENTION_DAYS_MIN) {
            let message = format!(
                "`{}` is below the legal floor; accepted are {RETENTION_DAYS_MIN} calendar days or more",
                self.retention
            );
            faults.push(Fault::value("/retention", message));
        }
        for category in Category::ALL {
            if !self.dept.department_of_category.contains_key(&category) {
                let path = join("/dept/department_of_category", category.name());
                faults.push(Fault::value(path, "the category has no department; accepted is its name"));
            }
        }
    }

    fn check_callbacks(&self, faults: &mut Vec<Fault>) {
        let rate = &self.callback.rate;
        for (key, percent) in [
            ("missed_call", rate.missed_call),
            ("confirm_resolution", rate.confirm_resolution),
            ("post_resolution", rate.post_resolution),
        ] {
            if percent > 100 {
                let message = format!("`{percent}` is no share; accepted are 0 to 100 percent");
                faults.push(Fault::value(join("/callback/rate", key), message));
            }
        }
        if !matches!(self.callback.post_resolution_after, Span::WorkingDays(_)) {
            let message =
                format!("`{}` is refused; accepted are working days", self.callback.post_resolution_after);
            faults.push(Fault::value("/callback/post_resolution_after", message));
        }
    }
}
