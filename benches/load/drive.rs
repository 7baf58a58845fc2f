//! `drive`: consultations from intake to settled, and what they cost the server.

use std::sync::Arc;

use crate::client::Client;
use crate::consultations::{COMMANDS, Driven, Load};
use crate::latency::Latencies;
use crate::limits::{self, Nothing, Traffic};
use crate::machine;
use crate::people::People;
use crate::place::Data;
use crate::server::{self, Server};
use crate::table::{Line, Table, Unit};
use crate::{Outcome, Run};

/// Clients at the same time, and consultations that they take through together.
const LOADS: [(usize, usize); 3] = [(1, 2_000), (64, 20_000), (256, 20_000)];
/// The load that is repeated over standing instances.
pub const OVER_STANDING: (usize, usize) = LOADS[1];
/// Clients and consultations before the first measurement.
const WARM_UP: (usize, usize) = (16, 1_000);
/// Appends of which the limit is made.
const APPENDS: usize = 2_000;
const NOTHING: &str = "does nothing";
const SYNC: &str = "fdatasync";

/// Counters of the server's metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    /// Groups synced.
    pub groups: f64,
    /// Commits written.
    pub commits: f64,
    /// Timers fired.
    pub timers: f64,
}

impl Counted {
    /// Reads them, over a connection of its own: one that rests for half a minute is closed.
    pub async fn at(address: &str, token: &str) -> Outcome<Self> {
        let reply = Client::to(address).await?.get("/metrics", token).await?;
        reply.expect(200, "/metrics")?;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        let get = |name: &str| -> Outcome<f64> {
            let prefix = format!("careflow_{name}_total ");
            let value = text.lines().find_map(|line| line.strip_prefix(prefix.as_str()));
            Ok(value.ok_or_else(|| format!("the metrics have no `{name}`"))?.parse()?)
        };
        Ok(Self { groups: get("groups")?, commits: get("commits")?, timers: get("timers")? })
    }
}

/// A running server with everything that loads of it need.
pub struct Driver<'a> {
    /// The run.
    pub run: &'a Run,
    /// The server.
    pub server: &'a Server,
    /// Its directory.
    pub data: &'a Data,
    /// Who sends.
    pub people: Arc<People>,
}

/// What a load cost.
struct Cost {
    clients: usize,
    /// What is said of the commands.
    noted: String,
    driven: Driven,
    cpu_millis: f64,
    /// Of a command, and how many entries it makes: the start of a child is one of its own.
    journal_bytes: f64,
    entries: f64,
    commits_per_group: f64,
}

impl Driver<'_> {
    /// A load of `clients` and `cases`, whose keys and customers begin with `name`.
    pub fn load(&self, name: &str, (clients, cases): (usize, usize)) -> Outcome<Load> {
        Ok(Load {
            address: self.server.address()?,
            people: self.people.clone(),
            name: name.to_owned(),
            clients,
            cases: self.run.scaled(cases, clients),
            every: None,
            standing: None,
            acknowledged: Arc::default(),
        })
    }

    /// Sends `load`, measures the limits of the same traffic, and prints both as lines about `load` `over` something.
    pub async fn measure(&self, table: &mut Table, load: &Load, over: &str) -> Outcome<Driven> {
        let cost = self.cost(load).await?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a group has megabytes")]
        let group = (cost.journal_bytes * cost.commits_per_group) as usize;
        let appends = appends(self.run, group)?;
        let count = cost.driven.commands();
        let nothing = limits::nothing(Traffic {
            clients: cost.clients,
            requests: count,
            body_bytes: usize::try_from(cost.driven.sent)? / count,
            answer_bytes: usize::try_from(cost.driven.answered)? / count,
        });
        let nothing = nothing.await?;
        let with =
            if cost.clients == 1 { "1 client".to_owned() } else { format!("{} clients", cost.clients) };
        let with = format!("{with}{over}");
        cost.lines(table, &with, &nothing, &appends);
        table.spread(&format!("answer, {with}"), &cost.driven.latencies);
        table.spread(&format!("answer of a handler that does nothing, {with}"), &nothing.latencies);
        table.spread(&format!("fdatasync of {group} bytes, {with}"), &appends);
        Ok(cost.driven)
    }

    async fn cost(&self, load: &Load) -> Outcome<Cost> {
        let counters = || Counted::at(&load.address, &self.people.auditor);
        let journal = || limits::text(&self.data.journal());
        self.server.rest().await?;
        let (before, written) = (counters().await?, journal()?);
        let cpu = self.server.cpu_seconds()?;
        let driven = load.run().await?.whole()?;
        // What it has put off is of these commands, too.
        self.server.rest().await?;
        let cpu = self.server.cpu_seconds()? - cpu;
        let (after, now) = (counters().await?, journal()?);
        let count = driven.commands() as f64;
        Ok(Cost {
            clients: load.clients,
            noted: if load.standing.is_some() {
                String::new()
            } else {
                format!("{COMMANDS} in a consultation, ")
            },
            cpu_millis: cpu * 1e6 / count,
            journal_bytes: (now.bytes - written.bytes) as f64 / count,
            entries: (now.entries - written.entries) as f64 / count,
            commits_per_group: (after.commits - before.commits) / (after.groups - before.groups).max(1.0),
            driven,
        })
    }
}

