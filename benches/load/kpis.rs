//! `kpis`: reports over every instance: all KPIs, all by agent, one KPI, and the cases behind a number.

use std::time::{Duration, Instant};

use careflow::time::{TimeSource as _, WallTime};
use serde_json::Value;

use crate::client::Client;
use crate::latency::Latencies;
use crate::limits::{self, Traffic};
use crate::people::People;
use crate::table::{Line, Table, Unit};
use crate::{Outcome, Run};

/// Requests of each report.
const REPORTS: usize = 40;
/// Half the window of a report.
const HALF_MONTH_MS: i64 = 15 * 86_400_000;
/// What is asked, and its path.
const ASKED: [(&str, &str); 4] = [
    ("of every KPI", "/v1/reports/kpis?workflow=consultation"),
    ("of every KPI by agent", "/v1/reports/kpis?workflow=consultation&group_by=agent"),
    ("of one KPI", "/v1/reports/kpis?workflow=consultation&kpi=K02"),
    ("of the cases behind a number", "/v1/reports/kpis/K18/instances?workflow=consultation&limit=50"),
];

/// Measures the reports of the server at `address`; `over` names what it holds.
pub async fn rows(run: &Run, table: &mut Table, address: &str, people: &People, over: &str) -> Outcome<()> {
    let requests = run.scaled(REPORTS, 3);
    for (name, path) in ASKED {
        let (samples, bytes) = read(address, &people.auditor, path, requests).await?;
        let traffic = Traffic { clients: 1, requests, body_bytes: 0, answer_bytes: bytes / requests };
        let (latencies, nothing) = (Latencies::durations(samples), limits::nothing(traffic).await?);
        let what = format!("p50 of a report {name}{over}");
        table.add(
            Line::new(what, latencies.percentile(50.0), Unit::Millis)
                .beside("does nothing", nothing.latencies.percentile(50.0)),
        );
        table.spread(&format!("report {name}{over}"), &latencies);
    }
    Ok(())
}

/// Asks so many times, for a month around the moment at which the cases were imported.
async fn read(address: &str, token: &str, path: &str, requests: usize) -> Outcome<(Vec<Duration>, usize)> {
    let now = WallTime.now();
    let (from, to) = (now.plus_millis(-HALF_MONTH_MS), now.plus_millis(HALF_MONTH_MS));
    let path = format!("{path}&from={from}&to={to}");
    let mut client = Client::to(address).await?;
    let (mut samples, mut bytes) = (Vec::new(), 0);
    for _ in 0..requests {
        let began = Instant::now();
        let reply = client.get(&path, token).await?;
        samples.push(began.elapsed());
        reply.expect(200, &path)?;
        bytes += reply.body.len();
        let report: Value = serde_json::from_slice(&reply.body)?;
        let first = &report["kpis"][0];
        let counted = [&report["cases"], &first["n"], &first["pending"]];
        if counted.iter().all(|count| count.as_u64().unwrap_or(0) == 0) {
            return Err(format!("`{path}` counts nothing").into());
        }
    }
    Ok((samples, bytes))
}
