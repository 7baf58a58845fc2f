//! Owns what somebody does to an instance that stands somewhere: an event that its state accepts, made of a
//! sample of its flow, with people, times and things of this organisation in it.

use careflow::kernel::actor::{Actor, Role};
use careflow::kernel::instance::Instance;
use careflow::kernel::instant::Instant;
use careflow::kernel::machine::{SAMPLES_AT, Sample};
use careflow::kernel::span::Span;
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::begun::object;
use super::people::{department, superior_of};
use super::year::Organisation;

/// So many picks are made until one makes sense.
const TRIES: usize = 4;
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// An event that somebody sends.
#[derive(Clone, Debug)]
pub struct Act {
    pub actor: Actor,
    pub event: String,
    pub payload: Map<String, Value>,
}

impl Act {
    pub fn new(actor: Actor, event: &str, payload: Value) -> Self {
        Self { actor, event: event.to_owned(), payload: object(payload) }
    }
}

/// What the customer of a case is like; drawn from the case's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    /// Says something, mostly that it is good.
    Easy,
    /// Says that it is not good, mostly.
    Angry,
    /// Says nothing.
    Silent,
}

impl Temper {
    /// The temper behind `instance`.
    pub fn of(instance: &Instance) -> Self {
        let sum: u32 = instance.id.local().bytes().map(u32::from).sum();
        match sum % 10 {
            0 | 1 => Self::Angry,
            2 | 3 => Self::Silent,
            _ => Self::Easy,
        }
    }
}

impl Organisation {
    /// What somebody does to `instance` now; none where nobody thinks of anything.
    pub fn act(&mut self, instance: &Instance) -> Option<Act> {
        let accepted = self.engine.accepted_events(instance);
        let temper = Temper::of(instance);
        let weights: Vec<u64> = accepted.iter().map(|event| weight(instance, event, temper)).collect();
        let all: u64 = weights.iter().sum();
        for _ in 0..TRIES {
            let mut drawn = self.chance.below(all);
            let picked = weights.iter().position(|weight| {
                let here = drawn < *weight;
                drawn = drawn.saturating_sub(*weight);
                here
            })?;
            let event = accepted[picked].clone();
            if let Some(act) = self.made(instance, &event, temper) {
                return Some(act);
            }
        }
        None
    }

    /// `event` as somebody would send it to `instance`.
    fn made(&mut self, instance: &Instance, event: &str, temper: Temper) -> Option<Act> {
        if let Some(act) = self.of_common(instance, event) {
            return Some(act);
        }
        let fits = |sample: &&Sample| sample.event == event && sample.actor.role != Role::System;
        let fitting: Vec<&Sample> = self.samples[&instance.workflow].iter().filter(fits).collect();
        if fitting.is_empty() {
            return None;
        }
        let sample = fitting[self.chance.index(fitting.len())].clone();
        let payload = self.told(&Value::Object(sample.payload), instance);
        let mut act = Act {
            actor: self.who(sample.actor.role, instance),
            event: event.to_owned(),
            payload: object(payload),
        };
        let fits = match instance.workflow.as_str() {
            "consultation" | "complaint" => self.of_case(&mut act, instance, temper),
            "callback" => self.of_callback(&mut act, instance, temper),
            "monitor" => event != "observe",
            _ => self.of_school(&mut act, instance),
        };
        fits.then_some(act)
    }

    /// Who in `role` has to do with `instance`.
    fn who(&mut self, role: Role, instance: &Instance) -> Actor {
        let id = |pointer: &str| instance.data.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let trainee = || id("/trainee/id").or_else(|| id("/employee/id"));
        let known = match role {
            Role::Customer => id("/case/customer_id"),
            Role::Trainee => trainee(),
            Role::Supervisor => trainee().map(|trainee| superior_of(&trainee)),
            Role::DeptHandler => id("/handler/id"),
            Role::Agent => id("/locked_by/id").or_else(|| id("/case/owner/person/id")),
            _ => None,
        };
        let is_agent = |id: &str| role != Role::Agent || id.starts_with("agent-");
        // Now and then somebody else does it.
        let stays = matches!(role, Role::Customer | Role::Trainee) || !self.chance.one_in(12);
        match known.filter(|id| stays && is_agent(id)) {
            Some(id) => Actor::person(id, role),
            None => self.people.person(role, &mut self.chance),
        }
    }

