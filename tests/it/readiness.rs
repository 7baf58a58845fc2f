//! `/readyz` tells the truth: each state is produced, asked for over HTTP, and left again where it can be.

use std::path::Path;
use std::sync::Arc;

use careflow::api::state::{AppState, Limits};
use careflow::api::{self, server};
use careflow::app::{self, Pace};
use careflow::engine::batch::Phase;
use careflow::journal::file;
use careflow::journal::memory::{Fault, MemoryJournal};
use careflow::kernel::actor::Role;
use careflow::workflows::Registry;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::cli_rig::{Place, get};
use crate::prometheus;
use crate::rig::{Caller, Response, Rig, question};
use crate::twin::Twin;

async fn ready(who: &Caller) -> Response {
    let alive = who.get("/healthz").await;
    assert_eq!(
        (alive.status, alive.text.as_str()),
        (200, "{\"status\":\"ok\"}"),
        "a process that answers lives"
    );
    who.get("/readyz").await
}

#[tokio::test]
async fn a_server_that_starts_tells_how_far_it_is() {
    let state = AppState::new(Registry::shipped().all(), Limits::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stranger = Caller { address: listener.local_addr().unwrap().to_string(), token: None };
    tokio::spawn(server::serve(listener, None, api::router(state.clone()), std::future::pending()));
    let told = ready(&stranger).await;
    assert_eq!(
        (told.problem(503).as_str(), told.json()["progress"].clone()),
        ("starting", json!({ "done": 0, "of": 0 }))
    );
    state.progress(3_000, 120_000);
    let told = ready(&stranger).await;
    assert_eq!((told.problem(503).as_str(), told.header("retry-after")), ("starting", Some("1")));
    assert_eq!(told.json()["progress"], json!({ "done": 3_000, "of": 120_000 }));
}

/// What the control socket at `path` answers to a GET.
async fn over_the_socket(path: &Path, route: &str) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let head = format!("GET {route} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_numbers_of_a_server_that_starts_are_told_to_the_control_socket_alone() {
    let state = AppState::new(Registry::shipped().all(), Limits::default());
    state.progress(3_000, 120_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let (network, control) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), UnixListener::bind(&path).unwrap());
    let address = network.local_addr().unwrap().to_string();
    tokio::spawn(server::serve(network, Some(control), api::router(state), std::future::pending()));
    let known = Caller { address, token: Some("cft_of_before".into()) };
    assert_eq!(known.get("/metrics").await.problem(503), "starting", "tokens are in the journal");

    let answer = over_the_socket(&path, "/metrics").await;
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let told = prometheus::parse(text).unwrap();
    let only = |name: &str| told[name].samples.iter().map(|sample| sample.value).collect::<Vec<_>>();
    assert_eq!(only("careflow_ready"), [0.0]);
    assert_eq!(
        (only("careflow_start_commits_done"), only("careflow_start_commits")),
        (vec![3_000.0], vec![120_000.0])
    );
    for sample in &told["careflow_readiness"].samples {
        assert_eq!(sample.value, f64::from(u8::from(sample.labels["state"] == "starting")), "{sample:?}");
    }
    assert!(!told.contains_key("careflow_position"), "there is no engine to ask yet");
}

#[tokio::test]
async fn a_ready_server_says_which_imports_stand_still() {
    let rig = Rig::wednesday().await;
    assert_eq!(ready(&rig.stranger()).await.expect(200), json!({ "status": "ready" }));
    rig.engine.put_batch("log-2025", "f", Phase::Running).await.unwrap();
    rig.engine.put_batch("log-2025", "f", Phase::Complete).await.unwrap();
    assert_eq!(ready(&rig.stranger()).await.expect(200), json!({ "status": "ready", "held_batches": 1 }));
}

