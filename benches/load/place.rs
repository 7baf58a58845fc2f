//! Owns the directories of one run: definitions, and data made by importing generated cases.
//!
//! # Why
//! Cases are made by `careflow import`: it goes through the same step as live events, syncs once at
//! its end, and sets times freely, so that 100,000 timers fall due in a chosen minute. The
//! definitions are the shipped ones on a calendar that is always open: on `cn` the figures would
//! depend on the hour of the run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use careflow::kernel::instant::Instant;
use tempfile::TempDir;

use crate::Outcome;
use crate::people::agent;
use crate::server::{self, Paths};

/// How the generated rows become events.
const MAPPING: &str = include_str!("mapping.yaml");
/// Longest path of a data directory: the control socket's path must stay under 108 bytes.
const PATH_BYTES_MAX: usize = 90;

/// A text of a flow's shipped definition, and what stands in its place.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    /// The flow.
    pub flow: &'static str,
    /// The text, which must be there.
    pub from: &'static str,
    /// What stands in its place.
    pub to: &'static str,
}

/// The directories of one run, gone with it.
pub struct Place {
    root: TempDir,
}

impl Place {
    /// A new directory below `dir`, with the definitions in it.
    pub fn below(dir: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(dir)?;
        let root = tempfile::Builder::new().prefix("load-").tempdir_in(dir)?;
        if root.path().as_os_str().len() > PATH_BYTES_MAX {
            let path = root.path().display();
            return Err(format!(
                "`{path}` is too long for a control socket in it; --dir takes a shorter one"
            )
            .into());
        }
        let place = Self { root };
        Self::write_definitions(&place.definitions(), &[])?;
        std::fs::write(place.mapping(), MAPPING)?;
        Ok(place)
    }

    /// Writes the shipped definitions below `flows`, the consultation always open, and with `edits`.
    fn write_definitions(flows: &Path, edits: &[Edit]) -> Outcome<()> {
        server::plain(&["definition", "write", flows.to_str().ok_or("--dir is not UTF-8")?])?;
        let open = Edit { flow: "consultation", from: "\ncalendar: cn\n", to: "\ncalendar: always\n" };
        for Edit { flow, from, to } in std::iter::once(&open).chain(edits) {
            let file = flows.join(format!("workflows/{flow}/definition.yaml"));
            let text = std::fs::read_to_string(&file)?;
            if !text.contains(from) {
                return Err(format!("the shipped {flow} has no `{}` any more", from.trim()).into());
            }
            std::fs::write(file, text.replacen(from, to, 1))?;
        }
        Ok(())
    }

    /// The data directory called `name`, with definitions of its own that differ in `edits`.
    pub fn edited(&self, name: &str, edits: &[Edit]) -> Outcome<Data> {
        let definitions = self.path().join(format!("{name}-flows"));
        Self::write_definitions(&definitions, edits)?;
        Ok(Data { definitions, ..self.data(name) })
    }

    /// Where all of it lies.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    fn definitions(&self) -> PathBuf {
        self.path().join("flows")
    }

    fn mapping(&self) -> PathBuf {
        self.path().join("mapping.yaml")
    }

    /// The data directory called `name`; it need not exist yet.
    pub fn data(&self, name: &str) -> Data {
        Data {
            data: self.path().join(name),
            definitions: self.definitions(),
            log: self.path().join(format!("{name}.log")),
        }
    }

    /// Makes `name` by importing `cases`, and releases them; answers how long both took.
    pub fn import(&self, name: &str, cases: &[Case]) -> Outcome<(Data, Duration)> {
        let data = self.data(name);
        let csv = self.path().join(format!("{name}.csv"));
        let mut text = "case,at,stage,agent\n".to_owned();
        for (number, case) in cases.iter().enumerate() {
            writeln!(text, "{number},{},{},{}", case.at, case.stage.name(), agent(number))?;
        }
        std::fs::write(&csv, text)?;
        let (mapping, log) = (self.mapping(), csv.clone());
        let (mapping, log) = (mapping.to_string_lossy(), log.to_string_lossy());
        let imported = server::command(&["import", "--strict", "--mapping", &mapping, &log], data.paths())?;
        let released = server::command(&["import", "--release"], data.paths())?;
        std::fs::remove_file(csv)?;
        Ok((data, imported.took + released.took))
    }
}

/// One data directory.
#[derive(Clone, Debug)]
pub struct Data {
    data: PathBuf,
    definitions: PathBuf,
    log: PathBuf,
}

impl Data {
    /// What commands are told.
    pub fn paths(&self) -> Paths<'_> {
        Paths { data: &self.data, definitions: &self.definitions, log: &self.log }
    }

    /// The journal's directory.
    pub fn journal(&self) -> PathBuf {
        self.data.join("journal")
    }

    /// The index's directory.
    pub fn index(&self) -> PathBuf {
        self.data.join("index")
    }

    /// Removes it.
    pub fn remove(self) -> Outcome<()> {
        Ok(std::fs::remove_dir_all(self.data)?)
    }
}

/// A generated case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// When everything of it happened.
    pub at: Instant,
    /// How far it has come.
    pub stage: Stage,
}

/// How far a generated case has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits in its queue.
    Received,
    /// An agent has taken it.
    Accepted,
    /// The customer has the answer.
    Answered,
    /// The customer is satisfied.
    Settled,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Accepted => "accepted",
            Self::Answered => "answered",
            Self::Settled => "settled",
        }
    }
}
