//! `monitors`: what telling monitors costs those who wait for an answer, beside the same load without.
//!
//! The load is complaints that are registered, acknowledged and assessed: each registration tells the
//! monitor of its customer, who is new each time, while the next commands come. That is more than a
//! day brings: a question tells its monitors when it is archived, a week after its last answer.
//!
//! As fast as they can, clients that wait for their answers are slowed by all that the server does in between.
//! What they feel where it has room is measured beside it: complaints that begin at fixed moments, at half the
//! rate that it takes untold.

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

/// A load as fast as it goes with the commits that were made of it, and one at a given rate.
struct Cost {
    latencies: Latencies,
    seconds: f64,
    commits: f64,
    at_rate: Latencies,
    every: Duration,
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
    let off = cost(run, "unobserved", &[OFF], None).await?;
    let on = cost(run, "observed", &[], Some(off.every)).await?;
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
    let rate = COMMANDS as f64 / on.every.as_secs_f64();
    for (name, percent) in [("p50 of an answer", 50.0), ("p99 of an answer", 99.0)] {
        let (told, not_told) = (on.at_rate.percentile(percent), off.at_rate.percentile(percent));
        let what = format!("{name}, {rate:.0} commands a second, monitors told of complaints");
        table.add(Line::new(what, told, Unit::Millis).beside("not told", not_told));
    }
    table.spread("answer, monitors told", &on.latencies);
    table.spread("answer, monitors not told", &off.latencies);
    Ok(())
}

/// Measures one side; `every` so often a complaint begins where a rate is given, else at half the rate that it takes.
async fn cost(run: &Run, name: &str, edits: &[Edit], every: Option<Duration>) -> Outcome<Cost> {
    let data = run.place.edited(name, edits)?;
    let server = Server::start(data.paths())?;
    let address = server.address()?;
    let people = Arc::new(People::of(data.paths(), &address).await?);
    let (clients, cases) = LOAD;
    drive(&address, &people, "warm", (clients.min(16), run.scaled(WARM_UP, 16)), None).await?;
    server.rest().await?;
    let before = Counted::at(&address, &people.auditor).await?;
    let began = Instant::now();
    let samples = drive(&address, &people, "cases", (clients, run.scaled(cases, clients)), None).await?;
    let seconds = began.elapsed().as_secs_f64();
    server.rest().await?;
    let after = Counted::at(&address, &people.auditor).await?;
    let every = every
        .unwrap_or_else(|| Duration::from_secs_f64(2.0 * seconds * COMMANDS as f64 / samples.len() as f64));
    let at_rate =
        drive(&address, &people, "slow", (clients, run.scaled(cases, clients)), Some(every)).await?;
    server.stop()?;
    data.remove()?;
    let (latencies, at_rate) = (Latencies::of(samples), Latencies::of(at_rate));
    Ok(Cost { latencies, seconds, commits: after.commits - before.commits, at_rate, every })
}

/// Takes complaints through, each beginning when a client has ended one or, where there is `every`, at its own
/// moment; answers how long each command took.
async fn drive(
    address: &str,
    people: &Arc<People>,
    name: &str,
    (clients, cases): (usize, usize),
    every: Option<Duration>,
) -> Outcome<Vec<u64>> {
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
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
                if let Some(every) = every {
                    let at = began + every * u32::try_from(case).unwrap_or(u32::MAX);
                    tokio::time::sleep_until(at.into()).await;
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
