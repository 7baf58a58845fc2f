//! Owns how a workflow is looked at without a server: its definition read, its machine explored.

use std::path::PathBuf;

use super::failure::Failure;
use crate::app;
use crate::definition::file::Content;
use crate::kernel::definition::Definition;
use crate::kernel::explore::{CONFIGURATIONS_MAX, Exploration, Explorer};
use crate::kernel::machine::SAMPLES_AT;
use crate::workflows::Registry;

/// Which workflow, with which definitions.
#[derive(Debug, clap::Args)]
pub struct ExploredArgs {
    /// The workflow.
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    /// Directory with definitions and calendars (`*.yaml`), for whatever it names; the shipped ones otherwise.
    #[arg(long, env = "CAREFLOW_DEFINITIONS", value_name = "DIR")]
    definitions: Option<PathBuf>,
}

impl ExploredArgs {
    /// Finds every transition of the workflow.
    ///
    /// # Errors
    /// A workflow that is not there, definitions that are wrong, an exploration that hit its limit.
    pub fn explore(&self) -> Result<(Exploration, Definition), Failure> {
        let registry = Registry::shipped();
        let Some(workflow) = registry.get(&self.workflow) else {
            let known: Vec<&str> = registry.all().iter().map(|workflow| workflow.name()).collect();
            let (name, known) = (&self.workflow, known.join(", "));
            return Err(Failure::Usage(format!("`{name}` is no workflow; workflows are {known}")));
        };
        let sources = app::sources(registry.all(), self.definitions.as_deref())?;
        let definition = sources.iter().find_map(|source| match &source.content {
            Content::Definition(definition) if definition.workflow == self.workflow => Some(definition),
            Content::Definition(_) | Content::Calendar(_) => None,
        });
        let missing = || Failure::Internal(format!("`{}` has no definition", self.workflow));
        let definition = definition.ok_or_else(missing)?;
        let calendar = sources.iter().find_map(|source| match &source.content {
            Content::Calendar(calendar) if calendar.name() == definition.calendar => Some(calendar),
            Content::Calendar(_) | Content::Definition(_) => None,
        });
        let explorer = Explorer {
            workflow: workflow.as_ref(),
            definition,
            calendar: calendar.ok_or_else(missing)?,
            now: SAMPLES_AT,
            configurations_max: CONFIGURATIONS_MAX,
        };
        let exploration = explorer.explore();
        if exploration.truncated {
            eprintln!("warning: only the first {CONFIGURATIONS_MAX} configurations were looked at");
        }
        Ok((exploration, definition.clone()))
    }
}
