//! Owns one round: a server, its clients, what is done to it, and the judgement at the end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::client::Client;
use super::desk::{Counts, Desk, Flow, Place};
use super::history::Record;
use super::judge::{self, Stored};
use super::laws::{self, Evidence, Findings};
use super::plan::{Act, End, Plan};
use super::server::{Log, Server};
use super::wire::{Request, Wire};
use crate::cli::client::Client as Admin;
use crate::cli::failure::Failure;
use crate::cli::serve::Faults;
use crate::config::Config;
use crate::journal::file::Shape;
use crate::kernel::instant::Instant;

/// Longest wait for so many commands; what comes next then comes without them.
const LOAD_WAIT: Duration = Duration::from_secs(20);
/// Longest wait until a full or failed disk shows in an answer.
const FAULT_WAIT: Duration = Duration::from_secs(20);
/// Longest wait until everything that was due has fired.
const REST_WAIT: Duration = Duration::from_secs(60);
/// Pause between two looks at what is still due.
const REST_PAUSE: Duration = Duration::from_millis(25);
/// Who watches a server at rest.
const WATCHER: &str = "t-watcher";
/// What the metrics say where no event between instances waits.
const NO_SENDS: &str = "careflow_queue_items{queue=\"sends\"} 0\n";
/// Lists a report that waits for its figures: what it has missed is told to monitors once they are there.
const REPORTS_WAITING: &str = "/v1/instances?workflow=report&state=open.pending&limit=1";
/// Customers of a round: few, so that lists by customer are long.
const CUSTOMERS: usize = 5;

/// What became of a round.
pub struct Outcome {
    /// What it broke, and what was checked.
    pub findings: Findings,
    /// What was done to servers.
    pub done: Done,
    /// What clients saw.
    pub records: Vec<Record>,
}

/// How often servers were started and ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// SIGKILLs.
    pub kills: u64,
    /// SIGTERMs.
    pub stops: u64,
    /// Starts after the first.
    pub restarts: u64,
    /// Faults of disk and clock.
    pub faults: u64,
}

/// A round under way.
struct Round<'a> {
    plan: &'a Plan,
    config: Config,
    desk: Arc<Desk>,
    server: Server,
    life: u32,
    faults: Faults,
    deaf: Vec<(u64, u64)>,
    done: Done,
    findings: Findings,
    clients: JoinSet<()>,
}

/// Runs a round in an empty directory.
///
/// # Errors
/// What keeps the torture itself from going on; what the server does wrong stands in the outcome.
pub async fn run(plan: &Plan, directory: &Path, definitions: Option<&Path>) -> Result<Outcome, Failure> {
    let config = Config { data: directory.to_owned(), definitions: definitions.map(Path::to_owned) };
    let server = Server::start(&config, plan.begin).await.map_err(Failure::Directory)?;
    let people: Vec<String> = (0..plan.clients).map(|client| format!("t-{client}")).collect();
    let customers = (0..CUSTOMERS).map(|customer| format!("c-{customer}")).collect();
    let mut admin = administrator(&config).await?;
    let (flows, roles) = published(&mut admin).await?;
    let desk = Arc::new(Desk::new(people, customers, flows));
    let mut clients = JoinSet::new();
    for (number, name) in desk.people.iter().enumerate() {
        let token = engage(&mut admin, name, &roles).await?;
        let chance = plan.chance.part(number as u64);
        clients.spawn(Client::new(number, token, chance, desk.clone()).run());
    }
    let (faults, life) = (plan.begin, 1);
    let (deaf, done, findings) = (Vec::new(), Done::default(), Findings::default());
    let round = Round { plan, config, desk, server, life, faults, deaf, done, findings, clients };
    round.through().await
}

