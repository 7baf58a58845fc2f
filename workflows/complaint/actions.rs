//! Owns carrying out the plan: each action has a due, which stands still while the case does.

use serde_json::json;

use super::event::ActionDone;
use super::measure::PlannedAction;
use super::{ACTION_DUE, Complaint, Cx};
use crate::kernel::actor::Role;
use crate::kernel::instant::Instant;
use crate::kernel::sla::timing::{Target, Timing};
use crate::workflows::row::{Pass, guard, input};

impl Complaint {
    /// Row 18: from now on the actions run; the after-sales department has its orders.
    pub(super) fn begin_actions(&mut self, cx: &mut Cx<'_>) {
        self.accepted_at = Some(cx.now);
        self.action_pauses.clear();
        let latest = cx.calendar.due(cx.now, cx.policy.action_due);
        for action in self.actions.iter_mut().filter(|action| !action.done) {
            let own = action.due.map(|date| cx.calendar.close_of(date));
            let due = own.map_or(latest, |own| own.min(latest));
            action.due_at = Some(due);
            if action.kind.is_after_sales() {
                let source = format!("{}/actions/{}", cx.id, action.no);
                cx.task("after_sales_order", &source, Some(due), Role::DeptHandler);
            }
        }
    }

    /// When `action` is due, what stood still left out.
    fn action_due(&self, action: &PlannedAction, cx: &Cx<'_>) -> Option<Instant> {
        let start = self.accepted_at?;
        let target = Target::At(action.due_at?);
        let timing = Timing { calendar: cx.calendar, start, target, pauses: &self.action_pauses };
        Some(timing.due())
    }

    /// The timer waits for the next action that is neither done nor overdue.
    pub(super) fn arm_action_due(&self, cx: &mut Cx<'_>) {
        let waiting = self.actions.iter().filter(|action| !action.done && !action.overdue);
        match waiting.filter_map(|action| self.action_due(action, cx)).min() {
            Some(due) if cx.due_of(ACTION_DUE) != Some(due) => cx.arm(ACTION_DUE, due),
            Some(_) => {}
            None => cx.cancel(ACTION_DUE),
        }
    }

    /// Row 23.
    pub(super) fn action_overdue(&mut self, cx: &mut Cx<'_>) -> Pass {
        let late: Vec<u32> = self
            .actions
            .iter()
            .filter(|action| !action.done && !action.overdue)
            .filter(|action| self.action_due(action, cx).is_some_and(|due| due <= cx.now))
            .map(|action| action.no)
            .collect();
        for action in self.actions.iter_mut().filter(|action| late.contains(&action.no)) {
            action.overdue = true;
        }
        cx.notify("role:dept_manager", "action_overdue", json!({ "actions": late }));
        self.arm_action_due(cx);
        Ok(())
    }

    /// Whether nothing is left to do after this.
    pub(super) fn is_last(&self, done: &ActionDone) -> bool {
        let mut left = self.actions.iter().filter(|action| !action.done);
        left.next().is_some_and(|action| action.no == done.action_no) && left.next().is_none()
    }

    /// Rows 22 and 22a.
    pub(super) fn action_done(&mut self, done: &ActionDone, cx: &mut Cx<'_>) -> Pass {
        let numbers: Vec<String> =
            self.actions.iter().filter(|action| !action.done).map(|action| action.no.to_string()).collect();
        let accepted = numbers.join(", ");
        let Some(action) = self.actions.iter_mut().find(|action| action.no == done.action_no) else {
            let reason = format!("there is no action {}; accepted are {accepted}", done.action_no);
            return Err(input("unknown_action", reason));
        };
        if action.done {
            let reason = format!("action {} is done; accepted are {accepted}", done.action_no);
            return Err(guard("already_done", reason));
        }
        action.done = true;
        action.evidence = Some(done.evidence.clone());
        self.arm_action_due(cx);
        Ok(())
    }
}
