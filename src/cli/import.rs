//! Owns `careflow import`: replays another system's log, or releases what was imported.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::{Config, DATA_DEFAULT};
use crate::engine::batch::Phase;
use crate::import::{self, Import, ImportError, Imported};
use crate::time::WallTime;

/// Redraws of the progress bar are of no use for fewer rows than these.
const ROWS_PER_DRAW: u64 = 20;

/// Replay another system's ticket log in virtual time, or release an import.
///
/// Writes into an empty directory. Refused rows are normal in real logs and are
/// listed; with --strict they make the command end with 1. Unfinished cases stand
/// still until `careflow import --release`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// How rows become events: a mapping file.
    #[arg(long, value_name = "MAP.yaml", required_unless_present = "release")]
    pub mapping: Option<PathBuf>,
    /// The log: CSV with a header line.
    #[arg(value_name = "FILE.csv", required_unless_present = "release", conflicts_with = "release")]
    pub file: Option<PathBuf>,
    /// The directory to write into; empty, or made where there is none.
    #[arg(long, value_name = "DIR", env = "CAREFLOW_DATA", default_value = DATA_DEFAULT)]
    pub data: PathBuf,
    /// Definitions and calendars to import with, instead of the shipped ones.
    #[arg(long, value_name = "DIR")]
    pub definitions: Option<PathBuf>,
    /// The batch's name [default: the mapping's name].
    #[arg(long, value_name = "NAME")]
    pub batch: Option<String>,
    /// Let the cases of a finished import live on.
    #[arg(long, conflicts_with_all = ["mapping", "strict", "json"])]
    pub release: bool,
    /// End with 1 where a row was refused.
    #[arg(long)]
    pub strict: bool,
    /// Print the whole report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Imports, or releases an import; ends with 1 where `--strict` finds a refused row.
///
/// # Errors
/// [`ImportError`].
pub async fn run(args: ImportArgs) -> Result<ExitCode, ImportError> {
    let config = Config { data: args.data, definitions: args.definitions };
    let (Some(mapping), Some(log)) = (args.mapping, args.file) else {
        return released(&config, args.batch.as_deref()).await;
    };
    let import = Import { config, mapping, log, batch: args.batch };
    let bar = bar("importing");
    let draw = |done: u64, of: u64| {
        if done == 0 {
            bar.set_length(of);
        }
        if done % ROWS_PER_DRAW == 0 || done == of {
            bar.set_position(done);
        }
    };
    let imported = import.run(&WallTime, &draw).await;
    bar.finish_and_clear();
    match imported? {
        Imported::Ran(report) => {
            let text = if args.json {
                serde_json::to_string_pretty(&report).map_err(|e| ImportError::Program(e.to_string()))?
            } else {
                report.to_string()
            };
            print(&text)?;
            let strict = args.strict && report.has_refused();
            Ok(if strict { ExitCode::from(1) } else { ExitCode::SUCCESS })
        }
        Imported::Before(batch, _) => {
            eprintln!("batch `{batch}` was imported from the same mapping and log before; nothing was done");
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn released(config: &Config, batch: Option<&str>) -> Result<ExitCode, ImportError> {
    let (name, before) = import::release(config, batch, Arc::new(WallTime)).await?;
    match before {
        Phase::Complete => print(&format!("batch `{name}` is released: its cases live on"))?,
        Phase::Released | Phase::Running => print(&format!("batch `{name}` was released before"))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A progress bar on standard error, where somebody watches.
pub fn bar(what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos} of {human_len}, {eta} left");
    ProgressBar::new(0).with_style(style.expect("a constant that indicatif reads")).with_message(what)
}

fn print(text: &str) -> Result<(), ImportError> {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => Ok(()),
        // Whoever closed the pipe has read what they wanted.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(ImportError::File { file: "standard output".into(), reason: error.to_string() }),
    }
}
