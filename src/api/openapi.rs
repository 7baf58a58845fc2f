//! Owns the OpenAPI document: the listed routes, typed by the workflows' own payload schemas.
//!
//! utoipa makes the document from the handlers; what it cannot know is put in
//! as JSON: for each event a component `<Event>Event` whose `payload` is the
//! schema of the workflow's type, and for each workflow its own start.
//!
//! # Why
//! One route takes the events of every workflow, and two workflows may have an
//! event of one name with other payloads. So the discriminator is the event's
//! name, which is unique, and the payload of a shared name is one of the
//! workflows' (`anyOf`). Starts have the workflow in their path: there the
//! document lists the concrete paths instead of the pattern, so that a
//! generated client has one typed call for each workflow.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::catalog::payload_schema;
use super::listed;
use crate::kernel::machine::{EventSpec, Workflow};

/// The pattern that the concrete starts stand for.
const START_PATH: &str = "/v1/workflows/{workflow}/instances";

/// One workflow's use of an event's name.
type Use = (Arc<dyn Workflow>, EventSpec);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "careflow",
        description = "Customer-service procedures as durable, typed state machines.\n\nEvery write takes an `Idempotency-Key`: sent again with the same key it has the same status, `ETag` and `Careflow-Position`, and happens once; every failure is a problem document (RFC 9457) with a stable `code`. Times are RFC 3339 in UTC. A token goes into `Authorization: Bearer`; where it carries several roles, the header `Careflow-Role` chooses one, and `Careflow-On-Behalf-Of` names whom the caller acts for. `X-Request-Id` is taken and given back.",
        license(name = "MIT", identifier = "MIT"),
    ),
    servers((url = "/", description = "This server")),
    security(("token" = [])),
    tags(
        (name = "workflows", description = "What procedures there are."),
        (name = "instances", description = "Running and finished cases."),
        (name = "events", description = "Starting instances and moving them on."),
        (name = "timers", description = "What is due when."),
        (name = "schedules", description = "What starts by itself, and when."),
        (name = "changes", description = "The resumable feed of entries, and the search for them."),
        (name = "reports", description = "Numbers over histories, and the cases behind each."),
        (name = "tokens", description = "Who may call."),
        (name = "actors", description = "Who can own cases."),
        (name = "server", description = "Health, readiness, metrics and this document."),
    ),
)]
struct Document;

/// The document for these workflows; the same each time.
pub fn openapi(workflows: &[Arc<dyn Workflow>]) -> Value {
    let mut document = Document::openapi();
    document.merge(listed().into_openapi());
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token that an administrator made; the first start prints one."))
        .build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    let mut document = serde_json::to_value(document).expect("the document's types write themselves as JSON");
    name_variants(&mut document, "EffectView", "kind", "Effect");
    name_variants(&mut document, "CauseView", "kind", "Cause");
    name_variants(&mut document, "PatchView", "op", "Patch");
    type_events(&mut document, workflows);
    type_starts(&mut document, workflows);
    document
}

/// The document as text, ended by a newline: what is served and committed.
pub fn text(workflows: &[Arc<dyn Workflow>]) -> String {
    let document = openapi(workflows);
    format!("{}\n", serde_json::to_string_pretty(&document).expect("a JSON value writes itself as JSON"))
}

/// Gives each variant of a tagged union a name and tells which tag means which: generators name
/// an unnamed variant by its number, which changes with the next one.
fn name_variants(document: &mut Value, union: &str, tag: &str, suffix: &str) {
    let schemas = &mut document["components"]["schemas"];
    let Some(variants) = schemas[union]["oneOf"].as_array_mut().map(std::mem::take) else { return };
    let (mut refs, mut mapping) = (Vec::new(), Map::new());
    for mut variant in variants {
        let Some(value) = variant["properties"][tag]["enum"][0].as_str().map(str::to_owned) else { continue };
        variant["properties"][tag] = json!({ "type": "string", "const": value });
        let name = format!("{}{suffix}", pascal(&value));
        let reference = format!("#/components/schemas/{name}");
        refs.push(json!({ "$ref": reference }));
        mapping.insert(value, reference.into());
        schemas[name] = variant;
    }
    schemas[union]["oneOf"] = refs.into();
    schemas[union]["discriminator"] = json!({ "propertyName": tag, "mapping": mapping });
}

