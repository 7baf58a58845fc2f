//! `timers`: 100,000 timers due within one minute, and 100,000 that are all due when the server starts.
//! `burst`: 20,000 due at one instant under a load of commands.
//!
//! The timers are warnings of first-response clocks: cases are imported with the time at which 80 %
//! of their two hours are used up in the chosen minute. Lateness is read from the history: when the
//! writer took a timer up (`recorded_at`, in whole milliseconds), less the due that stands in the
//! entry. The entry is durable one sync later.

use std::sync::Arc;
use std::time::Duration;

use careflow::kernel::instant::Instant;
use careflow::time::{TimeSource as _, WallTime};

use crate::client::Client;
use crate::drive::{Counted, Driver, appends};
use crate::latency::Latencies;
use crate::limits;
use crate::people::People;
use crate::place::{Case, Stage};
use crate::server::Server;
use crate::table::{self, Line, Table, Unit};
use crate::{Outcome, Run};

/// Timers.
const DUE: usize = 100_000;
/// Timers due at one instant.
const BURST: usize = 20_000;
/// Clients and consultations meanwhile: about as long as the timers take.
const UNDER_BURST: (usize, usize) = (64, 8_000);
/// The time within which they fall due; scaled with them, so that the rate stays.
const WINDOW_MS: f64 = 60_000.0;
/// From the start of a case to its warning: 80 % of two hours.
const WARNED_MS: i64 = 96 * 60_000;
/// Cases imported to find out how long an import takes.
const TRIAL: usize = 2_000;
/// What making tokens and starting the server twice takes at most.
const START_MS: f64 = 30_000.0;
/// Waits of which the limit of lateness is made.
const WAITS: usize = 1_000;
/// Pause between two looks at the server's counters.
const LOOK: Duration = Duration::from_millis(250);
/// Looks without a further timer after which it is no use to wait.
const LOOKS_IDLE_MAX: usize = 120;

/// Measures both.
pub async fn rows(run: &Run, table: &mut Table) -> Outcome<()> {
    let count = run.scaled(DUE, 100);
    let pace_ms = pace(run)?;
    #[expect(clippy::cast_possible_truncation, reason = "minutes")]
    let (lead, window) = (
        (START_MS + 2.0 * pace_ms * count as f64) as i64,
        (WINDOW_MS * run.scale).clamp(1_000.0, 60_000.0) as i64,
    );
    let on_time = fired(run, Plan { count, lead, window, start: Start::Before }).await?;
    let many = table::count(count as f64);
    let within = format!("{many} due within {} s", table::count(window as f64 / 1_000.0));
    table.add(
        Line::new(format!("timers fired, {within}"), on_time.per_second, Unit::PerSecond)
            .beside("as they fall due", count as f64 * 1_000.0 / window as f64),
    );
    let waits = limits::waits(run.scaled(WAITS, 50)).await;
    for (name, percent) in [("p50", 50.0), ("p99", 99.0), ("maximum", 100.0)] {
        let value = on_time.late.percentile(percent);
        let line = Line::new(format!("{name} of lateness, {within}"), value, Unit::Millis);
        table.add(line.beside("a bare wait", waits.percentile(percent)));
    }
    let what = format!("CPU of the server for 1,000 timers, {within}");
    table.add(Line::new(what, on_time.cpu_millis, Unit::Millis));
    table.spread(&format!("lateness, {within}"), &on_time.late);
    let at_once = fired(run, Plan { count, lead, window: 0, start: Start::After }).await?;
    table.add(
        Line::new(format!("timers fired, {many} due at the start"), at_once.per_second, Unit::PerSecond)
            .beside("fdatasync", at_once.commits_per_group * 1_000.0 / at_once.appends.mean())
            .noting(format!("{:.1} commits a sync", at_once.commits_per_group)),
    );
    Ok(())
}

/// Clients' answers while 20,000 timers come due at one instant: the load begins then.
pub async fn burst(run: &Run, table: &mut Table) -> Outcome<()> {
    let count = run.scaled(BURST, 100);
    #[expect(clippy::cast_possible_truncation, reason = "minutes")]
    let lead = (START_MS + 2.0 * pace(run)? * count as f64) as i64;
    let first = WallTime.now().plus_millis(lead);
    let case = Case { at: first.plus_millis(-WARNED_MS), stage: Stage::Received };
    let (data, _) = run.place.import("burst", &vec![case; count])?;
    let server = Server::start(data.paths())?;
    let people = Arc::new(People::of(data.paths(), &server.address()?).await?);
    server.rest().await?;
    if WallTime.now() >= first {
        return Err("timers fell due before the server was ready: this machine is busier than it was".into());
    }
    let driver = Driver { run, server: &server, data: &data, people };
    let load = driver.load("burst", UNDER_BURST)?;
    let before = Counted::at(&load.address, &driver.people.auditor).await?;
    until(first).await;
    let driven = load.run().await?.whole()?;
    let fired = Counted::at(&load.address, &driver.people.auditor).await?.timers - before.timers;
    let what = format!("{} due at one instant, {} clients", table::count(count as f64), load.clients);
    for (name, percent) in [("p50", 50.0), ("p99", 99.0)] {
        let line = Line::new(
            format!("{name} of an answer while timers fire, {what}"),
            driven.latencies.percentile(percent),
            Unit::Millis,
        );
        let note = format!(
            "{fired:.0} timers fired in the {:.1} s of {} commands",
            driven.seconds,
            driven.commands()
        );
        table.add(line.noting(note));
    }
    table.spread(&format!("answer while timers fire, {what}"), &driven.latencies);
    server.stop()?;
    data.remove()
}

