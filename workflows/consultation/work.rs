//! Owns what people do on a consultation: guards and effects of the rows, within the case.
//!
//! Each function is one row's guard and effect: it refuses before it changes
//! anything that matters, because nothing of a refused step stands. What the
//! payload says wrong (422) goes before what the case says (409).

use serde_json::json;
use statig::prelude::*;

use super::event::{
    Answer, AnswerCall, Arbitrate, AutoReplySent, Category, Confirm, CustomerReply, DepartmentReply,
    Escalate, HangUp, ProgressUpdate, Purpose, RecordDetails, RequestInfo, Respond, TransferDepartment,
    Withdraw,
};
use super::machine::State;
use super::policy::IntakeField;
use super::{
    ACCEPT, ARBITRATE, CONFIRM_EXPIRE, CONFIRM_REMIND, Consultation, Cx, GivenAnswer, INFO_EXPIRE,
    INFO_REMIND, Resume, UNCLASSIFIED_MAX, Waiting,
};
use crate::kernel::actor::Role;
use crate::kernel::case::{Channel, Handle, Level, Owner, Promise, Satisfaction};
use crate::kernel::common::{ForceClosed, SatisfactionRecorded, check_second, record_satisfaction};
use crate::kernel::instant::Instant;
use crate::kernel::outcome::{Refusal, RefusalKind};
use crate::kernel::span::Span;

/// What a row's guard says.
pub(super) type Pass = Result<(), Refusal>;

/// The right side of a row: where the case goes when the guard lets it pass.
pub(super) trait Arrow {
    /// To `target`, by row `rule`.
    fn to(self, cx: &mut Cx<'_>, rule: &'static str, target: State) -> Outcome<State>;
    /// Nowhere, by row `rule`.
    fn stay(self, cx: &mut Cx<'_>, rule: &'static str) -> Outcome<State>;
}

impl Arrow for Pass {
    fn to(self, cx: &mut Cx<'_>, rule: &'static str, target: State) -> Outcome<State> {
        match self {
            Ok(()) => {
                cx.rule(rule);
                Transition(target)
            }
            Err(refusal) => refused(cx, refusal),
        }
    }

    fn stay(self, cx: &mut Cx<'_>, rule: &'static str) -> Outcome<State> {
        match self {
            Ok(()) => {
                cx.rule(rule);
                Handled
            }
            Err(refusal) => refused(cx, refusal),
        }
    }
}

fn refused(cx: &mut Cx<'_>, refusal: Refusal) -> Outcome<State> {
    cx.refuse(refusal.kind, refusal.code, refusal.reason);
    Handled
}

/// A value of the payload that is not accepted.
pub(super) fn input(code: &'static str, reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Input, code, reason)
}

/// A case that is not as the event needs it.
pub(super) fn guard(code: &'static str, reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Guard, code, reason)
}

pub(super) fn by_system(cx: &Cx<'_>) -> bool {
    cx.actor.role == Role::System
}

pub(super) fn by_staff(cx: &Cx<'_>) -> bool {
    cx.actor.role.is_staff()
}

fn by_supervisor(cx: &Cx<'_>) -> bool {
    cx.actor.role.includes(Role::Supervisor)
}

/// A person of the staff, as a gateway names one.
fn staff(handle: &Handle) -> Pass {
    if handle.role.is_staff() {
        Ok(())
    } else {
        Err(input("not_staff", format!("`{}` is no member of the staff; accepted is one", handle.id)))
    }
}

/// A time told to a customer lies ahead.
fn ahead(name: &str, at: Instant, cx: &Cx<'_>) -> Pass {
    if at > cx.now {
        Ok(())
    } else {
        Err(input("time_passed", format!("`{name}` {at} has passed; accepted is a time after {}", cx.now)))
    }
}

/// What staff say in a customer's name needs its proof.
fn proven(name: &str, proof: Option<&String>, cx: &Cx<'_>) -> Pass {
    if proof.is_some() || !by_staff(cx) {
        Ok(())
    } else {
        Err(input("proof_required", format!("`{name}` is required from an agent who acts for the customer")))
    }
}

