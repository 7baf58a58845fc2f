//! Clients: what they send, what they must be answered, and what they must be able to read.

use std::cell::RefCell;
use std::rc::Rc;

use super::model::{Fate, Model, Sent};
use super::play::{Play, Said};
use super::*;
use crate::index::{List, Range};
use crate::seeded::Dice;

/// What a client knows.
pub struct World {
    pub model: Rc<RefCell<Model>>,
    pub play: Play,
    pub engine: Engine,
    /// Of the client, in this history alone.
    pub name: String,
}

pub struct Client {
    world: World,
    dice: Dice,
    commands: u64,
    /// Whether it begins by asking everything again whose outcome is open.
    retries: bool,
}

impl Client {
    pub fn new(world: World, dice: Dice, commands: u64, retries: bool) -> Self {
        Self { world, dice, commands, retries }
    }

    pub async fn work(mut self) {
        let open = self.open();
        for request in open {
            let still = self.world.model.borrow().sent[&request].fate == Fate::Open;
            if still && (self.retries || self.dice.one_in(8)) {
                self.ask(&request).await;
            }
        }
        for number in 0..self.commands {
            let request = format!("{}-{number}", self.world.name);
            let known = self.world.model.borrow().known.clone();
            let play = self.world.play;
            match self.dice.below(8) {
                0 if self.dice.one_in(3) => self.turn(&request).await,
                0 => self.reuse(&request).await,
                1..3 => {
                    let said = play.start(&known, &mut self.dice);
                    self.send(&request, Target::Start(play.workflow().into()), said).await;
                }
                _ if known.is_empty() => {}
                _ => {
                    let id = known[self.dice.index(known.len())].clone();
                    let said = play.event(&known, &mut self.dice);
                    self.send(&request, Target::Instance(id), said).await;
                }
            }
        }
    }

    /// Keyed commands of earlier lives whose outcome is open: asking again is safe.
    fn open(&self) -> Vec<String> {
        let model = self.world.model.borrow();
        let open =
            model.sent.iter().filter(|(_, sent)| sent.fate == Fate::Open && sent.command.key.is_some());
        open.map(|(request, _)| request.clone()).collect()
    }

    async fn send(&mut self, request: &str, target: Target, said: Said) {
        // A start without a key has an id by chance, and a seed must be one history.
        let keyed = matches!(target, Target::Start(_)) || !self.dice.one_in(3);
        let key = keyed.then(|| format!("key-{request}"));
        let mut command = command(target, said.event, said.payload, key.as_deref());
        command.actor = said.actor;
        command.request_id = Some(request.to_owned());
        if let Target::Instance(id) = &command.target
            && self.dice.one_in(4)
        {
            command.if_match = self.world.engine.instance(id).unwrap().0.map(|instance| instance.seq);
        }
        let sent = Sent { command, fate: Fate::Fresh, asked: 0, under_way: 0 };
        self.world.model.borrow_mut().sent.insert(request.to_owned(), sent);
        self.ask(request).await;
    }

    /// Asks, for the first time or again, and notes what is certain by the answer.
    async fn ask(&mut self, request: &str) {
        let command = {
            let mut model = self.world.model.borrow_mut();
            let sent = model.sent.get_mut(request).unwrap();
            sent.fate = Fate::Open;
            sent.asked += 1;
            sent.under_way += 1;
            sent.command.clone()
        };
        let answer = self.world.engine.submit(command.clone()).await;
        self.world.model.borrow_mut().sent.get_mut(request).unwrap().under_way -= 1;
        match answer {
            Ok(accepted) => self.done(request, &command, &accepted),
            Err(error) => self.not_done(request, &error),
        }
    }

    fn done(&self, request: &str, command: &Command, accepted: &Accepted) {
        let (id, seq) = (accepted.entry.instance.clone(), accepted.entry.seq);
        if let (Some(expected), false) = (command.if_match, accepted.replayed) {
            assert_eq!(seq, expected + 1, "{request} was done on another state than it asked for");
        }
        self.read(request, &id, seq);
        let mut model = self.world.model.borrow_mut();
        let fate = Fate::Done { instance: id.clone(), seq, position: accepted.position };
        let before = std::mem::replace(&mut model.sent.get_mut(request).unwrap().fate, fate.clone());
        assert!(before == Fate::Open || before == fate, "{request} was {before:?} and is {fate:?}");
        model.seen.done += 1;
        model.seen.replayed += u64::from(accepted.replayed);
        if !model.known.contains(&id) {
            model.known.push(id);
        }
    }

