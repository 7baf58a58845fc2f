//! Owns where a report is: the table of arrows, what each checks, and how the kernel sees it.

use serde_json::{Value, json};
use statig::prelude::*;

use super::event::{Event, Freeze, ReportDue};
use super::missed::missed;
use super::policy::Policy;
use super::{Cx, DUE, Frozen, Missed, Report, samples};
use crate::kernel::actor::Role;
use crate::kernel::canonical;
use crate::kernel::case::{Case, Channel, Handle, Level, Owner, Priority, ServiceGoal, Tier};
use crate::kernel::common::{Common, ForceClosed, check_second};
use crate::kernel::fact::Fact;
use crate::kernel::fault::Fault;
use crate::kernel::machine::{Sample, TimerName};
use crate::kernel::outcome::RefusalKind;
use crate::kernel::step::Machine;
use crate::workflows::monitor::event::{Seen, Watched};
use crate::workflows::monitor::observing::observe;

/// One organisation on one server.
const TENANT: &str = "default";
/// The report that says which targets a month has missed.
const MONTHLY: &str = "monthly_feedback";
/// Whose case a report is: nobody's but the organisation's.
const ORGANISATION: &str = "organisation";

#[state_machine(
    initial = "State::pending()",
    context_identifier = "cx",
    visibility = "pub",
    state(derive(Debug, Clone, PartialEq)),
    superstate(derive(Debug))
)]
impl Report {
    #[state(superstate = "open")]
    fn pending(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Freeze(counted) => {
                self.freeze(counted, cx);
                cx.rule("freeze");
                Transition(State::frozen())
            }
            _ => Super,
        }
    }

    #[state(superstate = "open")]
    fn frozen(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::SignOff(_) => {
                self.signed_by = Some(Handle::from(cx.actor));
                cx.rule("sign_off");
                Transition(State::closed_signed_off())
            }
            _ => Super,
        }
    }

    #[superstate(exit_action = "leave_open")]
    fn open(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Timer(timer) if timer.0 == DUE => {
                self.overdue(cx);
                cx.rule(DUE);
                Handled
            }
            Event::Common(Common::ForceClosed(end)) => {
                force_close(end, cx);
                cx.rule("force_closed");
                Transition(State::closed_forced())
            }
            _ => Super,
        }
    }

    /// Between the two open states nothing is left: both lie below `open`.
    #[action]
    fn leave_open(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(DUE);
    }

    #[state(superstate = "closed")]
    fn closed_signed_off(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[state(superstate = "closed")]
    fn closed_forced(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[superstate]
    fn closed(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }
}

impl Report {
    fn begin(due: &ReportDue, cx: &mut Cx<'_>) -> Option<Self> {
        if due.period_to <= due.period_from {
            let reason = format!("the period ends at {} and begins at {}", due.period_to, due.period_from);
            cx.refuse(RefusalKind::Input, "empty_period", reason);
            return None;
        }
        cx.rule("report_due");
        cx.arm(DUE, due.due);
        Some(Self {
            case: new_case(due, cx),
            report: due.report.clone(),
            period_from: due.period_from,
            period_to: due.period_to,
            due: due.due,
            dept: due.dept.clone(),
            late: false,
            frozen: None,
            signed_by: None,
        })
    }

    /// Keeps the figures where their hash is that of what is kept.
    fn freeze(&mut self, counted: &Freeze, cx: &mut Cx<'_>) {
        let kept = json!({ "figures": counted.figures, "query": counted.query });
        let hash = canonical::hash(&kept).map(|hash| hash.to_string()).unwrap_or_default();
        if hash != counted.hash {
            let reason = format!("`{}` is not the hash of these figures and this query", counted.hash);
            cx.refuse(RefusalKind::Input, "wrong_hash", reason);
        }
        if cx.occurred_at < self.period_to {
            let reason = format!("the period runs until {}; figures are counted after it", self.period_to);
            cx.refuse(RefusalKind::Guard, "period_not_over", reason);
        }
        let (figures, query) = (counted.figures.clone(), counted.query.clone());
        let missed = missed(&figures);
        self.tell_missed(&missed, cx);
        self.frozen = Some(Frozen { figures, query, hash, at: cx.now, missed });
    }

    /// The targets that a month has missed (S0-20).
    fn tell_missed(&self, missed: &[Missed], cx: &mut Cx<'_>) {
        if !cx.policy.observed || self.report != MONTHLY {
            return;
        }
        for missed in missed {
            let seen = Seen::TargetMissed {
                report: self.case.case_no.clone(),
                period_from: self.period_from,
                target: missed.target.clone(),
                actual: missed.actual.clone(),
                n: missed.n,
            };
            observe(&Watched::Kpi(missed.kpi.clone()), &seen, cx.now, cx);
        }
    }

    fn overdue(&mut self, cx: &mut Cx<'_>) {
        self.late = true;
        cx.task("report_overdue", &self.report, None, Role::ProcessOwner);
    }
}

fn force_close(end: &ForceClosed, cx: &mut Cx<'_>) {
    check_second(&end.approver, cx);
}

fn new_case(due: &ReportDue, cx: &Cx<'_>) -> Case {
    Case {
        case_no: cx.id.clone(),
        policy_version: cx.version,
        calendar_id: cx.calendar.name().to_owned(),
        tenant: TENANT.to_owned(),
        customer_id: ORGANISATION.to_owned(),
        customer_tier: Tier::Normal,
        channel: Channel::Api,
        category: due.report.clone(),
        priority: Priority::Normal,
        service_goal: ServiceGoal::Satisfaction,
        first_owner: None,
        handover_to: None,
        owner: Owner::Queue(due.dept.clone().unwrap_or_else(|| cx.policy.queue.clone())),
        owner_dept: due.dept.clone(),
        off_hours: !cx.calendar.is_open(cx.occurred_at),
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

impl Machine for Report {
    const WORKFLOW: &'static str = "report";
    const DATA_VERSION: u32 = 1;
    const START: &'static str = "report_due";
    const TIMERS: &'static [&'static str] = &[DUE];
    const ACCEPTED: Option<&'static str> = Some(include_str!("accepted.json"));
    type Case = Case;
    type Events = Event;
    type Policy = Policy;

    fn start(event: &Event, cx: &mut Cx<'_>) -> Option<Self> {
        let Event::ReportDue(due) = event else { return None };
        Self::begin(due, cx)
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
        vec![State::pending(), State::frozen(), State::closed_signed_off(), State::closed_forced()]
    }

    fn case(&self) -> &Case {
        &self.case
    }

    fn case_mut(&mut self) -> &mut Case {
        &mut self.case
    }

    fn check(_policy: &Policy) -> Vec<Fault> {
        Vec::new()
    }

    fn queue(&self, policy: &Policy) -> String {
        self.dept.clone().unwrap_or_else(|| policy.queue.clone())
    }

    fn facts(_data: Option<&Self>, _event: &Event) -> Vec<Fact> {
        Vec::new()
    }

    fn upgrade(from: u32, _state: &str, _data: Value) -> Result<(String, Value), String> {
        Err(format!("data version {from} of a report was never released; this binary reads version 1"))
    }

    fn samples() -> Vec<Sample> {
        samples::samples()
    }

    fn shape(&self) -> String {
        format!("late={} {}", self.late, self.case.owner.person().unwrap_or("queue"))
    }
}