/// Ownership (S3-14).
impl Consultation {
    /// Row 2.
    pub(super) fn accept(&mut self, cx: &mut Cx<'_>) -> Pass {
        if let Some(owner) = self.case.owner.person().filter(|owner| *owner != cx.actor.id) {
            return Err(guard("owned_by_another", format!("`{owner}` owns the case")));
        }
        let sender = Handle::from(cx.actor);
        self.case.first_owner.get_or_insert_with(|| sender.clone());
        self.case.owner = Owner::Person(sender);
        cx.cancel(ACCEPT);
        Ok(())
    }

    /// Row 2a: from a queue, or after an assignment.
    pub(super) fn accept_again(&mut self, cx: &mut Cx<'_>) -> Pass {
        let own = self.case.owner.person() == Some(cx.actor.id.as_str());
        if own && !cx.runs(ACCEPT) {
            return Err(guard("already_accepted", "you own the case already"));
        }
        self.accept(cx)
    }

    /// A person spoke to the customer: that takes a case nobody has, and ends the wait for `accept`.
    fn human_outbound(&mut self, who: Handle, cx: &mut Cx<'_>) {
        if self.case.first_owner.is_none() || self.case.owner.person().is_none() {
            self.case.first_owner.get_or_insert_with(|| who.clone());
            self.case.owner = Owner::Person(who);
        }
        cx.cancel(ACCEPT);
    }

    /// The clock for taking the case runs while it is a person's to take.
    pub(super) fn arm_accept(&self, to: &Owner, cx: &mut Cx<'_>) {
        match to {
            Owner::Person(_) => {
                let due = self.accept_due(cx);
                cx.arm(ACCEPT, due);
            }
            Owner::Queue(_) => cx.cancel(ACCEPT),
        }
    }

    /// The policy's time, or half of the first response time where that is shorter.
    fn accept_due(&self, cx: &Cx<'_>) -> Instant {
        let own = cx.calendar.due(cx.now, cx.policy.accept);
        let half = match cx.policy.frt.target(&self.case) {
            Span::Business(seconds) => cx.calendar.after(cx.now, i64::from(seconds.get()) * 500),
            Span::Wall(seconds) => cx.now.plus_millis(i64::from(seconds.get()) * 500),
            Span::WorkingDays(_) | Span::CalendarDays(..) => own,
        };
        own.min(half)
    }

    /// The queue of the case's category.
    pub(super) fn queue(&self, cx: &Cx<'_>) -> Owner {
        Owner::Queue(cx.policy.queues.of(Category::of(&self.case.category)).to_owned())
    }

    /// ACCEPT is due: back to the queue.
    pub(super) fn requeue(&self, cx: &mut Cx<'_>) -> Pass {
        let queue = self.queue(cx);
        assign(&queue, "not accepted in time", cx);
        Ok(())
    }

    /// RING is due: to those who take what nobody picks up.
    pub(super) fn overflow(&self, cx: &mut Cx<'_>) -> Pass {
        let queue = Owner::Queue(cx.policy.queues.overflow.clone());
        assign(&queue, "not picked up in time", cx);
        Ok(())
    }
}

/// The kernel sends `assigned` next.
fn assign(to: &Owner, reason: &str, cx: &mut Cx<'_>) {
    cx.follow("assigned", super::links::object(json!({ "to": to, "reason": reason })));
}

/// Intake and messages.
impl Consultation {
    /// Row 2b.
    pub(super) fn record(&mut self, details: &RecordDetails) -> Pass {
        if let Some(problem_type) = &details.problem_type {
            self.problem_type.clone_from(problem_type);
        }
        if let Some(category) = details.category {
            category.name().clone_into(&mut self.case.category);
        }
        if let Some(goal) = details.service_goal {
            self.case.service_goal = goal;
        }
        self.happened_at = details.happened_at.or(self.happened_at);
        if let Some(scope) = &details.impact_scope {
            self.impact_scope = Some(scope.clone());
        }
        Ok(())
    }

