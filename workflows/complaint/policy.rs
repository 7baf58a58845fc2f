//! Owns what a process owner may edit of a complaint: typed values and their ranges.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::SuspendReason;
use super::measure::{Complexity, Severity};
use crate::kernel::case::{Case, Channel};
use crate::kernel::common::CasePolicy;
use crate::kernel::fault::{Fault, join};
use crate::kernel::instant::Instant;
use crate::kernel::money::Amount;
use crate::kernel::sla::rule::{Rung, check_ladder};
use crate::kernel::sla::timing::Target;
use crate::kernel::span::Span;
use crate::workflows::response::{Frt, RESPONSE_SECONDS_MAX};
use crate::workflows::scale::Scale;
use crate::workflows::spans::{rising_days, seconds, shorter};

/// The whole time without an extension ends within so many calendar days, whatever the policy says.
const TOTAL_DAYS_MAX: u32 = 15;
/// Complaints are kept for three years at least, leap day included.
const RETENTION_DAYS_MIN: u32 = 3 * 365 + 1;

const DAY_MILLIS: i64 = 86_400_000;

/// The policy values of a complaint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The queue that complaints wait in.
    #[schemars(length(min = 1, max = 100))]
    pub queue: String,
    /// Acknowledgement: the first response time of the channel, at most two hours (A17).
    pub ack: Frt,
    /// Acknowledgement of what is urgent or dangerous, where the channel has no shorter one.
    pub ack_urgent: Span,
    /// Response to a later message on the phone channel; other channels have their acknowledgement time.
    pub nrt_phone: Span,
    /// To the decision who looks into it.
    pub assess: Assess,
    /// To the department's proposal, by severity.
    pub dept: BySeverity,
    /// To the ruling which department it is.
    pub arbitrate: Span,
    /// To the approval of a proposal.
    pub approve: Span,
    /// To telling the customer an approved plan.
    pub communicate: Span,
    /// Between two messages to the customer.
    pub progress: Span,
    /// From the registration to the end.
    pub total: Total,
    /// To the panel's decision.
    pub review: Span,
    /// For carrying out an action, at most and where its plan names no day.
    pub action_due: Span,
    /// The customer was asked for more.
    pub info: Info,
    /// The customer has the word on plan or result.
    pub confirm: Confirming,
    /// How long a settled complaint can be reopened.
    pub reopen_window: Span,
    /// How much longer, while a message is unread.
    pub unread_wait: Span,
    /// For how long a complaint can be suspended.
    pub suspend_max: Span,
    /// Reasons to suspend a complaint, or a clock.
    #[schemars(length(max = 20), inner(length(min = 1, max = 60)))]
    pub suspend_reasons: Vec<String>,
    /// Reasons to refuse a complaint.
    #[schemars(length(max = 50), inner(length(min = 1, max = 60)))]
    pub reject_reasons: Vec<String>,
    /// The round in which dissatisfaction goes to a review (A6).
    #[schemars(range(min = 1, max = 100))]
    pub max_rounds: u32,
    /// More time than the whole time.
    pub extend: Extensions,
    /// How much each role may give.
    pub approval_limits: Limits,
    /// A complaint about the same subject within this time after its end repeats it (S2-48).
    pub repeat_within: Span,
    /// When the call after a satisfied customer may begin.
    pub callback_after: Span,
    /// Callbacks that a complaint plans.
    pub callback: CallbackPolicy,
    /// Percent of a target at which clocks warn that say nothing else.
    #[schemars(range(min = 1, max = 99))]
    pub warn_at: u32,
    /// Who is told at which percent of a target by clocks that say nothing else.
    #[schemars(length(min = 1, max = 20))]
    pub ladder: Vec<Rung>,
    /// From this depth on a chain of flows becomes a management review (X12).
    #[schemars(range(min = 1, max = 10))]
    pub chain_depth_max: u32,
    /// How long an ended complaint is kept at least.
    pub retention: Span,
    /// What is aimed at.
    pub kpi: KpiPolicy,
    /// How customers score.
    pub satisfaction: SatisfactionPolicy,
    /// Whether monitors are told what happens (§3.0.5).
    #[serde(default)]
    pub observed: bool,
}

