//! `diagram`: the picture of a workflow, made from what its code does.

use std::io::Write as _;

use clap::ValueEnum;

use super::explored::ExploredArgs;
use super::failure::Failure;
use crate::kernel::diagram::{Diagram, Drawing, Language, Mark, mermaid};

/// Draws a workflow's states and transitions, as its code has them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow diagram consultation > consultation.svg\n  careflow diagram consultation --format mermaid --lang zh"
)]
pub struct Args {
    #[command(flatten)]
    explored: ExploredArgs,
    /// As what it is written.
    #[arg(long, value_name = "FORMAT", default_value = "svg")]
    format: Format,
    /// Language of the titles; JSON has both.
    #[arg(long, value_name = "LANGUAGE", default_value = "en")]
    lang: Lang,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Svg,
    Mermaid,
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lang {
    En,
    Zh,
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// A definition that is wrong, a workflow that is unknown.
    pub fn run(&self) -> Result<(), Failure> {
        let (exploration, definition) = self.explored.explore()?;
        let diagram = Diagram::of(&exploration, &definition);
        let language = match self.lang {
            Lang::En => Language::En,
            Lang::Zh => Language::Zh,
        };
        let text = match self.format {
            Format::Svg => Drawing::new(&diagram, language).svg(&Mark::default()),
            Format::Mermaid => mermaid::write(&diagram, language),
            Format::Json => serde_json::to_string_pretty(&diagram).expect("a diagram is plain data"),
        };
        Ok(writeln!(std::io::stdout().lock(), "{}", text.trim_end())?)
    }
}
