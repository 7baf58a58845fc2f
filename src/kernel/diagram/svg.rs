//! Owns the picture as SVG: no script, no outside resource, the same bytes for the same input.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dagre::Point;

use super::drawing::{Drawing, LABEL_LINE, Line, START_SIZE, Shape};
use super::route::control;
use super::style::{SCOPE, family, sheet};
use super::text::{escape, escaped, width};
use super::{Arrow, Cause, Language, NodeKind};

/// Font size of a badge's number in pixels.
const BADGE_TEXT: f64 = 12.0;
/// Height of a badge.
const BADGE_HEIGHT: f64 = 18.0;
/// Free space left and right of a badge's number.
const BADGE_PADDING: f64 = 6.0;
/// How far a badge stands out of its state's box: less than the margin of the picture.
const BADGE_OUT: f64 = 8.0;

/// What is marked in the picture of a case, or of all cases of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Path of the state it is in.
    pub current: Option<String>,
    /// The moves it made.
    pub taken: Vec<Taken>,
    /// How many cases are in a state, by its path; a state without cases needs none.
    pub badges: BTreeMap<String, Badge>,
}

/// How many cases are in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    /// How many.
    pub count: u64,
    /// A class, for whoever colours it: the picture itself gives it none.
    pub class: &'static str,
    /// What the colour says, in words.
    pub words: String,
}

/// A move that a case made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// State path before; [`BEFORE_START`](crate::kernel::explore::BEFORE_START) for its start.
    pub from: String,
    /// State path after.
    pub to: String,
    /// The event, `timer NAME` for a due timer; any where it is absent.
    pub event: Option<String>,
}

impl Taken {
    /// Whether the arrow stands for this move.
    fn is(&self, arrow: &Arrow) -> bool {
        let known = |event: &String| arrow.causes.iter().any(|cause| cause.event == *event);
        arrow.covers(&self.from, &self.to) && self.event.as_ref().is_none_or(known)
    }
}

impl Drawing {
    /// The picture as an SVG document, with what `mark` says set off.
    pub fn svg(&self, mark: &Mark) -> String {
        let mut out = String::with_capacity(16 * 1024);
        self.open(&mut out);
        for shape in self.shapes.iter().filter(|shape| shape.node.kind == NodeKind::Superstate) {
            self.superstate(shape, &mut out);
        }
        let taken = |line: &Line| mark.taken.iter().any(|taken| taken.is(&line.arrow));
        let faint = !mark.taken.is_empty();
        for line in &self.lines {
            self.line(line, taken(line), faint, &mut out);
        }
        let (x, y, radius) = (self.start.x, self.start.y, START_SIZE / 2.0);
        put(&mut out, format_args!("<circle class=\"start\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>\n"));
        for shape in self.shapes.iter().filter(|shape| shape.node.kind != NodeKind::Superstate) {
            self.state(shape, mark.current.as_deref() == Some(&shape.node.id), &mut out);
        }
        for shape in self.shapes.iter().filter(|shape| shape.node.kind == NodeKind::Superstate) {
            self.superstate_title(shape, &mut out);
        }
        for line in &self.lines {
            self.label(line, taken(line), faint, &mut out);
        }
        for shape in &self.shapes {
            if let Some(badge) = mark.badges.get(&shape.node.id) {
                self.badge(shape, badge, &mut out);
            }
        }
        out.push_str("</svg>\n");
        out
    }

