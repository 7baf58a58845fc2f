//! Owns what begins from outside: customers' cases, callbacks that somebody plans, classes, plans, words to monitors.

use careflow::chance::Chance;
use careflow::kernel::actor::{Actor, Role};
use careflow::kernel::id::InstanceId;
use serde_json::{Map, Value, json};

use super::acts::Act;
use super::people::{customer, department, gateway};
use super::year::Organisation;

const CHANNELS: [&str; 9] =
    ["phone", "phone", "email", "email", "wecom", "wechat", "web_chat", "sms", "walk_in"];
const CATEGORIES: [&str; 4] = ["pre_sale", "in_sale", "after_sale", "other"];
const PROBLEMS: [&str; 5] = ["invoice", "delivery", "refund", "account", "quality"];
const CAUSES: [&str; 6] = ["attitude", "competence", "response_time", "product", "price", "logistics"];
/// What is taught.
const TITLES: [&str; 4] = ["退款流程", "沟通技巧", "产品知识", "投诉处理"];

/// Something that begins: the flow, and what begins it.
pub type Begun = (&'static str, Act);

impl Organisation {
    /// What begins next.
    pub fn begins(&mut self) -> Begun {
        match self.chance.below(100) {
            0..=55 => ("consultation", self.asks()),
            56..=80 => ("complaint", self.complains()),
            81..=88 => ("callback", self.plans_a_call()),
            89..=93 => ("training_session", self.drafts_a_class()),
            _ => ("monitor", self.tells_a_monitor()),
        }
    }

    fn asks(&mut self) -> Act {
        let (customer, tier) = customer(&mut self.chance);
        let chance = &mut self.chance;
        let mut payload = json!({
            "customer_id": customer, "channel": chance.pick(&CHANNELS), "subject": "想问一下",
            "body_ref": "msg/1", "category": chance.pick(&CATEGORIES), "problem_type": chance.pick(&PROBLEMS),
        });
        if chance.percent(90) {
            payload["happened_at"] = json!(self.now().plus_millis(-7_200_000));
            payload["impact_scope"] = json!("一张订单");
        }
        let chance = &mut self.chance;
        if chance.percent(25) {
            payload["priority"] = json!(chance.pick(&["low", "high", "urgent"]));
        }
        if chance.percent(10) {
            payload["external_ref"] = json!(format!("crm-{}", chance.below(40)));
        }
        let actor = if chance.percent(50) {
            Actor::person(customer, Role::Customer)
        } else {
            payload["customer_tier"] = json!(tier);
            gateway()
        };
        Act::new(actor, "submit", payload)
    }

    fn complains(&mut self) -> Act {
        let (customer, tier) = customer(&mut self.chance);
        let happened = self.now().plus_millis(-86_400_000);
        let subject = match self.chance.below(4) {
            0 => {
                json!({ "kind": "actor", "id": self.people.person(Role::Agent, &mut self.chance).id })
            }
            1 => json!({ "kind": "dept", "id": department(&mut self.chance) }),
            _ => json!({ "kind": "product", "id": format!("p-{}", self.chance.below(30)) }),
        };
        let chance = &mut self.chance;
        let cause = if chance.percent(4) { "safety" } else { chance.pick(&CAUSES) };
        let mut payload = json!({
            "customer_id": customer, "channel": chance.pick(&CHANNELS), "facts": "我不满意。",
            "happened_at": happened, "subjects": [subject], "remedy_sought": "道歉", "evidence": ["msg/1"],
            "cause_claimed": cause,
        });
        if chance.percent(60) {
            return Act::new(Actor::person(customer, Role::Customer), "register", payload);
        }
        payload["customer_tier"] = json!(tier);
        Act::new(gateway(), "register", payload)
    }

    fn plans_a_call(&mut self) -> Act {
        let (customer, _) = customer(&mut self.chance);
        let from = self.now().plus_millis(i64::try_from(self.chance.below(172_800_000)).unwrap());
        let chance = &mut self.chance;
        let kind = chance.pick(&["periodic", "dormant", "missed_call", "product", "low_score", "visit"]);
        let mut payload = json!({
            "type": kind, "customer_id": customer, "channel_pref": ["phone", chance.pick(&["email", "wecom"])],
            "window_from": from, "script_id": kind, "language": "zh-CN",
        });
        if chance.percent(5) {
            payload["basis"] = json!("none");
        }
        let flow = *self.chance.pick(&["consultation", "complaint"]);
        let about = self.of_customer(flow, &customer);
        if !about.is_empty() && self.chance.percent(50) {
            payload["source_case"] = json!(self.chance.pick(&about));
        }
        let agent = self.people.person(Role::Agent, &mut self.chance);
        Act::new(agent, "plan", payload)
    }

    fn drafts_a_class(&mut self) -> Act {
        let chance = &mut self.chance;
        let assessment = if chance.percent(75) {
            json!({ "kind": chance.pick(&["exam", "practice", "scenario"]), "pass_mark": 80 })
        } else {
            json!({ "kind": "none", "pass_mark": 0, "justification": "只作交流" })
        };
        let kind = chance.pick(&["onboarding", "in_service", "promotion", "remedial", "recert"]);
        let payload = json!({
            "title": chance.pick(&TITLES), "type": kind, "mode": chance.pick(&["lecture", "case", "video"]),
            "competencies": competencies(kind, chance), "sittings": [],
            "capacity": chance.between(3, 8), "budget": { "amount": "800", "currency": "CNY" },
            "assessment": assessment, "mandatory": chance.percent(50),
        });
        Act::new(self.people.person(Role::TrainingAdmin, chance), "draft", payload)
    }

    fn tells_a_monitor(&mut self) -> Act {
        if self.chance.percent(40) {
            let agent = self.people.handle(Role::Agent, &mut self.chance);
            let seen = json!({ "critical_error": { "inspection": format!("qi-{}", self.chance.draw()) } });
            let inspector = self.people.person(Role::QaInspector, &mut self.chance);
            return Act::new(inspector, "observe", json!({ "watched": { "agent": agent }, "seen": seen }));
        }
        if self.chance.percent(25) {
            let agent = self.people.handle(Role::Agent, &mut self.chance);
            return Act::new(
                gateway(),
                "observe",
                json!({ "watched": { "agent": agent }, "seen": self.hires() }),
            );
        }
        let (customer, _) = customer(&mut self.chance);
        let seen = self.chance.pick(&["customer_added", "info_changed", "profile_saved", "profile_saved"]);
        Act::new(gateway(), "observe", json!({ "watched": { "customer": customer }, "seen": seen }))
    }

    /// Somebody begins to work here about now, or leaves.
    fn hires(&mut self) -> Value {
        if self.chance.percent(20) {
            return json!("left");
        }
        let days = i64::try_from(self.chance.below(20)).unwrap() - 14;
        let on = self.calendar.date_at(self.now().plus_millis(days * 86_400_000));
        json!({ "hired": { "on": on.to_string() } })
    }

    /// The plan of training for `year`, an item a month.
    pub fn plans_a_year(&mut self, year: i32) -> Begun {
        let payload = json!({ "year": year, "items": items(year, 12) });
        (
            "training_plan",
            Act::new(self.people.person(Role::TrainingAdmin, &mut self.chance), "draft_plan", payload),
        )
    }

    /// A certificate that somebody has at the beginning, good until `until`.
    pub fn has_learnt(&mut self, kind: &str, until: &str) -> Begun {
        let payload = json!({
            "holder": self.people.handle(Role::Agent, &mut self.chance), "kind": kind,
            "enrollment": InstanceId::derive("before", &[kind, until]),
            "valid_from": "2024-01-01", "valid_to": until,
        });
        ("certificate", Act::new(Actor::system(), "issue", payload))
    }
}

/// What a class teaches: one for new staff most of the modules, or all of them.
fn competencies(kind: &str, chance: &mut Chance) -> Vec<&'static str> {
    if kind != "onboarding" {
        return vec![*chance.pick(&["refunds", "talking"])];
    }
    let modules = ["culture", "product", "concept", "process", "communication"];
    let first = if chance.percent(60) { 0 } else { chance.index(modules.len()) };
    modules[first..].to_vec()
}

/// Items of a plan, one for each of the first months.
pub fn items(year: i32, months: u32) -> Vec<Value> {
    let item = |no: u32| {
        json!({
            "no": no, "goal": "refunds", "content": TITLES[no as usize % TITLES.len()], "mode": "lecture",
            "time": format!("{year}-{no:02}-15"), "budget": { "amount": "1000", "currency": "CNY" },
        })
    };
    (1..=months).map(item).collect()
}

/// The members of a JSON object.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("a payload is an object, not {other}"),
    }
}
