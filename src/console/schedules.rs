//! Schedules: what starts by itself and when; an administrator pauses, resumes or runs one, with a reason.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::form::Posted;
use super::shell::{Part, Shell, Visitor};
use super::sign::to;
use super::times::Time;
use super::{Desk, page, words};
use crate::api::error::{ApiError, Code};
use crate::api::extract::{NoParams, Params, Segments, StrictJson, WriteHeaders};
use crate::api::schedules::{
    FireTime, FiringParams, FiringRecord, FiringView, NextParams, ScheduleReason, ScheduleView, get_schedule,
    list_firings, list_next_fire_times, list_schedules, pause_schedule, resume_schedule, run_schedule,
};
use crate::kernel::actor::Role;
use crate::random;

/// Fire times that the list tells of each schedule.
const NEXT: usize = 3;
/// Fire times that the page of one tells.
const NEXT_OF_ONE: usize = 10;
/// Firings of a page.
const FIRINGS: usize = 25;
/// Random bytes of the key that makes a form count once.
const KEY_BYTES: usize = 16;

/// A schedule on a page.
struct Shown {
    id: String,
    title: String,
    name: String,
    workflow: String,
    flow: String,
    starts: String,
    report: Option<String>,
    cron: String,
    zone: String,
    state: String,
    state_text: &'static str,
    class: &'static str,
    /// Who paused it, when and why.
    paused: Option<(String, Time, String)>,
    next: Vec<Time>,
    fired: u64,
    last: Option<Fired>,
}

/// A firing on a page.
struct Fired {
    number: u64,
    at: Time,
    class: &'static str,
    outcome: &'static str,
    started: Option<String>,
    /// Why nothing was started, what it stands for, who ran it.
    notes: Vec<String>,
}

#[derive(Template)]
#[template(path = "schedules.html", config = "src/console/askama.toml")]
struct SchedulesPage {
    shell: Shell,
    schedules: Vec<Shown>,
}

#[derive(Template)]
#[template(path = "schedule.html", config = "src/console/askama.toml")]
struct SchedulePage {
    shell: Shell,
    schedule: Shown,
    about: About,
    firings: Vec<Fired>,
    earlier: Option<String>,
    /// What the forms of an administrator carry; absent for others.
    key: Option<String>,
}

/// How a schedule treats what is in its way.
struct About {
    catch_up: &'static str,
    overlap: &'static str,
}

/// Which firings.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct FiringQuery {
    before: Option<u64>,
}

/// Shows what starts by itself.
///
/// # Errors
/// `role_not_allowed`.
pub async fn schedules(State(desk): State<Desk>, visitor: Visitor) -> Result<Response, ApiError> {
    let listed = list_schedules(State(desk.state), visitor.caller.clone(), Params(NoParams {})).await?.1.0;
    let mut schedules = Vec::new();
    for view in listed.schedules {
        schedules.push(shown(&visitor, view, NEXT).await?);
    }
    let shell = visitor.shell(Part::Schedules, visitor.lang.t("Schedules", "定时任务"));
    page::page(&SchedulesPage { shell, schedules })
}

/// Shows one schedule with its firings.
///
/// # Errors
/// `role_not_allowed`, `unknown_schedule`.
pub async fn schedule(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(query): Query<FiringQuery>,
) -> Result<Response, ApiError> {
    let (state, caller, lang) = (State(desk.state), visitor.caller.clone(), visitor.lang);
    let view =
        get_schedule(state.clone(), caller.clone(), Segments(id.clone()), Params(NoParams {})).await?.1.0;
    let params = Params(FiringParams { before: query.before, limit: Some(FIRINGS) });
    let firings = list_firings(state, caller, Segments(id.clone()), params).await?.1.0;
    let earlier = firings.next_before.map(|before| format!("/schedules/{id}?before={before}"));
    let about = About {
        catch_up: match view.catch_up {
            "all" => lang.t("each one is made up for", "逐次补发"),
            "one" => lang.t("made up for once", "补发一次"),
            _ => lang.t("left out", "不补发"),
        },
        overlap: match view.overlap {
            "allow" => lang.t("fires beside it", "照常触发"),
            _ => lang.t("is left out", "跳过本次"),
        },
    };
    let schedule = shown(&visitor, view, NEXT_OF_ONE).await?;
    let shell = visitor.shell(Part::Schedules, schedule.title.clone());
    let administers = visitor.caller.in_role(&[Role::Administrator]).is_ok();
    let key = administers.then(|| random::hex_of(KEY_BYTES));
    let fired = |record: &FiringRecord| fired(&visitor, &record.firing);
    let firings = firings.firings.iter().map(fired).collect();
    page::page(&SchedulePage { shell, schedule, about, firings, earlier, key })
}

