//! Owns opening: what was recorded becomes the published state again, and the writer starts.
//!
//! Recovery applies recorded outcomes through [`Instance::apply`], as live
//! writes do, and never runs workflow code. A binary that cannot go on with a
//! stored instance does not start, and says which.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use super::catalog::{CALENDAR, Catalog, DEFINITION, FileData};
use super::directory::{ACTOR, TOKEN};
use super::executor::Executor;
use super::plan::caught;
use super::schedule::SCHEDULE;
use super::shared::{IMPORT, Shared};
use super::system::SystemChange;
use super::{Engine, QUEUE_MAX};
use crate::definition::file::{Content, Reader, Source};
use crate::index::{Batch, Change, Index, List, PAGE_SCAN_MAX, Raise, Range};
use crate::journal::{Commit, Journal, Position, ReadError, Tail};
use crate::kernel::actor::Actor;
use crate::kernel::effect::Effect;
use crate::kernel::entry::{Cause, ENTRY_VERSION};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::machine::Workflow;
use crate::kernel::patch;
use crate::rejected::Rejected;
use crate::time::TimeSource;

/// Workflow name of what is recorded of the binaries that wrote the journal.
const BINARY: &str = "$binary";
/// Commits applied at a time: bounds memory beside the index's own.
const REPLAY_COMMITS: usize = 1_000;

/// What an engine is made of.
pub struct Parts {
    /// The truth.
    pub journal: Arc<dyn Journal>,
    /// What is derived from it.
    pub index: Arc<dyn Index>,
    /// Registered workflows.
    pub workflows: Vec<Arc<dyn Workflow>>,
    /// The definitions and calendars that new instances get.
    pub sources: Vec<Source>,
    /// The clock.
    pub time: Arc<dyn TimeSource>,
    /// Told how many commits of how many are applied.
    pub progress: Box<dyn Fn(Position, Position) + Send + Sync>,
    /// Told every event that a state or a duty refused (X3).
    pub rejected: Box<dyn Fn(&Rejected) + Send + Sync>,
}

/// How the writer runs: its end is waited for by this.
pub enum Writer {
    /// On a thread of its own.
    Thread(std::thread::JoinHandle<()>),
    /// As a task of who opened the engine.
    Task(tokio::task::JoinHandle<()>),
}

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal cannot be read, or is damaged.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// An entry does not continue what stands before it.
    #[error("journal damaged at position {position}: {reason}")]
    Misfit {
        /// The commit.
        position: Position,
        /// What is wrong with it.
        reason: String,
    },
    /// The index failed.
    #[error(transparent)]
    Index(#[from] crate::index::IndexError),
    /// This binary cannot go on with what is stored.
    #[error("{0}")]
    Unfit(String),
    /// A published version has other content now.
    #[error("{0}")]
    Changed(String),
    /// The first entries could not be written.
    #[error("{0}")]
    Write(#[from] super::CommandError),
}

/// Versions of a binary's stored shapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct BinaryData {
    entry_version: u32,
    data_versions: BTreeMap<String, u32>,
}

impl Engine {
    /// Brings the index up to the journal, checks that this binary can go on, publishes the files
    /// that are new, and starts the writer.
    ///
    /// # Crash safety
    /// Dying inside leaves the journal as it was, or with some of the new files published.
    ///
    /// # Errors
    /// [`OpenError`]; nothing runs then.
    pub async fn open(parts: Parts) -> Result<Self, OpenError> {
        Self::open_with(parts, QUEUE_MAX).await
    }

    /// As [`Engine::open`], with room for `queue_max` commands that wait for the writer.
    ///
    /// # Errors
    /// [`OpenError`]; nothing runs then.
    pub async fn open_with(parts: Parts, queue_max: usize) -> Result<Self, OpenError> {
        Self::open_running(parts, queue_max, on_a_thread).await
    }

