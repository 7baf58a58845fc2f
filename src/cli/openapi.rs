//! `openapi`: the OpenAPI document of this binary, as the server shows it.

use std::io::Write as _;

use super::failure::Failure;
use crate::api;
use crate::workflows::Registry;

/// Prints the OpenAPI 3.1 document of the HTTP API.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  careflow openapi > openapi.json")]
pub struct Args {}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// Output that cannot be written.
    pub fn run(&self) -> Result<(), Failure> {
        let text = api::openapi::text(Registry::shipped().all());
        Ok(writeln!(std::io::stdout().lock(), "{}", text.trim_end())?)
    }
}
