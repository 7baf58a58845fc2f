//! Owns how the kernel sees a callback: its facts, its leaves, and its shape for exploration.

use serde_json::Value;

use super::event::{Decision, Event};
use super::machine::State;
use super::measure::Kind;
use super::policy::{ATTEMPTS_MAX, Policy};
use super::{
    APPOINTMENT, APPOINTMENT_MISSED, CALLBACK, Callback, Cx, EXPIRE, FALLBACK_EXPIRE, LOCK, OPTED_OUT,
    RECOVERY, RECOVERY_HALF, RETRY_AT, WINDOW_OPEN, machine, samples,
};
use crate::kernel::case::Case;
use crate::kernel::common::Common;
use crate::kernel::fact::Fact;
use crate::kernel::fault::Fault;
use crate::kernel::machine::{Sample, TimerName};
use crate::kernel::sla::timing::Target;
use crate::kernel::step::Machine;

/// The call, and what the customer says.
const DUE: &str = "due";
/// Something is done for an unsatisfied customer.
const RECOVER: &str = "recovery";

/// What tells a survey from a callback that belongs to a case.
pub(super) const SURVEYS: &[&str] = &["/survey_contact"];
/// What other cases tell of a customer: whether the data may be used, and when surveys contact the customer.
pub(super) const DEALINGS: &[&str] = &["/case/restricted", "/case/erased", "/survey_contact"];
/// What a source tells of itself.
pub(super) const SOURCE: &[&str] = &["/case/customer_id", "/case/chain_depth"];

impl Machine for Callback {
    const WORKFLOW: &'static str = CALLBACK;
    const DATA_VERSION: u32 = 1;
    const START: &'static str = "plan";
    const TIMERS: &'static [&'static str] = &[
        WINDOW_OPEN,
        EXPIRE,
        LOCK,
        RETRY_AT,
        APPOINTMENT,
        APPOINTMENT_MISSED,
        FALLBACK_EXPIRE,
        RECOVERY_HALF,
        RECOVERY,
    ];
    const ACCEPTED: Option<&'static str> = Some(include_str!("accepted.json"));
    const TARGETS: &'static [&'static str] = &[DUE, RECOVER];
    type Case = Case;
    type Events = Event;
    type Policy = Policy;

    fn start(event: &Event, cx: &mut Cx<'_>) -> Option<Self> {
        let Event::Plan(plan) = event else { return None };
        match Self::begin(plan, cx) {
            Ok(begun) => Some(begun),
            Err(refusal) => {
                cx.refuse(refusal.kind, refusal.code, refusal.reason);
                None
            }
        }
    }

    fn opening(&self) -> State {
        self.first_state()
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

    /// Nobody is calling but in `contacting` and `connected`, and who ended without an attempt was not asked.
    fn arrived(&mut self, path: &str, _cx: &mut Cx<'_>) {
        if !matches!(path, "open.attempting.contacting" | "open.connected") {
            self.locked_by = None;
        }
        if path.starts_with("closed.") && self.attempts == 0 {
            self.survey_contact = None;
        }
    }

    fn check(policy: &Policy) -> Vec<Fault> {
        policy.check()
    }

    fn queue(&self, policy: &Policy) -> String {
        policy.queue.clone()
    }

    fn target(&self, name: &str, policy: &Policy) -> Option<Target> {
        match name {
            DUE => Some(Target::At(self.due_by)),
            RECOVER => Some(Target::Span(policy.satisfaction.recovery)),
            _ => None,
        }
    }

    fn facts(data: Option<&Self>, event: &Event) -> Vec<Fact> {
        match (data, event) {
            (None, Event::Plan(plan)) => {
                let customer = plan.customer_id.clone();
                let mut facts = vec![Fact::Dealings { customer: customer.clone(), members: DEALINGS }];
                if !plan.kind.is_service() {
                    facts.push(Fact::Count { name: OPTED_OUT.into(), key: customer });
                }
                if let (Some(source), None) = (&plan.source_case, plan.chain_depth) {
                    facts.push(Fact::Other { id: source.clone(), members: SOURCE });
                }
                facts
            }
            (Some(data), Event::OptOut(_)) => {
                vec![Fact::Dealings { customer: data.case.customer_id.clone(), members: SURVEYS }]
            }
            (Some(data), Event::Dispose(ruling)) if ruling.decision == Decision::ReopenSource => {
                data.source_case.iter().map(|source| Fact::Case { id: source.clone() }).collect()
            }
            (Some(_) | None, _) => Vec::new(),
        }
    }

    fn upgrade(from: u32, _state: &str, _data: Value) -> Result<(String, Value), String> {
        Err(format!("data version {from} of a callback was never released; this binary reads version 1"))
    }

    fn samples() -> Vec<Sample> {
        samples::samples()
    }

    /// What rows tell apart: attempts and contacts until the customer has spoken, then how bad it is; of an
    /// ended callback only whether the questionnaire was answered.
    fn shape(&self) -> String {
        let answered = self.answered_at.is_some();
        if self.case.disposition.is_some() {
            return format!("ended answered={answered}");
        }
        let missed = self.kind == Kind::MissedCall;
        let deep = self.case.chain_depth >= 3;
        if answered {
            let worst = self.score == Some(1) || self.resolved == Some(false);
            return format!("missed={missed} deep={deep} worst={worst}");
        }
        let usable = self.channel_pref.iter().filter(|channel| !self.unusable.contains(channel)).count();
        // A customer can appoint a call again and again; no policy tells more attempts apart.
        let (tried, appointed) = (self.attempts.min(ATTEMPTS_MAX), self.appointment_at.is_some());
        format!("missed={missed} deep={deep} tried={tried} usable={usable} appointed={appointed}")
    }
}
