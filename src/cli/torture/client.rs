//! Owns one client of a round: what it asks next, and the record of every answer.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use super::desk::{Case, Desk, Place};
use super::history::{
    Asked, Command, EntrySeen, Filter, Got, Receipt, Record, Refusal, RowSeen, Seen, members,
};
use super::payload::{self, Stock};
use super::wire::{Answer, Request, Wire};
use crate::chance::Chance;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;

/// Pause of a client that was told to come back later, or met a closed door.
const PAUSE: Duration = Duration::from_millis(5);
/// Cases that a client prefers: several clients meet at the newest ones.
const NEWEST: usize = 10;
/// How often a command whose outcome is not known is sent again.
const TRIES_MAX: u32 = 30;
/// Rows of a page: small, so that listings have several.
const PAGE_ROWS: u64 = 7;
/// Pages of one listing; a longer one is not judged for what it lacks.
const PAGES_MAX: usize = 60;

/// A client.
pub struct Client {
    number: usize,
    actor: String,
    token: String,
    chance: Chance,
    desk: Arc<Desk>,
    wire: Option<(Wire, Place)>,
    sent: u64,
    unsettled: Option<(Arc<Command>, u32)>,
}

impl Client {
    /// Client `number` of the people at the desk.
    pub fn new(number: usize, token: String, chance: Chance, desk: Arc<Desk>) -> Self {
        let actor = desk.people[number].clone();
        Self { number, actor, token, chance, desk, wire: None, sent: 0, unsettled: None }
    }

    /// Asks until it is told to end.
    pub async fn run(mut self) {
        let mut over = self.desk.over.subscribe();
        while !*over.borrow_and_update() {
            if self.wire.is_none() && !self.connect().await {
                continue;
            }
            if let Some((command, tries)) = self.unsettled.take() {
                self.send(command, tries + 1).await;
                continue;
            }
            match self.chance.below(100) {
                0..14 => self.start().await,
                14..62 => self.event(false).await,
                62..68 => self.event(true).await,
                68..82 => self.look().await,
                82..88 => self.history().await,
                88..96 => self.list().await,
                _ => self.changes().await,
            }
        }
    }

