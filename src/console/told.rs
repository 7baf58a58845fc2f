//! Owns how an entry is told to people: who did what, what it changed, what else it caused.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde_json::Value;

use super::lang::Lang;
use super::names::Names;
use super::times::{Time, span};
use super::{names, words};
use crate::engine::Engine;
use crate::kernel::actor::ActorKind;
use crate::kernel::definition::Definition;
use crate::kernel::effect::Effect;
use crate::kernel::entry::{Cause, Entry};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::kernel::personal;
use crate::kernel::sla::fact::{ClockFact, What};

/// An entry, told.
pub struct Told {
    /// Its number within its instance.
    pub seq: u64,
    /// Whose it is, where it is told beside others' entries.
    pub instance: String,
    /// The flow's title.
    pub flow: String,
    /// When it was recorded.
    pub at: Time,
    /// Who sent it.
    pub actor: String,
    /// In which role, or what made the engine send it.
    pub role: String,
    /// What happened.
    pub event: String,
    /// The event's name.
    pub event_name: String,
    /// Number of the transition in the specification.
    pub rule: Option<String>,
    /// Titles of the states before and after, where it moved.
    pub moved: Option<(String, String)>,
    /// `moved`, `system` or nothing: how it is drawn.
    pub class: &'static str,
    /// What was sent with it.
    pub said: Vec<Fact>,
    /// What it did to clocks and what else it caused, a sentence each.
    pub lines: Vec<Line>,
}

/// A sentence, perhaps with a link to another case.
pub struct Line {
    /// What it says.
    pub text: String,
    /// The case that it speaks of.
    pub case: Option<String>,
    /// Whether another case starts by it.
    pub starts: bool,
}

/// One value of a payload or of a case's data.
pub struct Fact {
    /// How deep it stands.
    pub depth: usize,
    /// What it is called.
    pub label: String,
    /// What it is.
    pub text: String,
    /// How it is shown.
    pub kind: FactKind,
}

/// How a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// As it is.
    Plain,
    /// A heading over values below it.
    Heading,
    /// A personal value that is not shown.
    Masked,
    /// An instance, with a link.
    Case,
}

impl Fact {
    /// Whether it is a personal value that is not shown.
    pub fn is_masked(&self) -> bool {
        self.kind == FactKind::Masked
    }

    /// Whether it is a heading.
    pub fn is_heading(&self) -> bool {
        self.kind == FactKind::Heading
    }

    /// Whether it names a case.
    pub fn is_case(&self) -> bool {
        self.kind == FactKind::Case
    }
}

/// Most values that are shown of one object.
const FACTS_MAX: usize = 200;

/// Tells entries in one language, on the clocks of one zone.
#[derive(Clone, Copy)]
pub struct Teller<'t> {
    /// Where titles come from.
    pub engine: &'t Engine,
    /// The language.
    pub lang: Lang,
    /// The zone.
    pub zone: Tz,
}