    fn not_done(&self, request: &str, error: &CommandError) {
        let mut model = self.world.model.borrow_mut();
        // What says nothing of another asking, earlier or under way, leaves it as open as it was.
        let once = model.sent[request].asked == 1;
        let seen = &mut model.seen;
        let (count, certain) = match error {
            CommandError::CommitUnknown => (&mut seen.unknown, false),
            CommandError::DiskFull => (&mut seen.full, once),
            CommandError::Stopped(_) => (&mut seen.stopped, once),
            CommandError::Stale { .. } => (&mut seen.stale, true),
            CommandError::Refused { .. } => (&mut seen.refused, true),
            CommandError::UnknownWorkflow(_)
            | CommandError::UnknownInstance(_)
            | CommandError::UnknownEvent { .. }
            | CommandError::Payload { .. }
            | CommandError::KeyReused
            | CommandError::Held(_)
            | CommandError::StepFailed(_)
            | CommandError::TooLarge(_)
            | CommandError::Busy => panic!("{request} was answered with {error}"),
        };
        *count += 1;
        // What is refused now may be accepted a moment later: an asking behind this one can still do it.
        if certain && model.sent[request].under_way == 0 {
            model.sent.get_mut(request).unwrap().fate = Fate::Refused;
        }
    }

    /// A read after an acknowledged write sees it, lists too, and nothing that is not durable.
    fn read(&self, request: &str, id: &InstanceId, seq: u64) {
        let engine = &self.world.engine;
        if engine.readiness() != Readiness::Ready {
            return;
        }
        let (instance, position) = engine.instance(id).unwrap();
        let instance = instance.unwrap_or_else(|| panic!("{request} cannot be read"));
        assert!(instance.seq >= seq, "{request} made {seq}, {} is read", instance.seq);
        assert!(instance.position <= position, "{request}: what is read is not published");
        let durable = now_durable(engine);
        assert!(
            instance.position <= durable,
            "{request}: position {} is read, {durable} is durable",
            instance.position
        );
        let list = List::State { workflow: instance.workflow.clone(), state: instance.state.clone() };
        let page = engine.page(&[list], &Range::default(), 1_000).unwrap();
        assert!(
            page.rows.iter().any(|row| row.id == *id && row.seq == instance.seq),
            "{request}: not in its list"
        );
    }

    /// Pauses, resumes or runs the schedule that there is.
    async fn turn(&mut self, request: &str) {
        let engine = &self.world.engine;
        let Some(schedule) = engine.schedules().unwrap().0.pop() else { return };
        let ask = [Ask::Pause, Ask::Resume, Ask::Resume, Ask::Run][self.dice.index(4)];
        let (by, key) = (Actor::person("root", Role::Administrator), format!("key-{request}"));
        match engine.order_schedule(&schedule.id, ask, "as the dice say", by, Some(key)).await {
            Ok(accepted) => self.read(request, &schedule.id, accepted.last_seq),
            Err(
                CommandError::Refused { .. }
                | CommandError::CommitUnknown
                | CommandError::Stopped(_)
                | CommandError::DiskFull,
            ) => {}
            Err(error) => panic!("{request}, of a schedule, was answered with {error}"),
        }
    }

    /// Sends another command under a key that is used up.
    async fn reuse(&mut self, request: &str) {
        let used = {
            let model = self.world.model.borrow();
            let done = model.sent.values().filter(|sent| matches!(sent.fate, Fate::Done { .. }));
            let keyed: Vec<_> =
                done.filter(|sent| sent.command.key.is_some()).map(|sent| sent.command.clone()).collect();
            if keyed.is_empty() {
                return;
            }
            keyed[self.dice.index(keyed.len())].clone()
        };
        let mut other = used;
        other.occurred_at = Some(other.occurred_at.unwrap_or(noon()).plus_millis(1));
        other.request_id = Some(request.to_owned());
        match self.world.engine.submit(other).await {
            Err(CommandError::KeyReused) => self.world.model.borrow_mut().seen.reused += 1,
            // The answer went down with the group whose state it saw.
            Err(CommandError::Stopped(_) | CommandError::CommitUnknown | CommandError::DiskFull) => {}
            answer => panic!("{request}, with a used key, was answered with {answer:?}"),
        }
    }
}

/// The last durable position.
fn now_durable(engine: &Engine) -> Position {
    schedule::now(engine.shared.journal.tail()).map_or(Position::MAX, |tail| tail.last)
}
