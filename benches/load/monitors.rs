//! `monitors`: what telling monitors costs those who wait for an answer, beside the same load without.
//!
//! The load is complaints that are registered, acknowledged and assessed: each registration tells the
//! monitor of its customer, who is new each time, while the next commands come. That is more than a
//! day brings: a question tells its monitors when it is archived, a week after its last answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use careflow::time::{TimeSource as _, WallTime};
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::{Client, Head};
use crate::drive::Counted;
use crate::latency::{Latencies, micros};
use crate::people::People;
use crate::place::Edit;
use crate::server::Server;
use crate::table::{Line, Table, Unit};
use crate::{Outcome, Run};

/// Clients at the same time, and complaints that they take through together.
const LOAD: (usize, usize) = (64, 10_000);
/// Complaints before the measurement.
const WARM_UP: usize = 1_000;
/// Commands of one complaint.
const COMMANDS: usize = 3;
const STARTS: &str = "/v1/workflows/complaint/instances";
/// The switch.
const OFF: Edit = Edit { flow: "complaint", from: "\n  observed: true", to: "\n  observed: false" };
/// How far ahead a customer is told an answer.
const EXPECTED_MS: i64 = 8 * 3_600_000;

/// A load and the commits that were made of it.
struct Cost {
    latencies: Latencies,
    seconds: f64,
    commits: f64,
}

impl Cost {
    fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    fn commits_each(&self) -> f64 {
        self.commits / self.latencies.len() as f64
    }
}

/// Measures both.
pub async fn rows(run: &Run, table: &mut Table) -> Outcome<()> {
    let off = cost(run, "unobserved", &[OFF]).await?;
    let on = cost(run, "observed", &[]).await?;
    if on.commits <= off.commits {
        return Err("no monitor was told anything".into());
    }
    let note = format!("{:.2} commits for a command, {:.2} not told", on.commits_each(), off.commits_each());
    let what = |what: &str| format!("{what}, {} clients, monitors told of complaints", LOAD.0);
    table.add(
        Line::new(what("commands"), on.per_second(), Unit::PerSecond)
            .beside("not told", off.per_second())
            .noting(note),
    );
    for (name, percent) in [("p50 of an answer", 50.0), ("p99 of an answer", 99.0)] {
        let (told, not_told) = (on.latencies.percentile(percent), off.latencies.percentile(percent));
        table.add(Line::new(what(name), told, Unit::Millis).beside("not told", not_told));
    }
    table.spread("answer, monitors told", &on.latencies);
    table.spread("answer, monitors not told", &off.latencies);
    Ok(())
}

async fn cost(run: &Run, name: &str, edits: &[Edit]) -> Outcome<Cost> {
    let data = run.place.edited(name, edits)?;
    let server = Server::start(data.paths())?;
    let address = server.address()?;
    let people = Arc::new(People::of(data.paths(), &address).await?);
    let (clients, cases) = LOAD;
    drive(&address, &people, "warm", (clients.min(16), run.scaled(WARM_UP, 16))).await?;
    server.rest().await?;
    let before = Counted::at(&address, &people.auditor).await?;
    let began = Instant::now();
    let samples = drive(&address, &people, "cases", (clients, run.scaled(cases, clients))).await?;
    let seconds = began.elapsed().as_secs_f64();
    server.rest().await?;
    let after = Counted::at(&address, &people.auditor).await?;
    server.stop()?;
    data.remove()?;
    Ok(Cost { latencies: Latencies::of(samples), seconds, commits: after.commits - before.commits })
}

/// Takes complaints through, closed loop; answers how long each command took.
async fn drive(
    address: &str,
    people: &Arc<People>,
    name: &str,
    (clients, cases): (usize, usize),
) -> Outcome<Vec<u64>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut driving = JoinSet::new();
    for number in 0..clients {
        let mut client = Client::to(address).await?;
        let (people, next, name) = (people.clone(), next.clone(), name.to_owned());
        driving.spawn(async move {
            let mut samples = Vec::new();
            loop {
                let case = next.fetch_add(1, Ordering::Relaxed);
                if case >= cases {
                    return Ok::<_, Box<dyn std::error::Error + Send + Sync>>(samples);
                }
                let agent = &people.agents[number % people.agents.len()];
                let took = complaint(&mut client, &people.gateway, agent, &format!("{name}-{case}")).await?;
                samples.extend(took.map(micros));
            }
        });
    }
    let mut samples = Vec::new();
    while let Some(part) = driving.join_next().await {
        samples.extend(part??);
    }
    Ok(samples)
}

/// Registers, acknowledges and assesses the complaint called `name`.
async fn complaint(
    client: &mut Client,
    gateway: &str,
    agent: &str,
    name: &str,
) -> Outcome<[Duration; COMMANDS]> {
    let now = WallTime.now();
    let register = json!({ "payload": {
        "customer_id": format!("c-{name}"), "channel": "email", "facts": "The parcel came open.",
        "happened_at": now, "subjects": [], "remedy_sought": "A new one", "evidence": [format!("mail/{name}")],
        "cause_claimed": "logistics",
    } });
    let (took, started) = timed(client, (STARTS, gateway, &format!("{name}-0")), &register, 201).await?;
    let path = format!("/v1/instances/{}/events", started["instance"].as_str().unwrap_or_default());
    let acknowledge = json!({ "event": "acknowledge", "payload": {
        "handler_contact": "tel:8001", "expected_by": now.plus_millis(EXPECTED_MS),
        "message_ref": format!("mail/{name}/r"),
    } });
    let (acknowledged, _) = timed(client, (&path, agent, &format!("{name}-1")), &acknowledge, 200).await?;
    let assess = json!({ "event": "assess", "payload": {
        "severity": "normal", "complexity": "simple", "safety": false, "cause": "logistics",
        "soothe_note": "The customer was called.",
    } });
    let (assessed, _) = timed(client, (&path, agent, &format!("{name}-2")), &assess, 200).await?;
    Ok([took, acknowledged, assessed])
}

async fn timed(
    client: &mut Client,
    (path, token, key): (&str, &str, &str),
    body: &Value,
    status: u16,
) -> Outcome<(Duration, Value)> {
    let body = Bytes::from(body.to_string());
    let began = Instant::now();
    let reply = client.post(Head { path, token, key }, body).await?;
    let took = began.elapsed();
    reply.expect(status, path)?;
    Ok((took, serde_json::from_slice(&reply.body)?))
}
