//! Owns coordinates: takes rows and order from dagre, and pulls what belongs together as close as boxes allow.
//!
//! # Why
//! dagre aligns a graph with nested boxes very loosely: the consultation became
//! 4,000 pixels wide. Its rows and its order within them are good and are kept.
//! Places within the rows are found by springs along the lines, against the
//! distances that states, labels and boxes keep; rows follow each other as
//! closely as what stands in them allows.

use std::collections::{BTreeMap, BTreeSet};

use dagre::{EdgeLabel, Point};

use super::drawing::{HEAD, PADDING, Rect};
use crate::kernel::explore::cover::holds;

/// Distance of two things in a row.
const GAP: f64 = 14.0;
/// Distance of two rows.
const ROW_GAP: f64 = 20.0;
/// How close to each other everything starts, in parts of dagre's width.
const CROWDED: f64 = 0.4;
/// How strongly a piece of a line pulls, by how many of its two ends are bends: long ways are kept straight.
const PULL: [f64; 3] = [1.0, 2.0, 8.0];
/// Superstates in each other; no flow has more than two.
const NESTING_MAX: usize = 4;
/// Rounds of pulling: four times as many move no state of the consultation by half a pixel.
const PULLS: usize = 400;
/// Rounds of pushing apart after each pull.
const PUSHES: usize = 12;
/// Rounds of pushing apart at the end; each one moves what is too close by half the lack.
const PUSHES_LAST: usize = 2_000;
/// A lack of distance that nobody sees.
const LACK: f64 = 0.05;

/// A row, named by dagre's y in tenths of a pixel.
type Row = i64;

/// Something that takes part in one row.
struct Item {
    row: Row,
    x: f64,
    half: f64,
    height: f64,
    /// Whether it only bends a line.
    bend: bool,
}

/// A superstate's box.
struct Area {
    parent: Option<String>,
    laid: Rect,
    /// The width that its title needs.
    title: f64,
    /// First and last row of its states.
    rows: Option<(Row, Row)>,
}

/// A line as dagre laid it, from above to below.
struct Laid {
    ends: [usize; 2],
    points: Vec<Point>,
    label: Rect,
}

/// What is placed.
#[derive(Default)]
pub(super) struct Rows {
    items: Vec<Item>,
    nodes: BTreeMap<String, usize>,
    /// Area of each port.
    ports: BTreeMap<usize, String>,
    areas: BTreeMap<String, Area>,
    lines: Vec<Laid>,
}

/// Where everything stands.
pub(super) struct Placed {
    nodes: BTreeMap<String, Rect>,
    /// In the order in which they were added.
    pub chains: Vec<Chain>,
}

/// The way of a line, from above to below.
pub(super) struct Chain {
    pub points: Vec<Point>,
    pub label: Rect,
}

impl Placed {
    /// Where the node or superstate called `id` stands.
    pub fn node(&self, id: &str) -> Rect {
        self.nodes.get(id).copied().unwrap_or(Rect::around(0.0, 0.0, 0.0, 0.0))
    }
}

fn row_at(y: f64) -> Row {
    (y * 10.0).round() as Row
}

impl Rows {
    /// Adds a superstate, its parent before it; `title` is the width its title needs.
    pub fn add_area(&mut self, id: &str, parent: Option<&str>, laid: Rect, title: f64) {
        let area = Area { parent: parent.map(str::to_owned), laid, title, rows: None };
        self.areas.insert(id.to_owned(), area);
    }

    /// Adds a state, or the start.
    pub fn add_node(&mut self, id: &str, laid: Rect) {
        let row = self.add_item(id, laid);
        for (_, area) in self.areas.iter_mut().filter(|(area, _)| holds(area, id)) {
            let (first, last) = area.rows.unwrap_or((row, row));
            area.rows = Some((first.min(row), last.max(row)));
        }
    }

