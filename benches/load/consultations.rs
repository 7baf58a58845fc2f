//! Owns the life of a consultation as clients live it: from intake to settled, many at the same time.
//!
//! The loop is closed: a client sends its next request when it has its answer, so the latencies are
//! those of so many callers that wait, not of a given rate of arrivals. Only the beginnings of cases
//! can be given a rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use careflow::chance::Chance;
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Outcome;
use crate::client::{Client, Head, Reply};
use crate::latency::{Latencies, micros};
use crate::people::People;

/// Commands of one consultation.
pub const COMMANDS: usize = 5;
const STARTS: &str = "/v1/workflows/consultation/instances";

/// What is sent.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where the server listens.
    pub address: String,
    /// Who sends it.
    pub people: Arc<People>,
    /// Makes idempotency keys and customers of this load unlike those of another.
    pub name: String,
    /// Clients at the same time.
    pub clients: usize,
    /// Consultations of all of them.
    pub cases: usize,
    /// Time between the beginnings of two cases; none where a client begins the next when it has ended one.
    pub every: Option<Duration>,
    /// Cases that stand already: events go to these, chosen at random, instead of to new ones.
    pub standing: Option<Arc<Vec<String>>>,
    /// Counts commands as they are acknowledged.
    pub acknowledged: Arc<AtomicU64>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Driven {
    /// From the first request to the last answer.
    pub seconds: f64,
    /// How long each acknowledged command took.
    pub latencies: Latencies,
    /// Bytes of the bodies of acknowledged commands.
    pub sent: u64,
    /// Bytes of their answers.
    pub answered: u64,
    /// Answers that were not the expected one, the first with its text.
    refused: u64,
    first: Option<String>,
    /// Why connections broke.
    broken: Vec<String>,
}

impl Driven {
    /// Commands that were acknowledged.
    pub fn commands(&self) -> usize {
        self.latencies.len()
    }

    /// Fails where a command was refused, or a connection broke.
    pub fn whole(self) -> Outcome<Self> {
        let driven = self.accepted()?;
        match driven.broken.first() {
            None => Ok(driven),
            Some(first) => {
                Err(format!("{} connections broke, the first: {first}", driven.broken.len()).into())
            }
        }
    }

    /// Fails where a command was refused; connections may have broken.
    pub fn accepted(self) -> Outcome<Self> {
        match &self.first {
            None => Ok(self),
            Some(first) => {
                let count = self.refused;
                Err(format!("{count} commands were answered with something else, the first: {first}").into())
            }
        }
    }
}

/// What one client did.
#[derive(Debug, Default)]
struct Part {
    samples: Vec<u64>,
    sent: u64,
    answered: u64,
    refused: u64,
    first: Option<String>,
    broken: Option<String>,
}

/// Why a client does not go on with a case.
enum Stopped {
    /// The answer was another one.
    Refused(String),
    /// The connection broke.
    Broken(String),
}

/// What is looked at in an answer.
#[derive(Deserialize)]
struct Receipt {
    instance: String,
    to: String,
}

