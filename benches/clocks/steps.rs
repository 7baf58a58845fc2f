//! What clocks add to a step, over a plain case from its question to the confirmed answer.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant as Watch;

use careflow::kernel::actor::{Actor, ActorKind, Role};
use careflow::kernel::calendar::Calendar;
use careflow::kernel::definition::Definition;
use careflow::kernel::entry::{Entry, Pins};
use careflow::kernel::fact::Facts;
use careflow::kernel::hash::Hash;
use careflow::kernel::id::InstanceId;
use careflow::kernel::instance::Instance;
use careflow::kernel::instant::Instant;
use careflow::kernel::machine::Workflow;
use careflow::kernel::outcome::{Event, Input, Outcome};
use careflow::kernel::personal::Private;
use serde_json::{Value, json};

use crate::table::ROUNDS;

/// What a case runs with.
#[derive(Clone, Copy)]
pub struct Flow<'a> {
    /// Its machine.
    pub workflow: &'a dyn Workflow,
    /// Its values.
    pub definition: &'a Definition,
    /// What business time is counted on.
    pub calendar: &'a Calendar,
}

/// The events of a plain case, from the question to the confirmed answer.
fn life() -> Vec<(Actor, &'static str, Value)> {
    let agent = || Actor::person("ann", Role::Agent);
    let gateway =
        || Actor { id: "mail".into(), kind: ActorKind::Service, role: Role::Gateway, on_behalf_of: None };
    let question = json!({
        "customer_id": "c-1", "channel": "email", "subject": "s", "body_ref": "m/1", "category": "pre_sale",
        "problem_type": "invoice",
    });
    let reply = json!({ "message_ref": "m/3", "intent": "info" });
    let answer = json!({ "message_ref": "m/4", "solution_ref": "kb/1", "kb_article": "kb/1", "confirmed_in_contact": false });
    vec![
        (gateway(), "submit", question),
        (agent(), "accept", json!({})),
        (agent(), "respond", json!({ "message_ref": "m/2", "human": true })),
        (gateway(), "customer_reply", reply),
        (agent(), "priority_changed", json!({ "to": "high", "reason": "r" })),
        (agent(), "answer", answer),
        (Actor::person("c-1", Role::Customer), "confirm", json!({ "satisfied": true })),
    ]
}

fn events() -> Vec<Event> {
    let event = |(actor, name, payload): (Actor, &str, Value)| {
        let Value::Object(payload) = payload else { unreachable!("payloads are objects") };
        Event { name: name.into(), payload, actor, occurred_at: Instant::default(), cause: None }
    };
    life().into_iter().map(event).collect()
}

impl Flow<'_> {
    /// Lives a case from `start`, an event each ten minutes; answers it, and the nanoseconds in its steps.
    pub fn live(&self, id: &InstanceId, start: Instant) -> (Instance, f64) {
        let facts: Facts =
            serde_json::from_value(json!({ "customer_cases": [], "on_shift": true })).expect("facts");
        let (mut instance, mut spent): (Option<Instance>, f64) = (None, 0.0);
        for (number, event) in (0i64..).zip(&events()) {
            let now = start.plus_millis(number * 600_000);
            let event = Event { occurred_at: now, ..event.clone() };
            let input = Input {
                definition: self.definition,
                calendar: self.calendar,
                others: &[],
                next: None,
                id,
                instance: instance.as_ref(),
                event: &event,
                facts: &facts,
                now,
            };
            let watch = Watch::now();
            let outcome = black_box(self.workflow.step(&input));
            spent += watch.elapsed().as_secs_f64() * 1e9;
            instance = Some(applied(instance.as_ref(), &event, outcome, id, now));
        }
        (instance.expect("a life has events"), spent)
    }

    /// Median nanoseconds of a step; entries are applied outside of the watch.
    pub fn step(&self) -> f64 {
        let id = InstanceId::derive("c-1", &["bench"]);
        let start = Instant::from_millis(1_773_194_400_000);
        let steps = life().len() as f64;
        let mut rounds: Vec<f64> = (0..ROUNDS * 10).map(|_| self.live(&id, start).1 / steps).collect();
        rounds.sort_by(f64::total_cmp);
        rounds[rounds.len() / 2]
    }
}

fn applied(
    before: Option<&Instance>,
    event: &Event,
    outcome: Outcome,
    id: &InstanceId,
    now: Instant,
) -> Instance {
    let change = match outcome {
        Outcome::Moved(change) | Outcome::Stayed(change) => *change,
        Outcome::Refused(refusal) => panic!("`{}`: {refusal:?}", event.name),
    };
    let pins = Pins {
        definition: String::new(),
        calendar: String::new(),
        others: BTreeMap::new(),
        tzdata: String::new(),
        build: String::new(),
    };
    let entry = Entry {
        v: 1,
        instance: id.clone(),
        seq: before.map_or(1, |instance| instance.seq + 1),
        workflow: "consultation".into(),
        data_version: 1,
        event: event.name.clone(),
        payload: event.payload.clone(),
        facts: Facts::new(),
        actor: event.actor.clone(),
        occurred_at: None,
        recorded_at: now,
        idempotency: None,
        request_id: None,
        pins: Some(pins.into()),
        origin: None,
        cause: None,
        rule: None,
        from: change.from,
        to: change.to,
        patch: change.patch,
        clocks: change.clocks,
        effects: change.effects,
        prev: before.map_or(Hash::ZERO, |instance| instance.hash),
    };
    Instance::apply(before, &entry, Hash::ZERO, 1, &Private::new()).expect("the entry was made for it")
}