    /// Adds the point that arrows of `area` are joined to.
    pub fn add_port(&mut self, id: &str, laid: Rect, area: &str) {
        if !self.nodes.contains_key(id) {
            self.ports.insert(self.items.len(), area.to_owned());
            self.add_item(id, laid);
        }
    }

    fn add_item(&mut self, id: &str, laid: Rect) -> Row {
        let Point { x, y } = laid.middle();
        let row = row_at(y);
        self.nodes.insert(id.to_owned(), self.items.len());
        self.items.push(Item { row, x, half: laid.width() / 2.0, height: laid.height(), bend: false });
        row
    }

    /// Adds a line between two nodes.
    pub fn add_line(&mut self, above: &str, below: &str, edge: &EdgeLabel) {
        let ends = [above, below].map(|id| self.nodes.get(id).copied().unwrap_or_default());
        let label = Rect::around(edge.x.unwrap_or(0.0), edge.y.unwrap_or(0.0), edge.width, edge.height);
        self.lines.push(Laid { ends, points: edge.points.clone(), label });
    }

    /// Puts everything in its place.
    pub fn place(mut self) -> Placed {
        let chains = self.add_bends();
        let mut field = Field::new(&self, &chains);
        field.settle();
        let ys = self.heights();
        let at = |item: usize| {
            let Item { row, half, height, .. } = &self.items[item];
            Rect::around(field.x[item], ys[row], half * 2.0, *height)
        };
        let mut nodes: BTreeMap<String, Rect> =
            self.nodes.iter().map(|(id, item)| (id.clone(), at(*item))).collect();
        for (number, (id, area)) in self.areas.iter().enumerate() {
            if let Some((first, last)) = area.rows {
                let [left, right] = field.sides(number).map(|side| field.x[side]);
                let (top, bottom) = self.extent(id, first, last, &ys);
                nodes.insert(id.clone(), Rect { left, top, right, bottom });
            }
        }
        let chains = self.lines.iter().zip(&chains).map(|(line, items)| {
            let label =
                items.iter().find(|item| self.items[**item].height > 0.0 && !line.ends.contains(item));
            Chain {
                points: items.iter().map(|item| at(*item).middle()).collect(),
                label: label.map_or(line.label, |item| at(*item)),
            }
        });
        let chains = chains.collect();
        Placed { nodes, chains }
    }

    /// Makes an item of each place where a line crosses a row in which something stands.
    fn add_bends(&mut self) -> Vec<Vec<usize>> {
        let labels = self.lines.iter().map(|line| row_at(line.label.middle().y));
        let solid: BTreeSet<Row> = self.items.iter().map(|item| item.row).chain(labels).collect();
        let mut chains = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            let label = row_at(line.label.middle().y);
            let mut chain = vec![line.ends[0]];
            let inner = line.points.len().saturating_sub(1);
            for point in line.points.get(1..inner).unwrap_or_default() {
                let row = row_at(point.y);
                if solid.contains(&row) {
                    let (half, height) = if row == label {
                        (line.label.width() / 2.0, line.label.height())
                    } else {
                        (1.0, 0.0)
                    };
                    chain.push(self.items.len());
                    self.items.push(Item { row, x: point.x, half, height, bend: true });
                }
            }
            chain.push(line.ends[1]);
            chains.push(chain);
        }
        chains
    }

    /// Where the middle of each row stands.
    fn heights(&self) -> BTreeMap<Row, f64> {
        let mut high: BTreeMap<Row, f64> = BTreeMap::new();
        for item in &self.items {
            let row = high.entry(item.row).or_default();
            *row = row.max(item.height);
        }
        let begin =
            |row: Row| self.areas.values().filter(|area| area.rows.is_some_and(|rows| rows.0 == row)).count();
        let end =
            |row: Row| self.areas.values().filter(|area| area.rows.is_some_and(|rows| rows.1 == row)).count();
        let mut y = 0.0;
        let mut before = None;
        let mut middles = BTreeMap::new();
        for (row, height) in high {
            y += ROW_GAP + HEAD * begin(row) as f64 + PADDING * before.map_or(0, end) as f64;
            middles.insert(row, y + height / 2.0);
            y += height;
            before = Some(row);
        }
        middles
    }

    /// Top and bottom of an area: around its rows, and around the areas in it.
    fn extent(&self, id: &str, first: Row, last: Row, ys: &BTreeMap<Row, f64>) -> (f64, f64) {
        let inside = |edge: fn((Row, Row)) -> Row, row: Row| {
            let deepest = self
                .areas
                .iter()
                .filter(|(other, area)| holds(id, other) && area.rows.map(edge) == Some(row));
            deepest.map(|(other, _)| other.matches('.').count() - id.matches('.').count()).max().unwrap_or(0)
        };
        let half = |row: Row| {
            let states = self.nodes.values().map(|item| &self.items[*item]).filter(|item| item.row == row);
            states.map(|item| item.height).fold(0.0, f64::max) / 2.0
        };
        let above = 1 + inside(|rows| rows.0, first);
        let below = 1 + inside(|rows| rows.1, last);
        (ys[&first] - half(first) - HEAD * above as f64, ys[&last] + half(last) + PADDING * below as f64)
    }
}

