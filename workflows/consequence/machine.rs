//! Owns where a consequence is: the table of arrows (§3.4.4), what each checks, and how the kernel sees it.

use serde_json::json;
use statig::prelude::*;

use super::event::{Decide, Event, Measure, OpenConsequence, Propose, StateView};
use super::policy::Policy;
use super::{APPEAL_END, Consequence, Cx, HEARING_END, LAPSE, samples};
use crate::kernel::actor::Role;
use crate::kernel::case::Handle;
use crate::kernel::common::Common;
use crate::kernel::fact::Fact;
use crate::kernel::step::Machine;
use crate::workflows::row::{Arrow, DONE, Pass, duty, input};
use crate::workflows::training::{
    self, Scopes, by_direct_supervisor, force_close, internal_machine, leave_scopes, person, superiors_of,
};

const SCOPES: Scopes = &[
    (HEARING_END, &["hearing"]),
    (APPEAL_END, &["decided"]),
    // One run through the first three; anew with an appeal.
    (LAPSE, &["proposing", "hearing", "deciding", "appealed"]),
];

#[state_machine(
    initial = "State::proposing()",
    context_identifier = "cx",
    visibility = "pub",
    state(derive(Debug, Clone, PartialEq)),
    superstate(derive(Debug))
)]
impl Consequence {
    #[state]
    fn proposing(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Propose(plan) if plan.measure == Measure::None => {
                self.propose(plan, cx).to(cx, "3", State::closed_none())
            }
            Event::Propose(plan) => self.propose_measure(plan, cx).to(cx, "2", State::hearing()),
            Event::Timer(timer) if timer.0 == LAPSE => DONE.to(cx, "8", State::closed_none()),
            _ => self.open(cx, event),
        }
    }

    #[state]
    fn hearing(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::StateView(view) => self.hear(view, cx).to(cx, "4", State::deciding()),
            Event::Timer(timer) if timer.0 == HEARING_END => DONE.to(cx, "5", State::deciding()),
            Event::Timer(timer) if timer.0 == LAPSE => DONE.to(cx, "8", State::closed_none()),
            _ => self.open(cx, event),
        }
    }

    #[state]
    fn deciding(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Decide(decision) if decision.measure == Measure::None => {
                self.decide(decision, cx).to(cx, "7", State::closed_none())
            }
            Event::Decide(decision) => self.impose(decision, cx).to(cx, "6", State::decided()),
            Event::Timer(timer) if timer.0 == LAPSE => DONE.to(cx, "8", State::closed_none()),
            _ => self.open(cx, event),
        }
    }

    #[state]
    fn decided(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Appeal(_) => self.appeal(cx).to(cx, "9", State::appealed()),
            Event::Timer(timer) if timer.0 == APPEAL_END => DONE.to(cx, "10", State::closed_recorded()),
            _ => self.open(cx, event),
        }
    }

    #[state]
    fn appealed(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::ReviewAppeal(word) if word.measure == Measure::None => {
                self.review(word, cx).to(cx, "12", State::closed_none())
            }
            Event::ReviewAppeal(word) => self.review(word, cx).to(cx, "11", State::closed_recorded()),
            Event::Timer(timer) if timer.0 == LAPSE => DONE.to(cx, "13", State::closed_none()),
            _ => self.open(cx, event),
        }
    }

    #[state(superstate = "closed")]
    fn closed_recorded(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[state(superstate = "closed")]
    fn closed_none(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[superstate]
    fn closed(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }
}

impl Consequence {
    /// What every open state does alike.
    fn open(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Common(Common::ForceClosed(end)) => {
                force_close(end, cx).to(cx, "14", State::closed_none())
            }
            _ => Super,
        }
    }

    /// Row 1.
    fn begin(opening: &OpenConsequence, cx: &mut Cx<'_>) -> Self {
        cx.rule("1");
        cx.arm(LAPSE, cx.calendar.due(cx.now, cx.policy.lapse));
        let values = json!({ "employee": opening.employee.id, "cause": opening.cause });
        cx.notify("role:supervisor", "consequence_opened", values);
        let case = training::opened(Some(&opening.employee), &cx.policy.desk.queue, cx);
        Self {
            case: training::started_by(case, &opening.enrollment),
            enrollment: opening.enrollment.clone(),
            employee: opening.employee.clone(),
            cause: opening.cause,
            measure: None,
            proposer: None,
            deciders: Vec::new(),
            statement: None,
        }
    }

    /// Row 3, and what it shares with row 2.
    fn propose(&mut self, plan: &Propose, cx: &mut Cx<'_>) -> Pass {
        by_direct_supervisor(&self.employee, cx)?;
        self.measure = Some(plan.measure);
        self.proposer = Some(Handle::from(cx.actor));
        Ok(())
    }

    /// Row 2.
    fn propose_measure(&mut self, plan: &Propose, cx: &mut Cx<'_>) -> Pass {
        self.propose(plan, cx)?;
        let until = cx.calendar.due(cx.now, cx.policy.hearing);
        cx.arm(HEARING_END, until);
        cx.notify(&person(&self.employee), "hearing", json!({ "until": until }));
        Ok(())
    }

    /// Row 4.
    fn hear(&mut self, view: &StateView, cx: &Cx<'_>) -> Pass {
        self.by_employee(cx)?;
        self.statement = Some(view.statement.clone());
        Ok(())
    }

    fn by_employee(&self, cx: &Cx<'_>) -> Pass {
        if cx.actor.id == self.employee.id {
            Ok(())
        } else {
            Err(duty("not_the_employee", format!("accepted is `{}` alone", self.employee.id)))
        }
    }

    /// Row 7, and what it shares with row 6: nobody decides alone, and nobody on oneself.
    fn decide(&mut self, decision: &Decide, cx: &mut Cx<'_>) -> Pass {
        let second = &decision.co_decider;
        if second.role != Role::TrainingAdmin {
            let reason =
                format!("`{}` does not decide with a supervisor; accepted is a training_admin", second.role);
            return Err(input("co_decider_role", reason));
        }
        by_direct_supervisor(&self.employee, cx)?;
        if second.id == cx.actor.id || second.id == self.employee.id {
            let reason = format!("`{}` cannot be the second decider; accepted is a third person", second.id);
            return Err(duty("second_person_needed", reason));
        }
        self.measure = Some(decision.measure);
        self.deciders = vec![Handle::from(cx.actor), second.clone()];
        Ok(())
    }

    /// Row 6.
    fn impose(&mut self, decision: &Decide, cx: &mut Cx<'_>) -> Pass {
        self.decide(decision, cx)?;
        let until = cx.calendar.due(cx.now, cx.policy.appeal);
        cx.arm(APPEAL_END, until);
        let values = json!({ "measure": decision.measure, "appeal_until": until });
        cx.notify(&person(&self.employee), "consequence_decided", values);
        Ok(())
    }

    /// Row 9.
    fn appeal(&self, cx: &mut Cx<'_>) -> Pass {
        self.by_employee(cx)?;
        cx.arm(LAPSE, cx.calendar.due(cx.now, cx.policy.lapse));
        cx.notify("role:process_owner", "consequence_appealed", json!({ "employee": self.employee.id }));
        Ok(())
    }

    /// Rows 11 and 12.
    fn review(&mut self, word: &Propose, cx: &mut Cx<'_>) -> Pass {
        let took_part = self.deciders.iter().any(|decider| decider.id == cx.actor.id);
        if took_part || cx.actor.id == self.employee.id {
            return Err(duty("decided_before", "an appeal is reviewed by somebody who did not decide"));
        }
        self.measure = Some(word.measure);
        cx.notify(&person(&self.employee), "appeal_reviewed", json!({ "measure": word.measure }));
        Ok(())
    }
}

