//! Owns the answer, the customer's word on it, and what brings a settled case back.

use serde_json::json;

use super::event::{Answer, Confirm};
use super::{
    CONFIRM_EXPIRE, CONFIRM_REMIND, CUSTOMER_MESSAGE, Consultation, Cx, GivenAnswer, MESSAGE_CLASSIFIED,
    REOPENED,
};
use crate::kernel::actor::Role;
use crate::kernel::case::{Handle, Level, Owner, Satisfaction};
use crate::kernel::common::{SatisfactionRecorded, record_satisfaction};
use crate::workflows::row::{Pass, input, proven};
use crate::workflows::{links, unread};

/// Answers and the customer's word.
impl Consultation {
    /// Row 15.
    pub(super) fn answer(&mut self, answer: &Answer, cx: &mut Cx<'_>) -> Pass {
        self.intake_complete(cx)?;
        cx.policy.satisfaction.on_scale(answer.score)?;
        if let Some(open) = self.open_promise() {
            open.kept_at = Some(cx.now);
        }
        self.renewals = 0;
        self.escalated_to = Level::None;
        self.dept_resume = None;
        self.answers.push(GivenAnswer {
            solution_ref: answer.solution_ref.clone(),
            kb_article: answer.kb_article.clone(),
            at: cx.now,
            round: self.case.round,
        });
        if answer.score.is_some() || answer.confirmed_in_contact {
            self.satisfied(answer.score, answer.confirmed_in_contact.then_some(true));
        }
        self.human_outbound(Handle::from(cx.actor), cx);
        self.count_uncited(answer, cx)
    }

    /// Row 16.
    pub(super) fn answer_confirmed(&mut self, answer: &Answer, cx: &mut Cx<'_>) -> Pass {
        if answer.recording_ref.is_none() {
            return Err(input("recording_required", "`confirmed_in_contact` needs a `recording_ref`"));
        }
        self.answer(answer, cx)?;
        self.plan_post_resolution(cx);
        Ok(())
    }

    fn satisfied(&mut self, score: Option<u8>, resolved: Option<bool>) {
        self.case.satisfaction =
            Some(Satisfaction { score, resolved, round: self.case.round, callback: None });
    }

    /// What the customer said in `confirm`.
    pub(super) fn take_word(&mut self, word: &Confirm, cx: &Cx<'_>) -> Pass {
        proven("recording_ref", word.recording_ref.as_ref(), cx)?;
        cx.policy.satisfaction.on_scale(word.score)?;
        self.satisfied(word.score, Some(word.satisfied));
        Ok(())
    }

    /// Row 17.
    pub(super) fn confirmed(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        self.take_word(word, cx)?;
        self.plan_post_resolution(cx);
        Ok(())
    }

    /// Row 17a.
    pub(super) fn thanked(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.plan_post_resolution(cx);
        Ok(())
    }

    /// Row 18.
    pub(super) fn not_satisfied(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        self.take_word(word, cx)?;
        cx.signal(CUSTOMER_MESSAGE);
        self.another_round(cx)
    }

    /// Row 18a.
    pub(super) fn another_round_heard(&mut self, cx: &mut Cx<'_>) -> Pass {
        cx.signal(CUSTOMER_MESSAGE);
        self.another_round(cx)
    }

    /// What every further round begins with.
    pub(super) fn another_round(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.case.round += 1;
        self.forget_returns();
        if self.case.round >= cx.policy.escalate_round {
            self.raise(Level::Supervisor)?;
            cx.notify("role:supervisor", "round_repeated", json!({ "round": self.case.round }));
        }
        cx.notify("owner", "not_satisfied", json!({ "round": self.case.round }));
        Ok(())
    }

    pub(super) fn arm_confirm(&self, cx: &mut Cx<'_>) {
        if self.case.restricted.is_none() {
            let due = cx.calendar.due(cx.now, cx.policy.confirm.remind);
            cx.arm(CONFIRM_REMIND, due);
        }
        let due = cx.calendar.due(cx.now, cx.policy.confirm.expire);
        cx.arm(CONFIRM_EXPIRE, due);
    }

    /// What waits for the customer's word is counted anew from the answer, on the amended calendar (R4).
    pub(super) fn rearm_confirm(&self, cx: &mut Cx<'_>) {
        let Some(answered) = self.answers.last().map(|answer| answer.at) else { return };
        for (timer, span) in
            [(CONFIRM_REMIND, cx.policy.confirm.remind), (CONFIRM_EXPIRE, cx.policy.confirm.expire)]
        {
            let due = cx.calendar.due(answered, span);
            if cx.due_of(timer).is_some_and(|armed| armed != due) {
                cx.arm(timer, due);
            }
        }
    }

    /// Row 20a.
    pub(super) fn confirm_remind(&self, cx: &mut Cx<'_>) -> Pass {
        self.tell_customer("confirm_reminder", cx);
        Ok(())
    }

    /// Row 20.
    pub(super) fn confirm_expired(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.plan_confirm_resolution(cx);
        Ok(())
    }
}

/// Settled cases.
impl Consultation {
    /// Row 21a: the customer wrote.
    pub(super) fn reopen_heard(&mut self, cx: &mut Cx<'_>) -> Pass {
        cx.signal(CUSTOMER_MESSAGE);
        self.reopen(cx)
    }

    /// Row 21.
    pub(super) fn reopen(&mut self, cx: &mut Cx<'_>) -> Pass {
        cx.signal(REOPENED);
        self.case.reopen_count += 1;
        self.unclassified.clear();
        self.cancel_callbacks("reopened", cx);
        self.case.owner = match (&self.case.first_owner, links::on_shift(&self.case, cx)) {
            (Some(first), true) => Owner::Person(first.clone()),
            (Some(_) | None, _) => self.queue(cx),
        };
        self.another_round(cx)
    }

    /// Row 21b.
    pub(super) fn reopen_unsatisfied(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        self.take_word(word, cx)?;
        self.reopen_heard(cx)
    }

    /// Row 21c.
    pub(super) fn confirmed_late(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        self.take_word(word, cx)?;
        self.cancel_confirm_resolution(cx);
        self.plan_post_resolution(cx);
        Ok(())
    }

    /// Row 21d.
    pub(super) fn called_back(&mut self, said: &SatisfactionRecorded) -> Pass {
        record_satisfaction(&mut self.case, said);
        Ok(())
    }

    /// Rows 22 and 19: somebody has read the message.
    pub(super) fn classify(&mut self, message_ref: &str, cx: &mut Cx<'_>) -> Pass {
        if unread::forget(&mut self.unclassified, message_ref) {
            cx.signal(MESSAGE_CLASSIFIED);
        }
        Ok(())
    }

    /// Row 22a: nobody has read the message yet.
    pub(super) fn unread(&mut self, message_ref: &str, cx: &mut Cx<'_>) -> Pass {
        unread::remember(&mut self.unclassified, message_ref);
        cx.signal(CUSTOMER_MESSAGE);
        let due = cx.calendar.due(cx.now, cx.policy.nrt(&self.case));
        cx.task("classify_message", message_ref, Some(due), Role::Agent);
        Ok(())
    }

    /// Row 23c: an unread message is never archived.
    pub(super) fn reopen_unread(&mut self, cx: &mut Cx<'_>) -> Pass {
        cx.notify("owner", "unread_message", json!({ "message_refs": self.unclassified }));
        self.reopen(cx)
    }
}
