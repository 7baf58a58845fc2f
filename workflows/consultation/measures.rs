//! Owns the policy values of measuring: KPI targets, and how the customer's score is read.
//!
//! A consultation checks scores against the scale. The other values are what reports compare with and
//! what the flows that ask customers read. A definition written before they existed has their defaults.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::fault::{Fault, join};
use crate::kernel::span::{Roll, Span};
use crate::workflows::row::Pass;
pub use crate::workflows::scale::Scale;

/// What is aimed at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KpiPolicy {
    /// Targets of the KPIs that consultations count in and that have one.
    pub targets: KpiTargets,
}

/// Targets by number of the KPI; the number below is an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KpiTargets {
    /// Percent of first responses on time (S0-20).
    #[serde(rename = "K02")]
    #[schemars(range(min = 1, max = 100))]
    pub first_response: u32,
    /// Percent of ended cases that were resolved (S0-20).
    #[serde(rename = "K04")]
    #[schemars(range(min = 1, max = 100))]
    pub resolution: u32,
    /// Percent of promises kept (S3-15).
    #[serde(rename = "K07")]
    #[schemars(range(min = 1, max = 100))]
    pub promises: u32,
    /// Percent of settled cases with the customer's word (S3-16).
    #[serde(rename = "K08")]
    #[schemars(range(min = 1, max = 100))]
    pub closed_loop: u32,
    /// Mean score, on the scale of `satisfaction`, with one decimal (S0-17).
    #[serde(rename = "K09")]
    #[schemars(regex(pattern = "^[1-5]\\.[0-9]$"))]
    pub score: String,
    /// Percent of cases whose first owner stood by them to the end (S3-14).
    #[serde(rename = "K19")]
    #[schemars(range(min = 1, max = 100))]
    pub first_owner: u32,
    /// Percent of messages in closed hours that were answered automatically (S3-12).
    #[serde(rename = "K37")]
    #[schemars(range(min = 1, max = 100))]
    pub off_hours: u32,
}

impl KpiTargets {
    /// Each by the number of its KPI, as a decimal.
    pub fn by_number(&self) -> BTreeMap<String, String> {
        let percents = [
            ("K02", self.first_response),
            ("K04", self.resolution),
            ("K07", self.promises),
            ("K08", self.closed_loop),
            ("K19", self.first_owner),
            ("K37", self.off_hours),
        ];
        let percents = percents.map(|(kpi, percent)| (kpi.to_owned(), percent.to_string()));
        percents.into_iter().chain([("K09".to_owned(), self.score.clone())]).collect()
    }
}

impl Default for KpiTargets {
    fn default() -> Self {
        Self {
            first_response: 95,
            resolution: 90,
            promises: 100,
            closed_loop: 100,
            score: "4.2".to_owned(),
            first_owner: 100,
            off_hours: 100,
        }
    }
}

/// How customers are asked for their judgement, and what it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SatisfactionPolicy {
    /// The scores that are asked for (S0-17).
    pub scale: Scale,
    /// This score and those below are low (S0-18).
    #[schemars(range(min = 1, max = 5))]
    pub low: u8,
    /// The score that says neither good nor bad.
    #[schemars(range(min = 1, max = 5))]
    pub neutral: u8,
    /// Whether a low score that nobody decides on becomes a complaint after half of `recovery`.
    pub auto_complaint_on_low: bool,
    /// How long the link to a survey can be used.
    pub link_ttl: Span,
    /// After which endings the customer is asked.
    pub survey_on_disposition: SurveyEndings,
    /// Within this time something is opened for a low score (K16).
    pub recovery: Span,
}

/// After which endings the customer is asked: after each but those named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SurveyEndings {
    /// Endings after which nobody is asked.
    #[schemars(length(max = 8))]
    pub except: Vec<Ending>,
}

/// How a consultation can end: the last part of its `closed` states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// 解决
    Resolved,
    /// 未确认
    Unconfirmed,
    /// 失联
    NoResponse,
    /// 已转其他流程
    Converted,
    /// 客户撤回
    Withdrawn,
    /// 重复合并
    Duplicate,
    /// 来电放弃
    Abandoned,
    /// 无效
    Invalid,
    /// 强制关闭
    Forced,
}

impl Default for SurveyEndings {
    fn default() -> Self {
        Self { except: vec![Ending::Withdrawn, Ending::Invalid] }
    }
}

impl Default for SatisfactionPolicy {
    fn default() -> Self {
        let days = |days| std::num::NonZeroU32::new(days).expect("a week and two days are not zero");
        Self {
            scale: Scale::default(),
            low: 2,
            neutral: 3,
            auto_complaint_on_low: true,
            link_ttl: Span::CalendarDays(days(7), Roll::Stay),
            survey_on_disposition: SurveyEndings::default(),
            recovery: Span::Wall(days(2 * 24 * 3_600)),
        }
    }
}

impl KpiPolicy {
    /// Adds what lies outside its range; a mean lies on `scale`.
    pub fn check(&self, scale: Scale, faults: &mut Vec<Fault>) {
        let targets = &self.targets;
        for (number, percent) in [
            ("K02", targets.first_response),
            ("K04", targets.resolution),
            ("K07", targets.promises),
            ("K08", targets.closed_loop),
            ("K19", targets.first_owner),
            ("K37", targets.off_hours),
        ] {
            if !(1..=100).contains(&percent) {
                let message = format!("`{percent}` is no target; accepted are 1 to 100 percent");
                faults.push(Fault::value(join("/kpi/targets", number), message));
            }
        }
        scale.check_mean("/kpi/targets/K09", &targets.score, faults);
    }
}

impl SatisfactionPolicy {
    /// Adds what lies outside its range.
    pub fn check(&self, faults: &mut Vec<Fault>) {
        let Scale { worst, best } = self.scale;
        if !self.scale.check("/satisfaction/scale", faults) {
            return;
        }
        let mut refuse = |key: &str, message: String| {
            faults.push(Fault::value(format!("/satisfaction/{key}"), message));
        };
        if !(worst..best - 1).contains(&self.low) {
            let message = format!("`{}` is refused; accepted are {worst} to {}", self.low, best - 2);
            refuse("low", message);
        } else if self.neutral <= self.low || self.neutral >= best {
            let message = format!(
                "`{}` is refused; accepted are {} to {}, between low and best",
                self.neutral,
                self.low + 1,
                best - 1
            );
            refuse("neutral", message);
        }
        if !matches!(self.link_ttl, Span::CalendarDays(..)) {
            refuse("link_ttl", format!("`{}` is refused; accepted are calendar days", self.link_ttl));
        }
        if !matches!(self.recovery, Span::Wall(_)) {
            let message = format!("`{}` is refused; accepted are hours, open or closed", self.recovery);
            refuse("recovery", message);
        }
        let except = &self.survey_on_disposition.except;
        for (at, ending) in except.iter().enumerate() {
            if except[..at].contains(ending) {
                let message = "the ending is named twice; accepted is each once".to_owned();
                refuse(&format!("survey_on_disposition/except/{at}"), message);
            }
        }
    }

    /// Passes a score that is on the scale, or none.
    ///
    /// # Errors
    /// `score_off_scale`.
    pub fn on_scale(&self, score: Option<u8>) -> Pass {
        self.scale.holds(score)
    }
}
