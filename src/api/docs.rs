//! The OpenAPI document and the page that shows it; the page's files are in the binary, it needs no network.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::error::Problem;
use super::state::AppState;

/// Where the document is.
const DOCUMENT: &str = "/openapi.json";
/// Where the page is.
const PAGE: &str = "/docs";

/// Reads this document; needs no token.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "get_openapi", tag = "server", security(()),
    responses(
        (status = 200, body = Object, description = "OpenAPI 3.1"),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "`rate_limited`"),
    ),
)]
pub async fn get_openapi(State(state): State<AppState>) -> Response {
    ([(CONTENT_TYPE, "application/json")], Body::from(state.document())).into_response()
}

/// The page that shows the document.
pub fn page() -> Router<AppState> {
    // The validator would send the document to a server outside.
    let config =
        Config::new([DOCUMENT]).validator_url("none").display_operation_id(true).try_it_out_enabled(true);
    SwaggerUi::new(PAGE).config(config).into()
}
