//! `schema`: the JSON Schemas of definitions, calendars and mappings, printed or written as files.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::failure::Failure;
use super::files::{self, Existing, Planned};
use crate::api;
use crate::definition::file;
use crate::import::mapping;
use crate::kernel::calendar::CalendarFile;
use crate::kernel::machine::{Workflow, schema_of};
use crate::workflows::Registry;

/// Dialect of every schema here.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Prints or writes the JSON Schemas that definitions and calendars are checked by.
///
/// Without a name it lists them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow schema\n  careflow schema consultation\n  careflow schema --write schemas"
)]
pub struct Args {
    /// `definition`, `calendar`, `mapping`, or a workflow for the schema of its definition.
    #[arg(value_name = "NAME", conflicts_with = "write")]
    name: Option<String>,
    /// Write all of them, and `openapi.json`, into this directory, replacing what is there.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// A name that is no schema; output that cannot be written.
    pub fn run(&self) -> Result<(), Failure> {
        let registry = Registry::shipped();
        let all = all(registry.all());
        if let Some(directory) = &self.write {
            let mut planned = of_files(registry.all());
            planned.push(("openapi.json".into(), ended(&api::openapi::text(registry.all()))));
            return files::tell(&files::write_all(directory, &planned, Existing::Replace)?);
        }
        let names = || all.iter().map(|(name, _)| name.as_str());
        let mut out = std::io::stdout().lock();
        match &self.name {
            None => {
                for name in names() {
                    writeln!(out, "{name}")?;
                }
            }
            Some(name) => match all.iter().find(|(known, _)| known == name) {
                Some((_, schema)) => write!(out, "{}", text(schema))?,
                None => {
                    let known = names().collect::<Vec<_>>().join(", ");
                    return Err(Failure::Usage(format!("`{name}` is no schema; schemas are {known}")));
                }
            },
        }
        Ok(())
    }
}

/// The schemas as the files that definitions and calendars refer to.
pub fn of_files(workflows: &[Arc<dyn Workflow>]) -> Vec<Planned> {
    let named = |(name, schema): &(String, Value)| (format!("{name}.schema.json"), text(schema));
    all(workflows).iter().map(named).collect()
}

fn all(workflows: &[Arc<dyn Workflow>]) -> Vec<(String, Value)> {
    let shared = [
        ("definition".to_owned(), file::shared_schema()),
        ("calendar".to_owned(), schema_of::<CalendarFile>()),
        ("mapping".to_owned(), mapping::schema()),
    ];
    let own = workflows.iter().map(|workflow| (workflow.name().to_owned(), file::schema(workflow.as_ref())));
    shared.into_iter().chain(own).collect()
}

fn text(schema: &Value) -> String {
    let mut schema = schema.clone();
    schema["$schema"] = json!(DIALECT);
    ended(&serde_json::to_string_pretty(&schema).expect("a JSON value writes itself"))
}

fn ended(text: &str) -> String {
    format!("{}\n", text.trim_end())
}
