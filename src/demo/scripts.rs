//! Owns the demo's scripts: for each state, how cases get there.

use std::num::NonZeroU32;

use serde_json::{Value, json};

use super::plan::{AGENTS, CUSTOMERS, DAY_MS, PEOPLE, Step};
use super::subjects::{SUBJECTS, Subject};
use crate::chance::Chance;
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::calendar::Calendar;
use crate::kernel::instant::Instant;
use crate::kernel::span::{Roll, Span};

/// A minute.
const MINUTE_MS: i64 = 60_000;
/// Telephones first, as people reach an organisation.
const CHANNELS: [&str; 10] =
    ["phone", "phone", "email", "email", "wecom", "wecom", "wechat", "web_chat", "sms", "social"];
/// Channels where nobody waits on the line.
const WRITTEN: [&str; 7] = ["email", "email", "wecom", "wecom", "wechat", "web_chat", "social"];

/// For an answer to a question.
const INFO: Span = Span::WorkingDays(days(5));
/// For a word on an answer.
const CONFIRM: Span = Span::WorkingDays(days(3));
/// To reopen.
const REOPEN: Span = Span::CalendarDays(days(7), Roll::Stay);

const fn days(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("the demo's spans are not zero")
}

/// Cases that end in one state.
pub(super) struct Kind {
    /// The state.
    pub end: &'static str,
    /// How many.
    pub count: usize,
    /// How many days ago they begin: from, to.
    days: (u64, u64),
    /// Times that have passed since the last step, one after the other.
    passed: &'static [Span],
    /// The time that still runs.
    running: Option<Span>,
    /// Whether it may have copies.
    pub is_master: bool,
    script: fn(&mut Story, &mut Teller<'_>),
}

const fn kind(
    end: &'static str,
    count: usize,
    days: (u64, u64),
    script: fn(&mut Story, &mut Teller<'_>),
) -> Kind {
    Kind { end, count, days, passed: &[], running: None, is_master: false, script }
}

impl Kind {
    const fn timed(self, passed: &'static [Span], running: Option<Span>) -> Self {
        Self { passed, running, ..self }
    }
}

/// Every state and how often. Timers stand for policy's shipped values.
pub(super) const KINDS: &[Kind] = &[
    Kind { is_master: true, ..kind("open.handling.in_progress", 18, (0, 4), in_progress) },
    kind("open.intake.received", 8, (0, 0), received),
    kind("open.intake.accepted", 8, (0, 0), accepted),
    kind("open.handling.escalated", 9, (0, 1), escalated),
    kind("open.handling.with_department", 11, (0, 3), with_department),
    kind("open.waiting_customer", 13, (0, 3), waiting_customer).timed(&[], Some(INFO)),
    kind("open.answered", 13, (0, 2), answered).timed(&[], Some(CONFIRM)),
    kind("settled.confirmed", 18, (1, 6), confirmed).timed(&[], Some(REOPEN)),
    kind("settled.unconfirmed", 10, (5, 10), answered).timed(&[CONFIRM], Some(REOPEN)),
    kind("settled.no_response", 7, (7, 13), waiting_customer).timed(&[INFO], Some(REOPEN)),
    kind("closed.resolved", 38, (9, 29), confirmed).timed(&[REOPEN], None),
    kind("closed.unconfirmed", 14, (13, 29), answered).timed(&[CONFIRM, REOPEN], None),
    kind("closed.no_response", 8, (16, 29), waiting_customer).timed(&[INFO, REOPEN], None),
    kind("closed.withdrawn", 7, (2, 25), withdrawn),
    kind("closed.duplicate", 6, (0, 0), duplicate),
    kind("closed.abandoned", 8, (1, 27), abandoned),
    kind("closed.invalid", 6, (1, 27), invalid),
    kind("closed.forced", 3, (5, 25), forced),
    kind("closed.converted", 4, (0, 0), converted),
];

/// One case as it is told.
pub(super) struct Story {
    /// What happens.
    pub steps: Vec<Step>,
    case: usize,
    customer: String,
    agent: &'static str,
    subject: &'static Subject,
    at: Instant,
}

/// What a script may ask.
pub(super) struct Teller<'a> {
    calendar: &'a Calendar,
    chance: &'a mut Chance,
    master: Option<&'a Story>,
}

impl Story {
    /// Tells case `case` of `kind`; it may begin `shift` days earlier or later than the kind says.
    pub(super) fn tell(
        kind: &Kind,
        case: usize,
        (now, shift): (Instant, u64),
        calendar: &Calendar,
        chance: &mut Chance,
        master: Option<&Self>,
    ) -> Self {
        let days = chance.between(kind.days.0.saturating_sub(shift), kind.days.1 + shift);
        let within_day = chance.between(5, 23 * 60);
        let back =
            i64::try_from(days).unwrap_or(0) * DAY_MS + i64::try_from(within_day).unwrap_or(0) * MINUTE_MS;
        let mut story = Self {
            steps: Vec::new(),
            case,
            customer: format!("c-{}", 1_000 + chance.below(CUSTOMERS)),
            agent: chance.pick(&PEOPLE[..AGENTS]).0,
            subject: chance.pick(SUBJECTS),
            at: now.plus_millis(-back),
        };
        // Some write at night and at weekends; the others while somebody is there.
        if !calendar.is_open(story.at) && !chance.percent(20) {
            let into = i64::try_from(chance.between(0, 150)).unwrap_or(0) * MINUTE_MS;
            story.at = calendar.after(calendar.next_open(story.at), into.max(1));
        }
        (kind.script)(&mut story, &mut Teller { calendar, chance, master });
        story
    }

