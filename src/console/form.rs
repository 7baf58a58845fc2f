//! Owns what a form of a page sends: its fields in order, from this console's own page only.

use axum::Form;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use serde::{Deserialize, Deserializer};

use super::Desk;
use super::shell::Visitor;
use crate::api::error::{ApiError, Code};

/// The field that says that a form is this console's own.
pub const CSRF: &str = "_csrf";

/// Fields by name, in the order of the form; a name may come several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of `name` without space around it; absent where nothing is left.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Every value of `name`.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A form that somebody signed in sent from a page of this console.
pub struct Posted {
    /// Who.
    pub visitor: Visitor,
    /// What.
    pub fields: Fields,
}

impl FromRequest<Desk> for Posted {
    type Rejection = ApiError;

    async fn from_request(request: Request, desk: &Desk) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        check_origin(&parts.headers)?;
        let visitor =
            <Visitor as axum::extract::FromRequestParts<Desk>>::from_request_parts(&mut parts, desk).await?;
        let fields = read(Request::from_parts(parts, body), desk).await?;
        if !fields.get(CSRF).is_some_and(|given| visitor.session.is_own_form(given)) {
            let detail = "the form is not of this session's pages; reload the page and send it again";
            return Err(ApiError::new(Code::RoleNotAllowed, detail));
        }
        Ok(Self { visitor, fields })
    }
}

/// Reads the fields of a form.
///
/// # Errors
/// A body that is none, or too large.
pub async fn read(request: Request, desk: &Desk) -> Result<Fields, ApiError> {
    let form = Form::<Vec<(String, String)>>::from_request(request, desk).await;
    form.map(|Form(fields)| Fields(fields)).map_err(|rejection| {
        let code = if rejection.status().as_u16() == 413 { Code::BodyTooLarge } else { Code::InvalidBody };
        ApiError::new(code, rejection.body_text())
    })
}

/// Lets only those forms pass that a page of this host sent, where the browser says whose page it was.
///
/// # Errors
/// `role_not_allowed`.
pub fn check_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let foreign = site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let host = |origin: &str| origin.split_once("://").map(|(_, host)| host.to_owned());
    let other = text(ORIGIN).is_some_and(|origin| origin != "null" && host(origin).as_deref() != text(HOST));
    if foreign || other {
        let detail = "the form was sent by a page of another site";
        return Err(ApiError::new(Code::RoleNotAllowed, detail));
    }
    Ok(())
}

/// Reads a field of a form that is sent in an address: one that was left empty is none.
///
/// # Errors
/// What the deserializer fails with.
pub fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        check_origin(&headers).is_ok()
    }

    #[test]
    fn forms_of_other_sites_are_refused() {
        let host = ("host", "careflow.example:8080");
        assert!(passes(&[host]), "a program says nothing of pages");
        assert!(passes(&[
            host,
            ("origin", "http://careflow.example:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(!passes(&[host, ("origin", "https://evil.example")]));
        assert!(!passes(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(!passes(&[host, ("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn a_field_without_content_is_none() {
        let fields =
            Fields(vec![("a".into(), "  ".into()), ("b".into(), " x ".into()), ("b".into(), "y".into())]);
        assert_eq!((fields.text("a"), fields.text("b"), fields.text("c")), (None, Some("x"), None));
        assert_eq!(fields.all("b").collect::<Vec<_>>(), [" x ", "y"]);
    }
}