/// Springs and distances in one dimension.
struct Field {
    x: Vec<f64>,
    /// First variable of the areas' borders.
    borders: usize,
    /// Two variables that pull at each other, and how strongly.
    springs: Vec<(usize, usize, f64)>,
    /// A variable, one that stays right of it, and how far at least.
    distances: Vec<(usize, usize, f64)>,
    /// Items that stay between two borders without moving them.
    ports: Vec<(usize, usize, usize)>,
}

impl Field {
    fn new(rows: &Rows, chains: &[Vec<usize>]) -> Self {
        let mut field = Self {
            x: rows.items.iter().map(|item| item.x * CROWDED).collect(),
            borders: rows.items.len(),
            springs: Vec::new(),
            distances: Vec::new(),
            ports: Vec::new(),
        };
        for area in rows.areas.values() {
            field.x.extend([area.laid.left * CROWDED, area.laid.right * CROWDED]);
        }
        for pair in chains.iter().flat_map(|chain| chain.windows(2)) {
            let bends = pair.iter().filter(|item| rows.items[**item].bend).count();
            field.springs.push((pair[0], pair[1], PULL[bends]));
        }
        field.keep_order(rows);
        field.keep_in_areas(rows);
        field.keep_areas_apart(rows);
        field
    }

    fn sides(&self, area: usize) -> [usize; 2] {
        [self.borders + 2 * area, self.borders + 2 * area + 1]
    }

    /// What stands in a row stays in dagre's order.
    fn keep_order(&mut self, rows: &Rows) {
        let mut in_rows: BTreeMap<Row, Vec<usize>> = BTreeMap::new();
        for (number, item) in rows.items.iter().enumerate() {
            in_rows.entry(item.row).or_default().push(number);
        }
        for row in in_rows.values_mut() {
            row.sort_by(|one, other| rows.items[*one].x.total_cmp(&rows.items[*other].x));
            for pair in row.windows(2) {
                let apart = rows.items[pair[0]].half + rows.items[pair[1]].half + GAP;
                self.distances.push((pair[0], pair[1], apart));
            }
        }
    }

    /// Items stay inside the areas that dagre laid around them, and outside of the others.
    fn keep_in_areas(&mut self, rows: &Rows) {
        for (number, (id, area)) in rows.areas.iter().enumerate() {
            let [left, right] = self.sides(number);
            self.distances.push((left, right, area.title));
            let Some((first, last)) = area.rows else { continue };
            for (at, item) in rows.items.iter().enumerate() {
                if rows.ports.get(&at).is_some_and(|port| port == id) {
                    self.ports.push((at, left, right));
                } else if !(first..=last).contains(&item.row) {
                    continue;
                } else if item.x > area.laid.left && item.x < area.laid.right {
                    self.distances.push((left, at, item.half + PADDING));
                    self.distances.push((at, right, item.half + PADDING));
                } else if item.x <= area.laid.left {
                    self.distances.push((at, left, item.half + GAP));
                } else {
                    self.distances.push((right, at, item.half + GAP));
                }
            }
        }
    }