impl Machine for Consequence {
    const WORKFLOW: &'static str = "consequence";
    const DATA_VERSION: u32 = 1;
    const START: &'static str = "open_consequence";
    const TIMERS: &'static [&'static str] = &[HEARING_END, APPEAL_END, LAPSE];
    const ACCEPTED: Option<&'static str> = Some(include_str!("accepted.json"));
    internal_machine!("a consequence");

    fn start(event: &Event, cx: &mut Cx<'_>) -> Option<Self> {
        let Event::OpenConsequence(opening) = event else { return None };
        Some(Self::begin(opening, cx))
    }

    fn leaves() -> Vec<State> {
        vec![
            State::proposing(),
            State::hearing(),
            State::deciding(),
            State::decided(),
            State::appealed(),
            State::closed_recorded(),
            State::closed_none(),
        ]
    }

    fn arrived(&mut self, path: &str, cx: &mut Cx<'_>) {
        leave_scopes(SCOPES, path, cx);
    }

    fn facts(data: Option<&Self>, event: &Event) -> Vec<Fact> {
        match (data, event) {
            (Some(data), Event::Propose(_) | Event::Decide(_)) => vec![superiors_of(&data.employee)],
            (Some(_) | None, _) => Vec::new(),
        }
    }

    fn shape(&self) -> String {
        format!("deciders={}", self.deciders.len())
    }
}