    /// Names of required intake fields that are not recorded.
    pub(super) fn missing(&self, cx: &Cx<'_>) -> Vec<&'static str> {
        let required = cx.policy.required_fields.of(Category::of(&self.case.category));
        let absent = required.iter().filter_map(|field| match field {
            IntakeField::ProblemType => self.problem_type.is_empty().then_some("problem_type"),
            // It always has a value (S0-4).
            IntakeField::ServiceGoal => None,
            IntakeField::HappenedAt => self.happened_at.is_none().then_some("happened_at"),
            IntakeField::ImpactScope => self.impact_scope.is_none().then_some("impact_scope"),
        });
        absent.collect()
    }

    fn intake_complete(&self, cx: &Cx<'_>) -> Pass {
        let missing = self.missing(cx);
        if missing.is_empty() {
            return Ok(());
        }
        let reason = format!("`record_details` must give {} first", missing.join(", "));
        Err(guard("intake_incomplete", reason))
    }

    /// Rows 2c and 3a.
    pub(super) fn ring(&mut self, seconds: Option<u32>) -> Pass {
        self.ring_seconds = self.ring_seconds.max(seconds.unwrap_or(0));
        Ok(())
    }

    /// Whether a call waits to be picked up.
    pub(super) fn call_waits(&self) -> bool {
        self.case.channel == Channel::Phone && !self.call_answered
    }

    /// Row 3.
    pub(super) fn abandon(&mut self, call: &HangUp, cx: &mut Cx<'_>) -> Pass {
        self.ring(call.ring_seconds)?;
        self.plan_missed_call(cx);
        Ok(())
    }

    /// Row 4a.
    pub(super) fn answer_call(&mut self, call: &AnswerCall, cx: &mut Cx<'_>) -> Pass {
        if self.case.channel != Channel::Phone {
            return Err(guard("not_a_call", "the customer did not call; accepted on channel `phone` only"));
        }
        staff(&call.agent)?;
        self.ring(Some(call.ring_seconds))?;
        self.call_answered = true;
        self.human_outbound(call.agent.clone(), cx);
        self.case.owner = Owner::Person(call.agent.clone());
        Ok(())
    }

    /// Rows 4 and 4b: a person wrote to the customer.
    pub(super) fn respond(&mut self, message: &Respond, cx: &mut Cx<'_>) -> Pass {
        let who = match &message.sender {
            Some(sender) if !by_staff(cx) => sender.clone(),
            None if !by_staff(cx) => {
                return Err(input("sender_required", "`sender` is required where a gateway says `human`"));
            }
            Some(sender) if sender.id != cx.actor.id => {
                return Err(input(
                    "sender_differs",
                    "`sender` is somebody else; only a gateway names a sender",
                ));
            }
            Some(_) | None => Handle::from(cx.actor),
        };
        staff(&who)?;
        if let Some(until) = message.promised_by {
            ahead("promised_by", until, cx)?;
            if message.reason.is_none() {
                return Err(input("reason_required", "`promised_by` needs a `reason` (S3-15)"));
            }
        }
        self.human_outbound(who, cx);
        Ok(())
    }

    /// The promise that came with a message, where there is one.
    pub(super) fn promise_in(&mut self, message: &Respond, cx: &Cx<'_>) -> Pass {
        if let Some(until) = message.promised_by {
            self.promise(until, cx);
        }
        Ok(())
    }

    /// Row 5a.
    pub(super) fn auto_replied(&mut self, reply: &AutoReplySent) -> Pass {
        self.auto_reply_period = Some(reply.period_key.clone());
        Ok(())
    }

    /// Row 13b: the owner reads what the customer wrote.
    pub(super) fn hear(&self, reply: &CustomerReply, cx: &mut Cx<'_>) -> Pass {
        cx.notify("owner", "customer_wrote", json!({ "message_ref": reply.message_ref }));
        Ok(())
    }

    /// Row 27.
    pub(super) fn mark_invalid(&self, cx: &mut Cx<'_>) -> Pass {
        let case_no = cx.id.to_string();
        cx.task("qi_sample", &case_no, None, Role::QaInspector);
        Ok(())
    }

    /// Row 25.
    pub(super) fn withdraw(&self, word: &Withdraw, cx: &Cx<'_>) -> Pass {
        proven("evidence_ref", word.evidence_ref.as_ref(), cx)
    }

    /// Row 28.
    pub(super) fn force_close(&self, end: &ForceClosed, cx: &mut Cx<'_>) -> Pass {
        check_second(&end.approver, cx);
        Ok(())
    }

    /// Tells the customer, unless the customer's data may no longer be used.
    pub(super) fn tell_customer(&self, template: &str, cx: &mut Cx<'_>) {
        if self.case.restricted.is_none() {
            cx.notify("customer", template, json!({ "channel": self.case.channel }));
        }
    }
}

/// Promises and escalation (S0-10, S3-15).
impl Consultation {
    /// Records a time told; it takes the place of one that is still open.
    fn promise(&mut self, promised_by: Instant, cx: &Cx<'_>) {
        if let Some(open) = self.open_promise() {
            open.renewed_at = Some(cx.now);
        }
        let promise = Promise { made_at: cx.now, promised_by, kept_at: None, renewed_at: None };
        self.case.promises.push(promise);
    }

