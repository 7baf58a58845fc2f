//! The rules of a flow: what every event does in every state, who may send it, and which clocks run.

use askama::Template;
use axum::response::Response;

use super::flow::{Asked, Show, Top};
use super::shell::Shell;
use super::{page, words};
use crate::api::clock_rules::{ClockRuleView, PointRuleView};
use crate::api::diagrams::{TransitionGroup, TransitionTable, tabled};
use crate::api::error::ApiError;
use crate::kernel::table::SAME;

/// What one event does in each state.
struct EventRow {
    title: String,
    name: String,
    /// One for each state; empty where it is refused.
    cells: Vec<Cell>,
}

/// What an event does in a state.
struct Cell {
    text: String,
    /// Whether the state is never left.
    stays: bool,
}

/// One line of the numbered transitions.
struct Line {
    rule: &'static str,
    from: String,
    event: String,
    samples: String,
    to: String,
    effects: String,
}

#[derive(Template)]
#[template(path = "flow_table.html", config = "src/console/askama.toml")]
struct TablePage {
    shell: Shell,
    top: Top,
    /// Absent while the code is explored for the first time.
    table: Option<Table>,
}

/// What the code does.
struct Table {
    states: Vec<String>,
    events: Vec<EventRow>,
    lines: Vec<Line>,
    truncated: bool,
}

/// Shows states × events and the numbered transitions.
///
/// # Errors
/// `internal` where the code could not be explored.
pub async fn table(asked: &Asked) -> Result<Response, ApiError> {
    let table = asked.soon(tabled(&asked.visitor.state, asked.name())).await?;
    let table = table.map(|table| shown(asked, &table));
    page::page(&TablePage { shell: asked.shell(), top: asked.top(Show::Table), table })
}

fn shown(asked: &Asked, table: &TransitionTable) -> Table {
    let names = &asked.names;
    let cell = |targets: &Vec<String>| Cell {
        text: names.listed(targets.iter().map(|path| names.target(path))),
        stays: targets.iter().all(|path| path == SAME),
    };
    let event = |row: &crate::api::diagrams::EventCells| EventRow {
        title: names.event(&row.event),
        name: row.event.clone(),
        cells: row.cells.iter().map(cell).collect(),
    };
    Table {
        states: table.states.iter().map(|path| names.state(path)).collect(),
        events: table.events.iter().map(event).collect(),
        lines: table.transitions.iter().flat_map(|group| lines(asked, table, group)).collect(),
        truncated: table.truncated,
    }
}

fn lines(asked: &Asked, table: &TransitionTable, group: &TransitionGroup) -> Vec<Line> {
    let names = &asked.names;
    let line = |line: &crate::api::diagrams::TransitionLine| {
        let sometimes = line.sometimes.iter().map(|effect| format!("({effect})"));
        Line {
            rule: group.rule.unwrap_or_default(),
            from: names.states(&line.from, &table.states),
            event: names.event(&line.event),
            samples: line.samples.join(", "),
            to: names.target(&line.to),
            effects: line.always.iter().cloned().chain(sometimes).collect::<Vec<_>>().join("; "),
        }
    };
    group.lines.iter().map(line).collect()
}

/// An event and who may send it.
struct SentBy {
    title: String,
    name: String,
    about: String,
    roles: Vec<String>,
}

#[derive(Template)]
#[template(path = "flow_events.html", config = "src/console/askama.toml")]
struct EventsPage {
    shell: Shell,
    top: Top,
    start: String,
    events: Vec<SentBy>,
}

/// Shows the events with who may send them.
///
/// # Errors
/// None but that the page cannot be written.
pub fn events(asked: &Asked) -> Result<Response, ApiError> {
    let lang = asked.visitor.lang;
    let sent = |event: &crate::api::workflows::EventView| SentBy {
        title: asked.names.event(&event.event),
        name: event.event.clone(),
        about: event.about.clone(),
        roles: event.roles.iter().map(|role| words::role_named(role, lang)).collect(),
    };
    let events = asked.flow.events.iter().map(sent).collect();
    let start = asked.names.event(&asked.flow.row.start_event);
    page::page(&EventsPage { shell: asked.shell(), top: asked.top(Show::Events), start, events })
}

