//! The values of a flow: its published versions with their text, and the policy of the one in force.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::flow::{Asked, Show, Top};
use super::shell::{Shell, Visitor};
use super::{Desk, page};
use crate::api::error::{ApiError, Code};
use crate::api::extract::{NoParams, Params, Segments};
use crate::api::workflows::{DefinitionRow, list_definitions};

#[derive(Template)]
#[template(path = "flow_values.html", config = "src/console/askama.toml")]
struct ValuesPage {
    shell: Shell,
    top: Top,
    versions: Vec<DefinitionRow>,
    policy: Option<String>,
}

/// Shows the versions and the policy values in force.
///
/// # Errors
/// `role_not_allowed`.
pub async fn values(asked: &Asked) -> Result<Response, ApiError> {
    let mut versions = versions(asked).await?;
    versions.reverse();
    let policy = text_in_force(asked).and_then(|text| block(&text, &["policy"]));
    page::page(&ValuesPage { shell: asked.shell(), top: asked.top(Show::Values), versions, policy })
}

async fn versions(asked: &Asked) -> Result<Vec<DefinitionRow>, ApiError> {
    let (state, caller) = (State(asked.visitor.state.clone()), asked.visitor.caller.clone());
    let listed =
        list_definitions(state, caller, Segments(asked.name().to_owned()), Params(NoParams {})).await?;
    Ok(listed.0.definitions)
}

/// The text of the version that new cases get.
pub fn text_in_force(asked: &Asked) -> Option<String> {
    let engine = &asked.visitor.engine;
    let hash = engine.definition(asked.name())?.hash.clone();
    let found = engine.definitions(asked.name()).into_iter().find(|(definition, _)| definition.hash == hash);
    found.map(|(_, text)| text.to_string())
}

#[derive(Template)]
#[template(path = "flow_text.html", config = "src/console/askama.toml")]
struct TextPage {
    shell: Shell,
    top: Top,
    version: u32,
    in_force: bool,
    text: String,
}

/// Shows the text of one version.
///
/// # Errors
/// `role_not_allowed`, `unknown_workflow`, `unknown_version`.
pub async fn definition(
    State(_desk): State<Desk>,
    visitor: Visitor,
    Path((name, version)): Path<(String, u32)>,
) -> Result<Response, ApiError> {
    let asked = Asked::new(visitor, name).await?;
    let in_force = versions(&asked).await?.iter().any(|row| row.version == version && row.in_force);
    let all = asked.visitor.engine.definitions(asked.name());
    let found = all.iter().find(|(definition, _)| definition.version == version);
    let (_, text) = found.ok_or_else(|| {
        let known = all.iter().map(|(definition, _)| definition.version.to_string());
        let detail = format!("`{}` has no version {version}", asked.name());
        ApiError::new(Code::UnknownVersion, detail).accepting(known)
    })?;
    let (shell, top) = (asked.shell(), asked.top(Show::Values));
    page::page(&TextPage { shell, top, version, in_force, text: text.to_string() })
}

/// The lines of the value that `path` leads to in `text`, a definition: that of a key among what is indented
/// below the key before it, with its comments, as they are written.
pub fn block(text: &str, path: &[&str]) -> Option<String> {
    let (key, below) = path.split_first()?;
    let lines: Vec<&str> = text.lines().collect();
    let indent = lines.iter().filter(|line| is_content(line)).map(|line| indent_of(line)).min()?;
    let named = |line: &&str| {
        let rest = line[indent_of(line)..].strip_prefix(*key);
        indent_of(line) == indent && rest.is_some_and(|rest| rest.starts_with(':'))
    };
    let first = lines.iter().position(named)?;
    let inside = |line: &&&str| !is_content(line) || indent_of(line) > indent;
    let mut end = first + 1 + lines[first + 1..].iter().take_while(inside).count();
    // Comments after the last value belong to what follows.
    while end > first + 1 && !is_content(lines[end - 1]) {
        end -= 1;
    }
    if !below.is_empty() {
        return block(&lines[first + 1..end].join("\n"), below);
    }
    let shown = lines[first..end].iter().map(|line| line.get(indent..).unwrap_or_default());
    Some(shown.collect::<Vec<_>>().join("\n"))
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether a line says something: it is neither empty nor a comment.
fn is_content(line: &str) -> bool {
    !line.trim().is_empty() && !line.trim_start().starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# head\nworkflow: a\n\npolicy:\n  # first\n  frt:\n    phone: 15 seconds # three\n\n    \
                        sms: 2 hours\n  nrt: 1 hour\n\n  # of what follows\n\nclocks:\n  frt: {}\n";

    #[test]
    fn a_value_is_shown_as_it_is_written() {
        assert_eq!(block(TEXT, &["workflow"]).unwrap(), "workflow: a");
        assert_eq!(block(TEXT, &["policy", "nrt"]).unwrap(), "nrt: 1 hour");
        let frt = "frt:\n  phone: 15 seconds # three\n\n  sms: 2 hours";
        assert_eq!(block(TEXT, &["policy", "frt"]).unwrap(), frt);
        assert!(block(TEXT, &["policy"]).unwrap().starts_with("policy:\n  # first\n  frt:"));
        assert!(block(TEXT, &["policy"]).unwrap().ends_with("  nrt: 1 hour"));
        assert_eq!(
            (block(TEXT, &["policy", "none"]), block(TEXT, &["phone"]), block("", &["a"])),
            (None, None, None)
        );
    }
}
