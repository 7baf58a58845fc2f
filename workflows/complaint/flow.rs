//! Owns how the kernel sees a complaint: its facts, its leaves, and its shape for exploration.

use serde_json::Value;

use super::event::Event;
use super::machine::State;
use super::measure::Cause;
use super::policy::Policy;
use super::{
    ACTION_DUE, CONFIRM_EXPIRE, CONFIRM_REMIND, CUSTOMER_MESSAGE, Complaint, Cx, DEPARTMENT_ASKED,
    HUMAN_OUTBOUND, INFO_EXPIRE, INFO_REMIND, MESSAGE_CLASSIFIED, PLAN_READY, PROMISED, REOPEN_WINDOW,
    REOPENED, SUSPEND_END, machine, samples,
};
use crate::kernel::actor::Actor;
use crate::kernel::case::{Case, Priority};
use crate::kernel::common::{Common, Intent};
use crate::kernel::fact::Fact;
use crate::kernel::fault::Fault;
use crate::kernel::machine::{Sample, TimerName};
use crate::kernel::outcome::Refusal;
use crate::kernel::sla::timing::Target;
use crate::kernel::step::Machine;

/// The clock of the whole time.
pub(super) const TOTAL_CLOCK: &str = "TOTAL";

/// Acknowledgement.
const ACK: &str = "ack";
/// The decision who looks into it.
const ASSESS: &str = "assess";
/// The department's proposal.
const DEPT: &str = "dept";
/// The ruling which department it is.
const ARBITRATE: &str = "arbitrate";
/// The approval of a proposal.
const APPROVE: &str = "approve";
/// Telling the customer the plan.
const COMMUNICATE: &str = "communicate";
/// The next message to the customer.
const PROGRESS: &str = "progress";
/// The time the customer was told.
const PROMISE: &str = "promise";
/// Response to a message.
const NRT: &str = "nrt";
/// The panel's decision.
const REVIEW: &str = "review";
/// The whole time.
const TOTAL: &str = "total";

