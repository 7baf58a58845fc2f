//! The real binary for the tests: run to its end, or as a server in a temporary directory.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn of(output: std::process::Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The output of a command that must have done what was asked.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// The error of a command that must have ended with `code`.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.contains("error: "), "{}", self.err);
        self.err
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in {}{}", self.out, self.err))
    }
}

/// A command that inherits no configuration from whoever runs the tests.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_careflow"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CAREFLOW_")) {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// Runs the binary to its end.
pub fn careflow(arguments: &[&str]) -> Ended {
    Ended::of(command(arguments).output().unwrap())
}

/// A directory for one test.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Runs the binary on this place's data directory.
    pub fn on_data(&self, arguments: &[&str]) -> Ended {
        careflow(&[arguments, &["--data", &self.text("data")]].concat())
    }

    /// Starts a server on this place's data directory and waits until it takes requests.
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// As [`Place::serve`], with more arguments.
    pub fn serve_with(&self, more: &[&str]) -> Server {
        let data = self.text("data");
        let arguments = ["serve", "--data", &data, "--listen", "127.0.0.1:0"];
        let mut child = command(&[&arguments[..], more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        // Read all the while: a server whose log nobody takes would wait for the pipe.
        let mut pipe = child.stderr.take().unwrap();
        let err = std::thread::spawn(move || {
            let mut err = String::new();
            pipe.read_to_string(&mut err).unwrap();
            err
        });
        let mut said = String::new();
        while !said.ends_with("\nready\n") {
            if out.read_line(&mut said).unwrap() == 0 {
                panic!("the server ended early: {said}{}", err.join().unwrap());
            }
        }
        Server { child, said, err: Some(err), _out: out }
    }

    /// A directory as one server left it, stopped cleanly.
    pub fn served() -> Self {
        let place = Self::new();
        place.serve().stop().done();
        place
    }

    /// The path of the journal's only segment.
    pub fn segment(&self) -> PathBuf {
        let files = std::fs::read_dir(self.path("data/journal")).unwrap().map(|file| file.unwrap().path());
        let mut found: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

/// A running server; killed where the test does not stop it.
pub struct Server {
    child: Child,
    /// What it printed before it was ready.
    pub said: String,
    err: Option<JoinHandle<String>>,
    // Kept open: a server must not end because nobody reads it.
    _out: BufReader<ChildStdout>,
}

impl Server {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The word after `before` in what it printed.
    #[track_caller]
    pub fn word_after(&self, before: &str) -> &str {
        let (_, rest) = self.said.split_once(before).unwrap_or_else(|| panic!("{before} in {}", self.said));
        rest.split_whitespace().next().unwrap()
    }

    pub fn address(&self) -> &str {
        self.word_after("listening on http://")
    }

    /// Tells it to stop and waits for its end.
    pub fn stop(mut self) -> Ended {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        let err = self.err.take().unwrap().join().unwrap();
        Ended { code: status.code().unwrap_or(-1), out: self.said.clone(), err }
    }

    /// Ends it as a crash would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` or `kill` it is gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// One HTTP request without a body; the whole answer as text.
pub fn get(address: &str, path: &str, token: Option<&str>) -> String {
    let token = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = token.iter().map(|token| ("Authorization", token.as_str())).collect();
    ask(address, "GET", path, &headers, "")
}

/// One HTTP request; the whole answer as text.
pub fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The committed files beside the sources.
pub fn committed(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
