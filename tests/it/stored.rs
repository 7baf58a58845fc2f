//! What released versions stored: each file below `tests/data/stored/` must load, upgrade and go on.
//!
//! A folder is named for a workflow and its data version and is never changed; a new version gets a
//! new folder: `CAREFLOW_STORE=1 cargo test stored` writes the one that is missing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use careflow::app::{self, Store};
use careflow::config::Config;
use careflow::definition::file::{Content, Reader};
use careflow::engine::{Command, Target};
use careflow::index::{Index, List, Range};
use careflow::journal::Journal;
use careflow::kernel::actor::Actor;
use careflow::kernel::calendar::Calendar;
use careflow::kernel::definition::Definition;
use careflow::kernel::entry::{Cause, ENTRY_VERSION, Entry, Pins, Position, Stored};
use careflow::kernel::explore::explored_id;
use careflow::kernel::fact::Facts;
use careflow::kernel::hash::Hash;
use careflow::kernel::instance::Instance;
use careflow::kernel::instant::Instant;
use careflow::kernel::machine::{SAMPLES_AT, Sample, Workflow};
use careflow::kernel::outcome::{Event, Input, Outcome, TIMER_FIRED};
use careflow::kernel::personal::Private;
use careflow::time::ManualTime;
use careflow::workflows::Registry;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stored")
}

/// A consultation's state that needs a flow to convert to: none was registered when version 1 was stored.
const UNREACHED: (&str, &str) = ("consultation", "closed.converted");

/// The folders of one workflow: (data version, path).
fn versions(workflow: &dyn Workflow) -> Vec<(u32, PathBuf)> {
    let prefix = format!("{}-", workflow.name());
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_prefix(&prefix)?.to_owned();
            Some((name.parse().ok()?, path))
        })
        .collect();
    found.sort();
    found
}

fn lines<T: serde::de::DeserializeOwned>(path: &Path) -> Vec<T> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes the folder of the version that this binary stores: one case of every state of the demo, and
/// the whole history of the one with most entries.
async fn store(workflow: &dyn Workflow) {
    let path = folder().join(format!("{}-{}", workflow.name(), workflow.data_version()));
    if path.exists() {
        return;
    }
    if WALKED.contains(&workflow.name()) {
        let (instances, history) = walk(workflow);
        return write_folder(workflow, &path, &instances, &history);
    }
    let place = tempfile::tempdir().unwrap();
    let config = Config { data: place.path().join("data"), definitions: None };
    let now = Instant::parse("2026-11-20T10:00:00Z").unwrap();
    match workflow.name() {
        "report" => make_reports(&config, now, workflow).await,
        "complaint" => make_complaints(&config, workflow).await,
        _ => drop(careflow::demo::make(&config, now, 1, &|_, _| {}).await.unwrap()),
    }
    let store = Store::open(&config).unwrap();
    let mut instances: Vec<Arc<Instance>> = Vec::new();
    for state in workflow.states() {
        let list = List::State { workflow: workflow.name().into(), state: state.path.clone() };
        instances.extend(store.index.page(&[list], &Range::default(), 1).unwrap().rows);
    }
    let longest = instances.iter().max_by_key(|instance| instance.seq).unwrap();
    let mut history: Vec<Stored> = Vec::new();
    for (_, commit) in store.journal.read(1, 100_000).await.unwrap() {
        let own = |stored: &Stored| stored.read().is_ok_and(|entry| entry.instance == longest.id);
        history.extend(commit.entries.into_iter().filter(own));
    }
    let instances: Vec<Instance> = instances.iter().map(|instance| instance.as_ref().clone()).collect();
    write_folder(workflow, &path, &instances, &history);
}

/// A line of `entries.jsonl`.
#[derive(Serialize, Deserialize)]
struct Line {
    entry: Box<RawValue>,
    hash: Hash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prev_position: Option<Position>,
}

impl Line {
    fn of(stored: &Stored) -> Self {
        let Stored { entry, hash, prev_position } = stored.clone();
        Self { entry: RawValue::from_string(entry.into()).unwrap(), hash, prev_position }
    }

    fn stored(self) -> Stored {
        let Self { entry, hash, prev_position } = self;
        Stored { entry: entry.into(), hash, prev_position }
    }
}

