//! Owns the console: pages that agents and supervisors work in, that process owners read and that auditors search.
//!
//! | page | file |
//! |---|---|
//! | signing in and out, the language | [`sign`] |
//! | queues, filters, assigning many | [`work`] |
//! | flows, how many cases they have | [`flows`], [`heat`] |
//! | one flow: diagram, rules, values | [`flow`], [`flow_rules`], [`flow_values`] |
//! | schedules, pausing and running one | [`schedules`] |
//! | calendars, each as a year | [`calendars`], [`year`] |
//! | the server in numbers | [`system`] |
//! | who does what here, words, API calls | [`help`] |
//! | errors as pages, sessions that change their id | [`around`] |
//! | what every page has: navigation, language, who reads | [`shell`] |
//! | style sheet and script | [`assets`] |
//!
//! A page is made by calling the API's own handlers in the same process, as the person who is
//! signed in: what a person may read or do is said once, there.
//!
//! # Why
//! Pages are made on the server and work without JavaScript, for reading and for sending events;
//! the script only adds what must be live. No page asks another host for anything, which the
//! content security policy enforces.

pub mod around;
pub mod assets;
pub mod calendars;
pub mod clock;
pub mod flow;
pub mod flow_rules;
pub mod flow_values;
pub mod flows;
pub mod form;
pub mod heat;
pub mod help;
pub mod lang;
pub mod names;
pub mod page;
pub mod queues;
pub mod schedules;
pub mod session;
pub mod shell;
pub mod sign;
pub mod system;
pub mod times;
pub mod words;
pub mod work;
pub mod year;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use crate::api::{self, AppState};
use queues::Queues;
use session::Sessions;

/// The version that pages name.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What every page's handler shares; clones share it.
#[derive(Clone)]
pub struct Desk {
    /// What the API's handlers share.
    pub state: AppState,
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// Which queues there are.
    pub queues: Arc<Queues>,
}

/// Every page, each with its handler.
fn pages() -> Router<Desk> {
    Router::new()
        .route("/", get(work::work))
        .route("/flows", get(flows::flows))
        .route("/flows/{workflow}", get(flow::flow))
        .route("/flows/{workflow}/definitions/{version}", get(flow_values::definition))
        .route("/schedules", get(schedules::schedules))
        .route("/schedules/{id}", get(schedules::schedule))
        .route("/schedules/{id}/{order}", post(schedules::order))
        .route("/calendars", get(calendars::calendars))
        .route("/calendars/{name}", get(calendars::calendar))
        .route("/system", get(system::system))
        .route("/help", get(help::help))
        .route("/sign-in", get(sign::show).post(sign::sign_in))
        .route("/sign-out", post(sign::sign_out))
        .route("/language", post(sign::language))
        .route("/assets/{file}", get(assets::asset))
}

/// The API and the console over `state`.
pub fn router(state: AppState) -> Router {
    let desk = Desk { state: state.clone(), sessions: Arc::default(), queues: Arc::default() };
    let limit = DefaultBodyLimit::max(state.limits().body_bytes_max);
    let pages = pages().layer(limit).with_state(desk.clone());
    let all =
        api::closed(api::routes().merge(pages)).layer(middleware::from_fn_with_state(desk, around::around));
    api::surrounded(all, state)
}
