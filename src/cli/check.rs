//! `check`: everything wrong with definitions and calendars, in one report.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::failure::Failure;
use super::files::unusable;
use crate::app;
use crate::definition::file::{Content, Reader, Source, read_all};
use crate::definition::report::{Finding, Report};
use crate::kernel::machine::Workflow;
use crate::time::{TimeSource as _, WallTime};
use crate::workflows::Registry;

/// Checks definitions and calendars and tells everything that is wrong with them.
///
/// Files given together are checked together; the shipped ones fill in for workflows and
/// calendars that none of them names. A calendar whose horizon is near is warned of, and is no
/// finding. Nothing is started or written.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow check flows/\n  careflow check definition.yaml calendar.yaml --json"
)]
pub struct Args {
    /// Files, or directories with `*.yaml`.
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// Answer as JSON: `{"ok": …, "files": […], "findings": […], "warnings": […]}`.
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// [`Failure::No`] where anything is wrong.
    pub fn run(&self) -> Result<(), Failure> {
        let mut given = Vec::new();
        for path in &self.paths {
            given.extend(texts(path)?);
        }
        let count = given.len();
        let registry = Registry::shipped();
        let checked = check(registry.all(), given)?;
        let warnings = checked.as_deref().map(|sources| warnings(&sources[..count])).unwrap_or_default();
        let mut out = std::io::stdout().lock();
        match (&checked, self.json) {
            (Ok(sources), true) => {
                let files: Vec<_> = sources[..count].iter().map(described).collect();
                let answer = json!({ "ok": true, "files": files, "findings": [], "warnings": warnings });
                writeln!(out, "{answer}")?;
            }
            (Ok(sources), false) => {
                for source in &sources[..count] {
                    writeln!(out, "{}: {}", source.file, summary(source))?;
                }
                for warning in &warnings {
                    eprint!("warning: {warning}");
                }
            }
            (Err(report), true) => {
                let (findings, none) = (&report.items, [(); 0]);
                let answer = json!({ "ok": false, "files": none, "findings": findings, "warnings": none });
                writeln!(out, "{answer}")?;
            }
            (Err(report), false) => {
                for finding in &report.items {
                    writeln!(out, "{finding}")?;
                }
            }
        }
        match checked {
            Ok(_) => Ok(()),
            Err(report) => {
                let found = report.items.len();
                Err(Failure::No(format!("{found} {}", if found == 1 { "finding" } else { "findings" })))
            }
        }
    }
}

/// The files at `path`: itself, or every `*.yaml` below it.
fn texts(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    if path.is_dir() {
        return Ok(app::yaml_files(path)?);
    }
    let text = std::fs::read_to_string(path).map_err(|error| unusable(path, &error))?;
    Ok(vec![(path.display().to_string(), text)])
}

/// Checks the given files, which come first in the answer, completed with the shipped ones.
fn check(
    workflows: &[Arc<dyn Workflow>],
    given: Vec<(String, String)>,
) -> Result<Result<Vec<Source>, Report>, Failure> {
    let reader = Reader::new(workflows).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(read_all(&reader, &app::completed(given)))
}

/// Calendars whose horizon is near, where their files say it.
fn warnings(sources: &[Source]) -> Vec<Finding> {
    let now = WallTime.now();
    sources.iter().filter_map(|source| source.warning(now)).collect()
}

fn summary(source: &Source) -> String {
    match &source.content {
        Content::Definition(d) => format!("definition of {} version {}, no findings", d.workflow, d.version),
        Content::Calendar(c) => format!("calendar {} version {}, no findings", c.name(), c.version()),
    }
}

fn described(source: &Source) -> serde_json::Value {
    let (kind, name, version) = match &source.content {
        Content::Definition(d) => ("definition", d.workflow.as_str(), d.version),
        Content::Calendar(c) => ("calendar", c.name(), c.version()),
    };
    json!({ "file": source.file, "kind": kind, "name": name, "version": version, "hash": source.hash })
}