    /// Connects to the server that there is; false where there is none yet.
    async fn connect(&mut self) -> bool {
        let mut place = self.desk.place.subscribe();
        let mut over = self.desk.over.subscribe();
        let known = tokio::select! {
            known = place.wait_for(Option::is_some) => known.ok().and_then(|place| place.clone()),
            _ = over.wait_for(|over| *over) => None,
        };
        let Some(known) = known else { return false };
        match Wire::connect(&known.address, &self.token).await {
            Ok(wire) => self.wire = Some((wire, known)),
            // It was killed meanwhile; the place is soon another.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        self.wire.is_some()
    }

    /// Asks, and notes what came of it as `read` reads it.
    async fn ask(
        &mut self,
        asked: Asked,
        request: Request<'_>,
        read: impl Fn(&Answer) -> Option<Got>,
    ) -> Option<Answer> {
        let (wire, place) = self.wire.as_mut()?;
        let life = place.life;
        let floor = self.desk.clock.floor();
        let begun = self.desk.tick();
        let answered = wire.ask(request).await;
        let ended = self.desk.tick();
        let ceiling = self.desk.clock.ceiling();
        let floor = floor.min(self.desk.clock.floor());
        let got = match &answered {
            Ok(answer) => judged(answer, read),
            Err(reason) => Got::Lost(reason.clone()),
        };
        self.count(&got);
        if answered.is_err() {
            self.wire = None;
        }
        let waits = matches!(&got, Got::Refused(refusal) if refusal.status >= 500);
        self.desk.note(Record { begun, ended, life, ceiling, floor, asked, got });
        if waits {
            tokio::time::sleep(PAUSE).await;
        }
        answered.ok()
    }

    fn count(&self, got: &Got) {
        self.desk.counts.send_modify(|counts| match got {
            Got::Done(_) => counts.done += 1,
            Got::Refused(refusal) if refusal.status == 507 => counts.full += 1,
            Got::Refused(refusal) if refusal.problem == "stopped" => counts.stopped += 1,
            Got::Lost(reason) if reason == COMMIT_UNKNOWN => counts.stopped += 1,
            Got::Refused(_)
            | Got::Lost(_)
            | Got::Foretold(_)
            | Got::Seen(_)
            | Got::Entries { .. }
            | Got::Rows { .. } => {}
        });
    }

    /// One of the known cases, the newest more often.
    fn case(&mut self) -> Option<Case> {
        let cases = self.desk.cases();
        let from = if self.chance.percent(75) { cases.len().saturating_sub(NEWEST) } else { 0 };
        let found = from + self.chance.index(cases.len() - from);
        cases.get(found).cloned()
    }

    fn payload(&mut self, workflow: &str, event: &str) -> Option<Value> {
        let desk = self.desk.clone();
        let schema = desk.flow(workflow)?.schemas.get(event)?;
        let cases: Vec<String> =
            desk.cases().iter().rev().take(NEWEST).map(|case| case.id.to_string()).collect();
        let stock = Stock {
            people: &desk.people,
            customers: &desk.customers,
            cases: &cases,
            now: desk.clock.floor(),
        };
        Some(payload::make(schema, &stock, &mut self.chance))
    }

    fn key(&mut self) -> String {
        self.sent += 1;
        format!("{}-{}", self.number, self.sent)
    }

    async fn start(&mut self) {
        let desk = self.desk.clone();
        if desk.flows.is_empty() {
            return;
        }
        let flow = self.chance.pick(&desk.flows);
        let Some(payload) = self.payload(&flow.name, &flow.start) else { return };
        let command = Command {
            actor: self.actor.clone(),
            key: self.key(),
            instance: None,
            workflow: flow.name.clone(),
            event: flow.start.clone(),
            if_match: None,
            body: json!({ "payload": payload }).to_string(),
        };
        self.send(Arc::new(command), 0).await;
    }

    async fn event(&mut self, only_try: bool) {
        let Some(case) = self.case() else { return self.start().await };
        if case.accepted.is_empty() {
            return self.look_at(case.id).await;
        }
        let event = self.chance.pick(&case.accepted).clone();
        let Some(payload) = self.payload(&case.workflow, &event) else { return };
        let command = Arc::new(Command {
            actor: self.actor.clone(),
            key: self.key(),
            instance: Some(case.id),
            workflow: case.workflow,
            body: json!({ "event": event, "payload": payload }).to_string(),
            event,
            if_match: self.chance.one_in(4).then_some(case.seq),
        });
        if only_try {
            let path = format!("{}?dry_run=true", path(&command));
            let request = Request { path: &path, ..request(&command) };
            let foretold = |answer: &Answer| answer.number("careflow-position").map(Got::Foretold);
            self.ask(Asked::DryRun(command.clone()), request, foretold).await;
            // As often as not, what was tried is done.
            if self.chance.percent(50) {
                return;
            }
        }
        self.send(command, 0).await;
    }

    async fn send(&mut self, command: Arc<Command>, tries: u32) {
        let path = path(&command);
        let request = Request { path: &path, ..request(&command) };
        let answer = self.ask(Asked::Command(command.clone()), request, receipt).await;
        let Some(answer) = answer.filter(|answer| !is_open(answer)) else {
            // Now and then a client gives up: its command may stand once or not at all.
            if tries < TRIES_MAX && !self.chance.one_in(10) {
                self.unsettled = Some((command, tries));
            }
            return;
        };
        if !(200..300).contains(&answer.status) {
            if let Some(id) = &command.instance {
                self.learn(id.clone(), &command.workflow, &answer.body, "current_seq");
            }
            return;
        }
        let Some(id) = answer.text("instance").and_then(|id| InstanceId::parse(id).ok()) else { return };
        if command.instance.is_none() {
            let (seq, accepted) = (0, Vec::new());
            self.desk.know(Case { id: id.clone(), workflow: command.workflow.clone(), seq, accepted });
        }
        if tries == 0 && self.chance.one_in(20) {
            self.unsettled = Some((command, TRIES_MAX));
        }
        if self.chance.percent(60) {
            self.look_at(id).await;
        }
    }

    fn learn(&self, id: InstanceId, workflow: &str, body: &Value, seq: &str) {
        let accepted = body.get("accepted_events").and_then(Value::as_array).into_iter().flatten();
        let name = |event: &Value| event.as_str().or(event.get("event")?.as_str()).map(str::to_owned);
        let accepted: Vec<_> = accepted.filter_map(name).collect();
        if let (Some(seq), false) = (body.get(seq).and_then(Value::as_u64), accepted.is_empty()) {
            self.desk.know(Case { id, workflow: workflow.to_owned(), seq, accepted });
        }
    }

    async fn look(&mut self) {
        match self.case() {
            Some(case) => self.look_at(case.id).await,
            None => self.start().await,
        }
    }

    async fn look_at(&mut self, id: InstanceId) {
        let path = format!("/v1/instances/{id}");
        let answer = self.ask(Asked::Instance(id.clone()), Request::get(&path), seen).await;
        if let Some(answer) = answer.filter(|answer| answer.status == 200) {
            let workflow = answer.text("workflow").unwrap_or_default();
            self.learn(id, workflow, &answer.body, "seq");
        }
    }

    async fn history(&mut self) {
        let Some(case) = self.case() else { return };
        let path = format!("/v1/instances/{}/history?limit=200", case.id);
        self.ask(Asked::History(case.id), Request::get(&path), |answer| {
            entries(answer, "entries", answer.number("careflow-position")?, answer.number("etag"))
        })
        .await;
    }

    async fn changes(&mut self) {
        let newest = self.desk.cases().len() as u64;
        let after = self.chance.below(newest * 4 + 1);
        let path = format!("/v1/changes?after={after}&limit=200");
        self.ask(Asked::Changes(after), Request::get(&path), |answer| {
            entries(answer, "changes", answer.body.get("position")?.as_u64()?, None)
        })
        .await;
    }

    fn filter(&mut self) -> Option<Filter> {
        let desk = self.desk.clone();
        Some(match self.chance.below(4) {
            0 => Filter::Owner(self.chance.pick(&desk.people).clone()),
            1 => Filter::Customer(self.chance.pick(&desk.customers).clone()),
            2 => Filter::Overdue,
            _ => {
                if desk.flows.is_empty() {
                    return None;
                }
                let flow = self.chance.pick(&desk.flows);
                let state = self.chance.pick(&flow.states);
                // Half of the time a superstate.
                let up = state.rsplit_once('.').filter(|_| self.chance.percent(50));
                Filter::State(flow.name.clone(), up.map_or(state.as_str(), |(up, _)| up).to_owned())
            }
        })
    }

    /// A whole listing, page by page.
    async fn list(&mut self) {
        let Some(filter) = self.filter() else { return };
        let query = match &filter {
            Filter::State(workflow, state) => format!("workflow={workflow}&state={state}"),
            Filter::Owner(owner) => format!("owner={owner}"),
            Filter::Customer(customer) => format!("customer={customer}"),
            Filter::Overdue => "overdue=true".to_owned(),
        };
        let number = self.desk.tick();
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let path = format!("/v1/instances?{query}&limit={PAGE_ROWS}{cursor}");
            let asked = Asked::Page(filter.clone(), number);
            let answer = self.ask(asked, Request::get(&path), page).await;
            let next = answer.as_ref().and_then(|answer| answer.text("next_cursor"));
            match next {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return,
            }
        }
    }
}