#[tokio::test]
async fn a_full_disk_is_told_with_what_helps_until_a_write_goes_through() {
    let journal = Arc::new(MemoryJournal::default());
    let twin = Twin::over(journal.clone()).await;
    let id = twin.ann.submit(question("c-1")).await;
    journal.fail_next(Fault::Full);
    assert_eq!(twin.ann.send(&id, "accept", json!({})).await.problem(507), "disk_full");
    let told = ready(&twin.ann).await;
    assert_eq!(told.problem(507), "disk_full");
    assert!(told.text.contains("free space on the disk"), "{}", told.text);
    twin.ann.sent(&id, "accept", json!({})).await;
    assert_eq!(ready(&twin.ann).await.status, 200);
}

#[tokio::test]
async fn a_writer_that_stopped_says_why() {
    let journal = Arc::new(MemoryJournal::default());
    let twin = Twin::over(journal.clone()).await;
    let id = twin.ann.submit(question("c-1")).await;
    journal.fail_next(Fault::Unknown { stored: 0 });
    assert_eq!(twin.ann.send(&id, "accept", json!({})).await.problem(503), "commit_unknown");
    let told = ready(&twin.ann).await;
    assert_eq!(told.problem(503), "stopped");
    assert!(told.text.contains("not known whether the group was stored: as told"), "{}", told.text);
}

/// Changes one byte of the first sealed segment behind the server's back.
fn damage(rig: &Rig) {
    let mut segments: Vec<_> =
        std::fs::read_dir(rig.config.journal()).unwrap().map(|file| file.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    segments.sort();
    assert!(segments.len() > 1, "a sealed one is needed: {segments:?}");
    let mut bytes = std::fs::read(&segments[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segments[0], bytes).unwrap();
}

#[tokio::test]
async fn damage_that_the_background_check_finds_is_told_with_its_position() {
    let rig = Rig::laid_out(file::Options {
        segment_bytes: 64 * 1024,
        fill_bytes: 4096,
        ..file::Options::default()
    })
    .await;
    let ann = rig.caller("ann", Role::Agent).await;
    for number in 0..20 {
        ann.submit(question(&format!("c-{number}"))).await;
    }
    assert_eq!(ready(&ann).await.status, 200);
    damage(&rig);
    let pace = Pace { pause: std::time::Duration::ZERO, ..Pace::of(1) };
    app::scrub(rig.journal(), rig.engine.clone(), pace).await;
    let told = ready(&ann).await;
    assert_eq!(told.problem(503), "damaged");
    assert!(
        told.text.contains("journal damaged at position ") && told.text.contains("careflow verify"),
        "{}",
        told.text
    );
    let refused =
        ann.post("/v1/workflows/consultation/instances", &json!({ "payload": question("c-1") })).await;
    assert_eq!(refused.problem(503), "stopped");
}

#[test]
fn a_server_that_is_told_to_end_says_so_before_it_closes_its_door() {
    let place = Place::new();
    let server = place.serve_with(&["--end-delay", "600"]);
    let token = server.word_after("told this once: ").to_owned();
    let address = server.address().to_owned();
    assert!(get(&address, "/readyz", None).starts_with("HTTP/1.1 200"));
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    // Each look is a connection of its own, which the listener still takes.
    let told = loop {
        let told = get(&address, "/readyz", None);
        if !told.starts_with("HTTP/1.1 200") {
            break told;
        }
    };
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    let body: Value = serde_json::from_str(told.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["code"], "shutting_down");
    assert!(get(&address, "/healthz", None).starts_with("HTTP/1.1 200"));
    assert!(
        get(&address, "/v1/tokens", Some(&token)).starts_with("HTTP/1.1 200"),
        "requests are still taken"
    );
    let numbers = get(&address, "/metrics", Some(&token));
    assert!(numbers.contains("careflow_readiness{state=\"shutting_down\"} 1\n"), "{numbers}");
    assert!(numbers.contains("careflow_ready 0\n"), "{numbers}");
    // A second signal ends the wait.
    let ended = server.stop();
    assert!(ended.err.contains("stopped cleanly"), "{}", ended.err);
    ended.done();
}
