//! Owns the two tables of a workflow: its transitions by number, and what each state does with each event.
//!
//! Both are made from an [`Exploration`] and say what the code does; as data
//! for programs, as Markdown for people and snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::explore::cover::{cover, short};
use super::explore::{Exploration, Kind, Row};

/// What a table says for a target that is the state itself, not left.
pub const SAME: &str = "same";

/// Every transition, by the number it has in the specification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transitions {
    /// The flow.
    pub workflow: &'static str,
    /// In the order of the specification (1, 2, 2a, 10); rows without a number last.
    pub groups: Vec<Group>,
    /// Leaf states that were reached, for short names in text.
    #[serde(skip)]
    leaves: Vec<String>,
}

/// The transitions of one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The number.
    pub rule: Option<&'static str>,
    /// One line for each event and target.
    pub lines: Vec<Line>,
}

/// What an event does in some states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// State paths, in the order of the specification.
    pub from: Vec<String>,
    /// The event; `timer NAME` for a due timer.
    pub event: String,
    /// The samples that got here: what the guard lets pass.
    pub samples: Vec<&'static str>,
    /// State path after; [`SAME`] where the state is not left.
    pub to: String,
    /// Effects it always has.
    pub always: Vec<String>,
    /// Effects it has in some configurations only.
    pub sometimes: Vec<String>,
}

/// What each state does with each event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventTable {
    /// The flow.
    pub workflow: &'static str,
    /// State paths: the columns.
    pub states: Vec<String>,
    /// One for each event that some state accepts.
    pub rows: Vec<EventRow>,
}

/// What each state does with one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventRow {
    /// The event; `timer NAME` for a due timer.
    pub event: String,
    /// For each state the paths it may lead to, [`SAME`] among them; empty where it is refused.
    pub cells: Vec<Vec<String>>,
}

/// The order of rule numbers: 1, 2, 2a, 2b, 3, 10, 10a.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleOrder(Vec<Part>);

/// A name with its place in the order of the specification.
type Placed<'a> = (usize, &'a str);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Letter(char),
}

impl RuleOrder {
    /// The place of `rule` among the others.
    pub fn of(rule: &str) -> Self {
        let mut parts = Vec::new();
        for letter in rule.chars() {
            match (letter.to_digit(10), parts.last_mut()) {
                (Some(digit), Some(Part::Number(number))) => {
                    *number = number.saturating_mul(10).saturating_add(u64::from(digit));
                }
                (Some(digit), _) => parts.push(Part::Number(u64::from(digit))),
                (None, _) => parts.push(Part::Letter(letter)),
            }
        }
        Self(parts)
    }
}

impl Transitions {
    /// The transitions that were found.
    pub fn of(exploration: &Exploration) -> Self {
        let mut groups: BTreeMap<(bool, Option<RuleOrder>), Vec<&Row>> = BTreeMap::new();
        for row in &exploration.rows {
            groups.entry((row.rule.is_none(), row.rule.map(RuleOrder::of))).or_default().push(row);
        }
        let groups = groups.values().map(|rows| group(exploration, rows)).collect();
        let leaves = exploration.leaves().into_iter().map(str::to_owned).collect();
        Self { workflow: exploration.workflow, groups, leaves }
    }

    /// The table as Markdown, states by their short names.
    pub fn markdown(&self) -> String {
        let leaves: Vec<&str> = self.leaves.iter().map(String::as_str).collect();
        let mut rows = vec![["#", "from", "event", "to", "effects"].map(str::to_owned).to_vec()];
        for group in &self.groups {
            for line in &group.lines {
                rows.push(vec![
                    group.rule.unwrap_or_default().to_owned(),
                    names(&line.from, &leaves),
                    format!("`{}` [{}]", line.event, line.samples.join(", ")),
                    short(&line.to, &leaves).to_owned(),
                    line.effects(),
                ]);
            }
        }
        markdown(&rows)
    }
}

impl Line {
    fn effects(&self) -> String {
        let sometimes = self.sometimes.iter().map(|effect| format!("({effect})"));
        self.always.iter().cloned().chain(sometimes).collect::<Vec<_>>().join("; ")
    }
}

/// Merges the rows of one number by event and target.
fn group(exploration: &Exploration, rows: &[&Row]) -> Group {
    let mut lines: BTreeMap<(usize, &str, usize, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let to = target(row);
        let key = (exploration.event_place(&row.event), row.event.as_str(), exploration.place(to), to);
        lines.entry(key).or_default().push(row);
    }
    Group {
        rule: rows.first().and_then(|row| row.rule),
        lines: lines.iter().map(|((_, event, _, to), rows)| line(exploration, event, to, rows)).collect(),
    }
}

