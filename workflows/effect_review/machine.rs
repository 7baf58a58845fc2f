//! Owns where an effect review is: the table of arrows (§3.4.6), what each checks, and how the kernel sees it.

use serde_json::json;
use statig::prelude::*;

use super::event::{Event, Finding, OpenReview};
use super::policy::Policy;
use super::{Cx, EffectReview, L3_DUE, L3_END, L4_DUE, L4_END, samples};
use crate::kernel::actor::Role;
use crate::kernel::common::Common;
use crate::kernel::fact::Fact;
use crate::kernel::instant::Instant;
use crate::kernel::span::Span;
use crate::kernel::step::Machine;
use crate::workflows::row::{Arrow, Pass, guard};
use crate::workflows::training::{self, Scopes, force_close, internal_machine, leave_scopes};

const SCOPES: Scopes = &[
    (L3_DUE, &["l3_pending"]),
    (L3_END, &["l3_pending"]),
    (L4_DUE, &["l4_pending"]),
    (L4_END, &["l4_pending"]),
];

#[state_machine(
    initial = "State::l3_pending()",
    context_identifier = "cx",
    visibility = "pub",
    state(derive(Debug, Clone, PartialEq)),
    superstate(derive(Debug))
)]
impl EffectReview {
    #[state]
    fn l3_pending(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::RecordL3(finding) => self.record_l3(finding, cx).to(cx, "2", State::l4_pending()),
            Event::Timer(timer) if timer.0 == L3_DUE => self.ask("effect_l3", cx).stay(cx, "3"),
            Event::Timer(timer) if timer.0 == L3_END => self.go_on(cx).to(cx, "4", State::l4_pending()),
            _ => Self::open(cx, event),
        }
    }

    #[state]
    fn l4_pending(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Timer(timer) if timer.0 == L4_DUE => self.ask("effect_l4", cx).stay(cx, "5"),
            Event::RecordL4(finding) if self.l3.is_some() => {
                self.record_l4(finding, cx).to(cx, "6", State::closed_done())
            }
            Event::RecordL4(finding) => self.record_l4(finding, cx).to(cx, "7", State::closed_incomplete()),
            Event::Timer(timer) if timer.0 == L4_END => {
                self.give_up(cx).to(cx, "8", State::closed_incomplete())
            }
            _ => Self::open(cx, event),
        }
    }

    #[state(superstate = "closed")]
    fn closed_done(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[state(superstate = "closed")]
    fn closed_incomplete(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[superstate]
    fn closed(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }
}

impl EffectReview {
    /// What every open state does alike.
    fn open(cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Common(Common::ForceClosed(end)) => {
                force_close(end, cx).to(cx, "9", State::closed_incomplete())
            }
            _ => Super,
        }
    }

    /// Row 1.
    fn begin(opening: &OpenReview, cx: &mut Cx<'_>) -> Self {
        cx.rule("1");
        let case = training::opened(None, &cx.policy.desk.queue, cx);
        let review = Self {
            case: training::started_by(case, &opening.session),
            session: opening.session.clone(),
            attendees: opening.attendees.clone(),
            ended: opening.ended,
            l3: None,
            l4: None,
        };
        let due = review.due(cx.policy.l3, cx);
        cx.arm(L3_DUE, due);
        cx.arm(L3_END, cx.calendar.due(due, cx.policy.grace));
        review
    }

    /// The end of the n-th civil day after the class (R2).
    fn due(&self, span: Span, cx: &Cx<'_>) -> Instant {
        cx.calendar.due(cx.calendar.start_of(self.ended.0), span)
    }

    /// What is measured too early says nothing of what lasts.
    fn is_time(&self, span: Span, cx: &Cx<'_>) -> Pass {
        let due = self.due(span, cx);
        if cx.now >= due {
            return Ok(());
        }
        let reason = format!("the class ended on {}; accepted is a record from {due} on", self.ended);
        Err(guard("too_early", reason))
    }

    /// Row 2.
    fn record_l3(&mut self, finding: &Finding, cx: &mut Cx<'_>) -> Pass {
        self.is_time(cx.policy.l3, cx)?;
        self.l3 = Some(finding.clone());
        self.go_on(cx)
    }

    /// Row 4, and what it shares with row 2.
    fn go_on(&self, cx: &mut Cx<'_>) -> Pass {
        let due = self.due(cx.policy.l4, cx);
        cx.arm(L4_DUE, due);
        cx.arm(L4_END, cx.calendar.due(due, cx.policy.grace));
        Ok(())
    }

    /// Rows 3 and 5.
    fn ask(&self, task: &str, cx: &mut Cx<'_>) -> Pass {
        let until = cx.due_of(if task == "effect_l3" { L3_END } else { L4_END });
        cx.task(task, self.session.as_str(), until, Role::TrainingAdmin);
        Ok(())
    }

    /// Rows 6 and 7.
    fn record_l4(&mut self, finding: &Finding, cx: &Cx<'_>) -> Pass {
        self.is_time(cx.policy.l4, cx)?;
        self.l4 = Some(finding.clone());
        Ok(())
    }

    /// Row 8.
    fn give_up(&self, cx: &mut Cx<'_>) -> Pass {
        cx.notify("role:training_admin", "effect_unknown", json!({ "session": self.session }));
        Ok(())
    }
}

impl Machine for EffectReview {
    const WORKFLOW: &'static str = "effect_review";
    const DATA_VERSION: u32 = 1;
    const START: &'static str = "open_review";
    const TIMERS: &'static [&'static str] = &[L3_DUE, L3_END, L4_DUE, L4_END];
    const ACCEPTED: Option<&'static str> = Some(include_str!("accepted.json"));
    internal_machine!("an effect review");

    fn start(event: &Event, cx: &mut Cx<'_>) -> Option<Self> {
        let Event::OpenReview(opening) = event else { return None };
        Some(Self::begin(opening, cx))
    }

    fn leaves() -> Vec<State> {
        vec![State::l3_pending(), State::l4_pending(), State::closed_done(), State::closed_incomplete()]
    }

    fn arrived(&mut self, path: &str, cx: &mut Cx<'_>) {
        leave_scopes(SCOPES, path, cx);
    }

    fn facts(_data: Option<&Self>, _event: &Event) -> Vec<Fact> {
        Vec::new()
    }

    fn shape(&self) -> String {
        format!("l3={}", self.l3.is_some())
    }
}