    /// Whether everything has happened by `now`, and the kind's timers stand as it says.
    pub(super) fn fits(&self, kind: &Kind, now: Instant, calendar: &Calendar) -> bool {
        let Some(last) = self.steps.last() else { return false };
        let passed = kind.passed.iter().fold(last.at, |at, span| calendar.due(at, *span));
        passed <= now && kind.running.is_none_or(|span| calendar.due(passed, span) > now)
    }

    fn step(&mut self, event: &'static str, actor: Actor, payload: Value) {
        let Value::Object(payload) = payload else { return };
        self.steps.push(Step { at: self.at, case: self.case, event, payload, actor, master: None });
    }

    /// Seconds pass.
    fn seconds(&mut self, teller: &mut Teller<'_>, from: u64, to: u64) -> u64 {
        let seconds = teller.chance.between(from, to);
        self.at = self.at.plus_millis(i64::try_from(seconds).unwrap_or(0) * 1_000);
        seconds
    }

    /// Minutes of business time pass.
    fn work(&mut self, teller: &mut Teller<'_>, from: u64, to: u64) {
        let minutes = i64::try_from(teller.chance.between(from, to)).unwrap_or(1);
        self.at = teller.calendar.after(self.at, minutes * MINUTE_MS);
    }

    fn reference(&self, what: &str) -> String {
        format!("demo:{}:{what}:{}", self.case, self.steps.len())
    }

    fn agent(&self) -> Actor {
        Actor::person(self.agent, Role::Agent)
    }

    fn customer(&self) -> Actor {
        Actor::person(&self.customer, Role::Customer)
    }

    fn submit(&mut self, teller: &mut Teller<'_>, channel: &'static str) {
        let Subject { text, category, problem, scope, .. } = self.subject;
        let priority =
            *teller.chance.pick(&["low", "normal", "normal", "normal", "normal", "high", "urgent"]);
        let tier = *teller.chance.pick(&["normal", "normal", "normal", "normal", "vip", "key"]);
        let payload = json!({
            "customer_id": self.customer, "customer_tier": tier, "channel": channel, "subject": text,
            "body_ref": self.reference("message"), "category": category, "problem_type": problem,
            "service_goal": "solve", "happened_at": self.at, "impact_scope": scope, "priority": priority,
            "occurred_at": self.at,
        });
        self.step("submit", gateway(channel), payload);
    }

    /// Comes in and is taken: by telephone at once, in a chat within the minute, otherwise within the hour.
    fn taken(&mut self, teller: &mut Teller<'_>) {
        let channel = if teller.calendar.is_open(self.at) {
            *teller.chance.pick(&CHANNELS)
        } else {
            *teller.chance.pick(&WRITTEN)
        };
        self.submit(teller, channel);
        if channel == "phone" {
            let rang = self.seconds(teller, 4, 13);
            let agent = json!({ "id": self.agent, "role": "agent" });
            self.step("answer_call", gateway(channel), json!({ "ring_seconds": rang, "agent": agent }));
            self.work(teller, 3, 9);
        } else {
            if channel == "web_chat" && teller.calendar.is_open(self.at) {
                self.seconds(teller, 6, 50);
                self.step("accept", self.agent(), json!({}));
                self.seconds(teller, 2, 14);
            } else {
                self.work(teller, 2, 40);
                self.step("accept", self.agent(), json!({}));
                self.work(teller, 3, 25);
            }
            let message = self.reference("first-word");
            self.step("respond", self.agent(), json!({ "message_ref": message, "human": true }));
        }
    }

