//! Owns how a report is asked for: the workflows, the window, the zone, and what groups.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use super::caller::Caller;
use super::error::{ApiError, Code};
use crate::engine::Engine;
use crate::index::IndexError;
use crate::kernel::actor::Role;
use crate::kernel::calendar::{date_of, day_start, parse_date, parse_zone};
use crate::kernel::entry::Position;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::Record;
use crate::kernel::kpi::fold::{GROUPINGS, Grouping, read_for};
use crate::kernel::kpi::measure::{self, Frame, Measure, Retargets};

/// Who reads reports: those who answer for others' work, and those who check it.
pub const READERS: [Role; 5] =
    [Role::Supervisor, Role::DeptManager, Role::QaInspector, Role::ProcessOwner, Role::Auditor];

/// Every workflow.
pub const ALL: &str = "all";

/// The window of a report, as it was asked for.
#[derive(Clone, Debug, Default)]
pub struct WindowParams {
    /// The workflows, separated by commas, or `all`.
    pub workflow: Option<String>,
    /// A time, or a local date.
    pub from: Option<String>,
    /// A time, or a local date.
    pub to: Option<String>,
    /// The zone of local dates, months and hours.
    pub zone: Option<String>,
    /// Whether breaches that only a new target made count.
    pub retargets: Option<String>,
    /// What groups.
    pub group_by: Option<String>,
}

/// A window that was asked for, with everything checked.
#[derive(Clone, Debug)]
pub struct Window {
    /// The workflows.
    pub workflows: Vec<String>,
    /// The window, looked at now.
    pub frame: Frame,
    /// The zone of its dates.
    pub zone: Tz,
    /// What groups.
    pub grouping: Option<Grouping>,
}

/// Lets only those pass who read reports.
///
/// # Errors
/// `role_not_allowed`.
pub fn check_reader(caller: &Caller) -> Result<(), ApiError> {
    caller.in_role(&READERS).map(|_| ())
}

/// Checks what was asked for.
///
/// # Errors
/// `invalid_query`, with what is accepted.
pub fn window(engine: &Engine, params: &WindowParams) -> Result<Window, ApiError> {
    let workflows = workflows(engine, params.workflow.as_deref())?;
    let invalid = |reason: String| ApiError::new(Code::InvalidQuery, reason);
    let zone = match &params.zone {
        Some(name) => parse_zone(name).map_err(|reason| invalid(format!("`zone`: {reason}")))?,
        None => workflows.first().and_then(|workflow| engine.zone(workflow)).unwrap_or(Tz::UTC),
    };
    let grouping = params.group_by.as_deref().map(|name| Grouping::parse(name, zone)).transpose();
    let grouping =
        grouping.map_err(|reason| invalid(format!("`group_by`: {reason}")).accepting(GROUPINGS))?;
    let retargets = match params.retargets.as_deref() {
        None | Some("counted") => Retargets::Counted,
        Some("left_out") => Retargets::LeftOut,
        Some(other) => {
            let reason = format!("`retargets={other}` is refused; accepted are `counted` and `left_out`");
            return Err(invalid(reason).accepting(["counted", "left_out"]));
        }
    };
    let now = engine.now();
    let moment = |name: &str, text: &String| {
        moment(text, zone).map_err(|reason| invalid(format!("`{name}`: {reason}")))
    };
    let from = params.from.as_ref().map(|text| moment("from", text)).transpose()?;
    let from = from.unwrap_or_else(|| day_start(zone, month_of(date_of(zone, now))));
    let until = params.to.as_ref().map(|text| moment("to", text)).transpose()?;
    let next = || month_of(date_of(zone, from)).checked_add_months(chrono::Months::new(1));
    let until = until.or_else(|| next().map(|date| day_start(zone, date))).unwrap_or(from);
    if until <= from {
        return Err(invalid(format!("`to` {until} is not after `from` {from}; accepted is a later one")));
    }
    Ok(Window { workflows, frame: Frame { from, until, now, retargets, zone }, zone, grouping })
}

fn workflows(engine: &Engine, given: Option<&str>) -> Result<Vec<String>, ApiError> {
    let known = || engine.workflows().iter().map(|flow| flow.name());
    let named: Vec<String> = match given {
        Some(ALL) => known().map(str::to_owned).collect(),
        Some(list) => list.split(',').map(str::to_owned).collect(),
        None => Vec::new(),
    };
    let detail = match named.iter().find(|name| !known().any(|flow| flow == *name)) {
        Some(name) => format!("there is no workflow `{name}`"),
        None if named.is_empty() => "`workflow` is needed".to_owned(),
        None => return Ok(named),
    };
    let names = known().collect::<Vec<_>>().join(", ");
    let detail = format!("{detail}; accepted are {names}, several of them separated by commas, and `{ALL}`");
    Err(ApiError::new(Code::InvalidQuery, detail).accepting(known().chain([ALL])))
}

fn moment(text: &str, zone: Tz) -> Result<Instant, String> {
    let date = parse_date(text).map(|date| day_start(zone, date));
    date.or_else(|_| Instant::parse(text)).map_err(|_| {
        format!("`{text}` is neither a date like `2026-03-01` nor a time like `2026-03-01T00:00:00+08:00`")
    })
}

fn month_of(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

/// The measures of the KPIs of `workflows` that are named, or of all.
///
/// # Errors
/// `invalid_query`, with the KPIs that there are.
pub fn measures(workflows: &[String], named: Option<&str>) -> Result<Vec<Measure>, ApiError> {
    let flows: Vec<&str> = workflows.iter().map(String::as_str).collect();
    let all = measure::measures_of(&flows);
    let Some(named) = named else { return Ok(all) };
    let mut chosen = Vec::new();
    for name in named.split(',') {
        let of: Vec<Measure> = all.iter().filter(|measure| measure.kpi == name).copied().collect();
        if of.is_empty() {
            let known = measure::kpis(&flows);
            let flows = flows.join(", ");
            let detail = format!("`{name}` is no KPI of `{flows}`; accepted are {}", known.join(", "));
            return Err(ApiError::new(Code::InvalidQuery, detail).accepting(known));
        }
        chosen.extend(of);
    }
    Ok(chosen)
}

impl Window {
    /// Tells `each` record that `measures` look at; answers the position that all were read at.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn read(
        &self,
        engine: &Engine,
        measures: &[Measure],
        each: &mut dyn FnMut(&Record),
    ) -> Result<Position, IndexError> {
        let known = engine.workflows().iter().map(|flow| flow.name());
        let flows = read_for(measures, &self.workflows, known);
        engine.kpis(&flows, (self.frame.from, self.frame.until), each)
    }

    /// What the policies aim at; of several workflows the first that says something of a KPI.
    pub fn targets(&self, engine: &Engine) -> BTreeMap<String, String> {
        let mut targets = BTreeMap::new();
        for workflow in self.workflows.iter().rev() {
            targets.extend(engine.kpi_targets(workflow));
        }
        targets
    }
}
