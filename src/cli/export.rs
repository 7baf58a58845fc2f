//! `export`: the history as JSON Lines, from a running server or from its directory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::client::Client;
use super::directory::{self, DataArgs};
use super::failure::Failure;
use super::files::unusable;
use super::progress::{Progress, Unit};
use crate::app::{AppError, Store};
use crate::journal::{Commit, Journal, Position};
use crate::kernel::canonical;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::personal;

/// Commits read at a time from the journal.
const READ_COMMITS: usize = 1_000;
/// Entries asked for at a time: the most that the feed answers.
const FEED_ENTRIES: usize = 500;

/// Writes the history as JSON Lines, in the order of commits.
///
/// Each line is `{"position", "entry", "hash"}`: `hash` is SHA-256 over `entry` exactly as it stands
/// in the line (RFC 8785), so that anyone can check it. Personal values stand in `entry` by digest;
/// `--reveal` adds `personal`, with salt and value for each digest.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow export --workflow consultation --out history.jsonl\n  careflow export --instance 3fa2-7f3k2m9qx4tbz8wd | jq .entry.event\n  careflow export --after 120000 >> history.jsonl"
)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Only entries of this workflow.
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
    /// Only entries of this instance.
    #[arg(long, value_name = "ID", value_parser = InstanceId::parse)]
    instance: Option<InstanceId>,
    /// Only commits after this position: the last one of an earlier export.
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    after: Position,
    /// Write to this file, which appears when it is complete; standard output otherwise.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Add the personal values.
    #[arg(long)]
    reveal: bool,
}

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    position: Position,
    entry: &'a RawValue,
    hash: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    personal: Map<String, Value>,
}

/// What filters look at.
#[derive(Deserialize)]
struct Named {
    instance: InstanceId,
    workflow: String,
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// [`Failure`]; [`Failure::No`] where an entry does not match its hash.
    pub async fn run(self) -> Result<(), Failure> {
        let config = self.data.existing()?;
        let mut sink = Sink::open(self.out.clone())?;
        let progress = Progress::new("exporting", Unit::Commits);
        match Client::running(&config.control()).await? {
            Some(mut client) => self.ask_server(&mut client, &mut sink, &progress).await?,
            None => {
                let store = directory::open(&config).await?;
                let exported = self.read_journal(&store, &mut sink, &progress).await;
                directory::close(&store).await?;
                exported?;
            }
        }
        progress.finish();
        sink.close()
    }

    async fn read_journal(&self, store: &Store, sink: &mut Sink, progress: &Progress) -> Result<(), Failure> {
        let end = store.journal.tail().await.map_err(AppError::from)?.last;
        let mut last = self.after;
        while last < end {
            let commits = store.journal.read(last + 1, READ_COMMITS).await.map_err(AppError::from)?;
            if commits.is_empty() {
                break;
            }
            for (position, commit) in &commits {
                self.commit(*position, commit, sink)?;
                last = *position;
            }
            progress.set(last, end);
        }
        Ok(())
    }

    fn commit(&self, position: Position, commit: &Commit, sink: &mut Sink) -> Result<(), Failure> {
        for stored in &commit.entries {
            let wanted = self.wants(&stored.entry).map_err(|reason| wrong(position, &reason))?;
            if !wanted {
                continue;
            }
            stored.verify().map_err(|error| wrong(position, &error.to_string()))?;
            let mut personal = Map::new();
            if self.reveal {
                let value = serde_json::from_str(&stored.entry).unwrap_or(Value::Null);
                let mut digests = Vec::new();
                personal::digests(&value, &mut digests);
                for digest in digests {
                    if let Some(secret) = commit.private.get(&digest) {
                        let secret = serde_json::to_value(secret).expect("salt and value are plain JSON");
                        personal.insert(digest, secret);
                    }
                }
            }
            let (entry, hash) = (json(&stored.entry, position)?, stored.hash.to_string());
            sink.line(&Line { position, entry, hash, personal })?;
        }
        Ok(())
    }

    async fn ask_server(
        &self,
        client: &mut Client,
        sink: &mut Sink,
        progress: &Progress,
    ) -> Result<(), Failure> {
        // What is written while the export runs is left to the next one, or it might never end.
        let now = client.ask(Method::GET, "/v1/instances?limit=1", None).await?;
        let end = now.position.unwrap_or(self.after);
        let mut last = self.after;
        while last < end {
            let path = format!("/v1/changes?after={last}&limit={FEED_ENTRIES}");
            let answer = client.ask(Method::GET, &path, None).await?;
            for change in answer.body["changes"].as_array().into_iter().flatten() {
                self.change(change, sink)?;
            }
            match answer.body["position"].as_u64() {
                Some(position) if position > last => last = position,
                Some(_) | None => break,
            }
            progress.set(last.min(end), end);
        }
        Ok(())
    }

    /// One record of the feed, put into the same form as the journal's.
    fn change(&self, change: &Value, sink: &mut Sink) -> Result<(), Failure> {
        let position = change["position"].as_u64().unwrap_or_default();
        let text =
            canonical::to_string(&change["entry"]).map_err(|error| wrong(position, &error.to_string()))?;
        if !self.wants(&text).map_err(|reason| wrong(position, &reason))? {
            return Ok(());
        }
        let hash = Hash::of(&[text.as_bytes()]).to_string();
        if change["hash"] != hash.as_str() {
            return Err(wrong(position, "an entry does not match its hash"));
        }
        let personal = match &change["personal"] {
            Value::Object(personal) if self.reveal => personal.clone(),
            _ => Map::new(),
        };
        sink.line(&Line { position, entry: json(&text, position)?, hash, personal })
    }

    fn wants(&self, entry: &str) -> Result<bool, String> {
        if self.workflow.is_none() && self.instance.is_none() {
            return Ok(true);
        }
        let named: Named = serde_json::from_str(entry).map_err(|error| error.to_string())?;
        Ok(self.workflow.as_ref().is_none_or(|workflow| *workflow == named.workflow)
            && self.instance.as_ref().is_none_or(|instance| *instance == named.instance))
    }
}

/// The entry `text`, to be written as it stands.
fn json(text: &str, position: Position) -> Result<&RawValue, Failure> {
    serde_json::from_str(text).map_err(|error| wrong(position, &error.to_string()))
}

fn wrong(position: Position, reason: &str) -> Failure {
    Failure::No(format!("position {position}: {reason}; `careflow verify` checks everything"))
}

/// Where lines go: a file that gets its name when it is complete, or standard output.
enum Sink {
    Output(BufWriter<std::io::Stdout>),
    File { file: BufWriter<File>, partial: PathBuf, path: PathBuf },
}

impl Sink {
    fn open(path: Option<PathBuf>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::Output(BufWriter::new(std::io::stdout()))) };
        let mut partial = path.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(|error| unusable(&partial, &error))?;
        Ok(Self::File { file: BufWriter::new(file), partial, path })
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), Failure> {
        let text = serde_json::to_string(line).expect("a line is plain JSON");
        match self {
            Self::Output(out) => writeln!(out, "{text}")?,
            Self::File { file, .. } => writeln!(file, "{text}")?,
        }
        Ok(())
    }

    fn close(self) -> Result<(), Failure> {
        match self {
            Self::Output(mut out) => Ok(out.flush()?),
            Self::File { mut file, partial, path } => {
                file.flush()?;
                file.get_ref().sync_all()?;
                std::fs::rename(&partial, &path).map_err(|error| unusable(&path, &error))
            }
        }
    }
}
