//! Saved views: a list with its filters under a name, kept for the person.

use axum::response::Response;

use super::form::Posted;
use super::sign::{own_path, to};
use crate::api::error::{ApiError, Code};
use crate::engine::desk::{VIEWS_MAX, View};

/// Longest name of a view.
const NAME_LENGTH_MAX: usize = 40;
/// Longest query of a view.
const QUERY_LENGTH_MAX: usize = 500;

/// Saves a view; another of the same name takes its place.
///
/// # Errors
/// A name or query that is too long; too many views.
pub async fn save(posted: Posted) -> Result<Response, ApiError> {
    let Posted { visitor, fields } = posted;
    let name = fields.text("name").unwrap_or_default().to_owned();
    let query = fields.text("query").unwrap_or_default().to_owned();
    let own = query.is_empty() || query.starts_with('?');
    if name.is_empty() || name.chars().count() > NAME_LENGTH_MAX || query.len() > QUERY_LENGTH_MAX || !own {
        let detail =
            format!("a view has a name of 1 to {NAME_LENGTH_MAX} characters and the query of a list");
        return Err(ApiError::new(Code::InvalidBody, detail));
    }
    let mut views = visitor.engine.views(visitor.caller.id());
    views.views.retain(|view| view.name != name);
    if views.views.len() >= VIEWS_MAX {
        return Err(ApiError::new(
            Code::InvalidBody,
            format!("at most {VIEWS_MAX} views are kept; forget one first"),
        ));
    }
    let back = own_path(Some(&format!("/{query}")));
    views.views.push(View { name, query });
    let by = visitor.caller.sender(None, "saved");
    visitor.engine.put_views(&views, by).await.map_err(ApiError::from)?;
    visitor.good(visitor.lang.t("The view is saved.", "视图已保存。"));
    Ok(to(&back))
}

/// Forgets a view.
///
/// # Errors
/// What recording fails with.
pub async fn forget(posted: Posted) -> Result<Response, ApiError> {
    let Posted { visitor, fields } = posted;
    let name = fields.text("name").unwrap_or_default();
    let mut views = visitor.engine.views(visitor.caller.id());
    let before = views.views.len();
    views.views.retain(|view| view.name != name);
    if views.views.len() < before {
        let by = visitor.caller.sender(None, "saved");
        visitor.engine.put_views(&views, by).await.map_err(ApiError::from)?;
    }
    Ok(to("/"))
}
