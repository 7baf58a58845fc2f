//! The rows over standing cases: `lists`, `pages`, `kpis`, `memory`, `restart`, `rebuild`, and a load over them.
//!
//! They share one imported directory, and run in the order in which none disturbs the next.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use careflow::kernel::instant::Instant;
use careflow::time::{TimeSource as _, WallTime};

use crate::client::Client;
use crate::drive::{Driver, OVER_STANDING};
use crate::people::People;
use crate::place::{Case, Data, Stage};
use crate::server::{self, Server};
use crate::table::{self, Line, Table, Unit};
use crate::{Outcome, Row, Run, kpis, limits, lists, machine, pages};

/// Most cases arrived lately: nothing of theirs is due for an hour and a half.
const RECENT_MS: i64 = 8 * 60_000;
/// Every tenth arrived before this and waits: its first response is overdue, its ladder climbed to the end.
const OVERDUE_MS: i64 = 250 * 60_000;
/// How often the load is looked at that a crash ends.
const LOOK: Duration = Duration::from_millis(5);

/// Measures `rows` over `count` cases.
pub async fn rows(run: &Run, table: &mut Table, count: usize, rows: &[Row]) -> Outcome<()> {
    let wants = |row: Row| rows.contains(&row);
    let over = format!(", {} instances", table::count(count as f64));
    let (data, took) = run.place.import("standing", &cases(count, WallTime.now()))?;
    eprintln!("{count} cases were imported and released in {:.1} s", took.as_secs_f64());
    let empty = Empty::measure(run).await?;
    Server::start(data.paths())?.stop()?;
    let server = Server::start(data.paths())?;
    server.rest().await?;
    let resident = server.resident_megabytes()?;
    if wants(Row::Restart) {
        restarted(table, &format!("restart after a clean stop{over}"), &server, &empty);
    }
    let people = Arc::new(People::of(data.paths(), &server.address()?).await?);
    if wants(Row::Lists) {
        lists::rows(run, table, &server.address()?, &people, &over).await?;
    }
    if wants(Row::Pages) {
        pages::rows(run, table, &server.address()?, &people, &over).await?;
    }
    if wants(Row::Memory) {
        memory(table, &over, resident, &server, &empty)?;
        disk(table, &over, count, &data)?;
    }
    if wants(Row::Kpis) {
        kpis::rows(run, table, &server.address()?, &people, &over).await?;
    }
    let driver = Driver { run, server: &server, data: &data, people };
    if wants(Row::Drive) {
        driver.measure(table, &driver.load("over", OVER_STANDING)?, &over).await?;
        let mut notes = driver.load("notes", OVER_STANDING)?;
        notes.standing = Some(Arc::new(ids(&driver).await?));
        driver.measure(table, &notes, &format!(", each event to a case chosen at random{over}")).await?;
    }
    if wants(Row::Restart) {
        let killed = killed(&driver)?.await?;
        server.kill()?;
        killed.await??.accepted()?;
        let server = Server::start(data.paths())?;
        restarted(table, &format!("restart after SIGKILL under load{over}"), &server, &empty);
        server.stop()?;
    } else {
        server.stop()?;
    }
    if wants(Row::Rebuild) {
        rebuild(table, &over, &data)?;
    }
    data.remove()
}

/// Cases of every stage: 2 of 10 wait, 3 are taken, 2 answered, 3 settled.
fn cases(count: usize, now: Instant) -> Vec<Case> {
    let total = i64::try_from(count).unwrap_or(i64::MAX);
    let case = |number: i64| {
        let stage = match number % 10 {
            0 | 1 => Stage::Received,
            2..=4 => Stage::Accepted,
            5 | 6 => Stage::Answered,
            _ => Stage::Settled,
        };
        let ago = if number % 10 == 0 { OVERDUE_MS } else { RECENT_MS };
        Case { at: now.plus_millis(number * RECENT_MS / total - ago), stage }
    };
    (0..total).map(case).collect()
}

