//! Owns the diagram of a workflow: states, what leads from one to another, and how that is drawn.
//!
//! [`Diagram::of`] makes it from an exploration as data. [`Diagram::arrows`] is
//! what is drawn: parallel transitions merged, and what every state of a
//! superstate does alike drawn once, from the superstate. [`mermaid`] writes it
//! as text; [`Drawing`] lays it out once and writes it as SVG for any case.

mod drawing;
pub mod mermaid;
mod place;
mod route;
mod style;
mod svg;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use drawing::Drawing;
pub use style::sheet;
pub use svg::{Badge, Mark, Taken};

use super::definition::Definition;
use super::explore::cover::{cover, holds, superstates};
use super::explore::{Exploration, Kind, Row};
use super::table::RuleOrder;
use super::title::Title;

/// The language that titles are shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// English.
    En,
    /// 中文
    Zh,
}

impl Language {
    /// The text of `title` in this language.
    pub fn of(self, title: &Title) -> &str {
        match self {
            Self::En => &title.en,
            Self::Zh => &title.zh,
        }
    }

    /// Its BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }
}

/// States and transitions of a workflow, for programs and pictures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagram {
    /// The flow.
    pub workflow: &'static str,
    /// The flow's title.
    pub title: Title,
    /// Superstates and states, each superstate before what it holds, else in the order of the specification.
    pub nodes: Vec<Node>,
    /// Transitions from leaf to leaf, one for each pair; the start comes from [`BEFORE_START`](super::explore::BEFORE_START).
    pub edges: Vec<Edge>,
}

/// A state or superstate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its dotted path.
    pub id: String,
    /// The superstate that holds it.
    pub parent: Option<String>,
    /// What people call it.
    pub title: Title,
    /// What it is.
    pub kind: NodeKind,
    /// Whether exploration reached it.
    pub reached: bool,
    /// What is accepted in it without leaving it.
    pub stays: Vec<Cause>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Holds other states.
    Superstate,
    /// A leaf where the case goes on.
    State,
    /// A leaf where the case ends.
    Final,
}

/// A transition between two leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Path of the state before.
    pub from: String,
    /// Path of the state after.
    pub to: String,
    /// The events that do it.
    pub causes: Vec<Cause>,
}

/// An event that does something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The event; `timer NAME` for a due timer.
    pub event: String,
    /// What people call it.
    pub title: Title,
    /// Numbers of the transitions in the specification.
    pub rules: Vec<&'static str>,
}

/// One line of the picture: a transition of a state, or of every state of a superstate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// A leaf, a superstate, or [`BEFORE_START`](super::explore::BEFORE_START).
    pub from: String,
    /// A leaf.
    pub to: String,
    /// The events that do it.
    pub causes: Vec<Cause>,
}

impl Arrow {
    /// Whether it stands for the transition between two leaves.
    pub fn covers(&self, from: &str, to: &str) -> bool {
        self.to == to && (self.from == from || holds(&self.from, from))
    }
}

impl Diagram {
    /// The diagram of what was found, titled as the definition says.
    pub fn of(exploration: &Exploration, definition: &Definition) -> Self {
        let titles = Titles(definition);
        let mut edges: BTreeMap<(usize, usize), Vec<&Row>> = BTreeMap::new();
        let mut stays: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in &exploration.rows {
            match row.kind {
                Kind::Moved => {
                    let key = (exploration.place(&row.from), exploration.place(&row.to));
                    edges.entry(key).or_default().push(row);
                }
                Kind::Stayed => stays.entry(&row.from).or_default().push(row),
            }
        }
        let edges = edges
            .values()
            .map(|rows| Edge {
                from: rows[0].from.clone(),
                to: rows[0].to.clone(),
                causes: causes(exploration, &titles, rows),
            })
            .collect();
        let mut nodes: Vec<Node> = Vec::new();
        for spec in &exploration.states {
            for parent in superstates(&spec.path) {
                if !nodes.iter().any(|node| node.id == parent) {
                    let reached = exploration.reached.iter().any(|leaf| holds(parent, leaf));
                    nodes.push(titles.node(parent, NodeKind::Superstate, reached));
                }
            }
            let kind = if spec.is_final { NodeKind::Final } else { NodeKind::State };
            let mut node = titles.node(&spec.path, kind, exploration.reached.contains(&spec.path));
            if let Some(rows) = stays.get(spec.path.as_str()) {
                node.stays = causes(exploration, &titles, rows);
            }
            nodes.push(node);
        }
        Self { workflow: exploration.workflow, title: definition.title.clone(), nodes, edges }
    }

