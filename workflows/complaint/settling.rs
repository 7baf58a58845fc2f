//! Owns how a complaint is settled, and what brings a settled one back.

use serde_json::json;

use super::event::{Confirm, Contact, ContactAttempt, CustomerReply};
use super::measure::{Attempt, Finding, Place};
use super::{CUSTOMER_MESSAGE, Complaint, Cx, MESSAGE_CLASSIFIED, REOPEN_WINDOW, REOPENED};
use crate::kernel::actor::Role;
use crate::kernel::case::{Owner, Satisfaction};
use crate::workflows::row::{Pass, guard, input, proven};
use crate::workflows::{links, unread};

/// Failed attempts before a customer counts as unreachable.
const ATTEMPTS_MIN: usize = 3;
/// On so many local days at least.
const ATTEMPT_DAYS_MIN: usize = 2;
/// By so many channels at least.
const ATTEMPT_CHANNELS_MIN: usize = 2;
/// Most failed attempts that are kept, the newest; the history holds them all.
const ATTEMPTS_KEPT: usize = 50;

/// The customer's word.
impl Complaint {
    /// What the customer said in `confirm`; row 21a by itself.
    pub(super) fn take_word(&mut self, word: &Confirm, cx: &Cx<'_>) -> Pass {
        proven("recording_ref", word.recording_ref.as_ref(), cx)?;
        cx.policy.satisfaction.scale.holds(word.score)?;
        let (score, resolved) = (word.score, Some(word.satisfied));
        self.case.satisfaction =
            Some(Satisfaction { score, resolved, round: self.case.round, callback: None });
        Ok(())
    }

    /// Rows 24 and 38f.
    pub(super) fn satisfied(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        self.take_word(word, cx)?;
        self.settle(cx);
        self.plan_callback(cx);
        Ok(())
    }

    /// Row 20a.
    pub(super) fn unsatisfied(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        self.take_word(word, cx)?;
        self.investigate_again(cx);
        Ok(())
    }

    /// What was grave or will happen again, and was true, is to be improved.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        let grave = self.is_grave();
        let true_and_lasting = self.findings.as_ref().is_some_and(|found| {
            matches!(found.finding, Finding::Upheld | Finding::Partly) && (grave || found.systemic)
        });
        if true_and_lasting {
            self.improve(cx);
        }
    }
}

/// Customers who cannot be reached.
impl Complaint {
    /// Row 25b.
    pub(super) fn contact(&mut self, attempt: &ContactAttempt, cx: &Cx<'_>) -> Pass {
        if attempt.at > cx.now {
            let reason = format!("`at` {} has not come; accepted are times up to {}", attempt.at, cx.now);
            return Err(input("time_to_come", reason));
        }
        if attempt.outcome == Contact::Connected {
            self.attempts.clear();
            return Ok(());
        }
        let ContactAttempt { at, channel, outcome } = *attempt;
        self.attempts.push(Attempt { at, channel, outcome });
        if self.attempts.len() > ATTEMPTS_KEPT {
            self.attempts.remove(0);
        }
        Ok(())
    }

    /// Whether enough was tried, and what is missing.
    fn tried_enough(&self, cx: &Cx<'_>) -> Pass {
        let days: std::collections::BTreeSet<_> =
            self.attempts.iter().map(|attempt| cx.calendar.date_at(attempt.at)).collect();
        let channels: std::collections::BTreeSet<_> =
            self.attempts.iter().map(|attempt| attempt.channel).collect();
        let enough = self.attempts.len() >= ATTEMPTS_MIN
            && days.len() >= ATTEMPT_DAYS_MIN
            && channels.len() >= ATTEMPT_CHANNELS_MIN;
        if enough {
            return Ok(());
        }
        let reason = format!(
            "{} failed attempts on {} days by {} channels; accepted are {ATTEMPTS_MIN} on {ATTEMPT_DAYS_MIN} \
             days by {ATTEMPT_CHANNELS_MIN} channels at least",
            self.attempts.len(),
            days.len(),
            channels.len()
        );
        Err(guard("not_tried_enough", reason))
    }