    fn answer(&mut self, teller: &mut Teller<'_>) {
        let mut payload = json!({
            "message_ref": self.reference("answer"), "solution_ref": self.reference("solution"),
            "steps": ["demo"], "confirmed_in_contact": false,
        });
        if teller.chance.percent(70) {
            payload["kb_article"] = json!(format!("kb-{}", self.subject.problem));
        }
        self.step("answer", self.agent(), payload);
    }

    fn ask_department(&mut self, teller: &mut Teller<'_>) {
        let expected = teller.calendar.after(self.at, 16 * 60 * MINUTE_MS);
        let payload = json!({
            "department": self.subject.department, "purpose": *teller.chance.pick(&["answer", "verify"]),
            "handoff_note": "客户已提供全部信息，请核实后答复 / all details are in the case",
            "expected_by": expected,
        });
        self.step("transfer_department", self.agent(), payload);
    }

    fn department_answers(&mut self) {
        let department = self.subject.department;
        let who = PEOPLE[AGENTS..].iter().find(|(_, of)| *of == department).map_or("sun.hao", |(id, _)| id);
        let payload = json!({ "answer_ref": self.reference("department"), "verified": true });
        self.step("department_reply", Actor::person(who, Role::DeptHandler), payload);
    }

    fn escalate(&mut self, teller: &mut Teller<'_>) {
        let hours = i64::try_from(teller.chance.between(5, 8)).unwrap_or(5);
        let payload = json!({
            "level": *teller.chance.pick(&["senior", "senior", "supervisor"]),
            "reason": "超出一线处理范围 / beyond the first line",
            "promised_by": teller.calendar.after(self.at, hours * 60 * MINUTE_MS), "told_customer": true,
        });
        self.step("escalate", self.agent(), payload);
    }

    fn ask_customer(&mut self) {
        let payload = json!({
            "message_ref": self.reference("question"),
            "questions": ["请提供订单号和截图 / please send the order number and a picture"],
        });
        self.step("request_info", self.agent(), payload);
    }

    fn customer_writes(&mut self, intent: &str) {
        let payload = json!({ "message_ref": self.reference("message"), "intent": intent });
        self.step("customer_reply", gateway("email"), payload);
    }

    fn confirm(&mut self, teller: &mut Teller<'_>) {
        if teller.chance.percent(20) {
            self.customer_writes("thanks");
        } else {
            let score = *teller.chance.pick(&[5, 5, 5, 4, 4, 3]);
            self.step("confirm", self.customer(), json!({ "satisfied": true, "score": score }));
        }
    }