/// Why an outcome is open although the answer is whole.
const COMMIT_UNKNOWN: &str = "commit_unknown";

/// Whether the answer itself says that the outcome is open.
fn is_open(answer: &Answer) -> bool {
    let problem = problem(answer);
    matches!(problem, "commit_unknown" | "timeout" | "internal")
}

fn problem(answer: &Answer) -> &str {
    answer.text("type").and_then(|kind| kind.rsplit(':').next()).unwrap_or_default()
}

fn judged(answer: &Answer, read: impl Fn(&Answer) -> Option<Got>) -> Got {
    if (200..300).contains(&answer.status) {
        return read(answer)
            .unwrap_or_else(|| Got::Lost(format!("an answer of another shape: {}", answer.body)));
    }
    if is_open(answer) {
        return Got::Lost(problem(answer).to_owned());
    }
    Got::Refused(Refusal {
        status: answer.status,
        problem: problem(answer).to_owned(),
        code: answer.text("code").unwrap_or_default().to_owned(),
        seq: answer.body.get("current_seq").and_then(Value::as_u64),
    })
}

fn path(command: &Command) -> String {
    match &command.instance {
        Some(id) => format!("/v1/instances/{id}/events"),
        None => format!("/v1/workflows/{}/instances", command.workflow),
    }
}

fn request(command: &Command) -> Request<'static> {
    let mut headers = vec![("idempotency-key", command.key.clone())];
    if let Some(seq) = command.if_match {
        headers.push(("if-match", format!("\"{seq}\"")));
    }
    Request { method: Method::POST, path: "", headers, body: command.body.clone() }
}

fn receipt(answer: &Answer) -> Option<Got> {
    let number = |name: &str| answer.body.get(name)?.as_u64();
    Some(Got::Done(Receipt {
        instance: InstanceId::parse(answer.text("instance")?).ok()?,
        seq: number("seq")?,
        last_seq: answer.number("etag")?,
        position: number("position")?,
        event: answer.text("event")?.to_owned(),
        to: answer.text("to")?.to_owned(),
        recorded_at: Instant::parse(answer.text("recorded_at")?).ok()?,
    }))
}

fn seen(answer: &Answer) -> Option<Got> {
    let (position, seq) = (answer.number("careflow-position")?, answer.number("etag")?);
    Some(Got::Seen(Seen { position, seq, members: members(&answer.body) }))
}

fn entries(answer: &Answer, name: &str, position: u64, seq: Option<u64>) -> Option<Got> {
    let entry = |record: &Value| {
        let entry = record.get("entry")?;
        Some(EntrySeen {
            position: record.get("position")?.as_u64()?,
            instance: InstanceId::parse(entry.get("instance")?.as_str()?).ok()?,
            seq: entry.get("seq")?.as_u64()?,
            hash: record.get("hash")?.as_str()?.to_owned(),
        })
    };
    let entries = answer.body.get(name)?.as_array()?.iter().map(entry).collect::<Option<_>>()?;
    Some(Got::Entries { position, seq, entries })
}

fn page(answer: &Answer) -> Option<Got> {
    let row = |row: &Value| {
        Some(RowSeen {
            instance: InstanceId::parse(row.get("id")?.as_str()?).ok()?,
            seq: row.get("seq")?.as_u64()?,
            state: row.get("state")?.as_str()?.to_owned(),
        })
    };
    let rows = answer.body.get("instances")?.as_array()?.iter().map(row).collect::<Option<_>>()?;
    let last = answer.body.get("next_cursor").is_none();
    Some(Got::Rows { position: answer.number("careflow-position")?, rows, last })
}
