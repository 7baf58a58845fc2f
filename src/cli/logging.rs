//! Owns what is logged and how: to standard error, filtered by `CAREFLOW_LOG`.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::failure::Failure;

/// What is logged.
///
/// These are global: their names must be those of no argument of a command.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// What is logged, as `level` or `target=level`, several with commas; `careflow::requests` is the
    /// line of each request [default: info for serve, else warn].
    #[arg(
        long = "log",
        env = "CAREFLOW_LOG",
        value_name = "FILTER",
        global = true,
        help_heading = "Logging"
    )]
    log_filter: Option<String>,
    /// How a line of the log is written.
    #[arg(
        long = "log-format",
        env = "CAREFLOW_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        global = true,
        help_heading = "Logging"
    )]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl LogArgs {
    /// Starts logging with `default` where no filter was given.
    ///
    /// # Errors
    /// A filter that cannot be read.
    pub fn start(&self, default: &str) -> Result<(), Failure> {
        let text = self.log_filter.as_deref().unwrap_or(default);
        let filter = EnvFilter::try_new(text).map_err(|error| {
            Failure::Usage(format!(
                "`{text}` is no log filter ({error}); accepted are `debug` or `careflow=debug,warn`"
            ))
        })?;
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        match self.log_format {
            Format::Text => lines.with_ansi(false).init(),
            // One flat object a line; what a handler logs has its request in `span`.
            Format::Json => lines.json().flatten_event(true).with_span_list(false).init(),
        }
        Ok(())
    }
}
