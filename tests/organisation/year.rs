//! Owns the passing of the year: what begins, who looks at what when, and what the engine answers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use careflow::app::{self, Store};
use careflow::chance::Chance;
use careflow::config::Config;
use careflow::definition::file::Content;
use careflow::engine::{Accepted, Command, CommandError, Engine, Target};
use careflow::import::timeline::{Timeline, refusal};
use careflow::kernel::actor::Role;
use careflow::kernel::calendar::Calendar;
use careflow::kernel::entry::{Entry, Position};
use careflow::kernel::id::InstanceId;
use careflow::kernel::instance::Instance;
use careflow::kernel::instant::Instant;
use careflow::kernel::kpi::fold::{Fold, Line};
use careflow::kernel::kpi::measure::{Frame, MEASURES, Retargets};
use careflow::kernel::machine::Sample;
use careflow::time::{ManualTime, TimeSource as _};
use careflow::workflows::Registry;

use super::acts::Act;
use super::begun::Begun;
use super::people::People;

/// The year begins: midnight in Shanghai.
const BEGINS: &str = "2025-01-06T00:00:00+08:00";
const DAY_MS: i64 = 86_400_000;
/// So long cases begin.
const YEAR_DAYS: i64 = 365;
/// So long what began goes on after that: plans of the year are closed, and most cases.
const AFTER_DAYS: i64 = 60;
/// Something can begin so often a day.
const ARRIVALS_A_DAY: i64 = 6;
/// Every so many accepted commands one is sent again with its key.
const AGAIN: u64 = 40;
/// So many cases of a customer are thought of.
const NEWEST: usize = 3;
/// A gateway tells one message in so many late, by up to so many milliseconds.
const LATE: (u64, u64) = (10, 3 * 3_600_000);
/// Entries of the feed that are asked for at a time.
const FEED: usize = 2_000;

/// What year is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What everything is drawn from.
    pub seed: u64,
    /// How many instances of all flows there are to be at least.
    pub instances: u64,
    /// The directory, which is made.
    pub data: PathBuf,
}

/// A year that was lived.
#[derive(Debug)]
pub struct Lived {
    /// Instances by flow and state.
    pub census: BTreeMap<(String, String), u64>,
    /// Commands that were accepted.
    pub accepted: u64,
    /// Accepted commands that were sent again, and were answered as before.
    pub again: u64,
    /// Commands that were refused, by flow and event and code.
    pub refused: BTreeMap<(String, String, String), u64>,
    /// What the engine reports, by window.
    pub reports: Vec<(Frame, Vec<Line>)>,
}

impl Lived {
    /// How many instances there are.
    pub fn instances(&self) -> u64 {
        self.census.values().sum()
    }

    /// How many commands were refused.
    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// Everybody, in the middle of the year.
pub struct Organisation {
    pub engine: Engine,
    /// Sample events, by flow.
    pub samples: BTreeMap<String, Vec<Sample>>,
    registry: Registry,
    pub calendar: Calendar,
    pub chance: Chance,
    pub people: People,
    time: Arc<ManualTime>,
    line: Timeline,
    /// What is looked at when; a row counts where `next` says the same.
    visits: BinaryHeap<Reverse<(Instant, InstanceId)>>,
    next: HashMap<InstanceId, Instant>,
    /// Instances by flow and customer, oldest first.
    cases: HashMap<(String, String), Vec<InstanceId>>,
    began: u64,
    seen: Position,
    sent: u64,
    accepted: u64,
    again: u64,
    refused: BTreeMap<(String, String, String), u64>,
}

/// Lives a year.
///
/// # Panics
/// Where the engine does not do what it should.
pub async fn live(wanted: &Wanted) -> Lived {
    app::on_one_thread(alone(wanted)).await
}

async fn alone(wanted: &Wanted) -> Lived {
    let begins = Instant::parse(BEGINS).unwrap();
    let config = Config { data: wanted.data.clone(), definitions: None };
    let opening = config.clone();
    let store = tokio::task::spawn_blocking(move || Store::open_for_batch(&opening)).await.unwrap().unwrap();
    let mut organisation = Organisation::founded(&store, begins, wanted.seed).await;
    organisation.before(begins).await;
    let steps = YEAR_DAYS * ARRIVALS_A_DAY;
    for step in 1..=steps {
        let at = begins.plus_millis(step * DAY_MS / ARRIVALS_A_DAY);
        organisation.go_on(at).await;
        organisation.by_calendar(step).await;
        let due =
            u128::from(wanted.instances) * u128::try_from(step).unwrap() / u128::try_from(steps).unwrap();
        while u128::from(organisation.began) < due {
            let begun = organisation.begins();
            organisation.start(begun).await;
        }
    }
    let until = begins.plus_millis((YEAR_DAYS + AFTER_DAYS) * DAY_MS);
    organisation.go_on(until).await;
    organisation.end(until).await
}

impl Organisation {
    async fn founded(store: &Store, begins: Instant, seed: u64) -> Self {
        let registry = Registry::shipped();
        let sources = app::sources(registry.all(), None).unwrap();
        let calendar = sources.iter().find_map(|source| match &source.content {
            Content::Calendar(calendar) if calendar.name() == "cn" => Some(calendar.clone()),
            Content::Definition(_) | Content::Calendar(_) => None,
        });
        let time = Arc::new(ManualTime::at(begins));
        let engine = store.engine(sources, time.clone(), Box::new(|_, _| {})).await.unwrap();
        engine.run_schedules().await.unwrap();
        let line = Timeline::begin(engine.clone(), time.clone(), String::new()).await;
        let samples = registry.all().iter().map(|flow| (flow.name().to_owned(), flow.samples())).collect();
        Self {
            people: People::hired(&engine).await,
            engine,
            samples,
            registry,
            calendar: calendar.unwrap(),
            chance: Chance::of(seed),
            time,
            line,
            visits: BinaryHeap::new(),
            next: HashMap::new(),
            cases: HashMap::new(),
            began: 0,
            seen: 0,
            sent: 0,
            accepted: 0,
            again: 0,
            refused: BTreeMap::new(),
        }
    }

