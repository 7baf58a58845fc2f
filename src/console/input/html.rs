//! Owns how fields are written: each with its label, its hint and what is wrong with it tied to it.

use askama::Template;

use super::{COUNT, Input, Kind, MORE};
use crate::api::error::{ApiError, Code};
use crate::console::lang::Lang;

/// One field, its members written already.
#[derive(Template)]
#[template(path = "input.html", config = "src/console/askama.toml")]
struct InputHtml<'i> {
    input: &'i Input,
    /// What other elements call it.
    id: String,
    lang: Lang,
    /// Its members, in groups.
    groups: Vec<String>,
    more: &'static str,
    count: &'static str,
}

/// The fields as HTML, in order.
///
/// # Errors
/// `internal` where they cannot be written, which their types rule out.
pub fn rendered(inputs: &[Input], lang: Lang) -> Result<String, ApiError> {
    let mut out = String::new();
    for input in inputs {
        let groups = match &input.kind {
            Kind::Group(members) => vec![rendered(members, lang)?],
            Kind::Union { groups, .. } | Kind::Items(groups) => {
                groups.iter().map(|members| rendered(members, lang)).collect::<Result<_, _>>()?
            }
            Kind::Text { .. } | Kind::Number { .. } | Kind::Choice(_) => Vec::new(),
        };
        let id = input.name.replace('.', "-");
        let shown = InputHtml { input, id, lang, groups, more: MORE, count: COUNT };
        let text = shown.render().map_err(|error| ApiError::new(Code::Internal, error.to_string()))?;
        out.push_str(&text);
    }
    Ok(out)
}
