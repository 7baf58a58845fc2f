//! Owns where a monitor is: the table of arrows, who may tell what, and how the kernel sees it.

use statig::prelude::*;

use super::event::{Event, Observe, Seen, Watched};
use super::onboarding::Onboarding;
use super::policy::Policy;
use super::window::What;
use super::{
    Cx, DORMANT, HIRED, LEFT, Monitor, ONBOARDED, PERIODIC, PROFILE_ASKED, PROFILE_SAVED, agent, customer,
    samples,
};
use crate::kernel::actor::Role;
use crate::kernel::common::Common;
use crate::kernel::fact::Fact;
use crate::kernel::outcome::{Refusal, RefusalKind};
use crate::kernel::sla::timing::Target;
use crate::kernel::step::Machine;
use crate::workflows::row::{Arrow, DONE, Pass, input};
use crate::workflows::training::{self, Scopes, force_close, internal_machine, leave_scopes, not_started};

/// What is known of a customer was written down.
const PROFILE: &str = "profile";
/// Somebody new has learnt all modules.
const ONBOARDING: &str = "onboarding";

const SCOPES: Scopes = &[(DORMANT, &["watching"]), (PERIODIC, &["watching"])];

#[state_machine(
    initial = "State::watching()",
    context_identifier = "cx",
    visibility = "pub",
    state(derive(Debug, Clone, PartialEq)),
    superstate(derive(Debug))
)]
impl Monitor {
    #[state]
    fn watching(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Observe(told) => self.observe(told, cx).stay(cx, "observe"),
            Event::Train(order) => self.train(order, cx).stay(cx, "train"),
            Event::Timer(timer) if timer.0 == DORMANT && self.is_silent(cx) => {
                self.call_silent(cx).to(cx, "dormant", State::dormant())
            }
            Event::Timer(timer) if timer.0 == DORMANT => DONE.stay(cx, "in_touch"),
            Event::Timer(timer) if timer.0 == PERIODIC => self.call_again(cx).stay(cx, "periodic"),
            _ => self.open(cx, event),
        }
    }

    #[state]
    fn dormant(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Observe(told) if customer::is_contact(&told.seen) => {
                self.observe(told, cx).to(cx, "contact", State::watching())
            }
            Event::Observe(told) => self.observe(told, cx).stay(cx, "observe"),
            _ => self.open(cx, event),
        }
    }

    #[state(superstate = "closed")]
    fn closed_stopped(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    /// What is told after the end is in the history, and changes nothing.
    #[superstate]
    fn closed(cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Observe(_) => DONE.stay(cx, "stopped"),
            _ => Super,
        }
    }
}

impl Monitor {
    /// What both open states do alike.
    fn open(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Common(Common::SlaBreached(_)) => {
                match &self.watched {
                    Watched::Agent(_) => {
                        cx.task("complete_onboarding", self.case.case_no.as_str(), None, Role::TrainingAdmin);
                    }
                    Watched::Customer(_) | Watched::Cause(_) | Watched::Kpi(_) | Watched::Duty(_) => {
                        cx.task("complete_profile", self.case.case_no.as_str(), None, Role::Agent);
                    }
                }
                Super
            }
            Event::Common(Common::ForceClosed(end)) => {
                force_close(end, cx).to(cx, "force_closed", State::closed_stopped())
            }
            _ => Super,
        }
    }

    fn begin(told: &Observe, cx: &mut Cx<'_>) -> Option<Self> {
        let (subject_id, customer) = match &told.watched {
            Watched::Customer(id) => (Some(id.clone()), Some(super::Customer::default())),
            Watched::Agent(handle) => (Some(handle.id.clone()), None),
            Watched::Cause(_) | Watched::Kpi(_) | Watched::Duty(_) => (None, None),
        };
        let mut case = training::opened(None, &cx.policy.desk.queue, cx);
        case.subject_id = subject_id;
        let mut begun = Self {
            case,
            watched: told.watched.clone(),
            seen: Vec::new(),
            fired: Vec::new(),
            customer,
            scores: Vec::new(),
            remedial: None,
            trainings: 0,
            onboarding: Onboarding::default(),
        };
        match begun.observe(told, cx) {
            Ok(()) => {
                cx.rule("observe");
                Some(begun)
            }
            Err(refusal) => not_started(refusal, cx),
        }
    }

    fn observe(&mut self, told: &Observe, cx: &mut Cx<'_>) -> Pass {
        check_sender(&told.seen, cx)?;
        if told.watched.key() != self.watched.key() {
            let reason =
                format!("this is the monitor of `{}`, not of `{}`", self.watched.key(), told.watched.key());
            return Err(input("another_watched", reason));
        }
        let at = told.at.map_or(cx.now, |at| at.min(cx.now));
        match &self.watched {
            Watched::Customer(_) => self.see_customer(&told.seen, at, cx),
            Watched::Agent(_) => self.see_agent(&told.seen, at, cx),
            Watched::Cause(_) => self.see_cause(&told.seen, at, cx),
            Watched::Kpi(_) => self.see_kpi(&told.seen, cx),
            Watched::Duty(_) => self.see_duty(&told.seen, cx),
        }
        Ok(())
    }

    /// What is seen of one kind is not seen of another.
    pub(super) fn not_of_this(&self, cx: &mut Cx<'_>) {
        let reason = format!("that is not seen of `{}`", self.watched.key());
        cx.refuse(RefusalKind::Input, "not_of_this", reason);
    }

    fn count(&self, what: What) -> usize {
        self.seen.iter().filter(|seen| seen.what == what).count()
    }
}