    /// The moment now.
    pub fn now(&self) -> Instant {
        self.time.now()
    }

    /// The newest instances of `flow` that are about `customer`.
    pub fn of_customer(&self, flow: &str, customer: &str) -> Vec<InstanceId> {
        let all = self.cases.get(&(flow.to_owned(), customer.to_owned()));
        all.map(|all| all.iter().rev().take(NEWEST).cloned().collect()).unwrap_or_default()
    }

    /// What stands from the years before: plans, and certificates that end in this year or long ago.
    async fn before(&mut self, begins: Instant) {
        self.go_on(begins.plus_millis(9 * 3_600_000)).await;
        for year in [2024, 2025, 2027, 2028] {
            let plan = self.plans_a_year(year);
            self.start(plan).await;
        }
        let ends = ["2024-02-20", "2025-01-31", "2025-03-31", "2025-06-30", "2025-09-15", "2026-02-10"];
        for (number, until) in ends.iter().cycle().take(14).enumerate() {
            let certificate = self.has_learnt(["refunds", "talking", "products"][number % 3], until);
            self.start(certificate).await;
        }
    }

    /// What the calendar brings beside schedules: people leave, next year is planned.
    async fn by_calendar(&mut self, step: i64) {
        if step == 120 * ARRIVALS_A_DAY || step == 250 * ARRIVALS_A_DAY {
            let engine = self.engine.clone();
            self.people.change(&engine).await;
            self.follow().await;
        }
        if step == 310 * ARRIVALS_A_DAY {
            let plan = self.plans_a_year(2026);
            self.start(plan).await;
        }
    }

    /// Lets time pass until `until`: dues come, and whatever is to be looked at then is.
    async fn go_on(&mut self, until: Instant) {
        while let Some(Reverse((at, id))) =
            self.visits.peek().filter(|Reverse((at, _))| *at <= until).cloned()
        {
            self.visits.pop();
            if self.next.get(&id) != Some(&at) {
                continue;
            }
            self.pass(at).await;
            // What came due meanwhile may have moved it.
            if self.next.get(&id) == Some(&at) {
                self.next.remove(&id);
                self.visit(&id).await;
            }
        }
        self.pass(until).await;
    }

    async fn pass(&mut self, at: Instant) {
        if at > self.now() {
            self.line.advance(at).await.unwrap();
        }
        self.follow().await;
    }

    async fn visit(&mut self, id: &InstanceId) {
        let Some(instance) = self.engine.instance(id).unwrap().0 else { panic!("`{id}` is gone") };
        if let Some(act) = self.act(&instance) {
            let target = Target::Instance(id.clone());
            self.send(&instance.workflow, target, act).await;
            self.follow().await;
        }
        if !self.next.contains_key(id) {
            let now = self.engine.instance(id).unwrap().0.expect("it was there");
            self.look_again(&now);
        }
    }

    async fn start(&mut self, (workflow, act): Begun) {
        self.send(workflow, Target::Start(workflow.to_owned()), act).await;
        self.follow().await;
    }

