//! Owns the small machine that the kernel's own tests run: a repair, with a mistake of each kind in it.
//!
//! The mistakes are on purpose: `lost` is a dead end, `closed.unseen` is never
//! reached, ALARM runs on into states that refuse it, the sample `never` fits
//! nowhere.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use statig::prelude::*;

use super::actor::{Actor, Role};
use super::calendar::{Calendar, CalendarFile};
use super::case::{Case, Channel, Level, Owner, Priority, ServiceGoal, Tier};
use super::common::{CasePolicy, Common, Nothing};
use super::definition::Definition;
use super::effect::Spawn;
use super::explore::{CONFIGURATIONS_MAX, Explorer};
use super::fact::{Fact, Facts};
use super::fault::Fault;
use super::instant::Instant;
use super::machine::{Cx, Sample, TimerName, Workflow};
use super::step::{Machine, Typed};
use super::title::Title;

const HOUR: i64 = 3_600_000;

/// How often the customer may be asked.
const QUESTIONS_MAX: u32 = 2;

/// Payload of `submit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Submit {
    /// The customer.
    pub customer: String,
}

/// Payload of `reply`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// Whether it is a thank-you only.
    pub thanks: bool,
}

/// Payload of `inspect`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inspect {
    /// Only accepted from then on.
    pub not_before: Instant,
}

crate::events! {
    /// The events of a repair.
    enum ToyEvent {
        /// Brings something to be repaired.
        Submit(Submit) = "submit",
        /// Takes the work on.
        Accept(Nothing) = "accept",
        /// Asks the customer.
        Ask(Nothing) = "ask",
        /// The customer answers.
        Reply(Reply) = "reply",
        /// It works again.
        Fix(Nothing) = "fix",
        /// Nobody finds it.
        Lose(Nothing) = "lose",
        /// Looks at it after a while.
        Inspect(Inspect) = "inspect",
        /// Hands it over now.
        Collect(Nothing) = "collect",
        /// Puts it away.
        Archive(Nothing) = "archive",
        /// The customer wants it back.
        Withdraw(Nothing) = "withdraw",
    }
    + /// An event of every flow.
    Common(Common),
    + /// A due timer.
    Timer(TimerName),
}

/// No values.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ToyPolicy {}

impl CasePolicy for ToyPolicy {
    fn suspend_reasons(&self) -> &[String] {
        &[]
    }

    fn retained_until(&self, ended: Instant) -> Instant {
        ended
    }
}

/// A repair.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Toy {
    case: Case,
    asked: u32,
}

type ToyCx<'a> = Cx<'a, ToyPolicy>;

#[state_machine(
    initial = "State::received()",
    state(derive(Debug, Clone, PartialEq)),
    superstate(derive(Debug))
)]
impl Toy {
    #[superstate]
    fn open(&mut self, context: &mut ToyCx<'_>, event: &ToyEvent) -> Outcome<State> {
        match event {
            ToyEvent::Withdraw(_) => {
                context.rule("10");
                context.notify("owner", "withdrawn", Value::Null);
                Transition(State::withdrawn())
            }
            _ => Super,
        }
    }

    #[superstate(superstate = "open")]
    fn intake(&mut self, context: &mut ToyCx<'_>, event: &ToyEvent) -> Outcome<State> {
        match event {
            ToyEvent::Ask(_) if self.asked < QUESTIONS_MAX => {
                context.rule("3");
                self.asked += 1;
                context.arm("EXPIRE", context.now.plus_millis(48 * HOUR));
                context.notify("customer", "question", Value::Null);
                Transition(State::waiting())
            }
            ToyEvent::Fix(_) => {
                context.rule("4");
                context.cancel("ALARM");
                context.arm("WINDOW", context.now.plus_millis(24 * HOUR));
                context.spawn(Spawn {
                    rule: "confirm".into(),
                    index: 1,
                    workflow: "callback".into(),
                    link: "spawned".into(),
                    payload: Map::new(),
                    child: None,
                    due: None,
                    lapses: None,
                });
                Transition(State::fixed())
            }
            ToyEvent::Inspect(inspect) if context.now >= inspect.not_before => {
                context.rule("12");
                Handled
            }
            _ => Super,
        }
    }

    #[state(superstate = "intake")]
    fn received(&mut self, context: &mut ToyCx<'_>, event: &ToyEvent) -> Outcome<State> {
        match event {
            ToyEvent::Accept(_) => {
                context.rule("2");
                context.cancel("ALARM");
                Transition(State::accepted())
            }
            ToyEvent::Timer(timer) if timer.0 == "ALARM" => {
                context.rule("10a");
                context.notify("role:supervisor", "nobody_accepts", Value::Null);
                Handled
            }
            _ => Super,
        }
    }