/// Milliseconds that a case takes to be imported and released.
fn pace(run: &Run) -> Outcome<f64> {
    let count = run.scaled(TRIAL, 100);
    let at = WallTime.now().plus_millis(-60_000);
    let (data, took) = run.place.import("trial", &vec![Case { at, stage: Stage::Received }; count])?;
    data.remove()?;
    Ok(took.as_secs_f64() * 1_000.0 / count as f64)
}

/// When the server starts: before anything is due, or after everything is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Before,
    After,
}

/// What is made due.
#[derive(Clone, Copy, Debug)]
struct Plan {
    count: usize,
    /// Milliseconds from now to the first due.
    lead: i64,
    /// Milliseconds from the first due to the last.
    window: i64,
    start: Start,
}

/// How it was fired.
struct Fired {
    per_second: f64,
    late: Latencies,
    cpu_millis: f64,
    commits_per_group: f64,
    appends: Latencies,
}

async fn fired(run: &Run, plan: Plan) -> Outcome<Fired> {
    let first = WallTime.now().plus_millis(plan.lead);
    let total = i64::try_from(plan.count)?;
    let case = |number: i64| {
        let due = first.plus_millis(number * plan.window / total);
        Case { at: due.plus_millis(-WARNED_MS), stage: Stage::Received }
    };
    let (data, _) = run.place.import("timers", &(0..total).map(case).collect::<Vec<_>>())?;
    let early = |what: &str| -> Outcome<()> {
        if WallTime.now() < first {
            return Ok(());
        }
        Err(format!("timers fell due before {what}: this machine is busier than it was a moment ago").into())
    };
    early("the cases were imported")?;
    // Tokens are commits of their own: made by a server before, they are in no count.
    let server = Server::start(data.paths())?;
    let people = People::of(data.paths(), &server.address()?).await?;
    server.stop()?;
    early("the tokens were made")?;
    if plan.start == Start::After {
        until(first.plus_millis(plan.window + 1)).await;
    }
    let bytes = limits::text(&data.journal())?.bytes;
    let server = Server::start(data.paths())?;
    let address = server.address()?;
    let mut before = Counted::default();
    if plan.start == Start::Before {
        server.rest().await?;
        early("the server was ready")?;
        before = Counted::at(&address, &people.auditor).await?;
        until(first).await;
    }
    let cpu = server.cpu_seconds()?;
    let after = wait(&address, &people.auditor, plan).await?;
    let cpu = server.cpu_seconds()? - cpu;
    let written = limits::text(&data.journal())?.bytes - bytes;
    let (late, per_second) = history(&address, &people.auditor, plan.count).await?;
    server.stop()?;
    let commits_per_group = (after.commits - before.commits) / (after.groups - before.groups).max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a group has megabytes")]
    let group = (written as f64 / plan.count as f64 * commits_per_group) as usize;
    data.remove()?;
    Ok(Fired {
        per_second,
        late,
        cpu_millis: cpu * 1e6 / plan.count as f64,
        commits_per_group,
        appends: appends(run, group)?,
    })
}

async fn until(at: Instant) {
    while WallTime.now() < at {
        WallTime.sleep_until(at).await;
    }
}

/// Waits until all have fired.
async fn wait(address: &str, token: &str, plan: Plan) -> Outcome<Counted> {
    let (mut fired, mut idle) = (0.0, 0);
    loop {
        let counted = Counted::at(address, token).await?;
        if counted.timers >= plan.count as f64 {
            return Ok(counted);
        }
        idle = if counted.timers > fired { 0 } else { idle + 1 };
        if idle > LOOKS_IDLE_MAX {
            return Err(format!("{} of {} timers fired, then no more", counted.timers, plan.count).into());
        }
        fired = counted.timers;
        tokio::time::sleep(LOOK).await;
    }
}

/// Reads how late each was, and how many were recorded a second.
async fn history(address: &str, token: &str, count: usize) -> Outcome<(Latencies, f64)> {
    let mut client = Client::to(address).await?;
    let (mut late, mut after) = (Vec::new(), 0);
    let (mut first, mut last) = (i64::MAX, 0);
    loop {
        let page = client.document(&format!("/v1/changes?after={after}&limit=500"), token).await?;
        let position = page["position"].as_u64().ok_or("a page of the feed without its position")?;
        if position == after {
            break;
        }
        after = position;
        for change in page["changes"].as_array().ok_or("a page of the feed without changes")? {
            let entry = &change["entry"];
            if entry["event"] != "sla_warned" {
                continue;
            }
            let time = |value: &serde_json::Value| Instant::parse(value.as_str().unwrap_or_default());
            let (due, recorded) = (time(&entry["cause"]["due"])?, time(&entry["recorded_at"])?);
            late.push(u64::try_from(recorded.since(due) * 1_000)?);
            (first, last) = (first.min(recorded.millis()), last.max(recorded.millis()));
        }
    }
    if late.len() != count {
        return Err(format!("the history holds {} warnings instead of {count}", late.len()).into());
    }
    let seconds = (last - first).max(1) as f64 / 1_000.0;
    Ok((Latencies::of(late), count as f64 / seconds))
}
