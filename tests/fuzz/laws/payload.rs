//! Event payloads: a case's life as lines, each through the schema checker, a dry run and a step.
//!
//! A line is `EVENT {…}` (a payload), or `+N`, which moves the clock on by so many minutes and fires what is due. The
//! first event starts the case, whatever it is called.

use std::mem::discriminant;
use std::sync::{LazyLock, Mutex, PoisonError};

use careflow::engine::{Command, CommandError, Target};
use careflow::kernel::actor::{Actor, Role};
use careflow::kernel::id::InstanceId;
use careflow::kernel::instance::Instance;
use serde_json::{Map, Value};

use super::world::World;

const WORKFLOW: &str = "consultation";
/// Most lines of one input.
const LINES_MAX: usize = 24;
/// Longest move of the clock at once: a month.
const MINUTES_MAX: i64 = 31 * 24 * 60;
/// Cases after which the engine is made anew: it holds them all in memory.
const CASES_MAX: u32 = 500;

static WORLD: LazyLock<Mutex<(World, u32)>> = LazyLock::new(|| Mutex::new((World::new(), 0)));

/// No payload breaks a step, stops the writer or is stored other than a dry run foretold; faults of a
/// payload name places of it; and the case is what its history folds to.
pub fn payload(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // A law that was broken before leaves an engine that still answers.
    let mut world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    if world.1 >= CASES_MAX {
        *world = (World::new(), 0);
    }
    world.1 += 1;
    let mut case = Case { world: &world.0, id: None };
    for line in text.lines().take(LINES_MAX) {
        case.take(line);
    }
    case.folds();
}

struct Case<'w> {
    world: &'w World,
    id: Option<InstanceId>,
}

impl Case<'_> {
    fn take(&mut self, line: &str) {
        if let Some(minutes) = line.strip_prefix('+').and_then(|minutes| minutes.parse::<i64>().ok()) {
            let World { runtime, engine, time } = self.world;
            time.set(engine.now().plus_millis(minutes.clamp(0, MINUTES_MAX) * 60_000));
            runtime.block_on(engine.settle());
            return;
        }
        let Some((event, payload)) = line.split_once(' ') else { return };
        if let Ok(payload) = serde_json::from_str(payload) {
            self.send(event, payload);
        }
    }

    fn send(&mut self, event: &str, payload: Map<String, Value>) {
        let World { runtime, engine, .. } = self.world;
        let flow = engine.workflow(WORKFLOW).expect("it is registered");
        let event = if self.id.is_some() { event } else { flow.start_event() };
        let definition = engine.definition(WORKFLOW).expect("it is shipped");
        let role = definition.allowed(event).iter().find(|role| **role != Role::System);
        let command = Command {
            target: self.id.clone().map_or_else(|| Target::Start(WORKFLOW.into()), Target::Instance),
            event: event.to_owned(),
            payload,
            actor: Actor::person("ann", role.copied().unwrap_or(Role::Agent)),
            occurred_at: None,
            key: None,
            if_match: None,
            request_id: None,
            origin: None,
        };
        let foretold = engine.preview(&command);
        let payload = Value::Object(command.payload.clone());
        match (foretold, runtime.block_on(engine.submit(command))) {
            (Ok(preview), Ok(accepted)) => {
                let first = &preview.entries[0];
                assert_eq!(
                    (&first.event, &first.from, &first.to),
                    (&accepted.entry.event, &accepted.entry.from, &accepted.entry.to)
                );
                assert_eq!(preview.after.seq, accepted.last_seq);
                self.id = Some(accepted.entry.instance.clone());
            }
            (Err(foretold), Err(refused)) => {
                assert_eq!(discriminant(&foretold), discriminant(&refused), "{foretold} / {refused}");
                is_lawful(&refused, &payload);
            }
            (foretold, done) => panic!("foretold {foretold:?}\ndone {done:?}"),
        }
    }

    /// The case as it is equals its history applied again.
    fn folds(&self) {
        let World { runtime, engine, .. } = self.world;
        let Some(id) = &self.id else { return };
        let (found, _) = engine.instance(id).expect("memory is read");
        let found = found.expect("it was started");
        let folded = runtime.block_on(engine.as_of(&found, found.seq)).expect("its history is whole");
        let folded = folded.expect("its history reaches to it");
        let told = |of: &Instance| {
            (of.state.clone(), of.data.clone(), of.timers.clone(), of.clocks.clone(), of.hash)
        };
        assert_eq!(told(&folded), told(&found));
    }
}

fn is_lawful(refused: &CommandError, payload: &Value) {
    match refused {
        CommandError::Payload { faults, .. } => {
            assert!(!faults.is_empty());
            for fault in faults {
                let parent = fault.path.rsplit_once('/').map_or("", |(parent, _)| parent);
                let placed = payload.pointer(&fault.path).or_else(|| payload.pointer(parent));
                assert!(placed.is_some() && !fault.message.is_empty(), "{fault:?} in {payload}");
            }
        }
        CommandError::Refused { refusal, .. } => assert!(!refusal.reason.is_empty(), "{refusal:?}"),
        CommandError::UnknownEvent { known, .. } => assert!(!known.is_empty()),
        CommandError::UnknownWorkflow(_)
        | CommandError::UnknownInstance(_)
        | CommandError::KeyReused
        | CommandError::Stale { .. }
        | CommandError::Held(_)
        | CommandError::StepFailed(_)
        | CommandError::TooLarge(_)
        | CommandError::Busy
        | CommandError::DiskFull
        | CommandError::CommitUnknown
        | CommandError::Stopped(_) => panic!("{refused} on {payload}"),
    }
}
