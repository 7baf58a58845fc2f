//! Owns the way of a line: curves that leave and arrive upright, with as few bends as what stands around allows.

use dagre::Point;

use super::NodeKind;
use super::drawing::{Line, Rect, Shape};
use crate::kernel::explore::cover::holds;

/// Points at which a curve is checked against what stands around it.
const CHECKS: u32 = 24;
/// How far a curve keeps from boxes and labels.
const CLEARANCE: f64 = 5.0;

/// The lines without the bends that are not needed to keep clear of states and labels.
///
/// dagre bends a line at every row it crosses, empty rows included.
pub(super) fn straighten(lines: &[Line], shapes: &[Shape]) -> Vec<Line> {
    let straight = |(number, line): (usize, &Line)| {
        let labels = lines.iter().enumerate().filter(|(other, _)| *other != number);
        let labels = labels.map(|(_, other)| other.label.grown(CLEARANCE));
        let boxes = shapes.iter().filter(|shape| !is_around(shape, line));
        let around: Vec<Rect> = boxes.map(|shape| shape.rect.grown(CLEARANCE)).chain(labels).collect();
        let mut line = line.clone();
        drop_bends(&mut line, &around);
        line
    };
    lines.iter().enumerate().map(straight).collect()
}

/// Whether `shape` is a superstate that the line starts or ends in.
fn is_around(shape: &Shape, line: &Line) -> bool {
    let id = &shape.node.id;
    shape.node.kind == NodeKind::Superstate
        && (*id == line.arrow.from || holds(id, &line.arrow.from) || holds(id, &line.arrow.to))
}

fn drop_bends(line: &mut Line, around: &[Rect]) {
    let label = line.label.middle();
    let mut at = 1;
    while at + 1 < line.points.len() {
        let (before, bend, after) = (&line.points[at - 1], &line.points[at], &line.points[at + 1]);
        let labelled = (bend.y - label.y).abs() < 1.0;
        if !labelled && is_clear(before, after, around) {
            line.points.remove(at);
            at = at.saturating_sub(1).max(1);
        } else {
            at += 1;
        }
    }
}

/// Whether the curve between two points touches nothing but what stands at its ends.
fn is_clear(from: &Point, to: &Point, around: &[Rect]) -> bool {
    let foreign: Vec<&Rect> = around.iter().filter(|rect| !rect.holds(from) && !rect.holds(to)).collect();
    (1..CHECKS).all(|step| {
        let point = on_curve(from, to, f64::from(step) / f64::from(CHECKS));
        !foreign.iter().any(|rect| rect.holds(&point))
    })
}

/// The point at `part` (0 to 1) of the curve that [`control`] shapes.
fn on_curve(from: &Point, to: &Point, part: f64) -> Point {
    let [one, other] = control(from, to);
    let rest = 1.0 - part;
    let mix = |a: f64, b: f64, c: f64, d: f64| {
        rest.powi(3) * a + 3.0 * rest.powi(2) * part * b + 3.0 * rest * part.powi(2) * c + part.powi(3) * d
    };
    Point::new(mix(from.x, one.x, other.x, to.x), mix(from.y, one.y, other.y, to.y))
}

/// The control points of the cubic curve between two points, upright at both.
pub(super) fn control(from: &Point, to: &Point) -> [Point; 2] {
    let middle = f64::midpoint(from.y, to.y);
    [Point::new(from.x, middle), Point::new(to.x, middle)]
}
