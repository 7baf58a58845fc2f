//! Owns what every page has: who reads it, in which language, where it stands, and what else there is.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono_tz::Tz;
use tokio::time::Instant;

use super::Desk;
use super::lang::{Lang, cookie};
use super::session::{self, Flash, Session};
use super::{assets, words};
use crate::api::AppState;
use crate::api::caller::{Caller, Sight};
use crate::api::error::{ApiError, Code};
use crate::api::kpi_query;
use crate::engine::Engine;
use crate::kernel::actor::Role;
use crate::kernel::instance::Instance;
use crate::kernel::title::Title;

/// A part of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Queues and cases.
    Work,
    /// Procedures, with their diagrams.
    Flows,
    /// What starts by itself.
    Schedules,
    /// Working hours and days off.
    Calendars,
    /// KPIs.
    Reports,
    /// Histories, searched.
    Audit,
    /// The server.
    System,
    /// How things are done.
    Help,
}

impl Part {
    const ALL: [Self; 8] = [
        Self::Work,
        Self::Flows,
        Self::Schedules,
        Self::Calendars,
        Self::Reports,
        Self::Audit,
        Self::System,
        Self::Help,
    ];

    const fn path(self) -> &'static str {
        match self {
            Self::Work => "/",
            Self::Flows => "/flows",
            Self::Schedules => "/schedules",
            Self::Calendars => "/calendars",
            Self::Reports => "/reports",
            Self::Audit => "/audit",
            Self::System => "/system",
            Self::Help => "/help",
        }
    }

    const fn title(self, lang: Lang) -> &'static str {
        match self {
            Self::Work => lang.t("Work", "工作"),
            Self::Flows => lang.t("Flows", "流程"),
            Self::Schedules => lang.t("Schedules", "定时"),
            Self::Calendars => lang.t("Calendars", "日历"),
            Self::Reports => lang.t("Reports", "报表"),
            Self::Audit => lang.t("Audit", "审计"),
            Self::System => lang.t("System", "系统"),
            Self::Help => lang.t("Help", "帮助"),
        }
    }

    /// Whether there is something for `caller` there.
    pub fn is_for(self, caller: &Caller) -> bool {
        let staff = caller.sight() > Sight::Own;
        match self {
            Self::Work | Self::Flows | Self::Calendars | Self::Help => true,
            Self::Schedules | Self::Audit => staff,
            Self::Reports => kpi_query::check_reader(caller).is_ok(),
            Self::System => caller.in_role(&[Role::Administrator, Role::Auditor]).is_ok(),
        }
    }
}

/// Somebody signed in who asks for a page.
pub struct Visitor {
    /// As the API knows them.
    pub caller: Caller,
    /// What the API's handlers share.
    pub state: AppState,
    /// The engine, which is open.
    pub engine: Engine,
    /// The language of the page.
    pub lang: Lang,
    /// The session.
    pub session: Arc<Session>,
    /// Path and query of the request.
    pub path: String,
    /// The zone that times are shown in: that of the first flow's calendar.
    pub zone: Tz,
}

impl FromRequestParts<Desk> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, ApiError> {
        let engine = desk.state.engine()?.clone();
        let missing =
            || ApiError::new(Code::MissingToken, "nobody is signed in; the page `/sign-in` takes a token");
        let id = cookie(&parts.headers, session::COOKIE_NAME).ok_or_else(missing)?;
        let session = desk.sessions.used(id, Instant::now()).ok_or_else(missing)?;
        let Some(identity) = engine.identity(&session.token) else {
            desk.sessions.end(id);
            return Err(ApiError::new(Code::WrongToken, "the token that opened this session is revoked"));
        };
        let caller = Caller::known(parts, &desk.state, identity)?;
        let path = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        let zone = engine.workflows().iter().find_map(|flow| engine.zone(flow.name())).unwrap_or(Tz::UTC);
        let lang = Lang::of_request(&parts.headers);
        Ok(Self { caller, state: desk.state.clone(), engine, lang, session, path, zone })
    }
}

impl Visitor {
    /// The frame of a page of `part`.
    pub fn shell(&self, part: Part, title: impl Into<String>) -> Shell {
        let nav = Part::ALL.into_iter().filter(|other| other.is_for(&self.caller)).map(|other| Link {
            path: other.path(),
            title: other.title(self.lang),
            here: other == part,
        });
        let roles: Vec<&str> = self.caller.roles().iter().map(|role| words::role(*role, self.lang)).collect();
        Shell {
            lang: self.lang,
            title: title.into(),
            nav: nav.collect(),
            who: Some((self.caller.id().to_owned(), roles.join(self.lang.t(", ", "、")))),
            csrf: self.session.csrf.clone(),
            path: self.path.clone(),
            flash: self.session.said(),
            zone: self.zone.name(),
            style: assets::style(),
            script: assets::script(),
            sign: assets::sign(),
            refresh: None,
        }
    }

    /// What the flow `name` is called, by its definition in force.
    pub fn flow_title(&self, name: &str) -> String {
        let definition = self.engine.definition(name);
        definition.map_or_else(|| name.to_owned(), |found| self.lang.of(&found.title).to_owned())
    }

    /// What the flow and the state of `instance` are called, by the definition it runs with.
    pub fn titles(&self, instance: &Instance) -> (String, String) {
        let definition = self.engine.pinned(instance);
        let text = |title: Option<&Title>, name: &str| {
            title.map_or_else(|| name.to_owned(), |title| self.lang.of(title).to_owned())
        };
        let flow = text(definition.as_ref().map(|found| &found.title), &instance.workflow);
        let state = definition.as_ref().and_then(|found| found.states.get(&instance.state));
        (flow, text(state, &instance.state))
    }

    /// Says `text` on the next page as good news.
    pub fn good(&self, text: impl Into<String>) {
        self.session.say(Flash { good: true, text: text.into() });
    }

    /// Says `text` on the next page as bad news.
    pub fn bad(&self, text: impl Into<String>) {
        self.session.say(Flash { good: false, text: text.into() });
    }
}

/// A part in the navigation.
pub struct Link {
    /// Where it is.
    pub path: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// Whether the page belongs to it.
    pub here: bool,
}

/// The frame of a page: what `base.html` is written from.
pub struct Shell {
    /// Its language.
    pub lang: Lang,
    /// Its title.
    pub title: String,
    /// The parts that there are for the reader.
    pub nav: Vec<Link>,
    /// Id and roles of the reader; absent for a stranger.
    pub who: Option<(String, String)>,
    /// What its forms carry.
    pub csrf: String,
    /// Its own path and query.
    pub path: String,
    /// What is said once.
    pub flash: Option<Flash>,
    /// The zone of its times.
    pub zone: &'static str,
    /// Path of the style sheet.
    pub style: String,
    /// Path of the script.
    pub script: String,
    /// Path of the sign.
    pub sign: String,
    /// Seconds after which it asks for itself again.
    pub refresh: Option<u32>,
}

impl Shell {
    /// The frame of a page that nobody is signed in for.
    pub fn of_stranger(lang: Lang, title: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            lang,
            title: title.into(),
            nav: Vec::new(),
            who: None,
            csrf: String::new(),
            path: path.into(),
            flash: None,
            zone: "UTC",
            style: assets::style(),
            script: assets::script(),
            sign: assets::sign(),
            refresh: None,
        }
    }

    /// The one of two texts that is in the page's language.
    pub fn t<'t>(&self, en: &'t str, zh: &'t str) -> &'t str {
        self.lang.t(en, zh)
    }
}
