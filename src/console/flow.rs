//! One flow: its diagram with how many cases are where, and the frame that its other pages share.

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::clock::Heat;
use super::heat::{self, DUE_MAX, Heats, Hot};
use super::lang::Lang;
use super::names::Names;
use super::shell::{Part, Shell, Visitor};
use super::times::span;
use super::{flow_rules, flow_values, page};
use crate::api::caller::Sight;
use crate::api::diagrams::drawn;
use crate::api::error::{ApiError, Code};
use crate::api::extract::{NoParams, Params, Segments};
use crate::api::workflows::{StateView, WorkflowView, get_workflow};
use crate::kernel::common::Stage;
use crate::kernel::diagram::{Badge, Mark};
use crate::kernel::step::stage_of;

/// How long a page waits for what the first asker has explored: the largest flow takes seconds.
const EXPLORE_WAIT: Duration = Duration::from_millis(40);
/// How long the script waits for it.
const EXPLORE_WAIT_MAX: Duration = Duration::from_secs(30);

/// Which page of a flow.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct FlowQuery {
    show: Option<String>,
    /// Whether to wait until the flow is explored, as the script does for a page that did not.
    #[serde(default)]
    wait: bool,
}

/// A page of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Its diagram.
    Diagram,
    /// Events by state, and the numbered transitions.
    Table,
    /// Events and who may send them.
    Events,
    /// Clocks with their targets.
    Clocks,
    /// Versions and policy values.
    Values,
}

impl Show {
    const ALL: [Self; 5] = [Self::Diagram, Self::Table, Self::Events, Self::Clocks, Self::Values];

    const fn name(self) -> &'static str {
        match self {
            Self::Diagram => "diagram",
            Self::Table => "table",
            Self::Events => "events",
            Self::Clocks => "clocks",
            Self::Values => "values",
        }
    }

    const fn title(self, lang: Lang) -> &'static str {
        match self {
            Self::Diagram => lang.t("Diagram", "流程图"),
            Self::Table => lang.t("Transitions", "状态转换"),
            Self::Events => lang.t("Events and roles", "事件与角色"),
            Self::Clocks => lang.t("Clocks", "时限"),
            Self::Values => lang.t("Versions and values", "版本与参数"),
        }
    }

    fn parse(text: &str) -> Result<Self, ApiError> {
        Self::ALL.into_iter().find(|show| show.name() == text).ok_or_else(|| {
            let detail = format!("a flow has no page `{text}`");
            ApiError::new(Code::InvalidQuery, detail).accepting(Self::ALL.map(Self::name))
        })
    }
}

/// A link to a page of the flow.
pub struct Tab {
    /// Where it leads.
    pub href: String,
    /// What it is called.
    pub text: &'static str,
    /// Whether it is shown.
    pub here: bool,
}

/// What stands above every page of a flow.
pub struct Top {
    /// The flow's name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The version that new cases get.
    pub version: Option<u32>,
    /// The calendar that its business time is counted on.
    pub calendar: Option<String>,
    /// Its pages.
    pub tabs: Vec<Tab>,
}

/// A flow that is looked at.
pub struct Asked {
    /// By whom.
    pub visitor: Visitor,
    /// The flow, as the API tells it.
    pub flow: WorkflowView,
    /// What its parts are called.
    pub names: Names,
    /// How long to wait for what exploring its code gives.
    patience: Duration,
}

impl Asked {
    /// The flow `name`.
    ///
    /// # Errors
    /// `unknown_workflow`.
    pub async fn new(visitor: Visitor, name: String) -> Result<Self, ApiError> {
        let (state, caller) = (State(visitor.state.clone()), visitor.caller.clone());
        let flow = get_workflow(state, caller, Segments(name), Params(NoParams {})).await?.0;
        let names = Names::new(&visitor.engine, &flow.row.workflow, visitor.lang);
        Ok(Self { visitor, flow, names, patience: EXPLORE_WAIT })
    }

