//! `organisation`: a virtual year of a whole organisation, and everything that must hold of it checked at its end.
//!
//! The engine runs in this process, on a clock that is moved; nothing is synced before the end. The checks are
//! those of the suite: the journal verified, every input run again, the histories exported and every KPI
//! computed again from them.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use crate::organisation::{Wanted, hold, live};
use crate::table::{Line, Table, Unit, count};
use crate::{Outcome, Run};

/// Instances of all flows.
const INSTANCES: usize = 20_000;
/// The fewest in which everybody has something to do.
const INSTANCES_MIN: usize = 200;
/// What the year is drawn from.
const SEED: u64 = 1;
/// Longer than this nobody waits for the proof.
const TARGET_SECONDS: f64 = 120.0;

/// Lives and checks a year.
pub async fn rows(run: &Run, table: &mut Table) -> Outcome<()> {
    let data = run.place.path().join("year");
    let instances = u64::try_from(run.scaled(INSTANCES, INSTANCES_MIN))?;
    let wanted = Wanted { seed: SEED, instances, data: data.clone() };
    let began = Instant::now();
    let runtime = tokio::runtime::Handle::current();
    let living = tokio::task::spawn_blocking(move || runtime.block_on(live(&wanted)));
    let lived = living.await.map_err(broken)?;
    let living = began.elapsed().as_secs_f64();
    let lived = Arc::new(lived);
    let (held, place) = (lived.clone(), data.clone());
    let histories = tokio::task::spawn_blocking(move || hold(&held, &place)).await.map_err(broken)?;
    let whole = began.elapsed().as_secs_f64();
    let what = format!("a virtual year of {} linked instances", count(lived.instances() as f64));
    let counted = |what: u64| count(what as f64);
    let note = format!(
        "{} entries; of what people sent {} was accepted, {} again, and {} refused",
        counted(histories.entries),
        counted(lived.accepted),
        counted(lived.again),
        counted(lived.refusals()),
    );
    table.add(
        Line::new(format!("{what}, lived and checked"), whole, Unit::Seconds)
            .beside("target", TARGET_SECONDS)
            .noting(note),
    );
    let rate = histories.entries as f64 / living;
    table.add(Line::new(format!("entries of {what}"), rate, Unit::PerSecond));
    std::fs::remove_dir_all(data)?;
    Ok(())
}

/// What a law that does not hold says.
fn broken(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "the year was cancelled".into() };
    let text = |panic: &(dyn Any + Send)| {
        let owned = panic.downcast_ref::<String>().cloned();
        owned.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
    };
    format!("a law does not hold (seed {SEED}): {}", text(panic.as_ref()).unwrap_or_default())
}