impl Round<'_> {
    async fn through(mut self) -> Result<Outcome, Failure> {
        self.open();
        for blow in &self.plan.blows {
            let before = self.counts().done;
            let load = |counts: &Counts| counts.done >= before + blow.after;
            // Where nothing is accepted any more, the blow comes all the same.
            self.until(LOAD_WAIT, load).await;
            if !self.strike(blow.act).await? {
                break;
            }
        }
        let rest = if self.findings.total == 0 { self.rest().await? } else { None };
        self.end_clients().await;
        self.end(rest).await
    }

    fn counts(&self) -> Counts {
        *self.desk.counts.borrow()
    }

    /// Says where the server is.
    fn open(&self) {
        let place = Place { life: self.life, address: self.server.address.clone() };
        self.desk.place.send_replace(Some(place));
    }

    /// Waits until the counts are as `met` says; false where they never are.
    async fn until(&self, wait: Duration, met: impl FnMut(&Counts) -> bool) -> bool {
        let mut counts = self.desk.counts.subscribe();
        tokio::time::timeout(wait, counts.wait_for(met)).await.is_ok_and(|counts| counts.is_ok())
    }

    /// Does it; false where the server does not start again.
    async fn strike(&mut self, act: Act) -> Result<bool, Failure> {
        match act {
            Act::Kill => self.kill_and_start().await,
            Act::Stop => {
                if self.stop().await? {
                    self.start().await
                } else {
                    Ok(false)
                }
            }
            Act::Fill(shape) => self.fill(shape).await,
            Act::Fail(shape, end) => self.fail(shape, end).await,
            Act::Reshape(shape) => {
                self.reshape(shape).await?;
                Ok(true)
            }
            Act::Jump(by_ms) => self.jump(by_ms).await,
        }
    }

    async fn kill_and_start(&mut self) -> Result<bool, Failure> {
        self.kill().await?;
        self.start().await
    }

    /// Ends this server and puts the next one in its place; clients find the door closed meanwhile.
    async fn start(&mut self) -> Result<bool, Failure> {
        self.done.restarts += 1;
        self.life += 1;
        match Server::start(&self.config, self.faults).await {
            Ok(server) => {
                self.server = server;
                self.open();
                Ok(true)
            }
            Err(reason) => {
                self.mistake(format!("the server did not start again: {reason}"));
                Ok(false)
            }
        }
    }

    fn mistake(&mut self, seen: String) {
        self.findings.add("no_mistakes", None, seen, "a server that goes on".into());
    }

    fn watch_log(&mut self, log: &Log) {
        if log.tells_panic() {
            self.mistake(format!("the server panicked:\n{}", log.text()));
        }
    }

    /// Ends the server; false where it did not end well.
    async fn finish(&mut self, end: End) -> Result<bool, Failure> {
        match end {
            End::Killed => self.kill().await.map(|()| true),
            End::Stopped => self.stop().await,
        }
    }

    async fn kill(&mut self) -> Result<(), Failure> {
        let log = self.server.log();
        self.server.kill().await?;
        self.done.kills += 1;
        self.desk.place.send_replace(None);
        self.watch_log(&log);
        Ok(())
    }

    /// Stops it; false where it did not end, or not well.
    async fn stop(&mut self) -> Result<bool, Failure> {
        let log = self.server.log();
        let failed = self.faults.disk.fails_syncs || self.faults.disk.fails_writes;
        self.done.stops += 1;
        let status = self.server.stop().await?;
        self.desk.place.send_replace(None);
        self.watch_log(&log);
        match status {
            Some(status) if status.success() || failed => Ok(true),
            Some(status) => {
                self.mistake(format!("the server ended with {status}:\n{}", log.text()));
                Ok(false)
            }
            None => {
                self.mistake(format!("the server did not end when it was told to:\n{}", log.text()));
                Ok(false)
            }
        }
    }

    async fn reshape(&mut self, disk: Shape) -> Result<(), Failure> {
        self.done.faults += 1;
        self.faults.disk = disk;
        self.server.set(self.faults).await
    }

    /// The disk fills up, commands are refused, and there is room again.
    async fn fill(&mut self, shape: Shape) -> Result<bool, Failure> {
        let before = self.counts();
        self.reshape(shape).await?;
        self.until(FAULT_WAIT, |counts| counts.full > before.full + 3).await;
        self.reshape(Shape::default()).await?;
        let healed = self.counts();
        if !self.until(FAULT_WAIT, |counts| counts.done > healed.done).await {
            self.mistake("no command was carried out once the disk had room again".into());
        }
        Ok(self.findings.total == 0)
    }

    /// The disk fails, the writer stops, and another server starts on a sound one.
    async fn fail(&mut self, shape: Shape, end: End) -> Result<bool, Failure> {
        let before = self.counts();
        self.reshape(shape).await?;
        let from = self.desk.tick();
        if !self.until(FAULT_WAIT, |counts| counts.stopped > before.stopped + 3).await {
            self.mistake("a disk that fails stopped nothing".into());
        }
        if !self.finish(end).await? {
            return Ok(false);
        }
        self.deaf.push((from, self.desk.tick()));
        self.faults.disk = Shape::default();
        self.start().await
    }

    /// The clock jumps; to a server that runs, or to one that starts then.
    async fn jump(&mut self, by_ms: i64) -> Result<bool, Failure> {
        self.done.faults += 1;
        self.faults.clock_ms += by_ms;
        self.desk.clock.sets(self.faults.clock_ms);
        self.server.set(self.faults).await?;
        self.desk.clock.is_set();
        Ok(true)
    }

    /// Lets everything that is due fire, with clock and disk at rest; answers since when they are.
    async fn rest(&mut self) -> Result<Option<Instant>, Failure> {
        self.faults.disk = Shape::default();
        self.server.set(self.faults).await?;
        self.end_clients().await;
        let since = self.desk.clock.floor();
        let token = engage(&mut administrator(&self.config).await?, WATCHER, &["auditor".into()]).await?;
        let mut wire = Wire::connect(&self.server.address, &token).await.map_err(Failure::Internal)?;
        let idle = tokio::time::timeout(REST_WAIT, async {
            while is_due(&mut wire, since).await? {
                tokio::time::sleep(REST_PAUSE).await;
            }
            Ok::<_, String>(())
        });
        // What is left after so long is for the laws to tell.
        if let Ok(Err(reason)) = idle.await {
            self.mistake(format!("a server at rest does not answer: {reason}"));
        }
        // What arrived last may be computed and not written yet: it is before this is answered.
        put_on_shift(&mut administrator(&self.config).await?, WATCHER).await?;
        Ok(Some(since))
    }

    async fn end_clients(&mut self) {
        self.desk.over.send_replace(true);
        while let Some(ended) = self.clients.join_next().await {
            if let Err(error) = ended {
                self.mistake(format!("a client of the torture itself failed: {error}"));
            }
        }
    }

    /// Ends the server and judges what it left.
    async fn end(mut self, rest: Option<Instant>) -> Result<Outcome, Failure> {
        self.finish(self.plan.end).await?;
        let records = self.desk.take_records();
        let Stored { truth, faults } = judge::read(&self.config).await?;
        let evidence = Evidence {
            records: &records,
            truth: &truth,
            people: &self.desk.people,
            deaf: &self.deaf,
            storage_fails: !self.deaf.is_empty(),
            rest,
        };
        let Findings { told, total, checked } = laws::check(&evidence);
        self.findings.told.extend(told);
        self.findings.total += total;
        self.findings.checked = checked;
        for fault in faults {
            self.findings.add(
                "stored_as_written",
                None,
                fault,
                "a journal that verifies, and its index".into(),
            );
        }
        Ok(Outcome { findings: self.findings, done: self.done, records })
    }
}