fn write_folder(workflow: &dyn Workflow, path: &Path, instances: &[Instance], history: &[Stored]) {
    std::fs::create_dir_all(path).unwrap();
    let write =
        |name: &str, lines: Vec<String>| std::fs::write(path.join(name), lines.join("\n") + "\n").unwrap();
    write("instances.jsonl", instances.iter().map(|i| serde_json::to_string(i).unwrap()).collect());
    let line = |entry| serde_json::to_string(&Line::of(entry)).unwrap();
    write("entries.jsonl", history.iter().map(line).collect());
    let shipped = app::shipped_files();
    let own = format!("{}/", workflow.name());
    let (_, text) = shipped.iter().find(|(name, _)| name.starts_with(&own)).unwrap();
    std::fs::write(path.join("definition.yaml"), text).unwrap();
}

/// Flows whose cases need others to move: their stored forms come from a walk over their samples.
const WALKED: [&str; 8] = [
    "callback",
    "training_plan",
    "training_session",
    "training_enrollment",
    "consequence",
    "certificate",
    "effect_review",
    "monitor",
];

/// A case with its whole history.
#[derive(Clone)]
struct Walked {
    instance: Instance,
    history: Vec<Stored>,
}

/// The first case of every state that a walk over the samples reaches, and the longest history of them.
fn walk(workflow: &dyn Workflow) -> (Vec<Instance>, Vec<Stored>) {
    let sources = app::sources(Registry::shipped().all(), None).unwrap();
    let definition = sources.iter().find_map(|source| match &source.content {
        Content::Definition(definition) if definition.workflow == workflow.name() => Some(definition),
        Content::Definition(_) | Content::Calendar(_) => None,
    });
    let calendar = sources.iter().find_map(|source| match &source.content {
        Content::Calendar(calendar) if calendar.name() == "cn" => Some(calendar),
        Content::Definition(_) | Content::Calendar(_) => None,
    });
    let (definition, calendar) = (definition.unwrap(), calendar.unwrap());
    let (mut found, mut known) = (std::collections::BTreeMap::new(), std::collections::BTreeSet::new());
    let mut open: std::collections::VecDeque<Option<Walked>> = [None].into();
    // The first case found in a state is the one that is kept: once each has one, nothing changes any more.
    while found.len() < workflow.states().len()
        && let Some(here) = open.pop_front()
    {
        for (event, facts, at) in tries(workflow, here.as_ref()) {
            let Some(next) = commit(workflow, (definition, calendar), here.as_ref(), event, &facts, at)
            else {
                continue;
            };
            let timers: Vec<&String> = next.instance.timers.keys().collect();
            let key = format!("{} {} {timers:?}", next.instance.state, workflow.shape(&next.instance.data));
            if known.insert(key) {
                found.entry(next.instance.state.clone()).or_insert_with(|| next.clone());
                open.push_back(Some(next));
            }
        }
    }
    let longest = found.values().max_by_key(|walked| walked.history.len()).unwrap().history.clone();
    let ordered = workflow.states().iter().map(|state| found[&state.path].instance.clone()).collect();
    (ordered, longest)
}

/// Samples and due timers to try on a case, each with its moment.
fn tries(workflow: &dyn Workflow, here: Option<&Walked>) -> Vec<(Event, Facts, Instant)> {
    let now = here.map_or(SAMPLES_AT, |walked| walked.instance.updated);
    let samples = workflow.samples();
    let event = |name: &str, payload: Map<String, Value>, actor: Actor, at: Instant| Event {
        name: name.into(),
        payload,
        actor,
        occurred_at: at,
        cause: None,
    };
    let starts = |sample: &&Sample| (sample.event == workflow.start_event()) == here.is_none();
    let mut tries: Vec<_> = samples
        .iter()
        .filter(starts)
        .filter(|sample| sample.event != TIMER_FIRED)
        .map(|s| (event(s.event, s.payload.clone(), s.actor.clone(), now), s.facts.clone(), now))
        .collect();
    for (name, timer) in here.iter().flat_map(|walked| &walked.instance.timers) {
        let Value::Object(payload) = json!({ "timer": name }) else { unreachable!() };
        let told = samples.iter().find(|s| s.event == TIMER_FIRED && s.payload == payload);
        let at = timer.due.max(now);
        let mut fired = event(TIMER_FIRED, payload, Actor::timer(), at);
        let (generation, due) = (timer.generation, timer.due);
        fired.cause = Some(Cause::Timer { timer: name.clone(), generation, due });
        tries.push((fired, told.map(|s| s.facts.clone()).unwrap_or_default(), at));
    }
    tries.retain(|(event, ..)| {
        let timer = event.payload.get("timer").and_then(Value::as_str);
        !timer.is_some_and(careflow::kernel::sla::is_clock_timer)
    });
    tries
}