/// Time to the decision who looks into it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assess {
    /// Of any complaint.
    pub normal: Span,
    /// Of a critical one.
    pub critical: Span,
}

/// A time for each severity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BySeverity {
    /// 轻微
    pub minor: Span,
    /// 一般
    pub normal: Span,
    /// 重大
    pub major: Span,
    /// 特别重大
    pub critical: Span,
}

impl BySeverity {
    fn of(&self, severity: Option<Severity>) -> Span {
        match severity {
            Some(Severity::Minor) => self.minor,
            Some(Severity::Normal) | None => self.normal,
            Some(Severity::Major) => self.major,
            Some(Severity::Critical) => self.critical,
        }
    }
}

/// The whole time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Total {
    /// Of a simple complaint.
    pub simple: Span,
    /// Of a complex one, and of one that is not assessed.
    pub complex: Span,
    /// Never more than this without an extension: fifteen calendar days at most.
    pub most: Span,
}

/// The customer was asked for more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Info {
    /// When the customer is reminded, counted from the question.
    #[schemars(length(min = 1, max = 10))]
    pub remind: Vec<Span>,
    /// When it goes on without the answer.
    pub expire: Span,
}

/// The customer has the word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirming {
    /// When the customer is reminded.
    pub remind: Span,
    /// When somebody tries to reach the customer, again and again.
    pub expire: Span,
}

/// More time than the whole time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extensions {
    /// One for each extension: how far from the registration it may go.
    #[schemars(length(max = 2))]
    pub ceilings: Vec<Span>,
}

/// How much each role may give, in one currency; none is below the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The currency of limits and proposals (ISO 4217).
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    pub currency: String,
    /// 客服人员, on the spot.
    pub agent: Amount,
    /// 责任部门经办, without approval.
    pub dept_handler: Amount,
    /// 高级支持, without approval.
    pub senior_agent: Amount,
    /// 客服主管, by approval.
    pub limit1: Amount,
    /// 责任部门负责人, by approval; more is the process owner's.
    pub limit2: Amount,
}

/// Callbacks that a complaint plans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackPolicy {
    /// Percent of the complaints that are called back.
    pub rate: CallbackRates,
    /// When a callback should be done, counted from the moment it may begin.
    pub due: CallbackDues,
    /// How long after its due time a callback that never began still stands.
    pub grace: Span,
    /// The language of the call.
    #[schemars(length(min = 2, max = 35))]
    pub language: String,
}

/// Percent of the complaints that are called back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackRates {
    /// The customer is satisfied.
    #[schemars(range(max = 100))]
    pub post_complaint: u32,
}

/// When a callback should be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackDues {
    /// The customer is satisfied.
    pub post_complaint: Span,
}

/// What is aimed at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KpiPolicy {
    /// Targets by number of the KPI; the number below is an alarm.
    pub targets: KpiTargets,
}

/// Targets by number of the KPI.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KpiTargets {
    /// Percent of promises kept (S3-15).
    #[serde(rename = "K07")]
    #[schemars(range(min = 1, max = 100))]
    pub promises: u32,
    /// Percent of settled complaints with the customer's word (S3-16).
    #[serde(rename = "K08")]
    #[schemars(range(min = 1, max = 100))]
    pub closed_loop: u32,
    /// Mean score, on the scale of `satisfaction`, with one decimal (S0-17).
    #[serde(rename = "K09")]
    #[schemars(regex(pattern = "^[1-5]\\.[0-9]$"))]
    pub score: String,
    /// Percent of complaints whose first owner stood by them to the end (S3-14).
    #[serde(rename = "K19")]
    #[schemars(range(min = 1, max = 100))]
    pub first_owner: u32,
}

/// How customers score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SatisfactionPolicy {
    /// The scores that are asked for (S0-17).
    pub scale: Scale,
}

impl CasePolicy for Policy {
    fn ladder(&self) -> (u32, Vec<Rung>) {
        (self.warn_at, self.ladder.clone())
    }

