//! Flows: every workflow with how many cases it has and how urgent they are.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::heat::{DUE_MAX, Heats, Hot};
use super::shell::{Part, Shell, Visitor};
use super::{Desk, page};
use crate::api::caller::Sight;
use crate::api::error::ApiError;
use crate::api::extract::{NoParams, Params};
use crate::api::workflows::{WorkflowRow, list_workflows};
use crate::kernel::common::Stage;
use crate::kernel::step::stage_of;

/// One flow.
struct Card {
    name: String,
    title: String,
    version: Option<u32>,
    calendar: Option<String>,
    /// Absent for who may not read the cases of others.
    cases: Option<Cases>,
}

/// How many cases there are, by where in their life they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cases {
    open: u64,
    settled: u64,
    ended: u64,
    hot: Hot,
}

#[derive(Template)]
#[template(path = "flows.html", config = "src/console/askama.toml")]
struct FlowsPage {
    shell: Shell,
    cards: Vec<Card>,
    /// How many cases were looked at, where there are more with a running clock.
    cut: Option<usize>,
}

/// Shows every flow.
///
/// # Errors
/// An index that cannot be read.
pub async fn flows(State(desk): State<Desk>, visitor: Visitor) -> Result<Response, ApiError> {
    let (engine, lang) = (&visitor.engine, visitor.lang);
    let listed = list_workflows(State(desk.state), visitor.caller.clone(), Params(NoParams {})).await?.0;
    let staff = visitor.caller.sight() > Sight::Own;
    let heats = if staff { Heats::read(&visitor).await? } else { Heats::default() };
    let mut cases = if staff { counted(&engine.census()) } else { BTreeMap::new() };
    let card = |row: WorkflowRow| Card {
        title: row.title.as_ref().map_or_else(|| row.workflow.clone(), |title| lang.view(title).to_owned()),
        version: row.definition_version,
        calendar: engine.definition(&row.workflow).map(|definition| definition.calendar.clone()),
        cases: staff.then(|| Cases {
            hot: heats.flow(&row.workflow),
            ..cases.remove(&row.workflow).unwrap_or_default()
        }),
        name: row.workflow,
    };
    let cards = listed.workflows.into_iter().map(card).collect();
    let shell = visitor.shell(Part::Flows, lang.t("Flows", "流程"));
    page::page(&FlowsPage { shell, cards, cut: heats.cut.then_some(DUE_MAX) })
}

/// Cases of each flow by their stage.
fn counted(census: &BTreeMap<(String, String), u64>) -> BTreeMap<String, Cases> {
    let mut all: BTreeMap<String, Cases> = BTreeMap::new();
    for ((workflow, state), count) in census {
        let cases = all.entry(workflow.clone()).or_default();
        match stage_of(state) {
            Stage::Open => cases.open += count,
            Stage::Settled => cases.settled += count,
            Stage::Final => cases.ended += count,
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_counted_by_stage() {
        let key = |flow: &str, state: &str| (flow.to_owned(), state.to_owned());
        let census = [
            (key("a", "open.one"), 2),
            (key("a", "open.two"), 3),
            (key("a", "settled.late"), 4),
            (key("a", "closed"), 5),
            (key("a", "cancelled"), 6),
            (key("b", "archived"), 1),
        ];
        let cases = counted(&census.into());
        assert_eq!(cases["a"], Cases { open: 5, settled: 4, ended: 11, hot: Hot::default() });
        assert_eq!(cases["b"].ended, 1);
    }
}
