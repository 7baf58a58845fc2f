//! Owns what becomes of an unsatisfied customer, and what ends a callback by decision.

use std::num::NonZeroU32;

use serde_json::json;

use super::event::OptOut;
use super::flow::SURVEYS;
use super::plan::CALLBACK;
use super::{Callback, Cx, OPTED_OUT, RECOVERY, RECOVERY_HALF};
use crate::kernel::common::{self, ForceClosed, Subject};
use crate::kernel::fact::Glimpse;
use crate::kernel::span::Span;
use crate::workflows::row::{Pass, object};

/// Unsatisfied customers.
impl Callback {
    /// Half of the time, and the whole of it, from now on (K16).
    pub(super) fn arm_recovery(&self, cx: &mut Cx<'_>) {
        let recovery = cx.policy.satisfaction.recovery;
        let half = match recovery {
            Span::Wall(seconds) => Span::Wall(NonZeroU32::new(seconds.get() / 2).unwrap_or(NonZeroU32::MIN)),
            // `SatisfactionPolicy::check` lets no other kind pass.
            Span::Business(_) | Span::WorkingDays(_) | Span::CalendarDays(..) => recovery,
        };
        for (timer, span) in [(RECOVERY_HALF, half), (RECOVERY, recovery)] {
            let due = cx.calendar.due(cx.now, span);
            cx.arm(timer, due);
        }
    }

    /// Whether what nobody decides on becomes a complaint: the worst score, or nothing is solved.
    pub(super) fn complains_by_itself(&self, cx: &Cx<'_>) -> bool {
        let satisfaction = &cx.policy.satisfaction;
        let worst = self.score == Some(satisfaction.scale.worst) || self.resolved == Some(false);
        satisfaction.auto_complaint_on_low && worst
    }

    /// Whether another complaint may come out of it (X12).
    pub(super) fn may_complain(&self, cx: &Cx<'_>) -> bool {
        self.case.chain_depth < cx.policy.chain_depth_max
    }

    /// Row 21: as 19 or 19a.
    pub(super) fn complain_or_ask_management(&mut self, cx: &mut Cx<'_>) -> Pass {
        if self.may_complain(cx) { self.complain(cx) } else { self.ask_management(cx) }
    }

    /// Row 21a.
    pub(super) fn undecided(&mut self, cx: &mut Cx<'_>) -> Pass {
        cx.notify("role:supervisor", "low_score_undecided", json!({ "score": self.score }));
        Ok(())
    }
}

/// Whether `other` is a survey in which the customer has not spoken yet.
fn is_ahead(other: &Glimpse) -> bool {
    let runs = other.state == "planned" || other.state.starts_with("open.");
    other.workflow == CALLBACK
        && runs
        && other.state != "open.reviewing"
        && other.data.contains_key(SURVEYS[0])
}

/// Decisions.
impl Callback {
    /// Rows 23 and 23a: on the suppression list, and surveys that are planned already are not made.
    pub(super) fn opt_out(&mut self, wish: &OptOut, cx: &mut Cx<'_>) -> Pass {
        self.opted_out = Some(wish.scope);
        cx.count(OPTED_OUT, &self.case.customer_id);
        // A history of a build that did not ask for them has none, and does the same again.
        let others = cx.fact::<Vec<Glimpse>>("dealings").unwrap_or_default();
        for survey in others.into_iter().filter(|other| other.id != *cx.id && is_ahead(other)) {
            cx.send(survey.id, "cancel", object(json!({ "reason": "opted_out" })));
        }
        Ok(())
    }

    /// Row 24a: a planned callback is no reason to keep the customer's data.
    pub(super) fn erase(&mut self, subject: &Subject, cx: &mut Cx<'_>) -> Pass {
        if common::subject_is(&self.case, subject, cx) {
            self.case.erased = Some(subject.basis.clone());
        }
        Ok(())
    }

    /// Row 24b.
    pub(super) fn restrict(&mut self, subject: &Subject, cx: &mut Cx<'_>) -> Pass {
        if common::subject_is(&self.case, subject, cx) {
            self.case.restricted = Some(subject.basis.clone());
        }
        Ok(())
    }

    /// Row 24c.
    pub(super) fn force_close(end: &ForceClosed, cx: &mut Cx<'_>) -> Pass {
        common::check_second(&end.approver, cx);
        Ok(())
    }
}