/// People and other systems tell what no flow of this program can know.
fn check_sender(seen: &Seen, cx: &Cx<'_>) -> Pass {
    let asked = match seen {
        Seen::CustomerAdded | Seen::InfoChanged | Seen::ProfileSaved | Seen::Hired { .. } | Seen::Left => {
            Role::Gateway
        }
        Seen::CriticalError { .. } => Role::QaInspector,
        Seen::Contact { .. }
        | Seen::Complained { .. }
        | Seen::NotComplained { .. }
        | Seen::Upheld { .. }
        | Seen::UpheldNoMore { .. }
        | Seen::Scored { .. }
        | Seen::Enrolled { .. }
        | Seen::Unenrolled { .. }
        | Seen::Learnt { .. }
        | Seen::Caused { .. }
        | Seen::CausedNoMore { .. }
        | Seen::TargetMissed { .. }
        | Seen::Due { .. } => Role::System,
    };
    if cx.actor.role == Role::System || cx.actor.role == asked {
        return Ok(());
    }
    let reason = format!("the role `{}` does not tell that; accepted is `{asked}`", cx.actor.role);
    Err(Refusal::new(RefusalKind::Role, "not_yours_to_tell", reason))
}

impl Machine for Monitor {
    const WORKFLOW: &'static str = super::observing::MONITOR;
    const DATA_VERSION: u32 = 1;
    const START: &'static str = "observe";
    const TIMERS: &'static [&'static str] = &[DORMANT, PERIODIC];
    const ACCEPTED: Option<&'static str> = Some(include_str!("accepted.json"));
    const SIGNALS: &'static [&'static str] = &[PROFILE_ASKED, PROFILE_SAVED, HIRED, ONBOARDED, LEFT];
    const TARGETS: &'static [&'static str] = &[PROFILE, ONBOARDING];
    internal_machine!("a monitor");

    fn start(event: &Event, cx: &mut Cx<'_>) -> Option<Self> {
        let Event::Observe(told) = event else { return None };
        Self::begin(told, cx)
    }

    fn key(event: &Event) -> Option<String> {
        if let Event::Observe(told) = event { Some(told.watched.key()) } else { None }
    }

    fn leaves() -> Vec<State> {
        vec![State::watching(), State::dormant(), State::closed_stopped()]
    }

    fn arrived(&mut self, path: &str, cx: &mut Cx<'_>) {
        leave_scopes(SCOPES, path, cx);
    }

    fn target(&self, name: &str, policy: &Policy) -> Option<Target> {
        match name {
            PROFILE => Some(Target::Span(policy.profile)),
            ONBOARDING => self.onboarding.hired.as_ref().map(|hired| Target::At(hired.due)),
            _ => None,
        }
    }

    fn facts(data: Option<&Self>, event: &Event) -> Vec<Fact> {
        match (data.map(|data| &data.watched), event) {
            (Some(Watched::Agent(_)), Event::Train(_)) => vec![agent::coming()],
            (Some(Watched::Customer(id)), Event::Timer(_)) => vec![customer::contacts(id)],
            (Some(_) | None, _) => Vec::new(),
        }
    }

    /// Scores and how often was called reach no other row than sightings do.
    fn shape(&self) -> String {
        let (kind, _) = self
            .watched
            .key()
            .split_once(':')
            .map(|(kind, id)| (kind.to_owned(), id.len()))
            .unwrap_or_default();
        let seen =
            [What::Complaint, What::Upheld, What::CriticalError, What::Cause].map(|what| self.count(what));
        let rules: std::collections::BTreeSet<_> = self.fired.iter().map(|fired| fired.rule).collect();
        let training = self.remedial.as_ref().map(|remedial| remedial.enrollment.is_some());
        let hired = self.onboarding.hired.as_ref().map(|hired| hired.complete.is_some());
        format!("{kind} seen={seen:?} fired={rules:?} training={training:?} hired={hired:?}")
    }
}