    fn open_promise(&mut self) -> Option<&mut Promise> {
        self.case.promises.last_mut().filter(|last| last.kept_at.is_none() && last.renewed_at.is_none())
    }

    /// A promised time lies within the policy's business hours from now (R1).
    fn promise_in_range(name: &str, until: Instant, cx: &Cx<'_>) -> Pass {
        let (min, max) = (cx.policy.promise.min, cx.policy.promise.max);
        let wait = cx.calendar.elapsed(cx.now, until);
        if (millis(min)..=millis(max)).contains(&wait) {
            return Ok(());
        }
        let (first, last) = (cx.calendar.due(cx.now, min), cx.calendar.due(cx.now, max));
        let reason =
            format!("`{name}` {until} is not {min} to {max} away; accepted are times from {first} to {last}");
        Err(input("promise_out_of_range", reason))
    }

    /// Rows 10: raised by a person who told the customer.
    pub(super) fn escalate(&mut self, call: &Escalate, cx: &mut Cx<'_>) -> Pass {
        let Some(until) = call.promised_by else {
            return Err(input("promise_required", "`promised_by` is required: the customer is told by when"));
        };
        if call.told_customer != Some(true) {
            return Err(input("customer_not_told", "`told_customer` must be true: tell the customer first"));
        }
        Self::promise_in_range("promised_by", until, cx)?;
        let level = Level::from(call.level);
        if level <= self.escalated_to {
            let reason = "the case is raised to that level already; accepted is a higher one";
            return Err(guard("level_not_higher", reason));
        }
        self.intake_complete(cx)?;
        self.escalated_to = level;
        self.renewals = 0;
        self.raise(level)?;
        self.promise(until, cx);
        self.human_outbound(Handle::from(cx.actor), cx);
        let to = match level {
            Level::None | Level::Senior => "role:senior_agent",
            Level::Supervisor => "role:supervisor",
            Level::Manager => "role:dept_manager",
        };
        cx.notify(to, "escalated", json!({ "promised_by": until }));
        Ok(())
    }

    /// Row 10a.
    pub(super) fn escalate_in_department(&mut self, call: &Escalate, cx: &mut Cx<'_>) -> Pass {
        self.escalate(call, cx)?;
        self.dept_resume = Some(Resume::Escalated);
        Ok(())
    }

    /// Row 10b, and what a third round does: the highest level stays.
    pub(super) fn raise(&mut self, level: Level) -> Pass {
        self.case.escalation_level = self.case.escalation_level.max(level);
        Ok(())
    }

    /// Row 11.
    pub(super) fn progress(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.human_outbound(Handle::from(cx.actor), cx);
        Ok(())
    }