/// Replaces the untyped event by one component for each name of an event.
fn type_events(document: &mut Value, workflows: &[Arc<dyn Workflow>]) {
    let mut payloads: BTreeMap<&'static str, Vec<Use>> = BTreeMap::new();
    let mut order = Vec::new();
    for flow in workflows {
        for spec in flow.events().iter().filter(|spec| spec.name != flow.start_event()) {
            if !payloads.contains_key(spec.name) {
                order.push(spec.name);
            }
            payloads.entry(spec.name).or_default().push((flow.clone(), *spec));
        }
    }
    if order.is_empty() {
        return;
    }
    let (mut refs, mut mapping) = (Vec::new(), Map::new());
    for event in order {
        let payload = payload(document, event, &payloads[event]);
        let name = format!("{}Event", pascal(event));
        let about = payloads[event][0].1.doc.trim();
        add_component(document, &name, event_schema(document, event, about, &payload));
        let reference = format!("#/components/schemas/{name}");
        refs.push(json!({ "$ref": reference }));
        mapping.insert(event.to_owned(), reference.into());
    }
    let request = json!({
        "description": "An event for an instance; its name decides what the payload holds.",
        "oneOf": refs,
        "discriminator": { "propertyName": "event", "mapping": mapping },
    });
    add_component(document, "EventRequest", request);
}

/// The body of one event.
fn event_schema(document: &Value, event: &str, about: &str, payload: &Value) -> Value {
    let mut required = vec!["event"];
    if needs_payload(document, payload) {
        required.push("payload");
    }
    json!({
        "type": "object",
        "description": about,
        "properties": {
            "event": { "type": "string", "const": event, "description": "Its name." },
            "payload": payload,
            "occurred_at": occurred_at(),
        },
        "required": required,
        "additionalProperties": false,
    })
}

fn occurred_at() -> Value {
    let about = "When it happened by the sender's clock; now where it is absent.";
    json!({ "type": "string", "format": "date-time", "description": about })
}

/// Whether an empty payload would break the schema.
fn needs_payload(document: &Value, payload: &Value) -> bool {
    let resolve = |schema: &Value| {
        let pointer = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        let schema = pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(schema);
        schema.get("required").and_then(Value::as_array).is_some_and(|required| !required.is_empty())
    };
    match payload.get("anyOf").and_then(Value::as_array) {
        Some(choices) => choices.iter().all(resolve),
        None => resolve(payload),
    }
}

/// Adds the payload of `event` as components, equal ones once, and gives a reference to them.
fn payload(document: &mut Value, event: &str, uses: &[Use]) -> Value {
    let mut kinds: Vec<(String, Value)> = Vec::new();
    for (flow, spec) in uses {
        let schema = payload_schema(spec);
        if !kinds.iter().any(|(_, known)| *known == schema) {
            kinds.push((flow.name().to_owned(), schema));
        }
    }
    let one = kinds.len() == 1;
    let refs = kinds.into_iter().map(|(flow, schema)| {
        let shared = one && uses.len() > 1;
        let owner = if shared { String::new() } else { pascal(&flow) };
        let name = format!("{owner}{}Payload", pascal(event));
        add_component(document, &name, schema);
        json!({ "$ref": format!("#/components/schemas/{name}") })
    });
    let refs: Vec<Value> = refs.collect();
    match <[Value; 1]>::try_from(refs) {
        Ok([reference]) => reference,
        Err(refs) => json!({ "anyOf": refs }),
    }
}

/// Puts one concrete path for each workflow in the place of the pattern.
fn type_starts(document: &mut Value, workflows: &[Arc<dyn Workflow>]) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    if workflows.is_empty() {
        return;
    }
    let Some(pattern) = paths.remove(START_PATH) else { return };
    for flow in workflows {
        let events = flow.events();
        let Some(spec) = events.iter().find(|spec| spec.name == flow.start_event()) else { continue };
        let owner = pascal(flow.name());
        let payload = format!("{owner}{}Payload", pascal(spec.name));
        add_component(document, &payload, payload_schema(spec));
        let payload = json!({ "$ref": format!("#/components/schemas/{payload}") });
        let required: &[&str] = if needs_payload(document, &payload) { &["payload"] } else { &[] };
        let start = format!("{owner}Start");
        let schema = json!({
            "type": "object",
            "description": spec.doc.trim(),
            "properties": { "payload": payload, "occurred_at": occurred_at() },
            "required": required,
            "additionalProperties": false,
        });
        add_component(document, &start, schema);
        let concrete = START_PATH.replace("{workflow}", flow.name());
        document["paths"][concrete] = start_path(&pattern, flow.name(), &start);
    }
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.remove("StartRequest");
    }
}

fn start_path(pattern: &Value, workflow: &str, body: &str) -> Value {
    let mut path = pattern.clone();
    let operation = &mut path["post"];
    operation["operationId"] = format!("start_{workflow}").into();
    operation["summary"] = format!("Starts an instance of `{workflow}`.").into();
    if let Some(parameters) = operation["parameters"].as_array_mut() {
        parameters.retain(|parameter| parameter["name"] != "workflow");
    }
    let reference = format!("#/components/schemas/{body}");
    operation["requestBody"]["content"]["application/json"]["schema"] = json!({ "$ref": reference });
    path
}

fn add_component(document: &mut Value, name: &str, schema: Value) {
    document["components"]["schemas"][name] = schema;
}

/// `record_details` as `RecordDetails`.
fn pascal(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('_').map(word).collect()
}
