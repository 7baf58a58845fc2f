//! Owns how complaints of the demo go: rounds of investigation and plan, with what customers say of them.

use serde_json::{Value, json};

use crate::demo::people::{self, ACCUSED, INSPECTOR, OTHER_OWNER, OWNER, SUPERVISOR, gateway, handler};
use crate::demo::story::{CHANNELS, HOUR_MS, Kind, Story, Teller, count, of_days, questions};
use crate::demo::subjects::About;
use crate::kernel::span::{Roll, Span};

/// The flow.
pub(in crate::demo) const COMPLAINT: &str = "complaint";

/// For an answer to a question, or a word on a plan.
const WORD: Span = Span::WorkingDays(count(5));
/// To reopen.
const REOPEN: Span = Span::CalendarDays(count(15), Roll::Stay);

const fn kind(
    end: &'static str,
    count: usize,
    days: (u64, u64),
    script: fn(&mut Story, &mut Teller<'_>),
) -> Kind {
    Kind::of(COMPLAINT, end, (count, days), script)
}

/// Every state and how often. Timers stand for policy's shipped values.
pub(in crate::demo) const KINDS: &[Kind] = &[
    kind("open.intake.registered", 3, (0, 0), register),
    kind("open.assessing", 3, (0, 1), assessing),
    kind("open.investigating.dispatched", 2, (0, 2), dispatched),
    kind("open.investigating.in_progress", 3, (1, 3), investigated),
    kind("open.investigating.in_progress", 2, (4, 7), refused_once),
    kind("open.investigating.arbitration", 1, (1, 4), disputed),
    kind("open.pending_approval", 2, (2, 5), costly),
    kind("open.communicating", 2, (2, 5), told).timed(&[], Some(WORD)),
    kind("open.executing", 2, (3, 7), executing),
    kind("open.awaiting_confirmation", 2, (3, 7), awaiting).timed(&[], Some(WORD)),
    kind("open.waiting_customer", 2, (1, 4), asked).timed(&[], Some(WORD)),
    kind("open.review", 1, (10, 16), refused_thrice),
    kind("open.review", 1, (3, 7), grave),
    kind("open.suspended", 1, (2, 6), suspended),
    kind("settled.satisfied", 5, (4, 12), explained).timed(&[], Some(REOPEN)),
    kind("settled.satisfied", 3, (5, 13), compensated).timed(&[], Some(REOPEN)),
    kind("settled.satisfied", 2, (7, 14), satisfied_at_last).timed(&[], Some(REOPEN)),
    kind("settled.unreachable", 1, (6, 14), unreachable).timed(&[], Some(REOPEN)),
    kind("closed.satisfied", 4, (18, 29), explained).timed(&[REOPEN], None),
    kind("closed.satisfied", 2, (19, 29), compensated).timed(&[REOPEN], None),
    kind("closed.unreachable", 1, (20, 29), unreachable).timed(&[REOPEN], None),
    kind("closed.no_agreement", 1, (8, 20), no_agreement),
    kind("closed.referred", 1, (6, 20), referred),
    kind("closed.rejected", 1, (2, 20), rejected),
    kind("closed.withdrawn", 2, (9, 25), withdrawn),
    kind("closed.duplicate", 1, (1, 3), duplicate).after("open.investigating.in_progress"),
    kind("closed.converted", 1, (2, 20), converted),
    kind("closed.forced", 1, (3, 20), forced),
    kind("open.investigating.dispatched", 1, (0, 2), repeated).after("closed.withdrawn"),
];

/// What somebody says a complaint comes to: its gravity.
#[derive(Clone, Copy)]
struct Gravity(&'static str, &'static str);

const USUAL: Gravity = Gravity("normal", "simple");
const GRAVE: Gravity = Gravity("critical", "complex");

impl Story {
    fn register(&mut self, teller: &mut Teller<'_>) {
        let channel = *teller.chance.pick(&CHANNELS);
        let grievance = self.grievance;
        let subject = match grievance.about {
            About::Person => json!({ "kind": "actor", "id": ACCUSED }),
            About::Department => json!({ "kind": "dept", "id": grievance.department }),
            About::Product(product) => json!({ "kind": "product", "id": product }),
        };
        self.keep_out_the_accused();
        let before = i64::try_from(teller.chance.between(1, 60)).unwrap_or(1) * HOUR_MS;
        let mut payload = json!({
            "customer_id": self.customer, "channel": channel, "facts": grievance.facts,
            "happened_at": self.at.plus_millis(-before), "subjects": [subject],
            "remedy_sought": grievance.remedy, "evidence": [self.reference("evidence")],
            "cause_claimed": grievance.cause,
        });
        let actor = match channel {
            "phone" => self.agent(),
            "email" | "social" => self.customer(),
            _ => gateway(channel),
        };
        if actor.id != self.customer {
            payload["customer_tier"] = json!(*teller.chance.pick(&["normal", "normal", "vip", "key"]));
        }
        self.start(COMPLAINT, "register", actor, payload);
    }

    fn acknowledge(&mut self, teller: &mut Teller<'_>) {
        self.work(teller, 4, 70);
        let payload = json!({
            "handler_contact": "tel:8001", "message_ref": self.reference("acknowledged"),
            "expected_by": teller.calendar.after(self.at, 20 * HOUR_MS),
        });
        self.step("acknowledge", self.agent(), payload);
    }

    fn assess(&mut self, teller: &mut Teller<'_>, gravity: Gravity) {
        self.work(teller, 15, 110);
        let payload = json!({
            "severity": gravity.0, "complexity": gravity.1, "safety": false,
            "cause": self.grievance.cause, "soothe_note": "已致歉并安抚 / apologised, and calmed the customer",
        });
        self.step("assess", self.agent(), payload);
    }

    fn dispatch(&mut self, teller: &mut Teller<'_>, department: &str) {
        self.work(teller, 4, 40);
        let payload = json!({
            "department": department,
            "handoff_note": "事实与诉求已登记，请调查并提出方案 / facts and wish are in the case",
        });
        self.step("dispatch", self.agent(), payload);
    }

    /// From the registration to the department.
    fn intake(&mut self, teller: &mut Teller<'_>, gravity: Gravity) {
        self.acknowledge(teller);
        self.assess(teller, gravity);
        self.dispatch(teller, self.grievance.department);
    }

    fn accept(&mut self, teller: &mut Teller<'_>, round: usize) {
        self.work(teller, 15, 180);
        self.step("dept_accept", handler(self.grievance.department, round), json!({}));
    }

    fn find(&mut self, teller: &mut Teller<'_>, round: usize) {
        self.work(teller, 90, 480);
        let of_person = self.grievance.about == About::Person;
        let finding = if of_person { "upheld" } else { *teller.chance.pick(&["upheld", "partly", "upheld"]) };
        let responsible = if of_person {
            json!([{ "actor": { "id": ACCUSED, "role": "agent" } }])
        } else {
            json!([{ "dept": self.grievance.department }])
        };
        let payload = json!({
            "finding": finding, "root_cause": self.grievance.root_cause,
            "systemic": teller.chance.percent(15), "responsible": responsible,
            "evidence": [self.reference("findings")],
        });
        self.step("submit_findings", handler(self.grievance.department, round), payload);
    }

    fn propose(&mut self, teller: &mut Teller<'_>, round: usize, actions: &Value) {
        self.work(teller, 20, 160);
        let payload = json!({ "actions": actions, "rationale": "依据调查结论 / as was found" });
        self.step("propose", handler(self.grievance.department, round), payload);
    }

    fn approve(&mut self, teller: &mut Teller<'_>) {
        self.work(teller, 30, 300);
        self.step("approve", people::staff(OWNER), json!({ "comment": "同意 / agreed" }));
    }

    fn communicate(&mut self, teller: &mut Teller<'_>) {
        self.work(teller, 20, 180);
        let payload = json!({
            "message_ref": self.reference("plan"), "channel": "phone", "told_recourse": true,
        });
        self.step("communicate", self.agent(), payload);
    }

    /// A plan without cost that the customer hears.
    fn round(&mut self, teller: &mut Teller<'_>, round: usize) {
        self.accept(teller, round);
        self.find(teller, round);
        self.propose(teller, round, &words());
        self.communicate(teller);
    }

    fn refuse(&mut self, teller: &mut Teller<'_>) {
        self.work(teller, 30, 300);
        let payload = json!({
            "reason": "没有解决实际问题 / this solves nothing", "expectation": self.grievance.remedy,
        });
        self.step("customer_rejects", self.customer(), payload);
    }

    fn agree(&mut self, teller: &mut Teller<'_>) {
        self.work(teller, 20, 300);
        self.step("customer_accepts", self.customer(), json!({}));
    }

    fn carry_out(&mut self, teller: &mut Teller<'_>, round: usize, numbers: &[u32]) {
        for number in numbers {
            self.work(teller, 40, 360);
            let payload = json!({ "action_no": number, "evidence": self.reference("done") });
            self.step("action_done", handler(self.grievance.department, round), payload);
        }
    }

    fn be_satisfied(&mut self, teller: &mut Teller<'_>) {
        self.work(teller, 20, 360);
        let score = *teller.chance.pick(&[5, 5, 4, 4, 3]);
        self.step("confirm", self.customer(), json!({ "satisfied": true, "score": score }));
    }
}

/// What costs nothing.
fn words() -> Value {
    json!([{ "no": 1, "type": "explain" }, { "no": 2, "type": "apologise" }])
}

/// What costs money: the process owner agrees.
fn money(teller: &mut Teller<'_>) -> Value {
    let amount = *teller.chance.pick(&["50", "120", "260", "800"]);
    let kind = *teller.chance.pick(&["refund", "compensate"]);
    json!([
        { "no": 1, "type": "apologise" },
        { "no": 2, "type": kind, "amount": { "amount": amount, "currency": "CNY" } },
    ])
}

fn register(story: &mut Story, teller: &mut Teller<'_>) {
    story.register(teller);
}

fn assessing(story: &mut Story, teller: &mut Teller<'_>) {
    story.register(teller);
    story.acknowledge(teller);
    if teller.chance.percent(60) {
        story.assess(teller, USUAL);
    }
}

fn dispatched(story: &mut Story, teller: &mut Teller<'_>) {
    story.register(teller);
    story.intake(teller, USUAL);
}

fn investigated(story: &mut Story, teller: &mut Teller<'_>) {
    dispatched(story, teller);
    story.accept(teller, 0);
    if teller.chance.percent(50) {
        story.find(teller, 0);
    }
}

/// One round, which the customer does not accept.
fn refused_round(story: &mut Story, teller: &mut Teller<'_>) {
    dispatched(story, teller);
    story.round(teller, 0);
    story.refuse(teller);
}

fn refused_once(story: &mut Story, teller: &mut Teller<'_>) {
    refused_round(story, teller);
    story.accept(teller, 1);
}

fn refused_thrice(story: &mut Story, teller: &mut Teller<'_>) {
    refused_round(story, teller);
    for round in 1..3 {
        story.round(teller, round);
        story.refuse(teller);
    }
}

fn disputed(story: &mut Story, teller: &mut Teller<'_>) {
    dispatched(story, teller);
    for department in ["technology", "sales"] {
        story.work(teller, 30, 120);
        let payload = json!({ "reason": "不属本部门职责 / not our responsibility" });
        story.step("dept_return", handler(story.grievance.department, 0), payload);
        if department == "technology" {
            story.dispatch(teller, "sales");
        }
    }
}

fn costly(story: &mut Story, teller: &mut Teller<'_>) {
    dispatched(story, teller);
    story.accept(teller, 0);
    story.find(teller, 0);
    let actions = money(teller);
    story.propose(teller, 0, &actions);
}

fn told(story: &mut Story, teller: &mut Teller<'_>) {
    dispatched(story, teller);
    story.round(teller, 0);
}

fn executing(story: &mut Story, teller: &mut Teller<'_>) {
    costly(story, teller);
    story.approve(teller);
    story.communicate(teller);
    story.agree(teller);
    story.carry_out(teller, 0, &[1]);
}

fn awaiting(story: &mut Story, teller: &mut Teller<'_>) {
    told(story, teller);
    story.agree(teller);
    story.carry_out(teller, 0, &[2]);
}

fn asked(story: &mut Story, teller: &mut Teller<'_>) {
    dispatched(story, teller);
    story.accept(teller, 0);
    story.work(teller, 20, 120);
    let payload = json!({
        "message_ref": story.reference("question"), "questions": questions(), "not_already_held": true,
    });
    story.step("request_info", handler(story.grievance.department, 0), payload);
}

fn suspended(story: &mut Story, teller: &mut Teller<'_>) {
    dispatched(story, teller);
    story.accept(teller, 0);
    story.work(teller, 60, 200);
    let until = teller.calendar.next_open(story.at.plus_millis(of_days(20)));
    let payload = json!({ "reason": "third_party_appraisal", "until": until });
    story.step("suspend", people::staff("qian.feng"), payload);
}

fn explained(story: &mut Story, teller: &mut Teller<'_>) {
    awaiting(story, teller);
    story.be_satisfied(teller);
}

fn compensated(story: &mut Story, teller: &mut Teller<'_>) {
    executing(story, teller);
    story.carry_out(teller, 0, &[2]);
    story.be_satisfied(teller);
}

/// Refused once, then paid for.
fn satisfied_at_last(story: &mut Story, teller: &mut Teller<'_>) {
    refused_round(story, teller);
    story.accept(teller, 1);
    story.find(teller, 1);
    let actions = money(teller);
    story.propose(teller, 1, &actions);
    story.approve(teller);
    story.communicate(teller);
    story.agree(teller);
    story.carry_out(teller, 1, &[1, 2]);
    story.be_satisfied(teller);
}

fn unreachable(story: &mut Story, teller: &mut Teller<'_>) {
    told(story, teller);
    for channel in ["phone", "phone", "email"] {
        story.work(teller, 300, 420);
        let payload = json!({ "outcome": "no_answer", "channel": channel, "at": story.at });
        story.step("contact_attempt", story.agent(), payload);
    }
    story.work(teller, 60, 200);
    let payload = json!({ "notice_ref": story.reference("letter") });
    story.step("declare_unreachable", people::staff(SUPERVISOR), payload);
}

/// So grave that a refusal goes to the panel.
fn grave(story: &mut Story, teller: &mut Teller<'_>) {
    story.register(teller);
    story.intake(teller, GRAVE);
    story.accept(teller, 0);
    story.find(teller, 0);
    story.propose(teller, 0, &words());
    story.approve(teller);
    story.communicate(teller);
    story.refuse(teller);
}

fn judge(story: &mut Story, teller: &mut Teller<'_>, decision: &str) {
    story.work(teller, 300, 900);
    let panel = json!([
        { "id": SUPERVISOR, "role": "supervisor" }, { "id": INSPECTOR, "role": "qa_inspector" },
    ]);
    let mut payload = json!({
        "decision": decision, "panel": panel, "rationale": "独立复核 / looked at independently",
    });
    if decision == "refer" {
        payload["body"] = json!("12315 消费者投诉平台 / consumer council");
        payload["ref"] = json!(story.reference("council"));
        payload["recourse_notice_ref"] = json!(story.reference("recourse"));
    }
    story.step("review_decision", people::staff(OTHER_OWNER), payload);
}

fn no_agreement(story: &mut Story, teller: &mut Teller<'_>) {
    grave(story, teller);
    judge(story, teller, "uphold");
    story.communicate(teller);
    story.work(teller, 300, 900);
    let payload = json!({ "recourse_notice_ref": story.reference("recourse") });
    story.step("close_without_agreement", people::staff(OTHER_OWNER), payload);
}

fn referred(story: &mut Story, teller: &mut Teller<'_>) {
    grave(story, teller);
    judge(story, teller, "refer");
}

fn rejected(story: &mut Story, teller: &mut Teller<'_>) {
    story.register(teller);
    story.work(teller, 20, 90);
    let payload = json!({
        "reason_code": "not_our_customer", "message_ref": story.reference("rejected"),
        "recourse_text": "可向 12315 反映 / the consumer council can be asked",
    });
    story.step("reject_intake", people::staff(SUPERVISOR), payload);
}

fn withdrawn(story: &mut Story, teller: &mut Teller<'_>) {
    dispatched(story, teller);
    story.work(teller, 30, 240);
    let payload = json!({ "evidence_ref": story.reference("withdrawal") });
    story.step("withdraw", story.customer(), payload);
}

fn duplicate(story: &mut Story, teller: &mut Teller<'_>) {
    let master = teller.before.expect("masters are told before their copies");
    story.repeat(master);
    let first = master.steps.first().expect("a case begins with its registration");
    story.at = first.at.plus_millis(HOUR_MS);
    story.register(teller);
    story.work(teller, 5, 30);
    story.step("mark_duplicate", story.agent(), json!({}));
    if let Some(last) = story.steps.last_mut() {
        last.master = Some(first.case);
    }
}

fn converted(story: &mut Story, teller: &mut Teller<'_>) {
    story.register(teller);
    story.acknowledge(teller);
    story.work(teller, 10, 60);
    let child = json!({
        "subject": story.subject.text, "body_ref": story.reference("message"),
        "category": story.subject.category, "problem_type": story.subject.problem,
        "happened_at": story.at, "impact_scope": story.subject.scope,
    });
    let payload = json!({
        "to_flow": "consultation", "customer_consent_ref": story.reference("consent"), "child": child,
    });
    story.step("convert", story.agent(), payload);
}

fn forced(story: &mut Story, teller: &mut Teller<'_>) {
    dispatched(story, teller);
    story.work(teller, 60, 300);
    let payload = json!({
        "reason": "客户主体已注销 / the customer's company no longer exists",
        "approver": { "id": SUPERVISOR, "role": "supervisor" },
    });
    story.step("force_closed", people::staff(OWNER), payload);
}

/// The same customer complains about the same again.
fn repeated(story: &mut Story, teller: &mut Teller<'_>) {
    let before = teller.before.expect("what is repeated is told before");
    story.repeat(before);
    dispatched(story, teller);
}

/// What becomes of a complaint that the system has registered, from then on.
pub(in crate::demo) fn taken_up(story: &mut Story, teller: &mut Teller<'_>) {
    story.keep_out_the_accused();
    story.intake(teller, USUAL);
    settle(story, teller, 0);
}

/// What becomes of a settled complaint that is reopened because of what a callback heard.
pub(in crate::demo) fn looked_at_again(story: &mut Story, teller: &mut Teller<'_>) {
    story.keep_out_the_accused();
    settle(story, teller, 1);
}

/// From the department to the customer's word, each step where the case is by then: a grave one waits for
/// approval.
fn settle(story: &mut Story, teller: &mut Teller<'_>, round: usize) {
    let told = story.steps.len();
    story.round(teller, round);
    story.agree(teller);
    story.carry_out(teller, round, &[2]);
    story.be_satisfied(teller);
    let case = story.case;
    for step in &mut story.steps[told..] {
        let path = match step.event {
            "dept_accept" => "open.investigating.dispatched",
            "submit_findings" | "propose" => "open.investigating.in_progress",
            "communicate" | "customer_accepts" => "open.communicating",
            "action_done" => "open.executing",
            _ => "open.awaiting_confirmation",
        };
        step.only_if.push((case, path));
    }
}
