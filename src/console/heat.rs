//! Owns how urgent the open cases of each state are, and which of them is the oldest.
//!
//! # Why
//! A page is made in milliseconds whatever there is: numbers of cases come from the index's tallies, the
//! oldest of a state from the first row of its list, and clocks are looked at of those cases only that are due
//! next, which are those past their due first. Where more have a running clock, the page says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clock::Heat;
use super::shell::Visitor;
use crate::api::error::{ApiError, Code};
use crate::engine::Engine;
use crate::index::{IndexError, List, Range};
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;

/// Cases looked at, those that are due first.
pub const DUE_MAX: usize = 1_000;

/// How urgent something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hot {
    /// Running clocks near their due.
    pub near: u64,
    /// Running clocks past it.
    pub over: u64,
    /// Cases with a clock past its due.
    pub late: u64,
}

impl Hot {
    /// The heat of the worst of its clocks.
    pub const fn heat(self) -> Heat {
        match self {
            Self { over: 1.., .. } => Heat::Over,
            Self { near: 1.., .. } => Heat::Near,
            Self { .. } => Heat::Calm,
        }
    }

    fn add(&mut self, clocks: &[Heat]) {
        let count = |heat| clocks.iter().filter(|found| **found == heat).count() as u64;
        self.near += count(Heat::Near);
        self.over += count(Heat::Over);
        self.late += u64::from(count(Heat::Over) > 0);
    }
}

/// How urgent the cases of each state are.
#[derive(Clone, Debug, Default)]
pub struct Heats {
    states: BTreeMap<(String, String), Hot>,
    /// Whether there are cases with a running clock that were not looked at.
    pub cut: bool,
}

impl Heats {
    /// Looks at the cases that are due next.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub async fn read(visitor: &Visitor) -> Result<Self, ApiError> {
        let engine = visitor.engine.clone();
        aside(move || Self::of(&engine)).await
    }

    fn of(engine: &Engine) -> Result<Self, IndexError> {
        let page = engine.page(&[List::Due], &Range::default(), DUE_MAX)?;
        let now = engine.now();
        let mut heats = Self { cut: page.more, ..Self::default() };
        for instance in &page.rows {
            let key = (instance.workflow.clone(), instance.state.clone());
            heats.states.entry(key).or_default().add(&running(engine, instance, now));
        }
        Ok(heats)
    }

    /// That of the cases in `state`.
    pub fn state(&self, workflow: &str, state: &str) -> Hot {
        self.states.get(&(workflow.to_owned(), state.to_owned())).copied().unwrap_or_default()
    }

    /// That of all cases of a flow.
    pub fn flow(&self, workflow: &str) -> Hot {
        let own = self.states.iter().filter(|((flow, _), _)| flow == workflow);
        own.fold(Hot::default(), |sum, (_, hot)| Hot {
            near: sum.near + hot.near,
            over: sum.over + hot.over,
            late: sum.late + hot.late,
        })
    }
}

/// The heat of each running clock of `instance`.
fn running(engine: &Engine, instance: &Instance, now: Instant) -> Vec<Heat> {
    let Some(measures) = engine.measures(&instance.pins) else { return Vec::new() };
    let runs = instance.clocks.values().filter_map(|clock| clock.run.as_ref());
    let runs = runs.filter(|run| run.paused_since().is_none());
    runs.map(|run| Heat::of(run, measures.calendar(&run.calendar), now)).collect()
}

/// The case of each of these states of a flow that was started first.
///
/// # Errors
/// An index that cannot be read.
pub async fn oldest(
    visitor: &Visitor,
    workflow: &str,
    states: Vec<String>,
) -> Result<BTreeMap<String, Arc<Instance>>, ApiError> {
    let (engine, workflow) = (visitor.engine.clone(), workflow.to_owned());
    let first = move |state: String| {
        let list = List::State { workflow: workflow.clone(), state: state.clone() };
        let page = engine.page(&[list], &Range::default(), 1);
        page.map(|page| page.rows.into_iter().next().map(|found| (state, found))).transpose()
    };
    aside(move || states.into_iter().filter_map(first).collect()).await
}

/// Reads on a thread of its own: many records take too long for the thread that serves connections.
async fn aside<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, ApiError> {
    let read = tokio::task::spawn_blocking(read).await;
    Ok(read.map_err(|_| ApiError::new(Code::Internal, "the cases could not be read"))??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_clock_gives_the_heat_and_a_case_is_late_once() {
        let mut hot = Hot::default();
        assert_eq!(hot.heat(), Heat::Calm);
        hot.add(&[Heat::Calm, Heat::Near]);
        assert_eq!((hot.heat(), hot.late), (Heat::Near, 0));
        hot.add(&[Heat::Over, Heat::Over]);
        hot.add(&[]);
        assert_eq!((hot.heat(), hot), (Heat::Over, Hot { near: 1, over: 2, late: 1 }));
    }

    #[test]
    fn a_flow_has_what_its_states_have() {
        let hot = |near, over, late| Hot { near, over, late };
        let key = |flow: &str, state: &str| (flow.to_owned(), state.to_owned());
        let states = [
            (key("a", "open"), hot(1, 2, 1)),
            (key("a", "wait"), hot(3, 0, 0)),
            (key("b", "open"), hot(9, 9, 9)),
        ];
        let heats = Heats { states: states.into(), cut: false };
        assert_eq!(heats.flow("a"), hot(4, 2, 1));
        assert_eq!((heats.state("a", "wait"), heats.state("a", "none")), (hot(3, 0, 0), Hot::default()));
    }
}
