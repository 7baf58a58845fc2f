//! Owns what the writer and its readers share: storage, what is published, what was found out once.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};

use super::catalog::{CALENDAR, Catalog, DEFINITION, FileData};
use super::command::CommandError;
use super::directory::{ACTOR, Directory, TOKEN};
use super::disk::Disk;
use super::follow::{FOLLOW_MAX, Touched};
use super::group::{Answer, Used};
use super::metrics::Metrics;
use super::recent::Recent;
use super::schedule::{SCHEDULE, Schedules};
use crate::definition::file::{Content, Reader};
use crate::definition::schema::Checker;
use crate::index::Index;
use crate::journal::{Journal, Position};
use crate::kernel::actor::Role;
use crate::kernel::common;
use crate::kernel::entry::{Entry, Idempotency};
use crate::kernel::explore::{CONFIGURATIONS_MAX, Exploration, Explorer};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::machine::SAMPLES_AT;
use crate::kernel::machine::Workflow;
use crate::kernel::step::stage_of;
use crate::rejected::Rejected;
use crate::time::TimeSource;

/// Where an exploration stands once somebody has asked for it.
type Explored = Arc<OnceLock<Arc<Exploration>>>;

/// Explorations by workflow, definition and calendar: pure functions of these, worth keeping.
static EXPLORED: Mutex<BTreeMap<String, Explored>> = Mutex::new(BTreeMap::new());

fn explored(workflow: &str, definition: &str, calendar: &str) -> Explored {
    let key = format!("{workflow} {definition} {calendar}");
    EXPLORED.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone()
}

/// Workflow name of import and demo batches.
pub const IMPORT: &str = "$import";

/// What a batch's instance holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportData {
    /// The batch's name, which its entries carry as `origin`.
    pub batch: String,
    /// What makes it the same import again: hash over mapping and log.
    pub fingerprint: String,
    /// How far it is.
    pub phase: Phase,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It writes, or was interrupted.
    Running,
    /// Every row was replayed; unfinished cases stand still.
    Complete,
    /// Its cases live on like any other.
    Released,
}

/// The id of the instance of a batch.
pub fn import_id(batch: &str) -> InstanceId {
    InstanceId::derive(IMPORT, &[IMPORT, batch])
}

