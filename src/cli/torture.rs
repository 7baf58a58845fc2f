//! `torture`: a server of this binary under random commands, crashes and faults, and everything it says checked.

mod client;
mod desk;
mod history;
mod judge;
mod laws;
mod payload;
mod plan;
mod report;
mod round;
mod server;
mod truth;
mod wire;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::failure::Failure;
use super::progress::{Progress, Unit};
use plan::{Fault, Plan};
use report::Report;
use round::Outcome;

/// The file that says that a directory is a torture's own.
const MARKER: &str = "careflow-torture";
/// Most clients: each is a connection and a person.
const CLIENTS_MAX: u64 = 200;
/// Rounds where neither rounds nor minutes are given.
const ROUNDS_DEFAULT: u64 = 20;

/// Tortures a server on this disk, and checks everything that it says.
///
/// Each round starts this binary's `serve` in a fresh directory below DIR, has several clients send
/// random commands (payloads made from the published schemas, idempotency keys, If-Match, retries of
/// what was left open, dry runs) and read instances, histories, lists and the feed, and meanwhile
/// kills it, stops it, fills or fails its disk, or moves its clock. Then every answer is checked
/// against the journal: what was acknowledged is there exactly once, in the order of real time; no
/// read is older than what was answered before it; lists are complete; timers fired once and never
/// early; the journal verifies, runs again to the same outcome, and the index equals one made anew.
///
/// Not covered: power cuts and what a disk loses in them (`cargo test` simulates those), a disk
/// that lies about a sync or changes bytes by itself, faults of the index's own files, several
/// machines. A seed fixes what is done and when, not how processes interleave: a rare failure may
/// need several tries of its round. What a failed round left is kept; a sound round is removed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow torture --data /var/tmp/torture --minutes 10\n  careflow torture --data ./t --rounds 50 --fault kill_under_load --fault eio_on_sync\n  careflow torture --data ./t --definitions ./flows --minutes 5 --format json\n  careflow torture --data ./t --seed 7 --round 12      again what round 12 of seed 7 did"
)]
pub struct Args {
    /// Directory on the disk that is to be tried; new, empty, or made by an earlier torture.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Directory with definitions and calendars (`*.yaml`), as for `serve`.
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// How long rounds are begun.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    minutes: Option<u64>,
    /// How many rounds there are at most [default: 20, or without end with --minutes].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rounds: Option<u64>,
    /// Only this round of the seed.
    #[arg(long, value_name = "K", conflicts_with_all = ["rounds", "minutes"], value_parser = clap::value_parser!(u64).range(1..))]
    round: Option<u64>,
    /// What everything is drawn from [default: by chance, and told].
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// What goes wrong in a round: one of these by chance [default: all of them].
    #[arg(long, value_name = "NAME")]
    fault: Vec<Fault>,
    /// How many clients send at a time [default: 2 to 9 by chance].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=CLIENTS_MAX))]
    clients: Option<u64>,
    /// How the report is written.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// [`Failure::No`] where anything was violated; [`Failure::Directory`] for a directory of somebody else's.
    pub async fn run(self) -> Result<(), Failure> {
        claim(&self.data)?;
        let seed = match self.seed {
            Some(seed) => seed,
            None => u64::from_str_radix(&crate::random::hex_of(4), 16).unwrap_or(1),
        };
        let mut report = Report::new(seed, self.again(seed));
        let bar =
            Progress::new("torturing", if self.minutes.is_some() { Unit::Seconds } else { Unit::Rounds });
        let began = Instant::now();
        let ends = self.minutes.map(|minutes| Duration::from_secs(minutes * 60));
        for round in self.numbers() {
            if ends.is_some_and(|ends| began.elapsed() >= ends) {
                break;
            }
            match (ends, self.rounds) {
                (Some(ends), _) => bar.set(began.elapsed().as_secs(), ends.as_secs()),
                (None, rounds) => bar.set(round.saturating_sub(1), rounds.unwrap_or(ROUNDS_DEFAULT)),
            }
            let clients = self.clients.and_then(|clients| usize::try_from(clients).ok());
            let plan = Plan::of(seed, round, self.faults(), clients);
            let outcome = self.one(&plan).await?;
            report.add(&plan, &outcome);
        }
        bar.finish();
        let mut out = std::io::stdout().lock();
        match self.format {
            Format::Text => write!(out, "{}", report.text())?,
            Format::Json => writeln!(out, "{}", report.json())?,
        }
        match report.violations() {
            0 => Ok(()),
            found => Err(Failure::No(format!(
                "{found} violations; what their rounds left is in `{}`",
                self.data.display()
            ))),
        }
    }

    fn faults(&self) -> &[Fault] {
        if self.fault.is_empty() { Fault::value_variants() } else { &self.fault }
    }

    fn numbers(&self) -> std::ops::RangeInclusive<u64> {
        match (self.round, self.rounds, self.minutes) {
            (Some(round), ..) => round..=round,
            (None, Some(rounds), _) => 1..=rounds,
            (None, None, Some(_)) => 1..=u64::MAX,
            (None, None, None) => 1..=ROUNDS_DEFAULT,
        }
    }

    /// Runs one round; what it leaves is kept where it broke a law.
    async fn one(&self, plan: &Plan) -> Result<Outcome, Failure> {
        let directory = self.data.join(format!("round-{}", plan.round));
        remove(&directory)?;
        let outcome = round::run(plan, &directory, self.definitions.as_deref()).await?;
        if outcome.findings.total == 0 {
            remove(&directory)?;
        } else {
            let told: String = outcome.records.iter().map(|record| format!("{record:?}\n")).collect();
            fs::write(directory.join("history.txt"), format!("{plan:?}\n{told}"))?;
        }
        Ok(outcome)
    }

    /// The command that does the same again, but for the round.
    fn again(&self, seed: u64) -> String {
        let mut again = format!("careflow torture --data {} --seed {seed}", self.data.display());
        for fault in &self.fault {
            let name = fault.to_possible_value().map(|value| value.get_name().to_owned());
            again.push_str(&format!(" --fault {}", name.unwrap_or_default()));
        }
        if let Some(clients) = self.clients {
            again.push_str(&format!(" --clients {clients}"));
        }
        if let Some(definitions) = &self.definitions {
            again.push_str(&format!(" --definitions {}", definitions.display()));
        }
        again
    }
}

/// Makes the directory a torture's own, unless it holds anything of somebody else's.
fn claim(directory: &Path) -> Result<(), Failure> {
    let unusable = |error| Failure::Directory(format!("`{}` cannot be used: {error}", directory.display()));
    fs::create_dir_all(directory).map_err(unusable)?;
    let marker = directory.join(MARKER);
    let occupied = fs::read_dir(directory).map_err(unusable)?.next().is_some();
    if occupied && !marker.is_file() {
        return Err(Failure::Directory(format!(
            "`{}` holds something that no torture made, and is left alone; accepted is a directory that is new, empty, or was made by `careflow torture`",
            directory.display()
        )));
    }
    fs::write(&marker, "made by `careflow torture`; everything beside this file may be removed\n")
        .map_err(unusable)
}

fn remove(directory: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::Directory(format!("`{}` cannot be removed: {error}", directory.display())))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_somebody_elses_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        claim(folder.path()).unwrap();
        claim(folder.path()).unwrap();
        let live = folder.path().join("live");
        fs::create_dir_all(live.join("journal")).unwrap();
        let refused = claim(&live).unwrap_err();
        assert_eq!(refused.code(), 3);
        assert!(refused.to_string().contains("accepted is"), "{refused}");
        assert!(!live.join(MARKER).exists());
    }
}