    #[state(superstate = "intake")]
    fn accepted(&mut self, context: &mut ToyCx<'_>, event: &ToyEvent) -> Outcome<State> {
        match event {
            ToyEvent::Accept(_) => {
                context.rule("2a");
                Handled
            }
            ToyEvent::Lose(_) => {
                context.rule("11");
                Transition(State::lost())
            }
            _ => Super,
        }
    }

    #[state(superstate = "open")]
    fn waiting(&mut self, context: &mut ToyCx<'_>, event: &ToyEvent) -> Outcome<State> {
        match event {
            ToyEvent::Reply(reply) => {
                context.rule(if reply.thanks { "5a" } else { "5" });
                context.cancel("EXPIRE");
                Transition(State::accepted())
            }
            ToyEvent::Timer(timer) if timer.0 == "EXPIRE" => {
                context.rule("6");
                Transition(State::withdrawn())
            }
            _ => Super,
        }
    }

    #[state]
    fn lost(&mut self) -> Outcome<State> {
        Super
    }

    #[superstate]
    fn settled(&mut self) -> Outcome<State> {
        Super
    }

    #[state(superstate = "settled")]
    fn fixed(&mut self, context: &mut ToyCx<'_>, event: &ToyEvent) -> Outcome<State> {
        match event {
            ToyEvent::Collect(_) => {
                context.rule("7");
                context.follow("archive", Map::new());
                Handled
            }
            ToyEvent::Archive(_) => {
                context.rule("8");
                context.cancel("WINDOW");
                Transition(State::done())
            }
            ToyEvent::Timer(timer) if timer.0 == "WINDOW" => {
                context.rule("9");
                Transition(State::done())
            }
            _ => Super,
        }
    }

    #[superstate]
    fn closed(&mut self) -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn done(&mut self) -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn withdrawn(&mut self) -> Outcome<State> {
        Super
    }

    #[state(superstate = "closed")]
    fn unseen(&mut self) -> Outcome<State> {
        Super
    }
}

impl Machine for Toy {
    const WORKFLOW: &'static str = "repair";
    const DATA_VERSION: u32 = 1;
    const START: &'static str = "submit";
    const TIMERS: &'static [&'static str] = &["ALARM", "EXPIRE", "WINDOW"];
    type Case = Case;
    type Events = ToyEvent;
    type Policy = ToyPolicy;

    fn start(event: &ToyEvent, cx: &mut ToyCx<'_>) -> Option<Self> {
        let ToyEvent::Submit(submit) = event else { return None };
        cx.rule("1");
        cx.arm("ALARM", cx.now.plus_millis(HOUR));
        Some(Self { case: case(&submit.customer, cx), asked: 0 })
    }

    fn common(event: Common) -> ToyEvent {
        ToyEvent::Common(event)
    }

    fn as_common(event: &ToyEvent) -> Option<&Common> {
        match event {
            ToyEvent::Common(common) => Some(common),
            _ => None,
        }
    }

    fn timer(name: &str) -> ToyEvent {
        ToyEvent::Timer(TimerName(name.to_owned()))
    }

    fn leaves() -> Vec<State> {
        vec![
            State::received(),
            State::accepted(),
            State::waiting(),
            State::lost(),
            State::fixed(),
            State::done(),
            State::withdrawn(),
            State::unseen(),
        ]
    }

    fn case(&self) -> &Case {
        &self.case
    }

    fn case_mut(&mut self) -> &mut Case {
        &mut self.case
    }

    fn check(_: &ToyPolicy) -> Vec<Fault> {
        Vec::new()
    }

    fn queue(&self, _: &ToyPolicy) -> String {
        "workshop".into()
    }

    fn facts(_: Option<&Self>, _: &ToyEvent) -> Vec<Fact> {
        Vec::new()
    }

    fn upgrade(from: u32, _: &str, _: Value) -> Result<(String, Value), String> {
        Err(format!("version {from} was never released"))
    }

    fn samples() -> Vec<Sample> {
        vec![
            sample("submit", "plain", json!({"customer": "c-1"})),
            sample("accept", "plain", json!({})),
            sample("ask", "plain", json!({})),
            sample("reply", "thanks", json!({"thanks": true})),
            sample("reply", "more", json!({"thanks": false})),
            sample("fix", "plain", json!({})),
            sample("lose", "plain", json!({})),
            sample("inspect", "after_the_alarm", json!({"not_before": "2026-03-11T03:00:00Z"})),
            sample("inspect", "never", json!({"not_before": "2099-01-01T00:00:00Z"})),
            sample("collect", "plain", json!({})),
            sample("withdraw", "plain", json!({})),
        ]
    }

    fn shape(&self) -> String {
        format!("asked={}", self.asked)
    }
}

