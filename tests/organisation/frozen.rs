//! Owns that what reports have frozen is what the histories said when it was counted.

use std::collections::BTreeMap;

use careflow::kernel::canonical;
use careflow::kernel::entry::{Entry, Position};
use careflow::kernel::instant::Instant;
use careflow::kernel::kpi::measure::{Frame, Kind, Measure, Retargets, measures};
use serde_json::{Value, json};

use super::export::Histories;
use super::laws::AT_A_TIME;
use super::year::Lived;
use crate::naive::{Naive, Number};

/// So many reports are computed again, spread over the year; the hash of each is.
const AGAIN: usize = 3;

/// Holds every report to the hash of its figures, and some to the figures themselves.
pub fn hold(lived: &Lived, histories: &Histories) {
    let frozen = histories.flows().flat_map(|(_, entries)| entries).filter(|entry| entry.event == "freeze");
    let mut frozen: Vec<&Entry> = frozen.collect();
    frozen.sort_by_key(|entry| entry.recorded_at);
    for entry in &frozen {
        let kept = json!({ "figures": entry.payload["figures"], "query": entry.payload["query"] });
        let hash = canonical::hash(&kept).unwrap().to_string();
        assert_eq!(entry.payload["hash"], hash, "`{}` froze other figures", entry.instance);
    }
    // A department's figures are of the cases that it was last given, which no history says in one place.
    frozen.retain(|entry| asked(entry).is_some() && entry.payload["figures"] != json!({}));
    assert!(frozen.len() > AGAIN, "{} reports of the whole organisation", frozen.len());
    let step = frozen.len() / AGAIN;
    std::thread::scope(|scope| {
        for entry in frozen.into_iter().rev().step_by(step).take(AGAIN) {
            scope.spawn(move || figures_are_what_histories_said(lived, histories, entry));
        }
    });
}

/// The window that a report of the whole organisation counted, and the position that it was read at.
fn asked(entry: &Entry) -> Option<(Instant, Instant, Position)> {
    let query = entry.payload["query"].as_str().unwrap();
    let (window, position) = query.strip_prefix("kpis from ")?.split_once(", read at position ")?;
    let (from, until) = window.split_once(" to ").unwrap();
    Some((Instant::parse(from).unwrap(), Instant::parse(until).unwrap(), position.parse().unwrap()))
}

fn figures_are_what_histories_said(lived: &Lived, histories: &Histories, report: &Entry) {
    let (from, until, position) = asked(report).unwrap();
    let zone = lived.reports[0].0.zone;
    let frame = Frame { from, until, now: report.recorded_at, retargets: Retargets::Counted, zone };
    let mut then: BTreeMap<&str, Vec<&[Entry]>> = BTreeMap::new();
    for (id, entries) in histories.flows() {
        let count = histories.positions[id].partition_point(|written| *written <= position);
        if count > 0 {
            then.entry(&entries[0].workflow).or_default().push(&entries[..count]);
        }
    }
    let figures = report.payload["figures"].as_object().unwrap();
    let measured = figures.keys().flat_map(|flow| measures(flow).into_iter().map(move |one| (flow, one)));
    let mut numbers: Vec<_> = measured.map(|(flow, measure)| (flow, measure, Number::default())).collect();
    for (name, all) in &then {
        for some in all.chunks(AT_A_TIME) {
            let some: Vec<Naive<'_>> = some.iter().map(|entries| Naive::new(entries)).collect();
            // What complaints are set against is counted among the other flows.
            let of_it = numbers.iter_mut().filter(|(flow, measure, _)| flow == name || measure.kpi == "K10");
            of_it.for_each(|(_, measure, number)| number.take(measure, &some, &frame));
        }
    }
    for (flow, told) in figures {
        let counted = numbers.iter().filter(|(of, _, _)| *of == flow).count();
        assert_eq!(told["kpis"].as_object().unwrap().len(), counted, "{flow}");
    }
    for (flow, measure, number) in &numbers {
        let told = &figures[*flow]["kpis"][format!("{}.{}", measure.kpi, measure.name)];
        assert_is(measure, number, told, &format!("{flow} from {from} to {until}"));
    }
}

fn assert_is(measure: &Measure, number: &Number, told: &Value, of: &str) {
    let of = format!("{} {} of {of}: {told}, {number:?}", measure.kpi, measure.name);
    assert_eq!((&told["n"], &told["pending"]), (&json!(number.denominator), &json!(number.pending)), "{of}");
    if measure.kind.is_rate() {
        assert_eq!(told["numerator"], json!(number.numerator), "{of}");
    }
    let (sum, n) = (number.values.iter().sum::<i64>(), i64::try_from(number.denominator).unwrap());
    match measure.kind {
        Kind::Times | Kind::Mean => assert_eq!(told["mean_ms"], json!(sum.checked_div(n)), "{of}"),
        Kind::Average => {
            // Values are in ten thousandths, what is told in hundredths.
            let mean = sum.checked_div_euclid(n * 100).map(|mean| mean as f64 / 100.0);
            let said = told["mean"].as_str().map(|text| text.parse::<f64>().unwrap());
            assert_eq!(said, mean, "{of}");
        }
        Kind::Rate | Kind::Ratio => {}
    }
    if measure.kind == Kind::Times {
        for percent in [50, 90] {
            let rank = (number.values.len() * percent).div_ceil(100).max(1);
            assert_eq!(told[format!("p{percent}_ms")], json!(number.values.get(rank - 1)), "{of}");
        }
    }
}
