//! `serve`: the server, from checking the definitions to a clean stop.

mod control;
mod faults;
pub mod limits;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::directory::OpenArgs;
use super::failure::Failure;
use super::progress::{Progress, Unit};
use crate::api::{self, AppState, Listeners};
use crate::app::{self, Pace, Store};
use crate::config::{Config, LISTEN_DEFAULT};
use crate::console;
use crate::definition::file::{Content, Source};
use crate::demo;
use crate::engine::{Engine, Identity};
use crate::index::sled;
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::instant::Instant;
use crate::time::{TimeSource, WallTime};
use crate::workflows::Registry;
use control::Control;
use faults::Ground;
pub use faults::{Faults, TAKEN};
use limits::LimitArgs;

/// Longest wait for the engine's clean stop; with the waits for requests under way and for the
/// runtime's end under five seconds.
const STOP_WAIT: Duration = Duration::from_millis(1_800);
/// How much less urgent work is that nobody waits for.
const IN_THE_BACKGROUND: i32 = 10;
/// What the server may take longer for its own end than the requests under way.
const SERVER_WAIT: Duration = Duration::from_millis(500);
/// Whom the first token speaks for.
const FIRST_ACTOR: &str = "administrator";
/// What the demo is made from: every demo of a day is alike.
const DEMO_SEED: u64 = 20_260_311;

/// Runs the server until it is told to stop (SIGTERM or Ctrl-C).
///
/// The first start makes the directory and prints one administrator token, once. Definitions are
/// checked before anything is started. Commands such as `token` and `export` work beside the
/// running server through `control.sock` in the directory.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow serve\n  careflow serve --data /var/lib/careflow --listen 0.0.0.0:8080\n  careflow serve --definitions ./flows\n  CAREFLOW_LOG=careflow=debug careflow serve --log-format json"
)]
pub struct Args {
    #[command(flatten)]
    open: OpenArgs,
    /// Address and port; port 0 takes a free one and prints it.
    #[arg(long, env = "CAREFLOW_LISTEN", value_name = "ADDR", default_value = LISTEN_DEFAULT)]
    listen: SocketAddr,
    /// First fill an empty directory with an invented organisation: thirty days of work, and its training.
    #[arg(long)]
    demo: bool,
    #[command(flatten)]
    limits: LimitArgs,
    /// How clock and disk behave, as JSON; further lines on standard input change it. For `torture`.
    #[arg(long, hide = true, value_name = "JSON")]
    faults: Option<Faults>,
}

impl Args {
    /// Runs it.
    ///
    /// # Crash safety
    /// Whatever was acknowledged is on stable storage; dying anywhere is an unclean stop and loses nothing.
    ///
    /// # Errors
    /// [`Failure`]; nothing is started where the definitions are wrong or the directory is in use.
    pub async fn run(self) -> Result<(), Failure> {
        let (config, tuning) = (self.open.config(), self.limits.tuning()?);
        let ground = Ground::of(self.faults);
        let mut stop = Stop::listen()?;
        if self.demo {
            fill(&config).await?;
        }
        let registry = Registry::shipped();
        let sources = app::sources(registry.all(), config.definitions.as_deref())?;
        warn_of_horizons(&sources, ground.time().now());
        limits::make_room(tuning.connections_max);
        let store = ground.open(&config, tuning).await?;
        tell_opened(&store);
        let listener = TcpListener::bind(self.listen).await.map_err(|error| {
            Failure::Directory(format!(
                "`{}` cannot be listened on: {error}; --listen names another",
                self.listen
            ))
        })?;
        let address = listener.local_addr()?;
        let (control, socket) = Control::bind(config.control())?;
        let state = AppState::new(registry.all(), limits::of_requests(&tuning));
        state.watch_ring(store.rejected.clone());
        let (end, ended) = oneshot::channel::<()>();
        let ended = async {
            // Either way it is the end: told so, or whoever would tell is gone.
            ended.await.ok();
        };
        let listeners = Listeners { network: listener, control: Some(socket) };
        let door = state.door();
        let server = tokio::spawn(api::serve_on(listeners, console::router(state.clone()), door, ended));
        say(&format!("listening on http://{address}"))?;
        let opened = tokio::select! {
            opened = open_engine(&store, sources, ground.time(), &state) => Some(opened?),
            () = stop.wait() => None,
        };
        let Some(engine) = opened else {
            eprintln!("stopped while opening; the next start goes on");
            return Ok(());
        };
        let started = begin(&engine, &config, address).await;
        if started.is_ok() {
            warm(&engine);
            state.open(engine.clone());
            let pace = Pace::of(tuning.scrub_rate);
            let scrubbing = tokio::spawn(app::scrub(store.journal.clone(), engine.clone(), pace));
            say("ready")?;
            tokio::select! {
                () = stop.wait() => {}
                () = ground.follow() => {}
            }
            state.end();
            stop.wait_for(Duration::from_secs(tuning.end_delay)).await;
            scrubbing.abort();
        }
        // The server may have ended by itself; then nobody listens for the end any more.
        end.send(()).ok();
        let wait = state.limits().drain_wait + SERVER_WAIT;
        if tokio::time::timeout(wait, server).await.is_err() {
            tracing::warn!("requests that still waited were cut off");
        }
        let stopped = stop_engine(&engine).await;
        // While the directory is still locked: a server that starts now makes its own.
        drop(control);
        started.and(stopped)
    }
}

