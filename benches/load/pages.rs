//! `pages`: how long the console's pages take at the server, and what a thousand open ones cost the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::drive::Driver;
use crate::latency::Latencies;
use crate::limits::{self, Traffic};
use crate::people::{AGENTS, People};
use crate::server::Server;
use crate::table::{Line, Table, Unit};
use crate::{Outcome, Run};

/// How often each page is asked for.
const TIMES: usize = 200;
/// Pages that are open while the load runs.
const OPEN: usize = 1_000;
/// Clients and consultations of the load beside them.
const LOAD: (usize, usize) = (64, 20_000);
/// An agent who has cases in work.
const BUSY_AGENT: usize = 3;

/// A browser as far as the server sees it: a connection and a session's cookie.
struct Browser {
    sender: SendRequest<Full<Bytes>>,
    address: String,
    cookie: String,
}

impl Browser {
    async fn signed_in(address: &str, token: &str) -> Outcome<Self> {
        let mut browser =
            Self { sender: connected(address).await?, address: address.to_owned(), cookie: String::new() };
        let form = format!("token={token}&next=%2F");
        let (status, headers, _) = browser.send("POST", "/sign-in", form).await?;
        let set = headers.get("set-cookie").and_then(|cookie| cookie.to_str().ok());
        let cookie = set.and_then(|set| set.split(';').next()).filter(|_| status == 303);
        cookie.ok_or("the sign-in set no cookie")?.clone_into(&mut browser.cookie);
        Ok(browser)
    }

    /// Another connection of the same browser.
    async fn again(&self) -> Outcome<Self> {
        let sender = connected(&self.address).await?;
        Ok(Self { sender, address: self.address.clone(), cookie: self.cookie.clone() })
    }

    async fn send(&mut self, method: &str, path: &str, body: String) -> Outcome<(u16, HeaderMap, Bytes)> {
        self.sender.ready().await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.address)
            .header("accept", "text/html")
            .header("cookie", &self.cookie)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = self.sender.send_request(request.body(Full::new(body.into()))?).await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok((status, headers, answer.into_body().collect().await?.to_bytes()))
    }
}

async fn connected(address: &str) -> Outcome<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // A broken connection shows where an answer is waited for.
    tokio::spawn(async move { connection.await.ok() });
    Ok(sender)
}

/// Measures pages of the server at `address`; `over` names what it holds.
pub async fn rows(run: &Run, table: &mut Table, address: &str, people: &People, over: &str) -> Outcome<()> {
    let times = run.scaled(TIMES, 3);
    let query = "/v1/instances?workflow=consultation&state=open&limit=1";
    let first = Client::to(address).await?.document(query, &people.auditor).await?;
    let id = first["instances"][0]["id"].as_str().ok_or("no case is open")?.to_owned();
    let pages = [
        ("work, everything by due", &people.auditor, "/?queue=all".to_owned()),
        ("work, own", &people.agents[BUSY_AGENT], "/".to_owned()),
        ("work, filtered", &people.auditor, "/?queue=all&heat=near&priority=urgent".to_owned()),
        ("case", &people.auditor, format!("/cases/{id}")),
        ("why a clock is due", &people.auditor, format!("/cases/{id}/clocks/RES")),
        ("form of an event", &people.agents[0], format!("/cases/{id}/send/note_added")),
        ("flows", &people.auditor, "/flows".to_owned()),
        ("flow", &people.auditor, "/flows/consultation".to_owned()),
        ("schedules", &people.auditor, "/schedules".to_owned()),
        ("calendar", &people.auditor, "/calendars/cn".to_owned()),
        ("reports", &people.auditor, "/reports".to_owned()),
        ("audit", &people.auditor, "/audit?event=answer".to_owned()),
        ("system", &people.auditor, "/system".to_owned()),
    ];
    for (name, token, path) in pages {
        let mut browser = Browser::signed_in(address, token).await?;
        let (mut samples, mut bytes) = (Vec::new(), 0);
        for _ in 0..=times {
            let began = Instant::now();
            let (status, _, body) = browser.send("GET", &path, String::new()).await?;
            samples.push(began.elapsed());
            bytes = body.len();
            if status != 200 {
                return Err(format!("`{path}` was answered with {status}").into());
            }
        }
        // The first asker of a flow waits until its code is explored and its diagram laid out.
        samples.remove(0);
        let latencies = Latencies::durations(samples);
        let traffic = Traffic { clients: 1, requests: times, body_bytes: 0, answer_bytes: bytes };
        let nothing = limits::nothing(traffic).await?;
        for (rank, percent) in [("p50", 50.0), ("p99", 99.0)] {
            table.add(
                Line::new(
                    format!("{rank} of the page {name}{over}"),
                    latencies.percentile(percent),
                    Unit::Millis,
                )
                .beside("does nothing", nothing.latencies.percentile(percent))
                .noting(format!("{bytes} bytes")),
            );
        }
    }
    Ok(())
}