impl Load {
    /// Sends it.
    pub async fn run(&self) -> Outcome<Driven> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut clients = Vec::new();
        for _ in 0..self.clients {
            clients.push(Client::to(&self.address).await?);
        }
        let began = Instant::now();
        let mut driving = JoinSet::new();
        for (number, client) in clients.into_iter().enumerate() {
            driving.spawn(self.clone().client(number, client, next.clone(), began));
        }
        let (mut driven, mut samples) = (Driven::default(), Vec::new());
        while let Some(part) = driving.join_next().await {
            let part = part?;
            samples.extend(part.samples);
            driven.sent += part.sent;
            driven.answered += part.answered;
            driven.refused += part.refused;
            driven.first = driven.first.or(part.first);
            driven.broken.extend(part.broken);
        }
        driven.seconds = began.elapsed().as_secs_f64();
        driven.latencies = Latencies::of(samples);
        Ok(driven)
    }

    async fn client(self, number: usize, mut client: Client, next: Arc<AtomicUsize>, began: Instant) -> Part {
        let mut part = Part::default();
        let agent = self.people.agents[number % self.people.agents.len()].clone();
        loop {
            let case = next.fetch_add(1, Ordering::Relaxed);
            if case >= self.cases {
                return part;
            }
            if let Some(every) = self.every {
                let at = began + every * u32::try_from(case).unwrap_or(u32::MAX);
                tokio::time::sleep_until(at.into()).await;
            }
            let done = match &self.standing {
                None => self.consultation(&mut client, &agent, case, &mut part).await,
                Some(ids) => self.notes(&mut client, &agent, (case, ids), &mut part).await,
            };
            match done {
                Ok(()) => {}
                Err(Stopped::Refused(said)) => {
                    part.refused += 1;
                    part.first.get_or_insert(said);
                }
                Err(Stopped::Broken(why)) => {
                    part.broken = Some(why);
                    return part;
                }
            }
        }
    }

    /// From intake to settled: submit, accept, respond, answer, confirm.
    async fn consultation(
        &self,
        client: &mut Client,
        agent: &str,
        case: usize,
        part: &mut Part,
    ) -> Result<(), Stopped> {
        let name = format!("{}-{case}", self.name);
        let [question, rest @ ..] = commands(&name);
        let key = |step: usize| format!("{name}-{step}");
        let head = Head { path: STARTS, token: &self.people.gateway, key: &key(0) };
        let started = self.timed(client, head, question.to_string(), 201, part).await?;
        let path = format!("/v1/instances/{}/events", read(&started)?.instance);
        let mut last = started;
        for (step, body) in (1..).zip(rest) {
            let head = Head { path: &path, token: agent, key: &key(step) };
            last = self.timed(client, head, body.to_string(), 200, part).await?;
        }
        match read(&last)?.to {
            end if end == "settled.confirmed" => Ok(()),
            end => Err(Stopped::Refused(format!("a consultation ended in `{end}`"))),
        }
    }

    /// As many notes as a consultation has commands, each on a case chosen at random.
    async fn notes(
        &self,
        client: &mut Client,
        agent: &str,
        (case, ids): (usize, &[String]),
        part: &mut Part,
    ) -> Result<(), Stopped> {
        for step in 0..COMMANDS {
            let key = format!("{}-{case}-{step}", self.name);
            let mut chance = Chance::of((case * COMMANDS + step) as u64);
            let path = format!("/v1/instances/{}/events", chance.pick(ids));
            let payload = json!({ "text_ref": format!("note/{key}"), "visibility": "internal" });
            let body = json!({ "event": "note_added", "payload": payload }).to_string();
            self.timed(client, Head { path: &path, token: agent, key: &key }, body, 200, part).await?;
        }
        Ok(())
    }

    async fn timed(
        &self,
        client: &mut Client,
        head: Head<'_>,
        body: String,
        status: u16,
        part: &mut Part,
    ) -> Result<Reply, Stopped> {
        let bytes = body.len() as u64;
        let began = Instant::now();
        let reply = client.post(head, Bytes::from(body)).await;
        let reply = reply.map_err(|error| Stopped::Broken(error.to_string()))?;
        let took = began.elapsed();
        reply.expect(status, head.path).map_err(|error| Stopped::Refused(error.to_string()))?;
        part.samples.push(micros(took));
        part.sent += bytes;
        part.answered += reply.body.len() as u64;
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        Ok(reply)
    }
}

fn read(reply: &Reply) -> Result<Receipt, Stopped> {
    serde_json::from_slice(&reply.body).map_err(|error| Stopped::Refused(format!("no receipt: {error}")))
}

/// The commands of the consultation called `name`: submit, accept, respond, answer, confirm.
fn commands(name: &str) -> [Value; COMMANDS] {
    [
        json!({ "payload": {
            "customer_id": format!("c-{name}"), "channel": "email",
            "subject": "How do I change the name on an invoice?", "body_ref": format!("mail/{name}"),
            "category": "pre_sale", "problem_type": "invoice",
        } }),
        json!({ "event": "accept", "payload": {} }),
        json!({ "event": "respond", "payload": { "message_ref": format!("mail/{name}/r"), "human": true } }),
        json!({ "event": "answer", "payload": {
            "message_ref": format!("mail/{name}/a"), "solution_ref": "kb/12", "kb_article": "kb/12",
            "steps": ["Open the order", "Choose Edit invoice"], "confirmed_in_contact": false,
        } }),
        json!({ "event": "confirm", "payload": {
            "satisfied": true, "score": 5, "recording_ref": format!("call/{name}"),
        } }),
    ]
}
