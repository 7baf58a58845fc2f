//! Owns one question to a calendar and its answer, as JSON and in words.

use chrono::SecondsFormat;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kernel::calendar::explain::Piece;
use crate::kernel::calendar::{Calendar, Due, Edge, parse_time};
use crate::kernel::diagram::Language;
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;
use crate::kernel::title::Title;

/// Whether an answer lists how it came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pieces {
    Listed,
    LeftOut,
}

/// A question: read from a line of JSON or from the arguments.
pub(super) trait Question: DeserializeOwned {
    type Answer: Answer;

    /// The calendar that it names instead of the command's.
    fn calendar(&self) -> Option<&str>;

    /// The answer of `calendar`, or what is wrong with the question.
    fn answer(&self, calendar: &Calendar, pieces: Pieces) -> Result<Self::Answer, String>;
}

/// An answer in its two forms.
pub(super) trait Answer: Serialize {
    /// One JSON object.
    fn json(&self) -> Value {
        serde_json::to_value(self).expect("an answer is plain data")
    }

    /// Lines for people.
    fn told(&self, language: Language) -> String;
}

/// When a span after a start is over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DueQuestion {
    pub(super) start: String,
    pub(super) add: String,
    pub(super) calendar: Option<String>,
}

/// How much open time lies between two times.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ElapsedQuestion {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) calendar: Option<String>,
}

/// Which calendar answered.
#[derive(Debug, Serialize)]
struct By {
    calendar: String,
    version: u32,
    zone: String,
}

#[derive(Debug, Serialize)]
pub(super) struct DueAnswer {
    #[serde(flatten)]
    by: By,
    start: Instant,
    add: Span,
    due: Instant,
    due_local: String,
    /// Whether days off that nobody knows yet may move it (R4).
    provisional: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pieces: Option<Vec<Told>>,
}

#[derive(Debug, Serialize)]
pub(super) struct ElapsedAnswer {
    #[serde(flatten)]
    by: By,
    from: Instant,
    to: Instant,
    elapsed_ms: i64,
    elapsed: Title,
    /// Whether days off that nobody knows yet may change it (R4).
    provisional: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pieces: Option<Vec<Told>>,
}

#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    piece: Piece,
    text: Title,
}

impl Question for DueQuestion {
    type Answer = DueAnswer;

    fn calendar(&self) -> Option<&str> {
        self.calendar.as_deref()
    }

    fn answer(&self, calendar: &Calendar, pieces: Pieces) -> Result<DueAnswer, String> {
        let start = parse_time(calendar.zone(), &self.start, Edge::Open)?;
        let add = Span::parse(&self.add)?;
        let Due { at, provisional } = calendar.promise(start, add);
        let pieces = listed(calendar, pieces, || calendar.derive(start, add));
        let due_local = local(calendar, at);
        Ok(DueAnswer { by: By::of(calendar), start, add, due: at, due_local, provisional, pieces })
    }
}

impl Question for ElapsedQuestion {
    type Answer = ElapsedAnswer;

    fn calendar(&self) -> Option<&str> {
        self.calendar.as_deref()
    }

    fn answer(&self, calendar: &Calendar, pieces: Pieces) -> Result<ElapsedAnswer, String> {
        let from = parse_time(calendar.zone(), &self.from, Edge::Open)?;
        let to = parse_time(calendar.zone(), &self.to, Edge::Close)?;
        let elapsed_ms = calendar.elapsed(from, to);
        Ok(ElapsedAnswer {
            by: By::of(calendar),
            from,
            to,
            elapsed_ms,
            elapsed: Piece::amount(elapsed_ms),
            provisional: calendar.is_provisional(from.max(to)),
            pieces: listed(calendar, pieces, || calendar.derive_elapsed(from, to)),
        })
    }
}

impl Answer for DueAnswer {
    fn told(&self, language: Language) -> String {
        lines(&self.due_local, (&self.by, self.provisional), self.pieces.as_deref(), language)
    }
}

impl Answer for ElapsedAnswer {
    fn told(&self, language: Language) -> String {
        let elapsed = language.of(&self.elapsed);
        lines(elapsed, (&self.by, self.provisional), self.pieces.as_deref(), language)
    }
}

impl By {
    fn of(calendar: &Calendar) -> Self {
        let zone = calendar.zone().name().to_owned();
        Self { calendar: calendar.name().to_owned(), version: calendar.version(), zone }
    }
}

fn listed(calendar: &Calendar, pieces: Pieces, derive: impl FnOnce() -> Vec<Piece>) -> Option<Vec<Told>> {
    let told = |piece: Piece| Told { piece, text: piece.words(calendar.zone()) };
    match pieces {
        Pieces::Listed => Some(derive().into_iter().map(told).collect()),
        Pieces::LeftOut => None,
    }
}

fn local(calendar: &Calendar, at: Instant) -> String {
    at.utc().with_timezone(&calendar.zone()).to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

/// The answer on the first line, what it may still depend on, and its pieces.
fn lines(
    answer: &str,
    (by, provisional): (&By, bool),
    pieces: Option<&[Told]>,
    language: Language,
) -> String {
    let mut lines = vec![answer.to_owned()];
    if provisional {
        let name = &by.calendar;
        lines.push(match language {
            Language::En => format!("provisional: days off past the horizon of `{name}` are not known yet"),
            Language::Zh => format!("暂定：`{name}` 尚不包含此后的放假安排"),
        });
    }
    lines.extend(pieces.into_iter().flatten().map(|told| format!("  {}", language.of(&told.text))));
    lines.push(String::new());
    lines.join("\n")
}
