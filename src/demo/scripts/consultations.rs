//! Owns how consultations of the demo go: for each state, how cases get there.

use serde_json::json;

use crate::demo::people::{self, OWNER, SUPERVISOR, gateway};
use crate::demo::story::{CHANNELS, Kind, MINUTE_MS, Story, Teller, WRITTEN, count, questions};
use crate::demo::subjects::Subject;
use crate::kernel::span::{Roll, Span};

/// The flow.
pub(in crate::demo) const CONSULTATION: &str = "consultation";

/// For an answer to a question.
const INFO: Span = Span::WorkingDays(count(5));
/// For a word on an answer.
const CONFIRM: Span = Span::WorkingDays(count(3));
/// To reopen.
const REOPEN: Span = Span::CalendarDays(count(7), Roll::Stay);

const fn kind(
    end: &'static str,
    count: usize,
    days: (u64, u64),
    script: fn(&mut Story, &mut Teller<'_>),
) -> Kind {
    Kind::of(CONSULTATION, end, (count, days), script)
}

/// Every state and how often. Timers stand for policy's shipped values.
pub(in crate::demo) const KINDS: &[Kind] = &[
    kind("open.handling.in_progress", 18, (0, 4), in_progress),
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
    kind("closed.duplicate", 6, (0, 0), duplicate).after("open.handling.in_progress"),
    kind("closed.abandoned", 8, (1, 27), abandoned),
    kind("closed.invalid", 6, (1, 27), invalid),
    kind("closed.forced", 3, (5, 25), forced),
    kind("closed.converted", 5, (0, 12), converted),
];

impl Story {
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
        self.start(CONSULTATION, "submit", gateway(channel), payload);
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
        let handler = people::handler(self.subject.department, 0);
        let payload = json!({ "answer_ref": self.reference("department"), "verified": true });
        self.step("department_reply", handler, payload);
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
            "questions": questions(),
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
        story.step("assigned", people::staff(SUPERVISOR), json!({ "to": to, "reason": reason }));
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
        story.only_if(story.case, "settled.");
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
    let master = teller.before.expect("masters are told before their copies");
    story.repeat(master);
    let first = master.steps.first().expect("a case begins with its submit");
    story.at = first.at.plus_millis(40_000);
    story.submit(teller, "email");
    story.at = story.at.plus_millis(90_000);
    story.step("mark_duplicate", people::staff("emma.clark"), json!({}));
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
        "approver": { "id": SUPERVISOR, "role": "supervisor" },
    });
    story.step("force_closed", people::staff(OWNER), payload);
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

/// What becomes of a case that was settled, and is reopened because of what a callback heard.
pub(in crate::demo) fn answered_again(story: &mut Story, teller: &mut Teller<'_>) {
    story.work(teller, 20, 200);
    story.answer(teller);
    story.only_if(story.case, "open.handling.");
    story.work(teller, 30, 300);
    story.confirm(teller);
    story.only_if(story.case, "open.answered");
}

/// What becomes of a question that the system has asked for a customer.
pub(in crate::demo) fn taken_up(story: &mut Story, teller: &mut Teller<'_>) {
    story.work(teller, 4, 70);
    let message = story.reference("first-word");
    story.step("respond", story.agent(), json!({ "message_ref": message, "human": true }));
    let Subject { problem, scope, .. } = story.subject;
    let details = json!({ "problem_type": problem, "happened_at": story.at, "impact_scope": scope });
    story.step("record_details", story.agent(), details);
    answered_again(story, teller);
}
