//! Owns how the due of one run came about, and each of its points: stretch by stretch, as data and in words.
//!
//! Time is derived from the original start with the target and calendar that counted last and
//! every pause kept, as [`Timing`] computes it (R2, R10); the calendar's own derivation says why it
//! is closed. A span in days is derived in days up to its close; what a pause moves comes after it.

mod words;

use super::rule::{BREACH, PointKind, Rule};
use super::story::{Retarget, Still, Story};
use super::timing::{Measure, Target, Timing};
use crate::kernel::calendar::Calendar;
use crate::kernel::calendar::explain::{self as stretches, Kind as Stretch};
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;
use crate::kernel::title::Title;

/// Most pieces of one derivation, those of the calendar's own for one stretch of it; beyond them
/// the middle ones are one piece that says what they counted.
pub const PIECES_MAX: usize = stretches::PIECES_MAX;
/// Pieces at the end of a longer derivation: where it comes to its answer.
const LAST_PIECES_MAX: usize = PIECES_MAX / 4;

/// What a run is explained with.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// The clock as its definition declares it; where it no longer does, there are no points.
    pub rule: Option<&'a Rule>,
    /// Version of that definition.
    pub policy_ver: u32,
    /// What the run is counted on.
    pub calendar: &'a Calendar,
    /// Until when.
    pub now: Instant,
}

/// One stretch of time, and what it counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its first instant.
    pub from: Instant,
    /// The first instant after it; none where it lasts.
    pub to: Option<Instant>,
    /// What it is.
    pub kind: Kind,
    /// Milliseconds that it counted.
    pub counted_ms: i64,
    /// Milliseconds counted to its end.
    pub total_ms: i64,
    /// Days that it counted, where a span counts days.
    pub counted_days: u32,
    /// Days counted to its end.
    pub total_days: u32,
}

/// What a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stretch of the calendar or of time on the wall.
    Stretch(Stretch),
    /// It stood still.
    Paused(Still),
    /// It got another target; takes no time.
    Retargeted(Retarget),
}

/// One declared point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointTold {
    /// Percent of the target.
    pub level: u32,
    /// What it says.
    pub kind: PointKind,
    /// Who is told.
    pub notify: Vec<String>,
    /// Milliseconds of the target that it stands at.
    pub counted_ms: i64,
    /// When it is reached; none while the run stands still before it.
    pub at: Option<Instant>,
    /// How it came about: from the start, and past the due from there.
    pub pieces: Vec<Piece>,
}

impl PointTold {
    /// Whether its pieces begin at the due and not at the start.
    pub const fn is_past_due(&self) -> bool {
        self.level > BREACH
    }
}

/// How one run came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// From its start to its due, or to where it stands still before it.
    pub pieces: Vec<Piece>,
    /// Its due; none while it stands still before it.
    pub due: Option<Instant>,
    /// Milliseconds of its target.
    pub total_ms: i64,
    /// Milliseconds used at its end, or now.
    pub elapsed_ms: i64,
    /// Its declared points, rising.
    pub points: Vec<PointTold>,
    /// The same in words, a sentence each.
    pub sentences: Vec<Title>,
}

/// Explains one run.
pub fn explain(story: &Story, basis: &Basis<'_>) -> Explanation {
    let pauses = story.pauses();
    let derivation = Derivation { story, timing: story.timing(basis.calendar, &pauses) };
    let mut explanation = derivation.explanation(basis);
    explanation.sentences = words::sentences(story, basis, &explanation);
    explanation
}

struct Derivation<'a> {
    story: &'a Story,
    timing: Timing<'a>,
}