    /// As [`Engine::open_with`], with the writer as a task of the caller's [`LocalSet`]: for one caller that
    /// sends a command at a time. The two have nothing to do at the same time, and each command would
    /// wake two threads.
    ///
    /// # Errors
    /// [`OpenError`].
    ///
    /// # Panics
    /// Outside of a [`LocalSet`].
    ///
    /// [`LocalSet`]: tokio::task::LocalSet
    pub async fn open_here(parts: Parts, queue_max: usize) -> Result<Self, OpenError> {
        Self::open_running(parts, queue_max, as_a_task).await
    }

    /// As [`Engine::open_with`], with the writer given to `run`, which answers how its end is waited for.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(super) async fn open_running(
        parts: Parts,
        queue_max: usize,
        run: impl FnOnce(&Arc<Shared>, Executor) -> Option<Writer>,
    ) -> Result<Self, OpenError> {
        let Parts { journal, index, workflows, sources, time, progress, rejected } = parts;
        let tail = journal.tail().await?;
        catch_up(journal.as_ref(), index.as_ref(), tail, progress.as_ref()).await?;
        let recorded = last_recorded(journal.as_ref(), tail).await?;
        let shared = Shared::new(journal, index, workflows, time, rejected).map_err(OpenError::Unfit)?;
        let shared = Arc::new(shared);
        load_system(&shared)?;
        check_versions(&shared)?;
        let mut catalog = load_catalog(&shared)?;
        put_known_in_force(&shared, &mut catalog, &sources)?;
        shared.set_catalog(catalog);
        let (queue, messages) = mpsc::channel(queue_max);
        let writer = run(&shared, Executor::new(shared.clone(), messages, tail, recorded));
        let engine = Self { shared, queue, writer: Arc::new(Mutex::new(writer)) };
        if let Err(error) = engine.record_new(sources).await {
            // Whoever is refused can open the directory again at once. That the writer panicked says less.
            engine.end_writer().await.ok();
            return Err(error);
        }
        engine.begin().await;
        Ok(engine)
    }

    /// Records what is new since the directory was last open.
    async fn record_new(&self, sources: Vec<Source>) -> Result<(), OpenError> {
        self.record_binary().await?;
        self.publish(sources).await?;
        self.amend().await
    }

    async fn record_binary(&self) -> Result<(), OpenError> {
        let data = binary(&self.shared.listed);
        let id = binary_id();
        let stored = self.shared.index.get(&id)?;
        let same = stored.is_some_and(|instance| {
            BinaryData::deserialize(&*instance.data).is_ok_and(|stored| stored == data)
        });
        if !same {
            let change = SystemChange::new(BINARY, id, "started", "known", &data, Actor::system());
            self.system(change).await?;
        }
        Ok(())
    }

    /// Records every file whose content is not in the journal yet, and puts all in force: what waited
    /// for a new one can start.
    async fn publish(&self, sources: Vec<Source>) -> Result<(), OpenError> {
        let mut fresh = false;
        let mut catalog = Catalog::clone(&self.shared.catalog());
        for source in sources {
            let (workflow, name, version) = match &source.content {
                Content::Definition(d) => (DEFINITION, d.workflow.clone(), d.version),
                Content::Calendar(c) => (CALENDAR, c.name().to_owned(), c.version()),
            };
            let id = FileData::id(workflow, &name, version);
            let data = FileData { name: name.clone(), version, hash: source.hash.clone(), text: source.text };
            match self.shared.index.get(&id)? {
                None => {
                    let change =
                        SystemChange::new(workflow, id, "published", "published", &data, Actor::system());
                    self.system(change).await?;
                    fresh = true;
                }
                Some(stored) => unchanged(&stored, &data, &source.file, &source.value)?,
            }
            match source.content {
                Content::Definition(definition) => {
                    catalog.add_definition(Arc::new(definition), data.text.into());
                    catalog.put_in_force(&name, &source.hash);
                }
                Content::Calendar(calendar) => {
                    catalog.add_calendar(source.hash.clone(), Arc::new(calendar));
                    catalog.put_calendar_in_force(&name, &source.hash);
                }
            }
        }
        self.shared.set_catalog(catalog);
        if fresh {
            self.reload().await;
        }
        Ok(())
    }
}

