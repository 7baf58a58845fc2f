//! Owns the finished directory as the real binary tells of it: verified, and exported.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use careflow::kernel::entry::{Entry, Position};
use careflow::kernel::id::InstanceId;
use serde::Deserialize;
use serde_json::Value;

/// Every history.
#[derive(Debug, Default)]
pub struct Histories {
    /// Entries of each instance, oldest first; system objects included.
    pub all: BTreeMap<InstanceId, Vec<Entry>>,
    /// Where each of them was written.
    pub positions: BTreeMap<InstanceId, Vec<Position>>,
    /// How many entries those are.
    pub entries: u64,
}

/// One exported line.
#[derive(Deserialize)]
struct Line {
    position: Position,
    entry: Entry,
}

/// The file that `careflow export` wrote; gone once it is read.
#[derive(Debug)]
pub struct Exported(PathBuf);

impl Exported {
    /// The directory `data`, exported.
    ///
    /// # Panics
    /// Where the export fails.
    pub fn of(data: &Path) -> Self {
        let out = data.with_extension("jsonl");
        careflow(&["export", "--out", out.to_str().unwrap()], data);
        Self(out)
    }

    /// The histories in it.
    ///
    /// # Panics
    /// Where they are not in order.
    pub fn read(self) -> Histories {
        let Self(out) = self;
        let mut histories = Histories::default();
        let mut before = 0;
        for line in BufReader::new(std::fs::File::open(&out).unwrap()).lines() {
            let Line { position, entry } = serde_json::from_str(&line.unwrap()).unwrap();
            assert!(position >= before, "an export is in the order of commits");
            before = position;
            histories.entries += 1;
            histories.positions.entry(entry.instance.clone()).or_default().push(position);
            histories.all.entry(entry.instance.clone()).or_default().push(entry);
        }
        std::fs::remove_file(out).unwrap();
        histories
    }
}

impl Histories {
    /// Those of flows, system objects left out.
    pub fn flows(&self) -> impl Iterator<Item = (&InstanceId, &Vec<Entry>)> {
        self.all.iter().filter(|(_, entries)| !entries[0].workflow.starts_with('$'))
    }
}

/// Has the binary check every byte of `data`, run every recorded input again, and compare the index.
///
/// # Panics
/// Where anything is not as it was written.
pub fn verify(data: &Path) {
    let told: Value = serde_json::from_str(&careflow(&["verify", "--replay", "--json"], data)).unwrap();
    assert_eq!(told["ok"], true, "{told}");
    assert_eq!(told["replay"]["different"], 0, "{told}");
    assert_eq!(told["index"]["same"], true, "{told}");
    assert!(told["replay"]["run"].as_u64() > Some(0), "{told}");
}

fn careflow(arguments: &[&str], data: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_careflow"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CAREFLOW_")) {
        command.env_remove(name);
    }
    let ended = command.args(arguments).arg("--data").arg(data).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&ended.stdout), text(&ended.stderr));
    assert!(ended.status.success(), "`careflow {}`: {out}{err}", arguments.join(" "));
    out
}
