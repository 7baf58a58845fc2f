//! Owns how a declared clock is shown: what moves it, what it runs against, and who is told when.

use serde::Serialize;
use utoipa::ToSchema;

use super::clocks::kind_name;
use super::workflows::TitleView;
use crate::kernel::case::Level;
use crate::kernel::sla::rule::{Cycle, OtherCalendar, Point, Rule, Trigger};

/// A clock as the definition declares it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClockRuleView {
    /// Its name.
    #[schema(example = "FRT")]
    pub clock: String,
    /// Its title.
    pub title: TitleView,
    /// Which of the flow's targets it runs against; the values stand under `policy` of the definition.
    #[schema(example = "frt")]
    pub target: String,
    /// What starts it: events, signals of the machine, `enter STATE`, `leave STATE`.
    pub start_on: Vec<String>,
    /// What stops it.
    pub stop_on: Vec<String>,
    /// What ends it without a verdict.
    pub cancel_on: Vec<String>,
    /// States in which it stands still.
    pub pause_in: Vec<String>,
    /// What makes it look for its target again, from its original start.
    pub retarget_on: Vec<String>,
    /// Clocks beside which it does not start.
    pub unless_running: Vec<String>,
    /// Whether it starts again after its end: `again` or `once`.
    pub cycle: &'static str,
    /// Other calendars than the flow's, for some cases; the first that fits counts.
    pub calendars: Vec<OtherCalendarView>,
    /// At which percent of its target who is told, rising.
    pub points: Vec<PointRuleView>,
}

/// A calendar for some cases.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OtherCalendarView {
    /// For this tier of customers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tier: Option<String>,
    /// For this priority only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub priority: Option<String>,
    /// Name of the calendar.
    pub calendar: String,
}

/// A declared point of a clock.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PointRuleView {
    /// Percent of the target.
    pub level: u32,
    /// What it says: `warning`, `breach`, `escalation`.
    pub kind: &'static str,
    /// Who is told.
    pub notify: Vec<String>,
    /// What they are asked to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub action: Option<String>,
    /// For targets of so much time and more only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub min_target: Option<String>,
    /// The level that an open case is raised to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub escalate: Option<String>,
}

impl ClockRuleView {
    /// The clock `name` as `rule` declares it.
    pub fn new(name: &str, rule: &Rule) -> Self {
        let texts = |triggers: &[Trigger]| triggers.iter().map(ToString::to_string).collect();
        Self {
            clock: name.to_owned(),
            title: TitleView::from(&rule.title),
            target: rule.target.clone(),
            start_on: texts(&rule.start_on),
            stop_on: texts(&rule.stop_on),
            cancel_on: texts(&rule.cancel_on),
            pause_in: rule.pause_in.clone(),
            retarget_on: texts(&rule.retarget_on),
            unless_running: rule.unless_running.clone(),
            cycle: match rule.cycle {
                Cycle::Again => "again",
                Cycle::Once => "once",
            },
            calendars: rule.calendars.iter().map(OtherCalendarView::from).collect(),
            // The longest target there is has every point.
            points: rule.points(i64::MAX).map(PointRuleView::from).collect(),
        }
    }
}

impl From<&OtherCalendar> for OtherCalendarView {
    fn from(other: &OtherCalendar) -> Self {
        Self {
            tier: other.tier.map(text),
            priority: other.priority.map(text),
            calendar: other.calendar.clone(),
        }
    }
}

impl From<Point<'_>> for PointRuleView {
    fn from(point: Point<'_>) -> Self {
        Self {
            level: point.level,
            kind: kind_name(point.kind),
            notify: point.notify().into_iter().map(str::to_owned).collect(),
            action: point.rung.and_then(|rung| rung.action.clone()),
            min_target: point.rung.and_then(|rung| rung.min_target).map(|span| span.to_string()),
            escalate: point.rung.and_then(|rung| rung.escalate).map(|level: Level| text(level)),
        }
    }
}

/// The name of a value that is written as one.
fn text(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
