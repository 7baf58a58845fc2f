//! Live: pages that are open are told when what they show has changed (server-sent events).
//!
//! # Why
//! A thousand pages must not cost the engine anything. So the engine tells one task what each group
//! touched; that task gathers for a second and wakes only the pages that show something of it; and a page
//! is only told *that* something changed: it asks for its parts itself. Under load a queue changes all the
//! time: the more of them are open, the seldomer each is told, so that together they ask for no more than
//! twenty pages a second. A case is told of at once.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::sync::{broadcast, broadcast::error::RecvError, watch};
use tokio::time::{Instant, sleep_until};

use super::Desk;
use super::shell::Visitor;
use crate::api::caller::Sight;
use crate::api::error::{ApiError, Code};
use crate::api::instances::readable;
use crate::api::server::End;
use crate::engine::follow::Touched;
use crate::kernel::id::InstanceId;

/// How long changes are gathered: what a person takes for "at once".
const TICK: Duration = Duration::from_secs(1);
/// How many pages that show a queue are told each second, all together.
const QUEUES_PER_SECOND: u32 = 20;
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
    /// Whether the page lost its stream: what happened meanwhile, it was not told.
    #[serde(default)]
    again: bool,
}

/// What a page waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Interest {
    Case(InstanceId),
    Owner(String),
    All,
}

/// Pages that are open.
#[derive(Debug, Default)]
struct Open {
    /// Who waits for what: a page holds a receiver as long as it is open.
    pages: HashMap<Interest, watch::Sender<()>>,
    /// Whether the task runs that wakes them; it ends, and a page asks for it, under the same lock.
    follows: bool,
}

/// The one task that follows the engine, and the pages that it wakes.
pub struct Live {
    open: Mutex<Open>,
    /// How long changes are gathered.
    tick: Duration,
}

impl Default for Live {
    fn default() -> Self {
        Self { open: Mutex::default(), tick: TICK }
    }
}

impl Live {
    /// Tells of changes from now on; the first asker starts the task, which ends once nobody listens.
    fn subscribe(
        self: &Arc<Self>,
        interest: Interest,
        follow: impl FnOnce() -> Groups,
    ) -> watch::Receiver<()> {
        let mut open = self.open();
        let page = open.pages.entry(interest).or_insert_with(|| watch::Sender::new(())).subscribe();
        if !open.follows {
            open.follows = true;
            let (live, touched) = (self.clone(), follow());
            tokio::spawn(async move { live.gather(touched).await });
        }
        page
    }

    async fn gather(&self, mut touched: Groups) {
        loop {
            let mut tick = HashSet::new();
            let mut missed = false;
            match touched.recv().await {
                Ok(group) => take(&mut tick, &group),
                Err(RecvError::Lagged(_)) => missed = true,
                Err(RecvError::Closed) => break,
            }
            tokio::time::sleep(self.tick).await;
            loop {
                match touched.try_recv() {
                    Ok(group) => take(&mut tick, &group),
                    Err(broadcast::error::TryRecvError::Lagged(_)) => missed = true,
                    Err(_) => break,
                }
            }
            let mut open = self.open();
            open.pages.retain(|_, page| page.receiver_count() > 0);
            if open.pages.is_empty() {
                open.follows = false;
                return;
            }
            // Whoever missed some is told, for anything may have changed.
            let met = |interest: &Interest| missed || tick.contains(interest);
            open.pages
                .iter()
                .filter(|(interest, _)| met(interest))
                .for_each(|(_, page)| page.send_replace(()));
        }
        // The engine is gone: nobody is told anything again, so that streams end.
        *self.open() = Open::default();
    }