    fn kpi_targets(&self) -> BTreeMap<String, String> {
        let targets = &self.kpi.targets;
        let percents =
            [("K07", targets.promises), ("K08", targets.closed_loop), ("K19", targets.first_owner)];
        let percents = percents.map(|(kpi, percent)| (kpi.to_owned(), percent.to_string()));
        percents.into_iter().chain([("K09".to_owned(), targets.score.clone())]).collect()
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

/// Targets.
impl Policy {
    /// The time to acknowledge `case`: of what is urgent the shorter one.
    pub fn ack(&self, case: &Case, urgent: bool) -> Span {
        let own = self.ack.target(case);
        if urgent && !shorter(own, self.ack_urgent) { self.ack_urgent } else { own }
    }

    /// The time to answer a later message of `case`.
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
            | Channel::Api => self.ack.target(case),
        }
    }

    /// The time to decide who looks into it.
    pub fn assess(&self, severity: Option<Severity>) -> Span {
        if severity == Some(Severity::Critical) { self.assess.critical } else { self.assess.normal }
    }

    /// The department's time.
    pub fn dept(&self, severity: Option<Severity>) -> Span {
        self.dept.of(severity)
    }

    /// The whole time.
    pub fn total(&self, complexity: Option<Complexity>) -> Target {
        let span = match complexity {
            Some(Complexity::Simple) => self.total.simple,
            Some(Complexity::Complex) | None => self.total.complex,
        };
        Target::Within(span, self.total.most)
    }
}

