//! Owns what the API says of workflows' events: their payload schemas, made once when the server starts.
//!
//! # Why
//! Every answer about an instance lists its accepted events with their schemas;
//! making a schema walks the payload type each time, writing a kept text costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::kernel::machine::{EventSpec, Workflow};

/// The events of every registered workflow.
pub struct Catalog(BTreeMap<&'static str, BTreeMap<&'static str, Described>>);

/// One event of a workflow.
#[derive(Clone, Debug)]
pub struct Described {
    /// What it does, in one sentence.
    pub about: &'static str,
    /// JSON Schema of its payload.
    pub schema: Arc<RawValue>,
}

impl Catalog {
    /// The events of `workflows`.
    pub fn new(workflows: &[Arc<dyn Workflow>]) -> Self {
        let events = |workflow: &Arc<dyn Workflow>| {
            let described = workflow.events().iter().map(|spec| {
                let schema = Arc::from(raw(&payload_schema(spec)));
                (spec.name, Described { about: spec.doc.trim(), schema })
            });
            (workflow.name(), described.collect())
        };
        Self(workflows.iter().map(events).collect())
    }

    /// The event of a workflow.
    pub fn event(&self, workflow: &str, event: &str) -> Option<&Described> {
        self.0.get(workflow)?.get(event)
    }
}

/// The payload schema of an event, without the name of its Rust type.
pub fn payload_schema(spec: &EventSpec) -> Value {
    let mut schema = (spec.schema)();
    if let Some(members) = schema.as_object_mut() {
        members.remove("title");
    }
    schema
}

/// `value` as text that is written as it is.
pub fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).expect("a JSON value writes itself as JSON")
}
