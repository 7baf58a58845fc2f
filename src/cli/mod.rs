//! Owns the command line: a file per command, each with its arguments, its run and its text.
//!
//! What a command answers goes to standard output, everything else to standard
//! error; progress is drawn only where somebody watches.

pub mod actor;
pub mod calendar;
pub mod check;
mod client;
pub mod definition;
pub mod diagram;
mod directory;
mod explored;
pub mod export;
mod failure;
mod files;
pub mod import;
mod logging;
pub mod openapi;
mod progress;
pub mod rebuild;
pub mod report;
pub mod schedule;
pub mod schema;
pub mod serve;
pub mod table;
pub mod token;
pub mod torture;
pub mod verify;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

pub use failure::Failure;
use logging::LogArgs;

/// Longest wait at the end for what still blocks: the answers are out by then.
const LINGER: Duration = Duration::from_millis(500);

const AFTER_HELP: &str = "\
Examples:
  careflow serve                                   start here; prints an administrator token once
  careflow definition write ./flows                put the shipped definitions on disk for editing
  careflow check ./flows                           everything wrong with them, with line and column
  careflow serve --definitions ./flows
  careflow serve --demo --data ./demo              an invented organisation to look at
  careflow import --mapping MAP.yaml FILE.csv      replay another system's ticket log
  careflow calendar due --calendar cn --start 2026-09-30T10:00 --add '3 working days' --explain
  careflow token create --role agent --actor u-17
  careflow schedule list                           what starts by itself, and when
  careflow export --workflow consultation --out history.jsonl
  careflow torture --data ./torture --minutes 10   does it keep its word on this disk?
  careflow report kpis --from 2026-03-01 --to 2026-04-01 --group-by channel

Exit codes:
  0   done
  1   the answer is no: check, verify or serve found faults
  2   the arguments are wrong
  3   the directory or a file cannot be used: in use, damaged, missing
  4   the running server refused
  70  a fault of careflow itself";

/// Customer-service procedures as durable, typed state machines.
#[derive(Debug, Parser)]
#[command(name = "careflow", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Check(check::Args),
    Export(export::Args),
    Import(import::Args),
    Verify(verify::Args),
    Rebuild(rebuild::Args),
    Report(report::Args),
    Definition(definition::Args),
    Token(token::Args),
    Actor(actor::Args),
    Calendar(calendar::Args),
    Schedule(schedule::Args),
    Diagram(diagram::Args),
    Table(table::Args),
    Schema(schema::Args),
    Openapi(openapi::Args),
    Torture(torture::Args),
}

impl Command {
    async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Serve(args) => args.run().await,
            Self::Check(args) => args.run(),
            Self::Export(args) => args.run().await,
            Self::Import(args) => args.run().await,
            Self::Verify(args) => args.run().await,
            Self::Rebuild(args) => args.run().await,
            Self::Report(args) => args.run().await,
            Self::Definition(args) => args.run(),
            Self::Token(args) => args.run().await,
            Self::Actor(args) => args.run().await,
            Self::Calendar(args) => args.run(),
            Self::Schedule(args) => args.run().await,
            Self::Diagram(args) => args.run(),
            Self::Table(args) => args.run(),
            Self::Schema(args) => args.run(),
            Self::Openapi(args) => args.run(),
            Self::Torture(args) => args.run().await,
        }
    }

    /// What is logged unless the caller says otherwise: a server tells what it does, a command answers.
    const fn log_default(&self) -> &'static str {
        match self {
            Self::Serve(_) => "warn,careflow=info",
            Self::Check(_)
            | Self::Export(_)
            | Self::Import(_)
            | Self::Verify(_)
            | Self::Rebuild(_)
            | Self::Report(_)
            | Self::Definition(_)
            | Self::Token(_)
            | Self::Actor(_)
            | Self::Calendar(_)
            | Self::Schedule(_)
            | Self::Diagram(_)
            | Self::Table(_)
            | Self::Schema(_)
            | Self::Openapi(_)
            | Self::Torture(_) => "warn",
        }
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    // The panic's own message is out by then.
    let panicked =
        |_| Err(Failure::Internal("careflow made a mistake; please report the lines above".into()));
    match std::panic::catch_unwind(|| run(Cli::parse())).unwrap_or_else(panicked) {
        Ok(()) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    cli.log.start(cli.command.log_default())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Internal(format!("there is no runtime: {error}")))?;
    let outcome = runtime.block_on(cli.command.run());
    runtime.shutdown_timeout(LINGER);
    outcome
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_has_an_argument_of_a_global_ones_name() {
        let cli = Cli::command();
        let global: Vec<_> = cli.get_arguments().map(|argument| argument.get_id().clone()).collect();
        assert!(global.len() >= 2);
        for command in cli.get_subcommands() {
            for argument in command.get_arguments() {
                assert!(!global.contains(argument.get_id()), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }
}