/// Puts in force what was published before, ahead of the writer: a send that waits may start a child.
fn put_known_in_force(shared: &Shared, catalog: &mut Catalog, sources: &[Source]) -> Result<(), OpenError> {
    for source in sources {
        let (workflow, name, version) = match &source.content {
            Content::Definition(d) => (DEFINITION, d.workflow.as_str(), d.version),
            Content::Calendar(c) => (CALENDAR, c.name(), c.version()),
        };
        let stored = shared.index.get(&FileData::id(workflow, name, version))?;
        let known = stored.and_then(|instance| FileData::deserialize(&*instance.data).ok());
        if known.is_some_and(|known| known.hash == source.hash) {
            match &source.content {
                Content::Definition(_) => catalog.put_in_force(name, &source.hash),
                Content::Calendar(_) => catalog.put_calendar_in_force(name, &source.hash),
            }
        }
    }
    Ok(())
}

/// Runs the writer on a thread of its own, so that a busy server never delays it.
///
/// What it calls can panic, storage too: then the engine is stopped and says so.
fn on_a_thread(shared: &Arc<Shared>, executor: Executor) -> Option<Writer> {
    let failed = shared.clone();
    let writer = std::thread::Builder::new().name("writer".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        match runtime {
            Ok(runtime) => {
                if let Err(panic) = caught(|| runtime.block_on(executor.run())) {
                    failed.halt(&format!("the writer panicked: {panic}"));
                }
            }
            Err(error) => failed.halt(&format!("the writer has no runtime: {error}")),
        }
    });
    if let Err(error) = &writer {
        shared.halt(&format!("the writer has no thread: {error}"));
    }
    writer.ok().map(Writer::Thread)
}

/// Runs the writer beside its only caller.
fn as_a_task(shared: &Arc<Shared>, executor: Executor) -> Option<Writer> {
    let failed = shared.clone();
    let running = tokio::task::spawn_local(executor.run());
    Some(Writer::Task(tokio::task::spawn_local(async move {
        if let Err(error) = running.await {
            failed.halt(&format!("the writer panicked: {error}"));
        }
    })))
}

/// Applies the commits up to `tail` that the index does not have; reads recorded outcomes only.
///
/// # Crash safety
/// Dying inside leaves an index that is behind, which the next opening continues or builds anew.
///
/// # Errors
/// [`OpenError`].
pub async fn catch_up(
    journal: &dyn Journal,
    index: &dyn Index,
    tail: Tail,
    progress: &(dyn Fn(Position, Position) + Send + Sync),
) -> Result<(), OpenError> {
    let mut applied = index.applied();
    while applied < tail.last {
        let commits = journal.read(applied + 1, REPLAY_COMMITS).await?;
        let Some((last, _)) = commits.last() else {
            let reason = "the journal ends before its own tail".to_owned();
            return Err(OpenError::Misfit { position: applied + 1, reason });
        };
        applied = *last;
        index.apply(replay(index, &commits)?)?;
        progress(applied, tail.last);
    }
    Ok(())
}

/// The change that `commits` make to the index, past the entries that its instances have already;
/// reads recorded outcomes only.
pub(super) fn replay(index: &dyn Index, commits: &[(Position, Commit)]) -> Result<Batch, OpenError> {
    let mut changes: HashMap<InstanceId, Change> = HashMap::new();
    let mut counts = Vec::new();
    let mut last = 0;
    for (position, commit) in commits {
        let misfit = |reason: String| OpenError::Misfit { position: *position, reason };
        last = *position;
        for stored in &commit.entries {
            let entry = stored.verify().map_err(|e| misfit(e.to_string()))?;
            if entry.v > ENTRY_VERSION {
                let reason = format!(
                    "position {position} was written by a newer binary (entry version {}, this one reads {ENTRY_VERSION})",
                    entry.v
                );
                return Err(OpenError::Unfit(reason));
            }
            let before = newest(index, &changes, &entry.instance)?;
            let has = before.as_ref().is_some_and(|instance| instance.seq >= entry.seq);
            if !has {
                let after =
                    Instance::apply(before.as_deref(), &entry, stored.hash, *position, &commit.private)
                        .map_err(|e| misfit(e.to_string()))?;
                note(&mut changes, before, after);
            }
            if let Some(Cause::Send { from, number }) = &entry.cause
                && *from != entry.instance
                && let Some(sender) = newest(index, &changes, from)?
            {
                let mut after = Instance::clone(&sender);
                after.forget_send(*number);
                note(&mut changes, Some(sender), after);
            }
            for effect in entry.effects {
                if let Effect::Count { name, key } = effect
                    && !has
                {
                    counts.push(Raise { instance: entry.instance.clone(), name, key, by: 1 });
                }
            }
        }
    }
    Ok(Batch { position: last, changes: changes.into_values().collect(), counts })
}

