//! The simulation's hand: it polls what is ready, lands groups, lets time pass and ends lives.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::clients::{Client, World};
use super::model::{Model, Seen};
use super::play::Play;
use super::storage::{Apply, Defect, FailingIndex, GatedJournal};
use super::*;
use crate::engine::open::catch_up;
use crate::seeded::Dice;
use crate::time::TimeSource as _;

/// Lives of one history before the last.
const LIVES: u64 = 4;
/// Clients of a life.
const CLIENTS: u64 = 4;
/// Steps after which a life hangs: many times what the longest takes.
const STEPS_MAX: u32 = 100_000;

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The value of a future that waits for nothing.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// Futures of one life, polled in the order of the dice.
#[derive(Default)]
struct Tasks(Vec<(Option<Task>, Arc<Woken>)>);

impl Tasks {
    fn add(&mut self, task: Task) {
        self.0.push((Some(task), Arc::new(Woken(AtomicBool::new(true)))));
    }

    fn ready(&self) -> Vec<usize> {
        let ready =
            |(task, woken): &(Option<Task>, Arc<Woken>)| task.is_some() && woken.0.load(Ordering::SeqCst);
        (0..self.0.len()).filter(|at| ready(&self.0[*at])).collect()
    }

    fn poll(&mut self, at: usize) {
        let (task, woken) = &mut self.0[at];
        woken.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(woken.clone());
        let done =
            task.as_mut().is_some_and(|task| task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
        if done {
            *task = None;
        }
    }
}

/// One seed's history: lives that end in crashes, and one that ends in quiet.
pub struct History {
    dice: Dice,
    journal: MemoryJournal,
    index: Arc<MemoryIndex>,
    time: Arc<ManualTime>,
    model: Rc<RefCell<Model>>,
    play: Play,
    defect: Defect,
    /// Whether the clock is left alone.
    stands: bool,
}

/// What runs in one life.
struct Life {
    tasks: Tasks,
    journal: Arc<GatedJournal>,
    index: Arc<FailingIndex>,
    engine: Rc<RefCell<Option<Engine>>>,
    writer: Rc<RefCell<Option<Task>>>,
    /// Clients that begin.
    clients: Rc<RefCell<Vec<Task>>>,
    /// Clients that are not done.
    working: Rc<RefCell<u64>>,
}

impl History {
    pub fn of(seed: u64, play: Play, defect: Defect) -> Self {
        let time = Arc::new(ManualTime::at(noon()));
        let (journal, index) = (MemoryJournal::default(), Arc::new(MemoryIndex::new()));
        Self { dice: Dice::of(seed), journal, index, time, model: Rc::default(), play, defect, stands: false }
    }

    pub fn run(mut self) -> Seen {
        for number in 0..LIVES {
            self.live(number);
        }
        self.defect = Defect::None;
        self.last_life();
        let journal = now(self.journal.reopen().read(1, usize::MAX)).unwrap();
        let mut model = self.model.borrow_mut();
        model.judge(&journal, self.play, self.time.now());
        model.seen.clone()
    }

    /// Storage as a process finds it: the index of before, an older one, or none.
    fn storage(&mut self) -> (Arc<GatedJournal>, Arc<FailingIndex>) {
        let journal = self.journal.reopen();
        let kept = match self.dice.below(3) {
            0 => 0,
            1 => self.dice.below(self.index.applied() + 1),
            _ => self.index.applied(),
        };
        if kept < self.index.applied() {
            self.index = Arc::new(rebuilt(&journal, kept));
        }
        let index = Arc::new(FailingIndex::over(self.index.clone(), self.defect));
        (Arc::new(GatedJournal::over(journal, self.defect)), index)
    }

    fn begin(&mut self, number: u64, retry_all: bool, commands: u64) -> Life {
        let (journal, index) = self.storage();
        let (engine, writer) = (Rc::new(RefCell::new(None)), Rc::new(RefCell::new(None)));
        let mut tasks = Tasks::default();
        let parts = self.play.parts(journal.clone(), index.clone(), self.time.clone());
        let slot: Rc<RefCell<Option<Task>>> = Rc::clone(&writer);
        let opened: Rc<RefCell<Option<Engine>>> = Rc::clone(&engine);
        let working = Rc::new(RefCell::new(CLIENTS));
        let (left, model, mut dice) = (working.clone(), self.model.clone(), Dice::of(self.dice.draw()));
        let clients: Rc<RefCell<Vec<Task>>> = Rc::default();
        let (born, play) = (clients.clone(), self.play);
        tasks.add(Box::pin(async move {
            let run = |_: &Arc<Shared>, executor: executor::Executor| {
                *slot.borrow_mut() = Some(Box::pin(executor.run()) as Task);
                None
            };
            // A journal that fails meanwhile ends the opening, and this life.
            let Ok(engine) = Engine::open_running(parts, QUEUE_MAX, run).await else { return };
            *opened.borrow_mut() = Some(engine.clone());
            if engine.run_schedules().await.is_err() {
                return;
            }
            let all = (0..CLIENTS).map(|client| {
                let world = World {
                    model: model.clone(),
                    play,
                    engine: engine.clone(),
                    name: format!("{number}-{client}"),
                };
                let client = Client::new(world, Dice::of(dice.draw()), commands, retry_all && client == 0);
                let left = left.clone();
                Box::pin(async move {
                    client.work().await;
                    *left.borrow_mut() -= 1;
                }) as Task
            });
            born.borrow_mut().extend(all);
        }));
        Life { tasks, journal, index, engine, writer, clients, working }
    }

