//! Owns what a process owner may edit of a callback: typed values and their ranges.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::measure::Kind;
use crate::kernel::calendar::{Hours, ZONE_FORMAT, parse_zone};
use crate::kernel::common::CasePolicy;
use crate::kernel::fault::{Fault, join};
use crate::kernel::instant::Instant;
use crate::kernel::sla::rule::{Rung, check_ladder};
use crate::kernel::span::Span;
use crate::workflows::satisfaction::SatisfactionPolicy;

/// Nobody is called before this minute of the local day, whatever the policy says: 08:00.
const EARLIEST_MINUTE: u16 = 8 * 60;
/// Nor after this one: 21:00.
const LATEST_MINUTE: u16 = 21 * 60;
/// Recordings of callbacks are kept for six months at least.
const RETENTION_DAYS_MIN: u32 = 184;
/// Most attempts that a customer has to bear.
pub const ATTEMPTS_MAX: u32 = 10;

const DAY_MILLIS: i64 = 86_400_000;

/// The policy values of a callback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The queue that callbacks wait in.
    #[schemars(length(min = 1, max = 100))]
    pub queue: String,
    /// The time zone of customers whose own is not known.
    #[schemars(extend("format" = ZONE_FORMAT, "examples" = ["Asia/Shanghai"]))]
    pub zone: String,
    /// When customers are called, by their own clocks, on working days: within 08:00 to 21:00.
    #[schemars(length(min = 1, max = 10))]
    pub windows: Vec<Hours>,
    /// How often a customer is tried before the questionnaire; at least once on each of `min_days`.
    #[schemars(range(min = 1, max = 10))]
    pub max_attempts: u32,
    /// On how many days at least.
    #[schemars(range(min = 1, max = 10))]
    pub min_days: u32,
    /// When the customer is tried again.
    pub retry: Retry,
    /// For how long one person has a callback.
    pub lock: Lock,
    /// How much sooner or later than appointed a call may be.
    pub appointment_tolerance: Span,
    /// How long after an appointment it is due at the earliest.
    pub appointment_due: Span,
    /// When it should be done, counted from the moment it may begin, by type.
    pub due: Dues,
    /// How long after its due time it still stands.
    pub grace: Span,
    /// In so many days a customer is contacted once for a survey.
    #[schemars(range(min = 1, max = 366))]
    pub cap_days: u32,
    /// Types that need the customer's consent and not only a contract (S2-41).
    #[schemars(length(max = 9))]
    pub consent_for: Vec<Kind>,
    /// How long the questionnaire is waited for.
    pub fallback: Span,
    /// How customers are asked, and what the score means.
    pub satisfaction: SatisfactionPolicy,
    /// Reasons to suspend a clock.
    #[schemars(length(max = 20), inner(length(min = 1, max = 60)))]
    pub suspend_reasons: Vec<String>,
    /// Percent of a target at which clocks warn that say nothing else.
    #[schemars(range(min = 1, max = 99))]
    pub warn_at: u32,
    /// Who is told at which percent of a target by clocks that say nothing else.
    #[schemars(length(min = 1, max = 20))]
    pub ladder: Vec<Rung>,
    /// From this depth on a chain of flows becomes a management review (X12).
    #[schemars(range(min = 1, max = 10))]
    pub chain_depth_max: u32,
    /// How long an ended callback is kept at least.
    pub retention: Span,
    /// What is aimed at.
    pub kpi: KpiPolicy,
}

/// When the customer is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// The line was busy, or the call dropped.
    pub busy: Span,
    /// Nobody was there, the first time.
    pub no_answer: Span,
}

/// For how long one person has a callback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Until the attempt is made.
    pub contacting: Span,
    /// Until the customer has spoken.
    pub connected: Span,
}

/// When a callback should be done, by type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dues {
    /// 确认解决
    pub confirm_resolution: Span,
    /// 解决后回访
    pub post_resolution: Span,
    /// 投诉后回访
    pub post_complaint: Span,
    /// 定期回访
    pub periodic: Span,
    /// 沉默客户回访
    pub dormant: Span,
    /// 未接来电回拨
    pub missed_call: Span,
    /// 产品回访
    pub product: Span,
    /// 低分回访
    pub low_score: Span,
    /// 上门回访
    pub visit: Span,
}

impl Dues {
    /// The time of `kind`.
    pub const fn of(&self, kind: Kind) -> Span {
        match kind {
            Kind::ConfirmResolution => self.confirm_resolution,
            Kind::PostResolution => self.post_resolution,
            Kind::PostComplaint => self.post_complaint,
            Kind::Periodic => self.periodic,
            Kind::Dormant => self.dormant,
            Kind::MissedCall => self.missed_call,
            Kind::Product => self.product,
            Kind::LowScore => self.low_score,
            Kind::Visit => self.visit,
        }
    }
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
    /// Percent of planned callbacks in which the customer spoke, those on complaints aside (S0-19).
    #[serde(rename = "K14")]
    #[schemars(range(min = 1, max = 100))]
    pub called_back: u32,
    /// The same of callbacks on complaints.
    #[serde(rename = "K14.complaints", default = "all")]
    #[schemars(range(min = 1, max = 100))]
    pub on_complaints: u32,
}

