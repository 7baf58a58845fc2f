//! Live: pages that are open are told when what they show has changed (server-sent events).
//!
//! # Why
//! A thousand pages must not cost the engine anything. So the engine tells one task what each group
//! touched; that task gathers for a second and wakes the pages once, whatever happened meanwhile; and a
//! page is only told *that* something changed: it asks for its parts itself, a little later.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::broadcast::{self, error::RecvError};

use super::Desk;
use super::shell::Visitor;
use crate::api::caller::Sight;
use crate::api::error::{ApiError, Code};
use crate::api::instances::readable;
use crate::engine::follow::Touched;
use crate::kernel::id::InstanceId;

/// How long changes are gathered: what a person takes for "at once".
const TICK: Duration = Duration::from_secs(1);
/// Ticks that a page may be behind.
const TICKS_MAX: usize = 16;
/// How often an idle stream says that it is alive: under the idle limit of common proxies.
const ALIVE: Duration = Duration::from_secs(20);

/// What the engine tells.
type Groups = broadcast::Receiver<Arc<[Touched]>>;

/// Which change a page waits for.
#[derive(Debug, Deserialize)]
pub struct LiveQuery {
    /// `case` or `queue`.
    of: String,
    /// The id of the case; `mine`, `all` or a queue's name.
    name: String,
    /// The sequence of the case that the page shows: where it has moved on since, the page is told at once.
    seq: Option<u64>,
}

/// What was touched within one tick.
#[derive(Debug, Default)]
struct Tick {
    cases: HashSet<InstanceId>,
    owners: HashSet<String>,
    /// Whether some were missed: anything may have changed.
    missed: bool,
}

/// The one task that follows the engine, and the pages that it wakes.
pub struct Live {
    ticks: broadcast::Sender<Arc<Tick>>,
    /// Whether the task runs; a page subscribes, and the task ends, under this lock.
    follows: Mutex<bool>,
    /// How long changes are gathered.
    tick: Duration,
}

impl Default for Live {
    fn default() -> Self {
        Self { ticks: broadcast::Sender::new(TICKS_MAX), follows: Mutex::new(false), tick: TICK }
    }
}

impl Live {
    /// Ticks from now on; the first asker starts the task, which ends once nobody listens.
    fn subscribe(self: &Arc<Self>, follow: impl FnOnce() -> Groups) -> broadcast::Receiver<Arc<Tick>> {
        let mut follows = self.follows();
        let ticks = self.ticks.subscribe();
        if !*follows {
            *follows = true;
            let (live, touched) = (self.clone(), follow());
            tokio::spawn(async move { live.gather(touched).await });
        }
        ticks
    }

    async fn gather(&self, mut touched: Groups) {
        loop {
            let mut tick = Tick::default();
            match touched.recv().await {
                Ok(group) => tick.take(&group),
                Err(RecvError::Lagged(_)) => tick.missed = true,
                Err(RecvError::Closed) => break,
            }
            tokio::time::sleep(self.tick).await;
            loop {
                match touched.try_recv() {
                    Ok(group) => tick.take(&group),
                    Err(broadcast::error::TryRecvError::Lagged(_)) => tick.missed = true,
                    Err(_) => break,
                }
            }
            let mut follows = self.follows();
            if self.ticks.send(Arc::new(tick)).is_err() {
                *follows = false;
                return;
            }
        }
        *self.follows() = false;
    }

