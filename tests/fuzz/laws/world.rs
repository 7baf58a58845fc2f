//! Owns an engine in memory with the shipped workflows, for the laws that need one.

use std::sync::Arc;

use careflow::app;
use careflow::engine::{Engine, Parts};
use careflow::index::memory::MemoryIndex;
use careflow::journal::memory::MemoryJournal;
use careflow::kernel::instant::Instant;
use careflow::time::ManualTime;
use careflow::workflows::Registry;
use tokio::runtime::Runtime;

/// Wednesday 2026-03-11 10:00 in Shanghai: the desk is open.
pub const MORNING: &str = "2026-03-11T10:00:00+08:00";

/// An engine with a clock that is moved by hand.
pub struct World {
    pub runtime: Runtime,
    pub engine: Engine,
    pub time: Arc<ManualTime>,
}

impl World {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let time = Arc::new(ManualTime::at(Instant::parse(MORNING).expect("a time")));
        let workflows = Registry::shipped().all().to_vec();
        let parts = Parts {
            journal: Arc::new(MemoryJournal::default()),
            index: Arc::new(MemoryIndex::new()),
            sources: app::sources(&workflows, None).expect("the shipped files are right"),
            workflows,
            time: time.clone(),
            progress: Box::new(|_, _| {}),
            rejected: Box::new(|_| {}),
        };
        let engine = runtime.block_on(Engine::open(parts)).expect("an empty journal opens");
        Self { runtime, engine, time }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Its thread ends with it; what is in memory needs no clean stop.
        self.runtime.block_on(self.engine.stop()).ok();
    }
}