    fn open(&self, out: &mut String) {
        let (width, height) = (self.width.ceil(), self.height.ceil());
        let title = escaped(self.language.of(&self.title));
        let states = self.shapes.iter().filter(|shape| shape.node.kind != NodeKind::Superstate).count();
        put(
            out,
            format_args!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{SCOPE}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
                 height=\"{height}\" role=\"img\" lang=\"{}\" aria-labelledby=\"title desc\">\n\
                 <title id=\"title\">{title}</title>\n\
                 <desc id=\"desc\">{}: {states} states, {} arrows</desc>\n<style>{}</style>\n\
                 <defs>{}{}</defs>\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n",
                self.language.tag(),
                escaped(self.workflow),
                self.lines.len(),
                sheet(),
                marker("head"),
                marker("headtaken"),
            ),
        );
    }

    fn superstate(&self, shape: &Shape, out: &mut String) {
        let rect = &shape.rect;
        put(
            out,
            format_args!(
                "<rect class=\"area f{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"10\"/>\n",
                family(shape.family),
                rect.left,
                rect.top,
                rect.width(),
                rect.height(),
            ),
        );
    }

    fn superstate_title(&self, shape: &Shape, out: &mut String) {
        let (x, y) = (shape.rect.left + 10.0, shape.rect.top + 13.0);
        let title = escaped(self.language.of(&shape.node.title));
        put(out, format_args!("<text class=\"super\" x=\"{x:.1}\" y=\"{y:.1}\">{title}</text>\n"));
    }

    fn state(&self, shape: &Shape, current: bool, out: &mut String) {
        let rect = &shape.rect;
        let title = self.language.of(&shape.node.title);
        let class = if current { " class=\"current\" aria-current=\"true\"" } else { "" };
        put(out, format_args!("<g{class}><title>{}", escaped(&shape.node.id)));
        if !shape.node.stays.is_empty() {
            put(out, format_args!("\n{}: {}", self.same(), shape.node.stays.len()));
        }
        for cause in &shape.node.stays {
            out.push('\n');
            self.cause(cause, out);
        }
        let round = match shape.node.kind {
            NodeKind::State | NodeKind::Superstate => 8.0,
            NodeKind::Final => rect.height() / 2.0,
        };
        put(
            out,
            format_args!(
                "</title><rect class=\"box f{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{round}\"/>",
                family(shape.family),
                rect.left,
                rect.top,
                rect.width(),
                rect.height(),
            ),
        );
        if shape.node.kind == NodeKind::Final {
            put(
                out,
                format_args!(
                    "<rect class=\"inner i{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{}\"/>",
                    family(shape.family),
                    rect.left + 4.0,
                    rect.top + 4.0,
                    rect.width() - 8.0,
                    rect.height() - 8.0,
                    round - 4.0,
                ),
            );
        }
        let Point { x, y } = rect.middle();
        put(
            out,
            format_args!("<text class=\"state\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text></g>\n", escaped(title)),
        );
    }

    /// A number at the upper right corner of a state's box.
    fn badge(&self, shape: &Shape, badge: &Badge, out: &mut String) {
        let Badge { count, class, words } = badge;
        let text = count.to_string();
        let width = (width(&text, BADGE_TEXT) + 2.0 * BADGE_PADDING).max(BADGE_HEIGHT);
        let (left, top) = (shape.rect.right + BADGE_OUT - width, shape.rect.top - BADGE_HEIGHT / 2.0);
        let (x, y) = (left + width / 2.0, top + BADGE_HEIGHT / 2.0);
        let title = escaped(self.language.of(&shape.node.title));
        let (words, round) = (escaped(words), BADGE_HEIGHT / 2.0);
        put(
            out,
            format_args!(
                "<g class=\"badge {class}\"><title>{title}: {count}, {words}</title>\
                 <rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{BADGE_HEIGHT}\" rx=\"{round}\"/>\
                 <text x=\"{x:.1}\" y=\"{y:.1}\">{text}</text></g>\n"
            ),
        );
    }

    fn same(&self) -> &'static str {
        match self.language {
            Language::En => "stays",
            Language::Zh => "不变",
        }
    }

    fn cause(&self, cause: &Cause, out: &mut String) {
        escape(self.language.of(&cause.title), out);
        if !cause.rules.is_empty() {
            put(out, format_args!(" ({})", escaped(&cause.rules.join(", "))));
        }
    }

    fn line(&self, line: &Line, taken: bool, faint: bool, out: &mut String) {
        let (class, head) = match (taken, faint) {
            (true, _) => (" class=\"taken\"", "headtaken"),
            (false, true) => (" class=\"faint\"", "head"),
            (false, false) => ("", "head"),
        };
        put(out, format_args!("<g{class}><path class=\"line\" marker-end=\"url(#{head})\" d=\""));
        path(&line.points, out);
        out.push_str("\"/></g>\n");
    }

    fn label(&self, line: &Line, taken: bool, faint: bool, out: &mut String) {
        let class = match (taken, faint) {
            (true, _) => " class=\"taken\"",
            (false, true) => " class=\"faint\"",
            (false, false) => "",
        };
        put(
            out,
            format_args!("<g{class}><title>{} → {}", escaped(&line.arrow.from), escaped(&line.arrow.to)),
        );
        for cause in &line.arrow.causes {
            out.push('\n');
            self.cause(cause, out);
        }
        let rect = &line.label;
        put(
            out,
            format_args!(
                "</title><rect class=\"back\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"3\"/>",
                rect.left,
                rect.top,
                rect.width(),
                rect.height(),
            ),
        );
        let middle = rect.middle();
        let first = middle.y - (line.arrow.causes.len() as f64 - 1.0) * LABEL_LINE / 2.0;
        for (number, cause) in line.arrow.causes.iter().enumerate() {
            let y = first + number as f64 * LABEL_LINE;
            put(
                out,
                format_args!(
                    "<text class=\"label\" x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
                    middle.x,
                    escaped(self.language.of(&cause.title)),
                ),
            );
        }
        out.push_str("</g>\n");
    }
}

fn marker(name: &str) -> String {
    format!(
        "<marker id=\"{name}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\" markerHeight=\"9\" \
         markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"{name}\" d=\"M0,0.5 L10,5 L0,9.5 Z\"/></marker>"
    )
}

/// A line through the points, upright at each of them.
fn path(points: &[Point], out: &mut String) {
    let Some(first) = points.first() else { return };
    put(out, format_args!("M{:.1},{:.1}", first.x, first.y));
    for pair in points.windows(2) {
        let (from, to) = (&pair[0], &pair[1]);
        if (from.x - to.x).abs() < 0.5 {
            put(out, format_args!("L{:.1},{:.1}", to.x, to.y));
        } else {
            let [one, other] = control(from, to);
            put(
                out,
                format_args!(
                    "C{:.1},{:.1} {:.1},{:.1} {:.1},{:.1}",
                    one.x, one.y, other.x, other.y, to.x, to.y
                ),
            );
        }
    }
}

fn put(out: &mut String, content: std::fmt::Arguments<'_>) {
    out.write_fmt(content).expect("writing to a string cannot fail");
}