/// Range checks.
impl Policy {
    /// What lies outside its range, every fault at once.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.check_responses(&mut faults);
        self.check_times(&mut faults);
        self.check_days(&mut faults);
        self.check_order(&mut faults);
        self.check_reasons(&mut faults);
        self.check_kpis(&mut faults);
        faults
    }

    fn check_responses(&self, faults: &mut Vec<Fault>) {
        let mut ceiling = |path: String, span: Span| {
            if seconds(span).is_none_or(|seconds| seconds > RESPONSE_SECONDS_MAX) {
                let message = format!("`{span}` is over the ceiling; accepted are at most 2 hours (S0-6)");
                faults.push(Fault::value(path, message));
            }
        };
        for (channel, target) in self.ack.rows() {
            ceiling(join("/ack", channel), target);
        }
        for (at, exception) in self.ack.overrides.iter().enumerate() {
            ceiling(format!("/ack/overrides/{at}/target"), exception.target);
        }
        ceiling("/ack_urgent".into(), self.ack_urgent);
        ceiling("/nrt_phone".into(), self.nrt_phone);
    }

    fn check_times(&self, faults: &mut Vec<Fault>) {
        for (path, span) in [
            ("/assess/normal", self.assess.normal),
            ("/assess/critical", self.assess.critical),
            ("/arbitrate", self.arbitrate),
            ("/approve", self.approve),
            ("/communicate", self.communicate),
        ] {
            if seconds(span).is_none() {
                let message = format!("`{span}` is refused; accepted are hours or business hours");
                faults.push(Fault::value(path, message));
            }
        }
        let (normal, critical) = (self.assess.normal, self.assess.critical);
        if shorter(normal, critical) {
            let message = format!("`{critical}` is longer than `normal`; accepted is `{normal}` or less");
            faults.push(Fault::value("/assess/critical", message));
        }
    }

    fn check_days(&self, faults: &mut Vec<Fault>) {
        for (path, span) in [
            ("/dept/minor", self.dept.minor),
            ("/dept/normal", self.dept.normal),
            ("/dept/major", self.dept.major),
            ("/dept/critical", self.dept.critical),
            ("/progress", self.progress),
            ("/total/simple", self.total.simple),
            ("/total/complex", self.total.complex),
            ("/review", self.review),
            ("/action_due", self.action_due),
            ("/unread_wait", self.unread_wait),
            ("/callback_after", self.callback_after),
        ] {
            if !matches!(span, Span::WorkingDays(_)) {
                faults.push(Fault::value(path, format!("`{span}` is refused; accepted are working days")));
            }
        }
        if !matches!(self.total.most, Span::CalendarDays(days, _) if days.get() <= TOTAL_DAYS_MAX) {
            let message = format!(
                "`{}` is refused; accepted are up to {TOTAL_DAYS_MAX} calendar days",
                self.total.most
            );
            faults.push(Fault::value("/total/most", message));
        }
        for (path, span) in [
            ("/reopen_window", self.reopen_window),
            ("/suspend_max", self.suspend_max),
            ("/repeat_within", self.repeat_within),
        ] {
            if !matches!(span, Span::CalendarDays(..)) {
                faults.push(Fault::value(path, format!("`{span}` is refused; accepted are calendar days")));
            }
        }
        if !matches!(self.retention, Span::CalendarDays(days, _) if days.get() >= RETENTION_DAYS_MIN) {
            let message = format!(
                "`{}` is below the legal floor; accepted are {RETENTION_DAYS_MIN} calendar days or more",
                self.retention
            );
            faults.push(Fault::value("/retention", message));
        }
    }

    fn check_order(&self, faults: &mut Vec<Fault>) {
        let confirm =
            [("remind".to_owned(), self.confirm.remind), ("expire".to_owned(), self.confirm.expire)];
        rising_days("/confirm", &confirm, faults);
        let reminders = self.info.remind.iter().enumerate().map(|(at, span)| (format!("remind/{at}"), *span));
        let info: Vec<_> = reminders.chain([("expire".to_owned(), self.info.expire)]).collect();
        rising_days("/info", &info, faults);
        let mut least = TOTAL_DAYS_MAX;
        for (at, span) in self.extend.ceilings.iter().enumerate() {
            match span {
                Span::CalendarDays(days, _) if days.get() > least => least = days.get(),
                _ => {
                    let message =
                        format!("`{span}` is refused; accepted are more than {least} calendar days");
                    faults.push(Fault::value(format!("/extend/ceilings/{at}"), message));
                }
            }
        }
        let limits = &self.approval_limits;
        let rows = [
            ("agent", limits.agent),
            ("dept_handler", limits.dept_handler),
            ("senior_agent", limits.senior_agent),
            ("limit1", limits.limit1),
            ("limit2", limits.limit2),
        ];
        for pair in rows.windows(2) {
            let ((before, low), (key, high)) = (pair[0], pair[1]);
            if high < low {
                let message = format!("`{high}` is below `{before}`; accepted is `{low}` or more");
                faults.push(Fault::value(join("/approval_limits", key), message));
            }
        }
        faults.extend(check_ladder("/ladder", &self.ladder, false));
        if !(1..=99).contains(&self.warn_at) {
            let message = format!("`{}` warns too late or never; accepted are 1 to 99 percent", self.warn_at);
            faults.push(Fault::value("/warn_at", message));
        }
    }

    fn check_reasons(&self, faults: &mut Vec<Fault>) {
        let known = [
            SuspendReason::Litigation,
            SuspendReason::Regulator,
            SuspendReason::ForceMajeure,
            SuspendReason::ThirdPartyAppraisal,
        ]
        .map(SuspendReason::name);
        for (at, reason) in self.suspend_reasons.iter().enumerate() {
            if !known.contains(&reason.as_str()) {
                let message = format!("`{reason}` is no reason; accepted are {}", known.join(", "));
                faults.push(Fault::value(format!("/suspend_reasons/{at}"), message));
            }
        }
        if self.max_rounds < 1 {
            faults.push(Fault::value("/max_rounds", "`0` is no round; accepted is 1 or more"));
        }
    }

    fn check_kpis(&self, faults: &mut Vec<Fault>) {
        let rate = self.callback.rate.post_complaint;
        if rate > 100 {
            let message = format!("`{rate}` is no share; accepted are 0 to 100 percent");
            faults.push(Fault::value("/callback/rate/post_complaint", message));
        }
        let targets = &self.kpi.targets;
        for (number, percent) in
            [("K07", targets.promises), ("K08", targets.closed_loop), ("K19", targets.first_owner)]
        {
            if !(1..=100).contains(&percent) {
                let message = format!("`{percent}` is no target; accepted are 1 to 100 percent");
                faults.push(Fault::value(join("/kpi/targets", number), message));
            }
        }
        self.satisfaction.scale.check("/satisfaction/scale", faults);
        self.satisfaction.scale.check_mean("/kpi/targets/K09", &targets.score, faults);
    }
}
