//! Owns what a server stands on: the machine's clock and disk, or worse ones that `torture` commands.
//!
//! # Why
//! Faults are set from outside while the real server runs, instead of inside a
//! model of it: the process, its sockets and its files are what users run. Without
//! the option nothing stands between the server and its clock and disk.

use std::io::{BufRead as _, Write as _};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::app::Store;
use crate::cli::directory;
use crate::cli::failure::Failure;
use crate::config::{Config, Tuning};
use crate::journal::file::{Shape, Shaping};
use crate::time::{ShiftedTime, TimeSource, WallTime};

/// What is printed once a line of faults is in force.
pub const TAKEN: &str = "faults taken";

/// How clock and disk behave; by default as the machine's do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// By how many milliseconds the clock is ahead of the machine's.
    pub clock_ms: i64,
    /// How the journal's disk behaves.
    pub disk: Shape,
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| {
            let example = serde_json::to_string(&Self::default()).unwrap_or_default();
            format!("{error}; accepted is a part of {example}")
        })
    }
}

/// The clock and the disk of a server.
pub enum Ground {
    /// The machine's.
    Machine,
    /// Commanded ones.
    Commanded(Arc<ShiftedTime>, Arc<Shaping>),
}

impl Ground {
    /// The machine's, unless there are faults.
    pub fn of(faults: Option<Faults>) -> Self {
        match faults {
            None => Self::Machine,
            Some(Faults { clock_ms, disk }) => {
                Self::Commanded(Arc::new(ShiftedTime::by(clock_ms)), Arc::new(Shaping::of(disk)))
            }
        }
    }

    /// The clock.
    pub fn time(&self) -> Arc<dyn TimeSource> {
        match self {
            Self::Machine => Arc::new(WallTime),
            Self::Commanded(time, _) => time.clone(),
        }
    }

    /// Opens the directory on the disk.
    ///
    /// # Errors
    /// As [`directory::open`].
    pub async fn open(&self, config: &Config, tuning: Tuning) -> Result<Store, Failure> {
        match self {
            Self::Machine => directory::open_tuned(config, tuning).await,
            Self::Commanded(_, shaping) => directory::open_shaped(config, tuning, shaping.clone()).await,
        }
    }

    /// Follows the lines on standard input; completes at its end, so that no server outlives its torture.
    pub async fn follow(&self) {
        match self {
            Self::Machine => std::future::pending().await,
            Self::Commanded(time, shaping) => {
                let (time, shaping) = (time.clone(), shaping.clone());
                let (end, ended) = tokio::sync::oneshot::channel::<()>();
                // A thread, and not the runtime's pool: the runtime's end would wait for the next line.
                std::thread::spawn(move || {
                    follow_lines(&time, &shaping);
                    drop(end);
                });
                // Nothing is ever sent: the channel closes with the lines.
                ended.await.ok();
            }
        }
    }
}

fn follow_lines(time: &ShiftedTime, shaping: &Shaping) {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let said = match line.parse::<Faults>() {
            Ok(faults) => {
                time.set(faults.clock_ms);
                shaping.set(faults.disk);
                TAKEN.to_owned()
            }
            Err(reason) => format!("faults refused: {reason}"),
        };
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{said}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_from_a_part_of_their_json() {
        let faults: Faults = r#"{"clock_ms": -5, "disk": {"sync_ms": 7}}"#.parse().unwrap();
        let disk = Shape { sync_ms: 7, ..Shape::default() };
        assert_eq!(faults, Faults { clock_ms: -5, disk });
        let refused = r#"{"clock": 1}"#.parse::<Faults>().unwrap_err();
        assert!(refused.contains("clock_ms"), "{refused}");
    }

    #[test]
    fn a_server_without_faults_stands_on_the_machine() {
        assert!(matches!(Ground::of(None), Ground::Machine));
        assert!(matches!(Ground::of(Some(Faults::default())), Ground::Commanded(..)));
    }
}