/// One commit: the event, and what the kernel sends next; none where it is refused.
fn commit(
    workflow: &dyn Workflow,
    (definition, calendar): (&Definition, &Calendar),
    here: Option<&Walked>,
    event: Event,
    facts: &Facts,
    at: Instant,
) -> Option<Walked> {
    let id = explored_id(workflow.name());
    let mut walked: Option<Walked> = here.cloned();
    let mut waiting: std::collections::VecDeque<Event> = [event].into();
    while let Some(event) = waiting.pop_front() {
        let before = walked.as_ref().map(|walked| &walked.instance);
        let outcome = workflow.step(&Input {
            definition,
            calendar,
            others: &[],
            next: None,
            id: &id,
            instance: before,
            event: &event,
            facts,
            now: at,
        });
        let change = match outcome {
            Outcome::Moved(change) | Outcome::Stayed(change) => *change,
            Outcome::Refused(_) => return None,
        };
        waiting.extend(change.follow.iter().map(|follow| Event {
            name: follow.event.into(),
            payload: follow.payload.clone(),
            actor: Actor::system(),
            occurred_at: at,
            cause: Some(Cause::Follow { seq: before.map_or(1, |instance| instance.seq + 1) }),
        }));
        let entry = Entry {
            v: ENTRY_VERSION,
            instance: id.clone(),
            seq: before.map_or(1, |instance| instance.seq + 1),
            workflow: workflow.name().into(),
            data_version: workflow.data_version(),
            event: event.name,
            payload: event.payload,
            facts: facts.clone(),
            actor: event.actor,
            occurred_at: Some(event.occurred_at),
            recorded_at: at,
            idempotency: None,
            request_id: None,
            pins: Some(Arc::new(Pins {
                definition: definition.hash.clone(),
                calendar: calendar.name().into(),
                others: Default::default(),
                tzdata: String::new(),
                build: String::new(),
            })),
            origin: None,
            cause: event.cause,
            rule: change.rule.map(str::to_owned),
            from: change.from,
            to: change.to,
            patch: change.patch,
            clocks: change.clocks,
            effects: change.effects,
            prev: before.map_or(Hash::ZERO, |instance| instance.hash),
        };
        let stored = Stored::seal(&entry, before.map(|instance| instance.position)).unwrap();
        let position = before.map_or(0, |instance| instance.position) + 1;
        let after = Instance::apply(before, &entry, stored.hash, position, &Private::new()).unwrap();
        let mut history = walked.map(|walked| walked.history).unwrap_or_default();
        history.push(stored);
        walked = Some(Walked { instance: after, history });
    }
    walked
}

