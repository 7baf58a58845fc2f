//! Owns which events a page offers to whom: those that the state accepts, the definition lets one of the reader's
//! roles send, and no rule about who asks refuses.
//!
//! # Why
//! Whether a person may do something to this case (it is not their own proposal, they are its owner) is
//! said by the flow's code alone. So the code is asked: each event's samples are tried dry as the reader. What is
//! refused for who asks is not offered, with the reason beside it; what is refused for what a sample says
//! stays offered, since the reader may say something else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::shell::Visitor;
use super::words::refusals;
use crate::engine::{Command, CommandError, Target};
use crate::kernel::common::Common;
use crate::kernel::definition::Definition;
use crate::kernel::instance::Instance;
use crate::kernel::machine::{EventSet as _, Workflow};
use crate::kernel::outcome::RefusalKind;

/// Most samples of one event that are tried.
const SAMPLES_MAX: usize = 3;
/// Refusals that speak of who asks, whatever is sent.
const OF_THE_SENDER: [&str; 6] =
    ["handler_excluded", "no_handover", "not_first_owner", "not_your_case", "own_breach", "own_proposal"];

/// Payloads of sample events, by flow and event.
#[derive(Default)]
pub struct Samples(Mutex<HashMap<&'static str, Arc<ByEvent>>>);

/// Payloads by event.
type ByEvent = HashMap<&'static str, Vec<Map<String, Value>>>;

impl Samples {
    fn of(&self, flow: &Arc<dyn Workflow>) -> Arc<ByEvent> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(flow.name())
            .or_insert_with(|| {
                let mut by_event = ByEvent::new();
                for sample in flow.samples() {
                    let payloads = by_event.entry(sample.event).or_default();
                    if payloads.len() < SAMPLES_MAX {
                        payloads.push(sample.payload);
                    }
                }
                Arc::new(by_event)
            })
            .clone()
    }
}

/// An event that a page offers, or says why it does not.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Its name.
    pub event: String,
    /// Its title.
    pub title: String,
    /// What it does.
    pub about: &'static str,
    /// Whether it belongs to the flow itself, and not to every flow.
    pub own: bool,
    /// Why it is not for the reader now.
    pub refused: Option<String>,
}

/// What the reader may do to `instance` now, in the order of the specification.
pub fn offers(visitor: &Visitor, samples: &Samples, instance: &Instance) -> Vec<Offer> {
    let (engine, lang) = (&visitor.engine, visitor.lang);
    let (Some(definition), Some(flow)) = (engine.pinned(instance), engine.workflow(&instance.workflow))
    else {
        return Vec::new();
    };
    let samples = samples.of(flow);
    let events = flow.events();
    let common: Vec<&str> = Common::specs().iter().map(|spec| spec.name).collect();
    let offer = |event: String| {
        let spec = events.iter().find(|spec| spec.name == event)?;
        visitor.caller.roles().iter().any(|role| definition.allows(&event, *role)).then(|| Offer {
            title: definition
                .events
                .get(&event)
                .map_or_else(|| event.clone(), |title| lang.of(title).to_owned()),
            about: lang.t(spec.doc.trim(), ""),
            own: !common.contains(&event.as_str()),
            refused: samples
                .get(event.as_str())
                .and_then(|payloads| refusal(visitor, instance, &definition, &event, payloads)),
            event,
        })
    };
    engine.accepted_events(instance).into_iter().filter_map(offer).collect()
}

/// Why no sample of the event is for the reader to send; none where one is, or where that is not the reason.
fn refusal(
    visitor: &Visitor,
    instance: &Instance,
    definition: &Definition,
    event: &str,
    payloads: &[Map<String, Value>],
) -> Option<String> {
    let mut reason = None;
    for payload in payloads {
        let command = Command {
            target: Target::Instance(instance.id.clone()),
            event: event.to_owned(),
            payload: payload.clone(),
            actor: visitor.caller.sender(Some(definition), event),
            occurred_at: None,
            key: None,
            if_match: None,
            request_id: None,
            origin: None,
        };
        match visitor.engine.preview(&command) {
            Err(CommandError::Refused { refusal, .. })
                if refusal.kind == RefusalKind::Role || OF_THE_SENDER.contains(&refusal.code) =>
            {
                let text = refusals::chinese(refusal.code).unwrap_or(&refusal.reason);
                reason = Some(visitor.lang.t(&refusal.reason, text).to_owned());
            }
            Ok(_) | Err(_) => return None,
        }
    }
    reason
}