fn sample(event: &'static str, label: &'static str, payload: Value) -> Sample {
    let Value::Object(payload) = payload else { panic!("a payload is an object") };
    Sample { label, event, payload, actor: Actor::person("a-1", Role::Agent), facts: Facts::new() }
}

fn case(customer: &str, cx: &ToyCx<'_>) -> Case {
    Case {
        case_no: cx.id.clone(),
        policy_version: cx.version,
        calendar_id: cx.calendar.name().to_owned(),
        tenant: "default".into(),
        customer_id: customer.to_owned(),
        customer_tier: Tier::Normal,
        channel: Channel::Phone,
        category: "repair".into(),
        priority: Priority::Normal,
        service_goal: ServiceGoal::Solve,
        first_owner: None,
        handover_to: None,
        owner: Owner::Queue("workshop".into()),
        owner_dept: None,
        off_hours: false,
        opened_at: cx.now,
        round: 1,
        transfers: 0,
        escalation_level: Level::None,
        reopen_count: 0,
        disposition: None,
        satisfaction: None,
        links: Vec::new(),
        promises: Vec::new(),
        chain_depth: 0,
        restricted: None,
        erased: None,
    }
}

/// A title in both languages.
pub fn title(en: &str, zh: &str) -> Title {
    Title { en: en.into(), zh: zh.into() }
}

/// The workflow, its definition and a calendar that is always open.
pub struct World {
    /// The workflow.
    pub workflow: Typed<Toy>,
    /// Its definition.
    pub definition: Definition,
    /// Its calendar.
    pub calendar: Calendar,
}

impl World {
    /// The toy's world.
    pub fn new() -> Self {
        let workflow = Typed::<Toy>::new();
        let roles = |name: &str| match name {
            "archive" => vec![Role::System],
            _ => vec![Role::Agent],
        };
        let definition = Definition {
            workflow: "repair".into(),
            version: 1,
            hash: "0".repeat(32),
            calendar: "always".into(),
            title: title("Repair", "维修"),
            roles: workflow.events().iter().map(|spec| (spec.name.to_owned(), roles(spec.name))).collect(),
            states: STATES.iter().map(|(path, en, zh)| ((*path).to_owned(), title(en, zh))).collect(),
            events: EVENTS.iter().map(|(name, en, zh)| ((*name).to_owned(), title(en, zh))).collect(),
            clocks: Default::default(),
            schedules: Vec::new(),
            policy: Arc::new(ToyPolicy {}),
        };
        let day = json!(["00:00-24:00"]);
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let weekly: Map<String, Value> = days.iter().map(|name| ((*name).to_owned(), day.clone())).collect();
        let file: CalendarFile = serde_json::from_value(json!({
            "name": "always", "version": 1, "title": title("Always", "全天"), "zone": "UTC", "weekly": weekly,
        }))
        .unwrap();
        let calendar = file.check().unwrap();
        Self { workflow, definition, calendar }
    }

    /// The moment its samples are written for.
    pub fn now() -> Instant {
        Instant::parse("2026-03-11T02:00:00Z").unwrap()
    }

    /// An explorer of it.
    pub fn explorer(&self) -> Explorer<'_> {
        Explorer {
            workflow: &self.workflow,
            definition: &self.definition,
            calendar: &self.calendar,
            now: Self::now(),
            configurations_max: CONFIGURATIONS_MAX,
        }
    }
}

const STATES: &[(&str, &str, &str)] = &[
    ("open", "Open", "处理中"),
    ("open.intake", "Intake", "受理"),
    ("open.intake.received", "Received", "已接收"),
    ("open.intake.accepted", "Accepted", "已受理"),
    ("open.waiting", "Waiting for customer", "待客户补充"),
    ("lost", "Lost", "遗失"),
    ("settled", "Settled", "已办结"),
    ("settled.fixed", "Fixed", "已修好"),
    ("closed", "Closed", "已归档"),
    ("closed.done", "Done", "已取走"),
    ("closed.withdrawn", "Withdrawn", "客户撤回"),
    ("closed.unseen", "Never seen", "从未到达"),
];

const EVENTS: &[(&str, &str, &str)] = &[
    ("submit", "Submit", "提交"),
    ("accept", "Accept", "受理"),
    ("ask", "Ask the customer", "请客户补充"),
    ("reply", "Customer replies", "客户回复"),
    ("fix", "Fix", "修好"),
    ("lose", "Lose", "遗失"),
    ("inspect", "Inspect", "检查"),
    ("collect", "Collect", "取走"),
    ("archive", "Archive", "归档"),
    ("withdraw", "Withdraw", "撤回"),
];
