//! Owns what is seen of things and not of people: causes of complaints, missed targets, duties that come again.

use super::agent::month_of;
use super::event::{Rule, Seen};
use super::window::What;
use super::{Cx, Monitor};
use crate::kernel::actor::Role;
use crate::kernel::instant::Instant;

/// What asks for an improvement (S2-69).
const IMPROVEMENT: &str = "improvement_action";

impl Monitor {
    /// Something was seen of a root cause: complaints that made it fire do so once, and the next window
    /// begins without them.
    pub(super) fn see_cause(&mut self, seen: &Seen, at: Instant, cx: &mut Cx<'_>) {
        let policy = &cx.policy.systemic;
        match seen {
            Seen::Caused { case } => {
                if !self.sight((What::Cause, case.as_str()), at, policy.within, cx) {
                    return;
                }
                let sources = self.sources(What::Cause);
                if sources.len() < policy.count as usize {
                    return;
                }
                let window = self.seen.first().map_or(at, |first| first.at).to_string();
                self.seen.clear();
                if self.fire(Rule::SystemicCause, &window, sources, cx) {
                    cx.rule("systemic_cause");
                    self.improve(cx);
                }
            }
            Seen::CausedNoMore { case } => self.unsee(What::Cause, case.as_str()),
            Seen::Contact { .. }
            | Seen::Complained { .. }
            | Seen::NotComplained { .. }
            | Seen::CustomerAdded
            | Seen::InfoChanged
            | Seen::ProfileSaved
            | Seen::Upheld { .. }
            | Seen::UpheldNoMore { .. }
            | Seen::Scored { .. }
            | Seen::CriticalError { .. }
            | Seen::Enrolled { .. }
            | Seen::Unenrolled { .. }
            | Seen::Hired { .. }
            | Seen::Learnt { .. }
            | Seen::Left
            | Seen::TargetMissed { .. }
            | Seen::Due { .. } => self.not_of_this(cx),
        }
    }

    /// A report shows a KPI below its target: once for each month (S0-20).
    pub(super) fn see_kpi(&mut self, seen: &Seen, cx: &mut Cx<'_>) {
        let Seen::TargetMissed { report, period_from, .. } = seen else { return self.not_of_this(cx) };
        let month = month_of(*period_from, cx);
        if self.fire(Rule::TargetMissed, &month, vec![report.to_string()], cx) {
            cx.rule("target_missed");
            self.improve(cx);
        }
    }

    /// The time of a duty has come: one task for each due.
    pub(super) fn see_duty(&mut self, seen: &Seen, cx: &mut Cx<'_>) {
        let Seen::Due { task, role, due } = seen else { return self.not_of_this(cx) };
        if self.fire(Rule::Duty, &due.to_string(), Vec::new(), cx) {
            cx.rule("duty");
            cx.task(task, self.case.case_no.as_str(), Some(*due), *role);
        }
    }

    fn improve(&self, cx: &mut Cx<'_>) {
        cx.task(IMPROVEMENT, self.case.case_no.as_str(), None, Role::QaInspector);
    }
}