    /// How seldom a page that shows a queue is told, with as many of them as are open.
    fn calm(&self) -> Duration {
        let open = self.open();
        let queues = open.pages.iter().filter(|(interest, _)| !matches!(interest, Interest::Case(_)));
        let pages: usize = queues.map(|(_, page)| page.receiver_count()).sum();
        Duration::from_secs(1) * u32::try_from(pages).unwrap_or(u32::MAX) / QUEUES_PER_SECOND
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take(tick: &mut HashSet<Interest>, group: &[Touched]) {
    tick.insert(Interest::All);
    for touched in group {
        tick.insert(Interest::Case(touched.instance.clone()));
        tick.extend(
            [&touched.owner_before, &touched.owner].into_iter().flatten().cloned().map(Interest::Owner),
        );
    }
}

/// One page's stream.
struct Page {
    live: Arc<Live>,
    changes: watch::Receiver<()>,
    /// Whether it shows a queue.
    is_queue: bool,
    /// Whether what it shows may have moved on before it asked.
    moved_on: bool,
    /// When it may be told next.
    next: Instant,
}

impl Page {
    /// Waits until the page is to ask for its parts anew; nothing once the engine is gone.
    async fn told(&mut self) -> Option<()> {
        if !std::mem::take(&mut self.moved_on) {
            self.changes.changed().await.ok()?;
        }
        if self.is_queue {
            sleep_until(self.next).await;
            // What came meanwhile is told with it.
            self.changes.mark_unchanged();
            self.next = Instant::now() + self.live.calm();
        }
        Some(())
    }
}

/// Streams `changed` each time that something changes of what the page shows.
///
/// # Errors
/// `unknown_instance`; a page that there is not.
pub async fn stream(
    State(desk): State<Desk>,
    visitor: Visitor,
    mut end: End,
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
    let is_queue = query.of == "queue";
    let changes = desk.live.subscribe(interest, || visitor.engine.follow());
    // Only now it is looked at where the case is: what comes after that is told.
    let moved_on = match query.seq {
        Some(seq) if !is_queue => readable(&visitor.engine, &visitor.caller, &query.name)?.0.seq != seq,
        _ => query.again,
    };
    // Pages that open together are told apart: each somewhere within the time that they all take.
    let next = Instant::now() + if is_queue { desk.live.calm() } else { Duration::ZERO };
    let page = Page { live: desk.live, changes, is_queue, moved_on, next };
    let told = stream::unfold(page, |mut page| async move {
        page.told().await?;
        Some((Ok::<_, Infallible>(Event::default().event("changed").data("1")), page))
    });
    let told = told.take_until(Box::pin(async move { end.asked().await }));
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

    fn live() -> (Arc<Live>, broadcast::Sender<Arc<[Touched]>>) {
        (Arc::new(Live { tick: Duration::ZERO, ..Live::default() }), broadcast::Sender::new(2))
    }

    fn page(live: &Arc<Live>, interest: Interest, engine: &broadcast::Sender<Arc<[Touched]>>) -> Page {
        let is_queue = !matches!(interest, Interest::Case(_));
        let changes = live.subscribe(interest, || engine.subscribe());
        Page { live: live.clone(), changes, is_queue, moved_on: false, next: Instant::now() }
    }

    fn owner(name: &str) -> Interest {
        Interest::Owner(name.to_owned())
    }

    #[tokio::test]
    async fn pages_are_told_of_what_they_show_and_who_comes_back_is_told_again() {
        let (live, engine) = live();
        let waiting = [Interest::Case(id("a")), Interest::All, owner("ann"), owner("queue:desk")];
        let mut told = waiting.map(|interest| page(&live, interest, &engine));
        let others = [Interest::Case(id("b")), owner("bo")].map(|interest| page(&live, interest, &engine));
        engine.send(group("a", "ann")).unwrap();
        for page in &mut told {
            page.told().await.unwrap();
        }
        assert!(others.iter().all(|page| !page.changes.has_changed().unwrap()), "others are left in peace");
        drop((told, others));
        engine.send(group("a", "ann")).unwrap();
        while live.open().follows {
            tokio::task::yield_now().await;
        }
        assert_eq!(engine.receiver_count(), 0, "nobody follows for nobody");
        let mut again = page(&live, Interest::Case(id("b")), &engine);
        engine.send(group("b", "bo")).unwrap();
        again.told().await.unwrap();
        drop(engine);
        assert!(again.told().await.is_none(), "an engine that is gone ends its streams");
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_that_anything_may_have_changed() {
        let (live, engine) = live();
        let mut other = page(&live, owner("zoe"), &engine);
        for name in ["a", "b", "c"] {
            engine.send(group(name, "ann")).unwrap();
        }
        other.told().await.unwrap();
    }

    #[tokio::test]
    async fn the_more_queues_are_open_the_seldomer_each_is_told() {
        let (live, engine) = live();
        let mut pages: Vec<Page> = (0..200).map(|_| page(&live, Interest::All, &engine)).collect();
        let mut case = page(&live, Interest::Case(id("a")), &engine);
        assert_eq!(live.calm(), Duration::from_secs(200) / QUEUES_PER_SECOND, "cases are not counted");
        for _ in 0..2 {
            engine.send(group("a", "ann")).unwrap();
            case.told().await.unwrap();
            assert!(case.next <= Instant::now(), "a case is told of at once");
        }
        pages[0].told().await.unwrap();
        assert!(pages[0].next > Instant::now(), "a queue rests");
        pages.truncate(10);
        assert_eq!(live.calm(), Duration::from_secs(10) / QUEUES_PER_SECOND);
    }
}