/// Fills the directory with the demo, unless it was before.
async fn fill(config: &Config) -> Result<(), Failure> {
    let shown = Progress::new("inventing an organisation", Unit::Steps);
    let made = demo::make(config, WallTime.now(), DEMO_SEED, &|done, of| shown.set(done, of)).await;
    shown.finish();
    match made? {
        Some(summary) => say(&summary.to_string()),
        None => say("the demo is in the directory already; its cases live on"),
    }
}

/// What must be true before requests are taken.
async fn begin(engine: &Engine, config: &Config, address: SocketAddr) -> Result<(), Failure> {
    if let Some(batch) = engine.interrupted_batch() {
        return Err(Failure::Directory(format!(
            "batch `{batch}` was interrupted in `{}`: delete the directory, run the same import again, then serve",
            config.data.display()
        )));
    }
    if engine.tokens().is_empty() {
        let identity =
            Identity { actor: FIRST_ACTOR.into(), kind: ActorKind::Person, roles: vec![Role::Administrator] };
        let made = engine.create_token(identity, Actor::system(), None).await;
        let made = made.map_err(|error| Failure::Directory(error.to_string()))?;
        let secret = made.secret.expect("a token made without a key is never a replay");
        say(&format!(
            "administrator token, told this once: {secret}\n  \
             it makes others: `careflow token create --role agent --actor ID`"
        ))?;
    }
    say(&format!(
        "  API      http://{address}/v1/workflows\n  docs     http://{address}/docs\n  control  {}",
        config.control().display()
    ))
}

async fn open_engine(
    store: &Store,
    sources: Vec<Source>,
    time: Arc<dyn TimeSource>,
    state: &AppState,
) -> Result<Engine, Failure> {
    let shown = Arc::new(Progress::new("building the index", Unit::Commits));
    let (bar, readiness) = (shown.clone(), state.clone());
    let progress = move |done, of| {
        bar.set(done, of);
        readiness.progress(done, of);
    };
    let engine = store.engine(sources, time, Box::new(progress)).await;
    shown.finish();
    let engine = engine?;
    engine.run_schedules().await.map_err(|error| Failure::Directory(error.to_string()))?;
    tokio::spawn(engine.clone().keep_reports());
    Ok(engine)
}

/// Warns of calendars that promises are counted on and whose days off are known for a short time only (R4).
fn warn_of_horizons(sources: &[Source], now: Instant) {
    let counted_on = |name: &str| {
        sources.iter().any(|source| match &source.content {
            Content::Definition(definition) => {
                let others = definition.clocks.values().flat_map(|rule| &rule.calendars);
                definition.calendar == name || others.into_iter().any(|other| other.calendar == name)
            }
            Content::Calendar(_) => false,
        })
    };
    for source in sources {
        if let Content::Calendar(calendar) = &source.content
            && counted_on(calendar.name())
            && let Some(near) = calendar.horizon_near(now)
        {
            tracing::warn!("{near}");
        }
    }
}

/// Says what opening the directory found that an operator should know.
fn tell_opened(store: &Store) {
    if let Some(cut) = &store.journal_opened.cut {
        let (from, bytes, reason) = (cut.from, cut.bytes, &cut.reason);
        eprintln!("cut {bytes} bytes from position {from} on, which nobody had been told of: {reason}");
    }
    if let sled::Opened::Rebuild(why) = &store.index_opened
        && store.journal_opened.last > 0
    {
        eprintln!("building the index anew from {} commits: {why}", store.journal_opened.last);
    }
}

/// Explores the workflows in the background, so that the first reader of a table seldom waits for it.
fn warm(engine: &Engine) {
    let engine = engine.clone();
    std::thread::spawn(move || {
        // It takes seconds of a core, which whoever sends commands right after the start wants too. On Linux
        // this is of the thread alone; where it is not allowed, all are equal.
        rustix::process::nice(IN_THE_BACKGROUND).ok();
        for workflow in engine.workflows() {
            engine.exploration(workflow.name());
        }
    });
}

async fn stop_engine(engine: &Engine) -> Result<(), Failure> {
    match tokio::time::timeout(STOP_WAIT, engine.stop()).await {
        Ok(Ok(())) => {
            eprintln!("stopped cleanly");
            Ok(())
        }
        Ok(Err(reason)) => Err(Failure::Directory(reason)),
        Err(_) => {
            eprintln!("stopped before the index was written in full; the next start goes on");
            Ok(())
        }
    }
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// The signals that end a server.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::Internal(format!("no signals: {error}")));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for a signal, for `delay` at most.
    async fn wait_for(&mut self, delay: Duration) {
        if !delay.is_zero() {
            tracing::info!("the end was asked for; requests are taken for another {delay:?}");
            // Either way the end goes on.
            tokio::time::timeout(delay, self.wait()).await.ok();
        }
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