    /// Row 11a.
    pub(super) fn renew_promise(&mut self, update: &ProgressUpdate, until: Instant, cx: &mut Cx<'_>) -> Pass {
        if update.reason.is_none() {
            return Err(input("reason_required", "`new_promise` needs a `reason`"));
        }
        Self::promise_in_range("new_promise", until, cx)?;
        let limit = cx.policy.promise.renewals;
        if self.renewals >= limit && !by_supervisor(cx) {
            let reason = format!("the promise was renewed {limit} times; accepted from a supervisor");
            return Err(guard("renewals_used_up", reason));
        }
        self.renewals += 1;
        self.promise(until, cx);
        self.progress(cx)
    }
}

/// The length of a span of business hours.
fn millis(span: Span) -> i64 {
    match span {
        Span::Business(seconds) | Span::Wall(seconds) => i64::from(seconds.get()) * 1_000,
        // `Policy::check` lets no other kind pass here.
        Span::WorkingDays(_) | Span::CalendarDays(..) => i64::MAX,
    }
}

/// Departments (S2-14).
impl Consultation {
    /// Row 6.
    pub(super) fn transfer(&mut self, ask: &TransferDepartment, resume: Resume, cx: &mut Cx<'_>) -> Pass {
        ahead("expected_by", ask.expected_by, cx)?;
        self.intake_complete(cx)?;
        let limit = cx.policy.transfer.max;
        if self.case.transfers >= limit && !by_supervisor(cx) {
            let reason = format!("the case was transferred {limit} times; accepted from a supervisor");
            return Err(guard("transfers_used_up", reason));
        }
        self.case.transfers += 1;
        self.department = Some(ask.department.clone());
        self.purpose = Some(ask.purpose);
        self.handoff_note = Some(ask.handoff_note.clone());
        self.dept_resume = Some(resume);
        let to = format!("department:{}", ask.department);
        cx.notify(&to, "question", json!({ "expected_by": ask.expected_by }));
        Ok(())
    }

    /// Row 7.
    pub(super) fn department_reply(&mut self, reply: &DepartmentReply, cx: &mut Cx<'_>) -> Pass {
        if self.purpose == Some(Purpose::Verify) && !reply.verified {
            return Err(guard(
                "not_verified",
                "the facts were to be verified; accepted with `verified` true",
            ));
        }
        self.dept_resume = None;
        self.forget_returns();
        cx.cancel(ARBITRATE);
        cx.notify("owner", "department_answered", json!({ "answer_ref": reply.answer_ref }));
        Ok(())
    }

    /// Row 7a: the customer is still to answer.
    pub(super) fn department_reply_waiting(&mut self, reply: &DepartmentReply, cx: &mut Cx<'_>) -> Pass {
        if self.waiting_resume != Some(Waiting::WithDepartment) {
            return Err(guard("department_not_asked", "no department is asked now"));
        }
        let resume = self.dept_resume.unwrap_or(Resume::InProgress);
        self.department_reply(reply, cx)?;
        self.waiting_resume = Some(resume.into());
        Ok(())
    }

    /// Row 8.
    pub(super) fn department_return(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.returns = 1;
        self.dept_resume = None;
        cx.notify("owner", "department_returned", json!({ "department": self.department }));
        Ok(())
    }

    /// Row 9.
    pub(super) fn department_return_again(&mut self, cx: &mut Cx<'_>) -> Pass {
        if self.binding {
            return Err(guard("binding", "a supervisor named this department; accepted is its reply"));
        }
        if self.arbitration_pending {
            return Err(guard(
                "arbitration_pending",
                "a supervisor names the department; accepted is `arbitrate`",
            ));
        }
        self.returns += 1;
        self.arbitration_pending = true;
        let due = cx.calendar.due(cx.now, cx.policy.dept.arbitrate);
        cx.arm(ARBITRATE, due);
        cx.notify("role:supervisor", "arbitration", json!({ "department": self.department }));
        Ok(())
    }

    /// Row 9a.
    pub(super) fn arbitrate(&mut self, decision: &Arbitrate, cx: &mut Cx<'_>) -> Pass {
        if !self.arbitration_pending {
            return Err(guard("nothing_to_arbitrate", "no department gave the question back twice"));
        }
        self.department = Some(decision.department.clone());
        self.binding = true;
        self.arbitration_pending = false;
        cx.cancel(ARBITRATE);
        cx.notify(&format!("department:{}", decision.department), "question", json!({ "binding": true }));
        Ok(())
    }

