//! KPIs over 100,000 finished cases in a real index, over everything and over one month.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant as Watch;

use careflow::app;
use careflow::index::{Batch, Change, Index};
use careflow::kernel::id::InstanceId;
use careflow::kernel::instance::Instance;
use careflow::kernel::instant::Instant;
use careflow::kernel::kpi::fold::Fold;
use careflow::kernel::kpi::measure::{Frame, Retargets, measures};

use crate::steps::Flow;
use crate::table::row_ms;

const CASES: u64 = 100_000;
/// Cases that live the same life under other names.
const ALIKE: u64 = 100;
/// Times each report is made; the median counts.
const REPORTS: usize = 11;
const DAY_MS: i64 = 86_400_000;
/// 2025-03-01 in Shanghai.
const BEGIN: i64 = 1_740_758_400_000;

/// Prints the rows.
pub fn kpis(flow: &Flow<'_>) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let index = app::scratch_index(&folder.path().join("index")).expect("an index");
    for (position, life) in (1..).zip(0..CASES / ALIKE) {
        let start = Instant::from_millis(
            BEGIN + 10 * 3_600_000 + life as i64 * 365 * DAY_MS / (CASES / ALIKE) as i64,
        );
        let first = InstanceId::derive("c-1", &["bench", &life.to_string()]);
        let (case, _) = flow.live(&first, start);
        let alike = |number: u64| {
            let id = InstanceId::derive("c-1", &["bench", &life.to_string(), &number.to_string()]);
            let after = Arc::new(Instance { id, ..case.clone() });
            Change { before: None, after }
        };
        let changes = (0..ALIKE).map(alike).collect();
        index.apply(Batch { position, changes, counts: Vec::new() }).expect("the batch is applied");
    }
    let numbers: Vec<u64> = (0..CASES * 8).collect();
    let limit = once(&mut || {
        black_box(numbers.iter().fold(0u64, |sum, number| sum.wrapping_add(*number)));
    });
    for (name, days) in [("every KPI over 100,000 cases", 400), ("every KPI over the cases of a month", 31)] {
        let from = Instant::from_millis(BEGIN);
        let until = from.plus_millis(days * DAY_MS);
        let frame = Frame {
            from,
            until,
            now: from.plus_millis(500 * DAY_MS),
            retargets: Retargets::Counted,
            zone: chrono_tz::Tz::UTC,
        };
        let mut counted = 0;
        let millis = once(&mut || {
            let mut fold = Fold::new(&measures("consultation"), frame, None);
            index
                .kpis(&["consultation"], (from, until), &mut |record| fold.take(record))
                .expect("the index reads");
            counted = fold.finish()[0].total.denominator;
        });
        row_ms(&format!("{name} ({counted} count)"), millis, "adding 800,000 numbers", limit);
    }
}

/// Median milliseconds of one call.
fn once(call: &mut dyn FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..REPORTS)
        .map(|_| {
            let watch = Watch::now();
            call();
            watch.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[REPORTS / 2]
}
