//! Costs of business time and clocks: due times near and far, and what clocks add to a step.
//!
//! Each row stands beside a limit of the same run: a search in a plain sorted list for calendars,
//! the same steps without clocks for steps. Run with `cargo bench --bench clocks`.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::time::Instant as Watch;

use careflow::app;
use careflow::definition::file::Content;
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
use careflow::kernel::span::Span;
use careflow::workflows::Registry;
use serde_json::{Value, json};

/// Rounds of which the fastest tenth is left out on both sides.
const ROUNDS: usize = 200;
/// Calls in each round.
const CALLS: u32 = 1_000;

/// Median nanoseconds of one call.
fn median(mut call: impl FnMut(u32)) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let watch = Watch::now();
            (0..CALLS).for_each(&mut call);
            watch.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn row(name: &str, nanos: f64, limit: &str, limit_nanos: f64) {
    println!("| {name} | {nanos:.0} ns | {limit}: {limit_nanos:.0} ns | {:.1} |", nanos / limit_nanos);
}

fn calendars(calendar: &Calendar) {
    let starts: Vec<Instant> =
        (0..CALLS).map(|n| Instant::from_millis(1_773_194_400_000 + i64::from(n) * 7_919_000)).collect();
    let sorted: Vec<i64> = (0..4_096).map(|n| 1_700_000_000_000 + n * 43_200_000).collect();
    let search = median(|n| {
        let at = starts[n as usize].millis();
        black_box(sorted.partition_point(|edge| *edge <= at));
    });
    let limit = "a search in 4,096 sorted numbers";
    for text in
        ["2 business hours", "3 working days", "7 calendar days", "2000 business hours", "250 working days"]
    {
        let span = Span::parse(text).expect("a span");
        let nanos = median(|n| {
            black_box(calendar.due(starts[n as usize], span));
        });
        row(&format!("due after {text}"), nanos, limit, search);
    }
    for (text, days) in [("a day", 1), ("a year", 365)] {
        let nanos = median(|n| {
            let from = starts[n as usize];
            black_box(calendar.elapsed(from, from.plus_millis(days * 86_400_000)));
        });
        row(&format!("open time of {text}"), nanos, limit, search);
    }
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

/// Median nanoseconds of a step over a whole life; entries are applied outside of the watch.
fn steps(workflow: &dyn Workflow, definition: &Definition, calendar: &Calendar) -> f64 {
    let id = InstanceId::derive("c-1", &["bench"]);
    let events: Vec<Event> = life()
        .into_iter()
        .map(|(actor, name, payload)| {
            let Value::Object(payload) = payload else { unreachable!("payloads are objects") };
            Event { name: name.into(), payload, actor, occurred_at: Instant::default(), cause: None }
        })
        .collect();
    let facts: Facts =
        serde_json::from_value(json!({ "customer_cases": [], "on_shift": true })).expect("facts");
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS * 10 {
        let (mut instance, mut spent): (Option<Instance>, f64) = (None, 0.0);
        for (number, event) in (0i64..).zip(&events) {
            let now = Instant::from_millis(1_773_194_400_000 + number * 600_000);
            let event = Event { occurred_at: now, ..event.clone() };
            let input = Input {
                definition,
                calendar,
                others: &[],
                next: None,
                id: &id,
                instance: instance.as_ref(),
                event: &event,
                facts: &facts,
                now,
            };
            let watch = Watch::now();
            let outcome = black_box(workflow.step(&input));
            spent += watch.elapsed().as_secs_f64() * 1e9;
            instance = Some(applied(instance.as_ref(), &event, outcome, &id, now));
        }
        rounds.push(spent / events.len() as f64);
    }
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
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
        occurred_at: now,
        recorded_at: now,
        idempotency: None,
        request_id: None,
        pins,
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

fn main() {
    let registry = Registry::shipped();
    let sources = app::sources(registry.all(), None).expect("the shipped files are right");
    let mut calendars_by_name = HashMap::new();
    let mut found = None;
    for source in sources {
        match source.content {
            Content::Calendar(calendar) => {
                calendars_by_name.insert(calendar.name().to_owned(), calendar);
            }
            Content::Definition(definition) if definition.workflow == "consultation" => {
                found = Some(definition);
            }
            Content::Definition(_) => {}
        }
    }
    let definition = found.expect("the consultation ships");
    let calendar = &calendars_by_name[&definition.calendar];
    let workflow =
        registry.all().iter().find(|workflow| workflow.name() == "consultation").expect("it ships");
    println!("| what | median | limit of the same run | ratio |\n| --- | --- | --- | --- |");
    calendars(calendar);
    let bare = Definition { clocks: BTreeMap::new(), ..definition.clone() };
    let without = steps(workflow.as_ref(), &bare, calendar);
    let with = steps(workflow.as_ref(), &definition, calendar);
    row("a step of a consultation with all clocks", with, "without clocks", without);
    println!("\nclocks add {:.1} µs to a step", (with - without) / 1_000.0);
}