    /// Sends what somebody does; what is refused is counted.
    async fn send(&mut self, workflow: &str, target: Target, act: Act) {
        self.sent += 1;
        let is_late = act.actor.role == Role::Gateway && self.chance.one_in(LATE.0);
        let back = if is_late { self.chance.below(LATE.1) } else { 0 };
        let happened = self.now().plus_millis(-i64::try_from(back).unwrap());
        let command = Command {
            target,
            event: act.event.clone(),
            payload: act.payload,
            actor: act.actor,
            occurred_at: is_late.then_some(happened),
            key: Some(format!("year:{}", self.sent)),
            if_match: None,
            request_id: None,
            origin: None,
        };
        match self.line.submit(command.clone()).await {
            Ok(accepted) => {
                self.accepted += 1;
                if self.chance.one_in(AGAIN) {
                    self.send_again(command, &accepted).await;
                }
            }
            Err(error) => self.refuse(workflow, act.event, error),
        }
    }

    /// The same command with the same key is answered as before, and does nothing (X2).
    async fn send_again(&mut self, command: Command, first: &Accepted) {
        // What the command sent to others arrives, too.
        self.engine.settle().await;
        let position = self.engine.position();
        let again = self.engine.submit(command).await.unwrap();
        assert!(again.replayed, "{} of `{}` was done twice", first.entry.event, first.entry.instance);
        assert_eq!((again.position, &again.entry.instance), (first.position, &first.entry.instance));
        assert_eq!(self.engine.position(), position);
        self.again += 1;
    }

    fn refuse(&mut self, workflow: &str, event: String, error: CommandError) {
        let (code, reason) = refusal(error).unwrap();
        let is_ours = ["payload", "unknown_instance", "step_failed", "too_large"].contains(&code.as_str());
        assert!(!is_ours, "{workflow} {event}: {code}: {reason}");
        *self.refused.entry((workflow.to_owned(), event, code)).or_default() += 1;
    }

    /// Takes up what was written since it last looked: what is new, and what has moved.
    async fn follow(&mut self) {
        let mut due = false;
        while self.engine.position() > self.seen {
            let (found, last) = self.engine.changes(self.seen, FEED, Duration::ZERO).await.unwrap();
            for recorded in &found {
                due |= self.take(&recorded.entry);
            }
            self.seen = last;
        }
        if due {
            self.engine.count_reports().await.unwrap();
            self.engine.settle().await;
        }
    }

    /// Takes up one entry; whether a report waits for its figures.
    fn take(&mut self, entry: &Entry) -> bool {
        if entry.workflow.starts_with('$') {
            return false;
        }
        let is_new = entry.seq == 1;
        self.began += u64::from(is_new);
        if !is_new && entry.from.as_ref() == Some(&entry.to) {
            return false;
        }
        let Some(instance) = self.engine.instance(&entry.instance).unwrap().0 else { return false };
        if is_new && let Some(customer) = instance.case_text("customer_id") {
            let of = (instance.workflow.clone(), customer.to_owned());
            self.cases.entry(of).or_default().push(instance.id.clone());
        }
        self.look_again(&instance);
        is_new && entry.workflow == "report"
    }

    /// Says when somebody next looks at `instance`.
    fn look_again(&mut self, instance: &Instance) {
        let next = self.looks_at(instance);
        match next {
            Some(at) => {
                self.next.insert(instance.id.clone(), at);
                self.visits.push(Reverse((at, instance.id.clone())));
            }
            None => {
                self.next.remove(&instance.id);
            }
        }
    }

    async fn end(mut self, until: Instant) -> Lived {
        self.follow().await;
        let reports = self.frames(until).into_iter().map(|frame| (frame, self.report(frame))).collect();
        let lived = Lived {
            census: self.engine.census(),
            accepted: self.accepted,
            again: self.again,
            refused: self.refused,
            reports,
        };
        self.engine.stop().await.unwrap();
        lived
    }

    /// The whole year, and a month of it, with and without what new targets breached.
    fn frames(&mut self, until: Instant) -> Vec<Frame> {
        let begins = Instant::parse(BEGINS).unwrap();
        let zone = self.calendar.zone();
        let whole = Frame { from: begins, until, now: until, retargets: Retargets::Counted, zone };
        let from = begins.plus_millis(i64::try_from(self.chance.between(20, 330)).unwrap() * DAY_MS);
        let month = Frame { from, until: from.plus_millis(30 * DAY_MS), ..whole };
        vec![whole, month, Frame { retargets: Retargets::LeftOut, ..month }]
    }

    /// Every number of every flow over `frame`, as the engine tells them.
    fn report(&self, frame: Frame) -> Vec<Line> {
        let flows: Vec<&str> = self.registry.all().iter().map(|workflow| workflow.name()).collect();
        let mut fold = Fold::new(&MEASURES, frame, None);
        self.engine.kpis(&flows, (frame.from, frame.until), &mut |record| fold.take(record)).unwrap();
        fold.finish()
    }
}