async fn shown(visitor: &Visitor, view: ScheduleView, n: usize) -> Result<Shown, ApiError> {
    let (lang, active) = (visitor.lang, view.state == "active");
    let next = if active { next(visitor, &view.id, n).await? } else { Vec::new() };
    let (class, state_text) = match view.state.as_str() {
        "active" => ("good", lang.t("active", "启用")),
        "paused" => ("warn", lang.t("paused", "已暂停")),
        _ => ("", lang.t("withdrawn", "已撤下")),
    };
    Ok(Shown {
        title: lang.view(&view.title).to_owned(),
        flow: visitor.flow_title(&view.workflow),
        starts: visitor.flow_title(&view.starts),
        report: view.report,
        paused: view.paused.map(|pause| {
            let at = Time::of_text(&pause.at, visitor.zone, lang);
            (pause.by, at, pause.reason)
        }),
        last: view.last.as_ref().map(|last| fired(visitor, last)),
        next,
        id: view.id,
        name: view.name,
        workflow: view.workflow,
        cron: view.cron,
        zone: view.zone,
        state: view.state,
        state_text,
        class,
        fired: view.fired,
    })
}

async fn next(visitor: &Visitor, id: &str, n: usize) -> Result<Vec<Time>, ApiError> {
    let (state, caller) = (State(visitor.state.clone()), visitor.caller.clone());
    let params = Params(NextParams { n: Some(n), after: None });
    let ahead = list_next_fire_times(state, caller, Segments(id.to_owned()), params).await?.0;
    let time = |time: &FireTime| Time::of_text(&time.at, visitor.zone, visitor.lang);
    Ok(ahead.times.iter().map(time).collect())
}

fn fired(visitor: &Visitor, firing: &FiringView) -> Fired {
    let lang = visitor.lang;
    let (class, outcome) = match firing.outcome {
        "started" => ("good", lang.t("started", "已启动")),
        "refused" => ("bad", lang.t("refused", "被拒绝")),
        _ => ("warn", lang.t("left out", "已跳过")),
    };
    let missed = firing.missed.as_ref().map(|missed| match missed.count {
        1 => lang.t("was missed", "曾错过").to_owned(),
        count => lang
            .t(&format!("stands for {count} missed times"), &format!("合并了 {count} 次错过的触发"))
            .to_owned(),
    });
    let run_by = firing.run_by.as_ref();
    let run_by = run_by.map(|by| lang.t(&format!("run by {by}"), &format!("由 {by} 手动运行")).to_owned());
    let why = match firing.code.as_deref() {
        None => None,
        Some("missed") => {
            Some(lang.t("its time passed while no server ran", "到点时服务器未运行").to_owned())
        }
        Some("overlap") => Some(lang.t("the one before is not finished", "上一次尚未完成").to_owned()),
        Some(code) => {
            let reason = firing.reason.clone().unwrap_or_else(|| code.to_owned());
            Some(words::refusals::told(code, &reason, lang))
        }
    };
    Fired {
        number: firing.number,
        at: Time::of_text(&firing.scheduled_for, visitor.zone, lang),
        class,
        outcome,
        started: firing.started.clone(),
        notes: [missed, run_by, why].into_iter().flatten().collect(),
    }
}

/// Pauses, resumes or runs a schedule; says on its page what became of it.
///
/// # Errors
/// `unknown_route` for anything else.
pub async fn order(
    State(desk): State<Desk>,
    Path((id, what)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, ApiError> {
    let Posted { visitor, fields } = posted;
    let (state, caller, lang) = (State(desk.state), visitor.caller.clone(), visitor.lang);
    let reason = fields.get("reason").unwrap_or_default().trim().to_owned();
    let key = fields.text("key").map(str::to_owned);
    let write = WriteHeaders { key, if_match: None };
    let (body, path) = (StrictJson(ScheduleReason { reason }), Segments(id.clone()));
    let (done, said) = match what.as_str() {
        "pause" => (
            pause_schedule(state, caller, path, Params(NoParams {}), write, body).await,
            lang.t("Paused.", "已暂停。"),
        ),
        "resume" => (
            resume_schedule(state, caller, path, Params(NoParams {}), write, body).await,
            lang.t("Resumed.", "已恢复。"),
        ),
        "run" => (
            run_schedule(state, caller, path, Params(NoParams {}), write, body).await,
            lang.t("Started.", "已启动。"),
        ),
        _ => {
            return Err(ApiError::new(
                Code::UnknownRoute,
                format!("nothing is called `{what}` of a schedule"),
            ));
        }
    };
    match done {
        Ok(_) => visitor.good(said),
        Err(error) => {
            let problem = error.into_problem();
            visitor.bad(words::refusals::told(&problem.code, &problem.detail, visitor.lang));
        }
    }
    Ok(to(&format!("/schedules/{}", super::around::encoded(&id))))
}
