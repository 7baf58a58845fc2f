//! Live: pages that are open are told when what they show has changed (server-sent events).
//!
//! # Why
//! A thousand pages must not cost the engine anything. So the engine tells one task what each group
//! touched; that task gathers for a second and wakes the pages once, whatever happened meanwhile; and a
//! page is only told *that* something changed: it asks for its parts itself, a little later.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
use crate::engine::Engine;
use crate::kernel::id::InstanceId;

/// How long changes are gathered: what a person takes for "at once".
const TICK: Duration = Duration::from_secs(1);
/// Ticks that a page may be behind.
const TICKS_MAX: usize = 16;
/// How often an idle stream says that it is alive: under the idle limit of common proxies.
const ALIVE: Duration = Duration::from_secs(20);

/// Which change a page waits for.
#[derive(Debug, Deserialize)]
pub struct LiveQuery {
    /// `case` or `queue`.
    of: String,
    /// The id of the case; `mine`, `all` or a queue's name.
    name: String,
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
    follows: AtomicBool,
}

impl Default for Live {
    fn default() -> Self {
        Self { ticks: broadcast::Sender::new(TICKS_MAX), follows: AtomicBool::new(false) }
    }
}

impl Live {
    /// Ticks from now on; the first asker starts the task, which ends once nobody listens.
    fn subscribe(self: &Arc<Self>, engine: &Engine) -> broadcast::Receiver<Arc<Tick>> {
        let ticks = self.ticks.subscribe();
        if !self.follows.swap(true, Ordering::AcqRel) {
            let (live, touched) = (self.clone(), engine.follow());
            tokio::spawn(async move { live.gather(touched).await });
        }
        ticks
    }

    async fn gather(&self, mut touched: broadcast::Receiver<Arc<[crate::engine::follow::Touched]>>) {
        loop {
            let mut tick = Tick::default();
            match touched.recv().await {
                Ok(group) => tick.take(&group),
                Err(RecvError::Lagged(_)) => tick.missed = true,
                Err(RecvError::Closed) => break,
            }
            tokio::time::sleep(TICK).await;
            loop {
                match touched.try_recv() {
                    Ok(group) => tick.take(&group),
                    Err(broadcast::error::TryRecvError::Lagged(_)) => tick.missed = true,
                    Err(_) => break,
                }
            }
            if self.ticks.send(Arc::new(tick)).is_err() {
                break;
            }
        }
        self.follows.store(false, Ordering::Release);
    }

    /// How many pages are open.
    pub fn pages(&self) -> usize {
        self.ticks.receiver_count()
    }
}

impl Tick {
    fn take(&mut self, group: &[crate::engine::follow::Touched]) {
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
    let interest = match (query.of.as_str(), query.name.as_str()) {
        ("case", id) => Interest::Case(readable(&visitor.engine, &visitor.caller, id)?.0.id.clone()),
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
    let ticks = desk.live.subscribe(&visitor.engine);
    let told = stream::unfold((ticks, interest), |(mut ticks, interest)| async move {
        loop {
            let met = match ticks.recv().await {
                Ok(tick) => interest.is_met(&tick),
                Err(RecvError::Lagged(_)) => true,
                Err(RecvError::Closed) => return None,
            };
            if met {
                let event = Event::default().event("changed").data("1");
                return Some((Ok::<_, Infallible>(event), (ticks, interest)));
            }
        }
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(ALIVE)).into_response())
}
