//! Owns what the machine itself allows: a handler that does nothing, `fdatasync`'d appends, bare waits, reading files.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::Router;
use careflow::time::{TimeSource as _, WallTime};
use hyper::body::Bytes;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::client::{Client, Head};
use crate::latency::{Latencies, micros};
use crate::machine;

/// Name of the threads of the handler that does nothing.
const NOTHING: &str = "nothing";
/// Bytes of the file that is appended to: as a segment of the journal is filled ahead.
const FILE_BYTES: usize = 64 * 1024 * 1024;

/// How far ahead the moment of a wait lies.
const WAIT_MS: i64 = 7;

/// What requests are like.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Clients, each with one connection.
    pub clients: usize,
    /// Requests of all of them.
    pub requests: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of an answer's body.
    pub answer_bytes: usize,
}

/// What a handler that does nothing comes to.
#[derive(Debug)]
pub struct Nothing {
    /// Requests a second.
    pub per_second: f64,
    /// How long each took.
    pub latencies: Latencies,
    /// CPU milliseconds of its server for 1,000 requests.
    pub cpu_millis: f64,
}

/// Answers `traffic` without doing anything, behind the product's own server loop on a runtime like its own.
pub async fn nothing(traffic: Traffic) -> Outcome<Nothing> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name(NOTHING).build()?;
    let listener = runtime.spawn(TcpListener::bind("127.0.0.1:0")).await??;
    let address = listener.local_addr()?.to_string();
    let answer = Bytes::from(vec![b' '; traffic.answer_bytes]);
    let router = Router::new().fallback(move |_body: Bytes| {
        let answer = answer.clone();
        async move { answer }
    });
    let (end, ended) = oneshot::channel::<()>();
    let ended = async {
        // Either way it is the end.
        ended.await.ok();
    };
    let serving = runtime.spawn(careflow::api::serve(listener, None, router, ended));
    let left = Arc::new(AtomicUsize::new(traffic.requests));
    let body = Bytes::from(vec![b' '; traffic.body_bytes]);
    let (mut clients, cpu) = (Vec::new(), machine::thread_cpu_seconds(NOTHING)?);
    for _ in 0..traffic.clients {
        clients.push(Client::to(&address).await?);
    }
    let began = Instant::now();
    let mut sending = JoinSet::new();
    for client in clients {
        sending.spawn(send(client, left.clone(), body.clone()));
    }
    let mut samples = Vec::new();
    while let Some(sent) = sending.join_next().await {
        samples.extend(sent??);
    }
    let seconds = began.elapsed().as_secs_f64();
    let cpu = machine::thread_cpu_seconds(NOTHING)? - cpu;
    end.send(()).ok();
    serving.await?;
    runtime.shutdown_background();
    Ok(Nothing {
        per_second: samples.len() as f64 / seconds,
        cpu_millis: cpu * 1e6 / samples.len().max(1) as f64,
        latencies: Latencies::of(samples),
    })
}

async fn send(mut client: Client, left: Arc<AtomicUsize>, body: Bytes) -> Outcome<Vec<u64>> {
    let mut samples = Vec::new();
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        let began = Instant::now();
        let head = Head { path: "/", token: "none", key: "none" };
        client.post(head, body.clone()).await?.expect(200, "/")?;
        samples.push(micros(began.elapsed()));
    }
    Ok(samples)
}

/// Appends `count` times `bytes` to a file filled ahead, each with its `fdatasync`; answers how long each took.
pub fn appends(dir: &Path, bytes: usize, count: usize) -> Outcome<Latencies> {
    let path = dir.join("appends");
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
    file.write_all_at(&vec![b'\n'; FILE_BYTES], 0)?;
    file.sync_all()?;
    let group = vec![b'x'; bytes.clamp(1, FILE_BYTES)];
    let places = FILE_BYTES / group.len();
    let mut samples = Vec::with_capacity(count);
    for number in 0..count {
        let began = Instant::now();
        file.write_all_at(&group, ((number % places) * group.len()) as u64)?;
        file.sync_data()?;
        samples.push(began.elapsed());
    }
    drop(file);
    std::fs::remove_file(path)?;
    Ok(Latencies::durations(samples))
}

/// Waits `count` times for a moment some milliseconds ahead on the product's own clock; answers how late
/// each wait ended, in whole milliseconds as entries tell time.
pub async fn waits(count: usize) -> Latencies {
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let at = WallTime.now().plus_millis(WAIT_MS);
        WallTime.sleep_until(at).await;
        samples.push(u64::try_from(WallTime.now().since(at) * 1_000).unwrap_or(0));
    }
    Latencies::of(samples)
}

/// How an entry begins in a line.
const ENTRY: &[u8] = b"{\"entry\":{";

/// A journal's text, without what is filled ahead.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text {
    /// Bytes of its lines, newlines included.
    pub bytes: u64,
    /// Entries in them.
    pub entries: u64,
    /// How long reading and counting took.
    pub seconds: f64,
}

/// Reads every segment of a journal and counts.
pub fn text(journal: &Path) -> Outcome<Text> {
    let began = Instant::now();
    let (mut bytes, mut entries) = (0, 0);
    for entry in std::fs::read_dir(journal)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let segment = std::fs::read(path)?;
            bytes += text_end(&segment);
            entries += memchr::memmem::find_iter(&segment, ENTRY).count();
        }
    }
    Ok(Text { bytes: bytes as u64, entries: entries as u64, seconds: began.elapsed().as_secs_f64() })
}

/// Where the text of a segment ends; blanks may follow it.
fn text_end(segment: &[u8]) -> usize {
    segment.iter().rposition(|byte| *byte != b'\n' && *byte != 0).map_or(0, |last| last + 2)
}
