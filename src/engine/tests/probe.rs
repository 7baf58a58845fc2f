//! A workflow written by hand that does what its payload says: arms, spawns, sends, refuses, panics.

use std::any::Any;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::definition::file::{Content, Source};
use crate::kernel::actor::{Actor, Role};
use crate::kernel::calendar::CalendarFile;
use crate::kernel::definition::Definition;
use crate::kernel::effect::{Effect, Send, Spawn};
use crate::kernel::fact::Fact;
use crate::kernel::fault::Fault;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::machine::{EventSpec, Sample, StateSpec, Step, Workflow};
use crate::kernel::outcome::{Change, Event, Follow, Input, Outcome, Refusal, RefusalKind, TIMER_FIRED};
use crate::kernel::patch;
use crate::kernel::title::Title;

/// The probe; `data_version` and `breaks` differ between binaries.
pub struct Probe {
    pub name: &'static str,
    pub states: Vec<StateSpec>,
    pub data_version: u32,
    pub upgrades: bool,
}

impl Probe {
    pub fn version(data_version: u32) -> Self {
        let state = |path: &str, is_final| StateSpec { path: path.into(), is_final };
        let states = vec![state("open.on", false), state("closed.off", true)];
        Self { name: "probe", states, data_version, upgrades: true }
    }
}

impl Probe {
    /// The same under another name: a flow that another binary has.
    pub fn later() -> Self {
        Self { name: "later", ..Self::version(1) }
    }
}

fn any() -> Value {
    json!({
        "type": "object",
        "properties": {
            "customer_id": { "type": "string" },
            "note": { "type": "string", "x-personal": true },
            "arm": { "type": "object" },
            "send": { "type": "object" },
            "tell": { "type": "object" },
            "key": { "type": "string" },
            "spawn": { "type": "integer" },
            "follow": { "type": "integer" },
            "refuse": { "type": "boolean" },
            "panic": { "type": "boolean" },
            "child": { "type": "object" },
            "fill": { "type": "integer" },
            "link": { "type": "object" },
            "close": { "type": "boolean" },
        },
        "additionalProperties": false,
    })
}

impl Workflow for Probe {
    fn name(&self) -> &'static str {
        self.name
    }

    fn data_version(&self) -> u32 {
        self.data_version
    }

    fn start_event(&self) -> &'static str {
        "begin"
    }

    fn key(&self, payload: &Map<String, Value>) -> Option<String> {
        payload.get("key").and_then(Value::as_str).map(str::to_owned)
    }

    fn events(&self) -> &[EventSpec] {
        const fn spec(name: &'static str) -> EventSpec {
            EventSpec { name, doc: "Does what it says.", schema: any }
        }
        const SPECS: &[EventSpec] = &[spec("begin"), spec("act"), spec("assigned")];
        SPECS
    }

    fn states(&self) -> &[StateSpec] {
        &self.states
    }

    fn timers(&self) -> &'static [&'static str] {
        &["A", "B", "BOOM"]
    }

    fn policy_schema(&self) -> Value {
        json!({ "type": "object" })
    }

    fn policy(&self, _: &Value) -> Result<Arc<dyn Any + std::marker::Send + Sync>, Vec<Fault>> {
        Ok(Arc::new(()))
    }

    fn queue(&self, _: &Definition, _: &Value) -> Option<String> {
        None
    }

    fn open<'w>(&'w self, _: Option<&Instance>, event: &Event) -> (Vec<Fact>, Step<'w>) {
        let counted = event.payload.contains_key("spawn");
        let fact = counted.then(|| Fact::Count { name: "spawns".into(), key: "all".into() });
        (fact.into_iter().collect(), Box::new(|input| self.step(input)))
    }

    fn step(&self, input: &Input<'_>) -> Outcome {
        let payload = &input.event.payload;
        let flag = |name: &str| payload.get(name) == Some(&Value::Bool(true));
        let before = input.instance.map(|instance| instance.data.clone()).unwrap_or_default();
        let broken = before.get("broken") == Some(&json!(true));
        if flag("panic") || (input.event.name == TIMER_FIRED && broken) {
            panic!("the probe was told to panic");
        }
        if flag("refuse") || input.instance.is_some_and(|i| i.state == "closed.off") {
            return Outcome::Refused(Refusal::new(RefusalKind::State, "event_not_accepted", "told to"));
        }
        let mut data = Value::clone(&before);
        if data.is_null() {
            data = json!({ "case": { "customer_id": payload.get("customer_id") }, "done": [] });
        }
        let mut effects = Vec::new();
        if let Some(Value::Object(arm)) = payload.get("arm") {
            for (timer, due) in arm {
                let generation = input.instance.and_then(|i| i.generations.get(timer)).unwrap_or(&0) + 1;
                let due = input.now.plus_millis(due.as_i64().unwrap_or(0));
                effects.push(Effect::Arm { timer: timer.clone(), generation, due, failures: 0 });
                if timer == "BOOM" {
                    data["broken"] = json!(true);
                }
            }
        }
        if let Some(to) = payload.get("send") {
            let number = input.instance.map_or(0, |i| i.sent) + 1;
            let act = to["payload"].as_object().cloned().unwrap_or_default();
            let to = serde_json::from_value(to["to"].clone()).expect("tests name an instance");
            effects.push(Effect::Send(Send {
                number,
                to,
                event: "act".into(),
                payload: act,
                not_before: None,
                failures: 0,
                starts: None,
            }));
        }
        if let Some(told) = payload.get("tell") {
            // The instance of `workflow` that stands for `key`; where it is not there, it begins.
            let text = |name: &str| told[name].as_str().expect("tests say whom they tell");
            let sends = effects.iter().filter(|effect| matches!(effect, Effect::Send(_))).count();
            effects.push(Effect::Send(Send {
                number: input.instance.map_or(0, |i| i.sent) + 1 + u32::from(sends > 0),
                to: InstanceId::keyed(text("workflow"), text("key")),
                event: "begin".into(),
                payload: told["payload"].as_object().cloned().unwrap_or_default(),
                not_before: None,
                failures: 0,
                starts: Some(text("workflow").to_owned()),
            }));
        }
        for index in 0..payload.get("spawn").and_then(Value::as_u64).unwrap_or(0) {
            let mut child = Map::from_iter([("customer_id".to_owned(), json!("child"))]);
            // What `child` says of an index is the start of that child.
            let told = payload.get("child").and_then(|child| child.get(index.to_string())?.as_object());
            child.extend(told.cloned().unwrap_or_default());
            effects.push(Effect::Count { name: "spawns".into(), key: "all".into() });
            effects.push(Effect::Spawn(Spawn {
                rule: "told".into(),
                index: u32::try_from(index).expect("tests spawn a few"),
                workflow: "probe".into(),
                link: "spawned".into(),
                payload: child,
                child: None,
                due: None,
                lapses: None,
            }));
        }
        if let Some(link) = payload.get("link") {
            // The start of the child is what `payload` says; `lapses` is milliseconds from now.
            let lapses = link["lapses"].as_i64().map(|millis| input.now.plus_millis(millis));
            effects.push(Effect::Spawn(Spawn {
                rule: "linked".into(),
                index: 1,
                workflow: "later".into(),
                link: "spawned".into(),
                payload: link["payload"].as_object().cloned().unwrap_or_default(),
                child: None,
                due: None,
                lapses,
            }));
        }
        let name = match input.event.payload.get("timer") {
            Some(timer) => timer.clone(),
            None => json!(input.event.name),
        };
        if let Some(done) = data["done"].as_array_mut() {
            done.push(name);
        }
        if let Some(note) = payload.get("note") {
            data["note"] = note.clone();
        }
        if let Some(bytes) = payload.get("fill").and_then(Value::as_u64) {
            data["fill"] = json!("x".repeat(usize::try_from(bytes).expect("tests fill a few")));
        }
        let follows = payload.get("follow").and_then(Value::as_u64).unwrap_or(0);
        let follow = (0..follows).map(|_| Follow { event: "act", payload: Map::new() }).collect();
        let data = Arc::new(data);
        let change = Box::new(Change {
            from: input.instance.map(|instance| instance.state.clone()),
            to: if flag("close") { "closed.off" } else { "open.on" }.into(),
            patch: patch::diff(&before, &data),
            data,
            clocks: Vec::new(),
            effects,
            rule: None,
            follow,
            repin: None,
        });
        Outcome::Stayed(change)
    }

    fn upgrade(&self, from: u32, state: &str, mut data: Value) -> Result<(String, Value), String> {
        if !self.upgrades {
            return Err(format!("nothing is known of version {from}"));
        }
        data["upgraded_from"] = json!(from);
        Ok((state.to_owned(), data))
    }

    fn samples(&self) -> Vec<Sample> {
        let sample = |event| Sample {
            label: "plain",
            event,
            payload: Map::new(),
            actor: Actor::system(),
            facts: Map::new(),
        };
        vec![sample("begin"), sample("act")]
    }

    fn shape(&self, _: &Value) -> String {
        String::new()
    }
}