    fn follows(&self) -> MutexGuard<'_, bool> {
        self.follows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tick {
    fn take(&mut self, group: &[Touched]) {
        for touched in group {
            self.cases.insert(touched.instance.clone());
            self.owners.extend(touched.owner_before.clone());
            self.owners.extend(touched.owner.clone());
        }
    }
}

/// What a page waits for.
#[derive(Clone, Debug)]
enum Interest {
    Case(InstanceId),
    Owner(String),
    All,
}

impl Interest {
    fn is_met(&self, tick: &Tick) -> bool {
        tick.missed
            || match self {
                Self::Case(id) => tick.cases.contains(id),
                Self::Owner(owner) => tick.owners.contains(owner),
                Self::All => true,
            }
    }
}

/// Streams `changed` each time that something changes of what the page shows.
///
/// # Errors
/// `unknown_instance`; a page that there is not.
pub async fn stream(
    State(desk): State<Desk>,
    visitor: Visitor,
    Query(query): Query<LiveQuery>,
) -> Result<Response, ApiError> {
    // Before it is looked at what there is: what comes in between is told.
    let ticks = desk.live.subscribe(|| visitor.engine.follow());
    let mut moved_on = false;
    let interest = match (query.of.as_str(), query.name.as_str()) {
        ("case", id) => {
            let (case, _) = readable(&visitor.engine, &visitor.caller, id)?;
            moved_on = query.seq.is_some_and(|seq| seq != case.seq);
            Interest::Case(case.id.clone())
        }
        ("queue", _) if visitor.caller.sight() == Sight::Own => {
            return Err(ApiError::new(Code::RoleNotAllowed, "queues are for staff"));
        }
        ("queue", "all") => Interest::All,
        ("queue", "mine") => Interest::Owner(visitor.caller.id().to_owned()),
        ("queue", name) => Interest::Owner(format!("queue:{name}")),
        (other, _) => {
            let detail = format!("`of={other}` is no page");
            return Err(ApiError::new(Code::InvalidQuery, detail).accepting(["case", "queue"]));
        }
    };
    let told = stream::unfold((ticks, interest, moved_on), |(mut ticks, interest, moved_on)| async move {
        loop {
            let met = moved_on
                || match ticks.recv().await {
                    Ok(tick) => interest.is_met(&tick),
                    Err(RecvError::Lagged(_)) => true,
                    Err(RecvError::Closed) => return None,
                };
            if met {
                let event = Event::default().event("changed").data("1");
                return Some((Ok::<_, Infallible>(event), (ticks, interest, false)));
            }
        }
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(ALIVE)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> InstanceId {
        InstanceId::derive("consultation", &[name])
    }

    fn group(name: &str, owner: &str) -> Arc<[Touched]> {
        let owner = Some(owner.to_owned());
        Arc::new([Touched { instance: id(name), owner_before: Some("queue:desk".to_owned()), owner }])
    }

    #[tokio::test]
    async fn who_looks_again_after_nobody_did_is_told_again() {
        let live = Arc::new(Live { tick: Duration::ZERO, ..Live::default() });
        let engine = broadcast::Sender::new(8);
        let mut page = live.subscribe(|| engine.subscribe());
        engine.send(group("a", "ann")).unwrap();
        let tick = page.recv().await.unwrap();
        let met = |interest: Interest| interest.is_met(&tick);
        assert!(met(Interest::Case(id("a"))) && !met(Interest::Case(id("b"))) && met(Interest::All));
        assert!(met(Interest::Owner("ann".into())) && met(Interest::Owner("queue:desk".into())));
        assert!(!met(Interest::Owner("bo".into())));
        drop(page);
        engine.send(group("a", "ann")).unwrap();
        while *live.follows() {
            tokio::task::yield_now().await;
        }
        assert_eq!(engine.receiver_count(), 0, "nobody follows for nobody");
        let mut page = live.subscribe(|| engine.subscribe());
        engine.send(group("b", "bo")).unwrap();
        assert!(page.recv().await.unwrap().cases.contains(&id("b")));
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_that_anything_may_have_changed() {
        let live = Arc::new(Live { tick: Duration::ZERO, ..Live::default() });
        let engine = broadcast::Sender::new(1);
        let mut page = live.subscribe(|| engine.subscribe());
        for name in ["a", "b", "c"] {
            engine.send(group(name, "ann")).unwrap();
        }
        assert!(page.recv().await.unwrap().missed);
    }
}