impl Cost {
    fn lines(&self, table: &mut Table, with: &str, nothing: &Nothing, appends: &Latencies) {
        let Self { driven, commits_per_group, .. } = self;
        let rate = driven.commands() as f64 / driven.seconds;
        let note = format!("{}{commits_per_group:.1} commits a sync", self.noted);
        table.add(
            Line::new(format!("commands, {with}"), rate, Unit::PerSecond)
                .beside(NOTHING, nothing.per_second)
                .beside(SYNC, commits_per_group * 1_000.0 / appends.mean())
                .noting(note),
        );
        for (name, percent) in [("p50", 50.0), ("p99", 99.0)] {
            let value = driven.latencies.percentile(percent);
            table.add(
                Line::new(format!("{name} of an answer, {with}"), value, Unit::Millis)
                    .beside(NOTHING, nothing.latencies.percentile(percent))
                    .beside(SYNC, appends.percentile(percent)),
            );
        }
        let what = format!("CPU of the server for 1,000 commands, {with}");
        table.add(Line::new(what, self.cpu_millis, Unit::Millis).beside(NOTHING, nothing.cpu_millis));
        let what = format!("journal for a transition, {with}");
        let body = driven.sent as f64 / driven.commands() as f64;
        let bytes = self.journal_bytes / self.entries;
        let note = format!("{:.2} for a command, with the callbacks that it starts", self.entries);
        table.add(Line::new(what, bytes, Unit::Bytes).beside("body of the request", body).noting(note));
    }
}

/// The limit of groups with so many `bytes`.
pub fn appends(run: &Run, bytes: usize) -> Outcome<Latencies> {
    limits::appends(run.place.path(), bytes, run.scaled(APPENDS, 50))
}

/// Measures the loads on an empty directory; in the end the whole directory is verified.
pub async fn rows(run: &Run, table: &mut Table) -> Outcome<()> {
    let data = run.place.data("drive");
    let server = Server::start(data.paths())?;
    let people = Arc::new(People::of(data.paths(), &server.address()?).await?);
    let driver = Driver { run, server: &server, data: &data, people };
    let warm = driver.load("warm", WARM_UP)?.run().await?.whole()?;
    let (mut commands, mut sent) = (warm.commands(), warm.sent);
    for size in LOADS {
        let load = driver.load(&format!("with{}", size.0), size)?;
        let driven = driver.measure(table, &load, "").await?;
        commands += driven.commands();
        sent += driven.sent;
    }
    server.stop()?;
    let index = machine::bytes_below(&data.index())? as f64 / commands as f64;
    table.add(
        Line::new("index for a command, after a clean stop", index, Unit::Bytes)
            .beside("body of the request", sent as f64 / commands as f64),
    );
    server::command(&["verify"], data.paths())?;
    data.remove()
}
