//! `monitors`: what telling monitors costs those who wait for an answer, beside the same load without.
//!
//! The load is complaints that are registered, acknowledged and assessed: each registration tells the
//! monitor of its customer, who is new each time, while the next commands come. That is more than a
//! day brings: a question tells its monitors when it is archived, a week after its last answer.
//!
//! Two servers take turns, for a machine is not always as fast.
//!
//! As fast as they can, clients that wait for their answers are slowed by all that the server does in between.
//! What they feel where it has room is measured beside it: complaints that begin at fixed moments, at half the
//! rate that it takes untold; and a client alone, who never waits for anybody else.

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
use crate::place::{Data, Edit};
use crate::server::Server;
use crate::table::{Line, Table, Unit};
use crate::{Outcome, Run};

/// Clients at the same time, and complaints that they take through together.
const LOAD: (usize, usize) = (64, 10_000);
/// Complaints before the measurement.
const WARM_UP: usize = 1_000;
/// How often both take turns: even, so that each begins as often as the other.
const TURNS: usize = 6;
/// Commands of one complaint.
const COMMANDS: usize = 3;
const STARTS: &str = "/v1/workflows/complaint/instances";
/// The switch.
const OFF: Edit = Edit { flow: "complaint", from: "\n  observed: true", to: "\n  observed: false" };
/// How far ahead a customer is told an answer.
const EXPECTED_MS: i64 = 8 * 3_600_000;

/// One side of the comparison: a server, and what it took there.
struct Side {
    data: Data,
    server: Server,
    address: String,
    people: Arc<People>,
    began: Counted,
    latencies: Vec<u64>,
    seconds: f64,
    commits: f64,
    at_rate: Vec<u64>,
    alone: Vec<u64>,
}

impl Side {
    /// A server that has seen some complaints, of the shipped definitions with `edits`.
    async fn start(run: &Run, name: &str, edits: &[Edit]) -> Outcome<Self> {
        let data = run.place.edited(name, edits)?;
        let server = Server::start(data.paths())?;
        let address = server.address()?;
        let people = Arc::new(People::of(data.paths(), &address).await?);
        let load = (LOAD.0.min(16), run.scaled(WARM_UP, 16));
        drive(&address, &people, "warm", load, None).await?;
        server.rest().await?;
        let began = Counted::at(&address, &people.auditor).await?;
        Ok(Self {
            data,
            server,
            address,
            people,
            began,
            latencies: Vec::new(),
            seconds: 0.0,
            commits: 0.0,
            at_rate: Vec::new(),
            alone: Vec::new(),
        })
    }

    /// Some complaints as fast as they go.
    async fn turn(&mut self, number: usize, cases: usize) -> Outcome<()> {
        let began = Instant::now();
        let name = format!("fast-{number}");
        let samples = drive(&self.address, &self.people, &name, (LOAD.0, cases), None).await?;
        self.seconds += began.elapsed().as_secs_f64();
        self.latencies.extend(samples);
        self.server.rest().await?;
        self.commits = Counted::at(&self.address, &self.people.auditor).await?.commits - self.began.commits;
        Ok(())
    }

    /// Some complaints, one each `every`.
    async fn turn_at_rate(&mut self, number: usize, cases: usize, every: Duration) -> Outcome<()> {
        let name = format!("slow-{number}");
        let samples = drive(&self.address, &self.people, &name, (LOAD.0, cases), Some(every)).await?;
        self.at_rate.extend(samples);
        self.server.rest().await
    }

    /// Some complaints of one client.
    async fn turn_alone(&mut self, number: usize, cases: usize) -> Outcome<()> {
        let samples =
            drive(&self.address, &self.people, &format!("alone-{number}"), (1, cases), None).await?;
        self.alone.extend(samples);
        self.server.rest().await
    }

    fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    fn commits_each(&self) -> f64 {
        self.commits / self.latencies.len() as f64
    }

    /// Ends it; answers what it took as fast as it went, at the rate, and for one client.
    fn stop(self) -> Outcome<[Latencies; 3]> {
        self.server.stop()?;
        self.data.remove()?;
        Ok([self.latencies, self.at_rate, self.alone].map(Latencies::of))
    }
}

/// Measures both sides, in turns.
pub async fn rows(run: &Run, table: &mut Table) -> Outcome<()> {
    let cases = run.scaled(LOAD.1, LOAD.0 * TURNS) / TURNS;
    let mut sides = [Side::start(run, "unobserved", &[OFF]).await?, Side::start(run, "observed", &[]).await?];
    for number in 0..TURNS {
        for side in &mut sides {
            side.turn(number, cases).await?;
        }
        sides.reverse();
    }
    let every = Duration::from_secs_f64(2.0 * COMMANDS as f64 / sides[0].per_second());
    for number in 0..TURNS {
        for side in &mut sides {
            side.turn_at_rate(number, cases, every).await?;
            side.turn_alone(number, cases.div_ceil(LOAD.0)).await?;
        }
        sides.reverse();
    }
    let [off, on] = sides;
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
    let ([on, on_at_rate, on_alone], [off, off_at_rate, off_alone]) = (on.stop()?, off.stop()?);
    let percentiles = [("p50 of an answer", 50.0), ("p99 of an answer", 99.0)];
    for (name, percent) in percentiles {
        let (told, not_told) = (on.percentile(percent), off.percentile(percent));
        table.add(Line::new(what(name), told, Unit::Millis).beside("not told", not_told));
    }
    let rate = COMMANDS as f64 / every.as_secs_f64();
    for (name, percent) in percentiles {
        let (told, not_told) = (on_at_rate.percentile(percent), off_at_rate.percentile(percent));
        let what = format!("{name}, {rate:.0} commands a second, monitors told of complaints");
        table.add(Line::new(what, told, Unit::Millis).beside("not told", not_told));
    }
    for (name, percent) in percentiles {
        let (told, not_told) = (on_alone.percentile(percent), off_alone.percentile(percent));
        let what = format!("{name}, 1 client, monitors told of complaints");
        table.add(Line::new(what, told, Unit::Millis).beside("not told", not_told));
    }
    table.spread("answer, monitors told", &on);
    table.spread("answer, monitors not told", &off);
    Ok(())
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