fn newest(
    index: &dyn Index,
    changes: &HashMap<InstanceId, Change>,
    id: &InstanceId,
) -> Result<Option<Arc<Instance>>, OpenError> {
    match changes.get(id) {
        Some(change) => Ok(Some(change.after.clone())),
        None => Ok(index.get(id)?),
    }
}

fn note(changes: &mut HashMap<InstanceId, Change>, before: Option<Arc<Instance>>, after: Instance) {
    let after = Arc::new(after);
    match changes.get_mut(&after.id) {
        Some(change) => change.after = after,
        None => {
            changes.insert(after.id.clone(), Change { before, after });
        }
    }
}

async fn last_recorded(journal: &dyn Journal, tail: Tail) -> Result<Instant, OpenError> {
    let mut recorded = Instant::default();
    for (position, commit) in journal.get(&[tail.last]).await? {
        for stored in &commit.entries {
            let misfit =
                |e: crate::kernel::entry::Corrupt| OpenError::Misfit { position, reason: e.to_string() };
            recorded = recorded.max(stored.verify().map_err(misfit)?.recorded_at);
        }
    }
    Ok(recorded)
}

/// Every instance in the list of one state of a workflow.
pub(super) fn each(
    shared: &Shared,
    workflow: &str,
    state: &str,
    mut take: impl FnMut(&Arc<Instance>) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let lists = [List::State { workflow: workflow.to_owned(), state: state.to_owned() }];
    let mut range = Range::default();
    loop {
        let page = shared.index.page(&lists, &range, PAGE_SCAN_MAX)?;
        for instance in &page.rows {
            take(instance)?;
        }
        match page.rows.last() {
            Some(last) if page.more => range.after = Some((last.created, last.id.clone())),
            Some(_) | None => return Ok(()),
        }
    }
}

/// The states in which instances of `workflow` are, by the index's own count.
pub(super) fn states_of(shared: &Shared, workflow: &str) -> Vec<String> {
    let census = shared.index.census();
    census.into_keys().filter(|(name, _)| name == workflow).map(|(_, state)| state).collect()
}

fn load_system(shared: &Shared) -> Result<(), OpenError> {
    for workflow in [TOKEN, ACTOR, IMPORT, SCHEDULE] {
        for state in states_of(shared, workflow) {
            let mut found = Vec::new();
            each(shared, workflow, &state, |instance| {
                found.push(instance.clone());
                Ok(())
            })?;
            shared.take_system(&found);
        }
    }
    Ok(())
}

fn load_catalog(shared: &Shared) -> Result<Catalog, OpenError> {
    let reader = Reader::new(&shared.listed).map_err(|e| OpenError::Unfit(e.to_string()))?;
    let mut catalog = Catalog::default();
    for workflow in [CALENDAR, DEFINITION] {
        for state in states_of(shared, workflow) {
            each(shared, workflow, &state, |instance| {
                shared.take_file(&mut catalog, &reader, instance).map_err(OpenError::Unfit)
            })?;
        }
    }
    Ok(catalog)
}

fn binary_id() -> InstanceId {
    InstanceId::derive(BINARY, &[BINARY])
}

fn binary(workflows: &[Arc<dyn Workflow>]) -> BinaryData {
    let versions = workflows.iter().map(|w| (w.name().to_owned(), w.data_version())).collect();
    BinaryData { entry_version: ENTRY_VERSION, data_versions: versions }
}

