//! A journal whose appends land when the simulation says so, and an index that fails when told.

use std::collections::BTreeMap;
use std::sync::mpsc;

use async_trait::async_trait;

use super::*;
use crate::index::{Batch, IndexError, List, Page, Range};
use crate::journal::{AppendError, Commit, Fence, ReadError, Tail};
use crate::kernel::kpi::Record;

/// What is wrong with the storage, to see that the checks find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    None,
    /// The journal acknowledges a group that it does not store.
    LosesGroup,
    /// The index leaves out a change.
    SkipsChange,
    /// The journal acknowledges before anything is stored, and forgets it in a crash.
    ShowsEarly,
}

/// Group of a life that a defect strikes.
const STRUCK: u64 = 6;

#[derive(Default)]
struct Gate {
    /// The group that waits to be written.
    written: Option<(Fence, Vec<Commit>, oneshot::Sender<()>)>,
    /// The answer that waits to be given.
    answered: Option<oneshot::Sender<()>>,
    groups: u64,
}

pub struct GatedJournal {
    pub inner: MemoryJournal,
    gate: Mutex<Gate>,
    defect: Defect,
}

impl GatedJournal {
    pub fn over(inner: MemoryJournal, defect: Defect) -> Self {
        Self { inner, gate: Mutex::default(), defect }
    }

    /// Whether an append waits for the simulation.
    pub fn waits(&self) -> bool {
        let gate = self.gate.lock().unwrap();
        gate.written.is_some() || gate.answered.is_some()
    }

    /// How many commits wait to be written.
    pub fn waiting_commits(&self) -> Option<usize> {
        self.gate.lock().unwrap().written.as_ref().map(|(_, group, _)| group.len())
    }

    /// Lets the append that waits go one step on: from computed to stored, or from stored to answered.
    pub fn go_on(&self) {
        let mut gate = self.gate.lock().unwrap();
        if let Some((_, _, go)) = gate.written.take() {
            go.send(()).ok();
        } else if let Some(go) = gate.answered.take() {
            go.send(()).ok();
        }
    }

    /// The process dies: of a group that is being written, the first `stored` commits stand.
    pub fn crash(&self, stored: usize) {
        let waiting = self.gate.lock().unwrap().written.take();
        if let Some((fence, group, _)) = waiting {
            self.inner.fail_next(JournalFault::Unknown { stored });
            let failed = schedule::now(self.inner.append(fence, &group));
            assert!(failed.is_err());
        }
    }
}

#[async_trait]
impl Journal for GatedJournal {
    async fn append(&self, fence: Fence, group: &[Commit]) -> Result<Position, AppendError> {
        let (go, told) = oneshot::channel();
        let (struck, early) = {
            let mut gate = self.gate.lock().unwrap();
            gate.groups += 1;
            let struck = gate.groups == STRUCK;
            gate.written = Some((fence, group.to_vec(), go));
            (struck && self.defect == Defect::LosesGroup, struck && self.defect == Defect::ShowsEarly)
        };
        if early {
            return Ok(fence.after + group.len() as u64);
        }
        told.await.ok();
        if struck {
            return Ok(fence.after + group.len() as u64);
        }
        let last = self.inner.append(fence, group).await?;
        let (go, told) = oneshot::channel();
        self.gate.lock().unwrap().answered = Some(go);
        told.await.ok();
        Ok(last)
    }

    async fn get(&self, positions: &[Position]) -> Result<Vec<(Position, Commit)>, ReadError> {
        self.inner.get(positions).await
    }

    async fn read(&self, from: Position, limit: usize) -> Result<Vec<(Position, Commit)>, ReadError> {
        self.inner.read(from, limit).await
    }

    async fn watch(&self, from: Position) -> Position {
        self.inner.watch(from).await
    }

    async fn tail(&self) -> Result<Tail, ReadError> {
        self.inner.tail().await
    }

    async fn close(&self) -> Result<(), ReadError> {
        self.inner.close().await
    }
}

/// How the next batch of a [`FailingIndex`] ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apply {
    Well,
    /// It fails, applied or not.
    Fails(bool),
    /// It panics.
    Panics,
}

