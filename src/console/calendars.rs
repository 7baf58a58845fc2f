//! Calendars: what business time is counted on, and each of them as a year.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use chrono::Datelike;
use serde::Deserialize;

use super::page;
use super::shell::{Part, Shell, Visitor};
use super::year::{WEEK, Year, listed, weekday};
use crate::api::error::{ApiError, Code};
use crate::kernel::calendar::Calendar;
use crate::kernel::calendar::file::YEARS;

/// A calendar on a page.
struct Shown {
    name: String,
    title: String,
    version: u32,
    zone: &'static str,
    /// Weekdays with the same hours, and the hours; none where they are closed.
    weekly: Vec<(String, Option<String>)>,
    horizon: Option<String>,
    /// How many days are left until the horizon, where they are few; negative past it.
    days_left: Option<i64>,
    open_now: bool,
    /// Flows that count on it: name, title.
    flows: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "calendars.html", config = "src/console/askama.toml")]
struct CalendarsPage {
    shell: Shell,
    calendars: Vec<Shown>,
}

/// Shows every calendar in force.
///
/// # Errors
/// None but that the page cannot be written.
pub async fn calendars(visitor: Visitor) -> Result<Response, ApiError> {
    let calendars = visitor.engine.calendars();
    let calendars = calendars.iter().map(|calendar| shown(&visitor, calendar)).collect();
    let shell = visitor.shell(Part::Calendars, visitor.lang.t("Calendars", "日历"));
    page::page(&CalendarsPage { shell, calendars })
}

/// Which year.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct YearQuery {
    year: Option<i32>,
}

#[derive(Template)]
#[template(path = "calendar.html", config = "src/console/askama.toml")]
struct CalendarPage {
    shell: Shell,
    calendar: Shown,
    number: i32,
    year: Year,
    /// Names of the weekdays, short and very short.
    week: Vec<(&'static str, String)>,
    before: Option<i32>,
    after: Option<i32>,
    /// Whether days off of some of its dates are not known yet.
    unknown: bool,
}

/// Shows a year of a calendar.
///
/// # Errors
/// A calendar or a year that there is not.
pub async fn calendar(
    visitor: Visitor,
    Path(name): Path<String>,
    Query(query): Query<YearQuery>,
) -> Result<Response, ApiError> {
    let all = visitor.engine.calendars();
    let calendar = find(&all, &name)?;
    let today = calendar.date_at(visitor.engine.now());
    let number = query.year.unwrap_or_else(|| today.year());
    if !YEARS.contains(&number) {
        let detail = format!("`year={number}` is refused; accepted is {} to {}", YEARS.start(), YEARS.end());
        return Err(ApiError::new(Code::InvalidQuery, detail));
    }
    let lang = visitor.lang;
    let short = |name: &'static str| match lang.name() {
        "zh" => name.chars().skip(1).collect(),
        _ => name.chars().take(2).collect(),
    };
    let shown = shown(&visitor, calendar);
    let named = |year: i32| Some(year).filter(|year| YEARS.contains(year));
    page::page(&CalendarPage {
        shell: visitor.shell(Part::Calendars, format!("{} {number}", shown.title)),
        calendar: shown,
        number,
        year: Year::new(calendar, number, today, lang),
        week: WEEK.map(|day| weekday(day, lang)).map(|name| (name, short(name))).to_vec(),
        before: named(number - 1),
        after: named(number + 1),
        unknown: calendar.horizon().is_some_and(|horizon| horizon.year() < number),
    })
}

fn find<'c>(all: &'c [Arc<Calendar>], name: &str) -> Result<&'c Arc<Calendar>, ApiError> {
    all.iter().find(|calendar| calendar.name() == name).ok_or_else(|| {
        let known = all.iter().map(|calendar| calendar.name().to_owned());
        ApiError::new(Code::UnknownRoute, format!("there is no calendar `{name}`")).accepting(known)
    })
}

fn shown(visitor: &Visitor, calendar: &Calendar) -> Shown {
    let (engine, lang) = (&visitor.engine, visitor.lang);
    let now = engine.now();
    let definitions = engine.workflows().iter().filter_map(|flow| engine.definition(flow.name()));
    let counting = definitions.filter(|definition| {
        let others = definition.clocks.values().flat_map(|rule| &rule.calendars);
        definition.calendar == calendar.name()
            || others.into_iter().any(|other| other.calendar == calendar.name())
    });
    let flow = |definition: Arc<crate::kernel::definition::Definition>| {
        (definition.workflow.clone(), lang.of(&definition.title).to_owned())
    };
    Shown {
        name: calendar.name().to_owned(),
        title: lang.of(calendar.title()).to_owned(),
        version: calendar.version(),
        zone: calendar.zone().name(),
        weekly: weekly(visitor, calendar),
        horizon: calendar.horizon().map(|date| date.to_string()),
        days_left: calendar.horizon_near(now).map(|near| near.days_left),
        open_now: calendar.is_open(now),
        flows: counting.map(flow).collect(),
    }
}

/// Weekdays one after another with the same hours as one.
fn weekly(visitor: &Visitor, calendar: &Calendar) -> Vec<(String, Option<String>)> {
    let lang = visitor.lang;
    let mut rows: Vec<(Vec<&str>, String)> = Vec::new();
    for day in WEEK {
        let hours = listed(calendar.weekly(day));
        match rows.last_mut().filter(|(_, known)| *known == hours) {
            Some((days, _)) => days.push(weekday(day, lang)),
            None => rows.push((vec![weekday(day, lang)], hours)),
        }
    }
    let row = |(days, hours): (Vec<&str>, String)| {
        let days = match days.as_slice() {
            [first, .., last] => format!("{first}{}{last}", lang.t(" – ", "至")),
            days => days.concat(),
        };
        (days, Some(hours).filter(|hours| !hours.is_empty()))
    };
    rows.into_iter().map(row).collect()
}
