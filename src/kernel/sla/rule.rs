//! Owns what a definition declares of a clock: what starts, stops, pauses and cancels it, its target and its ladder.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::kernel::actor::Role;
use crate::kernel::case::{Level, Priority, Rank, Tier};
use crate::kernel::fault::Fault;
use crate::kernel::span::Span;
use crate::kernel::title::Title;

/// Percent at which a clock is breached.
pub const BREACH: u32 = 100;
const TRIGGER_PATTERN: &str = "^((enter|leave) )?[a-z][a-z0-9_.]{0,99}$";

/// One clock of a flow, as its definition declares it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What people read.
    pub title: Title,
    /// Which of the flow's targets it runs against; the values stand under `policy`.
    #[schemars(length(min = 1, max = 40))]
    pub target: String,
    /// What starts it.
    #[schemars(length(min = 1, max = 20))]
    pub start_on: Vec<Trigger>,
    /// What stops it: in time it is met.
    #[schemars(length(min = 1, max = 20))]
    pub stop_on: Vec<Trigger>,
    /// What ends it without a verdict, beside the end of the case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub cancel_on: Vec<Trigger>,
    /// States in which it stands still, each with all states below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub pause_in: Vec<String>,
    /// What makes a running one look for its target again, from its original start (R10).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub retarget_on: Vec<Trigger>,
    /// Clocks beside which it does not start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub unless_running: Vec<String>,
    /// Whether it starts again after its end.
    #[serde(default, skip_serializing_if = "Cycle::is_again")]
    pub cycle: Cycle,
    /// Other calendars than the flow's for some cases; the first that fits counts (R3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub calendars: Vec<OtherCalendar>,
    /// Percent at which people are warned; the policy's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 99))]
    pub warn_at: Option<u32>,
    /// Who is told at which percent; the policy's ladder where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20))]
    pub ladder: Option<Vec<Rung>>,
}

/// Whether a clock starts again after its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cycle {
    /// Each time something starts it.
    #[default]
    Again,
    /// Once in the life of an instance.
    Once,
}

impl Cycle {
    fn is_again(&self) -> bool {
        *self == Self::Again
    }
}

/// A calendar for some cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherCalendar {
    /// For this tier only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// For this priority only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Name of the calendar.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"))]
    pub calendar: String,
}

/// One level of a ladder (R9).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Percent of the target.
    #[schemars(range(min = 1, max = 1_000))]
    pub at: u32,
    /// Who is told: `owner`, `role:supervisor`.
    #[schemars(length(min = 1, max = 10), inner(length(min = 1, max = 100)))]
    pub notify: Vec<String>,
    /// What they are asked to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub action: Option<String>,
    /// For targets of so much time and more only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_target: Option<Span>,
    /// The level that an open case is raised to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Level>,
}

/// What a clock says at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PointKind {
    /// The due time is near.
    Warning,
    /// The due time has passed.
    Breach,
    /// Another level of the ladder.
    Escalation,
}

impl PointKind {
    /// The event that records it.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Warning => "sla_warned",
            Self::Breach => "sla_breached",
            Self::Escalation => "sla_escalated",
        }
    }
}

/// A declared point of a clock: a percent of its target, and who is told.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    /// Percent of the target.
    pub level: u32,
    /// What it says.
    pub kind: PointKind,
    /// The level of the ladder, where one stands there.
    pub rung: Option<&'a Rung>,
}

impl Point<'_> {
    /// Who is told: those whom the ladder names, and of a warning that it does not have the owner.
    pub fn notify(&self) -> Vec<&str> {
        match (self.rung, self.kind) {
            (Some(rung), _) => rung.notify.iter().map(String::as_str).collect(),
            (None, PointKind::Warning) => vec!["owner"],
            (None, PointKind::Breach | PointKind::Escalation) => Vec::new(),
        }
    }
}

