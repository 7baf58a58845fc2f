//! Owns the real binary: commands run to their end, and a server as a process of its own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;
use crate::machine;

/// What the server says on standard output once it takes requests.
const READY: &str = "\nready\n";

/// How long a server is watched to see whether it rests: longer than its index puts off what it stores.
const WATCH: Duration = Duration::from_millis(750);
/// CPU seconds within [`WATCH`] that a server uses at rest: two ticks.
const RESTING_SECONDS_MAX: f64 = 0.021;
/// How often it is watched: a minute.
const WATCHES_MAX: usize = 80;

/// Paths that a command is told.
#[derive(Clone, Copy, Debug)]
pub struct Paths<'a> {
    /// The server's directory.
    pub data: &'a Path,
    /// The definitions.
    pub definitions: &'a Path,
    /// Where a server's standard error goes.
    pub log: &'a Path,
}

/// The binary that cargo built for this run; it inherits no configuration of careflow.
fn careflow(arguments: &[&str], paths: Paths<'_>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_careflow"));
    for name in ["DATA", "LISTEN", "DEFINITIONS", "LOG", "LOG_FORMAT"] {
        command.env_remove(format!("CAREFLOW_{name}"));
    }
    command.args(arguments).arg("--data").arg(paths.data);
    command
}

/// Runs `careflow ARGUMENTS --data … [--definitions …]` to its end.
pub fn command(arguments: &[&str], paths: Paths<'_>) -> Outcome<Done> {
    let mut command = careflow(arguments, paths);
    if !["verify", "rebuild", "export"].contains(&arguments[0]) {
        command.arg("--definitions").arg(paths.definitions);
    }
    run(&mut command, arguments)
}

/// Runs `careflow ARGUMENTS` to its end.
pub fn plain(arguments: &[&str]) -> Outcome<Done> {
    run(Command::new(env!("CARGO_BIN_EXE_careflow")).args(arguments), arguments)
}

/// What a command that ended well said, and how long it took.
#[derive(Debug)]
pub struct Done {
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
    /// From start to end.
    pub took: Duration,
}

fn run(command: &mut Command, arguments: &[&str]) -> Outcome<Done> {
    let began = Instant::now();
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output()?;
    let took = began.elapsed();
    let (out, err) = (String::from_utf8(stdout)?, String::from_utf8(stderr)?);
    if !status.success() {
        return Err(format!("`careflow {}` ended with {status}: {err}", arguments.join(" ")).into());
    }
    Ok(Done { out, err, took })
}

/// A running server; killed where nobody stopped it.
pub struct Server {
    child: Child,
    said: String,
    started: Duration,
    // Kept open: a server must not end because nobody reads it.
    _out: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a server and waits until it takes requests.
    pub fn start(paths: Paths<'_>) -> Outcome<Self> {
        let mut command = careflow(&["serve", "--listen", "127.0.0.1:0"], paths);
        command.arg("--definitions").arg(paths.definitions);
        // A thousand open pages are more than the limit lets in by default, beside the clients.
        command.env("CAREFLOW_CONNECTIONS_MAX", "4096");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(paths.log)?);
        let began = Instant::now();
        let mut child = command.spawn()?;
        let mut out = BufReader::new(child.stdout.take().expect("it was asked for above"));
        let mut said = String::new();
        while !said.ends_with(READY) {
            if out.read_line(&mut said)? == 0 {
                let status = child.wait()?;
                let log = std::fs::read_to_string(paths.log)?;
                return Err(format!("the server ended early with {status}: {said}{log}").into());
            }
        }
        Ok(Self { child, said, started: began.elapsed(), _out: out })
    }

    /// From the start of the process until it took requests, in seconds.
    pub fn start_seconds(&self) -> f64 {
        self.started.as_secs_f64()
    }

    /// Where it listens.
    pub fn address(&self) -> Outcome<String> {
        let (_, rest) = self.said.split_once("listening on http://").ok_or("the server named no address")?;
        Ok(rest.split_whitespace().next().unwrap_or_default().to_owned())
    }

    /// CPU seconds that it has used.
    pub fn cpu_seconds(&self) -> Outcome<f64> {
        machine::cpu_seconds(self.child.id())
    }

    /// Waits until it does nothing any more: after its start it explores the workflows and checks the journal.
    pub async fn rest(&self) -> Outcome<()> {
        for _ in 0..WATCHES_MAX {
            let before = self.cpu_seconds()?;
            tokio::time::sleep(WATCH).await;
            if self.cpu_seconds()? - before <= RESTING_SECONDS_MAX {
                return Ok(());
            }
        }
        Err("the server does not come to rest".into())
    }

    /// Megabytes of its memory that are resident.
    pub fn resident_megabytes(&self) -> Outcome<f64> {
        machine::resident_megabytes(self.child.id())
    }

    /// Tells it to stop and waits for its clean end.
    pub fn stop(mut self) -> Outcome<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the server stopped with {status}").into()) }
    }

    /// Ends it as a crash would.
    pub fn kill(mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` or `kill` it is gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