    /// Row 26.
    pub(super) fn declare_unreachable(&mut self, at: Place, cx: &mut Cx<'_>) -> Pass {
        self.tried_enough(cx)?;
        self.unreachable_from = Some(at);
        self.settle(cx);
        Ok(())
    }

    /// Row 38g: the customer is back, and has the word again.
    pub(super) fn customer_is_back(&mut self, cx: &mut Cx<'_>) -> Pass {
        let from = self.unreachable_from.take();
        self.come_back(cx);
        self.attempts.clear();
        cx.signal(CUSTOMER_MESSAGE);
        if from == Some(Place::Communicating) && !self.told {
            self.plan_is_ready(cx);
        }
        cx.notify("owner", "customer_wrote", json!({ "round": self.case.round }));
        Ok(())
    }
}

/// Settled complaints.
impl Complaint {
    /// What every reopening begins with.
    fn come_back(&mut self, cx: &mut Cx<'_>) {
        cx.signal(REOPENED);
        self.tell_reopened(cx);
        self.case.reopen_count += 1;
        self.extended_to = None;
        self.unclassified.clear();
        self.cancel_callbacks("reopened", cx);
        self.case.owner = match (&self.case.first_owner, links::on_shift(&self.case, cx)) {
            (Some(first), true) => Owner::Person(first.clone()),
            (Some(_) | None, _) => Owner::Queue(cx.policy.queue.clone()),
        };
    }

    /// Row 38.
    pub(super) fn reopen(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.unreachable_from = None;
        self.come_back(cx);
        self.investigate_again(cx);
        Ok(())
    }

    /// Row 38a.
    pub(super) fn reopen_for_review(&mut self, cx: &mut Cx<'_>) -> Pass {
        self.unreachable_from = None;
        self.come_back(cx);
        self.case.round += 1;
        cx.notify("owner", "not_satisfied", json!({ "round": self.case.round }));
        Ok(())
    }

    /// Row 38b.
    pub(super) fn reopen_heard(&mut self, cx: &mut Cx<'_>) -> Pass {
        cx.signal(CUSTOMER_MESSAGE);
        self.reopen(cx)
    }

    /// Row 38c.
    pub(super) fn reopen_heard_for_review(&mut self, cx: &mut Cx<'_>) -> Pass {
        cx.signal(CUSTOMER_MESSAGE);
        self.reopen_for_review(cx)
    }

    /// Row 38d.
    pub(super) fn reopen_unsatisfied(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        self.take_word(word, cx)?;
        self.reopen(cx)
    }

    /// Row 38e.
    pub(super) fn reopen_unsatisfied_for_review(&mut self, word: &Confirm, cx: &mut Cx<'_>) -> Pass {
        self.take_word(word, cx)?;
        self.reopen_for_review(cx)
    }

    /// Row 38h: nobody has read the message yet.
    pub(super) fn unread(&mut self, message_ref: &str, cx: &mut Cx<'_>) -> Pass {
        unread::remember(&mut self.unclassified, message_ref);
        cx.signal(CUSTOMER_MESSAGE);
        let due = cx.calendar.due(cx.now, cx.policy.nrt(&self.case));
        cx.task("classify_message", message_ref, Some(due), Role::Agent);
        Ok(())
    }

    /// Row 38i: somebody has read it.
    pub(super) fn classify(&mut self, message_ref: &str, cx: &mut Cx<'_>) -> Pass {
        if unread::forget(&mut self.unclassified, message_ref) {
            cx.signal(MESSAGE_CLASSIFIED);
        }
        Ok(())
    }

    /// Row 38j.
    pub(super) fn new_issue_settled(&mut self, reply: &CustomerReply, cx: &mut Cx<'_>) -> Pass {
        self.classify(&reply.message_ref, cx)?;
        self.ask_elsewhere(&reply.message_ref, cx);
        Ok(())
    }

    /// Row 39b: a message that nobody has read keeps it from being archived.
    pub(super) fn wait_for_reader(&self, cx: &mut Cx<'_>) -> Pass {
        let due = cx.calendar.due(cx.now, cx.policy.unread_wait);
        cx.arm(REOPEN_WINDOW, due);
        cx.notify("role:supervisor", "unread_message", json!({ "message_refs": self.unclassified }));
        Ok(())
    }
}