    /// ARBITRATE is due.
    pub(super) fn arbitration_overdue(&self, cx: &mut Cx<'_>) -> Pass {
        cx.notify("role:supervisor", "arbitration_overdue", json!({ "department": self.department }));
        Ok(())
    }

    fn forget_returns(&mut self) {
        self.returns = 0;
        self.binding = false;
        self.arbitration_pending = false;
    }
}

/// Questions to the customer.
impl Consultation {
    /// Row 12.
    pub(super) fn request_info(&mut self, ask: &RequestInfo, resume: Waiting, cx: &mut Cx<'_>) -> Pass {
        if let Some(due) = ask.due {
            ahead("due", due, cx)?;
        }
        self.waiting_resume = Some(resume);
        self.asked_at = Some(cx.now);
        self.reminders = 0;
        self.human_outbound(Handle::from(cx.actor), cx);
        Ok(())
    }

    pub(super) fn arm_info(&self, cx: &mut Cx<'_>) {
        self.arm_reminder(cx);
        let due = cx.calendar.due(self.asked_at.unwrap_or(cx.now), cx.policy.info.expire);
        cx.arm(INFO_EXPIRE, due);
    }

    /// The next reminder of the question, where one is left and the customer may be reminded.
    fn arm_reminder(&self, cx: &mut Cx<'_>) {
        let next = cx.policy.info.remind.get(self.reminders as usize);
        if let (Some(span), None) = (next, &self.case.restricted) {
            let due = cx.calendar.due(self.asked_at.unwrap_or(cx.now), *span);
            cx.arm(INFO_REMIND, due);
        }
    }

    /// Row 14a.
    pub(super) fn info_remind(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.reminders += 1;
        self.arm_reminder(cx);
        self.tell_customer("info_reminder", cx);
        Ok(())
    }

    /// Row 14.
    pub(super) fn info_expired(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.forget_question();
        self.tell_customer("info_expired", cx);
        Ok(())
    }

    /// Row 13.
    pub(super) fn heard_back(&mut self, reply: &CustomerReply, cx: &mut Cx<'_>) -> Pass {
        self.forget_question();
        self.hear(reply, cx)
    }

    fn forget_question(&mut self) {
        self.waiting_resume = None;
        self.asked_at = None;
        self.reminders = 0;
    }
}

/// Answers and the customer's word.
impl Consultation {
    /// Row 15.
    pub(super) fn answer(&mut self, answer: &Answer, cx: &mut Cx<'_>) -> Pass {
        self.intake_complete(cx)?;
        if let Some(open) = self.open_promise() {
            open.kept_at = Some(cx.now);
        }
        self.renewals = 0;
        self.escalated_to = Level::None;
        self.dept_resume = None;
        cx.cancel(ARBITRATE);
        self.answers.push(GivenAnswer {
            solution_ref: answer.solution_ref.clone(),
            kb_article: answer.kb_article.clone(),
            at: cx.now,
            round: self.case.round,
        });
        if answer.score.is_some() || answer.confirmed_in_contact {
            self.satisfied(answer.score, answer.confirmed_in_contact.then_some(true));
        }
        self.human_outbound(Handle::from(cx.actor), cx);
        self.count_uncited(answer, cx)
    }

    /// Row 16.
    pub(super) fn answer_confirmed(&mut self, answer: &Answer, cx: &mut Cx<'_>) -> Pass {
        if answer.recording_ref.is_none() {
            return Err(input("recording_required", "`confirmed_in_contact` needs a `recording_ref`"));
        }
        self.answer(answer, cx)?;
        self.plan_post_resolution(cx);
        Ok(())
    }

    fn satisfied(&mut self, score: Option<u8>, resolved: Option<bool>) {
        self.case.satisfaction = Some(Satisfaction { score, resolved, round: self.case.round });
    }

    /// What the customer said in `confirm`.
    pub(super) fn take_word(&mut self, word: &Confirm, cx: &Cx<'_>) -> Pass {
        proven("recording_ref", word.recording_ref.as_ref(), cx)?;
        self.satisfied(word.score, Some(word.satisfied));
        Ok(())
    }