/// Where whoever uses a [`FailingIndex`] is held once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A batch is visible, and the writer has not heard of it.
    Shown,
    /// An instance is asked for and not looked for yet.
    Asked,
}

/// Holds somebody at a moment until it is dropped.
pub struct Hold {
    reached: oneshot::Receiver<()>,
    _go_on: mpsc::Sender<()>,
}

impl Hold {
    /// Waits until somebody is held.
    pub async fn reached(&mut self) {
        (&mut self.reached).await.unwrap();
    }
}

struct Held {
    moment: Moment,
    reached: oneshot::Sender<()>,
    go_on: mpsc::Receiver<()>,
}

pub struct FailingIndex {
    pub inner: Arc<MemoryIndex>,
    pub next: Mutex<Apply>,
    held: Mutex<Option<Held>>,
    defect: Defect,
    batches: Mutex<u64>,
}

impl FailingIndex {
    pub fn over(inner: Arc<MemoryIndex>, defect: Defect) -> Self {
        let next = Mutex::new(Apply::Well);
        Self { inner, next, held: Mutex::default(), defect, batches: Mutex::default() }
    }

    /// Holds the next to come to `moment`, on its own thread.
    pub fn hold(&self, moment: Moment) -> Hold {
        let (told, reached) = oneshot::channel();
        let (_go_on, waits) = mpsc::channel();
        *self.held.lock().unwrap() = Some(Held { moment, reached: told, go_on: waits });
        Hold { reached, _go_on }
    }

    fn at(&self, moment: Moment) {
        let held = self.held.lock().unwrap().take_if(|held| held.moment == moment);
        if let Some(Held { reached, go_on, .. }) = held {
            reached.send(()).unwrap();
            // Ends with the hold, in which nobody sends anything.
            go_on.recv().ok();
        }
    }
}

impl Index for FailingIndex {
    fn apply(&self, mut batch: Batch) -> Result<(), IndexError> {
        let mut batches = self.batches.lock().unwrap();
        *batches += 1;
        if self.defect == Defect::SkipsChange && *batches == STRUCK {
            batch.changes.pop();
        }
        let next = *self.next.lock().unwrap();
        match next {
            Apply::Panics => panic!("as told"),
            Apply::Well => {
                self.inner.apply(batch)?;
                self.at(Moment::Shown);
                Ok(())
            }
            Apply::Fails(applied) => {
                if applied {
                    self.inner.apply(batch)?;
                }
                Err(IndexError::Io("as told".into()))
            }
        }
    }

    fn applied(&self) -> Position {
        self.inner.applied()
    }

    fn get(&self, id: &InstanceId) -> Result<Option<Arc<Instance>>, IndexError> {
        self.at(Moment::Asked);
        self.inner.get(id)
    }

    fn holder(&self, id: &InstanceId) -> Result<Option<Arc<Instance>>, IndexError> {
        self.inner.holder(id)
    }

    fn page(&self, lists: &[List], range: &Range, limit: usize) -> Result<Page, IndexError> {
        self.inner.page(lists, range, limit)
    }

    fn due(
        &self,
        after: Option<&(Instant, InstanceId)>,
        until: Instant,
        limit: usize,
    ) -> Result<Vec<(Instant, InstanceId)>, IndexError> {
        self.inner.due(after, until, limit)
    }

    fn sending(&self, after: Option<&InstanceId>, limit: usize) -> Result<Vec<InstanceId>, IndexError> {
        self.inner.sending(after, limit)
    }

    fn kpis(
        &self,
        workflows: &[&str],
        window: (Instant, Instant),
        each: &mut dyn FnMut(&Record),
    ) -> Result<Position, IndexError> {
        self.inner.kpis(workflows, window, each)
    }

    fn count(&self, name: &str, key: &str) -> Result<u64, IndexError> {
        self.inner.count(name, key)
    }

    fn census(&self) -> BTreeMap<(String, String), u64> {
        self.inner.census()
    }

    fn dump(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), IndexError> {
        self.inner.dump(each)
    }

    fn close(&self) -> Result<(), IndexError> {
        self.inner.close()
    }
}