    /// What happens on the way to an answer, sometimes.
    fn detour(&mut self, teller: &mut Teller<'_>) {
        match teller.chance.below(10) {
            0 | 1 => {
                self.work(teller, 10, 60);
                self.ask_department(teller);
                self.work(teller, 40, 240);
                self.department_answers();
            }
            2 => {
                self.work(teller, 5, 40);
                self.ask_customer();
                self.work(teller, 30, 300);
                self.customer_writes("info");
            }
            3 => {
                self.work(teller, 10, 60);
                self.escalate(teller);
            }
            4 => {
                self.work(teller, 10, 60);
                let payload = json!({ "text_ref": self.reference("note"), "visibility": "internal" });
                self.step("note_added", self.agent(), payload);
            }
            _ => {}
        }
        self.work(teller, 5, 90);
    }
}

fn gateway(channel: &str) -> Actor {
    let id = format!("gateway-{channel}");
    Actor { id, kind: ActorKind::Service, role: Role::Gateway, on_behalf_of: None }
}

fn supervisor() -> Actor {
    Actor::person("zhao.lei", Role::Supervisor)
}

fn received(story: &mut Story, teller: &mut Teller<'_>) {
    let channel = *teller.chance.pick(&WRITTEN);
    story.submit(teller, channel);
}

fn accepted(story: &mut Story, teller: &mut Teller<'_>) {
    let channel = *teller.chance.pick(&WRITTEN);
    story.submit(teller, channel);
    story.work(teller, 1, 20);
    if teller.chance.percent(40) {
        let to = json!({ "person": { "id": story.agent, "role": "agent" } });
        let reason = "熟悉该客户 / knows the customer";
        story.step("assigned", supervisor(), json!({ "to": to, "reason": reason }));
        story.at = story.at.plus_millis(40_000);
    }
    story.step("accept", story.agent(), json!({}));
}

fn in_progress(story: &mut Story, teller: &mut Teller<'_>) {
    story.taken(teller);
    if teller.chance.percent(25) {
        story.work(teller, 10, 40);
        story.ask_customer();
        story.work(teller, 20, 90);
        story.customer_writes("info");
    }
}

fn escalated(story: &mut Story, teller: &mut Teller<'_>) {
    story.taken(teller);
    story.work(teller, 5, 45);
    story.escalate(teller);
    if teller.chance.percent(40) {
        story.work(teller, 20, 60);
        let payload = json!({ "message_ref": story.reference("progress") });
        story.step("progress_update", story.agent(), payload);
    }
}

fn with_department(story: &mut Story, teller: &mut Teller<'_>) {
    story.taken(teller);
    story.work(teller, 5, 45);
    story.ask_department(teller);
}

fn waiting_customer(story: &mut Story, teller: &mut Teller<'_>) {
    story.taken(teller);
    story.work(teller, 3, 30);
    story.ask_customer();
}

fn answered(story: &mut Story, teller: &mut Teller<'_>) {
    story.taken(teller);
    story.work(teller, 5, 60);
    story.answer(teller);
}

fn confirmed(story: &mut Story, teller: &mut Teller<'_>) {
    story.taken(teller);
    story.detour(teller);
    story.answer(teller);
    if teller.chance.percent(20) {
        story.work(teller, 20, 120);
        let said = json!({ "satisfied": false, "score": 2, "comment": "问题仍然存在 / it still happens" });
        story.step("confirm", story.customer(), said);
        story.work(teller, 15, 90);
        story.answer(teller);
    }
    story.work(teller, 10, 150);
    story.confirm(teller);
    if teller.chance.percent(12) {
        story.work(teller, 30, 180);
        story.step("reopen", story.customer(), json!({ "reason": "又出现同样的问题 / it is back" }));
        story.work(teller, 10, 60);
        story.answer(teller);
        story.work(teller, 10, 90);
        story.confirm(teller);
    }
}

fn withdrawn(story: &mut Story, teller: &mut Teller<'_>) {
    story.taken(teller);
    story.work(teller, 10, 120);
    story.step("withdraw", story.customer(), json!({ "reason": "已自行解决 / solved it myself" }));
}

fn duplicate(story: &mut Story, teller: &mut Teller<'_>) {
    let master = teller.master.expect("masters are told before their copies");
    story.customer.clone_from(&master.customer);
    story.subject = master.subject;
    let first = master.steps.first().expect("a case begins with its submit");
    story.at = first.at.plus_millis(40_000);
    story.submit(teller, "email");
    story.at = story.at.plus_millis(90_000);
    story.step("mark_duplicate", Actor::person("emma.clark", Role::Agent), json!({}));
    if let Some(last) = story.steps.last_mut() {
        last.master = Some(first.case);
    }
}

fn abandoned(story: &mut Story, teller: &mut Teller<'_>) {
    if !teller.calendar.is_open(story.at) && teller.chance.percent(60) {
        story.at = teller.calendar.next_open(story.at);
    }
    story.submit(teller, "phone");
    let rang = story.seconds(teller, 16, 55);
    story.step("hang_up", gateway("phone"), json!({ "ring_seconds": rang }));
}

fn invalid(story: &mut Story, teller: &mut Teller<'_>) {
    let channel = *teller.chance.pick(&WRITTEN);
    story.submit(teller, channel);
    story.work(teller, 5, 60);
    story.step("accept", story.agent(), json!({}));
    story.at = story.at.plus_millis(30_000);
    let reason = *teller.chance.pick(&["spam", "spam", "wrong_number", "test"]);
    story.step("mark_invalid", story.agent(), json!({ "reason": reason }));
}

fn forced(story: &mut Story, teller: &mut Teller<'_>) {
    story.taken(teller);
    story.work(teller, 60, 300);
    let payload = json!({
        "reason": "客户主体已注销 / the customer's company no longer exists",
        "approver": { "id": "zhao.lei", "role": "supervisor" },
    });
    story.step("force_closed", Actor::person("he.ping", Role::ProcessOwner), payload);
}

fn converted(story: &mut Story, teller: &mut Teller<'_>) {
    story.taken(teller);
    story.work(teller, 5, 20);
    let child = json!({
        "facts": "同一问题多次未解决 / the same problem again and again",
        "happened_at": story.at,
        "subjects": [{ "kind": "dept", "id": story.subject.department }],
        "remedy_sought": "道歉并尽快解决 / an apology, and a solution",
        "cause_claimed": *teller.chance.pick(&["response_time", "product", "attitude"]),
    });
    let payload = json!({
        "to_flow": "complaint", "reason": "客户要求投诉 / the customer complains", "child": child,
    });
    story.step("convert", story.agent(), payload);
}