    /// What is drawn: merged, from the superstate where all its reached leaves do the same; no self-loops.
    pub fn arrows(&self) -> Vec<Arrow> {
        let leaves = self.reached_leaves();
        let mut sources: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        for edge in &self.edges {
            for cause in &edge.causes {
                sources.entry((&edge.to, &cause.event)).or_default().insert(&edge.from);
            }
        }
        let mut arrows: Vec<Arrow> = Vec::new();
        for edge in &self.edges {
            for cause in &edge.causes {
                let from = &sources[&(edge.to.as_str(), cause.event.as_str())];
                let covered = cover(from, &leaves, |parent| !holds(parent, &edge.to));
                let source = covered.into_iter().find(|name| *name == edge.from || holds(name, &edge.from));
                let source = source.unwrap_or_else(|| edge.from.clone());
                if source != edge.to {
                    add(&mut arrows, source, &edge.to, cause);
                }
            }
        }
        arrows
    }

    /// The node called `id`.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    fn reached_leaves(&self) -> Vec<&str> {
        let leaves = self.nodes.iter().filter(|node| node.kind != NodeKind::Superstate && node.reached);
        leaves.map(|node| node.id.as_str()).collect()
    }
}

/// Adds a cause to the arrow between two nodes, which it makes where there is none.
fn add(arrows: &mut Vec<Arrow>, from: String, to: &str, cause: &Cause) {
    let arrow = match arrows.iter_mut().position(|arrow| arrow.from == from && arrow.to == to) {
        Some(at) => &mut arrows[at],
        None => {
            arrows.push(Arrow { from, to: to.to_owned(), causes: Vec::new() });
            arrows.last_mut().expect("one was just pushed")
        }
    };
    match arrow.causes.iter_mut().find(|known| known.event == cause.event) {
        Some(known) => {
            known.rules.extend(&cause.rules);
            order_rules(&mut known.rules);
        }
        None => arrow.causes.push(cause.clone()),
    }
}

fn order_rules(rules: &mut Vec<&'static str>) {
    rules.sort_by_key(|rule| RuleOrder::of(rule));
    rules.dedup();
}

/// The events of some rows, in the order of the specification.
fn causes(exploration: &Exploration, titles: &Titles<'_>, rows: &[&Row]) -> Vec<Cause> {
    let mut rules: BTreeMap<(usize, &str), Vec<&'static str>> = BTreeMap::new();
    for row in rows {
        let key = (exploration.event_place(&row.event), row.event.as_str());
        rules.entry(key).or_default().extend(row.rule);
    }
    rules
        .into_iter()
        .map(|((_, event), mut rules)| {
            order_rules(&mut rules);
            Cause { event: event.to_owned(), title: titles.event(event), rules }
        })
        .collect()
}

/// Titles of the definition; what has none is shown by its name.
struct Titles<'a>(&'a Definition);

impl Titles<'_> {
    fn node(&self, path: &str, kind: NodeKind, reached: bool) -> Node {
        let parent = superstates(path).last().map(str::to_owned);
        let last = path.rsplit('.').next().unwrap_or(path);
        let title = self.0.states.get(path).cloned().unwrap_or_else(|| by_name(last));
        Node { id: path.to_owned(), parent, title, kind, reached, stays: Vec::new() }
    }

    fn event(&self, event: &str) -> Title {
        if let Some(title) = self.0.events.get(event) {
            return title.clone();
        }
        match event.strip_prefix("timer ") {
            Some(timer) => Title { en: format!("timer {timer}"), zh: format!("定时 {timer}") },
            None => by_name(event),
        }
    }
}

fn by_name(name: &str) -> Title {
    let words = name.replace('_', " ");
    Title { en: words.clone(), zh: words }
}