    /// A life that ends in a crash, wherever it comes.
    fn live(&mut self, number: u64) {
        let mut life = self.begin(number, false, 8);
        let most = [20, 120, 400][self.dice.index(3)];
        let mut left = self.dice.below(most);
        while left > 0 && self.step(&mut life, true) {
            left -= 1;
        }
        let torn = life.journal.waiting_commits().map(|commits| self.dice.index(commits + 1));
        life.journal.crash(torn.unwrap_or(0));
        let mut model = self.model.borrow_mut();
        model.crash();
        model.seen.torn += u64::from(torn.is_some_and(|stored| stored > 0));
        drop(model);
        self.end(life);
    }

    /// A life without faults, in which all that is open is asked again and all that is due comes.
    fn last_life(&mut self) {
        let mut life = self.begin(LIVES, true, 2);
        self.run_until(&mut life, |life| *life.working.borrow() == 0);
        self.time.set(self.time.now().plus_millis(self.play.end_ms()));
        self.stands = true;
        let engine = life.engine.borrow().clone().unwrap();
        let quiet = Rc::new(RefCell::new(false));
        let seen = quiet.clone();
        life.tasks.add(Box::pin(async move {
            engine.settle().await;
            *seen.borrow_mut() = true;
        }));
        self.run_until(&mut life, |_| *quiet.borrow());
        let journal = self.journal.reopen();
        let again = rebuilt(&journal, now(journal.tail()).unwrap().last);
        assert!(dump(&self.index) == dump(&again), "the index is not what the journal makes of it");
        self.end(life);
    }

    fn run_until(&mut self, life: &mut Life, done: impl Fn(&Life) -> bool) {
        for _ in 0..STEPS_MAX {
            if done(life) {
                return;
            }
            assert!(self.step(life, false), "everything waits");
        }
        panic!("no end after {STEPS_MAX} steps");
    }

    fn end(&mut self, life: Life) {
        self.model.borrow_mut().seen.index_failed +=
            u64::from(*life.index.next.lock().unwrap() != Apply::Well);
        drop(life);
    }

    /// One thing happens; false where nothing can any more.
    fn step(&mut self, life: &mut Life, faults: bool) -> bool {
        if let Some(writer) = life.writer.borrow_mut().take() {
            life.tasks.add(writer);
        }
        life.clients.borrow_mut().drain(..).for_each(|client| life.tasks.add(client));
        let ready = life.tasks.ready();
        if faults && self.dice.one_in(150) {
            *life.index.next.lock().unwrap() = Apply::Fails(self.dice.one_in(2));
        }
        if !self.stands && self.dice.one_in(25) {
            let millis = self.play.passes(&mut self.dice);
            self.model.borrow_mut().seen.turned_back += u64::from(millis < 0);
            self.time.set(self.time.now().plus_millis(millis));
        } else if life.journal.waits() && (ready.is_empty() || self.dice.one_in(3)) {
            if faults && life.journal.waiting_commits().is_some() && self.dice.one_in(12) {
                let stored = self.dice.index(4);
                let fault =
                    if self.dice.one_in(2) { JournalFault::Full } else { JournalFault::Unknown { stored } };
                life.journal.inner.fail_next(fault);
            }
            life.journal.go_on();
        } else if !ready.is_empty() {
            life.tasks.poll(ready[self.dice.index(ready.len())]);
        } else if self.stands {
            return false;
        } else {
            // Only time can bring anything; without a due it brings nothing either.
            self.time.set(self.time.now().plus_millis(500));
            return life
                .engine
                .borrow()
                .as_ref()
                .is_some_and(|engine| engine.readiness() == Readiness::Ready);
        }
        true
    }
}

/// An index that has applied `journal` up to `last`.
fn rebuilt(journal: &MemoryJournal, last: Position) -> MemoryIndex {
    let index = MemoryIndex::new();
    // `catch_up` reads in large pieces: a part is given as a journal of its own.
    let part = MemoryJournal::default();
    for (position, commit) in now(journal.read(1, usize::try_from(last).unwrap())).unwrap() {
        now(part.append(crate::journal::Fence { epoch: 1, after: position - 1 }, &[commit])).unwrap();
    }
    now(catch_up(&part, &index, now(part.tail()).unwrap(), &|_, _| ())).unwrap();
    index
}

fn dump(index: &MemoryIndex) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    index.dump(&mut |key, value| rows.push((key.to_vec(), value.to_vec()))).unwrap();
    rows
}
