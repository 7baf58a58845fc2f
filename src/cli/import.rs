//! `import`: replays another system's ticket log, or releases what was imported.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::failure::Failure;
use super::progress::{Progress, Unit};
use crate::config::{Config, DATA_DEFAULT};
use crate::engine::batch::Phase;
use crate::import::{self, Import, Imported};
use crate::time::WallTime;

/// Replays another system's ticket log in virtual time, or releases an import.
///
/// Writes into an empty directory. A mapping says how rows become events; every row goes through the
/// same step as a live event. Refused rows are normal in real logs: they are told by group, with lines
/// and reasons, all of them with --json, and with --strict they make the command end with 1. Cases that
/// are not finished stand still until `careflow import --release`.
///
/// `careflow schema mapping` prints what a mapping may say.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow import --mapping helpdesk-it.yaml events.csv --data ./helpdesk\n  careflow import --mapping helpdesk-it.yaml events.csv --data ./helpdesk --json > report.json\n  careflow import --release --data ./helpdesk"
)]
pub struct Args {
    /// How rows become events.
    #[arg(long, value_name = "MAP.yaml", required_unless_present = "release")]
    mapping: Option<PathBuf>,
    /// The log: CSV with a header line.
    #[arg(value_name = "FILE.csv", required_unless_present = "release", conflicts_with = "release")]
    file: Option<PathBuf>,
    /// The directory to write into: empty, or made where there is none.
    #[arg(long, value_name = "DIR", env = "CAREFLOW_DATA", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// Definitions and calendars instead of the shipped ones.
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// The batch's name [default: the mapping's name].
    #[arg(long, value_name = "NAME")]
    batch: Option<String>,
    /// Let the cases of a finished import live on.
    #[arg(long, conflicts_with_all = ["mapping", "strict", "json"])]
    release: bool,
    /// End with 1 where a row was refused.
    #[arg(long)]
    strict: bool,
    /// Print the whole report as JSON, every refused row in it.
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// [`Failure`]; [`Failure::No`] where `--strict` finds a refused row.
    pub async fn run(self) -> Result<(), Failure> {
        let config = Config { data: self.data, definitions: self.definitions };
        let (Some(mapping), Some(log)) = (self.mapping, self.file) else {
            return release(&config, self.batch.as_deref()).await;
        };
        let import = Import { config, mapping, log, batch: self.batch };
        let shown = Progress::new("importing", Unit::Steps);
        let imported = import.run(&WallTime, &|done, of| shown.set(done, of)).await;
        shown.finish();
        let report = match imported? {
            Imported::Ran(report) => report,
            Imported::Before(batch, _) => {
                eprintln!(
                    "batch `{batch}` was imported from the same mapping and log before; nothing was done"
                );
                return Ok(());
            }
        };
        let text = if self.json {
            serde_json::to_string_pretty(&report).map_err(|error| Failure::Internal(error.to_string()))?
        } else {
            report.to_string()
        };
        writeln!(std::io::stdout(), "{}", text.trim_end())?;
        if self.strict && report.has_refused() {
            let count = report.refused.len();
            return Err(Failure::No(format!("{count} rows were refused, and --strict accepts none")));
        }
        Ok(())
    }
}

async fn release(config: &Config, batch: Option<&str>) -> Result<(), Failure> {
    let (name, before) = import::release(config, batch, Arc::new(WallTime)).await?;
    let said = match before {
        Phase::Complete => "is released: its cases live on",
        Phase::Released | Phase::Running => "was released before",
    };
    Ok(writeln!(std::io::stdout(), "batch `{name}` {said}")?)
}
