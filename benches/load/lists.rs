//! `lists`: pages of 50 by state, by owner and of what is overdue, one after another to the end of the list.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Client;
use crate::latency::Latencies;
use crate::limits::{self, Traffic};
use crate::people::{People, agent};
use crate::table::{Line, Table, Unit};
use crate::{Outcome, Run};

/// Pages of each list.
const PAGES: usize = 1_000;
/// An agent who has cases in work.
const BUSY_AGENT: usize = 3;

/// What came of reading one list.
struct Read {
    samples: Vec<Duration>,
    bytes: usize,
}

/// Measures the lists of the server at `address`; `over` names what it holds.
pub async fn rows(run: &Run, table: &mut Table, address: &str, people: &People, over: &str) -> Outcome<()> {
    let pages = run.scaled(PAGES, 20);
    let mut lists = vec![
        ("by state", "workflow=consultation&state=open.intake.accepted".to_owned()),
        ("by owner", format!("owner={}", agent(BUSY_AGENT))),
    ];
    if filters_overdue(address).await? {
        lists.push(("of what is overdue", "workflow=consultation&overdue=true".to_owned()));
    } else {
        table.left_out(
            &format!("list of what is overdue{over}"),
            "this build's lists have no filter `overdue`",
        );
    }
    for (name, query) in lists {
        let read = read(address, &people.auditor, &query, pages).await?;
        let traffic =
            Traffic { clients: 1, requests: pages, body_bytes: 0, answer_bytes: read.bytes / pages };
        let (latencies, nothing) = (Latencies::durations(read.samples), limits::nothing(traffic).await?);
        for (rank, percent) in [("p50", 50.0), ("p99", 99.0)] {
            let what = format!("{rank} of a list {name}, page of 50{over}");
            table.add(
                Line::new(what, latencies.percentile(percent), Unit::Millis)
                    .beside("does nothing", nothing.latencies.percentile(percent)),
            );
        }
        table.spread(&format!("list {name}{over}"), &latencies);
    }
    Ok(())
}

/// Reads so many pages, from the beginning again where the list has ended.
async fn read(address: &str, token: &str, query: &str, pages: usize) -> Outcome<Read> {
    let mut client = Client::to(address).await?;
    let mut read = Read { samples: Vec::new(), bytes: 0 };
    let first = format!("/v1/instances?limit=50&{query}");
    let mut path = first.clone();
    for _ in 0..pages {
        let began = Instant::now();
        let reply = client.get(&path, token).await?;
        read.samples.push(began.elapsed());
        reply.expect(200, &path)?;
        read.bytes += reply.body.len();
        let page: Value = serde_json::from_slice(&reply.body)?;
        if path == first && page["instances"].as_array().is_none_or(Vec::is_empty) {
            return Err(format!("`{path}` lists nothing").into());
        }
        path = match page["next_cursor"].as_str() {
            Some(cursor) => format!("{first}&cursor={cursor}"),
            None => first.clone(),
        };
    }
    Ok(read)
}

/// Whether lists can be asked for what is overdue.
async fn filters_overdue(address: &str) -> Outcome<bool> {
    let document = Client::to(address).await?.document("/openapi.json", "").await?;
    let parameters = document["paths"]["/v1/instances"]["get"]["parameters"].as_array();
    let mut parameters = parameters.ok_or("the OpenAPI document has no lists")?.iter();
    Ok(parameters.any(|parameter| parameter["name"] == "overdue"))
}