async fn administrator(config: &Config) -> Result<Admin, Failure> {
    let running = Admin::running(&config.control()).await?;
    running.ok_or_else(|| Failure::Directory(format!("`{}` is not served", config.data.display())))
}

/// The workflows, and the roles that may send something to one of them.
async fn published(admin: &mut Admin) -> Result<(Vec<Flow>, Vec<String>), Failure> {
    let (mut flows, mut roles) = (Vec::new(), Vec::new());
    let listed = admin.ask(Method::GET, "/v1/workflows", None).await?.body;
    for row in items(&listed, "workflows") {
        let name = text(row, "workflow");
        let view = admin.ask(Method::GET, &format!("/v1/workflows/{name}"), None).await?.body;
        let schemas = admin.ask(Method::GET, &format!("/v1/workflows/{name}/schemas"), None).await?.body;
        let schemas = schemas.get("events").and_then(Value::as_object).into_iter().flatten();
        let sendable = |role: &&str| !["system", "administrator", "auditor"].contains(role);
        let senders = items(&view, "events").iter().flat_map(|event| items(event, "roles"));
        roles.extend(senders.filter_map(Value::as_str).filter(sendable).map(str::to_owned));
        let is_start = |event: &&Value| text(event, "event") == text(row, "start_event");
        let startable = items(&view, "events").iter().find(is_start).is_some_and(|start| {
            items(start, "roles").iter().filter_map(Value::as_str).any(|role| sendable(&role))
        });
        if startable {
            flows.push(Flow {
                name: name.to_owned(),
                start: text(row, "start_event").to_owned(),
                schemas: schemas.map(|(event, schema)| (event.clone(), schema.clone())).collect(),
                states: items(&view, "states").iter().map(|state| text(state, "state").to_owned()).collect(),
            });
        }
    }
    roles.sort();
    roles.dedup();
    Ok((flows, roles))
}

/// Makes a token for a client that may send everything, and puts the client on shift.
async fn engage(admin: &mut Admin, name: &str, roles: &[String]) -> Result<String, Failure> {
    let token = json!({ "actor": name, "roles": roles });
    let made = admin.ask(Method::POST, "/v1/tokens", Some(&token)).await?.body;
    put_on_shift(admin, name).await?;
    Ok(text(&made, "secret").to_owned())
}

async fn put_on_shift(admin: &mut Admin, name: &str) -> Result<(), Failure> {
    let shift = json!({ "active": true, "on_shift": true, "department": "service" });
    admin.ask(Method::PUT, &format!("/v1/actors/{name}"), Some(&shift)).await?;
    Ok(())
}

/// Whether a timer of a case is left that was due at `since`, a report whose figures are being counted, or an
/// event between instances. Last what the others may cause.
async fn is_due(wire: &mut Wire, since: Instant) -> Result<bool, String> {
    let waiting = wire.ask(Request::get(REPORTS_WAITING)).await?;
    if !items(&waiting.body, "instances").is_empty() {
        return Ok(true);
    }
    let timers = wire.ask(Request::get(&format!("/v1/timers?until={since}&limit=200"))).await?;
    let numbers = wire.ask(Request::get("/metrics")).await?.body;
    let sends = numbers.as_str().is_none_or(|text| !text.contains(NO_SENDS));
    Ok(sends || !items(&timers.body, "timers").is_empty())
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
