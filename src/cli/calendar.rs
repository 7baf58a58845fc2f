//! `calendar`: when a promise falls due and how much business time has passed, with the derivation.

mod answer;
mod batch;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use super::failure::Failure;
use super::files::unusable;
use crate::app;
use crate::definition::file::{Content, Reader};
use crate::kernel::calendar::Calendar;
use crate::kernel::diagram::Language;
use crate::workflows::Registry;
use answer::{Answer, DueQuestion, ElapsedQuestion, Pieces, Question};

/// Computes on a business calendar: when a promise falls due, how much business time has passed.
///
/// Times are RFC 3339, or what the calendar's clocks show (`2026-03-11T10:00`); a time that they
/// skip is the first instant after the gap, of a repeated one a start is the first and an end the
/// second instant. Nothing is started or written.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow calendar due --calendar cn --start 2026-02-14T17:30 --add '2 business hours' --explain\n  careflow calendar elapsed --calendar us_east --from 2026-03-06T16:00 --to 2026-03-09T10:00\n  careflow calendar due --calendar cn --batch < questions.jsonl"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// When a span after a start is over.
    ///
    /// With --batch each line of standard input is a question
    /// `{"start": TIME, "add": SPAN, "calendar": NAME}`, the calendar only where it is another.
    #[command(
        after_help = "Example:\n  careflow calendar due --calendar cn --start 2026-09-30T10:00 --add '3 working days' --explain --lang zh"
    )]
    Due {
        /// When it starts.
        #[arg(long, value_name = "TIME", required_unless_present = "batch", conflicts_with = "batch")]
        start: Option<String>,
        /// How long it is: `2 business hours`, `1 working day`, `7 calendar days`, `48 hours`.
        #[arg(long, value_name = "SPAN", required_unless_present = "batch", conflicts_with = "batch")]
        add: Option<String>,
        #[command(flatten)]
        shared: Shared,
    },
    /// How much open time lies between two times.
    ///
    /// With --batch each line of standard input is a question
    /// `{"from": TIME, "to": TIME, "calendar": NAME}`, the calendar only where it is another.
    #[command(
        after_help = "Example:\n  careflow calendar elapsed --calendar cn --from 2026-03-13T16:00 --to 2026-03-16T12:30 --json"
    )]
    Elapsed {
        /// From when.
        #[arg(long, value_name = "TIME", required_unless_present = "batch", conflicts_with = "batch")]
        from: Option<String>,
        /// Until when.
        #[arg(long, value_name = "TIME", required_unless_present = "batch", conflicts_with = "batch")]
        to: Option<String>,
        #[command(flatten)]
        shared: Shared,
    },
}

#[derive(Debug, clap::Args)]
struct Shared {
    /// Name of a calendar, or a file (with a `/` or ending in `.yaml`).
    #[arg(long, value_name = "NAME|FILE")]
    calendar: String,
    /// Directory with definitions and calendars (`*.yaml`), for whatever it names; the shipped ones otherwise.
    #[arg(long, env = "CAREFLOW_DEFINITIONS", value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// Also tell how the answer came about, stretch by stretch.
    #[arg(long)]
    explain: bool,
    /// Language of the explanation; JSON has both.
    #[arg(long, value_name = "LANGUAGE", default_value = "en")]
    lang: Lang,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
    /// Answer questions from standard input, a JSON object a line, each with a line of JSON; a bad
    /// line gets `{"line": …, "error": …}`, and then the command ends with 1.
    #[arg(long)]
    batch: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lang {
    En,
    Zh,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::En,
            Lang::Zh => Self::Zh,
        }
    }
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// A calendar, time or span that is wrong; with --batch any line that is.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Due { start: Some(start), add: Some(add), shared } => {
                shared.one(&DueQuestion { start, add, calendar: None })
            }
            Command::Elapsed { from: Some(from), to: Some(to), shared } => {
                shared.one(&ElapsedQuestion { from, to, calendar: None })
            }
            Command::Due { shared, .. } => shared.many::<DueQuestion>(),
            Command::Elapsed { shared, .. } => shared.many::<ElapsedQuestion>(),
        }
    }
}

impl Shared {
    fn one(&self, question: &impl Question) -> Result<(), Failure> {
        let shelf = Shelf::open(self)?;
        let pieces = if self.explain { Pieces::Listed } else { Pieces::LeftOut };
        let answer = question.answer(&shelf.chosen, pieces).map_err(Failure::Usage)?;
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", answer.json())?;
        } else {
            write!(out, "{}", answer.told(self.lang.into()))?;
        }
        Ok(())
    }

    fn many<Q: Question>(&self) -> Result<(), Failure> {
        let shelf = Shelf::open(self)?;
        let pieces = if self.explain { Pieces::Listed } else { Pieces::LeftOut };
        let answered = batch::run::<Q>(&shelf, pieces, &mut std::io::stdin().lock(), &mut std::io::stdout())?;
        match answered.refused {
            0 => Ok(()),
            refused => {
                Err(Failure::No(format!("{refused} of {} questions were refused", answered.questions)))
            }
        }
    }
}

/// The calendars that questions may name.
struct Shelf {
    /// The one that the command names.
    chosen: Calendar,
    all: Vec<Calendar>,
}

impl Shelf {
    fn open(shared: &Shared) -> Result<Self, Failure> {
        let registry = Registry::shipped();
        let sources = app::sources(registry.all(), shared.definitions.as_deref())?;
        let mut all: Vec<Calendar> = sources
            .into_iter()
            .filter_map(|source| match source.content {
                Content::Calendar(calendar) => Some(calendar),
                Content::Definition(_) => None,
            })
            .collect();
        all.sort_by(|one, other| one.name().cmp(other.name()));
        let name = &shared.calendar;
        let chosen = if name.contains('/') || name.ends_with(".yaml") || name.ends_with(".yml") {
            let own = of_file(&registry, Path::new(name))?;
            all.retain(|other| other.name() != own.name());
            all.push(own.clone());
            own
        } else {
            find(&all, name).map_err(Failure::Usage)?.clone()
        };
        Ok(Self { chosen, all })
    }

    /// The calendar called `name`; the one that the command names for none.
    fn calendar(&self, name: Option<&str>) -> Result<&Calendar, String> {
        name.map_or(Ok(&self.chosen), |name| find(&self.all, name))
    }
}

fn find<'a>(all: &'a [Calendar], name: &str) -> Result<&'a Calendar, String> {
    all.iter().find(|calendar| calendar.name() == name).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(Calendar::name).collect();
        format!("`{name}` is no calendar; calendars are {}", known.join(", "))
    })
}

fn of_file(registry: &Registry, path: &Path) -> Result<Calendar, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| unusable(path, &error))?;
    let reader = Reader::new(registry.all()).map_err(|error| Failure::Internal(error.to_string()))?;
    let source = reader.read(&path.display().to_string(), &text);
    match source.map_err(|report| Failure::No(report.to_string()))?.content {
        Content::Calendar(calendar) => Ok(calendar),
        Content::Definition(definition) => Err(Failure::Usage(format!(
            "`{}` is the definition of {}; accepted is a calendar",
            path.display(),
            definition.workflow
        ))),
    }
}
