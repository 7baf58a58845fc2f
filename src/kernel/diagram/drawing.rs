//! Owns where everything of a picture stands: layered layout by dagre, superstates as boxes around their states.
//!
//! # Why
//! States stand in the order of the specification: dagre gets every arrow in
//! that direction, so that it never has to guess which one of a cycle leads
//! back, and the picture reads from the start at the top to the ends at the
//! bottom. dagre joins leaves only; an arrow of a superstate is joined to a
//! point below everything in it (above, where it leads back): its port.

use std::collections::BTreeMap;

use dagre::graph::{Graph, GraphOptions};
use dagre::layout::types::LabelPos;
use dagre::{EdgeLabel, NodeLabel, Point, layout};

use super::place::{Chain, Placed, Rows};
use super::route;
use super::text::width;
use super::{Arrow, Diagram, Language, Node, NodeKind};
use crate::kernel::explore::BEFORE_START;
use crate::kernel::explore::cover::holds;
use crate::kernel::title::Title;

/// Font size of states in pixels.
const STATE_TEXT: f64 = 14.0;
/// Font size of superstates and events in pixels.
const SMALL_TEXT: f64 = 12.0;
/// Distance of two lines of an arrow's label.
pub(super) const LABEL_LINE: f64 = 15.0;
/// Free space left and right of a label.
const LABEL_PADDING: f64 = 4.0;
/// Free space around the picture.
const MARGIN: f64 = 16.0;
/// Height of a state's box.
const STATE_HEIGHT: f64 = 38.0;
/// Free space left and right of a state's title.
const STATE_PADDING: f64 = 16.0;
/// Diameter of the start marker.
pub(super) const START_SIZE: f64 = 16.0;
/// What a superstate's title takes above its states.
pub(super) const HEAD: f64 = 24.0;
/// Free space inside a superstate, beside and below its states.
pub(super) const PADDING: f64 = 12.0;

/// Distance of two lines that end at the same edge of a state, where there is room.
const END_STEP: f64 = 20.0;

type Layout = Graph<NodeLabel, EdgeLabel>;

/// A picture whose layout is done: cheap to write as SVG again and again, for each case's own path.
#[derive(Clone, Debug)]
pub struct Drawing {
    pub(super) workflow: &'static str,
    pub(super) title: Title,
    pub(super) language: Language,
    pub(super) width: f64,
    pub(super) height: f64,
    /// Superstates before what they hold.
    pub(super) shapes: Vec<Shape>,
    pub(super) start: Point,
    pub(super) lines: Vec<Line>,
}

/// A box of the picture.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub node: Node,
    pub rect: Rect,
    /// Number of its outermost superstate: its colour.
    pub family: usize,
}

