//! Owns how the kernel sees a consultation: its facts, its leaves, and its shape for exploration.

use serde_json::Value;

use super::event::{Category, Event, Purpose};
use super::links::UNCITED;
use super::machine::State;
use super::policy::Policy;
use super::{
    ACCEPT, ARBITRATION_ASKED, CONFIRM_EXPIRE, CONFIRM_REMIND, CUSTOMER_MESSAGE, Consultation, Cx,
    HUMAN_OUTBOUND, INFO_EXPIRE, INFO_REMIND, MESSAGE_CLASSIFIED, PROMISED, REOPEN_WINDOW, REOPENED, RING,
    machine, samples,
};
use crate::kernel::case::Case;
use crate::kernel::common::{Common, Intent};
use crate::kernel::fact::Fact;
use crate::kernel::fault::Fault;
use crate::kernel::machine::{Sample, TimerName};
use crate::kernel::sla::timing::Target;
use crate::kernel::span::Span;
use crate::kernel::step::Machine;

/// First response.
const FRT: &str = "frt";
/// Response to a later message.
const NRT: &str = "nrt";
/// The time the customer was told.
const PROMISE: &str = "promise";
/// The department's answer.
const DEPT: &str = "dept";
/// A supervisor's ruling.
const ARBITRATE: &str = "arbitrate";
/// The settled case.
const RES: &str = "res";

impl Machine for Consultation {
    const WORKFLOW: &'static str = "consultation";
    const DATA_VERSION: u32 = 1;
    const START: &'static str = "submit";
    const TIMERS: &'static [&'static str] =
        &[RING, ACCEPT, INFO_REMIND, INFO_EXPIRE, CONFIRM_REMIND, CONFIRM_EXPIRE, REOPEN_WINDOW];
    const ACCEPTED: Option<&'static str> = Some(include_str!("accepted.json"));
    const SIGNALS: &'static [&'static str] =
        &[HUMAN_OUTBOUND, CUSTOMER_MESSAGE, MESSAGE_CLASSIFIED, PROMISED, ARBITRATION_ASKED, REOPENED];
    const TARGETS: &'static [&'static str] = &[FRT, NRT, PROMISE, DEPT, ARBITRATE, RES];
    type Case = Case;
    type Events = Event;
    type Policy = Policy;

    fn start(event: &Event, cx: &mut Cx<'_>) -> Option<Self> {
        let Event::Submit(submit) = event else { return None };
        match Self::begin(submit, cx) {
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
        self.tell_monitors(path, cx);
    }

    fn check(policy: &Policy) -> Vec<Fault> {
        policy.check()
    }

    fn queue(&self, policy: &Policy) -> String {
        self.queue_name(policy)
    }

    fn target(&self, name: &str, policy: &Policy) -> Option<Target> {
        let span = match name {
            FRT => policy.frt.target(&self.case),
            NRT => policy.nrt(&self.case),
            PROMISE => return self.case.promises.last().map(|told| Target::At(told.promised_by)),
            DEPT => self.dept_target(policy),
            ARBITRATE => policy.dept.arbitrate,
            RES => {
                // What another system promised is for the first resolution; a reopening has the policy's time.
                let promised = self.due_at.filter(|_| self.case.reopen_count == 0);
                return Some(promised.map_or(Target::Span(policy.res.target(&self.case)), Target::At));
            }
            _ => return None,
        };
        Some(Target::Span(span))
    }

    fn facts(data: Option<&Self>, event: &Event) -> Vec<Fact> {
        let mut facts = Vec::new();
        match (data, event) {
            (None, Event::Submit(submit)) => {
                facts.push(Fact::CustomerCases { customer: submit.customer_id.clone() });
                if let Some(external_ref) = &submit.external_ref {
                    facts.push(Fact::OpenCase { external_ref: external_ref.clone() });
                }
            }
            (Some(data), Event::Answer(answer)) if answer.kb_article.is_none() => {
                facts.push(Fact::Count { name: UNCITED.into(), key: data.problem_type.clone() });
            }
            (Some(_), Event::MarkDuplicate(copy)) => facts.push(Fact::Case { id: copy.of.clone() }),
            (Some(_), Event::Convert(change)) => {
                facts.push(Fact::Registered { workflow: change.to_flow.name().into() });
            }
            (Some(data), event) if data.is_archived_by(event) => facts.push(data.monitor_fact()),
            (Some(data), event) if data.asks_for_first_owner(event) => {
                facts.extend(
                    data.case.first_owner.iter().map(|first| Fact::OnShift { actor: first.id.clone() }),
                );
            }
            (Some(_) | None, _) => {}
        }
        facts
    }

    fn upgrade(from: u32, _state: &str, _data: Value) -> Result<(String, Value), String> {
        Err(format!("data version {from} of a consultation was never released; this binary reads version 1"))
    }

    fn samples() -> Vec<Sample> {
        samples::samples()
    }

    /// Tallies that only ever refuse (transfers, renewals, rounds) are left out: they would
    /// multiply the configurations and reach no other row.
    fn shape(&self) -> String {
        let case = &self.case;
        format!(
            "{:?} {} details={} dept={:?}/{:?} returns={} binding={} arbitration={} waiting={:?} unread={}",
            case.channel,
            case.owner.person().unwrap_or("queue"),
            self.happened_at.is_some() && self.impact_scope.is_some(),
            self.dept_resume,
            self.purpose,
            self.returns.min(1),
            self.binding,
            self.arbitration_pending,
            self.waiting_resume,
            !self.unclassified.is_empty(),
        )
    }
}

impl Consultation {
    /// How long the department has that was asked: to verify, to answer, or as another one than the category's own.
    fn dept_target(&self, policy: &Policy) -> Span {
        let own = policy.dept.department_of_category.get(&Category::of(&self.case.category));
        match self.purpose {
            Some(Purpose::Verify) => policy.dept.verify,
            Some(Purpose::Answer) | None if own == self.department.as_ref() => policy.dept.answer,
            Some(Purpose::Answer) | None => policy.dept.other,
        }
    }

    /// Whether `event` gives work back to the first owner, who must be on shift for it.
    fn asks_for_first_owner(&self, event: &Event) -> bool {
        let ended = self.case.disposition.is_some();
        match event {
            Event::Reopen(_) | Event::Common(Common::LateInbound(_)) => ended,
            Event::Confirm(word) => ended && !word.satisfied,
            Event::CustomerReply(reply) => match reply.intent {
                Intent::NewIssue => true,
                Intent::Dissatisfied => ended,
                Intent::Info | Intent::Thanks | Intent::Unknown => false,
            },
            Event::Timer(timer) => timer.0 == REOPEN_WINDOW && !self.unclassified.is_empty(),
            _ => false,
        }
    }
}