/// Refuses a journal of a newer binary, and instances without an upgrade; looks at instances only
/// where a version differs from the last binary's.
fn check_versions(shared: &Shared) -> Result<(), OpenError> {
    let Some(stored) = shared.index.get(&binary_id())? else { return Ok(()) };
    let stored = BinaryData::deserialize(&*stored.data)
        .map_err(|e| OpenError::Unfit(format!("the record of the last binary cannot be read: {e}")))?;
    if stored.entry_version > ENTRY_VERSION {
        return Err(OpenError::Unfit(format!(
            "the journal has entries of version {}, written by a newer binary; this one reads {ENTRY_VERSION}",
            stored.entry_version
        )));
    }
    for (name, version) in &stored.data_versions {
        match shared.workflows.get(name.as_str()) {
            None => {
                let count: u64 = count_of(shared, name);
                if count > 0 {
                    return Err(OpenError::Unfit(format!(
                        "{count} instances of `{name}` are stored, and this binary has no such workflow"
                    )));
                }
            }
            Some(workflow) if workflow.data_version() < *version => {
                return Err(OpenError::Unfit(format!(
                    "`{name}` is stored with data version {version} by a newer binary; this one reads {}",
                    workflow.data_version()
                )));
            }
            Some(workflow) if workflow.data_version() > *version => {
                check_upgrades(shared, workflow.as_ref())?;
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn count_of(shared: &Shared, workflow: &str) -> u64 {
    let census = shared.index.census();
    census.iter().filter(|((name, _), _)| name == workflow).map(|(_, count)| count).sum()
}

/// Every stored instance of an older data version must have its upgrade.
fn check_upgrades(shared: &Shared, workflow: &dyn Workflow) -> Result<(), OpenError> {
    let mut missing: BTreeMap<u32, (u64, String)> = BTreeMap::new();
    for state in states_of(shared, workflow.name()) {
        each(shared, workflow.name(), &state, |instance| {
            if instance.data_version < workflow.data_version() {
                let data = Value::clone(&instance.data);
                let upgraded = workflow.upgrade(instance.data_version, &instance.state, data);
                if let Err(reason) = upgraded {
                    missing.entry(instance.data_version).or_insert((0, reason)).0 += 1;
                }
            }
            Ok(())
        })?;
    }
    match missing.first_key_value() {
        None => Ok(()),
        Some((version, (count, reason))) => Err(OpenError::Unfit(format!(
            "{count} instances of `{}` have data version {version}, and this binary (version {}) has no upgrade for them: {reason}",
            workflow.name(),
            workflow.data_version()
        ))),
    }
}

/// Refuses a file that says something else than the published file of the same version.
fn unchanged(stored: &Instance, data: &FileData, file: &str, value: &Value) -> Result<(), OpenError> {
    let unfit =
        |e: String| OpenError::Unfit(format!("published {} version {}: {e}", data.name, data.version));
    let published = FileData::deserialize(&*stored.data).map_err(|e| unfit(e.to_string()))?;
    if published.hash == data.hash {
        return Ok(());
    }
    let before = crate::definition::yaml::Document::parse(&data.name, &published.text)
        .map_err(|report| unfit(report.to_string()))?;
    let changes = patch::diff(before.value(), &Arc::new(value.clone()));
    let lines: Vec<String> = changes.iter().map(|change| describe(before.value(), change)).collect();
    Err(OpenError::Changed(format!(
        "{file}: version {} of `{}` is published and says something else; raise `version` to publish the change:\n{}",
        data.version,
        data.name,
        lines.join("\n")
    )))
}

fn describe(before: &Value, change: &patch::Change) -> String {
    let old = |path: &str| before.pointer(path).map_or_else(|| "nothing".into(), ToString::to_string);
    match change {
        patch::Change::Add { path, value } => format!("  {path}: added {value}"),
        patch::Change::Replace { path, value } => format!("  {path}: {} became {value}", old(path)),
        patch::Change::Remove { path } => format!("  {path}: {} was removed", old(path)),
    }
}