/// Every consultation that is open.
async fn ids(driver: &Driver<'_>) -> Outcome<Vec<String>> {
    let mut client = Client::to(&driver.server.address()?).await?;
    let first = "/v1/instances?workflow=consultation&state=open&limit=200".to_owned();
    let (mut ids, mut path) = (Vec::new(), first.clone());
    loop {
        let page = client.document(&path, &driver.people.auditor).await?;
        let listed = page["instances"].as_array().ok_or("a list without instances")?;
        ids.extend(listed.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{first}&cursor={cursor}"),
            None if ids.is_empty() => return Err("no case is open".into()),
            None => return Ok(ids),
        }
    }
}

/// A server without cases.
struct Empty {
    start_seconds: f64,
    resident_megabytes: f64,
}

impl Empty {
    async fn measure(run: &Run) -> Outcome<Self> {
        let data = run.place.data("empty");
        Server::start(data.paths())?.stop()?;
        let server = Server::start(data.paths())?;
        server.rest().await?;
        let empty =
            Self { start_seconds: server.start_seconds(), resident_megabytes: server.resident_megabytes()? };
        server.stop()?;
        data.remove()?;
        Ok(empty)
    }
}

fn restarted(table: &mut Table, what: &str, server: &Server, empty: &Empty) {
    let line = Line::new(what, server.start_seconds(), Unit::Seconds);
    table.add(line.beside("empty directory", empty.start_seconds));
}

fn memory(table: &mut Table, over: &str, started: f64, server: &Server, empty: &Empty) -> Outcome<()> {
    let now = server.resident_megabytes()?;
    for (when, megabytes) in [("after the start", started), ("after lists", now)] {
        let line = Line::new(format!("resident memory {when}{over}"), megabytes, Unit::Megabytes);
        table.add(line.beside("empty directory", empty.resident_megabytes));
    }
    Ok(())
}

/// The index has no limit of its own: it is compared with the journal that it is made from.
fn disk(table: &mut Table, over: &str, count: usize, data: &Data) -> Outcome<()> {
    let journal = limits::text(&data.journal())?.bytes as f64 / count as f64;
    let index = machine::bytes_below(&data.index())? as f64 / count as f64;
    table.add(
        Line::new(format!("index for an instance{over}"), index, Unit::Bytes).beside("journal", journal),
    );
    Ok(())
}

type Load = tokio::task::JoinHandle<Outcome<crate::consultations::Driven>>;

/// Starts a load, and waits until half of it is acknowledged.
fn killed<'a>(driver: &Driver<'a>) -> Outcome<impl Future<Output = Outcome<Load>> + use<'a>> {
    let load = driver.load("killed", OVER_STANDING)?;
    let half = (load.cases * crate::consultations::COMMANDS / 2) as u64;
    Ok(async move {
        let acknowledged = load.acknowledged.clone();
        let running = tokio::spawn(async move { load.run().await });
        while acknowledged.load(Ordering::Relaxed) < half {
            if running.is_finished() {
                running.await??.whole()?;
                return Err("the load ended before the server was killed".into());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(running)
    })
}

fn rebuild(table: &mut Table, over: &str, data: &Data) -> Outcome<()> {
    // Read once before, so that both sides find the file in memory.
    limits::text(&data.journal())?;
    let limit = limits::text(&data.journal())?;
    let done = server::command(&["rebuild"], data.paths())?;
    let (_, said) = done.err.split_once("built the index from ").ok_or("`rebuild` said nothing")?;
    let commits: f64 = said.split(' ').next().unwrap_or_default().parse()?;
    let seconds = done.took.as_secs_f64();
    table.add(
        Line::new(format!("commits rebuilt{over}"), commits / seconds, Unit::PerSecond)
            .beside("reading the journal's bytes", commits / limit.seconds)
            .noting(format!("{} commits, {seconds:.1} s", table::count(commits))),
    );
    Ok(())
}