impl KpiTargets {
    fn by_name(&self) -> [(&'static str, u32); 2] {
        [("K14", self.called_back), ("K14.complaints", self.on_complaints)]
    }
}

const fn all() -> u32 {
    100
}

impl CasePolicy for Policy {
    fn ladder(&self) -> (u32, Vec<Rung>) {
        (self.warn_at, self.ladder.clone())
    }

    fn kpi_targets(&self) -> BTreeMap<String, String> {
        self.kpi.targets.by_name().map(|(name, percent)| (name.to_owned(), percent.to_string())).into()
    }

    fn suspend_reasons(&self) -> &[String] {
        &self.suspend_reasons
    }

    fn retained_until(&self, ended: Instant) -> Instant {
        let days = match self.retention {
            Span::CalendarDays(days, _) => days.get(),
            // `Policy::check` lets no other kind pass.
            Span::WorkingDays(_) | Span::Business(_) | Span::Wall(_) => RETENTION_DAYS_MIN,
        };
        ended.plus_millis(i64::from(days) * DAY_MILLIS)
    }
}

/// Range checks.
impl Policy {
    /// What lies outside its range, every fault at once.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Err(reason) = parse_zone(&self.zone) {
            faults.push(Fault::value("/zone", reason));
        }
        self.check_windows(&mut faults);
        self.check_attempts(&mut faults);
        self.check_times(&mut faults);
        self.satisfaction.check(&mut faults);
        faults.extend(check_ladder("/ladder", &self.ladder, false));
        let targets = self.kpi.targets.by_name();
        let targets = targets.map(|(name, percent)| (format!("/kpi/targets/{name}"), percent, 100));
        for (path, percent, most) in targets.into_iter().chain([("/warn_at".to_owned(), self.warn_at, 99)]) {
            if !(1..=most).contains(&percent) {
                let message = format!("`{percent}` is refused; accepted are 1 to {most} percent");
                faults.push(Fault::value(path, message));
            }
        }
        faults
    }

    fn check_windows(&self, faults: &mut Vec<Fault>) {
        if self.windows.is_empty() {
            faults
                .push(Fault::value("/windows", "nobody could ever be called; accepted is a window or more"));
        }
        let mut last = EARLIEST_MINUTE;
        for (at, hours) in self.windows.iter().enumerate() {
            let path = format!("/windows/{at}");
            if hours.open() < EARLIEST_MINUTE || hours.close() > LATEST_MINUTE {
                let message = format!("`{hours}` disturbs rest; accepted are hours within 08:00 to 21:00");
                faults.push(Fault::value(path, message));
            } else if hours.open() < last {
                let message =
                    format!("`{hours}` is not after the window before; accepted are windows in order");
                faults.push(Fault::value(path, message));
            }
            last = hours.close();
        }
    }

    fn check_attempts(&self, faults: &mut Vec<Fault>) {
        if !(1..=ATTEMPTS_MAX).contains(&self.max_attempts) {
            let message = format!("`{}` is refused; accepted are 1 to {ATTEMPTS_MAX}", self.max_attempts);
            faults.push(Fault::value("/max_attempts", message));
        } else if !(1..=self.max_attempts).contains(&self.min_days) {
            let message = format!(
                "`{}` days need as many attempts; accepted are 1 to {}",
                self.min_days, self.max_attempts
            );
            faults.push(Fault::value("/min_days", message));
        }
        if self.cap_days == 0 {
            faults.push(Fault::value("/cap_days", "`0` caps nothing; accepted is 1 or more"));
        }
    }

    fn check_times(&self, faults: &mut Vec<Fault>) {
        let wall = |span: &Span| matches!(span, Span::Wall(_));
        let days = |span: &Span| matches!(span, Span::WorkingDays(_));
        let calendar_days = |span: &Span| matches!(span, Span::CalendarDays(..));
        for (path, span) in [
            ("/retry/busy", self.retry.busy),
            ("/retry/no_answer", self.retry.no_answer),
            ("/lock/contacting", self.lock.contacting),
            ("/lock/connected", self.lock.connected),
            ("/appointment_tolerance", self.appointment_tolerance),
        ] {
            refuse(path, span, wall, "minutes or hours, open or closed", faults);
        }
        for (path, span) in [("/appointment_due", self.appointment_due), ("/grace", self.grace)] {
            refuse(path, span, days, "working days", faults);
        }
        refuse("/fallback", self.fallback, calendar_days, "calendar days", faults);
        for kind in Kind::ALL {
            let path = join("/due", kind.name());
            let fits = |span: &Span| days(span) || matches!(span, Span::Business(_));
            refuse(&path, self.due.of(kind), fits, "working days or business hours", faults);
        }
        let floor =
            |span: &Span| matches!(span, Span::CalendarDays(days, _) if days.get() >= RETENTION_DAYS_MIN);
        let accepted = format!("{RETENTION_DAYS_MIN} calendar days or more, the legal floor");
        refuse("/retention", self.retention, floor, &accepted, faults);
    }
}

fn refuse(path: &str, span: Span, fits: impl Fn(&Span) -> bool, accepted: &str, faults: &mut Vec<Fault>) {
    if !fits(&span) {
        faults.push(Fault::value(path, format!("`{span}` is refused; accepted are {accepted}")));
    }
}