/// Measures a load of 64 clients while pages are open, and without.
pub async fn open(run: &Run, table: &mut Table) -> Outcome<()> {
    let data = run.place.data("pages");
    let server = Server::start(data.paths())?;
    let address = server.address()?;
    let people = Arc::new(People::of(data.paths(), &address).await?);
    let driver = Driver { run, server: &server, data: &data, people: people.clone() };
    driver.load("warm", (16, 1_000))?.run().await?.whole()?;
    // What it does after its start would be on the side that is measured first.
    server.rest().await?;
    let mut told = Vec::new();
    let pages = run.scaled(OPEN, 8);
    // Twice each, in turn, so that what the machine does meanwhile is on both sides.
    for round in 0..2 {
        for watched in [false, true] {
            let changes = Arc::new(AtomicUsize::new(0));
            let streams =
                if watched { streams(&address, &people, pages, &changes).await? } else { JoinSet::new() };
            let cpu = server.cpu_seconds()?;
            let driven = driver.load(&format!("load{round}{watched}"), LOAD)?.run().await?.whole()?;
            let cpu = (server.cpu_seconds()? - cpu) * 1e6 / driven.commands() as f64;
            drop(streams);
            told.push((watched, driven, cpu, changes.load(Ordering::Relaxed)));
        }
    }
    server.stop()?;
    data.remove()?;
    let mean = |watched: bool, of: &dyn Fn(&crate::consultations::Driven, f64) -> f64| {
        let values: Vec<f64> = told
            .iter()
            .filter(|(is, ..)| *is == watched)
            .map(|(_, driven, cpu, _)| of(driven, *cpu))
            .collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    let heard: usize = told.iter().map(|(.., heard)| heard).sum();
    if heard == 0 {
        return Err("no open page was told of a change".into());
    }
    let what = |what: &str| format!("{what}, {} clients, {pages} pages open", LOAD.0);
    let rate = |driven: &crate::consultations::Driven, _| driven.commands() as f64 / driven.seconds;
    let p99 = |driven: &crate::consultations::Driven, _| driven.latencies.percentile(99.0);
    let cpu = |_: &crate::consultations::Driven, cpu| cpu;
    table.add(
        Line::new(what("commands"), mean(true, &rate), Unit::PerSecond)
            .beside("none open", mean(false, &rate))
            .noting(format!("{heard} times a page was told of a change and asked anew")),
    );
    table.add(
        Line::new(what("p99 of an answer"), mean(true, &p99), Unit::Millis)
            .beside("none open", mean(false, &p99)),
    );
    table.add(
        Line::new(what("CPU of the server for 1,000 commands"), mean(true, &cpu), Unit::Millis)
            .beside("none open", mean(false, &cpu)),
    );
    Ok(())
}

/// Opens so many pages: agents' own queues, and every tenth everything by due. Told of a change, a page is
/// asked for anew, as the console's script does.
async fn streams(
    address: &str,
    people: &Arc<People>,
    pages: usize,
    changes: &Arc<AtomicUsize>,
) -> Outcome<JoinSet<()>> {
    let mut open = JoinSet::new();
    let everything = Browser::signed_in(address, &people.auditor).await?;
    let mut own = Vec::new();
    for token in &people.agents {
        own.push(Browser::signed_in(address, token).await?);
    }
    for number in 0..pages {
        let (browser, name, path) = match number % 10 {
            0 => (&everything, "all", "/?queue=all"),
            _ => (&own[number % AGENTS], "mine", "/"),
        };
        let mut browser = browser.again().await?;
        let mut sender = connected(address).await?;
        let request = Request::builder()
            .uri(format!("/live?of=queue&name={name}"))
            .header("host", address)
            .header("cookie", &browser.cookie);
        let mut answer = sender.send_request(request.body(Full::default())?).await?;
        if answer.status() != 200 {
            return Err(format!("a page's stream was answered with {}", answer.status()).into());
        }
        let changes = changes.clone();
        open.spawn(async move {
            let _connection = sender;
            while let Some(Ok(_)) = answer.frame().await {
                if let Ok((200, ..)) = browser.send("GET", path, String::new()).await {
                    changes.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    Ok(open)
}