/// A calendar, and a definition for each probe.
pub fn sources(probes: &[Probe]) -> Vec<Source> {
    let mut sources = vec![calendar()];
    sources.extend(probes.iter().map(|probe| definition(probe.name)));
    sources
}

fn source(file: &str, text: &str, content: Content, hash: &str) -> Source {
    Source { file: file.into(), text: text.into(), value: Value::Null, hash: hash.into(), content }
}

fn definition(name: &str) -> Source {
    let title = Title { en: "Probe".into(), zh: "探针".into() };
    let hash = if name == "probe" { "d" } else { "e" }.repeat(32);
    let definition = Definition {
        workflow: name.into(),
        version: 1,
        hash: hash.clone(),
        calendar: "always".into(),
        title,
        roles: ["begin", "act", "assigned"].map(|e| (e.to_owned(), vec![Role::Agent, Role::System])).into(),
        states: Default::default(),
        events: Default::default(),
        clocks: Default::default(),
        schedules: Vec::new(),
        policy: Arc::new(()),
    };
    let text = "version: 1\ntitle: {en: Probe, zh: 探针}\ncalendar: always\n\
        roles: {begin: [agent, system], act: [agent, system], assigned: [agent, system]}\npolicy: {}\n\
        states: {closed: {en: a, zh: b}, closed.off: {en: a, zh: b}, open: {en: a, zh: b}, open.on: {en: a, zh: b}}\n\
        events: {begin: {en: a, zh: b}, act: {en: a, zh: b}, assigned: {en: a, zh: b}}\n";
    let text = format!("workflow: {name}\n{text}");
    source(&format!("{name}.yaml"), &text, Content::Definition(definition), &hash)
}

fn calendar() -> Source {
    let title = Title { en: "Always".into(), zh: "总是".into() };
    let week = json!({ "mon": ["00:00-24:00"] });
    let file: CalendarFile = serde_json::from_value(json!({
        "name": "always", "version": 1, "title": title, "zone": "Asia/Shanghai", "weekly": week,
    }))
    .unwrap();
    let calendar_text = "name: always\nversion: 1\ntitle: {en: Always, zh: 总是}\nzone: Asia/Shanghai\n\
        weekly: {mon: [\"00:00-24:00\"]}\n";
    let calendar = Content::Calendar(file.check().unwrap());
    source("always.yaml", calendar_text, calendar, &"c".repeat(32))
}