impl Derivation<'_> {
    fn explanation(&self, basis: &Basis<'_>) -> Explanation {
        let due = self.known(self.timing.due());
        let total_ms = self.timing.total();
        let points = basis.rule.into_iter().flat_map(|rule| rule.points(total_ms));
        let told = points.map(|point| {
            let at = self.known(self.timing.point_of(total_ms, point.level));
            PointTold {
                level: point.level,
                kind: point.kind,
                notify: point.notify().into_iter().map(str::to_owned).collect(),
                counted_ms: self.timing.share(point.level),
                at,
                pieces: at.map(|at| self.to_point(point.level, at)).unwrap_or_default(),
            }
        });
        let elapsed = || self.timing.elapsed(basis.now).max(0);
        Explanation {
            pieces: self.to_due(due),
            due,
            total_ms,
            elapsed_ms: self.story.end.as_ref().map_or_else(elapsed, |end| end.elapsed_ms),
            points: told.collect(),
            sentences: Vec::new(),
        }
    }

    /// `at`, unless the run stands still before it.
    fn known(&self, at: Instant) -> Option<Instant> {
        (!self.story.stands_before(at)).then_some(at)
    }

    fn to_due(&self, due: Option<Instant>) -> Vec<Piece> {
        let mut pieces = match self.timing.decisive() {
            Target::Span(span @ (Span::WorkingDays(_) | Span::CalendarDays(..))) => self.days(span, due),
            Target::At(_) | Target::Within(..) | Target::Span(Span::Business(_) | Span::Wall(_)) => {
                totals(self.walk(self.story.start, due))
            }
        };
        for retarget in &self.story.retargets {
            let place = pieces.partition_point(|piece| piece.from <= retarget.at);
            let before = place.checked_sub(1).map(|last| (pieces[last].total_ms, pieces[last].total_days));
            let mut told = piece(retarget.at, Some(retarget.at), Kind::Retargeted(retarget.clone()));
            (told.total_ms, told.total_days) = before.unwrap_or_default();
            pieces.insert(place, told);
        }
        capped(pieces)
    }

    /// The level `level` is reached at `at`: counted from the start, and past the due from there.
    fn to_point(&self, level: u32, at: Instant) -> Vec<Piece> {
        match level {
            BREACH => Vec::new(),
            0..BREACH => capped(totals(self.walk(self.story.start, Some(at)))),
            _ => {
                let mut pieces = totals(self.walk(self.timing.due(), Some(at)));
                pieces.iter_mut().for_each(|piece| piece.total_ms += self.timing.total());
                capped(pieces)
            }
        }
    }

    /// Pieces of a span in days: its days, the pauses that moved its due, and the time that made up for them.
    fn days(&self, span: Span, due: Option<Instant>) -> Vec<Piece> {
        let base = self.timing.base();
        let mut pieces: Vec<Piece> =
            self.timing.calendar.derive(self.story.start, span).into_iter().map(of_calendar).collect();
        let moving = |still: &&Still| due.is_none_or(|due| still.pause.from < due);
        pieces.extend(self.story.stills.iter().filter(moving).map(paused));
        if let Some(due) = due {
            pieces.extend(self.counted(base, due));
        }
        totals(pieces)
    }

    /// Pieces from `from` to `to`, pauses between them; to where it stands still for none.
    fn walk(&self, from: Instant, to: Option<Instant>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut done = from;
        for still in &self.story.stills {
            if to.is_some_and(|to| still.pause.from >= to) || still.pause.to.is_some_and(|to| to <= done) {
                continue;
            }
            pieces.extend(self.counted(done, still.pause.from));
            // What is looked for may lie within a pause in closed time, which does not move it.
            let end = [still.pause.to, to].into_iter().flatten().min();
            pieces.push(Piece { to: still.pause.to.and(end), ..paused(still) });
            match still.pause.to {
                Some(resumed) => done = resumed,
                None => return pieces,
            }
        }
        pieces.extend(to.map(|to| self.counted(done, to)).unwrap_or_default());
        pieces
    }

    /// Pieces of a stretch without a pause.
    fn counted(&self, from: Instant, to: Instant) -> Vec<Piece> {
        match self.timing.measure() {
            Measure::Business => {
                self.timing.calendar.derive_elapsed(from, to).into_iter().map(of_calendar).collect()
            }
            Measure::Wall if from < to => {
                let kind = Kind::Stretch(Stretch::Wall);
                vec![Piece { counted_ms: to.since(from), ..piece(from, Some(to), kind) }]
            }
            Measure::Wall => Vec::new(),
        }
    }
}

fn piece(from: Instant, to: Option<Instant>, kind: Kind) -> Piece {
    Piece { from, to, kind, counted_ms: 0, total_ms: 0, counted_days: 0, total_days: 0 }
}

fn paused(still: &Still) -> Piece {
    piece(still.pause.from, still.pause.to, Kind::Paused(still.clone()))
}

fn of_calendar(told: stretches::Piece) -> Piece {
    Piece {
        counted_ms: told.counted_ms,
        counted_days: told.counted_days,
        ..piece(told.from, Some(told.to), Kind::Stretch(told.kind))
    }
}

/// The pieces with their running totals.
fn totals(mut pieces: Vec<Piece>) -> Vec<Piece> {
    let (mut millis, mut days) = (0, 0);
    for piece in &mut pieces {
        millis += piece.counted_ms;
        days += piece.counted_days;
        (piece.total_ms, piece.total_days) = (millis, days);
    }
    pieces
}

/// At most [`PIECES_MAX`] pieces: the middle ones of more are one.
fn capped(mut pieces: Vec<Piece>) -> Vec<Piece> {
    if pieces.len() > PIECES_MAX {
        let middle = PIECES_MAX - LAST_PIECES_MAX - 1..pieces.len() - LAST_PIECES_MAX;
        let left_out = &pieces[middle.clone()];
        let (first, last) = (&left_out[0], &left_out[left_out.len() - 1]);
        let between = Piece {
            counted_ms: left_out.iter().map(|piece| piece.counted_ms).sum(),
            counted_days: left_out.iter().map(|piece| piece.counted_days).sum(),
            total_ms: last.total_ms,
            total_days: last.total_days,
            ..piece(first.from, last.to, Kind::Stretch(Stretch::Between))
        };
        pieces.splice(middle, [between]);
    }
    pieces
}

#[cfg(test)]
mod tests;