/// An arrow of the picture.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub arrow: Arrow,
    pub points: Vec<Point>,
    /// Where its label stands.
    pub label: Rect,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    pub(super) const EMPTY: Self =
        Self { left: f64::INFINITY, top: f64::INFINITY, right: f64::NEG_INFINITY, bottom: f64::NEG_INFINITY };

    pub(super) fn around(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self {
            left: x - width / 2.0,
            top: y - height / 2.0,
            right: x + width / 2.0,
            bottom: y + height / 2.0,
        }
    }

    pub(super) fn of(node: &NodeLabel) -> Self {
        Self::around(node.x.unwrap_or(0.0), node.y.unwrap_or(0.0), node.width, node.height)
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn moved(self, dx: f64, dy: f64) -> Self {
        Self { left: self.left + dx, top: self.top + dy, right: self.right + dx, bottom: self.bottom + dy }
    }

    pub(super) fn grown(self, by: f64) -> Self {
        Self { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }

    pub(super) fn holds(&self, point: &Point) -> bool {
        point.x > self.left && point.x < self.right && point.y > self.top && point.y < self.bottom
    }

    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    pub(super) fn middle(&self) -> Point {
        Point::new(f64::midpoint(self.left, self.right), f64::midpoint(self.top, self.bottom))
    }
}

impl Drawing {
    /// Lays `diagram` out with titles in `language`; states that nothing reaches are left out.
    pub fn new(diagram: &Diagram, language: Language) -> Self {
        let arrows = diagram.arrows();
        let plan = Plan::new(diagram);
        let mut graph = plan.graph(&arrows, language);
        layout(&mut graph, None);
        let mut drawing = Self {
            workflow: diagram.workflow,
            title: diagram.title.clone(),
            language,
            width: 0.0,
            height: 0.0,
            shapes: Vec::new(),
            start: Point::new(0.0, 0.0),
            lines: Vec::new(),
        };
        plan.place(arrows, &graph, &mut drawing);
        drawing.spread_ends();
        drawing.lines = route::straighten(&drawing.lines, &drawing.shapes);
        drawing.fit();
        drawing
    }

    /// Lets lines end side by side at the upper or lower edge of a state, in the order in which they arrive.
    ///
    /// dagre aims at a box's centre, so that lines would meet there and enter by its sides.
    fn spread_ends(&mut self) {
        for shape in self.shapes.iter().filter(|shape| shape.node.kind != NodeKind::Superstate) {
            let middle = shape.rect.middle();
            for edge in [shape.rect.top, shape.rect.bottom] {
                let mut ends: Vec<(f64, &mut Point)> = Vec::new();
                for line in &mut self.lines {
                    let starts = line.arrow.from == shape.node.id;
                    let Some((next, end)) = last_two(&mut line.points, starts) else { continue };
                    let joined = starts || line.arrow.to == shape.node.id;
                    if joined && (next.y < middle.y) == (edge < middle.y) {
                        ends.push((next.x, end));
                    }
                }
                ends.sort_by(|(one, _), (other, _)| one.total_cmp(other));
                let step = (shape.rect.width() / (ends.len() as f64 + 1.0)).min(END_STEP);
                let first = middle.x - step * (ends.len() as f64 - 1.0) / 2.0;
                for (number, (_, end)) in ends.into_iter().enumerate() {
                    *end = Point::new(first + number as f64 * step, edge);
                }
            }
        }
    }

    /// Moves everything to the margin and makes the picture as large as what stands in it.
    fn fit(&mut self) {
        let start = Rect::around(self.start.x, self.start.y, START_SIZE, START_SIZE);
        let shapes = self.shapes.iter().map(|shape| shape.rect);
        let labels = self.lines.iter().map(|line| line.label);
        let points = self.lines.iter().flat_map(|line| &line.points);
        let points = points.map(|point| Rect::around(point.x, point.y, 0.0, 0.0));
        let all = shapes.chain(labels).chain(points).fold(start, Rect::with);
        let (dx, dy) = (MARGIN - all.left, MARGIN - all.top);
        self.width = all.width() + 2.0 * MARGIN;
        self.height = all.height() + 2.0 * MARGIN;
        self.start = Point::new(self.start.x + dx, self.start.y + dy);
        for shape in &mut self.shapes {
            shape.rect = shape.rect.moved(dx, dy);
        }
        for line in &mut self.lines {
            line.label = line.label.moved(dx, dy);
            for point in &mut line.points {
                *point = Point::new(point.x + dx, point.y + dy);
            }
        }
    }
}

/// What is laid out: the reached part of a diagram, and where its nodes stand in order.
struct Plan<'d> {
    diagram: &'d Diagram,
    /// First and last place of each node's leaves; one and the same for a leaf.
    places: BTreeMap<&'d str, (usize, usize)>,
}

/// How an arrow is given to dagre.
struct Joint {
    above: String,
    below: String,
    /// Whether the arrow points up.
    back: bool,
}

impl<'d> Plan<'d> {
    fn new(diagram: &'d Diagram) -> Self {
        let mut places = BTreeMap::from([(BEFORE_START, (0, 0))]);
        for (number, node) in diagram.nodes.iter().enumerate().filter(|(_, node)| node.reached) {
            let inside = diagram.nodes.iter().enumerate().filter(|(_, other)| holds(&node.id, &other.id));
            let last = inside.map(|(number, _)| number).max().unwrap_or(number);
            places.insert(&node.id, (number + 1, last + 1));
        }
        Self { diagram, places }
    }