impl Machine for Complaint {
    const WORKFLOW: &'static str = "complaint";
    const DATA_VERSION: u32 = 1;
    const START: &'static str = "register";
    const TIMERS: &'static [&'static str] =
        &[ACTION_DUE, CONFIRM_REMIND, CONFIRM_EXPIRE, INFO_REMIND, INFO_EXPIRE, SUSPEND_END, REOPEN_WINDOW];
    const ACCEPTED: Option<&'static str> = Some(include_str!("accepted.json"));
    const SIGNALS: &'static [&'static str] = &[
        HUMAN_OUTBOUND,
        CUSTOMER_MESSAGE,
        MESSAGE_CLASSIFIED,
        PROMISED,
        DEPARTMENT_ASKED,
        PLAN_READY,
        REOPENED,
    ];
    const TARGETS: &'static [&'static str] =
        &[ACK, ASSESS, DEPT, ARBITRATE, APPROVE, COMMUNICATE, PROGRESS, PROMISE, NRT, REVIEW, TOTAL];
    type Case = Case;
    type Events = Event;
    type Policy = Policy;

    fn start(event: &Event, cx: &mut Cx<'_>) -> Option<Self> {
        let Event::Register(register) = event else { return None };
        match Self::begin(register, cx) {
            Ok(begun) => Some(begun),
            Err(refusal) => {
                cx.refuse(refusal.kind, refusal.code, refusal.reason);
                None
            }
        }
    }

    fn common(event: Common) -> Event {
        Event::Common(event)
    }

    fn as_common(event: &Event) -> Option<&Common> {
        if let Event::Common(common) = event { Some(common) } else { None }
    }

    fn timer(name: &str) -> Event {
        Event::Timer(TimerName(name.to_owned()))
    }

    fn leaves() -> Vec<State> {
        machine::leaves()
    }

    fn case(&self) -> &Case {
        &self.case
    }

    fn case_mut(&mut self) -> &mut Case {
        &mut self.case
    }

    fn arrived(&mut self, path: &str, cx: &mut Cx<'_>) {
        self.tell_end(path, cx);
    }

    fn check(policy: &Policy) -> Vec<Fault> {
        policy.check()
    }

    fn queue(&self, policy: &Policy) -> String {
        policy.queue.clone()
    }

    fn target(&self, name: &str, policy: &Policy) -> Option<Target> {
        let span = match name {
            ACK => policy.ack(&self.case, self.is_urgent()),
            ASSESS => policy.assess(self.severity),
            DEPT => policy.dept(self.severity),
            ARBITRATE => policy.arbitrate,
            APPROVE => policy.approve,
            COMMUNICATE => policy.communicate,
            PROGRESS => policy.progress,
            PROMISE => return self.case.promises.last().map(|told| Target::At(told.promised_by)),
            NRT => policy.nrt(&self.case),
            REVIEW => policy.review,
            TOTAL => return Some(self.extended_to.map_or_else(|| self.total(policy), Target::At)),
            _ => return None,
        };
        Some(Target::Span(span))
    }

    fn facts(data: Option<&Self>, event: &Event) -> Vec<Fact> {
        let mut facts = Vec::new();
        match (data, event) {
            (None, Event::Register(register)) if !register.subjects.is_empty() => {
                facts.push(Fact::SubjectCases {
                    customer: register.customer_id.clone(),
                    subjects: register.subjects.iter().map(super::measure::Subject::key).collect(),
                });
            }
            (Some(_), Event::MarkDuplicate(copy)) => facts.push(Fact::Case { id: copy.of.clone() }),
            (Some(_), Event::Convert(change)) => {
                facts.push(Fact::Registered { workflow: change.to_flow.name().into() });
            }
            (Some(data), event) if data.asks_for_first_owner(event) => {
                facts.extend(
                    data.case.first_owner.iter().map(|first| Fact::OnShift { actor: first.id.clone() }),
                );
            }
            (Some(_) | None, _) => {}
        }
        facts
    }

    fn sender_facts(data: Option<&Self>, event: &Event, actor: &Actor) -> Vec<Fact> {
        Self::conflict_facts(data, event, actor)
    }

    fn admit(&self, event: &Event, cx: &mut Cx<'_>) -> Result<(), Refusal> {
        self.keep_out_of(event, cx)
    }

    fn upgrade(from: u32, _state: &str, _data: Value) -> Result<(String, Value), String> {
        Err(format!("data version {from} of a complaint was never released; this binary reads version 1"))
    }

    fn samples() -> Vec<Sample> {
        samples::samples()
    }

    /// What rows tell apart. Tallies that only ever refuse (rounds, extensions, a review asked for, a
    /// binding ruling) are left out: they would multiply the configurations and reach no other row.
    fn shape(&self) -> String {
        let pending = self.actions.iter().filter(|action| !action.done).count();
        // Attempts matter where nothing else is left to wait for.
        let attempts = if self.told && pending == 0 { &self.attempts[..] } else { &[] };
        let channels: std::collections::BTreeSet<_> =
            attempts.iter().map(|attempt| attempt.channel).collect();
        format!(
            "assessed={} grave={} loop={} dept={} returns={} found={} plan={} pending={} told={} final={} \
             tried={}/{} waiting={:?} suspended={:?} from={:?} unread={} improved={}",
            self.assessed,
            self.is_grave(),
            self.severity != Some(super::measure::Severity::Critical) && !self.is_final,
            self.department.is_some(),
            self.returns.min(1),
            self.findings.is_some(),
            !self.actions.is_empty(),
            pending.min(2),
            self.told,
            self.is_final,
            attempts.len().min(3),
            channels.len().min(2),
            self.waiting_resume,
            self.suspended_resume,
            self.unreachable_from,
            !self.unclassified.is_empty(),
            self.improvement,
        )
    }
}

impl Complaint {
    fn is_urgent(&self) -> bool {
        self.cause_claimed == Cause::Safety || self.case.priority == Priority::Urgent
    }

    /// The whole time without an extension.
    pub(super) fn total(&self, policy: &Policy) -> Target {
        policy.total(self.complexity.filter(|_| self.assessed))
    }

    /// Whether `event` gives work back to the first owner, who must be on shift for it.
    fn asks_for_first_owner(&self, event: &Event) -> bool {
        let ended = self.case.disposition.is_some();
        match event {
            Event::Reopen(_) | Event::Common(Common::LateInbound(_)) => ended,
            Event::Confirm(word) => ended && !word.satisfied,
            Event::CustomerReply(reply) => match reply.intent {
                Intent::NewIssue => true,
                Intent::Dissatisfied | Intent::Info | Intent::Unknown => ended,
                Intent::Thanks => false,
            },
            _ => false,
        }
    }
}