/// How a complaint gets to each state, by its samples; `due` lets its next timer fire.
const COMPLAINTS: &[&str] = &[
    "register:mail acknowledge:agent assess:minor resolve_on_spot:explains communicate:tells \
     customer_accepts:customer confirm:satisfied due",
    "register:mail acknowledge:agent assess:minor resolve_on_spot:explains communicate:tells \
     customer_accepts:customer contact_attempt:no_answer contact_attempt:busy contact_attempt:no_answer \
     declare_unreachable:notice due",
    "register:mail",
    "register:mail reject_intake:abusive",
    "register:mail mark_duplicate:of_open",
    "register:mail convert:consultation",
    "register:mail withdraw:customer",
    "register:mail force_closed:approved",
    "register:mail acknowledge:agent assess:minor",
    "register:mail acknowledge:agent assess:minor dispatch:service",
    "register:mail acknowledge:agent assess:minor dispatch:service dept_accept:takes",
    "register:mail acknowledge:agent assess:minor dispatch:service dept_return:not_ours dispatch:service \
     dept_return:not_ours",
    "register:mail acknowledge:agent assess:minor dispatch:service dept_accept:takes submit_findings:upheld \
     propose:costly",
    "register:mail acknowledge:agent assess:minor dispatch:service dept_accept:takes submit_findings:upheld \
     propose:costly approve:owner communicate:tells customer_accepts:customer action_done:first",
    "register:mail acknowledge:agent assess:minor resolve_on_spot:explains communicate:tells",
    "register:mail acknowledge:agent assess:minor resolve_on_spot:explains communicate:tells \
     customer_accepts:customer",
    "register:mail acknowledge:agent request_info:asks",
    "register:mail acknowledge:agent request_review:customer",
    "register:mail acknowledge:agent request_review:customer close_without_agreement:notice",
    "register:mail acknowledge:agent request_review:customer refer_external:customer",
    "register:mail acknowledge:agent request_info:asks suspend:litigation",
    "register:mail acknowledge:agent assess:critical dispatch:service dept_accept:takes \
     submit_findings:upheld propose:costly approve:owner communicate:tells progress_update:news \
     customer_accepts:customer action_done:first action_done:second confirm:satisfied reopen:customer \
     review_decision:upholds communicate:tells customer_accepts:customer confirm:satisfied",
    "register:mail acknowledge:agent assess:minor resolve_on_spot:explains communicate:tells \
     contact_attempt:no_answer contact_attempt:busy contact_attempt:no_answer declare_unreachable:notice",
];

/// A complaint in every state, by its own samples.
async fn make_complaints(config: &Config, workflow: &dyn Workflow) {
    let store = Store::open(config).unwrap();
    let sources = app::sources(Registry::shipped().all(), None).unwrap();
    let time = Arc::new(ManualTime::at(SAMPLES_AT));
    let engine = store.engine(sources, time.clone(), Box::new(|_, _| {})).await.unwrap();
    let samples = workflow.samples();
    for (number, way) in COMPLAINTS.iter().enumerate() {
        let mut target = Target::Start(workflow.name().into());
        for step in way.split_whitespace() {
            let Some((event, label)) = step.split_once(':') else {
                while let Some(due) = engine.next_due().unwrap() {
                    time.set(due);
                    engine.settle().await;
                }
                continue;
            };
            let sample =
                samples.iter().find(|sample| (sample.event, sample.label) == (event, label)).unwrap();
            let mut payload = sample.payload.clone();
            // The samples are written for one day; some steps come later.
            let tomorrow = careflow::time::TimeSource::now(time.as_ref()).plus_millis(86_400_000);
            for name in ["expected_by", "until"] {
                payload.entry(name).and_modify(|at| *at = serde_json::json!(tomorrow));
            }
            if event == "mark_duplicate" {
                let list =
                    List::State { workflow: "complaint".into(), state: "open.intake.registered".into() };
                let open = store.index.page(&[list], &Range::default(), 10).unwrap().rows;
                let own = |row: &&Arc<Instance>| matches!(&target, Target::Instance(id) if *id == row.id);
                let master = open.iter().find(|row| !own(row)).unwrap();
                payload.insert("of".into(), serde_json::json!(master.id));
            }
            let command = Command {
                target: target.clone(),
                event: event.into(),
                payload,
                actor: sample.actor.clone(),
                occurred_at: None,
                key: Some(format!("{number}")).filter(|_| matches!(target, Target::Start(_))),
                if_match: None,
                request_id: None,
                origin: None,
            };
            let accepted = engine.submit(command).await.unwrap_or_else(|e| panic!("{way}, {step}: {e:?}"));
            target = Target::Instance(accepted.entry.instance.clone());
        }
    }
    engine.stop().await.unwrap();
}

