//! An engine in memory behind the real router, with storage and workflow code that fail as told.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use careflow::api::state::{AppState, Limits};
use careflow::api::{self, server};
use careflow::app;
use careflow::engine::{Engine, Identity, Parts};
use careflow::index::memory::MemoryIndex;
use careflow::journal::memory::MemoryJournal;
use careflow::journal::{AppendError, Commit, Fence, Journal, Position, ReadError, Tail};
use careflow::kernel::actor::{Actor, ActorKind, Role};
use careflow::kernel::definition::Definition;
use careflow::kernel::effect::{Effect, Notice};
use careflow::kernel::fact::Fact;
use careflow::kernel::fault::Fault;
use careflow::kernel::instance::Instance;
use careflow::kernel::instant::Instant;
use careflow::kernel::machine::{EventSpec, Sample, StateSpec, Step, Workflow};
use careflow::kernel::outcome::{Event, Input, Outcome};
use careflow::time::ManualTime;
use careflow::workflows::Registry;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::rig::{Caller, WEDNESDAY};

/// The consultation with code that fails on some events.
struct Faulty(Arc<dyn Workflow>);

impl Workflow for Faulty {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn data_version(&self) -> u32 {
        self.0.data_version()
    }

    fn start_event(&self) -> &'static str {
        self.0.start_event()
    }

    fn events(&self) -> &[EventSpec] {
        self.0.events()
    }

    fn states(&self) -> &[StateSpec] {
        self.0.states()
    }

    /// Panics outside of any step, and with it the handler that asks.
    fn timers(&self) -> &'static [&'static str] {
        panic!("a fault of the server's code")
    }

    fn signals(&self) -> &'static [&'static str] {
        self.0.signals()
    }

    fn targets(&self) -> &'static [&'static str] {
        self.0.targets()
    }

    fn policy_schema(&self) -> Value {
        self.0.policy_schema()
    }

    fn policy(&self, values: &Value) -> Result<Arc<dyn Any + Send + Sync>, Vec<Fault>> {
        self.0.policy(values)
    }

    fn open<'w>(&'w self, instance: Option<&Instance>, event: &Event) -> (Vec<Fact>, Step<'w>) {
        let (facts, _) = self.0.open(instance, event);
        (facts, Box::new(|input| self.step(input)))
    }

    fn queue(&self, definition: &Definition, data: &Value) -> Option<String> {
        self.0.queue(definition, data)
    }

    /// Panics on `mark_invalid`; causes more than a commit holds on `withdraw`.
    fn step(&self, input: &Input<'_>) -> Outcome {
        assert_ne!(input.event.name, "mark_invalid", "a fault of the workflow's code");
        match self.0.step(input) {
            Outcome::Moved(mut change) if input.event.name == "withdraw" => {
                let template = "x".repeat(careflow::journal::LINE_BYTES_MAX);
                let notice = Notice { to: "owner".into(), template, values: serde_json::Map::new() };
                change.effects.push(Effect::Notify(notice));
                Outcome::Moved(change)
            }
            outcome => outcome,
        }
    }

    fn upgrade(&self, from: u32, state: &str, data: Value) -> Result<(String, Value), String> {
        self.0.upgrade(from, state, data)
    }

    fn samples(&self) -> Vec<Sample> {
        self.0.samples()
    }

    fn shape(&self, data: &Value) -> String {
        self.0.shape(data)
    }
}

/// A journal whose appends never end once it is told so.
pub struct Stalled {
    journal: MemoryJournal,
    stalls: watch::Sender<bool>,
}

impl Stalled {
    pub fn new() -> Self {
        Self { journal: MemoryJournal::default(), stalls: watch::Sender::new(false) }
    }

    /// From now on no append ends.
    pub fn stall(&self) {
        self.stalls.send_replace(true);
    }
}

#[async_trait]
impl Journal for Stalled {
    async fn append(&self, fence: Fence, group: &[Commit]) -> Result<Position, AppendError> {
        let mut stalls = self.stalls.subscribe();
        if stalls.wait_for(|stalls| !stalls).await.is_err() {
            return Err(AppendError::Unknown("the test has ended".into()));
        }
        self.journal.append(fence, group).await
    }

    async fn get(&self, positions: &[Position]) -> Result<Vec<(Position, Commit)>, ReadError> {
        self.journal.get(positions).await
    }

    async fn read(&self, from: Position, limit: usize) -> Result<Vec<(Position, Commit)>, ReadError> {
        self.journal.read(from, limit).await
    }

    async fn watch(&self, from: Position) -> Position {
        self.journal.watch(from).await
    }

    async fn tail(&self) -> Result<Tail, ReadError> {
        self.journal.tail().await
    }

    async fn close(&self) -> Result<(), ReadError> {
        self.journal.close().await
    }
}

/// Serves the API on a socket of its own; ends with the test.
pub async fn serve(engine: Option<&Engine>, limits: Limits) -> String {
    let state = AppState::new(Registry::shipped().all(), limits);
    if let Some(engine) = engine {
        state.open(engine.clone());
    }
    serve_state(state).await
}

/// Serves the API over `state` on a socket of its own; ends with the test.
pub async fn serve_state(state: AppState) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(server::serve(listener, None, api::router(state), std::future::pending()));
    address
}

/// An engine in memory with the faulty consultation, behind the same router.
pub struct Twin {
    pub engine: Engine,
    pub ann: Caller,
}

impl Twin {
    /// An engine over `journal`.
    pub async fn over(journal: Arc<dyn Journal>) -> Self {
        let mut workflows: Vec<Arc<dyn Workflow>> = Registry::shipped().all().to_vec();
        workflows[0] = Arc::new(Faulty(workflows[0].clone()));
        let parts = Parts {
            journal,
            index: Arc::new(MemoryIndex::new()),
            sources: app::sources(&workflows, None).unwrap(),
            workflows,
            time: Arc::new(ManualTime::at(Instant::parse(WEDNESDAY).unwrap())),
            progress: Box::new(|_, _| {}),
            rejected: Box::new(|_| {}),
        };
        let engine = Engine::open(parts).await.unwrap();
        let roles = vec![Role::Agent];
        let identity = Identity { actor: "ann".into(), kind: ActorKind::Person, roles };
        let token = Some(engine.create_token(identity, Actor::system(), None).await.unwrap().secret.unwrap());
        let address = serve(Some(&engine), Limits::default()).await;
        Self { engine, ann: Caller { address, token } }
    }

    pub async fn new() -> Self {
        Self::over(Arc::new(MemoryJournal::default())).await
    }
}
