//! Owns the HTTP API: one flat list of routes, a file per resource.
//!
//! | path | file |
//! |---|---|
//! | who calls, in which role | [`caller`] |
//! | every error, once | [`error`] |
//! | ids, spans, time limits, problems | [`request`] |
//! | what `/readyz` tells | [`standing`] |
//! | the OpenAPI document | [`openapi`] |
//! | the log's line of each request | `access` |
//! | connections and the graceful end | [`server`] |
//!
//! A caller is known by a token, or by being allowed to open the control socket;
//! the router is the same for both.

#![allow(unused_qualifications, reason = "utoipa's macros qualify the types they are given")]

mod access;
pub mod actors;
pub mod caller;
mod catalog;
pub mod changes;
pub mod clock_facts;
mod clock_filters;
pub mod clock_rules;
pub mod clocks;
pub mod cursor;
pub mod derivations;
pub mod diagrams;
mod docs;
pub mod effects;
pub mod entries;
pub mod error;
pub mod events;
pub mod extract;
mod headers;
pub mod health;
pub mod history;
pub mod instances;
pub mod kpi_cases;
pub mod kpi_query;
pub mod kpis;
pub mod lists;
mod meter;
pub mod openapi;
mod rate;
pub mod request;
pub mod responses;
mod roles;
pub mod rows;
pub mod schedules;
pub mod search;
pub mod server;
pub mod standing;
pub mod state;
mod strict;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod timers;
pub mod tokens;
pub mod workflows;

use axum::Router;
use axum::middleware;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use server::{Listeners, serve, serve_on};
pub use state::{AppState, Limits};

/// Every route, each with its handler; the OpenAPI document is made of the same list.
fn listed() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(health::get_health))
        .routes(routes!(health::get_readiness))
        .routes(routes!(health::get_metrics))
        .routes(routes!(docs::get_openapi))
        .routes(routes!(workflows::list_workflows))
        .routes(routes!(workflows::get_workflow))
        .routes(routes!(diagrams::get_diagram))
        .routes(routes!(diagrams::list_transitions))
        .routes(routes!(workflows::get_schemas))
        .routes(routes!(workflows::list_definitions))
        .routes(routes!(workflows::get_definition))
        .routes(routes!(events::start_instance))
        .routes(routes!(lists::list_instances))
        .routes(routes!(instances::get_instance))
        .routes(routes!(diagrams::get_instance_diagram))
        .routes(routes!(events::send_event))
        .routes(routes!(history::list_history))
        .routes(routes!(clocks::list_clocks))
        .routes(routes!(derivations::explain_clock))
        .routes(routes!(timers::fire_timer))
        .routes(routes!(timers::move_timer))
        .routes(routes!(timers::list_timers))
        .routes(routes!(schedules::list_schedules))
        .routes(routes!(schedules::preview_fire_times))
        .routes(routes!(schedules::get_schedule))
        .routes(routes!(schedules::list_next_fire_times))
        .routes(routes!(schedules::list_firings))
        .routes(routes!(schedules::pause_schedule))
        .routes(routes!(schedules::resume_schedule))
        .routes(routes!(schedules::run_schedule))
        .routes(routes!(changes::list_changes))
        .routes(routes!(search::search_history))
        .routes(routes!(kpis::get_kpis))
        .routes(routes!(kpi_cases::list_kpi_instances))
        .routes(routes!(tokens::create_token, tokens::list_tokens))
        .routes(routes!(tokens::revoke_token))
        .routes(routes!(actors::list_actors))
        .routes(routes!(actors::get_actor, actors::put_actor))
}

/// The API over `state`, with what surrounds every request.
pub fn router(state: AppState) -> Router {
    surrounded(closed(routes()), state)
}

/// The routes of the API and of its page.
pub fn routes() -> Router<AppState> {
    let (router, _) = listed().split_for_parts();
    router.merge(docs::page())
}

/// Gives every path that is no route, and every panic, a problem.
pub fn closed(router: Router<AppState>) -> Router<AppState> {
    router
        .fallback(request::unknown_route)
        .method_not_allowed_fallback(request::wrong_method)
        .layer(CatchPanicLayer::custom(request::caught))
}

/// Gives every request its id, span and limits, and writes problems as documents.
pub fn surrounded(router: Router<AppState>, state: AppState) -> Router {
    router.layer(middleware::from_fn_with_state(state.clone(), request::surround)).with_state(state)
}