    fn keep_areas_apart(&mut self, rows: &Rows) {
        for (one, (id, area)) in rows.areas.iter().enumerate() {
            let [left, right] = self.sides(one);
            for (other, (other_id, beside)) in rows.areas.iter().enumerate() {
                let [other_left, other_right] = self.sides(other);
                if beside.parent.as_deref() == Some(id) {
                    self.distances.push((left, other_left, PADDING));
                    self.distances.push((other_right, right, PADDING));
                }
                if holds(id, other_id) || holds(other_id, id) || one == other {
                    continue;
                }
                let overlap = area.rows.zip(beside.rows).is_some_and(|(a, b)| a.0 <= b.1 && b.0 <= a.1);
                if overlap && area.laid.left < beside.laid.left {
                    self.distances.push((right, other_left, GAP));
                }
            }
        }
    }

    /// Pulls and pushes until everything is close, and nothing too close.
    fn settle(&mut self) {
        for _ in 0..PULLS {
            self.pull();
            self.tighten();
            for _ in 0..PUSHES {
                self.push();
            }
        }
        self.tighten();
        for _ in 0..PUSHES_LAST {
            if self.push() < LACK {
                break;
            }
        }
    }

    /// Moves every item half way to where its springs want it.
    fn pull(&mut self) {
        let mut sums = vec![(0.0, 0.0); self.borders];
        for (one, other, pull) in &self.springs {
            for (at, to) in [(*one, *other), (*other, *one)] {
                sums[at].0 += self.x[to] * pull;
                sums[at].1 += pull;
            }
        }
        for (x, (sum, pulls)) in self.x.iter_mut().zip(sums) {
            if pulls > 0.0 {
                *x = f64::midpoint(*x, sum / pulls);
            }
        }
    }

    /// Draws the borders of areas as close as what they hold allows, inner ones first.
    fn tighten(&mut self) {
        let mut borders: BTreeMap<usize, f64> = BTreeMap::new();
        for _ in 0..NESTING_MAX {
            borders.clear();
            for (one, other, apart) in &self.distances {
                if self.is_left(*one) && !self.is_right(*other) {
                    let x = self.x[*other] - apart;
                    borders.entry(*one).and_modify(|left| *left = left.min(x)).or_insert(x);
                }
                if self.is_right(*other) && !self.is_left(*one) {
                    let x = self.x[*one] + apart;
                    borders.entry(*other).and_modify(|right| *right = right.max(x)).or_insert(x);
                }
            }
            for (at, x) in &borders {
                self.x[*at] = *x;
            }
        }
    }

    fn is_left(&self, at: usize) -> bool {
        at >= self.borders && (at - self.borders).is_multiple_of(2)
    }

    fn is_right(&self, at: usize) -> bool {
        at >= self.borders && !(at - self.borders).is_multiple_of(2)
    }

    /// Pushes apart what is too close, both by half the lack; the largest lack there was.
    fn push(&mut self) -> f64 {
        for (port, left, right) in &self.ports {
            let (low, high) = (self.x[*left] + 2.0 * PADDING, self.x[*right] - 2.0 * PADDING);
            self.x[*port] = self.x[*port].min(high).max(low);
        }
        let mut largest: f64 = 0.0;
        for (one, other, apart) in &self.distances {
            let lack = apart - (self.x[*other] - self.x[*one]);
            if lack > 0.0 {
                self.x[*one] -= lack / 2.0;
                self.x[*other] += lack / 2.0;
                largest = largest.max(lack);
            }
        }
        largest
    }
}