    /// Row 17.
    pub(super) fn confirmed(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        self.take_word(word, cx)?;
        self.plan_post_resolution(cx);
        Ok(())
    }

    /// Row 17a.
    pub(super) fn thanked(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.plan_post_resolution(cx);
        Ok(())
    }

    /// Row 18.
    pub(super) fn not_satisfied(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        self.take_word(word, cx)?;
        self.another_round(cx)
    }

    /// Row 18a.
    pub(super) fn another_round(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.case.round += 1;
        self.forget_returns();
        if self.case.round >= cx.policy.escalate_round {
            self.raise(Level::Supervisor)?;
            cx.notify("role:supervisor", "round_repeated", json!({ "round": self.case.round }));
        }
        cx.notify("owner", "not_satisfied", json!({ "round": self.case.round }));
        Ok(())
    }

    pub(super) fn arm_confirm(&self, cx: &mut Cx<'_>) {
        if self.case.restricted.is_none() {
            let due = cx.calendar.due(cx.now, cx.policy.confirm.remind);
            cx.arm(CONFIRM_REMIND, due);
        }
        let due = cx.calendar.due(cx.now, cx.policy.confirm.expire);
        cx.arm(CONFIRM_EXPIRE, due);
    }

    /// Row 20a.
    pub(super) fn confirm_remind(&self, cx: &mut Cx<'_>) -> Pass {
        self.tell_customer("confirm_reminder", cx);
        Ok(())
    }

    /// Row 20.
    pub(super) fn confirm_expired(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.plan_confirm_resolution(cx);
        Ok(())
    }
}

/// Settled cases.
impl Consultation {
    /// Rows 21 and 21a.
    pub(super) fn reopen(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.case.reopen_count += 1;
        self.unclassified.clear();
        self.cancel_callbacks(cx);
        self.case.owner = match (&self.case.first_owner, self.on_shift(cx)) {
            (Some(first), true) => Owner::Person(first.clone()),
            (Some(_) | None, _) => self.queue(cx),
        };
        self.another_round(cx)
    }

    /// Row 21b.
    pub(super) fn reopen_unsatisfied(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        self.take_word(word, cx)?;
        self.reopen(cx)
    }

    /// Row 21c.
    pub(super) fn confirmed_late(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        self.take_word(word, cx)?;
        self.cancel_confirm_resolution(cx);
        self.plan_post_resolution(cx);
        Ok(())
    }

    /// Row 21d.
    pub(super) fn called_back(&mut self, said: &SatisfactionRecorded) -> Pass {
        record_satisfaction(&mut self.case, said);
        Ok(())
    }

    /// Rows 22 and 19: somebody has read the message.
    pub(super) fn classify(&mut self, message_ref: &str) -> Pass {
        self.unclassified.retain(|unread| unread != message_ref);
        Ok(())
    }

    /// Row 22a: nobody has read the message yet.
    pub(super) fn unread(&mut self, message_ref: &str, cx: &mut Cx<'_>) -> Pass {
        let known = self.unclassified.iter().any(|unread| unread == message_ref);
        if !known && self.unclassified.len() < UNCLASSIFIED_MAX {
            self.unclassified.push(message_ref.to_owned());
        }
        let target = match self.case.channel {
            Channel::Phone => cx.policy.nrt_phone,
            Channel::Email
            | Channel::WebChat
            | Channel::Wecom
            | Channel::Wechat
            | Channel::Sms
            | Channel::Social
            | Channel::WalkIn
            | Channel::Api => cx.policy.frt.target(&self.case),
        };
        let due = cx.calendar.due(cx.now, target);
        cx.task("classify_message", message_ref, Some(due), Role::Agent);
        Ok(())
    }

    /// Row 23c: an unread message is never archived.
    pub(super) fn reopen_unread(&mut self, cx: &mut Cx<'_>) -> Pass {
        cx.notify("owner", "unread_message", json!({ "message_refs": self.unclassified }));
        self.reopen(cx)
    }
}
