//! Owns the console: pages that agents and supervisors work in, that process owners read and that auditors search.
//!
//! | page | file |
//! |---|---|
//! | signing in and out, the language | [`sign`] |
//! | queues, filters, views that were saved, assigning many | [`work`], [`views`], [`assign`] |
//! | a case, one entry of it, why a clock is due | [`case`] |
//! | forms made from schemas, previews, sending | [`send`], [`input`] |
//! | what is offered to whom | [`offers`] |
//! | entries and values in words | [`told`], [`words`] |
//! | what changed while a page is open | [`live`] |
//! | histories, searched and exported | [`audit`] |
//! | KPIs of a window, with their charts | [`reports`], [`kpi_table`], [`chart`] |
//! | answers that take long, with how far they are | [`slow`] |
//! | the cases behind a number | [`behind`] |
//! | reports that were frozen | [`summaries`] |
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
pub mod assign;
pub mod audit;
pub mod behind;
pub mod calendars;
pub mod case;
pub mod chart;
pub mod clock;
pub mod flow;
pub mod flow_rules;
pub mod flow_values;
pub mod flows;
pub mod form;
pub mod heat;
pub mod help;
pub mod input;
pub mod kpi_table;
pub mod lang;
pub mod live;
pub mod names;
pub mod offers;
pub mod page;
pub mod queues;
pub mod reports;
pub mod schedules;
pub mod send;
pub mod session;
pub mod shell;
pub mod sign;
pub mod slow;
pub mod summaries;
pub mod system;
pub mod times;
pub mod told;
pub mod views;
pub mod words;
pub mod work;
pub mod year;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use crate::api::{self, AppState};
use live::Live;
use offers::Samples;
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
    /// Sample events, to ask what is offered.
    pub samples: Arc<Samples>,
    /// Who is told of changes.
    pub live: Arc<Live>,
}

/// Every page, each with its handler.
fn pages() -> Router<Desk> {
    Router::new()
        .route("/", get(work::work))
        .route("/assign", post(assign::assign))
        .route("/views", post(views::save))
        .route("/views/forget", post(views::forget))
        .route("/start", get(send::startable))
        .route("/start/{workflow}", get(send::start_form).post(send::start_post))
        .route("/cases/{id}", get(case::show))
        .route("/cases/{id}/reveal", post(case::reveal))
        .route("/cases/{id}/entries/{seq}", get(case::entry))
        .route("/cases/{id}/clocks/{clock}", get(case::why))
        .route("/cases/{id}/send/{event}", get(send::event_form).post(send::event_post))
        .route("/live", get(live::stream))
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
        .route("/reports", get(reports::reports))
        .route("/reports/table", get(kpi_table::table))
        .route("/reports/kpis/{kpi}", get(behind::behind))
        .route("/reports/kpis/{kpi}/cases", get(behind::cases))
        .route("/reports/summaries", get(summaries::summaries))
        .route("/audit", get(audit::audit))
        .route("/audit/export.csv", get(audit::export_csv))
        .route("/audit/export.jsonl", get(audit::export_jsonl))
        .route("/assets/{file}", get(assets::asset))
}

/// The API and the console over `state`.
pub fn router(state: AppState) -> Router {
    let desk = Desk {
        state: state.clone(),
        sessions: Arc::default(),
        queues: Arc::default(),
        samples: Arc::default(),
        live: Arc::default(),
    };
    let limit = DefaultBodyLimit::max(state.limits().body_bytes_max);
    let pages = pages().layer(limit).with_state(desk.clone());
    let all =
        api::closed(api::routes().merge(pages)).layer(middleware::from_fn_with_state(desk, around::around));
    api::surrounded(all, state)
}
