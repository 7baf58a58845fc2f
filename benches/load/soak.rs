//! `soak`: twenty minutes of consultations at half the rate that the server can take, minute by minute.
//!
//! The rate is measured first. Then cases begin at fixed moments, so many a second, whatever the
//! server does: a server that slows down shows it in its latencies. Each minute is told as it ends;
//! the table holds the first and the last whole minute side by side.

use std::sync::Arc;
use std::time::Duration;

use crate::consultations::COMMANDS;
use crate::drive::Driver;
use crate::latency::Latencies;
use crate::machine;
use crate::people::People;
use crate::server::Server;
use crate::table::{Line, Table, Unit};
use crate::{Outcome, Run};

/// Minutes of load at scale 1.
const MINUTES: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);
/// Clients and consultations with which the highest rate is measured.
const HIGHEST: (usize, usize) = (64, 20_000);

/// What a minute was like.
struct Minute {
    per_second: f64,
    latencies: Latencies,
    resident_megabytes: f64,
    disk_megabytes: f64,
}

/// Measures it.
pub async fn rows(run: &Run, table: &mut Table) -> Outcome<()> {
    let data = run.place.data("soak");
    let server = Server::start(data.paths())?;
    let people = Arc::new(People::of(data.paths(), &server.address()?).await?);
    let driver = Driver { run, server: &server, data: &data, people };
    let highest = driver.load("highest", HIGHEST)?.run().await?.whole()?;
    let rate = highest.commands() as f64 / highest.seconds / 2.0;
    let minutes = run.scaled(MINUTES, 2);
    // A trial has no minutes: whether it works shows in seconds.
    let length = MINUTE.mul_f64((run.scale * 10.0).min(1.0)).max(Duration::from_secs(1));
    eprintln!("{minutes} minutes at {rate:.0} commands a second, half of what it takes");
    let mut told = Vec::with_capacity(minutes);
    for number in 1..=minutes {
        let cases = rate / COMMANDS as f64;
        let mut load = driver.load(&format!("soak{number}"), HIGHEST)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some 100,000")]
        let count = (cases * length.as_secs_f64()) as usize;
        load.cases = count;
        load.every = Some(Duration::from_secs_f64(1.0 / cases));
        let driven = load.run().await?.whole()?;
        let bytes = machine::bytes_below(&data.journal())? + machine::bytes_below(&data.index())?;
        let minute = Minute {
            per_second: driven.commands() as f64 / driven.seconds,
            resident_megabytes: server.resident_megabytes()?,
            disk_megabytes: bytes as f64 / 1e6,
            latencies: driven.latencies,
        };
        eprintln!(
            "minute {number}: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms, {:.0} MB resident, {:.0} MB on disk",
            minute.per_second,
            minute.latencies.percentile(50.0),
            minute.latencies.percentile(99.0),
            minute.resident_megabytes,
            minute.disk_megabytes,
        );
        told.push(minute);
    }
    server.stop()?;
    lines(table, &told);
    data.remove()
}

/// The last minute beside the second: the first warms up.
fn lines(table: &mut Table, told: &[Minute]) {
    let (Some(early), Some(late)) = (told.get(1), told.last()) else { return };
    let when = format!("minute {} of half load", told.len());
    let mut add = |what: &str, value: f64, before: f64, unit: Unit| {
        table.add(Line::new(format!("{what}, {when}"), value, unit).beside("minute 2", before));
    };
    add("commands", late.per_second, early.per_second, Unit::PerSecond);
    for (name, percent) in [("p50 of an answer", 50.0), ("p99 of an answer", 99.0)] {
        let value = |minute: &Minute| minute.latencies.percentile(percent);
        add(name, value(late), value(early), Unit::Millis);
    }
    add("resident memory", late.resident_megabytes, early.resident_megabytes, Unit::Megabytes);
    table.spread(&format!("answer, {when}"), &late.latencies);
}