    /// A sample's payload with this organisation's people in it, and times from now on.
    fn told(&mut self, value: &Value, instance: &Instance) -> Value {
        match value {
            Value::Object(map) if map.len() == 2 && map.contains_key("id") && map.contains_key("role") => {
                let role = Role::parse(map["role"].as_str().unwrap_or_default()).unwrap();
                self.people.handle(role, &mut self.chance)
            }
            Value::Object(map) => {
                map.iter().map(|(name, value)| (name.clone(), self.told(value, instance))).collect()
            }
            Value::Array(items) => items.iter().map(|item| self.told(item, instance)).collect(),
            Value::String(text) => {
                let passed = self.now().since(SAMPLES_AT);
                if text == "c-1027" {
                    instance.data.pointer("/case/customer_id").cloned().unwrap_or_else(|| value.clone())
                } else if let Ok(at) = Instant::parse(text) {
                    json!(at.plus_millis(passed))
                } else if let Ok(date) = text.parse::<NaiveDate>() {
                    json!(date + chrono::Duration::days(passed / DAY_MS))
                } else {
                    value.clone()
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// Events of every flow that no sample is there for.
    fn of_common(&mut self, instance: &Instance, event: &str) -> Option<Act> {
        let handle = |pointer: &str| {
            let handle = instance.data.pointer(pointer)?;
            let role = Role::parse(handle["role"].as_str()?).ok()?;
            Some(Actor::person(handle["id"].as_str()?, role))
        };
        Some(match event {
            "handover_requested" => {
                let to = self.people.handle(Role::Agent, &mut self.chance);
                Act::new(handle("/case/first_owner")?, event, json!({ "to": to, "note": "休假" }))
            }
            "handover_accepted" => Act::new(handle("/case/handover_to")?, event, json!({})),
            "closure_acknowledged" => Act::new(handle("/case/first_owner")?, event, json!({})),
            "priority_changed" => {
                let to = self.chance.pick(&["low", "normal", "high", "urgent"]);
                let supervisor = self.people.person(Role::Supervisor, &mut self.chance);
                Act::new(supervisor, event, json!({ "to": to, "reason": "客户催促" }))
            }
            "enroll" => {
                let trainee = self.people.handle(Role::Agent, &mut self.chance);
                let supervisor = self.people.person(Role::Supervisor, &mut self.chance);
                Act::new(supervisor, event, json!({ "trainee": trainee, "source": "manager" }))
            }
            "subject_restricted" | "subject_erased" => {
                if !self.chance.one_in(8) {
                    return None;
                }
                let pointers = ["/case/customer_id", "/case/subject_id"];
                let id = pointers.iter().find_map(|pointer| instance.data.pointer(pointer))?;
                let officer = self.people.person(Role::PrivacyOfficer, &mut self.chance);
                Act::new(officer, event, json!({ "subject_id": id, "basis": "PIPL 47" }))
            }
            "linked" => {
                let customer = instance.case_text("customer_id")?;
                let others = self.of_customer("consultation", customer);
                let other = others.iter().find(|id| **id != instance.id)?;
                let agent = self.people.person(Role::Agent, &mut self.chance);
                Act::new(agent, event, json!({ "type": "caused_by", "id": other }))
            }
            _ => return self.of_record(instance, event),
        })
    }

    /// What a case asks for beside the sample; whether it makes sense.
    fn of_case(&mut self, act: &mut Act, instance: &Instance, temper: Temper) -> bool {
        let data = &instance.data;
        let text = |pointer: &str| data.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let now = self.now();
        let soon = self.calendar.due(now, Span::parse("6 business hours").unwrap());
        for name in ["promised_by", "new_promise", "expected_by"] {
            if act.payload.contains_key(name) {
                act.payload.insert(name.into(), json!(soon));
            }
        }
        if act.payload.contains_key("message_ref") {
            act.payload.insert("message_ref".into(), json!(format!("msg/{}", self.chance.draw())));
        }
        let chance = &mut self.chance;
        let put = |act: &mut Act, name: &str, value: Value| act.payload.insert(name.to_owned(), value);
        match act.event.as_str() {
            "ring" | "answer_call" | "hang_up" => return text("/case/channel") == "phone",
            "confirm" => {
                let good = chance.percent(if temper == Temper::Angry { 25 } else { 85 });
                put(act, "satisfied", json!(good));
                put(act, "score", json!(if good { chance.between(3, 5) } else { chance.between(1, 3) }));
            }
            "mark_duplicate" => {
                let others = self.of_customer(&instance.workflow, text("/case/customer_id"));
                let others: Vec<_> = others.into_iter().filter(|id| *id != instance.id).collect();
                if others.is_empty() {
                    return false;
                }
                let of = json!(self.chance.pick(&others));
                put(act, "of", of);
            }
            "convert" if instance.workflow == "consultation" => {
                let child = json!({
                    "facts": "没有人回电", "happened_at": now, "subjects": [], "remedy_sought": "道歉",
                    "evidence": [], "cause_claimed": "response_time",
                });
                put(act, "child", child);
            }
            "assess" => {
                let severity = chance.pick(&["minor", "normal", "normal", "major", "critical"]);
                put(act, "severity", json!(severity));
                put(act, "complexity", json!(chance.pick(&["simple", "simple", "complex"])));
                put(act, "safety", json!(chance.percent(5)));
                put(act, "cause", json!(chance.pick(&["attitude", "competence", "product", "logistics"])));
            }
            "submit_findings" => {
                let agent = self.people.handle(Role::Agent, chance);
                put(act, "finding", json!(chance.pick(&["upheld", "upheld", "partly", "not_upheld"])));
                put(act, "root_cause", json!(chance.pick(&["training", "stock", "carrier"])));
                put(act, "systemic", json!(chance.percent(20)));
                put(act, "responsible", json!([{ "actor": agent }]));
            }
            "record_details" => {
                put(act, "happened_at", json!(now.plus_millis(-HOUR_MS)));
                put(act, "impact_scope", json!("一张订单"));
            }
            "dispatch" | "transfer_department" | "arbitrate" => {
                put(act, "department", json!(department(chance)));
            }
            "approve" | "return_proposal" => {
                let role = *chance.pick(&[Role::Supervisor, Role::DeptManager, Role::ProcessOwner]);
                act.actor = self.people.person(role, chance);
            }
            "action_done" => {
                let actions = data["actions"].as_array().cloned().unwrap_or_default();
                let open: Vec<&Value> = actions.iter().filter(|action| action["done"] != true).collect();
                if open.is_empty() {
                    return false;
                }
                put(act, "action_no", chance.pick(&open)["no"].clone());
            }
            "contact_attempt" => {
                put(act, "at", json!(now.plus_millis(-60_000)));
                put(act, "channel", json!(chance.pick(&["phone", "sms", "email"])));
            }
            "suspend" => {
                let ahead = i64::try_from(chance.between(1, 20)).unwrap() * DAY_MS;
                put(act, "until", json!(now.plus_millis(ahead)));
            }
            _ => {}
        }
        true
    }

    /// What a callback asks for beside the sample; whether it makes sense.
    fn of_callback(&mut self, act: &mut Act, instance: &Instance, temper: Temper) -> bool {
        let now = self.now();
        let chance = &mut self.chance;
        let put = |act: &mut Act, name: &str, value: Value| act.payload.insert(name.to_owned(), value);
        match act.event.as_str() {
            "attempt_result" if temper == Temper::Silent && chance.percent(70) => {
                put(act, "outcome", json!(chance.pick(&["no_answer", "busy", "power_off", "voicemail"])));
            }
            "attempt_result" if chance.percent(50) => {
                put(act, "outcome", json!("connected"));
            }
            "schedule" => {
                let ahead = i64::try_from(chance.between(20, 60)).unwrap() * HOUR_MS;
                let at = self.calendar.next_open(now.plus_millis(ahead));
                put(act, "at", json!(at));
            }
            "record" if instance.data["type"] == "missed_call" && chance.percent(60) => {
                act.payload.remove("score");
                put(act, "resolved", json!(chance.percent(60)));
            }
            "record" => {
                let angry = temper == Temper::Angry;
                let score = if angry { chance.between(1, 3) } else { chance.between(2, 5) };
                put(act, "score", json!(score));
                put(act, "resolved", json!(score > 2 || chance.percent(40)));
            }
            _ => {}
        }
        // On the line the agent writes down what is said; else the customer answers in writing, or does not.
        let id = |pointer: &str| instance.data.pointer(pointer).and_then(Value::as_str);
        match (act.event.as_str(), instance.state.as_str()) {
            ("record", "open.connected") => {
                act.actor = Actor::person(id("/locked_by/id").unwrap_or("agent-0"), Role::Agent);
                true
            }
            ("record", _) => {
                act.actor = Actor::person(id("/case/customer_id").unwrap_or("c-1000"), Role::Customer);
                temper != Temper::Silent
            }
            _ => true,
        }
    }
}

/// How likely `event` is in the state of `instance`, beside the others that it accepts.
fn weight(instance: &Instance, event: &str, temper: Temper) -> u64 {
    let by_customer =
        ["confirm", "customer_reply", "customer_accepts", "customer_rejects", "reopen", "withdraw"];
    let weight = match event {
        "force_closed" if ["report", "certificate", "consequence"].contains(&instance.workflow.as_str()) => {
            20
        }
        "force_closed" if instance.workflow == "monitor" => 4,
        "force_closed" | "subject_restricted" | "subject_erased" => 1,
        "note_added" | "linked" | "priority_changed" | "ring" => 8,
        "attachment_added" | "policy_migrated" => 0,
        "correction" | "clock_suspended" | "verdict_corrected" => 4,
        "clock_resumed" => 50,
        "withdraw" | "mark_duplicate" | "mark_invalid" | "convert" | "reject_intake" | "suspend"
        | "opt_out" | "cancel" | "postpone" | "revoke" | "reopen" | "request_review"
        | "handover_requested" => 12,
        "assigned" | "extend" | "release" | "contact_fixed" | "record_details" | "return_proposal"
        | "late_inbound" => 25,
        "refer_external"
        | "close_without_agreement"
        | "request_info"
        | "escalate"
        | "dept_return"
        | "department_return"
        | "progress_update" => 50,
        "contact_attempt" | "declare_unreachable" if temper != Temper::Silent => 15,
        "customer_rejects" if temper != Temper::Angry => 30,
        "start_sitting" | "end_sitting" | "check_in" => 3_000,
        "publish_notice" if instance.workflow == "training_session" => 80,
        "enroll" => 200,
        "reject" | "deny_leave" => 40,
        "decline" => 2_000,
        _ => 200,
    };
    if temper == Temper::Silent && by_customer.contains(&event) { weight / 20 } else { weight }
}