/// A clock as people read it.
struct ClockCard {
    name: String,
    title: String,
    target: String,
    /// The target's values, as the definition says them; absent for who may not read it.
    values: Option<String>,
    starts: String,
    stops: String,
    cancels: String,
    pauses: String,
    retargets: String,
    again: bool,
    calendars: Vec<String>,
    points: Vec<PointRow>,
}

/// At which percent who is told.
struct PointRow {
    level: u32,
    class: &'static str,
    kind: &'static str,
    told: String,
    action: String,
    min_target: Option<String>,
}

#[derive(Template)]
#[template(path = "flow_clocks.html", config = "src/console/askama.toml")]
struct ClocksPage {
    shell: Shell,
    top: Top,
    clocks: Vec<ClockCard>,
}

/// Shows the clocks with their targets.
///
/// # Errors
/// None but that the page cannot be written.
pub fn clocks(asked: &Asked) -> Result<Response, ApiError> {
    let text = asked.is_staff().then(|| super::flow_values::text_in_force(asked)).flatten();
    let card = |rule: &ClockRuleView| clock(asked, rule, text.as_deref());
    let clocks = asked.flow.clocks.iter().map(card).collect();
    page::page(&ClocksPage { shell: asked.shell(), top: asked.top(Show::Clocks), clocks })
}

fn clock(asked: &Asked, rule: &ClockRuleView, text: Option<&str>) -> ClockCard {
    let (names, lang) = (&asked.names, asked.visitor.lang);
    let triggers = |texts: &[String]| names.listed(texts.iter().map(|text| names.trigger(text)));
    let calendars = rule.calendars.iter().map(|other| {
        let given = [other.tier.as_deref(), other.priority.as_deref()].into_iter().flatten();
        let given = names.listed(given.map(|name| words::value(name, None, lang)));
        format!("{}{}{given}", other.calendar, lang.t(": ", "："))
    });
    ClockCard {
        name: rule.clock.clone(),
        title: lang.view(&rule.title).to_owned(),
        target: rule.target.clone(),
        values: text.and_then(|text| super::flow_values::block(text, &["policy", &rule.target])),
        starts: triggers(&rule.start_on),
        stops: triggers(&rule.stop_on),
        cancels: triggers(&rule.cancel_on),
        pauses: names.listed(rule.pause_in.iter().map(|path| names.state(path))),
        retargets: triggers(&rule.retarget_on),
        again: rule.cycle == "again",
        calendars: calendars.collect(),
        points: rule.points.iter().map(|point| self::point(asked, point)).collect(),
    }
}

fn point(asked: &Asked, point: &PointRuleView) -> PointRow {
    let (names, lang) = (&asked.names, asked.visitor.lang);
    let kind = match point.kind {
        "breach" => lang.t("breach", "超期"),
        "escalation" => lang.t("escalation", "升级"),
        _ => lang.t("warning", "预警"),
    };
    let level = point.escalate.as_deref().map(|level| match level {
        "senior" => lang.t("raised to a senior agent", "升级至高级支持"),
        "supervisor" => lang.t("raised to the supervisor", "升级至主管"),
        _ => lang.t("raised to the manager", "升级至负责人"),
    });
    let action = point.action.as_deref().map(|name| match name {
        "note_and_reassign" => {
            lang.t("a note is made and the case assigned anew", "记录并重新分派").to_owned()
        }
        other => words::sentence(other),
    });
    PointRow {
        level: point.level,
        class: if point.level < 100 { "warn" } else { "bad" },
        kind,
        told: names.listed(point.notify.iter().map(|who| names.told(who))),
        action: names.listed(level.map(str::to_owned).into_iter().chain(action)),
        min_target: point.min_target.as_deref().map(|span| names.span(span)),
    }
}