fn line(exploration: &Exploration, event: &str, to: &str, rows: &[&Row]) -> Line {
    let mut from: Vec<String> = distinct(rows.iter().map(|row| row.from.clone()));
    from.sort_by_key(|path| exploration.place(path));
    let effects = distinct(rows.iter().flat_map(|row| &row.effects).cloned());
    let (always, sometimes) =
        effects.into_iter().partition(|effect| rows.iter().all(|row| row.effects.contains(effect)));
    Line {
        from,
        event: event.to_owned(),
        samples: distinct(rows.iter().map(|row| row.sample)),
        to: to.to_owned(),
        always,
        sometimes,
    }
}

/// Each item once, in the order of its first appearance.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}

fn target(row: &Row) -> &str {
    match row.kind {
        Kind::Moved => &row.to,
        Kind::Stayed => SAME,
    }
}

impl EventTable {
    /// What every reached state does with every event.
    pub fn of(exploration: &Exploration) -> Self {
        let states: Vec<String> = exploration.leaves().into_iter().map(str::to_owned).collect();
        let mut found: BTreeMap<Placed<'_>, Vec<BTreeSet<Placed<'_>>>> = BTreeMap::new();
        for row in &exploration.rows {
            let Some(column) = states.iter().position(|state| *state == row.from) else { continue };
            let key = (exploration.event_place(&row.event), row.event.as_str());
            let cells = found.entry(key).or_insert_with(|| vec![BTreeSet::new(); states.len()]);
            cells[column].insert((exploration.place(target(row)), target(row)));
        }
        let rows = found
            .into_iter()
            .map(|((_, event), cells)| EventRow {
                event: event.to_owned(),
                cells: cells
                    .iter()
                    .map(|cell| cell.iter().map(|(_, to)| (*to).to_owned()).collect())
                    .collect(),
            })
            .collect();
        Self { workflow: exploration.workflow, states, rows }
    }

    /// The table as Markdown: a line for each event, a column for each state, by their short names.
    pub fn markdown(&self) -> String {
        let leaves: Vec<&str> = self.states.iter().map(String::as_str).collect();
        let head = leaves.iter().map(|state| short(state, &leaves).to_owned());
        let mut rows = vec![std::iter::once("event".to_owned()).chain(head).collect::<Vec<_>>()];
        for row in &self.rows {
            let cells = row
                .cells
                .iter()
                .map(|cell| cell.iter().map(|to| short(to, &leaves)).collect::<Vec<_>>().join(", "));
            rows.push(std::iter::once(format!("`{}`", row.event)).chain(cells).collect());
        }
        markdown(&rows)
    }
}

/// Short names of `states`; `handling.*` for all leaves of a superstate.
fn names(states: &[String], leaves: &[&str]) -> String {
    let set = states.iter().map(String::as_str).collect();
    let covered = cover(&set, leaves, |_| true);
    let name = |path: &String| {
        if states.contains(path) {
            short(path, leaves).to_owned()
        } else {
            format!("{}.*", path.rsplit('.').next().unwrap_or(path))
        }
    };
    covered.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A Markdown table, its columns aligned; the first row is the head.
fn markdown(rows: &[Vec<String>]) -> String {
    let escaped: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| cell.replace('|', "\\|")).collect()).collect();
    let columns = escaped.first().map_or(0, Vec::len);
    let width = |column: usize| {
        escaped.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max("---".len())
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, row) in escaped.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            write!(text, "| {cell:width$} ").expect("writing to a string cannot fail");
        }
        text.push_str("|\n");
        if number == 0 {
            for width in &widths {
                write!(text, "| {:-<width$} ", "").expect("writing to a string cannot fail");
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{EventTable, RuleOrder, Transitions, markdown};
    use crate::kernel::toy::World;

    #[test]
    fn rule_numbers_are_ordered_as_in_the_specification() {
        let mut rules = ["10a", "3", "2b", "10", "1", "21d", "2", "2a", "9", "21", "3a", "100"];
        rules.sort_by_key(|rule| RuleOrder::of(rule));
        assert_eq!(rules, ["1", "2", "2a", "2b", "3", "3a", "9", "10", "10a", "21", "21d", "100"]);
    }

    #[test]
    fn rule_number_without_end_is_ordered_too() {
        assert!(RuleOrder::of(&"9".repeat(40)) > RuleOrder::of("10"));
    }

    #[test]
    fn transitions_of_the_toy() {
        insta::assert_snapshot!(Transitions::of(&World::new().explorer().explore()).markdown());
    }

    #[test]
    fn transitions_of_the_toy_as_data() {
        let transitions = Transitions::of(&World::new().explorer().explore());
        let fix = transitions.groups.iter().find(|group| group.rule == Some("4")).unwrap();
        insta::assert_json_snapshot!(fix);
    }

    #[test]
    fn events_of_the_toy_by_state() {
        insta::assert_snapshot!(EventTable::of(&World::new().explorer().explore()).markdown());
    }

    #[test]
    fn bar_in_a_cell_does_not_end_it() {
        let table = markdown(&[vec!["a|b".into()], vec!["c".into()]]);
        assert_eq!(table, "| a\\|b |\n| ---- |\n| c    |\n");
    }
}