impl Teller<'_> {
    /// The entry, told.
    pub fn entry(&self, entry: &Entry) -> Told {
        let definition = self.definition(entry);
        let names = Names::of(definition.clone(), self.lang);
        let moved = entry.from.as_deref() != Some(&entry.to);
        let from = entry.from.as_deref().map_or_else(String::new, |state| names.state(state));
        let (actor, role) = self.actor(entry);
        let by_person = matches!(entry.actor.kind, ActorKind::Person | ActorKind::Service | ActorKind::Local);
        let clocks = entry.clocks.iter().filter_map(|fact| self.clock(definition.as_deref(), fact));
        let effects = entry.effects.iter().filter_map(|effect| self.effect(effect));
        Told {
            seq: entry.seq,
            instance: entry.instance.to_string(),
            flow: names.flow(&entry.workflow),
            at: self.time(entry.recorded_at),
            actor,
            role,
            event: names.event(&entry.event),
            event_name: entry.event.clone(),
            rule: entry.rule.clone(),
            moved: moved.then(|| (from, names.state(&entry.to))),
            class: match (moved, by_person) {
                (true, _) => "moved",
                (false, true) => "",
                (false, false) => "system",
            },
            said: self.facts(&Value::Object(entry.payload.clone())),
            lines: clocks.map(|text| Line { text, case: None, starts: false }).chain(effects).collect(),
        }
    }

    fn definition(&self, entry: &Entry) -> Option<std::sync::Arc<Definition>> {
        let pinned = || self.engine.instance(&entry.instance).ok()?.0.map(|instance| instance.pins.clone());
        let pins = entry.pins.clone().or_else(pinned);
        pins.and_then(|pins| self.engine.measures(&pins))
            .map(|measures| measures.definition)
            .or_else(|| self.engine.definition(&entry.workflow))
    }

    /// The title of an event that another flow takes.
    fn event_of_any(&self, event: &str) -> String {
        let definitions =
            self.engine.workflows().iter().filter_map(|flow| self.engine.definition(flow.name()));
        let titled = definitions.into_iter().find(|definition| definition.events.contains_key(event));
        Names::of(titled, self.lang).event(event)
    }

    fn actor(&self, entry: &Entry) -> (String, String) {
        let role = words::role(entry.actor.role, self.lang).to_owned();
        let t = |en, zh| self.lang.t(en, zh).to_owned();
        let cause = entry.cause.as_ref().map(|cause| match cause {
            Cause::Timer { timer, .. } => format!("{} {timer}", self.lang.t("timer", "定时器")),
            Cause::Send { from, .. } => format!("{} {from}", self.lang.t("sent by", "来自")),
            Cause::Parent { id, .. } => format!("{} {id}", self.lang.t("started by", "由其发起")),
            Cause::Follow { seq } => format!("{} {seq}", self.lang.t("follows entry", "随条目")),
            Cause::Operator { reason } => format!("{}: {reason}", self.lang.t("administrator", "管理员")),
        });
        match entry.actor.kind {
            ActorKind::Person | ActorKind::Service | ActorKind::Local => (entry.actor.id.clone(), role),
            ActorKind::Timer => (t("Timer", "定时器"), cause.unwrap_or_default()),
            ActorKind::Schedule => (t("Schedule", "定时任务"), cause.unwrap_or_default()),
            ActorKind::System => (t("System", "系统"), cause.unwrap_or_default()),
        }
    }

    fn time(&self, at: Instant) -> Time {
        Time::new(at, self.zone, self.lang)
    }

    /// What happened to a clock.
    fn clock(&self, definition: Option<&Definition>, fact: &ClockFact) -> Option<String> {
        let rule = definition.and_then(|definition| definition.clocks.get(&fact.clock));
        let name = rule.map_or_else(|| fact.clock.clone(), |rule| self.lang.of(&rule.title).to_owned());
        let due = |due: &Instant| self.time(*due).text;
        let t = |en: String, zh: String| Some(self.lang.t(&en, &zh).to_owned());
        match &fact.what {
            What::Started { target, due: at, .. } => {
                let target = names::span(&target.to_string(), self.lang);
                let target = Time::of_text(&target, self.zone, self.lang).text;
                t(
                    format!("{name} starts: {target}, due {}", due(at)),
                    format!("{name}开始计时：{target}，期限 {}", due(at)),
                )
            }
            What::Paused { .. } => t(format!("{name} stands still"), format!("{name}暂停")),
            What::Resumed { due: at, .. } => {
                t(format!("{name} runs on, due {}", due(at)), format!("{name}继续，期限 {}", due(at)))
            }
            What::Suspended { until } => {
                t(format!("{name} is suspended until {}", due(until)), format!("{name}中止至 {}", due(until)))
            }
            What::Released => t(format!("{name} is no longer suspended"), format!("{name}恢复")),
            What::Stopped { verdict, elapsed_ms, .. } => {
                let used = span(*elapsed_ms, self.lang);
                let word = words::clock_status(crate::api::clock_facts::verdict_name(*verdict), self.lang);
                t(format!("{name} stops: {word}, {used} used"), format!("{name}停止：{word}，用时 {used}"))
            }
            What::Cancelled { .. } => t(format!("{name} is cancelled"), format!("{name}取消")),
            What::Reached { level, .. } => {
                t(format!("{name} reached {level} %"), format!("{name}达到 {level} %"))
            }
            What::Retargeted { due: at, due_old, .. } => t(
                format!("{name} is due {} instead of {}", due(at), due(due_old)),
                format!("{name}期限由 {} 改为 {}", due(due_old), due(at)),
            ),
            What::Corrected { to } => {
                let word = words::clock_status(crate::api::clock_facts::verdict_name(*to), self.lang);
                t(format!("{name}: verdict corrected to {word}"), format!("{name}：结论更正为{word}"))
            }
        }
    }

    /// What else was caused; what only the engine minds is left out.
    fn effect(&self, effect: &Effect) -> Option<Line> {
        let flow = |name: &str| Names::new(self.engine, name, self.lang).flow(name);
        match effect {
            Effect::Spawn(spawn) => {
                let due = spawn.due.map(|due| self.time(due).text);
                let title = flow(&spawn.workflow);
                let text = match (&spawn.child, due) {
                    (Some(_), Some(due)) => self
                        .lang
                        .t(&format!("Starts {title} for {due}"), &format!("发起{title}，时间 {due}"))
                        .to_owned(),
                    (Some(_), None) => {
                        self.lang.t(&format!("Starts {title}"), &format!("发起{title}")).to_owned()
                    }
                    (None, _) => self
                        .lang
                        .t(&format!("{title} is to be started"), &format!("待发起{title}"))
                        .to_owned(),
                };
                Some(Line { text, case: spawn.child.as_ref().map(ToString::to_string), starts: true })
            }
            Effect::Send(send) => {
                let told = self.lang.t("Tells another case", "通知另一个案");
                let text = format!("{told}: {}", self.event_of_any(&send.event));
                Some(Line { text, case: Some(send.to.to_string()), starts: false })
            }
            Effect::Notify(notice) => {
                let to = match notice.to.as_str() {
                    "customer" => self.lang.t("the customer", "客户").to_owned(),
                    "owner" => self.lang.t("the owner", "负责人").to_owned(),
                    other => match other.split_once(':') {
                        Some(("role", role)) => words::role_named(role, self.lang),
                        Some(("queue", queue)) => words::owner(&format!("queue:{queue}"), self.lang),
                        Some(_) | None => other.to_owned(),
                    },
                };
                let text = format!("{} {to}: {}", self.lang.t("Notice to", "通知"), notice.template);
                Some(Line { text, case: None, starts: false })
            }
            Effect::Task(task) => {
                let due = task.due.map(|due| format!(", {}", self.time(due).text)).unwrap_or_default();
                let who = words::role(task.assignee_role, self.lang);
                let text = format!(
                    "{} {who}: {}{due}",
                    self.lang.t("Task for", "任务给"),
                    words::sentence(&task.task)
                );
                Some(Line { text, case: None, starts: false })
            }
            Effect::DropPending { .. } => Some(Line {
                text: self
                    .lang
                    .t("What was to be started is not wanted any more", "取消待发起的个案")
                    .to_owned(),
                case: None,
                starts: false,
            }),
            Effect::Arm { .. } | Effect::Cancel { .. } | Effect::Park { .. } | Effect::Count { .. } => None,
        }
    }

    /// The values of an object, those within it below it.
    pub fn facts(&self, value: &Value) -> Vec<Fact> {
        let mut facts = Vec::new();
        if let Value::Object(members) = value {
            members
                .iter()
                .for_each(|(name, value)| self.fact(0, words::field(name, self.lang), value, &mut facts));
        }
        facts.truncate(FACTS_MAX);
        facts
    }

    fn fact(&self, depth: usize, label: String, value: &Value, facts: &mut Vec<Fact>) {
        let mut add = |label: String, text: String, kind| facts.push(Fact { depth, label, text, kind });
        if personal::digest(value).is_some() {
            return add(label, "•••".to_owned(), FactKind::Masked);
        }
        match value {
            Value::Null => {}
            Value::Bool(yes) => add(
                label,
                self.lang.t(if *yes { "Yes" } else { "No" }, if *yes { "是" } else { "否" }).to_owned(),
                FactKind::Plain,
            ),
            Value::Number(number) => add(label, number.to_string(), FactKind::Plain),
            Value::String(text) => {
                let (text, kind) = self.text(text);
                add(label, text, kind);
            }
            Value::Array(items)
                if items.iter().all(|item| !item.is_object() || personal::digest(item).is_some()) =>
            {
                for (number, item) in items.iter().enumerate() {
                    let label = if number == 0 { label.clone() } else { String::new() };
                    self.fact(depth, label, item, facts);
                }
            }
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    facts.push(Fact {
                        depth,
                        label: format!("{label} {}", number + 1),
                        text: String::new(),
                        kind: FactKind::Heading,
                    });
                    self.members(depth + 1, item, facts);
                }
            }
            Value::Object(_) => {
                facts.push(Fact { depth, label, text: String::new(), kind: FactKind::Heading });
                self.members(depth + 1, value, facts);
            }
        }
    }

    fn members(&self, depth: usize, value: &Value, facts: &mut Vec<Fact>) {
        match value {
            Value::Object(members) => {
                members
                    .iter()
                    .for_each(|(name, value)| self.fact(depth, words::field(name, self.lang), value, facts));
            }
            other => self.fact(depth, String::new(), other, facts),
        }
    }

    /// A text: a moment on local clocks, a role or another known word in the reader's language.
    fn text(&self, text: &str) -> (String, FactKind) {
        if InstanceId::parse(text).is_ok() {
            return (text.to_owned(), FactKind::Case);
        }
        let is_moment = text.len() >= 20 && text.ends_with('Z') && Instant::parse(text).is_ok();
        if is_moment {
            return (Time::of_text(text, self.zone, self.lang).text, FactKind::Plain);
        }
        let known = words::known(self.engine, text, self.lang);
        (known.unwrap_or_else(|| text.to_owned()), FactKind::Plain)
    }
}

/// The cases that entries speak of, each with how it is first spoken of.
pub fn linked<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> BTreeMap<String, &'static str> {
    let mut found = BTreeMap::new();
    for entry in entries {
        for effect in &entry.effects {
            match effect {
                Effect::Spawn(spawn) => {
                    if let Some(child) = &spawn.child {
                        found.entry(child.to_string()).or_insert("spawned");
                    }
                }
                Effect::Send(send) => {
                    found.entry(send.to.to_string()).or_insert("sent");
                }
                Effect::Arm { .. }
                | Effect::Cancel { .. }
                | Effect::Park { .. }
                | Effect::Count { .. }
                | Effect::Notify(_)
                | Effect::Task(_)
                | Effect::DropPending { .. } => {}
            }
        }
        match &entry.cause {
            Some(Cause::Send { from, .. }) => {
                found.entry(from.to_string()).or_insert("received");
            }
            Some(Cause::Parent { id, .. }) => {
                found.entry(id.to_string()).or_insert("parent");
            }
            Some(Cause::Timer { .. } | Cause::Follow { .. } | Cause::Operator { .. }) | None => {}
        }
    }
    found
}