/// A report in every state, by its own samples.
async fn make_reports(config: &Config, now: Instant, workflow: &dyn Workflow) {
    let store = Store::open(config).unwrap();
    let sources = app::sources(Registry::shipped().all(), None).unwrap();
    let engine = store.engine(sources, Arc::new(ManualTime::at(now)), Box::new(|_, _| {})).await.unwrap();
    let samples = workflow.samples();
    for (number, way) in
        [&[][..], &["freeze"], &["freeze", "sign_off"], &["force_closed"]].into_iter().enumerate()
    {
        let mut target = Target::Start(workflow.name().into());
        for event in std::iter::once(&workflow.start_event()).chain(way) {
            let sample = samples.iter().find(|sample| sample.event == *event).unwrap();
            let command = Command {
                target: target.clone(),
                event: sample.event.into(),
                payload: sample.payload.clone(),
                actor: sample.actor.clone(),
                occurred_at: None,
                key: Some(format!("{number}")).filter(|_| matches!(target, Target::Start(_))),
                if_match: None,
                request_id: None,
                origin: None,
            };
            target = Target::Instance(engine.submit(command).await.unwrap().entry.instance.clone());
        }
    }
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_data_version_has_its_folder() {
    for workflow in Registry::shipped().all() {
        if std::env::var_os("CAREFLOW_STORE").is_some() {
            store(workflow.as_ref()).await;
        }
        let stored: Vec<u32> = versions(workflow.as_ref()).into_iter().map(|(version, _)| version).collect();
        let expected: Vec<u32> = (1..=workflow.data_version()).collect();
        assert_eq!(stored, expected, "write the new one: CAREFLOW_STORE=1 cargo test stored");
    }
}

#[test]
fn stored_instances_load_upgrade_and_take_every_event() {
    let registry = Registry::shipped();
    let sources = app::sources(registry.all(), None).unwrap();
    let calendar = sources.iter().find_map(|source| match &source.content {
        Content::Calendar(calendar) if calendar.name() == "cn" => Some(calendar),
        Content::Calendar(_) | Content::Definition(_) => None,
    });
    let reader = Reader::new(registry.all()).unwrap();
    for workflow in registry.all() {
        for (version, path) in versions(workflow.as_ref()) {
            let text = std::fs::read_to_string(path.join("definition.yaml")).unwrap();
            let source = reader.read("definition.yaml", &text).unwrap_or_else(|report| panic!("{report}"));
            let Content::Definition(definition) = &source.content else { panic!("a definition") };
            let instances: Vec<Instance> = lines(&path.join("instances.jsonl"));
            let missing: Vec<&str> = workflow
                .states()
                .iter()
                .map(|state| state.path.as_str())
                .filter(|path| {
                    (workflow.name(), *path) != UNREACHED
                        && !instances.iter().any(|instance| instance.state == *path)
                })
                .collect();
            assert!(missing.is_empty(), "a case of every state, {missing:?} too");
            for mut instance in instances {
                assert_eq!(instance.data_version, version);
                if version < workflow.data_version() {
                    let data = Value::clone(&instance.data);
                    let (state, data) = workflow.upgrade(version, &instance.state, data).unwrap();
                    (instance.state, instance.data) = (state, Arc::new(data));
                }
                for sample in workflow.samples() {
                    let event = Event {
                        name: sample.event.into(),
                        payload: sample.payload,
                        actor: sample.actor,
                        occurred_at: SAMPLES_AT,
                        cause: None,
                    };
                    let outcome = workflow.step(&Input {
                        definition,
                        calendar: calendar.unwrap(),
                        others: &[],
                        next: None,
                        id: &instance.id,
                        instance: Some(&instance),
                        event: &event,
                        facts: &sample.facts,
                        now: instance.updated,
                    });
                    if let Outcome::Refused(refusal) = outcome {
                        let unread = ["unknown_state", "unknown_data", "definition"];
                        assert!(
                            !unread.contains(&refusal.code),
                            "{} {}: {}",
                            instance.state,
                            event.name,
                            refusal.reason
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn stored_histories_verify_and_lead_to_the_stored_instance() {
    for workflow in Registry::shipped().all() {
        for (_, path) in versions(workflow.as_ref()) {
            let instances: Vec<Instance> = lines(&path.join("instances.jsonl"));
            let mut current: Option<Instance> = None;
            for line in lines::<Line>(&path.join("entries.jsonl")) {
                let stored = line.stored();
                let entry = stored.verify().unwrap();
                let position = current.as_ref().map_or(0, |instance| instance.position) + 1;
                let after = Instance::apply(current.as_ref(), &entry, stored.hash, position, &Private::new());
                current = Some(after.unwrap());
            }
            let reached = current.unwrap();
            let same = |one: &&Instance| one.id == reached.id && one.state == reached.state;
            let expected = instances.iter().find(same).unwrap();
            assert_eq!(reached.data, expected.data);
            assert_eq!((reached.seq, reached.hash), (expected.seq, expected.hash));
            assert_eq!(reached.timers, expected.timers);
        }
    }
}
