//! `definition write`: the shipped definitions and calendars on disk, with the schemas an editor completes them by.

use std::path::PathBuf;

use clap::Subcommand;

use super::failure::Failure;
use super::files::{self, Existing, Planned};
use super::schema;
use crate::app;
use crate::workflows::Registry;

/// Folder of the definitions below the directory.
const WORKFLOWS: &str = "workflows";
/// Folder of the schemas below the directory: what the files' first lines refer to.
const SCHEMAS: &str = "schemas";

/// Puts the shipped definitions on disk.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  careflow definition write ./flows")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes the shipped definitions and calendars for editing.
    ///
    /// They go to DIR/workflows, and the schemas that their first lines name to DIR/schemas: an
    /// editor with a YAML language server completes and checks them. Then raise `version` with each
    /// change, `careflow check DIR` and `careflow serve --definitions DIR`.
    #[command(after_help = "Example:\n  careflow definition write ./flows")]
    Write {
        /// Directory, made where it does not exist.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Replace files that are there and say something else.
        #[arg(long)]
        force: bool,
    },
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// [`Failure::No`] where files would be lost.
    pub fn run(&self) -> Result<(), Failure> {
        let Command::Write { directory, force } = &self.command;
        let existing = if *force { Existing::Replace } else { Existing::Keep };
        files::tell(&files::write_all(directory, &planned(), existing)?)
    }
}

fn planned() -> Vec<Planned> {
    let below = |folder: &str, (name, text): Planned| (format!("{folder}/{name}"), text);
    let registry = Registry::shipped();
    let definitions = app::shipped_files().into_iter().map(|file| below(WORKFLOWS, file));
    let schemas = schema::of_files(registry.all()).into_iter().map(|file| below(SCHEMAS, file));
    definitions.chain(schemas).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_that_a_written_file_names_is_written_too() {
        let files = planned();
        let mut named = 0;
        for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".yaml")) {
            let line = text.lines().next().unwrap();
            let schema = line.strip_prefix("# yaml-language-server: $schema=../../").unwrap();
            assert!(files.iter().any(|(other, _)| other == schema), "{path} names {schema}");
            named += 1;
        }
        assert!(named >= 2);
    }
}
