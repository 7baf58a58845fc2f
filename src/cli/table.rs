//! `table`: the transitions of a workflow by number, and what each state does with each event.

use std::io::Write as _;

use serde_json::json;

use super::explored::ExploredArgs;
use super::failure::Failure;
use crate::kernel::table::{EventTable, Transitions};

/// Prints a workflow's transitions by number, and what each state does with each event, as Markdown.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  careflow table consultation --definitions ./flows")]
pub struct Args {
    #[command(flatten)]
    explored: ExploredArgs,
    /// Answer as JSON: `{"transitions": …, "events": …}`.
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// A definition that is wrong, a workflow that is unknown.
    pub fn run(&self) -> Result<(), Failure> {
        let (exploration, _) = self.explored.explore()?;
        let (transitions, events) = (Transitions::of(&exploration), EventTable::of(&exploration));
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", json!({ "transitions": transitions, "events": events }))?;
        } else {
            writeln!(out, "{}\n{}", transitions.markdown(), events.markdown().trim_end())?;
        }
        Ok(())
    }
}