impl Rule {
    /// Its points for a target of `total` milliseconds, rising.
    pub fn points(&self, total: i64) -> impl Iterator<Item = Point<'_>> {
        let first = self.point_after(total, None);
        std::iter::successors(first, move |point| self.point_after(total, Some(point.level)))
    }

    /// Its lowest point beyond the level `beyond`; a target of no time has none before its due.
    pub fn point_after(&self, total: i64, beyond: Option<u32>) -> Option<Point<'_>> {
        let rungs = self.ladder.as_deref().unwrap_or_default();
        let warn_at = self.warn_at.unwrap_or(BREACH);
        let fits = |rung: &&Rung| {
            rung.min_target.is_none_or(|least| match least {
                Span::Business(seconds) | Span::Wall(seconds) => i64::from(seconds.get()) * 1_000 <= total,
                // The check of definitions lets no other kind pass here.
                Span::WorkingDays(_) | Span::CalendarDays(..) => true,
            })
        };
        let levels = rungs.iter().filter(fits).map(|rung| rung.at).chain([warn_at, BREACH]);
        let counts = |level: &u32| (total != 0 || *level == BREACH) && beyond.is_none_or(|at| *level > at);
        let level = levels.filter(counts).min()?;
        let kind = match level {
            BREACH => PointKind::Breach,
            _ if level == warn_at => PointKind::Warning,
            _ => PointKind::Escalation,
        };
        Some(Point { level, kind, rung: rungs.iter().filter(fits).find(|rung| rung.at == level) })
    }

    /// The name of the calendar that a case of this `rank` is counted on, where it is not the flow's.
    pub fn other_calendar(&self, rank: Option<Rank>) -> Option<&str> {
        let fits = |other: &&OtherCalendar| {
            other.tier.is_none_or(|tier| rank.is_some_and(|rank| rank.tier == tier))
                && other.priority.is_none_or(|priority| rank.is_some_and(|rank| rank.priority == priority))
        };
        self.calendars.iter().find(fits).map(|other| other.calendar.as_str())
    }
}

/// The clocks with the policy's warn point and ladder where they declare none.
pub fn resolve(
    clocks: BTreeMap<String, Rule>,
    (warn_at, ladder): (u32, Vec<Rung>),
) -> BTreeMap<String, Rule> {
    clocks
        .into_iter()
        .map(|(name, mut rule)| {
            rule.warn_at.get_or_insert(warn_at);
            rule.ladder.get_or_insert_with(|| ladder.clone());
            (name, rule)
        })
        .collect()
}

/// What starts, stops or cancels a clock: an event or signal by its name, or a state entered or left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trigger {
    /// An accepted event, or what a handler named: `human_outbound`.
    Name(String),
    /// Entering a state or superstate from outside of it.
    Enter(String),
    /// Leaving a state or superstate.
    Leave(String),
}

impl Trigger {
    /// Reads `submit`, `enter settled`, `leave open`.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let word = |text: &str| {
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte);
            (text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(fits))
                .then(|| text.to_owned())
        };
        let read = match text.split_once(' ') {
            Some(("enter", state)) => word(state).map(Self::Enter),
            Some(("leave", state)) => word(state).map(Self::Leave),
            Some(_) => None,
            None => word(text).map(Self::Name),
        };
        read.ok_or_else(|| {
            format!("`{text}` is no trigger; accepted are an event, a signal, `enter STATE` or `leave STATE`")
        })
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Enter(state) => write!(f, "enter {state}"),
            Self::Leave(state) => write!(f, "leave {state}"),
        }
    }
}

impl Serialize for Trigger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl JsonSchema for Trigger {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Trigger".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": TRIGGER_PATTERN,
            "examples": ["submit", "human_outbound", "enter settled", "leave open"],
            "description": "An event, a signal of the machine, or a state entered or left.",
        })
    }
}

/// What is wrong with a ladder that stands at `path`; `raises` says whether its flow can be escalated.
pub fn check_ladder(path: &str, rungs: &[Rung], raises: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, rung) in rungs.iter().enumerate() {
        let path = format!("{path}/{at}");
        if let Some(before) = at.checked_sub(1).map(|before| &rungs[before]).filter(|b| b.at >= rung.at) {
            let message = format!("`{}` does not rise; accepted is more than {}", rung.at, before.at);
            faults.push(Fault::value(format!("{path}/at"), message));
        }
        for (number, whom) in rung.notify.iter().enumerate().filter(|(_, whom)| !is_addressee(whom)) {
            let roles = Role::ALL.map(Role::name).join(", ");
            let message = format!(
                "`{whom}` is nobody; accepted are `owner`, `first_owner`, `queue:NAME` and `role:` with {roles}"
            );
            faults.push(Fault::value(format!("{path}/notify/{number}"), message));
        }
        if let Some(span @ (Span::WorkingDays(_) | Span::CalendarDays(..))) = rung.min_target {
            let message = format!("`{span}` is refused; accepted are hours or business hours");
            faults.push(Fault::value(format!("{path}/min_target"), message));
        }
        if rung.escalate.is_some() && !raises {
            let message = "the flow has no event `escalate`; accepted is a ladder without it";
            faults.push(Fault::key(format!("{path}/escalate"), message));
        }
    }
    faults
}

fn is_addressee(whom: &str) -> bool {
    match whom.split_once(':') {
        None => matches!(whom, "owner" | "first_owner"),
        Some(("role", role)) => Role::ALL.iter().any(|known| known.name() == role),
        Some(("queue", name)) => !name.is_empty(),
        Some(_) => false,
    }
}

/// Whether the state `path` is `state` or lies below it.
pub fn within(path: &str, state: &str) -> bool {
    path.strip_prefix(state).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
