//! Owns which targets frozen figures miss (S0-20).
//!
//! # Why
//! The list is read out of the figures themselves, which the hash covers: who counts sends no list that
//! could say something else.

use serde_json::{Map, Value};

use super::Missed;

/// The numbers of `figures` whose target is not reached: `{flow: {kpis: {"K02.on_time": {…}}}}`.
pub(super) fn missed(figures: &Map<String, Value>) -> Vec<Missed> {
    let of_flow = |(workflow, figures): (&String, &Value)| {
        let kpis = figures.get("kpis").and_then(Value::as_object);
        let rows = kpis.into_iter().flatten().filter_map(|(name, figure)| row(workflow, name, figure));
        rows.collect::<Vec<_>>()
    };
    figures.iter().flat_map(of_flow).collect()
}

fn row(workflow: &str, name: &str, figure: &Value) -> Option<Missed> {
    let is_missed = figure.get("reached").and_then(Value::as_bool) == Some(false);
    let text = |member: &str| figure.get(member).and_then(Value::as_str).map(str::to_owned);
    let (kpi, measure) = name.split_once('.').filter(|_| is_missed)?;
    Some(Missed {
        workflow: workflow.to_owned(),
        kpi: kpi.to_owned(),
        measure: measure.to_owned(),
        target: text("target")?,
        actual: text("rate").or_else(|| text("mean"))?,
        n: figure.get("n").and_then(Value::as_u64)?,
    })
}
