//! Owns the server under torture: this very program as a process of its own, with its faults.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

use crate::cli::failure::Failure;
use crate::cli::serve::{Faults, TAKEN};
use crate::config::Config;

/// Longest wait for a start: an index of a long history may be built anew.
const START_WAIT: Duration = Duration::from_secs(120);
/// Longest wait for an end that was asked for: three times what `serve` takes at most.
const STOP_WAIT: Duration = Duration::from_secs(15);
/// Longest wait until faults are in force.
const FAULTS_WAIT: Duration = Duration::from_secs(15);
/// Last lines of its log that are kept for a report.
const LOG_LINES: usize = 40;

/// A running server.
pub struct Server {
    child: Child,
    stdin: ChildStdin,
    said: mpsc::UnboundedReceiver<String>,
    log: Log,
    /// Where it listens.
    pub address: String,
}

/// The end of a server's log.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    fn add(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LOG_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Its last lines.
    pub fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// Whether the program said that it panicked.
    pub fn tells_panic(&self) -> bool {
        self.text().contains("panicked at")
    }
}

impl Server {
    /// Starts a server on the directory and waits until it takes requests.
    ///
    /// # Errors
    /// With the end of its log, where it does not get ready.
    pub async fn start(config: &Config, faults: Faults) -> Result<Self, String> {
        let mut child = command(config, faults)?.spawn().map_err(|e| format!("no process: {e}"))?;
        let log = Log::default();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let stdin = child.stdin.take().ok_or("the process has no standard input")?;
        let (say, said) = mpsc::unbounded_channel();
        each_line(out, move |line| drop(say.send(line)));
        each_line(err, {
            let log = log.clone();
            move |line| log.add(line)
        });
        let mut server = Self { child, stdin, said, log, address: String::new() };
        let ready = tokio::time::timeout(START_WAIT, server.until_ready()).await;
        match ready.unwrap_or_else(|_| Err(format!("it was not ready within {START_WAIT:?}"))) {
            Ok(()) => Ok(server),
            Err(reason) => Err(format!("{reason}\n{}", server.log.text())),
        }
    }

    async fn until_ready(&mut self) -> Result<(), String> {
        loop {
            let line = self.said.recv().await.ok_or("it ended before it was ready")?;
            if let Some(address) = line.strip_prefix("listening on http://") {
                address.clone_into(&mut self.address);
            }
            if line == "ready" {
                return Ok(());
            }
        }
    }

    /// Puts faults in force.
    ///
    /// # Errors
    /// A server that ended, or does not take them.
    pub async fn set(&mut self, faults: Faults) -> Result<(), Failure> {
        let line = serde_json::to_string(&faults).map_err(|e| Failure::Internal(e.to_string()))?;
        writeln!(self.stdin, "{line}").and_then(|()| self.stdin.flush())?;
        match tokio::time::timeout(FAULTS_WAIT, self.said.recv()).await {
            Ok(Some(said)) if said == TAKEN => Ok(()),
            Ok(said) => Err(Failure::Internal(format!("the server said {said:?} to its faults"))),
            Err(_) => Err(Failure::Internal("the server does not take its faults".into())),
        }
    }

    /// The end of its log, as it grows.
    pub fn log(&self) -> Log {
        self.log.clone()
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// A process that cannot be killed.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.ended().await.map(drop)
    }

    /// Tells it to stop; absent where it did not within a while, so that it was killed.
    ///
    /// # Errors
    /// A process that cannot be reached.
    pub async fn stop(&mut self) -> Result<Option<ExitStatus>, Failure> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).map_err(std::io::Error::from)?;
        let waited = tokio::time::timeout(STOP_WAIT, async {
            // Its standard output closes with it.
            while self.said.recv().await.is_some() {}
        });
        let over = waited.await.is_ok();
        if !over {
            self.child.kill()?;
        }
        let status = self.ended().await?;
        Ok(over.then_some(status))
    }

    /// Waits for a process that is about to be gone.
    async fn ended(&mut self) -> Result<ExitStatus, Failure> {
        while self.said.recv().await.is_some() {}
        Ok(self.child.wait()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `kill` or `stop` it is gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn command(config: &Config, faults: Faults) -> Result<Command, String> {
    let program = std::env::current_exe().map_err(|e| format!("this program is not found: {e}"))?;
    let faults = serde_json::to_string(&faults).map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    let settings = std::env::vars_os().map(|(name, _)| name);
    for name in settings.filter(|name| name.to_string_lossy().starts_with("CAREFLOW_")) {
        command.env_remove(name);
    }
    command.args(["serve", "--listen", "127.0.0.1:0", "--rate-max", "1000000", "--log", "error"]);
    command.arg("--data").arg(&config.data).args(["--faults", &faults]);
    if let Some(definitions) = &config.definitions {
        command.arg("--definitions").arg(definitions);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// Gives every line of a pipe to `take`, on a thread: a pipe that nobody reads blocks its writer.
fn each_line(pipe: Option<impl Read + Send + 'static>, mut take: impl FnMut(String) + Send + 'static) {
    let Some(pipe) = pipe else { return };
    std::thread::spawn(move || {
        let lines = BufReader::new(pipe).lines();
        lines.map_while(Result::ok).for_each(&mut take);
    });
}