/// Shared by the writer and all readers.
pub struct Shared {
    /// The truth.
    pub journal: Arc<dyn Journal>,
    /// What is derived.
    pub index: Arc<dyn Index>,
    /// Registered workflows in their listed order.
    pub listed: Vec<Arc<dyn Workflow>>,
    /// The same by name.
    pub workflows: HashMap<&'static str, Arc<dyn Workflow>>,
    /// The injected clock.
    pub time: Arc<dyn TimeSource>,
    /// The last published position.
    pub published: watch::Sender<Position>,
    /// The newest published entries.
    pub recent: Recent,
    /// Told what each published group touched, while somebody follows.
    pub followers: broadcast::Sender<Arc<[Touched]>>,
    /// Counters.
    pub metrics: Metrics,
    /// Told every event that a state or a duty refused.
    pub rejected: Box<dyn Fn(&Rejected) + Send + Sync>,
    catalog: RwLock<Arc<Catalog>>,
    directory: RwLock<Arc<Directory>>,
    schedules: RwLock<Arc<Schedules>>,
    /// Whether schedules fire: in a server, not in an import.
    pub schedules_run: AtomicBool,
    /// Woken when a report waits for its figures.
    pub reports: tokio::sync::Notify,
    held: RwLock<Arc<BTreeMap<String, Phase>>>,
    running: RwLock<Option<String>>,
    stopped: OnceLock<String>,
    damaged: OnceLock<String>,
    /// Whether the journal's disk took the last group.
    pub disk: Disk,
    payloads: HashMap<(String, &'static str), Payload>,
}

/// What the payload of one event is checked against and sealed by.
pub struct Payload {
    /// The compiled schema.
    pub checker: Checker,
    /// The schema itself.
    pub schema: serde_json::Value,
}

/// A lock of plain values is never poisoned in a way that matters: the value was replaced as a whole.
fn read<T: Clone>(lock: &RwLock<T>) -> T {
    lock.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn replace<T>(lock: &RwLock<T>, value: T) {
    *lock.write().unwrap_or_else(PoisonError::into_inner) = value;
}

impl Shared {
    /// Storage and workflows, with nothing published yet.
    ///
    /// # Errors
    /// An event whose payload schema cannot be used: a fault of the workflow's code.
    pub fn new(
        journal: Arc<dyn Journal>,
        index: Arc<dyn Index>,
        listed: Vec<Arc<dyn Workflow>>,
        time: Arc<dyn TimeSource>,
        rejected: Box<dyn Fn(&Rejected) + Send + Sync>,
    ) -> Result<Self, String> {
        let mut payloads = HashMap::new();
        for workflow in &listed {
            for spec in workflow.events() {
                let schema = (spec.schema)();
                let checker = Checker::new(schema.clone())
                    .map_err(|e| format!("payload of `{}` {}: {e}", workflow.name(), spec.name))?;
                payloads.insert((workflow.name().to_owned(), spec.name), Payload { checker, schema });
            }
        }
        let published = watch::Sender::new(index.applied());
        Ok(Self {
            journal,
            workflows: listed.iter().map(|workflow| (workflow.name(), workflow.clone())).collect(),
            index,
            listed,
            time,
            rejected,
            published,
            recent: Recent::default(),
            followers: broadcast::Sender::new(FOLLOW_MAX),
            metrics: Metrics::default(),
            catalog: RwLock::default(),
            directory: RwLock::default(),
            schedules: RwLock::default(),
            schedules_run: AtomicBool::new(false),
            reports: tokio::sync::Notify::new(),
            held: RwLock::default(),
            running: RwLock::default(),
            stopped: OnceLock::new(),
            damaged: OnceLock::new(),
            disk: Disk::default(),
            payloads,
        })
    }

    /// Definitions and calendars as published.
    pub fn catalog(&self) -> Arc<Catalog> {
        read(&self.catalog)
    }

    /// Replaces the catalog.
    pub fn set_catalog(&self, catalog: Catalog) {
        replace(&self.catalog, Arc::new(catalog));
    }

    /// Tokens and people as published.
    pub fn directory(&self) -> Arc<Directory> {
        read(&self.directory)
    }

    /// Schedules as published.
    pub fn schedules(&self) -> Arc<Schedules> {
        read(&self.schedules)
    }

    /// Whether `id` is a schedule, and schedules do not fire here.
    pub fn rests(&self, id: &InstanceId) -> bool {
        !self.schedules_run.load(Ordering::Acquire) && self.schedules().contains_key(id)
    }

    /// The batch of `origin`, where it stands still.
    pub fn holds(&self, origin: Option<&str>) -> Option<String> {
        let origin = origin?;
        let held = read(&self.held);
        let phase = *held.get(origin)?;
        let stands = phase == Phase::Complete || (phase == Phase::Running && !self.runs_here(origin));
        stands.then(|| origin.to_owned())
    }

    /// Whether any batch stands still.
    pub fn holds_any(&self) -> bool {
        let held = read(&self.held);
        held.keys().any(|batch| self.holds(Some(batch)).is_some())
    }

    /// Every batch, by name.
    pub fn batches(&self) -> Vec<(String, Phase)> {
        read(&self.held).iter().map(|(batch, phase)| (batch.clone(), *phase)).collect()
    }

    /// This process runs the batch: its cases move, where an interrupted one's stand still.
    pub fn run_here(&self, batch: &str) {
        replace(&self.running, Some(batch.to_owned()));
    }

    fn runs_here(&self, batch: &str) -> bool {
        read(&self.running).as_deref() == Some(batch)
    }

    /// A batch that was interrupted.
    pub fn interrupted(&self) -> Option<String> {
        let held = read(&self.held);
        held.iter().find(|(_, phase)| **phase == Phase::Running).map(|(batch, _)| batch.clone())
    }

    /// What the payload of an event is checked against.
    pub fn payload(&self, workflow: &str, event: &'static str) -> Option<&Payload> {
        self.payloads.get(&(workflow.to_owned(), event))
    }

    /// What exploration finds of a workflow with its definition in force; the first asker computes it.
    pub fn exploration(&self, workflow: &str) -> Option<Arc<Exploration>> {
        let machine = self.workflows.get(workflow)?;
        let catalog = self.catalog();
        let definition = catalog.current(workflow)?;
        let (calendar_hash, calendar) = catalog.current_calendar(&definition.calendar)?;
        let explored = explored(workflow, &definition.hash, calendar_hash);
        let found = explored.get_or_init(|| {
            let explorer = Explorer {
                workflow: machine.as_ref(),
                definition,
                calendar,
                now: SAMPLES_AT,
                configurations_max: CONFIGURATIONS_MAX,
            };
            Arc::new(explorer.explore())
        });
        Some(found.clone())
    }

    /// The same where somebody has asked before; nobody waits.
    fn explored(&self, workflow: &str) -> Option<Arc<Exploration>> {
        let catalog = self.catalog();
        let definition = catalog.current(workflow)?;
        let (calendar_hash, _) = catalog.current_calendar(&definition.calendar)?;
        explored(workflow, &definition.hash, calendar_hash).get().cloned()
    }

    /// The original answer to a key of `id` that a published commit used up.
    ///
    /// # Errors
    /// [`CommandError`]; `KeyReused` where another command came with it.
    pub async fn replay(&self, id: &InstanceId, idempotency: &Idempotency, position: Position) -> Answer {
        let stopped = |reason: String| CommandError::Stopped(reason);
        let commits = self.journal.get(&[position]).await.map_err(|e| stopped(e.to_string()))?;
        let mut own = Vec::new();
        let private = commits.first().map(|(_, commit)| commit.private.clone()).unwrap_or_default();
        for stored in commits.iter().flat_map(|(_, commit)| &commit.entries) {
            let entry = stored.verify().map_err(|e| stopped(e.to_string()))?;
            if entry.instance == *id {
                own.push(entry);
            }
        }
        let last_seq = own.last().map_or(0, |entry| entry.seq);
        let used = |entry: &Entry| entry.idempotency.as_ref().is_some_and(|used| used.key == idempotency.key);
        let found = own.into_iter().find(used).ok_or(CommandError::KeyReused)?;
        Used { entry: Arc::new(found), last_seq, private }.answer(idempotency, position)
    }

    /// Adds to a refusal what the state would accept, and the instance as it is.
    pub fn with_accepted(&self, error: CommandError, instance: Option<Arc<Instance>>) -> CommandError {
        match (error, instance) {
            (CommandError::Refused { refusal, .. }, Some(instance)) => {
                let accepted = self.accepted_events(&instance);
                CommandError::Refused { refusal, accepted, instance: Some(instance) }
            }
            (other, _) => other,
        }
    }

    /// The events that the state of `instance` accepts and some person may send, in the workflow's order.
    pub fn accepted_events(&self, instance: &Instance) -> Vec<String> {
        let Some(workflow) = self.workflows.get(instance.workflow.as_str()) else { return Vec::new() };
        // Whoever refuses an event asks, the writer too, who must not wait: until a definition is explored, a
        // shipped flow answers as with its shipped values.
        let explored = match workflow.accepted() {
            Some(_) => self.explored(&instance.workflow),
            None => self.exploration(&instance.workflow),
        };
        let found = explored.as_ref().map(|explored| &explored.accepted).or(workflow.accepted());
        let found = found.and_then(|accepted| accepted.get(&instance.state));
        let common: Vec<&str> = common::accepted(stage_of(&instance.state)).collect();
        let catalog = self.catalog();
        let definition = catalog.definition(&instance.pins.definition);
        let sendable = |event: &str| {
            let roles = definition.map_or(&[][..], |definition| definition.allowed(event));
            roles.iter().any(|role| *role != Role::System)
        };
        let accepts =
            |event: &str| found.is_some_and(|found| found.contains(event)) || common.contains(&event);
        let events = workflow.events().iter().map(|spec| spec.name);
        events.filter(|event| accepts(event) && sendable(event)).map(str::to_owned).collect()
    }

    /// Takes up published system objects.
    pub fn take_system(&self, published: &[Arc<Instance>]) {
        let objects = || published.iter().filter(|instance| instance.workflow.starts_with('$'));
        if objects().next().is_none() {
            return;
        }
        let mut directory = None;
        for instance in objects() {
            match instance.workflow.as_str() {
                TOKEN | ACTOR => {
                    directory.get_or_insert_with(|| Directory::clone(&self.directory())).take(instance);
                }
                IMPORT => {
                    if let Ok(import) = ImportData::deserialize(&*instance.data) {
                        let mut held = BTreeMap::clone(read(&self.held).as_ref());
                        held.insert(import.batch, import.phase);
                        replace(&self.held, Arc::new(held));
                    }
                }
                SCHEDULE => {
                    let mut schedules = Schedules::clone(&self.schedules());
                    schedules.insert(instance.id.clone(), instance.clone());
                    replace(&self.schedules, Arc::new(schedules));
                }
                _ => {}
            }
        }
        if let Some(directory) = directory {
            replace(&self.directory, Arc::new(directory));
        }
    }

    /// Reads a published file back into `catalog`.
    ///
    /// # Errors
    /// A file that this binary no longer accepts, by name.
    pub fn take_file(
        &self,
        catalog: &mut Catalog,
        reader: &Reader<'_>,
        instance: &Instance,
    ) -> Result<(), String> {
        if instance.workflow != DEFINITION && instance.workflow != CALENDAR {
            return Ok(());
        }
        let data = FileData::deserialize(&*instance.data).map_err(|e| format!("{}: {e}", instance.id))?;
        let name = format!("{} version {}", data.name, data.version);
        let source = reader
            .read(&name, &data.text)
            .map_err(|report| format!("this binary does not accept the published {name}:\n{report}"))?;
        match source.content {
            Content::Definition(mut definition) => {
                definition.hash.clone_from(&data.hash);
                catalog.add_definition(Arc::new(definition), data.text.into());
            }
            Content::Calendar(calendar) => catalog.add_calendar(data.hash, Arc::new(calendar)),
        }
        Ok(())
    }

    /// Stops the writer for good and says why; the first reason stays.
    pub fn halt(&self, reason: &str) {
        if self.stopped.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "the writer stopped");
        }
    }

    /// Stops the writer for good over damaged data; the first damage stays.
    pub fn found_damage(&self, damage: &str) {
        // Only one may be told; the log has them all.
        self.damaged.set(damage.to_owned()).ok();
        self.halt(damage);
    }

    /// The damage that was found.
    pub fn damage(&self) -> Option<String> {
        self.damaged.get().cloned()
    }

    /// Whether the writer stopped for good.
    pub fn halted(&self) -> bool {
        self.stopped.get().is_some()
    }

    /// Why it stopped.
    pub fn stop_reason(&self) -> String {
        self.stopped.get().cloned().unwrap_or_else(|| "the server is shutting down".into())
    }
}