    /// What exploring the flow's code gives, where that takes no longer than there is patience; it goes on
    /// meanwhile, for who asks next.
    ///
    /// # Errors
    /// Those of `found`.
    pub async fn soon<T>(
        &self,
        found: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<Option<T>, ApiError> {
        tokio::time::timeout(self.patience, found).await.ok().transpose()
    }

    /// Whether the visitor may read the cases of others, and what is published.
    pub fn is_staff(&self) -> bool {
        self.visitor.caller.sight() > Sight::Own
    }

    /// The name of the flow.
    pub fn name(&self) -> &str {
        &self.flow.row.workflow
    }

    /// What stands above the page.
    pub fn top(&self, here: Show) -> Top {
        let lang = self.visitor.lang;
        let row = &self.flow.row;
        let tab = |show: Show| Tab {
            href: match show {
                Show::Diagram => format!("/flows/{}", row.workflow),
                Show::Table | Show::Events | Show::Clocks | Show::Values => {
                    format!("/flows/{}?show={}", row.workflow, show.name())
                }
            },
            text: show.title(lang),
            here: show == here,
        };
        let shown = Show::ALL.into_iter().filter(|show| *show != Show::Values || self.is_staff());
        Top {
            name: row.workflow.clone(),
            title: self.title(),
            version: row.definition_version,
            calendar: self.flow.calendar.clone(),
            tabs: shown.map(tab).collect(),
        }
    }

    /// The title of the flow.
    pub fn title(&self) -> String {
        let title = self.flow.row.title.as_ref().map(|title| self.visitor.lang.view(title));
        title.unwrap_or(&self.flow.row.workflow).to_owned()
    }

    /// The frame of the page.
    pub fn shell(&self) -> Shell {
        self.visitor.shell(Part::Flows, self.title())
    }
}

/// A state with the cases in it.
struct Row {
    path: String,
    title: String,
    count: u64,
    hot: Hot,
    heat: Heat,
    oldest: Option<Oldest>,
}

/// The case of a state that was started first.
struct Oldest {
    id: String,
    age: String,
}

#[derive(Template)]
#[template(path = "flow_diagram.html", config = "src/console/askama.toml")]
struct DiagramPage {
    shell: Shell,
    top: Top,
    /// Absent while the code is explored for the first time.
    svg: Option<String>,
    /// Absent for who may not read the cases of others.
    rows: Option<Vec<Row>>,
    /// How many cases were looked at, where there are more with a running clock.
    cut: Option<usize>,
}

/// Shows a page of a flow.
///
/// # Errors
/// `unknown_workflow`, a page that it does not have.
pub async fn flow(
    visitor: Visitor,
    Path(name): Path<String>,
    Query(query): Query<FlowQuery>,
) -> Result<Response, ApiError> {
    let mut asked = Asked::new(visitor, name).await?;
    if query.wait {
        asked.patience = EXPLORE_WAIT_MAX;
    }
    match query.show.as_deref().map_or(Ok(Show::Diagram), Show::parse)? {
        Show::Diagram => diagram(&asked).await,
        Show::Table => flow_rules::table(&asked).await,
        Show::Events => flow_rules::events(&asked),
        Show::Clocks => flow_rules::clocks(&asked),
        Show::Values => flow_values::values(&asked).await,
    }
}

async fn diagram(asked: &Asked) -> Result<Response, ApiError> {
    let visitor = &asked.visitor;
    let drawing = asked.soon(drawn(&visitor.state, asked.name(), visitor.lang.0)).await?;
    let (rows, cut) = if asked.is_staff() {
        let heats = Heats::read(visitor).await?;
        (Some(rows(asked, &heats).await?), heats.cut)
    } else {
        (None, false)
    };
    let badges = rows.iter().flatten().filter(|row| row.count > 0);
    let badges = badges.map(|row| (row.path.clone(), badge(row, visitor.lang))).collect();
    let svg = drawing.map(|drawing| drawing.svg(&Mark { badges, ..Mark::default() }));
    let (shell, top) = (asked.shell(), asked.top(Show::Diagram));
    page::page(&DiagramPage { shell, top, svg, rows, cut: cut.then_some(DUE_MAX) })
}

/// Every state with its cases, in the order of the specification.
async fn rows(asked: &Asked, heats: &Heats) -> Result<Vec<Row>, ApiError> {
    let visitor = &asked.visitor;
    let census = visitor.engine.census();
    let count =
        |state: &str| census.get(&(asked.name().to_owned(), state.to_owned())).copied().unwrap_or_default();
    let is_open = |state: &&StateView| stage_of(&state.state) == Stage::Open && count(&state.state) > 0;
    let open = asked.flow.states.iter().filter(is_open).map(|state| state.state.clone()).collect();
    let oldest: BTreeMap<_, _> = heat::oldest(visitor, asked.name(), open).await?;
    let now = visitor.engine.now();
    let row = |state: &StateView| {
        let hot = heats.state(asked.name(), &state.state);
        Row {
            title: asked.names.state(&state.state),
            count: count(&state.state),
            heat: hot.heat(),
            hot,
            oldest: oldest.get(&state.state).map(|found| Oldest {
                id: found.id.to_string(),
                age: span(now.since(found.created), visitor.lang),
            }),
            path: state.state.clone(),
        }
    };
    Ok(asked.flow.states.iter().map(row).collect())
}

fn badge(row: &Row, lang: Lang) -> Badge {
    let Hot { near, over, .. } = row.hot;
    let open = stage_of(&row.path) == Stage::Open;
    let (class, words) = match row.heat {
        Heat::Over => (
            "bad",
            lang.t(&format!("clocks past their due: {over}"), &format!("超期时限 {over} 个")).to_owned(),
        ),
        Heat::Near => (
            "warn",
            lang.t(&format!("clocks near their due: {near}"), &format!("临近时限 {near} 个")).to_owned(),
        ),
        Heat::Calm if open => ("good", lang.t("nothing near its due", "均未临期").to_owned()),
        Heat::Calm => ("rest", lang.t("not worked on any more", "不再办理").to_owned()),
    };
    Badge { count: row.count, class, words }
}
