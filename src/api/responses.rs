//! Owns what the table of errors becomes elsewhere: responses of the OpenAPI document, a table of the README.

use std::collections::BTreeMap;

use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, openapi};

use super::error::{Code, PROBLEM_JSON};

/// Failures that any request with a token can meet.
const CALLING: &[Code] = &[
    Code::InvalidHeader,
    Code::MissingToken,
    Code::WrongToken,
    Code::RoleNotAllowed,
    Code::RateLimited,
    Code::Internal,
    Code::Storage,
    Code::Starting,
    Code::Timeout,
];
/// Failures of a body.
const BODY: &[Code] = &[
    Code::MalformedJson,
    Code::SlowBody,
    Code::BodyTooLarge,
    Code::WrongMediaType,
    Code::InvalidBody,
    Code::Busy,
    Code::CommitUnknown,
    Code::Stopped,
    Code::DiskFull,
];

/// OpenAPI responses of one group of failures each: what a handler names in its annotation.
pub mod group {
    /// Reading something that may not exist.
    pub struct Reading;
    /// Reading a list.
    pub struct Listing;
    /// Sending an event or starting an instance.
    pub struct Sending;
    /// Reading a schedule.
    pub struct Scheduling;
    /// Changing tokens, actors, timers or schedules.
    pub struct Administering;
}

impl IntoResponses for group::Reading {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        responses(&[
            CALLING,
            &[Code::InvalidPath, Code::InvalidQuery, Code::UnknownWorkflow, Code::UnknownInstance],
            &[Code::UnknownVersion, Code::UnknownActor, Code::UnknownClock],
        ])
    }
}

impl IntoResponses for group::Listing {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        responses(&[CALLING, &[Code::InvalidQuery, Code::UnsupportedSort, Code::InvalidCursor]])
    }
}

impl IntoResponses for group::Sending {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        responses(&[
            CALLING,
            BODY,
            &[Code::InvalidPath, Code::InvalidQuery, Code::UnknownWorkflow, Code::UnknownInstance],
            &[Code::RefusedByDuty, Code::RefusedByState, Code::RefusedByGuard, Code::RefusedInput],
            &[Code::KeyReused, Code::ImportHeld, Code::Stale, Code::CommitTooLarge],
            &[Code::UnknownEvent, Code::InvalidPayload, Code::StepFailed],
        ])
    }
}

impl IntoResponses for group::Scheduling {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        responses(&[CALLING, &[Code::InvalidPath, Code::InvalidQuery, Code::UnknownSchedule]])
    }
}

impl IntoResponses for group::Administering {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        responses(&[
            CALLING,
            BODY,
            &[Code::InvalidPath, Code::UnknownInstance, Code::UnknownTimer, Code::UnknownToken],
            &[
                Code::UnknownSchedule,
                Code::UnknownActor,
                Code::KeyReused,
                Code::RefusedByGuard,
                Code::RefusedInput,
            ],
        ])
    }
}

/// One response for each status, whose description lists the codes and when they are answered.
fn responses(groups: &[&[Code]]) -> BTreeMap<String, RefOr<openapi::Response>> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for says in groups.iter().copied().flatten().map(|code| code.says()) {
        texts.entry(says.status.to_string()).or_default().push(format!("`{}`: {}", says.code, says.when));
    }
    let response = |lines: Vec<String>| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        RefOr::T(
            ResponseBuilder::new().description(lines.join("\n\n")).content(PROBLEM_JSON, content).build(),
        )
    };
    texts.into_iter().map(|(status, lines)| (status, response(lines))).collect()
}

/// The table of errors in Markdown, for the README.
pub fn table() -> String {
    let mut text = String::from("| status | code | when |\n|---|---|---|\n");
    for says in Code::ALL.iter().map(|code| code.says()) {
        text.push_str(&format!("| {} | `{}` | {} |\n", says.status, says.code, says.when));
    }
    text
}