    fn nodes(&self) -> impl Iterator<Item = &'d Node> {
        self.diagram.nodes.iter().filter(|node| node.reached)
    }

    fn is_superstate(&self, id: &str) -> bool {
        self.diagram.node(id).is_some_and(|node| node.kind == NodeKind::Superstate)
    }

    fn joint(&self, arrow: &Arrow) -> Joint {
        let to = self.places.get(arrow.to.as_str()).map_or(0, |place| place.0);
        let back = self.places.get(arrow.from.as_str()).is_some_and(|(_, last)| *last > to);
        let from = match (self.is_superstate(&arrow.from), back) {
            (false, _) => arrow.from.clone(),
            (true, true) => format!("{}^", arrow.from),
            (true, false) => format!("{}_", arrow.from),
        };
        let to = arrow.to.clone();
        if back { Joint { above: to, below: from, back } } else { Joint { above: from, below: to, back } }
    }

    fn graph(&self, arrows: &[Arrow], language: Language) -> Layout {
        let mut graph =
            Graph::with_options(GraphOptions { directed: true, multigraph: true, compound: true });
        graph.set_node(BEFORE_START, Some(sized(START_SIZE, START_SIZE)));
        for node in self.nodes() {
            let size = match node.kind {
                NodeKind::Superstate => NodeLabel::default(),
                NodeKind::State | NodeKind::Final => {
                    sized(width(language.of(&node.title), STATE_TEXT) + 2.0 * STATE_PADDING, STATE_HEIGHT)
                }
            };
            graph.set_node(node.id.clone(), Some(size));
            graph.set_parent(&node.id, node.parent.as_deref());
        }
        for (number, arrow) in arrows.iter().enumerate() {
            let joint = self.joint(arrow);
            if self.is_superstate(&arrow.from) {
                self.add_port(&mut graph, &arrow.from, &joint);
            }
            let texts = arrow.causes.iter().map(|cause| width(language.of(&cause.title), SMALL_TEXT));
            let label = EdgeLabel {
                width: texts.fold(0.0, f64::max) + 2.0 * LABEL_PADDING,
                height: arrow.causes.len() as f64 * LABEL_LINE,
                labelpos: LabelPos::Center,
                ..EdgeLabel::default()
            };
            graph.set_edge(joint.above, joint.below, Some(label), Some(&name(number)));
        }
        graph
    }

    /// Adds the point that arrows of a superstate are joined to, below or above everything in it.
    fn add_port(&self, graph: &mut Layout, superstate: &str, joint: &Joint) {
        let port = if joint.back { &joint.below } else { &joint.above };
        if graph.has_node(port) {
            return;
        }
        graph.set_node(port.clone(), Some(sized(1.0, 1.0)));
        graph.set_parent(port, Some(superstate));
        let leaves = self.nodes().filter(|node| node.kind != NodeKind::Superstate);
        for leaf in leaves.filter(|leaf| holds(superstate, &leaf.id)) {
            let order = EdgeLabel { weight: 0, ..EdgeLabel::default() };
            if joint.back {
                graph.set_edge(port.clone(), leaf.id.clone(), Some(order), None);
            } else {
                graph.set_edge(leaf.id.clone(), port.clone(), Some(order), None);
            }
        }
    }

    /// Takes rows and order from dagre, and puts everything in its place.
    fn place(&self, arrows: Vec<Arrow>, graph: &Layout, drawing: &mut Drawing) {
        let mut rows = Rows::default();
        for node in self.nodes() {
            let title = width(drawing.language.of(&node.title), SMALL_TEXT) + HEAD;
            let laid = graph.node(&node.id).map_or(Rect::EMPTY, Rect::of);
            match node.kind {
                NodeKind::Superstate => rows.add_area(&node.id, node.parent.as_deref(), laid, title),
                NodeKind::State | NodeKind::Final => rows.add_node(&node.id, laid),
            }
        }
        rows.add_node(BEFORE_START, graph.node(BEFORE_START).map_or(Rect::EMPTY, Rect::of));
        for arrow in arrows.iter().filter(|arrow| self.is_superstate(&arrow.from)) {
            let joint = self.joint(arrow);
            let port = if joint.back { &joint.below } else { &joint.above };
            rows.add_port(port, graph.node(port).map_or(Rect::EMPTY, Rect::of), &arrow.from);
        }
        for (number, arrow) in arrows.iter().enumerate() {
            let joint = self.joint(arrow);
            if let Some(edge) = graph.edge(&joint.above, &joint.below, Some(&name(number))) {
                rows.add_line(&joint.above, &joint.below, edge);
            }
        }
        let placed = rows.place();
        drawing.start = placed.node(BEFORE_START).middle();
        drawing.shapes = self.shapes(&placed);
        for (arrow, chain) in arrows.into_iter().zip(placed.chains) {
            drawing.lines.push(self.line(arrow, chain, &drawing.shapes));
        }
    }

    fn shapes(&self, placed: &Placed) -> Vec<Shape> {
        let mut families: Vec<&str> = Vec::new();
        let mut shapes = Vec::new();
        for node in self.nodes() {
            let root = node.id.split('.').next().unwrap_or(&node.id);
            let family = families.iter().position(|known| *known == root).unwrap_or(families.len());
            if family == families.len() {
                families.push(root);
            }
            shapes.push(Shape { node: node.clone(), rect: placed.node(&node.id), family });
        }
        shapes
    }

    fn line(&self, arrow: Arrow, chain: Chain, shapes: &[Shape]) -> Line {
        let joint = self.joint(&arrow);
        let mut points = chain.points;
        if joint.back {
            points.reverse();
        }
        let from = shapes.iter().find(|shape| shape.node.id == arrow.from);
        if let (Some(shape), Some(port)) = (from, points.first().cloned())
            && shape.node.kind == NodeKind::Superstate
        {
            let y = if joint.back { shape.rect.top } else { shape.rect.bottom };
            points.insert(0, Point::new(port.x, y));
        }
        Line { arrow, points, label: chain.label }
    }
}

/// The point before the end of a line and the end itself; from its other end where `reversed`.
fn last_two(points: &mut [Point], reversed: bool) -> Option<(Point, &mut Point)> {
    match (points, reversed) {
        ([end, next, ..], true) | ([.., next, end], false) => Some((next.clone(), end)),
        ([] | [_], _) => None,
    }
}

fn sized(width: f64, height: f64) -> NodeLabel {
    NodeLabel { width, height, ..NodeLabel::default() }
}

/// Tells parallel edges of the layout apart.
fn name(number: usize) -> String {
    number.to_string()
}
